"""Channels and suppliers: which there are, how they are, and having them asked now. Their settings and secrets stay inside."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from engine.api.rest import pages
from engine.api.rest.pages import CursorText, Limit, Page, PageQuery
from engine.api.rest.reading import Id
from engine.api.rest.table import Call, route
from engine.domain.roles import Permission
from engine.domain.scopes import Scope
from engine.errors import Invalid, NotFound, Refused
from engine.services import listings, schedule
from engine.services.listings import ChannelView, MethodView, SupplierOffer, SupplierView


class Channel(msgspec.Struct, frozen=True, kw_only=True):
    """A channel. ``state``: ok, failing (it is tried again), paused or disabled; ``orders`` counts by status; ``auto_limit`` is
    minor units of ``auto_currency``."""

    id: int
    name: str
    connector: str
    prefix: str
    state: str
    enabled: bool
    poll_seconds: int
    created_at: datetime
    pulled_at: datetime | None
    auto_process: bool
    auto_limit: int | None
    auto_currency: str
    orders: dict[str, int]


class Supplier(msgspec.Struct, frozen=True, kw_only=True):
    """A supplier. ``state``: ok, failing (it is tried again), paused or disabled."""

    id: int
    code: str
    name: str
    connector: str
    state: str
    enabled: bool
    currency: str
    priority: int
    poll_seconds: int
    created_at: datetime
    polled_at: datetime | None
    methods: int
    offers: int


class Condition(msgspec.Struct, frozen=True):
    """How a connection is: ``reason`` is why it is paused or what last went wrong, ``heard_at`` when it last answered a poll."""

    ok: bool
    state: str
    reason: str
    heard_at: datetime | None


class Methods(msgspec.Struct, frozen=True):
    """The shipping methods a supplier offers."""

    methods: list[MethodView]


class OfferQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which offers."""

    text: Annotated[str, Meta(max_length=200, description="Only with this in a SKU or the title.")] = ""
    limit: Limit = 50
    cursor: CursorText = ""


class Synced(msgspec.Struct, frozen=True):
    """A worker asks it next."""

    message: str


async def list_channels(call: Call, query: PageQuery) -> Page[Channel]:
    """List channels, by id."""
    return _page(call, query, "channels", [_channel(view) for view in await listings.channels()])


async def get_channel(call: Call, channel_id: Id) -> Channel:
    """Get a channel."""
    return _channel(await _the_channel(channel_id))


async def get_channel_health(call: Call, channel_id: Id) -> Condition:
    """Say how a channel is."""
    view = await _the_channel(channel_id)
    return _condition(view, view.pulled_at)


async def sync_channel(call: Call, channel_id: Id) -> Synced:
    """Have a channel's orders pulled now, by a worker."""
    view = await _the_channel(channel_id)
    return await _sync(view, schedule.key("channels.poll", channel_id))


async def list_suppliers(call: Call, query: PageQuery) -> Page[Supplier]:
    """List suppliers, by id."""
    return _page(call, query, "suppliers", [_supplier(view) for view in await listings.suppliers()])


async def get_supplier(call: Call, supplier_id: Id) -> Supplier:
    """Get a supplier."""
    return _supplier(await _the_supplier(supplier_id))


async def get_supplier_health(call: Call, supplier_id: Id) -> Condition:
    """Say how a supplier is."""
    view = await _the_supplier(supplier_id)
    return _condition(view, view.polled_at)


async def sync_supplier(call: Call, supplier_id: Id) -> Synced:
    """Have a supplier listened to now, by a worker."""
    view = await _the_supplier(supplier_id)
    return await _sync(view, schedule.key("suppliers.poll", supplier_id))


async def list_methods(call: Call, supplier_id: Id) -> Methods:
    """List a supplier's shipping methods."""
    return Methods(await listings.methods((await _the_supplier(supplier_id)).id))


