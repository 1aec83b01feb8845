"""The connector against a real Vendure 3.7.3 on PostgreSQL, which is killed while it sells and ships."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
import pytest_asyncio

from engine.connectors.channels.vendure.connector import Config, Connector
from engine.ports import ChannelOrder, ChannelState, Parcel, Payment
from tests.support import databases, outage
from tests.support.vendure_store import VendureStore, installed_or_skip

pytestmark = [pytest.mark.stores, pytest.mark.timeout(900), pytest.mark.asyncio(loop_scope="module")]

LAMP, MUG, TEA = "BB-LAMP-01", "BB-MUG-01", "BB-TEA-01"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def store() -> AsyncIterator[VendureStore]:
    await asyncio.to_thread(databases.needed)
    folder = await asyncio.to_thread(installed_or_skip)
    async with VendureStore(folder, postgres=True) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def connector(store: VendureStore) -> AsyncIterator[Connector]:
    made = Connector(Config(url=store.admin_api, timeout=120, **store.superadmin))
    yield made
    await made.close()


async def now_says(connector: Connector, external_id: str) -> ChannelOrder:
    [raw] = (await connector.pull_ids([external_id])).items
    return connector.read(raw)


def parcel(order: dict[str, Any], number: str, *lines: tuple[str, int]) -> Parcel:
    """A parcel of (SKU, pieces)."""
    ids = {line["productVariant"]["sku"]: line["id"] for line in order["lines"]}
    return Parcel(
        key=f"shipment-{number}", order_external_id=order["id"], carrier="ups", carrier_name="UPS",
        tracking_number=number, tracking_url="", service="UPS Ground", shipped_at=datetime.now(UTC),
        lines=tuple((ids[sku], pieces) for sku, pieces in lines), last=False,
    )  # fmt: skip


async def test_a_hundred_orders_placed_while_polling_survive_a_killed_store(
    store: VendureStore, connector: Connector, sqlite_url: str
) -> None:
    half = await store.order(await store.place([(MUG, 2)]))
    mine = parcel(half, "1Z7", (MUG, 1))
    await connector._add(mine)  # the first of two steps, and then the store is killed

    async def buy(number: int) -> None:
        lines = [(MUG, 1 + number % 3), *([(TEA, 2)] if number % 2 else [])]
        await store.place(lines, email=f"c{number}@example.com", method="Express" if number % 4 else "Free Shipping")

    login = {"url": store.admin_api, "page_size": 7, "timeout": 120, **store.superadmin}
    async with outage.channel(sqlite_url, "vendure", login) as channel_id:
        polled = await outage.sell(store, channel_id, buy)
        sold = await store.orders()
        assert len(sold) >= 100
        assert await outage.known("number") == sorted(sold)
        assert await outage.parked() == []
        assert polled.walks
        assert polled.missed
    await connector.push_tracking(mine)
    await connector.push_tracking(mine)
    seen = await store.order(half["code"])
    assert [(one["state"], one["trackingCode"]) for one in seen["fulfillments"]] == [("Shipped", "1Z7")]


async def test_what_was_shipped_canceled_and_paid_back_is_there_after_the_store_was_killed(
    store: VendureStore, connector: Connector
) -> None:
    whole, some, gone = [
        await store.order(await store.place(lines))
        for lines in ([(LAMP, 2), (TEA, 1)], [(MUG, 3), (TEA, 1)], [(MUG, 2)])
    ]
    first, second = parcel(whole, "1Z1", (LAMP, 1)), parcel(whole, "1Z2", (LAMP, 1), (TEA, 1))
    await connector.push_tracking(first)
    await connector.push_tracking(second)
    await connector.push_tracking(parcel(some, "1Z3", (MUG, 1)))
    await store.cancel(some["code"], [(MUG, 1)])
    await store.refund(some["code"], 1450)
    await store.cancel(gone["code"])
    await store.kill()
    await store.restart()
    for again in (first, second):
        await connector.push_tracking(again)
    shipped, partly, canceled = [await now_says(connector, order["id"]) for order in (whole, some, gone)]
    assert [(one.state, one.payment) for one in (shipped, partly)] == [
        (ChannelState.SHIPPED, Payment.PAID),
        (ChannelState.PARTIALLY_SHIPPED, Payment.PARTIALLY_REFUNDED),
    ]
    assert {x.sku: (x.quantity, x.canceled, x.shipped) for x in partly.lines} == {MUG: (3, 1, 1), TEA: (1, 0, 0)}
    assert (canceled.state, [x.canceled for x in canceled.lines]) == (ChannelState.CANCELED, [2])
    seen = await store.order(whole["code"])
    assert sorted((one["state"], one["trackingCode"]) for one in seen["fulfillments"]) == [
        ("Shipped", "1Z1"), ("Shipped", "1Z2"),
    ]  # fmt: skip
    back = await connector.read_tracking([whole["id"], some["id"], gone["id"]])
    assert {key: sorted(one.tracking_number for one in value) for key, value in back.items()} == {
        whole["id"]: ["1Z1", "1Z2"],
        some["id"]: ["1Z3"],
        gone["id"]: [],
    }
