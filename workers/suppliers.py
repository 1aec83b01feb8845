"""Suppliers: what they say, and the payloads that came in. Polls take their own time, so no thread waits for them."""

from __future__ import annotations

from engine.services import tasks
from workers.actors import actor, load
from workers.middleware import beside


@actor("suppliers.poll")
async def poll(ids: list[int], token: str) -> None:
    beside(await load(ids, token))


@actor("inbound.read")
async def read(ids: list[int], token: str) -> None:
    await tasks.run(await load(ids, token))


@actor("suppliers.remind")
async def remind(ids: list[int], token: str) -> None:
    await tasks.run(await load(ids, token))


@actor("suppliers.receipt")
async def receipt(ids: list[int], token: str) -> None:
    await tasks.run(await load(ids, token))


@actor("suppliers.mdn")
async def mdn(ids: list[int], token: str) -> None:
    await tasks.run(await load(ids, token))
