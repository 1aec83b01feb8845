"""Suppliers' invoices: kept as they come, compared with what was ordered and shipped; what does not fit is for a person.

An invoice is written down with the rest of what its supplier says and compared right after, and again whenever parcels of its
purchase order arrive: one that charges what is on its way waits for it, up to the supplier's ``tracking_hours``.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from engine import clock, db
from engine.domain import invoices as rules
from engine.domain import money
from engine.domain.invoices import Bill, Charged, Ordered
from engine.domain.issues import IssueCode
from engine.errors import Invalid, NotFound
from engine.ports import Invoice
from engine.services import blue_book, catalog, lifecycle
from engine.services.blue_book import Event
from engine.services.casefile import Case, PurchaseRecord
from engine.services.catalog import SupplierRow
from engine.services.lifecycle import Actor, Work

STATES = ("new", "matched", "waits", "differs", "accepted")
OPEN = ("waits", "differs")
"""What a person can accept."""
DIFFERS = IssueCode.INVOICE_DIFFERS
LIMIT = 200
_SETTLE = 60_000_000  # how long whoever wrote it down has to compare it, in microseconds
_COLUMNS = (
    "purchase_order_id", "number", "credit", "currency", "total", "charges", "lines", "state", "reason", "occurred_at",
    "received_at", "due_at", "inbound_id", "decided_by", "note",
)  # fmt: skip
_VIEW = (
    "SELECT i.id, s.code, p.po_number, o.number, o.id, i.number, i.credit, i.currency, i.total, i.charges, i.lines, i.state, "
    "i.reason, i.occurred_at, i.received_at, i.decided_at, i.decided_by, i.note FROM supplier_invoices AS i "
    "JOIN purchase_orders AS p ON p.id = i.purchase_order_id JOIN suppliers AS s ON s.id = p.supplier_id "
    "JOIN orders AS o ON o.id = p.order_id"
)


class InvoiceView(msgspec.Struct, frozen=True):
    """An invoice as it came, and what became of it. Amounts are minor units of ``currency``."""

    id: int
    supplier: str
    po_number: str
    order_number: str
    order_id: int
    number: str
    credit: bool
    currency: str
    total: int | None
    charges: int
    lines: tuple[Charged, ...]
    state: str
    reason: str
    occurred_at: datetime
    received_at: datetime
    decided_at: datetime | None
    decided_by: str
    note: str


class Line(msgspec.Struct, frozen=True):
    """The three ways side by side, by the supplier's SKU: ``charged`` is by all invoices together, credit notes taken off.

    ``here``: what this one alone charges, or credits.
    """

    sku: str
    ordered: int
    shipped: int
    charged: int
    ordered_at: int
    charged_at: int | None
    here: int = 0

    def remarks(self, currency: str) -> list[str]:
        """What of it does not fit as things stand, whatever the supplier's tolerance."""
        if not self.ordered and not self.shipped:
            return ["not ordered"]
        found = []
        if self.charged > self.ordered:
            found.append(f"{self.charged - self.ordered} more than ordered")
        elif self.charged > self.shipped:
            found.append(f"{self.charged - self.shipped} not shipped yet")
        off = 0 if self.charged_at is None else self.charged_at - self.ordered_at
        if off:
            found.append(f"{money.show(abs(off), currency)} {'more' if off > 0 else 'less'} each")
        return found


# --- as they come -----------------------------------------------------------------------------------------------------


def note(
    work: Work, po: PurchaseRecord, supplier: SupplierRow, invoice: Invoice, at: datetime, inbound_id: int
) -> None:
    """The invoice is written down with the change at hand; ``match`` says what it is worth."""
    lines = [Charged(line.line, line.supplier_sku, line.quantity, line.unit_cost) for line in invoice.lines]
    values = (
        invoice.number[:120], invoice.credit, invoice.currency, invoice.total, invoice.charges,
        msgspec.json.encode(lines).decode(), "new", invoice.unclear, clock.micros(at), work.now,
        supplier.due(work.now, supplier.tracking_hours), inbound_id, "", "",
    )  # fmt: skip
    work.row("supplier_invoices", _COLUMNS, lambda: (po.id, *values))


def words(invoice: Invoice) -> str:
    """The invoice in a sentence, for the blue book."""
    what = _what(invoice.credit)
    pieces = ", ".join(f"{line.quantity} × {line.supplier_sku or f'line {line.line}'}" for line in invoice.lines[:20])
    total = f": {money.show(invoice.total, invoice.currency)}" if invoice.total is not None else ""
    return f"{what} {invoice.number}{total}" + (f" ({pieces})" if pieces else "")


async def match(order_ids: Sequence[int], by: Actor) -> int:
    """The open invoices of these orders are compared; how many changed their state. Idempotent."""
    waiting = await _open(order_ids)
    if not waiting:
        return 0
    suppliers, count = await catalog.suppliers(), 0
    async with lifecycle.change(waiting, by=by) as work:
        for case in work.cases:
            for po in case.purchases:
                tolerance = suppliers[po.supplier_id].cost_tolerance
                count += await _match_one(work, case, po, tolerance)
    return count


