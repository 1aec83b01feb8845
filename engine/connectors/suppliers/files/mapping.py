"""What the supplier's files say, each kind as its layout is."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime

import msgspec

from engine import clock
from engine.connectors.supplier_rows import Reader
from engine.connectors.suppliers.files.config import INCOMING, Config
from engine.connectors.tables import READERS, Layout, Row, spans
from engine.errors import Invalid, Misconfigured, Unreadable
from engine.ports import Parts, Raw, SupplierUpdate, Tried

_TYPES = {"csv": "text/csv", "json": "application/json", "xml": "application/xml"}
_IN_PARTS = ("inventory/", "invoices/")


class _Spelling(msgspec.Struct, frozen=True):
    fields: dict[str, str]
    status_map: dict[str, str]
    date_format: str
    timezone: str
    currency: str


class FileReader:
    """Reads this supplier's files, each kind as its layout says; raises Misconfigured for tables it could not use."""

    def __init__(self, config: Config) -> None:
        self._default = config.format if config.format != "fixed" else "csv"
        self._layouts = {kind: config.layout(kind) for kind in INCOMING}
        self._readers: dict[str, Reader] = {}
        for kind, layout in self._layouts.items():
            _check(kind, layout)
            spelling = _Spelling(layout.fields, layout.status_map, layout.date_format, config.timezone, config.currency)
            self._readers[kind] = Reader(spelling, layout.decimal)

    def content_type(self, name: str, mtime: int) -> str:
        """The type by the file's ending, with the time it was last changed."""
        kind = _TYPES.get(name.rpartition(".")[2].lower(), _TYPES[self._default])
        return f"{kind}; modified={mtime}"

    def read(self, raw: Raw) -> tuple[SupplierUpdate, ...]:
        """The updates in a file, in its order, all of them. Raises Unreadable naming the file and the line."""
        _, updates, problems = self._read(raw)
        if problems:
            rest = f" (and {len(problems) - 1} more like it)" if len(problems) > 1 else ""
            raise Unreadable(problems[0].message + rest, field=problems[0].field)
        return tuple(updates)

    def read_parts(self, raw: Raw) -> Parts:
        """The updates in a file. A bad row of stock or of one invoice keeps no other from counting; any other bad row does,
        as what is left of a parcel would be taken for another parcel when the file is read again, mended."""
        try:
            _, updates, problems = self._read(raw)
        except Unreadable as error:
            return Parts((), (error.message,), error.field or "")
        if problems and not raw.external_id.startswith(_IN_PARTS):
            updates = []
        field = next((problem.field for problem in problems if problem.field), "")
        return Parts(tuple(updates), tuple(problem.message for problem in problems), field or "")

    def try_file(self, kind: str, name: str, body: bytes) -> Tried:
        """Every row of a sample, what it comes to, and every reason why a row could not be used."""
        if kind not in self._readers:
            raise Invalid(f"there is no kind of file {kind!r} to read; there are: {', '.join(INCOMING)}", "kind")
        raw = Raw(f"{kind}/{name}", body, f"text/plain; modified={int(clock.now().timestamp())}")
        try:
            rows, updates, problems = self._read(raw)
        except Unreadable as error:
            return Tried((), (), (error.message,))
        if problems and not raw.external_id.startswith(_IN_PARTS):
            updates = []
        told = tuple((row.place, row.values) for row in rows)
        return Tried(told, tuple(updates), tuple(problem.message for problem in problems))

    def _read(self, raw: Raw) -> tuple[list[Row], list[SupplierUpdate], list[Unreadable]]:
        kind, _, name = raw.external_id.partition("/")
        if kind not in self._readers or not name:
            raise Unreadable(f"{raw.external_id!r} does not say what kind of file it is ({', '.join(INCOMING)})")
        layout, reader = self._layouts[kind], self._readers[kind]
        ending = name.rpartition(".")[2].lower()
        form = layout.format or (ending if ending in _TYPES else self._default)
        rows = READERS[form](raw.body, raw.external_id, layout)
        modified = _modified(raw.content_type)
        if kind == "inventory":
            key = f"{raw.external_id}#{hashlib.sha256(raw.body).hexdigest()[:16]}"
            return rows, *reader.inventory(rows, key, modified)
        if kind == "invoices":
            return rows, *reader.invoices(rows, modified)
        return rows, *reader.orders(rows, kind, modified)


def _check(kind: str, layout: Layout) -> None:
    place = f"layouts.{kind}"
    if layout.template:
        raise Misconfigured(
            f"{place}: a template is for purchase orders; what comes in is described by columns and fields"
        )
    if layout.format == "fixed":
        if not layout.columns and not layout.records:
            raise Misconfigured(f"{place}: fixed width needs columns, or records with columns")
        for columns in (layout.columns, *(record.columns for record in layout.records)):
            spans(columns, place)
        if layout.records and all(record.carries for record in layout.records):
            raise Misconfigured(f"{place}: all its records only carry, so none gives a row")
    elif not layout.header and not layout.columns:
        raise Misconfigured(f"{place}: without a header its columns must be named")
    if len(layout.delimiter) > 1 or layout.delimiter in ('"', "\r", "\n"):
        raise Misconfigured(f"{place}: the delimiter must be one character, not {layout.delimiter!r}")


def _modified(content_type: str) -> datetime | None:
    """When the file was last changed, as ``poll`` noted it beside the type, so that reading stays pure."""
    found = re.search(r"modified=(\d+)", content_type)
    return datetime.fromtimestamp(int(found[1]), UTC) if found else None
