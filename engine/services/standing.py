"""What became of orders that were processed together."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from engine import db
from engine.domain.states import PurchaseState

CHUNK = 2_000
_TROUBLE = (PurchaseState.FAILED, PurchaseState.REJECTED, PurchaseState.OUTCOME_UNKNOWN)
_HELD = (PurchaseState.QUEUED, PurchaseState.SUBMITTING)


class Standing(msgspec.Struct, frozen=True):
    """Ids of orders: ``held`` or being sent, ``sent`` to all suppliers, ``failed`` or unknown at one, ``back`` as drafts."""

    held: tuple[int, ...] = ()
    sent: tuple[int, ...] = ()
    failed: tuple[int, ...] = ()
    back: tuple[int, ...] = ()


async def standing(order_ids: Sequence[int]) -> Standing:
    """Where each of these orders stands; an order whose purchase orders differ counts as the one that needs most care."""
    states: dict[int, set[str]] = {i: set() for i in order_ids}
    for start in range(0, len(order_ids), CHUNK):
        wanted = db.padded(list(order_ids[start : start + CHUNK]))
        found = await db.rows(
            f"SELECT DISTINCT order_id, state FROM purchase_orders WHERE order_id IN ({db.marks(wanted)}) "
            "AND superseded = ?",
            *wanted, False,
        )  # fmt: skip
        for row in found:
            states[int(row[0])].add(str(row[1]))
    groups: dict[str, list[int]] = {"held": [], "sent": [], "failed": [], "back": []}
    for order_id, among in states.items():
        groups[_where(among)].append(order_id)
    return Standing(**{name: tuple(ids) for name, ids in groups.items()})


def _where(states: set[str]) -> str:
    if states & set(_TROUBLE):
        return "failed"
    if states & set(_HELD):
        return "held"
    live = states - {PurchaseState.CANCELED}
    return "back" if not live or PurchaseState.DRAFT in live else "sent"
