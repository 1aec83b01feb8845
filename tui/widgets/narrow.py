"""A line to narrow a list that is all in memory."""

from __future__ import annotations

from collections.abc import Callable

from textual.app import ComposeResult
from textual.widgets import Input

from tui.widgets.pane import Pane


class Narrow(Pane):
    """A line to type words into; the list follows. Esc clears it."""

    scope = "narrow"
    asks = False

    def __init__(self, text: str, narrow: Callable[[str], None]) -> None:
        super().__init__()
        self.text, self.narrow = text, narrow

    def compose(self) -> ComposeResult:
        """One line."""
        yield Input(self.text, placeholder="words of who, what or cause", compact=True)

    async def opened(self) -> None:
        """Type."""
        self.write(self.query_one(Input))

    def on_input_changed(self, event: Input.Changed) -> None:
        """The list follows."""
        event.stop()
        self.narrow(event.value)

    async def act_accept(self) -> None:
        """It stays so."""
        await self.page.close_pane()

    async def act_leave(self) -> None:
        """Everything is there again."""
        self.narrow("")
        await self.page.close_pane()
