"""An empty list, a search without a match and the end of the problems say where to go on; the blue book fits any width."""

from __future__ import annotations

from itertools import count
from pathlib import Path

import pytest
from tortoise.context import _current_context

from engine import db, settings
from engine.services import dashboard, tasks
from tests.support import databases
from tests.support.scene import Scene
from tests.support.terminal import Desk, at_desk

pytestmark = pytest.mark.asyncio(loop_scope="module")
MUG = ("BB-MUG-01", 1)
TEA = (("BB-MUG-01", 2), ("BB-TEA-01", 1))
serial = count(1)


async def figures(desk: Desk) -> None:
    desk.app.show_figures(await dashboard.status_bar())
    await desk.settle()


async def test_the_first_start_says_how_a_channel_is_added(sqlite_template: Path, tmp_path: Path) -> None:
    url = databases.sqlite_copy(sqlite_template, tmp_path)
    settings.force(settings.Settings(home=str(tmp_path), database_url=url))
    context = await db.open_database(url)
    token = _current_context.set(context)
    try:
        async with at_desk(size=(80, 24)) as desk:
            assert "There are no orders yet. g c, then A adds a channel." in desk.text()
            await desk.press("g", "h")
            assert "g c, then A adds a channel." in desk.text()
    finally:
        settings.force(None)
        await context.close_connections()
        _current_context.reset(token)


async def test_where_nothing_is_ready_the_tab_that_has_orders_is_named(scene: Scene) -> None:
    order = await scene.order(MUG, rate=f"Raft {next(serial)}")
    async with at_desk(size=(80, 24)) as desk:
        await figures(desk)
        assert "Nothing waits here. 1 in Resolve: 2 shows it." in desk.text()
        await desk.press("n")
        assert "no further order needs you here. 1 in Resolve: 2 shows it." in desk.said
        await desk.press("2", "n")
        assert desk.said == "no further order needs you"
    await scene.resolve(order, "missing_shipping_mapping", "map_shipping", method="UPS-GND")
    async with at_desk(size=(80, 24)) as desk:
        await figures(desk)
        await desk.press("2")
        assert "Nothing waits here. 1 in Ready: 1 shows it." in desk.text()
    await scene.send(order)
    async with at_desk(size=(80, 24)) as desk:
        await figures(desk)
        assert "Nothing waits here. g h shows every order there was." in desk.text()


async def test_what_matches_elsewhere_is_named_where_nothing_does_here(scene: Scene) -> None:
    order, _ = await scene.sent(MUG)
    number = (await scene.case(order)).order.number
    async with at_desk(size=(80, 24)) as desk:
        await desk.press("/", *number, "enter")
        assert f"No order matches {number} here; 1 in Order History (g h). Esc clears the filter." in desk.text()
        await desk.press("escape", "g", "h", "3", "/", *number, "enter")
        assert f"No order matches {number} here; 1 in All (1)." in desk.text()
        await desk.press("escape", "/", *"nosuchthing", "enter")
        assert "No order matches nosuchthing here." in desk.text()


@pytest.mark.parametrize("size", [(60, 15), (80, 24), (160, 40)])
async def test_the_blue_book_says_what_happened_and_to_whose_part(scene: Scene, size: tuple[int, int]) -> None:
    order = await scene.order(*TEA)
    await scene.send(order)
    await scene.say((await scene.po(order, 0)).po_number, "shipped", (1, "AC-2001", 2))
    await tasks.drain()
    numbers = [po.po_number for po in (await scene.case(order)).purchases]
    assert len(numbers) == 2
    async with at_desk(start="history", size=size) as desk:
        await desk.go(order)
        await desk.press("b", "/", *"begin submit", "enter")
        lines = [line for line in desk.text().splitlines() if "attempt 1" in line]
        assert len(lines) == 2
        assert {number for line in lines for number in numbers if number in line} == set(numbers)
        await desk.press("/", *["backspace"] * 12, *"begin push", "enter")
        assert numbers[0] in desk.text().splitlines()[2]
        await desk.press("escape", "enter")
        if size != (60, 15):
            assert f"{numbers[0]}: begin submit" in desk.text() or await in_timeline(desk, numbers[0])


async def in_timeline(desk: Desk, number: str) -> bool:
    await desk.press("G")
    return f"{number}: " in desk.text()


async def test_one_esc_leaves_an_export_and_a_stray_key_is_told_the_answers(scene: Scene) -> None:
    order = await scene.order(MUG)
    async with at_desk() as desk:
        await desk.go(order)
        await desk.press("b", "E", *"/nowhere", "escape")
        assert desk.page.pane is None
        await desk.press("escape", "c", "g")
        assert desk.said == "g is no answer here: y says yes, Esc no"
        await desk.press("escape")
        assert await scene.status(order) == "ready"


async def test_one_rate_goes_by_a_method(scene: Scene) -> None:
    order = await scene.order(MUG, rate=f"Sled {next(serial)}")
    await db.run("UPDATE shipping_mappings SET method_id = (SELECT id FROM shipping_methods WHERE code = 'UPS-GND')")
    one = "(SELECT MIN(id) FROM shipping_mappings)"
    await db.run(
        "UPDATE shipping_mappings SET method_id = (SELECT id FROM shipping_methods WHERE code = 'UPS-2DA') WHERE id = "
        + one
    )
    async with at_desk(start="history") as desk:
        await desk.go(order)
        await desk.press("r")
        assert "1 rate goes by it" in desk.text()
        assert "rates go by it" in desk.text()
