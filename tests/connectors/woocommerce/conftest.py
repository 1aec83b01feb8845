"""A demo store, connectors to it, and a peer that records what it is asked and answers what the test says."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web

from engine.connectors.channels.woocommerce.connector import Config, Connector
from engine.demo.store import DemoStore
from engine.ports import Parcel


@pytest.fixture
async def store() -> AsyncIterator[DemoStore]:
    store = DemoStore(seed=11)
    await store.start()
    yield store
    await store.stop()


@pytest.fixture
async def connect(store: DemoStore) -> AsyncIterator[Callable[..., Connector]]:
    made = []

    def make(**settings: Any) -> Connector:
        values = {"url": store.url, "consumer_key": store.key, "consumer_secret": store.secret} | settings
        made.append(Connector(Config(**values)))
        return made[-1]

    yield make
    for connector in made:
        await connector.close()


class Peer:
    """``asked`` has (method, path, query, headers, body) of each request; ``answers`` are (status, headers, body)."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, dict[str, str], dict[str, str], bytes]] = []
        self.answers: list[tuple[int, dict[str, str], bytes]] = []
        self.url = ""

    async def serve(self, request: web.BaseRequest) -> web.Response:
        body = await request.read()
        self.asked.append((request.method, request.path, dict(request.query), dict(request.headers), body))
        status, headers, content = self.answers.pop(0)
        return web.Response(status=status, headers=headers, body=content, content_type="application/json")


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    peer = Peer()
    runner = web.ServerRunner(web.Server(peer.serve))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    peer.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield peer
    await runner.cleanup()


def parcel(order_id: int | str, key: str = "shipment-1", *, last: bool = True, **fields: Any) -> Parcel:
    values: dict[str, Any] = {
        "key": key,
        "order_external_id": str(order_id),
        "carrier": "ups",
        "carrier_name": "UPS",
        "tracking_number": f"1Z-{key}",
        "tracking_url": f"https://www.ups.com/track?tracknum=1Z-{key}",
        "service": "Ground",
        "shipped_at": datetime(2026, 3, 4, 15, 0, tzinfo=UTC),
        "lines": (),
        "last": last,
    }
    return Parcel(**(values | fields))


async def walk(connector: Connector, since: datetime | None = None) -> list[str]:
    """The ids a whole walk gives, in its order."""
    found: list[str] = []
    cursor = None
    while True:
        page = await connector.pull(since, cursor)
        found += [raw.external_id for raw in page.items]
        if page.next is None:
            return found
        assert page.next != cursor
        cursor = page.next
