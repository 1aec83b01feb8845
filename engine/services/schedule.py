"""What is done again and again: polling channels and suppliers, looking at what ends soon, and
the sweep. Rows say when, workers only look.

A schedule's key is its job's key too, so a poll that still runs is not queued twice.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

import msgspec

from engine import clock, db
from engine.connectors import registry
from engine.errors import Invalid, NotFound
from engine.services import outbox
from engine.services.outbox import NewJob

SWEEP = "system.sweep"
SWEEP_SECONDS = 5.0
CERTIFICATES = "system.certificates"
GRANTS = "channels.grants"
WEBHOOKS = "webhooks.collect"
WEBHOOKS_SECONDS = 2.0
HOUR_SECONDS, DAY_SECONDS = 3_600.0, 86_400.0


class Wanted(msgspec.Struct, frozen=True):
    """A schedule as it ought to be."""

    key: str
    task: str
    subject_id: int
    every_seconds: float
    enabled: bool
    first_after: float = 0.0


def key(task: str, subject_id: int) -> str:
    """The key of a schedule and of its jobs: ``channels.poll:3``."""
    return f"{task}:{subject_id}"


async def ensure() -> None:
    """Every channel, every supplier and the sweep have their schedules; those paused, disabled or gone are off."""
    wanted = {want.key: want for want in await _wanted()}
    present = {
        row[0]: row
        for row in await db.rows("SELECT key, task, subject_id, every_seconds, enabled, next_at FROM schedules")
    }
    changed = [want for want in wanted.values() if _differs(want, present.get(want.key))]
    gone = [name for name, row in present.items() if name not in wanted and row[4]]
    if not changed and not gone:
        return
    async with db.transaction():
        await _store(changed)
        await db.many("UPDATE schedules SET enabled = ? WHERE key = ?", [(False, name) for name in gone])


def _differs(want: Wanted, row: db.Row | None) -> bool:
    return row is None or (row[3], bool(row[4])) != (want.every_seconds, want.enabled)


async def _wanted() -> list[Wanted]:
    found = [
        Wanted(key(SWEEP, 0), SWEEP, 0, SWEEP_SECONDS, True),
        Wanted(key(CERTIFICATES, 0), CERTIFICATES, 0, DAY_SECONDS, True, first_after=HOUR_SECONDS),
        Wanted(key(GRANTS, 0), GRANTS, 0, DAY_SECONDS, True, first_after=HOUR_SECONDS),
    ]
    if await db.value("SELECT 1 FROM webhooks WHERE enabled = ? LIMIT 1", True):
        found.append(Wanted(key(WEBHOOKS, 0), WEBHOOKS, 0, WEBHOOKS_SECONDS, True))
    for row in await db.rows(
        "SELECT id, poll_seconds, rescan_seconds, enabled, paused_reason, listings_seconds, connector FROM channels "
        "WHERE archived_at IS NULL"
    ):
        on = bool(row[3]) and not row[4]
        found.append(_of("channels.poll", row[0], row[1], on))
        found.append(_of("channels.rescan", row[0], row[2], on, first_after=row[2]))
        if registry.tells_listings(row[6]):
            # Orders come first where a channel is new.
            found.append(_of("channels.listings", row[0], row[5], on, first_after=60.0))
    suppliers = await db.rows(
        "SELECT id, poll_seconds, enabled, paused_reason FROM suppliers WHERE archived_at IS NULL"
    )
    return found + [_of("suppliers.poll", row[0], row[1], bool(row[2]) and not row[3]) for row in suppliers]


def _of(task: str, subject: int, seconds: int, on: bool, first_after: float = 0.0) -> Wanted:
    # An interval of nothing means: only when asked.
    return Wanted(key(task, subject), task, subject, float(max(seconds, 1)), on and seconds > 0, first_after)


async def _store(changed: Iterable[Wanted]) -> None:
    now = clock.now()
    await db.insert(
        "schedules",
        ("key", "task", "subject_id", "every_seconds", "next_at", "enabled"),
        [
            (want.key, want.task, want.subject_id, want.every_seconds,
             clock.micros(now + timedelta(seconds=want.first_after)), want.enabled)
            for want in changed
        ],
        "ON CONFLICT (key) DO UPDATE SET every_seconds = excluded.every_seconds, enabled = excluded.enabled, "
        "next_at = CASE WHEN excluded.next_at < schedules.next_at THEN excluded.next_at ELSE schedules.next_at END",
    )  # fmt: skip


async def tick(now: datetime) -> int:
    """Schedules that are due have their job and their next time, once each however many workers look; how many."""
    at = clock.micros(now)
    due = await db.rows(
        "SELECT id, key, task, subject_id, every_seconds, next_at FROM schedules WHERE enabled = ? AND next_at <= ? "
        "ORDER BY id",
        True, at,
    )  # fmt: skip
    if not due:
        return 0
    async with db.transaction():
        # Whoever moves next_at on writes the job: the others find the old value gone.
        moved = [row for row in due if await _moved(row, at)]
        await outbox.put([NewJob(row[1], row[2], row[3], now) for row in moved])
    return len(moved)


async def _moved(row: db.Row, at: int) -> bool:
    count = await db.run(
        "UPDATE schedules SET next_at = ? WHERE id = ? AND next_at = ? AND enabled = ?",
        _after(row[5], row[4], at), row[0], row[5], True,
    )  # fmt: skip
    return count == 1


def _after(was: int, every_seconds: float, now: int) -> int:
    step = max(1, int(every_seconds * 1_000_000))
    return was + step * ((now - was) // step + 1)


async def trigger(name: str) -> None:
    """The schedule's job is due now, even where it backs off from an error; raises NotFound, Invalid when it is off."""
    row = await db.row("SELECT task, subject_id, every_seconds, enabled FROM schedules WHERE key = ?", name)
    if row is None:
        raise NotFound(f"nothing is scheduled as {name}")
    if not row[3]:
        raise Invalid(f"{name} is off: the connection is paused or disabled; resume it first")
    now = clock.now()
    async with db.transaction():
        await db.run(
            "UPDATE schedules SET next_at = ? WHERE key = ?",
            clock.micros(now + timedelta(seconds=row[2])), name,
        )  # fmt: skip
        await outbox.put([NewJob(name, row[0], row[1], now)])
        await db.run(
            "UPDATE outbox SET run_at = ?, relayed_at = NULL WHERE key = ? AND state = 'ready' AND run_at > ?",
            clock.micros(now), name, clock.micros(now),
        )  # fmt: skip
