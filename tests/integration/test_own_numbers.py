"""The number a customer gives is the store's: it finds their order, whatever it is called here."""

from __future__ import annotations

import pytest

from engine import db
from engine.errors import NotFound
from engine.services import history, own_numbers, search, setup
from engine.services.filters import Filters
from tests.support.scene import DANA, Scene

pytestmark = pytest.mark.asyncio(loop_scope="module")


def _alike(scene: Scene) -> int:
    """A number that both stores gave one of their orders, the last of each."""
    here = there = 0
    while here != there or not here:
        if here <= there:
            here = scene.place(("BB-MUG-01", 1))
        else:
            there = scene.place(("BB-MUG-01", 1), store=scene.outlet)
    return here


async def _pair(scene: Scene) -> tuple[int, int, str]:
    """Two orders that their stores call alike, and the number: the second has the channel's id behind it here."""
    here = _alike(scene)
    first = (await scene.take(here))[0]
    second = (await scene.take(here, channel_id=scene.outlet_id))[0]
    assert (await scene.case(second)).order.number == f"{here}.{scene.outlet_id}"
    return first, second, str(here)


async def _listed(text: str) -> set[int]:
    return set((await history.list_orders(Filters(text=text))).ids)


async def test_two_stores_that_count_alike_are_both_found_and_neither_is_taken_for_the_other(scene: Scene) -> None:
    first, second, number = await _pair(scene)
    for typed in (number, f"#{number}", f" {number} "):
        assert await search.exactly(typed) == [second, first]
        assert await _listed(typed) == {first, second}
    assert await search.numbers_meant(number) == [f"{number}.{scene.outlet_id}", number]
    assert await search.numbers_meant(f"{number}.{scene.outlet_id}") == [f"{number}.{scene.outlet_id}"]
    rows = {row.id: row for row in await history.rows_of([first, second])}
    assert (rows[first].store_number, rows[second].store_number) == (number, number)
    assert (await history.order_page(second)).store_number == number


async def test_what_a_store_itself_numbered_so_stays_whole(scene: Scene) -> None:
    channel = scene.outlet_id
    odd = (7, f"98765.{channel}", channel, "")
    assert await own_numbers.of([odd]) == {7: f"98765.{channel}"}  # there is no order 98765
    assert await own_numbers.of([(7, "W98765", channel, "W")]) == {7: "98765"}
    assert await own_numbers.of([(7, "W", channel, "W")]) == {7: "W"}


async def test_a_prefix_without_a_mark_between_hides_nothing_nor_does_one_the_channel_had_once(scene: Scene) -> None:
    await setup.update("channels", scene.outlet_id, DANA, prefix="WOO")
    try:
        here = there = _alike(scene)
        [ours] = await scene.take(there, channel_id=scene.outlet_id)
        case = await scene.case(ours)
        assert case.order.number == f"WOO{there}"
        # As it was kept before the store's own number was a word too: only the present prefix tells it then.
        await db.run("DELETE FROM terms WHERE order_id = ? AND term = ?", ours, str(there))
        assert await search.exactly(str(there)) == [ours]
        assert (await history.order_page(ours)).store_number == str(there)
        with pytest.raises(NotFound, match=f"did you mean WOO{there}"):
            await history.order_page(str(there))
        await search.index_order(ours, str(there))
        [other] = await scene.take(here)
        await setup.update("channels", scene.outlet_id, DANA, prefix="W-")
        assert await search.exactly(str(here)) == sorted((ours, other), reverse=True)
        assert await _listed(str(here)) == {ours, other}
    finally:
        await setup.update("channels", scene.outlet_id, DANA, prefix="")


async def test_a_new_order_has_its_stores_number_as_a_word(scene: Scene) -> None:
    await setup.update("channels", scene.outlet_id, DANA, prefix="OUT")
    try:
        number = scene.place(("BB-MUG-01", 1), store=scene.outlet, who="Wordsworth")
        [ours] = await scene.take(number, channel_id=scene.outlet_id)
        assert await _listed(f"wordsworth {number}") == {ours}
    finally:
        await setup.update("channels", scene.outlet_id, DANA, prefix="")
