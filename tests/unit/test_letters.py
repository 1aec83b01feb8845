"""Mails taken apart: good ones say what they say, and 200,000 damaged ones end in a letter or in our error, in time."""

from __future__ import annotations

import random
import sys
import time
from email.message import EmailMessage

import pytest

from engine.connectors.suppliers.email.config import Config
from engine.connectors.suppliers.email.reading import LetterReader
from engine.domain import letters
from engine.domain.letters import Fate
from engine.errors import Unreadable
from engine.ports import Raw
from tests.unit.test_x12_scan import damaged

READER = LetterReader(CONFIG := Config(to="orders@acme.test, a@acme.test, b@acme.test"))
ID = f"<bb.1001-1.0123456789abcdef.{CONFIG.tag}@shop.test>"
REPORT = f"""From: MAILER-DAEMON@mx.test\r
To: buy@shop.test\r
Subject: Undelivered\r
Message-ID: <r1@mx.test>\r
MIME-Version: 1.0\r
Content-Type: multipart/report; report-type=delivery-status; boundary="x"\r
\r
--x\r
Content-Type: text/plain\r
\r
Sorry.\r
--x\r
Content-Type: message/delivery-status\r
\r
Reporting-MTA: dns; mx.test\r
\r
Final-Recipient: RFC822;Orders@Acme.test\r
Action: failed\r
Status: 5.1.1\r
Diagnostic-Code: smtp; 550 5.1.1\r
 unknown\r
\r
Original-Recipient: rfc822; two@acme.test\r
Action: delayed\r
Status: 4.4.1\r
\r
--x\r
Content-Type: message/rfc822\r
\r
Message-ID: {ID}\r
Subject: [1001-1] Purchase order\r
\r
Hello\r
--x--\r
""".encode()


def answer() -> EmailMessage:
    mail = EmailMessage()
    mail["From"] = "Jürgen Groß <Orders@Acme.test>"
    mail["Subject"] = "Re: [1001-1] Bestellung für Köln"
    mail["Date"] = "Sat, 31 Jan 2026 13:00:00 +0100"
    mail["Message-ID"] = "<a1@acme.test>"
    mail["In-Reply-To"] = ID
    mail["References"] = f"<z@y> {ID}"
    mail.set_content("Danke\n> Purchase order\n")
    mail.add_attachment(b"po_number;status\r\n1001-1;accepted\r\n", "text", "csv", filename="../Lieferung für Köln.csv")
    mail.add_attachment(b"%PDF-1.4", "application", "pdf", filename="a.pdf")
    return mail


SEEDS = [
    REPORT,
    answer().as_bytes(),
    answer().as_bytes().replace(b"\n", b"\r\n").replace(b"utf-8", b"utf-7"),
    b"From: a@acme.test\nSubject: =?utf-8?b?w7w=?= =?x-nope?q?=ff?=\nDate: Fri, 32 Foo 99999\nContent-Type: text/html\n\n"
    b"<style>p{}</style><p>Hello <b>there</b>" + b"<" * 40,
    (
        b"From: b@acme.test\nContent-Type: multipart/mixed; boundary=q\nContent-Transfer-Encoding: base64\n\n--q\n"
        b"Content-Type: text/csv; charset=utf-16; name*0*=utf-8''%C3%BC; name*1=x.csv\nContent-Transfer-Encoding: base64\n\n"
        b"//5wAG8ALABzAHQAYQB0AHUAcwAKADEALABvAGsACgA=\n--q\nContent-Type: message/rfc822\n\nSubject: x\n\ny\n--q--\n"
    ),
]


