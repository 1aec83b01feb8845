"""The dialog that resolves Issues: every kind, remembered or not, and what it did for the other orders."""

from __future__ import annotations

import re
from itertools import count

import pytest
from playwright.async_api import Page, expect

from engine import db
from engine.domain.roles import Role
from engine.ports import CancelWish
from tests.support.scene import Scene
from tests.support.slips import unanswered
from tests.support.web import Tab
from tests.webui.conftest import OpenTab

pytestmark = pytest.mark.asyncio(loop_scope="module")
_serial = count(1)


def rate() -> str:
    """A rate that nothing is known of."""
    return f"Carrier pigeon {next(_serial)}"


async def number(order_id: int) -> str:
    return str(await db.value("SELECT number FROM orders WHERE id = ?", order_id))


async def dialog(one: Tab, order_id: int, title: str) -> Page:
    """The order's page, with the dialog for the Issue of this title open."""
    await one.open(f"/orders/{await number(order_id)}")
    await one.page.get_by_role("button", name=f"Resolve: {title}").click()
    await expect(one.page.get_by_role("dialog")).to_be_visible()
    return one.page


async def test_a_rate_is_mapped_once_for_all_who_wait(tab: OpenTab, scene: Scene) -> None:
    said = rate()
    first, *others = [await scene.order(("BB-MUG-01", 1), rate=said) for _ in range(3)]
    one = await tab(Role.OPERATOR)
    page = await dialog(one, first, "Shipping not mapped")
    box = page.get_by_role("dialog")
    await expect(box).to_contain_text("2 waiting orders have the same cause")
    await expect(box.get_by_label("Remember for next time")).to_be_checked()
    await one.axe()
    await box.get_by_label("UPS Ground").check()
    await box.get_by_role("button", name="Resolve", exact=True).click()
    await expect(page.get_by_role("status").filter(has_text="2 more orders became ready")).to_be_visible()
    await expect(box).to_have_count(0)
    await expect(page.get_by_text("Ready", exact=True)).to_be_visible()
    await expect(page.get_by_role("button", name="Process")).to_be_visible()
    assert [await scene.status(order) for order in others] == ["ready", "ready"]
    one.clean()


async def test_a_customers_wish_is_shown_with_its_reason_and_granted(tab: OpenTab, scene: Scene) -> None:
    order = await scene.order(("BB-MUG-01", 1))
    await scene.wish(order, CancelWish("Found it cheaper"))
    one = await tab(Role.OPERATOR)
    page = await dialog(one, order, "Customer asks to cancel")
    await expect(page.get_by_text("to cancel: Found it cheaper")).to_be_visible()
    box = page.get_by_role("dialog")
    await expect(box).to_contain_text("All of it, “Found it cheaper”")
    await expect(box.get_by_label("Send it all the same")).to_be_visible()
    await box.get_by_label("Cancel it, and tell the channel").check()
    await one.axe()
    await box.get_by_role("button", name="Resolve", exact=True).click()
    await box.get_by_role("button", name="Yes, do it").click()
    await expect(page.get_by_role("status").filter(has_text="grant the customer's wish there by hand")).to_be_visible()
    assert await scene.status(order) == "canceled"
    one.clean()


async def test_what_is_not_to_be_remembered_holds_for_this_order_only(tab: OpenTab, scene: Scene) -> None:
    said = rate()
    first, other = [await scene.order(("BB-MUG-01", 1), rate=said) for _ in range(2)]
    page = await dialog(await tab(Role.OPERATOR), first, "Shipping not mapped")
    box = page.get_by_role("dialog")
    await box.get_by_label("Remember for next time").uncheck()
    await box.get_by_label("UPS Ground").check()
    await box.get_by_role("button", name="Resolve", exact=True).click()
    await expect(box).to_have_count(0)
    assert (await scene.status(first), await scene.status(other)) == ("ready", "unresolved")


async def test_a_sku_is_looked_for_as_one_types(tab: OpenTab, scene: Scene) -> None:
    order = await scene.order((f"ODD-{next(_serial)}", 1))
    one = await tab(Role.OPERATOR)
    page = await dialog(one, order, "SKU not mapped")
    box = page.get_by_role("dialog")
    await box.get_by_label("Find a product").fill("earl grey")
    choice = box.get_by_role("radio", name=re.compile("BB-TEA-01"))
    await expect(choice).to_be_visible()
    await one.axe()
    await choice.check()
    await box.get_by_role("button", name="Resolve", exact=True).click()
    await expect(box).to_have_count(0)
    assert await scene.status(order) == "ready"


