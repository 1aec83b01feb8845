"""The Etsy channel: receipts by the time of their last change, tracking told once for each parcel."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, ClassVar
from urllib.parse import quote
from weakref import WeakValueDictionary

import msgspec

from engine import clock
from engine.connectors import payload
from engine.connectors.accounts import address
from engine.connectors.by_time import Place, Walk
from engine.connectors.channels.etsy import mapping, oauth, webhook
from engine.connectors.channels.etsy.client import Client
from engine.errors import BluebookError, Invalid, NotAuthorised, OutcomeUnknown, Refused, TryLater, Unreadable
from engine.ports import ChannelOrder, ChannelParcel, Hook, Page, Parcel, Raw, Rejected
from engine.ports_channels import ListedPage
from engine.transports.grants import Grant, Grants
from engine.transports.throttle import Throttle

WALK = Walk("Etsy", timedelta(seconds=1), timedelta(days=90))
SWEPT = timedelta(days=30)
"""How old orders may be of which every poll looks whether they were canceled; open ones that are older are read again anyway."""
FEW = 4  # receipts that are asked for one by one
_MOST = 100  # that a page has
_STATES = ("active", "sold_out", "inactive", "expired")


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """``keystring`` and ``shared_secret`` are the app's; ``refresh_token`` and ``shop_id`` come from letting Bluebook in.

    ``webhook_secret`` is that of the app's webhook endpoint, where it has one. ``timeout`` is in seconds.
    """

    keystring: Annotated[str, msgspec.Meta(min_length=1)]
    shared_secret: Annotated[str, msgspec.Meta(min_length=1)]
    refresh_token: Annotated[str, msgspec.Meta(min_length=1)]
    shop_id: Annotated[int, msgspec.Meta(ge=1)]
    page_size: Annotated[int, msgspec.Meta(ge=1, le=_MOST)] = _MOST
    timeout: Annotated[float, msgspec.Meta(gt=0, le=300)] = 30.0
    webhook_secret: str = ""
    api_url: str = oauth.API


class _Cursor(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A walk by time first; after it, without ``place``, a look at what was canceled of all placed since ``placed``."""

    place: Place | None = None
    placed: int = 0
    skip: int = 0


class _Me(msgspec.Struct):
    user_id: int
    shop_id: int | None = None


class _Shop(msgspec.Struct):
    shop_name: str
    currency_code: str = ""


