"""HTTP to a JSON supplier: the address of each question, the key on it, and its refusals in its own words."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import aiohttp
import msgspec

from engine.connectors.suppliers.rest.auth import Token, Tokens
from engine.connectors.suppliers.rest.mapping import Config, SupplierMapping
from engine.errors import BluebookError, NotAuthorised, Refused, TryLater
from engine.transports.http import Answer, HttpClient


class Declined(Refused):
    """A definite no with what came with it: ``answer`` is the decoded body, None where that was no JSON."""

    def __init__(self, message: str, code: str | None, answer: Any) -> None:
        super().__init__(message, code)
        self.answer = answer


class Unaccepted(NotAuthorised):
    """A 401: who asks was not accepted, and nothing was done. A 403 is about what was asked."""


class SupplierClient(HttpClient):
    """The connection to one supplier, as ``Config`` describes it."""

    def __init__(self, config: Config, mapping: SupplierMapping) -> None:
        standing = {"Accept": "application/json"}
        self._tokens: Tokens | None = None
        if config.auth == "header":
            standing[config.auth_header] = f"{config.auth_scheme} {config.api_key}".strip()
        elif config.auth == "basic":
            standing[config.auth_header] = aiohttp.encode_basic_auth(config.username, config.password)
        else:
            self._tokens = Tokens(config)
        super().__init__(config.name, timeout=config.timeout, connections=config.connections, headers=standing)
        self._config = config
        self._base = config.base_url.rstrip("/")
        self._mapping = mapping

    async def ask(self, path: str, po_number: str = "", params: Mapping[str, str] | None = None) -> Answer:
        """The answer to a question that changes nothing."""
        return await self._send("GET", self._url(path, po_number), {}, None, params=params, effect=False)

    async def tell(self, method: str, path: str, po_number: str, body: bytes, *, key: str, effect: bool) -> Answer:
        """The answer to a request about one purchase order; ``key`` is the same on every attempt at the same thing."""
        headers = {"Content-Type": "application/json", "Idempotency-Key": key}
        return await self._send(method, self._url(path, po_number), headers, body, effect=effect)

    async def _send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, *, effect: bool,
        params: Mapping[str, str] | None = None,
    ) -> Answer:  # fmt: skip
        if self._tokens is None:
            return await self.call(method, url, effect=effect, params=params, headers=headers, body=body)
        # The token is asked for inside of the request's own time: after that the attempt must be over (answers_within).
        ends = asyncio.get_running_loop().time() + self._config.timeout
        for again in (False, True):
            token = await self._token(ends)
            bearer = {self._config.auth_header: f"{self._config.auth_scheme} {token.value}".strip()}
            try:
                async with asyncio.timeout_at(ends):
                    answer = await self.call(
                        method, url, effect=effect, params=params, headers={**headers, **bearer}, body=body
                    )
            except TimeoutError as error:
                raise self._lost(f"{self.peer} did not answer in time", effect) from error
            except Unaccepted:
                self._tokens.refused(token)
                if again or not token.accepted:
                    raise
                continue  # a 401 did nothing, and this token was good before: it has ended early
            token.accepted = True
            return answer
        raise AssertionError("the second try returns or raises")

    async def _token(self, ends: float) -> Token:
        assert self._tokens is not None
        try:
            async with asyncio.timeout_at(ends):
                token = await self._tokens.current()
        except TimeoutError as error:
            raise TryLater(f"{self.peer}'s token endpoint did not answer in time; nothing was sent") from error
        if ends - asyncio.get_running_loop().time() < self._config.timeout / 2:
            # What is begun with little time left ends unknown; the token is kept for the next attempt.
            raise TryLater(f"{self.peer}'s token came late; nothing was sent")
        return token

    async def close(self) -> None:
        """Connections are closed."""
        if self._tokens is not None:
            await self._tokens.close()
        await super().close()

    def _url(self, path: str, po_number: str) -> str:
        return self._base + path.replace("{po_number}", quote(self._mapping.number_out(po_number), safe=""))

    def refusal(self, answer: Answer, effect: bool) -> BluebookError:
        error = super().refusal(answer, effect)
        if answer.status == 401:
            return Unaccepted(str(error))
        if not isinstance(error, Refused):
            return error
        if answer.status < 400 or answer.status == 408:
            return TryLater(error.message)  # of a question: the answer is elsewhere, or was not heard
        try:
            decoded = msgspec.json.decode(answer.body)
        except msgspec.DecodeError:
            return Declined(error.message, error.code, None)
        said = self._mapping.error_message.of(decoded)
        message = f"{self.peer}: {said.strip()}" if isinstance(said, str) and said.strip() else error.message
        return Declined(message, error.code, decoded)
