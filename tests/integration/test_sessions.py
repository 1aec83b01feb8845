"""Logging in, staying, being locked out, leaving."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from argon2 import PasswordHasher
from structlog.testing import capture_logs

from engine import clock, db
from engine.domain.roles import Permission, Role
from engine.errors import BluebookError, NotAuthorised, NotFound, Refused, TryLater
from engine.services import accounts, attempts, passwords, sessions
from engine.services.lifecycle import Actor
from tests.support.people import GOOD, OTHER, later, logged_in

BY = Actor("root", "person", "test")
WRONG = "a wrong password"


async def fail(name: str = "dana", address: str = "192.0.2.7", times: int = 1) -> None:
    for _ in range(times):
        with pytest.raises(NotAuthorised):
            await sessions.login(name, WRONG, address)


async def test_a_log_in_gives_a_new_token_each_time_and_the_person_behind_it(database: str) -> None:
    first, person = await logged_in("Dana", "operator")
    second, _ = await sessions.login(" DANA ", GOOD)
    assert first != second
    assert len(first) >= 43
    assert await sessions.person_of(first) == person
    assert (person.name, person.role, person.timezone) == ("dana", Role.OPERATOR, "UTC")
    assert person.actor("orders") == Actor("dana", "person", "orders")
    assert person.may(Permission.PROCESS)
    with pytest.raises(Refused, match="an operator may not manage users"):
        person.demand(Permission.USERS)
    assert (await accounts.user("dana")).sessions == 2


@pytest.mark.parametrize("token", ["", "nonsense", "x" * 10_000, "' OR 1=1 --", "\ud800"])
async def test_no_token_is_nobody(database: str, token: str) -> None:
    await logged_in("dana", "viewer")
    assert await sessions.person_of(token) is None


async def test_a_wrong_name_and_a_wrong_password_cost_and_say_the_same(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await accounts.add_user("dana", "viewer", BY, password=GOOD)
    await accounts.add_user("nopass", "viewer", BY)
    await fail("warm-up")
    verified: list[str] = []
    statements: list[int] = []

    class Counting(PasswordHasher):
        def verify(self, hash: str | bytes, password: str | bytes) -> bool:  # noqa: A002
            verified.append(str(hash).rpartition("$")[0].rpartition("$")[0])
            return super().verify(hash, password)

    monkeypatch.setattr(passwords, "hasher", Counting(time_cost=1, memory_cost=1_024, parallelism=1))
    real = db.connection

    def counted() -> Any:
        statements[-1] += 1
        return real()

    monkeypatch.setattr(db, "connection", counted)
    said = set()
    for name in ("dana", "nobody", "nopass", "", "x" * 5_000):
        statements.append(0)
        with pytest.raises(NotAuthorised) as refused:
            await sessions.login(name, WRONG, f"192.0.2.{len(said)}")
        said.add(refused.value.message)
    assert said == {"the name or the password is wrong"}
    assert len(verified) == 5
    assert len(set(verified)) == 1, "the same parameters for those who are there and those who are not"
    assert len(set(statements)) == 1, statements


async def test_verifying_keeps_nobody_else_waiting(sqlite_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    loops = threading.get_ident()
    seen: list[int] = []
    real = passwords._fits
    monkeypatch.setattr(passwords, "_fits", lambda *args: (seen.append(threading.get_ident()), real(*args))[1])
    await logged_in("dana", "viewer")
    assert seen
    assert loops not in seen


async def test_a_name_is_locked_out_after_five_failures_and_let_in_when_it_ends(database: str) -> None:
    token, _ = await logged_in("dana", "viewer")
    later(timedelta(0))
    await fail(times=4)
    await sessions.login("dana", GOOD)
    await fail(times=5)
    with pytest.raises(
        TryLater, match=r"too many failed log-ins for this name; try again in 60 s, at .* UTC"
    ) as locked:
        await sessions.login("dana", GOOD, "198.51.100.1")
    assert locked.value.retry_after == 60
    assert await sessions.person_of(token) is not None, "who is in stays in"
    later(timedelta(seconds=59))
    with pytest.raises(TryLater, match="in 1 s"):
        await sessions.login("dana", GOOD)
    later(timedelta(seconds=1))
    await sessions.login("dana", GOOD)
    await fail(times=4)
    await sessions.login("dana", GOOD)


async def test_each_failure_after_a_lock_out_makes_the_next_one_longer_and_an_hour_forgets(database: str) -> None:
    await accounts.add_user("dana", "viewer", BY, password=GOOD)
    later(timedelta(0))
    await fail(times=5)
    waited = []
    for _ in range(6):
        with pytest.raises(TryLater) as locked:
            await sessions.login("dana", WRONG)
        assert locked.value.retry_after
        waited.append(locked.value.retry_after)
        later(timedelta(seconds=locked.value.retry_after))
        await fail(address="")
    assert waited == [60, 120, 240, 480, 900, 900]
    later(attempts.FORGET + timedelta(seconds=1))
    await fail(times=4)
    await sessions.login("dana", GOOD)


async def test_names_that_are_not_there_are_locked_out_as_well(database: str) -> None:
    await fail("nobody", times=5)
    with pytest.raises(TryLater, match="for this name"):
        await sessions.login("nobody", WRONG)


async def test_an_address_that_tries_many_names_is_locked_out_and_others_are_not(database: str) -> None:
    await accounts.add_user("dana", "viewer", BY, password=GOOD)
    later(timedelta(0))
    for n in range(20):
        await fail(f"name{n}", address=f"2001:db8:1:2::{n:x}")
    with pytest.raises(TryLater, match="from your address; try again in 60 s"):
        await sessions.login("dana", GOOD, "2001:db8:1:2:ffff::1")
    await sessions.login("dana", GOOD, "2001:db8:1:3::1")
    later(timedelta(seconds=60))
    await sessions.login("dana", GOOD, "2001:db8:1:2::1")


async def test_a_lock_out_outlives_the_process(db_url: str) -> None:
    async with db.database(db_url):
        await accounts.add_user("dana", "viewer", BY, password=GOOD)
        await fail(times=5)
    async with db.database(db_url):
        with pytest.raises(TryLater):
            await sessions.login("dana", GOOD)


async def test_guesses_side_by_side_get_no_further_than_those_one_by_one(database: str) -> None:
    await accounts.add_user("dana", "viewer", BY, password=GOOD)
    done = await asyncio.gather(*(sessions.login("dana", WRONG) for _ in range(30)), return_exceptions=True)
    guessed = sum(isinstance(result, NotAuthorised) for result in done)
    assert 5 <= guessed < 5 + passwords.AT_ONCE
    assert sum(isinstance(result, TryLater) for result in done) == 30 - guessed


async def test_twenty_browsers_log_in_at_once(database: str) -> None:
    await accounts.add_user("dana", "viewer", BY, password=GOOD)
    done = await asyncio.gather(*(sessions.login("dana", GOOD, "192.0.2.7") for _ in range(20)))
    assert len({token for token, _ in done}) == 20
    assert len({person.session for _, person in done}) == 20


async def test_too_many_at_once_are_asked_to_come_back(sqlite_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    await accounts.add_user("dana", "viewer", BY, password=GOOD)
    monkeypatch.setattr(passwords, "WAITING", 3)
    done = await asyncio.gather(*(sessions.login("dana", GOOD) for _ in range(5)), return_exceptions=True)
    assert sum(isinstance(result, TryLater) for result in done) == 2
    await sessions.login("dana", GOOD)


async def test_a_hash_of_older_parameters_is_renewed_at_log_in(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    await accounts.add_user("dana", "viewer", BY, password=GOOD)
    old = str(await db.value("SELECT password_hash FROM users"))
    monkeypatch.setattr(passwords, "hasher", PasswordHasher.from_parameters(passwords.PARAMETERS))
    token, _ = await sessions.login("dana", GOOD)
    stored = str(await db.value("SELECT password_hash FROM users"))
    assert stored != old
    assert stored.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert not passwords.is_outdated(stored)
    assert await sessions.person_of(token) is not None
    await sessions.login("dana", GOOD)


async def test_who_is_disabled_while_their_password_is_verified_gets_no_session(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await accounts.add_user("dana", "viewer", BY, password=GOOD)
    real = passwords.fits

    async def slowly(password: str, stored: str) -> bool:
        fits = await real(password, stored)
        await accounts.disable("dana", BY)
        return fits

    monkeypatch.setattr(passwords, "fits", slowly)
    with pytest.raises(BluebookError):
        await sessions.login("dana", GOOD)
    assert await db.value("SELECT COUNT(*) FROM sessions") == 0


async def test_a_session_lasts_fourteen_days_after_it_was_last_seen(database: str) -> None:
    token, _ = await logged_in("dana", "viewer")
    later(timedelta(days=13))
    assert await sessions.person_of(token) is not None
    later(timedelta(days=13))
    assert await sessions.person_of(token) is not None
    later(timedelta(days=14))
    assert await sessions.person_of(token) is None
    assert await sessions.sessions() == []


async def test_a_session_ends_after_ninety_days_however_busy(database: str) -> None:
    token, _ = await logged_in("dana", "viewer")
    later(timedelta(0))
    for _ in range(9):
        later(timedelta(days=9, hours=23))
        assert await sessions.person_of(token) is not None
    later(timedelta(hours=9))
    assert await sessions.person_of(token) is None


async def test_being_seen_is_written_once_a_minute_and_a_look_is_one_query(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    token, _ = await logged_in("dana", "viewer")
    later(timedelta(0))
    begun = clock.now()
    asked = 0
    real = db.connection

    def counted() -> Any:
        nonlocal asked
        asked += 1
        return real()

    await sessions.person_of(token)
    monkeypatch.setattr(db, "connection", counted)
    for _ in range(10):
        await sessions.person_of(token)
    assert asked == 10
    monkeypatch.undo()
    later(timedelta(seconds=61))
    await sessions.person_of(token)
    (seen,) = await sessions.sessions()
    assert seen.seen_at == begun + timedelta(seconds=61)
    assert seen.expires_at == seen.seen_at + sessions.SLIDING


async def test_a_look_uses_the_index(database: str) -> None:
    await logged_in("dana", "viewer")
    sql = "SELECT 1 FROM sessions s JOIN users u ON u.id = s.user_id WHERE s.digest = 'x'"
    if db.is_postgres():
        await db.run("SET enable_seqscan = off")
        plan = " ".join(str(r[0]) for r in await db.rows(f"EXPLAIN {sql}"))
        assert "Index" in plan
    else:
        plan = " ".join(str(r[3]) for r in await db.rows(f"EXPLAIN QUERY PLAN {sql}"))
        assert "SEARCH s" in plan
    assert "digest" in plan


async def test_logging_out_ends_this_session_and_no_other(database: str) -> None:
    first, _ = await logged_in("dana", "viewer")
    second, _ = await sessions.login("dana", GOOD)
    await sessions.logout(first)
    await sessions.logout("nonsense")
    assert await sessions.person_of(first) is None
    assert await sessions.person_of(second) is not None


async def test_sessions_are_listed_and_ended_by_their_owner_or_who_may(database: str) -> None:
    dana, person = await logged_in("dana", "viewer")
    eve, other = await logged_in("eve", "viewer")
    assert {(s.user, s.address, s.agent) for s in await sessions.sessions()} == {
        ("dana", "192.0.2.7", "Firefox"), ("eve", "192.0.2.7", "Firefox"),
    }  # fmt: skip
    assert [s.id for s in await sessions.sessions(person.id)] == [person.session]
    with pytest.raises(NotFound):
        await sessions.revoke(other.session, person.actor(), of=person.id)
    assert await sessions.person_of(eve) is not None
    await sessions.revoke(person.session, person.actor(), of=person.id)
    assert await sessions.person_of(dana) is None
    await sessions.revoke(other.session, BY)
    assert await sessions.person_of(eve) is None
    with pytest.raises(NotFound, match="it may have ended by itself"):
        await sessions.revoke(other.session, BY)
    tags = await db.rows("SELECT tag, actor FROM audit_events WHERE order_id = 0 AND tag LIKE '%revoke' ORDER BY seq")
    assert [tuple(r) for r in tags] == [("person:user:revoke", "dana"), ("person:user:revoke", "root")]


async def test_all_sessions_but_ones_own_are_ended_at_once(database: str) -> None:
    first, _ = await logged_in("dana", "viewer")
    second, _ = await sessions.login("dana", GOOD)
    third, person = await sessions.login("dana", GOOD)
    assert await sessions.revoke_all(person.id, person.actor(), but=person.session) == 2
    assert [await sessions.person_of(token) is None for token in (first, second, third)] == [True, True, False]
    assert await sessions.revoke_all(person.id, BY) == 1
    assert await sessions.revoke_all(person.id, BY) == 0


async def test_failed_log_ins_are_logged_and_never_with_what_was_typed(database: str) -> None:
    await accounts.add_user("dana", "viewer", BY, password=GOOD)
    with capture_logs() as logs:
        await fail("dana")
        await fail(OTHER)  # a password where the name belongs
        await sessions.login("dana", GOOD, "192.0.2.7")
    events = [(e["event"], e["log_level"], e["user"], e["address"]) for e in logs]
    assert events == [
        ("login failed", "warning", "dana", "192.0.2.7"),
        ("login failed", "warning", "(unknown)", "192.0.2.7"),
        ("logged in", "info", "dana", "192.0.2.7"),
    ]
    stored = str([tuple(r) for r in await db.rows("SELECT * FROM login_attempts")])
    assert WRONG not in str(logs)
    assert OTHER not in str(logs) + stored
