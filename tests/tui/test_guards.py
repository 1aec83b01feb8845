"""Keys nobody meant: what came in a paste, with the key that asked, or behind a slow one, answers nothing."""

from __future__ import annotations

import asyncio
import time
from itertools import count

import pytest
from textual import events
from textual.widgets import Input

from engine import db
from tests.support.scene import Scene
from tests.support.terminal import DANA, at_desk
from tui.app import BluebookApp

pytestmark = pytest.mark.asyncio(loop_scope="module")
MUG = ("BB-MUG-01", 1)
serial = count(1)
BEGUN = time.monotonic()


def came(app: BluebookApp, key: str, later: float) -> None:
    """The key came so many seconds after the first one."""
    event = events.Key(key, key)
    event.time = BEGUN + later
    app.post_message(event)


async def test_a_pasted_c_and_y_cancel_nothing_and_a_y_of_its_own_does(scene: Scene) -> None:
    order = await scene.order(MUG)
    async with at_desk() as desk:
        await desk.go(order)
        await desk.press("c", "y", tap=0.01)
        assert await scene.status(order) == "ready"
        assert "ignored" in desk.said
        assert desk.page.pane is not None
        await desk.press("y")
        assert await scene.status(order) == "canceled"


async def test_a_pasted_p_and_y_process_no_marked_orders(scene: Scene) -> None:
    orders = [await scene.order(MUG) for _ in range(2)]
    async with at_desk() as desk:
        await desk.go(orders[0])
        await desk.press("space", "space")
        await desk.press("P", "y", tap=0.02)
        assert [await scene.states(order) for order in orders] == [["draft"], ["draft"]]
        await desk.press("y")
        assert desk.app.bulk is not None


async def test_a_pasted_r_and_enter_resolve_nothing(scene: Scene) -> None:
    order = await scene.order(MUG, rate=f"Rocket {next(serial)}")
    for answer in ("enter", "1"):
        async with at_desk() as desk:
            await desk.press("2")
            await desk.go(order)
            await desk.press("r", answer, tap=0.01)
            assert await scene.status(order) == "unresolved"
            await desk.press("escape")


async def test_a_drop_that_is_asked_for_is_not_answered_by_the_same_paste(scene: Scene) -> None:
    order = await scene.order((f"PASTED-{next(serial)}", 1))
    async with at_desk() as desk:
        await desk.press("2")
        await desk.go(order)
        await desk.press("r")
        await desk.press("ctrl+x")
        await desk.press("y", tap=0.01)
        assert await scene.status(order) == "unresolved"
        await desk.press("y")
        assert await scene.status(order) == "canceled"


async def test_keys_are_timed_when_they_come_and_not_when_their_turn_comes(scene: Scene) -> None:
    order = await scene.order(MUG)
    app = BluebookApp(DANA)
    async with app.run_test(size=(100, 30)) as pilot:
        await app.idle()
        await pilot.pause()
        page = app.page
        page.window.go(page.window.place(order))  # type: ignore[attr-defined]

        async def slow() -> None:
            await asyncio.sleep(0.3)

        # Both keys wait behind a slow one; they came together, as out of a paste.
        app.later(slow)
        for key, later in (("c", 0.0), ("y", 0.02)):
            came(app, key, later)
        await pilot.pause()
        await app.idle()
        assert await scene.status(order) == "ready"
        came(app, "y", 0.5)
        await pilot.pause()
        await app.idle()
        assert await scene.status(order) == "canceled"


async def test_taps_that_wait_behind_a_slow_one_all_count(scene: Scene) -> None:
    orders = [await scene.order(MUG) for _ in range(2)]
    app = BluebookApp(DANA)
    async with app.run_test(size=(100, 30)) as pilot:
        await app.idle()
        await pilot.pause()
        page = app.page
        page.window.go(page.window.place(orders[0]))  # type: ignore[attr-defined]

        async def slow() -> None:
            await asyncio.sleep(0.4)

        app.later(slow)
        for later in (0.0, 0.12):
            came(app, "p", later)
        await pilot.pause()
        await app.idle()
        assert [await scene.states(order) for order in orders] == [["queued"], ["queued"]]


async def test_t_cancels_at_the_channel_too_where_it_can_be_told(scene: Scene) -> None:
    here, there = await scene.order(MUG), await scene.order(MUG)
    jobs = "SELECT subject_id, args FROM outbox WHERE task = 'channels.cancel' AND state = 'ready'"
    async with scene.elsewhere(there), at_desk() as desk:
        await desk.go(here)
        await desk.press("c")
        assert "cancels it too" not in desk.flat
        await desk.press("t")
        assert await scene.status(here) == "ready"
        await desk.press("escape")
        await desk.go(there)
        await desk.press("c")
        assert "t yes, and Boutique cancels it too" in desk.flat
        await desk.press("t")
        assert await scene.status(there) == "canceled"
        assert [tuple(row) for row in await db.rows(jobs)] == [(there, '{"reason":"","lines":[]}')]


@pytest.mark.parametrize(("keys", "typed"), [(":jobs", "jobs"), ("/woo", "woo"), (":q", "q")])
async def test_keys_that_come_in_one_packet_with_the_key_that_opens_a_line_are_all_in_it(
    scene: Scene, keys: str, typed: str
) -> None:
    await scene.order(MUG)
    app = BluebookApp(DANA)
    async with app.run_test(size=(100, 30)) as pilot:
        await app.idle()
        await pilot.pause()
        for place, key in enumerate(keys):
            came(app, key, 0.0001 * place)
        await pilot.pause()
        await app.idle()
        assert app.page.query_one(Input).value == typed
