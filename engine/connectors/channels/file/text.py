"""From the bytes of a file to its text, and from the text of a cell to what was meant."""

from __future__ import annotations

import codecs
import re

from engine.errors import Unreadable

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark is its beginning
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_KINDS = (
    (b"PK\x03\x04", "a ZIP archive, or a damaged Excel workbook: unpack it, or save it as .xlsx or CSV (UTF-8),"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook, or one with a password: save it as .xlsx without a password"),
    (b"%PDF", "a PDF: export the orders as CSV or JSON"),
    (b"\x1f\x8b", "compressed with gzip: unpack it"),
)
_INVISIBLE = (
    "\u061c\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff\ufff9-\ufffb"  # joiners stay: Persian needs them
)
_ONE_LINE = re.compile(f"[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f{_INVISIBLE}\ud800-\udfff]+")
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")
_DAMAGE = re.compile(r"[+-]?[0-9](?:[.,][0-9]+)?E[+-][0-9]{2,3}", re.IGNORECASE)
_ERRORS = frozenset({"#NAME?", "#REF!", "#VALUE!", "#N/A", "#NULL!", "#NUM!", "#DIV/0!"})


def decode(body: bytes, encoding: str = "auto") -> tuple[str, str, bool]:
    """The text, its encoding, and whether some bytes were no characters of it (they are U+FFFD in the text).

    UTF-8, UTF-16 and UTF-32 are known by their mark; UTF-16 without one by where its zero bytes are; what is not
    UTF-8 is cp1252. Raises Unreadable saying what kind of file it is when it is no text.
    """
    for magic, kind in _KINDS:
        if body.startswith(magic):
            raise Unreadable(f"it is {kind} and drop it again")
    name = encoding
    if encoding == "auto":
        mark = next((known for bom, known in _BOMS if body.startswith(bom)), None)
        name = mark or _unmarked(body)
    text = body.decode(name, errors="replace").removeprefix("\ufeff")
    sample = text[:65536]
    if len(_CONTROL.findall(sample)) * 20 > len(sample):
        raise Unreadable("it is not text but a binary file: export the orders as CSV or JSON and drop it again")
    return text, name, _has_damage(body, name, text)


def _unmarked(body: bytes) -> str:
    sample = body[:4096]
    even, odd = sample[0::2].count(0), sample[1::2].count(0)
    if max(even, odd) * 10 > len(sample) // 2 and min(even, odd) * 10 <= max(even, odd):
        return "utf-16-le" if odd > even else "utf-16-be"
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        text = body.decode("utf-8", errors="replace")
        bad = text.count("\ufffd")
        # Two bytes of cp1252 hardly ever make a character of UTF-8: where many do, it is UTF-8 with some damage.
        good = len(text) - sum(map(len, re.findall(r"[\x00-\x7f]+", text))) - bad
        if good > bad:
            return "utf-8"
        try:
            body.decode("cp1252")
        except UnicodeDecodeError as error:
            raise Unreadable(
                "it is a binary file, or text that is neither UTF-8, UTF-16 nor Windows-1252: "
                "export it as CSV (UTF-8) and drop it again, or "
                "set `encoding` in the connection"
            ) from error
        return "cp1252"
    return "utf-8"


def _has_damage(body: bytes, name: str, text: str) -> bool:
    if "\ufffd" not in text:
        return False
    try:
        body.decode(name)
    except UnicodeDecodeError:
        return True
    return False  # whoever wrote the file had lost the character already


def unwrap(cell: str) -> str:
    """The cell without the ``="…"`` by which exports keep Excel from touching it, and without outer spaces."""
    cell = cell.strip()
    if len(cell) >= 3 and cell.startswith('="') and cell.endswith('"'):
        return cell[2:-1].replace('""', '"').strip()
    return cell


def one_line(text: str) -> str:
    """The text without control and direction characters, in one line. Letters of every script stay."""
    return " ".join(_ONE_LINE.sub("", text).split())


def many_lines(text: str) -> str:
    """The same for notes: line breaks and tabs stay."""
    return _ONE_LINE.sub("", text.replace("\r\n", "\n").replace("\r", "\n")).strip()


def damaged(cell: str) -> str | None:
    """Why a spreadsheet has destroyed this code, or None: 7.9E+11 cannot be turned back into digits."""
    if _DAMAGE.fullmatch(cell):
        return (
            f"{cell!r} is a number a spreadsheet has shortened and its digits are lost: "
            "export it again with the column formatted as text"
        )
    if cell in _ERRORS or (len(cell) > 2 and not cell.strip("#")):
        return f"{cell!r} is a spreadsheet's error and not a value: correct the cell and export it again"
    return None


def called(file: str) -> str:
    """What a row of the file is called where people look for it: its line in a text, its row in a workbook."""
    return "row" if file.lower().endswith((".xlsx", ".xlsm")) else "line"


def short(value: object) -> str:
    """The value quoted for a message, at most 40 characters of it."""
    text = value if isinstance(value, str) else str(value)
    return repr(text if len(text) <= 40 else text[:40] + "…")
