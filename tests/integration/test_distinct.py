"""Nothing that is set up can be taken for something else, on both databases."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from engine import db
from engine.api.rest import named
from engine.connectors import registry
from engine.connectors.accounts import address
from engine.errors import Invalid
from engine.services import listings, setup
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


async def test_names_that_differ_only_in_capital_letters_are_refused(database: str) -> None:
    shop = await setup.add_channel(" Demo shop ", "file", {"folder": "/srv/a"}, PERSON)
    assert shop.name == "Demo shop"
    with pytest.raises(Invalid, match=r"already a channel called Demo shop$"):
        await setup.add_channel("Demo shop", "file", {"folder": "/srv/b"}, PERSON)
    with pytest.raises(Invalid, match="already a channel called Demo shop; capital letters do not make another"):
        await setup.add_channel("demo SHOP", "file", {"folder": "/srv/b"}, PERSON)
    rest = {"base_url": "https://api.example", "api_key": "k"}
    await setup.add_supplier("Acme", "ACME", "rest", rest, PERSON)  # its own name and code may be alike
    for name, code, said, field in (
        ("Nova", "acme", "already a supplier called Acme; capital", "code"),
        ("ACME", "NOVA", "already a supplier called Acme; capital", "name"),
    ):
        with pytest.raises(Invalid, match=said) as refused:
            await setup.add_supplier(name, code, "rest", rest, PERSON)
        assert refused.value.field == field
    await setup.add_supplier("Nova Ltd", "NOVA", "rest", rest, PERSON)
    with pytest.raises(Invalid, match=r"already a supplier with the code NOVA$"):
        await setup.add_supplier("Other", "NOVA", "rest", rest, PERSON)

    # Those that are there from before are found by their very names.
    await setup.add_channel("Twin", "file", {"folder": "/srv/c"}, PERSON)
    await db.run("UPDATE channels SET name = 'demo SHOP' WHERE name = 'Twin'")
    assert [(await listings.channel(name)).name for name in ("Demo shop", "demo SHOP")] == ["Demo shop", "demo SHOP"]
    assert (await named.channel("demo SHOP")).name == "demo SHOP"
    with pytest.raises(Invalid, match="may be"):
        await listings.channel("DEMO shop")


@pytest.mark.parametrize("empty", ["", "  ", " \u200b\u00a0", "\x00", "two\nlines"])
async def test_nothing_has_an_empty_name_code_or_sku(sqlite_database: str, empty: str) -> None:
    rest = {"base_url": "https://api.example", "api_key": "k"}
    with pytest.raises(Invalid, match="a name") as refused:
        await setup.add_channel(empty, "file", {"folder": "/srv/a"}, PERSON)
    assert refused.value.field == "name"
    with pytest.raises(Invalid, match="a code") as refused:
        await setup.add_supplier("Acme", empty, "rest", rest, PERSON)
    assert refused.value.field == "code"
    with pytest.raises(Invalid, match="a SKU"):
        await setup.add_product(empty, "Mug", PERSON)
    acme = await setup.add_supplier("Acme", "ACME", "rest", rest, PERSON)
    await setup.add_product(" MUG ", "Mug", PERSON)
    with pytest.raises(Invalid, match="the supplier's SKU"):
        await setup.add_offer(acme.id, "MUG", empty, 100, PERSON)
    for code, name in ((empty, "Ground"), ("GND", empty)):
        with pytest.raises(Invalid, match="a method's"):
            await setup.add_method(acme.id, code, name, PERSON)
    with pytest.raises(Invalid, match="a code has at most 16 characters, not 17"):
        await setup.update("suppliers", acme.id, PERSON, code="A" * 17)


async def test_channels_and_suppliers_can_be_called_otherwise(database: str) -> None:
    shop = await setup.add_channel("Shop", "file", {"folder": "/srv/a"}, PERSON)
    await setup.add_channel("Outlet", "file", {"folder": "/srv/b"}, PERSON)
    for taken in ("outlet", ""):
        with pytest.raises(Invalid):
            await setup.update("channels", shop.id, PERSON, name=taken)
    await setup.update("channels", shop.id, PERSON, name=" SHOP ")  # its own name in other letters
    assert (await listings.channel("SHOP")).id == shop.id
    acme = await setup.add_supplier("Acme", "ACME", "rest", {"base_url": "https://a.example", "api_key": "k"}, PERSON)
    await setup.update("suppliers", acme.id, PERSON, name="Acme Trading", code="AT", priority=1)
    assert ((view := await listings.supplier("at")).name, view.priority) == ("Acme Trading", 1)
    found = await db.rows(
        "SELECT message, before, after FROM audit_events WHERE order_id = 0 AND tag LIKE '%:change' ORDER BY seq"
    )
    changes = [(r[0], msgspec.json.decode(r[1]), msgspec.json.decode(r[2])) for r in found]
    assert changes == [
        ("Shop", {"name": "Shop"}, {"name": "SHOP"}),
        (
            "Acme", {"name": "Acme", "code": "ACME", "priority": 100},
            {"name": "Acme Trading", "code": "AT", "priority": 1},
        ),
    ]  # fmt: skip
