"""The record of every attempt to send a purchase order: the table ``submissions``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from engine import db
from engine.services.casefile import PurchaseRecord
from engine.services.lifecycle import Work


async def note(rows: Sequence[tuple[Any, ...]]) -> None:
    """The attempts have ended so: (outcome, message, finished at, purchase order id, attempt)."""
    await db.many(
        "UPDATE submissions SET outcome = ?, message = ?, finished_at = ? WHERE purchase_order_id = ? AND attempt = ?",
        rows,
    )


def end(work: Work, po: PurchaseRecord, outcome: str, message: str) -> None:
    """The present attempt has ended so, with this work: whoever made it may be gone and never say."""
    rows = [(outcome, message, work.now, po.id, po.attempt)]
    work.finally_(lambda: note(rows))
