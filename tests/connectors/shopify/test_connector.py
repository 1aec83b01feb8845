"""Reading from the demo store: walks, long orders, points, errors with status 200, and getting in."""

from __future__ import annotations

import json
import random
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from aiohttp import web

from engine.connectors import registry
from engine.connectors.channels.shopify import connector as module
from engine.connectors.channels.shopify.connector import Config, Connector
from engine.demo.channels import shopify_graph
from engine.demo.channels.base import ChannelFault, Exchange
from engine.demo.channels.shopify import SHOP, ShopifySim
from engine.demo.channels.shopify_book import Line, PartLine
from engine.errors import Invalid, NotAuthorised, Refused, TryLater, Unreadable
from engine.ports import HasOrderPages, Raw, TakesHooks
from engine.ports_channels import Authorises, CancelsOrders, HasListings, Scoped
from engine.transports.throttle import Bucket
from tests.connectors.shopify.conftest import MUG, TEA, read, sell, walk

Connect = Callable[..., Connector]


def test_it_offers_what_the_engine_asks_for(connect: Connect) -> None:
    for port in (TakesHooks, CancelsOrders, HasListings):
        assert isinstance(connect(), port)
    for port in (HasOrderPages, Scoped, Authorises):
        assert isinstance(registry.channel_type("shopify"), port)


# --- walks ------------------------------------------------------------------------------------------------------------


async def test_a_walk_asks_for_what_changed_since_that_second(sim: ShopifySim, connect: Connect) -> None:
    heard: list[Exchange] = []
    sim.heard.append(heard.append)
    await connect(only="-source_name:pos").pull(datetime(2026, 11, 2, 10, 0, 5, 900_000, tzinfo=UTC), None)
    asked = json.loads(heard[0].body)
    assert (asked["operationName"], asked["variables"]) == (
        "OrderHeads",
        {"query": "updated_at:>='2026-11-02T10:00:05Z' AND (-source_name:pos)", "first": 100, "after": None},
    )
    assert heard[0].headers["X-Shopify-Access-Token"] == sim.access_token
    assert urlsplit(heard[0].url).path == "/admin/api/2026-10/graphql.json"


async def test_what_is_sold_at_the_counter_can_be_left_out(sim: ShopifySim, connect: Connect) -> None:
    web_order, counter = sell(sim), sell(sim)
    sim.order(counter).source = "pos"
    assert await walk(connect(only="-source_name:pos")) == [web_order]
    assert await walk(connect()) == [web_order, counter]


@pytest.mark.parametrize("seed", range(4))
async def test_a_walk_finds_every_order_while_orders_change(sim: ShopifySim, connect: Connect, seed: int) -> None:
    rng = random.Random(seed)
    sim.stand_still()
    placed = []
    for _ in range(5):  # several in one second, too
        placed += [sell(sim) for _ in range(rng.choice((1, 2, 4)))]
        sim.pass_time(timedelta(seconds=1))
    connector, found, cursor = connect(page_size=3), [], None
    for step in range(60):
        page = await connector.pull(None, cursor)
        found += [raw.external_id for raw in page.items]
        cursor = page.next
        if cursor is None:
            break
        sim.pass_time(timedelta(seconds=1))
        if step < 5:
            for order_id in rng.sample(placed, 2):
                sim.touch(order_id, note=f"changed in step {step}")
            placed.append(sell(sim))
    assert cursor is None
    assert set(found) == set(placed)


