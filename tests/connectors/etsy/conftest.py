"""A demo Etsy, and connectors to it. What they say to each other is held against Etsy's description, where that is at hand."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from engine.connectors.channels.etsy.connector import Config, Connector
from engine.demo.channels.base import Exchange, Sale, SaleLine
from engine.demo.channels.etsy import DemoEtsy
from engine.ports import Parcel
from engine.transports.throttle import Bucket
from tests.support.operations import operations
from tests.support.specs import FOLDER

SPEC = "etsy/oas_baseline.json"
Connect = Callable[..., Connector]


class Unhurried:
    """Stands for the buckets: nobody waits, and what was taken and told is kept."""

    def __init__(self) -> None:
        self.taken: list[Bucket] = []
        self.heard: list[tuple[str, float]] = []

    async def take(self, bucket: Bucket, cost: float = 1.0) -> None:
        self.taken.append(bucket)

    async def told(self, bucket: Bucket, left: float) -> None:
        self.heard.append((bucket.name, left))


@pytest.fixture
async def said() -> list[Exchange]:
    return []


@pytest.fixture
async def etsy(said: list[Exchange]) -> AsyncIterator[DemoEtsy]:
    sim = DemoEtsy(seed=5, late=3.0)
    sim.heard.append(said.append)
    await sim.start()
    yield sim
    await sim.stop()
    path = FOLDER / SPEC
    if path.exists():
        known = operations(path)
        for one in said[:30]:
            assert not known.name(one) or known.check(one) == ("", ""), known.check(one)


@pytest.fixture
async def connect(etsy: DemoEtsy) -> AsyncIterator[Connect]:
    made = []

    def make(**changes: Any) -> Connector:
        values: dict[str, Any] = {**etsy.settings(), **etsy.secrets(), "timeout": 60.0, **changes}
        made.append(Connector(Config(**values)))
        made[-1].throttle = Unhurried()
        return made[-1]

    yield make
    for connector in made:
        await connector.close()


def sale(*lines: tuple[str, int], **more: Any) -> Sale:
    return Sale(lines=tuple(SaleLine(sku, pieces) for sku, pieces in lines or (("BB-MUG-01", 1),)), **more)


def parcel(order_id: str, number: str = "1Z999AA10123456784", **changes: Any) -> Parcel:
    """A parcel of the order by UPS."""
    values: dict[str, Any] = {
        "key": f"bb-{number}", "order_external_id": order_id, "carrier": "ups", "carrier_name": "UPS",
        "tracking_number": number, "tracking_url": "", "service": "Ground", "shipped_at": None, "lines": (), "last": True,
    }  # fmt: skip
    return Parcel(**{**values, **changes})


async def walk(connector: Connector, since: Any = None) -> list[str]:
    """The ids a whole walk gives, in its order."""
    found: list[str] = []
    cursor = None
    for _ in range(200):
        page = await connector.pull(since, cursor)
        found += [raw.external_id for raw in page.items]
        cursor = page.next
        if cursor is None:
            return found
    raise AssertionError("the walk does not end")
