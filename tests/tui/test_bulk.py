"""Processing many: asked before, within limits, in the list's order, seen as it goes, paused, undone, and left alone."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from decimal import Decimal

import msgspec
import pytest

from engine import settings
from engine.services import process
from engine.services.lifecycle import Actor
from engine.services.standing import standing
from tests.support.scene import HELD_SECONDS, Scene
from tests.support.terminal import Desk, at_desk
from tui.bulk import STEP

pytestmark = pytest.mark.asyncio(loop_scope="module")
MUG = ("BB-MUG-01", 1)


def limited(**limits: object) -> None:
    """These limits are in force from here on."""
    settings.force(msgspec.structs.replace(settings.settings(), **limits))


async def finished(desk: Desk) -> None:
    """Every marked order was held or refused."""
    await desk.until(lambda: desk.app.bulk is not None and desk.app.bulk.over)
    await desk.settle()


async def batch(scene: Scene, name: str, count: int) -> list[int]:
    """So many orders that a filter finds by how the customers' names begin."""
    return [await scene.order(MUG, who=f"{name}{n}") for n in range(count)]


async def test_all_that_match_a_filter_take_three_keys(scene: Scene) -> None:
    mine, other = await batch(scene, "Quill", 5), await scene.order(MUG, who="Other")
    async with at_desk() as desk:
        await desk.orders.narrow("quill")
        desk.keys = 0
        await desk.press("*", "P", "y")
        assert desk.keys == 3
        await finished(desk)
        assert (await standing(mine)).held == tuple(mine)
        assert await scene.states(other) == ["draft"]


async def test_the_question_says_what_goes_where_and_what_is_left_out(scene: Scene) -> None:
    ready = await batch(scene, "Reed", 3)
    await scene.order(("NO-SUCH-SKU", 1), who="Reed")
    async with at_desk() as desk:
        await desk.press("3")
        await desk.orders.narrow("reed")
        await desk.press("*", "P")
        shown = desk.text()
        assert "Process 4 marked orders" in shown
        assert f"3 will be held {HELD_SECONDS:g} s" in shown
        assert "1 left out (1 SKU?)" in shown
        assert "ACME 3 POs" in shown
        assert "250 orders / 25,000 in each currency" in shown
        await desk.press("enter", "escape")
        assert (await standing(ready)).back == tuple(ready)
        assert "nothing was processed" in desk.said


async def test_what_is_beyond_the_limit_stays_marked_for_the_next_time(scene: Scene) -> None:
    orders = await batch(scene, "Stone", 5)
    limited(bulk_orders=3)
    async with at_desk() as desk:
        await desk.orders.narrow("stone")
        await desk.press("*", "P")
        assert "2 orders beyond it stay marked" in desk.text()
        marked = list(desk.orders.list.marked)
        await desk.press("y")
        await finished(desk)
        await desk.press("escape")
        assert set((await standing(orders)).held) == set(marked[:3])
        assert list(desk.orders.list.marked) == marked[3:]
        await desk.press("P", "y")
        await finished(desk)
        assert len((await standing(orders)).held) == 5


async def test_the_limit_of_value_counts_in_each_currency(scene: Scene) -> None:
    await batch(scene, "Vale", 4)
    limited(bulk_value=Decimal(30))
    async with at_desk() as desk:
        await desk.orders.narrow("vale")
        await desk.press("*", "P")
        assert "stay marked" in desk.text()


async def test_undo_takes_back_all_that_is_still_held(scene: Scene) -> None:
    orders = await batch(scene, "Wren", 4)
    async with at_desk() as desk:
        await desk.orders.narrow("wren")
        await desk.press("*", "P", "y")
        await finished(desk)
        await desk.press("u")
        assert (await standing(orders)).back == tuple(orders)
        assert "4 orders taken back" in desk.said


