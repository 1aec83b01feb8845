"""Track: the channel is told of each parcel, asked whether it has it, and only its yes confirms.

Parcels of one order are pushed one after another, so that the last one can say that it is the last. A push carries the
parcel's own key, so that pushing twice leaves one parcel; a lost answer is therefore read back, not feared.

A kit's parts may come from several suppliers. A channel that counts only whole pieces refuses the parcel that completes
none (INCOMPLETE_PARCEL); its number then travels with the parcel that completes the piece, so that the customer sees both.
One that has a place for one number a piece refuses it too (NO_WHOLE_PIECE): that number the customer does not see there.
A channel that knows no parts of orders hears of an order's parcels once nothing of it is left to be shipped.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine, Mapping, Sequence
from itertools import chain
from typing import Any

import msgspec
import structlog

from engine import clock, db
from engine.connectors import registry
from engine.domain.issues import IssueCode
from engine.domain.states import Push
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
from engine.ports import ChannelParcel, Parcel, PushesMany
from engine.ports_channels import TellsWholeOrders
from engine.services import catalog, connections, lifecycle, loading, outbox
from engine.services.casefile import Case, LineRecord, ShipmentRecord
from engine.services.catalog import ChannelRow
from engine.services.harvest import harvest
from engine.services.lifecycle import Actor, Work
from engine.services.outbox import Job, Outcome, Retry, backoff
from engine.settings import settings

log = structlog.get_logger(__name__)
NEXT_PARCEL_AFTER = 0.2
NEXT_PARCEL_AT_MOST = 30.0
REST_OF_ORDER = (
    900.0  # seconds after which it is looked again whether anything is left; its last parcel hastens the first
)
MANY = 50  # parcels a call, where the channel takes many
INCOMPLETE = "INCOMPLETE_PARCEL"
NO_WHOLE_PIECE = "NO_WHOLE_PIECE"
_DEFINITE = (Refused, Unreadable, Invalid, Misconfigured, NotFound)  # pushing again cannot end otherwise
_PERHAPS_DONE = (OutcomeUnknown, Unreadable)
UNCLEAR_TRIES = 3  # after so many unclear answers, what the channel shows decides
_limits: dict[int, asyncio.Semaphore] = {}


class Telling(msgspec.Struct):
    """One parcel on its way to its channel, and what came of it."""

    shipment_id: int
    order_id: int
    channel_id: int
    token: str
    attempt: int
    parcel: Parcel
    carried: tuple[int, ...] = ()  # the shipments whose numbers are in ``parcel.also``
    others: frozenset[str] = frozenset()  # the channel's references of the order's other parcels
    reference: str = ""
    error: BluebookError | None = None
    confirmed: bool = False


async def run_jobs(jobs: Sequence[Job]) -> Mapping[int, Outcome] | None:
    """Push the parcels the jobs name, and read them back."""
    by = Actor("worker", "worker", "tracking.push")
    wanted = {job.subject_id: job for job in jobs}
    begun, later = await _begin(wanted, by)
    results: dict[int, Outcome] = {
        wanted[i].id: Retry(wait, "the rest of the order first" if wait == REST_OF_ORDER else "another parcel first")
        for i, wait in later.items()
    }
    async for chunks in harvest(await _calls(begun)):
        told = list(chain.from_iterable(chunks))
        await _read_back(told)
        await _finish(told, by)
    return results


async def _begin(wanted: Mapping[int, Job], by: Actor) -> tuple[list[Telling], dict[int, float]]:
    ids = db.padded(list(wanted))
    found = await db.rows(
        f"SELECT id, order_id FROM shipments WHERE id IN ({db.marks(ids)}) AND push IN ('pending', 'pushing')", *ids
    )
    begun: list[Telling] = []
    later: dict[int, float] = {}
    if not found:
        return begun, later
    due = {int(r[0]) for r in found}
    channels = await catalog.channels()
    whole = {channel.id for channel in channels.values() if _tells_whole_orders(channel)}
    async with lifecycle.change([int(r[1]) for r in found], by=by) as work:
        await loading.load_contents([s for case in work.cases for s in case.shipments])
        for case in work.cases:
            channel = channels[case.order.channel_id]
            rest = channel.id in whole and _waits_for_rest(work, case)
            for shipment in case.shipments:
                if shipment.id not in due or shipment.push not in (Push.PENDING, Push.PUSHING):
                    continue  # another worker was quicker
                wait: float | None = 60.0
                if channel.enabled and not channel.paused_reason:
                    wait = _must_wait(work, case, shipment, wanted[shipment.id].attempts)
                    wait = REST_OF_ORDER if rest and wait is None else wait
                if wait is not None:
                    later[shipment.id] = wait
                else:
                    begun.append(_begin_one(work, case, shipment))
    return begun, later


def _tells_whole_orders(channel: ChannelRow) -> bool:
    try:
        return isinstance(registry.channel_type(channel.connector), TellsWholeOrders)
    except Misconfigured:
        return False  # each push says it


def _waits_for_rest(work: Work, case: Case) -> bool:
    """Is there more to come, at a channel without a place for parts? Once there is not, the first parcel waits no more."""
    if any(line.open for line in case.lines):
        return True
    waiting = [f"push:{s.id}:{s.version}" for s in _unblocked([case])]
    work.finally_(lambda: outbox.hasten(waiting))
    return False


def _must_wait(work: Work, case: Case, shipment: ShipmentRecord, looked: int) -> float | None:
    if shipment.push == Push.PUSHING and shipment.lease_until is not None and shipment.lease_until > work.now:
        return (shipment.lease_until - work.now) / 1_000_000 + 0.1
    for other in case.shipments:
        earlier = other.push == Push.PENDING and other.id < shipment.id
        if other is not shipment and (other.push == Push.PUSHING or earlier):
            # The earlier one may be backing off from a store that is down for hours.
            return float(min(NEXT_PARCEL_AT_MOST, NEXT_PARCEL_AFTER * 2 ** min(looked, 20)))
    return None


def _begin_one(work: Work, case: Case, shipment: ShipmentRecord) -> Telling:
    attempt = shipment.push_attempt + 1
    token = f"{shipment.id}.{attempt}.{work.now}"
    lease = work.now + int(settings().lease_seconds * 1_000_000)
    if shipment.push == Push.PUSHING:
        # The worker that pushed it is gone; pushing under the same key again is harmless.
        gone = [("deferred", "the worker stopped before the answer", work.now, shipment.id, shipment.push_attempt)]
        work.move(case, shipment, "defer_push", gone[0][1])
        work.finally_(lambda: _note_attempts(gone))
    work.move(
        case, shipment, "begin_push", f"attempt {attempt}", push_attempt=attempt, lease_until=lease, lease_token=token
    )
    work.row(
        "tracking_pushes", ("shipment_id", "attempt", "started_at", "outcome", "message"),
        lambda: (shipment.id, attempt, work.now, "pending", ""),
    )  # fmt: skip
    carried = _carried(case, shipment)
    return Telling(
        shipment.id, case.order.id, case.order.channel_id, token, attempt, parcel(case, shipment, carried),
        carried=tuple(other.id for other in carried),
        others=frozenset(s.channel_reference for s in case.shipments if s is not shipment and s.channel_reference),
    )  # fmt: skip


def _pieces(case: Case, shipment: ShipmentRecord) -> list[tuple[LineRecord, int]]:
    """The whole pieces of order lines that this parcel ships or completes."""
    found = []
    for line in case.lines:
        pieces = _completed(case, shipment, line.id)
        if pieces:
            found.append((line, pieces))
    return found


def _carried(case: Case, shipment: ShipmentRecord) -> list[ShipmentRecord]:
    """The earlier parcels without a whole piece that this one completes, as far as no other parcel told of them."""
    waiting = [
        other
        for other in case.shipments
        if other.id < shipment.id and other.push == Push.SUPPRESSED and not other.channel_reference
        and other.tracking_number and not _pieces(case, other)
    ]  # fmt: skip
    if not waiting:
        return waiting
    completed = {line.id for line, _ in _pieces(case, shipment)}
    return [other for other in waiting if any(po_line.order_line_id in completed for po_line, _ in other.contents)]


def parcel(case: Case, shipment: ShipmentRecord, carried: Sequence[ShipmentRecord]) -> Parcel:
    """What the channel is told, with the numbers of the parcels ``carried``. A kit counts in the parcel that completes it."""
    also = dict.fromkeys(other.tracking_number for other in carried)
    also.pop(shipment.tracking_number, None)
    others_told = all(s.push in (Push.CONFIRMED, Push.SUPPRESSED) for s in case.shipments if s is not shipment)
    return Parcel(
        key=f"bb-{shipment.id}",
        order_external_id=case.order.external_id,
        carrier=shipment.carrier,
        carrier_name=shipment.carrier_name,
        tracking_number=shipment.tracking_number,
        tracking_url=shipment.tracking_url,
        service=shipment.service,
        shipped_at=clock.moment(shipment.shipped_at),
        lines=tuple((line.external_id, pieces) for line, pieces in _pieces(case, shipment)),
        last=others_told and all(line.open == 0 for line in case.lines),
        also=tuple(also),
    )


def _completed(case: Case, shipment: ShipmentRecord, line_id: int) -> int:
    """Whole pieces of the order line in the parcels up to this one, less those in the parcels before it."""
    need: dict[int, int] = {}
    for po in case.purchases:
        for po_line in po.lines:
            if po_line.order_line_id == line_id and po_line.per_unit:
                need[po_line.product_id] = po_line.per_unit
    before: dict[int, int] = {}
    within: dict[int, int] = {}
    for other in case.shipments:
        if other.id > shipment.id:
            continue
        sums = within if other.id == shipment.id else before
        for po_line, quantity in other.contents:
            if po_line.order_line_id == line_id:
                sums[po_line.product_id] = sums.get(po_line.product_id, 0) + quantity
    if not within:
        return 0

    def whole(more: Mapping[int, int]) -> int:
        sent = ((before.get(product, 0) + more.get(product, 0), per_unit) for product, per_unit in need.items())
        return min((pieces // per_unit for pieces, per_unit in sent), default=0)

    return whole(within) - whole({})


async def _calls(begun: Sequence[Telling]) -> list[Coroutine[Any, Any, list[Telling]]]:
    """One call a parcel, or one a chunk where the channel takes many at once."""
    by_channel: dict[int, list[Telling]] = {}
    for telling in begun:
        by_channel.setdefault(telling.channel_id, []).append(telling)
    calls = []
    for channel_id, tellings in by_channel.items():
        size = 1
        with contextlib.suppress(Exception):  # a connector that cannot be made is each push's own error
            size = MANY if isinstance(await catalog.channel(channel_id), PushesMany) else 1
        calls += [_push(channel_id, tellings[i : i + size]) for i in range(0, len(tellings), size)]
    return calls


async def _push(channel_id: int, tellings: list[Telling]) -> list[Telling]:
    limit = _limits.setdefault(channel_id, asyncio.Semaphore(16))
    error: BluebookError | None = None
    answers: dict[str, str | BluebookError] = {}
    try:
        connector = await catalog.channel(channel_id)
        async with asyncio.timeout(settings().lease_seconds * 0.8), limit:
            if isinstance(connector, PushesMany):
                answers = await connector.push_many([telling.parcel for telling in tellings])
            else:
                answers = {t.parcel.key: await connector.push_tracking(t.parcel) for t in tellings}
    except BluebookError as raised:
        error = raised
    except TimeoutError:
        error = OutcomeUnknown("no answer within the lease")
    except Exception as raised:
        log.exception("push broke off", shipments=[telling.shipment_id for telling in tellings])
        error = OutcomeUnknown(f"the connector broke off ({type(raised).__name__})")
    silent = error or OutcomeUnknown("the connector did not say what became of it")
    for telling in tellings:
        answer = answers.get(telling.parcel.key, silent)
        if isinstance(answer, BluebookError):
            telling.error = answer
        else:
            telling.reference = answer
    return tellings


async def _read_back(told: Sequence[Telling]) -> None:
    by_channel: dict[int, list[Telling]] = {}
    for telling in told:
        # Pushing again leaves one parcel and finishes what broke off (the customer's mail, say), so that comes first.
        unclear = isinstance(telling.error, _PERHAPS_DONE) and telling.attempt >= UNCLEAR_TRIES
        if telling.error is None or unclear:
            by_channel.setdefault(telling.channel_id, []).append(telling)
    for channel_id, tellings in by_channel.items():
        try:
            connector = await catalog.channel(channel_id)
            wanted = list(dict.fromkeys(t.parcel.order_external_id for t in tellings))
            answer = await connector.read_tracking(wanted)
        except BluebookError as error:
            for telling in tellings:
                telling.error = telling.error or TryLater(f"not read back: {error.message}")
            continue
        for telling in tellings:
            telling.confirmed = _is_there(telling, answer.get(telling.parcel.order_external_id, ()))


def _is_there(telling: Telling, found: Sequence[ChannelParcel]) -> bool:
    if any(p.key == telling.parcel.key for p in found):
        return True
    # Two parcels may have one number: what is another parcel's at the channel proves nothing of this one.
    mine = [p for p in found if not p.key and (not p.reference or p.reference not in telling.others)]
    wanted = {_letters(number) for number in (telling.parcel.tracking_number, *telling.parcel.also)}
    return wanted <= {_letters(p.tracking_number) for p in mine}


def _letters(number: str) -> str:
    """What every channel keeps of a tracking number: some take letters and digits only, some write them large."""
    return "".join(sign for sign in number.casefold() if sign.isalnum())


async def _finish(told: Sequence[Telling], by: Actor) -> None:
    by_id = {telling.shipment_id: telling for telling in told}
    async with lifecycle.change([telling.order_id for telling in told], by=by) as work:
        for case in work.cases:
            for shipment in case.shipments:
                telling = by_id.get(shipment.id)
                if telling is not None and shipment.push == Push.PUSHING and shipment.lease_token == telling.token:
                    _finish_one(work, case, shipment, telling)
        rows = [_attempt(telling, work.now) for telling in told]
        work.finally_(lambda: _note_attempts(rows))
        waiting = [f"push:{s.id}:{s.version}" for s in _unblocked(work.cases)]
        work.finally_(lambda: outbox.hasten(waiting))
    denied = {t.channel_id: t.error.message for t in told if isinstance(t.error, NotAuthorised)}
    for channel_id, message in denied.items():
        await connections.pause("channels", channel_id, message)


def _unblocked(cases: Sequence[Case]) -> list[ShipmentRecord]:
    """The parcels whose turn it is now. Their jobs may have waited often, and would look again only much later."""
    found = []
    for case in cases:
        if not any(s.push == Push.PUSHING for s in case.shipments):
            # One that was tried before waits as the channel asked.
            found += [s for s in [s for s in case.shipments if s.push == Push.PENDING][:1] if not s.push_attempt]
    return found


def _attempt(telling: Telling, now: int) -> tuple[Any, ...]:
    outcome = "confirmed" if telling.confirmed else "refused" if isinstance(telling.error, Refused) else "deferred"
    message = telling.error.message if telling.error else telling.reference
    return (outcome, message, now, telling.shipment_id, telling.attempt)


async def _note_attempts(rows: Sequence[tuple[Any, ...]]) -> None:
    await db.update(
        "tracking_pushes", ("outcome", "message", "finished_at", "shipment_id", "attempt"),
        "outcome = v.outcome, message = v.message, finished_at = v.finished_at",
        "tracking_pushes.shipment_id = v.shipment_id AND tracking_pushes.attempt = v.attempt", rows,
    )  # fmt: skip


def _finish_one(work: Work, case: Case, shipment: ShipmentRecord, telling: Telling) -> None:
    free: dict[str, Any] = {"lease_until": None, "lease_token": ""}
    error = telling.error
    if telling.confirmed:
        reference = telling.reference or shipment.channel_reference
        with_it = [s for s in case.shipments if s.id in telling.carried]
        said = ", with ".join(["read back from the channel", *(s.tracking_number for s in with_it)])
        work.move(case, shipment, "confirm_push", said, channel_reference=reference[:200], message="", **free)
        for other in with_it:
            work.put(case, other, channel_reference=reference[:200] or "read back")
        for issue in [i for i in case.issues if i.cause == cause(shipment)]:
            work.close_issue(case, issue, "confirmed")
        return
    if error is None and shipment.push_attempt >= settings().max_attempts:
        error = Refused(f"pushed {shipment.push_attempt} times, and the channel still does not show it")
    soon_again = isinstance(error, Unreadable) and telling.attempt < UNCLEAR_TRIES  # an answer cut short, perhaps
    if isinstance(error, _DEFINITE) and not soon_again:
        work.move(case, shipment, "refuse_push", error.message, source="channel", message=error.message, **free)
        if isinstance(error, Refused) and error.code in (INCOMPLETE, NO_WHOLE_PIECE) and not telling.parcel.lines:
            alone = error.code == NO_WHOLE_PIECE
            where = (
                "the channel has no place for its number"
                if alone
                else "its number goes with the parcel that completes one"
            )
            said = f"no whole piece is in it: {where}"
            work.move(
                case, shipment, "suppress_push", said, message=said, channel_reference="not told" if alone else ""
            )
            return
        work.open_issue(
            case, IssueCode.TRACKING_REJECTED, f"{shipment.tracking_number}: {error.message}", purchase=shipment.purchase,
            cause=cause(shipment),
        )  # fmt: skip
        return
    wait = error.retry_after if isinstance(error, TryLater) and error.retry_after is not None else None
    seconds = wait if wait is not None else backoff(shipment.push_attempt)
    message = error.message if error else "the channel does not show it yet"
    run_at = work.now + int(seconds * 1_000_000)
    work.move(case, shipment, "defer_push", message, run_at=run_at, message=message, **free)


def cause(shipment: ShipmentRecord) -> str:
    """What the Issue of a refused push is about."""
    return f"tracking:{shipment.po_number}:{shipment.key}"[:300]


async def retry(shipment_id: int, by: Actor) -> None:
    """A push the channel refused is tried again. Raises NotFound, IllegalTransition."""
    order_id = await db.value("SELECT order_id FROM shipments WHERE id = ?", shipment_id)
    if order_id is None:
        raise NotFound(f"there is no shipment {shipment_id}")
    async with lifecycle.change([order_id], by=by) as work:
        for case in work.cases:
            for shipment in case.shipments:
                if shipment.id == shipment_id:
                    work.move(case, shipment, "retry_push")
