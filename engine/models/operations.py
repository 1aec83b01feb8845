"""Migration steps of our own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tortoise.migrations.operations import TortoiseOperation


class PerDialect(TortoiseOperation):
    """Plain SQL for what models cannot say: partial and descending indexes, triggers, checks. One list for each database."""

    def __init__(self, *, sqlite: Sequence[str], postgres: Sequence[str]) -> None:
        self.statements = {"sqlite": list(sqlite), "postgres": list(postgres)}

    def describe(self) -> str:
        return f"Run {len(self.statements['sqlite'])} statements"

    async def database_forward(
        self, app_label: str, old_state: Any, new_state: Any, state_editor: Any | None = None
    ) -> None:
        if state_editor is None:
            return
        for statement in self.statements[state_editor.client.capabilities.dialect]:
            # Not the editor's own _run_sql: it splits at semicolons, and a trigger's body has some.
            await state_editor.client.execute_query(statement)
