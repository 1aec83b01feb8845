"""A demo BigCommerce store, connectors to it, and BigCommerce's own description of what goes between them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
import yaml

from engine.connectors.channels.bigcommerce.connector import Config, Connector
from engine.demo.channels.base import Sale, SaleLine
from engine.demo.channels.bigcommerce import BigCommerceSim
from engine.ports import ChannelOrder, Parcel
from tests.support.described import Described
from tests.support.specs import spec

SHIPPED = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)


@pytest.fixture
async def sim() -> AsyncIterator[BigCommerceSim]:
    sim = BigCommerceSim(seed=5, late=3.0, retry_after=0.1)
    await sim.start()
    yield sim
    await sim.stop()


@pytest.fixture
async def connect(sim: BigCommerceSim) -> AsyncIterator[Callable[..., Connector]]:
    made: list[Connector] = []

    def make(**settings: Any) -> Connector:
        values = {**sim.settings(), **sim.secrets(), **settings}
        made.append(Connector(Config(**values)))
        return made[-1]

    yield make
    for connector in made:
        await connector.close()


@pytest.fixture
def connector(connect: Callable[..., Connector]) -> Connector:
    return connect()


def sale(*lines: tuple[str, int], **fields: Any) -> Sale:
    return Sale(lines=tuple(SaleLine(sku, quantity) for sku, quantity in lines), **fields)


def parcel(order: str, *lines: tuple[str, int], number: str = "1Z0001", **fields: Any) -> Parcel:
    values: dict[str, Any] = {
        "key": f"bb-{number}",
        "order_external_id": order,
        "carrier": "ups",
        "carrier_name": "UPS",
        "tracking_number": number,
        "tracking_url": f"https://www.ups.com/track?tracknum={number}",
        "service": "Ground",
        "shipped_at": SHIPPED,
        "lines": lines,
        "last": False,
    }
    return Parcel(**(values | fields))


async def now(connector: Connector, external_id: str) -> ChannelOrder:
    [raw] = (await connector.pull_ids([external_id])).items
    return connector.read(raw)


@pytest.fixture(scope="session")
def described() -> Described:
    """BigCommerce's description of v2 orders, its choices between a link to something and the thing itself decided.

    Neither of the two requires a field, so that whatever is there is both, and "one of" them can never be said: what is asked
    to be included is the thing. That nothing (204) is answered where there is nothing is said of most lists, and holds for all.
    """
    with spec("bigcommerce/orders.v2.oas2.yml").open("rb") as file:
        document = yaml.load(file, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    schemas = document["components"]["schemas"]
    schemas["order_RespOnly"]["properties"]["consignments"] = {"$ref": "#/components/schemas/orderConsignment_Get"}
    for part in ("pickupConsignment_Get", "shippingConsignment_Get", "digitalConsignment_Get"):
        for schema in [schemas[part], *schemas[part].get("allOf", ())]:
            if "line_items" in schema.get("properties", {}):
                lines = {"type": "array", "items": {"$ref": "#/components/schemas/orderProducts"}}
                schema["properties"]["line_items"] = lines
    for path in ("/orders", "/orders/{order_id}/shipments"):
        document["paths"][path]["get"]["responses"]["204"] = {"description": "nothing there"}
    return Described(document, "https://api.bigcommerce.com", skip=lambda path: "/v3/" in path)
