"""A context that one test has used is as good as new to the next."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser, BrowserContext, Route, expect

from engine.domain.roles import Role
from tests.support import web
from tests.support.scene import Scene
from tests.support.web import Site

pytestmark = pytest.mark.asyncio(loop_scope="module")
LEAVE = """async () => {
    localStorage.setItem('theme', 'dark'); sessionStorage.setItem('left', '1'); document.cookie = 'left=1';
    await caches.open('left');
    await new Promise(done => { indexedDB.open('left').onsuccess = event => { event.target.result.close(); done(); }; });
}"""
FOUND = """async () => [
    localStorage.getItem('theme') === 'dark', sessionStorage.getItem('left'), document.cookie,
    await caches.keys(), (await indexedDB.databases()).length,
    (await navigator.permissions.query({name: 'geolocation'})).state,
    (await navigator.serviceWorker.getRegistrations()).length,
    innerWidth, matchMedia('(prefers-color-scheme: dark)').matches, matchMedia('(prefers-reduced-motion)').matches,
    matchMedia('print').matches, navigator.onLine]"""


async def test_a_spare_context_keeps_nothing(chromium: Browser, site: Site, scene: Scene) -> None:
    spare: list[BrowserContext] = []
    new = await web.tab(chromium, site, Role.MANAGER, spare=spare)
    await new.open("/orders")
    as_new = await new.page.evaluate(FOUND)
    assert as_new[-4:] == [False, True, False, True]  # light, without motion, on a screen, online
    await web.put_back(new, spare)

    left = await web.tab(chromium, site, Role.MANAGER, spare=spare, width=390, dark=True)
    context = left.page.context
    await left.open("/orders")
    await left.page.evaluate(LEAVE)
    await left.page.emulate_media(media="print")
    await context.grant_permissions(["geolocation"])

    async def refuse(route: Route) -> None:
        await route.abort()

    await context.route("**/queue", refuse)
    beside = await context.new_page()
    await beside.goto(f"{site.url}/login")
    await context.set_offline(True)
    await web.put_back(left, spare)
    said, sent, received = len(left.console), len(left.sent), len(left.received)
    assert not await context.cookies()

    nobody = await web.tab(chromium, site, None, spare=spare)
    assert nobody.page.context is context
    assert not spare
    await nobody.page.goto(f"{site.url}/queue")
    await expect(nobody.page).to_have_url(f"{site.url}/login?next=%2Fqueue")
    await web.put_back(nobody, spare)

    again = await web.tab(chromium, site, Role.MANAGER, spare=spare)
    await again.open("/orders")
    assert await again.page.evaluate(FOUND) == as_new
    again.clean()
    assert (said, sent, received) == (len(left.console), len(left.sent), len(left.received))
    await context.close()
    await web.put_back(again, spare)
    assert not spare
