"""Submit: a purchase order leaves the house once.

1. The document is rendered and frozen, and staged where the connector can prepare something the supplier does not act on.
2. The attempt is committed: ``submitting``, a lease, a Submission row. Only then is the supplier called.
3. The answer is committed. No answer, a crash, or a lease that ran out means ``outcome_unknown``: the supplier is asked by
   ``find``; only its definite no, given after the attempt can no longer be alive, leads to another attempt under the same
   number and with the same bytes. Where a supplier cannot be asked, a person decides.

Many purchase orders share their commits; their calls run side by side, as many as each supplier allows.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import structlog

from engine import clock, db
from engine.domain.issues import IssueCode
from engine.domain.states import PurchaseState
from engine.errors import BluebookError, NotAuthorised, NotFound, OutcomeUnknown, Refused, TryLater
from engine.ports import Accepted, Supplier
from engine.services import cancel, catalog, connections, documents, lifecycle, submissions, unsent, waiting
from engine.services.casefile import Case, PurchaseRecord
from engine.services.catalog import SupplierRow
from engine.services.harvest import harvest
from engine.services.lifecycle import Actor, Work
from engine.services.outbox import Job, Outcome, Retry, backoff
from engine.services.submissions import Attempt, turn
from engine.settings import settings

log = structlog.get_logger(__name__)
_STOPPED = "the worker stopped before the answer"
_TOO_EARLY = "the supplier does not show it yet, and it may still arrive; asked again in a moment, and not sent before"


async def run_jobs(jobs: Sequence[Job]) -> Mapping[int, Outcome] | None:
    """Send the purchase orders the jobs name, as far as they are due."""
    results: dict[int, Outcome] = {}
    by = Actor("worker", "worker", "purchases.submit")
    prepared = await _prepare([job.subject_id for job in jobs], by)
    staged: list[Attempt] = []
    troubles: list[waiting.Trouble] = []
    for attempt, trouble in await _stage_all(prepared):
        if trouble is None:
            staged.append(attempt)
            continue
        if isinstance(trouble, NotAuthorised):
            await _pause(attempt, trouble, by)
        wait = trouble.retry_after if isinstance(trouble, TryLater) else None
        if attempt.reservation:
            # Until it is over nobody may stage: looking again before would only count as attempts, and slow the next.
            wait = max(wait or 0.0, settings().lease_seconds)
        results |= {job.id: Retry(wait, trouble.message) for job in jobs if job.subject_id == attempt.po_id}
        if not isinstance(trouble, NotAuthorised):
            troubles.append((attempt, trouble, wait))
    told = await waiting.begin(troubles, by)
    results = {job.id: results[job.id] for job in jobs if job.id in results and job.subject_id not in told}
    begun = await _begin(staged, by)
    results |= {j.id: Retry(1.0, unsent.BUSY) for j in jobs for a in staged if a.late and a.po_id == j.subject_id}
    async for done in harvest([_send(attempt) for attempt in begun]):
        await _finish(done, by)
    return results


async def _prepare(po_ids: Sequence[int], by: Actor) -> list[Attempt]:
    """The due ones among these, with their frozen documents; ones whose attempt died are turned to ``find``."""
    ids = db.padded(list(po_ids))
    now = clock.micros(clock.now())
    found = await db.rows(
        "SELECT id, order_id, po_number, supplier_id, state, document, release_at, lease_until, message "
        "FROM purchase_orders "
        f"WHERE id IN ({db.marks(ids)})",
        *ids,
    )
    lost = {r[1] for r in found if r[4] == PurchaseState.SUBMITTING and (r[7] is None or r[7] < now)}
    if lost:
        await _lose(lost, by)
    due = [r for r in found if r[4] == PurchaseState.QUEUED and (r[6] is None or r[6] <= now)]
    bare = [r for r in due if r[5] is None]
    fresh = documents.Rendered()
    if bare:
        fresh = await documents.render({r[1] for r in bare}, {r[0] for r in bare})
        if fresh.broken:
            # Trying again cannot end otherwise: to a person, with the reason.
            await _give_back({r[1] for r in bare}, fresh.broken, by)
    known = await catalog.suppliers()
    attempts = []
    for r in due:
        body, version = (bytes(r[5]), None) if r[5] is not None else fresh.documents.get(r[0], (None, None))
        if body is not None:
            attempts.append(Attempt(r[0], r[1], r[2], r[3], body, r[8], version, known[r[3]].concurrency))
    return attempts


async def _give_back(order_ids: Iterable[int], broken: Mapping[int, str], by: Actor) -> None:
    suppliers = await catalog.suppliers()
    refused: list[tuple[Any, ...]] = []
    async with lifecycle.change(order_ids, by=by) as work:
        for case in work.cases:
            for po in case.purchases:
                if po.id in broken and _still_due(work, case, po, suppliers[po.supplier_id]):
                    said = f"it could not be written: {broken[po.id]}"
                    attempt = Attempt(po.id, po.order_id, po.po_number, po.supplier_id, b"")
                    _begin_one(work, case, po, attempt)
                    failed(work, case, po, said)
                    attempt.answer = Refused(said)
                    refused.append(submissions.row(attempt, work.now))
        work.finally_(lambda: submissions.note(refused))


async def _stage_all(attempts: Sequence[Attempt]) -> list[tuple[Attempt, BluebookError | None]]:
    """Each attempt and what stood in its way. One worker at a time may stage a purchase order: a late copy of a staged file
    would read as proof that nothing was sent."""
    plain: list[tuple[Attempt, BluebookError | None]] = []
    staging: list[Attempt] = []
    for attempt in attempts:
        try:
            connector = await catalog.supplier(attempt.supplier_id)
        except BluebookError as error:
            plain.append((attempt, error))
            continue
        if connector.stages:
            staging.append(attempt)
        else:
            plain.append((attempt, None))
    if not staging:
        return plain
    now, reservation = clock.micros(clock.now()), f"staging.{uuid.uuid4().hex}"
    ids = db.padded([attempt.po_id for attempt in staging])
    orders = sorted({attempt.order_id for attempt in staging})
    async with db.transaction():
        # A reservation must not slip in between the reading and the writing of a ``lifecycle.change``, and who has the
        # orders at hand must read them again.
        await db.many("UPDATE orders SET version = version + 1 WHERE id = ?", [(i,) for i in orders])
        reserved = await db.rows(
            "UPDATE purchase_orders SET lease_until = ?, lease_token = ? WHERE state = 'queued' "
            f"AND (lease_until IS NULL OR lease_until < ?) AND id IN ({db.marks(ids)}) RETURNING id",
            now + int(settings().lease_seconds * 1_000_000), reservation, now, *ids,
        )  # fmt: skip
    mine = {int(r[0]) for r in reserved}
    plain += [(attempt, TryLater(unsent.BUSY, 1.0)) for attempt in staging if attempt.po_id not in mine]
    ours = [_stage(attempt, reservation) for attempt in staging if attempt.po_id in mine]
    return plain + list(await asyncio.gather(*ours))


async def _stage(attempt: Attempt, reservation: str) -> tuple[Attempt, BluebookError | None]:
    attempt.reservation = reservation
    try:
        connector = await catalog.supplier(attempt.supplier_id)
        # It must be over when the reservation is: another worker may stage, and send, from then on.
        async with asyncio.timeout(settings().lease_seconds * 0.8), turn(attempt):
            await connector.stage(attempt.po_number, attempt.body)
    except BluebookError as error:
        return attempt, error
    except TimeoutError:
        return attempt, TryLater(f"{attempt.po_number} could not be prepared within the lease")
    return attempt, None


async def _begin(attempts: Sequence[Attempt], by: Actor) -> list[Attempt]:
    """The attempts are committed as begun; ones canceled, held, undone or begun elsewhere meanwhile are left out."""
    begun: list[Attempt] = []
    if not attempts:
        return begun
    suppliers = await catalog.suppliers()
    wanted = {attempt.po_id: attempt for attempt in attempts}
    async with lifecycle.change({attempt.order_id for attempt in attempts}, by=by) as work:
        for case in work.cases:
            for po in case.purchases:
                attempt = wanted.get(po.id)
                if attempt is None or not _still_due(work, case, po, suppliers[po.supplier_id]):
                    continue
                if attempt.reservation and po.lease_token != attempt.reservation:
                    attempt.late = True  # whoever has it now may be staging: see ``_stage_all``
                    continue
                if attempt.version not in (None, po.version):
                    # Changed since its document was made: the next run makes another.
                    work.job(case, "purchases.submit", po)
                    continue
                _begin_one(work, case, po, attempt)
                begun.append(attempt)
    return begun


def _still_due(work: Work, case: Case, po: PurchaseRecord, supplier: SupplierRow) -> bool:
    if po.state != PurchaseState.QUEUED or (po.release_at is not None and po.release_at > work.now):
        return False
    if not supplier.enabled or supplier.paused_reason:
        reason = supplier.paused_reason or "the supplier is disabled"
        if supplier.denied and po.message != reason:
            connections.tell(work, case, po, reason)
            work.put(case, po, message=reason)
        waiting.note(work, case, po, reason)
        work.job(case, "purchases.submit", po, run_at=work.now + 60_000_000, error=reason)
        return False
    if cancel.unwanted(po):
        # Also after an attempt: queued again means that nothing left, or a definite no was heard.
        work.move(case, po, "drop", "canceled before the supplier had it", release_at=None)
        return False
    wished = any(issue.code == IssueCode.CANCEL_WISHED for issue in case.issues)
    why_not = "the order is on hold" if case.order.held else "the customer asks to cancel it" if wished else ""
    if why_not and po.attempt == 0:
        work.move(case, po, "undo", why_not, release_at=None)
    elif why_not:
        work.job(case, "purchases.submit", po, run_at=work.now + 60_000_000)
        waiting.note(work, case, po, why_not)
    return not why_not


def _begin_one(work: Work, case: Case, po: PurchaseRecord, attempt: Attempt) -> None:
    attempt.attempt = po.attempt + 1
    attempt.token = f"{po.id}.{attempt.attempt}.{work.now}"
    lease = work.now + int(settings().lease_seconds * 1_000_000)
    attempt.over_at = work.now + int(settings().lease_seconds * 800_000)
    waited = f", after it waited: {po.message}" if po.message else ""
    work.move(
        case, po, "begin_submit", f"attempt {attempt.attempt}{waited}", attempt=attempt.attempt, lease_until=lease,
        lease_token=attempt.token,
    )  # fmt: skip
    if attempt.body:
        work.document(po, attempt.body)
    work.row(
        "submissions",
        ("purchase_order_id", "attempt", "started_at", "outcome", "message"),
        lambda: (po.id, attempt.attempt, work.now, "pending", ""),
    )


def _left(attempt: Attempt) -> float:
    """Seconds until the call must be over."""
    return (attempt.over_at - clock.micros(clock.now())) / 1_000_000


def _no_turn(attempt: Attempt) -> TryLater:
    return TryLater(f"{attempt.po_number} had no turn at the supplier within the lease", 1.0)


async def _send(attempt: Attempt) -> Attempt:
    called = False
    try:
        connector = await catalog.supplier(attempt.supplier_id)
        # The lease covers waiting for a turn and the call: past it, another worker may ask and try again. It runs from
        # the commit by the clock on the wall, also while this process was stopped or its machine slept.
        async with asyncio.timeout(_left(attempt)), turn(attempt):
            called = _left(attempt) > 0
            attempt.answer = await connector.submit(attempt.po_number, attempt.body) if called else _no_turn(attempt)
    except BluebookError as error:
        attempt.answer = error
    except TimeoutError:
        attempt.answer = (
            OutcomeUnknown(f"{attempt.po_number}: no answer within the lease") if called else _no_turn(attempt)
        )
    except Exception as error:
        log.exception("submit broke off", po=attempt.po_number)
        attempt.answer = OutcomeUnknown(f"{attempt.po_number}: the connector broke off ({type(error).__name__})")
    return attempt


async def _finish(attempts: Sequence[Attempt], by: Actor) -> None:
    """The answers are committed; an answer that comes after its lease was taken over changes no state."""
    known = await catalog.suppliers()
    by_id = {attempt.po_id: attempt for attempt in attempts}
    async with lifecycle.change({attempt.order_id for attempt in attempts}, by=by) as work:
        for case in work.cases:
            for po in case.purchases:
                attempt = by_id.get(po.id)
                if attempt is not None:
                    _finish_one(work, case, po, attempt, known[po.supplier_id])
        finished = [submissions.row(attempt, work.now) for attempt in attempts]
        work.finally_(lambda: submissions.note(finished))
    for attempt in attempts:
        if isinstance(attempt.answer, NotAuthorised):
            await connections.pause("suppliers", attempt.supplier_id, attempt.answer.message)


_NOT_KNOWN_SENT = (
    PurchaseState.SUBMITTING, PurchaseState.OUTCOME_UNKNOWN, PurchaseState.QUEUED, PurchaseState.FAILED,
)  # fmt: skip


def _finish_one(work: Work, case: Case, po: PurchaseRecord, attempt: Attempt, supplier: SupplierRow) -> None:
    answer = attempt.answer
    if isinstance(answer, Accepted) and po.state in _NOT_KNOWN_SENT:
        # However late it comes, also when the supplier was asked meanwhile and did not know of it yet.
        accepted(work, case, po, answer, supplier)
        return
    if po.state != PurchaseState.SUBMITTING or po.lease_token != attempt.token:
        return
    free: dict[str, Any] = {"lease_until": None, "lease_token": ""}
    if isinstance(answer, (TryLater, NotAuthorised)):
        wait = answer.retry_after if isinstance(answer, TryLater) else 60.0
        release = work.now + int((wait if wait is not None else backoff(po.attempt)) * 1_000_000)
        work.move(case, po, "defer", answer.message, run_at=release, release_at=release, message=answer.message, **free)
        if isinstance(answer, NotAuthorised):
            connections.tell(work, case, po, answer.message)
    elif isinstance(answer, Refused):
        failed(work, case, po, answer.message)
    else:
        message = answer.message if isinstance(answer, BluebookError) else "no answer"
        lost(work, case, po, message, supplier)


def accepted(
    work: Work, case: Case, po: PurchaseRecord, answer: Accepted, supplier: SupplierRow, why: str = ""
) -> None:
    """The supplier has it; what was asked to be canceled meanwhile is asked for now."""
    message = why or (f"their number {answer.reference}" if answer.reference else "accepted")
    name = "prove" if po.state in (PurchaseState.QUEUED, PurchaseState.FAILED) else "accept"
    work.move(
        case, po, name, message, source="supplier", data={"detail": answer.detail} if answer.detail else None,
        reference=answer.reference[:120], message="", sent_at=work.now, lease_until=None, lease_token="",
        release_at=None, ack_due_at=supplier.due(work.now, supplier.ack_hours),
        tracking_due_at=supplier.due(work.now, supplier.tracking_hours),
    )  # fmt: skip
    for issue in [i for i in case.issues if i.purchase is po and i.code in _SENDING]:
        work.close_issue(case, issue, "the supplier has it")
    cancel.withdraw(work, case)


_SENDING = (IssueCode.SUBMISSION_UNKNOWN, IssueCode.SUPPLIER_FAILED, IssueCode.CONNECTION_AUTH)


def failed(work: Work, case: Case, po: PurchaseRecord, message: str, name: str = "refuse", **more: Any) -> None:
    """A definite no: to a person, with the supplier's message. ``name`` is the move, ``more`` is set with it."""
    work.move(
        case, po, name, message, source="supplier", message=message, lease_until=None, lease_token="",
        release_at=None, **more,
    )  # fmt: skip
    for issue in [i for i in case.issues if i.purchase is po and i.code == IssueCode.SUBMISSION_UNKNOWN]:
        work.close_issue(case, issue, "the supplier does not have it")
    if cancel.unwanted(po):
        # Canceled while it was on its way: the refusal is what was wanted.
        work.put(case, po, superseded=True)
        return
    work.open_issue(
        case,
        IssueCode.SUPPLIER_FAILED,
        f"{po.po_number}: {message}",
        purchase=po,
        cause=f"failed:{po.po_number}:{po.attempt}",
    )


