"""CSV in and out: rows by column name, and no cell that a spreadsheet would run as a formula (``engine.domain.cells``)."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from engine.domain.cells import guarded, unguarded


def write(columns: Sequence[str], rows: Iterable[Sequence[Any]], out: IO[str]) -> int:
    """The rows are written as CSV under their titles; how many."""
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    count = 0
    for row in rows:
        writer.writerow([guarded(cell) for cell in row])
        count += 1
    return count


@contextmanager
def target(path: str) -> Iterator[IO[str]]:
    """The file to write to; ``-`` is stdout. A file appears whole or not at all."""
    if path == "-":
        yield sys.stdout
        return
    final = Path(path)
    part = final.with_name(f".{final.name}.part")
    try:
        with part.open("w", encoding="utf-8", newline="") as file:
            yield file
        part.replace(final)
    finally:
        part.unlink(missing_ok=True)


def read(path: str, needed: Sequence[str], known: Sequence[str]) -> list[tuple[int, dict[str, str]]]:
    """The rows of a CSV file (``-``: stdin) by column, with their line numbers; raises Invalid naming what is wrong."""
    from engine.errors import Invalid

    try:
        text = sys.stdin.read() if path == "-" else Path(path).expanduser().read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Invalid(f"{path} is not UTF-8: {error.reason} at byte {error.start}; save it as UTF-8", "file") from error
    lines = text.splitlines(keepends=True)
    first = lines[0] if lines else ""
    reader = csv.DictReader(lines, delimiter=max(",;\t", key=first.count), restval="")
    titles = [title.strip().lower() for title in reader.fieldnames or ()]
    for title in needed:
        if title not in titles:
            raise Invalid(
                f"{path} has no column {title}; it needs {', '.join(needed)}, and may have {', '.join(known)}", title
            )
    unknown = sorted(set(titles) - set(needed) - set(known))
    if unknown:
        raise Invalid(
            f"{path}: there is no column {', '.join(unknown)}; there are {', '.join([*needed, *known])}", unknown[0]
        )
    reader.fieldnames = titles
    try:
        return [
            (
                reader.line_num,
                {name: unguarded((cell or "").strip()) for name, cell in row.items() if name is not None},
            )
            for row in reader
        ]
    except csv.Error as error:
        raise Invalid(f"{path}, line {reader.line_num}: {error}", "file") from error
