"""What a demo Shopify store knows: its orders, where they ship from, what was fulfilled; and the rules of all that."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import msgspec

from engine.demo.channels.base import Sale, SimParcel

LOCATIONS = ("Main Street", "Harbour")
HOLDS = {
    "AWAITING_PAYMENT": "Awaiting payment",
    "AWAITING_RETURN_ITEMS": "Awaiting return items",
    "HIGH_RISK_OF_FRAUD": "High risk of fraud",
    "INCORRECT_ADDRESS": "Incorrect address",
    "INVENTORY_OUT_OF_STOCK": "Inventory out of stock",
    "UNKNOWN_DELIVERY_DATE": "Unknown delivery date",
    "OTHER": "Other",
}
OPEN = ("OPEN", "IN_PROGRESS")
MOST_LINES = 250


class Line(msgspec.Struct):
    """A line of an order; ``removed`` pieces were refunded before they left, ``returned`` after."""

    id: int
    sku: str
    title: str
    quantity: int
    unit_price: int
    requires_shipping: bool = True
    removed: int = 0
    returned: int = 0


class PartLine(msgspec.Struct):
    """Pieces of a line in a fulfillment order, and how many of them are still to be fulfilled."""

    id: int
    line: Line
    total: int
    remaining: int


class Part(msgspec.Struct):
    """A fulfillment order. ``holds`` are (reason, notes)."""

    id: int
    location: str
    lines: list[PartLine]
    standing: str = "OPEN"
    holds: list[tuple[str, str]] = msgspec.field(default_factory=list)
    fulfill_at: datetime | None = None

    def settle(self) -> None:
        """Its status says whether anything of it is left."""
        if self.standing in (*OPEN, "ON_HOLD", "SCHEDULED") and not any(line.remaining for line in self.lines):
            self.standing = "CLOSED"


class Sent(msgspec.Struct):
    """A fulfillment."""

    id: int
    location: str
    lines: list[tuple[int, Line, int]]
    numbers: list[str]
    company: str
    urls: list[str]
    notified: bool
    created: datetime
    standing: str = "SUCCESS"


class Order(msgspec.Struct):
    """An order as the store has it; amounts in minor units."""

    id: int
    number: int
    sale: Sale
    lines: list[Line]
    parts: list[Part]
    created: datetime
    updated: datetime
    note: str = ""
    financial: str = "PAID"
    recommendation: str = "ACCEPT"
    level: str = "LOW"
    source: str = "web"
    cancelled: datetime | None = None
    sent: list[Sent] = msgspec.field(default_factory=list)

    @property
    def total(self) -> int:
        """What the customer was asked for at first."""
        return sum(line.unit_price * line.quantity for line in self.lines) + self.sale.shipping

    def shipped(self) -> Counter[int]:
        """Pieces on their way, by line."""
        pieces: Counter[int] = Counter()
        for sent in self.sent:
            if sent.standing == "SUCCESS":
                for _, line, quantity in sent.lines:
                    pieces[line.id] += quantity
        return pieces

    def state(self) -> str:
        """Where it stands: pending, open, partially_shipped, shipped or canceled."""
        shipped = self.shipped().total()
        if self.cancelled:
            return "canceled"
        if not any(line.remaining for part in self.parts for line in part.lines):
            return "shipped" if shipped else "canceled"
        if any(part.standing in ("ON_HOLD", "SCHEDULED") for part in self.parts):
            return "pending"
        return "partially_shipped" if shipped else "open"


class Job(msgspec.Struct):
    """The cancellation of an order, which happens at ``due``."""

    id: int
    order: int
    due: datetime
    refund: bool
    done: bool = False
    error: str = ""


class Wrong(Exception):
    """A user error, as Shopify tells them: with HTTP 200."""

    def __init__(self, message: str, *path: str) -> None:
        super().__init__(message)
        self.message, self.path = message, list(path)


class Book:
    """The store's memory. ``changed`` is told of every order that changed, with the topic of its webhook."""

    def __init__(self, moment: Callable[[], datetime]) -> None:
        self.moment = moment
        self.orders: dict[int, Order] = {}
        self.parts: dict[int, tuple[Order, Part]] = {}
        self.sent: dict[int, Sent] = {}
        self.jobs: dict[int, Job] = {}
        self.job_seconds = 0.0
        self.changed: list[Callable[[Order, str], None]] = []
        self._ids = count(5_000_000_001)
        self._numbers = count(1001)

    # --- what happens in the store

    def place(self, sale: Sale) -> Order:
        """Somebody bought this; everything is to ship from the first location."""
        lines = [Line(next(self._ids), one.sku, one.title, one.quantity, one.unit_price) for one in sale.lines]
        now = self.moment()
        part = Part(
            next(self._ids), LOCATIONS[0], [PartLine(next(self._ids), one, one.quantity, one.quantity) for one in lines]
        )
        order = Order(
            next(self._ids), next(self._numbers), sale, lines, [part], sale.placed_at or now, now, note=sale.note,
            financial="PAID" if sale.paid else "PENDING",
        )  # fmt: skip
        self.orders[order.id] = order
        self.parts[part.id] = order, part
        self.tell(order, "orders/create", now)
        return order

    def tell(self, order: Order, topic: str = "orders/updated", at: datetime | None = None) -> None:
        """The order changed just now."""
        order.updated = at or self.moment()
        for listener in self.changed:
            listener(order, topic)

    def cancel(self, order: Order, *, refund: bool) -> None:
        """The whole order is canceled: nothing of it ships any more."""
        order.cancelled = self.moment()
        shipped = order.shipped()
        for line in order.lines:
            line.removed = line.quantity - shipped[line.id]
        for part in order.parts:
            for one in part.lines:
                one.remaining = 0
            if part.standing != "CLOSED":
                part.standing = "CANCELLED"
        if refund and order.financial == "PAID":
            order.financial = "REFUNDED"
        self.tell(order, "orders/cancelled")

    def refund(self, order: Order, sku: str, quantity: int) -> None:
        """So many pieces of a line are paid back: those that have not left first."""
        for line in order.lines:
            if line.sku != sku:
                continue
            for part in order.parts:
                for one in part.lines:
                    taken = min(quantity, one.remaining) if one.line is line else 0
                    one.remaining -= taken
                    one.total -= taken
                    line.removed += taken
                    quantity -= taken
                part.settle()
            back = min(quantity, order.shipped()[line.id] - line.returned)
            line.returned += back
            quantity -= back
        gone = all(line.removed + line.returned == line.quantity for line in order.lines)
        order.financial = "REFUNDED" if gone else "PARTIALLY_REFUNDED"
        self.tell(order)

    def move(self, order: Order, sku: str, quantity: int, location: str) -> Part:
        """So many pieces are to ship from another location, as a fulfillment order of its own."""
        lines = []
        for part in order.parts:
            for one in [one for one in part.lines if one.line.sku == sku and part.standing in OPEN]:
                pieces = min(quantity, one.remaining)
                one.remaining -= pieces
                one.total -= pieces
                quantity -= pieces
                if pieces:
                    lines.append(PartLine(next(self._ids), one.line, pieces, pieces))
            part.settle()
        moved = Part(next(self._ids), location, lines)
        order.parts.append(moved)
        self.parts[moved.id] = order, moved
        self.tell(order)
        return moved

    # --- what the API does

    def fulfill(self, given: Mapping[str, Any]) -> Sent:
        """A fulfillment of these lines. Raises Wrong, and then nothing has happened."""
        groups = given["lineItemsByFulfillmentOrder"]
        if not groups:
            raise Wrong("Line items by fulfillment order can't be blank.", "fulfillment", "lineItemsByFulfillmentOrder")
        chosen = [(self._part(group["fulfillmentOrderId"]), group.get("fulfillmentOrderLineItems")) for group in groups]
        order = chosen[0][0][0]
        if any(other is not order for (other, _), _ in chosen):
            raise Wrong("All fulfillment orders must belong to the same order.", "fulfillment")
        if len({part.location for (_, part), _ in chosen}) > 1:
            raise Wrong("All fulfillment orders must be assigned to the same location.", "fulfillment")
        taken: list[tuple[PartLine, int]] = []
        for (_, part), lines in chosen:
            if part.standing not in OPEN:
                raise Wrong(
                    f"Fulfillment order {part.id} has an unfulfillable status= {part.standing.lower()}.", "fulfillment"
                )
            taken += self._lines(part, lines)
        tracking = given.get("trackingInfo") or {}
        numbers = tracking.get("numbers") or [tracking.get("number") or ""]
        urls = tracking.get("urls") or [tracking.get("url") or ""]
        for one, pieces in taken:
            one.remaining -= pieces
        for (_, part), _ in chosen:
            part.standing = "IN_PROGRESS"
            part.settle()
        sent = Sent(
            next(self._ids), chosen[0][0][1].location, [(next(self._ids), one.line, pieces) for one, pieces in taken],
            [number for number in numbers if number], tracking.get("company") or "", urls, bool(given.get("notifyCustomer")),
            self.moment(),
        )  # fmt: skip
        order.sent.append(sent)
        self.sent[sent.id] = sent
        self.tell(order)
        return sent

    def unfulfill(self, order: Order, sent: Sent) -> None:
        """The fulfillment is canceled: its pieces are to be fulfilled again."""
        sent.standing = "CANCELLED"
        for _, line, pieces in sent.lines:
            for part in [part for part in order.parts if part.location == sent.location]:
                for one in [one for one in part.lines if one.line is line]:
                    back = min(pieces, one.total - one.remaining)
                    one.remaining += back
                    pieces -= back
                    part.standing = "OPEN" if back else part.standing
        self.tell(order)

    def _part(self, gid: str) -> tuple[Order, Part]:
        kind, _, number = gid.removeprefix("gid://shopify/").partition("/")
        found = self.parts.get(int(number)) if kind == "FulfillmentOrder" and number.isdecimal() else None
        if found is None or found[0].id not in self.orders:
            raise Wrong("Fulfillment order does not exist.", "fulfillment")
        return found

    def _lines(self, part: Part, given: Sequence[Mapping[str, Any]] | None) -> list[tuple[PartLine, int]]:
        if not given:  # as Shopify has it: nothing said is everything
            return [(one, one.remaining) for one in part.lines if one.remaining]
        found: list[tuple[PartLine, int]] = []
        for asked in given:
            one = next((one for one in part.lines if asked["id"].endswith(f"/{one.id}")), None)
            if one is None:
                raise Wrong("Fulfillment order line item does not exist.", "fulfillment")
            already = sum(pieces for other, pieces in found if other is one)
            if not 0 < asked["quantity"] <= one.remaining - already:
                raise Wrong("Invalid fulfillment order line item quantity requested.", "fulfillment")
            found.append((one, asked["quantity"]))
        return found

    def ask_cancel(self, order: Order, *, refund: bool) -> Job:
        """A job that will cancel the order. Raises Wrong where the order cannot be canceled."""
        if order.cancelled:
            raise Wrong("Cannot cancel an order that has already been canceled.", "orderId")
        if order.shipped():
            raise Wrong("Cannot cancel a paid order with fulfillments that cannot be canceled.", "orderId")
        job = Job(next(self._ids), order.id, self.moment() + timedelta(seconds=self.job_seconds), refund)
        self.jobs[job.id] = job
        return job

    def work(self) -> None:
        """Jobs that are due are done."""
        for job in self.jobs.values():
            if job.done or job.due > self.moment():
                continue
            job.done = True
            order = self.orders[job.order]
            if order.shipped():
                job.error = "Cannot cancel a paid order with fulfillments that cannot be canceled."
            elif not order.cancelled:
                self.cancel(order, refund=job.refund)

    def parcels(self, order: Order) -> list[SimParcel]:
        """What the store was told of, by tracking number: a parcel that left two locations counts once."""
        found: dict[str, tuple[str, Counter[str]]] = {}
        for sent in order.sent:
            if sent.standing == "SUCCESS":
                for number in sent.numbers or [""]:
                    _, pieces = found.setdefault(number, (sent.company, Counter()))
                    for _, line, quantity in sent.lines:
                        pieces[line.sku] += quantity
        return [SimParcel(number, carrier, dict(pieces)) for number, (carrier, pieces) in found.items()]
