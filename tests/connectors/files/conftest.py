"""The same tests against the embedded SFTP server, OpenSSH, and vsftpd with TLS and without."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from engine.connectors.suppliers.files.config import Config
from engine.connectors.suppliers.files.connector import Connector
from engine.demo.supplier_sftp import DemoSftpSupplier
from engine.transports.sftp import Login, Sftp
from tests.support.openssh import openssh
from tests.support.vsftpd import vsftpd

Settings = dict[str, Any]


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the servers' keys are kept from test to test."""
    return tmp_path_factory.mktemp("keys")


@asynccontextmanager
async def served(kind: str, tmp_path: Path, keys: Path) -> AsyncIterator[Settings]:
    """How to connect to a server of this kind on ``tmp_path/root``, which has the usual directories."""
    root = tmp_path / "root"
    for name in ("orders", "acks", "shipments", "inventory"):
        (root / name).mkdir(parents=True)
    usual = {"acks_dir": "acks", "shipments_dir": "shipments", "inventory_dir": "inventory", "settle_seconds": 0}
    if kind == "embedded":
        async with DemoSftpSupplier(root, work=False) as supplier:
            for name in ("orders/taken", "cancels/taken", "cancels"):
                (root / name).rmdir()  # the warehouse's own; it does not work here
            yield {**supplier.config(), **usual}
    elif kind == "openssh":
        with openssh(keys, root=root) as ssh:
            yield {
                "host": ssh.host, "port": ssh.port, "username": ssh.username, "private_key": ssh.private_key,
                "host_key": ssh.host_key, **usual,
            }  # fmt: skip
    else:
        with vsftpd(keys, root=root, tls=kind == "ftps") as ftp:
            yield {**ftp.settings(), **usual}


@pytest.fixture(params=["embedded", "openssh", "ftps", "ftp"])
async def settings(request: pytest.FixtureRequest, tmp_path: Path, keys: Path) -> AsyncIterator[Settings]:
    """The connection by each way, one after the other."""
    async with served(request.param, tmp_path, keys) as found:
        yield found


@pytest.fixture
async def connect(settings: Settings) -> AsyncIterator[Callable[..., Connector]]:
    """Makes connectors with these settings changed, and closes them."""
    made: list[Connector] = []

    def make(**changes: Any) -> Connector:
        made.append(Connector(msgspec.convert({**settings, **changes}, Config)))
        return made[-1]

    yield make
    for connector in made:
        await connector.close()


def sftp(settings: Settings, **changes: Any) -> Sftp:
    """The SFTP transport alone, to the same server."""
    names = set(Login.__struct_fields__)
    return Sftp(Login(**{key: value for key, value in {**settings, **changes}.items() if key in names}), timeout=60)
