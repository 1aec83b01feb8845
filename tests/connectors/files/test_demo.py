"""The demo supplier, through the connector, as people will meet it."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import msgspec

from engine.connectors.suppliers.files.config import Config
from engine.connectors.suppliers.files.connector import Connector
from engine.demo.supplier_sftp import DemoSftpSupplier, Warehouse, ups_number
from engine.ports import SupplierUpdate, UpdateKind
from tests.connectors.files.test_delivery import purchase


async def _collect(supplier: Connector, want: int, kind: UpdateKind) -> list[SupplierUpdate]:
    """All updates until ``want`` purchase orders have had one of this kind."""
    updates: list[SupplierUpdate] = []
    async with asyncio.timeout(150):
        while len({u.po_number for u in updates if u.kind is kind}) < want:
            page = await supplier.poll(None)
            updates += [update for raw in page.items for update in supplier.read(raw)]
            await supplier.finish(page.done)
            await asyncio.sleep(0.02)
    return updates


def test_a_ups_number_has_the_check_digit_ups_prints() -> None:
    number = ups_number("x")
    assert len(number) == 18
    values = [int(c) if c.isdigit() else (ord(c) - 63) % 10 for c in number[2:]]
    assert (sum(values[0:15:2]) + 2 * sum(values[1:15:2]) + values[15]) % 10 == 0


async def test_orders_are_acknowledged_and_shipped_each_piece_once(tmp_path: Path) -> None:
    async with DemoSftpSupplier(tmp_path / "root", ship_after=0.1, tick=0.05) as demo:
        supplier = Connector(msgspec.convert(demo.config(), Config))
        numbers = [f"{n}-1" for n in range(100)]

        async def send(number: str) -> None:
            body = supplier.render(purchase(number))
            await supplier.stage(number, body)
            await supplier.submit(number, body)

        await asyncio.gather(*map(send, numbers))
        updates = await _collect(supplier, 100, UpdateKind.SHIPPED)
        await supplier.close()
    assert sorted(u.po_number for u in updates if u.kind is UpdateKind.ACKNOWLEDGED) == sorted(numbers)
    shipped = [update for update in updates if update.kind is UpdateKind.SHIPPED]
    assert len(shipped) > 100  # some go in two parcels
    assert len({update.tracking_number for update in shipped}) == len(shipped)
    for number in numbers:
        pieces = [(x.line, x.quantity) for u in shipped if u.po_number == number for x in u.lines]
        assert [sum(q for line, q in pieces if line == n) for n in (1, 2)] == [2, 1]
    ledger = [json.loads(line) for line in demo.warehouse.ledger.read_text().splitlines()]
    assert sorted(entry["po_number"] for entry in ledger) == sorted(numbers)


async def test_a_cancel_is_answered(tmp_path: Path) -> None:
    async with DemoSftpSupplier(tmp_path / "root", ship_after=3_600, tick=0.02) as demo:
        supplier = Connector(msgspec.convert(demo.config(), Config))
        body = supplier.render(purchase("1-1"))
        await supplier.stage("1-1", body)
        await supplier.submit("1-1", body)
        await _collect(supplier, 1, UpdateKind.ACKNOWLEDGED)
        await supplier.request_cancel("1-1")
        await supplier.request_cancel("2-1")
        told = await _collect(supplier, 1, UpdateKind.CANCELED)
        if len(told) == 1:
            told += await _collect(supplier, 1, UpdateKind.CANCEL_REFUSED)
        await supplier.close()
    assert {(u.po_number, u.kind) for u in told} == {("1-1", UpdateKind.CANCELED), ("2-1", UpdateKind.CANCEL_REFUSED)}


def test_a_restarted_warehouse_ships_what_it_had_taken(tmp_path: Path) -> None:
    supplier = Connector(Config(host="h", username="u", password="p", host_key="SHA256:x"))
    Warehouse(tmp_path / "root", ship_after=0)
    for number in ("1-1", "2-1"):
        (tmp_path / f"root/orders/{number}.csv").write_bytes(supplier.render(purchase(number)))
    (tmp_path / "root/orders/broken.csv").write_text("nonsense\n")
    assert Warehouse(tmp_path / "root", ship_after=60).work() == 3
    later = Warehouse(tmp_path / "root", ship_after=0)
    assert later.work() == 2
    assert later.work() == 0
    assert Warehouse(tmp_path / "root", ship_after=0).work() == 0
    assert len(list((tmp_path / "root/shipments").iterdir())) == 1
    (acks,) = (tmp_path / "root/acks").iterdir()
    assert "broken,rejected" in acks.read_text()


async def test_it_runs_as_a_process_and_prints_how_to_connect(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "engine.demo.supplier_sftp", "--root", str(tmp_path / "r"), "--ship-after", "0"]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    login = json.loads(await process.stdout.readline())
    assert sorted(login) == ["host", "host_key", "password", "port", "username"]
    supplier = Connector(msgspec.convert(login, Config))
    assert "bluebook" in await supplier.check()
    await supplier.close()
    process.terminate()
    await process.wait()
