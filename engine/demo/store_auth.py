"""Who may use the demo store's API: Basic, or one-legged OAuth 1.0a as WooCommerce checks it.

Written apart from the connector's signing on purpose, so that the two check each other. RFC 5849 section 3.4;
wording and codes as in WooCommerce's REST authentication.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import time
from urllib.parse import quote_plus, unquote

from aiohttp import web

_WINDOW = 15 * 60
_HASHES = {"HMAC-SHA1": hashlib.sha1, "HMAC-SHA256": hashlib.sha256}
_REQUIRED = ("consumer_key", "timestamp", "nonce", "signature", "signature_method")
_NONCES_KEPT = 200_000


def _encode(text: str) -> str:
    return quote_plus(text).replace("+", "%20").replace("%7E", "~")


class Guard:
    """Checks credentials. ``denial`` answers None, or the reason as (error code, message) for a 401."""

    def __init__(self, key: str, secret: str) -> None:
        self.key, self.secret = key, secret
        self._nonces: set[str] = set()
        self._older: set[str] = set()

    def denial(self, request: web.BaseRequest, home: str) -> tuple[str, str] | None:
        """Why this request is not let in; None when it is."""
        header = request.headers.get("Authorization", "")
        if header.startswith("Basic "):
            return self._basic(header[6:])
        given = {key: value for key, value in request.query.items() if key.startswith("oauth_")}
        if header.startswith("OAuth "):
            pairs = (part.strip().partition("=") for part in header[6:].split(","))
            given |= {key: unquote(value.strip('"')) for key, _, value in pairs if key.startswith("oauth_")}
        if not given:
            return "woocommerce_rest_cannot_view", "Sorry, you cannot list resources."
        return self._oauth(request, home, given)

    def _basic(self, text: str) -> tuple[str, str] | None:
        try:
            key, _, secret = base64.b64decode(text).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            key, secret = "", ""
        if not hmac.compare_digest(key.encode(), self.key.encode()):
            return "woocommerce_rest_authentication_error", "Consumer key is invalid."
        if not hmac.compare_digest(secret.encode(), self.secret.encode()):
            return "woocommerce_rest_authentication_error", "Consumer secret is invalid."
        return None

    def _oauth(self, request: web.BaseRequest, home: str, given: dict[str, str]) -> tuple[str, str] | None:
        code = "woocommerce_rest_authentication_error"
        if missing := [name for name in _REQUIRED if not given.get(f"oauth_{name}")]:
            return code, f"Missing OAuth parameters oauth_{', oauth_'.join(missing)}"
        if given["oauth_consumer_key"] != self.key:
            return code, "Consumer key is invalid."
        method = _HASHES.get(given["oauth_signature_method"])
        if method is None:
            return code, "Invalid signature - signature method is invalid."
        signature = given.pop("oauth_signature")
        params = {key: value for key, value in request.query.items() if key != "oauth_signature"} | given
        query = "%26".join(f"{_encode(_encode(k))}%3D{_encode(_encode(v))}" for k, v in sorted(params.items()))
        text = f"{request.method}&{_encode(home + request.path)}&{query}"
        expected = base64.b64encode(hmac.new(f"{self.secret}&".encode(), text.encode(), method).digest()).decode()
        if not hmac.compare_digest(expected.encode(), signature.encode()):
            return code, "Invalid signature - provided signature does not match."
        stamp = given["oauth_timestamp"]
        if not stamp.isdecimal() or abs(int(stamp) - time.time()) > _WINDOW:
            return code, "Invalid timestamp."
        return None if self._fresh(given["oauth_nonce"]) else (code, "Invalid nonce - nonce has already been used.")

    def _fresh(self, nonce: str) -> bool:
        if nonce in self._nonces or nonce in self._older:
            return False
        if len(self._nonces) >= _NONCES_KEPT:  # two generations bound the memory of a long run
            self._older, self._nonces = self._nonces, set()
        self._nonces.add(nonce)
        return True
