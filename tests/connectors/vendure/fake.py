"""A few lines that answer like Vendure's Admin API, with answers recorded from Vendure 3.7.3 (fixtures/)."""

from __future__ import annotations

import asyncio
import copy
import re
from collections import defaultdict
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import web

FIXTURES = Path(__file__).with_name("fixtures")
ANSWERS: dict[str, Any] = msgspec.json.decode((FIXTURES / "answers.json").read_bytes())
ORDERS: dict[str, Any] = msgspec.json.decode((FIXTURES / "orders.json").read_bytes())
KNOWN = {"Login", "Orders", "Parcels", "AddFulfillment", "ShipFulfillment", "Check"}

Answerable = dict[str, Any] | bytes | int


class FakeVendure:
    """``orders`` are listed by filter, sort, take and skip; ``script[operation]`` answers first, in turn.

    A scripted int is an HTTP status; bytes are the body as it stands; 0 breaks the connection off after the request.
    """

    def __init__(self) -> None:
        self.orders: list[dict[str, Any]] = []
        self.script: dict[str, list[Answerable]] = defaultdict(list)
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.headers: list[dict[str, str]] = []
        self.tokens: set[str] = set()
        self.url = ""
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> FakeVendure:
        app = web.Application()
        app.router.add_post("/admin-api", self._answer)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/admin-api"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    def expire(self) -> None:
        """The store forgets every session."""
        self.tokens.clear()

    def made(self, operation: str) -> list[dict[str, Any]]:
        """The variables of every call of that operation."""
        return [variables for name, variables in self.calls if name == operation]

    async def _answer(self, request: web.Request) -> web.Response:
        body = await request.json()
        match = re.match(r"\s*(?:query|mutation) (\w+)", body["query"])
        assert match is not None
        operation = match.group(1)
        assert operation in KNOWN
        self.calls.append((operation, body["variables"]))
        self.headers.append(dict(request.headers))
        scripted = self.script[operation].pop(0) if self.script[operation] else None
        if isinstance(scripted, int):
            if scripted == 0:
                assert request.transport is not None
                request.transport.close()
                await asyncio.sleep(0)
                return web.Response()
            return web.Response(status=scripted, text="out of order")
        if isinstance(scripted, bytes):
            return web.Response(body=scripted, content_type="application/json")
        if operation == "Login":
            return self._login(scripted)
        if request.headers.get("Authorization", "").removeprefix("Bearer ") not in self.tokens:
            return web.json_response(ANSWERS["forbidden"])
        return web.json_response(scripted or self._default(operation, body["variables"]))

    def _login(self, scripted: dict[str, Any] | None) -> web.Response:
        if scripted is not None:
            return web.json_response(scripted)
        token = f"token-{len(self.made('Login'))}"
        self.tokens.add(token)
        return web.json_response(ANSWERS["login"], headers={"vendure-auth-token": token})

    def _default(self, operation: str, variables: dict[str, Any]) -> dict[str, Any]:
        if operation in ("Orders", "Parcels"):
            return {"data": {"orders": {"items": self._listed(variables["options"])}}}
        return dict(ANSWERS[{"Check": "check", "AddFulfillment": "added", "ShipFulfillment": "shipped"}[operation]])

    def _listed(self, options: dict[str, Any]) -> list[dict[str, Any]]:
        wanted = options["filter"]
        [(key, direction)] = options["sort"].items()
        assert direction == "ASC"
        found = self.orders
        if "id" in wanted:
            found = [order for order in found if order["id"] in wanted["id"]["in"]]
        if "orderPlacedAt" in wanted:
            window = wanted["orderPlacedAt"]
            found = [
                order
                for order in found
                if order["orderPlacedAt"]
                and _at(order["orderPlacedAt"]) > _at(window["after"])
                and ("before" not in window or _at(order["orderPlacedAt"]) < _at(window["before"]))
            ]
        found = sorted(found, key=lambda order: int(order["id"]) if key == "id" else order["orderPlacedAt"])
        start = options.get("skip", 0)
        return found[start : start + options["take"]]


def order(name: str, **changes: Any) -> dict[str, Any]:
    """A recorded order, with changes."""
    return {**copy.deepcopy(ORDERS[name]), **changes}


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text)
