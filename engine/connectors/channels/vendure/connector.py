"""A Vendure store as a channel: orders by the moment they were placed, parcels as fulfillments."""

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
from engine.connectors.channels.vendure.client import Outcome, VendureClient
from engine.connectors.channels.vendure.mapping import (
    BETWEEN,
    FULFILLMENT_FIELDS,
    ON_ITS_WAY,
    ORDER_FIELDS,
    Fulfillment,
    quantities,
    read_order,
    tracking_code,
)
from engine.errors import Invalid, Misconfigured, NotAuthorised, OutcomeUnknown, Refused
from engine.ports import ChannelOrder, ChannelParcel, Page, Parcel, Raw, Rejected
from engine.ports_channels import ListedItem, ListedPage

CHUNK = 100
MS = timedelta(milliseconds=1)
# orderPlacedAt is stamped inside the transaction that takes the payment, and becomes visible when that commits.
COMMIT_LAG = timedelta(seconds=60)

ORDERS = f"query Orders($options: OrderListOptions) {{ orders(options: $options) {{ items {{ {ORDER_FIELDS} }} }} }}"
PARCELS = (
    "query Parcels($options: OrderListOptions) "
    f"{{ orders(options: $options) {{ items {{ id {FULFILLMENT_FIELDS} }} }} }}"
)
ADD = """
mutation AddFulfillment($input: FulfillOrderInput!) {
  addFulfillmentToOrder(input: $input) {
    __typename
    ... on Fulfillment { id state }
    ... on ErrorResult { errorCode message }
    ... on CreateFulfillmentError { fulfillmentHandlerError }
    ... on FulfillmentStateTransitionError { transitionError }
  }
}
"""
SHIP = """
mutation ShipFulfillment($id: ID!) {
  transitionFulfillmentToState(id: $id, state: "Shipped") {
    __typename
    ... on Fulfillment { id state }
    ... on FulfillmentStateTransitionError { errorCode message transitionError fromState }
  }
}
"""
LISTED = """
query Listed($options: ProductVariantListOptions) {
  productVariants(options: $options) { items { id sku name enabled product { enabled } } totalItems }
}
"""
CHECK = """
query Check {
  activeAdministrator { firstName lastName }
  activeChannel { code defaultCurrencyCode seller { name } }
  me { channels { code permissions } }
  globalSettings { serverConfig { moneyStrategyPrecision } }
}
"""


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """``url`` is the Admin API's; ``money_precision`` the decimals of the store's moneyStrategy (2 unless changed).

    ``dashboard_url`` is where its people work, if not at /dashboard of the same server.
    """

    url: Annotated[str, msgspec.Meta(pattern=r"^https?://[^\s/]+\S*$")]
    username: Annotated[str, msgspec.Meta(min_length=1)]
    password: Annotated[str, msgspec.Meta(min_length=1)]
    channel_token: str = ""
    page_size: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 100
    timeout: Annotated[float, msgspec.Meta(gt=0, le=600)] = 30.0
    money_precision: Annotated[int, msgspec.Meta(ge=0, le=6)] = 2
    dashboard_url: Annotated[str, msgspec.Meta(pattern=r"^(https?://[^\s/]+\S*)?$")] = ""


class _RawList(msgspec.Struct):
    items: list[msgspec.Raw]


class _RawOrders(msgspec.Struct):
    orders: _RawList


class _Head(msgspec.Struct, rename="camel"):
    id: str
    order_placed_at: datetime | None = None


class _Shipping(msgspec.Struct):
    id: str
    fulfillments: tuple[Fulfillment, ...] | None


class _ShippingList(msgspec.Struct):
    items: list[_Shipping]


class _Parcels(msgspec.Struct):
    orders: _ShippingList


class _Added(msgspec.Struct, rename="camel"):
    add_fulfillment_to_order: Outcome


class _Moved(msgspec.Struct, rename="camel"):
    transition_fulfillment_to_state: Outcome


class _Product(msgspec.Struct):
    enabled: bool


class _Variant(msgspec.Struct):
    id: str
    sku: str
    name: str
    enabled: bool
    product: _Product


class _VariantList(msgspec.Struct, rename="camel"):
    items: tuple[_Variant, ...]
    total_items: int


class _Listed(msgspec.Struct, rename="camel"):
    product_variants: _VariantList


