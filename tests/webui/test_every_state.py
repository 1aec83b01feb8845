"""Axe over every route there is, in both themes: filled, while it is read, and where there is nothing yet."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Browser, expect

from engine import db
from engine.domain.roles import Role
from tests.support import bills, web
from tests.support.scene import Scene
from tests.support.web import Site, Tab
from tests.webui.conftest import OpenTab
from webui.pages import every_page

pytestmark = pytest.mark.asyncio(loop_scope="module")
ROUTES = sorted({page.route for page in every_page()})
PLAIN = [route for route in ROUTES if "[" not in route and route != "404"]


async def both_themes(one: Tab) -> None:
    """Axe finds nothing in the page as it stands, light and dark."""
    for theme in ("light", "dark"):
        await one.page.evaluate(
            "theme => { const of = document.documentElement.classList; of.remove('light', 'dark'); of.add(theme) }",
            theme,
        )
        await one.axe()


async def addresses(scene: Scene) -> dict[str, str]:
    """An address of every route, with something there."""
    order = await scene.order(("BB-MUG-01", 1), ("BB-TEA-01", 2))
    await scene.order(("UNHEARD-OF", 1))
    _, po = await scene.sent(("BB-MUG-01", 1))
    values = {
        "order_number": (await scene.case(order)).order.number,
        "supplier_code": "ACME",
        "channel_id": str(scene.shop.channel_id),
        "invoice_id": str((await bills.charge(po, "I-1", more=5))[0]),
    }
    found = {route: re.sub(r"\[(\w+)\]", lambda name: values[name[1]], route) for route in ROUTES}
    return found | {"404": "/nowhere"}


async def test_every_route_with_something_there(tab: OpenTab, scene: Scene) -> None:
    one = await tab(Role.ADMIN)
    for address in (await addresses(scene)).values():
        await one.open(address)
        await both_themes(one)


async def test_every_route_while_it_is_read(tab: OpenTab, scene: Scene) -> None:
    one = await tab(Role.ADMIN)
    # The socket opens and nothing ever comes: what the page shows is what it shows until it has been read.
    await one.page.route_web_socket(re.compile("_event"), lambda socket: None)
    for address in (await addresses(scene)).values():
        await one.page.goto(one.site.url + address)
        await expect(one.page.locator("main h1").first).to_be_visible()
        await both_themes(one)


async def test_every_route_where_there_is_nothing_yet(chromium: Browser, bare: Site) -> None:
    async with db.database(bare.conf.database):
        one = await web.tab(chromium, bare, Role.ADMIN)
        for address in [*PLAIN, "/orders/1001", "/suppliers/ACME", "/channels/1", "/invoices/1", "/nowhere"]:
            await one.open(address)
            await both_themes(one)
    await one.page.context.close()
