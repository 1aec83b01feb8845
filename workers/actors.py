"""The actors there are, the messages that name their jobs, and the flags the threads of a worker share.

Knows no broker, so that each broker can know it.
"""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeAlias

import dramatiq

from engine.services import outbox, tasks

OTHER = "system.other"

Actor: TypeAlias = Callable[[list[int], str], Awaitable[None]]
ACTORS: dict[str, Actor] = {}
WAKE = threading.Event()
"""Set when something was done that may have made more work: the poller or the relay looks again at once."""
STOPPING = threading.Event()
"""Set when this process takes no more work."""


def actor(task: str) -> Callable[[Actor], Actor]:
    """The decorated function is the actor of a task, on every broker made from here on."""

    def keep(fn: Actor) -> Actor:
        ACTORS[task] = fn
        return fn

    return keep


async def load(ids: Sequence[int], token: str) -> list[outbox.Job]:
    """The jobs a message names, as far as they are still to be done: word that comes twice finds none."""
    if token:
        return await outbox.held(ids, token)
    return await tasks.screen(await outbox.take(ids, tasks.new_token()))


def message(queue: str, task: str, ids: list[int], token: str = "") -> dramatiq.Message[Any]:
    """A message that names jobs of one task; tasks without an actor of their own go to ``system.other``."""
    name = task if task in ACTORS else OTHER
    return dramatiq.Message(queue_name=queue, actor_name=name, args=(ids, token), kwargs={}, options={})