class Connector:
    """A shop at Etsy as a channel; see README.md beside this file."""

    slug: ClassVar[str] = "etsy"
    name: ClassVar[str] = "Etsy"
    docs_url: ClassVar[str] = "https://developers.etsy.com/documentation/reference"
    config_type: ClassVar[type[msgspec.Struct]] = Config
    secret_fields: ClassVar[frozenset[str]] = frozenset({"shared_secret", "refresh_token", "webhook_secret"})
    scopes: ClassVar[tuple[str, ...]] = oauth.SCOPES
    authorise_needs: ClassVar[tuple[str, ...]] = ("keystring", "shared_secret")
    authorise_gives: ClassVar[tuple[str, ...]] = ("refresh_token", "shop_id")
    tells_whole_orders: ClassVar[bool] = True

    @staticmethod
    def same_account(one: Config, other: Config) -> bool:
        """Is it the same shop?"""
        return one.shop_id == other.shop_id and address(one.api_url) == address(other.api_url)

    def __init__(self, config: Any) -> None:
        """``config`` is a ``Config``. Raises Misconfigured for an address that is none."""
        self._config: Config = config
        self._endpoint = oauth.TokenEndpoint(
            config.api_url, config.keystring, config.shared_secret, config.timeout
        )  # fmt: skip
        self.grants: tuple[Grants, ...] = (Grants(self._renew),)
        self._client = Client(
            config.api_url, config.keystring, config.shared_secret, self.grants[0], config.timeout
        )  # fmt: skip
        self._shop = f"shops/{config.shop_id}"
        self._few = asyncio.Semaphore(4)
        self._order_locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def _renew(self, kept: Grant | None) -> Grant:
        # The one that came last is good; that of the settings only until it is first used.
        if kept is not None and kept.refresh_token:
            try:
                return await self._endpoint.renew(kept.refresh_token)
            except oauth.Stale:
                if kept.refresh_token == self._config.refresh_token:
                    raise
        return await self._endpoint.renew(self._config.refresh_token)

    @property
    def throttle(self) -> Throttle:
        """Where the limits on calls are kept."""
        return self._client.throttle

    @throttle.setter
    def throttle(self, value: Throttle) -> None:
        self._client.throttle = value

    # --- being let in

    @staticmethod
    def authorise_url(settings: Mapping[str, Any], redirect_uri: str, state: str, challenge: str) -> str:
        """Etsy's page for the owner, which sends back to ``redirect_uri``."""
        return oauth.authorise_url(settings, redirect_uri, state, challenge)

    @staticmethod
    async def redeem(
        settings: Mapping[str, Any], answer: Mapping[str, str], redirect_uri: str, verifier: str
    ) -> dict[str, str]:
        """The refresh token and the shop for the owner's yes. Raises NotAuthorised, TryLater."""
        if not answer.get("code"):
            why = answer.get("error_description") or answer.get("error") or "there was no code in its answer"
            raise NotAuthorised(f"Etsy did not let Bluebook in: {why}")
        api, timeout = str(settings.get("api_url") or oauth.API), float(settings.get("timeout") or 30)
        keystring, secret = str(settings["keystring"]), str(settings["shared_secret"])
        endpoint = oauth.TokenEndpoint(api, keystring, secret, timeout)
        client: Client | None = None
        try:
            grant = await endpoint.redeem(answer["code"], redirect_uri, verifier)

            async def given(_: Grant | None) -> Grant:
                return grant

            client = Client(api, keystring, secret, Grants(given), timeout)
            me = payload.decode((await client.get("users/me")).body, _Me, "Etsy's answer about the user")
        finally:
            await endpoint.close()
            if client is not None:
                await client.close()
        if not me.shop_id:
            raise NotAuthorised("this user of Etsy has no shop; let Bluebook in as the owner of one")
        return {"refresh_token": grant.refresh_token, "shop_id": str(me.shop_id)}

    @staticmethod
    def order_page(settings: Mapping[str, Any], external_id: str) -> str:
        """The order in the shop manager."""
        return f"https://www.etsy.com/your/orders/sold?order_id={quote(external_id, safe='')}"

    # --- orders

    async def pull(self, since: datetime | None, cursor: str | None) -> Page:
        """One page of receipts changed at or after ``since`` (by default 90 days ago), then those canceled, however told."""
        now = clock.now()
        here = _resume(cursor) if cursor else _Cursor(WALK.begin(since, now), _seconds((since or now) - SWEPT))
        if here.place is None:
            return await self._swept(here)
        size = self._config.page_size
        found = await self._list(**_stretch(here.place), limit=str(size))
        dates = [when for when in map(_changed, found.results) if when is not None]
        place = WALK.following(here.place, found.count, size, dates, now)
        page = _page(found.results if WALK.fits(here.place, found.count, size) else ())
        return msgspec.structs.replace(page, next=_text(_Cursor(place, here.placed)))

    async def _swept(self, here: _Cursor) -> Page:
        # A cancellation changes no time of change. Canceled receipts only become more, and stand by when they were placed.
        size = self._config.page_size
        found = await self._list(
            was_canceled="true", min_created=str(here.placed), sort_on="created", sort_order="asc", limit=str(size),
            offset=str(here.skip),
        )  # fmt: skip
        after = _Cursor(None, here.placed, here.skip + size) if here.skip + size < found.count else None
        return msgspec.structs.replace(_page(found.results), next=_text(after) if after else None)

    async def _list(self, **params: str) -> mapping.ListPage:
        answer = await self._client.get(f"{self._shop}/receipts", **params)
        return payload.decode(answer.body, mapping.ListPage, "Etsy's list of receipts")

    async def pull_ids(self, external_ids: Sequence[str]) -> Page:
        """These receipts as they stand now. Open ones are looked up in the list of those, the others one by one."""
        lists = {"was_shipped": "false", "sort_on": "receipt_id", "sort_order": "asc"}
        return _page(await self._fetch(external_ids, lists))

    async def _fetch(self, external_ids: Sequence[str], lists: Mapping[str, str]) -> tuple[msgspec.Raw, ...]:
        wanted = dict.fromkeys(one for one in external_ids if one.isascii() and one.isdecimal() and int(one))
        found: dict[str, msgspec.Raw] = {}
        for page in range(len(wanted) // FEW if len(wanted) > FEW else 0):
            listed = await self._list(**lists, limit=str(_MOST), offset=str(page * _MOST))
            for one in listed.results:
                with contextlib.suppress(Unreadable):
                    receipt = str(payload.decode(one, mapping.Head, "an entry in Etsy's list of receipts").receipt_id)
                    if receipt in wanted:
                        found[receipt] = one
            if len(found) == len(wanted) or (page + 1) * _MOST >= listed.count:
                break
        missing = [one for one in wanted if one not in found]
        alone = await asyncio.gather(*map(self._one, missing))
        found |= {one: body for one, body in zip(missing, alone, strict=True) if body is not None}
        return tuple(found[one] for one in wanted if one in found)

    async def _one(self, external_id: str) -> msgspec.Raw | None:
        try:
            async with self._few:
                answer = await self._client.get(f"{self._shop}/receipts/{external_id}")
        except Refused as error:
            if error.code == "404":
                return None
            raise
        payload.decode(answer.body, dict[str, msgspec.Raw], f"Etsy's receipt {external_id}")
        return msgspec.Raw(answer.body)

    def read(self, raw: Raw) -> ChannelOrder:
        """What the receipt says; raises Unreadable with the path of the field that is wrong."""
        return mapping.read(raw)

    def verify_hook(self, headers: Mapping[str, str], body: bytes) -> Hook:
        """The receipt that a genuine webhook is about, to be read again."""
        return webhook.hook(headers, body, self._config.webhook_secret, self._config.shop_id)

    # --- parcels

    async def push_tracking(self, parcel: Parcel) -> str:
        """The receipt has a shipment with this number, and the buyer one mail about it; returns Etsy's id of it.

        Every call mails the buyer, so the receipt is looked at before it is told, and after an answer that was lost.
        """
        body = mapping.tracking(parcel)
        async with self._order_locks.setdefault(parcel.order_external_id, asyncio.Lock()):
            receipt = await self._parcels(parcel.order_external_id)
            known = mapping.reference_of(receipt.shipments, parcel)
            if known is not None:
                return known
            if receipt.status.casefold() == "canceled":
                raise Refused(
                    f"Etsy: order {parcel.order_external_id} is canceled there, so its buyer is not told of parcel "
                    f"{parcel.tracking_number}",
                    code="CANCELED",
                )
            try:
                answer = await self._client.post(f"{self._shop}/receipts/{receipt.receipt_id}/tracking", body)
                receipt = payload.decode(answer.body, mapping.Parcels, "Etsy's answer to a shipment")
            except (OutcomeUnknown, Refused, Unreadable) as error:
                return await self._after(error, parcel)
        return mapping.reference_of(receipt.shipments, parcel) or parcel.tracking_number

    async def _after(self, error: BluebookError, parcel: Parcel) -> str:
        """The parcel's reference where Etsy has it after all; raises the error, or that nobody knows, where it does not."""
        found: mapping.Parcels | None = None
        with contextlib.suppress(TryLater, Refused, Unreadable):
            found = await self._parcels(parcel.order_external_id)
        known = mapping.reference_of(found.shipments, parcel) if found is not None else None
        if known is not None:
            return known
        if isinstance(error, Unreadable):  # the answer to what was done
            raise OutcomeUnknown(error.message) from error
        raise error

    async def _parcels(self, external_id: str) -> mapping.Parcels:
        found = await self._one(external_id) if external_id.isascii() and external_id.isdecimal() else None
        if found is None:
            raise Refused(f"Etsy has no order {external_id} in this shop", code="404")
        return payload.decode(found, mapping.Parcels, f"Etsy's receipt {external_id}")

    async def read_tracking(self, external_ids: Sequence[str]) -> dict[str, tuple[ChannelParcel, ...]]:
        """The shipments by order id. They have no reference: one with the number is the parcel, whichever line it is for."""
        lists = {"was_shipped": "true", "sort_on": "updated", "sort_order": "desc"}
        found = {}
        for one in await self._fetch(external_ids, lists):
            receipt = payload.decode(one, mapping.Parcels, "a receipt of Etsy's")
            found[str(receipt.receipt_id)] = tuple(
                ChannelParcel(shipment.tracking_code) for shipment in receipt.shipments if shipment.tracking_code
            )
        return found

    # --- what is offered

    async def listed(self, cursor: str | None) -> ListedPage:
        """One page of listings with the SKUs of their products: those on sale first, then what was sold out or taken off."""
        name, _, skip = (cursor or f"{_STATES[0]}:0").partition(":")
        if name not in _STATES or not skip.isdecimal():
            raise Invalid(f"Etsy: {cursor!r} is not a cursor of this connector", "cursor")
        answer = await self._client.get(
            f"{self._shop}/listings", state=name, includes="Inventory", limit=str(_MOST), offset=skip
        )
        page = payload.decode(answer.body, mapping.ListPage, "Etsy's list of listings")
        items = tuple(item for raw in page.results for item in mapping.listed(raw))
        if int(skip) + _MOST < page.count:
            return ListedPage(items, f"{name}:{int(skip) + _MOST}")
        after = _STATES[_STATES.index(name) + 1 :]
        return ListedPage(items, f"{after[0]}:0" if after else None)

    async def finish(self, done: Sequence[str]) -> None:
        """Nothing is left to do: reading changes nothing at Etsy."""

    async def check(self) -> str:
        """The shop's receipts may be read; says which shop it is, in which currency, and how many receipts it has."""
        shop = payload.decode((await self._client.get(self._shop)).body, _Shop, "Etsy's answer about the shop")
        found = await self._list(limit="1")
        return f"{shop.shop_name} at Etsy ({shop.currency_code}), {found.count} orders"

    async def close(self) -> None:
        """The connections are closed."""
        await self._client.close()
        await self._endpoint.close()


def _resume(cursor: str) -> _Cursor:
    try:
        return msgspec.json.decode(cursor, type=_Cursor)
    except msgspec.DecodeError as error:
        raise Invalid(f"Etsy: {cursor!r} is not a cursor of this connector", "cursor") from error


def _text(cursor: _Cursor) -> str:
    return msgspec.json.encode(cursor).decode()


def _seconds(when: datetime) -> int:
    return max(int(when.timestamp()), 946_684_800)  # the earliest Etsy takes


def _stretch(place: Place) -> dict[str, str]:
    until = {"max_last_modified": str(_seconds(place.until))} if place.until else {}
    changed = {"min_last_modified": str(_seconds(place.at)), **until}
    return {**changed, "sort_on": "updated", "sort_order": "asc", "offset": str(place.skip)}


class _Dated(msgspec.Struct):
    updated_timestamp: int


def _changed(receipt: msgspec.Raw) -> datetime | None:
    try:
        seconds = payload.decode(receipt, _Dated, "an entry in Etsy's list of receipts").updated_timestamp
        return datetime.fromtimestamp(seconds, UTC)
    except (Unreadable, ValueError, OverflowError, OSError):
        return None


def _page(receipts: Sequence[msgspec.Raw]) -> Page:
    items, rejected = [], []
    for one in receipts:
        try:
            head = payload.decode(one, mapping.Head, "an entry in Etsy's list of receipts")
        except Unreadable as error:
            rejected.append(Rejected(Raw(_loose_id(one), bytes(one)), error.message, error.field))
            continue
        if not head.digital:
            items.append(Raw(str(head.receipt_id), bytes(one)))
    return Page(tuple(items), None, tuple(rejected))


def _loose_id(part: msgspec.Raw) -> str:
    value = msgspec.json.decode(part)
    return str(value.get("receipt_id", "")) if isinstance(value, dict) else ""
