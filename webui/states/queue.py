"""The queue for those who process in the browser: each order with Process or Resolve, and its errors below it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import reflex as rx

from engine.domain.roles import Permission
from engine.domain.states import OrderStatus
from engine.errors import Invalid
from engine.services import history, parts
from engine.services.filters import Filters, from_text
from engine.services.history import TABS, Cursor, OrderRow, Page
from engine.services.parts import IssueCell
from webui import links, words
from webui.states.base import PAGES, Book, on

SIZE = 25
TITLES = {"ready": "Ready", "resolve": "Resolve", "all": "All"}


@dataclass
class Trouble:
    """An open Issue: what is wrong, and what to do."""

    id: int = 0
    title: str = ""
    message: str = ""
    todo: str = ""


@dataclass
class Waiting:
    """An order of the queue."""

    id: int = 0
    number: str = ""
    href: str = ""
    age: str = ""
    placed: str = ""
    placed_iso: str = ""
    channel: str = ""
    customer: str = ""
    pieces: str = ""
    suppliers: str = ""
    shipping: str = ""
    total: str = ""
    status: str = ""
    tone: str = ""
    ready: bool = False
    on_hold: str = ""
    held: bool = False
    sent_at: str = ""
    troubles: list[Trouble] = field(default_factory=list)


@dataclass
class QueueTab:
    """A tab of the queue."""

    id: str = ""
    title: str = ""
    href: str = ""
    count: str = ""


def waiting(row: OrderRow, issues: list[IssueCell], zone: str) -> Waiting:
    """The order in words; one that no longer waits stays where it stood, and says where it is."""
    held = row.status == OrderStatus.PROCESSED and row.release_at is not None and not row.unsent
    return Waiting(
        id=row.id, number=words.plain(row.number), href=links.order(row.number), age=words.ago(row.placed_at),
        placed=words.day_and_time(row.placed_at, zone), placed_iso=words.iso(row.placed_at),
        channel=words.at_store(row.number, row.store_number, row.channel) or words.plain(row.channel),
        customer=words.plain(row.customer), pieces=words.many(row.quantity, "piece"),
        suppliers=", ".join(f"{part.code} {part.quantity}" for part in row.suppliers),
        shipping=words.plain(f"{row.shipping_rate or 'no rate'} → {', '.join(row.methods) or '?'}"),
        total=words.amount(row.total, row.currency), ready=row.status == OrderStatus.READY,
        status=row.status_said,
        tone=words.tone_of(row.status),
        on_hold=words.plain(row.held), held=held, sent_at=words.iso(row.release_at) if held else "",
        troubles=[Trouble(i.id, i.title, words.plain(i.message), i.todo) for i in issues],
    )  # fmt: skip


class Queue(Book):
    """What waits for someone here, the oldest first; and what is held and can still be taken back."""

    tab: str = "all"
    tabs: list[QueueTab] = []
    orders: list[Waiting] = []
    text: str = ""
    next: str = ""
    previous: str = ""
    fresh: int = 0
    error: str = ""
    mended: str = ""
    """The address without what cannot be read in it, where something cannot."""
    ready: bool = False
    _filters: Filters = Filters()
    _ids: list[int] = []
    _new: set[int] = set()

    @on(Permission.VIEW)
    async def load(self) -> None:
        """The queue as the address asks for it."""
        self.tab = self.asked("tab", ("all", *TABS))
        self.text, at = self.params.get("text", ""), self.params.get("after", "")
        self.error = self.mended = ""
        try:
            self._filters = await from_text(self.text)
            page = await history.queue(
                self.tab, self._filters, after=Cursor.parse(at) if at else None, limit=SIZE  # type: ignore[arg-type]
            )  # fmt: skip
        except Invalid as error:
            self.error = words.sentence(error.message)
            wrong = ("after",) if error.field == "after" else ("text", "after")
            self.mended = links.with_params("/queue", {k: v for k, v in self.params.items() if k not in wrong})
            page = Page([], None, None)
        self.orders = await self._views(page.rows)
        self._ids, self._new, self.fresh = page.ids, set(), 0
        self.next = self._address(after=page.next.text()) if page.next else ""
        self.previous = self._address(after=page.previous.text()) if page.previous else ""
        await self._count_tabs()
        self.ready = True

    async def _views(self, rows: list[OrderRow]) -> list[Waiting]:
        issues = await parts.issues_of([row.id for row in rows])
        return [waiting(row, issues.get(row.id, []), self.zone) for row in rows]

    def _address(self, **changed: str) -> str:
        return links.with_params("/queue", {"tab": "" if self.tab == "all" else self.tab, "text": self.text} | changed)

    async def _count_tabs(self) -> None:
        counts = await history.counts()
        tabs = [
            QueueTab(
                name, title, links.with_params("/queue", {"tab": "" if name == "all" else name, "text": self.text}),
                f"{sum(counts[status] for status in TABS[name]):,}",
            )
            for name, title in TITLES.items()
        ]  # fmt: skip
        if tabs != self.tabs:
            self.tabs = tabs

    @on(Permission.VIEW)
    def filter(self, form: dict[str, Any]) -> Any:
        """The queue is narrowed by a filter line."""
        self.text = str(form.get("text", "")).strip()[:400]
        return rx.redirect(self._address())

    @on(Permission.VIEW)
    async def heard(self, order_ids: list[int], everything: bool) -> None:
        """Orders on the page that changed are read again where they stand; new ones wait to be shown."""
        if not self.ready or self.error:
            return
        here = set(self._ids)
        changed = here if everything else here & set(order_ids)
        if changed:
            fresh = {view.id: view for view in await self._views(await history.rows_of(sorted(changed)))}
            orders = [fresh.get(order.id, order) for order in self.orders]
            if orders != self.orders:
                self.orders = orders
        others = [i for i in order_ids if i not in here and i not in self._new]
        if others:
            self._new |= await history.fitting(history.in_queue(self.tab, self._filters), others)  # type: ignore[arg-type]
            self.fresh = len(self._new)
        await self._count_tabs()


PAGES["queue"] = Queue.heard
