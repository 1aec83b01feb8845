"""The demo Amazon's orders: what buyers and the seller do with them, the rules of a shipment, and how an order is shown."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from engine.demo.channels.base import Sale, SimParcel
from engine.domain.carriers import CARRIERS, OTHER
from engine.domain.money import major

# Amazon takes carriers from a list of its own. The names on it that we know, and the word for all others, are enough here.
CODES = frozenset(one.spellings["amazon"] for one in CARRIERS.values() if "amazon" in one.spellings) | {OTHER["amazon"]}
_STATES = {"PENDING": "pending", "UNSHIPPED": "open", "PARTIALLY_SHIPPED": "partially_shipped", "SHIPPED": "shipped"}
_NAMED = ("name", "addressLine1", "addressLine2", "postalCode", "phone")  # what of an address is personal data


class Refusal(Exception):
    """What the API answers instead."""

    def __init__(self, status: int, code: str, message: str, details: str = "") -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.details = status, code, message, details


def iso(moment: datetime) -> str:
    """As Amazon writes it."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class SimLine(msgspec.Struct):
    """An order item. ``canceled`` pieces will not ship; ``asked``: why the buyer wants it canceled."""

    id: str
    sku: str
    title: str
    ordered: int
    unit_price: int
    canceled: int = 0
    asked: str = ""


class SimPackage(msgspec.Struct):
    """A confirmed shipment. ``shows_at``: from then on the order has it."""

    reference: str
    carrier: str
    number: str
    service: str
    shipped_at: str
    made_at: datetime
    shows_at: datetime
    items: dict[str, int]


class SimOrder(msgspec.Struct, order=False):
    """An order as Amazon keeps it."""

    id: str
    sale: Sale
    created: datetime
    updated: datetime
    lines: list[SimLine]
    fulfilled_by: str
    programs: list[str]
    level: str
    gift: str = ""
    pending: bool = False
    canceled: bool = False
    cancels_at: datetime | None = None  # the seller has told Amazon to
    instruction: str = ""
    packages: dict[str, SimPackage] = {}
    visible: dict[str, SimPackage] = {}

    def shipped(self, line: SimLine) -> int:
        """Pieces in the packages that show."""
        return sum(package.items.get(line.id, 0) for package in self.visible.values())

    @property
    def status(self) -> str:
        """Its FulfillmentStatus."""
        if self.canceled:
            return "CANCELLED"
        if self.pending:
            return "PENDING"
        shipped = sum(self.shipped(line) for line in self.lines)
        if shipped and shipped == sum(line.ordered - line.canceled for line in self.lines):
            return "SHIPPED"
        return "PARTIALLY_SHIPPED" if shipped else "UNSHIPPED"

    def shown(self, sets: frozenset[str], marketplace: str, *, personal: bool) -> dict[str, Any]:
        """The order as the Orders API 2026-01-01 has it."""
        told: dict[str, Any] = {
            "orderId": self.id,
            "createdTime": iso(self.created),
            "lastUpdatedTime": iso(self.updated),
            "programs": self.programs,
            "salesChannel": {
                "channelName": "AMAZON", "marketplaceId": marketplace, "marketplaceName": "Amazon.com",
            },
            "orderItems": [self._item(line, sets, personal) for line in self.lines],
        }  # fmt: skip
        ours = self.fulfilled_by == "MERCHANT"
        open_ = self.status in ("UNSHIPPED", "PARTIALLY_SHIPPED", "SHIPPED")
        if "FULFILLMENT" in sets:
            told["fulfillment"] = self._fulfillment()
        if "BUYER" in sets and open_ and ours and personal:
            told["buyer"] = {"buyerName": self.sale.ship_to.name, "buyerEmail": self.sale.email}
        if "RECIPIENT" in sets and open_ and ours:
            told["recipient"] = self._recipient(personal)
        if "PROCEEDS" in sets and open_:
            told["proceeds"] = self._proceeds()
        if "PACKAGES" in sets and ours:
            told["packages"] = [self._package(package) for package in self.visible.values()]
        return told

    def money(self, amount: int) -> dict[str, str]:
        """An amount in minor units as Amazon writes it."""
        return {"amount": f"{major(amount, self.sale.currency):f}", "currencyCode": self.sale.currency}

    def _fulfillment(self) -> dict[str, Any]:
        ship = {"earliestDateTime": iso(self.created), "latestDateTime": iso(self.created + timedelta(days=2))}
        deliver = {"earliestDateTime": iso(self.created), "latestDateTime": iso(self.created + timedelta(days=6))}
        return {
            "fulfillmentStatus": self.status, "fulfilledBy": self.fulfilled_by, "fulfillmentServiceLevel": self.level,
            "shipByWindow": ship, "deliverByWindow": deliver,
        }  # fmt: skip

    def _recipient(self, personal: bool) -> dict[str, Any]:
        given = self.sale.ship_to
        address = {
            "name": given.name, "companyName": given.company, "addressLine1": given.line1, "addressLine2": given.line2,
            "city": given.city, "stateOrRegion": given.region, "postalCode": given.postal_code,
            "countryCode": given.country, "phone": given.phone, "addressType": "RESIDENTIAL",
        }  # fmt: skip
        kept = {name: text for name, text in address.items() if text and (personal or name not in _NAMED)}
        told: dict[str, Any] = {"deliveryAddress": kept}
        if self.instruction:
            told["deliveryPreference"] = {"addressInstruction": self.instruction}
        return told

    def _proceeds(self) -> dict[str, Any]:
        items = sum(line.ordered * line.unit_price for line in self.lines)
        parts = {"ITEM": items, "SHIPPING": self.sale.shipping}
        return {
            "grandTotal": self.money(sum(parts.values())),
            "breakdowns": [{"type": kind, "subtotal": self.money(amount)} for kind, amount in parts.items()],
        }

    def _item(self, line: SimLine, sets: frozenset[str], personal: bool) -> dict[str, Any]:
        product: dict[str, Any] = {"asin": "B08C1W5N87", "title": line.title, "sellerSku": line.sku}
        told: dict[str, Any] = {"orderItemId": line.id, "quantityOrdered": line.ordered, "product": product}
        if not self.pending:
            product["price"] = {"unitPrice": self.money(line.unit_price)}
        if "PROCEEDS" in sets and not self.pending:
            total = self.money(line.ordered * line.unit_price)
            told["proceeds"] = {"proceedsTotal": total, "breakdowns": [{"type": "ITEM", "subtotal": total}]}
        if "FULFILLMENT" in sets:
            shipped = self.shipped(line)
            rest = 0 if self.canceled else line.ordered - line.canceled - shipped
            told["fulfillment"] = {"quantityFulfilled": shipped, "quantityUnfulfilled": rest}
            if self.gift and personal:
                told["fulfillment"]["packing"] = {"giftOption": {"giftMessage": self.gift, "giftWrapLevel": "STANDARD"}}
        if "CANCELLATION" in sets and (line.asked or line.canceled or self.canceled):
            told["cancellation"] = {}
            if line.asked:
                told["cancellation"]["cancellationRequest"] = {"requester": "BUYER", "cancelReason": line.asked}
            if line.canceled or self.canceled:
                told["cancellation"]["cancellationExecution"] = {
                    "cancelledBy": "MERCHANT",
                    "cancelReason": "Out of stock",
                }
        return told

    def _package(self, package: SimPackage) -> dict[str, Any]:
        told: dict[str, Any] = {
            "packageReferenceId": package.reference,
            "createdTime": iso(package.made_at),
            "packageStatus": {"status": "SHIPPED"},
            "carrier": package.carrier,
            "shipTime": package.shipped_at,
            "trackingNumber": package.number,
            "packageItems": [{"orderItemId": item, "quantity": pieces} for item, pieces in package.items.items()],
        }
        if package.service:
            told["shippingService"] = package.service
        return told


