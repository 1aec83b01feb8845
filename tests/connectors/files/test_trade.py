"""A whole order over FTPS with the engine opposite a warehouse of its own: sent once, shipped, invoiced, though servers die."""

from __future__ import annotations

import asyncio
import ftplib
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from engine import clock, db
from engine.ports import ChannelLine, ChannelOrder, ChannelState, Page, Payment, Raw
from engine.services import catalog, intake, invoices, process, receive, setup, tasks
from tests.support.desk import HOME, PERSON, ScriptedChannel, at_once
from tests.support.openssh import free_port
from tests.support.vsftpd import Vsftpd, vsftpd

SKU, COST = "WIDGET-001", 1250


class Trade:
    """Our side, and what lies on theirs."""

    def __init__(self, root: Path, keys: Path, port: int) -> None:
        self.root, self.keys, self.port = root, keys, port
        self.ledger = root.with_name("ledger.jsonl")
        self.supplier_id = 0

    def serve(self) -> Any:
        """The supplier's server; what lies in ``root`` outlives it."""
        return vsftpd(self.keys, root=self.root, port=self.port)

    async def set_up(self, server: Vsftpd, channel: ScriptedChannel) -> None:
        """A shop, a product and the supplier, which is reached by FTPS alone."""
        for name in ("orders", "acks", "shipments", "invoices"):
            (self.root / name).mkdir(exist_ok=True)
        woo = {"url": "http://127.0.0.1:9", "consumer_key": "k", "consumer_secret": "s"}
        shop = await setup.add_channel("Shop", "woocommerce", woo, PERSON, poll_seconds=0, rescan_seconds=0)
        settings = {
            **server.settings(), "acks_dir": "acks", "shipments_dir": "shipments", "invoices_dir": "invoices",
            "settle_seconds": 0, "timeout": 60, "layouts": {"invoices": {"delimiter": ";", "decimal": ","}},
        }  # fmt: skip
        supplier = await setup.add_supplier("Nova", "NOVA", "files", settings, PERSON, poll_seconds=0)
        self.supplier_id = supplier.id
        await setup.add_product("W-BLUE", "A widget", PERSON)
        await setup.add_offer(supplier.id, "W-BLUE", SKU, COST, PERSON, stock=1000)
        await setup.map_sku(shop.id, "W-BLUE", {"W-BLUE": 1}, PERSON, title="A widget", recheck=False)
        await setup.add_method(supplier.id, "UPS_GROUND", "UPS Ground", PERSON)
        await setup.map_shipping(shop.id, "Free Shipping", supplier.id, "UPS_GROUND", PERSON, recheck=False)
        await at_once()
        placed = clock.now().replace(microsecond=0) - timedelta(hours=1)
        order = ChannelOrder(
            external_id="1001", number="1001", state=ChannelState.OPEN, payment=Payment.PAID, placed_at=placed,
            updated_at=placed, currency="USD", total=2900 * 3, lines=(ChannelLine("1", "W-BLUE", "A widget", 3, 2900),),
            ship_to=HOME, email="ada@example.com", shipping_rate="Free Shipping",
        )  # fmt: skip
        row = (await catalog.channels())[shop.id]
        page = Page(items=(Raw("1001", msgspec.json.encode(order)),))
        await intake.take_page(row, channel, page, PERSON)  # type: ignore[arg-type]

    async def send(self) -> None:
        order = int(await db.value("SELECT id FROM orders"))
        outcomes = await process.process([order], PERSON, undo_seconds=0)
        assert all(outcome.done for outcome in outcomes), outcomes
        await tasks.drain()

    async def again(self) -> None:
        """Time has passed: what is due later is due now."""
        await db.run("UPDATE suppliers SET paused_reason = '', last_error = ''")
        await db.run("UPDATE purchase_orders SET release_at = 0, lease_until = NULL")
        await db.run("UPDATE outbox SET run_at = 0 WHERE state = 'ready'")
        await tasks.drain()

    async def state(self) -> str:
        return str(await db.value("SELECT state FROM purchase_orders"))

    async def theirs(self) -> list[str]:
        """Their warehouse works through its orders once; the purchase orders it ever received."""
        command = ["-m", "tests.support.warehouse", "--root", self.root, "--ledger", self.ledger, "--once"]
        done = await asyncio.create_subprocess_exec(sys.executable, *map(str, command), stdout=subprocess.DEVNULL)
        assert await done.wait() == 0
        events = [json.loads(line) for line in self.ledger.read_text().splitlines()]
        return [event["po_number"] for event in events if event["event"] == "received"]


@pytest.fixture
async def trade(database: str, tmp_path: Path, keys: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Trade]:
    channel = ScriptedChannel()

    async def _channel(_: int) -> ScriptedChannel:
        return channel

    monkeypatch.setattr(catalog, "channel", _channel)
    side = Trade(tmp_path / "root", keys, free_port())
    with side.serve() as server:
        await side.set_up(server, channel)
    try:
        yield side
    finally:
        await catalog.close_connectors()


async def test_an_order_is_sent_shipped_and_invoiced(trade: Trade) -> None:
    with trade.serve():
        await trade.send()
        assert await trade.state() == "submitted"
        assert await trade.theirs() == ["1001-1"]
        (trade.root / "invoices/i.csv").write_text(
            f"Invoice;PO;SKU;Qty;Unit Price;Freight;Total;Date\nI-7;1001-1;{SKU};3;12,50;5,00;42,50;{clock.now():%Y-%m-%d}\n"
        )
        heard = await receive.poll(trade.supplier_id, PERSON)
        await tasks.drain()
        assert (heard.parked, await trade.state()) == (0, "closed")
        assert [(view.number, view.total, view.state) for view in await invoices.ls()] == [("I-7", 4250, "matched")]
        assert sorted(path.name for path in (trade.root / "invoices/processed").iterdir()) == ["i.csv"]


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_server_that_dies_during_the_rename_has_the_order_once(
    trade: Trade, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    with trade.serve() as server, pytest.MonkeyPatch.context() as patch:
        said = ftplib.FTP.putcmd

        def dies(session: ftplib.FTP, line: str) -> None:
            if line.startswith("RNTO"):
                if when == "after":
                    said(session, line)
                    while (trade.root / "orders/.1001-1.csv.part").exists():
                        pass  # it has been done, and before the answer is read the server is gone
                server.kill()
                if when == "after":
                    return
            said(session, line)

        patch.setattr(ftplib.FTP, "putcmd", dies)
        await trade.send()
        assert (trade.root / "orders/1001-1.csv").exists() is (when == "after")
    with trade.serve():
        for _ in range(3):
            await trade.again()
        assert await trade.state() == "submitted"
        assert await trade.theirs() == ["1001-1"]
        await trade.again()
        assert await trade.theirs() == ["1001-1"]
        assert [path.name for path in (trade.root / "orders").iterdir() if path.is_file()] == []
