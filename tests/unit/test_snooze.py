"""Until when: the moments that are offered, and what people type, in the zone they are in."""

from __future__ import annotations

import time
from datetime import datetime

import pytest

from engine.errors import Invalid
from tui import snooze


@pytest.fixture(autouse=True)
def in_berlin(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine is in a zone with summer time."""
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def now() -> datetime:
    """A Saturday evening before the clocks go back."""
    return datetime(2026, 10, 24, 20, 30).astimezone()


def test_tomorrow_and_monday_are_mornings_whatever_the_clocks_do() -> None:
    offered = dict(snooze.choices(now()))
    assert f"{offered['1 hour']:%d %H:%M}" == "24 21:30"
    assert f"{offered['tomorrow']:%d %H:%M %z}" == "25 08:00 +0100"
    assert f"{offered['Monday']:%a %d %H:%M}" == "Mon 26 08:00"


def test_on_a_monday_it_is_the_next_one() -> None:
    monday = datetime(2026, 10, 26, 7, 0).astimezone()
    assert f"{dict(snooze.choices(monday))['Monday']:%d %b}" == "02 Nov"


@pytest.mark.parametrize(("text", "said"), [
    ("2h", "24 22:30"), ("45 m", "24 21:15"), ("3d", "27 20:30"), ("21:00", "24 21:00"), ("18:00", "25 18:00"),
    ("tomorrow", "25 08:00"), ("Tomorrow 14:30", "25 14:30"), ("fri", "30 08:00"), ("Saturday 9:15", "31 09:15"),
    ("today 23", "24 23:00"), ("2026-10-29", "29 08:00"), ("2026-10-29 9:05", "29 09:05"),
])  # fmt: skip
def test_what_people_type_is_understood(text: str, said: str) -> None:
    assert f"{snooze.read(text, now()):%d %H:%M}" == said


@pytest.mark.parametrize(
    "text", ["", "later", "25:00", "12:61", "7", "today 9:00", "2026-13-01", "2020-01-01", "999d", "-2h"]
)
def test_what_is_no_moment_to_come_is_refused_in_words(text: str) -> None:
    with pytest.raises(Invalid) as caught:
        snooze.read(text, now())
    assert any(word in caught.value.message for word in ("write it as", "is past", "more than a year"))
