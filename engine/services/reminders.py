"""Reminders: a supplier that owes something is asked for it by its own channel where it has one, and else the people are told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from engine import clock, db
from engine.domain.issues import IssueCode
from engine.errors import BluebookError, OutcomeUnknown, TryLater
from engine.ports import Reminder, Reminds
from engine.services import answers, catalog, lifecycle, outbox
from engine.services.answers import Kind
from engine.services.lifecycle import Actor
from engine.services.outbox import Done, Job, NewJob, Outcome, Retry

_PAUSED = 600.0


async def run_jobs(jobs: Sequence[Job]) -> Mapping[int, Outcome] | None:
    """Whoever still owes what the jobs name was reminded of it."""
    return {job.id: await _one(job.subject_id, IssueCode(job.args["code"]), job.key) for job in jobs}


async def _one(po_id: int, code: IssueCode, cause: str) -> Outcome:
    # A person may have dealt with it, or the supplier have spoken, since the job was written.
    found = await db.row(
        "SELECT p.po_number, p.order_id, p.supplier_id, p.sent_at FROM purchase_orders p JOIN issues i "
        "ON i.purchase_order_id = p.id WHERE p.id = ? AND i.code = ? AND i.closed_at IS NULL AND p.sent_at IS NOT NULL",
        po_id, code.value,
    )  # fmt: skip
    if found is None:
        return Done()
    supplier = (await catalog.suppliers())[int(found[2])]
    if supplier.enabled and supplier.paused_reason:
        return Retry(_PAUSED, "the supplier is paused")
    said = "the people are told; this supplier is not reminded by machine"
    try:
        connector = await catalog.supplier(supplier.id)
        by_machine = isinstance(connector, Reminds) and supplier.enabled
        if isinstance(connector, Reminds) and supplier.enabled:
            said = await connector.remind(_reminder(po_id, found, code, connector.link_days))
    except TryLater as error:
        return Retry(error.retry_after, error.message)
    except OutcomeUnknown as error:
        said = f"reminded, or not: {error.message}"  # it is no order: nothing hangs on it
    except BluebookError as error:
        by_machine, said = False, f"{supplier.name} could not be reminded: {error.message}"
    await _note(po_id, found, code, said, by_machine, cause)
    return Done()


def _reminder(po_id: int, found: db.Row, code: IssueCode, days: int) -> Reminder:
    at = clock.now()
    confirm, decline, track = (answers.link(answers.token(po_id, kind, at, days)) if days else "" for kind in Kind)
    return Reminder(
        po_number=str(found[0]), acknowledge=code == IssueCode.NO_ACK_IN_TIME, sent_at=clock.moment(int(found[3])), at=at,
        until=at + timedelta(days=days), confirm=confirm, decline=decline, track=track,
    )  # fmt: skip


async def _note(po_id: int, found: db.Row, code: IssueCode, said: str, by_machine: bool, cause: str) -> None:
    """The blue book has it; and where no machine could ask, people have a job that mails them."""
    async with lifecycle.change([int(found[1])], by=Actor("worker", "worker", cause)) as work:
        for case in work.cases:
            po = case.purchase(str(found[0]))
            assert po is not None
            work.event(case, "purchase:remind", said, record=po)
        if not by_machine:
            args = {"kind": "late", "code": code.value}
            work.finally_(lambda: outbox.put([NewJob(f"late:{po_id}:{code}", "notify.send", po_id, None, args)]))
