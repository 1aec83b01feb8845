"""Real files of real suppliers, where the vendors' samples lie beside the checkout: each is read, or refused by its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.domain.x12.documents import Invoice, Order, OrderAnswer, Receipt, ShipNotice, Stock
from engine.domain.x12.reading import read
from engine.domain.x12.scan import dump, scan
from engine.domain.x12.words import explain
from engine.errors import Unreadable

SAMPLES = Path(__file__).parents[4] / "shared" / "specs" / "x12_samples"
pytestmark = pytest.mark.shared
REFUSED = {  # every set that is not read, and why; all others must be
    "eskrano-php-edi-coedition_example_832-sample.edi": "a 832 is not read here",
    "eskrano-php-edi-coedition_example_832-sample2.edi": "a 832 is not read here",
    "eskrano-php-edi-coedition_example_997-sample2.edi": "segment 8 (AK9), character 268: there is no AK9",
    "x12parser_832_4010_Example1_HIBCC.txt": "a 832 is not read here",
    "x12parser_832_4010_Example2_HIBCC.txt": "a 832 is not read here",
    "x12parser_846_Example1.txt": "segment 8 (QTY), element 1 (QTY01), character 429: quantity qualifier '34'",
    "x12parser_846_Example2.txt": "segment 14 (QTY), element 1 (QTY01), character 595: quantity qualifier '63'",
    "x12parser_856_Example1.txt": "segment 17 (SN1), character 678: no level around this item has a number the parcel",
    "x12parser_860_Example1.txt": "segment 2 (BCH), element 6 (BCH06), character 189: date 'PO DATE' is not a date",
}


def files() -> list[Path]:
    return sorted(path for path in SAMPLES.iterdir() if path.is_file()) if SAMPLES.is_dir() else []


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the vendors' samples are not beside this checkout")
def test_every_sample_is_read_into_values_or_refused_by_its_place() -> None:
    read_sets = 0
    refused: dict[str, str] = {}
    for path in files():
        file = scan(path.read_bytes())
        assert file.interchanges, path.name
        assert dump(scan(dump(file))) == dump(file), path.name
        assert len(list(explain(scan(path.read_bytes())))) > 3
        for item in (item for i in file.interchanges for group in i.groups for item in group.sets):
            try:
                document = read(item)
            except Unreadable as error:
                refused[path.name] = error.message
                continue
            sensible(document, path.name)
            read_sets += 1
    assert sorted(refused) == sorted(REFUSED)
    assert [name for name, why in refused.items() if REFUSED[name] not in why] == []
    assert (len(files()), read_sets) == (41, 41)


def sensible(document: object, name: str) -> None:
    """The values are what a person would read out of the file."""
    if isinstance(document, (Order, OrderAnswer)):
        assert document.po_number, name
        assert 1998 <= document.date.year <= 2026, name
        lines = document.lines if isinstance(document, Order) else tuple(line.line for line in document.lines)
        assert all(line.ids for line in lines), name
    elif isinstance(document, ShipNotice):
        assert document.parcels, name
        for parcel in document.parcels:
            assert parcel.number, name
            assert parcel.po_number, name
            assert all(line.quantity > 0 for line in parcel.lines), name
    elif isinstance(document, Invoice):
        assert document.number, name
        assert document.total > 0, name
    elif isinstance(document, Stock):
        assert all(line.ids and line.quantity >= 0 for line in document.lines), name
    else:
        assert isinstance(document, Receipt), name
        assert document.functional in ("PO", "PR"), name


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the vendors' samples are not beside this checkout")
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("eskrano-php-edi-coedition_example_855-sample.edi",
         ["1712223 AE IA 1", "1712245 AE IA 1", "1712253 AE IB 1", "1712257 RJ - 0"]),
        ("x12parser_865_FromTyco.txt", ["2470184577 AC IC 1"]),
        ("Stedi-Demos-bootstrap-archived_src_resources_X12_5010_855_inbound.edi", ["365465413 AD IA 1"]),
    ],
)  # fmt: skip
def test_known_samples_say_what_they_say(name: str, expected: list[str]) -> None:
    found = []
    for group in scan((SAMPLES / name).read_bytes()).interchanges[0].groups:
        for item in group.sets:
            answer = read(item)
            assert isinstance(answer, OrderAnswer)
            codes = [status.code for line in answer.lines for status in line.answers] or ["-"]
            found.append(
                f"{answer.po_number} {answer.status} {codes[0]} {len(answer.lines[0].answers) if answer.lines else 0}"
            )
    assert found == expected
