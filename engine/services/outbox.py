"""The jobs. Rows of the table ``outbox`` are the truth; a broker, where there is one, only carries word of them.

A job is ready, then claimed under a token and a lease, then done, ready again later, or dead. Only a claimed job has a
token, so whoever comes back late finds it gone and changes nothing.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeAlias

import msgspec

from engine import clock, db
from engine.errors import Invalid, NotFound
from engine.settings import settings

STOPPED = "the worker that had this job stopped without an answer"
SUSPECT_AFTER = 2
WINDOW = 2000  # how many waiting jobs the relay may have under way in a broker
NEAR = 200  # among how many of the oldest a suspect is looked for
_MAX_ERROR = 4000

_COLUMNS = ("key", "task", "subject_id", "args", "state", "run_at", "created_at", "attempts", "token", "error")
_LIVE_KEY = "ON CONFLICT (key) WHERE state IN ('ready', 'claimed') DO NOTHING"
_SUSPECT = "(error = ? AND attempts >= ?)"
_JOB = "id, key, task, subject_id, args, attempts, token, error"


class NewJob(msgspec.Struct, frozen=True):
    """A job to be written. ``key`` is unique among live jobs; ``run_at`` None means at once.

    ``error``: it is another try of what one before it could not do, and why that could not.
    """

    key: str
    task: str
    subject_id: int = 0
    run_at: datetime | None = None
    args: dict[str, Any] = msgspec.field(default_factory=dict)
    error: str = ""


class Job(msgspec.Struct, frozen=True):
    """A claimed job. ``suspect``: its workers stopped without an answer, twice or more, so it is run by itself."""

    id: int
    key: str
    task: str
    subject_id: int
    args: dict[str, Any]
    attempts: int
    token: str
    suspect: bool = False
    error: str = ""  # how it ended the last time

    def __hash__(self) -> int:
        return hash((self.id, self.token))


class Done(msgspec.Struct, frozen=True):
    """The job is over."""


class Retry(msgspec.Struct, frozen=True):
    """The job is due again in ``after`` seconds; None leaves it to ``backoff``."""

    after: float | None = None
    error: str = ""


class Dead(msgspec.Struct, frozen=True):
    """The job waits for a person, ``error`` says why."""

    error: str


Outcome: TypeAlias = Done | Retry | Dead


class Waiting(msgspec.Struct, frozen=True):
    """A due job as the relay names it to a broker."""

    id: int
    task: str


class JobView(msgspec.Struct, frozen=True):
    """A job as people see it."""

    id: int
    key: str
    task: str
    subject_id: int
    state: str
    run_at: datetime
    created_at: datetime
    attempts: int
    error: str
    lease_until: datetime | None
    finished_at: datetime | None


class Again(msgspec.Struct, frozen=True):
    """How many jobs wait for another try, the last having come to nothing, and the one that is the oldest of them."""

    count: int = 0
    oldest: JobView | None = None


def backoff(attempts: int) -> float:
    """Seconds to wait after so many attempts that failed: doubling from one to two, with jitter, up to the cap."""
    return min(settings().max_backoff_seconds, 2.0 ** min(attempts, 30)) * random.uniform(0.5, 1.0)  # noqa: S311


def _now() -> int:
    return clock.micros(clock.now())


def _lease() -> int:
    return clock.micros(clock.now() + timedelta(seconds=settings().lease_seconds))


def _later(seconds: float) -> int:
    return clock.micros(clock.now() + timedelta(seconds=seconds))


def _job(row: Sequence[Any]) -> Job:
    args = row[4]
    return Job(row[0], row[1], row[2], row[3], msgspec.json.decode(args) if args != "{}" else {}, row[5], row[6],
               _suspect(row[7], row[5]), row[7])  # fmt: skip


def _suspect(error: str, attempts: int) -> bool:
    # Once is taken for a crash or a power cut, so that recovering from one is not slow.
    return error == STOPPED and attempts >= SUSPECT_AFTER


async def put(jobs: Sequence[NewJob]) -> None:
    """The jobs are due once the caller's transaction commits; one whose key a live job has already is left out."""
    now = _now()
    values = [
        (job.key, job.task, job.subject_id, msgspec.json.encode(job.args).decode(), "ready",
         clock.micros(job.run_at) if job.run_at else now, now, 0, "", job.error[:_MAX_ERROR])
        for job in jobs
    ]  # fmt: skip
    await db.insert("outbox", _COLUMNS, values, _LIVE_KEY)


