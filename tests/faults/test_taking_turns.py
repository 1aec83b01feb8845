"""Who may do what when workers have died or been held up: suspects run alone, and only what is reserved is begun."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from engine import clock, db
from engine.connectors.suppliers.files.connector import Connector
from engine.services import outbox, process, submit, tasks
from engine.services.outbox import Job, NewJob, Retry
from tests.support import jobs as support
from tests.support.world import PERSON, world


@pytest.fixture
async def crashed(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred jobs whose workers stopped twice, and after them ten that nobody has touched."""
    monkeypatch.setattr(tasks, "TASKS", {**tasks.TASKS, **support.TASKS})
    await outbox.put([NewJob(f"n:{n}", "test.nothing", n) for n in range(100)])
    await db.run("UPDATE outbox SET attempts = 2, error = ?, run_at = run_at - 1000000", outbox.STOPPED)
    await outbox.put([NewJob(f"n:{n}", "test.nothing", n) for n in range(100, 110)])


async def test_suspects_run_one_by_one_and_hold_up_nobody(crashed: None) -> None:
    first = await tasks.claim(64, "first")
    assert [job.suspect for job in first] == [True, *[False] * 10]
    assert await tasks.claim(64, "second") == []
    await tasks.run(first[:1])
    again = await tasks.claim(64, "third")
    assert [job.suspect for job in again] == [True]
    await tasks.run([*first[1:], *again])
    now = clock.now()
    clock.use(lambda: now)  # whoever put one of them off would leave it behind
    await tasks.drain()
    assert await outbox.counts() == {"due": 0, "ready": 0, "claimed": 0, "dead": 0}


async def test_a_broker_is_told_of_no_suspect_and_they_are_taken_one_by_one(crashed: None) -> None:
    told = await outbox.relay(limit=64, again_after=60)
    assert len(told) == 10
    assert await outbox.relay(limit=64, again_after=60) == []
    first = await tasks.claim_suspect()
    assert [job.suspect for job in first] == [True]
    assert await tasks.claim_suspect() == []
    await tasks.run(first)
    again = await tasks.claim_suspect()
    assert [job.suspect for job in again] == [True]
    await tasks.run([*again, *await tasks.screen(await outbox.take([waiting.id for waiting in told], "t"))])
    assert await outbox.relay(limit=64, again_after=60) == []


async def test_nothing_is_begun_that_another_worker_may_be_staging(
    sqlite_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with world(tmp_path, ship_after=None) as w:
        (order_id,) = await w.pull(1, skus=["BB-PEN-01"])
        await process.process([order_id], PERSON, undo_seconds=0)
        po_id = await db.value("SELECT id FROM purchase_orders")
        job = Job(1, "submit", "purchases.submit", po_id, {}, 0, "t")
        stage = Connector.stage

        async def held_up(self: Connector, po_number: str, body: bytes) -> None:
            await stage(self, po_number, body)
            later = clock.micros(clock.now()) + 3_600_000_000
            await db.run("UPDATE purchase_orders SET lease_token = 'staging.other', lease_until = ?", later)

        monkeypatch.setattr(Connector, "stage", held_up)
        found: Any = await submit.run_jobs([job])
        assert found == {1: Retry(1.0, "another worker is preparing it")}
        assert await db.value("SELECT state FROM purchase_orders") == "queued"
        assert await db.value("SELECT COUNT(*) FROM submissions") == 0
        monkeypatch.setattr(Connector, "stage", stage)
        assert await submit.run_jobs([job]) == {1: Retry(1.0, "another worker is preparing it")}
        await db.run("UPDATE purchase_orders SET lease_until = 1")
        assert await submit.run_jobs([job]) == {}
        assert await db.value("SELECT COUNT(*) FROM submissions WHERE outcome = 'accepted'") == 1


async def test_the_attempt_of_a_worker_that_died_is_closed_in_the_records(sqlite_database: str, tmp_path: Path) -> None:
    async with world(tmp_path, ship_after=None, auto_ack=False) as w:
        ids = await w.pull(1, skus=["BB-LAMP-01"])
        await process.process(ids, PERSON, undo_seconds=0)
        (po_id,) = [r[0] for r in await db.rows("SELECT id FROM purchase_orders")]
        by = submit.Actor("worker", "worker", "test")
        assert len(await submit._begin(await submit._prepare([po_id], by), by)) == 1  # and here the worker dies
        await db.run("UPDATE purchase_orders SET lease_until = 1")
        await submit.run_jobs([Job(1, "submit", "purchases.submit", po_id, {}, 0, "t")])
        assert await db.value("SELECT state FROM purchase_orders") == "outcome_unknown"
        found = await db.row("SELECT outcome, message, finished_at FROM submissions")
        assert (found[0], found[1]) == ("unknown", "the worker stopped before the answer")
        assert found[2] is not None
        assert w.http.ledger == {}
