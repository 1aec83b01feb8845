"""The matrix of roles and permissions, all of it written out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.domain import roles
from engine.domain.roles import Permission, Role
from engine.errors import Invalid, Refused

VIEWERS = {"view"}
OPERATORS = {"process", "undo", "resolve", "save_mapping", "edit", "cancel", "hold", "snooze", "retry"}
MANAGERS = {"channels", "suppliers", "products", "mappings", "jobs", "inbox", "shared_views"}
ADMINS = {"users"}
MATRIX = {
    Role.VIEWER: VIEWERS,
    Role.OPERATOR: VIEWERS | OPERATORS,
    Role.MANAGER: VIEWERS | OPERATORS | MANAGERS,
    Role.ADMIN: VIEWERS | OPERATORS | MANAGERS | ADMINS,
}


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("permission", Permission)
def test_each_role_may_do_what_the_matrix_says_and_nothing_else(role: Role, permission: Permission) -> None:
    allowed = permission.value in MATRIX[role]
    assert roles.may(role, permission) is allowed
    assert (permission in roles.permissions(role)) is allowed
    assert (roles.why_not(role, permission) == "") is allowed
    if allowed:
        roles.demand(role, permission)
    else:
        with pytest.raises(Refused, match=f"{role.value} may not {roles.WHAT[permission]}") as refused:
            roles.demand(role, permission)
        assert refused.value.code == "role"


def test_no_permission_was_forgotten() -> None:
    assert MATRIX[Role.ADMIN] == set(Permission)
    assert set(roles.WHAT) == set(roles.LEAST) == set(Permission)


@given(st.sampled_from(Role), st.sampled_from(Role), st.sampled_from(Permission))
def test_a_higher_role_may_all_that_a_lower_one_may(one: Role, other: Role, permission: Permission) -> None:
    low, high = sorted((one, other), key=list(Role).index)
    assert roles.may(high, permission) or not roles.may(low, permission)


@given(st.text(max_size=12))
def test_a_role_is_one_of_four_or_refused(text: str) -> None:
    if text.strip().casefold() in set(Role):
        assert roles.role(text) in Role
    else:
        with pytest.raises(Invalid, match="viewer, operator, manager, admin"):
            roles.role(text)


def test_the_reason_says_who_may_and_what_to_do() -> None:
    assert roles.why_not(Role.VIEWER, Permission.PROCESS) == (
        "a viewer may not process orders, an operator or more may; ask an admin for another role"
    )
    assert "an admin may" in roles.why_not(Role.MANAGER, Permission.USERS)
