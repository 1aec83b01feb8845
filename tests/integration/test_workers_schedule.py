"""Schedules and the sweep: what must happen again does, once, and what lost its job gets it back."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from engine import clock, db
from engine.errors import Invalid, NotFound
from engine.services import beats, outbox, schedule, sweep, tasks
from engine.services.outbox import Dead, Done, NewJob

START = datetime(2024, 5, 1, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def at() -> None:
    clock.use(lambda: START)


def move(**by: float) -> None:
    moment = clock.now() + timedelta(**by)
    clock.use(lambda: moment)


async def fill(table: str, **values: object) -> int:
    """A row whose other columns have whatever their type allows; its number."""
    if db.is_postgres():
        columns = await db.rows(
            "SELECT column_name, data_type FROM information_schema.columns WHERE table_name = ? AND is_nullable = 'NO' "
            "AND column_name <> 'id'", table,
        )  # fmt: skip
    else:
        found = await db.rows(f"PRAGMA table_info({table})")
        columns = [(row[1], row[2].lower()) for row in found if row[3] and row[1] != "id"]
    number = int(await db.value(f"SELECT COUNT(*) FROM {table}") or 0) + 1
    row: dict[str, object] = {}
    for name, kind in ((c[0], c[1]) for c in columns):
        if name in values:
            continue
        if "bool" in kind or (kind == "int" and name in ("enabled", "superseded")):
            row[name] = name == "enabled"
        elif "int" in kind:
            row[name] = 1
        elif "bytea" in kind or "blob" in kind:
            row[name] = b""
        else:
            row[name] = "" if name == "paused_reason" else str(number)
    row |= values
    await db.insert(table, list(row), [list(row.values())])
    return number


async def keys(where: str = "1 = 1") -> list[str]:
    return [row[0] for row in await db.rows(f"SELECT key FROM outbox WHERE {where} ORDER BY key")]


async def test_every_connection_has_its_schedule_and_paused_ones_are_off(database: str) -> None:
    shop = await fill("channels", poll_seconds=60, rescan_seconds=900)
    await fill("channels", poll_seconds=60, rescan_seconds=900, paused_reason="the key was refused")
    house = await fill("suppliers", poll_seconds=30)
    await schedule.ensure()
    found = {
        row[0]: (row[1], bool(row[2]), row[3])
        for row in await db.rows("SELECT key, every_seconds, enabled, next_at FROM schedules")
    }
    now = clock.micros(START)
    assert found[f"channels.poll:{shop}"] == (60.0, True, now)
    assert found[f"channels.rescan:{shop}"] == (900.0, True, now + 900_000_000)
    assert found[f"suppliers.poll:{house}"] == (30.0, True, now)
    assert found["system.sweep:0"] == (5.0, True, now)
    assert [key for key, (_, enabled, _) in found.items() if not enabled] == ["channels.poll:2", "channels.rescan:2"]
    await db.run("UPDATE channels SET paused_reason = '', poll_seconds = 20 WHERE id = ?", shop + 1)
    await db.run("UPDATE suppliers SET enabled = ?", False)
    await schedule.ensure()
    on = {row[0]: row[1] for row in await db.rows("SELECT key, every_seconds FROM schedules WHERE enabled = ?", True)}
    assert on["channels.poll:2"] == 20.0
    assert f"suppliers.poll:{house}" not in on


async def test_what_is_due_is_done_once_however_many_look(database: str) -> None:
    await fill("channels", poll_seconds=60, rescan_seconds=900)
    await schedule.ensure()
    moved = await asyncio.gather(*(schedule.tick(clock.now()) for _ in range(5)))
    assert sum(moved) == 2
    assert await keys() == ["channels.poll:1", "system.sweep:0"]
    assert await schedule.tick(clock.now()) == 0


async def test_a_poll_that_still_runs_is_not_queued_twice(database: str) -> None:
    await fill("channels", poll_seconds=60, rescan_seconds=900)
    await schedule.ensure()
    await schedule.tick(clock.now())
    running = await outbox.claim(limit=9, token="t", tasks=["channels.poll"])
    move(seconds=130)
    await schedule.tick(clock.now())
    assert await keys("task = 'channels.poll'") == ["channels.poll:1"]
    next_at = await db.value("SELECT next_at FROM schedules WHERE key = 'channels.poll:1'")
    assert next_at == clock.micros(START + timedelta(seconds=180))
    await outbox.finish({running[0]: Done()})
    move(seconds=60)
    await schedule.tick(clock.now())
    assert await keys("task = 'channels.poll' AND state = 'ready'") == ["channels.poll:1"]


async def test_sync_now_does_not_wait_for_the_clock_or_a_backoff(database: str) -> None:
    await fill("channels", poll_seconds=60, rescan_seconds=900)
    await schedule.ensure()
    await schedule.tick(clock.now())
    jobs = await outbox.claim(limit=9, token="t", tasks=["channels.poll"])
    await outbox.finish({jobs[0]: outbox.Retry(600, "busy")})
    await schedule.trigger("channels.poll:1")
    again = await outbox.claim(limit=9, token="u", tasks=["channels.poll"])
    assert [job.id for job in again] == [jobs[0].id]
    with pytest.raises(NotFound):
        await schedule.trigger("channels.poll:77")
    await db.run("UPDATE channels SET enabled = ?", False)
    await schedule.ensure()
    with pytest.raises(Invalid, match="paused or disabled"):
        await schedule.trigger("channels.poll:1")


async def _lost(states: Sequence[tuple[str, int | None, int | None]]) -> None:
    await fill("channels", poll_seconds=60, rescan_seconds=900)
    await fill("suppliers", poll_seconds=30)
    await fill("orders", channel_id=1)
    for state, release_at, lease in states:
        await fill("purchase_orders", order_id=1, supplier_id=1, state=state, version=4, release_at=release_at,
                   lease_until=lease)  # fmt: skip


async def test_the_sweep_finds_whatever_lost_its_job(database: str) -> None:
    now = clock.micros(START)
    await _lost([
        ("queued", now - 1, None), ("queued", now + 1, None), ("submitting", None, now - 1),
        ("submitting", None, now + 1), ("outcome_unknown", None, None), ("cancel_requested", None, None),
        ("submitted", None, None),
    ])  # fmt: skip
    for push, lease in (("pending", None), ("pushing", now - 1), ("pushing", now + 1), ("confirmed", None)):
        await fill("shipments", order_id=1, purchase_order_id=1, push=push, version=2, lease_until=lease)
    await fill("inbound_messages", state="stored", received_at=now - 61_000_000)
    await fill("inbound_messages", state="stored", received_at=now)
    wanted = ["cancel:6:4", "find:5:4", "inbound:1", "push:1:2", "push:2:2", "submit:1:4", "submit:3:4"]
    assert await sweep.restore() == len(wanted)
    assert await keys() == wanted
    assert await sweep.restore() == 0
    at_once = await outbox.claim(limit=99, token="t")
    assert sorted(job.key for job in at_once) == ["inbound:1", "push:1:2", "push:2:2", "submit:3:4"]
    assert {job.task for job in at_once} == {"inbound.read", "tracking.push", "purchases.submit"}
    assert {job.subject_id for job in at_once if job.task == "tracking.push"} == {1, 2}


async def test_what_ended_dead_waits_for_a_person(database: str) -> None:
    await _lost([("submitting", None, clock.micros(START) - 1)])
    await sweep.restore()
    jobs = await outbox.claim(limit=9, token="t")
    await outbox.finish({jobs[0]: Dead("the document cannot be made")})
    assert await sweep.restore() == 0
    await outbox.retry(jobs[0].id)
    assert [job.key for job in await outbox.claim(limit=9, token="t")] == ["submit:1:4"]


async def test_the_sweep_reads_by_index_only(sqlite_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, Sequence[object]]] = []
    plain = db.rows

    async def spy(sql: str, *values: object) -> Sequence[db.Row]:
        asked.append((sql, values))
        return await plain(sql, *values)

    await fill("suppliers", poll_seconds=30)
    monkeypatch.setattr(db, "rows", spy)
    await sweep.restore()
    assert len(asked) == 8
    for sql, values in asked:
        steps = [row[3] for row in await plain(f"EXPLAIN QUERY PLAN {sql}", *values)]
        assert not [step for step in steps if "INDEX" not in step and step.startswith(("SCAN t", "SCAN outbox"))], sql


async def test_the_sweep_comes_by_the_clock_and_clears_what_is_old(database: str) -> None:
    await fill("heartbeats", id="gone", host="old", seen_at=clock.micros(START) - 7200_000_000)
    await outbox.put([NewJob("old", "system.sweep")])
    await outbox.finish({job: Done() for job in await outbox.claim(limit=1, token="t")})
    move(hours=25)
    await schedule.ensure()
    await tasks.drain()
    assert await keys() == ["system.sweep:0"]
    assert await beats.workers() == []
    last = await beats.last()
    assert last is not None
    assert (last.host, last.seen_at, last.alive) == ("old", START - timedelta(hours=2), False)
    assert await db.value("SELECT state FROM outbox") == "done"
