"""One way to the database: opening it, transactions, and plain SQL for the paths that carry every order.

SQL is written once with ``?`` for parameters and runs on SQLite and PostgreSQL. Booleans and integers are passed as they
are, times as ``clock.micros``, documents as JSON text.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qsl, unquote, urlsplit

from tortoise import connections
from tortoise.backends.base.client import BaseDBAsyncClient, TransactionalDBClient
from tortoise.context import TortoiseContext, _current_context
from tortoise.exceptions import DBConnectionError, OperationalError
from tortoise.transactions import in_transaction as _in_transaction

from engine.errors import Misconfigured, Unreachable
from engine.settings import masked_url, settings

Row = Any  # sqlite3.Row or asyncpg.Record: indexed by position and by column name
T = TypeVar("T")
MAX_PARAMETERS = 30_000
_NEXT = "See that the server runs and that BLUEBOOK_DATABASE_URL is right; `bluebook doctor` looks again."


def _name(url: str) -> str:
    # Tortoise caches query executors by connection name, so the two databases must not share one.
    return "sqlite" if url.startswith("sqlite") else "postgres"


def _connection(url: str) -> dict[str, Any]:
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query))
    if parts.scheme == "sqlite":
        path = unquote(url.removeprefix("sqlite://").partition("?")[0])
        return {"engine": "engine.sqlite_backend", "credentials": {"file_path": path, **options}}
    if parts.scheme in ("postgres", "postgresql", "asyncpg"):
        credentials: dict[str, Any] = {
            "host": parts.hostname or "127.0.0.1", "port": parts.port or 5432, "user": unquote(parts.username or ""),
            "password": unquote(parts.password or ""), "database": parts.path.lstrip("/"),
            "minsize": int(options.pop("minsize", 1)), "maxsize": int(options.pop("maxsize", 8)), **options,
        }  # fmt: skip
        return {"engine": "tortoise.backends.asyncpg", "credentials": credentials}
    raise Misconfigured(f"BLUEBOOK_DATABASE_URL: {masked_url(url)} is neither sqlite:// nor postgres://")


def tortoise_config(url: str | None = None) -> dict[str, Any]:
    """What Tortoise is initialised with, for a database URL (default: the one in the settings)."""
    url = url or settings().database
    name = _name(url)
    return {
        "connections": {name: _connection(url)},
        "apps": {
            "models": {
                "models": ["engine.models"],
                "default_connection": name,
                "migrations": "engine.migrations",
            }
        },
        "use_tz": True,
        "timezone": "UTC",
    }


@asynccontextmanager
async def database(url: str | None = None) -> AsyncIterator[None]:
    """The database is open within, for this task and those it starts; raises Unreachable with what to do when it is not there."""
    context = await open_database(url)
    token = _current_context.set(context)
    try:
        yield
    finally:
        await context.close_connections()
        _current_context.reset(token)


def _make_room(file: Path) -> None:
    """The SQLite file can be made and written where it is to be; SQLite itself says only that it cannot open it."""
    why = f"the database {file} cannot be used: "
    hint = "; correct the permissions, or point BLUEBOOK_HOME or BLUEBOOK_DATABASE_URL elsewhere"
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Unreachable(f"{why}{file.parent} cannot be made ({error.strerror}){hint}") from error
    for place in (file.parent, file):
        # Beside the file go its journal and its shared memory.
        if place.exists() and not os.access(place, os.W_OK, effective_ids=os.access in os.supports_effective_ids):
            raise Unreachable(f"{why}{place} is not writable by this user{hint}")


async def open_database(url: str | None = None) -> TortoiseContext:
    """An initialised context whose connection answers; the caller makes it current and closes it."""
    url = url or settings().database
    if url.startswith("sqlite:"):
        _make_room(Path(unquote(urlsplit(url).path)))
    context = TortoiseContext()
    token = _current_context.set(context)
    try:
        await context.init(config=tortoise_config(url))
        await connection().execute_query("SELECT 1")
    except (DBConnectionError, OperationalError, OSError) as error:
        await context.close_connections()
        raise Unreachable(f"the database at {masked_url(url)} does not answer: {error}. {_NEXT}") from error
    except Exception as error:
        # asyncpg raises its own classes for refused logins and missing databases.
        if type(error).__module__.startswith("asyncpg"):
            raise Unreachable(f"the database at {masked_url(url)} cannot be opened: {error}. {_NEXT}") from error
        raise
    finally:
        _current_context.reset(token)
    return context


async def spare_memory() -> None:
    """SQLite keeps little of the file in this process; for workers, which touch few pages, unlike those who search."""
    if not is_postgres():
        await rows("PRAGMA mmap_size = 0")
        await rows("PRAGMA cache_size = -12000")


def context() -> TortoiseContext:
    """The database that is open here; raises Misconfigured where none is."""
    found = _current_context.get()
    if found is None:
        raise Misconfigured("the database is not open here; use engine.db.database()")
    return found


def connection() -> BaseDBAsyncClient:
    """The connection of the present transaction, or the plain one outside of any."""
    name = context().default_connection
    if name is None:
        raise Misconfigured("the database is not open here; use engine.db.database()")
    found: BaseDBAsyncClient = connections.get(name)
    return found


def in_transaction() -> bool:
    """Is this within a ``transaction``?"""
    return isinstance(connection(), TransactionalDBClient)


def is_postgres() -> bool:
    """Is the open database PostgreSQL?"""
    return connection().capabilities.dialect == "postgres"


@asynccontextmanager
async def transaction() -> AsyncIterator[BaseDBAsyncClient]:
    """What is done within is committed at its end, or not at all. On SQLite it holds the one write lock: be quick."""
    async with _in_transaction(connection().connection_name) as conn:
        yield conn


@lru_cache(maxsize=2048)
def _numbered(sql: str) -> str:
    parts = sql.split("?")
    return "".join(f"{part}${n}" for n, part in enumerate(parts[:-1], 1)) + parts[-1]


async def rows(sql: str, *values: Any) -> Sequence[Row]:
    """The rows of a query, or of a statement with RETURNING."""
    conn = connection()
    if conn.capabilities.dialect == "postgres":
        # Tortoise fetches no rows from what begins with INSERT, UPDATE or DELETE; a comment in front makes it fetch.
        sql = "/* rows */ " + _numbered(sql)
    return (await conn.execute_query(sql, list(values)))[1]


async def row(sql: str, *values: Any) -> Row | None:
    """The first row, or None."""
    found = await rows(sql, *values)
    return found[0] if found else None


async def value(sql: str, *values: Any) -> Any:
    """The first column of the first row, or None."""
    found = await rows(sql, *values)
    return found[0][0] if found else None


async def run(sql: str, *values: Any) -> int:
    """The statement is done; how many rows it touched."""
    conn = connection()
    count, _ = await conn.execute_query(
        _numbered(sql) if conn.capabilities.dialect == "postgres" else sql, list(values)
    )
    return count


async def many(sql: str, values: Iterable[Sequence[Any]]) -> None:
    """The statement is done for each row of values."""
    batch: Any = values if isinstance(values, list) else list(values)
    if not batch:
        return
    conn = connection()
    await conn.execute_many(_numbered(sql) if conn.capabilities.dialect == "postgres" else sql, batch)


async def insert(table: str, columns: Sequence[str], values: Sequence[Sequence[Any]], suffix: str = "") -> None:
    """The rows are in the table."""
    marks = ", ".join("?" * len(columns))
    await many(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks}) {suffix}".rstrip(), values)


def marks(values: Sequence[Any]) -> str:
    """``?, ?, ?`` for an IN list; padded to powers of two by the callers of ``padded`` to keep statements few."""
    return ", ".join("?" * len(values))


def padded(ids: Sequence[T]) -> list[T]:
    """The ids, the last repeated up to a power of two, so that PostgreSQL prepares a handful of statements, not hundreds."""
    size = 1
    while size < len(ids):
        size *= 2
    return [*ids, *([ids[-1]] * (size - len(ids)))]


async def reserve(table: str, count: int) -> list[int]:
    """``count`` new ids of a table, ascending; call it in the transaction that inserts them."""
    if count == 0:
        return []
    if is_postgres():
        found = await rows(
            "SELECT nextval(pg_get_serial_sequence(?, 'id')) FROM generate_series(1, ?::int)", table, count
        )
        return sorted(int(r[0]) for r in found)
    # BEGIN IMMEDIATE: nobody else can insert before our commit, and AUTOINCREMENT notes the largest id ever used.
    last = await value("SELECT seq FROM sqlite_sequence WHERE name = ?", table) or 0
    return list(range(int(last) + 1, int(last) + 1 + count))
