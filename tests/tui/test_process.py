"""Processing and undoing by keyboard: one key each, on the order under the cursor, and never by accident."""

from __future__ import annotations

import asyncio

import pytest

from engine.services import process
from tests.support.scene import DANA, Scene
from tests.support.terminal import at_desk

pytestmark = pytest.mark.asyncio(loop_scope="module")
MUG = ("BB-MUG-01", 1)


async def test_one_key_processes_the_order_under_the_cursor_and_goes_to_the_next(scene: Scene) -> None:
    first, second, third = [await scene.order(MUG) for _ in range(3)]
    async with at_desk() as desk:
        await desk.go(second)
        desk.keys = 0
        await desk.press("p")
        assert desk.keys == 1
        assert await scene.states(second) == ["queued"]
        assert desk.here == third
        assert "held" in desk.said
        await desk.press("p")
        assert await scene.states(third) == ["queued"]
        assert await scene.states(first) == ["draft"]


async def test_one_key_takes_it_back_and_the_cursor_is_on_it_again(scene: Scene) -> None:
    order = await scene.order(MUG)
    await scene.order(MUG)
    async with at_desk() as desk:
        await desk.go(order)
        await desk.press("p")
        desk.keys = 0
        await desk.press("u")
        assert desk.keys == 1
        assert await scene.states(order) == ["draft"]
        assert desk.here == order
        assert "taken back" in desk.said


async def test_undo_takes_back_one_after_the_other_the_last_first(scene: Scene) -> None:
    orders = [await scene.order(MUG) for _ in range(3)]
    async with at_desk() as desk:
        await desk.go(orders[0])
        await desk.press("p", "p", "u")
        assert [await scene.states(order) for order in orders] == [["queued"], ["draft"], ["draft"]]
        await desk.press("u")
        assert await scene.states(orders[0]) == ["draft"]


async def test_a_held_key_and_a_paste_process_one_order_and_say_why_no_more(scene: Scene) -> None:
    orders = [await scene.order(MUG) for _ in range(6)]
    async with at_desk() as desk:
        await desk.go(orders[0])
        await desk.press("p", *["p"] * 11, tap=0.03)
        states = [await scene.states(order) for order in orders]
        assert states == [["queued"], *[["draft"]] * 5]
        assert "ignored" in desk.said


async def test_taps_at_eight_a_second_all_count(scene: Scene) -> None:
    orders = [await scene.order(MUG) for _ in range(4)]
    async with at_desk() as desk:
        await desk.go(orders[0])
        await desk.press("p", "p", "p", "p", tap=0.125)
        assert [await scene.states(order) for order in orders] == [["queued"]] * 4


async def test_a_key_that_comes_with_the_focus_changes_nothing(scene: Scene) -> None:
    order = await scene.order(MUG)
    async with at_desk() as desk:
        await desk.go(order)
        desk.app.guard.focus(desk.now)
        await desk.press("p", tap=0.1)
        assert await scene.states(order) == ["draft"]
        assert "focus" in desk.said
        await desk.press("p", tap=0.3)
        assert await scene.states(order) == ["queued"]


async def test_viewers_can_move_but_not_process(scene: Scene) -> None:
    order = await scene.order(MUG)
    async with at_desk(readonly=True) as desk:
        await desk.go(order)
        await desk.press("p")
        assert await scene.states(order) == ["draft"]
        assert "--readonly" in desk.said


async def test_an_order_that_somebody_else_processed_stays_under_the_cursor_and_is_refused(scene: Scene) -> None:
    mine, other = await scene.order(MUG), await scene.order(MUG)
    async with at_desk() as desk:
        await desk.go(mine)
        await process.process([mine], DANA)
        await desk.app.changed([mine], settings=False)
        assert desk.here == mine
        await desk.press("p")
        assert len(await scene.states(mine)) == 1
        await desk.press("j")
        assert desk.here == other
        assert mine not in [row.id for row in desk.orders.window.rows]


async def test_new_orders_wait_until_they_are_asked_for_and_the_cursor_stays(scene: Scene) -> None:
    mine = await scene.order(MUG)
    async with at_desk() as desk:
        await desk.go(mine)
        line = desk.orders.list.cursor_line
        fresh = await scene.order(MUG)
        await desk.app.changed([fresh], settings=False)
        assert fresh not in [row.id for row in desk.orders.window.rows]
        assert "+1 new (R)" in desk.text()
        assert (desk.here, desk.orders.list.cursor_line) == (mine, line)
        await desk.press("R")
        assert fresh in [row.id for row in desk.orders.window.rows]
        assert desk.here == mine


async def test_news_of_an_order_that_just_left_the_list_loses_no_other(scene: Scene) -> None:
    left, stays = await scene.order(MUG), await scene.order(("BB-MUG-01", 2))
    async with at_desk() as desk:
        await desk.go(left)
        window = desk.orders.window
        await process.process([stays], DANA)
        news = asyncio.create_task(window.changed([left, stays]))
        await asyncio.sleep(0)  # it is reading by now
        window.step_off()
        await news
        assert left not in [row.id for row in window.rows]
        assert stays not in [row.id for row in window.rows] or stays in window.gone