async def claim(*, limit: int, token: str, tasks: Sequence[str] | None = None, suspects: int = NEAR) -> list[Job]:
    """Up to ``limit`` due jobs, oldest first, now leased to ``token``; among them at most so many suspects.

    Idle, it only reads.
    """
    now = _now()
    where, values = "state = 'ready' AND run_at <= ?", list[Any]([now])
    if tasks is not None:
        where, values = f"{where} AND task IN ({db.marks(tasks)})", [now, *tasks]
    if limit < 1 or await db.value(f"SELECT 1 FROM outbox WHERE {where} ORDER BY run_at LIMIT 1", *values) is None:
        return []
    locking = "FOR UPDATE SKIP LOCKED" if db.is_postgres() else ""
    # Suspects are left where they are until one may be run: claiming them to put them back would cost all others.
    # They are looked for among the oldest only, so that a long queue is not read from end to end at every turn.
    found = await db.rows(
        f"WITH due AS MATERIALIZED (SELECT id FROM outbox WHERE {where} AND NOT {_SUSPECT} "
        f"ORDER BY run_at, id LIMIT ? {locking}), "
        f"near AS MATERIALIZED (SELECT id, attempts, error FROM outbox WHERE {where} ORDER BY run_at, id LIMIT ?), "
        f"odd AS MATERIALIZED (SELECT id FROM near WHERE {_SUSPECT} LIMIT ?) "
        "UPDATE outbox SET state = 'claimed', token = ?, lease_until = ? WHERE state = 'ready' "
        f"AND id IN (SELECT id FROM due UNION ALL SELECT id FROM odd) RETURNING {_JOB}, run_at",
        *values, STOPPED, SUSPECT_AFTER, limit, *values, NEAR, STOPPED, SUSPECT_AFTER, suspects, token, _lease(),
    )  # fmt: skip
    return [_job(row) for row in sorted(found, key=lambda row: (row[8], row[0]))]


async def take(ids: Sequence[int], token: str) -> list[Job]:
    """Those of the named jobs that are due, or whose lease ran out, now leased to ``token``."""
    if not ids:
        return []
    now, most = _now(), settings().max_attempts
    # The last expiry is left to ``reclaim``, which ends the job. CASE keeps the planner to the ids: without fresh
    # statistics PostgreSQL would read every waiting job by the indexes on the states.
    where = (
        f"id IN ({db.marks(wanted := db.padded(sorted(ids)))}) AND CASE state WHEN 'ready' THEN run_at <= ? "
        "WHEN 'claimed' THEN lease_until < ? AND (attempts + 1 < ? OR error NOT IN ('', ?)) ELSE FALSE END"
    )
    if await db.value(f"SELECT 1 FROM outbox WHERE {where} LIMIT 1", *wanted, now, now, most, STOPPED) is None:
        return []
    locking = "FOR UPDATE SKIP LOCKED" if db.is_postgres() else ""
    found = await db.rows(
        f"WITH due AS MATERIALIZED (SELECT id FROM outbox WHERE {where} ORDER BY id {locking}) "
        "UPDATE outbox SET attempts = CASE WHEN state = 'claimed' THEN attempts + 1 ELSE attempts END, "
        "error = CASE WHEN state = 'claimed' THEN ? ELSE error END, state = 'claimed', token = ?, lease_until = ? "
        f"WHERE id IN (SELECT id FROM due) RETURNING {_JOB}",
        *wanted, now, now, most, STOPPED, STOPPED, token, _lease(),
    )  # fmt: skip
    return sorted(map(_job, found), key=lambda job: job.id)


async def held(ids: Sequence[int], token: str) -> list[Job]:
    """Those of the named jobs that ``token`` still holds."""
    if not ids:
        return []
    wanted = db.padded(ids)
    found = await db.lists(
        8, f"SELECT {_JOB} FROM outbox WHERE id IN ({db.marks(wanted)}) AND token = ?", *wanted, token,
    )  # fmt: skip
    return sorted(map(_job, found), key=lambda job: job.id)


