"""Many orders processed in one go: goes on in the background while people do other things, and can be paused or undone."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING

from engine.services import process
from engine.services.process import Outcome
from engine.services.standing import Standing, standing
from tui.trouble import told

if TYPE_CHECKING:
    from tui.app import BluebookApp

STEP = 20
"""Orders a transaction: few enough that a pause or an undo takes hold at once."""
LOOK_SECONDS = 0.5
LOOKS_AFTER = 240
"""How often it looks what became of them once all are held: two minutes, by when a supplier has answered or is retried."""


class BulkRun:
    """``order_ids`` in their order. ``now`` is where those that were held stand. Nothing is lost by leaving: what was not
    reached stays ready, what is held is sent by the workers."""

    def __init__(self, app: BluebookApp, order_ids: Sequence[int]) -> None:
        self.app = app
        self.order_ids = list(order_ids)
        self.outcomes: list[Outcome] = []
        self.now = Standing()
        self.paused = False
        self.stopped = ""
        self._step = asyncio.Lock()
        self._go = asyncio.Event()
        self._go.set()

    @property
    def done(self) -> list[int]:
        """The ids that were held."""
        return [outcome.order_id for outcome in self.outcomes if outcome.done]

    @property
    def refused(self) -> list[Outcome]:
        """Those that could not be processed, with the reason."""
        return [outcome for outcome in self.outcomes if not outcome.done]

    @property
    def over(self) -> bool:
        """Has every order been held or refused?"""
        return bool(self.stopped) or len(self.outcomes) >= len(self.order_ids)

    def pause(self) -> None:
        """No further order is held until this is called again."""
        self.paused = not self.paused
        if self.paused:
            self._go.clear()
        else:
            self._go.set()

    def stop(self, why: str) -> None:
        """No further order is held."""
        self.stopped = why
        self._go.set()

    async def run(self) -> None:
        """Every order is held or refused; then it follows what becomes of them."""
        for start in range(0, len(self.order_ids), STEP):
            await self._go.wait()
            async with self._step:
                if self.stopped:
                    break
                try:
                    self.outcomes += await process.process(self.order_ids[start : start + STEP], self.app.by)
                    self.now = await standing(self.done)
                except Exception as error:
                    self.stop(told(error, "processing the marked orders"))
                    self.app.say_error(f"stopped after {len(self.done):,} orders: {self.stopped}")
            self.app.bulk_moved()
        for _ in range(LOOKS_AFTER):
            if not self.now.held:
                break
            await asyncio.sleep(LOOK_SECONDS)
            with contextlib.suppress(Exception):  # the live feed tells when the database is away
                self.now = await standing(self.done)
            self.app.bulk_moved()

    @contextlib.asynccontextmanager
    async def ended(self, why: str) -> AsyncIterator[None]:
        """Within, ``done`` is all there will be: the orders that are being held just now are in it, and none comes after."""
        if not self.over:
            self.stop(why)
        async with self._step:
            yield
            self.now = await standing(self.done)
