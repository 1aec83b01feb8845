"""What changes at the channel: before sending, while held, on the way, and after."""

from __future__ import annotations

import asyncio

import pytest

from engine.domain.issues import IssueCode
from engine.services import process, setup, tasks
from tests.support.scene import DANA, Scene

pytestmark = pytest.mark.asyncio(loop_scope="module")
C = IssueCode


async def refund(scene: Scene, order_id: int, position: int, pieces: int) -> None:
    """Pieces of a line are refunded at the store, and the order is read again."""
    number = await scene.at_store(order_id)
    line = scene.store.orders[number]["line_items"][position - 1]["id"]
    scene.store.refund(number, {line: pieces})
    await scene.reread(order_id)


async def test_what_is_refunded_before_sending_is_not_sent(scene: Scene) -> None:
    order_id = await scene.order(("BB-MUG-01", 3), ("BB-LAMP-01", 1))
    await refund(scene, order_id, 1, 1)
    po = await scene.send(order_id)
    assert [line.quantity for line in scene.acme.orders[po.po_number][0].lines] == [2, 1]


async def test_an_order_that_is_stopped_at_the_channel_after_sending_is_told_until_it_is_decided_there(
    scene: Scene,
) -> None:
    order_id, _ = await scene.sent(("BB-MUG-01", 1))
    number = await scene.at_store(order_id)
    scene.store.set_status(number, "on-hold")
    for _ in range(2):
        await scene.reread(order_id)
        assert await scene.codes(order_id) == [C.CHANNEL_ORDER_CHANGED]
    scene.store.set_status(number, "processing")
    await scene.reread(order_id)
    assert await scene.codes(order_id) == []
    assert await scene.states(order_id) == ["submitted"]


async def test_an_order_canceled_before_sending_reaches_no_supplier(scene: Scene) -> None:
    order_id = await scene.order(("BB-MUG-01", 1), ("BB-TEA-01", 1))
    scene.store.cancel(await scene.at_store(order_id))
    await scene.reread(order_id)
    case = await scene.case(order_id)
    assert (case.order.status, [po.state for po in case.purchases]) == ("canceled", ["canceled", "canceled"])
    assert not (await scene.process(order_id)).done
    await tasks.drain()
    assert not any(po.po_number in {**scene.acme.orders, **scene.nova.orders} for po in case.purchases)


async def test_a_change_of_address_before_sending_is_what_is_sent_and_keeps_what_a_person_corrected(
    scene: Scene,
) -> None:
    order_id = await scene.order(("BB-MUG-01", 2))
    await scene.edit(order_id, quantities={1: 1})
    scene.store.change(await scene.at_store(order_id), shipping={"address_1": "7 Oak Ridge Dr"})
    await scene.reread(order_id)
    po = await scene.send(order_id)
    body = scene.acme.ledger[po.po_number][0].body
    assert (body["ship_to"]["line1"], body["lines"][0]["quantity"]) == ("7 Oak Ridge Dr", 1)


async def test_a_line_added_and_a_line_removed_before_sending_are_followed(scene: Scene) -> None:
    order_id = await scene.order(("BB-MUG-01", 1), ("BB-LAMP-01", 1))
    number, more = await scene.at_store(order_id), scene.place(("BB-TEA-01", 1))
    lines = scene.store.orders[number]["line_items"]
    scene.store.change(number, line_items=[lines[0], *scene.store.orders[more]["line_items"]])
    await scene.reread(order_id)
    found = [[line.supplier_sku for line in po.lines] for po in (await scene.case(order_id)).purchases]
    assert found == [["AC-2001"], ["NV-TEA-EG100"]]


async def test_what_is_held_is_taken_back_when_the_channel_changes_what_it_was_checked_for(scene: Scene) -> None:
    held = [await scene.order(("BB-MUG-01", 2)) for _ in range(4)]
    await process.process(held, DANA, undo_seconds=3_600)
    whole, part, moved, noted = held
    scene.store.cancel(await scene.at_store(whole))
    await scene.reread(whole)
    await refund(scene, part, 1, 1)
    scene.store.change(await scene.at_store(moved), shipping={"postcode": "00000"})
    await scene.reread(moved)
    scene.store.change(await scene.at_store(noted), date_paid="2026-01-01T00:00:00", total="99.00")
    await scene.reread(noted)
    assert [await scene.status(i) for i in held] == ["canceled", "ready", "unresolved", "processed"]
    assert (await scene.po(part)).lines[0].quantity == 1
    assert await scene.states(noted) == ["queued"]
    await process.undo([noted], DANA)


