"""A channel pulled because a person asks for it now: where it works, whatever waits for it need not wait any longer."""

from __future__ import annotations

from engine import clock, db
from engine.errors import BluebookError, Unreachable
from engine.services import intake, job_subjects, outbox
from engine.services.lifecycle import Actor
from engine.services.making import Pulled


async def channel(channel_id: int, by: Actor) -> tuple[Pulled, int]:
    """What was pulled, and how many jobs that waited for another try with the channel are due now.

    Raises what ``intake.poll`` does; nothing is hastened then, and the channel shows what went wrong, as after a poll by itself.
    """
    try:
        pulled = await intake.poll(channel_id, by)
    except Unreachable:
        raise  # our own database: there is nowhere to note it
    except BluebookError as error:
        await intake.failed(channel_id, error)
        raise
    return pulled, await hasten(channel_id)


async def hasten(channel_id: int) -> int:
    """The jobs of the channel whose last try came to nothing are due now; how many."""
    condition, values = job_subjects.needing("channels", channel_id)
    waiting = await db.rows(
        f"SELECT key FROM outbox WHERE state = 'ready' AND run_at > ? AND error <> '' AND {condition}",
        clock.micros(clock.now()), *values,
    )  # fmt: skip
    keys = [str(row[0]) for row in waiting]
    await outbox.hasten(keys)
    return len(keys)
