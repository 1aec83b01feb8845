"""A Shopify store as a channel: orders by the time of their last change, parcels as fulfillments."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from engine.connectors import payload
from engine.connectors.accounts import address
from engine.connectors.channels.shopify import client, mapping, webhook
from engine.connectors.channels.shopify.client import Client, Credentials, Shape
from engine.connectors.channels.shopify.documents import CHECK, HEADS, VARIANTS, VERSION
from engine.connectors.channels.shopify.mapping import Named, PageInfo, number
from engine.connectors.channels.shopify.reading import Reader
from engine.connectors.channels.shopify.shipping import Shipper
from engine.errors import Invalid, Misconfigured, NotAuthorised, Unreadable
from engine.ports import ChannelOrder, ChannelParcel, Hook, Page, Parcel, Raw, Rejected
from engine.ports_channels import ListedItem, ListedPage
from engine.transports.grants import Grants
from engine.transports.http import HttpClient
from engine.transports.throttle import Throttle

WINDOW = 20_000
"""Orders that one walk's cursor is followed for; Shopify ends a list after 25,000."""
_BUYABLE = frozenset({"ACTIVE", "UNLISTED"})
_UNBUYABLE = frozenset({"ARCHIVED", "DRAFT"})
_OLD_ORDERS = "read_all_orders"


_APPS = "the app's {}, in Shopify's Dev Dashboard under Settings; needed unless a token is given"


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """``shop`` is the store's name; the app's ``client_id`` and ``client_secret``, or an ``access_token``, let us in.

    ``only`` are search terms an order must match besides (``-source_name:pos``). ``timeout`` is in seconds.
    """

    shop: Annotated[
        str, msgspec.Meta(min_length=1, description="the store's own domain at Shopify, such as example.myshopify.com")
    ]
    client_id: Annotated[str, msgspec.Meta(description=_APPS.format("Client ID"))] = ""
    client_secret: Annotated[str, msgspec.Meta(description=_APPS.format("Secret"))] = ""
    access_token: Annotated[
        str,
        msgspec.Meta(description="instead of the two: a token that does not end, of an app made in the store itself"),
    ] = ""
    refresh_token: Annotated[
        str, msgspec.Meta(description="comes by itself when the owner is asked in the browser; leave it empty")
    ] = ""
    webhook_secret: Annotated[
        str, msgspec.Meta(description="only for webhooks that were made in the store's admin: what it signs them with")
    ] = ""
    only: str = ""
    ship_authorized: bool = False
    notify_customer: bool = True
    cancel_refunds: bool = True
    cancel_restocks: bool = True
    page_size: Annotated[int, msgspec.Meta(ge=1, le=250)] = 100
    timeout: Annotated[float, msgspec.Meta(gt=0, le=300)] = 30.0

    def __post_init__(self) -> None:
        """Raises Misconfigured without a usable shop, or anything that lets us in."""
        client.home(self.shop)
        if not (self.access_token or (self.client_id and self.client_secret)):
            raise Misconfigured("Shopify: give the app's client_id and client_secret, or an access_token")


class _Cursor(msgspec.Struct, omit_defaults=True):
    """Where a walk stands: ``seen`` orders into the list of those changed since ``at``, behind Shopify's own cursor.

    That cursor is a place in the order of changes and not a page number: an order that changes during the walk moves
    behind it and comes once more, and none slides past it.
    """

    at: datetime | None = None
    after: str | None = None
    seen: int = 0


class _Head(Shape, frozen=True):
    id: str
    updated_at: datetime


class _Heads(Shape, frozen=True):
    nodes: tuple[msgspec.Raw, ...]
    page_info: PageInfo


class _Orders(Shape, frozen=True):
    orders: _Heads


class _Product(Shape, frozen=True):
    status: str


class _Variant(Shape, frozen=True):
    id: str
    sku: str | None
    display_name: str
    barcode: str | None
    product: _Product


class _VariantPage(Shape, frozen=True):
    nodes: tuple[_Variant, ...]
    page_info: PageInfo


class _Variants(Shape, frozen=True):
    product_variants: _VariantPage


