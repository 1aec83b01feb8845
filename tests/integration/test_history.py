"""Lists, search, the order page and the blue book over a few thousand orders, on both databases."""

from __future__ import annotations

import random
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from engine import clock, db
from engine.domain.issues import IssueCode
from engine.domain.states import OPEN_STATUSES, OrderStatus
from engine.errors import Invalid, NotFound
from engine.services import counters, dashboard, filters, history, search, walk
from engine.services.filters import Filters
from tests.support import bulk

COUNT = bulk.FILLED


@pytest.fixture
def orders(filled: str) -> str:
    return filled


async def _everything() -> list[dict[str, Any]]:
    names = [
        "id",
        "number",
        "status",
        "channel_id",
        "placed_at",
        "total",
        "currency",
        "country",
        "held",
        "snoozed_until",
        "customer",
    ]
    found = [
        dict(zip(names, tuple(r), strict=True))
        for r in await db.rows(f"SELECT {', '.join(names)} FROM orders ORDER BY id")
    ]
    suppliers: dict[int, set[int]] = {}
    for order, supplier in await db.rows("SELECT order_id, supplier_id FROM purchase_orders"):
        suppliers.setdefault(order, set()).add(supplier)
    issues: dict[int, set[str]] = {}
    for order, code in await db.rows("SELECT order_id, code FROM issues WHERE closed_at IS NULL"):
        issues.setdefault(order, set()).add(code)
    late = {
        r[0]
        for r in await db.rows("SELECT order_id FROM issues WHERE code = 'no_tracking_in_time' AND closed_at IS NULL")
    }
    held = "SELECT order_id FROM purchase_orders WHERE state = 'queued' AND attempt = 0 AND release_at > ?"
    leaving = {r[0] for r in await db.rows(held, clock.micros(clock.now()))}
    for order in found:
        order["leaving"] = order["id"] in leaving
        order |= {"suppliers": suppliers.get(order["id"], set()), "issues": issues.get(order["id"], set())}
        order["late"] = order["id"] in late
    return found


def _fits(f: Filters, o: dict[str, Any], now: int) -> bool:
    snoozed = (o["snoozed_until"] or 0) > now
    age = (now - o["placed_at"]) / 1e6
    return all(
        (
            not f.statuses or o["status"] in f.statuses,
            not f.channel_ids or o["channel_id"] in f.channel_ids,
            o["channel_id"] not in f.not_channel_ids,
            not f.supplier_ids or bool(o["suppliers"] & set(f.supplier_ids)),
            not o["suppliers"] & set(f.not_supplier_ids),
            not f.issue_codes or bool(o["issues"] & set(f.issue_codes)),
            not o["issues"] & set(f.not_issue_codes),
            f.has_issue in (None, bool(o["issues"])),
            f.total_min is None or o["total"] >= f.total_min * 100,
            f.total_max is None or o["total"] <= f.total_max * 100,
            not f.currency or o["currency"] == f.currency,
            not f.country or o["country"] == f.country,
            f.older_than is None or age >= f.older_than,
            f.younger_than is None or age < f.younger_than,
            f.held in (None, bool(o["held"]) or o["leaving"]),
            f.on_hold in (None, bool(o["held"])),
            f.undoable in (None, o["leaving"]),
            f.snoozed in (None, snoozed),
            f.late in (None, o["late"]),
        )
    )


