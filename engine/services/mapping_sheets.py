"""Mappings in and out as tables: columns kind (rate or sku), channel, rate, supplier, method, sku, product, quantity."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Iterable
from typing import Any

import msgspec

from engine.domain.cells import guarded
from engine.errors import BluebookError, Invalid
from engine.services import listings, offered, setup
from engine.services.lifecycle import Actor
from engine.services.sheet_in import Rows

COLUMNS = ("kind", "channel", "rate", "supplier", "method", "sku", "product", "quantity")
NEEDED, KNOWN = COLUMNS[:2], COLUMNS[2:]
_TARGETS = {"rate": "method", "sku": "product"}


class Taken(msgspec.Struct):
    """How many mappings were set, how many waiting orders became ready by them, how many rows still name no method or
    product, and a sentence for each wrong row."""

    done: int = 0
    freed: int = 0
    left: int = 0
    wrong: list[str] = msgspec.field(default_factory=list)


def part(text: str) -> tuple[str, int]:
    """``LAMP-BR=2`` is two of a product, ``LAMP-BR`` one; raises Invalid."""
    name, equals, pieces = text.rpartition("=")
    if not equals:
        return text, 1
    if not pieces.isdecimal():
        raise Invalid(f"{text}: write it as PRODUCT=PIECES, as in LAMP-BR=2", "products")
    return name, int(pieces)


async def take(rows: Rows, by: Actor) -> Taken:
    """Every mapping of the rows is set; one that is wrong is told, with its line, and the others are taken.

    A row that names no method or product is one that ``rows`` gave to be filled in, and that nobody has: it is only counted.
    """
    found = Taken()
    kits: dict[tuple[str, str], tuple[int, dict[str, int]]] = {}
    for line, row in rows:
        try:
            if row["kind"] in _TARGETS and not row.get(_TARGETS[row["kind"]], "").strip():
                found.left += 1
            elif row["kind"] == "rate":
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
    """What is missing, with nothing where its method or product belongs, then every mapping; as ``take`` reads it."""
    for rate in await listings.unmapped_rates():
        yield ["rate", rate.channel, rate.rate, rate.supplier, "", "", "", ""]
    waits = await listings.unmapped_skus()
    for one in waits:
        yield ["sku", one.channel, "", "", "", one.sku, "", ""]
    known = {(one.channel, one.sku) for one in waits}
    for channel in await listings.channels():
        async for items in offered.pages(channel.id):
            for item in items:
                if (item.channel, item.sku) not in known:
                    yield ["sku", item.channel, "", "", "", item.sku, "", ""]
    for m in await listings.mappings():
        yield ["rate", m.channel, m.rate, m.supplier, m.method_code, "", "", ""]
    after = ("", "")
    while page := await listings.listings(after=after, limit=listings.LARGEST_PAGE):
        for r in page:
            for product, quantity in r.components.items():
                yield ["sku", r.channel, "", "", "", r.sku, product, quantity]
        after = (page[-1].channel, page[-1].sku)


async def stream() -> AsyncIterator[bytes]:
    """What is missing and every mapping, as pieces of a CSV file, no cell of which a spreadsheet takes for a formula."""
    yield _written([COLUMNS])
    async for row in rows():
        yield _written([[guarded(cell) for cell in row]])


def _written(cells: Iterable[Iterable[Any]]) -> bytes:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(cells)
    return out.getvalue().encode("utf-8", "replace")
