"""Walmart's Marketplace API over HTTP: tokens of a quarter of an hour, rate limits, and errors in Walmart's own words.

The client id and secret buy a token from ``/v3/token``; it travels in ``WM_SEC.ACCESS_TOKEN``. Each operation has its own
rate limit and each answer says how many requests are left of it and when there will be more.
Source: https://developer.walmart.com/us-marketplace/docs/token-api, …/docs/rate-limiting
"""

from __future__ import annotations

import base64
import uuid
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import msgspec
from yarl import URL

from engine import clock
from engine.errors import BluebookError, Misconfigured, NotAuthorised, Refused, TryLater
from engine.transports.grants import Grant, Grants
from engine.transports.http import Answer, HttpClient, retry_after
from engine.transports.throttle import Bucket, LocalThrottle, Throttle

SERVICE = "Walmart Marketplace"
ADVICE = ". Check the Client ID and Client Secret at developer.walmart.com > My Account > API Keys, and that they may use Orders"

# Requests a minute, as Walmart publishes them for sellers.
LIST = Bucket("Walmart: list orders", 5000 / 60, 5000)
ONE = Bucket("Walmart: get an order", 5000 / 60, 5000)
ACKNOWLEDGE = Bucket("Walmart: acknowledge orders", 1.0, 60)
SHIP = Bucket("Walmart: ship order lines", 1.0, 60)
CANCEL = Bucket("Walmart: cancel order lines", 1.0, 60)
ITEMS = Bucket("Walmart: list items", 1.0, 60)
DETAIL = Bucket("Walmart: token detail", 1.0, 60)


class _Token(msgspec.Struct):
    access_token: str
    expires_in: int


class _Error(msgspec.Struct):
    code: str = ""
    description: str | None = None
    info: str | None = None


class _Wrapped(msgspec.Struct):
    error: list[_Error] = msgspec.field(default_factory=list)


class _Errors(msgspec.Struct):
    errors: _Wrapped | list[_Error] | None = None
    error: list[_Error] | str | None = None
    error_description: str | None = None


