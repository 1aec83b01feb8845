"""The blue book, read whole: showing an order's trail, proving that nobody changed it, and handing it to others.

Three things make tampering show: each event's hash covers the event and the hash before it, ``seq`` has no gaps, and the
order's own row keeps the number and hash of the last event, so that an end that was cut off is missed. On top of that,
replaying the events must give the order as it stands.
"""

from __future__ import annotations

import csv
import re
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any, Literal, TextIO

import msgspec

from engine import clock, db, vault
from engine.errors import BluebookError, Invalid, NotFound
from engine.services import loading, order_page
from engine.services.blue_book import Event, blue_book
from engine.services.casefile import Case, snapshot
from engine.services.lifecycle import EVENT_COLUMNS, event_hash

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
MASK = "***"
_SECRET_NAME = re.compile(
    r"secret|passw|token|api_?key|order_?key|access_?key|authorization|signature|cookie|session|cvv|cvc|card_?number|iban",
    re.IGNORECASE,
)
_SECRET_PAIR = re.compile(
    r"""([\w-]*(?:secret|passw|token|api_?key|order_?key|authorization|signature)[\w-]*["']?\s*[:=>]\s*["']?)[^"'\s,;&<]+""",
    re.IGNORECASE,
)


async def export(which: int | str, format: Format, out: TextIO, *, payloads: bool = False) -> int:  # noqa: A002
    """An order's trail (or that of the ``settings``) is written to ``out``; how many events.

    Times are ISO 8601 with their zone. Each event names the raw payload it came from; with ``payloads`` their bodies are
    written too, secrets masked. In CSV no cell can be taken for a formula. Raises NotFound, Invalid for another format.
    """
    if format not in FORMATS:
        raise Invalid(f"{format!r} is not one of {', '.join(FORMATS)}", "format")
    events = await show(which)
    bodies = await _payloads(sorted({e.inbound_id for e in events if e.inbound_id})) if payloads else {}
    rows = [_plain(event) for event in events]
    if format == "json":
        whole: dict[str, Any] = {"order": which, "events": rows}
        if payloads:
            whole["payloads"] = list(bodies.values())
        out.write(msgspec.json.format(msgspec.json.encode(whole)).decode() + "\n")
    elif format == "jsonl":
        for row in [*({"event": row} for row in rows), *({"payload": body} for body in bodies.values())]:
            out.write(msgspec.json.encode(row).decode() + "\n")
    else:
        _write_csv(out, rows, bodies, payloads)
    return len(events)


def _plain(event: Event) -> dict[str, Any]:
    values = msgspec.structs.asdict(event)
    return values | {"at": event.at.isoformat()}


def _write_csv(out: TextIO, rows: list[dict[str, Any]], bodies: dict[int, dict[str, Any]], payloads: bool) -> None:
    writer = csv.writer(out, lineterminator="\n")
    names = [name for name in Event.__struct_fields__ if name != "id"]
    writer.writerow([*names, "payload"] if payloads else names)
    for row in rows:
        cells = [_cell(row[name]) for name in names]
        if payloads:
            cells.append(_cell(bodies.get(row["inbound_id"] or 0, {}).get("body", "")))
        writer.writerow(cells)


def _cell(value: Any) -> str:
    text = "" if value is None else value if isinstance(value, str) else msgspec.json.encode(value).decode()
    # What begins like this, spreadsheets run as a formula; an apostrophe makes it text.
    return f"'{text}" if text.lstrip()[:1] in ("=", "+", "-", "@") or text[:1] in ("\t", "\r", "\n") else text


async def _payloads(ids: list[int]) -> dict[int, dict[str, Any]]:
    """The raw payloads by id, as they may be shown to others."""
    found: dict[int, dict[str, Any]] = {}
    known = await _own_secrets()
    for start in range(0, len(ids), 200):
        chunk = ids[start : start + 200]
        for r in await db.rows(
            "SELECT id, source, source_id, external_id, content_type, received_at, body FROM inbound_messages "
            f"WHERE id IN ({db.marks(chunk)}) ORDER BY id",
            *chunk,
        ):
            found[int(r[0])] = {
                "id": r[0], "source": r[1], "source_id": r[2], "external_id": r[3], "content_type": r[4],
                "received_at": clock.moment(r[5]).isoformat(), "body": masked(bytes(r[6]), known),
            }  # fmt: skip
    return found


async def payload(inbound_id: int) -> str:
    """The payload an event came from, as text with every secret masked; raises NotFound."""
    found = await _payloads([inbound_id])
    if inbound_id not in found:
        raise NotFound(f"there is no payload {inbound_id} in the inbox")
    return str(found[inbound_id]["body"])


async def _own_secrets() -> list[str]:
    """The credentials of every connection: wherever they turn up, they are not to leave the house."""
    found = []
    for table in ("channels", "suppliers"):
        for row_id, sealed in [tuple(r) for r in await db.rows(f"SELECT id, secrets FROM {table}")]:
            for name, text in msgspec.json.decode(sealed, type=dict[str, str]).items():
                found.append(vault.open_sealed(text, table=table, row=str(row_id), field=name))
    return sorted((secret for secret in found if len(secret) >= 4), key=len, reverse=True)


def masked(body: bytes, known: Iterable[str] = ()) -> str:
    """The payload as text without what is secret: fields whose names say so, and the ``known`` secrets anywhere."""
    text = body.decode("utf-8", "replace")
    try:
        text = msgspec.json.encode(_hidden(msgspec.json.decode(body))).decode()
    except (msgspec.DecodeError, UnicodeDecodeError):
        text = _SECRET_PAIR.sub(rf"\1{MASK}", text)
    for secret in known:
        text = text.replace(secret, MASK)
    return text


def _hidden(value: Any) -> Any:
    if isinstance(value, dict):
        # WooCommerce's meta data say {"key": name, "value": …}: the name is a value there.
        named = isinstance(value.get("key"), str) and "value" in value and _SECRET_NAME.search(value["key"])
        return {
            k: MASK if v and (_SECRET_NAME.search(str(k)) or (named and k == "value")) else _hidden(v)
            for k, v in value.items()
        }
    return [_hidden(item) for item in value] if isinstance(value, list) else value
