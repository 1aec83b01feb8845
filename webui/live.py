"""What workers and other people change, told to every open page: one follower of the change feed for the whole process."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections import deque
from collections.abc import AsyncIterator, Callable, Container
from dataclasses import dataclass, field

import structlog

from engine import clock
from engine.services import dashboard, feed, trouble
from engine.services.dashboard import StatusBar
from webui import words

log = structlog.get_logger("bluebook.web")
LOOK_SECONDS = 0.4
FIGURES_SECONDS = 1.0
LOST_SECONDS = 1.0
LOST = "The database does not answer. What you see may be old; nothing can be changed."
REMEMBERED = 500
"""News kept for tabs that are slow to ask; who is further behind reads everything again."""


@dataclass
class News:
    """What happened since a page asked last. ``all``: more than is remembered, so read everything again."""

    upto: int = 0
    orders: list[int] = field(default_factory=list)
    settings: bool = False
    all: bool = False
    lost: str = ""


def _midnight(zone: str) -> int:
    day = clock.now().astimezone(words.zone(zone))
    return clock.micros(day.replace(hour=0, minute=0, second=0, microsecond=0))


class Follower:
    """Asks what changed, several times a second, while anybody looks; a lost database is told, then tried again."""

    def __init__(self) -> None:
        self.cursor: int | None = None
        self.lost = ""
        self.figures: StatusBar | None = None
        self.sent: dict[str, int] = {}
        self._news: deque[tuple[int, list[int], bool]] = deque(maxlen=REMEMBERED)
        self._numbers = itertools.count(1)
        self.upto = 0
        self._more = asyncio.Event()
        self._figures_at = float("-inf")

    async def run(self) -> None:
        """Goes on until it is cancelled."""
        while True:
            try:
                more = await self._look()
                self._set_lost("")
            except Exception as error:
                more = False
                if trouble.is_lost(error):
                    self._set_lost(LOST)
                else:
                    log.exception("following changes failed")
            if not more:
                await asyncio.sleep(LOST_SECONDS if self.lost else LOOK_SECONDS)

    async def _look(self) -> bool:
        if self.cursor is None:
            self.cursor = await feed.latest()
        found = await feed.changes(self.cursor)
        self.cursor = found.cursor
        now = asyncio.get_running_loop().time()
        if now - self._figures_at >= FIGURES_SECONDS:
            self._figures_at = now
            figures = await dashboard.status_bar()
            sent = {zone: await dashboard.sent_since(_midnight(zone)) for zone in list(self.sent)}
            if figures != self.figures or any(sent[zone] != self.sent[zone] for zone in sent):
                self.figures = figures
                self.sent |= sent
                self._tell([], settings=False)
        if found.orders or found.settings:
            self._tell(found.orders, settings=found.settings)
        return found.more

    def sent_today(self, zone: str) -> int:
        """How many orders had something sent since the day began in this zone; of one nobody asked for yet, in UTC so far."""
        return self.sent.setdefault(zone, self.figures.sent_today if self.figures else 0)

    def _set_lost(self, why: str) -> None:
        if why != self.lost:
            self.lost = why
            self._tell([], settings=not why)

    def _tell(self, orders: list[int], *, settings: bool) -> None:
        self.upto = next(self._numbers)
        self._news.append((self.upto, orders, settings))
        self._more.set()
        self._more = asyncio.Event()

    async def wait(self, seen: int, seconds: float) -> News:
        """What happened after ``seen``, at once or when it happens; nothing new within the time is News without orders."""
        if self.upto <= seen:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._more.wait()
        oldest = self._news[0][0] if self._news else self.upto
        found = News(self.upto, all=seen + 1 < oldest, lost=self.lost)
        for number, orders, settings in self._news:
            if number > seen:
                found.orders += orders
                found.settings = found.settings or settings
        found.orders = list(dict.fromkeys(found.orders))
        return found


FOLLOWER = Follower()
_open_tabs: Callable[[], Container[str]] = tuple
_turns: dict[str, int] = {}


def look_at(tabs: Callable[[], Container[str]]) -> None:
    """From here on it is known by this which tabs are connected."""
    global _open_tabs
    _open_tabs = tabs


def is_open(tab: str) -> bool:
    """Is the tab connected?"""
    return tab in _open_tabs()


def take_over(tab: str) -> int:
    """The tab's news are followed by whoever called last; its number."""
    _turns[tab] = _turns.get(tab, 0) + 1
    return _turns[tab]


def is_current(tab: str, turn: int) -> bool:
    """Is this still who follows the tab's news?"""
    return _turns.get(tab) == turn


def leave(tab: str, turn: int) -> None:
    """The tab is gone."""
    if is_current(tab, turn):
        del _turns[tab]


@contextlib.asynccontextmanager
async def following() -> AsyncIterator[None]:
    """The follower runs within; for the app's lifespan."""
    task = asyncio.create_task(FOLLOWER.run(), name="follow changes")
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
