"""Unsent: purchase orders that are due and could not be sent yet, and why. They are tried again by themselves."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from engine import clock, db
from engine.services.outbox import STOPPED

MOST = 500
"""So many at most are looked at, those that wait longest; a supplier that has more has at least so many."""
BUSY = "another worker is preparing it"

_TRIED = "task = 'purchases.submit' AND state IN ('ready', 'claimed') AND error <> '' AND error NOT IN (?, ?)"
_SINCE = (
    "(SELECT MIN(t.started_at) FROM submissions AS t WHERE t.purchase_order_id = p.id AND t.attempt > COALESCE("
    "(SELECT MAX(u.attempt) FROM submissions AS u WHERE u.purchase_order_id = p.id "
    "AND u.outcome NOT IN ('deferred', 'pending')), 0))"
)
"""The first of the attempts in a row of which none left the house."""


class Unsent(msgspec.Struct, frozen=True, kw_only=True):
    """A supplier that could not be reached with ``count`` purchase orders, the first at ``since``; ``next_at`` is when the
    next of them is tried again. ``more``: there may be more of them, that were not looked at."""

    supplier: str
    count: int
    more: bool
    since: datetime
    next_at: datetime
    reason: str


class Waits(msgspec.Struct, frozen=True):
    """Why a purchase order could not be sent the last time, and when it is tried again."""

    reason: str
    next_at: datetime


async def suppliers() -> tuple[Unsent, ...]:
    """The suppliers that could not be reached, that which waits longest first."""
    found = await db.rows(
        f"WITH tried AS MATERIALIZED (SELECT subject_id, created_at, run_at, error FROM outbox WHERE {_TRIED} "
        f"ORDER BY created_at, id LIMIT {MOST}) "
        f"SELECT s.code, p.id, COALESCE({_SINCE}, p.release_at, tried.created_at), tried.run_at, tried.error FROM tried "
        "JOIN purchase_orders AS p ON p.id = tried.subject_id JOIN suppliers AS s ON s.id = p.supplier_id "
        "WHERE p.state IN ('queued', 'submitting')",
        STOPPED, BUSY,
    )  # fmt: skip
    by_code: dict[str, dict[int, tuple[int, int, str]]] = {}
    for code, number, since, run_at, error in found:
        by_code.setdefault(str(code), {})[int(number)] = (int(since), int(run_at), str(error))
    told = []
    for code, those in by_code.items():
        since, _, reason = min(those.values())
        next_at = clock.moment(min(run_at for _, run_at, _ in those.values()))
        more = len(found) >= MOST
        told.append(
            Unsent(
                supplier=code, count=len(those), more=more, since=clock.moment(since), next_at=next_at, reason=reason
            )
        )
    return tuple(sorted(told, key=lambda one: one.since))


async def waits(purchase_order_ids: Sequence[int]) -> dict[int, Waits]:
    """Those of the purchase orders that could not be sent yet."""
    if not purchase_order_ids:
        return {}
    wanted = db.padded(purchase_order_ids)
    found = await db.rows(
        f"SELECT subject_id, error, run_at FROM outbox WHERE {_TRIED} AND subject_id IN ({db.marks(wanted)}) "
        "ORDER BY created_at, id",
        STOPPED, BUSY, *wanted,
    )  # fmt: skip
    return {int(r[0]): Waits(str(r[1]), clock.moment(r[2])) for r in found}
