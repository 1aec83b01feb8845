"""How often one visitor may ask: counted in memory, for each process by itself."""

from __future__ import annotations

import time
from collections import OrderedDict

MOST_KEYS = 20_000
"""More visitors than these at once are not told apart for long: the oldest count is forgotten."""


class Limit:
    """``most`` times in ``seconds``, for each key."""

    def __init__(self, most: int, seconds: float) -> None:
        self._most, self._seconds = most, seconds
        self._counts: OrderedDict[str, tuple[float, int]] = OrderedDict()

    @property
    def policy(self) -> tuple[int, int]:
        """How often, in how many seconds."""
        return self._most, int(self._seconds)

    def left(self, key: str) -> tuple[int, int]:
        """How often more the key may, and in how many seconds the count begins anew; nothing is counted."""
        now = time.monotonic()
        began, count = self._counts.get(key, (now, 0))
        return max(0, self._most - count), max(0, int(began + self._seconds - now + 0.999))

    def wait(self, key: str) -> int:
        """0 where this once more is within the limit, which counts it; else the whole seconds to wait."""
        now = time.monotonic()
        began, count = self._counts.pop(key, (now, 0))
        if now - began >= self._seconds:
            began, count = now, 0
        self._counts[key] = (began, min(count + 1, self._most + 1))
        if len(self._counts) > MOST_KEYS:
            self._counts.popitem(last=False)
        return 0 if count < self._most else max(1, int(began + self._seconds - now + 0.999))
