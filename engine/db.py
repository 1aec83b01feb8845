"""One way to the database: opening it, transactions, and plain SQL for the paths that carry every order.

SQL is written once with ``?`` for parameters and runs on SQLite and PostgreSQL. Booleans and integers are passed as they
are, times as ``clock.micros``, documents as JSON text.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from contextvars import ContextVar
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec
from tortoise.backends.base.client import BaseDBAsyncClient, TransactionalDBClient
from tortoise.context import TortoiseContext, _current_context
from tortoise.exceptions import DBConnectionError, IntegrityError, OperationalError
from tortoise.transactions import in_transaction as _in_transaction

from engine.errors import Misconfigured, Unreachable
from engine.settings import masked_url, settings

Row = Any  # sqlite3.Row or asyncpg.Record: indexed by position and by column name
T = TypeVar("T")
KEYS_A_QUERY = 500
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
        return {"engine": "engine.postgres_backend", "credentials": credentials}
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
        await close(context)
        _current_context.reset(token)


async def close(context: TortoiseContext) -> None:
    """The context's connections are closed, also where whoever waits for it is told to stop meanwhile."""
    # Tortoise closes them in tasks of their own; one that is cancelled before its first step would close nothing, and the
    # connection's thread would live until the collector comes by.
    closing = asyncio.ensure_future(context.close_connections())
    stopped: asyncio.CancelledError | None = None
    while not closing.done():
        try:
            await asyncio.wait([closing])
        except asyncio.CancelledError as error:
            stopped = error
    closing.result()
    if stopped is not None:
        raise stopped


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
    except BaseException as error:
        await close(context)
        if isinstance(error, (DBConnectionError, OperationalError, OSError)):
            raise Unreachable(f"the database at {masked_url(url)} does not answer: {error}. {_NEXT}") from error
        # asyncpg raises its own classes for refused logins and missing databases.
        if type(error).__module__.startswith("asyncpg"):
            raise Unreachable(f"the database at {masked_url(url)} cannot be opened: {error}. {_NEXT}") from error
        raise
    finally:
        _current_context.reset(token)
    return context


def enter(context: TortoiseContext) -> None:
    """The database is open in this task and those it starts from now on; for servers, whose requests come from outside."""
    _current_context.set(context)


async def spare_memory() -> None:
    """SQLite keeps little of the file in this process; for what runs for long and touches few pages, unlike those who search."""
    spare = getattr(connection(), "spare_memory", None)
    if spare is not None:
        await spare()


def context() -> TortoiseContext:
    """The database that is open here; raises Misconfigured where none is."""
    found = _current_context.get()
    if found is None:
        raise Misconfigured("the database is not open here; use engine.db.database()")
    return found


def connection() -> BaseDBAsyncClient:
    """The connection of the present transaction, or the plain one outside of any."""
    here = context()
    name = here.default_connection
    if name is None:
        raise Misconfigured("the database is not open here; use engine.db.database()")
    found: BaseDBAsyncClient = here.connections.get(name)
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


async def _ready() -> BaseDBAsyncClient:
    queue = _queued.get()
    if queue is not None:
        await queue.flush()
    return connection()


async def rows(sql: str, *values: Any) -> Sequence[Row]:
    """The rows of a query, or of a statement with RETURNING."""
    conn = await _ready()
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


async def rows_among(sql: str, keys: Sequence[str], *values: Any, width: int = 0) -> list[Row]:
    """The rows of ``sql``, with ``values`` in it, which ends in the name of a column that is to be one of the keys.

    With the ``width`` of its rows they come as ``lists``, where many are expected.
    """
    found: list[Row] = []
    for start in range(0, len(keys), KEYS_A_QUERY):
        chunk = keys[start : start + KEYS_A_QUERY]
        if is_postgres():
            # Key by key: for all of them at once PostgreSQL makes a plan that reads a table whole while it is short, and
            # keeps it as the table grows.
            each = f"SELECT o.* FROM unnest(?::text[]) AS k (v) CROSS JOIN LATERAL ({sql} = k.v OFFSET 0) AS o"
            found += await rows(each, list(chunk), *values)
        else:
            found += await _rows(width, f"{sql} IN ({marks(chunk)})", *values, *chunk)
    return found


async def _rows(width: int, sql: str, *values: Any) -> Sequence[Row]:
    return await (lists(width, sql, *values) if width else rows(sql, *values))


