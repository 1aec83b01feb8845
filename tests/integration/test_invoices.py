"""Suppliers' invoices through the engine: written down, compared, waiting for parcels, for a person, accepted."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from engine import clock, db
from engine.errors import Invalid, NotFound
from engine.ports import Invoice, InvoiceLine, SupplierUpdate, UpdateKind, UpdateLine
from engine.services import invariants, invoices, resolve
from tests.support.desk import PERSON, Desk, desk

SKU = "AC-2001"


async def ordered(at: Desk, number: str = "1001", pieces: int = 3) -> tuple[str, int]:
    """An order was sent to ACME; its purchase order and what one piece was ordered at."""
    await at.told(at.order(number, ("BB-MUG-01", pieces)))
    await at.send(number)
    row = await db.row(
        "SELECT p.po_number, l.unit_cost FROM purchase_orders p JOIN purchase_order_lines l ON l.purchase_order_id = p.id "
        "WHERE l.supplier_sku = ?",
        SKU,
    )
    assert row is not None
    return str(row[0]), int(row[1])


def shipped(po_number: str, pieces: int) -> SupplierUpdate:
    return SupplierUpdate(
        kind=UpdateKind.SHIPPED, key=f"s{pieces}", po_number=po_number, occurred_at=clock.now(), carrier="UPS",
        tracking_number="1Z999AA10123456784", lines=(UpdateLine(SKU, pieces),),
    )  # fmt: skip


def charged(po_number: str, pieces: int, cost: int, number: str = "I-7", **changes: object) -> SupplierUpdate:
    bill = Invoice(
        **{"number": number, "currency": "USD", "lines": (InvoiceLine(SKU, pieces, cost),), **changes}  # type: ignore[arg-type]
    )
    return SupplierUpdate(
        kind=UpdateKind.INVOICED,
        key=f"{number}/{pieces}/{cost}",
        po_number=po_number,
        occurred_at=clock.now(),
        invoice=bill,
    )


async def states() -> list[tuple[str, str]]:
    return [(view.state, view.reason) for view in reversed(await invoices.ls())]


async def issues() -> list[str]:
    found = await db.rows("SELECT message FROM issues WHERE code = 'invoice_differs' AND closed_at IS NULL ORDER BY id")
    return [str(r[0]) for r in found]


async def test_one_that_comes_before_its_parcel_waits_for_it(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with desk(monkeypatch) as at:
        po, cost = await ordered(at)
        await at.hear("ACME", charged(po, 3, cost, total=3 * cost))
        assert await states() == [("waits", f"3 × {SKU} charged in all, 0 shipped")]
        await at.hear("ACME", shipped(po, 2))
        assert (await states())[0][0] == "waits"
        await at.hear("ACME", shipped(po, 1))
        assert (await states(), await issues()) == ([("matched", "")], [])
        told = [
            str(r[0]) for r in await db.rows("SELECT message FROM audit_events WHERE tag LIKE '%invoice%' ORDER BY id")
        ]
        assert told[0].startswith("invoice I-7: ")
        assert told[-1] == "invoice I-7 fits what was ordered and shipped"
        assert await invariants.check() == []


async def test_what_does_not_fit_is_for_a_person_who_accepts_it(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with desk(monkeypatch) as at:
        po, cost = await ordered(at)
        await at.hear("ACME", shipped(po, 3))
        await at.hear("ACME", charged(po, 3, cost + 10))
        ((state, reason),) = await states()
        assert (state, reason.startswith(f"{SKU} at ")) == ("differs", True)
        assert await issues() == [f"{po}: invoice I-7: {reason}"]
        view, (line,) = await invoices.show("I-7")
        assert (line.ordered, line.shipped, line.charged, line.ordered_at, line.charged_at) == (
            3,
            3,
            3,
            cost,
            cost + 10,
        )
        accepted = await invoices.accept("I-7", PERSON, "agreed with Eve")
        assert (accepted.state, accepted.decided_by, accepted.note) == ("accepted", "dana", "agreed with Eve")
        assert await issues() == []
        with pytest.raises(Invalid, match="is accepted"):
            await invoices.accept(str(view.id), PERSON)
        with pytest.raises(NotFound):
            await invoices.show("I-8")
        assert await invariants.check() == []


async def test_of_two_who_accept_at_once_one_does_and_the_blue_book_says_all(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(monkeypatch) as at:
        po, cost = await ordered(at)
        await at.hear("ACME", charged(po, 4, cost + 10))
        view, (line,) = await invoices.show("I-7")
        assert (line.here, line.remarks("USD")) == (4, ["1 more than ordered", "0.10 USD more each"])
        found = await asyncio.gather(
            *(invoices.accept("I-7", PERSON, note) for note in ("one", "two")), return_exceptions=True
        )
        assert sorted(type(one).__name__ for one in found) == ["Invalid", "InvoiceView"]
        told = [event.action for event in await invoices.happened(view)]
        assert told == ["purchase:invoiced", "purchase:invoice_differs", "purchase:invoice_accept"]
        assert await invoices.ls(states=("matched", "accepted"), order_id=view.order_id) == [
            one for one in found if not isinstance(one, BaseException)
        ]
        assert await invoices.ls(states=("differs",)) == []


async def test_its_issue_read_is_the_invoice_accepted(sqlite_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with desk(monkeypatch) as at:
        po, cost = await ordered(at)
        await at.hear("ACME", charged(po, 4, cost))
        issue = await db.value("SELECT id FROM issues WHERE code = 'invoice_differs'")
        await resolve.acknowledge(int(issue), PERSON, "they send one more for free")
        assert [view.state for view in await invoices.ls()] == ["accepted"]


async def test_a_cost_within_the_tolerance_fits(sqlite_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with desk(monkeypatch) as at:
        po, cost = await ordered(at)
        await db.run("UPDATE suppliers SET cost_tolerance = 5")
        await at.hear("ACME", shipped(po, 3))
        await at.hear("ACME", charged(po, 3, cost + cost * 5 // 100))
        assert await states() == [("matched", "")]


async def test_a_number_used_twice_is_seen_and_heard_again_is_not_charged_again(
    sqlite_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(monkeypatch) as at:
        po, cost = await ordered(at)
        await at.hear("ACME", shipped(po, 3))
        for _ in range(2):
            await at.hear("ACME", charged(po, 2, cost))
        assert await states() == [("matched", "")]
        await at.hear("ACME", charged(po, 1, cost))
        assert (await states())[1] == ("differs", "its number was used before")


async def test_one_that_waits_too_long_is_for_a_person(sqlite_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with desk(monkeypatch) as at:
        po, cost = await ordered(at)
        await at.hear("ACME", charged(po, 3, cost))
        assert await invoices.match_open() == 0
        now = clock.now()
        monkeypatch.setattr(clock, "now", lambda: now + timedelta(hours=97))
        assert await invoices.match_open() == 1
        assert await states() == [("differs", f"3 × {SKU} charged in all, 0 shipped")]


async def test_one_a_dead_worker_wrote_down_is_compared_by_the_sweep(
    sqlite_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(monkeypatch) as at:
        po, cost = await ordered(at)
        with monkeypatch.context() as dying:

            async def dies(*_: object) -> int:
                raise ConnectionError("killed here")

            dying.setattr(invoices, "match", dies)
            with pytest.raises(ConnectionError):
                await at.hear("ACME", charged(po, 9, cost))
        assert await states() == [("new", "")]
        await db.run("UPDATE supplier_invoices SET received_at = received_at - 61000000")
        assert await invoices.match_open() == 1
        assert await states() == [("differs", f"9 × {SKU} charged in all, 3 ordered")]
