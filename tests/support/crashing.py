"""Real workers that die by SIGKILL at chosen points: before and after each commit and each external call.

``python -m tests.support.crashing FOLDER SEED`` is a fork server: everything is imported once, and worker children are
forked from it, two at a time, another as soon as one has died. In a child ``engine.db``, ``HttpClient`` and ``Sftp`` are
wrapped: each passage has a name made of what it is and of the function that caused it, such as ``before commit
submit._begin`` or ``after POST submit._send``. A point nobody died at yet kills at its first passage; after that a child
dies at the point that killed least so far, or after a number of passages or a time drawn by lot.

``FOLDER/kills`` gets a line ``pid point`` for each death, written before it, ``FOLDER/seen`` one for each point survived,
``FOLDER/worker.log`` what the workers say. A line on standard input gives the order: ``quiet`` ends the dying (one whole
worker goes on), ``stop`` ends everything; what is left of the children is then printed as exit codes.
"""

from __future__ import annotations

import gc
import importlib
import os
import random
import select
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

SLOTS = 2
MOST_PASSAGES = 100
# Of its own work after the first passage; then the next point kills. A busy machine gives it little of that in a second, and it
# must come far enough to meet the later points; idle workers, which work little, die after the other time.
MOST_SECONDS, MOST_IDLE_SECONDS = 1.5, 15.0
AIMED = 0.6  # the share of children that wait for a point that killed seldom
_QUIET_FILES = ("/engine/db.py", "/tests/support/crashing.py", "/engine/transports/", "/client.py",
                "/services/loading.py", "/services/writing.py")  # fmt: skip
_QUIET_FUNCTIONS = frozenset({"change", "save"})  # of lifecycle: the one who changes is meant


