"""A dramatiq broker over the outbox: one poller claims due jobs and hands them to the worker threads in batches."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable
from typing import Any

import dramatiq
from dramatiq.asyncio import get_event_loop_thread
from dramatiq.broker import Broker, Consumer, MessageProxy
from dramatiq.errors import BrokerConnectionError, QueueNotFound

from engine.services import outbox, tasks
from engine.settings import settings
from workers.actors import STOPPING, WAKE, message

AHEAD = 1  # batches claimed beyond what the threads can start at once


class SqlBroker(Broker):
    """Messages are never stored: a message is a batch of claimed rows, and the rows carry everything."""

    def declare_queue(self, queue_name: str) -> None:
        """The queue may be consumed. There are no delay queues: rows know when they are due."""
        if queue_name not in self.queues:
            self.emit_before("declare_queue", queue_name)
            self.queues[queue_name] = True
            self.emit_after("declare_queue", queue_name)

    def enqueue(self, message: dramatiq.Message[Any], *, delay: int | None = None) -> dramatiq.Message[Any]:
        """Refused: jobs are written by ``outbox.put``, in the transaction of the change that calls for them."""
        raise NotImplementedError("write jobs with engine.services.outbox.put")

    def consume(self, queue_name: str, prefetch: int = 1, timeout: int = 30000) -> Consumer:
        """A consumer of due jobs; the prefetch is set by the number of threads."""
        if queue_name not in self.queues:
            raise QueueNotFound(queue_name)  # type: ignore[no-untyped-call]
        return SqlConsumer(queue_name)


class SqlConsumer(Consumer):
    """Claims as many batches as threads are free. Its own thread iterates, the worker threads ack."""

    def __init__(self, queue: str) -> None:
        self.queue = queue
        self._most = settings().worker_threads + AHEAD
        self._idle = settings().poll_milliseconds / 1000
        self._ready: list[list[outbox.Job]] = []
        self._lock = threading.Lock()
        self._under_way: Counter[str] = Counter()

    def __next__(self) -> MessageProxy | None:
        if not self._ready:
            WAKE.clear()
            with self._lock:
                room = self._most - self._under_way.total()
            if room > 0 and not STOPPING.is_set():
                self._claim(room)
        if self._ready:
            batch = self._ready.pop()
            return MessageProxy(message(self.queue, batch[0].task, [job.id for job in batch], batch[0].token))
        WAKE.wait(self._idle)
        return None

    def _claim(self, room: int) -> None:
        size, token = settings().batch_size, tasks.new_token()
        jobs = _on_loop(_claim(room * size, token))
        found = tasks.batches(jobs, size)
        if found:
            tasks.hold(token, len(found))
            with self._lock:
                self._under_way[token] = len(found)
        self._ready = found[::-1]

    def ack(self, message: MessageProxy) -> None:
        """One batch less is under way. Its rows were finished by ``tasks.run``."""
        token = message.args[1]
        with self._lock:
            self._under_way[token] -= 1
        tasks.let_go(token)
        WAKE.set()

    nack = ack

    def requeue(self, messages: Iterable[MessageProxy]) -> None:
        """The rows of batches that never started are ready again."""
        for unstarted in messages:
            ids, token = unstarted.args
            _on_loop(outbox.release(ids, token))
            self.ack(unstarted)

    def close(self) -> None:
        """Nothing that was claimed stays with this consumer."""
        left, self._ready = self._ready, []
        self.requeue(
            MessageProxy(message(self.queue, batch[0].task, [job.id for job in batch], batch[0].token))
            for batch in left
        )  # fmt: skip


async def _claim(limit: int, token: str) -> list[outbox.Job]:
    return await tasks.claim(limit, token)


def _away(why: str) -> BrokerConnectionError:
    return BrokerConnectionError(why)  # type: ignore[no-untyped-call]


def _on_loop(work: Any) -> Any:
    thread = get_event_loop_thread()
    if thread is None:
        work.close()
        raise _away("the worker's event loop is not running")
    try:
        return thread.run_coroutine(work)
    except Exception as error:
        # dramatiq starts the consumer again a second later.
        raise _away(f"the database did not answer: {error}") from error
