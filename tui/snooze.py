"""Until when an order is out of sight: a few moments to choose from, and what people type."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from engine.errors import Invalid

MORNING = 8
MONTH = 31
LONGEST = timedelta(days=366)
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_SPAN = re.compile(r"(\d{1,6})\s*([mhdw])")
_CLOCK = re.compile(r"(?:(\d{4}-\d{2}-\d{2}|[a-z]+)\s*)?(?:(\d{1,2})(?::(\d{2}))?)?")
HOW = "2h, 3d, 18:00, fri, tomorrow 14:30 or 2026-12-24 9:00"


def choices(now: datetime) -> list[tuple[str, datetime]]:
    """What is offered: 1 h, 4 h, tomorrow's morning, Monday's morning; ``now`` has a zone."""
    tomorrow = _at(now + timedelta(days=1), MORNING)
    monday = _at(now + timedelta(days=7 - now.weekday()), MORNING)
    return [
        ("1 hour", now + timedelta(hours=1)),
        ("4 hours", now + timedelta(hours=4)),
        ("tomorrow", tomorrow),
        ("Monday", monday),
    ]


def read(text: str, now: datetime) -> datetime:
    """The moment a person means, in the zone of ``now``. Raises Invalid, also for one that is past or more than a year off."""
    said = " ".join(text.casefold().split())
    span = _SPAN.fullmatch(said)
    until = now + timedelta(**{_UNITS[span[2]]: int(span[1])}) if span else _clock(said, now)
    if until is None:
        raise Invalid(f"{text.strip()!r} is no time; write it as {HOW}", "until")
    if until <= now:
        raise Invalid(f"{until:%Y-%m-%d %H:%M} is past", "until")
    if until > now + LONGEST:
        raise Invalid("that is more than a year away: cancel the order, or put it on hold", "until")
    return until


def _clock(said: str, now: datetime) -> datetime | None:
    match = _CLOCK.fullmatch(said)
    if not said or match is None or not (match[1] or match[3]):
        return None
    hour, minute = int(match[2] or MORNING), int(match[3] or 0)
    if hour > 23 or minute > 59:
        return None
    if match[1] is None:
        today = _at(now, hour, minute)
        return today if today > now else _at(now + timedelta(days=1), hour, minute)
    day = _day(match[1], now)
    return None if day is None else _at(day, hour, minute)


def _day(word: str, now: datetime) -> datetime | None:
    if word in ("today", "tomorrow"):
        return now + timedelta(days=word == "tomorrow")
    if word[:3] in DAYS and len(word) >= len("mon"):
        return now + timedelta(days=(DAYS.index(word[:3]) - now.weekday() - 1) % 7 + 1)
    try:
        return datetime.fromisoformat(word)
    except ValueError:
        return None


def _at(day: datetime, hour: int, minute: int = 0) -> datetime:
    """That time of that day in the zone of the machine, whatever summer time does between now and then."""
    return day.replace(hour=hour, minute=minute, second=0, microsecond=0, tzinfo=None).astimezone()
