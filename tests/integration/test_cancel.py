"""Canceling, and what suppliers do unasked: agree, refuse, ship anyway, ship too much, speak of what we do not know."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from engine import clock, db
from engine.demo.supplier_faults import Fault, Route
from engine.domain.issues import IssueCode
from engine.errors import NotFound, Refused
from engine.services import cancel, hold, receive, setup, tasks
from tests.support.book import sentences
from tests.support.scene import DANA, WORKER, Scene

pytestmark = pytest.mark.asyncio(loop_scope="module")
C = IssueCode


async def test_what_was_not_sent_is_canceled_at_once(scene: Scene) -> None:
    order_id = await scene.order(("BB-MUG-01", 1), ("GHOST-1", 1))
    said = await cancel.cancel_order(order_id, DANA, reason="customer wrote")
    assert said.endswith(": canceled")
    assert (await scene.status(order_id), await scene.codes(order_id)) == ("canceled", [])
    assert "person:order:cancel customer wrote" in await sentences(order_id)
    with pytest.raises(NotFound):
        await cancel.cancel_order(10**9, DANA)


async def test_what_was_sent_is_asked_back_and_the_rest_of_the_order_too(scene: Scene) -> None:
    order_id = await scene.order(("BB-MUG-01", 1), ("BB-TEA-01", 1))
    await scene.send(order_id)
    acme, nova = (await scene.case(order_id)).purchases
    said = await cancel.cancel_order(order_id, DANA)
    assert said.endswith(f"the supplier is asked to cancel {acme.po_number}, {nova.po_number}")
    await tasks.drain()
    assert (await scene.status(order_id), await scene.states(order_id)) == ("canceled", ["canceled", "canceled"])


async def test_one_purchase_order_can_be_asked_back_and_the_other_ships(scene: Scene) -> None:
    order_id = await scene.order(("BB-MUG-01", 1), ("BB-TEA-01", 1))
    await scene.send(order_id)
    acme, nova = (await scene.case(order_id)).purchases
    assert await cancel.request(acme.po_number, DANA) == f"the supplier is asked to cancel {acme.po_number}"
    await tasks.drain()
    await scene.say(nova.po_number, "shipped", (1, "NV-TEA-EG100", 1), desk="NOVA")
    await scene.until(order_id, "completed")
    lines = (await scene.case(order_id)).lines
    assert [(line.shipped, line.canceled, line.open) for line in lines] == [(0, 1, 0), (1, 0, 0)]
    with pytest.raises(Refused, match="can no longer be asked"):
        await cancel.request(nova.po_number, DANA)
    with pytest.raises(NotFound):
        await cancel.request("1-1-1", DANA)


async def test_a_supplier_that_refuses_ships_and_is_not_asked_again_at_every_change(scene: Scene) -> None:
    acme = scene.shop.suppliers["ACME"]
    order_id, po = await scene.sent(("BB-MUG-01", 1))
    await setup.update("suppliers", acme, DANA, values={"can_cancel": False})
    try:
        await cancel.cancel_order(order_id, DANA)
        await tasks.drain()
        assert await scene.states(order_id) == ["submitted"]
        await scene.resolve(order_id, C.CANCEL_REFUSED, "acknowledge")
        scene.store.cancel(await scene.at_store(order_id))
        await scene.reread(order_id)
        assert (await scene.states(order_id), await scene.codes(order_id)) == (["submitted"], [])
        await cancel.cancel_order(order_id, DANA)
        assert await scene.states(order_id) == ["cancel_requested"]
        await tasks.drain()
    finally:
        await setup.update("suppliers", acme, DANA, values={"can_cancel": True})
    await scene.say(po, "shipped", (1, "AC-2001", 1))
    assert (await scene.case(order_id)).lines[0].shipped == 1


async def test_a_parcel_that_comes_after_the_request_wins_and_a_person_is_told(scene: Scene) -> None:
    scene.fault(Fault.THROTTLE, route=Route.CANCEL)
    order_id, po = await scene.sent(("BB-MUG-01", 1))
    await cancel.cancel_order(order_id, DANA)
    await tasks.drain()
    assert await scene.states(order_id) == ["cancel_requested"]
    await scene.say(po, "shipped", (1, "AC-2001", 1), tracking_number="1Z999AA10123456784")
    assert "although cancellation was requested" in (await scene.issue(order_id, C.SHIPPED_AFTER_CANCEL)).message
    await scene.resolve(order_id, C.SHIPPED_AFTER_CANCEL, "acknowledge")
    await scene.until(order_id, "completed")


async def test_a_refusal_of_what_was_asked_back_is_a_cancellation(scene: Scene) -> None:
    scene.fault(Fault.THROTTLE, route=Route.CANCEL)
    order_id, po = await scene.sent(("BB-MUG-01", 1))
    await cancel.cancel_order(order_id, DANA)
    await tasks.drain()
    await scene.say(po, "rejected")
    assert (await scene.status(order_id), await scene.states(order_id), await scene.codes(order_id)) == (
        "canceled", ["canceled"], [],
    )  # fmt: skip


async def test_what_a_supplier_cancels_unasked_waits_for_a_person(scene: Scene) -> None:
    order_id, po = await scene.sent(("BB-MUG-01", 2))
    await scene.say(po, "canceled", message="warehouse flooded")
    assert (await scene.status(order_id), await scene.states(order_id)) == ("failed", ["rejected"])
    assert "warehouse flooded" in (await scene.issue(order_id, C.SUPPLIER_REJECTED)).message


async def test_what_is_canceled_while_the_supplier_is_busy_is_not_sent_at_the_next_attempt(scene: Scene) -> None:
    scene.fault(Fault.THROTTLE)
    order_id = await scene.order(("BB-MUG-01", 1))
    po = await scene.send(order_id)
    assert (po.state, po.attempt) == ("queued", 1)
    await cancel.cancel_order(order_id, DANA)
    assert (await scene.status(order_id), await scene.states(order_id)) == ("canceled", ["canceled"])
    assert po.po_number not in scene.acme.orders


async def test_an_order_held_while_the_supplier_is_busy_waits(scene: Scene) -> None:
    scene.fault(Fault.THROTTLE)
    order_id = await scene.order(("BB-MUG-01", 1))
    po = await scene.send(order_id)
    await hold.hold(order_id, "look again", DANA)
    # The supplier asked for a minute's patience; the clock is past it.
    clock.use(lambda: datetime.now(UTC) + timedelta(minutes=2))
    await tasks.drain()
    assert (await scene.states(order_id), po.po_number in scene.acme.orders) == (["queued"], False)
    assert (await scene.po(order_id)).message == "the order is on hold"
    await hold.release(order_id, DANA)
    clock.use(lambda: datetime.now(UTC) + timedelta(minutes=10))
    await tasks.drain()
    assert await scene.states(order_id) == ["submitted"]


async def test_the_rest_of_what_is_shipped_in_part_cannot_be_asked_back_and_a_person_is_told(scene: Scene) -> None:
    order_id, po = await scene.sent(("BB-MUG-01", 3))
    await scene.say(po, "shipped", (1, "AC-2001", 1))
    await cancel.cancel_order(order_id, DANA)
    assert (await scene.issue(order_id, C.CHANNEL_ORDER_CHANGED)).message.startswith(
        f"2 × BB-MUG-01 canceled after {po}"
    )
    await scene.say(po, "shipped", (1, "AC-2001", 2))
    assert (await scene.case(order_id)).lines[0].shipped == 3


async def test_more_than_was_ordered_counts_as_what_was_ordered_and_is_said(scene: Scene) -> None:
    order_id, po = await scene.sent(("BB-MUG-01", 2))
    await scene.say(po, "shipped", (1, "AC-2001", 5))
    line = (await scene.case(order_id)).lines[0]
    assert (line.shipped, line.open) == (2, 0)
    assert any("more than open: 5 × AC-2001 of 2" in said for said in await sentences(order_id))
    heard = await scene.say(po, "shipped", (1, "AC-2001", 1))
    assert heard.parked == 1
    reason = await db.value("SELECT reason FROM inbound_messages WHERE state = 'parked' ORDER BY id DESC LIMIT 1")
    assert "nothing of it is left to ship" in reason


async def test_what_is_said_of_an_unknown_purchase_order_is_parked_and_counts_when_replayed(scene: Scene) -> None:
    number = scene.place(("BB-MUG-01", 1))
    heard = await scene.say(f"{number}-1", "shipped", (1, "AC-2001", 1))
    assert heard.parked == 1
    row = await db.row("SELECT id, reason FROM inbound_messages WHERE state = 'parked' ORDER BY id DESC LIMIT 1")
    assert row is not None
    assert row[1] == f"no purchase order '{number}-1' was sent to this supplier"
    assert (await receive.replay(int(row[0]), WORKER)).startswith("still parked")
    (order_id,) = await scene.take(number)
    await scene.send(order_id)
    assert "1 updates applied" in await receive.replay(int(row[0]), WORKER)
    await scene.until(order_id, "completed")


async def test_what_is_said_twice_counts_once(scene: Scene) -> None:
    order_id, po = await scene.sent(("BB-MUG-01", 2))
    await scene.say(po, "shipped", (1, "AC-2001", 1), id="SAME")
    heard = await scene.say(po, "shipped", (1, "AC-2001", 1), id="SAME", message="again")
    assert (heard.known, (await scene.case(order_id)).lines[0].shipped) == (1, 1)


async def test_a_parcel_for_a_canceled_purchase_order_is_told_and_parked(scene: Scene) -> None:
    order_id, po = await scene.sent(("BB-MUG-01", 1))
    await cancel.cancel_order(order_id, DANA)
    await tasks.drain()
    assert (await scene.say(po, "shipped", (1, "AC-2001", 1))).parked == 1
    assert f"{po} is canceled here, and the supplier shipped it" in (
        await scene.issue(order_id, C.SHIPPED_AFTER_CANCEL)
    ).message  # fmt: skip
