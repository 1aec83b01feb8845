"""Credentials a supplier no longer accepts pause it, tell the orders that wait, and are not tried for ever; and asking
for a cancellation, which is done once and never ends in silence."""

from __future__ import annotations

from datetime import timedelta

import pytest

from engine import clock, db
from engine.errors import NotAuthorised, OutcomeUnknown
from engine.ports import CancelAnswer, Page
from engine.services import cancel, connections, process, receive, resolve, sweep, tasks
from engine.services.outbox import Job
from tests.integration.test_sending import states
from tests.support.desk import PERSON, Desk, desk

MUG = ("BB-MUG-01", 1)
NO = NotAuthorised("Acme: 401, the key is not accepted")


class Asked:
    """What ACME is asked to cancel, and what it says."""

    def __init__(self, at: Desk, monkeypatch: pytest.MonkeyPatch, answer: CancelAnswer | Exception) -> None:
        self.answer, self.asked = answer, 0
        monkeypatch.setattr(at.suppliers["ACME"], "request_cancel", self, raising=False)

    async def __call__(self, po_number: str) -> CancelAnswer:
        self.asked += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


async def sent_then_canceled(at: Desk) -> int:
    await at.told(at.order("1001", MUG))
    await at.send("1001")
    order_id = int(await at.value("SELECT id FROM orders"))
    await cancel.cancel_order(order_id, PERSON)
    await tasks.drain()
    return order_id


async def later(hours: float) -> None:
    """So much later, with everything that is due done, the sweep's findings too."""
    then = clock.now() + timedelta(hours=hours)
    clock.use(lambda: then)
    await sweep.restore()
    await tasks.drain()
    again = then + timedelta(minutes=10)
    clock.use(lambda: again)
    await tasks.drain()


async def codes(order_id: int) -> list[str]:
    return sorted(issue.code for issue in await resolve.order_issues(order_id))


async def paused(at: Desk) -> str:
    return str(await at.value("SELECT paused_reason FROM suppliers WHERE code = 'ACME'"))


async def test_a_denied_cancel_pauses_the_supplier_and_is_asked_again_when_it_is_resumed(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(monkeypatch) as at:
        acme = Asked(at, monkeypatch, NO)
        order_id = await sent_then_canceled(at)
        assert await paused(at) == NO.message
        assert await codes(order_id) == ["connection_auth"]
        await later(1)
        assert acme.asked == 1
        acme.answer = CancelAnswer.CANCELED
        await connections.resume("suppliers", at.shop.suppliers["ACME"], PERSON)
        await later(0.1)
        assert (await states(), await codes(order_id)) == (["canceled"], [])


async def test_a_denied_look_up_pauses_the_supplier_and_is_asked_again_when_it_is_resumed(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(monkeypatch) as at:
        supplier, calls = at.suppliers["ACME"], 0

        async def find(po_number: str) -> None:
            nonlocal calls
            calls += 1
            raise NO

        at.suppliers["ACME"].trouble = OutcomeUnknown("timed out")
        with monkeypatch.context() as patch:
            patch.setattr(supplier, "find", find, raising=False)
            await at.told(at.order("1001", MUG))
            await at.send("1001")
            order_id = await at.value("SELECT id FROM orders")
            assert await codes(order_id) == ["connection_auth", "submission_unknown"]
            await later(1)
            assert (calls, await paused(at)) == (1, NO.message)
        supplier.trouble = None
        await connections.resume("suppliers", at.shop.suppliers["ACME"], PERSON)
        await later(0.1)
        assert (await states(), await codes(order_id)) == (["submitted"], [])


async def test_a_denied_poll_tells_the_orders_that_wait_for_the_supplier_now_and_later(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(monkeypatch) as at:

        async def poll(cursor: str | None) -> Page:
            raise NO

        monkeypatch.setattr(at.suppliers["ACME"], "poll", poll, raising=False)
        for number, sku in (("1001", "BB-MUG-01"), ("1002", "BB-TEA-01"), ("1003", "BB-MUG-01")):
            await at.told(at.order(number, (sku, 1)))
        ids = {r[0]: r[1] for r in await db.rows("SELECT number, id FROM orders")}
        await process.process([ids["1001"], ids["1002"]], PERSON, undo_seconds=7_200)
        job = Job(1, "poll", "suppliers.poll", at.shop.suppliers["ACME"], {}, 0, "t")
        await receive.run_poll_jobs([job])
        await receive.run_poll_jobs([job])
        assert [await codes(ids[number]) for number in ("1001", "1002", "1003")] == [["connection_auth"], [], []]
        assert await at.value("SELECT COUNT(*) FROM audit_events WHERE tag = 'worker:purchase:wait'") == 1
        await process.process([ids["1003"]], PERSON, undo_seconds=0)
        await tasks.drain()
        assert await codes(ids["1003"]) == ["connection_auth"]
        (issue,) = await resolve.order_issues(ids["1003"])
        await resolve.resolve(issue.id, "acknowledge", {}, PERSON)
        await later(1)
        assert await codes(ids["1003"]) == []
        await connections.resume("suppliers", at.shop.suppliers["ACME"], PERSON)
        assert await codes(ids["1001"]) == []


async def test_a_cancellation_that_breaks_off_ends_with_an_issue_and_is_asked_again(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(monkeypatch) as at:
        acme = Asked(at, monkeypatch, KeyError("status"))
        order_id = await sent_then_canceled(at)
        assert await codes(order_id) == ["cancel_refused"]
        (issue,) = await resolve.order_issues(order_id)
        assert "for a reason of ours" in issue.message
        for hours in (1, 6):
            await later(hours)
        assert 2 <= acme.asked <= 6
        assert await at.value("SELECT COUNT(*) FROM outbox WHERE state = 'dead'") == 0
        assert await at.value("SELECT COUNT(*) FROM audit_events WHERE tag = 'worker:purchase:ask_cancel'") == 1
        acme.answer = CancelAnswer.REFUSED
        await later(2)
        said = [i.message for i in await resolve.order_issues(order_id) if i.code == "cancel_refused"]
        assert said == ["1001-1: the supplier will not cancel"]


async def test_a_supplier_that_answers_later_is_asked_once_a_day(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(monkeypatch) as at:
        acme = Asked(at, monkeypatch, CancelAnswer.PENDING)
        await sent_then_canceled(at)
        for hours in (1, 5, 10):
            await later(hours)
        assert acme.asked == 1
        await db.run("UPDATE orders SET version = version + 1")
        await db.run("UPDATE purchase_orders SET version = version + 1")  # another key: what waits is not forgotten
        await later(0.5)
        assert acme.asked == 1
        said = await at.value("SELECT message FROM audit_events WHERE tag = 'worker:purchase:ask_cancel'")
        assert "asked again after 24 hours" in said
        await later(10)
        assert acme.asked == 2
