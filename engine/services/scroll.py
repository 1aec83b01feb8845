"""What a list that shows a window of a million orders asks for: the rows around an order, how long it is, where one stands.

Rows come from ``history.list_orders``, forward and back from a cursor; nothing here reads more than some thousand orders.
"""

from __future__ import annotations

from typing import Any

import msgspec

from engine import db
from engine.errors import NotFound
from engine.services import history, walk
from engine.services.filters import Filters
from engine.services.history import Page
from engine.services.walk import END, Cursor

NEAR = 10_000
"""So far from either end of a list, where nothing is to be tried, orders are counted and not estimated."""
TRIED = 1_000
"""The same, where each order is to be tried."""
SAMPLE = 256


class Extent(msgspec.Struct, frozen=True):
    """How long a list is, and how many orders come ``before`` the one that was asked for; ``exact`` or about so many."""

    total: int
    exact: bool
    before: int = 0


async def cursor_of(order_id: int, sort: str, *, back: bool = False) -> Cursor:
    """The place of this order in a list with this sort: what comes after it, or with ``back`` before it.

    Raises NotFound. Where its row is at hand, ``history.cursor_at`` gives the same without a query.
    """
    row = await db.row("SELECT id, placed_at, number, total, status FROM orders WHERE id = ?", order_id)
    if row is None:
        raise NotFound(f"there is no order with the id {order_id}; look it up by its number")
    return Cursor(_value(sort, row), int(row[0]), back)


def _value(sort: str, row: Any) -> int | str:
    """The sort value of (id, placed_at, number, total, status)."""
    if sort.removeprefix("-") == "state":
        return f"{walk.STATE_ORDER.index(row[4])}.{row[1]}"
    values: dict[str, int | str] = {"placed_at": row[1], "number": row[2], "total": row[3]}
    return values[walk.Sort.of(sort).column]


def _place(value: int | str) -> Any:
    """A sort value as something that sorts as the list does."""
    rank, dot, placed = str(value).partition(".")
    return (int(rank), int(placed)) if dot and placed.isdecimal() else value


async def around(
    order_id: int, filters: Filters | None = None, *, sort: str = "-placed", before: int = 25, after: int = 25
) -> Page:
    """The rows around an order: up to ``before`` of them, the order itself if it fits, up to ``after`` of them.

    Where it does not fit (any more), the rows are those around the place it would have. Raises NotFound.
    """
    filters = filters or Filters()
    place = await cursor_of(order_id, sort)
    above = await walk.places(filters, sort, msgspec.structs.replace(place, back=True), before + 1)
    below = await walk.places(filters, sort, place, after + 1)
    fits = await history.fitting(filters, [order_id])
    up, down = above.found[:before][::-1], below.found[:after]
    ids = [i for i, _ in up] + [order_id] * bool(fits) + [i for i, _ in down]
    first = up[0] if up else (place.id, place.value)
    last = down[-1] if down else (place.id, place.value)
    more_above = len(above.found) > before or above.rest is not None
    more_below = len(below.found) > after or below.rest is not None
    return Page(
        await history.rows_of(ids),
        next=Cursor(last[1], last[0]) if more_below else None,
        previous=Cursor(first[1], first[0], back=True) if more_above else None,
        partial=(above.rest is not None and len(up) < before) or (below.rest is not None and len(down) < after),
    )


async def next_problem(
    order_id: int, filters: Filters | None = None, *, sort: str = "-placed", back: bool = False
) -> int | None:
    """The next order of the list with an open Issue, or with ``back`` the previous one; None: no more that way."""
    filters = filters or Filters()
    if filters.has_issue is False:
        return None
    place = await cursor_of(order_id, sort, back=back)
    found = await walk.places(msgspec.structs.replace(filters, has_issue=True), sort, place, 1)
    return found.found[0][0] if found.found else None


async def extent(filters: Filters | None = None, *, sort: str = "-placed", order_id: int | None = None) -> Extent:
    """How long the list is and, with an order, how many come before it: for a scroll bar, not for a report."""
    filters = filters or Filters()
    kept = await history.kept_count(filters)
    near = await _near(filters)
    total, exact = (kept, True) if kept is not None else await walk.count(filters, "-placed", None, near, near)
    sample = await _sample(filters) if total >= near or not exact else None
    if not exact and sample is not None:
        total = max(total, sample.estimate)
    if order_id is None:
        return Extent(total, exact)
    place = await cursor_of(order_id, sort)
    above, known = await walk.count(_awake(filters), sort, msgspec.structs.replace(place, back=True), near, near)
    if not known and exact:
        below, known = await walk.count(_awake(filters), sort, place, near, near)
        above = total - below - 1
    if not known and sample is not None and sample.rows:
        here, down = _place(place.value), sort.startswith("-")
        values = [_place(_value(sort, row)) for row in sample.rows]
        first = sum((value > here) if down else (value < here) for value in values)
        above = round(total * first / len(sample.rows))
    return Extent(total, exact, max(0, min(above, total)))


async def place_at(fraction: float, filters: Filters | None = None, *, sort: str = "-placed") -> Cursor | None:
    """A place about so far down the list (0: its beginning, 1: its end), to jump there; None at its beginning."""
    filters = filters or Filters()
    total = (await extent(filters, sort=sort)).total
    wanted = round(max(0.0, min(fraction, 1.0)) * total)
    if wanted <= 0:
        return None
    if wanted >= total:
        return END
    from_end = total - wanted < wanted
    steps = total - wanted if from_end else wanted
    if steps <= await _near(filters):
        found, reached = await walk.place(_awake(filters), sort, END if from_end else None, steps)
        if reached and found is not None:
            return msgspec.structs.replace(found, back=False)
    sample = [(_value(sort, row), int(row[0])) for row in (await _sample(filters)).rows]
    sample.sort(key=lambda place: (_place(place[0]), place[1]), reverse=sort.startswith("-"))
    return Cursor(*sample[min(len(sample) - 1, int(fraction * len(sample)))]) if sample else None


def _awake(filters: Filters) -> Filters:
    # Looking every order up to leave a few snoozed ones out is not worth it where it is about a scroll bar.
    return filters if filters.snoozed else msgspec.structs.replace(filters, snoozed=None)


async def _near(filters: Filters) -> int:
    planned = await walk.plan(_awake(filters), walk.Sort.of("-placed"), None)
    return NEAR if planned.tried is None else TRIED


class _Sample(msgspec.Struct, frozen=True):
    """Those of some hundred orders, evenly spread by id, that fit; ``estimate`` is how many of all fit, then."""

    rows: list[Any]
    estimate: int


async def _sample(filters: Filters) -> _Sample:
    ends = await db.row("SELECT (SELECT MIN(id) FROM orders), (SELECT MAX(id) FROM orders)")
    if ends is None or ends[0] is None:
        return _Sample([], 0)
    low, span = int(ends[0]), int(ends[1]) - int(ends[0])
    ids = sorted({low + span * n // (SAMPLE - 1) for n in range(SAMPLE)})
    rows = await walk.among(filters, ids, "o.id, o.placed_at, o.number, o.total, o.status")
    every = sum((await history.counts()).values())
    return _Sample(list(rows), round(every * len(rows) / len(ids)))
