"""Health: can this process do its part, and does anybody do the work?"""

from __future__ import annotations

import asyncio

import msgspec
import structlog

from engine import clock, db
from engine.errors import Misconfigured
from engine.services import beats, schema

PATIENCE_SECONDS = 5.0

_log = structlog.get_logger(__name__)


class Health(msgspec.Struct, frozen=True):
    """``ok`` is about the database and its schema. Seconds since a worker was last seen: None where there never was one."""

    ok: bool
    database: str
    schema: str
    heartbeat_seconds: float | None = None
    workers: int = 0


async def look() -> Health:
    """How things are now, within a few seconds; never raises for what is wrong with the database."""
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await db.value("SELECT 1")
            try:
                await schema.check()
            except Misconfigured as error:
                return Health(False, "ok", error.message)
            seen, last = await beats.workers(), await beats.last()
    except Exception as error:
        # Each driver has a family of its own, and all of them mean the same here.
        _log.warning("the database does not answer", error=str(error))
        return Health(False, "does not answer", "unknown")
    age = (clock.now() - last.seen_at).total_seconds() if last else None
    return Health(True, "ok", "ok", age, sum(worker.alive for worker in seen))
