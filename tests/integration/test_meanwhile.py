"""What somebody sets while orders come in counts for them too, though they were not there yet to be checked again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from engine import db
from engine.ports import ChannelLine
from engine.services import check, setup
from tests.support import book
from tests.support.desk import PERSON, Desk, desk

NEW = "NEW-MUG"
LINES = (ChannelLine("1.1", NEW, "A new mug", 1, 1450),)


@pytest.fixture
async def shop(database: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    async with desk(monkeypatch) as found:
        yield found


async def mapped(shop: Desk) -> int:
    """The SKU nobody knew is mapped, as a person does it; how many waiting orders became ready."""
    return (await setup.map_sku(shop.shop.channel_id, NEW, {"BB-MUG-01": 1}, PERSON)) or 0


async def status(number: str) -> tuple[str, int]:
    found = await db.row(
        "SELECT status, (SELECT COUNT(*) FROM issues WHERE order_id = orders.id AND closed_at IS NULL) FROM orders "
        "WHERE number = ?", number,
    )  # fmt: skip
    assert found is not None
    return found[0], found[1]


async def test_a_mapping_saved_between_the_check_and_the_commit_counts(
    shop: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, turns = check.check, 0

    async def checked(work: Any, cases: Sequence[Any], catalog: Any = None) -> None:
        nonlocal turns
        await plain(work, cases, catalog)
        turns += 1
        if turns == 1:
            await asyncio.create_task(mapped(shop))

    monkeypatch.setattr(check, "check", checked)
    await shop.told(shop.order("1", lines=LINES, total=1450))
    assert await status("1") == ("ready", 0)
    assert turns == 2, "the one order that waited for it was not there when the mapping was saved"
    await book.verify(int(await db.value("SELECT id FROM orders")))


async def test_an_order_waits_for_the_mapping_that_is_being_saved(shop: Desk) -> None:
    saving, save = asyncio.Event(), asyncio.Event()

    async def slowly() -> None:
        async with db.transaction():
            await setup.map_sku(shop.shop.channel_id, NEW, {"BB-MUG-01": 1}, PERSON, recheck=False)
            saving.set()
            await save.wait()

    person = asyncio.create_task(slowly())
    await saving.wait()
    coming = asyncio.create_task(shop.told(shop.order("1", lines=LINES, total=1450)))
    await asyncio.sleep(0.2)
    assert not coming.done()
    save.set()
    await asyncio.gather(person, coming)
    assert await status("1") == ("ready", 0)


async def test_without_any_change_orders_are_checked_once(shop: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    plain, turns = check.check, 0

    async def checked(work: Any, cases: Sequence[Any], catalog: Any = None) -> None:
        nonlocal turns
        turns += 1
        await plain(work, cases, catalog)

    monkeypatch.setattr(check, "check", checked)
    await shop.told(shop.order("1", lines=LINES, total=1450))
    assert turns == 1
    assert (await status("1"))[1] == 1
    assert await mapped(shop) == 1
    assert await status("1") == ("ready", 0)
