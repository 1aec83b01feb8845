"""Orders by real SMTP, answers through real Dovecot: what each kind of answer does, and what a dead server leaves."""

from __future__ import annotations

import imaplib
import io
import re

import openpyxl
import pytest

from engine import clock, db
from engine.errors import TryLater
from engine.ports import Reminder, Reminds
from engine.services import cancel, catalog, payloads, receive, resolve, setup, tasks
from tests.connectors.email.post import TO, Post, bounce, reply, table_of, written
from tests.support.desk import PERSON

UPS = "1Z9999990312345678"


async def test_an_order_goes_out_is_acknowledged_ships_in_two_parcels_and_completes(on_each: Post) -> None:
    assert await (await catalog.supplier(on_each.supplier_id)).check() == (
        f"orders go to {TO} by the mail server 127.0.0.1:{on_each.out.port} as bluebook; replies are read from the mailbox "
        f"orders at 127.0.0.1:{on_each.into.port}, folder INBOX"  # type: ignore[union-attr]
    )
    mail = await on_each.sent("1001", ("BLUE", 2), ("RED", 3))
    rows = table_of(mail)
    assert [(r["po_number"], r["line"], r["supplier_sku"], r["quantity"], r["unit_cost"]) for r in rows] == [
        ("1001-1", "1", "W-1", "2", "12.50"),
        ("1001-1", "2", "W-2", "3", "8.90"),
    ]
    into = on_each.into
    assert into is not None
    answer = reply(mail)
    answer.add_attachment(
        written([{**row, "status": "accepted"} for row in rows]), "text", "csv", filename="1001-1 filled.csv"
    )
    into.put(answer.as_bytes())
    assert (await on_each.hear()).applied == 1
    assert await on_each.state("1001-1") == "acknowledged"
    first = reply(mail)
    first.add_attachment(
        written([{**rows[0], "carrier": "UPS", "tracking_number": UPS}, rows[1]]), "text", "csv", filename="a.csv"
    )
    into.put(first.as_bytes())
    assert (await on_each.hear()).applied == 1
    assert await on_each.state("1001-1") == "partially_shipped"
    book = openpyxl.Workbook()
    assert book.active is not None
    book.active.append(["Item number", "Qty shipped", "Carrier", "Tracking no"])
    book.active.append(["W-2", 3, "UPS", UPS[:-1] + "9"])
    out = io.BytesIO()
    book.save(out)
    second = reply(mail)
    kind = "vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    second.add_attachment(out.getvalue(), "application", kind, filename="tracking.xlsx")
    into.put(second.as_bytes())
    assert (await on_each.hear()).applied == 1
    assert await on_each.state("1001-1") == "closed"
    assert await on_each.parcels() == [("ups", UPS, 2), ("ups", UPS[:-1] + "9", 3)]
    assert await db.value("SELECT status FROM orders WHERE number = '1001'") == "completed"
    assert (await on_each.parked(), await on_each.issues()) == ([], [])
    assert (into.letters(), into.seen()) == (3, 0)  # nothing was deleted, moved or marked
    assert [number for order in on_each.channel.parcels for number in [order.tracking_number]] == [UPS, UPS[:-1] + "9"]


async def test_the_mailbox_read_again_from_the_start_says_nothing_new(by_mail: Post) -> None:
    mail = await by_mail.sent("1001", ("BLUE", 2))
    into = by_mail.into
    assert into is not None
    answer = reply(mail)
    answer.add_attachment(
        written([{**row, "carrier": "UPS", "tracking_number": UPS} for row in table_of(mail)]), "text", "csv",
        filename="a.csv",
    )  # fmt: skip
    into.put(answer.as_bytes())
    assert (await by_mail.hear()).applied == 1
    into.forget()
    heard = await by_mail.hear()
    assert (heard.applied, heard.parked) == (0, 0)
    again = reply(mail)  # the same parcel, told once more in another mail
    for part in answer.iter_attachments():
        again.add_attachment(part.get_content().encode(), "text", "csv", filename="b.csv")
    into.put(again.as_bytes())
    heard = await by_mail.hear()
    assert (heard.applied, heard.known) == (0, 1)
    assert await by_mail.parcels() == [("ups", UPS, 2)]


