"""What a Shopify order says, in our words. Pure.

A payload is ``{"order": <the Order, its connections whole>, "fulfillments": [<each with its lines>]}``. Ids travel as the
numbers at the end of Shopify's global ids, as the store's own addresses have them.
https://shopify.dev/docs/api/admin-graphql/2026-10/objects/Order
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Annotated

import msgspec

from engine.connectors import payload
from engine.connectors.channels.shopify.client import Shape
from engine.domain.carriers import CARRIERS
from engine.errors import Unreadable
from engine.ports import Address, ChannelLine, ChannelOrder, ChannelState, Parcel, Payment, Raw

Count = Annotated[int, msgspec.Meta(ge=0)]

# Money that is only authorized is Shopify's to capture: whether that is enough to ship is the shop owner's decision.
PAYMENTS = {
    "PAID": Payment.PAID,
    "PARTIALLY_REFUNDED": Payment.PARTIALLY_REFUNDED,
    "REFUNDED": Payment.REFUNDED,
    "AUTHORIZED": Payment.UNPAID,
    "PENDING": Payment.UNPAID,
    "PARTIALLY_PAID": Payment.UNPAID,
    "EXPIRED": Payment.UNPAID,
    "VOIDED": Payment.UNPAID,
}
OPEN = frozenset({"OPEN", "IN_PROGRESS"})
STOPPED = frozenset({"ON_HOLD", "SCHEDULED"})
OVER = frozenset({"CLOSED", "CANCELLED", "INCOMPLETE"})
SENT = frozenset({"SUCCESS", "OPEN", "PENDING"})
UNSENT = frozenset({"CANCELLED", "ERROR", "FAILURE"})
_RECOMMENDED = {
    "ACCEPT": "",
    "NONE": "",
    "INVESTIGATE": "Shopify advises to look into it before it ships",
    "CANCEL": "Shopify advises to cancel it",
}
_RISKS = frozenset({"HIGH", "MEDIUM", "LOW", "NONE", "PENDING"})
_FRAUD_HOLD = "HIGH_RISK_OF_FRAUD"


class Money(Shape, frozen=True):
    """An amount as text in major units."""

    amount: str


class MoneyBag(Shape, frozen=True):
    """An amount in the store's currency."""

    shop_money: Money


class Named(Shape, frozen=True):
    """Whatever is told by its global id alone."""

    id: str


class PageInfo(Shape, frozen=True):
    """Whether a connection goes on, and from where."""

    has_next_page: bool
    end_cursor: str | None = None


class Counted(Shape, frozen=True):
    """How many there are."""

    count: int


class ShopifyAddress(Shape, frozen=True):
    """A MailingAddress; every field may be null."""

    name: str | None = None
    company: str | None = None
    address1: str | None = None
    address2: str | None = None
    city: str | None = None
    province: str | None = None
    province_code: str | None = None
    zip: str | None = None
    country_code: str | None = msgspec.field(default=None, name="countryCodeV2")
    phone: str | None = None


class _Assessment(Shape, frozen=True):
    risk_level: str


class _Risk(Shape, frozen=True):
    recommendation: str
    assessments: tuple[_Assessment, ...] = ()


class _Title(Shape, frozen=True):
    title: str


class _Titles(Shape, frozen=True):
    nodes: tuple[_Title, ...]


class Line(Shape, frozen=True):
    """A LineItem. ``quantity`` counts what was refunded or removed since, ``current_quantity`` does not."""

    id: str
    name: str
    sku: str | None
    quantity: Count
    current_quantity: Count
    requires_shipping: bool
    original_unit_price_set: MoneyBag


class Lines(Shape, frozen=True):
    """All the lines of an order."""

    nodes: tuple[Line, ...]


class Hold(Shape, frozen=True):
    """Why a fulfillment order is on hold; ``display_reason`` is in the language of the store's people."""

    reason: str
    display_reason: str
    reason_notes: str | None = None


class Place(Shape, frozen=True):
    """Where a fulfillment order is to ship from."""

    name: str
    location: Named | None = None


class FulfillmentOrder(Shape, frozen=True):
    """Lines of an order that are to ship from one location."""

    id: str
    status: str
    assigned_location: Place
    fulfill_at: datetime | None = None
    fulfillment_holds: tuple[Hold, ...] = ()

    def waits(self) -> str:
        """Why it may not be shipped yet, "" where it may."""
        if self.status == "SCHEDULED":
            when = f" {self.fulfill_at:%Y-%m-%d}" if self.fulfill_at else ""
            return f"scheduled for{when or ' later'} at {self.assigned_location.name}"
        if self.status != "ON_HOLD":
            return ""
        reasons = [
            hold.display_reason + (f" ({hold.reason_notes})" if hold.reason_notes else "")
            for hold in self.fulfillment_holds
        ]
        return f"on hold at {self.assigned_location.name}: {'; '.join(reasons) or 'no reason is given'}"


