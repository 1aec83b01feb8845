"""WooCommerce REST API v3 over HTTP: signing, paging headers, and errors in the store's own words.

Over https the key and secret travel as Basic credentials. Over plain http WooCommerce accepts nothing but one-legged
OAuth 1.0a (RFC 5849) with HMAC-SHA256; its parameters go into the query, since some hosts strip the header.
Source: https://woocommerce.github.io/woocommerce-rest-api-docs/#authentication
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit

import msgspec

from engine.connectors.channels.woocommerce.mapping import StoreError
from engine.errors import BluebookError, Misconfigured, NotAuthorised, Refused, TryLater, Unreadable
from engine.transports.http import Answer, HttpClient

ROOT = "/wp-json/wc/v3/"
_ADVICE = (
    ". Check the consumer key and secret, and that the key has Read/Write permission,"
    " in WooCommerce > Settings > Advanced > REST API"
)


def _escape(text: str) -> str:
    return quote(text, safe="-._~")


def base_string(method: str, url: str, params: Mapping[str, str]) -> str:
    """The signature base string of RFC 5849 section 3.4.1; ``url`` has no query, ``params`` are not encoded yet."""
    parts = urlsplit(url)
    port = parts.port
    standard = port is None or (parts.scheme.lower(), port) in {("http", 80), ("https", 443)}
    host = (parts.hostname or "") + ("" if standard else f":{port}")
    pairs = sorted((_escape(key), _escape(value)) for key, value in params.items())
    query = "&".join(f"{key}={value}" for key, value in pairs)
    return "&".join(map(_escape, (method.upper(), f"{parts.scheme.lower()}://{host}{parts.path or '/'}", query)))


def sign(method: str, url: str, params: Mapping[str, str], secret: str) -> str:
    """The oauth_signature of a request (HMAC-SHA256, base64). One-legged: the token's half of the key is empty."""
    text = base_string(method, url, params)
    digest = hmac.new(f"{_escape(secret)}&".encode(), text.encode(), hashlib.sha256).digest()
    return base64.b64encode(digest).decode()


def signed(method: str, url: str, params: Mapping[str, str], key: str, secret: str) -> dict[str, str]:
    """``params`` with the OAuth 1.0a parameters and their signature added."""
    full = dict(params) | {
        "oauth_consumer_key": key,
        "oauth_nonce": secrets.token_hex(16),
        "oauth_signature_method": "HMAC-SHA256",
        "oauth_timestamp": str(int(time.time())),  # never a clock that tests or replays have set: the store compares it
        "oauth_version": "1.0",
    }
    return full | {"oauth_signature": sign(method, url, full, secret)}


class Client:
    """One store. ``url`` is its home address, with the subfolder if WordPress lives in one."""

    def __init__(self, url: str, key: str, secret: str, timeout: float) -> None:
        parts = urlsplit(url.strip())
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise Misconfigured(f"WooCommerce: url must be the store's address with http:// or https://, not {url!r}")
        self.home = f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"
        self.secure = parts.scheme == "https"
        self._key, self._secret = key, secret
        self._http = HttpClient(f"WooCommerce ({parts.netloc})", timeout=timeout)

    async def get(self, path: str, **params: str) -> Answer:
        """The answer to a GET below the API's root. Raises as ``HttpClient.call`` does for reading."""
        return await self._call("GET", self.home + ROOT + path, params, None)

    async def send(self, method: str, path: str, body: Any) -> Answer:
        """The answer to a PUT or POST of JSON.

        A lost answer raises TryLater and not OutcomeUnknown: what this connector sends is either absolute (PUT, a batch
        of updates) or is looked up before it is sent again (notes), so trying again is what the caller must do.
        """
        return await self._call(method, self.home + ROOT + path, {}, msgspec.json.encode(body))

    async def site(self) -> Any:
        """What WordPress says about itself at ``/wp-json/``: name, url, home. Some sites hide it."""
        return (await self._call("GET", f"{self.home}/wp-json/", {"_fields": "name,url,home"}, None)).json()

    async def _call(self, method: str, url: str, params: Mapping[str, str], body: bytes | None) -> Answer:
        headers = {"Content-Type": "application/json"} if body is not None else {}
        if self.secure:
            pair = base64.b64encode(f"{self._key}:{self._secret}".encode()).decode()
            headers["Authorization"] = f"Basic {pair}"
        else:
            params = signed(method, url, params, self._key, self._secret)
        try:
            return await self._http.call(method, url, effect=False, params=params, headers=headers, body=body)
        except BluebookError as error:
            _explain(error)
            raise

    def failure(self, error: StoreError) -> BluebookError:
        """What a call of its own would have raised, for an order that failed inside a batch."""
        said = f"{self._http.peer} answered {error.status}: {error.message} ({error.code})"
        if error.status in (401, 403):
            return NotAuthorised(said + _ADVICE)
        if error.status == 429 or error.status >= 500:
            return TryLater(said)
        return Refused(said, code=str(error.status))

    async def close(self) -> None:
        """The connections are closed; the next call opens new ones."""
        await self._http.close()


def _explain(error: BluebookError) -> None:
    # WooCommerce answers errors as {"code", "message", "data"}: a person wants its sentence, not the JSON around it.
    head, brace, rest = error.message.partition(": {")
    if brace:
        try:
            said = msgspec.json.decode("{" + rest, type=StoreError)
            error.message = f"{head}: {said.message} ({said.code})"
        except msgspec.DecodeError:
            pass
    if isinstance(error, NotAuthorised):
        error.message += _ADVICE
    error.args = (error.message,)


def header_number(answer: Answer, name: str) -> int | None:
    """A count from a paging header, None where a proxy removed it; raises Unreadable when it is not a number."""
    text = next((value for key, value in answer.headers.items() if key.lower() == name.lower()), None)
    if text is None:
        return None
    if not text.isdecimal():
        raise Unreadable(f"the header {name} should be a count, not {text!r}", field=name)
    return int(text)
