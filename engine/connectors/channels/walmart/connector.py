"""The Walmart Marketplace channel: orders by modification time, told of line by line."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, ClassVar
from urllib.parse import quote
from weakref import WeakValueDictionary

import msgspec

from engine import clock
from engine.connectors.accounts import address
from engine.connectors.channels.walmart import client as api
from engine.connectors.channels.walmart import mapping, payload, telling
from engine.connectors.channels.walmart.client import Client
from engine.connectors.payload import decode
from engine.errors import Invalid, NotAuthorised, Refused, TryLater, Unreadable
from engine.ports import ChannelOrder, ChannelParcel, Page, Parcel, Raw, Rejected
from engine.ports_channels import ListedItem, ListedPage
from engine.transports.grants import Grants
from engine.transports.throttle import Bucket, Throttle

_SECOND = timedelta(seconds=1)
_KEPT = timedelta(days=180)  # older orders Walmart no longer shows
_SLICE = timedelta(days=7)
_LEAST = timedelta(minutes=1)
_MOST = 10_000  # orders that one search may find
_ORDERS = "/v3/orders"


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """The key pair is that of the seller's account. ``timeout`` is in seconds; ``url`` is another one for the sandbox."""

    client_id: Annotated[str, msgspec.Meta(min_length=1)]
    client_secret: Annotated[str, msgspec.Meta(min_length=1)]
    page_size: Annotated[int, msgspec.Meta(ge=1, le=200)] = 200
    timeout: Annotated[float, msgspec.Meta(gt=0, le=300)] = 30.0
    url: str = "https://marketplace.walmartapis.com"


class _Cursor(msgspec.Struct, omit_defaults=True):
    """Where a walk stands: in the orders changed from ``start`` on, up to ``end`` where there are too many for one search.

    ``next`` is Walmart's own cursor, ``total`` how many orders the search had. That cursor counts places. Orders come the
    youngest first, so those placed meanwhile push the others down, and some come twice. But an order that is changed leaves
    a search that has an end, moves the others up, and one slips through. The total tells: where it shrank, the search begins
    again. What left is in a later one.
    """

    start: datetime
    end: datetime | None = None
    next: str = ""
    total: int = 0


class _Detail(msgspec.Struct):
    is_valid: bool = True
    scopes: dict[str, str] = {}


class _Item(msgspec.Struct, rename="camel"):
    sku: str
    product_name: str = ""
    wpid: str = ""
    upc: str | None = None
    gtin: str | None = None
    published_status: str | None = None


class _Items(msgspec.Struct):
    ItemResponse: list[_Item] = []
    nextCursor: str | None = None  # noqa: N815  as on the wire


