"""What has changed since: how the front ends notice the workers' doings without asking about every order."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import msgspec

from engine import db

HORIZON = "pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
"""The oldest transaction that may still commit, on PostgreSQL; everything below it is final."""
AT_ONCE = 200_000
"""So many transactions are counted by one call: some seconds."""


class Feed(msgspec.Struct, frozen=True):
    """Orders that changed, each once, by their last change. Ask again from ``cursor``, at once if ``more``.

    ``settings``: something that belongs to no order changed too: a mapping, a channel, a supplier.
    """

    orders: list[int]
    cursor: int
    settings: bool = False
    more: bool = False


class Event(msgspec.Struct, frozen=True, array_like=True):
    """An event of an order's blue book as it was written: what was and what is, by path."""

    id: int
    order_id: int
    seq: int
    at: int
    before: str
    after: str


async def events(since: int, limit: int = 500) -> tuple[list[Event], int, bool]:
    """The orders' events after the cursor in their order, the cursor to go on from, and whether there are more.

    As with ``changes`` none is ever skipped.
    """
    found, cursor, more = await _told("id, order_id, seq, at, before, after", since, limit)
    return [Event(*tuple(row)[1:]) for row in found if row[2]], cursor, more


async def latest() -> int:
    """The cursor from which ``changes`` tells only what happens from now on."""
    if db.is_postgres():
        return int(await db.value(f"SELECT {HORIZON} - 1"))
    return int(await db.value("SELECT MAX(id) FROM audit_events") or 0)


async def changes(since: int, limit: int = 500) -> Feed:
    """What changed after the cursor; no event is ever skipped, one may be told twice.

    On PostgreSQL events become visible in another order than that of their ids, so the cursor counts transactions, and
    what a transaction wrote is told once no older one is under way (in the whole server: a long one delays the news).
    """
    found, cursor, more = await _told("order_id", since, limit)
    if not found:
        return Feed([], since)
    orders = dict.fromkeys(int(r[1]) for r in reversed(found))
    settings = orders.pop(0, 1) is None
    return Feed(list(reversed(orders)), cursor, settings, more)


class Count(msgspec.Struct, frozen=True):
    """How far this PostgreSQL server has counted transactions: all below ``final`` are over, the next one begun is ``next`` or
    later. ``last`` is the latest of those that wrote the blue book, as the server counted that wrote it; 0 for none."""

    final: int
    next: int
    last: int


async def counted() -> Count:
    """How far the open database's server has counted; PostgreSQL only."""
    found = await db.rows(
        f"SELECT {HORIZON}, pg_snapshot_xmax(pg_current_snapshot())::text::bigint, (SELECT MAX(xid) FROM audit_events)"
    )
    final, following, last = tuple(found[0])
    return Count(int(final), int(following), int(last or 0))


async def lacking() -> int:
    """How many transactions this server has yet to count until it has counted as many as the one the database came from; 0 where
    none are lacking.

    Until then what changes is told to nobody who follows by a cursor: it counts as what they have been told.
    """
    if not db.is_postgres():
        return 0
    told = int(await db.value("SELECT COALESCE(MAX(cursor), 0) FROM webhooks"))
    count = await counted()
    return max(max(count.last, told) + 1 - count.next, 0)


async def catch_up() -> AsyncIterator[int]:
    """The server has counted as many transactions as the one the database came from; how many are lacking, again and again
    meanwhile, 0 last. They write nothing. May be ended and begun again, and run beside everything else; not in a transaction.
    """
    while lacks := await lacking():
        yield lacks
        # One for each: a transaction's number cannot be chosen, and those of savepoints are not counted cheaper.
        await db.run(
            f"DO $$ BEGIN FOR n IN 1..{min(lacks, AT_ONCE)} LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$"
        )
    yield 0


async def _told(columns: str, since: int, limit: int) -> tuple[Sequence[db.Row], int, bool]:
    """Events after the cursor, the cursor's own value first in each row; the next cursor, and whether there are more."""
    # On SQLite there is one writer at a time, so ids become visible in order.
    key, final = ("xid", f"AND xid < {HORIZON}") if db.is_postgres() else ("id", "")
    found = await db.rows(
        f"SELECT {key}, {columns} FROM audit_events WHERE {key} > ? {final} ORDER BY {key}, id LIMIT {limit + 1}", since
    )
    more = len(found) > limit
    if more and key == "xid":
        # A cursor must not point into a transaction: leave out the last one, or take it whole when it is all there is.
        last = found[-1][0]
        whole = [r for r in found if r[0] != last]
        found = whole or await db.rows(f"SELECT xid, {columns} FROM audit_events WHERE xid = ? ORDER BY id", last)
    elif more:
        found = found[:limit]
    return found, int(found[-1][0]) if found else since, more
