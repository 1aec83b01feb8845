"""What a WooCommerce store offers: products as they are, and the variations of those that have some."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from engine.connectors.channels.woocommerce.connector import Config, Connector
from engine.demo.catalogue import LISTINGS
from engine.demo.store import DemoStore
from engine.errors import Unreadable
from engine.ports_channels import ListedItem
from tests.connectors.woocommerce.conftest import Peer

PAGES = {"X-WP-TotalPages": "2"}
ONE = {"X-WP-TotalPages": "1"}


def body(*items: dict[str, Any]) -> bytes:
    return json.dumps(items).encode()


async def test_products_and_variations_are_listed_page_by_page(peer: Peer) -> None:
    shirt = {"id": 7, "name": "Shirt", "type": "variable", "status": "publish", "sku": "SH", "variations": [71, 72]}
    mug = {"id": 8, "name": "Mug", "sku": "MUG", "global_unique_id": "036000291452", "purchasable": True}
    group = {"id": 9, "name": "Set of both", "type": "grouped", "sku": ""}
    draft = {"id": 10, "name": "Lamp", "type": "simple", "status": "draft", "sku": None}
    small = {
        "id": 71,
        "sku": "SH-S",
        "attributes": [{"name": "Size", "option": "S"}, {"name": "Colour", "option": "red"}],
    }
    large = {"id": 72, "sku": "SH", "purchasable": False, "attributes": []}
    peer.answers = [(200, PAGES, body(shirt, mug, group)), (200, ONE, body(small, large)), (200, PAGES, body(draft))]
    connector = Connector(Config(url=peer.url, consumer_key="ck_1", consumer_secret="cs_1"))
    first = await connector.listed(None)
    assert first.items == (
        ListedItem(external_id="71", sku="SH-S", title="Shirt, S, red"),
        ListedItem(external_id="72", sku="SH", title="Shirt", active=False),
        ListedItem(external_id="8", sku="MUG", title="Mug", barcode="036000291452"),
    )
    second = await connector.listed(first.next)
    assert second.items == (ListedItem(external_id="10", sku="", title="Lamp", active=False),)
    assert second.next is None
    paths = [path for _, path, *_ in peer.asked]
    root = "/wp-json/wc/v3/products"
    assert paths == [root, f"{root}/7/variations", root]
    assert [query["page"] for _, _, query, *_ in peer.asked] == ["1", "1", "2"]
    await connector.close()


async def test_what_is_no_list_of_products_is_unreadable(peer: Peer) -> None:
    connector = Connector(Config(url=peer.url, consumer_key="ck_1", consumer_secret="cs_1"))
    for answer in (b"{}", b'[{"id": "seven"}]', b"<html>"):
        peer.answers = [(200, ONE, answer)]
        with pytest.raises(Unreadable, match="list of products"):
            await connector.listed(None)
    await connector.close()


async def test_the_demo_store_offers_its_catalogue(store: DemoStore, connect: Callable[..., Connector]) -> None:
    page = await connect().listed(None)
    assert {item.sku for item in page.items} == {listing.sku for listing in LISTINGS}
    assert page.next is None
