"""From filters to SQL: what is tried on an order, and what picks few orders by an index made for it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from functools import lru_cache
from typing import Any

import msgspec
from babel.numbers import list_currencies

from engine import clock, db
from engine.domain import money
from engine.domain.issues import LATE
from engine.errors import Unreadable
from engine.services.filters import Filters


class Clause(msgspec.Struct, frozen=True):
    """A condition, or a query, and its values."""

    sql: str
    values: tuple[Any, ...] = ()


def joined(clauses: Sequence[Clause]) -> Clause:
    """All of the conditions; true where there is none."""
    return Clause(" AND ".join(c.sql for c in clauses) or "1 = 1", sum((c.values for c in clauses), ()))


LEAVING = "state = 'queued' AND attempt = 0 AND release_at > ?"
"""A purchase order that can be taken back until then. The state is written out, so that the partial index serves."""
UNSENT = "state = 'queued' AND release_at > 0 AND (attempt > 0 OR release_at <= ?)"
"""One that is to be sent and is not: it was tried in vain, or its supplier or a worker is waited for. All that are queued have
a time; that it is above 0 lets the index serve."""


def by_index(index: str) -> str:
    """The index SQLite is to go by, if any: without statistics it takes one that is larger by far for as good."""
    return f"INDEXED BY {index}" if index and not db.is_postgres() else ""


def _any(column: str, values: Sequence[Any], no: bool = False) -> Clause:
    return Clause(f"{column} {'NOT ' if no else ''}IN ({db.marks(values)})", tuple(values))


def _has(table: str, where: Clause, yes: bool = True) -> Clause:
    # A scalar subquery, not EXISTS, which PostgreSQL may turn into a join over the whole table.
    found = f"(SELECT 1 FROM {table} AS t WHERE t.order_id = o.id AND {where.sql} LIMIT 1)"
    return Clause(f"{found} = 1" if yes else f"{found} IS NULL", where.values)


def _because(cause: str) -> Clause:
    return Clause("closed_at IS NULL AND cause = ?", (cause,))


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


def ages(filters: Filters, now: int, alias: str = "") -> list[Clause]:
    """When it was placed: conditions that an index by placed_at serves."""
    found = []
    if filters.placed_from:
        found.append(Clause(f"{alias}placed_at >= ?", (clock.micros(filters.placed_from),)))
    if filters.placed_to:
        found.append(Clause(f"{alias}placed_at < ?", (clock.micros(filters.placed_to),)))
    if filters.older_than is not None:
        found.append(Clause(f"{alias}placed_at <= ?", (now - filters.older_than * 1_000_000,)))
    if filters.younger_than is not None:
        found.append(Clause(f"{alias}placed_at > ?", (now - filters.younger_than * 1_000_000,)))
    return found


def tried(filters: Filters, now: int) -> list[Clause]:
    """What is tried on each order ``o``, apart from statuses, channels, times and words."""
    found = []
    if filters.not_channel_ids:
        found.append(_any("o.channel_id", filters.not_channel_ids, no=True))
    if filters.currency:
        found.append(Clause("o.currency = ?", (filters.currency.upper(),)))
    if filters.country:
        found.append(Clause("o.country = ?", (filters.country.upper(),)))
    if filters.total_min is not None:
        found.append(_bound(filters.total_min, ">=", filters.currency.upper()))
    if filters.total_max is not None:
        found.append(_bound(filters.total_max, "<=", filters.currency.upper()))
    found += _held(filters, now)
    if filters.snoozed is True:
        found.append(Clause("o.snoozed_until > ?", (now,)))
    if filters.snoozed is False:
        found.append(Clause("(o.snoozed_until IS NULL OR o.snoozed_until <= ?)", (now,)))
    if filters.late is not None:
        found.append(Clause(f"o.late_at IS {'NOT ' if filters.late else ''}NULL"))
    if filters.has_issue is not None:
        found.append(Clause(f"o.issue_at IS {'NOT ' if filters.has_issue else ''}NULL"))
    if filters.auto is not None:
        found.append(Clause("o.auto = ?", (filters.auto,)))
    return found + _parts(filters)


def _held(filters: Filters, now: int) -> list[Clause]:
    """On hold by a person, held until its undo window is over, or either: people call both held."""
    # With the sum it is no condition by index: PostgreSQL, which keeps no statistics of what is queued at the moment, would
    # look all of that through for each order.
    leaving = Clause(LEAVING.replace("release_at", "release_at + 0"), (now,))
    found = []
    if filters.on_hold is not None:
        found.append(Clause("o.held <> ''" if filters.on_hold else "o.held = ''"))
    if filters.undoable is not None:
        found.append(_has("purchase_orders", leaving, filters.undoable))
    if filters.unsent is not None:
        unsent = Clause(UNSENT.replace("release_at", "release_at + 0"), (now,))
        found.append(_has("purchase_orders", unsent, filters.unsent))
    if filters.held is True:
        also = _has("purchase_orders", leaving)
        found.append(Clause(f"(o.held <> '' OR {also.sql})", also.values))
    if filters.held is False:
        found += [Clause("o.held = ''"), _has("purchase_orders", leaving, yes=False)]
    return found


def _parts(filters: Filters) -> list[Clause]:
    """What is tried on an order's purchase orders, Issues, lines and parcels."""
    found = []
    if purchase := _purchase(filters):
        found.append(_has("purchase_orders", joined(purchase)))
    if had := _had(filters):
        found.append(_has("issues", joined(had)))
    if filters.late_supplier_ids:
        found.append(_has("issues", _late_at(filters.late_supplier_ids)))
    if filters.not_supplier_ids:
        found.append(_has("purchase_orders", _any("supplier_id", filters.not_supplier_ids), yes=False))
    if filters.cause:
        found.append(_has("issues", _because(filters.cause)))
    if filters.issue_codes:
        found.append(_has("issues", _issues(filters.issue_codes)))
    if filters.not_issue_codes:
        found.append(_has("issues", _issues(filters.not_issue_codes), yes=False))
    for values, yes in ((filters.skus, True), (filters.not_skus, False)):
        if values:
            found.append(_has("order_lines", _begins(_lower("t.sku"), [v.lower() for v in values]), yes))
    for values, yes in ((filters.trackings, True), (filters.not_trackings, False)):
        if values:
            number = "UPPER(REPLACE(t.tracking_number, ' ', ''))"
            found.append(_has("shipments", _begins(number, ["".join(v.split()).upper() for v in values]), yes))
    for values, yes in ((filters.emails, True), (filters.not_emails, False)):
        if values:
            begun = _begins(_lower("o.email"), [f for v in values for f in (v.lower(), "%@" + v.lower().lstrip("@"))])
            found.append(begun if yes else Clause(f"NOT {begun.sql}", begun.values))
    return found


