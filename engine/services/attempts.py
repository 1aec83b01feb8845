"""Failed log-ins are counted by name and by address, in the database: for all processes, and across restarts."""

from __future__ import annotations

import hashlib
from datetime import timedelta

from engine import clock, db
from engine.domain import proxies
from engine.errors import TryLater

LIMITS = {"name": 5, "address": 20}
"""So many fail before it is locked out."""
FIRST, LONGEST = timedelta(minutes=1), timedelta(minutes=15)
"""How long the first lock-out is; each further failure doubles it."""
FORGET = timedelta(hours=1)
_WHOSE = {"name": "for this name", "address": "from your address"}


async def check(name: str, address: str) -> None:
    """Neither the name nor the address is locked out; raises TryLater with ``retry_after`` and when to try again."""
    now = clock.now()
    subjects = _subjects(name, address)
    found = await db.rows(
        f"SELECT subject, locked_until FROM login_attempts WHERE locked_until > ? AND subject IN ({db.marks(list(subjects))})",
        clock.micros(now), *subjects,
    )  # fmt: skip
    if not found:
        return
    subject, until = max(found, key=lambda r: int(r[1]))
    ends = clock.moment(int(until))
    seconds = max(1, -int((now - ends).total_seconds() // 1))
    wait = f"{seconds} s" if seconds < 90 else f"{-(-seconds // 60)} min"
    raise TryLater(
        f"too many failed log-ins {_WHOSE[subjects[str(subject)]]}; try again in {wait}, at {ends:%H:%M:%S} UTC",
        seconds,
    )


async def failed(name: str, address: str) -> None:
    """The failure is counted; what failed too often is locked out."""
    now = clock.now()
    for subject, kind in _subjects(name, address).items():
        failures = int(
            await db.value(
                "INSERT INTO login_attempts (subject, failures, last_at) VALUES (?, 1, ?) ON CONFLICT (subject) DO UPDATE SET "
                "failures = CASE WHEN login_attempts.last_at < ? THEN 1 ELSE login_attempts.failures + 1 END, "
                "last_at = excluded.last_at RETURNING failures",
                subject, clock.micros(now), clock.micros(now - FORGET),
            )
        )  # fmt: skip
        if failures >= LIMITS[kind]:
            until = now + min(FIRST * 2 ** min(failures - LIMITS[kind], 10), LONGEST)
            await db.run("UPDATE login_attempts SET locked_until = ? WHERE subject = ?", clock.micros(until), subject)
    await db.run("DELETE FROM login_attempts WHERE last_at < ?", clock.micros(now - FORGET))


async def forgive(name: str) -> None:
    """What failed by this name is forgotten: its owner came, or an admin says so."""
    for subject in _subjects(name, ""):
        await db.run("DELETE FROM login_attempts WHERE subject = ?", subject)


def _subjects(name: str, address: str) -> dict[str, str]:
    # Hashed, because people type their password where the name belongs.
    found = {_hash(f"name {name}"): "name"}
    if address:
        found[_hash(f"address {proxies.network(address)}")] = "address"
    return found


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()
