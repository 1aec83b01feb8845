"""Every state and every move between states, declared once.

The buttons of both front ends, the API, the docs' diagram and ``services.lifecycle`` all read this table. Three axes:
a purchase order's lifecycle, a shipment's transit, and a shipment's push to the channel. An order's own status is
derived from its parts by ``order_status``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

import msgspec


class PurchaseState(StrEnum):
    """Where a purchase order stands between us and its supplier."""

    DRAFT = "draft"
    QUEUED = "queued"
    SUBMITTING = "submitting"
    OUTCOME_UNKNOWN = "outcome_unknown"
    SUBMITTED = "submitted"
    ACKNOWLEDGED = "acknowledged"
    BACKORDERED = "backordered"
    REJECTED = "rejected"
    FAILED = "failed"
    PARTIALLY_SHIPPED = "partially_shipped"
    SHIPPED = "shipped"
    CANCEL_REQUESTED = "cancel_requested"
    CANCELED = "canceled"
    CLOSED = "closed"


class Transit(StrEnum):
    """Where a parcel is."""

    ANNOUNCED = "announced"
    IN_TRANSIT = "in_transit"
    DELIVERED = "delivered"
    EXCEPTION = "exception"
    VOIDED = "voided"


class Push(StrEnum):
    """Does the channel know the parcel's tracking?"""

    PENDING = "pending"
    PUSHING = "pushing"
    CONFIRMED = "confirmed"
    FAILED = "failed"
    SUPPRESSED = "suppressed"


class OrderStatus(StrEnum):
    """An order's status: derived, never set."""

    CANCELED = "canceled"
    FAILED = "failed"
    ON_HOLD = "on_hold"
    UNRESOLVED = "unresolved"
    READY = "ready"
    PROCESSED = "processed"
    PARTIALLY_SHIPPED = "partially_shipped"
    SHIPPED = "shipped"
    COMPLETED = "completed"


OPEN_STATUSES = (
    OrderStatus.FAILED, OrderStatus.ON_HOLD, OrderStatus.UNRESOLVED, OrderStatus.READY,
)  # fmt: skip
"""What the queue shows: orders that wait for someone here."""
OVER = (OrderStatus.COMPLETED, OrderStatus.CANCELED)
"""Nothing more comes of these: all that was not canceled has shipped, and the channel knows."""


class Axis(StrEnum):
    """Which of the three lifecycles a transition belongs to; its value opens the audit tag."""

    PURCHASE = "purchase"
    TRANSIT = "transit"
    PUSH = "push"


@dataclass(frozen=True, slots=True)
class Transition:
    """One allowed move. ``target`` None means: back to the state it was in before ``request_cancel``.

    ``job`` is the outbox task written in the same transaction, ``why`` a sentence for docs and tooltips.
    """

    axis: Axis
    name: str
    sources: frozenset[str]
    target: str | None
    why: str
    job: str | None = None

    def targets(self) -> frozenset[str]:
        """The states this move can end in."""
        return frozenset(CANCELABLE) if self.target is None else frozenset({self.target})


S = PurchaseState
P = Push
T = Transit
CANCELABLE: tuple[PurchaseState, ...] = (S.SUBMITTED, S.ACKNOWLEDGED, S.BACKORDERED)
_SHIPPABLE = {S.SUBMITTED, S.ACKNOWLEDGED, S.BACKORDERED, S.PARTIALLY_SHIPPED, S.CANCEL_REQUESTED}


def _purchase(name: str, sources: Iterable[S], target: S | None, why: str, job: str | None = None) -> Transition:
    return Transition(Axis.PURCHASE, name, frozenset(sources), target, why, job)


def _push(name: str, sources: Iterable[P], target: P, why: str, job: str | None = None) -> Transition:
    return Transition(Axis.PUSH, name, frozenset(sources), target, why, job)


def _transit(name: str, sources: Iterable[T], target: T, why: str) -> Transition:
    return Transition(Axis.TRANSIT, name, frozenset(sources), target, why)


