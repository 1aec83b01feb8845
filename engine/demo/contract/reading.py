"""Cases of reading: every order, each change, while orders come and go."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec

from engine.demo.channels.base import SHIP_TO, Sale, SaleLine
from engine.demo.contract.bench import MUG, TEA, Bench, case, open_and_paid, unlike
from engine.ports import ChannelState, Payment, Raw

SECOND = timedelta(seconds=1)


@case()
async def check_says_who(bench: Bench) -> None:
    """``check`` returns one line for people, without secrets in it."""
    said = await bench.connect().check()
    assert said.strip(), "check says nothing"
    assert "\n" not in said, f"check says more than a line: {said!r}"
    for name, secret in bench.sim.secrets().items():
        assert secret not in said, f"check tells the secret {name}"


@case()
async def close_can_be_called_twice_and_before_anything(bench: Bench) -> None:
    """A connector is closed before it was used, and again, without a complaint."""
    connector = bench.connect()
    await connector.close()
    await connector.check()
    await connector.close()
    await connector.close()


@case()
async def a_shop_without_orders_gives_an_empty_walk(bench: Bench) -> None:
    """Nothing is found where nothing was sold."""
    assert await bench.walk(bench.connect()) == {}


@case()
async def an_order_says_what_was_bought(bench: Bench) -> None:
    """Lines, prices, sums, address, state and payment are those of the sale."""
    order_id = bench.sell((MUG, 3), (TEA, 1), shipping=595, rate="Flat rate")
    order = await bench.read(order_id)
    lines = {line.sku: line for line in order.lines}
    assert sorted(lines) == [MUG, TEA], f"the lines are {sorted(lines)}"
    assert [lines[sku].quantity for sku in (MUG, TEA)] == [3, 1]
    assert [lines[sku].unit_price for sku in (MUG, TEA)] == [1450, 1450], "prices are minor units of one piece"
    assert [(line.canceled, line.shipped) for line in order.lines] == [(0, 0), (0, 0)]
    assert len({line.external_id for line in order.lines}) == 2, "lines need ids of their own"
    assert (order.currency, order.shipping_total) == ("USD", 595)
    goods = sum(line.unit_price * line.quantity for line in order.lines)
    sums = goods + order.shipping_total + order.tax_total - order.discount_total
    assert order.total == sums, f"the total is {order.total}, and its parts are {sums}"
    assert order.number, "the order has no number for people"
    assert order.shipping_rate, "the rate the customer chose is not told"
    assert (order.state, order.payment) == (ChannelState.OPEN, Payment.PAID)
    to = order.ship_to
    assert (to.name, to.line1, to.city, to.postal_code, to.country) == (
        SHIP_TO.name, SHIP_TO.line1, SHIP_TO.city, SHIP_TO.postal_code, SHIP_TO.country,
    )  # fmt: skip


@case()
async def a_first_walk_finds_every_order_in_pages(bench: Bench) -> None:
    """Seven orders come in several pages, each of them once or more often."""
    placed = []
    for _ in range(7):
        placed.append(bench.sell())
        bench.sim.pass_time(SECOND)
    pages: list[int] = []
    found = await bench.walk(bench.connect(small=True), between=pages.append)
    assert sorted(found) == sorted(placed)
    assert pages or not bench.sim.small_pages, "the settings for small pages made one page"


@case()
async def many_orders_of_one_second_are_all_found(bench: Bench) -> None:
    """More than a page of orders changed in the same second, by a walk from the beginning and by one since that second."""
    bench.sim.stand_still()
    at = bench.sim.moment()
    placed = sorted(bench.sell() for _ in range(9))
    bench.sim.pass_time(5 * SECOND)
    assert sorted(await bench.walk(bench.connect(small=True))) == placed
    assert sorted(await bench.walk(bench.connect(small=True), at)) == placed, "since is inclusive"


@case()
async def a_walk_since_a_moment_finds_what_is_new(bench: Bench) -> None:
    """An order placed after the first walk comes with the next one."""
    connector = bench.connect()
    bench.sell()
    await bench.walk(connector)
    bench.sim.pass_time(timedelta(minutes=10))
    since = bench.sim.moment()
    later = bench.sell()
    assert later in await bench.walk(connector, since)


@case("tells_changes")
async def a_walk_since_a_moment_finds_what_changed(bench: Bench) -> None:
    """An order edited after the first walk comes with the next one, and not with an earlier time of change."""
    connector = bench.connect()
    order_id = bench.sell()
    before = connector.read((await bench.walk(connector))[order_id])
    bench.sim.pass_time(timedelta(minutes=10))
    since = bench.sim.moment()
    bench.sim.touch(order_id, note="Please ring twice")
    found = await bench.walk(connector, since)
    assert order_id in found, "the changed order did not come again"
    after = connector.read(found[order_id])
    assert after.updated_at >= before.updated_at, f"it changed at {after.updated_at}, before at {before.updated_at}"


@case("tells_changes")
async def a_canceled_order_comes_again(bench: Bench) -> None:
    """A walk that lists open orders only would never tell that one was canceled."""
    connector = bench.connect()
    order_id = bench.sell()
    await bench.walk(connector)
    bench.sim.pass_time(timedelta(minutes=10))
    since = bench.sim.moment()
    bench.sim.cancel(order_id)
    found = await bench.walk(connector, since)
    assert order_id in found, "the canceled order did not come again"
    assert connector.read(found[order_id]).state is ChannelState.CANCELED


@case()
async def pages_that_shift_during_the_walk_lose_nothing(bench: Bench) -> None:
    """Orders seen already change, so that they move to the end and the others slide over the boundary of the page."""
    placed = []
    for _ in range(8):
        placed.append(bench.sell())
        bench.sim.pass_time(SECOND)

    def shift(page: int) -> None:
        if page <= 3:
            bench.sim.pass_time(SECOND)
            for order_id in placed[2 * page - 2 : 2 * page]:
                bench.sim.touch(order_id, note=f"changed after page {page}")

    found = await bench.walk(bench.connect(small=True), between=shift)
    assert set(placed) <= set(found), f"lost: {sorted(set(placed) - set(found))}"


@case()
async def orders_canceled_during_the_walk_hide_no_other(bench: Bench) -> None:
    """An order that leaves a list of open ones moves the rest by one."""
    placed = []
    for _ in range(8):
        placed.append(bench.sell())
        bench.sim.pass_time(SECOND)

    def shift(page: int) -> None:
        if page <= 3:
            bench.sim.pass_time(SECOND)
            bench.sim.cancel(placed[2 * page - 2])

    found = await bench.walk(bench.connect(small=True), between=shift)
    assert set(placed) <= set(found), f"lost: {sorted(set(placed) - set(found))}"


@case()
async def orders_placed_during_the_walk_are_found_by_it_or_the_next(bench: Bench) -> None:
    """What comes in meanwhile is not skipped by the walk that follows with an overlap."""
    for _ in range(5):
        bench.sell()
        bench.sim.pass_time(SECOND)
    begun, placed = bench.sim.moment(), []

    def sell(page: int) -> None:
        if page <= 4:
            placed.append(bench.sell())
            bench.sim.pass_time(SECOND)

    connector = bench.connect(small=True)
    found = set(await bench.walk(connector, between=sell))
    found |= set(await bench.walk(connector, begun - SECOND))
    assert set(placed) <= found, f"lost: {sorted(set(placed) - found)}"


@case()
async def an_order_canceled_during_the_scan_is_canceled_in_the_end(bench: Bench) -> None:
    """Whatever page it stood on: the walk, the next one, and reading it again, agree on how it ended."""
    placed = []
    for _ in range(6):
        placed.append(bench.sell())
        bench.sim.pass_time(SECOND)
    begun = bench.sim.moment()

    def change(page: int) -> None:
        if page == 1:
            for order_id in (placed[0], placed[-1]):
                bench.sim.cancel(order_id)
            bench.sim.pass_time(SECOND)

    connector = bench.connect(small=True)
    found = await bench.walk(connector, between=change)
    if bench.sim.tells_changes:
        found |= await bench.walk(connector, begun - SECOND)
    else:
        found |= {raw.external_id: raw for raw in (await connector.pull_ids(placed)).items}
    states = {order_id: connector.read(found[order_id]).state for order_id in placed}
    canceled = sorted(order_id for order_id, state in states.items() if state is ChannelState.CANCELED)
    assert canceled == sorted([placed[0], placed[-1]]), f"canceled are {canceled}"


@case("rereads")
async def orders_are_read_by_their_ids_and_no_others(bench: Bench) -> None:
    """A few of many, one of them named twice; an id nobody has is simply missing."""
    placed = [bench.sell() for _ in range(5)]
    wanted = [placed[3], placed[0], placed[3]]
    connector = bench.connect()
    page = await connector.pull_ids([*wanted, unlike(placed[2], placed)])
    assert sorted(raw.external_id for raw in page.items) == sorted({placed[3], placed[0]})
    assert not page.rejected, page.rejected
    assert page.next is None, "ids are read in one page"
    assert (await connector.pull_ids([])).items == ()


@case("rereads")
async def a_hundred_orders_are_read_by_their_ids(bench: Bench) -> None:
    """More than any channel takes in one call: the engine asks for a hundred at a time."""
    placed = [bench.sell() for _ in range(101)]
    page = await bench.connect().pull_ids(placed)
    missing = set(placed) - {raw.external_id for raw in page.items}
    assert not missing, f"{len(missing)} of 101 are missing"


@case("vanishes", "rereads")
async def an_order_that_vanished_is_missing_and_stops_nothing(bench: Bench) -> None:
    """During the walk, and when it is read by its id with another."""
    placed = []
    for _ in range(5):
        placed.append(bench.sell())
        bench.sim.pass_time(SECOND)

    def remove(page: int) -> None:
        if page == 1:
            bench.sim.vanish(placed[0])

    connector = bench.connect(small=True)
    found = await bench.walk(connector, between=remove)
    assert set(placed[1:]) <= set(found), f"lost: {sorted(set(placed[1:]) - set(found))}"
    page = await connector.pull_ids(placed[:2])
    assert [raw.external_id for raw in page.items] == [placed[1]]


@case()
async def what_was_stored_reads_the_same_later(bench: Bench) -> None:
    """``read`` is pure: another connector makes the same order of the stored bytes, also when the shop has changed since."""
    order_id = bench.sell((MUG, 2), (TEA, 1))
    connector = bench.connect()
    raw = (await bench.walk(connector))[order_id]
    first = connector.read(raw)
    bench.sim.cancel(order_id)
    later = Raw(raw.external_id, bytes(raw.body), raw.content_type)
    assert bench.connect().read(later) == first == connector.read(raw)
    assert msgspec.json.decode(msgspec.json.encode(first), type=type(first)) == first


@case()
async def times_are_aware_and_the_moment_it_was(bench: Bench) -> None:
    """An order placed at a known moment says so in UTC, wherever the shop's clock hangs."""
    before = bench.sim.moment() - SECOND
    order = await bench.read(bench.sell())
    after = bench.sim.moment() + SECOND
    for name in ("placed_at", "updated_at"):
        found: datetime = getattr(order, name)
        assert found.tzinfo is not None, f"{name} has no zone"
        assert found.utcoffset() == timedelta(), f"{name} is not in UTC"
        assert before <= found <= after, f"{name} is {found}, and it was {before:%c} UTC"