class Book:
    """All orders of the demo seller."""

    def __init__(self, rng: random.Random, moment: Callable[[], datetime], shows_after: timedelta) -> None:
        self._rng, self._moment, self.shows_after = rng, moment, shows_after
        self._orders: dict[str, SimOrder] = {}

    def place(self, sale: Sale, *, by_amazon: bool, programs: Sequence[str], gift: str, level: str) -> str:
        """The order's id."""
        now = self._moment()
        number = "-".join(str(self._rng.randrange(10 ** (n - 1), 10**n)) for n in (3, 7, 7))
        lines = [
            SimLine(str(self._rng.randrange(10**13, 10**14)), line.sku, line.title, line.quantity, line.unit_price)
            for line in sale.lines
        ]
        self._orders[number] = SimOrder(
            id=number, sale=sale, created=sale.placed_at or now, updated=now, lines=lines,
            fulfilled_by="AMAZON" if by_amazon else "MERCHANT", programs=list(programs), gift=gift,
            level=level or sale.rate.upper().replace(" ", "_"), pending=not sale.paid, instruction=sale.note,
        )  # fmt: skip
        return number

    def find(self, order_id: str) -> SimOrder:
        """The order as it shows now; a Refusal (404) where there is none."""
        order = self._orders.get(order_id)
        if order is None:
            raise Refusal(404, "NotFound", f"The requested order {order_id} was not found")
        return self._settled(order)

    def orders(self) -> Iterator[SimOrder]:
        """All of them, as they show now."""
        return map(self._settled, self._orders.values())

    def _settled(self, order: SimOrder) -> SimOrder:
        for package in order.packages.values():
            if order.visible.get(package.reference) is not package and package.shows_at <= self._moment():
                order.visible[package.reference] = package
                order.updated = max(order.updated, package.shows_at)
        if order.cancels_at and not order.canceled and order.cancels_at <= self._moment():
            order.canceled, order.updated = True, max(order.updated, order.cancels_at)
        return order

    def fail(self, body: bytes) -> None:
        """The seller's feed says of orders that they failed: those of which nothing has shipped are canceled a while later."""
        text = body.decode()
        for told in re.findall(r"<OrderAcknowledgement>.*?</OrderAcknowledgement>", text, re.DOTALL):
            order_id = re.search(r"<AmazonOrderID>(.*?)</AmazonOrderID>", told)
            order = self._orders.get(order_id[1]) if order_id else None
            coded = set(re.findall(r"<AmazonOrderItemCode>(.*?)</AmazonOrderItemCode>", told))
            whole = order is not None and coded == {line.id for line in order.lines}
            if order and whole and "<StatusCode>Failure</StatusCode>" in told and not self._settled(order).packages:
                order.cancels_at = self._moment() + self.shows_after

    def _changed(self, order_id: str) -> SimOrder:
        order = self.find(order_id)
        order.updated = self._moment()
        return order

    def cancel(self, order_id: str) -> None:
        """What has not shipped is canceled."""
        self._changed(order_id).canceled = True

    def cancel_pieces(self, order_id: str, sku: str, quantity: int) -> None:
        """So many pieces of the SKU are canceled."""
        order = self._changed(order_id)
        line = next(line for line in order.lines if line.sku == sku)
        line.canceled = min(line.ordered - order.shipped(line), line.canceled + quantity)
        order.canceled = all(line.canceled == line.ordered for line in order.lines)

    def ask_to_cancel(self, order_id: str, reason: str, sku: str) -> None:
        """The buyer asks for it on every line, or on those of this SKU."""
        for line in self._changed(order_id).lines:
            if sku in ("", line.sku):
                line.asked = reason

    def instruct(self, order_id: str, text: str) -> None:
        """What the buyer says about the delivery."""
        self._changed(order_id).instruction = text

    def pay(self, order_id: str) -> None:
        """Amazon has the buyer's money."""
        self._changed(order_id).pending = False

    def parcels(self, order_id: str) -> list[SimParcel]:
        """What was confirmed, whether it shows or not."""
        order = self.find(order_id)
        skus = {line.id: line.sku for line in order.lines}
        return [
            SimParcel(package.number, package.carrier, {skus[item]: pieces for item, pieces in package.items.items()})
            for package in order.packages.values()
        ]

    def state(self, order_id: str) -> str:
        """In the words of ``ChannelSim``."""
        return _STATES.get(self.find(order_id).status, "canceled")

    def confirm(self, order_id: str, body: Mapping[str, Any], marketplace: str) -> None:
        """The shipment is taken, or a Refusal says why not. A package that was confirmed before is edited."""
        order = self.find(order_id)
        package = body.get("packageDetail")
        if body.get("marketplaceId") != marketplace or not isinstance(package, dict):
            raise _invalid("The order is not of this marketplace, or the package is missing")
        reference = package.get("packageReferenceId")
        if not isinstance(reference, str) or not reference.isdecimal() or int(reference) < 1:
            raise _invalid("PackageReferenceId: is invalid, must be a positive numeric value.")
        carrier = package.get("carrierCode")
        if carrier not in CODES:
            raise _invalid(f"CarrierCode: {carrier} is not supported.")
        if carrier == "Other" and not package.get("carrierName"):
            raise _invalid("CarrierName is required when carrierCode is Other.")
        if not package.get("trackingNumber"):
            raise _invalid("TrackingNumber is required.")
        self._check_date(order, str(package.get("shipDate")))
        if order.status in ("PENDING", "CANCELLED") or order.fulfilled_by == "AMAZON":
            raise _invalid(f"The order {order.id} is not in a state in which shipments can be confirmed.")
        if "FBM_SHIP_PLUS" in order.programs:
            raise _invalid("Ship+ orders do not support shipment confirmation.")
        now = self._moment()
        order.packages[reference] = SimPackage(
            reference, package.get("carrierName") or carrier, package["trackingNumber"], package.get("shippingMethod", ""),
            package["shipDate"], now, now + self.shows_after, self._items(order, reference, package.get("orderItems")),
        )  # fmt: skip
        self._settled(order)

    def _check_date(self, order: SimOrder, text: str) -> None:
        try:
            moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
        except ValueError:
            raise _invalid("Invalid Input") from None
        # Whole seconds are as fine as it is written.
        if not order.created - timedelta(seconds=1) <= moment <= self._moment() + timedelta(seconds=1):
            raise _invalid("ShipDate must be after the order was placed, and not in the future.")

    @staticmethod
    def _items(order: SimOrder, reference: str, given: Any) -> dict[str, int]:
        if not isinstance(given, list) or not given:
            raise _invalid("OrderItems must not be empty.")
        items: dict[str, int] = {}
        for one in given:
            items[one["orderItemId"]] = items.get(one["orderItemId"], 0) + one["quantity"]
        lines = {line.id: line for line in order.lines}
        for item, pieces in items.items():
            if item not in lines or pieces < 1:
                raise _invalid(f"The order item {item} is not in the order, or its quantity is not positive.")
            others = sum(p.items.get(item, 0) for r, p in order.packages.items() if r != reference)
            if others + pieces > lines[item].ordered - lines[item].canceled:
                raise _invalid(f"The quantity of the order item {item} exceeds what remains to be shipped.")
        return items


def _invalid(message: str) -> Refusal:
    return Refusal(400, "InvalidInput", message)
