"""Scenes for tests of what happens to orders: a store, an outlet, and two HTTP suppliers that do only what they are told.

One scene serves a whole test module (on each database); every test has orders of its own. After each test the blue book
of every order it touched is replayed. A module that uses the fixture ``scene`` must share one loop::

    pytestmark = pytest.mark.asyncio(loop_scope="module")
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from tortoise.context import TortoiseContext, _current_context

from engine import clock, db, settings
from engine.demo import catalogue, store_orders
from engine.demo.shop import Connection, Shop, furnish
from engine.demo.store import DemoStore
from engine.demo.supplier_desk import Behaviour
from engine.demo.supplier_faults import Fault, FaultPlan, Route
from engine.demo.supplier_http import DemoHttpSupplier
from engine.ports import CancelWish
from engine.services import (
    catalog,
    check,
    edit,
    intake,
    lifecycle,
    loading,
    process,
    receive,
    resolve,
    setup,
    tasks,
    wishes,
)
from engine.services.casefile import Case, PurchaseRecord
from engine.services.lifecycle import Actor
from engine.services.resolve import OpenIssue, Resolved
from tests.support import book, databases
from tests.support.desk import at_once

DANA = Actor("dana", "person", "test")
WORKER = Actor("worker", "worker", "test")
QUIET = {"poll_seconds": 86_400}
HELD_SECONDS = 3_600.0
"""How long an order is held in a scene: no test is so slow that one is sent before it was looked at."""


class Scene:
    """The parts, and short words for what tests do with them."""

    def __init__(self) -> None:
        self.store, self.outlet = DemoStore(seed=1), DemoStore(seed=2)
        told = Behaviour(ship_after=None, auto_ack=False)
        self.desks = {"ACME": DemoHttpSupplier(told), "NOVA": DemoHttpSupplier(told)}
        self.shop = Shop(0, {})
        self.outlet_id = 0
        self.outlet_url = ""
        self._serial = count(1)

    @property
    def acme(self) -> DemoHttpSupplier:
        return self.desks["ACME"]

    @property
    def nova(self) -> DemoHttpSupplier:
        return self.desks["NOVA"]

    async def open(self) -> None:
        """Everything answers and is set up; nothing polls by itself."""
        suppliers = {}
        for code, desk in self.desks.items():
            suppliers[code] = Connection("rest", {"base_url": await desk.start(), "api_key": desk.api_key}, QUIET)
        self.shop = await furnish(self._connection(await self.store.start()), suppliers, DANA)
        await at_once()
        self.outlet_url = await self.outlet.start()
        made = await setup.add_channel(
            "Outlet", "woocommerce", self._connection(self.outlet_url).settings, DANA, poll_seconds=86_400
        )
        self.outlet_id = made.id
        for listing in catalogue.LISTINGS[:3]:
            await setup.map_sku(made.id, listing.sku, dict(listing.components), DANA, recheck=False)
        await setup.map_shipping(made.id, "Free Shipping", self.shop.suppliers["ACME"], "UPS-GND", DANA, recheck=False)
        # Connected long ago, so that what the stores have counts as placed since.
        await db.run("UPDATE channels SET created_at = ?", 0)
        await db.run("UPDATE schedules SET next_at = ?", clock.micros(clock.now()) + 10**12)

    def _connection(self, url: str) -> Connection:
        values = {"url": url, "consumer_key": self.store.key, "consumer_secret": self.store.secret}
        return Connection("woocommerce", values, {"poll_seconds": 86_400})

    async def close(self) -> None:
        """Nothing answers any more."""
        await catalog.close_connectors()
        for desk in self.desks.values():
            await desk.stop()
        await self.store.stop()
        await self.outlet.stop()

    # --- orders ------------------------------------------------------------------------------------------------------

    def place(
        self, *lines: tuple[str, int], store: DemoStore | None = None, rate: str = "Free Shipping", who: str = "",
        status: str = "processing", **shipping: str,
    ) -> int:  # fmt: skip
        """An order of these (SKU, pieces) is in the store; its id there. ``shipping`` are fields of the address."""
        store = store or self.store
        number = store.place(1, skus=["BB-MUG-01"], status=status)[0]
        name = who or f"Customer{next(self._serial)}"
        items = []
        for place, (sku, quantity) in enumerate(lines):
            listing = catalogue.BY_SKU.get(sku) or catalogue.DemoListing(sku, f"Thing called {sku}", 2500, ())
            store_orders.PRODUCT_IDS.setdefault(sku, 900)
            items.append(store_orders.line_item(number * 10 + place, listing, quantity, 0, 0))
        total = sum(store_orders.cents(item["total"]) for item in items)
        address = {
            "first_name": name, "last_name": "Doe", "company": "", "address_1": "1 Maple Ave", "address_2": "",
            "city": "Portland", "state": "OR", "postcode": "97205", "country": "US", **shipping,
        }  # fmt: skip
        store.change(
            number, line_items=items, total=store_orders.money(total), discount_total="0.00", shipping_total="0.00",
            total_tax="0.00", payment_method="stripe", customer_note="", shipping=address,
            billing={**address, "email": f"{name.lower()}@example.com", "phone": "+1 503 555 0100"},
            shipping_lines=[{**store_orders._shipping_line(number, "Free Shipping", 0), "method_title": rate}],
        )  # fmt: skip
        return number

    async def take(self, *numbers: int, channel_id: int = 0) -> list[int]:
        """The store's orders are read, as they stand now; our ids."""
        channel_id = channel_id or self.shop.channel_id
        row, connector = (await catalog.channels())[channel_id], await catalog.channel(channel_id)
        await intake.take_page(row, connector, await connector.pull_ids([str(n) for n in numbers]), WORKER)
        marks = db.marks(numbers)
        found = await db.rows(
            f"SELECT external_id, id FROM orders WHERE channel_id = ? AND external_id IN ({marks})",
            channel_id, *[str(n) for n in numbers],
        )  # fmt: skip
        ids = {str(r[0]): int(r[1]) for r in found}
        return [ids[str(n)] for n in numbers]

    async def order(self, *lines: tuple[str, int], **options: Any) -> int:
        """An order of these lines is placed and pulled; our id."""
        return (await self.take(self.place(*lines, **options)))[0]

    @asynccontextmanager
    async def elsewhere(self, order_id: int) -> AsyncIterator[None]:
        """Within, the order is of a channel, never connected, that can be told to cancel."""
        boutique = await db.value("SELECT id FROM channels WHERE name = 'Boutique'")
        if boutique is None:
            values = {"shop": "boutique.myshopify.com", "access_token": "shpat_1"}
            boutique = (await setup.add_channel("Boutique", "shopify", values, DANA, poll_seconds=0)).id
        await db.run("UPDATE orders SET channel_id = ? WHERE id = ?", boutique, order_id)
        yield
        await db.run("UPDATE orders SET channel_id = ? WHERE id = ?", self.shop.channel_id, order_id)
        await db.run("DELETE FROM outbox WHERE task = 'channels.cancel'")

    async def reread(self, order_id: int) -> None:
        """The order is read again from its store."""
        await intake.refresh(order_id, WORKER)

    async def at_store(self, order_id: int) -> int:
        """The order's id in its store."""
        return int(await db.value("SELECT external_id FROM orders WHERE id = ?", order_id))

    async def case(self, order_id: int) -> Case:
        """The order with everything."""
        return (await loading.load([order_id]))[0]

    async def status(self, order_id: int) -> str:
        """The order's status."""
        return (await self.case(order_id)).order.status

    async def until(self, order_id: int, status: str) -> None:
        """What is due is done until the order has the status."""

        async def there() -> bool:
            return await self.status(order_id) == status

        await tasks.drain(there)

    async def states(self, order_id: int) -> list[str]:
        """The states of its purchase orders."""
        return [po.state for po in (await self.case(order_id)).purchases]

    async def po(self, order_id: int, which: int = -1) -> PurchaseRecord:
        """One of its purchase orders, the last if not said."""
        return (await self.case(order_id)).purchases[which]

    async def wish(self, order_id: int, wish: CancelWish) -> None:
        """Its customer asks to cancel: the demo's store lets nobody ask, so it is written where a connector's would be."""
        async with lifecycle.change([order_id], by=WORKER) as work:
            work.event(work.cases[0], "order:change", "asked")
            work.put(work.cases[0], work.cases[0].order, cancel_wish=wishes.stored(wish))
            await check.check(work, work.cases)

    # --- issues ------------------------------------------------------------------------------------------------------

    async def codes(self, order_id: int) -> list[str]:
        """The codes of the open Issues, sorted."""
        return sorted(issue.code for issue in await resolve.order_issues(order_id))

    async def issue(self, order_id: int, code: str) -> OpenIssue:
        """The one open Issue of this code."""
        found = [issue for issue in await resolve.order_issues(order_id) if issue.code == code]
        assert len(found) == 1, f"{code}: {await resolve.order_issues(order_id)}"
        return found[0]

    async def resolve(self, order_id: int, code: str, resolution: str, **args: Any) -> Resolved:
        """The one open Issue of this code is resolved so by Dana."""
        return await resolve.resolve((await self.issue(order_id, code)).id, resolution, args, DANA)

    # --- sending and hearing -----------------------------------------------------------------------------------------

    async def process(self, order_id: int, undo_seconds: float = 0) -> process.Outcome:
        """The order is processed by Dana."""
        return (await process.process([order_id], DANA, undo_seconds=undo_seconds))[0]

    async def send(self, order_id: int) -> PurchaseRecord:
        """The order is processed and everything due is done; its last purchase order."""
        assert (await self.process(order_id)).done
        await tasks.drain()
        return await self.po(order_id)

    async def sent(self, *lines: tuple[str, int], **options: Any) -> tuple[int, str]:
        """An order is placed, pulled and sent; our id and its purchase order's number."""
        order_id = await self.order(*lines, **options)
        po = await self.send(order_id)
        assert po.state == "submitted", (po.state, po.message, await resolve.order_issues(order_id))
        return order_id, po.po_number

    async def edit(self, order_id: int, reason: str = "", **changes: Any) -> edit.Edited:
        """Dana edits the order."""
        return await edit.apply(order_id, edit.Changes(**changes), DANA, reason)

    def fault(self, *faults: Fault, route: Route = Route.SUBMIT, desk: str = "ACME") -> None:
        """The next requests meet these faults. Who is throttled comes again after a minute, which no test lasts: it moves
        the clock."""
        self.desks[desk].faults.use(FaultPlan(script={route: list(faults)}, retry_after=60))

    @asynccontextmanager
    async def unanswered(self, desk: str = "ACME") -> AsyncIterator[None]:
        """The next purchase order is taken at once, and is answered when this is over."""
        faults, answered = self.desks[desk].faults, asyncio.Event()
        dribble = faults._dribble

        async def later(*args: Any) -> Any:
            await answered.wait()
            return await dribble(*args)

        self.fault(Fault.SLOW, desk=desk)
        faults._dribble = later  # type: ignore[method-assign]
        try:
            yield
        finally:
            answered.set()
            del faults._dribble

    async def say(
        self, po_number: str, status: str, *lines: tuple[int, str, int], desk: str = "ACME", **more: Any
    ) -> Any:
        """The supplier says this of a purchase order, about these (line, SKU, pieces), and is heard."""
        parts = [{"line": line, "sku": sku, "quantity": quantity} for line, sku, quantity in lines]
        update = {"status": status, "po_number": po_number, **({"lines": parts} if parts else {}), **more}
        if status == "shipped":
            update.setdefault("carrier", "UPS")
            update.setdefault("tracking_number", f"1Z{next(self._serial):016d}")
        self.desks[desk]._announce(update)
        return await self.hear(desk)

    async def hear(self, desk: str = "ACME") -> receive.Heard:
        """The supplier is listened to."""
        return await receive.poll(self.shop.suppliers[desk], WORKER)

    async def product(self, sku: str, *, stock: int | None = 100, cost: int = 1000, supplier: str = "ACME") -> None:
        """A product of its own for one test, listed at the store, offered by one supplier."""
        await setup.add_product(sku, f"Thing called {sku}", DANA)
        await self.offer(sku, supplier, stock=stock, cost=cost)
        await setup.map_sku(self.shop.channel_id, sku, {sku: 1}, DANA)

    async def offer(
        self, sku: str, supplier: str, *, stock: int | None = 100, cost: int = 1000, priority: int = 1
    ) -> None:
        """The supplier offers the product under the same SKU."""
        await setup.add_offer(
            self.shop.suppliers[supplier], sku, sku, cost, DANA, stock=stock, priority=priority
        )  # fmt: skip


