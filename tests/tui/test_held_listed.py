"""What is held can be listed from anywhere by one key, and taken back there."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from engine.services import dashboard, process, standing
from tests.support.scene import DANA, Scene
from tests.support.terminal import at_desk

pytestmark = pytest.mark.asyncio(loop_scope="module")
MUG = ("BB-MUG-01", 1)


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def none_held(scene: Scene) -> AsyncIterator[None]:
    """Nothing is held before and after."""
    await process.undo([held.order_id for held in await standing.holds()], DANA)
    yield
    await process.undo([held.order_id for held in await standing.holds()], DANA)


async def test_one_key_lists_what_is_held_and_u_takes_it_back_there(scene: Scene) -> None:
    first, second, left = [await scene.order(MUG) for _ in range(3)]
    await process.process([first], DANA, undo_seconds=600)
    await process.process([second], DANA, undo_seconds=700)
    async with at_desk(size=(140, 30)) as desk:
        desk.app.show_figures(await dashboard.status_bar())
        await desk.settle()
        assert "u undoes  H lists" in desk.text()
        await desk.press("H")
        assert desk.page.name == "history"
        assert {row.id for row in desk.orders.window.rows} == {first, second}
        assert "is:undoable" in desk.text()
        await desk.go(second)
        await desk.press("j", "k", "u")
        assert "taken back" in desk.said
        assert await scene.states(left) == ["draft"]
        still = [held.order_id for held in await standing.holds()]
        assert len(still) == 1
        await desk.press("escape")
        assert left in {row.id for row in desk.orders.window.rows}


async def test_it_is_reached_from_other_screens_and_by_its_word(scene: Scene) -> None:
    order = await scene.order(MUG)
    await process.process([order], DANA, undo_seconds=600)
    for keys in (("H",), (":", *"held", "enter")):
        async with at_desk(start="jobs", size=(80, 24)) as desk:
            await desk.press(*keys)
            assert desk.page.name == "history"
            assert {row.id for row in desk.orders.window.rows} == {order}


async def test_where_nothing_is_held_that_is_said_and_the_list_stays(scene: Scene) -> None:
    async with at_desk(size=(80, 24)) as desk:
        await desk.press("H")
        assert "nothing is held" in desk.said
        assert desk.page.name == "queue"


async def test_a_click_on_the_foots_count_lists_them_too(scene: Scene) -> None:
    order = await scene.order(MUG)
    await process.process([order], DANA, undo_seconds=600)
    async with at_desk(size=(100, 30)) as desk:
        desk.app.show_figures(await dashboard.status_bar())
        await desk.settle()
        place = next(n for n, line in enumerate(desk.text().splitlines()) if "HOLD 1" in line)
        await desk.pilot.click(offset=(3, place))
        await desk.settle()
        assert desk.page.name == "history"
        assert {row.id for row in desk.orders.window.rows} == {order}
