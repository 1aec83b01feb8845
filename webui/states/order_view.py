"""An order as its page shows it: every value ready to be read, by region. Pure: an ``OrderPage`` goes in, views come out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from engine import clock
from engine.domain.states import TRANSITIONS, Push
from engine.services.invoices import InvoiceView
from engine.services.order_page import Attempt, IssueNote, Line, OrderPage, Parcel, Purchase, PurchaseLine
from webui import links, words

_PUSHED = {
    Push.PENDING: ("to be pushed", "busy"), Push.PUSHING: ("being pushed", "busy"), Push.CONFIRMED: ("confirmed", "good"),
    Push.FAILED: ("push failed", "bad"), Push.SUPPRESSED: ("not pushed", "done"),
}  # fmt: skip
BILLED = {
    "new": ("Being compared", "busy"), "waits": ("Waits for parcels", "busy"), "differs": ("Does not fit", "bad"),
    "matched": ("Fits", "good"), "accepted": ("Accepted", "done"),
}  # fmt: skip
"""What became of a supplier's invoice, and the tone of that."""


@dataclass
class LineRow:
    """A line of the order, or its part in a purchase order."""

    id: int = 0
    key: str = ""
    sku: str = ""
    title: str = ""
    quantity: int = 0
    shipped: int = 0
    left: int = 0
    canceled: int = 0
    backordered: int = 0
    cost: str = ""
    audit: str = ""
    theirs: str = ""


@dataclass
class ParcelView:
    """A parcel: the carrier's page, and whether the channel knows."""

    id: int = 0
    carrier: str = ""
    number: str = ""
    href: str = ""
    transit: str = ""
    push: str = ""
    tone: str = ""
    message: str = ""
    what: str = ""
    shipped: str = ""
    shipped_iso: str = ""
    retry: bool = False


@dataclass
class TryView:
    """An attempt to send."""

    number: int = 0
    at: str = ""
    iso: str = ""
    outcome: str = ""
    message: str = ""
    bad: bool = False


@dataclass
class BillView:
    """A supplier's invoice for a purchase order."""

    title: str = ""
    href: str = ""
    state: str = ""
    tone: str = ""
    total: str = ""
    reason: str = ""


@dataclass
class BlockView:
    """A supplier's part of the order: its purchase order with everything."""

    id: int = 0
    po: str = ""
    supplier: str = ""
    code: str = ""
    state: str = ""
    tone: str = ""
    why: str = ""
    method: str = ""
    cost: str = ""
    since: str = ""
    due: str = ""
    late: str = ""
    reference: str = ""
    message: str = ""
    replaced: bool = False
    until: str = ""
    audit: str = ""
    can_cancel: bool = False
    can_ask: bool = False
    pdf: str = ""
    lines: list[LineRow] = field(default_factory=list)
    parcels: list[ParcelView] = field(default_factory=list)
    tries: list[TryView] = field(default_factory=list)
    bills: list[BillView] = field(default_factory=list)


@dataclass
class IssueView:
    """An Issue, open or closed."""

    id: int = 0
    title: str = ""
    message: str = ""
    todo: str = ""
    opened: str = ""
    opened_iso: str = ""
    closed: str = ""
    ways: bool = False


@dataclass
class HoldView:
    """A Hold, in force or released."""

    id: int = 0
    reason: str = ""
    placed: str = ""
    released: str = ""


@dataclass
class Pair:
    """A term and what it is."""

    name: str = ""
    said: str = ""


@dataclass
class OrderView:
    """The order as a whole."""

    id: int = 0
    number: str = ""
    theirs: str = ""
    customer: str = ""
    email: str = ""
    channel: str = ""
    status: str = ""
    tone: str = ""
    held: str = ""
    snoozed: str = ""
    placed: str = ""
    placed_iso: str = ""
    payment: str = ""
    fraud: str = ""
    wish: str = ""
    note: str = ""
    rate: str = ""
    store_state: str = ""
    ship_to: list[str] = field(default_factory=list)
    bill_to: list[str] = field(default_factory=list)
    until: str = ""
    audit: str = ""
    slip: str = ""
    store: str = ""
    can: dict[str, bool] = field(default_factory=dict)


