"""What the demo Walmart's orders are, and what may be done to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from engine.demo.channels.base import Sale
from engine.domain.carriers import CARRIERS
from engine.domain.money import exponent

CREATED, ACKNOWLEDGED, SHIPPED, CANCELED = "Created", "Acknowledged", "Shipped", "Cancelled"
METHODS = ("Standard", "Express", "OneDay", "Freight", "WhiteGlove", "Value")
LIMITS = {
    "detail": 60, "items": 60, "orders": 5000, "order": 5000, "acknowledge": 60, "shipping": 60, "cancel": 60,
}  # fmt: skip
"""Requests a minute."""
_ASKED_FOR = "CUSTOMER_REQUESTED_SELLER_TO_CANCEL"
_REASONS = frozenset(
    {_ASKED_FOR}
    | {
        f"SELLER_CANCEL_{why}"
        for why in ("PRICING_ERROR", "OUT_OF_STOCK", "FRAUD_STOP_SHIPMENT", "ADDRESS_NOT_SERVICEABLE")
    }
)
_CARRIERS = frozenset(carrier.spellings["walmart"] for carrier in CARRIERS.values() if "walmart" in carrier.spellings)
_FIRST = 1_000_000_000_000  # milliseconds; seconds are far below
_ALPHA_3 = {"US": "USA", "CA": "CAN", "PR": "PRI", "MX": "MEX"}


class Refusal(Exception):
    """Walmart says no, in its own words."""

    def __init__(self, code: str, description: str, status: int = 400) -> None:
        super().__init__(description)
        self.body, self.status = errors(code, description), status


def errors(code: str, description: str) -> dict[str, Any]:
    """An error as Walmart answers it."""
    one = {
        "code": code, "description": description, "info": "Request content is invalid.", "severity": "ERROR",
        "category": "DATA", "causes": [], "errorIdentifiers": {},
    }  # fmt: skip
    return {"errors": {"error": [one]}}


def dated(query: Mapping[str, str], name: str) -> datetime | None:
    """A date of a query; raises Refusal where it is none."""
    if name not in query:
        return None
    try:
        when = datetime.fromisoformat(query[name])
    except ValueError:
        raise Refusal("INVALID_REQUEST_PARAM.GMP_ORDER_API", f"{name} is no date") from None
    return when if when.tzinfo else when.replace(tzinfo=UTC)


@dataclass(slots=True)
class DemoEntry:
    """So many pieces of a line have this status."""

    status: str
    quantity: int
    tracking: dict[str, Any] | None = None
    reason: str = ""

    def shown(self) -> dict[str, Any]:
        """As the API shows it."""
        told: dict[str, Any] = {"status": self.status, "statusQuantity": _quantity(self.quantity)}
        if self.tracking:
            told["trackingInfo"] = self.tracking
        if self.reason:
            told["cancellationReason"] = self.reason
        return told


@dataclass(slots=True)
class DemoLine:
    """A line. ``unit_price`` and ``refunded`` in minor units."""

    number: str
    sku: str
    title: str
    unit_price: int
    quantity: int
    entries: list[DemoEntry]
    changed: datetime
    asked_to_cancel: bool = False
    refunded: int = 0

    def count(self, *statuses: str) -> int:
        """How many pieces have one of these statuses."""
        return sum(entry.quantity for entry in self.entries if entry.status in statuses)

    def move(
        self, sources: tuple[str, ...], target: str, quantity: int, when: datetime,
        tracking: dict[str, Any] | None = None, reason: str = "",
    ) -> None:  # fmt: skip
        """So many pieces go from these statuses to that one."""
        if not quantity:
            return
        rest = quantity
        for entry in self.entries:
            if entry.status in sources:
                taken = min(entry.quantity, rest)
                entry.quantity -= taken
                rest -= taken
        if rest:
            raise ValueError(f"{self.sku}: {quantity} pieces are not there")
        self.entries = [entry for entry in self.entries if entry.quantity]
        self.entries.append(DemoEntry(target, quantity, tracking, reason))
        self.changed = when


@dataclass(slots=True)
class DemoOrder:
    """A purchase order."""

    id: str
    customer_order: str
    sale: Sale
    method: str
    placed: datetime
    lines: list[DemoLine]
    modified: datetime = field(init=False)

    def __post_init__(self) -> None:
        self.modified = self.placed

    def shown(self, per_piece: bool) -> dict[str, Any]:
        """As the API shows it."""
        sale, address = self.sale, self.sale.ship_to
        total = sum(line.unit_price * line.quantity for line in self.lines) + sale.shipping
        return {
            "purchaseOrderId": self.id,
            "customerOrderId": self.customer_order,
            "customerEmailId": sale.email,
            "orderDate": _ms(self.placed),
            "shippingInfo": {
                "phone": address.phone,
                "estimatedDeliveryDate": _ms(self.placed + timedelta(days=7)),
                "estimatedShipDate": _ms(self.placed + timedelta(days=2)),
                "methodCode": self.method,
                "postalAddress": {
                    "name": address.name, "address1": address.line1, "address2": address.line2, "city": address.city,
                    "state": address.region, "postalCode": address.postal_code,
                    "country": _ALPHA_3.get(address.country, address.country), "addressType": "RESIDENTIAL",
                },
            },
            "orderLines": {"orderLine": [self._line(line, per_piece) for line in self.lines]},
            "orderSummary": {
                "totalAmount": {"currencyAmount": self._amount(total), "currencyUnit": sale.currency},
            },
            "shipNode": {"type": "SellerFulfilled"},
        }  # fmt: skip

    def _amount(self, minor: int) -> float | int:
        places = exponent(self.sale.currency)
        return minor / 10**places if places else minor

    def _charge(self, kind: str, name: str, minor: int) -> dict[str, Any]:
        amount = {"currency": self.sale.currency, "amount": self._amount(minor)}
        return {"chargeType": kind, "chargeName": name, "chargeAmount": amount}

    def _line(self, line: DemoLine, per_piece: bool) -> dict[str, Any]:
        charges = [self._charge("PRODUCT", "ItemPrice", line.unit_price * (1 if per_piece else line.quantity))]
        if self.sale.shipping and line is self.lines[0]:
            charges.append(self._charge("SHIPPING", "Shipping", self.sale.shipping))
        told = {
            "lineNumber": line.number,
            "item": {"productName": line.title, "sku": line.sku},
            "charges": {"charge": charges},
            "orderLineQuantity": _quantity(line.quantity),
            "statusDate": _ms(line.changed),
            "orderLineStatuses": {"orderLineStatus": [entry.shown() for entry in line.entries]},
            "fulfillment": {"fulfillmentOption": "S2H", "shipMethod": self.method.upper()},
        }
        if line.asked_to_cancel:
            told["intentToCancel"] = "true"
        if line.refunded:
            charge = self._charge("PRODUCT", "ItemPrice", -line.refunded)
            one = {"refundReason": "CustomerChangedMind", "charge": charge}
            told["refund"] = {"refundId": f"R{line.number}", "refundCharges": {"refundCharge": [one]}}
        return told


def ship(order: DemoOrder, body: Any, now: datetime) -> None:
    """Every line of the request is shipped and charged, or none is; raises Refusal."""
    wanted = []
    for told in body["orderShipment"]["orderLines"]["orderLine"]:
        line = _line_of(order, told)
        if line.asked_to_cancel and not told.get("intentToCancelOverride"):
            raise Refusal("INVALID_REQUEST_CONTENT.GMP_ORDER_API", f"the customer asked to cancel line {line.number}")
        pieces = 0
        for status in told["orderLineStatuses"]["orderLineStatus"]:
            if status["status"] != SHIPPED:
                raise Refusal("INVALID_REQUEST_CONTENT.GMP_ORDER_API", "status should be Shipped")
            _check_tracking(status["trackingInfo"], order, now)
            amount = int(status["statusQuantity"]["amount"])
            pieces += amount
            wanted.append((line, amount, status["trackingInfo"]))
        if pieces > line.count(ACKNOWLEDGED):
            why = (
                "is not acknowledged" if line.count(CREATED) else f"has only {line.count(ACKNOWLEDGED)} pieces to ship"
            )
            raise Refusal("INVALID_REQUEST_CONTENT.GMP_ORDER_API", f"line {line.number} {why}")
    for line, amount, tracking in wanted:
        line.move((ACKNOWLEDGED,), SHIPPED, amount, now, tracking)


def _check_tracking(tracking: Mapping[str, Any], order: DemoOrder, now: datetime) -> None:
    wrong = ""
    carrier = tracking["carrierName"]
    if carrier.get("carrier") is None and not (carrier.get("otherCarrier") and tracking.get("trackingURL")):
        wrong = "another carrier needs a trackingURL"
    elif carrier.get("carrier") is not None and carrier["carrier"] not in _CARRIERS:
        wrong = f"carrier {carrier['carrier']} is not supported"
    elif tracking["methodCode"] != order.method:
        wrong = "Method code is not supported"
    elif not str(tracking["trackingNumber"]).isalnum():
        wrong = "the tracking number has special characters"
    elif not _FIRST < tracking["shipDateTime"] <= _ms(now + timedelta(days=1)):
        wrong = "shipDateTime is not a time in milliseconds"
    if wrong:
        raise Refusal("INVALID_REQUEST_CONTENT.GMP_ORDER_API", wrong)


def cancel(order: DemoOrder, body: Any, now: datetime) -> None:
    """Every line of the request is canceled, or none is; raises Refusal."""
    wanted = []
    for told in body["orderCancellation"]["orderLines"]["orderLine"]:
        line = _line_of(order, told)
        for status in told["orderLineStatuses"]["orderLineStatus"]:
            reason, amount = status["cancellationReason"], int(status["statusQuantity"]["amount"])
            if reason not in _REASONS or (reason == _ASKED_FOR and not line.asked_to_cancel):
                raise Refusal(
                    "INVALID_REQUEST_CONTENT.GMP_ORDER_API", f"{reason} cannot be the reason for line {line.number}"
                )
            if amount > line.count(CREATED, ACKNOWLEDGED):
                raise Refusal("INVALID_REQUEST_CONTENT.GMP_ORDER_API", f"line {line.number} has shipped or is canceled")
            wanted.append((line, amount, reason))
    for line, amount, reason in wanted:
        line.move((CREATED, ACKNOWLEDGED), CANCELED, amount, now, reason=reason)
        line.asked_to_cancel = False


def _line_of(order: DemoOrder, told: Mapping[str, Any]) -> DemoLine:
    for line in order.lines:
        if line.number == told["lineNumber"]:
            return line
    raise Refusal("INVALID_REQUEST_CONTENT.GMP_ORDER_API", f"there is no line {told['lineNumber']}")


def _quantity(pieces: int) -> dict[str, str]:
    return {"unitOfMeasurement": "EACH", "amount": str(pieces)}


def _ms(when: datetime) -> int:
    return int(when.timestamp() * 1000)
