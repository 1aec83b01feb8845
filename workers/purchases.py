"""Purchase orders: sent, looked for, canceled."""

from __future__ import annotations

from engine.services import tasks
from workers.actors import actor, load


@actor("purchases.submit")
async def submit(ids: list[int], token: str) -> None:
    await tasks.run(await load(ids, token))


@actor("purchases.find")
async def find(ids: list[int], token: str) -> None:
    await tasks.run(await load(ids, token))


@actor("purchases.cancel")
async def cancel(ids: list[int], token: str) -> None:
    await tasks.run(await load(ids, token))
