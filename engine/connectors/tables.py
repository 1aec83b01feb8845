"""Files to rows and rows to files: CSV, fixed width, JSON and XML, whatever program wrote them.

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
from typing import Any, Literal
from xml.parsers import expat

import msgspec

from engine.domain.sandbox import MAX_WIDTH, fitted
from engine.errors import Misconfigured, Unreadable

Format = Literal["csv", "fixed", "json", "xml"]
MAX_DEPTH = 40
MAX_VALUES = 5_000_000  # of all rows of a file; what is said once of many records counts in each
SEVERAL = "\x1f"  # between texts of one name; no XML can contain it
_GUARDED = re.compile(r"'*[=+\-@\t\r]")
_EXCEL_TEXT = re.compile(r'="(.*)"', re.DOTALL)


class Column(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A column of a CSV or fixed-width file.

    Out: ``value`` is a JMESPath over ``{purchase, line}`` (https://jmespath.org/specification.html). In, where the file has no
    header: ``header`` is what the column would be called. Fixed width: ``width`` characters from ``start``, which counts
    from 1 and is after the column before where it is 0; ``align`` and ``fill`` make it up, ``cut`` shortens what is longer.
    """

    header: str
    value: str = ""
    width: int = 0
    start: int = 0
    align: Literal["left", "right"] = "left"
    fill: str = " "
    cut: bool = False


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A kind of line in a fixed-width file that comes in: those that begin with ``begins``.

    ``carries``: it gives no row of its own, and what it says holds for the rows after it, up to the next of its kind.
    """

    begins: str
    columns: tuple[Column, ...] = ()
    carries: bool = False


class Layout(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A saved template: how one kind of file looks. What is left empty is as the connection's settings say.

    ``columns`` are for CSV and fixed width, ``template`` (Jinja over ``purchase``) for purchase orders in any form;
    ``records`` for fixed-width files with several kinds of lines, of which ``ignored`` begin those that say nothing.
    """

    format: Format | Literal[""] = ""
    columns: tuple[Column, ...] = ()
    template: str = ""
    records: tuple[Record, ...] = ()
    ignored: tuple[str, ...] = ()
    header: bool = True  # of CSV: the first line names the columns
    delimiter: str = ""  # of CSV; empty: a comma out, and in whichever the file has
    charset: Literal["utf-8", "cp1252", "latin-1", "ascii"] = "utf-8"  # out
    trimmed: bool = False  # fixed width, in: lines lose the blanks at their end
    fields: dict[str, str] = msgspec.field(default_factory=dict)
    status_map: dict[str, str] = msgspec.field(default_factory=dict)
    date_format: str = ""
    decimal: Literal[".", ","] = "."


PLAIN = Layout()


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


def write_csv(header: Sequence[str], rows: Iterable[Sequence[str]], delimiter: str = ",") -> bytes:
    """A delimited file in UTF-8 with CRLF, guarded against formulas. Without a header there is no such line."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n", delimiter=delimiter)
    if header:
        writer.writerow([guard(name) for name in header])
    writer.writerows([guard(value) for value in row] for row in rows)
    return out.getvalue().encode()


def _delimiter(text: str) -> str:
    """Whichever of comma, semicolon, tab and bar the header has most of, outside quotes."""
    header = re.sub(r'"[^"]*"', "", text).lstrip("\r\n").split("\n", 1)[0]
    return max(",;\t|", key=header.count)


def read_csv(body: bytes, name: str, layout: Layout = PLAIN) -> list[Row]:
    """The rows under the header. Raises Unreadable with the line of a row that has too few or too many fields."""
    text = decode(body, name)
    first, _, rest = text.partition("\n")
    skipped = 0
    if re.fullmatch(r"sep=.\s*", first):  # Excel's own hint
        delimiter, text, skipped = first[4], rest, 1
    else:
        delimiter = layout.delimiter or _delimiter(text[:20_000])
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    except (TypeError, ValueError) as error:  # a hint that names a quote or a line end
        raise Unreadable(f"{name}: {delimiter!r} cannot part fields") from error
    header = None if layout.header else [normal(column.header) for column in layout.columns]
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
                whose = "the header has" if layout.header else "its template has"
                raise Unreadable(
                    f"{place}: {len(fields)} fields where {whose} {len(header)}; the row is cut off or odd"
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


# --- fixed width ------------------------------------------------------------------------------------------------------


def spans(columns: Sequence[Column], what: str) -> list[tuple[Column, int, int]]:
    """Each column with where it begins and ends in its line. Raises Misconfigured for what overlaps or has no width."""
    found: list[tuple[Column, int, int]] = []
    end = 0
    for column in columns:
        begin = column.start - 1 if column.start else end
        if column.width < 1 or begin < end or len(column.fill) != 1 or begin + column.width > MAX_WIDTH:
            raise Misconfigured(
                f"{what}: the column {column.header!r} needs a width, a place after the column before it (which ends at {end}) "
                "and a single character to fill it"
            )
        end = begin + column.width
        found.append((column, begin, end))
    return found


def write_fixed(columns: Sequence[Column], rows: Iterable[Sequence[str]]) -> str:
    """A line of the columns' widths for each row, with CRLF. Raises ValueError for a value that is too long or has lines."""
    placed = spans(columns, "orders")
    lines = []
    for row in rows:
        line = ""
        for (column, begin, _), value in zip(placed, row, strict=True):
            line = line.ljust(begin) + fitted(
                value, column.width, column.align, column.fill, cut=column.cut, name=column.header
            )
        lines.append(line + "\r\n")
    return "".join(lines)


