"""The net under the jobs: whatever a state says is due has a job, whoever lost it. Runs every few seconds.

Jobs are written with the state they belong to, so the net is empty in good times. What ended dead is left to a person.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from engine import clock, db
from engine.services import beats, counters, invoices, once, outbox, overdue, receipts, schedule
from engine.services.outbox import Job, NewJob, Outcome
from engine.settings import settings

LIMIT = 500
# States that may rightly wait for someone else without a job are asked about at this distance only.
PATIENCE = timedelta(minutes=5)
SETTLE = timedelta(seconds=15)
UNREAD = timedelta(minutes=1)

# In the words of the partial indexes, because SQLite uses one only where the query repeats its condition.
_UNPUSHED = "push IN ('pending', 'pushing', 'failed') AND push <> 'failed'"
_UNREAD = "state IN ('stored', 'parked') AND state = 'stored'"


async def run_jobs(jobs: Sequence[Job]) -> Mapping[int, Outcome] | None:
    """Lost work is found again and what is old is cleared away."""
    await outbox.reclaim()
    await schedule.ensure()
    await restore()
    await overdue.raise_issues()
    await receipts.raise_issues()
    await invoices.match_open()
    await counters.fold()
    await once.clear()
    await outbox.purge(timedelta(hours=settings().keep_done_hours))
    await beats.clear()
    return None


async def restore() -> int:
    """Every state that is due has a live job, or a dead one that waits for a person; how many were missing."""
    now = clock.now()
    at = clock.micros(now)
    dead = {row[0] for row in await db.rows("SELECT key FROM outbox WHERE state = 'dead'")}
    found = [
        *await _due("purchase_orders", "submit", "purchases.submit", now + SETTLE, dead,
                    "state = 'queued' AND release_at <= ?", at),
        *await _due("purchase_orders", "submit", "purchases.submit", now, dead,
                    "state = 'submitting' AND lease_until < ?", at),
        *await _due("shipments", "push", "tracking.push", now, dead,
                    f"{_UNPUSHED} AND (lease_until IS NULL OR lease_until < ?)", at),
        *await _due("inbound_messages", "inbound", "inbound.read", now, dead,
                    f"{_UNREAD} AND received_at < ?", clock.micros(now - UNREAD), versioned=False),
    ]  # fmt: skip
    for row in await db.rows("SELECT id FROM suppliers ORDER BY id"):
        # By supplier, because that is the index these rare states are found by.
        for state, prefix in (("outcome_unknown", "find"), ("cancel_requested", "cancel")):
            found += await _due("purchase_orders", prefix, f"purchases.{prefix}", now + PATIENCE, dead,
                                f"supplier_id = ? AND state = '{state}'", row[0])  # fmt: skip
    if found:
        await outbox.put(found)
    return len(found)


async def _due(
    table: str, prefix: str, task: str, run_at: datetime, dead: set[str], where: str, *values: int,
    versioned: bool = True,
) -> list[NewJob]:  # fmt: skip
    key = f"'{prefix}:' || t.id" + (" || ':' || t.version" if versioned else "")
    rows = await db.rows(
        f"SELECT t.id, {key} FROM {table} AS t WHERE {where} AND NOT EXISTS (SELECT 1 FROM outbox "
        f"WHERE outbox.key = {key} AND outbox.state IN ('ready', 'claimed')) LIMIT ?",
        *values, LIMIT + len(dead),
    )  # fmt: skip
    return [NewJob(row[1], task, row[0], run_at) for row in rows if row[1] not in dead]
