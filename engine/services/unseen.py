"""Unseen: a remark about a rate or SKU that nobody has, for it may be misspelt; it can be mapped all the same."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rapidfuzz import fuzz, process, utils

from engine import db

_LATEST = 20_000
"""Of a channel's orders, the latest so many are looked at: there is no index by rate or SKU."""
_CLOSE = 70.0
_ORDERS = "(SELECT id, shipping_rate FROM orders WHERE channel_id = ? ORDER BY placed_at DESC, id DESC LIMIT ?) AS o"


async def rate(channel_id: int, name: str) -> str:
    """That no order of the channel has this rate, with the one that is most like it; "" where one has, or it is mapped."""
    known = await _all("SELECT DISTINCT rate FROM shipping_mappings WHERE channel_id = ?", channel_id)
    known |= await _all(f"SELECT DISTINCT o.shipping_rate FROM {_ORDERS}", channel_id, _LATEST)
    return _remark(name, known, "no order has the rate {!r} yet")


async def sku(channel_id: int, name: str) -> str:
    """That no order or listing of the channel has this SKU, with the one most like it; "" where one has, or it is mapped."""
    if await db.value("SELECT 1 FROM listed_items WHERE channel_id = ? AND sku = ? LIMIT 1", channel_id, name):
        return ""
    known = await _all("SELECT sku FROM listings WHERE channel_id = ?", channel_id)
    known |= await _all(
        f"SELECT DISTINCT l.sku FROM order_lines AS l JOIN {_ORDERS} ON o.id = l.order_id", channel_id, _LATEST
    )
    if name not in known:
        known |= await _all("SELECT DISTINCT sku FROM listed_items WHERE channel_id = ?", channel_id)
    return _remark(name, known, "no order or listing has the SKU {!r} yet")


async def _all(sql: str, *values: Any) -> set[str]:
    return {str(row[0]) for row in await db.rows(sql, *values) if row[0]}


def _remark(name: str, known: Iterable[str], said: str) -> str:
    choices = sorted(known)
    if not name or name in choices:
        return ""
    close = process.extractOne(name, choices, scorer=fuzz.ratio, processor=utils.default_process, score_cutoff=_CLOSE)
    return said.format(name) + (f"; like it: {close[0]}" if close else "")
