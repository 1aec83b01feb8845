"""Hooks: what channels and suppliers tell us by HTTP, kept before it is answered, and read by jobs afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import structlog

from engine import db
from engine.connectors import registry
from engine.errors import BluebookError, NotFound, Unreachable, Unreadable
from engine.ports import Hook, Page, Raw, TakesHooks
from engine.ports_channels import FetchesKeys, ProvesAddress
from engine.services import catalog, inbox, outbox
from engine.services.inbox import Kind
from engine.services.outbox import NewJob

TOGETHER = 256  # calls in one commit at most, so that the write lock is never held for long
_MAX_ID = 100
_READ_AGAIN = "a webhook, which is never read as an order: the orders it names are read from the channel"

_log = structlog.get_logger(__name__)


class Arrived(msgspec.Struct, frozen=True):
    """A genuine call with its body as it came, and whose address it came to."""

    kind: Kind
    source_id: int
    hook: Hook
    body: bytes


async def verify(kind: Kind, source_id: int, headers: Mapping[str, str], body: bytes) -> Hook:
    """What the call means. Raises NotFound, Refused where it is not genuine, Unreadable, Misconfigured."""
    connector: Any = await (catalog.channel(source_id) if kind == "channel" else catalog.supplier(source_id))
    if not registry.offers(connector, TakesHooks):
        raise NotFound(f"{kind} {source_id} is connected by {connector.name}, which takes no calls from outside")
    # Servers hand on undecodable bytes as lone surrogates, which no connector expects.
    plain = {
        name: value if value.isascii() else value.encode("utf-8", "replace").decode() for name, value in headers.items()
    }
    try:
        if registry.offers(connector, FetchesKeys):
            await connector.learn(plain)
        hook: Hook = connector.verify_hook(plain, body)
    except (UnicodeDecodeError, RecursionError) as error:
        raise Unreadable(f"the body of the call cannot be read: {error}") from error
    named = [*hook.refresh, hook.delivery_id, *([hook.raw.external_id] if hook.raw else [])]
    if any("\0" in name for name in named) or any(len(name) > _MAX_ID for name in hook.refresh):
        raise Unreadable("the call names an order by a text that cannot be an id")
    return hook


async def prove(channel_id: int, query: Mapping[str, str]) -> dict[str, str]:
    """What the channel wants to hear before it calls us. Raises NotFound where it asks nothing, Refused, Misconfigured."""
    connector = await catalog.channel(channel_id)
    if not isinstance(connector, ProvesAddress):
        raise NotFound(f"channel {channel_id} is connected by {connector.name}, which asks for no proof of an address")
    return connector.prove(query)


async def keep(arrived: Sequence[Arrived]) -> None:
    """All of it is stored with the jobs that read it, in one commit; what came before brings nothing new."""
    calls: dict[tuple[Kind, int], list[Arrived]] = {}
    for one in arrived:
        calls.setdefault((one.kind, one.source_id), []).append(one)
    jobs: list[NewJob] = []
    async with db.transaction():
        for (kind, source_id), group in sorted(calls.items()):
            jobs += await _payloads(kind, source_id, [one.hook.raw for one in group if one.hook.raw])
            jobs += await _refreshes(kind, source_id, [one for one in group if one.hook.refresh])
        await outbox.put(jobs)


async def _payloads(kind: Kind, source_id: int, raws: Sequence[Raw]) -> list[NewJob]:
    stored = await inbox.store(kind, source_id, Page(tuple(raws)))
    return [NewJob(f"inbound:{item.id}", "inbound.read", item.id) for item in stored if item.state == "stored"]


async def _refreshes(kind: Kind, source_id: int, calls: Sequence[Arrived]) -> list[NewJob]:
    # The call is kept as it came, under its delivery, and never read as an order: that is fetched as it is by then.
    told = {f"webhook {one.hook.delivery_id} {' '.join(one.hook.refresh)}": one for one in calls}
    raws = {key: Raw(f"{inbox.WEBHOOK}{','.join(one.hook.refresh)}", one.body) for key, one in told.items()}
    fresh = await inbox.store_unread(kind, source_id, raws, _READ_AGAIN)
    names = sorted({name for key in fresh for name in told[key].hook.refresh})
    return [
        NewJob(f"refresh:{source_id}:{name}", "channels.refresh", source_id, None, {"external_id": name})
        for name in names
    ]


class Keeper:
    """Keeps calls as they come, those that come while a commit runs in one commit after it. For one event loop."""

    def __init__(self) -> None:
        self._waiting: list[tuple[Arrived, asyncio.Future[None]]] = []
        self._writing: asyncio.Task[None] | None = None

    async def keep(self, arrived: Arrived) -> None:
        """The call is kept and its job written; returns after the commit. Raises Unreachable where it was not kept."""
        kept: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((arrived, kept))
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write())
        await kept

    async def _write(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:TOGETHER], self._waiting[TOGETHER:]
            trouble = ""
            try:
                await keep([arrived for arrived, _ in batch])
            except Exception as error:
                # The loop must outlive whatever the database raises; each sender is told and calls again.
                _log.error("calls could not be kept", calls=len(batch), exc_info=error)
                trouble = error.message if isinstance(error, BluebookError) else "the database did not take the call"
            for _, kept in batch:
                if kept.done():
                    continue
                if trouble:
                    kept.set_exception(Unreachable(trouble))
                else:
                    kept.set_result(None)
