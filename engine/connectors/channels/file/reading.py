"""From the text of a file to one entry per order, nothing left out: what has no place in an order is an entry too."""

from __future__ import annotations

import csv
import hashlib
import io
import itertools
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from engine.connectors import workbook
from engine.connectors.channels.file import columns, text
from engine.errors import Unreadable
from engine.ports import Raw

LARGEST = 256 * 1024 * 1024
"""The largest file that is read, in bytes."""
DELIMITERS = (",", ";", "\t", "|")
_PREAMBLE = 30  # lines in which the header row must come
_LONGEST_HEADER = 65536  # characters; what is longer is a note
_LINE_KEYS = frozenset({"lines", "items", "lineitems", "orderlines", "orderitems", "products"})

# The module's own limit is 128 KB a cell; it can only be raised for the whole process. Notes can be megabytes.
csv.field_size_limit(LARGEST)

Columns = Mapping[str, str | Sequence[str]]


class Envelope(msgspec.Struct, omit_defaults=True):
    """What is stored of an order: its own rows as they were, with their line numbers. Edit ``rows`` to repair it.

    ``mapping`` is field -> column as found when the file was read. ``problems`` are reasons no order can be made of
    it; whoever repairs the rows takes them out.
    """

    file: str
    lines: list[int]
    rows: list[msgspec.Raw]
    mapping: dict[str, str] = {}
    problems: list[str] = []


class Entry(msgspec.Struct):
    """All rows of one order number (or one piece of the file that belongs to no order)."""

    external_id: str
    mapping: dict[str, str]
    lines: list[int] = []
    rows: list[bytes] = []
    problems: list[str] = []
    called: str = "line"

    def add(self, line: int, row: Any, problem: str | None = None) -> None:
        """The row is part of the entry; kept as bytes, which take a tenth of the memory."""
        self.lines.append(line)
        self.rows.append(msgspec.json.encode(row))
        if problem:
            self.problems.append(f"{self.called} {line}: {problem}")

    def raw(self, file: str, stamp: str) -> Raw:
        """The payload to store. The same rows in the same file give the same bytes and the same delivery id."""
        envelope = Envelope(file, self.lines, [msgspec.Raw(row) for row in self.rows], self.mapping, self.problems)
        body = msgspec.json.encode(envelope)
        delivery = hashlib.sha256(stamp.encode() + b"\0" + body).hexdigest()[:40]
        return Raw(self.external_id, body, delivery_id=delivery)


