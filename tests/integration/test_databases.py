"""The fixtures other tests stand on."""

from __future__ import annotations

import asyncio
from pathlib import Path

from engine import clock, db
from engine.models import Supplier
from engine.services import schema
from engine.settings import settings


async def test_database_is_open_migrated_and_empty(database: str) -> None:
    await schema.check()
    assert await db.value("SELECT COUNT(*) FROM orders") == 0
    assert settings().database == database


async def test_database_is_open_in_tasks_and_for_models(database: str) -> None:
    async def make(name: str) -> None:
        await Supplier.create(connector="rest", name=name, code=name, created_at=clock.now())

    async with asyncio.TaskGroup() as group:
        for name in ("ACME", "NOVA"):
            group.create_task(make(name))
    assert await Supplier.all().count() == 2


async def test_each_test_has_its_own_database(database: str) -> None:
    # Runs after the test above, which left two suppliers behind in its own.
    assert await Supplier.all().count() == 0


async def test_home_is_the_tests_own(tmp_path: Path) -> None:
    assert settings().home_path.is_relative_to(tmp_path)
