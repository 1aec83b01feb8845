"""What an order brings and what it costs, as it stands: in minor units, by currency where suppliers have others.

Paid is what the channel says was paid. Pieces that were added here bring nothing, however many they are.
"""

from __future__ import annotations

from engine.domain import money
from engine.domain.states import DEAD
from engine.services.casefile import Case, LineRecord

TOLD_LINES = 3


def costs(case: Case) -> dict[str, int]:
    """What its live purchase orders cost, by currency."""
    found: dict[str, int] = {}
    for po in case.purchases:
        if po.state not in DEAD and not po.superseded:
            cost = sum(line.unit_cost * (line.quantity - line.canceled) for line in po.lines)
            found[po.currency] = found.get(po.currency, 0) + cost
    return found


def worth(case: Case) -> dict[str, int]:
    """What it counts for where a limit is by value: its total, or what its purchase orders cost, whichever is more."""
    found, order = costs(case), case.order
    found[order.currency] = max(found.get(order.currency, 0), order.total)
    return found


def paid(case: Case) -> int | None:
    """What the customer paid for it without taxes, as the channel told it; None where it told no prices."""
    order = case.order
    if order.total:
        return order.total - order.tax_total
    # Nothing to pay after discounts, or a channel that tells prices and no total.
    listed = sum(line.unit_price * line.ordered for line in case.lines)
    return max(0, listed + order.shipping_total - order.discount_total) if listed else None


def percent(case: Case) -> int | None:
    """What remains of the paid items' price after what suppliers take, in percent rounded down; None where unknown."""
    order, cost = case.order, costs(case)
    items = sum(line.unit_price * min(line.wanted, line.ordered) for line in case.lines) - order.discount_total
    if items <= 0 or set(cost) - {order.currency}:
        return None
    return (items - cost.get(order.currency, 0)) * 100 // items


def added(case: Case) -> list[LineRecord]:
    """The lines of which more is wanted than the channel ordered."""
    return [line for line in case.lines if line.added and line.wanted > line.ordered]


def loses(case: Case) -> bool:
    """Do its purchase orders surely cost more than the customer paid for all of it?"""
    cost, brings = costs(case), paid(case)
    comparable = brings is not None and not set(cost) - {case.order.currency}
    return comparable and cost.get(case.order.currency, 0) > (brings or 0)


def told(case: Case) -> str:
    """Both sums, and what is more than was ordered, in words."""
    order, lines = case.order, added(case)
    cost = " and ".join(money.show(amount, currency) for currency, amount in sorted(costs(case).items()))
    brings = paid(case)
    taxes = " without taxes" if order.tax_total else ""
    sums = f"costs {cost}" + (f", paid {money.show(brings, order.currency)}{taxes}" if brings is not None else "")
    more = [f"{line.wanted} × {line.sku or line.title} instead of {line.ordered}" for line in lines[:TOLD_LINES]]
    more += [f"{len(lines) - TOLD_LINES} more lines"] if len(lines) > TOLD_LINES else []
    return f"{sums}; {', '.join(more)}" if more else sums
