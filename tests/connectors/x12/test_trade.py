"""Purchase orders to mock-edi and back, in strict mode and as badly as it can behave: the right state and the right words."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from engine import clock, db
from engine.connectors.suppliers.x12.connector import Connector
from engine.services import cancel, catalog, invoices, numbers, outbox, receipts, tasks
from engine.services.numbers import Unnumbered
from tests.connectors.x12.partner import US, Trade, sets, trade
from tests.support.desk import PERSON


async def test_an_order_goes_out_and_completes_by_what_comes_back(anyhow: Trade) -> None:
    order = await anyhow.order("1001", ("W-BLUE", 10), ("GEAR", 4))
    await anyhow.send(order)
    assert sets(anyhow.root, "in") == ["1001-1.edi"]
    assert [file["produced"] for file in anyhow.theirs()] == [
        ["997", "855", "856", "810"]
    ]  # strict found nothing wrong
    assert [name[:8] for name in sets(anyhow.root, "out")] == ["ACME-810", "ACME-855", "ACME-856", "ACME-997"]
    await anyhow.talk()
    assert (await anyhow.state("1001-1"), await anyhow.status(order)) == ("closed", "completed")
    assert (await anyhow.issues(), await anyhow.parked()) == ([], [])
    assert [view.state for view in await invoices.ls()] == ["matched"]
    book = await anyhow.book(order)
    for said in ("received: their system has read it (997: accepted)", "acknowledge: their number 5", "ship_all: UPS 1Z",
                 "160.60 USD (10 × WIDGET-001, 4 × GEAR-100)"):  # fmt: skip
        assert said in book
    assert anyhow.acknowledged() == []  # each of their groups had its 997, and they took every one
    assert sets(anyhow.root, "in", "in/failed", "out") == []
    parcel = anyhow.channel.parcels[0]
    assert parcel.carrier == "ups"
    assert sorted(quantity for _, quantity in parcel.lines) == [4, 10]


async def test_their_reader_has_the_same_order_as_ours(strict: Trade) -> None:
    order = await strict.order("A/77#1", ("W-BLUE", 3), ("CABLE", 100))
    await strict.send(order)
    strict.theirs()
    theirs = strict.mock.order("A%2F77%231-1")
    assert [(line["sku"], float(line["quantity"])) for line in theirs["lines"]] == [
        ("WIDGET-001", 3),
        ("CABLE-2M", 100),
    ]
    assert theirs["partner"] == US


@pytest.mark.parametrize(
    ("behaviour", "state", "status", "words"),
    [
        ("short-ship", "closed", "on_hold", "the supplier will not ship 2 × WIDGET-001, 1 × GEAR-100"),
        (
            "reject-line",
            "closed",
            "on_hold",
            "the supplier will not ship 4 × GEAR-100: GEAR-100: rejected; GEAR-100 is discon",
        ),
        ("reject-all", "rejected", "failed", "WIDGET-001: rejected; Order refused"),
        ("reject-ack", "rejected", "failed", "their system could not take it (997: rejected)"),
    ],
)
async def test_what_they_refuse_waits_for_a_person_with_their_words(
    strict: Trade, behaviour: str, state: str, status: str, words: str
) -> None:
    strict.mock.behaviour(US, behaviour)
    order = await strict.order("1001", ("W-BLUE", 10), ("GEAR", 4))
    await strict.send(order)
    await strict.talk()
    assert (await strict.state("1001-1"), await strict.status(order)) == (state, status)
    ((code, message),) = await strict.issues()
    assert (code, words in message) == ("supplier_rejected", True), message
    assert await strict.parked() == []


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [
        ("over-ship", "more than open: 13 × WIDGET-001 of 10, 6 × GEAR-100 of 4"),
        ("out-of-order", "acknowledge: their number"),
        ("duplicate-invoice", "invoice INV"),
        ("corrupt", "855 0002 is miscounted (it says 19 segments, and there are 18) and otherwise sound"),
        ("late", "ship_all: UPS"),
        ("no-invoice", "ship_all: UPS"),
    ],
)
async def test_what_they_do_oddly_completes_and_is_written_down(strict: Trade, behaviour: str, words: str) -> None:
    strict.mock.behaviour(US, behaviour)
    order = await strict.order("1001", ("W-BLUE", 10), ("GEAR", 4))
    await strict.send(order)
    await strict.talk()
    assert (await strict.state("1001-1"), await strict.status(order)) == ("closed", "completed")
    charged = [
        message.partition(": ")[2].partition(": ")[2]
        for code, message in await strict.issues()
        if code == "invoice_differs"
    ]
    more = ["13 × WIDGET-001 charged in all, 10 ordered; 6 × GEAR-100 charged in all, 4 ordered"]
    assert charged == (more if behaviour == "over-ship" else [])
    assert (len(await strict.issues()), await strict.parked()) == (len(charged), [])
    book = await strict.book(order)
    assert words in book
    assert book.count(": invoice INV") == (0 if behaviour == "no-invoice" else 1)  # the second of two is known
    assert book.count("ship_all") == 1
    assert strict.acknowledged() == []  # each of their groups had its 997


async def test_a_corrupt_count_is_noted_in_our_997(strict: Trade) -> None:
    strict.mock.behaviour(US, "corrupt")
    order = await strict.order("1001", ("W-BLUE", 1))
    await strict.send(order)
    strict.theirs()
    await strict.hear()
    ours = [path.read_text() for path in (strict.root / "in").glob("997-*.edi")]
    assert len(ours) == 3
    assert all("AK5*E*4~" in text and "AK9*E*1*1*1~" in text for text in ours)


async def test_no_answer_at_all_is_an_issue_after_its_time(strict: Trade) -> None:
    strict.mock.behaviour(US, "no-ack")
    order = await strict.order("1001", ("W-BLUE", 10))
    await strict.send(order)
    await strict.talk()
    assert (await strict.state("1001-1"), await strict.issues()) == ("submitted", [])
    assert await receipts.raise_issues() == 0  # it is not late yet
    await db.run("UPDATE purchase_orders SET sent_at = sent_at - ?", 25 * 3_600_000_000)
    assert await receipts.raise_issues() == 1
    assert await receipts.raise_issues() == 0  # said once
    said = "1001-1: no functional acknowledgement (997) within 24 hours of interchange 000000001"
    ((code, message),) = await strict.issues()
    assert (code, message.startswith(said)) == ("no_ack_in_time", True), message
    assert await strict.status(order) == "processed"


async def test_a_late_997_closes_the_issue_about_it(strict: Trade) -> None:
    strict.mock.behaviour(US, "no-ack")
    order = await strict.order("1001", ("W-BLUE", 10))
    await strict.send(order)
    await db.run("UPDATE purchase_orders SET sent_at = sent_at - ?", 25 * 3_600_000_000)
    assert await receipts.raise_issues() == 1
    answer = (
        "ISA*00*          *00*          *ZZ*MOCKEDI        *ZZ*ACME           *260101*0000*U*00401*000000900*0*T*>~"
        "GS*FA*MOCKEDI*ACME*20260101*0000*900*X*004010~ST*997*0001~AK1*PO*1~AK2*850*000000001~AK5*A~AK9*A*1*1*1~SE*6*0001~"
        "GE*1*900~IEA*1*000000900~"
    )
    (strict.root / "out/late.edi").write_text(answer)
    await strict.hear()
    assert (await strict.issues(), await strict.state("1001-1")) == ([], "submitted")  # received is not accepted
    assert "received: their system has read it" in await strict.book(order)
    # One for an interchange that never was is parked, and says so.
    (strict.root / "out/odd.edi").write_text(answer.replace("AK1*PO*1~", "AK1*PO*77~"))
    await strict.hear()
    assert "our interchange 000000077, and none of that number was sent" in (await strict.parked())[0]


async def test_an_interchange_sent_again_is_recognised_and_has_its_997_again(strict: Trade) -> None:
    order = await strict.order("1001", ("W-BLUE", 10))
    await strict.send(order)
    await strict.talk()
    before = await strict.book(order)
    for name in sets(strict.root, "out/processed"):
        shutil.copy(strict.root / "out/processed" / name, strict.root / "out" / f"again-{name}")
    heard = await strict.hear()
    assert (heard.applied, heard.known, heard.parked) == (0, 0, 0)  # the same bytes are the same file
    for path in (strict.root / "out/processed").iterdir():
        if not path.name.startswith("again-"):
            (strict.root / "out" / f"other-{path.name}").write_bytes(path.read_bytes() + b"\r\n")
    heard = await strict.hear()
    assert (heard.applied, heard.known, heard.parked) == (0, 4, 0)  # the same documents in another file
    assert await strict.book(order) == before
    again = [path.read_bytes() for path in (strict.root / "in").glob("997-*.edi")]
    assert len(again) == 6  # three each time: not for their 997


@pytest.mark.parametrize(
    ("rejected", "state"), [("ask", "cancel_requested"), ("canceled", "canceled"), ("refused", "submitted")]
)
async def test_a_cancel_goes_out_as_860_and_is_answered_by_865(
    sqlite_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rejected: str, state: str
) -> None:
    root, delays = (
        tmp_path / "root",
        dict.fromkeys(("response_delay_ms", "despatch_delay_ms", "invoice_delay_ms"), 3_600_000),
    )
    connection = {"transport": "folder", "folder": str(root), "rejected_865": rejected}
    async with trade(monkeypatch, root, connection, **delays) as side:
        order = await side.order("1001", ("W-BLUE", 10))
        await side.send(order)
        side.theirs()
        await cancel.request("1001-1", PERSON, reason="the customer changed their mind")
        await tasks.drain()
        assert await side.state("1001-1") == "cancel_requested"
        assert sets(root, "in") == ["860-1001-1.edi"]
        (file,) = side.theirs()
        assert (file["ok"], file["produced"]) == (True, ["997", "865"])
        side.mock.advance(seconds=3_601)
        for path in set((root / "out").glob("*.edi")) - set((root / "out").glob("*-865-*")):
            path.unlink()
        await side.hear()
        assert await side.state("1001-1") == state
        # They say "rejected with detail" of the lines they will not ship; other suppliers say it of the change.
        assert (rejected == "ask") == any(
            "Order cancelled at the buyer's request" in why for why in await side.parked()
        )
        assert [code for code, _ in await side.issues()] == (["cancel_refused"] if rejected == "refused" else [])


async def test_what_is_not_in_their_catalogue_comes_back_refused(strict: Trade) -> None:
    order = await strict.order("1001", ("NOPE", 2), ("CABLE", 5))
    await strict.send(order)
    await strict.talk()
    (code, message), (other, charged) = await strict.issues()
    assert (code, other) == ("supplier_rejected", "invoice_differs")
    assert charged.endswith("CABLE-2M at 3.95 USD, ordered at 3.50 USD")
    assert "NOPE-1: rejected; NOPE-1 is not in the catalogue" in message
    assert "CABLE-2M: accepted, price changed: now 3.95" in await strict.book(order)  # we offered 3.50


async def test_numbers_are_unique_and_a_document_keeps_its_own(anyhow: Trade) -> None:
    connector = await catalog.supplier(anyhow.supplier_id)
    assert isinstance(connector, Connector)
    ids = [await anyhow.order(str(n), ("W-BLUE", n)) for n in range(1, 9)]
    await anyhow.send(*ids)
    assert all(file["ok"] for file in anyhow.theirs())  # it refuses a control number used twice
    body = (anyhow.root / "in/processed/1-1.edi").read_bytes()
    bare = connector.number(body, 0, clock.moment(946684800000000))
    found = await asyncio.gather(*(numbers.assign(connector, [Unnumbered("850", str(n % 5), bare)]) for n in range(20)))
    given = {n % 5: one.number for n, (one,) in enumerate(found)}
    assert all(one.number == given[n % 5] for n, (one,) in enumerate(found))
    assert sorted(given.values()) == list(range(9, 14))
    values = [int(r[0]) for r in await db.rows("SELECT number FROM control_numbers ORDER BY number")]
    assert values == list(range(1, 14))


async def test_every_attempt_is_the_same_bytes_and_a_changed_order_is_another_document(strict: Trade) -> None:
    order = await strict.order("1001", ("W-BLUE", 10))
    (strict.root / "in").rename(strict.root / "away")  # nothing can be delivered
    await strict.send(order)
    assert await strict.state("1001-1") == "queued"
    first = await db.rows("SELECT number FROM control_numbers")
    (strict.root / "away").rename(strict.root / "in")
    await db.run("UPDATE suppliers SET paused_reason = '', last_error = ''")
    catalog.forget("suppliers", strict.supplier_id)
    await db.run("UPDATE purchase_orders SET release_at = 0, lease_until = NULL")
    await db.run("UPDATE outbox SET run_at = 0 WHERE state = 'ready'")
    await tasks.drain()
    assert sets(strict.root, "in") == ["1001-1.edi"]
    assert await db.rows("SELECT number FROM control_numbers") == first
    assert (
        "ISA*00*          *00*          *ZZ*ACME           *ZZ*MOCKEDI" in (strict.root / "in/1001-1.edi").read_text()
    )


async def test_a_receipt_that_cannot_be_delivered_is_tried_again(strict: Trade) -> None:
    order = await strict.order("1001", ("W-BLUE", 10))
    await strict.send(order)
    strict.theirs()
    (strict.root / "in").rename(strict.root / "away")
    (strict.root / "in").write_text("not a directory")
    await strict.hear()
    assert await db.value("SELECT COUNT(*) FROM outbox WHERE task = 'suppliers.receipt' AND state = 'ready'") > 0
    (strict.root / "in").unlink()
    (strict.root / "away").rename(strict.root / "in")
    await db.run("UPDATE suppliers SET paused_reason = '', last_error = ''")
    await db.run("UPDATE outbox SET run_at = 0 WHERE state = 'ready'")
    await outbox.reclaim()
    await tasks.drain()
    assert len(list((strict.root / "in").glob("997-*.edi"))) == 3
