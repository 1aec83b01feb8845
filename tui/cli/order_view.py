"""An order drawn with everything, as ``bluebook orders show`` shows it."""

from __future__ import annotations

from typing import Any

from tui.cli.output import Column, Paper
from tui.plain import ago, local, words


def amount(minor: int | None, currency: str) -> str:
    """Money for people; nothing for None."""
    from engine.domain import money

    return "" if minor is None else money.show(minor, currency)


def at_store(order: Any) -> str:
    """The channel, and what the order is called there where that is not its number here."""
    there = f"{order.store_number} at " if order.store_number != order.number else ""
    return f"{there}{order.channel}"


def draw(paper: Paper, order: Any) -> None:
    """The order is on the paper: first why it waits, then what it is."""
    held = f" · on hold: {order.held}" if order.held else ""
    paper.line(f"Order {order.number} · {words(order.status)}{held}", "bold")
    _issues(paper, [issue for issue in order.issues if issue.closed_at is None])
    _who(paper, order)
    _lines(paper, order)
    _purchases(paper, order)
    _parcels(paper, order)
    _totals(paper, order)


def _issues(paper: Paper, issues: list[Any]) -> None:
    for issue in issues:
        paper.line(f"  {issue.short}  {issue.title}: {issue.message}", "yellow")
        paper.line(f"         → {issue.todo}")


def _wish(order: Any) -> str:
    wish = order.cancel_wish
    return f"cancellation{f': {wish.reason}' if wish.reason else ''}" if wish is not None else ""


def _who(paper: Paper, order: Any) -> None:
    a = order.ship_to
    street = [a.get(name, "") for name in ("name", "company", "line1", "line2")]
    place = " ".join(a.get(name, "") for name in ("postal_code", "city", "region", "country") if a.get(name))
    channel = f"{at_store(order)} ({order.channel_connector}), its id {order.external_id}, {words(order.channel_state)}"
    paper.pairs(
        [
            ("placed", f"{local(order.placed_at)} ({ago(order.placed_at)} ago)"),
            ("channel", channel),
            ("payment", words(order.payment)), ("risk", order.fraud),
            ("asked for", _wish(order)), ("customer", order.customer),
            ("ship to", ", ".join(part for part in (*street, place) if part)),
            ("contact", " · ".join(part for part in (order.email, a.get("phone", "")) if part)),
            ("shipping", order.shipping_rate or "no rate"), ("note", order.note),
            ("snoozed", f"until {local(order.snoozed_until)}" if order.snoozed_until else ""),
            ("auto", "processed by Auto Order Processing" if order.auto else ""),
        ]
    )  # fmt: skip


def _lines(paper: Paper, order: Any) -> None:
    paper.title("Lines")
    # A canceled purchase order says nothing about who ships, where another took over.
    every = {po.id: po.supplier_code for po in order.purchase_orders}
    alive = {po.id: po.supplier_code for po in order.purchase_orders if po.state != "canceled" and not po.superseded}
    columns = [
        Column("#", lambda line: line.position, right=True),
        Column("SKU", lambda line: line.sku or "(none)", give=True),
        Column("TITLE", lambda line: line.title, give=True),
        Column("QTY", lambda line: line.quantity - line.canceled, right=True),
        Column("SUPPLIER", lambda line: _codes(alive, every, line)),
        Column("PRICE", lambda line: amount(line.unit_price, order.currency), right=True),
        Column("STATUS", _progress),
    ]
    paper.table(columns, order.lines)


def _codes(alive: dict[int, str], every: dict[int, str], line: Any) -> str:
    """The suppliers that ship a line, or were to where nobody does any more."""
    found = [alive[po] for po in line.purchase_orders if po in alive] or [every[po] for po in line.purchase_orders]
    return ", ".join(dict.fromkeys(found)) or "?"


def _progress(line: Any) -> str:
    parts = [f"{getattr(line, name)} {name}" for name in ("shipped", "canceled", "backordered") if getattr(line, name)]
    if not parts and line.acknowledged:
        return "acknowledged"
    if not parts and line.submitted:
        return "sent"
    return ", ".join(parts) or "open"


def _purchases(paper: Paper, order: Any) -> None:
    if not order.purchase_orders:
        return
    paper.title("Purchase orders")
    columns = [
        Column("NUMBER", lambda po: po.po_number),
        Column("SUPPLIER", lambda po: po.supplier, give=True),
        Column("STATE", lambda po: words(po.state) + (" (superseded)" if po.superseded else "")),
        Column("METHOD", lambda po: po.method or "?", give=True),
        Column("COST", lambda po: amount(po.cost, po.currency), right=True),
        Column("THEIR NO.", lambda po: po.reference, give=True),
        Column("WHEN", _when),
    ]
    paper.table(columns, order.purchase_orders)
    for po in order.purchase_orders:
        if po.message:
            paper.line(f"  {po.po_number}: {po.message}")


def _when(po: Any) -> str:
    if po.state == "queued" and po.release_at:
        return f"held until {local(po.release_at, seconds=True)[11:]}"
    if po.acknowledged_at:
        return f"acknowledged {ago(po.acknowledged_at)} ago"
    return f"sent {ago(po.sent_at)} ago" if po.sent_at else f"made {ago(po.created_at)} ago"


def _parcels(paper: Paper, order: Any) -> None:
    if not order.shipments:
        return
    paper.title("Tracking")
    numbers = {po.id: po.po_number for po in order.purchase_orders}
    contents = {part.id: part for po in order.purchase_orders for part in po.lines}
    for parcel in order.shipments:
        inside = ", ".join(f"{n} × {contents[i].sku}" for i, n in parcel.contents if i in contents)
        carrier = parcel.carrier_name or parcel.carrier
        paper.line(f"{carrier} {parcel.tracking_number} · {words(parcel.transit)} · {order.channel}: {parcel.push}")
        paper.pairs(
            [
                ("  shipped", f"{local(parcel.shipped_at)}, {inside} ({numbers.get(parcel.purchase_order_id, '')})"),
                ("  link", parcel.tracking_url), ("  message", parcel.message),
            ]
        )  # fmt: skip


def _totals(paper: Paper, order: Any) -> None:
    paper.title("Totals")
    cost = amount(order.cost, order.currency) if order.cost is not None else "not known yet"
    margin = "" if order.margin_percent is None else f"{order.margin_percent:.1f}%"
    paper.pairs(
        [
            ("items", amount(order.items_total, order.currency)),
            ("discount", amount(-order.discount_total, order.currency) if order.discount_total else ""),
            ("shipping", amount(order.shipping_total, order.currency)), ("tax", amount(order.tax_total, order.currency)),
            ("total", amount(order.total, order.currency)), ("cost", cost), ("margin", margin),
        ]
    )  # fmt: skip
