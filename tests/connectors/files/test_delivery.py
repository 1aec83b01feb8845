"""Each purchase order is delivered once: stage, submit and find, cut off at every point."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from engine.connectors.suppliers.files.config import Config
from engine.connectors.suppliers.files.connector import Connector
from engine.domain.addresses import Address
from engine.errors import NotAuthorised, OutcomeUnknown, Refused, TryLater
from engine.ports import CancelAnswer, Purchase, PurchaseLine, UpdateKind
from tests.connectors.files.conftest import Settings
from tests.support.openssh import free_port, openssh

Make = Callable[..., Connector]
PO = "1001-1"
BODY = b"po_number,line\r\n1001-1,1\r\n"


def purchase(po_number: str = PO, title: str = "Blue mug", quantities: tuple[int, ...] = (2, 1)) -> Purchase:
    return Purchase(
        po_number=po_number,
        order_number=po_number.rpartition("-")[0],
        currency="USD",
        ship_to=Address(name="Ann Lee", line1="1 Main St", city="Springfield", region="IL", country="US"),
        method_code="UPS_GROUND",
        method_name="UPS Ground",
        placed_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        lines=tuple(
            PurchaseLine(line=n, supplier_sku=f"S-{n}", sku=f"K-{n}", title=title, quantity=q, unit_cost=1234)
            for n, q in enumerate(quantities, 1)
        ),
    )


@pytest.fixture(params=["", "staging"])
def staging(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def test_before_staging_nothing_is_claimed_to_be_sent(connect: Make, staging: str, tmp_path: Path) -> None:
    supplier = connect(staging_dir=staging)
    with pytest.raises(OutcomeUnknown):
        await supplier.submit(PO, BODY)
    assert os.listdir(tmp_path / "root/orders") == []


async def test_after_staging_the_answer_is_a_definite_no(connect: Make, staging: str, tmp_path: Path) -> None:
    await connect(staging_dir=staging).stage(PO, BODY)
    after_crash = connect(staging_dir=staging)
    assert await after_crash.find(PO) is None
    assert [name for name in os.listdir(tmp_path / "root/orders") if not name.startswith(".")] == []
    await after_crash.stage(PO, BODY)
    await after_crash.submit(PO, BODY)
    assert os.listdir(tmp_path / "root/orders") == [f"{PO}.csv"]


async def test_after_the_rename_the_answer_is_yes(connect: Make, staging: str, tmp_path: Path) -> None:
    first = connect(staging_dir=staging)
    await first.stage(PO, BODY)
    await first.submit(PO, BODY)
    assert (tmp_path / f"root/orders/{PO}.csv").read_bytes() == BODY
    after_crash = connect(staging_dir=staging)
    assert await after_crash.find(PO) is not None
    await after_crash.submit(PO, BODY)  # already there: delivered, not a second file
    (tmp_path / f"root/orders/{PO}.csv").unlink()  # the supplier takes it
    assert await after_crash.find(PO) is not None
    with pytest.raises(OutcomeUnknown):
        await after_crash.submit(PO, BODY)
    assert os.listdir(tmp_path / "root/orders") == []


async def test_a_leftover_beside_a_delivered_order_is_removed(connect: Make, staging: str, tmp_path: Path) -> None:
    supplier = connect(staging_dir=staging)
    await supplier.stage(PO, b"other")
    (tmp_path / f"root/orders/{PO}.csv").write_bytes(BODY)
    assert await supplier.find(PO) is not None
    await supplier.submit(PO, BODY)
    await supplier.stage(PO, b"again")  # nothing is staged over a delivered order
    assert os.listdir(tmp_path / "root/orders") == [f"{PO}.csv"]
    assert (tmp_path / f"root/orders/{PO}.csv").read_bytes() == BODY


async def test_a_half_uploaded_file_is_never_delivered(connect: Make) -> None:
    supplier = connect()
    await supplier.stage(PO, BODY[:10])
    with pytest.raises(TryLater, match="10 of"):
        await supplier.submit(PO, BODY)
    assert await supplier.find(PO) is None


async def test_without_the_staging_directory_find_does_not_guess(connect: Make, tmp_path: Path) -> None:
    supplier = connect(staging_dir="staging")
    await supplier.stage(PO, BODY)
    (tmp_path / f"root/staging/{PO}.csv.part").unlink()
    (tmp_path / "root/staging").rmdir()
    with pytest.raises(OutcomeUnknown, match="staging is gone"):
        await supplier.find(PO)


async def test_a_missing_orders_directory_is_a_definite_no(connect: Make) -> None:
    supplier = connect(staging_dir="staging", orders_dir="nowhere")
    await supplier.stage(PO, BODY)
    with pytest.raises(Refused, match="was not delivered"):
        await supplier.submit(PO, BODY)
    assert await supplier.find(PO) is None
    with pytest.raises(NotAuthorised, match="nowhere"):
        await connect(orders_dir="nowhere").stage(PO, BODY)


async def test_any_number_is_one_safe_file_name(connect: Make, tmp_path: Path) -> None:
    supplier = connect()
    for number in ("#1001-1", "../../etc/x-1", ".hidden-1", "größe 7-1"):
        await supplier.stage(number, BODY)
        await supplier.submit(number, BODY)
        assert await supplier.find(number) is not None
    names = sorted(os.listdir(tmp_path / "root/orders"))
    assert len(names) == 4
    assert not any(name.startswith(".") for name in names)


async def test_two_submits_at_once_leave_one_file(connect: Make, tmp_path: Path) -> None:
    one, two = connect(), connect()
    await one.stage(PO, BODY)
    answers = await asyncio.gather(one.submit(PO, BODY), two.submit(PO, BODY), return_exceptions=True)
    assert all(not isinstance(answer, BaseException) or isinstance(answer, OutcomeUnknown) for answer in answers)
    assert await one.find(PO) is not None
    assert os.listdir(tmp_path / "root/orders") == [f"{PO}.csv"]


async def test_a_connection_cut_during_the_rename_is_unknown_until_find_decides(tmp_path: Path, keys: Path) -> None:
    with openssh(keys, root=tmp_path / "root") as server:
        (server.root / "orders").mkdir()
        settings = {"host": server.host, "username": server.username, "private_key": server.private_key}
        for when, delivered in (("before", False), ("after", True)):
            proxy = await Cutter.start(server.port)
            config = Config(**settings, port=proxy.port, host_key=server.host_key, timeout=5)
            supplier, number = Connector(config), f"cut-{when}"
            await supplier.stage(number, BODY)
            for message in await supplier._files.listing("orders"):  # the connection is open and in use
                assert message.name
            rename = supplier._files.rename

            async def cut(source: str, target: str, when: str = when, proxy: Cutter = proxy, rename=rename) -> None:
                proxy.cut_requests = when == "before"
                proxy.cut_answers = True
                await rename(source, target)

            supplier._files.rename = cut  # type: ignore[method-assign]
            with pytest.raises(OutcomeUnknown, match="while asked to rename"):
                await supplier.submit(number, BODY)
            proxy.cut_requests = proxy.cut_answers = False
            assert (await supplier.find(number) is not None) is delivered
            assert (server.root / f"orders/{number}.csv").exists() is delivered
            await supplier.close()
            await proxy.stop()


class Cutter:
    """A TCP relay that loses what one side says, and hangs up instead."""

    def __init__(self, to: int) -> None:
        self._to = to
        self.cut_requests = self.cut_answers = False
        self.writers: list[asyncio.StreamWriter] = []

    @classmethod
    async def start(cls, to: int) -> Cutter:
        proxy = cls(to)
        proxy.server = await asyncio.start_server(proxy._serve, "127.0.0.1", 0)
        proxy.port = proxy.server.sockets[0].getsockname()[1]
        return proxy

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self._to)
        self.writers += [writer, up_writer]
        await asyncio.gather(
            self._pump(reader, up_writer, lambda: self.cut_requests, (writer, up_writer)),
            self._pump(up_reader, writer, lambda: self.cut_answers, (writer, up_writer)),
            return_exceptions=True,
        )

    async def _pump(self, source, sink, cut, both) -> None:
        while data := await source.read(65536):
            if cut():
                break
            sink.write(data)
            await sink.drain()
        for writer in both:
            writer.close()

    async def stop(self) -> None:
        self.server.close()
        for writer in self.writers:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
        await self.server.wait_closed()


async def test_a_supplier_that_cannot_be_reached_is_tried_later(settings: Settings) -> None:
    supplier = Connector(msgspec.convert({**settings, "port": free_port()}, Config))
    for call in (supplier.stage(PO, BODY), supplier.submit(PO, BODY), supplier.find(PO)):
        with pytest.raises(TryLater, match="cannot be reached"):
            await call


async def test_a_read_only_directory_names_file_and_host(tmp_path: Path, keys: Path) -> None:
    with openssh(keys, root=tmp_path / "root", read_only=True) as server:
        (server.root / "orders").mkdir()
        login = {"host": server.host, "port": server.port, "username": server.username}
        supplier = Connector(Config(**login, private_key=server.private_key, host_key=server.host_key))
        with pytest.raises(NotAuthorised, match=rf"127\.0\.0\.1.*{PO}\.csv\.part.*no permission"):
            await supplier.stage(PO, BODY)
        await supplier.close()


async def test_a_cancel_request_is_a_file_and_the_answer_comes_later(connect: Make, tmp_path: Path) -> None:
    supplier = connect()
    for _ in range(2):
        assert await supplier.request_cancel("=1+1") is CancelAnswer.PENDING
    assert [path.read_text("utf-8") for path in (tmp_path / "root/cancels").iterdir()] == [
        "po_number,action\n'=1+1,cancel\n"
    ]
    (path,) = (tmp_path / "root/cancels").iterdir()
    os.utime(path, (1, 1))
    assert await supplier.request_cancel("=1+1") is CancelAnswer.PENDING
    assert path.stat().st_mtime == 1  # while it lies there it is not written again
    with pytest.raises(Refused):
        await connect(cancel_files=False).request_cancel(PO)


async def test_check_names_a_directory_that_is_missing(connect: Make) -> None:
    assert "orders go to orders" in await connect().check()
    with pytest.raises(Exception, match="nowhere"):
        await connect(acks_dir="nowhere").check()


async def test_an_independent_warehouse_takes_orders_and_its_answers_are_read(connect: Make, tmp_path: Path) -> None:
    supplier, root, ledger = connect(), tmp_path / "root", tmp_path / "ledger.jsonl"
    numbers = [f"{n}-1" for n in range(1000, 1020)]
    for number in numbers:
        body = supplier.render(purchase(number))
        await supplier.stage(number, body)
        await supplier.submit(number, body)
    command = ["-m", "tests.support.warehouse", "--root", root, "--ledger", ledger, "--split-every", "2", "--once"]
    done = await asyncio.create_subprocess_exec(sys.executable, *map(str, command), stdout=subprocess.DEVNULL)
    assert await done.wait() == 0
    events = [json.loads(line) for line in ledger.read_text().splitlines()]
    assert sorted(e["po_number"] for e in events if e["event"] == "received") == numbers
    page = await supplier.poll(None)
    updates = [update for raw in page.items for update in supplier.read(raw)]
    assert sorted(u.po_number for u in updates if u.kind is UpdateKind.ACKNOWLEDGED) == numbers
    shipped = [u for u in updates if u.kind is UpdateKind.SHIPPED]
    assert {u.carrier for u in shipped} == {"UPS"}
    assert len(shipped) > len(numbers)
    for number in numbers:
        parts = [(x.line, x.supplier_sku, x.quantity) for u in shipped if u.po_number == number for x in u.lines]
        assert sum(quantity for line, _, quantity in parts if line == 1) == 2
        assert sum(quantity for line, sku, quantity in parts if (line, sku) == (2, "S-2")) == 1
    await supplier.finish(page.done)
    assert await supplier.poll(page.next) == await supplier.poll(None)
    assert (await supplier.poll(None)).items == ()
    assert await supplier.find(numbers[0]) is not None
