"""A channel and suppliers that do and say what a test tells them, in this process; the engine around them is real."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest

from engine import clock, db
from engine.demo.catalogue import BY_SKU
from engine.demo.shop import Connection, Shop, furnish
from engine.domain.addresses import Address
from engine.errors import BluebookError, Refused
from engine.ports import (
    Accepted,
    CancelAnswer,
    ChannelLine,
    ChannelOrder,
    ChannelParcel,
    ChannelState,
    Page,
    Parcel,
    Payment,
    Purchase,
    Raw,
    SupplierUpdate,
    UpdateKind,
    UpdateLine,
)
from engine.services import catalog, inbox, intake, process, receive, tasks
from engine.services.intake import Pulled
from engine.services.lifecycle import Actor
from engine.services.receive import Heard

PERSON = Actor("dana", "person", "test")
HOME = Address(
    name="Ada Lovelace", line1="12 Example Street", city="Boston", region="MA", postal_code="02108", country="US"
)


class ScriptedChannel:
    """Counts only whole pieces, as Vendure does, and knows parcels by their number. ``trouble`` is raised by pushes.

    ``one_number``: it shows one number a piece, as Walmart does.
    """

    def __init__(self) -> None:
        self.parcels: list[Parcel] = []
        self.trouble: BluebookError | None = None
        self.one_number = False
        self.blind = False  # takes parcels and never shows them
        self.pushes = 0
        self.pages: list[Page] = []

    def read(self, raw: Raw) -> ChannelOrder:
        return msgspec.json.decode(raw.body, type=ChannelOrder)

    async def pull(self, since: datetime | None, cursor: str | None) -> Page:
        return self.pages.pop(0) if self.pages else Page(())

    async def finish(self, done: Sequence[str]) -> None: ...

    async def push_tracking(self, parcel: Parcel) -> str:
        self.pushes += 1
        if self.trouble is not None:
            raise self.trouble
        if not parcel.lines or not parcel.tracking_number:
            code = "NO_WHOLE_PIECE" if self.one_number else "INCOMPLETE_PARCEL"
            raise Refused("no whole piece, or no number", code=code)
        if parcel not in self.parcels:
            self.parcels.append(parcel)
        return f"F{self.parcels.index(parcel) + 1}"

    async def read_tracking(self, external_ids: Sequence[str]) -> dict[str, tuple[ChannelParcel, ...]]:
        return {
            order: tuple(
                ChannelParcel(number, reference=f"F{n}")
                for n, parcel in enumerate(self.parcels, 1)
                if parcel.order_external_id == order and not self.blind
                for number in (parcel.tracking_number, *parcel.also)
            )
            for order in external_ids
        }

    async def close(self) -> None: ...


class ScriptedSupplier:
    """Has what was submitted in ``sent``; ``trouble`` is raised by submits, ``unrenderable`` by rendering."""

    can_find = True
    stages = False

    def __init__(self) -> None:
        self.sent: list[Purchase] = []
        self.trouble: BluebookError | None = None
        self.unrenderable: BluebookError | None = None
        self.slow = 0.0
        self.at_once = self.most_at_once = 0

    def render(self, purchase: Purchase) -> bytes:
        if self.unrenderable is not None:
            raise self.unrenderable
        return msgspec.json.encode(purchase)

    async def stage(self, po_number: str, body: bytes) -> None:
        await asyncio.sleep(self.slow)

    async def submit(self, po_number: str, body: bytes) -> Accepted:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await asyncio.sleep(self.slow)
        finally:
            self.at_once -= 1
        if self.trouble is not None:
            raise self.trouble
        self.sent.append(msgspec.json.decode(body, type=Purchase))
        return Accepted(f"S{len(self.sent)}")

    async def find(self, po_number: str) -> Accepted | None:
        return Accepted("found") if any(p.po_number == po_number for p in self.sent) else None

    async def request_cancel(self, po_number: str) -> CancelAnswer:
        return CancelAnswer.CANCELED

    def read(self, raw: Raw) -> tuple[SupplierUpdate, ...]:
        return (msgspec.json.decode(raw.body, type=SupplierUpdate),)

    async def close(self) -> None: ...


async def at_once(settle_seconds: int = 0) -> None:
    """Suppliers are asked sooner than a person may set: what answers here answers at once, or never."""
    await db.run("UPDATE suppliers SET settle_seconds = ?", settle_seconds)


class Desk:
    """The shop with its scripted partners, and short words for what tests do."""

    def __init__(self, shop: Shop, channel: ScriptedChannel, suppliers: dict[str, ScriptedSupplier]) -> None:
        self.shop, self.channel, self.suppliers = shop, channel, suppliers
        self._keys = 0

    def order(self, number: str, *lines: tuple[str, int], minutes: float = 0, **changes: Any) -> ChannelOrder:
        """An order placed an hour ago and changed ``minutes`` after that."""
        placed = clock.now().replace(microsecond=0) - timedelta(hours=1)
        found = [
            ChannelLine(f"{number}.{n}", sku, BY_SKU[sku].title, quantity, BY_SKU[sku].price)
            for n, (sku, quantity) in enumerate(lines, 1)
        ]
        values: dict[str, Any] = {
            "external_id": number, "number": number, "state": ChannelState.OPEN, "payment": Payment.PAID,
            "placed_at": placed, "updated_at": placed + timedelta(minutes=minutes), "currency": "USD",
            "total": sum(line.quantity * line.unit_price for line in found), "lines": tuple(found), "ship_to": HOME,
            "email": f"{number}@example.com", "shipping_rate": "Free Shipping",
        }  # fmt: skip
        return ChannelOrder(**{**values, **changes})

    async def told(self, order: ChannelOrder) -> Pulled:
        """The channel tells of the order as it is."""
        channel = (await catalog.channels())[self.shop.channel_id]
        page = Page(items=(Raw(order.external_id, msgspec.json.encode(order)),))
        return await intake.take_page(channel, self.channel, page, PERSON)  # type: ignore[arg-type]

    async def send(self, *numbers: str) -> None:
        """The orders are processed and sent."""
        ids = [await self.value("SELECT id FROM orders WHERE number = ?", number) for number in numbers]
        outcomes = await process.process(ids, PERSON, undo_seconds=0)
        assert all(outcome.done for outcome in outcomes), outcomes
        await tasks.drain()

    def shipped(self, po_number: str, tracking: str, *lines: tuple[str, int]) -> SupplierUpdate:
        """A parcel of (supplier SKU, quantity), or of all that is open."""
        self._keys += 1
        return SupplierUpdate(
            kind=UpdateKind.SHIPPED, key=f"U{self._keys}", po_number=po_number, occurred_at=clock.now(), carrier="UPS",
            tracking_number=tracking, lines=tuple(UpdateLine(sku, quantity) for sku, quantity in lines),
        )  # fmt: skip

    async def hear(self, code: str, *updates: SupplierUpdate) -> Heard:
        """The supplier says all this at once."""
        supplier = (await catalog.suppliers())[self.shop.suppliers[code]]
        page = Page(items=tuple(Raw(update.key, msgspec.json.encode(update)) for update in updates))
        stored = await inbox.store("supplier", supplier.id, page)
        return await receive.take(supplier, self.suppliers[code], stored, PERSON)  # type: ignore[arg-type]

    async def ships(self, po_number: str, tracking: str, *lines: tuple[str, int]) -> None:
        """The purchase order's supplier says that a parcel is on its way."""
        sql = "SELECT s.code FROM purchase_orders p JOIN suppliers s ON s.id = p.supplier_id WHERE po_number = ?"
        heard = await self.hear(await db.value(sql, po_number), self.shipped(po_number, tracking, *lines))
        assert heard.applied == 1, heard

    async def value(self, sql: str, *values: Any) -> Any:
        return await db.value(sql, *values)

    async def status(self, number: str) -> str:
        return str(await db.value("SELECT status FROM orders WHERE number = ?", number))


