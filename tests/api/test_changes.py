"""What changed since: a program that keeps a copy of the orders has all of them as they are, whatever happens meanwhile."""

from __future__ import annotations

import asyncio
import base64
import random
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import msgspec
import pytest
from structlog.testing import capture_logs

from engine import clock, db, settings
from engine.domain.scopes import Scope
from engine.services import feed, hold, lifecycle, process, push
from tests.api.client import Api, token_for
from tests.api.conftest import serving
from tests.api.shop import HEAD, open_shop, row
from tests.support import book, databases, slips
from tests.support.people import later
from tests.support.scene import DANA

CHANGES = "/orders/changes"


@pytest.fixture(autouse=True)
def as_often_as_one_likes(own_settings: settings.Settings, db_url: str) -> None:
    settings.force(msgspec.structs.replace(settings.settings(), api_calls=0))


@pytest.fixture
async def api(database: str) -> AsyncIterator[Api]:
    """The API over an empty database."""
    async with serving() as found:
        yield found


class Copy:
    """An ERP with its own copy of the orders: ``asked`` pages, and which orders each time of catching up told of."""

    def __init__(self, api: Api) -> None:
        self.api, self.cursor, self.asked = api, "", 0
        self.orders: dict[int, Any] = {}

    async def page(self, limit: int = 50, **query: Any) -> tuple[list[int], bool]:
        """The orders of one page, and whether there is another, are taken; so is the cursor."""
        query |= {"cursor": self.cursor} if self.cursor else {}
        found = await self.api.get(CHANGES, limit=limit, **query)
        assert len(found["data"]) <= limit
        self.orders |= {order["id"]: order for order in found["data"]}
        self.cursor, self.asked = found["cursor"], self.asked + 1
        return [order["id"] for order in found["data"]], found["next"] is not None

    async def catch_up(self, limit: int = 50, **query: Any) -> list[int]:
        """All that changed since is taken; the orders, as often as they were told."""
        await book.final()
        told: list[int] = []
        more = True
        while more:
            some, more = await self.page(limit, **query)
            told += some
            query = {}
        return told

    def same_as(self, listed: list[Any]) -> bool:
        """Does it have these orders and no others, as they are?"""
        return sorted(self.orders) == sorted(one["id"] for one in listed) and all(
            {name: value for name, value in self.orders[one["id"]].items() if name != "changed_at"} == one
            for one in listed
        )


async def arrive(channel: int, *numbers: int) -> list[int]:
    """Orders N-n are here, all by one transaction; their ids."""
    lines = "".join(row(f"N-{n}", "BB-MUG-01", minute=n) for n in numbers)
    return [order.id for order in (await push.take(channel, "orders.csv", (HEAD + lines).encode(), DANA)).orders]


async def test_an_order_that_changed_twice_between_two_calls_is_told_once_as_it_is(api: Api, tmp_path: Path) -> None:
    _, channel = await open_shop(tmp_path)
    first, second, third = await arrive(channel, 1, 2, 3)
    erp = Copy(api)
    assert sorted(await erp.catch_up()) == [first, second, third]
    kept = erp.cursor
    assert await erp.catch_up() == []
    assert erp.cursor == kept
    await hold.hold(second, "ask first", DANA)
    await process.process([first], DANA, undo_seconds=86_400)
    await hold.release(second, DANA)
    await book.final()
    said = await api.get(CHANGES, cursor=kept)
    assert [order["id"] for order in said["data"]] == [first, second]
    assert [order["status"] for order in said["data"]] == ["processed", "ready"]
    assert said["next"] is None
    events = [(await api.get(f"/orders/{order['id']}/events"))["data"][-1]["at"] for order in said["data"]]
    assert [order["changed_at"] for order in said["data"]] == events
    assert await api.get(CHANGES, cursor=kept) == said
    await erp.catch_up()
    assert erp.same_as((await api.get("/orders"))["data"])


async def test_what_one_transaction_wrote_comes_in_pages_of_any_size(api: Api, tmp_path: Path) -> None:
    _, channel = await open_shop(tmp_path)
    ids = await arrive(channel, *range(20))
    await arrive(channel, *range(20, 23))
    await book.final()
    for limit in (1, 3, 20, 500):
        rows = await api.pages(CHANGES, limit=limit)
        assert list(dict.fromkeys(order["id"] for order in rows)) == list(range(ids[0], ids[0] + 23)), limit
        # Following ``next`` does not lead back to the moment it began at.
        began = (clock.now() - timedelta(minutes=5)).isoformat()
        assert len({order["id"] for order in await api.pages(CHANGES, limit=limit, since=began)}) == 23


