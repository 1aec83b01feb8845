"""Channels that tell things late, or from the future."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest

from engine import clock
from engine.ports import ChannelState, Page, Raw
from engine.services import intake
from tests.support.desk import PERSON, desk

LAMP = "BB-LAMP-01"


async def test_an_older_state_that_arrives_late_undoes_nothing(
    sqlite_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(monkeypatch) as at:
        first = at.order("1001", (LAMP, 2))
        assert (await at.told(first)).new == 1
        newest = at.order("1001", (LAMP, 3), minutes=5, state=ChannelState.PENDING)
        assert (await at.told(newest)).changed == 1
        late = at.order("1001", (LAMP, 2), minutes=2, email="late@example.com")
        told = await at.told(late)
        assert (told.changed, told.same) == (0, 1)
        assert await at.value("SELECT channel_state FROM orders") == "pending"
        assert await at.value("SELECT quantity FROM order_lines") == 3
        assert await at.value("SELECT cancel_asked FROM order_lines") == 0
        assert (await at.told(at.order("1001", (LAMP, 3), minutes=6))).changed == 1


async def test_an_order_from_the_future_does_not_hide_those_of_today(
    sqlite_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(monkeypatch) as at:
        ahead = at.order("1001", (LAMP, 1), updated_at=clock.now() + timedelta(days=300))
        at.channel.pages.append(Page(items=(Raw("1001", msgspec.json.encode(ahead)),)))
        assert (await intake.poll(at.shop.channel_id, PERSON)).new == 1
        assert await at.value("SELECT cursor_at FROM channels") <= clock.micros(clock.now())
