"""Shipped dialects: settings by name, and how a document of that dialect falls into single updates.

``amazon_vendor_df``: the shapes of Amazon's Vendor Direct Fulfillment (2021-12-28), for suppliers who ship for Amazon already and
take an order in that shape. Described in https://developer-docs.amazon.com/sp-api/docs/vendor-direct-fulfillment-apis
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from engine.errors import Unreadable
from engine.ports import UpdateKind

_PARTIES = ("selling_party", "ship_from_party", "bill_to_party")
_ORDER = (
    "{purchaseOrderNumber: po_number, orderDetails: {customerOrderNumber: order_number, orderDate: placed_at,"
    " orderStatus: 'NEW', shipmentDetails: {isPriorityShipment: `false`, isPslipRequired: `false`, shipMethod: method_code,"
    " shipmentDates: {requiredShipDate: placed_at}, messageToCustomer: note},"
    " sellingParty: {partyId: constants.selling_party}, shipFromParty: {partyId: constants.ship_from_party},"
    " billToParty: {partyId: constants.bill_to_party},"
    " shipToParty: {name: ship_to.name, attention: ship_to.company, addressLine1: ship_to.line1, addressLine2: ship_to.line2,"
    " city: ship_to.city, stateOrRegion: ship_to.region, postalCode: ship_to.postal_code, countryCode: ship_to.country,"
    " phone: ship_to.phone},"
    " items: lines[].{itemSequenceNumber: to_string(line), buyerProductIdentifier: sku, vendorProductIdentifier: supplier_sku,"
    " title: title, orderedQuantity: {amount: quantity, unitOfMeasure: 'Each'},"
    " netPrice: {currencyCode: currency, amount: unit_cost}}}}"
)
_REFUSED = ("02", "03", "04", "05", "06", "07", "08", "09", "10", "11", "12", "13", "20", "21", "22", "50")


class Preset(msgspec.Struct, frozen=True):
    """``settings`` stand where nothing is set by hand; ``constants`` are those its documents cannot do without.

    ``apart`` makes single updates of what was received. Raises Unreadable.
    """

    settings: Mapping[str, Any]
    constants: tuple[str, ...]
    apart: Callable[[Any], list[Any]]


def _apart(document: Any) -> list[Any]:
    if not isinstance(document, dict):
        raise Unreadable(f"an update should be an object and is {document!r:.100}")
    submitted = [document[name] for name in ("orderAcknowledgements", "shipmentConfirmations") if name in document]
    if not submitted:
        return _parcels(document)
    if not all(isinstance(items, list) for items in submitted):
        raise Unreadable("orderAcknowledgements and shipmentConfirmations should be lists")
    return [update for items in submitted for item in items for update in _apart(item)]


def _parcels(item: dict[str, Any]) -> list[Any]:
    containers = item.get("containers")
    if isinstance(containers, list) and containers:
        return [{**item, "containers": [container]} for container in containers]
    lines = item.get("itemAcknowledgements")
    code = (item.get("acknowledgementStatus") or {}).get("code")
    if code in _REFUSED and isinstance(lines, list):
        # A refusal is of the whole order there, and acknowledges none of each line.
        return [{name: value for name, value in item.items() if name != "itemAcknowledgements"}]
    return [item]


AMAZON = Preset(
    settings={
        "submit_path": "/purchaseOrders",
        "find_path": "/purchaseOrders/{po_number}",
        "can_cancel": False,
        "po_number_form": "alphanumeric",
        "request": _ORDER,
        "answer_po_number": "purchaseOrderNumber",
        "answer_reference": "vendorOrderNumber",
        "error_message": "errors[0].message",
        "updates_items": "[orderAcknowledgements, shipmentConfirmations][] | [?@]",
        "updates_next": "pagination.nextToken",
        "update": {
            "kind": "acknowledgementStatus.code || shipmentDetails.shipmentStatus",
            "key": "join('/', [purchaseOrderNumber, acknowledgementStatus.code || shipmentDetails.shipmentStatus,"
            " containers[0].trackingNumber || containers[0].containerIdentifier || acknowledgementDate ||"
            " shipmentDetails.shippedDate])",
            "po_number": "purchaseOrderNumber",
            "occurred_at": "acknowledgementDate || shipmentDetails.shippedDate",
            "lines": "containers[0].packedItems[].{line: itemSequenceNumber, supplier_sku: vendorProductIdentifier,"
            " quantity: packedQuantity.amount} || items[].{line: itemSequenceNumber, supplier_sku: vendorProductIdentifier,"
            " quantity: shippedQuantity.amount} || itemAcknowledgements[].{line: itemSequenceNumber,"
            " supplier_sku: vendorProductIdentifier, quantity: acknowledgedQuantity.amount}",
            "reference": "vendorOrderNumber || shipmentDetails.vendorOrderNumber",
            "message": "acknowledgementStatus.description",
            "carrier": "containers[0].carrier || containers[0].scacCode",
            "service": "containers[0].shipMethod",
            "tracking_number": "containers[0].trackingNumber",
        },
        "status_map": {
            "00": UpdateKind.ACKNOWLEDGED,
            **dict.fromkeys(_REFUSED, UpdateKind.REJECTED),
            "SHIPPED": UpdateKind.SHIPPED,
            "FLOOR_DENIAL": UpdateKind.REJECTED,
        },
    },
    constants=_PARTIES,
    apart=_apart,
)
PRESETS = {"amazon_vendor_df": AMAZON}


def coded(number: str) -> str:
    """The number in letters and digits: every other character, and Z, is Z and two hexadecimal digits for each byte."""
    return "".join(
        char if char.isascii() and char.isalnum() and char != "Z" else "".join(f"Z{byte:02X}" for byte in char.encode())
        for char in number
    )


def plain(number: str) -> str:
    """``coded`` undone; a number that was never coded is left as it is."""
    head, *rest = number.split("Z")
    try:
        found = head.encode() + b"".join(bytes.fromhex(part[:2]) + part[2:].encode() for part in rest)
        decoded = found.decode()
    except ValueError:
        return number
    return decoded if coded(decoded) == number else number
