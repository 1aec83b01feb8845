"""The dashboard's figures, each by index in a few queries, and each with the filters that list the same orders.

``scope`` says of which time and which channels; suppliers' figures are in ``lead_times``. Where a figure is of a sample,
or of so many at most, its docstring says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta, tzinfo
from itertools import pairwise
from typing import Literal

import msgspec

from engine import clock, db
from engine.domain.issues import ISSUES, LATE, IssueCode
from engine.domain.states import OPEN_STATUSES, OrderStatus
from engine.errors import Invalid
from engine.services import conditions, history
from engine.services.conditions import by_index
from engine.services.dashboard import AGES, percentile
from engine.services.filter_line import RESOLVE
from engine.services.filters import Filters

Period = Literal["today", "7d", "30d"]
PERIODS = ("today", "7d", "30d")
GOAL_MINUTES = 30
"""So long an order should take from being received to being sent."""
SAMPLE = 2_000
MOST = 5_000
"""More purchase orders than that are not looked at for a tile."""
MORNING = 9
BACK = timedelta(days=14)
WAITING = (*OPEN_STATUSES, OrderStatus.PROCESSED, OrderStatus.PARTIALLY_SHIPPED, OrderStatus.SHIPPED)


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """From when on, where days begin, and of which channels (none: all)."""

    period: Period
    since: datetime
    now: datetime
    zone: tzinfo
    channel_ids: tuple[int, ...] = ()

    def midnight(self, days_ago: int = 0) -> datetime:
        """When a day began where the person is."""
        day = self.now.astimezone(self.zone).date() - timedelta(days=days_ago)
        return datetime(day.year, day.month, day.day, tzinfo=self.zone)

    def morning(self) -> datetime:
        """Nine o'clock of today or, before it, of yesterday."""
        nine = self.midnight().replace(hour=MORNING)
        return nine if nine <= self.now else self.midnight(1).replace(hour=MORNING)

    def of(self, column: str) -> tuple[str, tuple[int, ...]]:
        """The channels as a condition, with AND before it."""
        return (f"AND {column} IN ({db.marks(self.channel_ids)})", self.channel_ids) if self.channel_ids else ("", ())


def with_orders(s: Scope, alias: str) -> tuple[str, str, tuple[int, ...]]:
    """The order of each row, where channels are asked for: what to join, a condition with AND before it, its values.

    CROSS JOIN keeps SQLite from beginning with the orders.
    """
    if not s.channel_ids:
        return "", "", ()
    of, ids = s.of("o.channel_id")
    return "CROSS JOIN orders AS o", f"AND o.id = {alias}.order_id {of}", ids


class Count(msgspec.Struct, frozen=True):
    """How many orders, and the filters that list them. ``more``: counting stopped there, there are more."""

    count: int
    filters: Filters
    more: bool = False


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """Orders that wait for someone here, and those of them that need a person. Changes are since ``morning``.

    ``exact``: not so where more than ``MOST`` orders went since, of which no more were subtracted.
    """

    waiting: Count
    oldest: datetime | None
    change: int
    person: Count
    person_change: int
    morning: datetime
    exact: bool = True


