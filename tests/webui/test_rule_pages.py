"""Routing rules in the browser: listed, tried, made, changed and removed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from itertools import count

import pytest
import pytest_asyncio
from playwright.async_api import Locator, expect

from engine.domain.roles import Role
from engine.services import rules, tasks
from tests.support.scene import DANA, Scene
from tests.support.slips import number_of
from tests.support.web import Tab
from tests.webui.conftest import OpenTab
from webui.states.rules import Rules

NUMBERS = count(1)
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def kettle(scene: Scene) -> AsyncIterator[str]:
    """A product that ACME and NOVA offer, ACME first; afterwards there are no rules."""
    sku = f"RULED-{next(NUMBERS)}"
    await scene.product(sku)
    await scene.offer(sku, "NOVA", priority=2)
    yield sku
    for rule in await rules.rules():
        await rules.remove(rule.name, DANA)
    await tasks.drain()


async def shippers(scene: Scene, order_id: int) -> list[str]:
    """Who is to ship the order, once what is due is done."""
    await tasks.drain()
    codes = {number: code for code, number in scene.shop.suppliers.items()}
    return [codes[po.supplier_id] for po in (await scene.case(order_id)).purchases if po.state != "canceled"]


def form(one: Tab) -> Locator:
    return one.page.get_by_role("form", name="Rule")


async def test_a_rule_is_tried_made_changed_and_removed(tab: OpenTab, scene: Scene, kettle: str) -> None:
    order = await scene.order((kettle, 4))
    number = await number_of(order)
    assert await shippers(scene, order) == ["ACME"]
    one = await tab(Role.MANAGER)
    await one.open("/rules")
    await expect(one.page.get_by_text("There is no rule yet.")).to_be_visible()
    await one.looks_well()
    await form(one).get_by_label("Name").fill("Many kettles")
    await form(one).get_by_label("Supplier").select_option("NOVA")
    await form(one).get_by_label("Holds for").fill(f"line.sku == '{kettle}' && line.quantty > 3")
    await form(one).get_by_role("button", name="Try it").click()
    tried = one.page.get_by_role("status").filter(has_text="did you mean line.quantity")
    await expect(tried).to_be_visible()
    await form(one).get_by_label("Holds for").fill(f"line.sku == '{kettle}' && line.quantity > 3")
    await form(one).get_by_role("button", name="Try it").click()
    await expect(one.page.get_by_role("status").filter(has_text="It holds for 1 line of")).to_contain_text(
        "1 order would go elsewhere by it."
    )
    found = one.page.get_by_role("table", name="Lines it holds for").locator("tbody tr")
    await expect(found).to_contain_text("NOVA 4")
    await expect(found.get_by_role("link", name=number)).to_have_attribute("href", f"/orders/{number}")
    assert await rules.rules() == []
    await form(one).get_by_role("button", name="Save").click()
    said = "Rule Many kettles is added: NOVA ships what it holds for; 1 waiting order checked again."
    await expect(one.page.get_by_role("status").filter(has_text=said)).to_be_visible()
    await expect(form(one).get_by_label("Name")).to_have_value("")
    assert await shippers(scene, order) == ["NOVA"]
    await one.looks_well()
    await one.page.get_by_role("link", name="Change Many kettles").click()
    await expect(one.page).to_have_url(f"{one.site.url}/rules?rule=Many%20kettles")
    before = len(one.received)
    await one.page.reload()
    async with asyncio.timeout(60):  # it shows what it had, and then a new form of what was read
        while sum("key_rx_state_" in frame for frame in one.received[before:]) < 2:
            await asyncio.sleep(0.02)
    await one.settled()
    await expect(form(one).get_by_label("Supplier")).to_have_value("NOVA")
    await form(one).get_by_label("Holds for").fill(f"line.sku == '{kettle}' && line.quantity > 8")
    await form(one).get_by_role("button", name="Save").click()
    await expect(one.page.get_by_role("status").filter(has_text="Rule Many kettles is changed")).to_be_visible()
    await expect(one.page).to_have_url(f"{one.site.url}/rules")
    assert await shippers(scene, order) == ["ACME"]
    await one.page.get_by_role("button", name="Remove Many kettles").click()
    box = one.page.get_by_role("dialog", name="Remove rule Many kettles?")
    await expect(box).to_contain_text("No waiting order goes by it. What is sent stays as it is.")
    await one.axe()
    await box.get_by_role("button", name="Remove").click()
    await expect(one.page.get_by_text("There is no rule yet.")).to_be_visible()
    assert await rules.rules() == []
    one.clean()


async def test_what_others_changed_meanwhile_is_said_and_not_overwritten(
    tab: OpenTab, scene: Scene, kettle: str
) -> None:
    acme, nova = scene.shop.suppliers["ACME"], scene.shop.suppliers["NOVA"]
    await rules.add("Shared", f"line.sku == '{kettle}'", nova, DANA)
    one = await tab(Role.MANAGER)
    await one.open("/rules?rule=Shared")
    await form(one).get_by_label("Position").fill("7")
    await rules.change("Shared", DANA, condition=f"line.sku == '{kettle}'", supplier_id=acme, position=9)
    await expect(one.page.locator("tbody tr").filter(has_text="Shared")).to_contain_text("ACME")
    await form(one).get_by_role("button", name="Save").click()
    alert = form(one).get_by_role("alert")
    await expect(alert).to_contain_text("Rule Shared sends to ACME")
    await expect(form(one).get_by_label("Position")).to_have_value("7")
    assert (await rules.rule("Shared")).position == 9
    await form(one).get_by_label("Position").fill("x")
    await form(one).get_by_role("button", name="Save").click()
    await expect(alert).to_contain_text("Position: write a whole number")
    await form(one).get_by_label("Position").fill("7")
    await form(one).get_by_role("button", name="Save").click()
    await expect(one.page.get_by_role("status").filter(has_text="Rule Shared is changed")).to_be_visible()
    assert ((await rules.rule("Shared")).position, (await rules.rule("Shared")).supplier) == (7, "NOVA")


async def test_viewers_look_and_try_and_the_server_refuses_them(tab: OpenTab, scene: Scene, kettle: str) -> None:
    await scene.order((kettle, 1))
    await rules.add("Seen", f"line.sku == '{kettle}'", scene.shop.suppliers["NOVA"], DANA)
    one = await tab(Role.OPERATOR)
    await one.open("/rules?rule=Gone")
    await expect(one.page.get_by_role("alert").filter(has_text="rule “Gone”")).to_be_visible()
    await expect(form(one)).to_have_count(0)
    await expect(one.page.get_by_role("main").get_by_role("button")).to_have_count(1)
    await one.page.get_by_role("button", name="Try Seen").click()
    await expect(one.page.get_by_role("status").filter(has_text="Seen: It holds for")).to_be_visible()
    await one.axe()
    await one.forge(Rules, "save", form={"name": "mine", "condition": "true", "supplier": "NOVA", "position": "1"})
    await one.refused("Rules.save")
    await one.forge(Rules, "remove")
    await one.refused("Rules.remove")
    assert [rule.name for rule in await rules.rules()] == ["Seen"]
