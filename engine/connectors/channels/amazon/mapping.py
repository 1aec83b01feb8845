"""What an order of Amazon's Orders API says, in the engine's words. Pure.

The raw payload is one ``Order`` of version 2026-01-01, as ``searchOrders`` lists it and ``getOrder`` has it below ``order``.
Source: https://developer-docs.amazon.com/sp-api/docs/orders-api (model orders_2026-01-01.json)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from engine.connectors.channels.amazon.marketplaces import BY_ID
from engine.connectors.payload import unreadable
from engine.domain.money import minor
from engine.errors import Unreadable
from engine.ports import Address, CancelWish, ChannelLine, ChannelOrder, ChannelState, Payment, Raw

STATES: dict[str, ChannelState] = {
    "PENDING_AVAILABILITY": ChannelState.PENDING,
    "PENDING": ChannelState.PENDING,
    "UNSHIPPED": ChannelState.OPEN,
    "PARTIALLY_SHIPPED": ChannelState.PARTIALLY_SHIPPED,
    "SHIPPED": ChannelState.SHIPPED,
    "CANCELLED": ChannelState.CANCELED,
    "UNFULFILLABLE": ChannelState.CANCELED,
}
# Orders of these programs leave with a label that Amazon sells, or are fetched from a shop: a supplier's parcel will not do.
AMAZON_LABELS: dict[str, str] = {
    "AMAZON_EASY_SHIP": "Easy Ship",
    "DELIVERY_BY_AMAZON": "Delivery by Amazon",
    "FBM_SHIP_PLUS": "Ship+",
    "IN_STORE_PICK_UP": "pick-up in store",
}
_UNDECIDED = (ChannelState.PENDING, ChannelState.CANCELED)  # Amazon shows these without prices
NO_ADDRESS = (
    "Amazon gave no street address: the application needs the role Direct-to-Consumer Delivery, and the seller's consent"
    " after it was added."
)


class Money(msgspec.Struct, rename="camel"):
    """An amount, as text in major units."""

    amount: str
    currency_code: str


class _Breakdown(msgspec.Struct):
    type: str
    subtotal: Money


class _Proceeds(msgspec.Struct, rename="camel"):
    grand_total: Money | None = None
    breakdowns: list[_Breakdown] = []


class _ItemProceeds(msgspec.Struct):
    breakdowns: list[_Breakdown] = []


class _Price(msgspec.Struct, rename="camel"):
    unit_price: Money | None = None


class _Customization(msgspec.Struct, rename="camel"):
    customized_url: str = ""


class _Product(msgspec.Struct, rename="camel"):
    title: str = ""
    seller_sku: str = ""
    price: _Price | None = None
    customization: _Customization | None = None


class _Gift(msgspec.Struct, rename="camel"):
    gift_message: str = ""
    gift_wrap_level: str = ""


class _Packing(msgspec.Struct, rename="camel"):
    gift_option: _Gift | None = None


class _Constraints(msgspec.Struct, rename="camel"):
    cash_on_delivery: str | None = None


class _Shipping(msgspec.Struct, rename="camel"):
    shipping_constraints: _Constraints | None = None


class _ItemFulfillment(msgspec.Struct, rename="camel"):
    quantity_fulfilled: int | None = None
    quantity_unfulfilled: int | None = None
    packing: _Packing | None = None
    shipping: _Shipping | None = None


class _Request(msgspec.Struct, rename="camel"):
    requester: str = ""
    cancel_reason: str = ""


class _Cancellation(msgspec.Struct, rename="camel"):
    cancellation_request: _Request | None = None
    cancellation_execution: dict[str, Any] | None = None


class Item(msgspec.Struct, rename="camel"):
    """One line of an order."""

    order_item_id: str
    quantity_ordered: int
    product: _Product
    proceeds: _ItemProceeds | None = None
    fulfillment: _ItemFulfillment | None = None
    cancellation: _Cancellation | None = None

    @property
    def asked(self) -> _Request | None:
        """The buyer's wish to cancel it, as long as something is open: what was done may have been of other pieces."""
        known = self.cancellation
        return known.cancellation_request if known and (known.cancellation_execution is None or self.open) else None

    @property
    def open(self) -> int:
        """Pieces still to be shipped, as far as it says so; else all."""
        rest = self.fulfillment.quantity_unfulfilled if self.fulfillment else None
        return self.quantity_ordered if rest is None else rest


