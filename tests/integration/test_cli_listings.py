"""``bluebook listings`` as people use it."""

from __future__ import annotations

import asyncio

from engine import clock, db
from engine.domain.barcodes import gtin
from tests.integration.test_cli import Run, said

UPC = "036000291452"


async def offered() -> str:
    """The office's channel was imported: a product's own SKU, one with a barcode, one nobody knows, one without SKU."""
    async with db.database():
        row = await db.row("SELECT id, name FROM channels ORDER BY id LIMIT 1")
        assert row is not None
        now = clock.micros(clock.now())
        sku = await db.value("SELECT MIN(sku) FROM products")
        await db.run("DELETE FROM listings WHERE sku = ? AND channel_id = ?", sku, row[0])
        items = [
            ("1", sku, "Our own", ""),
            ("2", "THEIRS", "By its barcode", UPC),
            ("3", "X-99", "Zyxw", ""),
            ("4", "", "Bare", ""),
        ]
        await db.run("DELETE FROM listed_items")
        await db.insert(
            "listed_items",
            ("channel_id", "external_id", "sku", "title", "barcode", "gtin", "active", "first_at", "seen_at"),
            [(row[0], key, sku, title, code, gtin(code), True, now, now) for key, sku, title, code in items],
        )
        await db.run("UPDATE channels SET listings_at = ? WHERE id = ?", now, row[0])
        return str(row[1])


def test_listings_are_compared_proposed_and_mapped(run: Run) -> None:
    channel = asyncio.run(offered())
    other = said(run("products", "ls", "--limit", "500", "--json"))["products"][-1]["sku"]
    assert f"{other} has the barcode" in run("products", "barcode", other, UPC).stdout
    assert "is no UPC" in run("products", "barcode", other, "036000291453", code=2).stderr
    (covered,) = [c for c in said(run("listings", "coverage", "--json"))["coverage"] if c["channel"] == channel]
    assert (covered["listings"], covered["unmapped"], covered["without_sku"]) == (4, 4, 1)
    text = run("listings", "coverage").stdout
    assert f"{channel}: 4 of 4 listings unmapped (1 without a SKU), " in text
    rows = {row["sku"]: row for row in said(run("listings", "ls", channel, "--json"))["unmapped"]}
    assert rows["THEIRS"]["components"] == {other: 1}
    assert "same barcode" in run("listings", "ls", channel).stdout
    mapped = said(run("listings", "map", channel, "--json"))
    assert "THEIRS" in mapped["skus"]
    assert "X-99" not in mapped["skus"]
    again = run("listings", "map", channel)
    assert "0 SKUs mapped" in again.stdout
    assert (
        f"1 listing of it fits no product beyond doubt; make products of them: bluebook listings products '{channel}'"
        in again.stderr
    )
    planned = run("listings", "products", channel, "--dry-run").stdout
    assert "X-99" in planned
    assert "1 product would be made" in planned
    assert said(run("listings", "products", channel, "--dry-run", "--json"))["products"][0]["channels"] == [channel]
    made = run("listings", "products", channel)
    assert "1 product made, 1 SKU mapped; no waiting order became ready by it" in made.stdout
    assert "bluebook products offer 'X-99'" in made.stderr
    assert "0 products made" in run("listings", "products").stdout
    assert not run("listings", "map", channel).stderr
    assert "there is no channel" in run("listings", "ls", "nowhere", code=2).stderr


def test_an_import_that_cannot_be_says_why(run: Run) -> None:
    (channel, *_) = said(run("channels", "ls", "--json"))["channels"]
    found = run("listings", "import", channel["name"], code=75)
    assert "cannot be reached" in found.stderr
