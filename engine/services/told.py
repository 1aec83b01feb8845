"""Values of the blue book as programs read them: moments as such and documents whole.

What is stored stays as it is, micros and text, for that is what the hashes of the chain are of.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from engine import clock
from engine.services.blue_book import Event
from engine.services.edit import Diff

DOCUMENTS = ("ship_to", "bill_to", "waived", "cancel_wish")
"""Values that are JSON inside of a text."""


def value(path: str, stored: Any) -> Any:
    """The value at this path: a moment where it is one, and what a document says."""
    name = "" if path.startswith("issue.") else path.rpartition(".")[2]
    if name.endswith(("_at", "_until")) and isinstance(stored, int):
        return clock.moment(stored)
    if name in DOCUMENTS and isinstance(stored, str) and stored[:1] in ("{", "["):
        try:
            return msgspec.json.decode(stored)
        except msgspec.DecodeError:
            return stored
    return stored


def values(stored: Mapping[str, Any]) -> dict[str, Any]:
    """All of these, by path."""
    return {path: value(path, one) for path, one in stored.items()}


def event(stored: Event) -> Event:
    """The event with the values before and after as programs read them."""
    return msgspec.structs.replace(stored, before=values(stored.before), after=values(stored.after))


def diffs(stored: Iterable[Diff]) -> list[Diff]:
    """What changes, as programs read it."""
    return [Diff(one.path, value(one.path, one.before), value(one.path, one.after)) for one in stored]
