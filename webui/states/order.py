"""One order: what its page shows, and what can be done there besides resolving, editing and looking into its blue book."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from engine.domain.roles import Permission
from engine.errors import Invalid, NotFound
from engine.services import blue_book, cancel, hold, intake, invoices, order_page, submit, track
from engine.services.blue_book import Event
from engine.services.invoices import InvoiceView
from engine.services.order_page import OrderPage
from webui import links, words
from webui.states import order_view as views
from webui.states.base import PAGES, Book, on
from webui.states.order_view import BlockView, HoldView, IssueView, LineRow, OrderView, Pair

TIMELINE = 300
"""Events on the page, the newest; the blue book has all."""
MOST_BILLS = 200
SNOOZES = {"1": "1 hour", "4": "4 hours", "24": "1 day", "168": "1 week", "0": "Bring it back now"}


@dataclass
class Step:
    """An event in one line."""

    seq: int = 0
    at: str = ""
    iso: str = ""
    actor: str = ""
    source: str = ""
    said: str = ""
    about: str = ""


@dataclass
class Close:
    """An order whose number is close to the one asked for."""

    number: str = ""
    href: str = ""


def step(event: Event, zone: str) -> Step:
    """The event in a line."""
    action = event.action.rpartition(":")[2].replace("_", " ")
    said = f"{action}: {event.message}" if event.message else action
    return Step(
        event.seq, words.day_and_time(event.at, zone), event.at.isoformat(timespec="milliseconds"), words.plain(event.actor),
        event.source, words.plain(said), words.plain(event.subject if event.subject != "order" else ""),
    )  # fmt: skip


class Order(Book):
    """The page. Parts are assigned only when they changed, so that the browser repaints nothing else."""

    wanted: str = ""
    ready: bool = False
    error: str = ""
    missing: str = ""
    close_to: list[Close] = []
    order: OrderView = OrderView()
    blocks: list[BlockView] = []
    loose: list[LineRow] = []
    open_issues: list[IssueView] = []
    closed_issues: list[IssueView] = []
    holds: list[HoldView] = []
    totals: list[Pair] = []
    steps: list[Step] = []
    earlier: int = 0
    dialog: str = ""
    dialog_po: str = ""
    details: list[str] = []
    tells: bool = False
    problem: str = ""
    _page: OrderPage | None = None

    @on(Permission.VIEW)
    async def load(self) -> AsyncIterator[None]:
        """The page shows the order its address names."""
        wanted = unquote(self.router.url.path.rstrip("/").rpartition("/")[2])
        self.dialog = ""
        if wanted != self.wanted:
            self.wanted, self.ready, self._page = wanted, False, None
            yield
        await self._read()

    @on(Permission.VIEW)
    async def again(self) -> None:
        """Another try."""
        await self._read()

    async def _read(self) -> None:
        try:
            page = await order_page.order_page(self.wanted)
            events = await blue_book.blue_book(page.id)
            bills = await invoices.ls(order_id=page.id, limit=MOST_BILLS)
        except NotFound as error:
            self.missing, self.error, self.ready = words.plain(words.sentence(error.message)), "", True
            self.close_to = [Close(n, links.order(n)) for n in await order_page.close_to(self.wanted)]
            return
        except Exception:
            self.error, self.ready = f"Order {words.plain(self.wanted)} could not be read.", True
            raise
        self._show(page, events, bills)

    def _show(self, page: OrderPage, events: list[Event], bills: list[InvoiceView]) -> None:
        self._page = page
        is_open, is_closed = views.issues(page, self.zone)
        found = {
            "missing": "", "error": "", "ready": True, "order": views.order_view(page, self.zone),
            "blocks": views.blocks(page, self.zone, bills), "loose": views.loose(page), "open_issues": is_open,
            "closed_issues": is_closed, "holds": views.holds(page, self.zone), "totals": views.totals(page),
            "steps": [step(event, self.zone) for event in events[-TIMELINE:]], "earlier": max(len(events) - TIMELINE, 0),
        }  # fmt: skip
        for name, value in found.items():
            if getattr(self, name) != value:
                setattr(self, name, value)

    @on(Permission.VIEW)
    async def heard(self, order_ids: list[int], everything: bool) -> None:
        """The order is read again when it changed, or when it may have come."""
        if everything or self._page is None or self._page.id in order_ids:
            await self._read()

    # --- dialogs ------------------------------------------------------------------------------------------------------

    @on(Permission.VIEW)
    def ask(self, dialog: str, po: str) -> None:
        """The dialog asks for what is needed: hold, snooze, cancel, or request (of this purchase order)."""
        if self._page is None:
            return
        self.dialog, self.dialog_po, self.problem = dialog, po, ""
        self.tells = self._page.channel_cancels
        self.details = (self._page.if_canceled or ["its lines are canceled"]) if dialog == "cancel" else []

    @on(Permission.VIEW)
    def leave(self) -> None:
        """The dialog is gone, nothing was done."""
        self.dialog = ""

    def _done(self, said: str) -> None:
        self.dialog = ""
        self.say(words.plain(words.sentence(said)), "good")

    def _id(self) -> int:
        if self._page is None:
            raise NotFound("there is no order on this page")
        return self._page.id

    def _known(self, po: str) -> str:
        """The purchase order, if it is this order's."""
        if self._page is None or po not in [p.po_number for p in self._page.purchase_orders]:
            raise NotFound(f"this order has no purchase order {po}")
        return po

    # --- acts ---------------------------------------------------------------------------------------------------------

    @on(Permission.HOLD)
    async def hold(self, form: dict[str, Any]) -> None:
        """The order is on hold, for the reason given."""
        try:
            await hold.hold(self._id(), str(form.get("reason", ""))[:500], self.by)
        except Invalid as error:
            self.problem = words.sentence(error.message)
            return
        self._done("on hold until it is released")

    @on(Permission.SNOOZE)
    async def snooze(self, form: dict[str, Any]) -> None:
        """The order is out of the queue's sight for a while, or back."""
        hours = str(form.get("hours", ""))
        if hours not in SNOOZES:
            self.problem = "Choose for how long."
            return
        await hold.snooze(self._id(), int(hours) * 3600, self.by)
        self._done("back in the queue" if hours == "0" else f"out of the queue for {SNOOZES[hours]}")

    @on(Permission.CANCEL)
    async def cancel(self, form: dict[str, Any]) -> None:
        """What is unsent is canceled, what is sent is asked back."""
        self._done(await cancel.cancel_order(self._id(), self.by, **_why(form)))

    @on(Permission.CANCEL)
    async def request_cancel(self, form: dict[str, Any]) -> None:
        """The supplier is asked to cancel the purchase order of the dialog."""
        self._done(await cancel.request(self._known(self.dialog_po), self.by, **_why(form)))

    @on(Permission.RETRY)
    async def ask_supplier(self, po: str) -> None:
        """The supplier is asked whether it has it; what it says is carried out. Nothing is sent again unasked."""
        self._done(await submit.ask(self._known(po), self.by))

    @on(Permission.RETRY)
    async def retry_push(self, shipment_id: int) -> None:
        """The tracking is pushed to the channel once more."""
        if self._page is None or shipment_id not in [p.id for p in self._page.shipments]:
            raise NotFound("this order has no such parcel")
        await track.retry(shipment_id, self.by)
        self._done("the tracking is pushed again")

    @on(Permission.PROCESS)
    async def refresh(self) -> None:
        """The order was read again from its channel."""
        found = await intake.refresh(self._id(), self.by)
        changed = "it has changed there" if found.changed else "nothing has changed there"
        self._done("what the channel sent cannot be read: see the inbox" if found.parked else f"read again: {changed}")


def _why(form: dict[str, Any]) -> dict[str, Any]:
    """What the dialogs of canceling ask."""
    reason = str(form.get("reason", "")).strip()[:500]
    return {"reason": reason, "tell_channel": bool(form.get("tell_channel"))}


PAGES["orders/*"] = Order.heard