async def match_open() -> int:
    """Invoices nobody compared, as a worker died in between, and those that waited too long; called by the sweep."""
    now = clock.micros(clock.now())
    found = await db.rows(
        "SELECT DISTINCT p.order_id FROM supplier_invoices AS i JOIN purchase_orders AS p ON p.id = i.purchase_order_id "
        "WHERE i.state IN ('new', 'waits') AND (i.due_at < ? OR (i.state = 'new' AND i.received_at < ?)) LIMIT ?",
        now, now - _SETTLE, LIMIT,
    )  # fmt: skip
    return await match([int(r[0]) for r in found], Actor("worker", "worker", "invoices"))


async def _open(order_ids: Sequence[int]) -> list[int]:
    found: list[int] = []
    for start in range(0, len(order_ids), 500):
        ids = db.padded(list(order_ids[start : start + 500]))
        found += [
            int(r[0])
            for r in await db.rows(
                "SELECT DISTINCT p.order_id FROM purchase_orders AS p JOIN supplier_invoices AS i ON i.purchase_order_id = p.id "
                f"WHERE p.order_id IN ({db.marks(ids)}) AND i.state IN ('new', 'waits')",
                *ids,
            )
        ]
    return found


async def _match_one(work: Work, case: Case, po: PurchaseRecord, tolerance: int) -> int:
    rows = await db.rows(
        "SELECT id, number, credit, currency, total, charges, lines, state, reason, due_at FROM supplier_invoices "
        "WHERE purchase_order_id = ? ORDER BY id",
        po.id,
    )
    before: dict[str, int] = {}
    numbers: set[tuple[str, bool]] = set()
    count = 0
    for r in rows:
        bill = _bill(r)
        compared, before = rules.compare(_ordered(po), po.currency, bill, before, tolerance)
        again = (bill.number.casefold(), bill.credit) in numbers
        numbers.add((bill.number.casefold(), bill.credit))
        if r[7] not in ("new", "waits"):
            continue
        unclear = r[8] if r[7] == "new" else ""
        differs = [*([unclear] if unclear else []), *compared.differs]
        if again:
            differs.insert(0, "its number was used before")
        if compared.waits and work.now >= r[9]:
            differs += compared.waits
        state = "differs" if differs else "waits" if compared.waits else "matched"
        if state != r[7]:
            count += 1
            _settle(work, case, po, int(r[0]), bill, state, "; ".join(differs or compared.waits))
    return count


def _settle(work: Work, case: Case, po: PurchaseRecord, row_id: int, bill: Bill, state: str, reason: str) -> None:
    what = f"{_what(bill.credit)} {bill.number}"
    said = {
        "matched": "fits what was ordered and shipped",
        "waits": f"waits: {reason}",
        "differs": f"differs: {reason}",
    }[state]
    work.event(case, f"purchase:invoice_{state}", f"{what} {said}", record=po, data={"invoice": row_id})
    if state == "differs":
        work.open_issue(case, DIFFERS, f"{po.po_number}: {what}: {reason}", purchase=po, cause=f"invoice:{row_id}")

    async def write() -> None:
        await db.run("UPDATE supplier_invoices SET state = ?, reason = ? WHERE id = ?", state, reason, row_id)

    work.finally_(write)


def _bill(r: Any) -> Bill:
    lines = msgspec.json.decode(r[6], type=list[Charged])
    return Bill(number=r[1], credit=bool(r[2]), currency=r[3], total=r[4], charges=r[5], lines=lines)


def _ordered(po: PurchaseRecord) -> list[Ordered]:
    return [
        Ordered(line.position, line.supplier_sku, line.quantity - line.canceled, line.shipped, line.unit_cost)
        for line in po.lines
    ]


# --- for people -------------------------------------------------------------------------------------------------------


async def ls(
    *, states: Sequence[str] = (), supplier: str = "", order_id: int = 0, before: int = 0, limit: int = 50
) -> list[InvoiceView]:
    """The invoices in one of the states (any, where none is named), newest first, from below the id ``before``.

    Raises Invalid for a state there is not.
    """
    for state in states:
        if state not in STATES:
            raise Invalid(f"there is no state {state!r}; there are {', '.join(STATES)}", "state")
    where, values = ["1 = 1"], list[Any]()
    if states:
        where.append(f"i.state IN ({db.marks(states)})")
        values += states
    for column, value in (("s.code = ?", supplier), ("o.id = ?", order_id), ("i.id < ?", before)):
        if value:
            where.append(column)
            values.append(value)
    rows = await db.rows(
        f"{_VIEW} WHERE {' AND '.join(where)} ORDER BY i.id DESC LIMIT ?", *values, max(1, min(limit, 500))
    )
    return [_view(r) for r in rows]


