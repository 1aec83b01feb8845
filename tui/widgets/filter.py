"""The filter line: the list follows as one types, Tab completes, and a word nobody understands is named."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from rich.text import Text
from textual.app import ComposeResult
from textual.widgets import Input, Static

from engine.errors import BluebookError
from engine.services import filters
from engine.services.filter_line import Candidate
from tui import words
from tui.widgets.pane import Pane

FOLLOW_SECONDS = 0.15
MOST = 6
MOST_REMEMBERED = 50


class FilterPane(Pane):
    """``narrow`` narrows the list or raises what is wrong with the words. Enter keeps it, Esc puts back what was there."""

    scope = "filter"
    asks = False
    typed: list[str] = []  # noqa: RUF012  what was filtered by in this session, for every list

    def __init__(self, text: str, narrow: Callable[[str], Awaitable[None]]) -> None:
        super().__init__()
        self.before, self.narrow = text, narrow
        self.shown = text
        self.found: list[Candidate] = []
        self.here = 0
        self.back = 0

    def compose(self) -> ComposeResult:
        """A line to type in, and what it may become or what is wrong with it."""
        yield Input(self.before, placeholder="sup: ch: err: state: total> age> sku: track: !word words", compact=True)
        yield Static("", markup=False)

    async def opened(self) -> None:
        """Type."""
        field = self.query_one(Input)
        self.write(field)
        field.cursor_position = len(field.value)
        await self._complete()

    @property
    def text(self) -> str:
        """What is typed."""
        return self.query_one(Input).value

    async def on_input_changed(self, event: Input.Changed) -> None:
        """The list follows a moment later, and candidates are shown."""
        event.stop()
        self.set_timer(FOLLOW_SECONDS, self._follow)
        await self._complete()

    async def _follow(self) -> None:
        if self.is_attached and self.text.strip() != self.shown:
            await self._apply(self.text)

    async def _apply(self, text: str) -> bool:
        """The list is narrowed to it; False where a word was not understood, which is then said here."""
        try:
            await self.narrow(text)
        except BluebookError as error:
            if self.is_attached:
                self.query_one(Static).update(Text(f" {words.plain(error.message)}", style="bold"))
            return False
        except Exception as error:
            self.app.fail(error, "filtering")
            return False
        self.shown = text.strip()
        return True

    async def _complete(self) -> None:
        try:
            found = await filters.candidates(self.text)
        except Exception as error:
            self.app.fail(error, "completing the filter")
            return
        if not self.is_attached:
            return
        self.found, self.here = found[:MOST], 0
        self._show()

    def _show(self) -> None:
        text = Text(no_wrap=True, overflow="ellipsis")
        for n, candidate in enumerate(self.found):
            text.append(f" {'>' if n == self.here else ' '} ", "bold")
            text.append(words.plain(candidate.word), "bold" if n == self.here else "")
            text.append(f"  {words.plain(candidate.about)}\n", "dim")
        text.rstrip()
        self.query_one(Static).update(text)

    # --- keys ---------------------------------------------------------------------------------------------------------

    def act_complete(self) -> None:
        """The candidate under the cursor takes the half-typed word's place."""
        if not self.found:
            return
        chosen = self.found[self.here]
        field = self.query_one(Input)
        field.value = field.value[: chosen.start] + chosen.word + (" " if chosen.whole else "")
        field.cursor_position = len(field.value)

    def act_choice_down(self) -> None:
        """The next candidate; on an empty line, what was typed after this."""
        self._go(1)

    def act_choice_up(self) -> None:
        """The candidate before; on an empty line, what was typed before."""
        self._go(-1)

    def _go(self, by: int) -> None:
        if self.text.strip() and self.back == 0:
            self.here = max(0, min(self.here + by, len(self.found) - 1))
            self._show()
            return
        self.back = max(0, min(self.back - by, len(self.typed)))
        self.query_one(Input).value = self.typed[-self.back] if self.back else ""
        self.query_one(Input).cursor_position = len(self.text)

    async def act_accept(self) -> None:
        """The list stays so."""
        text = self.text.strip()
        if text != self.shown and not await self._apply(text):
            return
        if text and (not self.typed or self.typed[-1] != text):
            self.typed.append(text)
            del self.typed[:-MOST_REMEMBERED]
        await self.page.close_pane()

    async def act_leave(self) -> None:
        """The list is as it was before."""
        if self.shown != self.before:
            await self._apply(self.before)
        await self.page.close_pane()
