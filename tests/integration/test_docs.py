"""What the documents say is so: links lead somewhere, commands run, tables name everything there is."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest

from engine.domain import roles
from engine.domain.roles import WHAT, Permission, Role
from engine.domain.states import OrderStatus
from engine.settings import Settings
from scripts import keys, states

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    [ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "engine").rglob("README.md")]
)
README = (ROOT / "README.md").read_text("utf-8")
BLUEBOOK = Path(sys.executable).with_name("bluebook")
MAKES_SOMETHING = {"bluebook init"}
BUT_STARTS_SOMETHING = {"make run", "make test"}  # this is part of the one, test_demo.py does the other


def _links(page: Path) -> list[str]:
    text = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL)
    return re.findall(r"\]\(([^)\s]+)\)", text)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_within_the_repository_lead_somewhere(page: Path) -> None:
    local = [link for link in _links(page) if not re.match(r"[a-z]+://|#|mailto:", link)]
    assert [link for link in local if not (page.parent / link.partition("#")[0]).exists()] == []


def test_every_decision_is_linked_from_the_readme() -> None:
    found = {f"docs/adr/{path.name}" for path in (ROOT / "docs" / "adr").glob("*.md")}
    assert found
    assert found - set(_links(ROOT / "README.md")) == set()


def test_every_connector_is_linked_from_the_readme() -> None:
    found = {path.relative_to(ROOT).as_posix() for path in (ROOT / "engine" / "connectors").rglob("README.md")}
    assert found - set(_links(ROOT / "README.md")) == set()


def test_decisions_are_one_page_each() -> None:
    long = [
        path.name for path in (ROOT / "docs" / "adr").glob("*.md") if len(path.read_text("utf-8").splitlines()) > 70
    ]
    assert long == []


def _commands() -> list[str]:
    found = []
    for page in (ROOT / "README.md", *(ROOT / "docs").rglob("*.md")):
        for block in re.findall(r"```(?:sh|bash|console)\n(.*?)```", page.read_text("utf-8"), re.DOTALL):
            found += [line.strip() for line in block.splitlines() if line.strip()]
    return list(dict.fromkeys(found))


def test_the_readmes_commands_work(tmp_path: Path) -> None:
    plain = {name: value for name, value in os.environ.items() if not name.startswith("BLUEBOOK_")}
    environment = plain | {"BLUEBOOK_HOME": str(tmp_path / "home")}
    commands = [command for command in _commands() if command not in BUT_STARTS_SOMETHING]
    assert set(commands) >= MAKES_SOMETHING
    for command in commands:
        name, *arguments = shlex.split(command)
        assert name == "bluebook", f"{command}: only commands that are safe to run belong into the documents' blocks"
        done = subprocess.run(
            [str(BLUEBOOK), *arguments], env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=150
        )
        # A doctor may find a fresh house wanting (no worker yet); what it may not do is break down.
        assert done.returncode == 0 or arguments == ["doctor"], f"{command}: {done.stderr}"
        assert "Traceback" not in done.stdout + done.stderr, command


def test_what_make_is_asked_for_is_there() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    asked = set()
    for page in PAGES:
        asked |= set(re.findall(r"(?:`|^)make ([a-z-]+)", page.read_text("utf-8"), re.MULTILINE))
    assert {"run", "test"} <= asked
    assert asked - targets == set()


def _configuration() -> dict[str, str]:
    table = README.partition("## Configuration")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \|", table, re.MULTILINE)
    assert len(rows) == len(dict(rows)), "a setting is there twice"
    return dict(rows)


def test_the_configuration_table_names_every_setting_with_its_default() -> None:
    told = _configuration()
    plain = msgspec.to_builtins(Settings())
    assert list(told) == list(plain)
    wrong = {name: (told[name], value) for name, value in plain.items() if not _says(told[name], value)}
    assert wrong == {}


def _says(told: str, value: Any) -> bool:
    if value == "":  # an empty default means something, which is told in words
        return told != "" and told != "``"
    return told == f"`{str(value).lower() if isinstance(value, bool) else value}`"


def test_the_page_of_states_is_made_from_the_table() -> None:
    assert states.PAGE.read_text("utf-8") == states.page(), "run python -m scripts.states"
    assert set(states.STATUSES) == set(OrderStatus)


def test_the_keys_in_the_docs_are_those_of_the_app() -> None:
    assert keys.PAGE.read_text("utf-8") == keys.page(), "run python -m scripts.keys"
    assert keys.ten_keys() in (ROOT / "README.md").read_text("utf-8")


def test_the_roles_in_the_docs_are_those_that_are_asked() -> None:
    rows = re.findall(r"^\| (.+?) \|$", (ROOT / "docs" / "web.md").read_text("utf-8"), re.MULTILINE)
    head, *table = [[cell.strip() for cell in row.split("|")] for row in rows]
    assert head == ["may", *Role]
    told = {row[0]: [bool(cell) for cell in row[1:]] for row in table}
    assert told == {WHAT[p]: [roles.may(role, p) for role in Role] for p in Permission}


def test_every_dependency_has_its_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    text = (ROOT / "docs" / "adr" / "0006-libraries.md").read_text("utf-8")
    rows = re.findall(r"^\| ([a-z0-9, -]+?) \| \S", text, re.MULTILINE)
    told = {name for row in rows for name in row.split(", ")} - {"library"}
    wanted = [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]]
    assert told == {re.split(r"[\[<>=;! ]", name)[0] for name in wanted}


@pytest.mark.parametrize("name", ["demo", "queue", "resolve"])
def test_a_picture_asks_nobody_for_anything(name: str) -> None:
    picture = (ROOT / "docs" / f"{name}.svg").read_text("utf-8")
    assert picture.startswith("<svg")
    assert "luebook" in picture
    assert set(re.findall(r"https?://[^\"'\s)]+", picture)) <= {
        "http://www.w3.org/2000/svg",
        "https://www.textualize.io",
    }


def test_the_licence_is_the_one_declared() -> None:
    text = (ROOT / "LICENSE").read_text("utf-8")
    assert tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["license"] == "Apache-2.0"
    assert "Apache License" in text
    assert "END OF TERMS AND CONDITIONS" in text
