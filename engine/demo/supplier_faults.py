"""Faults on request for the demo supplier: by a script, or by probability from a seeded source."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable
from enum import StrEnum

import msgspec
from aiohttp import web


class Route(StrEnum):
    """Which question a fault falls on."""

    SUBMIT = "submit"
    FIND = "find"
    CANCEL = "cancel"
    UPDATES = "updates"


class Fault(StrEnum):
    """What goes wrong. "After" means that the supplier has acted; "before" that it has not."""

    NONE = "none"  # a place in a script where nothing goes wrong
    LATE = "late"  # acts, then answers after ``late`` seconds: later than anyone waits
    ERROR_BEFORE = "error_before"  # 500, nothing done
    ERROR_AFTER = "error_after"  # 500, done all the same
    THROTTLE = "throttle"  # 429 with Retry-After
    DROP_BEFORE = "drop_before"  # hangs up without acting
    DROP_AFTER = "drop_after"  # acts, then hangs up
    TRUNCATE = "truncate"  # acts, then sends half of the JSON as if it were all
    CUT = "cut"  # acts, then hangs up in the middle of the body
    SLOW = "slow"  # acts, and dribbles the body over ``slow`` seconds
    DUPLICATE = "duplicate"  # updates: the page says some things twice
    REORDER = "reorder"  # updates: the page is shuffled


Work = Callable[[Fault], tuple[int, bytes]]  # told the fault, since two of them change what is said


class FaultPlan(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What shall go wrong: ``script`` first, one entry a request, then ``rates`` (probabilities summing to at most 1).

    Times in seconds.
    """

    script: dict[Route, list[Fault]] = msgspec.field(default_factory=dict)
    rates: dict[Route, dict[Fault, float]] = msgspec.field(default_factory=dict)
    seed: int = 0
    retry_after: int = 1
    late: float = 60.0
    slow: float = 0.2


class Faults:
    """A plan being carried out. ``counts`` says how often each fault fell on each route."""

    def __init__(self, plan: FaultPlan | None = None) -> None:
        self.counts: dict[str, int] = {}
        self.use(plan or FaultPlan())

    def use(self, plan: FaultPlan) -> None:
        """From here on ``plan`` is followed, from its beginning."""
        self.plan = plan
        self.rng = random.Random(plan.seed)  # noqa: S311  repeatable, not secret
        self._script = {route: deque(entries) for route, entries in plan.script.items()}

    def draw(self, route: Route) -> Fault:
        """The fault this request meets."""
        if queue := self._script.get(route):
            fault = queue.popleft()
        elif rates := self.plan.rates.get(route):
            (fault,) = self.rng.choices([*rates, Fault.NONE], [*rates.values(), max(0.0, 1.0 - sum(rates.values()))])
        else:
            return Fault.NONE
        if fault is not Fault.NONE:
            name = f"{route.value}.{fault.value}"
            self.counts[name] = self.counts.get(name, 0) + 1
        return fault

    async def serve(self, request: web.Request, fault: Fault, work: Work) -> web.StreamResponse:
        """The answer to ``request`` with the fault applied before, after or instead of ``work``."""
        if fault is Fault.ERROR_BEFORE:
            return _json(500, b'{"error":{"message":"internal error"}}')
        if fault is Fault.THROTTLE:
            answer = _json(429, b'{"error":{"message":"slow down"}}')
            answer.headers["Retry-After"] = str(self.plan.retry_after)
            return answer
        if fault is Fault.DROP_BEFORE:
            return _hang_up(request)
        status, body = work(fault)
        if fault is Fault.ERROR_AFTER:
            return _json(500, b'{"error":{"message":"internal error"}}')
        if fault is Fault.DROP_AFTER:
            return _hang_up(request)
        if fault is Fault.LATE:
            await asyncio.sleep(self.plan.late)
        if fault is Fault.TRUNCATE:
            body = body[: len(body) // 2]
        if fault in (Fault.CUT, Fault.SLOW):
            return await self._dribble(request, fault, status, body)
        return _json(status, body)

    async def _dribble(self, request: web.Request, fault: Fault, status: int, body: bytes) -> web.StreamResponse:
        answer = web.StreamResponse(
            status=status, headers={"Content-Type": "application/json", "Content-Length": str(len(body))}
        )
        await answer.prepare(request)
        if fault is Fault.CUT:
            await answer.write(body[: len(body) // 2])
            await asyncio.sleep(0.01)  # let the half leave before the line goes dead
            _hang_up(request)
            return answer
        step = max(1, len(body) // 8)
        for start in range(0, len(body), step):
            await answer.write(body[start : start + step])
            await asyncio.sleep(self.plan.slow / 8)
        await answer.write_eof()
        return answer


def _json(status: int, body: bytes) -> web.Response:
    return web.Response(status=status, body=body, content_type="application/json")


def _hang_up(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)
