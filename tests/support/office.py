"""A home folder as after a morning's work: a store, two suppliers, orders in many states. What the command line is tried on.

Orders 1001 to 1003 are completed, 1004 to 1008 ready, and from 1009 on each has one of the store's troubles.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
import typer.testing
from typer.testing import CliRunner, Result

from engine import db, vault
from engine.demo import store_orders
from engine.ports import Page, Raw
from engine.services import inbox, intake, listings, tasks
from engine.settings import Settings, force, settings
from tests.support import databases
from tests.support.world import PERSON, world
from tui.cli.app import app

Run = Callable[..., Result]

# For each command line it would make all commands anew, which takes longer than most of them do.
typer.testing._get_command = cache(typer.testing._get_command)  # type: ignore[attr-defined]

CLEAN = 8
TROUBLED = tuple(enumerate(store_orders.TROUBLES, 1001 + CLEAN))


async def make(home: Path, folder: Path, template: Path) -> None:
    """The home folder is there: database, key, and nothing else. ``folder`` is for the demo suppliers' files."""
    before = settings()
    force(Settings(home=str(home)))
    try:
        vault.make_key_file()
        shutil.copyfile(template, home / "bluebook.sqlite3")
        async with db.database():
            async with world(folder) as w:
                assert w.store.place(CLEAN, rng=w.random) == list(range(1001, 1001 + CLEAN))
                for number, trouble in TROUBLED:
                    assert w.store.place(1, rng=w.random) == [number]
                    store_orders.spoil(w.store.book.orders[number], trouble)
                await intake.poll(w.shop.channel_id, PERSON)
                done = await listings.order_ids(["1001", "1002", "1003"])
                await w.send(done)
                await tasks.drain(lambda: _completed(done))
                stored = await inbox.store("channel", w.shop.channel_id, Page((Raw("1999", b'{"id": 1999}'),)))
                await inbox.settle([(stored[0].id, "parked", "no line_items", "line_items", None)])
            await db.run("DELETE FROM outbox WHERE state IN ('ready', 'claimed')")
    finally:
        force(before)


async def _completed(ids: list[int]) -> bool:
    found = await db.rows(f"SELECT status FROM orders WHERE id IN ({db.marks(ids)})", *ids)
    return {row[0] for row in found} == {"completed"}


@pytest.fixture(scope="session")
def office_home(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home folder, made once a session: by being copied it stays as it is."""
    folder = tmp_path_factory.mktemp("office")
    databases.elsewhere(make(folder / "home", folder, sqlite_template))
    return folder / "home"


@pytest.fixture
def home(office_home: Path, tmp_path: Path) -> Path:
    """A copy of it for one test."""
    shutil.copytree(office_home, tmp_path / "home")
    return tmp_path / "home"


@pytest.fixture
def run(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command line in this process; fails when a traceback is to be seen."""
    force(Settings(home=str(home), actor="dana"))
    monkeypatch.chdir(tmp_path)

    def invoke(*args: str, code: int = 0, stdin: str | None = None) -> Result:
        result = CliRunner().invoke(app, list(args), input=stdin)
        assert "Traceback" not in result.output
        assert result.exit_code == code, result.output
        return result

    return invoke
