"""The whole way by servers that nobody here wrote: out by Exim, back by Exim into the mailbox that Dovecot shows us."""

from __future__ import annotations

import asyncio
import smtplib
import ssl
from collections.abc import AsyncIterator, Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest

from engine.services import process, setup, tasks
from tests.connectors.email.post import TO, US, Post, post, reply, table_of, written
from tests.support.desk import PERSON
from tests.support.dovecot import Dovecot
from tests.support.exim import Exim, exim
from tests.support.mail_server import PASSWORD, USER

UPS = "1Z9999990312345678"


@pytest.fixture(scope="module")
def running(box: Dovecot) -> Iterator[Exim]:
    with exim(box.box) as server:
        yield server


@pytest.fixture
async def by_exim(
    sqlite_database: str, monkeypatch: pytest.MonkeyPatch, running: Exim, box: Dovecot
) -> AsyncIterator[Post]:
    for part in ("new", "cur"):
        for letter in (box.box / part).iterdir():
            letter.unlink()
    async with post(monkeypatch, running, box) as found:  # type: ignore[arg-type]
        yield found


async def _until(what: str, server: Exim, question: object) -> None:
    for _ in range(3_000):
        if question():  # type: ignore[operator]
            return
        await asyncio.sleep(0.05)
    pytest.fail(f"{what}: {server.log()}")


def _send(server: Exim, mail: EmailMessage) -> None:
    """The supplier's program hands its mail to Exim."""
    context = ssl.create_default_context(cafile=str(server.tls[0]))
    context.check_hostname = False
    with smtplib.SMTP("127.0.0.1", server.port) as client:
        client.starttls(context=context)
        client.login(USER, PASSWORD)
        client.send_message(mail, TO, [US])


async def test_an_order_goes_out_and_completes(by_exim: Post, running: Exim, box: Dovecot) -> None:
    await by_exim.send(await by_exim.order("1001", ("BLUE", 2)))
    assert await by_exim.state("1001-1") == "submitted"
    await _until("the order is not delivered", running, running.mails)
    [mail] = running.mails()
    assert mail["To"] == TO
    assert "TLS" in str(mail["Received"])
    answer = reply(mail)
    shipped = [{**row, "carrier": "UPS", "tracking_number": UPS} for row in table_of(mail)]
    answer.add_attachment(written(shipped), "text", "csv", filename="1001-1.csv")
    _send(running, answer)
    await _until("the answer is not delivered", running, box.letters)
    assert (await by_exim.hear()).applied == 1
    assert await by_exim.state("1001-1") == "closed"
    assert await by_exim.parcels() == [("ups", UPS, 2)]


async def test_what_exim_cannot_deliver_comes_back_and_is_an_issue(by_exim: Post, running: Exim, box: Dovecot) -> None:
    await setup.update("suppliers", by_exim.supplier_id, PERSON, values={"to": "nobody@acme.test"})
    await by_exim.send(await by_exim.order("1002", ("BLUE", 1)))
    assert await by_exim.state("1002-1") == "submitted"
    await _until("nothing comes back", running, box.letters)
    await by_exim.hear()
    assert await by_exim.state("1002-1") == "failed"
    [(code, message)] = await by_exim.issues()
    assert code == "supplier_failed"
    assert "nobody@acme.test" in message


async def test_exim_killed_while_it_holds_the_mail_leaves_an_unknown_outcome(by_exim: Post, running: Exim) -> None:
    before = len(running.mails())
    order = await by_exim.order("1003", ("RED", 1))
    outcomes = await process.process([order], PERSON, undo_seconds=0)
    assert all(outcome.done for outcome in outcomes)
    running.be_slow(True)
    try:
        sending = asyncio.create_task(tasks.drain())
        await _until("the mail does not arrive", running, running.talking)
        assert running.kill() >= 2
        await sending
    finally:
        running.be_slow(False)
        running.start()
    assert await by_exim.state("1003-1") == "outcome_unknown"
    assert [code for code, _ in await by_exim.issues()] == ["submission_unknown"]
    assert len(running.mails()) == before


def test_it_takes_nothing_from_strangers(running: Exim, tmp_path: Path) -> None:
    """The server is set up as a careful one: what the other tests prove is not for want of a door."""
    with smtplib.SMTP("127.0.0.1", running.port) as client:
        client.ehlo()
        assert "auth" not in client.esmtp_features
        client.mail(US)
        assert client.rcpt(TO)[0] == 550
