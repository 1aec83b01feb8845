"""Amazon as a channel: orders by their last change, shipments by confirmation, what is listed; see README.md beside this file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, ClassVar
from urllib.parse import quote, urlencode

import msgspec

from engine import clock
from engine.connectors.accounts import address
from engine.connectors.channels.amazon import cancelling, listings, mapping, marketplaces, tracking
from engine.connectors.channels.amazon import client as api
from engine.connectors.payload import unreadable
from engine.errors import BluebookError, Misconfigured, NotAuthorised, Refused, Unreadable
from engine.ports import ChannelOrder, ChannelParcel, Page, Parcel, Raw, Rejected
from engine.ports_channels import ListedPage
from engine.transports.grants import Grants
from engine.transports.http import HttpClient
from engine.transports.throttle import Throttle

_READ = "BUYER,RECIPIENT,PROCEEDS,CANCELLATION,FULFILLMENT"
_SHIPPING = "FULFILLMENT,PACKAGES"
_A_YEAR = timedelta(days=365)


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """``marketplaces`` are countries of one region, as in "US, CA"; the refresh token is the seller's consent to the client.

    ``seller_id`` is asked for by listings and for canceling, ``application_id`` by the way to the consent (``draft``: an
    application that is not published). ``history_days`` is how far back the first walk looks. ``restricted_tokens``: ask for a
    restricted data token where people are named. ``consented`` is the day of the seller's consent, as in 2026-03-01; it lasts a
    year. ``endpoint`` and ``token_url`` lead elsewhere than to Amazon's own.
    """

    client_id: Annotated[str, msgspec.Meta(min_length=1)]
    client_secret: Annotated[str, msgspec.Meta(min_length=1)]
    refresh_token: Annotated[str, msgspec.Meta(min_length=1)]
    marketplaces: str = "US"
    seller_id: str = ""
    application_id: str = ""
    draft: bool = False
    consented: Annotated[str, msgspec.Meta(pattern=r"^(\d{4}-\d{2}-\d{2})?$")] = ""
    history_days: Annotated[int, msgspec.Meta(ge=1, le=730)] = 30
    page_size: Annotated[int, msgspec.Meta(ge=1, le=100)] = 100
    restricted_tokens: bool = False
    endpoint: str = ""
    token_url: str = api.TOKEN_URL
    timeout: Annotated[float, msgspec.Meta(gt=0, le=300)] = 30.0


class _Cursor(msgspec.Struct, omit_defaults=True):
    """Where a walk stands: in the window of changes since ``after``, which had an end of ``until``; ``token`` is its next page.

    Amazon does not say that its pages hold still. What changes during the walk leaves the window, so that a walk of several
    pages is followed by another from its end, and so on until one page holds all that is left, or no time has passed.
    """

    after: datetime
    token: str = ""
    until: datetime | None = None


class _Pagination(msgspec.Struct, rename="camel"):
    next_token: str = ""


class _Found(msgspec.Struct, rename="camel"):
    orders: list[msgspec.Raw]
    pagination: _Pagination | None = None
    last_updated_before: datetime | None = None


class _Got(msgspec.Struct):
    order: msgspec.Raw


class _By(msgspec.Struct, rename="camel"):
    fulfilled_by: str = ""


class _Head(msgspec.Struct, rename="camel"):
    order_id: str
    fulfillment: _By | None = None


class _Place(msgspec.Struct, rename="camel"):
    id: str


class _Taking(msgspec.Struct, rename="camel"):
    is_participating: bool


class _Participation(msgspec.Struct, rename="camel"):
    marketplace: _Place
    participation: _Taking
    store_name: str = ""


class _Participations(msgspec.Struct):
    payload: list[_Participation]


class Connector:
    """One Amazon seller in one region."""

    slug: ClassVar[str] = "amazon"
    name: ClassVar[str] = "Amazon"
    docs_url: ClassVar[str] = "https://developer-docs.amazon.com/sp-api/docs/orders-api"
    config_type: ClassVar[type[msgspec.Struct]] = Config
    secret_fields: ClassVar[frozenset[str]] = frozenset({"client_secret", "refresh_token"})
    scopes: ClassVar[tuple[str, ...]] = (
        "Inventory and Order Tracking",
        "Direct-to-Consumer Delivery (Restricted)",
        "Product Listing",
    )
    poll_seconds: ClassVar[int] = 180
    rescan_seconds: ClassVar[int] = 6 * 3600  # whatever happens to an order is a change of it, so that polling finds it
    walk_lasts: ClassVar[timedelta] = timedelta(hours=23)  # a page's token ends after a day
    authorise_needs: ClassVar[tuple[str, ...]] = ("application_id", "client_id", "client_secret", "marketplaces")
    authorise_gives: ClassVar[tuple[str, ...]] = ("refresh_token", "seller_id", "consented")

    @staticmethod
    def same_account(one: Config, other: Config) -> bool:
        """Is it the same seller (or, where that is not said, the same consent) in some of the same marketplaces?"""
        named = one.seller_id and other.seller_id
        same = one.seller_id == other.seller_id if named else one.refresh_token == other.refresh_token
        if not same or address(one.endpoint) != address(other.endpoint):
            return False
        return bool(set(marketplaces.chosen(one.marketplaces)) & set(marketplaces.chosen(other.marketplaces)))

    def __init__(self, config: Any) -> None:
        """``config`` is a ``Config``. Raises Misconfigured for marketplaces not known or not of one region, and for no date."""
        self._config: Config = config
        self._marketplaces = marketplaces.chosen(config.marketplaces)
        self._client = api.Client(
            config.endpoint or marketplaces.ENDPOINTS[self._marketplaces[0].region],
            config.token_url, config.client_id, config.client_secret, config.refresh_token,
            restricted=config.restricted_tokens, timeout=config.timeout, consent_ends=_ends(config.consented),
        )  # fmt: skip

    @property
    def grants(self) -> tuple[Grants, ...]:
        """The access token, and the restricted data token where one is asked for."""
        return self._client.grants

    @property
    def throttle(self) -> Throttle:
        """Where the tokens of each operation's bucket are taken from."""
        return self._client.throttle

    @throttle.setter
    def throttle(self, throttle: Throttle) -> None:
        self._client.throttle = throttle

    @staticmethod
    def order_page(settings: Mapping[str, Any], external_id: str) -> str:
        """The order in Seller Central of the first marketplace."""
        try:
            home = marketplaces.chosen(str(settings.get("marketplaces") or "US"))[0].seller_central
        except Misconfigured:
            return ""
        return f"{home}/orders-v3/order/{quote(external_id, safe='')}"

    @staticmethod
    def authorise_url(settings: Mapping[str, Any], redirect_uri: str, state: str, challenge: str) -> str:
        """The page of consent in Seller Central; Amazon knows no PKCE."""
        home = marketplaces.chosen(str(settings.get("marketplaces") or "US"))[0].seller_central
        query = {"application_id": str(settings["application_id"]), "state": state, "redirect_uri": redirect_uri}
        if settings.get("draft") in (True, "true"):
            query["version"] = "beta"
        return f"{home}/apps/authorize/consent?{urlencode(query)}"

    @staticmethod
    async def redeem(
        settings: Mapping[str, Any], answer: Mapping[str, str], redirect_uri: str, verifier: str
    ) -> dict[str, str]:
        """The refresh token for the code the seller came back with, the seller's id, and today's date."""
        code = answer.get("spapi_oauth_code", "")
        if not code:
            told = answer.get("error_description") or answer.get("error") or "it came back without a code"
            raise NotAuthorised(f"Amazon: the seller has not consented: {told}")
        http = HttpClient("Login with Amazon", timeout=30.0)
        try:
            given = await api.lwa(
                http,
                str(settings.get("token_url") or api.TOKEN_URL),
                {
                    "grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri,
                    "client_id": str(settings["client_id"]), "client_secret": str(settings["client_secret"]),
                },
            )  # fmt: skip
        finally:
            await http.close()
        if not given.refresh_token:
            raise NotAuthorised("Login with Amazon gave no refresh token for the seller's consent; ask for it again")
        today = clock.now().date().isoformat()
        seller = answer.get("selling_partner_id", "")
        return {"refresh_token": given.refresh_token, "seller_id": seller, "consented": today}

    async def pull(self, since: datetime | None, cursor: str | None) -> Page:
        """One page of the seller's own orders changed at or after ``since``; those that Amazon fulfils are left out."""
        place = _read_cursor(cursor) if cursor else _Cursor(since or self._long_ago())
        params = {
            "lastUpdatedAfter": mapping.written(place.after),
            "marketplaceIds": ",".join(one.id for one in self._marketplaces),
            "fulfilledBy": "MERCHANT",
            "maxResultsPerPage": str(self._config.page_size),
            "includedData": _READ,
        }
        if place.token:
            params["paginationToken"] = place.token
        answer = await self._client.get(api.SEARCH, api.ORDERS, params, personal=True)
        try:
            found = msgspec.json.decode(answer.body, type=_Found)
        except msgspec.DecodeError as error:
            raise unreadable(error, "Amazon's list of orders") from error
        items, rejected = _envelopes(found.orders)
        following = _following(place, found)
        return Page(items, msgspec.json.encode(following).decode() if following else None, rejected)

    def _long_ago(self) -> datetime:
        return clock.now() - timedelta(days=self._config.history_days)

    async def pull_ids(self, external_ids: Sequence[str]) -> Page:
        """These orders as they stand now, one request each; those Amazon does not know, or fulfils, are missing."""
        items: list[Raw] = []
        rejected: list[Rejected] = []
        for external_id in dict.fromkeys(external_ids):
            body = await self._get(external_id, _READ, personal=True)
            if body is None:
                continue
            try:
                part = msgspec.json.decode(body, type=_Got).order
            except msgspec.DecodeError as error:
                raise unreadable(error, f"Amazon order {external_id}") from error
            good, bad = _envelopes([part])
            items += good
            rejected += bad
        return Page(tuple(items), None, tuple(rejected))

    async def _get(self, external_id: str, data: str, *, personal: bool = False) -> bytes | None:
        path = f"{api.ORDERS}/{quote(external_id, safe='')}"
        try:
            return (await self._client.get(api.GET, path, {"includedData": data}, personal=personal)).body
        except Refused as error:
            if error.code == "404":
                return None
            raise

    def read(self, raw: Raw) -> ChannelOrder:
        """What the order says; raises Unreadable with the path of the field that is wrong."""
        return mapping.read(raw)

    async def push_tracking(self, parcel: Parcel) -> str:
        """Amazon was told of this parcel; returns the package's number. It shows a while later (``read_tracking``).

        The same number again edits the package, so that telling twice leaves one.
        """
        body = await self._get(parcel.order_external_id, _SHIPPING)
        if body is None:
            raise Refused(f"Amazon does not know the order {parcel.order_external_id}", code="404")
        order = tracking.shown(body)
        if known := order.told(parcel):
            return known
        path = f"/orders/v0/orders/{quote(parcel.order_external_id, safe='')}/shipmentConfirmation"
        await self._client.post(api.CONFIRM, path, tracking.confirmation(parcel, order))
        return tracking.reference(parcel.key)

    async def read_tracking(self, external_ids: Sequence[str]) -> dict[str, tuple[ChannelParcel, ...]]:
        """The packages Amazon shows, one request an order."""
        found = {}
        for external_id in dict.fromkeys(external_ids):
            body = await self._get(external_id, _SHIPPING)
            if body is not None:
                found[external_id] = tracking.shown(body).parcels()
        return found

    async def cancel_order(self, external_id: str, lines: Sequence[tuple[str, int]], reason: str) -> None:
        """Amazon has been told to cancel the whole order, which shows some minutes later; ``reason`` has no place there.

        Raises Refused for parts of an order and for one that has shipped, Misconfigured without ``seller_id``.
        """
        body = await self._get(external_id, "FULFILLMENT,CANCELLATION")
        if body is None:
            raise Refused(f"Amazon does not know the order {external_id}", code="404")
        await cancelling.cancel(self._client, self._config.seller_id, cancelling.cancelable(body), lines)

    async def listed(self, cursor: str | None) -> ListedPage:
        """One page of what the seller lists, marketplace by marketplace, oldest first. Raises Misconfigured without seller_id."""
        return await listings.page(self._client, self._config.seller_id, self._marketplaces, cursor)

    async def finish(self, done: Sequence[str]) -> None:
        """Nothing to do: reading an order changes nothing at Amazon."""

    async def check(self) -> str:
        """The seller takes part in the marketplaces, and its orders have addresses; which store on which of them."""
        answer = await self._client.get(api.SELLER, "/sellers/v1/marketplaceParticipations")
        try:
            said = msgspec.json.decode(answer.body, type=_Participations).payload
        except msgspec.DecodeError as error:
            raise unreadable(error, "Amazon's list of marketplaces") from error
        stores = {one.marketplace.id: one.store_name for one in said if one.participation.is_participating}
        missing = [one.country for one in self._marketplaces if one.id not in stores]
        if missing:
            raise Misconfigured(f"Amazon: the seller does not sell in {', '.join(missing)}; correct marketplaces")
        names = list(dict.fromkeys(stores[one.id] for one in self._marketplaces if stores[one.id]))
        places = ", ".join(one.country for one in self._marketplaces)
        return f"{' / '.join(names) or 'Amazon seller'} in {places}{await self._addresses()}"

    async def _addresses(self) -> str:
        """A warning where the newest order that is to be shipped has no address."""
        params = {
            "lastUpdatedAfter": mapping.written(self._long_ago()),
            "marketplaceIds": ",".join(one.id for one in self._marketplaces),
            "fulfilledBy": "MERCHANT", "fulfillmentStatuses": "UNSHIPPED", "maxResultsPerPage": "1", "includedData": _READ,
        }  # fmt: skip
        answer = await self._client.get(api.SEARCH, api.ORDERS, params, personal=True)
        try:
            items, _ = _envelopes(msgspec.json.decode(answer.body, type=_Found).orders)
            lost = any(not self.read(raw).ship_to.line1 for raw in items)
        except (msgspec.DecodeError, BluebookError) as error:
            raise Unreadable(f"Amazon's orders cannot be read: {error}") from error
        return f". {mapping.NO_ADDRESS}" if lost else ""

    async def close(self) -> None:
        """Connections are closed."""
        await self._client.close()