def _random_filters(rng: random.Random) -> Filters:
    choices: dict[str, Any] = {
        "statuses": tuple(rng.sample(tuple(OrderStatus), rng.randrange(1, 5))),
        "channel_ids": tuple(rng.sample(range(1, 5), rng.randrange(1, 4))),
        "not_channel_ids": (rng.randrange(1, 5),),
        "supplier_ids": tuple(rng.sample(range(1, 4), rng.randrange(1, 3))),
        "not_supplier_ids": (rng.randrange(1, 4),),
        "issue_codes": tuple(rng.sample((IssueCode.UNMAPPED_SKU, IssueCode.SUPPLIER_FAILED), rng.randrange(1, 3))),
        "not_issue_codes": (IssueCode.UNMAPPED_SKU,),
        "has_issue": rng.random() < 0.5,
        "total_min": Decimal(rng.randrange(20_000)) / 100,
        "total_max": Decimal(rng.randrange(20_000, 60_000)) / 100,
        "currency": rng.choice(("USD", "EUR", "GBP")),
        "country": rng.choice(bulk.COUNTRIES),
        "older_than": rng.randrange(10 * 86_400),
        "younger_than": rng.randrange(86_400, 20 * 86_400),
        "held": rng.random() < 0.5,
        "on_hold": rng.random() < 0.5,
        "undoable": rng.random() < 0.5,
        "snoozed": rng.random() < 0.5,
        "late": rng.random() < 0.5,
    }
    return Filters(**{name: choices[name] for name in rng.sample(sorted(choices), rng.randrange(4))})


def _sorted(orders: list[dict[str, Any]], sort: str) -> list[dict[str, Any]]:
    def key(order: dict[str, Any]) -> tuple[Any, ...]:
        if sort.endswith("state"):
            return walk.STATE_ORDER.index(order["status"]), order["placed_at"], order["id"]
        return order[walk.SORTS[sort.removeprefix("-")]], order["id"]

    return sorted(orders, key=key, reverse=sort.startswith("-"))


async def _pages(f: Filters, sort: str, limit: int, start: history.Cursor | None) -> list[list[int]]:
    pages = []
    after = start
    while True:
        page = await history.list_orders(f, sort=sort, after=after, limit=limit)
        pages.append(page.ids)
        after = page.previous if start is history.END else page.next
        if after is None:
            return pages
        after = history.Cursor.parse(after.text())


