"""The engine, a supplier who is reached by a real SMTP server, and its replies in a real Dovecot."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from email.message import EmailMessage, Message
from email.utils import format_datetime
from typing import Any

import msgspec
import pytest

from engine import clock, db, settings
from engine.ports import ChannelLine, ChannelOrder, ChannelState, Page, Payment, Raw
from engine.services import catalog, intake, process, receive, setup, tasks
from engine.services.receive import Heard
from tests.support import mail_server
from tests.support.desk import HOME, PERSON, ScriptedChannel
from tests.support.dovecot import PASSWORD, USER, Dovecot
from tests.support.mail_server import MailServer

TO = "orders@acme.test"
US = "purchasing@shop.test"
PRODUCTS = {"W-1": ("BLUE", 1250, 2900), "W-2": ("RED", 890, 1900)}  # their SKU: ours, its cost in cents, its price


class Post:
    """Both sides, and short words for what tests do."""

    def __init__(self, out: MailServer, into: Dovecot | None, supplier_id: int, channel_id: int) -> None:
        self.out, self.into, self.supplier_id, self.channel_id = out, into, supplier_id, channel_id
        self.channel = ScriptedChannel()

    async def order(self, number: str, *lines: tuple[str, int]) -> int:
        """An order of (our SKU, pieces) was pulled; its id."""
        placed = clock.now().replace(microsecond=0) - timedelta(hours=1)
        prices = {ours: price for ours, _, price in PRODUCTS.values()}
        order = ChannelOrder(
            external_id=number, number=number, state=ChannelState.OPEN, payment=Payment.PAID, placed_at=placed,
            updated_at=placed, currency="USD", total=sum(prices[sku] * n for sku, n in lines),
            lines=tuple(ChannelLine(f"{number}.{at}", sku, sku, n, prices[sku]) for at, (sku, n) in enumerate(lines, 1)),
            ship_to=HOME, email="ada@example.com", shipping_rate="Free Shipping",
        )  # fmt: skip
        row = (await catalog.channels())[self.channel_id]
        page = Page(items=(Raw(number, msgspec.json.encode(order)),))
        await intake.take_page(row, self.channel, page, PERSON)  # type: ignore[arg-type]
        return int(await db.value("SELECT id FROM orders WHERE number = ?", number))

    async def send(self, order_id: int) -> None:
        """The order is processed and what is due is done."""
        outcomes = await process.process([order_id], PERSON, undo_seconds=0)
        assert all(outcome.done for outcome in outcomes), outcomes
        await tasks.drain()

    async def sent(self, number: str, *lines: tuple[str, int]) -> Message:
        """An order was pulled and sent; the mail their server took."""
        before = len(self.out.mails())
        await self.send(await self.order(number, *lines))
        mails = self.out.mails()
        assert len(mails) == before + 1
        assert await self.state(f"{number}-1") == "submitted"
        return mails[-1]

    async def hear(self) -> Heard:
        """We read the mailbox, and do what follows."""
        heard = await receive.poll(self.supplier_id, PERSON)
        await tasks.drain()
        return heard

    async def release(self) -> None:
        """Whatever waits for its time has it now, and is done."""
        await db.run("UPDATE outbox SET run_at = 0 WHERE state = 'ready'")
        await db.run("UPDATE purchase_orders SET release_at = 0 WHERE state = 'queued'")
        await tasks.drain()

    async def state(self, po_number: str) -> str:
        """The purchase order's state."""
        return str(await db.value("SELECT state FROM purchase_orders WHERE po_number = ?", po_number))

    async def issues(self) -> list[tuple[str, str]]:
        """The open Issues: code and message."""
        found = await db.rows("SELECT code, message FROM issues WHERE closed_at IS NULL ORDER BY id")
        return [(str(r[0]), str(r[1])) for r in found]

    async def issue_id(self, code: str) -> int:
        """The open Issue of this code."""
        return int(await db.value("SELECT id FROM issues WHERE closed_at IS NULL AND code = ?", code))

    async def parked(self) -> list[str]:
        """Why payloads are parked."""
        found = await db.rows("SELECT reason FROM inbound_messages WHERE state = 'parked' ORDER BY id")
        return [str(r[0]) for r in found]

    async def parcels(self) -> list[tuple[str, str, int]]:
        """Carrier, number and pieces of every parcel."""
        found = await db.rows(
            "SELECT s.carrier, s.tracking_number, SUM(l.quantity) FROM shipments s JOIN shipment_lines l "
            "ON l.shipment_id = s.id GROUP BY s.id, s.carrier, s.tracking_number ORDER BY s.id"
        )
        return [(str(r[0]), str(r[1]), int(r[2])) for r in found]

    async def book(self, po_number: str) -> list[tuple[str, str, str]]:
        """Actor, tag and words of what the supplier said, from the blue book."""
        found = await db.rows(
            "SELECT actor, tag, message FROM audit_events WHERE subject = ? AND tag LIKE 'supplier:%' ORDER BY seq",
            f"po.{po_number}",
        )
        return [(str(r[0]), str(r[1]), str(r[2])) for r in found]


