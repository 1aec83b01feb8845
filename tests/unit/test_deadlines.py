"""Deadlines in working time: examples one can check by hand, and laws that hold in every zone and every night."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from engine.domain.deadlines import LONGEST, calendar, due, worked
from engine.errors import Invalid

OFFICE = "Mon-Fri 09:00-17:00"
NEW_YORK = "America/New_York"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("hours", "zone", "holidays", "start", "takes", "expected"),
    [
        ("", "", "", "2026-11-27T16:00Z", 24, "2026-11-28T16:00Z"),  # around the clock
        (OFFICE, "UTC", "", "2026-11-26T10:00Z", 4, "2026-11-26T14:00Z"),  # Thursday
        (OFFICE, "UTC", "", "2026-11-26T10:00Z", 7, "2026-11-26T17:00Z"),  # at closing time, not the next morning
        (OFFICE, "UTC", "", "2026-11-26T10:00Z", 8, "2026-11-27T10:00Z"),
        (OFFICE, "UTC", "", "2026-11-27T16:00Z", 2, "2026-11-30T10:00Z"),  # over the weekend
        (OFFICE, "UTC", "", "2026-11-28T12:00Z", 1, "2026-11-30T10:00Z"),  # sent on a Saturday
        (OFFICE, "UTC", "11-30", "2026-11-27T16:00Z", 2, "2026-12-01T10:00Z"),  # St Andrew's day, every year
        (OFFICE, "UTC", "2026-11-30..2026-12-04", "2026-11-27T16:00Z", 2, "2026-12-07T10:00Z"),
        (OFFICE, NEW_YORK, "2026-11-26", "2026-11-25T21:00Z", 2, "2026-11-27T15:00Z"),  # Thanksgiving
        ("Mon-Fri 09:00-12:00, Mon-Fri 13:00-17:00", "UTC", "", "2026-11-26T11:30Z", 1, "2026-11-26T13:30Z"),
        ("Sat-Mon 10:00-12:00", "UTC", "", "2026-11-29T11:30Z", 1, "2026-11-30T10:30Z"),  # over the end of the week
        # The night clocks go back in New York, 1 November 2026: 00:00-06:00 has seven hours, and 01:30 comes twice.
        ("Mon-Sun 00:00-06:00", NEW_YORK, "", "2026-11-01T04:00Z", 7, "2026-11-01T11:00Z"),
        ("Mon-Sun 01:00-02:00", NEW_YORK, "", "2026-11-01T05:00Z", 2, "2026-11-01T07:00Z"),
        # And forward, 8 March 2026: it has five, and the hour from 02:00 on does not come.
        ("Mon-Sun 00:00-06:00", NEW_YORK, "", "2026-03-08T05:00Z", 6, "2026-03-09T05:00Z"),
        ("Mon-Sun 02:00-03:00", NEW_YORK, "", "2026-03-08T05:00Z", 1, "2026-03-09T07:00Z"),
        ("Mon-Sun 00:00-24:00", NEW_YORK, "", "2026-03-07T12:00Z", 24, "2026-03-08T12:00Z"),
        ("Mon-Sun 00:00-24:00", "Asia/Kathmandu", "", "2026-03-07T12:00Z", 24, "2026-03-08T12:00Z"),
    ],
)
def test_when_it_is_due(hours: str, zone: str, holidays: str, start: str, takes: float, expected: str) -> None:
    known = calendar(hours, zone, holidays)
    assert due(known, at(start), takes) == at(expected)
    assert worked(known, at(start), at(expected)) == timedelta(hours=takes)


_ZONES = st.sampled_from(
    ["UTC", NEW_YORK, "Europe/Berlin", "Australia/Lord_Howe", "America/St_Johns", "Pacific/Apia", "Africa/Casablanca"]
)
_HOURS = st.sampled_from(
    [
        OFFICE, "Mon-Sun 00:00-24:00", "Mon-Sun 00:30-04:30", "Sat 01:00-03:00, Sun 01:00-02:30", "Sun-Mon 23:00-24:00",
        "Mon-Sun 00:00-02:00, Mon-Sun 02:00-03:00, Mon-Sun 03:00-24:00", "Tue 22:00-23:59, Wed 00:00-00:01",
    ]
)  # fmt: skip
_OFF = st.sampled_from(["", "12-25, 01-01", "2026-03-08", "2026-10-20..2026-11-03", "02-29"])
_MOMENTS = st.datetimes(datetime(2025, 12, 1), datetime(2027, 1, 31), timezones=st.just(UTC))  # noqa: DTZ001
_TAKES = st.floats(0, 120).map(lambda hours: round(hours, 2))


@settings(deadline=None)
@given(_HOURS, _ZONES, _OFF, _MOMENTS, _TAKES)
@example("Mon-Sun 00:30-04:30", "Australia/Lord_Howe", "", at("2026-04-04T13:00Z"), 4.0)  # back by half an hour
@example("Mon-Sun 00:00-24:00", "Pacific/Apia", "", at("2026-12-31T13:00Z"), 24.0)
def test_exactly_so_much_is_worked_until_it_is_due(
    hours: str, zone: str, off: str, start: datetime, takes: float
) -> None:
    known = calendar(hours, zone, off)
    found = due(known, start, takes)
    assume(found < start + LONGEST)
    assert found >= start
    assert worked(known, start, found) == timedelta(hours=takes)
    if takes:  # and not a moment earlier
        assert worked(known, start, found - timedelta(microseconds=1)) < timedelta(hours=takes)


@settings(deadline=None)
@given(_HOURS, _ZONES, _OFF, _MOMENTS, _MOMENTS, _TAKES)
def test_who_starts_later_is_not_due_earlier_and_more_takes_longer(
    hours: str, zone: str, off: str, one: datetime, other: datetime, takes: float
) -> None:
    known = calendar(hours, zone, off)
    first, later = sorted([one, other])
    assert due(known, first, takes) <= due(known, later, takes) or due(known, later, takes) == later + LONGEST
    assert due(known, first, takes) <= due(known, first, takes + 1)
    middle = first + (later - first) / 2
    assert worked(known, first, middle) + worked(known, middle, later) == worked(known, first, later)
    assert worked(known, later, first) == timedelta()


def test_around_the_clock_everywhere_is_plain_time() -> None:
    for zone in ("UTC", NEW_YORK, "Australia/Lord_Howe", "Pacific/Apia"):
        known = calendar("Mon-Sun 00:00-24:00", zone)
        for days in range(0, 400, 7):
            start = at("2026-01-01T00:17Z") + timedelta(days=days)
            assert due(known, start, 100) == start + timedelta(hours=100)


def test_one_who_never_works_is_due_at_last() -> None:
    known = calendar("Mon 09:00-17:00", "UTC", "2020-01-01..2040-01-01")
    start = at("2026-01-01T00:00Z")
    assert due(known, start, 1) == start + LONGEST


@pytest.mark.parametrize(
    ("hours", "zone", "holidays", "field", "words"),
    [
        ("9 to 5", "", "", "work_hours", "is not written like Mon-Fri 09:00-17:00"),
        ("Moo-Fri 09:00-17:00", "", "", "work_hours", "'Moo' is no day of the week"),
        ("Mon 09:00-25:00", "", "", "work_hours", "25:00 is no time of day"),
        ("Mon 22:00-06:00", "", "", "work_hours", "ends before it begins; part a night at midnight"),
        ("Mon 09:00-12:00, Mon-Fri 11:00-13:00", "", "", "work_hours", "Mon has hours that overlap"),
        (OFFICE, "Mars/Olympus", "", "work_timezone", "there is no time zone 'Mars/Olympus'"),
        (OFFICE, "../etc/passwd", "", "work_timezone", "there is no time zone"),
        (OFFICE, "", "Christmas", "holidays", "'Christmas' is not a day off"),
        (OFFICE, "", "2026-02-30", "holidays", "'2026-02-30' is not a day off"),
        (OFFICE, "", "2026-08-07..2026-07-27", "holidays", "is not a day off"),
        (OFFICE, "", "12-24..12-26", "holidays", "is not a day off"),
        ("", "", "12-25", "work_hours", "say the working hours too"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_named(hours: str, zone: str, holidays: str, field: str, words: str) -> None:
    with pytest.raises(Invalid, match=words) as told:
        calendar(hours, zone, holidays)
    assert told.value.field == field
