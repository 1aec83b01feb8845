"""Webhooks of Shopify: is this really from the store, is it fresh, and which order is it about?

``X-Shopify-Hmac-Sha256`` is base64 of HMAC-SHA256 over the raw body, keyed by the app's client secret, or by the signing
key of webhooks that were made under Settings > Notifications. The other headers are not signed.
https://shopify.dev/docs/apps/build/webhooks/verify-deliveries
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta

import msgspec

from engine import clock
from engine.connectors.channels.shopify.mapping import number
from engine.connectors.signing import verify
from engine.errors import Misconfigured, Refused, Unreadable
from engine.ports import Hook

LATE = timedelta(hours=6)
"""Shopify tries eight times within four hours; what is older was kept by somebody."""
AHEAD = timedelta(minutes=10)


class _Edit(msgspec.Struct):
    order_id: int | str | None = None


class _Body(msgspec.Struct):
    id: int | str | None = None
    order_id: int | str | None = None
    order_edit: _Edit = msgspec.field(default_factory=_Edit)


def hook(headers: Mapping[str, str], body: bytes, secret: str) -> Hook:
    """The order that the webhook is about, to be read again. Raises Misconfigured, Refused (401), Unreadable.

    Bodies are never read as orders: they come twice, late and in any order, and an old one can be sent again under
    another id. That brings nothing but one more look at the order as it is now.
    """
    if not secret:
        raise Misconfigured("Shopify: neither webhook_secret nor client_secret is set, so webhooks cannot be trusted")
    given = {name.lower(): value.strip() for name, value in headers.items()}
    if not verify(body, given.get("x-shopify-hmac-sha256", ""), secret):
        raise Refused("the webhook's signature is wrong; Bluebook needs the secret of the app that made it", "401")
    _fresh(given.get("x-shopify-triggered-at", ""))
    delivery = given.get("x-shopify-webhook-id") or given.get("x-shopify-event-id") or ""
    order = _order(given.get("x-shopify-topic", ""), body)
    # With the body's digest, since the ids are not signed: nobody can use up the id of a delivery that is yet to come.
    return Hook(None, (order,), f"{delivery}:{hashlib.sha256(body).hexdigest()}")


def _fresh(triggered_at: str) -> None:
    try:
        age = clock.now() - datetime.fromisoformat(triggered_at)
    except (ValueError, TypeError) as error:
        raise Refused(f"the webhook does not say when it was triggered ({triggered_at!r})", "401") from error
    if age > LATE or age < -AHEAD:
        raise Refused(f"the webhook was triggered at {triggered_at}, which is too long ago or yet to come", "401")


def _order(topic: str, body: bytes) -> str:
    try:
        said = msgspec.json.decode(body, type=_Body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Unreadable(f"the webhook's body cannot be read: {error}", "body") from error
    ids = (said.id if topic.startswith("orders/") or not topic else None, said.order_id, said.order_edit.order_id)
    order = number(next((str(one) for one in ids if one is not None), ""))
    if not order.isdecimal():
        raise Unreadable(f"webhooks of the topic {topic!r} do not name an order; choose those of orders/…", "id")
    return order
