"""Calls to the API over loopback, as programs make them."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from typing import Any

import aiohttp
import msgspec
from yarl import URL

from engine.domain.scopes import Scope
from engine.errors import NotFound
from engine.services import accounts, tokens
from engine.services.lifecycle import Actor

ROOT = Actor("root", "person", "test")
BASE = "/api/v1"
_serial = itertools.count(1)


async def token_for(role: str, scopes: Iterable[str] = Scope, days: int = 1) -> str:
    """A token of a user of this role, who is called as the role is."""
    try:
        await accounts.user(role)
    except NotFound:
        await accounts.add_user(role, role, ROOT)
    return (await tokens.add(role, f"test {next(_serial)}", scopes, ROOT, days=days))[0]


class Reply(msgspec.Struct):
    """What came back: ``said`` is the JSON."""

    status: int
    headers: Mapping[str, str]
    said: Any
    kind: str


class Api:
    """The API's address and a token for it."""

    def __init__(self, url: str, session: aiohttp.ClientSession, token: str) -> None:
        self.url, self.session, self.token = url, session, token

    async def call(
        self, method: str, path: str, body: Any = None, *, token: str | None = None, kind: str = "application/json",
        headers: Mapping[str, str] | None = None, **query: Any,
    ) -> Reply:  # fmt: skip
        """The answer to one call; ``body`` is bytes, or what JSON is made of."""
        sent = dict(headers or {})
        wanted = self.token if token is None else token
        if wanted:
            sent["Authorization"] = f"Bearer {wanted}"
        data = None
        if body is not None:
            data = body if isinstance(body, bytes) else msgspec.json.encode(body)
            sent |= {"Content-Type": kind} if kind else {}
        url = path if path.startswith("/api/") else BASE + path
        params = [
            (name, str(v)) for name, value in query.items() for v in (value if isinstance(value, list) else [value])
        ]
        async with self.session.request(
            method,
            URL(self.url + url, encoded=True),
            data=data,
            headers=sent,
            params=params or None,
            skip_auto_headers=("Content-Type",),
        ) as answer:
            raw = await answer.read()
            json = "json" in answer.content_type
            return Reply(answer.status, answer.headers, msgspec.json.decode(raw) if json else raw, answer.content_type)

    async def get(self, path: str, **more: Any) -> Any:
        """What a GET says; it must be a 200."""
        found = await self.call("GET", path, **more)
        assert found.status == 200, found
        return found.said

    async def post(self, path: str, body: Any = None, **more: Any) -> Any:
        """What a POST says; it must go well."""
        found = await self.call("POST", path, body, **more)
        assert 200 <= found.status < 300, found
        return found.said

    async def refused(self, status: int, problem: str, method: str, path: str, *args: Any, **more: Any) -> Any:
        """The problem a call is answered by, which must be of this kind."""
        found = await self.call(method, path, *args, **more)
        assert (found.status, found.kind) == (status, "application/problem+json"), found
        assert found.said["status"] == status
        assert found.said["type"] == f"/api/docs#{problem}", found.said
        assert found.said["title"]
        assert found.said["detail"]
        return found.said

    async def pages(self, path: str, **query: Any) -> list[Any]:
        """The rows of all pages, by their ``next``."""
        found = await self.call("GET", path, **query)
        rows = list(found.said["data"])
        while found.said["next"]:
            assert found.headers["Link"] == f'<{found.said["next"]}>; rel="next"'
            found = await self.call("GET", found.said["next"])
            assert found.status == 200, found
            rows += found.said["data"]
        return rows
