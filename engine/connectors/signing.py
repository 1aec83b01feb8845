"""Signatures of calls that came in."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac


def verify(body: bytes, signature: str | None, secret: str) -> bool:
    """Whether the body was signed with ``secret``; compared in constant time. No signature or no secret is a no."""
    if not signature or not secret:
        return False
    try:
        given = base64.b64decode(signature, validate=True)
    except (binascii.Error, ValueError):
        return False
    return hmac.compare_digest(given, hmac.new(secret.encode(), body, hashlib.sha256).digest())
