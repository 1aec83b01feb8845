"""A demo BigCommerce store: v2 orders with their consignments, shipments, a quota, and the rules its description cannot hold.

Those are: lists without anything in them are answered by 204 and no body; a status change mails the customer what shipments
there are at that moment, so that a status before its shipment makes a mail without tracking; nothing ships that is not open,
nor to an address it does not go to; all who ask share one quota.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import msgspec
from aiohttp import web

from engine.demo.catalogue import LISTINGS, DemoListing
from engine.demo.channels.base import ChannelSim, Handler, Sale, SimParcel
from engine.domain.addresses import Address
from engine.domain.money import exponent

STATUSES = (
    "Incomplete", "Pending", "Shipped", "Partially Shipped", "Refunded", "Cancelled", "Declined", "Awaiting Payment",
    "Awaiting Pickup", "Awaiting Shipment", "Completed", "Awaiting Fulfillment", "Manual Verification Required", "Disputed",
    "Partially Refunded",
)  # fmt: skip
_SHIPPED, _PARTLY, _REFUNDED, _CANCELED, _AWAITING_PAYMENT, _AWAITING = 2, 3, 4, 5, 7, 11
_PROVIDERS = frozenset({"", "auspost", "canadapost", "endicia", "usps", "fedex", "ups", "upsready", "royalmail"})
_WINDOW = timedelta(seconds=30)


@dataclass(slots=True)
class DemoLine:
    """A line of an order; ``unit_price`` in minor units."""

    id: int
    sku: str
    title: str
    unit_price: int
    quantity: int
    shipped: int = 0
    refunded: int = 0
    type: str = "physical"


@dataclass(slots=True)
class DemoOrder:
    """An order. ``mails`` are (status, the tracking numbers the mail told)."""

    id: int
    sale: Sale
    lines: list[DemoLine]
    created: datetime
    modified: datetime
    status_id: int
    payment: str
    shipments: list[dict[str, Any]] = field(default_factory=list)
    mails: list[tuple[int, tuple[str, ...]]] = field(default_factory=list)
    notes: str = ""
    more_addresses: list[Address] = field(default_factory=list)

    @property
    def address_id(self) -> int:
        """The id of the address it goes to."""
        return self.id * 10


class _Refusal(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message


class BigCommerceSim(ChannelSim):
    """A store. ``moves_by_itself``: a shipment changes the order's status; ``quota``: requests in 30 seconds."""

    slug = "bigcommerce"
    pays = True
    vanishes = True
    lists = True

    def __init__(self, *, moves_by_itself: bool = False, quota: int = 100_000, **options: Any) -> None:
        super().__init__(**options)
        self.store_hash, self.token = "abc123", "demo-token"
        self.webhook_secret, self.client_secret = "demo-webhook-secret", "demo-client-secret"
        self.orders: dict[int, DemoOrder] = {}
        self.products = [_product(111 + place, one) for place, one in enumerate(LISTINGS)]
        self._moves, self.quota = moves_by_itself, quota
        self._used, self._until = 0, datetime.min.replace(tzinfo=UTC)
        self._shipments = 0

    # --- what happens there

    def place(self, sale: Sale) -> str:
        """See ``ChannelSim``."""
        number = 100 + len(self.orders)
        while number in self.orders:
            number += 1
        lines = [
            DemoLine(number * 100 + i, one.sku, one.title, one.unit_price, one.quantity)
            for i, one in enumerate(sale.lines, 1)
        ]
        placed = sale.placed_at or self.moment()
        status, payment = (_AWAITING, "captured") if sale.paid else (_AWAITING_PAYMENT, "pending")
        self.orders[number] = DemoOrder(number, sale, lines, placed, placed, status, payment)
        return str(number)

    def order(self, external_id: str) -> DemoOrder:
        """The order, which is about to change."""
        order = self.orders[int(external_id)]
        order.modified = self.moment()
        return order

    def cancel(self, external_id: str) -> None:
        """See ``ChannelSim``."""
        self.order(external_id).status_id = _CANCELED

    def refund(self, external_id: str, sku: str, quantity: int) -> None:
        """See ``ChannelSim``."""
        order = self.order(external_id)
        line = next(line for line in order.lines if line.sku == sku)
        line.refunded += quantity
        whole = all(line.refunded >= line.quantity for line in order.lines)
        order.status_id, order.payment = (_REFUNDED, "refunded") if whole else (14, "partially refunded")

    def touch(self, external_id: str, *, note: str) -> None:
        """See ``ChannelSim``."""
        order = self.order(external_id)
        order.sale = msgspec.structs.replace(order.sale, note=note)

    def pay(self, external_id: str) -> None:
        """See ``ChannelSim``."""
        order = self.order(external_id)
        order.status_id, order.payment = _AWAITING, "captured"

    def vanish(self, external_id: str) -> None:
        """See ``ChannelSim``."""
        del self.orders[int(external_id)]

    def parcels(self, external_id: str) -> list[SimParcel]:
        """See ``ChannelSim``."""
        order = self.orders[int(external_id)]
        skus = {line.id: line.sku for line in order.lines}
        return [
            SimParcel(
                one["tracking_number"],
                one["shipping_provider"] or one["shipping_method"],
                {skus[item["order_product_id"]]: item["quantity"] for item in one["items"]},
            )
            for one in order.shipments
        ]

    def state(self, external_id: str) -> str:
        """See ``ChannelSim``: by its status, as the customer is told."""
        status = self.orders[int(external_id)].status_id
        named = {_SHIPPED: "shipped", _PARTLY: "partially_shipped", _CANCELED: "canceled", _REFUNDED: "canceled"}
        return named.get(status, "pending" if status == _AWAITING_PAYMENT else "open")

    def webhook(self, external_id: str, scope: str = "store/order/updated") -> tuple[dict[str, str], bytes]:
        """What the store would call us with: headers, signed and with the word the webhook was made with, and body."""
        order = int(external_id)
        shipment = scope.startswith("store/shipment/")
        data = {"type": "shipment", "id": 1, "orderId": order} if shipment else {"type": "order", "id": order}
        event = {
            "store_id": "1001", "producer": f"stores/{self.store_hash}", "scope": scope, "data": data,
            "hash": f"{self.rng.getrandbits(160):040x}", "created_at": int(self.moment().timestamp()),
        }  # fmt: skip
        body = msgspec.json.encode(event)
        number, at = f"msg_{self.rng.getrandbits(64):016x}", str(int(self.moment().timestamp()))
        key = self.client_secret.encode()
        signature = base64.b64encode(hmac.new(key, f"{number}.{at}.".encode() + body, hashlib.sha256).digest()).decode()
        headers = {
            "webhook-id": number, "webhook-timestamp": at, "webhook-signature": f"v1,{signature}",
            "X-Bluebook-Secret": self.webhook_secret, "Content-Type": "application/json",
        }  # fmt: skip
        return headers, body

    # --- how it is connected

    def settings(self) -> dict[str, object]:
        """See ``ChannelSim``."""
        return {"url": self.url, "store_hash": self.store_hash}

    def secrets(self) -> dict[str, str]:
        """See ``ChannelSim``."""
        return {
            "access_token": self.token, "webhook_secret": self.webhook_secret, "client_secret": self.client_secret,
        }  # fmt: skip

    # --- the wire

    def routes(self) -> list[tuple[str, str, str, Handler]]:
        """See ``ChannelSim``."""
        root = f"/stores/{self.store_hash}"
        one = f"{root}/v2/orders/{{order}}"
        return [
            ("GET", f"{root}/v2/orders/count", "count", self._guarded(self._count)),
            ("GET", f"{root}/v2/orders", "orders", self._guarded(self._orders)),
            ("GET", one, "order", self._guarded(self._order)),
            ("PUT", one, "update", self._guarded(self._update)),
            ("GET", f"{one}/shipments", "shipments", self._guarded(self._list_shipments)),
            ("POST", f"{one}/shipments", "ship", self._guarded(self._ship)),
            ("GET", f"{root}/v3/catalog/products", "products", self._guarded(self._products)),
        ]

    def throttled(self) -> web.Response:
        """See ``ChannelSim``: BigCommerce says in how many milliseconds."""
        body = {"status": 429, "title": "Too many requests", "type": "https://developer.bigcommerce.com"}
        return web.json_response(body, status=429, headers=self._limits(0, self.retry_after * 1000))

    def denied(self) -> web.Response:
        """See ``ChannelSim``."""
        body = {"status": 401, "title": "Unauthorized", "type": "https://developer.bigcommerce.com"}
        return web.json_response(body, status=401)

    def _limits(self, left: int, reset: float) -> dict[str, str]:
        return {
            "X-Rate-Limit-Time-Window-Ms": str(int(_WINDOW.total_seconds() * 1000)),
            "X-Rate-Limit-Time-Reset-Ms": str(int(reset)),
            "X-Rate-Limit-Requests-Quota": str(self.quota),
            "X-Rate-Limit-Requests-Left": str(left),
        }

    def _guarded(self, handler: Callable[[web.Request, bytes], tuple[int, Any]]) -> Handler:
        async def handle(request: web.Request) -> web.Response:
            if request.headers.get("X-Auth-Token") != self.token:
                return self.denied()
            if self.moment() >= self._until:
                self._used, self._until = 0, self.moment() + _WINDOW
            self._used += 1
            reset = (self._until - self.moment()).total_seconds() * 1000
            if self._used > self.quota:
                body = {"status": 429, "title": "Too many requests", "type": "https://developer.bigcommerce.com"}
                return web.json_response(body, status=429, headers=self._limits(0, reset))
            try:
                status, answer = handler(request, await request.read())
            except _Refusal as refusal:
                status, answer = refusal.status, [{"status": refusal.status, "message": refusal.message}]
            limits = self._limits(self.quota - self._used, reset)
            if answer == []:
                return web.Response(status=204, headers=limits)
            return web.json_response(answer, status=status, headers=limits)

        return handle

    # --- orders

    def _orders(self, request: web.Request, body: bytes) -> tuple[int, Any]:
        query = request.query
        try:
            since = datetime.fromisoformat(query["min_date_modified"]) if "min_date_modified" in query else None
            least, size, page = (int(query.get(name, default)) for name, default in _PAGING)
        except ValueError as error:
            raise _Refusal(400, f"The field is invalid: {error}") from None
        if not 1 <= size <= 250 or query.get("sort", "id") not in ("id", "id:asc"):
            raise _Refusal(400, "The field 'limit' or 'sort' is invalid")
        found = [
            order
            for number, order in sorted(self.orders.items())
            if number >= least and (since is None or order.modified.replace(microsecond=0) >= since)
        ]
        return 200, [self._shown(order, query) for order in found[(page - 1) * size : page * size]]

    def _count(self, request: web.Request, body: bytes) -> tuple[int, Any]:
        statuses = [
            {
                "id": number, "name": name, "system_label": name, "custom_label": name, "system_description": name,
                "count": sum(order.status_id == number for order in self.orders.values()), "sort_order": number,
            }
            for number, name in enumerate(STATUSES)
        ]  # fmt: skip
        return 200, {"statuses": statuses, "count": len(self.orders)}

    def _one(self, request: web.Request) -> DemoOrder:
        number = request.match_info["order"]
        order = self.orders.get(int(number)) if number.isdecimal() else None
        if order is None:
            raise _Refusal(404, "The requested resource was not found.")
        return order

    def _order(self, request: web.Request, body: bytes) -> tuple[int, Any]:
        return 200, self._shown(self._one(request), request.query)

    def _update(self, request: web.Request, body: bytes) -> tuple[int, Any]:
        order = self._one(request)
        change = msgspec.json.decode(body)
        order.notes = change.get("staff_notes", order.notes)
        if (status := change.get("status_id", order.status_id)) != order.status_id:
            if not 0 <= status < len(STATUSES):
                raise _Refusal(400, "The field 'status_id' is invalid.")
            self._move(order, status)
        order.modified = self.moment()
        return 200, self._shown(order, request.query)

    def _move(self, order: DemoOrder, status: int) -> None:
        order.status_id = status
        if status in (_SHIPPED, _PARTLY):
            told = {number for _, numbers in order.mails for number in numbers}
            new = tuple(one["tracking_number"] for one in order.shipments if one["tracking_number"] not in told)
            order.mails.append((status, new))

    def _list_shipments(self, request: web.Request, body: bytes) -> tuple[int, Any]:
        size, page = int(request.query.get("limit", "50")), int(request.query.get("page", "1"))
        return 200, self._one(request).shipments[(page - 1) * size : page * size]

    def _ship(self, request: web.Request, body: bytes) -> tuple[int, Any]:
        order, wanted = self._one(request), msgspec.json.decode(body)
        items = wanted.get("items") or []
        if wanted.get("order_address_id") != order.address_id or not items:
            raise _Refusal(400, "The field 'order_address_id' or 'items' is invalid.")
        if wanted.get("shipping_provider", "") not in _PROVIDERS:
            raise _Refusal(400, "The field 'shipping_provider' is invalid.")
        lines = {line.id: line for line in order.lines}
        for item in items:
            line = lines.get(item["order_product_id"])
            if line is None or item["quantity"] > line.quantity - line.shipped - line.refunded:
                raise _Refusal(400, "The field 'quantity' of an item is more than can be shipped.")
        for item in items:
            lines[item["order_product_id"]].shipped += item["quantity"]
        self._shipments += 1
        made = {
            "id": self._shipments, "order_id": order.id, "customer_id": 1, "order_address_id": order.address_id,
            "date_created": _mailed(self.moment()), "tracking_number": wanted.get("tracking_number", ""),
            "merchant_shipping_cost": "0.0000", "shipping_method": wanted.get("shipping_method", ""),
            "shipping_provider": wanted.get("shipping_provider", ""), "tracking_carrier": "",
            "tracking_link": wanted.get("tracking_link", ""), "comments": wanted.get("comments", ""),
            "billing_address": _person(order.sale.ship_to, order.sale.email),
            "shipping_address": _person(order.sale.ship_to, order.sale.email),
            "items": [{**item, "product_id": 7} for item in items],
        }  # fmt: skip
        order.shipments.append(made)
        if self._moves:
            more = any(line.quantity > line.shipped + line.refunded for line in order.lines)
            self._move(order, _PARTLY if more else _SHIPPED)
        order.modified = self.moment()
        return 201, made

    def _products(self, request: web.Request, body: bytes) -> tuple[int, Any]:
        size, page = int(request.query["limit"]), int(request.query["page"])
        pages = max(1, -(-len(self.products) // size))
        meta = {"pagination": {"total": len(self.products), "current_page": page, "total_pages": pages}}
        return 200, {"data": self.products[(page - 1) * size : page * size], "meta": meta}

    # --- as the API shows it

    def _shown(self, order: DemoOrder, query: Mapping[str, str]) -> dict[str, Any]:
        sale = order.sale
        goods = sum(line.unit_price * line.quantity for line in order.lines)
        amount = _amounts(sale.currency)
        whole = "consignments.line_items" in query.get("include", "")
        where = f"/orders/{order.id}"
        return {
            "id": order.id, "customer_id": 20, "date_created": _mailed(order.created),
            "date_modified": _mailed(order.modified), "date_shipped": "", "status_id": order.status_id,
            "status": STATUSES[order.status_id], "subtotal_ex_tax": amount(goods), "subtotal_inc_tax": amount(goods),
            "subtotal_tax": amount(0), "shipping_cost_ex_tax": amount(sale.shipping),
            "shipping_cost_inc_tax": amount(sale.shipping), "shipping_cost_tax": amount(0),
            "total_ex_tax": amount(goods + sale.shipping), "total_inc_tax": amount(goods + sale.shipping),
            "total_tax": amount(0), "items_total": sum(line.quantity for line in order.lines),
            "items_shipped": sum(line.shipped for line in order.lines), "payment_method": "Credit Card",
            "payment_status": order.payment, "refunded_amount": amount(0), "order_is_digital": False,
            "currency_code": sale.currency, "default_currency_code": sale.currency, "staff_notes": order.notes,
            "customer_message": sale.note, "discount_amount": amount(0), "coupon_discount": amount(0),
            "shipping_address_count": 1 + len(order.more_addresses), "is_deleted": False,
            "billing_address": _person(sale.ship_to, sale.email) | {"form_fields": []},
            "order_source": "www", "channel_id": 1,
            "products": {"url": f"{self.url}{where}/products", "resource": f"{where}/products"},
            "consignments": self._consignments(order) if whole else {"url": self.url, "resource": f"{where}/consignments"},
        }  # fmt: skip

    def _consignments(self, order: DemoOrder) -> dict[str, Any]:
        physical = [line for line in order.lines if line.type == "physical"]
        groups: Iterable[tuple[int, Address, list[DemoLine]]] = [(order.address_id, order.sale.ship_to, physical)]
        if order.more_addresses:
            homes = [order.sale.ship_to, *order.more_addresses]
            groups = [(order.address_id + i, home, physical[i :: len(homes)]) for i, home in enumerate(homes)]
        return {
            "pickups": [],
            "shipping": [
                _person(home, order.sale.email)
                | {
                    "id": number, "form_fields": [], "shipping_method": order.sale.rate, "items_total": len(lines),
                    "items_shipped": 0, "base_cost": 0, "cost_ex_tax": 0, "cost_inc_tax": 0, "cost_tax": 0,
                    "line_items": [_line(order, line, number) for line in lines],
                }
                for number, home, lines in groups
            ],
            "downloads": [
                {"recipient_email": order.sale.email, "line_items": [_line(order, line, 0)]}
                for line in order.lines
                if line.type == "digital"
            ],
            "email": {"gift_certificates": []},
        }  # fmt: skip


_PAGING = (("min_id", "0"), ("limit", "50"), ("page", "1"))


def _product(number: int, one: DemoListing) -> dict[str, Any]:
    """A product without options has one variant all the same, with the product's SKU."""
    variant = {
        "id": number + 1000, "product_id": number, "sku": one.sku, "price": one.price / 100, "upc": "", "mpn": "", "gtin": "",
        "option_values": [], "inventory_level": 20, "purchasing_disabled": False,
    }  # fmt: skip
    return {
        "id": number, "name": one.title, "type": "physical", "sku": one.sku, "weight": 1, "price": one.price / 100,
        "is_visible": True, "upc": "", "gtin": "", "inventory_level": 20, "base_variant_id": number + 1000,
        "variants": [variant],
    }  # fmt: skip


def _line(order: DemoOrder, line: DemoLine, address: int) -> dict[str, Any]:
    amount = _amounts(order.sale.currency)
    price, total = amount(line.unit_price), amount(line.unit_price * line.quantity)
    return {
        "id": line.id, "order_id": order.id, "product_id": 7, "order_pickup_method_id": 0, "order_address_id": address,
        "name": line.title, "sku": line.sku, "type": line.type, "base_price": price, "price_ex_tax": price,
        "price_inc_tax": price, "price_tax": amount(0), "base_total": total, "total_ex_tax": total, "total_inc_tax": total,
        "total_tax": amount(0), "quantity": line.quantity, "is_refunded": line.refunded >= line.quantity,
        "quantity_refunded": line.refunded, "quantity_shipped": line.shipped, "applied_discounts": [], "product_options": [],
    }  # fmt: skip


def _person(address: Address, email: str) -> dict[str, Any]:
    first, _, last = address.name.rpartition(" ")
    return {
        "first_name": first, "last_name": last, "company": address.company, "street_1": address.line1,
        "street_2": address.line2, "city": address.city, "state": address.region, "zip": address.postal_code,
        "country": address.country, "country_iso2": address.country, "phone": address.phone, "email": email,
    }  # fmt: skip


def _amounts(currency: str) -> Callable[[int], str]:
    places = exponent(currency)

    def amount(minor: int) -> str:
        whole, part = divmod(minor, 10**places)
        return f"{whole}.{(str(part).zfill(places) if places else '').ljust(4, '0')}"

    return amount


def _mailed(when: datetime) -> str:
    return format_datetime(when.astimezone(UTC).replace(microsecond=0))
