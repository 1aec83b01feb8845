"""Cases of telling the channel of parcels: each once, whatever happens on the way."""

from __future__ import annotations

import asyncio
from collections import Counter

from engine.demo.channels.base import ChannelFault
from engine.demo.contract.bench import MUG, TEA, Bench, case, raises, unlike
from engine.errors import OutcomeUnknown, Refused, TryLater, Unreadable
from engine.ports import ChannelOrder, ChannelState, Parcel

FIRST, SECOND = "1Z999AA10123456784", "1Z999AA10123456793"


def _of(order: ChannelOrder, **pieces: int) -> tuple[tuple[str, int], ...]:
    ids = {line.sku: line.external_id for line in order.lines}
    return tuple(
        (ids[sku], count) for sku, count in ((MUG, pieces.get("mug", 0)), (TEA, pieces.get("tea", 0))) if count
    )


@case()
async def one_parcel_ships_the_order(bench: Bench) -> None:
    """The channel has its number, shows the order as shipped, and says both when it is asked."""
    order_id = bench.sell((MUG, 2), (TEA, 1))
    connector = bench.connect()
    order = await bench.read(order_id, connector)
    parcel = bench.parcel(order)
    reference = await connector.push_tracking(parcel)
    assert isinstance(reference, str)
    assert reference, "the channel's reference of the parcel is not told"
    assert bench.numbers(order_id) == [parcel.tracking_number]
    assert bench.sim.state(order_id) == "shipped"
    found = await connector.read_tracking([order_id])
    assert {one.tracking_number for one in found[order_id]} == {parcel.tracking_number}
    keys = {one.key for one in found[order_id]}
    assert keys <= {parcel.key, None}, f"the parcel read back has another key than ours: {keys}"
    if bench.sim.rereads:
        after = await bench.read(order_id, connector)
        assert after.state is ChannelState.SHIPPED, f"the order is read as {after.state}"
        assert all(line.shipped == line.quantity for line in after.lines), after.lines


@case("partials")
async def an_order_ships_in_two_parcels(bench: Bench) -> None:
    """Two of three mugs first, the third with the tea: the channel has both parcels with their pieces."""
    order_id = bench.sell((MUG, 3), (TEA, 1))
    connector = bench.connect()
    order = await bench.read(order_id, connector)
    await connector.push_tracking(bench.parcel(order, FIRST, lines=_of(order, mug=2), last=False))
    assert bench.sim.state(order_id) == "partially_shipped"
    between = await bench.read(order_id, connector)
    assert between.state is ChannelState.PARTIALLY_SHIPPED, f"the order is read as {between.state}"
    shipped = {line.sku: line.shipped for line in between.lines}
    assert shipped == {MUG: 2, TEA: 0}, f"shipped is read as {shipped}"
    await connector.push_tracking(bench.parcel(order, SECOND, lines=_of(order, mug=1, tea=1)))
    assert bench.numbers(order_id) == [FIRST, SECOND]
    for parcel in bench.sim.parcels(order_id):
        wanted = {MUG: 2} if parcel.tracking_number == FIRST else {MUG: 1, TEA: 1}
        assert not parcel.lines or dict(parcel.lines) == wanted, f"{parcel.tracking_number} has {parcel.lines}"
    assert bench.sim.state(order_id) == "shipped"
    found = await connector.read_tracking([order_id])
    assert {one.tracking_number for one in found[order_id]} == {FIRST, SECOND}


@case("stays_open")
async def a_parcel_that_is_not_the_last_leaves_the_order_open(bench: Bench) -> None:
    """Also where the channel keeps no pieces of parcels: more is to come."""
    order_id = bench.sell((MUG, 3))
    connector = bench.connect()
    order = await bench.read(order_id, connector)
    await connector.push_tracking(bench.parcel(order, FIRST, lines=_of(order, mug=2), last=False))
    assert bench.sim.state(order_id) in ("open", "partially_shipped")
    await connector.push_tracking(bench.parcel(order, SECOND, lines=_of(order, mug=1)))
    assert bench.sim.state(order_id) == "shipped"
    assert bench.numbers(order_id) == [FIRST, SECOND]


@case()
async def a_parcel_pushed_again_is_one_parcel(bench: Bench) -> None:
    """By the same connector and by another that knows nothing of the first."""
    order_id = bench.sell((MUG, 2))
    connector = bench.connect()
    parcel = bench.parcel(await bench.read(order_id, connector))
    references = [await one.push_tracking(parcel) for one in (connector, connector, bench.connect())]
    assert len(set(references)) == 1, f"one parcel has the references {references}"
    assert bench.numbers(order_id) == [parcel.tracking_number]


@case()
async def one_number_on_parcels_of_two_orders_is_a_parcel_of_each(bench: Bench) -> None:
    """A supplier may put two orders into one box."""
    connector = bench.connect()
    for order_id in (bench.sell(), bench.sell()):
        order = await bench.read(order_id, connector)
        await connector.push_tracking(bench.parcel(order, FIRST, key=f"key-of-{order_id}"))
        assert bench.numbers(order_id) == [FIRST]


@case()
async def two_parcels_told_at_once_are_both_kept(bench: Bench) -> None:
    """Workers push side by side; what one writes the other does not undo."""
    order_id = bench.sell((MUG, 1), (TEA, 1))
    connector = bench.connect()
    order = await bench.read(order_id, connector)
    parts = [
        bench.parcel(order, FIRST, lines=_of(order, mug=1), last=False),
        bench.parcel(order, SECOND, lines=_of(order, tea=1), last=False),
    ]
    await asyncio.gather(*(connector.push_tracking(part) for part in parts))
    assert bench.numbers(order_id) == [FIRST, SECOND]


