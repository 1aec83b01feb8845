"""What should have been heard by now and was not: suppliers that owe an acknowledgement or a tracking number."""

from __future__ import annotations

from engine import clock, db
from engine.domain.issues import IssueCode
from engine.services import lifecycle
from engine.services.lifecycle import Actor
from engine.services.outbox import NewJob

LIMIT = 200
_OWED = (
    ("ack_due_at", IssueCode.NO_ACK_IN_TIME, "no acknowledgement since it was sent"),
    ("tracking_due_at", IssueCode.NO_TRACKING_IN_TIME, "not shipped yet"),
)


async def raise_issues() -> int:
    """Each purchase order whose supplier is late has an Issue that says so, and a job that reminds the supplier; how many are
    new. Called by the sweep."""
    count = 0
    now = clock.micros(clock.now())
    by = Actor("worker", "worker", "overdue")
    for column, code, said in _OWED:
        found = await db.rows(
            f"SELECT order_id FROM purchase_orders WHERE {column} IS NOT NULL AND {column} < ? ORDER BY {column} LIMIT ?",
            now, LIMIT,
        )  # fmt: skip
        async with lifecycle.change([int(r[0]) for r in found], by=by) as work:
            for case in work.cases:
                for po in case.purchases:
                    due = getattr(po, column)
                    if due is None or due > work.now:
                        continue
                    work.event(case, f"purchase:{code}", said, record=po)
                    work.plain_job(
                        NewJob(f"remind:{po.id}:{code}", "suppliers.remind", po.id, None, {"code": code.value})
                    )
                    work.open_issue(case, code, f"{po.po_number}: {said}", purchase=po, cause=f"{code}:{po.po_number}")
                    # Said once; the supplier's word or a person's clears it.
                    work.put(case, po, **{column: None})
                    count += 1
    return count
