"""A page's websocket without the page: the same frames as a browser sends, and whatever a page would never send."""

from __future__ import annotations

import asyncio
import contextlib
import json
import uuid
from collections.abc import AsyncIterator, Iterator
from typing import Any

import aiohttp
import reflex as rx

from tests.support.web import PATIENCE, Site
from webui.gate import COOKIE


def states(of: Any = None) -> Iterator[Any]:
    """The state class and all below it; from the top if none is named."""
    of = of or rx.State
    yield of
    for below in of.get_substates():
        yield from states(below)


def event_name(handler: str) -> str:
    """What the wire calls ``Orders.load``."""
    state, name = handler.split(".")
    return next(f"{of.get_full_name()}.{name}" for of in states() if of.__name__ == state)


class Wire:
    """A connected socket. ``send`` an event as any page could, ``until`` something is said."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self.said: list[dict[str, Any]] = []

    async def send(self, event: str, payload: dict[str, Any] | None = None, path: str = "/orders") -> None:
        """The event is sent, by its name on the wire."""
        query = dict(part.split("=", 1) for part in path.partition("?")[2].split("&") if "=" in part)
        routed = {"pathname": path.partition("?")[0], "asPath": path, "query": query}
        body = {"name": event, "payload": payload or {}, "router_data": routed}
        await self._socket.send_str("42/_event," + json.dumps(["event", body]))

    async def until(self, word: str, seconds: float = PATIENCE) -> dict[str, Any]:
        """The first update from now on in which the word occurs."""
        async with asyncio.timeout(seconds):
            while True:
                update = await self._next()
                if update is not None and word in json.dumps(update):
                    return update

    async def _next(self) -> dict[str, Any] | None:
        message = await self._socket.receive()
        assert message.type == aiohttp.WSMsgType.TEXT, message
        text = str(message.data)
        if text == "2":
            await self._socket.send_str("3")
        if not text.startswith("42/_event,"):
            return None
        kind, *content = json.loads(text.partition(",")[2])
        update: dict[str, Any] = {"kind": kind, "content": content}
        self.said.append(update)
        return update


async def handshake(site: Site, *, token: str = "", origin: str = "", cookie: str = COOKIE) -> int:
    """How the server answers a websocket's handshake: 101 for yes."""
    headers = {"Cookie": f"{cookie}={token}"} if token else {}
    if origin:
        headers["Origin"] = origin
    address = f"{site.url}/_event/?EIO=4&transport=websocket&token={uuid.uuid4()}"
    async with aiohttp.ClientSession() as session:
        try:
            async with session.ws_connect(address, headers=headers) as socket:
                first = await socket.receive()
                return 101 if first.type == aiohttp.WSMsgType.TEXT else int(socket.close_code or 0)
        except aiohttp.WSServerHandshakeError as error:
            return error.status


@contextlib.asynccontextmanager
async def wire(site: Site, token: str) -> AsyncIterator[Wire]:
    """A socket of the person whose session it is, as their browser would open it."""
    address = f"{site.url}/_event/?EIO=4&transport=websocket&token={uuid.uuid4()}"
    headers = {"Cookie": f"{COOKIE}={token}", "Origin": site.url}
    async with aiohttp.ClientSession() as session, session.ws_connect(address, headers=headers) as socket:
        assert (await socket.receive_str()).startswith("0")
        await socket.send_str("40/_event,")
        answer = ""
        while not answer.startswith("40/_event,"):
            answer = await socket.receive_str()
        yield Wire(socket)
