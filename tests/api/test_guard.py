"""Who may call what: the matrix of every route, scope and role, tokens that are no good, and how often one may call."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import msgspec
import pytest
from structlog.testing import capture_logs

from engine import clock, db, settings
from engine.api.rest.nouns import ROUTES
from engine.api.rest.table import Route
from engine.domain import roles
from engine.domain.roles import Role
from engine.domain.scopes import Scope
from engine.errors import Invalid, NotFound, Refused
from engine.services import accounts, blue_book, health, tokens
from tests.api.client import ROOT, Api, token_for
from tests.api.conftest import serving
from tests.support.people import later

UNLIMITED = {"api_calls": 0}


@pytest.fixture
async def api(sqlite_database: str) -> AsyncIterator[Api]:
    """The API over an empty database; no limit to how often it is called."""
    settings.force(msgspec.structs.replace(settings.settings(), api_calls=0))
    async with serving() as found:
        yield found


def address(route: Route) -> str:
    """An address of the route, of things there are not."""
    path = route.path
    for name in route.params:
        path = path.replace(f"{{{name}}}", "99999999" if name.endswith("_id") else "nobody")
    return path


async def test_the_matrix_of_every_route_scope_and_role(api: Api) -> None:
    wrong = []
    grants = [*({scope} for scope in Scope), set(Scope)]
    for role in Role:
        for granted in grants:
            token = await token_for(role, granted)
            for route in ROUTES:
                may = (route.scope is None or route.scope in granted) and roles.may(role, route.permission)
                found = await api.call(route.method, address(route), token=token)
                # What may not is turned away before anything is read; what may is not, though there is nothing to do it to.
                fits = found.status not in (401, 403) if may else found.status == 403
                if not fits or found.status >= 500:
                    wrong.append((role, sorted(granted), route.method, route.path, found.status))
    assert wrong == []


async def test_without_a_token_nothing_is_said_and_nothing_is_read(api: Api) -> None:
    for route in ROUTES:
        for headers in ({}, {"Authorization": "Basic ZGFuYTp4"}, {"Authorization": "Bearer"}, {"Authorization": ""}):
            said = await api.refused(
                401, "unauthorised", route.method, address(route), b"{", token="", headers=headers
            )  # fmt: skip
            assert "Bearer bb_" in said["detail"]


def test_every_scope_and_every_permission_of_orders_is_asked_somewhere() -> None:
    assert {route.scope for route in ROUTES} - {None} == set(Scope)
    for route in ROUTES:
        reads = route.method == "GET"
        assert route.scope is None or reads == route.scope.endswith(":read") or route.name == "preview_edit", route.path


async def test_forged_expired_revoked_and_orphaned_tokens(api: Api) -> None:
    good = await token_for("viewer", days=2)
    found = await api.call("GET", "/me", token=good)
    assert found.said["user"] == "viewer"
    for forged in (good[:-1], good + "x", good.swapcase(), "bb_" + "A" * 43, "bb_", "x" * 5_000, "bb_é"):
        found = await api.call("GET", "/me", headers={"Authorization": f"Bearer {forged}"}, token="")
        assert (found.status, found.headers["WWW-Authenticate"]) == (
            401,
            'Bearer realm="bluebook", error="invalid_token"',
        )
    made = (await tokens.tokens("viewer"))[0]
    await accounts.disable("viewer", ROOT)
    assert "disabled" in (await api.refused(401, "unauthorised", "GET", "/me", token=good))["detail"]
    await accounts.enable("viewer", ROOT)
    assert (await api.call("GET", "/me", token=good)).status == 200
    await tokens.revoke(made.id, ROOT)
    assert "revoked" in (await api.refused(401, "unauthorised", "GET", "/me", token=good))["detail"]
    short = await token_for("viewer", days=1)
    later(timedelta(days=1))
    assert "expired" in (await api.refused(401, "unauthorised", "GET", "/me", token=short))["detail"]


async def test_a_role_that_is_taken_away_holds_from_the_next_call_on(api: Api) -> None:
    token = await token_for("operator")
    path, body = "/orders/undo", {"ids": [1]}
    assert (await api.call("POST", path, body, token=token)).status == 200
    await accounts.set_role("operator", "viewer", ROOT)
    said = await api.refused(403, "forbidden", "POST", path, body, token=token)
    assert said["detail"].startswith("a viewer may not take processed orders back")


async def test_a_missing_scope_is_named(api: Api) -> None:
    token = await token_for("admin", [Scope.ORDERS_READ, Scope.CATALOG_READ])
    found = await api.call("GET", "/channels", token=token)
    assert found.status == 403
    assert "settings:read" in found.said["detail"]
    assert found.headers["WWW-Authenticate"].endswith('error="insufficient_scope", scope="settings:read"')
    assert (await api.get("/me", token=token))["scopes"] == ["orders:read", "catalog:read"]


async def test_only_the_hash_of_a_token_is_kept_and_the_blue_book_says_who_made_it(api: Api) -> None:
    later(timedelta())
    token = await token_for("viewer", [Scope.ORDERS_READ])
    rows = [tuple(row) for row in await db.rows("SELECT * FROM api_tokens")]
    assert token not in repr(rows)
    assert tokens.digest(token) in repr(rows)
    [*_, event] = [e for e in await blue_book.blue_book(0) if e.action == "token:add"]
    assert (event.actor, event.after["scopes"], event.after["secret"]) == ("root", "orders:read", "***")
    assert token not in repr(event)
    before = await db.value("SELECT last_used_at FROM api_tokens ORDER BY id DESC LIMIT 1")
    await api.get("/me", token=token)
    used = await db.value("SELECT last_used_at FROM api_tokens ORDER BY id DESC LIMIT 1")
    await api.get("/me", token=token)
    assert before is None
    assert used is not None
    assert await db.value("SELECT last_used_at FROM api_tokens ORDER BY id DESC LIMIT 1") == used
    later(timedelta(minutes=2))
    await api.get("/me", token=token)
    assert await db.value("SELECT last_used_at FROM api_tokens ORDER BY id DESC LIMIT 1") > used


async def test_tokens_are_never_in_logs(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    forged = "bb_" + "F" * 43
    with capture_logs() as logs:
        await api.get("/me")
        await api.call("GET", f"/products/{api.token}", headers={"Idempotency-Key": api.token})
        await api.call("POST", "/orders/undo", {"ids": [1]}, headers={"Idempotency-Key": api.token})
        await api.call("GET", "/orders", text=api.token)
        await api.call("GET", "/me", token=forged)
        await api.call("GET", f"/nowhere/{api.token}", token=forged)

        async def broken() -> None:
            raise RuntimeError("what only the log may know")

        monkeypatch.setattr(health, "look", broken)
        said = await api.refused(500, "internal", "GET", "/health")
    assert "only the log" not in repr(said)
    [error] = [entry for entry in logs if entry["log_level"] == "error"]
    assert error["instance"] == said["instance"]
    assert len(logs) >= 7
    assert api.token not in repr(logs)
    assert forged not in repr(logs)


async def test_a_token_that_calls_too_often_is_told_when_to_come_again(sqlite_database: str) -> None:
    later(timedelta())
    settings.force(msgspec.structs.replace(settings.settings(), api_calls=3))
    async with serving() as api:
        left = []
        for _ in range(3):
            found = await api.call("GET", "/me")
            assert found.headers["RateLimit-Policy"] == '"token";q=3;w=60'
            left.append(found.headers["RateLimit"].partition(";t=")[0])
        assert left == ['"token";r=2', '"token";r=1', '"token";r=0']
        for method, path in (("GET", "/me"), ("POST", "/orders/undo")):
            found = await api.call(method, path)
            assert (found.status, found.said["type"]) == (429, "/api/docs#too-many")
            assert int(found.headers["Retry-After"]) == found.said["retry_after"] == 60
            assert found.headers["RateLimit"] == '"token";r=0;t=60'
        assert (await api.call("GET", "/me", token=await token_for("viewer"))).status == 200
        assert (await api.call("GET", "/me", token="bb_nobody")).status == 401


async def test_a_token_that_cannot_be_made_is_said_so(sqlite_database: str) -> None:
    await accounts.add_user("dana", "viewer", ROOT)
    await accounts.add_user("gone", "viewer", ROOT)
    await accounts.disable("gone", ROOT)
    for user, name, scopes, days, error in (
        ("dana", "x", [], 1, Invalid), ("dana", "x", ["orders"], 1, Invalid), ("dana", " ", ["orders:read"], 1, Invalid),
        ("dana", "x", ["orders:read"], -1, Invalid), ("nobody", "x", ["orders:read"], 1, NotFound),
        ("gone", "x", ["orders:read"], 1, Refused),
    ):  # fmt: skip
        with pytest.raises(error):
            await tokens.add(user, name, scopes, ROOT, days=days)
    assert await tokens.tokens() == []
    _, made = await tokens.add("dana", "for ever", [" Orders:READ "], ROOT, days=0)
    assert (made.expires_at, made.scopes, made.state) == (None, ("orders:read",), "ok")
    later(timedelta(days=9_000))
    assert (await tokens.tokens("dana"))[0].state == "ok"
    assert clock.now() > made.created_at
