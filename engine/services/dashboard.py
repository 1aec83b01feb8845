"""Figures: the terminal's status bar and the browser's dashboard, each in a few queries by index."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise

import msgspec

from engine import clock, db
from engine.domain.issues import ISSUES, IssueCode
from engine.domain.states import OrderStatus
from engine.services import beats, history, unsent
from engine.services.conditions import by_index
from engine.services.filter_line import RESOLVE
from engine.services.unsent import Unsent

MINUTES = 30
"""A worker that was not seen for so long is taken for dead."""
SAMPLE = 10_000
AGES = (3600, 4 * 3600, 24 * 3600)
"""Seconds that part the age classes: under an hour, under four, under a day, older."""


class Held(msgspec.Struct, frozen=True):
    """An order that is sent at ``release_at`` unless it is taken back."""

    order_id: int
    number: str
    release_at: datetime


class Worker(msgspec.Struct, frozen=True):
    """A worker process."""

    id: str
    host: str
    pid: int
    seen_at: datetime
    jobs_done: int
    alive: bool


class StatusBar(msgspec.Struct, frozen=True, kw_only=True):
    """The line at the foot of the queue. ``sent_today`` counts orders, as all else does but ``per_minute``: purchase
    orders sent in each of the last 30 minutes. ``unsent``: the suppliers that cannot be reached with what is due."""

    held: tuple[Held, ...]
    sent_today: int
    failed: int
    resolve: int
    ready: int
    per_minute: tuple[int, ...]
    workers: tuple[Worker, ...]
    unsent: tuple[Unsent, ...] = ()


class AgeRow(msgspec.Struct, frozen=True):
    """How many orders of a status are in each age class of ``AGES``."""

    status: OrderStatus
    counts: tuple[int, ...]

    @property
    def total(self) -> int:
        return sum(self.counts)


class ReasonRow(msgspec.Struct, frozen=True):
    """How often orders needed a person for this reason; ``open`` is how many still do."""

    code: IssueCode
    title: str
    count: int
    open: int


class LeadTimes(msgspec.Struct, frozen=True, kw_only=True):
    """A supplier's hours from sent to accepted and to shipped, of its latest purchase orders; None without any.

    ``in_time``: percent shipped within the supplier's tracking hours. ``hours``: every shipped one's, ascending.
    """

    supplier_id: int
    supplier: str
    orders: int
    accepted_p90: float | None
    shipped_p50: float | None
    shipped_p90: float | None
    in_time: float | None
    failed_percent: float
    hours: tuple[float, ...]


async def status_bar(midnight: datetime | None = None) -> StatusBar:
    """What the status bar shows; ``midnight`` is when today began where the person is (default: in UTC)."""
    now = clock.now()
    at = clock.micros(now)
    today = clock.micros(midnight or now.replace(hour=0, minute=0, second=0, microsecond=0))
    held = await db.rows(
        "SELECT o.id, o.number, p.release_at FROM purchase_orders AS p JOIN orders AS o ON o.id = p.order_id "
        "WHERE p.state = 'queued' AND p.attempt = 0 AND p.release_at > ? ORDER BY p.release_at LIMIT 200",
        at,
    )
    first = {int(r[0]): Held(int(r[0]), str(r[1]), clock.moment(r[2])) for r in reversed(held)}
    sent = await sent_since(today)
    counts = await history.counts()
    minute = 60_000_000
    begin = at - MINUTES * minute
    found = await db.rows(
        "SELECT (sent_at - ?) / ?, COUNT(*) FROM purchase_orders WHERE sent_at IS NOT NULL AND sent_at > ? GROUP BY 1",
        begin, minute, begin,
    )  # fmt: skip
    by_minute = {int(r[0]): int(r[1]) for r in found}
    return StatusBar(
        held=tuple(sorted(first.values(), key=lambda h: h.release_at)),
        sent_today=sent,
        failed=counts[OrderStatus.FAILED],
        resolve=sum(counts[status] for status in RESOLVE),
        ready=counts[OrderStatus.READY],
        per_minute=tuple(by_minute.get(n, 0) for n in range(MINUTES)),
        workers=await workers(),
        unsent=await unsent.suppliers(),
    )


async def sent_since(at: int) -> int:
    """How many orders had something sent since this moment (microseconds)."""
    return int(
        await db.value(
            f"SELECT COUNT(DISTINCT order_id) FROM purchase_orders {by_index('purchase_orders_sent_of')} "
            "WHERE sent_at IS NOT NULL AND sent_at >= ?",
            at,
        )
    )


async def workers() -> tuple[Worker, ...]:
    """Every worker that has been seen, those alive first."""
    alive_since = clock.now() - timedelta(seconds=beats.ALIVE_SECONDS)
    rows = await db.rows(
        "SELECT id, host, pid, seen_at, jobs_done FROM heartbeats WHERE id <> ? ORDER BY id", beats.LAST
    )
    found = [Worker(r[0], r[1], r[2], clock.moment(r[3]), r[4], clock.moment(r[3]) >= alive_since) for r in rows]
    return tuple(sorted(found, key=lambda worker: not worker.alive))


async def age_by_state(statuses: Sequence[OrderStatus] = tuple(OrderStatus)[1:8]) -> list[AgeRow]:
    """Where orders wait: every status but canceled and completed, by the age of its orders."""
    now = clock.micros(clock.now())
    edges = [now - seconds * 1_000_000 for seconds in AGES]
    sums = ["SUM(CASE WHEN placed_at > ? THEN 1 ELSE 0 END)"] * len(edges)
    rows = await db.rows(
        f"SELECT status, COUNT(*), {', '.join(sums)} FROM orders WHERE status IN ({db.marks(statuses)}) GROUP BY status",
        *edges, *statuses,
    )  # fmt: skip
    found = {str(r[0]): [int(n) for n in list(r)[1:]] for r in rows}
    table = []
    for status in statuses:
        total, *younger = found.get(status, [0] * (len(edges) + 1))
        steps = [0, *younger, total]
        table.append(AgeRow(status, tuple(b - a for a, b in pairwise(steps))))
    return table


async def issue_pareto(days: int = 7) -> list[ReasonRow]:
    """Why orders needed a person in the last days, the commonest reason first."""
    since = clock.micros(clock.now() - timedelta(days=days))
    rows = await db.rows(
        "SELECT code, COUNT(*), SUM(CASE WHEN closed_at IS NULL THEN 1 ELSE 0 END) FROM issues WHERE opened_at >= ? "
        "GROUP BY code",
        since,
    )
    found = [ReasonRow(IssueCode(r[0]), ISSUES[IssueCode(r[0])].title, int(r[1]), int(r[2])) for r in rows]
    return sorted(found, key=lambda row: (-row.count, row.code))


async def supplier_lead_times(days: int = 30) -> list[LeadTimes]:
    """How long suppliers took, of the latest purchase orders sent in the last days (10,000 at most), by name."""
    since = clock.micros(clock.now() - timedelta(days=days))
    rows = await db.rows(
        "SELECT p.supplier_id, p.state, p.sent_at, p.acknowledged_at, "
        "(SELECT MIN(s.shipped_at) FROM shipments AS s WHERE s.purchase_order_id = p.id) "
        f"FROM (SELECT * FROM purchase_orders WHERE sent_at IS NOT NULL AND sent_at >= ? ORDER BY sent_at DESC "
        f"LIMIT {SAMPLE}) AS p",
        since,
    )
    suppliers = await db.rows("SELECT id, name, tracking_hours, archived_at FROM suppliers ORDER BY name")
    found = []
    for number, name, promised, archived in [tuple(s) for s in suppliers]:
        mine = [tuple(r) for r in rows if r[0] == number]
        if archived is not None and not mine:
            continue
        accepted = sorted((r[3] - r[2]) / 3.6e9 for r in mine if r[3] is not None)
        shipped = sorted(max((r[4] - r[2]) / 3.6e9, 0.0) for r in mine if r[4] is not None)
        failed = sum(r[1] in ("failed", "rejected") for r in mine)
        found.append(
            LeadTimes(
                supplier_id=number,
                supplier=name,
                orders=len(mine),
                accepted_p90=percentile(accepted, 90),
                shipped_p50=percentile(shipped, 50),
                shipped_p90=percentile(shipped, 90),
                in_time=100 * sum(h <= promised for h in shipped) / len(shipped) if shipped else None,
                failed_percent=100 * failed / len(mine) if mine else 0.0,
                hours=tuple(shipped),
            )
        )
    return found


def percentile(ascending: Sequence[float], percent: int) -> float | None:
    """The value that so many percent are not above, of ascending ones; None of none."""
    if not ascending:
        return None
    return ascending[min(len(ascending) - 1, round(percent / 100 * (len(ascending) - 1)))]