async def finish(results: Mapping[Job, Outcome]) -> None:
    """Each job has its outcome, in one transaction; jobs whose token is no longer the row's stay as they are."""
    done: dict[str, list[int]] = {}
    again, dead = [], []
    for job, outcome in results.items():
        match outcome:
            case Done():
                done.setdefault(job.token, []).append(job.id)
            case Retry(after=after, error=error):
                wait = backoff(job.attempts + 1) if after is None else after
                again.append((_later(wait), job.attempts + 1, error[:_MAX_ERROR], job.id, job.token))
            case Dead(error=error):
                dead.append((_now(), job.attempts + 1, error[:_MAX_ERROR], job.id, job.token))
    if len(done) == 1 and not again and not dead:
        await _finish_done(*done.popitem())
        return
    async with db.transaction():
        for token, ids in done.items():
            await _finish_done(token, ids)
        await db.update(
            "outbox", ("run_at", "attempts", "error", "id", "token"),
            "state = 'ready', run_at = v.run_at, attempts = v.attempts, error = v.error, token = '', lease_until = NULL, "
            "relayed_at = NULL", "outbox.id = v.id AND outbox.token = v.token", again,
        )  # fmt: skip
        await db.many(
            "UPDATE outbox SET state = 'dead', finished_at = ?, attempts = ?, error = ?, token = '', "
            "lease_until = NULL WHERE id = ? AND token = ?",
            dead,
        )


async def _finish_done(token: str, ids: Sequence[int]) -> None:
    wanted = db.padded(ids)
    await db.run(
        "UPDATE outbox SET state = 'done', finished_at = ?, error = '', token = '', lease_until = NULL "
        f"WHERE id IN ({db.marks(wanted)}) AND token = ?",
        _now(), *wanted, token,
    )  # fmt: skip


async def release(ids: Sequence[int], token: str, after: float = 0.0) -> None:
    """Those of the named jobs that ``token`` still holds are ready in ``after`` seconds, as if never claimed."""
    if not ids:
        return
    wanted = db.padded(ids)
    await db.run(
        "UPDATE outbox SET state = 'ready', run_at = ?, token = '', lease_until = NULL, relayed_at = NULL "
        f"WHERE id IN ({db.marks(wanted)}) AND token = ?",
        _later(after), *wanted, token,
    )  # fmt: skip


async def put_off(waits: Mapping[Job, float]) -> None:
    """Each of the claimed jobs is ready in so many seconds, as if never claimed, where its token still holds it."""
    await db.many(
        "UPDATE outbox SET state = 'ready', run_at = ?, token = '', lease_until = NULL, relayed_at = NULL "
        "WHERE id = ? AND token = ?",
        [(_later(seconds), job.id, job.token) for job, seconds in waits.items()],
    )


async def extend(*tokens: str) -> None:
    """The leases of all jobs the tokens hold run from now."""
    if not tokens:
        return
    # "lease_until > 0" is always true and lets the planner use the index on running leases.
    await db.run(
        "UPDATE outbox SET lease_until = ? WHERE state = 'claimed' AND lease_until > 0 "
        f"AND token IN ({db.marks(tokens)})",
        _lease(), *tokens,
    )  # fmt: skip


async def hasten(keys: Sequence[str]) -> None:
    """The waiting jobs with these keys are due now: what they waited for has happened."""
    now = _now()
    await db.update(
        "outbox", ("run_at", "key"), "run_at = v.run_at, relayed_at = NULL",
        "outbox.key = v.key AND outbox.state = 'ready' AND outbox.run_at > v.run_at", [(now, key) for key in keys],
    )  # fmt: skip


async def reclaim(limit: int = 500) -> int:
    """Jobs whose lease ran out are ready again, the first time at once, and dead after ``max_attempts``; how many.

    One that waited for others a dozen times is not dead for one worker that was killed: only when it stops twice running.
    """
    now = _now()
    expired = await db.rows(
        "SELECT id, attempts, token, error FROM outbox WHERE state = 'claimed' AND lease_until < ? "
        "ORDER BY lease_until LIMIT ?",
        now, limit,
    )  # fmt: skip
    most = settings().max_attempts
    over = {row[0] for row in expired if row[1] + 1 >= most and row[3] in ("", STOPPED)}
    values = [
        ("dead" if row[0] in over else "ready", now if row[1] == 0 else _later(backoff(row[1])), row[1] + 1,
         STOPPED, now if row[0] in over else None, row[0], row[2], now)
        for row in sorted(expired, key=lambda row: int(row[0]))
    ]  # fmt: skip
    await db.many(
        "UPDATE outbox SET state = ?, run_at = ?, attempts = ?, error = ?, finished_at = ?, token = '', "
        "lease_until = NULL, relayed_at = NULL WHERE id = ? AND token = ? AND state = 'claimed' AND lease_until < ?",
        values,
    )
    return len(expired)


