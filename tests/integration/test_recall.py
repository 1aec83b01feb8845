"""Orders kept at hand: they are what reading them would give, and what others changed is read."""

from __future__ import annotations

import asyncio
import gc
import weakref
from pathlib import Path

import pytest

from engine import db
from engine.services import hold, lifecycle, loading, process, recall, tasks
from engine.services.casefile import Case
from tests.support.alike import flat
from tests.support.desk import PERSON, desk
from tests.support.world import world


async def read(order_id: int) -> Case:
    """The order as the database has it, with its parcels' contents."""
    (case,) = await loading.load([order_id])
    await loading.load_contents(case.shipments)
    return case


@pytest.fixture
def whole_loads(monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    """The ids of the orders that were read whole, in the order of the reads."""
    seen: list[list[int]] = []
    load = loading.load

    async def noted(ids: list[int], *, lock: bool = False) -> list[Case]:
        if ids:
            seen.append(list(ids))
        return await load(ids, lock=lock)

    monkeypatch.setattr(recall.loading, "load", noted)
    return seen


async def test_through_a_whole_life_what_is_kept_is_what_is_stored(database: str, tmp_path: Path) -> None:
    recall.keep_at_hand(50)
    async with world(tmp_path, split=0.3) as w:
        ids = await w.pull(12)
        async with lifecycle.change(ids, by=PERSON) as work:
            kept = {case.order.id: flat(case) for case in work.cases}
        assert kept == {i: flat(await read(i)) for i in ids}

        await process.process(ids, PERSON, undo_seconds=0)
        await tasks.drain(lambda: w.all_are("completed"), timeout=60)
        async with lifecycle.change(ids, by=PERSON) as work:
            await loading.load_contents([parcel for case in work.cases for parcel in case.shipments])
            kept = {case.order.id: flat(case) for case in work.cases}
        assert kept == {i: flat(await read(i)) for i in ids}


async def test_a_kept_order_is_not_read_whole_again(
    database: str, monkeypatch: pytest.MonkeyPatch, whole_loads: list[list[int]]
) -> None:
    recall.keep_at_hand(50)
    async with desk(monkeypatch) as at:
        await at.told(at.order("1001", ("BB-TEA-01", 1)))
        whole_loads.clear()
        await hold.hold(1, "ask first", PERSON)
        await hold.release(1, PERSON)
        assert whole_loads == []


async def test_what_someone_else_changed_is_read(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    recall.keep_at_hand(50)
    async with desk(monkeypatch) as at:
        await at.told(at.order("1001", ("BB-TEA-01", 1)))

        async def elsewhere() -> None:
            async with db.database(database):
                await hold.hold(1, "someone else's reason", PERSON)

        await asyncio.create_task(elsewhere())
        async with lifecycle.change([1], by=PERSON) as work:
            assert work.cases[0].order.held == "someone else's reason"
        await hold.release(1, PERSON)
        assert await at.status("1001") == "ready"


async def test_a_change_that_failed_is_not_remembered(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    recall.keep_at_hand(50)
    async with desk(monkeypatch) as at:
        await at.told(at.order("1001", ("BB-TEA-01", 1)))

        async def break_off() -> None:
            async with lifecycle.change([1], by=PERSON) as work:
                work.event(work.cases[0], "order:hold", "never mind")
                work.hold(work.cases[0], "never mind")
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await break_off()
        async with lifecycle.change([1], by=PERSON) as work:
            assert work.cases[0].order.held == ""
            assert flat(work.cases[0]) == flat(await read(1))


async def test_only_so_many_are_kept_and_only_so_long(
    database: str, monkeypatch: pytest.MonkeyPatch, whole_loads: list[list[int]]
) -> None:
    recall.keep_at_hand(2)
    async with desk(monkeypatch) as at:
        for number in ("1001", "1002", "1003"):
            await at.told(at.order(number, ("BB-TEA-01", 1)))
        whole_loads.clear()
        async with lifecycle.change([1, 2, 3], by=PERSON) as work:
            assert [case.order.number for case in work.cases] == ["1001", "1002", "1003"]
        assert whole_loads == [[3]]  # new ones crowd nobody out

        await hold.hold(3, "ask first", PERSON)
        await hold.hold(2, "ask first", PERSON)
        whole_loads.clear()
        async with lifecycle.change([1, 2, 3], by=PERSON) as work:
            assert [case.order.number for case in work.cases] == ["1001", "1002", "1003"]
        assert whole_loads == [[1]]

        monkeypatch.setattr(recall, "SECONDS", 0.0)
        async with lifecycle.change([2, 3], by=PERSON) as work:
            assert [case.order.number for case in work.cases] == ["1002", "1003"]
        assert whole_loads == [[1], [2, 3]]


async def test_what_was_saved_needs_no_collector_to_be_let_go(database: str, tmp_path: Path) -> None:
    made: list[weakref.ref[lifecycle.Work]] = []
    begin = lifecycle.Work.__init__

    def noted(work: lifecycle.Work, by: lifecycle.Actor) -> None:
        begin(work, by)
        made.append(weakref.ref(work))

    async with world(tmp_path, split=0.3) as w:
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(lifecycle.Work, "__init__", noted)
            gc.collect()
            gc.disable()
            try:
                await process.process(await w.pull(12), PERSON, undo_seconds=0)
                await tasks.drain(lambda: w.all_are("completed"), timeout=60)
                left = [work for ref in made if (work := ref()) is not None]
            finally:
                gc.enable()
    assert len(made) > 5
    assert not left, f"{len(left)} of {len(made)} pieces of work would stay, each with its orders"
