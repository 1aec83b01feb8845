"""Suppliers: whether each works, what it offers, and its settings a section at a time."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any, ClassVar
from urllib.parse import quote

import reflex as rx

from engine.domain.roles import Permission
from engine.errors import Invalid, NotFound
from engine.services import listings, setup
from engine.services.listings import MethodView, SupplierOffer, SupplierView
from webui import links, words
from webui.states import connection, forms
from webui.states.base import PAGES, Book, on
from webui.states.connection import Standing
from webui.states.settings_page import SettingsPage

PARTS = {
    "general": "General", "deadlines": "Deadlines", "methods": "Methods", "products": "Products",
    "credentials": "Credentials",
}  # fmt: skip
NUMBERS = {
    "ack_hours": "Acknowledges within, hours",
    "tracking_hours": "Ships within, hours",
    "poll_seconds": "Listened to every, seconds",
    "settle_seconds": "Asked again after, seconds",
    "concurrency": "Sent at once, at most",
    "priority": "Priority, lower first",
}
WORKING = {
    "work_hours": "Its hours are those of",
    "work_timezone": "In the time zone",
    "holidays": "Without these days",
}
LABELS = NUMBERS | WORKING | {"po_box_allowed": "Ships to PO boxes", "name": "the name"}
"""What the options are called where something is said of them."""
FORMS = {"name": (), "deadlines": (*NUMBERS, *WORKING), "method": (), "credentials": (), "remove": ()}
"""The forms, and their fields among ``values``."""
PAGE = 50
FINDS = "It can be asked whether it has a purchase order, so an unclear answer is settled by itself."
FINDS_NOT = "It cannot be asked whether it has a purchase order: after an unclear answer a person decides."


@dataclass
class SupplierRow:
    """A supplier in the list."""

    it: Standing = field(default_factory=Standing)
    code: str = ""
    methods: int = 0
    methods_href: str = ""
    offers: str = ""
    offers_href: str = ""
    ack: str = ""
    ship: str = ""
    finds: str = ""
    can_find: bool = False


@dataclass
class MethodRow:
    """A shipping method as the supplier offers it."""

    id: int = 0
    code: str = ""
    title: str = ""
    carrier: str = ""
    enabled: bool = False


@dataclass
class OfferRow:
    """A product as the supplier offers it."""

    sku: str = ""
    title: str = ""
    offered_as: str = ""
    cost: str = ""
    stock: str = ""
    enabled: bool = False


def supplier_href(code: str, part: str = "") -> str:
    """The settings of a supplier."""
    return links.with_params(f"/suppliers/{quote(code, safe='')}", {"section": part})


def row_of(view: SupplierView) -> SupplierRow:
    """The supplier, in words."""
    kind = connection.kind_of("suppliers", view.connector)
    # A connector can ask; a supplier may be set up so that it cannot be asked.
    finds = kind.can_find and view.settings.get("can_find") not in (False, "false")
    finds = finds and view.settings.get("transport") != "as2"  # what was posted cannot be looked up there
    return SupplierRow(
        connection.standing(view, view.polled_at, supplier_href(view.code)), view.code,
        view.methods, supplier_href(view.code, "methods"), f"{view.offers:,}", supplier_href(view.code, "products"),
        f"{view.ack_hours} h", f"{view.tracking_hours} h", FINDS if finds else FINDS_NOT, finds,
    )  # fmt: skip


class Suppliers(Book):
    """The list."""

    rows: list[SupplierRow] = []
    ready: bool = False

    @on(Permission.VIEW)
    async def load(self) -> None:
        """The page shows every supplier."""
        self.rows = [row_of(view) for view in await listings.suppliers()]
        self.ready = True

    @on(Permission.SUPPLIERS)
    async def resume(self, code: str) -> None:
        """A paused supplier is used again."""
        self.say(await connection.resume("suppliers", await supplier_of(code), self.by), "good")
        await self._read()

    @on(Permission.VIEW)
    async def reread(self) -> None:
        """What changed of the list is shown."""
        await self._read()

    async def _read(self) -> None:
        rows = [row_of(view) for view in await listings.suppliers()]
        if rows != self.rows:
            self.rows = rows


async def supplier_of(code: str) -> SupplierView:
    """The supplier with this code; raises NotFound."""
    for view in await listings.suppliers():
        if view.code == code:
            return view
    raise NotFound(f"there is no supplier {code}; the list has them all")


class SupplierSettings(SettingsPage, Book):
    """One supplier."""

    _table: ClassVar = "suppliers"
    _may_change: ClassVar = Permission.SUPPLIERS
    _forms: ClassVar = FORMS
    _labels: ClassVar = LABELS
    _sections: ClassVar = PARTS
    row: SupplierRow = SupplierRow()
    po_box: bool = True
    methods: list[MethodRow] = []
    offers: list[OfferRow] = []
    next: str = ""
    search: str = ""
    orders_href: str = ""
    invoices_href: str = ""

    @on(Permission.VIEW)
    async def load(self) -> None:
        """The page shows the supplier and the section that its address names."""
        await self._open()

    async def _view(self) -> SupplierView:
        return await supplier_of(connection.second_part(self.router.url.path))

    def _href(self, view: SupplierView, part: str) -> str:
        return supplier_href(view.code, part)

    def _values(self, view: SupplierView) -> dict[str, str]:
        fresh = {name: str(getattr(view, name) or "") for name in WORKING}
        return fresh | {name: str(getattr(view, name)) for name in NUMBERS}

    def _stand(self, view: SupplierView) -> None:
        row = row_of(view)
        if row != self.row:
            self.row = row

    async def _show_own(self, view: SupplierView, shown: Collection[str]) -> None:
        self.orders_href = links.orders({"supplier_ids": str(view.id)})
        self.invoices_href = links.invoices({"tab": "all", "supplier": view.code})
        if "deadlines" in shown:
            self.po_box = view.po_box_allowed
        self.methods = [_method(one) for one in await listings.methods(view.id)] if self.part == "methods" else []
        await self._show_offers(view)

    async def _show_offers(self, view: SupplierView) -> None:
        if self.part != "products":
            self.offers, self.next = [], ""
            return
        self.search = self.params.get("text", "")[:200]
        after = self.params.get("after", "")
        found = await listings.offers(view.id, self.search, after=after, limit=PAGE + 1)
        self.offers = [
            OfferRow(words.plain(o.sku), words.plain(o.title), words.plain(o.offered_as),
                     words.amount(o.cost, view.currency), _stock(o), o.enabled)
            for o in found[:PAGE]
        ]  # fmt: skip
        more = {"section": "products", "text": self.search, "after": found[PAGE - 1].sku} if len(found) > PAGE else {}
        self.next = links.with_params(supplier_href(view.code), more) if more else ""

    @on(Permission.VIEW)
    async def show_offers(self) -> None:
        """The list has what was added to it."""
        view = await self._view()
        self._stand(view)
        await self._show_offers(view)

    @on(Permission.VIEW)
    async def find_offers(self, form: dict[str, Any]) -> Any:
        """The products with these words are listed; the address says so."""
        text = str(form.get("text", "")).strip()[:200]
        query = {"section": "products", "text": text}
        return rx.redirect(links.with_params(supplier_href(connection.second_part(self.router.url.path)), query))

    @on(Permission.VIEW)
    async def heard(self, order_ids: list[int], everything: bool) -> Any:
        """How it stands is read anew; forms and what is half typed in them stay. The list sees to itself."""
        if not connection.second_part(self.router.url.path):
            return Suppliers.reread
        if self.ready and not self.missing and everything:
            self._stand(await self._view())
        return None

    @on(Permission.SUPPLIERS)
    async def save_deadlines(self, form: dict[str, Any]) -> None:
        """What was changed of when a person is told that nothing was heard, and of how it is dealt with, is saved."""
        given = {name: text.strip() for name, text in connection.text_of(form).items()}
        with forms.told(self, "deadlines", LABELS):
            touched = forms.touched(given, self.values, FORMS["deadlines"])
            changed: dict[str, Any] = {
                name: forms.whole("suppliers", name, LABELS[name], text) if name in NUMBERS else text
                for name, text in touched.items()
            }
            if ("po_box" in given) != self.po_box:
                changed["po_box_allowed"] = "po_box" in given
            view = await self._change("deadlines", changed)
            await self._saved("deadlines", f"{view.name}: {'saved' if changed else forms.NOTHING}.")

    @on(Permission.SUPPLIERS)
    async def add_method(self, form: dict[str, Any]) -> None:
        """The supplier offers this method too."""
        given = {name: text.strip() for name, text in connection.text_of(form).items()}
        view = await self._view()
        with forms.told(self, "method", {}):
            if not given.get("code") or not given.get("name"):
                raise Invalid("give the method's code, as the supplier knows it, and its name")
            if any(one.code == given["code"] for one in await listings.methods(view.id)):
                raise Invalid(f"there is already a method {given['code']}")
            await setup.add_method(view.id, given["code"], given["name"], self.by, carrier=given.get("carrier", ""))
            await self._saved("method", f"{view.name} offers {given['name']} now.")

    @on(Permission.SUPPLIERS)
    async def offer_method(self, code: str, yes: bool) -> None:
        """The method is offered, or no longer."""
        view = await self._view()
        for method in await listings.methods(view.id):
            if method.code == code:
                await setup.add_method(view.id, code, method.name, self.by, enabled=yes)
                self.say(f"{method.name} is {'offered' if yes else 'not offered'} from now on.", "good")
                await self._show(view, 0, ())
                return
        raise NotFound(f"{view.name} has no method {code}")


PAGES["suppliers"] = SupplierSettings.heard


def _stock(offer: SupplierOffer) -> str:
    if offer.stock is None:
        return "not told"
    return f"{offer.stock:,}" + (f", told {offer.stale} h ago" if offer.stale else "")


def _method(one: MethodView) -> MethodRow:
    return MethodRow(one.id, words.plain(one.code), words.plain(one.name), words.plain(one.carrier), one.enabled)
