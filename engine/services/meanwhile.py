"""Meanwhile: what others set about a channel or a supplier while somebody had its form open, in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from engine.domain import money
from engine.services.settings_book import OWN, Change

AUTO = ("auto_process", "auto_limit", "auto_currency", "auto_condition")
"""Whoever switches Auto Order Processing on has these before their eyes: they must be the ones in force."""
SHOWN = 60
"""Characters of a value that are worth saying."""


def said(changes: Sequence[Change], labels: Mapping[str, str], currency: str, when: Callable[[datetime], str]) -> str:
    """``dana set the value limit to 100.00 USD at 14:02``, a clause for each change, options called by their ``labels``.

    ``currency`` is that of the value limit where nobody changed it. Names and values are as they were given.
    """
    values = {change.name: change.value for change in changes}
    currency = values.get("auto_currency") or currency
    found = [one for one in changes if not (one.name == "auto_currency" and "auto_limit" in values)]
    return "; ".join(f"{one.by} {_deed(one, labels, currency)} {when(one.at)}" for one in found)


def _deed(change: Change, labels: Mapping[str, str], currency: str) -> str:
    name, value = change.name, change.value
    label = labels.get(name, name.removeprefix(OWN).replace("_", " "))
    if isinstance(value, bool):
        return f"switched {label} {'on' if value else 'off'}"
    if name == "auto_limit" and value is not None:
        return f"set {label} to {money.show(value, currency)}"
    if value == "***":
        return f"set a new {label}"
    if value in (None, "", []):
        return f"emptied {label}"
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return f"set {label} to {text[:SHOWN]}{'…' if len(text) > SHOWN else ''}"
