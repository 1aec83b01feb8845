"""The scene of ``tests.support.scene`` for every test here that asks for it."""

from pathlib import Path

import pytest

from tests.support.bulk import filled, filled_sqlite
from tests.support.scene import scene, scene_of_module, url_of_module

__all__ = ["filled", "filled_sqlite", "scene", "scene_of_module", "url_of_module"]
ON_BOTH = frozenset({"test_bulk", "test_process", "test_take_back", "test_undo"})
"""Modules in which keys write much. The others run on SQLite: that both databases give the same is the services' tests' business,
and the app as a whole runs on PostgreSQL in ``tests/e2e``."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What is run on SQLite only is not collected for PostgreSQL."""
    mine = [item for item in items if item.path.parent == Path(__file__).parent and item.path.stem not in ON_BOTH]
    left = {id(item) for item in mine if "postgres" in getattr(getattr(item, "callspec", None), "params", {}).values()}
    config.hook.pytest_deselected(items=[item for item in items if id(item) in left])
    items[:] = [item for item in items if id(item) not in left]
