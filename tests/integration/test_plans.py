"""No list, page, search or feed reads a whole big table: every query they ask is EXPLAINed on both databases.

The queries are collected by a spy on ``engine.db``, so new ones are covered as soon as something below asks them.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from datetime import UTC, timedelta
from decimal import Decimal
from typing import Any

import apsw
import pytest

from engine import clock, db
from engine.domain.issues import IssueCode
from engine.domain.states import OrderStatus, PurchaseState
from engine.services import (
    changed,
    dashboard,
    feed,
    history,
    invoices,
    lead_times,
    readable,
    reports,
    scroll,
    search,
    unsent,
    walk,
)
from engine.services.filters import Filters
from tests.support import bulk

COUNT = 12_000
"""Enough that PostgreSQL finds an index cheaper than a sequential scan wherever it can use one."""
MOST_STEPS = 30
"""Thousands of steps of SQLite's machine: a walk of all purchase orders takes 100."""
BIG = frozenset(
    ("orders", "order_lines", "purchase_orders", "purchase_order_lines", "shipments", "shipment_lines", "submissions",
     "audit_events", "terms", "issues", "outbox")
)  # fmt: skip
S = OrderStatus
LISTS = [
    Filters(),
    Filters(statuses=(S.COMPLETED,), channel_ids=(2,)),
    Filters(statuses=(S.COMPLETED, S.SHIPPED), channel_ids=(1, 2)),
    Filters(statuses=(S.READY,)),
    Filters(channel_ids=(3,)),
    Filters(country="IS", currency="USD", total_min=Decimal(10)),
    Filters(supplier_ids=(1,)),
    Filters(not_supplier_ids=(1,), not_issue_codes=(IssueCode.UNMAPPED_SKU,)),
    Filters(issue_codes=(IssueCode.UNMAPPED_SKU,)),
    Filters(has_issue=True),
    Filters(late=True),
    Filters(held=True),
    Filters(on_hold=True),
    Filters(undoable=True),
    Filters(held=False, undoable=False),
    Filters(unsent=True),
    Filters(statuses=(OrderStatus.PROCESSED,), undoable=False, unsent=False),
    Filters(snoozed=True),
    Filters(older_than=3600, younger_than=86_400),
    Filters(text="reyes lamp", total_max=Decimal(1000)),
    Filters(text="example", statuses=(S.READY, S.FAILED, S.ON_HOLD, S.UNRESOLVED)),
    Filters(text="dana", not_text=("example",)),
    Filters(skus=("A-10", "B-1999"), not_skus=("C-1",)),
    Filters(trackings=("1Z999",)),
    Filters(cities=("mal",), not_cities=("york",)),
    Filters(emails=("dana.", "@example.com"), not_emails=("omar",)),
    Filters(has_issue=True, channel_ids=(1,)),
    Filters(auto=True),
    Filters(auto=False, sent_from=bulk.NOW - timedelta(hours=30), sent_to=bulk.NOW),
    Filters(had_issue_codes=(IssueCode.UNMAPPED_SKU,)),
    Filters(had_from=bulk.NOW - timedelta(days=2), had_to=bulk.NOW),
    Filters(late_supplier_ids=(1, 2)),
    Filters(late_supplier_ids=(1,), statuses=(S.PROCESSED,)),
    Filters(supplier_ids=(1,), lead_from=3600, lead_to=86_400, sent_from=bulk.NOW - timedelta(days=30)),
    Filters(supplier_ids=(1,), purchase_states=(PurchaseState.FAILED,), purchase_from=bulk.NOW - timedelta(days=30)),
    Filters(purchase_states=(PurchaseState.FAILED,)),
    Filters(issue_codes=(IssueCode.UNMAPPED_SKU, IssueCode.SUPPLIER_FAILED), statuses=(S.UNRESOLVED,)),
]


