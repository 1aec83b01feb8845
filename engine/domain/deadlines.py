"""When something is due that takes so many hours of a supplier's working time.

Working hours are walls' time in a zone: ``Mon-Fri 09:00-17:00, Sat 10:00-13:00``. They are counted in real time, so that on
the nights when clocks change a shift is as long as it was for those who worked it. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from engine.errors import Invalid

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
LONGEST = timedelta(days=3 * 366)
"""A deadline that would be later is this much later: the supplier hardly ever works."""
_SHIFT = re.compile(r"([A-Za-z]{3})(?:-([A-Za-z]{3}))?\s+(\d{1,2}):(\d\d)-(\d{1,2}):(\d\d)")
_EVERY_YEAR = re.compile(r"(\d\d)-(\d\d)")


class Shift(msgspec.Struct, frozen=True):
    """Minutes after midnight, ``opens`` before ``closes``, at most 1440."""

    opens: int
    closes: int


class _EveryYear(NamedTuple):
    month: int
    day: int


class Calendar(msgspec.Struct, frozen=True):
    """When a supplier works: its shifts by weekday (Monday is 0), and the days off.

    ``off`` are first and last days; ``yearly`` are (month, day).
    """

    zone: ZoneInfo
    shifts: tuple[tuple[Shift, ...], ...]
    off: tuple[tuple[date, date], ...] = ()
    yearly: frozenset[tuple[int, int]] = frozenset()

    def is_off(self, day: date) -> bool:
        """Is it a holiday?"""
        return (day.month, day.day) in self.yearly or any(first <= day <= last for first, last in self.off)

    def on(self, day: date) -> Iterator[tuple[datetime, datetime]]:
        """The shifts that begin on a day, as moments in UTC, in order; none of no length."""
        if self.is_off(day):
            return
        for shift in self.shifts[day.weekday()]:
            # Of an hour that comes twice both are worked; one that does not come is not.
            opens, closes = self._at(day, shift.opens, fold=0), self._at(day, shift.closes, fold=1)
            if opens < closes:
                yield opens, closes

    def _at(self, day: date, minutes: int, fold: int) -> datetime:
        days, rest = divmod(minutes, 24 * 60)
        at = datetime.combine(day + timedelta(days=days), time(rest // 60, rest % 60, fold=fold), self.zone)
        return at.astimezone(UTC)


@lru_cache(maxsize=512)
def calendar(hours: str, zone: str = "", holidays: str = "") -> Calendar | None:
    """The calendar these texts describe; None without ``hours``: around the clock. Raises Invalid naming which is wrong."""
    if not hours.strip():
        if holidays.strip():
            raise Invalid("say the working hours too: work_hours='Mon-Sun 00:00-24:00', for example", "work_hours")
        return None
    try:
        where = ZoneInfo(zone.strip() or "UTC")
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise Invalid(f"there is no time zone {zone!r}; say America/New_York, for example", "work_timezone") from error
    off, yearly = _days_off(holidays)
    return Calendar(where, _shifts(hours), off, yearly)


def due(known: Calendar | None, start: datetime, hours: float) -> datetime:
    """When so many hours of working time have passed since ``start``; around the clock without a calendar. In UTC.

    It is a moment within a shift, and nothing is due before the first one.
    """
    left = timedelta(hours=hours)
    start = start.astimezone(UTC)
    if known is None:
        return start + left
    for opens, closes in _from(known, start):
        begins = max(opens, start)
        if closes - begins >= left:
            return begins + left
        left -= closes - begins
    return start + LONGEST


def worked(known: Calendar | None, start: datetime, end: datetime) -> timedelta:
    """The working time between two moments; nothing where ``end`` is not after ``start``."""
    start, end = start.astimezone(UTC), end.astimezone(UTC)
    if known is None:
        return max(end - start, timedelta())
    total = timedelta()
    for opens, closes in _from(known, start):
        if opens >= end:
            break
        total += max(min(closes, end) - max(opens, start), timedelta())
    return total


def _from(known: Calendar, start: datetime) -> Iterator[tuple[datetime, datetime]]:
    """The shifts that end after ``start``, none overlapping another, for as long as anyone waits."""
    day = start.astimezone(known.zone).date() - timedelta(days=1)
    last, until = start, day + LONGEST
    while day <= until:
        for opens, closes in known.on(day):
            # Where the clock is put back an early shift may reach into the next.
            begins = max(opens, last)
            if closes > begins:
                yield begins, closes
                last = closes
        day += timedelta(days=1)


def _shifts(hours: str) -> tuple[tuple[Shift, ...], ...]:
    found: list[list[Shift]] = [[] for _ in DAYS]
    for part in hours.split(","):
        match = _SHIFT.fullmatch(part.strip())
        if match is None:
            raise Invalid(f"{part.strip()!r} is not written like Mon-Fri 09:00-17:00", "work_hours")
        first, last = _weekday(match[1]), _weekday(match[2] or match[1])
        shift = Shift(_minutes(match[3], match[4]), _minutes(match[5], match[6]))
        if shift.opens >= shift.closes:
            raise Invalid(f"{part.strip()!r} ends before it begins; part a night at midnight", "work_hours")
        for day in range(first, last + 1 if first <= last else last + 8):
            found[day % 7].append(shift)
    for name, shifts in zip(DAYS, found, strict=True):
        shifts.sort(key=lambda shift: shift.opens)
        if any(a.closes > b.opens for a, b in pairwise(shifts)):
            raise Invalid(f"{name} has hours that overlap", "work_hours")
    return tuple(tuple(shifts) for shifts in found)


def _weekday(name: str) -> int:
    if name.capitalize() not in DAYS:
        raise Invalid(f"{name!r} is no day of the week: {', '.join(DAYS)}", "work_hours")
    return DAYS.index(name.capitalize())


def _minutes(hour: str, minute: str) -> int:
    found = int(hour) * 60 + int(minute)
    if int(minute) > 59 or found > 24 * 60:
        raise Invalid(f"{hour}:{minute} is no time of day", "work_hours")
    return found


def _days_off(text: str) -> tuple[tuple[tuple[date, date], ...], frozenset[tuple[int, int]]]:
    off: list[tuple[date, date]] = []
    yearly: set[tuple[int, int]] = set()
    for part in re.split(r"[,\s]+", text.strip()):
        if not part:
            continue
        found = _day_off(part)
        if found is None:
            said = f"{part!r} is not a day off: write 2026-12-24, 12-25 for every year, or 2026-07-27..2026-08-07"
            raise Invalid(said, "holidays")
        if isinstance(found, _EveryYear):
            yearly.add((found.month, found.day))
        else:
            off.append(found)
    return tuple(off), frozenset(yearly)


def _day_off(part: str) -> tuple[date, date] | _EveryYear | None:
    """The first and last day, or a day of every year; None where it is neither."""
    first, _, last = part.partition("..")
    try:
        if (yearly := _EVERY_YEAR.fullmatch(part)) is not None:
            date(2024, int(yearly[1]), int(yearly[2]))  # a leap year: 02-29 is a day
            return _EveryYear(int(yearly[1]), int(yearly[2]))
        span = date.fromisoformat(first), date.fromisoformat(last or first)
    except ValueError:
        return None
    return span if span[0] <= span[1] else None
