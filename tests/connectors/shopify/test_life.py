"""Orders of the demo store in the engine: told by webhook, held, sent, shipped from two locations, and read back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engine import clock, db
from engine.api import app
from engine.connectors.channels.shopify.connector import Connector
from engine.demo.channels.shopify import ShopifySim
from engine.demo.contract.bench import MUG, Bench
from engine.demo.contract.lives import BY, Shop, shop
from engine.services import catalog, check, receive, resolve, setup, tasks
from tests.connectors.shopify.conftest import sell


@pytest.fixture
async def engine(sim: ShopifySim, tmp_path: Path, sqlite_template: Path) -> AsyncIterator[Shop]:
    clock.use(sim.moment)
    bench = Bench(sim, Connector, tmp_path, sqlite_template)
    async with shop(bench) as engine:
        yield engine
    await bench.close()


async def _issues(external_id: str) -> list[tuple[str, str]]:
    order_id = int(await db.value("SELECT id FROM orders WHERE external_id = ?", external_id))
    return [(issue.code, issue.message) for issue in await resolve.order_issues(order_id)]


async def _waive(external_id: str, code: str) -> None:
    order_id = int(await db.value("SELECT id FROM orders WHERE external_id = ?", external_id))
    (issue,) = [issue for issue in await resolve.order_issues(order_id) if issue.code == code]
    await resolve.resolve(issue.id, "waive", {}, BY)


async def test_an_order_on_hold_waits_with_its_reason_and_then_lives_its_life(sim: ShopifySim, engine: Shop) -> None:
    order_id = sell(sim, (MUG, 3))
    sim.split(order_id, MUG, 1)
    sim.hold(order_id, "INCORRECT_ADDRESS", "Is it 62702?")
    await engine.pull()
    said = "the channel says it is not released yet: on hold at Main Street: Incorrect address (Is it 62702?); "
    said += "on hold at Harbour: Incorrect address (Is it 62702?)"
    assert (await engine.status(order_id), await _issues(order_id)) == ("unresolved", [("unpaid", said)])
    await engine.send(order_id)
    assert engine.sent() == {}

    sim.release(order_id)
    await engine.pull()
    assert await engine.status(order_id) == "ready", await _issues(order_id)
    await engine.send(order_id)
    assert engine.sent() == {MUG: 3}
    number = engine.supplier.ship(engine.orders()[0])
    await receive.poll(engine.supplier_id, BY)
    await engine.settle(order_id, "completed")
    (parcel,) = sim.parcels(order_id)
    assert (parcel.tracking_number, dict(parcel.lines)) == (number, {MUG: 3})
    assert len(sim.order(order_id).sent) == 2  # one for each location
    reference = await db.value("SELECT channel_reference FROM shipments")
    assert reference == "+".join(str(sent.id) for sent in sim.order(order_id).sent)


async def test_who_lets_it_ship_unpaid_does_not_lift_a_hold(sim: ShopifySim, engine: Shop) -> None:
    order_id = sell(sim, (MUG, 1), paid=False)
    await engine.pull()
    assert await _issues(order_id) == [("unpaid", "the channel says it is not paid yet")]
    await _waive(order_id, "unpaid")
    assert await engine.status(order_id) == "ready"
    sim.hold(order_id, "OTHER", "ask Dana")
    await engine.pull()
    ((code, message),) = await _issues(order_id)
    assert (code, message.endswith("Other (ask Dana)")) == ("unpaid", True)
    await engine.send(order_id)
    assert engine.sent() == {}
    await _waive(order_id, "unpaid")  # a person may lift it all the same
    assert await engine.status(order_id) == "ready"


async def test_a_channel_that_cannot_be_asked_why_keeps_no_order_from_being_checked(
    sim: ShopifySim, engine: Shop
) -> None:  # fmt: skip
    held, other = sell(sim, (MUG, 1)), sell(sim, (MUG, 2))
    sim.hold(held, "OTHER", "ask Dana")
    await engine.pull()
    await db.run("UPDATE channels SET settings = '{}'")
    catalog.forget("channels", engine.channel_id)
    ids = {str(row[0]): int(row[1]) for row in await db.rows("SELECT external_id, id FROM orders")}
    assert await check.recheck(list(ids.values()), BY) == {ids[held]: "unresolved", ids[other]: "ready"}
    assert await _issues(held) == [("unpaid", "the channel says it is not released yet")]
    assert await _issues(other) == []


async def test_a_burst_of_webhooks_brings_each_order_once(sim: ShopifySim, engine: Shop) -> None:
    runner = await app.start(port=0)
    try:
        url = f"{app.address(runner)}/hooks/channels/{engine.channel_id}"
        placed = [sell(sim, (MUG, 1)) for _ in range(5)]
        for order_id in placed:
            sim.touch(order_id, note="a second thought")
        forged = sim.signed("orders/create", b'{"id":1}', secret="somebody else's")
        assert set(await sim.deliver(url, twice=True, shuffled=True)) <= {200, 202}
        sim.deliveries = [forged]
        assert await sim.deliver(url) == [401]
    finally:
        await runner.cleanup()
    await tasks.drain()
    found = await db.rows("SELECT external_id, note FROM orders ORDER BY external_id")
    assert [tuple(row) for row in found] == [(order_id, "a second thought") for order_id in sorted(placed)]
    receipts = await db.value("SELECT COUNT(*) FROM inbound_messages WHERE external_id LIKE 'webhook:%'")
    assert receipts == 10  # each of what happened kept once, though all of it came twice
    assert sim.counts["Orders"] <= 5


async def test_two_stores_let_in_by_their_apps_have_a_token_each(sqlite_database: str, sim: ShopifySim) -> None:
    other = ShopifySim(seed=2)
    await other.start()
    ids = []
    for at, store in enumerate((sim, other)):
        values = {"shop": store.url, "client_id": store.client_id, "client_secret": store.client_secret}
        ids.append((await setup.add_channel(f"Store {at}", "shopify", values, BY, poll_seconds=0)).id)
    try:
        for store, channel_id in zip((sim, other), ids, strict=True):
            placed = sell(store, (MUG, 1))
            page = await (await catalog.channel(channel_id)).pull(None, None)
            assert [raw.external_id for raw in page.items] == [placed]
            assert store.counts["token"] == 1
    finally:
        await catalog.close_connectors()
        await other.stop()
    assert await db.value("SELECT COUNT(*) FROM grants") == 2
    assert await db.value("SELECT COUNT(*) FROM rate_buckets") == 2
