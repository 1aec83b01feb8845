"""Webhooks out, heard by a real server that verifies them as the standard says."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from engine import clock, db
from engine.errors import Invalid, NotFound, Refused, TryLater
from engine.models import Webhook
from engine.services import cancel, outbox, tasks, webhooks
from tests.support import book
from tests.support.desk import PERSON, Desk, desk
from tests.support.receiver import Ear

MUG = "BB-MUG-01"


@pytest.fixture
async def shop(database: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    async with desk(monkeypatch) as found:
        yield found


async def collected() -> None:
    """What happened was collected and sent, as the workers do it by the clock."""
    await book.final()
    await webhooks.run_collect_jobs([])
    await tasks.drain()


async def test_an_order_is_told_from_its_arrival_on_in_signed_messages(shop: Desk, ear: Ear) -> None:
    await shop.told(shop.order("before", (MUG, 1)))
    await book.final()
    ear.secret = await webhooks.add("ERP", ear.url, [], PERSON)
    await shop.told(shop.order("1", (MUG, 2)))
    await shop.send("1")
    await collected()
    assert sorted(ear.types()) == ["order.processed", "order.ready", "order.received"]
    told = {said["type"]: said["data"] for _, said in ear.heard}
    assert {data["order"] for data in told.values()} == {"1"}
    statuses = {name: (data["status"], data["previous_status"]) for name, data in told.items()}
    assert statuses == {
        "order.received": (None, None), "order.ready": ("ready", None), "order.processed": ("processed", "ready")
    }  # fmt: skip
    assert told["order.received"]["sequence"] <= told["order.ready"]["sequence"] < told["order.processed"]["sequence"]
    assert len({name for name, _ in ear.heard}) == 3
    await collected()
    assert ear.asked == 3
    assert (await webhooks.webhook("ERP")).answered_at is not None


async def test_only_what_was_asked_for_is_told(shop: Desk, ear: Ear) -> None:
    ear.secret = await webhooks.add("Desk", ear.url, ["order.canceled"], PERSON)
    await shop.told(shop.order("1", (MUG, 1)))
    await cancel.cancel_order(int(await db.value("SELECT id FROM orders WHERE number = '1'")), PERSON)
    await collected()
    assert ear.types() == ["order.canceled"]


async def test_what_was_not_taken_is_told_again_for_days_and_then_waits_for_a_person(shop: Desk, ear: Ear) -> None:
    ear.secret = await webhooks.add("ERP", ear.url, ["order.received"], PERSON)
    ear.answers = [500] * (len(webhooks.AGAIN) + 1)
    await shop.told(shop.order("1", (MUG, 1)))
    await collected()
    for wait in webhooks.AGAIN:
        asked = ear.asked
        await tasks.drain()
        assert ear.asked == asked, "it was sent again too soon"
        [job] = [one for one in await outbox.list_jobs("ready") if one.task == "webhooks.send"]
        assert job.run_at - clock.now() == timedelta(seconds=wait)
        await db.run("UPDATE outbox SET run_at = 0 WHERE id = ?", job.id)
        await tasks.drain()
        assert ear.asked == asked + 1
    view = await webhooks.webhook("ERP")
    assert (view.waiting, view.given_up) == (0, 1)
    assert "500" in view.last_error
    assert await webhooks.replay("ERP", PERSON, order="1") == 1
    await tasks.drain()
    assert ear.types() == ["order.received"]
    view = await webhooks.webhook("ERP")
    assert (view.waiting, view.given_up, view.last_error) == (0, 0, "")
    assert [one for one in await outbox.list_jobs("dead") if one.task == "webhooks.send"] == []


async def test_an_address_that_is_overrun_is_left_alone_as_long_as_it_asks(shop: Desk, ear: Ear) -> None:
    ear.secret = await webhooks.add("ERP", ear.url, ["order.received"], PERSON)
    ear.answers = [429]
    await shop.told(shop.order("1", (MUG, 1)))
    await collected()
    [job] = [one for one in await outbox.list_jobs("ready") if one.task == "webhooks.send"]
    assert job.run_at - clock.now() > timedelta(seconds=6900)


async def test_an_address_that_is_gone_is_told_nothing_more_until_it_is_resumed(shop: Desk, ear: Ear) -> None:
    ear.secret = await webhooks.add("ERP", ear.url, [], PERSON)
    ear.answers = [410, 410]  # two messages are on their way at once
    await shop.told(shop.order("1", (MUG, 1)))
    await collected()
    view = await webhooks.webhook("ERP")
    assert (view.enabled, "410" in view.last_error, view.waiting, view.given_up) == (False, True, 2, 0)
    await shop.told(shop.order("2", (MUG, 1)))
    await collected()
    assert ear.asked == 2
    assert await db.value("SELECT COUNT(*) FROM audit_events WHERE tag LIKE '%webhook:pause'") == 1
    await webhooks.switch("ERP", True, PERSON)
    await collected()
    told = sorted((said["data"]["order"], said["type"]) for _, said in ear.heard)
    assert told == [(order, kind) for order in ("1", "2") for kind in ("order.ready", "order.received")]
    view = await webhooks.webhook("ERP")
    assert (view.enabled, view.last_error, view.waiting, view.given_up) == (True, "", 0, 0)


async def test_paused_it_hears_nothing_and_resumed_everything(shop: Desk, ear: Ear) -> None:
    ear.secret = await webhooks.add("ERP", ear.url, ["order.received"], PERSON)
    await shop.told(shop.order("1", (MUG, 1)))
    await webhooks.switch("ERP", False, PERSON)
    await shop.told(shop.order("2", (MUG, 1)))
    await collected()
    assert ear.asked == 0
    with pytest.raises(Invalid, match="paused"):
        await webhooks.replay("ERP", PERSON, order="1")
    await webhooks.switch("ERP", True, PERSON)
    await collected()
    assert sorted(said["data"]["order"] for _, said in ear.heard) == ["1", "2"]


async def test_a_replay_has_the_same_ids_and_doubles_nothing_that_waits(shop: Desk, ear: Ear) -> None:
    ear.secret = await webhooks.add("ERP", ear.url, [], PERSON)
    await shop.told(shop.order("1", (MUG, 1)))
    await collected()
    first = sorted(name for name, _ in ear.heard)
    ear.heard.clear()
    assert await webhooks.replay("ERP", PERSON, since=datetime(2000, 1, 1, tzinfo=UTC)) == 2
    assert await webhooks.replay("ERP", PERSON, order="1") == 2
    await tasks.drain()
    assert sorted(name for name, _ in ear.heard) == first
    with pytest.raises(NotFound):
        await webhooks.replay("ERP", PERSON, order="nine")


async def test_two_collectors_tell_nothing_twice(shop: Desk, ear: Ear) -> None:
    ear.secret = await webhooks.add("ERP", ear.url, [], PERSON)
    await shop.told(shop.order("1", (MUG, 1)))
    await book.final()
    [row] = await Webhook.all()
    [same] = await Webhook.all()
    assert await webhooks.collect(row) == 2
    assert await webhooks.collect(same) == 0
    await tasks.drain()
    assert ear.asked == 2


async def test_what_cannot_be_an_address_is_refused_with_the_reason(sqlite_database: str) -> None:
    for url, why in (
        ("erp.example", "write it as https"),
        ("ftp://erp.example", "write it as https"),
        ("http://erp.example/hook", "https only"),
        ("https://me:secret@erp.example", "password"),
    ):
        with pytest.raises(Invalid, match=why):
            await webhooks.add("ERP", url, [], PERSON)
    with pytest.raises(Invalid, match=r"no event 'order.lost'"):
        await webhooks.add("ERP", "https://erp.example", ["order.lost"], PERSON)
    secret = await webhooks.add("ERP", "https://erp.example", [], PERSON)
    with pytest.raises(Invalid, match="already"):
        await webhooks.add("ERP", "https://other.example", [], PERSON)
    [row] = await Webhook.all()
    assert secret not in row.secret
    kept = await db.rows("SELECT message, before, after FROM audit_events")
    assert not any(secret in str(cell) for found in kept for cell in found)


async def test_it_is_tried_by_hand(sqlite_database: str, ear: Ear) -> None:
    ear.secret = await webhooks.add("ERP", ear.url, [], PERSON)
    assert await webhooks.test("ERP") == f"{ear.url} took it (200)"
    assert ear.types() == ["webhook.test"]
    ear.answers = [500, 404]
    with pytest.raises(TryLater):
        await webhooks.test("ERP")
    with pytest.raises(Refused):
        await webhooks.test("ERP")
    await webhooks.remove("ERP", PERSON)
    assert await webhooks.webhooks() == []
