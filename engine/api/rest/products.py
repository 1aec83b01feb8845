"""Our own SKUs, and which suppliers offer them."""

from __future__ import annotations

import re
from typing import Annotated

import msgspec
from msgspec import Meta

from engine.api.rest import named, pages
from engine.api.rest.named import SupplierRef
from engine.api.rest.pages import CursorText, Limit, Page
from engine.api.rest.problems import Trouble
from engine.api.rest.reading import Name
from engine.api.rest.table import Call, route
from engine.domain.roles import Permission
from engine.domain.scopes import Scope
from engine.errors import Invalid, NotFound
from engine.services import listings, products
from engine.services.listings import OfferView, ProductView
from engine.services.products import OfferValues, ProductValues


class ProductQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which products."""

    text: Annotated[str, Meta(max_length=200, description="Only with this in the SKU or the title.")] = ""
    limit: Limit = 50
    cursor: CursorText = ""


class Offers(msgspec.Struct, frozen=True):
    """Who offers a product."""

    offers: list[OfferView]


class Offered(ProductView, frozen=True, kw_only=True):
    """A product and who offers it. ``became_ready`` counts the orders that waited for it and no longer do, ``checked_later``
    those that are still to be checked, in the background."""

    became_ready: int
    checked_later: int


async def list_products(call: Call, query: ProductQuery) -> Page[ProductView]:
    """List products with their offers, by SKU."""
    place = pages.begin(query, "products", str)
    after = place[0] if place is not None else ""
    found = await listings.products(query.text, after=after, limit=query.limit)
    return pages.page(call, query, "products", found, (found[-1].sku,) if len(found) == query.limit else None)


async def get_product(call: Call, sku: Name) -> ProductView:
    """Get a product with its offers."""
    return _tagged(call, await listings.product(sku))


async def put_product(call: Call, sku: Name, body: ProductValues) -> ProductView:
    """Put a product: it is made, or its title and policy are replaced, and its barcode where one is said ("": none).

    With If-Match only if it still is as it was read, with `If-None-Match: *` only if there is none.
    """
    view, made = await products.put(sku, body, call.by, expected=_seen(call))
    call.http_status = 201 if made else 200
    return _tagged(call, view)


async def list_product_offers(call: Call, sku: Name) -> Offers:
    """List who offers a product, at which cost."""
    return Offers(list(_tagged(call, await listings.product(sku)).offers))


async def put_offer(call: Call, sku: Name, supplier: SupplierRef, body: OfferValues) -> Offered:
    """Put a supplier's offer of a product: cost in minor units of the supplier's currency; an offer there was is replaced.

    Orders that waited for it are checked again.
    With If-Match only if the product and its offers still are as they were read.
    """
    try:
        who = await named.supplier(supplier)
    except Invalid as error:  # a name in the address, and not one that was sent
        raise NotFound(error.message) from error
    view, orders = await products.put_offer(sku, who.id, body, call.by, expected=_seen(call))
    known = {name: getattr(view, name) for name in ProductView.__struct_fields__}
    _tagged(call, view)
    return Offered(**known, became_ready=orders.ready, checked_later=orders.later)


def _tagged(call: Call, view: ProductView) -> ProductView:
    call.answered["ETag"] = f'"{products.mark(view)}"'
    return view


def _seen(call: Call) -> str | None:
    """What the caller expects there to be; None where they do not say."""
    if call.headers.get("If-None-Match", "").strip() == "*":
        return products.NONE
    given = call.headers.get("If-Match")
    if given is None:
        return None
    if not re.fullmatch(r"[!-~]{1,60}", given):
        raise Trouble("invalid", "If-Match is an ETag as it was sent, or *", field="If-Match")
    return given.removeprefix('"').removesuffix('"')


_READ, _WRITE, _PUT = Scope.CATALOG_READ, Scope.CATALOG_WRITE, Permission.PRODUCTS
_TAG = {"ETag": "Another one whenever the product or one of its offers is another."}
ROUTES = (
    route("GET", "/products", _READ, Permission.VIEW, list_products, paged=True),
    route("GET", "/products/{sku}", _READ, Permission.VIEW, get_product, tags=_TAG),
    route("PUT", "/products/{sku}", _WRITE, _PUT, put_product, tags=_TAG, guard="heeded", statuses=(200, 201)),
    route("GET", "/products/{sku}/offers", _READ, Permission.VIEW, list_product_offers, tags=_TAG),
    route("PUT", "/products/{sku}/offers/{supplier}", _WRITE, _PUT, put_offer, tags=_TAG, guard="heeded"),
)
