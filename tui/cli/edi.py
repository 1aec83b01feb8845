"""``bluebook edi``: EDI X12 files in words, and checked. Needs no database and changes nothing."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from tui.cli.command import Noun
from tui.cli.output import Paper, Shown

noun = Noun("edi", "EDI X12 files in words, and checked.")
File = Annotated[Path, typer.Argument(help="An X12 file; - reads standard input.")]
NEEDS_A_PERSON = 3


def _body(file: Path) -> bytes:
    from engine.errors import Invalid, NotFound

    if str(file) == "-":
        return sys.stdin.buffer.read()
    try:
        return file.read_bytes()
    except FileNotFoundError as error:
        raise NotFound(f"there is no file {file}") from error
    except OSError as error:
        raise Invalid(f"{file} cannot be read: {error.strerror}", "file") from error


@noun.command("show", "bluebook edi show answer.edi", "bluebook edi show answer.edi --segments | less", database=False)
def show(
    file: File,
    segments: Annotated[
        bool, typer.Option("--segments", help="With every segment and the names of its elements.")
    ] = False,
) -> Shown:
    """Show what a file says: who sent it to whom, and each 850, 855, 856, 810, 846, 860, 865 and 997 in words."""
    from engine.services import edi

    body = _body(file)

    def draw(paper: Paper) -> None:
        for line in edi.in_words(body, segments=segments):
            paper.line(line)

    return Shown({"documents": edi.documents(body)}, draw)


@noun.command(
    "check", "bluebook edi check answer.edi", "bluebook edi check answer.edi --strict", "bluebook edi check - --json < a.edi",
    database=False,
)  # fmt: skip
def check(
    file: File,
    strict: Annotated[bool, typer.Option("--strict", help="Notes count as errors.")] = False,
) -> Shown:
    """Check a file: ends with 0 where all of it can be read, with 3 where something cannot, named by its place."""
    from engine.services import edi

    found = edi.check(_body(file))
    bad = bool(found.errors) or (strict and bool(found.notes))

    def draw(paper: Paper) -> None:
        for error in found.errors:
            paper.line(f"error  {error}")
        for note in found.notes:
            paper.line(f"note   {note}")
        files = f"{found.interchanges} interchange{'' if found.interchanges == 1 else 's'}"
        paper.line(
            f"{files}, {found.read} of {found.sets} transaction sets can be read: "
            f"{len(found.errors)} errors, {len(found.notes)} notes"
        )

    return Shown(found, draw, NEEDS_A_PERSON if bad else 0)
