"""The BigCommerce channel: orders with their consignments by id, shipments before the status they bring about."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, ClassVar
from urllib.parse import quote
from weakref import WeakValueDictionary

import msgspec

from engine.connectors.accounts import address
from engine.connectors.channels.bigcommerce import mapping, payload, telling, webhook
from engine.connectors.channels.bigcommerce.client import Client
from engine.connectors.payload import decode
from engine.errors import Invalid, Refused, Unreadable
from engine.ports import ChannelOrder, ChannelParcel, ChannelState, Hook, Page, Parcel, Raw, Rejected
from engine.ports_channels import ListedItem, ListedPage
from engine.transports.throttle import Throttle

_SECOND = timedelta(seconds=1)
_WHOLE = {"include": "consignments.line_items", "consignment_structure": "object"}
_MOST = "250"  # what the API's pages hold at most


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """``store_hash`` and ``access_token`` are those of a store-level API account; ``timeout`` is in seconds.

    ``webhook_secret`` is what the store's webhooks carry in the header X-Bluebook-Secret, ``client_secret`` the account's, by
    which BigCommerce signs them; without either no webhook is believed.
    """

    store_hash: Annotated[
        str,
        msgspec.Meta(
            min_length=1, description="what stands between store- and .mybigcommerce.com in the store's address"
        ),
    ]
    access_token: Annotated[str, msgspec.Meta(min_length=1, description="of a store-level API account")]
    page_size: Annotated[int, msgspec.Meta(ge=1, le=250)] = 100
    timeout: Annotated[float, msgspec.Meta(gt=0, le=300)] = 30.0
    change_status: bool = True
    webhook_secret: str = ""
    client_secret: str = ""
    url: str = "https://api.bigcommerce.com"


class _Count(msgspec.Struct):
    count: int


class _Variant(msgspec.Struct):
    id: int
    sku: str | None = ""
    upc: str | None = ""
    gtin: str | None = ""
    option_values: list[dict[str, Any]] = []


class _Product(msgspec.Struct):
    id: int
    name: str
    sku: str | None = ""
    is_visible: bool = True
    variants: list[_Variant] = []


class _Pagination(msgspec.Struct):
    total_pages: int = 1


class _Meta(msgspec.Struct):
    pagination: _Pagination = msgspec.field(default_factory=_Pagination)


class _Products(msgspec.Struct):
    data: list[_Product]
    meta: _Meta = msgspec.field(default_factory=_Meta)


class Connector:
    """A BigCommerce store as a channel; see README.md beside this file."""

    slug: ClassVar[str] = "bigcommerce"
    name: ClassVar[str] = "BigCommerce"
    docs_url: ClassVar[str] = "https://developer.bigcommerce.com/docs/rest-management/orders"
    config_type: ClassVar[type[msgspec.Struct]] = Config
    secret_fields: ClassVar[frozenset[str]] = frozenset({"access_token", "webhook_secret", "client_secret"})
    scopes: ClassVar[tuple[str, ...]] = ("Orders: modify", "Order fulfillment: modify", "Products: read-only")

    @staticmethod
    def same_account(one: Config, other: Config) -> bool:
        """Is it the same store?"""
        return one.store_hash.lower() == other.store_hash.lower() and address(one.url) == address(other.url)

    def __init__(self, config: Any) -> None:
        """``config`` is a ``Config``. Raises Misconfigured for a wrong url or store hash."""
        self._config: Config = config
        self._client = Client(config.url, config.store_hash, config.access_token, config.timeout)
        self._few = asyncio.Semaphore(4)
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @property
    def throttle(self) -> Throttle:
        """Where the store's quota is counted."""
        return self._client.throttle

    @throttle.setter
    def throttle(self, shared: Throttle) -> None:
        self._client.throttle = shared

    @staticmethod
    def order_page(settings: Mapping[str, Any], external_id: str) -> str:
        """The order in the store's control panel."""
        store = str(settings.get("store_hash", ""))
        return f"https://store-{store}.mybigcommerce.com/manage/orders/{quote(external_id, safe='')}" if store else ""

    # --- reading ------------------------------------------------------------------------------------------------------

    async def pull(self, since: datetime | None, cursor: str | None) -> Page:
        """One page of orders changed at or after ``since`` (whole seconds), by id; ``cursor`` is the id to go on from.

        An order that is changed meanwhile keeps its place, so none slips through. Checkouts that were not completed and orders
        of which nothing is shipped are left out.
        """
        if cursor is not None and not cursor.isdecimal():
            raise Invalid(f"this is no cursor of the BigCommerce connector: {cursor!r}", field="cursor")
        params = {"sort": "id", "limit": str(self._config.page_size), **_WHOLE}
        if since is not None:
            params["min_date_modified"] = (since - _SECOND).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S+00:00")
        if cursor is not None:
            params["min_id"] = cursor
        answer = await self._client.get("/v2/orders", **params)
        items: list[Raw] = []
        rejected: list[Rejected] = []
        last = -1
        for part in payload.listed(answer.body, msgspec.Raw, "BigCommerce's list of orders"):
            try:
                head: payload.Head = decode(part, payload.Head, "a BigCommerce order")
            except Unreadable as error:
                rejected.append(
                    Rejected(Raw(external_id=_loose_id(part), body=bytes(part)), error.message, error.field)
                )
                last = max(last, int(_loose_id(part) or -1))
                continue
            last = max(last, head.id)
            if head.ships:
                items.append(Raw(external_id=str(head.id), body=bytes(part)))
        # Not by the length of the page: how many orders come with their consignments is said nowhere.
        return Page(tuple(items), str(last + 1) if last >= 0 else None, tuple(rejected))

    async def pull_ids(self, external_ids: Sequence[str]) -> Page:
        """These orders as they stand now, a request each. Those that are gone are missing."""
        found = await asyncio.gather(*(self._raw(external_id) for external_id in dict.fromkeys(external_ids)))
        return Page(items=tuple(raw for raw in found if raw is not None))

    async def _raw(self, external_id: str) -> Raw | None:
        async with self._few:
            try:
                answer = await self._client.get(_path(external_id), **_WHOLE)
            except Refused as error:
                if error.code == "404":
                    return None
                raise
        # What was cut short on its way is no payload to keep; what is wrong in a whole one is for ``read`` to say.
        decode(answer.body, msgspec.Raw, f"BigCommerce order {external_id}")
        return Raw(external_id=external_id, body=answer.body)

    async def _order(self, external_id: str) -> payload.Order:
        raw = await self._raw(external_id)
        if raw is None:
            raise Refused(f"BigCommerce does not know the order {external_id}", code="404")
        order: payload.Order = decode(raw.body, payload.Order, f"BigCommerce order {external_id}")
        return order

    def read(self, raw: Raw) -> ChannelOrder:
        """What the payload says. Pure. Raises Unreadable with the field that is wrong."""
        return mapping.read(raw)

    # --- telling ------------------------------------------------------------------------------------------------------

    async def push_tracking(self, parcel: Parcel) -> str:
        """The order has a shipment of these pieces, known by our key, and a status that fits; returns the shipment's id.

        The shipment comes before the status, since the status mails the customer what shipments there are. Raises Refused where
        fewer pieces are open there, and INCOMPLETE_PARCEL without a whole piece.
        """
        external_id = parcel.order_external_id
        async with self._locks.setdefault(external_id, asyncio.Lock()):
            order = await self._order(external_id)
            shipment = telling.known(await self._shipments(external_id) or (), parcel)
            if shipment is None:
                state = mapping.state_of(order)
                body = telling.shipment(order, parcel)
                if state is ChannelState.CANCELED:
                    raise Refused(f"BigCommerce order {external_id} is canceled there", code="CANCELED")
                answer = await self._client.send("POST", f"{_path(external_id)}/shipments", body)
                shipment = decode(answer.body, payload.Shipment, f"a shipment of BigCommerce order {external_id}")
                order = await self._order(external_id)
            if self._config.change_status and (status := telling.status_after(order)) is not None:
                await self._client.send("PUT", _path(external_id), {"status_id": status})
        return str(shipment.id)

    async def _shipments(self, external_id: str) -> list[payload.Shipment] | None:
        """The order's shipments; None where there is no such order."""
        found: list[payload.Shipment] = []
        page = 1
        while True:
            try:
                async with self._few:
                    answer = await self._client.get(f"{_path(external_id)}/shipments", page=str(page), limit=_MOST)
            except Refused as error:
                if error.code == "404":
                    return None
                raise
            more = payload.listed(answer.body, payload.Shipment, f"shipments of BigCommerce order {external_id}")
            found += more
            if len(more) < int(_MOST):
                return found
            page += 1

    async def read_tracking(self, external_ids: Sequence[str]) -> dict[str, tuple[ChannelParcel, ...]]:
        """The shipments by order id, a request each."""
        ids = list(dict.fromkeys(external_ids))
        found = await asyncio.gather(*(self._shipments(external_id) for external_id in ids))
        return {
            external_id: telling.parcels(shipments)
            for external_id, shipments in zip(ids, found, strict=True)
            if shipments is not None
        }

    async def cancel_order(self, external_id: str, lines: Sequence[tuple[str, int]], reason: str) -> None:
        """The order, all of it, has the status Cancelled, and ``reason`` stands in its staff notes. Nobody is paid back by that.

        Raises Refused for a part of an order, and for one of which something has shipped: both are refunds, with money.
        """
        async with self._locks.setdefault(external_id, asyncio.Lock()):
            order = await self._order(external_id)
            if mapping.state_of(order) is ChannelState.CANCELED:
                return
            open_ = {str(line.id): line.open for line in order.lines if line.open}
            if any(line.shipped for line in order.lines) or (lines and {k: n for k, n in lines if n} != open_):
                raise Refused(
                    f"BigCommerce order {external_id} can only be canceled as a whole and before anything has shipped; refund the"
                    " pieces in the control panel, and Bluebook will read that",
                    code="PARTIAL",
                )
            change: dict[str, Any] = {"status_id": mapping.CANCELED}
            if reason:
                change["staff_notes"] = f"{order.staff_notes or ''}\n{reason}".strip()[:65_535]
            await self._client.send("PUT", _path(external_id), change)

    # --- the rest -----------------------------------------------------------------------------------------------------

    def verify_hook(self, headers: Mapping[str, str], body: bytes) -> Hook:
        """Which order the webhook is about. Raises Misconfigured, Refused (401), Unreadable."""
        config = self._config
        return webhook.hook(headers, body, config.store_hash, config.webhook_secret, config.client_secret)

    async def listed(self, cursor: str | None) -> ListedPage:
        """One page of the store's products, a listing for each variant."""
        page = int(cursor or 1)
        answer = await self._client.get(
            "/v3/catalog/products", include="variants", sort="id", page=str(page), limit=_MOST
        )
        said: _Products = decode(answer.body, _Products, "BigCommerce's list of products")
        items = [
            ListedItem(
                external_id=f"{product.id}:{variant.id}",
                sku=variant.sku or product.sku or "",
                title=" ".join(
                    [product.name, *(str(value.get("label", "")) for value in variant.option_values)]
                ).strip(),
                barcode=variant.upc or variant.gtin or "",
                active=product.is_visible,
            )
            for product in said.data
            for variant in product.variants
        ]
        return ListedPage(tuple(items), str(page + 1) if page < said.meta.pagination.total_pages else None)

    async def finish(self, done: Sequence[str]) -> None:
        """Nothing to do: reading an order changes nothing in the store."""

    async def check(self) -> str:
        """The token is taken; returns the store's hash and how many orders it has."""
        answer = await self._client.get("/v2/orders/count")
        said: _Count = decode(answer.body, _Count, "BigCommerce's count of orders")
        return f"BigCommerce store {self._config.store_hash}, {said.count} orders"

    async def close(self) -> None:
        """Connections are closed."""
        await self._client.close()


def _path(external_id: str) -> str:
    return f"/v2/orders/{quote(external_id, safe='')}"


def _loose_id(part: msgspec.Raw) -> str:
    value = msgspec.json.decode(part)
    found = value.get("id") if isinstance(value, dict) else None
    return str(found) if isinstance(found, int) else ""
