"""Mappings in and out as CSV: columns kind (rate or sku), channel, rate, supplier, method, sku, product, quantity."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import msgspec

from tui import sheets

if TYPE_CHECKING:
    from engine.services.lifecycle import Actor

COLUMNS = ("kind", "channel", "rate", "supplier", "method", "sku", "product", "quantity")


class Taken(msgspec.Struct):
    """How many mappings were set, how many waiting orders became ready by them, and a sentence for each wrong row."""

    done: int = 0
    freed: int = 0
    wrong: list[str] = msgspec.field(default_factory=list)


def part(text: str) -> tuple[str, int]:
    """``LAMP-BR=2`` is two of a product, ``LAMP-BR`` one; raises Invalid."""
    from engine.errors import Invalid

    name, equals, pieces = text.rpartition("=")
    if not equals:
        return text, 1
    if not pieces.isdecimal():
        raise Invalid(f"{text}: write it as PRODUCT=PIECES, as in LAMP-BR=2", "products")
    return name, int(pieces)


async def take(path: str, by: Actor) -> Taken:
    """Every mapping of the file is set; a row that is wrong is told and the others are taken. Raises Invalid for no such CSV."""
    from engine.errors import BluebookError, Invalid
    from engine.services import listings, setup

    found = Taken()
    kits: dict[tuple[str, str], tuple[int, dict[str, int]]] = {}
    for line, row in sheets.read(path, ("kind", "channel"), COLUMNS[2:]):
        try:
            if row["kind"] == "rate":
                where, who = await listings.channel(row["channel"]), await listings.supplier(row.get("supplier", ""))
                found.freed += await setup.map_shipping(
                    where.id, row.get("rate", ""), who.id, row.get("method", ""), by
                )
                found.done += 1
            elif row["kind"] == "sku":
                pieces = part(f"{row.get('product', '')}={row.get('quantity') or 1}")
                kits.setdefault((row["channel"], row.get("sku", "")), (line, {}))[1].update([pieces])
            else:
                raise Invalid(f"kind {row['kind']!r} is neither rate nor sku", "kind")
        except BluebookError as error:
            found.wrong.append(f"line {line}: {error.message}")
    for (channel, listed), (line, components) in kits.items():
        try:
            found.freed += await setup.map_sku((await listings.channel(channel)).id, listed, components, by)
            found.done += 1
        except BluebookError as error:
            found.wrong.append(f"line {line}: {error.message}")
    return found


async def rows() -> AsyncIterator[list[Any]]:
    """Every mapping, as ``take`` reads it."""
    from engine.services import listings

    for m in await listings.mappings():
        yield ["rate", m.channel, m.rate, m.supplier, m.method_code, "", "", ""]
    after = ("", "")
    while page := await listings.listings(after=after, limit=listings.LARGEST_PAGE):
        for r in page:
            for product, quantity in r.components.items():
                yield ["sku", r.channel, "", "", "", r.sku, product, quantity]
        after = (page[-1].channel, page[-1].sku)
