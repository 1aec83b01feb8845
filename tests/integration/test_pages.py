"""Pages that follow one another closely: while the orders of one are being written, those of the next are made."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from structlog.testing import capture_logs
from tortoise.exceptions import OperationalError

from engine import db
from engine.errors import TryLater
from engine.ports import ChannelOrder, Page, Raw, Rejected
from engine.services import catalog, inbox, intake, lifecycle, making
from engine.sqlite_backend import Immediate
from tests.support.desk import PERSON, Desk, desk
from tests.support.scripted import page

MUG = ("BB-MUG-01", 1)


class Walk:
    """A channel of these pages; what is handed back of them is in ``done``. A page that is an error is raised."""

    def __init__(self, plain: Any, pages: Sequence[Page | Exception]) -> None:
        self._plain, self._pages = plain, pages
        self.done: list[str] = []
        self.orders_then: list[int] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._plain, name)

    async def pull(self, _: Any, cursor: str | None) -> Page:
        place = int(cursor or 0)
        found = self._pages[place]
        if isinstance(found, Exception):
            raise found
        after = str(place + 1) if place + 1 < len(self._pages) else None
        return Page(found.items, after, done=(f"page {place}",))

    async def finish(self, done: Sequence[str]) -> None:
        self.done += done
        self.orders_then.append(await db.value("SELECT COUNT(*) FROM orders"))


@pytest.fixture(autouse=True)
def apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """No page is taken in together with another one."""
    monkeypatch.setattr(intake, "TOGETHER", 0)


@pytest.fixture(params=[0, 200], ids=["apart", "together"])
def either(apart: None, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """So many orders at most are taken in together."""
    monkeypatch.setattr(intake, "TOGETHER", request.param)


@pytest.fixture
async def shop(database: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    async with desk(monkeypatch) as found:
        yield found


async def walked(shop: Desk, monkeypatch: pytest.MonkeyPatch, *pages: Page | Exception, tokens: bool = False) -> Walk:
    """The channel has these pages, and is polled."""
    walk = Walk(shop.channel, pages)
    if not tokens:
        plain = walk.pull
        walk.pull = lambda since, cursor: _without_tokens(plain(since, cursor))  # type: ignore[method-assign]

    async def channel(_: int) -> Any:
        return walk

    monkeypatch.setattr(catalog, "channel", channel)
    await intake.poll(shop.shop.channel_id, PERSON)
    return walk


async def _without_tokens(pulling: Any) -> Page:
    found = await pulling
    return Page(found.items, found.next)


async def numbers() -> list[str]:
    return [r[0] for r in await db.rows("SELECT number FROM orders ORDER BY id")]


async def states() -> dict[str, int]:
    return {r[0]: r[1] for r in await db.rows("SELECT state, COUNT(*) FROM inbound_messages GROUP BY state")}


async def test_what_follows_is_made_while_the_page_before_it_is_written(
    shop: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = asyncio.Event()
    plain_made, plain_save = making.made, lifecycle.save
    begun: list[str] = []

    async def noted(channel: Any, connector: Any, items: Sequence[Any], *more: Any) -> Any:
        write = await plain_made(channel, connector, items, *more)
        begun.append(f"made {items[0].order.number}")
        if items[0].order.number == "2":
            made.set()
        return write

    async def slow(work: Any) -> None:
        async with asyncio.timeout(60):
            await made.wait()
        begun.append(f"written {work.cases[0].order.number}")
        await plain_save(work)

    monkeypatch.setattr(making, "made", noted)
    monkeypatch.setattr(lifecycle, "save", slow)
    await walked(shop, monkeypatch, page(shop.order("1", MUG)), page(shop.order("2", MUG)))
    assert begun == ["made 1", "made 2", "written 1", "written 2"]
    assert await numbers() == ["1", "2"]


@pytest.mark.parametrize(("together", "batches"), [(4, [1, 4]), (3, [1, 3, 1]), (2, [1, 2, 2])])
async def test_what_waits_is_taken_in_together_as_far_as_it_may(
    shop: Desk, monkeypatch: pytest.MonkeyPatch, together: int, batches: list[int]
) -> None:
    plain, sizes, begun = making.made, list[int](), asyncio.Event()

    async def noted(channel: Any, connector: Any, items: Sequence[Any], *more: Any) -> Any:
        sizes.append(len(items))
        begun.set()
        return await plain(channel, connector, items, *more)

    monkeypatch.setattr(making, "made", noted)
    monkeypatch.setattr(intake, "TOGETHER", together)
    channel = (await catalog.channels())[shop.shop.channel_id]
    async with asyncio.timeout(60), intake.taking(channel, shop.channel, PERSON) as taking:
        await taking.take(page(shop.order("1", MUG)))
        await begun.wait()
        for n in "2345":
            await taking.take(page(shop.order(n, MUG)))
    assert sizes == batches
    assert await numbers() == ["1", "2", "3", "4", "5"]
    assert await states() == {"done": 5}


async def test_an_order_in_two_pages_that_wait_has_each_of_its_states(
    shop: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "TOGETHER", 200)

    def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("no way")

    monkeypatch.setattr(lifecycle, "change", broken)  # the newer state cannot be saved
    await walked(
        shop, monkeypatch, page(shop.order("1", MUG)), page(shop.order("1", MUG, minutes=5, note="ring twice"))
    )
    assert [tuple(r) for r in await db.rows("SELECT number, note FROM orders")] == [("1", "")]
    assert await states() == {"done": 1, "parked": 1}


async def test_a_rejected_part_is_outdated_by_a_page_that_waits_behind_it(
    shop: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "TOGETHER", 200)
    channel = (await catalog.channels())[shop.shop.channel_id]
    bad = Page((), rejected=(Rejected(Raw("1", b"broken"), "not JSON"),))
    async with intake.taking(channel, shop.channel, PERSON) as taking:
        for one in (bad, page(shop.order("1", MUG))):
            await taking.take(one)
    assert await states() == {"superseded": 1, "done": 1}


async def test_a_walk_ends_soon_where_nothing_can_be_stored(shop: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    async def full(*_: Any) -> Any:
        raise OSError("the disk is full")

    monkeypatch.setattr(inbox, "store", full)
    channel = (await catalog.channels())[shop.shop.channel_id]
    taken: list[int] = []

    async def take_all() -> None:
        async with intake.taking(channel, shop.channel, PERSON) as taking:
            for n in range(100):
                await taking.take(page(shop.order(str(n), MUG)))
                taken.append(n)
                await asyncio.sleep(0.001)  # a channel that is slower than we are

    with pytest.raises(OSError, match="the disk is full"):
        await take_all()
    assert len(taken) < 5


async def test_the_channel_is_asked_for_no_more_than_may_be_on_their_way(
    shop: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, go_on = lifecycle.save, asyncio.Event()

    async def held(work: Any) -> None:
        await go_on.wait()
        await plain(work)

    monkeypatch.setattr(lifecycle, "save", held)
    monkeypatch.setattr(intake, "TOGETHER", 2)
    channel = (await catalog.channels())[shop.shop.channel_id]
    taken: list[int] = []

    async def take_all() -> None:
        async with intake.taking(channel, shop.channel, PERSON) as taking:
            for n in range(20):
                await taking.take(page(shop.order(str(n), MUG)))
                taken.append(n)

    async with asyncio.timeout(60):
        task = asyncio.create_task(take_all())
        while len(taken) < intake.DEPTH - 1:
            await asyncio.sleep(0)
        await asyncio.sleep(0.1)  # whatever it could still do it has done
        assert len(taken) == intake.DEPTH - 1
        go_on.set()
        await task
    assert await numbers() == [str(n) for n in range(20)]


@pytest.mark.usefixtures("either")
async def test_an_order_that_comes_in_two_pages_is_one_with_its_newest_state(
    shop: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    older, newer = shop.order("1", MUG), shop.order("1", MUG, minutes=5, note="ring twice")
    with capture_logs() as logs:
        await walked(shop, monkeypatch, page(older), page(newer), page(older))
    assert [tuple(r) for r in await db.rows("SELECT number, note FROM orders")] == [("1", "ring twice")]
    assert not [entry for entry in logs if entry["log_level"] == "error"]


@pytest.mark.usefixtures("either")
async def test_twins_in_neighbouring_pages_are_seen(shop: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def order(number: str, minutes: int) -> ChannelOrder:
        placed = shop.order("1", MUG).placed_at
        return shop.order(number, MUG, email="kim@example.com", placed_at=placed.replace(minute=minutes))

    await walked(shop, monkeypatch, page(order("1", 1)), page(order("2", 2)))
    found = await db.rows("SELECT o.number, i.code FROM issues i JOIN orders o ON o.id = i.order_id")
    assert [tuple(r) for r in found] == [("2", "possible_duplicate")]


@pytest.mark.usefixtures("either")
async def test_orders_of_one_number_in_neighbouring_pages_both_stay(
    shop: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    with capture_logs() as logs:
        await walked(
            shop,
            monkeypatch,
            page(shop.order("1", MUG)),
            page(shop.order("1", MUG, external_id="other", email="a@b.c")),
        )
    assert await numbers() == ["1", f"1.{shop.shop.channel_id}"]
    assert not [entry for entry in logs if entry["log_level"] == "error"]


@pytest.mark.usefixtures("either")
async def test_one_order_that_breaks_us_is_parked_and_the_pages_around_it_are_written(
    shop: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = lifecycle.save

    async def broken(work: Any) -> None:
        if any(case.order.number == "2" for case in work.cases):
            raise RuntimeError("no way")
        await plain(work)

    monkeypatch.setattr(lifecycle, "save", broken)
    pages = [page(shop.order("1", MUG)), page(shop.order("2", MUG), shop.order("3", MUG)), page(shop.order("4", MUG))]
    await walked(shop, monkeypatch, *pages)
    assert sorted(await numbers()) == ["1", "3", "4"]
    assert await states() == {"done": 3, "parked": 1}


@pytest.mark.usefixtures("either")
async def test_a_walk_that_breaks_off_has_written_what_came_and_begins_again(
    shop: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = page(shop.order("1", MUG)), page(shop.order("2", MUG))
    with pytest.raises(TryLater):
        await walked(shop, monkeypatch, first, second, TryLater("busy", 5.0))
    assert await numbers() == ["1", "2"]
    assert await db.value("SELECT cursor_at FROM channels WHERE id = ?", shop.shop.channel_id) is None
    await walked(shop, monkeypatch, first, second, page(shop.order("3", MUG)))
    assert await numbers() == ["1", "2", "3"]
    assert await states() == {"done": 3}


@pytest.mark.parametrize("fails", [False, True], ids=["written", "refused"])
async def test_payloads_are_stored_with_the_orders_before_them(
    sqlite_database: str, monkeypatch: pytest.MonkeyPatch, fails: bool
) -> None:
    plain_save, plain_commit = lifecycle.save, Immediate._commit
    asked, commits = asyncio.Event(), list[Immediate]()

    async def held(work: Any) -> None:
        async with asyncio.timeout(60):
            await asked.wait()
        await plain_save(work)

    def commit(transaction: Immediate) -> int:
        commits.append(transaction)
        if fails and len(commits) == 3:
            transaction._failed = OperationalError("disk I/O error")
        return plain_commit(transaction)

    async with desk(monkeypatch) as shop:
        monkeypatch.setattr(lifecycle, "save", held)
        monkeypatch.setattr(Immediate, "_commit", commit)
        channel = (await catalog.channels())[shop.shop.channel_id]
        async with intake.taking(channel, shop.channel, PERSON) as taking:
            for n in "12":
                await taking.take(page(shop.order(n, MUG)))
            async with asyncio.timeout(60):
                await taking.take(page(shop.order("3", MUG), shop.order("4", MUG)))
                while not taking._lift.waiting:
                    await asyncio.sleep(0)
            assert len(commits) == 2  # the payloads of the first two
            asked.set()
        # The first page's orders with the third one's payloads, then the others' orders; or each of these by itself.
        assert len(commits) == (7 if fails else 5)
        assert await numbers() == ["1", "2", "3", "4"]
        assert await states() == {"done": 4}


async def test_a_page_waits_for_no_lift_after_the_last_one_before_it_is_written(
    sqlite_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain_known, plain_save, last = inbox._known, lifecycle.save, asyncio.Event()

    async def late(kind: Any, source_id: int, keys: Sequence[str]) -> Any:
        if taking._stored == intake.AHEAD:  # begun while others are about to be written, it goes on when they are
            last.set()
            while taking._stored:
                await asyncio.sleep(0)
        return await plain_known(kind, source_id, keys)

    async def held(work: Any) -> None:
        await last.wait()
        await plain_save(work)

    monkeypatch.setattr(inbox, "_known", late)
    monkeypatch.setattr(lifecycle, "save", held)
    async with desk(monkeypatch) as shop:
        channel = (await catalog.channels())[shop.shop.channel_id]
        async with asyncio.timeout(60), intake.taking(channel, shop.channel, PERSON) as taking:
            for n in range(intake.AHEAD + 1):
                await taking.take(page(shop.order(str(n), MUG)))
        assert last.is_set()
        assert await numbers() == ["0", "1", "2"]
        assert await states() == {"done": 3}


@pytest.mark.usefixtures("either")
async def test_tokens_are_handed_back_once_their_page_is_written(shop: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    pages = [page(shop.order(str(n), MUG)) for n in range(1, 4)]
    walk = await walked(shop, monkeypatch, *pages, tokens=True)
    assert walk.done == ["page 0", "page 1", "page 2"]
    assert walk.orders_then == [1, 2, 3]


async def test_a_poll_that_is_cancelled_leaves_nothing_running_and_loses_nothing(
    shop: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    writing = asyncio.Event()
    plain = lifecycle.save

    async def stuck(work: Any) -> None:
        writing.set()
        await asyncio.sleep(3_600)

    monkeypatch.setattr(lifecycle, "save", stuck)
    pages = [page(shop.order(str(n), MUG)) for n in range(1, 4)]
    before = asyncio.all_tasks()
    poll = asyncio.create_task(walked(shop, monkeypatch, *pages))
    async with asyncio.timeout(60):
        await writing.wait()
        poll.cancel()
        with pytest.raises(asyncio.CancelledError):
            await poll
        while asyncio.all_tasks() != before:  # what was being asked of the database is called off
            await asyncio.sleep(0.01)
    assert await numbers() == []
    monkeypatch.setattr(lifecycle, "save", plain)
    await walked(shop, monkeypatch, *pages)
    assert await numbers() == ["1", "2", "3"]
