"""``bluebook invoices`` as people use it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from engine import db
from tests.integration.test_cli import Run, said
from tests.support import bills


async def invoiced() -> tuple[str, str]:
    """A supplier charges twice of what was ordered; the purchase order and the supplier's SKU."""
    async with db.database():
        po_number = str(await db.value("SELECT po_number FROM purchase_orders ORDER BY id LIMIT 1"))
        return po_number, (await bills.charge(po_number, "I-7", times=2, charges=500))[1]


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
