"""Choose one of a few below a list: digits pick, letters search where there is something to search."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.widgets import Input, Static

from tui import words
from tui.widgets.pane import Pane, is_text

MOST = 9


@dataclass(frozen=True)
class Picked:
    """``value`` is what is taken."""

    value: str
    label: str
    about: str = ""


class PickPane(Pane):
    """``find`` gives the choices for what was typed, ``take`` does what was chosen."""

    scope = "pick"

    def __init__(
        self, title: str, find: Callable[[str], Awaitable[list[Picked]]], take: Callable[[str], Awaitable[None]],
        *, searches: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        self.heading, self.find, self.take, self.searches = title, find, take, searches
        self.found: list[Picked] = []
        self.beyond = 0  # choices that have no digit
        self.here = 0
        self.searched = ""
        self._first_at = self._list_at = float("-inf")  # since when these choices are on the screen

    def compose(self) -> ComposeResult:
        """The question, a field, and the choices."""
        yield Static("", id="about", markup=False)
        yield Input(placeholder="type to find", compact=True)
        yield Static("", id="choices", markup=False)

    async def opened(self) -> None:
        """The choices are read."""
        self.query_one("#about", Static).update(Text(f" {words.line(self.heading)}", "bold"))
        field = self.query_one(Input)
        field.display = self.searches
        if self.searches:
            self.write(field)
        await self._search("")

    def takes_text(self, token: str, event: events.Key) -> bool:
        """Letters search; digits pick as long as nothing is typed."""
        if not self.searches:
            return False
        return is_text(event) and not (token.isdecimal() and not self.query_one(Input).value)

    def on_input_changed(self, event: Input.Changed) -> None:
        """What fits is looked for, each time before the next key is looked at."""
        event.stop()
        self.app.later(self._follow)

    async def _follow(self) -> None:
        if self.is_attached and self.query_one(Input).value.strip() != self.searched:
            await self._search(self.query_one(Input).value.strip())

    async def _search(self, text: str) -> None:
        found = await self.app.attempt(self.find(text), "looking")
        if found is not None and self.is_attached:
            before = self.found[self.here : self.here + 1]
            self.found, self.here, self.searched = found[:MOST], 0, text
            self.beyond = len(found) - len(self.found)
            if before:
                self._list_at = self.app.monotonic()
            if before and before != self.found[:1]:
                self._first_at = self._list_at
            self._show()

    async def _seen(self, since: float) -> bool:
        """Was the list that belongs to the text on the screen when the key came? Else it is now, and that is said."""
        if not self.searches:
            return True
        belongs = self.query_one(Input).value.strip() == self.searched
        await self._follow()
        if belongs and self.app.saw(since):
            return True
        self.app.say("the list is another now: look at it, and press the key again", "warn")
        return False

    def _show(self) -> None:
        text = Text(no_wrap=True, overflow="ellipsis")
        for n, one in enumerate(self.found):
            here = n == self.here
            text.append(f" {'>' if here else ' '} {n + 1}  {words.line(one.label)}", "bold" if here else "")
            text.append(f"   {words.line(one.about)}\n", "dim")
        if self.beyond:
            text.append(f"   … {self.beyond} more: type some of its name", "dim")
        text.rstrip()
        self.query_one("#choices", Static).update(text if self.found else Text(" nothing is like that"))

    def act_choice_down(self) -> None:
        self._go(1)

    def act_choice_up(self) -> None:
        self._go(-1)

    def _go(self, by: int) -> None:
        self.here = max(0, min(self.here + by, len(self.found) - 1))
        self._show()

    async def act_pick(self, number: int) -> None:
        """The choice with this number is taken."""
        if number > len(self.found):
            self.app.say(f"there is no choice {number}")
            return
        if self.searches and await self.app.followed():
            # A scanner, or a paste without brackets: what begins with this digit is looked for.
            self.query_one(Input).insert_text_at_cursor(str(number))
        elif await self._seen(self._list_at):
            await self.take(self.found[number - 1].value)

    async def act_accept(self) -> None:
        """The choice under the cursor is taken."""
        if not await self._seen(self._first_at):
            return
        if self.found:
            await self.take(self.found[self.here].value)
        else:
            self.app.say("nothing is like that")
