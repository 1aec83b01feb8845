"""Tasks for tests of the jobs, and a worker process that knows them.

Each run of a job leaves a line in the file ``JOBS_LOG`` names: subject, process and the size of the batch.
``python -m tests.support.jobs`` is a worker with these tasks.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from engine.errors import TryLater
from engine.services import tasks
from engine.services.outbox import Job, Outcome

TASKS = {
    "test.note": "tests.support.jobs:note",
    "test.nothing": "tests.support.jobs:nothing",
    "test.slow": "tests.support.jobs:slow",
    "test.poison": "tests.support.jobs:poison",
    "test.later": "tests.support.jobs:later",
    "test.kill": "tests.support.jobs:kill",
    "channels.poll": "tests.support.jobs:slow",
}


def register() -> None:
    """The tasks are known to this process."""
    tasks.TASKS.update(TASKS)


def log(jobs: Sequence[Job]) -> None:
    """A line for each job in the log, whole even when several processes write."""
    with Path(os.environ["JOBS_LOG"]).open("ab", buffering=0) as file:
        file.write("".join(f"{job.subject_id} {os.getpid()} {len(jobs)}\n" for job in jobs).encode())


async def note(jobs: Sequence[Job]) -> None:
    """Each job is in the log."""
    log(jobs)


async def nothing(jobs: Sequence[Job]) -> None:
    """Nothing is done, quickly."""


async def slow(jobs: Sequence[Job]) -> None:
    """Each job is in the log as begun (negative) and, once the ``gate`` is there or the worker was told to stop, as done."""
    from workers.actors import STOPPING

    log([Job(j.id, j.key, j.task, -j.subject_id, {}, 0, "") for j in jobs])
    while not gate(os.environ["JOBS_LOG"]).exists() and not STOPPING.is_set():
        await asyncio.sleep(0.02)
    if STOPPING.is_set():
        await asyncio.sleep(1)  # it is set before the worker's threads are told; there is nothing else to see of that
    log(jobs)


def gate(jobs_log: str) -> Path:
    """When this file is there, slow jobs that write to this log go on to their end."""
    return Path(f"{jobs_log}.go")


async def poison(jobs: Sequence[Job]) -> None:
    """Fails whenever job 13 is among them; the others are in the log."""
    if any(job.subject_id == 13 for job in jobs):
        raise ValueError("thirteen")
    log(jobs)


async def later(jobs: Sequence[Job]) -> Mapping[int, Outcome]:
    """Asks to be called again in half an hour."""
    raise TryLater("the supplier is busy", retry_after=1800)


async def kill(jobs: Sequence[Job]) -> None:
    """Job 13 ends its process as kill -9 would; the others are in the log."""
    await asyncio.sleep(0.05)
    if any(job.subject_id == 13 for job in jobs):
        os._exit(9)
    log(jobs)


if __name__ == "__main__":
    from engine.services import webhook_lines
    from workers import relay
    from workers.run import serve

    register()
    relay.AGAIN_SECONDS = float(os.environ.get("RELAY_AGAIN", relay.AGAIN_SECONDS))
    webhook_lines.TIMEOUT = 300.0  # their receiver answers when the test says so
    sys.exit(serve())
