"""Editing an order in the browser: what changes is seen before it is saved, and what cannot be edited says why."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Locator, expect

from engine.domain.roles import Role
from engine.services import process
from tests.support.scene import DANA, Scene
from tests.support.slips import number_of
from tests.support.web import Tab
from tests.webui.conftest import OpenTab

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def opened(one: Tab, order_id: int) -> Locator:
    """The order's page with its edit dialog."""
    await one.open(f"/orders/{await number_of(order_id)}")
    await one.page.get_by_role("button", name="Edit …").click()
    box = one.page.get_by_role("dialog")
    await expect(box).to_be_visible()
    return box


async def test_what_changes_is_seen_first_and_saved_with_its_reason(tab: OpenTab, scene: Scene) -> None:
    order = await scene.order(("BB-MUG-01", 3), ("BB-TEA-01", 1))
    one = await tab(Role.OPERATOR)
    box = await opened(one, order)
    await one.looks_well()
    await box.get_by_label("Pieces").first.fill("2")
    await box.get_by_label("Address line 1").fill("2 Maple Ave")
    await box.get_by_label("Note").fill("leave at the door")
    await box.get_by_role("button", name="See what changes").click()
    await expect(box.get_by_role("heading", name="This would change")).to_be_focused()
    await expect(box.get_by_role("row", name=re.compile("2 Maple Ave"))).to_contain_text("1 Maple Ave")
    await one.axe()
    assert (await scene.case(order)).lines[0].cancel_asked == 0
    await box.get_by_role("button", name="Back to the form").click()
    await expect(box.get_by_label("Address line 1")).to_have_value("2 Maple Ave")
    await box.get_by_role("button", name="See what changes").click()
    await box.get_by_label("Why?").fill("customer mailed")
    await box.get_by_role("button", name="Save").click()
    await expect(box).to_have_count(0)
    await expect(one.page.get_by_text("2 Maple Ave").first).to_be_visible()
    await expect(one.page.get_by_role("region", name="Timeline")).to_contain_text("customer mailed")
    case = await scene.case(order)
    assert (case.lines[0].cancel_asked, case.order.note) == (1, "leave at the door")
    one.clean()


async def test_a_line_is_dropped_another_goes_to_another_supplier_by_another_method(tab: OpenTab, scene: Scene) -> None:
    await scene.product("ED-TWO", supplier="ACME")
    await scene.offer("ED-TWO", "NOVA", priority=9)
    order = await scene.order(("ED-TWO", 1), ("BB-MUG-01", 1))
    box = await opened(await tab(Role.OPERATOR), order)
    await box.get_by_label("Supplier").first.select_option("NOVA")
    await box.get_by_label("Drop this line").nth(1).check()
    await box.get_by_role("button", name="See what changes").click()
    await box.get_by_role("button", name="Save").click()
    await expect(box).to_have_count(0)
    case = await scene.case(order)
    live = [po for po in case.purchases if po.state == "draft"]
    assert [po.supplier_id for po in live] == [scene.shop.suppliers["NOVA"]]
    box = await opened(await tab(Role.OPERATOR), order)
    method = box.get_by_label(re.compile(f"PO {live[0].po_number}"))
    as_it_is, _, *names = [await option.text_content() or "" for option in await method.locator("option").all()]
    name = next(name for name in names if not as_it_is.endswith(name))
    await method.select_option(label=name)
    await box.get_by_role("button", name="See what changes").click()
    await expect(box.get_by_role("table")).to_contain_text(name)


async def test_nothing_changed_and_what_cannot_be_are_said(tab: OpenTab, scene: Scene) -> None:
    order = await scene.order(("BB-MUG-01", 3))
    one = await tab(Role.OPERATOR)
    box = await opened(one, order)
    await box.get_by_role("button", name="See what changes").click()
    await expect(box.get_by_role("alert")).to_contain_text("Nothing is changed")
    await one.axe()
    await scene.send(order)
    await box.get_by_label("Pieces").fill("2")
    await box.get_by_role("button", name="See what changes").click()
    await expect(box.get_by_role("alert")).to_contain_text("already sent")
    await expect(box.get_by_label("Pieces")).to_have_value("2")


async def test_what_is_typed_stays_while_others_work_on_the_order(tab: OpenTab, scene: Scene) -> None:
    order = await scene.order(("BB-MUG-01", 3))
    one = await tab(Role.OPERATOR)
    box = await opened(one, order)
    await box.get_by_label("Note").fill("half typed")
    await process.process([order], DANA)
    await expect(one.page.get_by_role("timer", include_hidden=True).first).to_be_attached()
    await expect(box.get_by_label("Note")).to_have_value("half typed")
    await expect(box.get_by_label("Note")).to_be_focused()
