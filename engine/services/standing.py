"""What became of orders that were processed, and which of them can still be taken back."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

import msgspec

from engine import clock, db
from engine.domain.states import CANCELABLE, Axis, PurchaseState
from engine.services import submissions

CHUNK = 2_000
_TROUBLE = (PurchaseState.FAILED, PurchaseState.REJECTED, PurchaseState.OUTCOME_UNKNOWN)
_SENT = tuple(CANCELABLE)
_HELD = (PurchaseState.QUEUED, PurchaseState.SUBMITTING)


class Standing(msgspec.Struct, frozen=True):
    """Ids of orders: ``held`` or being sent, ``sent`` to all suppliers, ``failed`` or unknown at one, ``back`` as drafts."""

    held: tuple[int, ...] = ()
    sent: tuple[int, ...] = ()
    failed: tuple[int, ...] = ()
    back: tuple[int, ...] = ()


class Hold(msgspec.Struct, frozen=True):
    """An order that is sent at ``release_at`` unless it is taken back; ``by`` processed it, as a person, rule or worker."""

    order_id: int
    number: str
    release_at: datetime
    by: str
    source: str


async def undoable(order_ids: Collection[int], *, tried: bool = True) -> set[int]:
    """Which of these orders have something that can be taken back: queued, and provably not at its supplier.

    Without ``tried``, only what no worker began to send.
    """
    never = submissions.NEVER_ARRIVED if tried else "p.attempt = 0"
    ids, found = list(order_ids), set[int]()
    for start in range(0, len(ids), CHUNK):
        wanted = db.padded(ids[start : start + CHUNK])
        rows = await db.rows(
            f"SELECT DISTINCT p.order_id FROM purchase_orders AS p WHERE p.order_id IN ({db.marks(wanted)}) "
            f"AND p.state = ? AND {never}",
            *wanted, PurchaseState.QUEUED,
        )  # fmt: skip
        found |= {int(row[0]) for row in rows}
    return found


async def cancelable(order_id: int) -> bool:
    """Can a supplier be asked to cancel something of this order?"""
    found = await db.value(
        f"SELECT COUNT(*) FROM purchase_orders WHERE order_id = ? AND superseded = ? AND state IN ({db.marks(_SENT)})",
        order_id, False, *_SENT,
    )  # fmt: skip
    return bool(found)


async def holds() -> list[Hold]:
    """The orders that are held now, the one that is sent last first (200 at most)."""
    rows = await db.rows(
        "SELECT p.order_id, o.number, p.release_at FROM purchase_orders AS p JOIN orders AS o ON o.id = p.order_id "
        "WHERE p.state = 'queued' AND p.attempt = 0 AND p.release_at > ? ORDER BY p.release_at DESC, p.id DESC LIMIT 200",
        clock.micros(clock.now()),
    )
    if not rows:
        return []
    wanted = db.padded(list(dict.fromkeys(int(row[0]) for row in rows)))
    events = await db.rows(
        f"SELECT order_id, actor, tag FROM audit_events WHERE order_id IN ({db.marks(wanted)}) ORDER BY order_id, seq",
        *wanted,
    )
    # The blue book knows who queued it; an order that was processed twice belongs to who did so last.
    queued = {
        int(row[0]): (str(row[1]), str(row[2])) for row in events if str(row[2]).endswith(f":{Axis.PURCHASE}:queue")
    }
    found: dict[int, Hold] = {}
    for order_id, number, at in [tuple(row) for row in rows]:
        by, tag = queued.get(int(order_id), ("", ""))
        found.setdefault(int(order_id), Hold(int(order_id), str(number), clock.moment(at), by, tag.partition(":")[0]))
    return list(found.values())


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