async def show(which: str) -> tuple[InvoiceView, list[Line]]:
    """The invoice with this id, or with this number of its supplier's, beside what was ordered and shipped. Raises NotFound, and
    Invalid where several suppliers have that number."""
    column, key = (
        ("i.id", int(which)) if which.isascii() and which.isdigit() and len(which) < 10 else ("i.number", which)
    )
    found = [_view(r) for r in await db.rows(f"{_VIEW} WHERE {column} = ? ORDER BY i.id", key)]
    if not found and column == "i.id":
        found = [_view(r) for r in await db.rows(f"{_VIEW} WHERE i.number = ? ORDER BY i.id", which)]
    if not found:
        raise NotFound(f"there is no invoice {which}; `bluebook invoices ls` lists them")
    if len(found) > 1:
        listed = ", ".join(f"{one.id} ({one.supplier}, {one.po_number})" for one in found)
        raise Invalid(f"{which} may be any of these; give the id: {listed}", "invoice")
    return found[0], await _side_by_side(found[0])


async def _side_by_side(view: InvoiceView) -> list[Line]:
    rows = await db.rows(
        "SELECT i.credit, i.lines, i.id FROM supplier_invoices AS i JOIN purchase_orders AS p ON p.id = i.purchase_order_id "
        "WHERE p.po_number = ? ORDER BY i.id",
        view.po_number,
    )
    lines: dict[str, Line] = {}
    numbered: dict[int, str] = {}
    for r in await db.rows(
        "SELECT l.position, l.supplier_sku, l.quantity - l.canceled, l.shipped, l.unit_cost FROM purchase_order_lines AS l "
        "JOIN purchase_orders AS p ON p.id = l.purchase_order_id WHERE p.po_number = ? ORDER BY l.position",
        view.po_number,
    ):
        known = lines.get(r[1], Line(r[1], 0, 0, 0, r[4], None))
        numbered[r[0]] = r[1]
        lines[r[1]] = Line(r[1], known.ordered + r[2], known.shipped + r[3], 0, known.ordered_at, None)
    for credit, told, row_id in rows:
        for one in msgspec.json.decode(told, type=list[Charged]):
            sku = one.supplier_sku or numbered.get(one.line, f"line {one.line}")
            known = lines.get(sku, Line(sku, 0, 0, 0, 0, None))
            cost = one.unit_cost if row_id == view.id else known.charged_at
            count = known.charged + (-one.quantity if credit else one.quantity)
            here = known.here + (one.quantity if row_id == view.id else 0)
            lines[sku] = msgspec.structs.replace(known, charged=count, charged_at=cost, here=here)
    return list(lines.values())


def _view(r: Any) -> InvoiceView:
    values = list(r)
    values[6] = bool(values[6])
    values[10] = tuple(msgspec.json.decode(values[10], type=list[Charged]))
    for at in (13, 14, 15):
        values[at] = clock.moment(values[at]) if values[at] is not None else None
    return InvoiceView(*values)


async def happened(view: InvoiceView) -> list[Event]:
    """What the blue book has of the invoices of its purchase order, the oldest first."""
    events = await blue_book.blue_book(view.order_id, po_number=view.po_number)
    return [e for e in events if e.action.startswith("purchase:invoice") or e.data.get("issue") == DIFFERS]


async def accept(which: str, by: Actor, note: str = "") -> InvoiceView:
    """A person takes the invoice as it is: it and its Issue are settled. Raises NotFound, and Invalid where nothing is open."""
    view, _ = await show(which)
    async with lifecycle.change([view.order_id], by=by) as work:
        # Asked within: somebody else may have accepted it just now.
        state = await db.value("SELECT state FROM supplier_invoices WHERE id = ?", view.id)
        if state not in OPEN:
            raise Invalid(f"invoice {view.number} is {state}: there is nothing to accept", "invoice")
        case = work.cases[0]
        po = case.purchase(view.po_number)
        what = f"{_what(view.credit)} {view.number}"
        work.event(
            case, "purchase:invoice_accept", f"{what} is accepted{_colon(note)}", record=po, data={"invoice": view.id}
        )
        for issue in [i for i in case.issues if i.cause == f"invoice:{view.id}"]:
            work.close_issue(case, issue, note.strip() or "accepted")
        accepted(work, view.id, note)
    return (await show(str(view.id)))[0]


def accepted(work: Work, row_id: int, note: str) -> None:
    """The invoice is accepted with the change at hand."""

    async def write() -> None:
        await db.run(
            "UPDATE supplier_invoices SET state = 'accepted', decided_at = ?, decided_by = ?, note = ? WHERE id = ?",
            work.now, work.by.name, note.strip(), row_id,
        )  # fmt: skip

    work.finally_(write)


def _what(credit: bool) -> str:
    return "credit note" if credit else "invoice"


def _colon(text: str) -> str:
    return f": {text.strip()}" if text.strip() else ""