async def lists(width: int, sql: str, *values: Any) -> Sequence[Row]:
    """The rows of a query of ``width`` columns, whole numbers and text, each as a sequence of them.

    On SQLite they come as one text. Its thread needs Python's lock for each row it hands over; while another thread is busy
    in Python it waits for that twenty times as long as the row takes.
    """
    if is_postgres():
        return await rows(sql, *values)
    names = ", ".join(f"c{number}" for number in range(width))
    packed = f"SELECT json_group_array(json_array({names})) FROM (WITH q ({names}) AS ({sql}) SELECT * FROM q)"
    return _unpack(await value(packed, *values))


_unpack = msgspec.json.Decoder(list[list[Any]]).decode


async def run(sql: str, *values: Any) -> int:
    """The statement is done; how many rows it touched."""
    conn = await _ready()
    count, _ = await conn.execute_query(
        _numbered(sql) if conn.capabilities.dialect == "postgres" else sql, list(values)
    )
    return count


_queued: ContextVar[Together | None] = ContextVar("queued", default=None)


@asynccontextmanager
async def together() -> AsyncIterator[None]:
    """What ``many`` and ``insert`` are told within is done in its order, before anything else is read and at the end.

    On SQLite that is one turn of its thread instead of one for each statement. Call it in a transaction. What nobody counts
    may be done, or fail, as late as at the transaction's end.
    """
    conn: Any = connection()
    if not hasattr(conn, "begin_together"):
        yield
        return
    queue = Together(conn.begin_together)
    token = _queued.set(queue)
    try:
        yield
        if not (conn.ends_by_itself and queue.leave()):
            await queue.flush()
    finally:
        _queued.reset(token)
        await queue.quiet()


def set_going() -> None:
    """What was told so far, ``together``, is being done from here on, while the caller goes on with something else."""
    queue = _queued.get()
    if queue is not None:
        queue.begin()


def _looked_at(done: asyncio.Future[list[int]]) -> None:
    if not done.cancelled():
        done.exception()  # asyncio would complain that nobody did; the end of the transaction raises it


class Together:
    """Statements that wait to be done together, and what to do with how many rows each touched."""

    def __init__(self, begin: Callable[[list[tuple[str, list[Any]]]], asyncio.Future[list[int]]]) -> None:
        self._begin = begin
        self.steps: list[tuple[str, list[Any]]] = []
        self.counted: list[Callable[[int], None] | None] = []
        self.going: list[tuple[asyncio.Future[list[int]], list[Callable[[int], None] | None]]] = []

    def add(self, sql: str, batch: list[Any], counted: Callable[[int], None] | None) -> None:
        """The statement is done with the others."""
        self.steps.append((sql, batch))
        self.counted.append(counted)

    def begin(self) -> None:
        """What was added is being done."""
        if self.steps:
            self.going.append((self._begin(self.steps), self.counted))
            self.steps, self.counted = [], []

    def leave(self) -> bool:
        """What was added is being done, and not waited for; False where somebody wants to know how many rows it touched."""
        self.begin()
        if any(tell is not None for _, counted in self.going for tell in counted):
            return False
        for done, _ in self.going:
            done.add_done_callback(_looked_at)
        self.going = []
        return True

    async def flush(self) -> None:
        """What was added is done."""
        self.begin()
        while self.going:
            done, counted = self.going[0]
            for tell, count in zip(counted, await done, strict=True):
                if tell is not None:
                    tell(count)
            del self.going[0]

    async def quiet(self) -> None:
        """Nothing is being done any more, whatever became of it; nothing unless something failed."""
        for done, _ in self.going:
            await asyncio.gather(done, return_exceptions=True)


async def many(sql: str, values: Iterable[Sequence[Any]], counted: Callable[[int], None] | None = None) -> None:
    """The statement is done for each row of values; ``counted``, for ``together``, is told how many rows it touched."""
    batch: Any = values if isinstance(values, list) else list(values)
    if not batch:
        return
    queue = _queued.get()
    if queue is not None:
        queue.add(sql, batch, counted)
        return
    assert counted is None, "only what is done together is counted"
    conn = connection()
    await conn.execute_many(_numbered(sql) if conn.capabilities.dialect == "postgres" else sql, batch)


async def update(
    table: str, columns: Sequence[str], sets: str, where: str, values: Iterable[Sequence[Any]],
    counted: Callable[[int], None] | None = None,
) -> None:  # fmt: skip
    """``UPDATE table SET sets WHERE where`` is done, where ``v`` is any of the rows of values of these columns of the table.

    Of two rows that fit the same row of the table either may be taken. ``counted`` as in ``many``. One statement for all of
    them; one for each would keep SQLite's thread waiting as ``lists`` says.
    """
    batch = list(values)
    if not batch:
        return
    if is_postgres():
        names = ", ".join(columns)
        said = f"{await unnested(table, columns)} AS v ({names})"
        count = await run(f"UPDATE {table} SET {sets} FROM {said} WHERE {where}", *zip(*batch, strict=True))
        if counted is not None:
            counted(count)
        return
    sets, where = (_by_place(text, tuple(columns)) for text in (sets, where))
    await many(f"UPDATE {table} SET {sets} FROM (VALUES ({marks(columns)})) AS v WHERE {where}", batch, counted)


