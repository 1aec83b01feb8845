"""The connector against the demo Walmart: real HTTP, with what the description of the API cannot hold."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from datetime import timedelta

import pytest

from engine import clock
from engine.connectors import registry
from engine.connectors.channels.walmart import connector as module
from engine.connectors.channels.walmart.connector import Connector
from engine.demo.catalogue import LISTINGS
from engine.demo.channels.base import ChannelFault, Exchange, SimParcel
from engine.demo.channels.walmart import Item, WalmartSim
from engine.errors import Invalid, Misconfigured, NotAuthorised, OutcomeUnknown, Refused, TryLater, Unreadable
from engine.ports import CancelWish, ChannelParcel, ChannelState
from engine.ports_channels import Acknowledges, CancelsOrders, HasListings, ListedItem
from tests.connectors.walmart.conftest import SHIPPED, now, parcel, sale

Connect = Callable[..., Connector]


async def walk(connector: Connector, since: object = None) -> list[str]:
    found: list[str] = []
    cursor = None
    while True:
        page = await connector.pull(since, cursor)  # type: ignore[arg-type]
        found += [raw.external_id for raw in page.items]
        cursor = page.next
        if cursor is None:
            return found


# --- connecting ------------------------------------------------------------------------------------------------------


def test_it_is_found_and_its_settings_are_checked() -> None:
    kind = registry.channel_type("walmart")
    for optional in (Acknowledges, CancelsOrders, HasListings):
        assert isinstance(kind(registry.configure(kind, {"client_id": "a", "client_secret": "b"})), optional)
    for wrong in ({"client_id": ""}, {"page_size": 201}, {"timeout": 0}):
        with pytest.raises(Misconfigured, match=next(iter(wrong))):
            registry.configure(kind, {"client_id": "a", "client_secret": "b"} | wrong)
    with pytest.raises(Misconfigured, match="https://"):
        kind(registry.configure(kind, {"client_id": "a", "client_secret": "b", "url": "walmart.com"}))


async def test_check_says_whose_and_what_is_missing(sim: WalmartSim, connect: Connect) -> None:
    sim.place(sale(("BB-MUG-01", 1)))
    assert await connect().check() == f"Walmart Marketplace at {sim.url[7:]}, 1 orders changed in the last 7 days"
    with pytest.raises(NotAuthorised, match=r"secret is wrong.*Client ID and Client Secret"):
        await connect(client_secret="other").check()
    sim.orders_scope = "view_only"
    with pytest.raises(NotAuthorised, match="view only"):
        await connect().check()


async def test_a_token_is_bought_once_and_again_before_it_ends(sim: WalmartSim, connector: Connector) -> None:
    await asyncio.gather(*(connector.pull(None, None) for _ in range(5)))
    assert sim.counts["token"] == 1
    sim.pass_time(timedelta(minutes=14, seconds=30))
    clock.use(sim.moment)
    await connector.pull(None, None)
    assert sim.counts["token"] == 2
    sim.tokens.clear()  # ended early: one refusal, one new token
    await connector.pull(None, None)
    assert sim.counts["token"] == 3


# --- reading ---------------------------------------------------------------------------------------------------------


async def test_an_old_order_that_changed_is_found(sim: WalmartSim, connector: Connector) -> None:
    old = sim.place(sale(("BB-MUG-01", 1), placed_at=sim.moment() - timedelta(days=40)))
    new = sim.place(sale(("BB-MUG-01", 1)))
    since = sim.moment() - timedelta(minutes=1)
    assert await walk(connector, since) == [new]
    sim.touch(old, note="back door")
    assert await walk(connector, since) == [new, old]
    assert await walk(connector) == [new, old]


async def test_a_cursor_goes_back_as_it_came(sim: WalmartSim, connect: Connect) -> None:
    heard: list[Exchange] = []
    placed = [sim.place(sale(("BB-MUG-01", 1))) for _ in range(5)]
    sim.heard.append(heard.append)
    connector = connect(page_size=2)
    assert await walk(connector) == placed[::-1]
    pages = [exchange for exchange in heard if "/v3/orders?" in exchange.url]
    assert [exchange.status for exchange in pages] == [200, 200, 200]
    assert "%3A" in pages[0].answer.decode()  # which a client that takes queries apart would have written otherwise


async def test_no_orders_is_no_error_however_walmart_says_so(connect: Connect, sim: WalmartSim) -> None:
    assert (await connect().pull(None, None)).items == ()
    other = WalmartSim(empty_is_404=False)
    await other.start()
    assert (await connect(url=other.url).pull(None, None)).items == ()
    await other.stop()


@pytest.mark.parametrize("seed", range(6))
async def test_nothing_slips_through_while_orders_change(
    sim: WalmartSim, connect: Connect, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # So few orders fit into one search that the time is cut up, and those that change leave the part they were in.
    monkeypatch.setattr(module, "_MOST", 8)
    sim.most = 8
    rng = random.Random(seed)
    begin = sim.moment()
    placed = [sim.place(sale(("BB-MUG-01", 1), placed_at=begin - timedelta(days=n, minutes=n))) for n in range(1, 31)]
    connector = connect(page_size=2)
    found: list[str] = []
    cursor = None
    few = rng.sample(placed, 7)  # as many as one search may find, since all of them change within a second
    for _ in range(200):
        page = await connector.pull(None, cursor)
        found += [raw.external_id for raw in page.items]
        cursor = page.next
        if cursor is None:
            break
        if rng.random() < 0.5:
            sim.touch(rng.choice(few), note="changed")
    assert cursor is None
    later = await walk(connector, begin)
    assert set(found) | set(later) == set(placed)


async def test_more_than_a_search_may_find_is_searched_in_parts_even_where_it_is_refused(
    sim: WalmartSim, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    placed = {sim.place(sale(("BB-MUG-01", 1), placed_at=sim.moment() - timedelta(days=n))) for n in range(1, 31)}
    sim.most = 10  # and the connector still thinks 10,000
    assert set(await walk(connect(page_size=200))) == placed
    monkeypatch.setattr(module, "_MOST", 10)
    assert set(await walk(connect(page_size=3))) == placed


async def test_orders_are_read_again_by_id(sim: WalmartSim, connector: Connector) -> None:
    one, two = sim.place(sale(("BB-MUG-01", 1))), sim.place(sale(("BB-MUG-01", 1)))
    page = await connector.pull_ids([two, "1", one, two])
    assert [raw.external_id for raw in page.items] == [two, one]
    assert page.items[0].body == (await connector.pull(None, None)).items[0].body
    sim.refund(one, "BB-MUG-01", 1)
    assert (await now(connector, one)).state is ChannelState.CANCELED


async def test_the_price_of_a_piece_is_found_both_ways(connect: Connect) -> None:
    for per_piece in (False, True):
        sim = WalmartSim(per_piece=per_piece)
        await sim.start()
        order = sim.place(sale(("BB-MUG-01", 3), ("BB-TEA-01", 1), shipping=595))
        found = await now(connect(url=sim.url), order)
        await sim.stop()
        assert ([x.unit_price for x in found.lines], found.total, found.shipping_total) == ([1450, 1450], 6395, 595)


async def test_what_is_no_order_is_set_aside_and_no_cursor_is_invalid(sim: WalmartSim, connector: Connector) -> None:
    order = sim.place(sale(("BB-MUG-01", 1)))
    sim.orders[order].id = None  # type: ignore[assignment]
    page = await connector.pull(None, None)
    assert page.items == ()
    assert page.rejected[0].field == "purchaseOrderId"
    with pytest.raises(Invalid, match="no cursor"):
        await connector.pull(None, "page 2")


# --- telling ---------------------------------------------------------------------------------------------------------


async def test_an_order_is_acknowledged_once(sim: WalmartSim, connector: Connector) -> None:
    order = sim.place(sale(("BB-MUG-01", 2), ("BB-TEA-01", 1)))
    await asyncio.gather(*(connector.acknowledge(order) for _ in range(3)))
    assert sim.acknowledged(order)
    assert sim.counts["acknowledge"] == 1
    with pytest.raises(Refused, match="does not know the order 77"):
        await connector.acknowledge("77")


async def test_pieces_ship_and_are_charged_as_they_are_told(sim: WalmartSim, connector: Connector) -> None:
    order = sim.place(sale(("BB-MUG-01", 3), ("BB-TEA-01", 1)))
    first = parcel(order, ("1", 2), number="A1")
    assert await connector.push_tracking(first) == "1:A1"
    assert (sim.acknowledged(order), sim.charged(order), sim.state(order)) == (True, 2 * 1450, "partially_shipped")
    second = parcel(order, ("1", 1), ("2", 1), number="A2", carrier="yodel", carrier_name="Yodel", last=True)
    assert await connector.push_tracking(second) == "1:A2"
    for again in (first, second, first):
        await connector.push_tracking(again)
    assert sim.charged(order) == 4 * 1450
    assert sim.counts["shipping"] == 2
    assert sim.parcels(order) == [
        SimParcel("A1", "UPS", {"BB-MUG-01": 2}), SimParcel("A2", "Yodel", {"BB-MUG-01": 1, "BB-TEA-01": 1})
    ]  # fmt: skip
    assert sim.state(order) == "shipped"
    assert await connector.read_tracking([order, "1"]) == {
        order: (ChannelParcel("A1", None, "1:A1"), ChannelParcel("A2", None, "1:A2"), ChannelParcel("A2", None, "2:A2"))
    }
    entry = sim.orders[order].lines[0].entries[0]
    assert entry.tracking is not None
    assert entry.tracking["shipDateTime"] == int(SHIPPED.timestamp() * 1000) == 1_795_186_800_123


@pytest.mark.parametrize(
    "fault", [ChannelFault.ERROR_AFTER, ChannelFault.HANG_UP, ChannelFault.HALF_ANSWER, ChannelFault.LATE]
)
async def test_a_lost_answer_charges_nobody_twice(sim: WalmartSim, connect: Connect, fault: ChannelFault) -> None:
    connector = connect(timeout=2.0 if fault is ChannelFault.LATE else 60.0)
    order = sim.place(sale(("BB-MUG-01", 3)))
    await connector.acknowledge(order)
    sim.script("shipping", fault)
    with pytest.raises(Unreadable if fault is ChannelFault.HALF_ANSWER else OutcomeUnknown):
        await connector.push_tracking(parcel(order, ("1", 1)))
    assert await connector.push_tracking(parcel(order, ("1", 1))) == "1:1Z0001"
    assert (sim.charged(order), sim.counts["shipping"]) == (1450, 1)


async def test_a_lost_answer_that_did_nothing_is_told_again(sim: WalmartSim, connector: Connector) -> None:
    order = sim.place(sale(("BB-MUG-01", 3)))
    sim.script("shipping", ChannelFault.ERROR_BEFORE)
    with pytest.raises(OutcomeUnknown):
        await connector.push_tracking(parcel(order, ("1", 1)))
    await connector.push_tracking(parcel(order, ("1", 1)))
    assert sim.charged(order) == 1450


async def test_what_did_not_ship_or_cannot_be_told_is_refused(sim: WalmartSim, connector: Connector) -> None:
    order = sim.place(sale(("BB-MUG-01", 3)))
    sim.refund(order, "BB-MUG-01", 2)
    cases = [
        (parcel(order, ("1", 2)), "OVER_SHIP", "only 1 are open"),
        (parcel(order, ("7", 1)), "NO_SUCH_LINE", "no line 7"),
        (parcel(order), "NO_WHOLE_PIECE", "no whole piece"),
        (parcel(order, ("1", 1), number=""), "NO_WHOLE_PIECE", "no tracking number"),
        (parcel(order, ("1", 1), carrier="", carrier_name="Rider", tracking_url=""), "CARRIER", "tracking link"),
        (parcel("99", ("1", 1)), "404", "does not know"),
    ]
    for given, code, words in cases:
        with pytest.raises(Refused, match=words) as caught:
            await connector.push_tracking(given)
        assert caught.value.code == code
    with pytest.raises(Refused, match="special characters") as caught:
        await connector.push_tracking(parcel(order, ("1", 1), number="1Z-1"))
    assert caught.value.code == "INVALID_REQUEST_CONTENT.GMP_ORDER_API"
    assert "{" not in caught.value.message
    assert sim.charged(order) == 0


async def test_one_number_twice_on_a_line_is_left_to_a_person(sim: WalmartSim, connector: Connector) -> None:
    order = sim.place(sale(("BB-MUG-01", 3), ("BB-TEA-01", 1)))
    await connector.push_tracking(parcel(order, ("1", 1)))
    later = {"key": "bb-2", "shipped_at": SHIPPED + timedelta(hours=1)}
    with pytest.raises(Refused, match="cannot be told") as caught:
        await connector.push_tracking(parcel(order, ("1", 1), **later))
    assert caught.value.code == "SAME_NUMBER"
    assert await connector.push_tracking(parcel(order, ("2", 1), **later)) == "2:1Z0001"
    assert sim.charged(order) == 2 * 1450


async def test_what_is_in_the_post_ships_though_the_customer_asked_to_cancel(
    sim: WalmartSim, connector: Connector
) -> None:
    order = sim.place(sale(("BB-MUG-01", 1)))
    sim.ask_to_cancel(order)
    assert (await now(connector, order)).cancel_wish == CancelWish()
    await connector.push_tracking(parcel(order, ("1", 1), last=True))
    assert sim.state(order) == "shipped"


async def test_pieces_are_canceled_with_a_reason_and_once(sim: WalmartSim, connector: Connector) -> None:
    order = sim.place(sale(("BB-MUG-01", 3), ("BB-TEA-01", 1)))
    await connector.cancel_order(order, [("1", 1)], "ACME cannot deliver to this address")
    await connector.cancel_order(order, [("1", 1)], "Nor can NOVA to this address")
    assert [(x.canceled, x.quantity) for x in (await now(connector, order)).lines] == [(2, 3), (0, 1)]
    sim.ask_to_cancel(order)
    await connector.cancel_order(order, [], "ACME has none left")
    await connector.cancel_order(order, [], "ACME has none left")
    assert sim.state(order) == "canceled"
    assert [entry.reason for line in sim.orders[order].lines for entry in line.entries] == [
        "SELLER_CANCEL_ADDRESS_NOT_SERVICEABLE",
        "SELLER_CANCEL_ADDRESS_NOT_SERVICEABLE",
        "CUSTOMER_REQUESTED_SELLER_TO_CANCEL",
        "CUSTOMER_REQUESTED_SELLER_TO_CANCEL",
    ]
    assert sim.counts["cancel"] == 3


async def test_what_the_customer_canceled_first_is_not_canceled_again(sim: WalmartSim, connector: Connector) -> None:
    order = sim.place(sale(("BB-MUG-01", 3)))
    sim.refund(order, "BB-MUG-01", 1)
    await connector.cancel_order(order, [("1", 3)], "fraud")
    await connector.cancel_order(order, [("1", 3)], "fraud")
    assert [(entry.quantity, entry.reason) for entry in sim.orders[order].lines[0].entries] == [
        (1, ""), (2, "SELLER_CANCEL_FRAUD_STOP_SHIPMENT")
    ]  # fmt: skip


async def test_what_has_shipped_is_not_canceled(sim: WalmartSim, connector: Connector) -> None:
    order = sim.place(sale(("BB-MUG-01", 3)))
    await connector.push_tracking(parcel(order, ("1", 2)))
    with pytest.raises(Refused, match="only 1 are neither") as caught:
        await connector.cancel_order(order, [("1", 2)], "")
    assert caught.value.code == "SHIPPED"
    with pytest.raises(Refused, match="no line 9"):
        await connector.cancel_order(order, [("9", 1)], "")
    await connector.cancel_order(order, [], "")
    found = await now(connector, order)
    assert (found.state, found.lines[0].canceled, found.lines[0].shipped) == (ChannelState.SHIPPED, 1, 2)


# --- limits ----------------------------------------------------------------------------------------------------------


async def test_too_many_requests_wait_until_the_moment_walmart_names(sim: WalmartSim, connector: Connector) -> None:
    order = sim.place(sale(("BB-MUG-01", 1)))
    sim.retry_after = 7_200
    sim.script("acknowledge", ChannelFault.THROTTLE)
    with pytest.raises(TryLater) as caught:
        await connector.acknowledge(order)
    assert caught.value.retry_after is not None
    assert 3_600 < caught.value.retry_after <= 7_200
    with pytest.raises(TryLater, match="its rate limit leaves nothing"):  # and is not asked meanwhile
        await connector.acknowledge(order)
    assert sim.counts["acknowledge"] == 1
    assert (await connector.pull(None, None)).items


async def test_what_walmart_says_is_left_is_kept_to(sim: WalmartSim, connect: Connect) -> None:
    orders = [sim.place(sale(("BB-MUG-01", 1))) for _ in range(62)]
    sim.stand_still()
    one, other = connect(), connect()
    for order in orders[:60]:
        await one.acknowledge(order)
    with pytest.raises(TryLater, match="Too many requests"):  # the other one did not know yet
        await other.acknowledge(orders[60])


# --- listings --------------------------------------------------------------------------------------------------------


async def test_items_are_listed_page_by_page(sim: WalmartSim, connector: Connector) -> None:
    assert [item.sku for item in (await connector.listed(None)).items] == [one.sku for one in LISTINGS]
    sim.items = []
    assert (await connector.listed(None)).items == ()
    sim.items = [Item(f"SKU-{n}", f"Thing {n}", upc=f"{n:012d}", published=n != 3) for n in range(205)]
    first = await connector.listed(None)
    assert first.next is not None
    rest = await connector.listed(first.next)
    assert rest.next is None
    assert [item.sku for item in first.items + rest.items] == [item.sku for item in sim.items]
    assert first.items[3] == ListedItem(
        external_id="W000003", sku="SKU-3", title="Thing 3", barcode="000000000003", active=False
    )