class Connector:
    """A seller's account at Walmart Marketplace; see README.md beside this file."""

    slug: ClassVar[str] = "walmart"
    name: ClassVar[str] = "Walmart Marketplace"
    docs_url: ClassVar[str] = "https://developer.walmart.com/us-marketplace/docs"
    config_type: ClassVar[type[msgspec.Struct]] = Config
    secret_fields: ClassVar[frozenset[str]] = frozenset({"client_secret"})
    scopes: ClassVar[tuple[str, ...]] = ("Orders: full access", "Items: view only")

    @staticmethod
    def same_account(one: Config, other: Config) -> bool:
        """Is it the same seller's key?"""
        return one.client_id == other.client_id and address(one.url) == address(other.url)

    def __init__(self, config: Any) -> None:
        """``config`` is a ``Config``. Raises Misconfigured when its url is none."""
        self._config: Config = config
        self._client = Client(config.url, config.client_id, config.client_secret, config.timeout)
        self._few = asyncio.Semaphore(8)
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @property
    def grants(self) -> tuple[Grants, ...]:
        """Its tokens."""
        return (self._client.grants,)

    @property
    def throttle(self) -> Throttle:
        """Where its rate limits are counted."""
        return self._client.throttle

    @throttle.setter
    def throttle(self, shared: Throttle) -> None:
        self._client.throttle = shared

    # --- reading ------------------------------------------------------------------------------------------------------

    async def pull(self, since: datetime | None, cursor: str | None) -> Page:
        """One page of orders changed at or after ``since`` (whole seconds), of the last 180 days."""
        place = _read_cursor(cursor) if cursor else _begin(since)
        place, listed = await self._fitting(place)
        items: list[Raw] = []
        rejected: list[Rejected] = []
        for part in listed.elements.order:
            try:
                items.append(Raw(external_id=payload.order_id(part), body=bytes(part)))
            except Unreadable as error:
                rejected.append(Rejected(Raw(external_id="", body=bytes(part)), error.message, error.field))
        after = _following(place, listed.meta.next_cursor or "", listed.meta.total_count)
        text = msgspec.json.encode(after).decode() if after else None
        return Page(items=tuple(items), rejected=tuple(rejected), next=text)

    async def _fitting(self, place: _Cursor) -> tuple[_Cursor, payload.Listed]:
        """What is found; where that is more than one search may find, less of the time is searched."""
        while True:
            span = (place.end or clock.now()) - place.start
            try:
                listed = await self._search(place)
            except Refused:
                # How a search for too many orders is refused is said nowhere.
                if place.next or span <= _SLICE:
                    raise
                place = msgspec.structs.replace(place, end=place.start + _SLICE)
                continue
            if place.next or listed.meta.total_count <= _MOST or span <= _LEAST:
                return place, listed
            place = msgspec.structs.replace(place, end=(place.start + span / 2).replace(microsecond=0))

    async def _search(self, place: _Cursor) -> payload.Listed:
        try:
            if place.next:
                answer = await self._client.follow(_ORDERS, place.next, api.LIST)
            else:
                answer = await self._client.get(_ORDERS, api.LIST, self._window(place))
        except Refused as error:
            if api.not_found(error):
                return payload.NOTHING
            raise
        return payload.listing(answer.body)

    def _window(self, place: _Cursor) -> dict[str, str]:
        # Without dates of creation Walmart looks at the orders of the last seven days, whenever they were changed.
        window = {
            "createdStartDate": _utc(_oldest()),
            "lastModifiedStartDate": _utc(place.start),
            "limit": str(self._config.page_size),
            "shipNodeType": "SellerFulfilled",
        }
        return window | {"lastModifiedEndDate": _utc(place.end)} if place.end else window

    async def pull_ids(self, external_ids: Sequence[str]) -> Page:
        """These orders as they stand now, a request each. Those that Walmart no longer shows are missing."""
        found = await asyncio.gather(*(self._raw(external_id) for external_id in dict.fromkeys(external_ids)))
        return Page(items=tuple(raw for raw in found if raw is not None))

    async def _raw(self, external_id: str) -> Raw | None:
        async with self._few:
            try:
                answer = await self._client.get(_path(external_id), api.ONE)
            except Refused as error:
                if api.not_found(error):
                    return None
                raise
        return Raw(external_id=external_id, body=payload.unwrapped(answer.body, f"Walmart order {external_id}"))

    async def _order(self, external_id: str) -> payload.Order:
        raw = await self._raw(external_id)
        if raw is None:
            raise Refused(f"Walmart does not know the order {external_id}", code="404")
        return payload.order_of(raw.body, f"Walmart order {external_id}")

    def read(self, raw: Raw) -> ChannelOrder:
        """What the payload says. Pure. Raises Unreadable with the field that is wrong."""
        return mapping.read(raw)

    # --- telling ------------------------------------------------------------------------------------------------------

    async def acknowledge(self, external_id: str) -> None:
        """Walmart knows that we work on the order, all of it; where it knew, nothing is sent."""
        async with self._alone(external_id):
            await self._acknowledge(await self._order(external_id))

    async def _acknowledge(self, order: payload.Order) -> payload.Order:
        if not any(line.pieces("Created") for line in order.lines):
            return order
        path = f"{_path(order.purchase_order_id)}/acknowledge"
        return await self._told(path, api.ACKNOWLEDGE, order)

    async def push_tracking(self, parcel: Parcel) -> str:
        """The parcel's pieces are Shipped under its number, and charged once; returns a reference to its first line.

        What Walmart has already is looked up first, so a repeated push, also after a lost answer, charges nobody twice. An
        order that was not acknowledged is acknowledged before. Raises Refused where fewer pieces are open there, and for a
        parcel without a whole piece (NO_WHOLE_PIECE): Walmart has no place for it.
        """
        if not parcel.lines or not parcel.tracking_number:
            what = "no whole piece" if parcel.tracking_number else "no tracking number"
            raise Refused(
                f"Walmart order {parcel.order_external_id}: the parcel has {what}, and Walmart is told of whole pieces under a"
                " number",
                code="NO_WHOLE_PIECE",
            )
        async with self._alone(parcel.order_external_id):
            order = await self._order(parcel.order_external_id)
            if wanted := telling.here(order, parcel):
                body = telling.shipment(order, parcel, wanted)
                order = await self._acknowledge(order)
                path = f"{_path(parcel.order_external_id)}/shipping"
                after = await self._told(path, api.SHIP, order, body)
                if missing := telling.missing(after, parcel, wanted):
                    raise TryLater(
                        f"Walmart took parcel {parcel.tracking_number} of order {parcel.order_external_id} and does not show it"
                        f" on line {', '.join(missing)} yet",
                        60.0,
                    )
        return f"{parcel.lines[0][0]}:{parcel.tracking_number}"

    async def _told(
        self, path: str, bucket: Bucket, order: payload.Order, body: dict[str, Any] | None = None
    ) -> payload.Order:
        subject = f"Walmart order {order.purchase_order_id}"
        answer = await self._client.post(path, bucket, body)
        return payload.order_of(payload.unwrapped(answer.body, subject), subject)

    async def read_tracking(self, external_ids: Sequence[str]) -> dict[str, tuple[ChannelParcel, ...]]:
        """The tracking numbers of what is Shipped or Delivered, by order id."""
        page = await self.pull_ids(external_ids)
        orders = [payload.order_of(raw.body, f"Walmart order {raw.external_id}") for raw in page.items]
        return {order.purchase_order_id: telling.parcels(order) for order in orders}

    async def cancel_order(self, external_id: str, lines: Sequence[tuple[str, int]], reason: str) -> None:
        """So many of the open pieces of these lines are canceled at Walmart; no lines: all of them.

        ``reason`` is looked through for the words fraud, address and price; otherwise Walmart is told that stock ran out.
        """
        async with self._alone(external_id):
            order = await self._order(external_id)
            if wanted := telling.canceling(order, lines):
                body = telling.cancellation(order, wanted, reason)
                await self._told(f"{_path(external_id)}/cancel", api.CANCEL, order, body)

    def _alone(self, external_id: str) -> asyncio.Lock:
        return self._locks.setdefault(external_id, asyncio.Lock())

    # --- the rest -----------------------------------------------------------------------------------------------------

    async def listed(self, cursor: str | None) -> ListedPage:
        """One page of the seller's items."""
        try:
            params = {"limit": "200", "nextCursor": cursor or "*"}
            answer = await self._client.get("/v3/items", api.ITEMS, params)
        except Refused as error:
            if api.not_found(error):
                return ListedPage(())
            raise
        said: _Items = decode(answer.body, _Items, "Walmart's list of items")
        items = tuple(
            ListedItem(
                external_id=item.wpid or item.sku,
                sku=item.sku,
                title=item.product_name,
                barcode=item.upc or item.gtin or "",
                active=item.published_status == "PUBLISHED",
            )
            for item in said.ItemResponse
        )
        return ListedPage(items, said.nextCursor if items else None)

    async def finish(self, done: Sequence[str]) -> None:
        """Nothing to do: reading an order changes nothing at Walmart."""

    async def check(self) -> str:
        """The key pair is taken and may work on orders."""
        answer = await self._client.get("/v3/token/detail", api.DETAIL)
        said: _Detail = decode(answer.body, _Detail, "Walmart's token detail")
        may = said.scopes.get("orders", "full_access")
        if not said.is_valid or may != "full_access":
            raise NotAuthorised(f"Walmart: this key pair may not work on orders ({may.replace('_', ' ')}){api.ADVICE}")
        listed = await self._search(_Cursor(clock.now() - _SLICE))
        return (
            f"Walmart Marketplace at {self._client.host}, {listed.meta.total_count} orders changed in the last 7 days"
        )

    async def close(self) -> None:
        """Connections are closed."""
        await self._client.close()


def _oldest() -> datetime:
    return clock.now().replace(microsecond=0) - _KEPT + timedelta(hours=1)


def _begin(since: datetime | None) -> _Cursor:
    return _Cursor(max(since.replace(microsecond=0), _oldest()) if since is not None else _oldest())


def _following(place: _Cursor, after: str, total: int) -> _Cursor | None:
    if place.next and total < place.total:
        return msgspec.structs.replace(place, next="", total=0)  # something slid: see _Cursor
    if after:
        return msgspec.structs.replace(place, next=after, total=total)
    if place.end is None:
        return None
    # Whether the end of a search belongs to it is not said, so the next one begins before.
    later = place.end + (place.end - place.start)
    return _Cursor(place.end - _SECOND, later if later < clock.now() else None)


def _read_cursor(text: str) -> _Cursor:
    try:
        return msgspec.json.decode(text, type=_Cursor)
    except msgspec.DecodeError as error:
        raise Invalid(f"this is no cursor of the Walmart connector: {text!r}", field="cursor") from error


def _utc(when: datetime) -> str:
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


def _path(external_id: str) -> str:
    return f"{_ORDERS}/{quote(external_id, safe='')}"
