"""Papers from the command line, the addresses on them, and that nobody loads a printer who prints nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from engine.services import paper
from tests.integration.test_cli import Run, said
from tests.support import reading_pdf


def test_papers_are_printed_from_the_command_line(run: Run, tmp_path: Path) -> None:
    shown = said(run("orders", "slip", "1001", "1004", "--pdf", "slips.pdf", "--json"))
    assert shown["orders"] == ["1001", "1004"]
    data = (tmp_path / "slips.pdf").read_bytes()
    assert reading_pdf.barcodes(data) == ["1001"]
    assert run("orders", "slip", "1001", "1004", "--pdf", "-").stdout_bytes == data
    po = said(run("orders", "show", "1001", "--json"))["purchase_orders"][0]["po_number"]
    assert f"purchase order {po} written to po.pdf" in run("orders", "po", po, "--pdf", "po.pdf").stdout
    assert reading_pdf.barcodes((tmp_path / "po.pdf").read_bytes()) == [po]


def test_what_cannot_be_printed_leaves_no_file(run: Run, tmp_path: Path) -> None:
    before = sorted(tmp_path.iterdir())
    assert "there is no order 9999" in run("orders", "slip", "1001", "9999", "--pdf", "x.pdf", code=2).stderr
    assert "there is no purchase order 9999-1" in run("orders", "po", "9999-1", "--pdf", "x.pdf", code=2).stderr
    assert "--pdf" in run("orders", "slip", "1001", code=2).stderr
    assert "nowhere" in run("orders", "slip", "1001", "--pdf", "nowhere/x.pdf", code=4).stderr
    assert [path for path in sorted(tmp_path.iterdir()) if path not in before and path.suffix == ".pdf"] == []


def test_who_prints_nothing_loads_no_printer() -> None:
    script = (
        "import sys, engine.services.paper, engine.services.tasks, tui.cli.app, tui.cli.orders_print\n"
        "print(sorted({'reportlab', 'uharfbuzz', 'bidi'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    ("address", "lines"),
    [
        ({"name": "Jörg", "line1": "Domkloster 4", "city": "Köln", "postal_code": "50667", "country": "DE"},
         ["Jörg", "Domkloster 4", "50667 Köln", "GERMANY"]),
        ({"name": "山田", "line1": "1-1", "city": "千代田区", "region": "東京都", "postal_code": "100-0001", "country": "JP"},
         ["〒100-0001", "東京都千代田区", "1-1", "山田", "JAPAN"]),
        ({"name": "A", "line1": "x", "line2": "y", "city": "c", "region": "r", "postal_code": "1", "country": "XX"},
         ["A", "x", "y", "1 c", "r", "XX"]),
        ({"name": "A", "city": "Rome", "phone": "+39 1"}, ["A", "Rome", "+39 1"]),
        ({}, []),
        ({"name": "100%n %N", "line1": "%A", "country": "US"}, ["100%n %N", "%A", "UNITED STATES"]),
    ],
)  # fmt: skip
def test_addresses_are_written_as_their_country_does(address: dict[str, str], lines: list[str]) -> None:
    assert list(paper._address(address)) == lines
