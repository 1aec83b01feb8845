"""A demo eBay: OAuth, orders, shipping fulfillments and signed notifications, with the rules no schema can hold.

Who asked to cancel an order shows in the order alone. A fulfillment's id is its tracking number, of letters and digits; carrier
and number go together; no more pieces are shipped than were bought; orders are shown from 90 days back on.
"""

from __future__ import annotations

import base64
import json
import re
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode

from aiohttp import web
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from engine.connectors.channels.ebay.mapping import moment, stamp
from engine.demo.channels import ebay_orders
from engine.demo.channels.base import ChannelSim, Handler, Sale, SimParcel
from engine.demo.channels.ebay_orders import Json, pieces
from engine.domain.carriers import CARRIERS, OTHER

CARRIER_CODES = {one.spellings["ebay"] for one in CARRIERS.values() if "ebay" in one.spellings} | {OTHER["ebay"]}
TOKEN_LIFE = timedelta(hours=2)
REFRESH_LIFE = timedelta(days=547)
KEPT = timedelta(days=90)
DRIFT = timedelta(minutes=5)  # by which a date may be ahead of this clock
_RANGE = re.compile(r"(creationdate|lastmodifieddate):\[([^\].]+(?:\.\d+Z)?)\.\.([^\]]*)\]")
_API = "/sell/fulfillment/v1"


