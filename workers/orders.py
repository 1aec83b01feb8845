"""Orders: checked after every change, processed where the channel says so."""

from __future__ import annotations

from engine.services import tasks
from workers.actors import actor, load


@actor("orders.check")
async def check(ids: list[int], token: str) -> None:
    await tasks.run(await load(ids, token))


@actor("orders.auto")
async def auto(ids: list[int], token: str) -> None:
    await tasks.run(await load(ids, token))
