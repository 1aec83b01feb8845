"""People: added, changed, invited; each change in the settings' book and no secret anywhere."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import clock, db
from engine.domain.roles import Role
from engine.errors import BluebookError, Invalid, NotAuthorised, NotFound, Refused
from engine.services import accounts, audit, invitations, passwords, sessions
from engine.services.lifecycle import Actor
from tests.support.people import GOOD, OTHER, later, logged_in

BY = Actor("root", "person", "test")


async def book() -> list[tuple[str, str, str, str]]:
    found = await db.rows("SELECT tag, message, before, after FROM audit_events WHERE order_id = 0 ORDER BY seq")
    return [tuple(r) for r in found]  # type: ignore[misc]


async def test_a_user_is_added_and_the_book_says_so_without_the_password(database: str) -> None:
    made = await accounts.add_user(
        "  Dana ", "manager", BY, password=GOOD, email="dana@example.com", timezone="Europe/Berlin"
    )
    assert (made.name, made.role, made.state, made.sessions) == ("dana", Role.MANAGER, "ok", 0)
    assert await accounts.users() == [made]
    (event,) = await book()
    assert event[:2] == ("person:user:add", "dana is added as manager")
    assert '"password":"***"' in event[3]
    stored = str(await db.value("SELECT password_hash FROM users"))
    assert stored.startswith("$argon2id$")
    assert GOOD not in str(event) + stored
    assert (await audit.verify()).problems == []


@pytest.mark.parametrize("name", ["", " ", "-x", "a b", "a/b", "<script>", "x" * 80, "a\nb"])
async def test_a_name_that_cannot_be_one_is_refused(sqlite_database: str, name: str) -> None:
    with pytest.raises(Invalid, match="cannot be a user's name"):
        await accounts.add_user(name, "viewer", BY)
    assert await accounts.users() == []


async def test_a_name_is_there_once_whatever_its_capitals(database: str) -> None:
    await accounts.add_user("dana", "viewer", BY)
    with pytest.raises(Invalid, match="already a user called dana"):
        await accounts.add_user("DANA", "admin", BY)
    assert [u.role for u in await accounts.users()] == [Role.VIEWER]


async def test_roles_and_time_zones_that_are_not_there_are_refused(sqlite_database: str) -> None:
    with pytest.raises(Invalid, match="there are viewer"):
        await accounts.add_user("dana", "owner", BY)
    with pytest.raises(Invalid, match="no time zone"):
        await accounts.add_user("dana", "viewer", BY, timezone="Mars/Olympus")
    with pytest.raises(NotFound, match="no user 'nobody'"):
        await accounts.set_role("nobody", "viewer", BY)


async def test_a_time_zone_is_the_users_from_then_on_and_in_the_book(database: str) -> None:
    token, person = await logged_in("dana", "viewer")
    changed = await accounts.set_timezone("Dana", "Europe/Berlin", person.actor("web:account"))
    assert changed.timezone == "Europe/Berlin"
    found = await sessions.person_of(token)
    assert found is not None
    assert found.timezone == "Europe/Berlin"
    tag, message, before, after = (await book())[-1]
    assert (tag, message) == ("person:user:timezone", "dana reads times in Europe/Berlin")
    assert ("UTC" in before, "Europe/Berlin" in after) == (True, True)
    length = len(await book())
    await accounts.set_timezone("dana", "Europe/Berlin", BY)
    with pytest.raises(Invalid, match="no time zone 'Mars/Olympus'"):
        await accounts.set_timezone("dana", "Mars/Olympus", BY)
    assert (len(await book()), (await accounts.user("dana")).timezone) == (length, "Europe/Berlin")
    assert (await audit.verify()).problems == []


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("short", "at least 10"), ("x" * 501, "at most 500"), ("danadelacruz1", "own name"), ("1234567890", "first that"),
        ("password123", "first that"), ("qwertyuiop", "first that"), ("Bluebook1!", "first that"), ("aaaaaaaaaaaa", "first that"),
    ],
)  # fmt: skip
async def test_a_password_that_is_guessed_first_is_refused(password: str, why: str) -> None:
    with pytest.raises(Invalid, match=why) as refused:
        await passwords.check(password, "dana.delacruz")
    assert refused.value.field == "password"
    assert password not in refused.value.message


def test_what_is_typed_twice_has_to_be_the_same() -> None:
    passwords.same("caf\u00e9 au lait", "cafe\u0301 au lait")
    with pytest.raises(Invalid, match="type the same one twice") as refused:
        passwords.same(GOOD, OTHER)
    assert refused.value.field == "again"


@settings(deadline=None, max_examples=20)
@given(st.lists(st.text("abcdefghijklmnopqrstuvwxyz", min_size=6, max_size=9), min_size=4, max_size=6, unique=True))
def test_passwords_of_random_words_are_taken(words: list[str]) -> None:
    asyncio.run(passwords.check(" ".join(words), "dana"))


async def test_the_last_admin_can_be_neither_disabled_nor_demoted(database: str) -> None:
    await accounts.add_user("ann", "admin", BY, password=GOOD)
    await accounts.add_user("bob", "admin", BY)  # has no password: nobody could log in as bob
    for attempt in (accounts.disable("ann", BY), accounts.set_role("ann", "manager", BY)):
        with pytest.raises(Refused, match="ann is the last admin"):
            await attempt
    await accounts.set_password("bob", OTHER, BY)
    assert (await accounts.set_role("ann", "manager", BY)).role is Role.MANAGER
    with pytest.raises(Refused, match="bob is the last admin"):
        await accounts.disable("bob", BY)


async def test_two_admins_who_demote_each_other_at_once_leave_one(database: str) -> None:
    for name in ("ann", "bob", "cleo"):
        await accounts.add_user(name, "admin", BY, password=GOOD)
    changes = [accounts.disable("ann", BY), accounts.set_role("bob", "viewer", BY), accounts.disable("cleo", BY)]
    done = await asyncio.gather(*changes, return_exceptions=True)
    assert sum(isinstance(result, Refused) for result in done) == 1
    assert len([u for u in await accounts.users() if u.enabled and u.role is Role.ADMIN]) == 1


async def test_disabling_ends_sessions_and_enabling_lets_in_again(database: str) -> None:
    token, _ = await logged_in("dana", "operator")
    assert (await accounts.disable("dana", BY)).state == "disabled"
    assert await sessions.person_of(token) is None
    with pytest.raises(NotAuthorised, match="dana is disabled"):
        await sessions.login("dana", GOOD)
    with pytest.raises(NotAuthorised, match=sessions.WRONG):
        await sessions.login("dana", OTHER)
    await accounts.enable("dana", BY)
    assert await sessions.person_of(token) is None
    assert (await sessions.login("dana", GOOD))[1].name == "dana"
    assert [e[0] for e in await book()] == ["person:user:add", "person:user:disable", "person:user:enable"]


async def test_a_change_of_role_holds_from_the_next_look(database: str) -> None:
    token, person = await logged_in("dana", "operator")
    await accounts.set_role("dana", "viewer", BY)
    again = await sessions.person_of(token)
    assert again is not None
    assert (again.role, again.session) == (Role.VIEWER, person.session)
    assert (await book())[-1] == ("person:user:role", "dana is viewer now", '{"role":"operator"}', '{"role":"viewer"}')


async def test_what_changes_nothing_is_not_in_the_book(sqlite_database: str) -> None:
    await accounts.add_user("dana", "viewer", BY, password=GOOD)
    before = await book()
    await accounts.set_role("dana", "viewer", BY)
    await accounts.enable("dana", BY)
    assert await book() == before


async def test_ones_own_password_needs_the_old_one_and_ends_the_other_sessions(database: str) -> None:
    first, _ = await logged_in("dana", "viewer")
    second, person = await sessions.login("dana", GOOD)
    with pytest.raises(NotAuthorised, match="present password is wrong"):
        await accounts.change_password(person, "not the old one", OTHER)
    with pytest.raises(Invalid, match="at least 10"):
        await accounts.change_password(person, GOOD, "short")
    with pytest.raises(Invalid, match="is the old one"):
        await accounts.change_password(person, GOOD, GOOD)
    assert await sessions.person_of(first) is not None
    await accounts.change_password(person, GOOD, OTHER)
    assert await sessions.person_of(first) is None
    assert await sessions.person_of(second) is not None
    with pytest.raises(NotAuthorised):
        await sessions.login("dana", GOOD)
    await sessions.login("dana", OTHER)
    assert [e for e in await book() if GOOD in str(e) or OTHER in str(e) or "argon2" in str(e)] == []


async def test_a_session_that_was_taken_cannot_guess_the_password_for_ever(sqlite_database: str) -> None:
    _, person = await logged_in("dana", "viewer")
    for _ in range(5):
        with pytest.raises(NotAuthorised):
            await accounts.change_password(person, "a guess of mine", OTHER)
    with pytest.raises(BluebookError, match="too many failed log-ins for this name"):
        await accounts.change_password(person, GOOD, OTHER)


async def test_another_password_ends_all_sessions_and_the_lock_out(database: str) -> None:
    token, _ = await logged_in("dana", "viewer")
    for _ in range(5):
        with pytest.raises(NotAuthorised):
            await sessions.login("dana", "a wrong password")
    await accounts.set_password("dana", OTHER, BY)
    assert await sessions.person_of(token) is None
    await sessions.login("dana", OTHER)


# --- one-time links -----------------------------------------------------------------------------------------------------


async def test_an_invitation_makes_a_user_of_its_role_once(database: str) -> None:
    token = await invitations.invite("operator", BY)
    told = await invitations.invitation(token)
    assert (told.role, told.name, told.invited_by) == (Role.OPERATOR, "", "root")
    made = await invitations.accept(token, "Eve", GOOD)
    assert (made.name, made.role) == ("eve", Role.OPERATOR)
    await sessions.login("eve", GOOD)
    for again in (invitations.accept(token, "mallory", GOOD), invitations.invitation(token)):
        with pytest.raises(NotFound, match="used already or is too old"):
            await again
    assert await db.value("SELECT COUNT(*) FROM invitations WHERE digest = ?", token) == 0
    assert [e[0] for e in await book()] == ["person:user:invite", "person:user:add"]


async def test_of_ten_who_accept_at_once_one_does(database: str) -> None:
    token = await invitations.invite("viewer", BY)
    done = await asyncio.gather(
        *(invitations.accept(token, f"user{n}", GOOD) for n in range(10)), return_exceptions=True
    )
    assert sum(isinstance(result, accounts.Account) for result in done) == 1, done
    assert sum(isinstance(result, NotFound) for result in done) == 9, done
    assert len(await accounts.users()) == 1


async def test_a_mistake_leaves_the_link_good(database: str) -> None:
    await accounts.add_user("dana", "viewer", BY)
    token = await invitations.invite("viewer", BY)
    for name, password in (("dana", GOOD), ("", GOOD), ("eve", "short")):
        with pytest.raises(Invalid):
            await invitations.accept(token, name, password)
    assert (await invitations.accept(token, "eve", GOOD)).name == "eve"


async def test_a_link_is_too_old_after_three_days(database: str) -> None:
    token = await invitations.invite("viewer", BY)
    later(invitations.VALID - timedelta(seconds=1))
    await invitations.invitation(token)
    later(timedelta(seconds=1))
    with pytest.raises(NotFound):
        await invitations.accept(token, "eve", GOOD)
    assert await accounts.users() == []


async def test_a_link_for_someone_sets_their_password_and_leaves_name_and_role(database: str) -> None:
    await accounts.add_user("dana", "manager", BY)
    void = await invitations.link("dana", BY)
    token = await invitations.link("dana", BY)
    assert (await invitations.invitation(token)).name == "dana"
    with pytest.raises(NotFound):
        await invitations.accept(void, "dana", GOOD)
    made = await invitations.accept(token, "somebody else", GOOD)
    assert (made.name, made.role, made.state) == ("dana", Role.MANAGER, "ok")
    await sessions.login("dana", GOOD)


async def test_a_disabled_users_link_is_void(database: str) -> None:
    await accounts.add_user("dana", "viewer", BY)
    token = await invitations.link("dana", BY)
    await accounts.disable("dana", BY)
    with pytest.raises(NotFound):
        await invitations.accept(token, "dana", GOOD)
    with pytest.raises(Refused, match="enable the account first"):
        await invitations.link("dana", BY)


async def test_nothing_that_opens_a_door_is_stored(database: str) -> None:
    token, _ = await logged_in("dana", "viewer")
    invited = await invitations.invite("viewer", BY)
    stored = ""
    for table in ("users", "sessions", "invitations", "login_attempts", "audit_events"):
        stored += str([tuple(r) for r in await db.rows(f"SELECT * FROM {table}")])
    assert token not in stored
    assert invited not in stored
    assert GOOD not in stored
    assert clock.now().tzinfo is not None