ACTS = ("process", "undo", "hold", "release", "edit", "snooze", "cancel")


def order_view(order: OrderPage, zone: str) -> OrderView:
    """The head of the page, the addresses, and what can be done."""
    held = next((po for po in order.live if po.held), None)
    until = countdown(held.release_at if held else None)
    unsent = any(po.unsent for po in order.live)
    return OrderView(
        id=order.id, number=words.plain(order.number), customer=words.plain(order.customer), email=words.plain(order.email),
        theirs=words.at_store(order.number, order.store_number, order.channel),
        channel=words.plain(order.channel), status=words.in_progress(order.status, held=bool(until), unsent=unsent),
        tone="warn" if unsent and not until else words.tone_of(order.status), held=words.plain(order.held),
        snoozed=_until(order.snoozed_until, zone), placed=words.day_and_time(order.placed_at, zone),
        placed_iso=words.iso(order.placed_at), payment=words.name_of(order.payment), fraud=words.name_of(order.fraud),
        wish=_wish(order),
        note=words.plain(order.note), rate=words.plain(order.shipping_rate), store_state=words.name_of(order.channel_state),
        ship_to=address(order.ship_to), bill_to=address(order.bill_to or {}), until=until,
        audit=links.audit(order.number), can={name: name in order.acts for name in ACTS},
        store=order.store_url if order.store_url.startswith(("https://", "http://")) else "",
        slip=links.slip_pdf(order.number) if order.status != "canceled" else "",
    )  # fmt: skip


def _wish(order: OrderPage) -> str:
    if order.cancel_wish is None:
        return ""
    return words.plain(f"to cancel: {order.cancel_wish.reason}" if order.cancel_wish.reason else "to cancel")


def _until(moment: datetime | None, zone: str) -> str:
    return words.day_and_time(moment, zone) if moment is not None and moment > clock.now() else ""


def countdown(release_at: datetime | None) -> str:
    """Until when it is held; "" where it is not."""
    return words.iso(release_at) if release_at is not None and release_at > clock.now() else ""


def address(found: dict[str, Any]) -> list[str]:
    """The address line by line, as it is written on a parcel."""
    place = " ".join(str(found[name]) for name in ("postal_code", "city", "region") if found.get(name))
    first = [str(found.get(name) or "") for name in ("name", "company", "line1", "line2")]
    return [
        words.plain(p) for p in (*first, place, str(found.get("country") or ""), str(found.get("phone") or "")) if p
    ]


def totals(order: OrderPage) -> list[Pair]:
    """What it comes to, what it costs, and what is left."""
    found = [
        ("Items", order.items_total), ("Shipping", order.shipping_total), ("Tax", order.tax_total),
        ("Discount", -order.discount_total if order.discount_total else None), ("Total", order.total), ("Cost", order.cost),
    ]  # fmt: skip
    pairs = [Pair(name, words.amount(value, order.currency)) for name, value in found if value is not None]
    if order.cost is None:
        pairs.append(Pair("Cost", "not known yet: not every line has a supplier, or one bills in another currency"))
    if order.margin_percent is not None:
        pairs.append(Pair("Margin", f"{order.margin_percent:.1f} %"))
    return pairs


# --- suppliers --------------------------------------------------------------------------------------------------------


def blocks(order: OrderPage, zone: str, bills: Sequence[InvoiceView] = ()) -> list[BlockView]:
    """One for each purchase order, with its invoices among the ``bills``; those that were replaced come last."""
    known = {line.id: line for line in order.lines}
    found = sorted(order.purchase_orders, key=lambda p: p.superseded)
    return [_block(order, po, known, zone, [_bill(b) for b in bills if b.po_number == po.po_number]) for po in found]


