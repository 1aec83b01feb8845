"""Files to rows and rows to files: CSV, JSON and XML, whatever program wrote them.

A row is a flat mapping of normalised names (``PO Number`` becomes ``po_number``) to texts, with its place in the file.
Nested JSON and XML give one row per innermost record, which inherits what the records around it say.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any
from xml.parsers import expat

import msgspec

from engine.errors import Unreadable

MAX_DEPTH = 40
SEVERAL = "\x1f"  # between texts of one name; no XML can contain it
_GUARDED = re.compile(r"'*[=+\-@\t\r]")
_EXCEL_TEXT = re.compile(r'="(.*)"', re.DOTALL)


class Row(msgspec.Struct, frozen=True):
    """One record. ``place`` says where: ``acks/a.csv, line 7`` or ``acks/a.json, record 3``."""

    place: str
    values: dict[str, str]


class _Node(msgspec.Struct):
    """A record on its way from JSON or XML: its own texts, and the records inside it."""

    place: str
    values: dict[str, str]
    inner: list[tuple[str, _Node]]


def normal(name: str) -> str:
    """A column or element name in lower case with underscores: ``Qty. Shipped`` is ``qty_shipped``."""
    return re.sub(r"[^0-9a-z]+", "_", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.strip()).lower()).strip("_")


def guard(text: str) -> str:
    """The text made safe for spreadsheets, which take a leading ``= + - @``, tab or CR for a formula."""
    return "'" + text if _GUARDED.match(text) else text


def unguard(text: str) -> str:
    """The text as it was before ``guard``, or before Excel's ``="…"``."""
    if text.startswith("'") and _GUARDED.match(text):
        return text[1:]
    found = _EXCEL_TEXT.fullmatch(text)
    return found[1].replace('""', '"') if found else text