def lost(work: Work, case: Case, po: PurchaseRecord, message: str, supplier: SupplierRow) -> None:
    """It left and no answer came. Where the supplier can be asked it is, after the attempt is surely over."""
    ask_at = work.now + supplier.settle_seconds * 1_000_000
    work.move(
        case, po, "lose_answer", message, run_at=ask_at, message=message, lease_until=None, lease_token="",
        release_at=None,
    )  # fmt: skip
    work.open_issue(
        case, IssueCode.SUBMISSION_UNKNOWN,
        f"{po.po_number} may have reached {supplier.name} or not ({message}); {supplier.name} is asked in "
        f"{supplier.settle_seconds} s, and it is not sent again before the answer",
        purchase=po, cause=f"unknown:{po.po_number}:{po.attempt}",
    )  # fmt: skip


def reopen(work: Work, case: Case, po: PurchaseRecord, said: str) -> None:
    """A refused purchase order is a draft again, under the same number, and can be changed.

    Its bytes are forgotten: the supplier said a definite no to them, so nothing hangs on their being sent again, and
    what is sent next must be what the draft says then.
    """
    work.move(case, po, "reopen", said, message="")
    work.document(po, None)


async def _pause(attempt: Attempt, error: NotAuthorised, by: Actor) -> None:
    await connections.pause("suppliers", attempt.supplier_id, error.message)
    async with lifecycle.change([attempt.order_id], by=by) as work:
        for case in work.cases:
            po = case.purchase(attempt.po_number)
            if po is not None and po.state == PurchaseState.QUEUED:
                connections.tell(work, case, po, error.message)


