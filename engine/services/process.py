"""Process: drafts are queued, held for the undo window, and then sent; or taken back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import msgspec

from engine import clock
from engine.domain import conditions
from engine.domain.issues import ISSUES, IssueCode, kind_of
from engine.domain.states import OrderStatus, PurchaseState
from engine.errors import Invalid
from engine.services import lifecycle, margin, route, submissions
from engine.services.casefile import Case, PurchaseRecord
from engine.services.catalog import Catalog
from engine.services.lifecycle import Actor, Work
from engine.services.outbox import NewJob
from engine.settings import settings

BATCH = 100
ALERT_AFTER = timedelta(seconds=60)


class Outcome(msgspec.Struct, frozen=True):
    """What became of one order: ``done`` with its purchase orders, or not, with the reason."""

    order_id: int
    number: str
    done: bool
    message: str
    po_numbers: tuple[str, ...] = ()
    release_at: int | None = None


def problem(case: Case) -> str:
    """Why the order cannot be processed now, or "" when it can."""
    if case.order.held:
        return f"on hold: {case.order.held}"
    blocking = [issue for issue in case.issues if ISSUES[IssueCode(issue.code)].checked]
    if blocking:
        return "; ".join(dict.fromkeys(f"{kind_of(i.code, i.field).title}: {i.message}" for i in blocking))
    if any(po.state == PurchaseState.OUTCOME_UNKNOWN for po in case.purchases):
        return "a purchase order may have arrived or not: ask the supplier (it is never sent again unasked)"
    if not case.drafts():
        queued = [po for po in case.purchases if po.state == PurchaseState.QUEUED]
        if any(po.attempt == 0 and (po.release_at or 0) > clock.micros(clock.now()) for po in queued):
            return "already held, about to be sent"
        if queued:
            return "already processed: it is sent by itself as soon as its supplier can be reached"
        if case.order.status == OrderStatus.FAILED:
            return "a purchase order failed: resolve it first"
        return f"nothing to send: the order is {case.order.status.replace('_', ' ')}"
    return ""


def queue(work: Work, case: Case, release_at: int, message: str) -> tuple[str, ...]:
    """Every draft of the order is queued until ``release_at`` (microseconds); their numbers."""
    drafts = case.drafts()
    for po in drafts:
        work.move(case, po, "queue", message, run_at=release_at, release_at=release_at, lease_until=None)
    return tuple(po.po_number for po in drafts)


async def process(order_ids: Sequence[int], by: Actor, *, undo_seconds: float | None = None) -> list[Outcome]:
    """The orders' drafts are held for the undo window and then sent by a worker. One outcome for each id, in their order."""
    window = settings().undo_seconds if undo_seconds is None else undo_seconds
    outcomes: dict[int, Outcome] = {}
    for start in range(0, len(order_ids), BATCH):
        async with lifecycle.change(order_ids[start : start + BATCH], by=by) as work:
            release_at = work.now + int(window * 1_000_000)
            for case in work.cases:
                order = case.order
                why_not = problem(case)
                if why_not:
                    outcomes[order.id] = Outcome(order.id, order.number, False, why_not)
                    continue
                numbers = queue(work, case, release_at, f"held {window:g} s, then sent")
                outcomes[order.id] = Outcome(order.id, order.number, True, "held", numbers, release_at)
    missing = Outcome(0, "", False, "there is no such order")
    return [outcomes.get(i, msgspec.structs.replace(missing, order_id=i)) for i in order_ids]


