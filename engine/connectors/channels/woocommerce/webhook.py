"""Webhooks of WooCommerce: is this really from the store, and which order is it about?

``X-WC-Webhook-Signature`` is base64 of HMAC-SHA256 over the raw body; ``X-WC-Webhook-Delivery-ID`` names the delivery.
Saving a webhook sends a first ping, a form body ``webhook_id=<n>`` without a signature: to be answered, never trusted.
Source: https://woocommerce.github.io/woocommerce-rest-api-docs/#webhooks
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import msgspec

from engine.connectors.signing import verify
from engine.errors import Misconfigured, Refused, Unreadable
from engine.ports import Hook

DELIVERY_HEADER = "X-WC-Webhook-Delivery-ID"
SIGNATURE_HEADER = "X-WC-Webhook-Signature"
RESOURCE_HEADER = "X-WC-Webhook-Resource"


class _Named(msgspec.Struct):
    id: int


def is_ping(body: bytes) -> bool:
    """Whether this is the unsigned first ping that WooCommerce sends when a webhook is saved."""
    name, _, number = body.strip().partition(b"=")
    return name == b"webhook_id" and number.isdigit()


def order_id(body: bytes) -> str | None:
    """The external id of the order in a webhook's body (also order.deleted, which has nothing else), else None.

    The body lacks the refunds' lines, so it only says what to fetch with ``pull_ids``.
    """
    try:
        return str(msgspec.json.decode(body, type=_Named).id)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def hook(headers: Mapping[str, str], body: bytes, secret: str) -> Hook:
    """The order the webhook is about; nothing for the first ping. Raises Misconfigured, Refused (401), Unreadable.

    WooCommerce signs neither a time nor the delivery id, so an old webhook can be sent again under another id. That
    brings nothing but one more look at the order as it is now, which is why no webhook is ever read as an order.
    """
    given = {name.lower(): value.strip() for name, value in headers.items()}
    signature = given.get(SIGNATURE_HEADER.lower())
    if not signature and is_ping(body):
        return Hook()
    if not secret:
        raise Misconfigured("WooCommerce: webhook_secret is not set, so webhooks cannot be trusted")
    if not verify(body, signature, secret):
        raise Refused("the webhook's signature is wrong; give the webhook and Bluebook the same secret", "401")
    external_id = order_id(body)
    if given.get(RESOURCE_HEADER.lower(), "order") != "order" or external_id is None:
        raise Unreadable("this webhook is not about an order; choose one of the Order topics for it", "id")
    # WooCommerce makes delivery ids from the second, so two deliveries can share one; their bodies tell them apart.
    delivery = f"{given.get(DELIVERY_HEADER.lower(), '')}:{hashlib.sha256(body).hexdigest()}"
    return Hook(None, (external_id,), delivery)
