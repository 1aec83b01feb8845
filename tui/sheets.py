"""CSV in and out: rows by column name, and no cell that a spreadsheet would run as a formula (``engine.domain.cells``)."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from engine.domain.cells import guarded


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
    from engine.services import sheet_in

    data = sys.stdin.buffer.read() if path == "-" else Path(path).expanduser().read_bytes()
    return sheet_in.rows(sheet_in.decoded(data, path), path, needed, known)
