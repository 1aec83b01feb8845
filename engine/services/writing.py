"""Records to rows: new ones are inserted, changed ones updated, many in a statement."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from engine import db
from engine.errors import StaleState
from engine.services.casefile import BOOLEAN, OrderRecord, PurchaseRecord, Record, ShipmentRecord


async def assign(records: Sequence[Any], table: str) -> None:
    """Every new record has its id; call it in the transaction that inserts them."""
    fresh = [record for record in records if record.is_new]
    for record, new in zip(fresh, await db.reserve(table, len(fresh)), strict=True):
        record.id = new


async def write(records: Sequence[Any], *, versioned: bool = False) -> None:
    """New records are inserted and dirty ones updated; raises StaleState when someone else changed one meanwhile."""
    fresh = [record for record in records if record.is_new]
    if fresh:
        await db.insert(fresh[0].TABLE, fresh[0].COLUMNS, [record.values() for record in fresh])
    groups: dict[tuple[str, ...], list[Any]] = {}
    for record in records:
        if record.dirty and not record.is_new:
            groups.setdefault(tuple(sorted(record.dirty)), []).append(record)
        record.is_new = False
        record.dirty = set()
    for fields, group in groups.items():
        if versioned:
            await _update_versioned(fields, group)
        else:
            sets = ", ".join(f"{name} = ?" for name in fields)
            await db.many(
                f"UPDATE {group[0].TABLE} SET {sets} WHERE id = ?",
                [[*(getattr(record, name) for name in fields), record.id] for record in group],
            )


def _is_text(kind: type[Record], name: str) -> bool:
    return "str" in str(kind.__annotations__[name])


_TEXT = frozenset(
    {name for kind in (OrderRecord, PurchaseRecord, ShipmentRecord) for name in kind.COLUMNS if _is_text(kind, name)}
)


def _cast(name: str) -> str:
    if name in BOOLEAN:
        return "CAST(? AS BOOLEAN)"
    return "CAST(? AS TEXT)" if name in _TEXT else "CAST(? AS BIGINT)"


async def _update_versioned(fields: tuple[str, ...], group: list[Any]) -> None:
    table = group[0].TABLE
    size = max(1, min(200, db.MAX_PARAMETERS // (len(fields) + 2)))
    for start in range(0, len(group), size):
        chunk = group[start : start + size]
        columns = ("id", "version", *fields)
        one = f"({', '.join(_cast(name) for name in columns)})"
        padded = db.padded(chunk)
        sets = ", ".join(f"{name} = v.{name}" for name in fields)
        sql = (
            f"WITH v ({', '.join(columns)}) AS (VALUES {', '.join([one] * len(padded))}) "
            f"UPDATE {table} SET version = {table}.version + 1, {sets} FROM v "
            f"WHERE {table}.id = v.id AND {table}.version = v.version RETURNING {table}.id"
        )
        values = [value for r in padded for value in (r.id, r.version, *(getattr(r, name) for name in fields))]
        written = await db.rows(sql, *values)
        if len(written) != len(chunk):
            done = {int(row[0]) for row in written}
            lost = ", ".join(str(record.path or record.number) for record in chunk if record.id not in done)
            raise StaleState(f"{lost} was changed by someone else meanwhile: read again and decide again")
        for record in chunk:
            record.version += 1
