"""Doing many calls at once and taking their answers in as they come, several at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Sequence
from typing import Any, TypeVar

T = TypeVar("T")
LINGER = 0.004


async def harvest(calls: Sequence[Coroutine[Any, Any, T]], linger: float = LINGER) -> AsyncIterator[list[T]]:
    """The calls' results in lists: whatever is there once the first came and ``linger`` seconds more have passed.

    A slow call delays nobody else's commit, and quick ones share one. Never start it inside a transaction: Tortoise's
    transaction would leak into the tasks.
    """
    pending = {asyncio.ensure_future(call) for call in calls}
    try:
        while pending:
            _, pending_now = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            if pending_now:
                await asyncio.sleep(linger)
            done = {task for task in pending if task.done()}
            pending -= done
            yield [task.result() for task in done]
    finally:
        for task in pending:
            task.cancel()
