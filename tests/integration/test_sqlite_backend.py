"""SQLite transactions take the write lock at their beginning, and a refused one leaves the process able to go on."""

from __future__ import annotations

import asyncio
import gc
import sqlite3
import threading
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import aiosqlite
import pytest
from tortoise.exceptions import OperationalError

from engine import db, sqlite_backend
from engine.sqlite_backend import Client, Immediate

SLOW = (
    "SELECT COUNT(*) FROM "
    "(WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 300000) SELECT i FROM n)"
)


async def test_a_transaction_that_cannot_begin_raises_and_the_next_one_works(sqlite_url: str) -> None:
    path = sqlite_url.removeprefix("sqlite://")
    async with db.database(f"{sqlite_url}?busy_timeout=50"):
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(OperationalError, match="locked"):
            async with db.transaction():
                pass
        other.execute("ROLLBACK")
        async with asyncio.timeout(60), db.transaction():
            await db.insert("order_counts", ("channel_id", "status", "n"), [(1, "ready", 1)])
        assert await db.value("SELECT COUNT(*) FROM order_counts") == 1
        other.close()


async def _within(do: Callable[[], Awaitable[Any]], went_on: list[Any]) -> None:
    async with db.transaction():
        went_on.append(await do())


async def _nested() -> None:
    async with db.transaction():
        await db.insert("order_counts", ("channel_id", "status", "n"), [(1, "ready", 1)])


each_way = pytest.mark.parametrize(
    "do",
    [
        lambda: db.insert("order_counts", ("channel_id", "status", "n"), [(1, "ready", 1)]),
        lambda: db.run("INSERT INTO order_counts (channel_id, status, n) VALUES (1, 'ready', 1)"),
        lambda: db.value("SELECT COUNT(*) FROM order_counts"),
        _nested,
    ],
    ids=["insert", "statement", "question", "nested"],
)


