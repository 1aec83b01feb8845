"""A real store that sells while it is polled, and is killed and started again in between."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Protocol

import aiohttp
import msgspec

from engine import db, settings
from engine.errors import TryLater
from engine.services import catalog, intake, setup
from engine.services.lifecycle import Actor

BY = Actor("test", "worker", "outage")
BUYERS = 4
PATIENCE = 400.0  # seconds until the store must sell again


class Killed(Protocol):
    """A store that stands being killed."""

    async def kill(self) -> None:
        """It is gone."""

    async def restart(self) -> None:
        """It is back where it was."""

    async def orders(self) -> list[str]:
        """What it has sold, by its own account."""


class Polled(msgspec.Struct):
    """How a poller fared: whole walks, and walks in which the store was not there."""

    walks: int = 0
    missed: int = 0
    stop: bool = False


@asynccontextmanager
async def channel(url: str, connector: str, values: Mapping[str, Any]) -> AsyncIterator[int]:
    """The engine works on the database at ``url`` and is connected to the store; the channel's id. Nothing is scheduled."""
    settings.force(settings.Settings(home=settings.settings().home, database_url=url))
    async with db.database(url):
        try:
            # The overlap is short: a minute of selling is read again and again, by the store that is selling.
            made = await setup.add_channel("Store", connector, values, BY, overlap_seconds=30)
            yield made.id
        finally:
            await catalog.close_connectors()


async def sell(
    store: Killed, channel_id: int, buy: Callable[[int], Awaitable[object]], *, orders: int = 100, before: int = 40
) -> Polled:
    """So many orders were placed by ``buy``, which is given their number, while the channel was polled all the time; after
    ``before`` of them the store was killed, in the middle of others, and started again."""
    polled, numbers, sold = Polled(), itertools.count(1), asyncio.Queue[int]()

    async def buyer() -> None:
        while (number := next(numbers)) <= orders:
            await _insist(buy, number)
            sold.put_nowait(number)

    async def accident() -> None:
        for _ in range(before):
            await sold.get()
        await store.kill()
        await _until_missed(polled)
        await store.restart()

    poller = asyncio.create_task(_poll(channel_id, polled))
    try:
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(accident(), *(buyer() for _ in range(BUYERS)))
    finally:
        polled.stop = True
        await poller
    await intake.poll(channel_id, BY)  # what was placed after the last walk
    return polled


async def _insist(buy: Callable[[int], Awaitable[object]], number: int) -> None:
    while True:
        try:
            await buy(number)
            return
        except (aiohttp.ClientError, OSError):
            await asyncio.sleep(0.2)  # the shop is closed: the customer comes again


async def _poll(channel_id: int, polled: Polled) -> None:
    while not polled.stop:
        try:
            await intake.poll(channel_id, BY)
            polled.walks += 1
        except TryLater:
            polled.missed += 1
        await asyncio.sleep(0.5)


async def _until_missed(polled: Polled) -> None:
    while not polled.missed:
        await asyncio.sleep(0.05)


async def known(column: str) -> list[str]:
    """This of every order in our database, sorted."""
    return sorted(row[0] for row in await db.rows(f"SELECT {column} FROM orders"))


async def parked() -> list[str]:
    """Why payloads could not be read."""
    return [row[0] for row in await db.rows("SELECT reason FROM inbound_messages WHERE state = 'parked'")]
