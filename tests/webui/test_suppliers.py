"""Suppliers in the browser: how they stand and their settings."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from engine import db
from engine.domain.roles import Role
from engine.services import setup
from tests.support.scene import DANA, Scene
from tests.webui.conftest import OpenTab
from webui.states.offers import Offering
from webui.states.suppliers import Suppliers, SupplierSettings

pytestmark = pytest.mark.asyncio(loop_scope="module")
PARTS = ("general", "deadlines", "methods", "products", "credentials")


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (390, True), (320, False)])
async def test_suppliers_and_their_settings_are_accessible(tab: OpenTab, scene: Scene, width: int, dark: bool) -> None:
    one = await tab(Role.MANAGER, dark=dark, width=width)
    await one.open("/suppliers")
    await one.axe()
    await one.fits()
    await one.page.get_by_role("button", name="Settings for ACME").click()
    await one.looked_through(PARTS)


async def test_a_supplier_says_whether_it_can_be_asked_and_links_to_its_products(tab: OpenTab, scene: Scene) -> None:
    await scene.product("FIND-ME-1", cost=1234)
    one = await tab(Role.MANAGER)
    await one.open("/suppliers/ACME")
    await expect(one.page.get_by_text("It can be asked whether it has a purchase order")).to_be_visible()
    await one.section("products").click()
    await one.page.get_by_label("SKU or title").fill("find-me")
    await one.page.get_by_role("button", name="Search", exact=True).last.click()
    await expect(one.page).to_have_url(f"{one.site.url}/suppliers/ACME?section=products&text=find-me")
    await expect(one.page.locator("tbody tr")).to_have_count(1)
    await expect(one.page.locator("tbody tr")).to_contain_text("12.34 USD")
    await one.page.reload()
    await one.settled()
    await expect(one.page.locator("tbody tr")).to_have_count(1)
    nova = scene.shop.suppliers["NOVA"]
    await setup.update("suppliers", nova, DANA, values={"can_find": False})
    await one.open("/suppliers/NOVA")
    await expect(one.page.get_by_text("after an unclear answer a person decides")).to_be_visible()
    await setup.update("suppliers", nova, DANA, values={"can_find": True})


async def test_deadlines_and_methods_are_set(tab: OpenTab, scene: Scene) -> None:
    acme = scene.shop.suppliers["ACME"]
    one = await tab(Role.MANAGER)
    await one.open("/suppliers/ACME?section=deadlines")
    await one.page.get_by_label("Acknowledges within").fill("soon")
    await one.page.get_by_role("button", name="Save").click()
    await expect(one.page.get_by_role("alert")).to_contain_text("write a whole number")
    await one.page.get_by_label("Acknowledges within").fill("12")
    await one.page.get_by_role("button", name="Save").click()
    await expect(one.page.get_by_role("status").filter(has_text="saved")).to_be_visible()
    assert await db.value("SELECT ack_hours FROM suppliers WHERE id = ?", acme) == 12
    await one.page.get_by_label("Its hours are those of").fill("nine to five")
    await one.page.get_by_role("button", name="Save").click()
    await expect(one.page.get_by_role("alert")).to_contain_text("is not written like Mon-Fri 09:00-17:00")
    await one.page.get_by_label("Its hours are those of").fill("Mon-Fri 09:00-17:00")
    await one.page.get_by_label("In the time zone").fill("America/New_York")
    await one.page.get_by_label("Without these days").fill("12-25")
    await one.page.get_by_role("button", name="Save").click()
    await expect(one.page.get_by_role("alert")).to_have_count(0)
    assert tuple(await db.row("SELECT work_hours, work_timezone, holidays FROM suppliers WHERE id = ?", acme) or ()) == (
        "Mon-Fri 09:00-17:00", "America/New_York", "12-25",
    )  # fmt: skip
    await setup.update("suppliers", acme, DANA, work_hours="", work_timezone="", holidays="")
    await one.section("methods").click()
    await one.page.get_by_label("Code").fill("ZZ-1")
    await one.page.get_by_label("Name", exact=False).last.fill("Zeppelin")
    await one.page.get_by_role("button", name="Add", exact=True).click()
    row = one.page.get_by_role("row").filter(has_text="ZZ-1")
    await expect(row).to_contain_text("offered")
    await row.get_by_role("button", name="Stop offering").click()
    await expect(row).to_contain_text("not offered")
    assert not await db.value("SELECT enabled FROM shipping_methods WHERE code = ?", "ZZ-1")
    await setup.update("suppliers", acme, DANA, ack_hours=24)


async def test_a_supplier_is_paused_resumed_disabled_and_tested(tab: OpenTab, scene: Scene) -> None:
    one = await tab(Role.MANAGER)
    await one.open("/suppliers/ACME")
    await one.page.get_by_label("Reason of a pause").fill("stock-taking")
    await one.page.get_by_role("button", name="Pause").click()
    await expect(one.page.get_by_text("stock-taking").first).to_be_visible()
    await one.page.get_by_role("button", name="Resume").click()
    await expect(one.page.locator("dl .badge")).to_have_text("Works")
    await one.page.get_by_role("button", name="Disable this supplier").click()
    await expect(one.page.locator("dl .badge")).to_have_text("Disabled")
    await one.page.get_by_role("button", name="Enable this supplier").click()
    await expect(one.page.locator("dl .badge")).to_have_text("Works")
    await one.section("credentials").click()
    await one.page.get_by_role("button", name="Test connection").click()
    await expect(one.page.get_by_role("status").filter(has_text="It works")).to_be_visible()
    html = await one.page.content()
    assert scene.acme.api_key not in html
    assert not [frame for frame in [*one.sent, *one.received] if scene.acme.api_key in frame]
    one.clean()


async def test_a_supplier_is_added_once_its_settings_work(tab: OpenTab, scene: Scene) -> None:
    url = (await db.value("SELECT settings FROM suppliers WHERE code = 'ACME'")) or ""
    base = str(url).partition('"base_url":"')[2].partition('"')[0]
    one = await tab(Role.MANAGER)
    await one.open("/suppliers/new?connector=rest")
    form = one.page.get_by_role("form", name="Add a supplier")
    await form.get_by_label("Name").first.fill("Third warehouse")
    await form.get_by_role("textbox", name="Code A short word").fill("W3")
    await form.get_by_label("Base url").fill(base)
    await form.get_by_label("Api key").fill(scene.acme.api_key)
    await form.get_by_role("button", name="Test and add").click()
    await expect(one.page).to_have_url(f"{one.site.url}/suppliers/W3")
    await expect(one.page.get_by_role("heading", name="Settings for Third warehouse")).to_be_visible()
    made = await db.value("SELECT id FROM suppliers WHERE code = ?", "W3")
    await db.run("DELETE FROM schedules WHERE subject_id = ? AND task = 'suppliers.poll'", made)
    await db.run("DELETE FROM suppliers WHERE id = ?", made)


async def test_viewers_look_and_the_server_refuses_them(tab: OpenTab, scene: Scene) -> None:
    one = await tab(Role.VIEWER)
    await one.open("/suppliers/ACME?section=methods")
    main = one.page.get_by_role("main")
    await expect(main.get_by_role("row").filter(has_text="UPS-GND")).to_be_visible()
    await expect(main.get_by_role("button")).to_have_count(0)
    await one.axe()
    await one.forge(SupplierSettings, "enable", yes=False)
    await one.refused("SupplierSettings.enable")
    await one.forge(Suppliers, "resume", code="ACME")
    await one.refused("Suppliers.resume")
    assert await db.value("SELECT enabled FROM suppliers WHERE code = ?", "ACME")
    await one.open("/suppliers/new")
    await expect(one.page.get_by_text("You may not add a supplier")).to_be_visible()
    await one.open("/suppliers/GONE")
    await expect(one.page.get_by_text("there is no supplier GONE")).to_be_visible()


async def _waits(scene: Scene, sku: str) -> int:
    """An order for a product nobody offers."""
    await setup.add_product(sku, f"Thing called {sku}", DANA)
    await setup.map_sku(scene.shop.channel_id, sku, {sku: 1}, DANA)
    order_id = await scene.order((sku, 1))
    assert await scene.codes(order_id) == ["no_supplier_stock"]
    return order_id


async def test_an_offer_is_added_beside_the_list_and_frees_who_waits(tab: OpenTab, scene: Scene) -> None:
    order_id = await _waits(scene, "WEB-OFFER")
    one = await tab(Role.MANAGER)
    await one.open("/suppliers/ACME?section=products&text=WEB-OFFER")
    await expect(one.page.get_by_text("No product matches.")).to_be_visible()
    form = one.page.get_by_role("form", name="Add an offer")
    await form.get_by_label("Your SKU").fill("WEB-OFFER")
    await form.get_by_label("Its SKU").fill("A-WEB")
    await form.get_by_label("Cost").fill("ten")
    await form.get_by_role("button", name="Add").click()
    await expect(form.get_by_role("alert")).to_be_visible()
    await expect(form.get_by_label("Your SKU")).to_have_value("WEB-OFFER")
    await one.axe()
    await form.get_by_label("Cost").fill("19.20")
    await form.get_by_label("Stock").fill("7")
    await form.get_by_role("button", name="Add").click()
    said = "ACME offers WEB-OFFER now; 1 waiting order became ready."
    await expect(one.page.get_by_role("status").filter(has_text=said)).to_be_visible()
    row = one.page.get_by_role("row").filter(has_text="A-WEB")
    await expect(row).to_contain_text("19.20 USD")
    await expect(form.get_by_label("Your SKU")).to_have_value("")
    assert await scene.status(order_id) == "ready"
    one.clean()


async def test_offers_come_as_csv_after_a_trial(tab: OpenTab, scene: Scene) -> None:
    order_id = await _waits(scene, "WEB-FILE")
    one = await tab(Role.MANAGER)
    file = {"name": "offers.csv", "mimeType": "text/csv", "buffer": b"sku,cost\nWEB-FILE,3.50\nWEB-FILE-2,x\n"}
    await one.open("/suppliers/ACME?section=products")
    form = one.page.get_by_role("form", name="Import offers")
    await form.get_by_label("CSV file").set_input_files([file])  # type: ignore[list-item]
    await form.get_by_label("Only say what would be done").check()
    await form.get_by_role("button", name="Import").click()
    await expect(one.page.get_by_role("heading", name="Offers not imported yet")).to_be_visible()
    await expect(one.page.get_by_role("status")).to_contain_text("0 products and 1 offer would be added")
    await expect(one.page.get_by_text("line 3: ")).to_be_visible()
    await one.axe()
    assert await scene.status(order_id) == "unresolved"
    await one.page.get_by_role("link", name="Back to what ACME offers").click()
    await form.get_by_label("CSV file").set_input_files([file])  # type: ignore[list-item]
    await form.get_by_role("button", name="Import").click()
    await expect(one.page.get_by_role("status")).to_contain_text("1 offer added; 1 waiting order became ready")
    assert await scene.status(order_id) == "ready"


async def test_who_may_not_say_what_suppliers_offer_says_nothing(tab: OpenTab, scene: Scene) -> None:
    one = await tab(Role.OPERATOR)
    await one.open("/suppliers/ACME?section=products")
    await expect(one.page.get_by_role("heading", name="Products it offers")).to_be_visible()
    await expect(one.page.get_by_role("form", name="Add an offer")).to_have_count(0)
    await one.forge(Offering, "add", form={"sku": "BB-MUG-01", "cost": "1"})
    await one.refused("add")
    answer = await one.page.request.post(
        f"{one.site.url}/import/offers", headers={"origin": one.site.url}, multipart={
            "supplier": "ACME", "file": {"name": "o.csv", "mimeType": "text/csv", "buffer": b"sku,cost\nBB-MUG-01,1\n"}},
    )  # fmt: skip
    assert answer.status == 403
