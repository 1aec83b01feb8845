"""How a list of orders is walked: from filters and a sort to SQL that reads little, however many orders there are.

Either something the filters name picks few orders (a rare word, an Issue), which are sorted; or an index is walked in the
sort's order and the rest of the filters is tried on each order, in bounded windows. Never an OFFSET.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import product
from typing import Any

import msgspec

from engine import clock, db
from engine.domain.states import OPEN_STATUSES, OrderStatus
from engine.errors import Invalid
from engine.services import conditions, search, wording
from engine.services.conditions import Clause, Pick, by_index, joined
from engine.services.filters import Filters
from engine.services.wording import Wording

FEW = 1_500
"""Up to so many orders are picked and sorted."""
PICKED = 100
"""More orders than that are not picked by their words where the order of arrival does as well."""
MOST_BRANCHES = 16
WINDOWS = (1_000, 4_000)
"""How many orders are tried for one page before it is handed back unfilled."""
RANKED = 20_000
"""Up to so many orders are sorted by what an index holds of them."""
COUNTED = 4_000
"""How many orders are tried for a count."""
OPEN = "('failed', 'on_hold', 'unresolved', 'ready')"  # as the partial index says it (migration 0002)
STATE_ORDER = (*OPEN_STATUSES, *(s for s in OrderStatus if s not in OPEN_STATUSES and s != OrderStatus.CANCELED),
               OrderStatus.CANCELED)  # fmt: skip
"""The sort ``state``: what needs a person most comes first."""
SORTS = {"placed": "placed_at", "number": "number", "total": "total"}
_ASKED_FOR = re.compile(r"\bo\.(\w+)")


class Cursor(msgspec.Struct, frozen=True):
    """A place in a list: after the order with this sort value and id, or with ``back`` before it. See ``END``."""

    value: int | str
    id: int
    back: bool = False

    def text(self) -> str:
        """For a URL."""
        return f"{'<' if self.back else '>'}{self.id}.{self.value}"

    @classmethod
    def parse(cls, text: str) -> Cursor:
        """The cursor of a URL; raises Invalid."""
        number, dot, value = text[1:].partition(".")
        if text[:1] not in ("<", ">") or not dot or not number.isdecimal():
            raise Invalid(f"{text} is not a place in a list; start again from its first page", "after")
        return cls(value, int(number), text[0] == "<")

    @property
    def somewhere(self) -> bool:
        """Is it beside an order, and not at the list's end?"""
        return not (self.back and not self.id)


END = Cursor("", 0, back=True)
"""Before nothing: gives the last page."""


class Sort(msgspec.Struct, frozen=True):
    """By which column, and whether the largest comes first."""

    column: str
    down: bool

    @classmethod
    def of(cls, text: str) -> Sort:
        name = text.removeprefix("-")
        if name not in SORTS:
            raise Invalid(
                f"orders are not sorted by {name}; there are {', '.join(SORTS)} and state, with - for largest first",
                "sort",
            )
        return cls(SORTS[name], text.startswith("-"))

    def order(self, back: bool) -> str:
        way = "DESC" if self.down != back else "ASC"
        return f"{self.column} {way}, id {way}" if self.column != "id" else f"id {way}"

    def beyond(self, cursor: Cursor | None, alias: str = "") -> Clause | None:
        """What lies on the cursor's side."""
        if cursor is None or not cursor.somewhere:
            return None
        sign = "<" if self.down != cursor.back else ">"
        if self.column == "id":
            return Clause(f"{alias}id {sign} ?", (cursor.id,))
        if self.column == "number":  # unique, so it needs no id
            return Clause(f"{alias}number {sign} ?", (str(cursor.value),))
        try:
            return Clause(f"({alias}{self.column}, {alias}id) {sign} (?, ?)", (int(cursor.value), cursor.id))
        except ValueError as error:
            raise Invalid(f"{cursor.value} is no place in a list sorted by {self.column}", "after") from error


