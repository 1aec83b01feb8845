"""Every request of ours and every answer of the demo Amazon is valid by Amazon's models.

``TABLE`` has a row for each operation the connector uses: what provokes it, and what its errors become. Listings,
marketplaces and feeds have no model beside this checkout; Amazon's SDK, which is made of its models, reads those (test_sdk.py).
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any, NamedTuple

import pytest

from engine.connectors.channels.amazon import mapping
from engine.connectors.channels.amazon.connector import Connector
from engine.demo.channels.amazon import AmazonSim
from engine.demo.channels.base import ChannelFault, Exchange
from engine.domain.carriers import CARRIERS, OTHER
from engine.domain.money import major
from engine.errors import NotAuthorised, OutcomeUnknown, Refused, TryLater, Unreadable
from engine.ports import Raw
from tests.connectors.amazon import models
from tests.connectors.amazon.conftest import Connect, parcel, reread, sale, walk
from tests.support.specs import spec

pytestmark = pytest.mark.shared
F = ChannelFault


async def _search(connector: Connector, sim: AmazonSim) -> None:
    for _ in range(3):
        sim.place(sale(("MUG", 2)))
    await walk(connector)


async def _get(connector: Connector, sim: AmazonSim) -> None:
    await connector.pull_ids([sim.place(sale())])


async def _confirm(connector: Connector, sim: AmazonSim) -> None:
    await connector.push_tracking(parcel(await reread(connector, sim.place(sale(("MUG", 2))))))


async def _confirm_too_much(connector: Connector, sim: AmazonSim) -> None:
    order = await reread(connector, sim.place(sale()))
    await connector.push_tracking(parcel(order, lines=((order.lines[0].external_id, 2),)))


async def _get_unknown(connector: Connector, sim: AmazonSim) -> None:
    assert (await connector.pull_ids(["111-1111111-1111111"])).items == ()


class Row(NamedTuple):
    """One operation, as the demo Amazon and Amazon's model name it."""

    route: str
    operation: str
    act: Callable[[Connector, AmazonSim], Awaitable[None]]
    broken: type[Exception]  # what a 500 becomes
    settings: tuple[tuple[str, Any], ...] = ()


TABLE = [
    Row("orders.search", "searchOrders", _search, TryLater, (("page_size", 2),)),
    Row("orders.get", "getOrder", _get, TryLater),
    Row("shipment.confirm", "confirmShipment", _confirm, OutcomeUnknown),
    Row("token.restricted", "createRestrictedDataToken", _search, TryLater, (("restricted_tokens", True),)),
]
ROWS = pytest.mark.parametrize("row", TABLE, ids=[row.operation for row in TABLE])


@pytest.fixture
def heard(sim: AmazonSim) -> list[Exchange]:
    found: list[Exchange] = []
    sim.heard.append(lambda said: found.append(said) if "/auth/" not in said.url else None)
    return found


def assert_valid(heard: list[Exchange], operation: str, status: int) -> None:
    """Everything heard is valid, and this operation with this status was among it."""
    assert [problem for said in heard for problem in models.problems(said)] == []
    assert (operation, status) in {(models.operation_of(said), said.status) for said in heard}


@ROWS
async def test_requests_and_answers_are_valid(
    row: Row, sim: AmazonSim, connect: Connect, heard: list[Exchange]
) -> None:
    await row.act(connect(sim, **dict(row.settings)), sim)
    assert_valid(heard, row.operation, 204 if row.act is _confirm else 200)


@ROWS
async def test_errors_are_valid_and_become_what_the_engine_must_do(
    row: Row, sim: AmazonSim, connect: Connect, heard: list[Exchange]
) -> None:
    connector = connect(sim, **dict(row.settings))
    for faults, error in (
        ((F.DENY, F.DENY), NotAuthorised),
        ((F.THROTTLE,), TryLater),
        ((F.ERROR_BEFORE,), row.broken),
    ):
        sim.script(row.route, *faults)
        with pytest.raises(error):
            await row.act(connector, sim)
        sim.calm()
    assert_valid(heard, row.operation, 403)
    assert_valid(heard, row.operation, 429)
    await row.act(connector, sim)  # and all is well afterwards


async def test_refusals_are_valid_too(sim: AmazonSim, connect: Connect, heard: list[Exchange]) -> None:
    connector = connect(sim)
    with pytest.raises(Refused):
        await _confirm_too_much(connector, sim)
    await _get_unknown(connector, sim)
    assert_valid(heard, "confirmShipment", 400)
    assert_valid(heard, "getOrder", 404)