async def _ask_everything() -> None:
    for filters in LISTS:
        for sort in ("-placed", "placed", "-total", "number", "state"):
            page = await history.list_orders(filters, sort=sort)
            if page.next:
                page = await history.list_orders(filters, sort=sort, after=page.next)
            if page.previous:
                await history.list_orders(filters, sort=sort, after=page.previous)
        await history.count_matching(filters, 100)
        await history.fitting(filters, range(1, 300))
    for tab in ("ready", "resolve", "all"):
        await history.queue(tab)
        await history.queue(tab, Filters(channel_ids=(1,)))
        await history.queue(tab, sort="-total")
        await history.queue(tab, sort="state")
    row = (await history.list_orders(Filters(statuses=(S.COMPLETED,)))).rows[0]
    for filters in (*LISTS, history.in_queue("all"), history.in_queue("ready")):
        for sort in ("-placed", "total", "state"):
            await scroll.around(row.id, filters, sort=sort)
            await scroll.next_problem(row.id, filters, sort=sort, back=True)
            await scroll.extent(filters, sort=sort, order_id=row.id)
            await scroll.place_at(0.5, filters, sort=sort)
    page = await history.order_page(row.number)
    await history.order_page(row.id)
    with pytest.raises(Exception, match="no order"):
        await history.order_page(row.number + "x")
    await readable.reader(row.id, await history.blue_book(row.id, line_id=page.lines[0].id), str)
    for words in (
        row.number,
        row.number[:-2],
        row.customer,
        "example",
        "e",
        f"{row.customer.split()[0]} exam",
        row.tracking[0],
    ):
        found = await search.find(words)
        await search.find(words, before_id=found.next_before, statuses=(S.COMPLETED,), channel_id=1)
    await history.counts(1)
    await history.waiting_with_cause("unmapped_sku:1")
    await feed.changes(await feed.latest())
    await feed.changes(1 if not db.is_postgres() else await feed.latest() - 1)
    for moment in (None, bulk.NOW - timedelta(days=1), bulk.NOW):
        place = await changed.beginning(moment)
        for _ in range(2):
            place = (await changed.after(place, 50)).place
    await dashboard.status_bar()
    await unsent.waits([1, 2, 3])
    await dashboard.issue_pareto(7)
    await dashboard.supplier_lead_times(1)
    for channel_ids in ((), (1,), (2, 3)):
        scope = reports.scope("today", zone=UTC, channel_ids=channel_ids)
        for figure in (reports.waiting, reports.processing, reports.late, reports.where_orders_wait, reports.reasons):
            await figure(scope)
        await reports.errors_by_day(scope, 2)
        await reports.by_hour(scope)
        await lead_times.suppliers(scope)


async def _asked(monkeypatch: pytest.MonkeyPatch, ask: Callable[[], Awaitable[None]]) -> dict[str, tuple[Any, ...]]:
    """Every statement that was asked, with the values of its first time."""
    asked: dict[str, tuple[Any, ...]] = {}
    real = db.rows

    async def spy(sql: str, *values: Any) -> Any:
        asked.setdefault(sql, values)
        return await real(sql, *values)

    with monkeypatch.context() as patch:
        patch.setattr(db, "rows", spy)
        await ask()
    return asked


RARE = re.compile(r"USING COVERING INDEX orders_(open|issue|late)\b")
"""Partial indexes that hold few orders by their nature; how many is counted before one is read whole."""


def _sqlite_scans(plan: list[Any], sql: str) -> list[str]:
    """SCAN of a big table that no index orders and no LIMIT ends. A walk of an index in the list's order is a SCAN too."""
    aliases = dict(re.findall(r"(?:FROM|JOIN)\s+(\w+)(?:\s+AS\s+(\w+))?", sql))
    tables = {alias or table: table for table, alias in aliases.items()}
    found = []
    for row in plan:
        match = re.match(r"SCAN (\w+)(.*)", row[3])
        if match and not RARE.search(match[2]) and (match[1] in BIG or tables.get(match[1]) in BIG):
            walked = re.search(r"USING (?:COVERING )?INDEX|USING INTEGER PRIMARY KEY", match[2])
            bounded = "LIMIT" in sql and "USE TEMP B-TREE FOR ORDER BY" not in " ".join(
                r[3] for r in plan if r[1] == row[1]
            )
            if not (walked or match[2] == "") or not bounded:
                found.append(row[3])
    return found


def _postgres_scans(node: dict[str, Any]) -> list[str]:
    found: list[str] = []
    if node["Node Type"] == "Limit" and node["Total Cost"] * 10 < node["Plans"][0]["Total Cost"]:
        # What is there so often that the first of it ends the scan needs no index.
        node = node | {"Plans": [one for one in node["Plans"] if one["Node Type"] != "Seq Scan"]}
    if node["Node Type"] == "Seq Scan" and node.get("Relation Name") in BIG:
        found.append(f"Seq Scan on {node['Relation Name']} {node.get('Filter', '')}")
    for child in node.get("Plans", []):
        found += _postgres_scans(child)
    return found


def _newest_sqlite(file: str) -> Any:
    return apsw.Connection(file)


