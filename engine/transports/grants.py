"""OAuth 2 on behalf of a connector: a token that is valid now, renewed once for all who work for us.

Some peers give a new refresh token with each renewal and forget the old one, so what came is kept before it is used, and
only one renews at a time. By itself a connector keeps its grant in its process; ``services.catalog`` gives it the keeper
that every worker shares.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime, timedelta
from typing import Protocol, runtime_checkable

import msgspec

from engine import clock

AHEAD = timedelta(seconds=60)
"""How long before its end a token is not used any more."""


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """What a token endpoint gave. No ``until``: until it is refused. ``refresh_until``: when a person has to say yes anew."""

    access_token: str
    until: datetime | None = None
    refresh_token: str = ""
    refresh_until: datetime | None = None


class Keeper(Protocol):
    """Where grants are kept, by name ("" for a connection's own; others for tokens with less or other rights)."""

    async def load(self, name: str) -> Grant | None:
        """What is kept now."""

    def turn(self, name: str) -> AbstractAsyncContextManager[Grant | None]:
        """Nobody else renews this grant meanwhile, in any process; gives what is kept once it is our turn."""

    async def save(self, name: str, grant: Grant) -> None:
        """It is kept, before anybody uses it."""


class LocalKeeper:
    """Keeps grants in this process."""

    def __init__(self) -> None:
        self._grants: dict[str, Grant] = {}
        self._turns: dict[str, asyncio.Lock] = {}

    async def load(self, name: str) -> Grant | None:
        """See ``Keeper``."""
        return self._grants.get(name)

    @asynccontextmanager
    async def turn(self, name: str) -> AsyncIterator[Grant | None]:
        """See ``Keeper``."""
        async with self._turns.setdefault(name, asyncio.Lock()):
            yield self._grants.get(name)

    async def save(self, name: str, grant: Grant) -> None:
        """See ``Keeper``."""
        self._grants[name] = grant


class Grants:
    """A connector's tokens. ``renew`` asks the token endpoint; it is given what was kept, None the first time."""

    def __init__(self, renew: Callable[[Grant | None], Awaitable[Grant]], name: str = "") -> None:
        self.keeper: Keeper = LocalKeeper()
        self._renew = renew
        self._name = name
        self._refused: set[str] = set()
        self._renewing: asyncio.Task[str] | None = None

    async def token(self) -> str:
        """An access token that has not ended. Raises what ``renew`` raises: NotAuthorised, TryLater."""
        grant = await self.keeper.load(self._name)
        if grant is not None and self._good(grant):
            return grant.access_token
        if self._renewing is None:
            self._renewing = asyncio.create_task(self._renewed())
            self._renewing.add_done_callback(self._over)
        # Who asked may be stopped while the other side hands out a token that it gives once only: that is kept all the same.
        return await asyncio.shield(self._renewing)

    async def _renewed(self) -> str:
        async with self.keeper.turn(self._name) as kept:
            if kept is not None and self._good(kept):
                return kept.access_token
            fresh = await self._renew(kept)
            await self.keeper.save(self._name, fresh)
            return fresh.access_token

    def _over(self, task: asyncio.Task[str]) -> None:
        self._renewing = None
        if not task.cancelled():
            task.exception()  # whoever still waits is told; nobody else is

    async def settle(self) -> None:
        """A renewal under way is over, whatever became of it. Before its connector is closed."""
        if self._renewing is not None:
            await asyncio.wait([self._renewing])

    def refused(self, token: str) -> None:
        """This token was not accepted: it is not given out again by this process."""
        self._refused.add(token)

    def _good(self, grant: Grant) -> bool:
        if grant.access_token in self._refused:
            return False
        return grant.until is None or clock.now() < grant.until - AHEAD


@runtime_checkable
class Granted(Protocol):
    """A connector whose peer is asked with tokens that end."""

    grants: tuple[Grants, ...]
