"""Editing by keyboard: shown before it is saved, refused with a reason, and nothing kept on Esc."""

from __future__ import annotations

from itertools import count

import pytest

from engine.services import process
from engine.services.standing import holds, standing
from tests.support.scene import DANA, Scene
from tests.support.terminal import Desk, at_desk

pytestmark = pytest.mark.asyncio(loop_scope="module")
serial = count(1)


async def open_edit(desk: Desk, order: int) -> None:
    """The order is under the cursor and Edit is open."""
    await desk.go(order)
    desk.keys = 0
    await desk.press("e")


async def test_a_quantity_from_three_to_two_and_sent_takes_five_keys(scene: Scene) -> None:
    order = await scene.order(("BB-MUG-01", 3))
    async with at_desk() as desk:
        await open_edit(desk, order)
        await desk.press("q", "2", "enter", "p")
        assert desk.keys == 5
        assert (await standing([order])).held == (order,)
        assert (await scene.po(order)).lines[0].quantity == 2


async def test_what_would_change_is_shown_before_it_is_saved_and_esc_saves_nothing(scene: Scene) -> None:
    order = await scene.order(("BB-MUG-01", 3))
    async with at_desk() as desk:
        await open_edit(desk, order)
        await desk.press("q", "2")
        await desk.until("line 1 quantity: 3 → 2")
        await desk.press("escape", "y")
        assert "nothing was saved" in desk.said
        assert (await scene.po(order)).lines[0].quantity == 3


async def test_a_quantity_that_is_no_number_is_told_and_nothing_is_lost(scene: Scene) -> None:
    order = await scene.order(("BB-MUG-01", 3))
    async with at_desk() as desk:
        await open_edit(desk, order)
        await desk.press("q", "x", "enter")
        assert "whole number" in desk.said
        await desk.press("backspace", "1", "enter")
        assert (await scene.po(order)).lines[0].quantity == 1


async def test_an_address_is_corrected_field_by_field(scene: Scene) -> None:
    order = await scene.order(("BB-MUG-01", 1))
    async with at_desk() as desk:
        await open_edit(desk, order)
        await desk.press("a", "ctrl+u", *"Zoe", "down", "down", *" Apt 4", "enter")
        address = (await scene.case(order)).address()
        assert (address.name, address.line1) == ("Zoe", "1 Maple Ave Apt 4")


async def test_a_note_goes_on_where_it_ends(scene: Scene) -> None:
    order = await scene.order(("BB-MUG-01", 1))
    await scene.edit(order, note="Ring twice")
    async with at_desk() as desk:
        await open_edit(desk, order)
        await desk.press("n", *", please", "enter")
        assert (await scene.case(order)).order.note == "Ring twice, please"


async def test_enter_without_a_change_leaves_so_that_no_later_key_is_a_quantity(scene: Scene) -> None:
    order = await scene.order(("BB-MUG-01", 1))
    seq = (await scene.case(order)).order.audit_seq
    async with at_desk() as desk:
        for keys in (["q", "enter"], ["q", "1", "enter"], ["enter"], ["a", "enter"], ["n", "enter"]):
            await open_edit(desk, order)
            await desk.press(*keys)
            assert (desk.page.pane, "nothing was changed" in desk.said) == (None, True), keys
        await desk.press("g", "h", "/", "ctrl+u", *"1148", "enter")
        case = await scene.case(order)
        assert (case.order.audit_seq, case.lines[0].quantity) == (seq, 1)


async def test_more_than_was_ordered_is_not_processed_by_the_next_key(scene: Scene) -> None:
    await scene.product("EDIT-MORE", stock=5000)
    order = await scene.order(("EDIT-MORE", 1))
    async with at_desk() as desk:
        await open_edit(desk, order)
        await desk.press("q", *"1148", "enter")
        assert "is changed (u takes it back); More than was paid for" in desk.said
        await desk.press("3")
        await desk.go(order)
        await desk.press("p")
        assert "costs 11,480.00 USD, paid 25.00 USD" in desk.said
        assert await scene.states(order) == ["draft"]
        await desk.press("r", "enter", "p")
        assert await scene.states(order) == ["queued"]


async def test_an_edit_is_taken_back_by_u(scene: Scene) -> None:
    order = await scene.order(("BB-MUG-01", 3))
    async with at_desk() as desk:
        await open_edit(desk, order)
        await desk.press("q", "2", "enter", "p", "u", "u")
        assert "is as it was; taken back: line 1: 2 pieces" in desk.said
        assert (await scene.states(order), (await scene.po(order)).lines[0].quantity) == (["draft"], 3)
        assert desk.here == order


async def test_an_edit_that_was_sent_is_not_taken_back_by_u(scene: Scene) -> None:
    order = await scene.order(("BB-MUG-01", 3))
    async with at_desk() as desk:
        await open_edit(desk, order)
        await desk.press("q", "2", "enter")
        await scene.send(order)
        await desk.press("u")
        assert "is as it was" not in desk.said
        assert (await scene.states(order), (await scene.po(order)).lines[0].quantity) == (["submitted"], 2)


