"""Suppliers' invoices in the browser: the list, one beside what was ordered and shipped, and accepting it."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import expect

from engine import db
from engine.domain.roles import Role
from engine.services import invoices
from tests.support import bills
from tests.support.scene import DANA, Scene
from tests.support.slips import number_of
from tests.webui.conftest import OpenTab
from webui.states import invoices as states
from webui.states.invoices import OneInvoice

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def invoiced(scene: Scene, number: str, *, shipped: bool = True, **charged: int) -> tuple[int, str, int]:
    """A purchase order of three mugs, shipped, is charged; the order, its purchase order's number and the invoice's id."""
    order, po = await scene.sent(("BB-MUG-01", 3))
    if shipped:
        await scene.say(po, "shipped", (1, "AC-2001", 3), tracking_number="1Z999AA10123456784")
    return order, po, (await bills.charge(po, number, **charged))[0]


async def test_invoices_are_listed_by_what_became_of_them_and_by_supplier(tab: OpenTab, scene: Scene) -> None:
    await invoiced(scene, "LIST-DIFFERS", more=25)
    await invoiced(scene, "LIST-FITS")
    await invoiced(scene, "LIST-WAITS", shipped=False)
    one = await tab(Role.VIEWER)
    await one.open("/suppliers/ACME")
    await one.page.get_by_role("link", name="its invoices").click()
    await expect(one.page).to_have_url(f"{one.site.url}/invoices?tab=all&supplier=ACME")
    await one.settled()
    rows = one.page.locator("tbody tr")
    for number, state, reason in (
        ("LIST-DIFFERS", "Does not fit", "AC-2001 at 5.45 USD, ordered at 5.20 USD"),
        ("LIST-FITS", "Fits", ""),
        ("LIST-WAITS", "Waits for parcels", "3 × AC-2001 charged in all, 0 shipped"),
    ):
        await expect(rows.filter(has_text=number)).to_contain_text(state)
        await expect(rows.filter(has_text=number)).to_contain_text(reason)
    tabs = one.page.get_by_role("navigation", name="Tabs")
    for title, there in (("Needs a person", "DIFFERS"), ("Agreed", "FITS"), ("Waits for parcels", "WAITS")):
        await tabs.get_by_role("link", name=title).click()
        await expect(tabs.get_by_role("link", name=title)).to_have_attribute("aria-current", "page")
        await expect(rows.filter(has_text=f"LIST-{there}")).to_have_count(1)
        await expect(rows.filter(has_text="LIST-")).to_have_count(1)
    await one.looks_well()
    await one.page.get_by_label("Supplier").select_option("NOVA")
    await one.page.get_by_role("button", name="Filter").click()
    await expect(one.page).to_have_url(f"{one.site.url}/invoices?tab=waits&supplier=NOVA")
    await expect(one.page.get_by_text("No invoice waits for its parcels.")).to_be_visible()
    await one.page.go_back()
    await expect(rows.filter(has_text="LIST-WAITS")).to_have_count(1)
    one.clean()


async def test_the_list_goes_on_by_page_and_its_address_says_where(tab: OpenTab, scene: Scene) -> None:
    _, po, _ = await invoiced(scene, "PAGE-0")
    for number in range(1, states.PAGE + 2):
        await bills.charge(po, f"PAGE-{number}", more=1)
    one = await tab(Role.MANAGER)
    await one.open("/invoices?tab=all")
    rows = one.page.locator("tbody tr")
    await expect(rows).to_have_count(states.PAGE)
    await one.page.get_by_role("link", name="Next").click()
    await expect(one.page).to_have_url(re.compile(r"/invoices\?tab=all&after=\d+$"))
    await expect(rows.filter(has_text=re.compile(r"PAGE-[01](?!\d)"))).to_have_count(2)
    await one.page.reload()
    await one.settled()
    await expect(rows.filter(has_text=re.compile(r"PAGE-[01](?!\d)"))).to_have_count(2)
    await one.page.get_by_role("link", name="First").click()
    await expect(rows).to_have_count(states.PAGE)
    await db.run("DELETE FROM supplier_invoices WHERE number LIKE 'PAGE-%'")


async def test_an_invoice_stands_beside_order_and_parcels_and_is_accepted(tab: OpenTab, scene: Scene) -> None:
    order, po, invoice = await invoiced(scene, "ONE-1", times=2, more=25, charges=500)
    one = await tab(Role.MANAGER)
    await one.open(f"/orders/{await number_of(order)}")
    listed = one.page.get_by_role("list", name=f"Invoices for {po}")
    await expect(listed).to_contain_text("Does not fit")
    await listed.get_by_role("link", name="Invoice ONE-1").click()
    await expect(one.page).to_have_title("Invoice ONE-1 · Bluebook")
    differs = one.page.get_by_role("region", name="What does not fit")
    await expect(differs).to_contain_text("6 × AC-2001 charged in all, 3 ordered.")
    row = one.page.locator("tbody tr")
    for said in ("AC-2001", "3 more than ordered; 0.25 USD more each", "5.20 USD", "5.45 USD"):
        await expect(row).to_contain_text(said)
    await expect(one.page.get_by_role("list", name=f"Parcels of {po}")).to_contain_text("3 × BB-MUG-01")
    await expect(one.page.get_by_role("region", name="What happened")).to_contain_text("invoice ONE-1 differs")
    await one.looks_well()
    await one.page.get_by_role("button", name=f"Audit trail for PO {po}").click()
    await expect(one.page.get_by_role("dialog")).to_contain_text("ONE-1")
    await one.page.keyboard.press("Escape")
    await one.page.get_by_role("button", name="Accept …").click()
    box = one.page.get_by_role("dialog", name="Accept ONE-1?")
    await one.axe()
    await box.get_by_label("Why").fill("they round up")
    await box.get_by_role("button", name="Accept", exact=True).click()
    await expect(one.page.get_by_role("status").filter(has_text="Invoice ONE-1 is accepted.")).to_be_visible()
    await expect(one.page.get_by_role("button", name="Accept …")).to_have_count(0)
    await expect(one.page.get_by_role("region", name="About")).to_contain_text("by manager")
    await expect(one.page.get_by_role("region", name="What happened")).to_contain_text("is accepted: they round up")
    view, _ = await invoices.show(str(invoice))
    assert (view.state, view.note, view.decided_by) == ("accepted", "they round up", "manager")
    assert await scene.codes(order) == []
    one.clean()


async def test_what_another_did_shows_by_itself_and_nothing_is_accepted_twice(tab: OpenTab, scene: Scene) -> None:
    _, _, invoice = await invoiced(scene, "TWICE-1", more=5)
    one = await tab(Role.OPERATOR)
    await one.open(f"/invoices/{invoice}")
    await one.page.get_by_role("button", name="Accept …").click()
    box = one.page.get_by_role("dialog")
    await box.get_by_label("Why").fill("half typed")
    await invoices.accept(str(invoice), DANA, "first")
    await expect(one.page.get_by_role("region", name="About")).to_contain_text("by dana")
    await expect(box.get_by_label("Why")).to_have_value("half typed")
    await box.get_by_role("button", name="Accept", exact=True).click()
    await expect(box.get_by_role("alert")).to_contain_text("is accepted: there is nothing to accept")
    assert (await invoices.show(str(invoice)))[0].note == "first"


async def test_viewers_look_and_the_server_refuses_them(tab: OpenTab, scene: Scene) -> None:
    _, _, invoice = await invoiced(scene, "VIEW-1", more=5)
    one = await tab(Role.VIEWER)
    await one.open(f"/invoices/{invoice}")
    await expect(one.page.get_by_role("region", name="What does not fit")).to_be_visible()
    await expect(one.page.get_by_role("button", name="Accept …")).to_have_count(0)
    await one.forge(OneInvoice, "accept", form={"note": "mine"})
    await one.refused("OneInvoice.accept")
    assert (await invoices.show(str(invoice)))[0].state == "differs"


async def test_what_an_address_asks_for_that_there_is_not_is_said(tab: OpenTab, scene: Scene) -> None:
    await invoiced(scene, "ADDRESS-1", more=5)
    one = await tab(Role.MANAGER)
    await one.open("/invoices?tab=agred")
    said = one.page.get_by_role("alert")
    await expect(said.filter(has_text="tab “agred” (did you mean agreed?)")).to_be_visible()
    await one.open("/invoices?tab=all&supplier=ACNE")
    main = one.page.get_by_role("main").get_by_role("alert")
    await expect(main).to_contain_text("supplier “ACNE” (did you mean ACME?)")
    await expect(one.page.locator("tbody tr")).to_have_count(0)
    await one.axe()
    await main.get_by_role("link", name="Leave that out").click()
    await expect(one.page).to_have_url(f"{one.site.url}/invoices?tab=all")
    await expect(one.page.locator("tbody tr").filter(has_text="ADDRESS-1")).to_be_visible()
    for path in ("/invoices/4711000", "/invoices/nothing"):
        await one.open(path)
        await expect(one.page.get_by_text(f"There is no invoice {path.rpartition('/')[2]}.")).to_be_visible()
    await one.axe()
