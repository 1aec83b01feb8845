"""What an eBay order says, in the engine's words, and what eBay is told of a parcel. Pure.

The raw envelope is ``{"order": <the order>, "fulfillments": [<its shipping fulfillments>]}``. The order is that of getOrder
where somebody asked to cancel it, since getOrders leaves the requests out; the fulfillments are there where a line is shipped
in part, since a line itself does not say how many pieces are.
Source: https://developer.ebay.com/api-docs/sell/fulfillment/types/sel:Order
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from engine import clock
from engine.connectors import payload
from engine.domain.tracking import spelling
from engine.errors import Refused, Unreadable
from engine.ports import (
    Address,
    CancelWish,
    ChannelLine,
    ChannelOrder,
    ChannelParcel,
    ChannelState,
    Parcel,
    Payment,
    Raw,
)

FULFILLED = {
    "NOT_STARTED": ChannelState.OPEN,
    "IN_PROGRESS": ChannelState.PARTIALLY_SHIPPED,
    "FULFILLED": ChannelState.SHIPPED,
}
NO_CANCEL, CANCELING, CANCELED = "NONE_REQUESTED", "IN_PROGRESS", "CANCELED"
REQUESTS = frozenset({"REQUESTED", "REJECTED", "COMPLETED"})
PAYMENTS = frozenset({"PAID", "PENDING", "FAILED"})
REFUNDS = frozenset({"REFUNDED", "PENDING", "FAILED"})
# What eBay does with the seller's money. A hold keeps no order from being shipped: tracking is what ends most of them.
HOLDS = frozenset(
    {"HELD", "HELD_PENDING", "NOT_HELD", "RELEASE_CONFIRMED", "RELEASE_FAILED", "RELEASE_PENDING", "RELEASED"}
)
BY_EBAY = "FULFILLED_BY_EBAY"
_OTHER_SIGNS = re.compile(r"[^0-9A-Za-z]+")


class _Model(msgspec.Struct, rename="camel", frozen=True):
    pass


class _Amount(_Model, frozen=True):
    value: str
    currency: str


class _CancelRequest(_Model, frozen=True):
    cancel_request_state: str
    cancel_initiator: str = ""
    cancel_reason: str = ""


class _CancelStatus(_Model, frozen=True):
    cancel_state: str
    cancel_requests: tuple[_CancelRequest, ...] = ()

    @property
    def asked(self) -> _CancelRequest | None:
        """The buyer's request that waits for the seller's answer."""
        if self.cancel_state != CANCELING:
            return None
        waiting = [one for one in self.cancel_requests if one.cancel_request_state == "REQUESTED"]
        return next((one for one in waiting if one.cancel_initiator.casefold() != "seller"), None)


class _LineRefund(_Model, frozen=True):
    amount: _Amount | None = None


class _Line(_Model, frozen=True):
    line_item_id: str
    quantity: int
    line_item_cost: _Amount
    line_item_fulfillment_status: str
    title: str = ""
    sku: str = ""
    discounted_line_item_cost: _Amount | None = None
    refunds: tuple[_LineRefund, ...] = ()


class _Hold(_Model, frozen=True):
    hold_state: str


class _Payment(_Model, frozen=True):
    payment_status: str
    payment_holds: tuple[_Hold, ...] = ()


class _Refund(_Model, frozen=True):
    refund_status: str
    amount: _Amount | None = None


class _PaymentSummary(_Model, frozen=True):
    payments: tuple[_Payment, ...] = ()
    refunds: tuple[_Refund, ...] = ()


class _Pricing(_Model, frozen=True):
    total: _Amount
    delivery_cost: _Amount | None = None
    delivery_discount: _Amount | None = None
    price_discount: _Amount | None = None
    tax: _Amount | None = None


class _PostalAddress(_Model, frozen=True):
    address_line1: str = msgspec.field(default="", name="addressLine1")
    address_line2: str = msgspec.field(default="", name="addressLine2")
    city: str = ""
    state_or_province: str = ""
    postal_code: str = ""
    country_code: str = ""


class _Phone(_Model, frozen=True):
    phone_number: str = ""


class _Contact(_Model, frozen=True):
    full_name: str = ""
    company_name: str = ""
    email: str = ""
    contact_address: _PostalAddress = _PostalAddress()
    primary_phone: _Phone = _Phone()


class _Buyer(_Model, frozen=True):
    buyer_registration_address: _Contact | None = None


class _Step(_Model, frozen=True):
    ship_to: _Contact = _Contact()
    ship_to_reference_id: str = ""
    shipping_service_code: str = ""


class _Instruction(_Model, frozen=True):
    fulfillment_instructions_type: str = ""
    shipping_step: _Step = _Step()


class _Order(_Model, frozen=True):
    order_id: str
    creation_date: str
    last_modified_date: str
    order_fulfillment_status: str
    order_payment_status: str
    cancel_status: _CancelStatus
    line_items: tuple[_Line, ...]
    pricing_summary: _Pricing
    buyer: _Buyer = _Buyer()
    payment_summary: _PaymentSummary = _PaymentSummary()
    fulfillment_start_instructions: tuple[_Instruction, ...] = ()
    buyer_checkout_notes: str = ""


class Portion(_Model, frozen=True):
    """So many pieces of a line in a parcel."""

    line_item_id: str
    quantity: int = 1


class Fulfillment(_Model, frozen=True):
    """A parcel as eBay has it. Its id is the tracking number, where there is one."""

    fulfillment_id: str
    line_items: tuple[Portion, ...] = ()
    shipment_tracking_number: str = ""


class _Envelope(msgspec.Struct, frozen=True):
    order: _Order
    fulfillments: tuple[Fulfillment, ...] = ()


class _HeadLine(_Model, frozen=True):
    line_item_fulfillment_status: str = ""


class Head(_Model, frozen=True):
    """The little of an order that a pull must know."""

    order_id: str
    cancel_status: _CancelStatus | None = None
    line_items: tuple[_HeadLine, ...] = ()
    fulfillment_start_instructions: tuple[_Instruction, ...] = ()

    @property
    def by_ebay(self) -> bool:
        """Is it packed and shipped by eBay's own fulfilment, so that nobody here has to do with it?"""
        return any(one.fulfillment_instructions_type == BY_EBAY for one in self.fulfillment_start_instructions)

    @property
    def asked_to_cancel(self) -> bool:
        """Are there requests that only the order by itself tells?"""
        return self.cancel_status is not None and self.cancel_status.cancel_state != NO_CANCEL

    @property
    def in_part(self) -> bool:
        """Has some line shipped, and not all of it?"""
        return any(line.line_item_fulfillment_status == "IN_PROGRESS" for line in self.line_items)


