"""A demo Etsy: OAuth with PKCE, receipts, tracking, listings and webhooks, with the rules no schema can hold.

Each call about a parcel mails the buyer and makes the whole receipt shipped. A cancellation or a refund leaves the time of
the last change as it was, and canceled receipts are in a list only where they are asked for. A refresh token is good once.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import time
from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode

from aiohttp import web
from standardwebhooks import Webhook

from engine.connectors.channels.etsy.mapping import CARRIERS, OTHER
from engine.demo.channels import etsy_shop
from engine.demo.channels.base import ChannelSim, Handler, Sale, SimParcel
from engine.demo.channels.etsy_shop import SHOP_ID, SHOP_NAME, USER_ID, Json

TOKEN_LIFE = timedelta(hours=1)
_API = "/v3/application"
_SORTS = {"created": "created_timestamp", "updated": "updated_timestamp", "receipt_id": "receipt_id"}
_RANGES = (
    ("min_created", "created_timestamp", True), ("max_created", "created_timestamp", False),
    ("min_last_modified", "updated_timestamp", True), ("max_last_modified", "updated_timestamp", False),
)  # fmt: skip
_FLAGS = {"was_paid": "is_paid", "was_shipped": "is_shipped"}


class _Refusal(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.answer = _error(status, message)


def _error(status: int, message: str) -> web.Response:
    return web.json_response({"error": message}, status=status)


class DemoEtsy(ChannelSim):
    """One shop, and the app that was let into it. ``mails`` are those the buyers got, as (receipt, tracking code).

    It states its limits with every answer, and holds callers to them where it is ``strict``.
    """

    slug = "etsy"
    renews = True
    lists = True
    partials = False  # of an order
    stays_open = False
    refunds = False  # of money: Etsy does not say for which pieces
    counts_pieces = False
    pays = True

    def __init__(
        self, *, seed: int = 0, late: float = 60.0, retry_after: int = 1, per_second: int = 150, per_day: int = 100_000,
        strict: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(seed=seed, late=late, retry_after=retry_after)
        self.keystring, self.shared_secret = "k3yk3yk3yk3yk3yk3yk3yk3y", "s3cr3ts3cr"
        self.webhook_secret = "whsec_" + base64.b64encode(b"a secret of the endpoint").decode()
        self.per_second, self.per_day, self.strict, self.today = per_second, per_day, strict, 0
        self.receipts: dict[str, Json] = {}
        self.listings = etsy_shop.listings()
        self.mails: list[tuple[str, str]] = []
        self.refresh_token = f"{USER_ID}.refresh-1"
        self._codes: dict[str, tuple[str, str]] = {}  # by code: the challenge, and where to
        self._tokens: dict[str, datetime] = {}
        self._recent: deque[float] = deque()
        self._next_id, self._next_line = 3_000_000_001, 4_100_000_001

    # --- what happens there

    def place(self, sale: Sale) -> str:
        receipt_id = self._next_id
        self.receipts[str(receipt_id)] = etsy_shop.new_receipt(sale, receipt_id, self._next_line, self.moment())
        self._next_id += 1
        self._next_line += len(sale.lines)
        return str(receipt_id)

    def cancel(self, external_id: str) -> None:
        self.receipts[external_id]["status"] = "canceled"

    def refund(self, external_id: str, sku: str, quantity: int) -> None:
        raise NotImplementedError

    def refund_money(self, external_id: str, minor: int) -> None:
        """So much is paid back."""
        receipt = self.receipts[external_id]
        total = receipt["grandtotal"]
        back = {**total, "amount": minor}
        receipt["refunds"].append(
            {"amount": back, "created_timestamp": self._seconds(), "reason": "Damaged", "note_from_issuer": None,
             "status": "success"}
        )  # fmt: skip
        paid_back = sum(one["amount"]["amount"] for one in receipt["refunds"])
        receipt["status"] = "fully refunded" if paid_back >= total["amount"] else "partially refunded"

    def touch(self, external_id: str, *, note: str) -> None:
        self._changed(external_id)["message_from_buyer"] = note

    def pay(self, external_id: str) -> None:
        receipt = self._changed(external_id)
        receipt["status"], receipt["is_paid"] = "paid", True

    def parcels(self, external_id: str) -> list[SimParcel]:
        return [SimParcel(one["tracking_code"], one["carrier_name"]) for one in self.receipts[external_id]["shipments"]]

    def state(self, external_id: str) -> str:
        receipt = self.receipts[external_id]
        if receipt["status"] in ("canceled", "fully refunded"):
            return "canceled"
        return "shipped" if receipt["is_shipped"] else "open" if receipt["is_paid"] else "pending"

    def _seconds(self) -> int:
        return int(self.moment().timestamp())

    def _changed(self, external_id: str) -> Json:
        receipt = self.receipts[external_id]
        receipt["updated_timestamp"] = receipt["update_timestamp"] = max(self._seconds(), receipt["updated_timestamp"])
        return receipt

    # --- how it is connected

    def settings(self) -> dict[str, object]:
        return {"api_url": self.url, "keystring": self.keystring, "shop_id": SHOP_ID}

    def secrets(self) -> dict[str, str]:
        return {
            "shared_secret": self.shared_secret,
            "refresh_token": self.refresh_token,
            "webhook_secret": self.webhook_secret,
        }

    def webhook(self, event: str, external_id: str, *, shop_id: int = SHOP_ID) -> tuple[dict[str, str], bytes]:
        """The headers and the body of a call about a receipt, as Etsy signs it."""
        where = f"https://openapi.etsy.com{_API}/shops/{shop_id}/receipts/{external_id}"
        body = json.dumps({"event_type": event, "resource_url": where, "shop_id": shop_id})
        delivery, now = f"msg_{secrets.token_hex(8)}", datetime.now(UTC)
        signature = Webhook(self.webhook_secret).sign(delivery, now, body)
        return {
            "webhook-id": delivery, "webhook-timestamp": str(int(now.timestamp())), "webhook-signature": signature,
        }, body.encode()  # fmt: skip

    # --- the wire

    def routes(self) -> list[tuple[str, str, str, Handler]]:
        shop = f"{_API}/shops/{{shop}}"
        return [
            ("GET", "/oauth/connect", "token.connect", self._connect),
            ("POST", "/v3/public/oauth/token", "token", self._token),
            ("GET", f"{_API}/users/me", "users.me", self._known(self._me)),
            ("GET", shop, "shops.get", self._known(self._shop)),
            ("GET", f"{shop}/receipts", "receipts.list", self._known(self._list)),
            ("GET", f"{shop}/receipts/{{receipt}}", "receipts.get", self._known(self._one)),
            ("POST", f"{shop}/receipts/{{receipt}}/tracking", "tracking.add", self._known(self._ship)),
            ("GET", f"{shop}/listings", "listings.list", self._known(self._listings)),
        ]

    def throttled(self) -> web.Response:
        answer = _error(429, "Exceeded the rate limit of the application")
        answer.headers["Retry-After"] = str(self.retry_after)
        return answer

    def denied(self) -> web.Response:
        return _error(401, "invalid_token")

    def _known(self, handler: Handler) -> Handler:
        async def handle(request: web.Request) -> web.Response:
            if request.headers.get("x-api-key") != f"{self.keystring}:{self.shared_secret}":
                return _error(403, "Invalid API key: should be in the format 'keystring:shared_secret'.")
            if not self._within_limits():
                return self.throttled()
            token = request.headers.get("Authorization", "").removeprefix("Bearer ")
            if self._tokens.get(token, self.moment()) <= self.moment():
                answer = self.denied()
            elif request.match_info.get("shop", str(SHOP_ID)) != str(SHOP_ID):
                answer = _error(403, "You do not have access to this shop")
            else:
                try:
                    answer = await handler(request)
                except _Refusal as refusal:
                    answer = refusal.answer
            answer.headers.update(self._limits())
            return answer

        return handle

    def _within_limits(self) -> bool:
        now = time.monotonic()
        while self._recent and self._recent[0] <= now - 1:
            self._recent.popleft()
        if self.strict and (len(self._recent) >= self.per_second or self.today >= self.per_day):
            return False
        self._recent.append(now)
        self.today += 1
        return True

    def _limits(self) -> Mapping[str, str]:
        return {
            "x-limit-per-second": str(self.per_second),
            "x-remaining-this-second": str(max(0, self.per_second - len(self._recent))),
            "x-limit-per-day": str(self.per_day),
            "x-remaining-today": str(max(0, self.per_day - self.today)),
        }

    async def _connect(self, request: web.Request) -> web.Response:
        query = request.query
        if query.get("client_id") != self.keystring or query.get("code_challenge_method") != "S256":
            return _error(400, "invalid_request")
        code = secrets.token_urlsafe(24)
        self._codes[code] = (query["code_challenge"], query["redirect_uri"])
        back = urlencode({"code": code, "state": query.get("state", "")})
        return web.Response(status=302, headers={"Location": f"{query['redirect_uri']}?{back}"})

    async def _token(self, request: web.Request) -> web.Response:
        form = dict(parse_qsl((await request.read()).decode()))
        if form.get("client_id") != self.keystring:
            return web.json_response({"error": "invalid_client", "error_description": "unknown client"}, status=401)
        if form.get("grant_type") == "refresh_token":
            good = form.get("refresh_token") == self.refresh_token
        else:
            challenge, where = self._codes.pop(form.get("code", ""), ("", ""))
            digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
            proved = base64.urlsafe_b64encode(digest).decode().rstrip("=") == challenge
            good = proved and where == form.get("redirect_uri")
        if not good:
            said = {"error": "invalid_grant", "error_description": "the grant is used up or was never given"}
            return web.json_response(said, status=400)
        token, self.refresh_token = f"{USER_ID}.{secrets.token_hex(12)}", f"{USER_ID}.{secrets.token_hex(12)}"
        self._tokens[token] = self.moment() + TOKEN_LIFE
        return web.json_response(
            {"access_token": token, "token_type": "Bearer", "expires_in": int(TOKEN_LIFE.total_seconds()),
             "refresh_token": self.refresh_token}
        )  # fmt: skip

    async def _me(self, _: web.Request) -> web.Response:
        return web.json_response({"user_id": USER_ID, "shop_id": SHOP_ID})

    async def _shop(self, _: web.Request) -> web.Response:
        return web.json_response(
            {
                "shop_id": SHOP_ID,
                "user_id": USER_ID,
                "shop_name": SHOP_NAME,
                "currency_code": "USD",
                "is_vacation": False,
            }
        )

    async def _list(self, request: web.Request) -> web.Response:
        query = request.query
        limit, offset = _number(query, "limit", 25), _number(query, "offset", 0)
        if not 1 <= limit <= 100:
            raise _Refusal(400, "limit must be between 1 and 100")
        canceled = query.get("was_canceled") == "true"
        found = [one for one in self.receipts.values() if (one["status"] == "canceled") is canceled]
        for name, field in _FLAGS.items():
            if name in query:
                found = [one for one in found if one[field] is (query[name] == "true")]
        for name, field, least in _RANGES:
            if name in query:
                edge = _number(query, name, 0)
                if edge < 946_684_800:
                    raise _Refusal(400, f"{name} is too early")
                found = [one for one in found if (one[field] >= edge if least else one[field] <= edge)]
        field = _SORTS[query.get("sort_on", "created")]
        found.sort(key=lambda one: one[field], reverse=query.get("sort_order", "desc") == "desc")
        return web.json_response({"count": len(found), "results": found[offset : offset + limit]})

    def _receipt(self, request: web.Request) -> Json:
        wanted = request.match_info["receipt"]
        if wanted not in self.receipts:
            raise _Refusal(404, f"Could not find a Shop Receipt with receipt_id = {wanted} in this shop.")
        return self.receipts[wanted]

    async def _one(self, request: web.Request) -> web.Response:
        return web.json_response(self._receipt(request))

    async def _ship(self, request: web.Request) -> web.Response:
        receipt = self._receipt(request)
        given = json.loads(await request.read())
        code, carrier = given.get("tracking_code", ""), given.get("carrier_name", "")
        if receipt["status"] in ("canceled", "fully refunded"):
            raise _Refusal(409, "The receipt is canceled")
        if not receipt["is_paid"]:
            raise _Refusal(400, "The receipt is not paid")
        if bool(code) != bool(carrier):
            raise _Refusal(400, "A tracking number is required")
        if carrier and carrier not in {*CARRIERS.values(), OTHER}:
            raise _Refusal(400, f"{carrier} is not a supported carrier")
        now = self._seconds()
        if code:
            receipt["shipments"].append(
                {"receipt_shipping_id": 1_200_000_000 + len(self.mails), "shipment_notification_timestamp": now,
                 "carrier_name": carrier, "tracking_code": code}
            )  # fmt: skip
        receipt["status"], receipt["is_shipped"] = "completed", True
        for one in receipt["transactions"]:
            one["shipped_timestamp"] = now
        self.mails.append((str(receipt["receipt_id"]), code))
        return web.json_response(self._changed(str(receipt["receipt_id"])))

    async def _listings(self, request: web.Request) -> web.Response:
        limit, offset = _number(request.query, "limit", 25), _number(request.query, "offset", 0)
        found = [one for one in self.listings if one["state"] == request.query.get("state", "active")]
        shown = found[offset : offset + limit]
        if "Inventory" not in request.query.getall("includes", []):
            shown = [{**one, "inventory": None} for one in shown]
        return web.json_response({"count": len(found), "results": shown})


def _number(query: Mapping[str, Any], name: str, default: int) -> int:
    text = str(query.get(name, default))
    if not text.isdecimal():
        raise _Refusal(400, f"{name} must be a number")
    return int(text)
