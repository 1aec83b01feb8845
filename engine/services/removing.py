"""Removing a channel or a supplier: it is used no more and in no list, its orders and blue books stay, its name is free again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from engine import clock, db
from engine.domain.states import OVER, OrderStatus, PurchaseState
from engine.errors import NotFound, Refused
from engine.services import catalog, distinct, dropping, job_subjects, schedule, settings_book, sharing
from engine.services.connections import Table
from engine.services.lifecycle import Actor

NAMED = 5
"""So many of the open orders are named where they stand in the way."""
_OPEN = tuple(status for status in OrderStatus if status not in OVER)
_UNDER_WAY = tuple(s for s in PurchaseState if s not in (PurchaseState.CANCELED, PurchaseState.CLOSED))
_GOES = {
    "channels": (("shipping_mappings", "shipping mapping"), ("listings", "mapped SKU"), ("listed_items", "imported listing")),
    "suppliers": (("shipping_mappings", "shipping mapping"), ("rules", "rule"), ("supplier_products", "offer")),
}  # fmt: skip
"""What nobody can use without it and is deleted with it, by table."""


async def consequence(table: Table, row_id: int) -> str:
    """What removing it means, in sentences to be asked about. Raises NotFound; Refused, saying what is in the way."""
    name = await _there(table, row_id)
    await _demand_over(table, row_id, name)
    counts = {noun: await _count(other, table, row_id) for other, noun in _GOES[table]}
    goes = ", ".join(_many(count, noun) for noun, count in counts.items() if count)
    more = f" With it {goes} are deleted." if goes else ""
    return (
        f"{name} is used no more, and its credentials are deleted here.{more} Its orders and their blue "
        f"books stay, under {(await _afterwards(table, row_id))['name']}. This cannot be undone."
    )


async def remove(table: Table, row_id: int, by: Actor) -> str:
    """It is used no more and in no list, its credentials are deleted, and its name is free; a sentence. Its orders stay.

    Raises NotFound; Refused where orders of it are open, or payloads of it unread, saying which and what to do.
    """
    noun = table[:-1]
    async with db.transaction():
        await settings_book.alone()
        # Held against orders that are on their way in: they are seen below, or see that it is gone.
        name = await _there(table, row_id, hold=True)
        await _demand_over(table, row_id, name)
        jobs = await _jobs(table, row_id)
        gone = {}
        for other, _ in _GOES[table]:
            gone[other] = await db.run(f"DELETE FROM {other} WHERE {noun}_id = ?", row_id)
        await sharing.end_grants(table, row_id)
        await db.run(f"DELETE FROM schedules WHERE subject_id = ? AND task LIKE '{table}.%'", row_id)
        await db.run("DELETE FROM rate_buckets WHERE source = ? AND source_id = ?", table, row_id)
        called = await _afterwards(table, row_id)
        before = dict(zip(called, tuple(await _row(table, row_id, called)), strict=True))
        await _archive(table, row_id, called)
        await settings_book.note(
            by, f"{noun}:remove", name, subject=f"{noun} {row_id}", before=before,
            after=called | {"enabled": False, "credentials": "deleted", "deleted": gone},
        )  # fmt: skip
    catalog.forget(table, row_id)
    for job_id in jobs:
        # What is about an order stands in its blue book too. One that a worker has just then ends by itself: all is off.
        await _drop(job_id, by)
    await schedule.ensure()
    return f"{name} is removed; its orders stay, under {called['name']}"


async def _archive(table: Table, row_id: int, called: dict[str, str]) -> None:
    told = {**called, "enabled": False, "paused_reason": "", "last_error": "", "secrets": "{}"}
    told |= {"archived_at": clock.micros(clock.now())} | ({"auto_process": False} if table == "channels" else {})
    columns = ", ".join(f"{column} = ?" for column in told)
    await db.run(f"UPDATE {table} SET {columns} WHERE id = ?", *told.values(), row_id)


async def _there(table: Table, row_id: int, *, hold: bool = False) -> str:
    holding = " FOR UPDATE" if hold and db.is_postgres() else ""
    name = await db.value(f"SELECT name FROM {table} WHERE id = ? AND archived_at IS NULL{holding}", row_id)
    if name is None:
        raise NotFound(f"there is no {table[:-1]} {row_id}, or it was removed")
    return str(name)


async def _row(table: Table, row_id: int, columns: Sequence[str] | dict[str, str]) -> Any:
    return await db.row(f"SELECT {', '.join(columns)} FROM {table} WHERE id = ?", row_id)


async def _afterwards(table: Table, row_id: int) -> dict[str, str]:
    """What it is called once it is removed: as before, and that it is, so that what it was called is free."""
    columns = ("name",) if table == "channels" else ("name", "code")
    row = await _row(table, row_id, columns)
    found = {}
    for place, column in enumerate(columns):
        taken = {str(r[0]).casefold() for r in await db.rows(f"SELECT {column} FROM {table}")}
        for number in range(1, len(taken) + 2):
            mark = f" (removed{f' {number}' if number > 1 else ''})" if column == "name" else f"~{number}"
            text = str(row[place])[: distinct.LONGEST[column] - len(mark)] + mark
            if text.casefold() not in taken:
                found[column] = text
                break
    return found


async def _count(other: str, table: Table, row_id: int) -> int:
    return int(await db.value(f"SELECT COUNT(*) FROM {other} WHERE {table[:-1]}_id = ?", row_id))


async def _jobs(table: Table, row_id: int) -> list[int]:
    condition, values = job_subjects.needing(table, row_id)
    found = await db.rows(
        f"SELECT id FROM outbox WHERE state IN ('ready', 'dead') AND ({condition} OR outbox.key IN (?, ?)) ORDER BY id",
        *values, f"paused:{table}:{row_id}", f"auto:{row_id}" if table == "channels" else "",
    )  # fmt: skip
    return [int(row[0]) for row in found]


async def _drop(job_id: int, by: Actor) -> None:
    try:
        await dropping.drop(job_id, by)
    except (NotFound, Refused):  # over meanwhile
        return


async def _demand_over(table: Table, row_id: int, name: str) -> None:
    """Nothing of it is under way; raises Refused saying what is, and what to do."""
    unread = await db.value(
        "SELECT COUNT(*) FROM inbound_messages WHERE source = ? AND source_id = ? AND state IN ('parked', 'stored')",
        table[:-1], row_id,
    )  # fmt: skip
    if unread:
        raise Refused(
            f"{name} cannot be removed: not all that it sent is read ({_many(int(unread), 'payload')}); read or ignore it "
            "in the inbox first (`bluebook inbox ls`)"
        )
    if table == "channels":
        where, values = f"o.channel_id = ? AND o.status IN ({db.marks(_OPEN)})", (row_id, *_OPEN)
        todo = "have them shipped, or cancel them; until then `bluebook channels pause` or disabling it ends the pulls"
    else:
        where = (
            f"o.status IN ({db.marks(_OPEN)}) AND o.id IN (SELECT p.order_id FROM purchase_orders AS p "
            f"WHERE p.supplier_id = ? AND p.state IN ({db.marks(_UNDER_WAY)}) AND NOT p.superseded)"
        )
        values = (*_OPEN, row_id, *_UNDER_WAY)
        todo = (
            "wait until they have shipped, cancel them, or give what is not sent to another supplier; until then disabling it "
            "has no new order go there"
        )
    found = await db.rows(f"SELECT o.number FROM orders AS o WHERE {where} ORDER BY o.id LIMIT {NAMED + 1}", *values)
    if found:
        count = int(await db.value(f"SELECT COUNT(*) FROM orders AS o WHERE {where}", *values))
        more = f" and {count - NAMED} more" if count > NAMED else ""
        named = ", ".join(str(row[0]) for row in found[:NAMED]) + more
        raise Refused(f"{name} cannot be removed: not all of its orders are over ({named}); {todo}")


def _many(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