@asynccontextmanager
async def desk(monkeypatch: pytest.MonkeyPatch, **options: Any) -> AsyncIterator[Desk]:
    """The shop of the demo's catalogue, nothing scheduled; ``options`` are the suppliers'. Needs an open database.

    The clock stands from here on: what is put off is due when the test moves it, however long the machine takes.
    """
    now = clock.now()
    clock.use(lambda: now)
    still = {"poll_seconds": 0, **options}
    rest = Connection("rest", {"base_url": "http://127.0.0.1:9", "api_key": "k"}, still)
    woo = {"url": "http://127.0.0.1:9", "consumer_key": "k", "consumer_secret": "s"}
    shop = await furnish(
        Connection("woocommerce", woo, {"poll_seconds": 0, "rescan_seconds": 0}), {"ACME": rest, "NOVA": rest}, PERSON
    )
    await at_once()
    channel, suppliers = ScriptedChannel(), {"ACME": ScriptedSupplier(), "NOVA": ScriptedSupplier()}
    by_id = {shop.suppliers[code]: supplier for code, supplier in suppliers.items()}

    async def _channel(_: int) -> Any:
        return channel

    async def _supplier(supplier_id: int) -> Any:
        return by_id[supplier_id]

    monkeypatch.setattr(catalog, "channel", _channel)
    monkeypatch.setattr(catalog, "supplier", _supplier)
    yield Desk(shop, channel, suppliers)
