"""How suppliers do: how many purchase orders, how fast they accept and ship, and how many fail."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import msgspec

from engine import clock, db
from engine.domain.states import PurchaseState
from engine.services.conditions import by_index
from engine.services.dashboard import percentile
from engine.services.filters import Filters
from engine.services.reports import Count, Scope

P = PurchaseState
SAMPLE = 750
LEAST = 100
INDEX = "purchase_orders_supplier"
FAILED = (P.FAILED, P.REJECTED)
SHIPPED = (P.PARTIALLY_SHIPPED, P.SHIPPED, P.CLOSED)
UNSHIPPED = (P.SUBMITTED, P.ACKNOWLEDGED, P.BACKORDERED)
BINS = (0, 4, 8, 12, 18, 24, 36, 48, 72, 120)
"""Hours at which a histogram's bars begin; the last has no end."""


class Bin(msgspec.Struct, frozen=True):
    """Shipped purchase orders of the sample that took from so many hours up to so many (None: or more)."""

    from_hours: int
    to_hours: int | None
    count: int
    filters: Filters


class SupplierRow(msgspec.Struct, frozen=True, kw_only=True):
    """A supplier's purchase orders of the period. Hours are from sent; None without any.

    ``orders`` and ``failed`` are of all of them. The rest is of a sample: the latest that were accepted or shipped, some
    hundred of each supplier. ``in_time``: percent that shipped within ``promised_hours``, those counted against it that have not
    shipped though that time is over. ``sampled`` is how many shipped ones ``bins`` are of.
    """

    supplier_id: int
    supplier: str
    code: str
    promised_hours: float
    orders: Count
    failed: Count
    failed_percent: float | None
    accepted_p90: float | None
    shipped_p50: float | None
    shipped_p90: float | None
    in_time: float | None
    sampled: int
    bins: tuple[Bin, ...]


async def suppliers(s: Scope) -> list[SupplierRow]:
    """Every supplier's row, the one with most purchase orders first. A purchase order is of the period it was made in.

    Of all channels, whatever the scope says: how fast a supplier is has nothing to do with where something was sold.
    """
    known = await db.rows("SELECT id, name, code, tracking_hours, archived_at FROM suppliers ORDER BY name")
    if not known:
        return []
    ids = [int(r[0]) for r in known]
    counts = await _counts(s, ids)
    known = [r for r in known if r[4] is None or int(r[0]) in counts]
    size = max(SAMPLE // len(ids), LEAST)
    samples = await db.at_once(*[_sample(s, int(r[0]), size) for r in known])
    found = [_row(s, tuple(r)[:4], counts.get(int(r[0]), {}), sample) for r, sample in zip(known, samples, strict=True)]
    return sorted(found, key=lambda row: -row.orders.count)


async def _counts(s: Scope, ids: Sequence[int]) -> dict[int, dict[str, int]]:
    """How many purchase orders by supplier and state."""
    states = tuple(state for state in PurchaseState if state != P.CANCELED)
    named = " UNION ALL ".join(["SELECT CAST(? AS TEXT) AS state"] * len(states))
    # One count for each, which both databases take from the index without looking at what is in it.
    each = (
        f"(SELECT COUNT(*) FROM purchase_orders {by_index(INDEX)} WHERE supplier_id = s.id AND state = n.state "
        "AND created_at >= ?)"
    )
    rows = await db.rows(
        f"SELECT s.id, n.state, {each} FROM suppliers AS s CROSS JOIN ({named}) AS n WHERE s.id IN ({db.marks(ids)})",
        clock.micros(s.since), *states, *ids,
    )  # fmt: skip
    found: dict[int, dict[str, int]] = {}
    for supplier, state, count in [tuple(r) for r in rows]:
        if count:
            found.setdefault(int(supplier), {})[str(state)] = int(count)
    return found


async def _sample(s: Scope, supplier_id: int, size: int) -> list[tuple[Any, ...]]:
    """(state, sent, accepted, first parcel) of the latest purchase orders in each state that says how long it took."""
    parts, values = [], []
    for n, state in enumerate((*SHIPPED, *UNSHIPPED)):
        parts.append(
            f"SELECT * FROM (SELECT id, state, sent_at, acknowledged_at FROM purchase_orders {by_index(INDEX)} "
            "WHERE supplier_id = ? AND state = ? AND created_at >= ? AND sent_at IS NOT NULL "
            f"ORDER BY created_at DESC LIMIT {size}) AS s{n}"
        )
        values += [supplier_id, state, clock.micros(s.since)]
    rows = await db.rows(
        "SELECT q.state, q.sent_at, q.acknowledged_at, (SELECT MIN(h.shipped_at) FROM shipments AS h "
        f"WHERE h.purchase_order_id = q.id) FROM ({' UNION ALL '.join(parts)}) AS q",
        *values,
    )
    return [tuple(r) for r in rows]


def _row(s: Scope, about: tuple[Any, ...], counts: dict[str, int], sample: list[tuple[Any, ...]]) -> SupplierRow:
    number, name, code, promised = about
    mine = Filters(supplier_ids=(int(number),), purchase_from=s.since)
    accepted = sorted(max(r[2] - r[1], 0) / 3.6e9 for r in sample if r[2] is not None)
    shipped = sorted(max(r[3] - r[1], 0) / 3.6e9 for r in sample if r[3] is not None)
    now = clock.micros(s.now)
    overdue = sum(r[3] is None and r[0] in UNSHIPPED and (now - r[1]) / 3.6e9 > promised for r in sample)
    orders, failed = sum(counts.values()), sum(counts.get(state, 0) for state in FAILED)
    judged = len(shipped) + overdue
    replace = msgspec.structs.replace
    live = tuple(state for state in PurchaseState if state != P.CANCELED)
    return SupplierRow(
        supplier_id=int(number),
        supplier=name,
        code=code,
        promised_hours=float(promised),
        orders=Count(orders, replace(mine, purchase_states=live)),
        failed=Count(failed, replace(mine, purchase_states=FAILED)),
        failed_percent=100 * failed / orders if orders else None,
        accepted_p90=percentile(accepted, 90),
        shipped_p50=percentile(shipped, 50),
        shipped_p90=percentile(shipped, 90),
        in_time=100 * sum(hours <= promised for hours in shipped) / judged if judged else None,
        sampled=len(shipped),
        bins=_bins(shipped, mine),
    )


def _bins(hours: Sequence[float], filters: Filters) -> tuple[Bin, ...]:
    # The hours come sorted.
    found = []
    for low, high in [*pairwise(BINS), (BINS[-1], None)]:
        count = (len(hours) if high is None else bisect_left(hours, high)) - bisect_left(hours, low)
        lead = msgspec.structs.replace(
            filters, lead_from=low * 3600 if low else None, lead_to=None if high is None else high * 3600,
            purchase_states=SHIPPED,
        )  # fmt: skip
        found.append(Bin(low, high, count, lead))
    return tuple(found)
