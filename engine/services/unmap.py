"""Unmap: what was said for next time is taken back, and the unsent orders that went by it wait for a person again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from engine import db
from engine.domain.states import OrderStatus, PurchaseState
from engine.errors import NotFound, Refused
from engine.services import check, lifecycle, settings_book, setup
from engine.services.casefile import Case, PurchaseRecord
from engine.services.lifecycle import Actor, Work

BATCH = 100


class SavedMapping(msgspec.Struct, frozen=True, kw_only=True):
    """A mapping as it was saved, and what was there before: enough to take it back.

    Of a rate at a supplier (``before`` and ``after`` are method codes, "" for none), or of a channel's SKU (``supplier_id``
    0; product SKU -> pieces, empty for none).
    """

    channel_id: int
    name: str
    supplier_id: int = 0
    before: str | dict[str, int]
    after: str | dict[str, int]


class Unmapped(msgspec.Struct, frozen=True):
    """``waiting`` counts the orders that wait for a person again by it; ``taken_back`` are the held purchase orders among
    them that are drafts again."""

    message: str
    waiting: int
    taken_back: tuple[str, ...]


async def method_of(channel_id: int, rate: str, supplier_id: int) -> str:
    """The code of the method the rate goes by at the supplier, "" where it is not mapped."""
    found = await db.value(
        "SELECT m.code FROM shipping_mappings AS x JOIN shipping_methods AS m ON m.id = x.method_id "
        "WHERE x.channel_id = ? AND x.rate = ? AND x.supplier_id = ?",
        channel_id, rate, supplier_id,
    )  # fmt: skip
    return str(found or "")


async def products_of(channel_id: int, sku: str) -> dict[str, int]:
    """The products the channel's SKU stands for, with their pieces; empty where it is not mapped."""
    found = await db.rows(
        "SELECT p.sku, c.quantity FROM listings AS l JOIN listing_components AS c ON c.listing_id = l.id "
        "JOIN products AS p ON p.id = c.product_id WHERE l.channel_id = ? AND l.sku = ? ORDER BY c.id",
        channel_id, sku,
    )  # fmt: skip
    return {str(r[0]): int(r[1]) for r in found}


async def unmap_shipping(channel_id: int, rate: str, supplier_id: int, by: Actor) -> Unmapped:
    """The rate is not mapped at this supplier any more, and unsent orders that went by it are checked. Raises NotFound."""
    async with db.transaction():
        row = await db.row(
            "SELECT x.id, x.method_id, m.name, s.name FROM shipping_mappings AS x JOIN shipping_methods AS m "
            "ON m.id = x.method_id JOIN suppliers AS s ON s.id = x.supplier_id "
            "WHERE x.channel_id = ? AND x.rate = ? AND x.supplier_id = ?",
            channel_id, rate, supplier_id,
        )  # fmt: skip
        if row is None:
            raise NotFound(
                f"“{rate or '(no rate)'}” is not mapped at this supplier; `bluebook mappings ls` lists what is"
            )
        await db.run("DELETE FROM shipping_mappings WHERE id = ?", int(row[0]))
        await settings_book.note(
            by, "mapping:remove", f"{rate} → {row[2]}", subject=f"channel {channel_id}",
            before={"rate": rate, "supplier": supplier_id, "method": int(row[1])}, after={},
        )  # fmt: skip
    return await _follow_rate(
        f"“{rate or '(no rate)'}” is not mapped at {row[3]} any more", channel_id, rate, supplier_id, by
    )


async def unmap_sku(channel_id: int, sku: str, by: Actor) -> Unmapped:
    """The channel's SKU stands for nothing any more, and unsent orders of it are checked. Raises NotFound."""
    async with db.transaction():
        listing = await db.value("SELECT id FROM listings WHERE channel_id = ? AND sku = ?", channel_id, sku)
        before = await products_of(channel_id, sku)
        if listing is None or not before:
            raise NotFound(f"{sku!r} is not mapped at this channel; `bluebook mappings ls --skus` lists what is")
        await db.run("DELETE FROM listing_components WHERE listing_id = ?", int(listing))
        await db.run("DELETE FROM listings WHERE id = ?", int(listing))
        await settings_book.note(
            by, "listing:remove", sku, subject=f"channel {channel_id}", before=dict(before), after={}
        )
    return await _follow_sku(f"{sku} is not mapped any more", channel_id, sku, by)


