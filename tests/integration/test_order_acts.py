"""What an order's page offers, as its parts' moves allow; and the blue book of one of its purchase orders."""

from __future__ import annotations

import pytest

from engine.errors import NotFound
from engine.services import blue_book, hold, tasks
from engine.services.order_page import close_to, order_page
from tests.support.scene import DANA, Scene

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def acts(order_id: int) -> frozenset[str]:
    return (await order_page(order_id)).acts


async def test_what_can_be_done_follows_the_order(scene: Scene) -> None:
    order = await scene.order(("BB-MUG-01", 1))
    assert await acts(order) == {"process", "hold", "edit", "snooze", "cancel"}
    await hold.hold(order, "call first", DANA)
    assert await acts(order) == {"release", "edit", "snooze", "cancel"}
    await hold.release(order, DANA)
    await scene.process(order, undo_seconds=3_600)
    assert await acts(order) == {"undo", "hold", "edit", "cancel"}
    page = await order_page(order)
    assert page.if_canceled == [f"{page.number}-1 is not sent"]
    sent, po = await scene.sent(("BB-MUG-01", 1))
    assert await acts(sent) == {"cancel"}
    assert (await order_page(sent)).if_canceled == [f"ACME is asked to cancel {po}"]
    await scene.say(po, "shipped", (1, "AC-2001", 1))
    assert await acts(sent) == frozenset()


async def test_what_needs_a_person_can_be_edited_and_not_processed(scene: Scene) -> None:
    order = await scene.order(("NO-SUCH-THING", 1))
    assert await acts(order) == {"hold", "edit", "snooze", "cancel"}


async def test_a_purchase_orders_book_has_its_own_steps_parcels_and_issues(scene: Scene) -> None:
    order = await scene.order(("BB-MUG-01", 1), ("BB-TEA-01", 1))
    await scene.send(order)
    first, second = [po.po_number for po in (await scene.case(order)).purchases]
    await scene.say(first, "shipped", (1, "AC-2001", 1))
    await scene.say(second, "rejected", desk="NOVA")
    await tasks.drain()
    book = await blue_book.blue_book(order, po_number=first)
    assert {e.subject.split(".")[0] for e in book} == {"po", "shipment"}
    assert all(first in e.subject for e in book)
    other = await blue_book.blue_book(order, po_number=second)
    assert all(second in e.subject for e in other)
    assert "purchase:reject" in [e.action for e in other]
    with pytest.raises(NotFound):
        await blue_book.blue_book(order, po_number="9999-1")


async def test_a_line_has_a_name_and_a_number_has_others_close_to_it(scene: Scene) -> None:
    page = await order_page(await scene.order(("BB-MUG-01", 1)))
    assert await blue_book.line_name(page.lines[0].id) == ("BB-MUG-01", 1)
    with pytest.raises(NotFound):
        await blue_book.line_name(10**9)
    assert page.number in await close_to(f"{page.number}9")
    assert await close_to("ZZZZZZ") == []
