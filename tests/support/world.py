"""A whole world in one process: the demo store, an HTTP and an SFTP supplier, and the engine between them."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from engine import clock, db
from engine.demo.shop import Connection, Shop, furnish
from engine.demo.store import DemoStore
from engine.demo.supplier_desk import Behaviour
from engine.demo.supplier_http import DemoHttpSupplier
from engine.demo.supplier_sftp import DemoSftpSupplier
from engine.services import catalog, intake, process, tasks
from engine.services.lifecycle import Actor
from tests.support.desk import at_once

PERSON = Actor("dana", "person", "test")


class World:
    """The parts, and short words for what tests do with them. Needs the ``database`` fixture."""

    def __init__(self, store: DemoStore, http: DemoHttpSupplier, sftp: DemoSftpSupplier, shop: Shop) -> None:
        self.store, self.http, self.sftp, self.shop = store, http, sftp, shop
        self.random = random.Random(7)

    async def pull(self, count: int, **options: Any) -> list[int]:
        """So many orders are placed and pulled; the ids of the new ones in our database."""
        self.store.place(count, rng=self.random, **options)
        before = {int(r[0]) for r in await db.rows("SELECT id FROM orders")}
        await intake.poll(self.shop.channel_id, PERSON)
        return [int(r[0]) for r in await db.rows("SELECT id FROM orders ORDER BY id") if int(r[0]) not in before]

    async def send(self, order_ids: list[int]) -> None:
        """The orders are processed without undo window and sent."""
        await process.process(order_ids, PERSON, undo_seconds=0)
        await tasks.drain(lambda: self.none_in("queued", "submitting"))

    async def none_in(self, *states: str) -> bool:
        """Is no purchase order in one of these states?"""
        found = await db.value(f"SELECT COUNT(*) FROM purchase_orders WHERE state IN ({db.marks(states)})", *states)
        return not found

    async def status(self, order_id: int) -> str:
        """The order's status."""
        return str(await db.value("SELECT status FROM orders WHERE id = ?", order_id))

    async def all_are(self, *statuses: str) -> bool:
        """Are all orders in one of these statuses?"""
        found = await db.value(f"SELECT COUNT(*) FROM orders WHERE status NOT IN ({db.marks(statuses)})", *statuses)
        return not found


@asynccontextmanager
async def world(
    folder: Path, *, ship_after: float | None = 0.1, callback_url: str = "", callback_secret: str = "", **behaviour: Any
) -> AsyncIterator[World]:
    """The world runs within; ``ship_after`` None means that suppliers ship only when told. The database must be open.

    With ``callback_url`` the HTTP supplier also calls there, signed with ``callback_secret``.
    """
    store = DemoStore(seed=1)
    http = DemoHttpSupplier(
        Behaviour(ship_after=ship_after, **behaviour), callback_url=callback_url, callback_secret=callback_secret
    )
    sftp = DemoSftpSupplier(folder / "sftp", ship_after=ship_after if ship_after is not None else 1e9, tick=0.05)
    store_url, http_url = await store.start(), await http.start()
    fast = {"poll_seconds": 1}
    try:
        async with sftp:
            shop = await furnish(
                Connection(
                    "woocommerce",
                    {"url": store_url, "consumer_key": store.key, "consumer_secret": store.secret},
                    {"poll_seconds": 1},
                ),
                {
                    "ACME": Connection("rest", {"base_url": http_url, "api_key": http.api_key}, fast),
                    "NOVA": Connection("sftp", {**sftp.config(), "settle_seconds": 0}, fast),
                },
                PERSON,
            )
            await at_once(1)
            # Connected long ago, so that what the store has counts as placed since.
            await db.run("UPDATE channels SET created_at = ?", clock.micros(datetime(2021, 1, 1, tzinfo=UTC)))
            try:
                yield World(store, http, sftp, shop)
            finally:
                await catalog.close_connectors()
    finally:
        await http.stop()
        await store.stop()
