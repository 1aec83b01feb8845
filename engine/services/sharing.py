"""What all that work for one connection share by way of the database: its peer's rate limits, and its grants.

``join`` gives both to a connector. A bucket belongs to a connection and an operation. A grant belongs to the credentials it
was given for, whichever connection uses them: it goes on where two use the same, and ends where a person changes them.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import random
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import msgspec
from tortoise.exceptions import OperationalError

from engine import clock, db, vault
from engine.connectors import registry
from engine.errors import Misconfigured, TryLater
from engine.ports_channels import Authorises
from engine.transports.grants import Grant, Granted
from engine.transports.throttle import PATIENCE, Bucket, Throttled, too_soon

SKEW = 120.0
"""Seconds by which clocks of workers may differ; a bucket that is further ahead stems from a clock that was put right."""
LEASE_SECONDS = 9.0
"""A turn ends so long after its worker died; one that lives renews it three times as often."""
TURN_PATIENCE = 25.0
LOOK_AGAIN = (0.02, 0.4)
_MICRO = 1_000_000
_UNUSED = timedelta(days=7)
EARLY_DAYS = 14
"""So long before access ends people are told."""


def join(connector: object, table: str, row_id: int, values: Mapping[str, Any]) -> None:
    """The connector, made of these settings, shares its rate limits and its grants with all others of its connection."""
    if isinstance(connector, Throttled):
        connector.throttle = SharedThrottle(table, row_id)
    share_grants(connector, values)


def share_grants(connector: object, values: Mapping[str, Any]) -> None:
    """The connector's grants are those of its credentials: what comes is kept, also where it belongs to no connection yet."""
    if isinstance(connector, Granted):
        keeper = SharedKeeper(mark(connector, values))
        for grants in connector.grants:
            grants.keeper = keeper


# --- rate limits ------------------------------------------------------------------------------------------------------


class SharedThrottle:
    """``engine.transports.throttle.Throttle`` of one connection, in the table ``rate_buckets``."""

    def __init__(self, source: str, source_id: int) -> None:
        self._place = (source, source_id)

    async def take(self, bucket: Bucket, cost: float = 1.0) -> None:
        """See ``Throttle``. What is owed is booked, for all to see, before it is waited for."""
        async with self._open(bucket) as level:
            left = level.now - cost
            wait = -left / bucket.rate if left < 0 else 0.0
            if wait <= PATIENCE:
                level.now = left
        if wait > PATIENCE:
            raise too_soon(bucket, wait)
        if wait:
            await asyncio.sleep(wait)

    async def told(self, bucket: Bucket, left: float) -> None:
        """See ``Throttle``. A peer counts what it has seen, we also what is on its way: the lower of both holds."""
        async with self._open(bucket) as level:
            level.now = min(level.now, left)

    @asynccontextmanager
    async def _open(self, bucket: Bucket) -> AsyncIterator[_Level]:
        """The bucket as it is now, for nobody else within; what it is then is kept. A bucket nobody knew is full."""
        place = (*self._place, bucket.name[:120])
        where = "WHERE source = ? AND source_id = ? AND name = ?"
        locking = " FOR UPDATE" if db.is_postgres() else ""
        async with db.transaction():
            now = clock.micros(clock.now())
            row = (*place, float(bucket.burst), now)
            columns = ("source", "source_id", "name", "level", "at")
            found = await db.row(f"SELECT level, at FROM rate_buckets {where}{locking}", *place)
            if found is None:
                await db.insert("rate_buckets", columns, [row], "ON CONFLICT DO NOTHING")
                found = await db.row(f"SELECT level, at FROM rate_buckets {where}{locking}", *place)
            assert found is not None
            # Clocks of workers differ: time that was counted is not counted again, or all together would get too much.
            at = max(int(found[1]), now) if found[1] - now < SKEW * _MICRO else now
            passed = max(0, at - int(found[1])) / _MICRO
            level = _Level(min(bucket.burst, float(found[0]) + passed * bucket.rate))
            yield level
            await db.run(f"UPDATE rate_buckets SET level = ?, at = ? {where}", float(level.now), at, *place)


class _Level(msgspec.Struct):
    now: float


# --- grants -----------------------------------------------------------------------------------------------------------


