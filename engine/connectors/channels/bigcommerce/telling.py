"""What BigCommerce is told of parcels. Pure.

A shipment has no field for our key, so it stands in the comments, where people at the store see whose it is. Carriers that
BigCommerce has links for are named as its providers; for others the parcel brings its own link.
Source: https://developer.bigcommerce.com/docs/rest-management/orders/order-shipments
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from engine.connectors.channels.bigcommerce.mapping import OPEN, PARTIALLY_SHIPPED, PENDING, SHIPPED, VERIFY
from engine.connectors.channels.bigcommerce.payload import Order, Shipment
from engine.errors import Refused
from engine.ports import ChannelParcel, Parcel

PROVIDERS = {
    "ups": "ups",
    "usps": "usps",
    "fedex": "fedex",
    "canada_post": "canadapost",
    "royal_mail": "royalmail",
    "australia_post": "auspost",
}
_LONGEST_NUMBER, _LONGEST_LINK = 50, 500
_OURS = re.compile(r"\bBluebook (\S+)(?: with ([^\s,]+(?:, [^\s,]+)*))?")
_MOVABLE = (OPEN.keys() | PENDING.keys() | {PARTIALLY_SHIPPED}) - {0, VERIFY}


def shipment(order: Order, parcel: Parcel) -> dict[str, Any]:
    """What tells BigCommerce of the parcel. Raises Refused for more pieces than are open and for more than one address."""
    subject = f"BigCommerce order {order.id}"
    if not parcel.lines:
        raise Refused(
            f"{subject}: BigCommerce wants to know whole pieces, and none is in this parcel", "INCOMPLETE_PARCEL"
        )
    if len(parcel.tracking_number) > _LONGEST_NUMBER:
        raise Refused(
            f"{subject}: BigCommerce takes tracking numbers of {_LONGEST_NUMBER} characters at most", "TRACKING_NUMBER"
        )
    lines = {str(line.id): line for line in order.lines}
    for number, pieces in parcel.lines:
        if number not in lines:
            raise Refused(f"{subject} has no line {number}", "NO_SUCH_LINE")
        if pieces > lines[number].open:
            raise Refused(
                f"{subject}: {pieces} of line {number} were sent, and only {lines[number].open} are open there. Look in the"
                " control panel what was refunded or shipped meanwhile.",
                "OVER_SHIP",
            )
    addresses = {lines[number].order_address_id for number, _ in parcel.lines}
    if len(addresses) != 1:
        raise Refused(f"{subject}: the parcel's lines go to {len(addresses)} addresses there", "ADDRESSES")
    provider = PROVIDERS.get(parcel.carrier, "")
    told: dict[str, Any] = {
        "order_address_id": addresses.pop(),
        "tracking_number": parcel.tracking_number,
        "shipping_provider": provider,
        "shipping_method": " ".join(filter(None, (parcel.carrier_name or parcel.carrier, parcel.service))),
        "comments": f"Bluebook {parcel.key}" + (f" with {', '.join(parcel.also)}" if parcel.also else ""),
        "items": [{"order_product_id": int(number), "quantity": pieces} for number, pieces in parcel.lines],
    }
    if not provider and 0 < len(parcel.tracking_url) <= _LONGEST_LINK:
        told["tracking_link"] = parcel.tracking_url
    return told


def known(shipments: Iterable[Shipment], parcel: Parcel) -> Shipment | None:
    """The parcel's shipment, where there is one."""
    return next((one for one in shipments if _key(one) == parcel.key), None)


def _key(one: Shipment) -> str | None:
    ours = _OURS.search(one.comments or "")
    return ours[1] if ours else None


def parcels(shipments: Iterable[Shipment]) -> tuple[ChannelParcel, ...]:
    """The parcels of an order, with the numbers that travel with them."""
    found = []
    for one in shipments:
        ours = _OURS.search(one.comments or "")
        numbers = [one.tracking_number or "", *(ours[2].split(", ") if ours and ours[2] else ())]
        found += [ChannelParcel(number, ours[1] if ours else None, str(one.id)) for number in numbers]
    return tuple(found)


def status_after(order: Order) -> int | None:
    """The status an order of these shipments should have, where it has another one that may be changed."""
    if order.status_id not in _MOVABLE or not any(line.shipped for line in order.lines):
        return None
    wanted = PARTIALLY_SHIPPED if any(line.open for line in order.lines) else SHIPPED
    return wanted if wanted != order.status_id else None