async def list_supplier_offers(call: Call, supplier_id: Id, query: OfferQuery) -> Page[SupplierOffer]:
    """List what a supplier offers, by our SKU; cost in minor units of its currency."""
    await _the_supplier(supplier_id)
    place = pages.begin(query, f"offers {supplier_id}", str)
    after = place[0] if place is not None else ""
    found = await listings.offers(supplier_id, query.text, after=after, limit=query.limit)
    return pages.page(
        call, query, f"offers {supplier_id}", found, (found[-1].sku,) if len(found) == query.limit else None
    )


async def _the_channel(channel_id: int) -> ChannelView:
    for view in await listings.channels():
        if view.id == channel_id:
            return view
    raise NotFound(f"there is no channel {channel_id}")


async def _the_supplier(supplier_id: int) -> SupplierView:
    for view in await listings.suppliers():
        if view.id == supplier_id:
            return view
    raise NotFound(f"there is no supplier {supplier_id}")


def _channel(view: ChannelView) -> Channel:
    return Channel(**{name: getattr(view, name) for name in Channel.__struct_fields__})


def _supplier(view: SupplierView) -> Supplier:
    return Supplier(**{name: getattr(view, name) for name in Supplier.__struct_fields__})


def _condition(view: ChannelView | SupplierView, heard_at: datetime | None) -> Condition:
    return Condition(view.state == "ok", view.state, view.paused_reason or view.last_error, heard_at)


async def _sync(view: ChannelView | SupplierView, key: str) -> Synced:
    if view.state in ("disabled", "paused"):
        raise Refused(f"{view.name} is {view.state}{f': {view.paused_reason}' if view.paused_reason else ''}")
    try:
        await schedule.trigger(key)
    except Invalid as error:
        raise Refused(f"{view.name} is not polled: set its poll_seconds first") from error
    return Synced(f"{view.name} is asked as soon as a worker is free")


def _page(call: Call, query: PageQuery, kind: str, every: list[pages.T]) -> Page[pages.T]:
    place = pages.begin(query, kind, int)
    rows = sorted(every, key=_id)
    if place is not None:
        rows = [row for row in rows if _id(row) > place[0]]
    shown = rows[: query.limit]
    return pages.page(call, query, kind, shown, (_id(shown[-1]),) if len(rows) > len(shown) else None)


def _id(row: Any) -> int:
    number: int = row.id
    return number


_READ, _WRITE = Scope.SETTINGS_READ, Scope.SETTINGS_WRITE
ROUTES = (
    route("GET", "/channels", _READ, Permission.VIEW, list_channels, noun="channels", paged=True),
    route("GET", "/channels/{channel_id}", _READ, Permission.VIEW, get_channel, noun="channels"),
    route("GET", "/channels/{channel_id}/health", _READ, Permission.VIEW, get_channel_health, noun="channels"),
    route(
        "POST",
        "/channels/{channel_id}/sync",
        _WRITE,
        Permission.CHANNELS,
        sync_channel,
        noun="channels",
        statuses=(202,),
    ),
    route("GET", "/suppliers", _READ, Permission.VIEW, list_suppliers, noun="suppliers", paged=True),
    route("GET", "/suppliers/{supplier_id}", _READ, Permission.VIEW, get_supplier, noun="suppliers"),
    route("GET", "/suppliers/{supplier_id}/health", _READ, Permission.VIEW, get_supplier_health, noun="suppliers"),
    route(
        "POST",
        "/suppliers/{supplier_id}/sync",
        _WRITE,
        Permission.SUPPLIERS,
        sync_supplier,
        noun="suppliers",
        statuses=(202,),
    ),
    route("GET", "/suppliers/{supplier_id}/methods", _READ, Permission.VIEW, list_methods, noun="suppliers"),
    route(
        "GET",
        "/suppliers/{supplier_id}/offers",
        Scope.CATALOG_READ,
        Permission.VIEW,
        list_supplier_offers,
        noun="suppliers",
        paged=True,
    ),
)
