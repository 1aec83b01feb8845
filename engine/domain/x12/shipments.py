"""The 856's levels (shipment, order, tare, pack, item, in whatever order they are nested) resolved to parcels of an order.

What an item does not say itself, the levels around it say: the order from the nearest PRF, the carrier from the nearest TD5,
the parcel's number from the nearest level that has one. Packs inside an item part its quantity where they have their own.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, time
from decimal import Decimal

import msgspec

from engine.domain.x12 import codes
from engine.domain.x12.documents import Ids, Parcel, ShipNotice, ShippedLine
from engine.domain.x12.fields import At, clock_time
from engine.domain.x12.loops import Node, day
from engine.domain.x12.scan import Segment, Set


class _Level(msgspec.Struct):
    """An HL with what is inside it; ``up`` is the level it is in."""

    at: At
    node: Node
    kind: str
    up: _Level | None
    inner: list[_Level]

    def above(self) -> Iterator[_Level]:
        """This level and those around it, the nearest first."""
        here: _Level | None = self
        while here is not None:
            yield here
            here = here.up


def ship_notice(item: Set, node: Node) -> ShipNotice:
    """The notice, its parcels in the order of the file."""
    head = node.first("BSN")
    assert head is not None
    at = At(item, head)
    written, dated = at.moment(3, 4)
    levels = _levels(item, node)
    found: dict[tuple[str, ...], Parcel] = {}
    for level in levels:
        for parcel in _parcels(level, at):
            key = (parcel.po_number, parcel.kind, parcel.number, parcel.carrier, parcel.routing, parcel.service)
            known = found.get(key)
            found[key] = (
                parcel
                if known is None
                else msgspec.structs.replace(
                    known, lines=known.lines + parcel.lines, also=tuple(dict.fromkeys(known.also + parcel.also))
                )
            )
    shipped, zone = _shipped(node, levels)
    return ShipNotice(
        shipment=at.text(2), purpose=at.need(1), written=written if dated else datetime.combine(written.date(), time()),
        shipped=shipped, zone=zone, levels="".join(dict.fromkeys(level.kind for level in levels)),
        parcels=tuple(found.values()), place=item.place,
    )  # fmt: skip


def _levels(item: Set, node: Node) -> list[_Level]:
    """The levels, each below the one it names as its parent. Raises Unreadable for a parent that is not there."""
    found: list[_Level] = []
    by_id: dict[str, _Level] = {}
    for inner in node.loops("HL"):
        at = At(item, inner.head)
        number, parent = at.need(1), at.text(2)
        kind = at.need(3)
        if kind not in codes.LEVELS:
            raise at.refuse(3, f"level {kind!r} is not in the table")
        up = None
        if parent:
            up = by_id.get(parent)
            if up is None:
                raise at.refuse(2, f"the level is in level {parent!r}, which does not come before it")
        elif kind != "S" and found:
            up = _implied(found, kind)
        if number in by_id:
            raise at.refuse(1, f"there are two levels {number!r}")
        level = _Level(at, inner, kind, up, [])
        if up is not None:
            up.inner.append(level)
        by_id[number] = level
        found.append(level)
    return found


def _implied(found: list[_Level], kind: str) -> _Level | None:
    """Where a level belongs that names no parent: in the last one before it that is higher."""
    order = "SOTPI"
    rank = order.find(kind) if kind in order else len(order)
    return next((level for level in reversed(found) if level.kind in order and order.find(level.kind) < rank), None)


def _parcels(level: _Level, head: At) -> Iterator[Parcel]:
    """The parcels an item's level tells of; nothing for the other levels."""
    sn1 = level.node.first("SN1")
    lin = level.node.first("LIN")
    if sn1 is None:
        if level.kind == "I" and lin is not None and not any(inner.node.first("SN1") for inner in level.inner):
            raise level.at.refuse(0, "the item has no SN1 with its quantity")
        return
    if level.up is not None and level.kind != "I" and level.up.node.first("LIN") is not None:
        return  # a pack's part of the item it is in: read with that
    owner = level if lin is not None else next((up for up in level.above() if up.node.first("LIN")), level)
    packs = [inner for inner in level.inner if inner.kind in "PTQ" and _number(inner) is not None]
    parts = [(pack, pack.node.first("SN1")) for pack in packs]
    if packs and all(part is not None for _, part in parts):
        for pack, part in parts:
            assert part is not None
            yield _parcel(pack, owner, part, head, ())
        return
    also = tuple(found[1] for pack in packs[1:] if (found := _number(pack)))
    yield _parcel(packs[0] if packs else level, owner, sn1, head, also)


