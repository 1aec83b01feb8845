"""A Walmart order as it comes, decoded. Pure.

The raw payload is one purchase order as the API gives it. Its lines have no status of their own but a list of statuses,
each for so many pieces: of three, two may be Shipped and one Cancelled. Times are milliseconds since 1970.
Source: https://developer.walmart.com/us-marketplace/reference/getallorders
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec

from engine.clock import EPOCH
from engine.connectors.payload import decode
from engine.errors import Unreadable

OPEN = frozenset({"Created", "Acknowledged"})
SHIPPED = frozenset({"Shipped", "Delivered"})
CANCELED = "Cancelled"
REFUND = "Refund"
_STATUSES = OPEN | SHIPPED | {CANCELED, REFUND}


class _Quantity(msgspec.Struct):
    amount: str | int


class _Carrier(msgspec.Struct):
    carrier: str | None = None
    otherCarrier: str | None = None  # noqa: N815  as on the wire


class _Tracking(msgspec.Struct, rename="camel"):
    tracking_number: str = ""
    ship_date_time: int | None = None
    carrier_name: _Carrier | None = None


class _Status(msgspec.Struct, rename="camel"):
    status: str
    status_quantity: _Quantity
    tracking_info: _Tracking | None = None


class _Statuses(msgspec.Struct, rename="camel"):
    order_line_status: list[_Status]


class _Money(msgspec.Struct):
    currency: str
    amount: Decimal


class _Tax(msgspec.Struct, rename="camel"):
    tax_amount: _Money


class Charge(msgspec.Struct, rename="camel"):
    charge_type: str
    charge_name: str
    charge_amount: _Money
    tax: _Tax | None = None


class _Charges(msgspec.Struct):
    charge: list[Charge] = msgspec.field(default_factory=list)


class _RefundCharge(msgspec.Struct):
    charge: Charge


class _RefundCharges(msgspec.Struct, rename="camel"):
    refund_charge: list[_RefundCharge] = msgspec.field(default_factory=list)


class _Refund(msgspec.Struct, rename="camel"):
    refund_charges: _RefundCharges


class _Item(msgspec.Struct, rename="camel"):
    sku: str
    product_name: str


class _Fulfillment(msgspec.Struct, rename="camel"):
    shipping_program_type: str | None = None


class Line(msgspec.Struct, rename="camel"):
    """A line as Walmart tells it, and how many of its pieces stand where."""

    line_number: str
    item: _Item
    charges: _Charges
    order_line_quantity: _Quantity
    status_date: int
    order_line_statuses: _Statuses
    refund: _Refund | None = None
    intent_to_cancel: str | None = None
    fulfillment: _Fulfillment | None = None

    @property
    def asked_to_cancel(self) -> bool:
        """Did the customer ask for this line not to be sent?"""
        return (self.intent_to_cancel or "").lower() not in ("", "false", "null", "none")

    def pieces(self, *statuses: str) -> int:
        """How many pieces have one of these statuses."""
        found = self.order_line_statuses.order_line_status
        return sum(count(one.status_quantity, self.line_number) for one in found if one.status in statuses)

    @property
    def open(self) -> int:
        """How many pieces are neither shipped nor canceled."""
        return self.pieces(*OPEN)

    def parcels(self) -> list[tuple[str, int, int]]:
        """(tracking number, pieces, when it was shipped in milliseconds or 0) of what was shipped."""
        return [
            (one.tracking_info.tracking_number, count(one.status_quantity, self.line_number),
             one.tracking_info.ship_date_time or 0)
            for one in self.order_line_statuses.order_line_status
            if one.status in SHIPPED | {REFUND} and one.tracking_info and one.tracking_info.tracking_number
        ]  # fmt: skip


class _Lines(msgspec.Struct, rename="camel"):
    order_line: list[Line]


class _Postal(msgspec.Struct, rename="camel"):
    name: str
    address1: str
    city: str
    state: str
    postal_code: str
    country: str
    address2: str | None = None


class _ShippingInfo(msgspec.Struct, rename="camel"):
    method_code: str
    postal_address: _Postal
    phone: str | None = None


class _Total(msgspec.Struct, rename="camel"):
    currency_amount: Decimal


class _Summary(msgspec.Struct, rename="camel"):
    total_amount: _Total | None = None


class Order(msgspec.Struct, rename="camel"):
    """A purchase order as Walmart tells it."""

    purchase_order_id: str
    customer_order_id: str
    order_date: int | datetime
    shipping_info: _ShippingInfo
    order_lines: _Lines
    customer_email_id: str | None = None
    order_summary: _Summary | None = None

    @property
    def lines(self) -> list[Line]:
        """Its lines."""
        return self.order_lines.order_line


class _Head(msgspec.Struct, rename="camel"):
    purchase_order_id: str


class _One(msgspec.Struct):
    order: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class _Meta(msgspec.Struct, rename="camel"):
    total_count: int = 0
    next_cursor: str | None = None


class _Elements(msgspec.Struct):
    order: list[msgspec.Raw] = msgspec.field(default_factory=list)


class Listed(msgspec.Struct):
    """A page of orders, each still raw."""

    meta: _Meta
    elements: _Elements


class _Listing(msgspec.Struct):
    list: Listed


NOTHING = Listed(_Meta(), _Elements())


def listing(body: bytes) -> Listed:
    """The page in an answer; raises Unreadable."""
    found: _Listing = decode(body, _Listing, "Walmart's list of orders")
    return found.list


def count(quantity: _Quantity, line_number: str) -> int:
    """The pieces; raises Unreadable where that is no whole number of them."""
    text = str(quantity.amount)
    if not text.isdecimal():
        raise Unreadable(f"line {line_number}: {text!r} is no number of pieces", field="orderLines.amount")
    return int(text)


def unwrapped(body: bytes, subject: str) -> bytes:
    """The order in an answer about one order: ``{"order": …}`` in practice, bare in the description."""
    inner = decode(body, _One, subject).order
    return bytes(inner) if isinstance(inner, msgspec.Raw) else body


def order_id(body: msgspec.Raw) -> str:
    """The purchase order's id; raises Unreadable."""
    return str(decode(body, _Head, "a Walmart order").purchase_order_id)


