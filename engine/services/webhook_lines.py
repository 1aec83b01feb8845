"""Calls to webhooks: how many are under way at once, over which connections.

A receiver that answers late has so many calls in this process and no more, and all of them together leave descriptors for
the rest of it. Who has the fewest calls under way is served first, so that slow ones hold up nobody but themselves.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from engine.transports.http import HttpClient

AT_ONCE = 16
"""Calls to one webhook."""
TOGETHER = 192
"""Calls to all webhooks."""
SPARE = 64
"""How many of those are kept for webhooks that have none under way."""
TIMEOUT = 15.0
_GUESS = 0.1  # seconds an answer takes, where none was heard yet


class Line:
    """The calls to one webhook. ``users`` have a turn or wait for one; there is one client for all of them."""

    def __init__(self) -> None:
        self.users = self.busy = 0
        self.began: dict[object, float] = {}  # when each call under way began, the oldest first
        self.waiting: deque[asyncio.Future[None]] = deque()
        self._client: HttpClient | None = None

    def client(self, name: str) -> HttpClient:
        """The client, whose connections are kept as long as somebody is in line."""
        if self._client is None:
            self._client = HttpClient(f"the webhook {name}", timeout=TIMEOUT, connections=AT_ONCE)
        return self._client

    async def close(self) -> None:
        """The connections are closed."""
        if self._client is not None:
            await self._client.close()


class Lines:
    """Everybody's calls of this process."""

    def __init__(self) -> None:
        self._lines: dict[int, Line] = {}
        self._took: dict[int, float] = {}
        self._busy = 0

    @asynccontextmanager
    async def turn(self, webhook_id: int) -> AsyncIterator[Line]:
        """A turn to call this webhook, as soon as there is one."""
        line = self._lines.setdefault(webhook_id, Line())
        line.users += 1
        try:
            await self._wait(line)
            call = object()
            line.began[call] = time.monotonic()
            try:
                yield line
            finally:
                self._took[webhook_id] = time.monotonic() - line.began.pop(call)
                self._over(line)
        finally:
            line.users -= 1
            if not line.users:
                del self._lines[webhook_id]
                await line.close()

    def seconds_each(self, webhook_id: int) -> float:
        """How long a message takes where so many are sent at once: by the last answer, or by how long one is waited for."""
        now = time.monotonic()
        line = self._lines.get(webhook_id)
        oldest = next(iter(line.began.values()), now) if line else now
        return max(self._took.get(webhook_id, _GUESS), now - oldest) / AT_ONCE

    def close(self) -> None:
        """Who still waits for a turn gets none (``CancelledError``); calls under way go on."""
        for line in self._lines.values():
            while line.waiting:
                line.waiting.popleft().cancel()

    def _may_start(self, line: Line) -> bool:
        most = TOGETHER - SPARE if line.busy else TOGETHER
        return line.busy < AT_ONCE and self._busy < most

    def _start(self, line: Line) -> None:
        line.busy += 1
        self._busy += 1

    async def _wait(self, line: Line) -> None:
        if self._may_start(line) and not line.waiting:
            self._start(line)
            return
        mine = asyncio.get_running_loop().create_future()
        line.waiting.append(mine)
        try:
            await mine
        except asyncio.CancelledError:
            if mine.done() and not mine.cancelled():
                self._over(line)  # the turn came, and nobody is there to take it
            elif mine in line.waiting:
                line.waiting.remove(mine)
            raise

    def _over(self, line: Line) -> None:
        line.busy -= 1
        self._busy -= 1
        while ready := [other for other in self._lines.values() if other.waiting and self._may_start(other)]:
            following = min(ready, key=lambda other: other.busy)
            mine = following.waiting.popleft()
            if not mine.done():  # else it was canceled, which its task has yet to notice
                self._start(following)
                mine.set_result(None)


LINES = Lines()
"""Those of this process."""
