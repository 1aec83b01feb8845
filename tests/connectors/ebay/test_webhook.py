"""eBay's calls: genuine ones bring another look at their orders, others nothing. By themselves, and through the API."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from engine import db
from engine.api import app
from engine.connectors.channels.ebay import webhook
from engine.demo.channels.ebay import DemoEbay
from engine.errors import Misconfigured, Refused, Unreadable
from engine.services import catalog, setup, tasks
from engine.services.lifecycle import Actor
from tests.connectors.ebay.conftest import Connect, sale

TOKEN = "a-token-of-letters-and-digits-0123456789"
ADDRESS = "https://orders.example.com/hooks/channels/1"
BY = Actor("dana", "person", "test")


@pytest.mark.parametrize(
    ("data", "orders"),
    [
        ({"order": {"orderId": "12-3"}}, ("12-3",)),
        ({"lines": [{"orderId": "12-3"}, {"orderId": "12-4"}, {"orderId": "12-3"}]}, ("12-3", "12-4")),
        ({"username": "test_user", "userId": "ma8vp1jySJC"}, ()),
        ({"orderId": 7}, ()),
        (None, ()),
    ],
)
async def test_a_genuine_call_names_its_orders(ebay: DemoEbay, connect: Connect, data: Any, orders: Any) -> None:
    made = connect()
    headers, body = ebay.notification("ORDER_CONFIRMATION", data)
    await made.learn(headers)
    hook = made.verify_hook(headers, body)
    assert (hook.raw, hook.refresh) == (None, orders)
    assert hook.delivery_id == json.loads(body)["notification"]["notificationId"]


async def test_a_call_that_is_not_genuine_is_refused(ebay: DemoEbay, connect: Connect) -> None:
    made = connect()
    headers, body = ebay.notification("ORDER_CONFIRMATION", {"orderId": "12-3"})
    with pytest.raises(Refused, match="not eBay's"):  # nobody has asked for its key yet
        made.verify_hook(headers, body)
    await made.learn(headers)
    with pytest.raises(Refused, match="not eBay's"):
        made.verify_hook(headers, body.replace(b"12-3", b"12-4"))
    ebay._key = ec.generate_private_key(ec.SECP256R1())
    with pytest.raises(Refused, match="not eBay's"):
        made.verify_hook(*ebay.notification("ORDER_CONFIRMATION", {"orderId": "12-3"}))


@pytest.mark.parametrize(
    "header",
    [
        "",
        "no base64!",
        base64.b64encode(b"no json").decode(),
        base64.b64encode(b'{"kid": "../secret", "signature": ""}').decode(),
        base64.b64encode(b'{"kid": "a", "signature": 5}').decode(),
    ],
)
async def test_a_call_without_a_signature_asks_eBay_nothing(ebay: DemoEbay, connect: Connect, header: str) -> None:
    made = connect()
    with pytest.raises(Refused) as caught:
        await made.learn({"X-EBAY-SIGNATURE": header})
    assert caught.value.code == "401"
    assert not ebay.counts


async def test_a_signature_that_is_no_base64_is_refused(ebay: DemoEbay, connect: Connect) -> None:
    made = connect()
    await made.learn(ebay.notification("X", {})[0])
    odd = base64.b64encode(json.dumps({"kid": ebay.key_id, "signature": "%%%"}).encode()).decode()
    with pytest.raises(Refused, match="not eBay's"):
        made.verify_hook({"x-ebay-signature": odd}, b"{}")


@pytest.mark.parametrize(
    "published", [{"key": "none"}, {"key": ""}, {"algorithm": "ECDSA"}, {"key": "", "digest": "MD5"}]
)
def test_a_key_that_cannot_be_used_is_unreadable(published: dict[str, str]) -> None:
    with pytest.raises(Unreadable):
        webhook.key(json.dumps(published).encode())


def test_our_address_is_proved_by_the_token() -> None:
    wanted = hashlib.sha256(f"c0de{TOKEN}{ADDRESS}".encode()).hexdigest()
    assert webhook.proof({"challenge_code": "c0de"}, TOKEN, ADDRESS) == {"challengeResponse": wanted}
    with pytest.raises(Refused):
        webhook.proof({}, TOKEN, ADDRESS)
    with pytest.raises(Misconfigured, match="verification_token"):
        webhook.proof({"challenge_code": "c0de"}, "", ADDRESS)


@pytest.fixture
async def api(sqlite_database: str) -> AsyncIterator[str]:
    runner = await app.start(port=0)
    yield app.address(runner)
    await runner.cleanup()
    await catalog.close_connectors()


async def test_a_call_through_the_api_brings_the_order(api: str, ebay: DemoEbay) -> None:
    settings = {**ebay.settings(), **ebay.secrets(), "verification_token": TOKEN, "webhook_url": ADDRESS}
    made = await setup.add_channel("eBay", "ebay", settings, BY)
    await db.run("UPDATE schedules SET next_at = next_at + ?", 10**15)  # nothing polls
    order_id = ebay.place(sale())
    headers, body = ebay.notification("ORDER_CONFIRMATION", {"order": {"orderId": order_id}})
    path = f"{api}/hooks/channels/{made.id}"
    async with aiohttp.ClientSession() as session:
        async with session.get(path, params={"challenge_code": "c0de"}) as answer:
            proof = hashlib.sha256(f"c0de{TOKEN}{ADDRESS}".encode()).hexdigest()
            assert (answer.status, await answer.json()) == (200, {"challengeResponse": proof})
        async with session.get(path) as answer:
            assert answer.status == 401
        async with session.post(path, data=body + b" ", headers=headers) as answer:
            assert answer.status == 401
        for _ in range(2):  # eBay sends twice what it is not sure of
            async with session.post(path, data=body, headers=headers) as answer:
                assert answer.status == 200
    await tasks.drain()
    assert [r[0] for r in await db.rows("SELECT external_id FROM orders")] == [order_id]
    assert ebay.counts["keys.get"] == 1
    assert ebay.counts["orders.list"] == 1


async def test_a_channel_that_asks_for_no_proof_is_not_found(api: str) -> None:
    made = await setup.add_channel(
        "Store", "woocommerce", {"url": "http://127.0.0.1:9", "consumer_key": "k", "consumer_secret": "s"}, BY
    )
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{api}/hooks/channels/{made.id}?challenge_code=1") as answer:
            assert answer.status == 404
        async with session.get(f"{api}/hooks/channels/999?challenge_code=1") as answer:
            assert answer.status == 404
