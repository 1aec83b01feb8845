"""Each thing that can go wrong on the way to a supplier or back to the store, once, and what becomes of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from engine import db, settings
from engine.demo.store_faults import StoreFault, StoreRoute
from engine.demo.supplier_faults import Fault, FaultPlan, Route
from engine.services import connections, process, schedule, tasks
from tests.support.world import PERSON, World, world


@pytest.fixture(autouse=True)
def in_haste(own_settings: settings.Settings, sqlite_database: str) -> None:
    """Short waits; each test has its own SQLite database open."""
    settings.force(
        msgspec.structs.replace(
            own_settings, database_url=sqlite_database, lease_seconds=60.0, max_backoff_seconds=0.1, undo_seconds=0.0
        )
    )


@asynccontextmanager
async def small_world(folder: Path, **options: Any) -> AsyncIterator[World]:
    """A world whose HTTP supplier is given up on after 2 s and asked at once."""
    async with world(folder, **options) as w:
        acme = w.shop.suppliers["ACME"]
        await configure(acme, timeout=2.0)
        await db.run("UPDATE suppliers SET settle_seconds = 0 WHERE id = ?", acme)
        yield w


async def configure(supplier_id: int, **changes: Any) -> None:
    """The supplier's connection has these settings too."""
    now = msgspec.json.decode(await db.value("SELECT settings FROM suppliers WHERE id = ?", supplier_id))
    await db.run(
        "UPDATE suppliers SET settings = ? WHERE id = ?", msgspec.json.encode(now | changes).decode(), supplier_id
    )


async def trail(order_id: int) -> list[str]:
    """What happened to the order's purchase order until the supplier had it."""
    rows = await db.rows("SELECT tag FROM audit_events WHERE order_id = ? ORDER BY seq", order_id)
    steps = [r[0].split(":", 1)[1] for r in rows if ":purchase:" in r[0]]
    known = ("begin_submit", "defer", "lose_answer", "not_found", "accept", "refuse", "wait")
    return [step.removeprefix("purchase:") for step in steps if step.removeprefix("purchase:") in known]


async def sent_once(w: World, faults: dict[Route, list[Fault]], **plan: Any) -> list[str]:
    """One order is sent to the supplier that has these faults; its trail. The supplier has it once, and got it once."""
    (order_id,) = await w.pull(1, skus=["BB-LAMP-01"])
    w.http.faults.use(FaultPlan(script=faults, **plan))
    await process.process([order_id], PERSON, undo_seconds=0)
    await tasks.drain(lambda: in_state("submitted", "acknowledged"), timeout=90)
    (number,) = [r[0] for r in await db.rows("SELECT po_number FROM purchase_orders WHERE order_id = ?", order_id)]
    assert {po: len(receipts) for po, receipts in w.http.ledger.items()} == {number: 1}
    assert await db.value("SELECT COUNT(*) FROM purchase_orders WHERE lease_until IS NOT NULL") == 0
    assert await db.value("SELECT COUNT(*) FROM issues WHERE closed_at IS NULL") == 0
    assert await db.value("SELECT COUNT(*) FROM submissions WHERE outcome = 'pending'") == 0
    return await trail(order_id)


async def in_state(*states: str) -> bool:
    """Are all purchase orders in one of these states?"""
    found = await db.value(f"SELECT COUNT(*) FROM purchase_orders WHERE state NOT IN ({db.marks(states)})", *states)
    return not found


ASKED = ["begin_submit", "lose_answer", "accept"]
AGAIN = ["begin_submit", "lose_answer", "not_found", "begin_submit", "accept"]


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Fault.LATE, ASKED), (Fault.ERROR_AFTER, ASKED), (Fault.DROP_AFTER, ASKED), (Fault.CUT, ASKED),
        (Fault.TRUNCATE, ["begin_submit", "accept"]), (Fault.SLOW, ["begin_submit", "accept"]),
        (Fault.ERROR_BEFORE, AGAIN), (Fault.DROP_BEFORE, AGAIN),
    ],
)  # fmt: skip
async def test_a_lost_answer_is_asked_for_and_only_a_no_leads_to_another_attempt(
    tmp_path: Path, fault: Fault, expected: list[str]
) -> None:
    async with small_world(tmp_path, ship_after=None, auto_ack=False, dedupe=False) as w:
        assert await sent_once(w, {Route.SUBMIT: [fault]}, late=6.0) == expected


async def test_a_question_that_goes_wrong_is_put_again(tmp_path: Path) -> None:
    async with small_world(tmp_path, ship_after=None, auto_ack=False, dedupe=False) as w:
        wrong = [Fault.ERROR_BEFORE, Fault.TRUNCATE, Fault.DROP_BEFORE, Fault.LATE]
        assert await sent_once(w, {Route.SUBMIT: [Fault.ERROR_AFTER], Route.FIND: wrong}, late=6.0) == ASKED


