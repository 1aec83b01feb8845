"""SQLite transactions take the write lock at their beginning, and a refused one leaves the process able to go on."""

from __future__ import annotations

import asyncio
import sqlite3

import pytest
from tortoise.exceptions import OperationalError

from engine import db


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
