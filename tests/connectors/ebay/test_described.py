"""Every operation we use, against eBay's own description: the request, the answer, and what becomes of errors."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest

from engine.connectors.channels.ebay import mapping
from engine.connectors.channels.ebay.connector import Connector
from engine.demo.channels.base import ChannelFault, Exchange
from engine.demo.channels.ebay import CARRIER_CODES, DemoEbay
from engine.errors import NotAuthorised, OutcomeUnknown, TryLater
from tests.connectors.ebay.conftest import SPEC, Connect, parcel, sale
from tests.support.operations import Operations, operations
from tests.support.specs import spec

pytestmark = pytest.mark.shared
Act = Callable[[Connector, DemoEbay], Awaitable[Any]]


async def _list(connector: Connector, ebay: DemoEbay) -> Any:
    ebay.place(sale(("A", 2), ("B", 1), note="Ring twice"))
    return await connector.pull(None, None)


async def _detail(connector: Connector, ebay: DemoEbay) -> Any:
    ebay.ask_to_cancel(ebay.place(sale()))
    return await connector.pull(None, None)


async def _parcels(connector: Connector, ebay: DemoEbay) -> Any:
    return await connector.read_tracking([ebay.place(sale())])


async def _ship(connector: Connector, ebay: DemoEbay) -> Any:
    return await connector.push_tracking(parcel(ebay, ebay.place(sale(("A", 2)))))


TABLE: dict[str, tuple[Act, str]] = {
    "getOrders": (_list, "orders.list"),
    "getOrder": (_detail, "orders.get"),
    "getShippingFulfillments": (_parcels, "parcels.list"),
    "createShippingFulfillment": (_ship, "parcels.add"),
}
EFFECTS = {"createShippingFulfillment"}
ROWS = pytest.mark.parametrize("operation", TABLE)


@pytest.fixture
def known() -> Operations:
    return operations(spec(SPEC))


def test_the_operations_are_eBays_own(known: Operations) -> None:
    methods = [method for path in known.document["paths"].values() for method in path.values()]
    assert set(TABLE) <= {method["operationId"] for method in methods if "operationId" in method}


@ROWS
async def test_request_and_answer_are_valid(
    operation: str, ebay: DemoEbay, connect: Connect, said: list[Exchange], known: Operations
) -> None:
    await TABLE[operation][0](connect(), ebay)
    exchanges = [one for one in said if known.name(one) == operation]
    assert exchanges
    assert [known.check(one) for one in exchanges] == [("", "")] * len(exchanges)


@ROWS
async def test_an_error_says_what_to_do(operation: str, ebay: DemoEbay, connect: Connect) -> None:
    act, name = TABLE[operation]
    ebay.retry_after = 7
    for fault, expected in (
        (ChannelFault.THROTTLE, TryLater),
        (ChannelFault.ERROR_BEFORE, OutcomeUnknown if operation in EFFECTS else TryLater),
        (ChannelFault.DENY, NotAuthorised),
    ):
        ebay.script(name, *[fault] * 9)
        with pytest.raises(expected) as caught:
            await act(connect(), ebay)
        assert type(caught.value) is expected
        if isinstance(caught.value, TryLater) and fault is ChannelFault.THROTTLE:
            assert caught.value.retry_after == 7
        ebay.calm()


@ROWS
async def test_an_answer_cut_short_is_never_taken_for_all(operation: str, ebay: DemoEbay, connect: Connect) -> None:
    act, name = TABLE[operation]
    ebay.script(name, ChannelFault.HALF_ANSWER)
    if operation in EFFECTS:  # nothing of its body is needed
        await act(connect(), ebay)
        return
    with pytest.raises(TryLater):
        await act(connect(), ebay)


async def test_what_does_not_fit_the_description_is_found(
    ebay: DemoEbay, connect: Connect, said: list[Exchange], known: Operations
) -> None:
    await _ship(connect(), ebay)
    answer = next(one for one in said if known.name(one) == "getShippingFulfillments")

    def answered(body: bytes) -> str:
        return known.check(msgspec.structs.replace(answer, answer=body))[1]

    assert "two" in answered(b'{"total": "two", "fulfillments": []}')
    assert answered(b'{"fulfillments": [{"carrier": "UPS"}]}') == "the description knows no $.fulfillments[].carrier"
    request = next(one for one in said if known.name(one) == "createShippingFulfillment")

    def asked(body: bytes) -> str:
        return known.check(msgspec.structs.replace(request, body=body))[0]

    assert asked(b'{"tracking": "1Z"}') == "the description knows no $.tracking"
    assert "shippedDate" in asked(b'{"shippedDate": 5}')
    assert known.fields(mapping.Portion, "ShippingFulfillment") == ["$.lineItemId", "$.quantity"]


@pytest.mark.parametrize(
    ("kind", "schema"),
    [(mapping._Order, "Order"), (mapping.Parcels, "ShippingFulfillmentPagedCollection"), (mapping.Head, "Order")],
)
def test_every_name_we_read_is_one_of_eBays(kind: Any, schema: str, known: Operations) -> None:
    assert known.fields(kind, schema) == []


def test_every_carrier_is_one_of_eBays() -> None:
    listed = set(spec("carriers/ebay.txt").read_text().split())
    assert listed >= CARRIER_CODES


def test_every_state_of_a_hold_is_one_of_eBays(known: Operations) -> None:
    text = known.document["components"]["schemas"]["PaymentHold"]["properties"]["holdState"]["description"]
    assert all(state in text for state in mapping.HOLDS)