def _bill(view: InvoiceView) -> BillView:
    state, tone = BILLED[view.state]
    return BillView(
        words.plain(f"{'Credit note' if view.credit else 'Invoice'} {view.number}"), links.invoice(view.id), state, tone,
        words.amount(view.total, view.currency), words.plain(view.reason),
    )  # fmt: skip


def _block(order: OrderPage, po: Purchase, known: dict[int, Line], zone: str, bills: list[BillView]) -> BlockView:
    until = countdown(po.release_at if po.held else None)
    state = "Held" if until else "Not sent yet" if po.unsent else words.name_of(po.state)
    due, late = _due(po, zone)
    parcels = [p for p in order.shipments if p.purchase_order_id == po.id]
    return BlockView(
        id=po.id, po=words.plain(po.po_number), supplier=words.plain(po.supplier), code=words.plain(po.supplier_code),
        state=state, tone="warn" if po.unsent else words.purchase_tone(po.state), why=_why(po) or _not_sent(po, zone),
        method=words.plain(po.method) or "no method yet",
        cost=words.amount(po.cost, po.currency), since=_since(po), due=due, late=late, reference=words.plain(po.reference),
        message=words.plain(po.message), replaced=po.superseded, until=until,
        audit=links.audit(order.number, f"po.{po.po_number}"), can_cancel="request_cancel" in po.moves,
        can_ask="not_found" in po.moves,
        pdf=links.purchase_pdf(po.po_number), lines=[_part(order, po, part, known.get(part.order_line_id)) for part in po.lines],
        parcels=[_parcel(order, po, parcel, zone) for parcel in parcels],
        tries=[_try(one, zone) for one in po.submissions], bills=bills,
    )  # fmt: skip


def _why(po: Purchase) -> str:
    """What the state means, from the table of moves: the last one that leads there says it best."""
    said = [t.why for t in TRANSITIONS.values() if t.axis.value == "purchase" and t.target == po.state]
    return words.sentence(said[0]) if said and po.state in ("outcome_unknown", "rejected", "failed", "canceled") else ""


def _not_sent(po: Purchase, zone: str) -> str:
    """Why it is not sent yet, and when it will be tried again; "" where it is sent or can be taken back."""
    if not po.unsent:
        return ""
    again = words.day_and_time(po.release_at, zone) if countdown(po.release_at) else ""
    tried = f"tried {words.many(po.attempt, 'time')} in vain" if po.attempt else ""
    when = f"tried again at {again}" if again else "sent as soon as its supplier can be reached and a worker has time"
    until = f"until then it can be {'taken back' if po.undoable else 'canceled'}"
    return words.sentence("; ".join(part for part in (tried, when, until) if part))


def _since(po: Purchase) -> str:
    if po.acknowledged_at is not None:
        return f"acknowledged {words.ago(po.acknowledged_at)} ago"
    return f"sent {words.ago(po.sent_at)} ago" if po.sent_at is not None else ""


def _due(po: Purchase, zone: str) -> tuple[str, str]:
    """What the supplier owes next and by when; and how late it is."""
    what, moment = ("tracking", po.tracking_due_at) if po.tracking_due_at else ("an answer", po.ack_due_at)
    if moment is None:
        return "", ""
    passed = (clock.now() - moment).total_seconds()
    due = f"{what} due {words.day_and_time(moment, zone)}"
    return due, f"late by {words.span(passed)}" if passed > 0 else ""


def _part(order: OrderPage, po: Purchase, part: PurchaseLine, line: Line | None) -> LineRow:
    sku = line.sku if line is not None and line.sku else part.sku
    title = part.title or (line.title if line is not None else "")
    return LineRow(
        id=part.order_line_id, key=f"{po.id}-{part.id}", sku=words.plain(sku), title=words.plain(title),
        quantity=part.quantity, shipped=part.shipped, left=part.quantity - part.shipped - part.canceled, canceled=part.canceled,
        backordered=part.backordered, cost=words.amount(part.unit_cost * (part.quantity - part.canceled), po.currency),
        audit=links.audit(order.number, str(part.order_line_id)),
        theirs=words.plain(part.supplier_sku) if part.supplier_sku != sku else "",
    )  # fmt: skip


