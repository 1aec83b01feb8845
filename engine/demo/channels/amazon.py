"""A demo Amazon: one seller in the US marketplace, by the Selling Partner API, with Amazon's rules and rate limits.

It speaks Login with Amazon, restricted data tokens, the Orders API 2026-01-01 and v0 ``confirmShipment``, and shows the seller's
marketplaces and listings. What is confirmed shows ``shows_after`` later. ``limits`` are the usage plans by operation, rate a
second and burst; without them it is generous, as Amazon is with sellers of many orders. Personal data is given to whoever
has the role (``personal`` role), only for a restricted data token (token), or not at all (none).
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from zlib import crc32

import msgspec
from aiohttp import web

from engine.demo.catalogue import LISTINGS
from engine.demo.channels.amazon_book import Book, Refusal, SimOrder, iso
from engine.demo.channels.base import ChannelSim, Handler, Sale, SaleLine, SimParcel

MARKETPLACE = "ATVPDKIKX0DER"
AMAZON_LIMITS: Mapping[str, tuple[float, float]] = {
    "orders.search": (0.0056, 20),
    "orders.get": (0.5, 30),
    "shipment.confirm": (2, 10),
    "token.restricted": (1, 10),
    "listings.search": (5, 5),
    "seller": (0.016, 15),
    "feeds.document": (0.5, 15),
    "feeds.create": (0.0083, 15),
}
_GENEROUS = (1000.0, 1000.0)
_SETS = frozenset(
    ("BUYER", "RECIPIENT", "PROCEEDS", "EXPENSE", "PROMOTION", "CANCELLATION", "FULFILLMENT", "PACKAGES", "TAX", "PAYMENT",
     "FULFILLMENT_ORDERS")
)  # fmt: skip
_TWO_MINUTES = timedelta(minutes=2)
_ORDERS = "/orders/2026-01-01/orders"


class AmazonSim(ChannelSim):
    """See the module."""

    slug = "amazon"
    renews = True
    pays = True
    lists = True
    wishes = True
    currencies = ("USD", "JPY")

    def __init__(
        self, *, seed: int = 0, late: float = 60.0, retry_after: int = 1,
        limits: Mapping[str, tuple[float, float]] | None = None, personal: Literal["role", "token", "none"] = "role",
        shows_after: timedelta = timedelta(), lag: timedelta = timedelta(),
    ) -> None:  # fmt: skip
        super().__init__(seed=seed, late=late, retry_after=retry_after)
        self.book = Book(self.rng, self.moment, shows_after)
        self.personal, self.lag = personal, lag
        self.listings = [SaleLine(one.sku, 20, one.price, one.title) for one in LISTINGS]
        self.client_id, self.client_secret = "amzn1.application-oa2-client.demo", f"amzn1.oa2-cs.v1.{self.rng.random()}"
        self.refresh_token, self.seller_id = f"Atzr|{self.rng.random()}", "A1DEMOSELLER"
        self.consents: dict[str, str] = {}  # authorisation codes, and where each may be redeemed from
        self._feeds: dict[str, dict[str, Any]] = {}
        self._documents: dict[str, bytes] = {}
        self._limits = limits
        self._levels: dict[str, tuple[float, datetime]] = {}
        self._tokens: dict[str, datetime] = {}

    # --- what happens there

    def place(
        self, sale: Sale, *, by_amazon: bool = False, programs: Sequence[str] = (), gift: str = "", level: str = ""
    ) -> str:  # fmt: skip
        """Somebody bought this. ``level`` is Amazon's own word for the shipping speed, else made from the sale's rate."""
        return self.book.place(sale, by_amazon=by_amazon, programs=programs, gift=gift, level=level)

    def cancel(self, external_id: str) -> None:
        """See ``ChannelSim``."""
        self.book.cancel(external_id)

    def refund(self, external_id: str, sku: str, quantity: int) -> None:
        """So many pieces of a line are canceled before they ship."""
        self.book.cancel_pieces(external_id, sku, quantity)

    def ask_to_cancel(self, external_id: str, reason: str = "", *, sku: str = "") -> None:
        """The buyer asks the seller to cancel all of it, or the lines of this SKU."""
        self.book.ask_to_cancel(external_id, reason or "Ordered by mistake", sku)

    def touch(self, external_id: str, *, note: str) -> None:
        """The buyer changes the instructions for the delivery."""
        self.book.instruct(external_id, note)

    def pay(self, external_id: str) -> None:
        """See ``ChannelSim``."""
        self.book.pay(external_id)

    def parcels(self, external_id: str) -> list[SimParcel]:
        """What it was told of, also where that does not show yet."""
        return self.book.parcels(external_id)

    def state(self, external_id: str) -> str:
        """See ``ChannelSim``."""
        return self.book.state(external_id)

    def settings(self) -> dict[str, object]:
        """See ``ChannelSim``."""
        return {
            "client_id": self.client_id, "marketplaces": "US", "seller_id": self.seller_id, "endpoint": self.url,
            "token_url": f"{self.url}/auth/o2/token",
        }  # fmt: skip

    def secrets(self) -> dict[str, str]:
        """See ``ChannelSim``."""
        return {"client_secret": self.client_secret, "refresh_token": self.refresh_token}

    def end_tokens(self) -> None:
        """Every access token that was given out is refused from here on."""
        self._tokens.clear()

    # --- the wire

    def routes(self) -> list[tuple[str, str, str, Handler]]:
        """See ``ChannelSim``."""
        return [
            ("POST", "/auth/o2/token", "token", self._token),
            self._guarded("POST", "/tokens/2021-03-01/restrictedDataToken", "token.restricted", self._restrict),
            self._guarded("GET", _ORDERS, "orders.search", self._search),
            self._guarded("GET", f"{_ORDERS}/{{order}}", "orders.get", self._get),
            self._guarded("POST", "/orders/v0/orders/{order}/shipmentConfirmation", "shipment.confirm", self._confirm),
            self._guarded("GET", "/listings/2021-08-01/items/{seller}", "listings.search", self._listings),
            self._guarded("GET", "/sellers/v1/marketplaceParticipations", "seller", self._participations),
            self._guarded("POST", "/feeds/2021-06-30/documents", "feeds.document", self._document),
            ("PUT", "/documents/{document}", "feeds.upload", self._upload),
            self._guarded("POST", "/feeds/2021-06-30/feeds", "feeds.create", self._feed),
            self._guarded("GET", "/feeds/2021-06-30/feeds/{feed}", "feeds.get", self._fed),
        ]

    def throttled(self) -> web.Response:
        """429 with the rate, and no word of when to come back."""
        return self._refusal(Refusal(429, "QuotaExceeded", "You exceeded your quota for the requested resource."), "")

    def denied(self) -> web.Response:
        """403, as for a token that has ended."""
        ended = "The access token you provided has expired."
        return self._refusal(Refusal(403, "Unauthorized", "Access to requested resource is denied.", ended), "")

    def _refusal(self, refusal: Refusal, operation: str) -> web.Response:
        errors = [{"code": refusal.code, "message": refusal.message, "details": refusal.details}]
        return web.json_response({"errors": errors}, status=refusal.status, headers=self._headers(operation))

    def _headers(self, operation: str) -> dict[str, str]:
        rate = self._limit(operation)[0]
        return {"x-amzn-RateLimit-Limit": str(rate), "x-amzn-RequestId": f"{self.rng.getrandbits(64):016x}"}

    def _limit(self, operation: str) -> tuple[float, float]:
        return (self._limits or {}).get(operation, _GENEROUS)

    def _guarded(self, method: str, path: str, operation: str, handler: Handler) -> tuple[str, str, str, Handler]:
        async def guarded(request: web.Request) -> web.Response:
            token = request.headers.get("x-amz-access-token", "")
            if self._tokens.get(token, datetime.min.replace(tzinfo=UTC)) <= self.moment():
                return self.denied()
            if not self._spend(operation):
                refusal = Refusal(429, "QuotaExceeded", "You exceeded your quota for the requested resource.")
                return self._refusal(refusal, operation)
            try:
                answer = await handler(request)
            except Refusal as refusal:
                return self._refusal(refusal, operation)
            answer.headers.update(self._headers(operation))
            return answer

        return method, path, operation, guarded

    def _spend(self, operation: str) -> bool:
        rate, burst = self._limit(operation)
        now = self.moment()
        level, at = self._levels.get(operation, (burst, now))
        level = min(burst, level + (now - at).total_seconds() * rate)
        self._levels[operation] = (level - 1 if level >= 1 else level, now)
        return level >= 1

    # --- tokens

    async def _token(self, request: web.Request) -> web.Response:
        form = await request.post()
        if form.get("client_id") != self.client_id or form.get("client_secret") != self.client_secret:
            said = {"error": "invalid_client", "error_description": "Client authentication failed"}
            return web.json_response(said, status=401)
        if form.get("grant_type") == "authorization_code":
            good = self.consents.pop(str(form.get("code")), None) == form.get("redirect_uri")
        else:
            good = form.get("grant_type") == "refresh_token" and form.get("refresh_token") == self.refresh_token
        if not good:
            said = {"error": "invalid_grant", "error_description": "The request has an invalid grant parameter"}
            return web.json_response(said, status=400)
        token = {"access_token": self._issue("Atza|"), "refresh_token": self.refresh_token}
        return web.json_response({**token, "token_type": "bearer", "expires_in": 3600})

    def _issue(self, prefix: str) -> str:
        token = f"{prefix}{self.rng.getrandbits(96):024x}"
        self._tokens[token] = self.moment() + timedelta(hours=1)
        return token

    async def _restrict(self, request: web.Request) -> web.Response:
        asked = (await _json(request)).get("restrictedResources")
        if not isinstance(asked, list) or not 1 <= len(asked) <= 50:
            raise Refusal(400, "InvalidInput", "restrictedResources must name 1 to 50 resources")
        for one in asked:
            if one.get("method") != "GET" or one.get("path") not in (_ORDERS, f"{_ORDERS}/{{orderId}}"):
                raise Refusal(400, "InvalidInput", "Application do not have access to some or all requested resource")
        return web.json_response({"restrictedDataToken": self._issue("Atz.sprdt|"), "expiresIn": 3600})

    # --- orders

    async def _search(self, request: web.Request) -> web.Response:
        query = request.query
        if ("createdAfter" in query) == ("lastUpdatedAfter" in query):
            raise Refusal(400, "InvalidInput", "Exactly one of createdAfter and lastUpdatedAfter must be provided")
        changed = "lastUpdatedAfter" in query
        after = _time(query["lastUpdatedAfter" if changed else "createdAfter"])
        name = "lastUpdatedBefore" if changed else "createdBefore"
        now = self.moment()
        before = _time(query[name]) if name in query else now - self.lag
        if name in query and before > now - _TWO_MINUTES:
            raise Refusal(400, "InvalidInput", f"{name} must be at least two minutes before the time of the request")
        size = _number(query.get("maxResultsPerPage", "100"), 100)
        filters = {k: v for k, v in query.items() if k not in ("paginationToken", "maxResultsPerPage", "includedData")}
        last = (datetime.min.replace(tzinfo=UTC), "")
        if token := query.get("paginationToken"):
            before, last = self._resumed(token, filters)
        wanted = self._wanted(query)
        found = heapq.nsmallest(
            size + 1,
            (
                (moment, order.id, order)
                for order in self.book.orders()
                for moment in [order.updated if changed else order.created]
                if after <= moment <= before and (moment, order.id) > last and wanted(order)
            ),
        )
        sets = _sets(query.get("includedData", ""))
        told: dict[str, Any] = {
            "orders": [self._shown(order, sets, request) for _, _, order in found[:size]],
            name: iso(before),
        }
        if len(found) > size:
            moment, order_id, _ = found[size - 1]
            packed = [before.isoformat(), moment.isoformat(), order_id, iso(now), filters]
            told["pagination"] = {"nextToken": msgspec.json.encode(packed).hex()}
        return web.json_response(told)

    def _resumed(self, token: str, filters: Mapping[str, str]) -> tuple[datetime, tuple[datetime, str]]:
        try:
            before, moment, order, given, same = msgspec.json.decode(bytes.fromhex(token))
        except (ValueError, msgspec.DecodeError):
            raise Refusal(400, "InvalidInput", "The paginationToken is invalid") from None
        if same != filters or self.moment() - _time(given) > timedelta(hours=24):
            raise Refusal(400, "InvalidInput", "The paginationToken has expired, or is of another search")
        return _time(before), (_time(moment), order)

    def _wanted(self, query: Mapping[str, str]) -> Any:
        statuses = _parts(query.get("fulfillmentStatuses", ""))
        places = _parts(query.get("marketplaceIds", ""))
        by = _parts(query.get("fulfilledBy", ""))

        def wanted(order: SimOrder) -> bool:
            return (
                (not statuses or order.status in statuses)
                and (not places or MARKETPLACE in places)
                and (not by or order.fulfilled_by in by)
            )

        return wanted

    async def _get(self, request: web.Request) -> web.Response:
        order = self.book.find(request.match_info["order"])
        return web.json_response({"order": self._shown(order, _sets(request.query.get("includedData", "")), request)})

    def _shown(self, order: SimOrder, sets: frozenset[str], request: web.Request) -> dict[str, Any]:
        restricted = request.headers["x-amz-access-token"].startswith("Atz.sprdt|")
        personal = self.personal == "role" or (self.personal == "token" and restricted)
        return order.shown(sets, MARKETPLACE, personal=personal)

    async def _confirm(self, request: web.Request) -> web.Response:
        self.book.confirm(request.match_info["order"], await _json(request), MARKETPLACE)
        return web.Response(status=204)

    # --- feeds

    async def _document(self, request: web.Request) -> web.Response:
        if not (await _json(request)).get("contentType"):
            raise Refusal(400, "InvalidInput", "contentType is required")
        name = f"amzn1.tortuga.4.na.{self.rng.getrandbits(64):016x}"
        self._documents[name] = b""
        return web.json_response({"feedDocumentId": name, "url": f"{self.url}/documents/{name}"}, status=201)

    async def _upload(self, request: web.Request) -> web.Response:
        if request.match_info["document"] not in self._documents or "x-amz-access-token" in request.headers:
            return web.Response(
                status=403, text="<Error><Code>AccessDenied</Code></Error>", content_type="application/xml"
            )
        self._documents[request.match_info["document"]] = await request.read()
        return web.Response(status=200)

    async def _feed(self, request: web.Request) -> web.Response:
        asked = await _json(request)
        body = self._documents.pop(str(asked.get("inputFeedDocumentId")), b"")
        if asked.get("feedType") != "POST_ORDER_ACKNOWLEDGEMENT_DATA" or not body:
            raise Refusal(400, "InvalidInput", "The feed type is not supported, or its document is empty or was used")
        if f"<MerchantIdentifier>{self.seller_id}</MerchantIdentifier>".encode() in body:
            self.book.fail(body)
        number = str(self.rng.randrange(10**11, 10**12))
        kept = {"feedId": number, "feedType": asked["feedType"], "marketplaceIds": asked.get("marketplaceIds", [])}
        self._feeds[number] = {**kept, "createdTime": iso(self.moment()), "processingStatus": "DONE"}
        return web.json_response({"feedId": number}, status=202)

    async def _fed(self, request: web.Request) -> web.Response:
        if request.match_info["feed"] not in self._feeds:
            raise Refusal(404, "NotFound", "There is no such feed")
        return web.json_response(self._feeds[request.match_info["feed"]])

    # --- the seller

    async def _participations(self, request: web.Request) -> web.Response:
        marketplace = {
            "id": MARKETPLACE, "name": "Amazon.com", "countryCode": "US", "defaultCurrencyCode": "USD",
            "defaultLanguageCode": "en_US", "domainName": "www.amazon.com",
        }  # fmt: skip
        taking = {"isParticipating": True, "hasSuspendedListings": False}
        one = {"marketplace": marketplace, "participation": taking, "storeName": "Bluebook demo"}
        return web.json_response({"payload": [one]})

    async def _listings(self, request: web.Request) -> web.Response:
        if request.match_info["seller"] != self.seller_id or request.query.get("marketplaceIds") != MARKETPLACE:
            raise Refusal(400, "InvalidInput", "The seller does not sell in this marketplace")
        start = _number(request.query.get("pageToken", "0"), 10**9, least=0)
        size = _number(request.query.get("pageSize", "10"), 20)
        begin = datetime(2026, 1, 1, tzinfo=UTC)
        every = [(begin + timedelta(minutes=i), line) for i, line in enumerate(self.listings)]
        if since := request.query.get("createdAfter"):
            every = [(made, line) for made, line in every if made >= _time(since)]
        told: dict[str, Any] = {
            "numberOfResults": len(every),
            "items": [_listing(line, made) for made, line in every[start : min(start + size, 1000)]],
        }
        if start + size < min(len(every), 1000):  # no search goes on beyond a thousand
            told["pagination"] = {"nextToken": str(start + size)}
        return web.json_response(told)


def _listing(line: SaleLine, made: datetime) -> dict[str, Any]:
    summary = {
        "marketplaceId": MARKETPLACE, "asin": f"B0{crc32(line.sku.encode()) % 10**8:08d}", "productType": "KITCHEN",
        "conditionType": "new_new", "status": ["BUYABLE", "DISCOVERABLE"] if line.quantity else ["DISCOVERABLE"],
        "itemName": line.title, "createdDate": iso(made), "lastUpdatedDate": iso(made),
    }  # fmt: skip
    number = {"type": "upc", "value": f"{int(made.timestamp()) // 60:012d}", "marketplace_id": MARKETPLACE}
    return {"sku": line.sku, "summaries": [summary], "attributes": {"externally_assigned_product_identifier": [number]}}


async def _json(request: web.Request) -> dict[str, Any]:
    try:
        body = msgspec.json.decode(await request.read())
    except msgspec.DecodeError:
        body = None
    if not isinstance(body, dict):
        raise Refusal(400, "InvalidInput", "The request body could not be parsed")
    return body


def _time(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        raise Refusal(400, "InvalidInput", f"{text} is not an ISO 8601 date") from None
    if moment.tzinfo is None:
        raise Refusal(400, "InvalidInput", f"{text} has no time zone")
    return moment


def _number(text: str, most: int, least: int = 1) -> int:
    if not text.isdecimal() or not least <= int(text) <= most:
        raise Refusal(400, "InvalidInput", f"{text} must be a number from {least} to {most}")
    return int(text)


def _parts(text: str) -> frozenset[str]:
    return frozenset(part for part in text.split(",") if part)


def _sets(text: str) -> frozenset[str]:
    asked = _parts(text)
    if unknown := asked - _SETS:
        raise Refusal(400, "InvalidInput", f"includedData has {', '.join(sorted(unknown))}")
    return asked