async def undo(order_ids: Sequence[int], by: Actor) -> list[Outcome]:
    """What is held is a draft again, and what waits to be sent, as long as each attempt ended with nothing at the supplier.

    Of what is sent, being sent, or may have arrived, the outcome says what to do instead.
    """
    outcomes: dict[int, Outcome] = {}
    for start in range(0, len(order_ids), BATCH):
        async with lifecycle.change(order_ids[start : start + BATCH], by=by) as work:
            for case in work.cases:
                queued = [po for po in case.purchases if po.state == PurchaseState.QUEUED]
                # Read while the order is locked: a worker that begins to send it now finds a draft, or was first.
                sure = await submissions.never_arrived([po.id for po in queued if po.attempt])
                held = [po for po in queued if not po.attempt or po.id in sure]
                for po in held:
                    _take_back(work, case, po)
                numbers = tuple(po.po_number for po in held)
                message = "taken back" if held else _too_late(case)
                if held and case.order.auto:
                    # A person took it back: it must not run off by itself at the next check.
                    work.hold(case, "taken back from Auto Order Processing")
                outcomes[case.order.id] = Outcome(case.order.id, case.order.number, bool(held), message, numbers)
    missing = Outcome(0, "", False, "there is no such order")
    return [outcomes.get(i, msgspec.structs.replace(missing, order_id=i)) for i in order_ids]


def _take_back(work: Work, case: Case, po: PurchaseRecord) -> None:
    tried = f"; of {po.attempt} attempt{'' if po.attempt == 1 else 's'} none arrived" if po.attempt else ""
    work.move(case, po, "undo", f"taken back before it was sent{tried}", release_at=None)
    if po.attempt:
        # Nothing hangs on these bytes being sent again, and what is sent next must be what the draft says then.
        work.document(po, None)
    for issue in [i for i in case.issues if i.purchase is po and i.code == IssueCode.CONNECTION_AUTH]:
        work.close_issue(case, issue, "taken back")


def _too_late(case: Case) -> str:
    among = {PurchaseState(po.state): po.po_number for po in case.purchases if not po.superseded}
    if PurchaseState.SUBMITTED in among or PurchaseState.ACKNOWLEDGED in among:
        return "already sent: request cancellation instead"
    if PurchaseState.SUBMITTING in among:
        return f"{among[PurchaseState.SUBMITTING]} is being sent now: wait for the answer, then cancel it"
    if PurchaseState.OUTCOME_UNKNOWN in among:
        return f"{among[PurchaseState.OUTCOME_UNKNOWN]} may have reached the supplier: ask the supplier before anything else"
    if PurchaseState.QUEUED in among:
        number = among[PurchaseState.QUEUED]
        return f"{number} was sent before without an answer, so the supplier may have it: cancel it instead"
    return "nothing is held"


# --- Auto Order Processing --------------------------------------------------------------------------------------------


def auto(work: Work, case: Case, catalog: Catalog) -> None:
    """Where the channel processes by itself and the order may, its drafts are queued at once; else people are told."""
    channel = catalog.channels[case.order.channel_id]
    if not channel.auto_process or case.order.held or not (case.drafts() or case.issues):
        return
    why_not = problem(case) or beyond_limits(case, catalog)
    if not why_not:
        work.put(case, case.order, auto=True)
        queue(work, case, work.now, "by Auto Order Processing")
        return
    if channel.alert_addresses:
        run_at = clock.moment(work.now) + ALERT_AFTER
        work.plain_job(NewJob(f"alert:{channel.id}", "notify.send", channel.id, run_at, {"kind": "auto_failed"}))


def beyond_limits(case: Case, catalog: Catalog) -> str:
    """Why the channel's value limit or condition keeps the order for a person; "" where they do not."""
    channel = catalog.channels[case.order.channel_id]
    if channel.auto_limit is not None:
        if channel.auto_currency and case.order.currency != channel.auto_currency:
            return f"the value limit is in {channel.auto_currency}, the order in {case.order.currency}"
        if margin.worth(case)[case.order.currency] > channel.auto_limit:
            return "above the channel's value limit"
    try:
        if not conditions.holds(channel.auto_condition, {"order": route.order_facts(case, catalog)}):
            return "the channel's condition does not hold"
    except Invalid as error:
        return error.message
    return ""
