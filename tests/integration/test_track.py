"""What channels are told of parcels, and when a parcel counts as told."""

from __future__ import annotations

from datetime import timedelta

import pytest

from engine import clock, db, settings
from engine.errors import OutcomeUnknown, Refused, TryLater, Unreadable
from engine.services import tasks, track
from engine.services.outbox import Job, Retry
from tests.support.desk import desk

LAMP, KIT, MUG_AT_ACME, TEA_AT_NOVA = "BB-LAMP-01", "BB-KIT-TEATIME", "AC-2001", "NV-TEA-EG100"
ONE, TWO, THREE = "1ZB000010300000296", "1ZW0REH50155704893", "1Z999AA10123456784"


async def pushes() -> list[tuple[str, str]]:
    found = await db.rows("SELECT push, channel_reference FROM shipments ORDER BY id")
    return [(r[0], r[1]) for r in found]


async def test_a_kits_first_number_travels_with_the_parcel_that_completes_it(
    sqlite_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(monkeypatch) as at:
        await at.told(at.order("1001", (KIT, 2)))
        await at.send("1001")
        await at.ships("1001-1", ONE, (MUG_AT_ACME, 2))
        await tasks.drain()
        assert await pushes() == [("suppressed", "")]
        assert await at.status("1001") == "processed"
        await at.ships("1001-2", TWO, (TEA_AT_NOVA, 1))
        await tasks.drain()
        assert await at.status("1001") == "partially_shipped"
        await at.ships("1001-2", THREE, (TEA_AT_NOVA, 1))
        await tasks.drain()
        assert [(p.tracking_number, p.also, p.lines) for p in at.channel.parcels] == [
            (TWO, (ONE,), (("1001.1", 1),)),
            (THREE, (), (("1001.1", 1),)),
        ]
        assert await pushes() == [("suppressed", "F1"), ("confirmed", "F1"), ("confirmed", "F2")]
        assert await at.status("1001") == "completed"


async def test_a_kits_first_number_is_not_told_where_a_piece_has_one_number(
    sqlite_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(monkeypatch) as at:
        at.channel.one_number = True
        await at.told(at.order("1001", (KIT, 1)))
        await at.send("1001")
        await at.ships("1001-1", ONE, (MUG_AT_ACME, 1))
        await tasks.drain()
        assert await pushes() == [("suppressed", "not told")]
        await at.ships("1001-2", TWO, (TEA_AT_NOVA, 1))
        await tasks.drain()
        assert [(p.tracking_number, p.also) for p in at.channel.parcels] == [(TWO, ())]
        assert await pushes() == [("suppressed", "not told"), ("confirmed", "F1")]
        assert await at.status("1001") == "completed"


async def test_a_refused_whole_piece_is_left_to_a_person_and_not_passed_over(
    sqlite_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(monkeypatch) as at:
        await at.told(at.order("1001", (LAMP, 1)))
        await at.send("1001")
        at.channel.trouble = Refused("it has no number", code="INCOMPLETE_PARCEL")
        await at.ships("1001-1", ONE)
        await tasks.drain()
        assert await pushes() == [("failed", "")]
        assert await at.status("1001") == "shipped"
        assert await at.value("SELECT code FROM issues WHERE closed_at IS NULL") == "tracking_rejected"


async def test_another_parcels_equal_number_proves_nothing(
    sqlite_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(monkeypatch) as at:
        await at.told(at.order("1001", (LAMP, 2)))
        await at.send("1001")
        await at.ships("1001-1", ONE, ("AC-1001", 1))
        await tasks.drain()
        at.channel.trouble = OutcomeUnknown("no answer")
        await at.ships("1001-1", ONE, ("AC-1001", 1))
        await tasks.drain()
        assert await pushes() == [("confirmed", "F1"), ("pending", "")]
        assert await at.status("1001") == "shipped"


async def test_a_channel_whose_answer_cannot_be_read_is_shown_to_a_person(
    sqlite_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(monkeypatch) as at:
        await at.told(at.order("1001", (LAMP, 1)))
        await at.send("1001")
        at.channel.trouble = Unreadable("an answer without id")
        await at.ships("1001-1", ONE)
        await tasks.drain()
        assert await pushes() == [("pending", "")]  # cut short, perhaps: asked again before a person is
        for minute in range(1, track.UNCLEAR_TRIES):
            later = clock.now() + timedelta(minutes=minute)
            clock.use(lambda later=later: later)
            await tasks.drain()
        assert await pushes() == [("failed", "")]
        assert await at.value("SELECT code FROM issues WHERE closed_at IS NULL") == "tracking_rejected"


async def test_a_channel_that_never_shows_a_parcel_is_shown_to_a_person(
    sqlite_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(monkeypatch) as at:
        patient = settings.settings()
        settings.force(settings.Settings(home=patient.home, database_url=patient.database_url, max_attempts=3))
        await at.told(at.order("1001", (LAMP, 1)))
        await at.send("1001")
        at.channel.blind = True
        await at.ships("1001-1", ONE)
        for minute in range(4):
            later = clock.now() + timedelta(minutes=minute)
            clock.use(lambda later=later: later)
            await tasks.drain()
        assert at.channel.pushes == 3
        assert await pushes() == [("failed", "")]


async def test_a_parcel_waits_longer_and_longer_for_one_that_backs_off(
    sqlite_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(monkeypatch) as at:
        await at.told(at.order("1001", (LAMP, 2)))
        await at.send("1001")
        at.channel.trouble = TryLater("the store is down", 3600)
        await at.ships("1001-1", ONE, ("AC-1001", 1))
        await tasks.drain()
        await at.ships("1001-1", TWO, ("AC-1001", 1))
        second = int(await at.value("SELECT MAX(id) FROM shipments"))
        waits = []
        for looked in (0, 3, 50):
            answer = (await track.run_jobs([Job(1, "k", "tracking.push", second, {}, looked, "t")]) or {})[1]
            assert isinstance(answer, Retry)
            waits.append(answer.after)
        assert waits == [0.2, 1.6, 30.0]
        assert at.channel.pushes == 1


async def test_a_parcel_without_number_is_parked_and_its_pages_others_go_on(
    sqlite_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(monkeypatch) as at:
        for number in ("1001", "1002"):
            await at.told(at.order(number, (LAMP, 1)))
            await at.send(number)
        heard = await at.hear("ACME", at.shipped("1001-1", ""), at.shipped("1002-1", ONE))
        assert (heard.applied, heard.parked) == (1, 1)
        assert await at.value("SELECT reason FROM inbound_messages WHERE state = 'parked'") != ""
        await tasks.drain()
        assert [await at.status(number) for number in ("1001", "1002")] == ["processed", "completed"]
