"""Carrying word of due jobs from the outbox to Redis or RabbitMQ.

Every worker does it; a row is marked in the transaction that reads it, so one of them tells the broker. Word that gets
lost is given again after a few seconds, and word that comes twice finds nothing to do.
"""

from __future__ import annotations

import threading

import structlog
from dramatiq import Broker, Worker
from dramatiq.asyncio import get_event_loop_thread
from dramatiq.broker import MessageProxy
from dramatiq.errors import BrokerError
from dramatiq.middleware import Middleware
from tortoise.context import TortoiseContext, _current_context

from engine.services import outbox, tasks
from engine.settings import settings
from workers import actors
from workers.middleware import Database, beside

AGAIN_SECONDS = 5.0
RESTING_SECONDS = 1.0  # after the broker or the database did not answer

_log = structlog.get_logger("bluebook.relay")


class Relay(Middleware):
    """A thread of its own, because the brokers' libraries block, and pika wants one thread for its connection."""

    def __init__(self, queue: str, database: Database) -> None:
        self.queue = queue
        self.database = database
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def after_worker_boot(self, broker: Broker, worker: Worker) -> None:
        self._thread = threading.Thread(
            target=self._run, args=(broker, self.database.context), name="relay", daemon=True
        )  # fmt: skip
        self._thread.start()

    def before_worker_shutdown(self, broker: Broker, worker: Worker) -> None:
        self._stopping.set()
        actors.WAKE.set()
        if self._thread is not None:
            self._thread.join(timeout=10)

    def after_process_message(
        self, broker: Broker, message: MessageProxy, *, result: object = None, exception: BaseException | None = None
    ) -> None:
        # What was done may have made more work.
        actors.WAKE.set()

    def _run(self, broker: Broker, context: TortoiseContext | None) -> None:
        _current_context.set(context)
        while not self._stopping.is_set():
            actors.WAKE.clear()
            try:
                told = self._tell(broker)
            except (BrokerError, OSError, RuntimeError) as error:
                self._rest("the broker does not answer", error)
                continue
            except Exception as error:
                # redis and the database drivers each have a family of their own; the loop must outlive them all.
                self._rest("jobs cannot be relayed", error)
                continue
            if not told:
                actors.WAKE.wait(settings().poll_milliseconds / 1000)

    def _rest(self, what: str, error: Exception) -> None:
        _log.warning(f"{what}, to be tried again", error=str(error) or type(error).__name__)
        self._stopping.wait(RESTING_SECONDS)

    def _tell(self, broker: Broker) -> int:
        size = settings().batch_size
        thread = get_event_loop_thread()
        assert thread is not None, "the relay runs while the event loop does"
        waiting = thread.run_coroutine(
            outbox.relay(limit=size * settings().worker_threads, again_after=AGAIN_SECONDS)
        )  # fmt: skip
        groups: dict[str, list[int]] = {}
        for job in waiting:
            groups.setdefault(job.task, []).append(job.id)
        for task, ids in groups.items():
            for start in range(0, len(ids), size):
                broker.enqueue(actors.message(self.queue, task, ids[start : start + size]))
        if not actors.STOPPING.is_set():
            thread.run_coroutine(_run_suspect())
        return len(waiting)


async def _run_suspect() -> None:
    beside(await tasks.claim_suspect())
