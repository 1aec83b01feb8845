"""Some text in full, below a list."""

from __future__ import annotations

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.widgets import Static

from tui import words
from tui.widgets.pane import Pane


class TextPane(Pane):
    """Some text in full, scrolling by the arrow keys."""

    scope = "event"

    def __init__(self, title: str, body: str) -> None:
        super().__init__()
        self.heading, self.body = title, body

    def compose(self) -> ComposeResult:
        """All of it."""
        text = Text()
        text.append(f"{words.plain(self.heading)}\n", "bold")
        text.append("\n".join(words.line(line) for line in self.body.splitlines()))
        with VerticalScroll(can_focus=False):
            yield Static(text, markup=False)

    def takes_text(self, token: str, event: events.Key) -> bool:
        """There is no field."""
        return False

    def act_choice_down(self) -> None:
        self.query_one(VerticalScroll).scroll_relative(y=3, animate=False)

    def act_choice_up(self) -> None:
        self.query_one(VerticalScroll).scroll_relative(y=-3, animate=False)

    async def act_accept(self) -> None:
        """Closed again."""
        await self.page.close_pane()
