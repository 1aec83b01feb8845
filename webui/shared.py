"""Figures that many tabs show: read once for all of them, and only so often, however much changes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Generic, TypeVar

from webui import live

K = TypeVar("K")
V = TypeVar("V")
LEAST_SECONDS = 1.0
"""Nothing is read again sooner."""
REST = 9
"""Nor sooner than so many times as long as reading took: a slow figure takes a tenth of one connection at most."""
QUIET_SECONDS = 30.0
"""Figures of age change by themselves; so often they are read though nothing happened."""


class _Kept(Generic[V]):
    """Something that was read or is being read: since when, and after which news."""

    def __init__(self, reading: asyncio.Task[V], began: float) -> None:
        self.reading, self.began, self.upto = reading, began, live.FOLLOWER.upto
        self.took = 0.0
        reading.add_done_callback(self._done)

    def _done(self, _: asyncio.Task[V]) -> None:
        self.took = asyncio.get_running_loop().time() - self.began

    def rested(self) -> float:
        """When it may be read again."""
        return self.began + self.took + max(LEAST_SECONDS - self.took, REST * self.took)

    def failed(self) -> bool:
        """Did reading it end in an error?"""
        return self.reading.done() and (self.reading.cancelled() or self.reading.exception() is not None)


class Shared(Generic[K, V]):
    """What ``read`` gives for a key, for all who ask."""

    def __init__(self, read: Callable[[K], Awaitable[V]]) -> None:
        self._read = read
        self._kept: dict[K, _Kept[V]] = {}
        self.reads = 0

    async def latest(self, key: K) -> V:
        """What was read a moment ago; it is read only where that is longer ago."""
        kept = self._kept.get(key)
        if kept is None or kept.failed() or asyncio.get_running_loop().time() > kept.rested():
            kept = self._begin(key)
        return await asyncio.shield(kept.reading)

    async def fresh(self, key: K) -> V:
        """As it is after all news so far, as soon as it may be read again."""
        asked = live.FOLLOWER.upto
        while True:
            kept = self._kept.get(key)
            now = asyncio.get_running_loop().time()
            if kept is None or kept.failed():
                kept = self._begin(key)
            elif kept.upto < asked or now - kept.began >= QUIET_SECONDS:
                if not kept.reading.done():
                    await asyncio.wait([kept.reading])
                elif now < kept.rested():
                    await asyncio.sleep(kept.rested() - now)
                else:
                    self._begin(key)
                continue
            return await asyncio.shield(kept.reading)

    def _begin(self, key: K) -> _Kept[V]:
        now = asyncio.get_running_loop().time()
        self._kept = {k: kept for k, kept in self._kept.items() if now - kept.began < 2 * QUIET_SECONDS}
        self.reads += 1
        made = self._kept[key] = _Kept(asyncio.ensure_future(self._reading(key)), now)
        return made

    async def _reading(self, key: K) -> V:
        return await self._read(key)


async def due(name: str, tab: str) -> AsyncIterator[None]:
    """Comes round at once, whenever something changes and every half minute, until the tab is gone or asks anew."""
    who = f"{tab}:{name}"
    turn, seen = live.take_over(who), live.FOLLOWER.upto
    yield None
    now = asyncio.get_running_loop().time
    quiet = now() + QUIET_SECONDS
    while live.is_current(who, turn) and live.is_open(tab):
        news = await live.FOLLOWER.wait(seen, QUIET_SECONDS / 6)
        seen = news.upto
        if not live.is_current(who, turn):
            return
        if not news.lost and (news.orders or news.settings or news.all or now() >= quiet):
            yield None
            quiet = now() + QUIET_SECONDS
    live.leave(who, turn)
