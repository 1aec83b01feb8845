"""Every request of the connector and every answer of the demo store, held against BigCommerce's own description."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from engine.connectors.channels.bigcommerce.connector import Connector
from engine.demo.channels.base import ChannelFault, Exchange
from engine.demo.channels.bigcommerce import BigCommerceSim, DemoLine
from engine.errors import BluebookError, NotAuthorised, OutcomeUnknown, TryLater, Unreadable
from tests.connectors.bigcommerce.conftest import parcel, sale
from tests.support.described import Described, Table

OPERATIONS = ("count", "orders", "order", "update", "shipments", "ship")
WRITES = {"update", "ship"}


def operation(exchange: Exchange) -> str:
    path = exchange.url.partition("?")[0]
    last = path.rsplit("/", 1)[1]
    names = {
        ("GET", "shipments"): "shipments", ("POST", "shipments"): "ship", ("GET", "orders"): "orders", ("GET", "count"): "count",
    }  # fmt: skip
    return names.get((exchange.method, last)) or {"GET": "order", "PUT": "update"}[exchange.method]


async def call(connector: Connector, sim: BigCommerceSim, name: str) -> object:
    """Something that needs this operation, on an order of its own."""
    order = sim.place(sale(("BB-MUG-01", 3), ("BB-TEA-01", 1), shipping=595))
    line = str(sim.orders[int(order)].lines[0].id)
    sim.orders[int(order)].shipments = (
        [{"id": 1, "tracking_number": "N1", "comments": ""}] if name == "shipments" else []
    )
    calls: dict[str, Callable[[], object]] = {
        "count": lambda: connector.check(),
        "orders": lambda: connector.pull(None, None),
        "order": lambda: connector.pull_ids([order]),
        "update": lambda: connector.cancel_order(order, [], "out of stock"),
        "shipments": lambda: connector.read_tracking([order]),
        "ship": lambda: connector.push_tracking(parcel(order, (line, 2))),
    }
    return await calls[name]()  # type: ignore[misc]


@pytest.mark.shared
async def test_every_request_and_answer_is_as_described(
    sim: BigCommerceSim, connect: Callable[..., Connector], described: Described
) -> None:
    table = Table(described, operation)
    sim.heard.append(table.hear)
    connector = connect(page_size=2)
    assert (await connector.pull(None, None)).items == ()  # 204
    for name in OPERATIONS:
        await call(connector, sim, name)
    busy = sim.place(sale(("BB-MUG-01", 3), ("BB-TEA-01", 2), note="ring twice"))
    lines = [str(line.id) for line in sim.orders[int(busy)].lines]
    sim.orders[int(busy)].lines.append(DemoLine(99, "SONG", "A song", 99, 1, type="digital"))
    await connector.push_tracking(parcel(busy, (lines[0], 1), number="A1"))
    other = parcel(busy, (lines[0], 1), (lines[1], 2), number="A2", carrier="yodel", carrier_name="Yodel", also=("A0",))
    await connector.push_tracking(other)
    sim.refund(busy, "BB-MUG-01", 1)
    for change in (sim.cancel, sim.pay):
        change(sim.place(sale(("BB-MUG-01", 1), paid=False)))
    since, cursor = sim.moment().replace(year=2020), None
    while True:
        page = await connector.pull(since, cursor)
        for raw in page.items:
            connector.read(raw)
        cursor = page.next
        if cursor is None:
            break
    assert (await connector.read_tracking([busy, "7"])).keys() == {busy}
    assert table.errors == []
    assert {name for name in OPERATIONS if table.requests[name] and table.answers[name]} == set(OPERATIONS)


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize(
    ("fault", "reads", "writes"),
    [
        (ChannelFault.THROTTLE, TryLater, TryLater),
        (ChannelFault.ERROR_AFTER, TryLater, OutcomeUnknown),
        (ChannelFault.HANG_UP, TryLater, OutcomeUnknown),
        (ChannelFault.DENY, NotAuthorised, NotAuthorised),
        (ChannelFault.HALF_ANSWER, TryLater, Unreadable),
    ],
)
async def test_what_goes_wrong_is_handled(
    sim: BigCommerceSim, connector: Connector, name: str, fault: ChannelFault,
    reads: type[BluebookError], writes: type[BluebookError],
) -> None:  # fmt: skip
    sim.script(name, fault)
    if (fault, name) == (ChannelFault.HALF_ANSWER, "update"):
        await call(connector, sim, name)  # that it was taken is all there is to know
        return
    with pytest.raises(writes if name in WRITES else reads) as caught:
        await call(connector, sim, name)
    if fault is ChannelFault.THROTTLE:
        assert isinstance(caught.value, TryLater)
        assert caught.value.retry_after == sim.retry_after
    if fault is ChannelFault.DENY:
        assert "access token" in caught.value.message
        assert sim.token not in caught.value.message
    await call(connector, sim, name)
    assert sim.counts[f"{name}.{fault.value}"] == 1


@pytest.mark.shared
def test_the_table_hears_what_is_not_as_described(described: Described) -> None:
    table = Table(described, operation)
    url = "http://127.0.0.1:1/stores/abc123/v2/orders/1/shipments"
    good = {"X-Auth-Token": "t", "Accept": "application/json", "Content-Type": "application/json"}
    long = b'{"tracking_number":"%s"}' % (b"1" * 51)
    table.hear(Exchange("POST", url, good, long, 201, {"Content-Type": "application/json"}, b'{"id":"one"}'))
    assert len(table.errors) == 2
    assert "too long" in table.errors[0]
    assert "'one' is not of type 'integer'" in table.errors[1]
