"""eBay's OAuth 2: the seller's tokens by a refresh token, which stays the same, and the application's own.

An access token lives two hours, a refresh token eighteen months from the day the owner said yes.
Source: https://developer.ebay.com/api-docs/static/oauth-tokens.html
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit

import aiohttp
import msgspec

from engine import clock
from engine.connectors.accounts import origin
from engine.connectors.payload import decode
from engine.errors import Misconfigured, NotAuthorised
from engine.transports.grants import Grant
from engine.transports.http import Answer, HttpClient

API = "https://api.ebay.com"
SCOPES = ("https://api.ebay.com/oauth/api_scope/sell.fulfillment",)
APP_SCOPE = "https://api.ebay.com/oauth/api_scope"
_TOKEN = "/identity/v1/oauth2/token"  # noqa: S105  a path
_ADVICE = ". Let Bluebook into the eBay account anew, and check the App ID and the Cert ID of the keyset"


class _Tokens(msgspec.Struct):
    access_token: str
    expires_in: float
    refresh_token: str = ""
    refresh_token_expires_in: float = 0


class _Problem(msgspec.Struct):
    error: str = ""
    error_description: str = ""


def home(url: str) -> str:
    """The API's address without a path. Raises Misconfigured where it is none."""
    return origin(url, "eBay: api_url")


class TokenEndpoint:
    """Where tokens are given to an application."""

    def __init__(self, api_url: str, client_id: str, client_secret: str, timeout: float) -> None:
        self._url = home(api_url) + _TOKEN
        self._basic = {"Authorization": aiohttp.encode_basic_auth(client_id, client_secret)}
        self._http = HttpClient("eBay's token endpoint", timeout=timeout)

    async def user(self, refresh_token: str, refresh_until: datetime | None) -> Grant:
        """A token that acts for the seller. Raises NotAuthorised, TryLater, Unreadable."""
        got = await self._ask(grant_type="refresh_token", refresh_token=refresh_token, scope=" ".join(SCOPES))
        return _grant(got, refresh_until)

    async def application(self) -> Grant:
        """A token of the application itself. Raises as ``user`` does."""
        return _grant(await self._ask(grant_type="client_credentials", scope=APP_SCOPE), None)

    async def redeem(self, code: str, ru_name: str) -> tuple[str, datetime | None]:
        """The refresh token for a code that the owner came back with, and its end. Raises as ``user`` does."""
        got = await self._ask(grant_type="authorization_code", code=code, redirect_uri=ru_name)
        seconds = got.refresh_token_expires_in
        return got.refresh_token, clock.now() + timedelta(seconds=seconds) if seconds else None

    async def _ask(self, **form: str) -> _Tokens:
        headers = {**self._basic, "Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        answer = await self._http.answer_to(
            "POST", self._url, effect=False, headers=headers, body=urlencode(form).encode()
        )
        if answer.status == 200:
            return decode(answer.body, _Tokens, "eBay's token endpoint")
        raise self._problem(answer)

    def _problem(self, answer: Answer) -> Exception:
        error = self._http.refusal(answer, effect=False)
        if answer.status not in (400, 401, 403):
            return error
        try:
            said = msgspec.json.decode(answer.body, type=_Problem)
        except msgspec.DecodeError:
            return NotAuthorised(error.message + _ADVICE)
        words = said.error_description or said.error
        return NotAuthorised(f"eBay gives no token: {words} ({said.error})" + _ADVICE)

    async def close(self) -> None:
        """The connections are closed."""
        await self._http.close()


def _grant(got: _Tokens, refresh_until: datetime | None) -> Grant:
    return Grant(
        access_token=got.access_token,
        until=clock.now() + timedelta(seconds=got.expires_in),
        refresh_until=refresh_until,
    )


def ends(text: str) -> datetime | None:
    """The setting ``authorised_until`` as a time; None where it is empty. Raises Misconfigured."""
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise Misconfigured(f"eBay: authorised_until must be a date and time, not {text!r}") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def authorise_url(settings: Mapping[str, Any], state: str) -> str:
    """Where the owner says yes. eBay knows the address to come back to by the RuName it gave for it, not by itself."""
    api = urlsplit(home(str(settings.get("api_url") or API)))
    host = api.netloc.replace("api.", "auth.", 1) if api.netloc.startswith("api.") else api.netloc
    query = {
        "client_id": settings["client_id"],
        "redirect_uri": settings["ru_name"],
        "response_type": "code",
        "scope": " ".join(SCOPES),
        "state": state,
    }
    return f"{api.scheme}://{host}/oauth2/authorize?{urlencode(query)}"


async def redeem(settings: Mapping[str, Any], answer: Mapping[str, str]) -> dict[str, str]:
    """The settings that the owner's yes is worth. Raises NotAuthorised where it was a no, and what the endpoint raises."""
    if not answer.get("code"):
        why = answer.get("error_description") or answer.get("error") or "there was no code in its answer"
        raise NotAuthorised(f"eBay did not let Bluebook in: {why}")
    api, timeout = str(settings.get("api_url") or API), float(settings.get("timeout") or 30)
    endpoint = TokenEndpoint(api, str(settings["client_id"]), str(settings["client_secret"]), timeout)
    try:
        token, until = await endpoint.redeem(answer["code"], str(settings["ru_name"]))
    finally:
        await endpoint.close()
    if not token:
        raise NotAuthorised("eBay gave no refresh token" + _ADVICE)
    return {"refresh_token": token, "authorised_until": until.isoformat(timespec="seconds") if until else ""}
