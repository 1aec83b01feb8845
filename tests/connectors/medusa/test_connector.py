"""What the connector asks of a Medusa store, and what it makes of the answers: by the demo store, faults on request."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest

from engine.connectors import registry
from engine.connectors.channels.medusa.connector import Connector
from engine.demo.channels import medusa as demo
from engine.demo.channels.base import ChannelFault, Exchange
from engine.demo.channels.medusa import MedusaSim
from engine.errors import Invalid, Misconfigured, NotAuthorised, OutcomeUnknown, Refused, TryLater
from engine.ports import ChannelParcel, ChannelState, HasOrderPages, Payment
from engine.ports_channels import CancelsOrders, HasListings
from tests.connectors.medusa.conftest import LAMP, MUG, TEA, Connect, now_says, parcel, pieces, sale


def heard(sim: MedusaSim) -> list[Exchange]:
    exchanges: list[Exchange] = []
    sim.heard.append(exchanges.append)
    return exchanges


async def walk(connector: Connector, cursor: str | None = None) -> list[str]:
    seen: dict[str, None] = {}
    for _ in range(80):
        page = await connector.pull(None, cursor)
        assert not page.rejected
        seen.update(dict.fromkeys(raw.external_id for raw in page.items))
        cursor = page.next
        if cursor is None:
            return list(seen)
    raise AssertionError("the walk does not end")


def test_the_registry_finds_it_and_checks_its_configuration() -> None:
    kind = registry.channel_type("medusa")
    assert kind is Connector
    given = {"url": "https://shop.example", "secret_key": "sk_1", "page_size": "50"}
    made = kind(registry.configure(kind, given))
    assert isinstance(made, HasOrderPages)
    assert isinstance(made, CancelsOrders)
    assert isinstance(made, HasListings)
    for wrong in ({"page_size": 501}, {"url": "shop.example"}, {"secret_key": ""}, {"paid_when": "never"}):
        with pytest.raises(Misconfigured):
            registry.configure(kind, {**given, **wrong})


def test_an_orders_page_is_the_stores_admin() -> None:
    assert (
        Connector.order_page({"url": "https://shop.example/"}, "order_1") == "https://shop.example/app/orders/order_1"
    )
    own = {"url": "https://api.example", "dashboard_url": "https://desk.example"}
    assert Connector.order_page(own, "a/b") == "https://desk.example/orders/a%2Fb"
    assert Connector.order_page({}, "order_1") == ""


# --- walking


async def test_a_walk_goes_by_the_time_of_change_and_asks_for_what_statuses_are_made_of(
    sim: MedusaSim, connect: Connect
) -> None:
    exchanges, connector = heard(sim), connect(page_size=2, sales_channel_id="sc_1")
    sim.place(sale((MUG, 1)))
    await connector.pull(sim.moment() - timedelta(hours=1), None)
    asked = parse_qs(urlsplit(exchanges[0].url).query)
    assert (asked["order"], asked["limit"], asked["sales_channel_id[]"]) == (["updated_at"], ["2"], ["sc_1"])
    assert asked["updated_at[$gte]"][0].endswith("Z")
    fields = set(asked["fields"][0].split(","))
    assert {"items.*", "items.detail.*", "payment_collections.*", "fulfillments.*", "version"} <= fields


async def test_more_orders_in_one_millisecond_than_a_page_holds_are_all_found(sim: MedusaSim, connect: Connect) -> None:
    sim.stand_still()
    placed = []
    for batch in range(3):
        placed += [sim.place(sale((MUG, 1))) for _ in range(2 if batch % 2 else 7)]
        sim.pass_time(timedelta(milliseconds=1))
    assert sorted(await walk(connect(page_size=3))) == sorted(placed)


async def test_orders_that_change_between_pages_push_nothing_over_the_edge(sim: MedusaSim, connect: Connect) -> None:
    placed = [sim.place(sale((MUG, 1), placed_at=sim.moment() - timedelta(seconds=60 - n))) for n in range(9)]
    connector, seen, cursor = connect(page_size=2), set(), None
    for step in range(30):
        page = await connector.pull(None, cursor)
        seen |= {raw.external_id for raw in page.items}
        if step < 4:
            sim.touch(placed[step], note="changed")  # goes to the end, and the rest slides forward
        cursor = page.next
        if cursor is None:
            break
    assert seen == set(placed)


async def test_an_entry_that_is_no_order_is_parked_and_its_page_goes_on(
    sim: MedusaSim, connector: Connector, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, bad = sim.place(sale((MUG, 1))), sim.place(sale((MUG, 1)))
    plain = sim._plain
    monkeypatch.setattr(sim, "_plain", lambda order: {**plain(order), **({"updated_at": 7} if order.id == bad else {})})
    page = await connector.pull(None, None)
    assert [raw.external_id for raw in page.items] == [good]
    assert "updated_at" in page.rejected[0].reason


async def test_a_foreign_cursor_is_refused(connector: Connector) -> None:
    with pytest.raises(Invalid):
        await connector.pull(None, "page 2")


async def test_ids_are_asked_for_in_hundreds_and_what_is_gone_is_left_out(sim: MedusaSim, connector: Connector) -> None:
    placed = [sim.place(sale((MUG, 1))) for _ in range(130)]
    page = await connector.pull_ids([*placed, "order_gone"])
    assert sorted(raw.external_id for raw in page.items) == sorted(placed)
    assert sim.counts["orders"] == 2


async def test_only_an_edited_order_is_asked_how_it_was_placed(sim: MedusaSim, connector: Connector) -> None:
    plain, edited = sim.place(sale((MUG, 3))), sim.place(sale((MUG, 3), (TEA, 1)))
    order = await now_says(connector, plain)
    await connector.push_tracking(parcel(order, "1Z1", (MUG, 1)))
    before = sim.counts["order"]
    assert pieces(await now_says(connector, plain)) == {MUG: (3, 0, 1)}
    assert sim.counts["order"] == before
    sim.refund(edited, MUG, 1)
    sim.refund(edited, TEA, 1)
    told = await now_says(connector, edited)
    assert sim.counts["order"] == before + 1
    assert pieces(told) == {MUG: (3, 1, 0), TEA: (1, 1, 0)}
    assert (told.state, told.payment) == (ChannelState.OPEN, Payment.PARTIALLY_REFUNDED)


async def test_a_capture_is_seen_by_the_rescan_alone(sim: MedusaSim, connector: Connector) -> None:
    placed = sim.place(sale((MUG, 1), paid=False))
    before = await now_says(connector, placed)
    sim.capture(placed)
    after = await now_says(connector, placed)
    assert (before.state, after.state) == (ChannelState.PENDING, ChannelState.OPEN)
    assert before.updated_at == after.updated_at


# --- parcels


async def test_a_parcel_is_packed_and_then_shipped_under_our_key(sim: MedusaSim, connect: Connect) -> None:
    placed = sim.place(sale((LAMP, 3), (TEA, 1)))
    connector = connect(notify_customer=False)
    order = await now_says(connector, placed)
    exchanges = heard(sim)
    reference = await connector.push_tracking(parcel(order, "1Z1", (LAMP, 2), also=("1Z0",)))
    packed, shipped = (msgspec.json.decode(x.body) for x in exchanges if x.method == "POST")
    lamp = next(line.external_id for line in order.lines if line.sku == LAMP)
    assert packed == {
        "items": [{"id": lamp, "quantity": 2}],
        "metadata": {"bluebook_key": "parcel-1Z1", "carrier": "UPS"},
        "no_notification": True,
        "location_id": "sloc_demo",
    }
    assert shipped["labels"] == [
        {"tracking_number": "1Z1", "tracking_url": "https://www.ups.com/track?tracknum=1Z1", "label_url": ""},
        {"tracking_number": "1Z0", "tracking_url": "", "label_url": ""},
    ]
    assert await connector.read_tracking([placed, "order_gone"]) == {
        placed: tuple(ChannelParcel(number, "parcel-1Z1", reference) for number in ("1Z1", "1Z0"))
    }
    assert (await now_says(connector, placed)).state is ChannelState.PARTIALLY_SHIPPED


async def test_a_crash_between_the_two_steps_heals_and_is_not_told_before(sim: MedusaSim, connect: Connect) -> None:
    placed = sim.place(sale((MUG, 2)))
    first, later = connect(), connect()
    mine = parcel(await now_says(first, placed), "1Z1", (MUG, 1))
    left = await first._fulfill(mine)  # and then nothing more
    assert await later.read_tracking([placed]) == {placed: ()}
    assert await later.push_tracking(mine) == left.id
    assert await first.push_tracking(mine) == left.id
    assert [dict(one.lines) for one in sim.parcels(placed)] == [{MUG: 1}]


async def test_two_parcels_with_one_number_are_two_and_a_parcel_may_have_none(
    sim: MedusaSim, connector: Connector
) -> None:
    placed = sim.place(sale((MUG, 3)))
    order = await now_says(connector, placed)
    told = [
        parcel(order, "1Z1", (MUG, 1), key="a"),
        parcel(order, "1Z1", (MUG, 1), key="b"),
        parcel(order, "", (MUG, 1), key="c", tracking_url="not an address"),
    ]
    for one in told * 2:
        await connector.push_tracking(one)
    assert len(sim.parcels(placed)) == 3
    found = (await connector.read_tracking([placed]))[placed]
    assert [(one.key, one.tracking_number) for one in found] == [("a", "1Z1"), ("b", "1Z1"), ("c", "")]
    assert (await now_says(connector, placed)).state is ChannelState.SHIPPED


async def test_pushes_for_one_order_wait_for_each_other(sim: MedusaSim, connector: Connector) -> None:
    placed = sim.place(sale((MUG, 2)))
    order = await now_says(connector, placed)
    mine, other = parcel(order, "1Z1", (MUG, 1)), parcel(order, "1Z2", (MUG, 1))
    references = await asyncio.gather(*map(connector.push_tracking, (mine, mine, other, mine)))
    assert len(set(references)) == 2
    assert len(sim.parcels(placed)) == 2


async def test_more_than_was_ordered_is_refused_in_the_stores_words(sim: MedusaSim, connector: Connector) -> None:
    placed = sim.place(sale((MUG, 1)))
    order = await now_says(connector, placed)
    with pytest.raises(Refused, match=r"parcel 1Z1 of order order_.*Cannot fulfill more items than what was ordered"):
        await connector.push_tracking(parcel(order, "1Z1", (MUG, 2)))
    with pytest.raises(Refused, match="no pieces"):
        await connector.push_tracking(parcel(order, "1Z1"))
    assert sim.parcels(placed) == []


@pytest.mark.parametrize("operation", ["fulfill", "ship"])
@pytest.mark.parametrize("fault", [ChannelFault.ERROR_AFTER, ChannelFault.HANG_UP, ChannelFault.HALF_ANSWER])
async def test_a_lost_answer_is_an_unknown_outcome_and_asking_again_doubles_nothing(
    sim: MedusaSim, connector: Connector, operation: str, fault: ChannelFault
) -> None:
    placed = sim.place(sale((MUG, 2)))
    mine = parcel(await now_says(connector, placed), "1Z1", (MUG, 1))
    sim.script(operation, fault)
    with pytest.raises(OutcomeUnknown):
        await connector.push_tracking(mine)
    await connector.push_tracking(mine)
    assert len(sim.parcels(placed)) == 1


# --- canceling


async def test_an_order_of_which_nothing_left_is_canceled_as_a_whole(sim: MedusaSim, connector: Connector) -> None:
    placed = sim.place(sale((MUG, 2), (TEA, 1)))
    for _ in range(2):
        await connector.cancel_order(placed, [], "out of stock")
    told = await now_says(connector, placed)
    assert (told.state, told.payment) == (ChannelState.CANCELED, Payment.REFUNDED)
    assert sim.counts["cancel"] == 1


async def test_parts_are_edited_down_by_what_was_asked(sim: MedusaSim, connector: Connector) -> None:
    placed = sim.place(sale((MUG, 3), (TEA, 2)))
    ids = {line.sku: line.external_id for line in (await now_says(connector, placed)).lines}
    await connector.cancel_order(placed, [(ids[MUG], 1)], "one broke")
    assert pieces(await now_says(connector, placed)) == {MUG: (3, 1, 0), TEA: (2, 0, 0)}
    await connector.cancel_order(placed, [(ids[TEA], 1)], "and one of these")
    await connector.push_tracking(parcel(await now_says(connector, placed), "1Z1", (MUG, 1)))
    await connector.cancel_order(placed, [], "and the rest")
    told = await now_says(connector, placed)
    assert pieces(told) == {MUG: (3, 2, 1), TEA: (2, 2, 0)}
    assert told.state is ChannelState.SHIPPED
    await connector.cancel_order(placed, [], "told once more")
    assert sim.counts["edit_confirm"] == 3


async def test_an_edit_that_broke_off_is_begun_anew_and_a_persons_is_left_alone(
    sim: MedusaSim, connector: Connector
) -> None:
    placed = sim.place(sale((MUG, 5)))
    line = (await now_says(connector, placed)).lines[0].external_id
    for canceled in (1, 2):
        sim.script("edit_item", ChannelFault.HANG_UP)
        with pytest.raises(OutcomeUnknown):
            await connector.cancel_order(placed, [(line, canceled)], "broken")
        edit = sim.orders[placed].edit
        assert edit is not None
        if canceled == 1:
            await connector.cancel_order(placed, [(line, 2)], "broken")
            assert pieces(await now_says(connector, placed)) == {MUG: (5, 2, 0)}
    edit.metadata = None  # it is not ours: somebody in the store is at it
    with pytest.raises(Refused, match="somebody is changing order") as caught:
        await connector.cancel_order(placed, [(line, 2)], "broken")
    assert caught.value.code == "EDIT_IN_PROGRESS"
    assert sim.orders[placed].edit is edit


async def test_what_is_packed_cannot_be_canceled_and_no_edit_stays_behind(sim: MedusaSim, connector: Connector) -> None:
    placed = sim.place(sale((MUG, 2)))
    order = await now_says(connector, placed)
    await connector._fulfill(parcel(order, "1Z1", (MUG, 2)))
    with pytest.raises(Refused, match="already been fulfilled"):
        await connector.cancel_order(placed, [(order.lines[0].external_id, 1)], "broken")
    assert sim.orders[placed].edit is None


async def test_a_line_or_an_order_nobody_has_is_refused(sim: MedusaSim, connector: Connector) -> None:
    placed = sim.place(sale((MUG, 2)))
    line = (await now_says(connector, placed)).lines[0].external_id
    for lines, left in (([("ordli_9", 1)], 0), ([(line, 1), (line, 2)], 2)):
        with pytest.raises(Refused, match=f"which has {left} of it open"):
            await connector.cancel_order(placed, lines, "broken")
    assert pieces(await now_says(connector, placed)) == {MUG: (2, 0, 0)}
    with pytest.raises(Refused, match="no order with the id order_9"):
        await connector.cancel_order("order_9", [], "broken")


# --- the rest


async def test_check_says_which_store_and_names_what_is_wrong(sim: MedusaSim, connect: Connect) -> None:
    assert await connect().check() == f"Demo Store at {sim.url.removeprefix('http://')}, 0 orders"
    with pytest.raises(NotAuthorised, match="Secret API Keys"):
        await connect(secret_key="sk_wrong").check()
    with pytest.raises(Refused, match="Stock location with id: sloc_9 was not found"):
        await connect(location_id="sloc_9").check()


async def test_everything_offered_is_listed(sim: MedusaSim, connector: Connector) -> None:
    page = await connector.listed(None)
    assert page.next is None
    assert {"BB-MUG-01", "BB-LAMP-01"} <= {item.sku for item in page.items}
    assert page.items[0].title.endswith("(One size)")
    assert (await connector.listed("200")).items == ()


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (ChannelFault.THROTTLE, TryLater),
        (ChannelFault.ERROR_BEFORE, TryLater),
        (ChannelFault.HANG_UP, TryLater),
        (ChannelFault.HALF_ANSWER, TryLater),
        (ChannelFault.DENY, NotAuthorised),
    ],
)
async def test_a_failed_reading_says_what_to_do(
    sim: MedusaSim, connector: Connector, fault: ChannelFault, error: type[Exception]
) -> None:
    sim.script("orders", fault)
    with pytest.raises(error):
        await connector.pull(None, None)


async def test_two_who_write_at_once_are_told_to_come_again(
    sim: MedusaSim, connector: Connector, monkeypatch: pytest.MonkeyPatch
) -> None:
    placed = sim.place(sale((MUG, 1)))
    order = await now_says(connector, placed)

    def conflict(*_: object) -> None:
        raise demo._Refusal(409, "conflict", "The request conflicted with another request.")

    monkeypatch.setattr(sim, "_pieces", conflict)
    with pytest.raises(TryLater, match="conflicted with another request"):
        await connector.push_tracking(parcel(order, "1Z1", (MUG, 1)))
