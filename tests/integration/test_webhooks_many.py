"""Many messages for receivers that answer late: so many calls at once and no more, and nobody else waits for them.

How late is not a matter of seconds: they answer when the test says so, or when as many calls are there as ought to be.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from engine import clock, db, settings
from engine.services import outbox, tasks, webhook_lines, webhooks
from engine.services.outbox import NewJob
from engine.services.webhook_lines import AT_ONCE, SPARE, TOGETHER, Lines
from tests.integration.test_workers import BOTH, Workers, _workers, over, until
from tests.support.desk import PERSON
from tests.support.receiver import NEVER, Ear, Receiver

SOME = 300


@pytest.fixture(params=[BOTH[0], BOTH[2]], ids="-".join)
def workers(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """A worker that claims for itself, and one that is told by a broker."""
    kind, broker = request.param
    url = request.getfixturevalue(f"{kind}_url")
    settings.force(settings.Settings(home=str(tmp_path), database_url=url))
    yield from _workers(broker, url, tmp_path)


async def added(name: str, receiver: Receiver, full: int = 0) -> tuple[int, Ear]:
    """A webhook, and the ear it tells, which answers while so many calls wait there."""
    ear = receiver.ear(name)
    ear.full = full
    ear.secret = await webhooks.add(name, ear.url, [], PERSON)
    return (await webhooks.webhook(name)).id, ear


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


async def only_calls_are_claimed() -> bool:
    """What waited for its turn was given back."""
    return bool(await db.value("SELECT COUNT(*) FROM outbox WHERE state = 'claimed'") <= AT_ONCE)


async def test_a_slow_receiver_is_called_within_bounds_and_delays_nobody(workers: Workers, receiver: Receiver) -> None:
    async with db.database():
        (slow, slow_ear), (fast, fast_ear) = await added("slow", receiver, NEVER), await added("fast", receiver)
        await db.run("UPDATE schedules SET enabled = ?", False)
        await outbox.put(messages(slow, SOME))
        process = workers.start()
        await until(lambda: slow_ear.busy == AT_ONCE)
        await outbox.put([*messages(fast, 1), NewJob("quick", "test.note", 50)])
        await until(lambda: workers.done()[50] and fast_ear.heard)
        assert slow_ear.heard == []
        await until(few_claimed)  # what is put back was claimed for a moment
        # It answers one call whenever all of them are there: a worker that is idle while messages wait comes to no end.
        await slow_ear.answer_when(AT_ONCE, last=SOME)
        await until(lambda: over("webhooks.send", SOME + 1))
        assert slow_ear.ids() == Counter({f"msg_{n}": 1 for n in range(SOME)})
        assert slow_ear.most == AT_ONCE
        assert len(slow_ear.connections) <= 2 * AT_ONCE, "connections were not kept"
        assert await db.value("SELECT SUM(attempts) FROM outbox") == 0
        assert process.poll() is None
        assert await asyncio.to_thread(workers.stop) == [0]
        assert "error" not in workers.errors.read_text().lower()


@pytest.mark.parametrize("workers", [BOTH[0]], ids="-".join, indirect=True)
async def test_told_to_stop_a_worker_gives_back_what_waits_for_its_turn(workers: Workers, receiver: Receiver) -> None:
    async with db.database():
        slow, slow_ear = await added("slow", receiver, NEVER)
        await db.run("UPDATE schedules SET enabled = ?", False)
        await outbox.put(messages(slow, SOME))
        workers.start()
        await until(lambda: slow_ear.busy == AT_ONCE)
        stopping = asyncio.create_task(asyncio.to_thread(workers.stop))
        await until(only_calls_are_claimed)
        await slow_ear.answer_when(0)
        assert await stopping == [0]
        heard = len(slow_ear.heard)
        assert slow_ear.ids().most_common(1)[0][1] == 1
        found = dict(await db.rows("SELECT state, COUNT(*) FROM outbox WHERE subject_id = ? GROUP BY state", slow))
        assert found == {"done": heard, "ready": SOME - heard}
        assert heard < SOME


async def test_many_slow_receivers_leave_room_for_another(
    sqlite_database: str, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook_lines, "TIMEOUT", 300.0)
    count = TOGETHER // AT_ONCE + 2
    slow = [await added(f"slow{n}", receiver, NEVER) for n in range(count)]
    fast, fast_ear = await added("fast", receiver)
    await db.run("UPDATE schedules SET enabled = ?", False)
    await outbox.put([job for webhook_id, _ in slow for job in messages(webhook_id, 48)])
    first = asyncio.create_task(tasks.run(await outbox.claim(limit=1000, token="a")))
    await until(lambda: receiver.busy >= TOGETHER - SPARE)
    await outbox.put(messages(fast, 1))
    await tasks.run(await outbox.claim(limit=1, token="b"))
    assert len(fast_ear.heard) == 1
    assert not any(ear.heard for _, ear in slow)
    for _, ear in slow:
        await ear.answer_when(0)
    await first
    assert [len(ear.heard) for _, ear in slow] == [48] * count
    assert receiver.most <= TOGETHER
    assert max(ear.most for _, ear in slow) <= AT_ONCE


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
