"""How fast the lists, the search, the counts and the order page are over n orders."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from engine import clock, db
from engine.domain.states import OrderStatus
from engine.services import counters, dashboard, feed, history, search
from engine.services.filters import Filters
from tests.support import bulk, databases

RUNS = 200
GOALS = {"sqlite": 10.0, "postgres": 20.0}
"""Milliseconds that the 95th percentile of every measurement should stay below, at 1,000,000 orders."""


class Measurement(msgspec.Struct, frozen=True):
    """Milliseconds of one kind of reading; ``goal`` is what p95 should stay below."""

    name: str
    n: int
    p50: float
    p95: float
    goal: float


async def _measure(name: str, n: int, goal: float, once: Callable[[int], Awaitable[Any]]) -> Measurement:
    for i in range(3):
        await once(i)
    times = []
    for i in range(RUNS):
        begun = time.perf_counter()
        await once(i)
        times.append((time.perf_counter() - begun) * 1000)
    times.sort()
    return Measurement(name, n, round(times[RUNS // 2], 2), round(times[int(RUNS * 0.95)], 2), goal)


def _readings(
    n: int, deep: list[history.Cursor], names: list[str], lasts: list[str]
) -> dict[str, Callable[[int], Awaitable[Any]]]:
    """What is measured, each a function of the run's number."""
    per_channel = Filters(statuses=(OrderStatus.COMPLETED,), channel_ids=(2,))
    rare = Filters(country="IS", supplier_ids=(3,), channel_ids=(4,), statuses=(OrderStatus.CANCELED,))
    return {
        "newest": lambda i: history.list_orders(),
        "status and channel": lambda i: history.list_orders(per_channel),
        "a page deep inside": lambda i: history.list_orders(after=deep[i % len(deep)]),
        "many filters": lambda i: history.list_orders(rare),
        "by total": lambda i: history.list_orders(sort="-total"),
        "late at the supplier": lambda i: history.list_orders(Filters(late=True)),
        "open Issue": lambda i: history.list_orders(Filters(has_issue=True), sort="placed"),
        "queue": lambda i: history.queue("all"),
        "queue, resolve": lambda i: history.queue("resolve"),
        "number, exact": lambda i: search.find(names[i % len(names)]),
        "number, beginning": lambda i: search.find(names[i % len(names)][:-2]),
        "a letter": lambda i: search.find("abcdefghij"[i % 10]),
        "common word": lambda i: search.find("example"),
        "rare word": lambda i: search.find(f"{lasts[i % len(lasts)]} {1000 + i}"),
        "two common words": lambda i: search.find(f"{lasts[i % len(lasts)]} dana"),
        "counts": lambda i: history.counts(),
        "order page": lambda i: history.order_page(names[(7 * i) % len(names)]),
        "blue book": lambda i: history.blue_book(1 + (7919 * i) % n),
        "status bar": lambda i: dashboard.status_bar(),
        "changes": lambda i: _changes(),
    }


async def _changes() -> None:
    await feed.changes(await feed.latest())


async def run(url: str, n: int) -> list[Measurement]:
    """The measurements over n orders; an empty database is migrated and filled first."""
    await databases.migrate(url)
    async with db.database(url):
        there = int(await db.value("SELECT COUNT(*) FROM orders"))
    if there == 0:
        await bulk.fill(url, n)
    goal = GOALS["sqlite" if url.startswith("sqlite") else "postgres"]
    clock.use(lambda: bulk.NOW)
    found = []
    async with db.database(url):
        await counters.fold()
        ids = [1 + (104_729 * i) % n for i in range(50)]
        rows = await history.rows_of(ids)
        deep = [history.Cursor(clock.micros(row.placed_at), row.id) for row in rows]
        names, lasts = [row.number for row in rows], [row.customer.split()[-1] for row in rows]
        for name, once in _readings(n, deep, names, lasts).items():
            found.append(await _measure(name, n, goal, once))
    return found


def show(found: list[Measurement]) -> str:
    """The measurements as a table."""
    lines = [f"{'reading, ' + format(found[0].n, ',') + ' orders':32} {'p50 ms':>8} {'p95 ms':>8} {'goal':>6}"]
    lines += [
        f"{m.name:32} {m.p50:8.2f} {m.p95:8.2f} {m.goal:6.0f}{'' if m.p95 <= m.goal else '  missed'}" for m in found
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    print(show(asyncio.run(run(sys.argv[1], int(sys.argv[2])))))
