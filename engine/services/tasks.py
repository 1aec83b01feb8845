"""Running jobs: which function does a task, what its errors mean, and a loop that does all that is due."""

from __future__ import annotations

import asyncio
import importlib
import random
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from inspect import isawaitable
from typing import TypeAlias, cast

import structlog

from engine import clock
from engine.errors import (
    BluebookError,
    Invalid,
    Misconfigured,
    NotFound,
    OutcomeUnknown,
    Refused,
    TryLater,
    Unreachable,
    Unreadable,
)
from engine.services import outbox, schedule
from engine.services.outbox import Dead, Done, Job, Outcome, Retry
from engine.settings import settings

Handler: TypeAlias = Callable[[Sequence[Job]], Awaitable[Mapping[int, Outcome] | None]]
"""Does a batch of jobs of one task. Jobs missing from what it returns are done."""

TASKS: dict[str, str] = {
    "orders.check": "engine.services.check:run_jobs",
    "orders.auto": "engine.services.check:run_auto_jobs",
    "purchases.submit": "engine.services.submit:run_jobs",
    "purchases.find": "engine.services.submit:run_find_jobs",
    "purchases.cancel": "engine.services.cancel:run_jobs",
    "tracking.push": "engine.services.track:run_jobs",
    "channels.poll": "engine.services.intake:run_poll_jobs",
    "channels.rescan": "engine.services.intake:run_rescan_jobs",
    "channels.refresh": "engine.services.intake:run_refresh_jobs",
    "channels.acknowledge": "engine.services.telling:run_acknowledge_jobs",
    "channels.cancel": "engine.services.telling:run_cancel_jobs",
    "channels.grants": "engine.services.authorise:run_jobs",
    "channels.listings": "engine.services.offered:run_jobs",
    "suppliers.poll": "engine.services.receive:run_poll_jobs",
    "suppliers.remind": "engine.services.reminders:run_jobs",
    "suppliers.receipt": "engine.services.receipts:run_jobs",
    "suppliers.mdn": "engine.services.messages:run_jobs",
    "inbound.read": "engine.services.receive:run_inbound_jobs",
    "notify.send": "engine.services.notify:run_jobs",
    "webhooks.collect": "engine.services.webhooks:run_collect_jobs",
    "webhooks.send": "engine.services.webhooks:run_jobs",
    "system.certificates": "engine.services.messages:run_certificate_jobs",
    "system.sweep": "engine.services.sweep:run_jobs",
}

# Doing the same again cannot end otherwise: a person has to look.
_DEFINITE = (Refused, Unreadable, Invalid, NotFound, OutcomeUnknown)
# Nothing is wrong with the job itself, so it is never given up.
_PATIENT = (TryLater, Unreachable)
_ALONE_AT_ONCE = 8

_log = structlog.get_logger("bluebook.jobs")
_running: Counter[str] = Counter()
_isolated: tuple[int, str] | None = None  # id and token of the one suspect this process may run
finished = 0  # jobs this process has run, for its heartbeat


def handler(task: str) -> Handler:
    """The function that does a task, imported now; raises Misconfigured for a task this version does not know."""
    target = TASKS.get(task)
    if target is None:
        raise Misconfigured(f"this version has no task {task!r}; a newer Bluebook may have written the job")
    module, _, name = target.partition(":")
    return cast("Handler", getattr(importlib.import_module(module), name))


def new_token() -> str:
    """A token no other claim has."""
    return uuid.uuid4().hex


def batches(jobs: Iterable[Job], size: int) -> list[list[Job]]:
    """The jobs by task, at most ``size`` together; a job that may be what stopped its workers comes by itself."""
    found: list[list[Job]] = []
    open_: dict[str, list[Job]] = {}
    for job in jobs:
        batch = None if job.suspect else open_.get(job.task)
        if batch is None or len(batch) >= size:
            batch = []
            found.append(batch)
            if not job.suspect:
                open_[job.task] = batch
        batch.append(job)
    return found


def hold(token: str, count: int = 1) -> None:
    """``extend_leases`` renews what the token holds until it has been let go as often."""
    _running[token] += count


def let_go(token: str) -> None:
    """One holder less; see ``hold``."""
    global _isolated
    _running[token] -= 1
    if _running[token] <= 0:
        del _running[token]
        if _isolated is not None and token == _isolated[1]:
            _isolated = None


async def claim(limit: int, token: str) -> list[Job]:
    """Due jobs, now leased to ``token``, all of which this process may run now; see ``screen``."""
    return await screen(await outbox.claim(limit=limit, token=token, suspects=0 if _isolated else 1))


async def claim_suspect() -> list[Job]:
    """One suspect, where there is one and this process runs none."""
    if _isolated is not None:
        return []
    one = await outbox.next_suspect()
    return [] if one is None else await screen(await outbox.take([one], new_token()))


async def screen(jobs: Sequence[Job]) -> list[Job]:
    """The claimed jobs this process may run now: one suspect at a time, so that a job that kills takes few with it.

    The others are put back. Call it before ``hold``.
    """
    global _isolated
    back = [job for job in jobs if job.suspect]
    if not back:
        return list(jobs)
    if not _isolated:
        one = back.pop(0)
        _isolated = (one.id, one.token)
    if back:
        try:
            await outbox.release([job.id for job in back], back[0].token, after=random.uniform(0.1, 1.0))  # noqa: S311
        except BaseException:
            _isolated = None
            raise
    return [job for job in jobs if job not in back]


