"""The blue book, read whole: showing an order's trail, proving that nobody changed it, and handing it to others.

Three things make tampering show: each event's hash covers the event and the hash before it, ``seq`` has no gaps, and the
order's own row keeps the number and hash of the last event, so that an end that was cut off is missed. On top of that,
replaying the events must give the order as it stands.
"""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Callable, Collection, Iterable
from datetime import datetime
from typing import Any, Literal, TextIO

import msgspec

from engine import db
from engine.domain.cells import guarded
from engine.errors import BluebookError, Invalid, NotFound
from engine.services import loading, order_page
from engine.services.blue_book import Event, blue_book
from engine.services.casefile import Case, snapshot
from engine.services.chain import EVENT_COLUMNS, event_hash
from engine.services.payloads import masked, own_secrets, payload, read

__all__ = [
    "FORMATS",
    "MEDIA",
    "Contradiction",
    "Problem",
    "Verified",
    "export",
    "masked",
    "order_id",
    "payload",
    "replay",
    "show",
    "stream",
    "verify",
]

SETTINGS = "settings"
"""What the chain of settings (order 0) is called."""
_ORDERS_A_PAGE = 100
_EVENTS_A_PAGE = 1000
_COLUMNS = (*EVENT_COLUMNS, "hash")
_SEQ, _BEFORE, _AFTER, _PREVIOUS, _HASH = (_COLUMNS.index(c) for c in ("seq", "before", "after", "prev_hash", "hash"))


class Contradiction(BluebookError):
    """An event says a value was one thing, and the events before it say it was another."""

    exit_code = 3


class Problem(msgspec.Struct, frozen=True):
    """Something wrong with an order's trail (``order`` is its number, or ``settings``), at the event ``seq`` (0: the order)."""

    order: str
    seq: int
    what: str


class Verified(msgspec.Struct):
    """What was looked at, and what is wrong."""

    orders: int = 0
    events: int = 0
    problems: list[Problem] = msgspec.field(default_factory=list)


