"""Sixteen processes do different things to the same orders at once: one wins each move, nothing is half done."""

from __future__ import annotations

import asyncio
import multiprocessing
import random
import traceback
from collections import Counter
from datetime import timedelta
from multiprocessing.queues import Queue
from pathlib import Path
from typing import Any

import pytest

from engine import clock, db, settings
from engine.errors import Invalid, Refused, StaleState
from engine.ports import ChannelLine
from engine.services import audit, cancel, catalog, hold, intake, invariants, lifecycle, outbox, process, sweep, tasks
from engine.services.lifecycle import Actor
from tests.support import scripted
from tests.support.scripted import BY, ScriptedChannel, ScriptedSupplier

ORDERS, PROCESSES, AT_ONCE = 40, 16, 5
ROLES = ("process", "undo", "cancel", "hold", "send", "send", "process", "process")


def _child(url: str, home: str, ledger: str, number: int, start: Any, over: Any, said: Queue[Any]) -> None:
    """One process: it does what its role is to every order, in an order of its own, and reports what it saw."""
    settings.force(settings.Settings(home=home, database_url=url, worker_threads=2))
    try:
        said.put(asyncio.run(_role(url, Path(ledger), number, start, over)))
    except BaseException:
        said.put(traceback.format_exc())


async def _role(url: str, ledger: Path, number: int, start: Any, over: Any) -> Counter[str]:
    suppliers: dict[int, ScriptedSupplier] = {}

    async def connector(table: str, row_id: int) -> Any:
        return suppliers.setdefault(row_id, ScriptedSupplier(ledger))

    catalog._connector = connector
    role, by = ROLES[number % len(ROLES)], Actor(f"p{number}", "person", "race")
    seen: Counter[str] = Counter()
    async with db.database(url):
        ids = [int(r[0]) for r in await db.rows("SELECT id FROM orders")]
        random.Random(number).shuffle(ids)
        start.wait(200)
        if role == "send":
            while not over.is_set():
                seen["send:done"] += await _send(4)
            return seen
        for at in range(0, ORDERS, AT_ONCE):
            for outcome in await _do(role, ids[at : at + AT_ONCE], by):
                seen[f"{role}:{outcome}"] += 1
    return seen


async def _send(limit: int) -> int:
    jobs = await outbox.claim(limit=limit, token=tasks.new_token(), tasks=["purchases.submit"])
    await tasks.run(jobs)
    if not jobs:
        await asyncio.sleep(0.03)
    return len(jobs)


async def _do(role: str, order_ids: list[int], by: Actor) -> list[str]:
    """What the role does to these orders, and what became of it."""
    try:
        if role in ("process", "undo"):
            doing = process.process(order_ids, by, undo_seconds=0) if role == "process" else process.undo(order_ids, by)
            return ["done" if outcome.done else "not" for outcome in await doing]
        if role == "cancel":
            async with lifecycle.change(order_ids, by=by) as work:
                for case in work.cases:
                    await cancel.cancel_lines(work, case, case.lines[:1], "raced")
            return ["done"] * len(order_ids)
        await hold.hold(order_ids[0], "raced", by)
        await hold.release(order_ids[0], by)
    except StaleState:
        return ["stale"]
    except (Refused, Invalid):
        return ["refused"]
    return ["done"]


async def _orders(url: str) -> None:
    async with db.database(url):
        shop = await scripted.shop()
        channel = (await catalog.channels())[shop.channel_id]
        now = clock.now()
        said = [
            scripted.order(
                str(5000 + n), [ChannelLine("a", "BB-MUG-01", "Mug", 2, 5000 + n), ChannelLine("b", "BB-TEA-01", "Tea", 1, 900)],
                now, email=f"kim{n}@example.com",
            )
            for n in range(ORDERS)
        ]  # fmt: skip
        pulled = await intake.take_page(channel, ScriptedChannel(), scripted.page(*said), BY)  # type: ignore[arg-type]
        assert (pulled.new, pulled.parked) == (ORDERS, 0)


def _race(url: str, home: Path, ledger: Path) -> Counter[str]:
    # Each process is new and shares nothing; the server it comes from has imported everything once.
    fresh = multiprocessing.get_context("forkserver")
    fresh.set_forkserver_preload([__name__])
    start, over, said = fresh.Barrier(PROCESSES), fresh.Event(), fresh.Queue()
    children = [
        fresh.Process(target=_child, args=(url, str(home), str(ledger), n, start, over, said), daemon=True)
        for n in range(PROCESSES)
    ]
    for child in children:
        child.start()
    seen: Counter[str] = Counter()
    troubles = []
    senders = sum(ROLES[n % len(ROLES)] == "send" for n in range(PROCESSES))
    for left in range(PROCESSES, 0, -1):
        if left == senders:
            over.set()
        answer = said.get(timeout=200)
        if isinstance(answer, str):
            troubles.append(answer)
            over.set()
        else:
            seen += answer
    for child in children:
        child.join(60)
    said.close()
    said.join_thread()
    assert troubles == []
    assert [child.exitcode for child in children] == [0] * PROCESSES
    return seen


async def _all_is_well(url: str, ledger: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    suppliers: dict[int, ScriptedSupplier] = {}

    async def connector(table: str, row_id: int) -> Any:
        return suppliers.setdefault(row_id, ScriptedSupplier(ledger))

    monkeypatch.setattr(catalog, "_connector", connector)
    async with db.database(url):
        assert await invariants.check(grace=timedelta(seconds=-5)) == []
        assert await sweep.restore() == 0
        await _send(500)
        assert await invariants.check(grace=timedelta(seconds=-5)) == []
        verified = await audit.verify()
        assert (verified.orders, verified.problems) == (ORDERS, [])
        sent = Counter(ledger.read_text().split())
        assert {po: n for po, n in sent.items() if n > 1} == {}
        ours = {str(r[0]) for r in await db.rows("SELECT po_number FROM purchase_orders WHERE sent_at IS NOT NULL")}
        assert set(sent) == ours
        assert (
            await db.value("SELECT COUNT(*) FROM purchase_orders WHERE state = 'queued' OR state = 'submitting'") == 0
        )
        assert await db.value("SELECT COUNT(*) FROM order_lines WHERE position = 1 AND cancel_asked <> 2") == 0


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_sixteen_processes_at_the_same_orders_leave_none_half_done(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = request.getfixturevalue(f"{kind}_url")
    home = tmp_path / "home"
    settings.force(settings.Settings(home=str(home), database_url=url))
    ledger = tmp_path / "sent.log"
    ledger.touch()
    asyncio.run(_orders(url))
    seen = _race(url, home, ledger)
    assert seen["process:done"] > 0
    assert seen["send:done"] > 0
    assert sum(n for what, n in seen.items() if what.endswith(":stale")) == 0 or kind == "postgres"
    asyncio.run(_all_is_well(url, ledger, monkeypatch))
