"""The terminal app for tests: driven by keys over a real database, with orders of every kind that a real store gave.

async with at_desk(scene) as desk:
    await desk.press("p")
    assert "held" in desk.said
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

import textual.app
from textual.pilot import Pilot
from textual.timer import Timer
from textual.widgets import Input, TextArea

from engine.services.lifecycle import Actor
from tui.app import BluebookApp
from tui.screens.base import BookScreen
from tui.screens.orders import OrdersScreen
from tui.widgets.foot import Foot

DANA = Actor("dana", "person", "tui")
TAP = 0.125
"""Seconds between two keys of a practised person; the app's clock is moved by it, nobody waits."""
LOOK = 0.004
MOMENT = 1.0
"""What the app does once within less than so many seconds belongs to the key before: a preview, a list that follows."""
PATIENCE = 90.0
"""Seconds until something is said not to come: a machine may be as busy as it likes."""


@contextmanager
def _at_once() -> Iterator[None]:
    """Textual's pilot does not wait twice for a fiftieth of a second after each key, to see whether the process idles.

    What a key asked for is waited for by name (``Desk._done``), which takes a thousandth.
    """

    async def soon(min_sleep: float = 0, max_sleep: float = 0) -> None:
        await asyncio.sleep(0)

    plain = textual.app.wait_for_idle
    textual.app.wait_for_idle = soon
    try:
        yield
    finally:
        textual.app.wait_for_idle = plain


class Desk:
    """The app with somebody's hands on it. ``keys`` counts what was pressed since it was last set to 0."""

    def __init__(self, app: BluebookApp, pilot: Pilot[int]) -> None:
        self.app, self.pilot = app, pilot
        self.keys = 0
        self.now = 1_000.0
        app.monotonic = lambda: self.now
        app.arrival = lambda event: self.now

    async def press(self, *keys: str, tap: float = TAP) -> None:
        """The keys are pressed at a person's pace, and everything they ask for is done."""
        for key in keys:
            self.now += tap
            self.keys += 1
            with _at_once():
                await self.pilot.press(key)
            await self._done()
        while self._soon():
            await asyncio.sleep(LOOK)
        await self.settle()

    async def settle(self) -> None:
        """Every key is done with and drawn."""
        await self.app.idle()
        await self.pilot.pause()
        await self.app.idle()

    async def until(self, holds: str | Callable[[], bool]) -> None:
        """The text is on the screen, or it is so, as soon as it is; fails with the screen where that does not come."""
        come = holds if callable(holds) else lambda: holds in self.text()
        deadline = time.monotonic() + PATIENCE
        while not come():
            assert time.monotonic() < deadline, f"{holds!r} did not come:\n{self.text()}"
            await asyncio.sleep(LOOK)
            await self.settle()

    def _soon(self) -> list[Timer]:
        """What is yet to be done a moment after a key."""
        pumps = (self.app, *self.app.screen.walk_children(with_self=True))
        timers = [timer for pump in pumps for timer in list(pump._timers)]
        return [t for t in timers if t._repeat == 0 and t._interval < MOMENT and t._task and not t._task.done()]

    async def _done(self) -> None:
        """The last key is done with, and every widget has heard of it."""
        await self.app.idle()
        await self.pilot._wait_for_screen()
        if not self._types:
            await self._drawn()  # with the next frame the focus may go elsewhere
        await self.app.idle()

    async def _drawn(self) -> None:
        """The screen in front is drawn, or another one is there."""
        screen, drawn = self.app.screen, asyncio.Event()
        screen.call_after_refresh(drawn.set)
        while not drawn.is_set() and self.app.screen is screen:
            await asyncio.sleep(LOOK)

    @property
    def _types(self) -> bool:
        return isinstance(self.app.focused, (Input, TextArea))

    @property
    def page(self) -> BookScreen:
        """The screen in front."""
        return self.app.page

    @property
    def orders(self) -> OrdersScreen:
        """The screen in front, which has a list of orders."""
        page = self.app.page
        assert isinstance(page, OrdersScreen)
        return page

    @property
    def said(self) -> str:
        """What the foot says."""
        return self.page.query_one(Foot).said

    @property
    def numbers(self) -> list[str]:
        """The numbers of the orders in the list."""
        return [row.number for row in self.orders.window.rows]

    @property
    def here(self) -> int | None:
        """The id of the order under the cursor."""
        return self.orders.window.cursor_id

    async def go(self, order_id: int) -> None:
        """The cursor is on this order."""
        place = self.orders.window.place(order_id)
        assert place is not None, f"order {order_id} is not in the list: {self.numbers}"
        self.orders.window.go(place)
        self.orders.list.follow()
        await self.settle()

    @property
    def flat(self) -> str:
        """What is on the screen as one line, so that what wraps is found too."""
        return " ".join(self.text().split())

    def text(self) -> str:
        """What is on the screen, line by line."""
        width = self.app.size.width
        lines = self.app.screen._compositor.render_strips()
        return "\n".join(strip.text[:width].rstrip() for strip in lines)


async def field(desk: Desk, label: str, *keys: str) -> None:
    """The field with this label is under the cursor, and the keys are typed into it."""
    for _ in range(40):
        if any(line.lstrip().startswith(">") and label in line for line in desk.text().splitlines()):
            await desk.press(*keys)
            return
        await desk.press("down")
    raise AssertionError(f"there is no field {label}:\n{desk.text()}")


@asynccontextmanager
async def at_desk(
    *, size: tuple[int, int] = (100, 30), readonly: bool = False, start: str = "queue"
) -> AsyncIterator[Desk]:
    """The app runs over the database that is open; nothing of a former run is in it."""
    app = BluebookApp(DANA, readonly=readonly, start=start)
    async with app.run_test(size=size) as pilot:
        desk = Desk(app, pilot)
        await desk.settle()
        yield desk
