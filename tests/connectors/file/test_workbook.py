"""Orders from Excel workbooks, as spreadsheets and programs write them."""

from __future__ import annotations

import io
import re
import zipfile
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from engine.connectors import workbook
from engine.connectors.channels.file.connector import describe_columns
from engine.errors import Unreadable
from engine.ports import ChannelOrder
from tests.connectors.file.test_reading import channel, orders, refused, walk

HEAD = ["Order Number", "Order Date", "Currency", "SKU", "Quantity", "Unit Price", "Ship Name", "Ship Zip"]


def line(
    number: Any = 1001, sku: Any = "MUG", quantity: Any = 2, price: Any = 7.5, zip_code: Any = "02108"
) -> list[Any]:
    placed = datetime(2026, 3, 9, 14, 30)  # noqa: DTZ001 - cells have no zone
    return [number, placed, "EUR", sku, quantity, price, "Ada", zip_code]


def book(*rows: list[Any], head: list[Any] | None = None, formats: dict[str, str] | None = None) -> bytes:
    made = openpyxl.Workbook()
    sheet = made.active
    for row in [HEAD if head is None else head, *rows]:
        sheet.append(row)
    for place, form in (formats or {}).items():
        sheet[place].number_format = form
    return saved(made)


def saved(made: openpyxl.Workbook) -> bytes:
    out = io.BytesIO()
    made.save(out)
    return out.getvalue()


async def only(folder: Path, body: bytes, **values: Any) -> ChannelOrder:
    (found,) = await orders(folder, body, "a.xlsx", **values)
    return found


async def test_rows_become_orders_with_real_numbers_and_dates(tmp_path: Path) -> None:
    (first, second) = await orders(
        tmp_path,
        book(line(), line("1002", "TEA", 1, 3), line(1001, "CUP", 1, 0.1)),
        "March.XLSX",
        timezone="Europe/Berlin",
    )
    assert (first.number, second.number) == ("1001", "1002")
    assert [(item.sku, item.quantity, item.unit_price) for item in first.lines] == [("MUG", 2, 750), ("CUP", 1, 10)]
    assert first.placed_at == datetime(2026, 3, 9, 13, 30, tzinfo=UTC)
    assert first.total == 1510


async def test_numbers_are_numbers_whatever_the_connections_decimal_sign_and_dates_whatever_its_formats(
    tmp_path: Path,
) -> None:
    row = line(price=7.5)
    row[1] = date(2026, 3, 9)
    found = await only(tmp_path, book(row), decimal=",", date_formats=["%Y-%d-%m"])
    assert found.lines[0].unit_price == 750
    assert found.placed_at == datetime(2026, 3, 9, tzinfo=UTC)


async def test_zeros_a_number_format_shows_are_there(tmp_path: Path) -> None:
    found = await only(tmp_path, book(line(zip_code=2108), formats={"H2": "00000"}))
    assert found.ship_to.postal_code == "02108"


async def test_bad_rows_are_rejected_by_their_number_and_the_others_go_in(tmp_path: Path) -> None:
    body = book(line(1), line(2, quantity="two"), line(3, sku=12345678901234567), line(4, sku=1.5), line(None), line(6))
    (tmp_path / "a.xlsx").write_bytes(body)
    items, rejected, pages = await walk(channel(tmp_path))
    assert [raw.external_id for raw in items] == ["1", "6"]
    said = [entry.reason for entry in rejected]
    assert said[0].startswith("a.xlsx, order 2, row 3, column 'Quantity': 'two' is not a number")
    assert "row 4, column 'SKU'" in said[1]
    assert "digits are lost" in said[1]
    assert "row 5, column 'SKU': '1.5' is no text: format the column as text" in said[2]
    assert "row 6: the row has no order number" in said[3]
    assert [token.partition("|")[0] for page in pages for token in page.done] == ["a.xlsx"]


async def test_a_preamble_blank_rows_and_other_sheets_are_passed_over(tmp_path: Path) -> None:
    made = openpyxl.Workbook()
    made.active.title = "Notes"
    made.active.append(["Ring Bob about the mugs"])
    sheet = made.create_sheet("Orders")
    for row in (["Orders of March"], [], HEAD, [], line()):
        sheet.append(row)
    hidden = made.create_sheet("Old")
    hidden.sheet_state = "hidden"
    for row in (HEAD, line(900)):
        hidden.append(row)
    assert (await only(tmp_path, saved(made))).number == "1001"


async def test_orders_in_two_sheets_are_not_guessed_at(tmp_path: Path) -> None:
    made = openpyxl.Workbook()
    for sheet in (made.active, made.create_sheet("More")):
        sheet.append(HEAD)
        sheet.append(line())
    assert "several of its sheets have orders (Sheet, More)" in (await refused(tmp_path, saved(made), "a.xlsx")).reason


async def test_a_formula_that_was_never_calculated_is_said_to_be_so(tmp_path: Path) -> None:
    reason = (await refused(tmp_path, book(line(quantity="=1+1")), "a.xlsx")).reason
    assert "row 2: the formula in column E was never calculated" in reason


async def test_a_formula_counts_by_its_result(tmp_path: Path) -> None:
    body = _edited(book(line(quantity="=1+1")), r"<f>1\+1</f><v\s*/>|<f>1\+1</f><v></v>", "<f>1+1</f><v>2</v>")
    assert (await only(tmp_path, body)).lines[0].quantity == 2


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"PK\x03\x04 no archive", "a ZIP archive"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "password"),
        (book(head=["Colour", "Weight"]), "no column of order numbers is known"),
        (saved(openpyxl.Workbook()), "none of its visible sheets has any rows"),
    ],
    ids=[
        "cut",
        "locked",
        "unknown",
        "empty",
    ],  # a workbook's bytes have the time in them: each process would name it so
)
async def test_what_is_no_workbook_of_orders_says_what_to_do(tmp_path: Path, body: bytes, said: str) -> None:
    assert said in (await refused(tmp_path, body, "a.xlsx")).reason


async def test_a_damaged_workbook_is_one_rejection(tmp_path: Path) -> None:
    body = _edited(book(line()), r"<sheetData>", "<sheetData><row r='x'>")
    assert "cannot be opened" in (await refused(tmp_path, body, "a.xlsx")).reason


def test_a_workbook_that_unpacks_to_too_much_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbook, "LARGEST", 2_000)
    with pytest.raises(Unreadable, match="unpacked it has"):
        workbook.sheets(book(line()))


async def test_the_same_workbook_gives_the_same_payloads(tmp_path: Path) -> None:
    (tmp_path / "a.xlsx").write_bytes(book(line()))
    first, again = [(await walk(channel(tmp_path)))[0] for _ in range(2)]
    assert first == again


def test_its_columns_can_be_described() -> None:
    found = {s.header: s.field for s in describe_columns(book(line()))}
    assert found["Order Number"] == "order_number"
    assert found["Ship Zip"] == "ship_postal_code"


def _edited(body: bytes, pattern: str, instead: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(body)) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name == "xl/worksheets/sheet1.xml":
                text, changed = re.subn(pattern, instead, data.decode())
                assert changed == 1, text
                data = text.encode()
            new.writestr(name, data)
    return out.getvalue()
