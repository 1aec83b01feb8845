"""What a WooCommerce order says, in the engine's words. Pure.

The raw envelope is ``{"order": <the order>, "refunds": [<its refunds>]}``: an order's own ``refunds`` are only sums,
the refunded quantities stand in ``/orders/<id>/refunds``. Times in ``*_gmt`` fields are UTC without a zone.
Source: https://woocommerce.github.io/woocommerce-rest-api-docs/#order-properties
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

from engine.connectors.payload import unreadable
from engine.domain.money import minor
from engine.errors import Unreadable
from engine.ports import Address, ChannelLine, ChannelOrder, ChannelState, Parcel, Payment, Raw

TRACKING_META = "_wc_shipment_tracking_items"
_REFUNDED_ITEM = "_refunded_item_id"

STATES: dict[str, ChannelState] = {
    "pending": ChannelState.PENDING,
    "on-hold": ChannelState.PENDING,
    "failed": ChannelState.PENDING,
    "checkout-draft": ChannelState.PENDING,
    "processing": ChannelState.OPEN,
    "completed": ChannelState.SHIPPED,
    "cancelled": ChannelState.CANCELED,
    "refunded": ChannelState.CANCELED,
    "trash": ChannelState.CANCELED,
}
# Statuses from which the last parcel may complete the order; from the others that would revive what someone ended.
COMPLETABLE = frozenset({"pending", "on-hold", "processing"})

# Our carriers as the Shipment Tracking extension spells them; it knows their links itself. All others travel as custom.
PROVIDERS = {
    "ups": "ups",
    "usps": "usps",
    "fedex": "fedex",
    "ontrac": "ontrac",
    "canada_post": "canada-post",
    "purolator": "purolator",
    "royal_mail": "royal-mail",
}


class Meta(msgspec.Struct):
    key: str
    value: Any = None


class _Address(msgspec.Struct):
    first_name: str = ""
    last_name: str = ""
    company: str = ""
    address_1: str = ""
    address_2: str = ""
    city: str = ""
    state: str = ""
    postcode: str = ""
    country: str = ""
    phone: str = ""
    email: str | None = ""


class _Line(msgspec.Struct):
    id: int
    name: str
    sku: str | None  # "" without one, null when the product was deleted since
    quantity: int
    subtotal: str


class _ShippingLine(msgspec.Struct):
    method_title: str


class _Order(msgspec.Struct):
    id: int
    number: str
    status: str
    currency: str
    date_created_gmt: str
    date_modified_gmt: str
    total: str
    total_tax: str
    discount_total: str
    shipping_total: str
    billing: _Address
    shipping: _Address
    line_items: list[_Line]
    shipping_lines: list[_ShippingLine]
    refunds: list[Any]
    payment_method: str = ""
    date_paid_gmt: str | None = None
    customer_note: str = ""


class _RefundLine(msgspec.Struct):
    quantity: int
    meta_data: list[Meta] = msgspec.field(default_factory=list)


class _Refund(msgspec.Struct):
    id: int
    amount: str
    line_items: list[_RefundLine]


class _Envelope(msgspec.Struct):
    order: _Order
    refunds: list[_Refund]


class Head(msgspec.Struct):
    """The little of an order that a pull must know: which it is, when it changed, and whether it has refunds."""

    id: int
    date_modified_gmt: str | None = None
    refunds: list[Any] = msgspec.field(default_factory=list)


def utc(text: str, field: str) -> datetime:
    """The time in a ``*_gmt`` field, aware; raises Unreadable naming the field."""
    try:
        value = datetime.fromisoformat(text)
    except ValueError as error:
        raise Unreadable(f"{field} should be a date and time, not {text!r}", field=field) from error
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


@lru_cache(maxsize=8192)  # most of a shop's amounts are those of its prices
def _amount(text: str, currency: str, field: str) -> int:
    try:
        value = minor(text, currency)
    except Unreadable as error:
        raise Unreadable(f"{field}: {error.message}", field=field) from error
    if value < 0:
        raise Unreadable(f"{field} should not be negative: {text}", field=field)
    return value


def _address(given: _Address, fallback_phone: str = "", email: str = "") -> Address:
    # WooCommerce writes German and some other states as DE-BY, most as CA; the country is beside it already.
    return Address(
        name=f"{given.first_name} {given.last_name}".strip(),
        company=given.company,
        line1=given.address_1,
        line2=given.address_2,
        city=given.city,
        region=given.state.removeprefix(f"{given.country}-") if given.country else given.state,
        postal_code=given.postcode,
        country=given.country,
        phone=given.phone or fallback_phone,
        email=email,
    )


def _refunded(refunds: Sequence[_Refund]) -> dict[int, int]:
    """Pieces refunded by order line id. Refund lines count downwards and name their line in a meta field."""
    pieces: dict[int, int] = {}
    for i, refund in enumerate(refunds):
        for j, line in enumerate(refund.line_items):
            field = f"refunds[{i}].line_items[{j}]"
            if line.quantity > 0:
                raise Unreadable(f"{field}.quantity should not be above 0: {line.quantity}", field=f"{field}.quantity")
            if line.quantity == 0:  # money back without a piece
                continue
            target = str(next((meta.value for meta in line.meta_data if meta.key == _REFUNDED_ITEM), ""))
            if not target.isdecimal():
                raise Unreadable(f"{field} does not say which line it refunds", field=f"{field}.meta_data")
            pieces[int(target)] = pieces.get(int(target), 0) - line.quantity
    return pieces


def _lines(order: _Order, state: ChannelState, refunded: dict[int, int]) -> tuple[ChannelLine, ...]:
    lines = []
    for i, line in enumerate(order.line_items):
        field = f"order.line_items[{i}]"
        if line.quantity <= 0:
            raise Unreadable(f"{field}.quantity should be above 0: {line.quantity}", field=f"{field}.quantity")
        # An ended order needs nothing any more, also where its automatic refund names no pieces.
        canceled = line.quantity if state is ChannelState.CANCELED else refunded.get(line.id, 0)
        if canceled > line.quantity:
            raise Unreadable(f"{field}: {canceled} refunded of {line.quantity}", field=f"{field}.quantity")
        # The price of a piece is the line's subtotal, before discounts: the order's discount is told apart in
        # discount_total and must not count twice. ``price`` is a float and after discounts, so it is not used. A
        # subtotal that does not divide is rounded half up to the minor unit; the order's total is exact regardless.
        subtotal = _amount(line.subtotal, order.currency, f"{field}.subtotal")
        lines.append(
            ChannelLine(
                external_id=str(line.id),
                sku=line.sku or "",
                title=line.name,
                quantity=line.quantity,
                unit_price=(2 * subtotal + line.quantity) // (2 * line.quantity),
                canceled=canceled,
                shipped=line.quantity - canceled if state is ChannelState.SHIPPED else 0,
            )
        )
    return tuple(lines)


def _payment(order: _Order, total: int, returned: int) -> Payment:
    # Processing and completed mean that the gateway confirmed the money, except for cash on delivery: there the order
    # is released unpaid, and only date_paid says that the money came.
    released = order.status in {"processing", "completed"} and order.payment_method != "cod"
    if order.status == "refunded":
        return Payment.REFUNDED
    if not (released or order.date_paid_gmt):
        return Payment.UNPAID
    if returned > 0:
        return Payment.REFUNDED if returned >= total else Payment.PARTIALLY_REFUNDED
    return Payment.PAID


def read(raw: Raw) -> ChannelOrder:
    """The order in the envelope. Raises Unreadable with the path of the field that is wrong."""
    subject = f"WooCommerce order {raw.external_id}"
    try:
        envelope = msgspec.json.decode(raw.body, type=_Envelope)
    except msgspec.DecodeError as error:
        raise unreadable(error, subject) from error
    except UnicodeDecodeError as error:
        raise Unreadable(f"{subject}: the text is not UTF-8") from error
    try:
        return _order(envelope)
    except Unreadable as error:
        raise Unreadable(f"{subject}: {error.message}", field=error.field) from error


def _order(envelope: _Envelope) -> ChannelOrder:
    order, currency = envelope.order, envelope.order.currency
    state = STATES.get(order.status)
    if state is None:
        raise Unreadable(
            f"the status {order.status!r} is not one of WooCommerce's own; give the order one of"
            f" {', '.join(sorted(STATES))} in the store, or ask for it to be added",
            field="order.status",
        )
    if order.refunds and not envelope.refunds:
        raise Unreadable("the order has refunds, but their lines are missing", field="refunds")
    _amount("0", currency, "order.currency")
    total = _amount(order.total, currency, "order.total")
    returned = sum(_amount(r.amount, currency, f"refunds[{i}].amount") for i, r in enumerate(envelope.refunds))
    email = order.billing.email or ""
    rates = dict.fromkeys(line.method_title for line in order.shipping_lines)
    return ChannelOrder(
        external_id=str(order.id),
        number=order.number,
        state=state,
        payment=_payment(order, total, returned),
        placed_at=utc(order.date_created_gmt, "order.date_created_gmt"),
        updated_at=utc(order.date_modified_gmt, "order.date_modified_gmt"),
        currency=currency,
        total=total,
        lines=_lines(order, state, _refunded(envelope.refunds)),
        ship_to=_address(order.shipping, order.billing.phone, email),
        bill_to=_address(order.billing, email=email),
        email=email,
        shipping_rate=" + ".join(rates),
        shipping_total=_amount(order.shipping_total, currency, "order.shipping_total"),
        tax_total=_amount(order.total_tax, currency, "order.total_tax"),
        discount_total=_amount(order.discount_total, currency, "order.discount_total"),
        note=order.customer_note,
    )


class Tracking(NamedTuple):
    """The tracking entries of an order, each as the extension wrote it."""

    status: str
    items: list[dict[str, Any]]

    def has(self, key: str) -> bool:
        """Is there an entry with this id? Those we pushed have our parcel's key."""
        return any(str(item.get("tracking_id", "")) == key for item in self.items)


