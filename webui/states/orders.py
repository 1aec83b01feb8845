"""Order History: what the address asks for is what the page shows. Filters, sort, place and columns are all in it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import reflex as rx

from engine.domain.issues import ISSUES
from engine.domain.roles import Permission
from engine.domain.states import OPEN_STATUSES, OrderStatus
from engine.errors import Invalid
from engine.services import history, listings, parts
from engine.services.filters import Filters
from engine.services.history import END, Cursor, OrderRow, Page
from engine.services.parts import LineCell
from webui import links, words
from webui.states.base import PAGES, Book, on

SIZES = (25, 50, 100)
DEFAULT_SIZE = 50
MOST_LATE = 1_000
"""Late orders are counted up to so many: the figure is read again after whatever changes."""
LOOKING_SECONDS = 1.0
"""For so long a page goes on by itself to older orders while none fits; then it asks."""
DEFAULT_SORT = "-placed"


class Column(NamedTuple):
    """A column of the list: its title, and the columns that a file has for it (``services/sheets.py``)."""

    title: str
    exported: tuple[str, ...]


COLUMNS = {
    "placed": Column("Date", ("placed_at",)),
    "channel": Column("Channel", ("channel",)),
    "customer": Column("Customer", ("customer",)),
    "lines": Column("Lines and suppliers", ("line_items",)),
    "status": Column("Status", ("status_said",)),
    "tracking": Column("Tracking", ("tracking",)),
    "shipping": Column("Shipping", ("shipping",)),
    "quantity": Column("Pieces", ("quantity",)),
    "country": Column("Country", ("country",)),
    "total": Column("Total", ("total", "currency")),
}
"""The columns that can be chosen, besides the order's number, which is always there."""
SHOWN_AT_FIRST = ("placed", "customer", "lines", "status", "tracking", "total")
TABS: dict[str, tuple[str, dict[str, str]]] = {
    "all": ("All", {}),
    "ready": ("Ready", {"statuses": OrderStatus.READY.value}),
    "resolve": ("Resolve", {"statuses": ",".join(s for s in OPEN_STATUSES if s != OrderStatus.READY)}),
    "progress": ("In progress", {"statuses": f"{OrderStatus.PROCESSED},{OrderStatus.PARTIALLY_SHIPPED}"}),
    "late": ("Late", {"late": "1"}),
    "shipped": ("Shipped", {"statuses": f"{OrderStatus.SHIPPED},{OrderStatus.COMPLETED}"}),
    "failed": ("Failed", {"statuses": OrderStatus.FAILED.value}),
}
"""The tabs: what each is called, and the query it stands for."""
OURS = ("sort", "after", "size", "columns", "audit")
"""Parameters of the address that are no filters."""


@dataclass
class LineView:
    """A line as the list shows it."""

    id: int = 0
    sku: str = ""
    title: str = ""
    quantity: int = 0
    supplier: str = ""
    state: str = ""
    tone: str = ""
    message: str = ""
    tracking: str = ""
    url: str = ""


@dataclass
class RowView:
    """An order as the list shows it, every value ready to be read."""

    id: int = 0
    number: str = ""
    theirs: str = ""
    href: str = ""
    placed: str = ""
    placed_iso: str = ""
    channel: str = ""
    customer: str = ""
    country: str = ""
    quantity: int = 0
    status: str = ""
    tone: str = ""
    issues: str = ""
    shipping: str = ""
    total: str = ""
    ready: bool = False
    held: bool = False
    needs: bool = False
    lines: list[LineView] = field(default_factory=list)
    more: int = 0


@dataclass
class TabView:
    """A tab: its address and how many orders it has, "" where that is not kept."""

    id: str = ""
    title: str = ""
    href: str = ""
    count: str = ""


@dataclass
class Chip:
    """A filter that is set, and the address without it."""

    title: str = ""
    without: str = ""


@dataclass
class Choice:
    """Something a filter can be set to."""

    value: str = ""
    title: str = ""


MOST_LINES = 4
"""Lines of an order that a list shows; the rest are on its page."""


