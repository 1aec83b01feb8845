"""The people who use Bluebook: added, given a role and a password, disabled; every change in the settings' blue book."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from zoneinfo import available_timezones

import msgspec
from tortoise.exceptions import IntegrityError

from engine import clock, db
from engine.domain import roles
from engine.domain.roles import Role
from engine.errors import Invalid, NotAuthorised, NotFound, Refused
from engine.models import User
from engine.services import attempts, passwords, sessions, settings_book
from engine.services.lifecycle import Actor
from engine.services.sessions import Person, plain_name

_LOCK = 727_002
_NAME = re.compile(r"[^\W_][\w.@+-]{0,78}")
_COLUMNS = (
    "u.id, u.name, u.email, u.role, u.timezone, u.enabled, u.password_hash <> '', u.created_at, u.logged_in_at, "
    "(SELECT MAX(seen_at) FROM sessions s WHERE s.user_id = u.id), "
    "(SELECT COUNT(*) FROM sessions s WHERE s.user_id = u.id AND s.expires_at > ?)"
)


class Account(msgspec.Struct, frozen=True):
    """Someone who may log in. ``seen_at`` is of their newest session, ``sessions`` how many they have."""

    id: int
    name: str
    email: str
    role: Role
    timezone: str
    enabled: bool
    has_password: bool
    created_at: datetime
    logged_in_at: datetime | None
    seen_at: datetime | None
    sessions: int

    @property
    def state(self) -> str:
        """In a word: disabled, invited (there is no password yet), or ok."""
        return "disabled" if not self.enabled else "ok" if self.has_password else "invited"


async def users() -> list[Account]:
    """Everybody, by name."""
    found = await db.rows(f"SELECT {_COLUMNS} FROM users u ORDER BY u.name", clock.micros(clock.now()))
    return [_account(r) for r in found]


async def user(name: str) -> Account:
    """Who is called so; raises NotFound."""
    found = await db.row(
        f"SELECT {_COLUMNS} FROM users u WHERE u.name = ?", clock.micros(clock.now()), plain_name(name)
    )
    if found is None:
        raise NotFound(f"there is no user {name!r}; `bluebook users ls` lists them")
    return _account(found)


def _account(row: db.Row) -> Account:
    at = [None if value is None else clock.moment(int(value)) for value in (row[7], row[8], row[9])]
    assert at[0] is not None
    return Account(
        int(row[0]), row[1], row[2], Role(row[3]), row[4], bool(row[5]), bool(row[6]), at[0], at[1], at[2], int(row[10])
    )


async def add_user(
    name: str, role: Role | str, by: Actor, *, password: str | None = None, email: str = "", timezone: str = "UTC"
) -> Account:
    """There is such a user; without a password they cannot log in until they took a one-time link (``invitations``)."""
    name, role = usable_name(name), roles.role(role)
    _known_zone(timezone)
    stored = await _stored(password, name, email) if password is not None else ""
    async with db.transaction():
        await add(name, role, stored, by, email=email, timezone=timezone)
    return await user(name)


async def add(name: str, role: Role, stored: str, by: Actor, *, email: str = "", timezone: str = "UTC") -> int:
    """The user is there, and the blue book says so; their id. In the caller's transaction, all of it checked."""
    try:
        row = await User.create(
            name=name, role=role.value, password_hash=stored, email=email.strip(), timezone=timezone,
            created_at=clock.now(),
        )  # fmt: skip
    except IntegrityError as error:
        raise Invalid(f"there is already a user called {name}", "name") from error
    after = {"name": name, "role": role.value, "email": email.strip(), "timezone": timezone, "enabled": True}
    after["password"] = "***" if stored else ""
    await settings_book.note(
        by, "user:add", f"{name} is added as {role}", subject=f"user {row.id}", before={}, after=after
    )
    return int(row.id)


def usable_name(name: str) -> str:
    """The name as it is stored; raises Invalid where it cannot be one."""
    plain = plain_name(name)
    if not _NAME.fullmatch(plain):
        raise Invalid(
            f"{name[:80]!r} cannot be a user's name: letters, digits and . _ @ + - are possible, at most 79, "
            "and a letter or digit comes first",
            "name",
        )
    return plain


async def set_role(name: str, role: Role | str, by: Actor) -> Account:
    """The user has the role from their next click on; raises Refused where it would leave no admin."""
    role = roles.role(role)
    async with _changing(name) as known:
        if known.role != role:
            if role != Role.ADMIN:
                await _not_the_last_admin(known, "given another role")
            await db.run("UPDATE users SET role = ? WHERE id = ?", role.value, known.id)
            await _note(
                by, "role", known, f"{known.name} is {role} now", {"role": known.role.value}, {"role": role.value}
            )
    return await user(name)


