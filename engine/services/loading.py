"""Rows to records: orders with all their parts, a fixed number of queries for any number of orders."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from engine import db
from engine.services.casefile import (
    Case,
    IssueRecord,
    LineRecord,
    OrderRecord,
    PurchaseLineRecord,
    PurchaseRecord,
    Record,
    ShipmentRecord,
)


async def load(order_ids: Sequence[int], *, lock: bool = False) -> list[Case]:
    """The orders with their lines, purchase orders, shipments and open Issues; missing ids are left out."""
    if not order_ids:
        return []
    ids = db.padded(list(order_ids))
    among = db.marks(ids)
    for_update = " FOR UPDATE" if lock and db.is_postgres() else ""
    columns = OrderRecord.COLUMNS
    found = await db.lists(
        len(columns), f"SELECT {', '.join(columns)} FROM orders WHERE id IN ({among}) ORDER BY id{for_update}", *ids
    )
    cases = [Case(order=OrderRecord.of(row)) for row in found]
    if not cases:
        return []
    by_id = {case.order.id: case for case in cases}
    lines: dict[int, LineRecord] = {}
    for row in await _parts(LineRecord, "order_id", among, ids, "order_id, position"):
        line = LineRecord.of(row)
        lines[line.id] = line
        by_id[line.order_id].lines.append(line)
    purchases: dict[int, PurchaseRecord] = {}
    for row in await _parts(PurchaseRecord, "order_id", among, ids, "order_id, id"):
        po = PurchaseRecord.of(row)
        purchases[po.id] = po
        by_id[po.order_id].purchases.append(po)
    await _load_purchase_lines(purchases, lines)
    if any(po.sent_at is not None for po in purchases.values()):
        for row in await _parts(ShipmentRecord, "order_id", among, ids, "order_id, id"):
            shipment = ShipmentRecord.of(row)
            shipment.purchase = purchases[shipment.purchase_order_id]
            shipment.po_number = shipment.purchase.po_number
            by_id[shipment.order_id].shipments.append(shipment)
    for row in await _parts(IssueRecord, "order_id", among, ids, "id", "AND closed_at IS NULL"):
        issue = IssueRecord.of(row)
        issue.line = lines.get(issue.line_id) if issue.line_id else None
        issue.purchase = purchases.get(issue.purchase_order_id) if issue.purchase_order_id else None
        by_id[issue.order_id].issues.append(issue)
    return cases


async def _parts(
    kind: type[Record], key: str, among: str, ids: Sequence[int], order: str, more: str = ""
) -> Sequence[Any]:
    sql = f"SELECT {', '.join(kind.COLUMNS)} FROM {kind.TABLE} WHERE {key} IN ({among}) {more} ORDER BY {order}"
    return await db.lists(len(kind.COLUMNS), sql, *ids)


async def _load_purchase_lines(purchases: dict[int, PurchaseRecord], lines: dict[int, LineRecord]) -> None:
    if not purchases:
        return
    ids = db.padded(list(purchases))
    for row in await _parts(PurchaseLineRecord, "purchase_order_id", db.marks(ids), ids, "purchase_order_id, position"):
        po_line = PurchaseLineRecord.of(row)
        po = purchases[po_line.purchase_order_id]
        po_line.po_number = po.po_number
        po_line.line = lines.get(po_line.order_line_id)
        po.lines.append(po_line)


async def load_contents(shipments: Sequence[ShipmentRecord]) -> None:
    """The parcels' ``contents`` are loaded."""
    wanted = {s.id: s for s in shipments if not s.contents and s.purchase is not None}
    if not wanted:
        return
    ids = db.padded(list(wanted))
    for row in await db.lists(
        3,
        "SELECT shipment_id, purchase_order_line_id, quantity FROM shipment_lines "
        f"WHERE shipment_id IN ({db.marks(ids)}) ORDER BY id",
        *ids,
    ):
        shipment = wanted[row[0]]
        assert shipment.purchase is not None
        po_line = next(line for line in shipment.purchase.lines if line.id == row[1])
        shipment.contents.append((po_line, row[2]))
