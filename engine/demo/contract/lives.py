"""Cases with the engine between the channel and a supplier: what is sold there is sent once, and what changes is followed.

The database is an SQLite file in the case's folder, the supplier a demo one that acts only when it is told.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import msgspec

from engine import clock, db, settings
from engine.connectors import registry
from engine.demo import catalogue
from engine.demo.channels.base import SHIP_TO, ChannelFault, Sale, SaleLine
from engine.demo.contract.bench import MUG, Bench, case, raises
from engine.demo.supplier_desk import Behaviour, SupplierOrder
from engine.demo.supplier_http import DemoHttpSupplier
from engine.errors import TryLater, Unreadable
from engine.services import catalog, intake, listings, offered, process, receive, schema, setup, tasks
from engine.services.lifecycle import Actor
from engine.services.making import Pulled

BY = Actor("contract", "worker", "contract")
MINUTE = timedelta(minutes=1)
METHOD = "GROUND"
_migrated: list[bytes] = []


class Shop:
    """The engine with the channel and one supplier, and short words for what cases do with them."""

    def __init__(self, bench: Bench, supplier: DemoHttpSupplier, channel_id: int, supplier_id: int) -> None:
        self.bench, self.supplier = bench, supplier
        self.channel_id, self.supplier_id = channel_id, supplier_id

    async def pull(self) -> Pulled:
        """The channel is polled, its open orders are read again, and the rates it has are mapped."""
        found = await intake.poll(self.channel_id, BY)
        found.add(await intake.rescan(self.channel_id, BY))
        for rate in await listings.unmapped_rates():
            await setup.map_shipping(self.channel_id, rate.rate, self.supplier_id, METHOD, BY)
        return found

    async def status(self, external_id: str) -> str:
        """The order's status; "" where we have none."""
        return str(await db.value("SELECT status FROM orders WHERE external_id = ?", external_id) or "")

    async def send(self, external_id: str) -> None:
        """The order is processed, if it can be, and what is due is done."""
        order_id = int(await db.value("SELECT id FROM orders WHERE external_id = ?", external_id))
        await process.process([order_id], BY, undo_seconds=0)
        await tasks.drain()

    def sent(self) -> dict[str, int]:
        """Pieces the supplier has to ship, by our SKU; of canceled purchase orders none."""
        found: dict[str, int] = {}
        for order in self.orders():
            for line in order.lines if order.status != "canceled" else ():
                found[line.sku] = found.get(line.sku, 0) + line.quantity
        return found

    def orders(self) -> list[SupplierOrder]:
        """Every purchase order the supplier has taken."""
        return [order for orders in self.supplier.orders.values() for order in orders]

    async def settle(self, external_id: str, status: str) -> None:
        """What is due is done until the order has the status."""

        async def there() -> bool:
            return await self.status(external_id) == status

        try:
            await tasks.drain(there, timeout=90)
        except TimeoutError:
            found = await db.rows("SELECT code, message FROM issues WHERE closed_at IS NULL")
            said = "; ".join(f"{row[0]}: {row[1]}" for row in found) or "no Issue"
            raise AssertionError(f"the order is {await self.status(external_id)} and not {status}: {said}") from None


async def _database(bench: Bench) -> str:
    path = bench.folder / "bluebook.sqlite3"
    url = f"sqlite://{path}"
    if bench.template is not None:
        path.write_bytes(bench.template.read_bytes())
    elif _migrated:
        path.write_bytes(_migrated[0])
    else:
        async with db.database(url):
            await schema.upgrade()
        _migrated.append(path.read_bytes())
    return url


@asynccontextmanager
async def shop(bench: Bench) -> AsyncIterator[Shop]:
    """The engine runs on a database of its own within; nothing is scheduled."""
    before = settings.settings()
    url = await _database(bench)
    settings.force(settings.Settings(home=str(bench.folder / "home"), database_url=url))
    supplier = DemoHttpSupplier(Behaviour(auto_ack=False, ship_after=None))
    try:
        async with supplier, db.database(url):
            with registry.lent("channels", bench.kind):
                try:
                    yield await _furnished(bench, supplier)
                finally:
                    await catalog.close_connectors()
    finally:
        settings.force(before)


