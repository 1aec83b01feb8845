"""Tortoise's SQLite backend, with transactions that say BEGIN IMMEDIATE.

A deferred transaction that reads and then writes fails under two writers, busy timeout or not (docs/adr/0001-broker.md
has the numbers). The factory name ``client_class`` is what Tortoise looks for.
"""

from __future__ import annotations

import asyncio
import re
import sqlite3
import sys
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial
from itertools import chain
from typing import Any

import aiosqlite
import structlog
from tortoise.backends.base.client import ConnectionWrapper, NestedTransactionContext
from tortoise.backends.sqlite.client import (
    SqliteClient,
    SqliteTransactionContext,
    SqliteTransactionWrapper,
    translate_exceptions,
)
from tortoise.connection import get_connections
from tortoise.exceptions import IntegrityError, OperationalError, TransactionManagementError

log = structlog.get_logger(__name__)
PRAGMAS = {"busy_timeout": 15000, "synchronous": "FULL", "temp_store": "MEMORY", "cache_size": -32000,
           "journal_size_limit": 67108864, "wal_autocheckpoint": 16000, "mmap_size": 2147418112}  # fmt: skip
"""The file is mapped as far as SQLite can: what was written last is at its end, and pages are read without being copied."""
ROWS_A_STATEMENT = 1024
MOST_PARAMETERS = 32_000
STATEMENTS = 256
"""Kept prepared by each connection; the same for other numbers of rows is another (``_round``)."""
KEEPING = {"busy_timeout": 0, "synchronous": "FULL"}
READING = ("busy_timeout", "temp_store", "cache_size", "mmap_size")
ROWS_KEPT_BACK = 10_000
"""After so many changed rows what is in the journal is brought into the file, while others go on writing; who commits does it,
and waits for it, only where the journal became much longer than that (``wal_autocheckpoint``)."""
SWITCH_SECONDS = 0.00005
SHORTEST_WAIT, LONGEST_WAIT = 0.0005, 0.01
"""Seconds between two looks whether the write lock is free."""
OPENING_SECONDS = 15
"""Where several open a new file at once, SQLite tells all but one at once that it is busy, however patient they are."""
CLOSED = "the database was closed"
LONG = 0.002
"""Seconds of answering after which what is known is told, and others have their turn, before the next query is begun."""


# Python's sqlite3 knows numbers, floats and texts, and asks whatever else is written how it wants to be; to find out that
# there is no answer takes several times as long as writing it. What these answer is the value itself.
sqlite3.register_adapter(type(None), set[None]().discard)
sqlite3.register_adapter(bytes, bytes)
sqlite3.register_adapter(bool, int)


