"""Auto Order Processing tried before it is set: which of the orders that are ready now would be sent by themselves."""

from __future__ import annotations

import msgspec

from engine import db
from engine.domain import conditions
from engine.domain.states import OrderStatus
from engine.errors import NotFound
from engine.services import loading, process, route

MOST = 500
BATCH = 100


class AutoTrial(msgspec.Struct):
    """Orders looked at, the numbers of those that would go, and why each other would not. ``more``: there are more than MOST."""

    looked_at: int = 0
    goes: list[str] = msgspec.field(default_factory=list)
    stays: dict[str, str] = msgspec.field(default_factory=dict)
    more: bool = False


async def trial(channel_id: int, *, limit: int | None, currency: str, condition: str) -> AutoTrial:
    """What these settings would do with the channel's ready orders, the oldest first; nothing is changed.

    Raises Invalid for a condition that cannot be read, NotFound.
    """
    conditions.check(condition, "order")
    found = await db.rows(
        "SELECT id FROM orders WHERE channel_id = ? AND status = ? ORDER BY placed_at, id LIMIT ?",
        channel_id, OrderStatus.READY.value, MOST + 1,
    )  # fmt: skip
    ids = [int(row[0]) for row in found]
    result = AutoTrial(looked_at=min(len(ids), MOST), more=len(ids) > MOST)
    for start in range(0, result.looked_at, BATCH):
        cases = await loading.load(ids[start : start + BATCH][: result.looked_at - start])
        known = await route.catalog_for(cases)
        if channel_id not in known.channels:
            raise NotFound(f"there is no channel {channel_id}")
        known.channels[channel_id] = msgspec.structs.replace(
            known.channels[channel_id], auto_limit=limit, auto_currency=currency, auto_condition=condition
        )
        for case in cases:
            why_not = process.problem(case) or process.beyond_limits(case, known)
            if why_not:
                result.stays[case.order.number] = why_not
            else:
                result.goes.append(case.order.number)
    return result
