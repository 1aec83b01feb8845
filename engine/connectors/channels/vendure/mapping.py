"""What a Vendure order says, in our words. Pure.

Fields and their meaning: https://docs.vendure.io/reference/graphql-api/admin/object-types#order
States: https://docs.vendure.io/guides/core-concepts/orders/#the-order-process
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Annotated

import msgspec
from babel.numbers import get_currency_precision

from engine.connectors import payload
from engine.errors import Unreadable
from engine.ports import Address, ChannelLine, ChannelOrder, ChannelState, Parcel, Payment

Count = Annotated[int, msgspec.Meta(ge=0)]

FULFILLMENT_FIELDS = "fulfillments { id state method trackingCode lines { orderLineId quantity } }"
ADDRESS_FIELDS = "{ fullName company streetLine1 streetLine2 city province postalCode countryCode phoneNumber }"
ORDER_FIELDS = f"""
  id code state type createdAt updatedAt orderPlacedAt currencyCode
  total totalWithTax
  customer {{ emailAddress }}
  shippingAddress {ADDRESS_FIELDS}
  billingAddress {ADDRESS_FIELDS}
  lines {{ id quantity orderPlacedQuantity unitPriceWithTax productVariant {{ sku name }} }}
  shippingLines {{ priceWithTax shippingMethod {{ code name }} }}
  discounts {{ amountWithTax }}
  payments {{ state amount refunds {{ state total }} }}
  {FULFILLMENT_FIELDS}
"""

STATES = {
    "Created": ChannelState.PENDING,
    "Draft": ChannelState.PENDING,
    "AddingItems": ChannelState.PENDING,
    "ArrangingPayment": ChannelState.PENDING,
    "PaymentAuthorized": ChannelState.PENDING,  # Vendure lets nothing ship before the payment is settled
    "ArrangingAdditionalPayment": ChannelState.PENDING,
    "Modifying": ChannelState.PENDING,
    "PaymentSettled": ChannelState.OPEN,
    "PartiallyShipped": ChannelState.PARTIALLY_SHIPPED,
    "PartiallyDelivered": ChannelState.PARTIALLY_SHIPPED,
    "Shipped": ChannelState.SHIPPED,
    "Delivered": ChannelState.SHIPPED,
    "Cancelled": ChannelState.CANCELED,
}
UNPLACED = frozenset({"Created", "Draft", "AddingItems", "ArrangingPayment", "Cancelled"})
ON_ITS_WAY = frozenset({"Shipped", "Delivered"})
FULFILLMENT_STATES = frozenset({"Created", "Pending", "Cancelled"}) | ON_ITS_WAY
PAYMENT_STATES = frozenset({"Created", "Authorized", "Settled", "Declined", "Error", "Cancelled"})
REFUND_STATES = frozenset({"Pending", "Settled", "Failed"})


class _Model(msgspec.Struct, rename="camel", frozen=True):
    pass


class VendureAddress(_Model, frozen=True):
    """An OrderAddress; every field may be null."""

    full_name: str | None = None
    company: str | None = None
    street_line1: str | None = None
    street_line2: str | None = None
    city: str | None = None
    province: str | None = None
    postal_code: str | None = None
    country_code: str | None = None
    phone_number: str | None = None


class _Variant(_Model, frozen=True):
    sku: str
    name: str


class _Line(_Model, frozen=True):
    id: str
    quantity: Count
    order_placed_quantity: Count
    unit_price_with_tax: int
    product_variant: _Variant


class FulfillmentLine(_Model, frozen=True):
    """A quantity of an order line in a fulfillment."""

    order_line_id: str
    quantity: Count


class Fulfillment(_Model, frozen=True):
    """A Fulfillment: what Vendure calls a parcel."""

    id: str
    state: str
    method: str
    tracking_code: str | None
    lines: tuple[FulfillmentLine, ...]

    def holds(self, parcel: Parcel) -> bool:
        """Whether this is that parcel: the same tracking code and the same quantities of the same lines."""
        if self.state == "Cancelled" or (self.tracking_code or "") != tracking_code(parcel):
            return False
        mine: Counter[str] = Counter()
        for line in self.lines:
            mine[line.order_line_id] += line.quantity
        return mine == quantities(parcel)


class _Method(_Model, frozen=True):
    code: str
    name: str


class _ShippingLine(_Model, frozen=True):
    price_with_tax: int
    shipping_method: _Method


class _Discount(_Model, frozen=True):
    amount_with_tax: int


class _Refund(_Model, frozen=True):
    state: str
    total: int


class _Payment(_Model, frozen=True):
    state: str
    amount: int
    refunds: tuple[_Refund, ...] = ()


class _Customer(_Model, frozen=True):
    email_address: str


class VendureOrder(_Model, frozen=True):
    """An Order with the fields of ``ORDER_FIELDS``."""

    id: str
    code: str
    state: str
    created_at: datetime
    updated_at: datetime
    order_placed_at: datetime | None
    currency_code: str
    total: int
    total_with_tax: int
    customer: _Customer | None
    shipping_address: VendureAddress | None
    billing_address: VendureAddress | None
    lines: tuple[_Line, ...]
    shipping_lines: tuple[_ShippingLine, ...]
    discounts: tuple[_Discount, ...]
    payments: tuple[_Payment, ...] | None
    fulfillments: tuple[Fulfillment, ...] | None


BETWEEN = ", "


def tracking_code(parcel: Parcel) -> str:
    """What the customer reads. A fulfillment has one code, so the parts of a kit that came before are told with it."""
    return BETWEEN.join((parcel.tracking_number, *parcel.also))


def quantities(parcel: Parcel) -> Counter[str]:
    """The parcel's quantity of each line id."""
    counts: Counter[str] = Counter()
    for line_id, quantity in parcel.lines:
        counts[line_id] += quantity
    return counts


