"""A purchase order of ours as an 850, and as the 860 that cancels it; without their control numbers, so that it is pure."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from engine.connectors.suppliers.x12.config import Config
from engine.domain import money
from engine.domain.x12.documents import Line, Order, Party
from engine.domain.x12.writing import Control, Envelope, Writer, interchange, order_change, purchase_order
from engine.ports import Purchase, PurchaseLine

UNNUMBERED = Control(0, datetime(2000, 1, 1))  # noqa: DTZ001 - written as it is, in nobody's zone


def order(purchase: Purchase, config: Config, zone: ZoneInfo) -> Order:
    """The purchase order in X12's terms."""
    references = [("CO", purchase.order_number)]
    method = (purchase.method_code, purchase.method_name)
    if config.shipping_in == "ref" and any(method):
        qualifier = config.shipping_qualifier if len(config.shipping_qualifier) > 1 else "ZZ"
        references.append((qualifier, method[0] or method[1]))
    shown = config.shipping_in == "td5"
    return Order(
        po_number=purchase.po_number, kind=config.order_type, date=purchase.placed_at.astimezone(zone).date(),
        currency=purchase.currency, references=tuple(references), parties=(_ship_to(purchase),),
        carrier=(config.shipping_qualifier, method[0]) if shown else ("", ""), routing=method[1] if shown else "",
        notes=(purchase.note,) if purchase.note and config.notes else (),
        lines=tuple(_line(line, purchase.currency, config) for line in purchase.lines),
    )  # fmt: skip


def _ship_to(purchase: Purchase) -> Party:
    to = purchase.ship_to
    return Party(
        role="ST", name=to.name or to.company, name2=to.company if to.name else "",
        street=tuple(line for line in (to.line1, to.line2) if line), city=to.city, region=to.region,
        postal_code=to.postal_code, country=to.country, phone=to.phone, email=to.email,
    )  # fmt: skip


def _line(line: PurchaseLine, currency: str, config: Config) -> Line:
    ids = {config.item_qualifier: line.supplier_sku}
    if config.own_item_qualifier:
        ids.setdefault(config.own_item_qualifier, line.sku)
    return Line(
        line=str(line.line), quantity=Decimal(line.quantity), unit=config.unit,
        price=money.major(line.unit_cost, currency), ids=ids, description=line.title,
    )  # fmt: skip


def render_order(purchase: Purchase, config: Config, envelope: Envelope, zone: ZoneInfo) -> bytes:
    """The 850, not numbered yet. Raises Invalid for what X12 cannot carry."""
    segments = purchase_order(order(purchase, config, zone), Writer(envelope))
    return interchange([("850", segments)], envelope, UNNUMBERED).encode(envelope.charset)


def render_cancel(purchase: Purchase, config: Config, envelope: Envelope, zone: ZoneInfo) -> bytes:
    """The 860 that cancels all of it, not numbered yet."""
    whole = order(purchase, config, zone)
    lines = tuple(
        Line(line=line.line, quantity=line.quantity, unit=line.unit, price=line.price, ids=line.ids, change="DI")
        for line in whole.lines
    )
    change = Order(
        po_number=whole.po_number, purpose="01", kind=whole.kind, date=whole.date, currency=whole.currency,
        references=whole.references, lines=lines,
    )  # fmt: skip
    return interchange([("860", order_change(change, Writer(envelope)))], envelope, UNNUMBERED).encode(envelope.charset)