class _Window(msgspec.Struct, rename="camel"):
    latest_date_time: datetime | None = None


class Fulfillment(msgspec.Struct, rename="camel"):
    """Who ships the order, how, until when, and how far that is."""

    fulfillment_status: str
    fulfilled_by: str = ""
    fulfillment_service_level: str = ""
    ship_by_window: _Window | None = None
    deliver_by_window: _Window | None = None


class SalesChannel(msgspec.Struct, rename="camel"):
    """Where it was sold."""

    marketplace_id: str = ""


class _Extended(msgspec.Struct):
    neighborhood: str = ""


class _Address(msgspec.Struct, rename="camel"):
    name: str = ""
    company_name: str = ""
    address_line1: str = ""
    address_line2: str = ""
    address_line3: str = ""
    city: str = ""
    district_or_county: str = ""
    state_or_region: str = ""
    municipality: str = ""
    postal_code: str = ""
    country_code: str = ""
    phone: str = ""
    extended_fields: _Extended | None = None


class _Preference(msgspec.Struct, rename="camel"):
    drop_off_location: str = ""
    address_instruction: str = ""


class _Recipient(msgspec.Struct, rename="camel"):
    delivery_address: _Address | None = None
    delivery_preference: _Preference | None = None


class _Buyer(msgspec.Struct, rename="camel"):
    buyer_email: str = ""
    buyer_purchase_order_number: str = ""


class _Order(msgspec.Struct, rename="camel"):
    order_id: str
    created_time: datetime
    last_updated_time: datetime
    sales_channel: SalesChannel
    order_items: list[Item]
    fulfillment: Fulfillment | None = None
    programs: list[str] = []
    buyer: _Buyer | None = None
    recipient: _Recipient | None = None
    proceeds: _Proceeds | None = None


def read(raw: Raw) -> ChannelOrder:
    """The order in the payload. Raises Unreadable with the path of the field that is wrong.

    An order that Amazon itself fulfils is no order of ours; the walk leaves it out, and it is Unreadable here all the same,
    so that nothing that got in otherwise can ever be sent to a supplier.
    """
    subject = f"Amazon order {raw.external_id}"
    try:
        order = msgspec.json.decode(raw.body, type=_Order)
    except msgspec.DecodeError as error:
        raise unreadable(error, subject) from error
    except UnicodeDecodeError as error:
        raise Unreadable(f"{subject}: the text is not UTF-8") from error
    try:
        return _Reading(order).order()
    except Unreadable as error:
        raise Unreadable(f"{subject}: {error.message}", field=error.field) from error


def aware(moment: datetime, field: str) -> datetime:
    """The moment, which has a zone; raises Unreadable."""
    if moment.tzinfo is None:
        raise Unreadable(f"{field} should say its time zone: {moment.isoformat()}", field=field)
    return moment


