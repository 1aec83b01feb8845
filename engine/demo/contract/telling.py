"""Cases of what some channels take besides parcels: that an order has arrived, that it is canceled, many parcels at once."""

from __future__ import annotations

import contextlib
from datetime import timedelta

from engine.demo.channels.base import ChannelFault
from engine.demo.contract.bench import MUG, Bench, case, open_and_paid, unlike
from engine.errors import BluebookError, OutcomeUnknown, Refused, TryLater
from engine.ports import ChannelState

HOUR = timedelta(hours=1)
_OPEN = (TryLater, OutcomeUnknown)


@case(".acknowledge")
async def an_order_is_acknowledged_as_often_as_it_is_told(bench: Bench) -> None:
    """Told twice, by two connectors, it stays an order to be shipped."""
    order_id = bench.sell((MUG, 1))
    for connector in (bench.connect(), bench.connect()):
        await connector.acknowledge(order_id)
        assert open_and_paid(await bench.read(order_id, connector))


@case(".acknowledge", "breaks")
async def an_acknowledgement_is_repeated_after_a_broken_answer(bench: Bench) -> None:
    """Whatever request breaks: it is told again and goes through."""
    for fault in (ChannelFault.ERROR_AFTER, ChannelFault.HANG_UP):

        async def act(arm: object, fault: ChannelFault = fault) -> None:
            order_id = bench.sell((MUG, 1))
            connector = bench.connect()
            await connector.check()
            assert callable(arm)
            arm()
            with contextlib.suppress(*_OPEN):
                await connector.acknowledge(order_id)
            bench.sim.calm()
            await connector.acknowledge(order_id)
            assert open_and_paid(await bench.read(order_id, connector)), f"after {fault.value}"

        await bench.each_request(fault, act)


@case(".cancel_order", "rereads")
async def a_cancellation_of_ours_is_taken_or_refused(bench: Bench) -> None:
    """Taken, the order is canceled when it is read again, however often it was told; refused, it stays as it was."""
    order_id = bench.sell((MUG, 2))
    connector = bench.connect()
    try:
        for one in (connector, bench.connect()):
            await one.cancel_order(order_id, [], "out of stock")
    except Refused as no:
        refused = no.message
    else:
        refused = ""
    bench.sim.pass_time(HOUR)
    order = await bench.read(order_id, connector)
    wanted = {ChannelState.OPEN} if refused else {ChannelState.CANCELED}
    assert order.state in wanted, f"the order is {order.state}; {refused or 'it was taken'}"
    assert bench.sim.state(order_id) == ("open" if refused else "canceled")


@case(".cancel_order", "rereads", "breaks")
async def a_cancellation_is_repeated_after_a_broken_answer(bench: Bench) -> None:
    """Whatever request breaks after it was done: told again, the order is canceled once."""

    async def act(arm: object) -> None:
        order_id = bench.sell((MUG, 2))
        connector = bench.connect()
        await connector.check()
        assert callable(arm)
        arm()
        try:
            await connector.cancel_order(order_id, [], "out of stock")
        except _OPEN:
            pass
        except Refused:
            bench.sim.calm()
            return
        bench.sim.calm()
        await connector.cancel_order(order_id, [], "out of stock")
        bench.sim.pass_time(HOUR)
        assert (await bench.read(order_id, connector)).state is ChannelState.CANCELED

    await bench.each_request(ChannelFault.ERROR_AFTER, act)


@case(".cancel_order", "rereads")
async def what_has_shipped_is_not_canceled(bench: Bench) -> None:
    """It is refused, and the order stays shipped."""
    order_id = bench.sell((MUG, 1))
    connector = bench.connect()
    await connector.push_tracking(bench.parcel(await bench.read(order_id, connector)))
    raised: BluebookError | None = None
    try:
        await connector.cancel_order(order_id, [], "too late")
    except Refused as no:
        raised = no
    bench.sim.pass_time(HOUR)
    assert bench.sim.state(order_id) == "shipped", f"the order is {bench.sim.state(order_id)}; {raised}"


@case(".push_many", "rereads")
async def many_parcels_are_told_at_once_and_each_has_its_answer(bench: Bench) -> None:
    """One of an order nobody has is refused and keeps none of the others; told again, there is one of each."""
    placed = [bench.sell((MUG, 1)) for _ in range(5)]
    connector = bench.connect()
    parcels = [
        bench.parcel(await bench.read(order_id, connector), f"1Z999AA1012345{place:04d}")
        for place, order_id in enumerate(placed)
    ]
    lost = bench.parcel(
        await bench.read(placed[0], connector), "1Z0", order_external_id=unlike(placed[0], placed)
    )  # fmt: skip
    for one in (connector, bench.connect()):
        answers = await one.push_many([*parcels, lost])
        assert isinstance(answers[lost.key], Refused), f"of an order nobody has it says {answers[lost.key]!r}"
        assert all(isinstance(answers[parcel.key], str) for parcel in parcels), answers
    assert [bench.numbers(order_id) for order_id in placed] == [[parcel.tracking_number] for parcel in parcels]
