"""The Selling Partner API over HTTP: tokens, rate limits and errors in Amazon's own words.

A request carries an access token of Login with Amazon (LWA), which ends after an hour and is had for the refresh token. Each
operation has a bucket of its own; ``x-amzn-RateLimit-Limit`` tells the rate that this seller and application have.
Sources: https://developer-docs.amazon.com/sp-api/docs/connect-to-the-selling-partner-api, …/docs/usage-plans-and-rate-limits
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit

import msgspec

from engine import clock
from engine.errors import BluebookError, Misconfigured, NotAuthorised, Refused, TryLater
from engine.transports.grants import Grant, Grants
from engine.transports.http import Answer, HttpClient
from engine.transports.throttle import Bucket, LocalThrottle, Throttle

TOKEN_URL = "https://api.amazon.com/auth/o2/token"  # noqa: S105  an address
ORDERS = "/orders/2026-01-01/orders"

# What Amazon grants a seller to begin with (the usage plans of its models); the sellers of many orders have more.
SEARCH = Bucket("searchOrders", 0.0056, 20)
GET = Bucket("getOrder", 0.5, 30)
CONFIRM = Bucket("confirmShipment", 2, 10)
RESTRICT = Bucket("createRestrictedDataToken", 1, 10)
LISTINGS = Bucket("searchListingsItems", 5, 5)
SELLER = Bucket("getMarketplaceParticipations", 0.016, 15)
DOCUMENT = Bucket("createFeedDocument", 0.5, 15)
FEED = Bucket("createFeed", 0.0083, 15)

_ADVICE = (
    ". Look at the application in Seller Central > Apps and Services > Develop Apps: its roles, its client secret, and"
    " whether the seller's consent has ended"
)


class LwaToken(msgspec.Struct):
    """What Login with Amazon gives; ``expires_in`` seconds."""

    access_token: str
    expires_in: int = 3600
    refresh_token: str = ""


class _LwaError(msgspec.Struct):
    error: str
    error_description: str = ""


class _Restricted(msgspec.Struct, rename="camel"):
    restricted_data_token: str
    expires_in: int


class _Said(msgspec.Struct):
    code: str
    message: str
    details: str = ""


class _Errors(msgspec.Struct):
    errors: list[_Said] = []


class Client:
    """One seller in one region. ``restricted`` asks for restricted data tokens where personal data is read.

    ``consent_ends`` is when the seller has to consent anew, where that is known.
    """

    def __init__(
        self, endpoint: str, token_url: str, client_id: str, client_secret: str, refresh_token: str, *,
        restricted: bool, timeout: float, consent_ends: datetime | None = None,
    ) -> None:  # fmt: skip
        for name, url in (("endpoint", endpoint), ("token_url", token_url)):
            if urlsplit(url).scheme not in {"http", "https"} or not urlsplit(url).hostname:
                raise Misconfigured(f"Amazon: {name} must be an address with https://, not {url!r}")
        self._endpoint, self._token_url = endpoint.rstrip("/"), token_url
        self._credentials = {"client_id": client_id, "client_secret": client_secret}
        self._refresh_token, self._consent_ends = refresh_token, consent_ends
        agent = {"User-Agent": "Bluebook/1.0 (Language=Python)"}  # Amazon asks every caller to say who it is
        self._http = HttpClient("Amazon", timeout=timeout, headers=agent)
        self._lwa = HttpClient("Login with Amazon", timeout=timeout, headers=agent)
        self._access = Grants(self._renew)
        self._restricted = Grants(self._restrict, "restricted") if restricted else None
        self.grants = (self._access, *([self._restricted] if self._restricted else []))
        self.throttle: Throttle = LocalThrottle()
        self._rates: dict[str, float] = {}

    async def get(
        self, bucket: Bucket, path: str, params: Mapping[str, str] | None = None, *, personal: bool = False
    ) -> Answer:
        """The answer to a question; ``personal`` where it names people. Raises as ``HttpClient.call`` does for reading."""
        grants = self._restricted if personal and self._restricted else self._access
        return await self._call(bucket, "GET", path, grants, params, None)

    async def post(self, bucket: Bucket, path: str, body: Any, *, effect: bool = True) -> Answer:
        """The answer to JSON. ``effect`` False: asking twice does no harm. Raises as ``HttpClient.call`` does."""
        return await self._call(bucket, "POST", path, self._access, None, msgspec.json.encode(body), effect)

    async def upload(self, url: str, body: bytes, content_type: str) -> None:
        """The document is where Amazon wants it, whose address is a secret of its own. Asking twice does no harm."""
        await self._http.call("PUT", url, effect=False, body=body, headers={"Content-Type": content_type})

    async def _call(
        self, bucket: Bucket, method: str, path: str, grants: Grants, params: Mapping[str, str] | None,
        body: bytes | None, effect: bool = False,
    ) -> Answer:  # fmt: skip
        for again in (False, True):
            token = await grants.token()
            await self.throttle.take(self._now(bucket))
            headers = {"x-amz-access-token": token, "Accept": "application/json"}
            if body is not None:
                headers["Content-Type"] = "application/json"
            answer = await self._http.answer_to(
                method, self._endpoint + path, effect=effect, params=params, headers=headers, body=body
            )
            self._hear(bucket, answer)
            if 200 <= answer.status < 300:
                return answer
            if not again and _about_the_token(answer):
                grants.refused(token)  # it did nothing, so that asking once more with a new one is safe
                continue
            raise await self._error(bucket, answer, effect)
        raise AssertionError("the second try returns or raises")

    def _now(self, bucket: Bucket) -> Bucket:
        return msgspec.structs.replace(bucket, rate=self._rates.get(bucket.name, bucket.rate))

    def _hear(self, bucket: Bucket, answer: Answer) -> None:
        text = next((v for k, v in answer.headers.items() if k.lower() == "x-amzn-ratelimit-limit"), "")
        try:
            rate = float(text)
        except ValueError:
            return  # it is not always there
        if 0 < rate < float("inf"):
            self._rates[bucket.name] = rate

    async def _error(self, bucket: Bucket, answer: Answer, effect: bool) -> BluebookError:
        error = self._http.refusal(answer, effect)
        said = _words(answer.body)
        if said:
            error.message = f"Amazon answered {answer.status} to {bucket.name}: {said}"
        if isinstance(error, NotAuthorised):
            error.message += _ADVICE
        if answer.status == 429:
            # Amazon says how fast tokens come back, and not when the next is there: the bucket is empty now.
            now = self._now(bucket)
            await self.throttle.told(now, 0)
            assert isinstance(error, TryLater)
            error.retry_after = 1 / now.rate
        error.args = (error.message,)
        return error

    async def _renew(self, _kept: Grant | None) -> Grant:
        form = {"grant_type": "refresh_token", "refresh_token": self._refresh_token, **self._credentials}
        given = await lwa(self._lwa, self._token_url, form)
        until = clock.now() + timedelta(seconds=given.expires_in)
        return Grant(access_token=given.access_token, until=until, refresh_until=self._consent_ends)

    async def _restrict(self, _kept: Grant | None) -> Grant:
        elements = ["buyerInfo", "shippingAddress"]
        paths = (ORDERS, f"{ORDERS}/{{orderId}}")
        resources = [{"method": "GET", "path": path, "dataElements": elements} for path in paths]
        answer = await self.post(
            RESTRICT, "/tokens/2021-03-01/restrictedDataToken", {"restrictedResources": resources}, effect=False
        )
        try:
            given = msgspec.json.decode(answer.body, type=_Restricted)
        except msgspec.DecodeError as error:
            raise TryLater(f"Amazon's restricted data token cannot be read: {error}") from error
        return Grant(access_token=given.restricted_data_token, until=clock.now() + timedelta(seconds=given.expires_in))

    async def close(self) -> None:
        """The connections are closed; the next call opens new ones."""
        await self._http.close()
        await self._lwa.close()


async def lwa(http: HttpClient, url: str, form: Mapping[str, str]) -> LwaToken:
    """What Login with Amazon gives for the form. Raises NotAuthorised in its own words, TryLater.

    Source: https://developer.amazon.com/docs/login-with-amazon/refresh-token.html
    """
    try:
        # A token more does no harm, so that a lost answer is only late.
        answer = await http.call(
            "POST", url, effect=False, body=urlencode(form).encode(),
            headers={"Content-Type": "application/x-www-form-urlencoded;charset=UTF-8"},
        )  # fmt: skip
    except (Refused, NotAuthorised) as error:
        _, brace, rest = error.message.partition("{")
        try:
            said = msgspec.json.decode(brace + rest, type=_LwaError)
        except msgspec.DecodeError:
            raise error from None
        told = f"{said.error_description} ({said.error})" if said.error_description else said.error
        raise NotAuthorised(f"Login with Amazon gives no token: {told}{_ADVICE}") from error
    try:
        return msgspec.json.decode(answer.body, type=LwaToken)
    except msgspec.DecodeError as error:
        raise TryLater(f"Login with Amazon's answer cannot be read: {error}") from error


def _about_the_token(answer: Answer) -> bool:
    # Amazon answers 403 both for a token that has ended and for a role that is missing; only its details tell.
    return answer.status == 401 or (answer.status == 403 and b"token" in answer.body.lower())


def _words(body: bytes) -> str:
    try:
        errors = msgspec.json.decode(body, type=_Errors).errors
    except msgspec.DecodeError:
        return ""
    return "; ".join(
        f"{one.message.rstrip('.')} ({one.code})" + (f", {one.details}" if one.details else "") for one in errors
    )
