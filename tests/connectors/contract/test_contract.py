"""Every channel keeps the same contract: the cases of ``engine.demo.contract``, run against all there are."""

from __future__ import annotations

import gc
import importlib
import json
import pkgutil
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from engine.connectors import registry
from engine.connectors.channels.vendure import connector as vendure
from engine.connectors.channels.woocommerce import connector as woocommerce
from engine.demo import channels, contract
from engine.demo.channels.base import ChannelSim
from engine.errors import BluebookError, TryLater, Unreadable
from engine.ports import ChannelOrder, ChannelState, Page, Parcel, Payment, Raw
from tests.connectors.contract.file import FileSim
from tests.connectors.contract.vendure import VendureSim


def simulators() -> dict[str, type[ChannelSim]]:
    """Every demo channel by its connector's slug: those of the demo, found by looking, and those made of older fakes."""
    found: dict[str, type[ChannelSim]] = {sim.slug: sim for sim in (FileSim, VendureSim)}
    for info in pkgutil.iter_modules(channels.__path__):
        module = importlib.import_module(f"{channels.__name__}.{info.name}")
        for value in vars(module).values():
            own = isinstance(value, type) and value.__module__ == module.__name__
            if own and issubclass(value, ChannelSim) and "slug" in vars(value):
                found[value.slug] = value
    return found


SIMULATORS = simulators()
RUNS = [
    (slug, name)
    for slug, sim in sorted(SIMULATORS.items())
    for name in contract.applying(sim, registry.channel_type(slug))
]


@pytest.fixture(scope="module", autouse=True)
def nothing_is_left_open() -> Iterator[None]:
    """What was left open complains here and not in another module's tests."""
    yield
    gc.collect()


@pytest.mark.parametrize(("slug", "name"), RUNS, ids=[f"{slug}-{name}" for slug, name in RUNS])
async def test_a_channel_keeps(slug: str, name: str, tmp_path: Path, sqlite_template: Path) -> None:
    await contract.run(name, SIMULATORS[slug], registry.channel_type(slug), tmp_path, sqlite_template)


def test_every_channel_that_comes_with_bluebook_is_under_contract() -> None:
    assert tuple(sorted(SIMULATORS)) == registry.slugs("channels")


@pytest.mark.parametrize("slug", sorted(SIMULATORS))
def test_twenty_cases_and_more_are_run_against_each(slug: str) -> None:
    assert len(contract.applying(SIMULATORS[slug], registry.channel_type(slug))) >= 20


# --- the cases can fail -----------------------------------------------------------------------------------------------


class Later(vendure.Connector):
    """Takes ``since`` for a moment after which orders count."""

    async def pull(self, since: datetime | None, cursor: str | None) -> Page:
        return await super().pull(since + timedelta(minutes=3) if since else None, cursor)


class Numbered(vendure.Connector):
    """Counts pages over a list that shrinks: only open orders are in it."""

    async def pull(self, since: datetime | None, cursor: str | None) -> Page:
        skip = int(cursor or 0)
        page = await super().pull(since, json.dumps({"at": None, "after": "2020-01-01T00:00:00Z"}))
        while page.next:
            more = await super().pull(since, page.next)
            page = Page(page.items + more.items, more.next)
        orders = {raw.external_id: raw for raw in page.items}
        open_ = [raw for raw in orders.values() if b"Cancelled" not in raw.body]
        return Page(tuple(open_[skip : skip + 2]), str(skip + 2) if len(open_) > skip + 2 else None)


class Forgetful(vendure.Connector):
    """Does not look whether the parcel is there already."""

    async def _find(self, parcel: Parcel) -> None:
        return None


class Blunt(woocommerce.Connector):
    """Says of everything that goes wrong that it is to be tried later."""

    async def pull(self, since: datetime | None, cursor: str | None) -> Page:
        try:
            return await super().pull(since, cursor)
        except BluebookError as error:
            raise TryLater(error.message) from error


class Hopeful(woocommerce.Connector):
    """Takes what it cannot read for the end."""

    async def pull(self, since: datetime | None, cursor: str | None) -> Page:
        try:
            return await super().pull(since, cursor)
        except (Unreadable, TryLater):
            return Page(())


class Local(woocommerce.Connector):
    """Takes the shop's own time for UTC, and every amount for cents."""

    def read(self, raw: Raw) -> ChannelOrder:
        order = super().read(raw)
        total = order.total * 100 if order.currency == "JPY" else order.total
        return msgspec.structs.replace(order, placed_at=order.placed_at + timedelta(hours=1), total=total)


class Eager(woocommerce.Connector):
    """Takes every order for one that is paid and to be shipped."""

    def read(self, raw: Raw) -> ChannelOrder:
        order = super().read(raw)
        lines = tuple(msgspec.structs.replace(line, canceled=0) for line in order.lines)
        return msgspec.structs.replace(order, lines=lines, state=ChannelState.OPEN, payment=Payment.PAID)


BROKEN = [
    (Later, "many_orders_of_one_second_are_all_found"),
    (Later, "a_walk_since_a_moment_finds_what_is_new"),
    (Numbered, "orders_canceled_during_the_walk_hide_no_other"),
    (Forgetful, "a_parcel_pushed_again_is_one_parcel"),
    (Forgetful, "a_push_after_the_channel_hung_up"),
    (Blunt, "who_is_not_let_in_is_not_authorised"),
    (Blunt, "too_many_requests_are_tried_later_as_told"),
    (Hopeful, "half_an_answer_is_never_taken_for_all"),
    (Hopeful, "an_error_of_the_channel_is_tried_later"),
    (Hopeful, "a_poll_that_breaks_off_loses_nothing"),
    (Local, "times_are_aware_and_the_moment_it_was"),
    (Local, "money_has_the_decimals_of_its_currency"),
    (Eager, "a_canceled_order_is_canceled"),
    (Eager, "what_is_not_paid_waits"),
    (Eager, "an_order_canceled_before_sending_is_not_sent"),
    (Eager, "pieces_paid_back_before_sending_are_not_sent"),
]


@pytest.mark.parametrize(("connector", "name"), BROKEN, ids=[f"{kind.__name__}-{name}" for kind, name in BROKEN])
async def test_a_connector_that_does_not_keep_it_is_found_out(
    connector: Any, name: str, tmp_path: Path, sqlite_template: Path
) -> None:
    with pytest.raises((AssertionError, BluebookError)) as caught:
        await contract.run(name, SIMULATORS[connector.slug], connector, tmp_path, sqlite_template)
    assert str(caught.value).strip(), "what was not kept is not told"
