"""The Order Audit Trail beside a page: complete, live, verified, and nothing in it can be changed."""

from __future__ import annotations

import csv
import io
import json
import re

import pytest
from playwright.async_api import expect

from engine import db
from engine.domain.roles import Role
from engine.services import hold, process
from tests.support.scene import DANA, Scene
from tests.support.slips import number_of, unguarded
from tests.support.web import Tab
from tests.webui.conftest import OpenTab

pytestmark = pytest.mark.asyncio(loop_scope="module")
BUTTON = "Audit trail for BB-MUG-01"


async def get(one: Tab, path: str) -> tuple[int, str]:
    """What a download of that path gives this tab's person."""
    answer = await one.page.request.get(one.site.url + path, headers={"sec-fetch-site": "same-origin"})
    return answer.status, await answer.text()


async def test_the_button_opens_it_and_reload_and_back_reproduce_it(tab: OpenTab, scene: Scene) -> None:
    order, po = await scene.sent(("BB-MUG-01", 1))
    number = await number_of(order)
    one, whose = await tab(Role.VIEWER), f"Audit trail of BB-MUG-01, line 1 of order {number}"
    page, drawer = one.page, one.page.get_by_role("dialog", name=whose)
    await one.open(f"/orders/{number}")
    await page.get_by_role("button", name=BUTTON).focus()
    await page.keyboard.press("Enter")
    await expect(drawer).to_be_visible()
    await expect(page.get_by_role("heading", name=whose)).to_be_focused()
    await expect(page).to_have_url(re.compile(r"\?audit="))
    await expect(drawer.get_by_text("Chain intact")).to_be_visible()
    await one.looks_well()
    await page.reload()
    await expect(drawer).to_contain_text(f"PO {po}, ACME")
    await page.go_back()
    await expect(drawer).to_have_count(0)
    await page.go_forward()
    await expect(drawer).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(drawer).to_have_count(0)
    await expect(page).to_have_url(f"{one.site.url}/orders/{number}")
    await page.get_by_role("button", name=BUTTON).click()
    await expect(drawer).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("button", name=BUTTON)).to_be_focused()
    one.clean()


async def test_it_opens_beside_order_history(tab: OpenTab, scene: Scene) -> None:
    order = await scene.order(("BB-MUG-01", 1), who="Beside")
    number = await number_of(order)
    one = await tab(Role.MANAGER)
    await one.open("/orders?text=beside")
    await one.page.get_by_role("button", name=BUTTON).click()
    drawer = one.page.get_by_role("dialog", name=f"Audit trail of BB-MUG-01, line 1 of order {number}")
    await expect(drawer).to_contain_text("pulled from Demo store")
    await one.axe()
    await one.page.keyboard.press("Escape")
    await expect(one.page).to_have_url(f"{one.site.url}/orders?text=beside")
    await expect(one.page.get_by_role("button", name=BUTTON)).to_be_focused()


async def test_every_event_has_its_time_zone_actor_and_what_changed_and_no_way_to_change_it(
    tab: OpenTab, scene: Scene
) -> None:
    order = await scene.order(("BB-MUG-01", 3))
    await scene.edit(order, "customer mailed", quantities={1: 2})
    number = await number_of(order)
    one = await tab(Role.ADMIN)
    await one.open(f"/orders/{number}?audit={number}")
    drawer = one.page.get_by_role("dialog")
    events = drawer.locator(".events > li")
    count = await db.value("SELECT COUNT(*) FROM audit_events WHERE order_id = ?", order)
    await expect(events).to_have_count(count)
    for event in await events.all():
        shown = await event.locator("time").first.text_content()
        assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} \w+", shown or ""), shown
        assert re.search(r"T.*\+00:00$", await event.locator("time").first.get_attribute("datetime") or "")
        assert await event.locator(".meta strong").text_content() in ("worker", "dana")
    edited = events.filter(has_text="customer mailed").first
    await expect(edited).to_contain_text("dana")
    await expect(events.filter(has_text="line 1, BB-MUG-01: asked to be canceled").last).to_contain_text("0 → 1")
    for word in ("edit", "delete", "remove", "change"):
        assert await drawer.get_by_role("button", name=word).count() == 0


