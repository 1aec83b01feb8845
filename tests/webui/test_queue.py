"""The queue in the browser: Process and Resolve with the error below, held orders with their countdown, and undo."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from engine.domain.roles import Role
from engine.services import process
from tests.support.scene import DANA, Scene
from tests.webui.conftest import OpenTab

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_process_holds_and_undo_takes_back(tab: OpenTab, scene: Scene) -> None:
    order_id = await scene.order(("BB-MUG-01", 1), who="Holdens")
    number = (await scene.case(order_id)).order.number
    one = await tab(Role.OPERATOR)
    await one.open("/queue?text=holdens")
    await one.page.get_by_role("button", name=f"Process order {number}").dblclick()
    await expect(one.page.get_by_role("heading", name="Held, about to be sent")).to_be_visible()
    await expect(one.page.locator(".held-list li", has_text=number)).to_contain_text("in ")
    assert await scene.states(order_id) == ["queued"]
    await one.axe()
    await one.page.get_by_role("button", name=f"Undo order {number}").click()
    await expect(one.page.get_by_role("button", name=f"Process order {number}")).to_be_visible()
    assert await scene.states(order_id) == ["draft"]
    one.clean()


async def test_what_the_terminal_holds_is_seen_here(tab: OpenTab, scene: Scene) -> None:
    order_id = await scene.order(("BB-MUG-01", 1), who="Twodoors")
    number = (await scene.case(order_id)).order.number
    one = await tab(Role.OPERATOR)
    await one.open("/queue?text=twodoors")
    await process.process([order_id], DANA)
    await expect(one.page.locator(".queue li", has_text=number)).to_contain_text("Held")
    await process.undo([order_id], DANA)
    await expect(one.page.locator(".queue li", has_text=number)).to_contain_text("Ready")


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (390, True), (320, False)])
async def test_errors_stand_below_their_order(tab: OpenTab, scene: Scene, width: int, dark: bool) -> None:
    await scene.order(("NOBODY-MAPPED", 1), who="Troubled", rate="Carrier pigeon")
    one = await tab(Role.OPERATOR, width=width, dark=dark)
    await one.open("/queue?tab=resolve&text=troubled")
    order = one.page.locator(".queue > li").first
    await expect(order).to_contain_text("NOBODY-MAPPED")
    await expect(order.get_by_role("button", name="Resolve").first).to_be_visible()
    await one.axe()
    sideways = await one.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert sideways <= 0
    one.clean()
