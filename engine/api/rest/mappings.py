"""Mappings: which method a rate goes by at a supplier, which products a channel's SKU stands for."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from engine.api.rest import named, pages
from engine.api.rest.named import ChannelRef, SupplierRef
from engine.api.rest.pages import CursorText, Limit, Page
from engine.api.rest.table import Call, route
from engine.domain.roles import Permission
from engine.domain.scopes import Scope
from engine.services import listings, setup, unmap
from engine.services.listings import ListingView, MappingView, UnmappedRate, UnmappedSku
from engine.services.unmap import Unmapped

Rate = Annotated[
    str, Meta(max_length=200, description="The rate as the customer chose it; empty for orders without one.")
]
Sku = Annotated[str, Meta(min_length=1, max_length=200)]
ProductSku = Annotated[str, Meta(min_length=1, max_length=120)]


class MappingQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Of which channel."""

    channel: Annotated[str, Meta(max_length=200, description="A channel: its id or its name; all where not given.")] = (
        ""
    )
    limit: Limit = 50
    cursor: CursorText = ""


class ListingQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Of which channel, and with which words."""

    channel: Annotated[str, Meta(max_length=200, description="A channel: its id or its name; all where not given.")] = (
        ""
    )
    text: Annotated[
        str, Meta(max_length=200, description="Only with this in the SKU, the title or the channel's name.")
    ] = ""
    limit: Limit = 50
    cursor: CursorText = ""


class RateAt(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A channel's rate at a supplier."""

    channel: ChannelRef
    rate: Rate
    supplier: SupplierRef


class ShippingMapping(RateAt, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A channel's rate goes by this method (its code) at this supplier."""

    method: Annotated[str, Meta(min_length=1, max_length=80)]


class SkuAt(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A channel's SKU."""

    channel: ChannelRef
    sku: Sku


class SkuMapping(SkuAt, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A channel's SKU stands for these products of ours, with so many pieces of each."""

    components: Annotated[
        dict[ProductSku, Annotated[int, Meta(ge=1, le=100_000)]], Meta(min_length=1, max_length=100)
    ]  # fmt: skip
    title: Annotated[str, Meta(max_length=300)] = ""


class Mapped(msgspec.Struct, frozen=True):
    """``became_ready`` counts the waiting orders that this made ready."""

    became_ready: int


class Missing(msgspec.Struct, frozen=True):
    """What orders wait to have mapped, what holds up most of them first."""

    rates: list[UnmappedRate]
    skus: list[UnmappedSku]


async def list_shipping_mappings(call: Call, query: MappingQuery) -> Page[MappingView]:
    """List shipping mappings, by channel, rate and supplier."""
    of = (await named.channel(query.channel)).id if query.channel else None
    place = pages.begin(query, "rates", str, str, str)
    found = await listings.mappings(of)
    after = tuple(place) if place is not None else None
    rest = [row for row in sorted(found, key=_rate) if after is None or _rate(row) > after]
    shown = rest[: query.limit]
    return pages.page(call, query, "rates", shown, _rate(shown[-1]) if len(rest) > len(shown) else None)


def _rate(row: MappingView) -> tuple[str, str, str]:
    return row.channel, row.rate, row.supplier


async def put_shipping_mapping(call: Call, body: ShippingMapping) -> Mapped:
    """Map a rate to a supplier's method; the one it had before is replaced, and orders that wait for it are checked again."""
    channel, supplier = await named.channel(body.channel), await named.supplier(body.supplier)
    return Mapped(await setup.map_shipping(channel.id, body.rate, supplier.id, body.method, call.by))


async def delete_shipping_mapping(call: Call, query: RateAt) -> Unmapped:
    """Take a shipping mapping back: unsent orders that went by it wait for a person again."""
    channel, supplier = await named.channel(query.channel), await named.supplier(query.supplier)
    return await unmap.unmap_shipping(channel.id, query.rate, supplier.id, call.by)


async def list_sku_mappings(call: Call, query: ListingQuery) -> Page[ListingView]:
    """List what the channels' SKUs stand for, by channel and SKU."""
    of = (await named.channel(query.channel)).id if query.channel else None
    place = pages.begin(query, "skus", str, str)
    after = (place[0], place[1]) if place is not None else ("", "")
    found = await listings.listings(of, query.text, after=after, limit=query.limit)
    more = len(found) == query.limit
    return pages.page(call, query, "skus", found, (found[-1].channel, found[-1].sku) if more else None)


async def put_sku_mapping(call: Call, body: SkuMapping) -> Mapped:
    """Say what a channel's SKU stands for; what it stood for before is replaced, and orders that wait for it are checked."""
    channel = await named.channel(body.channel)
    return Mapped(await setup.map_sku(channel.id, body.sku, body.components, call.by, title=body.title))


async def delete_sku_mapping(call: Call, query: SkuAt) -> Unmapped:
    """Say that a channel's SKU stands for nothing any more: unsent orders of it wait for a person again."""
    return await unmap.unmap_sku((await named.channel(query.channel)).id, query.sku, call.by)


async def list_missing_mappings(call: Call) -> Missing:
    """List the rates and SKUs that orders wait to have mapped."""
    return Missing(await listings.unmapped_rates(), await listings.unmapped_skus())


_READ, _WRITE = Scope.CATALOG_READ, Scope.CATALOG_WRITE
ROUTES = (
    route("GET", "/mappings/missing", _READ, Permission.VIEW, list_missing_mappings),
    route("GET", "/mappings/shipping", _READ, Permission.VIEW, list_shipping_mappings, paged=True),
    route("PUT", "/mappings/shipping", _WRITE, Permission.MAPPINGS, put_shipping_mapping, problems=("not-found",)),
    route(
        "DELETE", "/mappings/shipping", _WRITE, Permission.MAPPINGS, delete_shipping_mapping, problems=("not-found",)
    ),
    route("GET", "/mappings/skus", _READ, Permission.VIEW, list_sku_mappings, paged=True),
    route("PUT", "/mappings/skus", _WRITE, Permission.MAPPINGS, put_sku_mapping, problems=("not-found",)),
    route("DELETE", "/mappings/skus", _WRITE, Permission.MAPPINGS, delete_sku_mapping, problems=("not-found",)),
)
