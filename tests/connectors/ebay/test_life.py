"""Orders of an eBay seller through the engine: what a buyer asks, and what a seller answers, before and after sending."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engine import db
from engine.connectors.channels.ebay.connector import Connector
from engine.demo.channels.base import ChannelFault
from engine.demo.channels.ebay import DemoEbay
from engine.demo.contract.bench import MUG, Bench
from engine.demo.contract.lives import BY, MINUTE, Shop, shop
from engine.services import receive, tasks
from tests.support import book


@pytest.fixture
async def engine(tmp_path: Path, sqlite_template: Path) -> AsyncIterator[Shop]:
    sim = DemoEbay(seed=3, late=0.3)
    await sim.start()
    bench = Bench(sim, Connector, tmp_path, sqlite_template)
    async with shop(bench) as made:
        yield made
        for row in await db.rows("SELECT id FROM orders"):
            await book.verify(int(row[0]))
        assert await db.value("SELECT COUNT(*) FROM outbox WHERE state = 'dead'") == 0
    await bench.close()
    await sim.stop()


def seller(engine: Shop) -> DemoEbay:
    assert isinstance(engine.bench.sim, DemoEbay)
    return engine.bench.sim


async def issues() -> list[str]:
    return [str(row[0]) for row in await db.rows("SELECT code FROM issues WHERE closed_at IS NULL ORDER BY code")]


async def pull(engine: Shop) -> None:
    engine.bench.sim.pass_time(MINUTE)
    await engine.pull()
    await tasks.drain()


@pytest.mark.parametrize("accept", [True, False])
async def test_who_asks_to_cancel_before_sending_stops_it_until_the_seller_answers_there(
    engine: Shop, accept: bool
) -> None:
    ebay, order_id = seller(engine), engine.bench.sell((MUG, 2))
    await pull(engine)
    ebay.ask_to_cancel(order_id)
    await pull(engine)
    assert await issues() == ["cancel_wished"]
    await engine.send(order_id)
    assert engine.sent() == {}
    ebay.answer_cancel(order_id, accept=accept)
    await pull(engine)
    assert await issues() == []
    await engine.send(order_id)
    assert engine.sent() == ({} if accept else {MUG: 2})
    assert await engine.status(order_id) == ("canceled" if accept else "processed")


@pytest.mark.parametrize("accept", [True, False])
async def test_who_asks_to_cancel_after_sending_is_heard_until_the_seller_answers_there(
    engine: Shop, accept: bool
) -> None:
    ebay, order_id = seller(engine), engine.bench.sell((MUG, 2))
    await pull(engine)
    await engine.send(order_id)
    ebay.ask_to_cancel(order_id)
    await pull(engine)
    assert await issues() == ["cancel_wished"]
    ebay.answer_cancel(order_id, accept=accept)
    await pull(engine)
    if accept:
        await engine.settle(order_id, "canceled")
        assert [order.status for order in engine.orders()] == ["canceled"]
        return
    assert await issues() == []
    number = engine.supplier.ship(engine.orders()[0])
    await receive.poll(engine.supplier_id, BY)
    await engine.settle(order_id, "completed")
    assert engine.bench.numbers(order_id) == [number]


async def test_two_parcels_are_two_fulfillments_though_an_answer_is_lost(engine: Shop) -> None:
    ebay, order_id = seller(engine), engine.bench.sell((MUG, 3))
    await pull(engine)
    await engine.send(order_id)
    (order,) = engine.orders()
    ebay.script("parcels.add", ChannelFault.HANG_UP)
    first = engine.supplier.ship(order, {1: 2})
    await receive.poll(engine.supplier_id, BY)
    await tasks.drain()
    await pull(engine)
    assert (await engine.status(order_id), await issues()) == ("partially_shipped", [])
    second = engine.supplier.ship(order)
    await receive.poll(engine.supplier_id, BY)
    await engine.settle(order_id, "completed")
    assert [(one.tracking_number, one.lines) for one in ebay.parcels(order_id)] == [
        (first, {MUG: 2}), (second, {MUG: 1}),
    ]  # fmt: skip
    await pull(engine)
    assert (await engine.status(order_id), await issues()) == ("completed", [])
