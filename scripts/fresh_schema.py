"""``python -m scripts.fresh_schema`` writes what the migrations do to an empty database, statement by statement, one file a kind.

A new database is made from that: running the migrations themselves rebuilds every model at each step, which takes seconds.
PostgreSQL must answer (``BLUEBOOK_TEST_POSTGRES``). tests/integration/test_schema.py compares the two.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tortoise.migrations.recorder import MigrationRecorder
from tortoise.migrations.schema_editor import BasePostgresSchemaEditor, SqliteSchemaEditor

from engine import db
from engine.models.operations import PerDialect
from engine.services import schema
from tests.support import databases


@asynccontextmanager
async def _empty(kind: str) -> AsyncIterator[None]:
    if kind == "sqlite":
        with tempfile.TemporaryDirectory() as folder:
            async with db.database(f"sqlite:///{folder}/empty.sqlite3"):
                yield
        return
    url = await databases.create()
    try:
        async with db.database(url):
            yield
    finally:
        await databases.drop(url)


async def statements(kind: str) -> list[str]:
    """What the migrations say to an empty database of this kind, in order."""
    said: list[str] = []
    editor: Any = SqliteSchemaEditor if kind == "sqlite" else BasePostgresSchemaEditor
    run, forward, ensure = editor._run_sql, PerDialect.database_forward, MigrationRecorder.ensure_schema

    async def run_and_note(self: Any, sql: str) -> None:
        parts = sql.split(";") if kind == "sqlite" else [sql.rstrip().removesuffix(";")]
        said.extend(part.strip() for part in parts if part.strip())
        await run(self, sql)

    async def forward_and_note(self: PerDialect, *args: Any, **named: Any) -> None:
        if args[3] is not None:
            said.extend(self.statements[kind])
        await forward(self, *args, **named)

    async def ensure_and_note(self: MigrationRecorder, schema_editor: Any) -> None:
        said.append(schema_editor._get_model_sql_data(self.model).table_sql.strip().removesuffix(";"))
        await ensure(self, schema_editor)

    editor._run_sql, PerDialect.database_forward = run_and_note, forward_and_note  # type: ignore[method-assign]
    MigrationRecorder.ensure_schema = ensure_and_note  # type: ignore[method-assign]
    try:
        async with _empty(kind):
            await schema.migrate()
    finally:
        editor._run_sql, PerDialect.database_forward = run, forward  # type: ignore[method-assign]
        MigrationRecorder.ensure_schema = ensure  # type: ignore[method-assign]
    return said


async def main() -> None:
    """Both files are written."""
    for kind in schema.KINDS:
        path = schema.fresh_file(kind)
        path.write_text(schema.written(await statements(kind)))
        print(f"wrote {path.name}")


if __name__ == "__main__":
    asyncio.run(main())
