"""Where Resolve invites typing, what is typed is text, and Enter takes nothing that was not on the screen."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count

import pytest
from textual import events
from textual.widgets import Input

from tests.support.scene import Scene
from tests.support.terminal import DANA, Desk, at_desk
from tui.app import BluebookApp
from tui.widgets.resolve import ResolvePane

pytestmark = pytest.mark.asyncio(loop_scope="module")
MUG = ("BB-MUG-01", 1)
serial = count(1)


@asynccontextmanager
async def resolving(scene: Scene, *, size: tuple[int, int] = (100, 30)) -> AsyncIterator[tuple[Desk, int, int]]:
    """Resolve is open on one of two orders that wait for the same unmapped SKU."""
    sku = f"SHOP-MUG-02-{next(serial)}"
    first, second = await scene.order((sku, 1)), await scene.order((sku, 1))
    async with at_desk(size=size) as desk:
        await desk.press("2")
        await desk.go(first)
        await desk.press("r")
        yield desk, first, second
        await desk.press("escape")


def pane(desk: Desk) -> ResolvePane:
    found = desk.page.pane
    assert isinstance(found, ResolvePane)
    return found


@pytest.mark.parametrize("word", ["Pepper", "mug", "xmas", "m", "P", "x"])
async def test_a_word_is_text_from_its_first_letter_on(scene: Scene, word: str) -> None:
    async with resolving(scene) as (desk, first, _):
        await desk.press(*word)
        assert pane(desk).field.value == word
        assert pane(desk).remember
        assert not pane(desk).process_too
        assert pane(desk).asking is None
        assert await scene.status(first) == "unresolved"


async def test_the_switches_have_keys_that_are_no_letters_and_are_shown(scene: Scene) -> None:
    async with resolving(scene) as (desk, first, _):
        assert "[x] Ctrl+r remember" in desk.text()
        assert "[ ] Ctrl+o process the 1 other too" in desk.text()
        assert "Ctrl+x drop the line" in desk.text()
        await desk.press("ctrl+o")
        assert "[x] Ctrl+o" in desk.text()
        await desk.press(*"kettle", "ctrl+r")
        assert "[ ] Ctrl+r remember" in desk.text()
        assert "Ctrl+o" not in desk.text(), "what is not remembered frees nothing"
        await desk.press("ctrl+x")
        assert "Drop the line" in desk.text()
        await desk.press("escape")
        assert await scene.status(first) == "unresolved"


@pytest.mark.parametrize("size", [(60, 15), (80, 24)])
async def test_the_switches_are_in_sight_in_a_small_terminal(scene: Scene, size: tuple[int, int]) -> None:
    async with resolving(scene, size=size) as (desk, _, _):
        assert "Ctrl+r remember" in desk.text()
        assert "type to find a product (/ first" in desk.text()


async def test_enter_behind_a_paste_takes_what_the_list_then_shows(scene: Scene) -> None:
    async with resolving(scene) as (desk, first, _):
        desk.now += 1
        desk.app.post_message(events.Paste("kettle"))
        await desk.settle()
        await desk.press("enter", tap=0.03)
        assert await scene.status(first) == "unresolved", "nobody reads in 30 ms"
        assert "press the key again" in desk.said
        shown = next(line for line in desk.text().splitlines() if "> 1" in line)
        assert "BB-KETTLE-01" in shown
        await desk.press("m")
        assert pane(desk).field.value == "kettlem"
        assert pane(desk).remember
        await desk.press("backspace", "enter")
        assert "BB-KETTLE-01" in (await scene.po(first)).lines[0].sku


async def test_enter_that_came_before_its_list_takes_nothing(scene: Scene) -> None:
    order = await scene.order((f"SHOP-MUG-02-{next(serial)}", 1))
    app = BluebookApp(DANA)
    async with app.run_test(size=(100, 30)) as pilot:
        desk = Desk(app, pilot)
        await desk.settle()
        await desk.press("2")
        await desk.go(order)
        await desk.press("r")
        app.arrival = lambda event: event.time
        began = desk.now
        app.monotonic = lambda: began + 10  # when the list is there: a fast typist, on a machine that did not keep up
        for place, key in enumerate((*"kettle", "enter")):
            event = events.Key(key, key if len(key) == 1 else None)
            event.time = began + place * 0.1
            app.post_message(event)
        await pilot.pause()
        await app.idle()
        await desk.settle()
        assert await scene.status(order) == "unresolved"
        assert "press the key again" in desk.said
        assert "> 1  ACME  BB-KETTLE-01" in desk.text()


async def test_a_scanned_number_is_looked_for_and_its_first_digit_takes_nothing(scene: Scene) -> None:
    order = await scene.order((f"SHOP-MUG-02-{next(serial)}", 1))
    app = BluebookApp(DANA)
    async with app.run_test(size=(100, 30)) as pilot:
        desk = Desk(app, pilot)
        await desk.settle()
        await desk.press("2")
        await desk.go(order)
        await desk.press("r")
        app.arrival = lambda event: event.time
        for place, key in enumerate("1006381"):
            event = events.Key(key, key)
            event.time = desk.now + 1 + place * 0.004
            app.post_message(event)
        await pilot.pause()
        await app.idle()
        await desk.settle()
        assert desk.page.query_one(Input).value == "1006381"
        assert await scene.status(order) == "unresolved"


async def test_a_digit_that_no_choice_has_begins_a_search(scene: Scene) -> None:
    async with resolving(scene) as (desk, first, _):
        await desk.press("0", "1")
        assert pane(desk).field.value == "01"
        assert await scene.status(first) == "unresolved"


async def test_while_a_zip_is_typed_no_choice_is_under_the_cursor(scene: Scene) -> None:
    order = await scene.order(MUG, postcode="")
    async with at_desk() as desk:
        await desk.press("2")
        await desk.go(order)
        await desk.press("r")
        assert "1  Cancel" in desk.text()
        assert "> 1  Cancel" not in desk.text()
        assert "type the postal code" in desk.text()
        await desk.press(*"97205")
        assert "> 1  Cancel" not in desk.text()
        assert "Enter saves the postal code" in desk.text()
        await desk.press("down")
        assert "> 1  Cancel" in desk.text()
        await desk.press("enter")
        assert "Cancel: what was sent is asked back?" in desk.text()
        await desk.press("escape")
        assert await scene.status(order) == "unresolved"
