"""Pausing a connection whose credentials are not accepted, and letting it go on."""

from __future__ import annotations

from typing import Literal

from engine import db
from engine.domain.issues import IssueCode
from engine.errors import NotFound
from engine.services import lifecycle, outbox, schedule, settings_book
from engine.services.lifecycle import Actor
from engine.services.outbox import NewJob

Table = Literal["channels", "suppliers"]


async def pause(table: Table, row_id: int, reason: str) -> None:
    """The connection is not used until a person resumes it, and people are told."""
    async with db.transaction():
        was = await db.row(f"SELECT name, paused_reason FROM {table} WHERE id = ?", row_id)
        await db.run(f"UPDATE {table} SET paused_reason = ?, last_error = ? WHERE id = ?", reason, reason, row_id)
        if was is not None and not was[1]:
            subject, after = f"{table[:-1]} {row_id}", {"paused_reason": reason}
            by = Actor("worker", "worker")
            await settings_book.note(
                by, f"{table[:-1]}:pause", was[0], subject=subject, before={"paused_reason": ""}, after=after
            )
        args = {"kind": "paused", "table": table, "reason": reason}
        await outbox.put([NewJob(f"paused:{table}:{row_id}", "notify.send", row_id, None, args)])


async def resume(table: Table, row_id: int, by: Actor) -> int:
    """The connection is used again, and the Issues its pause left are closed; how many. Raises NotFound."""
    was = await db.row(f"SELECT name, paused_reason FROM {table} WHERE id = ?", row_id)
    if was is None:
        raise NotFound(f"there is no {table[:-1]} {row_id}")
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
    return len(found)
