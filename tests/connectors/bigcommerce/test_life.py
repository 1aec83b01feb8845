"""An order's whole life: bought in the demo store, shipped by two suppliers, its parcels mailed to the customer."""

from __future__ import annotations

from engine.demo.channels.base import ChannelFault, Sale, SaleLine
from engine.demo.channels.bigcommerce import BigCommerceSim
from tests.support.channel_life import life


async def test_an_order_is_pulled_shipped_and_told(sqlite_database: str) -> None:
    sim = BigCommerceSim(seed=9)
    async with life(sim, []) as at:
        lines = (SaleLine("BB-MUG-01", 3), SaleLine("BB-TEA-01", 2, 990), SaleLine("BB-KIT-TEATIME", 1, 2290))
        external_id, order_id = await at.pulled(Sale(lines=lines, rate="Free Shipping"))
        sim.script("ship", ChannelFault.THROTTLE)
        await at.shipped(order_id)
        assert sim.state(external_id) == "shipped"
        told = {parcel.tracking_number for parcel in sim.parcels(external_id)}
        assert told <= await at.numbers(order_id)
        pieces: dict[str, int] = {}
        for parcel in sim.parcels(external_id):
            for sku, quantity in parcel.lines.items():
                pieces[sku] = pieces.get(sku, 0) + quantity
        assert pieces == {"BB-MUG-01": 3, "BB-TEA-01": 2, "BB-KIT-TEATIME": 1}
        mailed = [number for _, numbers in sim.orders[int(external_id)].mails for number in numbers]
        assert sorted(mailed) == sorted(told)
