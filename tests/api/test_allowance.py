"""How often a token may call: counted for all processes together, exactly, and with few writes."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from engine import clock, db
from engine.services.allowance import Allowance
from tests.support.people import later

ROOT = Path(__file__).parents[2]
CALLER = """
import asyncio, sys
from engine import db
from engine.services.allowance import Allowance

async def main(url, most, calls):
    async with db.database(url):
        shared = Allowance(most, 600)
        print("ready", flush=True)
        sys.stdin.readline()
        answers = [await shared.take(7) for _ in range(calls)]
        print(sum(not one.wait for one in answers), flush=True)

asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
"""


async def _writes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    asked: list[str] = []
    real = db.rows

    async def spy(sql: str, *values: Any) -> Any:
        asked.append(sql)
        return await real(sql, *values)

    monkeypatch.setattr(db, "rows", spy)
    return asked


def test_two_processes_give_out_no_more_than_one(db_url: str) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", CALLER, db_url, "200", "300"]
    environment, pipe = {**os.environ, "PYTHONPATH": str(ROOT)}, subprocess.PIPE
    callers = [
        subprocess.Popen(command, env=environment, cwd=ROOT, text=True, stdin=pipe, stdout=pipe) for _ in range(2)
    ]
    try:
        for one in callers:
            assert one.stdout is not None
            assert one.stdout.readline() == "ready\n"
        given = [int(one.communicate(timeout=200)[0]) for one in _set_off(callers)]
    finally:
        for one in callers:
            one.kill()
    assert sum(given) == 200, given


def _set_off(callers: list[subprocess.Popen[str]]) -> list[subprocess.Popen[str]]:
    for one in callers:
        assert one.stdin is not None
        one.stdin.write("go\n")
        one.stdin.flush()
    return callers


async def test_what_one_process_holds_others_can_hardly_miss(database: str) -> None:
    """One that is called now and then keeps little: who calls the other gets nearly all of it."""
    later(timedelta())
    busy, seldom = Allowance(100, 60), Allowance(100, 60)
    for _ in range(3):
        assert (await seldom.take(1)).wait == 0
    given = 0
    while not (await busy.take(1)).wait:
        given += 1
    assert 90 <= given <= 97
    # What it holds it may still give out, and then nobody has any.
    rest = 0
    while not (await seldom.take(1)).wait:
        rest += 1
    assert given + rest == 97
    assert (await seldom.take(2)).wait == 0, "each token has its own"


async def test_many_calls_are_one_write(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    later(timedelta())
    asked = await _writes(monkeypatch)
    shared = Allowance(600, 60)
    answers = await asyncio.gather(*(shared.take(1) for _ in range(700)))
    assert sum(not one.wait for one in answers) == 600
    assert [one.left for one in answers[:600]] == list(range(599, -1, -1))
    assert len(asked) < 600 / 15
    before = len(asked)
    assert all([(await shared.take(1)).wait for _ in range(100)])
    assert len(asked) == before, "who calls on and on costs nothing more"


async def test_the_count_begins_anew_for_all_at_once(database: str) -> None:
    now = datetime(2026, 11, 29, 12, tzinfo=UTC)
    clock.use(lambda: now)
    first, second = Allowance(4, 60), Allowance(4, 60)
    assert [(await first.take(1)).wait for _ in range(4)] == [0, 0, 0, 0]
    now += timedelta(seconds=20)
    assert await second.take(1) == await first.take(1)
    assert (await second.take(1)).wait == (await second.take(1)).resets == 40
    now += timedelta(seconds=40)
    assert [(await second.take(1)).wait for _ in range(3)] == [0, 0, 0]
    assert [bool((await first.take(1)).wait) for _ in range(2)] == [False, True]
    # A clock that was days ahead and was put right holds nobody up.
    await db.run("UPDATE rate_buckets SET at = at + ?", 86_400_000_000)
    assert (await Allowance(4, 60).take(1)).wait == 0
