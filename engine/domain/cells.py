"""Cells of tables that people open in a spreadsheet: no text in them may be taken for a formula."""

from __future__ import annotations

import re
from typing import Any

_NUMBER = re.compile(r"[-+]?\d+(\.\d+)?", re.ASCII)
# The last four are the wide forms, which spreadsheets in Chinese, Japanese and Korean take for the same.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def guarded(value: Any) -> str:
    """The value as a cell; an apostrophe goes before what begins like a formula and is no plain number."""
    text = "" if value is None else str(value)
    bare = text.lstrip("'")  # someone's own apostrophe gets one more, so that it can be told from ours
    return (
        f"'{text}"
        if bare.lstrip(" \n").startswith(_FORMULA) and (bare != text or not _NUMBER.fullmatch(text))
        else text
    )


def unguarded(text: str) -> str:
    """The text that became this cell."""
    return text[1:] if text[:1] == "'" and guarded(text[1:]) == text else text