_ALL = (
    _purchase("queue", {S.DRAFT}, S.QUEUED, "Process: sent when the undo window has passed", "purchases.submit"),
    _purchase("undo", {S.QUEUED}, S.DRAFT, "taken back before it was sent"),
    _purchase("begin_submit", {S.QUEUED}, S.SUBMITTING, "written before the call to the supplier"),
    _purchase("defer", {S.SUBMITTING}, S.QUEUED, "nothing left the house: tried again later", "purchases.submit"),
    _purchase("accept", {S.SUBMITTING, S.OUTCOME_UNKNOWN}, S.SUBMITTED, "the supplier said yes, or was found to have it"),
    _purchase("prove", {S.QUEUED, S.FAILED}, S.SUBMITTED, "the supplier speaks of it, so the supplier has it"),
    _purchase("refuse", {S.SUBMITTING, S.OUTCOME_UNKNOWN}, S.FAILED, "a definite no, with the supplier's message"),
    _purchase("lose_answer", {S.SUBMITTING}, S.OUTCOME_UNKNOWN, "it left and no answer came: ask, never resend",
              "purchases.find"),
    _purchase("not_found", {S.OUTCOME_UNKNOWN}, S.QUEUED, "asked after the attempt was over, the supplier does not "
              "have it: the next attempt, under the same number", "purchases.submit"),
    _purchase("bounce", {S.SUBMITTED}, S.FAILED, "it came back: the supplier never had it"),
    _purchase("doubt", {S.SUBMITTED}, S.OUTCOME_UNKNOWN, "part of it came back, or it was sent more than once: a person asks"),
    _purchase("acknowledge", {S.SUBMITTED, S.BACKORDERED}, S.ACKNOWLEDGED, "the supplier will ship"),
    _purchase("backorder", {S.SUBMITTED, S.ACKNOWLEDGED}, S.BACKORDERED, "the supplier will ship later"),
    _purchase("reject", {S.SUBMITTED, S.ACKNOWLEDGED, S.BACKORDERED, S.CANCEL_REQUESTED}, S.REJECTED,
              "the supplier will not ship"),
    _purchase("ship_some", _SHIPPABLE, S.PARTIALLY_SHIPPED, "some of it is on its way"),
    _purchase("ship_all", _SHIPPABLE, S.SHIPPED, "all of it is on its way"),
    _purchase("reopen", {S.FAILED}, S.DRAFT, "Resolve: the next attempt under the same number"),
    _purchase("request_cancel", CANCELABLE, S.CANCEL_REQUESTED, "a person or the channel asks, the supplier answers",
              "purchases.cancel"),
    _purchase("refuse_cancel", {S.CANCEL_REQUESTED}, None, "the supplier will ship all the same"),
    _purchase("cancel", {S.CANCEL_REQUESTED, *CANCELABLE}, S.CANCELED, "the supplier will not ship, as asked"),
    _purchase("drop", {S.DRAFT, S.QUEUED}, S.CANCELED, "it was never sent"),
    _purchase("close", {S.SHIPPED}, S.CLOSED, "every parcel is confirmed at the channel"),
    _push("begin_push", {P.PENDING}, P.PUSHING, "written before the call to the channel"),
    _push("confirm_push", {P.PUSHING}, P.CONFIRMED, "read back from the channel"),
    _push("defer_push", {P.PUSHING}, P.PENDING, "the channel does not have it yet: pushed again", "tracking.push"),
    _push("refuse_push", {P.PUSHING}, P.FAILED, "the channel will not take it, with its message"),
    _push("retry_push", {P.FAILED}, P.PENDING, "a person asks for another attempt", "tracking.push"),
    _push("suppress_push", {P.PENDING, P.FAILED}, P.SUPPRESSED, "the channel need not know"),
    _transit("depart", {T.ANNOUNCED, T.EXCEPTION}, T.IN_TRANSIT, "the carrier has it"),
    _transit("deliver", {T.ANNOUNCED, T.IN_TRANSIT, T.EXCEPTION}, T.DELIVERED, "the customer has it"),
    _transit("stall", {T.ANNOUNCED, T.IN_TRANSIT}, T.EXCEPTION, "the carrier reports a problem"),
    _transit("void", {T.ANNOUNCED}, T.VOIDED, "the label was never used"),
)  # fmt: skip
TRANSITIONS: Mapping[str, Transition] = MappingProxyType({t.name: t for t in _ALL})
INITIAL: Mapping[Axis, str] = MappingProxyType(
    {Axis.PURCHASE: S.DRAFT, Axis.TRANSIT: T.ANNOUNCED, Axis.PUSH: P.PENDING}
)

UNSENT = frozenset({S.DRAFT, S.QUEUED})
"""The supplier cannot know of it."""
DEAD = frozenset({S.CANCELED, S.REJECTED, S.FAILED})
"""A definite no: its quantity is not with the supplier."""
COMMITTED = frozenset(S) - UNSENT - DEAD
"""The supplier has it, or may have it: its quantity can only come back by the supplier's word."""


_CALLED = {
    "unresolved": "needs a person", "processed": "in progress", "queued": "held", "outcome_unknown": "answer unknown",
}  # fmt: skip


def called(state: str) -> str:
    """A status or state as people read it: ``Partially shipped``. What is processed and not sent yet is held, wherever."""
    return _CALLED.get(state, state.replace("_", " ")).capitalize()


def allowed(axis: Axis, state: str) -> list[str]:
    """The names of the moves that can be made from a state: what buttons to show."""
    return [t.name for t in TRANSITIONS.values() if t.axis is axis and state in t.sources]


class LineFacts(msgspec.Struct, frozen=True):
    """What an order's status depends on, of one line. ``pending`` is open quantity that is not queued for a supplier, and
    that none has (or may have)."""

    ordered: int
    shipped: int
    canceled: int
    pending: int

    @property
    def open(self) -> int:
        """Neither shipped nor canceled."""
        return self.ordered - self.shipped - self.canceled


class OrderFacts(msgspec.Struct, frozen=True):
    """All that an order's status depends on.

    ``troubled``: a purchase order that failed, was rejected or is unknown and whose quantity nothing else covers.
    """

    lines: tuple[LineFacts, ...]
    troubled: bool
    held: bool
    blocked: bool
    pushes: tuple[str, ...]


def order_status(facts: OrderFacts) -> OrderStatus:
    """The status that follows from the parts; the first that fits, in the order of the design."""
    if not facts.lines:  # nothing to ship, and nobody has said that this is right
        return OrderStatus.UNRESOLVED if facts.blocked else OrderStatus.CANCELED
    shipped = is_open = pending = False
    for line in facts.lines:
        shipped, is_open, pending = shipped or line.shipped > 0, is_open or line.open > 0, pending or line.pending > 0
    if not shipped and not is_open:
        return OrderStatus.CANCELED
    if facts.troubled:
        return OrderStatus.FAILED
    if facts.held and pending:
        return OrderStatus.ON_HOLD
    if pending:
        return OrderStatus.UNRESOLVED if facts.blocked else OrderStatus.READY
    if is_open:
        return OrderStatus.PARTIALLY_SHIPPED if shipped else OrderStatus.PROCESSED
    if all(push in (Push.CONFIRMED, Push.SUPPRESSED) for push in facts.pushes):
        return OrderStatus.COMPLETED
    return OrderStatus.SHIPPED
