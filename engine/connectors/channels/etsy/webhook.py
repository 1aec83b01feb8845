"""Webhooks of Etsy, which apps with commercial access can have: is this really from Etsy, and which receipt is it about?

They are signed as https://www.standardwebhooks.com says: HMAC-SHA256 over id, time and body, with the secret of the endpoint.
Source: https://developers.etsy.com/documentation/essentials/webhooks
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Mapping

import msgspec
from standardwebhooks import Webhook, WebhookVerificationError
from standardwebhooks.webhooks import EmptyWebhookSecretError

from engine.connectors.payload import decode
from engine.errors import Misconfigured, Refused
from engine.ports import Hook

_RECEIPT = re.compile(r"/shops/(\d+)/receipts/(\d+)/?$")


class _Event(msgspec.Struct):
    resource_url: str = ""


def hook(headers: Mapping[str, str], body: bytes, secret: str, shop_id: int) -> Hook:
    """The receipt that the call is about; nothing for other shops of the app. Raises Misconfigured, Refused (401), Unreadable."""
    if not secret:
        raise Misconfigured("Etsy: webhook_secret is not set, so webhooks cannot be trusted")
    given = {name.lower(): value for name, value in headers.items()}
    try:
        verifier = Webhook(secret)
    except (binascii.Error, EmptyWebhookSecretError) as error:
        raise Misconfigured("Etsy: webhook_secret is none that Etsy gives; it begins with whsec_") from error
    try:
        verifier.verify(body, given, json_parse=False)
    except (WebhookVerificationError, ValueError) as error:  # ValueError: a signature that is written like none
        raise Refused("the webhook's signature is not Etsy's, or it is older than five minutes", "401") from error
    event = decode(body, _Event, "a webhook of Etsy's")
    about = _RECEIPT.search(event.resource_url)
    if about is None or int(about[1]) != shop_id:
        return Hook()
    return Hook(None, (about[2],), given.get("webhook-id", ""))