def decode(body: bytes, name: str) -> str:
    """The text of a file: UTF-8 or UTF-16 with or without a mark, else cp1252. Raises Unreadable."""
    for mark, encoding in (
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if body.startswith(mark):
            return _decoded(body, "utf-8-sig" if encoding == "utf-8" else encoding, name)
    head = body[:400]
    if len(head) >= 4 and head[1::2].count(0) > len(head) // 3:
        return _decoded(body, "utf-16-le", name)
    if len(head) >= 4 and head[0::2].count(0) > len(head) // 3:
        return _decoded(body, "utf-16-be", name)
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        return _decoded(body, "cp1252", name)


def _decoded(body: bytes, encoding: str, name: str) -> str:
    try:
        return body.decode(encoding)
    except UnicodeDecodeError as error:
        raise Unreadable(f"{name}: the text is not {encoding} at byte {error.start}; it may be cut off") from error


# --- CSV --------------------------------------------------------------------------------------------------------------


def write_csv(header: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    """A comma separated file in UTF-8 with CRLF, guarded against formulas."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([guard(name) for name in header])
    writer.writerows([guard(value) for value in row] for row in rows)
    return out.getvalue().encode()


def _delimiter(text: str) -> str:
    """Whichever of comma, semicolon and tab the header has most of, outside quotes."""
    header = re.sub(r'"[^"]*"', "", text).lstrip("\r\n").split("\n", 1)[0]
    return max(",;\t", key=header.count)


def read_csv(body: bytes, name: str) -> list[Row]:
    """The rows under the header. Raises Unreadable with the line of a row that has too few or too many fields."""
    text = decode(body, name)
    first, _, rest = text.partition("\n")
    skipped = 0
    if re.fullmatch(r"sep=.\s*", first):  # Excel's own hint
        delimiter, text, skipped = first[4], rest, 1
    else:
        delimiter = _delimiter(text[:20_000])
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    header: list[str] | None = None
    rows = []
    begins = 1
    try:
        for fields in reader:
            place, begins = f"{name}, line {begins + skipped}", reader.line_num + 1
            if not any(field.strip() for field in fields):
                continue
            if header is None:
                header = _header(fields, name)
                continue
            if len(fields) != len(header):
                raise Unreadable(
                    f"{place}: {len(fields)} fields where the header has {len(header)}; the row is cut off or odd"
                )
            rows.append(Row(place, {key: unguard(value) for key, value in zip(header, fields, strict=True)}))
    except csv.Error as error:
        raise Unreadable(f"{name}, line {begins + skipped}: not CSV: {error}") from error
    return rows


def _header(fields: Sequence[str], name: str) -> list[str]:
    header = [normal(unguard(field)) for field in fields]
    twice = [key for key, count in Counter(header).items() if count > 1]
    if twice:
        raise Unreadable(f"{name}: the header has {twice[0]!r} twice, so its column is not certain", field=twice[0])
    return header


# --- JSON and XML -----------------------------------------------------------------------------------------------------


def read_json(body: bytes, name: str) -> list[Row]:
    """A row per innermost object. Raises Unreadable when it is not JSON or not made of objects."""
    try:
        tree = msgspec.json.decode(decode(body, name))
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise Unreadable(f"{name}: not JSON: {error}") from error
    top = _Node(name, {}, [])
    for number, record in enumerate(tree if isinstance(tree, list) else [tree], 1):
        if not isinstance(record, dict):
            raise Unreadable(f"{name}, record {number}: an object is wanted, not {type(record).__name__}")
        top.inner.append(("record", _json_node(record, f"{name}, record {number}", 0)))
    return _rows(top)


def _json_node(record: dict[str, Any], place: str, depth: int) -> _Node:
    if depth > MAX_DEPTH:
        raise Unreadable(f"{place}: nested more than {MAX_DEPTH} deep")
    node = _Node(place, {}, [])
    for key, value in record.items():
        items = value if isinstance(value, list) else [value]
        for number, item in enumerate(items, 1):
            if isinstance(item, dict):
                inside = f"{place}, {key} {number}" if isinstance(value, list) else place
                node.inner.append((key, _json_node(item, inside, depth + 1)))
            elif isinstance(item, list):
                raise Unreadable(f"{place}: a list of lists in {key!r}", field=key)
            else:
                _add(node, key, "" if item is None else item if isinstance(item, str) else _plain(item))
    return node


def _add(node: _Node, key: str, text: str) -> None:
    """The record has this text; a second one under the same name is kept beside it, for whoever wants it to refuse."""
    name = normal(key)
    node.values[name] = node.values[name] + SEVERAL + text if name in node.values else text


def _plain(value: object) -> str:
    return msgspec.json.encode(value).decode()


def read_xml(body: bytes, name: str) -> list[Row]:
    """A row per innermost element. Raises Unreadable for what is not XML, and for any DOCTYPE or entity."""
    stack: list[_Node] = [_Node(name, {}, [])]
    texts: list[list[str]] = [[]]
    parser = expat.ParserCreate()
    parser.buffer_text = True

    def refuse(*_: object) -> None:
        raise Unreadable(f"{name}, line {parser.CurrentLineNumber}: a DOCTYPE or entity is not accepted")

    def start(tag: str, attributes: dict[str, str]) -> None:
        if len(stack) > MAX_DEPTH:
            raise Unreadable(f"{name}, line {parser.CurrentLineNumber}: nested more than {MAX_DEPTH} deep")
        values = {normal(key.rpartition(":")[2]): value for key, value in attributes.items()}
        stack.append(_Node(f"{name}, line {parser.CurrentLineNumber}", values, []))
        texts.append([])

    def end(tag: str) -> None:
        node, text = stack.pop(), "".join(texts.pop())
        key = tag.rpartition(":")[2]
        if node.values or node.inner:
            if text.strip():
                node.values.setdefault("text", text)
            stack[-1].inner.append((key, node))
        elif len(stack) == 1 and not text.strip():
            return  # an empty document element has no records
        else:
            _add(stack[-1], key, text)

    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = lambda text: texts[-1].append(text)
    try:
        parser.Parse(body, True)
    except (expat.ExpatError, LookupError, ValueError) as error:
        raise Unreadable(f"{name}, line {parser.CurrentLineNumber}: not XML: {error}") from error
    return _rows(stack[0])


def _rows(node: _Node, inherited: dict[str, str] | None = None) -> list[Row]:
    values = {**(inherited or {}), **node.values}
    names = Counter(key for key, _ in node.inner)
    records: list[_Node] = []
    for key, inner in node.inner:
        # A single part without parts of its own (<tracking><number/></tracking>) describes the record it is in;
        # in a record without texts of its own it is the only entry of a list.
        if node.values and names[key] == 1 and not inner.inner:
            for name, value in inner.values.items():
                values[f"{normal(key)}_{name}"] = value
                values.setdefault(name, value)
        else:
            records.append(inner)
    if not records:
        return [Row(node.place, values)] if values else []
    return [row for record in records for row in _rows(record, values)]


READERS = {"csv": read_csv, "json": read_json, "xml": read_xml}
