"""What a BigCommerce order says, in the engine's words. Pure."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

from engine.connectors.channels.bigcommerce.payload import Line, Order, Person, Shipping, moment
from engine.connectors.payload import decode
from engine.domain.money import exponent, minor
from engine.errors import Unreadable
from engine.ports import Address, ChannelLine, ChannelOrder, ChannelState, Payment, Raw

# The ids of statuses are the same in every store, whatever they are called there.
PENDING = {
    0: "Incomplete",
    1: "Pending",
    7: "Awaiting Payment",
    8: "Awaiting Pickup",
    12: "Manual Verification Required",
}
OPEN = {9: "Awaiting Shipment", 11: "Awaiting Fulfillment"}
SHIPPED, PARTIALLY_SHIPPED, COMPLETED = 2, 3, 10
REFUNDED, CANCELED, DECLINED, VERIFY, DISPUTED, PARTIALLY_REFUNDED = 4, 5, 6, 12, 13, 14
_FRAUD = {VERIFY: "held for manual verification", DISPUTED: "the payment is disputed"}

_PAID = {
    "authorized": Payment.PAID,
    "captured": Payment.PAID,
    "capture pending": Payment.PAID,
    "paid": Payment.PAID,
    "partially refunded": Payment.PARTIALLY_REFUNDED,
    "refunded": Payment.REFUNDED,
    "declined": Payment.UNPAID,
    "held for review": Payment.UNPAID,
    "pending": Payment.UNPAID,
    "void": Payment.UNPAID,
    "void pending": Payment.UNPAID,
}
_NOT_YET_PAID = frozenset({0, 1, 6, 7})


def read(raw: Raw) -> ChannelOrder:
    """The order in the payload. Raises Unreadable with the path of the field that is wrong."""
    subject = f"BigCommerce order {raw.external_id}"
    order: Order = decode(raw.body, Order, subject)
    try:
        return _read(order)
    except Unreadable as error:
        raise Unreadable(f"{subject}: {error.message}", field=error.field) from error


def _read(order: Order) -> ChannelOrder:
    if len(order.shipping) != 1:
        said = "nothing of it is shipped" if not order.shipping else f"it goes to {len(order.shipping)} addresses"
        raise Unreadable(
            f"{said}, and Bluebook ships an order to one; ship it from the control panel, or split it there",
            field="consignments.shipping",
        )
    (shipping,) = order.shipping
    currency = order.default_currency_code
    state = state_of(order)
    email = order.billing_address.email or shipping.email or ""
    return ChannelOrder(
        external_id=str(order.id),
        number=str(order.id),
        state=state,
        payment=_payment(order),
        placed_at=moment(order.date_created, "date_created"),
        updated_at=moment(order.date_modified, "date_modified"),
        currency=currency,
        total=_exact(order.total_inc_tax, currency, "total_inc_tax"),
        lines=tuple(_line(line, state, currency) for line in order.lines),
        ship_to=_address(shipping, shipping.email or email),
        bill_to=_address(order.billing_address, order.billing_address.email or ""),
        email=email,
        shipping_rate=shipping.shipping_method or "",
        shipping_total=_rounded(order.shipping_cost_ex_tax, currency, "shipping_cost_ex_tax"),
        tax_total=_rounded(order.total_tax, currency, "total_tax"),
        discount_total=_rounded(order.discount_amount, currency, "discount_amount")
        + _rounded(order.coupon_discount, currency, "coupon_discount"),
        note=order.customer_message or "",
        fraud=_FRAUD.get(order.status_id),
    )


def state_of(order: Order) -> ChannelState:
    """Where it stands, by its status and, where that does not say it, by its pieces. Raises Unreadable."""
    status = order.status_id
    if order.is_deleted or status in (CANCELED, DECLINED):
        return ChannelState.SHIPPED if _by_pieces(order) is ChannelState.SHIPPED else ChannelState.CANCELED
    if status in (SHIPPED, COMPLETED):
        return ChannelState.SHIPPED
    if status == PARTIALLY_SHIPPED:
        found = _by_pieces(order)
        return found if found is ChannelState.SHIPPED else ChannelState.PARTIALLY_SHIPPED
    if status in PENDING:
        return ChannelState.PENDING
    if status == REFUNDED:
        # Money that went back for all of it: what has not been shipped will not be.
        return ChannelState.SHIPPED if any(line.shipped for line in order.lines) else ChannelState.CANCELED
    if status == DISPUTED:
        found = _by_pieces(order)
        return ChannelState.PENDING if found is ChannelState.OPEN else found
    if status in OPEN or status == PARTIALLY_REFUNDED:
        return _by_pieces(order)
    raise Unreadable(
        f"the status {status} is not one of BigCommerce's; give the order another one in the control panel",
        field="status_id",
    )


def _by_pieces(order: Order) -> ChannelState:
    some = any(line.shipped for line in order.lines)
    if any(line.open for line in order.lines):
        return ChannelState.PARTIALLY_SHIPPED if some else ChannelState.OPEN
    return ChannelState.SHIPPED if some else ChannelState.CANCELED


def _payment(order: Order) -> Payment:
    told = order.payment_status or ""
    if told:
        found = _PAID.get(told)
        if found is None:
            raise Unreadable(f"the payment status {told!r} is not one of BigCommerce's", field="payment_status")
    else:
        # Offline payments have none; by its status an order is released or not.
        found = Payment.UNPAID if order.status_id in _NOT_YET_PAID else Payment.PAID
    if found is Payment.PAID and order.status_id in (REFUNDED, PARTIALLY_REFUNDED):
        return Payment.REFUNDED if order.status_id == REFUNDED else Payment.PARTIALLY_REFUNDED
    return found


def _line(line: Line, state: ChannelState, currency: str) -> ChannelLine:
    canceled, shipped = line.refunded, line.shipped
    if state is ChannelState.CANCELED:
        canceled = line.quantity - shipped
    elif state is ChannelState.SHIPPED:
        shipped = line.quantity - canceled  # also where somebody gave it that status without a shipment
    return ChannelLine(
        external_id=str(line.id),
        sku=line.sku or "",
        title=line.name,
        quantity=line.quantity,
        unit_price=_rounded(line.price_ex_tax, currency, "price_ex_tax"),
        canceled=canceled,
        shipped=shipped,
    )


def _exact(text: str, currency: str, field: str) -> int:
    try:
        return minor(text, currency)
    except Unreadable as error:
        raise Unreadable(f"{field}: {error.message}", field=field) from error


def _rounded(text: str, currency: str, field: str) -> int:
    """Prices without tax, and taxes, are told to four decimals: a share of what the customer pays, rounded half up."""
    try:
        value = Decimal(text).quantize(Decimal(1).scaleb(-exponent(currency)), ROUND_HALF_UP)
    except InvalidOperation as error:
        raise Unreadable(f"{field} should be an amount, not {text!r}", field=field) from error
    return _exact(str(value), currency, field)


def _address(given: Person | Shipping, email: str) -> Address:
    return Address(
        name=f"{given.first_name or ''} {given.last_name or ''}".strip(),
        company=given.company or "",
        line1=given.street_1 or "",
        line2=given.street_2 or "",
        city=given.city or "",
        region=given.state or "",
        postal_code=given.zip or "",
        country=given.country_iso2 or "",
        phone=given.phone or "",
        email=email,
    )
