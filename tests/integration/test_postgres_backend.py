"""A transaction that cannot begin gives its connection back to the pool."""

from __future__ import annotations

import asyncio

import pytest
from tortoise.backends.asyncpg.client import TransactionWrapper

from engine import db


async def _insert(channel_id: int) -> None:
    async with db.transaction():
        await db.insert("order_counts", ("channel_id", "status", "n"), [(channel_id, "ready", 1)])


async def test_a_cancelled_beginning_leaks_no_connection(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    begin = TransactionWrapper.begin
    begun = asyncio.Event()

    async def slow(self: TransactionWrapper) -> None:
        begun.set()
        await self._connection.execute("SELECT pg_sleep(60)")
        await begin(self)

    async with db.database(f"{postgres_url}?minsize=1&maxsize=2"):
        with monkeypatch.context() as patch:
            patch.setattr(TransactionWrapper, "begin", slow)
            for _ in range(4):
                begun.clear()
                task = asyncio.create_task(_insert(1))
                await begun.wait()
                await asyncio.sleep(0.05)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
        async with asyncio.timeout(60):
            await asyncio.gather(*(_insert(n) for n in range(2, 6)))
            assert not db.in_transaction()
            assert await db.value("SELECT COUNT(*) FROM order_counts") == 4


async def test_a_beginning_that_fails_after_the_server_began_leaves_no_open_transaction(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = TransactionWrapper.begin

    async def broken(self: TransactionWrapper) -> None:
        await begin(self)
        raise ConnectionError("the answer was lost")

    async with db.database(f"{postgres_url}?minsize=1&maxsize=1"):
        with monkeypatch.context() as patch:
            patch.setattr(TransactionWrapper, "begin", broken)
            for _ in range(3):
                with pytest.raises(ConnectionError):
                    await _insert(1)
        async with asyncio.timeout(60):
            await _insert(2)
            open_ = "SELECT COUNT(*) FROM pg_stat_activity WHERE state LIKE 'idle in%' AND datname = current_database()"
            assert await db.value(open_) == 0