async def _furnished(bench: Bench, supplier: DemoHttpSupplier) -> Shop:
    values, rest = bench.settings(**bench.sim.small_pages), {"base_url": supplier.url, "api_key": supplier.api_key}
    made = await setup.add_channel("Channel", bench.kind.slug, values, BY, poll_seconds=0, rescan_seconds=0)
    who = await setup.add_supplier("Acme", "ACME", "rest", rest, BY, poll_seconds=0)
    await setup.add_method(who.id, METHOD, "UPS Ground", BY)
    await setup.add_product(MUG, "Stoneware mug", BY)
    await setup.add_offer(who.id, MUG, MUG, 500, BY)
    await setup.map_sku(made.id, MUG, {MUG: 1}, BY, recheck=False)
    # Connected long ago, so that what the channel has counts as placed since; nothing runs but what a case asks for.
    await db.run("UPDATE channels SET created_at = 0")
    await db.run("UPDATE suppliers SET settle_seconds = 0")
    await db.run("UPDATE schedules SET next_at = ?", clock.micros(clock.now()) + 10**13)
    return Shop(bench, supplier, made.id, who.id)


@case()
async def an_order_lives_its_whole_life(bench: Bench) -> None:
    """Pulled, sent, shipped, told to the channel and read back: completed, with one parcel there."""
    async with shop(bench) as engine:
        order_id = bench.sell((MUG, 2))
        assert (await engine.pull()).new == 1
        assert await engine.status(order_id) == "ready", await db.rows("SELECT code, message FROM issues")
        await engine.send(order_id)
        assert engine.sent() == {MUG: 2}
        number = engine.supplier.ship(engine.orders()[0])
        await receive.poll(engine.supplier_id, BY)
        await engine.settle(order_id, "completed")
        assert bench.numbers(order_id) == [number]
        assert bench.sim.state(order_id) == "shipped"
        await engine.pull()
        assert await engine.status(order_id) == "completed", "our own parcel, read again, changed the order"
        assert await db.value("SELECT COUNT(*) FROM issues WHERE closed_at IS NULL") == 0


@case()
async def polls_that_overlap_make_each_order_once(bench: Bench) -> None:
    """Polled again and again, and edited meanwhile."""
    async with shop(bench) as engine:
        placed = [bench.sell() for _ in range(5)]
        assert (await engine.pull()).new == 5
        assert (await engine.pull()).new == 0
        bench.sim.touch(placed[0], note="edited")
        placed.append(bench.sell())
        assert (await engine.pull()).new == 1
        found = await db.rows("SELECT external_id FROM orders")
        assert sorted(row[0] for row in found) == sorted(placed)
        assert await db.value("SELECT COUNT(*) FROM inbound_messages WHERE state = 'parked'") == 0


@case("breaks")
async def a_poll_that_breaks_off_loses_nothing(bench: Bench) -> None:
    """The second page is cut short; the next poll has everything, each order once."""
    async with shop(bench) as engine:
        placed = []
        for _ in range(5):
            placed.append(bench.sell())
            bench.sim.pass_time(timedelta(seconds=1))
        connector = await catalog.channel(engine.channel_id)
        await connector.check()
        for fault in (ChannelFault.HALF_ANSWER, ChannelFault.HANG_UP):
            bench.sim.script("*", ChannelFault.NONE, fault)
            with raises("a poll whose second request breaks", TryLater, Unreadable):
                await intake.poll(engine.channel_id, BY)
            bench.sim.calm()
        await engine.pull()
        found = await db.rows("SELECT external_id FROM orders")
        assert sorted(row[0] for row in found) == sorted(placed)


@case("refunds")
async def pieces_paid_back_before_sending_are_not_sent(bench: Bench) -> None:
    """One of three mugs is refunded: two are sent."""
    async with shop(bench) as engine:
        order_id = bench.sell((MUG, 3))
        await engine.pull()
        bench.sim.pass_time(MINUTE)
        bench.sim.refund(order_id, MUG, 1)
        await engine.pull()
        await engine.send(order_id)
        assert engine.sent() == {MUG: 2}


