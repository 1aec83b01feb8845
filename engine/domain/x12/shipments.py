"""The 856's levels (shipment, order, tare, pack, item, in whatever order they are nested) resolved to parcels of an order.

What an item does not say itself, the levels around it say: the order from the nearest PRF, the carrier from the nearest TD5,
the parcel's number from the nearest level that has one. Packs inside an item part its quantity where they have their own.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, time

import msgspec

from engine.domain.x12 import codes
from engine.domain.x12.documents import Ids, Parcel, ShipNotice, ShippedLine
from engine.domain.x12.fields import At, clock_time
from engine.domain.x12.loops import Node, day
from engine.domain.x12.scan import Segment, Set


class _Level(msgspec.Struct):
    """An HL with what is inside it. What it does not say itself it has from the level it is in, ``up``, which comes before."""

    at: At
    kind: str
    up: _Level | None
    inner: list[_Level]
    lin: Segment | None = None
    sn1: Segment | None = None
    own_lin: bool = False
    number: tuple[str, str] | None = None  # the carrier's own, with its qualifier; of this level alone
    label: tuple[str, str] | None = None  # the supplier's on the carton; of this level alone
    tracked: tuple[str, str] | None = None  # the nearest number, else the nearest label
    labelled: tuple[str, str] | None = None
    po_number: str = ""
    carrier: str = ""
    routing: str = ""
    service: str = ""


def ship_notice(item: Set, node: Node) -> ShipNotice:
    """The notice, its parcels in the order of the file."""
    head = node.first("BSN")
    assert head is not None
    at = At(item, head)
    written, dated = at.moment(3, 4)
    levels = _levels(item, node)
    found: dict[tuple[str, ...], list[Parcel]] = {}
    for level in levels:
        for parcel in _parcels(level):
            key = (parcel.po_number, parcel.kind, parcel.number, parcel.carrier, parcel.routing, parcel.service)
            found.setdefault(key, []).append(parcel)
    shipped, zone = _shipped(node)
    return ShipNotice(
        shipment=at.text(2), purpose=at.need(1), written=written if dated else datetime.combine(written.date(), time()),
        shipped=shipped, zone=zone, levels="".join(dict.fromkeys(level.kind for level in levels)),
        parcels=tuple(map(_whole, found.values())), place=item.place,
    )  # fmt: skip


def _whole(parts: list[Parcel]) -> Parcel:
    """The parcel of which every item told a part."""
    if len(parts) == 1:
        return parts[0]
    lines = tuple(line for part in parts for line in part.lines)
    return msgspec.structs.replace(
        parts[0], lines=lines, also=tuple(dict.fromkeys(n for part in parts for n in part.also))
    )


def _levels(item: Set, node: Node) -> list[_Level]:
    """The levels, each below the one it names as its parent. Raises Unreadable for a parent that is not there."""
    found: list[_Level] = []
    by_id: dict[str, _Level] = {}
    for inner in node.loops("HL"):
        at = At(item, inner.head)
        number, parent, kind = at.need(1), at.text(2), at.need(3)
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
        level = _level(at, inner, kind, up)
        if up is not None:
            up.inner.append(level)
        by_id[number] = level
        found.append(level)
    return found


def _level(at: At, node: Node, kind: str, up: _Level | None) -> _Level:
    """The level with what its segments say and what it has from above."""
    level = _Level(at, kind, up, [])
    marks: dict[str, str] = {}
    references: dict[str, str] = {}
    for segment in node.segments:
        tag = segment.elements[0]
        if tag == "LIN":
            level.lin, level.own_lin = level.lin or segment, True
        elif tag == "SN1":
            level.sn1 = level.sn1 or segment
        elif tag == "MAN":
            marks.setdefault(segment.get(1), segment.get(2))
            marks.setdefault(segment.get(4), segment.get(5))
        elif tag == "REF":
            references.setdefault(segment.get(1), segment.get(2))
        elif tag == "PRF":
            level.po_number = level.po_number or segment.get(1)
        elif tag == "TD5":
            level.carrier = level.carrier or (segment.get(3) if segment.get(2) in ("2", "") else "")
            level.routing, level.service = level.routing or segment.get(5), level.service or segment.get(12)
    if marks or references:
        level.number = _first(codes.TRACKING_MARKS, marks) or _first(codes.TRACKING_REFERENCES, references)
        level.label = _first(codes.LABELS, marks)
    level.tracked, level.labelled = level.number, level.label
    if up is not None:
        level.lin = level.lin or up.lin
        level.tracked, level.labelled = level.tracked or up.tracked, level.labelled or up.labelled
        level.po_number, level.carrier = level.po_number or up.po_number, level.carrier or up.carrier
        level.routing, level.service = level.routing or up.routing, level.service or up.service
    return level


def _first(kinds: tuple[str, ...], values: dict[str, str]) -> tuple[str, str] | None:
    return next(((kind, values[kind]) for kind in kinds if values.get(kind)), None)


def _implied(found: list[_Level], kind: str) -> _Level | None:
    """Where a level belongs that names no parent: in the last one before it that is higher."""
    order = "SOTPI"
    rank = order.find(kind) if kind in order else len(order)
    return next((level for level in reversed(found) if level.kind in order and order.find(level.kind) < rank), None)


def _parcels(level: _Level) -> Iterator[Parcel]:
    """The parcels an item's level tells of; nothing for the other levels."""
    sn1 = level.sn1
    if sn1 is None:
        if level.kind == "I" and level.own_lin and not any(inner.sn1 for inner in level.inner):
            raise level.at.refuse(0, "the item has no SN1 with its quantity")
        return
    if level.up is not None and level.kind != "I" and level.up.own_lin:
        return  # a pack's part of the item it is in: read with that
    packs = (
        [inner for inner in level.inner if inner.kind in "PTQ" and (inner.number or inner.label)] if level.inner else []
    )
    if packs and all(pack.sn1 is not None for pack in packs):
        for pack in packs:
            assert pack.sn1 is not None
            yield _parcel(pack, pack.sn1, ())
        return
    also = tuple(found[1] for pack in packs[1:] if (found := pack.number or pack.label))
    yield _parcel(packs[0] if packs else level, sn1, also)


