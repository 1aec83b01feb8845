"""Two partners' keys, and the engine opposite openssl."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.connectors.as2.partner import Exchange, exchange
from tests.support.pki import Pair, make


@pytest.fixture(scope="session")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Pair]:
    """Certificates by name: ours, theirs, and a stranger's."""
    folder = tmp_path_factory.mktemp("pki")
    return {name: make(folder, name) for name in ("ours", "theirs", "stranger", "ours2", "theirs2")} | {
        "later": make(folder, "later", ends="20591231235959Z")
    }


@pytest.fixture
async def both(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pairs: dict[str, Pair]
) -> AsyncIterator[Exchange]:
    """Bluebook and its partner, on each database."""
    async with exchange(monkeypatch, tmp_path, pairs["ours"], pairs["theirs"]) as found:
        yield found


@pytest.fixture
async def here(
    sqlite_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pairs: dict[str, Pair]
) -> AsyncIterator[Exchange]:
    """The same on SQLite only."""
    async with exchange(monkeypatch, tmp_path, pairs["ours"], pairs["theirs"]) as found:
        yield found
