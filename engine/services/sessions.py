"""Logging in and out, and who is there: a token for the browser, of which only the sha256 is kept."""

from __future__ import annotations

import hashlib
import secrets
import unicodedata
from datetime import datetime, timedelta

import msgspec
import structlog

from engine import clock, db
from engine.domain import roles
from engine.domain.roles import Permission, Role
from engine.errors import NotAuthorised, NotFound
from engine.services import attempts, passwords, settings_book
from engine.services.lifecycle import Actor

SLIDING, ABSOLUTE = timedelta(days=14), timedelta(days=90)
"""A session ends so long after it was last seen, and so long after its log-in at the latest."""
SEEN_EVERY = timedelta(minutes=1)
WRONG = "the name or the password is wrong"
log = structlog.get_logger(__name__)


class Person(msgspec.Struct, frozen=True):
    """Who is there, by a session. Ask for them again at each request: their role may have changed."""

    id: int
    name: str
    role: Role
    timezone: str
    session: int

    def actor(self, cause: str = "") -> Actor:
        """The person as the blue book names them; ``cause`` is the page or the button."""
        return Actor(self.name, "person", cause[:200])

    def may(self, permission: Permission) -> bool:
        """Does their role allow it?"""
        return roles.may(self.role, permission)

    def demand(self, permission: Permission) -> None:
        """Their role allows it; raises Refused with a sentence where not."""
        roles.demand(self.role, permission)


class SessionView(msgspec.Struct, frozen=True):
    """Where someone is logged in."""

    id: int
    user_id: int
    user: str
    created_at: datetime
    seen_at: datetime
    expires_at: datetime
    address: str
    agent: str


def plain_name(name: str) -> str:
    """The name as it is stored and compared: without capitals and outer blanks."""
    return unicodedata.normalize("NFKC", name[:200]).strip().casefold()


def digest(token: str) -> str:
    """What is kept of a token."""
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()


async def login(name: str, password: str, address: str = "", agent: str = "") -> tuple[str, Person]:
    """The person has a new session; its token, and who they are.

    Raises NotAuthorised, after the same time and with the same words whether the name or the password is wrong, and
    TryLater while the name or the address is locked out.
    """
    name = plain_name(name)
    async with passwords.turn():
        await attempts.check(name, address)
        found = await db.row("SELECT id, name, role, timezone, enabled, password_hash FROM users WHERE name = ?", name)
        stored = str(found[5]) if found else ""
        fits = await passwords.fits(password, stored)
        if not found or not fits:
            await attempts.failed(name, address)
            # What nobody is called may be a password in the wrong field.
            log.warning("login failed", user=name if found else "(unknown)", address=address, agent=agent[:200])
            raise NotAuthorised(WRONG)
        if passwords.is_outdated(stored):
            fresh = await passwords.rehashed(password)
            await db.run(
                "UPDATE users SET password_hash = ? WHERE id = ? AND password_hash = ?", fresh, found[0], stored
            )
            stored = fresh
    if not found[4]:
        log.warning("login failed", user=name, address=address, reason="disabled")
        raise NotAuthorised(f"{name} is disabled; an admin can enable the account again")
    await attempts.forgive(name)
    token, session = await _begin(int(found[0]), stored, address, agent)
    log.info("logged in", user=name, address=address, session=session)
    return token, Person(int(found[0]), str(found[1]), Role(found[2]), str(found[3]), session)


async def _begin(user_id: int, stored: str, address: str, agent: str) -> tuple[str, int]:
    token, now = secrets.token_urlsafe(32), clock.now()
    at = clock.micros(now)
    async with db.transaction():
        # Disabled, or given another password, while this one was verified? Then its sessions were ended already.
        still = await db.run(
            "UPDATE users SET logged_in_at = ? WHERE id = ? AND password_hash = ? AND enabled",
            at, user_id, stored,
        )  # fmt: skip
        if not still:
            raise NotAuthorised(WRONG)
        await db.run("DELETE FROM sessions WHERE expires_at <= ?", at)
        session = await db.value(
            "INSERT INTO sessions (user_id, digest, created_at, seen_at, expires_at, address, agent) "
            "VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING id",
            user_id, digest(token), at, at, clock.micros(now + SLIDING), address[:60], agent[:200],
        )  # fmt: skip
    return token, int(session)