class _Orders:
    """Entries by order number, in the order in which the numbers first occur."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.by_number: dict[str, Entry] = {}
        self.entries: list[Entry] = []

    def add(self, line: int, row: Mapping[str, Any], number: str, mapping: dict[str, str], problem: str | None) -> None:
        if not number:
            entry = self.loose(line, mapping)
            entry.add(line, row, problem or "the row has no order number")
            return
        known = self.by_number.get(number)
        if known is None:
            known = self.by_number[number] = Entry(number, mapping, called=text.called(self.file))
            self.entries.append(known)
        known.add(line, row, problem)

    def loose(self, line: int, mapping: dict[str, str]) -> Entry:
        entry = Entry(f"{self.file}:{line}", mapping, called=text.called(self.file))
        self.entries.append(entry)
        return entry


def entries(body: bytes, file: str, wanted: Columns, encoding: str = "auto", delimiter: str = "auto") -> list[Entry]:
    """Every order in the file and every piece that is none. Raises Unreadable for a file without any orders."""
    if len(body) > LARGEST:
        raise Unreadable(
            f"it has {len(body):,} bytes and the most that is read is {LARGEST:,}: split it and drop the parts"
        )
    if workbook.is_workbook(body):
        return _workbook(body, file, wanted)
    content, _, has_damage = text.decode(body, encoding)
    if not content.strip():
        raise Unreadable("it is empty: export it again, or delete it")
    if content.lstrip()[0] in "[{" and not (file.lower().endswith(".csv") and _is_known(_find(content, wanted))):
        return _json(content, file, wanted, has_damage)
    return _csv(content, file, wanted, delimiter, has_damage)


# --- CSV --------------------------------------------------------------------------------------------------------------


class Header(msgspec.Struct, frozen=True):
    """Where the header row is: ``first`` is the index of its first line, ``after`` of the line that follows it."""

    first: int
    after: int
    delimiter: str
    names: tuple[str, ...]
    mapping: dict[str, str]


def _reader(lines: Iterator[str], delimiter: str, strict: bool = True) -> Any:
    return csv.reader(lines, delimiter=delimiter, strict=strict, skipinitialspace=delimiter != "\t")


def _names(cells: Sequence[str]) -> tuple[str, ...]:
    seen: dict[str, int] = {}
    names: list[str] = []
    for place, cell in enumerate(cells, 1):
        name = text.one_line(text.unwrap(cell)) or f"(column {place})"
        base = name
        while name in seen:  # two columns "Name" are "Name" and "Name (2)"
            seen[base] += 1
            name = f"{base} ({seen[base]})"
        seen[name] = 1
        names.append(name)
    return tuple(names)


def find_header(lines: Sequence[str], wanted: Columns, delimiter: str = "auto") -> Header | None:
    """The row among the first lines with most known columns and the delimiter that shows them, or None."""
    best: Header | None = None
    for candidate in DELIMITERS if delimiter == "auto" else (delimiter,):
        for first in range(min(len(lines), _PREAMBLE)):
            near = itertools.takewhile(lambda line: len(line) < _LONGEST_HEADER, lines[first : first + 20])
            reader = _reader(near, candidate)
            try:
                cells = next(reader)
            except (csv.Error, StopIteration):
                continue
            if not any(cells):
                continue
            names = _names(cells)
            found = Header(first, first + reader.line_num, candidate, names, columns.resolve(wanted, names))
            if len(found.mapping) > len(best.mapping if best else ()):
                best = found
    return best


def widest(lines: Sequence[str]) -> Header | None:
    """The first row with the most cells: the likeliest header of a file none of whose columns is known."""
    best: Header | None = None
    for candidate in DELIMITERS:
        for first, line in enumerate(lines[:_PREAMBLE]):
            names = _names(next(_reader(iter([line]), candidate, strict=False), []))
            if len(names) > len(best.names if best else ()):
                best = Header(first, first + 1, candidate, names, {})
    return best


def _is_known(header: Header | None) -> bool:
    return (
        header is not None and len(header.mapping) >= 2 and bool({"order_number", "order_id"} & header.mapping.keys())
    )


def _find(content: str, wanted: Columns) -> Header | None:
    return find_header(list(itertools.islice(io.StringIO(content, newline=""), _PREAMBLE + 20)), wanted)


def _swallowed(cell: str, header: Header) -> bool:
    """The cell has lines that look like rows: as many delimiters as the header. Notes do not; an open quote does it."""
    if len(header.names) < 4 or ("\n" not in cell and "\r" not in cell):
        return False
    return any(part.count(header.delimiter) >= len(header.names) - 1 for part in cell.splitlines()[1:])


def _csv(content: str, file: str, wanted: Columns, delimiter: str, has_damage: bool) -> list[Entry]:
    lines = list(io.StringIO(content, newline=""))
    header = find_header(lines, wanted, delimiter)
    if header is None or not _is_known(header):
        seen = ", ".join(header.names[:12]) if header else text.short(lines[0].strip())
        raise _unknown_columns(seen)
    _all_mapped(wanted, header)
    orders, where = _Orders(file), _number_field(header.mapping)
    for line, cells, problem in records(lines, header):
        row, more = _row(cells, header)
        if more:
            problem = problem or (
                f"the row has {len(cells)} cells and the header {len(header.names)}: "
                "put cells that contain the delimiter into quotes"
            )
        if any(_swallowed(cell, header) for cell in cells):
            problem = (
                problem or "a cell holds whole rows: a quote before them is not closed; correct it and drop it again"
            )
        if has_damage and any("\ufffd" in cell for cell in cells):
            problem = problem or "the row has bytes that are no characters: export the file again as UTF-8"
        number = text.one_line(text.unwrap(row.get(header.mapping[where], "")))
        orders.add(line, row, number, header.mapping, problem)
    return orders.entries


def _unknown_columns(seen: str) -> Unreadable:
    return Unreadable(
        f"no column of order numbers is known in its first {_PREAMBLE} lines (seen: {seen}): name the columns in "
        "the connection's `columns`, or correct the header row, and drop it again"
    )


def _all_mapped(wanted: Columns, header: Header) -> None:
    for field, names in wanted.items():
        if names and field not in header.mapping:
            written = names if isinstance(names, str) else " / ".join(names)
            raise Unreadable(
                f"it has no column {written!r}, which the connection maps to {field} (seen: "
                f"{', '.join(header.names[:12])}): correct the mapping or the file and drop it again"
            )


def _row(cells: Sequence[Any], header: Header) -> tuple[dict[str, Any], bool]:
    """The cells by column, and whether there are more of them than the header has names."""
    row: dict[str, Any] = dict(zip(header.names, cells, strict=False))
    row.update(dict.fromkeys(header.names[len(cells) :], ""))
    extra = cells[len(header.names) :]
    if not any(str(cell).strip() for cell in extra):
        return row, False
    row.update({f"(cell {place})": cell for place, cell in enumerate(extra, len(header.names) + 1)})
    return row, True


def records(lines: Sequence[str], header: Header) -> Iterator[tuple[int, list[str], str | None]]:
    """(line number, cells, what is wrong) of every row that is not blank. A badly quoted row costs only itself."""
    start, spent = header.after, 0
    while start < len(lines):
        reader = _reader((lines[place] for place in range(start, len(lines))), header.delimiter)
        begin = start
        try:
            for cells in reader:
                if any(cell.strip() for cell in cells):
                    yield begin + 1, cells, None
                begin = start + reader.line_num
            return
        except csv.Error as error:
            spent += reader.line_num - (begin - start)
            if spent > 4 * len(lines) + 1000:  # quotes so tangled that going on row by row would take for ever
                yield begin + 1, ["".join(lines[begin:])], f"from here on the quotes do not match ({error})"
                return
            cells = next(_reader(iter([lines[begin]]), header.delimiter, strict=False), [])
            yield begin + 1, cells, f"the quotes in this row do not match ({error}): correct them and drop it again"
            start = begin + 1


def _number_field(mapping: Mapping[str, str]) -> str:
    return "order_number" if "order_number" in mapping else "order_id"


# --- Excel workbooks --------------------------------------------------------------------------------------------------


def sheet_header(sheet: workbook.Sheet, wanted: Columns) -> Header | None:
    """The row among the sheet's first with most known columns; ``after`` is the number of the row that follows it."""
    best: Header | None = None
    for number, cells, _ in sheet.rows[:_PREAMBLE]:
        names = _names([str(cell) for cell in cells])
        found = Header(number - 1, number + 1, "", names, columns.resolve(wanted, names))
        if best is None or len(found.mapping) > len(best.mapping):
            best = found
    return best


