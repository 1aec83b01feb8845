"""The WooCommerce channel: orders by modification time, tracking as the Shipment Tracking extension keeps it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, ClassVar
from urllib.parse import quote

import msgspec

from engine.connectors.accounts import address
from engine.connectors.channels.woocommerce import mapping, products, webhook
from engine.connectors.channels.woocommerce.client import Client, header_number
from engine.connectors.channels.woocommerce.tracking import Pusher
from engine.connectors.payload import unreadable
from engine.errors import BluebookError, Invalid, NotAuthorised, Refused, Unreadable
from engine.ports import ChannelOrder, ChannelParcel, Hook, Page, Parcel, Raw, Rejected
from engine.ports_channels import ListedItem, ListedPage
from engine.transports.http import Answer

_SECOND = timedelta(seconds=1)
_CHUNK = 100  # the most that per_page and include take


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """``url`` is the store's home address; the key pair needs Read/Write permission. ``timeout`` is in seconds.

    ``webhook_secret`` is the Secret of the store's webhooks; without one no webhook is believed.
    """

    url: Annotated[str, msgspec.Meta(description="the store's home address, such as https://shop.example.com")]
    consumer_key: Annotated[
        str,
        msgspec.Meta(
            min_length=1, description="of a REST API key with Read/Write, in WooCommerce > Settings > Advanced"
        ),
    ]
    consumer_secret: Annotated[str, msgspec.Meta(min_length=1, description="the same key's secret")]
    page_size: Annotated[int, msgspec.Meta(ge=1, le=100)] = 100
    timeout: Annotated[float, msgspec.Meta(gt=0, le=300)] = 30.0
    customer_note: bool = True
    webhook_secret: Annotated[str, msgspec.Meta(description="only for webhooks: the Secret they were made with")] = ""


class _Cursor(msgspec.Struct, omit_defaults=True):
    """Where a walk stands: at second ``at``; with ``page``, inside that second, which had ``total`` orders.

    Page numbers over a list sorted by modification time lose orders: whatever changes during the walk moves to the end,
    and the rest slides forward over the page boundary. So every step starts anew at the last second seen, inclusive
    (the boundary comes twice, which is fine). Only where one second fills a whole page (a bulk edit) are numbers used:
    bounded to that second, by id, since ties have no order of their own. A past second only shrinks; when its total
    changed between two pages, something slid, and the second is read again from its first page. What changes in the
    second that is still running is left to the caller's overlap.
    """

    at: datetime
    page: int = 0
    total: int | None = None


class Connector:
    """A WooCommerce store as a channel; see README.md beside this file."""

    slug: ClassVar[str] = "woocommerce"
    name: ClassVar[str] = "WooCommerce"
    docs_url: ClassVar[str] = "https://woocommerce.github.io/woocommerce-rest-api-docs/"
    config_type: ClassVar[type[msgspec.Struct]] = Config
    secret_fields: ClassVar[frozenset[str]] = frozenset({"consumer_secret", "webhook_secret"})

    @staticmethod
    def same_account(one: Config, other: Config) -> bool:
        """Is it the same store?"""
        return address(one.url) == address(other.url)

    def __init__(self, config: Any) -> None:
        """``config`` is a ``Config``. Raises Misconfigured when its url is none."""
        self._config: Config = config
        self._client = Client(config.url, config.consumer_key, config.consumer_secret, config.timeout)
        self._pusher = Pusher(self._client, config.customer_note)
        self._few = asyncio.Semaphore(4)

    @staticmethod
    def order_page(settings: Mapping[str, Any], external_id: str) -> str:
        """The order in wp-admin; a store with order tables of their own (HPOS) sends on from this address to theirs."""
        home = str(settings.get("url", "")).rstrip("/")
        return f"{home}/wp-admin/post.php?post={quote(external_id, safe='')}&action=edit" if home else ""

    async def pull(self, since: datetime | None, cursor: str | None) -> Page:
        """One page of orders changed at or after ``since`` (whole seconds), oldest change first."""
        place = _read_cursor(cursor) if cursor else None
        start = place.at if place else since
        params = {"dates_are_gmt": "true", "order": "asc", "orderby": "modified", "page": "1"}
        params["per_page"] = str(self._config.page_size)
        if start is not None:  # modified_after is exclusive and counts whole seconds
            params["modified_after"] = _gmt(start - _SECOND)
        if place and place.page:
            params |= {"orderby": "id", "page": str(place.page), "modified_before": _gmt(place.at + _SECOND)}
        answer = await self._client.get("orders", **params)
        items, rejected, latest = await self._envelopes(answer)
        if place and place.page:
            following: _Cursor | None = _inside(place, answer)
        else:
            following = _after(start, latest, answer, len(items) + len(rejected), self._config.page_size)
        return Page(items, msgspec.json.encode(following).decode() if following else None, rejected)

    async def pull_ids(self, external_ids: Sequence[str]) -> Page:
        """These orders as they stand now, in their own order; also those that lie in the trash (they are canceled)."""
        items: list[Raw] = []
        rejected: list[Rejected] = []
        for chunk in _chunks(external_ids):
            found, bad, _ = await self._envelopes(await self._include(chunk))
            missing = set(chunk) - {raw.external_id for raw in found}
            trashed: tuple[Raw, ...] = ()
            if missing:  # the list leaves the trash out unless it is asked for alone
                trashed, more, _ = await self._envelopes(await self._include(sorted(missing), status="trash"))
                bad += more
            items += (*found, *trashed)
            rejected += bad
        return Page(tuple(items), None, tuple(rejected))

    async def _include(self, ids: Sequence[str], **more: str) -> Answer:
        return await self._client.get("orders", include=",".join(ids), orderby="include", per_page=str(_CHUNK), **more)

    async def _envelopes(self, answer: Answer) -> tuple[tuple[Raw, ...], tuple[Rejected, ...], datetime | None]:
        """The orders of a list with their refunds fetched, what is no order, and when the last one changed."""
        waiting, rejected = [], []
        latest: datetime | None = None
        for part in _parts(answer.body):
            try:
                head = msgspec.json.decode(part, type=mapping.Head)
            except msgspec.DecodeError as error:
                problem = unreadable(error, "an entry in WooCommerce's list of orders")
                rejected.append(Rejected(Raw(_loose_id(part), bytes(part)), problem.message, problem.field))
                continue
            waiting.append(self._envelope(head, part))
            with contextlib.suppress(Unreadable):  # the walk goes by the others; ``read`` will say what is wrong
                latest = mapping.utc(head.date_modified_gmt or "", "date_modified_gmt")
        return tuple(await asyncio.gather(*waiting)), tuple(rejected), latest

    async def _envelope(self, head: mapping.Head, order: msgspec.Raw) -> Raw:
        refunds: list[msgspec.Raw] = []
        page = 1
        while head.refunds:
            async with self._few:
                try:
                    answer = await self._client.get(f"orders/{head.id}/refunds", per_page=str(_CHUNK), page=str(page))
                except Refused as error:
                    if error.code != "404":
                        raise
                    break  # deleted since the list was made: ``read`` reports the missing refunds
            refunds += _parts(answer.body)
            if page >= (header_number(answer, "X-WP-TotalPages") or 1):
                break
            page += 1
        return Raw(str(head.id), msgspec.json.encode({"order": order, "refunds": refunds}))

    def read(self, raw: Raw) -> ChannelOrder:
        """What the envelope says; raises Unreadable with the path of the field that is wrong."""
        return mapping.read(raw)

    def verify_hook(self, headers: Mapping[str, str], body: bytes) -> Hook:
        """The order that a genuine webhook is about, to be read again; nothing for the unsigned first ping."""
        return webhook.hook(headers, body, self._config.webhook_secret)

    async def push_tracking(self, parcel: Parcel) -> str:
        """The order has this parcel among its tracking entries; returns the entry's id, which is ``parcel.key``."""
        answer = (await self._pusher.push([parcel]))[parcel.key]
        if isinstance(answer, BluebookError):
            raise answer
        return answer

    async def push_many(self, parcels: Sequence[Parcel]) -> dict[str, str | BluebookError]:
        """As ``push_tracking`` for each parcel, with one list and one batch for up to 100 of them; raises nothing."""
        return await self._pusher.push(parcels)

    async def read_tracking(self, external_ids: Sequence[str]) -> dict[str, tuple[ChannelParcel, ...]]:
        """The tracking entries by order id; entries made by people have a ``key`` that is not one of ours."""
        found: dict[str, tuple[ChannelParcel, ...]] = {}
        for chunk in _chunks(external_ids):
            answer = await self._include(chunk, _fields="id,status,meta_data")
            for order, tracking in mapping.tracked_orders(answer.body).items():
                found[order] = tuple(_parcel(item) for item in tracking.items)
        return found

    async def listed(self, cursor: str | None) -> ListedPage:
        """One page of the store's products by id, each variation for itself; ``cursor`` is the number of the page.

        What is deleted during the walk may hide one product from it until the next.
        """
        page = int(cursor) if cursor and cursor.isdecimal() else 1
        answer = await self._client.get(
            "products", per_page=str(_CHUNK), page=str(page), orderby="id", order="asc", _fields=products.FIELDS
        )
        found = products.read(answer.body)
        whole = await asyncio.gather(*(self._variations(one) for one in found))
        last = page >= (header_number(answer, "X-WP-TotalPages") or (page + 1 if len(found) == _CHUNK else page))
        return ListedPage(tuple(item for items in whole for item in items), None if last else str(page + 1))

    async def _variations(self, product: products.Product) -> list[ListedItem]:
        if not product.variations:
            return products.items(product)
        found: list[ListedItem] = []
        page = 1
        while True:
            async with self._few:
                answer = await self._client.get(
                    f"products/{product.id}/variations", per_page=str(_CHUNK), page=str(page), orderby="id", order="asc"
                )
            found += products.variations(product, answer.body)
            if page >= (header_number(answer, "X-WP-TotalPages") or 1):
                return found
            page += 1

    async def finish(self, done: Sequence[str]) -> None:
        """Nothing is left to do: reading changes nothing at the store."""

    async def check(self) -> str:
        """The key pair may read orders; says which store it is and how many orders it has."""
        total = header_number(await self._client.get("orders", per_page="1", _fields="id"), "X-WP-Total")
        name = ""
        try:
            site = await self._client.site()
            name = str(site.get("name", "")) if isinstance(site, dict) else ""
        except (Refused, NotAuthorised, Unreadable):
            pass  # security plugins hide the site's index; the orders were readable, which is what counts
        count = "" if total is None else f", {total} orders"
        return f"{name or 'WooCommerce'} at {self._client.home}{count}"

    async def close(self) -> None:
        """The connections are closed."""
        await self._client.close()


