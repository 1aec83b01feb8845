"""What belongs to the whole app: the filter line, views, commands, palette, help, keys of one's own, themes, sizes."""

from __future__ import annotations

from itertools import pairwise

import pytest

from engine import db
from tests.support.scene import Scene
from tests.support.terminal import at_desk
from tui import views, words

pytestmark = pytest.mark.asyncio(loop_scope="module")
MUG = ("BB-MUG-01", 1)


@pytest.fixture(autouse=True)
def forget(scene: Scene) -> None:
    """Nothing is remembered from another test."""
    views.path().unlink(missing_ok=True)


# --- the filter line --------------------------------------------------------------------------------------------------


async def test_a_filter_completes_follows_and_is_kept(scene: Scene) -> None:
    mine, other = await scene.order(("BB-LAMP-01", 1), who="Quincy"), await scene.order(MUG, who="Roberta")
    async with at_desk() as desk:
        await desk.press("/", *"su", "tab", *"ac", "tab", *"quin", "enter")
        assert desk.orders.filter_text == "sup:ACME quin"
        ids = [row.id for row in desk.orders.window.rows]
        assert mine in ids
        assert other not in ids
        await desk.press("escape")
        assert other in [row.id for row in desk.orders.window.rows]


async def test_a_word_nobody_understands_is_named_and_the_list_stays(scene: Scene) -> None:
    await scene.order(MUG)
    async with at_desk() as desk:
        before = desk.numbers
        await desk.press("/", *"colour:red", "enter")
        assert "colour:red" in desk.text()
        assert desk.orders.pane is not None
        await desk.press("escape")
        assert desk.orders.filter_text == ""
        assert desk.numbers == before


async def test_the_cursor_stays_on_its_order_as_the_filter_and_the_tab_change(scene: Scene) -> None:
    first, mine, last = [await scene.order(MUG, who=f"Anchor{n}") for n in range(3)]
    waits = await scene.order(("NO-ANCHOR", 1))
    async with at_desk() as desk:
        await desk.go(last)
        await desk.press("/", *"anchor", "enter")
        assert desk.here == last
        await desk.go(mine)
        await desk.press("escape")
        assert (desk.here, desk.orders.filter_text) == (mine, "")
        await desk.press("/", *"anchor2")
        assert desk.here == last
        await desk.press("escape")
        assert desk.here == mine
        await desk.press("3")
        assert desk.here == mine
        await desk.go(waits)
        await desk.press("2")
        assert desk.here == waits
        await desk.press("1")
        assert desk.here == mine
        await desk.press("/", *"sku:bb total>0", "enter", "R")
        assert desk.here == mine
        assert first in [row.id for row in desk.orders.window.rows]


async def test_nothing_found_says_how_to_go_on(scene: Scene) -> None:
    async with at_desk() as desk:
        await desk.press("/", *"zzzzqq", "enter")
        assert "No order matches zzzzqq here" in desk.text()


async def test_long_numbers_keep_their_end_where_there_is_no_room(scene: Scene) -> None:
    order_id = await scene.order(MUG)
    before = await db.value("SELECT number FROM orders WHERE id = ?", order_id)
    await db.run("UPDATE orders SET number = '3000000012345' WHERE id = ?", order_id)
    async with at_desk(size=(80, 24)) as desk:
        assert "30…012345 " in desk.text()
    for number, width, said in (
        ("1001", 9, "1001"), ("113-1234567-1234567", 9, "11…234567"), ("200010001234567", 9, "20…234567"),
        ("日本語日本語", 7, "日…本語"), ("12345", 2, "12345"),
    ):  # fmt: skip
        assert words.shortened(number, width) == said
    await db.run("UPDATE orders SET number = ? WHERE id = ?", before, order_id)


# --- views, commands, palette, help -----------------------------------------------------------------------------------


async def test_a_view_is_saved_found_again_and_forgotten(scene: Scene) -> None:
    await scene.order(MUG)
    async with at_desk() as desk:
        await desk.press("3", "s", "/", *"sup:acme", "enter")
        await desk.press(":", *"save mornings", "enter")
        assert "saved as mornings" in desk.said
        await desk.press("escape", "1")
        await desk.press(":", *"view morn", "enter")
        assert (desk.orders.tab, desk.orders.filter_text) == (2, "sup:acme")
        assert "view mornings" in desk.text()
        await desk.press(":", *"unsave mornings", "enter")
        assert views.load().views == ()


async def test_a_broken_file_of_views_is_told_and_left_alone(scene: Scene) -> None:
    views.path().write_text("{")
    async with at_desk() as desk:
        await desk.press(":", *"save x", "enter")
        assert "cannot be read" in desk.said
    assert views.path().read_text() == "{"


