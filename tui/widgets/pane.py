"""What opens below a list, with the list still in sight: resolve, edit, a question."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual import events
from textual.containers import Vertical
from textual.widgets import Input

if TYPE_CHECKING:
    from tui.app import BluebookApp
    from tui.screens.base import BookScreen


_EDITING = frozenset(
    ["backspace", "delete", "left", "right", "home", "end", "ctrl+w", "ctrl+k", "ctrl+u", "ctrl+left", "ctrl+right"]
)


def is_text(event: events.Key) -> bool:
    """Does the key type or correct text?"""
    return event.is_printable or event.key in _EDITING


class Pane(Vertical):
    """``scope`` is that of its keys. What an action does is ``act_<id>``, as on a screen."""

    scope = ""
    asks = True
    """Its keys decide something; False where one only types."""
    app: BluebookApp

    @property
    def page(self) -> BookScreen:
        """The screen it is on."""
        return self.app.page

    async def opened(self) -> None:
        """It is on the screen: read what is to be shown, focus a field."""

    def write(self, field: Input) -> None:
        """The field has the keys from the very next on: one that came with the key that opened the pane is text too."""
        self.screen.set_focus(field)

    def takes_text(self, token: str, event: events.Key) -> bool:
        """Is this key text for the field in focus?"""
        return is_text(event)

    def act_next_field(self) -> None:
        """The next choice or field."""
        down = getattr(self, "act_choice_down", None)
        if down is not None:
            down()

    async def act_leave(self) -> None:
        """The pane is closed; nothing it had not saved is kept."""
        await self.page.close_pane()
