"""What is bought against what was paid: nothing more is given away, or lost, than a person says is fine."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from engine.domain.issues import IssueCode
from engine.services import margin, setup
from engine.services.order_page import order_page
from engine.services.preview import Limits, preview
from tests.support.scene import DANA, Scene

pytestmark = pytest.mark.asyncio(loop_scope="module")
THIN = IssueCode.MARGIN_BELOW_FLOOR


async def told(scene: Scene, order_id: int) -> tuple[str, str]:
    """The title and message of its one Issue about the margin."""
    issue = await scene.issue(order_id, THIN)
    return issue.title, issue.message


async def test_more_than_was_ordered_needs_a_person_and_brings_no_more_than_was_paid(scene: Scene) -> None:
    await scene.product("MORE-1", cost=1000, stock=5000)  # sold at 25.00
    order_id = await scene.order(("MORE-1", 1))
    edited = await scene.edit(order_id, quantities={1: 2})
    assert (edited.status, [issue.code for issue in edited.issues]) == ("unresolved", [THIN])
    assert await told(scene, order_id) == (
        "More than was paid for",
        "costs 20.00 USD, paid 25.00 USD; 2 × MORE-1 instead of 1",
    )
    assert "More than was paid for: costs 20.00 USD, paid 25.00 USD; 2 ×" in (await scene.process(order_id)).message
    page = await order_page(order_id)
    assert (page.lines[0].quantity, page.lines[0].added, page.items_total) == (2, 1, 2500)
    assert (page.cost, page.margin_percent) == (2000, 20.0)
    await scene.resolve(order_id, THIN, "waive")
    assert await scene.status(order_id) == "ready"
    # What was let pass was two pieces, and not whatever is typed later.
    await scene.edit(order_id, quantities={1: 1148})
    assert (await told(scene, order_id))[1] == ("costs 11,480.00 USD, paid 25.00 USD; 1148 × MORE-1 instead of 1")
    assert (await order_page(order_id)).margin_percent == -45820.0


async def test_back_to_what_was_ordered_nothing_is_left_of_what_was_added(scene: Scene) -> None:
    await scene.product("MORE-2", cost=1000)
    order_id = await scene.order(("MORE-2", 3))
    await scene.edit(order_id, quantities={1: 1148})
    await scene.edit(order_id, quantities={1: 3})
    line = (await scene.case(order_id)).lines[0]
    assert (line.quantity, line.added, line.cancel_asked) == (3, None, 0)
    assert await scene.status(order_id) == "ready"
    await scene.edit(order_id, quantities={1: 4})
    await scene.edit(order_id, quantities={1: 2})
    line = (await scene.case(order_id)).lines[0]
    assert (line.quantity, line.added, line.cancel_asked, line.ordered, line.wanted) == (3, None, 1, 3, 2)
    assert await scene.codes(order_id) == []


async def test_more_that_the_channel_orders_itself_is_paid_for_there(scene: Scene) -> None:
    await scene.product("MORE-3", cost=1000)
    order_id = await scene.order(("MORE-3", 1))
    number = await scene.at_store(order_id)
    more = scene.place(("MORE-3", 2))
    items = scene.store.orders[number]["line_items"]
    [twice] = scene.store.orders[more]["line_items"]
    scene.store.change(number, line_items=[{**twice, "id": items[0]["id"]}], total="50.00")
    await scene.reread(order_id)
    line = (await scene.case(order_id)).lines[0]
    assert (line.quantity, line.added, await scene.codes(order_id)) == (2, None, [])


async def test_an_order_that_costs_more_than_was_paid_needs_a_person_without_any_floor(scene: Scene) -> None:
    await scene.product("LOSS-1", cost=2501)
    await scene.product("EVEN-1", cost=2500)
    assert await scene.codes(await scene.order(("EVEN-1", 1))) == []
    order_id = await scene.order(("LOSS-1", 1))
    assert await told(scene, order_id) == (
        "More than was paid for",
        "costs 25.01 USD, paid 25.00 USD",
    )
    await scene.resolve(order_id, THIN, "waive")
    assert await scene.status(order_id) == "ready"
    assert (await scene.send(order_id)).state == "submitted"


async def test_shipping_that_was_paid_for_covers_cost_and_taxes_do_not(scene: Scene) -> None:
    await scene.product("LOSS-2", cost=2900)
    for total, shipping, tax, why in (
        ("30.00", "5.00", "0.00", None),
        ("30.00", "0.00", "5.00", "costs 29.00 USD, paid 25.00 USD without taxes"),
        ("0.00", "0.00", "0.00", "costs 29.00 USD, paid 25.00 USD"),  # told no total
    ):
        number = scene.place(("LOSS-2", 1))
        scene.store.change(number, total=total, shipping_total=shipping, total_tax=tax)
        [order_id] = await scene.take(number)
        assert [i.message for i in (await order_page(order_id)).issues] == ([why] if why else [])


async def test_what_was_given_for_nothing_is_asked_about_and_what_has_no_price_is_not(scene: Scene) -> None:
    number = scene.place(("BB-MUG-01", 1))
    price = scene.store.orders[number]["total"]
    scene.store.change(number, total="0.00", discount_total=price)
    [given] = await scene.take(number)
    assert (await told(scene, given))[1].endswith(", paid 0.00 USD")
    number = scene.place(("BB-MUG-01", 1))
    [item] = scene.store.orders[number]["line_items"]
    free = {**item, "subtotal": "0.00", "total": "0.00", "price": 0}
    scene.store.change(number, line_items=[free], total="0.00")
    [sample] = await scene.take(number)
    assert (await scene.case(sample)).lines[0].unit_price == 0
    assert await scene.codes(sample) == []


async def test_a_floor_counts_what_was_paid_and_is_not_asked_about_twice(scene: Scene) -> None:
    await scene.product("THIN-2", cost=2000)
    await setup.update("channels", scene.shop.channel_id, DANA, margin_floor=30)
    try:
        order_id = await scene.order(("THIN-2", 1))
        assert await told(scene, order_id) == ("Margin too low", "margin 20%, the floor is 30%")
        await scene.edit(order_id, quantities={1: 2})
        assert (await told(scene, order_id))[1].startswith("costs 40.00 USD, paid 25.00 USD; 2 × THIN-2")
        await scene.resolve(order_id, THIN, "waive")
        assert await scene.codes(order_id) == []
    finally:
        await setup.update("channels", scene.shop.channel_id, DANA, margin_floor=None)


async def test_sums_in_two_currencies_are_named_and_not_compared(scene: Scene) -> None:
    await scene.product("EURO-1", cost=9000)
    case = await scene.case(await scene.order(("EURO-1", 1)))
    assert (margin.loses(case), margin.percent(case)) == (True, -260)
    case.purchases[0].currency = "EUR"
    assert (margin.loses(case), margin.percent(case)) == (False, None)
    assert margin.worth(case) == {"EUR": 9000, "USD": 2500}
    assert margin.told(case) == "costs 90.00 EUR, paid 25.00 USD"


async def test_limits_by_value_look_at_what_is_bought_too(scene: Scene) -> None:
    await scene.product("MORE-4", cost=1000)
    order_id, other = await scene.order(("MORE-4", 1)), await scene.order(("MORE-4", 1))
    await scene.edit(order_id, quantities={1: 40})
    await scene.resolve(order_id, THIN, "waive")
    found = await preview([other, order_id])
    number = (await scene.case(order_id)).order.number
    assert (found.ready, found.largest, found.totals) == ([other, order_id], (number, 40000, "USD"), {"USD": 42500})
    limited = await preview([other, order_id], Limits(value=Decimal(100)))
    assert (limited.ready, limited.beyond) == ([other], [order_id])


async def test_auto_order_processing_keeps_to_its_limit_by_what_is_bought(scene: Scene) -> None:
    await scene.product("MORE-5", cost=1000)
    auto = {"auto_process": True, "auto_currency": "USD", "auto_limit": 5000}
    order_id = await scene.order(("MORE-5", 1))
    await setup.update("channels", scene.shop.channel_id, DANA, **auto)
    try:
        await scene.edit(order_id, quantities={1: 6})
        assert await scene.status(order_id) == "unresolved"
        await scene.resolve(order_id, THIN, "waive")
        assert (await scene.status(order_id), await scene.states(order_id)) == ("ready", ["draft"])
        await scene.edit(order_id, quantities={1: 1})
        assert await scene.states(order_id) == ["queued"]
    finally:
        await setup.update(
            "channels", scene.shop.channel_id, DANA, auto_process=False, auto_currency="", auto_limit=None
        )


async def test_many_lines_are_named_in_a_few_words(scene: Scene) -> None:
    await scene.product("MORE-6", cost=100)
    order_id = await scene.order(*[("MORE-6", 1)] * 5)
    await scene.edit(order_id, quantities=dict.fromkeys(range(1, 6), 2))
    message = (await told(scene, order_id))[1]
    assert message == "costs 10.00 USD, paid 125.00 USD; " + "2 × MORE-6 instead of 1, " * 3 + "2 more lines"
    case = await scene.case(order_id)
    assert [msgspec.structs.asdict(line)["added"] for line in case.lines] == [1] * 5