def _parcel(level: _Level, sn1: Segment, also: tuple[str, ...]) -> Parcel:
    item = level.at.item
    at, lin = At(item, sn1), level.lin
    quantity = at.number(2)
    ids: Ids = At(item, lin).ids(2) if lin else {}
    if not level.po_number:
        raise at.refuse(0, "no level around this item says which purchase order it is of (PRF)")
    # A carton's label says nothing to the carrier, so its number counts first, at whichever level it stands.
    found = level.tracked or level.labelled
    if found is None:
        raise at.refuse(
            0,
            "no level around this item has a number the parcel is known by (MAN CP, GM or UC; REF 2I, CN, TN, BM or SI)",
        )
    line = ShippedLine(
        line=sn1.get(1) or (lin.get(1) if lin else ""), quantity=quantity, unit=at.text(3), ids=ids, place=at.place
    )
    return Parcel(
        po_number=level.po_number, number=found[1], kind=found[0], carrier=level.carrier, routing=level.routing,
        service=level.service, lines=(line,) if quantity else (), also=also, place=line.place,
    )  # fmt: skip


def _shipped(node: Node) -> tuple[datetime | None, str]:
    """When it was shipped (DTM 011), and in which zone: by the shipment's level, the notice itself, or any level."""
    levels = list(node.loops("HL"))
    for place in (*(level for level in levels if level.head.get(3) == "S"), node, *levels):
        for dtm in place.all("DTM"):
            found = day(dtm.get(2))
            if dtm.get(1) == "011" and found is not None:
                return datetime.combine(found, clock_time(dtm.get(3)) or time()), dtm.get(4)
    return None, ""
