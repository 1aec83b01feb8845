"""Pieces made of several products, and pieces whose product changed: what counts as shipped, canceled, still wanted."""

from __future__ import annotations

import msgspec
import pytest

from engine import db
from engine.ports import ChannelState, UpdateKind
from engine.services import check, lifecycle, setup, tasks
from tests.support.desk import PERSON, Desk, desk

LAMP, KIT = "BB-LAMP-01", "BB-KIT-TEATIME"
ONE, TWO = "1ZB000010300000296", "1ZW0REH50155704893"


async def tea_is_refused(at: Desk) -> None:
    """A kit was sent to both suppliers, NOVA will not ship its part, and a person lets that purchase order go."""
    await at.told(at.order("1001", (KIT, 1)))
    await at.send("1001")
    no = msgspec.structs.replace(at.shipped("1001-2", ""), kind=UpdateKind.REJECTED, message="discontinued")
    await at.hear("NOVA", no)
    await at.ships("1001-1", ONE)
    await tasks.drain()


async def let_go(po_number: str) -> None:
    async with lifecycle.change([1], by=PERSON) as work:
        [case] = work.cases
        po = case.purchase(po_number)
        assert po is not None
        work.event(case, "purchase:give_up", "another will ship it", record=po)
        work.put(case, po, superseded=True)
        await check.check(work, [case])


async def test_a_refused_part_of_a_kit_is_ordered_anew_and_the_kit_not_called_shipped(
    sqlite_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(monkeypatch) as at:
        await tea_is_refused(at)
        await let_go("1001-2")
        assert await at.status("1001") == "ready"
        assert at.channel.parcels == []
        await at.send("1001")
        await at.ships("1001-3", TWO)
        await tasks.drain()
        assert await at.status("1001") == "completed"
        assert [(p.tracking_number, p.also, p.lines) for p in at.channel.parcels] == [(TWO, (ONE,), (("1001.1", 1),))]


async def test_a_refused_part_that_nobody_else_has_keeps_the_order_open(
    sqlite_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(monkeypatch) as at:
        await tea_is_refused(at)
        await db.run("UPDATE supplier_products SET stock = 0")
        await let_go("1001-2")
        assert await at.status("1001") == "unresolved"
        assert "no_supplier_stock" in {r[0] for r in await db.rows("SELECT code FROM issues WHERE closed_at IS NULL")}


async def test_a_kit_canceled_when_half_of_it_has_gone_waits_for_nobody(
    sqlite_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(monkeypatch) as at:
        await at.told(at.order("1001", (KIT, 1), (LAMP, 1)))
        await at.send("1001")
        await at.ships("1001-1", ONE)
        await tasks.drain()
        assert await at.status("1001") == "partially_shipped"
        await at.told(at.order("1001", (KIT, 1), (LAMP, 1), minutes=1, state=ChannelState.CANCELED))
        await tasks.drain()
        assert await at.value("SELECT state FROM purchase_orders WHERE po_number = '1001-2'") == "canceled"
        assert await at.status("1001") == "completed"


async def test_a_listing_mapped_to_another_product_does_not_wait_for_the_former(
    sqlite_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(monkeypatch) as at:
        await at.told(at.order("1001", (LAMP, 1)))
        await setup.map_sku(at.shop.channel_id, LAMP, {"BB-TEA-01": 1}, PERSON)
        await check.recheck([1], PERSON)
        await at.send("1001")
        await at.ships("1001-2", ONE)
        await tasks.drain()
        assert [len(at.suppliers[code].sent) for code in ("ACME", "NOVA")] == [0, 1]
        assert await at.status("1001") == "completed"
