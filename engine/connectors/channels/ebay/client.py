"""The Sell Fulfillment API over HTTP: the seller's token, the limit on calls, and refusals in eBay's own words.

An answer in 401 did nothing, so a call is repeated once with a new token, whatever it was for.
Source: https://developer.ebay.com/api-docs/sell/fulfillment/overview.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import msgspec

from engine.connectors.channels.ebay.oauth import TokenEndpoint, home
from engine.errors import BluebookError, NotAuthorised, Refused
from engine.transports.grants import Grants
from engine.transports.http import Answer, HttpClient
from engine.transports.throttle import Bucket, LocalThrottle, Throttle

ROOT = "/sell/fulfillment/v1/"
KEYS = "/commerce/notification/v1/public_key/"
# https://developer.ebay.com/develop/get-started/api-call-limits, by default and by day; half of it may come at once.
CALLS = Bucket("eBay Fulfillment", rate=50_000 / 86_400, burst=50_000)
KEY_CALLS = Bucket("eBay Notification", rate=5_000 / 86_400, burst=20)


class _Error(msgspec.Struct, rename="camel"):
    error_id: int = 0
    message: str = ""
    long_message: str = ""


class _Errors(msgspec.Struct):
    errors: list[_Error] = msgspec.field(default_factory=list)


class Client:
    """One seller at eBay. ``user`` has the seller's tokens, ``app`` the application's own."""

    def __init__(self, api_url: str, endpoint: TokenEndpoint, user: Grants, app: Grants, timeout: float) -> None:
        self.home = home(api_url)
        self.throttle: Throttle = LocalThrottle()
        self._endpoint, self._user, self._app = endpoint, user, app
        self._http = HttpClient("eBay", timeout=timeout)

    async def get(self, path: str, **params: str) -> Answer:
        """The answer to a question. Raises TryLater, Refused (code: eBay's number of the error, 404, 409), NotAuthorised."""
        return await self._call("GET", ROOT + path, self._user, CALLS, params=params)

    async def post(self, path: str, body: Any) -> Answer:
        """The answer to a request that changes something. Raises as ``get`` does, and OutcomeUnknown."""
        return await self._call("POST", ROOT + path, self._user, CALLS, body=msgspec.json.encode(body), effect=True)

    async def public_key(self, key_id: str) -> Answer:
        """The key by which eBay signs its calls. Raises as ``get`` does."""
        return await self._call("GET", KEYS + quote(key_id, safe=""), self._app, KEY_CALLS)

    async def _call(
        self, method: str, path: str, grants: Grants, bucket: Bucket, *, params: Mapping[str, str] | None = None,
        body: bytes | None = None, effect: bool = False,
    ) -> Answer:  # fmt: skip
        content = {"Content-Type": "application/json"} if body is not None else {}
        for again in (False, True):
            token = await grants.token()
            await self.throttle.take(bucket)
            headers = {"Authorization": f"Bearer {token}", "Accept": "application/json", **content}
            answer = await self._http.answer_to(
                method, self.home + path, effect=effect, params=params, headers=headers, body=body
            )
            if answer.status == 401:
                grants.refused(token)
                if not again:
                    continue
            if 200 <= answer.status < 300:
                return answer
            raise self._refusal(answer, effect)
        raise AssertionError("the second try returns or raises")

    def _refusal(self, answer: Answer, effect: bool) -> BluebookError:
        error = self._http.refusal(answer, effect)
        try:
            said = msgspec.json.decode(answer.body, type=_Errors).errors
        except (msgspec.DecodeError, UnicodeDecodeError):
            said = []
        if said:
            words = "; ".join(f"{one.long_message or one.message} ({one.error_id})" for one in said)
            error.message = f"eBay answered {answer.status}: {words}"
        if isinstance(error, NotAuthorised):
            error.message += ". Let Bluebook into the eBay account anew"
        if isinstance(error, Refused) and said and answer.status == 400:
            error.code = str(said[0].error_id)
        error.args = (error.message,)
        return error

    async def close(self) -> None:
        """The connections are closed; the next call opens new ones."""
        await self._http.close()
        await self._endpoint.close()
