"""How a list of orders is walked: from filters and a sort to SQL that reads little, however many orders there are.

Either the filters pick few orders (those with an open Issue, say), which are sorted; or an index is walked in the
sort's order and the rest of the filters is tried on each order, in bounded windows. Never an OFFSET.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from functools import lru_cache
from itertools import product
from typing import Any

import msgspec
from babel.numbers import list_currencies

from engine import clock, db
from engine.domain import money
from engine.domain.states import OPEN_STATUSES
from engine.errors import Invalid, Unreadable
from engine.services.filters import LATE_ISSUES, Filters

FEW = 5_000
"""Up to so many orders are picked and sorted."""
MOST_BRANCHES = 16
WINDOWS = (1_000, 9_000)
"""How many orders are tried for one page before it is handed back unfilled."""
OPEN = "('failed', 'on_hold', 'unresolved', 'ready')"  # as the partial index says it (migration 0002)
SORTS = {"placed": "placed_at", "number": "number", "total": "total"}
CARRIED = "id, placed_at, number, total, currency, status, channel_id, country, held, snoozed_until"


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


END = Cursor("", 0, back=True)
"""Before nothing: gives the last page."""


class Clause(msgspec.Struct, frozen=True):
    """A condition and its values."""

    sql: str
    values: tuple[Any, ...] = ()


class Sort(msgspec.Struct, frozen=True):
    """By which column, and whether the largest comes first."""

    column: str
    down: bool

    @classmethod
    def of(cls, text: str) -> Sort:
        name = text.removeprefix("-")
        if name not in SORTS:
            raise Invalid(
                f"orders are not sorted by {name}; there are {', '.join(SORTS)}, with - for largest first", "sort"
            )
        return cls(SORTS[name], text.startswith("-"))

    def order(self, back: bool) -> str:
        way = "DESC" if self.down != back else "ASC"
        return f"{self.column} {way}, id {way}"

    def beyond(self, cursor: Cursor | None) -> Clause | None:
        if cursor is None or cursor is END or (cursor.back and not cursor.id):
            return None
        sign = "<" if self.down != cursor.back else ">"
        if self.column == "number":  # unique, so it needs no id
            return Clause(f"number {sign} ?", (str(cursor.value),))
        try:
            return Clause(f"({self.column}, id) {sign} (?, ?)", (int(cursor.value), cursor.id))
        except ValueError as error:
            raise Invalid(f"{cursor.value} is no place in a list sorted by {self.column}", "after") from error


def _any(column: str, values: Sequence[Any], no: bool = False) -> Clause:
    return Clause(f"{column} {'NOT ' if no else ''}IN ({db.marks(values)})", tuple(values))


def _has(table: str, where: Clause, yes: bool = True) -> Clause:
    # A scalar subquery, not EXISTS, which PostgreSQL may turn into a join over the whole table.
    found = f"(SELECT 1 FROM {table} AS t WHERE t.order_id = o.id AND {where.sql} LIMIT 1)"
    return Clause(f"{found} = 1" if yes else f"{found} IS NULL", where.values)


def _issues(codes: Sequence[str]) -> Clause:
    return Clause(f"closed_at IS NULL AND code IN ({db.marks(codes)})", tuple(codes))


@lru_cache(maxsize=1)
def _unusual() -> dict[int, list[str]]:
    """The currencies that have not two decimals, by how many they have."""
    found: dict[int, list[str]] = {}
    for code in sorted(list_currencies()):
        try:
            places = money.exponent(code)
        except Unreadable:
            continue
        if places != 2:
            found.setdefault(places, []).append(code)
    return found


def _bound(amount: Decimal, sign: str, currency: str) -> Clause:
    """total >= or <= an amount of major units, in each order's own currency."""

    def whole(places: int) -> int:
        scaled = amount.scaleb(places).to_integral_value(ROUND_CEILING if sign == ">=" else ROUND_FLOOR)
        return int(max(min(scaled, Decimal(money.LARGEST)), Decimal(-money.LARGEST)))

    if currency:
        return Clause(f"o.total {sign} ?", (whole(money.exponent(currency)),))
    cases, values = [], []
    for places, codes in _unusual().items():
        cases.append(f"WHEN o.currency IN ({', '.join(repr(code) for code in codes)}) THEN CAST(? AS BIGINT)")
        values.append(whole(places))
    return Clause(f"o.total {sign} CASE {' '.join(cases)} ELSE CAST(? AS BIGINT) END", (*values, whole(2)))


def ages(filters: Filters, now: int) -> list[Clause]:
    """When it was placed: conditions that an index by placed_at serves."""
    found = []
    if filters.placed_from:
        found.append(Clause("placed_at >= ?", (clock.micros(filters.placed_from),)))
    if filters.placed_to:
        found.append(Clause("placed_at < ?", (clock.micros(filters.placed_to),)))
    if filters.older_than is not None:
        found.append(Clause("placed_at <= ?", (now - filters.older_than * 1_000_000,)))
    if filters.younger_than is not None:
        found.append(Clause("placed_at > ?", (now - filters.younger_than * 1_000_000,)))
    return found


