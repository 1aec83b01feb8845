"""Offered products: a product for each SKU that channels offer and that none of ours is, so that nobody types a catalogue again.

Nothing that exists is changed: what is mapped stays mapped, and what a SKU or a barcode already tells is no new product.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from tortoise.exceptions import IntegrityError

from engine import db
from engine.domain.barcodes import gtin
from engine.errors import Invalid
from engine.services import distinct, offered, setup
from engine.services.lifecycle import Actor
from engine.services.offered import Unmapped


class NewProduct(msgspec.Struct, frozen=True, kw_only=True):
    """A product to be made: its SKU, and the title and barcode that the first of ``channels`` (by name) tells.

    ``listed`` are the channels' own SKUs that stand for it: (channel, SKU).
    """

    sku: str
    title: str
    barcode: str
    channels: tuple[str, ...]
    listed: tuple[tuple[int, str], ...]


class Plan(msgspec.Struct, frozen=True):
    """What would be made, by SKU, and the offered SKUs that can be none of ours: too long, with blanks around them …"""

    products: tuple[NewProduct, ...]
    unfit: tuple[str, ...]


class Made(msgspec.Struct, frozen=True):
    """The SKUs of the products that were made, how many SKUs of channels were mapped, and how many orders became ready."""

    products: tuple[str, ...]
    mapped: int
    freed: int
    unfit: tuple[str, ...]


async def plan(channel_id: int | None = None) -> Plan:
    """The products that would be made of what this channel, or every one, offers; nothing is made.

    None is made where it is known what a SKU is, or may be: mapped already, our own SKU however it is spelt, the SKU of
    another channel that is mapped, or a barcode.
    """
    found: dict[str, list[Unmapped]] = {}
    unfit: list[str] = []
    for id_ in await _channels(channel_id):
        async for page in offered.pages(id_):
            known = {one.sku for one in await offered.proposals(page, alike=False) if one.components}
            for row in page:
                if row.sku in known:
                    continue
                if _fits(row.sku):
                    found.setdefault(row.sku.lower(), []).append(row)
                else:
                    unfit.append(row.sku)
    return Plan(tuple(_distinct(found, await _shared())), tuple(unfit))


def _fits(sku: str) -> bool:
    """Can a product of ours have it, as it is?"""
    try:
        return distinct.written(sku, "sku") == sku
    except Invalid:
        return False


async def make(by: Actor, channel_id: int | None = None, *, most: int = 1_000_000) -> Made:
    """At most so many of the planned products exist and are mapped, then all that is beyond doubt; waiting orders are checked.

    Every product and every mapping is in the blue book of settings. What broke off goes on where it was.
    """
    planned = await plan(channel_id)
    made: list[str] = []
    mapped = freed = 0
    for one in planned.products[:most]:
        try:
            await setup.add_product(one.sku, one.title, by, barcode=one.barcode)
        except (Invalid, IntegrityError):
            continue  # somebody made it meanwhile: what it stands for is seen below
        made.append(one.sku)
        for listed_at, sku in one.listed:
            freed += await setup.map_sku(listed_at, sku, {one.sku: 1}, by, title=one.title)
            mapped += 1
    for id_ in await _channels(channel_id):
        taken = await offered.take_sure(id_, by, most=most)
        mapped, freed = mapped + len(taken.skus), freed + taken.freed
    return Made(tuple(made), mapped, freed, planned.unfit)


async def _channels(channel_id: int | None) -> list[int]:
    every = [int(row[0]) for row in await db.rows("SELECT id FROM channels WHERE archived_at IS NULL ORDER BY name")]
    return [one for one in every if channel_id in (None, one)]


async def _shared() -> set[str]:
    """Barcodes that several SKUs of one channel have: such a one was typed to fill a field, and tells no product."""
    rows = await db.rows(
        "SELECT DISTINCT gtin FROM (SELECT channel_id, gtin FROM listed_items WHERE gtin <> '' "
        "GROUP BY channel_id, gtin HAVING COUNT(DISTINCT sku) > 1) AS typed"
    )
    return {str(row[0]) for row in rows}


def _distinct(found: dict[str, list[Unmapped]], shared: set[str]) -> Iterator[NewProduct]:
    """One for each SKU; of SKUs with one barcode at several channels the first, for the others are mapped to it by that."""
    taken: set[str] = set()
    for key in sorted(found):
        rows = found[key]
        codes = [(row.barcode.strip(), gtin(row.barcode)) for row in rows]
        barcode, digits = next((code for code in codes if code[1] and code[1] not in shared), ("", ""))
        if digits in taken:
            continue
        taken |= {digits} - {""}
        yield NewProduct(
            sku=rows[0].sku, title=next((row.title for row in rows if row.title), ""), barcode=barcode,
            channels=tuple(dict.fromkeys(row.channel for row in rows)), listed=tuple((row.channel_id, row.sku) for row in rows),
        )  # fmt: skip
