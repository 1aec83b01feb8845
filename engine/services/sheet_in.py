"""Tables people hand in as CSV: rows by column name, whatever spreadsheet wrote them, with the line each stands in."""

from __future__ import annotations

import csv
from collections.abc import Sequence

from engine.domain.cells import unguarded
from engine.errors import Invalid

Rows = list[tuple[int, dict[str, str]]]


def decoded(data: bytes, name: str) -> str:
    """The file's text; raises Invalid where it is not UTF-8."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Invalid(f"{name} is not UTF-8: {error.reason} at byte {error.start}; save it as UTF-8", "file") from error


def rows(text: str, name: str, needed: Sequence[str], known: Sequence[str]) -> Rows:
    """The rows of the CSV text by column, with their line numbers; raises Invalid naming the file and what is wrong."""
    lines = text.splitlines(keepends=True)
    first = lines[0] if lines else ""
    reader = csv.DictReader(lines, delimiter=max(",;\t", key=first.count), restval="")
    titles = [title.strip().lower() for title in reader.fieldnames or ()]
    for title in needed:
        if title not in titles:
            raise Invalid(
                f"{name} has no column {title}; it needs {', '.join(needed)}, and may have {', '.join(known)}", title
            )
    unknown = sorted(set(titles) - set(needed) - set(known))
    if unknown:
        raise Invalid(
            f"{name}: there is no column {', '.join(unknown)}; there are {', '.join([*needed, *known])}", unknown[0]
        )
    reader.fieldnames = titles
    try:
        return [
            (
                reader.line_num,
                {title: unguarded((cell or "").strip()) for title, cell in row.items() if title is not None},
            )
            for row in reader
        ]
    except csv.Error as error:
        raise Invalid(f"{name}, line {reader.line_num}: {error}", "file") from error
