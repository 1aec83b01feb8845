"""A demo Walmart, connectors to it, and Walmart's own description of what goes between them."""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from engine.connectors.channels.walmart.connector import Config, Connector
from engine.demo.channels.base import Sale, SaleLine
from engine.demo.channels.walmart import WalmartSim
from engine.ports import ChannelOrder, Parcel
from tests.support.described import Described
from tests.support.specs import spec

SERVER = "https://marketplace.walmartapis.com"
SHIPPED = datetime(2026, 11, 20, 15, 0, 0, 123_000, tzinfo=UTC)


@pytest.fixture
async def sim() -> AsyncIterator[WalmartSim]:
    sim = WalmartSim(seed=5, late=3.0, retry_after=0.1)
    await sim.start()
    yield sim
    await sim.stop()


@pytest.fixture
async def connect(sim: WalmartSim) -> AsyncIterator[Callable[..., Connector]]:
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
    """Walmart's description, made to mean what its own examples and guides say.

    Its two files name headers that no operation refers to; they are required of each here. Shipping, and every answer, refer
    to the lines of refunds where lines of shipments and of orders are described and meant (as its examples show). One order
    is answered wrapped as the others are; its date is a number everywhere else.
    """
    orders = msgspec.json.decode(spec("walmart/us_mp_orders.json").read_bytes())
    auth = msgspec.json.decode(spec("walmart/us_mp_auth.json").read_bytes())
    schemas = orders["components"]["schemas"]
    schemas["OrderShipmentRecord"]["properties"]["orderLines"]["$ref"] = "#/components/schemas/ShippingLinesType"
    schemas["GetOrderResponseRecord"]["properties"]["orderLines"]["$ref"] = "#/components/schemas/OrderLinesType"
    one = orders["paths"]["/v3/orders/{purchaseOrderId}"]["get"]["responses"]["200"]["content"]["application/json"]
    one["schema"] = {"$ref": "#/components/schemas/GetOrderResponse"}
    everything = copy.deepcopy(orders)
    everything["paths"] |= auth["paths"]
    everything["components"]["schemas"] |= auth["components"]["schemas"]
    everything["security"] = []
    for path, operations in everything["paths"].items():
        own = "authorization" if path == "/v3/token" else "accessToken"
        for operation in operations.values():
            operation["security"] = []  # "bearer" there; its text and all its examples say WM_SEC.ACCESS_TOKEN
            headers = [
                {"$ref": f"#/components/parameters/{name}"} for name in (own, "correlationId", "svcName", "accept")
            ]
            operation["parameters"] = [*operation.get("parameters", ()), *headers]
    return Described(everything, SERVER, skip=lambda path: path == "/v3/items")