async def test_what_no_machine_can_read_is_parked_with_its_words_and_others_mail_is_not_looked_at(
    by_mail: Post,
) -> None:
    mail = await by_mail.sent("1001", ("BLUE", 2))
    into = by_mail.into
    assert into is not None
    into.put(reply(None, "Dear customer, buy our pills", sender="spam@elsewhere.test").as_bytes())
    body = next(part for part in mail.walk() if part.get_content_type() == "text/plain").get_payload(decode=True)
    assert isinstance(body, bytes)
    quoted = "On Friday you wrote: " + " ".join(word for word in body.decode().split() if "/answer/" in word)
    into.put(reply(mail, f"Will be with you on Tuesday, thanks\n{quoted}\n> Purchase order 1001-1").as_bytes())
    unfilled = reply(mail, "As ordered.")
    unfilled.add_attachment(written(table_of(mail)), "text", "csv", filename="1001-1.csv")
    into.put(unfilled.as_bytes())
    odd = reply(mail)
    odd.add_attachment(b"PO,Status\n1001-1,on the moon\n", "text", "csv", filename="s.csv")
    into.put(odd.as_bytes())
    into.put(reply(mail, "Back on Monday", sender="away@acme.test", Auto_Submitted="auto-replied").as_bytes())
    heard = await by_mail.hear()
    assert (heard.applied, heard.parked) == (1, 3)
    text, empty, moon = await by_mail.parked()
    assert "from orders@acme.test: it says: Will be with you on Tuesday, thanks" in text
    token = quoted.rpartition("/answer/")[2]
    assert (token in text, text.count("/answer/***")) == (False, 3)
    stored = int(await db.value("SELECT MIN(id) FROM inbound_messages WHERE reason = ?", text))
    seen = await payloads.shown(stored)
    assert (seen.masked, token[:20] in seen.text.replace("=\n", ""), "/answer/***" in seen.text) == (True, False, True)
    assert "Purchase order" not in text.partition("it says")[2]  # what they quoted is ours
    assert "no filled table is attached (1001-1.csv). It says: As ordered." in empty
    assert "s.csv, line 2: the status 'on the moon' is not in the table" in moon
    assert [words for _, tag, words in await by_mail.book("1001-1") if tag.endswith("received")] == [
        f"an automatic answer: Re: {mail['Subject']}: Back on Monday"
    ]
    assert await db.value("SELECT COUNT(*) FROM inbound_messages WHERE source = 'supplier'") == 4
    assert await by_mail.state("1001-1") == "submitted"


async def test_a_bounce_is_a_definite_no_and_it_is_sent_again_under_its_old_id_when_a_person_says_so(
    by_mail: Post,
) -> None:
    mail = await by_mail.sent("1001", ("BLUE", 2))
    assert by_mail.into is not None
    by_mail.into.put(bounce(mail, TO))
    assert (await by_mail.hear()).applied == 1
    assert await by_mail.state("1001-1") == "failed"
    assert await by_mail.issues() == [
        ("supplier_failed", f"1001-1: the mail came back: {TO} failed: 550 5.1.1 user unknown")
    ]
    await resolve.resolve(await by_mail.issue_id("supplier_failed"), "retry", {}, PERSON)
    await by_mail.release()
    assert await by_mail.state("1001-1") == "submitted"
    first, second = by_mail.out.mails()
    assert first["Message-ID"] == second["Message-ID"] == mail["Message-ID"]
    assert table_of(first) == table_of(second)
    by_mail.into.put(bounce(second, TO))  # of two that were sent one came back: which, nobody can tell
    await by_mail.hear()
    assert await by_mail.state("1001-1") == "outcome_unknown"


async def test_a_bounce_from_some_is_a_question_to_a_person_and_keeps_the_words(
    by_mail: Post,
) -> None:
    await _set(by_mail, to=f"{TO}, second@acme.test")
    mail = await by_mail.sent("1001", ("BLUE", 2))
    assert by_mail.into is not None
    by_mail.into.put(bounce(mail, TO, action="delayed", said="connection timed out"))
    await by_mail.hear()
    assert await by_mail.state("1001-1") == "submitted"
    by_mail.into.put(bounce(mail, "second@acme.test"))
    assert (await by_mail.hear()).applied == 1
    assert await by_mail.state("1001-1") == "outcome_unknown"
    said = (
        "1001-1 may have reached the supplier or not: the mail came back from some: second@acme.test failed: "
        "550 5.1.1 user unknown"
    )
    assert await by_mail.issues() == [("submission_unknown", said)]
    with pytest.raises(Exception, match="cannot be asked by machine"):
        await resolve.resolve(await by_mail.issue_id("submission_unknown"), "ask_supplier", {}, PERSON)
    assert await by_mail.issues() == [("submission_unknown", said)]
    # Another supplier's bounce in the same mailbox is not this one's.
    other = mail["Message-ID"].replace(mail["Message-ID"].split(".")[-2], "x")
    stranger = bounce(mail, "who@else.test").replace(mail["Message-ID"].encode(), other.encode())
    by_mail.into.put(re.sub(rb"\.[0-9a-f]{8}@", b".00000000@", stranger))
    heard = await by_mail.hear()
    assert (heard.applied, heard.parked) == (0, 0)


async def _set(by_mail: Post, **values: str) -> None:
    await setup.update("suppliers", by_mail.supplier_id, PERSON, values=values)


