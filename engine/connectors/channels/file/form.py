"""Whether what was sent is what it is said to be: asked of what a program sends, which can send it again at once.

Files that people put into a folder are read as far as they can be; a program is told that its body is cut off.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from engine.connectors import workbook
from engine.connectors.channels.file import text
from engine.errors import Unreadable


def demand(name: str, body: bytes, encoding: str = "auto") -> None:
    """The body is a workbook, JSON with orders in it, or JSON lines, as the name's ending has it. Raises Unreadable."""
    ending = name.lower().rpartition(".")[2]
    if ending == "xlsx" and not workbook.is_workbook(body):
        text.decode(body, encoding)  # knows archives, old workbooks and pictures, and says what to do about each
        raise Unreadable("it is no Excel workbook: a file as Excel saves it (.xlsx) is expected")
    if ending in ("json", "jsonl") and not workbook.is_workbook(body):
        content = text.decode(body, encoding)[0].strip()
        if not content:
            raise Unreadable("it is empty")
        _demand_orders(content, lines=ending == "jsonl")


def _demand_orders(content: str, *, lines: bool) -> None:
    try:
        value = json.loads(content)
    except (ValueError, RecursionError) as error:
        reason = str(error) if isinstance(error, ValueError) else "it is nested too deeply"
        if not lines:
            raise Unreadable(f"it is not JSON: {reason}") from error
        if not any(isinstance(found, dict) for found in _each(content.splitlines())):
            raise Unreadable("none of its lines is an order in JSON") from error
        return
    if not isinstance(value, dict | list):
        raise Unreadable(f"it is JSON, but no order and no list of orders: {text.short(value)}")


def _each(lines: Iterable[str]) -> Iterable[Any]:
    for line in lines:
        try:
            yield json.loads(line)
        except (ValueError, RecursionError):
            continue