async def test_orders_in_every_state_are_valid(sim: AmazonSim, connect: Connect, heard: list[Exchange]) -> None:
    connector = connect(sim)
    sim.place(sale(paid=False))
    sim.place(sale(currency="JPY"), gift="Happy birthday", programs=["PRIME"])
    sim.cancel(sim.place(sale()))
    some = sim.place(sale(("MUG", 3), note="Ring twice"))
    sim.refund(some, "MUG", 1)
    sim.ask_to_cancel(some, "Ordered twice")
    shipped = await reread(connector, sim.place(sale(("MUG", 2), ("CUP", 1))))
    await connector.push_tracking(
        parcel(shipped, lines=((shipped.lines[0].external_id, 1),), carrier="", carrier_name="Vans")
    )
    await connector.read_tracking([shipped.external_id])
    await connector.check()
    await walk(connector)
    known = [said for said in heard if "/sellers/" not in said.url]
    assert_valid(known, "searchOrders", 200)
    sellers = [said for said in heard if "/sellers/" in said.url]
    assert [said.status for said in sellers] == [200]


async def test_a_wrong_exchange_is_found_out(sim: AmazonSim, connect: Connect, heard: list[Exchange]) -> None:
    await _confirm(connect(sim), sim)
    (good,) = [said for said in heard if models.operation_of(said) == "confirmShipment"]
    (got, *_) = [said for said in heard if models.operation_of(said) == "getOrder"]

    def spoiled(said: Exchange, **changes: Any) -> list[str]:
        values = {name: getattr(said, name) for name in said.__struct_fields__}
        return models.problems(Exchange(**(values | changes)))

    assert spoiled(good) == []
    body = json.loads(good.body)
    for field, value in (("shipDate", "02/21/2026"), ("trackingNumber", 7), ("carrier", "UPS"), ("orderItems", [{}])):
        package = body["packageDetail"] | {field: value}
        assert spoiled(good, body=json.dumps(body | {"packageDetail": package}).encode()) != [], field
    assert "no answer 418" in spoiled(good, status=418)[0]
    assert spoiled(good, answer=b"{}") != []
    assert spoiled(got, url=got.url + "&colour=red") != []
    assert spoiled(got, url=got.url.replace("FULFILLMENT", "FULFILMENT")) != []
    assert spoiled(got, answer=b'{"order": {}}') != []


def test_the_table_has_every_operation_that_has_a_model() -> None:
    named = {operation["operationId"] for _, _, operation, _ in models.operations()}
    assert {row.operation for row in TABLE} <= named
    routes = {name for _, _, name, _ in AmazonSim().routes()}
    unmodelled = {"token", "listings.search", "seller", "feeds.document", "feeds.upload", "feeds.create", "feeds.get"}
    assert routes - {row.route for row in TABLE} == unmodelled


def test_carriers_are_spelt_as_amazon_does() -> None:
    codes = set(spec("carriers/amazon.txt").read_text("utf-8").splitlines())
    ours = {carrier.spellings["amazon"] for carrier in CARRIERS.values() if "amazon" in carrier.spellings}
    assert ours | {OTHER["amazon"]} <= codes


def test_amazons_own_samples_are_read_but_for_those_it_ships_itself() -> None:
    samples = [
        order
        for _, _, operation, _ in models.operations()
        for case in operation["responses"]["200" if "200" in operation["responses"] else "204"]
        .get("x-amzn-api-sandbox", {})
        .get("static", [])
        for order in [*case["response"].get("orders", []), *filter(None, [case["response"].get("order")])]
    ]
    ours = [order for order in samples if order["fulfillment"]["fulfilledBy"] == "MERCHANT"]
    assert len(ours) >= 5
    for order in samples:
        raw = Raw(order["orderId"], json.dumps(order).encode())
        if order not in ours:
            with pytest.raises(Unreadable, match="own warehouse"):
                mapping.read(raw)
            continue
        found = mapping.read(raw)
        assert len(found.lines) == len(order["orderItems"])
        assert major(found.total, found.currency) == Decimal(order["proceeds"]["grandTotal"]["amount"])
        assert found.ship_to.line1 == order["recipient"]["deliveryAddress"]["addressLine1"]
        assert ("IN_STORE_PICK_UP" in order.get("programs", [])) is ("pick-up in store" in (found.fraud or ""))
