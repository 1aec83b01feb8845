"""The folder itself: pages, files put away, tracking written, and a disk that says no."""

from __future__ import annotations

import asyncio
import csv
import errno
import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from engine.connectors.channels.file import reading, tracking
from engine.connectors.channels.file.connector import Connector
from engine.connectors.channels.file.mapping import FileConfig
from engine.errors import Misconfigured, NotAuthorised, Refused, TryLater
from engine.ports import Channel, ChannelParcel, Parcel

SHEET = "Order Number,Order Date,Currency,SKU,Quantity,Unit Price\n"


def sheet(*numbers: int | str) -> str:
    return SHEET + "".join(f"{number},2026-03-09,EUR,A,1,7.50\n" for number in numbers)


def channel(folder: Path, **values: Any) -> Connector:
    return Connector(FileConfig(folder=str(folder), settle_seconds=values.pop("settle_seconds", 0), **values))


def parcel(**values: Any) -> Parcel:
    base: dict[str, Any] = {
        "key": "P/1", "order_external_id": "../10 01", "carrier": "ups", "carrier_name": "UPS",
        "tracking_number": "1Z9",
        "tracking_url": "https://ups.example/1Z9", "service": "=cmd|' /C calc'!A0", "last": True,
        "shipped_at": datetime(2026, 3, 9, tzinfo=UTC), "lines": (("A", 2), ("-B", 1)),
    }  # fmt: skip
    return Parcel(**base | values)


def test_the_connector_is_a_channel(tmp_path: Path) -> None:
    made: Channel = channel(tmp_path)
    assert made.slug == "file"


async def test_files_come_by_name_and_are_put_away_under_free_names(tmp_path: Path) -> None:
    for day in range(3):
        (tmp_path / "b.csv").write_text(sheet(day, day + 10))
        (tmp_path / "a.csv").write_text(sheet(day + 20))
        made = channel(tmp_path)
        first = await made.pull(None, None)
        second = await made.pull(None, first.next)
        assert [raw.external_id for raw in first.items + second.items] == [str(day + 20), str(day), str(day + 10)]
        assert second.next is None
        for _ in range(2):
            await made.finish(first.done + second.done)
    assert len(list((tmp_path / "processed").iterdir())) == 6
    assert await channel(tmp_path).pull(None, None) == await channel(tmp_path).pull_ids(["1"])


async def test_a_file_that_changed_after_it_was_read_stays_and_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(sheet(1, 2))
    made = channel(tmp_path, page_size=1)
    first = await made.pull(None, None)
    path.write_text(sheet(5, 6, 7))
    again = await made.pull(None, first.next)
    assert [raw.external_id for raw in again.items] == ["5"]
    await made.finish([f"a.csv|{len(sheet(1, 2))}-1"])
    assert path.exists()


