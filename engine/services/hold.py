"""Holding an order back, letting it go on, and putting it out of sight for a while."""

from __future__ import annotations

from engine.domain.states import PurchaseState
from engine.errors import Invalid, NotFound
from engine.services import check, lifecycle
from engine.services.casefile import Case
from engine.services.lifecycle import Actor, Work


async def hold(order_id: int, reason: str, by: Actor) -> None:
    """The order is on hold until released; what was queued is a draft again. Raises NotFound, Invalid."""
    if not reason.strip():
        raise Invalid("say why the order is held", "reason")
    async with lifecycle.change([order_id], by=by) as work:
        case = only(work, order_id)
        work.event(case, "order:hold", reason)
        work.hold(case, reason.strip())
        for po in case.purchases:
            if po.state == PurchaseState.QUEUED and po.attempt == 0:
                work.move(case, po, "undo", "the order is on hold", release_at=None)


async def release(order_id: int, by: Actor) -> None:
    """The order is no longer on hold, and checked again."""
    async with lifecycle.change([order_id], by=by) as work:
        case = only(work, order_id)
        if not case.order.held:
            raise Invalid(f"order {case.order.number} is not on hold")
        work.event(case, "order:release", "released")
        work.lift(case)
        await check.check(work, [case])


async def snooze(order_id: int, seconds: float, by: Actor) -> None:
    """The order is out of the queue's sight for so long; 0 brings it back."""
    async with lifecycle.change([order_id], by=by) as work:
        case = only(work, order_id)
        until = work.now + int(seconds * 1_000_000) if seconds > 0 else None
        work.event(case, "order:snooze", "snoozed" if until else "back in the queue")
        work.put(case, case.order, snoozed_until=until)


def only(work: Work, order_id: int) -> Case:
    """The case of the one order that is being changed; raises NotFound."""
    case = work.case(order_id)
    if case is None:
        raise NotFound(f"there is no order {order_id}")
    return case
