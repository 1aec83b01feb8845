"""Beats: who works, and who was the last that did."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from engine import clock
from engine.services import beats, dashboard, health

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def noon() -> None:
    at(NOON)


def at(moment: datetime) -> None:
    clock.use(lambda: moment)


async def beat(worker: str, pid: int, done: int = 5) -> None:
    await beats.beat(f"host:{pid}:{worker}", "host", pid, clock.micros(NOON), done, "0.1")


async def test_a_worker_that_was_not_seen_for_a_while_is_not_alive(database: str) -> None:
    await beat("a", 2)
    at(NOON + timedelta(minutes=1))
    await beat("b", 1)
    assert [(w.pid, w.alive) for w in await beats.workers()] == [(1, True), (2, False)]


async def test_of_workers_that_left_the_last_is_remembered(database: str) -> None:
    assert await beats.last() is None
    assert (await health.look()).heartbeat_seconds is None
    await beat("a", 1)
    await beat("b", 2, done=9)
    await beats.leave("host:2:b", 9)
    assert [w.pid for w in await beats.workers()] == [1]
    at(NOON + timedelta(minutes=1))
    await beat("a", 1, done=7)
    await beats.leave("host:1:a", 8)
    at(NOON + timedelta(minutes=3))
    assert await beats.workers() == []
    assert await dashboard.workers() == ()
    last = await beats.last()
    assert last is not None
    assert (last.pid, last.jobs_done, last.seen_at, last.alive) == (1, 8, NOON + timedelta(minutes=1), False)
    found = await health.look()
    assert (found.workers, found.heartbeat_seconds) == (0, 120.0)
    await beat("c", 3)
    back = await beats.last()
    assert back is not None
    assert (back.pid, back.alive) == (3, True)


async def test_one_that_crashed_earlier_does_not_take_the_place_of_one_that_left_later(database: str) -> None:
    await beat("crashed", 1)
    at(NOON + timedelta(minutes=30))
    await beat("left", 2)
    await beats.leave("host:2:left", 5)
    at(NOON + timedelta(hours=2))
    await beats.clear()
    assert await beats.workers() == []
    last = await beats.last()
    assert last is not None
    assert (last.pid, last.seen_at) == (2, NOON + timedelta(minutes=30))
