"""What a seller lists on Amazon, by the Listings Items API.

A search shows a thousand listings at most, so that the next thousand is searched from the day the last one was created.
Source: https://developer-docs.amazon.com/sp-api/docs/search-for-listings-items-by-id
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

import msgspec

from engine.connectors.channels.amazon import client as api
from engine.connectors.channels.amazon import mapping
from engine.connectors.channels.amazon.marketplaces import Marketplace
from engine.connectors.payload import unreadable
from engine.errors import Misconfigured, Unreadable
from engine.ports_channels import ListedItem, ListedPage

PAGE = 20
MOST = 1000  # that one search goes on for


class _Cursor(msgspec.Struct, omit_defaults=True):
    """The marketplace, the search in it (those created since), and how many of it were seen."""

    at: int = 0
    since: datetime | None = None
    token: str = ""
    seen: int = 0


class _Summary(msgspec.Struct, rename="camel"):
    marketplace_id: str = ""
    item_name: str = ""
    status: list[str] = []
    created_date: datetime | None = None


class _Item(msgspec.Struct):
    sku: str
    summaries: list[_Summary] = []
    attributes: dict[str, Any] = {}


class _Pagination(msgspec.Struct, rename="camel"):
    next_token: str = ""


class _Found(msgspec.Struct):
    items: list[_Item]
    pagination: _Pagination | None = None


async def page(client: api.Client, seller: str, places: Sequence[Marketplace], cursor: str | None) -> ListedPage:
    """One page, and where the next is. Raises Misconfigured without a seller's id, and as reading from Amazon does."""
    if not seller:
        raise Misconfigured(
            "Amazon: seller_id is not set; it is the Merchant Token in Seller Central > Settings > Account Info"
        )
    try:
        here = msgspec.json.decode(cursor, type=_Cursor) if cursor else _Cursor()
        place = places[here.at]
    except (msgspec.DecodeError, IndexError) as error:
        raise Unreadable(f"this is no place in a walk through Amazon's listings: {cursor!r}") from error
    params = {
        "marketplaceIds": place.id, "includedData": "summaries,attributes", "sortBy": "createdDate", "sortOrder": "ASC",
        "pageSize": str(PAGE),
    }  # fmt: skip
    if here.since:
        params["createdAfter"] = mapping.written(here.since)
    if here.token:
        params["pageToken"] = here.token
    answer = await client.get(api.LISTINGS, f"/listings/2021-08-01/items/{quote(seller, safe='')}", params)
    try:
        found = msgspec.json.decode(answer.body, type=_Found)
    except msgspec.DecodeError as error:
        raise unreadable(error, "Amazon's listings") from error
    following = _following(here, found, len(places))
    items = tuple(_listed(item, place) for item in found.items)
    return ListedPage(items, msgspec.json.encode(following).decode() if following else None)


def _following(here: _Cursor, found: _Found, places: int) -> _Cursor | None:
    seen = here.seen + len(found.items)
    token = found.pagination.next_token if found.pagination else ""
    if token:
        return _Cursor(here.at, here.since, token, seen)
    if seen >= MOST:
        last = max((s.created_date for item in found.items for s in item.summaries if s.created_date), default=None)
        if last is not None and last != here.since:
            return _Cursor(here.at, last)
    return _Cursor(here.at + 1) if here.at + 1 < places else None


def _listed(item: _Item, place: Marketplace) -> ListedItem:
    summary = next((one for one in item.summaries if one.marketplace_id == place.id), _Summary())
    return ListedItem(
        external_id=f"{place.id}/{item.sku}",
        sku=item.sku,
        title=summary.item_name,
        barcode=_barcode(item.attributes.get("externally_assigned_product_identifier")),
        active="BUYABLE" in summary.status,
    )


def _barcode(identifiers: Any) -> str:
    # [{"type": "upc", "value": "…", "marketplace_id": "…"}]; the shape is that of the product type, so nothing is demanded.
    for one in identifiers if isinstance(identifiers, list) else ():
        if isinstance(one, dict) and isinstance(one.get("value"), str):
            return str(one["value"])
    return ""