@case()
async def a_sale_of_another_season_keeps_its_hour(bench: Bench) -> None:
    """Summer time then and winter time now shift nothing."""
    for month in (1, 7):
        at = datetime(2026, month, 9, 22, 30, 15, tzinfo=UTC)
        order = await bench.read(bench.sell(placed_at=at))
        assert order.placed_at == at, f"placed at {at}, read as {order.placed_at}"


@case()
async def money_has_the_decimals_of_its_currency(bench: Bench) -> None:
    """Yen have none and dinars three: amounts are minor units all the same."""
    for currency in bench.sim.currencies:
        line = SaleLine(MUG, 2, 1450)
        order = await bench.read(bench.sim.place(Sale(lines=(line,), currency=currency, shipping=500)))
        assert order.currency == currency
        assert [one.unit_price for one in order.lines] == [1450], f"{currency}: {order.lines[0].unit_price} a piece"
        assert (order.shipping_total, order.total) == (500, 3400), f"{currency}: {order.shipping_total}, {order.total}"


@case()
async def every_script_and_sign_survives(bench: Bench) -> None:
    """Emoji, right-to-left text, quotes, ampersands and tags are what they were."""
    title = 'Tasse „grün“ & <b>Größe</b> "L" 🎁 كوب'
    ship_to = msgspec.structs.replace(SHIP_TO, name="Zoë O’Neill-Größe عمر 🏡", line1="Straße der Jugend 5 & 7")
    sale = Sale(lines=(SaleLine(MUG, 1, title=title),), ship_to=ship_to)
    order = await bench.read(bench.sim.place(sale))
    assert order.lines[0].title == title
    assert (order.ship_to.name, order.ship_to.line1) == (ship_to.name, ship_to.line1)


