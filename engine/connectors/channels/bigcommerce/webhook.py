"""Webhooks of BigCommerce: is this really from the store, and which order is it about?

They are thin: the kind of event and an id. BigCommerce signs them as Standard Webhooks do (https://www.standardwebhooks.com),
HMAC-SHA256 over ``id.timestamp.body`` with the API account's client secret; and it sends along whatever headers a webhook
was made with, of which ours is a secret word. Either proves it. Nothing is believed but which order to look at.
Source: https://developer.bigcommerce.com/docs/integrations/webhooks
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping

import msgspec

from engine import clock
from engine.errors import Misconfigured, Refused, Unreadable
from engine.ports import Hook

SECRET_HEADER = "X-Bluebook-Secret"  # noqa: S105  a name
TOLERANCE = 300.0
"""Seconds that the time of a signature may differ from ours."""


class _Data(msgspec.Struct, rename={"order_id": "orderId"}):
    type: str = ""
    id: int | str | None = None
    order_id: int | None = None


class _Event(msgspec.Struct):
    scope: str
    producer: str
    data: _Data


def hook(headers: Mapping[str, str], body: bytes, store_hash: str, secret: str, client_secret: str) -> Hook:
    """The order the webhook is about, to be read again. Raises Misconfigured, Refused (401), Unreadable."""
    given = {name.lower(): value.strip() for name, value in headers.items()}
    if not (secret or client_secret):
        raise Misconfigured("BigCommerce: webhook_secret is not set, so webhooks cannot be trusted")
    if not (_told(given, secret) or _signed(given, body, client_secret)):
        raise Refused(
            f"the webhook is not proven: make it with the header {SECRET_HEADER} and the channel's webhook_secret",
            "401",
        )
    try:
        event = msgspec.json.decode(body, type=_Event)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Unreadable(f"this is no webhook of BigCommerce: {error}") from error
    if event.producer != f"stores/{store_hash}":
        raise Refused(f"the webhook is of {event.producer}, and this channel is stores/{store_hash}", "401")
    order = event.data.order_id if event.data.type == "shipment" else event.data.id
    if not event.scope.startswith(("store/order/", "store/shipment/")) or order is None:
        raise Unreadable(f"the webhook {event.scope} is not about an order; make it for store/order/*", "scope")
    # The same event may be sent twice, with the same body; a signed one also has an id.
    delivery = f"{given.get('webhook-id', '')}:{hashlib.sha256(body).hexdigest()}"
    return Hook(None, (str(order),), delivery)


def _told(given: Mapping[str, str], secret: str) -> bool:
    word = given.get(SECRET_HEADER.lower(), "")
    return bool(secret and word) and hmac.compare_digest(word.encode(), secret.encode())


def _signed(given: Mapping[str, str], body: bytes, client_secret: str) -> bool:
    signatures, moment = given.get("webhook-signature", ""), given.get("webhook-timestamp", "")
    if not (client_secret and signatures):
        return False
    if not moment.isdecimal() or abs(clock.now().timestamp() - int(moment)) > TOLERANCE:
        raise Refused("the webhook is too old, or its clock is wrong", "401")
    text = f"{given.get('webhook-id', '')}.{moment}.".encode() + body
    wanted = base64.b64encode(hmac.new(client_secret.encode(), text, hashlib.sha256).digest()).decode()
    found = False
    for one in signatures.split():
        version, _, signature = one.partition(",")
        found |= version == "v1" and hmac.compare_digest(signature.encode(), wanted.encode())
    return found
