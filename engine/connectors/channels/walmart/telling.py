"""What Walmart is told: shipments and cancellations, line by line, and what it was told already. Pure.

Shipping charges the customer, so nothing is told that is there already, and nothing on a guess.
Source: https://developer.walmart.com/us-marketplace/docs/ship-an-order
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from engine.connectors.channels.walmart.payload import CANCELED, Order, milliseconds
from engine.domain import carriers
from engine.errors import Refused
from engine.ports import ChannelParcel, Parcel

REASONS = (
    ("fraud", "SELLER_CANCEL_FRAUD_STOP_SHIPMENT"),
    ("address", "SELLER_CANCEL_ADDRESS_NOT_SERVICEABLE"),
    ("price", "SELLER_CANCEL_PRICING_ERROR"),
    ("pricing", "SELLER_CANCEL_PRICING_ERROR"),
)
"""By a word in ours, the reasons Walmart knows; any other is SOLD_OUT. What the customer asked for stands in the order."""
SOLD_OUT = "SELLER_CANCEL_OUT_OF_STOCK"
ASKED_FOR = "CUSTOMER_REQUESTED_SELLER_TO_CANCEL"


def carrier_name(parcel: Parcel) -> dict[str, str]:
    """The carrier as Walmart spells it, or as another one. Raises Refused where Walmart would want a link besides."""
    known = carriers.CARRIERS.get(parcel.carrier)
    if known is not None and "walmart" in known.spellings:
        return {"carrier": known.spellings["walmart"]}
    name = parcel.carrier_name or parcel.carrier
    if not (name and parcel.tracking_url):
        raise Refused(
            f"Walmart order {parcel.order_external_id}: Walmart does not list the carrier {name or 'of this parcel'!r}, and"
            f" for others it wants a tracking link, which parcel {parcel.tracking_number} has not. Give the shipment its"
            " carrier, or enter it in Seller Center.",
            code="CARRIER",
        )
    return {"otherCarrier": name}


def here(order: Order, parcel: Parcel) -> dict[str, int]:
    """By line, how many of the parcel's pieces Walmart has to be told of yet; raises Refused where that cannot be told.

    A parcel has no field for our key. It is known again by its number on its lines: pieces of a line that were shipped
    under the number at the same time are this parcel's. At another time they may be, and nobody is charged on a guess.
    """
    lines = {line.line_number: line for line in order.lines}
    sent = milliseconds(parcel.shipped_at)
    wanted: dict[str, int] = {}
    for number, pieces in parcel.lines:
        line = lines.get(number)
        if line is None:
            raise Refused(f"Walmart order {order.purchase_order_id} has no line {number}", code="NO_SUCH_LINE")
        times = [when for code, _, when in line.parcels() if code == parcel.tracking_number]
        if any(when // 1000 in (0, sent // 1000) for when in times):
            continue
        if times:
            raise Refused(
                f"Walmart order {order.purchase_order_id}: line {number} was already shipped under"
                f" {parcel.tracking_number}, at another time. Whether that was this parcel cannot be told, and shipping"
                " charges the customer: look in Seller Center whether pieces are missing there.",
                code="SAME_NUMBER",
            )
        if pieces > line.open:
            raise Refused(
                f"Walmart order {order.purchase_order_id}: {pieces} of line {number} were sent, and only {line.open} are open"
                " there. Look in Seller Center what was canceled or shipped meanwhile.",
                code="OVER_SHIP",
            )
        wanted[number] = pieces
    return wanted


def missing(order: Order, parcel: Parcel, wanted: Iterable[str]) -> list[str]:
    """Those of the lines that do not show the parcel's number."""
    shown = {
        line.line_number for line in order.lines for number, _, _ in line.parcels() if number == parcel.tracking_number
    }
    return [number for number in wanted if number not in shown]


def shipment(order: Order, parcel: Parcel, wanted: Mapping[str, int]) -> dict[str, Any]:
    """What tells Walmart that these pieces by line are on their way. Each is charged to the customer."""
    tracking = {
        "shipDateTime": milliseconds(parcel.shipped_at),
        "carrierName": carrier_name(parcel),
        "methodCode": order.shipping_info.method_code,
        "trackingNumber": parcel.tracking_number,
    }
    if parcel.tracking_url:
        tracking["trackingURL"] = parcel.tracking_url
    asked = {line.line_number for line in order.lines if line.asked_to_cancel}
    lines = [
        {
            "lineNumber": number,
            # It is in the post already, whatever the customer asked for since.
            "intentToCancelOverride": number in asked,
            "sellerOrderId": order.customer_order_id[:30],
            "orderLineStatuses": {
                "orderLineStatus": [{"status": "Shipped", "statusQuantity": _pieces(pieces), "trackingInfo": tracking}]
            },
        }
        for number, pieces in wanted.items()
    ]
    return {"orderShipment": {"orderLines": {"orderLine": lines}}}


def cancellation(order: Order, wanted: Mapping[str, int], reason: str) -> dict[str, Any]:
    """What asks Walmart to cancel these pieces by line. It may name the customer only where the customer asked there."""
    said = reason.lower()
    ours = next((code for word, code in REASONS if word in said), SOLD_OUT)
    asked = {line.line_number for line in order.lines if line.asked_to_cancel}
    lines = [
        {
            "lineNumber": number,
            "orderLineStatuses": {
                "orderLineStatus": [
                    {
                        "status": CANCELED,
                        "cancellationReason": ASKED_FOR if number in asked else ours,
                        "statusQuantity": _pieces(pieces),
                    }
                ]
            },
        }
        for number, pieces in wanted.items()
    ]
    return {"orderCancellation": {"orderLines": {"orderLine": lines}}}


def canceling(order: Order, lines: Sequence[tuple[str, int]]) -> dict[str, int]:
    """By line, how many of so many pieces are there to be canceled; no lines: all that is open.

    Fewer than that are open where the customer was quicker, which is as good. Raises Refused where they were shipped.
    """
    by_number = {line.line_number: line for line in order.lines}
    if not lines:
        return {number: line.open for number, line in by_number.items() if line.open}
    wanted = {}
    for number, pieces in lines:
        line = by_number.get(number)
        if line is None:
            raise Refused(f"Walmart order {order.purchase_order_id} has no line {number}", code="NO_SUCH_LINE")
        if pieces > line.open and line.parcels():
            raise Refused(
                f"Walmart order {order.purchase_order_id}: {pieces} of line {number} cannot be canceled, only {line.open} are"
                " neither shipped nor canceled. What was shipped can be refunded in Seller Center.",
                code="SHIPPED",
            )
        if line.open:
            wanted[number] = min(pieces, line.open)
    return wanted


def _pieces(number: int) -> dict[str, str]:
    return {"unitOfMeasurement": "EACH", "amount": str(number)}


def parcels(order: Order) -> tuple[ChannelParcel, ...]:
    """The parcels of an order; each line of a parcel is one of them, so that two under one number can be told apart."""
    found = dict.fromkeys(
        (number, f"{line.line_number}:{number}") for line in order.lines for number, _, _ in line.parcels()
    )
    return tuple(ChannelParcel(tracking_number=number, reference=reference) for number, reference in found)
