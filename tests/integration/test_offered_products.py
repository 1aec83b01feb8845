"""Products made of what channels offer: one for each SKU nobody has yet, and nothing else is changed."""

from __future__ import annotations

from collections.abc import Sequence

from engine import db
from engine.services import listings, offered, offered_products, setup
from tests.integration.test_offered import EAN, UPC, Stall, item, order, stall, stalls
from tests.support.scripted import BY

__all__ = ["stall", "stalls"]


async def skus() -> list[str]:
    return [row[0] for row in await db.rows("SELECT sku FROM products ORDER BY sku")]


async def test_each_offered_sku_that_nobody_has_is_made_a_product_and_mapped(stalls: Sequence[int]) -> None:
    one, two = stalls
    await setup.map_sku(one, "KIT", {"BB-MUG-01": 2}, BY)
    Stall.shown["A"] = [
        item("1", "NEW-1", "First", barcode="0 36000 29145 2"), item("2", "KIT"), item("3", "bb-lamp-01"), item("4", ""),
        item("5", "GONE", active=False), item("6", " BLANK "), item("7", "BAD", barcode="036000291453"),
        item("8", "X" * 130), item("9", "BB-TEA-01"),
    ]  # fmt: skip
    Stall.shown["B"] = [item("1", "new-1", "Second"), item("2", "THEIRS", barcode=EAN), item("3", "ONLY-B")]
    await offered.refresh(one)
    await offered.refresh(two)
    await order(one, "1", "NEW-1")
    before = await skus()
    planned = await offered_products.plan()
    assert [(p.sku, p.title, p.barcode, p.channels) for p in planned.products] == [
        ("BAD", "Thing BAD", "", ("Stall A",)),
        ("NEW-1", "First", "0 36000 29145 2", ("Stall A", "Stall B")),
        ("ONLY-B", "Thing ONLY-B", "", ("Stall B",)),
    ]
    assert sorted(planned.unfit) == [" BLANK ", "X" * 130]
    assert await skus() == before, "a plan makes nothing"
    events = await db.value("SELECT COUNT(*) FROM audit_events WHERE tag LIKE '%:product:add'")
    made = await offered_products.make(BY)
    assert made.products == ("BAD", "NEW-1", "ONLY-B")
    assert set(await skus()) - set(before) == set(made.products)
    assert await db.value("SELECT COUNT(*) FROM audit_events WHERE tag LIKE '%:product:add'") == events + 3
    assert made.mapped == 7, "also our own SKU, and another SKU with the same barcode"
    assert {m.sku: m.components for m in await listings.listings(two)} == {
        "new-1": {"NEW-1": 1}, "ONLY-B": {"ONLY-B": 1}, "THEIRS": {"NEW-1": 1},
    }  # fmt: skip
    mapped = {m.sku: m.components for m in await listings.listings(one)}
    assert mapped["KIT"] == {"BB-MUG-01": 2}
    assert mapped["bb-lamp-01"] == {"BB-LAMP-01": 1}
    assert await db.value("SELECT COUNT(*) FROM issues WHERE code = 'unmapped_sku' AND closed_at IS NULL") == 0
    assert (await offered_products.make(BY)).products == ()


async def test_one_channel_alone_so_many_at_once(stalls: Sequence[int]) -> None:
    one, two = stalls
    Stall.shown["A"], Stall.shown["B"] = (
        [item(str(n), f"N-{n}") for n in range(3)],
        [item("1", "B-1"), item("2", "N-0")],
    )
    await offered.refresh(one)
    await offered.refresh(two)
    assert (await offered_products.make(BY, one, most=2)).products == ("N-0", "N-1")
    assert (await offered_products.make(BY, one, most=2)).products == ("N-2",)
    assert await listings.listings(two) == []
    found = await offered_products.make(BY)
    assert (found.products, found.mapped) == (("B-1",), 2)


async def test_a_barcode_on_everything_tells_nothing(stalls: Sequence[int]) -> None:
    one, two = stalls
    Stall.shown["A"] = [item("1", "RED", barcode=UPC), item("2", "BLUE", barcode=EAN)]
    Stall.shown["B"] = [item("1", "GREEN", barcode=UPC)]
    await offered.refresh(one)
    await offered.refresh(two)
    made = await offered_products.make(BY)
    assert (made.products, made.mapped) == (("BLUE", "GREEN", "RED"), 3)
    assert {row[0] for row in await db.rows("SELECT barcode FROM products WHERE sku IN ('RED', 'BLUE', 'GREEN')")} == {
        ""
    }
