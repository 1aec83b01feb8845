"""Letting Bluebook in: tokens that are given, asked for and renewed, and an owner's consent in a browser."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import aiohttp
import pytest

from engine import clock
from engine.connectors import registry
from engine.connectors.channels.shopify.connector import Connector
from engine.demo.channels.base import ChannelFault
from engine.demo.channels.shopify import SHOP, ShopifySim
from engine.errors import Misconfigured, NotAuthorised
from tests.connectors.shopify.conftest import sell, walk

Connect = Callable[..., Connector]


async def test_an_app_asks_for_a_token_and_renews_it(sim: ShopifySim, connect: Connect) -> None:
    connector = connect(access_token="", client_id=sim.client_id)
    assert len(connector.grants) == 1
    await connector.check()
    await connector.check()
    assert sim.counts["token"] == 1
    sim.pass_time(timedelta(hours=24))
    clock.use(sim.moment)
    await connector.check()
    assert sim.counts["token"] == 2


async def test_a_token_that_was_revoked_is_asked_for_anew_once(sim: ShopifySim, connect: Connect) -> None:
    connector = connect(access_token="", client_id=sim.client_id)
    await connector.check()
    sim.tokens.clear()
    order_id = sell(sim)
    assert await walk(connector) == [order_id]
    assert sim.counts["token"] == 2
    sim.script("OrderHeads", ChannelFault.DENY, ChannelFault.DENY)
    with pytest.raises(
        NotAuthorised,
        match=r"scopes read_orders, .*its owner can let Bluebook in anew$",
    ):
        await connector.pull(None, None)


async def test_a_refresh_token_is_used_once(sim: ShopifySim, connect: Connect) -> None:
    settings = {**sim.settings(), "client_id": sim.client_id, "client_secret": sim.client_secret}
    given = await Connector.redeem(settings, sim.consent("s"), "http://127.0.0.1/back", "v")
    connector = connect(**{**settings, **given})
    await connector.check()
    sim.pass_time(timedelta(hours=2))
    clock.use(sim.moment)
    await connector.check()
    assert sim.counts["token"] == 3  # the code, and two refresh tokens
    with pytest.raises(NotAuthorised, match="not one that was given"):
        await connect(**{**settings, **given}).check()  # where the grant was not kept


async def test_wrong_secrets_are_not_authorised_and_not_told(sim: ShopifySim, connect: Connect) -> None:
    with pytest.raises(NotAuthorised, match="Client authentication failed") as caught:
        await connect(access_token="", client_id=sim.client_id, client_secret="shpss_wrong").check()
    assert "shpss" not in caught.value.message
    with pytest.raises(NotAuthorised, match="Invalid API key or access token"):
        await connect(access_token="shpat_wrong").check()


def test_an_owner_is_sent_to_their_own_store() -> None:
    url = Connector.authorise_url({"shop": "bluedoor", "client_id": "app"}, "http://127.0.0.1:8/back", "st", "ch")
    parts = urlsplit(url)
    assert (parts.scheme, parts.netloc, parts.path) == ("https", "bluedoor.myshopify.com", "/admin/oauth/authorize")
    assert parse_qs(parts.query) == {
        "client_id": ["app"], "scope": [",".join(Connector.scopes)], "redirect_uri": ["http://127.0.0.1:8/back"], "state": ["st"],
    }  # fmt: skip


async def test_an_owner_s_yes_is_redeemed(sim: ShopifySim, connect: Connect) -> None:
    settings = {**sim.settings(), "client_id": sim.client_id, "client_secret": sim.client_secret}
    url = Connector.authorise_url(settings, "http://127.0.0.1:8/back", "a state", "")
    async with aiohttp.ClientSession() as browser, browser.get(url, allow_redirects=False) as answer:
        back = urlsplit(answer.headers["Location"])
    query = dict(parse_qsl(back.query))
    assert (back.netloc, back.path, query["state"]) == ("127.0.0.1:8", "/back", "a state")
    given = await Connector.redeem(settings, query, "http://127.0.0.1:8/back", "")
    assert set(given) == set(Connector.authorise_gives)
    assert (await connect(**{**settings, **given}).check()).startswith("Blue Door Living")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"code": "another"}, "not signed by this app"),
        ({"hmac": ""}, "not signed by this app"),
        ({"hmac": "é"}, "not signed by this app"),
        ({"extra": "1"}, "not signed by this app"),
    ],
)
async def test_an_answer_that_was_changed_on_its_way_is_not_redeemed(
    sim: ShopifySim, change: dict[str, str], said: str
) -> None:
    settings = {**sim.settings(), "client_id": sim.client_id, "client_secret": sim.client_secret}
    with pytest.raises(NotAuthorised, match=said):
        await Connector.redeem(settings, {**sim.consent("s"), **change}, "http://127.0.0.1/back", "v")
    assert sim.counts["token"] == 0


async def test_an_answer_of_another_store_is_not_redeemed(sim: ShopifySim) -> None:
    settings = {"shop": "somebody-else", "client_id": sim.client_id, "client_secret": sim.client_secret}
    with pytest.raises(NotAuthorised, match=f"from {SHOP} and not from https://somebody-else"):
        await Connector.redeem(settings, sim.consent("s"), "http://127.0.0.1/back", "v")


@pytest.mark.parametrize(
    "changes", [{"access_token": ""}, {"shop": "https://"}, {"shop": "ftp://x.example"}, {"shop": "two words"}]
)
def test_settings_that_let_nobody_in_are_misconfigured_before_they_are_saved(changes: dict[str, Any]) -> None:
    values = {"shop": "bluedoor", "access_token": "shpat_1", "client_secret": "shpss_1", **changes}
    with pytest.raises(Misconfigured, match="Shopify: "):
        registry.configure(registry.channel_type("shopify"), values)


@pytest.mark.parametrize("shop", ["bluedoor", "bluedoor.myshopify.com", " https://bluedoor.myshopify.com/ "])
def test_a_store_is_known_by_its_name_or_address(shop: str) -> None:
    assert Connector.order_page({"shop": shop}, "17") == "https://bluedoor.myshopify.com/admin/orders/17"
    assert Connector.order_page({}, "17") == ""
