"""Resolve, below the list: why the order waits, what most likely helps, and one key to do it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.widgets import Input, Static

from engine.domain.issues import IssueCode, Resolution
from engine.services import resolve, suggest
from engine.services.choices import ASKED, NOTED, Choice, choices_of, product_or_kit
from engine.services.resolve import OpenIssue, Resolved
from engine.services.suggest import Suggestions
from tui import words
from tui.actions import Action
from tui.keys import shown
from tui.plain import many
from tui.widgets.choices import drawn
from tui.widgets.pane import Pane, is_text

MOST = 9


class ResolvePane(Pane):
    """One Issue after the other, until none is left.

    ``done`` is told of each that was resolved, whether it was the last, and whether the orders that became ready by it are
    to be processed too: that is ticked by hand, for one Issue at a time.
    """

    scope = "resolve"

    def __init__(
        self, number: str, issues: list[OpenIssue], done: Callable[[Resolved, bool, bool], Awaitable[None]]
    ) -> None:
        super().__init__()
        self.number, self.issues, self.done = number, issues, done
        self.told: Suggestions | None = None
        self.choices: list[Choice] = []
        self.here = 0
        self.remember = True
        self.process_too = False
        self.asking: Choice | None = None
        self.noting: Choice | None = None
        self._typing = False
        self._moved = False
        self._searched = ""
        self._first_at = self._list_at = float("-inf")  # since when these choices are on the screen

    def compose(self) -> ComposeResult:
        """What it is about, a field, the choices, and what is remembered."""
        yield Static("", id="about", markup=False)
        yield Input(id="field", compact=True)
        yield Static("", id="choices", markup=False)
        yield Static("", id="options", markup=False)

    async def opened(self) -> None:
        """The first Issue is shown."""
        await self._show_issue()

    @property
    def issue(self) -> OpenIssue:
        """The Issue that is shown."""
        return self.issues[0]

    @property
    def field(self) -> Input:
        """Where a person types: a search, an address field, or a note."""
        return self.query_one(Input)

    @property
    def searches(self) -> bool:
        """Does the field look for products?"""
        return self.issue.code == IssueCode.UNMAPPED_SKU and self.noting is None

    @property
    def corrects(self) -> str:
        """The address field that the field corrects, "" for none."""
        about = Resolution.FIX_ADDRESS in self.issue.resolutions and self.noting is None
        return self.issue.field.rpartition(".")[2] if about else ""

    # --- showing ------------------------------------------------------------------------------------------------------

    async def _show_issue(self) -> None:
        self.told = await suggest.suggestions(self.issue.id)
        self.choices, self.here = choices_of(self.told), 0
        self.asking = self.noting = None
        self.process_too = False
        self.scope = "resolve"
        with self.prevent(Input.Changed):
            self.field.value = ""
        self._searched, self._moved = "", False
        # Where something is suggested, digits choose; where not, the value is typed at once.
        self._typing = bool(self.corrects) and not self.told.choices
        self.app.asks()
        self._show_field()
        self.draw()

    def _show_field(self) -> None:
        shown = bool(self.searches or self.corrects or self.noting)
        self.field.display = shown
        name = self.corrects.replace("_", " ")
        digits = "" if self._typing else f" ({self._key('find')} first where it begins with a digit)"
        self.field.placeholder = (
            "whom did you ask, and when?"
            if self.noting
            else f"type {f'the {name}' if name else 'to find a product'}{digits}"
        )
        if shown:
            self.write(self.field)
        else:
            self.page.set_focus(None)
        self.page.refresh_keys()

    def draw(self) -> None:
        """The pane tells the truth again."""
        assert self.told is not None
        about = Text(no_wrap=True, overflow="ellipsis")
        about.append(f" {words.plain(self.number)}  1/{len(self.issues)}  {self.issue.title}  ", "bold")
        about.append(words.plain(self.issue.message))
        if self.told.waiting:
            about.append(f"   {many(self.told.waiting, 'waiting order')} more with this cause", "bold")
        self.query_one("#about", Static).update(about)
        if self.asking is not None:
            self.query_one("#choices", Static).update(Text(f" {self.asking.label}?", style="bold"))
            self.query_one("#options", Static).update(" y yes    Esc no")
            return
        room = max(2, min(MOST, self.app.size.height // 3))
        here = -1 if self.saves_text else self.here
        self.query_one("#choices", Static).update(drawn(self.choices, here, most=room))
        self.query_one("#options", Static).update(self._options())

    def _options(self) -> Text:
        """What can be switched here, and by which keys; what has no room is left out, the least important first."""
        parts: list[tuple[str, str]] = []
        if self.remembers:
            parts.append((f"[{'x' if self.remember else ' '}] {self._key('remember')} remember for next time", ""))
        if self.frees:
            assert self.told is not None
            box = "x" if self.process_too else " "
            parts.append((f"[{box}] {self._key('process_too')} process the {many(self.told.waiting, 'other')} too", ""))
        if self.saves_text:
            name = self.corrects.replace("_", " ")
            parts.append((f"Enter saves the {name}" if self.field.value.strip() else f"type the {name}", "bold"))
        if Resolution.DROP_LINE in self.issue.resolutions:
            parts.append((f"{self._key('drop_line')} drop the line", "dim"))
        if self.field.display and self.noting is None and self.typing:
            parts.append(("↑↓ choose", "dim"))
        text = Text(no_wrap=True, overflow="ellipsis")
        for said, style in parts:
            if text.cell_len + len(said) + 3 <= self.app.size.width:
                text.append("   " if text.cell_len else " ").append(said, style)
        return text

    def _key(self, action_id: str) -> str:
        """The key that does it here: where a field takes letters, one that is none."""
        keys = self.app.keymap.keys(action_id)
        free = [key for key in keys if len(key) > 1] if self.field.display and action_id != "find" else []
        return shown((*free, *keys)[0]) if keys else ""

    @property
    def typing(self) -> bool:
        """Is a digit text here, and no choice? As soon as something is written, or a person said so."""
        return self._typing or bool(self.field.value)

    @property
    def saves_text(self) -> bool:
        """Does Enter save what is written, and take no choice? Where a field is corrected, until the cursor is moved."""
        return bool(self.corrects) and self.typing and not self._moved

    @property
    def remembers(self) -> bool:
        """Is there an answer that can be kept for next time?"""
        return self.told is not None and any(choice.how in self.told.remembers for choice in self.choices)

    @property
    def frees(self) -> bool:
        """Will the answer, remembered, be looked at for other orders too?"""
        return self.remembers and self.remember and self.told is not None and self.told.waiting > 0

    # --- typing -------------------------------------------------------------------------------------------------------

    def takes_text(self, token: str, event: events.Key) -> bool:
        """Where there is a field all is text, but that before anything is written a digit takes the choice it stands at."""
        if self.asking is not None or not self.field.display or not is_text(event):
            return False
        if self.noting is not None or self.typing:
            return True
        found = self.app.keymap.find((self.scope,), [token])
        name, _, number = found.id.rpartition("_") if isinstance(found, Action) else ("", "", "")
        picks = name == "pick" and int(number) <= len(self.choices)
        return not picks and getattr(found, "id", "") != "find"

    def act_find(self) -> None:
        """What is typed from here on is text, whatever it begins with."""
        self._typing = True
        self.draw()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Products are looked for as one types, each time before the next key is looked at."""
        event.stop()
        self._moved = False
        if self.searches:
            self.app.later(self._search)
        if self.told is not None:
            self.draw()

    async def _search(self) -> None:
        wanted = self.field.value.strip() if self.is_attached else ""
        if not self.is_attached or wanted == self._searched or self.told is None or not self.searches:
            return
        found = await self.app.attempt(suggest.suggestions(self.issue.id, wanted), "looking for products")
        if found is not None and self.is_attached and self.field.value.strip() == wanted:
            before = self.choices[self.here : self.here + 1]
            self._searched, self.told = wanted, found
            self.choices, self.here = choices_of(found), 0
            self._list_at = self.app.monotonic()
            if before != self.choices[:1]:
                self._first_at = self._list_at
            self.draw()

    async def _seen(self, since: float) -> bool:
        """Was the list that belongs to the text on the screen when the key came? Else it is now, and that is said."""
        if not self.searches:
            return True
        belongs = self.field.value.strip() == self._searched
        await self._search()
        if belongs and self.app.saw(since):
            return True
        self.app.say("the list is another now: look at it, and press the key again", "warn")
        return False

    # --- choosing -----------------------------------------------------------------------------------------------------

    def act_choice_down(self) -> None:
        self._go(1)

    def act_choice_up(self) -> None:
        self._go(-1)

    def _go(self, by: int) -> None:
        if self.saves_text:  # the cursor comes to the list
            by = 0
        self._moved = True
        self.here = max(0, min(self.here + by, len(self.choices) - 1))
        self.draw()

    def act_remember(self) -> None:
        """Saved for next time, or for this order only."""
        if not self.remembers:
            self.app.say("there is nothing here to remember: the answer is about this order")
            return
        self.remember = not self.remember
        self.process_too = self.process_too and self.remember
        self.draw()

    def act_process_too(self) -> None:
        """The orders that become ready by the answer are processed too, or not."""
        if not self.frees:
            self.app.say("no other order becomes ready by this answer")
            return
        self.process_too = not self.process_too
        self.draw()

    async def act_pick(self, number: int) -> None:
        """The choice with this number is taken."""
        if number > len(self.choices):
            self.app.say(f"there is no choice {number}")
            return
        if self.searches and await self.app.followed():
            # A scanner, or a paste without brackets: what begins with this digit is looked for.
            self.act_find()
            self.field.insert_text_at_cursor(str(number))
            return
        if not await self._seen(self._list_at):
            return
        self.here = number - 1
        await self._take(self.choices[self.here])

    async def act_drop_line(self) -> None:
        """The line is dropped, once that is confirmed."""
        found = next((choice for choice in self.choices if choice.how == Resolution.DROP_LINE), None)
        if found is None:
            self.app.say("this Issue is about no line that could be dropped")
        else:
            await self._take(found)

    async def act_accept(self) -> None:
        """What was typed is saved, or the choice under the cursor taken."""
        typed = self.field.value.strip() if self.field.display else ""
        if self.noting is not None:
            await self._take(Choice(self.noting.how, self.noting.label, {**self.noting.args, "note": typed}))
        elif self.saves_text and typed:
            await self._do(Choice(Resolution.FIX_ADDRESS, "", {self.corrects: typed}))
        elif self.saves_text:
            self.app.say(f"type the {self.corrects.replace('_', ' ')}, or choose another way with ↓")
        elif self.searches and ("=" in typed or "+" in typed):
            await self._do(Choice(Resolution.MAP_SKU, "", {"product": product_or_kit(typed)}))
        elif await self._seen(self._first_at):
            if self.choices:
                await self._take(self.choices[self.here])
            else:
                self.app.say("nothing is like that; type something else")

    async def _take(self, choice: Choice) -> None:
        """It is done, after a note and a yes where it needs them."""
        if choice.how in NOTED and not choice.args.get("note"):
            if self.noting is not None:
                self.app.say("say whom you asked and when: it decides whether the order ships twice or never", "warn")
            self.noting = choice
            with self.prevent(Input.Changed):
                self.field.value = ""
            self._show_field()
            self.draw()
        elif choice.how in ASKED and self.asking is None:
            self.asking, self.scope = choice, "confirm"
            self.app.asks()
            self._show_field()
            self.draw()
        else:
            await self._do(choice)

    async def act_yes(self) -> None:
        """What was asked is done."""
        assert self.asking is not None
        await self._do(self.asking)

    async def act_no(self) -> None:
        """What was asked is not done; the choices are there again."""
        await self._show_issue()

    async def _do(self, choice: Choice) -> None:
        args: dict[str, Any] = dict(choice.args)
        if self.told is not None and choice.how in self.told.remembers:
            args["remember"] = self.remember
        too = self.process_too
        work = resolve.resolve(self.issue.id, choice.how, args, self.app.by)
        found = await self.app.attempt(work, f"resolving {self.number}")
        if found is None:
            self.asking, self.scope = None, "resolve"
            self.draw()
            return
        self.issues = found.remaining
        if self.issues:
            await self._show_issue()
        await self.done(found, not self.issues, too)
