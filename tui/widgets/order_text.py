"""An order with everything, as text: why it waits, a block for each supplier, where it goes, what it comes to."""

from __future__ import annotations

from rich.text import Text

from engine import clock
from engine.domain.states import DEAD
from engine.services.blue_book import Event
from engine.services.order_page import Line, OrderPage, Parcel, Purchase, PurchaseLine
from tui import words
from tui.plain import ago, local, many
from tui.plain import words as plain_words

MOST_EVENTS = 500


def head(order: OrderPage) -> Text:
    """Number, state and what it is about, in a line."""
    text = Text(no_wrap=True, overflow="ellipsis")
    state = plain_words(order.status).upper()
    text.append(f" {words.plain(order.number)}  {state}  ", "bold")
    held = f"ON HOLD: {order.held} · " if order.held else ""
    if order.snoozed_until is not None and order.snoozed_until > clock.now():
        held += f"snoozed until {local(order.snoozed_until)} (z) · "
    there = f"{order.store_number} at " if order.store_number != order.number else ""
    about = f"{held}{order.customer} · {there}{order.channel} · placed {ago(order.placed_at)} ago · {plain_words(order.payment)}"
    text.append(words.plain(about))
    return text


def main(order: OrderPage) -> Text:
    """What a person must know first: Issues, then who ships what."""
    text = Text()
    for issue in order.issues:
        if issue.closed_at is None:
            text.append(f"{issue.short}  {issue.title}: ", "bold")
            text.append(words.line(f"{issue.message}") + "\n")
            text.append(f"      → {issue.todo} (r)\n", "dim")
    by_id = {line.id: line for line in order.lines}
    for po in order.purchase_orders:
        _purchase(text, order, po, by_id)
    covered = {
        part.order_line_id
        for po in order.purchase_orders
        if po.state not in DEAD and not po.superseded
        for part in po.lines
    }
    loose = [line for line in order.lines if line.id not in covered and line.open]
    if loose:
        _title(text, "No supplier yet")
        for line in loose:
            text.append(words.line(f"  {line.sku or '(no SKU)'}  {line.title}  × {line.open}") + "\n")
    return text


def aside(order: OrderPage) -> Text:
    """Where it goes, what it comes to, what was noted."""
    text = Text()
    _title(text, "Ship to")
    _address(text, order.ship_to)
    if order.email:
        text.append(words.line(f"  {order.email}") + "\n")
    if order.bill_to and order.bill_to != order.ship_to:
        _title(text, "Bill to")
        _address(text, order.bill_to)
    _title(text, "Totals")
    for name, value in (
        ("items", order.items_total), ("shipping", order.shipping_total), ("tax", order.tax_total),
        ("discount", -order.discount_total), ("total", order.total), ("cost", order.cost),
    ):  # fmt: skip
        if value or name in ("items", "total"):
            text.append(f"  {name:<10}{words.amount(value or 0, order.currency):>18}\n")
    if order.margin_percent is not None:
        text.append(f"  {'margin':<10}{order.margin_percent:>17.0f}%\n")
    _title(text, "Shipping")
    text.append(words.line(f"  {order.shipping_rate or 'no rate chosen'}") + "\n")
    if order.note:
        _title(text, "Note")
        text.append(words.line(f"  {order.note}") + "\n")
    return text


def timeline(events: list[Event]) -> Text:
    """Every step in a line, the newest last."""
    text = Text(no_wrap=True, overflow="ellipsis")
    _title(text, f"Timeline, {many(len(events), 'event')} (b shows them in full)")
    for event in events[-MOST_EVENTS:]:
        text.append(f"  {local(event.at, seconds=True)}  ", "dim")
        text.append(words.line(f"{event.actor:<10} {whose(event)}{told(event)}") + "\n")
    return text


def told(event: Event) -> str:
    """What happened, in words."""
    action = event.action.rpartition(":")[2].replace("_", " ")
    return f"{action}: {event.message}" if event.message else action


def whose(event: Event) -> str:
    """The purchase order it happened to, or to a parcel of: ``1001-2: ``. Two suppliers' steps read alike else."""
    kind, _, name = event.subject.partition(".")
    if kind == "shipment":
        name = name.rpartition(".")[0]
    return f"{name}: " if kind in ("po", "shipment") and name else ""


def _title(text: Text, title: str) -> None:
    if text.plain and not text.plain.endswith("\n\n"):
        text.append("\n")
    text.append(f"{words.line(title)}\n", "bold underline")


def _address(text: Text, address: dict[str, str]) -> None:
    place = " ".join(address[name] for name in ("postal_code", "city", "region", "country") if address.get(name))
    for part in (
        *(address.get(name, "") for name in ("name", "company", "line1", "line2")),
        place,
        address.get("phone"),
    ):
        if part:
            text.append(words.line(f"  {part}") + "\n")


def _purchase(text: Text, order: OrderPage, po: Purchase, lines: dict[int, Line]) -> None:
    _title(text, f"{po.supplier_code}  PO {po.po_number}  {plain_words(po.state).upper()}")
    if po.superseded:
        text.append("  another purchase order took its place\n", "dim")
    parts = [po.method or "no method", words.amount(po.cost, po.currency) + " cost", _when(po)]
    if po.reference:
        parts.append(f"their no. {po.reference}")
    text.append(words.line(f"  {'   '.join(part for part in parts if part)}") + "\n", "dim")
    if po.waits is not None:
        back = "; u takes it back" if po.undoable else ""
        text.append(words.line(f"  {words.waits(po.waits)}{back}") + "\n", "bold")
    elif po.message:
        text.append(words.line(f"  {po.message}") + "\n", "bold")
    for part in po.lines:
        text.append(words.line(f"  {_part(part, lines.get(part.order_line_id))}") + "\n")
    for parcel in order.shipments:
        if parcel.purchase_order_id == po.id:
            _parcel(text, order, parcel)


def _part(part: PurchaseLine, line: Line | None) -> str:
    title = part.title or (line.title if line else "")
    done = [
        f"{count} {name}"
        for name, count in (("shipped", part.shipped), ("backordered", part.backordered), ("canceled", part.canceled))
        if count
    ]
    return f"{part.sku}  {title}  × {part.quantity}" + (f"   ({', '.join(done)})" if done else "")


def _when(po: Purchase) -> str:
    left = words.countdown(po.release_at) if po.state == "queued" and not po.attempt else None
    if left:
        return f"held {left}s, u takes it back"
    if po.acknowledged_at:
        return f"acknowledged {ago(po.acknowledged_at)} ago"
    if po.sent_at:
        due = f", answer due {ago(po.ack_due_at)}" if po.ack_due_at else ""
        return f"sent {ago(po.sent_at)} ago{due}"
    return ""


def _parcel(text: Text, order: OrderPage, parcel: Parcel) -> None:
    carrier = parcel.carrier_name or parcel.carrier
    known = "known to the channel" if parcel.push == "confirmed" else f"{order.channel}: {parcel.push}"
    text.append(
        words.line(f"  parcel  {carrier} {parcel.tracking_number}  {plain_words(parcel.transit)}  {known}") + "\n"
    )
    if parcel.message:
        text.append(words.line(f"          {parcel.message}") + "\n", "bold")
