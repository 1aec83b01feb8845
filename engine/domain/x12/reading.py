"""What each set says: its tree as a document. Refuses, by segment and element, what it cannot be sure of."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from engine.domain.x12 import codes
from engine.domain.x12.documents import (
    AnsweredLine,
    Document,
    Invoice,
    Line,
    Order,
    OrderAnswer,
    Receipt,
    SetReceipt,
    Status,
    Stock,
    StockLine,
)
from engine.domain.x12.fields import At, description, notes, parties
from engine.domain.x12.loops import Node, tree
from engine.domain.x12.scan import Segment, Set
from engine.domain.x12.shipments import ship_notice
from engine.errors import Unreadable


def read(item: Set, *, check: bool = True) -> Document:
    """What the set says. Raises Unreadable for a set that is damaged, or of a kind not read here."""
    node = tree(item, check=check)
    if node is None:
        kinds = ", ".join(sorted(READERS))
        raise Unreadable(
            f"{item.place}: a {item.code or 'set without a code'} is not read here ({kinds} are)", field="ST01"
        )
    for found in item.findings:
        if found.level == "error":
            raise Unreadable(str(found), field=found.tag or None)
    return READERS[item.code](item, node)


def _head(item: Set, node: Node, tag: str) -> At:
    segment = node.first(tag)
    assert segment is not None, tag  # ``tree`` has found it
    return At(item, segment)


def _line(item: Set, node: Node, *, change: bool) -> Line:
    """PO1 and IT1, or POC, whose elements stand one or two later."""
    at, by = At(item, node.head), (2 if change else 0)
    return Line(
        line=at.text(1), change=at.text(2) if change else "",
        quantity=at.perhaps_number(3 if change else 2) or Decimal(0), unit=at.text(3 + by),
        price=at.perhaps_number(4 + by), ids=at.ids(6 + by), description=description(node), place=at.place,
    )  # fmt: skip


def _order(item: Set, node: Node, *, change: bool) -> Order:
    at = _head(item, node, "BCH" if change else "BEG")
    carrier = node.first("TD5")
    lines = tuple(_line(item, inner, change=change) for inner in node.loops("POC" if change else "PO1"))
    return Order(
        po_number=at.need(3), purpose=at.need(1), kind=at.text(2), date=at.day(6 if change else 5),
        changed=at.perhaps_day(11) if change else None, currency=_currency(node),
        references=tuple((ref.get(1), ref.get(2)) for ref in node.all("REF")), parties=parties(item, node),
        carrier=(carrier.get(2), carrier.get(3)) if carrier else ("", ""), routing=carrier.get(5) if carrier else "",
        notes=notes(node), lines=lines, place=item.place,
    )  # fmt: skip


def _currency(node: Node) -> str:
    segment = node.first("CUR")
    return segment.get(2) if segment else ""


def _answer(item: Set, node: Node, *, change: bool) -> OrderAnswer:
    at = _head(item, node, "BCA" if change else "BAK")
    status = at.need(2)
    if status not in codes.ORDER_STATUS:
        raise at.refuse(2, f"acknowledgement type {status!r} is not in the table")
    lines = tuple(_answered(item, inner, change=change) for inner in node.loops("POC" if change else "PO1"))
    reference = at.text(9 if change else 8) or next((ref.get(2) for ref in node.all("REF") if ref.get(1) == "VN"), "")
    return OrderAnswer(
        po_number=at.need(3), purpose=at.need(1), status=status, date=at.day(6 if change else 4), reference=reference,
        lines=lines, notes=notes(node), change=change, place=item.place,
    )  # fmt: skip


def _answered(item: Set, node: Node, *, change: bool) -> AnsweredLine:
    said = [ref.get(3) for ref in node.all("REF")] + list(notes(node))
    return AnsweredLine(
        line=_line(item, node, change=change), answers=tuple(_status(item, ack) for ack in node.all("ACK")),
        notes=tuple(text for text in said if text),
    )  # fmt: skip


def _status(item: Set, segment: Segment) -> Status:
    at = At(item, segment)
    code = at.need(1)
    if code not in codes.LINE_STATUS:
        raise at.refuse(1, f"line status {code!r} is not in the table")
    return Status(
        code=code, quantity=at.perhaps_number(2), unit=at.text(3), date_kind=at.text(4), date=at.perhaps_day(5),
        text=at.text(6), ids=at.ids(7), place=at.place,
    )  # fmt: skip


def _invoice(item: Set, node: Node) -> Invoice:
    at, total = _head(item, node, "BIG"), _head(item, node, "TDS")
    hundredths = total.number(1)
    if hundredths != hundredths.to_integral_value() and "." not in total.text(1):
        raise total.refuse(1, "total is not a whole number of hundredths")
    return Invoice(
        number=at.need(2), date=at.day(1), po_number=at.text(4), kind=at.text(7), currency=_currency(node),
        total=hundredths if "." in total.text(1) else hundredths.scaleb(-2), charges=_charges(item, node),
        lines=tuple(_line(item, inner, change=False) for inner in node.loops("IT1")), place=item.place,
    )  # fmt: skip


def _charges(item: Set, node: Node) -> Decimal:
    """Of the whole invoice, wherever in it they stand: SAC05 in hundredths, TXI02 as it is."""
    charged = Decimal(0)
    for part in (node, *node.loops("IT1")):
        for at in (At(item, segment) for segment in part.all("SAC")):
            amount = at.perhaps_number(5) or Decimal(0)
            amount = amount if "." in at.text(5) else amount.scaleb(-2)
            if at.need(1) in ("A", "C"):  # others are told and not charged
                charged += amount if at.text(1) == "C" else -amount
        charged += sum((At(item, segment).perhaps_number(2) or Decimal(0) for segment in part.all("TXI")), Decimal(0))
    return charged


def _stock(item: Set, node: Node) -> Stock:
    at = _head(item, node, "BIA")
    written, dated = at.moment(4, 5)
    lines = tuple(line for inner in node.loops("LIN") if (line := _stock_line(item, inner)) is not None)
    return Stock(
        reference=at.text(3), purpose=at.text(1), written=written, dated=dated, currency=_currency(node), lines=lines,
        place=item.place,
    )  # fmt: skip


def _stock_line(item: Set, node: Node) -> StockLine | None:
    at = At(item, node.head)
    by_kind: dict[str, At] = {}
    for inner in node.loops("QTY"):
        by_kind.setdefault(inner.head.get(1), At(item, inner.head))
    if not by_kind:
        return None
    found = next((by_kind[kind] for kind in codes.STOCK_QUANTITIES if kind in by_kind), None)
    if found is None:
        first = next(iter(by_kind.values()))
        raise first.refuse(1, f"quantity qualifier {first.text(1)!r} is none of what can be sold")
    costs = {ctp.get(2): ctp for ctp in node.all("CTP")}
    cost = next((costs[kind] for kind in ("CON", "UCP", "NET", "DAP", "WHL") if kind in costs), None)
    # An item's own unit of measure, where it is said beside the quantity: a composite whose first part it is.
    unit = found.text(3).split(":")[0].split(">")[0]
    return StockLine(
        ids=at.ids(2), quantity=found.number(2), unit=unit, kind=found.text(1),
        cost=At(item, cost).perhaps_number(3) if cost else None, place=at.place,
    )  # fmt: skip


def _receipt(item: Set, node: Node) -> Receipt:
    group, overall = _head(item, node, "AK1"), _head(item, node, "AK9")
    sets = []
    for inner in node.loops("AK2"):
        head, answer = At(item, inner.head), inner.first("AK5")
        if answer is None:
            raise head.refuse(0, "there is no AK5 that answers this AK2")
        at = At(item, answer)
        sets.append(
            SetReceipt(
                code=head.need(1),
                control=head.need(2),
                answer=_verdict(at),
                errors=_errors(inner, at),
                place=head.place,
            )
        )
    errors = tuple(_words(codes.GROUP_ERRORS, value) for n in range(5, 10) if (value := overall.text(n)))
    return Receipt(
        functional=group.need(1), control=group.need(2), answer=_verdict(overall), errors=errors, sets=tuple(sets),
        place=item.place,
    )  # fmt: skip


def _verdict(at: At) -> str:
    code = at.need(1)
    if code not in codes.SET_RECEIPT or (code == "P" and at.segment.tag == "AK5"):
        raise at.refuse(1, f"acknowledgement code {code!r} is not in the table")
    return code


def _errors(node: Node, answer: At) -> tuple[str, ...]:
    found = []
    for inner in node.loops("AK3"):
        where = f"{inner.head.get(1)} (segment {inner.head.get(2)})"
        elements = list(inner.all("AK4"))
        code = inner.head.get(4)
        if code and not (code == "8" and elements):
            found.append(f"{where}: {_words(codes.SEGMENT_ERRORS, code)}")
        for ak4 in elements:
            bad = f" {ak4.get(4)!r}" if ak4.get(4) else ""
            found.append(f"{where}, element {ak4.get(1)}: {_words(codes.ELEMENT_ERRORS, ak4.get(3))}{bad}")
    found += [
        _words(codes.SET_ERRORS, value)
        for n in range(2, 7)
        if (value := answer.text(n)) and not (value == "5" and found)
    ]
    return tuple(found)


def _words(table: dict[str, str], code: str) -> str:
    return table.get(code, f"error {code}")


READERS: dict[str, Callable[[Set, Node], Document]] = {
    "850": lambda item, node: _order(item, node, change=False),
    "860": lambda item, node: _order(item, node, change=True),
    "855": lambda item, node: _answer(item, node, change=False),
    "865": lambda item, node: _answer(item, node, change=True),
    "856": ship_notice,
    "810": _invoice,
    "846": _stock,
    "997": _receipt,
}