@pytest.mark.parametrize("seed", range(3))
async def test_a_copy_is_right_whatever_changes_while_it_is_paged(api: Api, tmp_path: Path, seed: int) -> None:
    _, channel = await open_shop(tmp_path)
    ids = await arrive(channel, *range(12))
    rng = random.Random(seed)
    erp, serial = Copy(api), 100

    async def something() -> None:
        nonlocal serial
        order = rng.choice(ids)
        match rng.randrange(4):
            case 0:
                serial += 2
                ids.extend(await arrive(channel, serial, serial + 1))
            case 1 if not (await api.get(f"/orders/{order}"))["holds"]:
                await hold.hold(order, "ask first", DANA)
            case 2:
                await hold.snooze(order, rng.choice([0, 3600]), DANA)
            case _:
                await process.process([order], DANA, undo_seconds=86_400)

    for _ in range(40):
        await something()
        await erp.page(rng.choice([1, 2, 5]))
    await erp.catch_up(limit=4)
    assert erp.same_as(await api.pages("/orders", limit=500))
    assert len(erp.orders) == len(ids) > 12


async def test_what_is_committed_late_is_told_late_and_not_left_out(api: Api, database: str, tmp_path: Path) -> None:
    _, channel = await open_shop(tmp_path)
    late, early = await arrive(channel, 1, 2)
    later(timedelta(hours=3))
    erp = Copy(api)
    await erp.catch_up()
    written, go_on = asyncio.Event(), asyncio.Event()

    async def wait() -> None:
        written.set()
        await go_on.wait()

    async def slow() -> None:  # on a connection of its own, as another process would
        async with db.database(database), lifecycle.change([late], by=DANA) as work:
            work.event(work.cases[0], "order:hold", "ask first")
            work.hold(work.cases[0], "ask first")
            work.finally_(wait)

    writing = asyncio.create_task(slow())
    await written.wait()
    began = clock.now()
    if db.is_postgres():  # where there are several writers at a time
        await hold.hold(early, "ask too", DANA)
        ids = dict([tuple(r) for r in await db.rows("SELECT order_id, MAX(id) FROM audit_events GROUP BY order_id")])
        assert ids[early] > ids[late]
    # Whoever asks now, by a cursor or by a moment, gets what is missing afterwards.
    newcomer, last = Copy(api), Copy(api)
    assert (await erp.page())[0] == []
    assert (await newcomer.page(since=began.isoformat()))[0] == []
    assert (await last.page(since="9999-12-31T23:59:59Z"))[0] == []
    go_on.set()
    await writing
    if not db.is_postgres():
        await hold.hold(early, "ask too", DANA)
    for program in (erp, newcomer, last):
        assert sorted(await program.catch_up()) == [late, early]
        assert {program.orders[order]["status"] for order in (late, early)} == {"on_hold"}


async def test_it_can_be_begun_at_a_moment(api: Api, tmp_path: Path) -> None:
    _, channel = await open_shop(tmp_path)
    noon = clock.now().replace(microsecond=0) + timedelta(days=1)
    ids = []
    # Seven days with an order each; the clock of the machine that had the fourth is late by half an hour.
    for day in range(7):
        at = noon + timedelta(days=day, minutes=-30 if day == 3 else 0)
        clock.use(lambda at=at: at)  # type: ignore[misc]
        ids += await arrive(channel, day)
    api.token = await token_for("manager")
    await book.final()
    for day in range(7):
        for sooner, told in (
            (timedelta(minutes=-90), ids[day + 1 :]),
            (timedelta(), ids[day:]),
            (timedelta(hours=22), ids[day:]),
        ):
            moment = noon + timedelta(days=day) - sooner
            found = await api.get(CHANGES, since=moment.isoformat(), limit=500)
            assert [order["id"] for order in found["data"]] == told, (day, sooner)
    for moment in ("0001-01-01T00:00:00Z", "2026-01-01T00:00:00", None):
        assert [o["id"] for o in await api.pages(CHANGES, **({"since": moment} if moment else {}))] == ids
    # From what is to come on: a cursor to keep, and nothing yet.
    erp = Copy(api)
    assert await erp.catch_up(since="9999-12-31T23:59:59Z") == []
    added = await arrive(channel, 99)
    assert await erp.catch_up() == added


async def test_an_empty_blue_book_is_followed_too(database: str) -> None:
    async with serving() as api:
        erp = Copy(api)
        assert await erp.catch_up() == []
        assert await Copy(api).catch_up(since="2026-11-28T00:00:00Z") == []
        assert erp.orders == {}