def conditions(filters: Filters, now: int) -> list[Clause]:
    """What is tried on each order ``o``, apart from statuses, channels and times, which the walk itself sees to."""
    found = []
    if filters.not_channel_ids:
        found.append(_any("o.channel_id", filters.not_channel_ids, no=True))
    if filters.currency:
        found.append(Clause("o.currency = ?", (filters.currency,)))
    if filters.country:
        found.append(Clause("o.country = ?", (filters.country.upper(),)))
    if filters.total_min is not None:
        found.append(_bound(filters.total_min, ">=", filters.currency))
    if filters.total_max is not None:
        found.append(_bound(filters.total_max, "<=", filters.currency))
    if filters.held is not None:
        found.append(Clause("o.held <> ''" if filters.held else "o.held = ''"))
    if filters.snoozed is True:
        found.append(Clause("o.snoozed_until > ?", (now,)))
    if filters.snoozed is False:
        found.append(Clause("(o.snoozed_until IS NULL OR o.snoozed_until <= ?)", (now,)))
    return found + _parts(filters, now)


def _parts(filters: Filters, now: int) -> list[Clause]:
    """What is tried on an order's purchase orders and Issues."""
    found = []
    if filters.supplier_ids:
        found.append(_has("purchase_orders", _any("supplier_id", filters.supplier_ids)))
    if filters.not_supplier_ids:
        found.append(_has("purchase_orders", _any("supplier_id", filters.not_supplier_ids), yes=False))
    if filters.issue_codes:
        found.append(_has("issues", _issues(filters.issue_codes)))
    if filters.not_issue_codes:
        found.append(_has("issues", _issues(filters.not_issue_codes), yes=False))
    if filters.has_issue is not None:
        found.append(_has("issues", Clause("closed_at IS NULL"), yes=filters.has_issue))
    if filters.late is not None:
        overdue = _has("purchase_orders", Clause("(ack_due_at < ? OR tracking_due_at < ?)", (now, now)))
        waited = _has("issues", _issues(LATE_ISSUES))
        both = f"({overdue.sql} OR {waited.sql})"
        # A comparison with no row is NULL, not false.
        found.append(
            Clause(both if filters.late else f"COALESCE({both}, 1 = 0) = (1 = 0)", overdue.values + waited.values)
        )
    return found


def own(filters: Filters) -> list[Clause]:
    """Statuses and channels, as conditions."""
    found = []
    if filters.statuses:
        found.append(_any("o.status", filters.statuses))
    if filters.channel_ids:
        found.append(_any("o.channel_id", filters.channel_ids))
    return found


def _picks(filters: Filters, now: int) -> list[Clause]:
    """Queries for order ids, each of which has all that fit, by indexes made for it: worth it where they are few."""
    found = []
    if filters.late:
        due = [
            f"SELECT order_id FROM purchase_orders WHERE {name} IS NOT NULL AND {name} < ?"
            for name in ("ack_due_at", "tracking_due_at")
        ]
        waited = _issues(LATE_ISSUES)
        union = " UNION ALL ".join([*due, f"SELECT order_id FROM issues WHERE {waited.sql}"])
        found.append(Clause(union, (now, now, *waited.values)))
    if filters.issue_codes:
        issues = _issues(filters.issue_codes)
        found.append(Clause(f"SELECT order_id FROM issues WHERE {issues.sql}", issues.values))
    elif filters.has_issue:
        found.append(Clause("SELECT order_id FROM issues WHERE closed_at IS NULL"))
    if filters.held:
        found.append(Clause("SELECT id AS order_id FROM orders WHERE held <> ''"))
    if filters.snoozed:
        found.append(
            Clause("SELECT id AS order_id FROM orders WHERE snoozed_until IS NOT NULL AND snoozed_until > ?", (now,))
        )
    if filters.supplier_ids:
        suppliers = _any("supplier_id", filters.supplier_ids)
        found.append(Clause(f"SELECT order_id FROM purchase_orders WHERE {suppliers.sql}", suppliers.values))
    if filters.statuses:
        where = own(filters)
        text = " AND ".join(c.sql.replace("o.", "") for c in where)
        found.append(Clause(f"SELECT id AS order_id FROM orders WHERE {text}", sum((c.values for c in where), ())))
    return found


async def _few(picks: list[Clause]) -> Clause | None:
    """The first query that gives few ids."""
    for pick in picks:
        counted = await db.value(
            f"SELECT COUNT(*) FROM (SELECT 1 FROM ({pick.sql}) AS p LIMIT {FEW + 1}) AS q", *pick.values
        )
        if counted <= FEW:
            return pick
    return None


