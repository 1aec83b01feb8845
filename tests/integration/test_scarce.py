"""Channels that can be asked so seldom that one poll cannot have everything: the next goes on, and nothing is asked twice."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, ClassVar

import msgspec
import pytest

from engine import clock
from engine.errors import Refused, TryLater
from engine.ports import Page, Raw
from engine.services import catalog, intake, setup
from tests.support.desk import PERSON, Desk, desk

LAMP = "BB-LAMP-01"
PAGES = 5


class Slow:
    """A channel of five pages with an order each, which gives ``tokens`` answers before it wants to be left alone."""

    poll_seconds: ClassVar[int] = 180
    rescan_seconds: ClassVar[int] = 900
    walk_lasts: ClassVar[timedelta] = timedelta(hours=1)

    def __init__(self, at: Desk, tokens: int) -> None:
        self.at, self.tokens, self.asked = at, tokens, []  # type: ignore[var-annotated]
        self.spoiled = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self.at.channel, name)

    async def pull(self, since: Any, cursor: str | None) -> Page:
        if not self.tokens:
            raise TryLater("nothing left for 178 s", 178)
        if cursor and self.spoiled:
            raise Refused("that page is no more", "400")
        self.tokens -= 1
        self.asked.append(cursor)
        here = int(cursor or 0)
        order = self.at.order(f"{1000 + here}", (LAMP, 1), minutes=-here)
        following = str(here + 1) if here + 1 < PAGES else None
        return Page((Raw(order.external_id, msgspec.json.encode(order)),), following)


@pytest.fixture
async def slow(sqlite_database: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    async with desk(monkeypatch) as at:
        channel = Slow(at, 2)

        async def one(_: int) -> Slow:
            return channel

        monkeypatch.setattr(catalog, "channel", one)
        yield channel


async def test_a_poll_that_had_to_stop_goes_on_at_the_next(slow: Slow) -> None:
    with pytest.raises(TryLater):
        await intake.poll(slow.at.shop.channel_id, PERSON)
    assert await slow.at.value("SELECT cursor_at FROM channels") is None
    slow.tokens = 2
    with pytest.raises(TryLater):
        await intake.poll(slow.at.shop.channel_id, PERSON)
    slow.tokens = 2
    assert (await intake.poll(slow.at.shop.channel_id, PERSON)).new == 1
    assert slow.asked == [None, "1", "2", "3", "4"]
    assert await slow.at.value("SELECT COUNT(*) FROM orders") == PAGES
    # The newest change was on the first page, which an earlier poll had.
    newest = await slow.at.value("SELECT MAX(channel_updated_at) FROM orders")
    assert await slow.at.value("SELECT cursor_at FROM channels") == newest
    assert await slow.at.value("SELECT walk FROM channels") is None
    slow.tokens = 1
    with pytest.raises(TryLater):
        await intake.poll(slow.at.shop.channel_id, PERSON)
    assert slow.asked[-1] is None  # a new walk


async def test_a_place_that_is_good_no_more_is_given_up(slow: Slow) -> None:
    for _ in range(2):
        with pytest.raises(TryLater):
            await intake.poll(slow.at.shop.channel_id, PERSON)
    slow.tokens, slow.spoiled = 9, True
    with pytest.raises(Refused):
        await intake.poll(slow.at.shop.channel_id, PERSON)
    slow.spoiled = False
    await intake.poll(slow.at.shop.channel_id, PERSON)
    assert slow.asked == [None, "1", None, "1", "2", "3", "4"]


async def test_an_old_place_is_not_gone_back_to(slow: Slow) -> None:
    with pytest.raises(TryLater):
        await intake.poll(slow.at.shop.channel_id, PERSON)
    now = clock.now()
    clock.use(lambda: now + timedelta(hours=2))
    slow.tokens = 9
    await intake.poll(slow.at.shop.channel_id, PERSON)
    assert slow.asked == [None, "1", None, "1", "2", "3", "4"]


async def test_a_channel_is_polled_as_often_as_it_can_bear_unless_told_otherwise(sqlite_database: str) -> None:
    values = {"client_id": "a", "client_secret": "b", "refresh_token": "c"}
    seldom = await setup.add_channel("Amazon", "amazon", values, PERSON)
    assert (seldom.poll_seconds, seldom.rescan_seconds) == (180, 21_600)
    often = await setup.add_channel("Amazon 2", "amazon", values, PERSON, same_account=True, poll_seconds=60)
    assert (often.poll_seconds, often.rescan_seconds) == (60, 21_600)