async def test_events_are_filtered_by_whose_they_are(tab: OpenTab, scene: Scene) -> None:
    order, _ = await scene.sent(("BB-MUG-01", 1))
    number = await number_of(order)
    one = await tab(Role.VIEWER)
    await one.open(f"/orders/{number}?audit={number}")
    drawer = one.page.get_by_role("dialog")
    people = drawer.get_by_role("button", name="People")
    await people.click()
    await expect(people).to_have_attribute("aria-pressed", "true")
    await expect(drawer.get_by_role("button", name="All")).to_have_attribute("aria-pressed", "false")
    await expect(drawer.locator('.events > li:not([data-source="person"])')).to_have_count(0)
    assert await drawer.locator(".events > li").count() > 0
    await drawer.get_by_role("button", name="Rules").click()
    await expect(drawer.locator('.events > li:not([data-source="rule"])')).to_have_count(0)
    await drawer.get_by_role("button", name="All").click()
    await expect(drawer.locator('.events > li[data-source="worker"]').first).to_be_attached()


async def test_it_follows_live_with_the_newest_in_sight(tab: OpenTab, scene: Scene) -> None:
    order = await scene.order(("BB-MUG-01", 1))
    for _ in range(4):
        await process.process([order], DANA)
        await process.undo([order], DANA)
    number = await number_of(order)
    one = await tab(Role.VIEWER)
    await one.open(f"/orders/{number}?audit={number}")
    await expect(one.page.locator(".events > li").last).to_be_in_viewport()
    await hold.hold(order, "the newest of all", DANA)
    newest = one.page.get_by_role("dialog").locator(".events > li").last
    await expect(newest).to_contain_text("the newest of all")
    await expect(newest).to_be_in_viewport()
    await expect(one.page.get_by_text("Chain intact")).to_be_visible()


async def test_a_purchase_order_has_a_trail_of_its_own(tab: OpenTab, scene: Scene) -> None:
    order = await scene.order(("BB-MUG-01", 1), ("BB-TEA-01", 1))
    await scene.send(order)
    first, second = [po.po_number for po in (await scene.case(order)).purchases]
    one = await tab(Role.VIEWER)
    await one.open(f"/orders/{await number_of(order)}")
    await one.page.get_by_role("button", name=f"Audit trail for PO {first}").click()
    drawer = one.page.get_by_role("dialog")
    await expect(drawer).to_contain_text(f"PO {first}")
    await expect(drawer).not_to_contain_text(f"PO {second}")


async def test_changes_are_told_in_words_and_the_raw_values_are_a_button_away(tab: OpenTab, scene: Scene) -> None:
    order, po = await scene.sent(("BB-MUG-01", 2), who="Manageria")
    pigeon = await scene.order(("BB-MUG-01", 1), rate="Pigeon post")
    number = await number_of(order)
    one = await tab(Role.MANAGER)
    await one.open(f"/orders/{number}?audit={number}")
    drawer = one.page.get_by_role("dialog")
    for said in (
        f"PO {po}, ACME: shipping Free Shipping → UPS Ground", "total: 29.00 USD", "line 1, BB-MUG-01: price: 14.50 USD",
        f"PO {po}, ACME: supplier: ACME", f"PO {po}, ACME: state Draft → Held", "channel: Demo store",
        "ACME ships 2 × BB-MUG-01 (line 1): first by priority", "Manageria Doe, 1 Maple Ave, Portland",
    ):  # fmt: skip
        await expect(drawer).to_contain_text(said)
    shown = await drawer.inner_text()
    for raw in ("method_id", "supplier_id", "shipping_total", '{"', "po."):
        assert raw not in shown, raw
    await one.looks_well()
    toggle = drawer.get_by_role("button", name="Raw values")
    await toggle.click()
    await expect(toggle).to_have_attribute("aria-pressed", "true")
    await expect(drawer).to_contain_text(f"po.{po}.method_id – → 1")
    await expect(drawer).to_contain_text('{"routing":[')
    await one.axe()
    await toggle.click()
    await expect(drawer).not_to_contain_text("method_id")
    await one.open(f"/orders/{await number_of(pigeon)}?audit={await number_of(pigeon)}")
    await expect(drawer).to_contain_text("“Shipping not mapped”")
    await expect(drawer).not_to_contain_text("issue.")


