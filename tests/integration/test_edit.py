"""Editing orders: what it changes, what follows from it, and what cannot be edited any more."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from engine import db
from engine.domain.issues import IssueCode
from engine.errors import Invalid, NotFound, Refused
from engine.services import edit, history, tasks
from engine.services.edit import Changes
from engine.services.filters import Filters
from tests.support.scene import DANA, Scene

pytestmark = pytest.mark.asyncio(loop_scope="module")
C = IssueCode


async def test_fewer_pieces_are_canceled_more_are_ordered_and_none_drops_the_line(scene: Scene) -> None:
    order_id = await scene.order(("BB-MUG-01", 3), ("BB-TEA-01", 1))
    edited = await scene.edit(order_id, quantities={1: 2})
    line = (await scene.case(order_id)).lines[0]
    assert (line.quantity, line.cancel_asked, line.canceled) == (3, 1, 1)
    assert (edited.status, (await scene.po(order_id, 0)).lines[0].quantity) == ("ready", 2)
    await scene.edit(order_id, quantities={1: 5})
    line = (await scene.case(order_id)).lines[0]
    assert (line.quantity, line.cancel_asked, line.canceled, line.open) == (5, 0, 0, 5)
    await scene.edit(order_id, quantities={2: 0})
    assert await scene.states(order_id) == ["draft", "canceled"]
    await scene.edit(order_id, quantities={1: 0})
    assert await scene.status(order_id) == "canceled"
    with pytest.raises(Refused, match="is canceled: there is nothing to edit"):
        await scene.edit(order_id, quantities={1: 1})


async def test_an_edit_before_sending_is_not_taken_for_a_change_after_it(scene: Scene) -> None:
    order_id = await scene.order(("BB-MUG-01", 3))
    await scene.edit(order_id, quantities={1: 2})
    po = await scene.send(order_id)
    assert (po.state, await scene.codes(order_id)) == ("submitted", [])
    scene.store.change(await scene.at_store(order_id), customer_note="thank you")
    await scene.reread(order_id)
    assert (await scene.codes(order_id), await scene.states(order_id)) == ([], ["submitted"])
    await scene.say(po.po_number, "shipped", (1, "AC-2001", 2))
    await scene.until(order_id, "completed")


@pytest.mark.parametrize("quantity", [-1, 100_001, True, 1.5, "2"])
async def test_a_quantity_that_cannot_be_is_refused_and_nothing_is_changed(scene: Scene, quantity: object) -> None:
    order_id = await scene.order(("BB-MUG-01", 3))
    before = (await scene.case(order_id)).order.audit_seq
    with pytest.raises(Invalid, match="a whole number from 0 to") as error:
        await scene.edit(order_id, quantities={1: quantity})
    assert error.value.field == "line.1.quantity"
    assert (await scene.case(order_id)).order.audit_seq == before


async def test_what_is_not_there_cannot_be_edited(scene: Scene) -> None:
    order_id = await scene.order(("BB-MUG-01", 3))
    for changes, why in (
        (Changes(), "nothing is changed"),
        (Changes(quantities={9: 1}), "no line 9"),
        (Changes(skus={1: "NO-SUCH"}), "neither sold at this channel nor a product"),
        (Changes(suppliers={1: "NOVA"}), "NOVA does not offer BB-MUG-01"),
        (Changes(methods={"ACME": "ROCKET"}), "the supplier offers UPS-GND, UPS-2DA"),
        (Changes(methods={"NOVA": "FEDEX-2DAY"}), "nothing of order"),
        (Changes(address={"street": "x"}), "an address has no field street"),
    ):
        with pytest.raises(Invalid, match=why):
            await edit.apply(order_id, changes, DANA)
    with pytest.raises(NotFound):
        await edit.apply(10**9, Changes(note="x"), DANA)


async def test_sku_supplier_address_rate_method_and_note_are_what_goes_out(scene: Scene) -> None:
    order_id = await scene.order(("BB-MUG-01", 1), ("BB-PEN-01", 1))
    edited = await scene.edit(
        order_id, "the customer wrote", skus={1: "BB-KETTLE-01"}, suppliers={1: "NOVA"}, note="Ring twice",
        address={"line1": "9 Elm St", "phone": "+1 503 555 0177"}, shipping_rate="Express", methods={"nova": "FEDEX-HOME"},
    )  # fmt: skip
    assert (edited.status, edited.issues, await scene.states(order_id)) == ("ready", [], ["canceled", "draft"])
    po = await scene.send(order_id)
    arrived = scene.nova.ledger[po.po_number][0].body
    assert [line["sku"] for line in arrived["lines"]] == ["NV-PEN-F", "NV-KET-08"]
    assert (arrived["ship_to"]["line1"], arrived["ship_to"]["phone"]) == ("9 Elm St", "+1 503 555 0177")
    assert (arrived["ship_method"], arrived["note"]) == ("FEDEX-HOME", "Ring twice")


async def test_a_choice_of_supplier_and_method_is_taken_back_by_an_empty_one(scene: Scene) -> None:
    order_id = await scene.order(("BB-KETTLE-01", 1))
    await scene.edit(order_id, suppliers={1: "NOVA"}, methods={"NOVA": "FEDEX-2DAY"})
    assert (await scene.po(order_id)).method_chosen
    await scene.edit(order_id, methods={"NOVA": ""})
    assert not (await scene.po(order_id)).method_chosen
    await scene.edit(order_id, suppliers={1: ""})
    assert (await scene.po(order_id)).supplier_id == scene.shop.suppliers["ACME"]


async def test_a_preview_says_what_an_edit_does_and_saves_nothing(scene: Scene) -> None:
    order_id = await scene.order(("BB-MUG-01", 3))
    number = (await scene.case(order_id)).order.number
    before = await scene.case(order_id)
    told = await edit.preview(order_id, Changes(quantities={1: 2}, shipping_rate="Parrot"))
    assert await scene.case(order_id) == before
    values = {diff.path: (diff.before, diff.after) for diff in told}
    assert values[f"po.{number}-1.line.1.quantity"] == (3, 2)
    assert values["status"] == ("ready", "unresolved")
    assert values["shipping_rate"] == ("Free Shipping", "Parrot")
    done = await edit.apply(order_id, Changes(quantities={1: 2}, shipping_rate="Parrot"), DANA)
    assert done.diffs == told
    assert [issue.code for issue in done.issues] == [C.MISSING_SHIPPING_MAPPING]


async def test_an_edit_is_in_the_blue_book_with_who_why_before_and_after(scene: Scene) -> None:
    order_id = await scene.order(("BB-MUG-01", 3))
    await scene.edit(order_id, "by phone", quantities={1: 1}, note="Back door")
    row = await db.row(
        "SELECT actor, message, before, after FROM audit_events WHERE order_id = ? AND tag = 'person:order:edit'",
        order_id,
    )
    assert row is not None
    assert (row[0], row[1]) == ("dana", "by phone")
    before, after = msgspec.json.decode(row[2]), msgspec.json.decode(row[3])
    assert (before["line.1.cancel_asked"], after["line.1.cancel_asked"]) == (0, 2)
    assert (before["note"], after["note"]) == ("", "Back door")


async def test_what_is_held_is_taken_back_and_what_is_being_sent_is_not(scene: Scene) -> None:
    order_id = await scene.order(("BB-MUG-01", 3))
    await scene.process(order_id, undo_seconds=3_600)
    assert await scene.status(order_id) == "processed"
    edited = await scene.edit(order_id, quantities={1: 1})
    number = (await scene.po(order_id)).po_number
    assert (edited.status, edited.taken_back) == ("ready", (number,))
    assert f"{number} was taken back" in edited.message
    await scene.process(order_id)
    with pytest.raises(Refused, match=f"{number} is being sent"):
        await scene.edit(order_id, quantities={1: 2})
    await tasks.drain()
    assert (await scene.po(order_id)).state == "submitted"


async def test_what_is_sent_cannot_be_edited_and_the_refusal_names_the_purchase_order(scene: Scene) -> None:
    order_id, po = await scene.sent(("BB-MUG-01", 3))
    for changes in (
        Changes(quantities={1: 2}), Changes(quantities={1: 4}), Changes(skus={1: "BB-MUG-02"}), Changes(note="x"),
        Changes(suppliers={1: "ACME"}), Changes(address={"city": "Salem"}), Changes(shipping_rate="Express"),
        Changes(methods={"ACME": "UPS-2DA"}), Changes(methods={po: "UPS-2DA"}),
    ):  # fmt: skip
        with pytest.raises(Refused, match=po):
            await edit.apply(order_id, changes, DANA)


async def test_the_unsent_part_of_an_order_can_still_be_edited(scene: Scene) -> None:
    order_id, po = await scene.sent(("BB-MUG-01", 1))
    number = await scene.at_store(order_id)
    more = scene.place(("BB-TEA-01", 2))
    scene.store.change(
        number, line_items=scene.store.orders[number]["line_items"] + scene.store.orders[more]["line_items"]
    )
    await scene.reread(order_id)
    assert await scene.states(order_id) == ["submitted", "draft"]
    edited = await scene.edit(order_id, quantities={2: 1}, address={"line1": "9 Elm St"})
    assert f"{po} was already sent and stays as it was" in edited.message
    nova = await scene.send(order_id)
    assert scene.nova.ledger[nova.po_number][0].body["ship_to"]["line1"] == "9 Elm St"
    assert scene.nova.ledger[nova.po_number][0].body["lines"][0]["quantity"] == 1


async def test_what_is_on_its_way_counts_as_sent(scene: Scene) -> None:
    order_id = await scene.order(("BB-MUG-01", 2))
    await scene.process(order_id)
    async with scene.unanswered():
        sending = asyncio.create_task(tasks.drain())
        while await scene.states(order_id) != ["submitting"]:
            await asyncio.sleep(0.02)
        with pytest.raises(Refused, match="already sent in"):
            await scene.edit(order_id, quantities={1: 1})
    await sending
    assert await scene.states(order_id) == ["submitted"]


async def test_an_order_is_found_by_its_new_city_and_name_and_no_longer_by_the_old_city(scene: Scene) -> None:
    order_id = await scene.order(("BB-MUG-01", 1))
    old = (await scene.case(order_id)).address().city
    assert order_id in await history.ids_matching(await history.from_text(f'city:"{old}"'))
    await scene.edit(order_id, address={"city": "Älvängen", "name": "Ottoline Quist"})
    assert await history.ids_matching(await history.from_text("city:alvangen quist")) == [order_id]
    assert order_id not in await history.ids_matching(await history.from_text(f'city:"{old}"'))


async def test_an_order_keeps_since_when_it_has_an_issue(scene: Scene) -> None:
    order_id = await scene.order(("BB-MUG-01", 1))
    assert (await scene.case(order_id)).order.issue_at is None
    await scene.edit(order_id, shipping_rate="Carrier pigeon")
    case = await scene.case(order_id)
    assert [issue.code for issue in case.issues] == [C.MISSING_SHIPPING_MAPPING]
    assert (case.order.issue_at, case.order.late_at) == (case.issues[0].opened_at, None)
    assert order_id in await history.ids_matching(Filters(has_issue=True))
    await scene.edit(order_id, shipping_rate="Express")
    assert (await scene.case(order_id)).order.issue_at is None
