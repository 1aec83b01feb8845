"""From the bytes of an Excel workbook (.xlsx, .xlsm) to the rows of its sheets, with what spreadsheets do to codes undone."""

from __future__ import annotations

import io
import re
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import date, datetime, time
from typing import Any

import msgspec

from engine.errors import Unreadable

MARK = b"PK\x03\x04"
LARGEST = 256 * 1024 * 1024
"""The most a workbook may have unpacked, in bytes: a small file can hold any amount."""
_ROWS = 1_048_576  # a sheet has no more; a row that says it comes after them is no row
_EXACT = 10**15  # a spreadsheet keeps 15 digits, and what it does with the others cannot be seen
_ZEROS = re.compile(r"0{2,40}")
_NEVER = "the formula in column {} was never calculated: open the file in a spreadsheet, save it and drop it again"


class Sheet(msgspec.Struct):
    """A visible sheet: (row number, cells, what is wrong with it) of every row that is not blank."""

    name: str
    rows: list[tuple[int, list[Any], str | None]]


def is_workbook(body: bytes) -> bool:
    """Is it a ZIP archive with a workbook in it, whatever the file is called?"""
    if not body.startswith(MARK):
        return False
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            return "xl/workbook.xml" in archive.namelist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        return False


def sheets(body: bytes) -> list[Sheet]:
    """The visible sheets; cells are text, numbers as they are, or "". Raises Unreadable where it cannot be opened.

    A time is ISO 8601 with its ``T``. A number whose format fills it up with zeros (postal codes) has them. A formula
    is its result as last calculated; where that is not in the file, the row says so.
    """
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        unpacked = sum(part.file_size for part in archive.infolist())
        if unpacked > LARGEST:
            raise Unreadable(f"unpacked it has {unpacked:,} bytes and the most that is read is {LARGEST:,}: split it")
        parts = [name for name in archive.namelist() if name.startswith("xl/worksheets/")]
        formulas = any(b"<f" in archive.read(name) for name in parts)
    try:
        with _opened(body, results=True) as book, _opened(body, results=not formulas) as written:
            return [
                Sheet(sheet.title, list(_rows(sheet, written[sheet.title] if formulas else None)))
                for sheet in book.worksheets
                if sheet.sheet_state == "visible"
            ]
    except Unreadable:
        raise
    except Exception as error:  # openpyxl lets KeyError, ValueError, XML errors and more through
        raise Unreadable(
            f"the workbook cannot be opened ({type(error).__name__}): save it again as .xlsx, or as CSV (UTF-8)"
        ) from error


@contextmanager
def _opened(body: bytes, *, results: bool) -> Iterator[Any]:
    import openpyxl  # a quarter of a second, which nobody should wait for who opens no workbook

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about validations and styles that are not kept: nothing is saved
        with closing(openpyxl.load_workbook(io.BytesIO(body), read_only=True, data_only=results)) as book:
            yield book


def _rows(sheet: Any, written: Any) -> Iterator[tuple[int, list[Any], str | None]]:
    # What a program wrote as the sheet's size may be wrong; what is there counts.
    sheet.reset_dimensions()
    formulas: Iterator[Any] = iter(())
    if written is not None:
        written.reset_dimensions()
        formulas = written.iter_rows()
    for number, row in enumerate(sheet.iter_rows(), 1):
        if number > _ROWS:
            raise Unreadable(f"a row of the sheet {sheet.title!r} has a number over {_ROWS:,}: save the workbook again")
        beside = next(formulas, ())
        cells = [_value(cell) for cell in row]
        problem = None
        for cell in beside:
            if cell.data_type == "f" and cells[cell.column - 1] == "":
                problem = problem or _NEVER.format(cell.column_letter)
        while cells and cells[-1] == "":
            cells.pop()
        if problem or any(not isinstance(cell, str) or cell.strip() for cell in cells):
            yield number, cells, problem


def _value(cell: Any) -> Any:
    value = cell.value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    if isinstance(value, date):
        return datetime.combine(value, time()).isoformat()
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int):
        if abs(value) >= _EXACT:
            return f"{value:.5E}"  # as the spreadsheet shows it; ``text.damaged`` knows it
        return str(value).zfill(len(cell.number_format)) if _ZEROS.fullmatch(cell.number_format or "") else value
    return value if isinstance(value, str | float) else str(value)
