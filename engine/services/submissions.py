"""The record of every attempt to send a purchase order: the table ``submissions``."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec

from engine import db
from engine.errors import BluebookError, NotAuthorised, Refused, TryLater
from engine.ports import Accepted
from engine.services.casefile import PurchaseRecord
from engine.services.lifecycle import Work

_limits: dict[tuple[int, int], asyncio.Semaphore] = {}


class Attempt(msgspec.Struct):
    """One purchase order on its way: what is to be sent, and what came of it."""

    po_id: int
    order_id: int
    po_number: str
    supplier_id: int
    body: bytes
    version: int | None = None  # of the purchase order the body was made of; None where it was frozen before
    concurrency: int = 1
    reservation: str = ""  # under which it was staged; ``late``: that was over before it could be begun
    late: bool = False
    token: str = ""
    attempt: int = 0
    over_at: int = 0  # when the call must be over, in microseconds: before the lease is
    asked_at: int = 0  # when the supplier was asked whether it has it
    answer: Accepted | BluebookError | None = None


def turn(attempt: Attempt) -> asyncio.Semaphore:
    """As many calls at once as the supplier allows, in this process."""
    key = (attempt.supplier_id, max(1, attempt.concurrency))
    return _limits.setdefault(key, asyncio.Semaphore(key[1]))


def row(attempt: Attempt, now: int) -> tuple[Any, ...]:
    """How the attempt ended, as ``note`` takes it."""
    answer = attempt.answer
    if isinstance(answer, Accepted):
        return ("accepted", answer.reference, now, attempt.po_id, attempt.attempt)
    outcome = {TryLater: "deferred", NotAuthorised: "deferred", Refused: "refused"}.get(type(answer), "unknown")
    return (outcome, getattr(answer, "message", ""), now, attempt.po_id, attempt.attempt)


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


async def ended(po_ids: Sequence[int]) -> dict[int, int]:
    """When the last attempt of each purchase order ended, in microseconds; ones without an ended attempt are left out."""
    ids = db.padded(po_ids)
    found = await db.rows(
        "SELECT purchase_order_id, MAX(finished_at) FROM submissions WHERE finished_at IS NOT NULL "
        f"AND purchase_order_id IN ({db.marks(ids)}) GROUP BY purchase_order_id",
        *ids,
    )
    return {int(r[0]): int(r[1]) for r in found}
