"""A Shopify store on loopback: the Admin API, its tokens, and signed webhooks.

Its rules are those no schema holds: points and THROTTLED, orders on hold or scheduled, one location a fulfillment, no more
pieces than are left, cancellations that are jobs, cursors that are places in the order of changes.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets as random_secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import aiohttp
import msgspec
from aiohttp import web
from graphql import GraphQLSchema

from engine.demo import catalogue
from engine.demo.channels.base import ChannelSim, Handler, Sale, SimParcel
from engine.demo.channels.shopify_book import LOCATIONS, Book, Order
from engine.demo.channels.shopify_graph import Graph, Points, gid, moment
from engine.demo.channels.shopify_schema import schema

SHOP = "bluedoor.myshopify.com"
SCOPES = (
    "read_all_orders", "write_orders", "read_products", "read_locations", "write_merchant_managed_fulfillment_orders",
)  # fmt: skip


class Delivery(msgspec.Struct, frozen=True):
    """A webhook as it goes out."""

    headers: Mapping[str, str]
    body: bytes


class ShopifySim(ChannelSim):
    """A store of the Plus plan. ``deliveries`` are the webhooks it has to send, in the order of what happened."""

    slug = "shopify"
    lists = True
    pays = True
    vanishes = True

    def __init__(
        self, *, schema_of: GraphQLSchema | None = None, maximum: float = 20_000.0, restore: float = 1_000.0,
        quick: bool = False, **options: Any,
    ) -> None:  # fmt: skip
        """``schema_of`` is what it runs on, its own part of the API if not said. ``maximum`` and ``restore`` are points.

        ``quick`` leaves out the look at the types of what is answered, for many thousand orders.
        """
        super().__init__(**options)
        self.book = Book(self.moment)
        self.book.changed.append(self._announce)
        self.graph = Graph(self.book, schema_of or schema(), Points(maximum, restore, self.moment), SHOP)
        self.graph.scopes, self.graph.quick = set(SCOPES), quick
        for at, listing in enumerate(catalogue.LISTINGS):
            self.graph.listings[listing.sku] = (listing.title, f"{400_000_000_000 + at}")
        self.client_id, self.client_secret = "demo-app", f"shpss_demo_{self.rng.getrandbits(64):016x}"
        self.access_token = f"shpat_demo_{self.rng.getrandbits(64):016x}"
        self.tokens: dict[str, datetime | None] = {self.access_token: None}
        self.refresh_tokens: set[str] = set()
        self.codes: set[str] = set()
        self.deliveries: list[Delivery] = []

    # --- what happens there

    def order(self, external_id: str) -> Order:
        """The order by its id."""
        return self.book.orders[int(external_id)]

    def place(self, sale: Sale) -> str:
        """See ``ChannelSim``."""
        for line in sale.lines:
            self.graph.listings.setdefault(line.sku, (line.title, ""))
        return str(self.book.place(sale).id)

    def cancel(self, external_id: str) -> None:
        """See ``ChannelSim``."""
        self.book.cancel(self.order(external_id), refund=True)

    def refund(self, external_id: str, sku: str, quantity: int) -> None:
        """See ``ChannelSim``."""
        self.book.refund(self.order(external_id), sku, quantity)

    def touch(self, external_id: str, *, note: str) -> None:
        """See ``ChannelSim``."""
        self.order(external_id).note = note
        self.book.tell(self.order(external_id))

    def pay(self, external_id: str) -> None:
        """See ``ChannelSim``."""
        self.order(external_id).financial = "PAID"
        self.book.tell(self.order(external_id), "orders/paid")

    def vanish(self, external_id: str) -> None:
        """See ``ChannelSim``."""
        order = self.book.orders.pop(int(external_id))
        self._announce(order, "orders/delete")

    def hold(self, external_id: str, reason: str = "OTHER", notes: str = "") -> None:
        """What is open of the order is put on hold."""
        for part in self.order(external_id).parts:
            if part.standing in ("OPEN", "IN_PROGRESS", "ON_HOLD"):
                part.standing = "ON_HOLD"
                part.holds.append((reason, notes))
        self.book.tell(self.order(external_id))

    def release(self, external_id: str) -> None:
        """What was on hold or scheduled may be shipped."""
        for part in self.order(external_id).parts:
            if part.standing in ("ON_HOLD", "SCHEDULED"):
                part.standing, part.holds, part.fulfill_at = "OPEN", [], None
        self.book.tell(self.order(external_id))

    def schedule(self, external_id: str, at: datetime) -> None:
        """What is open of the order is to be shipped later."""
        for part in self.order(external_id).parts:
            if part.standing == "OPEN":
                part.standing, part.fulfill_at = "SCHEDULED", at
        self.book.tell(self.order(external_id))

    def split(self, external_id: str, sku: str, quantity: int) -> None:
        """So many pieces are to ship from the second location."""
        self.book.move(self.order(external_id), sku, quantity, LOCATIONS[1])

    def parcels(self, external_id: str) -> list[SimParcel]:
        """See ``ChannelSim``."""
        return self.book.parcels(self.order(external_id))

    def state(self, external_id: str) -> str:
        """See ``ChannelSim``."""
        self.book.work()
        return self.order(external_id).state()

    # --- how it is connected

    def settings(self) -> dict[str, object]:
        """See ``ChannelSim``."""
        return {"shop": self.url}

    def secrets(self) -> dict[str, str]:
        """See ``ChannelSim``; with the app's secret, which signs webhooks."""
        return {"access_token": self.access_token, "client_secret": self.client_secret}

    # --- the wire

    def routes(self) -> list[tuple[str, str, str, Handler]]:
        """See ``ChannelSim``."""
        return [
            ("POST", "/admin/api/2026-10/graphql.json", "graphql", self._graphql),
            ("POST", "/admin/oauth/access_token", "token", self._token),
            ("GET", "/admin/oauth/authorize", "token.authorize", self._authorize),
        ]

    def named(self, operation: str, body: bytes) -> str:
        """A GraphQL request is named by its operation, ``Fulfill`` say."""
        if operation != "graphql":
            return operation
        try:
            return str(msgspec.json.decode(body)["operationName"])
        except (msgspec.DecodeError, KeyError, TypeError):
            return operation

    def throttled(self) -> web.Response:
        """A moment's worth of points is lacking."""
        return web.json_response(self.graph.throttled(self.graph.points.restore * 0.02, 0.0))

    def denied(self) -> web.Response:
        """See ``ChannelSim``."""
        said = "[API] Invalid API key or access token (unrecognized login or wrong password)"
        return web.json_response({"errors": said}, status=401)

    async def _graphql(self, request: web.Request) -> web.Response:
        token = request.headers.get("X-Shopify-Access-Token", "")
        until = self.tokens.get(token)
        if token not in self.tokens or (until is not None and until <= self.moment()):
            return self.denied()
        try:
            asked = msgspec.json.decode(await request.read(), type=dict[str, Any])
            text, variables, operation = str(asked["query"]), asked.get("variables") or {}, asked.get("operationName")
        except (msgspec.DecodeError, KeyError):
            return web.json_response({"errors": "Bad Request"}, status=400)
        self.book.work()
        return web.json_response(self.graph.answer(text, variables, operation))

    async def _token(self, request: web.Request) -> web.Response:
        form = {key: str(value) for key, value in (await request.post()).items()}
        if (form.get("client_id"), form.get("client_secret")) != (self.client_id, self.client_secret):
            return _no_token("invalid_client", "Client authentication failed")
        kind = form.get("grant_type", "code")
        if kind == "client_credentials":
            return web.json_response({**self._issue(86_399), "scope": ",".join(SCOPES), "expires_in": 86_399})
        if kind == "refresh_token" and form.get("refresh_token") in self.refresh_tokens:
            self.refresh_tokens.discard(form["refresh_token"])  # each is good for once
        elif kind == "code" and form.get("code") in self.codes:
            self.codes.discard(form["code"])
        else:
            return _no_token("invalid_request", "The code or the refresh token is not one that was given")
        if kind == "code" and form.get("expiring") != "1":
            return web.json_response({**self._issue(None), "scope": ",".join(SCOPES)})
        refresh = f"shprt_{random_secrets.token_hex(16)}"
        self.refresh_tokens.add(refresh)
        return web.json_response({
            **self._issue(3_600), "scope": ",".join(SCOPES), "expires_in": 3_600, "refresh_token": refresh,
            "refresh_token_expires_in": 7_776_000,
        })  # fmt: skip

    def _issue(self, seconds: int | None) -> dict[str, Any]:
        token = f"shpat_{random_secrets.token_hex(16)}"
        self.tokens[token] = None if seconds is None else self.moment() + timedelta(seconds=seconds)
        return {"access_token": token}

    async def _authorize(self, request: web.Request) -> web.Response:
        """Its owner says yes to everything, and is sent back."""
        if request.query.get("client_id") != self.client_id:
            return web.Response(status=400, text="Oauth error invalid_request: the app is not known")
        answer = self.consent(request.query.get("state", ""))
        raise web.HTTPFound(f"{request.query['redirect_uri']}?{urlencode(answer)}")

    def consent(self, state: str) -> dict[str, str]:
        """What the owner comes back with after having said yes, signed."""
        code = random_secrets.token_hex(16)
        self.codes.add(code)
        answer = {"code": code, "shop": SHOP, "state": state, "timestamp": str(int(self.moment().timestamp()))}
        text = "&".join(f"{key}={value}" for key, value in sorted(answer.items()))
        return {**answer, "hmac": hmac.new(self.client_secret.encode(), text.encode(), hashlib.sha256).hexdigest()}

    # --- webhooks

    def _announce(self, order: Order, topic: str) -> None:
        body: dict[str, object] = {"id": order.id}
        if topic != "orders/delete":
            body |= {
                "admin_graphql_api_id": gid("Order", order.id), "name": f"#{order.number}",
                "updated_at": moment(order.updated), "note": order.note, "financial_status": order.financial.lower(),
            }  # fmt: skip
        self.deliveries.append(self.signed(topic, msgspec.json.encode(body)))

    def signed(self, topic: str, body: bytes, secret: str | None = None) -> Delivery:
        """A webhook about this, just triggered."""
        digest = hmac.new((secret or self.client_secret).encode(), body, hashlib.sha256).digest()
        headers = {
            "X-Shopify-Topic": topic, "X-Shopify-Hmac-Sha256": base64.b64encode(digest).decode(),
            "X-Shopify-Shop-Domain": SHOP, "X-Shopify-API-Version": "2026-10",
            "X-Shopify-Webhook-Id": f"{self.rng.getrandbits(128):032x}",
            "X-Shopify-Event-Id": f"{self.rng.getrandbits(128):032x}",
            "X-Shopify-Triggered-At": self.moment().isoformat().replace("+00:00", "Z"), "Content-Type": "application/json",
        }  # fmt: skip
        return Delivery(headers, body)

    async def deliver(self, url: str, *, twice: bool = False, shuffled: bool = False) -> list[int]:
        """What it has to tell is sent there, each once or twice, in order or not; the statuses of the answers."""
        going = self.deliveries * (2 if twice else 1)
        self.deliveries = []
        if shuffled:
            self.rng.shuffle(going)
        statuses = []
        async with aiohttp.ClientSession() as session:
            for one in going:
                async with session.post(url, data=one.body, headers=one.headers) as response:
                    statuses.append(response.status)
        return statuses


def _no_token(error: str, said: str) -> web.Response:
    return web.json_response({"error": error, "error_description": said}, status=400)