async def test_who_asks_for_time_is_given_it(tmp_path: Path) -> None:
    async with small_world(tmp_path, ship_after=None, auto_ack=False, dedupe=False) as w:
        steps = await sent_once(w, {Route.SUBMIT: [Fault.THROTTLE]}, retry_after=1)
        assert steps == ["begin_submit", "defer", "begin_submit", "accept"]
        started = [r[0] for r in await db.rows("SELECT started_at FROM submissions ORDER BY attempt")]
        assert started[1] - started[0] >= 1_000_000
        assert [r[0] for r in await db.rows("SELECT outcome FROM submissions ORDER BY attempt")] == [
            "deferred", "accepted",
        ]  # fmt: skip


async def test_a_refused_connection_is_no_attempt_at_the_supplier(tmp_path: Path) -> None:
    async with small_world(tmp_path, ship_after=None, auto_ack=False, dedupe=False) as w:
        (order_id,) = await w.pull(1, skus=["BB-LAMP-01"])
        await w.http.refuse_connections()
        await process.process([order_id], PERSON, undo_seconds=0)

        async def three_times() -> bool:
            return bool(await db.value("SELECT COUNT(*) FROM submissions") >= 3)

        await tasks.drain(three_times, timeout=90)
        assert set(await trail(order_id)) == {"begin_submit", "defer"}
        assert w.http.ledger == {}
        await w.http.listen()
        await tasks.drain(lambda: in_state("submitted", "acknowledged"), timeout=90)
        assert w.http.repeated == {}
        assert len(w.http.ledger) == 1


async def test_refused_credentials_pause_the_supplier_until_a_person_resumes_it(tmp_path: Path) -> None:
    async with small_world(tmp_path, ship_after=None, auto_ack=False, dedupe=False) as w:
        acme = w.shop.suppliers["ACME"]
        # Otherwise the poll may hear the refusal first, and there would be no order to speak of.
        await db.run("UPDATE suppliers SET poll_seconds = 0 WHERE id = ?", acme)
        await schedule.ensure()
        (order_id,) = await w.pull(1, skus=["BB-LAMP-01"])
        right = w.http._accepted_keys
        w.http._accepted_keys = ("Bearer other", "other")
        await process.process([order_id], PERSON, undo_seconds=0)

        async def paused() -> bool:
            return bool(await db.value("SELECT paused_reason FROM suppliers WHERE id = ?", acme))

        await tasks.drain(paused, timeout=90)
        assert await in_state("queued")
        assert [r[0] for r in await db.rows("SELECT code FROM issues WHERE closed_at IS NULL")] == ["connection_auth"]
        assert await db.value("SELECT COUNT(*) FROM outbox WHERE task = 'notify.send'") == 1
        asked = w.http.requests
        await tasks.drain(timeout=90)
        assert w.http.requests == asked
        w.http._accepted_keys = right
        assert await connections.resume("suppliers", acme, PERSON) == 1
        await tasks.drain(lambda: in_state("submitted", "acknowledged"), timeout=90)
        assert {po: len(receipts) for po, receipts in w.http.ledger.items()} == dict.fromkeys(w.http.ledger, 1)
        assert len(w.http.ledger) == 1
        assert await db.value("SELECT COUNT(*) FROM issues WHERE closed_at IS NULL") == 0


STORE = [
    *((StoreRoute.PUT, fault) for fault in (StoreFault.ERROR_BEFORE, StoreFault.ERROR_AFTER, StoreFault.DROP_AFTER,
                                            StoreFault.THROTTLE, StoreFault.TRUNCATE)),
    *((StoreRoute.NOTE, fault) for fault in (StoreFault.ERROR_BEFORE, StoreFault.ERROR_AFTER, StoreFault.DROP_AFTER,
                                             StoreFault.THROTTLE, StoreFault.TRUNCATE)),
    *((StoreRoute.GET, fault) for fault in (StoreFault.ERROR_BEFORE, StoreFault.TRUNCATE)),
    *((StoreRoute.LIST, fault) for fault in (StoreFault.THROTTLE, StoreFault.TRUNCATE, StoreFault.ERROR_BEFORE)),
]  # fmt: skip


@pytest.mark.parametrize(("route", "fault"), STORE)
async def test_the_customer_is_told_once_whatever_the_store_answers(
    tmp_path: Path, route: StoreRoute, fault: StoreFault
) -> None:
    async with small_world(tmp_path, ship_after=0.0) as w:
        (order_id,) = await w.pull(1, skus=["BB-LAMP-01"])
        w.store.faults.script(route, fault)
        await process.process([order_id], PERSON, undo_seconds=0)
        await tasks.drain(lambda: w.all_are("completed"), timeout=90)
        ((_, found),) = w.store.tracking.items()
        assert [entry["tracking_number"] for entry in found] == [
            r[0] for r in await db.rows("SELECT tracking_number FROM shipments")
        ]
        assert w.store.state()["customer_notes"] == 1
        assert w.store.state()["by_status"] == {"completed": 1}
