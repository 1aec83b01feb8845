"""An order's whole life: bought in the demo store, shipped by two suppliers, its parcels mailed to the customer."""

from __future__ import annotations

from engine import clock, db
from engine.demo.channels.base import ChannelFault, Sale, SaleLine
from engine.demo.channels.bigcommerce import BigCommerceSim
from engine.services import hooks, tasks
from engine.services.hooks import Arrived
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


async def test_a_webhook_brings_what_changed_without_a_poll(sqlite_database: str) -> None:
    sim = BigCommerceSim(seed=9)
    async with life(sim, []) as at:
        external_id, order_id = await at.pulled(Sale(lines=(SaleLine("BB-MUG-01", 3),)))
        await db.run("UPDATE schedules SET next_at = ?", clock.micros(clock.now()) + 10**12)
        sim.touch(external_id, note="Ring twice")
        before = sim.counts["orders"]
        call = sim.webhook(external_id)
        for _ in range(2):  # as BigCommerce does where it hears no answer
            hook = await hooks.verify("channel", at.shop.channel_id, *call)
            await hooks.keep([Arrived("channel", at.shop.channel_id, hook, call[1])])
        await tasks.drain()
        assert await db.value("SELECT note FROM orders WHERE id = ?", order_id) == "Ring twice"
        assert (sim.counts["orders"], sim.counts["order"]) == (before, 1)
