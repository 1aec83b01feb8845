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