async def set_timezone(name: str, timezone: str, by: Actor) -> Account:
    """The user reads times in this zone; raises Invalid where there is none of this name."""
    _known_zone(timezone)
    async with _changing(name) as known:
        if known.timezone != timezone:
            await db.run("UPDATE users SET timezone = ? WHERE id = ?", timezone, known.id)
            await _note(
                by, "timezone", known, f"{known.name} reads times in {timezone}", {"timezone": known.timezone},
                {"timezone": timezone},
            )  # fmt: skip
    return await user(name)


def _known_zone(timezone: str) -> None:
    if timezone not in available_timezones():
        raise Invalid(f"there is no time zone {timezone[:60]!r}; write it like Europe/Berlin", "timezone")


async def disable(name: str, by: Actor) -> Account:
    """The user cannot log in, and their sessions have ended; raises Refused for the last admin."""
    async with _changing(name) as known:
        if known.enabled:
            await _not_the_last_admin(known, "disabled")
            await db.run("UPDATE users SET enabled = ? WHERE id = ?", False, known.id)
            await _void_links(known.id)
            await sessions.end(known.id)
            await _note(by, "disable", known, f"{known.name} is disabled", {"enabled": True}, {"enabled": False})
    return await user(name)


async def enable(name: str, by: Actor) -> Account:
    """The user can log in again."""
    async with _changing(name) as known:
        if not known.enabled:
            await db.run("UPDATE users SET enabled = ? WHERE id = ?", True, known.id)
            await _note(by, "enable", known, f"{known.name} is enabled", {"enabled": False}, {"enabled": True})
    return await user(name)


async def set_password(name: str, password: str, by: Actor) -> Account:
    """The user has this password, their sessions and lock-out have ended, and older links are void."""
    known = await user(name)
    stored = await _stored(password, known.name, known.email)
    async with _changing(name) as known:
        await replace_password(known.id, known.name, stored, by)
    return await user(name)


async def change_password(person: Person, old: str, new: str, address: str = "") -> None:
    """The person has the new password, and their other sessions have ended.

    Raises NotAuthorised where the old one is wrong, which counts as a failed log-in, and Invalid for a bad new one.
    """
    known = await user(person.name)
    async with passwords.turn():
        await attempts.check(known.name, address)
        current = str(await db.value("SELECT password_hash FROM users WHERE id = ?", known.id))
        if not await passwords.fits(old, current):
            await attempts.failed(known.name, address)
            raise NotAuthorised("the present password is wrong; nothing was changed")
    if old == new:
        raise Invalid("the new password is the old one; nothing was changed", "password")
    stored = await _stored(new, known.name, known.email)
    async with _changing(person.name) as known:
        if current != await db.value("SELECT password_hash FROM users WHERE id = ?", known.id):
            raise Refused("the password was changed meanwhile by someone else; log in again", "password")
        await replace_password(known.id, known.name, stored, person.actor("change password"), but=person.session)


async def replace_password(user_id: int, name: str, stored: str, by: Actor, *, but: int | None = None) -> None:
    """The hash is the user's, links are void and sessions ended, ``but`` one. In the caller's transaction."""
    await db.run("UPDATE users SET password_hash = ? WHERE id = ?", stored, user_id)
    await _void_links(user_id)
    await sessions.end(user_id, but=but)
    await attempts.forgive(name)
    await settings_book.note(
        by, "user:password", f"{name} has a new password", subject=f"user {user_id}",
        before={"password": "***"}, after={"password": "***"},
    )  # fmt: skip


async def _void_links(user_id: int) -> None:
    await db.run("DELETE FROM invitations WHERE user_id = ? AND used_at IS NULL", user_id)


async def _stored(password: str, name: str, email: str) -> str:
    await passwords.check(password, name, email.partition("@")[0])
    return await passwords.hashed(password)


@asynccontextmanager
async def _changing(name: str) -> AsyncIterator[Account]:
    """A transaction in which nobody else changes people: who was not the last admin before is not at its end."""
    async with db.transaction():
        if db.is_postgres():
            await db.rows("SELECT pg_advisory_xact_lock(?)", _LOCK)
        yield await user(name)


async def _not_the_last_admin(known: Account, what: str) -> None:
    if known.role != Role.ADMIN or not known.enabled:
        return
    others = await db.value(
        "SELECT COUNT(*) FROM users WHERE role = ? AND enabled AND password_hash <> '' AND id <> ?",
        Role.ADMIN.value, known.id,
    )  # fmt: skip
    if not others:
        raise Refused(
            f"{known.name} is the last admin, and cannot be {what}; make someone else an admin first",
            "last_admin",
        )


async def _note(
    by: Actor, verb: str, known: Account, message: str, before: dict[str, object], after: dict[str, object]
) -> None:
    await settings_book.note(by, f"user:{verb}", message, subject=f"user {known.id}", before=before, after=after)