class _Tracked(msgspec.Struct):
    id: int
    status: str
    meta_data: list[Meta]


def tracked(body: bytes) -> Tracking:
    """The tracking entries in one order's JSON; raises Unreadable."""
    return _tracking(_decode(body, _Tracked))


def tracked_orders(body: bytes) -> dict[str, Tracking]:
    """The tracking entries by order id in a JSON list of orders; raises Unreadable."""
    return {str(order.id): _tracking(order) for order in _decode(body, list[_Tracked])}


def tracked_each(body: bytes) -> dict[str, Tracking | Unreadable]:
    """As ``tracked_orders``, but what is wrong with one order is said of that order; what is no order is left out."""
    return dict(_each(_decode(body, list[msgspec.Raw])))


class StoreError(msgspec.Struct):
    """An error in WooCommerce's words; ``data`` has the HTTP status that a call of its own would have been answered."""

    code: str
    message: str
    data: Any = None

    @property
    def status(self) -> int:
        """The HTTP status; WordPress answers 500 for an error that names none."""
        status = self.data.get("status") if isinstance(self.data, dict) else None
        return status if isinstance(status, int) else 500


class _Failed(msgspec.Struct):
    id: int
    error: StoreError


class _Batch(msgspec.Struct):
    update: list[msgspec.Raw]


