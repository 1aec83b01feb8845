"""What a Medusa order says, in our words. Pure.

Fields and their meaning: https://docs.medusajs.com/api/admin#orders · checked against Medusa 2.21.2.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Annotated, Any, Literal

import msgspec

from engine.connectors import payload
from engine.domain.money import exponent, minor
from engine.errors import Refused, Unreadable
from engine.ports import Address, ChannelLine, ChannelOrder, ChannelState, Parcel, Payment

Count = Annotated[int, msgspec.Meta(ge=0)]
PaidWhen = Literal["captured", "authorized"]

KEY = "bluebook_key"
FULFILLMENT_FIELDS = ("fulfillments.*", "fulfillments.labels.*")
ITEM_FIELDS = ("items.*", "items.detail.*")
# Totals and statuses are computed from what was asked for and from nothing else: what they depend on is asked for, too.
ORDER_FIELDS = (
    "id", "display_id", "custom_display_id", "status", "version", "currency_code", "email", "created_at", "updated_at",
    "item_total", "shipping_total", "tax_total", "discount_total", "metadata", *ITEM_FIELDS, "items.tax_lines.*",
    "items.adjustments.*", "shipping_methods.*", "shipping_methods.tax_lines.*", "shipping_methods.adjustments.*",
    "shipping_address.*", "billing_address.*", "payment_collections.*", *FULFILLMENT_FIELDS,
)  # fmt: skip

WAITING = frozenset({"draft", "requires_action"})
OVER = frozenset({"completed", "archived"})  # somebody in the store says that nothing is left to be done
STATUSES = WAITING | OVER | {"pending", "canceled"}
BILL_STATUSES = frozenset(
    {"not_paid", "awaiting", "authorized", "partially_authorized", "partially_captured", "completed", "requires_action",
     "canceled", "failed"}
)  # fmt: skip


class _Address(msgspec.Struct, frozen=True):
    first_name: str | None = None
    last_name: str | None = None
    company: str | None = None
    address_1: str | None = None
    address_2: str | None = None
    city: str | None = None
    province: str | None = None
    postal_code: str | None = None
    country_code: str | None = None
    phone: str | None = None


class _Detail(msgspec.Struct, frozen=True):
    """How far a line has come; ``quantity`` is what is wanted now."""

    fulfilled_quantity: Count
    shipped_quantity: Count
    delivered_quantity: Count
    return_requested_quantity: Count
    return_received_quantity: Count
    return_dismissed_quantity: Count


class Item(msgspec.Struct, frozen=True):
    """A line of an order, or of the order as it was placed."""

    id: str
    title: str
    quantity: Count
    unit_price: Decimal
    detail: _Detail
    variant_sku: str | None = None
    variant_title: str | None = None
    requires_shipping: bool = True

    def shipped(self) -> int:
        """Pieces on their way. A piece can be handed over without a shipment; what needs no shipping is only fulfilled."""
        done = max(self.detail.shipped_quantity, self.detail.delivered_quantity)
        return done if self.requires_shipping else max(done, self.detail.fulfilled_quantity)

    def unwanted(self) -> int:
        """Pieces that were to come back before they left."""
        detail = self.detail
        back = detail.return_requested_quantity + detail.return_received_quantity + detail.return_dismissed_quantity
        return max(0, back - self.shipped())


class _Method(msgspec.Struct, frozen=True):
    name: str


class _Bill(msgspec.Struct, frozen=True):
    status: str
    amount: Decimal
    authorized_amount: Decimal | None = None
    captured_amount: Decimal | None = None
    refunded_amount: Decimal | None = None


class _Label(msgspec.Struct, frozen=True):
    tracking_number: str


class Fulfillment(msgspec.Struct, frozen=True):
    """What Medusa packs, and a parcel once it is shipped."""

    id: str
    shipped_at: datetime | None = None
    delivered_at: datetime | None = None
    canceled_at: datetime | None = None
    metadata: dict[str, Any] | None = None
    labels: tuple[_Label, ...] = ()

    @property
    def key(self) -> str | None:
        """Our parcel's key, where it is ours."""
        value = (self.metadata or {}).get(KEY)
        return value if isinstance(value, str) else None

    @property
    def on_its_way(self) -> bool:
        """Has it left?"""
        return self.canceled_at is None and (self.shipped_at is not None or self.delivered_at is not None)


