"""BigCommerce's REST API over HTTP: one token, one quota for the whole store, and errors in BigCommerce's own words.

Every answer says how many requests are left in a window of some seconds and when it ends. How large the quota is depends
on the store's plan, so it is learned from the answers.
Source: https://developer.bigcommerce.com/docs/start/best-practices/api-rate-limits
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec

from engine.errors import BluebookError, Misconfigured, NotAuthorised, TryLater
from engine.transports.http import Answer, HttpClient, retry_after
from engine.transports.throttle import Bucket, LocalThrottle, Throttle

NAME = "BigCommerce: the store's quota"
STANDARD = Bucket(NAME, 150 / 30, 150)  # the smallest plan's
ADVICE = (
    ". Check the access token and the store hash in the control panel, Settings > Store-level API accounts, and that the"
    " account may modify Orders"
)


class _V2Error(msgspec.Struct):
    message: str = ""
    details: dict[str, Any] | None = None


class _V3Error(msgspec.Struct):
    title: str = ""
    errors: dict[str, Any] | list[Any] | None = None


class Client:
    """One store. ``throttle`` may be replaced by one that all workers share."""

    def __init__(self, url: str, store_hash: str, token: str, timeout: float) -> None:
        parts = urlsplit(url.strip())
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise Misconfigured(f"BigCommerce: url must be the API's address with https://, not {url!r}")
        if not store_hash.isalnum():
            raise Misconfigured(
                f"BigCommerce: store_hash is the part after store- in the store's address, not {store_hash!r}"
            )
        self._root = f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}/stores/{store_hash}"
        self._token = token
        self._http = HttpClient(f"BigCommerce store {store_hash}", timeout=timeout)
        self._bucket = STANDARD
        self.throttle: Throttle = LocalThrottle()

    async def get(self, path: str, **params: str) -> Answer:
        """The answer to a GET. Raises as ``HttpClient.call`` does for reading."""
        return await self._call("GET", path, params, None)

    async def send(self, method: str, path: str, body: Any) -> Answer:
        """The answer to a POST or PUT of JSON. Raises as ``HttpClient.call`` does for what changes something."""
        return await self._call(method, path, {}, msgspec.json.encode(body))

    async def close(self) -> None:
        """The connections are closed; the next call opens new ones."""
        await self._http.close()

    async def _call(self, method: str, path: str, params: Mapping[str, str], body: bytes | None) -> Answer:
        await self.throttle.take(self._bucket)
        headers = {"X-Auth-Token": self._token, "Accept": "application/json", "Content-Type": "application/json"}
        answer = await self._http.answer_to(
            method, self._root + path, effect=body is not None, params=params, headers=headers, body=body
        )
        wait = await self._heard(answer)
        if 200 <= answer.status < 300:
            return answer
        error = self._http.refusal(answer, body is not None)
        if said := _said(answer.body):
            error.message = f"{self._http.peer} answered {answer.status}: {said}"
        if isinstance(error, NotAuthorised):
            error.message += ADVICE
        if isinstance(error, TryLater) and wait is not None:
            error.retry_after = wait
        raise _with_args(error)

    async def _heard(self, answer: Answer) -> float | None:
        """What the answer says of the quota is kept to; seconds to wait where it was used up."""
        window, quota = _number(answer, "X-Rate-Limit-Time-Window-Ms"), _number(answer, "X-Rate-Limit-Requests-Quota")
        if window and quota:
            self._bucket = Bucket(NAME, quota * 1000 / window, quota)
        if answer.status == 429:
            reset = _number(answer, "X-Rate-Limit-Time-Reset-Ms")
            wait = retry_after(answer.headers) if reset is None else reset / 1000
            if wait is not None:
                await self.throttle.told(self._bucket, 1.0 - wait * self._bucket.rate)
            return wait
        left = _number(answer, "X-Rate-Limit-Requests-Left")
        if left is not None:
            await self.throttle.told(self._bucket, left)
        return None


def _with_args(error: BluebookError) -> BluebookError:
    error.args = (error.message,)
    return error


def _number(answer: Answer, name: str) -> float | None:
    for key, value in answer.headers.items():
        if key.lower() == name.lower():
            try:
                return float(value)
            except ValueError:
                return None
    return None


def _said(body: bytes) -> str:
    """The sentence of an error: a list of them in v2, an object in v3; "" where it is in neither shape."""
    try:
        told = msgspec.json.decode(body, type=list[_V2Error] | _V3Error)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""
    if isinstance(told, _V3Error):
        more = told.errors.values() if isinstance(told.errors, dict) else told.errors or ()
        return "; ".join([told.title, *(str(one) for one in more)]).strip("; ")
    return "; ".join(one.message for one in told if one.message)