async def test_a_cursor_of_a_database_that_was_restored_is_known_for_that(db_url: str, tmp_path: Path) -> None:
    async with db.database(db_url):
        _, channel = await open_shop(tmp_path)
        kept = await arrive(channel, 1, 2)
        async with serving() as api:
            erp = Copy(api)
            await erp.catch_up()
            early = erp.cursor
    copy = as_it_is(db_url, tmp_path)
    try:
        async with db.database(db_url):
            await arrive(channel, 3)
            async with serving() as api:
                erp.api = api
                await erp.catch_up()
        async with db.database(copy), serving() as api:
            await api.get(CHANGES, cursor=early)
            # Behind what there is, and, once others came in its place, not of this book.
            for number in (None, 4, 5, 6):
                added = await arrive(channel, number) if number else []
                said = await api.refused(410, "gone", "GET", CHANGES, cursor=erp.cursor)
                assert said["field"] == "cursor"
                assert "restored" in said["detail"]
                kept += added
            anew = Copy(api)
            await anew.catch_up(since=(clock.now() - timedelta(hours=1)).isoformat())
            assert sorted(anew.orders) == sorted(kept)
    finally:
        if copy.startswith("postgres"):
            databases.elsewhere(databases.drop(copy))


async def test_a_server_that_is_behind_the_old_one_tells_nothing_wrong_until_it_has_caught_up(
    postgres_url: str, tmp_path: Path
) -> None:
    async with db.database(postgres_url), serving() as api:
        _, channel = await open_shop(tmp_path)
        ids = await arrive(channel, 1, 2)
        erp = Copy(api)
        await erp.catch_up()
        # As if these had been written by a server that had counted further.
        await slips.unguarded("UPDATE audit_events SET xid = xid + 20000")
        await db.run("ALTER TABLE audit_events ENABLE TRIGGER USER")
        for query in ({}, {"since": "2026-11-28T00:00:00Z"}, {"cursor": erp.cursor}):
            with capture_logs() as logs:
                await api.refused(503, "try-later", "GET", CHANGES, **query)
            assert "bluebook db catch-up" in next(entry["error"] for entry in logs if entry["log_level"] == "warning")
        assert [lacks async for lacks in feed.catch_up()][-1] == 0
        anew = Copy(api)
        assert sorted(await anew.catch_up()) == sorted(ids)
        ids += await arrive(channel, 3)
        assert await anew.catch_up() == ids[-1:]
        for order_id in ids:
            await book.verify(order_id)


def as_it_is(url: str, folder: Path) -> str:
    """The URL of a copy of the database, which nobody has open."""
    if url.startswith("sqlite"):
        return databases.sqlite_copy(Path(unquote(urlsplit(url).path)), folder / "restored")
    return databases.elsewhere(databases.create(url.rpartition("/")[2]))


async def test_who_may_not_read_orders_is_told_nothing_of_their_changes(api: Api, tmp_path: Path) -> None:
    _, channel = await open_shop(tmp_path)
    await arrive(channel, 1)
    others = [scope for scope in Scope if scope != Scope.ORDERS_READ]
    said = await api.refused(403, "forbidden", "GET", CHANGES, token=await token_for("admin", others))
    assert "orders:read" in said["detail"]
    await book.final()
    reader = await token_for("viewer", [Scope.ORDERS_READ])
    assert len(await api.pages(CHANGES, token=reader)) == 1


async def test_what_is_no_place_to_go_on_from_is_said(api: Api) -> None:
    cursor = (await api.get(CHANGES, since="9999-12-31T23:59:59Z"))["cursor"]
    said = await api.refused(422, "invalid", "GET", CHANGES, cursor=cursor, since="2026-11-28T00:00:00Z")
    assert said["field"] == "since"
    for query, field in (
        ({"cursor": cursor[:-1]}, "cursor"), ({"cursor": "AAAA"}, "cursor"), ({"cursor": "é"}, "cursor"),
        ({"since": "yesterday"}, "since"), ({"since": "1795916400"}, "since"), ({"limit": 0}, "limit"),
        ({"changed_since": "2026-11-28"}, "changed_since"), ({"since": ["2026-11-28", "2026-11-27"]}, "since"),
    ):  # fmt: skip
        said = await api.refused(422, "invalid", "GET", CHANGES, **query)
        assert said["field"] == field, (query, said)
    await api.refused(422, "invalid", "GET", "/orders", cursor=cursor)
    # From a server that counted further: what this one has yet to count would be taken for told.
    mark, key, event_id, last = msgspec.json.decode(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    ahead = base64.urlsafe_b64encode(msgspec.json.encode([mark, key + 10**12, event_id, last])).rstrip(b"=").decode()
    await api.refused(410, "gone", "GET", CHANGES, cursor=ahead)
