"""The connector against the demo Amazon: real HTTP, tokens, rates, and what goes wrong."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from engine import clock
from engine.demo.channels.amazon import AmazonSim
from engine.demo.channels.base import ChannelFault, SaleLine
from engine.errors import Misconfigured, OutcomeUnknown, Refused, TryLater, Unreadable
from engine.ports import Address, CancelWish, ChannelState
from tests.connectors.amazon.conftest import Connect, parcel, reread, sale, walk

Start = Callable[..., Any]
F = ChannelFault


# --- pulling ----------------------------------------------------------------------------------------------------------


async def test_a_walk_gives_every_order_of_the_merchant_and_none_of_amazons(sim: AmazonSim, connect: Connect) -> None:
    ids = [sim.place(sale(("MUG", 2))) for _ in range(5)]
    fba = sim.place(sale(("MUG", 1)), by_amazon=True)
    connector = connect(sim, page_size=2)
    assert sorted(await walk(connector)) == sorted(ids)
    page = await connector.pull_ids([ids[0], fba, "111-1111111-1111111"])
    assert [raw.external_id for raw in page.items] == ids[:1]


async def test_what_changes_during_a_walk_is_in_it_and_nothing_is_lost(sim: AmazonSim, connect: Connect) -> None:
    ids = [sim.place(sale()) for _ in range(7)]
    connector = connect(sim, page_size=2)
    page = await connector.pull(None, None)
    found = [raw.external_id for raw in page.items]
    sim.touch(next(i for i in ids if i not in found), note="Ring twice")
    sim.cancel(found[0])
    late = sim.place(sale(("CUP", 1)))
    while page.next:
        page = await connector.pull(None, page.next)
        found += [raw.external_id for raw in page.items]
    assert set(found) == {*ids, late}
    assert found.count(found[0]) == 2  # as it was, and canceled


async def test_orders_of_one_moment_all_come_and_the_walk_ends(sim: AmazonSim, connect: Connect) -> None:
    sim.stand_still()
    ids = {sim.place(sale()) for _ in range(9)}
    assert set(await walk(connect(sim, page_size=2))) == ids


async def test_only_what_changed_since_is_asked_for(sim: AmazonSim, connect: Connect) -> None:
    old = sim.place(sale())
    sim.pass_time(timedelta(hours=1))
    since = sim.moment()
    new = sim.place(sale())
    connector = connect(sim)
    assert await walk(connector, since) == [new]
    sim.touch(old, note="Back door")
    assert set(await walk(connector, since)) == {old, new}


async def test_the_first_walk_looks_back_as_far_as_set(sim: AmazonSim, connect: Connect) -> None:
    sim.place(sale())
    sim.pass_time(timedelta(days=40))
    new = sim.place(sale())
    clock.use(sim.moment)
    assert await walk(connect(sim)) == [new]
    assert len(await walk(connect(sim, history_days=60))) == 2


async def test_what_amazon_shows_late_comes_with_the_next_walk(start: Start, connect: Connect) -> None:
    sim = await start(lag=timedelta(minutes=2))
    since = sim.moment()
    order = sim.place(sale())
    connector = connect(sim)
    assert await walk(connector, since) == []
    sim.pass_time(timedelta(minutes=2))
    assert await walk(connector, since) == [order]


async def test_a_page_token_that_has_ended_is_refused_and_the_walk_begins_anew(
    sim: AmazonSim, connect: Connect
) -> None:
    ids = {sim.place(sale()) for _ in range(3)}
    connector = connect(sim, page_size=2)
    page = await connector.pull(None, None)
    sim.pass_time(timedelta(hours=25))
    clock.use(sim.moment)
    with pytest.raises(Refused, match="has expired"):
        await connector.pull(None, page.next)
    assert set(await walk(connector)) == ids
    with pytest.raises(Unreadable, match="no place"):
        await connector.pull(None, "page 2")


async def test_an_entry_that_is_no_order_is_put_aside_with_its_reason(
    sim: AmazonSim, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    sim.heard.clear()  # it says what no model allows
    good, bad = sim.place(sale()), sim.place(sale(("BAD", 1)))
    shown = sim._shown

    def spoiled(order: Any, *rest: Any) -> Any:
        told = shown(order, *rest)
        return told if order.id != bad else {"orderNumber": bad}

    monkeypatch.setattr(sim, "_shown", spoiled)
    page = await connect(sim).pull(None, None)
    assert [raw.external_id for raw in page.items] == [good]
    assert page.rejected[0].field == "orderId"


# --- what happens to an order -----------------------------------------------------------------------------------------


async def test_an_order_from_pending_to_canceled(sim: AmazonSim, connect: Connect) -> None:
    connector = connect(sim)
    order = sim.place(sale(("MUG", 3), ("CUP", 1), note="Ring twice", rate="Next Day", paid=False))
    pending = await reread(connector, order)
    assert (pending.state, pending.ship_to, pending.total) == (ChannelState.PENDING, Address(), 0)
    sim.pay(order)
    released = await reread(connector, order)
    assert (released.state, released.shipping_rate, released.total) == (ChannelState.OPEN, "Next Day", 4 * 1450)
    assert "Delivery: Ring twice" in released.note
    sim.refund(order, "MUG", 2)
    assert [(line.quantity, line.canceled) for line in (await reread(connector, order)).lines] == [(3, 2), (1, 0)]
    sim.ask_to_cancel(order, "Found it cheaper")
    assert (await reread(connector, order)).cancel_wish == CancelWish("Found it cheaper")
    sim.ask_to_cancel(order, "", sku="MUG")
    assert (await reread(connector, order)).cancel_wish == CancelWish("Ordered by mistake; Found it cheaper")
    sim.cancel(order)
    canceled = await reread(connector, order)
    assert (canceled.state, canceled.cancel_wish) == (ChannelState.CANCELED, None)
    assert [line.canceled for line in canceled.lines] == [3, 1]


async def test_a_parcel_for_some_pieces_and_one_for_the_rest(sim: AmazonSim, connect: Connect) -> None:
    connector = connect(sim)
    order = await reread(connector, sim.place(sale(("MUG", 3), ("CUP", 1))))
    mug, cup = (line.external_id for line in order.lines)
    await connector.push_tracking(parcel(order, "bb-1", lines=((mug, 2),), last=False))
    partly = await reread(connector, order.external_id)
    assert (partly.state, [line.shipped for line in partly.lines]) == (ChannelState.PARTIALLY_SHIPPED, [2, 0])
    await connector.push_tracking(parcel(order, "bb-2", lines=((mug, 1), (cup, 1))))
    assert (await reread(connector, order.external_id)).state is ChannelState.SHIPPED
    assert [(p.tracking_number, dict(p.lines)) for p in sim.parcels(order.external_id)] == [
        ("1Z-bb-1", {"MUG": 2}),
        ("1Z-bb-2", {"MUG": 1, "CUP": 1}),
    ]


async def test_a_parcel_told_twice_is_one_package_also_while_it_does_not_show(start: Start, connect: Connect) -> None:
    sim = await start(shows_after=timedelta(minutes=5))
    connector = connect(sim)
    order = await reread(connector, sim.place(sale(("MUG", 2))))
    references = {await connector.push_tracking(parcel(order)) for _ in range(2)}
    assert (await connector.read_tracking([order.external_id]))[order.external_id] == ()
    assert sim.counts["shipment.confirm"] == 2
    sim.pass_time(timedelta(minutes=6))
    references.add(await connector.push_tracking(parcel(order)))
    assert sim.counts["shipment.confirm"] == 2  # it shows, so that there was nothing to tell
    (shown,) = (await connector.read_tracking([order.external_id]))[order.external_id]
    assert (shown.tracking_number, {shown.reference}) == ("1Z-bb-1", references)
    assert len(sim.parcels(order.external_id)) == 1
    assert re.fullmatch(r"[1-9]\d*", shown.reference)


async def test_a_parcel_that_somebody_entered_in_seller_central_is_not_told_again(
    sim: AmazonSim, connect: Connect
) -> None:
    connector = connect(sim)
    order = await reread(connector, sim.place(sale(("MUG", 2))))
    await connector.push_tracking(parcel(order, "by hand", tracking_number="1Z999"))
    reference = await connector.push_tracking(parcel(order, "bb-7", tracking_number="1Z999"))
    assert sim.counts["shipment.confirm"] == 1
    assert reference == (await connector.read_tracking([order.external_id]))[order.external_id][0].reference


async def test_numbers_of_parcels_without_a_whole_piece_travel_with_the_one_that_completes_it(
    sim: AmazonSim, connect: Connect
) -> None:
    connector = connect(sim)
    order = await reread(connector, sim.place(sale(("KIT", 1))))
    with pytest.raises(Refused) as caught:
        await connector.push_tracking(parcel(order, "bb-1", lines=()))
    assert caught.value.code == "INCOMPLETE_PARCEL"
    await connector.push_tracking(parcel(order, "bb-2", also=("1Z-bb-1", "1Z-bb-0")))
    found = (await connector.read_tracking([order.external_id]))[order.external_id]
    assert [one.tracking_number for one in found] == ["1Z-bb-2", "1Z-bb-1", "1Z-bb-0"]


@pytest.mark.parametrize(
    ("carrier", "name", "shown"),
    [
        ("fedex", "FedEx Express", "FedEx"),
        ("dhl_express", "DHL", "DHL"),
        ("postnord", "PostNord", "PostNord"),
        ("", "Joe's Vans", "Joe's Vans"),
        ("", "", "Unknown carrier"),
    ],
)
async def test_carriers_go_by_amazons_codes_and_all_others_by_their_name(
    sim: AmazonSim, connect: Connect, carrier: str, name: str, shown: str
) -> None:
    connector = connect(sim)
    order = await reread(connector, sim.place(sale()))
    await connector.push_tracking(parcel(order, carrier=carrier, carrier_name=name))
    assert sim.parcels(order.external_id)[0].carrier == shown


async def test_the_ship_date_is_never_before_the_order_and_never_ahead(sim: AmazonSim, connect: Connect) -> None:
    connector = connect(sim)
    for key, moment in (("a", datetime(2020, 1, 1, tzinfo=UTC)), ("b", datetime.now(UTC) + timedelta(days=2))):
        order = await reread(connector, sim.place(sale()))
        await connector.push_tracking(parcel(order, key, shipped_at=moment))
        assert sim.state(order.external_id) == "shipped"


async def test_what_amazon_does_not_take_is_a_definite_no_in_its_words(sim: AmazonSim, connect: Connect) -> None:
    connector = connect(sim)
    order = await reread(connector, sim.place(sale(("MUG", 2))))
    line = order.lines[0].external_id
    with pytest.raises(Refused, match=r"exceeds what remains to be shipped \(InvalidInput\)"):
        await connector.push_tracking(parcel(order, lines=((line, 3),)))
    labelled = await reread(connector, sim.place(sale(), programs=["FBM_SHIP_PLUS"]))
    with pytest.raises(Refused, match="Ship"):
        await connector.push_tracking(parcel(labelled))
    pending = sim.place(sale(paid=False))
    with pytest.raises(Refused, match="is not paid yet"):
        await connector.push_tracking(parcel(order, order_external_id=pending))
    sim.cancel(order.external_id)
    with pytest.raises(Refused, match="is canceled"):
        await connector.push_tracking(parcel(order))
    with pytest.raises(Refused, match="does not know"):
        await connector.push_tracking(parcel(order, order_external_id="111-0000000-0000000"))
    with pytest.raises(Refused, match="without a tracking number"):
        await connector.push_tracking(parcel(order, tracking_number=""))


# --- canceling --------------------------------------------------------------------------------------------------------


async def test_a_whole_order_is_canceled_by_a_feed_and_shows_later(start: Start, connect: Connect) -> None:
    sim = await start(shows_after=timedelta(minutes=5))
    connector = connect(sim)
    order = await reread(connector, sim.place(sale(("MUG", 2), ("CUP", 1))))
    await connector.cancel_order(order.external_id, [], "out of stock")
    assert (await reread(connector, order.external_id)).state is ChannelState.OPEN
    sim.pass_time(timedelta(minutes=6))
    canceled = await reread(connector, order.external_id)
    assert (canceled.state, [line.canceled for line in canceled.lines]) == (ChannelState.CANCELED, [2, 1])
    await connector.cancel_order(order.external_id, [], "out of stock")
    assert sim.counts["feeds.create"] == 1
    named = await reread(connector, sim.place(sale(("MUG", 2))))
    await connector.cancel_order(named.external_id, [(named.lines[0].external_id, 2)], "")
    sim.pass_time(timedelta(minutes=6))
    assert sim.state(named.external_id) == "canceled"


async def test_a_buyer_who_asked_for_it_is_the_reason(sim: AmazonSim, connect: Connect) -> None:
    connector = connect(sim)
    told: list[bytes] = []
    sim.heard.append(lambda said: told.append(said.body) if "/documents/" in said.url else None)
    for asks in (False, True):
        order = sim.place(sale())
        if asks:
            sim.ask_to_cancel(order, "Ordered twice")
        await connector.cancel_order(order, [], "")
    assert [b"BuyerCanceled" in body for body in told] == [False, True]
    assert [b"NoInventory" in body for body in told] == [True, False]


async def test_parts_and_what_has_shipped_are_not_canceled(sim: AmazonSim, connect: Connect) -> None:
    connector = connect(sim)
    order = await reread(connector, sim.place(sale(("MUG", 2), ("CUP", 1))))
    mug, cup = (line.external_id for line in order.lines)
    for part in ([(mug, 2)], [(mug, 1), (cup, 1)]):
        with pytest.raises(Refused, match="whole orders only"):
            await connector.cancel_order(order.external_id, part, "")
    with pytest.raises(Misconfigured, match="seller_id"):
        await connect(sim, seller_id="").cancel_order(order.external_id, [], "")
    await connector.push_tracking(parcel(order, lines=((mug, 1),)))
    with pytest.raises(Refused, match="has shipped"):
        await connector.cancel_order(order.external_id, [], "")
    with pytest.raises(Refused, match="does not know"):
        await connector.cancel_order("111-1111111-1111111", [], "")
    assert sim.counts["feeds.document"] == 0


@pytest.mark.parametrize("route", ["feeds.document", "feeds.upload", "feeds.create"])
@pytest.mark.parametrize("fault", [F.ERROR_BEFORE, F.ERROR_AFTER, F.HANG_UP, F.THROTTLE])
async def test_a_cancellation_that_breaks_off_is_tried_again(
    sim: AmazonSim, connect: Connect, route: str, fault: ChannelFault
) -> None:
    connector = connect(sim)
    order = sim.place(sale())
    sim.script(route, fault)
    with pytest.raises(TryLater):
        await connector.cancel_order(order, [], "")
    await connector.cancel_order(order, [], "")
    assert sim.state(order) == "canceled"


# --- what goes wrong --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (F.THROTTLE, TryLater),
        (F.ERROR_BEFORE, TryLater),
        (F.ERROR_AFTER, TryLater),
        (F.HANG_UP, TryLater),
        (F.LATE, TryLater),
        (F.HALF_ANSWER, TryLater),
    ],
)
async def test_a_walk_that_is_broken_off_goes_on_from_the_same_place(
    sim: AmazonSim, connect: Connect, fault: ChannelFault, error: type[Exception]
) -> None:
    ids = [sim.place(sale()) for _ in range(3)]
    connector = connect(sim, page_size=2)
    page = await connector.pull(None, None)
    asking = connect(sim, page_size=2, timeout=2.0) if fault is F.LATE else connector
    sim.script("orders.search", fault)
    with pytest.raises(error):
        await asking.pull(None, page.next)
    rest = await connector.pull(None, page.next)
    assert {raw.external_id for raw in (*page.items, *rest.items)} == set(ids)


async def test_a_slow_answer_is_read_to_its_end(sim: AmazonSim, connect: Connect) -> None:
    order = sim.place(sale())
    sim.script("orders.search", F.SLOW)
    assert await walk(connect(sim)) == [order]


@pytest.mark.parametrize("fault", [F.ERROR_AFTER, F.HANG_UP, F.LATE])
async def test_a_lost_answer_to_a_parcel_is_unknown_and_telling_again_leaves_one(
    start: Start, connect: Connect, fault: ChannelFault
) -> None:
    sim = await start()
    connector = connect(sim, timeout=2.0 if fault is F.LATE else 60.0)
    order = await reread(connector, sim.place(sale(("MUG", 2))))
    sim.script("shipment.confirm", fault)
    with pytest.raises(OutcomeUnknown):
        await connector.push_tracking(parcel(order))
    await connector.push_tracking(parcel(order))
    assert sim.counts["shipment.confirm"] == 1
    assert len(sim.parcels(order.external_id)) == 1


@pytest.mark.parametrize("fault", [F.ERROR_BEFORE, F.HANG_UP, F.THROTTLE])
async def test_nothing_was_told_where_the_look_before_fails(
    sim: AmazonSim, connect: Connect, fault: ChannelFault
) -> None:
    connector = connect(sim)
    order = await reread(connector, sim.place(sale()))
    sim.script("orders.get", fault)
    with pytest.raises(TryLater):
        await connector.push_tracking(parcel(order))
    assert sim.counts["shipment.confirm"] == 0


# --- the seller -------------------------------------------------------------------------------------------------------


async def test_the_check_says_which_store_it_is(sim: AmazonSim, connect: Connect) -> None:
    assert await connect(sim).check() == "Bluebook demo in US"
    with pytest.raises(Misconfigured, match="does not sell in CA"):
        await connect(sim, marketplaces="US, CA").check()


async def test_everything_listed_comes_also_beyond_the_thousand_a_search_shows(
    sim: AmazonSim, connect: Connect
) -> None:
    sim.listings = [SaleLine(f"SKU-{n}", n % 2, title=f"Thing {n}") for n in range(1050)]
    connector = connect(sim)
    found: dict[str, Any] = {}
    cursor = None
    while True:
        page = await connector.listed(cursor)
        found |= {item.sku: item for item in page.items}
        cursor = page.next
        if cursor is None:
            break
    assert len(found) == 1050
    assert (found["SKU-1"].title, found["SKU-1"].active, found["SKU-2"].active) == ("Thing 1", True, False)
    assert found["SKU-1"].external_id == "ATVPDKIKX0DER/SKU-1"
    assert len(found["SKU-1"].barcode) == 12
    with pytest.raises(Misconfigured, match="Merchant Token"):
        await connect(sim, seller_id="").listed(None)