async def person_of(token: str) -> Person | None:
    """Who has this token; None for nobody, or nobody any more. One look-up by index, and a write once a minute."""
    if not token or len(token) > 200:
        return None
    now = clock.now()
    found = await db.row(
        "SELECT u.id, u.name, u.role, u.timezone, s.id, s.seen_at, s.created_at FROM sessions s "
        "JOIN users u ON u.id = s.user_id WHERE s.digest = ? AND s.expires_at > ? AND u.enabled",
        digest(token), clock.micros(now),
    )  # fmt: skip
    if found is None:
        return None
    if now - clock.moment(int(found[5])) >= SEEN_EVERY:
        expires = min(now + SLIDING, clock.moment(int(found[6])) + ABSOLUTE)
        await db.run(
            "UPDATE sessions SET seen_at = ?, expires_at = ? WHERE id = ? AND seen_at = ?",
            clock.micros(now), clock.micros(expires), found[4], found[5],
        )  # fmt: skip
    return Person(int(found[0]), str(found[1]), Role(found[2]), str(found[3]), int(found[4]))


async def logout(token: str) -> None:
    """The token is nobody's any more."""
    await db.run("DELETE FROM sessions WHERE digest = ?", digest(token))


async def sessions(user_id: int | None = None) -> list[SessionView]:
    """Where the user (None: everybody) is logged in, the last seen first."""
    whose, values = ("", []) if user_id is None else (" AND s.user_id = ?", [user_id])
    found = await db.rows(
        "SELECT s.id, s.user_id, u.name, s.created_at, s.seen_at, s.expires_at, s.address, s.agent FROM sessions s "
        f"JOIN users u ON u.id = s.user_id WHERE s.expires_at > ? AND u.enabled{whose} "
        "ORDER BY s.seen_at DESC, s.id DESC LIMIT 500",
        clock.micros(clock.now()), *values,
    )  # fmt: skip
    return [SessionView(*r[:3], *(clock.moment(int(value)) for value in r[3:6]), *r[6:]) for r in map(tuple, found)]


async def revoke(session: int, by: Actor, *, of: int | None = None) -> None:
    """The session has ended; raises NotFound where there is none, or, with ``of``, where it is not this user's."""
    async with db.transaction():
        found = await db.row(
            "SELECT s.user_id, u.name, s.address FROM sessions s JOIN users u ON u.id = s.user_id WHERE s.id = ?",
            session,
        )
        if found is None or (of is not None and int(found[0]) != of):
            raise NotFound(f"there is no session {session}; it may have ended by itself")
        await db.run("DELETE FROM sessions WHERE id = ?", session)
        await settings_book.note(
            by, "user:revoke", f"a session of {found[1]} is ended", subject=f"user {found[0]}",
            before={"session": session, "address": str(found[2])}, after={},
        )  # fmt: skip


async def revoke_all(user_id: int, by: Actor, *, but: int | None = None) -> int:
    """All sessions of the user have ended, ``but`` one; how many there were."""
    async with db.transaction():
        ended = await end(user_id, but=but)
        if ended:
            await settings_book.note(
                by, "user:revoke", f"{ended} session{'s are' if ended > 1 else ' is'} ended", subject=f"user {user_id}",
                before={"sessions": ended}, after={},
            )  # fmt: skip
    return ended


async def end(user_id: int, *, but: int | None = None) -> int:
    """The user's sessions are gone, ``but`` one; how many. For verbs that say why themselves, in their transaction."""
    return await db.run("DELETE FROM sessions WHERE user_id = ? AND id <> ?", user_id, but or 0)
