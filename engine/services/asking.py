"""Whom to ask about, at suppliers that have no feed of updates: the purchase orders open there, in rotation."""

from __future__ import annotations

import msgspec

from engine import clock, db
from engine.domain.states import PurchaseState

_MARK = "asked:"
OPEN = (
    PurchaseState.SUBMITTED, PurchaseState.ACKNOWLEDGED, PurchaseState.BACKORDERED, PurchaseState.PARTIALLY_SHIPPED,
    PurchaseState.CANCEL_REQUESTED,
)  # fmt: skip


class Turn(msgspec.Struct, frozen=True):
    """The purchase orders to ask about now, and the supplier's cursor once what it said is stored."""

    po_numbers: tuple[str, ...]
    cursor: str


def feed(cursor: str | None) -> str | None:
    """The cursor for a feed of updates; None where the supplier was asked order by order until now."""
    return None if cursor is not None and cursor.startswith(_MARK) else cursor


async def due(supplier_id: int, cursor: str | None, *, every: float, most: int) -> Turn | None:
    """The next purchase orders of the round, at most ``most``; None where nobody is to be asked about now.

    Each is asked about once in a round, and a round begins no sooner than ``every`` seconds after the one before it began.
    """
    after, began = _read(cursor)
    now = clock.micros(clock.now())
    found = await _open(supplier_id, after, most) if began else []
    if not found:
        if began and now - began < every * 1_000_000:
            return None
        began = now
        found = await _open(supplier_id, 0, most)
    if not found:
        return None
    return Turn(tuple(number for _, number in found), f"{_MARK}{found[-1][0]}:{began}")


def _read(cursor: str | None) -> tuple[int, int]:
    if cursor is None or not cursor.startswith(_MARK):
        return 0, 0
    after, _, began = cursor.removeprefix(_MARK).partition(":")
    return int(after), int(began)


async def _open(supplier_id: int, after: int, most: int) -> list[tuple[int, str]]:
    found = await db.rows(
        f"SELECT id, po_number FROM purchase_orders WHERE supplier_id = ? AND state IN ({db.marks(OPEN)}) AND id > ? "
        "ORDER BY id LIMIT ?",
        supplier_id, *(state.value for state in OPEN), after, most,
    )  # fmt: skip
    return [(int(r[0]), str(r[1])) for r in found]
