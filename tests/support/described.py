"""Exchanges with a demo channel, held against the vendor's own description of its API."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from openapi_core import Config, OpenAPI
from openapi_core.testing import MockRequest, MockResponse

from engine.demo.channels.base import Exchange


class Described:
    """A vendor's description. ``server`` is the address its paths are below; ``skip`` are paths it does not describe."""

    def __init__(
        self, document: Mapping[str, Any], server: str, skip: Callable[[str], bool] = lambda path: False
    ) -> None:
        self.document = document
        self.openapi = OpenAPI.from_dict(document, config=Config(spec_validator_cls=None))  # type: ignore[arg-type]
        self._server = urlsplit(server)
        self._skip = skip

    def request(self, exchange: Exchange) -> MockRequest:
        """The request of an exchange, as openapi-core wants it."""
        url = urlsplit(exchange.url)
        headers = {name: value for name, value in exchange.headers.items() if name.lower() != "content-length"}
        content_type = next((value for name, value in headers.items() if name.lower() == "content-type"), "")
        return MockRequest(
            f"{self._server.scheme}://{self._server.netloc}",
            exchange.method.lower(),
            url.path,
            args=dict(parse_qsl(url.query, keep_blank_values=True)),
            headers=headers,
            data=exchange.body or None,
            content_type=content_type,
        )

    def check(self, exchange: Exchange) -> tuple[str, str]:
        """What is wrong with the request and with the answer; "" for nothing."""
        request = self.request(exchange)
        asked = answered = ""
        try:
            self.openapi.validate_request(request)
        except Exception as error:
            asked = told(error)
        kind = exchange.answer_headers.get("Content-Type", "application/json").partition(";")[0]
        answer = MockResponse(exchange.answer, exchange.status, dict(exchange.answer_headers), kind)
        try:
            self.openapi.validate_response(request, answer)
        except Exception as error:
            answered = told(error)
        return asked, answered

    def passes(self, exchange: Exchange) -> bool:
        """Is it none of what is described?"""
        return self._skip(urlsplit(exchange.url).path)


def told(error: BaseException) -> str:
    """The error with its causes and, for schemas, every place."""
    parts = [str(error) or type(error).__name__]
    for one in getattr(error, "schema_errors", ()) or ():
        parts.append(f"{'.'.join(map(str, one.absolute_path))}: {one.message[:300]}")
    if error.__cause__ is not None:
        parts.append(told(error.__cause__))
    return " <- ".join(parts)


class Table:
    """Counts, for each operation, valid requests and answers; ``errors`` are those that were not, with the reason."""

    def __init__(self, described: Described, operation: Callable[[Exchange], str]) -> None:
        self.requests: Counter[str] = Counter()
        self.answers: Counter[str] = Counter()
        self.errors: list[str] = []
        self._described, self._operation = described, operation

    def hear(self, exchange: Exchange) -> None:
        """To be put among what a demo channel's ``heard`` calls. Refusals are held against the request's part alone."""
        if self._described.passes(exchange):
            return
        name = self._operation(exchange)
        asked, answered = self._described.check(exchange)
        if asked:
            self.errors.append(f"{name}: request: {asked}")
        else:
            self.requests[name] += 1
        if exchange.status >= 400:
            return
        if answered:
            self.errors.append(f"{name}: answer: {answered}")
        else:
            self.answers[name] += 1