async def test_a_kit_can_be_typed(tab: OpenTab, scene: Scene) -> None:
    order = await scene.order((f"KIT-{next(_serial)}", 1))
    page = await dialog(await tab(Role.OPERATOR), order, "SKU not mapped")
    box = page.get_by_role("dialog")
    await box.get_by_label("Find a product").fill("BB-MUG-01=2+BB-TEA-01")
    await box.get_by_role("radio", name=re.compile("The kit BB-MUG-01=2")).check()
    await box.get_by_role("button", name="Resolve", exact=True).click()
    await expect(box).to_have_count(0)
    case = await scene.case(order)
    assert sorted((p.sku, p.quantity) for po in case.purchases for p in po.lines) == [
        ("BB-MUG-01", 2),
        ("BB-TEA-01", 1),
    ]


async def test_an_address_is_corrected_and_a_bad_one_says_why(tab: OpenTab, scene: Scene) -> None:
    order = await scene.order(("BB-MUG-01", 1), postcode="")
    one = await tab(Role.OPERATOR, width=390)
    page = await dialog(one, order, "Something is missing")
    box = page.get_by_role("dialog")
    await one.axe()
    code = box.get_by_label("Postal code")
    await code.fill("")
    await box.get_by_role("button", name="Resolve", exact=True).click()
    await expect(box.get_by_role("alert")).to_be_visible()
    await code.fill("97205")
    await box.get_by_role("button", name="Resolve", exact=True).click()
    await expect(box).to_have_count(0)
    assert await scene.status(order) == "ready"


async def test_dropping_a_line_is_asked_for_once_more_and_the_next_issue_follows(tab: OpenTab, scene: Scene) -> None:
    order = await scene.order((f"ODD-{next(_serial)}", 1), (f"ODD-{next(_serial)}", 1), ("BB-MUG-01", 1))
    one = await tab(Role.OPERATOR)
    await one.open(f"/orders/{await number(order)}")
    page = one.page
    await page.get_by_role("button", name="Resolve: SKU not mapped").first.click()
    box = page.get_by_role("dialog")
    await expect(box).to_contain_text("1 of 2 Issues")
    await box.get_by_role("radio", name=re.compile("Drop the line")).check()
    await box.get_by_role("button", name="Resolve", exact=True).click()
    await expect(box.get_by_role("alert")).to_contain_text("cannot be taken back")
    await one.axe()
    await box.get_by_role("button", name="Yes, do it").click()
    await expect(box.get_by_role("status")).to_contain_text("1 Issue left")
    await expect(box.get_by_role("heading", name="SKU not mapped")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(box).to_have_count(0)
    assert len(await scene.codes(order)) == 1


async def test_an_unknown_outcome_offers_to_ask_and_demands_whom_one_asked(tab: OpenTab, scene: Scene) -> None:
    order, _ = await unanswered(scene)
    one = await tab(Role.OPERATOR)
    page = await dialog(one, order, "Did it arrive?")
    box = page.get_by_role("dialog")
    await expect(box.get_by_role("radio")).to_have_count(3)
    await expect(page.get_by_role("button", name="Process")).to_have_count(0)
    await box.get_by_role("radio", name=re.compile("I asked: the supplier has it")).check()
    note = box.get_by_label("Whom did you ask, and when?")
    await expect(note).to_be_visible()
    await box.get_by_role("button", name="Resolve", exact=True).click()
    assert not await note.evaluate("field => field.validity.valid")
    await note.fill("Petra at ACME, by phone")
    await box.get_by_role("button", name="Resolve", exact=True).click()
    await expect(box).to_have_count(0)
    assert await scene.states(order) == ["submitted"]


async def test_what_was_resolved_meanwhile_is_said(tab: OpenTab, scene: Scene) -> None:
    order = await scene.order(("BB-MUG-01", 1), rate=rate())
    page = await dialog(await tab(Role.OPERATOR), order, "Shipping not mapped")
    await scene.resolve(order, "missing_shipping_mapping", "map_shipping", method="UPS-GND", remember=False)
    box = page.get_by_role("dialog")
    await box.get_by_role("button", name="Resolve", exact=True).click()
    await expect(box.get_by_role("alert")).to_contain_text("was closed by dana meanwhile")


async def test_the_focus_returns_to_the_button_and_a_viewer_has_none(tab: OpenTab, scene: Scene) -> None:
    order = await scene.order(("BB-MUG-01", 1), rate=rate())
    page = await dialog(await tab(Role.OPERATOR), order, "Shipping not mapped")
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await expect(page.get_by_role("button", name="Resolve: Shipping not mapped")).to_be_focused()
    viewer = await tab(Role.VIEWER)
    await viewer.open(f"/orders/{await number(order)}")
    await expect(viewer.page.get_by_role("heading", name="Shipping not mapped")).to_be_visible()
    await expect(viewer.page.get_by_role("button", name="Resolve: Shipping not mapped")).to_have_count(0)
