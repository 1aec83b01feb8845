"""Parcels at Amazon: a shipment is confirmed by v0 ``confirmShipment``, and shows among the order's packages some time later.

Sources: https://developer-docs.amazon.com/sp-api/docs/confirm-the-shipment-status, models ordersV0.json, orders_2026-01-01.json
"""

from __future__ import annotations

import hashlib
import re
from datetime import datetime
from typing import Any

import msgspec

from engine import clock
from engine.connectors.channels.amazon import mapping
from engine.connectors.payload import unreadable
from engine.domain.carriers import CARRIERS, OTHER
from engine.errors import Refused, Unreadable
from engine.ports import ChannelParcel, Parcel

_WITH = re.compile(r" \(with ([^()]+)\)$")
_UNFIT = {
    "PENDING": "is not paid yet",
    "PENDING_AVAILABILITY": "is a pre-order that is not released yet",
    "CANCELLED": "is canceled",
    "UNFULFILLABLE": "cannot be fulfilled",
}


class _Status(msgspec.Struct):
    status: str = ""


class _Packed(msgspec.Struct, rename="camel"):
    order_item_id: str
    quantity: int


class _Package(msgspec.Struct, rename="camel"):
    package_reference_id: str
    package_items: list[_Packed] = []
    tracking_number: str = ""
    shipping_service: str = ""
    package_status: _Status | None = None

    def parcels(self) -> list[ChannelParcel]:
        """The package, and the numbers that travel with it. ``key`` is not to be had from Amazon."""
        numbers = [self.tracking_number]
        if found := _WITH.search(self.shipping_service):
            numbers += found[1].split(", ")
        return [ChannelParcel(number, None, self.package_reference_id) for number in numbers if number]


class Shown(msgspec.Struct, rename="camel"):
    """What of an order matters for its parcels."""

    order_id: str
    created_time: datetime
    sales_channel: mapping.SalesChannel
    fulfillment: mapping.Fulfillment | None = None
    packages: list[_Package] = []

    def parcels(self) -> tuple[ChannelParcel, ...]:
        """The packages Amazon shows, but for those whose label was taken back."""
        return tuple(parcel for package in self._live() for parcel in package.parcels())

    def told(self, parcel: Parcel) -> str:
        """The number of the package that is this parcel, by whomever it was told; "" where none is."""
        mine, items = reference(parcel.key), sorted(parcel.lines)
        for package in self._live():
            numbers = {one.tracking_number for one in package.parcels()}
            same = sorted((one.order_item_id, one.quantity) for one in package.package_items) == items
            if {parcel.tracking_number, *parcel.also} <= numbers and (same or package.package_reference_id == mine):
                return package.package_reference_id
        return ""

    def _live(self) -> list[_Package]:
        return [p for p in self.packages if not p.package_status or p.package_status.status != "CANCELLED"]


class _Got(msgspec.Struct):
    order: Shown


def shown(body: bytes) -> Shown:
    """The order in an answer of ``getOrder``; raises Unreadable."""
    try:
        return msgspec.json.decode(body, type=_Got).order
    except msgspec.DecodeError as error:
        raise unreadable(error, "Amazon's order") from error


def reference(key: str) -> str:
    """The package's number at Amazon: positive digits, the same for one key, and another's by nothing but chance."""
    return str(int.from_bytes(hashlib.sha256(key.encode()).digest()[:8]) % (2**31 - 1) + 1)


def confirmation(parcel: Parcel, order: Shown) -> dict[str, Any]:
    """The body of ``confirmShipment``. Raises Refused where Amazon could not take it, in words for people."""
    subject = f"Amazon order {order.order_id}"
    if not parcel.lines:
        raise Refused(f"{subject}: Amazon wants to know whole pieces, and none is in this parcel", "INCOMPLETE_PARCEL")
    if not parcel.tracking_number:
        raise Refused(f"{subject}: Amazon takes no parcel without a tracking number")
    status = order.fulfillment.fulfillment_status if order.fulfillment else ""
    if status in _UNFIT:
        raise Refused(f"{subject} {_UNFIT[status]}, and Amazon takes no parcels for it", status)
    if not order.sales_channel.marketplace_id:
        raise Unreadable(f"{subject} does not say its marketplace", field="salesChannel.marketplaceId")
    # Amazon takes no day before the order or ahead, and suppliers often tell no more than the day.
    shipped = max(mapping.aware(order.created_time, "createdTime"), min(parcel.shipped_at, clock.now()))
    package: dict[str, Any] = {
        "packageReferenceId": reference(parcel.key),
        **_carrier(parcel),
        "trackingNumber": parcel.tracking_number,
        "shipDate": mapping.written(shipped),
        "orderItems": [{"orderItemId": line, "quantity": pieces} for line, pieces in parcel.lines],
    }
    if parcel.also:
        package["shippingMethod"] = f"{parcel.service or 'Standard'} (with {', '.join(parcel.also)})"
    elif parcel.service:
        package["shippingMethod"] = parcel.service
    return {"marketplaceId": order.sales_channel.marketplace_id, "packageDetail": package}


def _carrier(parcel: Parcel) -> dict[str, str]:
    known = CARRIERS.get(parcel.carrier)
    spelling = known.spellings.get("amazon") if known else None
    if spelling:
        return {"carrierCode": spelling}
    name = parcel.carrier_name or (known.name if known else parcel.carrier) or "Unknown carrier"
    return {"carrierCode": OTHER["amazon"], "carrierName": name}
