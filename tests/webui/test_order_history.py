"""Order History: its address is the view, many orders at once, saved views, files, and news that move nothing."""

from __future__ import annotations

import csv
import io
import re

import pytest
from playwright.async_api import expect

from engine.domain.roles import Role
from engine.services import process
from tests.support.scene import DANA, Scene
from tests.support.web import eventually
from tests.webui.conftest import OpenTab

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def number(scene: Scene, order_id: int) -> str:
    return (await scene.case(order_id)).order.number


async def test_the_address_is_the_view(tab: OpenTab, scene: Scene) -> None:
    """Filters, sort and columns are in the address: reload, Back and another tab give the same."""
    wanted = await number(scene, await scene.order(("BB-MUG-01", 2), who="Zacharias"))
    await scene.order(("BB-MUG-01", 1), who="Yolanda")
    one = await tab(Role.MANAGER)
    await one.open("/orders")
    await one.page.get_by_label("Words").fill("zacharias")
    await one.page.get_by_role("button", name="Filter", exact=True).click()
    rows = one.page.locator("tbody tr")
    await expect(rows).to_have_count(1)
    await expect(rows.first).to_contain_text(wanted)
    await one.page.get_by_role("button", name="Total").click()
    await expect(one.page.get_by_role("columnheader", name="Total")).to_have_attribute("aria-sort", "descending")
    await one.page.get_by_text("Columns", exact=True).click()
    await one.page.locator(".dropdown").get_by_label("Channel").click()
    await expect(one.page.get_by_role("columnheader", name="Channel")).to_be_visible()
    address = one.page.url
    assert "text=zacharias" in address, address
    assert "sort=-total" in address, address
    await one.page.reload()
    await one.settled()
    await expect(rows).to_have_count(1)
    await expect(one.page.get_by_label("Words")).to_have_value("zacharias")
    await expect(one.page.get_by_role("columnheader", name="Channel")).to_be_visible()
    other = await tab(Role.MANAGER)
    await other.open(address.removeprefix(one.site.url))
    await expect(other.page.locator("tbody tr")).to_have_count(1)
    await one.page.go_back()
    await one.page.go_back()
    await expect(one.page.get_by_label("Words")).to_have_value("")
    await one.page.go_forward()
    await expect(one.page.get_by_label("Words")).to_have_value("zacharias")
    await one.page.get_by_role("link", name="Clear all").click()
    await expect(one.page).to_have_url(f"{one.site.url}/orders")
    one.clean()


async def test_a_workers_change_shows_without_moving_anything(tab: OpenTab, scene: Scene) -> None:
    order_id = await scene.order(("BB-MUG-01", 1), who="Liveman")
    one = await tab(Role.MANAGER)
    await one.open("/orders")
    row = one.page.locator("tbody tr", has_text="Liveman")
    await expect(row).to_contain_text("Ready")
    await one.page.get_by_label("Words").fill("half typed")
    await one.page.get_by_label("Words").focus()
    await scene.send(order_id)
    await expect(row).to_contain_text("In progress")
    await expect(one.page.get_by_label("Words")).to_have_value("half typed")
    await expect(one.page.get_by_label("Words")).to_be_focused()
    newer = await number(scene, await scene.order(("BB-MUG-01", 1), who="Newcomer"))
    fresh = one.page.get_by_role("button", name="Show 1 new")
    await expect(fresh).to_be_visible()
    await expect(one.page.get_by_role("link", name=newer)).to_have_count(0)
    await fresh.click()
    await expect(one.page.get_by_role("link", name=newer)).to_be_visible()
    one.clean()


async def test_many_orders_are_looked_at_first_and_then_processed(tab: OpenTab, scene: Scene) -> None:
    """A summary, then progress, then failures row by row; and what is held can be taken back."""
    good = [await scene.order(("BB-MUG-01", 1), who=f"Bulkley{i}") for i in range(3)]
    bad = await scene.order(("NOT-MAPPED-9", 1), who="Bulkley")
    one = await tab(Role.MANAGER)
    await one.open("/orders?text=bulkley")
    await one.page.get_by_label("Choose all orders on this page").click()
    await one.page.get_by_role("region", name="Selected orders").get_by_role("button", name="Process").click()
    dialog = one.page.get_by_role("dialog")
    await expect(dialog).to_contain_text("3 of 4 orders")
    await expect(dialog).to_contain_text("ACME 3 purchase orders")
    await expect(dialog).to_contain_text(await number(scene, bad))
    await one.axe()
    # Another person takes one of them in the meantime.
    await process.process([good[0]], DANA)
    run = dialog.get_by_role("button", name="Process 3 orders")
    await run.dblclick()
    await expect(dialog).to_contain_text("3 of 3 orders processed, 1 failed")
    await expect(dialog).to_contain_text("already held")
    await one.axe()
    assert [len(await scene.states(i)) for i in good] == [1, 1, 1]
    await expect(
        one.page.get_by_text("2 orders are held, and will be sent unless taken back in time; 1 order failed.")
    ).to_be_visible()
    await dialog.get_by_role("button", name="Undo what is still held").click()
    await expect(dialog.get_by_role("status")).to_contain_text("2 orders taken back")
    await expect(dialog.get_by_role("button", name="Undo what is still held")).to_have_count(0)

    async def back() -> None:
        assert [await scene.status(i) for i in good] == ["processed", "ready", "ready"]

    await eventually(back)
    await process.undo([good[0]], DANA)
    await dialog.get_by_role("button", name="Done").click()
    await expect(one.page.get_by_role("region", name="Selected orders")).to_have_count(0)