def _workbook(body: bytes, file: str, wanted: Columns) -> list[Entry]:
    sheets = [(sheet, header) for sheet in workbook.sheets(body) if (header := sheet_header(sheet, wanted))]
    if not sheets:
        raise Unreadable("none of its visible sheets has any rows: export it again, or delete it")
    known = [(sheet, header) for sheet, header in sheets if _is_known(header)]
    if not known:
        raise _unknown_columns(", ".join(sheets[0][1].names[:12]))
    if len(known) > 1:
        names = ", ".join(sheet.name for sheet, _ in known)
        raise Unreadable(f"several of its sheets have orders ({names}): save each as a file of its own and drop those")
    sheet, header = known[0]
    _all_mapped(wanted, header)
    orders, where = _Orders(file), _number_field(header.mapping)
    for number, cells, wrong in sheet.rows:
        if number < header.after:
            continue
        row, more = _row(cells, header)
        problem = wrong or ("a cell is to the right of the last column that has a name" if more else None)
        value = row.get(header.mapping[where], "")
        if isinstance(value, float):
            problem = problem or f"the order number {value} is a fraction: correct it, or format the column as text"
        orders.add(number, row, text.one_line(text.unwrap(str(value))), header.mapping, problem)
    return orders.entries


# --- JSON -------------------------------------------------------------------------------------------------------------


def flatten(order: Mapping[str, Any]) -> tuple[dict[str, Any], list[Any] | None]:
    """The order's own values with nested keys dotted (``ship_to.city``), and its list of lines if it has one."""
    head: dict[str, Any] = {}
    found: list[Any] | None = None

    def walk(part: Mapping[str, Any], prefix: str, depth: int) -> None:
        nonlocal found
        for key, value in part.items():
            if not prefix and isinstance(value, list) and columns.squash(key) in _LINE_KEYS:
                found = value
            elif isinstance(value, dict) and depth < 4:
                walk(value, f"{prefix}{key}.", depth + 1)
            else:
                head[prefix + key] = value

    walk(order, "", 0)
    return head, found


