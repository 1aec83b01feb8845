"""The table of states: every pair of state and move, every state reachable, and the status that follows from the parts."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.domain.states import (
    CANCELABLE,
    COMMITTED,
    DEAD,
    INITIAL,
    TRANSITIONS,
    UNSENT,
    Axis,
    LineFacts,
    OrderFacts,
    OrderStatus,
    PurchaseState,
    Push,
    Transit,
    allowed,
    order_status,
)

STATES: dict[Axis, list[str]] = {
    Axis.PURCHASE: list(PurchaseState), Axis.PUSH: list(Push), Axis.TRANSIT: list(Transit),
}  # fmt: skip
SENT = "submitted acknowledged backordered"
SHIPPABLE = f"{SENT} partially_shipped cancel_requested"
# Written a second time and by hand, so that a slip of the pen in the table is noticed: move: (from, to, follow-up job).
DESIGN: dict[str, tuple[str, str, str | None]] = {
    "queue": ("draft", "queued", "purchases.submit"),
    "undo": ("queued", "draft", None),
    "begin_submit": ("queued", "submitting", None),
    "defer": ("submitting", "queued", "purchases.submit"),
    "accept": ("submitting outcome_unknown", "submitted", None),
    "prove": ("queued failed", "submitted", None),
    "refuse": ("submitting outcome_unknown", "failed", None),
    "lose_answer": ("submitting", "outcome_unknown", "purchases.find"),
    "not_found": ("outcome_unknown", "queued", "purchases.submit"),
    "bounce": ("submitted", "failed", None),
    "doubt": ("submitted", "outcome_unknown", None),
    "acknowledge": ("submitted backordered", "acknowledged", None),
    "backorder": ("submitted acknowledged", "backordered", None),
    "reject": (f"{SENT} cancel_requested", "rejected", None),
    "ship_some": (SHIPPABLE, "partially_shipped", None),
    "ship_all": (SHIPPABLE, "shipped", None),
    "reopen": ("failed", "draft", None),
    "request_cancel": (SENT, "cancel_requested", "purchases.cancel"),
    "refuse_cancel": ("cancel_requested", SENT, None),
    "cancel": (f"{SENT} cancel_requested", "canceled", None),
    "drop": ("draft queued", "canceled", None),
    "close": ("shipped", "closed", None),
    "begin_push": ("pending", "pushing", None),
    "confirm_push": ("pushing", "confirmed", None),
    "defer_push": ("pushing", "pending", "tracking.push"),
    "refuse_push": ("pushing", "failed", None),
    "retry_push": ("failed", "pending", "tracking.push"),
    "suppress_push": ("pending failed", "suppressed", None),
    "depart": ("announced exception", "in_transit", None),
    "deliver": ("announced in_transit exception", "delivered", None),
    "stall": ("announced in_transit", "exception", None),
    "void": ("announced", "voided", None),
}


def test_the_table_has_the_moves_of_the_design_and_no_others() -> None:
    assert set(TRANSITIONS) == set(DESIGN)


@pytest.mark.parametrize("name", DESIGN)
def test_a_move_is_allowed_from_its_sources_and_from_no_other_state(name: str) -> None:
    sources, targets, job = DESIGN[name]
    step = TRANSITIONS[name]
    for state in STATES[step.axis]:
        assert (name in allowed(step.axis, state)) == (state in sources.split())
    for axis in set(Axis) - {step.axis}:
        assert not any(name in allowed(axis, state) for state in STATES[axis])
    assert step.targets() == frozenset(targets.split())
    assert step.job == job
    assert step.why


@pytest.mark.parametrize("axis", Axis)
def test_every_state_can_be_reached_from_the_first(axis: Axis) -> None:
    seen, edge = {str(INITIAL[axis])}, [str(INITIAL[axis])]
    while edge:
        for name in allowed(axis, edge.pop()):
            fresh = {str(target) for target in TRANSITIONS[name].targets()} - seen
            seen |= fresh
            edge += fresh
    assert seen == {str(state) for state in STATES[axis]}


def test_a_cancellation_can_be_asked_for_exactly_where_its_refusal_leads_back() -> None:
    assert set(CANCELABLE) == TRANSITIONS["request_cancel"].sources == TRANSITIONS["refuse_cancel"].targets()


def test_only_the_supplier_or_nobody_ends_what_a_supplier_may_have() -> None:
    assert set(PurchaseState) == UNSENT | DEAD | COMMITTED
    assert len(UNSENT) + len(DEAD) + len(COMMITTED) == len(PurchaseState)
    back = {"defer", "not_found"}
    for step in TRANSITIONS.values():
        if step.axis is Axis.PURCHASE and step.sources & COMMITTED and step.targets() & UNSENT:
            assert step.name in back


def test_a_purchase_order_is_never_sent_from_where_its_answer_is_unknown() -> None:
    assert "begin_submit" not in allowed(Axis.PURCHASE, PurchaseState.OUTCOME_UNKNOWN)
    assert allowed(Axis.PURCHASE, PurchaseState.OUTCOME_UNKNOWN) == ["accept", "refuse", "not_found"]


# --- the order's status -----------------------------------------------------------------------------------------------


@st.composite
def line(draw: st.DrawFn) -> LineFacts:
    ordered = draw(st.integers(1, 5))
    shipped = draw(st.integers(0, ordered))
    canceled = draw(st.integers(0, ordered - shipped))
    return LineFacts(ordered, shipped, canceled, draw(st.integers(0, ordered - shipped - canceled)))


orders = st.builds(
    OrderFacts,
    lines=st.lists(line(), min_size=1, max_size=4).map(tuple),
    troubled=st.booleans(),
    held=st.booleans(),
    blocked=st.booleans(),
    pushes=st.lists(st.sampled_from(Push).map(str), max_size=3).map(tuple),
)
# The design's sentence, in its order: the first that is true is the status.
FIRST_MATCH: list[tuple[OrderStatus, Callable[[OrderFacts], bool]]] = [
    (OrderStatus.CANCELED, lambda o: all(x.canceled == x.ordered for x in o.lines)),
    (OrderStatus.FAILED, lambda o: o.troubled),
    (OrderStatus.ON_HOLD, lambda o: o.held and any(x.pending for x in o.lines)),
    (OrderStatus.UNRESOLVED, lambda o: o.blocked and any(x.pending for x in o.lines)),
    (OrderStatus.READY, lambda o: any(x.pending for x in o.lines)),
    (OrderStatus.PROCESSED, lambda o: any(x.open for x in o.lines) and not any(x.shipped for x in o.lines)),
    (OrderStatus.PARTIALLY_SHIPPED, lambda o: any(x.open for x in o.lines)),
    (OrderStatus.SHIPPED, lambda o: any(push not in ("confirmed", "suppressed") for push in o.pushes)),
    (OrderStatus.COMPLETED, lambda o: True),
]


@given(orders)
def test_every_order_has_the_first_status_that_fits(order: OrderFacts) -> None:
    assert order_status(order) == next(status for status, fits in FIRST_MATCH if fits(order))


@given(orders)
def test_a_hold_or_an_issue_never_changes_the_status_of_what_is_wholly_sent(order: OrderFacts) -> None:
    if not any(x.pending for x in order.lines):
        free = OrderFacts(order.lines, order.troubled, held=False, blocked=False, pushes=order.pushes)
        assert order_status(order) == order_status(free)


@pytest.mark.parametrize("status", OrderStatus)
def test_every_status_occurs(status: OrderStatus) -> None:
    one = {
        OrderStatus.CANCELED: OrderFacts((LineFacts(2, 0, 2, 0),), True, True, True, ()),
        OrderStatus.FAILED: OrderFacts((LineFacts(2, 0, 0, 2),), True, True, True, ()),
        OrderStatus.ON_HOLD: OrderFacts((LineFacts(2, 0, 0, 2),), False, True, True, ()),
        OrderStatus.UNRESOLVED: OrderFacts((LineFacts(2, 0, 0, 2),), False, False, True, ()),
        OrderStatus.READY: OrderFacts((LineFacts(2, 0, 1, 1),), False, False, False, ()),
        OrderStatus.PROCESSED: OrderFacts((LineFacts(2, 0, 0, 0),), False, True, True, ()),
        OrderStatus.PARTIALLY_SHIPPED: OrderFacts((LineFacts(2, 1, 0, 0),), False, False, False, ("confirmed",)),
        OrderStatus.SHIPPED: OrderFacts((LineFacts(2, 1, 1, 0),), False, False, False, ("failed",)),
        OrderStatus.COMPLETED: OrderFacts((LineFacts(2, 1, 1, 0),), False, False, False, ("suppressed",)),
    }[status]
    assert order_status(one) == status
