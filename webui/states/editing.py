"""Editing: what an order says is changed before it is sent, after a look at everything that follows from it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from engine.domain.addresses import Address
from engine.domain.roles import Permission
from engine.errors import BluebookError
from engine.services import diffs, edit, listings, order_page, suggest
from engine.services.choices import offer_words
from engine.services.edit import Changes
from engine.services.order_page import OrderPage
from webui import words
from webui.states.base import Book, on

AS_THE_RULES_SAY = "rules"
"""The choice that leaves it to routing, or to the mapping, again."""


@dataclass
class Option:
    """Something a line or a purchase order can be set to."""

    value: str = ""
    title: str = ""


@dataclass
class LineEdit:
    """A line that is still wanted."""

    position: int = 0
    key: str = ""
    sku: str = ""
    title: str = ""
    quantity: int = 0
    offers: list[Option] = field(default_factory=list)


@dataclass
class MethodEdit:
    """A purchase order whose method can be chosen."""

    po: str = ""
    supplier: str = ""
    now: str = ""
    methods: list[Option] = field(default_factory=list)


@dataclass
class AddressEdit:
    """A field of the address."""

    name: str = ""
    label: str = ""
    value: str = ""


@dataclass
class DiffRow:
    """What changes."""

    what: str = ""
    before: str = ""
    after: str = ""


class Editing(Book):
    """The dialog: a form, then what would change, then saved or not."""

    opened_in: int = 0
    number: str = ""
    lines: list[LineEdit] = []
    methods: list[MethodEdit] = []
    address: list[AddressEdit] = []
    note: str = ""
    reviewing: bool = False
    changes: list[DiffRow] = []
    problem: str = ""
    turn: int = 0
    _page: OrderPage | None = None
    _changes: Changes = Changes()

    @on(Permission.EDIT)
    async def open(self, order_id: int) -> None:
        """The dialog has the order as it is."""
        page = await order_page.order_page(order_id)
        self._page, self._changes = page, Changes()
        self.lines = [await self._line(page, line) for line in page.lines if line.open]
        self.methods = [await self._methods(po) for po in page.live if "queue" in po.moves or "undo" in po.moves]
        self.address = [
            AddressEdit(name, words.field_name(name), str(page.ship_to.get(name) or ""))
            for name in Address.__struct_fields__
        ]
        self.number, self.note = words.plain(page.number), page.note
        self.turn += 1
        self.reviewing, self.problem, self.changes, self.opened_in = False, "", [], self.visit

    async def _line(self, page: OrderPage, line: order_page.Line) -> LineEdit:
        offers = {one.value: one for one in await suggest.for_line(page.id, line.position)}
        options = [
            Option(code, words.plain(f"{one.label}   {offer_words(one)}".strip())) for code, one in offers.items()
        ]
        wanted = line.quantity - line.canceled
        return LineEdit(
            line.position, f"{self.turn}-{line.id}", words.plain(line.sku), words.plain(line.title), wanted, options
        )

    async def _methods(self, po: order_page.Purchase) -> MethodEdit:
        known = [m for m in await listings.methods(po.supplier_id) if m.enabled]
        return MethodEdit(
            po.po_number, words.plain(po.supplier), words.plain(po.method) or "none yet",
            [Option(m.code, words.plain(m.name)) for m in known],
        )  # fmt: skip

    @on(Permission.VIEW)
    def close(self) -> None:
        """The dialog is gone; nothing that was typed is saved."""
        self.opened_in = 0

    @on(Permission.EDIT)
    async def review(self, form: dict[str, Any]) -> None:
        """What would change is shown, with all that follows; or why it cannot be."""
        assert self._page is not None
        try:
            changes = self._read(self._page, form)
            found = await edit.preview(self._page.id, changes)
            told = diffs.rows(found, await diffs.names())
        except BluebookError as error:
            self.problem = words.plain(words.sentence(error.message))
            return
        self._changes = changes
        self.changes = [DiffRow(*(words.plain(part) for part in row)) for row in told]
        self.problem, self.reviewing = "", True

    @on(Permission.EDIT)
    def back(self) -> None:
        """The form is there again, as it was typed."""
        self.reviewing, self.problem = False, ""

    @on(Permission.EDIT)
    async def save(self, form: dict[str, Any]) -> None:
        """What was shown is changed."""
        assert self._page is not None
        try:
            found = await edit.apply(self._page.id, self._changes, self.by, str(form.get("reason", ""))[:500])
        except BluebookError as error:
            self.problem = words.plain(words.sentence(error.message))
            return
        self.opened_in = 0
        left = f"; {', '.join(issue.title for issue in found.issues)}" if found.issues else ""
        self.say(words.plain(words.sentence(f"{found.message}{left}")), "" if left else "good")

    def _read(self, page: OrderPage, form: dict[str, Any]) -> Changes:
        """The changes the form asks for: only what is not as it was when the dialog opened."""

        def typed(name: str, was: str) -> str:
            return str(form.get(name, was)).strip()

        quantities, suppliers = {}, {}
        for line in self.lines:
            dropped = bool(form.get(f"drop.{line.position}"))
            wanted = 0 if dropped else edit.pieces(typed(f"quantity.{line.position}", str(line.quantity)))
            if wanted != line.quantity:
                quantities[line.position] = wanted
            supplier = typed(f"supplier.{line.position}", "")
            if supplier:
                suppliers[line.position] = "" if supplier == AS_THE_RULES_SAY else supplier
        chosen = {one.po: typed(f"method.{one.po}", "") for one in self.methods}
        methods = {po: "" if code == AS_THE_RULES_SAY else code for po, code in chosen.items() if code}
        address = {
            one.name: typed(f"address.{one.name}", one.value)
            for one in self.address
            if typed(f"address.{one.name}", one.value) != one.value.strip()
        }
        note = str(form.get("note", page.note)).replace("\r\n", "\n")
        return Changes(
            quantities=quantities, suppliers=suppliers, methods=methods, address=address,
            note=note if note != page.note.replace("\r\n", "\n") else None,
        )  # fmt: skip