async def test_leaving_lets_it_go_on_and_undo_still_knows_it(scene: Scene) -> None:
    orders = await batch(scene, "Yarrow", 30)
    async with at_desk() as desk:
        await desk.orders.narrow("yarrow")
        await desk.press("*", "P", "y", "escape")
        await finished(desk)
        assert len((await standing(orders)).held) == 30
        await desk.press("u")
        assert len((await standing(orders)).back) == 30


async def test_a_pause_holds_no_further_order_until_it_goes_on(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    orders = await batch(scene, "Zinnia", 50)
    go_on, real = asyncio.Event(), process.process

    async def slow(order_ids: Sequence[int], by: Actor) -> list[process.Outcome]:
        await go_on.wait()
        return await real(order_ids, by)

    monkeypatch.setattr(process, "process", slow)
    async with at_desk() as desk:
        await desk.orders.narrow("zinnia")
        await desk.press("*", "P", "y", "space")
        run = desk.app.bulk
        assert run is not None
        assert run.paused
        go_on.set()
        await desk.until(f"{STEP}/50")
        assert "PAUSED" in desk.text()
        await desk.press("j", "k")
        assert len(run.outcomes) == STEP
        await desk.press("space")
        await finished(desk)
        assert len((await standing(orders)).held) == 50


async def test_neither_enter_nor_the_key_that_asked_confirms(scene: Scene) -> None:
    orders = await batch(scene, "Aster", 2)
    async with at_desk() as desk:
        await desk.orders.narrow("aster")
        await desk.press("*", "P", "P", "enter")
        assert desk.app.bulk is None
        assert (await standing(orders)).back == tuple(orders)


@pytest.mark.parametrize("key", ["n", "q", "escape"])
async def test_no_leaves_the_question_and_a_later_yes_sends_nothing(scene: Scene, key: str) -> None:
    orders = await batch(scene, f"Nope{key}", 2)
    async with at_desk() as desk:
        await desk.orders.narrow(f"nope{key}")
        await desk.press("*", "P", key)
        assert desk.page.pane is None
        assert "nothing was processed" in desk.said
        await desk.press("y", "o", "y", "escape")
        assert desk.app.bulk is None
        assert (await standing(orders)).back == tuple(orders)
        assert set(desk.orders.list.marked) == set(orders)


async def test_the_question_and_the_progress_have_keys_of_their_own(scene: Scene) -> None:
    orders = await batch(scene, "Footed", 2)
    async with at_desk() as desk:
        await desk.orders.narrow("footed")
        await desk.press("*", "P")
        foot = desk.text().splitlines()[-1]
        assert "y yes" in foot
        assert "Esc no" in foot
        assert not any(word in foot for word in ("undo", "pause", "failures"))
        await desk.press("y")
        await finished(desk)
        foot = desk.text().splitlines()[-1]
        assert all(word in foot for word in ("u undo", "Space pause", "f failures"))
        assert "yes" not in foot
        await desk.press("q")
        assert desk.page.pane is None
        assert (await standing(orders)).held == tuple(orders)


async def test_a_filter_is_named_only_where_it_has_all_that_is_marked(scene: Scene) -> None:
    await batch(scene, "Marten", 3)
    await batch(scene, "Otter", 1)
    async with at_desk() as desk:
        await desk.orders.narrow("marten")
        await desk.press("*", "P")
        assert "Process 3 marked orders   (filter: marten)" in desk.text()
        await desk.press("n")
        await desk.orders.narrow("otter")
        await desk.press("*", "P")
        assert "Process 1 marked order   (filter: otter)" in desk.text()
        await desk.press("n", "M")
        await desk.orders.narrow("marten")
        await desk.press("*")
        await desk.orders.narrow("otter")
        await desk.press("space", "P")
        assert "Process 4 marked orders   (3 not in this list, filter: otter)" in desk.text()
        await desk.press("n", "escape", "2", "P")
        assert "Process 4 marked orders   (4 not in this list)" in desk.text()
