"""What an edit changes, as a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from engine.services.diffs import Names, rows
from tui.cli.output import Column, Paper


def draw(paper: Paper, diffs: Sequence[Any], known: Names) -> None:
    """What changes, value by value."""
    told = rows(diffs, known)
    columns = [
        Column("WHAT", lambda r: r[0], give=True),
        Column("BEFORE", lambda r: r[1], give=True),
        Column("AFTER", lambda r: r[2], give=True),
    ]
    paper.table(columns, told)