class _Refusal(Exception):
    def __init__(self, number: int, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.answer = _error(status, number, message)


def _error(status: int, number: int, message: str, domain: str = "API_FULFILLMENT") -> web.Response:
    said = {"errorId": number, "domain": domain, "category": "REQUEST", "message": message, "longMessage": message}
    return web.json_response({"errors": [said]}, status=status)


class DemoEbay(ChannelSim):
    """One seller's orders, and the application that was let in to see them."""

    slug = "ebay"
    renews = True
    refunds = False  # of money: eBay does not say for which pieces
    pays = True
    wishes = True

    def __init__(self, *, seed: int = 0, late: float = 60.0, retry_after: int = 1) -> None:
        super().__init__(seed=seed, late=late, retry_after=retry_after)
        self.client_id, self.client_secret = "BlueDoor-orders-PRD-1", "PRD-cert-1"
        self.ru_name, self.accept_url = "Blue_Door-BlueDoor-orders-abc", ""
        self.orders: dict[str, Json] = {}
        self.fulfillments: dict[str, list[Json]] = {}
        self.refresh_tokens = {"v^1.1#refresh-1"}
        self.key_id = "a1b2-c3d4"
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._codes: set[str] = set()
        self._tokens: dict[str, tuple[str, datetime]] = {}
        self._next_line = 10_000_000_000_001

    # --- what happens there

    def place(self, sale: Sale) -> str:
        order_id = f"{self.rng.randrange(10, 30):02d}-{self.rng.randrange(10**5):05d}-{len(self.orders):05d}"
        self.orders[order_id] = ebay_orders.new_order(sale, order_id, self._next_line, self.moment(), self.rng)
        self.fulfillments[order_id] = []
        self._next_line += len(sale.lines)
        return order_id

    def cancel(self, external_id: str) -> None:
        self.ask_to_cancel(external_id, by="SELLER")
        self.answer_cancel(external_id, accept=True)

    def ask_to_cancel(self, external_id: str, reason: str = "", *, by: str = "BUYER") -> None:
        """Somebody wants to cancel the order; the seller has to answer."""
        order = self._changed(external_id)
        request = {
            "cancelInitiator": by, "cancelReason": reason or "ORDER_PLACED_BY_MISTAKE",
            "cancelRequestedDate": stamp(self.moment()),
            "cancelRequestId": str(5_000_000_000 + self.rng.randrange(10**9)), "cancelRequestState": "REQUESTED",
        }  # fmt: skip
        order["cancelStatus"]["cancelState"] = "IN_PROGRESS"
        order["cancelStatus"]["cancelRequests"].append(request)

    def answer_cancel(self, external_id: str, *, accept: bool) -> None:
        """The seller's answer at eBay: the order is canceled and paid back, or goes on."""
        order = self._changed(external_id)
        request = order["cancelStatus"]["cancelRequests"][-1]
        request["cancelRequestState"] = "COMPLETED" if accept else "REJECTED"
        if accept:
            request["cancelCompletedDate"] = order["cancelStatus"]["cancelledDate"] = stamp(self.moment())
            order["cancelStatus"]["cancelState"] = "CANCELED"
            if order["orderPaymentStatus"] == "PAID":
                self._pay_back(order, order["pricingSummary"]["total"], "FULLY_REFUNDED")

    def refund(self, external_id: str, sku: str, quantity: int) -> None:
        raise NotImplementedError

    def refund_line(self, external_id: str, sku: str, value: str) -> None:
        """So much of a line's money is paid back."""
        order = self._changed(external_id)
        line = next(line for line in order["lineItems"] if line["sku"] == sku)
        back = {"value": value, "currency": line["lineItemCost"]["currency"]}
        line["refunds"].append({"amount": back, "refundDate": stamp(self.moment())})
        self._pay_back(order, back, "PARTIALLY_REFUNDED")

    def hold_money(self, external_id: str, state: str = "HELD") -> None:
        """eBay keeps the seller's money for now."""
        payment = self._changed(external_id)["paymentSummary"]["payments"][0]
        payment["paymentHolds"] = [{"holdAmount": payment["amount"], "holdReason": "NEW_SELLER", "holdState": state}]

    def touch(self, external_id: str, *, note: str) -> None:
        self._changed(external_id)["buyerCheckoutNotes"] = note

    def pay(self, external_id: str) -> None:
        ebay_orders.pay(self._changed(external_id), self.moment())

    def parcels(self, external_id: str) -> list[SimParcel]:
        skus = {line["lineItemId"]: line["sku"] for line in self.orders[external_id]["lineItems"]}
        return [
            SimParcel(
                one.get("shipmentTrackingNumber", ""),
                one.get("shippingCarrierCode", ""),
                {skus[portion["lineItemId"]]: portion["quantity"] for portion in one["lineItems"]},
            )
            for one in self.fulfillments[external_id]
        ]

    def state(self, external_id: str) -> str:
        order = self.orders[external_id]
        if order["cancelStatus"]["cancelState"] == "CANCELED":
            return "canceled"
        shipped = {"FULFILLED": "shipped", "IN_PROGRESS": "partially_shipped"}.get(order["orderFulfillmentStatus"])
        return shipped or ("pending" if order["orderPaymentStatus"] == "PENDING" else "open")

    def _changed(self, external_id: str) -> Json:
        order = self.orders[external_id]
        order["lastModifiedDate"] = stamp(max(self.moment(), moment(order["lastModifiedDate"], "")))
        return order

    def _pay_back(self, order: Json, back: Json, status: str) -> None:
        order["orderPaymentStatus"] = status
        order["paymentSummary"]["refunds"].append(
            {"amount": back, "refundStatus": "REFUNDED", "refundDate": stamp(self.moment()), "refundReferenceId": "1"}
        )

    # --- how it is connected

    def settings(self) -> dict[str, object]:
        return {"api_url": self.url, "client_id": self.client_id, "ru_name": self.ru_name}

    def secrets(self) -> dict[str, str]:
        return {"client_secret": self.client_secret, "refresh_token": min(self.refresh_tokens, default="none")}

    def end_tokens(self) -> None:
        """No access token is good any more."""
        self._tokens.clear()

    # --- its calls to us

    def notification(self, topic: str, data: Mapping[str, Any]) -> tuple[dict[str, str], bytes]:
        """The headers and the body of a call, as eBay signs it."""
        now = stamp(self.moment())
        message = {
            "metadata": {"topic": topic, "schemaVersion": "1.0", "deprecated": False},
            "notification": {
                "notificationId": secrets.token_hex(16), "eventDate": now, "publishDate": now, "publishAttemptCount": 1,
                "data": data,
            },
        }  # fmt: skip
        body = json.dumps(message, separators=(",", ":")).encode()
        signature = base64.b64encode(self._key.sign(body, ec.ECDSA(hashes.SHA1()))).decode()  # noqa: S303  eBay's digest
        header = {"alg": "ecdsa", "kid": self.key_id, "signature": signature, "digest": "SHA1"}
        encoded = base64.b64encode(json.dumps(header).encode()).decode()
        return {"Content-Type": "application/json", "X-EBAY-SIGNATURE": encoded}, body

    # --- the wire

    def routes(self) -> list[tuple[str, str, str, Handler]]:
        parcels = f"{_API}/order/{{order}}/shipping_fulfillment"
        return [
            ("GET", "/oauth2/authorize", "token.authorise", self._authorise),
            ("POST", "/identity/v1/oauth2/token", "token", self._token),
            ("GET", "/commerce/notification/v1/public_key/{key}", "keys.get", self._public_key),
            ("GET", f"{_API}/order", "orders.list", self._known(self._orders)),
            ("GET", f"{_API}/order/{{order}}", "orders.get", self._known(self._one)),
            ("GET", parcels, "parcels.list", self._known(self._parcels)),
            ("POST", parcels, "parcels.add", self._known(self._ship)),
            ("GET", f"{parcels}/{{fulfillment}}", "parcels.get", self._known(self._parcel)),
        ]

    def throttled(self) -> web.Response:
        answer = _error(429, 2001, "Too many requests.", "ACCESS")
        answer.headers["Retry-After"] = str(self.retry_after)
        return answer

    def denied(self) -> web.Response:
        return _error(401, 1001, "Invalid access token", "OAuth")

    def _known(self, handler: Handler, kind: str = "user") -> Handler:
        async def handle(request: web.Request) -> web.Response:
            token = request.headers.get("Authorization", "").removeprefix("Bearer ")
            held, until = self._tokens.get(token, ("", self.moment()))
            if held != kind or until <= self.moment():
                return self.denied()
            try:
                return await handler(request)
            except _Refusal as refusal:
                return refusal.answer

        return handle

    async def _authorise(self, request: web.Request) -> web.Response:
        if request.query.get("client_id") != self.client_id or request.query.get("redirect_uri") != self.ru_name:
            return web.json_response({"error": "invalid_request"}, status=400)
        code = secrets.token_hex(12)
        self._codes.add(code)
        back = urlencode({"code": code, "state": request.query.get("state", ""), "expires_in": "299"})
        return web.Response(status=302, headers={"Location": f"{self.accept_url}?{back}"})

    async def _token(self, request: web.Request) -> web.Response:
        pair = base64.b64encode(f"{self.client_id}:{self.client_secret}".encode()).decode()
        if request.headers.get("Authorization") != f"Basic {pair}":
            return _no_token(401, "invalid_client", "client authentication failed")
        form = dict(parse_qsl((await request.read()).decode()))
        more: Json = {}
        match form.get("grant_type"):
            case "client_credentials":
                kind = "app"
            case "refresh_token" if form.get("refresh_token") in self.refresh_tokens:
                kind = "user"
            case "authorization_code" if form.get("code") in self._codes and form.get("redirect_uri") == self.ru_name:
                kind = "user"
                self._codes.discard(form["code"])
                refresh = f"v^1.1#{secrets.token_hex(8)}"
                self.refresh_tokens = {refresh}
                more = {"refresh_token": refresh, "refresh_token_expires_in": int(REFRESH_LIFE.total_seconds())}
            case _:
                return _no_token(400, "invalid_grant", "the provided authorization grant is invalid")
        token = secrets.token_hex(16)
        self._tokens[token] = (kind, self.moment() + TOKEN_LIFE)
        life = int(TOKEN_LIFE.total_seconds())
        return web.json_response({"access_token": token, "expires_in": life, "token_type": "User Access Token", **more})

    async def _public_key(self, request: web.Request) -> web.Response:
        async def show(_: web.Request) -> web.Response:
            if request.match_info["key"] != self.key_id:
                return _error(404, 195019, "Invalid or missing public key ID.", "API_NOTIFICATION")
            pem = self._key.public_key().public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
            )
            flat = pem.decode().replace("\n", "")
            return web.json_response({"algorithm": "ECDSA", "digest": "SHA1", "key": flat})

        return await self._known(show, "app")(request)

    async def _orders(self, request: web.Request) -> web.Response:
        query = request.query
        if "orderIds" in query:
            ids = query["orderIds"].split(",")
            if len(ids) > 50:
                raise _Refusal(30900, "Exceeded maximum number of order IDs (the current limit is 50)")
            found = [self.orders[one] for one in ids if one in self.orders]
            return web.json_response({"orders": list(map(ebay_orders.in_list, found)), "total": len(found)})
        limit, offset = _count(query.get("limit", "50"), 31100), _count(query.get("offset", "0"), 31000)
        if not 1 <= limit <= 200:
            raise _Refusal(31100, f"Invalid limit: {limit}")
        found = self._filtered(query.get("filter", ""))
        page = [ebay_orders.in_list(order) for order in found[offset : offset + limit]]
        answer: Json = {
            "href": str(request.url), "limit": limit, "offset": offset, "total": len(found), "orders": page,
        }  # fmt: skip
        if offset + limit < len(found):
            answer["next"] = str(request.url.update_query(offset=str(offset + limit)))
        return web.json_response(answer)

    def _filtered(self, text: str) -> list[Json]:
        field, start, end = "creationDate", self.moment() - KEPT, self.moment() + DRIFT
        if text:
            match = _RANGE.fullmatch(text)
            if match is None:
                raise _Refusal(30800, f"Invalid filter value {text} for filter filter")
            field = {"creationdate": "creationDate", "lastmodifieddate": "lastModifiedDate"}[match[1]]
            start = _date(match[2])
            end = _date(match[3]) if match[3] else end
            if start > self.moment() + DRIFT or end > self.moment() + DRIFT:
                raise _Refusal(30850, "Start and end dates can't be in the future")
            if start >= end:
                raise _Refusal(30840, "Start date should be before end date")
        first, last = stamp(start), stamp(end)  # written so, times are in the order of their texts
        found = [order for order in self.orders.values() if first <= order[field] <= last]
        return sorted(found, key=lambda order: (order[field], str(order["orderId"])))

    def _order(self, request: web.Request, status: int = 404) -> Json:
        order_id = request.match_info["order"]
        if order_id not in self.orders:
            raise _Refusal(32100, f"Invalid order ID: {order_id}", status)
        return self.orders[order_id]

    async def _one(self, request: web.Request) -> web.Response:
        return web.json_response(self._order(request))

    async def _parcels(self, request: web.Request) -> web.Response:
        found = self.fulfillments[self._order(request, 400)["orderId"]]
        return web.json_response({"fulfillments": found, "total": len(found)})

    async def _parcel(self, request: web.Request) -> web.Response:
        wanted = request.match_info["fulfillment"]
        for one in self.fulfillments[self._order(request, 400)["orderId"]]:
            if one["fulfillmentId"] == wanted:
                return web.json_response(one)
        raise _Refusal(32110, f"Invalid shipping fulfillment ID: {wanted}", 404)

    async def _ship(self, request: web.Request) -> web.Response:
        order = self._order(request, 400)
        given = json.loads(await request.read())
        known = self.fulfillments[order["orderId"]]
        self._look_at_lines(order, given.get("lineItems") or [], known)
        number, carrier = given.get("trackingNumber", ""), given.get("shippingCarrierCode", "")
        if bool(number) != bool(carrier) or not re.fullmatch(r"[0-9A-Za-z]*", number):
            raise _Refusal(32300, "Invalid shipment tracking number or carrier")
        if carrier and carrier not in CARRIER_CODES:
            raise _Refusal(32300, "Invalid shipment tracking number or carrier")
        if number and any(one.get("shipmentTrackingNumber") == number for one in known):
            raise _Refusal(34500, "Please use PUT operation for updating shipping fulfillment")
        shipped = given.get("shippedDate") or stamp(self.moment())
        if _date(shipped) > self.moment() + DRIFT:
            raise _Refusal(32500, "Invalid shipped date")
        fulfillment_id = number or "999"
        lines = [{"lineItemId": one["lineItemId"], "quantity": one.get("quantity", 1)} for one in given["lineItems"]]
        tracked = {"shipmentTrackingNumber": number, "shippingCarrierCode": carrier} if number else {}
        known.append({"fulfillmentId": fulfillment_id, "lineItems": lines, "shippedDate": shipped, **tracked})
        self._changed(order["orderId"])
        ebay_orders.recount(order, known)
        where = f"{self.url}{_API}/order/{order['orderId']}/shipping_fulfillment/{fulfillment_id}"
        order["fulfillmentHrefs"].append(where)
        return web.json_response({}, status=201, headers={"Location": where})

    def _look_at_lines(self, order: Json, given: list[Json], known: list[Json]) -> None:
        if order["cancelStatus"]["cancelState"] == "CANCELED" or not given:
            raise _Refusal(32600, "Invalid input data")
        bought = {line["lineItemId"]: line["quantity"] for line in order["lineItems"]}
        seen = set()
        for one in given:
            line, count = one.get("lineItemId", ""), one.get("quantity", 1)
            if line not in bought:
                raise _Refusal(32200, f"Invalid line item id: {line}")
            if line in seen:
                raise _Refusal(32210, "Duplicate line item in the request")
            seen.add(line)
            if count < 1 or pieces(known, line) + count > bought[line]:
                raise _Refusal(32600, "Invalid input data")


def _no_token(status: int, error: str, description: str) -> web.Response:
    return web.json_response({"error": error, "error_description": description}, status=status)


def _count(text: str, number: int) -> int:
    if not text.isdecimal():
        raise _Refusal(number, f"Invalid {'limit' if number == 31100 else 'offset'}: {text}")
    return int(text)


def _date(text: str) -> datetime:
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,3})?Z", text):
        raise _Refusal(30810, "Invalid date format")
    return moment(text, "date")
