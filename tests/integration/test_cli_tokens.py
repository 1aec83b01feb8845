"""``bluebook tokens`` as people and scripts use it."""

from __future__ import annotations

from engine import db, settings
from engine.domain.scopes import Scope
from engine.errors import NotAuthorised
from engine.services import tokens
from tests.integration.test_cli import Run, said
from tests.support import databases


def scopes_of(token: str) -> set[str]:
    """What a call by the token may; nothing where it is turned away."""

    async def work() -> set[str]:
        async with db.database(settings.settings().database):
            try:
                return set((await tokens.caller_of(token)).scopes)
            except NotAuthorised:
                return set()

    return databases.elsewhere(work())


def test_a_token_is_shown_once_listed_and_revoked(run: Run) -> None:
    run("users", "add", "dana", "--role", "manager")
    made = run("tokens", "add", "dana", "warehouse", "--scope", "orders:read", "--scope", "orders:write")
    token = made.stdout.strip()
    assert token.startswith("bb_")
    assert "warehouse, acts as dana (manager) within orders:read orders:write" in made.stderr
    assert scopes_of(token) == {"orders:read", "orders:write"}
    [listed] = said(run("tokens", "ls", "--json"))["tokens"]
    assert (listed["name"], listed["user"], listed["scopes"]) == ("warehouse", "dana", ["orders:read", "orders:write"])
    told = run("tokens", "ls").output + run("audit", "show", "settings", "--values").output
    assert "warehouse" in told
    assert token not in told
    assert f"{token[:7]}…" in told
    assert "give --yes" in run("tokens", "revoke", str(listed["id"]), code=2).output
    assert scopes_of(token) != set()
    run("tokens", "revoke", str(listed["id"]), "--yes")
    assert scopes_of(token) == set()
    assert said(run("tokens", "ls", "--json"))["tokens"] == []
    assert "revoked" in run("tokens", "ls", "--all").stdout


def test_what_cannot_be_is_said(run: Run) -> None:
    run("users", "add", "dana")
    told = run("tokens", "add", "dana", "x", "--scope", "orders", code=2).output
    assert all(scope in told.replace("\n", "") for scope in Scope)
    assert "no user 'nobody'" in run("tokens", "add", "nobody", "x", "--scope", "orders:read", code=2).output
    run("tokens", "revoke", "77", "--yes", code=2)
    forever = said(run("tokens", "add", "dana", "x", "--scope", "orders:read", "--days", "0", "--json"))
    assert forever["ends"] is None
    assert scopes_of(forever["token"]) == {"orders:read"}