class Order(msgspec.Struct, frozen=True):
    """An order with the fields of ``ORDER_FIELDS``."""

    id: str
    display_id: int
    status: str
    currency_code: str
    created_at: datetime
    updated_at: datetime
    item_total: Decimal
    shipping_total: Decimal
    tax_total: Decimal
    discount_total: Decimal
    items: tuple[Item, ...]
    shipping_methods: tuple[_Method, ...]
    payment_collections: tuple[_Bill, ...]
    custom_display_id: str | None = None
    email: str | None = None
    metadata: dict[str, Any] | None = None
    shipping_address: _Address | None = None
    billing_address: _Address | None = None


class Envelope(msgspec.Struct, frozen=True):
    """What we keep of an order: itself, and, where it was edited, the lines it was placed with."""

    order: Order
    first: tuple[Item, ...] = ()

    def lines(self) -> tuple[ChannelLine, ...]:
        """The lines as they were placed, and those added since, with what was taken off again; by id, since Medusa tells
        them now in one sequence and now in another."""
        placed = {item.id: item for item in self.first}
        now = {item.id: item for item in self.order.items}
        gone = [item for item in self.first if item.id not in now]  # an edit to 0 pieces takes a line away
        return tuple(
            self._line(item, placed.get(item.id, item).quantity, 0 if item in gone else item.quantity)
            for item in sorted((*self.order.items, *gone), key=lambda item: item.id)
        )

    def _line(self, item: Item, placed: int, wanted: int) -> ChannelLine:
        quantity, shipped = max(placed, wanted), min(item.shipped(), wanted)
        canceled = min(quantity - wanted + item.unwanted(), quantity - shipped)
        if self.order.status == "canceled":
            canceled = quantity - shipped
        elif self.order.status in OVER:
            shipped = quantity - canceled
        named = item.variant_title and item.variant_title not in (item.title, "Default", "Default variant")
        return ChannelLine(
            external_id=item.id,
            sku=item.variant_sku or "",
            title=f"{item.title} ({item.variant_title})" if named else item.title,
            quantity=quantity,
            unit_price=money(item.unit_price, self.order.currency_code),
            canceled=canceled,
            shipped=shipped,
        )


class Head(msgspec.Struct, frozen=True):
    """The little of an order that a pull must know: which it is, when it changed, and whether it was edited."""

    id: str
    updated_at: datetime
    version: int = 1
    fulfillments: tuple[Fulfillment, ...] = ()

    @property
    def edited(self) -> bool:
        """Did more happen to the order than its parcels explain? Every step of a fulfillment makes it one version older."""
        steps = sum(
            1 + sum(at is not None for at in (f.shipped_at, f.delivered_at, f.canceled_at)) for f in self.fulfillments
        )
        return self.version > 1 + steps


def read_order(body: bytes, external_id: str, paid_when: PaidWhen, note_key: str) -> ChannelOrder:
    """The order in an envelope. Raises Unreadable with the path of the field that is wrong."""
    subject = f"Medusa order {external_id}"
    envelope = payload.decode(body, Envelope, subject)
    order = envelope.order
    _known(order.status, STATUSES, "order.status", subject)
    try:
        return _read(envelope, order, paid_when, note_key, subject)
    except Unreadable as error:
        message = error.message if error.message.startswith(subject) else f"{subject}: {error.message}"
        raise Unreadable(message, error.field) from error


def _read(envelope: Envelope, order: Order, paid_when: PaidWhen, note_key: str, subject: str) -> ChannelOrder:
    currency = order.currency_code.upper()
    lines = envelope.lines()
    payment = _payment(order, paid_when, subject)
    email = order.email or ""
    note = (order.metadata or {}).get(note_key) if note_key else None
    return ChannelOrder(
        external_id=order.id,
        number=order.custom_display_id or str(order.display_id),
        state=_state(order, lines, payment),
        payment=payment,
        placed_at=order.created_at.astimezone(UTC),
        updated_at=order.updated_at.astimezone(UTC),
        currency=currency,
        # ``total`` has refunds and gift cards taken off (credit lines): those are payments, and this is what was bought.
        total=money(order.item_total + order.shipping_total, currency),
        lines=lines,
        ship_to=_address(order.shipping_address, email) or Address(email=email),
        bill_to=_address(order.billing_address, ""),
        email=email,
        shipping_rate=" + ".join(dict.fromkeys(method.name for method in order.shipping_methods)),
        shipping_total=money(order.shipping_total, currency),
        tax_total=money(order.tax_total, currency),
        discount_total=money(order.discount_total, currency),
        note=note if isinstance(note, str) else "",
    )


