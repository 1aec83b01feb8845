"""Running workers: one in this process, or several as children that are started again when they fall.

``python -m workers.run`` is one worker; ``bluebook worker`` calls ``serve``.
"""

from __future__ import annotations

import gc
import importlib
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from types import FrameType

import structlog
from dramatiq import Worker, set_broker

from engine.errors import BluebookError
from engine.settings import Settings, masked_url, settings
from workers import broker as brokers
from workers.middleware import BootError, Database, EventLoop

NOUNS = ("orders", "purchases", "tracking", "channels", "suppliers", "notify", "webhooks", "schedule")
STOP_SECONDS = 30.0
RESTART_SECONDS = 1.0

_log = structlog.get_logger("bluebook.worker")


def serve(processes: int = 1) -> int:
    """Jobs have been done until SIGTERM or SIGINT came; the exit code. What ran is finished, the rest is left ready."""
    return _serve_one() if processes <= 1 else _supervise(processes)


def _serve_one(parent: int | None = None) -> int:
    _log_to_stderr()
    stop = _stop_on_signal()
    try:
        worker = start()
    except (BluebookError, BootError) as error:
        cause = error.__cause__ if isinstance(error, BootError) else error
        print(f"The worker cannot start: {error}", file=sys.stderr)
        return cause.exit_code if isinstance(cause, BluebookError) else 1
    _log.info(
        "worker started", pid=os.getpid(), broker=masked_url(settings().broker), threads=settings().worker_threads
    )
    while not stop.wait(1.0):
        if parent is not None and os.getppid() != parent:
            _log.warning("the supervisor is gone, stopping")
            break
    worker.stop(timeout=int(STOP_SECONDS * 1000))
    worker.broker.close()
    _log.info("worker stopped", pid=os.getpid())
    return 0


def _log_to_stderr() -> None:
    # Only where the caller has not said where logs go: the children of ``serve`` begin here.
    if structlog.is_configured():
        return
    level = logging.getLevelNamesMapping().get(settings().log_level.upper(), logging.INFO)
    logging.basicConfig(level=max(level, logging.WARNING), stream=sys.stderr)
    shown = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *(shown if settings().log_json else [_console()]),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def _console() -> structlog.dev.ConsoleRenderer:
    # Plain tracebacks: rich ones print local variables, and those can hold credentials and addresses.
    return structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback)


def start() -> Worker:
    """A worker that runs in threads of this process; end it with its ``stop``. Raises BootError, or Misconfigured."""
    for noun in NOUNS:
        importlib.import_module(f"workers.{noun}")
    url = settings().broker
    database = Database()
    middleware = [EventLoop(), database]
    queue = brokers.QUEUE
    if not url.startswith("sql:"):
        from workers.relay import Relay

        queue = brokers.split(url)[1]
        middleware.append(Relay(queue, database))
    broker = brokers.make(url, middleware)
    set_broker(broker)
    worker = Worker(
        broker, queues={queue}, worker_threads=settings().worker_threads,
        worker_timeout=max(10, settings().poll_milliseconds),
    )  # fmt: skip
    worker.start()
    calm_collector()
    return worker


def calm_collector() -> None:
    """Garbage is looked for less often, and never among what was loaded at the start.

    A page of orders makes ten thousand objects that all live until its commit; with Python's default of 700 the collector
    walks them again and again, a tenth of a worker's time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 10, 20)


def _stop_on_signal() -> threading.Event:
    stop = threading.Event()

    def told(number: int, frame: FrameType | None) -> None:
        if stop.is_set():
            # Asked twice: go now. Leases bring back what is dropped.
            os._exit(128 + number)
        stop.set()

    signal.signal(signal.SIGTERM, told)
    signal.signal(signal.SIGINT, told)
    return stop


def _supervise(processes: int) -> int:
    stop = _stop_on_signal()
    children = [_child() for _ in range(processes)]
    born = time.monotonic()
    code = 0
    while not stop.wait(0.2):
        for place, child in enumerate(children):
            ended = child.poll()
            if ended is None:
                continue
            if ended > 0 and time.monotonic() - born < 10 * RESTART_SECONDS:
                # Children that cannot even start have said why; more of them would say the same.
                code = ended
                stop.set()
                break
            _log.warning("worker fell and is started again", pid=child.pid, code=ended)
            stop.wait(RESTART_SECONDS)
            children[place] = _child()
    for child in children:
        if child.poll() is None:
            child.terminate()
    for child in children:
        try:
            child.wait(timeout=STOP_SECONDS + 15)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
    return code


def _child() -> subprocess.Popen[bytes]:
    # Settings forced in this process (the demo) reach the child by the environment.
    plain = Settings()
    mine = {
        f"BLUEBOOK_{name.upper()}": str(value).lower() if isinstance(value, bool) else str(value)
        for name in Settings.__struct_fields__
        if (value := getattr(settings(), name)) != getattr(plain, name)
    }
    command = [sys.executable, "-m", "workers.run", str(os.getpid())]
    return subprocess.Popen(command, env={**os.environ, **mine})  # noqa: S603


if __name__ == "__main__":
    sys.exit(_serve_one(int(sys.argv[1]) if len(sys.argv) > 1 else None))
