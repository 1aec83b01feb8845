"""Worker processes over every broker: each job once, none lost, whoever is killed and whatever is wiped."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from operator import attrgetter
from pathlib import Path
from typing import Any

import pika
import pytest
import redis

from engine import db, settings
from engine.errors import Misconfigured
from engine.services import beats, outbox
from engine.services.outbox import NewJob
from tests.support import jobs as support
from workers import actors
from workers import broker as brokers
from workers.run import NOUNS

ROOT = Path(__file__).parents[2]
REDIS = os.environ.get("BLUEBOOK_TEST_REDIS", "redis://127.0.0.1:6379/9")
AMQP = os.environ.get("BLUEBOOK_TEST_AMQP", "amqp://guest:guest@127.0.0.1:5672/%2f")


class Workers:
    """Worker processes of one test, over one database and broker."""

    def __init__(self, database: str, broker: str, folder: Path) -> None:
        self.log = folder / "jobs.log"
        self.errors = folder / "errors.log"
        self.broker = broker
        self.environ = {
            **os.environ, "BLUEBOOK_DATABASE_URL": database, "BLUEBOOK_BROKER_URL": broker, "JOBS_LOG": str(self.log),
            "BLUEBOOK_HOME": str(folder), "BLUEBOOK_LEASE_SECONDS": "20", "BLUEBOOK_POLL_MILLISECONDS": "30",
            "BLUEBOOK_MAX_BACKOFF_SECONDS": "0.2", "RELAY_AGAIN": "0.5",
        }  # fmt: skip
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(self, *command: str, **environ: str) -> subprocess.Popen[bytes]:
        command = command or ("-m", "tests.support.jobs")
        with self.errors.open("ab") as errors:
            process = subprocess.Popen([sys.executable, *command], cwd=ROOT, env={**self.environ, **environ},
                                       stdout=subprocess.DEVNULL, stderr=errors, start_new_session=True)  # fmt: skip
        self.processes.append(process)
        return process

    def done(self) -> Counter[int]:
        """How often each subject was done, negative ones begun."""
        if not self.log.exists():
            return Counter()
        return Counter(int(line.split()[0]) for line in self.log.read_text().splitlines())

    def stop(self) -> list[int]:
        for process in self.processes:
            if process.poll() is None:
                process.terminate()
        return [process.wait(timeout=150) for process in self.processes]

    def go(self) -> None:
        """Slow jobs go on to their end."""
        support.gate(str(self.log)).touch()

    def kill(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def _reach(kind: str) -> str:
    """Why a broker cannot be used, or ""."""
    try:
        if kind == "redis":
            with redis.Redis.from_url(REDIS) as client:
                client.ping()
        elif kind == "amqp":
            pika.BlockingConnection(pika.URLParameters(AMQP)).close()
    except (redis.RedisError, pika.exceptions.AMQPError, OSError) as error:
        return f"no {kind} server for this test: {error!r}"
    return ""


def wipe(broker: str, *, remove: bool = False) -> None:
    """What a broker carries is gone, with ``remove`` its queues too."""
    url, queue = brokers.split(broker)
    if broker.startswith("redis"):
        with redis.Redis.from_url(url) as client:
            for key in client.scan_iter(f"dramatiq-{queue}*"):
                client.delete(key)
    elif broker.startswith("amqp"):
        connection = pika.BlockingConnection(pika.URLParameters(url))
        channel = connection.channel()
        for name in (queue, f"{queue}.DQ", f"{queue}.XQ"):
            if remove:
                channel.queue_delete(name)
            else:
                channel.queue_purge(name)
        connection.close()


def _workers(kind: str, database: str, folder: Path) -> Iterator[Workers]:
    if trouble := _reach(kind):
        if os.environ.get("CI"):
            pytest.fail(trouble)
        pytest.skip(trouble)
    queue = f"bluebook-test-{os.getpid()}-{time.monotonic_ns()}"
    url = {"sql": "sql://", "redis": f"{REDIS}?queue={queue}", "amqp": f"{AMQP}?queue={queue}"}[kind]
    made = Workers(database, url, folder)
    yield made
    made.kill()
    wipe(url, remove=True)


BOTH = [("sqlite", "sql"), ("postgres", "sql"), ("postgres", "redis"), ("sqlite", "amqp")]


@pytest.fixture(params=BOTH, ids="-".join)
def workers(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Workers]:
    """Workers over both databases and all brokers."""
    kind, broker = request.param
    url = request.getfixturevalue(f"{kind}_url")
    settings.force(settings.Settings(home=str(tmp_path), database_url=url))
    yield from _workers(broker, url, tmp_path)


@pytest.fixture
def plain(sqlite_url: str, tmp_path: Path) -> Iterator[Workers]:
    """Workers over SQLite alone, for what does not depend on the broker."""
    settings.force(settings.Settings(home=str(tmp_path), database_url=sqlite_url))
    yield from _workers("sql", sqlite_url, tmp_path)


async def until(question: Callable[[], Any], seconds: float = 150.0) -> None:
    deadline = time.monotonic() + seconds
    while not (found := question()) or (asyncio.iscoroutine(found) and not await found):
        assert time.monotonic() < deadline, "it did not come to be"
        await asyncio.sleep(0.03)


async def over(task: str, count: int) -> bool:
    found = await db.value("SELECT COUNT(*) FROM outbox WHERE task = ? AND state IN ('done', 'dead')", task)
    return bool(found == count)


async def beating(count: int) -> bool:
    """So many workers have been seen."""
    return len(await beats.workers()) == count


async def test_four_processes_do_five_hundred_jobs_each_once(workers: Workers) -> None:
    async with db.database():
        for _ in range(4):
            workers.start()
        # One that is told to stop while it still starts has nobody to listen.
        await until(lambda: beating(4))
        for start in range(0, 500, 20):
            await outbox.put([NewJob(f"n:{n}", "test.note", n) for n in range(start, start + 20)])
        await until(lambda: over("test.note", 500))
        assert workers.stop() == [0] * 4
        assert workers.done() == Counter(range(500))
        assert await db.value("SELECT SUM(attempts) FROM outbox") == 0
        assert await beats.workers() == []
        last = await beats.last()
        assert last is not None
        assert last.pid in {process.pid for process in workers.processes}
        assert not last.alive


async def test_a_killed_workers_jobs_are_done_by_another(workers: Workers) -> None:
    async with db.database():
        await outbox.put([NewJob(f"n:{n}", "test.slow", n) for n in range(1, 9)])
        first = workers.start(BLUEBOOK_LEASE_SECONDS="5")
        await until(lambda: len(workers.done()) == 8)
        os.killpg(first.pid, signal.SIGKILL)
        first.wait()
        assert set(await _states("test.slow")) == {"claimed"}
        workers.go()
        workers.start()
        await until(lambda: over("test.slow", 8))
        done = workers.done()
        assert {n: done[n] for n in range(1, 9)} == dict.fromkeys(range(1, 9), 1)
        assert {n: done[-n] for n in range(1, 9)} == dict.fromkeys(range(1, 9), 2)
        assert await _states("test.slow") == ["done"] * 8


async def _states(task: str) -> list[str]:
    return [row[0] for row in await db.rows("SELECT state FROM outbox WHERE task = ?", task)]


@pytest.mark.parametrize("workers", BOTH[2:], ids="-".join, indirect=True)
async def test_a_wiped_broker_loses_nothing(workers: Workers) -> None:
    async with db.database():
        busy = workers.start(BLUEBOOK_WORKER_THREADS="1", BLUEBOOK_BATCH_SIZE="1")
        await outbox.put([NewJob("slow", "test.slow", 1000)])
        await until(lambda: workers.done()[-1000])
        await outbox.put([NewJob(f"n:{n}", "test.note", n) for n in range(40)])
        await until(_all_told)
        wipe(workers.broker)
        workers.go()
        await until(lambda: over("test.note", 40))
        busy.terminate()
        assert busy.wait(timeout=150) == 0
        assert workers.done() == Counter([*range(40), -1000, 1000])


async def _all_told() -> bool:
    left = await db.value("SELECT COUNT(*) FROM outbox WHERE task = 'test.note' AND relayed_at IS NULL")
    return bool(left == 0)


@pytest.mark.parametrize("workers", BOTH[1:3], ids="-".join, indirect=True)
async def test_a_worker_outlives_a_database_that_goes_away(workers: Workers) -> None:
    async with db.database():
        process = workers.start()
        await outbox.put([NewJob("a", "test.note", 1)])
        await until(lambda: over("test.note", 1))
        for _ in range(3):
            await db.rows("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                          "WHERE datname = current_database() AND pid <> pg_backend_pid()")  # fmt: skip
            await asyncio.sleep(0.1)
        await outbox.put([NewJob("b", "test.note", 2)])
        await until(lambda: over("test.note", 2))
        assert process.poll() is None
        assert workers.stop() == [0]


async def test_what_went_wrong_is_logged_with_its_job(plain: Workers) -> None:
    async with db.database():
        plain.start(BLUEBOOK_LOG_JSON="1", BLUEBOOK_MAX_ATTEMPTS="1")
        await outbox.put([NewJob("thirteen", "test.poison", 13)])
        await until(lambda: over("test.poison", 1))
        plain.stop()
    lines = [json.loads(line) for line in plain.errors.read_text().splitlines() if line.startswith("{")]
    told = next(line for line in lines if line["event"] == "job given up")
    assert (told["task"], told["key"], told["subject"], told["error"]) == (
        "test.poison", "thirteen", 13, "ValueError: thirteen",
    )  # fmt: skip
    assert 'raise ValueError("thirteen")' in told["exception"]


async def test_a_job_that_kills_its_worker_ends_dead_and_its_neighbours_are_done(plain: Workers) -> None:
    async with db.database():
        await outbox.put([NewJob(f"n:{n}", "test.kill", n) for n in range(10, 16)])
        deaths = 0
        while not await over("test.kill", 6):
            process = plain.start(BLUEBOOK_MAX_ATTEMPTS="3", BLUEBOOK_LEASE_SECONDS="3")
            while process.poll() is None and not await over("test.kill", 6):
                await asyncio.sleep(0.05)
            deaths += process.poll() == 9
        found = {
            row[0]: row[1] for row in await db.rows("SELECT subject_id, state FROM outbox WHERE task = 'test.kill'")
        }
        assert found == {n: "dead" if n == 13 else "done" for n in range(10, 16)}
        assert deaths == 3


async def test_asked_to_stop_a_worker_finishes_what_runs_and_leaves_the_rest(plain: Workers) -> None:
    async with db.database():
        await outbox.put([NewJob(f"n:{n}", "test.slow", n) for n in range(1, 7)])
        process = plain.start(BLUEBOOK_WORKER_THREADS="1", BLUEBOOK_BATCH_SIZE="1")
        await until(lambda: plain.done()[-1])
        assert len(await beats.workers()) == 1
        assert (await _states("test.slow")).count("claimed") == 2
        process.terminate()
        assert process.wait(timeout=150) == 0
        assert plain.done() == Counter([-1, 1])
        assert sorted(await _states("test.slow")) == ["done", *["ready"] * 5]
        assert await db.value("SELECT SUM(attempts) FROM outbox") == 0
        assert await beats.workers() == []


async def test_a_long_job_keeps_its_lease_and_a_slow_store_holds_up_nobody(plain: Workers) -> None:
    async with db.database():
        await outbox.put([NewJob(f"channels.poll:{n}", "channels.poll", n) for n in (1, 2, 3)])
        plain.start(BLUEBOOK_WORKER_THREADS="1", BLUEBOOK_LEASE_SECONDS="6")
        await until(lambda: all(plain.done()[-n] for n in (1, 2, 3)))
        lease = "SELECT MIN(lease_until) FROM outbox WHERE task = 'channels.poll' AND state = 'claimed'"
        first = await db.value(lease)

        async def kept() -> bool:
            return bool(await db.value(lease) > first)

        await outbox.put([NewJob("quick", "test.note", 50)])
        await until(lambda: plain.done()[50])
        await until(kept)
        assert not any(plain.done()[n] for n in (1, 2, 3))
        plain.go()
        await until(lambda: over("channels.poll", 3))
        assert plain.done() == Counter([-1, -2, -3, 1, 2, 3, 50])


async def test_a_worker_that_cannot_start_says_why(plain: Workers, tmp_path: Path) -> None:
    away = plain.start(BLUEBOOK_DATABASE_URL="postgres://nobody@127.0.0.1:1/none")
    empty = plain.start(BLUEBOOK_DATABASE_URL=f"sqlite://{tmp_path}/empty.sqlite3")
    odd = plain.start(BLUEBOOK_BROKER_URL="carrier-pigeon://roof")
    assert [process.wait(timeout=150) for process in (away, empty, odd)] == [5, 4, 4]
    said = plain.errors.read_text()
    assert "the database at postgres://nobody@127.0.0.1:1/none does not answer" in said
    assert "run `bluebook db upgrade`" in said
    assert "carrier-pigeon://roof is none of sql://" in said


async def test_fallen_children_are_started_again_and_all_end_together(plain: Workers) -> None:
    async with db.database():
        boss = plain.start("-c", "import sys; from workers.run import serve; sys.exit(serve(2))")

        async def pids() -> list[int]:
            return [worker.pid for worker in sorted(await beats.workers(), key=attrgetter("started_at"))]

        async def two() -> bool:
            return len(await pids()) == 2

        await until(two)
        before = await pids()
        os.kill(before[0], signal.SIGKILL)

        async def replaced() -> bool:
            return len(set(await pids()) - set(before)) == 1

        await until(replaced)
        boss.terminate()
        assert boss.wait(timeout=150) == 0
        assert await pids() == before[:1]
        with pytest.raises(ProcessLookupError):
            os.kill(before[1], 0)


def test_every_task_has_its_actor_and_every_broker_its_queue() -> None:
    for noun in NOUNS:
        __import__(f"workers.{noun}")
    from engine.services import tasks

    known = set(tasks.TASKS) - set(support.TASKS)
    assert known <= set(actors.ACTORS)
    made = brokers.make("sql://")
    assert known <= made.get_declared_actors()
    assert brokers.split("redis://host:1/2?queue=shop&ssl=no") == ("redis://host:1/2?ssl=no", "shop")
    with pytest.raises(NotImplementedError):
        made.enqueue(actors.message("bluebook", "orders.check", [1]))
    with pytest.raises(Misconfigured, match=r"smtp://u:\*\*\*@host"):
        brokers.make("smtp://u:secret@host")
