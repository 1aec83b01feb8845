"""What the demo shows: how far every order is, the last entries of the blue book, and the summary at the end."""

from __future__ import annotations

from typing import Literal

import msgspec

from engine import db
from engine.services import audit
from engine.services.audit import Verified
from engine.services.blue_book import Event, blue_book

Phase = Literal["starting", "running", "open"]
LAST = 24


class Fix(msgspec.Struct, frozen=True):
    """One thing a person put right, and how many waiting orders went on by it."""

    what: str
    cleared: int
    saved: bool


class SupplierCount(msgspec.Struct, frozen=True):
    """How many purchase orders a supplier was sent, has acknowledged and has shipped."""

    code: str
    sent: int
    acknowledged: int
    shipped: int


class Happened(msgspec.Struct, frozen=True):
    """An entry of the blue book in short. ``number`` is empty for settings."""

    id: int
    at: int
    number: str
    actor: str
    source: str
    action: str
    subject: str
    message: str


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """How many have come how far. Orders, but for those named purchases, parcels and confirmed (pushes)."""

    pulled: int = 0
    troubled: int = 0
    waiting: int = 0
    processed: int = 0
    completed: int = 0
    purchases: int = 0
    sent: int = 0
    acknowledged: int = 0
    shipped: int = 0
    parcels: int = 0
    confirmed: int = 0
    suppliers: tuple[SupplierCount, ...] = ()


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """One look at the demo. ``seconds`` since orders began to arrive; ``of`` is how many orders there will be, and ``rate``
    how many were completed a second; ``next_ready`` is the number of an order that could be processed now.
    """

    phase: Phase
    note: str
    seconds: float
    rate: float
    of: int
    placed: int
    counts: Counts
    fixes: tuple[Fix, ...] = ()
    events: tuple[Happened, ...] = ()
    next_ready: str = ""


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """How it ended: ``example`` is the blue book of one order, ``unfinished`` names orders that are not completed."""

    orders: int
    completed: int
    purchase_orders: dict[str, int]
    parcels: int
    confirmed: int
    fixes: tuple[Fix, ...]
    seconds: float
    audit: Verified
    example_number: str
    example: tuple[Event, ...]
    unfinished: dict[str, str]
    store_url: str
    home: str

    @property
    def good(self) -> bool:
        """Is every order completed and the blue book whole?"""
        return not self.unfinished and not self.audit.problems and self.completed == self.orders


async def counts() -> Counts:
    """Everything counted as it stands now."""
    orders = await db.row(
        "SELECT COUNT(*), SUM(CASE WHEN status = 'unresolved' THEN 1 ELSE 0 END), "
        "SUM(CASE WHEN status = 'completed' THEN 1 ELSE 0 END) FROM orders"
    )
    assert orders is not None
    pulled, waiting, completed = (int(n or 0) for n in orders)
    suppliers = await db.rows(
        "SELECT s.code, COUNT(p.id), SUM(CASE WHEN p.sent_at IS NOT NULL THEN 1 ELSE 0 END), "
        "SUM(CASE WHEN p.acknowledged_at IS NOT NULL OR p.state IN ('shipped', 'closed') THEN 1 ELSE 0 END), "
        "SUM(CASE WHEN p.state IN ('shipped', 'closed') THEN 1 ELSE 0 END) "
        "FROM suppliers AS s LEFT JOIN purchase_orders AS p ON p.supplier_id = s.id GROUP BY s.code ORDER BY s.code"
    )
    made = tuple(SupplierCount(str(r[0]), int(r[2] or 0), int(r[3] or 0), int(r[4] or 0)) for r in suppliers)
    parcels = await db.row("SELECT COUNT(*), SUM(CASE WHEN push = 'confirmed' THEN 1 ELSE 0 END) FROM shipments")
    assert parcels is not None
    return Counts(
        pulled=pulled, waiting=waiting, completed=completed,
        processed=int(await db.value("SELECT COUNT(DISTINCT order_id) FROM purchase_orders WHERE state <> 'draft'")),
        troubled=int(await db.value("SELECT COUNT(DISTINCT order_id) FROM issues") or 0),
        purchases=sum(int(r[1]) for r in suppliers), sent=sum(s.sent for s in made),
        acknowledged=sum(s.acknowledged for s in made), shipped=sum(s.shipped for s in made),
        parcels=int(parcels[0]), confirmed=int(parcels[1] or 0),
        suppliers=made,
    )  # fmt: skip


async def last_events(limit: int = LAST) -> tuple[Happened, ...]:
    """The last entries of the blue book about orders, oldest first."""
    found = await db.rows(
        "SELECT e.id, e.at, o.number, e.actor, e.tag, e.subject, e.message FROM audit_events AS e "
        "JOIN orders AS o ON o.id = e.order_id ORDER BY e.id DESC LIMIT ?",
        limit,
    )
    return tuple(
        Happened(int(r[0]), int(r[1]), str(r[2]), str(r[3]), *_tag(str(r[4])), str(r[5]), str(r[6]))
        for r in reversed(found)
    )


def _tag(tag: str) -> tuple[str, str]:
    source, _, action = tag.partition(":")
    return source, action


async def next_ready() -> str:
    """The number of the oldest order that is ready, "" where none is."""
    return str(await db.value("SELECT number FROM orders WHERE status = 'ready' ORDER BY id LIMIT 1") or "")


async def example_order() -> tuple[int, str]:
    """Id and number of the order with the most to show: suppliers first, then Issues, then parcels."""
    found = await db.row(
        "SELECT o.id, o.number FROM orders AS o ORDER BY "
        "(SELECT COUNT(*) FROM purchase_orders AS p WHERE p.order_id = o.id) DESC, "
        "(SELECT COUNT(*) FROM issues AS i WHERE i.order_id = o.id) DESC, "
        "(SELECT COUNT(*) FROM shipments AS s WHERE s.order_id = o.id) DESC, o.id LIMIT 1"
    )
    return (int(found[0]), str(found[1])) if found is not None else (0, "")


async def summary(fixes: tuple[Fix, ...], seconds: float, store_url: str, home: str) -> Summary:
    """The end of the demo, with every event of the blue book verified."""
    now = await counts()
    order_id, number = await example_order()
    unfinished = await db.rows("SELECT number, status FROM orders WHERE status <> 'completed' ORDER BY id")
    return Summary(
        orders=now.pulled, completed=now.completed, purchase_orders={s.code: s.sent for s in now.suppliers},
        parcels=now.parcels, confirmed=now.confirmed, fixes=fixes, seconds=round(seconds, 1), audit=await audit.verify(),
        example_number=number, example=tuple(await blue_book(order_id)),
        unfinished={str(r[0]): str(r[1]) for r in unfinished}, store_url=store_url, home=home,
    )  # fmt: skip
