"""A database that came from a PostgreSQL server which had counted further: what is lacking is said, and made up for."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from engine import db, settings, vault
from engine.services import feed, webhooks
from tests.integration.test_webhooks import MUG, collected
from tests.support.desk import PERSON, desk
from tests.support.receiver import Ear
from tui.cli.app import app

FURTHER = 30_000


async def _run(*words: str) -> Result:
    return await asyncio.to_thread(CliRunner().invoke, app, list(words))


async def _finding() -> dict[str, Any] | None:
    told = json.loads((await _run("doctor", "--quick", "--json")).stdout)
    return next((one for one in told["findings"] if one["about"] == "changes"), None)


def _home(url: str, folder: Path) -> None:
    settings.force(settings.Settings(home=str(folder / "home"), database_url=url))
    vault.make_key_file()


async def test_webhooks_are_told_again_once_the_server_has_caught_up(
    postgres_url: str, tmp_path: Path, ear: Ear, monkeypatch: pytest.MonkeyPatch
) -> None:
    _home(postgres_url, tmp_path)
    async with db.database(postgres_url), desk(monkeypatch) as shop:
        ear.secret = await webhooks.add("ERP", ear.url, ["order.received"], PERSON)
        assert await _finding() is None
        assert "no transactions are lacking" in (await _run("db", "catch-up")).stdout
        # As the old server left it: it had counted further than this one.
        await db.run("UPDATE webhooks SET cursor = cursor + ?", FURTHER)
        await shop.told(shop.order("1", (MUG, 1)))
        await collected()
        assert ear.types() == []

        lacking = await feed.lacking()
        assert 0 < lacking <= FURTHER
        finding = await _finding()
        assert finding is not None
        assert (finding["state"], finding["todo"]) == ("warn", "bluebook db catch-up")
        looked = await _run("db", "check")
        assert looked.exit_code == 3
        assert "bluebook db catch-up" in looked.stderr

        done = await _run("db", "catch-up", "--json")
        assert done.exit_code == 0, done.output
        assert 0 < json.loads(done.stdout)["counted"] <= lacking
        assert await feed.lacking() == 0
        assert await _finding() is None
        assert (await _run("db", "check")).exit_code == 0
        await shop.told(shop.order("2", (MUG, 1)))
        await collected()
        # What came while nothing was told can be told again by hand, as the command says.
        assert [said["data"]["order"] for _, said in ear.heard] == ["2"]
        await webhooks.replay("ERP", PERSON, order="1")
        await collected()
        assert [said["data"]["order"] for _, said in ear.heard] == ["2", "1"]


async def test_a_blue_book_that_is_ahead_is_caught_up_with_too(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with db.database(postgres_url), desk(monkeypatch) as shop:
        await shop.told(shop.order("1", (MUG, 1)))
        # A row as the old server wrote it: only its trigger, which no dump brings to bear, keeps it from being changed.
        await db.run("ALTER TABLE audit_events DISABLE TRIGGER USER")
        await db.run("UPDATE audit_events SET xid = xid + ?", FURTHER)
        await db.run("ALTER TABLE audit_events ENABLE TRIGGER USER")
        monkeypatch.setattr(feed, "AT_ONCE", FURTHER // 3)
        lacks = [left async for left in feed.catch_up()]
        assert len(lacks) > 3
        assert lacks == sorted(lacks, reverse=True)
        assert lacks[-1] == 0


async def test_on_sqlite_nothing_is_lacking(sqlite_url: str, tmp_path: Path) -> None:
    _home(sqlite_url, tmp_path)
    async with db.database(sqlite_url):
        assert await feed.lacking() == 0
    done = await _run("db", "catch-up")
    assert (done.exit_code, done.stdout) == (0, "no transactions are lacking\n")
