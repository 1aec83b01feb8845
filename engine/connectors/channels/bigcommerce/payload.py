"""A BigCommerce order as it comes, decoded. Pure.

An order comes with its consignments, and these with their lines: what goes to an address, what is picked up, downloaded or
sent by mail. Amounts are texts with four decimals, times are written as in mails (RFC 2822).
Source: https://developer.bigcommerce.com/docs/rest-management/orders
"""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import msgspec

from engine.connectors.payload import decode
from engine.errors import Unreadable


class Line(msgspec.Struct):
    """A line of an order. Counts are numbers, and whole ones."""

    id: int
    name: str
    quantity: int
    price_ex_tax: str
    order_address_id: int
    sku: str | None = None
    quantity_shipped: float = 0
    quantity_refunded: float = 0
    type: str = "physical"

    @property
    def shipped(self) -> int:
        """How many pieces are in shipments."""
        return int(self.quantity_shipped)

    @property
    def refunded(self) -> int:
        """How many pieces were refunded before they were shipped."""
        return min(int(self.quantity_refunded), self.quantity - self.shipped)

    @property
    def open(self) -> int:
        """How many pieces are neither shipped nor refunded."""
        return self.quantity - self.shipped - self.refunded


class Person(msgspec.Struct):
    first_name: str | None = ""
    last_name: str | None = ""
    company: str | None = ""
    street_1: str | None = ""
    street_2: str | None = ""
    city: str | None = ""
    state: str | None = ""
    zip: str | None = ""
    country_iso2: str | None = ""
    phone: str | None = ""
    email: str | None = ""


class Shipping(Person):
    """What goes to one address; ``id`` is that of the address."""

    id: int = 0
    shipping_method: str | None = ""
    line_items: list[Line] = msgspec.field(default_factory=list)


class _Consignments(msgspec.Struct):
    shipping: list[Shipping]


class Order(msgspec.Struct):
    """An order."""

    id: int
    status_id: int
    date_created: str
    date_modified: str
    default_currency_code: str
    total_inc_tax: str
    total_tax: str
    shipping_cost_ex_tax: str
    discount_amount: str
    coupon_discount: str
    billing_address: Person
    consignments: _Consignments
    payment_status: str | None = ""
    customer_message: str | None = ""
    staff_notes: str | None = ""
    is_deleted: bool = False

    @property
    def shipping(self) -> list[Shipping]:
        """The addresses to which something goes."""
        return [one for one in self.consignments.shipping if one.line_items]

    @property
    def lines(self) -> list[Line]:
        """What is to be shipped, to whatever address."""
        return [line for one in self.shipping for line in one.line_items]


class _HeadConsignment(msgspec.Struct):
    line_items: list[Any] = msgspec.field(default_factory=list)


class _HeadConsignments(msgspec.Struct):
    shipping: list[_HeadConsignment] = msgspec.field(default_factory=list)


class Head(msgspec.Struct):
    """The little of an order that a walk must know."""

    id: int
    status_id: int = -1
    consignments: _HeadConsignments = msgspec.field(default_factory=_HeadConsignments)

    @property
    def ships(self) -> bool:
        """Is there anything to be shipped, of an order that was placed? (0 is a checkout that was not completed.)"""
        return self.status_id != 0 and any(one.line_items for one in self.consignments.shipping)


class Shipment(msgspec.Struct):
    """A shipment of an order."""

    id: int
    tracking_number: str | None = ""
    comments: str | None = ""


def listed(body: bytes, kind: Any, subject: str) -> Any:
    """A list in an answer: BigCommerce answers nothing at all (204) where there is nothing in it. Raises Unreadable."""
    return decode(body, list[kind], subject) if body.strip() else []


def moment(text: str, field: str) -> datetime:
    """A time as in mails, aware UTC; raises Unreadable naming the field."""
    try:
        value = parsedate_to_datetime(text)
    except ValueError as error:
        raise Unreadable(f"{field} should be a date and time, not {text!r}", field=field) from error
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