async def relay(*, limit: int, again_after: float) -> list[Waiting]:
    """Due jobs a broker was not told of for ``again_after`` seconds, now marked as told. Idle, it only reads.

    Suspects are not among them: see ``next_suspect``.
    """
    now, before = _now(), _later(-again_after)
    # Only the oldest are looked at, so that a long queue is not read from end to end at every turn.
    columns = "id, relayed_at, run_at, error, attempts"
    near = f"SELECT {columns} FROM outbox WHERE state = 'ready' AND run_at <= ? ORDER BY run_at, id LIMIT ?"
    stale, values = f"(relayed_at IS NULL OR relayed_at < ?) AND NOT {_SUSPECT}", (before, STOPPED, SUSPECT_AFTER)
    if await db.value(f"SELECT 1 FROM ({near}) AS near WHERE {stale} LIMIT 1", now, WINDOW, *values) is None:
        return []
    locking = "FOR UPDATE SKIP LOCKED" if db.is_postgres() else ""
    found = await db.rows(
        f"WITH near AS MATERIALIZED ({near}), due AS MATERIALIZED (SELECT id FROM outbox WHERE {stale} "
        f"AND state = 'ready' AND id IN (SELECT id FROM near) ORDER BY run_at, id LIMIT ? {locking}) "
        "UPDATE outbox SET relayed_at = ? WHERE id IN (SELECT id FROM due) RETURNING id, task, run_at",
        now, WINDOW, *values, limit, now,
    )  # fmt: skip
    ordered = sorted(found, key=lambda row: (row[2], row[0]))
    return [Waiting(row[0], row[1]) for row in ordered]


async def next_suspect() -> int | None:
    """The oldest due suspect, if there is one among the oldest jobs. It is taken straight from here: told to a broker, many
    would be handed to workers that may not run them yet."""
    near = "SELECT id, error, attempts FROM outbox WHERE state = 'ready' AND run_at <= ? ORDER BY run_at, id LIMIT ?"
    found = await db.value(
        f"SELECT id FROM ({near}) AS near WHERE {_SUSPECT} LIMIT 1", _now(), NEAR, STOPPED, SUSPECT_AFTER
    )
    return None if found is None else int(found)


async def purge(older_than: timedelta, limit: int = 5000) -> int:
    """At most ``limit`` jobs done longer ago than that are gone; how many."""
    return await db.run(
        "DELETE FROM outbox WHERE id IN (SELECT id FROM outbox WHERE state = 'done' AND finished_at < ? "
        "ORDER BY finished_at LIMIT ?)",
        clock.micros(clock.now() - older_than), limit,
    )  # fmt: skip


_VIEW = "id, key, task, subject_id, state, run_at, created_at, attempts, error, lease_until, finished_at"
_LISTED = {"ready": ("run_at", ">"), "claimed": ("lease_until", ">"), "done": ("finished_at", "<"), "dead": ("id", "<")}


async def list_jobs(
    state: str, limit: int = 50, after: int | None = None, *, again: bool | None = None
) -> list[JobView]:  # fmt: skip
    """Jobs in a state, those ahead first (ready, claimed) or the latest first (done, dead), after the job ``after``.

    ``again``: only those that were tried and wait for another try, or with False only the others.
    """
    if state not in _LISTED:
        raise Invalid(f"jobs are {', '.join(_LISTED)}, not {state!r}", "state")
    column, sign = _LISTED[state]
    way = "DESC" if sign == "<" else "ASC"
    tried = "" if again is None else f"AND error {'<>' if again else '='} ''"
    paged = f"AND ({column}, id) {sign} (SELECT {column}, id FROM outbox WHERE id = ?)" if after is not None else ""
    found = await db.rows(
        f"SELECT {_VIEW} FROM outbox WHERE state = '{state}' {tried} {paged} ORDER BY {column} {way}, id {way} LIMIT ?",
        *([after] if after is not None else []), limit,
    )  # fmt: skip
    return [_view(row) for row in found]


