"""Search by words against what the orders say, and the change feed with transactions that overlap."""

from __future__ import annotations

import asyncio
import random

import pytest

from engine import db
from engine.services import feed, search
from tests.support import book, bulk

EVENT = (
    "INSERT INTO audit_events (order_id, seq, at, actor, tag, subject, message, cause, before, after, data, prev_hash, hash) "
    "VALUES (?, ?, 0, 'dana', 'person:order:hold', 'order', '', '', '{}', '{}', '{}', '', '')"
)


async def _texts() -> dict[int, set[str]]:
    found: dict[int, set[str]] = {}
    for sql in (
        "SELECT id, number FROM orders", "SELECT id, customer FROM orders", "SELECT id, email FROM orders",
        "SELECT order_id, sku FROM order_lines", "SELECT order_id, po_number FROM purchase_orders",
        "SELECT order_id, tracking_number FROM shipments",
    ):  # fmt: skip
        for order, text in await db.rows(sql):
            found.setdefault(order, set()).update(search.terms_of(text))
    return found


async def _found(words: str, limit: int = 40) -> list[int]:
    ids: list[int] = []
    before: int | None = None
    while True:
        page = await search.find(words, before_id=before, limit=limit)
        ids += page.ids
        before = page.next_before
        if before is None:
            assert page.exhausted
            return ids


@pytest.mark.parametrize("small", [False, True])
async def test_every_order_with_the_words_is_found_once_newest_first(
    database: str, small: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    await bulk.fill(database, 600)
    if small:  # small bounds, so that common words are walked in windows
        monkeypatch.setattr(search, "COUNTED", 20)
        monkeypatch.setattr(search, "BUDGET", 400)
    texts = await _texts()
    rng = random.Random(5)
    every = sorted({t for terms in texts.values() for t in terms})
    for _ in range(60):
        order = rng.choice(sorted(texts))
        words = rng.sample(sorted(texts[order]), rng.randrange(1, 3)) if rng.random() < 0.8 else [rng.choice(every)]
        last = words[-1][: rng.randrange(1, len(words[-1]) + 1)]
        whole = sum(last in t for t in texts.values()) >= search.COUNTED
        wanted = sorted(
            (
                i
                for i, t in texts.items()
                if set(words[:-1]) <= t and (last in t if whole else any(x.startswith(last) for x in t))
            ),
            reverse=True,
        )
        query = " ".join([*words[:-1], last])
        found = await _found(query)
        exact = [i for i in found if i in await search.exactly(query)]
        assert sorted(found, reverse=True) == wanted, query
        rest = [i for i in found if i not in exact]
        assert rest == sorted(rest, reverse=True), query


async def test_numbers_lead_to_their_order_first(database: str) -> None:
    await bulk.fill(database, 300)
    order, number = tuple((await db.rows("SELECT id, number FROM orders WHERE channel_id = 2 LIMIT 1"))[0])
    po = await db.value("SELECT po_number FROM purchase_orders WHERE order_id = ?", order)
    for typed in (number, number.lower(), f"#{number}", f" {number} ", po):
        assert (await search.find(typed)).ids[0] == order
    shipped, tracking = tuple((await db.rows("SELECT order_id, tracking_number FROM shipments LIMIT 1"))[0])
    assert (await search.find(f"{tracking[:4]} {tracking[4:]}")).ids == [shipped]
    assert (await search.find(number, channel_id=1)).ids == []
    assert (await search.find("nobodyhasthis")).ids == []
    assert (await search.find("")).ids == []


async def test_terms_may_be_given_twice(database: str) -> None:
    for _ in range(2):
        await search.index_order(7, "#10428", "Dana Reyes", "dana@example.com")
    assert await _found("reyes") == [7]
    assert await _found("dana@exam") == [7]
    assert await _found("Réyes 104") == [7]


async def test_changes_are_told_once_in_order(database: str) -> None:
    begin = await feed.latest()
    assert await feed.changes(begin) == feed.Feed([], begin)
    for order, seq in ((5, 1), (6, 1), (5, 2), (0, 1)):
        await db.run(EVENT, order, seq)
    told = await _news(begin)
    assert told.orders == [6, 5]
    assert told.settings
    assert not told.more
    assert (await feed.changes(told.cursor)).orders == []


async def test_many_changes_are_told_in_parts(database: str) -> None:
    begin = await feed.latest()
    async with db.transaction():
        await db.many(EVENT, [(order, 1) for order in range(1, 8)])
    for order in range(8, 15):
        await db.run(EVENT, order, 1)
    seen: list[int] = []
    cursor, more = begin, True
    async with asyncio.timeout(150):
        while more or len(seen) < 14:
            told = await feed.changes(cursor, limit=3)
            seen += told.orders
            cursor, more = told.cursor, told.more
    assert sorted(seen) == list(range(1, 15))


async def _news(since: int) -> feed.Feed:
    """All news; a transaction elsewhere on the same server may delay them."""
    async with asyncio.timeout(150):
        await book.final()
        while not (told := await feed.changes(since)).orders:
            await asyncio.sleep(0.05)
    return told


@pytest.mark.parametrize("first_to_begin", ["slow", "quick"])
async def test_no_event_is_skipped_when_transactions_overlap(postgres_url: str, first_to_begin: str) -> None:
    # The slow one takes its event's id first and commits last; which began first must not matter.
    async with db.database(postgres_url):
        begin = await feed.latest()
        slow_wrote, quick_began, quick_done = asyncio.Event(), asyncio.Event(), asyncio.Event()

        async def slow() -> None:
            if first_to_begin == "quick":
                await quick_began.wait()
            async with db.transaction():
                await db.run(EVENT, 1, 1)
                slow_wrote.set()
                await quick_done.wait()

        async def quick() -> None:
            async with db.transaction():
                if first_to_begin == "quick":
                    await db.rows("SELECT pg_current_xact_id()::text")
                quick_began.set()
                await slow_wrote.wait()
                await db.run(EVENT, 2, 1)

        tasks = [asyncio.create_task(slow()), asyncio.create_task(quick())]
        await tasks[1]
        early = await feed.changes(begin)
        quick_done.set()
        await tasks[0]
        seen, cursor = list(early.orders), early.cursor
        async with asyncio.timeout(150):
            while len(seen) < 2:
                told = await feed.changes(cursor)
                seen, cursor = seen + told.orders, told.cursor
        ids = [tuple(r) for r in await db.rows("SELECT order_id, id FROM audit_events ORDER BY id")]
        assert [order for order, _ in ids] == [1, 2]
        assert sorted(seen) == [1, 2]


def test_bulk_orders_are_the_same_every_time() -> None:
    one, two = (next(bulk._Maker(50, 3, bulk.NOW).chunks()) for _ in range(2))
    assert one[0] == two[0]
    assert sorted(one[1]) == sorted(two[1])
