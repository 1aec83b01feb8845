"""What a list shows of its orders' parts: each line with who ships it and its parcels, and the open Issues."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from engine import db
from engine.domain.issues import ISSUES, IssueCode
from engine.domain.states import DEAD


class LineCell(msgspec.Struct, frozen=True, kw_only=True):
    """One line of an order. ``supplier`` is "" while nobody ships it, ``state`` its purchase order's, "" without one.

    ``trackings`` are the (number, URL) of the parcels it went in; an URL may be "".
    """

    order_id: int
    line_id: int
    sku: str
    title: str
    quantity: int
    supplier: str = ""
    state: str = ""
    message: str = ""
    trackings: tuple[tuple[str, str], ...] = ()


async def lines_of(order_ids: Sequence[int]) -> dict[int, list[LineCell]]:
    """The lines of these orders by order, in their order. Three queries, by index."""
    if not order_ids:
        return {}
    wanted = db.padded(list(order_ids))
    these = db.marks(wanted)
    lines = await db.rows(
        "SELECT order_id, id, sku, title, quantity - canceled FROM order_lines "
        f"WHERE order_id IN ({these}) ORDER BY order_id, position, id",
        *wanted,
    )
    serving: dict[int, tuple[str, str, str]] = {}
    for row in await db.rows(
        "SELECT l.order_line_id, s.code, p.state, p.message, p.superseded FROM purchase_orders AS p "
        "JOIN suppliers AS s ON s.id = p.supplier_id JOIN purchase_order_lines AS l ON l.purchase_order_id = p.id "
        f"WHERE p.order_id IN ({these}) ORDER BY p.id",
        *wanted,
    ):
        # What failed and was replaced no longer counts; of several that do, the latest.
        if not row[4] and (row[2] not in DEAD or row[0] not in serving):
            serving[int(row[0])] = (row[1], row[2], row[3] or "")
    parcels: dict[int, dict[str, str]] = {}
    for row in await db.rows(
        "SELECT l.order_line_id, s.tracking_number, s.tracking_url FROM shipments AS s "
        "JOIN shipment_lines AS c ON c.shipment_id = s.id JOIN purchase_order_lines AS l ON l.id = c.purchase_order_line_id "
        f"WHERE s.order_id IN ({these}) ORDER BY s.id",
        *wanted,
    ):
        parcels.setdefault(int(row[0]), {})[str(row[1])] = str(row[2] or "")
    found: dict[int, list[LineCell]] = {}
    for row in lines:
        supplier, state, message = serving.get(int(row[1]), ("", "", ""))
        found.setdefault(int(row[0]), []).append(
            LineCell(
                order_id=int(row[0]), line_id=int(row[1]), sku=row[2], title=row[3], quantity=int(row[4]),
                supplier=supplier, state=state, message=message, trackings=tuple(parcels.get(int(row[1]), {}).items()),
            )
        )  # fmt: skip
    return found


class IssueCell(msgspec.Struct, frozen=True):
    """An open Issue of an order: what is wrong, and what to do. ``resolutions`` are the ways to close it."""

    id: int
    order_id: int
    code: IssueCode
    title: str
    message: str
    todo: str
    resolutions: tuple[str, ...]


async def issues_of(order_ids: Sequence[int]) -> dict[int, list[IssueCell]]:
    """The open Issues of these orders by order, in the order they were opened. One query, by index."""
    if not order_ids:
        return {}
    wanted = db.padded(list(order_ids))
    found: dict[int, list[IssueCell]] = {}
    for row in await db.rows(
        f"SELECT id, order_id, code, message FROM issues WHERE order_id IN ({db.marks(wanted)}) AND closed_at IS NULL "
        "ORDER BY id",
        *wanted,
    ):
        kind = ISSUES[IssueCode(row[2])]
        cell = IssueCell(int(row[0]), int(row[1]), kind.code, kind.title, str(row[3]), kind.todo, kind.resolutions)
        found.setdefault(cell.order_id, []).append(cell)
    return found
