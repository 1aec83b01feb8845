"""The demo supplier with a JSON API, through the connector, as people will meet it: sound, and with each fault on request."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.connectors.registry import configure
from engine.connectors.suppliers.rest.connector import Connector
from engine.demo.supplier_rest import RestFault, RestSupplier
from engine.errors import Misconfigured, OutcomeUnknown, Refused, TryLater
from engine.ports import SupplierUpdate
from tests.connectors.rest.conftest import purchase

Demo = Callable[..., RestSupplier]


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    """Makes a supplier with faults; all are stopped afterwards."""
    made: list[RestSupplier] = []

    def make(*faults: RestFault) -> RestSupplier:
        made.append(RestSupplier(tmp_path / "demo", faults=frozenset(faults), ship_after=0.01, port=0))
        return made[-1]

    yield make
    for one in made:
        one.stop()


def connected(supplier: RestSupplier, timeout: float = 60.0) -> Connector:
    values = {**supplier.config(), **supplier.secrets(), "timeout": timeout}
    return Connector(configure(Connector, values))


async def heard(connector: Connector, kinds: set[str]) -> list[SupplierUpdate]:
    """What is said, until all of these kinds were."""
    found: dict[str, SupplierUpdate] = {}
    cursor = None
    while not kinds <= {update.kind.value for update in found.values()}:  # pytest's timeout ends what never comes
        page = await connector.poll(cursor)
        cursor = page.next
        found |= {update.key: update for raw in page.items for update in connector.read(raw)}
        await asyncio.sleep(0.01)
    return list(found.values())


@pytest.mark.parametrize(
    ("fault", "kinds", "parcels"),
    [
        (None, {"acknowledged", "shipped"}, 1),
        (RestFault.REJECT_ORDER, {"rejected"}, 0),
        (RestFault.BACKORDER, {"backordered", "shipped"}, 1),
        (RestFault.DUPLICATE, {"acknowledged", "shipped"}, 1),
        (RestFault.OUT_OF_ORDER, {"acknowledged", "shipped"}, 1),
    ],
)
async def test_an_order_goes_its_way(demo: Demo, fault: RestFault | None, kinds: set[str], parcels: int) -> None:
    supplier = demo(*([fault] if fault else []))
    connector = connected(supplier)
    await connector.submit("1001-1", connector.render(purchase()))
    assert supplier.work() == 1
    found = await heard(connector, kinds)
    assert sum(update.kind.value == "shipped" for update in found) == parcels
    await connector.close()


@pytest.mark.parametrize("fault", [RestFault.LATE, RestFault.ERROR_AFTER, RestFault.HANG_UP])
async def test_an_answer_that_is_missing_is_an_unknown_outcome_and_the_order_is_there(
    demo: Demo, fault: RestFault
) -> None:
    supplier = demo(fault)
    connector = connected(supplier, timeout=2.0 if fault is RestFault.LATE else 60.0)
    with pytest.raises(OutcomeUnknown):
        await connector.submit("1001-1", connector.render(purchase()))
    assert await connector.find("1001-1") is not None
    assert supplier.work() == 1
    await connector.close()


async def test_half_an_answer_is_a_yes(demo: Demo) -> None:
    connector = connected(demo(RestFault.HALF_ANSWER))
    assert "cannot be read" in (await connector.submit("1001-1", connector.render(purchase()))).detail
    await connector.close()


async def test_an_unknown_sku_is_refused_in_its_words(demo: Demo) -> None:
    connector = connected(demo(RestFault.UNKNOWN_SKU))
    with pytest.raises(Refused, match="we do not stock A-1"):
        await connector.submit("1001-1", connector.render(purchase()))
    await connector.close()


@pytest.mark.parametrize(("fault", "error"), [(RestFault.THROTTLE, TryLater), (RestFault.ERROR_BEFORE, OutcomeUnknown)])
async def test_every_other_time_it_does_nothing_and_then_takes_it_once(
    demo: Demo, fault: RestFault, error: type[Exception]
) -> None:
    supplier = demo(fault)
    connector = connected(supplier)
    refusals = 0
    for number in range(40):
        po_number = f"{number}-1"
        try:
            await connector.submit(po_number, connector.render(purchase(po_number)))
        except error:
            refusals += 1
            assert await connector.find(po_number) is None
    assert 5 <= refusals <= 35
    assert supplier.work() == 40 - refusals
    await connector.close()


async def test_who_says_nothing_ships_nothing_and_it_goes_on_where_it_was(demo: Demo) -> None:
    supplier = demo(RestFault.NO_ANSWER)
    connector = connected(supplier)
    await connector.submit("1001-1", connector.render(purchase()))
    assert (await connector.poll(None)).items == ()
    await connector.close()
    again = connected(demo())
    assert await again.find("1001-1") is not None
    await again.close()


def test_a_taken_port_is_said(demo: Demo, tmp_path: Path) -> None:
    port = int(str(demo().config()["base_url"]).rpartition(":")[2])
    with pytest.raises(Misconfigured, match=f"port {port}"):
        RestSupplier(tmp_path / "other", port=port)