class _Named(msgspec.Struct):
    id: int


def updated(body: bytes) -> dict[str, Tracking | Unreadable | StoreError]:
    """What a batch's answer says of each order it updated or failed to; raises Unreadable when it is no such answer."""
    found: dict[str, Tracking | Unreadable | StoreError] = {}
    others = []
    for part in _decode(body, _Batch).update:
        try:
            failed = msgspec.json.decode(part, type=_Failed)
            found[str(failed.id)] = failed.error
        except msgspec.DecodeError:
            others.append(part)
    return found | dict(_each(others))


def _each(parts: Sequence[msgspec.Raw]) -> Iterator[tuple[str, Tracking | Unreadable]]:
    for part in parts:
        try:
            order = str(msgspec.json.decode(part, type=_Named).id)
        except msgspec.DecodeError:
            continue
        try:
            yield order, _tracking(_decode(part, _Tracked))
        except Unreadable as error:
            yield order, error


def _decode(body: bytes | msgspec.Raw, kind: Any) -> Any:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        if isinstance(error, msgspec.DecodeError):
            raise unreadable(error, "WooCommerce's answer") from error
        raise Unreadable("WooCommerce's answer is not UTF-8") from error


def _tracking(order: _Tracked) -> Tracking:
    # PHP writes an array with a gap in its keys as an object, and an emptied one may be kept as "".
    value = next((meta.value for meta in order.meta_data if meta.key == TRACKING_META), None)
    items = list(value.values()) if isinstance(value, dict) else value or []
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise Unreadable(
            f"order {order.id}: {TRACKING_META} is not a list of entries", field=f"meta_data.{TRACKING_META}"
        )
    return Tracking(order.status, items)


def tracking_item(parcel: Parcel) -> dict[str, Any]:
    """The parcel as the Shipment Tracking extension keeps it, our key in ``tracking_id``; the date is Unix seconds."""
    provider = PROVIDERS.get(parcel.carrier.lower())
    return {
        "tracking_provider": provider or "",
        "custom_tracking_provider": "" if provider else parcel.carrier_name or parcel.carrier,
        "custom_tracking_link": "" if provider else parcel.tracking_url,
        "tracking_number": parcel.tracking_number,
        "date_shipped": int(parcel.shipped_at.timestamp()),
        "tracking_id": parcel.key,
    }


def note_text(parcel: Parcel) -> str:
    """What the customer is told. It names the carrier and the number, by which a retry finds it again."""
    text = f"Your parcel is on its way with {parcel.carrier_name or parcel.carrier}, tracking number "
    text += f"{parcel.tracking_number}."
    if parcel.tracking_url:
        text += f" Follow it at {parcel.tracking_url}"
    return text