async def test_commands_do_what_their_keys_do_and_unknown_ones_are_told(scene: Scene) -> None:
    order = await scene.order(MUG)
    async with at_desk() as desk:
        await desk.go(order)
        await desk.press(":", *"process", "enter")
        assert await scene.states(order) == ["queued"]
        await desk.press(":", *"procss", "enter")
        assert "there is no command procss; did you mean process" in desk.said
        await desk.press("escape", ":", *"order 1001", "enter")
        assert desk.page.name == "order"


async def test_the_palette_finds_anything_by_some_letters_and_an_order_by_its_number(scene: Scene) -> None:
    await scene.order(MUG)
    async with at_desk() as desk:
        await desk.press("ctrl+p", *"history", "enter")
        assert desk.page.name == "history"
        await desk.press("ctrl+p", *"1001", "enter")
        assert desk.page.name == "order"


async def test_the_palette_lists_the_orders_that_two_stores_gave_one_number(scene: Scene) -> None:
    here = there = 0
    while here != there or not here:
        if here <= there:
            here = scene.place(("BB-MUG-01", 1))
        else:
            there = scene.place(("BB-MUG-01", 1), store=scene.outlet)
    await scene.take(here)
    await scene.take(there, channel_id=scene.outlet_id)
    async with at_desk() as desk:
        await desk.press("ctrl+p", *str(here), "enter")
        assert desk.page.name == "history"
        assert f"{here}.{scene.outlet_id}" in desk.text()
        await desk.press("ctrl+p", *f"{here}.{scene.outlet_id}", "enter")
        assert f"{here} at Outlet" in desk.text()


async def test_what_cannot_be_done_says_why_in_the_palette(scene: Scene) -> None:
    async with at_desk(readonly=True) as desk:
        await desk.press("ctrl+p", *"process")
        assert "not with --readonly" in desk.text()


async def test_help_shows_the_keys_in_force_here(scene: Scene) -> None:
    async with at_desk(size=(100, 60)) as desk:
        await desk.press("?")
        shown = desk.text()
        assert "Process: hold the order, then send it" in shown
        assert "others in" in shown
        await desk.press("/", *"blue", "enter")
        assert "The blue book" in desk.text()
        assert "Next line" not in desk.text()


async def test_what_was_said_can_be_read_again(scene: Scene) -> None:
    async with at_desk() as desk:
        await desk.press("R", ":", *"messages", "enter")
        assert "nothing new" in desk.text()


async def test_five_keys_are_told_once(scene: Scene) -> None:
    async with at_desk() as desk:
        assert "p process" in desk.said
        assert "? all keys" in desk.said
    async with at_desk() as desk:
        assert "all keys" not in desk.said


# --- how it looks -----------------------------------------------------------------------------------------------------


async def test_a_theme_is_remembered(scene: Scene) -> None:
    async with at_desk() as desk:
        await desk.press(":", *"theme bluebook-light", "enter")
        assert desk.app.theme == "bluebook-light"
    async with at_desk() as desk:
        assert desk.app.theme == "bluebook-light"


async def test_without_colour_cursor_marks_tabs_and_states_are_told_apart(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    ready = await scene.order(MUG, who="Nora")
    await scene.order(("NO-COLOUR", 1), who="Nora2")
    async with at_desk() as desk:
        await desk.press("3", "/", *"nora", "enter")
        await desk.go(ready)
        await desk.press("space")
        shown = desk.text()
        assert "[3 All" in shown
        assert [line[:2] for line in shown.splitlines() if "Nora" in line and line[:1] in " >"].count(" *") == 1
        assert any(line.startswith(">") for line in shown.splitlines())
        assert "READY" in shown
        assert "SKU?" in shown


SIZES = [(60, 15), (80, 24), (100, 30), (200, 60), (20, 5), (10, 3)]


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
async def test_every_screen_survives_every_size(scene: Scene, size: tuple[int, int]) -> None:
    await scene.order(("NO-SIZE", 1))
    async with at_desk(size=size) as desk:
        for keys in (
            "2",
            "r",
            "escape",
            "e",
            "q",
            "escape",
            "escape",
            "enter",
            "b",
            "enter",
            "escape",
            "q",
            "q",
            "?",
            "q",
        ):
            await desk.press(keys)
        await desk.press("/", *"err:any", "escape", ":", "escape", "ctrl+p", "escape", "g", "h", "*", "P", "escape")
        for width, height in pairwise([*size, *size]):
            await desk.pilot.resize_terminal(max(width, 5), max(height, 2))
        assert desk.app.is_running