def table_of(mail: Message) -> list[dict[str, str]]:
    """The rows of the table in a mail of ours."""
    [part] = [part for part in mail.walk() if part.get_content_type() == "text/csv"]
    body = part.get_payload(decode=True)
    assert isinstance(body, bytes)
    return list(csv.DictReader(io.StringIO(body.decode(), newline="")))


def written(rows: list[dict[str, str]]) -> bytes:
    """Rows as a spreadsheet program writes them."""
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), delimiter=";")
    writer.writeheader()
    writer.writerows(rows)
    return ("\ufeff" + out.getvalue()).encode()


def reply(to: Message | None, text: str = "", sender: str = TO, **headers: str) -> EmailMessage:
    """A reply of theirs, still without attachments."""
    mail = EmailMessage()
    mail["From"], mail["To"] = f"Acme Orders <{sender}>", US
    mail["Subject"] = f"Re: {to['Subject']}" if to is not None else "Hello"
    mail["Date"] = format_datetime(clock.now())
    mail["Message-ID"] = f"<{clock.micros(clock.now())}@acme.test>"
    if to is not None:
        mail["In-Reply-To"] = to["Message-ID"]
    for name, value in headers.items():
        mail[name.replace("_", "-")] = value
    mail.set_content(text or "See attached.")
    return mail


def bounce(of: Message, *failed: str, action: str = "failed", said: str = "550 5.1.1 user unknown") -> bytes:
    """What a mail server says that could not deliver a mail of ours."""
    blocks = "".join(
        f"Final-Recipient: rfc822; {one}\nAction: {action}\nStatus: 5.1.1\nDiagnostic-Code: smtp; {said}\n\n"
        for one in failed
    )
    return (
        f"From: MAILER-DAEMON@mx.acme.test\nTo: {US}\nSubject: Undelivered Mail Returned to Sender\n"
        f"Date: {format_datetime(clock.now())}\nMessage-ID: <{clock.micros(clock.now())}@mx.acme.test>\n"
        "Auto-Submitted: auto-replied\nMIME-Version: 1.0\n"
        'Content-Type: multipart/report; report-type=delivery-status;\n boundary="b"\n\n'
        "--b\nContent-Type: text/plain\n\nI am sorry.\n\n--b\nContent-Type: message/delivery-status\n\n"
        f"Reporting-MTA: dns; mx.acme.test\n\n{blocks}--b\nContent-Type: text/rfc822-headers\n\n"
        f"From: {US}\nSubject: {of['Subject']}\nMessage-ID: {of['Message-ID']}\n\n--b--\n"
    ).encode()


@asynccontextmanager
async def post(
    monkeypatch: pytest.MonkeyPatch, out: MailServer, into: Dovecot | None, **values: Any
) -> AsyncIterator[Post]:
    """The shop with its supplier by mail. Needs an open database."""
    settings.force(msgspec.structs.replace(settings.settings(), public_url="https://orders.shop.test/bb/"))
    connection: dict[str, Any] = {
        "to": TO, "sender": US, "our_name": "The Shop", "smtp_host": "127.0.0.1", "smtp_port": out.port,
        "smtp_security": "none", "timeout": 60,
    }  # fmt: skip
    if out.tls:
        connection |= {
            "smtp_security": "starttls", "smtp_user": mail_server.USER, "smtp_password": mail_server.PASSWORD,
            "ca_certificate": out.tls[0].read_text(),
        }  # fmt: skip
    if into is not None:
        # One setting for both: what is trusted are both certificates.
        connection |= {
            "inbox": "imap", "imap_host": "127.0.0.1", "imap_port": into.port, "imap_user": USER, "imap_password": PASSWORD,
            "ca_certificate": connection.get("ca_certificate", "") + into.ca,
        }  # fmt: skip
    woo = {"url": "http://127.0.0.1:9", "consumer_key": "k", "consumer_secret": "s"}
    shop = await setup.add_channel("Shop", "woocommerce", woo, PERSON, poll_seconds=0, rescan_seconds=0)
    supplier = await setup.add_supplier("Acme", "ACME", "email", {**connection, **values}, PERSON, poll_seconds=0)
    for theirs, (ours, cost, _) in PRODUCTS.items():
        await setup.add_product(ours, f"A {ours.lower()} widget", PERSON)
        await setup.add_offer(supplier.id, ours, theirs, cost, PERSON, stock=100_000)
        await setup.map_sku(shop.id, ours, {ours: 1}, PERSON, title=ours, recheck=False)
    await setup.add_method(supplier.id, "UPS-GND", "UPS Ground", PERSON)
    await setup.map_shipping(shop.id, "Free Shipping", supplier.id, "UPS-GND", PERSON, recheck=False)
    found = Post(out, into, supplier.id, shop.id)

    async def _channel(_: int) -> Any:
        return found.channel

    monkeypatch.setattr(catalog, "channel", _channel)
    try:
        yield found
    finally:
        await catalog.close_connectors()
