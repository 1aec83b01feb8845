"""Rate limits as the other side states them: a bucket of tokens for each operation, shared by all that work for us.

By itself a connector has buckets of its own process; ``services.catalog`` gives it those that every worker shares.
"""

from __future__ import annotations

import asyncio
import time
from typing import Protocol, runtime_checkable

import msgspec

from engine.errors import TryLater

PATIENCE = 20.0
"""Seconds somebody waits for a token while holding a job; a longer wait is the job's (TryLater)."""


class Bucket(msgspec.Struct, frozen=True):
    """``rate`` tokens come back a second, up to ``burst``. ``name`` is the operation's."""

    name: str
    rate: float
    burst: float


class Throttle(Protocol):
    """Where tokens are taken from."""

    async def take(self, bucket: Bucket, cost: float = 1.0) -> None:
        """So many tokens were taken, after waiting for them; raises TryLater where that is longer than ``PATIENCE``."""

    async def told(self, bucket: Bucket, left: float) -> None:
        """The other side says that so many tokens are left: never more are given out than that; below 0 means to wait."""


@runtime_checkable
class Throttled(Protocol):
    """A connector that keeps to its peer's rate limits."""

    throttle: Throttle


class LocalThrottle:
    """Buckets of this process."""

    def __init__(self) -> None:
        self._levels: dict[str, tuple[float, float]] = {}

    async def take(self, bucket: Bucket, cost: float = 1.0) -> None:
        """See ``Throttle``."""
        now = time.monotonic()
        level, at = self._levels.get(bucket.name, (bucket.burst, now))
        level = min(bucket.burst, level + (now - at) * bucket.rate) - cost
        wait = -level / bucket.rate if level < 0 else 0.0
        if wait > PATIENCE:
            raise too_soon(bucket, wait)
        # What is owed is booked before waiting, so that those who come meanwhile stand behind.
        self._levels[bucket.name] = (level, now)
        if wait:
            await asyncio.sleep(wait)

    async def told(self, bucket: Bucket, left: float) -> None:
        """See ``Throttle``."""
        now = time.monotonic()
        level, at = self._levels.get(bucket.name, (bucket.burst, now))
        self._levels[bucket.name] = (min(left, level + (now - at) * bucket.rate, bucket.burst), now)


def too_soon(bucket: Bucket, wait: float) -> TryLater:
    """The error for a wait that is too long to stand in line for."""
    return TryLater(f"{bucket.name}: its rate limit leaves nothing for {wait:.0f} s", wait)
