"""Amazon's own SDK (``amzn-sp-api``) reads the demo Amazon, and what our connector did there."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import msgspec
import pytest

from engine.connectors.channels.amazon import cancelling
from engine.demo.channels.amazon import MARKETPLACE, AmazonSim
from engine.demo.channels.base import SaleLine
from tests.connectors.amazon.conftest import Connect, parcel, reread, sale


@pytest.fixture
async def ask(sim: AmazonSim) -> AsyncIterator[Callable[..., Awaitable[Any]]]:
    """Calls an operation of the SDK, in a thread, since it waits for its answer."""
    root = logging.getLogger()
    before = root.level, list(root.handlers)
    spapi = await asyncio.to_thread(__import__, "spapi")  # it configures the root logger when it is imported
    root.handlers[:] = before[1]
    root.setLevel(before[0])
    config = spapi.SPAPIConfig(sim.client_id, sim.client_secret, refresh_token=sim.refresh_token)
    token_url = str(sim.settings()["token_url"])
    client = await asyncio.to_thread(spapi.SPAPIClient, config, oauth_endpoint=token_url, endpoint=sim.url)

    async def call(api: str, operation: str, *args: Any, **kwargs: Any) -> Any:
        return await asyncio.to_thread(getattr(getattr(spapi, api)(client.api_client), operation), *args, **kwargs)

    yield call
    client.api_client.rest_client.pool_manager.clear()


async def test_amazons_sdk_reads_the_demo_and_what_our_connector_did_there(
    sim: AmazonSim, connect: Connect, ask: Callable[..., Awaitable[Any]]
) -> None:
    connector = connect(sim)
    order = await reread(connector, sim.place(sale(("MUG", 3)), gift="Happy birthday"))
    line = order.lines[0].external_id
    await connector.push_tracking(parcel(order, "bb-1", lines=((line, 2),), last=False))
    sets = ["BUYER", "RECIPIENT", "PROCEEDS", "FULFILLMENT", "PACKAGES"]
    got = (await ask("GetOrderApi", "get_order", order.external_id, included_data=sets)).order
    assert (got.order_id, got.fulfillment.fulfillment_status) == (order.external_id, "PARTIALLY_SHIPPED")
    assert got.recipient.delivery_address.address_line1 == order.ship_to.line1
    assert got.proceeds.grand_total.amount == "43.50"
    (package,) = got.packages
    assert (package.tracking_number, package.carrier, package.package_items[0].quantity) == ("1Z-bb-1", "UPS", 2)
    found = await ask(
        "SearchOrdersApi", "search_orders", last_updated_after=datetime.now(UTC) - timedelta(hours=1),
        marketplace_ids=[MARKETPLACE], fulfilled_by=["MERCHANT"], included_data=sets,
    )  # fmt: skip
    assert [one.order_id for one in found.orders] == [order.external_id]
    from spapi.models import orders_v0 as v0

    detail = v0.PackageDetail(
        package_reference_id="7", carrier_code="FedEx", tracking_number="612999", ship_date=datetime.now(UTC),
        order_items=[v0.ConfirmShipmentOrderItem(order_item_id=line, quantity=1)],
    )  # fmt: skip
    body = v0.ConfirmShipmentRequest(package_detail=detail, marketplace_id=MARKETPLACE)
    await ask("OrdersV0Api", "confirm_shipment", order.external_id, body)
    shown = (await connector.read_tracking([order.external_id]))[order.external_id]
    assert {one.tracking_number for one in shown} == {"1Z-bb-1", "612999"}
    assert sim.state(order.external_id) == "shipped"


async def test_amazons_sdk_reads_listings_marketplaces_and_restricted_tokens(
    sim: AmazonSim, ask: Callable[..., Awaitable[Any]]
) -> None:
    sim.listings = [SaleLine("MUG", 1, title="Stoneware mug"), SaleLine("CUP", 0)]
    found = await ask(
        "ListingsApi", "search_listings_items", sim.seller_id, [MARKETPLACE],
        included_data=["summaries", "attributes"], sort_by="createdDate", sort_order="ASC", page_size=20,
    )  # fmt: skip
    assert [(item.sku, item.summaries[0].item_name) for item in found.items] == [
        ("MUG", "Stoneware mug"), ("CUP", "Stoneware mug"),
    ]  # fmt: skip
    (seller,) = (await ask("SellersApi", "get_marketplace_participations")).payload
    assert (seller.marketplace.id, seller.participation.is_participating, seller.store_name) == (
        MARKETPLACE, True, "Bluebook demo",
    )  # fmt: skip
    from spapi.models import tokens_v2021_03_01 as tokens

    resource = tokens.RestrictedResource(
        method="GET", path="/orders/2026-01-01/orders", data_elements=["buyerInfo", "shippingAddress"]
    )
    body = tokens.CreateRestrictedDataTokenRequest(restricted_resources=[resource])
    given = await ask("TokensApi", "create_restricted_data_token", body)
    assert given.expires_in == 3600


async def test_amazons_sdk_cancels_by_a_feed_as_we_do(sim: AmazonSim, ask: Callable[..., Awaitable[Any]]) -> None:
    from spapi.models import feeds_v2021_06_30 as feeds

    order = sim.place(sale(("MUG", 2)))
    wanted = feeds.CreateFeedDocumentSpecification(content_type="text/xml; charset=UTF-8")
    document = await ask("FeedsApi", "create_feed_document", wanted)
    item = sim.book.find(order).lines[0].id
    body = cancelling.feed(
        sim.seller_id,
        cancelling.cancelable(
            msgspec.json.encode({"order": sim.book.find(order).shown(frozenset(), MARKETPLACE, personal=False)})
        ),
    )
    assert f"<AmazonOrderItemCode>{item}</AmazonOrderItemCode>" in body
    async with aiohttp.ClientSession() as session, session.put(document.url, data=body.encode()) as put:
        assert put.status == 200
    specification = feeds.CreateFeedSpecification(
        feed_type="POST_ORDER_ACKNOWLEDGEMENT_DATA", marketplace_ids=[MARKETPLACE],
        input_feed_document_id=document.feed_document_id,
    )  # fmt: skip
    made = await ask("FeedsApi", "create_feed", specification)
    assert (await ask("FeedsApi", "get_feed", made.feed_id)).processing_status == "DONE"
    assert sim.state(order) == "canceled"