class Walk(msgspec.Struct, frozen=True):
    """A list's query: ``sources`` (FROM …) give candidates, ``tried`` is what each must pass.

    ``bounded``: there may be more candidates than a window holds, and they come in the list's order; otherwise they are
    few and come in none. ``ranked``: the sources have what is sorted by, but not in this order or no more than that, so that
    candidates are sorted first and looked up then. ``id`` is how an order's id is selected from the sources, ``alias`` what
    stands before the names of its other columns.
    """

    sort: Sort
    back: bool
    sources: tuple[Clause, ...]
    tried: Clause | None
    bounded: bool = True
    ranked: bool = False
    id: str = "id"
    alias: str = ""

    @property
    def whole(self) -> bool:
        """Does one query give a page, however few fit?"""
        return self.tried is None or not self.bounded

    def _columns(self, names: Iterable[str]) -> str:
        return ", ".join(self.id if name == "id" else self.alias + name for name in names)

    def _candidates(self, window: int, columns: Iterable[str]) -> Clause:
        order = f"ORDER BY {self.sort.order(self.back)} LIMIT {window}"
        values: tuple[Any, ...] = sum((s.values for s in self.sources), ())
        parts = [f"SELECT {self._columns(columns)} {source.sql}" for source in self.sources]
        if len(parts) > 1 and db.is_postgres():
            # It merges what is limited, and would gather and sort the rest by several processes.
            parts = [f"SELECT * FROM ({part} {order}) AS b{n}" for n, part in enumerate(parts)]
        return Clause(f"{' UNION ALL '.join(parts)} {order}", values)

    def _narrow(self, window: int) -> Clause:
        """Candidates with no more than the list is sorted by, which an index may hold."""
        return self._candidates(window, self._sorted_by)

    @property
    def _sorted_by(self) -> dict[str, None]:
        return dict.fromkeys(("id", self.sort.column))

    def _fitting(self, window: int, limit: int) -> Clause:
        tried = self.tried or Clause("1 = 1")
        # No more columns than are asked for: SQLite takes each out of each candidate's row.
        columns = self._sorted_by | dict.fromkeys(_ASKED_FOR.findall(tried.sql))
        if not self.bounded:
            found = Clause(f"SELECT {self._columns(columns)} {self.sources[0].sql}", self.sources[0].values)
        elif self.tried is None:
            return self._narrow(limit)
        elif self.ranked:
            found = self._narrow(window)
            if columns != self._sorted_by:
                names = ", ".join(f"x.{name}" for name in columns)
                sql = f"SELECT {names} FROM ({found.sql}) AS s CROSS JOIN orders AS x WHERE x.id = s.id"
                found = Clause(sql, found.values)
        else:
            found = self._candidates(window, columns)
        # SQLite would sort what comes sorted already, and so try all of the window; PostgreSQL knows it is sorted.
        order = "" if self.bounded and not db.is_postgres() else f"ORDER BY {self.sort.order(self.back)}"
        return Clause(
            f"SELECT {', '.join(self._sorted_by)} FROM ({found.sql}) AS o WHERE {tried.sql} {order} LIMIT {limit}",
            found.values + tried.values,
        )

    async def page(self, window: int, limit: int) -> list[tuple[int, int | str]]:
        """Ids and sort values of the first ``limit`` that pass, of a window of candidates."""
        query = self._fitting(window, limit)
        return [(int(r[0]), r[-1]) for r in await db.rows(query.sql, *query.values)]

    async def count(self, window: int, limit: int) -> int:
        """How many pass, of a window of candidates; at most ``limit``."""
        query = self._fitting(window, limit)
        return int(await db.value(f"SELECT COUNT(*) FROM ({query.sql}) AS n", *query.values))

    async def floor(self, window: int) -> Cursor | None:
        """The last candidate of a window, None where the window was not full."""
        # No further than the window, which has just been read.
        narrow = self._narrow(window)
        found = await db.row(f"SELECT * FROM ({narrow.sql}) AS o LIMIT 1 OFFSET {window - 1}", *narrow.values)
        return None if found is None else Cursor(found[-1], int(found[0]), self.back)


