"""Purchase orders on their way to suppliers that are slow, or cannot be written to, or change under way."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from engine import clock, db, settings
from engine.errors import Misconfigured
from engine.services import process, submit, sweep, tasks
from engine.services.outbox import Job
from tests.support.desk import PERSON, Desk, desk

LAMP = "BB-LAMP-01"


async def sending(at: Desk, *numbers: str) -> list[Job]:
    """The orders are queued; the jobs that would send them."""
    for number in numbers:
        await at.told(at.order(number, (LAMP, 3)))
    ids = [int(r[0]) for r in await db.rows("SELECT id FROM orders ORDER BY id")]
    assert all(outcome.done for outcome in await process.process(ids, PERSON, undo_seconds=0))
    found = await db.rows("SELECT id FROM purchase_orders ORDER BY id")
    return [Job(int(r[0]), f"k{r[0]}", "purchases.submit", int(r[0]), {}, 0, "t") for r in found]


async def states() -> list[str]:
    return [r[0] for r in await db.rows("SELECT state FROM purchase_orders ORDER BY id")]


async def test_what_cannot_be_written_has_failed_and_the_others_are_sent(
    sqlite_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(monkeypatch) as at:
        at.suppliers["ACME"].unrenderable = Misconfigured("the template has no end")
        await at.told(at.order("1001", (LAMP, 1)))
        await at.told(at.order("1002", ("BB-TEA-01", 1)))
        await at.send("1001", "1002")
        assert await states() == ["failed", "submitted"]
        assert await at.status("1001") == "failed"
        message = await at.value("SELECT message FROM issues WHERE closed_at IS NULL")
        assert message == "1001-1: it could not be written: the template has no end"
        assert await at.value("SELECT outcome FROM submissions ORDER BY id LIMIT 1") == "refused"
        assert at.suppliers["ACME"].sent == []


async def test_a_supplier_gets_no_more_calls_at_once_than_it_allows(
    sqlite_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(monkeypatch, concurrency=2) as at:
        at.suppliers["ACME"].slow = 0.02
        await submit.run_jobs(await sending(at, *(str(n) for n in range(1001, 1009))))
        assert at.suppliers["ACME"].most_at_once == 2
        assert len(at.suppliers["ACME"].sent) == 8


async def test_what_had_no_turn_was_not_sent_and_nobody_is_asked(
    sqlite_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(monkeypatch, concurrency=1) as at:
        jobs = await sending(at, "1001", "1002")
        mine, now = settings.settings(), clock.now()
        settings.force(settings.Settings(home=mine.home, database_url=mine.database_url, lease_seconds=2.5))

        async def silent(po_number: str, body: bytes) -> None:
            clock.use(lambda: now + timedelta(seconds=2.5))  # the lease is over while it is waited for
            await asyncio.sleep(3_600)

        monkeypatch.setattr(at.suppliers["ACME"], "submit", silent)
        await submit.run_jobs(jobs)
        assert await states() == ["outcome_unknown", "queued"]


async def test_preparing_that_takes_too_long_is_given_up_before_another_may_begin(
    sqlite_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(monkeypatch) as at:
        at.suppliers["ACME"].stages = True
        jobs = await sending(at, "1001")
        mine = settings.settings()
        settings.force(settings.Settings(home=mine.home, database_url=mine.database_url, lease_seconds=0.2))
        at.suppliers["ACME"].slow = 3_600.0
        assert await submit.run_jobs(jobs) == {}, "a new job tries again"
        assert "prepared" in await at.value("SELECT message FROM purchase_orders")
        assert await states() == ["queued"]


async def test_an_order_changed_while_it_is_prepared_is_sent_as_it_is_then(
    sqlite_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(monkeypatch) as at:
        acme = at.suppliers["ACME"]
        acme.stages = True
        jobs = await sending(at, "1001")

        async def changes(po_number: str, body: bytes) -> None:
            acme.stages = False
            ids = [int(r[0]) for r in await db.rows("SELECT id FROM orders")]
            await process.undo(ids, PERSON)
            await at.told(at.order("1001", (LAMP, 5), minutes=1))
            await process.process(ids, PERSON, undo_seconds=0)

        monkeypatch.setattr(acme, "stage", changes)
        await submit.run_jobs(jobs)
        assert acme.sent == []
        await tasks.drain()
        assert [line.quantity for purchase in acme.sent for line in purchase.lines] == [5]


async def test_a_supplier_that_says_nothing_for_too_long_is_noticed_by_the_sweep(
    sqlite_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(monkeypatch, ack_hours=4) as at:
        await submit.run_jobs(await sending(at, "1001"))
        assert await states() == ["submitted"]
        later = clock.now() + timedelta(hours=5)
        clock.use(lambda: later)
        await sweep.run_jobs([])
        assert await at.value("SELECT code FROM issues WHERE closed_at IS NULL") == "no_ack_in_time"