def mark(connector: object, values: Mapping[str, Any]) -> str:
    """What these settings' grants are known by. It changes with the credentials, and with nothing else.

    Of an owner's consent that is what came of it (``authorise_gives``), of a refresh token that token. Without either it is
    all that must be set, what a consent would need and every secret: an access token for those can always be had anew.
    """
    kind: Any = connector
    gives: tuple[str, ...] = connector.authorise_gives if isinstance(connector, Authorises) else ("refresh_token",)
    needs: tuple[str, ...] = connector.authorise_needs if isinstance(connector, Authorises) else ()
    required = {field.name for field in msgspec.structs.fields(kind.config_type) if field.required}
    for names in (set(gives), required | set(needs) | set(kind.secret_fields)):
        said = [(name, str(values[name])) for name in sorted(names) if values.get(name) not in (None, "")]
        if said:
            break
    said.insert(0, ("connector", kind.slug))
    return hashlib.sha256(msgspec.json.encode(said)).hexdigest()


class SharedKeeper:
    """``engine.transports.grants.Keeper`` of the grants of some credentials, in the table ``grants``."""

    def __init__(self, credentials: str) -> None:
        self._mark = credentials
        self._versions: dict[str, int] = {}  # of what was kept when our turn came
        self._unkept: dict[str, tuple[Grant, int | None]] = {}  # what came while the database was away

    async def load(self, name: str) -> Grant | None:
        """See ``Keeper``."""
        await self._keep(name)
        return (await self._read(name))[0]

    @asynccontextmanager
    async def turn(self, name: str) -> AsyncIterator[Grant | None]:
        """See ``Keeper``. Raises TryLater where others have it for longer than ``TURN_PATIENCE``."""
        token = uuid.uuid4().hex
        await self._wait_for_turn(name, token)
        lively = asyncio.create_task(self._stay(token))
        try:
            await self._keep(name)
            grant, self._versions[name] = await self._read(name)
            yield grant
        finally:
            self._versions.pop(name, None)
            lively.cancel()
            await asyncio.gather(lively, return_exceptions=True)
            with contextlib.suppress(OperationalError, OSError):  # the turn ends by itself before long
                await db.run("UPDATE grants SET lease_token = '', lease_until = NULL WHERE lease_token = ?", token)

    async def save(self, name: str, grant: Grant) -> None:
        """See ``Keeper``. While the database is away it is kept here, and written before anything else is asked of it."""
        self._unkept[name] = grant, self._versions.get(name)
        await self._keep(name)

    async def _wait_for_turn(self, name: str, token: str) -> None:
        columns, at = (
            ("mark", "name", "access_token", "refresh_token", "saved_at", "version", "lease_token"),
            clock.now(),
        )
        row = (self._mark, name[:120], "", "", clock.micros(at), 0, "")
        await db.insert("grants", columns, [row], "ON CONFLICT (mark, name) DO NOTHING")
        waited = 0.0
        while not await self._taken(name, token):
            if waited > TURN_PATIENCE:
                raise TryLater(
                    "another worker is renewing the access to this connection and does not come to an end", 5.0
                )
            pause = random.uniform(*LOOK_AGAIN)  # noqa: S311
            waited += pause
            await asyncio.sleep(pause)

    async def _taken(self, name: str, token: str) -> bool:
        now = clock.micros(clock.now())
        return await db.run(
            "UPDATE grants SET lease_token = ?, lease_until = ? WHERE mark = ? AND name = ? "
            "AND (lease_token = '' OR lease_until IS NULL OR lease_until < ? OR lease_until > ?)",
            token, now + _lease(), self._mark, name[:120], now, now + _lease() + int(SKEW * _MICRO),
        ) == 1  # fmt: skip

    async def _stay(self, token: str) -> None:
        while True:
            await asyncio.sleep(LEASE_SECONDS / 3)
            with contextlib.suppress(OperationalError, OSError):  # the next time may be in time
                until = clock.micros(clock.now()) + _lease()
                await db.run("UPDATE grants SET lease_until = ? WHERE lease_token = ?", until, token)

    async def _read(self, name: str) -> tuple[Grant | None, int]:
        row = await db.row(
            "SELECT id, access_token, until, refresh_token, refresh_until, version FROM grants WHERE mark = ? AND name = ?",
            self._mark, name[:120],
        )  # fmt: skip
        if row is None or not row[1]:
            return None, 0 if row is None else int(row[5])
        opened = {
            field: vault.open_sealed(sealed, table="grants", row=str(row[0]), field=field) if sealed else ""
            for field, sealed in (("access_token", row[1]), ("refresh_token", row[3]))
        }
        return Grant(**opened, until=_moment(row[2]), refresh_until=_moment(row[4])), int(row[5])

    async def _keep(self, name: str) -> None:
        """What came is kept, unless somebody kept a later one: a worker that was taken for dead may come back with an older."""
        if name not in self._unkept:
            return
        grant, known = self._unkept[name]
        async with db.transaction():
            columns = ("mark", "name", "access_token", "refresh_token", "saved_at", "version", "lease_token")
            now = clock.micros(clock.now())
            await db.insert("grants", columns, [(self._mark, name[:120], "", "", now, 0, "")], "ON CONFLICT DO NOTHING")
            row_id = await db.value("SELECT id FROM grants WHERE mark = ? AND name = ?", self._mark, name[:120])
            sealed = [
                vault.seal(value, table="grants", row=str(row_id), field=field) if value else ""
                for field, value in (("access_token", grant.access_token), ("refresh_token", grant.refresh_token))
            ]
            where, values = ("AND version = ?", (known,)) if known is not None else ("", ())
            await db.run(
                "UPDATE grants SET access_token = ?, refresh_token = ?, until = ?, refresh_until = ?, saved_at = ?, "
                f"version = version + 1 WHERE id = ? {where}",
                *sealed, _micros(grant.until), _micros(grant.refresh_until), now, row_id, *values,
            )  # fmt: skip
        self._unkept.pop(name, None)


