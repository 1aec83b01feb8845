"""The frame of every page, and getting in."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from engine.domain.roles import Role
from tests.support import web
from tests.support.scene import Scene
from tests.support.slips import number_of
from tests.webui.conftest import OpenTab

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_who_is_not_logged_in_is_asked_to_and_comes_back(tab: OpenTab, scene: Scene) -> None:
    await web.person(Role.MANAGER)
    one = await tab(None)
    await one.page.goto(f"{one.site.url}/orders?sort=total")
    await expect(one.page).to_have_url(f"{one.site.url}/login?next=%2Forders%3Fsort%3Dtotal")
    await one.axe()
    await one.page.get_by_label("Name").fill("manager")
    await one.page.get_by_label("Password").fill("wrong")
    await one.page.get_by_role("button", name="Log in").click()
    await expect(one.page.get_by_role("alert")).to_contain_text("wrong")
    await one.axe()
    await one.page.get_by_label("Password").fill(web.PASSWORD)
    await one.page.get_by_role("button", name="Log in").click()
    await expect(one.page).to_have_url(f"{one.site.url}/orders?sort=total")
    await expect(one.page.get_by_role("heading", name="Orders")).to_be_visible()


async def test_logging_out_ends_the_session_everywhere(tab: OpenTab) -> None:
    one = await tab(Role.MANAGER)
    await one.open("/orders")
    token = (await one.page.context.cookies())[0]["value"]
    await one.page.get_by_role("button", name="Log out").click()
    await expect(one.page.get_by_text("You have logged out")).to_be_visible()
    again = await tab(None)
    await again.page.context.add_cookies([{"name": "bluebook_session", "value": token, "url": one.site.url}])
    await again.page.goto(f"{one.site.url}/orders")
    await expect(again.page).to_have_url(f"{one.site.url}/login?next=%2Forders")


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (390, True), (320, False)])
async def test_order_history_is_accessible(tab: OpenTab, scene: Scene, dark: bool, width: int) -> None:
    await scene.order(("BB-MUG-01", 2), ("BB-TEA-01", 1))
    one = await tab(Role.MANAGER, dark=dark, width=width)
    await one.open("/orders")
    await expect(one.page.locator("tbody tr").first).to_be_visible()
    await one.axe()
    sideways = await one.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert sideways <= 0
    one.clean()


async def test_each_tab_is_called_by_what_it_shows(tab: OpenTab, scene: Scene) -> None:
    numbers = [await number_of(await scene.order(("BB-MUG-01", 1))) for _ in range(2)]
    one = await tab(Role.MANAGER)
    for number in numbers:
        await one.open(f"/orders/{number}")
        await expect(one.page).to_have_title(f"Order {number} · Bluebook")
    await one.open(f"/channels/{scene.shop.channel_id}")
    await expect(one.page).to_have_title("Settings for Demo store · Bluebook")
    await one.open("/suppliers/ACME")
    await expect(one.page).to_have_title("Settings for ACME · Bluebook")
    await one.open("/orders")
    await expect(one.page).to_have_title("Orders · Bluebook")