def _parcel(level: _Level, owner: _Level, sn1: Segment, head: At, also: tuple[str, ...]) -> Parcel:
    at = At(level.at.item, sn1)
    quantity, lin = at.number(2), owner.node.first("LIN")
    ids: Ids = At(level.at.item, lin).ids(2) if lin else {}
    order = next((prf for up in level.above() if (prf := up.node.first("PRF"))), None)
    if order is None or not order.get(1):
        raise at.refuse(0, "no level around this item says which purchase order it is of (PRF)")
    # A carton's label says nothing to the carrier, so its number counts first, at whichever level it stands.
    found = next((number for up in level.above() if (number := _carriers_number(up))), None)
    found = found or next((number for up in level.above() if (number := _label(up))), None)
    if found is None:
        raise at.refuse(
            0,
            "no level around this item has a number the parcel is known by (MAN CP, GM or UC; REF 2I, CN, TN, BM or SI)",
        )
    carrier, routing, service = _carrier(level)
    line = ShippedLine(
        line=sn1.get(1) or (lin.get(1) if lin else ""), quantity=quantity, unit=at.text(3), ids=ids, place=at.place
    )
    lines = (line,) if quantity else ()
    return Parcel(
        po_number=order.get(1), number=found[1], kind=found[0], carrier=carrier, routing=routing, service=service,
        lines=lines, also=also, place=at.place,
    )  # fmt: skip


def _marks(level: _Level) -> dict[str, str]:
    marks: dict[str, str] = {}
    for man in level.node.all("MAN"):
        marks.setdefault(man.get(1), man.get(2))
        if man.get(4):
            marks.setdefault(man.get(4), man.get(5))
    return {kind: value for kind, value in marks.items() if value}


def _carriers_number(level: _Level) -> tuple[str, str] | None:
    """The number by which the carrier knows a level's package, with its qualifier."""
    marks = _marks(level)
    for kind in codes.TRACKING_MARKS:
        if kind in marks:
            return kind, marks[kind]
    references = {ref.get(1): ref.get(2) for ref in level.node.all("REF")}
    return next(((kind, references[kind]) for kind in codes.TRACKING_REFERENCES if references.get(kind)), None)


def _label(level: _Level) -> tuple[str, str] | None:
    """The supplier's own label on a level's package."""
    marks = _marks(level)
    return next(((kind, marks[kind]) for kind in codes.LABELS if kind in marks), None)


def _number(level: _Level) -> tuple[str, str] | None:
    return _carriers_number(level) or _label(level)


def _carrier(level: _Level) -> tuple[str, str, str]:
    """The carrier's code, the routing in words and the service level, each from the nearest level that says it."""
    carrier = routing = service = ""
    for up in level.above():
        for td5 in up.node.all("TD5"):
            carrier = carrier or (td5.get(3) if td5.get(2) in ("2", "") else "")
            routing, service = routing or td5.get(5), service or td5.get(12)
    return carrier, routing, service


def _shipped(node: Node, levels: list[_Level]) -> tuple[datetime | None, str]:
    """When it was shipped (DTM 011), and in which zone."""
    for place in (*(level.node for level in levels if level.kind == "S"), node, *(level.node for level in levels)):
        for dtm in place.all("DTM"):
            found = day(dtm.get(2))
            if dtm.get(1) == "011" and found is not None:
                return datetime.combine(found, clock_time(dtm.get(3)) or time()), dtm.get(4)
    return None, ""


def total(notice: ShipNotice) -> Decimal:
    """How many pieces the notice tells of."""
    return sum((line.quantity for parcel in notice.parcels for line in parcel.lines), Decimal(0))
