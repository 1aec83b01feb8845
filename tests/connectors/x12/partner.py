"""mock-edi, which nobody here wrote, as the supplier: over a folder and over a real SFTP server, with the engine opposite.

https://github.com/rseufert/mock-edi (MIT, PyPI). It reads ``in`` and writes ``out`` of one directory, and behaves as told.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from mockedi.testing import Mock

from engine import clock, db
from engine.ports import ChannelLine, ChannelOrder, ChannelState, Page, Payment, Raw
from engine.services import catalog, intake, process, receive, setup, tasks
from engine.services.receive import Heard
from tests.support.desk import HOME, PERSON, ScriptedChannel, at_once

US, THEM = "ACME", "MOCKEDI"
PRODUCTS = {  # their SKU: ours, its cost in cents, its price; all but the last are in their catalogue
    "WIDGET-001": ("W-BLUE", 1250, 2900),
    "GEAR-100": ("GEAR", 890, 1900),
    "PANEL-A3": ("PANEL", 12450, 19900),
    "CABLE-2M": ("CABLE", 350, 990),  # they ask 3.95
    "NOPE-1": ("NOPE", 500, 1500),
}
SETTINGS: dict[str, Any] = {
    "sender_id": US, "receiver_id": THEM, "test": True, "settle_seconds": 0, "orders_dir": "in", "answers_dir": "out",
    # Its dictionary has the commonly traded core of each set: no TD5 in an 850. Its guide is what the settings follow.
    "shipping_in": "ref", "notes": False,
}  # fmt: skip


class Trade:
    """The two sides, and short words for what tests do."""

    def __init__(self, mock: Mock, root: Path, supplier_id: int, channel_id: int, channel: ScriptedChannel) -> None:
        self.mock, self.root, self.supplier_id, self.channel_id = mock, root, supplier_id, channel_id
        self.channel = channel

    async def order(self, number: str, *lines: tuple[str, int]) -> int:
        """An order of (our SKU, pieces) was pulled; its id."""
        placed = clock.now().replace(microsecond=0) - timedelta(hours=1)
        prices = {ours: price for ours, _, price in PRODUCTS.values()}
        order = ChannelOrder(
            external_id=number, number=number, state=ChannelState.OPEN, payment=Payment.PAID, placed_at=placed,
            updated_at=placed, currency="USD", total=sum(prices[sku] * n for sku, n in lines),
            lines=tuple(ChannelLine(f"{number}.{at}", sku, sku, n, prices[sku]) for at, (sku, n) in enumerate(lines, 1)),
            ship_to=HOME, email="ada@example.com", shipping_rate="Free Shipping",
        )  # fmt: skip
        row = (await catalog.channels())[self.channel_id]
        page = Page(items=(Raw(number, msgspec.json.encode(order)),))
        await intake.take_page(row, self.channel, page, PERSON)  # type: ignore[arg-type]
        return int(await db.value("SELECT id FROM orders WHERE number = ?", number))

    async def send(self, *order_ids: int) -> None:
        """The orders are processed and their purchase orders delivered."""
        outcomes = await process.process(order_ids, PERSON, undo_seconds=0)
        assert all(outcome.done for outcome in outcomes), outcomes
        await tasks.drain()

    def theirs(self) -> list[dict[str, Any]]:
        """Their side reads what lies in its directory, and says what it made of each file."""
        found = self.mock.expect("POST", "/_mock/drop/scan")
        return list(found["files"] if isinstance(found, dict) and "files" in found else found.get("scanned", []))

    async def hear(self) -> Heard:
        """We read what they wrote, and do what follows."""
        heard = await receive.poll(self.supplier_id, PERSON)
        await tasks.drain()
        return heard

    async def talk(self, rounds: int = 4) -> None:
        """Both sides go on until neither has anything to say."""
        for _ in range(rounds):
            self.theirs()
            self.mock.advance(everything=True)
            heard = await self.hear()
            if not (heard.applied or heard.known or heard.parked) and not list((self.root / "in").glob("*.edi")):
                return

    async def state(self, po_number: str) -> str:
        """The purchase order's state."""
        return str(await db.value("SELECT state FROM purchase_orders WHERE po_number = ?", po_number))

    async def status(self, order_id: int) -> str:
        """The order's status."""
        return str(await db.value("SELECT status FROM orders WHERE id = ?", order_id))

    async def issues(self) -> list[tuple[str, str]]:
        """The open Issues: code and message."""
        found = await db.rows("SELECT code, message FROM issues WHERE closed_at IS NULL ORDER BY id")
        return [(str(r[0]), str(r[1])) for r in found]

    async def parked(self) -> list[str]:
        """Why payloads are parked."""
        found = await db.rows("SELECT reason FROM inbound_messages WHERE state = 'parked' ORDER BY id")
        return [str(r[0]) for r in found]

    async def book(self, order_id: int) -> str:
        """What the supplier said, from the order's blue book."""
        found = await db.rows(
            "SELECT tag, message FROM audit_events WHERE order_id = ? AND tag LIKE 'supplier:%' ORDER BY seq", order_id
        )
        return "\n".join(f"{r[0]}: {r[1]}" for r in found)

    def acknowledged(self) -> list[dict[str, Any]]:
        """The documents of theirs that our 997s did not answer yet."""
        return list(self.mock.unacknowledged())


