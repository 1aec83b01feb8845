"""A backup made while others write is whole, opens without anything beside it, and says where the key is."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
from pathlib import Path

import pytest

from engine import db, settings
from engine.errors import Invalid, Misconfigured, Refused, Unreachable
from engine.services import backup, schema
from engine.settings import Settings


def conf(url: str, home: Path, **more: str) -> Settings:
    return Settings(home=str(home), database_url=url, **more)


async def _write(stop: asyncio.Event) -> int:
    """Two rows in each transaction, until told to stop."""
    count = 0
    while not stop.is_set():
        async with db.transaction():
            for half in ("a", "b"):
                await db.insert("terms", ("term", "order_id"), [(f"{half}{count}", count)])
        count += 1
        await asyncio.sleep(0)
    return count


async def test_a_copy_made_while_others_write_has_whole_transactions(sqlite_url: str, tmp_path: Path) -> None:
    async with db.database(sqlite_url):
        stop = asyncio.Event()
        writing = asyncio.create_task(_write(stop))
        while not await db.value("SELECT COUNT(*) FROM terms"):
            await asyncio.sleep(0.01)
        made = [await backup.make(conf(sqlite_url, tmp_path), str(tmp_path / f"{n}.sqlite3")) for n in range(5)]
        stop.set()
        assert await writing > 0
    sizes = []
    for one in made:
        with sqlite3.connect(one.file) as copy:
            halves = dict(copy.execute("SELECT substr(term, 1, 1), COUNT(*) FROM terms GROUP BY 1"))
        assert halves["a"] == halves["b"] > 0
        sizes.append(halves["a"])
        assert stat.S_IMODE(Path(one.file).stat().st_mode) == 0o600
    assert sizes == sorted(sizes)
    # Only its own file, and it opens as a database of ours.
    assert sorted(path.name for path in tmp_path.glob("*.sqlite3*") if path.name[0].isdigit()) == [
        f"{n}.sqlite3" for n in range(5)
    ]
    async with db.database(f"sqlite:///{made[-1].file}"):
        await schema.check()


async def test_nothing_is_overwritten_and_nothing_half_is_left(sqlite_url: str, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    there = tmp_path / "out" / "there.sqlite3"
    there.write_text("mine")
    with pytest.raises(Invalid, match="there already"):
        await backup.make(conf(sqlite_url, tmp_path), str(there))
    assert there.read_text() == "mine"
    with pytest.raises(Misconfigured, match="no database"):
        await backup.make(conf(f"sqlite:///{tmp_path}/none.sqlite3", tmp_path), str(tmp_path / "out" / "b"))
    broken = tmp_path / "broken.sqlite3"
    broken.write_bytes(b"SQLite format 3\0" + b"\xff" * 5000)
    with pytest.raises((Refused, Unreachable)):
        await backup.make(conf(f"sqlite:///{broken}", tmp_path), str(tmp_path / "out" / "c"))
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["there.sqlite3"]
    made = await backup.make(conf(sqlite_url, tmp_path), str(tmp_path / "out"))
    assert Path(made.file).name.startswith("bluebook-")


async def test_it_is_said_where_the_key_is(sqlite_url: str, tmp_path: Path) -> None:
    made = await backup.make(conf(sqlite_url, tmp_path), str(tmp_path / "1"))
    assert f"{tmp_path}/secret.key, which is missing" in made.key
    (tmp_path / "secret.key").write_text("k1:x")
    made = await backup.make(conf(sqlite_url, tmp_path), str(tmp_path / "2"))
    assert "secret.key, which is not in the copy: keep it too" in made.key
    made = await backup.make(conf(sqlite_url, tmp_path, secret_key="k7:abc, k6:def"), str(tmp_path / "3"))
    assert "BLUEBOOK_SECRET_KEY (k7, k6)" in made.key
    assert "abc" not in made.key


async def test_postgres_is_dumped_by_its_own_tool_or_the_command_is_said(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await backup.make(conf(postgres_url, tmp_path), str(tmp_path / "a.dump"))
    assert (Path(made.file).read_bytes()[:5], made.kind) == (b"PGDMP", "PostgreSQL")
    with pytest.raises(Unreachable, match="pg_dump could not copy"):
        await backup.make(conf(f"{postgres_url}_none", tmp_path), str(tmp_path / "b.dump"))
    monkeypatch.setenv("PATH", str(tmp_path))
    secret = postgres_url.replace("postgres@", "postgres:hush@")
    with pytest.raises(Misconfigured, match=r"pg_dump --format=custom .* --file=bluebook.dump") as raised:
        await backup.make(conf(secret, tmp_path), str(tmp_path / "c.dump"))
    assert "hush" not in raised.value.message
    assert sorted(path.name for path in tmp_path.glob("*.dump*")) == ["a.dump"]


def test_the_command_says_what_it_made(sqlite_url: str, tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from tui.cli.app import app

    settings.force(conf(sqlite_url, tmp_path))
    result = CliRunner().invoke(app, ["backup", str(tmp_path / "copy.sqlite3")])
    assert result.exit_code == 0, result.output
    assert "the whole SQLite database" in result.stdout
    assert "secret.key" in result.stderr
    assert CliRunner().invoke(app, ["backup", str(tmp_path / "copy.sqlite3")]).exit_code == 2