class OrderPage(msgspec.Struct, frozen=True):
    """A page of getOrders; ``next`` is an address, where there are more."""

    orders: tuple[msgspec.Raw, ...] = ()
    total: int = 0
    next: str = ""


class Parcels(msgspec.Struct, frozen=True):
    """The parcels of an order."""

    fulfillments: tuple[Fulfillment, ...] = ()


def read(raw: Raw) -> ChannelOrder:
    """The order in the envelope. Raises Unreadable with the path of the field that is wrong."""
    subject = f"eBay order {raw.external_id}"
    envelope = payload.decode(raw.body, _Envelope, subject)
    try:
        return _order(envelope)
    except Unreadable as error:
        raise payload.about(error, subject) from error


def _order(envelope: _Envelope) -> ChannelOrder:
    order, pricing = envelope.order, envelope.order.pricing_summary
    currency = pricing.total.currency
    total = _amount(pricing.total, currency, "order.pricingSummary.total")
    payment, on_its_way_back = _payment(order, currency, total)
    state = _state(order, payment, on_its_way_back)
    sums = {
        name: _amount(getattr(pricing, field), currency, f"order.pricingSummary.{name}")
        for name, field in (
            ("deliveryCost", "delivery_cost"), ("deliveryDiscount", "delivery_discount"),
            ("priceDiscount", "price_discount"), ("tax", "tax"),
        )
    }  # fmt: skip
    step = next((one.shipping_step for one in order.fulfillment_start_instructions), _Step())
    registered = order.buyer.buyer_registration_address
    return ChannelOrder(
        external_id=order.order_id,
        number=order.order_id,
        state=state,
        payment=payment,
        placed_at=moment(order.creation_date, "order.creationDate"),
        updated_at=moment(order.last_modified_date, "order.lastModifiedDate"),
        currency=currency,
        total=total,
        lines=_lines(envelope, state, payment, currency),
        ship_to=_address(step.ship_to, step.ship_to_reference_id),
        bill_to=_address(registered) if registered else None,
        email=step.ship_to.email or (registered.email if registered else ""),
        shipping_rate=step.shipping_service_code,
        shipping_total=sums["deliveryCost"] + sums["deliveryDiscount"],
        tax_total=sums["tax"],
        discount_total=-sums["priceDiscount"],
        note=order.buyer_checkout_notes,
        waits_for="it is being canceled there"
        if state is ChannelState.PENDING and _canceling(order.cancel_status)
        else "",
        cancel_wish=_wish(order.cancel_status) if state not in (ChannelState.SHIPPED, ChannelState.CANCELED) else None,
    )


