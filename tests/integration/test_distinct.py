"""Nothing that is set up can be taken for something else, on both databases."""

from __future__ import annotations

from typing import Any

import pytest

from engine import db
from engine.connectors import registry
from engine.connectors.accounts import address
from engine.errors import Invalid
from engine.services import setup
from tests.support.world import PERSON

WOO = {"url": "https://shop.example", "consumer_key": "k", "consumer_secret": "s"}


async def test_a_store_is_not_connected_twice_unless_somebody_insists(database: str) -> None:
    first = await setup.add_channel("Shop", "woocommerce", WOO, PERSON)
    again = {**WOO, "url": "HTTP://www.Shop.example:80/", "consumer_key": "other"}
    with pytest.raises(Invalid, match="the channel Shop is connected to this WooCommerce account already"):
        await setup.add_channel("Shop 2", "woocommerce", again, PERSON)
    assert await db.value("SELECT COUNT(*) FROM channels") == 1

    await setup.update("channels", first.id, PERSON, enabled=False)
    with pytest.raises(Invalid, match="the channel Shop, which is disabled, is connected"):
        await setup.add_channel("Shop 2", "woocommerce", again, PERSON)

    other = await setup.add_channel("Outlet", "woocommerce", {**WOO, "url": "https://outlet.example"}, PERSON)
    with pytest.raises(Invalid, match="the channel Shop"):
        await setup.update("channels", other.id, PERSON, values={"url": "https://shop.example/"})
    await setup.update("channels", other.id, PERSON, values={"url": "https://shop.example/de"})

    twin = await setup.add_channel("Twin", "woocommerce", again, PERSON, same_account=True)
    # Whoever insisted once is left alone while it stays there.
    await setup.update(
        "channels", twin.id, PERSON, values={"consumer_secret": "another", "url": "https://shop.example"}
    )
    await setup.update("channels", other.id, PERSON, values={"url": "https://shop.example"}, same_account=True)


AMAZON = {"client_id": "a", "client_secret": "b", "refresh_token": "c"}
SHOPIFY = {"access_token": "t"}


@pytest.mark.parametrize(
    ("slug", "one", "other", "same"),
    [
        ("shopify", {**SHOPIFY, "shop": "blue"}, {**SHOPIFY, "shop": "https://Blue.myshopify.com/"}, True),
        ("shopify", {**SHOPIFY, "shop": "blue"}, {**SHOPIFY, "shop": "red"}, False),
        ("amazon", {**AMAZON, "marketplaces": "US, CA"}, {**AMAZON, "marketplaces": "US"}, True),
        ("amazon", {**AMAZON, "marketplaces": "CA"}, {**AMAZON, "marketplaces": "US"}, False),
        ("amazon", {**AMAZON, "seller_id": "A"}, {**AMAZON, "seller_id": "A", "refresh_token": "d"}, True),
        ("amazon", {**AMAZON, "seller_id": "A"}, {**AMAZON, "seller_id": "B"}, False),
        ("file", {"folder": "/srv/in"}, {"folder": "/srv/./in/"}, True),
        ("file", {"folder": "/srv/in"}, {"folder": "/srv/in", "pattern": "*.de.csv"}, False),
        (
            "medusa", {"url": "http://m", "secret_key": "s"},
            {"url": "http://m", "secret_key": "s", "sales_channel_id": "sc_1"}, True,
        ),
        (
            "medusa", {"url": "http://m", "secret_key": "s", "sales_channel_id": "sc_2"},
            {"url": "http://m", "secret_key": "s", "sales_channel_id": "sc_1"}, False,
        ),
    ],
)  # fmt: skip
def test_what_is_written_differently_may_be_the_same_account(slug: str, one: Any, other: Any, same: bool) -> None:
    kind: Any = registry.channel_type(slug)
    configured = registry.configure(kind, one), registry.configure(kind, other)
    assert kind.same_account(*configured) is kind.same_account(*reversed(configured)) is same
    assert kind.same_account(configured[0], configured[0])


def test_addresses_are_compared_by_where_they_lead() -> None:
    assert address("HTTPS://WWW.Shop.example:443/de/") == address("http://shop.example/de") == "shop.example/de"
    assert address("http://127.0.0.1:8731") == "127.0.0.1:8731"
    assert address("http://shop.example:x") == "http://shop.example:x"
