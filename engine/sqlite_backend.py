"""Tortoise's SQLite backend, with transactions that say BEGIN IMMEDIATE.

A deferred transaction that reads and then writes fails under two writers, busy timeout or not (docs/adr/0001-broker.md
has the numbers). The factory name ``client_class`` is what Tortoise looks for.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from typing import Any

from tortoise.backends.base.client import NestedTransactionContext
from tortoise.backends.sqlite.client import (
    SqliteClient,
    SqliteTransactionContext,
    SqliteTransactionWrapper,
    translate_exceptions,
)
from tortoise.connection import get_connections
from tortoise.exceptions import OperationalError

PRAGMAS = {"busy_timeout": 15000, "synchronous": "FULL", "temp_store": "MEMORY", "cache_size": -32000,
           "journal_size_limit": 67108864, "mmap_size": 268435456}  # fmt: skip


class Client(SqliteClient):
    """One connection, WAL, foreign keys on, durable commits."""

    def __init__(self, file_path: str, **kwargs: Any) -> None:
        super().__init__(file_path, **kwargs)
        self.pragmas.update({name: value for name, value in PRAGMAS.items() if name not in kwargs})

    def _in_transaction(self) -> SqliteTransactionContext:
        return _Context(Immediate(self), self._lock)


class _Context(SqliteTransactionContext):
    async def __aenter__(self) -> Any:
        # As Tortoise does it, but for the lock: Tortoise leaves it taken when BEGIN fails, and the process hangs for ever.
        await self._trxlock.acquire()
        try:
            await self.ensure_connection()
            self.token = get_connections().set(self.connection_name, self.connection)
            try:
                await self.connection.begin()
            except BaseException:
                get_connections().reset(self.token)
                raise
        except BaseException:
            self._trxlock.release()
            raise
        return self.connection


class Immediate(SqliteTransactionWrapper):
    """A transaction that has the write lock from its beginning."""

    def _in_transaction(self) -> NestedTransactionContext:
        return NestedTransactionContext(Immediate(self))

    @translate_exceptions
    async def execute_together(self, steps: Sequence[tuple[str, Sequence[Any]]]) -> list[int]:
        """Each statement is done for each of its rows, one after the other; how many rows each touched."""

        def work(conn: sqlite3.Connection) -> list[int]:
            return [conn.executemany(sql, rows).rowcount for sql, rows in steps]

        async with self.acquire_connection() as connection:
            return await connection._execute(work, connection._conn)  # type: ignore[no-any-return]

    async def begin(self) -> None:
        try:
            await self._connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            raise OperationalError(error) from error
        except asyncio.CancelledError:
            # The thread that waits for the lock is not cancelled with us and would keep it, in nobody's transaction.
            await self._connection.rollback()
            raise


client_class = Client
