"""The connector against the demo store: real HTTP, with what the description of the API cannot hold."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from engine.connectors import registry
from engine.connectors.channels.bigcommerce.connector import Connector
from engine.demo.catalogue import LISTINGS
from engine.demo.channels.base import SHIP_TO, ChannelFault, Exchange, SimParcel
from engine.demo.channels.bigcommerce import BigCommerceSim, DemoLine
from engine.errors import Invalid, Misconfigured, NotAuthorised, OutcomeUnknown, Refused, TryLater, Unreadable
from engine.ports import ChannelParcel, ChannelState, HasOrderPages, TakesHooks
from engine.ports_channels import CancelsOrders, HasListings, ListedItem
from tests.connectors.bigcommerce.conftest import now, parcel, sale

Connect = Callable[..., Connector]
MUG, TEA = "BB-MUG-01", "BB-TEA-01"


async def walk(connector: Connector, since: datetime | None = None) -> list[str]:
    found: list[str] = []
    cursor = None
    while True:
        page = await connector.pull(since, cursor)
        found += [raw.external_id for raw in page.items]
        cursor = page.next
        if cursor is None:
            return found


def lines(sim: BigCommerceSim, order: str) -> list[str]:
    return [str(line.id) for line in sim.orders[int(order)].lines]


# --- connecting ------------------------------------------------------------------------------------------------------


def test_it_is_found_and_its_settings_are_checked() -> None:
    kind = registry.channel_type("bigcommerce")
    good = {"store_hash": "abc123", "access_token": "t"}
    for optional in (CancelsOrders, HasListings, TakesHooks, HasOrderPages):
        assert isinstance(kind(registry.configure(kind, good)), optional)
    for wrong in ({"access_token": ""}, {"page_size": 251}, {"timeout": 0}):
        with pytest.raises(Misconfigured, match=next(iter(wrong))):
            registry.configure(kind, good | wrong)
    for wrong in ({"url": "bigcommerce.com"}, {"store_hash": "store-abc123"}):
        with pytest.raises(Misconfigured, match=next(iter(wrong))):
            kind(registry.configure(kind, good | wrong))
    assert Connector.order_page(good, "100") == "https://store-abc123.mybigcommerce.com/manage/orders/100"
    assert Connector.order_page({}, "100") == ""


async def test_check_says_which_store(sim: BigCommerceSim, connect: Connect) -> None:
    sim.place(sale((MUG, 1)))
    assert await connect().check() == "BigCommerce store abc123, 1 orders"
    with pytest.raises(NotAuthorised, match=r"Unauthorized.*Store-level API accounts"):
        await connect(access_token="other").check()


# --- reading ---------------------------------------------------------------------------------------------------------


async def test_an_order_comes_whole_with_one_request(sim: BigCommerceSim, connector: Connector) -> None:
    order = sim.place(sale((MUG, 3), (TEA, 1), shipping=595, rate="Flat rate", note="Ring twice"))
    [raw] = (await connector.pull(None, None)).items
    assert dict(sim.counts) == {"orders": 1}
    found = connector.read(raw)
    assert [(x.external_id, x.sku, x.quantity, x.unit_price) for x in found.lines] == [
        (lines(sim, order)[0], MUG, 3, 1450), (lines(sim, order)[1], TEA, 1, 1450)
    ]  # fmt: skip
    assert (found.total, found.shipping_total, found.shipping_rate, found.note) == (
        6395,
        595,
        "Flat rate",
        "Ring twice",
    )
    assert (await connector.pull_ids([order, "7", order])).items == (raw,)


@pytest.mark.parametrize("seed", range(4))
async def test_nothing_slips_through_while_orders_change(sim: BigCommerceSim, connect: Connect, seed: int) -> None:
    rng = random.Random(seed)
    begin = sim.moment()
    placed = [sim.place(sale((MUG, 1))) for _ in range(12)]
    connector, found, cursor = connect(page_size=3), list[str](), None
    for _ in range(30):
        page = await connector.pull(begin, cursor)
        found += [raw.external_id for raw in page.items]
        cursor = page.next
        if cursor is None:
            break
        sim.touch(rng.choice(placed), note="changed")
        sim.cancel(rng.choice(placed))
    assert cursor is None
    assert found == placed


async def test_a_walk_begins_with_the_second_itself(sim: BigCommerceSim, connector: Connector) -> None:
    heard: list[Exchange] = []
    sim.heard.append(heard.append)
    sim.stand_still()
    old = sim.place(sale((MUG, 1)))
    sim.pass_time(timedelta(minutes=5))
    new = sim.place(sale((MUG, 1)))
    assert await walk(connector, sim.moment()) == [new]
    sim.touch(old, note="x")
    assert await walk(connector, sim.moment()) == [old, new]
    assert "min_date_modified=" in heard[0].url
    assert heard[-1].status == 204


async def test_what_is_not_shipped_or_not_placed_is_left_out(sim: BigCommerceSim, connector: Connector) -> None:
    song, cart, mug = (sim.place(sale((MUG, 1))) for _ in range(3))
    sim.orders[int(song)].lines = [DemoLine(1, "SONG", "A song", 99, 1, type="digital")]
    sim.orders[int(cart)].status_id = 0
    sim.orders[int(mug)].lines.append(DemoLine(2, "SONG", "A song", 99, 1, type="digital"))
    assert await walk(connector) == [mug]
    assert [x.sku for x in (await now(connector, mug)).lines] == [MUG]


async def test_an_order_to_two_addresses_is_refused_and_not_sent_to_one(
    sim: BigCommerceSim, connector: Connector
) -> None:
    order = sim.place(sale((MUG, 1), (TEA, 1)))
    sim.orders[int(order)].more_addresses.append(SHIP_TO)
    [raw] = (await connector.pull(None, None)).items
    with pytest.raises(Unreadable, match="goes to 2 addresses") as caught:
        connector.read(raw)
    assert caught.value.field == "consignments.shipping"
    with pytest.raises(Refused, match="2 addresses"):
        await connector.push_tracking(parcel(order, *((number, 1) for number in lines(sim, order))))


async def test_what_is_no_order_is_set_aside_and_no_cursor_is_invalid(
    sim: BigCommerceSim, connector: Connector
) -> None:
    order, other = sim.place(sale((MUG, 1))), sim.place(sale((MUG, 1)))
    sim.orders[int(order)].id = order  # type: ignore[assignment]
    page = await connector.pull(None, None)
    assert [raw.external_id for raw in page.items] == [other]
    assert [rejected.field for rejected in page.rejected] == ["id"]
    assert (await connector.pull(None, page.next)).next is None
    with pytest.raises(Invalid, match="no cursor"):
        await connector.pull(None, "page 2")


# --- telling ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("moves_by_itself", [False, True])
async def test_parcels_are_shipments_and_their_mail_has_the_number(connect: Connect, moves_by_itself: bool) -> None:
    sim = BigCommerceSim(moves_by_itself=moves_by_itself)
    await sim.start()
    connector = connect(url=sim.url)
    order = sim.place(sale((MUG, 3), (TEA, 1)))
    mug, tea = lines(sim, order)
    first = parcel(order, (mug, 2), number="A1")
    second = parcel(order, (mug, 1), (tea, 1), number="A2", carrier="yodel", carrier_name="Yodel", also=("A0", "B0"))
    assert await connector.push_tracking(first) == "1"
    assert sim.state(order) == "partially_shipped"
    assert (await now(connector, order)).lines[0].shipped == 2
    for again in (second, first, second):
        assert await connector.push_tracking(again) == ("1" if again is first else "2")
    assert sim.state(order) == "shipped"
    assert sim.parcels(order) == [SimParcel("A1", "ups", {MUG: 2}), SimParcel("A2", "Yodel Ground", {MUG: 1, TEA: 1})]
    assert sim.orders[int(order)].mails == [(3, ("A1",)), (2, ("A2",))]
    assert sim.counts["ship"] == 2
    assert sim.counts["update"] == (0 if moves_by_itself else 2)
    made = sim.orders[int(order)].shipments
    assert [one["tracking_link"] for one in made] == ["", second.tracking_url]
    assert made[1]["comments"] == "Bluebook bb-A2 with A0, B0"
    assert await connector.read_tracking([order, "7"]) == {
        order: (
            ChannelParcel("A1", "bb-A1", "1"),
            ChannelParcel("A2", "bb-A2", "2"),
            ChannelParcel("A0", "bb-A2", "2"),
            ChannelParcel("B0", "bb-A2", "2"),
        )
    }
    await sim.stop()


async def test_a_status_before_its_shipment_would_mail_no_number(sim: BigCommerceSim, connector: Connector) -> None:
    order = sim.place(sale((MUG, 1)))
    await connector._client.send(
        "PUT", f"/v2/orders/{order}", {"status_id": 2}
    )  # as somebody in the control panel does
    assert sim.orders[int(order)].mails == [(2, ())]


async def test_the_status_can_be_left_to_the_store(sim: BigCommerceSim, connect: Connect) -> None:
    order = sim.place(sale((MUG, 1)))
    await connect(change_status=False).push_tracking(parcel(order, (lines(sim, order)[0], 1)))
    assert (sim.state(order), sim.counts["update"]) == ("open", 0)
    assert (await now(connect(), order)).state is ChannelState.SHIPPED


@pytest.mark.parametrize("operation", ["ship", "update"])
@pytest.mark.parametrize(
    "fault", [ChannelFault.ERROR_AFTER, ChannelFault.HANG_UP, ChannelFault.LATE, ChannelFault.ERROR_BEFORE]
)
async def test_a_lost_answer_leaves_one_shipment(
    sim: BigCommerceSim, connect: Connect, operation: str, fault: ChannelFault
) -> None:
    connector = connect(timeout=2.0 if fault is ChannelFault.LATE else 60.0)
    order = sim.place(sale((MUG, 3)))
    whole = parcel(order, (lines(sim, order)[0], 3))
    sim.script(operation, fault)
    with pytest.raises(OutcomeUnknown):
        await connector.push_tracking(whole)
    await connector.push_tracking(whole)
    assert [one.lines for one in sim.parcels(order)] == [{MUG: 3}]
    assert sim.orders[int(order)].mails == [(2, ("1Z0001",))]


async def test_what_cannot_be_told_is_refused(sim: BigCommerceSim, connector: Connector) -> None:
    order = sim.place(sale((MUG, 3)))
    mug = lines(sim, order)[0]
    sim.refund(order, MUG, 2)
    canceled = sim.place(sale((MUG, 1)))
    sim.cancel(canceled)
    cases = [
        (parcel(order, (mug, 2)), "OVER_SHIP", "only 1 are open"),
        (parcel(order, ("7", 1)), "NO_SUCH_LINE", "no line 7"),
        (parcel(order), "INCOMPLETE_PARCEL", "none is in this parcel"),
        (parcel(order, (mug, 1), number="1" * 51), "TRACKING_NUMBER", "50 characters"),
        (parcel("99", ("1", 1)), "404", "does not know"),
        (parcel(canceled, (lines(sim, canceled)[0], 1)), "CANCELED", "is canceled there"),
    ]
    for given, code, words in cases:
        with pytest.raises(Refused, match=words) as caught:
            await connector.push_tracking(given)
        assert caught.value.code == code
    assert sim.parcels(order) == sim.parcels(canceled) == []


async def test_two_parcels_at_once_under_one_number_are_both_there(sim: BigCommerceSim, connector: Connector) -> None:
    order = sim.place(sale((MUG, 2)))
    mug = lines(sim, order)[0]
    both = [parcel(order, (mug, 1), key=f"bb-{n}") for n in (1, 2)]
    assert set(await asyncio.gather(*map(connector.push_tracking, both))) == {"1", "2"}
    assert sim.state(order) == "shipped"


async def test_more_shipments_than_a_page_are_all_seen(sim: BigCommerceSim, connector: Connector) -> None:
    order = sim.place(sale((MUG, 1)))
    sim.orders[int(order)].shipments = [
        {"id": n, "tracking_number": f"N{n}", "comments": f"Bluebook bb-{n}"} for n in range(1, 252)
    ]
    assert len((await connector.read_tracking([order]))[order]) == 251
    assert await connector.push_tracking(parcel(order, (lines(sim, order)[0], 1), key="bb-251")) == "251"


async def test_a_whole_order_is_canceled_with_its_reason_in_the_staff_notes(
    sim: BigCommerceSim, connector: Connector
) -> None:
    order, other = sim.place(sale((MUG, 2), (TEA, 1))), sim.place(sale((MUG, 1)))
    sim.orders[int(order)].notes = "A good customer"
    for _ in range(2):
        await connector.cancel_order(order, [], "ACME has none left")
    assert (sim.state(order), sim.counts["update"]) == ("canceled", 1)
    assert sim.orders[int(order)].notes == "A good customer\nACME has none left"
    found = await now(connector, order)
    assert (found.state, [x.canceled for x in found.lines]) == (ChannelState.CANCELED, [2, 1])
    await connector.cancel_order(other, [(lines(sim, other)[0], 1)], "")
    assert sim.state(other) == "canceled"


async def test_a_part_of_an_order_is_not_canceled(sim: BigCommerceSim, connector: Connector) -> None:
    order = sim.place(sale((MUG, 3)))
    mug = lines(sim, order)[0]
    with pytest.raises(Refused, match="as a whole") as caught:
        await connector.cancel_order(order, [(mug, 1)], "")
    assert caught.value.code == "PARTIAL"
    await connector.push_tracking(parcel(order, (mug, 1)))
    with pytest.raises(Refused, match="before anything has shipped"):
        await connector.cancel_order(order, [], "")
    sim.refund(order, MUG, 2)
    assert (await now(connector, order)).state is ChannelState.SHIPPED


# --- limits ----------------------------------------------------------------------------------------------------------


async def test_the_quota_is_learned_and_kept_to(connect: Connect) -> None:
    sim = BigCommerceSim(quota=3)
    await sim.start()
    sim.stand_still()
    order = sim.place(sale((MUG, 1)))
    one, other = connect(url=sim.url), connect(url=sim.url)
    for _ in range(3):
        await one.pull_ids([order])
    with pytest.raises(TryLater, match="Too many requests") as caught:  # the other one did not know yet
        await other.pull_ids([order])
    assert caught.value.retry_after == 30
    with pytest.raises(TryLater, match="rate limit leaves nothing"):  # and is not asked meanwhile
        await other.pull_ids([order])
    assert sim.counts["order"] == 4
    await sim.stop()


# --- listings --------------------------------------------------------------------------------------------------------


async def test_every_variant_is_listed(sim: BigCommerceSim, connector: Connector) -> None:
    assert [item.sku for item in (await connector.listed(None)).items] == [one.sku for one in LISTINGS]
    sim.products = []
    assert (await connector.listed(None)).items == ()
    sim.products = [
        {"id": n, "name": f"Mug {n}", "sku": f"MUG-{n}", "is_visible": n != 3, "variants": [
            {"id": n * 10, "sku": f"MUG-{n}-B", "upc": "012345678905", "option_values": [{"label": "Blue"}]},
            {"id": n * 10 + 1, "sku": "", "upc": "", "gtin": "4006381333931", "option_values": []},
        ]} for n in range(1, 252)
    ]  # fmt: skip
    first = await connector.listed(None)
    assert first.next is not None
    rest = await connector.listed(first.next)
    assert (len(first.items), len(rest.items), rest.next) == (500, 2, None)
    assert first.items[4:6] == (
        ListedItem(external_id="3:30", sku="MUG-3-B", title="Mug 3 Blue", barcode="012345678905", active=False),
        ListedItem(external_id="3:31", sku="MUG-3", title="Mug 3", barcode="4006381333931", active=False),
    )
