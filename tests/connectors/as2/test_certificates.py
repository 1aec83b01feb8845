"""Certificates: people are told a month before one ends, by mail and by the doctor, and what is no pair is not taken."""

from __future__ import annotations

from datetime import timedelta

import pytest

from engine import clock, db
from engine.errors import Misconfigured
from engine.services import catalog, messages, notify, schedule, setup, tasks
from engine.services.notify import Mail
from tests.connectors.as2.partner import Exchange, as2_settings
from tests.support.desk import PERSON
from tests.support.pki import Pair
from tui.cli import checkup

ENDS = clock.moment(2_524_607_999_000_000)  # 2049-12-31T23:59:59Z


async def test_people_are_told_by_mail_on_some_days_and_not_on_others(
    here: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    await setup.update("channels", 1, PERSON, alert_addresses=["ops@shop.example"])
    sent: list[Mail] = []

    async def send(_: object, to: list[str], subject: str, text: str) -> None:
        sent.append(Mail(to, subject, text))

    monkeypatch.setattr(notify.smtp, "send", send)
    for days in (40, 31, 30, 20, 14):
        clock.use(lambda days=days: ENDS - timedelta(days=days, hours=1))  # type: ignore[misc]
        await schedule.ensure()
        await schedule.trigger("system.certificates:0")
        await tasks.drain()

    told = [mail.text.partition("\n")[0] for mail in sent]
    assert sent[0].to == ["ops@shop.example"]
    assert sent[0].subject == "MOCK: a certificate ends soon"
    assert [("our" in line, line.partition(") ")[2].partition(";")[0]) for line in told] == [
        (True, "ends in 30 days"), (False, "ends in 30 days"), (True, "ends in 14 days"), (False, "ends in 14 days"),
    ]  # fmt: skip


async def test_the_doctor_warns_and_then_fails(here: Exchange) -> None:
    assert await checkup.certificates() == []
    clock.use(lambda: ENDS - timedelta(days=5))
    assert [found.state for found in await checkup.certificates()] == ["warn", "warn"]
    clock.use(lambda: ENDS + timedelta(days=5))
    found = await checkup.certificates()
    assert [one.state for one in found] == ["fail", "fail"]
    assert "MOCK: our certificate (ours, serial " in found[0].what + found[1].what
    assert "has ended; agree on the next one" in found[0].what


async def test_one_with_its_successor_is_not_told(here: Exchange, pairs: dict[str, Pair]) -> None:
    clock.use(lambda: ENDS - timedelta(days=5))
    late = pairs["later"]
    await here.change(
        as2_next_certificate=late.certificate,
        as2_next_private_key=late.key,
        as2_partner_next_certificate=late.certificate,
    )
    assert await messages.endings() == []


async def test_the_connection_says_until_when(here: Exchange) -> None:
    line = await (await catalog.supplier(here.trade.supplier_id)).check()
    assert "we are ACME; signed by sha256, encrypted by aes256; our certificate ends 2049-12-31" in line
    assert here.partner.received == []  # asked without posting anything


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"as2_private_key": "theirs"}, "as2_private_key is not the key of as2_certificate"),
        ({"as2_private_key": ""}, "as2_private_key is missing"),
        ({"as2_partner_certificate": "nonsense"}, "as2_partner_certificate must be a certificate in PEM"),
        ({"as2_url": "partner.example"}, "as2_url must be an address such as https://partner.example/as2"),
        ({"as2_next_from": "soon"}, "as2_next_from must be a time such as 2027-03-01T06:00Z"),
        ({"as2_mdn": "async", "as2_answer_url": ""}, "as2_answer_url is missing"),
        ({"as2_tls_certificate": "nonsense"}, "as2_tls_certificate must be certificates in PEM"),
        ({"as2_from": "ü"}, "as2_from must be 1 to 128 plain characters"),
    ],
)
async def test_settings_that_cannot_work_are_said_when_they_are_given(
    sqlite_database: str, pairs: dict[str, Pair], change: dict[str, str], words: str
) -> None:
    values = as2_settings(pairs["ours"], pairs["theirs"], as2_url="https://partner.example/as2")
    values |= {name: pairs[value].key if value in pairs else value for name, value in change.items()}
    with pytest.raises(Misconfigured) as caught:
        await setup.try_settings("suppliers", "x12", values)
    assert words in caught.value.message


async def test_the_keys_are_sealed(here: Exchange) -> None:
    row = await db.row("SELECT settings, secrets FROM suppliers")
    assert row is not None
    assert "BEGIN CERTIFICATE" in row[0]
    assert "PRIVATE KEY" not in row[0] + row[1]
    assert '"as2_private_key"' in row[1]
