"""A list that shows a window of all orders: around an order, how long, where one stands, the next problem; and by words."""

from __future__ import annotations

import importlib
import random
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from engine import db
from engine.domain.issues import IssueCode
from engine.domain.states import OrderStatus, PurchaseState
from engine.errors import Invalid, NotFound
from engine.services import filters, history, listed, loading, scroll, search, walk
from engine.services.filters import Filters
from tests.support import bulk

COUNT = bulk.FILLED
LISTS = [
    Filters(),
    Filters(channel_ids=(2,)),
    Filters(statuses=(OrderStatus.COMPLETED, OrderStatus.CANCELED)),
    Filters(country="IS"),
    Filters(has_issue=True),
    Filters(text="dana"),
    Filters(cities=("m",), not_text=("rosa",)),
    history.in_queue("all"),
    history.in_queue("resolve", Filters(channel_ids=(1, 3))),
]
SORTS = ("-placed", "placed", "-total", "total", "number", "state", "-state")


@pytest.fixture(params=[False, True], ids=["", "small"])
def orders(filled: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param:  # small bounds, so that windows end, lists are long and words are common within a few orders
        for module, name, value in (
            (walk, "WINDOWS", (40, 80)), (walk, "FEW", 25), (walk, "RANKED", 40), (walk, "PICKED", 5),
            (walk, "COUNTED", 60), (search, "COUNTED", 30),
            (scroll, "NEAR", 50), (scroll, "TRIED", 30), (scroll, "SAMPLE", 200),
        ):  # fmt: skip
            monkeypatch.setattr(module, name, value)


async def _all(f: Filters, sort: str, start: history.Cursor | None = None) -> list[int]:
    found: list[int] = []
    after = start
    while True:
        page = await history.list_orders(f, sort=sort, after=after, limit=500)
        found += page.ids
        if page.next is None:
            return found
        after = history.Cursor.parse(page.next.text())


async def test_every_list_is_the_same_from_both_ends_and_from_any_order(orders: None) -> None:
    rng = random.Random(2)
    for f in LISTS:
        for sort in SORTS:
            every = await _all(f, sort)
            assert len(every) == len(set(every))
            assert set(every) == await history.fitting(f, range(1, COUNT + 1)), (f, sort)
            n = rng.randrange(len(every))
            row = (await history.rows_of([every[n]]))[0]
            place = history.cursor_at(row, sort)
            assert place == await scroll.cursor_of(row.id, sort)
            assert await _all(f, sort, place) == every[n + 1 :], (f, sort)
            page = await scroll.around(row.id, f, sort=sort, before=5, after=7)
            if not page.partial:
                assert page.ids == every[max(0, n - 5) : n + 8], (f, sort)
                assert (page.previous is None) == (n <= 5)
                assert (page.next is None) == (n + 8 >= len(every))


async def test_words_and_keys_find_what_the_orders_say(orders: None) -> None:
    rows = [tuple(r) for r in await db.rows("SELECT id, number, customer, email, ship_to FROM orders")]
    skus: dict[int, list[str]] = {}
    for order, sku in await db.rows("SELECT order_id, sku FROM order_lines"):
        skus.setdefault(order, []).append(sku)
    numbers: dict[int, list[str]] = {}
    for order, number in await db.rows("SELECT order_id, tracking_number FROM shipments"):
        numbers.setdefault(order, []).append(number)
    city = {r[0]: search.fold(msgspec.json.decode(r[4])["city"]) for r in rows}
    first = {r[0]: search.fold(r[2].split()[0]) for r in rows}
    domain_of = {r[0]: r[3].partition("@")[2] for r in rows}
    some = numbers[next(iter(numbers))][0]

    def having(test: Any) -> set[int]:
        return {r[0] for r in rows if test(r[0])}

    cases = {
        "city:málaga": having(lambda i: city[i] == "malaga"),
        "city:MALAGA": having(lambda i: city[i] == "malaga"),
        'city:"new y"': having(lambda i: city[i] == "new york"),
        "!city:be": having(lambda i: not city[i].startswith("be")),
        "city:leeds city:lyon": having(lambda i: city[i] in ("leeds", "lyon")),
        "sku:a-10": having(lambda i: any(s.startswith("A-10") for s in skus[i])),
        "!sku:a-1 sku:b": None,
        "!sku:a-1 sku:b-2": having(
            lambda i: not any(s.startswith("A-1") for s in skus[i]) and any(s.startswith("B-2") for s in skus[i])
        ),
        f"track:{some.lower()}": having(lambda i: some in numbers.get(i, [])),
        "track:1Z999": having(lambda i: i in numbers),
        "!track:1Z999": having(lambda i: i not in numbers),
        "email:dana": having(lambda i: first[i] == "dana"),
        "email:example.com": having(lambda i: domain_of[i] == "example.com"),
        "email:@example": having(lambda i: True),
        "!email:dana. !rosa": having(lambda i: first[i] not in ("dana", "rosa")),
        "zoe": having(lambda i: first[i] == "zoe"),
        f"{rows[7][1]}": {rows[7][0]},
    }
    for text, wanted in cases.items():
        if wanted is None:
            with pytest.raises(Invalid):
                await filters.from_text(text)
            continue
        f = await filters.from_text(text)
        assert wanted or "track" in text
        for sort in ("-placed", "total"):
            assert set(await history.ids_matching(f, sort=sort)) == wanted, (text, sort)
        assert await history.fitting(f, range(1, COUNT + 1)) == wanted, text


PICKING: dict[str, Any] = {
    "cause": "unmapped_sku:3", "issue_codes": (IssueCode.UNMAPPED_SKU, IssueCode.NO_TRACKING_IN_TIME), "on_hold": True,
    "undoable": True, "unsent": True, "held": True, "snoozed": True, "late_supplier_ids": (1, 2),
    "had_from": bulk.NOW - timedelta(days=9), "had_to": bulk.NOW - timedelta(days=2),
    "had_issue_codes": (IssueCode.INVALID_ADDRESS, IssueCode.NO_SUPPLIER_STOCK), "sent_from": bulk.NOW - timedelta(days=5),
    "supplier_ids": (2,), "purchase_states": (PurchaseState.ACKNOWLEDGED, PurchaseState.QUEUED), "country": "DE",
    "statuses": (OrderStatus.PROCESSED, OrderStatus.ON_HOLD, OrderStatus.READY), "channel_ids": (1, 3), "text": "dana",
}  # fmt: skip
"""What orders are picked by, and what is tried on them then."""


async def test_what_is_picked_by_an_index_is_what_each_order_is_tried_for(orders: None) -> None:
    rng = random.Random(11)
    some = 0
    for n in range(80):
        names = [sorted(PICKING)[n]] if n < len(PICKING) else rng.sample(sorted(PICKING), rng.choice((2, 2, 3)))
        f = Filters(**{name: PICKING[name] for name in names})
        wanted = await history.fitting(f, range(1, COUNT + 1))
        assert wanted or n >= len(PICKING), f
        sort = rng.choice(SORTS)
        assert set(await _all(f, sort)) == wanted, (f, sort)
        some += bool(wanted)
    assert some > 30


async def test_counts_are_right_or_say_that_there_are_more(orders: None) -> None:
    for f in (*LISTS, Filters(statuses=(OrderStatus.READY,)), Filters(statuses=(OrderStatus.READY,), snoozed=False)):
        real = len(await history.fitting(f, range(1, COUNT + 1)))
        for most in (5, 10_000):
            found, whole = await history.count_matching(f, most)
            assert found == real if whole else found <= min(real, most), f
            assert whole or most == 5 or walk.COUNTED < COUNT, f
        assert len(await history.ids_matching(f, 20)) == min(real, 20)


async def test_the_scroll_bar_is_about_right(orders: None) -> None:
    for f in LISTS:
        for sort in ("-placed", "total", "state"):
            every = await _all(f, sort)
            whole = await scroll.extent(f, sort=sort)
            assert whole.total == len(every) if whole.exact else abs(whole.total - len(every)) < 0.5 * len(every), f
            for n in (0, len(every) // 3, len(every) - 1):
                found = await scroll.extent(f, sort=sort, order_id=every[n])
                slack = 0.35 * COUNT if walk.COUNTED < COUNT else 60  # snoozed ones are not looked for
                assert abs(found.before - n) <= slack, (f, sort, n, found)
            assert await scroll.place_at(0, f, sort=sort) is None
            assert await scroll.place_at(1, f, sort=sort) == history.END
            middle = await scroll.place_at(0.5, f, sort=sort)
            assert middle is not None
            left = len(await _all(f, sort, middle))
            if walk.COUNTED > COUNT:
                assert abs(left - len(every) / 2) <= 60, (f, sort, left)
            else:
                assert left < len(every), (f, sort, left)


async def test_the_next_problem_is_found_either_way(orders: None) -> None:
    for f in (Filters(), history.in_queue("all"), Filters(channel_ids=(1,))):
        for sort in ("-placed", "total", "state"):
            every = await _all(f, sort)
            troubled = await history.fitting(Filters(has_issue=True), every)
            n = len(every) // 2
            after = next((i for i in every[n + 1 :] if i in troubled), None)
            before = next((i for i in reversed(every[:n]) if i in troubled), None)
            if walk.COUNTED > COUNT:
                assert await scroll.next_problem(every[n], f, sort=sort) == after
                assert await scroll.next_problem(every[n], f, sort=sort, back=True) == before
    assert await scroll.next_problem(1, Filters(has_issue=False)) is None
    with pytest.raises(NotFound):
        await scroll.next_problem(10**9)


async def test_a_place_that_cannot_be_read_is_refused(orders: None) -> None:
    for sort in ("state", "total"):
        with pytest.raises(Invalid, match="no place"):
            await history.list_orders(sort=sort, after=history.Cursor("x.y", 7))
    with pytest.raises(Invalid, match="state"):
        await history.list_orders(sort="colour")


async def test_orders_keep_what_follows_from_their_issues(orders: None) -> None:
    rows = await db.rows("SELECT id, issue_at, late_at FROM orders ORDER BY id")
    cases = await loading.load([int(r[0]) for r in rows])
    for case, row in zip(cases, rows, strict=True):
        assert listed.since(case) == {"issue_at": row[1], "late_at": row[2]}
    assert any(row[1] is not None for row in rows)


async def test_an_upgrade_makes_what_orders_keep_of_those_that_are_there(database: str) -> None:
    await bulk.fill(database, 300)
    terms = "SELECT term, order_id FROM terms WHERE term LIKE 'city:%' ORDER BY order_id"
    kept = "SELECT id, issue_at, late_at FROM orders ORDER BY id"
    before = [[tuple(r) for r in await db.rows(sql)] for sql in (kept, terms)]
    await db.run("UPDATE orders SET issue_at = NULL, late_at = NULL")
    await db.run("DELETE FROM terms WHERE term LIKE 'city:%'")
    migration = importlib.import_module("engine.migrations.0005_lists")
    dialect = "postgres" if db.is_postgres() else "sqlite"
    for statement in migration.Migration.operations[-1].statements[dialect]:
        if statement.startswith(("UPDATE", "INSERT")):
            await db.run(statement)
    after = [[tuple(r) for r in await db.rows(sql)] for sql in (kept, terms)]
    assert after == before
    assert "city:malaga" in {term for term, _ in after[1]}


async def test_candidates_name_the_channels_and_suppliers_there_are(orders: None) -> None:
    assert [c.word for c in await filters.candidates("ch:sho")] == ["ch:Shopify-US"]
    assert [c.word for c in await filters.candidates("lamp sup:n")] == ["sup:NOVA"]
    assert (await filters.from_text("ch:w")).channel_ids == (2,)
