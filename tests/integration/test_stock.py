"""Stock only moves forward: what was true before is heard late, or again after a crash, and changes nothing."""

from __future__ import annotations

from datetime import timedelta

import pytest

from engine import clock, db
from engine.ports import SupplierUpdate, UpdateKind, UpdateLine
from engine.services import inbox, listings, receive, route, setup
from tests.support.desk import PERSON, Desk, desk

SKU = "AC-2001"


def stock(pieces: int, *, minutes: float, cost: int | None = None) -> SupplierUpdate:
    """What ACME has ``minutes`` from now."""
    at = clock.now() + timedelta(minutes=minutes)
    line = UpdateLine(SKU, pieces, unit_cost=cost)
    return SupplierUpdate(kind=UpdateKind.INVENTORY, key=f"{at}", po_number="", occurred_at=at, lines=(line,))


async def known() -> tuple[int, int]:
    row = await db.row("SELECT stock, cost FROM supplier_products WHERE sku = ?", SKU)
    assert row is not None
    return row[0], row[1]


async def forget(at: Desk) -> None:
    """Nothing is known of when the stock was."""
    await db.run("UPDATE supplier_products SET stock_at = NULL")


async def test_an_older_inventory_read_after_a_crash_does_not_undo_a_newer_one(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(monkeypatch) as at:
        await forget(at)
        await at.hear("ACME", stock(5, minutes=-60, cost=700))
        older = await at.value("SELECT MAX(id) FROM inbound_messages")
        await at.hear("ACME", stock(3, minutes=-30, cost=600))
        assert await known() == (3, 600)
        row, _ = await inbox.show(older)
        await receive.replay(row.id, PERSON)
        assert await known() == (3, 600)
        await at.hear("ACME", stock(8, minutes=-20))
        assert await known() == (8, 600)


async def test_of_several_heard_at_once_the_newest_counts(
    sqlite_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(monkeypatch) as at:
        await forget(at)
        await at.hear("ACME", stock(2, minutes=-10), stock(9, minutes=-40))
        assert await known() == (2, 520)
        again = stock(4, minutes=-10)
        await db.run("UPDATE supplier_products SET stock_at = ? WHERE sku = ?", clock.micros(again.occurred_at), SKU)
        await at.hear("ACME", again)  # of the same moment: a date without a time, say
        assert await known() == (4, 520)


async def test_a_supplier_whose_clock_is_ahead_is_still_heard_afterwards(
    sqlite_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(monkeypatch) as at:
        await at.hear("ACME", stock(7, minutes=600))
        await at.hear("ACME", stock(6, minutes=599))
        assert await known() == (6, 520)


async def test_what_a_person_said_is_newer_than_what_was_said_before(
    sqlite_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(monkeypatch) as at:
        before = await known()
        await at.hear("ACME", stock(1, minutes=-60))
        assert await known() == before


async def test_stock_grows_old_where_the_supplier_tells_it_by_itself(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(monkeypatch) as at:
        acme = at.shop.suppliers["ACME"]
        now = clock.now()
        await at.hear("ACME", stock(5, minutes=0, cost=700))
        later = now + timedelta(hours=50)
        monkeypatch.setattr(clock, "now", lambda: later)
        told = {offer.offered_as: offer for offer in await listings.offers(acme)}
        assert (told[SKU].stale, told[SKU].cost_at, told[SKU].stock_at) == (50, told[SKU].stock_at, told[SKU].stock_at)
        nova = await listings.offers(at.shop.suppliers["NOVA"])
        assert {offer.stale for offer in nova} == {None}  # NOVA never told: a person typed it, and it stays
        await at.told(at.order("1001", ("BB-MUG-01", 2)))
        explained = await route.explain(await at.value("SELECT id FROM orders WHERE number = '1001'"))
        assert [line["reason"] for line in explained if line["supplier"] == "ACME"] == [
            "first by priority, stock 5, told 2 days ago and may be out of date"
        ]
        await setup.update("suppliers", acme, PERSON, stock_hours=0)
        assert {offer.stale for offer in await listings.offers(acme)} == {None}
        await setup.update("suppliers", acme, PERSON, stock_hours=48)
        await at.hear("ACME", stock(6, minutes=0))
        assert {offer.offered_as: offer.stale for offer in await listings.offers(acme)}[SKU] is None


async def test_a_cost_change_is_an_issue_beyond_the_suppliers_tolerance(
    sqlite_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(monkeypatch) as at:
        await setup.update("suppliers", at.shop.suppliers["ACME"], PERSON, cost_tolerance=10)
        await at.told(at.order("1001", ("BB-MUG-01", 2)))
        for minutes, cost, issues in ((1, 572, 0), (2, 573, 1), (3, 520, 0)):
            await at.hear("ACME", stock(50, minutes=minutes, cost=cost))
            assert (
                await at.value("SELECT COUNT(*) FROM issues WHERE code = 'cost_changed' AND closed_at IS NULL")
                == issues
            )