@pytest.mark.parametrize("window", [None, 40])
async def test_pages_forward_and_backward_are_one_sorted_list(
    orders: str, window: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if window:  # small bounds, so that windows end and picks are too many within a few orders
        monkeypatch.setattr(walk, "WINDOWS", (window, 2 * window))
        monkeypatch.setattr(walk, "FEW", 25)
        monkeypatch.setattr(walk, "RANKED", 40)
    everything = await _everything()
    now = clock.micros(clock.now())
    rng = random.Random(7)
    for _ in range(40 if window is None else 15):
        f, sort = (
            _random_filters(rng),
            rng.choice(("-placed", "placed", "-total", "total", "-number", "number", "state")),
        )
        limit = rng.choice((7, 50, 200))
        fitting = _sorted([o for o in everything if _fits(f, o, now)], sort)
        wanted = [o["id"] for o in fitting]
        limit = max(limit, len(wanted) // 20)  # twenty ends of a page show what two hundred do
        forward = await _pages(f, sort, limit, None)
        assert [i for page in forward for i in page] == wanted, (f, sort)
        backward = await _pages(f, sort, limit, history.END)
        assert [i for page in reversed(backward) for i in page] == wanted, (f, sort)


async def test_the_previous_page_is_the_one_before(orders: str) -> None:
    first = await history.list_orders(limit=20)
    assert first.previous is None
    second = await history.list_orders(limit=20, after=first.next)
    third = await history.list_orders(limit=20, after=second.next)
    assert not set(first.ids) & set(second.ids)
    assert third.ids
    assert (await history.list_orders(limit=20, after=third.previous)).ids == second.ids
    back = await history.list_orders(limit=20, after=second.previous)
    assert back.ids == first.ids
    assert back.previous is None
    assert (await history.list_orders(limit=20, after=back.next)).ids == second.ids


async def test_a_page_takes_the_same_few_queries_however_long(orders: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    real = db.rows

    async def counted(sql: str, *values: Any) -> Any:
        asked.append(sql)
        return await real(sql, *values)

    monkeypatch.setattr(db, "rows", counted)
    for limit in (1, 50, 200):
        asked.clear()
        await history.list_orders(Filters(statuses=(OrderStatus.COMPLETED,)), limit=limit)
        assert len(asked) == 6
        assert not any("OFFSET" in sql for sql in asked)
    number = (await history.list_orders(limit=1)).rows[0].number
    asked.clear()
    await history.order_page(number)
    assert len(asked) <= 10


async def test_the_queue_has_the_open_orders_without_the_snoozed(orders: str) -> None:
    now = clock.micros(clock.now())
    everything = sorted(await _everything(), key=lambda o: (o["placed_at"], o["id"]))
    waiting = [o for o in everything if o["status"] in OPEN_STATUSES and (o["snoozed_until"] or 0) <= now]
    page = await history.queue("all", limit=500)
    assert page.ids == [o["id"] for o in waiting]
    ready = await history.queue("ready", limit=500)
    assert ready.ids == [o["id"] for o in waiting if o["status"] == "ready"]
    resolve = await history.queue("resolve", limit=500)
    assert set(ready.ids) | set(resolve.ids) == set(page.ids)
    assert (await history.queue("resolve", Filters(statuses=(OrderStatus.READY,)))).ids == []
    snoozed = await history.queue("all", Filters(snoozed=True), limit=500)
    assert len(snoozed.ids) == sum((o["snoozed_until"] or 0) > now for o in everything) > 0
    assert await history.ids_matching(history.in_queue("ready"), 3, sort="placed") == ready.ids[:3]
    assert await history.count_matching(history.in_queue("all")) == (len(waiting), True)


async def test_a_row_shows_what_the_order_page_says(orders: str) -> None:
    seen: set[OrderStatus] = set()
    for row in (await history.list_orders(limit=300)).rows:
        if row.status in seen:
            continue
        seen.add(row.status)
        page = await history.order_page(row.id)
        assert (row.number, row.total, row.currency) == (page.number, page.total, page.currency)
        assert row.quantity == sum(line.quantity - line.canceled for line in page.lines)
        assert sum(part.quantity for part in row.suppliers) == row.quantity
        assert row.trackings == len({s.tracking_number for s in page.shipments})
        assert set(row.issue_codes) == {i.code for i in page.issues if i.closed_at is None}
        if row.status == OrderStatus.UNRESOLVED:
            assert row.suppliers[-1].code == "?"
            assert page.cost is None
        if row.status == OrderStatus.COMPLETED:
            assert page.cost is None or page.items_total > page.cost > 0
            assert page.shipments[0].tracking_url.endswith(row.tracking[0])
            assert sum(n for s in page.shipments for _, n in s.contents) == row.quantity
        if row.status == OrderStatus.ON_HOLD:
            assert page.holds[0].reason == row.held
            assert "queue" in page.purchase_orders[0].moves
    assert len(seen) >= 6


async def test_an_unknown_number_is_answered_with_close_ones(orders: str) -> None:
    number = (await history.list_orders(limit=1)).rows[0].number
    with pytest.raises(NotFound, match="did you mean"):
        await history.order_page(number + "9")
    with pytest.raises(NotFound, match="sync"):
        await history.order_page("ZZZZ")


async def test_a_lines_book_has_its_own_steps_only(orders: str) -> None:
    order = (await history.list_orders(Filters(statuses=(OrderStatus.COMPLETED,)), limit=1)).ids[0]
    page = await history.order_page(order)
    book = await history.blue_book(order)
    assert [e.seq for e in book] == [1, 2, 3, 4, 5]
    one, two = page.lines
    first = await history.blue_book(order, line_id=one.id)
    assert {"order", "line.1"} <= {e.subject for e in first}
    assert "line.1" not in {e.subject for e in await history.blue_book(order, line_id=two.id)}
    last = f"po.{page.purchase_orders[-1].po_number}"
    assert {e.subject for e in await history.blue_book(order, subject=last)} == {last}
    assert [e.action for e in await history.blue_book(order, source="supplier")] == ["purchase:acknowledge"]
    assert [e.seq for e in await history.blue_book(order, after_seq=3)] == [4, 5]
    with pytest.raises(NotFound):
        await history.blue_book(order, line_id=10**9)


async def test_counts_are_those_of_the_orders(orders: str) -> None:
    real = {r[0]: r[1] for r in await db.rows("SELECT status, COUNT(*) FROM orders GROUP BY status")}
    assert {k: v for k, v in (await history.counts()).items() if v} == real
    per_channel = [await history.counts(channel) for channel in (1, 2, 3, 4)]
    assert sum(c["ready"] for c in per_channel) == real["ready"]
    assert await counters.verify() == []


async def test_the_status_bar_and_the_charts_count_what_is_there(orders: str) -> None:
    now = clock.micros(clock.now())
    bar = await dashboard.status_bar()
    assert len(bar.per_minute) == 30
    queued = "SELECT COUNT(DISTINCT order_id) FROM purchase_orders WHERE state = 'queued' AND release_at > ?"
    assert len(bar.held) == await db.value(queued, now)
    assert all(h.release_at > clock.now() for h in bar.held)
    counts = await history.counts()
    assert bar.resolve == counts["failed"] + counts["on_hold"] + counts["unresolved"]
    for row in await dashboard.age_by_state():
        assert row.total == counts[row.status]
    old = await db.value("SELECT COUNT(*) FROM orders WHERE status = 'ready' AND placed_at <= ?", now - 86_400_000_000)
    assert next(r for r in await dashboard.age_by_state() if r.status == "ready").counts[-1] == old
    pareto = await dashboard.issue_pareto(days=365)
    assert sum(r.count for r in pareto) == await db.value("SELECT COUNT(*) FROM issues")
    times = await dashboard.supplier_lead_times(days=365)
    assert [t.supplier for t in times] == ["ACME", "NOVA", "PINE"]
    assert all(t.hours and t.shipped_p50 and t.in_time == 100 for t in times)
    cause = await db.value("SELECT cause FROM issues WHERE closed_at IS NULL AND code <> 'supplier_failed' LIMIT 1")
    assert await history.waiting_with_cause(cause) >= 1


async def test_text_is_found_with_the_other_filters(orders: str) -> None:
    everything = await _everything()
    name = everything[0]["customer"].split()[1]
    f = await filters.from_text(f"{name} ch:shop total>50")
    assert f.channel_ids == (1,)
    wanted = {
        o["id"]
        for o in everything
        if search.fold(o["customer"].split()[1]).startswith(search.fold(name))
        and o["channel_id"] == 1
        and o["total"] > 5000
    }
    assert set(await history.ids_matching(f)) == wanted
    assert wanted


def test_the_filter_line_and_the_url_say_the_same() -> None:
    channels, suppliers = {"Woo-EU": 2, "Shopify-US": 1}, {"Acme Ltd": 7, "ACME": 7}
    f = Filters.from_text('sup:acme err:sku total>100 age>2h !ch:woo is:late !is:held "wall lamp"', channels, suppliers)
    assert f == Filters(
        supplier_ids=(7,), issue_codes=(IssueCode.UNMAPPED_SKU,), total_min=Decimal("100.001"), older_than=7200,
        not_channel_ids=(2,), late=True, held=False, text="wall lamp",
    )  # fmt: skip
    assert Filters.from_params(f.to_params() | {"page": "2"}) == f
    assert Filters.from_params({}) == Filters()


@pytest.mark.parametrize(
    "word",
    [
        "foo:bar",
        "sup:zzz",
        "total>much",
        "age>3",
        "placed>2026-13-40",
        "!x",
        "!",
        "sup:",
        "!total>3",
        "sku:-",
        "cur:QQQ",
    ],
)
def test_a_word_that_cannot_be_read_is_named(word: str) -> None:
    with pytest.raises(Invalid) as caught:
        Filters.from_text(f"lamp {word}", {"Woo": 1}, {"ACME": 1})
    assert caught.value.field == word
    assert word in caught.value.message


def test_a_parameter_that_cannot_be_read_is_named() -> None:
    with pytest.raises(Invalid) as caught:
        Filters.from_params({"statuses": "ready,bogus"})
    assert caught.value.field == "statuses"
    with pytest.raises(Invalid):
        history.Cursor.parse("nonsense")


def test_every_filter_survives_the_url() -> None:
    rng = random.Random(3)
    for _ in range(200):
        f = _random_filters(rng)
        assert Filters.from_params(f.to_params()) == f
    assert msgspec.structs.fields(Filters)
