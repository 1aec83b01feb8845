"""What a worker does by the clock, and the actors of the system itself."""

from __future__ import annotations

import asyncio
import os
import socket
import uuid
from collections.abc import Awaitable, Callable
from importlib.metadata import PackageNotFoundError, version

import structlog

from engine import clock
from engine.services import beats, outbox, schedule, tasks
from engine.settings import settings
from workers.actors import OTHER, actor, load

TICK_SECONDS = 0.25
RECLAIM_SECONDS = 1.0
HEARTBEAT_SECONDS = 2.0

_log = structlog.get_logger("bluebook.worker")


@actor("system.sweep")
async def sweep(ids: list[int], token: str) -> None:
    await tasks.run(await load(ids, token))


@actor("system.certificates")
async def certificates(ids: list[int], token: str) -> None:
    await tasks.run(await load(ids, token))


@actor(OTHER)
async def other(ids: list[int], token: str) -> None:
    await tasks.run(await load(ids, token))


class Heartbeat:
    """This worker's row in ``heartbeats``."""

    def __init__(self) -> None:
        self.id = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"[-120:]
        self.started = clock.micros(clock.now())
        try:
            self.version = version("bluebook")
        except PackageNotFoundError:
            self.version = ""

    async def beat(self) -> None:
        """The row says that this worker is alive now, and how much it has done."""
        host = socket.gethostname()[:120]
        await beats.beat(self.id, host, os.getpid(), self.started, tasks.finished, self.version)

    async def stop(self) -> None:
        """The row is gone, and remembered as the last there was: this worker has left in good order."""
        await beats.leave(self.id, tasks.finished)


async def every(seconds: float, work: Callable[[], Awaitable[object]]) -> None:
    """``work`` is done now and at that distance, for ever; what fails is logged and done again next time."""
    while True:
        try:
            await work()
        except Exception as error:
            # A database that is away for a while must not end the loop that would notice its return.
            _log.warning("worker routine failed, to be tried again", routine=work.__qualname__, error=str(error))
        await asyncio.sleep(seconds)


def start(heartbeat: Heartbeat) -> list[asyncio.Task[None]]:
    """The routines of a worker, running; call it outside of any transaction."""

    async def tick() -> None:
        await schedule.tick(clock.now())

    routines: list[tuple[float, Callable[[], Awaitable[object]]]] = [
        (TICK_SECONDS, tick),
        (RECLAIM_SECONDS, outbox.reclaim),
        (HEARTBEAT_SECONDS, heartbeat.beat),
        (settings().lease_seconds / 3, tasks.extend_leases),
    ]
    return [asyncio.create_task(every(seconds, work)) for seconds, work in routines]