@pytest.mark.parametrize(
    ("how", "state", "code", "words"),
    [
        (f"refuse {TO}", "failed", "supplier_failed", f"refused {TO}: 550 5.1.1 no such user"),
        ("full", "failed", "supplier_failed", "answered 552: 5.2.2 mailbox full"),
        ("die-within", "outcome_unknown", "submission_unknown", "cannot be asked by machine"),
        ("die-after", "outcome_unknown", "submission_unknown", "cannot be asked by machine"),
    ],
)
async def test_a_server_that_refuses_or_dies_leaves_the_truth(
    by_mail: Post, how: str, state: str, code: str, words: str
) -> None:
    by_mail.out.behave(how)
    await by_mail.send(await by_mail.order("1001", ("BLUE", 2)))
    await by_mail.release()
    assert await by_mail.state("1001-1") == state
    [(found, said)] = await by_mail.issues()
    assert found == code
    assert words in said
    assert len(by_mail.out.mails()) == (1 if how == "die-after" else 0)  # half a mail is none
    by_mail.out.stop()
    by_mail.out.behave("ok")
    by_mail.out.start()
    await by_mail.release()
    assert len(by_mail.out.mails()) == (1 if how == "die-after" else 0)  # and nothing is sent again unasked
    assert await by_mail.state("1001-1") == state


async def test_what_never_left_is_sent_later_in_the_same_bytes(by_mail: Post) -> None:
    by_mail.out.behave("later")
    await by_mail.send(await by_mail.order("1001", ("BLUE", 2)))
    assert await by_mail.state("1001-1") == "queued"
    frozen = await db.value("SELECT document FROM purchase_orders WHERE po_number = '1001-1'")
    by_mail.out.stop()
    for _ in range(2):
        await by_mail.release()
        assert await by_mail.state("1001-1") == "queued"
    by_mail.out.behave("ok")
    by_mail.out.start()
    await by_mail.release()
    assert await by_mail.state("1001-1") == "submitted"
    [body] = by_mail.out.bodies()
    assert body == bytes(frozen)


async def test_a_wrong_log_in_pauses_the_connection_and_sends_nothing(by_mail: Post) -> None:
    await _set(by_mail, smtp_password="wrong")
    await by_mail.send(await by_mail.order("1001", ("BLUE", 2)))
    assert await by_mail.state("1001-1") == "queued"
    assert "refused the login" in (await catalog.suppliers())[by_mail.supplier_id].paused_reason
    assert by_mail.out.mails() == []


async def test_a_mailbox_that_dies_while_it_is_read_loses_nothing(
    by_mail: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    mail = await by_mail.sent("1001", ("BLUE", 2))
    into = by_mail.into
    assert into is not None
    big = reply(mail)
    rows = [{**row, "carrier": "UPS", "tracking_number": UPS} for row in table_of(mail)]
    big.add_attachment(written(rows), "text", "csv", filename="a.csv")
    big.add_attachment(bytes(range(256)) * 60_000, "application", "octet-stream", filename="photo.raw")
    into.put(big.as_bytes())
    whole, cuts, sizes = imaplib.IMAP4.read, list[int](), list[int]()

    def cut_first(self: imaplib.IMAP4, size: int) -> bytes:
        """The server is killed when it has begun to send the letter."""
        if size > 1_000_000 and not cuts:
            begun = whole(self, 1000)
            cuts.append(into.cut())
            rest = whole(self, size - 1000)
            sizes.append(size - len(begun) - len(rest))
            return begun + rest
        return whole(self, size)

    monkeypatch.setattr(imaplib.IMAP4, "read", cut_first)
    with pytest.raises(TryLater, match="cannot be read now"):
        await receive.poll(by_mail.supplier_id, PERSON)
    assert cuts[0] >= 1
    assert sizes[0] > 0  # it was half a letter
    assert await db.value("SELECT COUNT(*) FROM inbound_messages WHERE source = 'supplier'") == 0
    assert (await by_mail.hear()).applied == 1
    assert await by_mail.parcels() == [("ups", UPS, 2)]


async def test_a_cancel_is_asked_for_by_mail_and_answered_by_a_reply(by_mail: Post) -> None:
    await by_mail.sent("1001", ("BLUE", 2))
    await cancel.request("1001-1", PERSON)
    await tasks.drain()
    assert await by_mail.state("1001-1") == "cancel_requested"
    asked = by_mail.out.mails()[-1]
    assert asked["Subject"] == "[1001-1] Please cancel this purchase order"
    answer = reply(asked)
    answer.add_attachment(b"status\ncanceled\n", "text", "csv", filename="a.csv")
    assert by_mail.into is not None
    by_mail.into.put(answer.as_bytes())
    await by_mail.hear()
    assert await by_mail.state("1001-1") == "canceled"


async def test_a_request_or_a_reminder_that_comes_back_says_nothing_of_the_order(by_mail: Post) -> None:
    await by_mail.sent("1001", ("BLUE", 2))
    connector = await catalog.supplier(by_mail.supplier_id)
    assert isinstance(connector, Reminds)
    now = clock.now()
    await connector.remind(Reminder(po_number="1001-1", acknowledge=True, sent_at=now, at=now, until=now))
    await connector.request_cancel("1001-1")
    assert by_mail.into is not None
    for mail in by_mail.out.mails()[1:]:
        by_mail.into.put(bounce(mail, TO))
    assert (await by_mail.hear()).applied == 2
    assert await by_mail.state("1001-1") == "submitted"
    assert [words.partition(":")[0] for _, tag, words in await by_mail.book("1001-1") if tag.endswith("noted")] == [
        "the reminder came back", "the request to cancel came back",
    ]  # fmt: skip
    assert await by_mail.issues() == []