async def _after(bench: Bench, fault: ChannelFault) -> None:
    """Each request of a push meets the fault in turn; pushed again, there is one parcel."""

    async def act(arm: object) -> None:
        order_id = bench.sell((MUG, 2))
        parcel = bench.parcel(await bench.read(order_id))
        connector = bench.connect()
        assert callable(arm)
        arm()
        try:
            await connector.push_tracking(parcel)
        except (TryLater, OutcomeUnknown):
            pass
        except Unreadable:
            assert fault is ChannelFault.HALF_ANSWER, "only an answer cut short cannot be read"
        bench.sim.calm()
        for again in (connector, bench.connect()):
            await _insist(again, parcel)
        assert bench.numbers(order_id) == [parcel.tracking_number], f"there are {bench.numbers(order_id)}"
        assert bench.sim.state(order_id) == "shipped"

    await bench.each_request(fault, act)


async def _insist(connector: object, parcel: Parcel) -> None:
    """Pushed as the engine does: again where the channel does not show it yet."""
    push = connector.push_tracking  # type: ignore[attr-defined]
    try:
        await push(parcel)
    except (TryLater, OutcomeUnknown):
        await push(parcel)


@case("breaks")
async def a_push_after_an_error_before_anything_was_done(bench: Bench) -> None:
    """The channel answers 500 and has done nothing."""
    await _after(bench, ChannelFault.ERROR_BEFORE)


@case("breaks")
async def a_push_after_an_error_that_had_done_it(bench: Bench) -> None:
    """The channel answers 500 and has done what was asked for: it is read back, not done again."""
    await _after(bench, ChannelFault.ERROR_AFTER)


@case("breaks")
async def a_push_after_the_channel_hung_up(bench: Bench) -> None:
    """The answer never came, and it was done."""
    await _after(bench, ChannelFault.HANG_UP)


@case("breaks")
async def a_push_after_half_an_answer(bench: Bench) -> None:
    """The answer was cut short, and it was done."""
    await _after(bench, ChannelFault.HALF_ANSWER)


@case("breaks")
async def a_push_after_too_many_requests(bench: Bench) -> None:
    """Nothing was done, and it is tried again."""
    await _after(bench, ChannelFault.THROTTLE)


@case("counts_pieces")
async def more_pieces_than_are_open_are_refused(bench: Bench) -> None:
    """Five of three: a definite no, and nothing is told to the customer."""
    order_id = bench.sell((MUG, 3))
    connector = bench.connect()
    order = await bench.read(order_id, connector)
    with raises("a parcel of five of three pieces", Refused):
        await connector.push_tracking(bench.parcel(order, lines=_of(order, mug=5)))
    assert bench.numbers(order_id) == []
    assert bench.sim.state(order_id) == "open"


@case()
async def a_carrier_nobody_knows_goes_by_its_name_or_is_refused(bench: Bench) -> None:
    """It is never made into another carrier."""
    order_id = bench.sell((MUG, 1))
    connector = bench.connect()
    order = await bench.read(order_id, connector)
    parcel = bench.parcel(order, "KW-1234567", carrier="", carrier_name="Kiwi Express", tracking_url="", service="")
    said = ""
    try:
        await connector.push_tracking(parcel)
    except Refused as no:
        said = no.message
    if said:
        assert "Kiwi Express" in said, f"the refusal does not name the carrier: {said}"
        assert bench.numbers(order_id) == []
        return
    (told,) = bench.sim.parcels(order_id)
    # Some take letters and digits only.
    assert told.tracking_number in ("KW-1234567", "KW1234567"), told.tracking_number
    wrong = {"ups", "usps", "fedex", "dhl"}
    assert told.carrier.casefold() not in wrong, f"Kiwi Express became {told.carrier}"


@case("rereads")
async def a_parcel_of_an_order_nobody_has_is_refused(bench: Bench) -> None:
    """A definite no, and not something to be tried again for ever."""
    order_id = bench.sell((MUG, 1))
    connector = bench.connect()
    order = await bench.read(order_id, connector)
    parcel = bench.parcel(order, order_external_id=unlike(order_id, [order_id]))
    with raises("a parcel of an order that is not there", Refused):
        await connector.push_tracking(parcel)
    assert bench.numbers(order_id) == []


@case("rereads")
async def a_canceled_order_is_not_revived_by_a_parcel(bench: Bench) -> None:
    """The parcel is refused or noted; the order stays canceled."""
    order_id = bench.sell((MUG, 1))
    connector = bench.connect()
    order = await bench.read(order_id, connector)
    bench.sim.cancel(order_id)
    try:
        await connector.push_tracking(bench.parcel(order))
    except Refused:
        assert bench.numbers(order_id) == []
    assert bench.sim.state(order_id) == "canceled"


@case()
async def parcels_of_many_orders_are_read_at_once(bench: Bench) -> None:
    """Those with parcels and those without; an order nobody has is missing."""
    placed = [bench.sell((MUG, 1)) for _ in range(4)]
    connector = bench.connect()
    for number, order_id in zip((FIRST, SECOND), placed, strict=False):
        await connector.push_tracking(bench.parcel(await bench.read(order_id, connector), number))
    found = await connector.read_tracking([*placed, unlike(placed[0], placed)])
    assert set(found) <= set(placed), f"there is no order {sorted(set(found) - set(placed))}"
    told = Counter({order_id: len({one.tracking_number for one in found.get(order_id, ())}) for order_id in placed})
    assert [told[order_id] for order_id in placed] == [1, 1, 0, 0]
    assert await connector.read_tracking([]) == {}
