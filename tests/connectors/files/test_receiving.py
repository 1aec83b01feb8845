"""What comes back: which files are taken, when, and where they go."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from engine import clock
from engine.connectors.suppliers.files.connector import Connector
from engine.errors import Misconfigured, Unreadable
from engine.services.inbox import digest
from tests.connectors.files.conftest import Settings

Make = Callable[..., Connector]
Passes = Callable[[float], None]
ACK = "po_number,status,date\n1-1,accepted,2026-01-02\n"


@pytest.fixture
def with_time() -> Iterator[Passes]:
    """So many seconds have passed, by our clock."""
    yield lambda seconds: clock.use(lambda: datetime.now(UTC) + timedelta(seconds=seconds))
    clock.use(lambda: datetime.now(UTC))


def put(tmp_path: Path, name: str, text: str | bytes, age: float = 60) -> Path:
    path = tmp_path / "root" / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    os.utime(path, (time.time() - age, time.time() - age))
    return path


async def test_files_are_read_once_and_moved_never_deleted(connect: Make, tmp_path: Path) -> None:
    supplier = connect(acks_pattern="ack*.csv")
    for name in ("acks/ack-1.csv", "acks/other.csv", "acks/.ack-2.csv", "acks/ack-3.csv.part"):
        put(tmp_path, name, ACK)
    page = await supplier.poll(None)
    assert [raw.external_id for raw in page.items] == ["acks/ack-1.csv"]
    assert page.items[0].delivery_id is not None
    await supplier.finish(page.done)
    await supplier.finish(page.done)
    assert sorted(os.listdir(tmp_path / "root/acks")) == [".ack-2.csv", "ack-3.csv.part", "other.csv", "processed"]
    put(tmp_path, "acks/ack-1.csv", ACK.replace("1-1", "2-1"), age=30)
    again = await supplier.poll(page.next)
    assert again.items[0].delivery_id != page.items[0].delivery_id
    await supplier.finish(again.done)
    assert sorted(os.listdir(tmp_path / "root/acks/processed")) == ["ack-1-1.csv", "ack-1.csv"]
    last = await supplier.poll(again.next)
    assert (last.items, last.done, last.next) == ((), (), again.next)


async def test_a_young_file_waits(connect: Make, settings: Settings, with_time: Passes, tmp_path: Path) -> None:
    supplier = connect(settle_seconds=3_600)
    path = put(tmp_path, "acks/a.csv", ACK, age=0)
    page = await supplier.poll(None)
    assert page.items == ()
    os.utime(path, (time.time() - 7_200,) * 2)
    if settings.get("transport") in ("ftp", "ftps"):  # whose times may be in any zone: only our own clock counts
        page = await supplier.poll(None)
        assert page.items == ()
        with_time(3_601)
        assert (await supplier.poll(page.next)).items[0].external_id == "acks/a.csv"
    else:
        assert (await supplier.poll(None)).items[0].external_id == "acks/a.csv"


async def test_a_file_still_growing_is_left_alone(connect: Make, with_time: Passes, tmp_path: Path) -> None:
    supplier = connect(settle_seconds=3_600)
    put(tmp_path, "acks/a.csv", ACK[:30], age=0)
    page = await supplier.poll(None)
    put(tmp_path, "acks/a.csv", ACK[:40], age=7_200)  # its clock says old, its size says growing
    page = await supplier.poll(page.next)
    assert page.items == ()
    put(tmp_path, "acks/a.csv", ACK, age=-7_200)  # a server whose clock is ahead
    page = await supplier.poll(page.next)
    same = await supplier.poll(page.next)
    assert (same.items, same.next) == ((), page.next)
    with_time(3_601)
    page = await supplier.poll(page.next)
    assert [raw.body.decode() for raw in page.items] == [ACK]


async def test_two_pollers_see_the_same_delivery_and_lose_nothing(connect: Make, tmp_path: Path) -> None:
    one, two = connect(), connect()
    for number in range(5):
        put(tmp_path, f"acks/{number}.csv", ACK.replace("1-1", f"{number}-1"))
    first, second = await one.poll(None), await two.poll(None)
    assert [raw.delivery_id for raw in first.items] == [raw.delivery_id for raw in second.items]
    await one.finish(first.done[:3])
    await two.finish(second.done)
    await one.finish(first.done)
    assert len(os.listdir(tmp_path / "root/acks/processed")) == 5


async def test_a_file_replaced_after_it_was_read_is_not_moved_away(connect: Make, tmp_path: Path) -> None:
    supplier = connect()
    put(tmp_path, "acks/today.csv", ACK)
    page = await supplier.poll(None)
    put(tmp_path, "acks/today.csv", ACK + "2-1,accepted,2026-01-02\n", age=10)
    await supplier.finish(page.done)
    assert len(supplier.read((await supplier.poll(page.next)).items[0])) == 2


async def test_a_page_holds_no_more_files_than_asked(connect: Make, tmp_path: Path) -> None:
    supplier = connect(files_per_poll=2)
    for number in range(5):
        put(tmp_path, f"acks/{number}.csv", ACK)
    seen: list[str] = []
    cursor = None
    while True:
        page = await supplier.poll(cursor)
        if not page.items:
            break
        assert len(page.items) <= 2
        seen += [raw.external_id for raw in page.items]
        await supplier.finish(page.done)
        cursor = page.next
    assert seen == [f"acks/{number}.csv" for number in range(5)]


async def test_too_large_a_file_is_parked_and_moved(connect: Make, tmp_path: Path) -> None:
    supplier = connect(max_file_bytes=10)
    put(tmp_path, "inventory/stock.csv", b"x" * 11)
    page = await supplier.poll(None)
    assert page.items == ()
    assert "11 bytes" in page.rejected[0].reason
    await supplier.finish(page.done)
    assert os.listdir(tmp_path / "root/inventory/processed") == ["stock.csv"]


async def test_stock_that_is_again_what_it_was_is_another_payload(connect: Make, tmp_path: Path) -> None:
    supplier = connect()
    told = []
    for day, pieces in enumerate((5, 0, 5), 1):
        put(tmp_path, "inventory/stock.csv", f"sku,qty\nA,{pieces}\n".encode())
        os.utime(tmp_path / "root/inventory/stock.csv", (day * 86_400, day * 86_400))
        page = await supplier.poll(None)
        told += page.items
        await supplier.finish(page.done)
    assert [update.lines[0].quantity for raw in told for update in supplier.read(raw)] == [5, 0, 5]
    assert len({digest(raw) for raw in told}) == 3


async def test_the_same_file_under_another_name_is_the_same(connect: Make, tmp_path: Path) -> None:
    supplier = connect()
    told = []
    for name in ("acks/monday.csv", "acks/monday (1).csv", "shipments/monday.csv"):
        put(tmp_path, name, ACK)
        page = await supplier.poll(None)
        told += page.items
        await supplier.finish(page.done)
    assert len({digest(raw) for raw in told}) == 2
    assert [raw.external_id for raw in told] == ["acks/monday.csv", "acks/monday (1).csv", "shipments/monday.csv"]


async def test_names_that_are_no_text_are_read_and_moved_too(connect: Make, tmp_path: Path) -> None:
    supplier = connect()
    (tmp_path / "root/acks" / os.fsdecode(b"gr\xfc\xdfe ? #1.csv")).write_text(ACK)
    page = await supplier.poll(None)
    assert supplier.read(page.items[0])[0].po_number == "1-1"
    await supplier.finish(page.done)
    assert os.listdir(os.fsencode(tmp_path / "root/acks/processed")) == [b"gr\xfc\xdfe ? #1.csv"]


async def test_a_missing_directory_is_named(connect: Make) -> None:
    with pytest.raises(Misconfigured, match="nowhere"):
        await connect(shipments_dir="nowhere").poll(None)


async def test_a_foreign_cursor_is_not_understood(connect: Make) -> None:
    with pytest.raises(Unreadable, match="cursor"):
        await connect().poll("[1,2]")
