"""The demo's shop: the catalogue of ``engine.demo.catalogue``, set up through the same services a person would use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from engine.demo import catalogue
from engine.services import setup
from engine.services.lifecycle import Actor


class Shop(msgspec.Struct, frozen=True):
    """The ids of what was set up; ``suppliers`` by code."""

    channel_id: int
    suppliers: dict[str, int]


class Connection(msgspec.Struct, frozen=True):
    """Which connector, with which settings and options."""

    connector: str
    settings: dict[str, Any]
    options: dict[str, Any] = msgspec.field(default_factory=dict)


async def furnish(
    channel: Connection, suppliers: Mapping[str, Connection], by: Actor, *, name: str = "Demo store"
) -> Shop:
    """The channel, both suppliers, every product, offer, method and mapping of the catalogue are in the database."""
    made = await setup.add_channel(name, channel.connector, channel.settings, by, **channel.options)
    ids: dict[str, int] = {}
    for code, supplier in suppliers.items():
        row = await setup.add_supplier(code, code, supplier.connector, supplier.settings, by, **supplier.options)
        ids[code] = row.id
    for product in catalogue.PRODUCTS:
        await setup.add_product(product.sku, product.title, by)
    for offer in catalogue.OFFERS:
        await setup.add_offer(
            ids[offer.supplier],
            offer.sku,
            offer.supplier_sku,
            offer.cost,
            by,
            stock=offer.stock,
            priority=offer.priority,
        )
    for listing in catalogue.LISTINGS:
        await setup.map_sku(made.id, listing.sku, dict(listing.components), by, title=listing.title, recheck=False)
    await map_shipping(made.id, ids, by)
    return Shop(made.id, ids)


async def map_shipping(channel_id: int, suppliers: Mapping[str, int], by: Actor) -> None:
    """Every rate of the store goes by a method of each supplier: the faster one for Express, the plain one otherwise."""
    for code, supplier_id in suppliers.items():
        methods = [method for method in catalogue.METHODS if method.supplier == code]
        for method in methods:
            await setup.add_method(supplier_id, method.code, method.name, by)
        for rate in catalogue.SHIPPING_RATES:
            chosen = methods[-1] if rate == "Express" else methods[0]
            await setup.map_shipping(channel_id, rate, supplier_id, chosen.code, by, recheck=False)
