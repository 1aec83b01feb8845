"""Routing by the order as a whole and by the map, from a supplier's settings to the blue book's explanation."""

from __future__ import annotations

import pytest

from engine import db
from engine.errors import Invalid
from engine.services import check, route, setup
from engine.services.lifecycle import Actor
from tests.support.desk import desk

DANA = Actor("dana", "person", "test")


async def test_the_nearest_warehouse_ships_and_the_blue_book_says_why(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(monkeypatch) as shop:
        acme, nova = shop.shop.suppliers["ACME"], shop.shop.suppliers["NOVA"]
        await setup.update("suppliers", acme, DANA, warehouse_country="US", warehouse_postal_code="90001")
        await setup.update("suppliers", nova, DANA, warehouse_country="us", warehouse_postal_code="03101")
        await setup.set_policy("BB-KETTLE-01", "nearest", DANA)
        await shop.told(shop.order("1001", ("BB-KETTLE-01", 1)))
        order_id = await shop.value("SELECT id FROM orders")
        (kept,) = await db.rows("SELECT s.code FROM purchase_orders p JOIN suppliers s ON s.id = p.supplier_id")
        assert kept[0] == "NOVA"
        reasons = {c["supplier"]: c["reason"] for c in await route.explain(order_id)}
        assert reasons["NOVA"] == "nearest warehouse with the stock, 78 km by ZIP code, stock 2000"
        assert reasons["ACME"].startswith("after NOVA by distance, 4,17")
        booked = await shop.value("SELECT data FROM audit_events WHERE data LIKE '%nearest warehouse%'")
        assert "78 km by ZIP code" in booked


async def test_an_order_goes_in_one_parcel_where_it_can(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with desk(monkeypatch) as shop:
        await setup.add_offer(shop.shop.suppliers["ACME"], "BB-TEA-01", "AC-TEA", 900, DANA, stock=10, priority=9)
        await setup.set_policy("BB-TEA-01", "parcels", DANA)
        order = shop.order("1002", ("BB-MUG-01", 1), ("BB-TEA-01", 2))
        await shop.told(order)
        codes = "SELECT s.code FROM purchase_orders p JOIN suppliers s ON s.id = p.supplier_id WHERE p.state = 'draft'"
        assert [r[0] for r in await db.rows(codes)] == ["ACME"]
        await setup.set_policy("BB-TEA-01", "priority", DANA)
        await check.recheck([await shop.value("SELECT id FROM orders")], DANA)
        assert sorted(r[0] for r in await db.rows(codes)) == ["ACME", "NOVA"]


async def test_a_warehouse_must_be_somewhere(sqlite_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with desk(monkeypatch) as shop:
        acme = shop.shop.suppliers["ACME"]
        for options, said in (
            ({"warehouse_country": "XQ"}, "no country's code"),
            ({"warehouse_country": "Germany"}, "did you mean DE"),
            ({"warehouse_postal_code": "77429"}, "country too"),
            ({"warehouse_country": "US", "warehouse_postal_code": "00000"}, "no ZIP code 00000"),
        ):
            with pytest.raises(Invalid, match=said):
                await setup.update("suppliers", acme, DANA, **options)
        with pytest.raises(Invalid, match="parcels, nearest"):
            await setup.set_policy("BB-TEA-01", "cheapest", DANA)
