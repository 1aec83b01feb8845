"""Changes of settings are in the blue book too: one chain for all of them, under order 0."""

from __future__ import annotations

from typing import Any

from engine import clock, db
from engine.services.lifecycle import EVENT_COLUMNS, Actor, encode, event_hash

_LOCK = 727_001


async def head(*, hold: bool = False) -> int:
    """How many changes of settings there were; with ``hold`` there are no others before the present transaction ends."""
    if hold and db.is_postgres():  # on SQLite nobody else writes in a transaction anyway
        await db.rows("SELECT pg_advisory_xact_lock_shared(?)", _LOCK)
    return int(await db.value("SELECT COALESCE(MAX(seq), 0) FROM audit_events WHERE order_id = 0") or 0)


async def alone() -> None:
    """Nobody else changes settings before the present transaction ends: what is looked up in it holds until then."""
    if db.is_postgres():  # on SQLite nobody else writes in a transaction anyway
        await db.rows("SELECT pg_advisory_xact_lock(?)", _LOCK)


async def note(
    by: Actor, subject_action: str, message: str, *, subject: str, before: dict[str, Any], after: dict[str, Any]
) -> None:
    """The change is the newest event of the settings chain. Call it in the transaction that makes the change.

    Secrets do not belong in ``before`` and ``after``; give "***" for them.
    """
    await alone()  # two writers must not hang an event on the same end of the chain
    last = await db.row("SELECT seq, hash FROM audit_events WHERE order_id = 0 ORDER BY seq DESC LIMIT 1")
    seq, previous = (int(last[0]) + 1, str(last[1])) if last else (1, "")
    row = [
        0, seq, clock.micros(clock.now()), by.name, f"{by.source}:{subject_action}", subject[:60], message, by.cause,
        encode(before), encode(after), "{}", None, previous,
    ]  # fmt: skip
    await db.insert("audit_events", EVENT_COLUMNS, [[*row, event_hash(row)]])
