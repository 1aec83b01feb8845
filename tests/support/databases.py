"""Empty, migrated databases for tests, made by copying one migrated template of each kind.

``BLUEBOOK_TEST_POSTGRES`` names the server (default: postgres at 127.0.0.1). Databases are called
bluebook_test_<pid>_<n>, so that those a killed run left behind are recognised and dropped by the next.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
import threading
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import asyncpg
import pytest

from engine import db
from engine.services import schema

SERVER = os.environ.get("BLUEBOOK_TEST_POSTGRES", "postgres://postgres@127.0.0.1:5432").rstrip("/")
PREFIX = "bluebook_test_"
_numbers = itertools.count(1)
T = TypeVar("T")


def elsewhere(work: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine, run in a loop and thread of its own: for sync fixtures, whatever loop is about."""
    found: list[T] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            found.append(asyncio.run(work))
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return found[0]


async def migrate(url: str) -> None:
    """The database at a URL has this version's schema."""
    async with db.database(url):
        await schema.upgrade()


def sqlite_template(folder: Path) -> Path:
    """A migrated SQLite file, closed, so that it is whole without its journal."""
    path = folder / "template.sqlite3"
    elsewhere(migrate(f"sqlite://{path}"))
    return path


def sqlite_copy(template: Path, folder: Path) -> str:
    """The URL of a fresh copy."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"bluebook-{next(_numbers)}.sqlite3"
    shutil.copyfile(template, path)
    return f"sqlite://{path}"


@asynccontextmanager
async def _server() -> AsyncIterator[asyncpg.Connection[Any]]:
    conn = await asyncpg.connect(f"{SERVER}/postgres", timeout=60)
    try:
        yield conn
    finally:
        await conn.close()


@asynccontextmanager
async def refused(url: str) -> AsyncIterator[None]:
    """Within, the PostgreSQL database lets nobody in, and who was in is thrown out."""
    name = url.rpartition("/")[2]
    async with _server() as conn:
        await conn.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        try:
            await conn.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name)
            yield
        finally:
            await conn.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')


async def only_read(url: str) -> None:
    """Whoever connects to the PostgreSQL database from now on can change nothing in it."""
    async with _server() as conn:
        await conn.execute(f'ALTER DATABASE "{url.rpartition("/")[2]}" SET default_transaction_read_only = on')


async def postgres_trouble() -> str:
    """Why PostgreSQL cannot be used, or "" when it answers."""
    try:
        async with _server() as conn:
            await conn.execute("SELECT 1")
    except (OSError, TimeoutError, asyncpg.PostgresError) as error:
        return f"no PostgreSQL at {SERVER.rpartition('@')[2]}: {error}"
    return ""


def needed() -> None:
    """PostgreSQL is there. Else the test is skipped with the reason, or failed where CI is set. Not for use in a loop."""
    if trouble := elsewhere(postgres_trouble()):
        if os.environ.get("CI"):
            pytest.fail(trouble)
        pytest.skip(trouble)


def _alive(name: str) -> bool:
    pid = name.removeprefix(PREFIX).partition("_")[0]
    try:
        os.kill(int(pid), 0)
    except (ProcessLookupError, ValueError):
        return False
    except PermissionError:
        return True
    return True


async def _drop_leftovers(conn: asyncpg.Connection[Any]) -> None:
    for (name,) in await conn.fetch("SELECT datname FROM pg_database WHERE starts_with(datname, $1)", PREFIX):
        if not _alive(name):
            try:
                await conn.execute(f'DROP DATABASE IF EXISTS "{name}"')
            except asyncpg.PostgresError:  # somebody else is on it, or has just dropped it
                continue


async def create(template: str = "template1") -> str:
    """The URL of a new database on the server, a copy of the template."""
    name = f"{PREFIX}{os.getpid()}_{next(_numbers)}"
    async with _server() as conn:
        if template == "template1":
            await _drop_leftovers(conn)
        await conn.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    return f"{SERVER}/{name}"


async def drop(url: str) -> None:
    """The database is gone, whoever was still connected."""
    async with _server() as conn:
        await conn.execute(f'DROP DATABASE IF EXISTS "{url.rpartition("/")[2]}" WITH (FORCE)')


async def postgres_template() -> str:
    """The URL of a migrated database that nobody is connected to."""
    url = await create()
    await migrate(url)
    return url


MUCH = 2_000_000
_CATALOGS = (
    "pg_class", "pg_attribute", "pg_attrdef", "pg_constraint", "pg_index", "pg_trigger", "pg_proc", "tortoise_migrations"
)  # fmt: skip
_FORM = f"""
    {"".join(f"SELECT concat_ws(' ', COUNT(*), MAX(xmin::text::bigint)) FROM {name} UNION ALL " for name in _CATALOGS)}
    SELECT concat_ws(' ', SUM(relpages), SUM(pg_relation_size(oid)) < {MUCH}) FROM pg_class
        WHERE oid >= 16384 AND relkind = 'r' UNION ALL
    SELECT COUNT(*)::text FROM pg_statistic WHERE starelid >= 16384
