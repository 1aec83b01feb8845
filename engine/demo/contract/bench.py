"""What the cases have in their hands: a demo channel, the connector that speaks with it, and short words for both."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from engine.connectors import registry
from engine.demo.channels.base import SHIP_TO, ChannelFault, ChannelSim, Sale, SaleLine
from engine.errors import BluebookError
from engine.ports import Channel, ChannelOrder, ChannelState, Parcel, Raw
from engine.transports.throttle import Bucket

MUG, TEA = "BB-MUG-01", "BB-TEA-01"  # products of the demo's catalogue
MOST_PAGES = 500


class Case(msgspec.Struct, frozen=True):
    """One case. ``needs`` are names of what the demo channel has to offer for it, those with a dot what the connector has to.

    ``does`` raises AssertionError.
    """

    name: str
    does: Callable[[Bench], Awaitable[None]]
    needs: tuple[str, ...]

    def applies(self, sim: type[ChannelSim], connector: type[Channel]) -> bool:
        """Do the demo channel and the connector offer what the case needs?"""
        return all(hasattr(connector, need[1:]) if need[0] == "." else getattr(sim, need) for need in self.needs)


CASES: dict[str, Case] = {}


def case(*needs: str) -> Callable[[Callable[[Bench], Awaitable[None]]], Callable[[Bench], Awaitable[None]]]:
    """The function is a case, called by its name."""

    def keep(does: Callable[[Bench], Awaitable[None]]) -> Callable[[Bench], Awaitable[None]]:
        CASES[does.__name__] = Case(does.__name__, does, needs)
        return does

    return keep


class Caught:
    """What ``raises`` caught."""

    error: BluebookError


@contextmanager
def raises(what: str, *kinds: type[BluebookError]) -> Iterator[Caught]:
    """What is done within raises one of these; ``what`` says in words what it was."""
    caught = Caught()
    names = " or ".join(kind.__name__ for kind in kinds)
    raised: BluebookError | None = None
    try:
        yield caught
    except BluebookError as error:
        raised = error
    assert raised is not None, f"{what} should raise {names} and did not"
    assert isinstance(raised, kinds), f"{what} should raise {names} and raised {type(raised).__name__}: {raised}"
    assert raised.message.strip(), f"{what} raised {type(raised).__name__} without a word for people"
    caught.error = raised


class _Unhurried:
    """Stands for the buckets of tokens: nobody waits for what a test asks."""

    async def take(self, bucket: Bucket, cost: float = 1.0) -> None:
        return None

    async def told(self, bucket: Bucket, left: float) -> None:
        return None


def unlike(external_id: str, known: Sequence[str]) -> str:
    """An id of the same look that no order has."""
    digits = [place for place, sign in enumerate(external_id) if sign.isdigit()]
    assert digits, f"{external_id!r} has no digit to be changed"
    for other in "9876543210":
        # Not the first digit: some ids say by it what they are.
        found = external_id[: digits[-1]] + other + external_id[digits[-1] + 1 :]
        found = found.replace("1", "7") if found in known else found
        if found not in known:
            return found
    raise AssertionError(f"no id like {external_id} is free")


class Bench:
    """A running demo channel and its connectors, which are closed in the end.

    ``folder`` is the case's own; ``template`` an empty, migrated SQLite file to be copied, where there is one.
    """

    def __init__(self, sim: ChannelSim, kind: type[Channel], folder: Path, template: Path | None = None) -> None:
        self.sim, self.kind, self.folder, self.template = sim, kind, folder, template
        self._open: list[Channel] = []

    # --- connecting

    def settings(self, **changes: Any) -> dict[str, Any]:
        """What the connector is made of: the demo channel's settings and secrets, with changes."""
        values = {**self.sim.settings(), **self.sim.secrets(), **changes}
        return {name: value for name, value in values.items() if name in self.kind.config_type.__struct_fields__}

    def connect(self, *, small: bool = False, **changes: Any) -> Any:
        """A new connector, with small pages where asked for."""
        pages = dict(self.sim.small_pages) if small else {}
        config = registry.configure(self.kind, self.settings(**{"timeout": 60.0, **pages, **changes}))
        connector: Any = self.kind(config)
        if hasattr(connector, "throttle"):
            connector.throttle = _Unhurried()
        self._open.append(connector)
        return connector

    async def close(self) -> None:
        """Every connector is closed."""
        while self._open:
            await self._open.pop().close()

    # --- selling

    def sell(self, *lines: tuple[str, int], **changes: Any) -> str:
        """Somebody buys these (SKU, pieces), a mug where nothing is said; the order's id."""
        bought = tuple(SaleLine(sku, quantity, title=f"Thing called {sku}") for sku, quantity in lines or ((MUG, 1),))
        return self.sim.place(Sale(lines=bought, **changes))

    # --- reading

    async def walk(
        self, connector: Any, since: datetime | None = None, between: Callable[[int], None] | None = None
    ) -> dict[str, Raw]:
        """Every order of a whole walk, the last payload of each; ``between`` is called after each page but the last."""
        found: dict[str, Raw] = {}
        cursor = None
        for number in range(1, MOST_PAGES + 1):
            page = await connector.pull(since, cursor)
            assert not page.rejected, f"page {number} has what is no order: {page.rejected[0].reason}"
            found |= {raw.external_id: raw for raw in page.items}
            cursor = page.next
            if cursor is None:
                return found
            if between is not None:
                between(number)
        raise AssertionError(f"a walk does not end after {MOST_PAGES} pages")

    async def read(self, external_id: str, connector: Any = None) -> ChannelOrder:
        """The order as it stands now: by its id where it can be, by a walk elsewhere."""
        connector = connector or self.connect()
        if self.sim.rereads:
            page = await connector.pull_ids([external_id])
            found = {raw.external_id: raw for raw in page.items}
        else:
            found = await self.walk(connector)
        assert external_id in found, f"order {external_id} was not found; there are {sorted(found)}"
        order: ChannelOrder = connector.read(found[external_id])
        assert order.external_id == external_id, f"the payload of {external_id} says that it is {order.external_id}"
        return order

    # --- pushing

    def parcel(self, order: ChannelOrder, number: str = "1Z999AA10123456784", **changes: Any) -> Parcel:
        """All that is open of the order in one parcel, by UPS."""
        lines = tuple(
            (line.external_id, line.quantity - line.canceled - line.shipped)
            for line in order.lines
            if line.quantity > line.canceled + line.shipped
        )
        values: dict[str, Any] = {
            "key": f"key-{number}", "order_external_id": order.external_id, "carrier": "ups", "carrier_name": "UPS",
            "tracking_number": number, "tracking_url": f"https://www.ups.com/track?tracknum={number}", "service": "Ground",
            "shipped_at": self.sim.moment(), "lines": lines, "last": True,
        }  # fmt: skip
        return Parcel(**{**values, **changes})

    def numbers(self, external_id: str) -> list[str]:
        """The tracking numbers the channel has of an order, sorted."""
        return sorted(parcel.tracking_number for parcel in self.sim.parcels(external_id))

    # --- what goes wrong

    def struck(self, fault: ChannelFault) -> int:
        """How often this went wrong so far."""
        return sum(count for name, count in self.sim.counts.items() if name.endswith(f".{fault.value}"))

    async def each_request(self, fault: ChannelFault, act: Callable[[Callable[[], None]], Awaitable[None]]) -> None:
        """``act`` is done again and again: the fault falls on its first request, then on its second, until it has no more.

        ``act`` is given what it must call before the requests that are to meet the fault.
        """
        for before in range(40):
            was = self.struck(fault)

            def arm(before: int = before) -> None:
                self.sim.script("*", *[ChannelFault.NONE] * before, fault)

            await act(arm)
            self.sim.calm()
            if self.struck(fault) == was:
                assert before, "no request met the fault"
                return
        raise AssertionError("one act takes more than 40 requests")


def open_and_paid(order: ChannelOrder) -> bool:
    """Is the order to be shipped?"""
    return order.state in (ChannelState.OPEN, ChannelState.PARTIALLY_SHIPPED) and order.payment.value == "paid"


__all__ = ["CASES", "MUG", "SHIP_TO", "TEA", "Bench", "Case", "case", "open_and_paid", "raises", "unlike"]
