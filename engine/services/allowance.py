"""How often a token may call the API, counted for all processes of one database together.

Each process takes some calls at a time out of the count that all share, and gives them out by itself: one write for many calls.
It takes one first, then twice as many each time, so that a process that is seldom called keeps little from the others.
"""

from __future__ import annotations

import asyncio

import msgspec

from engine import clock, db

AT_ONCE = 64
"""So many calls are taken out of the shared count at once, at most."""
SKEW = 120_000_000
"""Microseconds by which clocks of hosts may differ; a count that begins further ahead stems from a clock that was put right."""
_MICRO = 1_000_000

# What is taken beyond the limit is counted too: so everybody can tell from the count how much of what it took was left.
_TAKE = (
    "INSERT INTO rate_buckets (source, source_id, name, level, at) VALUES ('api', ?, 'calls', ?, ?) "
    "ON CONFLICT (source, source_id, name) DO UPDATE SET "
    "level = CASE WHEN rate_buckets.at <= ? OR rate_buckets.at > ? THEN excluded.level "
    "ELSE rate_buckets.level + excluded.level END, "
    "at = CASE WHEN rate_buckets.at <= ? OR rate_buckets.at > ? THEN excluded.at ELSE rate_buckets.at END "
    "RETURNING level, at"
)


class Answer(msgspec.Struct, frozen=True):
    """``wait``: whole seconds until it may call again, 0 where it may now. ``left`` calls are left, as far as this process
    knows, and all of them again in ``resets`` seconds."""

    wait: int
    left: int
    resets: int


class _Mine:
    """What this process knows of one token: ``mine`` calls it may give out by itself, ``others`` that are left to be taken."""

    def __init__(self, most: int) -> None:
        self.lock = asyncio.Lock()
        self.began, self.mine, self.others, self.portion = 0, 0, most, 1


class Allowance:
    """``most`` calls in ``seconds``, for each token. The time begins with the first call of it, whichever process has that."""

    def __init__(self, most: int, seconds: int) -> None:
        self._most, self._seconds = most, seconds
        self._known: dict[int, _Mine] = {}

    @property
    def policy(self) -> tuple[int, int]:
        """How often, in how many seconds."""
        return self._most, self._seconds

    async def take(self, token_id: int) -> Answer:
        """The token calls once more: counted, where it may."""
        one = self._known.setdefault(token_id, _Mine(self._most))
        async with one.lock:  # or all that come at once would take a portion each
            now = clock.micros(clock.now())
            if not one.began <= now < one.began + self._seconds * _MICRO:
                one.mine, one.others, one.portion = 0, self._most, 1
            if not one.mine and one.others:
                await self._portion(token_id, one, now)
            resets = max(1, -(-(one.began + self._seconds * _MICRO - now) // _MICRO))
            if not one.mine:
                return Answer(resets, 0, resets)
            one.mine -= 1
            return Answer(0, one.mine + one.others, resets)

    async def _portion(self, token_id: int, one: _Mine, now: int) -> None:
        # Near the end in small pieces: what one process holds and does not use, the others cannot.
        wanted = max(1, min(one.portion, one.others // 4, AT_ONCE))
        over, ahead = now - self._seconds * _MICRO, now + SKEW
        [found] = await db.rows(_TAKE, token_id, float(wanted), now, over, ahead, over, ahead)
        taken = int(found[0])
        # Begun by a host whose clock is ahead, it has begun now.
        one.began = min(int(found[1]), now)
        one.mine = max(0, min(wanted, self._most - (taken - wanted)))
        one.others, one.portion = max(0, self._most - taken), one.portion * 2
