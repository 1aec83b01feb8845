"""The connector against the demo store (real HTTP, signatures checked) and against a peer that records requests."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from engine import clock
from engine.connectors import registry
from engine.connectors.channels.woocommerce.client import Client, base_string, sign
from engine.connectors.channels.woocommerce.connector import Config, Connector
from engine.demo.store import DemoStore
from engine.demo.store_faults import StoreFault, StoreRoute
from engine.errors import Misconfigured, NotAuthorised, Refused, TryLater, Unreadable
from engine.ports import ChannelParcel, ChannelState, Payment
from tests.connectors.woocommerce.conftest import Peer, parcel, walk

FIXTURES = Path(__file__).parent / "fixtures"
Connect = Callable[..., Connector]


# --- requests and answers, as they are on the wire -------------------------------------------------------------------


async def test_a_pull_asks_for_what_changed_after_the_second_before(peer: Peer) -> None:
    order = msgspec.json.encode(msgspec.json.decode((FIXTURES / "order_processing.json").read_bytes())["order"])
    peer.answers = [(200, {"X-WP-Total": "1", "X-WP-TotalPages": "1"}, b"[" + order + b"]")]
    connector = Connector(Config(url=peer.url + "/", consumer_key="ck_1", consumer_secret="cs_1", page_size=50))
    page = await connector.pull(datetime(2026, 3, 2, 18, 0, 0, 250_000, tzinfo=UTC), None)
    await connector.close()
    method, path, query, headers, _ = peer.asked[0]
    assert (method, path) == ("GET", "/wp-json/wc/v3/orders")
    assert {key: value for key, value in query.items() if not key.startswith("oauth_")} == {
        "modified_after": "2026-03-02T17:59:59",
        "dates_are_gmt": "true",
        "orderby": "modified",
        "order": "asc",
        "per_page": "50",
        "page": "1",
    }
    assert query["oauth_consumer_key"] == "ck_1"
    assert query["oauth_signature_method"] == "HMAC-SHA256"
    unsigned = {key: value for key, value in query.items() if key != "oauth_signature"}
    assert query["oauth_signature"] == sign("GET", peer.url + path, unsigned, "cs_1")
    assert "Authorization" not in headers
    assert page.next is None
    assert [raw.external_id for raw in page.items] == ["7310"]
    assert page.items[0].body == b'{"order":' + order + b',"refunds":[]}'


async def test_an_error_is_told_in_the_store_s_own_words(peer: Peer) -> None:
    peer.answers = [(401, {}, (FIXTURES / "error_permission.json").read_bytes())]
    connector = Connector(Config(url=peer.url, consumer_key="ck_1", consumer_secret="cs_1"))
    with pytest.raises(NotAuthorised) as caught:
        await connector.check()
    await connector.close()
    assert "does not have write permissions. (woocommerce_rest_authentication_error)" in caught.value.message
    assert "REST API" in str(caught.value)
    assert "{" not in caught.value.message
    assert "cs_1" not in caught.value.message


async def test_html_where_json_should_be_is_unreadable(peer: Peer) -> None:
    peer.answers = [(200, {}, b"<!DOCTYPE html><title>Maintenance</title>")]
    connector = Connector(Config(url=peer.url, consumer_key="ck_1", consumer_secret="cs_1"))
    with pytest.raises(Unreadable, match="DOCTYPE"):
        await connector.pull(None, None)
    await connector.close()


def test_the_signature_base_string_is_that_of_rfc_5849() -> None:
    # The example of section 3.4.1.1, whose body parameters are parameters like any others.
    params = {"b5": "=%3D", "a3": "2 q", "c@": "", "a2": "r b", "c2": ""}
    assert base_string("post", "http://EXAMPLE.com:80/request", params) == (
        "POST&http%3A%2F%2Fexample.com%2Frequest&a2%3Dr%2520b%26a3%3D2%2520q%26b5%3D%253D%25253D%26c%2540%3D%26c2%3D"
    )


async def test_a_pair_travels_as_basic_credentials_over_https(monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client("https://shop.example.com/store/", "ck_1", "cs_1", 5.0)
    seen = {}

    async def call(method: str, url: str, **rest: object) -> None:
        seen.update(rest, url=url)

    monkeypatch.setattr(client._http, "call", call)
    await client.get("orders", page="1")
    assert seen["url"] == "https://shop.example.com/store/wp-json/wc/v3/orders"
    assert seen["params"] == {"page": "1"}
    assert seen["headers"] == {"Authorization": "Basic Y2tfMTpjc18x"}


@pytest.mark.parametrize(
    ("field", "value"), [("page_size", 0), ("page_size", 101), ("timeout", 0), ("consumer_key", ""), ("url", None)]
)
def test_a_setting_out_of_range_is_misconfigured(field: str, value: object) -> None:
    values = {"url": "https://shop.example.com", "consumer_key": "ck", "consumer_secret": "cs", field: value}
    with pytest.raises(Misconfigured, match=field):
        registry.configure(registry.channel_type("woocommerce"), values)


def test_an_address_without_a_scheme_is_misconfigured() -> None:
    with pytest.raises(Misconfigured, match="https://"):
        Connector(Config(url="shop.example.com", consumer_key="ck", consumer_secret="cs"))


# --- pulling ---------------------------------------------------------------------------------------------------------


async def test_the_store_takes_the_right_secret_and_no_other(store: DemoStore, connect: Connect) -> None:
    store.place(3)
    assert await connect().check() == f"Blue Door Living (demo) at {store.url}, 3 orders"
    with pytest.raises(NotAuthorised, match="signature does not match"):
        await connect(consumer_secret="cs_wrong").check()
    with pytest.raises(NotAuthorised, match="Consumer key is invalid"):
        await connect(consumer_key="ck_wrong").pull(None, None)


async def test_every_placed_order_reads_and_its_sums_agree(store: DemoStore, connect: Connect) -> None:
    store.place(120, spread=500)
    connector = connect()
    page = await connector.pull(None, None)
    assert len(page.items) == 100
    for raw in page.items:
        order = connector.read(raw)
        goods = sum(line.unit_price * line.quantity for line in order.lines)
        assert goods - order.discount_total + order.shipping_total + order.tax_total == order.total
        assert (order.state, order.payment) == (ChannelState.OPEN, Payment.PAID)


@pytest.mark.parametrize("seed", range(12))
async def test_a_walk_finds_every_order_while_orders_change(store: DemoStore, connect: Connect, seed: int) -> None:
    rng = random.Random(seed)
    now = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
    clock.use(lambda: now)
    for _ in range(rng.randint(1, 5)):  # several full pages within one second, and seconds with one order
        store.place(rng.choice((1, 2, 9, 14)), rng=rng)
        now += timedelta(seconds=rng.randint(1, 3))
    store.book.shuffle_ties = random.Random(seed)
    expected, begun = {str(order_id) for order_id in store.orders}, now
    connector, found, cursor = connect(page_size=3), set[str](), None
    for step in range(1_000):
        page = await connector.pull(None, cursor)
        found |= {raw.external_id for raw in page.items}
        cursor = page.next
        if cursor is None:
            break
        now += timedelta(seconds=1)
        if step < 12:
            for order_id in rng.sample(sorted(store.orders), min(len(store.orders), rng.randint(0, 4))):
                store.change(order_id, customer_note=f"changed in step {step}")
            store.place(rng.choice((0, 0, 1)), rng=rng)
    assert cursor is None
    assert expected <= found
    assert {str(order_id) for order_id in store.orders} <= found | set(await walk(connector, begun))


async def test_a_walk_since_a_moment_includes_that_moment(store: DemoStore, connect: Connect) -> None:
    now = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
    clock.use(lambda: now)
    placed = []
    for _ in range(4):
        placed += store.place(1)
        now += timedelta(seconds=1)
    since = datetime(2026, 5, 1, 12, 0, 2, 900_000, tzinfo=UTC)
    assert await walk(connect(), since) == [str(order_id) for order_id in placed[2:]]


async def test_orders_are_fetched_by_id_a_hundred_a_call_and_from_the_trash(store: DemoStore, connect: Connect) -> None:
    ids = store.place(205)
    store.set_status(ids[3], "trash")
    store.book.delete(ids[4])
    connector = connect()
    page = await connector.pull_ids([str(order_id) for order_id in ids])
    states = {raw.external_id: connector.read(raw).state for raw in page.items}
    assert states.keys() == {str(order_id) for order_id in ids} - {str(ids[4])}
    assert states.pop(str(ids[3])) is ChannelState.CANCELED
    assert set(states.values()) == {ChannelState.OPEN}
    assert store.requests["orders.list"] == 4


async def test_refunded_pieces_come_with_the_order(store: DemoStore, connect: Connect) -> None:
    (order_id,) = store.place(1, skus=["BB-MUG-01", "BB-TEA-01"])
    lines = store.orders[order_id]["line_items"]
    lines[0]["quantity"], lines[0]["subtotal"], lines[0]["total"] = 3, "43.50", "43.50"
    store.change(order_id, total="99.00")
    store.refund(order_id, {lines[0]["id"]: 2})
    store.refund(order_id, amount=100)
    connector = connect()
    (raw,) = (await connector.pull(None, None)).items
    order = connector.read(raw)
    assert order.payment is Payment.PARTIALLY_REFUNDED
    assert (order.lines[0].quantity, order.lines[0].canceled) == (3, 2)
    store.set_status(order_id, "refunded")
    (raw,) = (await connector.pull_ids([str(order_id)])).items
    order = connector.read(raw)
    assert (order.state, order.payment) == (ChannelState.CANCELED, Payment.REFUNDED)
    assert all(line.canceled == line.quantity for line in order.lines)


# --- faults ----------------------------------------------------------------------------------------------------------


async def test_a_throttled_pull_says_when_to_come_back(store: DemoStore, connect: Connect) -> None:
    store.faults.plan.retry_after = 7
    store.faults.script(StoreRoute.LIST, StoreFault.THROTTLE)
    with pytest.raises(TryLater) as caught:
        await connect().pull(None, None)
    assert caught.value.retry_after == 7


@pytest.mark.parametrize("fault", [StoreFault.ERROR_BEFORE, StoreFault.DROP_AFTER, StoreFault.LATE])
async def test_a_pull_without_an_answer_is_tried_later(store: DemoStore, connect: Connect, fault: StoreFault) -> None:
    store.faults.script(StoreRoute.LIST, fault)
    with pytest.raises(TryLater):
        await connect(timeout=2.0 if fault is StoreFault.LATE else 60.0).pull(None, None)


async def test_cut_json_is_asked_for_again(store: DemoStore, connect: Connect) -> None:
    store.place(2)
    store.faults.script(StoreRoute.LIST, StoreFault.TRUNCATE)
    with pytest.raises(TryLater, match="broke off in the middle of its answer"):
        await connect().pull(None, None)


async def test_one_bad_entry_does_not_stop_its_page(store: DemoStore, connect: Connect) -> None:
    store.place(5)
    connector = connect()
    store.faults.script(StoreRoute.LIST, StoreFault.NOT_AN_ORDER, StoreFault.MALFORMED, StoreFault.DUPLICATE)
    page = await connector.pull(None, None)
    assert (len(page.items), len(page.rejected)) == (4, 1)
    assert page.rejected[0].raw.body == b"null"
    page = await connector.pull(None, None)
    with pytest.raises(Unreadable) as caught:
        connector.read(page.items[0])
    assert caught.value.field == "order.billing"
    assert [connector.read(raw).state for raw in page.items[1:]] == [ChannelState.OPEN] * 4
    page = await connector.pull(None, None)
    assert len(page.items) == 6


# --- pushing ---------------------------------------------------------------------------------------------------------


async def test_a_push_is_three_calls_and_completes_the_order(store: DemoStore, connect: Connect) -> None:
    (order_id,) = store.place(1)
    connector = connect()
    assert await connector.push_tracking(parcel(order_id)) == "shipment-1"
    assert store.requests == {"orders.get": 1, "orders.put": 1, "notes.add": 1}
    assert store.orders[order_id]["status"] == "completed"
    assert store.tracking[str(order_id)] == [
        {
            "tracking_provider": "ups",
            "custom_tracking_provider": "",
            "custom_tracking_link": "",
            "tracking_number": "1Z-shipment-1",
            "date_shipped": 1772636400,
            "tracking_id": "shipment-1",
        }
    ]
    (note,) = store.notes[order_id]
    assert note["customer_note"]
    assert "UPS, tracking number 1Z-shipment-1" in note["note"]
    found = await connector.read_tracking([str(order_id), "999999"])
    assert found == {str(order_id): (ChannelParcel("1Z-shipment-1", "shipment-1", "shipment-1"),)}


async def test_a_push_repeated_leaves_one_parcel_and_one_note(store: DemoStore, connect: Connect) -> None:
    (order_id,) = store.place(1)
    for _ in range(3):
        await connect().push_tracking(parcel(order_id))
    assert len(store.tracking[str(order_id)]) == len(store.notes[order_id]) == 1
    assert store.requests["orders.put"] == 1


async def test_an_unlisted_carrier_travels_by_name_and_link(store: DemoStore, connect: Connect) -> None:
    (order_id,) = store.place(1)
    await connect(customer_note=False).push_tracking(parcel(order_id, carrier="gls", carrier_name="GLS"))
    (entry,) = store.tracking[str(order_id)]
    assert (entry["tracking_provider"], entry["custom_tracking_provider"]) == ("", "GLS")
    assert entry["custom_tracking_link"].startswith("https://")
    assert order_id not in store.notes


async def test_a_parcel_that_is_not_the_last_leaves_the_order_open(store: DemoStore, connect: Connect) -> None:
    (order_id,) = store.place(1)
    connector = connect()
    await connector.push_tracking(parcel(order_id, "a", last=False))
    assert store.orders[order_id]["status"] == "processing"
    await connector.push_tracking(parcel(order_id, "b"))
    assert store.orders[order_id]["status"] == "completed"
    assert [entry["tracking_id"] for entry in store.tracking[str(order_id)]] == ["a", "b"]


async def test_a_cancelled_order_is_not_revived(store: DemoStore, connect: Connect) -> None:
    (order_id,) = store.place(1)
    store.cancel(order_id)
    await connect().push_tracking(parcel(order_id))
    assert store.orders[order_id]["status"] == "cancelled"
    assert len(store.tracking[str(order_id)]) == 1


async def test_parcels_pushed_at_once_are_all_kept(store: DemoStore, connect: Connect) -> None:
    (order_id,) = store.place(1)
    connector = connect()
    keys = [f"p{i}" for i in range(8)]
    await asyncio.gather(*(connector.push_tracking(parcel(order_id, key, last=key == "p7")) for key in keys))
    assert {entry["tracking_id"] for entry in store.tracking[str(order_id)]} == set(keys)
    assert len(store.notes[order_id]) == 8
    assert store.orders[order_id]["status"] == "completed"


async def test_an_entry_overwritten_by_someone_else_is_written_again(
    store: DemoStore, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    (order_id,) = store.place(1)
    connector = connect()
    original, overwritten = connector._client.send, []

    async def send(method: str, path: str, body: object) -> object:
        answer = await original(method, path, body)
        if method == "PUT" and not overwritten:
            store.book.set_meta(order_id, "_wc_shipment_tracking_items", [{"tracking_id": "theirs"}])
            store.change(order_id)
            overwritten.append(1)
        return answer

    monkeypatch.setattr(connector._client, "send", send)
    await connector.push_tracking(parcel(order_id, "ours", last=False))
    assert [entry["tracking_id"] for entry in store.tracking[str(order_id)]] == ["theirs", "ours"]
    assert len(store.notes[order_id]) == 1


@pytest.mark.parametrize("route", [StoreRoute.GET, StoreRoute.PUT, StoreRoute.NOTE])
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
async def test_a_push_retried_after_any_fault_leaves_one_of_each(
    store: DemoStore, connect: Connect, route: StoreRoute, fault: StoreFault
) -> None:
    (order_id,) = store.place(1)
    store.faults.script(route, fault)
    connector = connect(timeout=2.0 if fault is StoreFault.LATE else 60.0)
    with pytest.raises(TryLater):
        await connector.push_tracking(parcel(order_id))
    await connector.push_tracking(parcel(order_id))
    assert len(store.tracking[str(order_id)]) == 1
    assert len(store.notes[order_id]) == 1
    assert store.orders[order_id]["status"] == "completed"


async def test_entries_php_wrote_as_an_object_are_kept(store: DemoStore, connect: Connect) -> None:
    (order_id,) = store.place(1)
    store.book.set_meta(order_id, "_wc_shipment_tracking_items", {"1": {"tracking_id": "abc", "tracking_number": "7"}})
    store.change(order_id)
    connector = connect()
    await connector.push_tracking(parcel(order_id))
    assert [entry["tracking_id"] for entry in store.tracking[str(order_id)]] == ["abc", "shipment-1"]
    store.book.set_meta(order_id, "_wc_shipment_tracking_items", "a:1:{}")
    store.change(order_id)
    with pytest.raises(Unreadable) as caught:
        await connector.read_tracking([str(order_id)])
    assert caught.value.field == "meta_data._wc_shipment_tracking_items"


async def test_a_push_to_an_order_that_is_gone_is_refused(store: DemoStore, connect: Connect) -> None:
    with pytest.raises(Refused, match="Invalid ID") as caught:
        await connect().push_tracking(parcel(4711))
    assert caught.value.code == "404"