class Client:
    """One seller's account. ``throttle`` may be replaced by one that all workers share, and so may the keeper of ``grants``."""

    def __init__(self, url: str, client_id: str, client_secret: str, timeout: float) -> None:
        parts = urlsplit(url.strip())
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise Misconfigured(f"Walmart: url must be the API's address with https://, not {url!r}")
        self.host = parts.netloc
        self._base = f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"
        self._pair = base64.b64encode(f"{client_id}:{client_secret}".encode()).decode()
        self._http = HttpClient("Walmart", timeout=timeout)
        self.grants = Grants(self._renew)
        self.throttle: Throttle = LocalThrottle()

    async def get(self, path: str, bucket: Bucket, params: Mapping[str, str] | None = None) -> Answer:
        """The answer to a GET. Raises as ``HttpClient.call`` does for reading."""
        return await self._call("GET", self._base + path, bucket, params=params)

    async def follow(self, path: str, cursor: str, bucket: Bucket) -> Answer:
        """The answer to a GET of a next page. The cursor is a whole query and goes out as it came, character by character."""
        return await self._call("GET", URL(f"{self._base}{path}{cursor}", encoded=True), bucket)

    async def post(self, path: str, bucket: Bucket, body: Any = None) -> Answer:
        """The answer to a POST of JSON. Raises as ``HttpClient.call`` does for what changes something."""
        return await self._call("POST", self._base + path, bucket, body=msgspec.json.encode(body) if body else b"")

    async def close(self) -> None:
        """The connections are closed; the next call opens new ones."""
        await self._http.close()

    # ------------------------------------------------------------------------------------------------------------------

    async def _call(
        self,
        method: str,
        url: str | URL,
        bucket: Bucket,
        params: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> Answer:
        effect = body is not None
        for renewed in (False, True):
            token = await self.grants.token()
            await self.throttle.take(bucket)
            headers = {**_common(), "WM_SEC.ACCESS_TOKEN": token, "Content-Type": "application/json"}
            answer = await self._http.answer_to(
                method, url, effect=effect, params=params, headers=headers, body=body or None
            )
            if answer.status == 401 and not renewed:
                # Nothing was done for a token that was not accepted, so asking once more with a new one is safe.
                self.grants.refused(token)
                continue
            break
        await self._heard(bucket, answer)
        if 200 <= answer.status < 300:
            return answer
        raise self._refusal(answer, effect)

    async def _heard(self, bucket: Bucket, answer: Answer) -> None:
        left = _header(answer, "x-current-token-count")
        wait = _wait(answer) if answer.status == 429 else None
        if wait is not None:
            await self.throttle.told(bucket, 1.0 - wait * bucket.rate)  # there is one at that moment
        elif left is not None:
            await self.throttle.told(bucket, left)

    def _refusal(self, answer: Answer, effect: bool) -> BluebookError:
        error = self._http.refusal(answer, effect)
        code, said = _said(answer.body)
        if said:
            error.message = f"Walmart answered {answer.status}: {said}"
        if isinstance(error, NotAuthorised):
            error.message += ADVICE
        if isinstance(error, TryLater):
            error.retry_after = _wait(answer) if answer.status == 429 else error.retry_after
        if isinstance(error, Refused) and code:
            error.code = code
        error.args = (error.message,)
        return error

    async def _renew(self, kept: Grant | None) -> Grant:
        """Client credentials give no refresh token: each time the pair buys a new one."""
        headers = {
            **_common(),
            "Authorization": f"Basic {self._pair}",
            "Content-Type": "application/x-www-form-urlencoded",
        }
        answer = await self._http.answer_to(
            "POST", f"{self._base}/v3/token", effect=False, headers=headers, body=b"grant_type=client_credentials"
        )
        if answer.status == 400:
            raise NotAuthorised(f"Walmart gave no token: {_said(answer.body)[1] or 'it answered 400'}{ADVICE}")
        if not 200 <= answer.status < 300:
            raise self._refusal(answer, False)
        try:
            token = msgspec.json.decode(answer.body, type=_Token)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise TryLater(f"Walmart's token cannot be read: {error}") from error
        return Grant(access_token=token.access_token, until=clock.now() + timedelta(seconds=token.expires_in))


def _common() -> dict[str, str]:
    return {"WM_SVC.NAME": SERVICE, "WM_QOS.CORRELATION_ID": str(uuid.uuid4()), "Accept": "application/json"}


def _header(answer: Answer, *names: str) -> float | None:
    # Walmart's own pages spell them in more than one way.
    for name, value in answer.headers.items():
        if name.lower() in names:
            try:
                return float(value)
            except ValueError:
                return None
    return None


def _wait(answer: Answer) -> float | None:
    """Seconds until there are requests again: Walmart says the moment, in milliseconds since 1970."""
    at = _header(answer, "x-next-replenish-time", "x-next-replenishment-time")
    if at is None:
        return retry_after(answer.headers)
    return max(0.0, at / 1000 - clock.now().timestamp())


def _said(body: bytes) -> tuple[str, str]:
    """The code and the sentence of an error; "" where it is in no shape that is known."""
    try:
        told = msgspec.json.decode(body, type=_Errors)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return "", ""
    listed = told.errors.error if isinstance(told.errors, _Wrapped) else told.errors or told.error or []
    if isinstance(listed, str):
        return listed, told.error_description or listed
    if not listed:
        return "", ""
    first = listed[0]
    words = first.description or first.info or first.code
    return first.code, f"{words} ({first.code})" if first.code and words != first.code else words


def not_found(error: Refused) -> bool:
    """Does this refusal only mean that there is nothing? Walmart answers 404 to a list without orders as well."""
    return error.code == "404" or (error.code or "").startswith("CONTENT_NOT_FOUND")
