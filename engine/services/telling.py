"""Telling a channel what it wants to hear beside parcels: that an order has arrived, and that it was canceled here.

Both are jobs, written with the change that asks for them, so that nothing is told that is not stored. Both may be told
twice after a crash, which the port allows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

import msgspec
import structlog

from engine import clock, db
from engine.domain.issues import IssueCode
from engine.domain.states import OrderStatus, PurchaseState
from engine.errors import (
    BluebookError,
    Invalid,
    Misconfigured,
    NotAuthorised,
    NotFound,
    OutcomeUnknown,
    Refused,
    TryLater,
    Unreadable,
)
from engine.ports import ChannelOrder, ChannelState
from engine.ports_channels import Acknowledges, CancelsOrders
from engine.services import catalog, connections, inbox, intake, lifecycle
from engine.services.casefile import Case, LineRecord
from engine.services.lifecycle import Actor, Work
from engine.services.outbox import Dead, Done, Job, NewJob, Outcome, Retry
from engine.settings import settings

log = structlog.get_logger(__name__)
PAUSED_FOR = 60.0
READ_AGAIN_AFTER = timedelta(seconds=5)
AT_ONCE = 8
_DEFINITE = (Refused, Unreadable, Invalid, Misconfigured, NotFound)  # telling again cannot end otherwise
_ON_ITS_WAY = (
    PurchaseState.QUEUED, PurchaseState.SUBMITTING, PurchaseState.OUTCOME_UNKNOWN, PurchaseState.CANCEL_REQUESTED,
)  # fmt: skip


async def run_acknowledge_jobs(jobs: Sequence[Job]) -> Mapping[int, Outcome] | None:
    """The channels of the orders the jobs name know that we have them."""
    return await _each(jobs, _acknowledge)


async def run_cancel_jobs(jobs: Sequence[Job]) -> Mapping[int, Outcome] | None:
    """The channels of the orders the jobs name have taken what was canceled here, once no supplier ships it."""
    return await _each(jobs, _cancel)


Teller = Callable[[Job, int, Actor], Awaitable[Outcome]]


async def _each(jobs: Sequence[Job], tell: Teller) -> dict[int, Outcome]:
    turns = asyncio.Semaphore(AT_ONCE)

    async def one(job: Job) -> tuple[int, Outcome]:
        async with turns:
            return job.id, await _one(job, tell)

    return dict(await asyncio.gather(*map(one, jobs)))


async def _one(job: Job, tell: Teller) -> Outcome:
    channel_id = await db.value("SELECT channel_id FROM orders WHERE id = ?", job.subject_id)
    if channel_id is None:
        return Done()
    channel = (await catalog.channels())[int(channel_id)]
    if not channel.enabled or channel.paused_reason:
        return Retry(PAUSED_FOR, f"{channel.name} is not in use")
    try:
        return await tell(job, channel.id, Actor("worker", "worker", job.task))
    except NotAuthorised as error:
        await connections.pause("channels", channel.id, error.message)
        return Retry(PAUSED_FOR, error.message)
    except TryLater as error:
        return Retry(error.retry_after, error.message)
    except OutcomeUnknown as error:
        return Retry(None, error.message)


async def _call(work: Awaitable[None]) -> BluebookError | None:
    """The definite no the channel gave, None where it did as asked; raises what is to be tried again."""
    try:
        async with asyncio.timeout(settings().lease_seconds * 0.8):
            await work
    except _DEFINITE as error:
        return error
    except TimeoutError as error:
        raise OutcomeUnknown("no answer within the lease") from error
    return None


# --- an order has arrived ---------------------------------------------------------------------------------------------


async def _acknowledge(job: Job, channel_id: int, by: Actor) -> Outcome:
    row = await db.row("SELECT external_id, status FROM orders WHERE id = ?", job.subject_id)
    connector = await catalog.channel(channel_id)
    if row is None or row[1] == OrderStatus.CANCELED or not isinstance(connector, Acknowledges):
        return Done()
    no = await _call(connector.acknowledge(row[0]))
    async with lifecycle.change([job.subject_id], by=by) as work:
        for case in work.cases:
            if no is None:
                work.event(case, "order:acknowledge", "the channel knows that the order is with us")
            else:
                said = f"the channel does not take it that the order is with us: {no.message}"
                work.event(case, "order:acknowledge", said, source="channel")
    return Done() if no is None else Dead(no.message)


# --- an order was canceled here ---------------------------------------------------------------------------------------


class _Wanted(msgspec.Struct, frozen=True):
    """What the channel is to cancel: so many pieces of these lines, ``whole`` where that is all of the order."""

    external_id: str
    lines: tuple[tuple[LineRecord, int], ...]
    whole: bool
    said: str


async def _cancel(job: Job, channel_id: int, by: Actor) -> Outcome:
    connector = await catalog.channel(channel_id)
    if not isinstance(connector, CancelsOrders):
        return Done()
    # What the channel shows now is what it need not be told, and what a customer canceled there meanwhile.
    await intake.refresh(job.subject_id, by)
    async with lifecycle.change([job.subject_id], by=by) as work:
        found = [await _plan(work, case, connector, job) for case in work.cases]
    wanted = found[0] if found else Done()
    if not isinstance(wanted, _Wanted):
        return wanted
    lines = () if wanted.whole else tuple((line.external_id, pieces) for line, pieces in wanted.lines)
    no = await _call(connector.cancel_order(wanted.external_id, lines, str(job.args.get("reason", ""))))
    async with lifecycle.change([job.subject_id], by=by) as work:
        for case in work.cases:
            _told(work, case, wanted, no)
    return Done()


async def _plan(work: Work, case: Case, connector: Any, job: Job) -> _Wanted | Outcome:
    """What is to be told, noted before it is told; or that there is nothing, or nothing yet."""
    order = case.order
    if order.channel_state == ChannelState.CANCELED:
        return Done()
    chosen = [line for line in case.lines if not job.args.get("lines") or line.position in job.args["lines"]]
    if any(_undecided(case, line) for line in chosen):
        return Retry(None, "a supplier has not said yet whether it ships what was canceled")
    known = (await inbox.previous(connector, [order.inbound_id or 0])).get(order.inbound_id or 0)
    pieces = [(line, _too_many(known, line)) for line in chosen]
    wanted = [(line, count) for line, count in pieces if count > 0]
    whole = not case.shipments and all(line.canceled == line.quantity for line in case.lines)
    if not wanted and not (whole and not case.lines):
        work.event(case, "order:tell_cancel", "nothing is left for the channel to cancel: what was sent is shipped")
        return Done()
    said = "the order" if whole else ", ".join(f"{count} × {line.sku}" for line, count in wanted)
    if any(line.cancel_told != count for line, count in wanted) or not wanted:
        work.event(case, "order:tell_cancel", f"the channel is told to cancel {said}")
    for line, count in wanted:
        work.put(case, line, cancel_told=count)
    return _Wanted(order.external_id, tuple(wanted), whole, said)


def _undecided(case: Case, line: LineRecord) -> bool:
    """Is there a supplier of whom it is not known yet whether it ships what is wanted no more?"""
    if line.canceled >= min(line.cancel_asked, line.quantity - line.shipped):
        return False
    return any(po.state in _ON_ITS_WAY and not po.superseded for po, _ in case.serving(line))


def _too_many(known: ChannelOrder | None, line: LineRecord) -> int:
    """How many pieces of the line more than are wanted here the channel shows as wanted."""
    if known is None:
        return line.canceled
    there = [said for said in known.lines if said.external_id[:120] == line.external_id]
    return sum(said.quantity - min(said.canceled, said.quantity) for said in there) - (line.quantity - line.canceled)


def _told(work: Work, case: Case, wanted: _Wanted, no: BluebookError | None) -> None:
    order = case.order
    cause = f"cancel at channel:{order.channel_id}:{order.external_id}"[:300]
    lines = [line for line in case.lines if any(line.id == other.id for other, _ in wanted.lines)]
    if no is None:
        work.event(case, "order:cancel_told", f"the channel cancels {wanted.said}", source="channel")
        for issue in [issue for issue in case.issues if issue.cause == cause]:
            work.close_issue(case, issue, "the channel canceled it")
        work.plain_job(_read_again(order.channel_id, order.external_id))
        return
    work.event(case, "order:cancel_told", f"the channel does not cancel {wanted.said}: {no.message}", source="channel")
    for line in lines:
        work.put(case, line, cancel_told=None)
    said = f"the channel does not cancel {wanted.said}: {no.message}"
    work.open_issue(case, IssueCode.CANCEL_REFUSED, said, cause=cause)


def _read_again(channel_id: int, external_id: str) -> NewJob:
    run_at = clock.now() + READ_AGAIN_AFTER
    key = f"refresh:{channel_id}:{external_id}"
    return NewJob(key, "channels.refresh", channel_id, run_at, {"external_id": external_id})
