"""Cases of what goes wrong on the wire: the error says what to do, and nothing is lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from engine.demo.channels.base import ChannelFault
from engine.demo.contract.bench import MUG, Bench, case, raises
from engine.errors import BluebookError, NotAuthorised, TryLater, Unreadable

MANY = 12
"""More requests than a connector makes before it gives up: a token renewed, a throttled call waited out."""


def _without_secrets(bench: Bench, error: BluebookError) -> None:
    for name, secret in bench.sim.secrets().items():
        assert secret not in error.message, f"the message tells the secret {name}"


async def _reading(bench: Bench, fault: ChannelFault, *kinds: type[BluebookError]) -> None:
    """Each request of a walk meets the fault in turn: it raises one of these, and the next walk finds everything."""
    placed = sorted(bench.sell() for _ in range(3))

    async def act(arm: Callable[[], None]) -> None:
        connector = bench.connect(small=True)
        arm()
        was = bench.struck(fault)
        try:
            found = await bench.walk(connector)
            assert sorted(found) == placed, "a walk that met the fault ended as if it had found everything"
        except kinds as error:
            assert bench.struck(fault) > was
            _without_secrets(bench, error)
        bench.sim.calm()
        assert sorted(await bench.walk(connector)) == placed

    await bench.each_request(fault, act)


async def _first_fails(bench: Bench, fault: ChannelFault, *kinds: type[BluebookError]) -> BluebookError:
    bench.sell()
    connector = bench.connect()
    bench.sim.script("*", *[fault] * MANY)
    with raises(f"a walk that meets {fault.value} again and again", *kinds) as caught:
        await bench.walk(connector)
    _without_secrets(bench, caught.error)
    return caught.error


@case("breaks")
async def who_is_not_let_in_is_not_authorised(bench: Bench) -> None:
    """401 to reading and to pushing, after a token was renewed where tokens are; once let in, all is as before."""
    await _first_fails(bench, ChannelFault.DENY, NotAuthorised)
    bench.sim.calm()
    order_id = bench.sell((MUG, 1))
    parcel = bench.parcel(await bench.read(order_id))
    connector = bench.connect()
    bench.sim.script("*", *[ChannelFault.DENY] * MANY)
    with raises("a push that is denied", NotAuthorised) as caught:
        await connector.push_tracking(parcel)
    _without_secrets(bench, caught.error)
    with raises("a check that is denied", NotAuthorised):
        await connector.check()
    bench.sim.calm()
    await bench.connect().push_tracking(parcel)
    assert bench.numbers(order_id) == [parcel.tracking_number]


@case("breaks", "renews")
async def a_token_that_was_withdrawn_is_renewed(bench: Bench) -> None:
    """One 401 is no reason to stop: a new token is asked for, once, and the work goes on."""
    order_id = bench.sell((MUG, 1))
    connector = bench.connect()
    parcel = bench.parcel(await bench.read(order_id, connector))
    for act in (lambda: bench.walk(connector), lambda: connector.push_tracking(parcel), connector.check):
        bench.sim.script("*", ChannelFault.DENY)
        await act()
        bench.sim.calm()
    assert bench.numbers(order_id) == [parcel.tracking_number]


@case("breaks")
async def wrong_secrets_are_not_authorised(bench: Bench) -> None:
    """Whoever mistypes them reads so, and not that the channel is away."""
    wrong: dict[str, Any] = {name: f"{secret[:-3]}xyz" for name, secret in bench.sim.secrets().items()}
    with raises("a check with wrong secrets", NotAuthorised) as caught:
        await bench.connect(**wrong).check()
    for secret in wrong.values():
        assert secret not in caught.error.message, "the message tells a secret"


@case("breaks")
async def too_many_requests_are_tried_later_as_told(bench: Bench) -> None:
    """It waits as long as the channel says."""
    error = await _first_fails(bench, ChannelFault.THROTTLE, TryLater)
    assert isinstance(error, TryLater)
    assert error.retry_after is not None, "how long to wait is not told"
    assert 0 < error.retry_after <= 120, f"it waits {error.retry_after} s"


@case("breaks")
async def a_throttled_walk_loses_nothing(bench: Bench) -> None:
    """Wherever it is throttled."""
    await _reading(bench, ChannelFault.THROTTLE, TryLater)


@case("breaks")
async def an_error_of_the_channel_is_tried_later(bench: Bench) -> None:
    """500 to any request of a walk."""
    await _reading(bench, ChannelFault.ERROR_BEFORE, TryLater)


@case("breaks")
async def a_channel_that_hangs_up_is_tried_later(bench: Bench) -> None:
    """The connection breaks at any request of a walk."""
    await _reading(bench, ChannelFault.HANG_UP, TryLater)


@case("breaks")
async def half_an_answer_is_never_taken_for_all(bench: Bench) -> None:
    """A body cut short is unreadable or tried later."""
    await _reading(bench, ChannelFault.HALF_ANSWER, TryLater, Unreadable)


@case("breaks")
async def a_slow_answer_is_waited_for(bench: Bench) -> None:
    """A body that dribbles is read to its end."""
    placed = sorted(bench.sell() for _ in range(2))
    connector = bench.connect()
    await connector.check()
    bench.sim.script("*", ChannelFault.SLOW)
    assert sorted(await bench.walk(connector)) == placed


@case("breaks")
async def a_late_answer_is_tried_later(bench: Bench) -> None:
    """Nobody waits for ever."""
    bench.sell()
    connector = bench.connect(timeout=0.15)
    bench.sim.late = 0.3
    bench.sim.script("*", *[ChannelFault.LATE] * MANY)
    with raises("a walk that is not answered", TryLater):
        await bench.walk(connector)


@case("breaks")
async def a_channel_that_is_away_is_tried_later(bench: Bench) -> None:
    """Nothing happened, whatever was to be done; once it is back, it is done."""
    order_id = bench.sell()
    connector = bench.connect()
    parcel = bench.parcel(await bench.read(order_id, connector))
    address = bench.sim.url
    await bench.sim.stop()
    with raises("a walk where nobody listens", TryLater):
        await bench.walk(connector)
    with raises("a check where nobody listens", TryLater):
        await connector.check()
    with raises("a push where nobody listens", TryLater):
        await connector.push_tracking(parcel)
    await bench.sim.start(int(address.rpartition(":")[2]))
    await connector.push_tracking(parcel)
    assert bench.numbers(order_id) == [parcel.tracking_number]
