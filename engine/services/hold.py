"""Holding an order back, letting it go on, and putting it out of sight for a while."""

from __future__ import annotations

from engine.domain.states import OVER, PurchaseState
from engine.errors import Invalid, NotFound, Refused
from engine.services import check, lifecycle
from engine.services.casefile import Case
from engine.services.lifecycle import Actor, Work


async def hold(order_id: int, reason: str, by: Actor) -> None:
    """The order is on hold until released; what was queued is a draft again. Raises NotFound, Invalid, Refused."""
    if not reason.strip():
        raise Invalid("say why the order is held", "reason")
    async with lifecycle.change([order_id], by=by) as work:
        case = only(work, order_id)
        _demand_open(case, "to hold back")
        work.event(case, "order:hold", reason)
        work.hold(case, reason.strip())
        for po in case.purchases:
            if po.state == PurchaseState.QUEUED and po.attempt == 0:
                work.move(case, po, "undo", "the order is on hold", release_at=None)


async def release(order_id: int, by: Actor) -> None:
    """The order is no longer on hold, and checked again. Raises Refused where it is not on hold."""
    async with lifecycle.change([order_id], by=by) as work:
        case = only(work, order_id)
        if not case.order.held:
            raise Refused(f"order {case.order.number} is not on hold")
        work.event(case, "order:release", "released")
        work.lift(case)
        await check.check(work, [case])


async def snooze(order_id: int, seconds: float, by: Actor) -> None:
    """The order is out of the queue's sight for so long; 0 brings it back. Raises Refused where it is over."""
    async with lifecycle.change([order_id], by=by) as work:
        case = only(work, order_id)
        until = work.now + round(seconds * 1_000_000) if seconds > 0 else None
        if until is not None or case.order.snoozed_until is None:
            _demand_open(case, "to wait for")
        work.event(case, "order:snooze", "snoozed" if until else "back in the queue")
        work.put(case, case.order, snoozed_until=until)


def _demand_open(case: Case, what: str) -> None:
    if case.order.status in OVER:
        raise Refused(f"order {case.order.number} is {case.order.status}: there is nothing left {what}")


def only(work: Work, order_id: int) -> Case:
    """The case of the one order that is being changed; raises NotFound."""
    case = work.case(order_id)
    if case is None:
        raise NotFound(f"there is no order {order_id}")
    return case
