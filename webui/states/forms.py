"""Forms of settings: each saves only what was changed in it, and what others changed meanwhile is said, not overwritten."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from engine import clock
from engine.errors import BluebookError, Invalid, Overtaken
from engine.services import meanwhile, options
from engine.services.connections import Table
from engine.services.settings_book import Change
from webui import words

NOTHING = "nothing was changed"


def whole(table: Table, name: str, label: str, text: str) -> int | None:
    """The whole number in a field, or None where it is empty and may be; raises Invalid in the words of the form."""
    known = options.WHOLE[table][name]
    if known.none and not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 19) or not known.least <= int(text) <= known.most:
        none = ", or nothing" if known.none else ""
        raise Invalid(
            f"{label}: write a whole number from {known.least} to {known.most} in digits alone{none}, not {text!r}",
            name,
        )
    return int(text)


def lines(text: Any) -> str:
    """What an area of text has, its lines ended as ours are."""
    return str(text).replace("\r\n", "\n").strip()


def touched(given: Mapping[str, str], loaded: Mapping[str, str], fields: Iterable[str]) -> dict[str, str]:
    """What the form has in those of the fields in which it is not what it was loaded with."""
    return {name: given.get(name, "") for name in fields if given.get(name, "") != loaded[name]}


@contextmanager
def told(state: Any, form: str, labels: Mapping[str, str]) -> Iterator[None]:
    """What cannot be saved is said beside the form (``state.problems``), by the labels of its fields; what is typed stays.

    Where others were first, their changes count as seen from then on (``state.take_over``): who saves again, means it.
    """
    try:
        yield
    except Overtaken as error:
        state.problems = {**state.problems, form: overtaken(error.changes, labels, state)}
        state.take_over(form, error)
    except BluebookError as error:
        state.problems = {**state.problems, form: in_words(error, labels)}


def in_words(error: BluebookError, labels: Mapping[str, str]) -> str:
    """The error as a sentence, its options called as the form calls them."""
    said = error.message
    for name, label in labels.items():
        said = re.sub(rf"\b{re.escape(name)}\b", f"“{label}”" if "_" in name else name, said)
    return words.sentence(said)


def overtaken(changes: Sequence[Change], labels: Mapping[str, str], state: Any) -> str:
    """``Dana set the value limit to 100.00 USD at 14:02; yours was not saved. …``"""
    currency = state.values.get("currency", "USD")
    said = words.plain(meanwhile.said(changes, labels, currency, lambda at: _when(at, state.zone)))
    return f"{said}; yours was not saved. Look, and save again to set yours all the same."


def _when(at: datetime, zone: str) -> str:
    day, _, time = words.day_and_time(at, zone).rpartition(" ")
    today = words.day_and_time(clock.now(), zone).rpartition(" ")[0]
    return f"at {time}" if day == today else f"on {day} at {time}"