class _Shop(Shape, frozen=True):
    name: str
    myshopify_domain: str
    currency_code: str


class _Scope(Shape, frozen=True):
    handle: str


class _Installation(Shape, frozen=True):
    access_scopes: tuple[_Scope, ...]


class _Checked(Shape, frozen=True):
    shop: _Shop
    current_app_installation: _Installation


class _Shippable(Shape, frozen=True):
    requires_shipping: bool


class _ShippableLines(Shape, frozen=True):
    nodes: tuple[_Shippable, ...]


class _Identified(Shape, frozen=True):
    order: Named


class _ShippableOrder(Shape, frozen=True):
    line_items: _ShippableLines


class _Goods(Shape, frozen=True):
    order: _ShippableOrder


class Connector:
    """A Shopify store as a channel; see README.md beside this file."""

    slug: ClassVar[str] = "shopify"
    name: ClassVar[str] = "Shopify"
    docs_url: ClassVar[str] = "https://shopify.dev/docs/api/admin-graphql/2026-10"
    config_type: ClassVar[type[msgspec.Struct]] = Config
    secret_fields: ClassVar[frozenset[str]] = frozenset(
        {"client_secret", "access_token", "refresh_token", "webhook_secret"}
    )
    scopes: ClassVar[tuple[str, ...]] = client.SCOPES
    ways_in: ClassVar[tuple[tuple[str, ...], ...]] = (("client_id", "client_secret"), ("access_token",))
    authorise_needs: ClassVar[tuple[str, ...]] = ("shop", "client_id", "client_secret")
    authorise_gives: ClassVar[tuple[str, ...]] = ("access_token", "refresh_token")

    @staticmethod
    def same_account(one: Config, other: Config) -> bool:
        """Is it the same store, by its name or by an address?"""
        return address(client.home(one.shop)) == address(client.home(other.shop))

    def __init__(self, config: Any) -> None:
        """``config`` is a ``Config``."""
        self._config: Config = config
        self._client = Client(config.shop, _credentials(config), config.timeout)
        self._reader = Reader(self._client)
        self._shipper = Shipper(
            self._client, self._reader,
            notify=config.notify_customer, refund=config.cancel_refunds, restock=config.cancel_restocks,
        )  # fmt: skip

    @property
    def throttle(self) -> Throttle:
        """Where the points of queries are taken from; every worker of a channel shares one."""
        return self._client.throttle

    @throttle.setter
    def throttle(self, throttle: Throttle) -> None:
        self._client.throttle = throttle

    @property
    def grants(self) -> tuple[Grants, ...]:
        """Its tokens, where they are asked for and not given."""
        return self._client.grants

    @staticmethod
    def order_page(settings: Mapping[str, Any], external_id: str) -> str:
        """The order in the store's admin."""
        shop = str(settings.get("shop", ""))
        return f"{client.home(shop)}/admin/orders/{quote(external_id, safe='')}" if shop.strip() else ""

    # --- letting us in

    @staticmethod
    def authorise_url(settings: Mapping[str, Any], redirect_uri: str, state: str, challenge: str) -> str:
        """Where the store's owner allows the app what it needs. Shopify knows no code challenge."""
        query = {
            "client_id": str(settings["client_id"]),
            "scope": ",".join(Connector.scopes),
            "redirect_uri": redirect_uri,
            "state": state,
        }
        return f"{client.home(str(settings['shop']))}/admin/oauth/authorize?{urlencode(query)}"

    @staticmethod
    async def redeem(
        settings: Mapping[str, Any], answer: Mapping[str, str], redirect_uri: str, verifier: str
    ) -> dict[str, str]:
        """The tokens for the query the owner came back with, whose signature and store were found right.

        Raises NotAuthorised where they were not, where the owner said no, and where the code is not taken.
        """
        secret, home = str(settings["client_secret"]), client.home(str(settings["shop"]))
        if not client.callback_signed(answer, secret):
            raise NotAuthorised("Shopify: the answer was not signed by this app; begin again, or correct client_secret")
        shop = answer.get("shop", "")
        if not re.fullmatch(r"[a-z0-9][a-z0-9-]*\.myshopify\.com", shop) or shop != _domain(home, shop):
            raise NotAuthorised(
                f"Shopify: the answer is from {shop or 'no store'} and not from {home}; begin again there"
            )
        if not answer.get("code"):
            raise NotAuthorised("Shopify: the store's owner did not allow it; begin again when they do")
        app = Credentials(client_id=str(settings["client_id"]), client_secret=secret)
        http = HttpClient(f"Shopify ({shop})")
        try:
            grant = await client.token(http, home, app, {"code": answer["code"], "expiring": "1"})
        finally:
            await http.close()
        return {"access_token": grant.access_token, "refresh_token": grant.refresh_token}

    # --- orders

    async def pull(self, since: datetime | None, cursor: str | None) -> Page:
        """One page of orders changed at or after ``since`` (whole seconds), oldest change first."""
        place = _read_cursor(cursor) if cursor else _Cursor(since)
        variables = {"query": self._query(place.at), "first": self._config.page_size, "after": place.after}
        found = (await self._client.ask(HEADS, variables, _Orders)).orders
        ids: list[str] = []
        rejected: list[Rejected] = []
        latest = place.at
        for node in found.nodes:
            try:
                head = payload.decode(node, _Head, "an entry in Shopify's list of orders")
            except Unreadable as problem:
                rejected.append(Rejected(Raw("", bytes(node)), problem.message, problem.field))
                continue
            ids.append(number(head.id))
            latest = head.updated_at
        items, bad = await self._raw(ids)
        following = _following(place, found.page_info, len(found.nodes), latest)
        next_cursor = msgspec.json.encode(following).decode() if following else None
        return Page(tuple(raw for raw, ships in items if ships), next_cursor, (*rejected, *bad))

    async def pull_ids(self, external_ids: Sequence[str]) -> Page:
        """These orders as they stand now."""
        items, rejected = await self._raw([one for one in dict.fromkeys(external_ids) if one.isdecimal()])
        return Page(tuple(raw for raw, _ in items), None, tuple(rejected))

    def _query(self, since: datetime | None) -> str | None:
        terms = [f"updated_at:>='{since.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}'"] if since else []
        if self._config.only.strip():
            terms.append(f"({self._config.only.strip()})")
        return " AND ".join(terms) or None

    async def _raw(self, ids: Sequence[str]) -> tuple[list[tuple[Raw, bool]], list[Rejected]]:
        """Payloads, each with whether there is anything to ship in it."""
        items: list[tuple[Raw, bool]] = []
        rejected: list[Rejected] = []
        for body in await self._reader.orders(ids):
            try:
                order = payload.decode(body, _Identified, "an order of Shopify").order
            except Unreadable as problem:
                rejected.append(Rejected(Raw("", body), problem.message, problem.field))
                continue
            items.append((Raw(number(order.id), body), _ships(body)))
        return items, rejected

    def read(self, raw: Raw) -> ChannelOrder:
        """What the payload says; raises Unreadable with the path of the field that is wrong."""
        return mapping.read(raw, ship_authorized=self._config.ship_authorized)

    def verify_hook(self, headers: Mapping[str, str], body: bytes) -> Hook:
        """The order that a genuine, fresh webhook is about, to be read again."""
        return webhook.hook(headers, body, self._config.webhook_secret or self._config.client_secret)

    # --- parcels

    async def push_tracking(self, parcel: Parcel) -> str:
        """The order has a fulfillment with this number for these pieces, one for each location they leave from.

        Returns the fulfillments' numbers joined by ``+``. Raises Refused with INCOMPLETE_PARCEL, ON_HOLD, OVER_SHIPPED,
        CANCELED, NOT_FOUND or USER_ERROR for its code, and TryLater where an answer was lost.
        """
        return await self._shipper.push(parcel)

    async def read_tracking(self, external_ids: Sequence[str]) -> dict[str, tuple[ChannelParcel, ...]]:
        """The fulfillments on their way, by order; a fulfillment with several numbers comes once for each."""
        found = await self._reader.fulfillments([one for one in dict.fromkeys(external_ids) if one.isdecimal()])
        return {
            order: tuple(
                ChannelParcel(tracking_number, None, number(one.id))
                for one in fulfillments
                if one.sent
                for tracking_number in one.numbers
            )
            for order, fulfillments in found.items()
        }

    async def cancel_order(self, external_id: str, lines: Sequence[tuple[str, int]], reason: str) -> None:
        """The whole order is being canceled at Shopify, which does that in a job of its own."""
        await self._shipper.cancel(external_id, lines, reason)

    # --- listings

    async def listed(self, cursor: str | None) -> ListedPage:
        """One page of product variants, in the order of their ids. Needs read_products."""
        found = (await self._client.ask(VARIANTS, {"first": 100, "after": cursor}, _Variants)).product_variants
        page = found.page_info
        return ListedPage(tuple(map(_listed, found.nodes)), page.end_cursor if page.has_next_page else None)

    # --- the connection

    async def finish(self, done: Sequence[str]) -> None:
        """Nothing is left to do: reading changes nothing at the store."""

    async def check(self) -> str:
        """The token is taken and has every scope; says which store it is. Raises NotAuthorised naming what is missing."""
        found = await self._client.ask(CHECK, {}, _Checked)
        held = {scope.handle for scope in found.current_app_installation.access_scopes}
        held |= {scope.replace("write_", "read_", 1) for scope in held if scope.startswith("write_")}
        if missing := [scope for scope in self.scopes if scope not in held]:
            raise NotAuthorised(
                f"Shopify: the app has no {', '.join(missing)} in {found.shop.name}. Add it to the app's scopes in the Dev"
                " Dashboard, release the version, and let the store accept it."
            )
        shop = found.shop
        old = "" if _OLD_ORDERS in held else "; orders of the last 60 days only, without read_all_orders"
        return f"{shop.name} at {shop.myshopify_domain} ({shop.currency_code}), API {VERSION}{old}"

    async def close(self) -> None:
        """Connections are closed."""
        await self._client.close()


