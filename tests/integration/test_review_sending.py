"""Attempts whose answers come early, late, or never: what is known of one never leads to a second purchase order."""

from __future__ import annotations

from datetime import timedelta

import pytest

from engine import clock, db, settings
from engine.errors import OutcomeUnknown
from engine.ports import Accepted
from engine.services import submissions, submit, sweep
from engine.services.lifecycle import Actor
from engine.services.outbox import Job, Retry
from tests.integration.test_sending import sending, states
from tests.support.desk import PERSON, Desk, desk

BY = Actor("worker", "worker", "test")


async def lost(at: Desk, *, settle_seconds: int) -> int:
    """A purchase order whose only attempt got no answer, and which the supplier does not show; its id."""
    await db.run("UPDATE suppliers SET settle_seconds = ?", settle_seconds)
    (job,) = await sending(at, "1001")
    (attempt,) = await submit._begin(await submit._prepare([job.subject_id], BY), BY)
    attempt.answer = OutcomeUnknown("timed out")
    await submit._finish([attempt], BY)
    assert await states() == ["outcome_unknown"]
    return job.subject_id


async def nothing(po_number: str) -> Accepted | None:
    return None


async def test_a_no_heard_while_the_attempt_may_still_arrive_sends_nothing_again(
    sqlite_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(monkeypatch) as at:
        po_id = await lost(at, settle_seconds=30)
        monkeypatch.setattr(at.suppliers["ACME"], "find", nothing, raising=False)
        assert "may still arrive" in await submit.ask("1001-1", PERSON)
        assert await states() == ["outcome_unknown"]
        early = await submit.run_find_jobs([Job(1, "find", "purchases.find", po_id, {}, 0, "t")])
        assert early is not None
        assert isinstance(early[1], Retry)
        assert early[1].after == pytest.approx(30)
        later = clock.now() + timedelta(seconds=31)
        clock.use(lambda: later)
        assert "sent again" in await submit.ask("1001-1", PERSON)
        assert await states() == ["queued"]


async def test_a_no_heard_before_the_last_attempt_says_nothing_of_it(
    sqlite_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(monkeypatch) as at:
        po_id = await lost(at, settle_seconds=0)
        slow = submissions.Attempt(po_id, 1, "1001-1", 1, b"", asked_at=1)
        assert po_id in await submit._record_found([(slow, True)], BY)
        assert await states() == ["outcome_unknown"]


async def test_a_late_yes_counts_though_the_supplier_did_not_know_of_it_when_asked(
    sqlite_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(monkeypatch) as at:
        (job,) = await sending(at, "1001")
        (attempt,) = await submit._begin(await submit._prepare([job.subject_id], BY), BY)
        await db.run("UPDATE purchase_orders SET lease_until = 1")
        await submit.run_jobs([job])
        await db.run("UPDATE suppliers SET settle_seconds = 0")
        monkeypatch.setattr(at.suppliers["ACME"], "find", nothing, raising=False)
        await submit.ask("1001-1", PERSON)
        assert await states() == ["queued"]
        attempt.answer = Accepted("S-1")
        await submit._finish([attempt], BY)
        assert await states() == ["submitted"]
        await submit.run_jobs([job])
        assert at.suppliers["ACME"].sent == []


async def test_a_worker_that_was_stopped_before_its_call_does_not_make_it_after_its_lease(
    sqlite_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(monkeypatch) as at:
        (job,) = await sending(at, "1001")
        (attempt,) = await submit._begin(await submit._prepare([job.subject_id], BY), BY)
        later = clock.now() + timedelta(seconds=settings.settings().lease_seconds + 1)
        clock.use(lambda: later)
        await submit._finish([await submit._send(attempt)], BY)
        assert at.suppliers["ACME"].sent == []
        assert await states() == ["queued"]


async def test_that_a_supplier_cannot_be_asked_is_said_once(
    sqlite_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(monkeypatch) as at:
        monkeypatch.setattr(at.suppliers["ACME"], "can_find", False)
        po_id = await lost(at, settle_seconds=0)
        job = Job(1, "find", "purchases.find", po_id, {}, 0, "t")
        for _ in range(3):
            await submit.run_find_jobs([job])
            await sweep.restore()
        assert await at.value("SELECT COUNT(*) FROM audit_events WHERE tag = 'worker:purchase:ask'") == 1
        assert await submissions.ended([po_id]) != {}
