"""The inbox: raw payloads, stored before they are read, so that nothing that arrived can be lost or misremembered."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Literal, Self

import msgspec
import structlog

from engine import clock, db
from engine.errors import BluebookError, Invalid, NotFound
from engine.ports import Channel, ChannelOrder, Page, Raw

WEBHOOK = "webhook:"
"""Begins the external id of a webhook's body; the ids of the orders it names follow, with commas between."""
log = structlog.get_logger(__name__)

Kind = Literal["channel", "supplier"]
_COLUMNS = (
    "source", "source_id", "external_id", "content_type", "body", "digest", "received_at", "state", "reason", "field",
    "attempts",
)  # fmt: skip
_STATE = _COLUMNS.index("state")


class Stored(msgspec.Struct, frozen=True):
    """A payload with its row."""

    id: int
    raw: Raw
    state: str


def digest(raw: Raw) -> str:
    """What makes two payloads the same: the document they are of, and their bytes."""
    return hashlib.sha256((raw.document or raw.external_id).encode() + b"\0" + raw.body).hexdigest()


Put = Callable[[], Awaitable[None]]
Along = Callable[[Put], Awaitable[bool]]
"""Has something written in a transaction that is under way anyway; False where there was none, or it failed."""


async def store(kind: Kind, source_id: int, page: Page, along: Along | None = None) -> list[Stored]:
    """Every payload of the page is in the inbox, in one commit; rejected parts are parked with their reason."""
    now = clock.micros(clock.now())
    rows: dict[str, list[Any]] = {}
    raws: dict[str, Raw] = {}
    for raw in page.items:
        key = digest(raw)
        raws.setdefault(key, raw)
        rows.setdefault(key, _row(kind, source_id, raw, key, now, "stored", "", ""))
    for part in page.rejected:
        key = digest(part.raw)
        rows.setdefault(key, _row(kind, source_id, part.raw, key, now, "parked", part.reason, part.field or ""))
    stored, _ = await _keep(kind, source_id, rows, along)
    return [Stored(stored[key][0], raw, stored[key][1]) for key, raw in raws.items()]


async def store_unread(kind: Kind, source_id: int, raws: Mapping[str, Raw], reason: str) -> set[str]:
    """The payloads are in the inbox, ignored for this reason; the keys of those that are new.

    The keys, and not their bytes, say which are the same.
    """
    now = clock.micros(clock.now())
    keys = {hashlib.sha256(key.encode()).hexdigest(): key for key in raws}
    rows = {mark: _row(kind, source_id, raws[key], mark, now, "ignored", reason, "") for mark, key in keys.items()}
    _, known = await _keep(kind, source_id, rows)
    return {key for mark, key in keys.items() if mark not in known}


_Places = dict[str, tuple[int, str]]


async def _keep(
    kind: Kind, source_id: int, rows: Mapping[str, list[Any]], along: Along | None = None
) -> tuple[_Places, _Places]:
    """Ids and states of all the rows, which are in the inbox, by digest, and of those that were there before."""
    if not rows:
        return {}, {}
    known = await _known(kind, source_id, list(rows))
    fresh = {key: row for key, row in rows.items() if key not in known}
    if fresh and along is not None and await along(partial(_insert_along, list(fresh.values()))):
        return known | await _known(kind, source_id, list(fresh)), known
    if fresh:
        async with db.transaction():
            made = await (_insert(fresh) if db.is_postgres() else _insert_numbered(kind, source_id, fresh))
            # Another worker may have stored the same at the same moment.
            known |= await _known(kind, source_id, [key for key in fresh if key not in made])
        return known | made, known
    return known, known


def _row(kind: Kind, source_id: int, raw: Raw, key: str, now: int, state: str, reason: str, field: str) -> list[Any]:
    return [kind, source_id, raw.external_id[:300], raw.content_type, raw.body, key, now, state, reason, field[:200], 0]


async def _insert(rows: Mapping[str, list[Any]]) -> _Places:
    """The rows, by digest, are in the inbox, but for those that were there; ids and states of the new ones."""
    written = await db.rows(
        f"INSERT INTO inbound_messages ({', '.join(_COLUMNS)}) "
        f"SELECT * FROM {await db.unnested('inbound_messages', _COLUMNS)} "
        "ON CONFLICT (source, source_id, digest) DO NOTHING RETURNING digest, id, state",
        *zip(*rows.values(), strict=True),
    )
    return {r[0]: (int(r[1]), str(r[2])) for r in written}


async def _insert_along(rows: Sequence[Sequence[Any]]) -> None:
    await db.insert("inbound_messages", _COLUMNS, rows, "ON CONFLICT (source, source_id, digest) DO NOTHING")


async def _insert_numbered(kind: Kind, source_id: int, rows: Mapping[str, list[Any]]) -> _Places:
    """As ``_insert``, for SQLite: its thread, which must wait to hand back a row, is asked for none."""
    ids = (await db.reserve({"inbound_messages": len(rows)}, await db.last_ids()))["inbound_messages"]
    wanted = {key: (new, row[_STATE]) for new, (key, row) in zip(ids, rows.items(), strict=True)}
    columns, made = ("id", *_COLUMNS), list[int]()
    sql = f"INSERT INTO inbound_messages ({', '.join(columns)}) VALUES ({db.marks(columns)})"
    values = [[new, *row] for new, row in zip(ids, rows.values(), strict=True)]
    async with db.together():
        await db.many(f"{sql} ON CONFLICT (source, source_id, digest) DO NOTHING", values, made.append)
    if made == [len(rows)]:
        return wanted
    found = await _known(kind, source_id, list(rows))
    return {key: place for key, place in wanted.items() if found[key][0] == place[0]}


