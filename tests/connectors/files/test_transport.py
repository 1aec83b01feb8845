"""The SFTP transport against both servers, and what people are told when it fails."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import asyncssh
import pytest

from engine.errors import Misconfigured, NotAuthorised, NotFound, OutcomeUnknown, Refused, TryLater
from tests.connectors.files.conftest import Settings, served, sftp
from tests.support.openssh import free_port, openssh


@pytest.fixture(params=["embedded", "openssh"])
async def settings(request: pytest.FixtureRequest, tmp_path: Path, keys: Path) -> AsyncIterator[Settings]:
    """The connection by SFTP."""
    async with served(request.param, tmp_path, keys) as found:
        yield found


async def test_a_file_is_written_read_listed_renamed_and_moved(settings: Settings, tmp_path: Path) -> None:
    box = sftp(settings)
    body = bytes(range(256)) * 2000
    await box.write("orders/a.part", body)
    assert (tmp_path / "root/orders/a.part").read_bytes() == body
    await box.rename("orders/a.part", "orders/a.csv")
    assert await box.read("orders/a.csv", len(body)) == body
    listed = await box.listing("orders")
    assert [(entry.name, entry.size) for entry in listed] == [("a.csv", len(body))]
    assert listed[0].mtime == int((tmp_path / "root/orders/a.csv").stat().st_mtime)
    assert not await box.exists("orders/a.part")
    assert await box.move("orders/a.csv", "orders/done") == "orders/done/a.csv"
    await box.write("orders/a.csv", b"second")
    assert await box.move("orders/a.csv", "orders/done") == "orders/done/a-1.csv"
    assert await box.move("orders/a.csv", "orders/done") is None
    assert (tmp_path / "root/orders/done/a.csv").read_bytes() == body
    await box.close()


async def test_many_tasks_share_one_connection(settings: Settings) -> None:
    box = sftp(settings)
    await asyncio.gather(*(box.write(f"orders/{n}.csv", str(n).encode() * 1000) for n in range(50)))
    bodies = await asyncio.gather(*(box.read(f"orders/{n}.csv", 10_000) for n in range(50)))
    assert bodies == [str(n).encode() * 1000 for n in range(50)]
    await box.close()


async def test_a_larger_file_than_allowed_is_refused(settings: Settings) -> None:
    box = sftp(settings)
    await box.write("orders/big", b"x" * 1001)
    with pytest.raises(Refused, match="larger than the 1000 bytes"):
        await box.read("orders/big", 1000)
    await box.close()


async def test_another_host_key_than_the_pinned_one_stops_before_the_password_leaves(settings: Settings) -> None:
    other = asyncssh.generate_private_key("ssh-ed25519")
    wrong = other.export_public_key().decode().strip()
    right = asyncssh.import_public_key(settings["host_key"]).get_fingerprint("sha256")
    for pin in (wrong, other.get_fingerprint("sha256")):
        with pytest.raises(NotAuthorised) as caught:
            await sftp(settings, host_key=pin).check()
        told = caught.value.message
        assert other.get_fingerprint("sha256") in told
        assert right in told
        assert "Ask the supplier" in told


async def test_a_pin_of_a_kind_the_server_lacks_names_what_it_presented(settings: Settings) -> None:
    rsa = asyncssh.generate_private_key("ssh-rsa", key_size=2048).export_public_key().decode().strip()
    right = asyncssh.import_public_key(settings["host_key"]).get_fingerprint("sha256")
    with pytest.raises(NotAuthorised, match="presented") as caught:
        await sftp(settings, host_key=rsa).check()
    assert right in caught.value.message


async def test_a_fingerprint_pins_as_well_as_the_key(settings: Settings) -> None:
    pin = asyncssh.import_public_key(settings["host_key"]).get_fingerprint("sha256")
    box = sftp(settings, host_key=pin)
    assert settings["username"] in await box.check()
    await box.close()


async def test_any_of_several_host_keys_can_be_pinned(tmp_path: Path, keys: Path) -> None:
    with openssh(keys, root=tmp_path / "root") as server:
        ecdsa = (keys / "host_ecdsa.pub").read_text()
        shown = subprocess.run(
            ["ssh-keygen", "-lf", keys / "host_ecdsa.pub"], capture_output=True, text=True, check=True
        )
        login = {"host": server.host, "port": server.port, "username": server.username}
        for pin in (server.host_key, server.fingerprint, ecdsa, shown.stdout.split()[1]):
            box = sftp({**login, "private_key": server.private_key, "host_key": pin})
            assert str(server.root) in await box.check()
            await box.close()


def test_a_host_key_is_required() -> None:
    with pytest.raises(Misconfigured, match="host_key must be"):
        sftp({"host": "127.0.0.1", "username": "u", "host_key": "", "password": "p"})


async def test_a_refused_connection_is_tried_later(settings: Settings) -> None:
    with pytest.raises(TryLater, match="cannot be reached"):
        await sftp(settings, port=free_port()).write("orders/x", b"")


async def test_a_wrong_login_is_not_authorised(settings: Settings) -> None:
    stranger = asyncssh.generate_private_key("ssh-ed25519").export_private_key().decode()
    with pytest.raises(NotAuthorised, match="did not accept the login"):
        await sftp(settings, password="wrong", private_key=stranger).check()


async def test_a_missing_directory_is_named(settings: Settings) -> None:
    box = sftp(settings)
    with pytest.raises(NotFound, match=r"127\.0\.0\.1.*could not write nowhere/x"):
        await box.write("nowhere/x", b"")
    await box.close()


async def test_a_read_only_server_says_which_file_and_host(tmp_path: Path, keys: Path) -> None:
    with openssh(keys, root=tmp_path / "root", read_only=True) as server:
        (server.root / "orders").mkdir()
        login = {"host": server.host, "port": server.port, "username": server.username, "host_key": server.host_key}
        box = sftp({**login, "private_key": server.private_key})
        with pytest.raises(NotAuthorised, match=r"127\.0\.0\.1.*write orders/x.*no permission"):
            await box.write("orders/x", b"x")
        assert await box.listing("orders") == ()
        await box.close()


async def test_a_full_disk_is_tried_later_and_named(tmp_path: Path, keys: Path) -> None:
    with openssh(keys, root=tmp_path / "root") as server:
        login = {"host": server.host, "port": server.port, "username": server.username, "host_key": server.host_key}
        box = sftp({**login, "private_key": server.private_key})
        with pytest.raises(TryLater, match=r"127\.0\.0\.1.*write /dev/full.*full disk"):
            await box.write("/dev/full", b"x" * 100_000)
        await box.close()


async def test_a_lost_connection_is_opened_again(tmp_path: Path, keys: Path) -> None:
    port = free_port()
    with openssh(keys, root=tmp_path / "root", port=port) as server:
        login = {"host": server.host, "port": port, "username": server.username, "host_key": server.host_key}
        box = sftp({**login, "private_key": server.private_key})
        await box.write("one", b"1")
        server.cut()
        await box.write("two", b"2")
        assert (server.root / "two").read_bytes() == b"2"
    with pytest.raises((TryLater, OutcomeUnknown)):
        await box.rename("two", "three")
    with openssh(keys, root=tmp_path / "root", port=port):
        await box.rename("two", "three")
        assert await box.exists("three")
    await box.close()
