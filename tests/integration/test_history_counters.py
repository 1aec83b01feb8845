"""The kept counters, with others adding meanwhile."""

from __future__ import annotations

import asyncio

from engine import db
from engine.services import counters


async def _sums() -> dict[tuple[int, str], int]:
    found = await db.rows(
        "SELECT channel_id, status, CAST(SUM(n) AS BIGINT) FROM order_counts GROUP BY channel_id, status"
    )
    return {(r[0], r[1]): r[2] for r in found if r[2]}


async def test_deltas_add_up_and_folding_changes_no_sum(database: str) -> None:
    await counters.add({(1, "ready"): 3, (1, "processed"): 0, (2, "ready"): 1})
    await counters.add({(1, "ready"): -1, (1, "processed"): 1, (2, "ready"): -1})
    before = await _sums()
    assert before == {(1, "ready"): 2, (1, "processed"): 1}
    assert await counters.fold() == 3
    assert await _sums() == before
    assert await db.value("SELECT COUNT(*) FROM order_counts") == 2
    assert await counters.fold() == 0


async def test_folding_loses_nothing_that_is_added_meanwhile(database: str) -> None:
    async def write() -> None:
        for _ in range(25):
            async with db.transaction():
                await counters.add({(1, "ready"): 1, (2, "ready"): 2})
                await asyncio.sleep(0)

    async def tidy() -> None:
        for _ in range(10):
            await counters.fold()

    async with asyncio.TaskGroup() as group:
        for task in (write, tidy, write, tidy, write):
            group.create_task(task())
    assert await _sums() == {(1, "ready"): 75, (2, "ready"): 150}


async def test_a_wrong_counter_is_found_and_put_right(database: str) -> None:
    await counters.add({(1, "ready"): 2})
    assert await counters.verify() == [counters.Difference(1, "ready", kept=2, counted=0)]
    assert await counters.rebuild() == [counters.Difference(1, "ready", kept=2, counted=0)]
    assert await counters.verify() == []
    assert await counters.rebuild() == []
