"""A demo channel at work: customers who buy what the demo sells, and what the channel is told in the end."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import random
from collections.abc import Mapping
from typing import cast

import msgspec

from engine.connectors import registry
from engine.demo import catalogue, channels
from engine.demo.channels.base import SHIP_TO, ChannelFault, ChannelSim, Sale, SaleLine
from engine.demo.store_orders import PLACES
from engine.errors import Invalid

FAULTS = tuple(fault.value for fault in ChannelFault if fault is not ChannelFault.NONE)
CHANCE = 0.2
_FIRST = ("Ada", "Grace", "Mary", "Alan", "Edsger", "Barbara", "Donald", "Radia")
_LAST = ("Byron", "Hopper", "Shaw", "Mathison", "Wybe", "Liskov", "Ervin", "Joy")


def kinds() -> list[str]:
    """The channels there is a demo of, by their connectors' slugs."""
    modules = {module.name for module in pkgutil.iter_modules(channels.__path__)}
    return sorted(modules & set(registry.slugs("channels")))


def sim_of(kind: str) -> type[ChannelSim]:
    """The demo channel of this kind. Raises Invalid naming those there are."""
    if kind not in kinds():
        raise Invalid(f"there is no demo channel of kind {kind!r}; there are: {', '.join(kinds())}", "kind")
    module = importlib.import_module(f"{channels.__name__}.{kind}")
    found = [one for _, one in inspect.getmembers(module, inspect.isclass) if getattr(one, "slug", "") == kind]
    return cast("type[ChannelSim]", found[0])


def chances(given: list[str]) -> dict[ChannelFault, float]:
    """Faults with their chances, from ``throttle`` or ``throttle=0.5``. Raises Invalid."""
    found = {}
    for text in given:
        name, equals, share = text.partition("=")
        if name not in FAULTS:
            raise Invalid(f"there is no fault {name!r}; there are: {', '.join(FAULTS)}", "fault")
        try:
            chance = float(share) if equals else CHANCE
        except ValueError:
            chance = -1.0
        if not 0 < chance <= 1:
            raise Invalid(f"--fault {text}: the share of requests is a number up to 1, as in {name}=0.5", "fault")
        found[ChannelFault(name)] = chance
    if sum(found.values()) > 1:
        raise Invalid("the shares of all faults together are more than 1", "fault")
    return found


class News(msgspec.Struct, frozen=True):
    """What became known of an order: a parcel with its number and its pieces by SKU, or where the order stands now."""

    order: str
    state: str
    tracking_number: str = ""
    carrier: str = ""
    lines: Mapping[str, int] = {}

    @property
    def text(self) -> str:
        """The same for people."""
        if not self.tracking_number:
            return f"order {self.order} is {self.state.replace('_', ' ')}"
        pieces = ", ".join(f"{count} × {sku}" for sku, count in self.lines.items())
        what = " ".join(part for part in (self.carrier, self.tracking_number) if part)
        return f"order {self.order} has a parcel: {what}{f' with {pieces}' if pieces else ''}"


class Stall:
    """The channel with its customers."""

    def __init__(self, sim: ChannelSim, *, seed: int | None = None) -> None:
        self.sim = sim
        self._rng = random.Random(seed)  # noqa: S311  what people buy is no secret
        self._known: dict[str, tuple[str, int]] = {}

    def place(self, count: int = 1, *, wishes: int = 0) -> list[str]:
        """So many customers buy something, the last ``wishes`` of whom ask to cancel it; the ids of their orders.

        Raises Invalid where nobody can ask.
        """
        if wishes > count:
            raise Invalid(f"{wishes} customers cannot ask to cancel {count} orders", "wishes")
        if wishes and not self.sim.wishes:
            able = ", ".join(kind for kind in kinds() if sim_of(kind).wishes)
            raise Invalid(f"{self.sim.slug} tells of no customer who asks to cancel; these do: {able}", "wishes")
        placed = [self.sim.place(self._sale()) for _ in range(count)]
        for order in placed[count - wishes :]:
            self.sim.ask_to_cancel(order)
        self._known |= {order: (self.sim.state(order), 0) for order in placed}
        return placed

    def news(self) -> list[News]:
        """What the channel was told of these orders since it was last asked."""
        found = []
        for order, (state, told) in self._known.items():
            parcels, now = self.sim.parcels(order), self.sim.state(order)
            found += [News(order, now, p.tracking_number, p.carrier, dict(p.lines)) for p in parcels[told:]]
            if now != state:
                found.append(News(order, now))
            self._known[order] = (now, len(parcels))
        return found

    def _sale(self) -> Sale:
        listings = self._rng.sample(catalogue.LISTINGS, self._rng.choice((1, 1, 1, 2, 3)))
        lines = tuple(
            SaleLine(listing.sku, self._rng.choice((1, 1, 1, 2, 3)), listing.price, listing.title)
            for listing in listings
        )
        name = f"{self._rng.choice(_FIRST)} {self._rng.choice(_LAST)}"
        city, region, postal_code = self._rng.choice(PLACES["US"])
        street = f"{self._rng.randint(1, 999)} Main Street"
        ship_to = msgspec.structs.replace(
            SHIP_TO, name=name, line1=street, city=city, region=region, postal_code=postal_code
        )
        rate = self._rng.choice(tuple(catalogue.SHIPPING_RATES))
        email = f"{name.replace(' ', '.').lower()}@example.com"
        shipping = catalogue.SHIPPING_RATES[rate]
        return Sale(
            lines=lines, ship_to=ship_to, email=email, rate=rate, shipping=shipping, currency=catalogue.CURRENCY
        )
