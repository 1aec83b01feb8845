"""Mappings are taken back: unsent orders that went by them wait again, what is held comes back, what was sent stays sent."""

from __future__ import annotations

from itertools import count

import pytest

from engine import db
from engine.domain.issues import IssueCode
from engine.errors import NotFound, Refused
from engine.services import setup, unmap
from tests.support.scene import DANA, Scene

pytestmark = pytest.mark.asyncio(loop_scope="module")
C = IssueCode
MUG = ("BB-MUG-01", 1)
serial = count(1)


async def settings_notes(action: str) -> list[str]:
    """What the settings' blue book says of this."""
    found = await db.rows(
        "SELECT message FROM audit_events WHERE order_id = 0 AND tag LIKE ? ORDER BY seq", f"%{action}"
    )
    return [str(r[0]) for r in found]


async def test_a_rate_mapped_by_a_resolve_is_taken_back_with_every_unsent_order_that_went_by_it(scene: Scene) -> None:
    rate = f"Snail {next(serial)}"
    first, second, sent = [await scene.order(MUG, rate=rate) for _ in range(3)]
    by_hand = await scene.order(("BB-MUG-02", 1), rate=rate)
    await scene.resolve(by_hand, C.MISSING_SHIPPING_MAPPING, "map_shipping", method="UPS-GND", remember=False)
    done = await scene.resolve(first, C.MISSING_SHIPPING_MAPPING, "map_shipping", method="UPS-2DA")
    assert set(done.ready) == {second, sent}
    assert done.saved is not None
    assert (done.saved.before, done.saved.after) == ("", "UPS-2DA")
    await scene.send(sent)
    await scene.process(second, undo_seconds=3_600)
    back = await unmap.take_back(done.saved, DANA)
    assert (back.waiting, len(back.taken_back)) == (2, 1)
    assert [await scene.codes(order) for order in (first, second)] == [[C.MISSING_SHIPPING_MAPPING]] * 2
    assert (await scene.status(sent), await scene.status(by_hand)) == ("processed", "ready")
    assert await scene.codes(await scene.order(MUG, rate=rate)) == [C.MISSING_SHIPPING_MAPPING]
    assert f"{rate} → UPS 2nd Day Air" in await settings_notes("mapping:remove")
    with pytest.raises(Refused, match="was changed meanwhile"):
        await unmap.take_back(done.saved, DANA)


async def test_a_sku_mapped_by_a_resolve_is_taken_back_with_every_unsent_order_of_it(scene: Scene) -> None:
    sku = f"WRONG-{next(serial)}"
    first, held, other = (
        await scene.order((sku, 1)), await scene.order((sku, 2), ("BB-TEA-01", 1)), await scene.order((sku, 1)),
    )  # fmt: skip
    await scene.resolve(other, C.UNMAPPED_SKU, "map_sku", product="BB-TEA-01", remember=False)
    done = await scene.resolve(first, C.UNMAPPED_SKU, "map_sku", product="BB-MUG-01")
    assert done.saved is not None
    assert done.ready == (held,)
    await scene.process(held, undo_seconds=3_600)
    back = await unmap.take_back(done.saved, DANA)
    assert back.waiting == 2
    assert [await scene.codes(order) for order in (first, held)] == [[C.UNMAPPED_SKU]] * 2
    assert "queued" not in await scene.states(first)
    assert await scene.status(other) == "ready", "what was said of its line alone holds"
    assert sku in await settings_notes("listing:remove")
    again = await scene.resolve(first, C.UNMAPPED_SKU, "map_sku", product="BB-LAMP-01")
    assert (again.status, again.ready) == ("ready", (held,))


async def test_what_was_mapped_before_is_there_again(scene: Scene) -> None:
    rate, channel, acme = f"Twice {next(serial)}", scene.shop.channel_id, scene.shop.suppliers["ACME"]
    await setup.map_shipping(channel, rate, acme, "UPS-GND", DANA)
    saved = unmap.SavedMapping(channel_id=channel, name=rate, supplier_id=acme, before="UPS-GND", after="UPS-2DA")
    await setup.map_shipping(channel, rate, acme, "UPS-2DA", DANA)
    order = await scene.order(MUG, rate=rate)
    back = await unmap.take_back(saved, DANA)
    assert (back.waiting, "goes by UPS-GND again" in back.message) == (0, True)
    method = await db.value("SELECT code FROM shipping_methods WHERE id = ?", (await scene.po(order)).method_id)
    assert (await scene.status(order), method) == ("ready", "UPS-GND")
    sku = f"KIT-{next(serial)}"
    await setup.map_sku(channel, sku, {"BB-MUG-01": 2, "BB-TEA-01": 1}, DANA)
    await setup.map_sku(channel, sku, {"BB-MUG-01": 1}, DANA)
    kit = unmap.SavedMapping(
        channel_id=channel, name=sku, before={"BB-MUG-01": 2, "BB-TEA-01": 1}, after={"BB-MUG-01": 1}
    )
    await unmap.take_back(kit, DANA)
    assert await unmap.products_of(channel, sku) == {"BB-MUG-01": 2, "BB-TEA-01": 1}


async def test_what_is_not_mapped_cannot_be_taken_back(scene: Scene) -> None:
    with pytest.raises(NotFound, match="mappings ls"):
        await unmap.unmap_shipping(scene.shop.channel_id, "Never", scene.shop.suppliers["ACME"], DANA)
    with pytest.raises(NotFound, match="is not mapped at this channel"):
        await unmap.unmap_sku(scene.shop.channel_id, "NEVER-1", DANA)


async def test_an_order_without_lines_is_read_again_or_canceled_and_no_address_is_asked_for(scene: Scene) -> None:
    number = scene.place(MUG)
    lines = scene.store.orders[number]["line_items"]
    scene.store.change(number, line_items=[])
    [order] = await scene.take(number)
    issue = await scene.issue(order, C.MISSING_FIELD)
    assert (issue.title, list(issue.resolutions)) == ("It has no lines", ["retry", "cancel"])
    done = await scene.resolve(order, C.MISSING_FIELD, "retry")
    assert ([i.code for i in done.remaining], "still no lines" in done.message) == ([C.MISSING_FIELD], True)
    scene.store.change(number, line_items=lines)
    done = await scene.resolve(order, C.MISSING_FIELD, "retry")
    assert (done.status, done.remaining) == ("ready", [])
