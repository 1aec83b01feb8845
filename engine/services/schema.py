"""The database's schema: bring it up to date, or say what is missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tortoise.exceptions import OperationalError
from tortoise.migrations.executor import MigrationExecutor

from engine import clock, db
from engine.errors import Misconfigured

_FOLDER = Path(__file__).parent.parent / "migrations"


@dataclass(frozen=True, slots=True)
class SchemaState:
    """Names of migrations: ``applied`` in the database, ``pending`` here but not there, ``unknown`` there but not here."""

    applied: tuple[str, ...]
    pending: tuple[str, ...]
    unknown: tuple[str, ...]


def known() -> list[str]:
    """The migrations this version of Bluebook has, in order."""
    return sorted(path.stem for path in _FOLDER.glob("[0-9]*.py"))


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
    if found.applied or not await _make_fresh():
        await migrate()
    return list(found.pending)


async def migrate() -> None:
    """The migrations that are pending have been run, one by one."""
    conn: Any = db.connection()
    apps = db.tortoise_config()["apps"]
    apps["models"]["default_connection"] = conn.connection_name
    await MigrationExecutor(conn, apps).migrate()


# --- a new database ---------------------------------------------------------------------------------------------------

KINDS = ("sqlite", "postgres")
_BETWEEN = "\n-- next\n"


def fresh_file(kind: str) -> Path:
    """Where it is written what the migrations do to an empty database; made by ``python -m scripts.fresh_schema``."""
    return _FOLDER / f"fresh_{kind}.sql"


def written(statements: Sequence[str]) -> str:
    """The content of that file: the migrations it is of, then their statements."""
    return _BETWEEN.join([f"-- {' '.join(known())}", *statements]) + "\n"


async def _make_fresh() -> bool:
    """The empty database has the schema, without the seconds that the migrations take; false where they must be run."""
    kind = "postgres" if db.is_postgres() else "sqlite"
    head, *statements = fresh_file(kind).read_text().rstrip("\n").split(_BETWEEN)
    if head != f"-- {' '.join(known())}":
        return False  # somebody is writing a migration
    async with db.transaction() as conn:
        if db.is_postgres():
            await conn.execute_query("SELECT pg_advisory_xact_lock(hashtext('bluebook schema'))")
            tables = "SELECT COUNT(*) FROM pg_tables WHERE schemaname = current_schema()"
        else:
            tables = "SELECT COUNT(*) FROM sqlite_master"
        if await db.value(tables):
            return False
        for statement in statements:
            # asyncpg prepares a query, which must be one statement; SQLite's scripts end the transaction first.
            await (conn.execute_script(statement) if db.is_postgres() else conn.execute_query(statement))
        now = clock.now() if db.is_postgres() else clock.now().isoformat()
        for name in known():
            await db.run(
                "INSERT INTO tortoise_migrations (app, name, applied_at) VALUES (?, ?, ?)", "models", name, now
            )
    return True