def order_of(body: bytes | msgspec.Raw, subject: str) -> Order:
    """The order, with every status known; raises Unreadable."""
    order: Order = decode(body, Order, subject)
    try:
        for i, line in enumerate(order.lines):
            _check(line, f"orderLines.orderLine[{i}]")
    except Unreadable as error:
        raise Unreadable(f"{subject}: {error.message}", field=error.field) from error
    return order


def _check(line: Line, field: str) -> None:
    for status in (one.status for one in line.order_line_statuses.order_line_status):
        if status not in _STATUSES:
            raise Unreadable(
                f"line {line.line_number} has the status {status!r}, which is none of {', '.join(sorted(_STATUSES))};"
                " look at the order in Seller Center",
                field=f"{field}.orderLineStatuses",
            )
    ordered = count(line.order_line_quantity, line.line_number)
    told = line.pieces(*(_STATUSES - {REFUND}))
    # Refunds are of what was shipped. Whether those pieces are counted as shipped besides is said nowhere.
    if ordered not in (told, told + line.pieces(REFUND)):
        raise Unreadable(
            f"line {line.line_number} is of {ordered} pieces, and its statuses are of {told}",
            field=f"{field}.orderLineStatuses",
        )


def moment(value: int | datetime, field: str) -> datetime:
    """The time, aware UTC; raises Unreadable naming the field."""
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    try:
        return EPOCH + timedelta(milliseconds=value)
    except OverflowError as error:
        raise Unreadable(f"{field} should be a time in milliseconds, not {value}", field=field) from error


def milliseconds(when: datetime) -> int:
    """The time as Walmart wants it in bodies."""
    return (when - EPOCH) // timedelta(milliseconds=1)
