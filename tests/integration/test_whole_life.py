"""Orders from the store to both suppliers and back, in one process, on both databases."""

from __future__ import annotations

from pathlib import Path

from engine import db
from engine.services import process, tasks
from tests.support.world import PERSON, world


async def test_orders_are_shipped_by_both_suppliers_and_their_tracking_is_in_the_store(
    database: str, tmp_path: Path
) -> None:
    async with world(tmp_path, split=0.3) as w:
        ids = await w.pull(12)
        outcomes = await process.process(ids, PERSON, undo_seconds=0)
        assert [o.done for o in outcomes] == [True] * 12
        await tasks.drain(lambda: w.all_are("completed"), timeout=60)

        sent = {r[0] for r in await db.rows("SELECT po_number FROM purchase_orders WHERE state = 'closed'")}
        assert set(w.http.ledger) <= sent
        assert all(len(receipts) == 1 for receipts in w.http.ledger.values())
        ours = await db.rows(
            "SELECT o.number, s.tracking_number FROM shipments s JOIN orders o ON o.id = s.order_id ORDER BY 1, 2"
        )
        theirs = sorted((number, one["tracking_number"]) for number, found in w.store.tracking.items() for one in found)
        assert [(r[0], r[1]) for r in ours] == theirs
        assert await db.value("SELECT COUNT(*) FROM outbox WHERE state = 'dead'") == 0
        assert await db.value("SELECT COUNT(*) FROM purchase_orders WHERE lease_until IS NOT NULL") == 0
