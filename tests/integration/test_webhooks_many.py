"""Many messages for receivers that answer late: so many calls at once and no more, and nobody else waits for them."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from engine import clock, db, settings
from engine.services import outbox, tasks, webhooks
from engine.services.outbox import NewJob
from engine.services.webhook_lines import AT_ONCE, SPARE, TOGETHER, Lines
from tests.integration.test_workers import BOTH, Workers, _workers, over, until
from tests.support.desk import PERSON

SOME = 300
LATE = 0.3


class Receiver:
    """Answers at /fast at once and at any other path after ``LATE`` seconds; counts by path."""

    def __init__(self) -> None:
        self.heard: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self.at: defaultdict[str, list[float]] = defaultdict(list)
        self.busy: Counter[str] = Counter()
        self.most: Counter[str] = Counter()
        self.connections: defaultdict[str, set[Any]] = defaultdict(set)
        self.url = ""

    async def hear(self, request: web.Request) -> web.Response:
        path = request.path
        await request.read()
        self.connections[path].add(request.transport)
        for name in (path, "all"):
            self.busy[name] += 1
            self.most[name] = max(self.most[name], self.busy[name])
        if path != "/fast":
            await asyncio.sleep(LATE)
        self.heard[path][request.headers["webhook-id"]] += 1
        self.at[path].append(time.monotonic())
        for name in (path, "all"):
            self.busy[name] -= 1
        return web.Response()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    made = Receiver()
    app = web.Application()
    app.router.add_post("/{name}", made.hear)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield made
    await runner.cleanup()


@pytest.fixture(params=[BOTH[0], BOTH[2]], ids="-".join)
def workers(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """A worker that claims for itself, and one that is told by a broker."""
    kind, broker = request.param
    url = request.getfixturevalue(f"{kind}_url")
    settings.force(settings.Settings(home=str(tmp_path), database_url=url))
    yield from _workers(broker, url, tmp_path)


async def added(name: str, receiver: Receiver) -> int:
    """A webhook for this path of the receiver."""
    await webhooks.add(name, f"{receiver.url}/{name}", [], PERSON)
    return (await webhooks.webhook(name)).id


def messages(webhook_id: int, count: int) -> list[NewJob]:
    """So many messages as ``collect`` writes them."""
    at = clock.now().isoformat()
    return [
        NewJob(f"webhook:{webhook_id}:m{n}", "webhooks.send", webhook_id, None,
               {"id": f"msg_{n}", "type": "order.received", "timestamp": at, "data": {"sequence": n}})
        for n in range(count)
    ]  # fmt: skip


async def few_claimed() -> bool:
    """No more is claimed than is sent soon."""
    return bool(await db.value("SELECT COUNT(*) FROM outbox WHERE state = 'claimed'") <= 2 * AT_ONCE)


async def test_a_slow_receiver_is_called_within_bounds_and_delays_nobody(workers: Workers, receiver: Receiver) -> None:
    async with db.database():
        slow, fast = await added("slow", receiver), await added("fast", receiver)
        await db.run("UPDATE schedules SET enabled = ?", False)
        await outbox.put(messages(slow, SOME))
        process = workers.start(BLUEBOOK_LEASE_SECONDS="1.5")
        await until(lambda: receiver.busy["/slow"] == AT_ONCE)
        await outbox.put([*messages(fast, 1), NewJob("quick", "test.note", 50)])
        await until(lambda: workers.done()[50] and receiver.heard["/fast"])
        assert receiver.heard["/slow"].total() < SOME / 2
        await until(few_claimed, 1.0)  # what is put back was claimed for a moment
        await until(lambda: over("webhooks.send", SOME + 1))
        taken = receiver.at["/slow"][-1] - receiver.at["/slow"][0]
        assert receiver.heard["/slow"] == Counter({f"msg_{n}": 1 for n in range(SOME)})
        assert receiver.most["/slow"] == AT_ONCE
        assert len(receiver.connections["/slow"]) <= 2 * AT_ONCE, "connections were not kept"
        assert taken < 2 * SOME * LATE / AT_ONCE, "it was idle while messages waited"
        assert await db.value("SELECT SUM(attempts) FROM outbox") == 0
        assert process.poll() is None
        assert await asyncio.to_thread(workers.stop) == [0]
        assert "error" not in workers.errors.read_text().lower()


@pytest.mark.parametrize("workers", [BOTH[0]], ids="-".join, indirect=True)
async def test_told_to_stop_a_worker_gives_back_what_waits_for_its_turn(workers: Workers, receiver: Receiver) -> None:
    async with db.database():
        slow = await added("slow", receiver)
        await outbox.put(messages(slow, SOME))
        workers.start()
        await until(lambda: receiver.busy["/slow"] == AT_ONCE)
        assert await asyncio.to_thread(workers.stop) == [0]
        heard = receiver.heard["/slow"].total()
        assert receiver.heard["/slow"].most_common(1)[0][1] == 1
        found = dict(await db.rows("SELECT state, COUNT(*) FROM outbox WHERE subject_id = ? GROUP BY state", slow))
        assert found == {"done": heard, "ready": SOME - heard}
        assert heard < SOME / 2


async def test_many_slow_receivers_leave_room_for_another(sqlite_database: str, receiver: Receiver) -> None:
    count = TOGETHER // AT_ONCE + 2
    slow = [await added(f"slow{n}", receiver) for n in range(count)]
    fast = await added("fast", receiver)
    await db.run("UPDATE schedules SET enabled = ?", False)
    await outbox.put([job for webhook_id in slow for job in messages(webhook_id, 48)])
    first = asyncio.create_task(tasks.run(await outbox.claim(limit=1000, token="a")))
    await until(lambda: receiver.busy["all"] >= TOGETHER - SPARE)
    await outbox.put(messages(fast, 1))
    await tasks.run(await outbox.claim(limit=1, token="b"))
    assert receiver.heard["/fast"].total() == 1
    assert not first.done()
    await first
    assert all(receiver.heard[f"/slow{n}"].total() == 48 for n in range(count))
    assert receiver.most["all"] <= TOGETHER
    assert max(receiver.most[f"/slow{n}"] for n in range(count)) <= AT_ONCE


async def test_who_gives_up_waiting_takes_no_turn() -> None:
    lines = Lines()
    open_ = asyncio.Event()
    had = []

    async def call(n: int) -> None:
        async with lines.turn(1):
            had.append(n)
            await open_.wait()

    calls = [asyncio.create_task(call(n)) for n in range(AT_ONCE + 4)]
    await asyncio.sleep(0)
    calls[AT_ONCE].cancel()  # while it waits
    open_.set()
    calls[AT_ONCE + 1].cancel()
    await asyncio.gather(*calls, return_exceptions=True)
    assert had == [*range(AT_ONCE), AT_ONCE + 2, AT_ONCE + 3]
    calls = [asyncio.create_task(call(n)) for n in range(AT_ONCE + 1)]
    open_.clear()
    await asyncio.sleep(0)
    lines.close()
    await asyncio.sleep(0)
    open_.set()
    assert [task.cancelled() for task in calls] == [False] * AT_ONCE + [True]
    await asyncio.gather(*calls, return_exceptions=True)