@case("sells_unpaid")
async def what_is_not_paid_waits(bench: Bench) -> None:
    """An unpaid order is not read as one to be shipped, if it is shown at all."""
    order_id = bench.sell(paid=False)
    connector = bench.connect()
    found = await bench.walk(connector)
    if order_id in found:
        order = connector.read(found[order_id])
        assert not open_and_paid(order), f"it is read as {order.state}, {order.payment}"
    if bench.sim.pays:
        bench.sim.pass_time(timedelta(minutes=10))
        since = bench.sim.moment()
        bench.sim.pay(order_id)
        assert open_and_paid(await bench.read(order_id))
        if bench.sim.tells_changes:
            assert order_id in await bench.walk(connector, since), "it did not come again when it was paid"


@case()
async def a_canceled_order_is_canceled(bench: Bench) -> None:
    """The state says it."""
    order_id = bench.sell((MUG, 2))
    bench.sim.cancel(order_id)
    assert (await bench.read(order_id)).state is ChannelState.CANCELED


@case("wishes", "rereads")
async def a_wish_to_cancel_is_no_cancellation(bench: Bench) -> None:
    """Whose customer asks to cancel it says so, and stays open and whole."""
    order_id = bench.sell((MUG, 2), (TEA, 1))
    assert (await bench.read(order_id)).cancel_wish is None, "nobody has asked yet"
    bench.sim.ask_to_cancel(order_id)
    order = await bench.read(order_id)
    assert order.cancel_wish is not None, "the wish is not told"
    assert order.cancel_wish.lines == (), "all of it is not wanted any more"
    assert open_and_paid(order), f"the order is {order.state} and {order.payment}"
    assert [line.canceled for line in order.lines] == [0, 0]
    assert order.fraud is None, f"a wish is no warning: {order.fraud}"


@case("refunds")
async def pieces_paid_back_are_canceled(bench: Bench) -> None:
    """One of three will not be wanted: the line had three and one of them is canceled; the order stays open."""
    order_id = bench.sell((MUG, 3), (TEA, 1))
    bench.sim.refund(order_id, MUG, 1)
    order = await bench.read(order_id)
    lines = {line.sku: line for line in order.lines}
    assert lines[MUG].quantity - lines[MUG].canceled == 2, f"wanted are {lines[MUG].quantity - lines[MUG].canceled}"
    assert (lines[TEA].quantity, lines[TEA].canceled) == (1, 0)
    assert order.state is ChannelState.OPEN, f"the order is {order.state}"
