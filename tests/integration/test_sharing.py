"""Rate limits and grants that several processes share, on both databases."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from engine import clock, db
from engine.connectors import registry
from engine.errors import NotAuthorised, TryLater
from engine.services import catalog, setup, sharing
from engine.transports.grants import Grant, Grants
from engine.transports.throttle import Bucket
from tests.support import loopshop
from tests.support.loopshop import LoopShop
from tests.support.processes import BUCKET, check, processes, take
from tests.support.world import PERSON


@pytest.fixture
async def shop(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[LoopShop]:
    shop = LoopShop()
    await shop.start()
    load = registry._load
    monkeypatch.setattr(
        registry, "_load", lambda kind, slug: loopshop.Connector if slug == "loopshop" else load(kind, slug)
    )
    yield shop
    await catalog.close_connectors()
    await shop.stop()


# --- rate limits ------------------------------------------------------------------------------------------------------


async def test_a_bucket_that_processes_share_is_not_exceeded(database: str) -> None:
    found = await processes(4, database, take, 10)
    began = min(times[0] for times in found)  # the bucket was full then, and no token was taken
    taken = sorted(at for times in found for at in times[1:])
    assert len(taken) == 40
    for count, at in enumerate(taken, 1):
        # Its taker looks at the clock after it has got it, however late: never sooner than it may.
        assert count <= BUCKET.burst + BUCKET.rate * (at - began + 0.05), count


async def test_a_wait_is_booked_before_it_is_waited_for(database: str) -> None:
    slow, throttle, now = Bucket("slow", rate=0.1, burst=1.0), sharing.SharedThrottle("channels", 1), clock.now()
    clock.use(lambda: now)
    await throttle.take(slow)
    waiting = asyncio.create_task(throttle.take(slow))
    while await db.value("SELECT level FROM rate_buckets WHERE name = 'slow'") > -0.5:
        await asyncio.sleep(0.01)
    # Who comes now stands behind the one who waits, and that is too long.
    with pytest.raises(TryLater, match="slow: its rate limit leaves nothing for") as raised:
        await throttle.take(slow, 2)
    assert raised.value.retry_after == pytest.approx(30)
    # What was refused was not booked, and another connection has a bucket of its own.
    assert await db.value("SELECT level FROM rate_buckets WHERE name = 'slow'") > -1.1
    await sharing.SharedThrottle("channels", 2).take(slow)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)


async def test_what_the_other_side_says_is_left_is_never_exceeded(database: str) -> None:
    throttle, now = sharing.SharedThrottle("channels", 1), datetime.now(UTC)
    told = Bucket("told", rate=1.0, burst=50.0)
    clock.use(lambda: now)
    await throttle.told(told, 30)
    await throttle.told(told, 40)  # said before what we asked for meanwhile had arrived
    with pytest.raises(TryLater) as raised:
        await throttle.take(told, 51)
    assert raised.value.retry_after == pytest.approx(21)
    await throttle.told(told, -25)
    clock.use(lambda: now + timedelta(seconds=5))
    with pytest.raises(TryLater) as raised:
        await throttle.take(told)
    assert raised.value.retry_after == pytest.approx(21)
    clock.use(lambda: now + timedelta(hours=1))
    await throttle.take(told, 50)  # full, and no fuller
    with pytest.raises(TryLater):
        await throttle.take(told, 21)


async def test_clocks_that_differ_give_no_token_twice_and_one_set_right_stops_nobody(database: str) -> None:
    throttle, now = sharing.SharedThrottle("channels", 1), datetime.now(UTC)
    bucket = Bucket("skew", rate=0.5, burst=10.0)
    clock.use(lambda: now + timedelta(seconds=20))
    await throttle.take(bucket, 10)
    for behind in (0, 20, 5, 20):
        clock.use(lambda behind=behind: now + timedelta(seconds=behind))
        with pytest.raises(TryLater):
            await throttle.take(bucket, 11)
    clock.use(lambda: now - timedelta(days=1))
    with pytest.raises(TryLater):
        await throttle.take(bucket, 11)
    clock.use(lambda: now - timedelta(days=1) + timedelta(seconds=20))
    await throttle.take(bucket, 10)


# --- grants -----------------------------------------------------------------------------------------------------------


async def test_ten_processes_renew_a_rotating_token_once(database: str, shop: LoopShop) -> None:
    values = {**shop.settings(), "refresh_token": shop.refresh_token}
    answers = await processes(10, database, check, values)
    assert answers == [["connected"]] * 10
    assert (shop.count, shop.reused) == (1, 0)
    # The next renewal, by all of them again, goes on from what the first one brought.
    shop.access.clear()
    assert await processes(3, database, check, values) == [["connected"]] * 3
    assert shop.reused == 0
    stored = str([tuple(r) for r in await db.rows("SELECT * FROM grants")])
    assert shop.refresh_token not in stored
    assert next(iter(shop.access)) not in stored


async def test_what_was_granted_wins_over_the_setting_until_a_person_changes_it(
    database: str, shop: LoopShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = {**shop.settings(), "refresh_token": shop.refresh_token}
    # Trying settings out before they are saved uses up the token they hold.
    assert await setup.try_settings("channels", "loopshop", values) == "connected to Loop & Sons"
    channel = await setup.add_channel("Loop", "loopshop", values, PERSON)
    assert await setup.test_connection("channels", channel.id) == "connected to Loop & Sons"
    assert shop.count == 1
    await catalog.close_connectors()
    shop.access.clear()
    await setup.update("channels", channel.id, PERSON, values={"page_size": 5})
    shop.client_secret = "changed"
    await setup.update("channels", channel.id, PERSON, values={"client_secret": "changed"})
    assert await setup.test_connection("channels", channel.id) == "connected to Loop & Sons"
    assert (shop.count, shop.reused) == (2, 0)
    shop.refresh_token = "given by hand"
    await setup.update("channels", channel.id, PERSON, values={"refresh_token": "given by hand"})
    assert await setup.test_connection("channels", channel.id) == "connected to Loop & Sons"
    assert (shop.count, shop.reused) == (3, 0)


async def test_credentials_that_differ_never_share_a_grant() -> None:
    from engine.connectors.channels.shopify.connector import Connector as Shopify
    from engine.connectors.channels.walmart.connector import Connector as Walmart

    app = {"shop": "one", "client_id": "a", "client_secret": "b"}
    consent = {**app, "refresh_token": "r"}
    different = [
        sharing.mark(Shopify, app),
        sharing.mark(Shopify, {**app, "shop": "two"}),
        sharing.mark(Shopify, consent),
        sharing.mark(Shopify, {**consent, "refresh_token": "s"}),
        sharing.mark(Walmart, {"client_id": "a", "client_secret": "b"}),
        sharing.mark(Walmart, {"client_id": "a", "client_secret": "c"}),
    ]
    assert len(set(different)) == len(different)
    assert sharing.mark(Shopify, {**consent, "client_secret": "new", "page_size": 5}) == sharing.mark(Shopify, consent)


async def test_a_turn_ends_with_its_worker_and_what_an_older_one_brings_is_not_kept(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sharing, "LEASE_SECONDS", 0.3)
    now = clock.now()
    clock.use(lambda: now)
    first, second = sharing.SharedKeeper("m"), sharing.SharedKeeper("m")
    turn = first.turn("")
    await turn.__aenter__()
    # It lives, and so it stays first's turn for longer than the lease.
    waiting = asyncio.create_task(second.turn("").__aenter__())
    until = "SELECT lease_until FROM grants"
    for _ in range(5):
        told, now = await db.value(until), clock.now() + timedelta(seconds=0.2)
        clock.use(lambda now=now: now)
        while await db.value(until) == told:
            await asyncio.sleep(0.01)
    assert not waiting.done()
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    monkeypatch.setattr(sharing.SharedKeeper, "_stay", lambda self, token: asyncio.sleep(60))
    third = sharing.SharedKeeper("m")
    clock.use(lambda: datetime.now(UTC))
    await db.run(
        "UPDATE grants SET lease_token = 'of one that died', lease_until = ?", clock.micros(clock.now()) + 100_000
    )
    async with third.turn("") as kept:
        assert kept is None
        await third.save("", Grant(access_token="new", refresh_token="r2"))
    await first.save("", Grant(access_token="old", refresh_token="r1"))
    await turn.__aexit__(None, None, None)
    assert await second.load("") == Grant(access_token="new", refresh_token="r2")
    monkeypatch.setattr(sharing, "TURN_PATIENCE", 0.1)
    await db.run("UPDATE grants SET lease_token = 'busy', lease_until = ?", clock.micros(clock.now()) + 60_000_000)
    with pytest.raises(TryLater, match="another worker is renewing"):
        await second.turn("").__aenter__()


async def test_what_came_while_the_asker_was_stopped_or_the_database_away_is_kept(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = asyncio.Event()

    async def renew(kept: Grant | None) -> Grant:
        asked.set()
        await asyncio.sleep(0.05)
        number = int(kept.refresh_token) + 1 if kept else 1
        return Grant(access_token=f"a{number}", refresh_token=str(number))

    grants = Grants(renew)
    keeper = grants.keeper = sharing.SharedKeeper("m")
    asking = asyncio.create_task(grants.token())
    await asked.wait()
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    await grants.settle()
    assert await sharing.SharedKeeper("m").load("") == Grant(access_token="a1", refresh_token="1")
    grants.refused("a1")
    with monkeypatch.context() as away:
        away.setattr(sharing.vault, "seal", _away)
        with pytest.raises(OSError, match="away"):
            await grants.token()
    assert await grants.token() == "a2"
    assert (
        await keeper.load("") == await sharing.SharedKeeper("m").load("") == Grant(access_token="a2", refresh_token="2")
    )


def _away(*_: Any, **__: Any) -> str:
    raise OSError("away")


async def test_a_grant_that_is_refused_says_so_to_all_who_asked(database: str, shop: LoopShop) -> None:
    values = {**shop.settings(), "refresh_token": "unknown"}
    connector = loopshop.Connector(loopshop.Config(**values))
    sharing.share_grants(connector, values)
    answers = await asyncio.gather(*(connector.check() for _ in range(3)), return_exceptions=True)
    assert [type(answer) for answer in answers] == [NotAuthorised] * 3
    assert await db.value("SELECT lease_token FROM grants") == ""
    await catalog.close(connector)
