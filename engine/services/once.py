"""Calls made under a key of their caller's (Idempotency-Key): done once, and answered again as they were for a day."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import timedelta

import msgspec

from engine import clock, db
from engine.errors import Invalid, Refused

KEPT = timedelta(hours=24)
LEASE = timedelta(minutes=10)
"""A call that is under way for longer has died with its process, and may be made again: what calls do, they do once."""
PATIENCE = timedelta(seconds=30)
"""A call that is under way for longer is likely to have died, so that its answer is not to be waited for any more."""
IN_FLIGHT = "in_flight"


class UnderWay(Refused):
    """The same call is under way. ``retry_after`` (seconds): while it may be answered any moment, soon; then when it can be
    made again if it died."""

    def __init__(self, since: timedelta) -> None:
        dead = since >= PATIENCE
        said = "its answer is overdue; if it died, it can be made again then" if dead else "ask again for its answer"
        super().__init__(f"the same call is under way; {said}", IN_FLIGHT)
        self.retry_after = math.ceil(max(1.0, (LEASE - since if dead else since).total_seconds()))


class Answer(msgspec.Struct, frozen=True):
    """What a call was answered."""

    status: int
    headers: dict[str, str]
    body: bytes


async def begin(token_id: int, key: str, digest: str) -> Answer | None:
    """None: the call is the caller's to make now, and is to be ended by ``finish`` or ``forget``. Else how it was answered.

    ``digest`` tells what is asked for. Raises Invalid where the key stands for another call, and UnderWay while the same
    call is.
    """
    now = clock.now()
    await clear()
    made = await db.value(
        "INSERT INTO api_calls (token_id, key, digest, begun_at, headers) VALUES (?, ?, ?, ?, '{}') "
        "ON CONFLICT (token_id, key) DO NOTHING RETURNING id",
        token_id, key, digest, clock.micros(now),
    )  # fmt: skip
    if made is not None:
        return None
    found = await db.row(
        "SELECT digest, begun_at, status, headers, body FROM api_calls WHERE token_id = ? AND key = ?", token_id, key
    )
    if found is not None and found[0] != digest:
        raise Invalid("this key was used for another call; take a new key for each", "Idempotency-Key")
    if found is not None and found[2] is not None:
        headers: Mapping[str, str] = msgspec.json.decode(found[3])
        return Answer(int(found[2]), dict(headers), bytes(found[4] or b""))
    since = now - clock.moment(int(found[1])) if found is not None else timedelta()
    if found is not None and since >= LEASE:
        taken = await db.run(
            "UPDATE api_calls SET begun_at = ? WHERE token_id = ? AND key = ? AND begun_at = ? AND status IS NULL",
            clock.micros(now), token_id, key, int(found[1]),
        )  # fmt: skip
        if taken:
            return None
        since = timedelta()
    raise UnderWay(since)


async def clear() -> None:
    """Calls of more than a day ago are forgotten."""
    await db.run("DELETE FROM api_calls WHERE begun_at < ?", clock.micros(clock.now() - KEPT))


async def finish(token_id: int, key: str, answer: Answer) -> None:
    """The call is answered so, now and when it is made again."""
    await db.run(
        "UPDATE api_calls SET status = ?, headers = ?, body = ? WHERE token_id = ? AND key = ?",
        answer.status, msgspec.json.encode(answer.headers).decode(), answer.body, token_id, key,
    )  # fmt: skip


async def forget(token_id: int, key: str) -> None:
    """The call came to nothing here, and may be made again under its key."""
    await db.run("DELETE FROM api_calls WHERE token_id = ? AND key = ? AND status IS NULL", token_id, key)