@pytest.mark.parametrize("connect", [sqlite3.connect, _newest_sqlite], ids=["python's", "newest"])
async def test_sqlite_reads_no_big_table_whole(
    connect: Callable[[str], Any], sqlite_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A walk of an index that a LIMIT hardly ever ends is told by its steps, where its plan looks as good as any. Others than
    the SQLite of our Python, which the user's may be, plan otherwise."""
    asked = await _everything_asked(sqlite_database, monkeypatch)
    steps: dict[str, int] = {}

    def count() -> bool:
        steps[sql] += 1
        return False

    with closing(connect(sqlite_database.removeprefix("sqlite://"))) as conn:
        conn.set_progress_handler(count, 1_000)
        for sql, values in asked.items():
            steps[sql] = 0
            scans = _sqlite_scans(list(conn.execute(f"EXPLAIN QUERY PLAN {sql}", values)), sql)
            assert not scans, f"{sql}\n    {scans}"
            list(conn.execute(sql, values))
    assert not [f"{n},000 {sql}" for sql, n in steps.items() if n > MOST_STEPS]


async def _jobs() -> None:
    """Many jobs are over, many wait for their first try, and a few for another."""
    now = clock.micros(bulk.NOW)
    columns = ("key", "task", "subject_id", "state", "run_at", "created_at", "attempts", "error", "args", "token")
    kinds = (("done", COUNT, ""), ("ready", COUNT, ""), ("ready", 20, "nothing listens there"))
    values = [
        (f"submit:{state}:{error}:{n}", "purchases.submit", n + 1, state, now + n, now + n, 0, error, "{}", "")
        for state, many, error in kinds
        for n in range(many)
    ]
    await db.insert("outbox", columns, values)
    await db.run("ANALYZE outbox")


async def _everything_asked(database: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, tuple[Any, ...]]:
    """Every query the read models ask of many orders, with values."""
    await bulk.fill(database, COUNT)
    await _jobs()
    clock.use(lambda: bulk.NOW)
    # In proportion to this many orders, or reading most of a table would rightly be the cheapest.
    monkeypatch.setattr(walk, "FEW", 60)
    monkeypatch.setattr(walk, "WINDOWS", (50, 200))
    monkeypatch.setattr(walk, "COUNTED", 200)
    monkeypatch.setattr(walk, "RANKED", 300)
    monkeypatch.setattr(scroll, "NEAR", 200)
    monkeypatch.setattr(scroll, "TRIED", 100)
    monkeypatch.setattr(scroll, "SAMPLE", 64)
    monkeypatch.setattr(search, "COUNTED", 100)
    monkeypatch.setattr(search, "BUDGET", 400)
    asked = await _asked(monkeypatch, _ask_everything)
    assert len(asked) > 80
    return asked


@pytest.mark.parametrize("db_url", ["postgres"], indirect=True)
async def test_postgres_reads_no_big_table_whole(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = await _everything_asked(database, monkeypatch)
    bad: dict[str, list[str]] = {}
    for sql, values in asked.items():
        plan = json.loads((await db.rows(f"EXPLAIN (FORMAT JSON) {sql}", *values))[0][0])
        scans = _postgres_scans(plan[0]["Plan"])
        if scans:
            bad[sql] = scans
    assert not bad, "\n".join(f"{sql}\n    {scans}" for sql, scans in bad.items())


async def test_a_missing_index_is_noticed(sqlite_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def ask() -> None:
        await db.rows("SELECT id FROM orders WHERE customer = ?", "Dana")
        await db.rows("SELECT id, total FROM orders ORDER BY customer LIMIT 50")

    for sql, values in (await _asked(monkeypatch, ask)).items():
        assert _sqlite_scans(list(await db.rows(f"EXPLAIN QUERY PLAN {sql}", *values)), sql)


async def test_orders_sent_today_are_counted_from_an_index_alone(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await bulk.fill(database, COUNT)
    yesterday = clock.micros(bulk.NOW - timedelta(days=1))
    if db.is_postgres():
        # Which pages hold only what everybody sees is told by the vacuum, which comes by itself in life.
        await db.run("VACUUM ANALYZE purchase_orders")

    async def ask() -> None:
        assert await dashboard.sent_since(yesterday) > 0

    ((sql, values),) = (await _asked(monkeypatch, ask)).items()
    if db.is_postgres():
        plan = json.dumps(json.loads((await db.rows(f"EXPLAIN (FORMAT JSON) {sql}", *values))[0][0]))
        assert '"Index Only Scan"' in plan, plan
        assert "purchase_orders_sent_of" in plan, plan
    else:
        steps = [str(row[3]) for row in await db.rows(f"EXPLAIN QUERY PLAN {sql}", *values)]
        assert any("USING COVERING INDEX purchase_orders_sent_of" in step for step in steps), steps


async def test_the_few_invoices_that_need_a_person_are_found_by_an_index(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await bulk.fill(database, 100)
    now, po_id = clock.micros(bulk.NOW), await db.value("SELECT MIN(id) FROM purchase_orders")
    columns = (
        "purchase_order_id", "number", "currency", "state", "occurred_at", "received_at", "due_at", "lines", "reason", "credit",
        "charges", "decided_by", "note",
    )  # fmt: skip
    states = ["differs"] * 5 + ["accepted"] * COUNT
    await db.insert(
        "supplier_invoices",
        columns,
        [(po_id, f"I-{n}", "USD", s, now, now, now, "[]", "", False, 0, "", "") for n, s in enumerate(states)],
    )
    await db.run("ANALYZE supplier_invoices")

    async def ask() -> None:
        assert len(await invoices.ls(states=("differs",))) == 5

    ((sql, values),) = (await _asked(monkeypatch, ask)).items()
    explain = "EXPLAIN (FORMAT JSON)" if db.is_postgres() else "EXPLAIN QUERY PLAN"
    plan = str([tuple(row) for row in await db.rows(f"{explain} {sql}", *values)])
    assert "supplier_invoices_state" in plan, plan
