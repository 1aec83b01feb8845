"""The outbox: what is put is done once, whatever happens to those who do it."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from tortoise.exceptions import OperationalError

from engine import clock, db, settings
from engine.errors import Invalid, NotFound, Refused, TryLater
from engine.services import outbox, tasks
from engine.services.outbox import Dead, Done, Job, NewJob, Outcome, Retry

START = datetime(2024, 5, 1, 12, tzinfo=UTC)
seen: list[tuple[int, int]] = []


async def note(jobs: Sequence[Job]) -> None:
    seen.extend((job.subject_id, len(jobs)) for job in jobs)


async def thirteen(jobs: Sequence[Job]) -> None:
    if any(job.subject_id == 13 for job in jobs):
        raise ValueError("thirteen")
    await note(jobs)


async def busy(jobs: Sequence[Job]) -> Mapping[int, Outcome]:
    raise TryLater("the supplier is busy", retry_after=1800)


async def refuse(jobs: Sequence[Job]) -> Mapping[int, Outcome]:
    raise Refused("no such SKU")


async def mixed(jobs: Sequence[Job]) -> Mapping[int, Outcome]:
    return {jobs[0].id: Retry(60, "not yet"), jobs[1].id: Dead("never")}


@pytest.fixture(autouse=True)
def own_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    seen.clear()
    for fn in (note, thirteen, busy, refuse, mixed):
        monkeypatch.setitem(tasks.TASKS, f"test.{fn.__name__}", f"{__name__}:{fn.__name__}")


@pytest.fixture
def at() -> None:
    """The clock stands at START until a test moves it."""
    clock.use(lambda: START)


def move(**by: float) -> None:
    moment = clock.now() + timedelta(**by)
    clock.use(lambda: moment)


def configure(**values: float) -> None:
    settings.force(msgspec.structs.replace(settings.settings(), **values))


async def rows(column: str = "state") -> list[object]:
    return [row[0] for row in await db.rows(f"SELECT {column} FROM outbox ORDER BY id")]


async def test_a_key_is_live_once_and_free_again_when_its_job_is_over(database: str) -> None:
    await outbox.put([NewJob("a", "test.note", 1), NewJob("a", "test.note", 2), NewJob("b", "test.note", 3)])
    await outbox.put([NewJob("a", "test.note", 4)])
    claimed = await outbox.claim(limit=9, token="t")
    await outbox.put([NewJob("a", "test.note", 5)])
    assert [job.subject_id for job in claimed] == [1, 3]
    await outbox.finish({job: Done() for job in claimed})
    await outbox.put([NewJob("a", "test.note", 6, args={"page": 2})])
    assert [(job.subject_id, job.args) for job in await outbox.claim(limit=9, token="t")] == [(6, {"page": 2})]


async def test_a_rolled_back_transaction_leaves_no_job(database: str) -> None:
    async def fail() -> None:
        async with db.transaction():
            await outbox.put([NewJob("a", "test.note")])
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail()
    assert await rows() == []


async def test_claims_take_what_is_due_oldest_first_and_never_the_same_twice(database: str) -> None:
    now = clock.now()
    await outbox.put([NewJob(str(n), "test.note", n, now - timedelta(seconds=n)) for n in range(1, 31)])
    await outbox.put([NewJob("later", "test.note", 99, now + timedelta(hours=1)), NewJob("other", "test.busy", 98)])
    first = await outbox.claim(limit=5, token="a", tasks=["test.note"])
    assert [job.subject_id for job in first] == [30, 29, 28, 27, 26]
    parts = await asyncio.gather(*(outbox.claim(limit=10, token=f"t{n}", tasks=["test.note"]) for n in range(4)))
    got = [job.subject_id for part in parts for job in part]
    assert len(got) == len(set(got)) >= 10
    rest = await outbox.claim(limit=100, token="rest")
    assert sorted(got + [job.subject_id for job in rest]) == [*range(1, 26), 98]


async def test_idle_polling_needs_no_write_lock(sqlite_url: str) -> None:
    async with db.database(f"{sqlite_url}?busy_timeout=50"):
        await outbox.put([NewJob("later", "test.note", 1, clock.now() + timedelta(hours=1))])
        writer = sqlite3.connect(sqlite_url.removeprefix("sqlite://"), isolation_level=None)
        writer.execute("BEGIN IMMEDIATE")
        with pytest.raises(OperationalError, match="locked"):  # what would write is refused
            await outbox.put([NewJob("another", "test.note", 2)])
        assert await outbox.claim(limit=5, token="t") == []
        assert await outbox.relay(limit=5, again_after=5) == []
        assert await outbox.take([1], "t") == []
        assert await outbox.reclaim() == 0
        writer.close()


async def test_a_late_answer_with_an_old_token_changes_nothing(database: str, at: None) -> None:
    await outbox.put([NewJob("a", "test.note", 1)])
    late = await outbox.claim(limit=1, token="old")
    move(seconds=61)
    assert await outbox.reclaim() == 1
    fresh = await outbox.claim(limit=1, token="new")
    for outcome in (Done(), Retry(5, "late"), Dead("late")):
        await outbox.finish({late[0]: outcome})
    await outbox.release([late[0].id], "old")
    await outbox.extend("old")
    assert (await rows("token"), await rows("error")) == (["new"], [outbox.STOPPED])
    assert await outbox.held([late[0].id], "old") == []
    assert await outbox.held([late[0].id], "new") == fresh
    await outbox.finish({fresh[0]: Done()})
    assert await rows() == ["done"]


async def test_a_job_that_outlives_its_workers_is_run_by_itself_and_ends_dead(database: str, at: None) -> None:
    configure(max_attempts=3)
    await outbox.put([NewJob(str(n), "test.note", n) for n in range(3)])
    for attempt in (1, 2):
        claimed = await outbox.claim(limit=9, token=f"t{attempt}")
        assert [len(batch) for batch in tasks.batches(claimed, 64)] == [3]
        move(minutes=30)
        await outbox.reclaim()
        assert set(await rows("attempts")) == {attempt}
    move(minutes=30)
    claimed = await outbox.claim(limit=9, token="t3")
    assert [len(batch) for batch in tasks.batches(claimed, 64)] == [1, 1, 1]
    move(minutes=30)
    assert await outbox.reclaim() == 3
    assert await rows() == ["dead"] * 3


async def test_extending_keeps_a_lease(database: str, at: None) -> None:
    await outbox.put([NewJob("a", "test.note"), NewJob("b", "test.note")])
    await outbox.claim(limit=1, token="kept")
    await outbox.claim(limit=1, token="lost")
    move(seconds=40)
    await outbox.extend("kept")
    move(seconds=40)
    assert await outbox.reclaim() == 1
    assert await rows("token") == ["kept", ""]


async def test_word_that_comes_twice_or_too_early_finds_nothing(database: str, at: None) -> None:
    await outbox.put([NewJob("a", "test.note", 1), NewJob("b", "test.note", 2, START + timedelta(minutes=5))])
    ids = [int(str(n)) for n in await rows("id")]
    assert [job.subject_id for job in await outbox.take(ids, "t1")] == [1]
    assert await outbox.take(ids, "t2") == []
    move(minutes=2)
    again = await outbox.take(ids, "t3")
    assert [(job.subject_id, job.attempts, job.suspect) for job in again] == [(1, 1, False)]
    await outbox.finish({again[0]: Done()})
    assert await outbox.take(ids[:1], "t4") == []


async def test_the_relay_names_a_job_once_and_again_when_nobody_came(database: str, at: None) -> None:
    await outbox.put([NewJob(str(n), "test.note", n) for n in range(5)])
    told = await outbox.relay(limit=3, again_after=5) + await outbox.relay(limit=3, again_after=5)
    assert len({job.id for job in told}) == len(told) == 5
    assert await outbox.relay(limit=9, again_after=5) == []
    await outbox.take([told[0].id], "t")
    move(seconds=6)
    assert {job.id for job in await outbox.relay(limit=9, again_after=5)} == {job.id for job in told[1:]}
    await outbox.release([told[0].id], "t")
    assert [job.id for job in await outbox.relay(limit=9, again_after=5)] == [told[0].id]


async def test_retry_after_is_honoured_and_patience_never_ends(database: str, at: None) -> None:
    configure(max_attempts=2)
    await outbox.put([NewJob("a", "test.busy", 1)])
    for attempt in range(1, 5):
        due = clock.micros(clock.now() + timedelta(seconds=1800))
        await tasks.drain()
        assert (await rows(), await rows("attempts"), await rows("run_at")) == (["ready"], [attempt], [due])
        move(seconds=1801)
    assert await rows("error") == ["the supplier is busy"]


async def test_one_bad_job_does_not_take_its_batch_with_it(database: str, at: None) -> None:
    configure(max_attempts=3)
    await outbox.put([NewJob(str(n), "test.thirteen", n) for n in range(10, 16)])
    waits = []
    for _ in range(2):
        await tasks.drain()
        assert sorted(subject for subject, _ in seen) == [10, 11, 12, 14, 15]
        bad = await db.row("SELECT run_at, error FROM outbox WHERE state = 'ready'")
        assert bad is not None
        waits.append(bad[0] - clock.micros(clock.now()))
        assert bad[1] == "ValueError: thirteen"
        move(minutes=1)
    await tasks.drain()
    assert sorted(map(str, await rows())) == ["dead", *["done"] * 5]
    assert 1_000_000 <= waits[0] <= 2_000_000 <= waits[1] <= 4_000_000


async def test_a_definite_no_is_not_tried_again(database: str) -> None:
    await outbox.put([NewJob("a", "test.refuse"), NewJob("b", "test.unheard_of")])
    await tasks.drain()
    assert await rows() == ["dead", "ready"]
    assert await rows("error") == [
        "no such SKU",
        "this version has no task 'test.unheard_of'; a newer Bluebook may have written the job",
    ]


async def test_a_handler_decides_job_by_job(database: str) -> None:
    await outbox.put([NewJob(str(n), "test.mixed", n) for n in range(3)])
    await tasks.run(await outbox.claim(limit=3, token="t"))
    assert await rows() == ["ready", "dead", "done"]


async def test_draining_waits_for_what_it_is_told_and_no_longer_than_it_may(database: str, at: None) -> None:
    await outbox.put([NewJob("now", "test.note", 1), NewJob("soon", "test.note", 2, START + timedelta(seconds=2))])
    await tasks.drain()
    assert seen == [(1, 1)]

    def both_in_time() -> bool:
        move(seconds=0.5)
        return len(seen) == 2

    await tasks.drain(both_in_time)
    with pytest.raises(TimeoutError):
        await tasks.drain(lambda: len(seen) == 3, timeout=0.1)


async def test_dead_jobs_are_listed_retried_and_dropped(database: str, at: None) -> None:
    await outbox.put([NewJob(str(n), "test.refuse", n) for n in range(4)])
    await tasks.drain()
    dead = await outbox.list_jobs("dead", 2)
    assert [job.subject_id for job in dead + await outbox.list_jobs("dead", 9, dead[-1].id)] == [3, 2, 1, 0]
    assert (dead[0].error, dead[0].attempts, dead[0].finished_at) == ("no such SKU", 1, START)
    await outbox.retry(dead[0].id)
    await outbox.drop(dead[1].id)
    assert await outbox.counts() == {"due": 1, "ready": 1, "claimed": 0, "dead": 2}
    assert [job.key for job in await outbox.list_jobs("ready")] == ["3"]
    await outbox.put([NewJob("0", "test.note")])
    with pytest.raises(Invalid, match="another job with its key"):
        await outbox.retry(dead[0].id - 3)
    with pytest.raises(Invalid, match="it is done"):
        await outbox.drop(dead[1].id)
    with pytest.raises(NotFound):
        await outbox.retry(12345)
    with pytest.raises(Invalid):
        await outbox.list_jobs("lost")


async def test_done_jobs_are_cleared_away_when_old(database: str, at: None) -> None:
    await outbox.put([NewJob(str(n), "test.note") for n in range(4)])
    await tasks.run(await outbox.claim(limit=2, token="t"))
    move(hours=25)
    await tasks.run(await outbox.claim(limit=1, token="t"))
    assert await outbox.purge(timedelta(hours=24), limit=1) == 1
    assert await outbox.purge(timedelta(hours=24)) == 1
    assert await rows() == ["done", "ready"]


async def test_jobs_are_found_by_index_however_many_are_over(
    sqlite_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, Sequence[object]]] = []
    plain = db.rows

    async def spy(sql: str, *values: object) -> Sequence[db.Row]:
        asked.append((sql, values))
        return await plain(sql, *values)

    monkeypatch.setattr(db, "rows", spy)
    await outbox.put([NewJob("a", "test.note"), NewJob("b", "test.note")])
    await outbox.relay(limit=5, again_after=5)
    await outbox.claim(limit=1, token="t")
    await outbox.take([2], "t")
    await outbox.reclaim()
    await outbox.counts()
    for state in ("ready", "claimed", "done", "dead"):
        await outbox.list_jobs(state, 5, 1)
    assert len(asked) > 10
    asked.append(
        ("UPDATE outbox SET lease_until = 1 WHERE state = 'claimed' AND lease_until > 0 AND token IN (?)", ["t"])
    )
    for sql, values in asked:
        plan = " / ".join(row[3] for row in await plain(f"EXPLAIN QUERY PLAN {sql}", *values))
        assert "SCAN outbox" not in plan.replace("SCAN outbox USING", "USING"), (sql, plan)
