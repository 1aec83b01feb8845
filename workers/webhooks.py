"""Webhooks out: what happened is collected, and each message is sent by itself."""

from __future__ import annotations

from engine.services import tasks
from workers.actors import actor, load
from workers.middleware import beside


@actor("webhooks.collect")
async def collect(ids: list[int], token: str) -> None:
    await tasks.run(await load(ids, token))


@actor("webhooks.send")
async def send(ids: list[int], token: str) -> None:
    beside(await load(ids, token))
