"""What was just done is taken back by u, the last first: a mapping, what was processed with it, a snooze."""

from __future__ import annotations

from datetime import timedelta
from itertools import count

import pytest

from engine import clock
from engine.services import setup, unmap
from tests.support.people import later
from tests.support.scene import DANA, Scene
from tests.support.terminal import Desk, at_desk
from tui import undo

pytestmark = pytest.mark.asyncio(loop_scope="module")
MUG = ("BB-MUG-01", 1)
serial = count(1)


async def begin(desk: Desk, order: int, tab: str) -> None:
    """The cursor is on the order."""
    await desk.press(tab)
    await desk.go(order)


async def test_u_right_after_resolving_takes_the_mapping_back(scene: Scene) -> None:
    rate = f"Turtle {next(serial)}"
    order, other = await scene.order(MUG, rate=rate), await scene.order(MUG, rate=rate)
    async with at_desk() as desk:
        await begin(desk, order, "2")
        await desk.press("r", "2")
        assert "mapping saved (u takes it back)" in desk.said
        assert await scene.status(other) == "ready"
        await desk.press("u")
        assert "2 orders wait for a person again" in desk.said
        assert [await scene.status(one) for one in (order, other)] == ["unresolved"] * 2
        assert desk.here == order


async def test_u_after_processing_takes_back_that_first_and_then_the_mapping(scene: Scene) -> None:
    sku = f"SHOP-CLOCK-{next(serial)}"
    await scene.product(f"CLOCK-{sku}")
    order = await scene.order((sku, 1))
    async with at_desk() as desk:
        await begin(desk, order, "2")
        await desk.press("r", "enter", "p")
        assert await scene.states(order) == ["queued"]
        await desk.press("u")
        assert (await scene.states(order), await scene.status(order)) == (["draft"], "ready")
        await desk.press("u")
        assert await scene.status(order) == "unresolved"


async def test_u_takes_back_an_answer_for_this_order_only(scene: Scene) -> None:
    rate = f"Tortoise {next(serial)}"
    order, other = await scene.order(MUG, rate=rate), await scene.order(MUG, rate=rate)
    async with at_desk() as desk:
        await begin(desk, order, "2")
        await desk.press("r", "m", "2")
        assert "(u takes it back)" in desk.said
        assert [await scene.status(one) for one in (order, other)] == ["ready", "unresolved"]
        await desk.press("u")
        assert "is as it was; taken back:" in desk.said
        assert await scene.status(order) == "unresolved"
        assert desk.here == order


async def test_a_mapping_that_was_saved_a_while_ago_is_not_what_u_means(scene: Scene) -> None:
    order = await scene.order(MUG, rate=f"Sloth {next(serial)}")
    async with at_desk() as desk:
        await begin(desk, order, "2")
        await desk.press("r", "2")
        desk.now += undo.FRESH_SECONDS
        await desk.press("u")
        assert await scene.status(order) == "ready"


async def test_the_orders_that_become_ready_are_processed_too_only_when_ticked(scene: Scene) -> None:
    for ticked in (False, True):
        rate = f"Kayak {next(serial)}"
        order, *others = [await scene.order(MUG, rate=rate) for _ in range(3)]
        async with at_desk() as desk:
            await begin(desk, order, "2")
            await desk.press("r")
            assert "[ ] P process the 2 others too" in desk.text()
            await desk.press(*(["P"] if ticked else []), "2")
            assert [await scene.states(one) for one in others] == [["queued" if ticked else "draft"]] * 2
            assert (await scene.states(order), await scene.status(order)) == (["draft"], "ready")
            if ticked:
                assert "2 of them held (u takes them back)" in desk.said
                await desk.press("u")
                assert [await scene.states(one) for one in others] == [["draft"]] * 2
                await desk.press("u")
                assert [await scene.status(one) for one in (order, *others)] == ["unresolved"] * 3


async def test_processing_too_is_offered_only_where_the_answer_is_remembered(scene: Scene) -> None:
    rate = f"Canoe {next(serial)}"
    order, other = await scene.order(MUG, rate=rate), await scene.order(MUG, rate=rate)
    async with at_desk() as desk:
        await begin(desk, order, "2")
        await desk.press("r", "P", "m")
        assert "P process" not in desk.text()
        await desk.press("P")
        assert "no other order becomes ready" in desk.said
        await desk.press("2")
        assert (await scene.status(order), await scene.status(other)) == ("ready", "unresolved")


@pytest.mark.parametrize(("key", "hours"), [("1", 1), ("2", 4)])
async def test_a_snooze_takes_two_keys_and_u_brings_the_order_back(scene: Scene, key: str, hours: int) -> None:
    order = await scene.order(MUG)
    later(timedelta())
    async with at_desk() as desk:
        await begin(desk, order, "1")
        desk.keys = 0
        await desk.press("z", key)
        assert desk.keys == 2
        until = (await scene.case(order)).order.snoozed_until
        assert clock.moment(until or 0) == clock.now() + timedelta(hours=hours)
        assert desk.here != order
        await desk.press("u")
        assert (await scene.case(order)).order.snoozed_until is None
        assert desk.here == order


async def test_a_snooze_until_monday_and_until_any_time_that_is_typed(scene: Scene) -> None:
    order = await scene.order(MUG)
    later(timedelta())
    async with at_desk() as desk:
        await begin(desk, order, "1")
        await desk.press("z", "4")
        until = clock.moment((await scene.case(order)).order.snoozed_until or 0).astimezone()
        assert (until.weekday(), until.hour, until.minute) == (0, 8, 0)
        await desk.press("u", "z", "5", *"soon", "enter")
        assert "is no time" in desk.text()
        await desk.press(*["backspace"] * 4, *"3d", "enter")
        until = clock.moment((await scene.case(order)).order.snoozed_until or 0)
        assert until == clock.now() + timedelta(days=3)
        assert f"{until.astimezone():%a %d %b %H:%M}" in desk.said


async def test_a_snoozed_order_is_woken_where_it_is_found(scene: Scene) -> None:
    order = await scene.order(MUG, who=f"Sleeper{next(serial)}")
    async with at_desk() as desk:
        await begin(desk, order, "1")
        await desk.press("z", "1", "/", *"is:snoozed", "enter")
        await desk.go(order)
        await desk.press("enter")
        assert "snoozed until" in desk.text()
        await desk.press("z")
        assert "back in the queue now" in desk.text()
        await desk.press("1")
        assert (await scene.case(order)).order.snoozed_until is None
        assert "back in the queue" in desk.said


async def test_a_mapping_is_taken_back_in_the_mappings_by_x_and_y(scene: Scene) -> None:
    rate = f"Balloon {next(serial)}"
    order = await scene.order(MUG, rate=rate)
    async with at_desk(start="mappings") as desk:
        await desk.press("/", *rate, "enter", "enter", "1")
        assert await scene.status(order) == "ready"
        await desk.press("u")
        assert await scene.status(order) == "unresolved"
        await desk.press("x")
        assert "it is not mapped" in desk.said
        await desk.press("enter", "1", "x", "enter")
        assert await scene.status(order) == "ready"
        await desk.press("y")
        assert await scene.status(order) == "unresolved"
        assert "1 order waits for a person again" in desk.said
        sku = f"WRONGLY-{next(serial)}"
        await setup.map_sku(scene.shop.channel_id, sku, {"BB-MUG-01": 1}, DANA)
        await desk.press("2", "/", *["backspace"] * 20, *sku, "enter", "x", "y")
        assert await unmap.products_of(scene.shop.channel_id, sku) == {}
