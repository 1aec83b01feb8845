"""A supplier's invoice against what was ordered and what was shipped: every way in which it does not fit, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from engine.domain import money


class Ordered(msgspec.Struct, frozen=True):
    """A line of the purchase order: pieces ordered (canceled ones left out) and shipped, and what one was ordered at."""

    line: int
    supplier_sku: str
    quantity: int
    shipped: int
    unit_cost: int


class Charged(msgspec.Struct, frozen=True):
    """A line of the invoice; ``line`` 0: it names the item only. Costs in minor units, None: not said."""

    line: int
    supplier_sku: str
    quantity: int
    unit_cost: int | None = None


class Bill(msgspec.Struct, frozen=True, kw_only=True):
    """An invoice or credit note; amounts in minor units of ``currency``."""

    number: str
    currency: str
    lines: Sequence[Charged]
    total: int | None = None
    charges: int = 0
    credit: bool = False


class Compared(msgspec.Struct, frozen=True):
    """``differs``: for a person. ``waits``: it charges what is not shipped yet, which may be a matter of hours."""

    differs: tuple[str, ...] = ()
    waits: tuple[str, ...] = ()


def compare(
    ordered: Sequence[Ordered], currency: str, bill: Bill, before: Mapping[str, int], tolerance: int
) -> tuple[Compared, dict[str, int]]:
    """What does not fit, and the pieces charged by SKU with this one. ``before`` are those of earlier invoices.

    By SKU and not by line, as an invoice may add up what was ordered in two lines. A cost may be ``tolerance`` percent off what
    was ordered at, either way.
    """
    if bill.currency != currency:
        return Compared((f"it is in {bill.currency}, ordered in {currency}",)), dict(before)
    if not bill.lines:
        return Compared(("it lists no pieces to compare",)), dict(before)
    differs: list[str] = []
    charged = dict(before)
    touched: dict[str, list[Ordered]] = {}
    for said in bill.lines:
        lines = _find(ordered, said)
        if not lines:
            what = said.supplier_sku or f"line {said.line}"
            differs.append(f"it charges {said.quantity} × {what}, which was not ordered")
            continue
        sku = lines[0].supplier_sku
        touched[sku] = lines
        charged[sku] = charged.get(sku, 0) + (-said.quantity if bill.credit else said.quantity)
        if said.unit_cost is not None and not any(_close(said.unit_cost, line.unit_cost, tolerance) for line in lines):
            now, then = money.show(said.unit_cost, currency), money.show(lines[0].unit_cost, currency)
            differs.append(f"{sku} at {now}, ordered at {then}")
    waits: list[str] = []
    for sku, lines in touched.items():
        count, wanted, shipped = charged[sku], sum(x.quantity for x in lines), sum(x.shipped for x in lines)
        if count > wanted:
            differs.append(f"{count} × {sku} charged in all, {wanted} ordered")
        elif count < 0:
            differs.append(f"{-count} × {sku} more credited than charged")
        elif count > shipped and not bill.credit:
            waits.append(f"{count} × {sku} charged in all, {shipped} shipped")
    differs += _sum(bill)
    return Compared(tuple(differs), tuple(waits)), charged


def _find(ordered: Sequence[Ordered], said: Charged) -> list[Ordered]:
    """The lines of the item that is charged; none where line number and SKU contradict each other."""
    sku = said.supplier_sku or next((one.supplier_sku for one in ordered if said.line and one.line == said.line), "")
    return [one for one in ordered if one.supplier_sku == sku]


def _close(charged: int, ordered: int, tolerance: int) -> bool:
    return abs(charged - ordered) * 100 <= ordered * tolerance


def _sum(bill: Bill) -> list[str]:
    if bill.total is None or any(line.unit_cost is None for line in bill.lines):
        return []
    found = sum(line.quantity * (line.unit_cost or 0) for line in bill.lines) + bill.charges
    if found == bill.total:
        return []
    said, came = money.show(bill.total, bill.currency), money.show(found, bill.currency)
    return [f"its total is {said}, its lines and charges come to {came}"]
