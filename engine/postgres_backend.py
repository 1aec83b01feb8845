"""Tortoise's asyncpg backend, whose transactions give their connection back when they cannot begin.

Tortoise keeps a connection it took from the pool when BEGIN is cancelled or fails: after as many of those as the pool has
connections, the process waits for ever. The factory name ``client_class`` is what Tortoise looks for.
"""

from __future__ import annotations

from typing import Any

from tortoise.backends.asyncpg.client import AsyncpgDBClient, TransactionWrapper
from tortoise.backends.base.client import TransactionContextPooled
from tortoise.connection import get_connections


class Client(AsyncpgDBClient):
    """A pool of connections."""

    def _in_transaction(self) -> TransactionContextPooled:
        return _Context(TransactionWrapper(self), self._pool_init_lock)


class _Context(TransactionContextPooled):
    async def __aenter__(self) -> Any:
        # As Tortoise does it, but for the connection: the pool rolls back whatever was begun on one that it gets back.
        await self.ensure_connection()
        pool: Any = self.client._parent._pool
        self.client._connection = await pool.acquire()
        self.token = get_connections().set(self.connection_name, self.client)
        try:
            await self.client.begin()
        except BaseException:
            get_connections().reset(self.token)
            await pool.release(self.client._connection)
            raise
        return self.client


client_class = Client
