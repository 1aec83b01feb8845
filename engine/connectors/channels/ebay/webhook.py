"""Calls of eBay's Notification API: is this really from eBay, which orders is it about, and is this address ours?

``X-EBAY-SIGNATURE`` is base64 of JSON with the key's id and an ECDSA signature over the raw body. eBay publishes the keys.
Before it uses an address, eBay asks it to prove that it knows the verification token.
Source: https://developer.ebay.com/api-docs/commerce/notification/overview.html
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_public_key

from engine.connectors.payload import decode
from engine.errors import Misconfigured, Refused, Unreadable
from engine.ports import Hook

SIGNATURE_HEADER = "x-ebay-signature"
_KEY_ID = re.compile(r"[0-9A-Za-z_-]{1,100}", re.ASCII)
_DIGESTS: Mapping[str, type[hashes.HashAlgorithm]] = {"SHA1": hashes.SHA1, "SHA256": hashes.SHA256}


class _Signature(msgspec.Struct):
    kid: str
    signature: str


class _Published(msgspec.Struct):
    key: str
    algorithm: str = "ECDSA"
    digest: str = "SHA1"


class _Notification(msgspec.Struct, rename="camel"):
    notification_id: str
    data: Any = None


class _Message(msgspec.Struct):
    notification: _Notification


class Key(msgspec.Struct, frozen=True):
    """A key of eBay's, and the digest that its signatures are made over."""

    public: ec.EllipticCurvePublicKey
    digest: str

    def signed(self, body: bytes, signature: bytes) -> bool:
        """Is the signature this key's, over this body?"""
        try:
            self.public.verify(signature, body, ec.ECDSA(_DIGESTS[self.digest]()))
        except InvalidSignature:
            return False
        return True


def key(body: bytes) -> Key:
    """A key as eBay publishes it, in PEM without line breaks. Raises Unreadable."""
    published = decode(body, _Published, "eBay's public key")
    try:
        der = base64.b64decode(re.sub(r"-----[A-Z ]+-----|\s", "", published.key), validate=True)
        public = load_der_public_key(der)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise Unreadable(f"eBay's public key cannot be read: {error}", field="key") from error
    if not isinstance(public, ec.EllipticCurvePublicKey) or published.digest not in _DIGESTS:
        raise Unreadable(
            f"eBay's public key is for {published.algorithm} with {published.digest}, not for ECDSA with "
            f"{' or '.join(_DIGESTS)}",
            field="digest",
        )
    return Key(public, published.digest)


def _signature(headers: Mapping[str, str]) -> _Signature:
    text = next((value for name, value in headers.items() if name.lower() == SIGNATURE_HEADER), "")
    try:
        found = msgspec.json.decode(base64.b64decode(text, validate=True), type=_Signature)
    except (binascii.Error, ValueError, msgspec.DecodeError) as error:
        raise Refused("the call has no signature of eBay's (X-EBAY-SIGNATURE)", "401") from error
    if not _KEY_ID.fullmatch(found.kid):
        raise Refused("the call's signature names no key of eBay's", "401")
    return found


def key_id(headers: Mapping[str, str]) -> str:
    """The id of the key that the call says it is signed with. Raises Refused where it says none."""
    return _signature(headers).kid


def hook(headers: Mapping[str, str], body: bytes, keys: Mapping[str, Key]) -> Hook:
    """The orders that the call is about; nothing for calls about something else. Raises Refused (401), Unreadable.

    eBay signs no time, so a call can be sent again. It brings one more look at the order as it is now, and no more.
    """
    given = _signature(headers)
    known = keys.get(given.kid)
    try:
        signature = base64.b64decode(given.signature, validate=True)
    except (binascii.Error, ValueError):
        signature = b""
    if known is None or not known.signed(body, signature):
        raise Refused("the call's signature is not eBay's", "401")
    message = decode(body, _Message, "a call of eBay's")
    orders = tuple(dict.fromkeys(_order_ids(message.notification.data)))
    return Hook(None, orders, message.notification.notification_id)


def _order_ids(data: Any) -> Iterator[str]:
    """Every ``orderId``, wherever it stands: each topic has it in another place."""
    if isinstance(data, dict):
        for name, value in data.items():
            if name == "orderId" and isinstance(value, str) and value:
                yield value
            else:
                yield from _order_ids(value)
    elif isinstance(data, list):
        for value in data:
            yield from _order_ids(value)


def proof(query: Mapping[str, str], token: str, address: str) -> dict[str, str]:
    """The answer to eBay's question whether the address is ours. Raises Misconfigured, Refused."""
    if not token or not address:
        raise Misconfigured("eBay: verification_token and webhook_url are not set, so eBay cannot be answered")
    code = query.get("challenge_code", "")
    if not code:
        raise Refused("eBay asks with a challenge_code, and there is none", "401")
    return {"challengeResponse": hashlib.sha256(f"{code}{token}{address}".encode()).hexdigest()}
