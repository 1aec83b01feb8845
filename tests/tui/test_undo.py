"""What u takes back where it is not simply the last key: after a restart, beside others, too late, and of many."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec
import pytest
import pytest_asyncio

from engine import settings
from engine.services import hold, process, standing, tasks
from engine.services.lifecycle import Actor
from tests.support.scene import DANA, HELD_SECONDS, Scene
from tests.support.terminal import Desk, at_desk
from tui import undo
from tui.bulk import STEP

pytestmark = pytest.mark.asyncio(loop_scope="module")
MUG = ("BB-MUG-01", 1)
KIM = Actor("kim", "person", "web")


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def nothing_held(scene: Scene) -> None:
    """No order of another test is held."""
    await process.undo([held.order_id for held in await standing.holds()], DANA)


async def numbers(scene: Scene, *orders: int) -> list[str]:
    """The orders' numbers."""
    return [(await scene.case(order)).order.number for order in orders]


def at_once() -> None:
    """From here on what is processed is sent at once."""
    settings.force(msgspec.structs.replace(settings.settings(), undo_seconds=0))


async def done(desk: Desk) -> None:
    """Every marked order was held or refused."""
    await desk.until(lambda: desk.app.bulk is not None and desk.app.bulk.over)
    await desk.settle()


# --- after a restart --------------------------------------------------------------------------------------------------


async def test_u_after_a_restart_takes_back_what_this_person_processed_last(scene: Scene) -> None:
    first, second, other = [await scene.order(MUG) for _ in range(3)]
    async with at_desk() as desk:
        await desk.go(first)
        await desk.press("p", "p")
    async with at_desk() as desk:
        await process.process([other], KIM)  # held later than both, and by somebody else
        await desk.press("u")
        assert [await scene.states(o) for o in (first, second, other)] == [["queued"], ["draft"], ["queued"]]
        assert desk.here == second
        assert f"{(await numbers(scene, second))[0]} taken back" in desk.said
        await desk.press("u")
        assert await scene.states(first) == ["draft"]


async def test_what_one_key_processed_comes_back_by_one_key_after_a_restart_too(scene: Scene) -> None:
    orders = [await scene.order(MUG, who=f"Restarted{n}") for n in range(3)]
    async with at_desk() as desk:
        await desk.orders.narrow("restarted")
        await desk.press("*", "P", "y")
        await done(desk)
    async with at_desk() as desk:
        await desk.press("u")
        assert [await scene.states(order) for order in orders] == [["draft"]] * 3
        assert "3 orders taken back" in desk.said


# --- beside others ----------------------------------------------------------------------------------------------------


async def test_what_was_sent_meanwhile_is_not_taken_for_the_held_order_under_the_cursor(scene: Scene) -> None:
    sent, held = [await scene.order(MUG) for _ in range(2)]
    async with at_desk(start="history") as desk:
        at_once()
        await desk.go(sent)
        await desk.press("p")
        await scene.until(sent, "processed")
        await tasks.drain()
        await process.process([held], KIM, undo_seconds=HELD_SECONDS)
        await desk.press("R")
        await desk.go(held)
        await desk.press("u")
        assert await scene.states(held) == ["draft"]
        assert await scene.states(sent) == ["submitted"]
        assert f"{(await numbers(scene, held))[0]} taken back (kim had processed it)" in desk.said


async def test_a_held_order_one_went_to_goes_before_the_last_step(scene: Scene) -> None:
    mine, other = [await scene.order(MUG) for _ in range(2)]
    await process.process([other], KIM, undo_seconds=HELD_SECONDS)
    async with at_desk(start="history") as desk:
        await desk.go(mine)
        await desk.press("p")
        await desk.go(other)
        await desk.press("u")
        assert [await scene.states(order) for order in (mine, other)] == [["queued"], ["draft"]]
        await desk.press("u")
        assert await scene.states(mine) == ["draft"]


async def test_a_held_order_to_which_the_cursor_stepped_by_itself_does_not(scene: Scene) -> None:
    mine, other = [await scene.order(MUG, who=f"Stepper{n}") for n in range(2)]
    await process.process([other], KIM, undo_seconds=HELD_SECONDS)
    async with at_desk(start="history") as desk:
        await desk.orders.narrow("stepper")
        await desk.go(mine)
        await desk.press("p")
        assert desk.here == other
        await desk.press("u")
        assert [await scene.states(order) for order in (mine, other)] == [["draft"], ["queued"]]


async def test_what_somebody_else_holds_is_taken_back_only_by_a_yes_that_names_them(scene: Scene) -> None:
    mine, other = [await scene.order(MUG) for _ in range(2)]
    await process.process([other], KIM, undo_seconds=HELD_SECONDS)
    async with at_desk() as desk:
        await desk.go(mine)
        await desk.press("u")
        assert f"Take back order {(await numbers(scene, other))[0]}, which kim processed?" in desk.text()
        await desk.press("n")
        assert await scene.states(other) == ["queued"]
        await desk.press("u", "y")
        assert await scene.states(other) == ["draft"]


