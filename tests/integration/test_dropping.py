"""Dropping jobs: what would only come again cannot be dropped, and says what to do instead; the rest is in the blue book."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from engine import clock, db
from engine.errors import Invalid, NotFound, Refused
from engine.services import dropping, hold, job_subjects, outbox, process, sweep, tasks
from engine.services.outbox import NewJob
from tests.support.scene import DANA, Scene

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def _job(key: str) -> int:
    return int(await db.value("SELECT id FROM outbox WHERE key = ? AND state IN ('ready', 'dead')", key))


async def _put(key: str, task: str, subject: int, **args: Any) -> int:
    await outbox.put([NewJob(key, task, subject, clock.now() + timedelta(days=9), args)])
    return await _job(key)


async def _submit_job(po_id: int) -> int:
    found = await db.value(
        "SELECT id FROM outbox WHERE task = 'purchases.submit' AND subject_id = ? AND state = 'ready'", po_id
    )
    return int(found)


async def _last_event(order_id: int) -> tuple[str, str, str]:
    row = await db.row(
        "SELECT tag, actor, message FROM audit_events WHERE order_id = ? ORDER BY seq DESC LIMIT 1", order_id
    )
    assert row is not None
    return row[0], row[1], row[2]


async def test_a_queued_purchase_order_keeps_its_job_until_it_is_taken_back(scene: Scene) -> None:
    order_id = await scene.order(("BB-MUG-01", 1))
    assert (await scene.process(order_id, undo_seconds=3_600)).done
    case = await scene.case(order_id)
    po, number = case.purchases[0], case.order.number
    job = await _submit_job(po.id)
    for asked in (dropping.consequence(job), dropping.drop(job, DANA)):
        with pytest.raises(Refused) as refused:
            await asked
        assert refused.value.message == (
            f"job {job} cannot be dropped: {po.po_number} is queued and would be sent all the same; undo takes it back; or "
            f"put order {number} on hold, or cancel it"
        )
    assert await db.value("SELECT state FROM outbox WHERE id = ?", job) == "ready"
    assert (await process.undo([order_id], DANA))[0].done
    assert await dropping.drop(job, DANA) == f"job {job} is dropped"
    await sweep.restore()
    assert await db.value("SELECT COUNT(*) FROM outbox WHERE state = 'ready' AND subject_id = ?", po.id) == 0
    tag, actor, message = await _last_event(order_id)
    assert (tag, actor, message) == ("person:job:drop", "dana", "dropped without having run: Send a purchase order")


async def test_one_that_could_not_be_sent_says_what_stops_it_then(scene: Scene) -> None:
    order_id = await scene.order(("BB-MUG-01", 1))
    assert (await scene.process(order_id, undo_seconds=0)).done
    po = await scene.po(order_id)
    await db.run("UPDATE purchase_orders SET attempt = 3 WHERE id = ?", po.id)
    await db.run("UPDATE orders SET version = version + 1 WHERE id = ?", order_id)
    with pytest.raises(
        Refused,
        match=r"all the same; undo takes it back, unless it may have arrived; or put order .* on hold, or cancel it$",
    ):
        await dropping.drop(await _submit_job(po.id), DANA)
    await db.run("UPDATE purchase_orders SET attempt = 0 WHERE id = ?", po.id)
    await db.run("UPDATE orders SET version = version + 1 WHERE id = ?", order_id)
    await hold.hold(order_id, "wait", DANA)
    await tasks.drain()
    assert await scene.states(order_id) == ["draft"]


async def test_what_is_asked_or_told_is_asked_and_told_until_it_is_known(scene: Scene) -> None:
    order_id, po_number = await scene.sent(("BB-MUG-01", 1))
    po_id = (await scene.po(order_id)).id
    jobs = [await _put(f"test:{task}", task, po_id) for task in ("purchases.find", "purchases.submit")]
    told = (("outcome_unknown", "mark it accepted or refused"), ("submitting", "is being sent"))
    for job, (state, says) in zip(jobs, told, strict=True):
        await db.run("UPDATE purchase_orders SET state = ? WHERE id = ?", state, po_id)
        await db.run("UPDATE orders SET version = version + 1 WHERE id = ?", order_id)
        with pytest.raises(Refused, match=says):
            await dropping.drop(job, DANA)
    await db.run("UPDATE purchase_orders SET state = 'submitted' WHERE id = ?", po_id)
    await db.run("UPDATE orders SET version = version + 1 WHERE id = ?", order_id)
    for job in jobs:
        await dropping.drop(job, DANA)
    await scene.say(po_number, "shipped", (1, "AC-2001", 1), tracking_number="1Z00000000DROP0001")
    parcel = int(await db.value("SELECT id FROM shipments WHERE order_id = ?", order_id))
    push = int(
        await db.value(
            "SELECT id FROM outbox WHERE task = 'tracking.push' AND subject_id = ? AND state = 'ready'", parcel
        )
    )
    with pytest.raises(Refused, match=r"1Z00000000DROP0001 .*pause the channel"):
        await dropping.drop(push, DANA)
    await tasks.drain()
    assert await scene.status(order_id) == "completed"


async def test_a_payload_that_is_not_read_yet_is_read(scene: Scene) -> None:
    await db.insert(
        "inbound_messages",
        ("source", "source_id", "external_id", "content_type", "body", "digest", "received_at", "state", "reason", "field",
         "attempts"),
        [("supplier", 1, "drop-1", "text/plain", b"x", "drop-1", clock.micros(clock.now()), "stored", "", "", 0)],
    )  # fmt: skip
    payload = int(await db.value("SELECT id FROM inbound_messages WHERE external_id = 'drop-1'"))
    job = await _put(f"inbound:{payload}", "inbound.read", payload)
    with pytest.raises(Refused, match="is not read yet"):
        await dropping.drop(job, DANA)
    await db.run("UPDATE inbound_messages SET state = 'done' WHERE id = ?", payload)
    await dropping.drop(job, DANA)


async def test_the_drop_of_a_job_about_an_order_is_in_its_blue_book(scene: Scene) -> None:
    order_id = await scene.order(("BB-MUG-01", 1))
    case = await scene.case(order_id)
    jobs = [
        await _put("drop:1", "orders.check", order_id),
        await _put("drop:2", "channels.acknowledge", order_id),
        await _put("drop:3", "channels.refresh", scene.shop.channel_id, external_id=case.order.external_id),
        await _put("drop:4", "suppliers.remind", case.purchases[0].id),
    ]
    assert await dropping.consequence(jobs[0]) == (
        f"It is over without having run. The blue book of {case.order.number} will say so."
    )
    for job, said in zip(
        jobs, ("Check an order", "Acknowledge an order", "Read an order again", "Remind a supplier"), strict=True
    ):
        await dropping.drop(job, DANA)
        assert await _last_event(order_id) == ("person:job:drop", "dana", f"dropped without having run: {said}")
        assert await db.value("SELECT state FROM outbox WHERE id = ?", job) == "done"


async def test_what_comes_by_the_clock_says_when_it_comes_again(scene: Scene) -> None:
    channel = scene.shop.channel_id
    job = await _put(f"channels.poll:{channel}", "channels.poll", channel)
    again = "comes again by its schedule, every day"
    assert await dropping.consequence(job) == f"It is over without having run. It {again}."
    assert await dropping.drop(job, DANA) == f"job {job} is dropped; it {again}"


async def test_what_was_tried_meanwhile_names_its_next_try(scene: Scene) -> None:
    first = await _put("refuse:7:1", "suppliers.mdn", 7)
    await outbox.drop(first)
    with pytest.raises(Invalid, match="cannot be dropped: it is done"):
        await dropping.drop(first, DANA)
    other, second = await _put("refuse:8:1", "suppliers.mdn", 8), await _put("refuse:7:2", "suppliers.mdn", 7)
    with pytest.raises(Invalid, match=f"it was tried meanwhile, and its next try is job {second}$"):
        await dropping.drop(first, DANA)
    with pytest.raises(NotFound):
        await dropping.drop(999_999_999, DANA)
    for job in (other, second):
        await dropping.drop(job, DANA)


async def test_every_task_has_its_words(scene: Scene) -> None:
    assert [task for task in tasks.TASKS if job_subjects.what(task) == task] == []
