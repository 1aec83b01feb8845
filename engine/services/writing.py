"""Records to rows: new ones are inserted, changed ones updated, many in a statement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from engine import db
from engine.errors import StaleState
from engine.services.casefile import Case


async def assign(last_ids: Mapping[str, int], *groups: Sequence[Any]) -> None:
    """Every new record has its id; a group holds records of one table. See ``db.reserve``."""
    fresh = {group[0].TABLE: [record for record in group if record.is_new] for group in groups if group}
    reserved = await db.reserve({table: len(records) for table, records in fresh.items()}, last_ids)
    for table, ids in reserved.items():
        for record, new in zip(fresh[table], ids, strict=True):
            record.id = new


async def write(records: Sequence[Any], *, versioned: bool = False) -> None:
    """New records are inserted and dirty ones updated; raises StaleState when someone else changed one meanwhile."""
    fresh = [record for record in records if record.is_new]
    if fresh:
        await db.insert(fresh[0].TABLE, fresh[0].COLUMNS, list(map(fresh[0].row, fresh)))
    groups: dict[tuple[str, ...], list[Any]] = {}
    for record in records:
        if record.dirty and not record.is_new:
            groups.setdefault(tuple(sorted(record.dirty)), []).append(record)
        record.is_new = False
        record.dirty = set()
    for fields, group in groups.items():
        keys = ("id", "version") if versioned else ("id",)
        rows = [[getattr(record, name) for name in (*fields, *keys)] for record in group]
        await _update(fields, keys, group, rows)
        for record in group if versioned else ():
            record.version += 1


async def _update(fields: tuple[str, ...], keys: tuple[str, ...], group: list[Any], rows: list[list[Any]]) -> None:
    table = group[0].TABLE

    def all_there(count: int) -> None:
        if count != len(group):
            raise _stale(group)

    sets = ", ".join([*([f"version = {table}.version + 1"] if "version" in keys else []),
                      *(f"{name} = v.{name}" for name in fields)])  # fmt: skip
    where = " AND ".join(f"{table}.{name} = v.{name}" for name in keys)
    await db.update(table, (*fields, *keys), sets, where, rows, all_there)


def _stale(records: Sequence[Any]) -> StaleState:
    lost = ", ".join(str(record.path or record.number) for record in records)
    return StaleState(f"{lost} was changed by someone else meanwhile: read again and decide again")


async def assign_all(cases: list[Case], last_ids: Mapping[str, int]) -> None:
    """Every record of the orders has its id, and the ids of what it belongs to; see ``assign``."""
    purchases = [po for case in cases for po in case.purchases]
    await assign(
        last_ids,
        [case.order for case in cases],
        [line for case in cases for line in case.lines],
        purchases,
        [po_line for po in purchases for po_line in po.lines],
        [shipment for case in cases for shipment in case.shipments],
        [issue for case in cases for issue in case.issues],
    )
    for case in cases:
        order_id = case.order.id
        for line in case.lines:
            line.order_id = order_id
        for po in case.purchases:
            po.order_id = order_id
            for po_line in po.lines:
                po_line.purchase_order_id = po.id
                if po_line.line is not None:
                    po_line.order_line_id = po_line.line.id
        for shipment in case.shipments:
            shipment.order_id = order_id
            if shipment.purchase is not None:
                shipment.purchase_order_id = shipment.purchase.id
        for issue in case.issues:
            issue.order_id = order_id
            issue.line_id = issue.line.id if issue.line else issue.line_id
            issue.purchase_order_id = issue.purchase.id if issue.purchase else issue.purchase_order_id


async def write_all(cases: list[Case]) -> None:
    """The orders and all their parts are as they are in memory; see ``write``."""
    purchases = [po for case in cases for po in case.purchases]
    shipments = [shipment for case in cases for shipment in case.shipments]
    contents = [(s.id, po_line.id, quantity) for s in shipments if s.is_new for po_line, quantity in s.contents]
    await write([case.order for case in cases], versioned=True)
    await write([line for case in cases for line in case.lines])
    await write(purchases, versioned=True)
    removed = [(po_line.id,) for case in cases for po_line in case.removed]
    await db.many("DELETE FROM purchase_order_lines WHERE id = ?", removed)
    await write([po_line for po in purchases for po_line in po.lines])
    await write(shipments, versioned=True)
    await db.insert("shipment_lines", ("shipment_id", "purchase_order_line_id", "quantity"), contents)
    await write([issue for case in cases for issue in case.issues])
