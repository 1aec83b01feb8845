"""Channels: what is new, what changed, what is offered. Others answer in their own time, so no thread waits."""

from __future__ import annotations

from engine.services import tasks
from workers.actors import actor, load
from workers.middleware import beside


@actor("channels.poll")
async def poll(ids: list[int], token: str) -> None:
    beside(await load(ids, token))


@actor("channels.rescan")
async def rescan(ids: list[int], token: str) -> None:
    beside(await load(ids, token))


@actor("channels.listings")
async def listings(ids: list[int], token: str) -> None:
    beside(await load(ids, token))


@actor("channels.refresh")
async def refresh(ids: list[int], token: str) -> None:
    # Not beside: a bulk edit at the store brings hundreds at once, and a batch reads them in one call.
    await tasks.run(await load(ids, token))


@actor("channels.acknowledge")
async def acknowledge(ids: list[int], token: str) -> None:
    await tasks.run(await load(ids, token))


@actor("channels.cancel")
async def cancel(ids: list[int], token: str) -> None:
    await tasks.run(await load(ids, token))


@actor("channels.grants")
async def grants(ids: list[int], token: str) -> None:
    await tasks.run(await load(ids, token))