def _fold(state: dict[str, Any], before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """The state has the event's values; where it was not as the event says it was."""
    wrong = []
    for path in sorted(before.keys() | after.keys()):
        was, found = before.get(path), state.get(path)
        if was != found:
            wrong.append(f"{path} was {found!r}, the event says {was!r}")
    for path, value in after.items():
        if value is None:
            state.pop(path, None)
        else:
            state[path] = value
    return wrong


def replay(events: Iterable[Event]) -> dict[str, Any]:
    """Every value by path as the events leave it: what ``casefile.snapshot`` gives of the order itself.

    Raises Contradiction where an event's ``before`` is not what the events up to it say.
    """
    state: dict[str, Any] = {}
    for event in events:
        wrong = _fold(state, event.before, event.after)
        if wrong:
            raise Contradiction(f"event {event.seq} ({event.action}): {'; '.join(wrong)}")
    return state


async def order_id(which: int | str) -> int:
    """The id of the order with this id (int) or number (str), 0 for ``settings``; raises NotFound naming close numbers."""
    if which in (0, SETTINGS):
        return 0
    column = "id" if isinstance(which, int) else "number"
    found = await db.value(f"SELECT id FROM orders WHERE {column} = ?", which)
    if found is None:
        raise await order_page.not_found(which)
    return int(found)


async def show(which: int | str, *, subject: str | None = None) -> list[Event]:
    """The events of an order (by number, or by id) or of the ``settings``, in order; with ``subject`` only those about it.

    Raises NotFound naming numbers that are close.
    """
    return await blue_book(await order_id(which), subject=subject)


# --- verifying --------------------------------------------------------------------------------------------------------

Inspect = Callable[[Case], Iterable[str]]


class _Chain:
    """One order's trail being walked: what it has come to, and what is wrong with it."""

    def __init__(self) -> None:
        self.seq, self.hash = 0, ""
        self.state: dict[str, Any] = {}
        self.problems: list[tuple[int, str]] = []

    def link(self, row: list[Any]) -> None:
        """The event follows from the one before it, and is as it was written."""
        seq = row[_SEQ]
        if seq != self.seq + 1:
            gone = f"event {self.seq + 1}" if seq == self.seq + 2 else f"events {self.seq + 1} to {seq - 1}"
            self.problems.append((seq, f"{gone} before it missing"))
        if row[_PREVIOUS] != self.hash:
            self.problems.append((seq, "it does not follow from the event before it"))
        if event_hash(row[:_HASH]) != row[_HASH]:
            self.problems.append((seq, "it was changed after it was written"))
        self.seq, self.hash = seq, row[_HASH]

    def add(self, row: list[Any]) -> None:
        """The same, and its values follow from those before it."""
        self.link(row)
        seq = row[_SEQ]
        try:
            before, after = (msgspec.json.decode(row[n], type=dict[str, Any]) for n in (_BEFORE, _AFTER))
        except msgspec.MsgspecError as error:
            self.problems.append((seq, f"its values cannot be read: {error}"))
            return
        self.problems += [(seq, wrong) for wrong in _fold(self.state, before, after)]

    def compare(self, case: Case) -> None:
        """The order's row and parts are what the trail says."""
        order = case.order
        if (order.audit_seq, order.audit_hash) != (self.seq, self.hash):
            what = f"the order says event {order.audit_seq} is its last"
            what += f", the trail ends at {self.seq}" if order.audit_seq != self.seq else " with another hash"
            self.problems.append((self.seq, what))
        now = snapshot(case)
        for path in sorted(now.keys() | self.state.keys()):
            if now.get(path) != self.state.get(path):
                said, found = self.state.get(path), now.get(path)
                self.problems.append((0, f"{path} is {found!r}, the trail leaves it at {said!r}"))


async def _events(after: int, last: int | None) -> AsyncIterator[list[Any]]:
    """The rows of every event of the orders from ``after`` (exclusive) to ``last``, by order and seq, read in pages."""
    key, until = (after, 1 << 30), "" if last is None else "AND order_id <= ?"
    while True:
        rows = await db.rows(
            f"SELECT {', '.join(_COLUMNS)} FROM audit_events WHERE (order_id, seq) > (?, ?) {until} "
            f"ORDER BY order_id, seq LIMIT {_EVENTS_A_PAGE}",
            *key, *([] if last is None else [last]),
        )  # fmt: skip
        for row in rows:
            yield list(row)
        if len(rows) < _EVENTS_A_PAGE:
            return
        key = (rows[-1][0], rows[-1][1])


async def _page(
    cases: dict[int, Case], after: int, last: int | None, inspect: Inspect | None
) -> tuple[int, dict[int, _Chain]]:
    """How many events there are of these orders, and the chains that have problems."""
    wrong: dict[int, _Chain] = {}
    eventless = set(cases)
    count, current, chain = 0, -1, _Chain()
    async for row in _events(after, last):
        if row[0] != current:
            _close(current, chain, cases.get(current), inspect, wrong)
            current, chain = row[0], _Chain()
            eventless.discard(current)
        chain.add(row)
        count += 1
    _close(current, chain, cases.get(current), inspect, wrong)
    for order in eventless:
        _close(order, _Chain(), cases[order], inspect, wrong)
    return count, wrong


def _close(order: int, chain: _Chain, case: Case | None, inspect: Inspect | None, wrong: dict[int, _Chain]) -> None:
    if case is not None:
        chain.compare(case)
        chain.problems += [(0, what) for what in (inspect(case) if inspect else ())]
    elif chain.seq:
        chain.problems.append((chain.seq, f"the order with the id {order} is gone, its events are not"))
    if chain.problems:
        wrong[order] = chain


async def _again(order: int, inspect: Inspect | None) -> list[Problem]:
    """What is wrong with one order while nobody can change it: what was seen before may have been a change under way."""
    async with db.transaction():
        cases = {case.order.id: case for case in await loading.load([order], lock=True)}
        _, wrong = await _page(cases, order - 1, order, inspect)
    number = cases[order].order.number if order in cases else f"id {order}"
    return [Problem(number, seq, what) for chain in wrong.values() for seq, what in chain.problems]


async def _settings_chain(found: Verified) -> None:
    chain = _Chain()
    async for row in _events(-1, 0):
        # An event has only those settings that changed, so there is nothing to replay them into.
        chain.link(row)
        found.events += 1
    found.problems += [Problem(SETTINGS, seq, what) for seq, what in chain.problems]


async def verify(
    which: int | None = None,
    *,
    limit: int | None = None,
    progress: Callable[[int, int], None] | None = None,
    inspect: Inspect | None = None,
) -> Verified:
    """The trail of one order (by id), of the ``limit`` newest, or of all and of the settings has been checked end to end.

    Memory stays the same however many orders there are, and writers are not kept waiting. ``progress`` is told the
    orders done and the orders there are; ``inspect`` may add what else is wrong with an order. The settings have no
    row that keeps their end, so events cut off there are not missed. Raises NotFound for an id there is not.
    """
    found = Verified()
    if which == 0:
        await _settings_chain(found)
        return found
    if which is not None:
        await order_id(which)
        after, last, total = which - 1, which, 1
    else:
        await _settings_chain(found)
        total = int(await db.value("SELECT COUNT(*) FROM orders"))
        after, last = 0, None
        if limit is not None and limit < total:
            total = limit
            after = int(await db.value("SELECT id FROM orders ORDER BY id DESC LIMIT 1 OFFSET ?", limit))
    while True:
        ids = await _ids(after, last)
        end = ids[-1] if len(ids) == _ORDERS_A_PAGE else last
        cases = {case.order.id: case for case in await loading.load(ids)}
        count, wrong = await _page(cases, after, end, inspect)
        found.events += count
        found.orders += len(cases)
        for order in sorted(wrong):
            found.problems += await _again(order, inspect)
        if progress is not None:
            progress(min(found.orders, total), total)
        if len(ids) < _ORDERS_A_PAGE:
            return found
        after = ids[-1]


async def _ids(after: int, last: int | None) -> list[int]:
    until = "" if last is None else "AND id <= ?"
    values = [after] if last is None else [after, last]
    rows = await db.rows(f"SELECT id FROM orders WHERE id > ? {until} ORDER BY id LIMIT {_ORDERS_A_PAGE}", *values)
    return [int(row[0]) for row in rows]


# --- handing it on ----------------------------------------------------------------------------------------------------

Format = Literal["json", "jsonl", "csv"]
FORMATS = ("json", "jsonl", "csv")
MEDIA = {"json": "application/json", "jsonl": "application/jsonl", "csv": "text/csv; charset=utf-8"}


async def stream(
    which: int | str,
    kind: Format = "json",
    *,
    payloads: bool = False,
    line_id: int | None = None,
    po_number: str | None = None,
) -> AsyncIterator[bytes]:
    """An order's trail (or that of the ``settings``) in pieces, as they are to be sent; ``MEDIA`` says of what type.

    Only what concerns a line or a purchase order, where one is named. Raises NotFound, and Invalid for another format,
    before there is a first piece. Times are ISO 8601 with their zone.
    Each event names the raw payload it came from; with ``payloads`` their bodies are there too, secrets masked, one in
    memory at a time. In CSV no cell can be taken for a formula.
    """
    _check(kind)
    events = await blue_book(await order_id(which), line_id=line_id, po_number=po_number)
    return _PIECES[kind](which, events, payloads)


async def export(
    which: int | str,
    format: Format,  # noqa: A002
    out: TextIO,
    *,
    payloads: bool = False,
    only: Collection[int] | None = None,
) -> int:
    """The same is written to ``out``; how many events. ``only`` those of these numbers in the trail."""
    _check(format)
    events = [event for event in await show(which) if only is None or event.seq in only]
    async for piece in _PIECES[format](which, events, payloads):
        out.write(piece.decode())
    return len(events)


def _check(kind: str) -> None:
    if kind not in FORMATS:
        raise Invalid(f"{kind!r} is not one of {', '.join(FORMATS)}", "format")


def _plain(event: Event) -> bytes:
    return msgspec.json.encode(msgspec.structs.asdict(event) | {"at": event.at.isoformat()})


async def _bodies(events: Iterable[Event], payloads: bool) -> AsyncIterator[bytes]:
    known = await own_secrets() if payloads else []
    for number in sorted({e.inbound_id for e in events if e.inbound_id}) if payloads else ():
        try:
            yield msgspec.json.encode(await read(number, known))
        except NotFound:  # an event outlives its payload
            continue


async def _json(which: int | str, events: list[Event], payloads: bool) -> AsyncIterator[bytes]:
    yield b'{"order": ' + msgspec.json.encode(which) + b', "events": ['
    for n, event in enumerate(events):
        yield (b",\n" if n else b"\n") + _plain(event)
    yield b"\n]"
    if payloads:
        first = True
        yield b', "payloads": ['
        async for body in _bodies(events, payloads):
            yield (b"\n" if first else b",\n") + body
            first = False
        yield b"\n]"
    yield b"}\n"


async def _lines(_which: int | str, events: list[Event], payloads: bool) -> AsyncIterator[bytes]:
    for event in events:
        yield b'{"event":' + _plain(event) + b"}\n"
    async for body in _bodies(events, payloads):
        yield b'{"payload":' + body + b"}\n"


async def _sheet(_which: int | str, events: list[Event], payloads: bool) -> AsyncIterator[bytes]:
    names = [name for name in Event.__struct_fields__ if name != "id"]
    yield _row([*names, "payload"] if payloads else names)
    known = await own_secrets() if payloads else []
    for event in events:
        cells = [_cell(getattr(event, name)) for name in names]
        if payloads:
            try:
                cells.append(guarded((await read(event.inbound_id, known)).body if event.inbound_id else ""))
            except NotFound:
                cells.append("")
        yield _row(cells)


_PIECES = {"json": _json, "jsonl": _lines, "csv": _sheet}


def _row(cells: Iterable[str]) -> bytes:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(cells)
    return line.getvalue().encode()


def _cell(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    return guarded(value if isinstance(value, str) or value is None else msgspec.json.encode(value).decode())