class Fate:
    """When this process dies. ``killed`` and ``seen`` are what was known of all points when it was born."""

    def __init__(self, folder: Path, rng: random.Random, killed: Counter[str], seen: set[str]) -> None:
        self._kills = os.open(folder / "kills", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        self._seen = os.open(folder / "seen", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        self._path = folder / "kills"
        self._killed = set(killed)
        self._known = set(seen)
        self._left = rng.randint(1, MOST_PASSAGES)
        self._life = rng.uniform(0.1, 1.0)
        self._worked = self._until = 0.0
        few = min((killed[point] for point in seen), default=0)
        candidates = sorted(point for point in seen if killed[point] <= few + 1)
        self._target = rng.choice(candidates) if candidates and rng.random() < AIMED else ""

    def point(self, name: str) -> None:
        """The process passes this point, or dies at it."""
        self._left -= 1
        # From the first passage on: a slow machine must not spend its workers' lives on starting them.
        if not self._until:
            self._worked = time.process_time() + MOST_SECONDS * self._life
            self._until = time.monotonic() + MOST_IDLE_SECONDS * self._life
        over = self._left <= 0 or time.process_time() > self._worked or time.monotonic() > self._until
        if over or name == self._target or self._first(name):
            os.write(self._kills, f"{os.getpid()} {name}\n".encode())
            os.kill(os.getpid(), signal.SIGKILL)
            time.sleep(60)  # never over: the signal is on its way
        if name not in self._known:
            self._known.add(name)
            os.write(self._seen, f"{name}\n".encode())

    def _first(self, name: str) -> bool:
        if name not in self._killed:
            self._killed = set(deaths(self._path))
        return name not in self._killed


def deaths(path: Path) -> Counter[str]:
    """How often each point has killed."""
    if not path.exists():
        return Counter()
    return Counter(line.partition(" ")[2] for line in path.read_text().splitlines())


def passed(path: Path) -> set[str]:
    """The points that were passed."""
    return set(path.read_text().splitlines()) if path.exists() else set()


def _who() -> str:
    """Module and name of the function that is behind the present call."""
    frame = sys._getframe(2)
    while frame is not None:
        code = frame.f_code
        file = code.co_filename
        skipped = any(part in file for part in _QUIET_FILES)
        if file.endswith("/lifecycle.py") and code.co_name in _QUIET_FUNCTIONS:
            skipped = True
        if not skipped and ("/engine/" in file or "/workers/" in file):
            return f"{Path(file).stem}.{code.co_name}"
        frame = frame.f_back  # type: ignore[assignment]
    return "?"


def arm(fate: Fate) -> None:
    """Every commit and every call of this process is a crash point."""
    from engine import db

    _arm_transactions(db, fate)
    for name in ("run", "rows", "many"):
        _arm_statement(db, name, fate)
    _arm_calls(fate)


def _arm_transactions(db: Any, fate: Fate) -> None:
    plain = db.transaction

    @asynccontextmanager
    async def transaction() -> AsyncIterator[Any]:
        who = _who()
        async with plain() as conn:
            yield conn
            fate.point(f"before commit {who}")
        fate.point(f"after commit {who}")

    db.transaction = transaction


_READS = ("SELECT", "EXPLAIN", "PRAGMA")


def _arm_statement(db: Any, name: str, fate: Fate) -> None:
    """A statement outside of a transaction is a commit of its own; ``insert`` goes by ``many``."""
    from tortoise.backends.base.client import TransactionalDBClient

    plain = getattr(db, name)

    async def statement(sql: str, *values: Any) -> Any:
        alone = not sql.startswith(_READS) and not isinstance(db.connection(), TransactionalDBClient)
        if name == "many" and alone:
            values = (list(values[0]),)
            alone = bool(values[0])
        if sql.startswith("WITH") and "UPDATE" not in sql and "DELETE" not in sql:
            alone = False
        if not alone:
            return await plain(sql, *values)
        who = _who()
        fate.point(f"before commit {who}")
        found = await plain(sql, *values)
        fate.point(f"after commit {who}")
        return found

    setattr(db, name, statement)


def _arm_calls(fate: Fate) -> None:
    from engine.transports.http import HttpClient
    from engine.transports.sftp import Sftp

    call, step = HttpClient.call, Sftp._run

    async def http(self: Any, method: str, url: str, **more: Any) -> Any:
        who = _who()
        fate.point(f"before {method} {who}")
        try:
            return await call(self, method, url, **more)
        finally:
            fate.point(f"after {method} {who}")

    async def sftp(self: Any, what: str, path: str, *rest: Any, **more: Any) -> Any:
        who = _who()
        fate.point(f"before {what} {who}")
        try:
            return await step(self, what, path, *rest, **more)
        finally:
            fate.point(f"after {what} {who}")

    HttpClient.call = http  # type: ignore[method-assign]
    Sftp._run = sftp  # type: ignore[method-assign, assignment]


# --- the fork server --------------------------------------------------------------------------------------------------


def _import_everything() -> None:
    from engine import models  # noqa: F401
    from engine.connectors import registry
    from engine.services import sweep, tasks
    from workers import relay, run

    for noun in run.NOUNS:
        importlib.import_module(f"workers.{noun}")
    for task in tasks.TASKS:
        tasks.handler(task)
    registry.channel_type("woocommerce")
    registry.supplier_type("rest")
    registry.supplier_type("sftp")
    for name in (
        "engine.sqlite_backend",
        "engine.postgres_backend",
        "dramatiq.brokers.redis",
        "dramatiq.brokers.rabbitmq",
        "workers.sql_broker",
        "asyncpg",
        "asyncssh",
        "uvloop",
    ):
        importlib.import_module(name)
    # What is read on first use (ZIP codes, telephone numbers, currencies) costs a worker more than all else in its short life.
    from engine.domain import addresses, money

    addresses.check(
        addresses.Address("Ada Byron", "", "1 Main St", "", "Springfield", "IL", "62701", "US", "+12175550100")
    )
    money.show(1, "USD")
    # Patience that is right for days is too long for a test of a minute.
    from datetime import timedelta

    sweep.UNREAD = sweep.SETTLE = timedelta(seconds=1)
    relay.AGAIN_SECONDS = 0.5


def _child(folder: Path, seed: str, dying: bool) -> None:
    """Runs in the forked child and never returns."""
    code = 70
    try:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        random.seed(seed)
        if dying:
            arm(Fate(folder, random.Random(seed), deaths(folder / "kills"), passed(folder / "seen")))
        from workers import run

        code = run._serve_one()
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


class Server:
    """Keeps its children alive, one way or the other."""

    def __init__(self, folder: Path, seed: str) -> None:
        self.folder, self.seed = folder, seed
        self.dying = True
        self.slots = SLOTS
        self.born = 0
        self.children: set[int] = set()
        self.codes: Counter[int] = Counter()

    def run(self) -> None:
        """Until ``stop`` is said or standard input ends."""
        while True:
            while len(self.children) < self.slots:
                self._fork()
            ready, _, _ = select.select([sys.stdin], [], [], 0.01)
            if ready:
                said = sys.stdin.readline().strip()
                if said == "quiet":
                    self._end(signal.SIGKILL)
                    self.dying, self.slots = False, 1
                    self.codes.clear()
                elif said in ("stop", ""):
                    self._end(signal.SIGTERM if said else signal.SIGKILL)
                    print(" ".join(f"{code}:{count}" for code, count in sorted(self.codes.items())), flush=True)
                    return
            self._reap(os.WNOHANG)

    def _fork(self) -> None:
        self.born += 1
        pid = os.fork()
        if pid == 0:
            _child(self.folder, f"{self.seed}:{self.born}", self.dying)
        self.children.add(pid)

    def _reap(self, flags: int) -> None:
        for pid in sorted(self.children):
            found, status = os.waitpid(pid, flags)
            if found:
                self.children.discard(pid)
                code = os.waitstatus_to_exitcode(status)
                self.codes[code] += 1
                if code >= 0:
                    time.sleep(0.2)  # it could not start, or ended by itself: the log says why

    def _end(self, number: int) -> None:
        for pid in self.children:
            os.kill(pid, number)
        self._reap(0)


def main() -> None:
    """The fork server."""
    folder, seed = Path(sys.argv[1]), sys.argv[2]
    log = os.open(folder / "worker.log", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.dup2(log, 2)
    _import_everything()
    gc.collect()
    gc.freeze()
    print("ready", flush=True)
    Server(folder, seed).run()


if __name__ == "__main__":
    main()
