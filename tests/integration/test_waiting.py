"""What waits for its supplier: its blue book says so once, and it can be taken back as long as nothing can have arrived."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from engine import clock, db
from engine.errors import BluebookError, OutcomeUnknown, Refused, TryLater
from engine.services import audit, edit, outbox, process, resolve, setup, standing, submit, tasks
from engine.services.edit import Changes
from engine.services.lifecycle import Actor
from engine.services.order_page import order_page
from engine.services.outbox import Job
from tests.integration.test_sending import sending, states
from tests.support import book
from tests.support.desk import PERSON, Desk, desk

WORKER = Actor("worker", "worker", "test")
AWAY = "files.example.com refused the connection"


async def steps(order_id: int) -> list[str]:
    """The purchase order's events from when it was queued, whole where they say more than a state."""
    rows = await db.rows("SELECT tag, message FROM audit_events WHERE order_id = ? ORDER BY seq", order_id)
    found = [(str(r[0]).rpartition(":")[2], str(r[1])) for r in rows if ":purchase:" in str(r[0])]
    return [f"{name}: {said}" if name in ("wait", "begin_submit") else name for name, said in found if name != "draft"]


async def run(job: Job) -> None:
    """A worker takes the job, whatever became of it before."""
    await submit.run_jobs([job])


async def only(at: Desk) -> tuple[Job, int]:
    (job,) = await sending(at, "1001")
    return job, int(await at.value("SELECT order_id FROM purchase_orders"))


async def whole(order_id: int) -> None:
    """The chain holds, and the blue book tells the order as it is."""
    assert (await audit.verify(order_id)).problems == []
    await book.verify(order_id)


def later(hours: float = 1) -> None:
    """So much time has passed: no lease and no backoff is left."""
    moment = clock.now() + timedelta(hours=hours)
    clock.use(lambda: moment)


async def tried(at: Desk, job: Job, *troubles: BluebookError) -> None:
    """The purchase order is tried so often, each time in vain."""
    for trouble in troubles:
        at.suppliers["ACME"].trouble = trouble
        later()
        await run(job)
    later()
    at.suppliers["ACME"].trouble = None


# --- what the blue book says ------------------------------------------------------------------------------------------


