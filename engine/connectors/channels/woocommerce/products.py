"""What a WooCommerce store offers: its products, and the variations of those that have some. Pure.

Source: https://woocommerce.github.io/woocommerce-rest-api-docs/#product-properties
"""

from __future__ import annotations

from typing import Any

import msgspec

from engine.connectors.payload import unreadable
from engine.ports_channels import ListedItem

FIELDS = "id,name,type,status,purchasable,sku,global_unique_id,variations"
_NEVER_SOLD = frozenset({"grouped", "external"})  # a list of others, a link to another shop


class _Attribute(msgspec.Struct):
    option: str = ""


class Product(msgspec.Struct):
    """A product; ``variations`` are the ids of what is sold instead of it."""

    id: int
    name: str
    type: str = "simple"
    status: str = "publish"
    purchasable: bool = True
    sku: str | None = ""
    global_unique_id: str | None = ""
    variations: list[int] = msgspec.field(default_factory=list)


class _Variation(msgspec.Struct):
    id: int
    status: str = "publish"
    purchasable: bool = True
    sku: str | None = ""
    global_unique_id: str | None = ""
    attributes: list[_Attribute] = msgspec.field(default_factory=list)


def _decode(body: bytes, kind: Any) -> Any:
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.DecodeError as error:
        raise unreadable(error, "WooCommerce's list of products") from error


def read(body: bytes) -> list[Product]:
    """The products of a page that can be sold; raises Unreadable."""
    return [one for one in _decode(body, list[Product]) if one.type not in _NEVER_SOLD]


def items(product: Product) -> list[ListedItem]:
    """A product that is sold as it is."""
    return [_item(product, str(product.id), product.name)]


def variations(product: Product, body: bytes) -> list[ListedItem]:
    """The product's variations, named by what they differ in; raises Unreadable."""
    found = []
    for one in _decode(body, list[_Variation]):
        options = ", ".join(attribute.option for attribute in one.attributes if attribute.option)
        found.append(_item(one, str(one.id), f"{product.name}, {options}" if options else product.name))
    return found


def _item(one: Product | _Variation, external_id: str, title: str) -> ListedItem:
    return ListedItem(
        external_id=external_id, sku=one.sku or "", title=title, barcode=one.global_unique_id or "",
        active=one.status == "publish" and one.purchasable,
    )  # fmt: skip
