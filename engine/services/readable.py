"""The blue book as people read it: names for ids, money with its currency, the field's words for paths.

What is stored stays as it is; exports and verification go by that. What ids stand for is looked up once for a whole trail
(``reader``), as it is called now: no event costs a query.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from engine import db
from engine.domain import money
from engine.domain.issues import ISSUES, IssueCode
from engine.domain.states import called
from engine.errors import BluebookError
from engine.services import told as documents
from engine.services.blue_book import Event
from engine.services.diffs import PATH

WORDS = {
    "acknowledged_at": "acknowledged", "attempt": "attempts", "auto": "processed by itself", "back_to": "state to go back to",
    "bill_to": "bill to", "cancel_asked": "asked to be canceled", "carrier_name": "carrier", "channel_id": "channel",
    "channel_reference": "the channel's number", "channel_state": "state in the store", "discount_total": "discount",
    "external_id": "number in the store", "fraud": "fraud check", "held": "on hold", "message": "the supplier says",
    "method_chosen": "method chosen by a person", "method_id": "shipping method", "number": "order number",
    "per_unit": "pieces for each ordered", "placed_at": "placed", "product_id": "product", "push": "told to the channel",
    "push_attempt": "attempts to tell the channel", "reference": "the supplier's number", "release_at": "held until",
    "sent_at": "sent", "ship_to": "ship to", "shipped_at": "shipped", "shipping_rate": "shipping rate",
    "shipping_total": "shipping", "sku": "SKU", "snoozed_until": "snoozed until", "submitted": "sent",
    "superseded": "replaced by another", "supplier_id": "supplier", "supplier_sku": "the supplier's SKU", "tax_total": "tax",
    "tracking_number": "tracking number", "transit": "on its way", "unit_cost": "cost", "unit_price": "price",
    "waived": "let pass",
}  # fmt: skip
"""What fields are called; those that are not here by their own names."""
MONEY = frozenset({"total", "shipping_total", "tax_total", "discount_total", "unit_price", "unit_cost"})
STATES = frozenset({"status", "state", "back_to", "payment", "transit", "push", "channel_state"})
FOLLOWS = frozenset({"allocated"})
"""It follows from the rest, and is left to the raw values."""
NAMES = {
    "supplier_id": "SELECT id, code FROM suppliers", "method_id": "SELECT id, name FROM shipping_methods",
    "channel_id": "SELECT id, name FROM channels",
}  # fmt: skip
PARTS = ("line", "po", "shipment", "issue")
_NOTHING = (None, "", 0, False, "[]")
_DATA = {"detail": "Answer", "said": "It said", "invoice": "Invoice", "more_than_open": "More than is open"}


class Change(msgspec.Struct, frozen=True):
    """What changed, what it was and what it is; "–" for nothing."""

    what: str
    before: str
    after: str

    @property
    def text(self) -> str:
        """In a line: ``supplier: ACME``, ``quantity 3 → 2``."""
        return f"{self.what}: {self.after}" if self.before == "–" else f"{self.what} {self.before} → {self.after}"


class Reading(msgspec.Struct, frozen=True):
    """An event as people read it: what it is about, what it changed, and what else there is to say, in sentences."""

    about: str
    changes: list[Change]
    said: list[str]


class Reader:
    """Reads the events of one trail, in their order. ``moment`` says a time; ids are called as they were told to it."""

    def __init__(
        self, names: Mapping[str, Mapping[int, str]], currencies: Mapping[str, str], suppliers: Mapping[str, str],
        skus: Mapping[int, str], rate: str, moment: Callable[[datetime], str],
    ) -> None:  # fmt: skip
        self._names, self._currencies, self._suppliers, self._skus = names, currencies, suppliers, skus
        self._rate, self._moment = rate, moment

    def read(self, event: Event) -> Reading:
        """The event in words. Values that a thing had none of when it was made are left out."""
        self._rate = event.after.get("shipping_rate", self._rate)
        paths = dict.fromkeys([*event.after, *event.before])
        changes = [c for path in sorted(paths, key=self._order) for c in self._change(path, event)]
        return Reading(self.about(event.subject), changes, list(_sentences(event.data)))

    def about(self, subject: str) -> str:
        """What a subject is called: ``PO 1001-1, ACME``, ``line 2, BB-MUG-01``."""
        if subject.startswith("issue."):
            return self._issue(subject)
        if subject.startswith("shipment."):
            rest = subject.removeprefix("shipment.")  # its key may have any dots, and so may the number of the order
            numbers = [number for number in self._suppliers if rest.startswith(f"{number}.")]
            return f"parcel of {self._po(max(numbers, key=len))}" if numbers else "parcel"
        part = PATH.fullmatch(f"{subject}.x")
        if part is None or not (part["po"] or part["line"]):
            return subject
        if part["po"]:
            return self._po(part["po"]) + (f", line {part['part']}" if part["part"] else "")
        return self._line(int(part["line"]))

    def _order(self, path: str) -> tuple[int, str]:
        """The order first, then its lines, purchase orders, parcels and Issues."""
        first = path.partition(".")[0] if "." in path else ""
        return (PARTS.index(first) + 1 if first in PARTS else 0, path)

    def _change(self, path: str, event: Event) -> list[Change]:
        before, after = event.before.get(path), event.after.get(path)
        if path.startswith("issue."):
            return [
                Change(self._issue(path), "open" if before == "open" else "–", "open" if after == "open" else "closed")
            ]
        thing, _, field = path.rpartition(".")
        if event.order_id == 0:  # settings have their own words
            return [Change(path.replace("_", " "), _text(before), _text(after))]
        if field in FOLLOWS or (before in _NOTHING and after in _NOTHING):
            return []
        if field == "method_id" and before is None and self._rate:
            # What the customer chose became what the supplier offers.
            return [Change(f"{self.about(thing)}: shipping", self._rate, self._value(thing, field, after))]
        word = WORDS.get(field, field.replace("_", " "))
        where = f"{self.about(thing)}: " if thing else ""
        told = documents.value(path, before), documents.value(path, after)
        if all(isinstance(value, dict) for value in told):
            changed = [name for name in {**told[0], **told[1]} if told[0].get(name) != told[1].get(name)]
            return [
                Change(f"{where}{word}, {name.replace('_', ' ')}", _text(told[0].get(name)), _text(told[1].get(name)))
                for name in changed
            ]
        return [Change(f"{where}{word}", *(self._value(thing, field, value) for value in told))]

    def _value(self, thing: str, field: str, value: Any) -> str:
        if value is None or value == "":
            return "–"
        if isinstance(value, bool):
            return "yes" if value else "no"
        if isinstance(value, datetime):
            return self._moment(value)
        if isinstance(value, int) and field in MONEY:
            return self._money(thing, value)
        if isinstance(value, int) and field in self._names:
            return self._names[field].get(value, f"number {value}, which is gone")
        if isinstance(value, str) and field in STATES:
            return called(value)
        return _text(value)

    def _money(self, thing: str, minor: int) -> str:
        po = PATH.fullmatch(f"{thing}.x")
        currency = self._currencies.get(po["po"] or "" if po else "", "")
        try:
            return money.show(minor, currency)
        except BluebookError:  # an order whose currency nobody knows
            return str(minor)

    def _po(self, number: str) -> str:
        return ", ".join(filter(None, (f"PO {number}", self._suppliers.get(number, ""))))

    def _line(self, position: int) -> str:
        return ", ".join(filter(None, (f"line {position}", self._skus.get(position, ""))))

    def _issue(self, path: str) -> str:
        # issue.<code>.<cause>.<line's position, 0: none>.<po number, "": none>
        code, _, rest = path.removeprefix("issue.").partition(".")
        rest, _, po = rest.rpartition(".")
        line = rest.rpartition(".")[2]
        title = ISSUES[IssueCode(code)].title if code in list(IssueCode) else code.replace("_", " ")
        of = self._po(po) if po else self._line(int(line)) if line.isdecimal() and int(line) else ""
        return f"“{title}”" + (f", {of}" if of else "")


async def reader(order_id: int, events: Sequence[Event], moment: Callable[[datetime], str]) -> Reader:
    """Who reads this order's events: seven queries at most, however many events there are."""
    names = {field: {int(r[0]): str(r[1]) for r in await db.rows(sql)} for field, sql in NAMES.items()}
    ids = {
        value
        for event in events
        for values in (event.before, event.after)
        for path, value in values.items()
        if path.endswith("product_id") and isinstance(value, int)
    }
    if ids:
        wanted = db.padded(sorted(ids))
        found = await db.rows(f"SELECT id, sku FROM products WHERE id IN ({db.marks(wanted)})", *wanted)
        names["product_id"] = {int(r[0]): str(r[1]) for r in found}
    order = await db.row("SELECT currency, shipping_rate FROM orders WHERE id = ?", order_id)
    purchases = await db.rows(
        "SELECT po_number, currency, supplier_id FROM purchase_orders WHERE order_id = ?", order_id
    )
    skus = await db.rows("SELECT position, sku FROM order_lines WHERE order_id = ?", order_id)
    currencies = {str(r[0]): str(r[1]) for r in purchases} | {"": str(order[0]) if order else ""}
    suppliers = {str(r[0]): names["supplier_id"].get(int(r[2]), "") for r in purchases}
    rate = str(order[1]) if order else ""
    return Reader(names, currencies, suppliers, {int(r[0]): str(r[1]) for r in skus}, rate, moment)


def _text(value: Any) -> str:
    if value is None or value == "":
        return "–"
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    if isinstance(value, dict):
        return ", ".join(f"{said}" for said in value.values() if said not in (None, ""))
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _sentences(data: Mapping[str, Any]) -> Iterable[str]:
    for name, value in data.items():
        if name == "routing" and isinstance(value, list):
            yield from map(_routed, value)
        elif name == "rules" and isinstance(value, list):
            yield from (f"A rule could not be followed: {rule}" for rule in value)
        elif name == "issue" and value in list(IssueCode):
            yield f"Resolved: “{ISSUES[IssueCode(value)].title}”"
        elif value not in (None, "", [], {}):
            yield f"{_DATA.get(name, name.replace('_', ' ').capitalize())}: {_text(value)}"


def _routed(one: Mapping[str, Any]) -> str:
    """``ACME ships 2 × BB-MUG-01 (line 1): first by priority, stock 20,000 of 2``."""
    what = f"{one.get('sku') or 'no SKU'} (line {one.get('line')}): {one.get('reason')}"
    if one.get("quantity"):
        return f"{one.get('supplier')} ships {one['quantity']} × {what}"
    return f"{one.get('supplier') or 'Nobody'} does not ship {what}"