def _purchase(filters: Filters) -> list[Clause]:
    """What one of its purchase orders, ``t``, must be."""
    found = [
        *_times("t.created_at", filters.purchase_from, None),
        *_times("t.sent_at", filters.sent_from, filters.sent_to),
    ]
    if filters.supplier_ids:
        found.append(_any("t.supplier_id", filters.supplier_ids))
    if filters.purchase_states:
        found.append(_any("t.state", filters.purchase_states))
    shipped = "(SELECT MIN(h.shipped_at) FROM shipments AS h WHERE h.purchase_order_id = t.id) - t.sent_at"
    for seconds, sign in ((filters.lead_from, ">="), (filters.lead_to, "<")):
        if seconds is not None:
            found.append(Clause(f"{shipped} {sign} ?", (seconds * 1_000_000,)))
    return found


def _had(filters: Filters) -> list[Clause]:
    """What one of its Issues, open or closed, must be."""
    codes = [_any("code", filters.had_issue_codes)] if filters.had_issue_codes else []
    return [*_times("opened_at", filters.had_from, filters.had_to), *codes]


def _times(column: str, start: datetime | None, end: datetime | None) -> list[Clause]:
    found = [Clause(f"{column} >= ?", (clock.micros(start),))] if start else []
    return [*found, Clause(f"{column} < ?", (clock.micros(end),))] if end else found