class Client(SqliteClient):
    """WAL, foreign keys on, durable commits; one connection that writes and one for what is read outside of transactions.

    Who reads sees what is committed, and waits for no writer of this process, as those of other processes do. Where much is
    written, a third one brings it from the journal into the file.
    """

    def __init__(self, file_path: str, **kwargs: Any) -> None:
        super().__init__(file_path, **kwargs)
        self.pragmas.update({name: value for name, value in PRAGMAS.items() if name not in kwargs})
        self._reader: aiosqlite.Connection | None = None
        self._keeper: asyncio.Task[aiosqlite.Connection] | None = None
        self._kept = 0
        self._opening = asyncio.Lock()
        self._asked: list[_Asked] = []
        self._closed = False

    async def create_connection(self, with_db: bool) -> None:
        if self._connection is None:
            self._connection = await self._open(self.pragmas)
            await self._post_connect()
        # The connection's thread needs Python for microseconds between two statements. By default whoever is busy in
        # Python keeps it waiting for 5 ms each time.
        sys.setswitchinterval(min(sys.getswitchinterval(), SWITCH_SECONDS))

    async def _open(self, pragmas: Mapping[str, Any]) -> aiosqlite.Connection:
        """A connection that has all of the pragmas; where that is broken off, or the client closed meanwhile, there is none."""
        opened = aiosqlite.connect(self.filename, isolation_level=None, cached_statements=STATEMENTS)
        # As it is, a thread whose connection nobody closed keeps the process from ever ending.
        opened._thread.daemon = True
        try:
            await opened
            opened._conn.row_factory = sqlite3.Row
            for name, value in pragmas.items():
                await opened._execute(partial(_patiently, opened._conn, f"PRAGMA {name} = {value}", OPENING_SECONDS))  # type: ignore[no-untyped-call]
        except BaseException:
            await opened.close()
            raise
        if self._closed:
            await opened.close()
            raise OperationalError(CLOSED)
        return opened

    async def close(self) -> None:
        self._closed = True
        reader, self._reader = self._reader, None
        keeper, self._keeper = self._keeper, None
        try:
            if keeper is not None:
                (opened,) = await asyncio.gather(keeper, return_exceptions=True)
                if isinstance(opened, aiosqlite.Connection):
                    await opened.close()
        finally:
            try:
                if reader is not None:
                    await reader.close()
            finally:
                await super().close()

    @translate_exceptions
    async def execute_query(self, query: str, values: list[Any] | None = None) -> tuple[int, Sequence[Any]]:
        if not query.startswith("SELECT"):
            return await super().execute_query(query, values)  # type: ignore[no-any-return]
        reader = self._reader or await self._open_reader()
        rows = await _ask(self._asked, query, values, partial(self._send, reader))
        return len(rows), rows

    def _send(self, reader: aiosqlite.Connection) -> None:
        asked, self._asked = self._asked, []
        _pass_on(weakref.ref(reader), asked)

    async def _open_reader(self) -> aiosqlite.Connection:
        async with self._opening:
            if self._connection is None:
                async with self.acquire_connection():
                    pass  # which makes the file what it is to be
            if self._reader is None:
                self._reader = await self._open({name: self.pragmas[name] for name in READING} | {"query_only": "ON"})
        return self._reader

    def committed(self, changed: int) -> None:
        """The connection that writes has changed so many rows since it was opened, and all of them are committed."""
        if changed - self._kept < ROWS_KEPT_BACK or self._closed:
            return
        if self._keeper is None:
            self._keeper = asyncio.create_task(self._open(KEEPING))
            self._keeper.add_done_callback(_looked_at)
        elif self._keeper.done() and not self._keeper.cancelled() and self._keeper.exception() is None:
            self._kept = changed
            keeper = self._keeper.result()
            keeper._tx.put_nowait((None, partial(_bring_in, keeper._conn)))

    async def spare_memory(self) -> None:
        """Little of the file is kept in this process."""
        reader = self._reader or await self._open_reader()
        assert self._connection is not None  # made with the reader at the latest
        for connection, kilobytes in ((self._connection, 8000), (reader, 4000)):
            await connection.execute("PRAGMA mmap_size = 0")
            await connection.execute(f"PRAGMA cache_size = -{kilobytes}")

    def acquire_connection(self) -> _Turn:
        return _Turn(self._lock, self)

    def _in_transaction(self) -> SqliteTransactionContext:
        return _Context(Immediate(self), self._lock)


_Asked = tuple[asyncio.Future[list[Any]], str, Sequence[Any]]
_Found = tuple[asyncio.Future[list[Any]], list[Any] | Exception]
_Reader = weakref.ref[aiosqlite.Connection]
"""Its own thread does not keep the connection: one that nobody has any more ends its thread."""


def _ask(
    waiting: list[_Asked], query: str, values: Sequence[Any] | None, send: Callable[[], None]
) -> asyncio.Future[list[Any]]:
    # What is asked for in one turn of the loop goes to the thread together: the way there and back is longer than most
    # queries take.
    loop = asyncio.get_running_loop()
    rows: asyncio.Future[list[Any]] = loop.create_future()
    waiting.append((rows, query, values or ()))
    if len(waiting) == 1:
        loop.call_soon(send)
    return rows


def _answer(connection: sqlite3.Connection, asked: Sequence[_Asked], reader: _Reader) -> None:
    found: list[_Found] = []
    begun = time.monotonic()
    for rows, query, values in asked:
        found.append((rows, _fetched(connection, query, values)))
        if time.monotonic() - begun > LONG:
            break
    found[0][0].get_loop().call_soon_threadsafe(_tell_some, found, reader, asked[len(found) :])


def _fetched(connection: sqlite3.Connection, query: str, values: Sequence[Any]) -> list[Any] | Exception:
    try:
        return connection.execute(query, values).fetchall()
    except Exception as error:
        return error


def _tell(found: Sequence[_Found]) -> None:
    for rows, answer in found:
        if rows.done():
            continue  # whoever asked does not wait any more
        if isinstance(answer, Exception):
            rows.set_exception(answer)
        else:
            rows.set_result(answer)


