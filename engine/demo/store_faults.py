"""Faults on request for the demo store: by a script, or by probability from a seeded source."""

from __future__ import annotations

import random
from collections import Counter, deque
from enum import StrEnum

import msgspec


class StoreRoute(StrEnum):
    """Which request a fault falls on."""

    LIST = "orders.list"
    GET = "orders.get"
    PUT = "orders.put"
    BATCH = "orders.batch"
    NOTES = "notes.list"
    NOTE = "notes.add"
    REFUNDS = "refunds.list"
    REFUND = "refunds.add"
    PRODUCTS = "products.list"
    OTHER = "other"


class StoreFault(StrEnum):
    """What goes wrong. "After" means that a change was stored all the same."""

    NONE = "none"  # a place in a script where nothing goes wrong
    THROTTLE = "throttle"  # 429 with Retry-After
    ERROR_BEFORE = "error_before"  # 500, nothing stored
    ERROR_AFTER = "error_after"  # 500, stored all the same
    LATE = "late"  # stored, and answered after ``late`` seconds: later than anyone waits
    DROP_AFTER = "drop_after"  # stored, then hangs up without an answer
    TRUNCATE = "truncate"  # half of the JSON, sent as if it were all
    DUPLICATE = "duplicate"  # orders.list: the page's first order comes again at its end
    MALFORMED = "malformed"  # orders.list: the first order's billing is a list, as PHP writes an empty array
    NOT_AN_ORDER = "not_an_order"  # orders.list: null where the first order should be


class StoreFaultPlan(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What shall go wrong: ``script`` first, one entry a request, then ``rates`` (probabilities summing to at most 1).

    Times in seconds.
    """

    script: dict[StoreRoute, list[StoreFault]] = msgspec.field(default_factory=dict)
    rates: dict[StoreRoute, dict[StoreFault, float]] = msgspec.field(default_factory=dict)
    seed: int = 0
    retry_after: int = 1
    late: float = 60.0


class StoreFaults:
    """A plan being carried out. ``counts`` says how often each fault fell on each route."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.use(StoreFaultPlan())

    def use(self, plan: StoreFaultPlan) -> None:
        """From here on ``plan`` is followed, from its beginning."""
        self.plan = plan
        self._rng = random.Random(plan.seed)  # noqa: S311  repeatable, not secret
        self._script = {route: deque(entries) for route, entries in plan.script.items()}

    def script(self, route: StoreRoute, *faults: StoreFault) -> None:
        """The next requests to ``route`` meet these faults, one each."""
        self._script.setdefault(route, deque()).extend(faults)

    def draw(self, route: StoreRoute) -> StoreFault:
        """The fault this request meets."""
        if queue := self._script.get(route):
            fault = queue.popleft()
        elif rates := self.plan.rates.get(route):
            rest = max(0.0, 1.0 - sum(rates.values()))
            (fault,) = self._rng.choices([*rates, StoreFault.NONE], [*rates.values(), rest])
        else:
            return StoreFault.NONE
        if fault is not StoreFault.NONE:
            self.counts[f"{route.value}.{fault.value}"] += 1
        return fault
