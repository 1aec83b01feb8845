"""A demo Amazon, connectors to it, and a check of every exchange against Amazon's own models."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from engine.connectors.channels.amazon.connector import Connector
from engine.demo.channels.amazon import AmazonSim
from engine.demo.channels.base import Exchange, Sale, SaleLine
from engine.ports import ChannelOrder, Page, Parcel
from tests.connectors.amazon import models

UNMODELLED = (
    "/auth/",
    "/documents/",
    "/feeds/",
    "/listings/",
    "/sellers/",
)  # what there is no model of beside this checkout
Connect = Callable[..., Connector]


@pytest.fixture
async def start() -> AsyncIterator[Callable[..., Any]]:
    """Starts demo Amazons; they are stopped afterwards, and all they heard and said has to be valid by Amazon's models.

    (Where those are not beside this checkout that is left out; the tests in test_models.py, which are about nothing else, are
    skipped there.)
    """
    running: list[AmazonSim] = []
    heard: list[Exchange] = []

    async def begin(**options: Any) -> AmazonSim:
        sim = AmazonSim(**{"seed": 5, "late": 3.0} | options)
        if models.there():
            sim.heard.append(heard.append)
        await sim.start()
        running.append(sim)
        return sim

    yield begin
    for sim in running:
        await sim.stop()
    modelled = [said for said in heard if not any(part in said.url for part in UNMODELLED)]
    assert [problem for said in modelled for problem in models.problems(said)] == []


@pytest.fixture
async def sim(start: Callable[..., Any]) -> AmazonSim:
    made: AmazonSim = await start()
    return made


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    """Makes connectors to a demo Amazon; they are closed afterwards."""
    made = []

    def make(sim: AmazonSim, **settings: Any) -> Connector:
        made.append(Connector(Connector.config_type(**(sim.settings() | sim.secrets() | settings))))
        return made[-1]

    yield make
    for connector in made:
        await connector.close()


def sale(*lines: tuple[str, int], **fields: Any) -> Sale:
    """A sale of these (SKU, pieces)."""
    return Sale(lines=tuple(SaleLine(sku, pieces) for sku, pieces in lines or (("MUG", 1),)), **fields)


async def walk(connector: Connector, since: datetime | None = None) -> list[str]:
    """The ids that a whole walk gives, in its order."""
    found: list[str] = []
    cursor = None
    for _ in range(200):
        page = await connector.pull(since, cursor)
        found += [raw.external_id for raw in page.items]
        cursor = page.next
        if cursor is None:
            return found
    raise AssertionError("the walk does not end")


async def reread(connector: Connector, external_id: str) -> ChannelOrder:
    """The order as it is now."""
    page: Page = await connector.pull_ids([external_id])
    return connector.read(page.items[0])


def parcel(order: ChannelOrder, key: str = "bb-1", **fields: Any) -> Parcel:
    """All that is open of the order, by UPS."""
    lines = tuple((line.external_id, line.quantity - line.canceled - line.shipped) for line in order.lines)
    values: dict[str, Any] = {
        "key": key, "order_external_id": order.external_id, "carrier": "ups", "carrier_name": "UPS",
        "tracking_number": f"1Z-{key}", "tracking_url": "", "service": "Ground", "shipped_at": datetime.now(UTC),
        "lines": lines, "last": True,
    }  # fmt: skip
    return Parcel(**(values | fields))
