"""A pane in which something is typed: Esc does not drop it unasked."""

from __future__ import annotations

from textual import events
from textual.widgets import Static

from tui.plain import many
from tui.widgets.pane import Pane, is_text


class UnsavedPane(Pane):
    """Subclasses say how much is ``unsaved``, and ``resume`` where they were."""

    leaving = False

    @property
    def unsaved(self) -> int:
        """How many values were changed and not saved."""
        raise NotImplementedError

    def resume(self) -> None:
        """The field that was written before the question is written again."""
        raise NotImplementedError

    def draw(self) -> None:
        """The pane tells the truth again, with or without the question."""
        raise NotImplementedError

    @property
    def asking(self) -> str:
        """The question while it is asked, else ""."""
        if not self.leaving:
            return ""
        return f"Leave without saving {many(self.unsaved, 'change')}?   y drops what was typed   Esc goes on editing"

    def question(self) -> Static:
        """Where it is asked; not there before. The styles keep it in sight however little room there is."""
        asked = Static("", id="leaving", classes="question", markup=False)
        asked.display = False
        return asked

    def takes_text(self, token: str, event: events.Key) -> bool:
        """All is text, but for the answer."""
        return not self.leaving and is_text(event)

    async def act_leave(self) -> None:
        """The pane is closed; what was typed and not saved is dropped only by y."""
        if not self.unsaved:
            await self.page.close_pane()
            self.app.say("nothing was saved")
            return
        self._ask(True)
        self.page.set_focus(None)
        self.app.asks()

    async def act_yes(self) -> None:
        """What was typed is dropped."""
        await self.page.close_pane()
        self.app.say("nothing was saved")

    def act_no(self) -> None:
        """One goes on where one was."""
        self._ask(False)
        self.resume()

    def _ask(self, asking: bool) -> None:
        self.leaving = asking
        self.scope = "confirm" if asking else type(self).scope
        asked = self.query_one("#leaving", Static)
        asked.update(self.asking)
        asked.display = asking
        self.draw()
        self.page.refresh_keys()