def _tell_some(found: Sequence[_Found], reader: _Reader, left: Sequence[_Asked]) -> None:
    _tell(found)
    if left:
        _pass_on(reader, left)


def _pass_on(reader: _Reader, asked: Sequence[_Asked]) -> None:
    """The connection's thread answers these, after what others asked it before. Only the loop's thread closes it."""
    there = reader()
    if there is not None and there._running:
        there._tx.put_nowait((None, partial(_answer, there._conn, asked, reader)))
    else:
        _tell([(rows, OperationalError(CLOSED)) for rows, _, _ in asked])


def _bring_in(connection: sqlite3.Connection) -> None:
    try:
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    except sqlite3.Error as error:
        # Nothing is lost: it stays in the journal, and the next one tries again.
        log.warning("the journal could not be brought into the database", error=str(error))


class _Turn(ConnectionWrapper[aiosqlite.Connection]):
    def __init__(self, lock: asyncio.Lock, client: SqliteClient, begun: asyncio.Future[None] | None = None) -> None:
        super().__init__(lock, client)
        self._begun = begun

    async def __aenter__(self) -> aiosqlite.Connection:
        # As Tortoise does it, but for the lock: Tortoise leaves it taken where the file cannot be opened, or that is broken off.
        await self._lock.acquire()
        try:
            await self.ensure_connection()
            if self._begun is not None:
                await asyncio.shield(self._begun)
        except BaseException:
            self._lock.release()
            raise
        return self.connection


class _Context(SqliteTransactionContext):
    async def __aenter__(self) -> Any:
        # As Tortoise does it, but for the lock: Tortoise leaves it taken when BEGIN fails, and the process hangs for ever.
        await self._trxlock.acquire()
        try:
            await self.ensure_connection()
            self.token = get_connections().set(self.connection_name, self.connection)
            try:
                await self.connection.begin()
            except BaseException:
                get_connections().reset(self.token)
                raise
        except BaseException:
            self._trxlock.release()
            raise
        return self.connection


class Immediate(SqliteTransactionWrapper):
    """A transaction that has the write lock from its beginning: what is done in it is done after that, or fails with it."""

    def __init__(self, connection: SqliteClient) -> None:
        super().__init__(connection)
        self._failed: Exception | None = None
        self._begun: asyncio.Future[None] | None = connection._begun if isinstance(connection, Immediate) else None
        self._asked: list[_Asked] = []

    def _in_transaction(self) -> NestedTransactionContext:
        return NestedTransactionContext(Immediate(self))

    def acquire_connection(self) -> _Turn:
        return _Turn(self._lock, self, self._begun)

    @translate_exceptions
    async def execute_query(self, query: str, values: list[Any] | None = None) -> tuple[int, Sequence[Any]]:
        if not query.startswith("SELECT"):
            return await super().execute_query(query, values)  # type: ignore[no-any-return]
        rows = await _ask(self._asked, query, values, self._send)
        return len(rows), rows

    def _send(self) -> None:
        asked, self._asked = self._asked, []
        if self._connection._running and self._connection._connection is not None:
            self._connection._tx.put_nowait((None, partial(self._answer, self._connection._conn, asked)))
        else:
            _tell([(rows, OperationalError(CLOSED)) for rows, _, _ in asked])

    def _answer(self, connection: sqlite3.Connection, asked: Sequence[_Asked]) -> None:
        found = [(rows, self._failed or _fetched(connection, query, values)) for rows, query, values in asked]
        asked[0][0].get_loop().call_soon_threadsafe(_tell, found)

    def begin_together(self, steps: Sequence[tuple[str, Sequence[Any]]]) -> asyncio.Future[list[int]]:
        """The connection's thread does each statement for each of its rows, after what it was told before.

        Only what another task asks in the same turn of the loop may come after it.

        The result is how many rows each touched. Where it need not be known, the end of the transaction waits for it.
        """
        connection = self._connection._conn

        def work() -> list[int]:
            if self._failed is not None:
                raise self._failed
            try:
                return [_do(connection, sql, rows) for sql, rows in steps]
            except sqlite3.Error as error:
                self._failed = _translated(error)
                raise self._failed from error

        done: asyncio.Future[list[int]] = asyncio.get_running_loop().create_future()
        self._put(done, work)
        return done

    def _put(self, done: asyncio.Future[Any], work: Callable[[], Any]) -> None:
        """The connection's thread does it, as aiosqlite has it do its own calls; where there is none any more it fails."""
        if self._connection._running:
            self._connection._tx.put_nowait((done, work))
        else:
            self._failed = self._failed or OperationalError(CLOSED)
            done.set_exception(self._failed)

    @property
    def ends_by_itself(self) -> bool:
        """It is no part of another one, and commits nothing of which a statement failed, whoever waited for that."""
        return not isinstance(self._parent, Immediate)

    async def commit(self) -> None:
        if self._finalized:
            raise TransactionManagementError("the transaction is over")
        changed = await self._connection._execute(self._commit)  # type: ignore[no-untyped-call]
        self._finalized = True
        if isinstance(self._parent, Client):
            self._parent.committed(changed)

    def _commit(self) -> int:
        connection = self._connection._conn
        if self._failed is None:
            try:
                connection.commit()
            except sqlite3.Error as error:
                self._failed = _translated(error)
        if self._failed is not None:
            connection.rollback()
            raise self._failed
        return connection.total_changes

    async def execute_many(self, query: str, values: list[Any]) -> None:
        await self.begin_together([(query, values)])

    async def begin(self) -> None:
        # Not waited for: what is asked first goes to the thread with it.
        self._begun = asyncio.get_running_loop().create_future()
        self._begun.add_done_callback(_looked_at)
        self._put(self._begun, partial(self._begin, self._connection._connection))

    def _begin(self, connection: sqlite3.Connection | None) -> None:
        try:
            if connection is None:
                raise sqlite3.OperationalError(CLOSED)
            _begin(connection)
        except sqlite3.Error as error:
            self._failed = _translated(error)
            raise self._failed from error

    async def savepoint(self) -> None:
        if self._begun is not None:
            await asyncio.shield(self._begun)
        await super().savepoint()


