"""Who the token is, and whether all is well."""

from __future__ import annotations

from datetime import datetime

import msgspec

from engine.api.rest.table import Call, route
from engine.domain.roles import Permission
from engine.domain.scopes import Scope
from engine.services import health, listings


class Me(msgspec.Struct, frozen=True):
    """The token and its user. What it may, both its scopes and the role allow."""

    token: str
    user: str
    role: str
    scopes: list[str]
    expires_at: datetime | None


class Connected(msgspec.Struct, frozen=True):
    """A channel or supplier, and how it is: ok, failing, paused or disabled."""

    id: int
    name: str
    state: str


class State(msgspec.Struct, frozen=True):
    """``ok``: the database answers, its schema fits, and a worker was seen of late. ``parked`` payloads wait for a person."""

    ok: bool
    database: str
    schema: str
    workers: int
    heartbeat_seconds: float | None
    parked: int
    channels: list[Connected]
    suppliers: list[Connected]


async def get_me(call: Call) -> Me:
    """Say who the token is for, and what it may."""
    who = call.caller
    return Me(who.token, who.user, who.role.value, [scope for scope in Scope if scope in who.scopes], who.expires_at)


async def get_health(call: Call) -> State:
    """Say whether all is well: the database, the workers, the channels and suppliers.

    Whether this process answers at all, `GET /health` tells without a token.
    """
    found = await health.look()
    channels, suppliers = await listings.channels(), await listings.suppliers()
    return State(
        found.ok and found.workers > 0, found.database, found.schema, found.workers, found.heartbeat_seconds,
        await listings.parked_count(), [Connected(v.id, v.name, v.state) for v in channels],
        [Connected(v.id, v.name, v.state) for v in suppliers],
    )  # fmt: skip


ROUTES = (
    route("GET", "/me", None, Permission.VIEW, get_me),
    route("GET", "/health", Scope.SETTINGS_READ, Permission.VIEW, get_health),
)