async def test_an_order_auto_processed_and_changed_is_sent_as_it_is_now(scene: Scene) -> None:
    await setup.update("channels", scene.outlet_id, DANA, auto_process=True)
    try:
        number = scene.place(("BB-MUG-01", 2), store=scene.outlet)
        (order_id,) = await scene.take(number, channel_id=scene.outlet_id)
        assert await scene.states(order_id) == ["queued"]
        scene.outlet.change(number, shipping={"address_1": "7 Oak Ridge Dr"})
        await scene.reread(order_id)
        await tasks.drain()
    finally:
        await setup.update("channels", scene.outlet_id, DANA, auto_process=False)
    po = await scene.po(order_id)
    assert scene.acme.ledger[po.po_number][0].body["ship_to"]["line1"] == "7 Oak Ridge Dr"


async def test_an_order_canceled_while_it_is_being_sent_is_asked_back_once_it_is_there(scene: Scene) -> None:
    order_id = await scene.order(("BB-MUG-01", 1))
    await scene.process(order_id)
    async with scene.unanswered():
        sending = asyncio.create_task(tasks.drain())
        while await scene.states(order_id) != ["submitting"]:
            await asyncio.sleep(0.02)
        scene.store.cancel(await scene.at_store(order_id))
        await scene.reread(order_id)
        assert await scene.states(order_id) == ["submitting"]
    await sending
    await tasks.drain()
    po = await scene.po(order_id)
    assert (po.state, await scene.status(order_id)) == ("canceled", "canceled")
    assert scene.acme.orders[po.po_number][0].status == "canceled"


async def test_an_acknowledgement_may_come_before_the_answer_to_sending(scene: Scene) -> None:
    order_id = await scene.order(("BB-MUG-01", 1))
    await scene.process(order_id)
    async with scene.unanswered():
        sending = asyncio.create_task(tasks.drain())
        number = (await scene.po(order_id)).po_number
        while number not in scene.acme.orders:
            await asyncio.sleep(0.02)
        await scene.say(number, "acknowledged", reference="DS-EARLY")
        assert await scene.states(order_id) == ["acknowledged"]
    await sending
    po = await scene.po(order_id)
    assert (po.state, po.reference, len(scene.acme.orders[number])) == ("acknowledged", "DS-EARLY", 1)


async def test_an_order_canceled_after_sending_is_asked_back_and_the_supplier_agrees(scene: Scene) -> None:
    order_id, po = await scene.sent(("BB-MUG-01", 1))
    scene.store.cancel(await scene.at_store(order_id))
    await scene.reread(order_id)
    assert await scene.states(order_id) == ["cancel_requested"]
    await tasks.drain()
    assert (await scene.status(order_id), await scene.codes(order_id)) == ("canceled", [])
    assert scene.acme.orders[po][0].status == "canceled"


async def test_what_changed_in_part_after_sending_is_told_once(scene: Scene) -> None:
    order_id, po = await scene.sent(("BB-MUG-01", 3))
    await refund(scene, order_id, 1, 1)
    issue = await scene.issue(order_id, C.CHANNEL_ORDER_CHANGED)
    assert issue.message.startswith(f"1 × BB-MUG-01 canceled after {po} was sent")
    await scene.resolve(order_id, C.CHANNEL_ORDER_CHANGED, "acknowledge")
    scene.store.change(await scene.at_store(order_id), customer_note="hello")
    await scene.reread(order_id)
    assert (await scene.codes(order_id), await scene.states(order_id)) == ([], ["submitted"])
    await refund(scene, order_id, 1, 1)
    assert (await scene.issue(order_id, C.CHANNEL_ORDER_CHANGED)).message.startswith("2 × BB-MUG-01")
    await scene.resolve(order_id, C.CHANNEL_ORDER_CHANGED, "cancel")
    await tasks.drain()
    assert await scene.status(order_id) == "canceled"


async def test_a_changed_note_is_taken_over_unless_a_person_wrote_another(scene: Scene) -> None:
    order_id = await scene.order(("BB-MUG-01", 1))
    scene.store.change(await scene.at_store(order_id), customer_note="ring twice")
    await scene.reread(order_id)
    assert (await scene.case(order_id)).order.note == "ring twice"
    await scene.edit(order_id, note="leave at the door")
    scene.store.change(await scene.at_store(order_id), customer_note="ring three times")
    await scene.reread(order_id)
    assert (await scene.case(order_id)).order.note == "leave at the door"


async def test_an_address_changed_after_sending_is_told_and_not_taken_over(scene: Scene) -> None:
    order_id, po = await scene.sent(("BB-MUG-01", 1))
    scene.store.change(await scene.at_store(order_id), shipping={"address_1": "7 Oak Ridge Dr"})
    await scene.reread(order_id)
    issue = await scene.issue(order_id, C.CHANNEL_ORDER_CHANGED)
    assert (issue.message, issue.field) == (f"the address changed at the channel after {po} was sent", "ship_to")
    assert (await scene.case(order_id)).address().line1 == "1 Maple Ave"
