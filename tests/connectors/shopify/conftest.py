"""A demo Shopify store and connectors to it; it runs on Shopify's own description where that is beside this checkout."""

from __future__ import annotations

import gzip
import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from graphql import GraphQLSchema, build_client_schema

from engine.connectors.channels.shopify.connector import Config, Connector
from engine.demo.channels.base import Sale, SaleLine
from engine.demo.channels.shopify import ShopifySim
from engine.ports import ChannelOrder, Parcel
from tests.support.specs import FOLDER

SPEC = "shopify/admin_2026-10.json.gz"
MUG, TEA = "BB-MUG-01", "BB-TEA-01"


def described() -> GraphQLSchema:
    """The Admin API as Shopify describes it."""
    with gzip.open(FOLDER / SPEC) as file:
        introspection = json.load(file)
    return build_client_schema(introspection.get("data", introspection), assume_valid=True)


@pytest.fixture(scope="session")
def schema_there_is() -> GraphQLSchema | None:
    """Shopify's own schema; None for the demo store's part of it."""
    return described() if (FOLDER / SPEC).exists() else None


@pytest.fixture
async def sim(schema_there_is: GraphQLSchema | None) -> AsyncIterator[ShopifySim]:
    sim = ShopifySim(schema_of=schema_there_is)
    await sim.start()
    yield sim
    await sim.stop()


class Unhurried:
    """Nobody waits for points."""

    async def take(self, bucket: object, cost: float = 1.0) -> None:
        return None

    async def told(self, bucket: object, left: float) -> None:
        return None


@pytest.fixture
async def connect(sim: ShopifySim) -> AsyncIterator[Callable[..., Connector]]:
    made: list[Connector] = []

    def make(**settings: Any) -> Connector:
        made.append(Connector(Config(**{**sim.settings(), **sim.secrets(), "timeout": 60.0, **settings})))
        made[-1].throttle = Unhurried()
        return made[-1]

    yield make
    for connector in made:
        await connector.close()


def sell(sim: ShopifySim, *lines: tuple[str, int], **changes: Any) -> str:
    """Somebody buys these (SKU, pieces), two mugs where nothing is said; the order's id."""
    return sim.place(Sale(lines=tuple(SaleLine(*line) for line in lines or ((MUG, 2),)), **changes))


async def read(connector: Connector, external_id: str) -> ChannelOrder:
    """The order as it stands now."""
    (raw,) = (await connector.pull_ids([external_id])).items
    return connector.read(raw)


async def walk(connector: Connector, since: datetime | None = None) -> list[str]:
    """The ids a whole walk gives, in its order."""
    found: list[str] = []
    cursor = None
    while True:
        page = await connector.pull(since, cursor)
        assert page.rejected == ()
        found += [raw.external_id for raw in page.items]
        if page.next is None:
            return found
        assert page.next != cursor
        cursor = page.next


def parcel(order: ChannelOrder, tracking_number: str = "1Z999AA10123456784", **changes: Any) -> Parcel:
    """All that is open of the order in one parcel by UPS; ``mug`` and ``tea`` are the pieces of those instead."""
    asked = {sku: changes.pop(name) for name, sku in (("mug", MUG), ("tea", TEA)) if name in changes}
    lines = [
        (line.external_id, asked.get(line.sku, 0) if asked else line.quantity - line.canceled - line.shipped)
        for line in order.lines
    ]
    values: dict[str, Any] = {
        "key": f"bb-{tracking_number}", "order_external_id": order.external_id, "carrier": "ups", "carrier_name": "UPS",
        "tracking_number": tracking_number, "tracking_url": f"https://www.ups.com/track?tracknum={tracking_number}",
        "service": "Ground", "shipped_at": datetime(2026, 11, 3, 15, 0, tzinfo=UTC),
        "lines": tuple((line, pieces) for line, pieces in lines if pieces), "last": True,
    }  # fmt: skip
    return Parcel(**(values | changes))
