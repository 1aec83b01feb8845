"""What each thing a supplier can say does to a purchase order."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from engine import clock, db
from engine.domain import tracking
from engine.domain.issues import IssueCode
from engine.domain.states import CANCELABLE, TRANSITIONS, PurchaseState
from engine.errors import BluebookError
from engine.ports import Accepted, SupplierUpdate, UpdateKind
from engine.services import bounces, cancel, check, invoices, receipts, restock, submissions, submit, wishes
from engine.services.casefile import Case, PurchaseLineRecord, PurchaseRecord, ShipmentRecord
from engine.services.catalog import SupplierRow
from engine.services.lifecycle import Actor, Work


class Unfit(BluebookError):
    """The update does not fit the purchase order; it is parked with this reason, for a person."""


S = PurchaseState
_NOT_YET_KNOWN_SENT = (S.QUEUED, S.SUBMITTING, S.OUTCOME_UNKNOWN, S.FAILED)
_PROVES_NOTHING = (UpdateKind.UNDELIVERED, UpdateKind.DOUBTFUL, UpdateKind.NOTED)


def apply(
    work: Work, case: Case, po: PurchaseRecord, supplier: SupplierRow, update: SupplierUpdate, inbound_id: int
) -> bool:
    """The purchase order is as the supplier says; true where quantity became free. Raises Unfit, with nothing changed."""
    if po.state in _NOT_YET_KNOWN_SENT and update.kind not in _PROVES_NOTHING:
        why = f"the supplier speaks of it ({update.kind.value.replace('_', ' ')}), so it has it"
        if po.state == S.SUBMITTING:
            submissions.end(work, po, "accepted", why)
        submit.accepted(work, case, po, Accepted(update.reference), supplier, why)
    handled = _HANDLERS[update.kind](work, case, po, update, inbound_id)
    if update.invoice is not None:
        invoices.note(work, po, supplier, update.invoice, update.occurred_at, inbound_id)
    work.row(
        "acknowledgements",
        ("purchase_order_id", "kind", "key", "reference", "message", "occurred_at", "received_at", "inbound_id"),
        lambda: (
            po.id, update.kind.value, update.key[:200], update.reference[:120], update.message,
            clock.micros(update.occurred_at), work.now, inbound_id,
        ),
    )  # fmt: skip
    if update.reference and not po.reference:
        work.put(case, po, reference=update.reference[:120])
    return handled


def _can(po: PurchaseRecord, name: str) -> bool:
    return po.state in TRANSITIONS[name].sources


def _portions(po: PurchaseRecord, update: SupplierUpdate) -> list[tuple[PurchaseLineRecord, int]]:
    """What the update is about, by line; without lines, all that is open. Raises Unfit for a line that is not in the PO."""
    if not update.lines:
        return [(line, line.open) for line in po.lines if line.open]
    found: list[tuple[PurchaseLineRecord, int]] = []
    for said in update.lines:
        line = next((x for x in po.lines if said.line and x.position == said.line), None)
        line = line or next((x for x in po.lines if x.supplier_sku == said.supplier_sku), None)
        if line is None or (said.supplier_sku and line.supplier_sku != said.supplier_sku):
            what = said.supplier_sku or f"line {said.line}"
            raise Unfit(f"{po.po_number} has no {what}; the supplier says {update.kind.value} of it")
        found.append((line, said.quantity))
    return found


def _note(work: Work, case: Case, po: PurchaseRecord, update: SupplierUpdate, inbound_id: int) -> None:
    text = update.message or f"{update.kind.value.replace('_', ' ')} (already {po.state.replace('_', ' ')})"
    work.event(case, f"purchase:{update.kind.value}", text, record=po, source="supplier", inbound_id=inbound_id)


def _acknowledged(work: Work, case: Case, po: PurchaseRecord, update: SupplierUpdate, inbound_id: int) -> bool:
    portions = _portions(po, update)
    if not _can(po, "acknowledge"):
        _note(work, case, po, update, inbound_id)
        work.put(case, po, ack_due_at=None)
        return False
    message = update.message or (f"their number {update.reference}" if update.reference else "")
    work.move(
        case, po, "acknowledge", message, source="supplier", inbound_id=inbound_id, acknowledged_at=work.now,
        ack_due_at=None,
    )  # fmt: skip
    for line, quantity in portions:
        work.put(case, line, acknowledged=min(line.quantity, max(line.acknowledged, quantity)), backordered=0)
    for issue in [i for i in case.issues if i.purchase is po and i.code in _SETTLED_BY_ACK]:
        work.close_issue(case, issue, "acknowledged")
    return False


_SETTLED_BY_ACK = (IssueCode.NO_ACK_IN_TIME, IssueCode.SUPPLIER_BACKORDERED)


def _backordered(work: Work, case: Case, po: PurchaseRecord, update: SupplierUpdate, inbound_id: int) -> bool:
    portions = _portions(po, update)
    if (po.state != S.BACKORDERED and not _can(po, "backorder")) or po.state == S.BACKORDERED:
        _note(work, case, po, update, inbound_id)
    else:
        work.move(
            case, po, "backorder", update.message, source="supplier", inbound_id=inbound_id, ack_due_at=None,
            acknowledged_at=po.acknowledged_at or work.now,
        )  # fmt: skip
    expected = {said.supplier_sku: said.expected_at for said in update.lines}
    for line, quantity in portions:
        work.put(case, line, backordered=min(line.open, quantity))
        when = expected.get(line.supplier_sku)
        _backorder_row(work, line, quantity, clock.micros(when) if when else None)
    what = ", ".join(f"{quantity} × {line.supplier_sku}" for line, quantity in portions)
    work.open_issue(
        case, IssueCode.SUPPLIER_BACKORDERED, f"{po.po_number}: {what} backordered" + _colon(update.message), purchase=po,
        cause=f"backorder:{po.po_number}",
    )  # fmt: skip
    return False


def _backorder_row(work: Work, line: PurchaseLineRecord, quantity: int, expected: int | None) -> None:
    work.row(
        "backorders", ("purchase_order_line_id", "quantity", "expected_at", "opened_at"),
        lambda: (line.id, quantity, expected, work.now),
    )  # fmt: skip


def _colon(text: str) -> str:
    return f": {text}" if text else ""


def _rejected(work: Work, case: Case, po: PurchaseRecord, update: SupplierUpdate, inbound_id: int) -> bool:
    portions = _portions(po, update)
    what = ", ".join(f"{quantity} × {line.supplier_sku}" for line, quantity in portions)
    said = f"{po.po_number}: the supplier will not ship {what}" + _colon(update.message)
    left = po.open - sum(min(quantity, line.open) for line, quantity in portions)
    if left == 0 and po.state == S.CANCEL_REQUESTED and not any(line.shipped for line in po.lines):
        cancel.agreed(work, case, po, update.message or what, inbound_id=inbound_id)
        return True
    if left == 0 and _can(po, "reject") and not any(line.shipped for line in po.lines):
        work.move(
            case, po, "reject", update.message or what, source="supplier", inbound_id=inbound_id, message=update.message,
            ack_due_at=None, tracking_due_at=None,
        )  # fmt: skip
    elif _can(po, "ship_some") and portions:
        _reject_part(work, case, po, update, portions, left, inbound_id)
    else:
        _note(work, case, po, update, inbound_id)
        return False
    work.open_issue(case, IssueCode.SUPPLIER_REJECTED, said, purchase=po, cause=f"rejected:{po.po_number}:{update.key}")
    return True


def _reject_part(
    work: Work, case: Case, po: PurchaseRecord, update: SupplierUpdate, portions: list[tuple[PurchaseLineRecord, int]],
    left: int, inbound_id: int,
) -> None:  # fmt: skip
    if left == 0:
        work.move(case, po, "ship_all", "what was not shipped will not be", source="supplier", inbound_id=inbound_id)
    else:
        _note(work, case, po, update, inbound_id)
    for line, quantity in portions:
        work.put(case, line, canceled=line.canceled + min(quantity, line.open))
    # The freed part would be routed anew and, with Auto Order Processing, back to the one who refused it.
    if not case.order.held:
        work.hold(case, rest_of(po))


def rest_of(po: PurchaseRecord) -> str:
    """Why an order is held whose supplier will not ship all of a purchase order."""
    return f"{po.po_number} was refused in part; choose who ships the rest"


def _shipped(work: Work, case: Case, po: PurchaseRecord, update: SupplierUpdate, inbound_id: int) -> bool:
    if any(s.purchase is po and s.key == update.key[:200] for s in case.shipments):
        return False
    said = _portions(po, update)
    too_many = ", ".join(f"{n} × {line.supplier_sku} of {line.open}" for line, n in said if n > line.open)
    portions = [(line, min(quantity, line.open)) for line, quantity in said if min(quantity, line.open)]
    if not _can(po, "ship_some") or not portions:
        if po.state in (S.CANCELED, S.REJECTED, S.DRAFT):
            work.event(case, "purchase:shipped", f"shipped though {po.state}", record=po, source="supplier")
            work.open_issue(
                case, IssueCode.SHIPPED_AFTER_CANCEL,
                f"{po.po_number} is {po.state} here, and the supplier shipped it ({update.tracking_number})", purchase=po,
                cause=f"shipped:{po.po_number}",
            )  # fmt: skip
        raise Unfit(
            f"{po.po_number} is {po.state.replace('_', ' ')}: nothing of it is left to ship ({update.tracking_number})"
        )
    parcel = tracking.resolve(update.carrier, update.tracking_number)
    asked_back = po.state == S.CANCEL_REQUESTED
    left = po.open - sum(quantity for _, quantity in portions)
    work.move(
        case, po, "ship_some" if left else "ship_all",
        f"{parcel.carrier_name or 'parcel'} {parcel.number}" + (f"; more than open: {too_many}" if too_many else ""),
        source="supplier", inbound_id=inbound_id, ack_due_at=None, data={"more_than_open": too_many} if too_many else None,
        **({} if left else {"tracking_due_at": None}),
    )  # fmt: skip
    for line, quantity in portions:
        work.put(case, line, shipped=line.shipped + quantity, backordered=max(0, line.backordered - quantity))
    work.new_shipment(
        case,
        ShipmentRecord(
            id=0, order_id=case.order.id, purchase_order_id=po.id, key=update.key[:200], version=0, transit="", push="",
            push_attempt=0, lease_until=None, lease_token="", carrier=parcel.carrier,
            carrier_name=(parcel.carrier_name or "")[:120], service=update.service[:120], tracking_number=parcel.number[:120],
            tracking_url=parcel.url, shipped_at=clock.micros(update.occurred_at), received_at=work.now,
            channel_reference="", message="", inbound_id=inbound_id, po_number=po.po_number, purchase=po,
            contents=list(portions),
        ),
    )  # fmt: skip
    for issue in [i for i in case.issues if i.purchase is po and i.code in _SETTLED_BY_SHIPPING]:
        if issue.code == IssueCode.SUPPLIER_BACKORDERED and any(line.backordered for line in po.lines):
            continue
        work.close_issue(case, issue, "shipped")
    if not wishes.about(case):
        for issue in [i for i in case.issues if i.code == IssueCode.CANCEL_WISHED]:
            work.close_issue(case, issue, "shipped")
    if asked_back:
        work.open_issue(
            case, IssueCode.SHIPPED_AFTER_CANCEL,
            f"{po.po_number} was shipped ({parcel.number}) although cancellation was requested", purchase=po,
            cause=f"shipped:{po.po_number}",
        )  # fmt: skip
    return False


_SETTLED_BY_SHIPPING = (IssueCode.NO_ACK_IN_TIME, IssueCode.NO_TRACKING_IN_TIME, IssueCode.SUPPLIER_BACKORDERED)


def _canceled(work: Work, case: Case, po: PurchaseRecord, update: SupplierUpdate, inbound_id: int) -> bool:
    if po.state == S.CANCELED:
        _note(work, case, po, update, inbound_id)
        return False
    if po.state == S.CANCEL_REQUESTED or (po.state in CANCELABLE and cancel.unwanted(po)):
        cancel.agreed(work, case, po, update.message, inbound_id=inbound_id)
        return True
    # Nobody asked: for us that is a refusal, and who ships instead is for a person.
    return _rejected(work, case, po, update, inbound_id)


def _cancel_refused(work: Work, case: Case, po: PurchaseRecord, update: SupplierUpdate, inbound_id: int) -> bool:
    if po.state == S.CANCEL_REQUESTED:
        cancel.refused(work, case, po, update.message, inbound_id=inbound_id)
    else:
        _note(work, case, po, update, inbound_id)
    return False


def _invoiced(work: Work, case: Case, po: PurchaseRecord, update: SupplierUpdate, inbound_id: int) -> bool:
    said = update.message or (invoices.words(update.invoice) if update.invoice else "invoiced")
    work.event(case, "purchase:invoiced", said, record=po, source="supplier", inbound_id=inbound_id)
    return False


_HANDLERS = {
    UpdateKind.ACKNOWLEDGED: _acknowledged,
    UpdateKind.BACKORDERED: _backordered,
    UpdateKind.REJECTED: _rejected,
    UpdateKind.SHIPPED: _shipped,
    UpdateKind.CANCELED: _canceled,
    UpdateKind.CANCEL_REFUSED: _cancel_refused,
    UpdateKind.RECEIVED: receipts.received,
    UpdateKind.INVOICED: _invoiced,
    UpdateKind.UNDELIVERED: bounces.undelivered,
    UpdateKind.DOUBTFUL: bounces.doubtful,
    UpdateKind.NOTED: bounces.noted,
}


async def inventory(supplier: SupplierRow, updates: Sequence[SupplierUpdate], by: Actor) -> int:
    """The supplier's stock and costs are as it says, and orders that waited for stock are checked again; how many lines.

    What was true before the stock that is known (a payload read late, or again) changes nothing. A supplier whose clock
    is ahead is taken to speak of now, or nothing it says later would count.
    """
    now = clock.micros(clock.now())
    lines = {
        line.supplier_sku: (min(clock.micros(update.occurred_at), now), line)
        for update in sorted(updates, key=lambda update: update.occurred_at)
        for line in update.lines
    }
    async with db.transaction():
        await db.many(
            "UPDATE supplier_products SET stock = ?, stock_at = ?, cost = COALESCE(?, cost), cost_at = COALESCE(?, cost_at) "
            "WHERE supplier_id = ? AND sku = ? AND (stock_at IS NULL OR stock_at <= ?)",
            [
                (line.quantity, at, line.unit_cost, at if line.unit_cost is not None else None, supplier.id, sku, at)
                for sku, (at, line) in lines.items()
            ],
        )
        await db.run("UPDATE suppliers SET stock_heard_at = ? WHERE id = ?", now, supplier.id)
    await restock.recheck(await _there(supplier.id, lines), by)
    skus = list(lines)
    for start in range(0, len(skus), 500):
        chunk = skus[start : start + 500]
        # Drafts at another cost than the supplier's present one would be sent with a price it no longer takes.
        stale = await db.rows(
            "SELECT DISTINCT p.order_id FROM supplier_products s JOIN purchase_order_lines l ON l.product_id = s.product_id "
            "JOIN purchase_orders p ON p.id = l.purchase_order_id AND p.supplier_id = s.supplier_id "
            f"WHERE s.supplier_id = ? AND s.sku IN ({db.marks(chunk)}) AND p.state = 'draft' AND l.unit_cost <> s.cost",
            supplier.id, *chunk,
        )  # fmt: skip
        await check.recheck([int(r[0]) for r in stale], by)
    return len(lines)


async def _there(supplier_id: int, told: Collection[str]) -> set[int]:
    """The products that orders wait for and of which the supplier told just now, by its SKUs, that it has some."""
    waits = await restock.waited_for()
    wanted, there = sorted(waits), set()
    for start in range(0, len(wanted), 500):
        ids = db.padded(wanted[start : start + 500])
        found = await db.rows(
            "SELECT product_id, sku FROM supplier_products WHERE supplier_id = ? AND stock > 0 "
            f"AND product_id IN ({db.marks(ids)})",
            supplier_id, *ids,
        )  # fmt: skip
        there |= {int(r[0]) for r in found if r[1] in told}
    return there
