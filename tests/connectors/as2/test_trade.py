"""Purchase orders by AS2 against openssl: delivered when the MDN says so, and every other end in its state and words."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from engine import clock, db
from engine.services import catalog, messages, resolve, tasks
from tests.connectors.as2.partner import Exchange, mic_of
from tests.support.desk import PERSON
from tests.support.pki import Pair


async def ledger() -> list[tuple[str, str, str]]:
    """What was posted: kind, state and Message-ID."""
    found = await db.rows("SELECT kind, state, message_id FROM posted_messages WHERE direction = 'out' ORDER BY id")
    return [(str(r[0]), str(r[1]), str(r[2])) for r in found]


async def document(po_number: str = "1001-1") -> bytes:
    return bytes(await db.value("SELECT document FROM purchase_orders WHERE po_number = ?", po_number))


async def _now() -> None:
    """What is due later is done now."""
    await db.run("UPDATE purchase_orders SET release_at = 0 WHERE state = 'queued'")
    await db.run("UPDATE outbox SET run_at = 0 WHERE state = 'ready'")
    await tasks.drain()


# --- it goes well -----------------------------------------------------------------------------------------------------


async def test_an_order_goes_out_once_and_completes_by_what_is_posted_back(both: Exchange) -> None:
    await _completes(both, {})


@pytest.mark.parametrize(
    "security",
    [
        {"as2_encrypt": "aes128", "as2_sign": "sha512", "as2_mdn": "async"},
        {"as2_encrypt": "3des", "as2_sign": "sha1", "segment_terminator": "\n"},
    ],
    ids=["asynchronous", "old"],
)
async def test_it_does_so_by_what_was_agreed(here: Exchange, security: dict[str, Any]) -> None:
    await _completes(here, security)


async def _completes(both: Exchange, security: dict[str, Any]) -> None:
    trade, partner = both.trade, both.partner
    if security:
        await both.change(**security)
    order = await trade.order("1001", ("W-BLUE", 10), ("GEAR", 4))
    await trade.send(order)
    assert await trade.state("1001-1") == "submitted"
    (received,) = partner.received
    assert received.document == await document()
    assert b"\r\n" in received.document or security.get("segment_terminator")
    answers = both.answers(received.document)
    assert len(answers) == 4  # 997, 855, 856, 810
    for body in answers:
        kind, wrapped = partner.wrap(body, sign=security.get("as2_sign", "sha256"))
        answer = await partner.post(kind, wrapped)
        assert answer.status == 200
        assert "automatic-action/MDN-sent-automatically; processed" in answer.mdn
        assert f"Received-Content-MIC: {mic_of(body)}, sha256" in answer.mdn
    stored = await db.rows("SELECT state, body FROM inbound_messages WHERE source = 'supplier' ORDER BY id")
    assert [(row[0], bytes(row[1])) for row in stored] == [
        ("stored", body) for body in answers
    ]  # kept, and not read yet
    await tasks.drain()
    assert (await trade.state("1001-1"), await trade.status(order)) == ("closed", "completed")
    assert (await trade.issues(), await trade.parked()) == ([], [])
    sent = [received.headers["Subject"][:3] for received in partner.received]
    assert sent == ["850", "997", "997", "997"]  # each of their documents but their 997 has ours
    assert {state for _, state, _ in await ledger()} == {"delivered"}
    book = await db.value("SELECT data FROM audit_events WHERE tag = 'supplier:purchase:accept'")
    assert "their MDN says processed" in str(book)


async def test_the_same_message_is_answered_the_same_and_counts_once(both: Exchange) -> None:
    trade, partner = both.trade, both.partner
    await trade.send(await trade.order("1001", ("W-BLUE", 1)))
    for body in both.answers(partner.received[0].document)[1:2]:  # the 855
        message = partner.wrap(body)
        first = await partner.post(*message, message_id="<again@openssl>")
        await tasks.drain()
        again = await partner.post(*partner.wrap(body), message_id="<again@openssl>")
        other = await partner.post(*partner.wrap(b"ISA*something else~"), message_id="<again@openssl>")
    assert first.raw == again.raw == other.raw  # and so the MIC is not that of the other
    await tasks.drain()
    assert await db.value("SELECT COUNT(*) FROM inbound_messages WHERE source = 'supplier'") == 1
    assert [kind for kind, _, _ in await ledger()] == ["850", "997"]
    assert await trade.state("1001-1") == "acknowledged"


async def test_two_copies_at_once_are_kept_once(both: Exchange) -> None:
    partner = both.partner
    messages = [partner.wrap(b"ISA*%d~" % number) for number in (1, 1, 2, 3)]
    answers = await asyncio.gather(*(partner.post(*message, message_id="<same@x>") for message in messages))
    assert len({answer.raw for answer in answers}) == 1  # so all but one see by the MIC that theirs was not taken
    assert await db.value("SELECT COUNT(*) FROM inbound_messages WHERE source = 'supplier'") == 1


async def test_their_mdn_is_posted_where_they_want_it_and_nowhere_else(here: Exchange) -> None:
    partner = here.partner
    elsewhere = await partner.post(*partner.wrap(b"ISA*1~"), receipt="http://169.254.0.1/steal")
    assert "processed/error: unexpected-processing-error" in elsewhere.mdn
    assert "a host the settings do not name" in elsewhere.mdn
    partner.silent = True
    answer = await partner.post(*partner.wrap(b"ISA*00~"), receipt=partner.url)
    assert (answer.status, answer.raw) == (200, b"")
    await tasks.drain(lambda: bool(partner.received), timeout=60)
    (mdn,) = partner.received
    assert mdn.headers["AS2-To"] == "MOCKEDI"
    assert b"MDN-sent-automatically; processed" in mdn.part


async def test_an_address_nobody_was_given_takes_nothing(here: Exchange) -> None:
    message = here.partner.wrap(b"ISA*00~")
    here.partner.post_to = here.partner.post_to.removesuffix("1") + "77"
    assert (await here.partner.post(*message)).status == 404
    await here.change(transport="folder", folder="/tmp")
    here.partner.post_to = here.partner.post_to.removesuffix("77") + "1"
    answer = await here.partner.post(*message)
    assert (answer.status, "in a way that takes no AS2 messages" in answer.mdn) == (404, True)


async def test_a_message_that_wants_no_mdn_gets_none(here: Exchange) -> None:
    answer = await here.partner.post(*here.partner.wrap(b"ISA*00~"), wants=False)
    assert (answer.status, answer.raw) == (200, b"")
    refused = await here.partner.post(*here.partner.wrap(b"ISA*00~", sign=""), wants=False)
    assert (refused.status, "not signed" in refused.mdn) == (401, True)


# --- what they post is wrong ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "modifier", "words"),
    [
        ({"tampered": True}, "integrity-check-failed", "was changed after it was signed"),
        ({"by": "stranger"}, "authentication-failed", "It came with the certificate of stranger"),
        ({"to": "stranger"}, "decryption-failed", "encrypted for a certificate that is not ours"),
        ({"sign": ""}, "insufficient-message-security", "it is not signed, as we agreed"),
        ({"encrypt": ""}, "insufficient-message-security", "it is not encrypted, as we agreed"),
        ({"sender": "NOBODY"}, "unknown-trading-relationship", "it is from 'NOBODY' to 'ACME'"),
        ({"broken": True}, "decryption-failed", "it cannot be decrypted by our key"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
async def test_what_is_not_right_is_refused_in_the_mdn_and_not_kept(
    here: Exchange, pairs: dict[str, Pair], message: dict[str, Any], modifier: str, words: str
) -> None:
    partner = here.partner
    given = dict(message)
    tampered, broken = given.pop("tampered", False), given.pop("broken", False)
    sender = given.pop("sender", "MOCKEDI")
    given = {name: pairs[value] if name in ("by", "to") else value for name, value in given.items()}
    if tampered:
        await here.change(as2_encrypt="none")
        kind, body = partner.wrap(b"ISA*00*QUANTITY 10~", encrypt="")
        body = body.replace(b"QUANTITY 10", b"QUANTITY 99")
    else:
        kind, body = partner.wrap(b"ISA*00~", **given)
    if broken:
        body = body[:-1] + bytes([body[-1] ^ 1])
    answer = await partner.post(kind, body, sender=sender)
    assert (answer.status, f"processed/error: {modifier}" in answer.mdn) == (200, True), answer.mdn
    assert words in answer.mdn.replace("\r\n", " ")
    assert await db.value("SELECT COUNT(*) FROM inbound_messages WHERE source = 'supplier'") == 0
    assert words in str(await db.value("SELECT last_error FROM suppliers"))  # the doctor shows it
    if sender != "NOBODY":  # put right, the same message is taken
        await here.change(as2_encrypt="aes256")
        again = await partner.post(*partner.wrap(b"ISA*00~"))
        assert "; processed" in again.mdn


# --- what they answer is wrong ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"silent": True}, "no MDN came, so it is not known whether they have it. Ask them for Message-ID <850."),
        ({"mic": "bm90IHRoZSByaWdodCBvbmU="}, "MIC of something else than we sent (MIC mismatch)"),
        ({"signer": "stranger"}, "was not made by the partner as we know it"),
        ({"unsigned": True}, "but it is not signed, as we agreed"),
        ({"disposition": "displayed"}, "their MDN says 'displayed'"),
        ({"status": 500}, "answered 500: it is broken here"),
    ],
    ids=["missing", "mic", "stranger", "unsigned", "unknown", "500"],
)
async def test_without_a_right_mdn_nobody_knows_and_a_person_decides(
    here: Exchange, pairs: dict[str, Pair], answer: dict[str, Any], words: str
) -> None:
    trade, partner = here.trade, here.partner
    for name, value in answer.items():
        setattr(partner, name, pairs[value] if name == "signer" else value)
    await db.run("UPDATE suppliers SET settle_seconds = 0")
    order = await trade.order("1001", ("W-BLUE", 10))
    await trade.send(order)
    await tasks.drain()
    assert (await trade.state("1001-1"), await trade.status(order)) == ("outcome_unknown", "failed")
    ((code, message),) = await trade.issues()
    assert code == "submission_unknown"
    assert words in message or "status" in answer
    assert "mark it accepted or refused" in message
    assert words in str(await db.value("SELECT message FROM submissions"))
    assert len(partner.received) == (0 if "status" in answer else 1)  # nothing was posted a second time


async def test_a_definite_no_is_a_refusal_in_their_words(here: Exchange) -> None:
    trade, partner = here.trade, here.partner
    partner.disposition, partner.words = "processed/error: insufficient-message-security", "We need SHA-512 here."
    order = await trade.order("1001", ("W-BLUE", 10))
    await trade.send(order)
    assert (await trade.state("1001-1"), await trade.status(order)) == ("failed", "failed")
    ((code, message),) = await trade.issues()
    assert (code, message) == (
        "supplier_failed",
        "1001-1: their MDN says processed/error: insufficient-message-security (We need SHA-512 here.)",
    )
    # The refused message is over: what goes out next has a Message-ID they have not refused.
    partner.disposition = "processed"
    (issue,) = await resolve.order_issues(order)
    await resolve.resolve(issue.id, "retry", {}, PERSON)
    await _now()
    assert await trade.state("1001-1") == "submitted"
    first, second = await ledger()
    assert (first[1], second[1], first[2] == second[2]) == ("refused", "delivered", False)


async def test_what_never_left_goes_out_later_as_the_same_message(here: Exchange) -> None:
    trade, partner = here.trade, here.partner
    right = partner.url
    await here.change(as2_url="http://127.0.0.1:9/as2")
    await trade.send(await trade.order("1001", ("W-BLUE", 10)))
    assert await trade.state("1001-1") == "queued"
    assert [state for _, state, _ in await ledger()] == ["unsent"]
    await here.change(as2_url=right)
    await _now()
    assert await trade.state("1001-1") == "submitted"
    assert [state for _, state, _ in await ledger()] == ["delivered"]
    assert len(partner.received) == 1


@pytest.mark.parametrize(
    ("disposition", "state", "issues"),
    [
        ("processed", "submitted", []),
        ("processed/warning: duplicate-document", "submitted", []),
        ("failed/failure: unsupported format", "failed", ["supplier_failed"]),
    ],
)
async def test_an_mdn_that_comes_late_settles_it(
    both: Exchange, disposition: str, state: str, issues: list[str]
) -> None:
    trade, partner = both.trade, both.partner
    await both.change(as2_mdn="async", as2_mdn_seconds=0.0)
    partner.late, partner.disposition = True, disposition
    await trade.send(await trade.order("1001", ("W-BLUE", 10)))
    assert await trade.state("1001-1") == "outcome_unknown"
    assert [code for code, _ in await trade.issues()] == ["submission_unknown"]
    await partner.answer_late()
    assert await trade.state("1001-1") == state
    assert [code for code, _ in await trade.issues()] == issues
    await tasks.drain()
    assert await trade.state("1001-1") == state
    outcome = await db.value("SELECT outcome FROM submissions")
    assert outcome == {"submitted": "accepted", "failed": "refused"}[state]
    assert len(partner.received) == 1


async def test_nobody_else_can_settle_it(here: Exchange, pairs: dict[str, Pair]) -> None:
    trade, partner = here.trade, here.partner
    await here.change(as2_mdn="async", as2_mdn_seconds=0.0)
    partner.late = True
    await trade.send(await trade.order("1001", ("W-BLUE", 10)))
    (posted,) = await ledger()
    for forged in ({"signer": pairs["stranger"]}, {"unsigned": True}):
        for name, value in forged.items():
            setattr(partner, name, value)
        kind, mdn = partner.answer(posted[2], partner.received[0].part, partner.received[0].headers)
        assert await partner.deliver(kind, mdn, partner.post_to) == 401
        partner.signer, partner.unsigned = None, False
    kind, mdn = partner.answer("<of-nothing@x>", b"", {})
    assert await partner.deliver(kind, mdn, partner.post_to) == 404
    assert await trade.state("1001-1") == "outcome_unknown"


async def test_a_worker_that_died_after_the_mdn_came_learns_it_from_the_ledger(here: Exchange) -> None:
    trade, partner = here.trade, here.partner
    await trade.send(await trade.order("1001", ("W-BLUE", 10)))
    supplier = (await catalog.supplier(trade.supplier_id)).post  # type: ignore[attr-defined]
    # As it stands in the database when the process ends between the two commits.
    assert (await supplier.found("850", "1001-1")).detail == "delivered by AS2: their MDN says processed"
    await db.run("UPDATE posted_messages SET state = 'sent'")
    with pytest.raises(Exception, match="no MDN came"):
        await supplier.found("850", "1001-1")
    await db.run("DELETE FROM posted_messages")
    assert await supplier.found("850", "1001-1") is None
    assert len(partner.received) == 1


# --- certificates -----------------------------------------------------------------------------------------------------


async def test_both_certificates_count_while_they_are_valid(here: Exchange, pairs: dict[str, Pair]) -> None:
    trade, partner = here.trade, here.partner
    await here.change(
        as2_next_certificate=pairs["ours2"].certificate, as2_next_private_key=pairs["ours2"].key,
        as2_partner_next_certificate=pairs["theirs2"].certificate,
        as2_next_from="2030-01-01T00:00Z", as2_partner_next_from="2030-01-01T00:00Z",
    )  # fmt: skip
    for name in ("theirs", "theirs2"):
        for to in ("ours", "ours2"):
            answer = await partner.post(*partner.wrap(b"ISA*00~", by=pairs[name], to=pairs[to]))
            assert "; processed" in answer.mdn
    await trade.send(await trade.order("1001", ("W-BLUE", 1)))  # with the present ones
    assert await trade.state("1001-1") == "submitted"
    clock.use(lambda: clock.moment(1_900_000_000_000_000))  # 2030-03-17
    partner.ours, partner.theirs = pairs["ours2"], pairs["theirs2"]
    await trade.send(await trade.order("1002", ("W-BLUE", 1)))
    assert await trade.state("1002-1") == "submitted"
    assert len(partner.received) == 2


async def test_an_ended_certificate_is_told_before_and_stops_what_needs_it(here: Exchange) -> None:
    trade, partner = here.trade, here.partner
    assert await messages.endings() == []
    at = clock.moment(2_524_600_000_000_000)  # 2049-12-31T15:06:40Z, the last day
    clock.use(lambda: at - timedelta(days=9))
    ours, theirs = await messages.endings()
    assert (ours.days, ours.supplier) == (9, "MOCK")
    assert "our certificate (ours, serial " in ours.text
    assert "ends in 9 days; agree on the next one and put it into as2_next_certificate and its key" in ours.text
    assert "the partner's certificate (theirs" in theirs.text
    message = partner.wrap(b"ISA*00~")
    clock.use(lambda: at + timedelta(days=1))
    assert [one.days < 0 for one in await messages.endings()] == [True, True]
    answer = await partner.post(*message, wants=False)
    assert (answer.status, "no valid certificate" in answer.mdn) == (401, True)
    # A signed MDN cannot be given any more either, so they are told to come back.
    assert (await partner.post(*message)).status == 503
    order = await trade.order("1001", ("W-BLUE", 1))
    await trade.send(order)
    assert await trade.state("1001-1") == "queued"
    assert partner.received == []
    assert "is not valid now, so nothing is sent with it" in str(await db.value("SELECT paused_reason FROM suppliers"))
