"""A demo eBay, and connectors to it. What they say to each other is held against eBay's description, where that is at hand."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from engine.connectors.channels.ebay.connector import Config, Connector
from engine.demo.channels.base import Exchange, Sale, SaleLine
from engine.demo.channels.ebay import DemoEbay
from engine.ports import Parcel
from tests.support.operations import operations
from tests.support.specs import FOLDER

SPEC = "ebay/sell_fulfillment_v1_oas3.json"
Connect = Callable[..., Connector]


@pytest.fixture
async def said() -> list[Exchange]:
    return []


@pytest.fixture
async def ebay(said: list[Exchange]) -> AsyncIterator[DemoEbay]:
    sim = DemoEbay(seed=5, late=3.0)
    sim.heard.append(said.append)
    await sim.start()
    yield sim
    await sim.stop()
    path = FOLDER / SPEC
    if path.exists():
        known = operations(path)
        for one in said[:40]:
            assert not known.name(one) or known.check(one) == ("", ""), known.check(one)


@pytest.fixture
async def connect(ebay: DemoEbay) -> AsyncIterator[Connect]:
    made = []

    def make(**changes: Any) -> Connector:
        values: dict[str, Any] = {**ebay.settings(), **ebay.secrets(), "timeout": 60.0, **changes}
        made.append(Connector(Config(**values)))
        return made[-1]

    yield make
    for connector in made:
        await connector.close()


def sale(*lines: tuple[str, int], **more: Any) -> Sale:
    return Sale(lines=tuple(SaleLine(sku, pieces) for sku, pieces in lines or (("BB-MUG-01", 1),)), **more)


def parcel(ebay: DemoEbay, order_id: str, number: str = "1Z999AA10123456784", **changes: Any) -> Parcel:
    """All of the order in one parcel by UPS."""
    lines = tuple((line["lineItemId"], line["quantity"]) for line in ebay.orders[order_id]["lineItems"])
    values: dict[str, Any] = {
        "key": f"bb-{number}", "order_external_id": order_id, "carrier": "ups", "carrier_name": "UPS",
        "tracking_number": number, "tracking_url": "", "service": "Ground", "shipped_at": ebay.moment(), "lines": lines,
        "last": True,
    }  # fmt: skip
    return Parcel(**{**values, **changes})
