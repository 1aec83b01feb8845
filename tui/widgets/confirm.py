"""A question below the list. Yes is ``y``: never enter, and never the key that asked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from textual import events
from textual.app import ComposeResult
from textual.widgets import Static

from tui.widgets.pane import Pane
from tui.words import plain


class Confirm(Pane):
    """``yes`` is done at y; anything else it has no key for leaves everything as it is."""

    scope = "confirm"

    def __init__(self, question: str, yes: Callable[[], Awaitable[None]], *, details: str = "") -> None:
        super().__init__()
        self.question, self.details, self.yes = question, details, yes

    def compose(self) -> ComposeResult:
        """The question, and what answers it."""
        yield Static(plain(self.question), classes="question", markup=False)
        if self.details:
            yield Static(self.details, markup=False)
        yield Static("y yes    Esc no", classes="answers", markup=False)

    def takes_text(self, token: str, event: events.Key) -> bool:
        """There is no field."""
        return False

    async def act_yes(self) -> None:
        """It is done."""
        await self.page.close_pane()
        await self.yes()

    async def act_no(self) -> None:
        """Nothing is changed."""
        await self.page.close_pane()
        self.app.say("nothing was changed")
