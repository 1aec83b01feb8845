"""Orders of an Etsy shop through the engine: buyers hear of an order once all of it is on its way, and once of each parcel."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from engine import clock, db
from engine.connectors.channels.etsy.connector import Connector
from engine.demo.channels.base import ChannelFault
from engine.demo.channels.etsy import DemoEtsy
from engine.demo.contract.bench import MUG, Bench
from engine.demo.contract.lives import BY, Shop, shop
from engine.services import cancel, catalog, receive, tasks
from tests.support import book


@pytest.fixture
async def engine(tmp_path: Path, sqlite_template: Path) -> AsyncIterator[Shop]:
    sim = DemoEtsy(seed=3, late=0.3)
    await sim.start()
    bench = Bench(sim, Connector, tmp_path, sqlite_template)
    async with shop(bench) as made:
        yield made
        for row in await db.rows("SELECT id FROM orders"):
            await book.verify(int(row[0]))
        assert await db.value("SELECT COUNT(*) FROM outbox WHERE state = 'dead'") == 0
    await bench.close()
    await sim.stop()


def shop_of(engine: Shop) -> DemoEtsy:
    assert isinstance(engine.bench.sim, DemoEtsy)
    return engine.bench.sim


async def sold(engine: Shop, pieces: int) -> str:
    """An order of so many mugs is with the supplier."""
    order_id = engine.bench.sell((MUG, pieces))
    await engine.pull()
    await engine.send(order_id)
    assert engine.sent() == {MUG: pieces}
    return order_id


async def hear(engine: Shop) -> None:
    await receive.poll(engine.supplier_id, BY)
    await tasks.drain()


async def test_an_order_in_two_parcels_is_told_whole(engine: Shop) -> None:
    etsy, order_id = shop_of(engine), await sold(engine, 3)
    (order,) = engine.orders()
    first = engine.supplier.ship(order, {1: 2})
    await hear(engine)
    assert await engine.status(order_id) == "partially_shipped"
    assert (etsy.mails, etsy.state(order_id)) == ([], "open")
    await engine.pull()
    assert await db.rows("SELECT code, message FROM issues WHERE closed_at IS NULL") == []
    second = engine.supplier.ship(order)
    await receive.poll(engine.supplier_id, BY)
    await engine.settle(order_id, "completed")
    assert etsy.mails == [(order_id, first), (order_id, second)]
    await engine.pull()
    assert await engine.status(order_id) == "completed"
    assert await db.rows("SELECT code, message FROM issues WHERE closed_at IS NULL") == []


async def test_what_waits_for_a_rest_that_is_canceled_is_told(engine: Shop) -> None:
    etsy, order_id = shop_of(engine), await sold(engine, 3)
    (order,) = engine.orders()
    first = engine.supplier.ship(order, {1: 2})
    await hear(engine)
    assert etsy.mails == []
    engine.supplier._announce(
        {"status": "canceled", "po_number": order.po_number, "lines": [{"line": 1, "sku": MUG, "quantity": 1}]}
    )
    await hear(engine)
    row = int(await db.value("SELECT id FROM orders WHERE external_id = ?", order_id))
    await cancel.cancel_order(row, BY)  # as a person does who reads that the supplier will not ship it
    await tasks.drain()
    assert etsy.mails == []  # nobody hastens it; it looks by itself
    clock.use(lambda: datetime.now(UTC) + timedelta(minutes=16))
    await engine.settle(order_id, "completed")
    assert etsy.mails == [(order_id, first)]


async def test_a_lost_answer_mails_nobody_twice(engine: Shop) -> None:
    etsy, order_id = shop_of(engine), await sold(engine, 1)
    etsy.script("tracking.add", ChannelFault.HANG_UP)
    etsy.script("receipts.get", ChannelFault.NONE, ChannelFault.ERROR_BEFORE, ChannelFault.ERROR_BEFORE)
    number = engine.supplier.ship(engine.orders()[0])
    await receive.poll(engine.supplier_id, BY)
    await tasks.drain()
    clock.use(lambda: datetime.now(UTC) + timedelta(minutes=10))  # what was put off is due
    await engine.settle(order_id, "completed")
    assert etsy.mails == [(order_id, number)]


async def test_a_refresh_token_is_kept_for_who_comes_after(engine: Shop) -> None:
    etsy = shop_of(engine)
    given = etsy.refresh_token
    await engine.pull()
    assert etsy.refresh_token != given
    await catalog.close_connectors()  # as after a restart
    etsy.pass_time(timedelta(hours=2))
    clock.use(lambda: datetime.now(UTC) + timedelta(hours=2))
    engine.bench.sell((MUG, 1))
    assert (await engine.pull()).new == 1
    assert etsy.counts["token"] == 2