async def test_what_cannot_be_prepared_says_so_once_and_goes_on(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with desk(monkeypatch) as at:
        acme = at.suppliers["ACME"]
        acme.stages = True

        async def away(po_number: str, body: bytes) -> None:
            raise TryLater(AWAY)

        job, order_id = await only(at)
        with monkeypatch.context() as broken:
            broken.setattr(acme, "stage", away)
            for _ in range(4):
                later()
                await run(job)
        assert await steps(order_id) == ["queue", f"wait: {AWAY}"]
        assert await states() == ["queued"]
        page = await order_page(order_id)
        assert page.purchase_orders[0].waits is not None
        assert page.purchase_orders[0].waits.reason == AWAY
        await whole(order_id)
        later()
        await run(job)
        assert await steps(order_id) == [
            "queue", f"wait: {AWAY}", f"begin_submit: attempt 1, after it waited: {AWAY}", "accept",
        ]  # fmt: skip
        assert await at.value("SELECT message FROM purchase_orders") == ""
        await whole(order_id)


async def test_the_job_that_tries_again_is_the_new_ones_and_one_alone(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(monkeypatch) as at:
        at.suppliers["ACME"].stages = True

        async def away(po_number: str, body: bytes) -> None:
            raise TryLater(AWAY)

        monkeypatch.setattr(at.suppliers["ACME"], "stage", away)
        await only(at)
        jobs = await outbox.claim(limit=9, token="t", tasks=["purchases.submit"])
        await tasks.run(jobs)
        live = await db.rows("SELECT key, error FROM outbox WHERE task = 'purchases.submit' AND state <> 'done'")
        po_id, version = await db.row("SELECT id, version FROM purchase_orders") or (0, 0)
        assert [(r[0], r[1]) for r in live] == [(f"submit:{po_id}:{version}", AWAY)]


async def test_a_supplier_that_is_disabled_is_told_of_once(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with desk(monkeypatch) as at:
        job, order_id = await only(at)
        acme = at.shop.suppliers["ACME"]
        await setup.update("suppliers", acme, PERSON, enabled=False)
        for _ in range(3):
            await run(job)
        assert await steps(order_id) == ["queue", "wait: the supplier is disabled"]
        await setup.update("suppliers", acme, PERSON, enabled=True)
        await run(job)
        assert (await steps(order_id))[2:] == [
            "begin_submit: attempt 1, after it waited: the supplier is disabled", "accept",
        ]  # fmt: skip
        await whole(order_id)


async def test_what_waited_and_was_taken_back_waits_for_nothing_and_says_so_anew(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(monkeypatch) as at:
        job, order_id = await only(at)
        await setup.update("suppliers", at.shop.suppliers["ACME"], PERSON, enabled=False)
        await run(job)
        await process.undo([order_id], PERSON)
        assert await at.value("SELECT message FROM purchase_orders") == ""
        await process.process([order_id], PERSON, undo_seconds=0)
        await run(job)
        assert [step for step in await steps(order_id) if step.startswith("wait")] == [
            "wait: the supplier is disabled"
        ] * 2


# --- taking it back ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "troubles", [(TryLater("away"),), (TryLater("away"), TryLater("busy", 3.0)), (TryLater("away"),) * 5]
)
async def test_what_never_left_the_house_is_taken_back(
    database: str, monkeypatch: pytest.MonkeyPatch, troubles: tuple[BluebookError, ...]
) -> None:
    async with desk(monkeypatch) as at:
        job, order_id = await only(at)
        await tried(at, job, *troubles)
        assert await standing.undoable([order_id]) == {order_id}
        assert await standing.undoable([order_id], tried=False) == set()
        page = await order_page(order_id)
        assert "undo" in page.acts
        assert page.purchase_orders[0].undoable
        (outcome,) = await process.undo([order_id], PERSON)
        assert (outcome.done, outcome.po_numbers) == (True, ("1001-1",))
        assert await states() == ["draft"]
        await run(job)
        assert at.suppliers["ACME"].sent == []
        await edit.apply(order_id, Changes(quantities={1: 2}), PERSON)
        await process.process([order_id], PERSON, undo_seconds=0)
        await run(job)
        assert [line.quantity for purchase in at.suppliers["ACME"].sent for line in purchase.lines] == [2]
        await whole(order_id)


async def test_what_was_refused_and_is_sent_again_is_taken_back_too(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(monkeypatch) as at:
        job, order_id = await only(at)
        await tried(at, job, Refused("no such SKU"))
        assert await states() == ["failed"]
        (issue,) = await resolve.order_issues(order_id)
        await resolve.retry(issue.id, PERSON)
        assert await states() == ["queued"]
        (outcome,) = await process.undo([order_id], PERSON)
        assert outcome.done
        assert await states() == ["draft"]


async def test_what_may_have_arrived_is_never_taken_back(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with desk(monkeypatch) as at:
        job, order_id = await only(at)
        await tried(at, job, OutcomeUnknown("timed out"))
        (outcome,) = await process.undo([order_id], PERSON)
        assert (outcome.done, outcome.message) == (
            False, "1001-1 may have reached the supplier: ask the supplier before anything else"
        )  # fmt: skip
        assert "sent again" in await submit.ask("1001-1", PERSON)
        await tried(at, job, TryLater("away"))
        assert await states() == ["queued"]
        assert await standing.undoable([order_id]) == set()
        page = await order_page(order_id)
        assert "undo" not in page.acts
        (outcome,) = await process.undo([order_id], PERSON)
        assert (outcome.done, outcome.message) == (
            False, "1001-1 was sent before without an answer, so the supplier may have it: cancel it instead"
        )  # fmt: skip
        assert await states() == ["queued"]


async def test_an_attempt_that_is_under_way_is_not_taken_back(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with desk(monkeypatch) as at:
        job, order_id = await only(at)
        await tried(at, job, TryLater("away"))
        (attempt,) = await submit._begin(await submit._prepare([job.subject_id], WORKER), WORKER)
        (outcome,) = await process.undo([order_id], PERSON)
        assert (outcome.done, outcome.message) == (
            False, "1001-1 is being sent now: wait for the answer, then cancel it"
        )  # fmt: skip
        await submit._finish([await submit._send(attempt)], WORKER)
        assert await states() == ["submitted"]


async def test_who_took_it_back_first_has_a_draft_that_no_worker_sends(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(monkeypatch) as at:
        job, order_id = await only(at)
        await tried(at, job, TryLater("away"))
        prepared = await submit._prepare([job.subject_id], WORKER)
        assert len(prepared) == 1
        (outcome,) = await process.undo([order_id], PERSON)
        assert outcome.done
        assert await submit._begin(prepared, WORKER) == []
        assert await states() == ["draft"]


async def test_a_worker_and_a_person_at_the_same_moment_never_both_have_it(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(monkeypatch) as at:
        jobs = await sending(at, *(str(number) for number in range(1001, 1013)))
        ids = {job.subject_id: job for job in jobs}
        at.suppliers["ACME"].trouble = TryLater("away")
        await submit.run_jobs(jobs)
        at.suppliers["ACME"].trouble = None
        later()
        rows = await db.rows("SELECT id, order_id, po_number FROM purchase_orders ORDER BY id")
        taken: set[int] = set()

        async def back(order_id: int, wait: float) -> None:
            await asyncio.sleep(wait)
            (outcome,) = await process.undo([order_id], PERSON)
            if outcome.done:
                taken.add(order_id)

        async def send(job: Job, wait: float) -> None:
            await asyncio.sleep(wait)
            await submit.run_jobs([job])

        work: list[Any] = [back(int(r[1]), 0.004 * (n % 4)) for n, r in enumerate(rows)]
        work += [send(ids[int(r[0])], 0.004 * (n % 3)) for n, r in enumerate(rows)]
        await asyncio.gather(*work)
        found = {int(r[0]): str(r[1]) for r in await db.rows("SELECT order_id, state FROM purchase_orders")}
        sent = {purchase.po_number for purchase in at.suppliers["ACME"].sent}
        assert {order_id for order_id, state in found.items() if state == "draft"} == taken
        assert {str(r[2]) for r in rows if int(r[1]) not in taken} == sent
        assert set(found.values()) <= {"draft", "submitted"}
        assert len(at.suppliers["ACME"].sent) == len(sent)
        for order_id in found:
            await whole(order_id)