async def plan(filters: Filters, sort: Sort, cursor: Cursor | None, words: Wording | None = None) -> Walk:
    """The cheapest way to walk a list from a cursor on; ``words`` are those of the filters, where the caller has them.

    Orders that have a common word are walked by arrival: the newest first, or with the sort ``placed`` the oldest.
    """
    now = clock.micros(clock.now())
    words = words or await wording.of(filters)
    is_open = bool(filters.statuses) and set(filters.statuses) <= set(OPEN_STATUSES)
    arrival = Sort("id", sort.down or sort.column != "placed_at")
    if words.few is not None:
        # With a second condition on the ids, fewer than the first picks are left to be looked up.
        is_few = words.count <= FEW or words.narrowed
        if words.count <= PICKED or (is_few and (is_open or sort.column != "placed_at")):
            return _picked(filters, words, words.few, sort, cursor, now)
        if not is_open:
            return _by_arrival(filters, words, words.few, arrival, cursor, now)
    picks = conditions.picks(filters, now)
    if picks and (len(picks) > 1 or not filters.statuses or sort.column != "placed_at"):
        pick = await _few(picks)
        if pick is not None:
            return _picked(pick.left, words, pick.ids, sort, cursor, now)
    if words.driver is not None and not is_open:
        return _by_arrival(filters, words, words.driver, arrival, cursor, now)
    limits = [*conditions.ages(filters, now), *filter(None, [sort.beyond(cursor)])]
    course = await _course(filters, sort)
    tried = [*conditions.tried(course.left, now), *words.tried("o.id"), *conditions.own(course.left)]
    sources = []
    for branch in course.branches:
        where = joined([branch, *limits])
        sources.append(Clause(f"FROM orders {by_index(course.index)} WHERE {where.sql}", where.values))
    return Walk(sort, _back(cursor), tuple(sources), joined(tried) if tried else None, ranked=course.ranked)


async def _few(picks: Sequence[Pick]) -> Pick | None:
    """The first that gives few ids."""
    for pick in picks:
        counted = await db.value(
            f"SELECT COUNT(*) FROM (SELECT 1 FROM ({pick.ids.sql}) AS p LIMIT {FEW + 1}) AS q", *pick.ids.values
        )
        if counted <= FEW:
            return pick
    return None


def _picked(filters: Filters, words: Wording, pick: Clause, sort: Sort, cursor: Cursor | None, now: int) -> Walk:
    """The orders of a query for few order ids."""
    ids = joined(words.of_ids("p.order_id", but=pick))
    limits = joined([*conditions.ages(filters, now, "x."), *filter(None, [sort.beyond(cursor, "x.")])])
    # CROSS JOIN: SQLite then looks each picked order up instead of walking all in the sort's order. The limits are never
    # reached: they keep both databases from mixing the picking with what is around it.
    few = f"SELECT order_id FROM ({pick.sql}) AS f LIMIT {search.COUNTED}"
    source = Clause(
        f"FROM (SELECT DISTINCT order_id FROM ({few}) AS p WHERE {ids.sql} "
        f"LIMIT {search.COUNTED}) AS s CROSS JOIN orders AS x WHERE x.id = s.order_id AND {limits.sql}",
        pick.values + ids.values + limits.values,
    )
    tried = joined([*conditions.own(filters), *conditions.tried(filters, now)])
    return Walk(sort, _back(cursor), (source,), tried, bounded=False, id="x.id", alias="x.")


def _by_arrival(filters: Filters, words: Wording, ids: Clause, sort: Sort, cursor: Cursor | None, now: int) -> Walk:
    """The orders of a query for order ids, in order of arrival: as few are looked up as a page has."""
    others = [*conditions.own(filters), *conditions.ages(filters, now, "o."), *conditions.tried(filters, now)]
    tried = [*words.tried("o.id", but=ids), *others]
    limits = [*filter(None, [sort.beyond(cursor, "order_")])]
    if ids == words.few and others:  # no more than some thousand, so the words are tried before an order is looked up
        tried, limits = others, [*limits, *words.of_ids("d.order_id", but=ids)]
    where = joined(limits)
    source = Clause(f"FROM ({ids.sql}) AS d WHERE {where.sql}", ids.values + where.values)
    return Walk(
        sort, _back(cursor), (source,), joined(tried) if tried else None, ranked=True, id="order_id AS id"
    )  # fmt: skip