def line_view(cell: LineCell, row: OrderRow) -> LineView:
    """The line, with its latest parcel."""
    number, url = cell.trackings[-1] if cell.trackings else ("", "")
    state = row.said_of(cell.state)
    return LineView(
        cell.line_id, words.plain(cell.sku), words.plain(cell.title), cell.quantity, cell.supplier, state,
        words.purchase_tone(cell.state), words.plain(cell.message), words.plain(number),
        words.web_url(url),
    )  # fmt: skip


def row_view(row: OrderRow, own: list[LineCell], zone: str) -> RowView:
    """The order, in the person's words and zone."""
    held = row.status == OrderStatus.PROCESSED and row.release_at is not None and not row.unsent
    return RowView(
        id=row.id, number=words.plain(row.number), theirs=words.at_store(row.number, row.store_number, row.channel),
        href=links.order(row.number),
        placed=words.day_and_time(row.placed_at, zone), placed_iso=words.iso(row.placed_at),
        channel=words.plain(row.channel), customer=words.plain(row.customer), country=row.country, quantity=row.quantity,
        status=row.status_said, tone=words.tone_of(row.status),
        issues=", ".join(ISSUES[code].title for code in row.issue_codes),  # type: ignore[index]
        shipping=words.plain(f"{row.shipping_rate or 'no rate'} → {', '.join(row.methods) or '?'}"),
        total=words.amount(row.total, row.currency), ready=row.status == OrderStatus.READY, held=held,
        needs=row.status in OPEN_STATUSES and row.status != OrderStatus.READY,
        lines=[line_view(cell, row) for cell in own[:MOST_LINES]], more=max(len(own) - MOST_LINES, 0),
    )  # fmt: skip


async def views(rows: list[OrderRow], zone: str) -> list[RowView]:
    """The rows with their lines."""
    found = await parts.lines_of([row.id for row in rows])
    return [row_view(row, found.get(row.id, []), zone) for row in rows]


