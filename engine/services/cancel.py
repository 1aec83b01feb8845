"""Cancel: what was not sent is dropped at once; what was sent is asked back, and the supplier answers."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import msgspec
import structlog

from engine import clock, db
from engine.connectors import registry
from engine.domain.issues import IssueCode
from engine.domain.states import CANCELABLE, DEAD, OrderStatus, PurchaseState
from engine.errors import BluebookError, NotAuthorised, NotFound, Refused, TryLater
from engine.ports import CancelAnswer, NumbersDocuments
from engine.ports_channels import CancelsOrders
from engine.services import catalog, check, connections, documents, lifecycle
from engine.services.casefile import Case, LineRecord, PurchaseRecord
from engine.services.lifecycle import Actor, Work
from engine.services.outbox import Done, Job, Outcome, Retry

log = structlog.get_logger(__name__)
ASK_AGAIN = timedelta(hours=24)
"""A supplier that takes the request and answers later is asked once, and again only after so long without an answer."""


def unwanted(po: PurchaseRecord) -> bool:
    """Is everything in it asked to be canceled?"""
    return bool(po.lines) and all(
        po_line.line is not None and po_line.line.cancel_asked >= po_line.line.quantity - po_line.line.shipped
        for po_line in po.lines
    )


def withdraw(work: Work, case: Case, *, again: bool = False) -> None:
    """What ``cancel_asked`` says is carried out as far as it can be: drafts follow at the next check, sent ones are asked for.

    A supplier that refused once is asked another time only where a person wants it (``again``).
    """
    too_many = {line.position: beyond(case, line) for line in case.lines}
    for po in case.purchases:
        lines = [po_line.line for po_line in po.lines if po_line.line is not None]
        if not any(too_many[line.position] for line in lines):
            continue
        if po.state == PurchaseState.QUEUED and po.attempt == 0:
            work.move(case, po, "undo", "canceled before it was sent", release_at=None)
        elif po.state == PurchaseState.QUEUED and unwanted(po):
            work.move(case, po, "drop", "canceled; the supplier does not have it", release_at=None)
        elif po.state in CANCELABLE and unwanted(po):
            if again or not po.back_to:
                work.move(case, po, "request_cancel", "the order was canceled after this was sent")
        elif po.state in CANCELABLE or (po.state == PurchaseState.PARTIALLY_SHIPPED and po.open):
            _tell(work, case, po, {line.sku: too_many[line.position] for line in lines if too_many[line.position]})


def beyond(case: Case, line: LineRecord) -> int:
    """How many pieces of the line more than are wanted suppliers have, or are about to get."""
    pieces: dict[int, int] = {}
    per_unit: dict[int, int] = {}
    for po, po_line in case.serving(line):
        if po.state not in DEAD and po.state != PurchaseState.DRAFT and not po.superseded:
            quantity = po_line.quantity - po_line.canceled
            pieces[po_line.product_id] = pieces.get(po_line.product_id, 0) + quantity
            per_unit[po_line.product_id] = po_line.per_unit
    most = max((-(-n // per_unit[product]) for product, n in pieces.items()), default=0)
    return max(0, most - (line.quantity - min(line.cancel_asked, line.quantity)))


def _tell(work: Work, case: Case, po: PurchaseRecord, too_many: dict[str, int]) -> None:
    what = ", ".join(f"{quantity} × {sku}" for sku, quantity in too_many.items())
    cause = f"changed:{po.po_number}:{what}"
    if f"{IssueCode.CHANNEL_ORDER_CHANGED}:{cause}" in case.waived():
        return
    work.open_issue(
        case, IssueCode.CHANNEL_ORDER_CHANGED,
        f"{what} canceled after {po.po_number} was sent; a supplier can only be asked for all of it", purchase=po,
        cause=cause,
    )  # fmt: skip


async def cancel_order(order_id: int, by: Actor, *, reason: str = "", tell_channel: bool = False) -> str:
    """What is unsent is canceled, what is sent is asked for; a sentence on what happened. Raises NotFound.

    Raises Refused where there is nothing to cancel: all of it has shipped, or it is canceled already. ``tell_channel``: the
    channel is told too, of what no supplier ships, then also of what was canceled before. Raises Refused where it cannot be.
    """
    if tell_channel:
        await _demand_telling(order_id)
    async with lifecycle.change([order_id], by=by) as work:
        case = work.case(order_id)
        if case is None:
            raise NotFound(f"there is no order {order_id}")
        if not (tell_channel and any(line.canceled for line in case.lines)):
            _demand_cancelable(case)
        await cancel_lines(work, case, case.lines, reason or "canceled")
        if tell_channel:
            _tell_channel(work, case, case.lines, reason)
    asked = [po.po_number for po in case.purchases if po.state == PurchaseState.CANCEL_REQUESTED]
    on_its_way = ("queued", "submitting", "outcome_unknown")
    waiting = [po.po_number for po in case.purchases if po.state in on_its_way and unwanted(po)]
    parts = []
    if asked:
        parts.append(f"the supplier is asked to cancel {', '.join(asked)}")
    if waiting:
        parts.append(f"{', '.join(waiting)} is on its way; the supplier is asked as soon as it is known to have it")
    if any(line.shipped for line in case.lines):
        parts.append("what was shipped stays shipped")
    if tell_channel:
        parts = [*(parts or ["canceled"]), _will_tell(bool(asked or waiting))]
    return f"order {case.order.number}: " + ("; ".join(parts) if parts else "canceled")


def _demand_cancelable(case: Case) -> None:
    """Raises Refused where nothing of the order is left to cancel."""
    order = case.order
    if order.status == OrderStatus.CANCELED:
        raise Refused(f"order {order.number} is canceled already")
    if case.lines and not any(line.open for line in case.lines):
        status = order.status.replace("_", " ")
        raise Refused(
            f"order {order.number} is {status}: what was shipped stays shipped, and there is nothing else to cancel"
        )


def _will_tell(later: bool) -> str:
    return f"the channel is told {'when the supplier has agreed' if later else 'as well'}"


async def _demand_telling(order_id: int) -> None:
    """Raises Refused where the order's channel cannot be told that it was canceled."""
    channel_id = await db.value("SELECT channel_id FROM orders WHERE id = ?", order_id)
    if channel_id is None:
        raise NotFound(f"there is no order {order_id}")
    connector = await catalog.channel(int(channel_id))
    if not isinstance(connector, CancelsOrders):
        raise Refused(
            f"{connector.name} cannot be told to cancel an order: cancel it there by hand, and here without telling it"
        )