async def again() -> Again:
    """What waits for another try; each has its reason as its ``error``."""
    count = int(await db.value("SELECT COUNT(*) FROM outbox WHERE state = 'ready' AND error <> ''") or 0)
    oldest = await db.row(
        f"SELECT {_VIEW} FROM outbox WHERE state = 'ready' AND error <> '' ORDER BY created_at, id LIMIT 1"
    )
    return Again(count, None if oldest is None else _view(oldest))


def _view(row: db.Row) -> JobView:
    cells = tuple(row)
    return JobView(*cells[:5], *map(_moment, cells[5:7]), *cells[7:9], *map(_moment, cells[9:]))


def _moment(stored: int | None) -> Any:
    return None if stored is None else clock.moment(stored)


async def retry(job_id: int) -> None:
    """A dead job, or one that waits for its time, is due now; raises NotFound, or Invalid where that makes no sense."""
    moved = await db.run(
        "UPDATE outbox SET state = 'ready', run_at = ?, attempts = 0, finished_at = NULL, relayed_at = NULL "
        "WHERE id = ? AND (state = 'ready' OR (state = 'dead' AND NOT EXISTS (SELECT 1 FROM outbox AS live "
        "WHERE live.key = outbox.key AND live.state IN ('ready', 'claimed'))))",
        _now(), job_id,
    )  # fmt: skip
    if moved == 0:
        raise await _unfit(job_id, "retried")


async def drop(job_id: int) -> None:
    """A dead or waiting job is over without having run; raises NotFound, or Invalid where it runs or is over.

    For ``dropping``, which asks first what the job is about.
    """
    moved = await db.run(
        "UPDATE outbox SET state = 'done', finished_at = ?, relayed_at = NULL "
        "WHERE id = ? AND state IN ('ready', 'dead')",
        _now(), job_id,
    )  # fmt: skip
    if moved == 0:
        raise await _unfit(job_id, "dropped")


async def droppable(job_id: int) -> JobView:
    """The dead or waiting job; raises NotFound, or Invalid where it runs or is over."""
    found = await db.row(f"SELECT {_VIEW} FROM outbox WHERE id = ? AND state IN ('ready', 'dead')", job_id)
    if found is None:
        raise await _unfit(job_id, "dropped")
    return _view(found)


async def _unfit(job_id: int, verb: str) -> NotFound | Invalid:
    found = await db.row("SELECT key, state, task, subject_id FROM outbox WHERE id = ?", job_id)
    if found is None:
        return NotFound(f"there is no job {job_id}; it may have been cleared away")
    why = {"dead": "another job with its key is already under way", "claimed": "it runs at this moment"}.get(
        found[1], f"it is {found[1]}"
    )
    later = await _next_try(*found) if found[1] == "done" else None
    if later is not None:
        why = f"it was tried meanwhile, and its next try is job {later}"
    return Invalid(f"job {job_id} ({found[0]}) cannot be {verb}: {why}")


async def _next_try(key: str, _: str, task: str, subject_id: int) -> int | None:
    """The job that is to do what the one with this key did: of a record that has changed since, the key is another."""
    whole = key.rpartition(":")[0]
    found = await db.value(
        "SELECT id FROM outbox WHERE state IN ('ready', 'claimed') AND (key = ? OR key > ? AND key < ?) AND task = ? "
        "AND subject_id = ? ORDER BY id DESC LIMIT 1",
        key, f"{whole}:", f"{whole};", task, subject_id,
    )  # fmt: skip
    return None if found is None else int(found)


async def counts() -> dict[str, int]:
    """How many jobs are ``due``, ``ready`` (due now or later), ``claimed`` and ``dead``."""
    found = {
        state: int(await db.value(f"SELECT COUNT(*) FROM outbox WHERE state = '{state}'") or 0)
        for state in ("ready", "claimed", "dead")
    }
    due = await db.value("SELECT COUNT(*) FROM outbox WHERE state = 'ready' AND run_at <= ?", _now())
    return {"due": int(due or 0), **found}
