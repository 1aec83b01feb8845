"""Every state and every move through the one door: what is allowed happens whole, what is not leaves no trace."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from typing import Any

import pytest

from engine import clock, db
from engine.domain.states import CANCELABLE, TRANSITIONS, Axis, PurchaseState, Push, Transit
from engine.errors import IllegalTransition, StaleState
from engine.models import Channel, Supplier
from engine.services import audit, invariants, lifecycle, loading
from engine.services.casefile import Case, LineRecord, OrderRecord, PurchaseLineRecord, PurchaseRecord, ShipmentRecord
from engine.services.lifecycle import Actor, Work

BY = Actor("dana", "person", "test")
STATES: dict[Axis, list[str]] = {
    Axis.PURCHASE: [str(s) for s in PurchaseState],
    Axis.PUSH: [str(s) for s in Push],
    Axis.TRANSIT: [str(s) for s in Transit],
}
COLUMN = {Axis.PURCHASE: "state", Axis.PUSH: "push", Axis.TRANSIT: "transit"}
TABLES = (
    "orders", "order_lines", "purchase_orders", "purchase_order_lines", "shipments", "shipment_lines", "issues",
    "audit_events", "outbox", "terms", "order_counts",
)  # fmt: skip


async def an_order(number: str = "1001", *, sent: bool = True) -> int:
    """An order of two pieces with one purchase order and, where sent, one parcel on its way; its id."""
    channel, _ = await Channel.get_or_create({"connector": "file", "created_at": clock.now()}, name="Shop")
    supplier, _ = await Supplier.get_or_create(
        {"connector": "rest", "created_at": clock.now(), "code": "ACME"}, name="Acme"
    )
    async with lifecycle.change(by=BY) as work:
        order = OrderRecord(
            id=0, channel_id=channel.id, external_id=number, number=number, status="", version=0, audit_seq=0,
            audit_hash="", placed_at=work.now, channel_updated_at=work.now, received_at=work.now, changed_at=work.now,
            channel_state="open", payment="paid", fraud="", currency="USD", total=200, shipping_total=0, tax_total=0,
            discount_total=0, customer="Kim", email="kim@example.com", country="US", ship_to="{}", bill_to=None,
            shipping_rate="Free", note="", fingerprint="f", likeness=number, waived="[]", held="", snoozed_until=None,
            auto=False, inbound_id=None,
        )  # fmt: skip
        line = LineRecord(id=0, order_id=0, external_id="1", position=1, sku="MUG", title="Mug", quantity=2,
                          unit_price=100)  # fmt: skip
        case = work.new_order(order, [line], "pulled", None)
        po = PurchaseRecord(
            id=0, order_id=0, supplier_id=supplier.id, po_number=f"{number}-1", state="", version=0, back_to="",
            method_id=None, method_chosen=False, currency="USD", release_at=None, attempt=0, lease_until=None,
            lease_token="", reference="", message="", superseded=False, created_at=work.now, sent_at=None,
            acknowledged_at=None, ack_due_at=None, tracking_due_at=None,
        )  # fmt: skip
        work.new_purchase(case, po)
        po_line = PurchaseLineRecord(
            id=0, purchase_order_id=0, order_line_id=0, position=1, product_id=1, sku="MUG", supplier_sku="M", title="Mug",
            quantity=2, per_unit=1, unit_cost=50, line=line,
        )  # fmt: skip
        work.new_purchase_line(case, po, po_line)
        if sent:
            _send(work, case, po, po_line)
    return order.id


def _send(work: Work, case: Case, po: PurchaseRecord, po_line: PurchaseLineRecord) -> None:
    for name in ("queue", "begin_submit", "accept", "ship_some"):
        work.move(case, po, name, sent_at=work.now)
    work.put(case, po_line, shipped=1)
    shipment = ShipmentRecord(
        id=0, order_id=0, purchase_order_id=0, key="S1", version=0, transit="", push="", push_attempt=0, lease_until=None,
        lease_token="", carrier="ups", carrier_name="UPS", service="", tracking_number="1Z1", tracking_url="",
        shipped_at=work.now, received_at=work.now, channel_reference="", message="", inbound_id=None,
        po_number=po.po_number, purchase=po, contents=[(po_line, 1)],
    )  # fmt: skip
    work.new_shipment(case, shipment)


async def everything() -> dict[str, list[tuple[Any, ...]]]:
    """Every row an order's change could touch."""
    return {table: [tuple(r) for r in await db.rows(f"SELECT * FROM {table} ORDER BY 1, 2")] for table in TABLES}


def record(case: Case, axis: Axis) -> PurchaseRecord | ShipmentRecord:
    return case.purchases[0] if axis is Axis.PURCHASE else case.shipments[0]


async def set_state(axis: Axis, state: str) -> None:
    """The record is in this state, however it got there."""
    table = "purchase_orders" if axis is Axis.PURCHASE else "shipments"
    await db.run(f"UPDATE {table} SET {COLUMN[axis]} = ?", state)
    await db.run("UPDATE purchase_orders SET back_to = ?", "acknowledged")


def pairs(axis: Axis) -> Iterator[tuple[str, str]]:
    for name, step in TRANSITIONS.items():
        if step.axis is axis:
            for state in STATES[axis]:
                yield name, state


