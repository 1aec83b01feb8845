"""Changes of settings are in the blue book too: one chain for all of them, under order 0."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from engine import clock, db
from engine.errors import Overtaken
from engine.services.chain import EVENT_COLUMNS, encode, event_hash
from engine.services.lifecycle import Actor

_LOCK = 727_001
OWN = "settings."
"""Before the name of a connector's own setting: some are called as options are."""


class Change(NamedTuple):
    """Who set what to which value, and when; of a secret the value is ``***``. ``seq`` is its place in the chain."""

    name: str
    by: str
    at: datetime
    value: Any
    seq: int


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


async def changes(subject: str, since: int) -> list[Change]:
    """What was set about the subject after the change ``since``, the newest of each name; connectors' settings under OWN."""
    found = await db.rows(
        "SELECT seq, at, actor, before, after FROM audit_events WHERE order_id = 0 AND seq > ? AND subject = ? ORDER BY seq",
        since, subject,
    )  # fmt: skip
    newest: dict[str, Change] = {}
    for seq, at, actor, before, after in found:
        was = _flat(msgspec.json.decode(before))
        for name, value in _flat(msgspec.json.decode(after)).items():
            if name not in was or was[name] != value:
                newest[name] = Change(name, str(actor), clock.moment(at), value, int(seq))
    return list(newest.values())


async def not_overtaken(subject: str, since: int, wanted: Mapping[str, Any], rests: Collection[str] = ()) -> None:
    """Nobody has set otherwise what is ``wanted``, or anything of what it ``rests`` on, after the change ``since``.

    Raises Overtaken. Call it in the transaction that makes the change, when nobody else can make one (``alone``).
    """
    found = [
        change for change in await changes(subject, since)
        if change.name in rests or (change.name in wanted and change.value != wanted[change.name])
    ]  # fmt: skip
    if found:
        said = " and ".join(
            f"{c.by} set {c.name.removeprefix(OWN)} to {c.value!r} at {c.at:%Y-%m-%d %H:%M} UTC" for c in found
        )
        raise Overtaken(f"{said}; nothing was saved", found, wanted)


def _flat(values: Mapping[str, Any]) -> dict[str, Any]:
    own = values.get("settings")
    flat = {name: value for name, value in values.items() if name != "settings"}
    return flat | {f"{OWN}{name}": value for name, value in (own if isinstance(own, dict) else {}).items()}