async def access_ends() -> dict[int, datetime]:
    """By channel, until when its owner has let us in, where that is known."""
    rows = await db.rows("SELECT mark, MIN(refresh_until) FROM grants WHERE refresh_until IS NOT NULL GROUP BY mark")
    until = {str(row[0]): clock.moment(int(row[1])) for row in rows}
    return {channel: until[found] for channel, found in (await _marks()).items() if found in until} if until else {}


def soon(until: datetime) -> str:
    """When access that was given until then ends, in words; "" where that is not soon."""
    days = (until - clock.now()).days
    if days > EARLY_DAYS:
        return ""
    return f"ends in {days} day{'s' if days != 1 else ''}" if days >= 0 else "has ended"


def warning(until: datetime | None) -> str:
    """The same about access, for lists."""
    when = soon(until) if until is not None else ""
    return f"access {when}" if when else ""


async def forget_unused() -> int:
    """Grants of credentials that no channel has had for a while are gone; how many."""
    used = sorted(set((await _marks()).values()))
    others = f"AND mark NOT IN ({db.marks(used)})" if used else ""
    return await db.run(f"DELETE FROM grants WHERE saved_at < ? {others}", clock.micros(clock.now() - _UNUSED), *used)


async def end_grants(table: str, row_id: int) -> None:
    """What was granted to the connection is deleted, unless another uses the same credentials."""
    marks = await _marks(table)
    mine = marks.pop(row_id, None)
    if mine is not None and mine not in marks.values():
        await db.run("DELETE FROM grants WHERE mark = ?", mine)


async def _marks(table: str = "channels") -> dict[int, str]:
    """What the grants of each connection are known by; without those whose settings cannot be read here."""
    found = {}
    type_of: Any = registry.channel_type if table == "channels" else registry.supplier_type
    for row in await db.rows(f"SELECT id, connector, settings, secrets FROM {table} WHERE archived_at IS NULL"):
        try:
            kind, values = type_of(row[1]), opened(table, row[0], row[2], row[3])
        except Misconfigured:
            continue
        found[int(row[0])] = mark(kind, values)
    return found


def opened(table: str, row_id: int, settings: str, sealed: str) -> dict[str, Any]:
    """A connection's settings with its secrets, of the columns that hold them. Raises Misconfigured."""
    values = msgspec.json.decode(settings, type=dict[str, Any])
    for name, secret in msgspec.json.decode(sealed, type=dict[str, str]).items():
        values[name] = vault.open_sealed(secret, table=table, row=str(row_id), field=name)
    return values


def _lease() -> int:
    return int(LEASE_SECONDS * _MICRO)


def _moment(value: Any) -> datetime | None:
    return None if value is None else clock.moment(int(value))


def _micros(value: datetime | None) -> int | None:
    return None if value is None else clock.micros(value)
