"""People to log in with, and a clock that goes on when told."""

from __future__ import annotations

from datetime import timedelta

from engine import clock
from engine.services import accounts, sessions
from engine.services.lifecycle import Actor
from engine.services.sessions import Person

GOOD, OTHER = "lantern under the pier", "seven tall blue kettles"


async def logged_in(name: str, role: str) -> tuple[str, Person]:
    """A new user of that role, logged in."""
    await accounts.add_user(name, role, Actor("root", "person", "test"), password=GOOD)
    return await sessions.login(name, GOOD, "192.0.2.7", "Firefox")


def later(by: timedelta) -> None:
    """From here on it is so much later, and the clock stands."""
    then = clock.now() + by
    clock.use(lambda: then)
