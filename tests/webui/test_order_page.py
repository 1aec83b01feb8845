"""One order in the browser: a block for each supplier, what can be done now, and what never shows as more than text."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import expect

from engine import db
from engine.domain.roles import Role
from engine.services import process, tasks
from tests.support.scene import DANA, Scene
from tests.support.slips import half_refused, number_of, unanswered
from tests.webui.conftest import OpenTab

pytestmark = pytest.mark.asyncio(loop_scope="module")
EVIL = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"


async def test_one_suppliers_failure_leaves_the_other_alone(tab: OpenTab, scene: Scene) -> None:
    order = await half_refused(scene)
    first, second = [po.po_number for po in (await scene.case(order)).purchases]
    await scene.say(second, "shipped", (1, "NV-TEA-EG100", 1), desk="NOVA", tracking_number="1Z999AA10123456784")
    await tasks.drain()
    one = await tab(Role.MANAGER)
    await one.open(f"/orders/{await number_of(order)}")
    acme, nova = (one.page.get_by_role("article", name=f"PO {po}") for po in (first, second))
    await expect(acme).to_contain_text("Failed")
    await expect(acme.get_by_text("0 shipped, 2 open")).to_be_visible()
    await expect(acme.get_by_text("Attempts to send")).to_be_visible()
    await expect(nova.get_by_text("1 shipped")).to_be_visible()
    tracking = nova.get_by_role("link", name="1Z999AA10123456784")
    await expect(tracking).to_have_attribute("href", "https://www.ups.com/track?tracknum=1Z999AA10123456784")
    await expect(tracking).to_have_attribute("rel", "noopener noreferrer")
    await expect(nova.get_by_text("confirmed")).to_be_visible()
    await expect(one.page.get_by_role("heading", name="Supplier refused it")).to_be_visible()
    await expect(one.page.get_by_role("button", name="Process")).to_have_count(0)
    await one.looks_well()
    one.clean()


async def test_process_counts_down_and_undo_takes_back(tab: OpenTab, scene: Scene) -> None:
    order = await scene.order(("BB-MUG-01", 1))
    one = await tab(Role.OPERATOR)
    await one.open(f"/orders/{await number_of(order)}")
    page = one.page
    await page.get_by_role("button", name="Process").dblclick()
    await expect(page.get_by_role("timer").first).to_have_text(re.compile(r"in \d+ s"))
    assert await scene.states(order) == ["queued"]
    await one.axe()
    await page.locator("main").get_by_role("button", name="Undo").click()
    await expect(page.get_by_role("button", name="Process")).to_be_visible()
    assert await scene.states(order) == ["draft"]
    one.clean()


async def test_what_others_do_shows_by_itself_and_half_typed_text_stays(tab: OpenTab, scene: Scene) -> None:
    order = await scene.order(("BB-MUG-01", 1))
    one = await tab(Role.OPERATOR)
    await one.open(f"/orders/{await number_of(order)}")
    await one.page.get_by_label("Search orders").fill("half typed")
    await process.process([order], DANA)
    await expect(one.page.get_by_role("timer").first).to_be_visible()
    await process.undo([order], DANA)
    await expect(one.page.get_by_role("button", name="Process")).to_be_visible()
    await expect(one.page.get_by_label("Search orders")).to_have_value("half typed")
    await expect(one.page.get_by_label("Search orders")).to_be_focused()


async def test_holding_asks_why_and_snoozing_for_how_long(tab: OpenTab, scene: Scene) -> None:
    order = await scene.order(("BB-MUG-01", 1))
    one = await tab(Role.OPERATOR)
    await one.open(f"/orders/{await number_of(order)}")
    page = one.page
    await page.get_by_role("button", name="Put on hold …").click()
    box = page.get_by_role("dialog")
    await one.axe()
    await box.get_by_label("Why?").fill("waits for the colour")
    await box.get_by_role("button", name="Put on hold", exact=True).click()
    await expect(page.get_by_text("On hold: waits for the colour")).to_be_visible()
    await page.get_by_role("button", name="Release").click()
    await expect(page.get_by_role("button", name="Process")).to_be_visible()
    await page.get_by_role("button", name="Snooze …").click()
    await box.get_by_role("button", name="Snooze", exact=True).click()
    await expect(page.get_by_text("Snoozed until")).to_be_visible()
    assert (await scene.case(order)).order.snoozed_until is not None


async def test_canceling_says_what_becomes_of_each_part(tab: OpenTab, scene: Scene) -> None:
    order, po = await scene.sent(("BB-MUG-01", 1))
    one = await tab(Role.OPERATOR)
    await one.open(f"/orders/{await number_of(order)}")
    await one.page.get_by_role("button", name="Cancel order …").click()
    box = one.page.get_by_role("dialog")
    await expect(box).to_contain_text(f"ACME is asked to cancel {po}")
    await one.axe()
    await one.page.keyboard.press("Escape")
    await expect(box).to_have_count(0)
    assert await scene.states(order) == ["submitted"]
    await expect(one.page.get_by_role("button", name="Cancel order …")).to_be_focused()
    await one.page.get_by_role("button", name="Request cancellation …").click()
    await box.get_by_role("button", name="Ask to cancel").click()
    await expect(one.page.get_by_role("article").get_by_text("Cancel requested")).to_be_visible()
    assert await scene.states(order) == ["cancel_requested"]


async def test_the_channel_cancels_too_where_it_can_be_told_and_a_person_says_so(tab: OpenTab, scene: Scene) -> None:
    order = await scene.order(("BB-MUG-01", 1))
    one = await tab(Role.OPERATOR)
    await one.open(f"/orders/{await number_of(order)}")
    box = one.page.get_by_role("dialog")
    await one.page.get_by_role("button", name="Cancel order …").click()
    await expect(box.get_by_role("button", name="Cancel the order")).to_be_visible()
    await expect(box.get_by_role("checkbox")).to_have_count(0)
    async with scene.elsewhere(order):
        await one.open(f"/orders/{await number_of(order)}")
        await one.page.get_by_role("button", name="Cancel order …").click()
        await box.get_by_label("Why?").fill("out of stock")
        await box.get_by_label("Boutique cancels it too").check()
        await one.axe()
        await box.get_by_role("button", name="Cancel the order").click()
        await expect(one.page.get_by_text("the channel is told as well")).to_be_visible()
        told = await db.rows("SELECT subject_id, args FROM outbox WHERE task = 'channels.cancel'")
        assert [tuple(row) for row in told] == [(order, '{"reason":"out of stock","lines":[]}')]
    one.clean()


async def test_an_unknown_outcome_is_asked_about_and_never_resent(tab: OpenTab, scene: Scene) -> None:
    order, po = await unanswered(scene)
    one = await tab(Role.OPERATOR)
    await one.open(f"/orders/{await number_of(order)}")
    await expect(one.page.get_by_text("Answer unknown")).to_be_visible()
    await expect(one.page.get_by_role("button", name=re.compile("Process|Resend"))).to_have_count(0)
    await one.page.get_by_role("button", name="Ask the supplier").click()
    await expect(one.page.get_by_role("article").get_by_text("Submitted")).to_be_visible()
    assert len(scene.acme.orders[po]) == 1


async def test_an_unknown_number_names_others_and_another_try_reads_again(tab: OpenTab, scene: Scene) -> None:
    number = await number_of(await scene.order(("BB-MUG-01", 1)))
    one = await tab(Role.MANAGER)
    await one.open(f"/orders/{number}99")
    await expect(one.page.get_by_role("heading", name="There is no such order")).to_be_visible()
    await one.looks_well()
    await one.page.get_by_role("link", name=number, exact=True).click()
    await expect(one.page.get_by_role("heading", name=f"Order {number}")).to_be_visible()
    await one.page.go_back()
    await expect(one.page.get_by_role("heading", name="There is no such order")).to_be_visible()
    one.clean()


async def test_the_channel_is_asked_again(tab: OpenTab, scene: Scene) -> None:
    order = await scene.order(("BB-MUG-01", 1))
    scene.store.change(await scene.at_store(order), customer_note="ring twice")
    one = await tab(Role.OPERATOR)
    await one.open(f"/orders/{await number_of(order)}")
    await one.page.get_by_role("button", name="Read again from the channel").click()
    await expect(one.page.get_by_text("ring twice").first).to_be_visible()


async def test_what_customers_and_suppliers_write_is_text(tab: OpenTab, scene: Scene) -> None:
    order = await scene.order((f"ODD{EVIL}", 1), ("BB-MUG-01", 1), who=EVIL, address_2=EVIL)
    scene.store.change(await scene.at_store(order), customer_note=EVIL)
    await scene.reread(order)
    await scene.resolve(order, "unmapped_sku", "drop_line")
    po = await scene.send(order)
    await scene.say(po.po_number, "rejected", message=EVIL)
    one = await tab(Role.MANAGER)
    number = await number_of(order)
    await one.open(f"/orders/{number}?audit={number}")
    await expect(one.page.get_by_role("dialog")).to_contain_text("<script>document.title='owned'")
    await one.page.keyboard.press("Escape")
    await expect(one.page.get_by_text("<script>document.title='owned'").first).to_be_visible()
    await one.open("/orders")
    assert "owned" not in await one.page.title()
    assert await one.page.locator("main img").count() == 0
    one.clean()


async def test_a_viewer_sees_no_buttons_that_act(tab: OpenTab, scene: Scene) -> None:
    order, _ = await scene.sent(("BB-MUG-01", 1))
    one = await tab(Role.VIEWER)
    await one.open(f"/orders/{await number_of(order)}")
    names = [
        await b.text_content() or await b.get_attribute("aria-label")
        for b in await one.page.locator("main button").all()
    ]
    assert [n for n in names if n and not n.startswith("Audit trail for ")] == ["Print"]
    await expect(one.page.get_by_role("button", name="Audit trail for BB-MUG-01")).to_be_visible()


async def test_papers_are_there_as_pdf(tab: OpenTab, scene: Scene) -> None:
    order, po = await scene.sent(("BB-MUG-01", 1))
    number = await number_of(order)
    one = await tab(Role.VIEWER)
    await one.open(f"/orders/{number}")
    for link, name in ((f"PO {po} as PDF", f"po-{po}.pdf"), ("Packing slip", f"packing-slip-{number}.pdf")):
        async with one.page.expect_download() as taken:
            await one.page.get_by_role("link", name=link).click()
        found = await taken.value
        assert found.suggested_filename == name
        assert (await found.path()).read_bytes().startswith(b"%PDF-")
    missing = await one.page.request.get(f"{one.site.url}/export/purchase-order.pdf?po=nothing")
    assert missing.status == 404


async def test_it_prints_without_what_is_only_for_the_screen(tab: OpenTab, scene: Scene) -> None:
    order, _ = await scene.sent(("BB-MUG-01", 1))
    one = await tab(Role.MANAGER)
    await one.open(f"/orders/{await number_of(order)}")
    await one.page.emulate_media(media="print")
    await expect(one.page.get_by_role("navigation", name="Main")).to_be_hidden()
    await expect(one.page.get_by_role("button", name="Print")).to_be_hidden()
    await expect(one.page.get_by_text("UPS Ground")).to_be_visible()


async def test_what_cannot_be_sent_says_so_and_is_not_called_held(tab: OpenTab, scene: Scene) -> None:
    order_id = await scene.order(("BB-MUG-01", 1))
    assert (await scene.process(order_id, undo_seconds=600)).done
    sql = "UPDATE purchase_orders SET attempt = ?, message = ? WHERE order_id = ?"
    await db.run(sql, 7, "the supplier does not answer", order_id)
    await db.run("UPDATE orders SET version = version + 1 WHERE id = ?", order_id)
    number = (await scene.case(order_id)).order.number
    one = await tab(Role.MANAGER)
    await one.open(f"/orders/{number}")
    head = one.page.locator("header.page-head")
    await expect(head).to_contain_text("Not sent yet")
    await expect(head).not_to_contain_text("Held")
    await expect(one.page.locator("main")).to_contain_text("Tried 7 times in vain; tried again at")
    await expect(one.page.locator("main")).to_contain_text("the supplier does not answer")
    await one.axe()
    await one.open(f"/orders?text={number}")
    await expect(one.page.locator("tbody tr")).to_contain_text("Not sent yet")
    await one.open("/")
    await expect(one.page.get_by_role("link", name="more not sent yet")).to_be_visible()
    await db.run(sql, 0, "", order_id)
    await db.run("UPDATE orders SET version = version + 1 WHERE id = ?", order_id)
    assert (await process.undo([order_id], DANA))[0].done
    one.clean()
