"""A form below a list: labelled fields, one under the cursor. A secret is written and never shown."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from rich.text import Text
from textual.app import ComposeResult
from textual.widgets import Input, Static

from engine.errors import BluebookError
from tui import words
from tui.widgets.unsaved import UnsavedPane

SHOWN = 12
ROOM, AROUND = 0.7, 6
"""How much of the terminal is a pane's at most (#below in the styles), and the rows that the list and the foot keep."""


@dataclass(frozen=True)
class Field:
    """``value`` as it is now; of a secret only whether it is set. ``about`` says what may be written."""

    name: str
    label: str
    value: str = ""
    secret: bool = False
    about: str = ""
    needed: bool = False


class FormPane(UnsavedPane):
    """``save`` gets what was changed, by name, and says what came of it, or raises what is wrong with it.

    ``as_is``: the values may be taken as they are, so that nothing need be changed. ``hint`` is a line below the title.
    ``kept``: Esc asks before it drops what was written; what is soon written again is not worth a question.
    """

    scope = "form"

    def __init__(
        self, title: str, fields: Sequence[Field], save: Callable[[Mapping[str, str]], Awaitable[str]],
        *, verb: str = "Update", as_is: bool = False, hint: str = "", kept: bool = True,
    ) -> None:  # fmt: skip
        super().__init__()
        self.heading, self.fields, self.save, self.verb = title, list(fields), save, verb
        self.as_is, self.hint, self.kept = as_is, hint, kept
        self.place = 0
        self.typed: dict[str, str] = {}
        self.wrong = ""

    def compose(self) -> ComposeResult:
        """The title, the fields, and the one that is written."""
        yield Static("", id="about", markup=False)
        yield Input(compact=True, select_on_focus=False)
        yield Static("", id="wrong", markup=False)
        yield self.question()

    async def opened(self) -> None:
        """The first field is written."""
        self._fill()
        self.write(self.query_one(Input))

    @property
    def unsaved(self) -> int:
        """The fields that were changed and are worth a question."""
        return len(self.changed()) if self.kept else 0

    def resume(self) -> None:
        """The field under the cursor is written."""
        self.write(self.query_one(Input))

    def changed(self) -> dict[str, str]:
        """What was changed, by name; a secret that was written is."""
        values = {field.name: field.value for field in self.fields if not field.secret}
        return {name: text for name, text in self.typed.items() if text != values.get(name, "")}

    @property
    def field(self) -> Field:
        """The field under the cursor."""
        return self.fields[self.place]

    def _fill(self) -> None:
        line = self.query_one(Input)
        with self.prevent(Input.Changed):
            line.password = self.field.secret
            line.value = self.typed.get(self.field.name, "" if self.field.secret else self.field.value)
        line.placeholder = "write a new one, or leave it as it is" if self.field.secret else self.field.about
        line.selection = type(line.selection)(0, len(line.value))
        self.draw()

    def draw(self) -> None:
        """The pane tells the truth again."""
        text = Text(no_wrap=True, overflow="ellipsis")
        text.append(f" {words.line(self.heading)}\n", "bold")
        if self.hint:
            text.append(f" {words.line(self.hint)}\n", "dim")
        width = max(len(field.label) for field in self.fields)
        shown = self._shown()
        first = max(0, min(self.place - shown // 2, len(self.fields) - shown))
        for n, field in list(enumerate(self.fields))[first : first + shown]:
            here = n == self.place
            changed = field.name in self.typed
            value = (
                ("(new)" if changed else field.value or "(not set)")
                if field.secret
                else self.typed.get(field.name, field.value)
            )
            text.append(
                f" {'>' if here else ' '}{'*' if changed else ' '} {field.label:<{width}}  ", "bold" if here else ""
            )
            if field.needed and not (changed or field.value):
                value = "(needed)"
            text.append(f"{words.plain(value)}\n", "bold" if changed else "")
        text.append(f" Enter {self.verb}   ↑↓ field   Esc leaves", "dim")
        self.query_one("#about", Static).update(text)
        wrong = self.query_one("#wrong", Static)
        wrong.update(words.plain(self.wrong))
        wrong.display = bool(self.wrong)

    def on_resize(self) -> None:
        """As many fields are in sight as there is room for."""
        self.draw()

    def _shown(self) -> int:
        """How many fields leave room for what is written, for what is wrong with it, and for the question."""
        width, height = self.app.size
        said = (words.plain(self.wrong), self.asking)
        lines = sum(len(Text(text).wrap(self.app.console, max(1, width - 2))) for text in said if text)
        above_and_below = 5 if self.hint else 4  # the border, the title, the hint, the field that is written, the keys
        return max(1, min(SHOWN, min(int(height * ROOM), height - AROUND) - above_and_below - lines))

    def on_input_changed(self, event: Input.Changed) -> None:
        """What is typed is kept when the cursor goes to another field."""
        event.stop()
        if event.value == event.input.value:  # else it tells of a field that the cursor has left since
            self.typed[self.field.name] = event.value
            self.wrong = ""
            self.draw()

    def _keep(self) -> None:
        """What is written counts at once: the next key may come before the field tells of the last."""
        line, field = self.query_one(Input).value, self.field
        if line != self.typed.get(field.name, "" if field.secret else field.value):
            self.typed[field.name] = line

    def act_choice_down(self) -> None:
        self._keep()
        self.place = (self.place + 1) % len(self.fields)
        self._fill()

    def act_choice_up(self) -> None:
        self._keep()
        self.place = (self.place - 1) % len(self.fields)
        self._fill()

    async def act_accept(self) -> None:
        """What was changed is saved; where something is wrong, its field is under the cursor and nothing is saved."""
        self._keep()
        changed = self.changed()
        if not changed and not self.as_is:
            self.app.say("nothing was changed yet")
            return
        try:
            said = await self.save(changed)
        except BluebookError as error:
            self.wrong = error.message
            about = getattr(error, "field", None)
            place = next((n for n, field in enumerate(self.fields) if field.name == about), None)
            if place is not None:
                self.place = place
                self._fill()
            self.draw()
            return
        except Exception as error:
            self.app.fail(error, f"saving {self.heading}")
            return
        await self.page.close_pane()
        self.app.say(said, "good")
        await self.page.reload()
