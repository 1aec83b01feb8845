"""What a command shows: tables and text for people, one JSON document for programs; data on stdout, remarks on stderr."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any

from tui.plain import clean

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

STYLES = {
    "ready": "green", "ok": "green", "completed": "green", "shipped": "green", "closed": "green", "confirmed": "green",
    "unresolved": "yellow", "on_hold": "yellow", "warn": "yellow", "queued": "cyan", "processed": "cyan",
    "failing": "yellow", "paused": "red", "failed": "red", "fail": "red", "dead": "red", "rejected": "red",
    "outcome_unknown": "red", "parked": "yellow", "canceled": "dim", "disabled": "dim",
}  # fmt: skip
"""Colour only repeats what the word already says."""


@dataclass(frozen=True)
class Shown:
    """The result of a command: ``data`` is printed as JSON, or ``draw`` draws it for people. ``code`` is the exit code.

    ``remarks`` go to stderr either way.
    """

    data: Any
    draw: Callable[[Paper], None]
    code: int = 0
    remarks: Sequence[str] = ()


@dataclass(frozen=True)
class Column:
    """A column of a table. ``give``: it is shortened where the terminal is narrow; ``fold``: it goes on below."""

    title: str
    cell: Callable[[Any], Any]
    right: bool = False
    give: bool = False
    fold: bool = False


@dataclass
class Paper:
    """Where a command draws. ``wide``: nobody looks (a pipe), so nothing is shortened or wrapped."""

    stream: IO[str] = field(default_factory=lambda: sys.stdout)

    def __post_init__(self) -> None:
        self.wide = not self.stream.isatty()
        self._made: Console | None = None

    @property
    def roomy(self) -> bool:
        """Is there room for columns that are only nice to have?"""
        return self.wide or bool(self._console.width >= 100)

    @property
    def _console(self) -> Console:
        if self._made is None:
            from rich.console import Console

            self._made = Console(
                file=self.stream, width=10_000 if self.wide else None, no_color="NO_COLOR" in os.environ or None,
                force_terminal=None if not self.wide else False, highlight=False, markup=False, emoji=False,
            )  # fmt: skip
        return self._made

    def line(self, text: object = "", style: str = "") -> None:
        """One line of text, wrapped at a terminal's edge."""
        self._console.print(_text(text, style), soft_wrap=self.wide, style=style or None)

    def findings(self, rows: Iterable[tuple[str, str, str, str]]) -> None:
        """State, what it is about, what was found, and what to do about it."""
        from rich.table import Table

        table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
        for _ in range(2):
            table.add_column(no_wrap=True)
        table.add_column(overflow="fold")
        for state, about, what, todo in rows:
            table.add_row(_text(state), _text(about), _text(f"{what}\n→ {todo}" if todo else what))
        self._print(table)

    def title(self, text: object) -> None:
        """A heading, after an empty line."""
        self._console.print()
        self.line(text, "bold")

    def pairs(self, rows: Iterable[tuple[str, object]]) -> None:
        """Names and values beneath one another; empty values are left out."""
        from rich.table import Table

        table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
        table.add_column(no_wrap=True, style="dim")
        table.add_column(overflow="fold")
        for name, value in rows:
            if value not in (None, ""):
                table.add_row(name, _text(value))
        self._print(table)

    def table(self, columns: Sequence[Column], rows: Sequence[Any]) -> None:
        """The rows under their titles; columns that give are shortened where the terminal is narrow, empty ones left out."""
        from rich.table import Table

        cells = [[column.cell(row) for column in columns] for row in rows]
        # A column in which nothing is said only takes room.
        used = [n for n in range(len(columns)) if n == 0 or any(line[n] not in (None, "") for line in cells)]
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
        for column in (columns[n] for n in used):
            table.add_column(
                column.title, justify="right" if column.right else "left", no_wrap=not (column.give or column.fold),
                overflow="fold" if column.fold else "ellipsis",
            )  # fmt: skip
        for line in cells:
            table.add_row(*[_text(line[n], one_line=not columns[n].fold) for n in used])
        self._print(table)

    def _print(self, table: Any) -> None:
        if not self.wide:
            self._console.print(table)
            return
        with self._console.capture() as taken:
            self._console.print(table)
        self.stream.write("".join(f"{line.rstrip()}\n" for line in taken.get().splitlines()))


def _text(value: object, style: str = "", *, one_line: bool = False) -> Text:
    from rich.text import Text

    text = clean("" if value is None else str(value), one_line=one_line)
    if not style:
        style = STYLES.get(text.replace(" ", "_"), "")
    return Text(text, style=style, no_wrap=one_line or None, overflow="ellipsis" if one_line else None)


# --- making what is shown ---------------------------------------------------------------------------------------------


def listing(
    key: str, rows: Sequence[Any], columns: Sequence[Column], *, empty: str, after: str | None = None,
    data: Sequence[Any] | None = None, remarks: Sequence[str] = (),
) -> Shown:  # fmt: skip
    """A table. ``key`` names the rows in the JSON, beside ``next``: what ``--after`` takes to go on, or null."""
    told = list(remarks)
    if not rows:
        told.insert(0, empty)
    elif after is not None:
        told.append(f"there is more: --after '{after}'")
    document = {key: list(data if data is not None else rows), "next": after}
    return Shown(document, lambda paper: paper.table(columns, rows) if rows else None, remarks=told)


def said(text: str, *, code: int = 0, remarks: Sequence[str] = (), **data: Any) -> Shown:
    """A sentence; in JSON it is the message, beside ``data``."""
    return Shown({"message": text, **data}, lambda paper: paper.line(text), code, remarks)


def show(shown: Shown, *, as_json: bool) -> None:
    """The result is on stdout, its remarks on stderr."""
    if as_json:
        print_json(shown.data)
    else:
        shown.draw(Paper(sys.stdout))
    sys.stdout.flush()
    for remark in shown.remarks:
        print(clean(remark), file=sys.stderr)


def print_json(data: Any) -> None:
    """The data is on stdout as one JSON document; times are UTC, money is minor units beside its currency."""
    sys.stdout.write(json_text(data) + "\n")


def json_text(data: Any) -> str:
    """One JSON document, indented."""
    import msgspec

    return msgspec.json.format(msgspec.json.encode(data), indent=2).decode()
