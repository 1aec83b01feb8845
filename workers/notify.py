"""Messages to people."""

from __future__ import annotations

from engine.services import tasks
from workers.actors import actor, load


@actor("notify.send")
async def send(ids: list[int], token: str) -> None:
    await tasks.run(await load(ids, token))
