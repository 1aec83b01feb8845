"""Who says that a supplier offers something, or has it again, frees the orders that waited for it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from engine import clock, db
from engine.errors import Invalid
from engine.ports import SupplierUpdate, UpdateKind, UpdateLine
from engine.services import (
    catalog,
    check,
    listings,
    offer_sheets,
    products,
    restock,
    setup,
    sheet_in,
    suggest,
    supplier_says,
    tasks,
)
from engine.services.restock import Rechecked
from tests.support.scene import DANA, WORKER, Scene

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def _unoffered(scene: Scene, sku: str) -> int:
    """A product nobody offers, mapped at the store; its id."""
    product = await setup.add_product(sku, f"Thing called {sku}", DANA)
    await setup.map_sku(scene.shop.channel_id, sku, {sku: 1}, DANA)
    return product.id


async def _waiting(scene: Scene, sku: str, count: int = 1) -> list[int]:
    found = [await scene.order((sku, 1)) for _ in range(count)]
    for order_id in found:
        assert await scene.codes(order_id) == ["no_supplier_stock"]
    return found


def _rows(text: str) -> sheet_in.Rows:
    return sheet_in.rows(text, "offers.csv", offer_sheets.NEEDED, offer_sheets.KNOWN)


async def test_an_offer_frees_those_who_wait_for_its_product_and_nobody_else(scene: Scene) -> None:
    await _unoffered(scene, "RST-1")
    await _unoffered(scene, "RST-2")
    first, second = await _waiting(scene, "RST-1", 2)
    [other] = await _waiting(scene, "RST-2")
    seen = await db.value("SELECT version FROM orders WHERE id = ?", other)
    acme = scene.shop.suppliers["ACME"]
    assert await setup.add_offer(acme, "RST-1", "A-RST-1", 500, DANA) == Rechecked(2)
    assert [await scene.status(order) for order in (first, second, other)] == ["ready", "ready", "unresolved"]
    assert await db.value("SELECT version FROM orders WHERE id = ?", other) == seen
    assert Rechecked(1).said == "1 waiting order became ready"
    assert Rechecked(2, 1).said == "2 waiting orders became ready, 1 more is checked in the background"
    assert Rechecked().said == ""


async def test_more_than_somebody_can_wait_for_are_checked_by_jobs(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    product = await _unoffered(scene, "RST-MANY")
    orders = await _waiting(scene, "RST-MANY", 3)
    await setup.add_offer(scene.shop.suppliers["ACME"], "RST-MANY", "A-RST-MANY", 500, DANA, recheck=False)
    assert [await scene.status(order) for order in orders] == ["unresolved"] * 3
    assert await restock.recheck([product], DANA, at_once=1) == Rechecked(1, 2)
    assert sorted([await scene.status(order) for order in orders]) == ["ready", "unresolved", "unresolved"]
    await tasks.drain()
    assert [await scene.status(order) for order in orders] == ["ready"] * 3


async def test_a_file_of_offers_frees_them_once_and_a_trial_of_it_changes_nothing(scene: Scene) -> None:
    await _unoffered(scene, "RST-FILE")
    orders = await _waiting(scene, "RST-FILE", 2)
    text = (
        "sku,supplier,supplier_sku,cost,stock\nRST-FILE,acme,A-RST-FILE,4.50,7\nRST-NEW,ACME,,1,\n"
        "RST-BAD,nobody,,1,\nRST-WORSE,ACME,,x,\n"
    )
    tried = await offer_sheets.take(_rows(text), DANA, dry_run=True)
    assert (tried.products, tried.offers, tried.orders) == (1, 2, Rechecked())
    assert [said.partition(":")[0] for said in tried.wrong] == ["line 4", "line 5"]
    assert await scene.status(orders[0]) == "unresolved"
    assert not await db.value("SELECT COUNT(*) FROM products WHERE sku = 'RST-NEW'")
    found = await offer_sheets.take(_rows(text), DANA)
    assert (found.products, found.offers, found.orders, found.wrong) == (1, 2, Rechecked(2), tried.wrong)
    assert [await scene.status(order) for order in orders] == ["ready", "ready"]
    [offer] = (await listings.product("RST-FILE")).offers
    assert (offer.supplier, offer.sku, offer.cost, offer.stock) == ("ACME", "A-RST-FILE", 450, 7)


async def test_rows_without_a_supplier_are_of_the_one_whose_page_it_is(scene: Scene) -> None:
    nova = await listings.supplier("NOVA")
    found = await offer_sheets.take(_rows("sku,cost\nRST-OWN,2\n"), DANA, of=nova)
    assert (found.products, found.offers, found.wrong) == (1, 1, [])
    assert [offer.supplier for offer in (await listings.product("RST-OWN")).offers] == ["NOVA"]
    with pytest.raises(Invalid, match="NOVA offers another product as RST-OWN"):
        await offer_sheets.put(nova, "RST-1", "RST-OWN", {"cost": 1}, DANA)


async def test_what_is_put_over_the_api_says_what_became_ready(scene: Scene) -> None:
    await _unoffered(scene, "RST-API")
    [order] = await _waiting(scene, "RST-API")
    values = products.OfferValues(sku="A-RST-API", cost=100)
    view, orders = await products.put_offer("RST-API", scene.shop.suppliers["ACME"], values, DANA)
    assert (view.sku, orders) == ("RST-API", Rechecked(1))
    assert await scene.status(order) == "ready"


async def test_a_supplier_that_is_enabled_frees_what_waited_for_it(scene: Scene) -> None:
    nova = scene.shop.suppliers["NOVA"]
    await _unoffered(scene, "RST-OFF")
    await setup.update("suppliers", nova, DANA, enabled=False)
    try:
        await setup.add_offer(nova, "RST-OFF", "N-RST-OFF", 100, DANA)
        order = await scene.order(("RST-OFF", 1))
        assert await scene.codes(order) == ["supplier_disabled"]
    finally:
        await setup.update("suppliers", nova, DANA, enabled=True)
    assert "supplier_disabled" not in await scene.codes(order)


async def _feed(scene: Scene, **stock: int) -> None:
    now = clock.now() + timedelta(seconds=1)
    lines = tuple(UpdateLine(sku.replace("_", "-"), pieces) for sku, pieces in stock.items())
    update = SupplierUpdate(kind=UpdateKind.INVENTORY, key=f"{now}", po_number="", occurred_at=now, lines=lines)
    supplier = (await catalog.suppliers())[scene.shop.suppliers["ACME"]]
    await supplier_says.inventory(supplier, [update], WORKER)


async def test_a_feed_of_stock_frees_who_waits_and_looks_at_no_other_order(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    acme = scene.shop.suppliers["ACME"]
    for sku in ("RST-FEED", "RST-FULL"):
        await _unoffered(scene, sku)
        await setup.add_offer(acme, sku, sku, 100, DANA, stock=0 if sku == "RST-FEED" else 5)
    [waits] = await _waiting(scene, "RST-FEED")
    full = await scene.order(("RST-FULL", 1))
    assert await scene.status(full) == "ready"
    checked: list[int] = []
    plain = check.recheck

    async def noted(order_ids: list[int], *args: object, **options: object) -> dict[int, str]:
        checked.extend(order_ids)
        return await plain(order_ids, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(check, "recheck", noted)
    await _feed(scene, RST_FULL=9, RST_FEED=0)
    assert checked == []
    await _feed(scene, RST_FULL=8, RST_FEED=3)
    assert checked == [waits]
    assert await scene.status(waits) == "ready"


async def test_the_cost_of_a_large_feed_is_not_that_of_its_rows(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 20,000 products nobody waits for nothing is asked one by one."""
    asked = 0
    rows = db.rows

    async def counted(sql: str, *values: object) -> object:
        nonlocal asked
        asked += "FROM issues" in sql
        return await rows(sql, *values)

    monkeypatch.setattr(db, "rows", counted)
    await restock.recheck(range(10_000_000, 10_020_000), DANA)
    assert asked == 1


async def test_who_resolves_such_an_issue_is_told_what_frees_the_others(scene: Scene) -> None:
    await _unoffered(scene, "RST-TOLD")
    first, second = await _waiting(scene, "RST-TOLD", 2)
    told = await suggest.suggestions((await scene.issue(first, "no_supplier_stock")).id)
    assert told.waiting == 1
    assert "An offer of a supplier that has it lets all of them go on" in told.frees_all
    assert await scene.status(second) == "unresolved"