def read_fixed(body: bytes, name: str, layout: Layout = PLAIN) -> list[Row]:
    """A row for each line, or for each of the records that carry nothing. Raises Unreadable with the line."""
    records = layout.records or (Record("", layout.columns),)
    placed = [(record, spans(record.columns, record.begins or "columns")) for record in records]
    text = decode(body, name)
    if layout.trimmed and text and not text.endswith("\n"):
        raise Unreadable(f"{name}: the last line has no end, so it may be cut off")
    carried: dict[str, str] = {}
    rows: list[Row] = []
    for number, line in enumerate(text.split("\n"), 1):
        line = line.rstrip("\r\x1a")
        if not line.strip() or (layout.ignored and line.startswith(layout.ignored)):
            continue
        place = f"{name}, line {number}"
        found = next(((record, columns) for record, columns in placed if line.startswith(record.begins)), None)
        if found is None:
            kinds = ", ".join(repr(record.begins) for record in records)
            raise Unreadable(f"{place}: it begins with {line[:10]!r}, and the template knows {kinds}")
        record, columns = found
        end = columns[-1][2] if columns else 0
        if len(line) < end and not layout.trimmed:
            raise Unreadable(
                f"{place}: {len(line)} characters where the template has {end}; the line is cut off or odd"
            )
        values = {normal(column.header): _cell(line[begin:stop], column) for column, begin, stop in columns}
        if record.carries:
            carried.update(values)
        else:
            rows.append(Row(place, {**carried, **values}))
    return rows


def _cell(text: str, column: Column) -> str:
    """The value without what fills it; a number of zeros alone stays one."""
    text = text.strip()
    if column.fill == " ":
        return text
    bare = text.lstrip(column.fill) if column.align == "right" else text.rstrip(column.fill)
    return bare or (column.fill if text and column.fill == "0" else "")


# --- JSON and XML -----------------------------------------------------------------------------------------------------


def read_json(body: bytes, name: str, layout: Layout = PLAIN) -> list[Row]:
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


def read_xml(body: bytes, name: str, layout: Layout = PLAIN) -> list[Row]:
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


def _rows(top: _Node) -> list[Row]:
    rows: list[Row] = []
    _collect(top, {}, rows, [0])
    return rows


def _collect(node: _Node, inherited: dict[str, str], rows: list[Row], count: list[int]) -> None:
    values = {**inherited, **node.values}
    count[0] += len(values)
    if count[0] > MAX_VALUES:
        raise Unreadable(f"{node.place}: more than {MAX_VALUES:,} values, with those said once of many records")
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
    if not records and values:
        rows.append(Row(node.place, values))
    for record in records:
        _collect(record, values, rows, count)


READERS = {"csv": read_csv, "fixed": read_fixed, "json": read_json, "xml": read_xml}
