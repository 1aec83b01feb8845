"""The database itself fails: a full disk, a directory that cannot be written, a newer version's schema. Nothing is lost."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tortoise.exceptions import OperationalError

from engine import db, settings
from engine.errors import Misconfigured, Unreachable
from engine.services import intake, invariants, schema, tasks
from tests.support.world import PERSON, World, world

ROOT = Path(__file__).parents[2]


async def test_a_full_disk_stops_intake_and_loses_nothing(sqlite_database: str, tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        w.store.place(5)
        await intake.poll(w.shop.channel_id, PERSON)
        w.store.place(400)
        pages = await db.value("PRAGMA page_count")
        await db.rows(f"PRAGMA max_page_count = {pages + 20}")
        with pytest.raises(OperationalError, match="full"):
            await intake.poll(w.shop.channel_id, PERSON)
        before = await db.value("SELECT COUNT(*) FROM orders")
        assert 5 <= before < 405
        assert await db.value("PRAGMA integrity_check") == "ok"
        assert await invariants.check() == []
        await db.rows("PRAGMA max_page_count = 1073741823")
        await intake.poll(w.shop.channel_id, PERSON)
        await tasks.drain(_all_read, timeout=90)
        assert await db.value("SELECT COUNT(*) FROM orders") == 405
        assert await db.value("SELECT COUNT(*) FROM inbound_messages WHERE state <> 'done'") == 0
        assert await invariants.check() == []


async def _all_read() -> bool:
    return not await db.value("SELECT COUNT(*) FROM inbound_messages WHERE state = 'stored'")


async def _work(w: World, ids: list[int]) -> None:
    for _ in range(200):
        await w.send(ids)
        await w.pull(20)


async def test_a_worker_rides_out_a_full_disk(sqlite_database: str, tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        ids = await w.pull(20)
        await db.rows(f"PRAGMA max_page_count = {await db.value('PRAGMA page_count')}")
        with pytest.raises(OperationalError, match="full"):
            await _work(w, ids)
        await db.rows("PRAGMA max_page_count = 1073741823")
        await w.send(ids)
        await tasks.drain(lambda: w.none_in("queued", "submitting", "outcome_unknown"), timeout=90)
        assert w.http.duplicates == {}
        assert await invariants.check() == []


@contextmanager
def nobody() -> Iterator[None]:
    """Within, this process may write no more than anybody (root may write anywhere)."""
    who = os.geteuid()
    if who == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(who)


async def test_a_directory_that_cannot_be_written_is_named(sqlite_url: str) -> None:
    template = Path(sqlite_url.removeprefix("sqlite://"))
    with tempfile.TemporaryDirectory() as folder:  # not tmp_path: only its owner may look into that
        closed = Path(folder) / "closed"
        closed.mkdir()
        shutil.copyfile(template, closed / "shop.sqlite3")
        before = (closed / "shop.sqlite3").read_bytes()
        for path, mode in ((Path(folder), 0o755), (closed, 0o555), (closed / "shop.sqlite3", 0o444)):
            path.chmod(mode)
        with (
            nobody(),
            pytest.raises(Unreachable, match=r"closed is not writable by this user; correct the permissions"),
        ):
            await db.open_database(f"sqlite://{closed}/shop.sqlite3")
        with nobody(), pytest.raises(Unreachable, match=r"closed/below cannot be made \(Permission denied\)"):
            await db.open_database(f"sqlite://{closed}/below/shop.sqlite3")
        assert sorted(path.name for path in closed.iterdir()) == ["shop.sqlite3"]
        assert (closed / "shop.sqlite3").read_bytes() == before


async def test_a_file_that_cannot_be_written_is_named(sqlite_url: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        path = Path(folder) / "shop.sqlite3"
        shutil.copyfile(sqlite_url.removeprefix("sqlite://"), path)
        path.chmod(0o444)
        with nobody(), pytest.raises(Unreachable, match=r"shop.sqlite3 is not writable by this user"):
            await db.open_database(f"sqlite://{path}")


async def test_a_database_below_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a directory")
    with pytest.raises(Unreachable, match=r"file cannot be made \(File exists\)"):
        await db.open_database(f"sqlite://{tmp_path}/file/shop.sqlite3")


async def test_a_database_of_a_newer_version_is_left_alone(database: str) -> None:
    await db.run("INSERT INTO tortoise_migrations (app, name, applied_at) VALUES ('models', '9999_later', "
                 "CURRENT_TIMESTAMP)")  # fmt: skip
    with pytest.raises(Misconfigured, match=r"made by a newer Bluebook \(it has 9999_later\); install that version"):
        await schema.check()
    with pytest.raises(Misconfigured, match="Nothing was changed"):
        await schema.upgrade()
    process = subprocess.run(
        [sys.executable, "-m", "workers.run"], cwd=ROOT, capture_output=True, text=True, timeout=150,
        env={**os.environ, "BLUEBOOK_DATABASE_URL": database, "BLUEBOOK_HOME": settings.settings().home},
    )  # fmt: skip
    assert process.returncode == Misconfigured.exit_code
    assert "newer Bluebook" in process.stderr
