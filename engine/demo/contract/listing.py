"""Cases of what a channel offers: every listing once, and the errors of any other reading."""

from __future__ import annotations

from typing import Any

from engine.demo.catalogue import LISTINGS
from engine.demo.channels.base import ChannelFault
from engine.demo.contract.bench import Bench, case, raises
from engine.errors import NotAuthorised, TryLater, Unreadable
from engine.ports_channels import HasListings, ListedItem

_MOST_PAGES = 100


async def _walk(connector: Any) -> list[ListedItem]:
    assert isinstance(connector, HasListings), (
        "the connector does not tell what is offered, and its demo channel says so"
    )
    found: list[ListedItem] = []
    cursor = None
    for _ in range(_MOST_PAGES):
        page = await connector.listed(cursor)
        found += page.items
        cursor = page.next
        if cursor is None:
            return found
    raise AssertionError(f"the listings do not end after {_MOST_PAGES} pages")


@case("lists", ".listed")
async def what_is_offered_is_listed_once(bench: Bench) -> None:
    """Every SKU of the catalogue, under the SKU that orders' lines will say; each listing by an id of its own."""
    connector = bench.connect(small=True)
    found = await _walk(connector)
    ids = [one.external_id for one in found]
    assert len(ids) == len(set(ids)), "a listing comes twice"
    assert all(ids), "a listing has no id"
    missing = {one.sku for one in LISTINGS} - {one.sku for one in found}
    assert not missing, f"not listed: {sorted(missing)}"
    assert all(one.title.strip() for one in found if one.sku), "a listing has no title"
    assert await _walk(bench.connect()) == found, "another walk finds something else"


@case("lists", "breaks", ".listed")
async def listings_that_cannot_be_read_say_what_to_do(bench: Bench) -> None:
    """Denied, throttled, broken and cut short: never the end of the list."""
    for fault, *kinds in (
        (ChannelFault.DENY, NotAuthorised),
        (ChannelFault.THROTTLE, TryLater),
        (ChannelFault.ERROR_BEFORE, TryLater),
        (ChannelFault.HANG_UP, TryLater),
        (ChannelFault.HALF_ANSWER, TryLater, Unreadable),
    ):
        connector = bench.connect()
        await connector.check()
        bench.sim.script("*", *[fault] * 12)
        with raises(f"listings that meet {fault.value}", *kinds):
            await _walk(connector)
        bench.sim.calm()
    assert await _walk(bench.connect())