async def test_the_trail_of_a_part_says_so_and_its_files_have_only_that(tab: OpenTab, scene: Scene) -> None:
    order = await scene.order(("BB-MUG-01", 1), ("BB-TEA-01", 1))
    await scene.send(order)
    number = await number_of(order)
    _, second = [po.po_number for po in (await scene.case(order)).purchases]
    one = await tab(Role.VIEWER)
    await one.open(f"/orders/{number}")
    for button, whose, file, other in (
        ("Audit trail for BB-TEA-01", f"BB-TEA-01, line 2 of order {number}", f"audit-{number}-BB-TEA-01", "line.1"),
        (f"Audit trail for PO {second}", f"PO {second}", f"audit-{second}", "order"),
    ):
        await one.page.get_by_role("button", name=button).first.click()
        drawer = one.page.get_by_role("dialog", name=f"Audit trail of {whose}", exact=True)
        await expect(drawer).to_be_visible()
        for kind in ("csv", "json"):
            link = drawer.get_by_role("link", name=f"Export {kind.upper()}")
            async with one.page.expect_download() as taken:
                await link.click()
            assert (await taken.value).suggested_filename == f"{file}.{kind}"
            status, text = await get(one, await link.get_attribute("href") or "")
            assert status == 200
        subjects = {event["subject"] for event in json.loads(text)["events"]}
        assert other not in subjects, subjects
        assert f"po.{second}" in subjects
        await one.page.keyboard.press("Escape")
        await expect(drawer).to_have_count(0)


async def test_the_raw_payload_is_there_masked_and_as_a_file(tab: OpenTab, scene: Scene) -> None:
    order = await scene.order(("BB-MUG-01", 1), who="Payloadia")
    number = await number_of(order)
    one = await tab(Role.VIEWER)
    await one.open(f"/orders/{number}?audit={number}")
    drawer = one.page.get_by_role("dialog")
    await drawer.get_by_role("button", name="Raw payload").first.click()
    body = drawer.get_by_role("region", name="Raw payload")
    await expect(body).to_contain_text("Payloadia")
    await expect(body).to_contain_text('"order_key": "***"')
    await one.axe()
    path = await drawer.get_by_role("link", name=re.compile("Raw payload of event")).first.get_attribute("href")
    status, text = await get(one, path or "")
    assert (status, "Payloadia" in text, "wc_order" in text) == (200, True, False)
    assert (await get(one, "/export/payload/999999.txt"))[0] == 404


async def test_it_is_exported_as_json_and_csv(tab: OpenTab, scene: Scene) -> None:
    order = await scene.order(("BB-MUG-01", 1))
    await hold.hold(order, "=HYPERLINK(1)", DANA)
    number = await number_of(order)
    one = await tab(Role.VIEWER)
    await one.open(f"/orders/{number}?audit={number}")
    for kind in ("JSON", "CSV"):
        async with one.page.expect_download() as taken:
            await one.page.get_by_role("link", name=f"Export {kind}").click()
        assert (await taken.value).suggested_filename == f"audit-{number}.{kind.lower()}"
    status, text = await get(one, f"/export/audit.json?order={number}")
    assert status == 200
    assert [e["seq"] for e in json.loads(text)["events"]][:2] == [1, 2]
    rows = list(csv.DictReader(io.StringIO((await get(one, f"/export/audit.csv?order={number}"))[1])))
    assert "'=HYPERLINK(1)" in [row["message"] for row in rows]
    assert (await get(one, "/export/audit.json?order=nobody"))[0] == 404
    assert (await get(one, f"/export/audit.exe?order={number}"))[0] == 400


async def test_an_order_that_is_not_there_is_said_in_the_drawer(tab: OpenTab) -> None:
    one = await tab(Role.VIEWER)
    await one.open("/orders?audit=no-such-order")
    await expect(one.page.get_by_role("dialog").get_by_role("alert")).to_contain_text("There is no order no-such-order")
    await one.axe()


async def test_tampering_shows(tab: OpenTab, scene: Scene) -> None:
    order = await scene.order(("BB-MUG-01", 1))
    number = await number_of(order)
    await unguarded("UPDATE audit_events SET actor = 'nobody' WHERE order_id = ? AND seq = 2", order)
    one = await tab(Role.VIEWER)
    try:
        await one.open(f"/orders/{number}?audit={number}")
        drawer = one.page.get_by_role("dialog")
        await expect(drawer.get_by_text("Tampered with")).to_be_visible()
        await expect(drawer.get_by_role("alert")).to_contain_text("event 2: it was changed after it was written")
        await one.axe()
    finally:
        await unguarded("UPDATE audit_events SET actor = 'worker' WHERE order_id = ? AND seq = 2", order)