class FulfillmentOrders(Shape, frozen=True):
    """Fulfillment orders, and whether there are more."""

    nodes: tuple[FulfillmentOrder, ...]
    page_info: PageInfo = PageInfo(False)


class Tracking(Shape, frozen=True):
    """A tracking number; null where nobody gave one."""

    number: str | None = None


class Fulfillment(Shape, frozen=True):
    """What Shopify calls a parcel: lines that left one location."""

    id: str
    status: str
    tracking_info: tuple[Tracking, ...] = ()

    @property
    def sent(self) -> bool:
        """Does it count as on its way? Raises Unreadable for a status we do not know."""
        known(self.status, SENT | UNSENT, "status of a fulfillment", "fulfillments.status")
        return self.status in SENT

    @property
    def numbers(self) -> tuple[str, ...]:
        """Its tracking numbers; one "" where it has none."""
        return tuple(one.number or "" for one in self.tracking_info) or ("",)


class FulfilledLine(Shape, frozen=True):
    """Pieces of a line in a fulfillment."""

    quantity: int | None
    line_item: Named


class Shipped(Shape, frozen=True):
    """A fulfillment with all its lines, as the payload keeps it."""

    fulfillment: Fulfillment
    lines: tuple[FulfilledLine, ...]


class ShopifyOrder(Shape, frozen=True):
    """An Order as ``documents.ORDERS`` asks for it."""

    id: str
    name: str
    created_at: datetime
    processed_at: datetime
    updated_at: datetime
    cancelled_at: datetime | None
    currency_code: str
    email: str | None
    phone: str | None
    note: str | None
    display_financial_status: str | None
    risk: _Risk
    shipping_address: ShopifyAddress | None
    billing_address: ShopifyAddress | None
    shipping_lines: _Titles
    total_price_set: MoneyBag
    total_shipping_price_set: MoneyBag
    total_tax_set: MoneyBag | None
    total_discounts_set: MoneyBag | None
    line_items: Lines
    fulfillment_orders: FulfillmentOrders


class Payload(Shape, frozen=True):
    """What is stored of an order and read again."""

    order: ShopifyOrder
    fulfillments: tuple[Shipped, ...] = ()


def number(gid: str) -> str:
    """The number at the end of a global id: ``gid://shopify/Order/1?x=y`` is ``1``."""
    return gid.rpartition("/")[2].partition("?")[0]


def gid(kind: str, external_id: str) -> str:
    """The global id of a thing by its number."""
    return f"gid://shopify/{kind}/{external_id}"


def known(value: str | None, table: Collection[str], what: str, field: str) -> None:
    """Raises Unreadable where Shopify says something that is not in the table."""
    if value not in table:
        raise Unreadable(f"Bluebook does not know the {what} {value!r} of Shopify", field)


def read(raw: Raw, *, ship_authorized: bool = False) -> ChannelOrder:
    """The order in the payload. Raises Unreadable with the path of the field that is wrong."""
    subject = f"Shopify order {raw.external_id}"
    stored = payload.decode(raw.body, Payload, subject)
    try:
        return _order(stored, ship_authorized)
    except Unreadable as error:
        raise payload.about(error, subject) from error


def _order(stored: Payload, ship_authorized: bool) -> ChannelOrder:
    order = stored.order
    lines = _lines(order, shipped_pieces(stored.fulfillments))
    email, phone = order.email or "", order.phone or ""
    waits = _waits(order)
    ship_to = _address(order.shipping_address, email, phone) or Address(email=email, phone=phone)
    return ChannelOrder(
        external_id=number(order.id),
        number=order.name.removeprefix("#"),
        state=_state(order, lines, waits),
        payment=_payment(order, ship_authorized),
        placed_at=order.processed_at,
        updated_at=order.updated_at,
        currency=order.currency_code,
        total=_amount(order, order.total_price_set, "totalPriceSet"),
        lines=lines,
        ship_to=ship_to,
        bill_to=_address(order.billing_address, email, ""),
        email=email,
        shipping_rate=" + ".join(dict.fromkeys(line.title for line in order.shipping_lines.nodes)),
        shipping_total=_amount(order, order.total_shipping_price_set, "totalShippingPriceSet"),
        tax_total=_amount(order, order.total_tax_set, "totalTaxSet"),
        discount_total=_amount(order, order.total_discounts_set, "totalDiscountsSet"),
        note=order.note or "",
        fraud=_fraud(order),
        waits_for=waits if order.cancelled_at is None else "",
    )


def shipped_pieces(fulfillments: Sequence[Shipped]) -> Counter[str]:
    """Pieces on their way, by the number of their line."""
    pieces: Counter[str] = Counter()
    for shipped in fulfillments:
        if shipped.fulfillment.sent:
            for line in shipped.lines:
                pieces[number(line.line_item.id)] += line.quantity or 0
    return pieces


