"""Which calls are believed to be the store's, and which order they are about."""

from __future__ import annotations

import base64
from datetime import timedelta

import msgspec
import pytest
from standardwebhooks.webhooks import Webhook

from engine import clock
from engine.connectors.channels.bigcommerce.connector import Config, Connector
from engine.demo.channels.bigcommerce import BigCommerceSim
from engine.errors import Misconfigured, Refused, Unreadable

SIM = BigCommerceSim(seed=3)


def connector(**settings: str) -> Connector:
    values = {"store_hash": SIM.store_hash, "access_token": "t"} | settings
    return Connector(Config(**values))


def without(headers: dict[str, str], prefix: str) -> dict[str, str]:
    return {name: value for name, value in headers.items() if not name.lower().startswith(prefix)}


BOTH = {"webhook_secret": SIM.webhook_secret, "client_secret": SIM.client_secret}


def test_a_webhook_names_an_order_to_be_read_again() -> None:
    headers, body = SIM.webhook("217")
    found = connector(**BOTH).verify_hook(headers, body)
    assert (found.raw, found.refresh) == (None, ("217",))
    assert found.delivery_id.startswith(headers["webhook-id"])
    headers, body = SIM.webhook("218", "store/shipment/created")
    assert connector(**BOTH).verify_hook(headers, body).refresh == ("218",)


def test_either_proof_is_enough_and_none_is_not() -> None:
    headers, body = SIM.webhook("217")
    word = without(headers, "webhook-")
    signed = without(headers, "x-bluebook")
    upper = {name.upper(): value for name, value in word.items()}
    assert connector(webhook_secret=SIM.webhook_secret).verify_hook(upper, body).refresh == ("217",)
    assert connector(client_secret=SIM.client_secret).verify_hook(signed, body).refresh == ("217",)
    for given, settings in (
        (word, {"client_secret": SIM.client_secret}),
        (signed, {"webhook_secret": SIM.webhook_secret}),
        (word, {"webhook_secret": "another"}),
        (signed, {"client_secret": "another"}),
        ({}, BOTH),
        ({**word, "X-Bluebook-Secret": ""}, BOTH),
        ({**word, "X-Bluebook-Secret": "näh"}, BOTH),
    ):
        with pytest.raises(Refused, match="not proven") as caught:
            connector(**settings).verify_hook(given, body)
        assert caught.value.code == "401"
    with pytest.raises(Misconfigured, match="webhook_secret"):
        connector().verify_hook(headers, body)


def test_a_signature_is_of_this_body_and_of_this_time() -> None:
    headers, body = SIM.webhook("217")
    signed = without(headers, "x-bluebook")
    mine = connector(client_secret=SIM.client_secret)
    with pytest.raises(Refused, match="not proven"):
        mine.verify_hook(signed, body.replace(b"217", b"218"))
    with pytest.raises(Refused, match="not proven"):
        mine.verify_hook({**signed, "webhook-id": "msg_other"}, body)
    with pytest.raises(Refused, match="not proven"):
        mine.verify_hook({**signed, "webhook-signature": headers["webhook-signature"].replace("v1,", "v2,")}, body)
    assert mine.verify_hook({**signed, "webhook-signature": f"v1,AAAA {headers['webhook-signature']}"}, body).refresh
    for wrong in (timedelta(minutes=6), -timedelta(minutes=6)):
        then = clock.now() + wrong
        clock.use(lambda then=then: then)
        with pytest.raises(Refused, match="too old"):
            mine.verify_hook(signed, body)
        clock.use(lambda wrong=wrong, then=then: then - wrong)
    with pytest.raises(Refused, match="too old"):
        mine.verify_hook({**signed, "webhook-timestamp": "soon"}, body)


def test_it_is_the_signature_of_standard_webhooks() -> None:
    body = SIM.webhook("217")[1]
    key = base64.b64encode(SIM.client_secret.encode()).decode()
    at = clock.now()
    signature = Webhook(key).sign("msg_1", at, body.decode())
    headers = {"webhook-id": "msg_1", "webhook-timestamp": str(int(at.timestamp())), "webhook-signature": signature}
    assert connector(client_secret=SIM.client_secret).verify_hook(headers, body).refresh == ("217",)


def test_a_webhook_of_something_else_is_not_taken() -> None:
    mine = connector(**BOTH)
    word = {"X-Bluebook-Secret": SIM.webhook_secret}
    _, body = SIM.webhook("217", "store/product/updated")
    with pytest.raises(Unreadable, match="not about an order"):
        mine.verify_hook(word, body)
    with pytest.raises(Unreadable, match="no webhook"):
        mine.verify_hook(word, b"hello")
    event = msgspec.json.decode(SIM.webhook("217")[1]) | {"producer": "stores/other"}
    with pytest.raises(Refused, match="stores/other"):
        mine.verify_hook(word, msgspec.json.encode(event))