def _looked_at(done: asyncio.Future[Any]) -> None:
    if not done.cancelled():
        done.exception()  # asyncio would complain that nobody did; whatever comes next in the transaction raises it


def _translated(error: sqlite3.Error) -> Exception:
    return IntegrityError(error) if isinstance(error, sqlite3.IntegrityError) else OperationalError(error)


def _begin(connection: sqlite3.Connection) -> None:
    """The write lock is ours. SQLite itself would look again after 1, 2, 5, 10, 15, 20, 25 … ms, and a page takes ten."""
    (patience,) = connection.execute("PRAGMA busy_timeout").fetchone()
    connection.execute("PRAGMA busy_timeout = 0")
    try:
        _patiently(connection, "BEGIN IMMEDIATE", patience / 1000)
    finally:
        connection.execute(f"PRAGMA busy_timeout = {patience}")


def _patiently(connection: sqlite3.Connection, sql: str, seconds: float) -> None:
    """The statement is done, tried again for so long as another one keeps the file."""
    until, wait = time.monotonic() + seconds, SHORTEST_WAIT
    while True:
        try:
            connection.execute(sql)
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
        time.sleep(wait)
        wait = min(wait * 1.1, LONGEST_WAIT)


@lru_cache(maxsize=256)
def _parts(sql: str) -> tuple[str, str, str] | None:
    """What is before, in and after the one row of a statement's VALUES."""
    found = re.fullmatch(r"(.+[ (]VALUES )(\([?, ]+\))(.*)", sql)
    return (found[1], found[2], found[3]) if found else None


@lru_cache(maxsize=512)  # making a text, and looking up what is prepared for it, takes as long as some of its rows
def _many(sql: str, size: int) -> str:
    parts = _parts(sql)
    assert parts is not None
    return f"{parts[0]}{', '.join([parts[1]] * size)}{parts[2]}"


def _round(number: int) -> int:
    """The nearest below of four binary digits: any number is of few such parts, and they are few to be kept prepared."""
    digits = max(0, number.bit_length() - 4)
    return number >> digits << digits


def _do(connection: sqlite3.Connection, sql: str, rows: Sequence[Sequence[Any]]) -> int:
    parts = _parts(sql) if len(rows) > 1 else None
    if parts is None:
        return connection.executemany(sql, rows).rowcount
    # Many rows in a statement: SQLite looks after its counters once for all of them, and works on without Python's lock.
    start, count = 0, 0
    most = min(ROWS_A_STATEMENT, MOST_PARAMETERS // len(rows[0]))
    while start < len(rows):
        size = _round(min(most, len(rows) - start))
        count += connection.execute(_many(sql, size), list(chain.from_iterable(rows[start : start + size]))).rowcount
        start += size
    return count


client_class = Client
