"""Purchase orders and packing slips of real orders: what stands on them, on both databases."""

from __future__ import annotations

import asyncio
import re

import pytest

from engine import db
from engine.errors import Invalid, NotFound
from engine.services import cancel, paper, process
from tests.support import reading_pdf
from tests.support.scene import DANA, Scene

pytestmark = pytest.mark.asyncio(loop_scope="module")


def flat(text: str) -> str:
    return " ".join(text.split())


async def test_a_purchase_order_has_costs_address_and_barcode(scene: Scene) -> None:
    order_id, po_number = await scene.sent(("BB-MUG-01", 3), who="Zoë", city="Kraków")
    data = await paper.purchase_order(po_number)
    [page] = map(flat, reading_pdf.texts(data))
    po = await scene.po(order_id)
    [line] = po.lines
    each, total = line.unit_cost / 100, line.unit_cost * 3 / 100
    assert f"{line.sku} 3 {each:,.2f} {total:,.2f}" in page
    assert f"Total {total:,.2f} {po.currency}" in page or f"{total:,.2f} {po.currency}" in page
    assert "Zoë Doe 1 Maple Ave Kraków, OR 97205 UNITED STATES" in page
    assert re.search(r"Sent \d{4}-\d\d-\d\d \d\d:\d\d UTC", page)
    assert "NOT SENT" not in page
    assert reading_pdf.barcodes(data) == [po_number]
    assert await paper.purchase_order(po_number) == data


async def test_a_purchase_order_that_was_not_sent_says_so(scene: Scene) -> None:
    order_id = await scene.order(("BB-MUG-01", 1))
    outcome = (await process.process([order_id], DANA, undo_seconds=3_600))[0]
    [page] = reading_pdf.texts(await paper.purchase_order(outcome.po_numbers[0]))
    assert "NOT SENT YET" in page


async def test_slips_are_by_parcel_then_what_is_to_come_and_have_no_prices(scene: Scene) -> None:
    order_id, po_number = await scene.sent(("BB-MUG-01", 3))
    number = str(await db.value("SELECT number FROM orders WHERE id = ?", order_id))
    sku = (await scene.po(order_id)).lines[0].supplier_sku
    whole = await paper.packing_slip(order_id)
    assert len(reading_pdf.texts(whole)) == 1
    await scene.say(po_number, "shipped", (1, sku, 2), tracking_number="1Z999AA10123456784")
    data = await paper.packing_slip(number)
    parcel, rest = map(flat, reading_pdf.texts(data))
    assert "1Z999AA10123456784" in parcel
    assert "Parcel 1 of 1" in parcel
    assert "Page 1 of 1" in parcel
    assert "Pieces 2" in parcel or parcel.count(" 2 ") >= 1
    assert "1Z999" not in rest
    for page in (parcel, rest):
        assert "BB-MUG-01" in page
        assert "USD" not in page
        assert not re.search(r"\d\.\d\d\b", page)
    assert reading_pdf.barcodes(data, 0) == reading_pdf.barcodes(data, 1) == [number]


async def test_an_order_of_no_purchase_order_has_a_slip_and_a_canceled_one_has_none(scene: Scene) -> None:
    order_id = await scene.order(("NOBODY-HAS-IT", 4))
    [page] = map(flat, reading_pdf.texts(await paper.packing_slip(order_id)))
    assert "NOBODY-HAS-IT" in page
    await cancel.cancel_order(order_id, DANA, reason="the customer called")
    with pytest.raises(Invalid, match="has no packing slip"):
        await paper.packing_slip(order_id)
    with pytest.raises(Invalid, match="nothing of these orders ships"):
        await paper.packing_slips([order_id])


async def test_many_orders_are_one_file_in_their_order(scene: Scene) -> None:
    ids = [await scene.order(("BB-MUG-01", n + 1)) for n in range(3)]
    numbers = {int(r[0]): str(r[1]) for r in await db.rows("SELECT id, number FROM orders")}
    data = await paper.packing_slips([ids[2], ids[0], ids[1], ids[2]])
    found = [reading_pdf.barcodes(data, page)[0] for page in range(len(reading_pdf.texts(data)))]
    assert list(dict.fromkeys(found)) == [numbers[ids[2]], numbers[ids[0]], numbers[ids[1]]]
    with pytest.raises(Invalid, match="at most 500"):
        await paper.packing_slips(range(501))


async def test_what_is_not_there_is_said(scene: Scene) -> None:
    with pytest.raises(NotFound, match="no purchase order nope"):
        await paper.purchase_order("nope")
    with pytest.raises(NotFound, match="no order nope"):
        await paper.packing_slip("nope")


async def test_printing_many_leaves_the_loop_free_and_does_not_mix_them_up(scene: Scene) -> None:
    order_id = await scene.order(("BB-MUG-01", 1), who="مرحبا")
    other = await scene.order(("BB-MUG-01", 1), who="שלום")
    alone = [await paper.packing_slip(order_id), await paper.packing_slip(other)]
    together = await asyncio.gather(*(paper.packing_slip(which) for which in (order_id, other) * 5))
    assert list(together) == alone * 5