async def test_all_in_the_view_is_not_all_on_the_page(tab: OpenTab, scene: Scene) -> None:
    for _ in range(27):
        await scene.order(("BB-MUG-01", 1), who="Pagewise")
    one = await tab(Role.MANAGER)
    await one.open("/orders?text=pagewise&size=25")
    await expect(one.page.locator("tbody tr")).to_have_count(25)
    await one.page.get_by_label("Choose all orders on this page").click()
    bar = one.page.get_by_role("region", name="Selected orders")
    await expect(bar).to_contain_text("25 selected")
    await bar.get_by_role("button", name="Select all 27 orders in this view").click()
    await expect(bar).to_contain_text("27 selected")
    await one.page.get_by_role("link", name="Next").click()
    await expect(one.page.locator("tbody tr")).to_have_count(2)
    await expect(bar).to_have_count(0)
    await one.page.get_by_role("link", name="Previous").click()
    await expect(one.page.locator("tbody tr")).to_have_count(25)


async def test_a_view_is_saved_renamed_shared_and_deleted(tab: OpenTab, scene: Scene) -> None:
    one = await tab(Role.OPERATOR, name="viewkeeper")
    await one.open("/orders?statuses=ready&sort=total")
    await one.page.get_by_role("button", name="Save view").click()
    dialog = one.page.get_by_role("dialog")
    await dialog.get_by_label("Save what is shown now as").fill("Mornings")
    await one.axe()
    await dialog.get_by_role("button", name="Save view").click()
    links = one.page.get_by_role("navigation", name="Saved views")
    await expect(links.get_by_role("link", name="Mornings")).to_have_attribute("aria-current", "page")
    tabs = one.page.get_by_role("navigation", name="Views", exact=True)
    await expect(tabs.locator("[aria-current=page]")).to_have_count(0)
    await expect(one.page.get_by_role("button", name="Save view")).to_be_focused()
    await one.page.get_by_role("button", name="Save view").click()
    await dialog.get_by_label("Name of the view Mornings").fill("Early")
    await dialog.get_by_role("button", name="Rename").click()
    await dialog.get_by_label("shared").click()
    await one.page.keyboard.press("Escape")
    await expect(dialog).to_have_count(0)
    other = await tab(Role.VIEWER)
    await other.open("/orders")
    await other.page.get_by_role("link", name="Early").click()
    await expect(other.page).to_have_url(f"{one.site.url}/orders?sort=total&statuses=ready")
    await one.page.get_by_role("button", name="Save view").click()
    await dialog.get_by_role("button", name="Delete the view Early").click()
    await expect(links.get_by_role("link", name="Early")).to_have_count(0)


async def test_the_file_is_what_is_filtered_and_shown(tab: OpenTab, scene: Scene) -> None:
    wanted = await number(scene, await scene.order(("BB-MUG-01", 2), who="=cmd()"))
    await scene.order(("BB-MUG-01", 2), who="Other")
    one = await tab(Role.VIEWER)
    await one.open("/orders?text=cmd&columns=customer,total")
    async with one.page.expect_download() as waiting:
        await one.page.get_by_role("link", name="Export CSV").click()
    found = (await (await waiting.value).path()).read_bytes()
    assert found.startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(io.StringIO(found.decode("utf-8-sig"))))
    assert rows == [["Order", "Customer", "Total", "Currency"], [wanted, "'=cmd() Doe", "29.00", "USD"]], rows


async def test_the_file_says_of_lines_and_status_what_the_list_shows(tab: OpenTab, scene: Scene) -> None:
    await scene.order(("BB-MUG-01", 2), ("UNHEARD-OF", 3), who="Columnist", rate="Pigeon post")
    one = await tab(Role.VIEWER)
    await one.open("/orders?text=columnist&columns=lines,status,shipping,quantity")
    row = one.page.locator("tbody tr")
    for said in ("BB-MUG-01", "UNHEARD-OF", "no supplier", "Needs a person", "SKU not mapped", "Pigeon post → ?"):
        await expect(row).to_contain_text(said)
    async with one.page.expect_download() as waiting:
        await one.page.get_by_role("link", name="Export CSV").click()
    found = (await (await waiting.value).path()).read_text("utf-8-sig")
    head, cells = list(csv.reader(io.StringIO(found)))
    assert head == ["Order", "Lines and suppliers", "Status", "Shipping", "Pieces"]
    lines = cells[1].split("; ")
    assert lines[0].startswith("2 × BB-MUG-01, "), cells
    assert lines[1] == "3 × UNHEARD-OF, no supplier", cells
    assert cells[2].startswith("Needs a person: ")
    assert "SKU not mapped" in cells[2]
    assert cells[3:] == ["Pigeon post → ?", "5"]


