"""Deadlines in a supplier's working hours, and reminders by its own channel: by mail, or to our people where that fails."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from engine import clock, db, settings
from engine.errors import Invalid
from engine.services import answers, cancel, overdue, setup, tasks
from engine.services.answers import Answer
from tests.connectors.email.post import TO, Post, post
from tests.support.desk import PERSON, desk
from tests.support.mail_server import mail_server

FRIDAY = datetime(2026, 11, 27, 20, 0, tzinfo=UTC)  # 15:00 in New York
BOSS = "boss@shop.test"


@asynccontextmanager
async def opened(monkeypatch: pytest.MonkeyPatch, folder: Path) -> AsyncIterator[Post]:
    """The shop, and a supplier by mail that works in New York and has closed on Monday. Needs an open database."""
    clock.use(lambda: FRIDAY)
    with mail_server(folder / "smtp") as out:
        async with post(monkeypatch, out, None) as found:
            await setup.update(
                "suppliers", found.supplier_id, PERSON, ack_hours=4, tracking_hours=10, work_hours="Mon-Fri 09:00-17:00",
                work_timezone="America/New_York", holidays="2026-11-30",
            )  # fmt: skip
            yield found


@pytest.fixture
async def office(sqlite_database: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> AsyncIterator[Post]:
    """The shop, for what does not depend on the database."""
    async with opened(monkeypatch, tmp_path) as found:
        yield found


@pytest.fixture
async def each(database: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> AsyncIterator[Post]:
    """The shop on each database."""
    async with opened(monkeypatch, tmp_path) as found:
        yield found


async def due(po_number: str) -> tuple[datetime, datetime]:
    row = await db.row("SELECT ack_due_at, tracking_due_at FROM purchase_orders WHERE po_number = ?", po_number)
    assert row is not None
    return clock.moment(int(row[0])), clock.moment(int(row[1]))


def later(at: datetime) -> None:
    clock.use(lambda: at)


async def test_a_supplier_is_late_by_its_own_hours_and_reminded_by_mail_with_links_that_work(each: Post) -> None:
    await each.sent("1001", ("BLUE", 2))
    tuesday = datetime(2026, 12, 1, 14, tzinfo=UTC)
    assert await due("1001-1") == (tuesday + timedelta(hours=2), tuesday + timedelta(hours=8))
    later(tuesday + timedelta(hours=2))
    assert await overdue.raise_issues() == 0  # on time until the moment has passed
    later(tuesday + timedelta(hours=2, seconds=1))
    assert await overdue.raise_issues() == 1
    await tasks.drain()
    [(code, _)] = await each.issues()
    assert code == "no_ack_in_time"
    _, reminder = each.out.mails()
    assert reminder["Subject"] == "[1001-1] Reminder: we wait for whether you will ship it"
    body = reminder.get_payload(decode=True)
    assert isinstance(body, bytes)
    confirm, _, _ = re.findall(r"^  https://orders\.shop\.test/bb/answer/(\S+)\r$", body.decode(), re.MULTILINE)
    told = await db.rows("SELECT message FROM audit_events WHERE tag = 'worker:purchase:remind'")
    assert [r[0] for r in told] == [f"reminded by mail to {TO}"]
    assert await overdue.raise_issues() == 0
    await tasks.drain()
    assert len(each.out.mails()) == 2  # reminded once
    await answers.say(confirm, Answer(reference="A-1"))
    await tasks.drain()
    assert await each.state("1001-1") == "acknowledged"
    assert await each.issues() == []


async def test_who_answered_meanwhile_is_not_reminded(office: Post) -> None:
    await office.sent("1001", ("BLUE", 2))
    later(FRIDAY + timedelta(days=30))
    assert await overdue.raise_issues() == 2  # it owes both by now
    await cancel.request("1001-1", PERSON)
    await db.run("UPDATE issues SET closed_at = ? WHERE code = 'no_ack_in_time'", clock.micros(clock.now()))
    await tasks.drain()
    subjects = [mail["Subject"] for mail in office.out.mails()[1:]]
    assert sorted(subjects) == [
        "[1001-1] Please cancel this purchase order",
        "[1001-1] Reminder: we wait for the tracking number",
    ]


async def test_where_a_supplier_cannot_be_reminded_the_people_are_told(office: Post) -> None:
    conf = msgspec.structs.replace(
        settings.settings(), smtp_host="127.0.0.1", smtp_port=office.out.port, smtp_starttls=False
    )
    settings.force(conf)
    await setup.update("channels", office.channel_id, PERSON, alert_addresses=[BOSS])
    await office.sent("1001", ("BLUE", 2))
    later(datetime(2026, 12, 1, 17, tzinfo=UTC))
    office.out.behave(f"refuse {TO}")
    assert await overdue.raise_issues() == 1
    await tasks.drain()
    _, alert = office.out.mails()
    assert (alert["To"], alert["Subject"]) == (BOSS, "Acme: 1001-1 is late (no acknowledgement in time)")
    said = await db.value("SELECT message FROM audit_events WHERE tag = 'worker:purchase:remind'")
    assert said.startswith("Acme could not be reminded: the mail server 127.0.0.1:")
    assert await db.value("SELECT COUNT(*) FROM outbox WHERE state = 'dead'") == 0


async def test_for_a_supplier_without_such_a_channel_the_people_are_told(
    sqlite_database: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with mail_server(tmp_path / "smtp") as out:
        settings.force(
            msgspec.structs.replace(settings.settings(), smtp_host="127.0.0.1", smtp_port=out.port, smtp_starttls=False)
        )
        async with desk(monkeypatch, ack_hours=4) as at:
            await setup.update("channels", at.shop.channel_id, PERSON, alert_addresses=[BOSS])
            await at.told(at.order("1001", ("BB-MUG-01", 1)))
            await at.send("1001")
            now = clock.now()
            later(now + timedelta(hours=4, seconds=1))
            assert await overdue.raise_issues() == 1
            await tasks.drain()
        [alert] = out.mails()
        assert "is late (no acknowledgement in time)" in alert["Subject"]


async def test_hours_that_cannot_be_read_are_refused_when_they_are_set(office: Post) -> None:
    for field, options in {
        "work_hours": {"work_hours": "always"},
        "work_timezone": {"work_timezone": "New York"},
        "holidays": {"holidays": "Thanksgiving"},
    }.items():
        with pytest.raises(Invalid) as told:
            await setup.update("suppliers", office.supplier_id, PERSON, **options)
        assert told.value.field == field
    await setup.update("suppliers", office.supplier_id, PERSON, work_hours="", work_timezone="", holidays="")
    await office.sent("1001", ("BLUE", 2))
    assert await due("1001-1") == (FRIDAY + timedelta(hours=4), FRIDAY + timedelta(hours=10))
    with pytest.raises(Invalid, match="say the working hours too"):
        await setup.update("suppliers", office.supplier_id, PERSON, work_timezone="Europe/Berlin")