def read_order(body: bytes, precision: int) -> ChannelOrder:
    """The order in ``body``; ``precision`` is the number of decimals the store keeps its money with.

    Raises Unreadable with the path of the field that is wrong.
    """
    try:
        order = msgspec.json.decode(body, type=VendureOrder)
    except msgspec.DecodeError as error:
        raise payload.unreadable(error, "this is not a Vendure order") from error
    shipped = _shipped(order)
    lines = tuple(_line(line, shipped[line.id], order, precision) for line in order.lines)
    money = _Minor(order.currency_code, precision)
    return ChannelOrder(
        external_id=order.id,
        number=order.code,
        state=_state(order, lines),
        payment=_payment(order),
        placed_at=_placed_at(order),
        updated_at=order.updated_at,
        currency=order.currency_code,
        total=money(order.total_with_tax),
        lines=lines,
        ship_to=_address(order.shipping_address, _email(order)) or Address(email=_email(order)),
        bill_to=_address(order.billing_address, ""),
        email=_email(order),
        shipping_rate=" + ".join(line.shipping_method.name for line in order.shipping_lines),
        shipping_total=money(sum(line.price_with_tax for line in order.shipping_lines)),
        tax_total=money(order.total_with_tax - order.total),
        discount_total=money(-sum(discount.amount_with_tax for discount in order.discounts)),
    )


class _Minor:
    """Turns the store's integers into minor units of the currency: Vendure keeps yen with two decimals, too."""

    def __init__(self, currency: str, precision: int) -> None:
        self._shift: int = get_currency_precision(currency) - precision

    def __call__(self, amount: int) -> int:
        if self._shift >= 0:
            return amount * int(10**self._shift)
        unit = int(10**-self._shift)
        return (2 * amount + unit) // (2 * unit)  # halves go up; a fraction of a yen comes from tax and cannot be paid


def _line(line: _Line, shipped: int, order: VendureOrder, precision: int) -> ChannelLine:
    # A store may also have raised a quantity or added a line since (orderPlacedQuantity is then the smaller one).
    ordered = max(line.order_placed_quantity, line.quantity)
    return ChannelLine(
        external_id=line.id,
        sku=line.product_variant.sku,
        title=line.product_variant.name,
        quantity=ordered,
        unit_price=_Minor(order.currency_code, precision)(line.unit_price_with_tax),
        # Canceling what has already gone is a return: the pieces stay shipped.
        canceled=max(0, min(ordered - line.quantity, ordered - shipped)),
        shipped=min(shipped, ordered),
    )


def _shipped(order: VendureOrder) -> Counter[str]:
    counts: Counter[str] = Counter()
    for index, fulfillment in enumerate(order.fulfillments or ()):
        _known(fulfillment.state, FULFILLMENT_STATES, f"fulfillments[{index}].state", order)
        if fulfillment.state in ON_ITS_WAY:
            for line in fulfillment.lines:
                counts[line.order_line_id] += line.quantity
    return counts


def _state(order: VendureOrder, lines: tuple[ChannelLine, ...]) -> ChannelState:
    _known(order.state, STATES.keys(), "state", order)
    state = STATES[order.state]
    # Vendure leaves an order partially shipped when its last open pieces are canceled.
    if state is ChannelState.PARTIALLY_SHIPPED and all(x.shipped + x.canceled == x.quantity for x in lines):
        return ChannelState.SHIPPED
    return state


def _payment(order: VendureOrder) -> Payment:
    settled = refunded = 0
    for index, payment in enumerate(order.payments or ()):
        _known(payment.state, PAYMENT_STATES, f"payments[{index}].state", order)
        if payment.state == "Settled":
            settled += payment.amount
        for position, refund in enumerate(payment.refunds):
            _known(refund.state, REFUND_STATES, f"payments[{index}].refunds[{position}].state", order)
            if refund.state != "Failed":  # a pending refund is promised money
                refunded += refund.total
    if refunded > 0:
        return Payment.REFUNDED if refunded >= settled else Payment.PARTIALLY_REFUNDED
    if order.state in UNPLACED and order.state != "Cancelled":
        return Payment.UNPAID
    return Payment.PAID if settled >= order.total_with_tax else Payment.UNPAID


def _placed_at(order: VendureOrder) -> datetime:
    if order.order_placed_at is not None:
        return order.order_placed_at
    if order.state in UNPLACED:
        return order.created_at  # a cart: the moment it was begun is the only one there is
    raise Unreadable(f"order {order.code} is {order.state} but has no orderPlacedAt", "orderPlacedAt")


def _address(address: VendureAddress | None, email: str) -> Address | None:
    if address is None or address == VendureAddress():
        return None
    return Address(
        name=address.full_name or "",
        company=address.company or "",
        line1=address.street_line1 or "",
        line2=address.street_line2 or "",
        city=address.city or "",
        region=address.province or "",
        postal_code=address.postal_code or "",
        country=address.country_code or "",
        phone=address.phone_number or "",
        email=email,
    )


def _email(order: VendureOrder) -> str:
    return order.customer.email_address if order.customer else ""


def _known(value: str, table: object, field: str, order: VendureOrder) -> None:
    if value not in table:  # type: ignore[operator]
        raise Unreadable(f"order {order.code}: Bluebook does not know the {field} {value!r}", field)