async def test_a_walk_goes_on_when_its_file_is_gone(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(sheet(1, 2))
    (tmp_path / "b.csv").write_text(sheet(3))
    made = channel(tmp_path, page_size=1)
    first = await made.pull(None, None)
    (tmp_path / "a.csv").unlink()
    assert [raw.external_id for raw in (await made.pull(None, first.next)).items] == ["3"]


async def test_a_cursor_of_nobody_starts_from_the_beginning(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(sheet(1))
    assert len((await channel(tmp_path).pull(None, "zzz|x|y")).items) == 1


async def test_a_young_file_is_left_for_later(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(sheet(1))
    made = channel(tmp_path, settle_seconds=3_600)
    assert not (await made.pull(None, None)).items
    os.utime(path, (time.time() - 3_601,) * 2)
    assert len((await made.pull(None, None)).items) == 1


async def test_hidden_linked_and_other_files_are_left_alone(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text(sheet(1))
    (tmp_path / "link.csv").symlink_to(secret)
    (tmp_path / ".part.csv").write_text(sheet(1))
    (tmp_path / "dir.csv").mkdir()
    (tmp_path / "UPPER.CSV").write_text(sheet(2))
    assert [raw.external_id for raw in (await channel(tmp_path).pull(None, None)).items] == ["2"]


async def test_a_file_over_the_limit_is_rejected_with_what_to_do(tmp_path: Path) -> None:
    with (tmp_path / "a.csv").open("wb") as file:
        file.truncate(reading.LARGEST + 1)
    page = await channel(tmp_path).pull(None, None)
    assert "split it" in page.rejected[0].reason
    assert len(page.done) == 1


async def test_a_file_dropped_again_has_a_new_delivery_and_a_repeated_read_has_not(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(sheet(1))
    first = (await channel(tmp_path).pull(None, None)).items[0]
    assert (await channel(tmp_path).pull(None, None)).items[0].delivery_id == first.delivery_id
    os.utime(path, (1_700_000_000, 1_700_000_000))
    again = (await channel(tmp_path).pull(None, None)).items[0]
    assert (again.body, again.delivery_id == first.delivery_id) == (first.body, False)


async def test_a_folder_that_is_not_there_says_so(tmp_path: Path) -> None:
    made = channel(tmp_path / "none")
    with pytest.raises(TryLater, match="none"):
        await made.pull(None, None)
    with pytest.raises(Misconfigured, match="none"):
        await made.check()
    (tmp_path / "a.csv").write_text(sheet(1))
    assert "1 files wait" in await channel(tmp_path).check()


async def test_tracking_is_written_once_guarded_and_read_back(tmp_path: Path) -> None:
    made = channel(tmp_path)
    names = {await made.push_tracking(parcel()) for _ in range(3)}
    (path,) = (tmp_path / "tracking").glob("*.csv")
    assert names == {path.name}
    rows = list(csv.DictReader(path.read_text().splitlines()))
    assert [(row["line_id"], row["quantity"]) for row in rows] == [("A", "2"), ("'-B", "1")]
    assert rows[0]["service"].startswith("'=")
    want = {"../10 01": (ChannelParcel("1Z9", "P/1", path.name),)}
    assert await made.read_tracking(["../10 01", "other"]) == want
    path.unlink()  # the importer took it
    await made.push_tracking(parcel())
    assert not path.exists()
    assert await made.read_tracking(["../10 01"]) == want


async def test_a_crash_between_the_two_copies_is_healed(tmp_path: Path) -> None:
    made = channel(tmp_path)
    await made.push_tracking(parcel())
    (copy,) = (tmp_path / "tracking" / tracking.SENT).rglob("*.csv")
    copy.unlink()
    await made.push_tracking(parcel())
    assert len(await made.read_tracking(["../10 01"])) == 1


async def test_pushes_at_once_leave_one_file_per_key(tmp_path: Path) -> None:
    workers = [channel(tmp_path) for _ in range(4)]
    await asyncio.gather(*(made.push_tracking(parcel(key=f"P{n % 5}")) for n, made in enumerate(workers * 10)))
    assert len(list((tmp_path / "tracking").iterdir())) == 6  # five parcels and .sent: no temporary files
    assert len((await workers[0].read_tracking(["../10 01"]))["../10 01"]) == 5


async def test_one_key_with_another_tracking_number_is_refused(tmp_path: Path) -> None:
    made = channel(tmp_path)
    await made.push_tracking(parcel())
    with pytest.raises(Refused, match="1Z9"):
        await made.push_tracking(parcel(tracking_number="1Z8"))


@pytest.mark.parametrize("cell", ["", "a", "=1", "'=1", "''", "'s", "+4", " =1", "\t", "＝1", "@x", "-1", "1-1"])
def test_guarding_a_cell_can_be_undone(cell: str) -> None:
    assert tracking.unguard(tracking.guard(cell)) == cell
    assert not tracking.guard(cell).startswith(("=", "+", "-", "@", "\t"))


@pytest.mark.parametrize(
    ("code", "kind", "said"),
    [(errno.ENOSPC, TryLater, "disk is full"), (errno.EROFS, NotAuthorised, "write access"),
     (errno.EACCES, NotAuthorised, "write access"), (errno.EIO, TryLater, "tried again")],
)  # fmt: skip
async def test_a_disk_that_says_no_leaves_nothing_and_says_which_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, kind: type[Exception], said: str
) -> None:
    (tmp_path / "a.csv").write_text(sheet(1))
    made = channel(tmp_path)
    page = await made.pull(None, None)

    def no(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", no)
        with pytest.raises(kind, match=f"tracking-10_01.*{said}"):
            await made.push_tracking(parcel())
        with pytest.raises(kind, match=f"processed.*{said}"):
            await made.finish(page.done)
    assert (tmp_path / "a.csv").exists()
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and path.name != "a.csv"]
    await made.finish(page.done)
    await made.push_tracking(parcel())
    assert (tmp_path / "processed" / "a.csv").exists()


async def test_a_file_where_the_tracking_folder_should_be_is_refused(tmp_path: Path) -> None:
    (tmp_path / "tracking").write_text("in the way")
    with pytest.raises(Refused, match="correct the folder"):
        await channel(tmp_path).push_tracking(parcel())


def test_the_incoming_folder_cannot_be_the_tracking_folder(tmp_path: Path) -> None:
    with pytest.raises(msgspec.ValidationError, match="tracking_folder"):
        msgspec.convert({"folder": str(tmp_path), "tracking_folder": f"{tmp_path}/"}, FileConfig)
