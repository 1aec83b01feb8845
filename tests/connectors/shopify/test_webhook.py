"""Webhooks: forged, replayed, late, out of order; and what a genuine one hastens."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from engine import clock
from engine.connectors.channels.shopify import webhook
from engine.connectors.channels.shopify.connector import Connector
from engine.demo.channels.shopify import ShopifySim
from engine.errors import Misconfigured, Refused, Unreadable
from tests.connectors.shopify.conftest import read, sell

Connect = Callable[..., Connector]
SECRET = "shpss_0"
NOW = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)
BODY = b'{"id":4501,"updated_at":"2026-11-29T11:59:59Z"}'


def _headers(body: bytes = BODY, *, secret: str = SECRET, **changes: str) -> dict[str, str]:
    digest = base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()
    named = {name.replace("_", "-"): value for name, value in changes.items()}
    return {
        "X-Shopify-Topic": "orders/updated", "X-Shopify-Hmac-Sha256": digest, "X-Shopify-Webhook-Id": "w-1",
        "X-Shopify-Event-Id": "e-1", "X-Shopify-Triggered-At": "2026-11-29T11:59:58.123456789Z", **named,
    }  # fmt: skip


@pytest.fixture(autouse=True)
def noon() -> None:
    clock.use(lambda: NOW)


def test_a_genuine_one_names_its_order() -> None:
    hook = webhook.hook(_headers(), BODY, SECRET)
    assert (hook.raw, hook.refresh) == (None, ("4501",))
    assert hook.delivery_id == f"w-1:{hashlib.sha256(BODY).hexdigest()}"
    lower = {name.lower(): value for name, value in _headers().items()}
    assert webhook.hook(lower, BODY, SECRET) == hook


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        (_headers(secret="shpss_1"), BODY),
        (_headers(), BODY.replace(b"4501", b"4502")),
        (_headers(), BODY + b" "),
        (_headers(X_Shopify_Hmac_Sha256=""), BODY),
        (_headers(X_Shopify_Hmac_Sha256="not base64!"), BODY),
        (_headers(X_Shopify_Hmac_Sha256=hmac.new(b"shpss_0", BODY, hashlib.sha256).hexdigest()), BODY),
    ],
)
def test_a_forged_one_is_refused(headers: dict[str, str], body: bytes) -> None:
    with pytest.raises(Refused, match="signature is wrong") as caught:
        webhook.hook(headers, body, SECRET)
    assert caught.value.code == "401"


@pytest.mark.parametrize(
    ("triggered", "taken"),
    [
        ("2026-11-29T12:00:00Z", True), ("2026-11-29T06:00:01Z", True), ("2026-11-29T07:00:00-05:00", True),
        ("2026-11-29T12:09:00Z", True), ("2026-11-29T05:59:59Z", False), ("2026-11-22T12:00:00Z", False),
        ("2026-11-29T12:11:00Z", False), ("", False), ("soon", False), ("2026-11-29T12:00:00", False),
    ],
)  # fmt: skip
def test_a_late_one_is_refused(triggered: str, taken: bool) -> None:
    headers = _headers(X_Shopify_Triggered_At=triggered)
    if taken:
        assert webhook.hook(headers, BODY, SECRET).refresh == ("4501",)
        return
    with pytest.raises(Refused, match="trigger"):
        webhook.hook(headers, BODY, SECRET)


def test_one_that_is_sent_again_has_the_same_delivery_and_another_has_not() -> None:
    first = webhook.hook(_headers(), BODY, SECRET)
    assert webhook.hook(_headers(), BODY, SECRET).delivery_id == first.delivery_id
    other = b'{"id":4501,"updated_at":"2026-11-29T12:00:01Z"}'
    # Ids are not signed: one that was made up for an old body uses up nobody else's.
    assert webhook.hook(_headers(other), other, SECRET).delivery_id != first.delivery_id
    without = _headers(X_Shopify_Webhook_Id="")
    assert webhook.hook(without, BODY, SECRET).delivery_id.startswith("e-1:")


@pytest.mark.parametrize(
    ("topic", "body", "order"),
    [
        ("orders/delete", b'{"id":7}', "7"), ("refunds/create", b'{"id":1,"order_id":7}', "7"),
        ("fulfillments/create", b'{"id":1,"order_id":7}', "7"), ("orders/edited", b'{"order_edit":{"id":1,"order_id":7}}', "7"),
        ("orders/risk_assessment_changed", b'{"order_id":"gid://shopify/Order/7"}', "7"),
    ],
)  # fmt: skip
def test_each_topic_names_its_order_in_its_own_way(topic: str, body: bytes, order: str) -> None:
    assert webhook.hook(_headers(body, X_Shopify_Topic=topic), body, SECRET).refresh == (order,)


@pytest.mark.parametrize(
    ("topic", "body"),
    [
        ("fulfillment_orders/placed_on_hold", b'{"fulfillment_order":{"id":"gid://shopify/FulfillmentOrder/1"}}'),
        ("app/uninstalled", b'{"id":7}'), ("orders/updated", b"{}"), ("orders/updated", b"[]"), ("orders/updated", b'{"id":'),
        ("orders/updated", b'{"id":"../7"}x'), ("orders/updated", b'{"id":true}'), ("orders/updated", b'{"id":"\xff"}'),
    ],
)  # fmt: skip
def test_one_that_names_no_order_is_unreadable(topic: str, body: bytes) -> None:
    with pytest.raises((Unreadable, UnicodeDecodeError)):
        webhook.hook(_headers(body, X_Shopify_Topic=topic), body, SECRET)


def test_without_a_secret_none_is_believed() -> None:
    with pytest.raises(Misconfigured, match="client_secret"):
        webhook.hook(_headers(secret=""), BODY, "")


@pytest.mark.parametrize(("settings", "secret"), [({}, SECRET), ({"webhook_secret": "signing-key"}, "signing-key")])
def test_the_app_s_secret_signs_where_webhooks_have_none_of_their_own(settings: dict[str, Any], secret: str) -> None:
    config = {"shop": "x", "access_token": "t", "client_secret": SECRET, **settings}
    connector = Connector(Connector.config_type(**config))
    assert connector.verify_hook(_headers(secret=secret), BODY).refresh == ("4501",)
    with pytest.raises(Refused):
        connector.verify_hook(_headers(secret=secret + "x"), BODY)


async def test_out_of_order_and_twice_the_order_is_read_as_it_is_now(sim: ShopifySim, connect: Connect) -> None:
    clock.use(sim.moment)
    order_id = sell(sim)
    for note in ("first", "second", "third"):
        sim.pass_time(timedelta(seconds=1))
        sim.touch(order_id, note=note)
    connector = connect()
    deliveries = sim.deliveries * 2
    sim.rng.shuffle(deliveries)
    seen = set()
    for one in deliveries:
        hook = connector.verify_hook(one.headers, one.body)
        assert hook.refresh == (order_id,)
        seen.add(hook.delivery_id)
        assert (await read(connector, order_id)).note == "third"
    assert len(seen) == 4  # as many as happened: the order and its three changes
