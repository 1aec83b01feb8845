"""A walk over what was changed at a channel, by time and not by page numbers.

Lists that page by offset shift while they are read: what is changed leaves its place, and what follows slides over the boundary
of a page. So each step asks for a stretch of time that fits on one page, which is one answer and cannot shift. A stretch with
more is cut shorter and asked for again; the next one is as long as promises to fit. What is changed during the walk moves to a
later time, which is still to come. How the channel sorts is only a hint for where to cut: that a stretch fits, its own answer
says. Only where a single tick of the channel's clock and the next have more than a page are offsets used; they are past and
only shrink, and by as many as they shrank, the walk steps back.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import msgspec

from engine.errors import Invalid

ROOM = 0.75  # of a page is what a stretch is meant to have
LONGER, SHORTER = 4.0, 1 / 8
DEEPEST = 5_000  # the largest offset that is asked for only to see where to cut: some channels refuse deep ones
SKEW = timedelta(seconds=60)  # by which our clock may be ahead of the channel's


class Place(msgspec.Struct, frozen=True, omit_defaults=True):
    """The stretch from ``at`` to ``until``, both included; open-ended without ``until``. ``pace`` is how long a page was.

    With ``skip``, the answer is not the stretch's: it is the last page of one that is too long, to see how to cut it, or, in
    the shortest stretch there is, what comes after as many as were seen, of ``total``.
    """

    at: datetime
    until: datetime | None = None
    skip: int = 0
    total: int | None = None
    pace: timedelta | None = None


class Walk:
    """How to walk at one channel. ``tick`` is the smallest step of its clock, ``oldest`` how far back it goes by itself.

    No stretch ends where it begins, and none goes further back than ``furthest``.
    """

    def __init__(self, peer: str, tick: timedelta, oldest: timedelta, furthest: timedelta | None = None) -> None:
        self.peer, self.tick, self.oldest, self.furthest = peer, tick, oldest, furthest

    def begin(self, since: datetime | None, now: datetime) -> Place:
        """The beginning of a walk over what was changed at or after ``since``."""
        at = since if since is not None else now - self.oldest
        if self.furthest is not None:
            at = max(at, now - self.furthest)
        epoch = datetime(1970, 1, 1, tzinfo=UTC)
        return Place(epoch + (at - epoch) // self.tick * self.tick)

    def resume(self, cursor: str) -> Place:
        """The place that a cursor names, which is a Place as JSON. Raises Invalid."""
        try:
            return msgspec.json.decode(cursor, type=Place)
        except msgspec.DecodeError as error:
            raise Invalid(f"{self.peer}: {cursor!r} is not a cursor of this connector", "cursor") from error

    def alone(self, place: Place) -> bool:
        """Can it not be cut any shorter?"""
        return place.until is not None and place.until <= place.at + self.tick

    def fits(self, place: Place, total: int, size: int) -> bool:
        """Does what the answer has count? A page of a stretch that has more would be an accidental part of it."""
        return self.alone(place) or (total <= size and not place.skip)

    def following(
        self, place: Place, total: int, size: int, dates: Sequence[datetime], now: datetime
    ) -> Place | None:  # fmt: skip
        """Where to go on after an answer with ``total`` and things of these dates of change; None at the end."""
        if self.alone(place):
            return self._inside(place, total, size)
        if total > size:
            return self._shorter(place, total, size, dates, now)
        if place.skip:
            return Place(place.at, place.until, pace=place.pace)
        if place.until is None:
            return None
        pace = (place.pace or place.until - place.at) * (min(LONGER, ROOM * size / total) if total else LONGER)
        until = self._end(place.until, pace)
        return Place(place.until, until if until < now - SKEW else None, pace=until - place.until)

    def _shorter(self, place: Place, total: int, size: int, dates: Sequence[datetime], now: datetime) -> Place:
        found, first = sorted(set(dates)), place.at + self.tick
        if len(found) == 1:
            return Place(place.at, max(found[0] - self.tick, first), pace=place.pace)
        if len(found) > 1 and (place.skip or list(dates) == sorted(dates)):
            # The oldest ones: all but the youngest date of them, of which there may be more.
            return Place(place.at, max(found[-2], first), pace=found[-1] - found[0])
        if len(found) > 1 and list(dates) == sorted(dates, reverse=True) and total - size <= DEEPEST:
            return Place(place.at, place.until, total - size, pace=place.pace)
        end = place.until or max([now, *found])
        share = min(0.5, max(SHORTER, ROOM * size / total))
        return Place(place.at, self._end(place.at, max(end - place.at, self.tick) * share))

    def _inside(self, place: Place, total: int, size: int) -> Place | None:
        if place.total is not None and total < place.total:
            back = max(0, place.skip - (place.total - total))
            return Place(place.at, place.until, back, total, place.pace)
        if place.skip + size < total:
            return Place(place.at, place.until, place.skip + size, total, place.pace)
        return Place(place.at + self.tick, pace=place.pace)

    def _end(self, at: datetime, width: timedelta) -> datetime:
        return at + max(width // self.tick, 1) * self.tick