def _back(cursor: Cursor | None) -> bool:
    return cursor is not None and cursor.back


class _Course(msgspec.Struct, frozen=True):
    """Conditions that each have an index in the sort's order; ``left`` are the filters that these do not see to."""

    branches: tuple[Clause, ...]
    left: Filters
    index: str = ""
    ranked: bool = False


async def _course(filters: Filters, sort: Sort) -> _Course:
    replace = msgspec.structs.replace
    is_open = bool(filters.statuses) and set(filters.statuses) <= set(OPEN_STATUSES)
    rare, index = f"status IN {OPEN}", "orders_open"
    if filters.late or filters.late_supplier_ids:
        rare, index = "late_at IS NOT NULL", "orders_late"
    elif filters.has_issue or filters.issue_codes:
        rare, index = "issue_at IS NOT NULL", "orders_issue"
    elif not is_open:
        rare, index = "", ""
    left = replace(filters, statuses=(), late=None if filters.late else filters.late,
                   has_issue=None if filters.has_issue else filters.has_issue)  # fmt: skip
    if sort.column == "placed_at":
        if rare and index != "orders_open":
            statuses = filters.statuses or tuple(OrderStatus)
            return _Course(tuple(Clause(f"{rare} AND status = ?", (status,)) for status in statuses), left, index)
        if set(filters.statuses) == set(OPEN_STATUSES):
            return _Course((Clause(rare),), left, index)
        branches = _branches(filters)
        if branches is not None:
            return _Course(branches, replace(filters, statuses=(), channel_ids=()))
    elif sort.column == "total" and rare:
        every = index == "orders_open" and set(filters.statuses) == set(OPEN_STATUSES)
        where = joined([Clause(rare), *conditions.own(Filters(statuses=() if every else filters.statuses))])
        sql = where.sql.replace("o.", "")
        held = f"SELECT COUNT(*) FROM (SELECT 1 FROM orders {by_index(index)} WHERE {sql} LIMIT {RANKED + 1}) AS r"
        if await db.value(held, *where.values) <= RANKED:
            return _Course((Clause(sql, where.values),), left, index, ranked=True)
    return _Course((Clause("1 = 1"),), filters)


def _branches(filters: Filters) -> tuple[Clause, ...] | None:
    """By statuses and channels, in order of placing."""
    statuses, channels = filters.statuses, filters.channel_ids
    if statuses and channels:
        found = [Clause("status = ? AND channel_id = ?", pair) for pair in product(statuses, channels)]
    elif statuses:
        found = [Clause("status = ?", (status,)) for status in statuses]
    else:
        found = [Clause("channel_id = ?", (channel,)) for channel in channels]
    return None if len(found) > MOST_BRANCHES else tuple(found) or (Clause("1 = 1"),)


async def among(filters: Filters, order_ids: Sequence[int], columns: str = "o.id") -> Sequence[db.Row]:
    """These columns of those of the orders ``o`` that fit."""
    if not order_ids:
        return []
    now = clock.micros(clock.now())
    words = (await wording.of(filters)).tried_whole("o.id")
    where = joined(
        [*conditions.own(filters), *conditions.ages(filters, now, "o."), *conditions.tried(filters, now), *words]
    )
    wanted = db.padded(list(order_ids))
    # But for this SQLite, which knows no better, would walk all orders of a status or channel and look for the ids among them.
    by_id = "" if db.is_postgres() else "NOT INDEXED"
    return await db.rows(
        f"SELECT {columns} FROM orders AS o {by_id} WHERE o.id IN ({db.marks(wanted)}) AND {where.sql}",
        *wanted, *where.values,
    )  # fmt: skip


class Walked(msgspec.Struct, frozen=True):
    """Ids and sort values of orders, in the order they were walked; ``rest`` goes on where the windows ended first."""

    found: list[tuple[int, int | str]]
    rest: Cursor | None = None