class Orders(Book):
    """The list. ``rows`` are what stands on the page; what is new waits until it is asked for."""

    rows: list[RowView] = []
    tabs: list[TabView] = []
    chips: list[Chip] = []
    channels: list[Choice] = []
    suppliers: list[Choice] = []
    columns: list[str] = list(SHOWN_AT_FIRST)
    form: dict[str, str] = {}
    form_key: str = ""
    tab: str = "all"
    sort: str = DEFAULT_SORT
    size: int = DEFAULT_SIZE
    next: str = ""
    previous: str = ""
    count: str = ""
    matching: int = 0
    fresh: int = 0
    partial: bool = False
    error: str = ""
    mended: str = ""
    """The address without what cannot be read in it, where something cannot."""
    ready: bool = False
    export_url: str = ""
    filtering: bool = False
    _filters: Filters = Filters()
    _ids: list[int] = []
    _new: set[int] = set()

    @on(Permission.VIEW)
    async def load(self) -> None:
        """The page shows what its address asks for."""
        try:
            self._read_address()
            page = await self._page()
        except Invalid as error:
            await self._misread(error)
            return
        self.error = ""
        await self._show(page)
        await self._describe()
        self.ready = True

    async def _misread(self, error: Invalid) -> None:
        """The page says what its address asks for that there is not; nothing of the list before stays."""
        known = (*Filters.__struct_fields__, *OURS)
        rest = {name: value for name, value in self.params.items() if name in known and name != error.field}
        self.mended = links.orders(rest)
        self.error, self.rows, self._ids, self._new, self.fresh = words.sentence(error.message), [], [], set(), 0
        self._filters = Filters()
        self.form, self.form_key = dict.fromkeys(FORM, ""), "misread"
        await self._describe()
        self.tab, self.ready = "", True

    def _read_address(self) -> None:
        params = self.params
        if strange := Filters.strange(params, OURS):
            raise Invalid(links.unknown(strange, (*Filters.__struct_fields__, *OURS)))
        self._filters = Filters.from_params(params)
        self.sort = params.get("sort", DEFAULT_SORT)
        self.size = int(
            self.asked("size", [str(size) for size in sorted(SIZES, key=lambda size: size != DEFAULT_SIZE)])
        )
        chosen = [name for name in params.get("columns", "").split(",") if name]
        for name in chosen:
            if name not in COLUMNS:
                self.asks_in_vain("columns", name, COLUMNS)
        self.columns = [name for name in chosen if name in COLUMNS] or list(SHOWN_AT_FIRST)
        self.form = {name: params.get(name, "") for name in FORM}
        self.form["placed_from"] = words.day_of(self._filters.placed_from, self.zone)
        self.form["placed_to"] = words.day_of(self._filters.placed_to, self.zone, before=True)
        # A form of its own for each address: what was typed into another would stay otherwise.
        self.form_key = "&".join(f"{name}={value}" for name, value in self.form.items() if value)

    async def _page(self) -> Page:
        at = self.params.get("after", "")
        after = END if at == "end" else Cursor.parse(at) if at else None
        return await history.list_orders(
            self._filters, sort=self.sort, after=after, limit=self.size, patience=LOOKING_SECONDS
        )

    async def _show(self, page: Page) -> None:
        self.rows = await views(page.rows, self.zone)
        self._ids, self._new, self.fresh = page.ids, set(), 0
        self.partial = page.partial
        self.next = self._address(after=page.next.text()) if page.next else ""
        self.previous = self._address(after=page.previous.text()) if page.previous else ""

    async def _describe(self) -> None:
        """Tabs, chips, choices and counts, as they follow from the filters."""
        own = self._filters.to_params()
        self.tab = next((name for name, (_, query) in TABS.items() if query == self._narrowing(own)), "")
        counts, late = await history.counts(), await _late()
        self.tabs = [
            TabView(name, title, self._with(query), self._count_of(query, counts, late))
            for name, (title, query) in TABS.items()
        ]
        self.channels = [Choice(str(c.id), words.plain(c.name)) for c in await listings.channels(removed=True)]
        self.suppliers = [Choice(str(s.id), s.code) for s in await listings.suppliers(removed=True)]
        self.chips = self._chips(own)
        self.matching, whole = await history.count_matching(self._filters)
        self.count = f"{self.matching:,}{'' if whole else '+'} order{'' if self.matching == 1 and whole else 's'}"
        shown = ["number", *[name for column in self.columns for name in COLUMNS[column].exported]]
        self.export_url = links.with_params("/export/orders.csv", own | {"columns": ",".join(shown), "sort": self.sort})

    @staticmethod
    def _narrowing(own: dict[str, str]) -> dict[str, str]:
        return {name: value for name, value in own.items() if name in ("statuses", "late")}

    def _count_of(self, query: dict[str, str], counts: dict[str, int], late: str) -> str:
        if not query:
            return f"{sum(counts.values()):,}"
        if "late" in query:
            return late
        statuses = query.get("statuses", "")
        return f"{sum(counts[s] for s in statuses.split(',')):,}" if statuses else ""

    def _chips(self, own: dict[str, str]) -> list[Chip]:
        channels = {choice.value: choice.title for choice in self.channels}
        suppliers = {choice.value: choice.title for choice in self.suppliers}
        found = []
        for name, value in own.items():
            if name in ("statuses", "late") and self.tab:
                continue
            said = chip_words(name, value, channels, suppliers)
            rest = {key: kept for key, kept in own.items() if key != name}
            found.append(Chip(said, links.orders(rest | self._kept())))
        return found

    def _kept(self) -> dict[str, str]:
        """What stays in the address when the filters change."""
        kept = {name: self.params.get(name, "") for name in ("sort", "size", "columns")}
        return {name: value for name, value in kept.items() if value}

    def _with(self, narrowing: dict[str, str]) -> str:
        own = {k: v for k, v in self._filters.to_params().items() if k not in ("statuses", "late")}
        return links.orders(own | narrowing | self._kept())

    def _address(self, **changed: str) -> str:
        return links.orders(self._filters.to_params() | self._kept() | changed)

    @on(Permission.VIEW)
    def unfold(self) -> None:
        """On a phone, the filters can be seen, or no longer."""
        self.filtering = not self.filtering

    # --- narrowing ----------------------------------------------------------------------------------------------------

    @on(Permission.VIEW)
    def filter(self, form: dict[str, Any]) -> Any:
        """The filters of the form hold from now on; what it does not show stays."""
        own = self._filters.to_params()
        for name in FORM:
            value = str(form.get(name, "")).strip()
            own.pop(name, None)
            if value:
                own[name] = words.bound(value, self.zone, after=name == "placed_to") if name in DAYS else value
        try:
            params = Filters.from_params(own).to_params()
        except Invalid as error:
            self.say(error.message, "bad")
            return None
        return rx.redirect(links.orders(params | self._kept()))

    @on(Permission.VIEW)
    def sort_by(self, column: str) -> Any:
        """The list is sorted by this column, the other way round where it is already."""
        down = f"-{column}"
        return rx.redirect(self._address(sort=column if self.sort == down else down))

    @on(Permission.VIEW)
    def toggle_column(self, name: str) -> Any:
        """The column is shown, or no longer."""
        if name not in COLUMNS:
            return None
        chosen = [c for c in COLUMNS if (c in self.columns) != (c == name)]
        shown = "" if tuple(chosen) == SHOWN_AT_FIRST else ",".join(chosen)
        return rx.redirect(self._address(columns=shown, after=self.params.get("after", "")), replace=True)

    @on(Permission.VIEW)
    def resize(self, size: str) -> Any:
        """So many orders stand on a page."""
        return rx.redirect(self._address(size="" if size == str(DEFAULT_SIZE) else size))

    @on(Permission.VIEW)
    def open_audit(self, number: str, line_id: int) -> Any:
        """The blue book of this line opens beside the list; the address says so."""
        audit = f"{number}:{line_id}"
        return rx.redirect(self._address(after=self.params.get("after", ""), audit=audit))

    # --- news ---------------------------------------------------------------------------------------------------------

    @on(Permission.VIEW)
    async def heard(self, order_ids: list[int], everything: bool) -> None:
        """Rows on the page that changed are read again where they stand; new orders wait to be shown."""
        if not self.ready or self.error:
            return
        here = set(self._ids)
        changed = here if everything else here & set(order_ids)
        if changed:
            fresh = {view.id: view for view in await views(await history.rows_of(sorted(changed)), self.zone)}
            rows = [fresh.get(row.id, row) for row in self.rows]
            if rows != self.rows:
                self.rows = rows
        others = [i for i in order_ids if i not in here and i not in self._new]
        if others and not self.params.get("after"):
            self._new |= await history.fitting(self._filters, others)
            self.fresh = len(self._new)
        counts, late = await history.counts(), await _late()
        tabs = [
            TabView(tab.id, tab.title, tab.href, self._count_of(TABS[tab.id][1], counts, late)) for tab in self.tabs
        ]
        if tabs != self.tabs:
            self.tabs = tabs


