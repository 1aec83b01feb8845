"""Where a walk over the orders changed at eBay stands, and where it goes from there.

getOrders pages by offset over a list that changes meanwhile: what is changed leaves its place, and what follows slides over
the boundary of a page. So a walk goes by time instead: each step asks for a stretch of it that fits on one page, which is one
answer and cannot shift. A stretch with more is cut shorter and asked for again; the next one is as long as promises to fit.
What is changed during the walk moves to a later time, which is still to come. How eBay sorts is only a hint for where to cut:
that a stretch fits, its own answer says. Only where a single millisecond and the next have more than a page are offsets used;
they are past and only shrink, and by as many as they shrank, the walk steps back.
eBay refuses a stretch that ends where it begins, or in the future.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from engine.connectors.channels.ebay.mapping import stamp
from engine.errors import Invalid

TICK = timedelta(milliseconds=1)
ROOM = 0.75  # of a page is what a stretch is meant to have
LONGER, SHORTER = 4.0, 1 / 8
OLDEST = timedelta(days=90)  # addresses are kept no longer
FURTHEST = timedelta(days=700)  # eBay refuses more than two years
SKEW = timedelta(seconds=60)  # by which our clock may be ahead of eBay's


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

    def params(self, size: int) -> dict[str, str]:
        """What getOrders is asked."""
        until = stamp(self.until) if self.until else ""
        return {
            "filter": f"lastmodifieddate:[{stamp(self.at)}..{until}]",
            "limit": str(size),
            "offset": str(self.skip),
        }

    def cursor(self) -> str:
        """The place as text."""
        return msgspec.json.encode(self).decode()

    @property
    def alone(self) -> bool:
        """Can it not be cut any shorter?"""
        return self.until is not None and self.until <= self.at + TICK

    def fits(self, total: int, size: int) -> bool:
        """Does what the answer has count? A page of a stretch that has more would be an accidental part of it."""
        return self.alone or (total <= size and not self.skip)

    def following(self, total: int, size: int, dates: Sequence[datetime], now: datetime) -> Place | None:
        """Where to go on after an answer with ``total`` and orders of these dates of change; None at the end."""
        if self.alone:
            return self._inside(total, size)
        if total > size:
            return self._shorter(total, size, dates, now)
        if self.skip:
            return Place(self.at, self.until, pace=self.pace)
        if self.until is None:
            return None
        pace = (self.pace or self.until - self.at) * (min(LONGER, ROOM * size / total) if total else LONGER)
        until = _end(self.until, pace)
        return Place(self.until, until if until < now - SKEW else None, pace=until - self.until)

    def _shorter(self, total: int, size: int, dates: Sequence[datetime], now: datetime) -> Place:
        found = sorted(set(dates))
        if len(found) == 1:
            return Place(self.at, max(found[0] - TICK, self.at + TICK), pace=self.pace)
        if len(found) > 1 and (self.skip or list(dates) == sorted(dates)):
            # The oldest ones: all but the youngest date of them, of which there may be more.
            return Place(self.at, max(found[-2], self.at + TICK), pace=found[-1] - found[0])
        if len(found) > 1 and list(dates) == sorted(dates, reverse=True):
            return Place(self.at, self.until, total - size, pace=self.pace)
        end = self.until or max([now, *found])
        share = min(0.5, max(SHORTER, ROOM * size / total))
        return Place(self.at, _end(self.at, max(end - self.at, TICK) * share))

    def _inside(self, total: int, size: int) -> Place | None:
        if self.total is not None and total < self.total:
            back = max(0, self.skip - (self.total - total))
            return Place(self.at, self.until, back, total, self.pace)
        if self.skip + size < total:
            return Place(self.at, self.until, self.skip + size, total, self.pace)
        return Place(self.at + TICK, pace=self.pace)


def _end(at: datetime, width: timedelta) -> datetime:
    return at + max(width // TICK, 1) * TICK


def begin(since: datetime | None, now: datetime) -> Place:
    """The beginning of a walk over what was changed at or after ``since``."""
    at = max(since, now - FURTHEST) if since is not None else now - OLDEST
    return Place(at.replace(microsecond=at.microsecond // 1000 * 1000))


def resume(cursor: str) -> Place:
    """The place a cursor names. Raises Invalid."""
    try:
        return msgspec.json.decode(cursor, type=Place)
    except msgspec.DecodeError as error:
        raise Invalid(f"eBay: {cursor!r} is not a cursor of this connector", "cursor") from error
