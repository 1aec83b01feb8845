"""The one door through which anything changes state.

``change`` opens a transaction, locks orders and loads them whole; what is done to them within is recorded as audit events
as it happens, and written at the end together with the derived quantities and status, the follow-up jobs, the kept
counters and the search terms: all of it or nothing. ``move`` is the only writer of a state::

    async with lifecycle.change([order_id], by=Actor("dana", "person")) as work:
        for case in work.cases:
            for po in case.drafts():
                work.move(case, po, "queue", "held 10 s, then sent", release_at=…)

Work done for many orders in one ``change`` costs one commit.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Sequence
from contextlib import asynccontextmanager
from itertools import repeat
from operator import attrgetter, itemgetter
from typing import Any, Literal

import msgspec

from engine import clock, db
from engine.domain.issues import ISSUES, IssueCode
from engine.domain.states import INITIAL, TRANSITIONS, Axis, PurchaseState, order_status
from engine.errors import IllegalTransition
from engine.services import chain, counters, listed, loading, outbox, recall, search, writing
from engine.services.casefile import (
    Case,
    EventRecord,
    FollowUp,
    IssueRecord,
    LineRecord,
    OrderRecord,
    PurchaseLineRecord,
    PurchaseRecord,
    Record,
    ShipmentRecord,
)
from engine.services.derived import facts, quantities

Source = Literal["person", "worker", "channel", "supplier", "rule"]
PORTION = 100
TURN = 10
"""Orders that are made, checked or settled before others of this process have their turn."""
_JOB_PREFIX = {
    "purchases.submit": "submit",
    "purchases.find": "find",
    "purchases.cancel": "cancel",
    "tracking.push": "push",
    "channels.acknowledge": "acknowledge",
    "channels.cancel": "tell cancel",
}
_AXIS_FIELD = {Axis.PURCHASE: "state", Axis.TRANSIT: "transit", Axis.PUSH: "push"}


class Actor(msgspec.Struct, frozen=True):
    """Who does it, as what, and what led to it (a job's key, a screen, a file)."""

    name: str
    source: Source
    cause: str = ""


class Work:
    """The orders being changed in one transaction, and what else is to be written with them."""

    def __init__(self, by: Actor) -> None:
        self.by = by
        self.now = clock.micros(clock.now())
        self.cases: list[Case] = []
        self._rows: list[tuple[str, Sequence[str], Callable[[], Sequence[Any]]]] = []
        self._documents: list[tuple[bytes | None, PurchaseRecord]] = []
        self._jobs: list[outbox.NewJob] = []
        self._closed: list[tuple[int, str, str, int]] = []
        self._first: list[Callable[[], Coroutine[Any, Any, bool]]] = []
        self._last: list[Callable[[], Awaitable[None]]] = []
        self._found_by: _FoundBy = ((), ())
        self._settled = False

    def case(self, order_id: int) -> Case | None:
        """The case of an order that was asked for, None where there is no such order."""
        return next((case for case in self.cases if case.order.id == order_id), None)

    # -- recording ------------------------------------------------------------------------------------------------

    def event(
        self,
        case: Case,
        subject_action: str,
        message: str,
        *,
        record: Record | None = None,
        source: Source | None = None,
        data: dict[str, Any] | None = None,
        inbound_id: int | None = None,
    ) -> EventRecord:
        """A new event is open; what ``put`` changes from here on goes into it. The tag is ``source:subject:action``."""
        event = EventRecord(
            at=self.now,
            actor=self.by.name,
            tag=f"{source or self.by.source}:{subject_action}",
            subject=(record.path if record else "") or "order",
            message=message,
            cause=self.by.cause,
            before={},
            after={},
            data=data or {},
            inbound_id=inbound_id,
        )
        case.events.append(event)
        return event

    def put(self, case: Case, record: Record, **values: Any) -> None:
        """The record has these values; tracked ones are noted in the event that is open. States are not put but moved."""
        for name, value in values.items():
            old = getattr(record, name)
            if old == value:
                continue
            if name in record.TRACKED_NAMES:
                if not case.events:
                    self.event(case, "order:settle", "")
                event, prefix = case.events[-1], record.path
                made = event.made.get(id(record)) if event.made else None
                if made is not None and made.has(name):
                    event.open_up(record)
                path = f"{prefix}.{name}" if prefix else name
                if path not in event.after:
                    event.before.setdefault(path, old)
                event.after[path] = value
            setattr(record, name, value)
            record.dirty.add(name)

    def _created(self, case: Case, record: Record) -> None:
        event = case.events[-1]
        event.made[id(record)] = record.made()
        if event.after:  # what was dropped before may have had its path
            event.open_up(record)

    # -- making things --------------------------------------------------------------------------------------------

    def new_order(self, order: OrderRecord, lines: list[LineRecord], message: str, inbound_id: int | None) -> Case:
        """A new order is in the book; its status follows from its parts when the work is saved."""
        order.is_new = True
        case = Case(order=order, lines=lines)
        self.cases.append(case)
        self.event(case, "order:pull", message, inbound_id=inbound_id)
        self._created(case, order)
        for line in lines:
            line.is_new = True
            self._created(case, line)
        return case

    def new_line(self, case: Case, line: LineRecord) -> None:
        """The order has one more line."""
        line.is_new = True
        case.lines.append(line)
        self._created(case, line)

    def new_purchase(self, case: Case, purchase: PurchaseRecord) -> None:
        """A purchase order is drafted; noted in the event that is open."""
        purchase.is_new = True
        purchase.state = PurchaseState.DRAFT.value
        case.purchases.append(purchase)
        self._created(case, purchase)
        case.terms |= search.terms_of(purchase.po_number)

    def new_purchase_line(self, case: Case, purchase: PurchaseRecord, po_line: PurchaseLineRecord) -> None:
        """A draft has one more line."""
        po_line.is_new = True
        po_line.po_number = purchase.po_number
        purchase.lines.append(po_line)
        self._created(case, po_line)

    def drop_purchase_line(self, case: Case, purchase: PurchaseRecord, po_line: PurchaseLineRecord) -> None:
        """A draft no longer has this line."""
        purchase.lines.remove(po_line)
        event = case.events[-1]
        event.open_up(po_line)
        for name in po_line.TRACKED:
            path = f"{po_line.path}.{name}"
            if path not in event.after:
                event.before.setdefault(path, getattr(po_line, name))
            event.after[path] = None
        if not po_line.is_new:
            case.removed.append(po_line)

    def new_shipment(self, case: Case, shipment: ShipmentRecord) -> None:
        """A parcel is known; noted in the event that is open, and to be pushed to the channel."""
        shipment.is_new = True
        shipment.transit, shipment.push = INITIAL[Axis.TRANSIT], INITIAL[Axis.PUSH]
        case.shipments.append(shipment)
        self._created(case, shipment)
        case.terms |= search.terms_of(shipment.tracking_number)
        self.job(case, "tracking.push", shipment)

    def open_issue(
        self,
        case: Case,
        code: IssueCode,
        message: str,
        *,
        cause: str,
        field: str = "",
        line: LineRecord | None = None,
        purchase: PurchaseRecord | None = None,
    ) -> None:
        """The order has this Issue; one that is already open stays as it is. Noted in the event that is open."""
        issue = IssueRecord(
            id=0, order_id=case.order.id, code=code, message=message[:2000], field=field, cause=cause[:300], line_id=None,
            purchase_order_id=None, opened_at=self.now, line=line, purchase=purchase, is_new=True,
        )  # fmt: skip
        if any(other.same == issue.same for other in case.issues):
            return
        case.issues.append(issue)
        if not case.events:
            self.event(case, "issue:open", message)
        case.events[-1].after[issue.path] = "open"

    def close_issue(self, case: Case, issue: IssueRecord, resolution: str) -> None:
        """The Issue is closed, by the one who does this work; noted in the event that is open."""
        case.issues.remove(issue)
        if not case.events:
            self.event(case, "issue:close", ISSUES[IssueCode(issue.code)].title)
        event = case.events[-1]
        if issue.path not in event.after:
            event.before.setdefault(issue.path, "open")
        event.after[issue.path] = None
        if not issue.is_new:
            self._closed.append((self.now, self.by.name, resolution, issue.id))

    # -- moving ---------------------------------------------------------------------------------------------------

    def move(
        self,
        case: Case,
        record: PurchaseRecord | ShipmentRecord,
        name: str,
        said: str = "",
        *,
        source: Source | None = None,
        run_at: int | None = None,
        data: dict[str, Any] | None = None,
        inbound_id: int | None = None,
        **values: Any,
    ) -> None:
        """The record is in the state the table says, with ``values`` set and the follow-up job due at ``run_at``;
        ``said`` is the event's sentence.

        Raises IllegalTransition when the table does not allow it from here.
        """
        step = TRANSITIONS[name]
        field = _AXIS_FIELD[step.axis]
        state = getattr(record, field)
        if state not in step.sources:
            raise IllegalTransition(f"{name}: {record.path} of order {case.order.number} is {state}")
        target = step.target
        if target is None:
            target = record.back_to if isinstance(record, PurchaseRecord) else state
        why = said or step.why
        self.event(case, f"{step.axis}:{name}", why, record=record, source=source, data=data, inbound_id=inbound_id)
        if name == "request_cancel":
            values["back_to"] = state
        if name == "undo":
            values = {"message": "", **values}  # what it waited for is no concern of a draft
        self.put(case, record, **{field: target}, **values)
        if step.job:
            # What is put off says why, as jobs do that are themselves tried again.
            self.job(case, step.job, record, run_at=run_at, error=values.get("message", "") if run_at else "")

    # -- also to be written ---------------------------------------------------------------------------------------

    def job(
        self, case: Case, task: str, record: Record, *, run_at: int | None = None, args: dict[str, Any] | None = None,
        error: str = "",
    ) -> None:  # fmt: skip
        """A job about the record is due with this change; ``error`` is what the last one came to."""
        case.jobs.append(FollowUp(_JOB_PREFIX.get(task, task), task, record, run_at, args or {}, error))

    def plain_job(self, job: outbox.NewJob) -> None:
        """A job that is not about a record of a case."""
        self._jobs.append(job)

    def row(self, table: str, columns: Sequence[str], values: Callable[[], Sequence[Any]]) -> None:
        """A row is inserted at the end; ``values`` is called when every record has its id."""
        self._rows.append((table, columns, values))

    def first_(self, action: Callable[[], Coroutine[Any, Any, bool]]) -> None:
        """The action runs as the first step of the transaction that saves, and answers whether it changed the cases."""
        self._first.append(action)

    def finally_(self, action: Callable[[], Awaitable[None]]) -> None:
        """The action runs as the last step of the same transaction, when every record has its id."""
        self._last.append(action)

    def hold(self, case: Case, reason: str) -> None:
        """The order is on hold for this reason until released; noted in the event that is open."""
        self.put(case, case.order, held=reason[:300])
        self.row(
            "holds",
            ("order_id", "reason", "placed_at", "placed_by", "released_by"),
            lambda: (case.order.id, reason[:300], self.now, self.by.name, ""),
        )

    def lift(self, case: Case) -> None:
        """The order is no longer on hold; noted in the event that is open."""
        self.put(case, case.order, held="")

        async def close() -> None:
            await db.run(
                "UPDATE holds SET released_at = ?, released_by = ? WHERE order_id = ? AND released_at IS NULL",
                self.now, self.by.name, case.order.id,
            )  # fmt: skip

        self.finally_(close)

    def document(self, purchase: PurchaseRecord, body: bytes | None) -> None:
        """The bytes that go out are frozen with the purchase order; with None it is rendered anew when it is sent."""
        self._documents.append((body, purchase))

    # -- saving ---------------------------------------------------------------------------------------------------

    async def settle(self) -> None:
        """What follows from what was done is worked out and told already, so that the transaction is the shorter."""
        for place, case in enumerate(self.cases, 1):
            if place % TURN == 0:
                await asyncio.sleep(0)
            self._settle(case)
        self._found_by = _found_by(self.cases)
        self._settled = True

    def _settle(self, case: Case) -> None:
        _settle(self, case)
        chain.tell(case.events)

    async def save(self) -> None:
        """Everything is written; called once, in the transaction."""
        last_ids, *changed = await db.at_once(db.last_ids(), *(action() for action in self._first))
        ahead = self._settled and not any(changed)
        touched = [case for case in self.cases if _changed(case)]
        await writing.assign_all(touched, last_ids)
        async with db.together():
            for part in _portions(touched):
                for case in () if ahead else part:
                    self._settle(case)
                events = chain.chained(part)
                await writing.write_all(part)
                await db.insert("audit_events", chain.EVENT_COLUMNS, events)
                db.set_going()
            for table, columns, rows in _grouped(self._rows):
                await db.insert(table, columns, rows)
            documents = {po.id: (body, po.id) for body, po in self._documents}
            await db.update(
                "purchase_orders", ("document", "id"), "document = v.document", "purchase_orders.id = v.id",
                documents.values(),
            )  # fmt: skip
            await db.update(
                "issues", ("closed_at", "closed_by", "resolution", "id"),
                "closed_at = v.closed_at, closed_by = v.closed_by, resolution = v.resolution",
                "issues.id = v.id AND issues.closed_at IS NULL", self._closed,
            )  # fmt: skip
            await outbox.put([*self._jobs, *(job for case in touched if case.jobs for job in _follow_ups(case))])
            terms, orders = self._found_by if ahead else _found_by(touched)
            await search.index(list(zip(terms, map(_ID, orders), strict=True)))
            await counters.add(_moved_counts(touched))
            for action in self._last:
                await action()
        # Most of these know this work: kept, they would keep a page of orders until the collector comes by.
        self._first, self._last, self._rows, self._found_by = [], [], [], ((), ())


_FoundBy = tuple[Sequence[str], Sequence[OrderRecord]]
_ID = attrgetter("id")


def _found_by(cases: Sequence[Case]) -> _FoundBy:
    """The terms of the orders, in their order, and whose they are; of one term in the order of the ids they have or will have."""
    found: list[tuple[str, OrderRecord]] = []
    for case in cases:
        found.extend(zip(case.terms, repeat(case.order)))  # without a step of Python for each of so many
    if not found:
        return (), ()
    terms, orders = zip(*sorted(found, key=itemgetter(0)), strict=True)
    return terms, orders


def _portions(cases: list[Case]) -> list[list[Case]]:
    """What is known, and new orders, some at a time: SQLite writes them while the next ones are settled and hashed."""
    size = max(1, len(cases)) if db.is_postgres() else PORTION
    known, new = ([case for case in cases if case.order.is_new is is_new] for is_new in (False, True))
    return [group[i : i + size] for group in (known, new) for i in range(0, len(group), size)]


def _moved_counts(cases: list[Case]) -> dict[tuple[int, str], int]:
    """By channel and status, how many orders more or fewer there are."""
    deltas: dict[tuple[int, str], int] = {}
    for case in cases:
        if case.was_status != case.order.status:
            if case.was_status is not None:
                key = (case.order.channel_id, case.was_status)
                deltas[key] = deltas.get(key, 0) - 1
            key = (case.order.channel_id, case.order.status)
            deltas[key] = deltas.get(key, 0) + 1
    return {key: n for key, n in deltas.items() if n}


def _changed(case: Case) -> bool:
    records: list[Record] = [case.order, *case.lines, *case.purchases, *case.shipments, *case.issues]
    if case.events or case.jobs or any(r.dirty or r.is_new for r in records):
        return True
    return any(line.dirty or line.is_new for po in case.purchases for line in po.lines)


_SENT = attrgetter("submitted", "acknowledged", "backordered", "shipped", "canceled")


def _settle(work: Work, case: Case) -> None:
    """The derived quantities and the status follow from the parts; purchase orders with nothing left to do are closed."""
    _close_finished(work, case)
    found = quantities(case)
    for line in case.lines:
        q = found[line.position]
        if q.allocated != line.allocated:
            work.put(case, line, allocated=q.allocated)
        if _SENT(q) != _SENT(line):
            work.put(
                case, line, submitted=q.submitted, acknowledged=q.acknowledged, backordered=q.backordered,
                shipped=q.shipped, canceled=q.canceled,
            )  # fmt: skip
    status = order_status(facts(case, found)).value
    if case.was_status is None and not case.order.is_new:
        case.was_status = case.order.status
    work.put(case, case.order, status=status, changed_at=work.now, **listed.kept(work, case))
    case.order.dirty.add("changed_at")  # whatever changed, the order's version moves on: ``recall`` goes by it


def _close_finished(work: Work, case: Case) -> None:
    for po in case.purchases:
        if po.state != PurchaseState.SHIPPED:
            continue
        parcels = [s for s in case.shipments if s.purchase is po]
        if parcels and all(s.push in ("confirmed", "suppressed") for s in parcels):
            work.move(case, po, "close", source="worker")


def _follow_ups(case: Case) -> list[outbox.NewJob]:
    jobs = []
    for job in case.jobs:
        record: Any = job.record
        version = f":{record.version}" if hasattr(record, "version") else ""
        run_at = clock.moment(job.run_at) if job.run_at is not None else None
        jobs.append(
            outbox.NewJob(f"{job.prefix}:{record.id}{version}", job.task, record.id, run_at, job.args, job.error)
        )
    return jobs


def _grouped(
    rows: list[tuple[str, Sequence[str], Callable[[], Sequence[Any]]]],
) -> list[tuple[str, Sequence[str], list[Sequence[Any]]]]:
    groups: dict[tuple[str, Sequence[str]], list[Sequence[Any]]] = {}
    for table, columns, values in rows:
        groups.setdefault((table, columns), []).append(values())
    return [(table, columns, found) for (table, columns), found in groups.items()]


@asynccontextmanager
async def change(order_ids: Iterable[int] = (), *, by: Actor) -> AsyncIterator[Work]:
    """The orders are locked and loaded within, ascending by id, and everything done to them is saved at the end."""
    async with db.transaction():
        cases = await recall.cases(sorted(set(order_ids)))
        work = Work(by)  # its time is that at which the orders were ours, however long others had them
        work.cases = cases
        yield work
        await work.save()
    recall.put_back(work.cases, new_ones=False)


@asynccontextmanager
async def rehearse(order_ids: Iterable[int], *, by: Actor) -> AsyncIterator[Work]:
    """The orders are loaded within, and afterwards stand as ``change`` would leave them; nothing is saved."""
    work = Work(by)
    work.cases = await loading.load(sorted(set(order_ids)))
    yield work
    for case in work.cases:
        if _changed(case):
            _settle(work, case)


async def save(work: Work) -> None:
    """What was done to new orders, in a ``Work`` of its own, is saved: there was nothing to lock before.

    SQLite has one write lock, and making an order takes longer than writing it: call ``Work.settle`` first.
    """
    async with db.transaction():
        await work.save()
    recall.put_back(work.cases, new_ones=False)
