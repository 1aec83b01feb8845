"""The database's schema: bring it up to date, or say what is missing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tortoise.exceptions import OperationalError
from tortoise.migrations.executor import MigrationExecutor

from engine import db
from engine.errors import Misconfigured


@dataclass(frozen=True, slots=True)
class SchemaState:
    """Names of migrations: ``applied`` in the database, ``pending`` here but not there, ``unknown`` there but not here."""

    applied: tuple[str, ...]
    pending: tuple[str, ...]
    unknown: tuple[str, ...]


def known() -> list[str]:
    """The migrations this version of Bluebook has, in order."""
    folder = Path(__file__).parent.parent / "migrations"
    return sorted(path.stem for path in folder.glob("[0-9]*.py"))


async def state() -> SchemaState:
    """How the open database's schema compares with this version's."""
    try:
        found = await db.rows("SELECT name FROM tortoise_migrations WHERE app = ?", "models")
    except OperationalError:
        found = []
    applied = sorted(str(r[0]) for r in found)
    here = known()
    return SchemaState(
        applied=tuple(applied),
        pending=tuple(name for name in here if name not in applied),
        unknown=tuple(name for name in applied if name not in here),
    )


async def check() -> None:
    """The schema fits this version; raises Misconfigured saying which command to run where it does not."""
    found = await state()
    if found.unknown:
        raise Misconfigured(
            f"this database was made by a newer Bluebook (it has {', '.join(found.unknown)}); install that version, "
            "or point BLUEBOOK_DATABASE_URL elsewhere. Nothing was changed."
        )
    if found.pending:
        raise Misconfigured(f"the database lacks {', '.join(found.pending)}; run `bluebook db upgrade`")


async def upgrade() -> list[str]:
    """The schema is this version's; the names of the migrations applied now. Safe to run twice and by two at once."""
    found = await state()
    if found.unknown:
        await check()
    if not found.pending:
        return []
    conn: Any = db.connection()
    apps = db.tortoise_config()["apps"]
    apps["models"]["default_connection"] = conn.connection_name
    await MigrationExecutor(conn, apps).migrate()
    return list(found.pending)
