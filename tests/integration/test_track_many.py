"""What a channel that takes many parcels in one call is told, and what becomes of each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from engine import db
from engine.errors import BluebookError, NotAuthorised, Refused, TryLater
from engine.ports import Parcel
from engine.services import tasks, track
from tests.support.desk import Desk, desk
from tests.support.world import world

NUMBERS = ("1001", "1002", "1003", "1004", "1005")
CODES = ("1ZB000010300000296", "1ZW0REH50155704893", "1Z999AA10123456784", "1Z12345E0205271688", "1Z12345E6605272234")


async def pushes() -> list[str]:
    return [r[0] for r in await db.rows("SELECT push FROM shipments ORDER BY id")]


async def ship_all(at: Desk) -> None:
    for number in NUMBERS:
        await at.told(at.order(number, ("BB-LAMP-01", 1)))
    await at.send(*NUMBERS)
    updates = [at.shipped(f"{number}-1", code) for number, code in zip(NUMBERS, CODES, strict=True)]
    assert (await at.hear("ACME", *updates)).applied == len(NUMBERS)
    await tasks.drain()


async def test_many_parcels_go_in_chunks_and_each_has_its_own_answer(
    sqlite_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []
    monkeypatch.setattr(track, "MANY", 2)
    async with desk(monkeypatch) as at:

        async def push_many(parcels: Sequence[Parcel]) -> dict[str, str | BluebookError]:
            calls.append(len(parcels))
            answers: dict[str, str | BluebookError] = {}
            for parcel in parcels:
                match parcel.order_external_id:
                    case "1002":
                        answers[parcel.key] = Refused("the order is gone", code="404")
                    case "1003":
                        answers[parcel.key] = TryLater("busy", 3600)
                    case "1004":
                        pass  # it says nothing of this one
                    case _:
                        answers[parcel.key] = await at.channel.push_tracking(parcel)
            return answers

        monkeypatch.setattr(at.channel, "push_many", push_many, raising=False)
        await ship_all(at)
        assert sorted(calls) == [1, 2, 2]
        assert await pushes() == ["confirmed", "failed", "pending", "pending", "confirmed"]
        found = await db.rows("SELECT outcome, message FROM tracking_pushes ORDER BY shipment_id")
        assert [tuple(r) for r in found] == [
            ("confirmed", "F1"),
            ("refused", "the order is gone"),
            ("deferred", "busy"),
            ("deferred", "the connector did not say what became of it"),
            ("confirmed", "F2"),
        ]


async def test_refused_credentials_pause_the_channel_and_every_parcel_waits(
    sqlite_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(monkeypatch) as at:

        async def push_many(parcels: Sequence[Parcel]) -> dict[str, str | BluebookError]:
            raise NotAuthorised("the key was taken back")

        monkeypatch.setattr(at.channel, "push_many", push_many, raising=False)
        await ship_all(at)
        assert await pushes() == ["pending"] * len(NUMBERS)
        assert await at.value("SELECT paused_reason FROM channels") == "the key was taken back"


async def test_a_woocommerce_store_is_told_of_many_orders_in_one_batch(sqlite_database: str, tmp_path: Path) -> None:
    async with world(tmp_path, ship_after=None) as w:
        ids = await w.pull(8, skus=["BB-LAMP-01"])
        await w.send(ids)
        before = w.store.requests.copy()
        for orders in list(w.http.orders.values()):
            w.http.ship(orders[0])
        await tasks.drain(lambda: w.all_are("completed"), timeout=30)
        made = w.store.requests - before
        assert made["orders.batch"] + made["orders.put"] < len(ids)
        assert len(w.store.tracking) == len(ids)
        assert all(len(notes) == 1 for notes in w.store.notes.values())
