"""A Medusa store as a channel: orders by the moment they changed, parcels as fulfillments that are shipped."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, ClassVar
from urllib.parse import quote
from weakref import WeakValueDictionary

import msgspec

from engine.clock import EPOCH
from engine.connectors.accounts import address
from engine.connectors.channels.medusa import mapping
from engine.connectors.channels.medusa.client import Client
from engine.connectors.channels.medusa.mapping import Fulfillment, PaidWhen
from engine.errors import BluebookError, Invalid, OutcomeUnknown, Refused
from engine.ports import ChannelOrder, ChannelParcel, Page, Parcel, Raw, Rejected
from engine.ports_channels import ListedItem, ListedPage

CHUNK = 100
LISTED = 200
MS = timedelta(milliseconds=1)
OURS = "bluebook_cancel"


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """``url`` is the store's address without /admin; ``secret_key`` one of its secret API keys. ``timeout`` is in seconds.

    ``paid_when``: "authorized" for stores that capture the money when they ship. ``note_key`` is what the storefront calls
    the customer's note in the order's metadata. ``location_id``: the stock location that ships, if not the shipping
    option's own. ``sales_channel_id``: only the orders of this sales channel. ``dashboard_url``: where its people work, if
    not at /app of the same server.
    """

    url: Annotated[str, msgspec.Meta(pattern=r"^https?://[^\s/]+\S*$")]
    secret_key: Annotated[str, msgspec.Meta(min_length=1)]
    sales_channel_id: str = ""
    location_id: str = ""
    paid_when: PaidWhen = "captured"
    note_key: str = "note"
    notify_customer: bool = True
    page_size: Annotated[int, msgspec.Meta(ge=1, le=500)] = 100
    timeout: Annotated[float, msgspec.Meta(gt=0, le=600)] = 30.0
    dashboard_url: Annotated[str, msgspec.Meta(pattern=r"^(https?://[^\s/]+\S*)?$")] = ""


class _Orders(msgspec.Struct):
    orders: list[msgspec.Raw]


class _Counted(msgspec.Struct):
    count: int


class _RawOrder(msgspec.Struct):
    order: msgspec.Raw


class _Placed(msgspec.Struct):
    items: msgspec.Raw


class _PlacedOrder(msgspec.Struct):
    order: _Placed


class _Shipping(msgspec.Struct):
    id: str
    fulfillments: tuple[Fulfillment, ...]


class _ShippingOrder(msgspec.Struct):
    order: _Shipping


class _ShippingOrders(msgspec.Struct):
    orders: list[_Shipping]


class _Edit(msgspec.Struct):
    id: str
    status: str
    metadata: dict[str, Any] | None = None


class _Edits(msgspec.Struct):
    order_changes: list[_Edit]


class _Store(msgspec.Struct):
    name: str


class _Stores(msgspec.Struct):
    stores: list[_Store]


class _Product(msgspec.Struct):
    title: str
    status: str = "published"


class _Variant(msgspec.Struct):
    id: str
    product: _Product
    title: str | None = None
    sku: str | None = None
    barcode: str | None = None
    ean: str | None = None
    upc: str | None = None


class _Variants(msgspec.Struct):
    variants: list[_Variant]


class _Cursor(msgspec.Struct, omit_defaults=True):
    """Where a walk stands: everything changed at or after ``since``; or, with ``at``, the orders of that one millisecond
    whose id comes after ``past``.

    Every page starts anew at the last moment seen, so that what changes during the walk, and moves to its end, pushes
    nothing over a page boundary. Medusa keeps microseconds and tells milliseconds: windows are whole milliseconds.
    """

    since: datetime | None = None
    at: datetime | None = None
    past: str = ""

    def query(self) -> list[tuple[str, str]]:
        if self.at is None:
            return [("order", "updated_at"), ("updated_at[$gte]", _iso(self.since or EPOCH))]
        window = [("updated_at[$gte]", _iso(self.at)), ("updated_at[$lt]", _iso(self.at + MS))]
        return [("order", "id"), *window, *([("id[$gt]", self.past)] if self.past else [])]

    def following(self, heads: Sequence[mapping.Head], full: bool) -> _Cursor | None:
        if self.at is not None:
            return _Cursor(at=self.at, past=heads[-1].id) if full and heads else _Cursor(since=self.at + MS)
        if not full or not heads:
            return None
        last = max(head.updated_at for head in heads)
        last = last.replace(microsecond=last.microsecond // 1000 * 1000)
        if last > (self.since or EPOCH):
            return _Cursor(since=last)
        return _Cursor(at=last)  # a whole page in one millisecond: only its ids can tell these apart


class Connector:
    """Satisfies ``ports.Channel`` for Medusa 2; see README.md beside this file."""

    slug: ClassVar[str] = "medusa"
    name: ClassVar[str] = "Medusa"
    docs_url: ClassVar[str] = "https://docs.medusajs.com/api/admin"
    config_type: ClassVar[type[msgspec.Struct]] = Config
    secret_fields: ClassVar[frozenset[str]] = frozenset({"secret_key"})

    @staticmethod
    def same_account(one: Config, other: Config) -> bool:
        """Is it the same server, and not another sales channel of it? Without one, all orders are read."""
        return address(one.url) == address(other.url) and (
            not (one.sales_channel_id and other.sales_channel_id) or one.sales_channel_id == other.sales_channel_id
        )

    def __init__(self, config: Config) -> None:
        self._config = config
        self._client = Client(config.url, config.secret_key, config.timeout)
        self._order_locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._few = asyncio.Semaphore(4)

    @staticmethod
    def order_page(settings: Mapping[str, Any], external_id: str) -> str:
        """The order in the store's admin."""
        url = str(settings.get("url") or "").rstrip("/")
        desk = str(settings.get("dashboard_url") or "").rstrip("/") or (f"{url}/app" if url else "")
        return f"{desk}/orders/{quote(external_id, safe='')}" if desk else ""

    async def pull(self, since: datetime | None, cursor: str | None) -> Page:
        """One page of orders changed at or after ``since``, oldest change first. Captures and refunds change no order in
        Medusa's eyes: those are seen by ``pull_ids`` alone."""
        if cursor is not None:
            try:
                here = msgspec.json.decode(cursor, type=_Cursor)
            except msgspec.DecodeError as error:
                raise Invalid(f"Medusa: {cursor!r} is not a cursor of this connector", "cursor") from error
        else:
            here = _Cursor(since=since)
        size = self._config.page_size
        query = [*here.query(), ("limit", str(size))]
        if self._config.sales_channel_id:
            query.append(("sales_channel_id[]", self._config.sales_channel_id))
        page, heads = await self._orders(query)
        after = here.following(heads, len(page.items) + len(page.rejected) >= size)
        return msgspec.structs.replace(page, next=msgspec.json.encode(after).decode() if after else None)

    async def pull_ids(self, external_ids: Sequence[str]) -> Page:
        """These orders as they stand now; asks for 100 at a time."""
        items: list[Raw] = []
        rejected: list[Rejected] = []
        for chunk in _chunks(external_ids):
            page, _ = await self._orders(_by_id(chunk))
            items += page.items
            rejected += page.rejected
        return Page(items=tuple(items), rejected=tuple(rejected))

    def read(self, raw: Raw) -> ChannelOrder:
        """What the envelope says. Pure. Raises Unreadable with the field that is wrong."""
        return mapping.read_order(raw.body, raw.external_id, self._config.paid_when, self._config.note_key)

    async def push_tracking(self, parcel: Parcel) -> str:
        """The order has a fulfillment with our key, and it is shipped under its tracking number; returns its id."""
        if not parcel.lines:
            raise Refused(
                f"Medusa: a parcel of order {parcel.order_external_id} has no pieces in it, and Medusa ships nothing else. "
                "Mark it as shipped in the store.",
                code="INCOMPLETE_PARCEL",
            )
        lock = self._order_locks.setdefault(parcel.order_external_id, asyncio.Lock())
        async with lock:
            known = await self._find(parcel) or await self._fulfill(parcel)
            if not known.on_its_way:
                await self._ship(known.id, parcel)
            return known.id

    async def read_tracking(self, external_ids: Sequence[str]) -> dict[str, tuple[ChannelParcel, ...]]:
        """The fulfillments that are on their way, by order id, one for each of their labels."""
        found: dict[str, tuple[ChannelParcel, ...]] = {}
        fields = ("fields", ",".join(("id", *mapping.FULFILLMENT_FIELDS)))
        for chunk in _chunks(external_ids):
            answer = await self._client.get("orders", _ShippingOrders, [*_by_id(chunk), fields])
            for order in answer.orders:
                found[order.id] = tuple(
                    ChannelParcel(tracking_number=number, key=one.key, reference=one.id)
                    for one in order.fulfillments
                    if one.on_its_way
                    for number in [label.tracking_number for label in one.labels] or [""]
                )
        return found

    async def cancel_order(self, external_id: str, lines: Sequence[tuple[str, int]], reason: str) -> None:
        """So many pieces more of these lines are canceled, or all that is not on its way; see ``CancelsOrders``.

        An order of which nothing was packed is canceled as a whole, which also pays back what was captured. Otherwise its
        lines are edited down; what that makes the customer's due, the store's people pay back.
        """
        lock = self._order_locks.setdefault(external_id, asyncio.Lock())
        async with lock:
            envelope = await self._envelope_of(external_id)
            if envelope.order.status == "canceled":
                return
            targets = mapping.fewer(envelope, _summed(lines) if lines else None)
            if not targets:
                return
            left = {item.id: targets.get(item.id, item.quantity) for item in envelope.order.items}
            if not any(left.values()) and not any(item.detail.fulfilled_quantity for item in envelope.order.items):
                await self._client.post(f"orders/{_part(external_id)}/cancel", _RawOrder, {}, _ONLY_ID)
            else:
                await self._edit(external_id, targets, reason)

    async def listed(self, cursor: str | None) -> ListedPage:
        """The store's product variants, oldest first, 200 a page. Drafts and archived products are not active."""
        offset = int(cursor) if cursor and cursor.isdecimal() else 0
        fields = "id,sku,title,barcode,ean,upc,product.title,product.status"
        query = [("fields", fields), ("order", "id"), ("limit", str(LISTED)), ("offset", str(offset))]
        variants = (await self._client.get("product-variants", _Variants, query)).variants
        items = tuple(
            ListedItem(
                external_id=one.id,
                sku=one.sku or "",
                title=f"{one.product.title} ({one.title})" if one.title else one.product.title,
                barcode=one.barcode or one.ean or one.upc or "",
                active=one.product.status == "published",
            )
            for one in variants
        )
        return ListedPage(items, str(offset + LISTED) if len(variants) == LISTED else None)

    async def finish(self, done: Sequence[str]) -> None:
        """Nothing to do: reading an order changes nothing at the store."""

    async def check(self) -> str:
        """The key is let in, and the sales channel and stock location are the store's."""
        stores = (await self._client.get("stores", _Stores, [("fields", "name")])).stores
        orders = await self._client.get("orders", _Counted, [("fields", "id"), ("limit", "1")])
        for path, given in (
            ("sales-channels", self._config.sales_channel_id),
            ("stock-locations", self._config.location_id),
        ):
            if given:
                await self._client.get(f"{path}/{_part(given)}", dict[str, Any], _ONLY_ID)
        name = stores[0].name if stores else "Medusa"
        return f"{name} at {self._client.host}, {orders.count} order{'' if orders.count == 1 else 's'}"

    async def close(self) -> None:
        """Connections are closed."""
        await self._client.close()

    # --- reading

    async def _orders(self, query: Sequence[tuple[str, str]]) -> tuple[Page, list[mapping.Head]]:
        answer = await self._client.get("orders", _Orders, [*query, ("fields", ",".join(mapping.ORDER_FIELDS))])
        rejected: list[Rejected] = []
        heads: list[tuple[mapping.Head, msgspec.Raw]] = []
        for body in answer.orders:
            try:
                heads.append((msgspec.json.decode(body, type=mapping.Head), body))
            except msgspec.DecodeError as error:
                reason = f"an entry of Medusa's list of orders that is none: {error}"
                rejected.append(Rejected(Raw(external_id="", body=bytes(body)), reason))
        items = await asyncio.gather(*(self._envelope(head, body) for head, body in heads))
        return Page(items=tuple(items), rejected=tuple(rejected)), [head for head, _ in heads]

    async def _envelope(self, head: mapping.Head, order: msgspec.Raw) -> Raw:
        envelope: dict[str, Any] = {"order": order}
        if head.edited:
            query = [("version", "1"), ("fields", ",".join(("id", *mapping.ITEM_FIELDS)))]
            async with self._few:
                placed = await self._client.get(f"orders/{_part(head.id)}", _PlacedOrder, query)
            envelope["first"] = placed.order.items
        return Raw(external_id=head.id, body=msgspec.json.encode(envelope))

    async def _envelope_of(self, external_id: str) -> mapping.Envelope:
        page = await self.pull_ids([external_id])
        if not page.items:
            raise Refused(f"Medusa has no order with the id {external_id}", code="404")
        self.read(page.items[0])  # whatever is not understood is better left alone
        return msgspec.json.decode(page.items[0].body, type=mapping.Envelope)

    # --- parcels

    async def _find(self, parcel: Parcel) -> Fulfillment | None:
        order = (await self._client.get(f"orders/{_part(parcel.order_external_id)}", _ShippingOrder, _PARCELS)).order
        return _ours(order, parcel)

    async def _fulfill(self, parcel: Parcel) -> Fulfillment:
        given: dict[str, Any] = {
            "items": mapping.quantities(parcel),
            "metadata": {mapping.KEY: parcel.key, "carrier": parcel.carrier_name or parcel.carrier},
            "no_notification": not self._config.notify_customer,
        }
        if self._config.location_id:
            given["location_id"] = self._config.location_id
        path = f"orders/{_part(parcel.order_external_id)}/fulfillments"
        try:
            order = (await self._client.post(path, _ShippingOrder, given, _PARCELS)).order
        except Refused as error:
            known = await self._find(parcel)  # another process may have been quicker
            if known is None:
                raise _refused(parcel, error) from error
            return known
        known = _ours(order, parcel)
        if known is None:
            raise OutcomeUnknown(f"Medusa took parcel {parcel.tracking_number} and does not show it")
        return known

    async def _ship(self, fulfillment_id: str, parcel: Parcel) -> None:
        given = {
            "items": mapping.quantities(parcel),
            "labels": mapping.labels(parcel),
            "no_notification": not self._config.notify_customer,
        }
        path = f"orders/{_part(parcel.order_external_id)}/fulfillments/{_part(fulfillment_id)}/shipments"
        try:
            await self._client.post(path, _RawOrder, given, _ONLY_ID)
        except Refused as error:
            known = await self._find(parcel)
            if known is None or not known.on_its_way:
                raise _refused(parcel, error) from error

    # --- canceling

    async def _edit(self, external_id: str, targets: Mapping[str, int], reason: str) -> None:
        order = _part(external_id)
        open_ = [("status[]", "pending"), ("status[]", "requested"), ("fields", "id,status,metadata")]
        for edit in (await self._client.get(f"orders/{order}/changes", _Edits, open_)).order_changes:
            if not (edit.metadata or {}).get(OURS):
                raise Refused(
                    f"Medusa: somebody is changing order {external_id}. Finish or drop that in the store first.",
                    code="EDIT_IN_PROGRESS",
                )
            await self._client.delete(f"order-edits/{order}")  # ours, from a call that was broken off
        began = {"order_id": external_id, "internal_note": reason, "metadata": {OURS: True}}
        await self._client.post("order-edits", dict[str, Any], began)
        try:
            for line_id, quantity in targets.items():
                path = f"order-edits/{order}/items/item/{_part(line_id)}"
                await self._client.post(path, dict[str, Any], {"quantity": quantity})
            await self._client.post(f"order-edits/{order}/confirm", dict[str, Any])
        except Refused as error:
            await self._client.delete(f"order-edits/{order}")
            message = f"Medusa did not cancel what was asked of order {external_id}: {error.message}"
            raise Refused(message, error.code) from error