async def _late() -> str:
    """How many orders are late; from a thousand on, only that they are so many."""
    count, whole = await history.count_matching(Filters(late=True), MOST_LATE)
    return f"{count:,}{'' if whole else '+'}"


PAGES["orders"] = Orders.heard
FORM = ("text", "channel_ids", "supplier_ids", "issue_codes", "placed_from", "placed_to", "skus", "trackings")
"""The filters that the form above the list has."""
DAYS = ("placed_from", "placed_to")


def _waits_for(cause: str) -> str:
    """What orders with this cause of an Issue wait for, where it is one that many have."""
    kind, *parts = cause.split(":")
    if kind == "rate" and len(parts) > 2:
        return f"Waits for the rate: {':'.join(parts[1:-1]) or '(no rate)'}"
    if kind == "sku" and len(parts) > 1:
        return f"Waits for the SKU: {':'.join(parts[1:])}"
    return f"Waits for: {cause}"


def chip_words(name: str, value: str, channels: dict[str, str], suppliers: dict[str, str]) -> str:
    """A filter in words: ``Supplier: ACME``."""
    if name == "cause":
        return words.plain(_waits_for(value))
    title = name.removeprefix("not_").replace("_", " ").removesuffix(" ids").removesuffix("s")
    known = {"channel_ids": channels, "supplier_ids": suppliers}.get(name.removeprefix("not_"), {})
    said = ", ".join(words.plain(known.get(part, words.name_of(part) if "status" in name or "code" in name else part))
                     for part in value.split(","))  # fmt: skip
    if value in ("0", "1") and name in ("has_issue", "held", "on_hold", "undoable", "unsent", "snoozed", "late"):
        said = "yes" if value == "1" else "no"
    whole = f"{'not ' if name.startswith('not_') else ''}{title}: {said}"
    return f"{whole[:1].upper()}{whole[1:]}"
