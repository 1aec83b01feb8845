"""How many keys the daily work costs; the counts are promised, so each is exact."""

from __future__ import annotations

from itertools import count

import pytest

from engine.services import process
from engine.services.standing import standing
from tests.support.scene import DANA, Scene
from tests.support.terminal import Desk, at_desk

pytestmark = pytest.mark.asyncio(loop_scope="module")
MUG = ("BB-MUG-01", 1)
serial = count(1)


async def begin(desk: Desk, order: int, tab: str) -> None:
    """The cursor is on the order, and counting begins."""
    await desk.press(tab)
    await desk.go(order)
    desk.keys = 0


async def held(order: int) -> bool:
    """Is it held, to be sent?"""
    return (await standing([order])).held == (order,)


async def test_an_unmapped_sku_with_the_right_suggestion_takes_three(scene: Scene) -> None:
    sku = f"SHOP-WIDGET-{next(serial)}"
    await scene.product(f"WIDGET-{sku}", supplier="ACME")
    order = await scene.order((sku, 1))
    async with at_desk() as desk:
        await begin(desk, order, "2")
        await desk.press("r", "enter", "p")
        assert desk.keys == 3
        assert await held(order)
    again = await scene.order((sku, 1))
    assert await scene.status(again) == "ready", "the answer was not remembered"


async def test_with_a_search_of_three_letters_it_takes_six(scene: Scene) -> None:
    order = await scene.order((f"QQ-{next(serial)}", 1))
    async with at_desk() as desk:
        await begin(desk, order, "2")
        await desk.press("r", "t", "e", "a", "enter", "p")
        assert desk.keys == 6
        assert await held(order)
        po = await scene.po(order)
        assert po.lines[0].sku.startswith("BB-TEA")


async def test_a_shipping_mapping_takes_three_and_is_remembered(scene: Scene) -> None:
    rate = f"Pigeon {next(serial)}"
    order, waiting = await scene.order(MUG, rate=rate), await scene.order(("BB-MUG-02", 1), rate=rate)
    async with at_desk() as desk:
        await begin(desk, order, "2")
        await desk.press("r", "2", "p")
        assert desk.keys == 3
        assert await held(order)
        assert await scene.status(waiting) == "ready"


async def test_a_suggested_address_takes_three(scene: Scene) -> None:
    order = await scene.order(MUG, state="CA")
    async with at_desk() as desk:
        await begin(desk, order, "2")
        await desk.press("r", "enter", "p")
        assert desk.keys == 3
        assert await held(order)
        assert (await scene.case(order)).address().region == "OR"


async def test_a_typed_zip_takes_eight(scene: Scene) -> None:
    order = await scene.order(MUG, postcode="")
    async with at_desk() as desk:
        await begin(desk, order, "2")
        await desk.press("r", *"97205", "enter", "p")
        assert desk.keys == 8
        assert await held(order)
        assert (await scene.case(order)).address().postal_code == "97205"


async def test_another_supplier_takes_three(scene: Scene) -> None:
    sku = f"KETTLE-{next(serial)}"
    await scene.product(sku, stock=0)
    await scene.offer(sku, "NOVA", stock=0, priority=2)
    order = await scene.order((sku, 1))
    assert await scene.codes(order) == ["no_supplier_stock"]
    async with at_desk() as desk:
        await begin(desk, order, "2")
        await desk.press("r", "2", "p")
        assert desk.keys == 3
        assert await held(order)


async def test_undo_takes_one_and_the_blue_book_one(scene: Scene) -> None:
    order = await scene.order(MUG)
    async with at_desk() as desk:
        await begin(desk, order, "1")
        await desk.press("p")
        assert desk.keys == 1
        assert await held(order)
        await desk.press("u")
        assert desk.keys == 2
        assert not await held(order)
        await desk.press("b")
        assert desk.keys == 3
        assert desk.page.name == "book"
    assert (await process.process([order], DANA))[0].done
