"""The demo supplier, through the connector, as people will meet it: sound, and with each fault on request."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from engine.connectors.suppliers.email.config import Config
from engine.connectors.suppliers.email.connector import Connector
from engine.demo.supplier_email import EmailFault, EmailSupplier
from engine.errors import BluebookError, TryLater, Unreadable
from engine.ports import Enclosed, Purchase, PurchaseLine, SupplierUpdate
from tests.support.desk import HOME

AT = datetime(2026, 1, 31, 12, tzinfo=UTC)
PURCHASE = Purchase(
    po_number="1001-1", order_number="1001", currency="USD", ship_to=HOME, method_code="UPS-GND", method_name="UPS Ground",
    placed_at=AT, lines=tuple(
        PurchaseLine(line=n, supplier_sku=f"W-{n}", sku=f"S-{n}", title="A widget", quantity=n + 1, unit_cost=250)
        for n in (1, 2)
    ),
)  # fmt: skip


async def rehearsed(root: Path, *faults: EmailFault, cancel: bool = False) -> tuple[list[SupplierUpdate], list[str]]:
    """What is heard of one order of two and three pieces, and what was not understood."""
    supplier = EmailSupplier(root, faults=frozenset(faults), ship_after=60 if cancel else -1, port=0)
    connector = Connector(msgspec.convert(supplier.config(), Config))
    enclosed = Enclosed(paper=b"%PDF-1.4", at=AT, until=AT + timedelta(days=30))
    problems: list[str] = []
    try:
        for _ in range(2):
            try:
                await connector.submit("1001-1", connector.enclose(connector.render(PURCHASE), enclosed))
                break
            except BluebookError as error:
                problems.append(f"{type(error).__name__}: {error.message}")
                if not isinstance(error, TryLater):
                    break
        supplier.work()
        if cancel:
            await connector.request_cancel("1001-1")
            supplier.work()
        supplier.work()
        updates: list[SupplierUpdate] = []
        for raw in (await connector.poll(None)).items:
            try:
                updates += connector.read(raw)
            except Unreadable as error:
                problems.append(error.message)
    finally:
        supplier.stop()
    return updates, problems


@pytest.mark.parametrize(
    ("fault", "expected", "words"),
    [
        (None, ["acknowledged 5", "shipped 5"], ""),
        (EmailFault.REFUSE, [], "Refused: .* refused orders@supplier.example: 550 5.1.1 no such user"),
        (EmailFault.LATER, ["acknowledged 5", "shipped 5"], "^TryLater: .*451: 4.7.1 greylisted"),
        (EmailFault.HANG_UP, ["acknowledged 5", "shipped 5"], "^OutcomeUnknown: .* went silent while"),
        (EmailFault.BOUNCE, ["undelivered 0"], ""),
        (EmailFault.AWAY, ["acknowledged 5", "received 0", "shipped 5"], ""),
        (EmailFault.NO_ANSWER, [], ""),
        (EmailFault.FREE_TEXT, [], "a person must read the mail .* it says: Sent today with UPS, 1Z"),
        (EmailFault.DECLINE, ["rejected 5"], ""),
        (EmailFault.DECLINE_LINE, ["acknowledged 2", "rejected 3", "shipped 2"], ""),
        (EmailFault.BACKORDER, ["acknowledged 3", "backordered 2", "shipped 3"], ""),
        (EmailFault.SPLIT, ["acknowledged 5", "shipped 2", "shipped 3"], ""),
        (EmailFault.EXCEL, ["acknowledged 5", "shipped 5"], ""),
        (EmailFault.DUPLICATE, ["acknowledged 5", "shipped 5"], ""),
        (EmailFault.UNKNOWN_STATUS, ["shipped 2"], "the status 'in the works' is not in the table"),
    ],
)  # fmt: skip
async def test_each_fault_is_heard_as_what_it_is(
    tmp_path: Path, fault: EmailFault | None, expected: list[str], words: str
) -> None:
    updates, problems = await rehearsed(tmp_path, *([fault] if fault else []))
    told = {u.key: f"{u.kind.value} {sum(line.quantity for line in u.lines)}" for u in updates}
    assert sorted(told.values()) == expected
    assert bool(problems) == bool(words), problems
    for problem in problems:
        assert re.search(words, problem), problem


async def test_a_cancel_is_answered(tmp_path: Path) -> None:
    updates, problems = await rehearsed(tmp_path, cancel=True)
    assert problems == []
    assert [u.kind.value for u in updates] == ["acknowledged", "canceled"]


def test_it_runs_as_a_program_and_says_how_to_connect(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "engine.demo.supplier_email", "--root", str(tmp_path), "--port", "0"]
    with subprocess.Popen([*command, "--fault", "split"], stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        said = json.loads(running.stdout.readline())
        running.terminate()
    assert Connector(msgspec.convert(said, Config)).link_days == 30


def test_the_command_knows_every_kind_and_says_how_to_connect(tmp_path: Path) -> None:
    bluebook = [str(Path(sys.executable).with_name("bluebook")), "demo", "supplier"]
    wrong = subprocess.run([*bluebook, "email", "--fault", "nope"], capture_output=True, text=True, check=False)
    assert (wrong.returncode, "there is no fault 'nope'; there are: refuse, later" in wrong.stderr) == (2, True)
    wrong = subprocess.run([*bluebook, "pigeon"], capture_output=True, text=True, check=False)
    assert (wrong.returncode, "there are: x12, email, files, rest" in wrong.stderr) == (2, True)
    with subprocess.Popen([*bluebook, "email", "--home", str(tmp_path)], stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        said = running.stdout.readline() + running.stdout.readline()
        running.send_signal(signal.SIGINT)
        assert running.wait(150) == 0
    assert "suppliers add 'Demo email' --code DEMO-EMAIL" in said  # each kind another, so that all can be added
    assert "--connector email --set to=orders@supplier.example" in said
    assert f"--set maildir={tmp_path}/inbox" in said
