"""Replaying an order's blue book: what its events say must be what the order is."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from engine import db
from engine.services import chain, feed, loading
from engine.services.casefile import snapshot


async def final() -> None:
    """What was written is there for those who read the feed."""
    if db.is_postgres():  # whose news wait for the oldest transaction in the whole server
        while await feed.latest() < await db.value("SELECT MAX(xid) FROM audit_events"):
            await asyncio.sleep(0.02)


async def replay(order_id: int) -> dict[str, Any]:
    """The order as its events tell it, checked on the way: each ``before`` is what was, each hash hangs on the last."""
    state: dict[str, Any] = {}
    previous = ""
    columns = ", ".join(chain.EVENT_COLUMNS)
    rows = await db.rows(f"SELECT {columns} FROM audit_events WHERE order_id = ? ORDER BY seq", order_id)
    for place, row in enumerate(rows, 1):
        seq, tag, prev_hash, found = row[1], row[4], row[12], row[13]
        assert seq == place, f"event {place} of order {order_id} is numbered {seq}"
        assert prev_hash == previous, f"event {seq} of order {order_id} does not hang on the one before"
        assert found == chain.event_hash(list(row)[:13]), f"event {seq} of order {order_id} is not what was hashed"
        previous = found
        for path, value in msgspec.json.decode(row[8]).items():
            assert state.get(path) == value, f"event {seq} ({tag}): {path} was {state.get(path)!r}, not {value!r}"
        for path, value in msgspec.json.decode(row[9]).items():
            if value is None:
                state.pop(path, None)
            else:
                state[path] = value
    head = await db.row("SELECT audit_seq, audit_hash FROM orders WHERE id = ?", order_id)
    assert head is not None
    assert (head[0], head[1]) == (len(rows), previous), f"order {order_id} forgot its last event"
    return state


async def verify(order_id: int) -> None:
    """Replaying the order's events gives the order as it stands."""
    while True:
        before = await _events(order_id)
        try:
            return await _compare(order_id)
        except AssertionError:
            if await _events(order_id) == before:
                raise
        # Somebody wrote between our reads (a page that was just clicked): what was read is of two moments, so read again.


async def _events(order_id: int) -> int:
    return int(await db.value("SELECT audit_seq FROM orders WHERE id = ?", order_id))


async def _compare(order_id: int) -> None:
    told, stands = await replay(order_id), snapshot((await loading.load([order_id]))[0])
    different = {
        path: (told.get(path), stands.get(path))
        for path in {*told, *stands}
        if told.get(path) != stands.get(path)
    }  # fmt: skip
    assert not different, f"order {order_id}: told and found differ: {different}"


async def sentences(order_id: int) -> list[str]:
    """What the events say, in order, each with its tag."""
    rows = await db.rows("SELECT tag, message FROM audit_events WHERE order_id = ? ORDER BY seq", order_id)
    return [f"{r[0]} {r[1]}" for r in rows]
