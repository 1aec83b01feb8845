"""The "failed to auto-process" mail of a channel, received by a real SMTP server on loopback."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from email import message_from_bytes
from email.message import Message
from pathlib import Path

import msgspec
import pytest
from aiosmtpd.controller import Controller

from engine import db, settings
from engine.services import connections, notify, setup, tasks
from engine.services.outbox import Dead, Job, Retry
from tests.support.world import PERSON, world


class Mailbox:
    """What the server got; ``refuse`` is what it says to every recipient."""

    def __init__(self) -> None:
        self.mails: list[Message] = []
        self.refuse = ""

    async def handle_RCPT(
        self, server: object, session: object, envelope: object, address: str, options: object
    ) -> str:
        if self.refuse:
            return self.refuse
        envelope.rcpt_tos.append(address)  # type: ignore[attr-defined]
        return "250 OK"

    async def handle_DATA(self, server: object, session: object, envelope: object) -> str:
        self.mails.append(message_from_bytes(envelope.content))  # type: ignore[attr-defined]
        return "250 OK"


@pytest.fixture
def mailbox(own_settings: settings.Settings) -> Iterator[Mailbox]:
    box = Mailbox()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    settings.force(
        msgspec.structs.replace(settings.settings(), smtp_host="127.0.0.1", smtp_port=port, smtp_starttls=False)
    )
    yield box
    controller.stop()


async def test_orders_that_auto_processing_leaves_are_mailed_once_with_their_reasons(
    database: str, tmp_path: Path, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.services.process.ALERT_AFTER", notify.clock.now() - notify.clock.now())
    async with world(tmp_path) as w:
        await setup.update(
            "channels", w.shop.channel_id, PERSON, auto_process=True, auto_limit=1, auto_currency="USD",
            alert_addresses=["orders@example.com", "boss@example.com"],
        )  # fmt: skip
        await db.run("DELETE FROM shipping_mappings WHERE rate = ?", "Express")
        await w.pull(6)

        async def told() -> bool:
            return bool(mailbox.mails)

        await tasks.drain(told, timeout=60)
        mail = mailbox.mails[0]
        text = mail.get_payload(decode=True).decode()  # type: ignore[union-attr]
        assert mail["To"] == "orders@example.com, boss@example.com"
        assert "failed to auto-process" in mail["Subject"]
        for r in await db.rows("SELECT number FROM orders WHERE status IN ('unresolved', 'ready')"):
            assert str(r[0]) in text
        assert "Choose the method this supplier ships it by" in text or "above the channel's limits" in text
        assert await notify._auto_failed(w.shop.channel_id) is None


async def test_a_paused_connection_is_mailed_and_a_refusing_server_is_told_apart_from_a_busy_one(
    database: str, tmp_path: Path, mailbox: Mailbox
) -> None:
    async with world(tmp_path) as w:
        await setup.update("channels", w.shop.channel_id, PERSON, alert_addresses=["boss@example.com"])
        await connections.pause("suppliers", w.shop.suppliers["ACME"], "401: no such key")
        args = {"kind": "paused", "table": "suppliers", "reason": "401: no such key"}
        job = Job(1, "k", "notify.send", w.shop.suppliers["ACME"], args, 0, "t")
        mailbox.refuse = "451 try again"
        outcome = (await notify.run_jobs([job]) or {})[1]
        assert isinstance(outcome, Retry)
        mailbox.refuse = "550 no such user"
        outcome = (await notify.run_jobs([job]) or {})[1]
        assert isinstance(outcome, Dead)
        assert "boss@example.com" in outcome.error
        mailbox.refuse = ""
        await notify.run_jobs([job])
        text = mailbox.mails[0].get_payload(decode=True).decode()  # type: ignore[union-attr]
        assert "ACME" in mailbox.mails[0]["Subject"]
        assert "401: no such key" in text
