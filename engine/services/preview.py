"""What processing some orders would do, before it is done: what is sent to whom, and which orders are left out and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal

import msgspec

from engine import clock
from engine.domain import money
from engine.domain.issues import ISSUES, IssueCode
from engine.services import catalog, loading, margin, process
from engine.services.casefile import Case
from engine.services.catalog import SupplierRow
from engine.settings import settings

BATCH = 200


class Limits(msgspec.Struct, frozen=True):
    """The most one person processes in one go: orders, and what they are worth in major units of each currency; 0 is no
    limit."""

    orders: int = 0
    value: Decimal = Decimal(0)

    @classmethod
    def in_force(cls) -> Limits:
        """Those of the settings."""
        return cls(settings().bulk_orders, settings().bulk_value)

    def reached(self, found: Preview, case: Case) -> bool:
        """Would this order too be more than one person may?"""
        if self.orders and len(found.ready) >= self.orders:
            return True
        sums = {currency: found.totals.get(currency, 0) + value for currency, value in margin.worth(case).items()}
        return bool(self.value) and any(money.major(total, currency) > self.value for currency, total in sums.items())


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
    """``ready``: the ids that would be held and sent. ``totals`` by currency, and the ``largest`` (number, amount, currency):
    an order counts with its total, or with what its purchase orders cost where that is more.

    ``beyond`` are the ids that were not looked at any more, from the first on that was beyond the limits.
    """

    ready: list[int] = msgspec.field(default_factory=list)
    left_out: list[LeftOut] = msgspec.field(default_factory=list)
    suppliers: list[SupplierShare] = msgspec.field(default_factory=list)
    totals: dict[str, int] = msgspec.field(default_factory=dict)
    largest: tuple[str, int, str] | None = None
    oldest: datetime | None = None
    beyond: list[int] = msgspec.field(default_factory=list)

    def reasons(self) -> dict[str, int]:
        """How many are left out for each reason, the commonest first."""
        return dict(Counter(order.short for order in self.left_out).most_common())


async def preview(order_ids: Sequence[int], limits: Limits | None = None) -> Preview:
    """What ``process.process`` would do to these orders as they stand, in their order up to the limits."""
    limits = limits or Limits()
    found = Preview()
    known = await catalog.suppliers()
    shares: dict[tuple[int, str], SupplierShare] = {}
    for start in range(0, len(order_ids), BATCH):
        wanted = list(order_ids[start : start + BATCH])
        cases = {case.order.id: case for case in await loading.load(wanted)}
        for order_id in wanted:
            case = cases.get(order_id)
            reason = process.problem(case) if case is not None else "there is no such order"
            if case is None or reason:
                number, short = (case.order.number, _short(case)) if case is not None else (str(order_id), "GONE")
                found.left_out.append(LeftOut(number, short, reason))
                continue
            if limits.reached(found, case):
                found.beyond = list(order_ids[start + wanted.index(order_id) :])
                break
            _add(found, case)
            _share(shares, case, known)
        if found.beyond:
            break
    found.suppliers = sorted(shares.values(), key=lambda share: share.supplier)
    return found


def _share(shares: dict[tuple[int, str], SupplierShare], case: Case, known: Mapping[int, SupplierRow]) -> None:
    for po in case.drafts():
        key = (po.supplier_id, po.currency)
        share = shares.setdefault(key, SupplierShare(known[po.supplier_id].code, po.currency))
        share.purchase_orders += 1
        share.cost += sum(line.unit_cost * (line.quantity - line.canceled) for line in po.lines)


def _add(found: Preview, case: Case) -> None:
    order = case.order
    found.ready.append(order.id)
    for currency, value in margin.worth(case).items():
        found.totals[currency] = found.totals.get(currency, 0) + value
        if found.largest is None or value > found.largest[1]:
            found.largest = (order.number, value, currency)
    placed = clock.moment(order.placed_at)
    found.oldest = placed if found.oldest is None else min(found.oldest, placed)


def _short(case: Case) -> str:
    if case.order.held:
        return "on hold"
    blocking = [kind for issue in case.issues if (kind := ISSUES[IssueCode(issue.code)]).checked]
    return blocking[0].short if blocking else case.order.status.replace("_", " ")
