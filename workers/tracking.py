"""Tracking numbers: told to the channel."""

from __future__ import annotations

from engine.services import tasks
from workers.actors import actor, load


@actor("tracking.push")
async def push(ids: list[int], token: str) -> None:
    await tasks.run(await load(ids, token))
