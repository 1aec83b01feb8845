"""OAuth2 client credentials: one token for all calls, made anew shortly before it ends or once it is refused."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote_plus, urlencode

import aiohttp
import msgspec

from engine import clock
from engine.connectors.suppliers.rest.mapping import Config
from engine.errors import NotAuthorised, Refused, TryLater, Unreadable
from engine.transports.http import HttpClient

_AHEAD = 60.0  # seconds before its end in which a token is not used any more; a tenth of a short life


class Token(msgspec.Struct):
    """A token, when it is to be replaced (None: once it is refused), and whether the supplier ever accepted it."""

    value: str
    until: datetime | None
    accepted: bool = False


class Tokens:
    """The supplier's tokens. Asking for one changes nothing, so a token endpoint that is down is always TryLater."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._client = HttpClient(f"{config.name}'s token endpoint", timeout=config.timeout, connections=1)
        self._token: Token | None = None
        self._making: asyncio.Task[Token] | None = None

    async def current(self) -> Token:
        """A token that has not ended; calls at the same moment wait for the same one.

        Raises NotAuthorised where the endpoint refuses, TryLater where it gives no answer.
        """
        token = self._token
        if token is not None and (token.until is None or clock.now() < token.until):
            return token
        if self._making is None or self._making.done():
            self._making = asyncio.create_task(self._make())
        # Shielded: one caller that gives up must not take the token from the others.
        return await asyncio.shield(self._making)

    def refused(self, token: Token) -> None:
        """This token is not given out again; a newer one that another call made meanwhile stays."""
        if self._token is token:
            self._token = None

    async def _make(self) -> Token:
        config = self._config
        form = {"grant_type": "client_credentials"} | ({"scope": config.scope} if config.scope else {})
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        if config.client_auth == "body":
            form |= {"client_id": config.client_id, "client_secret": config.client_secret}
        else:  # RFC 6749, 2.3.1: each part is form-encoded first
            client, secret = quote_plus(config.client_id), quote_plus(config.client_secret)
            headers["Authorization"] = aiohttp.encode_basic_auth(client, secret)
        try:
            answer = await self._client.call(
                "POST", config.token_url, effect=False, headers=headers, body=urlencode(form).encode()
            )
            said = answer.json()
        except Refused as no:
            if no.code == "408":
                raise TryLater(no.message) from no
            raise NotAuthorised(f"{no.message}; check token_url, client_id, client_secret and scope") from no
        except Unreadable as error:
            raise TryLater(f"{self._client.peer}: {error.message}") from error
        self._token = self._read(said)
        return self._token

    def _read(self, said: Any) -> Token:
        value = said.get("access_token") if isinstance(said, dict) else None
        if not (isinstance(value, str) and value and value.isprintable()):
            why = f" ({said['error']})" if isinstance(said, dict) and "error" in said else ""
            raise NotAuthorised(f"{self._client.peer} answered without an access_token{why}")
        try:
            life = float(said["expires_in"])
            until = clock.now() + timedelta(seconds=life - min(_AHEAD, life / 10))
        except (KeyError, TypeError, ValueError, OverflowError):
            return Token(value, None)
        return Token(value, until)

    async def close(self) -> None:
        """Connections are closed."""
        if self._making is not None:
            self._making.cancel()
            await asyncio.gather(self._making, return_exceptions=True)
        await self._client.close()
