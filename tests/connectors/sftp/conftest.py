"""The same tests against the embedded server and against OpenSSH."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from engine.connectors.suppliers.sftp.config import Config
from engine.connectors.suppliers.sftp.connector import Connector
from engine.demo.supplier_sftp import DemoSftpSupplier
from engine.transports.sftp import Login, Sftp
from tests.support.openssh import openssh

Settings = dict[str, Any]


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where sshd's keys are kept from test to test."""
    return tmp_path_factory.mktemp("sshd")


@pytest.fixture(params=["embedded", "openssh"])
async def settings(request: pytest.FixtureRequest, tmp_path: Path, keys: Path) -> AsyncIterator[Settings]:
    """How to connect to a server on ``tmp_path/root``, which has the usual directories."""
    root = tmp_path / "root"
    for name in ("orders", "acks", "shipments", "inventory"):
        (root / name).mkdir(parents=True)
    usual = {"acks_dir": "acks", "shipments_dir": "shipments", "inventory_dir": "inventory", "settle_seconds": 0}
    if request.param == "embedded":
        async with DemoSftpSupplier(root, work=False) as supplier:
            for name in ("orders/taken", "cancels/taken", "cancels"):
                (root / name).rmdir()  # the warehouse's own; it does not work here
            yield {**supplier.config(), **usual}
        return
    with openssh(keys, root=root) as server:
        yield {
            "host": server.host,
            "port": server.port,
            "username": server.username,
            "private_key": server.private_key,
            "host_key": server.host_key,
            **usual,
        }


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
    """The transport alone, to the same server."""
    names = set(Login.__struct_fields__)
    return Sftp(Login(**{key: value for key, value in {**settings, **changes}.items() if key in names}), timeout=10)
