"""A supplier who gets orders by e-mail and replies with tables, and misbehaves on request: to rehearse one before trusting it.

``python -m engine.demo.supplier_email --root DIR --fault bounce`` takes mail at 127.0.0.1 and puts its replies into the Maildir
``DIR/inbox``, where a mailbox of yours would have them. Connect it as it prints.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import io
import json
import logging
import queue
import socket
import time
from email import message_from_bytes
from email.message import EmailMessage, Message
from email.utils import format_datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

import msgspec
import openpyxl
from aiosmtpd.controller import Controller

from engine import clock
from engine.demo.supplier_sftp import ups_number
from engine.errors import Misconfigured

TO, US = "orders@supplier.example", "purchasing@shop.example"
PORT = 8725


class EmailFault(StrEnum):
    """What it does wrong, to every order."""

    REFUSE = "refuse"  # its server knows no such address
    LATER = "later"  # its server asks for each mail to be sent again (greylisting)
    HANG_UP = "hang-up"  # its server has the mail and hangs up without a word
    BOUNCE = "bounce"  # its server takes the mail, and it comes back
    AWAY = "away"  # answers by a machine first
    NO_ANSWER = "no-answer"
    FREE_TEXT = "free-text"  # writes that it has shipped, without a table
    DECLINE = "decline"
    DECLINE_LINE = "decline-line"  # the last line is sold out
    BACKORDER = "backorder"
    SPLIT = "split"  # two parcels, one mail each
    EXCEL = "excel"  # the tracking as a workbook
    DUPLICATE = "duplicate"  # every reply twice
    UNKNOWN_STATUS = "unknown-status"  # a word that is in no table


class _Due(msgspec.Struct):
    """A reply to be sent at ``at``, seconds since 1970; ``about`` is the purchase order."""

    at: float
    about: str
    body: bytes


class EmailSupplier:
    """``root`` has its state and the Maildir ``inbox``. ``ship_after`` seconds pass between an order and its parcel."""

    noun = "mail"

    def __init__(
        self, root: Path, *, faults: frozenset[EmailFault] = frozenset(), ship_after: float = 5.0, port: int = PORT
    ) -> None:
        self.root, self.faults, self.ship_after = root, faults, ship_after
        for part in ("new", "cur", "tmp"):
            (root / "inbox" / part).mkdir(parents=True, exist_ok=True)
        self.port = port or _free_port()
        self._came: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._put_off: set[str] = set()
        self._due: list[_Due] = []
        self._serial = 0
        logging.getLogger("mail.log").setLevel(logging.CRITICAL)
        self._server = Controller(self, hostname="127.0.0.1", port=self.port)
        try:
            self._server.start()
        except OSError as error:
            why = error.strerror or str(error)
            raise Misconfigured(f"cannot take mail on 127.0.0.1, port {self.port}: {why}") from error

    def stop(self) -> None:
        """It takes no more mail."""
        self._server.stop()

    def config(self) -> dict[str, object]:
        """How to connect to it."""
        return {
            "to": TO, "sender": US, "smtp_host": "127.0.0.1", "smtp_port": self.port, "smtp_security": "none",
            "inbox": "maildir", "maildir": str((self.root / "inbox").absolute()),
        }  # fmt: skip

    def told(self) -> str:
        """Where it works, in a sentence."""
        return f"It takes mail at 127.0.0.1, port {self.port}, and replies into {self.root}/inbox."

    # --- its mail server, in a thread of its own ----------------------------------------------------------------------

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802
        """The answer to a recipient."""
        if EmailFault.REFUSE in self.faults:
            return f"550 5.1.1 no such user {address}"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        """The answer to a mail."""
        about = str(message_from_bytes(envelope.content)["Message-ID"])
        if EmailFault.LATER in self.faults and about not in self._put_off:
            self._put_off.add(about)
            return "451 4.7.1 greylisted, try again in a minute"
        self._came.put(envelope.content)
        if EmailFault.HANG_UP in self.faults:
            server.transport.abort()
        return "250 2.0.0 taken"

    # --- its office ---------------------------------------------------------------------------------------------------

    def work(self) -> int:
        """What came is read, and what is due lies in the inbox; how many mails were read."""
        count = 0
        while not self._came.empty():
            self._take(message_from_bytes(self._came.get()))
            count += 1
        now = time.time()
        due, self._due = [d for d in self._due if d.at <= now], [d for d in self._due if d.at > now]
        for reply in due:
            for _ in range(2 if EmailFault.DUPLICATE in self.faults else 1):
                self._put(reply.body)
        return count

    def _take(self, mail: Message) -> None:
        now, about = time.time(), str(mail["Subject"]).partition("]")[0]
        if EmailFault.BOUNCE in self.faults:
            self._put(_bounce(mail))
            return
        if EmailFault.AWAY in self.faults:
            self._put(self._reply(mail, "Our office is closed until Monday.", automatic=True))
        if EmailFault.NO_ANSWER in self.faults:
            return
        rows = _table(mail)
        if not rows:  # it asks to cancel
            waiting = any(reply.about == about for reply in self._due)
            self._due = [reply for reply in self._due if reply.about != about]
            answer = {"po_number": about.strip("["), "status": "canceled" if waiting else "cancel refused"}
            self._put(self._reply(mail, "Answered.", [answer]))
            return
        if EmailFault.FREE_TEXT in self.faults:
            text = f"Sent today with UPS, {ups_number(rows[0]['po_number'])}. Thanks!"
            self._due.append(_Due(now + self.ship_after, about, self._reply(mail, text)))
            return
        answered = [self._answered(row, at == len(rows) - 1) for at, row in enumerate(rows)]
        self._due.append(_Due(now, about, self._reply(mail, "Our answer is attached.", answered)))
        ship = [row for row, told in zip(rows, answered, strict=True) if told["status"] == "acknowledged"]
        parcels = [[row] for row in ship] if EmailFault.SPLIT in self.faults else [ship] if ship else []
        for at, parcel in enumerate(parcels):
            number = ups_number(f"{parcel[0]['po_number']}{at or ''}")
            told = [{**row, "carrier": "UPS", "tracking_number": number} for row in parcel]
            self._due.append(
                _Due(now + self.ship_after, about, self._reply(mail, "It has shipped.", told, tracking=True))
            )

    def _answered(self, row: dict[str, str], last: bool) -> dict[str, str]:
        if EmailFault.DECLINE in self.faults or (EmailFault.DECLINE_LINE in self.faults and last):
            return {**row, "status": "rejected", "message": "it is sold out"}
        if EmailFault.BACKORDER in self.faults and row["line"] == "1":
            return {**row, "status": "backordered", "message": "expected next week"}
        if EmailFault.UNKNOWN_STATUS in self.faults and last:
            return {**row, "status": "in the works"}
        return {**row, "status": "acknowledged"}

    def _reply(
        self, to: Message, text: str, rows: list[dict[str, str]] | None = None, *, automatic: bool = False,
        tracking: bool = False,
    ) -> bytes:  # fmt: skip
        self._serial += 1
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = TO, US, f"Re: {to['Subject']}"
        mail["Date"] = format_datetime(clock.now())
        mail["Message-ID"] = f"<{clock.micros(clock.now())}.{self._serial}@supplier.example>"
        mail["In-Reply-To"] = to["Message-ID"]
        if automatic:
            mail["Auto-Submitted"] = "auto-replied"
        mail.set_content(text)
        if rows and tracking and EmailFault.EXCEL in self.faults:
            kind = "vnd.openxmlformats-officedocument.spreadsheetml.sheet"
            mail.add_attachment(_workbook(rows), "application", kind, filename="shipped.xlsx")
        elif rows:
            mail.add_attachment(_csv(rows), "text", "csv", filename="answer.csv")
        return mail.as_bytes()

    def _put(self, body: bytes) -> None:
        self._serial += 1
        name = f"{time.time_ns() // 1000}.M{self._serial}.demo"
        hidden = self.root / "inbox" / "tmp" / name
        hidden.write_bytes(body)
        hidden.replace(self.root / "inbox" / "new" / name)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def _table(mail: Message) -> list[dict[str, str]]:
    for part in mail.walk():
        if part.get_content_type() == "text/csv":
            body = part.get_payload(decode=True)
            return list(csv.DictReader(io.StringIO(body.decode(), newline=""))) if isinstance(body, bytes) else []
    return []


def _csv(rows: list[dict[str, str]]) -> bytes:
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()


def _workbook(rows: list[dict[str, str]]) -> bytes:
    book, out = openpyxl.Workbook(), io.BytesIO()
    sheet = book.active
    sheet.append(list(rows[0]))
    for row in rows:
        sheet.append(list(row.values()))
    book.save(out)
    return out.getvalue()


def _bounce(mail: Message) -> bytes:
    """What its mail server sends back, in the form of RFC 3464."""
    return (
        f"From: MAILER-DAEMON@supplier.example\r\nTo: {US}\r\nSubject: Undelivered Mail Returned to Sender\r\n"
        f"Date: {format_datetime(clock.now())}\r\nMessage-ID: <{clock.micros(clock.now())}@mx.supplier.example>\r\n"
        "Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="report"\r\n\r\n'
        "--report\r\nContent-Type: text/plain\r\n\r\nYour message could not be delivered.\r\n\r\n"
        "--report\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.supplier.example\r\n\r\n"
        f"Final-Recipient: rfc822; {TO}\r\nAction: failed\r\nStatus: 5.2.2\r\n"
        "Diagnostic-Code: smtp; 552 5.2.2 the mailbox is full\r\n\r\n"
        f"--report\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: {mail['Message-ID']}\r\n\r\n--report--\r\n"
    ).encode()


def main() -> None:
    """The demo supplier runs until it is stopped."""
    parser = argparse.ArgumentParser(description="A demo supplier that gets orders by e-mail")
    parser.add_argument("--root", type=Path, required=True, help="its folder")
    parser.add_argument("--port", type=int, default=PORT, help="where it takes mail; 0 for any port that is free")
    parser.add_argument("--ship-after", type=float, default=5.0, help="seconds from order to parcel")
    parser.add_argument(
        "--fault", choices=[fault.value for fault in EmailFault], action="append", help="may be given again"
    )
    options = parser.parse_args()
    faults = frozenset(EmailFault(fault) for fault in options.fault or ())
    supplier = EmailSupplier(options.root, faults=faults, ship_after=options.ship_after, port=options.port)
    print(json.dumps(supplier.config()), flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            supplier.work()
            time.sleep(0.5)


if __name__ == "__main__":
    main()