async def _lose(order_ids: set[int], by: Actor) -> None:
    """Attempts whose worker died are ``outcome_unknown``, and their suppliers are asked."""
    known = await catalog.suppliers()
    async with lifecycle.change(order_ids, by=by) as work:
        for case in work.cases:
            for po in case.purchases:
                dead = po.lease_until is None or po.lease_until < work.now
                if po.state == PurchaseState.SUBMITTING and dead:
                    submissions.end(work, po, "unknown", _STOPPED)
                    lost(work, case, po, _STOPPED, known[po.supplier_id])


# --- asking -----------------------------------------------------------------------------------------------------------


async def run_find_jobs(jobs: Sequence[Job]) -> Mapping[int, Outcome] | None:
    """Ask the suppliers whether they have the purchase orders the jobs name."""
    ids = db.padded([job.subject_id for job in jobs])
    found = await db.rows(
        f"SELECT id, order_id, po_number, supplier_id FROM purchase_orders WHERE id IN ({db.marks(ids)}) "
        "AND state = 'outcome_unknown'",
        *ids,
    )
    by = Actor("worker", "worker", "purchases.find")
    known = await catalog.suppliers()
    # A paused supplier is asked when it is resumed.
    answers = await asyncio.gather(*(_find(r[0], r[1], r[2], r[3]) for r in found if not known[r[3]].paused_reason))
    retries = await _record_found(answers, by)
    denied = {a.supplier_id: a.answer.message for a, _ in answers if isinstance(a.answer, NotAuthorised)}
    for supplier_id, message in denied.items():
        await connections.deny(supplier_id, message, by)
    return {job.id: retries[job.subject_id] for job in jobs if job.subject_id in retries}