class Processing(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds from received to sent; None without any. ``in_time``: percent within the goal.

    All three are of the latest ``sampled`` purchase orders sent, which is fewer than there are where ``sampled`` is SAMPLE.
    """

    sent: Count
    p50: float | None
    p90: float | None
    in_time: float | None
    sampled: int = 0
    goal_minutes: int = GOAL_MINUTES


class SupplierCount(msgspec.Struct, frozen=True, kw_only=True):
    """How many orders a supplier has of something, and the filters that list them."""

    supplier_id: int
    supplier: str
    count: int
    filters: Filters


class Late(msgspec.Struct, frozen=True):
    """Orders whose supplier is late, and how many of them each supplier has: the latest first."""

    total: Count
    suppliers: tuple[SupplierCount, ...]


Part = Literal["", "held", "unsent", "sent"]
_PARTS: dict[Part, Filters] = {
    "held": Filters(undoable=True, unsent=False), "unsent": Filters(unsent=True),
    "sent": Filters(undoable=False, unsent=False),
}  # fmt: skip


class AgeBar(msgspec.Struct, frozen=True, kw_only=True):
    """The orders of a status, and by age (``dashboard.AGES``, youngest first). Those in progress are in three parts: ``held``
    while they can be taken back, ``unsent`` while their supplier or a worker is waited for, and ``sent``."""

    status: OrderStatus
    part: Part
    total: Count
    ages: tuple[Count, ...]


class Reason(msgspec.Struct, frozen=True, kw_only=True):
    """How many orders needed a person for this reason, and how many still do."""

    code: IssueCode
    title: str
    had: Count
    open: Count


class Day(msgspec.Struct, frozen=True, kw_only=True):
    """A day's orders placed, and orders that had an Issue opened. ``per_100``: None on a day without orders."""

    day: date
    orders: Count
    errors: Count
    per_100: float | None


class Hour(msgspec.Struct, frozen=True, kw_only=True):
    """Orders sent in the hour that began then, by Auto Order Processing and by people, and orders placed in it.

    Where more purchase orders were sent than are looked at, the hours before have ``more``.
    """

    begin: datetime
    placed: Count
    automatic: Count
    manual: Count


def scope(period: str = "today", *, zone: tzinfo, channel_ids: Sequence[int] = ()) -> Scope:
    """The time and the channels a dashboard is of; raises Invalid for another period than those of ``PERIODS``."""
    if period not in PERIODS:
        raise Invalid(f"there is no period {period!r}; there are {', '.join(PERIODS)}", "period")
    days = {"today": 0, "7d": 6, "30d": 29}[period]
    whole = Scope(
        period=period, since=clock.now(), now=clock.now(), zone=zone, channel_ids=tuple(channel_ids),  # type: ignore[arg-type]
    )  # fmt: skip
    return msgspec.structs.replace(whole, since=whole.midnight(days))


async def waiting(s: Scope) -> Waiting:
    """What waits now, and whether that is more than in the morning.

    The changes are net: who has come and waits still, less who waited then and has been sent (or needs no person) since.
    Canceled orders and holds are not told apart in them, nor Issues that were open for more than 14 days.
    """
    morning = s.morning()
    at = clock.micros(morning)
    first = await _first_since(at)
    mine, ids = s.of("channel_id")
    open_filters = Filters(statuses=OPEN_STATUSES, channel_ids=s.channel_ids)
    person_filters = Filters(statuses=RESOLVE, channel_ids=s.channel_ids)
    oldest = f"SELECT MIN(placed_at) FROM orders WHERE status = ? {mine}"
    opened = (
        f"SELECT COUNT(*) FROM orders WHERE status IN ({db.marks(OPEN_STATUSES)}) {mine} AND placed_at >= ? AND id >= ?"
    )
    join, of, channels = with_orders(s, "p")
    sent = by_index("purchase_orders_sent_of")
    came, went, (new, gone), by_status, *placed = await db.at_once(
        # Placed up to two weeks before it was received: a store's orders of the time before its channel was connected wait too.
        db.value(opened, *OPEN_STATUSES, *ids, at - _micros(BACK), first),
        db.value(
            f"SELECT COUNT(*) FROM (SELECT DISTINCT p.order_id FROM purchase_orders AS p {sent} {join} "
            f"WHERE p.sent_at IS NOT NULL AND p.sent_at >= ? AND p.order_id < ? {of} LIMIT {MOST}) AS w",
            at, first, *channels,
        ),
        _person_changes(s, at),
        db.at_once(*[history.counts(i) for i in s.channel_ids or (None,)]),
        *[db.value(oldest, status, *ids) for status in OPEN_STATUSES],
    )  # fmt: skip
    first_placed = min(filter(None, placed), default=None)
    return Waiting(
        waiting=Count(sum(n[status] for n in by_status for status in OPEN_STATUSES), open_filters),
        oldest=clock.moment(first_placed) if first_placed else None,
        change=int(came) - int(went),
        person=Count(sum(n[status] for n in by_status for status in RESOLVE), person_filters),
        person_change=new - gone,
        morning=morning,
        exact=int(went) < MOST and gone < MOST,
    )


def _micros(span: timedelta) -> int:
    return int(span.total_seconds() * 1_000_000)


_EARLIER = "COALESCE((SELECT received_at FROM orders WHERE id >= (low + high) / 2 ORDER BY id LIMIT 1) < ?, 1 = 0)"
_FIRST = f"""SELECT MAX(low) FROM (
  WITH RECURSIVE halves (low, high) AS (
    SELECT CAST(1 AS BIGINT), COALESCE(MAX(id), 0) + 1 FROM orders
    UNION ALL
    SELECT CASE WHEN {_EARLIER} THEN (low + high) / 2 + 1 ELSE low END,
           CASE WHEN {_EARLIER} THEN high ELSE (low + high) / 2 END FROM halves WHERE low < high
  ) SELECT low FROM halves
) AS f
"""


async def _first_since(at: int) -> int:
    """The id of the first order received since then. Orders are numbered as they are received, so ids are searched in halves."""
    return int(await db.value(_FIRST, at, at))


async def _person_changes(s: Scope, at: int) -> tuple[int, int]:
    """How many orders need a person since then, and how many that did then no longer do."""
    of, ids = s.of("o.channel_id")
    issue = by_index("orders_issue")
    opened = by_index("issues_opened")
    new, gone = await db.at_once(
        db.value(
            f"SELECT COUNT(*) FROM orders AS o {issue} WHERE o.issue_at IS NOT NULL AND o.status IN ({db.marks(RESOLVE)}) "
            f"{of} AND o.issue_at >= ?",
            *RESOLVE, *ids, at,
        ),
        db.value(
            f"SELECT COUNT(*) FROM (SELECT DISTINCT i.order_id FROM issues AS i {opened} CROSS JOIN orders AS o "
            f"WHERE o.id = i.order_id AND i.opened_at >= ? AND i.opened_at < ? AND i.closed_at >= ? "
            f"AND o.issue_at IS NULL {of} LIMIT {MOST}) AS g",
            at - _micros(BACK), at, at, *ids,
        ),
    )  # fmt: skip
    return int(new), int(gone)


async def processing(s: Scope) -> Processing:
    """How long orders took from received to sent, of the purchase orders sent in the period; percentiles of the latest 2,000."""
    since = clock.micros(s.since)
    of, ids = s.of("o.channel_id")
    join, with_of, _ = with_orders(s, "p")
    rows, count, most = await db.at_once(
        db.rows(
            "SELECT p.sent_at - o.received_at FROM purchase_orders AS p CROSS JOIN orders AS o "
            f"WHERE o.id = p.order_id AND p.sent_at IS NOT NULL AND p.sent_at >= ? {of} ORDER BY p.sent_at DESC LIMIT {SAMPLE}",
            since, *ids,
        ),
        db.value(
            "SELECT COUNT(*) FROM (SELECT DISTINCT p.order_id FROM (SELECT order_id FROM purchase_orders WHERE sent_at IS NOT "
            f"NULL AND sent_at >= ? ORDER BY sent_at DESC LIMIT {MOST}) AS p "
            f"{join} WHERE 1 = 1 {with_of}) AS n",
            since, *ids,
        ),
        db.value(
            "SELECT COUNT(*) FROM (SELECT 1 FROM purchase_orders WHERE sent_at IS NOT NULL AND sent_at >= ? "
            f"LIMIT {MOST + 1}) AS n",
            since,
        ),
    )  # fmt: skip
    took = sorted(max(int(r[0]), 0) / 1e6 for r in rows)
    return Processing(
        sent=Count(int(count), Filters(sent_from=s.since, channel_ids=s.channel_ids), int(most) > MOST),
        p50=percentile(took, 50),
        p90=percentile(took, 90),
        in_time=100 * sum(seconds <= GOAL_MINUTES * 60 for seconds in took) / len(took) if took else None,
        sampled=len(took),
    )


async def late(s: Scope) -> Late:
    """Orders whose supplier should have answered or shipped by now, whenever that was."""
    mine, ids = s.of("channel_id")
    join, of, channels = with_orders(s, "i")
    open_ = by_index("issues_open")
    total, rows = await db.at_once(
        db.value(
            f"SELECT COUNT(*) FROM orders {by_index('orders_late')} WHERE late_at IS NOT NULL "
            f"AND status IN ({db.marks(tuple(OrderStatus))}) {mine}",
            *OrderStatus, *ids,
        ),
        db.rows(
            "SELECT s.id, s.name, COUNT(DISTINCT i.order_id) "
            f"FROM issues AS i {open_} "
            f"CROSS JOIN purchase_orders AS p CROSS JOIN suppliers AS s {join} "
            f"WHERE p.id = i.purchase_order_id AND s.id = p.supplier_id "
            f"AND i.closed_at IS NULL AND i.code IN ({db.marks(LATE)}) {of} "
            "GROUP BY s.id, s.name ORDER BY 3 DESC, 2",
            *LATE, *channels,
        ),
    )  # fmt: skip
    return Late(
        Count(int(total), Filters(late=True, channel_ids=s.channel_ids)),
        tuple(
            SupplierCount(
                supplier_id=r[0], supplier=r[1], count=int(r[2]),
                filters=Filters(late_supplier_ids=(int(r[0]),), channel_ids=s.channel_ids),
            )
            for r in rows
        ),
    )  # fmt: skip


async def where_orders_wait(s: Scope, statuses: Sequence[OrderStatus] = WAITING) -> list[AgeBar]:
    """Orders by status and age, now and whenever they were placed."""
    every = dict(zip(statuses, await db.at_once(*[_by_age(s, status) for status in statuses]), strict=True))
    held, unsent = await _by_age_unsent(s) if OrderStatus.PROCESSED in statuses else ([], [])
    found = []
    for status, counts in every.items():
        if status != OrderStatus.PROCESSED:
            found.append(_age_bar(s, status, "", counts))
            continue
        sent = [all_ - one - other for all_, one, other in zip(counts, held, unsent, strict=True)]
        found += [
            _age_bar(s, status, "held", held),
            _age_bar(s, status, "unsent", unsent),
            _age_bar(s, status, "sent", sent),
        ]
    return found


def _edges(s: Scope) -> list[int]:
    return [clock.micros(s.now) - seconds * 1_000_000 for seconds in AGES]


async def _by_age(s: Scope, status: OrderStatus) -> list[int]:
    """How many orders of the status are at most as old as each of ``AGES``, and how many there are, by the kept counters."""
    mine, ids = s.of("channel_id")
    younger = f"(SELECT COUNT(*) FROM orders WHERE status = ? {mine} AND placed_at > ?)"
    every = f"(SELECT CAST(COALESCE(SUM(n), 0) AS BIGINT) FROM order_counts WHERE status = ? {mine})"
    values = [value for edge in _edges(s) for value in (status, *ids, edge)]
    row = await db.row(f"SELECT {', '.join([younger] * len(AGES))}, {every}", *values, status, *ids)
    assert row is not None
    return list(map(int, row))


async def _by_age_unsent(s: Scope) -> tuple[list[int], list[int]]:
    """The same of the processed orders that can be taken back, and of those that are to be sent and are not."""
    at = clock.micros(s.now)
    of, ids = s.of("o.channel_id")
    queue = by_index("purchase_orders_queued")  # or SQLite would walk all of them by order, so as to have each once
    sums = ", ".join(["COALESCE(SUM(CASE WHEN o.placed_at > ? THEN 1 ELSE 0 END), 0)"] * len(AGES))

    async def counted(which: str, *values: int) -> list[int]:
        row = await db.row(
            f"SELECT {sums}, COUNT(*) FROM (SELECT DISTINCT order_id FROM purchase_orders {queue} WHERE {which}) AS q "
            f"CROSS JOIN orders AS o WHERE o.id = q.order_id AND o.status = ? {of}",
            *_edges(s), *values, OrderStatus.PROCESSED, *ids,
        )  # fmt: skip
        return list(map(int, row or ()))

    unsent_ones = f"SELECT order_id FROM purchase_orders {queue} WHERE {conditions.UNSENT}"
    leaving = f"{conditions.LEAVING} AND order_id NOT IN ({unsent_ones})"
    held, unsent = await db.at_once(counted(leaving, at, at), counted(conditions.UNSENT, at))
    return held, unsent


def _age_bar(s: Scope, status: OrderStatus, part: Part, counts: Sequence[int]) -> AgeBar:
    every = msgspec.structs.replace(_PARTS.get(part, Filters()), statuses=(status,), channel_ids=s.channel_ids)
    bounds = [(0, AGES[0]), *pairwise(AGES), (AGES[-1], None)]
    ages = [
        Count(more - fewer, msgspec.structs.replace(every, older_than=young or None, younger_than=old))
        for (fewer, more), (young, old) in zip(pairwise([0, *counts]), bounds, strict=True)
    ]
    return AgeBar(status=status, part=part, total=Count(counts[-1], every), ages=tuple(ages))


async def reasons(s: Scope) -> list[Reason]:
    """Why orders needed a person in the period, the commonest first. Orders are counted, not their Issues."""
    join, of, ids = with_orders(s, "i")
    rows = await db.rows(
        "SELECT i.code, COUNT(DISTINCT i.order_id), COUNT(DISTINCT CASE WHEN i.closed_at IS NULL THEN i.order_id END) "
        f"FROM issues AS i {join} WHERE i.opened_at >= ? {of} GROUP BY i.code",
        clock.micros(s.since), *ids,
    )  # fmt: skip
    found = []
    for name, had, still in [tuple(r) for r in rows]:
        code = IssueCode(name)
        at = Filters(had_issue_codes=(code,), had_from=s.since, channel_ids=s.channel_ids)
        found.append(
            Reason(
                code=code, title=ISSUES[code].title, had=Count(int(had), at),
                open=Count(int(still), msgspec.structs.replace(at, issue_codes=(code,))),
            )
        )  # fmt: skip
    return sorted(found, key=lambda reason: (-reason.had.count, reason.code))


async def errors_by_day(s: Scope, days: int = 7) -> list[Day]:
    """Orders placed, and orders with a new Issue, on each of the last days of the person's zone, today the last."""
    begins = [s.midnight(n) for n in range(days - 1, -1, -1)]
    spans = list(pairwise([*begins, s.now + timedelta(seconds=1)]))
    join, of, ids = with_orders(s, "i")
    errors = f"COUNT(DISTINCT i.order_id) FROM issues AS i {join} WHERE i.opened_at >= ? AND i.opened_at < ? {of}"
    placed, erred = await db.at_once(_placed(s, spans), _counted(errors, spans, ids))
    mine = s.channel_ids
    return [
        Day(
            day=begin.date(),
            orders=Count(orders, Filters(placed_from=begin, placed_to=end, channel_ids=mine)),
            errors=Count(wrong, Filters(had_from=begin, had_to=end, channel_ids=mine)),
            per_100=100 * wrong / orders if orders else None,
        )
        for (begin, end), orders, wrong in zip(spans, placed, erred, strict=True)
    ]


async def _placed(s: Scope, spans: Sequence[tuple[datetime, datetime]]) -> list[int]:
    mine, ids = s.of("channel_id")
    return await _counted(f"COUNT(*) FROM orders WHERE placed_at >= ? AND placed_at < ? {mine}", spans, ids)


async def _counted(what: str, spans: Sequence[tuple[datetime, datetime]], ids: Sequence[int]) -> list[int]:
    """One count for each span, in one query."""
    values: list[int] = []
    for begin, end in spans:
        values += [clock.micros(begin), clock.micros(end), *ids]
    parts = [f"SELECT {n} AS n, {what}" for n in range(len(spans))]
    found = {int(r[0]): int(r[1]) for r in await db.rows(" UNION ALL ".join(parts), *values)}
    return [found.get(n, 0) for n in range(len(spans))]


async def by_hour(s: Scope, hours: int = 24) -> list[Hour]:
    """What was placed and what was sent in each of the last hours, this one the last; of 5,000 purchase orders at most."""
    last = s.now.astimezone(s.zone).replace(minute=0, second=0, microsecond=0)
    begins = [last - timedelta(hours=n) for n in range(hours - 1, -1, -1)]
    spans = [(begin, begin + timedelta(hours=1)) for begin in begins]
    of, ids = s.of("o.channel_id")
    start = clock.micros(begins[0])
    sent = "FROM purchase_orders WHERE sent_at IS NOT NULL AND sent_at >= ?"
    placed, partly, rows = await db.at_once(
        _placed(s, spans),
        # The hour of the last that is looked at; it and those before are not whole.
        db.value(
            f"SELECT (sent_at - ?) / 3600000000 {sent} ORDER BY sent_at DESC LIMIT 1 OFFSET {MOST}", start, start
        ),
        db.rows(
            f"SELECT p.nth, o.auto, COUNT(DISTINCT o.id) FROM (SELECT order_id, (sent_at - ?) / 3600000000 AS nth {sent} "
            f"ORDER BY sent_at DESC LIMIT {MOST}) AS p CROSS JOIN orders AS o "
            f"WHERE o.id = p.order_id {of} GROUP BY p.nth, o.auto",
            start, start, *ids,
        ),
    )  # fmt: skip
    found = {(int(r[0]), bool(r[1])): int(r[2]) for r in rows}

    def count(n: int, auto: bool) -> Count:
        begin, end = spans[n]
        filters = Filters(sent_from=begin, sent_to=end, auto=auto, channel_ids=s.channel_ids)
        return Count(found.get((n, auto), 0), filters, partly is not None and n <= partly)

    return [
        Hour(
            begin=begin,
            placed=Count(placed[n], Filters(placed_from=begin, placed_to=end, channel_ids=s.channel_ids)),
            automatic=count(n, True),
            manual=count(n, False),
        )
        for n, (begin, end) in enumerate(spans)
    ]
