"""Orders by when they changed, for programs that keep a copy of them: what changed since, page by page, none left out.

A place in the blue book is kept by the program and not here. On PostgreSQL events become visible in another order than that of
their ids or times, so a place counts transactions as ``feed`` does, and the events within one.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from engine import clock, db
from engine.errors import Misconfigured, NotFound
from engine.services import feed, history
from engine.services.history import OrderRow

EARLIER = timedelta(hours=1)
"""So much earlier than a moment begins what changed since: clocks of machines differ, and a transaction takes its time."""
_EVENTS = 10
"""So many events are looked through for each order that is wanted: most orders have several."""
_LEAST = 1_000
"""The same for few orders: changes of settings lie between them."""


class Gone(NotFound):
    """The place is not in this blue book: the database was restored, or is another one."""


class Place(msgspec.Struct, frozen=True):
    """Behind an event of the blue book. ``mark`` tells by the last event up to there whether it still is the same book."""

    key: int
    id: int
    mark: str


class ChangedOrder(OrderRow, frozen=True, kw_only=True):
    """An order as it stands now, and when it changed. ``tracking`` has all of its numbers."""

    changed_at: datetime


class Changes(msgspec.Struct, frozen=True):
    """Orders, each once, by their last change; ask again from ``place``, at once if there are ``more``."""

    orders: list[ChangedOrder]
    place: Place
    more: bool


async def beginning(since: datetime | None = None) -> Place:
    """The place before everything that changed at this moment or later; some that changed within the hour before it come too.

    Without a moment it is the blue book's beginning.
    """
    if since is None:
        return Place(0, 0, "")
    wanted = clock.micros(since) - EARLIER // timedelta(microseconds=1)
    column = _key()
    high = await _end()
    low = min(int(await db.value(f"SELECT MIN({column}) FROM audit_events") or 0), high)
    # Times ascend with the key, but for what EARLIER is for.
    while low < high:
        middle = (low + high) // 2
        found = await db.row(
            f"SELECT {column}, at FROM audit_events WHERE {column} >= ? ORDER BY {column}, id LIMIT 1", middle
        )
        if found is None or found[0] >= high or found[1] >= wanted:
            high = middle
        else:
            low = int(found[0]) + 1
    return Place(low, 0, await _mark(low, 0))


async def after(place: Place, limit: int) -> Changes:
    """The next orders that changed behind the place, ``limit`` at most. Raises Gone.

    An order is shown as it stands now: as this change left it, or newer, and what is newer is told once more further on.
    On PostgreSQL a change is told once no older transaction is under way in the whole server.
    """
    await _known(place)
    column, most = _key(), max(_LEAST, limit * _EVENTS)
    final = f"AND {column} < {feed.HORIZON}" if db.is_postgres() else ""
    found = await db.rows(
        f"SELECT {column}, id, order_id, at FROM audit_events WHERE ({column}, id) > (?, ?) {final} "
        f"ORDER BY {column}, id LIMIT {most + 1}",
        place.key, place.id,
    )  # fmt: skip
    taken, changed_at = _first(found[:most], limit)
    if not taken:
        return Changes([], place, more=False)
    key, event_id = int(taken[-1][0]), int(taken[-1][1])
    rows = await history.rows_of(list(changed_at), None)
    orders = [ChangedOrder(**_fields(row), changed_at=clock.moment(changed_at[row.id])) for row in rows]
    return Changes(orders, Place(key, event_id, await _mark(key, event_id)), more=len(taken) < len(found))


def _first(events: Sequence[Any], limit: int) -> tuple[Sequence[Any], dict[int, int]]:
    """The events up to where another order would be one too many; when each of their orders changed last, in that order."""
    changed_at: dict[int, int] = {}
    for count, (_, _, order_id, at) in enumerate(events):
        if not order_id:  # a change of settings
            continue
        if order_id not in changed_at and len(changed_at) == limit:
            return events[:count], changed_at
        changed_at.pop(order_id, None)
        changed_at[int(order_id)] = int(at)
    return events, changed_at


def _fields(row: OrderRow) -> dict[str, Any]:
    return {name: getattr(row, name) for name in OrderRow.__struct_fields__}


def _key() -> str:
    return "xid" if db.is_postgres() else "id"


async def _end() -> int:
    """All events before this key are there to be seen; those that come will have it or a later one. Raises Misconfigured."""
    if not db.is_postgres():
        return await feed.latest() + 1
    count = await feed.counted()
    if count.last >= count.next:
        raise Misconfigured(
            f"the database came from another PostgreSQL server, which had counted {count.last} transactions, and this one has "
            f"counted {count.next}: what changes now would be taken for told; `bluebook db catch-up` mends it"
        )
    return count.final


async def _mark(key: int, event_id: int) -> str:
    """Of the last event up to there: nothing comes in before it, so it is the same whenever it is asked."""
    column = _key()
    found = await db.value(
        f"SELECT hash FROM audit_events WHERE ({column}, id) <= (?, ?) ORDER BY {column} DESC, id DESC LIMIT 1",
        key, event_id,
    )  # fmt: skip
    return str(found or "")[:16]


async def _known(place: Place) -> None:
    # Beyond the end what is still to come would count as told.
    if place.key > await _end() or place.mark != await _mark(place.key, place.id):
        raise Gone(
            "this cursor is not of the blue book as it is: the database was restored or replaced since; begin anew, by since "
            "at a moment before that, or without a cursor from the beginning"
        )
