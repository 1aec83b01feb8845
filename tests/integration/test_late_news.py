"""Channels that tell things late, or from the future."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import msgspec
import pytest

from engine import clock
from engine.ports import Channel, ChannelOrder, ChannelState, Page, Raw
from engine.services import inbox, intake
from tests.support.desk import HOME, PERSON, desk

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


async def test_a_change_told_while_another_is_being_stored_is_followed(
    sqlite_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(monkeypatch) as at:
        await at.told(at.order("1001", (LAMP, 1)))
        moved = msgspec.structs.replace(HOME, line1="7 Oak Ridge Dr")
        previous, told = inbox.previous, []

        async def overtaken(connector: Channel, inbound_ids: Sequence[int]) -> dict[int, ChannelOrder]:
            found = await previous(connector, inbound_ids)
            if not told:
                told.append(1)
                await at.told(at.order("1001", (LAMP, 2), minutes=1))
            return found

        monkeypatch.setattr(inbox, "previous", overtaken)
        assert (await at.told(at.order("1001", (LAMP, 3), minutes=2, ship_to=moved))).changed == 1
        assert "7 Oak Ridge Dr" in await at.value("SELECT ship_to FROM orders")
        assert await at.value("SELECT quantity FROM order_lines") == 3
