"""What follows from an order's parts: the quantities of its lines, and what its status depends on. Nothing is changed."""

from __future__ import annotations

import msgspec

from engine.domain.issues import ISSUES, IssueCode
from engine.domain.states import COMMITTED, DEAD, LineFacts, OrderFacts, PurchaseState
from engine.services.casefile import Case, LineRecord

_QUEUED = PurchaseState.QUEUED.value


class Quantities(msgspec.Struct, frozen=True):
    """What follows for an order line from the purchase orders that serve it, in pieces of the order line."""

    allocated: int
    submitted: int
    acknowledged: int
    backordered: int
    shipped: int
    canceled: int
    pending: int


def quantities(case: Case) -> dict[int, Quantities]:
    """The derived quantities of each line, by its position. A kit counts as shipped in as many pieces as its scarcest part."""
    sums: dict[int, dict[int, list[int]]] = {}
    for po in case.purchases:
        live, sent = po.state not in DEAD, po.state in COMMITTED
        for po_line in po.lines:
            line, per_unit = po_line.line, po_line.per_unit
            if line is None or not per_unit:
                continue
            total = sums.setdefault(line.position, {}).setdefault(po_line.product_id, [0, 0, 0, 0, 0, per_unit, 0])
            if po.superseded:
                # Nobody ships it, and it is wanted all the same: a kit without it is not whole.
                continue
            quantity = po_line.quantity - po_line.canceled
            total[4] += po_line.shipped
            if live:
                total[0] += quantity
            if sent:
                total[1] += quantity
                total[2] += po_line.acknowledged
                total[3] += po_line.backordered
            # What is queued is not with the supplier yet, but nobody here needs to do anything about it.
            if sent or po.state == _QUEUED:
                total[6] += quantity
    return {line.position: _quantities(line, sums.get(line.position, {})) for line in case.lines}


def _quantities(line: LineRecord, sums: dict[int, list[int]]) -> Quantities:
    if not sums:
        canceled = min(line.cancel_asked, line.quantity)
        return Quantities(0, 0, 0, 0, 0, canceled, line.quantity - canceled)
    if len(sums) == 1:
        return _of_one(line, *sums.popitem()[1])
    per_component = list(sums.values())
    touched = [-(-max(t[1], t[4]) // t[5]) for t in per_component]
    on_its_way = (n for n, t in zip(touched, per_component, strict=True) if t[1] > t[4])
    # A kit of which a part has gone and another never will is not whole: its piece can be canceled.
    most_sent = max(min(touched), max(on_its_way, default=0))
    canceled = max(0, min(line.cancel_asked, line.quantity - most_sent))
    floor = [[min(line.quantity, n // t[5]) for n in (*t[:5], t[6])] for t in per_component]
    allocated, submitted, acknowledged, backordered, shipped, going = (min(f[i] for f in floor) for i in range(6))
    pending = max(0, line.quantity - canceled - max(going, shipped))
    return Quantities(allocated, submitted, acknowledged, backordered, shipped, canceled, pending)


def _of_one(
    line: LineRecord, allocated: int, sent: int, acknowledged: int, backordered: int, shipped: int, per_unit: int, going: int
) -> Quantities:  # fmt: skip
    """As ``_quantities``, for a line of one product, as most are."""
    whole = line.quantity
    if not (sent or acknowledged or backordered or shipped or going):  # drafts only, as of every new order
        canceled = min(line.cancel_asked, whole)
        return Quantities(min(whole, allocated // per_unit), 0, 0, 0, 0, canceled, whole - canceled)
    gone = min(whole, shipped // per_unit)
    canceled = max(0, min(line.cancel_asked, whole + (-max(sent, shipped) // per_unit)))
    return Quantities(
        min(whole, allocated // per_unit), min(whole, sent // per_unit), min(whole, acknowledged // per_unit),
        min(whole, backordered // per_unit), gone, canceled,
        max(0, whole - canceled - max(min(whole, going // per_unit), gone)),
    )  # fmt: skip


_TROUBLED = (PurchaseState.FAILED, PurchaseState.REJECTED, PurchaseState.OUTCOME_UNKNOWN)


def facts(case: Case, found: dict[int, Quantities]) -> OrderFacts:
    """What the order's status depends on; ``found`` is ``quantities`` by line position."""
    lines = []
    for line in case.lines:
        q = found[line.position]
        lines.append(LineFacts(line.quantity, q.shipped, q.canceled, q.pending))
    troubled = False
    for po in case.purchases:
        if po.superseded or po.state not in _TROUBLED:
            continue
        if po.state == PurchaseState.OUTCOME_UNKNOWN or any(
            po_line.line is not None and found[po_line.line.position].pending for po_line in po.lines
        ):
            troubled = True
    return OrderFacts(
        lines=tuple(lines),
        troubled=troubled,
        held=bool(case.order.held),
        blocked=any(ISSUES[IssueCode(issue.code)].checked for issue in case.issues),
        pushes=tuple(s.push for s in case.shipments),
    )
