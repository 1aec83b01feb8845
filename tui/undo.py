"""What ``u`` takes back: orders that are held, a mapping just saved, an order just edited or snoozed; the last first.

What this session did is remembered; what is held is asked of the database, so that ``u`` finds it after a restart too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from engine.services import hold, process, reverse, standing, unmap
from engine.services.lifecycle import Actor
from engine.services.process import Outcome
from engine.services.standing import Hold
from engine.services.unmap import SavedMapping, Unmapped
from tui.plain import clean, many, waiting

if TYPE_CHECKING:
    from tui.app import BluebookApp
    from tui.bulk import BulkRun

FRESH_SECONDS = 120.0
"""So long after it was saved a mapping is taken back by u: later it would surprise. The Mappings screen takes it back ever."""


@dataclass(frozen=True)
class Held:
    """These orders were processed together, by ``run`` where they are many."""

    order_ids: tuple[int, ...]
    at: float
    run: BulkRun | None = None


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


@dataclass(frozen=True)
class Changed:
    """An order was edited, or answered for itself only, by the event of this number, then."""

    order_id: int
    seq: int
    at: float


@dataclass(frozen=True)
class Theirs:
    """Nothing of this person's can be taken back, but this that somebody else holds."""

    hold: Hold


Step = Held | Saved | Snoozed | Changed


class Steps:
    """What can be taken back, the last first."""

    def __init__(self, app: BluebookApp) -> None:
        self._app = app
        self._done: list[Step] = []
        self._late: Held | None = None

    def held(self, order_ids: Sequence[int], run: BulkRun | None = None) -> None:
        """These orders were processed."""
        self._done.append(Held(tuple(order_ids), self._app.monotonic(), run))

    def saved(self, mapping: SavedMapping, order_id: int = 0) -> None:
        """This mapping was saved."""
        self._done.append(Saved(mapping, order_id, self._app.monotonic()))

    def snoozed(self, order_id: int, number: str) -> None:
        """This order was put out of sight."""
        self._done.append(Snoozed(order_id, number, self._app.monotonic()))

    async def changed(self, order_id: int) -> bool:
        """This order was edited or answered; can that be taken back?"""
        seq = await reverse.last(order_id, self._app.by)
        if seq:
            self._done.append(Changed(order_id, seq, self._app.monotonic()))
        return bool(seq)

    def forget(self, step: Step) -> None:
        """It is taken back, or cannot be: u goes to the one before."""
        run = step.run if isinstance(step, Held) else None
        self._done = [s for s in self._done if s != step and not (run and isinstance(s, Held) and s.run is run)]
        if step == self._late:
            self._late = None

    async def last(self) -> Step | None:
        """The last that can still be taken back. What was sent meanwhile is no step any more."""
        while self._done:
            step = self._done[-1]
            if isinstance(step, Held):
                # What waits for its supplier for long is taken back where the cursor is on it, not as the last step.
                held = await standing.undoable(step.order_ids, tried=self._fresh(step))
                if held or (step.run is not None and not step.run.over):
                    return step
                await self._missed(step)
            elif self._fresh(step) and not (isinstance(step, Changed) and await standing.cancelable(step.order_id)):
                return step
            self._done.pop()
        return None

    async def _missed(self, step: Held) -> None:
        """It was sent, unless it was taken back elsewhere; the last of these may still be asked back."""
        now = await standing.standing(step.order_ids)
        if len(now.back) < len(step.order_ids) and (self._late is None or self._late.at < step.at):
            self._late = step

    async def next(self, here: int | None, *, went: bool) -> Step | Theirs | None:
        """What u is about, the cursor being on the order ``here``; ``went``: the person chose it since the last act.

        What is held goes first: the order the person went to, the last step, what this person processed in another session.
        Then what was sent and can be asked back, and then what somebody else holds.
        """
        last = await self.last()
        if here is not None and went and not _about(last, here) and await standing.undoable([here]):
            return Held((here,), self._app.monotonic())
        if last is not None:
            return last
        # The order under the cursor is meant before others; False sorts first.
        holds = sorted(await standing.holds(), key=lambda h: h.order_id != here)
        mine = [h for h in holds if (h.by, h.source) == (self._app.by.name, self._app.by.source)]
        if mine:
            # What one key processed was queued at one moment, and comes back by one key.
            together = [h.order_id for h in mine if h.release_at == mine[0].release_at]
            return Held(tuple(together), self._app.monotonic())
        sent = await self._sent(here, went=went)
        if sent is None and holds:
            return Theirs(holds[0])
        return sent or (Held((here,), self._app.monotonic()) if here is not None else None)

    async def _sent(self, here: int | None, *, went: bool) -> Held | None:
        """What was sent, and can be asked back: by this session a moment ago, or the order under the cursor."""
        last = self._late if self._late is not None and self._fresh(self._late) else None
        if here is not None and (last is None or went) and await standing.cancelable(here):
            return Held((here,), self._app.monotonic())
        return last

    def last_mapping(self) -> Saved | None:
        """The mapping that was saved last, where nothing was done since; it is no step any more."""
        step = self._done[-1] if self._done else None
        if isinstance(step, Saved):
            self._done.pop()
            return step if self._fresh(step) else None
        return None

    def _fresh(self, step: Step) -> bool:
        return self._app.monotonic() - step.at < FRESH_SECONDS


def _about(step: Step | None, order_id: int) -> bool:
    return isinstance(step, Held) and order_id in step.order_ids


class TakenBack(msgspec.Struct, frozen=True):
    """``back``: what is a draft again; ``late``: ids of the others; ``whose``: who had held the one order, "" where many."""

    back: tuple[Outcome, ...]
    late: tuple[int, ...]
    whose: str = ""


async def take_back(step: Held, by: Actor) -> TakenBack:
    """What is still held of these orders is a draft again; a run that goes on is over."""
    if step.run is not None:
        async with step.run.ended("undone"):
            return await _taken_back(step.run.done, by)
    return await _taken_back(step.order_ids, by)


async def _taken_back(order_ids: Sequence[int], by: Actor) -> TakenBack:
    held = await standing.undoable(order_ids)
    whose = ""
    if len(order_ids) == 1:
        others = [h for h in await standing.holds() if h.order_id in held and h.source == "person" and h.by != by.name]
        whose = others[0].by if others else ""
    found = await process.undo([i for i in order_ids if i in held], by)
    back = tuple(outcome for outcome in found if outcome.done)
    done = {outcome.order_id for outcome in back}
    return TakenBack(back, tuple(i for i in order_ids if i not in done), whose)


def said(found: TakenBack) -> str:
    """What was taken back, in words."""
    whose = f" ({clean(found.whose, one_line=True)} had processed it)" if found.whose else ""
    what = found.back[0].number if len(found.back) == 1 else many(len(found.back), "order")
    more = f"; {len(found.late):,} too late" if found.late else ""
    return f"{what} taken back{whose}{more}"


async def too_late(order_ids: Sequence[int]) -> str:
    """What became of many orders of which none can be taken back, and what can be done now."""
    now = await standing.standing(order_ids)
    groups = ((now.sent, "sent"), (now.held, "being sent"), (now.failed, "FAILED (r resolves)"), (now.back, "not sent"))
    parts = ", ".join(f"{len(ids):,} {word}" for ids, word in groups if ids)
    cancel = "; c on an order asks its suppliers to cancel it" if now.sent else ""
    return f"nothing is held: {parts}{cancel}"


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
