"""Receipts, which say that a document could be read and nothing more: those we owe, and those we are owed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from engine import clock, db
from engine.domain.issues import IssueCode
from engine.domain.states import PurchaseState
from engine.errors import BluebookError, NotAuthorised, NotFound
from engine.ports import NumbersDocuments, SupplierUpdate, UpdateKind
from engine.services import catalog, connections, inbox, lifecycle, numbers, outbox
from engine.services.casefile import Case, PurchaseRecord
from engine.services.lifecycle import Actor, Work
from engine.services.outbox import Done, Job, NewJob, Outcome, Retry

LIMIT = 200
_PAUSED = 60.0


def cause(po_number: str) -> str:
    """What the Issue about a missing receipt is known by."""
    return f"no_receipt:{po_number}"


# --- owed by us -------------------------------------------------------------------------------------------------------


async def owe(inbound_ids: Sequence[int]) -> None:
    """For each of these payloads a job will send what is owed for it."""
    if inbound_ids:
        async with db.transaction():
            await outbox.put([NewJob(f"receipt:{i}", "suppliers.receipt", i) for i in inbound_ids])


async def run_jobs(jobs: Sequence[Job]) -> Mapping[int, Outcome] | None:
    """The receipts for the payloads the jobs name are with their suppliers; each is the same bytes however often."""
    results: dict[int, Outcome] = {}
    known = await catalog.suppliers()
    for job in jobs:
        try:
            row, raw = await inbox.show(job.subject_id)
        except NotFound:
            continue
        supplier = known.get(row.source_id)
        if supplier is None or not supplier.enabled or supplier.paused_reason:
            results[job.id] = Retry(_PAUSED, "the supplier is paused or disabled")
            continue
        try:
            connector = await catalog.supplier(row.source_id)
            if isinstance(connector, NumbersDocuments):
                bodies = connector.receipts(raw)
                for one in await numbers.assign(
                    connector, [numbers.Unnumbered("997", inbox.digest(raw)[:40], body) for body in bodies]
                ):
                    await connector.send_receipt(one.number, one.body)
        except NotAuthorised as error:
            await connections.deny(row.source_id, error.message, Actor("worker", "worker", job.key))
            results[job.id] = Retry(_PAUSED, error.message)
        except BluebookError as error:
            results[job.id] = Retry(getattr(error, "retry_after", None), error.message)
        else:
            results[job.id] = Done()
    return results


# --- owed to us -------------------------------------------------------------------------------------------------------


async def resolve(
    connector: NumbersDocuments, updates: Sequence[SupplierUpdate]
) -> list[tuple[SupplierUpdate | None, str]]:
    """Each update with the purchase order its control number was given to, or why there is none; None: nothing to do."""
    wanted = sorted({update.control for update in updates})
    rows = {}
    for start in range(0, len(wanted), 500):
        chunk = wanted[start : start + 500]
        for r in await db.rows(
            "SELECT n.number, n.kind, n.subject, (SELECT MAX(m.number) FROM control_numbers m WHERE m.subject = n.subject "
            "AND m.kind = n.kind AND m.partner = n.partner) FROM control_numbers n WHERE n.partner = ? "
            f"AND n.number IN ({db.marks(chunk)})",
            connector.partner, *chunk,
        ):  # fmt: skip
            rows[int(r[0])] = (str(r[1]), str(r[2]), int(r[3]))
    found: list[tuple[SupplierUpdate | None, str]] = []
    answered = []
    for update in updates:
        if update.control not in rows:
            found.append((None, f"it speaks of our interchange {update.control:09d}, and none of that number was sent"))
            continue
        kind, subject, latest = rows[update.control]
        found.append((_about(update, kind, subject, latest), ""))
        answered.append((clock.micros(clock.now()), update.message[:500], connector.partner, update.control))
    async with db.transaction():
        await db.many(
            "UPDATE control_numbers SET waiting = 0, answered_at = ?, answer = ? WHERE partner = ? AND number = ?",
            answered,
        )
    return found


def _about(update: SupplierUpdate, kind: str, subject: str, latest: int) -> SupplierUpdate | None:
    refused = update.kind is UpdateKind.REJECTED
    if kind == "850" and update.control != latest:
        # The order has gone out as another document since: what became of this one decides nothing.
        said = f"of an earlier attempt, {update.control:09d}: {update.message}"
        return msgspec.structs.replace(update, po_number=subject, kind=UpdateKind.RECEIVED, message=said)
    if kind == "850":
        return msgspec.structs.replace(update, po_number=subject)
    if kind == "860" and refused:
        return msgspec.structs.replace(update, po_number=subject, kind=UpdateKind.CANCEL_REFUSED)
    return None


def received(work: Work, case: Case, po: PurchaseRecord, update: SupplierUpdate, inbound_id: int) -> bool:
    """The blue book has it, and nobody waits for it any more. It says nothing of what will be shipped."""
    work.event(case, "purchase:received", update.message, record=po, source="supplier", inbound_id=inbound_id)
    for issue in [i for i in case.issues if i.cause == cause(po.po_number)]:
        work.close_issue(case, issue, "their system has read it")
    return False


async def raise_issues() -> int:
    """Each purchase order whose receipt is overdue has an Issue that says so; how many are new. Called by the sweep."""
    now = clock.micros(clock.now())
    found = await db.rows(
        "SELECT n.id, n.number, p.id, p.order_id, n.due_after FROM control_numbers n "
        "JOIN purchase_orders p ON p.po_number = n.subject WHERE n.waiting = 1 AND p.sent_at IS NOT NULL "
        "AND p.sent_at + n.due_after < ? ORDER BY n.id LIMIT ?",
        now, LIMIT,
    )  # fmt: skip
    if not found:
        return 0
    late = {int(r[2]): (f"{int(r[1]):09d}", int(r[4]) / 3_600_000_000) for r in found}
    count = 0
    async with lifecycle.change({int(r[3]) for r in found}, by=Actor("worker", "worker", "overdue")) as work:
        for case in work.cases:
            for po in case.purchases:
                # Acknowledged or shipped, it has arrived, whatever became of the receipt.
                if po.id in late and po.state == PurchaseState.SUBMITTED:
                    number, hours = late[po.id]
                    said = (
                        f"no functional acknowledgement (997) within {hours:g} hours of interchange {number}, so their system "
                        "may not have read it"
                    )
                    work.event(case, f"purchase:{IssueCode.NO_ACK_IN_TIME}", said, record=po)
                    work.open_issue(
                        case,
                        IssueCode.NO_ACK_IN_TIME,
                        f"{po.po_number}: {said}",
                        purchase=po,
                        cause=cause(po.po_number),
                    )
                    count += 1
        work.finally_(lambda: _told([int(r[0]) for r in found]))
    return count


async def _told(ids: Sequence[int]) -> None:
    await db.many("UPDATE control_numbers SET waiting = 0 WHERE id = ?", [(i,) for i in ids])
