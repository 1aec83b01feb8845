"""What a worker process has around its actors: an event loop, the open database, its routines, and the relay."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextvars import Token
from typing import Any

import structlog
from dramatiq import Broker, Worker
from dramatiq.asyncio import EventLoopThread, get_event_loop_thread, set_event_loop_thread
from dramatiq.middleware import Middleware, MiddlewareError
from tortoise.context import TortoiseContext, _current_context

from engine import db, loops
from engine.services import catalog, recall, schedule, schema, tasks
from engine.services.outbox import Job
from engine.services.webhook_lines import LINES
from workers import schedule as routines
from workers.actors import STOPPING, WAKE

PATIENCE_SECONDS = 20.0  # for work that still runs beside the threads when the worker is told to stop
AT_HAND = 1000  # orders, some ten megabytes

_log = structlog.get_logger("bluebook.worker")
_beside: set[asyncio.Task[None]] = set()


class BootError(MiddlewareError):
    """The worker cannot start; the cause says why."""


def beside(jobs: Sequence[Job], over: Callable[[Job], object] = lambda job: None) -> None:
    """The jobs run in the event loop while the actor's thread is free again; they are waited for at the end.

    For what waits long for others' machines. Whoever calls it bounds their number: polls are one for each connection by
    their keys. ``over`` is told of each job that has ended, however it did.
    """
    for job in jobs:

        def ended(task: asyncio.Task[None], job: Job = job) -> None:
            _beside.discard(task)
            over(job)

        task = asyncio.create_task(_logged([job]))
        _beside.add(task)
        task.add_done_callback(ended)


async def _logged(batch: Sequence[Job]) -> None:
    try:
        await tasks.run(batch)
    except Exception as error:
        _log.error("job left to its lease", task=batch[0].task, job=batch[0].id, error=str(error), exc_info=error)
    WAKE.set()


class EventLoop(Middleware):
    """One event loop for all actors of the process, a uvloop where there is one."""

    def before_worker_boot(self, broker: Broker, worker: Worker) -> None:
        thread = EventLoopThread(logging.getLogger(__name__))
        thread.daemon = True
        if (make := loops.quickest()) is not None:
            thread.loop.close()
            thread.loop = make()
        thread.start(timeout=5.0)
        set_event_loop_thread(thread)

    def after_worker_shutdown(self, broker: Broker, worker: Worker) -> None:
        thread = get_event_loop_thread()
        if thread is not None:
            thread.stop()  # type: ignore[no-untyped-call]
            set_event_loop_thread(None)


class Database(Middleware):
    """The database is open on the event loop and current in every thread; the worker's routines run."""

    def __init__(self) -> None:
        self.context: TortoiseContext | None = None
        self.heartbeat = routines.Heartbeat()
        self.running: list[asyncio.Task[None]] = []
        self._before: Token[TortoiseContext | None]

    def before_worker_boot(self, broker: Broker, worker: Worker) -> None:
        STOPPING.clear()
        try:
            _on_loop(self._open())
        except Exception as error:
            # Anything else than a MiddlewareError dramatiq would log and go on without a database.
            raise BootError(str(error)) from error

    def after_worker_thread_boot(self, broker: Broker, thread: Any) -> None:
        # run_coroutine_threadsafe hands the calling thread's context variables to the task.
        _current_context.set(self.context)

    after_consumer_thread_boot = after_worker_thread_boot

    def before_worker_shutdown(self, broker: Broker, worker: Worker) -> None:
        STOPPING.set()
        # The thread that stops the worker gives back what never started.
        self._before = _current_context.set(self.context)
        _on_loop(self._calm())

    def after_worker_shutdown(self, broker: Broker, worker: Worker) -> None:
        if self.context is not None:
            _on_loop(self._close())
            _current_context.reset(self._before)

    async def _open(self) -> None:
        self.context = await db.open_database()
        _current_context.set(self.context)
        await db.spare_memory()
        recall.keep_at_hand(AT_HAND)
        await schema.check()
        await schedule.ensure()
        self.running = routines.start(self.heartbeat)

    async def _calm(self) -> None:
        # No new work from the clock; leases and the heartbeat go on until the last batch is over.
        self.running[0].cancel()

    async def _close(self) -> None:
        _current_context.set(self.context)
        LINES.close()
        if _beside:
            await asyncio.wait(_beside, timeout=PATIENCE_SECONDS)
        for task in [*_beside, *self.running]:
            task.cancel()
        await asyncio.gather(*_beside, *self.running, return_exceptions=True)
        await self.heartbeat.stop()
        await catalog.close_connectors()
        assert self.context is not None
        await db.close(self.context)


def _on_loop(work: Any) -> Any:
    thread = get_event_loop_thread()
    assert thread is not None, "EventLoop comes before Database"
    return thread.run_coroutine(work)
