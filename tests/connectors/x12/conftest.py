"""The same trade over a folder, over Debian's OpenSSH, and over its vsftpd with TLS."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.connectors.x12.partner import Trade, trade
from tests.support.openssh import openssh
from tests.support.vsftpd import vsftpd


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the servers' keys are kept from test to test."""
    return tmp_path_factory.mktemp("sshd")


@pytest.fixture
async def strict(sqlite_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Trade]:
    """mock-edi in strict mode, over a folder."""
    async with trade(
        monkeypatch, tmp_path / "root", {"transport": "folder", "folder": str(tmp_path / "root")}
    ) as found:
        yield found


@pytest.fixture(params=["folder", "sftp", "ftps"])
async def anyhow(
    request: pytest.FixtureRequest, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keys: Path
) -> AsyncIterator[Trade]:
    """mock-edi in strict mode, over each transport and on each database."""
    root = tmp_path / "root"
    root.mkdir()
    if request.param == "folder":
        async with trade(monkeypatch, root, {"transport": "folder", "folder": str(root)}) as found:
            yield found
        return
    if request.param == "ftps":
        with vsftpd(keys, root=root) as ftp:
            async with trade(monkeypatch, root, ftp.settings()) as found:
                yield found
        return
    with openssh(keys, root=root) as server:
        connection: dict[str, Any] = {
            "transport": "sftp", "host": server.host, "port": server.port, "username": server.username,
            "private_key": server.private_key, "host_key": server.host_key,
        }  # fmt: skip
        async with trade(monkeypatch, root, connection) as found:
            yield found
