"""A process that takes in orders at a steady rate, as a worker does: ``python -m tests.bench.writing URL RATE``."""

from __future__ import annotations

import asyncio
import sys
import time

from engine import db
from engine.demo import catalogue
from engine.demo.store import DemoStore
from engine.services import catalog, intake, setup
from engine.services.lifecycle import Actor

BY = Actor("bench", "worker")
STEP = 0.5
SKU = "BB-MUG-01"


async def _furnish(store: dict[str, str]) -> int:
    """A channel and a supplier of this process's own, beside whatever is there; the channel's id."""
    mine = f"bench{time.time():.0f}"
    channel = await setup.add_channel(mine, "woocommerce", store, BY, same_account=True)
    supplier = await setup.add_supplier(mine, mine, "rest", {"base_url": "http://127.0.0.1:1", "api_key": "k"}, BY)
    await setup.add_product(mine, "Mug", BY)
    await setup.add_offer(supplier.id, mine, mine, 500, BY, stock=10_000_000)
    await setup.map_sku(channel.id, SKU, {mine: 1}, BY, recheck=False)
    await setup.add_method(supplier.id, "GROUND", "Ground", BY)
    for rate in catalogue.SHIPPING_RATES:
        await setup.map_shipping(channel.id, rate, supplier.id, "GROUND", BY, recheck=False)
    return channel.id


async def main(url: str, rate: int) -> None:
    """Runs until it is killed: every half second so many orders are pulled from a store that is there."""
    store = DemoStore(seed=5)
    base = await store.start()
    async with db.database(url):
        channel_id = await _furnish({"url": base, "consumer_key": store.key, "consumer_secret": store.secret})
        channel, connector = (await catalog.channels())[channel_id], await catalog.channel(channel_id)
        due = time.monotonic()
        while True:
            placed = store.place(max(int(rate * STEP), 1), skus=[SKU])
            page = await connector.pull_ids([str(number) for number in placed])
            await intake.take_page(channel, connector, page, BY)
            due = max(due + STEP, time.monotonic())
            await asyncio.sleep(due - time.monotonic())


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
