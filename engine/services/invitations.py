"""Links that work once: to become a user of a role, or for a user to choose a password."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

import msgspec

from engine import clock, db
from engine.domain import roles
from engine.domain.roles import Role
from engine.errors import NotFound, Refused
from engine.services import accounts, passwords, settings_book
from engine.services.accounts import Account
from engine.services.lifecycle import Actor
from engine.services.sessions import digest

VALID = timedelta(days=3)
GONE = "this link was used already or is too old; ask an admin for a new one"


class Invitation(msgspec.Struct, frozen=True):
    """What a link is for. ``name`` is whose password it sets, "" where a new user chooses a name."""

    role: Role
    name: str
    invited_by: str
    expires_at: datetime


def path(token: str) -> str:
    """Where the web app takes the link: behind its address."""
    return f"/invitation/{token}"


async def invite(role: Role | str, by: Actor) -> str:
    """Whoever has the token becomes a user of this role, once, within three days."""
    role = roles.role(role)
    async with db.transaction():
        token = await _new(role, None, by)
        await settings_book.note(
            by, "user:invite", f"someone is invited as {role}", subject="users", before={}, after={"role": role.value}
        )
    return token


async def link(name: str, by: Actor) -> str:
    """Whoever has the token chooses this user's password, once, within three days; older links of theirs are void."""
    async with db.transaction():
        known = await accounts.user(name)
        if not known.enabled:
            raise Refused(f"{known.name} is disabled; enable the account first", "disabled")
        await db.run("DELETE FROM invitations WHERE user_id = ? AND used_at IS NULL", known.id)
        token = await _new(known.role, known.id, by)
        await settings_book.note(
            by, "user:link", f"{known.name} may choose a password", subject=f"user {known.id}", before={}, after={}
        )
    return token


async def _new(role: Role, user_id: int | None, by: Actor) -> str:
    token, now = secrets.token_urlsafe(32), clock.now()
    await db.run("DELETE FROM invitations WHERE expires_at <= ?", clock.micros(now))
    await db.insert(
        "invitations",
        ["digest", "role", "user_id", "invited_by", "created_at", "expires_at"],
        [[digest(token), role.value, user_id, by.name[:120], clock.micros(now), clock.micros(now + VALID)]],
    )
    return token


async def invitation(token: str) -> Invitation:
    """What the link is for; raises NotFound where it was used, is too old, or never was."""
    found = await _open(token)
    return Invitation(Role(found[1]), str(found[2] or ""), str(found[3]), clock.moment(int(found[4])))


async def _open(token: str) -> db.Row:
    found = await db.row(
        "SELECT i.id, i.role, u.name, i.invited_by, i.expires_at, u.id, u.email FROM invitations i "
        "LEFT JOIN users u ON u.id = i.user_id "
        "WHERE i.digest = ? AND i.used_at IS NULL AND i.expires_at > ? AND (u.id IS NULL OR u.enabled)",
        digest(token), clock.micros(clock.now()),
    )  # fmt: skip
    if found is None:
        raise NotFound(GONE)
    return found


async def accept(token: str, name: str, password: str) -> Account:
    """The link is used up, and its user has the password; they log in next.

    ``name`` is what a new user wants to be called; a link for someone who is there already leaves their name alone.
    Raises NotFound for a link that works no more, and Invalid, which leaves the link good.
    """
    found = await _open(token)
    name = str(found[2]) if found[5] else accounts.usable_name(name)
    await passwords.check(password, name, str(found[6] or "").partition("@")[0])
    stored = await passwords.hashed(password)
    now = clock.micros(clock.now())
    by = Actor(name, "person", "one-time link")
    async with db.transaction():
        used = await db.run(
            "UPDATE invitations SET used_at = ? WHERE id = ? AND used_at IS NULL AND expires_at > ?", now, found[0], now
        )
        if not used:
            raise NotFound(GONE)
        if found[5]:
            if not (await accounts.user(name)).enabled:
                raise NotFound(GONE)
            await accounts.replace_password(int(found[5]), name, stored, by)
        else:
            await accounts.add(name, Role(found[1]), stored, by)
    return await accounts.user(name)
