"""How fast the lists, the search, the counts and the order page are over n orders."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import UTC
from decimal import Decimal
from functools import partial
from typing import Any

import msgspec

from engine import clock, db
from engine.domain.issues import IssueCode
from engine.domain.states import OrderStatus
from engine.services import counters, dashboard, feed, history, lead_times, reports, scroll, search
from engine.services.filters import Filters, candidates
from tests.support import bulk, databases

RUNS = 200
GOALS = {"sqlite": 10.0, "postgres": 20.0}
"""Milliseconds that the 95th percentile of every list, search and count should stay below, at 1,000,000 orders."""
FIGURES = {"sqlite": 25.0, "postgres": 50.0}
"""The same for a figure of the dashboard, which counts all that happened in a month."""


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
        **_scrolling(n),
        **_narrowed(names, lasts),
        **_figures(),
    }


def _figures() -> dict[str, Callable[[int], Awaitable[Any]]]:
    """What the dashboard shows, of the period for which it is the most."""
    month = reports.scope("30d", zone=UTC)
    return {
        "figures: waiting": lambda i: reports.waiting(month),
        "figures: processing": lambda i: reports.processing(month),
        "figures: late": lambda i: reports.late(month),
        "figures: where orders wait": lambda i: reports.where_orders_wait(month),
        "figures: reasons": lambda i: reports.reasons(month),
        "figures: errors by day": lambda i: reports.errors_by_day(month, 30),
        "figures: by hour": lambda i: reports.by_hour(month),
        "figures: suppliers": lambda i: lead_times.suppliers(month),
    }


def _scrolling(n: int) -> dict[str, Callable[[int], Awaitable[Any]]]:
    """What a list that shows a window of all orders asks for."""

    def some(i: int) -> int:
        return 1 + (15_485_863 * i) % n

    ready, waiting = history.in_queue("ready"), history.in_queue("all")
    return {
        "history by state": lambda i: history.list_orders(sort="state"),
        "queue by state": lambda i: history.queue("all", sort="state"),
        "queue by total": lambda i: history.queue("all", sort="-total"),
        "rows around an order": lambda i: scroll.around(some(i)),
        "around, in the queue": lambda i: scroll.around(1 + (n - i) % n, waiting, sort="placed"),
        "next problem": lambda i: scroll.next_problem(1 + (n - 9 * i) % n, waiting, sort="placed"),
        "next problem, of all": lambda i: scroll.next_problem(some(i), sort="-placed", back=bool(i % 2)),
        "length and rank": lambda i: scroll.extent(order_id=some(i)),
        "the same, in the queue": lambda i: scroll.extent(ready, sort="placed", order_id=1 + (n - i) % n),
        "the same, filtered": lambda i: scroll.extent(Filters(country="IS"), order_id=some(i)),
        "jump by total": lambda i: scroll.place_at(i / RUNS, sort="total"),
        "jump in the queue": lambda i: scroll.place_at(i / RUNS, waiting, sort="placed"),
        "which fit": lambda i: history.fitting(waiting, range(n - 300, n)),
    }


def _narrowed(names: list[str], lasts: list[str]) -> dict[str, Callable[[int], Awaitable[Any]]]:
    """Lists and counts by what a person types."""
    cities = bulk.CITIES
    typed = {
        "by SKU": lambda i: Filters(skus=(f"A-{1000 + i}",)),
        "by a SKU's beginning": lambda i: Filters(skus=("B-1",)),
        "by city": lambda i: Filters(cities=(cities[i % len(cities)],)),
        "by e-mail": lambda i: Filters(emails=(f"dana.{lasts[i % len(lasts)]}",)),
        "by domain": lambda i: Filters(emails=("example.com",)),
        "without a word": lambda i: Filters(not_text=("dana",)),
        "words, by total": lambda i: Filters(text=f"{lasts[i % len(lasts)]} dana"),
        "word in the queue": lambda i: history.in_queue("all", Filters(text="dana")),
        "by supplier": lambda i: Filters(supplier_ids=(2,)),
        "more than": lambda i: Filters(total_min=Decimal(590)),
        "by Issue": lambda i: Filters(issue_codes=(IssueCode.UNMAPPED_SKU,)),
        "held": lambda i: Filters(held=True),
        "undoable": lambda i: Filters(undoable=True),
        "not sent yet": lambda i: Filters(unsent=True),
        "in progress, sent": lambda i: Filters(statuses=(OrderStatus.PROCESSED,), undoable=False, unsent=False),
    }
    sorts = {"words, by total": "-total", "word in the queue": "placed"}
    found: dict[str, Callable[[int], Awaitable[Any]]] = {}
    for name, filters in typed.items():
        found[name] = partial(_listed, filters, sorts.get(name, "-placed"))
        found[f"count: {name}"] = partial(_counted, filters)
    found["count: all completed"] = lambda i: history.count_matching(Filters(statuses=(OrderStatus.COMPLETED,)))
    found["ids of 1,000"] = lambda i: history.ids_matching(history.in_queue("ready"), 1_000)
    found["what a word may become"] = lambda i: candidates("sup:a")
    return found


async def _listed(filters: Callable[[int], Filters], sort: str, i: int) -> None:
    await history.list_orders(filters(i), sort=sort)


async def _counted(filters: Callable[[int], Filters], i: int) -> None:
    await history.count_matching(filters(i))


async def _changes() -> None:
    await feed.changes(await feed.latest())


async def fill(url: str, n: int) -> None:
    """The database is migrated and, if it was empty, has n orders."""
    await databases.migrate(url)
    async with db.database(url):
        there = int(await db.value("SELECT COUNT(*) FROM orders"))
    if there == 0:
        await bulk.fill(url, n)


async def run(url: str, n: int) -> list[Measurement]:
    """The measurements over n orders; an empty database is migrated and filled first."""
    await fill(url, n)
    kind = "sqlite" if url.startswith("sqlite") else "postgres"
    clock.use(lambda: bulk.NOW)
    found = []
    async with db.database(url):
        await counters.fold()
        ids = [1 + (104_729 * i) % n for i in range(50)]
        rows = await history.rows_of(ids)
        deep = [history.Cursor(clock.micros(row.placed_at), row.id) for row in rows]
        names, lasts = [row.number for row in rows], [row.customer.split()[-1] for row in rows]
        for name, once in _readings(n, deep, names, lasts).items():
            goal = (FIGURES if name.startswith("figures") else GOALS)[kind]
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
