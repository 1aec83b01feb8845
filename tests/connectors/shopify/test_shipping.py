"""Parcels and cancellations at the demo store: over locations, broken off, on hold, once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from engine.connectors.channels.shopify import shipping
from engine.connectors.channels.shopify.connector import Connector
from engine.demo.channels.base import ChannelFault, Exchange, SimParcel
from engine.demo.channels.shopify import ShopifySim
from engine.errors import NotAuthorised, Refused, TryLater
from engine.ports import ChannelParcel, ChannelState
from tests.connectors.shopify.conftest import MUG, TEA, parcel, read, sell

Connect = Callable[..., Connector]
FIRST, SECOND = "1Z999AA10123456784", "1Z999AA10123456793"


def _fulfillments(sim: ShopifySim) -> list[dict[str, Any]]:
    """What is asked for from here on, as it is on the wire."""
    asked: list[dict[str, Any]] = []

    def listen(exchange: Exchange) -> None:
        body = json.loads(exchange.body) if exchange.method == "POST" else {}
        if body.get("operationName") == "Fulfill":
            asked.append(body["variables"]["fulfillment"])

    sim.heard.append(listen)
    return asked


async def test_a_part_of_an_order_over_two_locations_is_fulfilled(sim: ShopifySim, connect: Connect) -> None:
    order_id = sell(sim, (MUG, 5), (TEA, 2))
    sim.split(order_id, MUG, 2)  # three mugs and the tea leave from Main Street, two mugs from the Harbour
    connector, asked = connect(), _fulfillments(sim)
    order = await read(connector, order_id)
    reference = await connector.push_tracking(parcel(order, FIRST, mug=4, last=False))
    sent = sim.order(order_id).sent
    assert [(one.location, [(line.sku, pieces) for _, line, pieces in one.lines]) for one in sent] == [
        ("Main Street", [(MUG, 3)]),
        ("Harbour", [(MUG, 1)]),
    ]
    assert reference == "+".join(str(one.id) for one in sent)
    assert [(one.numbers, one.company, one.urls, one.notified) for one in sent] == [
        ([FIRST], "UPS", [f"https://www.ups.com/track?tracknum={FIRST}"], True)
    ] * 2
    # One location a call, and lines always named: a fulfillment order without any would ship whole.
    groups = [group for one in asked for group in one["lineItemsByFulfillmentOrder"]]
    assert [len(one["lineItemsByFulfillmentOrder"]) for one in asked] == [1, 1]
    assert [[line["quantity"] for line in group["fulfillmentOrderLineItems"]] for group in groups] == [[3], [1]]
    between = await read(connector, order_id)
    assert between.state is ChannelState.PARTIALLY_SHIPPED
    assert {line.sku: line.shipped for line in between.lines} == {MUG: 4, TEA: 0}
    await connector.push_tracking(parcel(between, SECOND))
    assert sim.state(order_id) == "shipped"
    assert sim.parcels(order_id) == [SimParcel(FIRST, "UPS", {MUG: 4}), SimParcel(SECOND, "UPS", {MUG: 1, TEA: 2})]


async def test_the_location_that_has_most_of_it_comes_first(sim: ShopifySim, connect: Connect) -> None:
    order_id = sell(sim, (MUG, 5))
    sim.split(order_id, MUG, 4)
    connector = connect()
    await connector.push_tracking(parcel(await read(connector, order_id), mug=4))
    assert [(one.location, one.lines[0][2]) for one in sim.order(order_id).sent] == [("Harbour", 4)]


@pytest.mark.parametrize("fault", [ChannelFault.ERROR_AFTER, ChannelFault.HANG_UP, ChannelFault.HALF_ANSWER])
@pytest.mark.parametrize("call", [0, 1])
async def test_a_push_that_broke_off_between_two_locations_is_completed(
    sim: ShopifySim, connect: Connect, fault: ChannelFault, call: int
) -> None:
    order_id = sell(sim, (MUG, 3))
    sim.split(order_id, MUG, 1)
    connector = connect()
    order = await read(connector, order_id)
    sim.script("Fulfill", *[ChannelFault.NONE] * call, fault)
    with pytest.raises(TryLater, match="looked up before it is sent again"):
        await connector.push_tracking(parcel(order))
    again = connect()  # another worker, that knows nothing of the first
    reference = await again.push_tracking(parcel(order))
    assert sim.parcels(order_id) == [SimParcel(FIRST, "UPS", {MUG: 3})]
    assert len(sim.order(order_id).sent) == 2
    assert await again.push_tracking(parcel(order)) == reference
    assert len(sim.order(order_id).sent) == 2


async def test_a_push_that_did_nothing_is_tried_later(sim: ShopifySim, connect: Connect) -> None:
    order_id = sell(sim)
    connector = connect()
    order = await read(connector, order_id)
    sim.script("Fulfill", ChannelFault.ERROR_BEFORE)
    with pytest.raises(TryLater):
        await connector.push_tracking(parcel(order))
    assert sim.parcels(order_id) == []
    sim.script("Fulfill", ChannelFault.THROTTLE)  # nothing was done either, and it is sent again at once
    await connector.push_tracking(parcel(order))
    assert len(sim.order(order_id).sent) == 1


async def test_one_parcel_pushed_by_many_at_once_is_one(sim: ShopifySim, connect: Connect) -> None:
    order_id = sell(sim, (MUG, 4))
    connector = connect()
    pushed = parcel(await read(connector, order_id), mug=2, last=False)
    references = await asyncio.gather(*(connector.push_tracking(pushed) for _ in range(4)))
    assert len(set(references)) == 1
    assert sim.parcels(order_id) == [SimParcel(FIRST, "UPS", {MUG: 2})]


async def test_what_is_on_hold_is_not_fulfilled_and_says_why(sim: ShopifySim, connect: Connect) -> None:
    order_id = sell(sim, (MUG, 3))
    sim.split(order_id, MUG, 1)
    connector = connect()
    order = await read(connector, order_id)
    sim.order(order_id).parts[1].standing = "ON_HOLD"
    sim.order(order_id).parts[1].holds = [("INCORRECT_ADDRESS", "Is it 62702?")]
    waiting = await read(connector, order_id)
    assert (waiting.state, waiting.waits_for) == (
        ChannelState.PENDING,
        "on hold at Harbour: Incorrect address (Is it 62702?)",
    )
    with pytest.raises(Refused, match=r"on hold at Harbour: Incorrect address .* Release it in Shopify") as caught:
        await connector.push_tracking(parcel(order))
    assert caught.value.code == "ON_HOLD"
    assert sim.parcels(order_id) == []  # nothing of a parcel is told where a part of it has no place
    sim.release(order_id)
    await connector.push_tracking(parcel(order))
    assert sim.parcels(order_id) == [SimParcel(FIRST, "UPS", {MUG: 3})]


async def test_what_is_scheduled_waits_for_its_day(sim: ShopifySim, connect: Connect) -> None:
    order_id = sell(sim)
    connector = connect()
    order = await read(connector, order_id)
    sim.schedule(order_id, datetime(2026, 12, 24, tzinfo=UTC))
    assert (await read(connector, order_id)).waits_for == "scheduled for 2026-12-24 at Main Street"
    with pytest.raises(Refused, match="scheduled for 2026-12-24") as caught:
        await connector.push_tracking(parcel(order))
    assert caught.value.code == "ON_HOLD"


async def test_no_more_ships_than_is_left(sim: ShopifySim, connect: Connect) -> None:
    order_id = sell(sim, (MUG, 3))
    connector = connect()
    order = await read(connector, order_id)
    with pytest.raises(Refused, match="2 pieces more than are left") as caught:
        await connector.push_tracking(parcel(order, mug=5))
    assert caught.value.code == "OVER_SHIPPED"
    await connector.push_tracking(parcel(order, SECOND, mug=2))  # somebody fulfills most of it under another number
    with pytest.raises(Refused, match="under another number"):
        await connector.push_tracking(parcel(order, FIRST))
    sim.refund(order_id, MUG, 1)
    with pytest.raises(Refused, match="1 piece more"):
        await connector.push_tracking(parcel(order, FIRST, mug=1))
    assert sim.parcels(order_id) == [SimParcel(SECOND, "UPS", {MUG: 2})]


async def test_what_shopify_says_with_status_200_is_an_error(
    sim: ShopifySim, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    order_id = sell(sim, (MUG, 2))
    connector = connect()
    order = await read(connector, order_id)
    fulfill = sim.book.fulfill

    def refund_first(given: Any) -> Any:  # somebody refunds a piece between our look and our call
        sim.refund(order_id, MUG, 1)
        return fulfill(given)

    monkeypatch.setattr(sim.book, "fulfill", refund_first)
    with pytest.raises(Refused, match="Invalid fulfillment order line item quantity requested") as caught:
        await connector.push_tracking(parcel(order))
    assert caught.value.code == "USER_ERROR"


async def test_a_fulfillment_that_was_canceled_counts_for_nothing(sim: ShopifySim, connect: Connect) -> None:
    order_id = sell(sim, (MUG, 2))
    connector = connect()
    order = await read(connector, order_id)
    await connector.push_tracking(parcel(order))
    (sent,) = sim.order(order_id).sent
    sim.book.unfulfill(sim.order(order_id), sent)
    assert await connector.read_tracking([order_id]) == {order_id: ()}
    assert (await read(connector, order_id)).state is ChannelState.OPEN
    await connector.push_tracking(parcel(order))
    assert len(sim.order(order_id).sent) == 2


async def test_a_parcel_says_who_carries_it_and_whether_the_customer_hears(sim: ShopifySim, connect: Connect) -> None:
    order_id = sell(sim, (MUG, 2))
    connector = connect(notify_customer=False)
    pushed = parcel(
        await read(connector, order_id),
        "LP1",
        carrier="japan_post",
        carrier_name="Japan Post",
        also=("LP2",),
        tracking_url="",
    )
    await connector.push_tracking(pushed)
    (sent,) = sim.order(order_id).sent
    assert (sent.company, sent.numbers, sent.notified) == ("Japan Post (EN)", ["LP1", "LP2"], False)
    found = await connector.read_tracking([order_id, "999", "WC-1"])
    assert found == {order_id: tuple(ChannelParcel(number, None, str(sent.id)) for number in ("LP1", "LP2"))}


async def test_more_lines_than_a_call_takes_are_told_in_two(sim: ShopifySim, connect: Connect) -> None:
    order_id = sell(sim, *[(f"SKU-{at:03}", 1) for at in range(260)])
    connector, asked = connect(), _fulfillments(sim)
    await connector.push_tracking(parcel(await read(connector, order_id)))
    assert [len(one["lineItemsByFulfillmentOrder"][0]["fulfillmentOrderLineItems"]) for one in asked] == [250, 10]
    assert sim.state(order_id) == "shipped"


@pytest.mark.parametrize(
    ("changes", "what"), [({"lines": ()}, "no lines"), ({"tracking_number": ""}, "no tracking number")]
)
async def test_a_parcel_that_could_not_be_known_again_is_refused(
    sim: ShopifySim, connect: Connect, changes: dict[str, Any], what: str
) -> None:
    order_id = sell(sim)
    connector = connect()
    with pytest.raises(Refused, match=what) as caught:
        await connector.push_tracking(parcel(await read(connector, order_id), **changes))
    assert caught.value.code == "INCOMPLETE_PARCEL"
    assert sim.parcels(order_id) == []


async def test_a_parcel_without_the_scope_for_it_is_not_authorised(sim: ShopifySim, connect: Connect) -> None:
    order_id = sell(sim)
    connector = connect()
    order = await read(connector, order_id)
    sim.graph.scopes.discard("write_merchant_managed_fulfillment_orders")
    with pytest.raises(NotAuthorised, match="`write_merchant_managed_fulfillment_orders` access scope"):
        await connector.push_tracking(parcel(order))


@pytest.mark.parametrize("external_id", ["4711", "WC-1"])
async def test_an_order_that_is_not_there_is_a_definite_no(sim: ShopifySim, connect: Connect, external_id: str) -> None:
    order_id = sell(sim)
    connector = connect()
    lost = parcel(await read(connector, order_id), order_external_id=external_id)
    with pytest.raises(Refused) as caught:
        await connector.push_tracking(lost)
    assert caught.value.code == "NOT_FOUND"


async def test_every_parcel_of_an_order_of_many_is_read(sim: ShopifySim, connect: Connect) -> None:
    many, few = sell(sim, (MUG, 20)), sell(sim, (MUG, 1))
    connector = connect()
    for order_id, count in ((many, 12), (few, 1)):
        order = await read(connector, order_id)
        for at in range(count):
            await connector.push_tracking(parcel(order, f"1Z{at:02}", mug=1, last=False))
    await connector.push_tracking(parcel(await read(connector, many), "1Z11", mug=1))  # the last of all there are
    assert len(sim.order(many).sent) == 12
    sim.counts.clear()
    found = await connector.read_tracking([few, many])
    assert [one.tracking_number for one in found[many]] == [f"1Z{at:02}" for at in range(12)]
    assert (await read(connector, many)).lines[0].shipped == 12
    assert sim.counts["AllFulfillments"] == 2  # for the one order alone


# --- canceling --------------------------------------------------------------------------------------------------------


async def test_an_order_is_canceled_by_a_job(sim: ShopifySim, connect: Connect) -> None:
    order_id = sell(sim, (MUG, 2))
    heard: list[Exchange] = []
    sim.heard.append(heard.append)
    connector = connect(cancel_restocks=False)
    await connector.cancel_order(order_id, (), "The supplier has none left")
    given = next(json.loads(one.body)["variables"] for one in heard if b'"Cancel"' in one.body)
    assert (given["reason"], given["note"], given["refund"], given["restock"], given["notify"]) == (
        "OTHER", "The supplier has none left", {"originalPaymentMethodsRefund": True}, False, True,
    )  # fmt: skip
    order = await read(connector, order_id)
    assert (order.state, order.payment.value) == (ChannelState.CANCELED, "refunded")
    await connector.cancel_order(order_id, (), "again")  # it is canceled already
    assert sim.counts["Cancel"] == 1


async def test_what_became_of_a_long_job_shows_later(
    sim: ShopifySim, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shipping, "_LOOKS", (0.01, 0.01))
    sim.book.job_seconds = 60
    order_id = sell(sim)
    connector = connect()
    await connector.cancel_order(order_id, (), "")
    assert sim.state(order_id) == "open"
    sim.book.job_seconds = 0
    for job in sim.book.jobs.values():
        job.due = sim.moment()
    assert (await read(connector, order_id)).state is ChannelState.CANCELED


async def test_a_job_that_fails_is_a_no(sim: ShopifySim, connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipping, "_LOOKS", (0.01,))
    order_id = sell(sim)
    connector = connect()

    def ship_meanwhile(exchange: Exchange) -> None:
        if b'"Cancel"' in exchange.body:
            part = sim.order(order_id).parts[0]
            gid = f"gid://shopify/FulfillmentOrder/{part.id}"
            sim.book.fulfill(
                {"lineItemsByFulfillmentOrder": [{"fulfillmentOrderId": gid}], "trackingInfo": {"number": "1Z1"}}
            )

    sim.heard.append(ship_meanwhile)
    with pytest.raises(Refused, match="fulfillments that cannot be canceled") as caught:
        await connector.cancel_order(order_id, (), "")
    assert caught.value.code == "INVALID"


async def test_only_whole_orders_that_have_not_shipped_are_canceled(sim: ShopifySim, connect: Connect) -> None:
    order_id = sell(sim, (MUG, 2), (TEA, 1))
    connector = connect()
    order = await read(connector, order_id)
    mug = order.lines[0]
    with pytest.raises(Refused, match="whole orders only") as caught:
        await connector.cancel_order(order_id, ((mug.external_id, 2),), "")
    assert caught.value.code == "PART"
    await connector.push_tracking(parcel(order, tea=1, last=False))
    with pytest.raises(Refused, match="a part has shipped") as caught:
        await connector.cancel_order(order_id, (), "")
    assert caught.value.code == "SHIPPED"
    other = sell(sim, (MUG, 2), (TEA, 1))
    lines = (await read(connector, other)).lines
    await connector.cancel_order(other, [(line.external_id, line.quantity) for line in lines], "")
    assert sim.state(other) == "canceled"


async def test_a_cancellation_whose_answer_is_lost_is_asked_once(sim: ShopifySim, connect: Connect) -> None:
    order_id = sell(sim)
    connector = connect()
    sim.script("Cancel", ChannelFault.HANG_UP)
    with pytest.raises(TryLater, match="looked up before it is asked again"):
        await connector.cancel_order(order_id, (), "")
    await connector.cancel_order(order_id, (), "")
    assert sim.state(order_id) == "canceled"
    assert len(sim.book.jobs) == 1


async def test_a_canceled_order_takes_no_parcel(sim: ShopifySim, connect: Connect) -> None:
    order_id = sell(sim)
    connector = connect()
    order = await read(connector, order_id)
    sim.cancel(order_id)
    with pytest.raises(Refused, match="was canceled there") as caught:
        await connector.push_tracking(parcel(order))
    assert caught.value.code == "CANCELED"
