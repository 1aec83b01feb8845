"""The demo supplier, through the connector, as people will meet it: sound, and with each fault on request."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from engine.connectors.suppliers.x12.config import Config
from engine.connectors.suppliers.x12.connector import Connector
from engine.demo.supplier_x12 import X12Fault, X12Supplier
from engine.ports import PurchaseLine, SupplierUpdate
from tests.connectors.x12.test_mapping import purchase

LINES = tuple(
    PurchaseLine(line=n, supplier_sku=f"W-{n}", sku=f"S-{n}", title="A widget", quantity=n + 1, unit_cost=250)
    for n in (1, 2)
)


async def rehearsed(root: Path, *faults: X12Fault, cancel: bool = False) -> tuple[list[SupplierUpdate], list[str]]:
    """What is heard of one order of two and three pieces."""
    supplier = X12Supplier(root, faults=frozenset(faults), ship_after=-1 if not cancel else 60)
    connector = Connector(msgspec.convert({**supplier.config(), "settle_seconds": 0}, Config))
    at = datetime(2026, 1, 31, tzinfo=UTC)
    body = connector.number(connector.render(purchase(lines=LINES)), 7, at)
    await connector.check()
    await connector.stage("1001-1", body)
    await connector.submit("1001-1", body)
    supplier.work()
    if cancel:
        await connector.send_cancel("1001-1", connector.number(connector.render_cancel(purchase(lines=LINES)), 8, at))
        supplier.work()
    supplier.work()
    page = await connector.poll(None)
    parts = [connector.read_parts(raw) for raw in page.items]
    return [u for part in parts for u in part.updates], [p for part in parts for p in part.problems]


def summed(updates: list[SupplierUpdate]) -> list[str]:
    return sorted(
        f"{u.kind.value} {sum(line.quantity for line in u.lines)}" for u in {u.key: u for u in updates}.values()
    )


@pytest.mark.parametrize(
    ("fault", "expected", "words"),
    [
        (None, ["acknowledged 5", "invoiced 0", "received 0", "shipped 5"], ""),
        (
            X12Fault.REJECT_LINE,
            ["acknowledged 2", "invoiced 0", "received 0", "rejected 3", "shipped 2"],
            "W-2 is discontinued",
        ),
        (X12Fault.REJECT_ORDER, ["received 0", "rejected 5"], "W-1 is discontinued"),
        (
            X12Fault.BACKORDER,
            ["acknowledged 3", "backordered 2", "invoiced 0", "received 0", "shipped 3"],
            "backordered",
        ),
        (
            X12Fault.SHORT_SHIP,
            ["acknowledged 4", "invoiced 0", "received 0", "rejected 1", "shipped 4"],
            "only 1 of 2 accepted",
        ),
        (X12Fault.REJECT_997, ["rejected 0"], "could not take it (997: rejected"),
        (X12Fault.NO_ANSWER, [], ""),
        (X12Fault.DUPLICATE, ["acknowledged 5", "invoiced 0", "received 0", "shipped 5"], ""),
        (X12Fault.OUT_OF_ORDER, ["acknowledged 5", "invoiced 0", "received 0", "shipped 5"], ""),
        (X12Fault.WRONG_COUNT, ["acknowledged 5", "invoiced 0", "received 0", "shipped 5"], "is miscounted"),
    ],
)
async def test_each_fault_is_heard_as_what_it_is(
    tmp_path: Path, fault: X12Fault | None, expected: list[str], words: str
) -> None:
    updates, problems = await rehearsed(tmp_path, *([fault] if fault else []))
    assert problems == []
    assert summed(updates) == expected
    assert words in "; ".join(u.message for u in updates)


async def test_an_unknown_code_is_a_problem_and_the_parcel_counts(tmp_path: Path) -> None:
    updates, problems = await rehearsed(tmp_path, X12Fault.UNKNOWN_CODE)
    assert summed(updates) == ["invoiced 0", "received 0", "shipped 2"]
    assert ["line status 'QQ' is not in the table" in problem for problem in problems] == [True]


async def test_a_cancel_is_answered(tmp_path: Path) -> None:
    updates, problems = await rehearsed(tmp_path, cancel=True)
    assert problems == []
    assert [u.kind for u in updates if u.kind == "canceled"] == ["canceled"]
    assert "shipped" not in {u.kind for u in updates}


def test_it_runs_as_a_program_and_says_how_to_connect(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "engine.demo.supplier_x12",
        "--root",
        str(tmp_path / "edi"),
        "--fault",
        "short-ship",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        said = json.loads(running.stdout.readline())
        running.terminate()
    assert Connector(msgspec.convert(said, Config)).partner == "ZZ:BLUEBOOK>ZZ:DEMOX12:T"


def test_the_command_says_what_there_is_and_how_to_connect(tmp_path: Path) -> None:
    bluebook = [str(Path(sys.executable).with_name("bluebook")), "demo", "supplier"]
    wrong = subprocess.run([*bluebook, "x12", "--fault", "nope"], capture_output=True, text=True, check=False)
    assert (wrong.returncode, "there is no fault 'nope'; there are: reject-line" in wrong.stderr) == (2, True)
    with subprocess.Popen([*bluebook, "x12", "--home", str(tmp_path)], stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        said = running.stdout.readline() + running.stdout.readline()
        running.send_signal(signal.SIGINT)
        assert running.wait(150) == 0
    assert f"--connector x12 --set transport=folder --set folder={tmp_path}" in said