def spread(order: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One flat row per line of a JSON order; the order's own values are in the first. A CSV row comes back as it is."""
    head, lines = flatten(order)
    if lines is None:
        return [head]
    rows: list[dict[str, Any]] = []
    for line in lines:
        if not isinstance(line, dict):
            raise Unreadable(f"a line of the order is {text.short(line)}; an object is expected", "lines")
        flat, _ = flatten(line)
        rows.append({**({} if rows else head), **{columns.LINES + key: value for key, value in flat.items()}})
    return rows


class _Finite(json.JSONDecoder):
    def __init__(self) -> None:
        super().__init__(parse_float=_finite, parse_constant=_finite)


def _finite(literal: str) -> float:
    number = float(literal)
    if not math.isfinite(number):
        raise ValueError(f"{text.short(literal)} is not a number in JSON")
    return number


def _json(content: str, file: str, wanted: Columns, has_damage: bool) -> list[Entry]:
    orders, mappings = _Orders(file), dict[tuple[str, ...], dict[str, str]]()
    for line, value, problem in _values(content):
        if not isinstance(value, dict):
            row = {"(text)": _encodable(value, [])}
            orders.loose(line, {}).add(line, row, problem or "this is not an order but a value")
            continue
        head, lines = flatten(value)
        keys = [*head, *dict.fromkeys(columns.LINES + key for item in lines or () if isinstance(item, dict)
                                      for key in flatten(item)[0])]  # fmt: skip
        mapping = mappings.setdefault(tuple(keys), {}) or columns.resolve(wanted, keys)
        mappings[tuple(keys)] = mapping
        number = head.get(mapping.get(_number_field(mapping), ""))
        if has_damage and "\ufffd" in str(value):
            problem = _NO_CHARACTERS
        known = text.one_line(text.unwrap(str(number))) if _is_code(number) else ""
        orders.add(line, value, known, mapping, problem)
    return orders.entries


def _is_code(value: Any) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool)


_SURROGATE = re.compile("[\ud800-\udfff]")


def _encodable(value: Any, lost: list[str]) -> Any:
    """The value as it can be stored: huge numbers as text, lone surrogates as U+FFFD (and noted in ``lost``)."""
    if isinstance(value, str):
        if not value.isascii() and _SURROGATE.search(value):
            lost.append(value)
            return _SURROGATE.sub("\ufffd", value)
        return value
    if isinstance(value, dict):
        return {_encodable(key, lost): _encodable(part, lost) for key, part in value.items()}
    if isinstance(value, list):
        return [_encodable(part, lost) for part in value]
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return str(value)
    return value


_NO_CHARACTERS = "the text has characters that do not exist: export the file again as UTF-8"
_SPACE = re.compile(r"[\s,]*")


def _values(content: str) -> Iterator[tuple[int, Any, str | None]]:
    """(line number, order, what is wrong) of everything in an array, in ``{"orders": […]}`` or in JSON lines.

    The standard library's scanner, since it alone tells where a value ends: so there are line numbers, and what
    stands before a truncation is not lost with it.
    """
    decoder, place, line, counted = _Finite(), 0, 1, 0
    start = _orders_key(content, decoder)
    inside = start is not None or content.lstrip().startswith("[")
    place = start if start is not None else (content.index("[") + 1 if inside else 0)
    while True:
        skipped = _SPACE.match(content, place)
        place = skipped.end() if skipped else place
        line, counted = line + content.count("\n", counted, place), place
        if place >= len(content):
            if inside:
                yield line, "", "the file ends before its list of orders does: it was cut off; export it again"
            return
        if inside and content[place] == "]":
            rest = content[place + 1 :].strip()
            if rest and (start is None or not _closes(rest, decoder)):
                yield line, rest, "the text after the list of orders is not read: drop it as a file of its own"
            return
        try:
            value, after = decoder.raw_decode(content, place)
            lost: list[str] = []
            value = _encodable(value, lost)
            msgspec.json.decode(msgspec.json.encode(value))  # can it be stored and read again? Nesting has its limits
            place = after
            yield line, value, _NO_CHARACTERS if lost else None
        except (ValueError, RecursionError) as error:
            end = content.find("\n", place) if not inside else -1
            following = end >= 0 and content.startswith("{", _SPACE.match(content, end).end())  # type: ignore[union-attr]
            end = end if following else len(content)
            cost = "only this line is left out" if following else "nothing after it could be read"
            reason = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
            yield line, content[place:end], f"this is not JSON ({reason}); {cost}: correct it and drop it again"
            place = end
            inside = inside and end < len(content)


def _closes(rest: str, decoder: json.JSONDecoder) -> bool:
    """The text ends the object the list of orders is in, and nothing follows."""
    try:
        return decoder.raw_decode("{" + rest.lstrip(", \r\n\t"))[1] == len("{" + rest.lstrip(", \r\n\t"))
    except (ValueError, RecursionError):
        return False


def _orders_key(content: str, decoder: json.JSONDecoder) -> int | None:
    """Where the list inside ``{"orders": […]}`` begins, or None if the first object is not such a wrapper."""
    place = len(content) - len(content.lstrip())
    if not content.startswith("{", place):
        return None
    place += 1
    try:
        while True:
            skipped = _SPACE.match(content, place)
            key, place = decoder.raw_decode(content, skipped.end() if skipped else place)
            colon = re.compile(r"\s*:\s*").match(content, place)
            if not isinstance(key, str) or colon is None:
                return None
            place = colon.end()
            if columns.squash(key) == "orders" and content.startswith("[", place):
                return place + 1
            _, place = decoder.raw_decode(content, place)
    except (ValueError, RecursionError):
        return None
