"""Kept counters: how many orders of each channel have each status, without counting them."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from engine import db

_LOCK = 5_510_010  # any number of our own: folding and rebuilding are done by one at a time

_DIFFERENCES = """
SELECT channel_id, status, CAST(SUM(kept) AS BIGINT), CAST(SUM(counted) AS BIGINT) FROM (
  SELECT channel_id, status, n AS kept, 0 AS counted FROM order_counts
  UNION ALL
  SELECT channel_id, status, 0 AS kept, COUNT(*) AS counted FROM orders GROUP BY channel_id, status
) AS both_sides GROUP BY channel_id, status HAVING SUM(kept) <> SUM(counted) ORDER BY channel_id, status
"""


class Difference(msgspec.Struct, frozen=True):
    """A counter that is wrong."""

    channel_id: int
    status: str
    kept: int
    counted: int


async def add(deltas: Mapping[tuple[int, str], int]) -> None:
    """The deltas, by (channel id, status), are counted. Call it in the transaction that changes the statuses.

    Only appends, so that writers never wait for one another; ``fold`` keeps the table short.
    """
    values = [(channel_id, status, n) for (channel_id, status), n in sorted(deltas.items()) if n]
    await db.insert("order_counts", ("channel_id", "status", "n"), values)


async def fold() -> int:
    """Each counter is one row again; how many rows went away. Writers may go on adding meanwhile."""
    async with db.transaction():
        await _alone()
        before = int(await db.value("SELECT COUNT(*) FROM order_counts"))
        sums = "SELECT channel_id, status, SUM(n) FROM {} GROUP BY channel_id, status HAVING SUM(n) <> 0"
        into = "INSERT INTO order_counts (channel_id, status, n) "
        if db.is_postgres():
            # One statement, one snapshot: what others add meanwhile is neither summed nor deleted.
            gone = "WITH gone AS (DELETE FROM order_counts RETURNING channel_id, status, n) "
            await db.run(gone + into + sums.format("gone"))
        else:
            last = await db.value("SELECT MAX(id) FROM order_counts") or 0
            await db.run(into + sums.format("order_counts"))
            await db.run("DELETE FROM order_counts WHERE id <= ?", last)
        after = int(await db.value("SELECT COUNT(*) FROM order_counts"))
    return max(before - after, 0)


async def verify() -> list[Difference]:
    """The counters that differ from a count of the orders. Reads an index whole: for checks, not for pages."""
    return [Difference(int(r[0]), str(r[1]), int(r[2]), int(r[3])) for r in await db.rows(_DIFFERENCES)]


async def rebuild() -> list[Difference]:
    """The counters are right; what was wrong before."""
    async with db.transaction():
        await _alone()
        # Corrections are deltas like any other, found in one statement: right whatever others write meanwhile.
        wrong = await verify()
        await add({(d.channel_id, d.status): d.counted - d.kept for d in wrong})
    return wrong


async def _alone() -> None:
    if db.is_postgres():
        await db.rows("SELECT pg_advisory_xact_lock(?)", _LOCK)
