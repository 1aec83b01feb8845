"""Jobs that waited long for others are not lost to one mishap of ours, and stock that comes back is heard."""

from __future__ import annotations

import msgspec
import pytest

from engine import clock, db, settings
from engine.errors import TryLater
from engine.services import outbox, submit, tasks
from engine.services.outbox import Dead, Job, NewJob, Retry
from tests.integration.test_sending import sending, states
from tests.support.desk import desk

BUSY = "the supplier is busy"


@pytest.mark.parametrize("way", ["reclaim", "take"])
async def test_a_job_that_waited_long_survives_one_killed_worker_and_not_two(database: str, way: str) -> None:
    most = settings.settings().max_attempts
    await outbox.put([NewJob("a", "purchases.submit", 1)])
    await db.run("UPDATE outbox SET attempts = ?, error = ?", most + 5, BUSY)
    (job,) = await outbox.claim(limit=1, token="killed")
    await db.run("UPDATE outbox SET lease_until = 1")
    if way == "take":
        assert [again.id for again in await outbox.take([job.id], "next")] == [job.id]
    else:
        await outbox.reclaim()
        assert await db.value("SELECT state FROM outbox") == "ready"
        await db.run("UPDATE outbox SET run_at = 1")
        assert len(await outbox.claim(limit=1, token="next")) == 1
    await db.run("UPDATE outbox SET lease_until = 1")
    assert await outbox.take([job.id], "third") == []
    await outbox.reclaim()
    assert await db.value("SELECT state FROM outbox") == "dead"


def test_a_job_that_waited_long_is_tried_again_after_one_failure_and_not_after_the_same_twice() -> None:
    most = settings.settings().max_attempts
    waited = Job(1, "a", "purchases.submit", 1, {}, most + 5, "t", error=BUSY)
    first = tasks._outcome_of(waited, ValueError("deadlock"))
    assert isinstance(first, Retry)
    failed = Job(1, "a", "purchases.submit", 1, {}, most + 6, "t", error=first.error)
    assert isinstance(tasks._outcome_of(failed, ValueError("deadlock, another")), Dead)


async def test_what_could_not_be_prepared_is_looked_at_when_it_may_be_prepared_again(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(monkeypatch) as at:
        acme = at.suppliers["ACME"]
        acme.stages = True
        (job,) = await sending(at, "1001")

        async def away(po_number: str, body: bytes) -> None:
            raise TryLater("cannot be reached")

        monkeypatch.setattr(acme, "stage", away)
        # The first time the blue book says so, and another job looks again; from then on that one is put off.
        assert await submit.run_jobs([job]) == {}
        again = await db.row("SELECT id, key, run_at, error FROM outbox WHERE id <> ? AND state = 'ready'", job.id)
        assert again is not None
        assert again[3] == "cannot be reached"
        wait = again[2] - await db.value("SELECT MAX(at) FROM audit_events WHERE tag = 'worker:purchase:wait'")
        assert wait == int(settings.settings().lease_seconds * 1_000_000)
        await db.run("UPDATE purchase_orders SET lease_until = lease_until - ?", wait + 1)  # the time has passed
        found = await submit.run_jobs([msgspec.structs.replace(job, id=again[0], key=again[1])])
        assert found is not None
        assert found[again[0]] == Retry(settings.settings().lease_seconds, "cannot be reached")
        free = await db.value("SELECT lease_until FROM purchase_orders")
        assert free <= clock.micros(clock.now()) + int(settings.settings().lease_seconds * 1_000_000)
        assert await states() == ["queued"]