class Walk(msgspec.Struct, frozen=True):
    """A list's query: ``source`` gives candidates, ``tried`` is what each must pass."""

    sort: Sort
    back: bool
    sources: tuple[Clause, ...]
    tried: tuple[Clause, ...]
    bounded: bool

    def _candidates(self, window: int) -> Clause:
        values: tuple[Any, ...] = sum((s.values for s in self.sources), ())
        if not self.bounded:
            return Clause(self.sources[0].sql, values)
        order = self.sort.order(self.back)
        parts = [f"{s.sql} ORDER BY {order} LIMIT {window}" for s in self.sources]
        if len(parts) == 1:
            return Clause(parts[0], values)
        union = " UNION ALL ".join(f"SELECT * FROM ({part}) AS b{n}" for n, part in enumerate(parts))
        return Clause(f"SELECT * FROM ({union}) AS b ORDER BY {order} LIMIT {window}", values)

    async def page(self, window: int, limit: int) -> list[tuple[int, int | str]]:
        """Ids and sort values of the first ``limit`` that pass, of a window of candidates."""
        candidates = self._candidates(window)
        where = " AND ".join(c.sql for c in self.tried) or "1 = 1"
        values = candidates.values + sum((c.values for c in self.tried), ())
        found = await db.rows(
            f"SELECT id, {self.sort.column} FROM ({candidates.sql}) AS o WHERE {where} "
            f"ORDER BY {self.sort.order(self.back)} LIMIT {limit}",
            *values,
        )
        return [(int(r[0]), r[1]) for r in found]

    async def floor(self, window: int) -> Cursor | None:
        """The last candidate of a window, None where the window was not full."""
        candidates = self._candidates(window)
        found = await db.row(
            f"SELECT id, {self.sort.column}, (SELECT COUNT(*) FROM ({candidates.sql}) AS n) "
            f"FROM ({candidates.sql}) AS o ORDER BY {self.sort.order(not self.back)} LIMIT 1",
            *candidates.values, *candidates.values,
        )  # fmt: skip
        return Cursor(found[1], int(found[0]), self.back) if found is not None and found[2] >= window else None


async def plan(filters: Filters, sort: Sort, cursor: Cursor | None) -> Walk:
    """The cheapest way to walk a list from a cursor on."""
    now = clock.micros(clock.now())
    back = cursor is not None and cursor.back
    limits = [*ages(filters, now), *filter(None, [sort.beyond(cursor)])]
    tried = conditions(filters, now)
    narrow = own(filters)
    picks = _picks(filters, now)
    if picks and (len(picks) > 1 or not filters.statuses or sort.column != "placed_at"):
        pick = await _few(picks)
        if pick is not None:
            # CROSS JOIN: SQLite then looks each picked order up instead of walking all in the sort's order.
            carried = ", ".join(f"x.{name.strip()}" for name in CARRIED.split(","))
            where = " AND ".join(["x.id = s.order_id", *(c.sql for c in _on("x", limits))])
            source = Clause(
                f"SELECT {carried} FROM (SELECT DISTINCT order_id FROM ({pick.sql}) AS p) AS s "
                f"CROSS JOIN orders AS x WHERE {where}",
                pick.values + sum((c.values for c in limits), ()),
            )
            return Walk(sort, back, (source,), (*narrow, *tried), bounded=False)
    branches = _branches(filters) if sort.column == "placed_at" else None
    if branches is None:
        branches, tried = [Clause("1 = 1")], [*narrow, *tried]
    sources = tuple(
        Clause(
            f"SELECT {CARRIED if tried else f'id, {sort.column}'} FROM orders "
            f"WHERE {' AND '.join(c.sql for c in [branch, *limits])}",
            branch.values + sum((c.values for c in limits), ()),
        )
        for branch in branches
    )
    return Walk(sort, back, sources, tuple(tried), bounded=True)


def _on(alias: str, clauses: Sequence[Clause]) -> list[Clause]:
    """The conditions with their columns named as the alias's."""
    found = []
    for clause in clauses:
        sql = clause.sql
        for column in ("placed_at", "number", "total"):
            sql = sql.replace(column, f"{alias}.{column}")
        found.append(Clause(sql.replace(", id)", f", {alias}.id)"), clause.values))
    return found


def _branches(filters: Filters) -> list[Clause] | None:
    """Conditions that each have an index in order of placing and together are the statuses and channels asked for."""
    statuses, channels = filters.statuses, filters.channel_ids
    if statuses and set(statuses) == set(OPEN_STATUSES) and not channels:
        return [Clause(f"status IN {OPEN}")]
    if statuses and channels:
        found = [Clause("status = ? AND channel_id = ?", pair) for pair in product(statuses, channels)]
    elif statuses:
        found = [Clause("status = ?", (status,)) for status in statuses]
    else:
        found = [Clause("channel_id = ?", (channel,)) for channel in channels]
    if len(found) > MOST_BRANCHES:
        return None
    return found or [Clause("1 = 1")]
