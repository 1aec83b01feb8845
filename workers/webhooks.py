"""Webhooks out: what happened is collected, and each message is sent by itself.

Others answer in their own time, so no thread waits for them. A worker takes only as many messages of a webhook as it can send
soon; the others are put back to come due one after the other, behind everything else that is due.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence

from engine.services import outbox, tasks
from engine.services.outbox import Job
from engine.services.webhook_lines import AT_ONCE, LINES
from workers.actors import actor, load
from workers.middleware import beside

AT_HAND = 2 * AT_ONCE
"""Messages of one webhook that are sent or are next in this process."""
SLOWEST = 0.02
"""Seconds at most from one that was put back to the next: a receiver that is quick again has soon heard everything, and one
that is not costs fifty rows a second."""

_at_hand: Counter[int] = Counter()
_booked: dict[int, float] = {}  # when the last one that was put back is due


@actor("webhooks.collect")
async def collect(ids: list[int], token: str) -> None:
    await tasks.run(await load(ids, token))


@actor("webhooks.send")
async def send(ids: list[int], token: str) -> None:
    jobs = await load(ids, token)
    now = [job for job in jobs if _let_in(job)]
    beside(now, over=_leave)
    if len(now) < len(jobs):
        admitted = set(now)
        await outbox.put_off(_places([job for job in jobs if job not in admitted]))


def _let_in(job: Job) -> bool:
    # A suspect is the only one of its process, and the next waits until it has run.
    if _at_hand[job.subject_id] >= AT_HAND and not job.suspect:
        return False
    _at_hand[job.subject_id] += 1
    return True


def _leave(job: Job) -> None:
    _at_hand[job.subject_id] -= 1
    if not _at_hand[job.subject_id]:
        del _at_hand[job.subject_id]


def _places(jobs: Sequence[Job]) -> dict[Job, float]:
    """In how many seconds each is due: twice as fast as they can be sent, so that there is always one at hand."""
    now, waits = time.monotonic(), {}
    for job in jobs:
        each = min(LINES.seconds_each(job.subject_id) / 2, SLOWEST)
        place = _booked[job.subject_id] = max(_booked.get(job.subject_id, 0.0), now) + each
        waits[job] = place - now
    return waits