def _late_at(supplier_ids: Sequence[int]) -> Clause:
    late = _issues(LATE)
    of = _any("p.supplier_id", supplier_ids)
    # The purchase order is looked up for each Issue; a subquery for all of a supplier's would be the larger by far.
    whose = "(SELECT 1 FROM purchase_orders AS p WHERE p.id = purchase_order_id AND"
    return Clause(f"{late.sql} AND {whose} {of.sql}) = 1", late.values + of.values)


def _lower(column: str) -> str:
    # SQLite's LIKE takes capitals for small letters, by itself quicker than its LOWER is.
    return f"LOWER({column})" if db.is_postgres() else column


def _begins(column: str, values: Sequence[str]) -> Clause:
    """The column begins as any of the values; a value's own leading ``%@`` stands for whatever is before an @."""

    def pattern(value: str) -> str:
        wild, rest = ("%@", value[2:]) if value.startswith("%@") else ("", value)
        for special in "\\%_":
            rest = rest.replace(special, "\\" + special)
        return f"{wild}{rest}%"

    one = f"{column} LIKE ? ESCAPE '\\'"
    return Clause(f"({' OR '.join([one] * len(values))})", tuple(map(pattern, values)))


def own(filters: Filters) -> list[Clause]:
    """Statuses and channels, as conditions on ``o``."""
    found = []
    if filters.statuses:
        found.append(_any("o.status", filters.statuses))
    if filters.channel_ids:
        found.append(_any("o.channel_id", filters.channel_ids))
    return found


class Pick(msgspec.Struct, frozen=True):
    """A query for order ids, and the filters that are left to be tried on these orders."""

    ids: Clause
    left: Filters


def picks(filters: Filters, now: int) -> list[Pick]:
    """Queries each of which has all that fit, by indexes made for it: worth it where they are few."""
    found = []

    def add(sql: str, values: tuple[Any, ...] = (), **left: Any) -> None:
        found.append(Pick(Clause(sql, values), msgspec.structs.replace(filters, **left)))

    if filters.cause:
        cause = _because(filters.cause)
        add(f"SELECT order_id FROM issues WHERE {cause.sql}", cause.values, cause="")
    if filters.issue_codes:
        issues = _issues(filters.issue_codes)
        add(f"SELECT order_id FROM issues WHERE {issues.sql}", issues.values, issue_codes=())
    stopped = "SELECT id AS order_id FROM orders WHERE held <> ''"
    # By another index SQLite would walk all purchase orders by order, so as to have each order once.
    queued = f"SELECT order_id FROM purchase_orders {by_index('purchase_orders_queued')} WHERE"
    leaving = f"{queued} {LEAVING}"
    if filters.on_hold:
        add(stopped, on_hold=None)
    if filters.undoable:
        add(leaving, (now,), undoable=None)
    if filters.unsent:
        add(f"{queued} {UNSENT}", (now,), unsent=None)
    if filters.held:
        add(f"{stopped} UNION {leaving}", (now,), held=None)
    if filters.snoozed:
        asleep = "SELECT id AS order_id FROM orders WHERE snoozed_until IS NOT NULL AND snoozed_until > ?"
        add(asleep, (now,), snoozed=None)
    if filters.late_supplier_ids:
        late = _late_at(filters.late_supplier_ids)
        add(f"SELECT order_id FROM issues WHERE {late.sql}", late.values, late_supplier_ids=())
    if filters.had_from:
        had = joined(_had(filters))
        add(f"SELECT order_id FROM issues WHERE {had.sql}", had.values, had_from=None, had_to=None, had_issue_codes=())
    if filters.sent_from:
        sent = joined(_times("sent_at", filters.sent_from, filters.sent_to))
        add(f"SELECT order_id FROM purchase_orders WHERE sent_at IS NOT NULL AND {sent.sql}", sent.values)
    if filters.supplier_ids:
        these = [_any("supplier_id", filters.supplier_ids)]
        if filters.purchase_states:
            these += [_any("state", filters.purchase_states), *_times("created_at", filters.purchase_from, None)]
        suppliers = joined(these)
        add(f"SELECT order_id FROM purchase_orders WHERE {suppliers.sql}", suppliers.values)
    if filters.statuses:
        where = joined(own(filters))
        add(f"SELECT id AS order_id FROM orders AS o WHERE {where.sql}", where.values, statuses=(), channel_ids=())
    return found
