"""``bluebook edi`` as people use it: files in words, and checked, without a database."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tui.cli.app import app

ANSWER = (
    "ISA*00*          *00*          *ZZ*THEM           *ZZ*US             *261128*1610*U*00401*000000003*0*P*>~\n"
    "GS*PR*THEM*US*20261128*1610*3*X*004010~\nST*855*0003~\nBAK*00*AC*1001-1*20261101****S77~\n"
    "PO1*1*10*EA*12.5**VP*W-1~\nACK*IQ*8*EA*068*20261205~\nPO1*2*1*EA*4**VP*W-2~\nACK*IR*0*EA~\nREF*ZZ**W-2 is discontinued~\n"
    "CTT*2~\nSE*9*0003~\nGE*1*3~\nIEA*1*000000003~\n"
)


def edi(*args: str, code: int = 0, given: str | None = None) -> str:
    result = CliRunner().invoke(app, ["edi", *args], input=given)
    assert result.exit_code == code, (result.exit_code, result.output)
    return result.output


@pytest.fixture
def answer(tmp_path: Path) -> Path:
    file = tmp_path / "answer.edi"
    file.write_text(ANSWER)
    return file


def test_a_file_is_told_in_words(answer: Path) -> None:
    told = edi("show", str(answer))
    for said in ("Interchange 000000003 from ZZ:THEM to ZZ:US, written 2026-11-28 16:10", "production",
                 "purchase order 1001-1 acknowledged with detail and change (original), their number S77",
                 "line 1: 10 EA of vendor's part W-1 at 12.5", "accepted, quantity changed: 8 EA, 2026-12-05", "rejected: 0 EA",
                 "note: W-2 is discontinued"):  # fmt: skip
        assert said in told
    assert "ACK Answer to the line: status IQ; quantity 8; unit EA" in edi("show", str(answer), "--segments")
    (document,) = json.loads(edi("show", str(answer), "--json"))["documents"]
    assert (document["set"], document["says"]["po_number"], document["error"]) == ("855", "1001-1", None)


def test_a_check_ends_with_what_it_found(answer: Path) -> None:
    assert "1 interchange, 1 of 1 transaction sets can be read: 0 errors, 0 notes" in edi("check", str(answer))
    answer.write_text(ANSWER.replace("SE*9*", "SE*19*"))
    assert "note   interchange 000000003, group 3, 855 0003, segment 9 (SE)" in edi("check", str(answer))
    assert "it says 19 segments, and there are 9" in edi("check", str(answer), "--strict", code=3)
    bad = ANSWER.replace("ACK*IQ", "ACK*QQ")
    told = json.loads(edi("check", "-", "--json", code=3, given=bad))
    assert told["read"] == 0
    place = f"interchange 000000003, group 3, 855 0003, segment 4 (ACK), element 1 (ACK01), character {bad.index('ACK*QQ') + 1}"
    assert told["errors"] == [f"{place}: line status 'QQ' is not in the table"]


def test_what_is_no_edi_or_not_there_is_said(tmp_path: Path) -> None:
    assert "there is no file" in edi("show", str(tmp_path / "nothing"), code=2)
    assert "cannot be read" in edi("show", str(tmp_path), code=2)
    assert "in no interchange, which would begin with ISA" in edi("check", "-", code=3, given="a,b\n1,2\n")
    assert "the file is empty" in edi("check", "-", code=3, given="")
