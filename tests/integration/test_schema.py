"""The migrated schema is the one the models and the plain SQL describe, on both databases."""

from __future__ import annotations

import asyncio
import os
import re
from pathlib import Path

import pytest
from tortoise import Tortoise
from tortoise.exceptions import IntegrityError, OperationalError

from engine import clock, db
from engine.errors import Misconfigured
from engine.services import schema
from scripts import fresh_schema
from tests.support import databases
from tests.support.bulk import fill


def _expected() -> tuple[dict[str, set[tuple[str, bool]]], set[str]]:
    """Tables with (column, may be null) and unique column sets, as Tortoise itself would make them from the models."""
    found: dict[str, set[tuple[str, bool]]] = {}
    unique: set[str] = set()
    for model in Tortoise.apps["models"].values():  # type: ignore[index]
        meta = model._meta
        columns = set()
        for field in meta.fields_map.values():
            column = field.source_field or field.model_field_name
            if field.model_field_name in meta.db_fields:
                columns.add((column, bool(field.null)))
                if field.unique and not field.pk:
                    unique.add(f"{meta.db_table}({column})")
        for together in meta.unique_together:
            names = [meta.fields_db_projection.get(n, meta.fields_db_projection.get(f"{n}_id", n)) for n in together]
            unique.add(f"{meta.db_table}({','.join(names)})")
        found[meta.db_table] = columns
    return found, unique


async def _actual() -> tuple[dict[str, set[tuple[str, bool]]], set[str]]:
    found: dict[str, set[tuple[str, bool]]] = {}
    unique: set[str] = set()
    if db.is_postgres():
        for r in await db.rows(
            "SELECT table_name, column_name, is_nullable FROM information_schema.columns WHERE table_schema = 'public'"
        ):
            found.setdefault(r[0], set()).add((r[1], r[2] == "YES"))
        for r in await db.rows("SELECT tablename, indexdef FROM pg_indexes WHERE schemaname = 'public'"):
            match = re.search(r"UNIQUE INDEX .* USING btree \(([^)]*)\)$", r[1])
            if match:
                unique.add(f"{r[0]}({match.group(1).replace(' ', '')})")
        return found, unique
    for t in await db.rows("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"):
        for c in await db.rows(f"PRAGMA table_info({t[0]})"):
            found.setdefault(t[0], set()).add((c[1], not c[3] and not c[5]))
        for i in await db.rows(f"PRAGMA index_list({t[0]})"):
            if i[2] and not i[4]:
                columns = [c[2] for c in await db.rows(f"PRAGMA index_info({i[1]})")]
                unique.add(f"{t[0]}({','.join(columns)})")
    return found, unique


async def test_every_table_column_and_unique_set_of_the_models_is_migrated(database: str) -> None:
    expected, expected_unique = _expected()
    actual, actual_unique = await _actual()
    beyond = set(actual) - set(expected)
    assert beyond == {"terms", "tortoise_migrations"}
    for table, columns in expected.items():
        assert actual[table] == columns, table
    assert expected_unique <= actual_unique


async def test_both_databases_have_the_same_indexes(sqlite_url: str, postgres_url: str) -> None:
    names = []
    for url, sql in (
        (sqlite_url, "SELECT name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"),
        (postgres_url, "SELECT indexname FROM pg_indexes WHERE schemaname = 'public'"),
    ):
        async with db.database(url):
            found = {str(r[0]) for r in await db.rows(sql)}
        names.append({n for n in found if not n.endswith(("_pkey", "_key")) and not n.startswith(("idx_", "uid_"))})
    # The change feed needs the writing transaction's number only where transactions run side by side.
    assert names[0] ^ names[1] <= {"audit_events_xid"}


async def test_the_blue_book_refuses_update_and_delete(database: str) -> None:
    await fill(database, 5)
    assert await db.value("SELECT COUNT(*) FROM audit_events") > 0
    for sql in ("UPDATE audit_events SET actor = 'me'", "DELETE FROM audit_events"):
        with pytest.raises(Exception, match="append-only"):
            await db.run(sql)


async def test_quantities_that_do_not_add_up_are_refused(database: str) -> None:
    await fill(database, 5)
    for table in ("order_lines", "purchase_order_lines"):
        with pytest.raises((IntegrityError, OperationalError), match=r"conserve|must equal"):
            await db.run(f"UPDATE {table} SET shipped = quantity + 1")


async def test_a_database_of_a_newer_version_is_left_alone_with_a_clear_message(database: str) -> None:
    await db.run(
        "INSERT INTO tortoise_migrations (app, name, applied_at) VALUES (?, ?, ?)",
        "models", "9999_from_the_future", clock.now() if db.is_postgres() else clock.now().isoformat(),
    )  # fmt: skip
    for action in (schema.check, schema.upgrade):
        with pytest.raises(Misconfigured, match=r"newer Bluebook .*9999_from_the_future.*Nothing was changed"):
            await action()


@pytest.mark.parametrize("kind", schema.KINDS)
async def test_a_new_database_is_made_by_what_the_migrations_say(kind: str) -> None:
    if kind == "postgres" and (trouble := await databases.postgres_trouble()):
        pytest.fail(trouble) if os.environ.get("CI") else pytest.skip(trouble)
    said = schema.written(await fresh_schema.statements(kind))
    assert schema.fresh_file(kind).read_text() == said, "run `python -m scripts.fresh_schema` and commit what it wrote"


@pytest.mark.parametrize("kind", schema.KINDS)
def test_a_column_is_added_so_that_rows_there_are_have_something_in_it(kind: str) -> None:
    added = [line for line in schema.fresh_file(kind).read_text().splitlines() if " ADD COLUMN " in line]
    assert added
    assert [line for line in added if " NOT NULL" in line and " DEFAULT " not in line] == []


async def test_two_at_once_make_one_schema(tmp_path: Path) -> None:
    urls = [f"sqlite:///{tmp_path}/new.sqlite3"]
    if not await databases.postgres_trouble():
        urls.append(await databases.create())

    async def make(url: str) -> list[str]:
        async with db.database(url):
            return await schema.upgrade()

    for url in urls:
        made = await asyncio.gather(make(url), make(url), make(url))
        assert schema.known() in made
        async with db.database(url):
            await schema.check()
            names = [str(r[0]) for r in await db.rows("SELECT name FROM tortoise_migrations ORDER BY name")]
        assert names == schema.known()
    for url in urls[1:]:
        await databases.drop(url)


async def test_upgrading_twice_is_harmless(tmp_path: Path) -> None:
    async with db.database(f"sqlite:///{tmp_path}/new.sqlite3"):
        assert await schema.upgrade() == schema.known()
        assert await schema.upgrade() == []
        await schema.check()
