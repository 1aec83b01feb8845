"""A directory as a way for files to travel: the promises of ``FileTransport``, on a real file system."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from engine.errors import Misconfigured, NotFound, OutcomeUnknown, Refused
from engine.transports.exchange import Delivery, Pickup, Source, put
from engine.transports.folder import Folder


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    (tmp_path / "orders").mkdir()
    (tmp_path / "acks").mkdir()
    return Folder(str(tmp_path))


def delivery(folder: Folder) -> Delivery:
    return Delivery(folder, orders_dir="orders", staging_dir="", extension="edi")


def pickup(folder: Folder, **changes: float) -> Pickup:
    limits = {"settle_seconds": 0.0, "max_file_bytes": 1000, "files_per_poll": 10, **changes}
    return Pickup(folder, [Source("acks", "acks")], lambda name, mtime: "text/plain", **limits)  # type: ignore[arg-type]


async def test_a_delivered_order_appears_in_one_rename_and_is_found(folder: Folder, tmp_path: Path) -> None:
    out = delivery(folder)
    await out.stage("1001-1", b"order")
    assert [path.name for path in (tmp_path / "orders").iterdir()] == [".1001-1.edi.part"]
    assert await out.find("1001-1") is None
    await out.submit("1001-1", b"order")
    assert (tmp_path / "orders/1001-1.edi").read_bytes() == b"order"
    assert await out.find("1001-1") is not None
    (tmp_path / "orders/1001-1.edi").unlink()  # the supplier took it
    assert await out.find("1001-1") is not None


async def test_find_does_not_guess_when_the_staging_directory_is_gone(folder: Folder, tmp_path: Path) -> None:
    (tmp_path / "orders").rmdir()
    with pytest.raises(OutcomeUnknown, match="orders is gone"):
        await delivery(folder).find("1001-1")


async def test_what_was_read_is_put_away_and_never_over_another(folder: Folder, tmp_path: Path) -> None:
    (tmp_path / "acks/processed").mkdir()
    (tmp_path / "acks/processed/a.edi").write_bytes(b"older")
    (tmp_path / "acks/a.edi").write_bytes(b"newer")
    (tmp_path / "acks/b.edi.tmp").write_bytes(b"half")
    page = await pickup(folder).poll(None)
    assert [item.body for item in page.items] == [b"newer"]
    await pickup(folder).finish(page.done)
    await pickup(folder).finish(page.done)  # twice is once
    assert sorted(path.name for path in (tmp_path / "acks/processed").iterdir()) == ["a-1.edi", "a.edi"]
    assert (tmp_path / "acks/processed/a.edi").read_bytes() == b"older"


async def test_a_file_that_still_grows_is_not_read(folder: Folder, tmp_path: Path) -> None:
    (tmp_path / "acks/a.edi").write_bytes(b"half")
    slow = pickup(folder, settle_seconds=3_600.0)
    page = await slow.poll(None)
    assert page.items == ()
    os.utime(tmp_path / "acks/a.edi", (1, 1))
    assert (await slow.poll(None)).items[0].body == b"half"


async def test_paths_stay_inside_the_folder(folder: Folder, tmp_path: Path) -> None:
    for path in ("../x", "orders/../../x"):
        with pytest.raises(Misconfigured, match="outside"):
            await folder.write(path, b"")
    await folder.write("/orders/x", b"1")  # a leading slash is the folder itself, as at an SFTP server
    assert (tmp_path / "orders/x").read_bytes() == b"1"


async def test_errors_say_what_could_not_be_done_and_where(folder: Folder, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="could not list nowhere"):
        await folder.listing("nowhere")
    with pytest.raises(NotFound, match=r"could not write nowhere/a"):
        await folder.write("nowhere/a", b"")
    (tmp_path / "orders/big").write_bytes(b"x" * 11)
    with pytest.raises(Refused, match="larger than the 10 bytes"):
        await folder.read("orders/big", 10)
    with pytest.raises(Misconfigured, match="there is no directory"):
        await Folder(str(tmp_path / "missing")).check()
    with pytest.raises(Misconfigured, match="absolute path"):
        Folder("relative")


async def test_what_may_be_said_twice_is_put_once_while_it_is_not_taken(folder: Folder, tmp_path: Path) -> None:
    assert await put(folder, "cancels", "c.edi", b"1")
    assert not await put(folder, "cancels", "c.edi", b"2")
    assert (tmp_path / "cancels/c.edi").read_bytes() == b"1"
    (tmp_path / "cancels/c.edi").unlink()
    assert await put(folder, "cancels", "c.edi", b"2")
