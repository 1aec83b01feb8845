"""What a token for the API is for: a token may what its scopes and its user's role (``roles``) both allow."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from engine.errors import Invalid


class Scope(StrEnum):
    """Something a token is for. None holds another: who writes and reads needs both."""

    ORDERS_READ = "orders:read"
    ORDERS_WRITE = "orders:write"
    ORDERS_PUSH = "orders:push"
    CATALOG_READ = "catalog:read"
    CATALOG_WRITE = "catalog:write"
    SETTINGS_READ = "settings:read"
    SETTINGS_WRITE = "settings:write"


WHAT: dict[Scope, str] = {
    Scope.ORDERS_READ: "read orders, their Issues and their blue books",
    Scope.ORDERS_WRITE: "process, undo, hold, edit, cancel and resolve orders",
    Scope.ORDERS_PUSH: "push new orders into a channel of files",
    Scope.CATALOG_READ: "read products, offers and mappings",
    Scope.CATALOG_WRITE: "change products, offers and mappings",
    Scope.SETTINGS_READ: "read how channels, suppliers and workers are",
    Scope.SETTINGS_WRITE: "have channels and suppliers asked at once",
}
"""Each scope in words: "a token may …"."""


def scopes(names: Iterable[str]) -> frozenset[Scope]:
    """The scopes of these names; raises Invalid naming the one there is not, or where there are none."""
    found = set()
    for name in names:
        try:
            found.add(Scope(name.strip().casefold()))
        except ValueError:
            raise Invalid(f"there is no scope {name!r}; there are {', '.join(Scope)}", "scope") from None
    if not found:
        raise Invalid(f"say what the token is for: {', '.join(Scope)}", "scope")
    return frozenset(found)


def written(scopes: Iterable[Scope]) -> str:
    """The scopes as they are stored and shown, in the order of the list."""
    wanted = set(scopes)
    return " ".join(scope for scope in Scope if scope in wanted)
