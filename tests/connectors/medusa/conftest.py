"""A demo Medusa store and connectors to it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from engine.connectors.channels.medusa.connector import Config, Connector
from engine.demo.channels.base import Sale, SaleLine
from engine.demo.channels.medusa import MedusaSim
from engine.ports import ChannelOrder, Parcel

LAMP, MUG, TEA = "BB-LAMP-01", "BB-MUG-01", "BB-TEA-01"
Connect = Callable[..., Connector]


@pytest.fixture
async def sim() -> AsyncIterator[MedusaSim]:
    sim = MedusaSim(seed=3, late=0.3, retry_after=1)
    await sim.start()
    yield sim
    await sim.stop()


@pytest.fixture
async def connect(sim: MedusaSim) -> AsyncIterator[Connect]:
    made: list[Connector] = []

    def make(**settings: Any) -> Connector:
        made.append(Connector(Config(**{**sim.settings(), **sim.secrets(), "timeout": 60.0, **settings})))
        return made[-1]

    yield make
    for connector in made:
        await connector.close()


@pytest.fixture
def connector(connect: Connect) -> Connector:
    return connect()


def sale(*lines: tuple[str, int], **fields: Any) -> Sale:
    return Sale(lines=tuple(SaleLine(sku, quantity) for sku, quantity in lines), **fields)


def parcel(order: ChannelOrder, number: str, *lines: tuple[str, int], **fields: Any) -> Parcel:
    """A parcel of (SKU, pieces)."""
    ids = {line.sku: line.external_id for line in order.lines}
    values: dict[str, Any] = {
        "key": f"parcel-{number}", "order_external_id": order.external_id, "carrier": "ups", "carrier_name": "UPS",
        "tracking_number": number, "tracking_url": f"https://www.ups.com/track?tracknum={number}", "service": "Ground",
        "shipped_at": datetime.now(UTC), "lines": tuple((ids[sku], pieces) for sku, pieces in lines), "last": False,
    }  # fmt: skip
    return Parcel(**{**values, **fields})


async def now_says(connector: Connector, external_id: str) -> ChannelOrder:
    [raw] = (await connector.pull_ids([external_id])).items
    return connector.read(raw)


def pieces(order: ChannelOrder) -> dict[str, tuple[int, int, int]]:
    """By SKU: ordered, canceled, shipped."""
    return {line.sku: (line.quantity, line.canceled, line.shipped) for line in order.lines}
