"""Mappings in the browser: what is missing first, and what saving one sets free."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from engine import db
from engine.domain.roles import Role
from engine.services import listings, setup
from tests.support.scene import DANA, Scene
from tests.webui.conftest import OpenTab
from webui.states.mappings import Mappings

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (390, True), (320, False)])
async def test_mappings_are_accessible(tab: OpenTab, scene: Scene, width: int, dark: bool) -> None:
    await scene.order(("BB-MUG-01", 1), rate="Pigeon post")
    await scene.order(("NOBODY-KNOWS", 1))
    one = await tab(Role.MANAGER, dark=dark, width=width)
    await one.open("/mappings")
    await expect(one.page.get_by_role("row").filter(has_text="Pigeon post")).to_be_visible()
    await one.axe()
    await one.fits()
    await one.page.get_by_role("link", name="SKU", exact=True).click()
    await expect(one.page.get_by_role("row").filter(has_text="NOBODY-KNOWS")).to_be_visible()
    await one.axe()
    await one.fits()
    one.clean()


async def test_saving_a_rate_checks_the_waiting_orders_and_says_how_many(tab: OpenTab, scene: Scene) -> None:
    """ux.md, item 13."""
    ids = [await scene.order(("BB-MUG-01", 1), rate="Saver <b>3</b> days") for _ in range(3)]
    one = await tab(Role.MANAGER)
    await one.open("/mappings")
    first = one.page.locator("main table").first
    row = first.get_by_role("row").filter(has_text="Saver <b>3</b> days")
    await expect(row).to_contain_text("3 orders")
    await row.get_by_role("combobox").select_option("UPS-GND")
    await row.get_by_role("button", name="Save").click()
    await expect(one.page.get_by_role("status").filter(has_text="3 waiting orders became ready")).to_be_visible()
    await expect(one.page.get_by_role("heading", name="Mapped", exact=True)).to_be_visible()
    await expect(one.page.get_by_role("row").filter(has_text="Saver <b>3</b> days")).to_have_count(1)
    assert [await scene.status(order_id) for order_id in ids] == ["ready"] * 3
    await one.page.get_by_label("Words").fill("saver <b>")
    await one.page.get_by_role("button", name="Filter").click()
    await expect(one.page.locator("main table").last.locator("tbody tr")).to_have_count(1)
    one.clean()


async def test_a_sku_is_mapped_with_suggestions_while_somebody_types(tab: OpenTab, scene: Scene) -> None:
    order_id = await scene.order(("MUG-AND-TEA", 1))
    one = await tab(Role.MANAGER)
    await one.open("/mappings?tab=sku")
    row = one.page.get_by_role("row").filter(has_text="MUG-AND-TEA")
    field = row.get_by_label("Product for MUG-AND-TEA")
    await field.press_sequentially("kettle", delay=20)
    await expect(row.locator('datalist option[value="BB-KETTLE-01"]')).to_have_count(1)
    await expect(field).to_have_value("kettle")
    await field.fill("NO-SUCH")
    await row.get_by_role("button", name="Save").click()
    await expect(row.get_by_role("alert")).to_contain_text("no product 'NO-SUCH'")
    await field.fill("BB-MUG-01=2, BB-TEA-01")
    await row.get_by_role("button", name="Save").click()
    said = one.page.get_by_role("status").filter(has_text="1 waiting order became ready")
    await expect(said).to_be_visible()
    assert await scene.status(order_id) == "ready"
    await expect(one.page.get_by_role("row").filter(has_text="MUG-AND-TEA")).to_contain_text(
        "2 × BB-MUG-01 + 1 × BB-TEA-01"
    )


async def test_a_new_unmapped_rate_shows_by_itself(tab: OpenTab, scene: Scene) -> None:
    one = await tab(Role.MANAGER)
    await one.open("/mappings")
    await scene.order(("BB-MUG-01", 1), rate="Fresh rate")
    await expect(one.page.get_by_role("row").filter(has_text="Fresh rate")).to_be_visible()


async def test_mappings_go_out_and_in_as_csv(tab: OpenTab, scene: Scene) -> None:
    order_id = await scene.order(("BB-MUG-01", 1), rate="By file")
    one = await tab(Role.MANAGER)
    await one.open("/mappings")
    async with one.page.expect_download() as waited:
        await one.page.get_by_role("link", name="Export CSV").click()
    text = (await (await waited.value).path()).read_text()
    assert "rate,Demo store,Free Shipping,ACME,UPS-GND,,,\n" in text
    given = "kind,channel,rate,supplier,method\nrate,Demo store,By file,ACME,UPS-GND\nrate,Nowhere,X,ACME,UPS-GND\n"
    file = {"name": "m.csv", "mimeType": "text/csv", "buffer": given.encode()}
    await one.page.get_by_label("CSV file").set_input_files(file)
    await one.page.get_by_role("button", name="Import").click()
    await expect(one.page.get_by_role("status")).to_have_text("1 mapping set; 1 waiting order became ready.")
    await expect(one.page.get_by_text("line 3: there is no channel 'Nowhere'")).to_be_visible()
    await one.axe()
    assert await scene.status(order_id) == "ready"
    await one.page.get_by_role("link", name="Back to the mappings").click()
    await one.page.get_by_label("CSV file").set_input_files(file | {"buffer": b"a,b\n1,2\n"})
    await one.page.get_by_role("button", name="Import").click()
    await expect(one.page.get_by_role("alert")).to_contain_text("m.csv has no column kind")


async def test_a_tab_where_nothing_is_missing_speaks_of_itself_and_leads_to_the_other(
    tab: OpenTab, scene: Scene
) -> None:
    await scene.order(("ON-THE-OTHER-TAB", 1))
    for rate in await listings.unmapped_rates():
        where, who = await listings.channel(rate.channel), await listings.supplier(rate.supplier)
        method = (await listings.methods(who.id))[0].code
        await setup.map_shipping(where.id, rate.rate, who.id, method, DANA)
    one = await tab(Role.MANAGER)
    await one.open("/mappings")
    main = one.page.get_by_role("main")
    await expect(main).to_contain_text("No order waits for a shipping method.")
    await expect(main).not_to_contain_text("nothing offered is without")
    await one.axe()
    await main.get_by_role("link", name="not mapped").click()
    await expect(one.page.get_by_role("row").filter(has_text="ON-THE-OTHER-TAB")).to_be_visible()
    one.clean()


async def test_who_may_not_maps_nothing(tab: OpenTab, scene: Scene) -> None:
    await scene.order(("BB-MUG-01", 1), rate="Not for you")
    one = await tab(Role.OPERATOR)
    await one.open("/mappings")
    main = one.page.get_by_role("main")
    await expect(main.get_by_role("row").filter(has_text="Not for you")).to_contain_text("not mapped")
    await expect(main.get_by_role("button", name="Save")).to_have_count(0)
    await expect(main.get_by_role("button", name="Import")).to_have_count(0)
    await one.axe()
    form = {"channel": "Demo store", "name": "Not for you", "supplier": "ACME", "goes": "UPS-GND"}
    await one.forge(Mappings, "map_rate", form=form)
    await one.refused("map_rate")
    answer = await one.page.request.post(
        f"{one.site.url}/import/mappings", headers={"origin": one.site.url}, multipart={"file": {
            "name": "m.csv", "mimeType": "text/csv", "buffer": b"kind,channel\n"}},
    )  # fmt: skip
    assert answer.status == 403
    assert not await db.value("SELECT COUNT(*) FROM shipping_mappings WHERE rate = ?", "Not for you")


async def test_a_mapping_is_removed_once_confirmed_and_its_orders_wait_again(tab: OpenTab, scene: Scene) -> None:
    acme = scene.shop.suppliers["ACME"]
    await setup.map_shipping(scene.shop.channel_id, "Remove me", acme, "UPS-GND", DANA)
    order_id = await scene.order(("BB-MUG-01", 1), rate="Remove me")
    assert await scene.status(order_id) == "ready"
    one = await tab(Role.MANAGER)
    await one.open("/mappings?text=remove")
    await one.page.get_by_role("button", name="Remove Remove me").click()
    await expect(one.page.get_by_role("dialog")).to_contain_text("Remove me at ACME")
    await one.axe()
    await one.page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    await expect(one.page.get_by_role("status").filter(has_text="1 order waits for a person again")).to_be_visible()
    assert await scene.codes(order_id) == ["missing_shipping_mapping"]
    await expect(one.page.get_by_role("form", name="Map Remove me")).to_be_visible()
    one.clean()


async def test_what_is_offered_and_not_mapped_is_told_and_what_is_beyond_doubt_is_mapped(
    tab: OpenTab, scene: Scene
) -> None:
    now, columns = 0, ("channel_id", "external_id", "sku", "title", "barcode", "gtin", "active", "first_at", "seen_at")
    channel = scene.outlet_id
    items = [("1", "BB-NOTE-01", "Notebook"), ("2", "UNHEARD-OF", "Zyxw <b>9</b>"), ("3", "BB-MUG-01", "Mug")]
    await db.insert("listed_items", columns, [(channel, *item, "", "", True, now, now) for item in items])
    await db.run("UPDATE channels SET listings_at = 0 WHERE id = ?", channel)
    one = await tab(Role.MANAGER, width=390)
    await one.open("/mappings?tab=sku")
    outlet = one.page.get_by_role("listitem").filter(has_text="Outlet").filter(has_text="listings unmapped")
    await expect(outlet).to_contain_text("2 of 3 listings unmapped, 0 orders waiting")
    row = one.page.locator("main table").first.get_by_role("row").filter(has_text="BB-NOTE-01")
    await expect(row).to_contain_text("no order")
    await expect(row.get_by_label("Product for BB-NOTE-01")).to_have_value("BB-NOTE-01")
    await one.axe()
    await one.fits()
    await outlet.get_by_role("button", name="Map what is beyond doubt").click()
    await expect(one.page.get_by_role("status").filter(has_text="1 SKU mapped")).to_be_visible()
    await expect(outlet).to_contain_text("1 of 3 listings unmapped")
    await expect(one.page.get_by_role("row").filter(has_text="UNHEARD-OF")).to_contain_text("Zyxw <b>9</b>")
    await outlet.get_by_role("button", name="Make products of the others").click()
    await expect(one.page.get_by_role("status").filter(has_text="1 product made, 1 SKU mapped")).to_be_visible()
    await expect(outlet).to_contain_text("0 of 3 listings unmapped")
    assert await db.value("SELECT title FROM products WHERE sku = ?", "UNHEARD-OF") == "Zyxw <b>9</b>"
    await outlet.get_by_role("button", name="Import now").click()
    await expect(one.page.get_by_role("status").filter(has_text="read in the background")).to_be_visible()
    assert await db.value("SELECT COUNT(*) FROM outbox WHERE key = ?", f"channels.listings:{channel}") == 1
    one.clean()


async def test_the_count_of_a_rate_leads_to_the_orders_that_wait_for_it(tab: OpenTab, scene: Scene) -> None:
    first = await scene.order(("BB-MUG-01", 1), rate="Counted, once")
    await scene.order(("BB-MUG-01", 1), rate="Counted twice")
    number = (await scene.case(first)).order.number
    one = await tab(Role.MANAGER)
    await one.open("/mappings")
    await one.page.get_by_role("row").filter(has_text="Counted, once").get_by_role("link", name="1 order").click()
    await expect(one.page.locator("tbody tr")).to_have_count(1)
    await expect(one.page.locator("tbody tr")).to_contain_text(number)
    await expect(one.page.get_by_text("Waits for the rate: Counted, once")).to_be_visible()
    one.clean()
