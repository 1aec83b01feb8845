"""Edit, below the list: quantity, address, shipping, supplier, note, product; what would change is shown before it is saved."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.widgets import Input, Static

from engine.domain.issues import Resolution
from engine.domain.states import DEAD
from engine.errors import BluebookError
from engine.services import diffs, edit, listings, suggest
from engine.services.choices import Choice, offer_words
from engine.services.edit import Changes, Diff, Edited
from engine.services.order_page import Line, OrderPage
from tui import words
from tui.widgets.choices import drawn
from tui.widgets.unsaved import UnsavedPane

PREVIEW_SECONDS = 0.12
ADDRESS = ("name", "company", "line1", "line2", "postal_code", "city", "region", "country", "phone", "email")
MENU = "q quantity   a address   s shipping   p supplier   n note   l product"
MOST_DIFFS = 8
MOST_NAMED = 3
SHOWN = 6
"""Lines of the order in sight; the others by scrolling."""
WHOLE = ("quantity", "product")
"""Typing replaces these; of text one corrects a part."""
AS_IT_IS = "as it is"
R = Resolution


class EditPane(UnsavedPane):
    """``done`` is told what was saved. What is typed is gathered until Enter saves all of it, or Esc drops it, once asked.

    What drops lines is saved only by y.
    """

    scope = "edit"

    def __init__(self, order: OrderPage, done: Callable[[Edited], Awaitable[None]]) -> None:
        super().__init__()
        self.order, self.done = order, done
        self.what = ""
        self.line = 0
        self.place = 0
        self.choices: list[Choice] = []
        self.typed: dict[str, dict[Any, str]] = {"quantity": {}, "address": {}, "note": {}, "product": {}}
        self.picked: dict[str, dict[str, str]] = {"methods": {}, "suppliers": {}}
        self.as_it_is: dict[str, dict[str, str]] = {"methods": {}, "suppliers": {}}
        self.found: list[Diff] = []
        self.trouble = ""
        self.drops: Changes | None = None

    def compose(self) -> ComposeResult:
        """What there is, a field, the choices, and what would change."""
        yield Static("", id="about", markup=False)
        yield Input(id="field", compact=True, select_on_focus=False)
        yield Static("", id="choices", markup=False)
        yield Static("", id="diff", markup=False)
        yield self.question()

    async def opened(self) -> None:
        """The order is shown."""
        self.names = await diffs.names()
        self._show("")

    @property
    def field(self) -> Input:
        """Where a person types."""
        return self.query_one(Input)

    @property
    def lines(self) -> list[Line]:
        """The lines that are still wanted, or all where none is."""
        return [line for line in self.order.lines if line.open] or list(self.order.lines)

    @property
    def unsaved(self) -> int:
        """What was typed or picked and is not as it was."""
        try:
            changes = self.changes()
        except BluebookError:
            return 1
        many = (changes.quantities, changes.skus, changes.suppliers, changes.address, changes.methods)
        return sum(len(part) for part in many) + (changes.note is not None)

    def resume(self) -> None:
        """Where one was, behind what was typed."""
        if self.what in self.typed:
            self.field.focus()

    def _no_lines(self) -> bool:
        """Is there no line that could be edited? Then that is said."""
        if not self.order.lines:
            self.app.say(
                f"{self.order.number} came without lines: only its address and note can be edited here", "warn"
            )
        return not self.order.lines

    # --- showing ------------------------------------------------------------------------------------------------------

    def _show(self, what: str) -> None:
        """This is edited now; "" for the menu."""
        self.what = what
        typing = what in self.typed
        self.field.display = typing
        if typing:
            self._fill()
            self.field.focus()
        else:
            self.page.set_focus(None)
        self.draw()
        self.page.refresh_keys()

    def _key(self) -> Any:
        """What the field is about, in ``typed``."""
        if self.what == "address":
            return ADDRESS[self.place]
        return self.lines[self.line].position if self.what in ("quantity", "product") else ""

    def _present(self) -> str:
        if self.what in ("address", "note"):
            return str(self.order.ship_to.get(self._key(), "")) if self.what == "address" else self.order.note
        line = self.lines[self.line]
        return line.sku if self.what == "product" else str(line.quantity - line.canceled)

    def _fill(self) -> None:
        """The field has the value as it is: selected where typing replaces it, else with the cursor behind it."""
        with self.prevent(Input.Changed):
            self.field.value = self.typed[self.what].get(self._key(), self._present())
        end = len(self.field.value)
        self.field.selection = type(self.field.selection)(0 if self.what in WHOLE else end, end)

    def draw(self) -> None:
        """The pane tells the truth again."""
        about = Text(no_wrap=True, overflow="ellipsis")
        about.append(f" Edit {words.plain(self.order.number)}   ", "bold")
        about.append(MENU if not self.what else f"{self.what}   (Enter saves, Esc leaves)", "dim")
        if self.what not in ("address", "note", "shipping"):
            first = max(0, min(self.line - SHOWN // 2, len(self.lines) - SHOWN))
            for n, line in list(enumerate(self.lines))[first : first + SHOWN]:
                about.append(f"\n {'>' if n == self.line else ' '} {line.position}  ", "bold" if n == self.line else "")
                about.append(words.line(f"{line.sku}  {line.title}  × {line.quantity - line.canceled}"))
        if self.what == "address":
            about.append(
                f"\n   {self._key().replace('_', ' ')}   ({self.place + 1} of {len(ADDRESS)}, ↑↓ for the others)"
            )
        self.query_one("#about", Static).update(about)
        choosing = self.what in ("shipping", "supplier")
        shown = drawn(self.choices, self.place, most=6) if choosing else Text("")
        self.query_one("#choices", Static).update(shown)
        self.query_one("#choices").display = choosing
        self.query_one("#diff", Static).update(self._diff())

    def _diff(self) -> Text:
        text = Text(no_wrap=True, overflow="ellipsis")
        if self.trouble:
            text.append(f" {words.plain(self.trouble)}", "bold")
        told = diffs.rows(self.found, self.names)
        for what, before, after in told[:MOST_DIFFS]:
            text.append(f" {words.plain(what)}: {words.plain(before)} → ", "dim")
            text.append(f"{words.plain(after)}\n", "bold")
        if len(told) > MOST_DIFFS:
            text.append(f" and {len(told) - MOST_DIFFS} more\n", "dim")
        text.rstrip()
        return text

    # --- what to edit -------------------------------------------------------------------------------------------------

    def takes_text(self, token: str, event: events.Key) -> bool:
        """In a field all is text."""
        return self.what in self.typed and super().takes_text(token, event)

    def act_edit_quantity(self) -> None:
        if not self._no_lines():
            self._show("quantity")

    def act_edit_address(self) -> None:
        self.place = 0
        self._show("address")

    def act_edit_note(self) -> None:
        self._show("note")

    def act_edit_product(self) -> None:
        if not self._no_lines():
            self._show("product")

    async def act_edit_shipping(self) -> None:
        """The methods that each supplier of the order offers."""
        if self._no_lines():
            return
        self.choices = []
        for po in self.order.purchase_orders:
            if po.state in DEAD or po.superseded:
                continue
            for method in await listings.methods(po.supplier_id):
                label = f"{po.po_number}  {po.supplier_code}  {method.name}"
                now = method.id == po.method_id
                if now:
                    self.as_it_is["methods"][po.po_number] = method.code
                if method.enabled:
                    args = {po.po_number: method.code}
                    self.choices.append(Choice(R.MAP_SHIPPING, label, args, AS_IT_IS if now else ""))
        self.place = 0
        self._show("shipping")

    async def act_edit_supplier(self) -> None:
        """Who offers the line under the cursor."""
        if self._no_lines():
            return
        line = self.lines[self.line]
        found = await self.app.attempt(suggest.for_line(self.order.id, line.position), "asking who offers it")
        carried = {po.supplier_code for po in self.order.live if po.id in line.purchase_orders}
        if len(carried) == 1:
            self.as_it_is["suppliers"][str(line.position)] = next(iter(carried))
        self.choices = []
        for one in found or []:
            about = "   ".join(filter(None, (AS_IT_IS if carried == {one.value} else "", offer_words(one))))
            self.choices.append(Choice(R.CHOOSE_SUPPLIER, one.label, {str(line.position): one.value}, about))
        self.place = 0
        self._show("supplier")

    def act_choice_down(self) -> None:
        self._go(1)

    def act_choice_up(self) -> None:
        self._go(-1)

    def _go(self, by: int) -> None:
        """Another line, address field, or choice; what was typed is kept."""
        if self.what == "address":
            self.place = (self.place + by) % len(ADDRESS)
            self._fill()
        elif self.what in ("shipping", "supplier"):
            self.place = max(0, min(self.place + by, len(self.choices) - 1))
        else:
            self.line = max(0, min(self.line + by, len(self.lines) - 1))
            if self.what in ("quantity", "product"):
                self._fill()
        self.draw()

    def act_pick(self, number: int) -> None:
        """The choice with this number; Enter saves it."""
        if self.what not in ("shipping", "supplier") or number > len(self.choices):
            self.app.say(f"there is no choice {number} here")
            return
        self.place = number - 1
        self._picked()

    def _picked(self) -> None:
        self._take_choice()
        self._preview_soon()

    def _take_choice(self) -> None:
        """The choice under the cursor is picked; what is as it is already is no change."""
        kind = "methods" if self.what == "shipping" else "suppliers"
        picked = self.picked[kind] | self.choices[self.place].args
        self.picked[kind] = {key: value for key, value in picked.items() if self.as_it_is[kind].get(key) != value}

    # --- what would change --------------------------------------------------------------------------------------------

    def on_input_changed(self, event: Input.Changed) -> None:
        """What was typed is kept, and what would follow from it is looked at."""
        event.stop()
        if self.what in self.typed:
            self.typed[self.what][self._key()] = self.field.value
            self._preview_soon()

    def _preview_soon(self) -> None:
        self.draw()
        self.set_timer(PREVIEW_SECONDS, self._preview)

    async def _preview(self) -> None:
        if not self.is_attached:
            return
        try:
            changes = self.changes()
            self.found = await edit.preview(self.order.id, changes) if changes != Changes() else []
            self.trouble = ""
        except BluebookError as error:
            self.found, self.trouble = [], error.message
        except Exception as error:
            self.app.fail(error, f"looking at what would change in {self.order.number}")
            return
        if self.is_attached:
            self.draw()

    def changes(self) -> Changes:
        """What was typed and picked and is not as it was. Raises Invalid for a quantity that is no number."""
        quantities = {}
        for line in self.order.lines:
            text = self.typed["quantity"].get(line.position)
            if text is not None and text.strip() != str(line.quantity - line.canceled):
                quantities[line.position] = edit.pieces(text)
        address = {
            name: text.strip()
            for name, text in self.typed["address"].items()
            if text.strip() != str(self.order.ship_to.get(name, ""))
        }
        products = self.typed["product"]
        skus = {
            line.position: products[line.position]
            for line in self.order.lines
            if products.get(line.position) not in (None, "", line.sku)
        }
        note = self.typed["note"].get("")
        return Changes(
            quantities=quantities, skus=skus, address=address, methods=dict(self.picked["methods"]),
            suppliers={int(position): code for position, code in self.picked["suppliers"].items()},
            note=note if note is not None and note != self.order.note else None,
        )  # fmt: skip

    async def act_accept(self) -> None:
        """All that was changed is saved, what drops a line once that is confirmed; where nothing was, the pane closes."""
        if self.what in ("shipping", "supplier") and self.choices:
            self._take_choice()
        try:
            changes = self.changes()
        except BluebookError as error:
            self.app.say_error(error.message)
            return
        if changes == Changes():
            await self.page.close_pane()
            self.app.say("nothing was changed")
        elif 0 in changes.quantities.values():
            self.drops = changes
            self._ask(True)
            self.page.set_focus(None)
            self.app.asks()
        else:
            await self._save(changes)

    async def _save(self, changes: Changes) -> None:
        found = await self.app.attempt(edit.apply(self.order.id, changes, self.app.by), f"editing {self.order.number}")
        if found is not None:
            await self.done(found)

    @property
    def asking(self) -> str:
        """The question while it is asked, else ""."""
        if not self.leaving or self.drops is None:
            return super().asking
        gone = [line for line in self.lines if self.drops.quantities.get(line.position) == 0]
        named = ", ".join(f"{line.position} {line.sku} × {line.quantity - line.canceled}" for line in gone)
        what = f"line {words.plain(named)}" if len(gone) <= MOST_NAMED else f"{len(gone)} lines"
        ends = ", which cancels the order" if len(gone) == len(self.lines) else ""
        return f"Drop {what}{ends}?   y drops {'it' if len(gone) == 1 else 'them'}   Esc goes on editing"

    async def act_yes(self) -> None:
        """What was asked is done: the line is dropped and all saved, or what was typed is dropped."""
        if self.drops is None:
            await super().act_yes()
            return
        changes = self.drops
        self.act_no()
        await self._save(changes)

    def act_no(self) -> None:
        """One goes on where one was."""
        self.drops = None
        super().act_no()

    async def act_leave(self) -> None:
        """Back to the menu where nothing was changed, and from there out; what was changed is dropped only by y."""
        if self.what and not self.unsaved:
            self._show("")
            return
        await super().act_leave()
