"""The eBay channel: orders by the time of their last change, parcels as shipping fulfillments."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, ClassVar
from urllib.parse import quote, urlsplit
from weakref import WeakValueDictionary

import msgspec

from engine import clock
from engine.connectors import payload
from engine.connectors.accounts import address
from engine.connectors.by_time import Place, Walk
from engine.connectors.channels.ebay import mapping, oauth, webhook
from engine.connectors.channels.ebay.client import Client
from engine.errors import OutcomeUnknown, Refused, TryLater, Unreadable
from engine.ports import ChannelOrder, ChannelParcel, Hook, Page, Parcel, Raw, Rejected
from engine.transports.grants import Grant, Grants
from engine.transports.throttle import Throttle

# eBay keeps names and streets for 90 days, and refuses what is more than two years back.
WALK = Walk("eBay", timedelta(milliseconds=1), timedelta(days=90), timedelta(days=700))
_CHUNK = 50  # the most that orderIds takes
_GONE = frozenset({"404", "32100"})  # no such order
_MOST_KEYS = 16
_SILLY_IDS = frozenset(" ,?#&%")


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """``client_id`` and ``client_secret`` are the App ID and the Cert ID of the keyset, ``ru_name`` its RuName.

    ``refresh_token`` and ``authorised_until`` come from letting Bluebook in. ``webhook_url`` is the address that eBay calls, as
    it is registered there, and ``verification_token`` the secret it is proved with. ``timeout`` is in seconds.
    """

    client_id: Annotated[str, msgspec.Meta(min_length=1)]
    client_secret: Annotated[str, msgspec.Meta(min_length=1)]
    refresh_token: Annotated[str, msgspec.Meta(min_length=1)]
    ru_name: str = ""
    authorised_until: str = ""
    page_size: Annotated[int, msgspec.Meta(ge=1, le=200)] = 200
    timeout: Annotated[float, msgspec.Meta(gt=0, le=300)] = 30.0
    webhook_url: str = ""
    verification_token: Annotated[str, msgspec.Meta(pattern=r"^([0-9A-Za-z_-]{32,80})?$")] = ""
    api_url: str = oauth.API


class Connector:
    """A seller at eBay as a channel; see README.md beside this file."""

    slug: ClassVar[str] = "ebay"
    name: ClassVar[str] = "eBay"
    docs_url: ClassVar[str] = "https://developer.ebay.com/api-docs/sell/fulfillment/overview.html"
    config_type: ClassVar[type[msgspec.Struct]] = Config
    secret_fields: ClassVar[frozenset[str]] = frozenset({"client_secret", "refresh_token", "verification_token"})
    scopes: ClassVar[tuple[str, ...]] = oauth.SCOPES
    authorise_needs: ClassVar[tuple[str, ...]] = ("client_id", "client_secret", "ru_name")
    authorise_gives: ClassVar[tuple[str, ...]] = ("refresh_token", "authorised_until")

    @staticmethod
    def same_account(one: Config, other: Config) -> bool:
        """Is it the same seller's consent? Settings do not name the seller."""
        return one.refresh_token == other.refresh_token and address(one.api_url) == address(other.api_url)

    def __init__(self, config: Any) -> None:
        """``config`` is a ``Config``. Raises Misconfigured for an address or a time that is none."""
        self._config: Config = config
        self._until = oauth.ends(config.authorised_until)
        self._endpoint = oauth.TokenEndpoint(config.api_url, config.client_id, config.client_secret, config.timeout)
        user, app = Grants(self._renew_user), Grants(self._renew_app, "application")
        self.grants: tuple[Grants, ...] = (user, app)
        self._client = Client(config.api_url, self._endpoint, user, app, config.timeout)
        self._keys: dict[str, webhook.Key] = {}
        self._few = asyncio.Semaphore(4)
        self._order_locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def _renew_user(self, _: Grant | None) -> Grant:
        return await self._endpoint.user(self._config.refresh_token, self._until)

    async def _renew_app(self, _: Grant | None) -> Grant:
        return await self._endpoint.application()

    @property
    def throttle(self) -> Throttle:
        """Where the limit on calls is kept."""
        return self._client.throttle

    @throttle.setter
    def throttle(self, value: Throttle) -> None:
        self._client.throttle = value

    # --- being let in

    @staticmethod
    def authorise_url(settings: Mapping[str, Any], redirect_uri: str, state: str, challenge: str) -> str:
        """eBay's page for the owner. It sends on to the address that the RuName stands for; eBay knows no PKCE."""
        return oauth.authorise_url(settings, state)

    @staticmethod
    async def redeem(
        settings: Mapping[str, Any], answer: Mapping[str, str], redirect_uri: str, verifier: str
    ) -> dict[str, str]:
        """The refresh token and its end for the owner's yes. Raises NotAuthorised, TryLater."""
        return await oauth.redeem(settings, answer)

    @staticmethod
    def order_page(settings: Mapping[str, Any], external_id: str) -> str:
        """The order in Seller Hub, which sends sellers of other countries to their own."""
        host = urlsplit(str(settings.get("api_url") or oauth.API)).netloc
        site = host.replace("api.", "www.", 1) if host.startswith("api.") else "www.ebay.com"
        return f"https://{site}/mesh/ord/details?orderid={quote(external_id, safe='')}"

    # --- orders

    async def pull(self, since: datetime | None, cursor: str | None) -> Page:
        """The orders of one stretch of time, which begins at ``since``; without one, those changed in the last 90 days."""
        now = clock.now()
        place = WALK.resume(cursor) if cursor else WALK.begin(since, now)
        size = self._config.page_size
        found = await self._list(**_stretch(place, size))
        after = WALK.following(place, found.total, size, _dates(found.orders), now)
        page = await self._page(found.orders) if WALK.fits(place, found.total, size) else Page(())
        return msgspec.structs.replace(page, next=msgspec.json.encode(after).decode() if after else None)

    async def pull_ids(self, external_ids: Sequence[str]) -> Page:
        """These orders as they stand now, 50 in a call; ones that eBay does not know, or ships itself, are missing."""
        items: list[Raw] = []
        rejected: list[Rejected] = []
        usable = [one for one in dict.fromkeys(external_ids) if one and not _SILLY_IDS & set(one)]
        for start in range(0, len(usable), _CHUNK):
            page = await self._page(await self._by_id(usable[start : start + _CHUNK]))
            items += page.items
            rejected += page.rejected
        return Page(tuple(items), None, tuple(rejected))

    async def _list(self, **params: str) -> mapping.OrderPage:
        answer = await self._client.get("order", **params)
        return payload.decode(answer.body, mapping.OrderPage, "eBay's list of orders")

    async def _by_id(self, ids: Sequence[str]) -> tuple[msgspec.Raw, ...]:
        try:
            return (await self._list(orderIds=",".join(ids))).orders
        except Refused as error:
            if len(ids) == 1 and error.code in _GONE:
                return ()
            if len(ids) == 1:
                raise
        # One id that eBay does not know may spoil the question for all of them.
        found: list[msgspec.Raw] = []
        for one in ids:
            found += await self._by_id([one])
        return tuple(found)

    async def _page(self, orders: Sequence[msgspec.Raw]) -> Page:
        waiting, rejected = [], []
        for order in orders:
            try:
                head = payload.decode(order, mapping.Head, "an entry in eBay's list of orders")
            except Unreadable as error:
                rejected.append(Rejected(Raw(_loose_id(order), bytes(order)), error.message, error.field))
                continue
            if not head.by_ebay:
                waiting.append(self._envelope(head, order))
        return Page(tuple(await asyncio.gather(*waiting)), None, tuple(rejected))

    async def _envelope(self, head: mapping.Head, order: msgspec.Raw) -> Raw:
        fulfillments = msgspec.Raw(b"[]")
        if head.asked_to_cancel:
            with contextlib.suppress(Unreadable):  # ``read`` reports what is wrong with the list's own
                order = msgspec.Raw(await self._object(f"order/{_quoted(head.order_id)}"))
        if head.in_part:
            answer = await self._object(f"order/{_quoted(head.order_id)}/shipping_fulfillment")
            parts = payload.decode(answer, dict[str, msgspec.Raw], f"the parcels of eBay order {head.order_id}")
            fulfillments = parts.get("fulfillments", fulfillments)
        return Raw(head.order_id, msgspec.json.encode({"order": order, "fulfillments": fulfillments}))

    async def _object(self, path: str) -> bytes:
        async with self._few:
            answer = await self._client.get(path)
        payload.decode(answer.body, dict[str, msgspec.Raw], f"eBay's answer to {path}")
        return answer.body

    def read(self, raw: Raw) -> ChannelOrder:
        """What the envelope says; raises Unreadable with the path of the field that is wrong."""
        return mapping.read(raw)

    # --- calls of eBay's

    async def learn(self, headers: Mapping[str, str]) -> None:
        """The key that the call names is known, if eBay has it. Raises Refused for a call that names none, TryLater."""
        key_id = webhook.key_id(headers)
        if key_id in self._keys:
            return
        try:
            answer = await self._client.public_key(key_id)
        except Refused:
            return  # eBay has no such key: ``verify_hook`` turns the call away
        while len(self._keys) >= _MOST_KEYS:
            del self._keys[next(iter(self._keys))]
        self._keys[key_id] = webhook.key(answer.body)

    def verify_hook(self, headers: Mapping[str, str], body: bytes) -> Hook:
        """The orders that a genuine call is about, to be read again. ``learn`` has to be asked before."""
        return webhook.hook(headers, body, self._keys)

    def prove(self, query: Mapping[str, str]) -> dict[str, str]:
        """What eBay wants to hear before it calls our address. Raises Misconfigured, Refused."""
        return webhook.proof(query, self._config.verification_token, self._config.webhook_url)

    # --- parcels

    async def push_tracking(self, parcel: Parcel) -> str:
        """The order has a fulfillment with this number and these pieces; returns its id.

        eBay has no place for our key. A parcel is known again by its number and pieces, so it is looked up before it is sent,
        and after an answer that was lost.
        """
        body = mapping.shipment(parcel)
        path = f"order/{_quoted(parcel.order_external_id)}/shipping_fulfillment"
        async with self._order_locks.setdefault(parcel.order_external_id, asyncio.Lock()):
            known = await self._find(path, parcel)
            if known is not None:
                return known
            try:
                await self._client.post(path, body)
            except (OutcomeUnknown, Refused):
                # The answer was lost, or somebody was quicker.
                with contextlib.suppress(TryLater, Refused, Unreadable):
                    known = await self._find(path, parcel)
                if known is None:
                    raise
                return known
        return str(body["trackingNumber"])  # which is what eBay makes the fulfillment's id

    async def _find(self, path: str, parcel: Parcel) -> str | None:
        return mapping.reference_of(await self._parcels(path), parcel)

    async def _parcels(self, path: str) -> tuple[mapping.Fulfillment, ...]:
        answer = await self._client.get(path)
        return payload.decode(answer.body, mapping.Parcels, "eBay's list of parcels").fulfillments

    async def read_tracking(self, external_ids: Sequence[str]) -> dict[str, tuple[ChannelParcel, ...]]:
        """The fulfillments by order id, one call for each order. Numbers are as eBay keeps them, letters and digits."""
        ids = list(dict.fromkeys(external_ids))
        found = await asyncio.gather(*map(self._read_back, ids))
        return {one: parcels for one, parcels in zip(ids, found, strict=True) if parcels is not None}

    async def _read_back(self, external_id: str) -> tuple[ChannelParcel, ...] | None:
        try:
            async with self._few:
                found = await self._parcels(f"order/{_quoted(external_id)}/shipping_fulfillment")
        except Refused as error:
            if error.code in _GONE:
                return None
            raise
        return mapping.channel_parcels(found)

    async def finish(self, done: Sequence[str]) -> None:
        """Nothing is left to do: reading changes nothing at eBay."""

    async def check(self) -> str:
        """The seller's orders may be read; says whose they are and how many changed in the last 90 days."""
        found = await self._list(**_stretch(WALK.begin(None, clock.now()), 1))
        seller = ""
        for order in found.orders:
            seller = payload.decode(order, _Sold, "eBay's list of orders").seller_id
        return f"eBay{f' seller {seller}' if seller else ''}, {found.total} orders changed in the last 90 days"

    async def close(self) -> None:
        """The connections are closed."""
        await self._client.close()


class _Sold(msgspec.Struct, rename="camel"):
    seller_id: str = ""


def _stretch(place: Place, size: int) -> dict[str, str]:
    until = mapping.stamp(place.until) if place.until else ""
    changed = f"lastmodifieddate:[{mapping.stamp(place.at)}..{until}]"
    return {"filter": changed, "limit": str(size), "offset": str(place.skip)}


class _Dated(msgspec.Struct, rename="camel"):
    last_modified_date: str = ""


def _dates(orders: Sequence[msgspec.Raw]) -> list[datetime]:
    """When they changed; of those that say it."""
    found = []
    for order in orders:
        with contextlib.suppress(Unreadable):
            said = payload.decode(order, _Dated, "an entry in eBay's list of orders").last_modified_date
            found.append(mapping.moment(said, "lastModifiedDate"))
    return found


def _quoted(external_id: str) -> str:
    return quote(external_id, safe="")


def _loose_id(part: msgspec.Raw) -> str:
    value = msgspec.json.decode(part)
    return str(value.get("orderId", "")) if isinstance(value, dict) else ""
