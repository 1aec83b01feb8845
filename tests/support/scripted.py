"""A channel and suppliers that say exactly what a test tells them to, and remember what they were told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from engine.demo.shop import Connection, Shop, furnish
from engine.errors import NotAuthorised, OutcomeUnknown, Refused, TryLater
from engine.ports import (
    Accepted,
    Address,
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
)
from engine.services.lifecycle import Actor
from tests.support.desk import at_once

BY = Actor("dana", "person", "test")
SHIP_TO = Address(
    name="Kim Lee", line1="12 Main Street", city="Springfield", region="IL", postal_code="62701", country="US",
    phone="+12175550123", email="kim@example.com",
)  # fmt: skip


class Crash(BaseException):
    """The worker's process ends here, as far as everything above can tell."""


class ScriptedSupplier:
    """Answers as ``answer``, ``finding`` and ``canceling`` say; ``book`` counts what it took on, by po number."""

    slug, name, docs_url = "rest", "Scripted", ""
    config_type: Any = None
    secret_fields: frozenset[str] = frozenset()
    can_find, can_cancel, stages = True, True, False

    def __init__(self, ledger: Path | None = None) -> None:
        self.book: Counter[str] = Counter()
        self.documents: dict[str, Purchase] = {}
        self.answer, self.finding, self.canceling = "accept", "truth", "canceled"
        self.ledger = ledger
        self.before: Callable[[str, Purchase], Awaitable[None]] | None = None

    def render(self, purchase: Purchase) -> bytes:
        return msgspec.json.encode(purchase)

    async def submit(self, po_number: str, body: bytes) -> Accepted:
        purchase = msgspec.json.decode(body, type=Purchase)
        assert purchase.po_number == po_number
        if self.before is not None:
            await self.before(po_number, purchase)
        match self.answer:
            case "refuse":
                raise Refused("no such product")
            case "later":
                raise TryLater("busy", 5.0)
            case "auth":
                raise NotAuthorised("the key was not accepted")
            case "lost":
                raise OutcomeUnknown("timed out")
            case "crash":
                raise Crash
        self._take(po_number, purchase)
        if self.answer == "accept and lose":
            raise OutcomeUnknown("timed out after it arrived")
        if self.answer == "accept and crash":
            raise Crash
        return Accepted(f"R-{po_number}")

    def _take(self, po_number: str, purchase: Purchase) -> None:
        self.book[po_number] += 1
        self.documents[po_number] = purchase
        if self.ledger is not None:
            with self.ledger.open("ab", buffering=0) as file:
                file.write(f"{po_number}\n".encode())

    async def find(self, po_number: str) -> Accepted | None:
        if self.finding == "later":
            raise TryLater("busy", 5.0)
        return Accepted(f"R-{po_number}") if self.book[po_number] else None

    async def request_cancel(self, po_number: str) -> CancelAnswer:
        if self.canceling == "later":
            raise TryLater("busy", 5.0)
        if self.canceling == "impossible":
            raise Refused("cancellation is not offered")
        return CancelAnswer(self.canceling)

    def read(self, raw: Raw) -> tuple[SupplierUpdate, ...]:
        return msgspec.json.decode(raw.body, type=tuple[SupplierUpdate, ...])

    async def close(self) -> None:
        return None


class ScriptedChannel:
    """Takes tracking as ``answer`` says; ``parcels`` is what it has, by order and key."""

    slug, name, docs_url = "woocommerce", "Scripted", ""
    config_type: Any = None
    secret_fields: frozenset[str] = frozenset()

    def __init__(self) -> None:
        self.answer = "yes"
        self.parcels: dict[str, dict[str, Parcel]] = {}

    def read(self, raw: Raw) -> ChannelOrder:
        return msgspec.json.decode(raw.body, type=ChannelOrder)

    async def push_tracking(self, parcel: Parcel) -> str:
        if self.answer == "refuse":
            raise Refused("no such order")
        if self.answer == "later":
            raise TryLater("busy", 5.0)
        if self.answer == "lost":
            raise OutcomeUnknown("timed out")
        self.parcels.setdefault(parcel.order_external_id, {})[parcel.key] = parcel
        if self.answer == "yes and lose":
            raise OutcomeUnknown("timed out after it arrived")
        return f"T-{parcel.key}"

    async def read_tracking(self, external_ids: Sequence[str]) -> dict[str, tuple[ChannelParcel, ...]]:
        return {
            i: tuple(ChannelParcel(p.tracking_number, key) for key, p in self.parcels.get(i, {}).items())
            for i in external_ids
        }

    async def close(self) -> None:
        return None


def order(number: str, lines: Sequence[ChannelLine], at: datetime, **more: Any) -> ChannelOrder:
    """An order as the scripted channel tells it."""
    values: dict[str, Any] = {
        "state": ChannelState.OPEN, "payment": Payment.PAID, "currency": "USD", "ship_to": SHIP_TO,
        "email": "kim@example.com", "shipping_rate": "Free Shipping",
        "total": sum(line.unit_price * line.quantity for line in lines), **more,
    }  # fmt: skip
    return ChannelOrder(
        external_id=f"x{number}", number=number, placed_at=at, updated_at=values.pop("updated_at", at),
        lines=tuple(lines), **values,
    )  # fmt: skip


def page(*orders: ChannelOrder) -> Page:
    """The orders as one page of payloads."""
    return Page(tuple(Raw(one.external_id, msgspec.json.encode(one)) for one in orders))


async def shop() -> Shop:
    """The demo's catalogue with connections that lead nowhere; give the scripted connectors in their place."""
    nowhere = "http://127.0.0.1:9"
    store = {"url": nowhere, "consumer_key": "ck_1", "consumer_secret": "cs_1"}
    supplier = Connection("rest", {"base_url": nowhere, "api_key": "k"})
    made = await furnish(Connection("woocommerce", store), {"ACME": supplier, "NOVA": supplier}, BY)
    await at_once(1)
    return made