async def test_the_sent_order_under_the_cursor_is_asked_back_whatever_somebody_else_holds(scene: Scene) -> None:
    sent, number = await scene.sent(MUG)
    await process.process([await scene.order(MUG)], KIM, undo_seconds=HELD_SECONDS)
    async with at_desk(start="history") as desk:
        await desk.go(sent)
        await desk.press("u")
        assert f"is asked to cancel {number}" in desk.text()


async def test_what_was_taken_back_elsewhere_is_no_step_any_more(scene: Scene) -> None:
    first, second, third = [await scene.order(MUG) for _ in range(3)]
    async with at_desk() as desk:
        await desk.go(first)
        await desk.press("p", "p")
        await process.undo([second], KIM)
        await desk.press("u")
        assert await scene.states(first) == ["draft"]
        await desk.go(third)
        await desk.press("u")
        assert desk.said == f"{(await numbers(scene, third))[0]}: nothing is held"


# --- of many ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("filtered", [False, True])
async def test_orders_processed_together_come_back_into_the_list_by_themselves(scene: Scene, filtered: bool) -> None:
    orders = [await scene.order(MUG, who=f"Backagain{filtered}{n}") for n in range(4)]
    async with at_desk() as desk:
        if filtered:
            await desk.orders.narrow(f"backagain{filtered}")
        await desk.press("*", "P", "y")
        await done(desk)
        held = set((await standing.standing(desk.app.bulk.order_ids)).held)  # type: ignore[union-attr]
        assert set(orders) <= held
        await desk.app.changed(list(held), settings=False)
        await desk.press("u")
        assert held <= {row.id for row in desk.orders.window.rows}
        assert "new (R)" not in desk.text()
        assert f"{len(held)} orders taken back" in desk.said
        assert desk.here in held
        await desk.press("escape", "j", "k")
        assert held <= {row.id for row in desk.orders.window.rows}


async def test_u_while_they_are_being_processed_leaves_none_held(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    orders = [await scene.order(MUG, who=f"Midway{n}") for n in range(50)]
    begun, go_on, real = asyncio.Event(), asyncio.Event(), process.process

    async def slow(order_ids: Sequence[int], by: Actor) -> list[process.Outcome]:
        begun.set()
        await go_on.wait()
        return await real(order_ids, by)

    monkeypatch.setattr(process, "process", slow)
    async with at_desk() as desk:
        run = desk.app.begin_bulk(orders)
        await begun.wait()  # the first of them are being written
        taking = asyncio.create_task(undo.take_back(undo.Held(tuple(orders), 0.0, run), DANA))
        await desk.until(lambda: bool(run.stopped))
        assert not run.outcomes
        go_on.set()
        found = await taking
        await done(desk)
        assert len(found.back) == STEP
        assert (await standing.standing(orders)).back == tuple(orders)


async def test_too_late_for_many_says_what_became_of_them(scene: Scene) -> None:
    at_once()
    orders = [await scene.order(MUG, who=f"Toolate{n}") for n in range(2)]
    async with at_desk() as desk:
        await desk.orders.narrow("toolate")
        await desk.press("*", "P", "y")
        await done(desk)
        await tasks.drain()
        for key in ("u", "u"):
            await desk.press(key)
            assert "nothing is held: 2 sent; c on an order asks its suppliers to cancel it" in desk.said
        assert (await standing.standing(orders)).sent == tuple(orders)


async def test_too_late_for_one_in_its_panel_offers_cancellation(scene: Scene) -> None:
    at_once()
    [order] = [await scene.order(MUG, who="Lateone")]
    async with at_desk() as desk:
        await desk.orders.narrow("lateone")
        await desk.press("*", "P", "y")
        await done(desk)
        await tasks.drain()
        await desk.press("u")
        assert "is asked to cancel" in desk.text()
        await desk.press("y")
        assert await scene.states(order) == ["cancel_requested"]


# --- what helps instead -----------------------------------------------------------------------------------------------


async def test_what_cannot_be_processed_or_resolved_names_a_key_that_helps_or_none(scene: Scene) -> None:
    held, stopped, waits = await scene.order(MUG), await scene.order(MUG), await scene.order(("NO-KEY-HELPS", 1))
    ready, (sent, _) = await scene.order(MUG), await scene.sent(MUG)
    await process.process([held], KIM, undo_seconds=HELD_SECONDS)
    await hold.hold(stopped, "ask first", KIM)
    said = {
        held: ("already held, about to be sent (u takes it back)", "held, about to be sent (u takes it back)"),
        stopped: ("on hold: ask first (a approves it)", "on hold: ask first (a approves it)"),
        sent: ("nothing to send: the order is processed", "nothing to resolve: it is processed"),
        waits: ("(r resolves)", ""),
        ready: ("", "waits for nothing: p processes it"),
    }
    async with at_desk(start="history") as desk:
        for order, (process_said, resolve_said) in said.items():
            for key, wanted in (("p", process_said), ("r", resolve_said)):
                if wanted:
                    await desk.go(order)
                    await desk.press(key)
                    assert desk.said.endswith(wanted), key
