"""A question below the list. Yes is ``y``: never enter, and never the key that asked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from textual import events
from textual.app import ComposeResult
from textual.widgets import Static

from tui.widgets.pane import Pane
from tui.words import plain


class Confirm(Pane):
    """``yes`` is done at y, ``both`` at t where there is one; anything else it has no key for leaves everything as it is."""

    scope = "confirm"

    def __init__(
        self, question: str, yes: Callable[[], Awaitable[None]], *, details: str = "",
        both: Callable[[], Awaitable[None]] | None = None, both_said: str = "",
    ) -> None:  # fmt: skip
        super().__init__()
        self.question, self.details, self.yes, self.both, self.both_said = question, details, yes, both, both_said

    def compose(self) -> ComposeResult:
        """The question, and what answers it."""
        yield Static(plain(self.question), classes="question", markup=False)
        if self.details:
            yield Static(self.details, markup=False)
        both = f"    t {plain(self.both_said)}" if self.both is not None else ""
        yield Static(f"y yes{both}    Esc no", classes="answers", markup=False)

    def takes_text(self, token: str, event: events.Key) -> bool:
        """There is no field."""
        return False

    async def act_yes(self) -> None:
        """It is done."""
        await self.page.close_pane()
        await self.yes()

    def why_not_yes_both(self) -> str:
        """Only some questions have more than one yes."""
        return "" if self.both is not None else "there is nothing more to say yes to"

    async def act_yes_both(self) -> None:
        """It is done, and the other thing with it."""
        if self.both is not None:
            await self.page.close_pane()
            await self.both()

    async def act_no(self) -> None:
        """Nothing is changed."""
        await self.page.close_pane()
        self.app.say("nothing was changed")
