"""A demo Walmart Marketplace: purchase orders by line, tokens of 15 minutes, and the rules its description cannot hold.

Those are: a list without dates of creation shows seven days; a cursor is taken character by character or not at all;
orders are acknowledged whole before they ship; shipping charges the customer, and never more pieces than are acknowledged;
carriers are those of the list, or others with a link; the customer's wish to cancel must be named to be overruled.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode

import msgspec
from aiohttp import web

from engine.demo.catalogue import LISTINGS
from engine.demo.channels.base import ChannelSim, Handler, Sale, SimParcel
from engine.demo.channels.walmart_rules import (
    ACKNOWLEDGED,
    CANCELED,
    CREATED,
    LIMITS,
    METHODS,
    SHIPPED,
    DemoEntry,
    DemoLine,
    DemoOrder,
    Refusal,
    cancel,
    dated,
    errors,
    ship,
)

_TOKEN_LIVES = timedelta(seconds=900)


class Item(msgspec.Struct, frozen=True):
    """Something the seller offers."""

    sku: str
    title: str
    upc: str = ""
    published: bool = True


class WalmartSim(ChannelSim):
    """A seller's account at Walmart. ``empty_is_404``: a search that finds nothing is answered as Walmart does, by 404.

    ``per_piece``: the charges of a line are for one of its pieces, not for all. ``most``: orders that one search may find.
    """

    slug = "walmart"
    renews = True
    lists = True
    wishes = True
    sells_unpaid = False  # an order is shown once Walmart answers for the money

    def __init__(
        self, *, empty_is_404: bool = True, per_piece: bool = False, most: int = 10_000, **options: Any
    ) -> None:
        super().__init__(**options)
        self.client_id, self.client_secret = "demo-client", "demo-client-secret"
        self.orders: dict[str, DemoOrder] = {}
        self.items = [Item(one.sku, one.title) for one in LISTINGS]
        self.tokens: dict[str, datetime] = {}
        self.orders_scope = "full_access"
        self._empty_is_404, self._per_piece, self.most = empty_is_404, per_piece, most
        self._cursors: set[str] = set()
        self._levels: dict[str, tuple[float, datetime]] = {}

    # --- what happens there

    def place(self, sale: Sale) -> str:
        """See ``ChannelSim``. A rate that Walmart does not have is its Standard."""
        number = len(self.orders) + 1
        placed = sale.placed_at or self.moment()
        lines = [
            DemoLine(
                str(i), one.sku, one.title, one.unit_price, one.quantity, [DemoEntry(CREATED, one.quantity)], placed
            )
            for i, one in enumerate(sale.lines, 1)
        ]
        method = sale.rate if sale.rate in METHODS else "Standard"
        order = DemoOrder(
            str(1_796_000_000_000 + number), str(200_010_000_000_000 + number), sale, method, placed, lines
        )
        self.orders[order.id] = order
        return order.id

    def cancel(self, external_id: str) -> None:
        """See ``ChannelSim``."""
        order = self.orders[external_id]
        for line in order.lines:
            line.move((CREATED, ACKNOWLEDGED), CANCELED, line.count(CREATED, ACKNOWLEDGED), self.moment())
        order.modified = self.moment()

    def refund(self, external_id: str, sku: str, quantity: int) -> None:
        """See ``ChannelSim``: before they ship, Walmart cancels pieces, and nobody has been charged for them."""
        order = self.orders[external_id]
        line = next(line for line in order.lines if line.sku == sku)
        line.move((CREATED, ACKNOWLEDGED), CANCELED, quantity, self.moment())
        order.modified = self.moment()

    def give_back(self, external_id: str, sku: str, amount: int) -> None:
        """The customer is paid back so much (minor units) for a line that has shipped."""
        order = self.orders[external_id]
        next(line for line in order.lines if line.sku == sku).refunded += amount
        order.modified = self.moment()

    def ask_to_cancel(self, external_id: str, reason: str = "") -> None:
        """See ``ChannelSim``; nobody is asked for a reason."""
        order = self.orders[external_id]
        for line in order.lines:
            line.asked_to_cancel = bool(line.count(CREATED, ACKNOWLEDGED))
        order.modified = self.moment()

    def touch(self, external_id: str, *, note: str) -> None:
        """See ``ChannelSim``. Orders have no notes here: it goes into the second line of the address."""
        order = self.orders[external_id]
        order.sale = msgspec.structs.replace(
            order.sale, ship_to=msgspec.structs.replace(order.sale.ship_to, line2=note[:60])
        )
        order.modified = self.moment()

    def parcels(self, external_id: str) -> list[SimParcel]:
        """See ``ChannelSim``."""
        found: dict[tuple[str, str], dict[str, int]] = {}
        for line in self.orders[external_id].lines:
            for entry in line.entries:
                if entry.tracking:
                    carrier = entry.tracking["carrierName"]
                    name = str(carrier.get("carrier") or carrier.get("otherCarrier"))
                    pieces = found.setdefault((str(entry.tracking["trackingNumber"]), name), {})
                    pieces[line.sku] = pieces.get(line.sku, 0) + entry.quantity
        return [SimParcel(number, carrier, pieces) for (number, carrier), pieces in found.items()]

    def state(self, external_id: str) -> str:
        """See ``ChannelSim``."""
        lines = self.orders[external_id].lines
        shipped = sum(line.count(SHIPPED) for line in lines)
        if any(line.count(CREATED, ACKNOWLEDGED) for line in lines):
            return "partially_shipped" if shipped else "open"
        return "shipped" if shipped else "canceled"

    def acknowledged(self, external_id: str) -> bool:
        """Has the seller acknowledged the order?"""
        return not any(line.count(CREATED) for line in self.orders[external_id].lines)

    def charged(self, external_id: str) -> int:
        """What the customer has been charged for what was shipped, in minor units, before shipping costs and taxes."""
        return sum(line.unit_price * line.count(SHIPPED) for line in self.orders[external_id].lines)

    # --- how it is connected

    def settings(self) -> dict[str, object]:
        """See ``ChannelSim``."""
        return {"url": self.url, "client_id": self.client_id}

    def secrets(self) -> dict[str, str]:
        """See ``ChannelSim``."""
        return {"client_secret": self.client_secret}

    # --- the wire

    def routes(self) -> list[tuple[str, str, str, Handler]]:
        """See ``ChannelSim``."""
        one = "/v3/orders/{order}"
        return [
            ("POST", "/v3/token", "token", self._token),
            ("GET", "/v3/token/detail", "detail", self._guarded("detail", self._detail)),
            ("GET", "/v3/items", "items", self._guarded("items", self._items)),
            ("GET", "/v3/orders", "orders", self._guarded("orders", self._orders)),
            ("GET", one, "order", self._guarded("order", self._order)),
            ("POST", f"{one}/acknowledge", "acknowledge", self._guarded("acknowledge", self._acknowledge)),
            ("POST", f"{one}/shipping", "shipping", self._guarded("shipping", self._ship)),
            ("POST", f"{one}/cancel", "cancel", self._guarded("cancel", self._cancel)),
        ]

    def throttled(self) -> web.Response:
        """See ``ChannelSim``: Walmart says at which millisecond there will be more."""
        at = self.moment() + timedelta(seconds=self.retry_after)
        body = errors("REQUEST_THRESHOLD_VIOLATED.GMP_GATEWAY_API", "Too many requests, please try later")
        headers = {"x-current-token-count": "0", "x-next-replenish-time": str(_ms(at))}
        return web.json_response(body, status=429, headers=headers)

    def denied(self) -> web.Response:
        """See ``ChannelSim``."""
        return web.json_response(errors("UNAUTHORIZED.GMP_GATEWAY_API", "Unauthorized"), status=401)

    def _guarded(self, operation: str, handler: Callable[[web.Request, bytes], dict[str, Any]]) -> Handler:
        async def handle(request: web.Request) -> web.Response:
            if not (request.headers.get("WM_QOS.CORRELATION_ID") and request.headers.get("WM_SVC.NAME")):
                body = errors(
                    "INVALID_REQUEST_HEADER.GMP_GATEWAY_API", "WM_QOS.CORRELATION_ID and WM_SVC.NAME are missing"
                )
                return web.json_response(body, status=400)
            ends = self.tokens.get(request.headers.get("WM_SEC.ACCESS_TOKEN", ""))
            if ends is None or ends <= self.moment():
                return self.denied()
            left = self._left(operation)
            if left < 0:
                return self.throttled()
            try:
                answer, status = handler(request, await request.read()), 200
            except Refusal as refusal:
                answer, status = refusal.body, refusal.status
            limits = {
                "x-current-token-count": str(int(left)),
                "x-next-replenish-time": str(_ms(self.moment() + timedelta(minutes=1))),
            }
            return web.json_response(answer, status=status, headers=limits)

        return handle

    def _left(self, operation: str) -> float:
        """How many requests are left after this one; below 0 where there was none left."""
        burst = LIMITS[operation]
        level, at = self._levels.get(operation, (float(burst), self.moment()))
        level = min(burst, level + (self.moment() - at).total_seconds() * burst / 60) - 1
        self._levels[operation] = (max(level, 0.0), self.moment())
        return level

    async def _token(self, request: web.Request) -> web.Response:
        pair = base64.b64encode(f"{self.client_id}:{self.client_secret}".encode()).decode()
        if request.headers.get("Authorization") != f"Basic {pair}":
            body = {
                "error": [{"code": "INVALID_CLIENT.GMP_GATEWAY_API", "description": "Client id or secret is wrong"}]
            }
            return web.json_response(body, status=401)
        if dict(await request.post()).get("grant_type") != "client_credentials":
            return web.json_response(errors("INVALID_REQUEST.GMP_GATEWAY_API", "unknown grant_type"), status=400)
        token = f"token-{self.rng.getrandbits(64):016x}"
        self.tokens[token] = self.moment() + _TOKEN_LIVES
        return web.json_response({"access_token": token, "token_type": "Bearer", "expires_in": 900})

    def _detail(self, request: web.Request, body: bytes) -> dict[str, Any]:
        ends = self.tokens[request.headers["WM_SEC.ACCESS_TOKEN"]]
        return {
            "expire_at": str(_ms(ends)), "issued_at": str(_ms(ends - _TOKEN_LIVES)), "is_valid": True,
            "is_channel_match": True, "scopes": {"orders": self.orders_scope, "item": "view_only"},
        }  # fmt: skip

    def _items(self, request: web.Request, body: bytes) -> dict[str, Any]:
        given = request.query.get("nextCursor", "")
        start = 0 if given in ("", "*") else int(given.removeprefix("AoE/"))
        size = int(request.query.get("limit", "20"))
        shown = [
            {
                "mart": "WALMART_US", "sku": item.sku, "wpid": f"W{i:06d}", "upc": item.upc, "productName": item.title,
                "publishedStatus": "PUBLISHED" if item.published else "UNPUBLISHED", "lifecycleStatus": "ACTIVE",
            }
            for i, item in enumerate(self.items)
        ][start : start + size]  # fmt: skip
        if not shown:
            raise Refusal("CONTENT_NOT_FOUND.GMP_ITEM_QUERY_API", "no items", 404)
        more = start + size < len(self.items)
        return {"ItemResponse": shown, "totalItems": len(self.items)} | (
            {"nextCursor": f"AoE/{start + size}"} if more else {}
        )

    # --- orders

    def _orders(self, request: web.Request, body: bytes) -> dict[str, Any]:
        raw = request.raw_path.partition("?")[2]
        query = {name: values[-1] for name, values in parse_qs(raw).items()}
        if ("soIndex" in query or "poIndex" in query) and raw not in self._cursors:
            raise Refusal("INVALID_REQUEST_PARAM.GMP_ORDER_API", "the cursor is not one of ours, as it was given")
        size = int(query.get("limit", "100"))
        if not 1 <= size <= 200:
            raise Refusal("INVALID_REQUEST_PARAM.GMP_ORDER_API", "limit cannot be larger than 200")
        found = list(self._matching(query))
        start = int(query.get("soIndex", "0"))
        if start + size > self.most and len(found) > self.most:
            raise Refusal("INVALID_REQUEST_PARAM.GMP_ORDER_API", f"more than {self.most} orders cannot be fetched")
        shown = found[start : start + size]
        if not shown and self._empty_is_404:
            raise Refusal("CONTENT_NOT_FOUND.GMP_ORDER_API", "Orders not found for given search parameters", 404)
        meta: dict[str, Any] = {"totalCount": len(found), "limit": size}
        if start + size < len(found):
            rest = {
                name: value for name, value in query.items() if name not in ("soIndex", "poIndex", "hasMoreElements")
            }
            more = {"limit": size, "hasMoreElements": "true", "soIndex": start + size, "poIndex": size}
            cursor = urlencode(more | {"partnerId": "10001", "sellerId": "8"} | rest)
            self._cursors.add(cursor)
            meta["nextCursor"] = f"?{cursor}"
        return {"list": {"meta": meta, "elements": {"order": [self._shown(order) for order in shown]}}}

    def _matching(self, query: Mapping[str, str]) -> Iterable[DemoOrder]:
        now = self.moment()
        created = dated(query, "createdStartDate") or now - timedelta(days=7)
        until = dated(query, "createdEndDate") or now
        changed = dated(query, "lastModifiedStartDate")
        before = dated(query, "lastModifiedEndDate")
        for order in sorted(self.orders.values(), key=lambda order: (order.placed, order.id), reverse=True):
            within = max(created, now - timedelta(days=180)) <= order.placed <= until
            if (
                within
                and (changed is None or changed <= order.modified)
                and (before is None or order.modified < before)
            ):
                yield order

    def _one(self, request: web.Request) -> DemoOrder:
        order = self.orders.get(request.match_info["order"])
        if order is None:
            raise Refusal("CONTENT_NOT_FOUND.GMP_ORDER_API", "Order not found", 404)
        return order

    def _order(self, request: web.Request, body: bytes) -> dict[str, Any]:
        return {"order": self._shown(self._one(request))}

    def _acknowledge(self, request: web.Request, body: bytes) -> dict[str, Any]:
        order = self._one(request)
        if all(line.count(CANCELED) == line.quantity for line in order.lines):
            raise Refusal("INVALID_REQUEST_CONTENT.GMP_ORDER_API", "the order is canceled")
        for line in order.lines:
            line.move((CREATED,), ACKNOWLEDGED, line.count(CREATED), self.moment())
        return self._changed(order)

    def _ship(self, request: web.Request, body: bytes) -> dict[str, Any]:
        order = self._one(request)
        ship(order, msgspec.json.decode(body), self.moment())
        return self._changed(order)

    def _cancel(self, request: web.Request, body: bytes) -> dict[str, Any]:
        order = self._one(request)
        cancel(order, msgspec.json.decode(body), self.moment())
        return self._changed(order)

    def _changed(self, order: DemoOrder) -> dict[str, Any]:
        order.modified = self.moment()
        return {"order": self._shown(order)}

    def _shown(self, order: DemoOrder) -> dict[str, Any]:
        return order.shown(self._per_piece)


def _ms(when: datetime) -> int:
    return int(when.astimezone(UTC).timestamp() * 1000)
