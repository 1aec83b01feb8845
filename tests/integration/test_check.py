"""What the checks find, what they say of it, and what clears it by itself; routing and Auto Order Processing with it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from engine import clock, db
from engine.domain.issues import ISSUES, IssueCode
from engine.ports import CancelWish
from engine.services import check, hold, lifecycle, process, setup, tasks
from engine.services.casefile import PurchaseRecord
from engine.services.resolve import OpenIssue
from tests.support.scene import DANA, WORKER, Scene

pytestmark = pytest.mark.asyncio(loop_scope="module")
C = IssueCode


def shipped_by(po: PurchaseRecord) -> list[tuple[str, int]]:
    return [(line.supplier_sku, line.quantity) for line in po.lines]


def says(issue: OpenIssue, message: str, field: str) -> None:
    assert message in issue.message
    assert issue.field == field
    assert issue.todo == ISSUES[C(issue.code)].todo


async def test_an_order_with_nothing_wrong_is_ready_with_one_draft_for_each_supplier(scene: Scene) -> None:
    order_id = await scene.order(("BB-MUG-01", 2), ("BB-TEA-01", 3))
    case = await scene.case(order_id)
    assert case.order.status == "ready"
    assert [po.po_number for po in case.purchases] == [f"{case.order.number}-1", f"{case.order.number}-2"]
    assert [shipped_by(po) for po in case.purchases] == [[("AC-2001", 2)], [("NV-TEA-EG100", 3)]]


async def test_a_kit_goes_to_the_suppliers_of_its_parts_and_ships_as_its_scarcest_part(scene: Scene) -> None:
    order_id = await scene.order(("BB-KIT-TEATIME", 2))
    await scene.send(order_id)
    acme, nova = (await scene.case(order_id)).purchases
    assert (shipped_by(acme), shipped_by(nova)) == ([("AC-2001", 2)], [("NV-TEA-EG100", 2)])
    await scene.say(acme.po_number, "shipped", (1, "AC-2001", 2))
    assert (await scene.case(order_id)).lines[0].shipped == 0
    await scene.say(nova.po_number, "shipped", (1, "NV-TEA-EG100", 1), desk="NOVA")
    assert (await scene.case(order_id)).lines[0].shipped == 1
    assert await scene.status(order_id) == "partially_shipped"
    await scene.say(nova.po_number, "shipped", (1, "NV-TEA-EG100", 1), desk="NOVA")
    await scene.until(order_id, "completed")


async def test_a_line_is_split_where_no_supplier_has_all_of_it(scene: Scene) -> None:
    await scene.product("SPLIT-1", stock=3)
    await scene.offer("SPLIT-1", "NOVA", stock=4, priority=2)
    order_id = await scene.order(("SPLIT-1", 5))
    assert [shipped_by(po) for po in (await scene.case(order_id)).purchases] == [[("SPLIT-1", 3)], [("SPLIT-1", 2)]]
    together = await scene.order(("SPLIT-1", 4))
    assert [po.supplier_id for po in (await scene.case(together)).purchases] == [scene.shop.suppliers["NOVA"]]


async def test_an_unmapped_sku_stops_the_order(scene: Scene) -> None:
    order_id = await scene.order(("OLD-1", 1), ("BB-MUG-01", 1))
    assert await scene.status(order_id) == "unresolved"
    issue = await scene.issue(order_id, C.UNMAPPED_SKU)
    says(issue, "OLD-1 is not mapped to a product (Thing called OLD-1)", "line.1.sku")
    assert not (await scene.process(order_id)).done
    await setup.map_sku(scene.shop.channel_id, "OLD-1", {"BB-MUG-02": 1}, DANA)
    assert await scene.status(order_id) == "ready"


async def test_a_line_without_sku_is_a_case_of_its_own(scene: Scene) -> None:
    order_id = await scene.order(("", 1))
    says(await scene.issue(order_id, C.UNMAPPED_SKU), "line 1 has no SKU", "line.1.sku")


async def test_a_rate_without_method_stops_the_order_until_it_is_mapped(scene: Scene) -> None:
    order_id = await scene.order(("BB-MUG-01", 1), rate="Drone")
    says(await scene.issue(order_id, C.MISSING_SHIPPING_MAPPING), "“Drone” is not mapped to a method of ACME",
         "shipping_rate")  # fmt: skip
    ready = await setup.map_shipping(scene.shop.channel_id, "Drone", scene.shop.suppliers["ACME"], "UPS-2DA", DANA)
    assert ready == 1
    assert await scene.status(order_id) == "ready"


async def test_a_method_no_longer_offered_stops_the_order(scene: Scene) -> None:
    acme = scene.shop.suppliers["ACME"]
    await setup.add_method(acme, "SLED", "Dog sled", DANA, enabled=False)
    await setup.map_shipping(scene.shop.channel_id, "Sled", acme, "SLED", DANA)
    order_id = await scene.order(("BB-MUG-01", 1), rate="Sled")
    says(await scene.issue(order_id, C.MISSING_SHIPPING_MAPPING), "ACME no longer offers Dog sled", "shipping_rate")


async def test_what_an_address_lacks_and_what_is_wrong_in_it_are_told_by_field(scene: Scene) -> None:
    order_id = await scene.order(("BB-MUG-01", 1), postcode="")
    says(await scene.issue(order_id, C.MISSING_FIELD), "The ZIP code is missing", "ship_to.postal_code")
    wrong = await scene.order(("BB-MUG-01", 1), state="CA")
    says(await scene.issue(wrong, C.INVALID_ADDRESS), "did you mean OR?", "ship_to.region")


async def test_an_issue_says_what_is_wrong_now_and_not_what_was(scene: Scene) -> None:
    order_id = await scene.order(("BB-MUG-01", 1), postcode="9720")
    first = await scene.issue(order_id, C.INVALID_ADDRESS)
    scene.store.change(await scene.at_store(order_id), shipping={"postcode": "00000"})
    await scene.reread(order_id)
    second = await scene.issue(order_id, C.INVALID_ADDRESS)
    assert (second.id, "00000" in second.message, "9720" in second.message) == (first.id, True, False)
    scene.store.change(await scene.at_store(order_id), shipping={"postcode": "97205"})
    await scene.reread(order_id)
    assert await scene.status(order_id) == "ready"


async def test_a_courier_does_not_get_a_post_office_box(scene: Scene) -> None:
    acme = scene.shop.suppliers["ACME"]
    await setup.add_method(acme, "BIKE", "Bike courier", DANA, po_box_allowed=False)
    await setup.map_shipping(scene.shop.channel_id, "Bike", acme, "BIKE", DANA)
    boxed = await scene.order(("BB-MUG-01", 1), rate="Bike", address_1="PO Box 12")
    says(await scene.issue(boxed, C.INVALID_ADDRESS), "post office box", "ship_to.line1")
    assert await scene.status(await scene.order(("BB-MUG-01", 1), address_1="PO Box 12")) == "ready"


async def test_what_nobody_has_waits_and_goes_on_by_itself_when_stock_comes(scene: Scene) -> None:
    await scene.product("RARE-1", stock=1)
    order_id = await scene.order(("RARE-1", 3))
    says(await scene.issue(order_id, C.NO_SUPPLIER_STOCK), "2 of 3 not in stock", "line.1.supplier")
    scene.acme.set_stock([("RARE-1", 10, None)])
    await scene.hear()
    assert await scene.status(order_id) == "ready"
    assert shipped_by(await scene.po(order_id)) == [("RARE-1", 3)]


async def test_a_product_nobody_offers_says_so(scene: Scene) -> None:
    await setup.add_product("NOONE-1", "Nobody has it", DANA)
    await setup.map_sku(scene.shop.channel_id, "NOONE-1", {"NOONE-1": 1}, DANA)
    order_id = await scene.order(("NOONE-1", 1))
    says(await scene.issue(order_id, C.NO_SUPPLIER_STOCK), "no supplier offers it", "line.1.supplier")


async def test_a_disabled_supplier_stops_what_only_it_offers(scene: Scene) -> None:
    nova = scene.shop.suppliers["NOVA"]
    await setup.update("suppliers", nova, DANA, enabled=False)
    try:
        order_id = await scene.order(("BB-TEA-02", 1))
        said = "only NOVA offers it, which is disabled"
        says(await scene.issue(order_id, C.SUPPLIER_DISABLED), said, "line.1.supplier")
    finally:
        await setup.update("suppliers", nova, DANA, enabled=True)
    assert await scene.status(order_id) == "ready"


async def test_of_two_orders_that_look_the_same_the_later_one_stops(scene: Scene) -> None:
    first, second = await scene.take(*[scene.place(("BB-MUG-01", 1), who="Twin") for _ in range(2)])
    assert [await scene.status(i) for i in (first, second)] == ["ready", "unresolved"]
    number = (await scene.case(first)).order.number
    says(await scene.issue(second, C.POSSIBLE_DUPLICATE), f"same customer, address and items as {number}", "")
    third = await scene.order(("BB-MUG-01", 2), who="Twin")
    assert await scene.status(third) == "ready"


async def test_an_old_order_stops(scene: Scene) -> None:
    number = scene.place(("BB-MUG-01", 1))
    long_ago = (clock.now() - timedelta(days=45)).strftime("%Y-%m-%dT%H:%M:%S")
    scene.store.change(number, date_created_gmt=long_ago)
    (order_id,) = await scene.take(number)
    says(await scene.issue(order_id, C.STALE_ORDER), "placed 45 days ago (limit 30)", "placed_at")


async def test_an_order_shipped_elsewhere_stops(scene: Scene) -> None:
    order_id = await scene.order(("BB-MUG-01", 1), status="completed")
    says(await scene.issue(order_id, C.ALREADY_FULFILLED), "the channel says it is shipped", "channel_state")


async def test_an_unpaid_order_goes_on_when_the_channel_says_it_is_paid(scene: Scene) -> None:
    order_id = await scene.order(("BB-MUG-01", 1), status="on-hold")
    says(await scene.issue(order_id, C.UNPAID), "the channel says it is not paid yet", "payment")
    scene.store.set_status(await scene.at_store(order_id), "processing")
    await scene.reread(order_id)
    assert await scene.status(order_id) == "ready"


async def test_a_warning_of_fraud_stops_the_order(scene: Scene) -> None:
    order_id = await scene.order(("BB-MUG-01", 1))
    # No channel of the demo warns of fraud, so the warning is written where a connector's would be.
    async with lifecycle.change([order_id], by=WORKER) as work:
        work.event(work.cases[0], "order:change", "warned")
        work.put(work.cases[0], work.cases[0].order, fraud="card and address are of different countries")
        await check.check(work, work.cases)
    says(await scene.issue(order_id, C.FRAUD_RISK), "card and address are of different countries", "fraud")


async def test_a_customer_who_asks_to_cancel_stops_the_order(scene: Scene) -> None:
    order_id = await scene.order(("BB-MUG-01", 1), ("BB-TEA-01", 1))
    mug = (await scene.case(order_id)).lines[0].external_id
    for wish, message in (
        (CancelWish("Too late"), "all of it, “Too late”"),
        (CancelWish(lines=(mug,)), "BB-MUG-01"),
    ):
        await scene.wish(order_id, wish)
        says(await scene.issue(order_id, C.CANCEL_WISHED), message, "cancel_wish")


async def test_a_cost_that_rose_stops_new_orders_and_those_that_wait(scene: Scene) -> None:
    await scene.product("DEAR-1", cost=1000)
    waiting = await scene.order(("DEAR-1", 1))
    assert await scene.status(waiting) == "ready"
    scene.acme.set_stock([("DEAR-1", 50, "12.50")])
    await scene.hear()
    later = await scene.order(("DEAR-1", 1))
    for order_id in (waiting, later):
        says(await scene.issue(order_id, C.COST_CHANGED), "DEAR-1 costs 12.50 USD instead of 10.00 USD", "")
        assert (await scene.po(order_id)).lines[0].unit_cost == 1250
    scene.acme.set_stock([("DEAR-1", 50, "9.00")])
    await scene.hear()
    assert [await scene.status(i) for i in (waiting, later)] == ["ready", "ready"]


async def test_a_margin_below_the_floor_stops_the_order_and_counts_only_what_is_wanted(scene: Scene) -> None:
    await scene.product("THIN-1", cost=2000)  # sold at 25.00: 20%
    channel = scene.shop.channel_id
    await setup.update("channels", channel, DANA, margin_floor=30)
    try:
        order_id = await scene.order(("THIN-1", 1))
        says(await scene.issue(order_id, C.MARGIN_BELOW_FLOOR), "margin 20%, the floor is 30%", "")
        mixed = await scene.order(("THIN-1", 1), ("BB-LAMP-02", 1))
        assert await scene.status(mixed) == "ready"
        await scene.edit(mixed, quantities={2: 0})
        assert await scene.codes(mixed) == [C.MARGIN_BELOW_FLOOR]
    finally:
        await setup.update("channels", channel, DANA, margin_floor=None)


async def test_two_channels_may_count_alike(scene: Scene) -> None:
    for _ in range(3):
        scene.outlet.place(1, skus=["BB-MUG-01"])
    number = scene.place(("BB-LAMP-01", 1))
    twin = scene.place(("BB-LAMP-01", 1), store=scene.outlet)
    # The outlet's order is renumbered to what the store's is called.
    scene.outlet.change(twin, number=str(number))
    (here,), (there,) = await scene.take(number), await scene.take(twin, channel_id=scene.outlet_id)
    ours, theirs = (await scene.case(here)).order, (await scene.case(there)).order
    assert (ours.number, theirs.number) == (str(number), f"{number}.{scene.outlet_id}")
    assert (await scene.po(there)).po_number == f"{number}.{scene.outlet_id}-1"
    # The same person buying the same in both is a duplicate only where customer and items are the same.
    assert await scene.codes(there) == []


async def test_auto_order_processing_sends_what_is_within_its_limits(scene: Scene) -> None:
    await setup.update(
        "channels", scene.outlet_id, DANA, auto_process=True, auto_limit=10_000, auto_currency="USD",
        auto_condition="order.country == 'US'",
    )  # fmt: skip
    try:
        numbers = [
            scene.place(("BB-MUG-01", 1), store=scene.outlet),
            scene.place(("BB-LAMP-02", 1), store=scene.outlet),  # 119.00
            scene.place(
                ("BB-MUG-01", 1), store=scene.outlet, country="DE", state="DE-BE", city="Berlin", postcode="10115"
            ),
            scene.place(("BB-MUG-01", 1), store=scene.outlet, postcode=""),
        ]
        ids = await scene.take(*numbers, channel_id=scene.outlet_id)
        assert [await scene.status(i) for i in ids] == ["processed", "ready", "ready", "unresolved"]
        await tasks.drain()
        assert (await scene.po(ids[0])).state == "submitted"
        assert (await scene.case(ids[0])).order.auto
        await scene.resolve(ids[3], C.MISSING_FIELD, "fix_address", postal_code="97205")
        assert await scene.states(ids[3]) == ["queued"]
        await setup.update("channels", scene.outlet_id, DANA, auto_limit=20_000)
        await tasks.drain()
        assert [await scene.states(i) for i in ids] == [["submitted"], ["submitted"], ["draft"], ["submitted"]]
    finally:
        await setup.update("channels", scene.outlet_id, DANA, auto_process=False)


async def test_what_is_taken_back_from_auto_processing_is_held_until_released(scene: Scene) -> None:
    await setup.update("channels", scene.outlet_id, DANA, auto_process=True, auto_limit=None, auto_condition="")
    try:
        number = scene.place(("BB-MUG-01", 1), store=scene.outlet)
        (order_id,) = await scene.take(number, channel_id=scene.outlet_id)
        assert (await process.undo([order_id], DANA))[0].done
        await check.recheck([order_id], DANA)
        assert (await scene.status(order_id), await scene.states(order_id)) == ("on_hold", ["draft"])
        await hold.release(order_id, DANA)
        assert await scene.states(order_id) == ["queued"]
        assert await db.value("SELECT COUNT(*) FROM holds WHERE order_id = ? AND released_by = 'dana'", order_id) == 1
    finally:
        await setup.update("channels", scene.outlet_id, DANA, auto_process=False)
    await tasks.drain()


async def test_a_held_order_is_not_sent_and_a_released_one_is_ready_again(scene: Scene) -> None:
    order_id = await scene.order(("BB-MUG-01", 1))
    await scene.process(order_id, undo_seconds=3_600)
    await hold.hold(order_id, "customer called", DANA)
    assert (await scene.status(order_id), await scene.states(order_id)) == ("on_hold", ["draft"])
    outcome = await scene.process(order_id)
    assert (outcome.done, outcome.message) == (False, "on hold: customer called")
    await hold.release(order_id, DANA)
    assert await scene.status(order_id) == "ready"


async def test_every_check_was_seen_to_stop_an_order(scene: Scene) -> None:
    seen = {str(r[0]) for r in await db.rows("SELECT DISTINCT code FROM issues")}
    assert {kind.code for kind in ISSUES.values() if kind.checked} <= seen