@each_way
async def test_nothing_is_done_in_a_transaction_that_could_not_begin(
    sqlite_url: str, do: Callable[[], Awaitable[Any]]
) -> None:
    async with db.database(f"{sqlite_url}?busy_timeout=50"):
        other = sqlite3.connect(sqlite_url.removeprefix("sqlite://"), isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        went_on: list[Any] = []
        with pytest.raises(OperationalError, match="locked"):
            await _within(do, went_on)
        assert not went_on
        other.execute("ROLLBACK")
        other.close()
        assert await db.value("SELECT COUNT(*) FROM order_counts") == 0
        async with asyncio.timeout(60):
            await _write()
        assert await db.value("SELECT COUNT(*) FROM order_counts") == 1


@pytest.mark.parametrize("begun", [False, True], ids=["before", "within"])
@each_way
async def test_nobody_in_a_transaction_waits_for_a_database_that_was_closed(
    sqlite_url: str, do: Callable[[], Awaitable[Any]], begun: bool
) -> None:
    async def close() -> None:
        await client._connection.close()

    async with db.database(sqlite_url):
        client: Any = db.connection()
        await _write()

        async def use() -> None:
            async with db.transaction():
                if begun:
                    await db.value("SELECT 1")
                    await close()
                await do()

        if not begun:
            await close()
        async with asyncio.timeout(20):
            with pytest.raises((OperationalError, ValueError), match=r"closed|no active connection"):
                await use()
        client._connection = None  # as Tortoise has it after closing


async def test_a_commit_that_was_done_raises_nothing_where_the_keeper_was_stopped(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_backend, "ROWS_KEPT_BACK", 10)
    async with db.database(sqlite_url):
        client: Any = db.connection()
        await _insert_some(1)
        client._keeper.cancel()
        await asyncio.gather(client._keeper, return_exceptions=True)
        await _insert_some(2)
        assert await db.value("SELECT COUNT(*) FROM order_counts") == 20


async def test_what_is_asked_at_once_in_a_transaction_is_one_turn_and_each_has_its_own_answer(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns: list[list[str]] = []
    answer = Immediate._answer

    def noted(transaction: Immediate, connection: sqlite3.Connection, asked: Sequence[Any]) -> None:
        turns.append([query for _, query, _ in asked])
        answer(transaction, connection, asked)

    monkeypatch.setattr(Immediate, "_answer", noted)
    async with db.database(sqlite_url):
        async with db.transaction():
            await db.insert("order_counts", ("channel_id", "status", "n"), [(1, "ready", 7)])
            questions = ("SELECT n FROM order_counts", "SELECT nothing", "SELECT 2")
            asked = [asyncio.create_task(db.value(sql)) for sql in questions]
            seven, wrong, two = await asyncio.gather(*asked, return_exceptions=True)
            assert (seven, two) == (7, 2)
            assert isinstance(wrong, OperationalError)
        assert turns == [list(questions)]
        assert await db.value("SELECT n FROM order_counts") == 7


def _in_the_file(path: str) -> int:
    """Rows of the file itself, without those of its journal."""
    alone = sqlite3.connect(f"file:{path}?immutable=1", uri=True)
    try:
        return int(alone.execute("SELECT COUNT(*) FROM order_counts").fetchone()[0])
    finally:
        alone.close()


async def _insert_some(channel_id: int) -> None:
    async with db.transaction():
        rows = [(channel_id, f"s{n}", n) for n in range(10)]
        await db.insert("order_counts", ("channel_id", "status", "n"), rows)


async def test_what_is_written_is_brought_into_the_file_beside_who_writes(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = sqlite_url.removeprefix("sqlite://")
    async with db.database(sqlite_url):
        await _insert_some(1)
        assert _in_the_file(path) == 0
        monkeypatch.setattr(sqlite_backend, "ROWS_KEPT_BACK", 10)
        async with asyncio.timeout(60):
            written = 1
            while not _in_the_file(path):
                written += 1
                await _insert_some(written)
                await asyncio.sleep(0.01)
        assert await db.value("SELECT COUNT(*) FROM order_counts") == written * 10


async def test_who_writes_goes_on_where_nothing_brings_it_into_the_file(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, tried = Client._open, list[Any]()

    async def opened(client: Client, pragmas: Any) -> Any:
        if pragmas is sqlite_backend.KEEPING:
            tried.append(pragmas)
            raise OperationalError("too many open files")
        return await plain(client, pragmas)

    monkeypatch.setattr(Client, "_open", opened)
    monkeypatch.setattr(sqlite_backend, "ROWS_KEPT_BACK", 10)
    async with db.database(sqlite_url):
        for channel_id in range(1, 5):
            await _insert_some(channel_id)
            await asyncio.sleep(0)
        assert await db.value("SELECT COUNT(*) FROM order_counts") == 40
    assert len(tried) == 1


async def test_the_lock_is_waited_for_and_the_patience_of_others_is_as_before(sqlite_url: str) -> None:
    path = sqlite_url.removeprefix("sqlite://")
    async with db.database(sqlite_url):
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        waiting = asyncio.create_task(_write())
        await asyncio.sleep(0.1)
        assert not waiting.done()
        other.execute("ROLLBACK")
        await waiting
        assert await db.value("PRAGMA busy_timeout") == 15_000
        other.close()


async def test_a_cancelled_wait_for_the_lock_leaves_it_with_its_holder(sqlite_url: str) -> None:
    async with db.database(sqlite_url):
        begun, go_on = asyncio.Event(), asyncio.Event()
        holder = asyncio.create_task(_hold(begun, go_on))
        await begun.wait()
        waiting = [asyncio.create_task(_write()) for _ in range(2)]
        await asyncio.sleep(0.05)
        waiting[0].cancel()
        await asyncio.gather(waiting[0], return_exceptions=True)
        assert not waiting[1].done()
        go_on.set()
        async with asyncio.timeout(60):
            await asyncio.gather(holder, waiting[1])
        assert await db.value("SELECT COUNT(*) FROM order_counts") == 2


async def test_a_cancelled_beginning_keeps_no_lock_when_the_file_is_free_again(sqlite_url: str) -> None:
    path = sqlite_url.removeprefix("sqlite://")
    async with db.database(sqlite_url):
        other = sqlite3.connect(path, isolation_level=None, timeout=0)
        other.execute("BEGIN IMMEDIATE")
        waiting = asyncio.create_task(_write())
        await asyncio.sleep(0.05)
        waiting.cancel()
        await asyncio.sleep(0.05)
        other.execute("ROLLBACK")
        await asyncio.gather(waiting, return_exceptions=True)
        other.execute("BEGIN IMMEDIATE")
        other.execute("ROLLBACK")
        other.close()
        async with asyncio.timeout(60):
            await _write()
        assert await db.value("SELECT COUNT(*) FROM order_counts") == 1


def _threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if "_connection_worker_thread" in thread.name]


async def _all_ended(before: list[threading.Thread]) -> None:
    async with asyncio.timeout(60):
        while set(_threads()) - set(before):
            await asyncio.sleep(0.01)


async def test_an_opening_that_is_broken_off_at_any_moment_leaves_nothing_open(sqlite_url: str) -> None:
    async def use() -> None:
        async with db.database(sqlite_url):
            await db.value("SELECT 1")

    before = _threads()
    for moment in range(40):
        task = asyncio.create_task(use())
        await asyncio.sleep(moment * 0.0003)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await _all_ended(before)


async def test_who_is_stopped_just_as_the_database_is_closed_leaves_nothing_open(sqlite_url: str) -> None:
    before, over = _threads(), asyncio.Event()

    async def use() -> None:
        async with db.database(sqlite_url):
            await db.value("SELECT 1")
            over.set()  # whoever waits for it goes on before the closing has begun

    gc.disable()  # which would close them, if only later
    try:
        task = asyncio.create_task(use())
        await over.wait()
        task.cancel()
        assert isinstance((await asyncio.gather(task, return_exceptions=True))[0], asyncio.CancelledError)
        await _all_ended(before)
    finally:
        gc.enable()


async def test_a_connection_has_all_its_pragmas_or_is_none(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = _threads()
    plain, asked = aiosqlite.Connection._execute, 0

    async def broken_off(self: aiosqlite.Connection, *call: Any) -> Any:
        nonlocal asked
        asked += 1
        if asked == 3:
            raise asyncio.CancelledError
        return await plain(self, *call)

    client = Client(sqlite_url.removeprefix("sqlite://"), connection_name="broken off")
    with monkeypatch.context() as patch:
        patch.setattr(aiosqlite.Connection, "_execute", broken_off)
        with pytest.raises(asyncio.CancelledError):
            await client.execute_query("PRAGMA user_version")
    assert asked == 4  # the third was broken off, and the last closed what was opened
    await _all_ended(before)
    for name, value in (("foreign_keys", 1), ("synchronous", 2)):
        assert [tuple(row) for row in (await client.execute_query(f"PRAGMA {name}"))[1]] == [(value,)]
    await client.close()
    await _all_ended(before)


async def test_who_would_read_while_it_is_closed_opens_nothing_anew(sqlite_url: str) -> None:
    before = _threads()
    async with db.database(sqlite_url):
        client = db.connection()
        assert await client.execute_query("SELECT 1")
    for sql in ("SELECT 1", "PRAGMA user_version"):
        with pytest.raises(OperationalError, match="was closed"):
            await client.execute_query(sql)
    await _all_ended(before)


async def test_who_reads_waits_for_no_writer_of_this_process_and_sees_what_is_committed(sqlite_url: str) -> None:
    count = "SELECT COUNT(*) FROM order_counts"
    async with db.database(sqlite_url):
        begun, go_on = asyncio.Event(), asyncio.Event()
        holder = asyncio.create_task(_hold(begun, go_on))
        await begun.wait()
        async with asyncio.timeout(60):
            assert await db.value(count) == 0
        go_on.set()
        await holder
        assert await db.value(count) == 1
        async with db.transaction():
            await db.insert("order_counts", ("channel_id", "status", "n"), [(7, "ready", 1)])
            assert await db.value(count) == 2, "a transaction reads what it has written"


async def test_whoever_reads_cannot_write(sqlite_url: str) -> None:
    async with db.database(sqlite_url):
        assert await db.value("SELECT 1") == 1
        reader = db.connection()._reader  # type: ignore[attr-defined]
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            await reader.execute("DELETE FROM order_counts")


async def _hold(begun: asyncio.Event, go_on: asyncio.Event) -> None:
    async with db.transaction():
        begun.set()
        await go_on.wait()
        await db.insert("order_counts", ("channel_id", "status", "n"), [(1, "ready", 1)])


async def _write() -> None:
    async with db.transaction():
        await db.insert("order_counts", ("channel_id", "status", "n"), [(1, "ready", 1)])


async def test_every_row_of_any_number_is_inserted_in_its_order(sqlite_url: str) -> None:
    rows = [(1, f"s{n}", n) for n in range(300)]
    async with db.database(sqlite_url):
        async with db.transaction():
            await db.insert("order_counts", ("channel_id", "status", "n"), rows)
        found = await db.rows("SELECT channel_id, status, n FROM order_counts ORDER BY id")
        assert [tuple(r) for r in found] == rows


async def test_queries_of_one_moment_share_a_turn_and_each_has_its_own_answer(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns: list[list[str]] = []
    answer = sqlite_backend._answer

    def noted(connection: sqlite3.Connection, asked: Sequence[Any], reader: Any) -> None:
        turns.append([query for _, query, _ in asked])
        answer(connection, asked, reader)

    monkeypatch.setattr(sqlite_backend, "_answer", noted)
    async with db.database(sqlite_url):
        await db.value("SELECT 1")
        turns.clear()
        given_up = asyncio.create_task(db.value("SELECT 5"))
        wrong = asyncio.create_task(db.value("SELECT nothing"))
        others = [asyncio.create_task(db.value(sql)) for sql in ("SELECT 2", SLOW, "SELECT 3")]
        await asyncio.sleep(0)
        given_up.cancel()
        assert await asyncio.gather(*others) == [2, 300_000, 3]
        with pytest.raises(OperationalError, match="nothing"):
            await wrong
        assert turns == [["SELECT 5", "SELECT nothing", "SELECT 2", SLOW, "SELECT 3"], ["SELECT 3"]]
        assert await db.value("SELECT 4") == 4


async def test_who_asks_meanwhile_waits_for_one_slow_query_and_not_for_all_of_one_moment(sqlite_url: str) -> None:
    told: list[str] = []

    async def ask(name: str, sql: str) -> None:
        await db.value(sql)
        told.append(name)

    async with db.database(sqlite_url):
        await db.value("SELECT 1")
        slow = [asyncio.create_task(ask(f"slow {n}", SLOW)) for n in range(4)]
        await asyncio.sleep(0.001)
        await ask("quick", "SELECT 2")
        assert len(told) < 4
        await asyncio.gather(*slow)
    assert sorted(told) == ["quick", "slow 0", "slow 1", "slow 2", "slow 3"]


@pytest.mark.parametrize("asked", [{"SELECT 2": 2}, {SLOW: 300_000, f"{SLOW} AS n": 300_000, "SELECT 2": 2}])
async def test_what_is_asked_as_the_database_is_closed_is_answered(sqlite_url: str, asked: dict[str, int]) -> None:
    async with db.database(sqlite_url):
        await db.value("SELECT 1")
        tasks = [asyncio.create_task(db.value(sql)) for sql in asked]
        await asyncio.sleep(0)
        await db.connection()._reader.close()  # type: ignore[attr-defined]
        async with asyncio.timeout(60):
            late = await asyncio.gather(*tasks, return_exceptions=True)
            with pytest.raises(OperationalError, match="was closed"):
                await db.value("SELECT 3")
        for told, answer in zip(late, asked.values(), strict=True):
            assert told == answer or isinstance(told, (OperationalError, sqlite3.ProgrammingError)), (
                "no query waits for ever"
            )


def test_any_number_of_rows_is_few_statements_and_few_are_to_be_prepared() -> None:
    sizes, most = set[int](), 0
    for number in range(1, 2 * sqlite_backend.ROWS_A_STATEMENT):
        left, parts = number, 0
        while left:
            size = sqlite_backend._round(min(left, sqlite_backend.ROWS_A_STATEMENT))
            sizes.add(size)
            left, parts = left - size, parts + 1
        most = max(most, parts)
    assert len(sizes) <= 64
    assert most <= 5
