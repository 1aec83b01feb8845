"""The numbers that stores themselves gave their orders. Ours are those with the channel's prefix, and with its id behind them
where another channel had such an order first; customers know only the store's. Nothing of it is kept: ours tells it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from engine import db


async def of(orders: Sequence[tuple[int, str, int, str]]) -> dict[int, str]:
    """Each order's number in its store, by id, given (id, number, channel's id, channel's prefix). At most one query."""
    bare = {i: number.removesuffix(f".{channel}") for i, number, channel, _ in orders}
    doubled = sorted({bare[i] for i, number, _, _ in orders if bare[i] != number})
    # A store may itself have counted "100.2": ours has the id behind it only where the number without it is another order's.
    taken = set()
    if doubled:
        taken = {str(r[0]) for r in await db.rows_among("SELECT number FROM orders WHERE number", doubled)}
    return {
        i: (bare[i] if bare[i] in taken else number).removeprefix(prefix) or number for i, number, _, prefix in orders
    }


async def known_by(typed: Iterable[str]) -> set[int]:
    """The orders whose stores gave them one of these numbers, whatever they are called here, by their channels' prefixes."""
    wanted: dict[str, set[int]] = {}
    for channel, prefix in await db.rows("SELECT id, prefix FROM channels"):
        for text in typed:
            for number in (f"{prefix}{text}", f"{prefix}{text}.{channel}"):
                wanted.setdefault(number, set()).add(int(channel))
    found = await db.rows_among("SELECT number, id, channel_id FROM orders WHERE number", sorted(wanted))
    return {int(r[1]) for r in found if int(r[2]) in wanted[str(r[0])]}
