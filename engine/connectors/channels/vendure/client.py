"""Vendure's Admin API: GraphQL by POST, a bearer token from a log-in, and errors that arrive with HTTP 200.

https://docs.vendure.io/reference/graphql-api/admin/queries
"""

from __future__ import annotations

import asyncio
from typing import Any, TypeVar

import msgspec

from engine.errors import BluebookError, NotAuthorised, OutcomeUnknown, Refused, TryLater, Unreadable
from engine.transports.http import Answer, HttpClient

T = TypeVar("T")

TOKEN_HEADER = "vendure-auth-token"  # noqa: S105 - the name of a header
CHANNEL_HEADER = "vendure-token"

LOGIN = """
mutation Login($username: String!, $password: String!) {
  login(username: $username, password: $password, rememberMe: true) {
    __typename
    ... on ErrorResult { errorCode message }
  }
}
"""


class Outcome(msgspec.Struct, rename="camel"):
    """A member of a result union: what was asked for, or an ErrorResult with its ``error_code``."""

    typename: str = msgspec.field(name="__typename")
    id: str | None = None
    state: str | None = None
    error_code: str | None = None
    message: str = ""
    transition_error: str = ""
    fulfillment_handler_error: str = ""
    from_state: str | None = None

    def complaint(self) -> str:
        """The store's own words, the most telling ones first, with its code."""
        words = self.transition_error or self.fulfillment_handler_error or self.message or self.typename
        return f"{words} ({self.error_code})" if self.error_code else words


class _Extensions(msgspec.Struct):
    code: str = ""


class _Error(msgspec.Struct):
    message: str = ""
    extensions: _Extensions = msgspec.field(default_factory=_Extensions)


class _Envelope(msgspec.Struct):
    data: msgspec.Raw = msgspec.Raw(b"null")
    errors: list[_Error] | None = None


class _LoginData(msgspec.Struct):
    login: Outcome


class VendureClient:
    """One store, one user. Logs in on first use, and once again when the store no longer knows the token."""

    def __init__(self, url: str, username: str, password: str, channel_token: str, timeout: float) -> None:
        self._url = url.rstrip("/")
        self._username = username
        self._password = password
        self._channel_token = channel_token
        self._http = HttpClient("Vendure", timeout=timeout)
        self._token: str | None = None
        self._login = asyncio.Lock()

    async def ask(self, query: str, variables: dict[str, Any], shape: type[T], *, effect: bool) -> T:
        """The answer's ``data`` as ``shape``. ``effect`` says that losing the answer leaves the outcome open.

        Raises NotAuthorised, TryLater, Refused, Unreadable, and OutcomeUnknown where ``effect``.
        """
        for attempt in (1, 2):
            token = await self._authorise()
            envelope = await self._post(query, variables, token, effect)
            if envelope.errors and envelope.errors[0].extensions.code == "FORBIDDEN" and attempt == 1:
                self._forget(token)  # the guard refuses before any resolver runs: nothing has happened
                continue
            break
        if envelope.errors:
            raise self._failure(envelope.errors, effect)
        try:
            return msgspec.json.decode(envelope.data, type=shape)
        except msgspec.DecodeError as error:
            raise _drift(f"Vendure's answer does not have its documented shape: {error}", effect) from error

    async def close(self) -> None:
        """Connections are closed; the session at the store ends by itself."""
        await self._http.close()

    async def _authorise(self) -> str:
        async with self._login:  # many calls may find the token gone; one of them logs in
            if self._token is None:
                self._token = await self._log_in()
            return self._token

    def _forget(self, token: str) -> None:
        if self._token == token:
            self._token = None

    async def _log_in(self) -> str:
        variables = {"username": self._username, "password": self._password}
        answer = await self._call(LOGIN, variables, None, effect=False)
        envelope = _envelope(answer, effect=False)
        if envelope.errors:
            raise self._failure(envelope.errors, effect=False)
        try:
            outcome = msgspec.json.decode(envelope.data, type=_LoginData).login
        except msgspec.DecodeError as error:
            raise _drift(f"Vendure's answer to the log-in is not readable: {error}", effect=False) from error
        if outcome.error_code is not None:
            message = f"Vendure did not let {self._username} in: {outcome.complaint()}. Correct the user or password."
            raise NotAuthorised(message)
        token = answer.headers.get(TOKEN_HEADER, "")
        if not token:
            message = (
                f"Vendure let {self._username} in but sent no {TOKEN_HEADER} header. "
                "Add 'bearer' to the store's authOptions.tokenMethod."
            )
            raise NotAuthorised(message)
        return token

    async def _post(self, query: str, variables: dict[str, Any], token: str, effect: bool) -> _Envelope:
        return _envelope(await self._call(query, variables, token, effect=effect), effect=effect)

    async def _call(self, query: str, variables: dict[str, Any], token: str | None, *, effect: bool) -> Answer:
        headers = {"Content-Type": "application/json"}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        if self._channel_token:
            headers[CHANNEL_HEADER] = self._channel_token
        body = msgspec.json.encode({"query": query, "variables": variables})
        return await self._http.call("POST", self._url, effect=effect, headers=headers, body=body)

    def _failure(self, errors: list[_Error], effect: bool) -> BluebookError:
        code = errors[0].extensions.code
        text = "; ".join(error.message for error in errors) + (f" ({code})" if code else "")
        if code == "FORBIDDEN":
            return NotAuthorised(f"Vendure: {self._username} may not do this: {text}. Give its role the permission.")
        if code in ("", "INTERNAL_SERVER_ERROR"):
            # The store failed on its way; whether its transaction was rolled back is not for us to assume.
            return OutcomeUnknown(f"Vendure failed: {text}") if effect else TryLater(f"Vendure failed: {text}")
        return Refused(f"Vendure refused: {text}", code=code)


def _envelope(answer: Answer, effect: bool) -> _Envelope:
    try:
        return msgspec.json.decode(answer.body, type=_Envelope)
    except msgspec.DecodeError as error:
        message = f"the answer is not GraphQL ({error}); is the address the Admin API's, ending in /admin-api?"
        raise _drift(f"Vendure: {message}", effect) from error


def _drift(message: str, effect: bool) -> BluebookError:
    return OutcomeUnknown(message) if effect else Unreadable(message)
