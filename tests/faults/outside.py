"""What must be true in the end, asked of both sides: the suppliers' and the store's own records, and our database."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

from engine import db
from engine.services import invariants
from tests.faults.siege import Siege
from tests.support import book


async def assert_all_is_well(shop: Siege) -> None:
    """Every order went out once and came back whole; the books are in order."""
    await _suppliers_have_each_once(shop)
    await _store_has_every_parcel(shop)
    await _nothing_is_left()
    await _books_are_in_order()


async def _suppliers_have_each_once(shop: Siege) -> None:
    ours = {r[0]: r[1] for r in await db.rows("SELECT po_number, supplier_id FROM purchase_orders")}
    acme, nova = shop.shop.suppliers["ACME"], shop.shop.suppliers["NOVA"]
    ledger = await shop.supplier_ledger()
    assert {po: len(receipts) for po, receipts in ledger.items() if len(receipts) > 1} == {}
    assert sorted(ledger) == sorted(po for po, supplier in ours.items() if supplier == acme)
    events = shop.warehouse_ledger()
    received = Counter(event["po_number"] for event in events if event["event"] == "received")
    assert [po for po, count in received.items() if count > 1] == []
    assert sorted(received) == sorted(po for po, supplier in ours.items() if supplier == nova)


async def _store_has_every_parcel(shop: Siege) -> None:
    given: dict[str, list[str]] = {}
    told = [(u["po_number"], u["tracking_number"]) for u in await shop.supplier_said() if u["status"] == "shipped"]
    for event in shop.warehouse_ledger():
        if event["event"] == "shipped":
            told += [(event["po_number"], number) for number in event["tracking_numbers"]]
    numbers = {r[0]: r[1] for r in await db.rows(
        "SELECT p.po_number, o.number FROM purchase_orders p JOIN orders o ON o.id = p.order_id"
    )}  # fmt: skip
    for po_number, tracking in told:
        given.setdefault(numbers[po_number], []).append(tracking)
    state = await shop.store_state()
    theirs = {number: sorted(e["tracking_number"] for e in found) for number, found in state["tracking"].items()}
    assert theirs == {number: sorted(found) for number, found in given.items()}
    assert state["by_status"] == {"completed": state["orders"]}
    assert state["customer_notes"] == len(told)


async def _nothing_is_left() -> None:
    assert await db.rows("SELECT po_number FROM purchase_orders WHERE state <> 'closed'") == []
    assert await db.rows("SELECT po_number FROM purchase_orders WHERE lease_until IS NOT NULL") == []
    assert await db.rows("SELECT id FROM shipments WHERE lease_until IS NOT NULL OR push <> 'confirmed'") == []
    assert await db.rows("SELECT key FROM outbox WHERE state IN ('claimed', 'dead')") == []
    assert await db.rows("SELECT id FROM inbound_messages WHERE state NOT IN ('done', 'superseded')") == []
    assert await db.rows("SELECT id FROM issues WHERE closed_at IS NULL") == []
    assert await db.rows("SELECT id FROM submissions WHERE outcome = 'pending'") == []
    assert await db.rows("SELECT id FROM tracking_pushes WHERE outcome = 'pending'") == []


async def _books_are_in_order() -> None:
    assert await invariants.check(grace=timedelta(0)) == []
    for row in await db.rows("SELECT id FROM orders ORDER BY id"):
        await book.verify(row[0])