async def test_on_a_phone_the_first_order_is_on_the_first_screen(tab: OpenTab, scene: Scene) -> None:
    await scene.order(("BB-MUG-01", 1))
    one = await tab(Role.MANAGER, width=390, height=844)
    await one.open("/orders")
    box = await one.page.locator("tbody tr").first.bounding_box()
    assert box is not None
    assert box["y"] < 844 * 0.6, box
    words = one.page.get_by_label("Words")
    await expect(words).to_be_hidden()
    await one.axe()
    await one.page.get_by_role("button", name="Filters").click()
    await words.fill("nobodyiscalledso")
    await one.axe()
    await one.page.get_by_role("button", name="Filter", exact=True).click()
    await expect(one.page.get_by_text("No order matches")).to_be_visible()
    await one.fits()


async def test_filters_stand_in_one_line_and_nothing_in_them_is_cut(tab: OpenTab, scene: Scene) -> None:
    one = await tab(Role.MANAGER)
    await one.open("/orders")
    tops = await one.page.locator(".filters .label").evaluate_all("all => all.map(e => e.getBoundingClientRect().top)")
    assert len(tops) == 8
    assert max(tops) - min(tops) <= 1, tops
    cut = await one.page.get_by_label("Words").evaluate(
        "e => { const c = document.createElement('canvas').getContext('2d'), s = getComputedStyle(e, '::placeholder');"
        " c.font = `${s.fontSize} ${s.fontFamily}`; return c.measureText(e.placeholder).width > e.clientWidth - 16 }"
    )
    assert not cut
    for tab_link in await one.page.get_by_role("navigation", name="Views").get_by_role("link").all():
        await expect(tab_link.locator(".count")).to_have_text(re.compile(r"^[\d,]+\+?$"))


async def test_who_may_not_act_sees_no_way_to(tab: OpenTab, scene: Scene) -> None:
    await scene.order(("BB-MUG-01", 1))
    one = await tab(Role.VIEWER)
    await one.open("/orders")
    await expect(one.page.locator("tbody tr").first).to_be_visible()
    await expect(one.page.locator("tbody input[type=checkbox]")).to_have_count(0)
    await one.open("/queue")
    await expect(one.page.get_by_role("button", name="Process")).to_have_count(0)
    await expect(one.page.get_by_role("button", name="Resolve")).to_have_count(0)


async def test_bad_addresses_are_answered_in_words(tab: OpenTab) -> None:
    one = await tab(Role.MANAGER)
    for address in (
        "/orders?statuses=nonsense",
        "/orders?after=nonsense",
        "/orders?sort=drop+table",
        "/orders?total_min=x",
    ):
        await one.open(address)
        await expect(one.page.get_by_role("alert")).to_be_visible()
        await one.axe()
    await one.open("/orders?text=nobodyiscalledso")
    await expect(one.page.get_by_text("No order matches")).to_be_visible()
    await one.axe()


async def test_a_number_that_two_stores_gave_lists_both_and_says_what_each_store_calls_it(
    tab: OpenTab, scene: Scene
) -> None:
    here = there = 0
    while here != there or not here:
        if here <= there:
            here = scene.place(("BB-MUG-01", 1))
        else:
            there = scene.place(("BB-MUG-01", 1), store=scene.outlet)
    await scene.take(here)
    await scene.take(there, channel_id=scene.outlet_id)
    one = await tab(Role.MANAGER)
    await one.open("/orders")
    await one.page.get_by_label("Search orders").fill(f"#{here}")
    await one.page.get_by_label("Search orders").press("Enter")
    rows = one.page.locator("tbody tr")
    await expect(rows).to_have_count(2)
    await expect(rows.filter(has_text=f"{here} at Outlet")).to_have_count(1)
    await one.axe()
    await one.page.get_by_role("link", name=f"{here}.{scene.outlet_id}", exact=True).click()
    await expect(one.page.locator("header.page-head")).to_contain_text(f"{here} at Outlet")
    await one.page.get_by_label("Search orders").fill(f"{here}.{scene.outlet_id}")
    await one.page.get_by_label("Search orders").press("Enter")
    await expect(one.page).to_have_url(f"{one.site.url}/orders/{here}.{scene.outlet_id}")
    one.clean()
