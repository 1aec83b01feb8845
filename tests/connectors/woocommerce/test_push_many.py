"""Many parcels in few calls: what each comes to, and that nothing is told twice."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import aiohttp
import msgspec
import pytest

from engine.connectors.channels.woocommerce.connector import Config, Connector
from engine.demo.store import DemoStore
from engine.demo.store_faults import StoreFault, StoreRoute
from engine.errors import BluebookError, Invalid, NotAuthorised, Refused, TryLater
from engine.ports import PushesMany
from tests.connectors.woocommerce.conftest import Peer, parcel

Connect = Callable[..., Connector]


def told_once(store: DemoStore, order_id: int) -> bool:
    return len(store.tracking[str(order_id)]) == len(store.notes[order_id]) == 1


async def test_a_hundred_parcels_are_one_list_and_one_batch_and_one_that_fails_fails_alone(
    store: DemoStore, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = store.place(100)
    connector = connect()
    assert isinstance(connector, PushesMany)
    original = connector._client.send

    async def send(method: str, path: str, body: object) -> object:
        if path == "orders/batch":
            store.book.delete(ids[40])  # gone between the list and the batch
        return await original(method, path, body)

    monkeypatch.setattr(connector._client, "send", send)
    answers = await connector.push_many([parcel(order_id, f"k{order_id}") for order_id in ids])
    failed = answers.pop(f"k{ids[40]}")
    assert isinstance(failed, Refused)
    assert "answered 400: Invalid ID. (woocommerce_rest_shop_order_invalid_id)" in failed.message
    assert answers == {f"k{order_id}": f"k{order_id}" for order_id in ids if order_id != ids[40]}
    assert all(told_once(store, order_id) for order_id in store.orders)
    assert {order["status"] for order in store.orders.values()} == {"completed"}
    assert store.requests == {"orders.list": 1, "orders.batch": 1, "notes.add": 99}


async def test_what_the_list_leaves_out_is_told_as_a_single_push_would_tell_it(
    store: DemoStore, connect: Connect
) -> None:
    ids = store.place(4)
    store.set_status(ids[0], "trash")
    store.book.delete(ids[1])
    store.book.set_meta(ids[2], "_wc_shipment_tracking_items", "a:1:{}")
    store.change(ids[2])
    connector = connect()
    parcels = [parcel(i, str(i)) for i in (*ids, "x7")]
    answers = await connector.push_many(parcels)
    alone: dict[str, str | BluebookError] = {}
    for one in parcels:
        try:
            alone[one.key] = await connector.push_tracking(one)
        except BluebookError as error:
            alone[one.key] = error
    assert {key: repr(answer) for key, answer in answers.items()} == {key: repr(one) for key, one in alone.items()}
    assert [type(answers[str(i)]).__name__ for i in (*ids, "x7")] == ["str", "Refused", "Unreadable", "str", "Invalid"]
    assert store.orders[ids[0]]["status"] == "trash"
    assert told_once(store, ids[0])


@pytest.mark.parametrize("route", [StoreRoute.LIST, StoreRoute.BATCH])
@pytest.mark.parametrize(
    "fault",
    [
        StoreFault.THROTTLE,
        StoreFault.ERROR_BEFORE,
        StoreFault.ERROR_AFTER,
        StoreFault.DROP_AFTER,
        StoreFault.LATE,
    ],
)
async def test_many_pushed_again_after_a_lost_answer_leave_one_of_each(
    store: DemoStore, connect: Connect, route: StoreRoute, fault: StoreFault
) -> None:
    ids = store.place(5)
    store.faults.script(route, fault)
    connector = connect(timeout=2.0 if fault is StoreFault.LATE else 60.0)
    parcels = [parcel(order_id, f"k{order_id}") for order_id in ids]
    answers = await connector.push_many(parcels)
    assert {type(answer) for answer in answers.values()} == {TryLater}
    assert not store.notes
    assert await connector.push_many(parcels) == {one.key: one.key for one in parcels}
    assert all(told_once(store, order_id) for order_id in ids)
    assert {store.orders[order_id]["status"] for order_id in ids} == {"completed"}


async def test_a_note_whose_answer_was_lost_delays_its_own_parcel_only(store: DemoStore, connect: Connect) -> None:
    ids = store.place(3)
    store.faults.script(StoreRoute.NOTE, StoreFault.ERROR_AFTER)
    connector = connect()
    parcels = [parcel(order_id, f"k{order_id}") for order_id in ids]
    answers = await connector.push_many(parcels)
    assert sorted(type(answer).__name__ for answer in answers.values()) == ["TryLater", "str", "str"]
    assert await connector.push_many(parcels) == {one.key: one.key for one in parcels}
    assert all(told_once(store, order_id) for order_id in ids)
    assert store.requests["orders.batch"] == 1


@pytest.mark.parametrize("route", [StoreRoute.LIST, StoreRoute.BATCH])
async def test_an_answer_that_was_cut_is_settled_by_looking_again(
    store: DemoStore, connect: Connect, route: StoreRoute
) -> None:
    ids = store.place(3)
    store.faults.script(route, StoreFault.TRUNCATE)
    parcels = [parcel(order_id, f"k{order_id}") for order_id in ids]
    assert await connect().push_many(parcels) == {one.key: one.key for one in parcels}
    assert all(told_once(store, order_id) for order_id in ids)


async def test_two_parcels_of_an_order_told_in_successive_calls_are_both_there(
    store: DemoStore, connect: Connect
) -> None:
    ids = store.place(3)
    connector = connect()
    for key in ("a", "b"):
        parcels = [parcel(order_id, f"{key}{order_id}", last=key == "b") for order_id in ids]
        assert await connector.push_many(parcels) == {one.key: one.key for one in parcels}
    for order_id in ids:
        assert [entry["tracking_id"] for entry in store.tracking[str(order_id)]] == [f"a{order_id}", f"b{order_id}"]
        assert len(store.notes[order_id]) == 2
        assert store.orders[order_id]["status"] == "completed"


async def test_calls_about_the_same_orders_at_once_keep_every_parcel(store: DemoStore, connect: Connect) -> None:
    ids = store.place(6)
    connector = connect()
    calls = [[parcel(i, f"{n}-{i}", last=False) for i in (ids if n % 2 else ids[::-1])] for n in range(4)]
    await asyncio.gather(*map(connector.push_many, calls), connector.push_tracking(parcel(ids[0], "single")))
    assert all(len(store.tracking[str(i)]) == len(store.notes[i]) == 4 + (i == ids[0]) for i in ids)


async def test_a_second_parcel_of_an_order_in_one_call_waits(store: DemoStore, connect: Connect) -> None:
    (order_id,) = store.place(1)
    answers = await connect().push_many([parcel(order_id, "a"), parcel(order_id, "b"), parcel("?", "c")])
    assert answers.pop("a") == "a"
    assert [type(answers[key]) for key in ("b", "c")] == [TryLater, Invalid]
    assert told_once(store, order_id)


async def test_credentials_that_are_refused_are_said_of_every_parcel(store: DemoStore, connect: Connect) -> None:
    ids = store.place(3)
    answers = await connect(consumer_secret="cs_wrong").push_many([parcel(i, f"k{i}") for i in ids])
    assert [type(answer) for answer in answers.values()] == [NotAuthorised] * 3


async def test_a_store_that_takes_no_batches_is_told_order_by_order(peer: Peer) -> None:
    def order(order_id: int, *keys: str) -> dict[str, Any]:
        meta = [{"key": "_wc_shipment_tracking_items", "value": [{"tracking_id": key} for key in keys]}]
        return {"id": order_id, "status": "processing", "meta_data": meta}

    refusal = {"code": "woocommerce_rest_request_entity_too_large", "message": "Too many.", "data": {"status": 413}}
    answers = [(200, [order(1), order(2)]), (413, refusal), (200, order(1, "k1", "k2")), (200, order(2, "k1", "k2"))]
    peer.answers = [(status, {}, msgspec.json.encode(body)) for status, body in answers]
    connector = Connector(Config(url=peer.url, consumer_key="ck_1", consumer_secret="cs_1", customer_note=False))
    # Both answers have both entries, since the two PUTs may come in either sequence.
    found = await connector.push_many([parcel(1, "k1"), parcel(2, "k2")])
    await connector.close()
    assert found == {"k1": "k1", "k2": "k2"}
    assert [asked[0] for asked in peer.asked] == ["GET", "POST", "PUT", "PUT"]
    (first, second) = msgspec.json.decode(peer.asked[1][4])["update"]
    assert (first["id"], second["id"], first.keys()) == (1, 2, {"id", "meta_data", "status"})


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"update": [{"id": n} for n in range(101)]}, 413, "woocommerce_rest_request_entity_too_large"),
        ({"create": [{}]}, 400, "demo_only_updates"),
    ],
)
async def test_the_demo_store_refuses_other_batches(
    store: DemoStore, body: dict[str, Any], status: int, code: str
) -> None:
    headers = {"Authorization": aiohttp.encode_basic_auth(store.key, store.secret)}
    url = f"{store.url}/wp-json/wc/v3/orders/batch"
    async with aiohttp.ClientSession(headers=headers) as session:
        async with session.post(url, json=body) as answer:
            assert (answer.status, (await answer.json())["code"]) == (status, code)
        async with session.post(url, json={}) as answer:
            assert (answer.status, await answer.json()) == (200, [])
