"""Words for people that both the command line and the terminal app use: times, counts, and text that steers no terminal."""

from __future__ import annotations

import unicodedata
from datetime import datetime


def clean(text: str, *, one_line: bool = False) -> str:
    """The text without what would steer a terminal: names and messages come from customers and suppliers."""
    if one_line:
        text = " ".join(text.split())
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        c if c == "\n" or unicodedata.category(c) not in ("Cc", "Cf", "Co", "Cs") or c in "\u200c\u200d" else "\ufffd"
        for c in text
    )


def local(moment: datetime | int | None, *, seconds: bool = False) -> str:
    """The time in the zone of the person: ``2026-11-22 09:12``. Whole numbers are microseconds."""
    if moment is None:
        return ""
    if isinstance(moment, int):
        from engine import clock

        moment = clock.moment(moment)
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S" if seconds else "%Y-%m-%d %H:%M")


def ago(moment: datetime | int | None) -> str:
    """How long ago, in the largest unit: ``3h``; ``in 3h`` for what is to come; "never" for None."""
    if moment is None:
        return "never"
    from engine import clock

    if isinstance(moment, int):
        moment = clock.moment(moment)
    passed = (clock.now() - moment).total_seconds()
    return span(passed) if passed >= 0 else f"in {span(-passed)}"


def span(seconds: float) -> str:
    """A length of time in its largest unit: 45s, 12m, 3h, 9d."""
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "m")):
        if seconds >= size:
            return f"{int(seconds // size)}{unit}"
    return f"{int(seconds)}s"


def many(count: int, noun: str) -> str:
    """``1 order``, ``3 orders``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def waiting(count: int) -> str:
    """``3 orders wait for a person again``, of a mapping that was taken back."""
    return (
        f"{many(count, 'order')} {'waits' if count == 1 else 'wait'} for a person again"
        if count
        else "no order went by it"
    )


def words(name: str) -> str:
    """An identifier as people read it: ``on hold``."""
    return name.replace("_", " ")