"""
"""What tells a copy of which only the rows were changed, and not very many of them, from every other."""
_TABLES = (
    "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace "
    "AND relname <> 'tortoise_migrations'"
)
_RESTART = (
    "SELECT setval(format('%I.%I', schemaname, sequencename), start_value, false) FROM pg_sequences "
    "WHERE last_value IS NOT NULL AND sequencename <> 'tortoise_migrations_id_seq'"
)


class Copies:
    """Copies of a PostgreSQL template for one test after the other.

    Making and dropping one takes a quarter of a second, so they are emptied instead, and renamed: who still has the last
    test's URL finds nothing there. One that has become anything but the template with other rows in it is dropped.
    """

    def __init__(self, template: str) -> None:
        self._template = template.rpartition("/")[2]
        self._free: list[str] = []
        self._form: list[Any] = []
        self._filled = ""

    async def take(self) -> str:
        """The URL of an empty, migrated database that was never told before."""
        while self._free:
            old = self._free.pop()
            try:
                url = await _renamed(old)
            except asyncpg.PostgresError:  # somebody comes back as often as he is thrown out
                await drop(old)
                continue
            if await self._emptied(url):
                return url
            await drop(url)
        url = await create(self._template)
        async with _server() as conn:
            # Nothing here need outlive the server, so no commit waits for the disk.
            await conn.execute(f'ALTER DATABASE "{url.rpartition("/")[2]}" SET synchronous_commit = off')
        if not self._form:
            await self._look(url)
        return url

    def give_back(self, url: str) -> None:
        """The database may be had by another."""
        self._free.append(url)

    async def close(self) -> None:
        """Those that were given back are gone."""
        while self._free:
            await drop(self._free.pop())

    async def _look(self, url: str) -> None:
        conn = await asyncpg.connect(url)
        try:
            self._form = await conn.fetch(_FORM)
            tables = [row[0] for row in await conn.fetch(_TABLES)]
        finally:
            await conn.close()
        self._filled = " UNION ALL ".join(f"SELECT '{name}' WHERE EXISTS (SELECT FROM \"{name}\")" for name in tables)

    async def _emptied(self, url: str) -> bool:
        """Is it as it was made, now that it is empty?"""
        try:
            # As a replica no trigger forbids it and no foreign key asks for an order; only a superuser can be one.
            conn = await asyncpg.connect(url, server_settings={"session_replication_role": "replica"})
        except asyncpg.InsufficientPrivilegeError:
            return False
        try:
            if await conn.fetch(_FORM) != self._form:
                return False
            filled = [row[0] for row in await conn.fetch(self._filled)]
            await conn.execute(";".join([*(f'DELETE FROM "{name}"' for name in filled), _RESTART]))
        finally:
            await conn.close()
        return True


async def _renamed(url: str) -> str:
    """The database's new URL. Whoever was connected is thrown out."""
    old, new = url.rpartition("/")[2], f"{PREFIX}{os.getpid()}_{next(_numbers)}"
    async with _server() as conn:
        await conn.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", old)
        await conn.execute(f'ALTER DATABASE "{old}" RENAME TO "{new}"')
    return f"{SERVER}/{new}"
