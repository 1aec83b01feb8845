"""What people of each role may do: the one table that every front door asks."""

from __future__ import annotations

from enum import StrEnum

from engine.errors import Invalid, Refused


class Role(StrEnum):
    """What someone is here; each may do all that those before it may."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    MANAGER = "manager"
    ADMIN = "admin"


class Permission(StrEnum):
    """Something that can be done. What it is called for people is in WHAT."""

    VIEW = "view"
    PROCESS = "process"
    UNDO = "undo"
    RESOLVE = "resolve"
    SAVE_MAPPING = "save_mapping"
    EDIT = "edit"
    CANCEL = "cancel"
    HOLD = "hold"
    SNOOZE = "snooze"
    RETRY = "retry"
    CHANNELS = "channels"
    SUPPLIERS = "suppliers"
    PRODUCTS = "products"
    MAPPINGS = "mappings"
    JOBS = "jobs"
    INBOX = "inbox"
    SHARED_VIEWS = "shared_views"
    USERS = "users"


LEAST: dict[Permission, Role] = {
    Permission.VIEW: Role.VIEWER,
    Permission.PROCESS: Role.OPERATOR,
    Permission.UNDO: Role.OPERATOR,
    Permission.RESOLVE: Role.OPERATOR,
    Permission.SAVE_MAPPING: Role.OPERATOR,
    Permission.EDIT: Role.OPERATOR,
    Permission.CANCEL: Role.OPERATOR,
    Permission.HOLD: Role.OPERATOR,
    Permission.SNOOZE: Role.OPERATOR,
    Permission.RETRY: Role.OPERATOR,
    Permission.CHANNELS: Role.MANAGER,
    Permission.SUPPLIERS: Role.MANAGER,
    Permission.PRODUCTS: Role.MANAGER,
    Permission.MAPPINGS: Role.MANAGER,
    Permission.JOBS: Role.MANAGER,
    Permission.INBOX: Role.MANAGER,
    Permission.SHARED_VIEWS: Role.MANAGER,
    Permission.USERS: Role.ADMIN,
}
"""The least role for each permission."""

WHAT: dict[Permission, str] = {
    Permission.VIEW: "look at orders and their blue books",
    Permission.PROCESS: "process orders",
    Permission.UNDO: "take processed orders back",
    Permission.RESOLVE: "resolve orders",
    Permission.SAVE_MAPPING: "save a mapping while resolving",
    Permission.EDIT: "edit orders",
    Permission.CANCEL: "cancel orders",
    Permission.HOLD: "hold orders and release them",
    Permission.SNOOZE: "snooze orders",
    Permission.RETRY: "send again or ask the supplier",
    Permission.CHANNELS: "set channels up",
    Permission.SUPPLIERS: "set suppliers up",
    Permission.PRODUCTS: "change products and listings",
    Permission.MAPPINGS: "change mappings",
    Permission.JOBS: "see to jobs",
    Permission.INBOX: "see to the inbox",
    Permission.SHARED_VIEWS: "change views that others share",
    Permission.USERS: "manage users",
}
"""The permission in words: "you may …"."""

_ORDER = list(Role)


def role(text: str) -> Role:
    """The role that is called so; raises Invalid naming those there are."""
    try:
        return Role(text.strip().casefold())
    except ValueError:
        raise Invalid(f"there is no role {text!r}; there are {', '.join(Role)}", "role") from None


def may(role: Role, permission: Permission) -> bool:
    """Does the role allow it?"""
    return _ORDER.index(role) >= _ORDER.index(LEAST[permission])


def permissions(role: Role) -> frozenset[Permission]:
    """All that the role allows."""
    return frozenset(permission for permission in Permission if may(role, permission))


def why_not(role: Role, permission: Permission) -> str:
    """Why the role does not allow it, in a sentence for people; "" where it does."""
    if may(role, permission):
        return ""
    least = LEAST[permission]
    needed = f"{_a(least)} may" if least is Role.ADMIN else f"{_a(least)} or more may"
    return f"{_a(role)} may not {WHAT[permission]}, {needed}; ask an admin for another role"


def demand(role: Role, permission: Permission) -> None:
    """The role allows it; raises Refused with the reason and the code "role" where not."""
    if reason := why_not(role, permission):
        raise Refused(reason, "role")


def _a(role: Role) -> str:
    return f"{'an' if role[0] in 'aeiou' else 'a'} {role.value}"
