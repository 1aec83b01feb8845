"""An X12 file in words, for whoever has to find out what a supplier sent."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from engine.domain.x12 import codes
from engine.domain.x12.dictionary import SEGMENTS, SETS
from engine.domain.x12.documents import Ids, Invoice, Line, Order, OrderAnswer, Receipt, ShipNotice, Stock
from engine.domain.x12.reading import read
from engine.domain.x12.scan import File, Interchange, Segment, Set
from engine.errors import Unreadable

_MOST_LINES = 500  # of one set


def explain(file: File, *, segments: bool = False) -> Iterator[str]:
    """The file, line by line and indented; with ``segments``, every segment with the names of its elements."""
    for number, interchange in enumerate(file.interchanges):
        if number:
            yield ""
        yield from _interchange(interchange, segments)


def _interchange(interchange: Interchange, segments: bool) -> Iterator[str]:
    head, marks = interchange.header, interchange.delimiters
    usage = {"P": "production", "T": "test"}.get(head.get(15), f"usage {head.get(15)!r}")
    yield (
        f"Interchange {interchange.control} from {interchange.sender} to {interchange.receiver}, written "
        f"{_day(head.get(9))} {_hour(head.get(10))}, version {head.get(12)}, {usage}"
    )
    yield (
        f"  elements end with {_mark(marks.element)}, segments with {_mark(marks.segment)}, parts of elements with "
        f"{_mark(marks.component) if marks.component else 'nothing'}"
    )
    for ta1 in interchange.receipts:
        word = {"A": "accepted", "E": "accepted with errors", "R": "refused"}.get(ta1.get(4), ta1.get(4))
        yield f"  TA1: interchange {ta1.get(1)} was {word}, note {ta1.get(5)}"
    for group in interchange.groups:
        name = "without a GS" if group.implicit else f"{group.functional} {group.control}, version {group.version}"
        yield f"  Group {name}: {len(group.sets)} transaction set{'' if len(group.sets) == 1 else 's'}"
        for item in group.sets:
            yield f"    {item.code} {item.control}: {SETS.get(item.code, 'a set not read here')}"
            yield from (f"      {line}" for line in _set(item))
            if segments:
                yield from (f"      | {line}" for line in map(segment_words, item.segments))


def _mark(mark: str) -> str:
    return {"\n": "a line feed", "\r": "a carriage return", "\x85": "a NEL"}.get(mark, repr(mark))


def _day(text: str) -> str:
    return f"20{text[:2]}-{text[2:4]}-{text[4:]}" if len(text) == 6 else text


def _hour(text: str) -> str:
    return f"{text[:2]}:{text[2:4]}" if len(text) >= 4 else text


def _set(item: Set) -> Iterator[str]:
    try:
        document: Any = read(item)
    except Unreadable as error:
        yield f"not read: {error.message}"
        return
    lines = _WORDS[type(document)](document)
    for number, line in enumerate(lines):
        if number == _MOST_LINES:
            yield "…"
            return
        yield line


def _ids(ids: Ids) -> str:
    return ", ".join(f"{codes.ITEMS.get(kind, kind)} {value}" for kind, value in ids.items()) or "no item number"


def _amount(quantity: Decimal | None, unit: str) -> str:
    return "" if quantity is None else f"{quantity:f} {unit}".strip()


def _line(line: Line) -> str:
    change = f"{codes.CHANGES.get(line.change, line.change)}: " if line.change else ""
    price = f" at {line.price:f}" if line.price is not None else ""
    about = f", {line.description}" if line.description else ""
    return f"line {line.line or '?'}: {change}{_amount(line.quantity, line.unit)} of {_ids(line.ids)}{price}{about}"


def _order(order: Order) -> Iterator[str]:
    what = f"{codes.PURPOSES.get(order.purpose, order.purpose)}, type {order.kind}"
    yield f"purchase order {order.po_number} of {order.date} ({what}){' in ' + order.currency if order.currency else ''}"
    for party in order.parties:
        place = ", ".join(
            part for part in (*party.street, party.city, party.region, party.postal_code, party.country) if part
        )
        name = " / ".join(part for part in (party.name, party.name2) if part) or f"{party.id_qualifier} {party.id}"
        yield f"{codes.PARTIES.get(party.role, party.role)}: {name}{', ' + place if place else ''}"
    if order.carrier[1] or order.routing:
        yield f"ship by {' '.join(part for part in (order.carrier[1], order.routing) if part)}"
    yield from (f"reference {kind}: {value}" for kind, value in order.references)
    yield from (f"note: {note}" for note in order.notes)
    yield from map(_line, order.lines)


def _answer(answer: OrderAnswer) -> Iterator[str]:
    words = codes.ORDER_STATUS[answer.status][1]
    theirs = f", their number {answer.reference}" if answer.reference else ""
    what = "change of purchase order" if answer.change else "purchase order"
    purpose = codes.PURPOSES.get(answer.purpose, answer.purpose)
    yield f"{what} {answer.po_number} {words} ({purpose}){theirs}"
    yield from (f"note: {note}" for note in answer.notes)
    for line in answer.lines:
        yield _line(line.line)
        for status in line.answers:
            when = f", {status.date}" if status.date else ""
            amount = f" {_amount(status.quantity, status.unit)}" if status.quantity is not None else ""
            text = f" ({status.text})" if status.text else ""
            instead = f", as {_ids(status.ids)}" if status.code == "IS" and status.ids else ""
            yield f"  {codes.LINE_STATUS[status.code][1]}:{amount}{when}{text}{instead}"
        yield from (f"  note: {note}" for note in line.notes)


def _notice(notice: ShipNotice) -> Iterator[str]:
    when = f", shipped {notice.shipped:%Y-%m-%d %H:%M}" if notice.shipped else ""
    levels = ", ".join(codes.LEVELS.get(level, level) for level in notice.levels)
    purpose = codes.PURPOSES.get(notice.purpose, notice.purpose)
    yield f"shipment {notice.shipment or 'without a number'} ({purpose}){when}; levels: {levels}"
    for parcel in notice.parcels:
        by = " ".join(part for part in (parcel.carrier, parcel.routing, parcel.service) if part) or "no carrier named"
        also = f", also {', '.join(parcel.also)}" if parcel.also else ""
        yield f"parcel {parcel.number} ({parcel.kind}){also} of purchase order {parcel.po_number} by {by}"
        for line in parcel.lines:
            yield f"  {'line ' + line.line + ': ' if line.line else ''}{_amount(line.quantity, line.unit)} of {_ids(line.ids)}"


def _invoice(invoice: Invoice) -> Iterator[str]:
    kind = f", type {invoice.kind}" if invoice.kind else ""
    yield (
        f"invoice {invoice.number} of {invoice.date} for purchase order {invoice.po_number or 'not named'}: "
        f"{invoice.total:.2f} {invoice.currency}".rstrip()
        + kind
    )
    yield from map(_line, invoice.lines)


def _stock(stock: Stock) -> Iterator[str]:
    yield f"stock as of {stock.written:%Y-%m-%d %H:%M}, reference {stock.reference or 'none'}"
    for line in stock.lines:
        cost = f", cost {line.cost:f} {stock.currency}".rstrip() if line.cost is not None else ""
        yield f"{_amount(line.quantity, line.unit)} of {_ids(line.ids)} (quantity {line.kind}){cost}"


def _receipt(receipt: Receipt) -> Iterator[str]:
    yield f"group {receipt.functional} {receipt.control} of ours: {codes.SET_RECEIPT[receipt.answer][1]}"
    yield from (f"  {error}" for error in receipt.errors)
    for item in receipt.sets:
        yield f"  {item.code} {item.control}: {codes.SET_RECEIPT[item.answer][1]}"
        yield from (f"    {error}" for error in item.errors)


_WORDS: dict[type[Any], Any] = {
    Order: _order, OrderAnswer: _answer, ShipNotice: _notice, Invoice: _invoice, Stock: _stock, Receipt: _receipt,
}  # fmt: skip


def segment_words(segment: Segment) -> str:
    """A segment with the names of its elements: ``PO1 Order line: line 1; quantity 10; …``."""
    kind = SEGMENTS.get(segment.tag)
    parts = []
    for number in range(1, len(segment.elements)):
        if value := segment.get(number):
            about = kind.element(number) if kind else None
            parts.append(f"{about.name} {value}" if about else f"{segment.tag}{number:02d} {value}")
    return f"{segment.tag} {kind.name if kind else 'not known here'}: {'; '.join(parts)}"
