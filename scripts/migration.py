"""``python -m scripts.migration add_gift_note`` writes the next migration from what the models say that the last did not.

Refused, because on SQLite they rebuild the table and lose its indexes and triggers: everything but CreateModel, AddField
and AddIndex. Write the SQL for those by hand (docs/adr/0005-migrations.md).
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

from tortoise import Tortoise
from tortoise.migrations.autodetector import MigrationAutodetector
from tortoise.migrations.writer import format_migration_name

from engine import db

ALLOWED = {"CreateModel", "AddField", "AddIndex"}


async def write(name: str) -> int:
    """The exit code; the migration, where one is due, is in engine/migrations."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/empty.sqlite3"
        async with db.database(url):
            apps = db.tortoise_config(url)["apps"]
            assert Tortoise.apps is not None
            writers = await MigrationAutodetector(Tortoise.apps, apps).changes()
    for writer in writers:
        refused = sorted({type(operation).__name__ for operation in writer.operations} - ALLOWED)
        if refused:
            print(
                f"not written: {', '.join(refused)} would rebuild tables on SQLite; see docs/adr/0005", file=sys.stderr
            )
            return 1
        writer.name = format_migration_name(int(writer.name.partition("_")[0]), name)
        print(f"wrote {Path(writer.write())}")
    if not writers:
        print("the migrations say all that the models say")
    return 0


if __name__ == "__main__":
    if len(sys.argv) != 2 or not sys.argv[1].isidentifier():
        sys.exit("usage: python -m scripts.migration NAME   (a word like add_gift_note)")
    sys.exit(asyncio.run(write(sys.argv[1])))