class _Person(msgspec.Struct, rename="camel"):
    first_name: str
    last_name: str


class _Seller(msgspec.Struct):
    name: str


class _Channel(msgspec.Struct, rename="camel"):
    code: str
    default_currency_code: str
    seller: _Seller | None


class _Rights(msgspec.Struct):
    code: str
    permissions: frozenset[str]


class _Me(msgspec.Struct):
    channels: tuple[_Rights, ...]


class _ServerConfig(msgspec.Struct, rename="camel"):
    money_strategy_precision: int


class _Settings(msgspec.Struct, rename="camel"):
    server_config: _ServerConfig


class _Checked(msgspec.Struct, rename="camel"):
    active_administrator: _Person | None
    active_channel: _Channel
    me: _Me
    global_settings: _Settings


class _Cursor(msgspec.Struct, omit_defaults=True):
    """Where a walk stands: everything placed after ``after``; or, with ``at``, the orders of that one moment by id."""

    after: datetime | None = None
    at: datetime | None = None
    skip: int = 0

    def options(self, take: int) -> dict[str, Any]:
        # Never sort by two keys: GraphQL hands an input object's fields over in the schema's order, where id
        # stands before orderPlacedAt. Aggregate orders repeat the goods of their sellers' orders.
        goods = {"type": {"notEq": "Aggregate"}}
        if self.at is not None:
            moment = {"after": _iso(self.at - MS), "before": _iso(self.at + 2 * MS)}
            return {
                "filter": {**goods, "orderPlacedAt": moment},
                "sort": {"id": "ASC"},
                "take": take,
                "skip": self.skip,
            }
        window = {"after": _iso(self.after or EPOCH)}
        return {"filter": {**goods, "orderPlacedAt": window}, "sort": {"orderPlacedAt": "ASC"}, "take": take}

    def following(self, last: datetime | None, full: bool, take: int) -> _Cursor | None:
        """The next page's cursor. Windows begin one millisecond early, since ``after`` excludes its own moment."""
        if self.at is not None:
            return _Cursor(at=self.at, skip=self.skip + take) if full else _Cursor(after=self.at + MS)
        if not full or last is None:
            return None
        last = last.replace(microsecond=last.microsecond // 1000 * 1000)
        if last - MS > (self.after or EPOCH):
            return _Cursor(after=last - MS)
        return _Cursor(at=last)  # a whole page in one millisecond: only its ids can tell these apart


class Connector:
    """Satisfies ``ports.Channel`` for Vendure 2 and 3."""

    slug: ClassVar[str] = "vendure"
    name: ClassVar[str] = "Vendure"
    docs_url: ClassVar[str] = "https://docs.vendure.io/reference/graphql-api/admin/queries"
    config_type: ClassVar[type[msgspec.Struct]] = Config
    secret_fields: ClassVar[frozenset[str]] = frozenset({"password"})

    @staticmethod
    def same_account(one: Config, other: Config) -> bool:
        """Is it the same server, and the same channel there?"""
        return one.channel_token == other.channel_token and address(one.url) == address(other.url)

    def __init__(self, config: Config) -> None:
        self._config = config
        self._client = VendureClient(config.url, config.username, config.password, config.channel_token, config.timeout)
        self._order_locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @staticmethod
    def order_page(settings: Mapping[str, Any], external_id: str) -> str:
        """The order in the store's dashboard."""
        desk = str(settings.get("dashboard_url") or "").rstrip("/")
        if not desk:
            scheme, _, rest = str(settings.get("url", "")).partition("://")
            desk = f"{scheme}://{rest.partition('/')[0]}/dashboard" if rest else ""
        return f"{desk}/orders/{quote(external_id, safe='')}" if desk else ""

    async def pull(self, since: datetime | None, cursor: str | None) -> Page:
        """One page of orders placed at or after ``since`` (and a minute before it), oldest first.

        Vendure has no reliable time of change: what happens to an order later is seen by ``pull_ids`` alone.
        """
        if cursor is not None:
            try:
                here = msgspec.json.decode(cursor, type=_Cursor)
            except msgspec.DecodeError as error:
                raise Invalid(f"Vendure: {cursor!r} is not a cursor of this connector", "cursor") from error
        else:
            here = _Cursor(after=since - COMMIT_LAG - MS if since is not None else EPOCH)
        take = self._config.page_size
        page, placed = await self._orders(here.options(take))
        full = len(page.items) + len(page.rejected) >= take
        after = here.following(max(placed, default=None), full, take)
        return msgspec.structs.replace(page, next=msgspec.json.encode(after).decode() if after else None)

    async def pull_ids(self, external_ids: Sequence[str]) -> Page:
        """These orders as they stand now, in the order of their ids at the store; asks for 100 at a time."""
        items: list[Raw] = []
        rejected: list[Rejected] = []
        for chunk in _chunks(external_ids):
            page, _ = await self._orders(_by_id(chunk))
            items += page.items
            rejected += page.rejected
        return Page(items=tuple(items), rejected=tuple(rejected))

    def read(self, raw: Raw) -> ChannelOrder:
        """What the payload says. Pure. Raises Unreadable with the field that is wrong."""
        return read_order(raw.body, self._config.money_precision)

    async def push_tracking(self, parcel: Parcel) -> str:
        """The order has a fulfillment with this tracking code and these lines, and it is Shipped; returns its id.

        A fulfillment has no field for our key, so it is known again by tracking code and lines: hence a parcel
        without a number is Refused. The order moves to PartiallyShipped or Shipped by itself.
        """
        if not parcel.tracking_number or not parcel.lines:
            what = "a tracking number" if not parcel.tracking_number else "lines"
            raise Refused(
                f"Vendure: a parcel of order {parcel.order_external_id} has no {what}, so a repeated push could not be "
                "told from a second parcel. Mark it as shipped in the store.",
                code="INCOMPLETE_PARCEL",
            )
        lock = self._order_locks.setdefault(parcel.order_external_id, asyncio.Lock())
        async with lock:
            known = await self._find(parcel)
            if known is not None:
                reference, state = known.id, known.state
            else:
                reference, state = await self._add(parcel)
            if state not in ON_ITS_WAY:
                await self._ship(reference, parcel)
            return reference

    async def read_tracking(self, external_ids: Sequence[str]) -> dict[str, tuple[ChannelParcel, ...]]:
        """The fulfillments that are Shipped or Delivered, by order id; Pending ones are not yet on their way."""
        found: dict[str, tuple[ChannelParcel, ...]] = {}
        for chunk in _chunks(external_ids):
            answer = await self._client.ask(PARCELS, {"options": _by_id(chunk)}, _Parcels, effect=False)
            for order in answer.orders.items:
                found[order.id] = tuple(
                    ChannelParcel(tracking_number=number, reference=one.id)
                    for one in order.fulfillments or ()
                    if one.state in ON_ITS_WAY
                    for number in (one.tracking_code or "").split(BETWEEN)
                )
        return found

    async def listed(self, cursor: str | None) -> ListedPage:
        """One page of the store's product variants, by id. Vendure keeps no barcodes. Needs ReadProduct or ReadCatalog."""
        skip = int(cursor) if cursor and cursor.isdecimal() else 0
        options = {"sort": {"id": "ASC"}, "take": CHUNK, "skip": skip}
        answer = await self._client.ask(LISTED, {"options": options}, _Listed, effect=False)
        found = answer.product_variants
        items = tuple(
            ListedItem(external_id=one.id, sku=one.sku, title=one.name, active=one.enabled and one.product.enabled)
            for one in found.items
        )
        following = skip + CHUNK
        return ListedPage(items, str(following) if following < found.total_items else None)

    async def finish(self, done: Sequence[str]) -> None:
        """Nothing to do: reading an order changes nothing at the store."""

    async def check(self) -> str:
        """The log-in works, the role may read and fulfil orders, and the money has the decimals we think."""
        answer = await self._client.ask(CHECK, {}, _Checked, effect=False)
        channel, person = answer.active_channel, answer.active_administrator
        held: set[str] = set()
        for rights in answer.me.channels:
            if rights.code == channel.code:
                held |= rights.permissions
        missing = {"ReadOrder", "UpdateOrder"} - held
        if missing and "SuperAdmin" not in held:
            raise NotAuthorised(
                f"Vendure: {self._config.username} lacks {' and '.join(sorted(missing))} in channel {channel.code}. "
                "Give its role these permissions."
            )
        precision = answer.global_settings.server_config.money_strategy_precision
        if precision != self._config.money_precision:
            raise Misconfigured(
                f"Vendure keeps money with {precision} decimals, money_precision says {self._config.money_precision}. "
                f"Set it to {precision}."
            )
        who = f"{person.first_name} {person.last_name}".strip() if person else self._config.username
        store = channel.seller.name if channel.seller else channel.code
        return f"{store}, channel {channel.code} ({channel.default_currency_code}), as {who}"

    async def close(self) -> None:
        """Connections are closed."""
        await self._client.close()

    async def _orders(self, options: dict[str, Any]) -> tuple[Page, list[datetime]]:
        answer = await self._client.ask(ORDERS, {"options": options}, _RawOrders, effect=False)
        items: list[Raw] = []
        rejected: list[Rejected] = []
        placed: list[datetime] = []
        for body in map(bytes, answer.orders.items):
            try:
                head = msgspec.json.decode(body, type=_Head)
            except msgspec.DecodeError as error:
                rejected.append(Rejected(Raw(external_id="", body=body), f"an order without a usable id: {error}"))
                continue
            items.append(Raw(external_id=head.id, body=body))
            if head.order_placed_at is not None:
                placed.append(head.order_placed_at)
        return Page(items=tuple(items), rejected=tuple(rejected)), placed

    async def _find(self, parcel: Parcel) -> Fulfillment | None:
        options = _by_id([parcel.order_external_id])
        answer = await self._client.ask(PARCELS, {"options": options}, _Parcels, effect=False)
        if not answer.orders.items:
            raise Refused(f"Vendure has no order with the id {parcel.order_external_id}", code="NOT_FOUND")
        same = [one for one in answer.orders.items[0].fulfillments or () if one.holds(parcel)]
        # Should there be two after all, the one on its way is the customer's.
        return max(same, key=lambda one: one.state in ON_ITS_WAY, default=None)

    async def _add(self, parcel: Parcel) -> tuple[str, str]:
        arguments = [
            {"name": "method", "value": _method(parcel)},
            {"name": "trackingCode", "value": tracking_code(parcel)},
        ]
        given = {
            "lines": [{"orderLineId": key, "quantity": count} for key, count in quantities(parcel).items()],
            "handler": {"code": "manual-fulfillment", "arguments": arguments},
        }
        answer = await self._client.ask(ADD, {"input": given}, _Added, effect=True)
        outcome = answer.add_fulfillment_to_order
        if outcome.error_code == "ITEMS_ALREADY_FULFILLED_ERROR":
            known = await self._find(parcel)  # another process may have been quicker
            if known is not None:
                return known.id, known.state
        if outcome.error_code is not None:
            raise _refused(parcel, outcome)
        if outcome.id is None or outcome.state is None:
            raise OutcomeUnknown(f"Vendure answered {outcome.typename} to parcel {parcel.tracking_number}")
        return outcome.id, outcome.state

    async def _ship(self, fulfillment_id: str, parcel: Parcel) -> None:
        answer = await self._client.ask(SHIP, {"id": fulfillment_id}, _Moved, effect=True)
        outcome = answer.transition_fulfillment_to_state
        if outcome.error_code is not None and outcome.from_state not in ON_ITS_WAY:
            raise _refused(parcel, outcome)


def _refused(parcel: Parcel, outcome: Outcome) -> Refused:
    which = f"parcel {parcel.tracking_number} of order {parcel.order_external_id}"
    return Refused(f"Vendure did not take {which}: {outcome.complaint()}", code=outcome.error_code)


def _method(parcel: Parcel) -> str:
    """What the customer reads: carrier and service, the carrier once."""
    carrier, service = parcel.carrier_name or parcel.carrier, parcel.service
    return service if service.casefold().startswith(carrier.casefold()) else f"{carrier} {service}".strip()


def _by_id(ids: Sequence[str]) -> dict[str, Any]:
    return {"filter": {"id": {"in": list(ids)}}, "sort": {"id": "ASC"}, "take": CHUNK}


def _chunks(ids: Sequence[str]) -> list[list[str]]:
    unique = list(dict.fromkeys(ids))
    return [unique[start : start + CHUNK] for start in range(0, len(unique), CHUNK)]


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
