"""``bluebook backup``: a copy of the database while everything runs."""

from __future__ import annotations

from typing import Annotated

import typer

from tui.cli.command import Noun
from tui.cli.output import Shown, said


def register(root: Noun) -> None:
    """The command is part of ``bluebook``."""
    root.command("backup", "bluebook backup /var/backups", "bluebook backup monday.sqlite3", database=False)(backup)


async def backup(
    path: Annotated[str, typer.Argument(help="The file to make, or a folder to put it in.")],
) -> Shown:
    """Copy the database to a file, consistent while workers run; nothing is overwritten.

    For PostgreSQL pg_dump makes the copy. The key that opens the stored credentials is not in it, and where it is is said:
    without it every credential must be given again. docs/backup.md says how to restore.
    """
    from engine.services import backup as service
    from engine.settings import settings

    made = await service.make(settings(), path)
    return said(
        f"{made.file}: the whole {made.kind} database, {made.bytes / 1_048_576:,.1f} MB", remarks=[made.key],
        file=made.file, bytes=made.bytes, kind=made.kind, key=made.key,
    )  # fmt: skip
