"""The workers' doings, as they happen: the change feed and the status bar's figures, and a database that is lost and back."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import TYPE_CHECKING

from engine.services import dashboard, feed
from tui.trouble import is_lost, told

if TYPE_CHECKING:
    from tui.app import BluebookApp

LOOK_SECONDS = 0.4
FIGURES_SECONDS = 1.0
LOST_SECONDS = 1.0


def midnight() -> datetime:
    """When today began where the person is."""
    return datetime.now().astimezone().replace(hour=0, minute=0, second=0, microsecond=0)


class Live:
    """Asks what changed, several times a second, and tells the screens. A lost database is told once, then tried again."""

    def __init__(self, app: BluebookApp) -> None:
        self.app = app
        self.cursor: int | None = None
        self.lost = ""
        self._figures_at = float("-inf")
        self._look_now = asyncio.Event()

    def hasten(self) -> None:
        """Look at once: something was just done here."""
        self._figures_at = float("-inf")
        self._look_now.set()

    async def run(self) -> None:
        """Goes on until it is cancelled."""
        while True:
            try:
                await self._look()
                if self.lost:
                    self.lost = ""
                    await self.app.database_back()
            except Exception as error:
                if not is_lost(error):
                    # A live view that dies silently would show yesterday as today.
                    self.app.say_error(told(error, "following changes"))
                elif not self.lost:
                    self.lost = told(error, "following changes")
                    self.app.database_lost(self.lost)
            wait = LOST_SECONDS if self.lost else LOOK_SECONDS
            self._look_now.clear()
            try:
                async with asyncio.timeout(wait):
                    await self._look_now.wait()
            except TimeoutError:
                continue

    async def _look(self) -> None:
        if self.cursor is None:
            self.cursor = await feed.latest()
        changed = await feed.changes(self.cursor)
        self.cursor = changed.cursor
        if changed.orders or changed.settings:
            try:
                await self.app.changed(changed.orders, settings=changed.settings)
            except Exception:
                # What was missed would stay as it was on the screen, so everything is read again.
                await self.app.read_again()
                raise
        loop = asyncio.get_running_loop()
        if loop.time() - self._figures_at >= FIGURES_SECONDS:
            self._figures_at = loop.time()
            self.app.show_figures(await dashboard.status_bar(midnight()))
        if changed.more:
            self._look_now.set()
