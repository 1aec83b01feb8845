"""What ``u`` takes back: orders that are held, a mapping that was just saved, an order that was just snoozed; the last first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.services import hold, unmap
from engine.services.unmap import SavedMapping, Unmapped
from tui.plain import many, waiting

if TYPE_CHECKING:
    from tui.app import BluebookApp

FRESH_SECONDS = 120.0
"""So long after it was saved a mapping is taken back by u: later it would surprise. The Mappings screen takes it back ever."""


@dataclass(frozen=True)
class Held:
    """These orders were processed together."""

    order_ids: tuple[int, ...]


@dataclass(frozen=True)
class Saved:
    """A mapping was saved by resolving this order, then."""

    mapping: SavedMapping
    order_id: int
    at: float


@dataclass(frozen=True)
class Snoozed:
    """An order was put out of sight, then."""

    order_id: int
    number: str
    at: float


Step = Held | Saved | Snoozed


class Steps:
    """What can be taken back, the last first."""

    def __init__(self, app: BluebookApp) -> None:
        self._app = app
        self._done: list[Step] = []

    def held(self, order_ids: Sequence[int]) -> None:
        """These orders were processed."""
        self._done.append(Held(tuple(order_ids)))

    def saved(self, mapping: SavedMapping, order_id: int = 0) -> None:
        """This mapping was saved."""
        self._done.append(Saved(mapping, order_id, self._app.monotonic()))

    def snoozed(self, order_id: int, number: str) -> None:
        """This order was put out of sight."""
        self._done.append(Snoozed(order_id, number, self._app.monotonic()))

    def last(self) -> Step | None:
        """The last that can still be taken back; it is not there any more."""
        while self._done:
            step = self._done.pop()
            if isinstance(step, Held) or self._app.monotonic() - step.at < FRESH_SECONDS:
                return step
        return None

    def last_mapping(self) -> Saved | None:
        """The mapping that was saved last, where nothing was done since."""
        if self._done and isinstance(self._done[-1], Saved):
            step = self.last()
            return step if isinstance(step, Saved) else None
        return None


async def unmapped(app: BluebookApp, step: Saved) -> Unmapped | None:
    """The mapping is as it was before; what came of it is said. None where it could not be."""
    found = await app.attempt(unmap.take_back(step.mapping, app.by), "taking the mapping back")
    if found is not None:
        app.say(told(found), "good")
    return found


async def awake(app: BluebookApp, step: Snoozed) -> bool:
    """The order is in the queue again."""
    return await app.attempt(_done(hold.snooze(step.order_id, 0, app.by)), f"waking {step.number}") is not None


async def _done(work: object) -> bool:
    await work  # type: ignore[misc]
    return True


def told(found: Unmapped) -> str:
    """What came of taking a mapping back, in words."""
    held = f"; {many(len(found.taken_back), 'purchase order')} that was held is not sent" if found.taken_back else ""
    return f"{found.message}; {waiting(found.waiting)}{held}"