def _inside(place: _Cursor, answer: Answer) -> _Cursor:
    total = header_number(answer, "X-WP-Total")
    pages = header_number(answer, "X-WP-TotalPages") or 0
    if place.total is not None and place.total != total:
        return _Cursor(place.at, 1)
    if place.page < pages:
        return _Cursor(place.at, place.page + 1, total)
    return _Cursor(place.at + _SECOND)


def _after(start: datetime | None, latest: datetime | None, answer: Answer, count: int, size: int) -> _Cursor | None:
    pages = header_number(answer, "X-WP-TotalPages")
    # Not the length of the page, where it can be helped: a store leaves out orders it fails to load.
    if (pages is not None and pages <= 1) or (pages is None and count < size):
        return None
    if latest is None:
        raise Unreadable("none of the orders on the page says when it was modified", field="date_modified_gmt")
    if start is not None and latest < start.replace(microsecond=0) + _SECOND:
        return _Cursor(start.replace(microsecond=0), 1)
    return _Cursor(latest)


def _read_cursor(text: str) -> _Cursor:
    try:
        return msgspec.json.decode(text, type=_Cursor)
    except msgspec.DecodeError as error:
        raise Invalid(f"this is no cursor of the WooCommerce connector: {text!r}", field="cursor") from error


def _gmt(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _parts(body: bytes) -> list[msgspec.Raw]:
    try:
        return msgspec.json.decode(body, type=list[msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        begin = body[:80].decode("utf-8", "replace")
        raise Unreadable(f"WooCommerce should answer a list and did not ({error}); it begins {begin!r}") from error


def _loose_id(part: msgspec.Raw) -> str:
    value = msgspec.json.decode(part)
    return str(value.get("id", "")) if isinstance(value, dict) else ""


def _chunks(ids: Sequence[str]) -> list[list[str]]:
    unique = list(dict.fromkeys(ids))
    return [unique[i : i + _CHUNK] for i in range(0, len(unique), _CHUNK)]


def _parcel(item: dict[str, Any]) -> ChannelParcel:
    key = str(item.get("tracking_id", ""))
    return ChannelParcel(str(item.get("tracking_number", "")), key or None, key)