async def test_no_piece_drops_the_line_only_once_that_is_confirmed(scene: Scene) -> None:
    order = await scene.order(("BB-MUG-01", 3), ("BB-TEA-01", 1))
    async with at_desk() as desk:
        await open_edit(desk, order)
        await desk.press("q", "0", "enter")
        assert "Drop line 1 BB-MUG-01 × 3?" in desk.text()
        await desk.press("enter", "0", "escape")  # neither answers it
        assert desk.page.pane is not None
        assert (await scene.case(order)).lines[0].wanted == 3
        await desk.press("backspace", "2", "enter")
        assert (await scene.case(order)).lines[0].wanted == 2
        await open_edit(desk, order)
        await desk.press("q", "0", "down", "0", "enter")
        assert "Drop line 1 BB-MUG-01 × 2, 2 BB-TEA-01 × 1, which cancels the order?" in desk.text()
        await desk.press("y")
        assert await scene.status(order) == "canceled"
        await desk.press("u")
        assert [line.wanted for line in (await scene.case(order)).lines] == [2, 1]
        assert await scene.status(order) == "ready"


async def test_who_ships_it_already_is_said_and_is_no_change(scene: Scene) -> None:
    order = await scene.order(("BB-KETTLE-01", 1))
    async with at_desk() as desk:
        await open_edit(desk, order)
        await desk.press("p")
        [here] = [line for line in desk.text().splitlines() if "as it is" in line]
        assert "ACME" in here
        place = next(n for n in "12" if f"{n}  " in here.partition("ACME")[0] or f" {n} " in here.partition("ACME")[0])
        await desk.press(place)
        assert "supplier:" not in desk.text()
        other = "2" if place == "1" else "1"
        await desk.press(other)
        await desk.until("line 1 supplier: whom the rules say → NOVA")
        await desk.press(place, "enter")
        assert "nothing was changed" in desk.said
        assert (await scene.case(order)).lines[0].supplier_id is None


async def test_shipping_and_supplier_are_chosen_by_number(scene: Scene) -> None:
    order = await scene.order(("BB-KETTLE-01", 1))
    async with at_desk() as desk:
        await open_edit(desk, order)
        await desk.press("p", "1", "enter")  # first who does not have it now
        po = await scene.po(order)
        assert po.supplier_id == scene.shop.suppliers["NOVA"]
        before = po.method_id
        await open_edit(desk, order)
        await desk.press("s", "1", "enter")
        assert (await scene.po(order)).method_id != before


async def test_what_was_sent_is_refused_with_what_to_do_instead(scene: Scene) -> None:
    order, number = await scene.sent(("BB-MUG-01", 3))
    async with at_desk(start="history") as desk:
        await open_edit(desk, order)
        await desk.press("q", "2", "enter")
        assert number in desk.said
        assert "already sent" in desk.said
        assert "cancel it, or ask the supplier" in desk.said


async def test_cancel_says_what_it_does_and_only_y_does_it(scene: Scene) -> None:
    order = await scene.order(("BB-MUG-01", 1), who=f"Cancel{next(serial)}")
    async with at_desk() as desk:
        await desk.go(order)
        await desk.press("c")
        assert "is not sent" in desk.text()
        await desk.press("enter", "c", "escape")
        assert await scene.status(order) == "ready"
        await desk.press("c", "y")
        assert await scene.status(order) == "canceled"


async def test_undo_after_the_window_offers_to_request_cancellation(scene: Scene) -> None:
    order, number = await scene.sent(("BB-MUG-01", 1))
    await process.undo([held.order_id for held in await holds()], DANA)  # of other tests: it would go first
    async with at_desk(start="history") as desk:
        await desk.go(order)
        await desk.press("u")
        assert f"is asked to cancel {number}" in desk.text()
        await desk.press("y")
        assert await scene.states(order) == ["cancel_requested"]


async def test_esc_drops_what_was_typed_only_once_that_is_said(scene: Scene) -> None:
    order = await scene.order(("BB-MUG-01", 3))
    async with at_desk() as desk:
        await open_edit(desk, order)
        await desk.press("q", "2", "escape")
        assert "Leave without saving 1 change?" in desk.text()
        await desk.press("escape")
        await desk.press("n", "y", *"ou")  # n is no answer any more: one types again
        assert "whole number" in desk.text()
        await desk.press("backspace", "backspace", "backspace", "backspace", "1", "escape", "enter", "n", "escape")
        assert "Leave without saving" in desk.text()
        await desk.press("y")
        assert desk.page.pane is None
        assert "nothing was saved" in desk.said
        assert (await scene.po(order)).lines[0].quantity == 3
        await desk.press("e", "escape")
        assert desk.page.pane is None, "nothing was typed, so nothing is asked"


async def test_what_was_typed_survives_the_palette_and_quitting(scene: Scene) -> None:
    order = await scene.order(("BB-MUG-01", 3))
    async with at_desk() as desk:
        await open_edit(desk, order)
        await desk.press("n", *"call", "ctrl+p")
        assert "not saved yet" in desk.said
        await desk.press("ctrl+q")
        assert "not saved yet" in desk.said
        await desk.press("enter")
        assert (await scene.case(order)).order.note == "call"


async def test_of_many_lines_the_one_under_the_cursor_is_in_sight(scene: Scene) -> None:
    order = await scene.order(*[("BB-MUG-01", 1)] * 40)
    async with at_desk() as desk:
        await open_edit(desk, order)
        await desk.press(*["down"] * 25)
        assert "> 26  BB-MUG-01" in desk.text()
        await desk.press("q", "3", "enter")
        assert (await scene.case(order)).lines[25].quantity == 3