@pytest.mark.parametrize("axis", Axis)
async def test_every_allowed_move_is_whole_and_every_other_leaves_no_trace(database: str, axis: Axis) -> None:
    order_id = await an_order()
    moved = refused = 0
    for name, state in pairs(axis):
        await set_state(axis, state)
        await db.run("DELETE FROM outbox")
        if state in TRANSITIONS[name].sources:
            await _moves(order_id, axis, name, state)
            moved += 1
        else:
            before = await everything()
            with pytest.raises(IllegalTransition, match=f"{name}: .* of order 1001 is {state}"):  # noqa: PT012
                async with lifecycle.change([order_id], by=BY) as work:
                    work.event(work.cases[0], "order:note", "also in this transaction")
                    work.put(work.cases[0], work.cases[0].order, note="changed")
                    work.move(work.cases[0], record(work.cases[0], axis), name)
            assert await everything() == before, (name, state)
            refused += 1
    assert moved == sum(len(step.sources) for step in TRANSITIONS.values() if step.axis is axis)
    assert moved + refused == len(list(pairs(axis)))


async def _moves(order_id: int, axis: Axis, name: str, state: str) -> None:
    (was,) = await loading.load([order_id])
    old = record(was, axis)
    async with lifecycle.change([order_id], by=BY) as work:
        work.move(work.cases[0], record(work.cases[0], axis), name, "because", message="said")
    (case,) = await loading.load([order_id])
    new = record(case, axis)
    step = TRANSITIONS[name]
    target = step.target or "acknowledged"
    assert (getattr(new, COLUMN[axis]), new.message) == (target, "said"), (name, state)
    assert new.version == old.version + 1
    event = next(e for e in await audit.show(order_id) if e.seq == was.order.audit_seq + 1)
    assert (event.source, event.action) == ("person", f"{axis}:{name}")
    assert (event.actor, event.cause, event.subject, event.message) == ("dana", "test", new.path, "because")
    path = f"{new.path}.{COLUMN[axis]}"
    # Some more of it ships: the state stays, and what is the same is not noted.
    assert (event.before.get(path), event.after.get(path)) == ((state, target) if state != target else (None, None))
    jobs = [tuple(r) for r in await db.rows("SELECT task, subject_id, key FROM outbox WHERE state = 'ready'")]
    if step.job is None:
        assert jobs == []
    else:
        assert [(task, subject) for task, subject, _ in jobs] == [(step.job, new.id)]
        assert jobs[0][2].endswith(f":{new.id}:{new.version}")
    assert list(invariants.order_problems(case)) == []
    await db.run("UPDATE purchase_orders SET message = ''")
    await db.run("UPDATE shipments SET message = ''")


@pytest.mark.parametrize("state", CANCELABLE)
async def test_a_refused_cancellation_leads_back_to_where_it_was_asked(database: str, state: PurchaseState) -> None:
    order_id = await an_order()
    await set_state(Axis.PURCHASE, state)
    for name in ("request_cancel", "refuse_cancel"):
        async with lifecycle.change([order_id], by=BY) as work:
            work.move(work.cases[0], work.cases[0].purchases[0], name)
    (case,) = await loading.load([order_id])
    assert (case.purchases[0].state, case.purchases[0].back_to) == (state, state)


async def test_a_lost_race_is_stale_and_leaves_nothing_behind(database: str) -> None:
    order_id = await an_order(sent=False)
    before = await everything()
    with pytest.raises(StaleState, match=r"po\.1001-1 was changed by someone else"):  # noqa: PT012
        async with lifecycle.change([order_id], by=BY) as work:
            work.move(work.cases[0], work.cases[0].purchases[0], "queue")
            # Someone else, of whom the lock did not know, was faster.
            await db.run("UPDATE purchase_orders SET version = version + 1")
    assert await everything() == before
    with pytest.raises(StaleState, match="1001 was changed by someone else"):  # noqa: PT012
        async with lifecycle.change([order_id], by=BY) as work:
            work.put(work.cases[0], work.cases[0].order, note="x")
            await db.run("UPDATE orders SET version = version + 1")
    assert await everything() == before


async def test_whatever_breaks_after_a_move_undoes_it(database: str) -> None:
    order_id = await an_order(sent=False)
    before = await everything()

    async def breaks() -> None:
        assert await db.value("SELECT state FROM purchase_orders") == "queued"
        assert await db.value("SELECT COUNT(*) FROM outbox") == 1
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):  # noqa: PT012
        async with lifecycle.change([order_id], by=BY) as work:
            work.move(work.cases[0], work.cases[0].purchases[0], "queue")
            work.finally_(breaks)
    assert await everything() == before


async def test_a_record_keeps_every_column_in_its_place() -> None:
    for kind in (OrderRecord, LineRecord, PurchaseRecord, PurchaseLineRecord, ShipmentRecord):
        assert kind.__struct_fields__[: len(kind.COLUMNS)] == kind.COLUMNS


async def test_a_long_key_of_a_supplier_is_kept_whole_in_the_blue_book(database: str) -> None:
    order_id = await an_order()
    key = "K" * 200
    async with lifecycle.change([order_id], by=BY) as work:
        case = work.cases[0]
        shipment = case.shipments[0]
        shipment.key = key
        work.move(case, shipment, "depart")
    (event,) = [e for e in await audit.show(order_id) if e.action == "transit:depart"]
    assert event.after[f"shipment.1001-1.{key}.transit"] == "in_transit"


async def test_what_is_done_is_of_the_time_after_waiting_for_the_order(sqlite_database: str) -> None:
    order_id, times = await an_order(), list[int]()
    other = sqlite3.connect(sqlite_database.removeprefix("sqlite://"), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    async def look() -> None:
        async with lifecycle.change([order_id], by=BY) as work:
            times.append(work.now)

    waiting = asyncio.create_task(look())
    await asyncio.sleep(0.05)
    free = clock.micros(clock.now())
    other.execute("ROLLBACK")
    other.close()
    async with asyncio.timeout(60):
        await waiting
    assert times[0] >= free
