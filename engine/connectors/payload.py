"""JSON that came from the other side, decoded into the shape its contract promises, or Unreadable with the field's path."""

from __future__ import annotations

import re
from typing import Any, TypeVar

import msgspec

from engine.domain.money import minor
from engine.errors import Unreadable

T = TypeVar("T")
_MISSING = re.compile(r"missing required field `([^`]*)`")


def decode(body: bytes | msgspec.Raw, kind: type[T], subject: str) -> T:
    """The body as ``kind``. Raises Unreadable, beginning with ``subject``, with the path (``order.lineItems[0].quantity``)."""
    try:
        return msgspec.json.decode(body, type=kind)
    except UnicodeDecodeError as error:
        raise Unreadable(f"{subject}: the text is not UTF-8") from error
    except msgspec.DecodeError as error:
        if not isinstance(error, msgspec.ValidationError):
            began = bytes(body)[:80].decode("utf-8", "replace")
            raise Unreadable(f"{subject}: this is no JSON ({error}); it begins {began!r}") from error
        raise unreadable(error, subject) from error


def unreadable(error: msgspec.DecodeError, subject: str) -> Unreadable:
    """The decoder's complaint, beginning with ``subject``, with the path of the field (``order.lineItems[0].quantity``)."""
    what, _, place = str(error).partition(" - at `$")
    path = place.rstrip("`").lstrip(".")
    if missing := _MISSING.search(what):
        path = f"{path}.{missing[1]}".lstrip(".")
    return Unreadable(f"{subject}: {what}" + (f", at {path}" if path else ""), field=path or None)


def about(error: Unreadable, subject: str) -> Unreadable:
    """The same complaint, saying of what."""
    return Unreadable(f"{subject}: {error.message}", field=error.field)


def amount(value: Any, currency: str, field: str) -> int:
    """An amount of money in minor units. Raises Unreadable naming the field."""
    try:
        return minor(value, currency)
    except Unreadable as error:
        raise Unreadable(f"{field}: {error.message}", field=field) from error


def each(total: int, pieces: int) -> int:
    """The price of one of so many pieces that cost ``total`` together, rounded half up to the minor unit."""
    return (2 * total + pieces) // (2 * pieces)