async def test_a_list_that_is_too_long_for_one_cursor_is_begun_anew(
    sim: ShopifySim, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WINDOW", 4)
    sim.stand_still()
    placed = []
    for _ in range(6):
        placed += [sell(sim), sell(sim)]
        sim.pass_time(timedelta(seconds=1))
    heard: list[Exchange] = []
    sim.heard.append(heard.append)
    found = await walk(connect(page_size=2))
    assert sorted(set(found)) == sorted(placed)
    queries = {json.loads(one.body)["variables"].get("query") for one in heard}
    assert len(queries - {None}) >= 2


async def test_a_cursor_of_another_is_no_cursor(connect: Connect) -> None:
    with pytest.raises(Invalid, match="cursor"):
        await connect().pull(None, "page=2")


async def test_orders_of_nothing_to_ship_are_not_pulled(sim: ShopifySim, connect: Connect) -> None:
    gift, both = sell(sim, ("GIFT", 1)), sell(sim, ("GIFT", 1), (MUG, 1))
    for order_id in (gift, both):
        sim.order(order_id).lines[0].requires_shipping = False
    connector = connect()
    assert await walk(connector) == [both]
    assert [line.sku for line in (await read(connector, both)).lines] == [MUG]


async def test_orders_that_are_not_there_are_missing(sim: ShopifySim, connect: Connect) -> None:
    order_id, gone = sell(sim), sell(sim)
    sim.vanish(gone)
    page = await connect().pull_ids([gone, order_id, "12345", "WC-17", order_id])
    assert [raw.external_id for raw in page.items] == [order_id]


async def test_a_long_order_is_read_to_its_end(sim: ShopifySim, connect: Connect) -> None:
    order_id = sell(sim, *[(f"SKU-{at:03}", 2) for at in range(130)])
    for at in range(60):
        sim.split(order_id, f"SKU-{at:03}", 1)
    order = sim.order(order_id)
    order.parts[-1].standing, order.parts[-1].holds = "ON_HOLD", [("OTHER", "the very last")]
    part = order.parts[0]
    sim.book.fulfill({
        "lineItemsByFulfillmentOrder": [{"fulfillmentOrderId": shopify_graph.gid("FulfillmentOrder", part.id)}],
        "trackingInfo": {"number": "1Z1"},
    })  # fmt: skip
    said = await read(connect(), order_id)
    assert [line.sku for line in said.lines] == [f"SKU-{at:03}" for at in range(130)]
    assert [line.shipped for line in said.lines] == [1] * 60 + [2] * 70
    assert said.waits_for == "on hold at Harbour: Other (the very last)"


async def test_one_entry_that_is_no_order_does_not_stop_its_page(peer: Peer, connect: Connect) -> None:
    good = {"id": "gid://shopify/Order/1", "updatedAt": "2026-11-02T10:00:00Z"}
    page = {"hasNextPage": False, "endCursor": None}
    connection = {"nodes": [], "pageInfo": page}
    bare = {"id": "gid://shopify/Order/1", "lineItems": connection, "fulfillmentOrders": connection}
    peer.answers = [
        {"data": {"orders": {"nodes": [{"id": 7}, good], "pageInfo": page}}},
        {"data": {"nodes": [{**bare, "fulfillmentsCount": {"count": 0}, "lineItems": {**connection, "nodes": [{}]}}]}},
    ]
    connector = connect(shop=peer.url)
    found = await connector.pull(None, None)
    assert [one.raw.body for one in found.rejected] == [b'{"id": 7}']
    (raw,) = found.items
    assert raw.external_id == "1"
    with pytest.raises(Unreadable, match="Shopify order 1:"):
        connector.read(raw)


# --- points -----------------------------------------------------------------------------------------------------------


class Clocked:
    """Waits by the store's clock, and keeps what it was told."""

    def __init__(self, sim: ShopifySim) -> None:
        self.sim, self.taken, self.heard = sim, [], []
        self.debt = 0.0

    async def take(self, bucket: Bucket, cost: float = 1.0) -> None:
        self.taken.append((bucket, cost))
        if self.debt:
            self.sim.pass_time(timedelta(seconds=self.debt / bucket.rate))
            self.debt = 0.0

    async def told(self, bucket: Bucket, left: float) -> None:
        self.heard.append((bucket, left))
        self.debt = max(0.0, -left)


async def test_throttled_is_waited_out_by_its_cost(schema_there_is: Any) -> None:
    sim = ShopifySim(schema_of=schema_there_is, maximum=1_000, restore=50)
    await sim.start()
    sim.stand_still()
    connector = Connector(Config(**sim.settings(), **sim.secrets()))
    connector.throttle = clocked = Clocked(sim)
    placed = [sell(sim) for _ in range(4)]
    sim.graph.points.take(900)  # another worker was here
    try:
        assert await walk(connector) == placed
        # The list costs 102 points at most and 100 are left: two points are waited for, at fifty a second.
        (bucket, lacking) = next((b, left) for b, left in clocked.heard if left < 0)
        assert (bucket.rate, bucket.burst, lacking) == (50.0, 1_000.0, -2.0)
        assert sim.counts["OrderHeads"] == 2
        assert sim.counts["Orders"] == 2  # once throttled, once answered
    finally:
        await connector.close()
        await sim.stop()


async def test_an_answer_tells_how_fast_points_come_back(sim: ShopifySim, connect: Connect) -> None:
    connector = connect()
    connector.throttle = clocked = Clocked(sim)
    await connector.check()
    await connector.check()
    (first, guess), (second, cost) = clocked.taken
    assert (first, guess) == (Bucket("shopify", 100.0, 2_000.0), 5)
    assert (second.rate, second.burst, cost) == (1_000.0, 20_000.0, 2 + len(sim.graph.scopes))


async def test_a_store_that_goes_on_throttling_is_tried_later(sim: ShopifySim, connect: Connect) -> None:
    sim.script("OrderHeads", *[ChannelFault.THROTTLE] * 5)
    with pytest.raises(TryLater, match="throttled OrderHeads 5 times") as caught:
        await connect().pull(None, None)
    assert caught.value.retry_after == pytest.approx(0.02)
    assert sim.counts["OrderHeads"] == 5


async def test_a_query_that_is_too_dear_is_asked_in_smaller_ones(
    sim: ShopifySim, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    placed = [sell(sim) for _ in range(6)]
    monkeypatch.setattr(shopify_graph, "DEAREST", 250)
    monkeypatch.setattr("engine.connectors.channels.shopify.reading.MOST_POINTS", 250.0)
    page = await connect().pull_ids(placed)
    assert [raw.external_id for raw in page.items] == placed
    assert sim.counts["Orders"] == 4  # four at once were too many; then two, three times
    monkeypatch.setattr(shopify_graph, "DEAREST", 50)
    with pytest.raises(Refused, match="exceeds") as caught:
        await connect().pull_ids(placed)
    assert caught.value.code == "MAX_COST_EXCEEDED"


# --- errors with status 200, and others -------------------------------------------------------------------------------


class Peer:
    """Answers what the test says, and keeps what it was asked."""

    def __init__(self) -> None:
        self.answers: list[Any] = []
        self.asked: list[bytes] = []
        self.url = ""

    async def serve(self, request: web.BaseRequest) -> web.Response:
        self.asked.append(await request.read())
        answer = self.answers.pop(0)
        return answer if isinstance(answer, web.Response) else web.json_response(answer)


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    peer = Peer()
    runner = web.ServerRunner(web.Server(peer.serve))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    peer.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield peer
    await runner.cleanup()


def _errors(message: str, code: str | None = None) -> dict[str, Any]:
    return {"errors": [{"message": message, **({"extensions": {"code": code}} if code else {})}], "data": None}


@pytest.mark.parametrize(
    ("answer", "kind", "said"),
    [
        (_errors("Internal error. Looks like something went wrong", "INTERNAL_SERVER_ERROR"), TryLater, "something went wrong"),
        (_errors("Timeout"), TryLater, "Timeout"),
        (_errors("Field 'x' doesn't exist on type 'Order'", "undefinedField"), Refused, "doesn't exist"),
        (_errors("This app is not approved to access the Order object.", "ACCESS_DENIED"), NotAuthorised, "not approved"),
        ({"errors": "Not Found"}, Refused, "Not Found"),
        ({"data": {"orders": None}}, Unreadable, "OrderHeads"),
        (web.Response(text="<!DOCTYPE html>", content_type="text/html"), Unreadable, "DOCTYPE"),
        (web.Response(status=503, text="upstream"), TryLater, "503"),
        (web.json_response({"errors": "Unavailable Shop"}, status=402), Refused, "402: Unavailable Shop"),
        (web.json_response({"errors": "[API] Forbidden"}, status=403), NotAuthorised, "Dev Dashboard"),
        (web.Response(status=429, headers={"Retry-After": "7"}), TryLater, "429"),
    ],
)  # fmt: skip
async def test_what_goes_wrong_says_what_to_do(
    peer: Peer, connect: Connect, answer: Any, kind: type[Exception], said: str
) -> None:
    peer.answers = [answer]
    with pytest.raises(kind) as caught:
        await connect(shop=peer.url).pull(None, None)
    assert said in str(caught.value)
    assert "shpat" not in str(caught.value)
    if isinstance(answer, web.Response) and answer.status == 429:
        assert isinstance(caught.value, TryLater)
        assert caught.value.retry_after == 7


async def test_what_the_app_may_not_do_is_named(sim: ShopifySim, connect: Connect) -> None:
    sim.graph.scopes.discard("write_orders")
    with pytest.raises(NotAuthorised, match="`read_orders` access scope"):
        await connect().pull(None, None)


async def test_a_check_says_which_store_it_is_and_which_scope_is_missing(sim: ShopifySim, connect: Connect) -> None:
    assert await connect().check() == f"Blue Door Living (demo) at {SHOP} (USD), API 2026-10"
    sim.graph.scopes.discard("read_all_orders")
    assert "last 60 days only" in await connect().check()
    sim.graph.scopes -= {"write_merchant_managed_fulfillment_orders", "read_locations"}
    with pytest.raises(NotAuthorised) as caught:
        await connect().check()
    missing = "read_locations, read_merchant_managed_fulfillment_orders, write_merchant_managed_fulfillment_orders"
    assert f"has no {missing} in Blue Door Living" in caught.value.message


# --- listings ---------------------------------------------------------------------------------------------------------


async def test_every_variant_is_listed(sim: ShopifySim, connect: Connect) -> None:
    for at in range(150):
        sim.graph.listings[f"EXTRA-{at}"] = (f"Thing {at}", "")
    connector, items, cursor = connect(), [], None
    while True:
        page = await connector.listed(cursor)
        items += page.items
        cursor = page.next
        if cursor is None:
            break
    assert [item.sku for item in items] == list(sim.graph.listings)
    mug = next(item for item in items if item.sku == MUG)
    assert (mug.title, mug.active, mug.barcode.isdecimal()) == ("Stoneware mug, blue", True, True)
    assert len({item.external_id for item in items}) == len(items)


async def test_a_product_of_unknown_status_is_unreadable(peer: Peer, connect: Connect) -> None:
    variant = {"id": "gid://shopify/ProductVariant/1", "sku": None, "displayName": "X", "barcode": None}
    page = {"hasNextPage": False, "endCursor": None}
    for status, active in (("ARCHIVED", False), ("UNLISTED", True)):
        peer.answers = [
            {"data": {"productVariants": {"nodes": [{**variant, "product": {"status": status}}], "pageInfo": page}}}
        ]
        (item,) = (await connect(shop=peer.url).listed(None)).items
        assert (item.active, item.sku) == (active, "")
    peer.answers = [
        {"data": {"productVariants": {"nodes": [{**variant, "product": {"status": "LOST"}}], "pageInfo": page}}}
    ]
    with pytest.raises(Unreadable, match="'LOST'"):
        await connect(shop=peer.url).listed(None)


# --- the demo store itself --------------------------------------------------------------------------------------------


async def test_the_demo_store_refuses_what_shopify_refuses(sim: ShopifySim, connect: Connect) -> None:
    def answer(text: str, **variables: Any) -> dict[str, Any]:
        return sim.graph.answer(text, variables, None)

    sell(sim)
    assert "250" in answer("{ orders(first: 251) { nodes { id } } }")["errors"][0]["message"]
    assert "first or last" in answer("{ orders { nodes { id } } }")["errors"][0]["message"]
    assert "shippedAt" in answer("{ orders(first: 1) { nodes { shippedAt } } }")["errors"][0]["message"]
    dear = answer("{ orders(first: 250) { nodes { lineItems(first: 250) { nodes { id } } } } }")
    assert dear["errors"][0]["extensions"]["code"] == "MAX_COST_EXCEEDED"
    sim.graph.points.take(20_000)
    sim.stand_still()
    assert answer("{ shop { name } }")["errors"][0]["extensions"]["code"] == "THROTTLED"


async def test_the_demo_store_answers_many_quickly_as_it_answers_few(sim: ShopifySim, connect: Connect) -> None:
    order_id, other = sell(sim, (MUG, 3), (TEA, 1)), sell(sim)
    sim.split(order_id, MUG, 1)
    sim.hold(other, "OTHER", "why not")
    sim.book.fulfill({
        "lineItemsByFulfillmentOrder": [
            {"fulfillmentOrderId": shopify_graph.gid("FulfillmentOrder", sim.order(order_id).parts[0].id)}
        ],
        "trackingInfo": {"number": "1Z1", "company": "UPS"},
    })  # fmt: skip

    async def everything() -> list[Any]:
        connector = connect(page_size=1)
        page = await connector.pull(None, None)
        return [
            page, await connector.pull(None, page.next), await connector.read_tracking([order_id, other, "17"]),
            await connector.listed(None), await connector.check(),
        ]  # fmt: skip

    whole = await everything()
    sim.graph.quick = True
    assert await everything() == whole
    sim.graph.scopes.clear()
    with pytest.raises(NotAuthorised, match="Access denied for orders field"):
        await connect().pull(None, None)


def test_raw_payloads_can_be_read_years_later(connect: Connect) -> None:
    with pytest.raises(Unreadable):
        connect().read(Raw("1", b"{}"))


def test_the_book_keeps_pieces_together(sim: ShopifySim) -> None:
    order_id = sell(sim, (MUG, 3), (TEA, 1))
    sim.split(order_id, MUG, 1)
    order = sim.order(order_id)
    assert [[(one.line.sku, one.remaining) for one in part.lines] for part in order.parts] == [
        [(MUG, 2), (TEA, 1)],
        [(MUG, 1)],
    ]
    assert all(isinstance(one, PartLine) and isinstance(one.line, Line) for part in order.parts for one in part.lines)
