"""What suppliers charge, for tests of several doors."""

from __future__ import annotations

from engine import clock, db
from engine.ports import Invoice, InvoiceLine
from engine.services import catalog, invoices, lifecycle
from engine.services.lifecycle import Actor

BY = Actor("worker", "worker", "test")


async def charge(
    po_number: str, number: str, *, times: int = 1, more: int = 0, charges: int = 0, credit: bool = False
) -> tuple[int, str]:
    """The purchase order's supplier charges its first line so many ``times``, each piece for so much ``more`` (minor units); the
    invoice's id, and the supplier's SKU. It has been compared."""
    row = await db.row(
        "SELECT p.order_id, p.supplier_id, l.supplier_sku, l.quantity, l.unit_cost FROM purchase_orders AS p "
        "JOIN purchase_order_lines AS l ON l.purchase_order_id = p.id WHERE p.po_number = ? ORDER BY l.position LIMIT 1",
        po_number,
    )
    assert row is not None
    order_id, supplier_id, sku, quantity, cost = row
    async with lifecycle.change([order_id], by=BY) as work:
        po = work.cases[0].purchase(po_number)
        assert po is not None
        line = InvoiceLine(sku, quantity * times, cost + more)
        bill = Invoice(number=number, currency=po.currency, lines=(line,), charges=charges, credit=credit)
        work.event(work.cases[0], "purchase:invoiced", invoices.words(bill), record=po, source="supplier")
        invoices.note(work, po, (await catalog.suppliers())[supplier_id], bill, clock.now(), 0)
    await invoices.match([order_id], BY)
    return int(await db.value("SELECT MAX(id) FROM supplier_invoices")), str(sku)
