"""Etsy's webhooks: a genuine one brings another look at its receipt, any other nothing."""

from __future__ import annotations

import pytest

from engine.demo.channels.etsy import DemoEtsy
from engine.errors import Misconfigured, Refused, Unreadable
from engine.ports import Hook
from tests.connectors.etsy.conftest import Connect


@pytest.mark.parametrize("event", ["order.paid", "order.canceled", "order.shipped"])
async def test_a_genuine_call_names_its_receipt(etsy: DemoEtsy, connect: Connect, event: str) -> None:
    headers, body = etsy.webhook(event, "3000000001")
    assert connect().verify_hook(headers, body) == Hook(None, ("3000000001",), headers["webhook-id"])


async def test_a_call_about_another_shop_of_the_app_brings_nothing(etsy: DemoEtsy, connect: Connect) -> None:
    assert connect().verify_hook(*etsy.webhook("order.paid", "3000000001", shop_id=7)) == Hook()


async def test_a_call_that_is_not_genuine_or_old_is_refused(etsy: DemoEtsy, connect: Connect) -> None:
    made = connect()
    headers, body = etsy.webhook("order.paid", "3000000001")
    for wrong in (
        {},
        {**headers, "webhook-signature": "v1,AAAA"},
        {**headers, "webhook-signature": "nothing"},
        {**headers, "webhook-signature": "v1,A"},
        {**headers, "webhook-signature": "v1,ö"},
        {**headers, "webhook-signature": "v1,AAAA,AAAA"},
        {**headers, "webhook-signature": "v2,AAAA"},
        {**headers, "webhook-id": "msg_other"},
        {**headers, "webhook-timestamp": "1700000000"},
        {**headers, "webhook-timestamp": "then"},
    ):
        with pytest.raises(Refused) as caught:
            made.verify_hook(wrong, body)
        assert caught.value.code == "401"
    for changed in (body.replace(b"3000000001", b"3000000002"), b"\xff", b""):
        with pytest.raises(Refused):
            made.verify_hook(headers, changed)


async def test_a_secret_that_is_missing_or_none(etsy: DemoEtsy, connect: Connect) -> None:
    headers, body = etsy.webhook("order.paid", "3000000001")
    for secret in ("", "whsec_%%%"):
        with pytest.raises(Misconfigured, match="webhook_secret"):
            connect(webhook_secret=secret).verify_hook(headers, body)


async def test_a_signed_body_that_is_no_event_is_unreadable(
    etsy: DemoEtsy, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.demo.channels.etsy.json.dumps", lambda _: "[not an event")
    headers, body = etsy.webhook("order.paid", "3000000001")
    monkeypatch.undo()
    with pytest.raises(Unreadable):
        connect().verify_hook(headers, body)
