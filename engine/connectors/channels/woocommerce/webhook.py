"""Webhooks of WooCommerce: is this really from the store, and which order is it about?

``X-WC-Webhook-Signature`` is base64 of HMAC-SHA256 over the raw body; ``X-WC-Webhook-Delivery-ID`` names the delivery.
Saving a webhook sends a first ping, a form body ``webhook_id=<n>`` without a signature: to be answered, never trusted.
Source: https://woocommerce.github.io/woocommerce-rest-api-docs/#webhooks
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

import msgspec

DELIVERY_HEADER = "X-WC-Webhook-Delivery-ID"
SIGNATURE_HEADER = "X-WC-Webhook-Signature"


class _Named(msgspec.Struct):
    id: int


def verify(body: bytes, signature: str | None, secret: str) -> bool:
    """Whether the body was signed with ``secret``; compared in constant time. No signature or no secret is a no."""
    if not signature or not secret:
        return False
    try:
        given = base64.b64decode(signature, validate=True)
    except (binascii.Error, ValueError):
        return False
    return hmac.compare_digest(given, hmac.new(secret.encode(), body, hashlib.sha256).digest())


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
    except msgspec.DecodeError:
        return None