def _amount(order: ShopifyOrder, bag: MoneyBag | None, field: str) -> int:
    return 0 if bag is None else payload.amount(bag.shop_money.amount, order.currency_code, f"order.{field}")


def _lines(order: ShopifyOrder, shipped: Mapping[str, int]) -> tuple[ChannelLine, ...]:
    """The lines that are to be shipped: not gift cards, tips or downloads."""
    found = []
    for i, line in enumerate(order.line_items.nodes):
        if not line.requires_shipping or line.quantity == 0:
            continue
        if line.current_quantity > line.quantity:
            field = f"order.lineItems[{i}].currentQuantity"
            raise Unreadable(f"{field} is {line.current_quantity} of {line.quantity} ordered", field)
        key = number(line.id)
        gone = min(shipped.get(key, 0), line.quantity)
        # What is refunded after it has left is a return: the pieces stay shipped.
        taken_back = line.quantity - (0 if order.cancelled_at else line.current_quantity)
        found.append(
            ChannelLine(
                external_id=key,
                sku=line.sku or "",
                title=line.name,
                quantity=line.quantity,
                unit_price=_amount(order, line.original_unit_price_set, f"lineItems[{i}].originalUnitPriceSet"),
                canceled=min(taken_back, line.quantity - gone),
                shipped=gone,
            )
        )
    return tuple(found)


def _state(order: ShopifyOrder, lines: Sequence[ChannelLine], waits: str) -> ChannelState:
    if order.cancelled_at is not None:
        return ChannelState.CANCELED
    shipped = sum(line.shipped for line in lines)
    if lines and all(line.shipped + line.canceled == line.quantity for line in lines):
        return ChannelState.SHIPPED if shipped else ChannelState.CANCELED
    if waits:
        return ChannelState.PENDING
    return ChannelState.PARTIALLY_SHIPPED if shipped else ChannelState.OPEN


def _waits(order: ShopifyOrder) -> str:
    """Why the store has not released the order, or a part of it; "" where it has. A part cannot be released alone here."""
    reasons = []
    for one in order.fulfillment_orders.nodes:
        known(one.status, OPEN | STOPPED | OVER, "status of a fulfillment order", "order.fulfillmentOrders.status")
        reasons.append(one.waits())
    if any(assessment.risk_level == "PENDING" for assessment in order.risk.assessments):
        reasons.append("its risk of fraud is still being assessed")
    return "; ".join(dict.fromkeys(filter(None, reasons)))


def _payment(order: ShopifyOrder, ship_authorized: bool) -> Payment:
    status = order.display_financial_status
    known(status, PAYMENTS, "financial status", "order.displayFinancialStatus")
    if status == "AUTHORIZED" and ship_authorized:
        return Payment.PAID
    return PAYMENTS[status or ""]


def _fraud(order: ShopifyOrder) -> str | None:
    known(order.risk.recommendation, _RECOMMENDED, "recommendation", "order.risk.recommendation")
    reasons = [_RECOMMENDED[order.risk.recommendation]]
    for assessment in order.risk.assessments:
        known(assessment.risk_level, _RISKS, "level of risk", "order.risk.assessments.riskLevel")
        if assessment.risk_level == "HIGH":
            reasons.append("a high risk of fraud was found")
    if any(hold.reason == _FRAUD_HOLD for one in order.fulfillment_orders.nodes for hold in one.fulfillment_holds):
        reasons.append("it is on hold for a high risk of fraud")
    return "; ".join(dict.fromkeys(filter(None, reasons))) or None


def _address(address: ShopifyAddress | None, email: str, phone: str) -> Address | None:
    if address is None or address == ShopifyAddress():
        return None
    return Address(
        name=address.name or "",
        company=address.company or "",
        line1=address.address1 or "",
        line2=address.address2 or "",
        city=address.city or "",
        region=address.province_code or address.province or "",
        postal_code=address.zip or "",
        country=address.country_code or "",
        phone=address.phone or phone,
        email=email,
    )


def company(parcel: Parcel) -> str:
    """The carrier as Shopify spells it, which makes it link the number; others by the name the supplier gave."""
    carrier = CARRIERS.get(parcel.carrier)
    if carrier is None:
        return parcel.carrier_name or parcel.carrier
    return carrier.spellings.get("shopify", carrier.name)


def tracking_input(parcel: Parcel) -> dict[str, object]:
    """A parcel's FulfillmentTrackingInput. Numbers of kits' other parcels go with it."""
    given: dict[str, object] = {"company": company(parcel)}
    if parcel.also:
        given["numbers"] = [parcel.tracking_number, *parcel.also]
    else:
        given["number"] = parcel.tracking_number
    if parcel.tracking_url:  # links belong to numbers by their place
        given |= {"urls": [parcel.tracking_url]} if parcel.also else {"url": parcel.tracking_url}
    return given
