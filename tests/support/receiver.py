"""Somebody else's server, which webhooks are sent to and which verifies what comes by the standard's own library."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import standardwebhooks
from aiohttp import web

NEVER = sys.maxsize


class Ear:
    """One address of it. ``heard`` are the messages it took, as (id, message); ``asked`` are all calls.

    ``answers`` are the statuses to answer first, ``status`` the one after them. A call is answered only while ``full`` calls
    wait here, or once there were ``last`` calls in all: who ought to keep so many under way is stuck where it does not. With
    a ``secret`` it takes nothing that is not signed with it; what comes without is answered 401.
    """

    def __init__(self, url: str, status: int) -> None:
        self.url, self.status = url, status
        self.full, self.last = 0, NEVER
        self.secret = ""
        self.answers: list[int] = []
        self.heard: list[tuple[str, dict[str, Any]]] = []
        self.asked = self.busy = self.most = 0
        self.connections: set[Any] = set()
        self._last: tuple[dict[str, str], bytes] = ({}, b"")
        self._turns = asyncio.Condition()

    async def answer_when(self, full: int, last: int = NEVER) -> None:
        """From here on it answers so: see the class."""
        async with self._turns:
            self.full, self.last = full, last
            self._turns.notify_all()

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """The call waits until it may be answered; within, no other is."""
        async with self._turns:
            self.asked += 1
            self.busy += 1
            self.most = max(self.most, self.busy)
            self._turns.notify_all()
            try:
                await self._turns.wait_for(lambda: self.busy >= self.full or self.asked >= self.last)
                yield
            finally:
                self.busy -= 1

    def ids(self) -> Counter[str]:
        """How often it took each message."""
        return Counter(name for name, _ in self.heard)

    def types(self) -> list[str]:
        """What it was told of."""
        return [said["type"] for _, said in self.heard]

    def signed_with(self, *secrets: str) -> bool:
        """Is the last call signed with these, in this order, and with no others?"""
        headers, body = self._last
        found = headers["webhook-signature"].split(" ")
        return len(found) == len(secrets) and all(
            verified(secret, {**headers, "webhook-signature": one}, body)
            for secret, one in zip(secrets, found, strict=True)
        )

    def take(self, headers: dict[str, str], body: bytes) -> int:
        """The status to answer; the message is in ``heard`` where that is 200."""
        self._last = headers, body
        if self.secret and not verified(self.secret, headers, body):
            return 401
        status = self.answers.pop(0) if self.answers else self.status
        if status == 200:
            self.heard.append((headers["webhook-id"], json.loads(body)))
        return status


def verified(secret: str, headers: dict[str, str], body: bytes) -> bool:
    """Does the library take it?"""
    try:
        standardwebhooks.Webhook(secret).verify(body, headers)
    except standardwebhooks.WebhookVerificationError:
        return False
    return True


class Receiver:
    """The server, from ``start`` to ``stop``. ``busy`` and ``most`` are the calls at once to all its addresses."""

    def __init__(self) -> None:
        self.url = ""
        self.busy = self.most = 0
        self._ears: dict[str, Ear] = {}
        self._runner: web.AppRunner | None = None

    def ear(self, name: str, *, status: int = 200) -> Ear:
        """An address of its own."""
        made = self._ears[f"/{name}"] = Ear(f"{self.url}/{name}", status)
        return made

    async def start(self) -> None:
        """It listens at ``url``."""
        app = web.Application()
        app.router.add_post("/{name}", self._hear)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        """Nothing listens any more."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _hear(self, request: web.Request) -> web.Response:
        ear, body = self._ears[request.path], await request.read()
        ear.connections.add(request.transport)
        self.busy += 1
        self.most = max(self.most, self.busy)
        try:
            async with ear.turn():
                status = ear.take({name.lower(): value for name, value in request.headers.items()}, body)
        finally:
            self.busy -= 1
        return web.Response(status=status, headers={"Retry-After": "7000"} if status == 429 else {})


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """It listens during the test."""
    made = Receiver()
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
def ear(receiver: Receiver) -> Ear:
    """One address of it."""
    return receiver.ear("hook")


@pytest.fixture
def receiver_beside() -> Iterator[Receiver]:
    """The same in a loop and thread of its own: commands have theirs."""
    loop, made = asyncio.new_event_loop(), Receiver()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    asyncio.run_coroutine_threadsafe(made.start(), loop).result(60)
    yield made
    asyncio.run_coroutine_threadsafe(made.stop(), loop).result(60)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(60)
    loop.close()
