"""Etsy's Open API over HTTP: the app's key, the owner's token, the limits as Etsy states them, and its own words.

Every answer says how many calls are allowed and left, in this second and in the last 24 hours: the buckets follow that.
Sources: https://developers.etsy.com/documentation/essentials/requests and …/rate-limits
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from engine.connectors.channels.etsy.oauth import api_key, home
from engine.errors import BluebookError, NotAuthorised
from engine.transports.grants import Grants
from engine.transports.http import Answer, HttpClient
from engine.transports.throttle import Bucket, LocalThrottle, Throttle

ROOT = "/v3/application/"
_DAY = 86_400
_SCARCE = 0.25  # of what is allowed: above that the buckets know enough by themselves


class _Problem(msgspec.Struct):
    error: str = ""


class Client:
    """One shop at Etsy."""

    def __init__(self, api_url: str, keystring: str, shared_secret: str, grants: Grants, timeout: float) -> None:
        self.throttle: Throttle = LocalThrottle()
        self._home, self._grants = home(api_url), grants
        self._key = {"x-api-key": api_key(keystring, shared_secret), "Accept": "application/json"}
        self._http = HttpClient("Etsy", timeout=timeout)
        # What a new app has; the first answer tells what this one has.
        self._per_second = Bucket("Etsy, a second", rate=5, burst=5)
        self._per_day = Bucket("Etsy, a day", rate=5_000 / _DAY, burst=5_000)

    async def get(self, path: str, **params: str) -> Answer:
        """The answer to a question. Raises TryLater, Refused (code: the HTTP status), NotAuthorised."""
        return await self._call("GET", path, params=params)

    async def post(self, path: str, body: Any) -> Answer:
        """The answer to a request that changes something. Raises as ``get`` does, and OutcomeUnknown."""
        return await self._call("POST", path, body=msgspec.json.encode(body), effect=True)

    async def _call(
        self, method: str, path: str, *, params: Mapping[str, str] | None = None, body: bytes | None = None,
        effect: bool = False,
    ) -> Answer:  # fmt: skip
        content = {"Content-Type": "application/json"} if body is not None else {}
        for again in (False, True):
            token = await self._grants.token()
            await self.throttle.take(self._per_day)
            await self.throttle.take(self._per_second)
            headers = {**self._key, "Authorization": f"Bearer {token}", **content}
            answer = await self._http.answer_to(
                method, self._home + ROOT + path, effect=effect, params=params, headers=headers, body=body
            )
            await self._learn(answer.headers)
            if answer.status == 401:
                self._grants.refused(token)
                if not again:
                    continue  # a 401 did nothing
            if 200 <= answer.status < 300:
                return answer
            raise self._refusal(answer, effect)
        raise AssertionError("the second try returns or raises")

    async def _learn(self, headers: Mapping[str, str]) -> None:
        given = {name.lower(): value for name, value in headers.items()}
        second, day = _number(given, "x-limit-per-second"), _number(given, "x-limit-per-day")
        if second:
            self._per_second = Bucket(self._per_second.name, rate=second, burst=second)
        if day:
            self._per_day = Bucket(self._per_day.name, rate=day / _DAY, burst=day)
        for bucket, name in ((self._per_second, "x-remaining-this-second"), (self._per_day, "x-remaining-today")):
            left = _number(given, name)
            if left is not None and left < bucket.burst * _SCARCE:
                await self.throttle.told(bucket, left)

    def _refusal(self, answer: Answer, effect: bool) -> BluebookError:
        error = self._http.refusal(answer, effect)
        try:
            said = msgspec.json.decode(answer.body, type=_Problem).error
        except (msgspec.DecodeError, UnicodeDecodeError):
            said = ""
        if said:
            error.message = f"Etsy answered {answer.status}: {said}"
        if isinstance(error, NotAuthorised):
            error.message += (
                ". Check the keystring and the shared secret of the app, or let Bluebook into the shop anew"
            )
        error.args = (error.message,)
        return error

    async def close(self) -> None:
        """The connections are closed; the next call opens new ones."""
        await self._http.close()


def _number(headers: Mapping[str, str], name: str) -> int | None:
    text = headers.get(name, "")
    return int(text) if text.isdecimal() else None