def _tell_channel(work: Work, case: Case, lines: Sequence[LineRecord], reason: str) -> None:
    """The channel is told of what is canceled of these lines, once this is stored and suppliers have agreed."""
    positions = [] if len(lines) == len(case.lines) else [line.position for line in lines]
    work.job(case, "channels.cancel", case.order, args={"reason": reason, "lines": positions})


async def answer_wish(work: Work, case: Case, lines: Sequence[LineRecord]) -> str:
    """The channel where the customer asked for it hears that these lines are canceled, if it can; a clause for people."""
    connector = (await catalog.channels())[case.order.channel_id].connector
    kind = registry.channel_type(connector)
    if not issubclass(kind, CancelsOrders):
        return f"{kind.name} cannot be told: grant the customer's wish there by hand"
    _tell_channel(work, case, lines, "the customer asked for it")
    return _will_tell(later=any(_is_out(po) for line in lines for po, _ in case.serving(line)))


def _is_out(po: PurchaseRecord) -> bool:
    return po.state in (PurchaseState.CANCEL_REQUESTED, PurchaseState.SUBMITTING, PurchaseState.OUTCOME_UNKNOWN)


async def cancel_lines(work: Work, case: Case, lines: Sequence[LineRecord], reason: str) -> None:
    """All of these lines that has not shipped is asked to be canceled, and drafts and sent purchase orders follow."""
    work.event(case, "order:cancel", reason)
    for line in lines:
        work.put(case, line, cancel_asked=max(line.cancel_asked, line.quantity - line.shipped))
    if not case.lines:  # there is nothing to cancel but the Issue that says so
        waived = sorted(case.waived() | {f"{IssueCode.MISSING_FIELD}:{check.no_lines(case.order)}"})
        work.put(case, case.order, waived=msgspec.json.encode(waived).decode())
    withdraw(work, case, again=True)
    give_up_dead(work, case)
    await check.check(work, [case])


