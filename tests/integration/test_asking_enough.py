"""A supplier that never answers and never knows is not sent the same for ever, and is not asked too soon."""

from __future__ import annotations

import pytest

from engine import db
from engine.errors import Invalid, OutcomeUnknown
from engine.ports import Accepted
from engine.services import resolve, setup, submissions, submit, sweep, tasks
from tests.integration.test_sending import states
from tests.support.desk import PERSON, Desk, desk


async def lose_answers(at: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """ACME answers no submit, and says that it has nothing."""

    async def nothing(po_number: str) -> Accepted | None:
        return None

    at.suppliers["ACME"].trouble = OutcomeUnknown("timed out")
    monkeypatch.setattr(at.suppliers["ACME"], "find", nothing, raising=False)
    await at.told(at.order("1001", ("BB-MUG-01", 1)))
    await at.send("1001")


async def test_after_three_definite_noes_in_a_row_a_person_decides(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(monkeypatch) as at:
        await lose_answers(at, monkeypatch)
        assert await states() == ["outcome_unknown"]
        assert await at.value("SELECT COUNT(*) FROM submissions") == submissions.MOST_ROUNDS
        (issue,) = await resolve.order_issues(await at.value("SELECT id FROM orders"))
        assert issue.code == "submission_unknown"
        assert "sent 3 times or more without an answer" in issue.message
        for _ in range(2):  # what the sweep finds is asked again, and not sent again
            await sweep.restore()
            await db.run("UPDATE outbox SET run_at = 0 WHERE state = 'ready'")
            await tasks.drain()
        assert await at.value("SELECT COUNT(*) FROM submissions") == submissions.MOST_ROUNDS
        assert await at.value("SELECT COUNT(*) FROM audit_events WHERE tag = 'worker:purchase:ask'") == 1
        assert "a person decides" in await submit.ask("1001-1", PERSON)
        at.suppliers["ACME"].trouble = None
        await resolve.resolve(issue.id, "mark_refused", {"note": "Bob on the phone"}, PERSON)
        (failed,) = await resolve.order_issues(await at.value("SELECT id FROM orders"))
        await resolve.resolve(failed.id, "retry", {}, PERSON)
        await db.run("UPDATE outbox SET run_at = 0 WHERE state = 'ready'")
        await db.run("UPDATE purchase_orders SET release_at = 0 WHERE state = 'queued'")
        await tasks.drain()
        assert await states() == ["submitted"]
        assert len(at.suppliers["ACME"].sent) == 1


async def test_an_answer_or_an_attempt_that_never_left_does_not_count_towards_them(
    sqlite_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(monkeypatch) as at:
        await at.told(at.order("1001", ("BB-MUG-01", 1)))
        po_id = await at.value("SELECT id FROM purchase_orders")
        outcomes = ["unknown", "refused", "unknown", "deferred", "unknown"]
        for attempt, outcome in enumerate(outcomes, 1):
            await db.insert(
                "submissions", ("purchase_order_id", "attempt", "started_at", "outcome", "message"),
                [(po_id, attempt, attempt, outcome, "")],
            )  # fmt: skip
        assert await submissions.unheard([po_id]) == {po_id: 2}


async def test_a_supplier_is_not_asked_before_a_request_must_be_over(
    sqlite_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(monkeypatch) as at:
        acme = at.shop.suppliers["ACME"]
        with pytest.raises(
            Invalid, match=r"settle_seconds is 20, and a request may take 20 s .* give settle_seconds 30"
        ):
            await setup.update("suppliers", acme, PERSON, settle_seconds=20)
        await setup.update("suppliers", acme, PERSON, settle_seconds=45)
        with pytest.raises(Invalid, match="settle_seconds is 45, and a request may take 60 s"):
            await setup.update("suppliers", acme, PERSON, values={"timeout": 60})
        await setup.update("suppliers", acme, PERSON, values={"timeout": 60}, settle_seconds=61)
        await setup.update("suppliers", acme, PERSON, values={"can_find": False}, settle_seconds=0)
        values = {"base_url": "http://127.0.0.1:9", "api_key": "k", "timeout": 40}
        with pytest.raises(Invalid, match="settle_seconds"):
            await setup.add_supplier("Third", "THIRD", "rest", values, PERSON)
