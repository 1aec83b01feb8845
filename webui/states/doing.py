"""What can be done to an order from any page: process, undo, hold, cancel; and looking for one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import reflex as rx

from engine.domain.roles import Permission
from engine.services import hold, process, search
from engine.services.process import Outcome
from webui import links
from webui.states.base import Book, on


class Doing(Book):
    """Acts on single orders; the pages show what came of it by their news."""

    @on(Permission.VIEW)
    async def search(self, form: dict[str, Any]) -> Any:
        """The one order of this number is opened; anything else is looked for in Order History, several of the number too."""
        text = str(form.get("text", "")).strip()[:200]
        meant = await search.numbers_meant(text)
        return rx.redirect(links.order(meant[0]) if len(meant) == 1 else links.orders({"text": text}))

    @on(Permission.PROCESS)
    async def process(self, order_id: int) -> None:
        """The order is held and then sent; the notice offers to take it back."""
        self.report(await process.process([order_id], self.by))

    @on(Permission.UNDO)
    async def undo(self, order_id: int) -> None:
        """What is held is a draft again."""
        self.notices = [notice for notice in self.notices if notice.undo != order_id]
        self.report(await process.undo([order_id], self.by))

    @on(Permission.HOLD)
    async def release(self, order_id: int) -> None:
        """The order is no longer on hold."""
        await hold.release(order_id, self.by)
        self.say("The hold is gone and the order was checked again.", "good")

    def report(self, outcomes: Sequence[Outcome]) -> None:
        """What became of one order, or of the only one."""
        for outcome in outcomes:
            words = f"{outcome.number}: {outcome.message}"
            held = outcome.done and outcome.release_at is not None
            self.say(words, "good" if outcome.done else "bad", undo=outcome.order_id if held else 0)