def written(moment: datetime) -> str:
    """The moment as Amazon wants it in a request."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class _Reading:
    """One order on its way into the engine's words."""

    def __init__(self, order: _Order) -> None:
        self._order = order
        if order.fulfillment is None:
            raise Unreadable("it does not say how it is fulfilled", field="fulfillment")
        self._fulfillment = order.fulfillment
        if order.fulfillment.fulfilled_by == "AMAZON":
            message = "Amazon ships it from its own warehouse (FBA), so there is nothing to send to a supplier"
            raise Unreadable(message, field="fulfillment.fulfilledBy")
        if order.fulfillment.fulfilled_by != "MERCHANT":
            said = order.fulfillment.fulfilled_by
            raise Unreadable(
                f"who ships it should be MERCHANT or AMAZON, not {said!r}", field="fulfillment.fulfilledBy"
            )
        state = STATES.get(order.fulfillment.fulfillment_status)
        if state is None:
            said = order.fulfillment.fulfillment_status
            raise Unreadable(f"{said!r} is no status that is known", field="fulfillment.fulfillmentStatus")
        self._state = state
        self._currency = self._currency_of()

    def _currency_of(self) -> str:
        proceeds = self._order.proceeds
        if proceeds and proceeds.grand_total:
            return proceeds.grand_total.currency_code
        for item in self._order.order_items:
            if item.product.price and item.product.price.unit_price:
                return item.product.price.unit_price.currency_code
        marketplace = BY_ID.get(self._order.sales_channel.marketplace_id)
        if marketplace is None:
            raise Unreadable(
                "neither an amount nor a marketplace says its currency", field="salesChannel.marketplaceId"
            )
        return marketplace.currency

    def _amount(self, money: Money, field: str) -> int:
        if money.currency_code != self._currency:
            said = f"{field} is in {money.currency_code}, and the order in {self._currency}"
            raise Unreadable(said, field=f"{field}.currencyCode")
        try:
            return minor(money.amount, self._currency)
        except Unreadable as error:
            part = "currencyCode" if error.field == "currency" else "amount"
            raise Unreadable(f"{field}: {error.message}", field=f"{field}.{part}") from error

    def order(self) -> ChannelOrder:
        order = self._order
        return ChannelOrder(
            external_id=order.order_id,
            number=order.order_id,
            state=self._state,
            payment=self._payment(),
            placed_at=aware(order.created_time, "createdTime"),
            updated_at=aware(order.last_updated_time, "lastUpdatedTime"),
            currency=self._currency,
            total=self._total(),
            lines=tuple(self._lines()),
            ship_to=self._address(),
            email=order.buyer.buyer_email if order.buyer else "",
            shipping_rate=self._fulfillment.fulfillment_service_level.replace("_", " ").title(),
            shipping_total=self._sum("SHIPPING"),
            tax_total=self._sum("TAX"),
            discount_total=abs(self._sum("DISCOUNT")),
            note="\n".join(self._notes()),
            fraud="; ".join(self._warnings()) or None,
            cancel_wish=self._wish(),
        )

    def _payment(self) -> Payment:
        # Amazon releases an order to be shipped once the money is certain, and gives back what it has to by itself.
        if self._state in _UNDECIDED:
            return Payment.UNPAID
        for item in self._order.order_items:
            shipping = item.fulfillment.shipping if item.fulfillment else None
            if shipping and shipping.shipping_constraints and shipping.shipping_constraints.cash_on_delivery:
                return Payment.UNPAID
        return Payment.PAID

    def _total(self) -> int:
        proceeds = self._order.proceeds
        if proceeds and proceeds.grand_total:
            return self._amount(proceeds.grand_total, "proceeds.grandTotal")
        priced = any(item.product.price and item.product.price.unit_price for item in self._order.order_items)
        if priced and self._state not in _UNDECIDED:
            raise Unreadable("it has prices and no total", field="proceeds.grandTotal")
        return 0  # a replacement costs nothing

    def _sum(self, kind: str) -> int:
        """What the order says of this kind, or else all of its items."""
        total, found = self._parts(self._order.proceeds.breakdowns if self._order.proceeds else (), kind, "proceeds")
        if found:
            return total
        for i, item in enumerate(self._order.order_items):
            breakdowns = item.proceeds.breakdowns if item.proceeds else ()
            total += self._parts(breakdowns, kind, f"orderItems[{i}].proceeds")[0]
        return total

    def _parts(self, breakdowns: Sequence[_Breakdown], kind: str, field: str) -> tuple[int, bool]:
        amounts = [
            self._amount(part.subtotal, f"{field}.breakdowns[{i}].subtotal")
            for i, part in enumerate(breakdowns)
            if part.type == kind
        ]
        return sum(amounts), bool(amounts)

    def _lines(self) -> Iterator[ChannelLine]:
        for i, item in enumerate(self._order.order_items):
            field = f"orderItems[{i}]"
            if item.quantity_ordered < 0:
                raise Unreadable(f"{field} has fewer than no pieces", field=f"{field}.quantityOrdered")
            if item.quantity_ordered == 0:
                continue  # taken out of the order
            shipped, canceled = self._quantities(item, field)
            yield ChannelLine(
                external_id=item.order_item_id,
                sku=item.product.seller_sku,
                title=item.product.title,
                quantity=item.quantity_ordered,
                unit_price=self._unit_price(item, field),
                canceled=canceled,
                shipped=shipped,
            )

    def _quantities(self, item: Item, field: str) -> tuple[int, int]:
        """Pieces shipped and canceled. What is neither shipped nor still to be shipped was canceled."""
        ordered, known = item.quantity_ordered, item.fulfillment
        shipped = known.quantity_fulfilled if known else None
        if shipped is None:
            shipped = ordered if self._state is ChannelState.SHIPPED else 0
        rest = known.quantity_unfulfilled if known else None
        if self._state is ChannelState.CANCELED:
            rest = 0
        elif rest is None:
            rest = ordered - shipped
        if min(shipped, rest) < 0 or shipped + rest > ordered:
            message = f"{field}: {shipped} shipped and {rest} to be shipped of {ordered}"
            raise Unreadable(message, field=f"{field}.fulfillment")
        return shipped, ordered - shipped - rest

    def _unit_price(self, item: Item, field: str) -> int:
        if item.product.price and item.product.price.unit_price:
            return self._amount(item.product.price.unit_price, f"{field}.product.price.unitPrice")
        total, found = self._parts(item.proceeds.breakdowns if item.proceeds else (), "ITEM", f"{field}.proceeds")
        if found:
            return (2 * total + item.quantity_ordered) // (2 * item.quantity_ordered)
        if self._state not in _UNDECIDED and self._total():
            raise Unreadable(f"{field} has no price", field=f"{field}.product.price")
        return 0

    def _address(self) -> Address:
        given = self._order.recipient.delivery_address if self._order.recipient else None
        if given is None:
            return Address()
        lines = [one.strip() for one in (given.address_line1, given.address_line2, given.address_line3) if one.strip()]
        quarter = given.extended_fields.neighborhood.strip() if given.extended_fields else ""
        if quarter and lines and not any(quarter.casefold() in one.casefold() for one in lines):
            lines.append(quarter)
        return Address(
            name=given.name,
            company=given.company_name,
            line1=lines[0] if lines else "",
            line2=", ".join(lines[1:]),
            city=given.city or given.municipality or given.district_or_county,
            region=given.state_or_region or (given.district_or_county if given.city else ""),
            postal_code=given.postal_code,
            country=given.country_code,
            phone=given.phone,
            email=self._order.buyer.buyer_email if self._order.buyer else "",
        )

    def _notes(self) -> Iterator[str]:
        if self._state in (ChannelState.OPEN, ChannelState.PARTIALLY_SHIPPED) and not self._address().line1:
            yield NO_ADDRESS
        for name, window in (
            ("Ship by", self._fulfillment.ship_by_window), ("Deliver by", self._fulfillment.deliver_by_window)
        ):  # fmt: skip
            if window and window.latest_date_time:
                moment = aware(window.latest_date_time, "fulfillment").astimezone(UTC)
                yield f"{name} {moment:%Y-%m-%d %H:%M} UTC"
        preference = self._order.recipient.delivery_preference if self._order.recipient else None
        if preference and preference.address_instruction:
            yield f"Delivery: {preference.address_instruction}"
        if preference and preference.drop_off_location:
            yield f"Leave at: {preference.drop_off_location}"
        if self._order.buyer and self._order.buyer.buyer_purchase_order_number:
            yield f"Buyer's purchase order: {self._order.buyer.buyer_purchase_order_number}"
        for item in self._order.order_items:
            yield from self._item_notes(item)

    @staticmethod
    def _item_notes(item: Item) -> Iterator[str]:
        packing = item.fulfillment.packing if item.fulfillment else None
        gift = packing.gift_option if packing else None
        if gift and (gift.gift_message or gift.gift_wrap_level):
            wrap = f" ({gift.gift_wrap_level})" if gift.gift_wrap_level else ""
            yield f"Gift, {item.product.seller_sku}{wrap}: {gift.gift_message}".rstrip(": ")
        if item.product.customization and item.product.customization.customized_url:
            yield f"Made to order, {item.product.seller_sku}: {item.product.customization.customized_url}"

    def _warnings(self) -> Iterator[str]:
        """What a person must look at before anything is sent."""
        if self._state in (ChannelState.CANCELED, ChannelState.SHIPPED):
            return
        for program in self._order.programs:
            if program in AMAZON_LABELS:
                yield f"it is for {AMAZON_LABELS[program]}, which ships with Amazon's own label and not a supplier's"

    def _wish(self) -> CancelWish | None:
        if self._state in (ChannelState.CANCELED, ChannelState.SHIPPED):
            return None
        items = [item for item in self._order.order_items if item.quantity_ordered]
        asked = {item.order_item_id: item.asked.cancel_reason for item in items if item.asked}
        reason = "; ".join(dict.fromkeys(filter(None, asked.values())))
        return CancelWish(reason, () if len(asked) == len(items) else tuple(asked)) if asked else None