async def take_back(saved: SavedMapping, by: Actor) -> Unmapped:
    """What was there before the mapping was saved is there again, and unsent orders that went by it are checked.

    Raises Refused where somebody has changed it since.
    """
    channel, name, supplier = saved.channel_id, saved.name, saved.supplier_id
    now: Any = await (method_of(channel, name, supplier) if supplier else products_of(channel, name))
    if now != saved.after:
        raise Refused(f"the mapping of {name or '(no rate)'} was changed meanwhile: look at it in Mappings")
    if supplier and saved.before:
        await setup.map_shipping(channel, name, supplier, str(saved.before), by, recheck=False)
        return await _follow_rate(f"“{name or '(no rate)'}” goes by {saved.before} again", channel, name, supplier, by)
    if supplier:
        return await unmap_shipping(channel, name, supplier, by)
    if isinstance(saved.before, Mapping) and saved.before:
        await setup.map_sku(channel, name, saved.before, by, recheck=False)
        return await _follow_sku(f"{name} is {' + '.join(saved.before)} again", channel, name, by)
    return await unmap_sku(channel, name, by)


async def _follow_rate(message: str, channel_id: int, rate: str, supplier_id: int, by: Actor) -> Unmapped:
    found = await db.rows(
        "SELECT DISTINCT o.id FROM purchase_orders AS p JOIN orders AS o ON o.id = p.order_id "
        "WHERE p.supplier_id = ? AND p.state IN ('draft', 'queued') AND o.channel_id = ? AND o.shipping_rate = ?",
        supplier_id, channel_id, rate,
    )  # fmt: skip

    def concerns(case: Case, po: PurchaseRecord) -> bool:
        return po.supplier_id == supplier_id and not po.method_chosen

    return await _recheck(message, [int(r[0]) for r in found], concerns, by)


async def _follow_sku(message: str, channel_id: int, sku: str, by: Actor) -> Unmapped:
    found = await db.rows(
        "SELECT o.id FROM orders AS o JOIN order_lines AS l ON l.order_id = o.id "
        "WHERE o.status IN ('failed', 'on_hold', 'unresolved', 'ready') AND o.channel_id = ? AND l.sku = ? "
        "UNION SELECT o.id FROM purchase_orders AS p JOIN orders AS o ON o.id = p.order_id "
        "JOIN order_lines AS l ON l.order_id = o.id WHERE p.state = 'queued' AND o.channel_id = ? AND l.sku = ?",
        channel_id, sku, channel_id, sku,
    )  # fmt: skip

    def concerns(case: Case, po: PurchaseRecord) -> bool:
        return any(part.line is not None and part.line.sku == sku and part.line.product_id is None for part in po.lines)

    return await _recheck(message, [int(r[0]) for r in found], concerns, by)


async def _recheck(
    message: str, order_ids: Sequence[int], concerns: Callable[[Case, PurchaseRecord], bool], by: Actor
) -> Unmapped:
    """The orders as they stand without it: what is held and went by it is a draft again first."""
    waiting, taken = 0, []
    for start in range(0, len(order_ids), BATCH):
        async with lifecycle.change(order_ids[start : start + BATCH], by=by) as work:
            before = {case.order.id: case.order.status for case in work.cases}
            for case in work.cases:
                taken += _take_back(work, case, concerns)
            await check.check(work, work.cases)
        waiting += sum(
            case.order.status == OrderStatus.UNRESOLVED != before[case.order.id] for case in work.cases
        )  # fmt: skip
    return Unmapped(message, waiting, tuple(taken))


def _take_back(work: Work, case: Case, concerns: Callable[[Case, PurchaseRecord], bool]) -> list[str]:
    taken = []
    for po in case.purchases:
        held = po.state == PurchaseState.QUEUED and po.attempt == 0 and (po.release_at or 0) > work.now
        if held and concerns(case, po):
            work.move(case, po, "undo", "its mapping was taken back", release_at=None)
            taken.append(po.po_number)
    return taken