async def extend_leases() -> None:
    """The leases of everything this process has under way run from now."""
    await outbox.extend(*_running)


async def run(jobs: Sequence[Job]) -> None:
    """The jobs have been done and their outcomes are stored. Errors become outcomes; our own database's get out."""
    async with _held(jobs):
        groups = batches(jobs, len(jobs))
        if len(groups) == 1:
            await _run_batch(groups[0])
        elif groups:
            await asyncio.gather(*map(_run_batch, groups))


@asynccontextmanager
async def _held(jobs: Sequence[Job]) -> AsyncIterator[None]:
    tokens = {job.token for job in jobs}
    for token in tokens:
        hold(token)
    try:
        yield
    except asyncio.CancelledError:
        for token in tokens:
            await outbox.release([job.id for job in jobs if job.token == token], token)
        raise
    finally:
        for token in tokens:
            let_go(token)


async def _run_batch(batch: Sequence[Job]) -> None:
    try:
        await _run_to_end(batch)
    finally:
        global _isolated
        # Its token may hold other batches for long; the next suspect need not wait for those.
        if any((job.id, job.token) == _isolated for job in batch):
            _isolated = None


async def _run_to_end(batch: Sequence[Job]) -> None:
    global finished
    if len(batch) == 1:
        results = await _run_alone(batch[0])
    else:
        try:
            results = _outcomes(batch, await handler(batch[0].task)(batch))
        except Exception as error:
            _log.warning(
                "batch failed, its jobs are run one by one", task=batch[0].task, jobs=len(batch), error=str(error)
            )
            results = {}
            turns = asyncio.Semaphore(_ALONE_AT_ONCE)

            async def one(job: Job) -> None:
                async with turns:
                    results.update(await _run_alone(job))

            await asyncio.gather(*map(one, batch))
    await outbox.finish(results)
    finished += len(batch)


async def _run_alone(job: Job) -> dict[Job, Outcome]:
    with structlog.contextvars.bound_contextvars(job=job.id, task=job.task, key=job.key, subject=job.subject_id):
        try:
            return _outcomes([job], await handler(job.task)([job]))
        except Exception as error:
            return {job: _outcome_of(job, error)}


def _outcomes(batch: Sequence[Job], found: Mapping[int, Outcome] | None) -> dict[Job, Outcome]:
    return {job: (found or {}).get(job.id) or Done() for job in batch}


def _outcome_of(job: Job, error: Exception) -> Outcome:
    message = error.message if isinstance(error, BluebookError) else f"{type(error).__name__}: {error}"
    if isinstance(error, _PATIENT):
        after = error.retry_after if isinstance(error, TryLater) else None
        _log.info("job put off", error=message, retry_after=after, attempts=job.attempts + 1)
        return Retry(after, message)
    if isinstance(error, _DEFINITE) or _hopeless(job, error, message):
        _log.error("job given up", error=message, attempts=job.attempts + 1, exc_info=error)
        return Dead(message)
    _log.error("job failed, to be tried again", error=message, attempts=job.attempts + 1, exc_info=error)
    return Retry(None, message)


def _hopeless(job: Job, error: Exception, message: str) -> bool:
    # Attempts count patience too: a job that waited long for a supplier is not given up for one hiccup of ours.
    same = job.error in ("", message) or job.error.startswith(f"{type(error).__name__}:")
    return same and job.attempts + 1 >= settings().max_attempts


async def drain(until: Callable[[], Awaitable[bool] | bool] | None = None, timeout: float = 60.0) -> None:
    """Everything due has been done here, in this loop, schedules included; with ``until``, once that is true.

    Raises TimeoutError after ``timeout`` seconds. Jobs due later are waited for only where ``until`` is given.
    """
    deadline = time.monotonic() + timeout
    running: set[asyncio.Task[None]] = set()
    keeper = asyncio.create_task(_keep_leases())
    try:
        while until is None or not await _true(until):
            if time.monotonic() > deadline:
                raise TimeoutError(f"after {timeout} s there is still work: {await outbox.counts()}")
            started = await _start_due(running)
            over = {task for task in running if task.done()}
            running -= over
            for task in over:
                task.result()
            if started or over:
                await asyncio.sleep(0)
            elif running:
                await asyncio.wait(running, timeout=0.05, return_when=asyncio.FIRST_COMPLETED)
            elif until is None:
                return
            else:
                await asyncio.sleep(0.02)
    finally:
        for task in running:
            if time.monotonic() > deadline:
                task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        keeper.cancel()
        await asyncio.gather(keeper, return_exceptions=True)


async def _keep_leases() -> None:
    while True:
        await asyncio.sleep(settings().lease_seconds / 3)
        await extend_leases()


async def _start_due(running: set[asyncio.Task[None]]) -> bool:
    conf = settings()
    await schedule.tick(clock.now())
    await outbox.reclaim()
    room = conf.worker_threads - len(running)
    jobs = await claim(room * conf.batch_size, new_token()) if room > 0 else []
    running.update(asyncio.create_task(run(batch)) for batch in batches(jobs, conf.batch_size))
    return bool(jobs)


async def _true(question: Callable[[], Awaitable[bool] | bool]) -> bool:
    answer = question()
    return await answer if isawaitable(answer) else bool(answer)
