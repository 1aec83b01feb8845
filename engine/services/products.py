"""Products and offers put as a whole, by those who looked at them before: nobody overwrites what they did not see."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

import msgspec
from msgspec import Meta
from tortoise.exceptions import IntegrityError

from engine import db
from engine.domain.routing import Policy
from engine.errors import Invalid, NotFound, StaleState
from engine.models import Product
from engine.services import distinct, listings, restock, settings_book, setup
from engine.services.lifecycle import Actor
from engine.services.listings import ProductView
from engine.services.restock import Rechecked

ANY, NONE = "*", "-"
"""What may be expected instead of a mark: that there is such a product, whatever it is, or that there is none."""
_LOCK = 727_003


class ProductValues(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a product is: its title, by what its supplier is chosen, and its barcode (UPC, EAN, ISBN; "" for none, null
    leaves it)."""

    title: Annotated[str, Meta(max_length=300)] = ""
    policy: Policy = Policy.PRIORITY
    barcode: Annotated[str, Meta(max_length=40)] | None = None


class OfferValues(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A supplier's offer: its own SKU for the product, the cost in minor units of its currency, and the pieces in stock."""

    sku: Annotated[str, Meta(min_length=1, max_length=200)]
    cost: Annotated[int, Meta(ge=0, le=10**15)]
    stock: Annotated[int, Meta(ge=0, le=2**31 - 1)] | None = None
    priority: Annotated[int, Meta(ge=-(10**6), le=10**6)] | None = None
    enabled: bool = True


def mark(view: ProductView) -> str:
    """Another one whenever the product or one of its offers is another; times at which something was told do not count."""
    offers = [(o.supplier, o.sku, o.cost, o.stock, o.enabled, o.priority) for o in view.offers]
    return hashlib.sha256(msgspec.json.encode((view.sku, view.title, view.policy, view.barcode, offers))).hexdigest()[
        :24
    ]


async def put(
    sku: str, values: ProductValues, by: Actor, *, expected: str | None = None
) -> tuple[ProductView, bool]:  # fmt: skip
    """The product is as said; how it is listed, and whether it is new. Raises StaleState where ``expected`` (its mark) is
    not what it was, and Invalid."""
    if not 1 <= len(sku) <= 120 or sku.strip() != sku:
        raise Invalid("a SKU has 1 to 120 characters, and no blanks around it", "sku")
    distinct.written(sku, "sku")
    async with _looking_at(sku, expected) as known:
        if known is None:
            await setup.add_product(sku, values.title, by, policy=values.policy, barcode=values.barcode or "")
        else:
            await _replace(known, values, by)
    return await listings.product(sku), known is None


async def _replace(known: ProductView, values: ProductValues, by: Actor) -> None:
    if (known.title, known.policy) != (values.title, values.policy):
        after = {"title": values.title, "policy": values.policy.value}
        await Product.filter(id=known.id).update(**after)
        await settings_book.note(
            by, "product:set", known.sku, subject=f"product {known.id}",
            before={"title": known.title, "policy": known.policy}, after=after,
        )  # fmt: skip
    if values.barcode is not None:
        await setup.set_barcode(known.sku, values.barcode, by)


async def put_offer(
    sku: str, supplier_id: int, values: OfferValues, by: Actor, *, expected: str | None = None
) -> tuple[ProductView, Rechecked]:
    """The supplier offers the product so; how it is listed, and what became of the orders that waited for it. ``expected``
    is the mark of the product. Raises NotFound, StaleState and Invalid."""
    if not values.sku.strip():
        raise Invalid("say by which SKU the supplier knows it", "sku")
    distinct.written(values.sku, "supplier_sku", "sku")
    options = {"stock": values.stock, "priority": values.priority, "enabled": values.enabled}
    try:
        async with _looking_at(sku, expected) as known:
            if known is None:
                raise NotFound(f"there is no product {sku!r}: put the product first, then its offers")
            await setup.add_offer(supplier_id, sku, values.sku.strip(), values.cost, by, recheck=False, **options)
    except IntegrityError as error:
        raise Invalid(f"the supplier's SKU {values.sku.strip()!r} is that of another product", "sku") from error
    view = await listings.product(sku)
    return view, await restock.recheck([view.id], by)


@asynccontextmanager
async def _looking_at(sku: str, expected: str | None) -> AsyncIterator[ProductView | None]:
    """The product as it is, in a transaction in which nobody else puts any."""
    async with db.transaction():
        if db.is_postgres():
            await db.rows("SELECT pg_advisory_xact_lock(?)", _LOCK)
        try:
            known = await listings.product(sku)
        except NotFound:
            known = None
        if known is None and expected not in (None, NONE):
            raise StaleState(f"there is no product {sku!r} any more: put it without saying which you saw")
        if known is not None and expected not in (None, ANY, mark(known)):
            raise StaleState(f"{sku} is another than the one you saw: read it again, and decide again")
        yield known
