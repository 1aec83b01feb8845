"""Each way to resolve each Issue: what it clears, what is remembered, and what the blue book says of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from engine import clock, db
from engine.demo.supplier_desk import Behaviour
from engine.demo.supplier_faults import Fault
from engine.domain.issues import ISSUES, IssueCode
from engine.errors import Invalid, NotFound, Refused
from engine.services import check, connections, overdue, process, resolve, setup, tasks
from tests.support.book import sentences
from tests.support.desk import at_once
from tests.support.scene import DANA, HELD_SECONDS, Scene
from tests.support.slips import unanswered

pytestmark = pytest.mark.asyncio(loop_scope="module")
C = IssueCode
TOLD = Behaviour(ship_after=None, auto_ack=False)


def later(**by: float) -> None:
    """The clock is ahead from here to the end of the test."""
    clock.use(lambda: datetime.now(UTC) + timedelta(**by))


async def failed(scene: Scene, *lines: tuple[str, int]) -> int:
    """An order whose ACME purchase order was refused."""
    order_id = await scene.order(*(lines or (("BB-MUG-01", 1),)))
    scene.acme.behaviour = Behaviour(ship_after=None, auto_ack=False, unknown_skus=frozenset({"AC-2001", "AC-2010"}))
    try:
        await scene.send(order_id)
    finally:
        scene.acme.behaviour = TOLD
    assert await scene.status(order_id) == "failed"
    return order_id


# --- remembered -------------------------------------------------------------------------------------------------------


async def test_a_mapped_sku_clears_every_order_that_waits_for_it_and_is_known_next_time(scene: Scene) -> None:
    first, second = await scene.order(("BB-MUG-O1", 1)), await scene.order(("BB-MUG-O1", 2), ("BB-TEA-01", 1))
    offered = await resolve.suggestions((await scene.issue(first, C.UNMAPPED_SKU)).id)
    assert offered.waiting == 1
    assert len(offered.choices) <= 9
    assert offered.choices[0].value in ("BB-MUG-01", "BB-MUG-02")
    assert (offered.choices[0].supplier, offered.choices[0].cost, offered.choices[0].currency) == ("ACME", 520, "USD")
    done = await scene.resolve(first, C.UNMAPPED_SKU, "map_sku", product="BB-MUG-01")
    assert (done.status, done.became_ready, done.remaining) == ("ready", 1, [])
    assert await scene.status(second) == "ready"
    assert await scene.status(await scene.order(("BB-MUG-O1", 1))) == "ready"
    said = await sentences(first)
    assert "person:order:resolve SKU not mapped: BB-MUG-O1 is BB-MUG-01" in said
    row = await db.row("SELECT closed_by, resolution FROM issues WHERE order_id = ?", first)
    assert tuple(row or ()) == ("dana", "map_sku")


async def test_the_very_sku_is_suggested_first_and_a_few_letters_find_a_title(scene: Scene) -> None:
    await setup.add_product("LOST-77", "Compass", DANA)
    order_id = await scene.order(("lost-77", 1))
    issue = await scene.issue(order_id, C.UNMAPPED_SKU)
    first = (await resolve.suggestions(issue.id)).choices[0]
    assert (first.value, first.score, first.reason) == ("LOST-77", 100.0, "the same SKU")
    assert (await resolve.suggestions(issue.id, "fountain")).choices[0].value == "BB-PEN-01"


async def test_a_sku_can_be_mapped_for_one_line_only_and_to_a_kit_only_for_next_time(scene: Scene) -> None:
    order_id = await scene.order(("ONCE-1", 1))
    with pytest.raises(Invalid, match="a single line can only be one product"):
        await scene.resolve(order_id, C.UNMAPPED_SKU, "map_sku", product={"BB-MUG-01": 2}, remember=False)
    done = await scene.resolve(order_id, C.UNMAPPED_SKU, "map_sku", product="BB-TEA-01", remember=False)
    assert (done.status, done.became_ready) == ("ready", 0)
    assert (await scene.po(order_id)).lines[0].supplier_sku == "NV-TEA-EG100"
    again = await scene.order(("ONCE-1", 1))
    done = await scene.resolve(again, C.UNMAPPED_SKU, "map_sku", product={"BB-MUG-01": 2, "BB-TEA-01": 1})
    assert sorted(po.lines[0].quantity for po in (await scene.case(again)).purchases) == [1, 2]
    nameless = await scene.order(("", 1))
    assert (await scene.resolve(nameless, C.UNMAPPED_SKU, "map_sku", product="BB-MUG-01")).status == "ready"


async def test_a_line_that_cannot_be_mapped_is_dropped_and_the_rest_goes_on(scene: Scene) -> None:
    order_id = await scene.order(("GONE-1", 2), ("BB-MUG-01", 1))
    done = await scene.resolve(order_id, C.UNMAPPED_SKU, "drop_line", note="sold out for good")
    assert (done.status, done.message) == ("ready", "2 × GONE-1 dropped: sold out for good")
    assert (await scene.case(order_id)).lines[0].canceled == 2


async def test_a_mapped_rate_clears_every_order_that_waits_for_it_and_is_known_next_time(scene: Scene) -> None:
    first, second = (
        await scene.order(("BB-MUG-01", 1), rate="2nd Day"),
        await scene.order(("BB-MUG-01", 1), rate="2nd Day"),
    )
    issue = await scene.issue(first, C.MISSING_SHIPPING_MAPPING)
    offered = await resolve.suggestions(issue.id)
    assert (offered.choices[0].value, offered.choices[0].label) == ("UPS-2DA", "UPS 2nd Day Air")
    assert {c.supplier for c in offered.choices} == {"ACME"}
    with pytest.raises(Invalid, match="it offers UPS-GND"):
        await scene.resolve(first, C.MISSING_SHIPPING_MAPPING, "map_shipping", method="DHL")
    done = await scene.resolve(first, C.MISSING_SHIPPING_MAPPING, "map_shipping", method="UPS-2DA")
    assert (done.status, done.became_ready) == ("ready", 1)
    assert await scene.status(second) == "ready"
    po = await scene.send(await scene.order(("BB-MUG-01", 1), rate="2nd Day"))
    assert scene.acme.orders[po.po_number][0].ship_method == "UPS-2DA"


async def test_a_rate_can_be_mapped_for_one_purchase_order_only(scene: Scene) -> None:
    order_id, other = await scene.order(("BB-MUG-01", 1), rate="Mule"), await scene.order(("BB-MUG-01", 1), rate="Mule")
    done = await scene.resolve(order_id, C.MISSING_SHIPPING_MAPPING, "map_shipping", method="UPS-GND", remember=False)
    assert (done.status, done.became_ready, await scene.status(other)) == ("ready", 0, "unresolved")
    await check.recheck([order_id], DANA)
    assert await scene.status(order_id) == "ready"


async def test_an_agreed_cost_holds_for_the_next_order_and_a_waived_one_for_this(scene: Scene) -> None:
    await scene.product("RISE-1", cost=1000)
    scene.acme.set_stock([("RISE-1", 50, "11.00")])
    await scene.hear()
    first, second = await scene.order(("RISE-1", 1)), await scene.order(("RISE-1", 1))
    done = await scene.resolve(first, C.COST_CHANGED, "waive", remember=False)
    assert (done.status, await scene.status(second)) == ("ready", "unresolved")
    third = await scene.order(("RISE-1", 1))
    done = await scene.resolve(second, C.COST_CHANGED, "waive")
    assert (done.status, done.became_ready, await scene.status(third)) == ("ready", 1, "ready")
    assert await scene.status(await scene.order(("RISE-1", 1))) == "ready"


# --- about one order --------------------------------------------------------------------------------------------------


async def test_an_address_is_corrected_field_by_field(scene: Scene) -> None:
    order_id = await scene.order(("BB-MUG-01", 1), postcode="", city="")
    issue = (await resolve.order_issues(order_id))[0]
    assert issue.code == C.MISSING_FIELD
    with pytest.raises(Invalid, match="an address has no field zip"):
        await resolve.fix_address(issue.id, DANA, zip="97205")
    done = await resolve.fix_address(issue.id, DANA, postal_code="00000", city="Portland")
    assert [i.code for i in done.remaining] == [C.INVALID_ADDRESS]
    done = await resolve.fix_address(done.remaining[0].id, DANA, postal_code="97205", phone="+1 503 555 0199")
    assert (done.status, done.remaining) == ("ready", [])
    assert (await scene.case(order_id)).address().phone == "+1 503 555 0199"


async def test_the_suggested_address_can_be_taken_over(scene: Scene) -> None:
    order_id = await scene.order(("BB-MUG-01", 1), state="CA")
    offered = await resolve.suggestions((await scene.issue(order_id, C.INVALID_ADDRESS)).id)
    assert [(c.field, c.value) for c in offered.choices] == [("region", "OR")]
    assert offered.address is not None
    assert (await resolve.resolve(offered.issue_id, "fix_address", offered.address, DANA)).status == "ready"


async def test_an_address_found_fine_stays_fine_until_it_changes(scene: Scene) -> None:
    order_id = await scene.order(("BB-MUG-01", 1), state="CA")
    assert (await scene.resolve(order_id, C.INVALID_ADDRESS, "waive")).status == "ready"
    await check.recheck([order_id], DANA)
    assert await scene.status(order_id) == "ready"
    await scene.edit(order_id, address={"region": "NY"})
    assert await scene.codes(order_id) == [C.INVALID_ADDRESS]


@pytest.mark.parametrize(("code", "place"), [
    (C.UNPAID, {"status": "on-hold"}), (C.ALREADY_FULFILLED, {"status": "completed"}), (C.STALE_ORDER, {}),
    (C.POSSIBLE_DUPLICATE, {"who": "Double"}),
])  # fmt: skip
async def test_what_was_looked_at_is_waived_or_canceled(scene: Scene, code: C, place: dict[str, str]) -> None:
    if code == C.POSSIBLE_DUPLICATE:
        await scene.order(("BB-BAG-01", 1), **place)
    numbers = [scene.place(("BB-BAG-01", 1), **place) for _ in range(2)]
    if code == C.STALE_ORDER:
        for number in numbers:
            scene.store.change(
                number, date_created_gmt=(clock.now() - timedelta(days=90)).strftime("%Y-%m-%dT%H:%M:%S")
            )
    kept, dropped = await scene.take(*numbers)
    assert (await scene.resolve(kept, code, "waive", note="asked the customer")).status == "ready"
    assert (await scene.resolve(dropped, code, "cancel")).status == "canceled"
    assert await scene.codes(dropped) == [], "what is canceled needs nobody any more"
    assert f"person:order:resolve {ISSUES[code].title}: asked the customer" in await sentences(kept)


async def test_a_chosen_supplier_ships_whatever_its_stock_and_one_that_does_not_offer_it_is_refused(
    scene: Scene,
) -> None:
    await scene.product("SHORT-1", stock=0)
    await scene.offer("SHORT-1", "NOVA", stock=1, priority=2)
    order_id = await scene.order(("SHORT-1", 3))
    offered = await resolve.suggestions((await scene.issue(order_id, C.NO_SUPPLIER_STOCK)).id)
    assert {(c.supplier, c.stock) for c in offered.choices} == {("NOVA", 1), ("ACME", 0)}
    assert all(c.reason for c in offered.choices)
    done = await scene.resolve(order_id, C.NO_SUPPLIER_STOCK, "choose_supplier", supplier="ACME")
    assert (done.status, (await scene.po(order_id)).lines[0].quantity) == ("ready", 3)
    mugs = await scene.order(("BB-MUG-01", 1), rate="Canoe")
    with pytest.raises(Invalid, match="NOVA does not offer BB-MUG-01; ACME does"):
        await scene.resolve(mugs, C.MISSING_SHIPPING_MAPPING, "choose_supplier", supplier="NOVA")
    with pytest.raises(NotFound, match="there are ACME, NOVA"):
        await scene.resolve(mugs, C.MISSING_SHIPPING_MAPPING, "choose_supplier", supplier="ZETA")


async def test_an_issue_is_resolved_once_and_only_in_its_own_ways(scene: Scene) -> None:
    order_id = await scene.order(("BB-MUG-01", 1), status="on-hold")
    issue = await scene.issue(order_id, C.UNPAID)
    with pytest.raises(Invalid, match="is not resolved by map_sku, but by waive, cancel"):
        await resolve.resolve(issue.id, "map_sku", {"product": "BB-MUG-01"}, DANA)
    with pytest.raises(Invalid, match="waive takes remember, note"):
        await resolve.resolve(issue.id, "waive", {"colour": "blue"}, DANA)
    await resolve.waive(issue.id, DANA)
    with pytest.raises(Refused, match="was closed by dana meanwhile"):
        await resolve.waive(issue.id, DANA)
    with pytest.raises(NotFound):
        await resolve.suggestions(issue.id)


# --- refused, rejected, unknown ---------------------------------------------------------------------------------------


async def test_a_refused_purchase_order_is_sent_again_under_its_number_with_what_it_says_then(scene: Scene) -> None:
    order_id = await failed(scene, ("BB-MUG-01", 2))
    issue = await scene.issue(order_id, C.SUPPLIER_FAILED)
    assert "we do not stock AC-2001" in issue.message
    assert await db.value("SELECT document FROM purchase_orders WHERE order_id = ?", order_id) is not None
    await scene.edit(order_id, quantities={1: 1})
    done = await resolve.retry(issue.id, DANA)
    assert (done.status, done.message, done.remaining) == ("processed", f"{issue.po_number} is sent again", [])
    assert await db.value("SELECT document FROM purchase_orders WHERE order_id = ?", order_id) is None
    later(seconds=HELD_SECONDS + 1)
    await tasks.drain()
    assert (await scene.po(order_id)).state == "submitted"
    assert [line.quantity for line in scene.acme.orders[issue.po_number][0].lines] == [1]


async def test_a_retry_is_held_for_the_undo_window_and_makes_one_order_there(scene: Scene) -> None:
    order_id = await failed(scene)
    po = await scene.po(order_id)
    await scene.resolve(order_id, C.SUPPLIER_FAILED, "retry")
    queued = await scene.po(order_id)
    assert (queued.state, queued.po_number, queued.release_at is not None) == ("queued", po.po_number, True)
    later(seconds=HELD_SECONDS + 1)
    await tasks.drain()
    assert (await scene.po(order_id)).state == "submitted"
    assert len(scene.acme.orders[po.po_number]) == 1


async def test_what_was_refused_goes_to_another_supplier_or_is_canceled(scene: Scene) -> None:
    order_id = await failed(scene, ("BB-KETTLE-01", 1))
    done = await scene.resolve(order_id, C.SUPPLIER_FAILED, "choose_supplier", supplier="NOVA")
    assert (done.status, await scene.states(order_id)) == ("ready", ["canceled", "draft"])
    assert (await scene.send(order_id)).po_number in scene.nova.orders
    other = await failed(scene, ("BB-MUG-01", 1), ("BB-TEA-01", 1))
    done = await scene.resolve(other, C.SUPPLIER_FAILED, "cancel")
    assert (done.status, await scene.states(other)) == ("processed", ["failed", "submitted"])


async def test_what_was_rejected_waits_for_a_person_and_goes_elsewhere(scene: Scene) -> None:
    order_id, po = await scene.sent(("BB-KETTLE-01", 2))
    await scene.say(po, "rejected", message="discontinued")
    assert (await scene.status(order_id), await scene.states(order_id)) == ("failed", ["rejected"])
    done = await scene.resolve(order_id, C.SUPPLIER_REJECTED, "choose_supplier", supplier="nova")
    assert (done.status, await scene.states(order_id)) == ("ready", ["rejected", "draft"])
    assert (await scene.case(order_id)).purchases[0].superseded
    other, po = await scene.sent(("BB-MUG-01", 1))
    await scene.say(po, "rejected")
    assert (await scene.resolve(other, C.SUPPLIER_REJECTED, "cancel")).status == "canceled"


async def test_of_a_rejected_purchase_order_one_line_can_go_elsewhere_while_the_rest_is_held(scene: Scene) -> None:
    order_id, po = await scene.sent(("BB-KETTLE-01", 1), ("BB-MUG-01", 1))
    await scene.say(po, "rejected")
    done = await scene.resolve(order_id, C.SUPPLIER_REJECTED, "choose_supplier", supplier="NOVA", line=1)
    assert done.status == "on_hold"
    assert not (await scene.process(order_id)).done


async def test_what_was_rejected_in_part_is_held_until_someone_chooses(scene: Scene) -> None:
    order_id, po = await scene.sent(("BB-KETTLE-01", 3))
    await scene.say(po, "rejected", (1, "AC-2010", 2), message="only one left")
    case = await scene.case(order_id)
    assert (case.order.status, case.order.held) == ("on_hold", f"{po} was refused in part; choose who ships the rest")
    done = await scene.resolve(order_id, C.SUPPLIER_REJECTED, "choose_supplier", supplier="NOVA")
    assert (done.status, [line.quantity for line in (await scene.po(order_id)).lines]) == ("ready", [2])
    await scene.send(order_id)
    await scene.say(po, "shipped", (1, "AC-2010", 1))
    await scene.say((await scene.po(order_id)).po_number, "shipped", (1, "NV-KET-08", 2), desk="NOVA")
    await scene.until(order_id, "completed")


async def test_a_backorder_waits_and_ships_or_is_canceled(scene: Scene) -> None:
    order_id, po = await scene.sent(("BB-MUG-01", 2))
    await scene.say(po, "backordered", (1, "AC-2001", 2), message="in a week")
    assert "2 × AC-2001 backordered: in a week" in (await scene.issue(order_id, C.SUPPLIER_BACKORDERED)).message
    assert (await scene.case(order_id)).lines[0].backordered == 2
    await scene.say(po, "shipped", (1, "AC-2001", 2))
    assert await scene.codes(order_id) == []
    await scene.until(order_id, "completed")
    for resolution, state in (("acknowledge", "backordered"), ("cancel", "canceled")):
        other, po = await scene.sent(("BB-MUG-01", 1))
        await scene.say(po, "backordered", (1, "AC-2001", 1))
        await scene.resolve(other, C.SUPPLIER_BACKORDERED, resolution)
        await tasks.drain()
        assert (await scene.states(other), await scene.codes(other)) == ([state], [])


async def test_no_answer_is_an_issue_at_once_and_asking_settles_it(scene: Scene) -> None:
    await setup.update("suppliers", scene.shop.suppliers["ACME"], DANA, settle_seconds=3600)
    try:
        for fault, found in (
            (Fault.DROP_AFTER, "the supplier has it"),
            (Fault.DROP_BEFORE, "the supplier does not show it yet"),
        ):
            scene.fault(fault)
            order_id = await scene.order(("BB-MUG-01", 1))
            assert (await scene.send(order_id)).state == "outcome_unknown"
            assert (
                "it is not sent again before the answer" in (await scene.issue(order_id, C.SUBMISSION_UNKNOWN)).message
            )
            assert (await scene.process(order_id)).message.startswith("a purchase order may have arrived or not")
            done = await scene.resolve(order_id, C.SUBMISSION_UNKNOWN, "ask_supplier")
            assert found in done.message
            if fault == Fault.DROP_BEFORE:
                assert await scene.states(order_id) == ["outcome_unknown"]
                await at_once()
                done = await scene.resolve(order_id, C.SUBMISSION_UNKNOWN, "ask_supplier")
                assert "the supplier does not have it; it is sent again" in done.message
            await tasks.drain()
            po = await scene.po(order_id)
            assert (po.state, len(scene.acme.orders[po.po_number])) == ("submitted", 1)
    finally:
        await at_once()


async def test_who_cannot_be_asked_by_machine_is_asked_by_a_person_who_says_whom(scene: Scene) -> None:
    order_id, po = await unanswered(scene)
    assert "cannot be asked by machine" in (await scene.issue(order_id, C.SUBMISSION_UNKNOWN)).message
    with pytest.raises(Invalid, match="say whom you asked"):
        await scene.resolve(order_id, C.SUBMISSION_UNKNOWN, "mark_accepted", note=" ")
    done = await scene.resolve(order_id, C.SUBMISSION_UNKNOWN, "mark_accepted", note="Eve, by phone", reference="A-7")
    assert (done.status, (await scene.po(order_id)).reference) == ("processed", "A-7")
    other, po = await unanswered(scene)
    done = await scene.resolve(other, C.SUBMISSION_UNKNOWN, "mark_refused", note="Eve, by phone")
    assert (done.status, [i.code for i in done.remaining]) == ("failed", [C.SUPPLIER_FAILED])
    # They had it after all, and say so: their word counts.
    await scene.say(po, "acknowledged")
    assert (await scene.states(other), await scene.codes(other)) == (["acknowledged"], [])


# --- after sending ----------------------------------------------------------------------------------------------------


async def test_late_suppliers_are_told_of_once_and_their_word_or_a_person_closes_it(scene: Scene) -> None:
    order_id, po = await scene.sent(("BB-MUG-01", 1))
    later(hours=100)
    await overdue.raise_issues()
    assert await scene.codes(order_id) == [C.NO_ACK_IN_TIME, C.NO_TRACKING_IN_TIME]
    await scene.say(po, "acknowledged")
    assert await scene.codes(order_id) == [C.NO_TRACKING_IN_TIME]
    assert (await scene.resolve(order_id, C.NO_TRACKING_IN_TIME, "acknowledge", note="on the truck")).remaining == []
    await overdue.raise_issues()
    assert await scene.codes(order_id) == []


async def test_tracking_the_channel_refused_is_pushed_again_or_given_up(scene: Scene) -> None:
    for resolution, push in (("retry", "confirmed"), ("acknowledge", "suppressed")):
        order_id, po = await scene.sent(("BB-MUG-01", 1))
        number = await scene.at_store(order_id)
        gone = scene.store.book.orders.pop(number)
        await scene.say(po, "shipped", (1, "AC-2001", 1))
        await tasks.drain()
        scene.store.book.orders[number] = gone
        issue = await scene.issue(order_id, C.TRACKING_REJECTED)
        assert ISSUES[C.TRACKING_REJECTED].todo == issue.todo
        await resolve.resolve(issue.id, resolution, {}, DANA)
        await tasks.drain()
        case = await scene.case(order_id)
        assert (case.shipments[0].push, case.order.status, await scene.codes(order_id)) == (push, "completed", [])


async def test_credentials_not_accepted_pause_the_supplier_until_someone_resumes_it(scene: Scene) -> None:
    acme = scene.shop.suppliers["ACME"]
    await setup.update("suppliers", acme, DANA, values={"api_key": "revoked"})
    first, second = await scene.order(("BB-MUG-01", 1)), await scene.order(("BB-MUG-01", 1))
    await process.process([first, second], DANA, undo_seconds=0)
    await tasks.drain()
    await setup.update("suppliers", acme, DANA, values={"api_key": scene.acme.api_key})
    assert await scene.codes(first) == [C.CONNECTION_AUTH]
    done = await scene.resolve(first, C.CONNECTION_AUTH, "retry")
    assert (done.remaining, await scene.codes(second)) == ([], [])
    await tasks.drain()
    assert [await scene.states(i) for i in (first, second)] == [["submitted"], ["submitted"]]
    assert await connections.resume("suppliers", acme, DANA) == 0


async def test_every_resolution_was_used(scene: Scene) -> None:
    used = {str(r[0]) for r in await db.rows("SELECT DISTINCT resolution FROM issues WHERE closed_by = 'dana'")}
    # Asking closes the Issue with what the supplier said.
    offered = {str(way) for kind in ISSUES.values() for way in kind.resolutions} - {"ask_supplier"}
    assert offered <= used
