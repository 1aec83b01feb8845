"""The order under the cursor in a few lines: who, what from whom, and what the checks say."""

from __future__ import annotations

from rich.text import Text
from textual.widgets import Static

from engine.domain.states import DEAD
from engine.services.order_page import Line, OrderPage, Purchase
from tui import words

CHECKS = {
    "sku": ("unmapped_sku",),
    "stock": ("no_supplier_stock", "supplier_disabled"),
    "address": ("invalid_address", "missing_field"),
    "ship map": ("missing_shipping_mapping",),
    "price": ("cost_changed", "margin_below_floor"),
    "paid": ("unpaid", "fraud_risk"),
    "wanted": ("cancel_wished", "possible_duplicate", "already_fulfilled", "stale_order"),
}


class Preview(Static):
    """Filled a moment after the cursor rests, so that moving never waits for it."""

    def __init__(self) -> None:
        super().__init__("", markup=False)
        self.order: OrderPage | None = None
        self._shown = Text()

    def on_mount(self) -> None:
        """What is said of times goes on by itself."""
        self.set_interval(1.0, self._go_on)

    def _go_on(self) -> None:
        if self.screen.is_current:  # behind another screen nobody reads it, and of a large order it is much to draw
            self.show(self.order)

    def show(self, order: OrderPage | None) -> None:
        """This order is shown, or none."""
        self.order = order
        text = drawn(order) if order is not None else Text()
        before, self._shown = self._shown, text
        if text != before:
            # Nothing wraps, so the screen need only be laid out anew where there are more lines or fewer.
            self.update(text, layout=text.plain.count("\n") != before.plain.count("\n"))


def drawn(order: OrderPage) -> Text:
    """The preview's lines."""
    to = order.ship_to
    place = " ".join(to[name] for name in ("postal_code", "city", "country") if to.get(name))
    street = ", ".join(part for part in (to.get("line1", ""), place) if part)
    margin = f"margin {order.margin_percent:.0f}%" if order.margin_percent is not None else ""
    note = f"note: {order.note}" if order.note else ""
    about = [order.customer, street, order.payment.replace("_", " "), margin, note]
    text = Text(no_wrap=True, overflow="ellipsis")
    text.append(f" {words.plain(order.number)}  ", "bold")
    text.append(words.plain(" · ".join(part for part in about if part)))
    by_line = {line.id: line for line in order.lines}
    covered: set[int] = set()
    for po in order.purchase_orders:
        if po.state in DEAD or po.superseded:
            continue
        for part in po.lines:
            covered.add(part.order_line_id)
            text.append("\n")
            _part(text, po, part, by_line.get(part.order_line_id))
        if po.waits is not None:
            text.append("\n")
            text.append(words.line(f" {po.supplier_code:<6} {words.waits(po.waits, brief=True)}"), "bold")
    for line in order.lines:
        if line.id not in covered and line.open:
            text.append("\n")
            text.append(f" {'?':<6} ", "bold")
            text.append(words.line(f"SKU {line.sku or '(none)'}  {line.title}  × {line.open}   no supplier yet"))
    text.append("\n")
    _checks(text, order)
    return text


def _part(text: Text, po: Purchase, part: object, line: Line | None) -> None:
    sku, title = getattr(part, "sku", ""), getattr(part, "title", "") or (line.title if line else "")
    quantity = getattr(part, "quantity", 0) - getattr(part, "canceled", 0)
    cost = words.amount(getattr(part, "unit_cost", 0), po.currency)
    text.append(f" {words.plain(po.supplier_code):<6} ", "bold")
    state = "" if po.state == "draft" else f"   {po.state.replace('_', ' ')}"
    text.append(words.line(f"SKU {sku}  {title}  × {quantity}   {cost} cost   {po.method or 'no method'}{state}"))


def _checks(text: Text, order: OrderPage) -> None:
    open_codes = {issue.code for issue in order.issues if issue.closed_at is None}
    text.append(" checks ", "dim")
    for name, codes in CHECKS.items():
        bad = open_codes & set(codes)
        text.append(f" {'NO' if bad else 'ok'} {name} ", "bold" if bad else "dim")
    for issue in order.issues:
        if issue.closed_at is None:
            text.append(f"\n {issue.short}  ", "bold")
            text.append(words.plain(f"{issue.title}: {issue.message}"))
