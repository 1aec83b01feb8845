"""``:`` commands and the palette: one list of what can be said, narrowed as one types."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from rapidfuzz import fuzz, process, utils
from rich.text import Text
from textual.app import ComposeResult
from textual.widgets import Input, Static

from tui import words
from tui.widgets.pane import Pane

MOST = 8
CLOSE = 55.0


@dataclass(frozen=True)
class Entry:
    """``word`` is what is typed, ``about`` what it does; ``takes`` names what must follow it, "" for nothing.

    ``why_not``: why it cannot be done now.
    """

    word: str
    about: str
    run: Callable[[str], Awaitable[Any]]
    key: str = ""
    takes: str = ""
    why_not: str = ""


class CommandPane(Pane):
    """``exact``: a command line, whose first word must be one of the entries; else a palette that takes the nearest."""

    scope = "command"
    asks = False

    def __init__(
        self, entries: Sequence[Entry], *, exact: bool, other: Callable[[str], Awaitable[bool]] | None = None
    ) -> None:
        super().__init__()
        self.entries, self.exact, self.other = list(entries), exact, other
        self.found: list[Entry] = []
        self.here = 0

    def compose(self) -> ComposeResult:
        """A line to type in, and what fits it."""
        yield Input(placeholder="a command, such as: order 1001" if self.exact else "find anything", compact=True)
        yield Static("", markup=False)

    async def opened(self) -> None:
        """Type."""
        self.write(self.query_one(Input))
        self._narrow()

    def on_input_changed(self, event: Input.Changed) -> None:
        """What fits is shown."""
        event.stop()
        self._narrow()

    @property
    def text(self) -> str:
        """What is typed."""
        return self.query_one(Input).value.strip()

    def _narrow(self) -> None:
        typed = self.text.casefold()
        begun = [e for e in self.entries if e.word.startswith(typed) or (e.takes and typed.startswith(f"{e.word} "))]
        near: list[Entry] = []
        if typed:
            said = [f"{entry.word} {entry.about}" for entry in self.entries]
            found = process.extract(
                typed, said, scorer=fuzz.WRatio, processor=utils.default_process, limit=MOST, score_cutoff=CLOSE
            )
            near = [self.entries[index] for _, _, index in found]
        self.found = list(dict.fromkeys([*begun, *near]))
        self.here = 0
        self._show()

    def _show(self) -> None:
        text = Text(no_wrap=True, overflow="ellipsis")
        first = max(0, self.here - MOST + 1)
        for n, entry in list(enumerate(self.found))[first : first + MOST]:
            here = n == self.here
            text.append(f" {'>' if here else ' '} ", "bold")
            text.append(f"{words.plain(entry.word)}{f' {entry.takes}' if entry.takes else ''}", "bold" if here else "")
            text.append(f"  {words.plain(entry.about)}", "dim")
            if entry.key:
                text.append(f"   {entry.key}", "bold")
            if entry.why_not:
                text.append(f"   (not now: {words.plain(entry.why_not)})", "italic")
            text.append("\n")
        text.rstrip()
        self.query_one(Static).update(text)

    # --- keys ---------------------------------------------------------------------------------------------------------

    def act_choice_down(self) -> None:
        self._go(1)

    def act_choice_up(self) -> None:
        self._go(-1)

    def _go(self, by: int) -> None:
        self.here = max(0, min(self.here + by, len(self.found) - 1))
        self._show()

    def act_complete(self) -> None:
        """The word under the cursor is typed."""
        if self.found:
            entry = self.found[self.here]
            field = self.query_one(Input)
            field.value = f"{entry.word} " if entry.takes else entry.word
            field.cursor_position = len(field.value)

    async def act_accept(self) -> None:
        """What is typed, or what is under the cursor, is done."""
        text = self.text
        whole = next((e for e in self.entries if text.casefold() == e.word), None)
        argued = [e for e in self.entries if e.takes and text.casefold().startswith(f"{e.word} ")]
        if whole is None and argued:
            whole = max(argued, key=lambda e: len(e.word))
        if whole is None and self.other is not None and await self.other(text):
            return
        if whole is None and self.exact and not (self.found and self.here):
            near = f"; did you mean {self.found[0].word}?" if self.found else ""
            self.app.say(f"there is no command {text or '(nothing)'}{near}", "warn")
            return
        entry = whole or (self.found[self.here] if self.found else None)
        if entry is None:
            self.app.say("nothing is like that")
        elif entry.why_not:
            self.app.say(entry.why_not, "warn")
        elif entry.takes and not text[len(entry.word) :].strip():
            self.act_complete()
        else:
            await self.page.close_pane()
            await entry.run(text[len(entry.word) :].strip() if entry is whole else "")
