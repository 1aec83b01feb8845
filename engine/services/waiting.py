"""Waiting: what is due and cannot be sent says so in the order's blue book, once, however often it is tried again.

Attempts are steps of their own there. This is about what comes before one: a supplier that is disabled or paused, a file that
cannot be put where it is prepared, credentials that cannot be read. That it goes on is said by the attempt that follows.
"""

from __future__ import annotations

from collections.abc import Sequence

from engine.domain.states import PurchaseState
from engine.errors import BluebookError
from engine.services import lifecycle, unsent
from engine.services.casefile import Case, PurchaseRecord
from engine.services.lifecycle import Actor, Work
from engine.services.outbox import backoff
from engine.services.submissions import Attempt

Trouble = tuple[Attempt, BluebookError, float | None]
"""What could not be prepared, what stood in its way, and seconds until it is tried again, None where nobody said."""


def note(work: Work, case: Case, po: PurchaseRecord, reason: str) -> None:
    """The purchase order waits for this reason, which its blue book says where it did not wait for the same before."""
    if po.message != reason:
        work.event(case, "purchase:wait", reason, record=po)
        work.put(case, po, message=reason)


async def begin(troubles: Sequence[Trouble], by: Actor) -> set[int]:
    """Those purchase orders among these that did not wait before say now why they do; their ids.

    Each of them has a job that tries again, so that nothing is left to do for the one that is running.
    """
    new = {
        attempt.po_id: (attempt, error.message, wait)
        for attempt, error, wait in troubles
        if not attempt.waits and error.message and error.message != unsent.BUSY
    }
    told: set[int] = set()
    if not new:
        return told
    async with lifecycle.change({attempt.order_id for attempt, _, _ in new.values()}, by=by) as work:
        for case in work.cases:
            for po in case.purchases:
                attempt, reason, wait = new.get(po.id, (None, "", None))
                if attempt is None or po.state != PurchaseState.QUEUED or po.message:
                    continue  # taken back, canceled, or told meanwhile
                note(work, case, po, reason)
                run_at = work.now + int((wait if wait is not None else backoff(1)) * 1_000_000)
                work.job(case, "purchases.submit", po, run_at=run_at, error=reason)
                told.add(po.id)
    return told
