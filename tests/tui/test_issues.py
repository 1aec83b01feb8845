"""Every Issue the engine raises is resolved by keys: each is brought about as it comes about in life."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
import pytest_asyncio

from engine import clock, db
from engine.demo.supplier_desk import Behaviour
from engine.demo.supplier_faults import Fault, Route
from engine.domain.issues import IssueCode
from engine.ports import CancelWish, Invoice, InvoiceLine
from engine.services import cancel, catalog, check, invoices, lifecycle, overdue, process, setup, tasks
from tests.support.scene import DANA, WORKER, Scene
from tests.support.terminal import Desk, at_desk

pytestmark = pytest.mark.asyncio(loop_scope="module")
C = IssueCode
MUG = ("BB-MUG-01", 1)
TOLD = Behaviour(ship_after=None, auto_ack=False)
serial = count(1)


def later(**by: float) -> None:
    """The clock is ahead from here to the end of the test."""
    clock.use(lambda: datetime.now(UTC) + timedelta(**by))


async def unmapped_sku(scene: Scene) -> int:
    sku = f"SHOP-RADIO-{next(serial)}"
    await scene.product(f"RADIO-{sku}")
    return await scene.order((sku, 1))


async def no_stock(scene: Scene) -> int:
    sku = f"GONE-{next(serial)}"
    await scene.product(sku, stock=0)
    return await scene.order((sku, 1))


async def disabled(scene: Scene) -> int:
    sku = f"ALONE-{next(serial)}"
    await scene.product(sku, supplier="NOVA")
    nova = scene.shop.suppliers["NOVA"]
    await setup.update("suppliers", nova, DANA, enabled=False)
    order = await scene.order((sku, 1))
    # By itself: who enables a supplier has the orders that wait for it checked again.
    await db.run("UPDATE suppliers SET enabled = ? WHERE id = ?", True, nova)
    return order


async def duplicate(scene: Scene) -> int:
    who = f"Twin{next(serial)}"
    await scene.order(MUG, who=who)
    return await scene.order(MUG, who=who)


async def old(scene: Scene) -> int:
    number = scene.place(MUG)
    placed = (clock.now() - timedelta(days=90)).strftime("%Y-%m-%dT%H:%M:%S")
    scene.store.change(number, date_created_gmt=placed)
    return (await scene.take(number))[0]


async def fraud(scene: Scene) -> int:
    order = await scene.order(MUG)
    # No channel of the demo warns of fraud, so the warning is written where a connector's would be.
    async with lifecycle.change([order], by=WORKER) as work:
        work.event(work.cases[0], "order:change", "warned")
        work.put(work.cases[0], work.cases[0].order, fraud="card and address are of different countries")
        await check.check(work, work.cases)
    return order


async def wished(scene: Scene) -> int:
    order = await scene.order(MUG)
    await scene.wish(order, CancelWish("found it cheaper"))
    return order


async def dearer(scene: Scene) -> int:
    sku = f"DEAR-{next(serial)}"
    await scene.product(sku, cost=1000)
    scene.acme.set_stock([(sku, 50, "12.50")])
    await scene.hear()
    return await scene.order((sku, 1))


async def thin(scene: Scene) -> int:
    sku = f"THIN-{next(serial)}"
    await scene.product(sku, cost=2000)
    await scene.offer(sku, "NOVA", cost=1900, priority=2)
    await setup.update("channels", scene.shop.channel_id, DANA, margin_floor=30)
    return await scene.order((sku, 1))


async def refused(scene: Scene) -> int:
    order = await scene.order(MUG)
    scene.acme.behaviour = Behaviour(ship_after=None, auto_ack=False, unknown_skus=frozenset({"AC-2001"}))
    await scene.send(order)
    scene.acme.behaviour = TOLD
    return order


async def said(scene: Scene, status: str) -> int:
    order, po = await scene.sent(("BB-KETTLE-01", 1))
    await scene.say(po, status, (1, "AC-2010", 1), message="discontinued")
    return order


async def unanswered(scene: Scene) -> int:
    scene.fault(Fault.DROP_AFTER)
    acme = scene.shop.suppliers["ACME"]
    await setup.update("suppliers", acme, DANA, settle_seconds=3600)
    order = await scene.order(MUG)
    await scene.send(order)
    return order


async def overdue_by(scene: Scene, hours: float) -> int:
    order, po = await scene.sent(MUG)
    if hours > 50:
        await scene.say(po, "acknowledged")
    later(hours=hours)
    await overdue.raise_issues()
    return order


async def untold(scene: Scene) -> int:
    order, po = await scene.sent(MUG)
    number = await scene.at_store(order)
    gone = scene.store.book.orders.pop(number)
    await scene.say(po, "shipped", (1, "AC-2001", 1))
    await tasks.drain()
    scene.store.book.orders[number] = gone
    return order


async def uncancelable(scene: Scene) -> int:
    order, _ = await scene.sent(MUG)
    acme = scene.shop.suppliers["ACME"]
    await setup.update("suppliers", acme, DANA, values={"can_cancel": False})
    await cancel.cancel_order(order, DANA)
    await tasks.drain()
    return order


async def shipped_all_the_same(scene: Scene) -> int:
    scene.fault(Fault.THROTTLE, route=Route.CANCEL)
    order, po = await scene.sent(MUG)
    await cancel.cancel_order(order, DANA)
    await tasks.drain()
    await scene.say(po, "shipped", (1, "AC-2001", 1))
    return order


async def locked_out(scene: Scene) -> int:
    acme = scene.shop.suppliers["ACME"]
    await setup.update("suppliers", acme, DANA, values={"api_key": "revoked"})
    order = await scene.order(MUG)
    await process.process([order], DANA, undo_seconds=0)
    await tasks.drain()
    await setup.update("suppliers", acme, DANA, values={"api_key": scene.acme.api_key})
    return order


async def changed(scene: Scene) -> int:
    order, _ = await scene.sent(MUG)
    scene.store.change(await scene.at_store(order), shipping={"address_1": "7 Oak Ridge Dr"})
    await scene.reread(order)
    return order


async def charged(scene: Scene) -> int:
    order, number = await scene.sent(MUG)
    acme = (await catalog.suppliers())[scene.shop.suppliers["ACME"]]
    async with lifecycle.change([order], by=DANA) as work:
        po = work.cases[0].purchase(number)
        assert po is not None
        work.event(work.cases[0], "purchase:invoiced", "invoice I-7", record=po)
        bill = Invoice(number="I-7", currency="USD", lines=(InvoiceLine("AC-2001", 9, po.lines[0].unit_cost),))
        invoices.note(work, po, acme, bill, clock.now(), 0)
    assert await invoices.match([order], DANA) == 1
    return order


@dataclass(frozen=True)
class Trouble:
    """How an Issue comes about, the keys behind ``r`` that resolve it, and how it is closed by them."""

    brought: Callable[[Scene], Awaitable[int]]
    keys: tuple[str, ...]
    resolution: str
    sees: str = ""


TROUBLES: dict[IssueCode, Trouble] = {
    C.MISSING_SHIPPING_MAPPING: Trouble(
        lambda s: s.order(MUG, rate=f"Zebra {next(serial)}"), ("1",), "map_shipping", "remember"
    ),
    C.MISSING_FIELD: Trouble(lambda s: s.order(MUG, postcode=""), (*"97205", "enter"), "fix_address", "postal code"),
    C.INVALID_ADDRESS: Trouble(lambda s: s.order(MUG, state="CA"), ("enter",), "fix_address", "region: OR"),
    C.UNMAPPED_SKU: Trouble(unmapped_sku, ("enter",), "map_sku", "remember"),
    C.NO_SUPPLIER_STOCK: Trouble(no_stock, ("1",), "choose_supplier", "stock 0"),
    C.SUPPLIER_DISABLED: Trouble(disabled, ("1",), "choose_supplier", "disabled"),
    C.POSSIBLE_DUPLICATE: Trouble(duplicate, ("enter",), "waive", "same customer"),
    C.STALE_ORDER: Trouble(old, ("enter",), "waive", "placed 90 days ago"),
    C.ALREADY_FULFILLED: Trouble(lambda s: s.order(MUG, status="completed"), ("2", "y"), "cancel", "it is shipped"),
    C.FRAUD_RISK: Trouble(fraud, ("enter",), "waive", "different countries"),
    C.CANCEL_WISHED: Trouble(wished, ("1", "y"), "cancel", "all of it, “found it cheaper”"),
    C.UNPAID: Trouble(lambda s: s.order(MUG, status="on-hold"), ("enter",), "waive", "not paid yet"),
    C.COST_CHANGED: Trouble(dearer, ("enter",), "waive", "[x] m remember"),
    C.MARGIN_BELOW_FLOOR: Trouble(thin, ("enter",), "waive", "the floor is 30%"),
    C.SUPPLIER_FAILED: Trouble(refused, ("enter",), "retry", "do not stock"),
    C.SUPPLIER_REJECTED: Trouble(lambda s: said(s, "rejected"), ("1",), "choose_supplier", "discontinued"),
    C.SUPPLIER_BACKORDERED: Trouble(lambda s: said(s, "backordered"), ("enter",), "acknowledge", "backordered"),
    C.SUBMISSION_UNKNOWN: Trouble(
        unanswered, ("2", *"Eve, by phone", "enter"), "mark_accepted", "Ask the supplier whether"
    ),
    C.NO_ACK_IN_TIME: Trouble(lambda s: overdue_by(s, 30), ("enter",), "acknowledge", "acknowledge"),
    C.NO_TRACKING_IN_TIME: Trouble(lambda s: overdue_by(s, 100), ("enter",), "acknowledge", "tracking"),
    C.TRACKING_REJECTED: Trouble(untold, ("enter",), "retry", "Tell the channel the tracking again"),
    C.CANCEL_REFUSED: Trouble(uncancelable, ("enter",), "acknowledge", "cancel"),
    C.SHIPPED_AFTER_CANCEL: Trouble(shipped_all_the_same, ("enter",), "acknowledge", "although cancellation"),
    C.INVOICE_DIFFERS: Trouble(charged, ("enter",), "acknowledge", "9 × AC-2001 charged in all, 1 ordered"),
    C.CONNECTION_AUTH: Trouble(locked_out, ("enter",), "resumed", "Use the connection again"),
    C.CHANNEL_ORDER_CHANGED: Trouble(changed, ("enter",), "acknowledge", "the address changed"),
}
REMEMBERED = (C.MISSING_SHIPPING_MAPPING, C.UNMAPPED_SKU, C.COST_CHANGED)


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def as_before(scene: Scene) -> AsyncIterator[None]:
    """What one of them changes about the shop is as it was for the next."""
    yield
    clock.use(lambda: datetime.now(UTC))
    held = await db.rows("SELECT DISTINCT order_id FROM purchase_orders WHERE state = 'queued'")
    await process.undo([int(row[0]) for row in held], DANA)  # else it would be sent into the next one's fault
    acme = scene.shop.suppliers["ACME"]
    await setup.update("suppliers", acme, DANA, settle_seconds=60, values={"can_cancel": True})
    await setup.update("channels", scene.shop.channel_id, DANA, margin_floor=None)


async def open_resolve(desk: Desk, order: int) -> None:
    """The order is under the cursor, whatever its state, and Resolve is open."""
    await desk.go(order)
    await desk.press("r")


async def test_no_code_is_left_out() -> None:
    assert set(TROUBLES) == set(IssueCode)


@pytest.mark.parametrize("code", TROUBLES)
async def test_it_is_resolved_by_keys(scene: Scene, code: IssueCode) -> None:
    trouble = TROUBLES[code]
    order = await trouble.brought(scene)
    issue = await scene.issue(order, code)
    async with at_desk(start="history", size=(160, 40)) as desk:
        await open_resolve(desk, order)
        shown = desk.text()
        assert issue.title in shown
        assert trouble.sees in shown
        assert (" remember for next time" in shown) == (code in REMEMBERED)
        await desk.press(*trouble.keys)
        row = await db.row("SELECT closed_by, resolution FROM issues WHERE id = ?", issue.id)
        assert tuple(row or ()) == ("dana", trouble.resolution), desk.said
        assert code not in await scene.codes(order)


async def test_the_harmless_answer_is_first_and_enter_chooses_no_supplier(scene: Scene) -> None:
    for bring in (dearer, thin):
        order = await bring(scene)
        po = await scene.po(order)
        async with at_desk(start="history") as desk:
            await open_resolve(desk, order)
            assert "> 1  It is fine as it is" in desk.text()
            await desk.press("enter")
        assert await scene.status(order) == "ready"
        assert (await scene.po(order)).supplier_id == po.supplier_id


async def test_a_customers_wish_is_let_be_by_keys(scene: Scene) -> None:
    order = await wished(scene)
    async with at_desk(start="history") as desk:
        await open_resolve(desk, order)
        assert "2  Send it all the same" in desk.text()
        await desk.press("2")
    assert (await scene.status(order), await scene.codes(order)) == ("ready", [])


async def test_where_there_is_nothing_to_remember_m_says_so(scene: Scene) -> None:
    order = await duplicate(scene)
    async with at_desk() as desk:
        await desk.press("2")
        await open_resolve(desk, order)
        await desk.press("m")
        assert "nothing here to remember" in desk.said


async def test_an_order_without_lines_is_not_asked_for_a_field_and_edit_survives_it(scene: Scene) -> None:
    number = scene.place(MUG)
    lines = scene.store.orders[number]["line_items"]
    scene.store.change(number, line_items=[])
    [order] = await scene.take(number)
    async with at_desk() as desk:
        await desk.press("2")
        await open_resolve(desk, order)
        shown = desk.text()
        assert "It has no lines" in shown
        assert "type the lines" not in shown
        assert "> 1  Read it again from its channel" in shown
        assert "2  Cancel" in shown
        await desk.press("enter")
        assert "still no lines" in desk.said
        await desk.press("escape", "e")
        for key in ("q", "p", "l", "s"):
            await desk.press(key)
            assert "came without lines" in desk.said
        await desk.press("n", *"ask them", "enter")
        assert (await scene.case(order)).order.note == "ask them", desk.said
        scene.store.change(number, line_items=lines)
        await desk.press("r", "1")
        assert await scene.status(order) == "ready"
