"""What an Etsy receipt says, in the engine's words, and what Etsy is told of a parcel. Pure.

The raw payload is the receipt as Etsy gives it. A receipt is shipped as a whole; its refunds are amounts without pieces.
Source: https://developers.etsy.com/documentation/reference#tag/Shop-Receipt
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec

from engine.connectors import payload
from engine.errors import Refused, Unreadable
from engine.ports import Address, ChannelLine, ChannelOrder, ChannelState, Parcel, Payment, Raw
from engine.ports_channels import ListedItem

# Its status by itself; whether it is paid and shipped is told beside it. The reference writes them small, the API large.
STATES = {
    "open": ChannelState.PENDING,
    "payment processing": ChannelState.PENDING,
    "paid": ChannelState.OPEN,
    "partially refunded": ChannelState.OPEN,
    "completed": ChannelState.SHIPPED,
    "canceled": ChannelState.CANCELED,
    "fully refunded": ChannelState.CANCELED,
}
# Our carriers in Etsy's words; all others travel as ``other``.
# https://developers.etsy.com/documentation/tutorials/fulfillment#tracking-updates-for-shipping-carriers
CARRIERS = {
    "ups": "ups", "usps": "usps", "fedex": "fedex", "ontrac": "ontrac", "lasership": "lasership", "amazon": "amazon",
    "canada_post": "canada-post", "purolator": "purolator", "canpar": "canpar", "asendia": "asendia-usa",
    "dhl_express": "dhl", "dhl_ecommerce": "dhl-global-mail", "dhl_de": "dhl-germany", "deutsche_post": "deutsch-post",
    "royal_mail": "royal-mail", "parcelforce": "parcel-force", "evri": "hermes", "dpd_uk": "dpd-uk",
    "dpd_local": "interlink-express", "yodel": "yodel", "an_post": "an-post", "dpd": "dpd", "gls": "gls",
    "hermes": "hermes-de", "postnl": "postnl", "bpost": "bpost", "la_poste": "la-poste-colissimo",
    "colissimo": "colissimo", "chronopost": "chronopost-france", "mondial_relay": "mondialrelay",
    "swiss_post": "swiss-post", "austrian_post": "austrian-post", "correos": "spain-correos-es",
    "poste_italiane": "poste-italiane", "poczta_polska": "poczta-polska", "tnt": "tnt",
    "australia_post": "australia-post", "startrack": "star-track", "sendle": "sendle", "nz_post": "new-zealand-post",
    "japan_post": "japan-post", "yamato": "taqbin-jp", "sagawa": "sagawa", "china_post": "china-post",
    "singapore_post": "singapore-post", "korea_post": "korea-post", "hongkong_post": "hong-kong-post",
    "india_post": "india-post", "sf_express": "sf-express", "four_px": "4px", "yanwen": "yanwen", "aramex": "aramex",
    "bluedart": "bluedart", "dtdc": "dtdc", "correios": "brazil-correios",
}  # fmt: skip
OTHER = "other"


class Money(msgspec.Struct, frozen=True):
    """An amount: ``amount`` divided by ``divisor``."""

    amount: int
    divisor: int
    currency_code: str


class _Variation(msgspec.Struct, frozen=True):
    formatted_name: str = ""
    formatted_value: str = ""


class _Transaction(msgspec.Struct, frozen=True):
    transaction_id: int
    quantity: int
    price: Money
    title: str | None = None
    sku: str | None = None
    is_digital: bool = False
    shipped_timestamp: int | None = None
    shipping_method: str | None = None
    shipping_upgrade: str | None = None
    variations: tuple[_Variation, ...] = ()


class Shipment(msgspec.Struct, frozen=True):
    """A parcel as Etsy has it."""

    receipt_shipping_id: int | None = None
    tracking_code: str | None = None


class Parcels(msgspec.Struct, frozen=True):
    """The little of a receipt that telling it of parcels needs."""

    receipt_id: int
    status: str = ""
    shipments: tuple[Shipment, ...] = ()


class _Receipt(msgspec.Struct, frozen=True):
    receipt_id: int
    status: str
    is_paid: bool
    is_shipped: bool
    created_timestamp: int
    updated_timestamp: int
    grandtotal: Money
    transactions: tuple[_Transaction, ...]
    total_shipping_cost: Money | None = None
    total_tax_cost: Money | None = None
    total_vat_cost: Money | None = None
    discount_amt: Money | None = None
    name: str | None = None
    first_line: str | None = None
    second_line: str | None = None
    city: str | None = None
    state: str | None = None
    zip: str | None = None
    country_iso: str | None = None
    buyer_email: str | None = None
    message_from_buyer: str | None = None
    is_gift: bool = False
    gift_message: str | None = None
    refunds: tuple[Any, ...] = ()


class _HeadTransaction(msgspec.Struct, frozen=True):
    is_digital: bool = False


class Head(msgspec.Struct, frozen=True):
    """The little of a receipt that a pull must know."""

    receipt_id: int
    transactions: tuple[_HeadTransaction, ...] = ()

    @property
    def digital(self) -> bool:
        """Is all of it files, which Etsy hands out by itself?"""
        return bool(self.transactions) and all(one.is_digital for one in self.transactions)


class ListPage(msgspec.Struct, frozen=True):
    """A page of a list; ``count`` is how many there are in all."""

    count: int
    results: tuple[msgspec.Raw, ...]


def read(raw: Raw) -> ChannelOrder:
    """The order in the receipt. Raises Unreadable with the path of the field that is wrong."""
    subject = f"Etsy order {raw.external_id}"
    receipt = payload.decode(raw.body, _Receipt, subject)
    try:
        return _order(receipt)
    except Unreadable as error:
        raise payload.about(error, subject) from error


def _order(receipt: _Receipt) -> ChannelOrder:
    currency = receipt.grandtotal.currency_code
    state, payment = _standing(receipt)
    note = [receipt.message_from_buyer or ""]
    if receipt.is_gift and receipt.gift_message:
        note.append(f"Gift message: {receipt.gift_message}")
    rates = [one.shipping_upgrade or one.shipping_method or "" for one in receipt.transactions if not one.is_digital]
    return ChannelOrder(
        external_id=str(receipt.receipt_id),
        number=str(receipt.receipt_id),
        state=state,
        payment=payment,
        placed_at=_moment(receipt.created_timestamp, "created_timestamp"),
        updated_at=_moment(receipt.updated_timestamp, "updated_timestamp"),
        currency=currency,
        total=_amount(receipt.grandtotal, currency, "grandtotal"),
        lines=_lines(receipt, state, currency),
        ship_to=_address(receipt),
        email=receipt.buyer_email or "",
        shipping_rate=" + ".join(filter(None, dict.fromkeys(rates))),
        shipping_total=_amount(receipt.total_shipping_cost, currency, "total_shipping_cost"),
        tax_total=_amount(receipt.total_tax_cost, currency, "total_tax_cost")
        + _amount(receipt.total_vat_cost, currency, "total_vat_cost"),
        discount_total=_amount(receipt.discount_amt, currency, "discount_amt"),
        note="\n".join(filter(None, note)),
    )


def _standing(receipt: _Receipt) -> tuple[ChannelState, Payment]:
    status = receipt.status.casefold()
    state = STATES.get(status)
    if state is None:
        known = ", ".join(sorted(STATES))
        raise Unreadable(f"status is {receipt.status!r}, which is none of {known}", field="status")
    if status == "fully refunded":
        payment = Payment.REFUNDED
    elif not receipt.is_paid:
        payment = Payment.UNPAID
    elif status == "partially refunded" or receipt.refunds:
        payment = Payment.PARTIALLY_REFUNDED
    else:
        payment = Payment.PAID
    if status == "canceled":
        return ChannelState.CANCELED, payment
    if receipt.is_shipped:
        return ChannelState.SHIPPED, payment
    if payment is Payment.UNPAID:
        return ChannelState.PENDING, payment
    return (ChannelState.OPEN if status == "open" else state), payment


def _lines(receipt: _Receipt, state: ChannelState, currency: str) -> tuple[ChannelLine, ...]:
    lines = []
    for i, one in enumerate(receipt.transactions):
        if one.is_digital:
            continue
        field = f"transactions[{i}]"
        if one.quantity <= 0:
            raise Unreadable(f"{field}.quantity should be above 0: {one.quantity}", field=f"{field}.quantity")
        chosen = ", ".join(f"{v.formatted_name}: {v.formatted_value}" for v in one.variations if v.formatted_value)
        shipped = state is ChannelState.SHIPPED or (one.shipped_timestamp is not None and state is ChannelState.OPEN)
        lines.append(
            ChannelLine(
                external_id=str(one.transaction_id),
                sku=one.sku or "",
                title=f"{one.title or ''} ({chosen})".strip() if chosen else one.title or "",
                quantity=one.quantity,
                unit_price=_amount(one.price, currency, f"{field}.price"),
                canceled=one.quantity if state is ChannelState.CANCELED else 0,
                shipped=one.quantity if shipped else 0,
            )
        )
    return tuple(lines)


def _amount(given: Money | None, currency: str, field: str) -> int:
    if given is None:
        return 0
    if given.currency_code != currency:
        raise Unreadable(f"{field} is in {given.currency_code}, the order in {currency}", field=field)
    if given.divisor <= 0:
        raise Unreadable(f"{field}: an amount divided by {given.divisor} is none", field=field)
    return payload.amount(Decimal(given.amount) / Decimal(given.divisor), currency, field)


def _moment(seconds: int, field: str) -> datetime:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise Unreadable(f"{field} should be a time in seconds, not {seconds}", field=field) from error


def _address(receipt: _Receipt) -> Address:
    return Address(
        name=receipt.name or "",
        line1=receipt.first_line or "",
        line2=receipt.second_line or "",
        city=receipt.city or "",
        region=receipt.state or "",
        postal_code=receipt.zip or "",
        country=receipt.country_iso or "",
        email=receipt.buyer_email or "",
    )


# --- parcels ----------------------------------------------------------------------------------------------------------


def tracking(parcel: Parcel) -> dict[str, Any]:
    """The body of createReceiptShipment. Raises Refused for a parcel without a number, which nobody could find again."""
    if not parcel.tracking_number:
        raise Refused(
            f"Etsy: a parcel of order {parcel.order_external_id} has no tracking number, and each time Etsy is told of it the "
            "buyer gets a mail. Mark the order as shipped at Etsy.",
            code="NO_NUMBER",
        )
    carrier = CARRIERS.get(parcel.carrier, OTHER)
    body: dict[str, Any] = {"tracking_code": parcel.tracking_number, "carrier_name": carrier, "send_bcc": False}
    if carrier == OTHER and (parcel.carrier_name or parcel.tracking_url):
        # Etsy shows neither a name nor a link for other carriers.
        said = " ".join(filter(None, (parcel.carrier_name, parcel.tracking_number)))
        body["note_to_buyer"] = said + (f": {parcel.tracking_url}" if parcel.tracking_url else "")
    return body


def _letters(number: str) -> str:
    return "".join(sign for sign in number.casefold() if sign.isalnum())


def reference_of(shipments: Sequence[Shipment], parcel: Parcel) -> str | None:
    """How Etsy refers to the parcel with this number, None where it has none."""
    wanted = _letters(parcel.tracking_number)
    for one in shipments:
        if one.tracking_code and _letters(one.tracking_code) == wanted:
            return str(one.receipt_shipping_id or one.tracking_code)
    return None


# --- listings ---------------------------------------------------------------------------------------------------------


class _Property(msgspec.Struct, frozen=True):
    values: tuple[str, ...] = ()


class _Offering(msgspec.Struct, frozen=True):
    is_enabled: bool = True
    is_deleted: bool = False


class _Product(msgspec.Struct, frozen=True):
    product_id: int
    sku: str = ""
    is_deleted: bool = False
    offerings: tuple[_Offering, ...] = ()
    property_values: tuple[_Property, ...] = ()


class _Inventory(msgspec.Struct, frozen=True):
    products: tuple[_Product, ...] = ()


class _Listing(msgspec.Struct, frozen=True):
    listing_id: int
    title: str
    state: str
    skus: tuple[str, ...] = ()
    inventory: _Inventory | None = None


def listed(raw: msgspec.Raw) -> tuple[ListedItem, ...]:
    """What a listing offers: each of its products, by the SKU that orders will say. Raises Unreadable."""
    listing = payload.decode(raw, _Listing, "a listing of the Etsy shop")
    on_sale = listing.state == "active"
    if listing.inventory is None or not listing.inventory.products:
        skus = dict.fromkeys(listing.skus) or {"": None}
        return tuple(
            ListedItem(external_id=f"{listing.listing_id}:{sku}", sku=sku, title=listing.title, active=on_sale)
            for sku in skus
        )
    found = []
    for product in listing.inventory.products:
        if product.is_deleted:
            continue
        chosen = ", ".join(value for one in product.property_values for value in one.values)
        found.append(
            ListedItem(
                external_id=f"{listing.listing_id}:{product.product_id}",
                sku=product.sku,
                title=f"{listing.title} ({chosen})" if chosen else listing.title,
                active=on_sale and any(one.is_enabled and not one.is_deleted for one in product.offerings),
            )
        )
    return tuple(found)