@lru_cache(maxsize=512)
def _by_place(sql: str, columns: tuple[str, ...]) -> str:
    # What SQLite calls the columns of VALUES, which cannot be given names there.
    return re.sub(r"\bv\.(\w+)", lambda found: f"v.column{columns.index(found[1]) + 1}", sql)


async def insert(table: str, columns: Sequence[str], values: Sequence[Sequence[Any]], suffix: str = "") -> None:
    """The rows are in the table."""
    into = f"INSERT INTO {table} ({', '.join(columns)})"
    if len(values) > 1 and is_postgres():
        # One statement of arrays is two thirds of the server's work, and COPY, which knows no conflicts, is half of it.
        if not suffix and in_transaction():
            await _copy(table, columns, values)
            return
        await run(f"{into} SELECT * FROM {await unnested(table, columns)} {suffix}", *zip(*values, strict=True))
        return
    await many(f"{into} VALUES ({marks(columns)}) {suffix}".rstrip(), values)


async def _copy(table: str, columns: Sequence[str], values: Sequence[Sequence[Any]]) -> None:
    from asyncpg.exceptions import DataError, IntegrityConstraintViolationError

    try:
        async with connection().acquire_connection() as raw:
            await raw.copy_records_to_table(table, records=values, columns=columns)
    except IntegrityConstraintViolationError as error:
        raise IntegrityError(error) from error
    except DataError as error:
        raise OperationalError(error) from error


_types: dict[str, dict[str, str]] = {}


async def unnested(table: str, columns: Sequence[str]) -> str:
    """Rows of these columns out of one array for each of them, as PostgreSQL reads them."""
    if not all(name in _types.get(table, ()) for name in columns):
        found = await rows(
            "SELECT attname::text, format_type(atttypid, NULL) FROM pg_attribute WHERE attrelid = to_regclass(?) "
            "AND attnum > 0 AND NOT attisdropped",
            table,
        )
        _types[table] = {row[0]: row[1] for row in found}
    return f"unnest({', '.join(f'?::{_types[table][name]}[]' for name in columns)})"


def marks(values: Sequence[Any]) -> str:
    """``?, ?, ?`` for an IN list; padded to powers of two by the callers of ``padded`` to keep statements few."""
    return ", ".join("?" * len(values))


def padded(ids: Sequence[T]) -> list[T]:
    """The ids, the last repeated up to a power of two, so that PostgreSQL prepares a handful of statements, not hundreds."""
    size = 1
    while size < len(ids):
        size *= 2
    return [*ids, *([ids[-1]] * (size - len(ids)))]


async def last_ids() -> Mapping[str, int]:
    """The largest id ever used of each table, for ``reserve``; nothing on PostgreSQL, which counts by itself."""
    if is_postgres():
        return {}
    # BEGIN IMMEDIATE: nobody else can insert before our commit, and AUTOINCREMENT notes the largest id ever used.
    return dict(await lists(2, "SELECT name, seq FROM sqlite_sequence"))


async def reserve(counts: Mapping[str, int], last: Mapping[str, int]) -> dict[str, list[int]]:
    """So many new ids of each table, ascending, after those of ``last_ids``; all in the transaction that inserts them."""
    wanted = {table: count for table, count in counts.items() if count}
    if not wanted:
        return {}
    if is_postgres():
        found = await rows(
            "SELECT t, nextval(ids) FROM (SELECT t, n, pg_get_serial_sequence(t, 'id')::regclass AS ids "
            "FROM unnest(?::text[], ?::int[]) AS c (t, n) OFFSET 0) AS w, generate_series(1, n)",
            list(wanted), list(wanted.values()),
        )  # fmt: skip
        return {table: sorted(int(r[1]) for r in found if r[0] == table) for table in wanted}
    return {table: list(range(last.get(table, 0) + 1, last.get(table, 0) + 1 + n)) for table, n in wanted.items()}


async def at_once(*asked: Coroutine[Any, Any, Any]) -> list[Any]:
    """The answers to all of these, asked in one turn of the loop; one after the other in a transaction of PostgreSQL."""
    if is_postgres() and in_transaction():
        try:
            return [await one for one in asked]
        finally:
            for one in asked:
                one.close()  # where one before it failed; Python would complain that nobody waited for it
    answers = await asyncio.gather(*asked, return_exceptions=True)
    for answer in answers:
        if isinstance(answer, BaseException):
            raise answer
    return answers
