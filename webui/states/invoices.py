"""Suppliers' invoices: the list by what became of them, and one beside what was ordered and shipped."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import reflex as rx

from engine.domain.roles import Permission
from engine.errors import BluebookError, Invalid, NotFound
from engine.services import invoices, listings, order_page
from engine.services.invoices import InvoiceView, Line
from webui import links, words
from webui.states import connection
from webui.states.base import PAGES, Book, on
from webui.states.order import Step, step
from webui.states.order_view import BILLED, ParcelView, blocks
from webui.states.orders import Choice

TABS: dict[str, tuple[str, tuple[str, ...]]] = {
    "person": ("Needs a person", ("differs",)),
    "waits": ("Waits for parcels", ("new", "waits")),
    "agreed": ("Agreed", ("matched", "accepted")),
    "all": ("All", ()),
}
"""The tabs: what each is called, and the states of its invoices."""
PAGE = 50


@dataclass
class Tab:
    """A tab and its address."""

    id: str = ""
    title: str = ""
    href: str = ""


@dataclass
class InvoiceRow:
    """An invoice as lists show it."""

    id: int = 0
    number: str = ""
    what: str = ""
    href: str = ""
    supplier: str = ""
    supplier_href: str = ""
    po: str = ""
    order: str = ""
    order_href: str = ""
    total: str = ""
    state: str = ""
    tone: str = ""
    reason: str = ""
    came: str = ""
    came_iso: str = ""


@dataclass
class LineRow:
    """An item three ways. ``remarks`` says what does not fit."""

    sku: str = ""
    ordered: int = 0
    shipped: int = 0
    here: int = 0
    charged: int = 0
    ordered_at: str = ""
    charged_at: str = ""
    remarks: str = ""


@dataclass
class Whole:
    """An invoice with everything. ``open``: a person can accept it."""

    it: InvoiceRow = field(default_factory=InvoiceRow)
    reasons: list[str] = field(default_factory=list)
    charges: str = ""
    dated: str = ""
    dated_iso: str = ""
    decided: str = ""
    decided_iso: str = ""
    decided_by: str = ""
    note: str = ""
    open: bool = False
    audit: str = ""
    pdf: str = ""
    all_href: str = ""


def row_of(view: InvoiceView, zone: str) -> InvoiceRow:
    """The invoice, in words."""
    state, tone = BILLED[view.state]
    return InvoiceRow(
        view.id, words.plain(view.number), "Credit note" if view.credit else "Invoice", links.invoice(view.id),
        view.supplier, links.supplier(view.supplier), words.plain(view.po_number), words.plain(view.order_number),
        links.order(view.order_number), words.amount(view.total, view.currency), state, tone, words.plain(view.reason),
        words.day_and_time(view.received_at, zone), words.iso(view.received_at),
    )  # fmt: skip


def _line(line: Line, view: InvoiceView) -> LineRow:
    return LineRow(
        words.plain(line.sku), line.ordered, line.shipped, line.here, line.charged,
        words.amount(line.ordered_at, view.currency) if line.ordered else "", words.amount(line.charged_at, view.currency),
        "; ".join(line.remarks(view.currency)),
    )  # fmt: skip


def _whole(view: InvoiceView, zone: str) -> Whole:
    return Whole(
        row_of(view, zone), [words.sentence(part) for part in view.reason.split("; ") if part],
        words.amount(view.charges, view.currency) if view.charges else "", words.day_and_time(view.occurred_at, zone),
        words.iso(view.occurred_at), words.day_and_time(view.decided_at, zone), words.iso(view.decided_at),
        words.plain(view.decided_by), words.plain(view.note), view.state in invoices.OPEN,
        links.audit(view.order_number, f"po.{view.po_number}"), links.purchase_pdf(view.po_number),
        links.invoices({"tab": "all", "supplier": view.supplier}),
    )  # fmt: skip


class Invoices(Book):
    """The list."""

    tab: str = "person"
    tabs: list[Tab] = []
    rows: list[InvoiceRow] = []
    suppliers: list[Choice] = []
    supplier: str = ""
    next: str = ""
    first: str = ""
    error: str = ""
    mended: str = ""
    """The address without what there is not, where it asks for that."""
    ready: bool = False
    _after: int = 0

    @on(Permission.VIEW)
    async def load(self) -> None:
        """The page shows the invoices that its address asks for."""
        self.tab, self._after = self.asked("tab", TABS), self.asked_number("after")
        self.supplier = self.params.get("supplier", "")
        self.suppliers = [Choice(view.code, words.plain(view.name)) for view in await listings.suppliers(removed=True)]
        codes = [one.value for one in self.suppliers]
        self.error = self.mended = ""
        if self.supplier and self.supplier not in codes:
            self.error = words.sentence(links.no_such("supplier", self.supplier, codes))
            self.mended = self._address(supplier="")
            self.rows, self.next, self.supplier = [], "", ""
        else:
            await self._read()
        self.tabs = [Tab(name, title, self._address(tab=name)) for name, (title, _) in TABS.items()]
        self.first = self._address() if self._after else ""
        self.ready = True

    async def _read(self) -> None:
        found = await invoices.ls(
            states=TABS[self.tab][1], supplier=self.supplier, before=self._after, limit=PAGE + 1
        )  # fmt: skip
        rows = [row_of(view, self.zone) for view in found[:PAGE]]
        following = self._address(after=str(found[PAGE - 1].id)) if len(found) > PAGE else ""
        if (rows, following) != (self.rows, self.next):
            self.rows, self.next = rows, following

    def _address(self, **changed: str) -> str:
        asked = {"tab": self.tab, "supplier": self.supplier} | changed
        return links.invoices(asked | {"tab": "" if asked["tab"] == "person" else asked["tab"]})

    @on(Permission.VIEW)
    def narrow(self, form: dict[str, Any]) -> Any:
        """The invoices of this supplier are listed; the address says so."""
        return rx.redirect(self._address(supplier=str(form.get("supplier", ""))[:120]))

    @on(Permission.VIEW)
    async def heard(self, order_ids: list[int], everything: bool) -> None:
        """What changed of the list is shown."""
        if self.ready and not self.error:
            await self._read()


class OneInvoice(Book):
    """The invoice that the address names."""

    whole: Whole = Whole()
    lines: list[LineRow] = []
    parcels: list[ParcelView] = []
    steps: list[Step] = []
    missing: str = ""
    problem: str = ""
    accepting: bool = False
    ready: bool = False
    _order: int = 0

    @on(Permission.VIEW)
    async def load(self) -> None:
        """The page shows the invoice beside what was ordered and shipped."""
        self.accepting, self.problem = False, ""
        await self._read()

    def _id(self) -> str:
        return connection.second_part(self.router.url.path)

    async def _read(self) -> None:
        try:
            view, lines = await invoices.show(self._id())
        except (NotFound, Invalid):
            self.missing, self.ready = f"There is no invoice {words.plain(self._id()[:80])}.", True
            return
        page = await order_page.order_page(view.order_number)
        own = [part for part in blocks(page, self.zone) if part.po == words.plain(view.po_number)]
        found = {
            "missing": "", "ready": True, "_order": view.order_id, "whole": _whole(view, self.zone),
            "lines": [_line(line, view) for line in lines], "parcels": own[0].parcels if own else [],
            "steps": [step(event, self.zone) for event in await invoices.happened(view)],
        }  # fmt: skip
        for name, value in found.items():
            if getattr(self, name) != value:
                setattr(self, name, value)

    @on(Permission.VIEW)
    def ask(self, yes: bool) -> None:
        """Whether it is to be accepted is asked, or no longer."""
        self.accepting, self.problem = yes, ""

    @on(Permission.RESOLVE)
    async def accept(self, form: dict[str, Any]) -> None:
        """The invoice is taken as it is; it and its Issue are settled."""
        try:
            view = await invoices.accept(self._id(), self.by, str(form.get("note", ""))[:500])
        except BluebookError as error:
            self.problem = words.sentence(error.message)
        else:
            self.accepting = False
            self.say(f"{row_of(view, self.zone).what} {view.number} is accepted.", "good")
        await self._read()

    @on(Permission.VIEW)
    async def heard(self, order_ids: list[int], everything: bool) -> None:
        """It is read again when its order changed, or when it may have come."""
        if self.ready and (everything or self._order in order_ids):
            await self._read()


PAGES["invoices"] = Invoices.heard
PAGES["invoices/*"] = OneInvoice.heard