@asynccontextmanager
async def trade(
    monkeypatch: pytest.MonkeyPatch, root: Path, connection: dict[str, Any], *, behaviour: str = "strict", **delays: int
) -> AsyncIterator[Trade]:
    """mock-edi on ``root``, and a supplier connected to it by ``connection``. Needs an open database."""
    (root / "in").mkdir(parents=True, exist_ok=True)
    (root / "out").mkdir(exist_ok=True)
    with Mock.start(
        drop_dir=str(root / "in"), pickup_dir=str(root / "out"), drop_settle_ms=0, drop_interval_ms=3_600_000, **delays
    ) as mock:
        mock.behaviour(US, behaviour)
        try:
            yield await connected(monkeypatch, mock, root, {**SETTINGS, **connection})
        finally:
            await catalog.close_connectors()


async def connected(monkeypatch: pytest.MonkeyPatch, mock: Mock, root: Path, settings: dict[str, Any]) -> Trade:
    """A shop whose one supplier is connected by these settings, with the products mock-edi has."""
    channel = ScriptedChannel()
    woo = {"url": "http://127.0.0.1:9", "consumer_key": "k", "consumer_secret": "s"}
    shop = await setup.add_channel("Shop", "woocommerce", woo, PERSON, poll_seconds=0, rescan_seconds=0)
    supplier = await setup.add_supplier("MOCK", "Mock EDI", "x12", settings, PERSON, poll_seconds=0)
    for theirs, (ours, cost, _) in PRODUCTS.items():
        await setup.add_product(ours, f"A {ours.lower()}", PERSON)
        await setup.add_offer(supplier.id, ours, theirs, cost, PERSON, stock=100_000)
        await setup.map_sku(shop.id, ours, {ours: 1}, PERSON, title=ours, recheck=False)
    await setup.add_method(supplier.id, "UPSN-GND", "UPS Ground", PERSON)
    await setup.map_shipping(shop.id, "Free Shipping", supplier.id, "UPSN-GND", PERSON, recheck=False)
    await at_once()

    async def _channel(_: int) -> Any:
        return channel

    monkeypatch.setattr(catalog, "channel", _channel)
    return Trade(mock, root, supplier.id, shop.id, channel)


def sets(root: Path, *places: str) -> Sequence[str]:
    """The names of the files in these directories, sorted."""
    return sorted(path.name for place in places for path in (root / place).iterdir() if path.is_file())
