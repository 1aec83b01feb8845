"""An edit, or an answer for one order, that is taken back: all is as it was, or nothing is touched."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest

from engine.domain.issues import IssueCode
from engine.errors import Refused, StaleState
from engine.services import reverse, tasks
from engine.services.casefile import snapshot
from tests.support.scene import DANA, Scene

pytestmark = pytest.mark.asyncio(loop_scope="module")
C = IssueCode
MUG = ("BB-MUG-01", 3)
serial = count(1)


async def stands(scene: Scene, order_id: int) -> dict[str, Any]:
    """What is wanted of the order, and its status and open Issues; not what is left of purchase orders it had meanwhile."""
    case = await scene.case(order_id)
    wanted = {path: value for path, value in snapshot(case).items() if not path.startswith("po.")}
    parts = sorted((p.sku, p.quantity, po.supplier_id, po.method_id) for po in case.drafts() for p in po.lines)
    return {**wanted, "drafts": parts}


@pytest.mark.parametrize(
    "changes",
    [
        {"quantities": {1: 1148}},
        {"quantities": {1: 1}},
        {"quantities": {1: 0}},
        {"quantities": {1: 0, 2: 0}},
        {"address": {"line1": "9 Elm St", "name": "Zoe Doe"}, "note": "Ring twice"},
        {"suppliers": {2: "NOVA"}, "methods": {"NOVA": "FEDEX-HOME"}},
        {"methods": {"ACME": "UPS-2DA"}},
        {"skus": {1: "BB-LAMP-01"}, "shipping_rate": "Parrot"},
    ],
)
async def test_an_edit_is_taken_back_as_a_whole(scene: Scene, changes: dict[str, Any]) -> None:
    order_id = await scene.order(MUG, ("BB-KETTLE-01", 1))
    before = await stands(scene, order_id)
    await scene.edit(order_id, **changes)
    assert await stands(scene, order_id) != before
    seq = await reverse.last(order_id, DANA)
    said = await reverse.take_back(order_id, seq, DANA)
    number = (await scene.case(order_id)).order.number
    assert said.startswith(f"order {number} is as it was; taken back: ")
    assert await stands(scene, order_id) == before
    assert await scene.status(order_id) == "ready"
    await scene.send(order_id)
    assert set(await scene.states(order_id)) - {"canceled"} == {"submitted"}


async def test_edits_are_taken_back_one_after_the_other(scene: Scene) -> None:
    order_id = await scene.order(MUG)
    steps = []
    for wanted in (5, 2):
        await scene.edit(order_id, quantities={1: wanted})
        steps.append(await reverse.last(order_id, DANA))
    with pytest.raises(StaleState, match="was changed since: look at it, and edit it"):
        await reverse.take_back(order_id, steps[0], DANA)
    assert (await scene.case(order_id)).lines[0].wanted == 2
    for wanted, seq in ((5, steps[1]), (3, steps[0])):
        await reverse.take_back(order_id, seq, DANA)
        assert (await scene.case(order_id)).lines[0].wanted == wanted


async def test_what_is_held_is_taken_back_with_it_and_what_is_sent_is_not(scene: Scene) -> None:
    order_id = await scene.order(MUG)
    await scene.edit(order_id, quantities={1: 2})
    seq = await reverse.last(order_id, DANA)
    await scene.process(order_id, undo_seconds=3_600)
    await reverse.take_back(order_id, seq, DANA)
    assert (await scene.states(order_id), (await scene.po(order_id)).lines[0].quantity) == (["draft"], 3)
    await scene.edit(order_id, quantities={1: 2})
    seq = await reverse.last(order_id, DANA)
    await scene.process(order_id)
    with pytest.raises(Refused, match="is being sent"):
        await reverse.take_back(order_id, seq, DANA)
    await tasks.drain()
    po = await scene.po(order_id)
    with pytest.raises(Refused, match=f"already sent as {po.po_number}: cancel it"):
        await reverse.take_back(order_id, seq, DANA)
    assert (await scene.case(order_id)).lines[0].wanted == 2


async def test_an_answer_for_this_order_only_is_taken_back_and_the_issue_is_open_again(scene: Scene) -> None:
    sku, rate = f"SHOP-ONCE-{next(serial)}", f"Snail {next(serial)}"
    await scene.product(f"ONCE-{sku}")
    for lines, options, code, how, args in (
        ([MUG], {"rate": rate}, C.MISSING_SHIPPING_MAPPING, "map_shipping", {"method": "UPS-2DA", "remember": False}),
        ([(sku, 1)], {}, C.UNMAPPED_SKU, "map_sku", {"product": f"ONCE-{sku}", "remember": False}),
        ([(sku, 1), MUG], {}, C.UNMAPPED_SKU, "drop_line", {}),
        ([MUG], {"postcode": ""}, C.MISSING_FIELD, "fix_address", {"postal_code": "97205"}),
        ([MUG], {"status": "on-hold"}, C.UNPAID, "waive", {}),
    ):
        order_id = await scene.order(*lines, **options)
        before = await stands(scene, order_id)
        assert await scene.codes(order_id) == [code]
        await scene.resolve(order_id, code, how, **args)
        assert await scene.codes(order_id) == []
        await reverse.take_back(order_id, await reverse.last(order_id, DANA), DANA)
        assert await stands(scene, order_id) == before


async def test_what_does_not_come_back_with_it_is_not_offered(scene: Scene) -> None:
    rate = f"Snail {next(serial)}"
    remembered = await scene.order(MUG, rate=rate)
    await scene.resolve(remembered, C.MISSING_SHIPPING_MAPPING, "map_shipping", method="UPS-2DA")
    await scene.product("DEARER-1", cost=1000)
    dearer = await scene.order(("DEARER-1", 1))
    scene.acme.set_stock([("DEARER-1", 50, "12.50")])
    await scene.hear()
    await scene.resolve(dearer, C.COST_CHANGED, "waive")
    canceled = await scene.order(MUG, status="on-hold")
    await scene.resolve(canceled, C.UNPAID, "cancel")
    untouched = await scene.order(MUG)
    assert [await reverse.last(one, DANA) for one in (remembered, dearer, canceled, untouched)] == [0] * 4
