"""The fixtures other tests stand on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from engine import clock, db
from engine.models import Supplier
from engine.services import schema
from engine.settings import settings
from tests.support import databases


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


@pytest.fixture
async def copies(postgres_template: str) -> AsyncIterator[databases.Copies]:
    made = databases.Copies(postgres_template)
    yield made
    await made.close()


EVENT = (
    "INSERT INTO audit_events (order_id, seq, at, actor, tag, subject, message, cause, before, after, data, prev_hash, hash) "
    "VALUES (1, 1, 0, 'dana', 'person:order:hold', 'order', '', '', '{}', '{}', '{}', '', '')"
)


async def _oid(url: str) -> int:
    async with db.database(url):
        return int(await db.value("SELECT oid FROM pg_database WHERE datname = current_database()"))


async def test_a_copy_is_had_again_empty_and_by_another_name(copies: databases.Copies) -> None:
    first = await copies.take()
    oid = await _oid(first)
    async with db.database(first):
        await Supplier.create(connector="rest", name="A", code="A", created_at=clock.now())
        await db.run(EVENT)
    left = await asyncpg.connect(first)
    copies.give_back(first)
    again = await copies.take()
    assert await _oid(again) == oid
    async with db.database(again):
        assert await db.value("SELECT (SELECT COUNT(*) FROM suppliers) + (SELECT COUNT(*) FROM audit_events)") == 0
        assert (await Supplier.create(connector="rest", name="A", code="A", created_at=clock.now())).id == 1
        await schema.check()
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError)):
        await left.execute("SELECT 1")
    with pytest.raises(asyncpg.InvalidCatalogNameError):
        await asyncpg.connect(first)
    copies.give_back(again)


@pytest.mark.parametrize(
    "change", ["ALTER TABLE audit_events DISABLE TRIGGER USER", "DROP INDEX orders_issue", "ANALYZE suppliers"]
)
async def test_a_copy_of_which_more_than_rows_was_changed_is_not_had_again(
    copies: databases.Copies, change: str
) -> None:
    changed = await copies.take()
    oid = await _oid(changed)
    async with db.database(changed):
        await Supplier.create(connector="rest", name="A", code="A", created_at=clock.now())
        await db.run(change)
    copies.give_back(changed)
    again = await copies.take()
    assert await _oid(again) != oid
    copies.give_back(again)


async def test_home_is_the_tests_own(tmp_path: Path) -> None:
    assert settings().home_path.is_relative_to(tmp_path)
