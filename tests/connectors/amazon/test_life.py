"""Orders from Amazon through the whole engine: to a supplier and back, with what is Amazon's own about them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from engine import clock, db
from engine.connectors.channels.amazon.connector import Connector
from engine.demo.channels.amazon import AMAZON_LIMITS, MARKETPLACE, AmazonSim
from engine.demo.channels.base import ChannelFault
from engine.demo.contract.bench import MUG, Bench
from engine.demo.contract.lives import BY, Shop, shop
from engine.errors import TryLater
from engine.ports import Page, Raw
from engine.services import catalog, intake, receive, resolve, tasks
from tests.connectors.amazon.conftest import sale

Live = Callable[..., Any]


@pytest.fixture
def live(start: Callable[..., Any], tmp_path: Path, sqlite_template: Path) -> Live:
    """The engine with a demo Amazon whose clock is ours."""

    @asynccontextmanager
    async def living(**options: Any) -> AsyncIterator[Shop]:
        sim = await start(**options)
        clock.use(sim.moment)
        bench = Bench(sim, Connector, tmp_path, sqlite_template)
        async with shop(bench) as engine:
            yield engine
        await bench.close()

    return living


async def _issues() -> list[tuple[str, str]]:
    return [(row[0], row[1]) for row in await db.rows("SELECT code, message FROM issues WHERE closed_at IS NULL")]


async def _shipped(engine: Shop, *, at: int = 0) -> str:
    number = engine.supplier.ship(engine.orders()[at])
    await receive.poll(engine.supplier_id, BY)
    return number


async def test_an_order_is_completed_when_its_parcel_shows_at_amazon(live: Live) -> None:
    async with live(shows_after=timedelta(minutes=10)) as engine:
        sim: AmazonSim = engine.bench.sim
        order = engine.bench.sell((MUG, 2))
        await engine.pull()
        await engine.send(order)
        assert engine.sent() == {MUG: 2}
        number = await _shipped(engine)
        sim.script("shipment.confirm", ChannelFault.HANG_UP)  # done, and the answer is lost
        await tasks.drain()
        sim.pass_time(timedelta(seconds=5))
        await tasks.drain()
        assert await engine.status(order) == "shipped"
        said = await db.value("SELECT message FROM shipments")
        assert said == "the channel does not show it yet"
        sim.pass_time(timedelta(minutes=11))
        await engine.settle(order, "completed")
        assert [(one.tracking_number, dict(one.lines)) for one in sim.parcels(order)] == [(number, {MUG: 2})]
        assert await _issues() == []
        assert await db.value("SELECT channel_reference FROM shipments") != ""


async def test_orders_that_amazon_ships_never_come_near_a_supplier(live: Live) -> None:
    async with live() as engine:
        sim: AmazonSim = engine.bench.sim
        fba = sim.place(sale((MUG, 1)), by_amazon=True)
        ours = engine.bench.sell((MUG, 1))
        await engine.pull()
        assert [row[0] for row in await db.rows("SELECT external_id FROM orders")] == [ours]
        # Also where one gets in all the same, it is put aside with its reason.
        body = msgspec.json.encode(sim.book.find(fba).shown(frozenset({"FULFILLMENT"}), MARKETPLACE, personal=True))
        row, connector = (await catalog.channels())[engine.channel_id], engine.bench.connect()
        assert (await connector.pull_ids([fba])).items == ()
        pulled = await intake.take_page(row, connector, Page((Raw(fba, body),)), BY)
        assert (pulled.new, pulled.parked) == (0, 1)
        assert "ships it from its own warehouse" in await db.value(
            "SELECT reason FROM inbound_messages WHERE state = 'parked'"
        )


async def test_an_order_the_buyer_asks_to_cancel_is_canceled_here_and_at_amazon(live: Live) -> None:
    async with live() as engine:
        sim: AmazonSim = engine.bench.sim
        order = engine.bench.sell((MUG, 2))
        await engine.pull()
        sim.ask_to_cancel(order, "Ordered twice")
        await engine.pull()
        assert await _issues() == [("cancel_wished", "all of it, “Ordered twice”")]
        order_id = int(await db.value("SELECT id FROM orders"))
        (issue,) = await resolve.order_issues(order_id)
        done = await resolve.resolve(issue.id, "cancel", {}, BY)
        assert done.message == "canceled; the channel is told as well"
        await tasks.drain()
        sim.pass_time(timedelta(hours=1))
        await engine.pull()
        assert (sim.state(order), engine.orders(), await _issues()) == ("canceled", [], [])
        assert (await engine.status(order)) == "canceled"


async def test_a_pending_order_waits_and_one_the_buyer_wants_canceled_stops(live: Live) -> None:
    async with live() as engine:
        sim: AmazonSim = engine.bench.sim
        order = engine.bench.sell((MUG, 1), paid=False)
        await engine.pull()
        assert ("unpaid", "the channel says it is not paid yet") in await _issues()
        sim.pay(order)
        sim.ask_to_cancel(order, "Ordered twice")
        await engine.pull()
        ((code, message),) = await _issues()
        assert (code, message) == ("cancel_wished", "all of it, “Ordered twice”")
        await engine.send(order)
        assert engine.orders() == []
        order_id = int(await db.value("SELECT id FROM orders"))
        (issue,) = await resolve.order_issues(order_id)
        await resolve.resolve(issue.id, "waive", {}, BY)
        await engine.send(order)
        assert engine.sent() == {MUG: 1}


async def test_personal_data_that_amazon_takes_back_from_a_shipped_order_alarms_nobody(live: Live) -> None:
    async with live() as engine:
        sim: AmazonSim = engine.bench.sim
        order = engine.bench.sell((MUG, 1))
        await engine.pull()
        await engine.send(order)
        await _shipped(engine)
        await engine.settle(order, "completed")
        sim.personal = "none"
        sim.touch(order, note="a refund, say")
        assert (await engine.pull()).changed == 1
        assert await _issues() == []
        street = await db.value("SELECT ship_to FROM orders")
        assert "1 Main Street" in street


async def test_all_workers_together_keep_amazons_rate(live: Live) -> None:
    async with live(limits=AMAZON_LIMITS) as engine:
        sim: AmazonSim = engine.bench.sim
        for _ in range(20):
            await intake.poll(engine.channel_id, BY)
        with pytest.raises(TryLater) as caught:
            await intake.poll(engine.channel_id, BY)
        assert caught.value.retry_after is not None
        assert sim.counts["orders.search.throttle"] == 0
        assert sim.counts["orders.search"] == 20
        sim.pass_time(timedelta(minutes=3))
        await intake.poll(engine.channel_id, BY)
        assert sim.counts["token"] == 1


async def test_more_orders_than_amazons_rate_allows_at_once_come_over_several_polls(live: Live) -> None:
    async with live(limits=AMAZON_LIMITS) as engine:
        sim: AmazonSim = engine.bench.sim
        placed = {engine.bench.sell((MUG, 1)) for _ in range(44)}  # 22 pages of 2
        with pytest.raises(TryLater):
            await intake.poll(engine.channel_id, BY)
        assert await db.value("SELECT COUNT(*) FROM orders") == 40
        assert await db.value("SELECT cursor_at FROM channels") is None
        sim.pass_time(timedelta(minutes=12))
        assert (await intake.poll(engine.channel_id, BY)).new == 4
        assert {row[0] for row in await db.rows("SELECT external_id FROM orders")} == placed
        assert sim.counts["orders.search"] == 23  # the 22 pages, and one from the walk's end
        assert await db.value("SELECT cursor_at FROM channels") is not None