@case()
async def an_order_canceled_before_sending_is_not_sent(bench: Bench) -> None:
    """The supplier hears nothing of it."""
    async with shop(bench) as engine:
        order_id = bench.sell((MUG, 1))
        await engine.pull()
        bench.sim.pass_time(MINUTE)
        bench.sim.cancel(order_id)
        await engine.pull()
        assert await engine.status(order_id) == "canceled"
        await engine.send(order_id)
        assert engine.orders() == []


@case()
async def an_order_canceled_after_sending_is_asked_back(bench: Bench) -> None:
    """The supplier is asked to cancel, and agrees."""
    async with shop(bench) as engine:
        order_id = bench.sell((MUG, 1))
        await engine.pull()
        await engine.send(order_id)
        assert engine.sent() == {MUG: 1}
        bench.sim.pass_time(MINUTE)
        bench.sim.cancel(order_id)
        await engine.pull()
        await engine.settle(order_id, "canceled")
        assert [order.status for order in engine.orders()] == ["canceled"]


@case("rereads")
async def what_is_longer_than_we_keep_parks_nothing(bench: Bench) -> None:
    """A long title, name and rate are cut, and the order is there."""
    async with shop(bench) as engine:
        ship_to = msgspec.structs.replace(SHIP_TO, name="Ada " + "Byron " * 60)
        lines = (SaleLine(MUG, 1, title="Stoneware mug " * 60),)
        order_id = bench.sim.place(Sale(lines=lines, ship_to=ship_to, rate="Free Shipping " * 30, note="Ring " * 900))
        await engine.pull()
        assert await engine.status(order_id), [
            row[0] for row in await db.rows("SELECT reason FROM inbound_messages WHERE state = 'parked'")
        ]


@case("lists", ".listed")
async def what_is_offered_is_imported_and_compared(bench: Bench) -> None:
    """Every listing of the catalogue is there, and but one is not mapped."""
    async with shop(bench) as engine:
        for _ in range(2):
            found = await offered.refresh(engine.channel_id)
        assert (found.new, found.gone) == (0, 0), "a second import found something else"
        (covered,) = await offered.coverage()
        assert covered.listings >= len(catalogue.LISTINGS) - 1, covered.sentence  # one of them may be sold out
        assert covered.unmapped == covered.listings - 1, covered.sentence


@case("sells_unpaid")
async def an_order_that_is_not_paid_is_not_sent(bench: Bench) -> None:
    """It waits, and is sent once it is paid."""
    async with shop(bench) as engine:
        order_id = bench.sell((MUG, 1), paid=False)
        await engine.pull()
        if await engine.status(order_id):
            await engine.send(order_id)
        assert engine.orders() == []
        if bench.sim.pays:
            bench.sim.pass_time(MINUTE)
            bench.sim.pay(order_id)
            await engine.pull()
            assert await engine.status(order_id) == "ready"
            await engine.send(order_id)
            assert engine.sent() == {MUG: 1}


@case("partials")
async def an_order_of_two_parcels_is_completed_by_the_second(bench: Bench) -> None:
    """The supplier ships in two parts; the channel has both parcels with their pieces."""
    async with shop(bench) as engine:
        order_id = bench.sell((MUG, 3))
        await engine.pull()
        await engine.send(order_id)
        (order,) = engine.orders()
        first = engine.supplier.ship(order, {1: 2})
        await receive.poll(engine.supplier_id, BY)
        await engine.settle(order_id, "partially_shipped")
        await tasks.drain()
        second = engine.supplier.ship(order)
        await receive.poll(engine.supplier_id, BY)
        await engine.settle(order_id, "completed")
        assert bench.numbers(order_id) == sorted([first, second])
        lines = [dict(parcel.lines) for parcel in bench.sim.parcels(order_id)]
        assert all(not told for told in lines) or lines == [{MUG: 2}, {MUG: 1}], f"the parcels have {lines}"
