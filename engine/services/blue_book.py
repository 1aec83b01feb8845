"""Reading the blue book: an order's events, or those that concern one of its lines."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from engine import clock, db
from engine.errors import NotFound


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of the blue book. before and after: the values that changed, by path."""

    id: int
    order_id: int
    seq: int
    at: datetime
    actor: str
    source: str
    action: str
    subject: str
    message: str
    cause: str
    before: dict[str, Any]
    after: dict[str, Any]
    data: dict[str, Any]
    inbound_id: int | None
    hash: str


async def blue_book(
    order_id: int,
    *,
    subject: str | None = None,
    line_id: int | None = None,
    po_number: str | None = None,
    after_seq: int = 0,
    source: str | None = None,
) -> list[Event]:
    """The order's events in order, from after ``after_seq`` on. Order 0 is the settings' book.

    ``subject``: only its own (``po.1001-1``) and those of its parts; ``line_id``: what concerned that line, the whole
    order included, with the purchase orders and parcels that carry it; ``po_number``: what concerned that purchase order,
    with its parcels and Issues; ``source``: only those of person, worker …. Raises NotFound for what the order has not.
    """
    rows = await db.rows(
        "SELECT id, order_id, seq, at, actor, tag, subject, message, cause, before, after, data, inbound_id, hash "
        "FROM audit_events WHERE order_id = ? AND seq > ? ORDER BY seq",
        order_id,
        after_seq,
    )
    events = [_event(row) for row in rows]
    if source:
        events = [e for e in events if e.source == source]
    if subject:
        events = [e for e in events if e.subject == subject or e.subject.startswith(f"{subject}.")]
    if line_id is not None:
        roots, position, numbers = await _about(order_id, line_id)
        events = [e for e in events if _concerns(e.subject, roots, position, numbers)]
    if po_number is not None:
        if not await db.value(
            "SELECT 1 FROM purchase_orders WHERE po_number = ? AND order_id = ?", po_number, order_id
        ):
            raise NotFound(f"order {order_id} has no purchase order {po_number}")
        events = [e for e in events if _of_purchase(e.subject, po_number)]
    return events


def _of_purchase(subject: str, number: str) -> bool:
    if subject.startswith("issue."):
        return subject.endswith(f".{number}")
    return subject == f"po.{number}" or subject.startswith((f"po.{number}.", f"shipment.{number}."))


async def line_name(line_id: int) -> tuple[str, int]:
    """The SKU and the position of an order line; raises NotFound."""
    found = await db.row("SELECT sku, position FROM order_lines WHERE id = ?", line_id)
    if found is None:
        raise NotFound(f"there is no order line with the id {line_id}")
    return str(found[0]), int(found[1])


def _event(row: Any) -> Event:
    source, _, action = str(row[5]).partition(":")
    before, after, data = (msgspec.json.decode(row[n]) for n in (9, 10, 11))
    return Event(
        id=row[0], order_id=row[1], seq=row[2], at=clock.moment(row[3]), actor=row[4], source=source, action=action,
        subject=row[6], message=row[7], cause=row[8], before=before, after=after, data=data, inbound_id=row[12],
        hash=row[13],
    )  # fmt: skip


async def _about(order_id: int, line_id: int) -> tuple[set[str], int, set[str]]:
    """The subjects that concern a line, its position, and the numbers of the purchase orders that carry it."""
    position = await db.value("SELECT position FROM order_lines WHERE id = ? AND order_id = ?", line_id, order_id)
    if position is None:
        raise NotFound(f"order {order_id} has no line with the id {line_id}")
    rows = await db.rows(
        "SELECT p.po_number, CASE WHEN t.id IS NULL THEN NULL ELSE s.key END, l.position "
        "FROM purchase_order_lines AS l JOIN purchase_orders AS p ON p.id = l.purchase_order_id "
        "LEFT JOIN shipments AS s ON s.purchase_order_id = p.id "
        "LEFT JOIN shipment_lines AS t ON t.shipment_id = s.id AND t.purchase_order_line_id = l.id "
        "WHERE l.order_line_id = ?",
        line_id,
    )
    subjects = {"order", f"line.{position}"}
    numbers = set()
    for po_number, key, part in [tuple(r) for r in rows]:
        numbers.add(str(po_number))
        subjects |= {f"po.{po_number}", f"po.{po_number}.line.{part}"}
        if key is not None:
            subjects.add(f"shipment.{po_number}.{key}")
    return subjects, int(position), numbers


def _concerns(subject: str, roots: set[str], position: int, numbers: set[str]) -> bool:
    if subject in roots:
        return True
    # issue.<code>.<cause>.<line's position, 0: none>.<po number, "": none>
    if subject.startswith("issue."):
        line, _, number = subject.rpartition(".")
        return line.endswith((f".{position}", ".0")) and (not number or number in numbers)
    return False