def _ends(consented: str) -> datetime | None:
    """When a consent of that day ends."""
    if not consented:
        return None
    try:
        return datetime.fromisoformat(f"{consented}T00:00:00+00:00") + _A_YEAR
    except ValueError as error:
        raise Misconfigured(f"Amazon: consented should be a date, not {consented!r}") from error


def _following(place: _Cursor, found: _Found) -> _Cursor | None:
    token = found.pagination.next_token if found.pagination else ""
    until = place.until or found.last_updated_before
    if token:
        return _Cursor(place.after, token, until)
    if place.token and until and until > place.after:
        return _Cursor(mapping.aware(until, "lastUpdatedBefore"))
    return None


def _envelopes(parts: Sequence[msgspec.Raw]) -> tuple[tuple[Raw, ...], tuple[Rejected, ...]]:
    """The orders that are the seller's to ship, and what is no order at all."""
    items, rejected = [], []
    for part in parts:
        try:
            head = msgspec.json.decode(part, type=_Head)
        except msgspec.DecodeError as error:
            problem = unreadable(error, "an entry in Amazon's list of orders")
            rejected.append(Rejected(Raw("", bytes(part)), problem.message, problem.field))
            continue
        if not head.fulfillment or head.fulfillment.fulfilled_by != "AMAZON":
            items.append(Raw(head.order_id, bytes(part)))
    return tuple(items), tuple(rejected)


def _read_cursor(text: str) -> _Cursor:
    try:
        return msgspec.json.decode(text, type=_Cursor)
    except msgspec.DecodeError as error:
        raise Unreadable(f"this is no place in a walk through Amazon's orders: {text!r}") from error
