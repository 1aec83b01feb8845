"""Pausing a connection whose credentials are not accepted, telling the orders that wait for it, and letting it go on."""

from __future__ import annotations

from typing import Literal

from engine import db
from engine.domain.issues import IssueCode
from engine.errors import NotFound
from engine.services import lifecycle, outbox, schedule, settings_book
from engine.services.casefile import Case, PurchaseRecord
from engine.services.lifecycle import Actor, Work
from engine.services.outbox import NewJob

Table = Literal["channels", "suppliers"]
BATCH = 100
_ASKED = {"outcome_unknown": "purchases.find", "cancel_requested": "purchases.cancel"}
_WAITING = ("queued", *_ASKED)


async def pause(table: Table, row_id: int, reason: str) -> None:
    """The connection is not used until a person resumes it, and people are told."""
    async with db.transaction():
        was = await db.row(f"SELECT name, paused_reason FROM {table} WHERE id = ? AND archived_at IS NULL", row_id)
        if was is None:
            return  # removed meanwhile
        await db.run(f"UPDATE {table} SET paused_reason = ?, last_error = ? WHERE id = ?", reason, reason, row_id)
        if not was[1]:
            subject, after = f"{table[:-1]} {row_id}", {"paused_reason": reason}
            by = Actor("worker", "worker")
            await settings_book.note(
                by, f"{table[:-1]}:pause", was[0], subject=subject, before={"paused_reason": ""}, after=after
            )
        args = {"kind": "paused", "table": table, "reason": reason}
        await outbox.put([NewJob(f"paused:{table}:{row_id}", "notify.send", row_id, None, args)])


async def deny(supplier_id: int, reason: str, by: Actor) -> None:
    """The supplier is paused, and the orders that cannot go on without it have the Issue that says so."""
    await pause("suppliers", supplier_id, reason)
    found = await db.rows(
        f"SELECT DISTINCT order_id FROM purchase_orders WHERE supplier_id = ? AND state IN ({db.marks(_WAITING)})",
        supplier_id, *_WAITING,
    )  # fmt: skip
    ids = [int(row[0]) for row in found]
    for start in range(0, len(ids), BATCH):
        async with lifecycle.change(ids[start : start + BATCH], by=by) as work:
            for case in work.cases:
                for po in case.purchases:
                    if po.supplier_id == supplier_id and po.state in _WAITING:
                        tell(work, case, po, reason)


def tell(work: Work, case: Case, po: PurchaseRecord, reason: str) -> None:
    """The order has the Issue that its supplier's credentials are not accepted; one that is open stays as it is."""
    cause = f"auth:supplier:{po.supplier_id}"
    if any(i.code == IssueCode.CONNECTION_AUTH and i.cause == cause and i.purchase is po for i in case.issues):
        return
    work.event(case, "purchase:wait", reason, record=po)
    work.open_issue(case, IssueCode.CONNECTION_AUTH, f"{po.po_number}: {reason}", purchase=po, cause=cause)


async def resume(table: Table, row_id: int, by: Actor) -> int:
    """The connection is used again, and the Issues its pause left are closed; how many. Raises NotFound."""
    was = await db.row(f"SELECT name, paused_reason FROM {table} WHERE id = ? AND archived_at IS NULL", row_id)
    if was is None:
        raise NotFound(f"there is no {table[:-1]} {row_id}, or it was removed")
    async with db.transaction():
        await db.run(f"UPDATE {table} SET paused_reason = '', last_error = '' WHERE id = ?", row_id)
        subject = f"{table[:-1]} {row_id}"
        before, after = {"paused_reason": was[1]}, {"paused_reason": ""}
        await settings_book.note(by, f"{table[:-1]}:resume", was[0], subject=subject, before=before, after=after)
    await schedule.ensure()
    cause = f"auth:{table[:-1]}:{row_id}"
    found = await db.rows("SELECT DISTINCT order_id FROM issues WHERE cause = ? AND closed_at IS NULL", cause)
    async with lifecycle.change([int(r[0]) for r in found], by=by) as work:
        for case in work.cases:
            work.event(case, "connection:resume", "the connection is used again")
            for issue in [i for i in case.issues if i.code == IssueCode.CONNECTION_AUTH and i.cause == cause]:
                work.close_issue(case, issue, "resumed")
            for po in case.purchases:
                if table == "suppliers" and po.supplier_id == row_id and po.state == "queued":
                    if po.attempt:
                        work.put(case, po, release_at=work.now)
                    work.job(case, "purchases.submit", po)
                elif table == "suppliers" and po.supplier_id == row_id and po.state in _ASKED:
                    work.job(case, _ASKED[po.state], po)
    return len(found)