def moment(text: str, field: str) -> datetime:
    """A time as eBay writes it (``2015-08-04T19:09:02.768Z``). Raises Unreadable naming the field."""
    try:
        value = datetime.fromisoformat(text)
    except ValueError as error:
        raise Unreadable(f"{field} should be a date and time, not {text!r}", field=field) from error
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def stamp(when: datetime) -> str:
    """A time as eBay wants it, to the millisecond below."""
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{when.microsecond // 1000:03d}Z"


def _amount(given: _Amount | None, currency: str, field: str) -> int:
    if given is None:
        return 0
    if given.currency != currency:
        raise Unreadable(
            f"{field} is in {given.currency}, the order in {currency}; eBay should use one currency", field=field
        )
    return payload.amount(given.value, currency, field)


def _known(value: str, table: Any, field: str) -> str:
    if value not in table:
        raise Unreadable(f"{field} is {value!r}, which is none of {', '.join(sorted(table))}", field=field)
    return value


def _payment(order: _Order, currency: str, total: int) -> tuple[Payment, bool]:
    """Whether it is paid, and whether all of the money is on its way back."""
    summary, field = order.payment_summary, "order.paymentSummary"
    for i, one in enumerate(summary.payments):
        _known(one.payment_status, PAYMENTS, f"{field}.payments[{i}].paymentStatus")
        for j, hold in enumerate(one.payment_holds):
            _known(hold.hold_state, HOLDS, f"{field}.payments[{i}].paymentHolds[{j}].holdState")
    going = 0
    for i, refund in enumerate(summary.refunds):
        if _known(refund.refund_status, REFUNDS, f"{field}.refunds[{i}].refundStatus") != "FAILED":
            going += _amount(refund.amount, currency, f"{field}.refunds[{i}].amount")
    match order.order_payment_status:
        case "PAID":
            return Payment.PAID, False
        case "FULLY_REFUNDED":
            return Payment.REFUNDED, False
        case "PARTIALLY_REFUNDED":
            return Payment.PARTIALLY_REFUNDED, False
        case "PENDING" | "FAILED":
            # Of a payment or of a refund; which it is shows in the payments alone.
            if not any(one.payment_status == "PAID" for one in summary.payments):
                return Payment.UNPAID, False
            return (Payment.PARTIALLY_REFUNDED if going else Payment.PAID), 0 < total <= going
        case other:
            known = "PAID, PENDING, FAILED, PARTIALLY_REFUNDED, FULLY_REFUNDED"
            raise Unreadable(
                f"order.orderPaymentStatus is {other!r}, which is none of {known}", field="order.orderPaymentStatus"
            )


def _state(order: _Order, payment: Payment, on_its_way_back: bool) -> ChannelState:
    cancel = order.cancel_status
    state = FULFILLED[_known(order.order_fulfillment_status, FULFILLED, "order.orderFulfillmentStatus")]
    field = "order.cancelStatus"
    _known(cancel.cancel_state, (NO_CANCEL, CANCELING, CANCELED), f"{field}.cancelState")
    for i, one in enumerate(cancel.cancel_requests):
        _known(one.cancel_request_state, REQUESTS, f"{field}.cancelRequests[{i}].cancelRequestState")
    if cancel.cancel_state == CANCELED:
        return ChannelState.CANCELED
    if state is not ChannelState.OPEN:
        return state
    if payment is Payment.REFUNDED:
        return ChannelState.CANCELED
    if _canceling(cancel) or on_its_way_back or payment is Payment.UNPAID:
        return ChannelState.PENDING
    return state


def _canceling(cancel: _CancelStatus) -> bool:
    """Is it being canceled for another reason than the buyer's wish? A request that was rejected leaves the order as it was."""
    rejected = cancel.cancel_requests and {one.cancel_request_state for one in cancel.cancel_requests} == {"REJECTED"}
    return cancel.cancel_state == CANCELING and not rejected and cancel.asked is None


def _wish(cancel: _CancelStatus) -> CancelWish | None:
    # eBay names the reasons in capitals: ORDER_PLACED_BY_MISTAKE.
    return CancelWish(cancel.asked.cancel_reason.replace("_", " ").lower()) if cancel.asked is not None else None


def _lines(envelope: _Envelope, state: ChannelState, payment: Payment, currency: str) -> tuple[ChannelLine, ...]:
    in_parcels: dict[str, int] = {}
    for one in envelope.fulfillments:
        for portion in one.line_items:
            in_parcels[portion.line_item_id] = in_parcels.get(portion.line_item_id, 0) + portion.quantity
    over = state is ChannelState.CANCELED or payment is Payment.REFUNDED
    lines = []
    for i, line in enumerate(envelope.order.line_items):
        field = f"order.lineItems[{i}]"
        if line.quantity <= 0:
            raise Unreadable(f"{field}.quantity should be above 0: {line.quantity}", field=f"{field}.quantity")
        shipped = _shipped(line, in_parcels, field)
        cost = _amount(line.line_item_cost, currency, f"{field}.lineItemCost")
        lines.append(
            ChannelLine(
                external_id=line.line_item_id,
                sku=line.sku,
                title=line.title,
                quantity=line.quantity,
                unit_price=payload.each(cost, line.quantity),
                canceled=line.quantity - shipped if over or _paid_back(line, cost, currency, field) else 0,
                shipped=shipped,
            )
        )
    return tuple(lines)


def _shipped(line: _Line, in_parcels: dict[str, int], field: str) -> int:
    field = f"{field}.lineItemFulfillmentStatus"
    status = _known(line.line_item_fulfillment_status, FULFILLED, field)
    if status == "FULFILLED":
        return line.quantity
    if status == "NOT_STARTED":
        return 0
    if line.line_item_id not in in_parcels:
        raise Unreadable(f"{field}: some of it is shipped, but no fulfillment has it", field="fulfillments")
    return min(in_parcels[line.line_item_id], line.quantity)


def _paid_back(line: _Line, cost: int, currency: str, field: str) -> bool:
    """Was all that the line's goods cost paid back? A part of it may be a favour: eBay does not say for which pieces."""
    returned = sum(_amount(one.amount, currency, f"{field}.refunds[{i}].amount") for i, one in enumerate(line.refunds))
    discounted = line.discounted_line_item_cost
    paid = cost if discounted is None else _amount(discounted, currency, f"{field}.discountedLineItemCost")
    return returned > 0 and returned >= paid


def _address(contact: _Contact, reference: str = "") -> Address:
    # Parcels for abroad go to a warehouse of eBay's partner, which knows them by this number on the label.
    place, label = contact.contact_address, f"Reference #{reference}" if reference else ""
    return Address(
        name=contact.full_name,
        company=contact.company_name,
        line1=place.address_line1,
        line2=", ".join(filter(None, (place.address_line2, label))),
        city=place.city,
        region=place.state_or_province,
        postal_code=place.postal_code,
        country=place.country_code,
        phone=contact.primary_phone.phone_number,
        email=contact.email,
    )


# --- parcels ----------------------------------------------------------------------------------------------------------


def number_for_ebay(number: str) -> str:
    """The tracking number as eBay takes it: letters and digits, nothing else."""
    return _OTHER_SIGNS.sub("", number)


def shipment(parcel: Parcel) -> dict[str, Any]:
    """The body of createShippingFulfillment. Raises Refused for a parcel eBay could not tell from another."""
    number = number_for_ebay(parcel.tracking_number)
    if not number:
        raise Refused(
            f"eBay: a parcel of order {parcel.order_external_id} has no tracking number of letters and digits. "
            "Mark it as shipped in Seller Hub.",
            code="NO_NUMBER",
        )
    if not parcel.lines:
        raise Refused(
            f"eBay: parcel {parcel.tracking_number} of order {parcel.order_external_id} has no whole piece of a line, and eBay "
            "takes none without, nor two numbers for one piece.",
            code="NO_WHOLE_PIECE",
        )
    return {
        "lineItems": [{"lineItemId": line, "quantity": pieces} for line, pieces in portions(parcel).items()],
        "shippedDate": stamp(min(parcel.shipped_at, clock.now())),
        "shippingCarrierCode": spelling(parcel.carrier, "ebay"),
        "trackingNumber": number,
    }


def portions(parcel: Parcel) -> dict[str, int]:
    """The pieces in a parcel by line: eBay refuses a line that is named twice."""
    found: dict[str, int] = {}
    for line, pieces in parcel.lines:
        found[line] = found.get(line, 0) + pieces
    return found


def reference_of(fulfillments: Sequence[Fulfillment], parcel: Parcel) -> str | None:
    """How eBay refers to this parcel, None where it does not have it: one of its number, with at least its pieces."""
    number, wanted = number_for_ebay(parcel.tracking_number).casefold(), portions(parcel)
    for one in fulfillments:
        held = {portion.line_item_id: portion.quantity for portion in one.line_items}
        same = number_for_ebay(one.shipment_tracking_number).casefold() == number
        if same and all(held.get(line, 0) >= pieces for line, pieces in wanted.items()):
            return one.fulfillment_id
    return None


def channel_parcels(fulfillments: Sequence[Fulfillment]) -> tuple[ChannelParcel, ...]:
    """The parcels read back."""
    return tuple(ChannelParcel(one.shipment_tracking_number, None, one.fulfillment_id) for one in fulfillments)
