"""What people type for an option of a channel or a supplier, or in a form; what options mean, the engine knows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from engine.services.options import limit, typed

__all__ = ["limit", "settings", "typed"]


def settings(changed: Mapping[str, str]) -> dict[str, Any]:
    """The connector's settings among the fields of a form, whose names begin with ``set.``."""
    return {name.removeprefix("set."): _json(text) for name, text in changed.items() if name.startswith("set.")}


def _json(text: str) -> Any:
    """Lists and objects are written as JSON; everything else is text, and converted by the connector's own type."""
    if text[:1] in ("[", "{"):
        try:
            return msgspec.json.decode(text)
        except msgspec.DecodeError:
            return text
    return text
