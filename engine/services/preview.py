"""What processing some orders would do, before it is done: what is sent to whom, and which orders are left out and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

import msgspec

from engine import clock
from engine.domain.issues import ISSUES, IssueCode
from engine.services import catalog, loading, process
from engine.services.casefile import Case

BATCH = 200


class SupplierShare(msgspec.Struct):
    """What one supplier would get: ``cost`` in minor units of ``currency``."""

    supplier: str
    currency: str
    purchase_orders: int = 0
    cost: int = 0


class LeftOut(msgspec.Struct, frozen=True):
    """An order that cannot be processed now: ``short`` in a word, ``reason`` in full."""

    number: str
    short: str
    reason: str


class Preview(msgspec.Struct):
    """``ready``: the ids that would be held and sent. ``totals`` by currency, and the ``largest`` (number, total, currency)."""

    ready: list[int] = msgspec.field(default_factory=list)
    left_out: list[LeftOut] = msgspec.field(default_factory=list)
    suppliers: list[SupplierShare] = msgspec.field(default_factory=list)
    totals: dict[str, int] = msgspec.field(default_factory=dict)
    largest: tuple[str, int, str] | None = None
    oldest: datetime | None = None

    def reasons(self) -> dict[str, int]:
        """How many are left out for each reason, the commonest first."""
        return dict(Counter(order.short for order in self.left_out).most_common())


async def preview(order_ids: Sequence[int]) -> Preview:
    """What ``process.process`` would do to these orders as they stand."""
    found = Preview()
    known = await catalog.suppliers()
    shares: dict[tuple[int, str], SupplierShare] = {}
    for start in range(0, len(order_ids), BATCH):
        for case in await loading.load(list(order_ids[start : start + BATCH])):
            reason = process.problem(case)
            if reason:
                found.left_out.append(LeftOut(case.order.number, _short(case), reason))
                continue
            _add(found, case)
            for po in case.drafts():
                share = shares.setdefault(
                    (po.supplier_id, po.currency), SupplierShare(known[po.supplier_id].code, po.currency)
                )
                share.purchase_orders += 1
                share.cost += sum(line.unit_cost * (line.quantity - line.canceled) for line in po.lines)
    found.suppliers = sorted(shares.values(), key=lambda share: share.supplier)
    return found


def _add(found: Preview, case: Case) -> None:
    order = case.order
    found.ready.append(order.id)
    found.totals[order.currency] = found.totals.get(order.currency, 0) + order.total
    if found.largest is None or order.total > found.largest[1]:
        found.largest = (order.number, order.total, order.currency)
    placed = clock.moment(order.placed_at)
    found.oldest = placed if found.oldest is None else min(found.oldest, placed)


def _short(case: Case) -> str:
    if case.order.held:
        return "on hold"
    blocking = [kind for issue in case.issues if (kind := ISSUES[IssueCode(issue.code)]).checked]
    return blocking[0].short if blocking else case.order.status.replace("_", " ")
