"""The record of every attempt to send a purchase order: the table ``submissions``; and when a person must decide."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec

from engine import db
from engine.domain.issues import IssueCode
from engine.errors import BluebookError, NotAuthorised, Refused, TryLater
from engine.ports import Accepted
from engine.services.casefile import Case, PurchaseRecord
from engine.services.lifecycle import Work

CAME_BACK = "came back:"
"""How the cause begins of an Issue about what was sent and came back, at least in part."""
MOST_ROUNDS = 3
"""After so many attempts in a row of which the supplier gave no answer and then did not know, a person decides."""
BLIND = "{po} may have reached {supplier} or not, and {supplier} cannot be asked by machine"
UNTOLD = "{po} may have reached {supplier} or not: {said}. Call {supplier}, then mark it accepted or refused"
UNHEARD = (
    "{po} was sent {rounds} times or more without an answer, and each time {supplier} said it does not have it. Its look-up "
    "may ask at a wrong address (`bluebook suppliers test`): call them, then mark it accepted or refused"
)
_limits: dict[tuple[int, int], asyncio.Semaphore] = {}


NOTHING_CAME = ("deferred", "refused")
"""How attempts end of which it is known that the supplier has nothing by them."""
NEVER_ARRIVED = (
    "p.attempt = (SELECT COUNT(*) FROM submissions AS t WHERE t.purchase_order_id = p.id "
    f"AND t.outcome IN ({', '.join(repr(outcome) for outcome in NOTHING_CAME)}))"
)
"""Of a purchase order ``p``: of each of its attempts that is known, also where there was none."""


class Attempt(msgspec.Struct):
    """One purchase order on its way: what is to be sent, and what came of it."""

    po_id: int
    order_id: int
    po_number: str
    supplier_id: int
    body: bytes
    waits: str = ""  # what it waited for when this attempt was prepared
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
    # By kind and not by exact type: connectors raise errors of their own that are one of these.
    outcome = "deferred" if isinstance(answer, (TryLater, NotAuthorised)) else "unknown"
    if isinstance(answer, Refused):
        outcome = "refused"
    return (outcome, getattr(answer, "message", ""), now, attempt.po_id, attempt.attempt)


async def note(rows: Sequence[tuple[Any, ...]]) -> None:
    """The attempts have ended so: (outcome, message, finished at, purchase order id, attempt)."""
    await db.update(
        "submissions", ("outcome", "message", "finished_at", "purchase_order_id", "attempt"),
        "outcome = v.outcome, message = v.message, finished_at = v.finished_at",
        "submissions.purchase_order_id = v.purchase_order_id AND submissions.attempt = v.attempt", rows,
    )  # fmt: skip


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


async def unheard(po_ids: Sequence[int]) -> dict[int, int]:
    """How many of each purchase order's latest attempts in a row got no answer; those that never left do not count."""
    ids = db.padded(po_ids)
    found = await db.rows(
        f"SELECT purchase_order_id, outcome FROM submissions WHERE purchase_order_id IN ({db.marks(ids)}) "
        "AND outcome <> 'deferred' ORDER BY purchase_order_id, attempt DESC",
        *ids,
    )
    counts: dict[int, int] = {}
    over: set[int] = set()
    for po_id, outcome in found:
        if outcome != "unknown":
            over.add(int(po_id))
        elif int(po_id) not in over:
            counts[int(po_id)] = counts.get(int(po_id), 0) + 1
    return counts


async def never_arrived(po_ids: Sequence[int]) -> set[int]:
    """Those of the purchase orders of which the supplier provably has nothing: no attempt has, or may have, arrived.

    True until the next attempt begins; call it where none can, in the ``change`` that relies on it.
    """
    if not po_ids:
        return set()
    ids = db.padded(po_ids)
    found = await db.rows(
        f"SELECT p.id FROM purchase_orders AS p WHERE p.id IN ({db.marks(ids)}) AND {NEVER_ARRIVED}", *ids
    )
    return {int(r[0]) for r in found}


def ask_a_person(work: Work, case: Case, po: PurchaseRecord, why: str, supplier: str, heard: str = "") -> None:
    """The Issue about a purchase order that may have arrived or not says why (BLIND, UNTOLD, UNHEARD), once."""
    said = why.format(po=po.po_number, supplier=supplier, rounds=MOST_ROUNDS, said=heard)
    open_ = [i for i in case.issues if i.purchase is po and i.code == IssueCode.SUBMISSION_UNKNOWN]
    if any(issue.message == said or issue.cause.startswith(CAME_BACK) for issue in open_):
        return  # the sweep asks every few minutes; and a mail server's words say more than that nobody can be asked
    work.event(case, "purchase:ask", said, record=po)
    for issue in open_:
        work.put(case, issue, message=said)
        return
    work.open_issue(case, IssueCode.SUBMISSION_UNKNOWN, said, purchase=po, cause=f"unknown:{po.po_number}:{po.attempt}")
