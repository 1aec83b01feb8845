"""What every screen has: a scope for its keys, a place for a pane, a foot that says things, and a banner."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from textual import events
from textual.screen import Screen

from tui.widgets.foot import Banner, Foot, StatusLine
from tui.widgets.pane import Pane, is_text

if TYPE_CHECKING:
    from engine.services.dashboard import StatusBar
    from tui.app import BluebookApp


class BookScreen(Screen[Any]):
    """``name`` is also the scope of its keys. Subclasses compose their parts, then ``yield from self.foot()``."""

    name = ""
    AUTO_FOCUS = ""
    app: BluebookApp

    def __init__(self) -> None:
        super().__init__(name=type(self).name)
        self.pane: Pane | None = None
        self.stale = False

    # --- keys ---------------------------------------------------------------------------------------------------------

    @property
    def scopes(self) -> tuple[str, ...]:
        """The scopes of the keys, innermost first: an open pane has all but the app's own."""
        return (self.pane.scope, "app") if self.pane is not None else (str(self.name), "app")

    @property
    def holders(self) -> tuple[Any, ...]:
        """Who may know what an action does, innermost first."""
        return (self.pane, self) if self.pane is not None else (self,)

    def takes_text(self, token: str, event: events.Key) -> bool:
        """Is this key text for the field in focus, and no action? Printable ones are, unless the pane knows better."""
        if self.pane is not None:
            return self.pane.takes_text(token, event)
        return is_text(event)

    @property
    def asks(self) -> bool:
        """Is there a pane that waits for an answer, so that what answers it is guarded?"""
        return self.pane is not None and self.pane.asks

    # --- panes --------------------------------------------------------------------------------------------------------

    async def open_pane(self, pane: Pane) -> None:
        """The pane is below the list and has the keys."""
        await self.close_pane()
        self.pane = pane
        await self.query_one("#below").mount(pane)
        self.add_class("with-pane")
        self.app.asks()
        await pane.opened()
        self.refresh_keys()

    async def close_pane(self) -> None:
        """The list has the keys again."""
        if self.pane is not None:
            pane, self.pane = self.pane, None
            await pane.remove()
            self.remove_class("with-pane")
            self.refresh_keys()
            self.set_focus(None)

    # --- saying -------------------------------------------------------------------------------------------------------

    def foot(self) -> list[Any]:
        """The lines at the foot of every screen."""
        return [Banner(), StatusLine(), Foot()]

    def refresh_keys(self) -> None:
        """The foot shows the keys that hold now."""
        for foot in self.query(Foot):
            foot.show_keys(self.scopes)

    def show_strokes(self, text: str) -> None:
        """The beginning of a sequence of keys is shown until it is complete."""
        self.query_one(Foot).say(text, "dim")

    def show_message(self, text: str, tone: str = "") -> None:
        """A sentence is at the foot until the next, or for some seconds."""
        for foot in self.query(Foot):
            foot.say(text, tone)

    def show_banner(self, text: str) -> None:
        """The banner says this; "" takes it away."""
        for banner in self.query(Banner):
            banner.say(text)

    def show_figures(self, figures: StatusBar) -> None:
        """The status line shows these."""
        for line in self.query(StatusLine):
            line.show_figures(figures)

    def bulk_moved(self) -> None:
        """Orders that are processed together went on."""

    # --- live ---------------------------------------------------------------------------------------------------------

    def on_mount(self) -> None:
        """The screen is read for the first time."""
        self.refresh_keys()
        if self.app.figures is not None:
            self.show_figures(self.app.figures)
        if self.app.live.lost:
            self.app.database_lost(self.app.live.lost)
        self.app.later(self.loaded)

    async def loaded(self) -> None:
        """The screen is read for the first time; what fails is told."""
        try:
            await self.load()
        except Exception as error:
            self.app.fail(error, f"reading {self.name}")

    async def load(self) -> None:
        """Subclasses read what they show."""

    async def reload(self) -> None:
        """Everything is read again; the cursor stays where it belongs."""
        await self.loaded()

    async def changed(self, order_ids: Sequence[int], *, settings: bool) -> None:
        """These orders changed, or with ``settings`` something that belongs to no order."""
        self.stale = True

    async def resumed(self) -> None:
        """The screen is in front again."""
        if self.stale:
            self.stale = False
            await self.reload()