def give_up_dead(work: Work, case: Case) -> None:
    """Refused and rejected purchase orders whose lines nobody wants any more no longer trouble the order."""
    for po in case.purchases:
        if po.state in (PurchaseState.FAILED, PurchaseState.REJECTED) and unwanted(po) and not po.superseded:
            work.put(case, po, superseded=True)
            for issue in [issue for issue in case.issues if issue.purchase is po]:
                work.close_issue(case, issue, "canceled")


async def request(po_number: str, by: Actor, *, reason: str = "", tell_channel: bool = False) -> str:
    """The supplier is asked to cancel one purchase order; its lines count as canceled when it agrees. A sentence on it.

    ``tell_channel``: the channel is told of them then. Raises Refused where it cannot be told.
    """
    order_id = await _order_of(po_number)
    if tell_channel:
        await _demand_telling(order_id)
    async with lifecycle.change([order_id], by=by) as work:
        case = work.cases[0]
        po = case.purchase(po_number)
        assert po is not None
        if po.state in (PurchaseState.DRAFT, PurchaseState.QUEUED):
            raise Refused(f"{po_number} was not sent: edit or cancel the order instead")
        lines = [p.line for p in po.lines if p.line is not None]
        await cancel_lines(work, case, lines, reason or f"cancellation of {po_number} requested")
        if po.state != PurchaseState.CANCEL_REQUESTED:
            raise Refused(
                f"{po_number} is {po.state.replace('_', ' ')}: the supplier can no longer be asked to cancel it"
            )
        if tell_channel:
            _tell_channel(work, case, lines, reason)
    more = f"; {_will_tell(later=True)}" if tell_channel else ""
    return f"the supplier is asked to cancel {po_number}{more}"


async def _order_of(po_number: str) -> int:
    found = await db.value("SELECT order_id FROM purchase_orders WHERE po_number = ?", po_number)
    if found is None:
        raise NotFound(f"there is no purchase order {po_number}")
    return int(found)


# --- the supplier's answer --------------------------------------------------------------------------------------------


def agreed(work: Work, case: Case, po: PurchaseRecord, message: str, **more: Any) -> None:
    """The supplier will not ship it, as asked."""
    work.move(case, po, "cancel", message, source="supplier", ack_due_at=None, tracking_due_at=None, **more)
    for po_line in po.lines:
        work.put(case, po_line, canceled=po_line.quantity - po_line.shipped)
    for issue in [issue for issue in case.issues if issue.purchase is po]:
        work.close_issue(case, issue, "the supplier canceled it")


def refused(work: Work, case: Case, po: PurchaseRecord, message: str, **more: Any) -> None:
    """The supplier ships it all the same, and a person is told."""
    work.move(case, po, "refuse_cancel", message, source="supplier", **more)
    for issue in [issue for issue in case.issues if issue.cause == _broke_off(po)]:
        work.close_issue(case, issue, "the supplier answered")
    said = f"{po.po_number}: {message or 'the supplier will not cancel'}"
    work.open_issue(case, IssueCode.CANCEL_REFUSED, said, purchase=po, cause=f"cancel:{po.po_number}")


