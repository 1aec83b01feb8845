"""Etsy's OAuth 2 with PKCE: an access token lives an hour, and each renewal gives a new refresh token for the old one.

A refresh token lives 90 days, so a shop that is asked at least that often never has to say yes again.
Source: https://developers.etsy.com/documentation/essentials/authentication
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit

import msgspec

from engine import clock
from engine.connectors.accounts import origin
from engine.connectors.payload import decode
from engine.errors import NotAuthorised
from engine.transports.grants import Grant
from engine.transports.http import Answer, HttpClient

API = "https://openapi.etsy.com"
SCOPES = ("transactions_r", "transactions_w", "shops_r", "listings_r")
_TOKEN = "/v3/public/oauth/token"  # noqa: S105  a path
_REFRESH_LIFE = timedelta(days=90)
_ADVICE = ". Let Bluebook into the Etsy shop anew, and check the keystring of the app"


class Stale(NotAuthorised):
    """The refresh token was used before, or is too old."""


class _Tokens(msgspec.Struct):
    access_token: str
    expires_in: float
    refresh_token: str


class _Problem(msgspec.Struct):
    error: str = ""
    error_description: str = ""


def home(url: str) -> str:
    """The API's address without a path. Raises Misconfigured where it is none."""
    return origin(url, "Etsy: api_url")


def api_key(keystring: str, shared_secret: str) -> str:
    """What every request has in x-api-key. Etsy refuses the keystring alone since February 2026."""
    return f"{keystring}:{shared_secret}"


class TokenEndpoint:
    """Where tokens are given to an app."""

    def __init__(self, api_url: str, keystring: str, shared_secret: str, timeout: float) -> None:
        self._url = home(api_url) + _TOKEN
        self._keystring = keystring
        self._headers = {
            "x-api-key": api_key(keystring, shared_secret),
            "Content-Type": "application/x-www-form-urlencoded",
            "Accept": "application/json",
        }
        self._http = HttpClient("Etsy's token endpoint", timeout=timeout)

    async def renew(self, refresh_token: str) -> Grant:
        """New tokens for this one, which is spent by it. Raises Stale, NotAuthorised, TryLater, Unreadable."""
        return await self._ask(grant_type="refresh_token", refresh_token=refresh_token)

    async def redeem(self, code: str, redirect_uri: str, verifier: str) -> Grant:
        """Tokens for a code that the owner came back with. Raises as ``renew`` does."""
        return await self._ask(
            grant_type="authorization_code", code=code, redirect_uri=redirect_uri, code_verifier=verifier
        )

    async def _ask(self, **form: str) -> Grant:
        body = urlencode({**form, "client_id": self._keystring}).encode()
        answer = await self._http.answer_to("POST", self._url, effect=False, headers=self._headers, body=body)
        if answer.status != 200:
            raise self._problem(answer)
        got, now = decode(answer.body, _Tokens, "Etsy's token endpoint"), clock.now()
        return Grant(
            access_token=got.access_token,
            until=now + timedelta(seconds=got.expires_in),
            refresh_token=got.refresh_token,
            refresh_until=now + _REFRESH_LIFE,
        )

    def _problem(self, answer: Answer) -> Exception:
        error = self._http.refusal(answer, effect=False)
        if answer.status not in (400, 401, 403):
            return error
        try:
            said = msgspec.json.decode(answer.body, type=_Problem)
        except msgspec.DecodeError:
            return NotAuthorised(error.message + _ADVICE)
        words = f"Etsy gives no token: {said.error_description or said.error} ({said.error})" + _ADVICE
        return Stale(words) if said.error == "invalid_grant" else NotAuthorised(words)

    async def close(self) -> None:
        """The connections are closed."""
        await self._http.close()


def authorise_url(settings: Mapping[str, Any], redirect_uri: str, state: str, challenge: str) -> str:
    """Where the owner says yes. ``redirect_uri`` must be among the app's callback addresses."""
    api = home(str(settings.get("api_url") or API))
    host = urlsplit(api).hostname or ""
    page = "https://www.etsy.com/oauth/connect" if host.endswith("etsy.com") else f"{api}/oauth/connect"
    query = {
        "response_type": "code",
        "client_id": settings["keystring"],
        "redirect_uri": redirect_uri,
        "scope": " ".join(SCOPES),
        "state": state,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    return f"{page}?{urlencode(query)}"
