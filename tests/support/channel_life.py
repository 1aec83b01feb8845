"""A demo channel, two HTTP suppliers and the engine between them, for one order's whole life."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from engine import clock, db
from engine.demo.channels.base import ChannelSim, Sale
from engine.demo.shop import Connection, Shop, furnish
from engine.demo.supplier_desk import Behaviour
from engine.demo.supplier_http import DemoHttpSupplier
from engine.services import catalog, intake, process, setup, tasks
from engine.services.lifecycle import Actor
from tests.support.desk import at_once

DANA = Actor("dana", "person", "test")


class Life:
    """The parts, and short words for what a test does with them."""

    def __init__(self, sim: ChannelSim, shop: Shop) -> None:
        self.sim, self.shop = sim, shop

    async def pulled(self, sale: Sale) -> tuple[str, int]:
        """It was bought and pulled; its id at the channel and ours."""
        external_id = self.sim.place(sale)
        await intake.poll(self.shop.channel_id, DANA)
        found = await db.value("SELECT id FROM orders WHERE external_id = ?", external_id)
        assert found is not None, await db.rows("SELECT outcome, message FROM inbound_messages")
        return external_id, int(found)

    async def shipped(self, order_id: int) -> None:
        """It is processed, the suppliers ship it, and all is told and read back."""
        [outcome] = await process.process([order_id], DANA, undo_seconds=0)
        assert outcome.done, await db.rows("SELECT code, message FROM issues WHERE order_id = ?", order_id)

        async def completed() -> bool:
            return await db.value("SELECT status FROM orders WHERE id = ?", order_id) == "completed"

        with contextlib.suppress(TimeoutError):
            await tasks.drain(completed, timeout=90)
        pushes = await db.rows("SELECT push, message FROM shipments WHERE order_id = ?", order_id)
        assert await completed(), [tuple(r) for r in pushes]

    async def numbers(self, order_id: int) -> set[str]:
        """The tracking numbers we have of the order."""
        found = await db.rows("SELECT tracking_number FROM shipments WHERE order_id = ?", order_id)
        return {r[0] for r in found}


@asynccontextmanager
async def life(sim: ChannelSim, rates: Sequence[str]) -> AsyncIterator[Life]:
    """The channel runs and is connected, and so are ACME and NOVA, who ship at once. The database must be open."""
    suppliers = {code: DemoHttpSupplier(Behaviour(ship_after=0.05)) for code in ("ACME", "NOVA")}
    await sim.start()
    connections = {
        code: Connection("rest", {"base_url": await one.start(), "api_key": one.api_key}, {"poll_seconds": 1})
        for code, one in suppliers.items()
    }
    try:
        settings = {**sim.settings(), **sim.secrets()}
        shop = await furnish(Connection(sim.slug, settings, {"poll_seconds": 1}), connections, DANA)
        for rate in rates:
            for supplier in shop.suppliers.values():
                method = await db.value("SELECT code FROM shipping_methods WHERE supplier_id = ? ORDER BY id", supplier)
                await setup.map_shipping(shop.channel_id, rate, supplier, str(method), DANA, recheck=False)
        await at_once(1)
        # Connected long ago, so that what the channel has counts as placed since.
        await db.run("UPDATE channels SET created_at = ?", clock.micros(datetime(2021, 1, 1, tzinfo=UTC)))
        yield Life(sim, shop)
    finally:
        await catalog.close_connectors()
        for one in suppliers.values():
            await one.stop()
        await sim.stop()
