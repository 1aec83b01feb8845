"""A supplier that cannot be reached is seen where a person looks: in the foot, below the list, and on the order."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from engine import clock, db, settings
from engine.services import dashboard, process, setup, tasks, unsent
from engine.services.dashboard import Held, StatusBar
from engine.services.order_page import order_page
from engine.services.unsent import Unsent
from tests.support.people import later
from tests.support.scene import DANA, Scene
from tests.support.terminal import Desk, at_desk
from tui.widgets.foot import StatusLine

pytestmark = pytest.mark.asyncio(loop_scope="module")
MUG = ("BB-MUG-01", 1)


@asynccontextmanager
async def away(scene: Scene) -> AsyncIterator[None]:
    """Within, nothing listens where ACME is, and the clock stands."""
    acme = scene.shop.suppliers["ACME"]
    known = msgspec.json.decode(await db.value("SELECT settings FROM suppliers WHERE id = ?", acme))["base_url"]
    await setup.update("suppliers", acme, DANA, values={"base_url": "http://127.0.0.1:9"})
    later(timedelta())
    try:
        yield
    finally:
        clock.use(lambda: datetime.now(UTC))
        await setup.update("suppliers", acme, DANA, values={"base_url": known})


async def figures(desk: Desk) -> None:
    """The app has read its figures anew."""
    desk.app.show_figures(await dashboard.status_bar())
    await desk.settle()


async def test_a_supplier_that_is_away_is_named_with_what_waits_for_it(scene: Scene) -> None:
    first, second = await scene.order(MUG), await scene.order(MUG)
    async with away(scene):
        await process.process([first, second], DANA, undo_seconds=0)
        await tasks.drain()
        later(timedelta(seconds=130))
        [one] = await unsent.suppliers()
        assert (one.supplier, one.count, one.more) == ("ACME", 2, False)
        assert clock.now() - one.since == timedelta(seconds=130)
        assert not (await dashboard.status_bar()).held, "what was tried cannot be taken back"
        async with at_desk(start="history", size=(80, 24)) as desk:
            await figures(desk)
            assert "ACME failing 2m, 2 wait" in desk.text()
            await desk.go(first)
            await desk.press("j", "k")
            assert "not sent yet, tried again" in desk.text()
            assert "HELD" not in desk.text()
            await desk.press("p")
            assert "as soon as its supplier can be reached" in desk.said
            await desk.press("enter")
            assert f"not sent yet: {one.reason}" in desk.flat
            assert "tried again" in desk.flat
            assert "by itself; u takes it back" in desk.flat
    later(timedelta(seconds=300))
    await scene.until(first, "processed")
    await tasks.drain()
    assert await scene.states(first) == ["submitted"]
    assert await unsent.suppliers() == ()


async def test_u_takes_back_what_waits_for_its_supplier_and_the_blue_book_says_so(scene: Scene) -> None:
    first, second = await scene.order(MUG), await scene.order(MUG)
    async with away(scene):
        await process.process([first, second], DANA, undo_seconds=0)
        await tasks.drain()
        async with at_desk(start="history", size=(80, 24)) as desk:
            await desk.go(first)
            await desk.press("j", "k", "u")
            assert "taken back" in desk.said
            assert await scene.states(first) == ["draft"]
            assert await scene.states(second) == ["queued"]
            said = await db.value("SELECT message FROM audit_events WHERE order_id = ? AND tag LIKE '%:undo'", first)
            assert said == "taken back before it was sent; of 1 attempt none arrived"
    later(timedelta(seconds=300))
    await tasks.drain()
    assert await scene.states(first) == ["draft"]
    assert await scene.states(second) == ["submitted"]


async def test_the_order_screen_follows_though_nothing_changed_about_the_order(scene: Scene) -> None:
    order = await scene.order(MUG)
    await process.process([order], DANA, undo_seconds=0)
    async with away(scene), at_desk(start="history") as desk:
        await desk.go(order)
        await desk.press("enter")
        assert "QUEUED" in desk.text()
        await tasks.drain()
        later(timedelta(seconds=20))
        await figures(desk)
        assert "not sent yet" in desk.flat
    later(timedelta(seconds=300))
    await tasks.drain()


async def test_countdowns_and_ages_of_an_open_order_go_on(scene: Scene) -> None:
    order = await scene.order(MUG)
    later(timedelta())
    settings.force(msgspec.structs.replace(settings.settings(), undo_seconds=10.0))
    async with at_desk() as desk:
        await desk.go(order)
        await desk.press("enter", "p")
        assert "held 10s, u takes it back" in desk.text()
        later(timedelta(seconds=4))
        await desk.until("held 6s, u takes it back")
        await desk.press("u")
        later(timedelta(minutes=5))
        minutes = int((clock.now() - (await order_page(order)).placed_at).total_seconds() // 60)
        await desk.until(lambda: f"placed {minutes}m ago" in desk.flat)


NOTHING = StatusBar(held=(), sent_today=1, failed=0, resolve=7, ready=2, per_minute=(0,) * 30, workers=())


@pytest.mark.parametrize("width", [60, 80, 200])
@pytest.mark.parametrize("orders", [1, 4])
async def test_that_nobody_sends_is_never_left_out(width: int, orders: int) -> None:
    now = clock.now()
    held = tuple(Held(n, f"11{n:02}-1234-{n:04}-ABCD", now + timedelta(seconds=9)) for n in range(orders))
    acme = Unsent(supplier="ACME", count=3, more=False, since=now - timedelta(minutes=2), next_at=now, reason="away")
    nova = msgspec.structs.replace(acme, supplier="NOVA", count=1)
    bar = msgspec.structs.replace(NOTHING, held=held, unsent=(acme, nova))
    line = StatusLine().text(bar, width).plain
    assert len(line) <= width
    assert "NO WORKER RUNS" in line
    assert "ACME failing" in line
    assert f"HOLD {orders}" in line
    if width == 200:
        assert "ACME failing 2m, 3 wait  NOVA failing 2m, 1 waits" in line
        assert ("resolve 7" in line) == (orders == 1)
