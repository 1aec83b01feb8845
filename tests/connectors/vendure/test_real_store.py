"""The connector against a real Vendure 3.7.3, installed from npm and running in memory on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from yarl import URL

from engine.connectors.channels.vendure.connector import Config, Connector
from engine.errors import NotAuthorised, Refused
from engine.ports import ChannelOrder, ChannelState, Parcel, Payment
from tests.support.vendure_store import VendureStore, installed_or_skip

pytestmark = [pytest.mark.stores, pytest.mark.timeout(900), pytest.mark.asyncio(loop_scope="module")]

LAMP, MUG, TEA = "BB-LAMP-01", "BB-MUG-01", "BB-TEA-01"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def store() -> AsyncIterator[VendureStore]:
    folder = await asyncio.to_thread(installed_or_skip)
    async with VendureStore(folder, tax_percent=10) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def connector(store: VendureStore) -> AsyncIterator[Connector]:
    made = Connector(Config(url=store.admin_api, page_size=3, **store.superadmin))
    yield made
    await made.close()


async def now_says(connector: Connector, external_id: str) -> ChannelOrder:
    [raw] = (await connector.pull_ids([external_id])).items
    return connector.read(raw)


def parcel(order: dict[str, Any], number: str, *lines: tuple[int, int], last: bool = False) -> Parcel:
    """A parcel of (line index, quantity)."""
    return Parcel(
        key=f"shipment-{number}",
        order_external_id=order["id"],
        carrier="ups",
        carrier_name="UPS",
        tracking_number=number,
        tracking_url="",
        service="UPS Ground",
        shipped_at=datetime.now(UTC),
        lines=tuple((order["lines"][index]["id"], quantity) for index, quantity in lines),
        last=last,
    )


async def test_check_logs_in_and_a_wrong_password_does_not(store: VendureStore, connector: Connector) -> None:
    assert await connector.check() == "Default Seller, channel __default_channel__ (USD), as Super Admin"
    wrong = Connector(Config(url=store.admin_api, username="superadmin", password="wrong"))
    with pytest.raises(NotAuthorised, match="INVALID_CREDENTIALS_ERROR"):
        await wrong.check()
    await wrong.close()


async def test_the_store_listens_on_loopback_alone(store: VendureStore) -> None:
    url = URL(store.admin_api)
    assert url.host == "127.0.0.1"
    listening = [
        line.split()[1].split(":")[0]
        for table in (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
        if table.exists()
        for line in table.read_text().splitlines()[1:]
        if line.split()[3] == "0A" and int(line.split()[1].split(":")[1], 16) == url.port
    ]
    assert listening in ([], ["0100007F"])


async def test_every_order_placed_while_walking_is_found_in_order(store: VendureStore, connector: Connector) -> None:
    started = datetime.now(UTC) - timedelta(seconds=1)
    placed = [await store.place([(MUG, n)]) for n in range(1, 5)]
    await store.place([(MUG, 1)], payment="")  # a cart is no order
    told: dict[str, ChannelOrder] = {}
    cursor: str | None = None
    for step in range(30):
        page = await connector.pull(started, cursor)
        assert not page.rejected
        told.update((order.number, order) for order in map(connector.read, page.items))
        if step < 4:
            placed.append(await store.place([(TEA, 1), (LAMP, 2)], method="Express", email="bob@example.com"))
        cursor = page.next
        if cursor is None:
            break
    mine = [order for order in told.values() if order.number in placed]
    assert cursor is None
    assert {order.number for order in mine} >= set(placed[:6])
    assert [order.placed_at for order in mine] == sorted(order.placed_at for order in mine)
    rest = await connector.pull(mine[-1].placed_at, None)
    while rest.next is not None:  # the next poll finds what was placed after the last page was read
        told.update((order.number, order) for order in map(connector.read, rest.items))
        rest = await connector.pull(None, rest.next)
    told.update((order.number, order) for order in map(connector.read, rest.items))
    assert set(placed) <= told.keys()
    last = told[placed[-1]]
    assert (last.email, last.shipping_rate, last.currency) == ("bob@example.com", "Express", "USD")
    assert sum(x.unit_price * x.quantity for x in last.lines) + last.shipping_total == last.total
    assert {(x.sku, x.quantity) for x in last.lines} == {(TEA, 1), (LAMP, 2)}


async def test_cancels_and_captures_are_seen_by_the_rescan(store: VendureStore, connector: Connector) -> None:
    whole = await store.order(await store.place([(MUG, 2)]))
    some = await store.order(await store.place([(MUG, 3), (TEA, 1)]))
    later = await store.order(await store.place([(MUG, 1)], payment="invoice"))
    waiting = await now_says(connector, later["id"])
    assert (waiting.state, waiting.payment) == (ChannelState.PENDING, Payment.UNPAID)
    await store.cancel(whole["code"])
    await store.cancel(some["code"], [(MUG, 1)])
    await store.refund(some["code"], 1595)
    await store.settle(later["code"])
    page = await connector.pull_ids([whole["id"], some["id"], later["id"], "99999"])
    canceled, partly, captured = map(connector.read, page.items)
    assert canceled.state is ChannelState.CANCELED
    assert [x.canceled for x in canceled.lines] == [2]
    assert (partly.state, partly.payment) == (ChannelState.OPEN, Payment.PARTIALLY_REFUNDED)
    assert {x.sku: (x.quantity, x.canceled) for x in partly.lines} == {MUG: (3, 1), TEA: (1, 0)}
    assert (captured.state, captured.payment) == (ChannelState.OPEN, Payment.PAID)


async def test_two_parcels_ship_an_order_and_repeating_them_adds_none(
    store: VendureStore, connector: Connector
) -> None:
    order = await store.order(await store.place([(LAMP, 3), (TEA, 1)]))
    first, second = parcel(order, "1Z1", (0, 2)), parcel(order, "1Z2", (0, 1), (1, 1), last=True)
    references = await asyncio.gather(*(connector.push_tracking(first) for _ in range(3)))
    assert len(set(references)) == 1
    assert (await store.order(order["code"]))["state"] == "PartiallyShipped"
    between = await now_says(connector, order["id"])
    assert (between.state, [x.shipped for x in between.lines]) == (ChannelState.PARTIALLY_SHIPPED, [2, 0])
    await connector.push_tracking(second)
    await connector.push_tracking(second)
    await connector.push_tracking(first)
    seen = await store.order(order["code"])
    assert seen["state"] == "Shipped"
    assert [(x["state"], x["method"], x["trackingCode"]) for x in seen["fulfillments"]] == [
        ("Shipped", "UPS Ground", "1Z1"),
        ("Shipped", "UPS Ground", "1Z2"),
    ]
    assert (await now_says(connector, order["id"])).state is ChannelState.SHIPPED
    back = await connector.read_tracking([order["id"], "99999"])
    assert {key: [one.tracking_number for one in value] for key, value in back.items()} == {order["id"]: ["1Z1", "1Z2"]}


async def test_a_fulfillment_left_pending_by_a_crash_is_shipped_and_not_doubled(
    store: VendureStore, connector: Connector
) -> None:
    order = await store.order(await store.place([(MUG, 2)]))
    mine = parcel(order, "1Z7", (0, 1))
    left, _ = await connector._add(mine)  # the first half, then nothing
    assert await connector.read_tracking([order["id"]]) == {order["id"]: ()}
    assert await connector.push_tracking(mine) == left
    seen = await store.order(order["code"])
    assert [(x["id"], x["state"]) for x in seen["fulfillments"]] == [(left, "Shipped")]


async def test_more_than_was_ordered_is_refused(store: VendureStore, connector: Connector) -> None:
    order = await store.order(await store.place([(MUG, 1)]))
    with pytest.raises(Refused) as caught:
        await connector.push_tracking(parcel(order, "1Z8", (0, 2)))
    assert caught.value.code == "ITEMS_ALREADY_FULFILLED_ERROR"
    await store.cancel(order["code"])
    with pytest.raises(Refused):
        await connector.push_tracking(parcel(order, "1Z8", (0, 1)))
    assert (await store.order(order["code"]))["fulfillments"] == []


async def test_a_session_the_store_forgot_is_renewed(store: VendureStore, connector: Connector) -> None:
    order = await store.order(await store.place([(MUG, 1)]))
    connector._client._token = "forgotten"
    await connector.push_tracking(parcel(order, "1Z9", (0, 1), last=True))
    assert (await store.order(order["code"]))["state"] == "Shipped"
