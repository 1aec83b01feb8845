"""Every request of the connector and every answer of the demo Walmart, held against Walmart's own description."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from engine.connectors.channels.walmart.connector import Connector
from engine.demo.channels.base import ChannelFault, Exchange
from engine.demo.channels.walmart import WalmartSim
from engine.domain.carriers import CARRIERS
from engine.errors import BluebookError, NotAuthorised, OutcomeUnknown, TryLater
from tests.connectors.walmart.conftest import parcel, sale
from tests.support.described import Described, Table

OPERATIONS = ("token", "detail", "orders", "order", "acknowledge", "shipping", "cancel")
WRITES = {"acknowledge", "shipping", "cancel"}


def operation(exchange: Exchange) -> str:
    path = exchange.url.partition("?")[0]
    last = path.rsplit("/", 1)[1]
    return "order" if last.isdecimal() else last


async def call(connector: Connector, sim: WalmartSim, name: str) -> object:
    """Something that needs this operation, on an order of its own."""
    order = sim.place(sale(("BB-MUG-01", 3), ("BB-TEA-01", 1), shipping=595))
    calls: dict[str, Callable[[], object]] = {
        "token": lambda: connector.check(),
        "detail": lambda: connector.check(),
        "orders": lambda: connector.pull(None, None),
        "order": lambda: connector.pull_ids([order]),
        "acknowledge": lambda: connector.acknowledge(order),
        "shipping": lambda: connector.push_tracking(parcel(order, ("1", 2))),
        "cancel": lambda: connector.cancel_order(order, [("1", 1)], "out of stock"),
    }
    return await calls[name]()  # type: ignore[misc]


@pytest.mark.shared
async def test_every_request_and_answer_is_as_described(
    sim: WalmartSim, connect: Callable[..., Connector], described: Described
) -> None:
    table = Table(described, operation)
    sim.heard.append(table.hear)
    connector = connect(page_size=2)
    for name in OPERATIONS:
        await call(connector, sim, name)
    busy = sim.place(sale(("BB-MUG-01", 3), ("BB-TEA-01", 2)))
    sim.ask_to_cancel(busy)
    await connector.push_tracking(parcel(busy, ("1", 1), number="A1"))
    await connector.push_tracking(
        parcel(busy, ("1", 1), ("2", 1), number="A2", carrier="", carrier_name="Rider & Sons")
    )
    await connector.cancel_order(busy, [], "the price was wrong")
    sim.give_back(busy, "BB-MUG-01", 500)
    gone = sim.place(sale(("BB-MUG-01", 1)))
    sim.cancel(gone)
    cursor = None
    while True:
        page = await connector.pull(None, cursor)
        for raw in page.items:
            connector.read(raw)
        cursor = page.next
        if cursor is None:
            break
    assert table.errors == []
    assert {name for name in OPERATIONS if table.requests[name] and table.answers[name]} == set(OPERATIONS)


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize(
    ("fault", "reads", "writes"),
    [
        (ChannelFault.THROTTLE, TryLater, TryLater),
        (ChannelFault.ERROR_AFTER, TryLater, OutcomeUnknown),
        (ChannelFault.HANG_UP, TryLater, OutcomeUnknown),
        (ChannelFault.HALF_ANSWER, BluebookError, BluebookError),
    ],
)
async def test_what_goes_wrong_is_handled(
    sim: WalmartSim, connector: Connector, name: str, fault: ChannelFault,
    reads: type[BluebookError], writes: type[BluebookError],
) -> None:  # fmt: skip
    sim.script(name, fault)
    with pytest.raises(writes if name in WRITES else reads) as caught:
        await call(connector, sim, name)
    if fault is ChannelFault.THROTTLE:
        assert isinstance(caught.value, TryLater)
        assert caught.value.retry_after is not None
        assert 0 <= caught.value.retry_after <= sim.retry_after
    await call(connector, sim, name)
    assert sim.counts[f"{name}.{fault.value}"] == 1


@pytest.mark.parametrize("name", OPERATIONS)
async def test_a_401_is_answered_by_one_new_token(sim: WalmartSim, connector: Connector, name: str) -> None:
    await connector.check()
    bought = sim.counts["token"]
    if name == "token":
        sim.client_secret = "another"
        sim.tokens.clear()
        with pytest.raises(NotAuthorised, match="Client ID and Client Secret"):
            await call(connector, sim, name)
        return
    sim.script(name, ChannelFault.DENY)
    await call(connector, sim, name)
    assert sim.counts["token"] == bought + 1
    sim.script(name, ChannelFault.DENY, ChannelFault.DENY)
    with pytest.raises(NotAuthorised, match="API Keys"):
        await call(connector, sim, name)
    assert sim.counts["token"] == bought + 2


@pytest.mark.shared
def test_our_carriers_are_spelled_as_walmart_lists_them(described: Described) -> None:
    listed = set(described.document["components"]["schemas"]["CarrierNameType"]["properties"]["carrier"]["enum"])
    listed.add("Aramex")  # added in October 2026, after this description
    ours = {carrier.spellings["walmart"] for carrier in CARRIERS.values() if "walmart" in carrier.spellings}
    assert ours <= listed


@pytest.mark.shared
def test_the_table_hears_what_is_not_as_described(described: Described) -> None:
    table = Table(described, operation)
    good = {"WM_SEC.ACCESS_TOKEN": "t", "WM_QOS.CORRELATION_ID": "c", "WM_SVC.NAME": "s", "Accept": "application/json"}
    url = "http://127.0.0.1:1/v3/orders/1/acknowledge"
    table.hear(Exchange("POST", url, {}, b"", 200, {"Content-Type": "application/json"}, b'{"order":{}}'))
    assert len(table.errors) == 2
    assert "WM_SEC.ACCESS_TOKEN" in table.errors[0]
    assert "purchaseOrderId" in table.errors[1]
    table.hear(Exchange("POST", url, good, b"", 404, {}, b""))
    assert table.requests == {"acknowledge": 1}