def money(amount: Decimal, currency: str) -> int:
    """Minor units of what Medusa keeps as a decimal number of major ones; halves go up, since it does not round taxes."""
    currency = currency.upper()
    step = Decimal(1).scaleb(-exponent(currency))
    return minor(amount.quantize(step, ROUND_HALF_UP), currency)


def _payment(order: Order, paid_when: PaidWhen, subject: str) -> Payment:
    held = captured = refunded = Decimal(0)
    for index, bill in enumerate(order.payment_collections):
        _known(bill.status, BILL_STATUSES, f"order.payment_collections[{index}].status", subject)
        captured += bill.captured_amount or 0
        refunded += bill.refunded_amount or 0
        if bill.status in ("authorized", "partially_authorized"):
            held += bill.authorized_amount or 0
    if refunded > 0:
        return Payment.REFUNDED if refunded >= captured else Payment.PARTIALLY_REFUNDED
    owed = order.item_total + order.shipping_total
    paid = captured + (held if paid_when == "authorized" else 0)
    return Payment.PAID if money(paid, order.currency_code) >= money(owed, order.currency_code) else Payment.UNPAID


def _state(order: Order, lines: tuple[ChannelLine, ...], payment: Payment) -> ChannelState:
    if order.status == "canceled" or (lines and all(line.canceled == line.quantity for line in lines)):
        return ChannelState.CANCELED
    if order.status in WAITING:
        return ChannelState.PENDING
    if order.status in OVER or (lines and all(line.shipped + line.canceled == line.quantity for line in lines)):
        return ChannelState.SHIPPED
    if any(line.shipped for line in lines):
        return ChannelState.PARTIALLY_SHIPPED
    return ChannelState.PENDING if payment is Payment.UNPAID else ChannelState.OPEN


def _address(given: _Address | None, email: str) -> Address | None:
    if given is None or given == _Address():
        return None
    return Address(
        name=f"{given.first_name or ''} {given.last_name or ''}".strip(),
        company=given.company or "",
        line1=given.address_1 or "",
        line2=given.address_2 or "",
        city=given.city or "",
        # The admin and its starter shop write provinces as ISO 3166-2, in small letters (us-ma).
        region=re.sub(f"^{re.escape(given.country_code or '-')}-", "", given.province or "", flags=re.IGNORECASE),
        postal_code=given.postal_code or "",
        country=(given.country_code or "").upper(),
        phone=given.phone or "",
        email=email,
    )


def quantities(parcel: Parcel) -> list[dict[str, Any]]:
    """The parcel's pieces of each line as Medusa wants them."""
    counts: dict[str, int] = {}
    for line_id, quantity in parcel.lines:
        counts[line_id] = counts.get(line_id, 0) + quantity
    return [{"id": line_id, "quantity": quantity} for line_id, quantity in counts.items()]


def labels(parcel: Parcel) -> list[dict[str, str]]:
    """One label for each number of the parcel; an address that is none is left out, since Medusa refuses it."""
    url = parcel.tracking_url if parcel.tracking_url.startswith(("http://", "https://")) else ""
    numbers = {parcel.tracking_number: url} | dict.fromkeys(parcel.also, "")
    return [{"tracking_number": n, "tracking_url": at, "label_url": ""} for n, at in numbers.items() if n]


def fewer(envelope: Envelope, lines: Mapping[str, int] | None) -> dict[str, int]:
    """What each line must come down to so that so many pieces more of it are canceled; None: all that is not on its way.

    Raises Refused where a line has not so many left.
    """
    now = {item.id: item for item in envelope.order.items}
    if lines is None:
        return {key: item.shipped() for key, item in now.items() if item.shipped() < item.quantity}
    found = {}
    for key, pieces in lines.items():
        left = now[key].quantity - now[key].shipped() if key in now else 0
        if pieces > left:
            raise Refused(
                f"Medusa: {pieces} of line {key} cannot be canceled in order {envelope.order.id}, which has {left} of it open.",
                code="NOT_SO_MANY_OPEN",
            )
        found[key] = now[key].quantity - pieces
    return found


def _known(value: str, table: frozenset[str], field: str, subject: str) -> None:
    if value not in table:
        raise Unreadable(f"{subject}: Bluebook does not know the {field} {value!r}", field)