class _Leg(msgspec.Struct, frozen=True):
    """A part of a list that one index has in its order. ``mark`` goes before its sort values."""

    filters: Filters
    sort: Sort
    cursor: Cursor | None
    mark: str = ""

    def marked(self, value: int | str) -> int | str:
        return f"{self.mark}{value}" if self.mark else value


async def places(
    filters: Filters, sort: str, after: Cursor | None, limit: int, windows: Sequence[int] | None = None
) -> Walked:
    """The first orders that fit from a cursor on (against the sort if it looks back), and where to go on."""
    found: list[tuple[int, int | str]] = []
    words = await wording.of(filters)
    for leg in _legs(filters, sort, after):
        cursor = leg.cursor
        for window in windows or WINDOWS:
            planned = await plan(leg.filters, leg.sort, cursor, words)
            found += [(i, leg.marked(value)) for i, value in await planned.page(window, limit - len(found))]
            if planned.whole or len(found) >= limit:
                cursor = None
                break
            cursor = await planned.floor(window)
            if cursor is None:
                break
        if cursor is not None:
            return Walked(found, msgspec.structs.replace(cursor, value=leg.marked(cursor.value)))
        if len(found) >= limit:
            break
    return Walked(found)


async def count(
    filters: Filters, sort: str, after: Cursor | None, at_most: int, tries: int | None = None
) -> tuple[int, bool]:
    """How many orders fit from a cursor on, and whether that is all; at most so many, of so many that are tried."""
    tries = tries or COUNTED
    found = 0
    words = await wording.of(filters)
    for leg in _legs(filters, sort, after):
        planned = await plan(leg.filters, leg.sort, leg.cursor, words)
        found += await planned.count(tries, at_most + 1 - found)
        if found > at_most:
            return at_most, False
        if not planned.whole and await planned.floor(tries) is not None:
            return found, False
    return found, True


async def place(filters: Filters, sort: str, after: Cursor | None, steps: int) -> tuple[Cursor | None, bool]:
    """Where one is so many orders on from a cursor, and whether one got so far; None where there is no order that way."""
    last: Cursor | None = None
    words = await wording.of(filters)
    for leg in _legs(filters, sort, after):
        planned = await plan(leg.filters, leg.sort, leg.cursor, words)
        if planned.tried is None:
            passed = await planned.count(steps, steps)
            found = await planned.floor(passed) if passed else None
        else:
            window = await planned.page(COUNTED, steps)
            passed = len(window)
            found = Cursor(window[-1][1], window[-1][0], planned.back) if window else None
        if found is not None:
            last = msgspec.structs.replace(found, value=leg.marked(found.value))
        steps -= passed
        if steps <= 0:
            return last, True
        if not planned.whole and await planned.floor(COUNTED) is not None:
            return last, False
    return last, True


def _legs(filters: Filters, sort: str, after: Cursor | None) -> list[_Leg]:
    """The list from a cursor on: as it is or, sorted by state, one status after the other, each by age."""
    if sort.removeprefix("-") != "state":
        return [_Leg(filters, Sort.of(sort), after)]
    down, back = sort.startswith("-"), _back(after)
    ranks = [n for n, status in enumerate(STATE_ORDER) if not filters.statuses or status in filters.statuses]
    begin = None
    if after is not None and after.somewhere:
        rank, _, placed = str(after.value).partition(".")
        if not rank.isdecimal():
            raise Invalid(f"{after.value} is no place in a list sorted by state", "after")
        begin = int(rank)
        ranks = [n for n in ranks if (n <= begin if down != back else n >= begin)]
    if down != back:
        ranks.reverse()
    legs = []
    for n in ranks:
        cursor = END if back else None
        if after is not None and n == begin:
            cursor = Cursor(placed, after.id, back)
        one = msgspec.structs.replace(filters, statuses=(STATE_ORDER[n],))
        legs.append(_Leg(one, Sort("placed_at", down), cursor, f"{n}."))
    return legs
