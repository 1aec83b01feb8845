"""Beats: which worker processes there are, when each was last alive, and which was the last there was."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from engine import clock, db

ALIVE_SECONDS = 15.0
"""A worker that was not seen for so long has stopped (it beats every two seconds)."""
KEPT = timedelta(hours=1)
LAST = "last"
"""The id of the row that stays: of those that are gone, the one that was seen last. A worker's own id has colons."""

_COLUMNS = "host, pid, started_at, seen_at, jobs_done, version"


class WorkerView(msgspec.Struct, frozen=True):
    """A worker process; ``alive``: seen within the last ``ALIVE_SECONDS``."""

    host: str
    pid: int
    started_at: datetime
    seen_at: datetime
    jobs_done: int
    version: str
    alive: bool


async def workers() -> list[WorkerView]:
    """The worker processes that have not left in good order, those seen last first."""
    found = await db.rows(f"SELECT {_COLUMNS} FROM heartbeats WHERE id <> ? ORDER BY seen_at DESC", LAST)
    return [_view(row) for row in found]


async def last() -> WorkerView | None:
    """The worker that was seen last, though it may have stopped in good order long ago; None where there never was one.

    One that has left is not alive, however short ago that was.
    """
    row = await db.row(f"SELECT {_COLUMNS}, id FROM heartbeats ORDER BY seen_at DESC LIMIT 1")
    if row is None:
        return None
    return msgspec.structs.replace(_view(row), alive=False) if row[6] == LAST else _view(row)


def _view(row: db.Row) -> WorkerView:
    seen = clock.moment(row[3])
    alive = (clock.now() - seen).total_seconds() < ALIVE_SECONDS
    return WorkerView(row[0], row[1], clock.moment(row[2]), seen, row[4], row[5], alive)


async def beat(worker: str, host: str, pid: int, started: int, done: int, version: str) -> None:
    """This worker is alive now, has run since ``started`` (microseconds) and done so many jobs."""
    await db.insert(
        "heartbeats",
        ("id", "host", "pid", "started_at", "seen_at", "jobs_done", "version"),
        [(worker, host, pid, started, clock.micros(clock.now()), done, version)],
        "ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at, jobs_done = excluded.jobs_done",
    )


async def leave(worker: str, done: int) -> None:
    """This worker has left in good order, now, with so many jobs ``done``.

    It is none of ``workers`` any more, and remembered as the last.
    """
    async with db.transaction():
        now = clock.micros(clock.now())
        await db.run("UPDATE heartbeats SET seen_at = ?, jobs_done = ? WHERE id = ?", now, done, worker)
        await _remember("id = ?", worker)


async def clear() -> None:
    """Workers that were not seen for an hour are none of ``workers`` any more; the last of them is remembered."""
    async with db.transaction():
        await _remember("seen_at < ?", clock.micros(clock.now() - KEPT))


async def _remember(where: str, value: object) -> None:
    await db.run(
        f"INSERT INTO heartbeats (id, {_COLUMNS}) SELECT '{LAST}', {_COLUMNS} FROM heartbeats WHERE id <> '{LAST}' "
        f"AND {where} ORDER BY seen_at DESC LIMIT 1 ON CONFLICT (id) DO UPDATE SET host = excluded.host, "
        "pid = excluded.pid, started_at = excluded.started_at, seen_at = excluded.seen_at, "
        "jobs_done = excluded.jobs_done, version = excluded.version WHERE excluded.seen_at >= heartbeats.seen_at",
        value,
    )
    await db.run(f"DELETE FROM heartbeats WHERE id <> '{LAST}' AND {where}", value)
