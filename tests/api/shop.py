"""A shop with orders in many states, pushed into a channel of files: for what asks the API about everything."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from engine.demo.catalogue import LISTINGS
from engine.demo.shop import Connection, Shop, furnish
from engine.services import process, push, setup
from tests.support.scene import DANA

HEAD = (
    "order_number,placed_at,currency,sku,quantity,unit_price,shipping_rate,email,ship_name,ship_line1,ship_city,"
    "ship_region,ship_postal_code,ship_country\n"
)
BEGAN = datetime.now(UTC).replace(microsecond=0) - timedelta(days=3)
"""When the first of them was placed: none is so old that a person has to look at it."""


def row(
    number: str, sku: str, pieces: object = 1, minute: int = 0, rate: str = "Free Shipping", name: str = "Ada Reyes"
) -> str:
    """A line of an order, as CSV."""
    at = BEGAN + timedelta(minutes=minute)
    whose = f"{rate},{number.lower()}@example.com,{name},1 Maple Ave,Portland,OR,97205,US"
    return f"{number},{at:%Y-%m-%dT%H:%M:%SZ},USD,{sku},{pieces},12.50,{whose}\n"


async def open_shop(folder: Path) -> tuple[Shop, int]:
    """The shop, whose suppliers are not there, and the id of its channel of files, called Counter."""
    still = {"poll_seconds": 86_400}
    rest = Connection("rest", {"base_url": "http://127.0.0.1:9", "api_key": "never-shown"}, still)
    woo = {"url": "http://127.0.0.1:9", "consumer_key": "never-shown", "consumer_secret": "never-shown"}
    shop = await furnish(Connection("woocommerce", woo, still), {"ACME": rest, "NOVA": rest}, DANA)
    made = await setup.add_channel("Counter", "file", {"folder": str(folder)}, DANA, **still)
    for listing in LISTINGS:
        if listing.components:
            await setup.map_sku(made.id, listing.sku, dict(listing.components), DANA, recheck=False)
    for supplier in shop.suppliers.values():
        method = "UPS-GND" if supplier == shop.suppliers["ACME"] else None
        if method:
            await setup.map_shipping(made.id, "Free Shipping", supplier, method, DANA, recheck=False)
    return shop, int(made.id)


async def fill(channel_id: int, count: int = 12) -> list[int]:
    """So many orders, some of which wait for a person, some held; their ids."""
    skus = [listing.sku for listing in LISTINGS if listing.components]
    lines = [
        row(
            f"N-{n}",
            "NEVER-SEEN" if n % 4 == 3 else skus[n % len(skus)],
            1 + n % 3,
            n,
            "Sledge" if n % 5 == 4 else "Free Shipping",
        )
        for n in range(count)
    ]
    pushed = await push.take(channel_id, "orders.csv", (HEAD + "".join(lines)).encode(), DANA)
    assert pushed.new == count, pushed
    ids = [order.id for order in pushed.orders]
    await process.process(ids[:2], DANA, undo_seconds=86_400)
    return ids