async def _find(po_id: int, order_id: int, po_number: str, supplier_id: int) -> tuple[Attempt, bool]:
    """The attempt with its answer, and whether the supplier could be asked at all."""
    attempt = Attempt(po_id, order_id, po_number, supplier_id, b"")
    try:
        attempt.concurrency = (await catalog.suppliers())[supplier_id].concurrency
        connector: Supplier = await catalog.supplier(supplier_id)
        if not connector.can_find:
            return attempt, False
        async with turn(attempt):
            attempt.asked_at = clock.micros(clock.now())
            attempt.answer = await connector.find(po_number)
    except BluebookError as error:
        attempt.answer = error
    except Exception as error:
        log.exception("find broke off", po=po_number)
        attempt.answer = TryLater(f"{po_number}: the connector broke off ({type(error).__name__})")
    return attempt, True


async def _record_found(answers: Sequence[tuple[Attempt, bool]], by: Actor) -> dict[int, Outcome]:
    retries: dict[int, Outcome] = {}
    if not answers:
        return retries
    known = await catalog.suppliers()
    by_id = {attempt.po_id: (attempt, asked) for attempt, asked in answers}
    async with lifecycle.change({attempt.order_id for attempt, _ in answers}, by=by) as work:
        ended, unheard = await submissions.ended(list(by_id)), await submissions.unheard(list(by_id))
        for case in work.cases:
            for po in case.purchases:
                if po.id not in by_id or po.state != PurchaseState.OUTCOME_UNKNOWN:
                    continue
                attempt, asked = by_id[po.id]
                answer = attempt.answer
                if not asked:
                    submissions.ask_a_person(work, case, po, submissions.BLIND, known[po.supplier_id].name)
                elif isinstance(answer, Accepted):
                    accepted(work, case, po, answer, known[po.supplier_id], "asked: the supplier has it")
                elif answer is None and attempt.asked_at < (
                    over := ended.get(po.id, 0) + known[po.supplier_id].settle_seconds * 1_000_000
                ):
                    # The last attempt may still have been on its way when this was asked: the no proves nothing.
                    retries[po.id] = Retry(max(0.0, (over - work.now) / 1_000_000), _TOO_EARLY)
                elif answer is None and unheard.get(po.id, 0) >= submissions.MOST_ROUNDS:
                    submissions.ask_a_person(work, case, po, submissions.UNHEARD, known[po.supplier_id].name)
                elif answer is None:
                    work.move(
                        case, po, "not_found", "asked: the supplier does not have it", source="supplier",
                        run_at=work.now, release_at=work.now, message="",
                    )  # fmt: skip
                    for issue in [i for i in case.issues if i.purchase is po and i.code in _SENDING]:
                        work.close_issue(case, issue, "the supplier does not have it")
                elif not isinstance(answer, NotAuthorised):
                    if isinstance(answer, OutcomeUnknown):
                        # Asked, and it cannot be told: who waits for a better answer may wait for ever.
                        submissions.ask_a_person(
                            work, case, po, submissions.UNTOLD, known[po.supplier_id].name, answer.message
                        )
                    wait = answer.retry_after if isinstance(answer, TryLater) else None
                    retries[po.id] = Retry(wait, answer.message)
    return retries