_ONLY_ID = (("fields", "id"),)
_PARCELS = (("fields", ",".join(("id", *mapping.FULFILLMENT_FIELDS))),)


def _ours(order: _Shipping, parcel: Parcel) -> Fulfillment | None:
    same = [one for one in order.fulfillments if one.key == parcel.key and one.canceled_at is None]
    # Should there be two after all, the one on its way is the customer's.
    return max(same, key=lambda one: one.on_its_way, default=None)


def _refused(parcel: Parcel, error: BluebookError) -> Refused:
    which = f"parcel {parcel.tracking_number} of order {parcel.order_external_id}"
    return Refused(f"Medusa did not take {which}: {error.message}", code=getattr(error, "code", None))


def _summed(lines: Sequence[tuple[str, int]]) -> dict[str, int]:
    found: dict[str, int] = {}
    for key, pieces in lines:
        found[key] = found.get(key, 0) + pieces
    return found


def _part(text: str) -> str:
    return quote(text, safe="")


def _by_id(ids: Sequence[str]) -> list[tuple[str, str]]:
    return [("limit", str(CHUNK)), ("order", "id"), *(("id[]", one) for one in ids)]


def _chunks(ids: Sequence[str]) -> list[list[str]]:
    unique = list(dict.fromkeys(ids))
    return [unique[start : start + CHUNK] for start in range(0, len(unique), CHUNK)]


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