def loose(order: OrderPage) -> list[LineRow]:
    """The lines that no supplier has: open, or canceled before any had them."""
    shown = [po for po in order.purchase_orders if po.state != "canceled" and not po.superseded]
    covered = {part.order_line_id for po in shown for part in po.lines}
    carried = {part.order_line_id for po in order.purchase_orders for part in po.lines}
    found = [line for line in order.lines if line.id not in covered and (line.open or line.id not in carried)]
    return [
        LineRow(
            id=line.id, key=f"line-{line.id}", sku=words.plain(line.sku) or "(no SKU)", title=words.plain(line.title),
            quantity=line.quantity, shipped=line.shipped, left=line.open, canceled=line.canceled,
            cost=words.amount(line.unit_price * line.quantity, order.currency), audit=links.audit(order.number, str(line.id)),
        )
        for line in found
    ]  # fmt: skip


def _parcel(order: OrderPage, po: Purchase, parcel: Parcel, zone: str) -> ParcelView:
    said, tone = _PUSHED[Push(parcel.push)]
    parts = {part.id: part for part in po.lines}
    page = parcel.tracking_url if parcel.tracking_url.startswith(("https://", "http://")) else ""
    what = ", ".join(f"{quantity} × {parts[i].sku}" for i, quantity in parcel.contents if i in parts)
    return ParcelView(
        id=parcel.id, carrier=words.plain(parcel.carrier_name or parcel.carrier), number=words.plain(parcel.tracking_number),
        href=page, transit=words.name_of(parcel.transit), push=f"{words.plain(order.channel)}: {said}", tone=tone,
        message=words.plain(parcel.message), what=words.plain(what), shipped=words.day_and_time(parcel.shipped_at, zone),
        shipped_iso=words.iso(parcel.shipped_at), retry="retry_push" in parcel.moves,
    )  # fmt: skip


def _try(one: Attempt, zone: str) -> TryView:
    return TryView(
        one.attempt, words.exactly(one.started_at, zone), words.iso(one.started_at),
        words.name_of(one.outcome) if one.outcome else "No answer yet", words.plain(one.message),
        one.outcome not in ("pending", "accepted"),
    )  # fmt: skip


# --- what keeps it ----------------------------------------------------------------------------------------------------


def issues(order: OrderPage, zone: str) -> tuple[list[IssueView], list[IssueView]]:
    """The open ones and the closed ones."""
    found = [(note.closed_at is None, _issue(order, note, zone)) for note in order.issues]
    return [view for is_open, view in found if is_open], [view for is_open, view in found if not is_open]


def _issue(order: OrderPage, note: IssueNote, zone: str) -> IssueView:
    line = next((line for line in order.lines if line.id == note.line_id), None)
    po = next((po for po in order.purchase_orders if po.id == note.purchase_order_id), None)
    about = " ".join(part for part in (f"line {line.position}" if line else "", po.po_number if po else "") if part)
    said = words.sentence(words.about(about, note.message))
    closed = ""
    if note.closed_at is not None:
        closed = f"{words.day_and_time(note.closed_at, zone)} by {note.closed_by or 'nobody'}: {note.resolution}"
    return IssueView(
        note.id, note.title, words.plain(said), note.todo, words.day_and_time(note.opened_at, zone), words.iso(note.opened_at),
        words.plain(closed.replace("_", " ")), bool(note.resolutions),
    )  # fmt: skip


def holds(order: OrderPage, zone: str) -> list[HoldView]:
    """Every Hold there was, the newest first."""
    return [
        HoldView(
            hold.id, words.plain(hold.reason),
            words.plain(f"{words.day_and_time(hold.placed_at, zone)} by {hold.placed_by}"),
            words.plain(f"{words.day_and_time(hold.released_at, zone)} by {hold.released_by}") if hold.released_at else "",
        )
        for hold in order.holds
    ]  # fmt: skip
