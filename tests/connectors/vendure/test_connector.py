"""What the connector asks of a Vendure store, and what it makes of the answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from engine.connectors import registry
from engine.connectors.channels.vendure.connector import Config, Connector
from engine.errors import Invalid, Misconfigured, NotAuthorised, OutcomeUnknown, Refused, TryLater, Unreadable
from engine.ports import Channel, ChannelParcel, Parcel
from tests.connectors.vendure.fake import ANSWERS, FakeVendure, order

PARCEL = Parcel(
    key="shipment-1",
    order_external_id="6",
    carrier="ups",
    carrier_name="UPS",
    tracking_number="1Z1",
    tracking_url="",
    service="Ground",
    shipped_at=datetime(2026, 1, 2, tzinfo=UTC),
    lines=(("8", 2),),
    last=False,
)


@pytest.fixture
async def store() -> AsyncIterator[FakeVendure]:
    async with FakeVendure() as running:
        yield running


@pytest.fixture
async def connector(store: FakeVendure) -> AsyncIterator[Connector]:
    made = Connector(Config(url=store.url, username="robot", password="secret", page_size=3, timeout=60))
    yield made
    await made.close()


def orders_at(*moments: str) -> list[dict[str, Any]]:
    return [order("paid", id=str(n), orderPlacedAt=moment) for n, moment in enumerate(moments, 1)]


async def walk(connector: Connector, since: datetime | None = None) -> list[str]:
    seen: dict[str, None] = {}
    cursor: str | None = None
    for _ in range(50):
        page = await connector.pull(since, cursor)
        seen.update(dict.fromkeys(item.external_id for item in page.items))
        cursor = page.next
        if cursor is None:
            return list(seen)
    raise AssertionError("the walk does not end")


def unshipped() -> dict[str, Any]:
    return order("partly_shipped", id="6", fulfillments=[])


def test_the_registry_finds_it_and_checks_its_configuration() -> None:
    kind = registry.channel_type("vendure")
    assert kind is Connector
    given = {"url": "https://shop.example/admin-api", "username": "u", "password": "p", "page_size": "250"}
    assert registry.configure(kind, given).page_size == 250
    for wrong in ({"page_size": 1001}, {"url": "shop.example"}, {"password": ""}):
        with pytest.raises(Misconfigured):
            registry.configure(kind, {**given, **wrong})
    channel: Channel = Connector(registry.configure(kind, given))
    assert channel.secret_fields == {"password"}


async def test_pull_asks_from_a_minute_before_and_never_sorts_by_two_keys(
    store: FakeVendure, connector: Connector
) -> None:
    await connector.pull(datetime(2026, 1, 1, 12, 0, tzinfo=UTC), None)
    [call] = store.made("Orders")
    assert call["options"] == {
        "filter": {"type": {"notEq": "Aggregate"}, "orderPlacedAt": {"after": "2026-01-01T11:58:59.999Z"}},
        "sort": {"orderPlacedAt": "ASC"},
        "take": 3,
    }
    assert store.headers[-1]["Authorization"] == "Bearer token-1"
    assert store.made("Login") == [{"username": "robot", "password": "secret"}]


async def test_pages_follow_the_moment_and_carts_are_not_orders(store: FakeVendure, connector: Connector) -> None:
    store.orders = [*orders_at(*(f"2026-01-01T00:00:0{n}.000Z" for n in range(8))), order("cart", id="99")]
    assert await walk(connector) == [str(n) for n in range(1, 9)]


async def test_more_orders_in_one_millisecond_than_a_page_holds_are_all_found(
    store: FakeVendure, connector: Connector
) -> None:
    one = "2026-01-01T00:00:01.500Z"
    store.orders = orders_at("2026-01-01T00:00:01.000Z", *([one] * 8), "2026-01-01T00:00:01.501Z", one)
    assert sorted(await walk(connector), key=int) == [str(n) for n in range(1, 12)]


async def test_an_order_placed_between_two_pages_is_found(store: FakeVendure, connector: Connector) -> None:
    store.orders = orders_at(*(f"2026-01-01T00:00:0{n}.000Z" for n in range(4)))
    first = await connector.pull(None, None)
    store.orders.append(order("paid", id="50", orderPlacedAt="2026-01-01T00:00:02.000Z"))
    second = await connector.pull(None, first.next)
    assert "50" in {item.external_id for item in second.items}


async def test_an_order_without_an_id_is_parked_and_its_page_goes_on(store: FakeVendure, connector: Connector) -> None:
    store.orders = [{"id": 7, "orderPlacedAt": "2026-01-01T00:00:00.000Z"}, *orders_at("2026-01-01T00:00:01.000Z")]
    page = await connector.pull(None, None)
    assert [item.external_id for item in page.items] == ["1"]
    assert "`$.id`" in page.rejected[0].reason


async def test_a_foreign_cursor_is_refused(connector: Connector) -> None:
    with pytest.raises(Invalid):
        await connector.pull(None, "page 2")


async def test_pull_ids_asks_in_hundreds_and_leaves_out_what_is_gone(store: FakeVendure, connector: Connector) -> None:
    store.orders = orders_at("2026-01-01T00:00:00.000Z", "2026-01-01T00:00:01.000Z")
    page = await connector.pull_ids([str(n) for n in range(2, 202)])
    assert [item.external_id for item in page.items] == ["2"]
    assert page.next is None
    assert [len(call["options"]["filter"]["id"]["in"]) for call in store.made("Orders")] == [100, 100]


async def test_an_expired_session_logs_in_once_however_many_ask(store: FakeVendure, connector: Connector) -> None:
    await connector.pull(None, None)
    store.expire()
    await asyncio.gather(*(connector.pull(None, None) for _ in range(5)))
    assert len(store.made("Login")) == 2


async def test_a_refusal_after_a_fresh_login_needs_a_person(store: FakeVendure, connector: Connector) -> None:
    store.script["Orders"] = [ANSWERS["forbidden"], ANSWERS["forbidden"]]
    with pytest.raises(NotAuthorised, match="robot may not"):
        await connector.pull(None, None)
    assert len(store.made("Login")) == 2


async def test_wrong_credentials_are_not_authorised(store: FakeVendure, connector: Connector) -> None:
    store.script["Login"] = [ANSWERS["bad_login"]]
    with pytest.raises(NotAuthorised, match="INVALID_CREDENTIALS_ERROR"):
        await connector.check()


async def test_a_login_without_a_token_names_the_setting(store: FakeVendure, connector: Connector) -> None:
    store.script["Login"] = [ANSWERS["login"]]
    with pytest.raises(NotAuthorised, match="tokenMethod"):
        await connector.check()


async def test_the_channel_token_goes_with_every_call(store: FakeVendure) -> None:
    connector = Connector(Config(url=store.url, username="u", password="p", channel_token="uk"))
    await connector.check()
    await connector.close()
    assert [headers["vendure-token"] for headers in store.headers] == ["uk", "uk"]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (ANSWERS["too_many"], Refused),
        ({"errors": [{"message": "boom", "extensions": {"code": "INTERNAL_SERVER_ERROR"}}], "data": None}, TryLater),
        ({"errors": [{"message": "NOT NULL constraint failed"}]}, TryLater),
        ({"data": {"orders": {"items": None}}}, Unreadable),
        (b"<html>welcome</html>", Unreadable),
        (b'{"data": {"orders": {"ite', TryLater),
        (503, TryLater),
        (404, Refused),
        (0, TryLater),
    ],
)
async def test_a_failed_reading_says_what_to_do(
    store: FakeVendure, connector: Connector, answer: Any, error: type[Exception]
) -> None:
    store.script["Orders"] = [answer]
    with pytest.raises(error):
        await connector.pull(None, None)


async def test_a_parcel_is_added_and_then_shipped(store: FakeVendure, connector: Connector) -> None:
    store.orders = [unshipped()]
    assert await connector.push_tracking(PARCEL) == "1"
    assert [name for name, _ in store.calls] == ["Login", "Parcels", "AddFulfillment", "ShipFulfillment"]
    assert store.made("AddFulfillment") == [
        {
            "input": {
                "lines": [{"orderLineId": "8", "quantity": 2}],
                "handler": {
                    "code": "manual-fulfillment",
                    "arguments": [{"name": "method", "value": "UPS Ground"}, {"name": "trackingCode", "value": "1Z1"}],
                },
            }
        }
    ]
    assert store.made("ShipFulfillment") == [{"id": "1"}]


async def test_a_parcel_the_store_has_shipped_is_left_alone(store: FakeVendure, connector: Connector) -> None:
    store.script["Parcels"] = [ANSWERS["shipped_parcels"]]
    assert await connector.push_tracking(PARCEL) == "1"
    assert [name for name, _ in store.calls] == ["Login", "Parcels"]


async def test_a_crash_between_the_two_steps_heals(store: FakeVendure, connector: Connector) -> None:
    store.script["Parcels"] = [ANSWERS["pending_parcels"]]
    assert await connector.push_tracking(PARCEL) == "1"
    assert not store.made("AddFulfillment")
    assert store.made("ShipFulfillment") == [{"id": "1"}]


@pytest.mark.parametrize(
    "change",
    [{"state": "Cancelled"}, {"trackingCode": "1Z9"}, {"lines": [{"orderLineId": "8", "quantity": 1}]}],
)
async def test_another_fulfillment_is_not_taken_for_ours(
    store: FakeVendure, connector: Connector, change: dict[str, Any]
) -> None:
    theirs = {**order("partly_shipped")["fulfillments"][0], **change}
    store.orders = [order("partly_shipped", id="6", fulfillments=[theirs])]
    await connector.push_tracking(PARCEL)
    assert len(store.made("AddFulfillment")) == 1


async def test_pushes_for_one_order_wait_for_each_other(store: FakeVendure, connector: Connector) -> None:
    store.orders = [unshipped()]
    other = msgspec.structs.replace(PARCEL, key="shipment-2", tracking_number="1Z2", lines=(("8", 1),))
    await asyncio.gather(connector.push_tracking(PARCEL), connector.push_tracking(other))
    steps = [name for name, _ in store.calls if name != "Login"]
    assert steps == ["Parcels", "AddFulfillment", "ShipFulfillment"] * 2


@pytest.mark.parametrize("operation", ["AddFulfillment", "ShipFulfillment"])
@pytest.mark.parametrize(
    "answer",
    [0, 500, b"gone", {"errors": [{"message": "boom", "extensions": {"code": "INTERNAL_SERVER_ERROR"}}]}, {"data": {}}],
)
async def test_a_lost_answer_is_an_unknown_outcome(
    store: FakeVendure, connector: Connector, operation: str, answer: Any
) -> None:
    store.orders = [unshipped()]
    store.script[operation] = [answer]
    with pytest.raises(OutcomeUnknown):
        await connector.push_tracking(PARCEL)


@pytest.mark.parametrize(
    ("operation", "answer", "code"),
    [
        ("AddFulfillment", "already_fulfilled", "ITEMS_ALREADY_FULFILLED_ERROR"),
        ("AddFulfillment", "unknown_handler", "INVALID_FULFILLMENT_HANDLER_ERROR"),
        ("ShipFulfillment", "no_such_fulfillment", "ENTITY_NOT_FOUND"),
    ],
)
async def test_a_no_from_the_store_is_refused_with_its_code(
    store: FakeVendure, connector: Connector, operation: str, answer: str, code: str
) -> None:
    store.orders = [unshipped()]
    store.script[operation] = [ANSWERS[answer]]
    with pytest.raises(Refused) as caught:
        await connector.push_tracking(PARCEL)
    assert caught.value.code == code


async def test_another_process_that_was_quicker_is_believed(store: FakeVendure, connector: Connector) -> None:
    nothing = {"data": {"orders": {"items": [{"id": "6", "fulfillments": []}]}}}
    store.script["Parcels"] = [nothing, ANSWERS["pending_parcels"]]
    store.script["AddFulfillment"] = [ANSWERS["already_fulfilled"]]
    store.script["ShipFulfillment"] = [ANSWERS["shipped_again"]]
    assert await connector.push_tracking(PARCEL) == "1"


async def test_a_parcel_of_an_unknown_order_is_refused(connector: Connector) -> None:
    with pytest.raises(Refused, match="no order with the id 6"):
        await connector.push_tracking(PARCEL)


async def test_a_parcel_that_could_not_be_known_again_is_refused_before_any_call(
    store: FakeVendure, connector: Connector
) -> None:
    for without in ({"tracking_number": ""}, {"lines": ()}):
        with pytest.raises(Refused, match="has no"):
            await connector.push_tracking(msgspec.structs.replace(PARCEL, **without))
    assert not store.calls


async def test_read_tracking_tells_only_what_is_on_its_way(store: FakeVendure, connector: Connector) -> None:
    pending = order("partly_shipped", id="7")
    pending["fulfillments"][0]["state"] = "Pending"
    store.orders = [order("partly_shipped", id="6"), pending]
    assert await connector.read_tracking(["6", "7", "8"]) == {
        "6": (ChannelParcel(tracking_number="1Z1", reference="1"),),
        "7": (),
    }


async def test_check_names_store_channel_and_user(connector: Connector) -> None:
    assert await connector.check() == "Default Seller, channel __default_channel__ (USD), as Super Admin"


async def test_check_names_the_missing_permission_and_the_wrong_precision(
    store: FakeVendure, connector: Connector
) -> None:
    lacking = msgspec.json.decode(msgspec.json.encode(ANSWERS["check"]))
    lacking["data"]["me"]["channels"][0]["permissions"] = ["Authenticated", "ReadOrder"]
    precise = msgspec.json.decode(msgspec.json.encode(ANSWERS["check"]))
    precise["data"]["globalSettings"]["serverConfig"]["moneyStrategyPrecision"] = 3
    store.script["Check"] = [lacking, precise]
    with pytest.raises(NotAuthorised, match="UpdateOrder"):
        await connector.check()
    with pytest.raises(Misconfigured, match="money_precision"):
        await connector.check()


async def test_a_store_that_is_not_there_is_tried_later() -> None:
    connector = Connector(Config(url="http://127.0.0.1:9/admin-api", username="u", password="p"))
    with pytest.raises(TryLater):
        await connector.pull(None, None)
    await connector.close()