def _ships(body: bytes) -> bool:
    """Is there a line in it that has to be shipped? What cannot be told apart is looked at by ``read``."""
    try:
        lines = msgspec.json.decode(body, type=_Goods).order.line_items.nodes
    except msgspec.DecodeError:
        return True
    return any(line.requires_shipping for line in lines)


def _credentials(config: Config) -> Credentials:
    return Credentials(
        access_token=config.access_token,
        client_id=config.client_id,
        client_secret=config.client_secret,
        refresh_token=config.refresh_token,
    )


def _domain(home: str, shop: str) -> str:
    """The store's domain. On loopback, where a demo channel plays every store, it is any."""
    host = urlsplit(home).hostname or ""
    return shop if host in {"127.0.0.1", "localhost"} else host


def _following(place: _Cursor, page: PageInfo, count: int, latest: datetime | None) -> _Cursor | None:
    if not page.has_next_page:
        return None
    if page.end_cursor is None:
        raise Unreadable("Shopify says that the list of orders goes on, and not from where", "pageInfo.endCursor")
    seen = place.seen + count
    moved = latest is not None and (place.at is None or latest.replace(microsecond=0) > place.at.replace(microsecond=0))
    if seen >= WINDOW and moved:
        return _Cursor(latest)
    return _Cursor(place.at, page.end_cursor, seen)


def _read_cursor(text: str) -> _Cursor:
    try:
        return msgspec.json.decode(text, type=_Cursor)
    except msgspec.DecodeError as error:
        raise Invalid(f"this is no cursor of the Shopify connector: {text!r}", field="cursor") from error


def _listed(variant: _Variant) -> ListedItem:
    mapping.known(variant.product.status, _BUYABLE | _UNBUYABLE, "status of a product", "product.status")
    return ListedItem(
        external_id=number(variant.id),
        sku=variant.sku or "",
        title=variant.display_name,
        barcode=variant.barcode or "",
        active=variant.product.status in _BUYABLE,
    )
