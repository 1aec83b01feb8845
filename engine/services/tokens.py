"""Tokens for the API: made for a user, shown once, and what they may. Only their sha256 is kept."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta

import msgspec

from engine import clock, db
from engine.domain import roles, scopes
from engine.domain.roles import Permission, Role
from engine.domain.scopes import Scope
from engine.errors import Invalid, NotAuthorised, NotFound, Refused
from engine.services import accounts, settings_book
from engine.services.lifecycle import Actor
from engine.services.sessions import digest

PREFIX = "bb_"
"""Every token begins so, for those who look for secrets where none belong."""
USED_EVERY = timedelta(minutes=1)
LONGEST_DAYS = 3_650
_HINT = 7
_COLUMNS = "t.id, t.name, u.name, u.role, t.scopes, t.hint, t.created_at, t.expires_at, t.last_used_at, t.revoked_at, u.enabled"


class TokenView(msgspec.Struct, frozen=True):
    """A token as lists show it. ``hint`` is how it begins."""

    id: int
    name: str
    user: str
    role: Role
    scopes: tuple[str, ...]
    hint: str
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None
    user_enabled: bool

    @property
    def state(self) -> str:
        """In a word: revoked, disabled (its user is), expired, or ok."""
        if self.revoked_at is not None:
            return "revoked"
        if not self.user_enabled:
            return "disabled"
        return "expired" if self.expires_at is not None and self.expires_at <= clock.now() else "ok"


class Caller(msgspec.Struct, frozen=True):
    """Who calls, by a token. Ask for them again at each call: the token may have been revoked."""

    token_id: int
    token: str
    user: str
    role: Role
    scopes: frozenset[Scope]
    expires_at: datetime | None

    def actor(self) -> Actor:
        """The user as the blue book names them, by this token."""
        return Actor(self.user, "person", f"API token {self.token}"[:200])

    def why_not(self, scope: Scope | None, permission: Permission) -> str:
        """Why the token does not allow it, in a sentence; "" where its scopes and its user's role both do."""
        if scope is not None and scope not in self.scopes:
            return f"this needs the scope {scope}, and the token {self.token} has {scopes.written(self.scopes)}"
        return roles.why_not(self.role, permission)

    def demand(self, permission: Permission) -> None:
        """The user's role allows it; raises Refused with the reason and the code "role" where not."""
        roles.demand(self.role, permission)


async def add(user: str, name: str, wanted: Iterable[str], by: Actor, *, days: int = 365) -> tuple[str, TokenView]:
    """The token, which nobody can look up again, and how it is listed. It is for the user, and ends after ``days`` (0: never).

    Raises NotFound for the user, Invalid, and Refused for a user that is disabled.
    """
    granted = scopes.scopes(wanted)
    label = name.strip()
    if not 1 <= len(label) <= 80 or not label.isprintable():
        raise Invalid("a token's name has 1 to 80 characters: say what uses it, as in warehouse", "name")
    if not 0 <= days <= LONGEST_DAYS:
        raise Invalid(f"a token lasts 1 to {LONGEST_DAYS} days, or for ever (0)", "days")
    known = await accounts.user(user)
    if not known.enabled:
        raise Refused(f"{known.name} is disabled: enable the account first, or make the token for someone else")
    token = PREFIX + secrets.token_urlsafe(32)
    now = clock.now()
    ends = now + timedelta(days=days) if days else None
    async with db.transaction():
        made = await db.value(
            "INSERT INTO api_tokens (user_id, name, digest, created_at, expires_at, scopes, hint) "
            "VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING id",
            known.id, label, digest(token), clock.micros(now), clock.micros(ends) if ends else None,
            scopes.written(granted), token[:_HINT],
        )  # fmt: skip
        await settings_book.note(
            by, "token:add", f"{label} for {known.name}", subject=f"user {known.id}", before={},
            after={"token": int(made), "name": label, "scopes": scopes.written(granted), "secret": "***"},
        )  # fmt: skip
    return token, await token_view(int(made))


async def tokens(user: str | None = None) -> list[TokenView]:
    """The tokens of the user (None: everybody's), the newest first, revoked and expired ones too."""
    where, values = ("", []) if user is None else ("WHERE t.user_id = ? ", [(await accounts.user(user)).id])
    found = await db.rows(
        f"SELECT {_COLUMNS} FROM api_tokens t JOIN users u ON u.id = t.user_id {where}ORDER BY t.id DESC", *values
    )
    return [_view(row) for row in found]


async def token_view(token_id: int) -> TokenView:
    """The token with this number; raises NotFound."""
    found = await db.row(
        f"SELECT {_COLUMNS} FROM api_tokens t JOIN users u ON u.id = t.user_id WHERE t.id = ?", token_id
    )
    if found is None:
        raise NotFound(f"there is no token {token_id}; `bluebook tokens ls --all` lists them")
    return _view(found)


def _view(row: db.Row) -> TokenView:
    at = [None if value is None else clock.moment(int(value)) for value in (row[6], row[7], row[8], row[9])]
    assert at[0] is not None
    return TokenView(
        int(row[0]), row[1], row[2], Role(row[3]), tuple(row[4].split()), row[5], at[0], at[1], at[2], at[3],
        bool(row[10]),
    )  # fmt: skip


async def revoke(token_id: int, by: Actor) -> TokenView:
    """The token is nobody's from the next call on. Raises NotFound; one that is revoked stays so."""
    async with db.transaction():
        known = await token_view(token_id)
        if known.revoked_at is None:
            await db.run("UPDATE api_tokens SET revoked_at = ? WHERE id = ?", clock.micros(clock.now()), token_id)
            await settings_book.note(
                by, "token:revoke", f"{known.name} of {known.user}", subject=f"token {token_id}",
                before={"revoked": False}, after={"revoked": True},
            )  # fmt: skip
    return await token_view(token_id)


async def caller_of(token: str) -> Caller:
    """Who calls. One look-up by index, and a write once a minute. Raises NotAuthorised with what to do."""
    unknown = "the token is not known here; `bluebook tokens add` makes one"
    if not token.startswith(PREFIX) or len(token) > 100:
        raise NotAuthorised(unknown)
    found = await db.row(
        f"SELECT {_COLUMNS} FROM api_tokens t JOIN users u ON u.id = t.user_id WHERE t.digest = ?", digest(token)
    )
    if found is None:
        raise NotAuthorised(unknown)
    known = _view(found)
    if known.state != "ok":
        why = {"revoked": "was revoked", "disabled": f"is of {known.user}, who is disabled", "expired": "has expired"}
        raise NotAuthorised(f"the token {known.name} {why[known.state]}; `bluebook tokens add` makes another")
    now = clock.now()
    if known.last_used_at is None or now - known.last_used_at >= USED_EVERY:
        await db.run("UPDATE api_tokens SET last_used_at = ? WHERE id = ?", clock.micros(now), known.id)
    granted = frozenset(Scope(name) for name in known.scopes)
    return Caller(known.id, known.name, known.user, known.role, granted, known.expires_at)