async def _known(kind: Kind, source_id: int, keys: Sequence[str]) -> _Places:
    found = await db.rows_among(
        "SELECT digest, id, state FROM inbound_messages WHERE source = ? AND source_id = ? AND digest",
        keys, kind, source_id, width=3,
    )  # fmt: skip
    return {r[0]: (r[1], r[2]) for r in found}


async def settle(rows: Sequence[tuple[int, str, str, str, int | None]]) -> None:
    """The payloads are done, parked or ignored: (id, state, reason, field, order id)."""
    if not rows:
        return
    now, table = clock.micros(clock.now()), "inbound_messages"
    said = [
        (state, reason[:2000], field[:200], order_id, now, row_id) for row_id, state, reason, field, order_id in rows
    ]
    sets = (
        "state = v.state, reason = v.reason, field = v.field, handled_at = v.handled_at, "
        f"order_id = COALESCE(v.order_id, {table}.order_id), attempts = {table}.attempts + 1"
    )
    await db.update(table, _SAID, sets, f"{table}.id = v.id", said)


_SAID = ("state", "reason", "field", "order_id", "handled_at", "id")


async def outdated(kind: Kind, source_id: int, taken: Mapping[str, int]) -> list[tuple[int, str, str, str, int | None]]:
    """What is parked of these documents and older than the payload given, as ``settle`` takes it: nobody is to look at it."""
    # By the index of what is open, which is short. The sums keep PostgreSQL from reading all there ever was of the channel.
    sql = (
        "SELECT id, external_id FROM inbound_messages WHERE state IN ('stored', 'parked') AND state = 'parked' "
        "AND source || '' = ? AND source_id + 0 = ? AND external_id"
    )
    keys, found = list(taken), list[db.Row]()
    if db.is_postgres():
        found += await db.rows(f"{sql} = ANY(?::text[])", kind, source_id, keys)
    else:
        for start in range(0, len(keys), db.KEYS_A_QUERY):
            chunk = keys[start : start + db.KEYS_A_QUERY]
            found += await db.rows(f"{sql} IN ({db.marks(chunk)})", kind, source_id, *chunk)
    return [(int(r[0]), "superseded", _TAKEN_IN, "", None) for r in found if int(r[0]) < taken[r[1]]]


_TAKEN_IN = "what came of it later was taken in"


class InboxRow(msgspec.Struct, frozen=True):
    """A payload as lists show it."""

    id: int
    source: str
    source_id: int
    external_id: str
    state: str
    reason: str
    field: str
    received_at: datetime
    order_id: int | None
    size: int

    @classmethod
    def of(cls, row: Any) -> Self:
        """From a row of these columns, whose time is in microseconds."""
        values: dict[str, Any] = dict(zip(cls.__struct_fields__, row, strict=True))
        return cls(**values | {"received_at": clock.moment(values["received_at"])})


_SELECT = (
    "SELECT id, source, source_id, external_id, state, reason, field, received_at, order_id, LENGTH(body) "
    "FROM inbound_messages"
)


async def parked(*, limit: int = 100, before: int | None = None) -> list[InboxRow]:
    """What waits for a person, newest first."""
    found = await db.rows(
        f"{_SELECT} WHERE state = 'parked' AND id < ? ORDER BY id DESC LIMIT ?", before or (1 << 62), limit
    )
    return [InboxRow.of(r) for r in found]


async def show(row_id: int) -> tuple[InboxRow, Raw]:
    """One payload with its bytes; raises NotFound."""
    found = await db.row(f"{_SELECT} WHERE id = ?", row_id)
    if found is None:
        raise NotFound(f"there is no payload {row_id} in the inbox; `bluebook inbox ls` lists the parked ones")
    body = await db.row("SELECT external_id, body, content_type FROM inbound_messages WHERE id = ?", row_id)
    return InboxRow.of(found), Raw(body[0], bytes(body[1]), body[2])  # type: ignore[index]


async def ignore(row_id: int, reason: str) -> None:
    """The parked payload needs nothing more; it stays, with the reason."""
    row, _ = await show(row_id)
    if row.state != "parked":
        raise Invalid(f"payload {row_id} is {row.state}, not parked")
    async with db.transaction():
        await settle([(row_id, "ignored", reason or "ignored by a person", row.field, row.order_id)])


async def previous(connector: Channel, inbound_ids: Sequence[int]) -> dict[int, ChannelOrder]:
    """What the channel said in these payloads, by id; ones that can no longer be read are left out."""
    ids = [i for i in inbound_ids if i]
    found: dict[int, ChannelOrder] = {}
    for start in range(0, len(ids), 200):
        chunk = ids[start : start + 200]
        for r in await db.rows(
            f"SELECT id, external_id, body, content_type FROM inbound_messages WHERE id IN ({db.marks(chunk)})", *chunk
        ):
            try:
                found[int(r[0])] = connector.read(Raw(r[1], bytes(r[2]), r[3]))
            except BluebookError:
                continue
            except Exception:
                log.exception("an earlier payload could not be read", inbound=r[0], order=r[1])
    return found
