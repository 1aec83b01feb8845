"""The terminal app for tests: driven by keys over a real database, with orders of every kind that a real store gave.

async with at_desk(scene) as desk:
    await desk.press("p")
    assert "held" in desk.said
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from textual.pilot import Pilot

from engine.services.lifecycle import Actor
from tui.app import BluebookApp
from tui.screens.base import BookScreen
from tui.screens.orders import OrdersScreen
from tui.widgets.foot import Foot

DANA = Actor("dana", "person", "tui")
TAP = 0.125
"""Seconds between two keys of a practised person; the app's clock is moved by it, nobody waits."""


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
            await self.pilot.press(key)
            await self.settle()

    async def settle(self) -> None:
        """Every key is done with and drawn."""
        await self.app.idle()
        await self.pilot.pause()
        await self.app.idle()

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