async def ask(po_number: str, by: Actor) -> str:
    """A person asks the supplier now whether it has a purchase order whose outcome is unknown; a sentence on the answer."""
    found = await db.row("SELECT id, order_id, supplier_id, state FROM purchase_orders WHERE po_number = ?", po_number)
    if found is None:
        raise NotFound(f"there is no purchase order {po_number}")
    if found[3] != PurchaseState.OUTCOME_UNKNOWN:
        raise Refused(f"{po_number} is {str(found[3]).replace('_', ' ')}: nothing to ask")
    attempt, asked = await _find(found[0], found[1], po_number, found[2])
    if not asked:
        raise Refused(
            f"the supplier of {po_number} cannot be asked by machine: call them, then mark it accepted or refused"
        )
    if isinstance(attempt.answer, BluebookError):
        raise attempt.answer
    if found[0] in await _record_found([(attempt, True)], by):
        return f"{po_number}: {_TOO_EARLY}"
    if attempt.answer:
        return f"{po_number}: the supplier has it"
    stays = await db.value("SELECT state FROM purchase_orders WHERE id = ?", found[0]) == PurchaseState.OUTCOME_UNKNOWN
    then = "after so many lost answers a person decides: mark it accepted or refused" if stays else "it is sent again"
    return f"{po_number}: the supplier does not have it; {then}"
