"""An order's whole life: bought at the demo Walmart, shipped by two suppliers, charged there parcel by parcel."""

from __future__ import annotations

from datetime import timedelta

from engine.demo.channels.base import ChannelFault, Sale, SaleLine
from engine.demo.channels.walmart import WalmartSim
from engine.services import tasks
from tests.support.channel_life import life


async def test_an_order_is_pulled_acknowledged_shipped_and_told(sqlite_database: str) -> None:
    sim = WalmartSim(seed=9)
    async with life(sim, ["Standard"]) as at:
        lines = (SaleLine("BB-MUG-01", 3), SaleLine("BB-TEA-01", 2, 990), SaleLine("BB-KIT-TEATIME", 1, 2290))
        long_ago = sim.moment() - timedelta(days=9)
        external_id, order_id = await at.pulled(Sale(lines=lines, placed_at=long_ago))
        await tasks.drain()
        assert sim.acknowledged(external_id)
        assert sim.charged(external_id) == 0
        sim.script("shipping", ChannelFault.DENY, ChannelFault.THROTTLE)
        await at.shipped(order_id)
        assert sim.state(external_id) == "shipped"
        assert sim.charged(external_id) == sum(line.unit_price * line.quantity for line in lines)
        told = {parcel.tracking_number for parcel in sim.parcels(external_id)}
        assert told <= await at.numbers(order_id)
        pieces: dict[str, int] = {}
        for parcel in sim.parcels(external_id):
            for sku, quantity in parcel.lines.items():
                pieces[sku] = pieces.get(sku, 0) + quantity
        assert pieces == {"BB-MUG-01": 3, "BB-TEA-01": 2, "BB-KIT-TEATIME": 1}
