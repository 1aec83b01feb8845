"""Medusa's Admin API over HTTP: a secret API key as the user name of HTTP Basic, and errors in the store's own words.

https://docs.medusajs.com/api/admin#authentication
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any, TypeVar
from urllib.parse import urlencode, urlsplit

import msgspec

from engine.errors import BluebookError, NotAuthorised, OutcomeUnknown, Refused, TryLater, Unreadable
from engine.transports.http import HttpClient

T = TypeVar("T")
Query = Sequence[tuple[str, str]]

_ADVICE = ". Check the key in Settings > Secret API Keys of the store's admin: it must be a secret one, and not revoked"


class _Said(msgspec.Struct):
    message: str
    type: str = ""


class Client:
    """One store; ``url`` is its address without /admin."""

    def __init__(self, url: str, secret_key: str, timeout: float) -> None:
        self.host = urlsplit(url).netloc
        self._root = f"{url.rstrip('/')}/admin/"
        pair = base64.b64encode(f"{secret_key}:".encode()).decode()
        self._http = HttpClient("Medusa", timeout=timeout, headers={"Authorization": f"Basic {pair}"})

    async def get(self, path: str, shape: type[T], query: Query = ()) -> T:
        """The answer to a GET below /admin as ``shape``. Raises as ``HttpClient.call`` does for reading, and Unreadable."""
        return await self._call("GET", path, shape, query, None)

    async def post(self, path: str, shape: type[T], given: Any = None, query: Query = ()) -> T:
        """The answer to a POST. A lost or unreadable answer raises OutcomeUnknown; the others are those of ``get``."""
        return await self._call("POST", path, shape, query, msgspec.json.encode({} if given is None else given))

    async def delete(self, path: str) -> None:
        """What is there is deleted, as the store says."""
        await self._call("DELETE", path, dict[str, Any], (), None)

    async def _call(self, method: str, path: str, shape: type[T], query: Query, body: bytes | None) -> T:
        url = self._root + path + (f"?{urlencode(query)}" if query else "")
        headers = {"Content-Type": "application/json"} if body is not None else {}
        effect = method != "GET"
        try:
            answer = await self._http.call(method, url, effect=effect, headers=headers, body=body)
        except BluebookError as error:
            raise _explained(error) from error
        try:
            return msgspec.json.decode(answer.body, type=shape)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            message = (
                f"Medusa's answer to {method} {path.partition('/')[0]} does not have its documented shape: {error}"
            )
            raise (OutcomeUnknown(message) if effect else Unreadable(message)) from error

    async def close(self) -> None:
        """Connections are closed; the next call opens new ones."""
        await self._http.close()


def _explained(error: BluebookError) -> BluebookError:
    # Medusa says {"type", "message"}: a person wants its sentence, not the JSON around it.
    head, brace, rest = error.message.partition(": {")
    if brace:
        try:
            said = msgspec.json.decode("{" + rest, type=_Said)
            error.message = f"{head}: {said.message}"
        except msgspec.DecodeError:
            pass
    if isinstance(error, NotAuthorised):
        error.message += _ADVICE
    if isinstance(error, Refused) and error.code == "409":
        return TryLater(error.message)  # two wrote at once, and the database let the other through
    error.args = (error.message,)
    return error