def chew(body: bytes) -> int:
    """The mail goes through all that reads it; whether it was one. Raises whatever is not an error of ours."""
    READER.is_ours(letters.head(body))
    try:
        letter = letters.read(body)
        assert len(letter.text) <= 20_000
        # Whatever is stored and shown must be text that a database can hold.
        for one in (letter.subject, letter.text, letter.sender, letter.message_id, *(a.name for a in letter.attached)):
            assert "\0" not in one
            one.encode()
    except Unreadable:
        return 0
    READER.belongs(body)
    try:
        updates = READER.read(Raw("mail/x", body, "message/rfc822; received=1769860800"))
    except Unreadable as error:
        error.message.encode()
        return 1
    for update in updates:
        assert "\0" not in update.message + update.po_number
    return 1


def fuzz(count: int, seed: int) -> tuple[int, float]:
    """How many of so many damaged mails were still mails, and the seconds the slowest took."""
    rng = random.Random(seed)
    read, slowest = 0, 0.0
    for _ in range(count):
        body = damaged(rng, SEEDS)
        began = time.process_time()
        read += chew(body)
        slowest = max(slowest, time.process_time() - began)
    return read, slowest


def test_damaged_mails_end_in_our_errors() -> None:
    read, _ = fuzz(1500, 11)
    assert read > 1000


def test_a_reply_is_taken_apart() -> None:
    letter = letters.read(answer().as_bytes())
    assert (letter.sender, letter.subject) == ("orders@acme.test", "Re: [1001-1] Bestellung für Köln")
    assert letter.answers == (ID, "<z@y>")
    assert (letter.text, letter.automatic, letter.fates) == ("Danke", False, ())
    assert letter.date is not None
    assert letter.date.isoformat() == "2026-01-31T12:00:00+00:00"
    assert [(one.name, one.content_type) for one in letter.attached] == [
        ("Lieferung für Köln.csv", "text/csv"),  # no path of theirs
        ("a.pdf", "application/pdf"),
    ]


def test_a_report_says_what_became_of_each_and_of_which_letter() -> None:
    letter = letters.read(REPORT)
    assert letter.fates == (
        Fate("orders@acme.test", "failed", "5.1.1", "550 5.1.1 unknown"),
        Fate("two@acme.test", "delayed", "4.4.1", "4.4.1"),
    )
    assert letter.answers == (ID,)
    with pytest.raises(Unreadable, match="reports 'eaten', which is in no table"):
        READER.read(Raw("mail/x", REPORT.replace(b"failed", b"eaten").replace(b"delayed", b"eaten"), "a; received=1"))
    nameless = REPORT.replace(ID.encode(), b"<other@x>").replace(b"Undelivered", b"[1001-1] Undelivered")
    with pytest.raises(Unreadable, match=r"orders@acme.test failed: .* does not say of which mail of ours"):
        READER.read(Raw("mail/x", nameless, "a; received=1"))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\0" * 100_000,
        b"Subject: " + b"=?utf-8?q?" * 20_000,
        b"From: " + b"a@b.test, " * 20_000 + b"\n\n",
        b"References: " + b"<a@b> " * 30_000 + b"\n\n",
        b"Content-Type: text/html\n\n" + b"<style" * 40_000,
        b"Content-Type: text/html\n\n" + b"<" * 300_000,
        b"Content-Type: multipart/mixed; boundary=a\n\n"
        + b"--a\nContent-Type: multipart/mixed; boundary=a\n\n" * 3_000,
        b"Content-Type: multipart/mixed; boundary=a\n\n" + b"--a\n\nx\n" * 3_000,
        b"Content-Type: " + b"a/b;" * 20_000 + b"\n\n",
        b"Content-Disposition: attachment; " + b"".join(b"filename*%d*=a;" % n for n in range(3_000)) + b"\n\nx",
        b"From: " + b"(" * 20_000 + b"\n\n",
        b"Date: " + b"1 " * 20_000 + b"\n\n",
    ],
    ids=range(13),
)
def test_mails_made_to_hurt_are_read_or_refused_at_once(body: bytes) -> None:
    chew(body)  # what takes longer than a moment runs into the suite's limit


if __name__ == "__main__":  # python -m tests.unit.test_letters 200000
    print("read {}, the slowest took {:.3f} s".format(*fuzz(int(sys.argv[1]), 7)))
