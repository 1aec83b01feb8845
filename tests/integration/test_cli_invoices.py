"""``bluebook invoices`` as people use it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from engine import clock, db
from engine.ports import Invoice, InvoiceLine
from engine.services import catalog, invoices, lifecycle
from engine.services.lifecycle import Actor
from tests.integration.test_cli import Run, said


async def invoiced() -> tuple[str, str]:
    """A supplier charges twice of what was ordered; the purchase order and the supplier's SKU."""
    async with db.database():
        row = await db.row(
            "SELECT p.order_id, p.po_number, p.supplier_id, l.supplier_sku, l.quantity, l.unit_cost FROM purchase_orders AS p "
            "JOIN purchase_order_lines AS l ON l.purchase_order_id = p.id ORDER BY p.id, l.position LIMIT 1"
        )
        assert row is not None
        by = Actor("dana", "person", "test")
        async with lifecycle.change([row[0]], by=by) as work:
            po = work.cases[0].purchase(row[1])
            assert po is not None
            work.event(work.cases[0], "purchase:invoiced", "invoice I-7", record=po)
            line = InvoiceLine(row[3], row[4] * 2, row[5])
            supplier = (await catalog.suppliers())[row[2]]
            bill = Invoice(number="I-7", currency=po.currency, lines=(line,), charges=500)
            invoices.note(work, po, supplier, bill, clock.now(), 0)
        await invoices.match([row[0]], by)
        return str(row[1]), str(row[3])


def test_an_invoice_is_listed_shown_and_accepted(run: Run) -> None:
    assert "no supplier has sent an invoice yet" in run("invoices", "ls").stderr
    po_number, sku = asyncio.run(invoiced())
    (listed,) = said(run("invoices", "ls", "--json"))["invoices"]
    assert (listed["number"], listed["po_number"], listed["state"]) == ("I-7", po_number, "differs")
    assert datetime.fromisoformat(listed["received_at"]).tzinfo == UTC
    assert f"× {sku} charged in all" in run("invoices", "ls", "--state", "differs").stdout
    assert "no invoice is so" in run("invoices", "ls", "--state", "matched").stderr
    shown = run("invoices", "show", "I-7").stdout
    for words in ("ORDERED AT", sku, po_number, "5.00 USD"):
        assert words in shown
    assert "is accepted" in run("invoices", "accept", "I-7", "--note", "agreed").stdout
    (listed,) = said(run("invoices", "ls", "--json"))["invoices"]
    assert (listed["state"], listed["note"]) == ("accepted", "agreed")
    assert "there is nothing to accept" in run("invoices", "accept", "I-7", code=2).stderr
    assert "there is no invoice I-8" in run("invoices", "show", "I-8", code=2).stderr
    assert "there is no state 'paid'" in run("invoices", "ls", "--state", "paid", code=2).stderr