class Opened:
    """What a module's tests share."""

    def __init__(self, scene: Scene, context: TortoiseContext, conf: settings.Settings) -> None:
        self.scene, self.context, self.conf = scene, context, conf


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def url_of_module(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of an empty, migrated database for the module, once of each kind."""
    if request.param == "sqlite":
        template: Path = request.getfixturevalue("sqlite_template")
        yield databases.sqlite_copy(template, tmp_path_factory.mktemp("scene"))
        return
    copies: databases.Copies = request.getfixturevalue("postgres_copies")
    url = databases.elsewhere(copies.take())
    yield url
    copies.give_back(url)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scene_of_module(url_of_module: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Opened]:
    """The scene on its database, open as long as the module's tests run."""
    home = str(tmp_path_factory.mktemp("home"))
    conf = settings.Settings(home=home, database_url=url_of_module, undo_seconds=HELD_SECONDS)
    settings.force(conf)
    context = await db.open_database(url_of_module)
    token = _current_context.set(context)
    scene = Scene()
    try:
        await scene.open()
        yield Opened(scene, context, conf)
        settings.force(conf)
        await scene.close()
    finally:
        settings.force(None)
        await context.close_connections()
        _current_context.reset(token)


@pytest_asyncio.fixture(loop_scope="module")
async def scene(scene_of_module: Opened, own_settings: settings.Settings) -> AsyncIterator[Scene]:
    """The module's scene; afterwards the blue book of every order the test touched is replayed."""
    settings.force(scene_of_module.conf)
    token = _current_context.set(scene_of_module.context)
    began = clock.micros(clock.now())
    try:
        yield scene_of_module.scene
        for r in await db.rows("SELECT id FROM orders WHERE changed_at >= ?", began):
            await book.verify(int(r[0]))
        assert await db.value("SELECT COUNT(*) FROM outbox WHERE state = 'dead'") == 0
    finally:
        _current_context.reset(token)
