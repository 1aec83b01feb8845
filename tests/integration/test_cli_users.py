"""``bluebook users`` as people and scripts use it."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from engine import db, settings
from engine.services import accounts, invitations, sessions
from tests.integration.test_cli import Run, said
from tests.support import databases
from tests.support.people import GOOD, OTHER


def login(name: str, password: str) -> str:
    async def work() -> str:
        async with db.database(settings.settings().database):
            return (await sessions.login(name, password, "192.0.2.7", "Firefox"))[0]

    with capture_logs():  # else the command's log file is open when the next command opens its own
        return databases.elsewhere(work())


def test_the_first_user_is_an_admin_and_chooses_a_password_by_the_link(run: Run) -> None:
    made = run("users", "add", "Dana")
    path = made.stdout.strip()
    assert path.startswith("/invitation/")
    assert "dana is added as admin. They choose a password" in made.stderr
    assert "invited" in run("users", "ls").stdout

    async def accept() -> accounts.Account:
        async with db.database(settings.settings().database):
            return await invitations.accept(path.rpartition("/")[2], "", GOOD)

    assert databases.elsewhere(accept()).name == "dana"
    login("dana", GOOD)
    (listed,) = said(run("users", "ls", "--json"))["users"]
    assert (listed["role"], listed["has_password"], listed["sessions"]) == ("admin", True, 1)
    assert said(run("users", "add", "eve", "--json"))["user"]["role"] == "viewer"


def test_a_password_comes_from_standard_input_and_is_shown_nowhere(run: Run) -> None:
    run("users", "add", "dana", "--role", "manager", "--password-stdin", stdin=f"{GOOD}\n")
    login("dana", GOOD)
    done = run("users", "password", "dana", "--password-stdin", "--json", stdin=f"{OTHER}\nmore\n")
    login("dana", OTHER)
    told = done.output + run("users", "ls", "--json").output + run("audit", "show", "settings", "--values").output
    assert "dana has a new password" in told
    assert GOOD not in told
    assert OTHER not in told
    assert "argon2" not in told


def test_a_password_is_asked_for_without_echo(home: Path) -> None:
    """In a real terminal: what is typed is not on the screen."""
    command = [sys.executable, "-c", "from tui.cli import main; main()", "users", "add", "dana", "--password"]
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, env=os.environ | {"BLUEBOOK_HOME": str(home)},
        start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    seen = b""
    try:
        for question in (b"Password: ", b"confirmation: "):
            while question not in seen:
                seen += os.read(ours, 1_000)
            os.write(ours, f"{GOOD}\n".encode())
        while b"added as admin" not in seen:
            seen += os.read(ours, 1_000)
        assert process.wait(timeout=150) == 0
    finally:
        process.kill()
        os.close(ours)
    assert GOOD.encode() not in seen


def test_users_are_changed_invited_and_kept_out(run: Run) -> None:
    run("users", "add", "ann", "--password-stdin", stdin=GOOD)
    run("users", "add", "eve", "--role", "operator", "--password-stdin", stdin=GOOD)
    login("eve", GOOD)
    login("eve", GOOD)
    listed = said(run("users", "sessions", "eve", "--json"))["sessions"]
    assert [(s["user"], s["address"], s["agent"]) for s in listed] == [("eve", "192.0.2.7", "Firefox")] * 2
    assert "nobody is logged in" in run("users", "sessions", "ann").stderr
    run("users", "revoke", str(listed[0]["id"]))
    assert said(run("users", "revoke", "--all", "eve", "--yes", "--json"))["ended"] == 1
    assert said(run("users", "role", "eve", "manager", "--json"))["user"]["role"] == "manager"
    assert "eve is disabled" in run("users", "disable", "eve").stdout
    assert "eve is enabled" in run("users", "enable", "eve").stdout
    assert said(run("users", "invite", "viewer", "--json"))["link"].startswith("/invitation/")
    assert run("users", "password", "eve", "--link").stdout.startswith("/invitation/")
    trail = run("audit", "show", "settings").stdout
    for word in ("eve is added as operator", "eve is manager now", "eve is disabled", "invited as viewer", "dana"):
        assert word in trail


@pytest.mark.parametrize(
    ("args", "code", "told"),
    [
        (["add", "a b"], 2, "cannot be a user's name"),
        (["add", "ann"], 2, "already a user called ann"),
        (["add", "eve", "--role", "boss"], 2, "there are viewer, operator, manager, admin"),
        (["add", "eve", "--password"], 2, "give --password-stdin"),
        (["add", "eve", "--password-stdin"], 2, "at least 10 characters"),
        (["role", "nobody", "viewer"], 2, "there is no user 'nobody'"),
        (["role", "ann", "viewer"], 3, "ann is the last admin"),
        (["disable", "ann"], 3, "ann is the last admin"),
        (["password", "ann", "--link", "--password-stdin"], 2, "not both"),
        (["revoke"], 2, "say which session"),
        (["revoke", "99"], 2, "there is no session 99"),
        (["revoke", "--all", "ann"], 2, "give --yes"),
    ],
)
def test_what_is_wrong_is_said_and_changes_nothing(run: Run, args: list[str], code: int, told: str) -> None:
    run("users", "add", "ann", "--password-stdin", stdin=GOOD)
    before = run("users", "ls", "--json").stdout
    assert told in run("users", *args, code=code, stdin="short\n").stderr
    assert run("users", "ls", "--json").stdout == before
