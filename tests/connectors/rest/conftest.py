"""Purchases to send, and a supplier that answers whatever a test wants and keeps what it was asked."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from aiohttp import web

from engine.connectors.registry import configure
from engine.connectors.suppliers.rest.connector import Connector
from engine.ports import Address, Purchase, PurchaseLine

KEY = "k-123"


class Asked(msgspec.Struct):
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Scripted:
    """Answers the requests in turn with (status, body) and keeps them in ``asked``."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, Any]] = []
        self.asked: list[Asked] = []
        self.url = ""

    async def handle(self, request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.asked.append(Asked(request.method, request.raw_path, headers, await request.read()))
        status, body = self.answers.pop(0)
        content = body if isinstance(body, bytes) else msgspec.json.encode(body)
        return web.Response(status=status, body=content, content_type="application/json")


def purchase(po_number: str = "1001-1", **changes: Any) -> Purchase:
    built = Purchase(
        po_number=po_number,
        order_number="1001",
        currency="USD",
        ship_to=Address(
            name="Ann Lee", line1="1 Main St", city="Austin", region="TX", postal_code="78701", country="US"
        ),
        method_code="UPS_GROUND",
        method_name="UPS Ground",
        placed_at=datetime(2025, 3, 1, 12, 0, tzinfo=UTC),
        lines=(
            PurchaseLine(line=1, supplier_sku="A-1", sku="BB-1", title="Lamp", quantity=3, unit_cost=1250),
            PurchaseLine(line=2, supplier_sku="A-2", sku="BB-2", title="Mug", quantity=1, unit_cost=305),
        ),
    )
    return msgspec.structs.replace(built, **changes)


def connector(url: str, key: str = KEY, **settings: Any) -> Connector:
    return Connector(configure(Connector, {"base_url": url, "api_key": key, "name": "Acme", "timeout": 60, **settings}))


@pytest.fixture
async def scripted() -> AsyncIterator[Scripted]:
    server = Scripted()
    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", server.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.05)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield server
    await runner.cleanup()


@pytest.fixture
def connected() -> Callable[..., AbstractAsyncContextManager[Connector]]:
    @asynccontextmanager
    async def opened(url: str, key: str = KEY, **settings: Any) -> AsyncIterator[Connector]:
        made = connector(url, key, **settings)
        try:
            yield made
        finally:
            await made.close()

    return opened
