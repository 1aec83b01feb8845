"""HTTP to a JSON supplier: the address of each question, the key on it, and its refusals in its own words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import msgspec

from engine.connectors.suppliers.rest.mapping import Config, Expression
from engine.errors import Misconfigured, Refused, TryLater
from engine.transports.http import Answer, HttpClient


class Declined(Refused):
    """A definite no with what came with it: ``answer`` is the decoded body, None where that was no JSON."""

    def __init__(self, message: str, code: str | None, answer: Any) -> None:
        super().__init__(message, code)
        self.answer = answer


class SupplierClient(HttpClient):
    """The connection to one supplier, as ``Config`` describes it."""

    def __init__(self, config: Config, error_message: Expression) -> None:
        key = f"{config.auth_scheme} {config.api_key}".strip()
        if not (config.api_key and key.isprintable()):
            raise Misconfigured(f"{config.name}: api_key is empty or has characters that a header cannot carry")
        super().__init__(
            config.name,
            timeout=config.timeout,
            connections=config.connections,
            headers={config.auth_header: key, "Accept": "application/json"},
        )
        self._base = config.base_url.rstrip("/")
        self._error_message = error_message

    async def ask(self, path: str, po_number: str = "", params: Mapping[str, str] | None = None) -> Answer:
        """The answer to a question that changes nothing."""
        return await self.call("GET", self._url(path, po_number), effect=False, params=params)

    async def tell(self, method: str, path: str, po_number: str, body: bytes, *, key: str, effect: bool) -> Answer:
        """The answer to a request about one purchase order; ``key`` is the same on every attempt at the same thing."""
        headers = {"Content-Type": "application/json", "Idempotency-Key": key}
        return await self.call(method, self._url(path, po_number), effect=effect, headers=headers, body=body)

    def _url(self, path: str, po_number: str) -> str:
        return self._base + path.replace("{po_number}", quote(po_number, safe=""))

    def _refusal(self, answer: Answer, effect: bool) -> Exception:
        error = super()._refusal(answer, effect)
        if not isinstance(error, Refused):
            return error
        if answer.status < 400 or answer.status == 408:
            return TryLater(error.message)  # of a question: the answer is elsewhere, or was not heard
        try:
            decoded = msgspec.json.decode(answer.body)
        except msgspec.DecodeError:
            return Declined(error.message, error.code, None)
        said = self._error_message.of(decoded)
        message = f"{self.peer}: {said.strip()}" if isinstance(said, str) and said.strip() else error.message
        return Declined(message, error.code, decoded)