async def run_jobs(jobs: Sequence[Job]) -> Mapping[int, Outcome] | None:
    """Ask the suppliers of the purchase orders the jobs name, and record what they say."""
    found = await db.rows(
        f"SELECT id, order_id, po_number, supplier_id FROM purchase_orders WHERE id IN ({db.marks(jobs)}) "
        "AND state = 'cancel_requested'",
        *[job.subject_id for job in jobs],
    )
    known, asked = await catalog.suppliers(), await _asked_already(jobs)
    # A paused supplier is asked when it is resumed.
    rows = {r[0]: r for r in found if r[0] not in asked and not known[r[3]].paused_reason}
    answers = await asyncio.gather(*map(_ask, rows.values()))
    results: dict[int, Outcome] = {}
    by_po = dict(answers)
    by = Actor("worker", "worker", "purchases.cancel")
    async with lifecycle.change([rows[i][1] for i in by_po], by=by) as work:
        for job in jobs:
            asked_now = job.subject_id in by_po
            results[job.id] = _record(work, rows[job.subject_id], by_po[job.subject_id]) if asked_now else Done()
        await check.check(work, work.cases)
    denied = {rows[i][3]: answer.message for i, answer in by_po.items() if isinstance(answer, NotAuthorised)}
    for supplier_id, message in denied.items():
        await connections.deny(supplier_id, message, by)
    return results


async def _asked_already(jobs: Sequence[Job]) -> set[int]:
    """Of the purchase orders the jobs name, those for which another job waits until it is time to ask again."""
    asked: set[int] = set()
    now = clock.micros(clock.now())
    for job in jobs:
        waits = await db.value(
            "SELECT 1 FROM outbox WHERE state IN ('ready', 'claimed') AND key > ? AND key < ? AND id <> ? AND run_at > ? "
            "AND attempts > 0",
            f"cancel:{job.subject_id}:", f"cancel:{job.subject_id};", job.id, now,
        )  # fmt: skip
        if waits is not None:
            asked.add(job.subject_id)
    return asked


async def _ask(row: Any) -> tuple[int, CancelAnswer | BluebookError | None]:
    """The purchase order's id and what its supplier said; None where asking broke off for a reason of ours."""
    try:
        supplier = await catalog.supplier(row[3])
        if isinstance(supplier, NumbersDocuments):
            return row[0], await supplier.send_cancel(row[2], await documents.cancel_request(row[1], row[2], supplier))
        return row[0], await supplier.request_cancel(row[2])
    except BluebookError as error:
        return row[0], error
    except Exception:
        log.exception("request_cancel broke off", po=row[2])
        return row[0], None


def _broke_off(po: PurchaseRecord) -> str:
    return f"cancel broke off:{po.po_number}"


def _record(work: Work, row: Any, answer: CancelAnswer | BluebookError | None) -> Outcome:
    case = work.case(row[1])
    po = case.purchase(row[2]) if case else None
    if case is None or po is None or po.state != PurchaseState.CANCEL_REQUESTED:
        return Done()
    if answer == CancelAnswer.CANCELED:
        agreed(work, case, po, "the supplier canceled it")
    elif answer == CancelAnswer.REFUSED:
        refused(work, case, po, "the supplier will not cancel")
    elif isinstance(answer, Refused):
        refused(work, case, po, answer.message)
    elif answer == CancelAnswer.PENDING:
        hours = ASK_AGAIN // timedelta(hours=1)
        said = f"the supplier was asked to cancel; its answer comes later, and it is asked again after {hours} hours"
        work.event(case, "purchase:ask_cancel", said, record=po)
        return Retry(ASK_AGAIN.total_seconds(), said)
    elif answer is None:
        said = (
            f"{po.po_number}: asking the supplier to cancel broke off for a reason of ours (the log has the details), so it "
            "may ship; call them"
        )
        if not any(issue.cause == _broke_off(po) for issue in case.issues):
            work.event(case, "purchase:ask_cancel", said, record=po)
            work.open_issue(case, IssueCode.CANCEL_REFUSED, said, purchase=po, cause=_broke_off(po))
        return Retry(None, said)
    elif isinstance(answer, TryLater):
        return Retry(answer.retry_after, answer.message)
    elif isinstance(answer, BluebookError) and not isinstance(answer, NotAuthorised):
        # Asking is idempotent at every connector, so an unknown outcome is simply asked again.
        return Retry(None, answer.message)
    return Done()
