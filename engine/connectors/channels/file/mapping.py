"""What a stored order of a file says: the connection's settings and the reading of cells into a ``ChannelOrder``."""

from __future__ import annotations

import codecs
import re
import zoneinfo
from collections import Counter
from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from functools import cache
from typing import Any, TypeVar

import msgspec
from babel import Locale
from babel.core import get_global

from engine.connectors.channels.file import columns, text
from engine.connectors.channels.file.reading import DELIMITERS, Envelope, flatten, spread
from engine.domain.money import minor
from engine.errors import Unreadable
from engine.ports import Address, ChannelLine, ChannelOrder, ChannelState, Payment, Raw


class FileConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The connection's settings; README.md explains each. Raises ValueError for one that cannot be."""

    folder: str
    pattern: str = "*.csv,*.xlsx,*.json,*.jsonl"
    tracking_folder: str = ""
    columns: dict[str, str | list[str]] = {}
    constants: dict[str, str] = {}
    date_formats: list[str] = []
    timezone: str = "UTC"
    decimal: str = "."
    delimiter: str = "auto"
    encoding: str = "auto"
    settle_seconds: float = 2.0
    page_size: int = 200

    def __post_init__(self) -> None:
        unknown = sorted((self.columns.keys() | self.constants.keys()) - columns.FIELDS)
        if unknown:
            raise ValueError(
                f"columns, constants: there is no field {unknown[0]!r}; there are: {', '.join(sorted(columns.FIELDS))}"
            )
        if not self.folder.strip():
            raise ValueError("folder: name the folder orders arrive in")
        if self.tracking_folder and self.tracking_folder.rstrip("/\\") == self.folder.rstrip("/\\"):
            raise ValueError("tracking_folder: it must be another folder than the one orders arrive in")
        if self.decimal not in (".", ","):
            raise ValueError("decimal: '.' or ',' is expected")
        if self.delimiter not in ("auto", *DELIMITERS):
            raise ValueError("delimiter: 'auto', ',', ';', '|' or a tab is expected")
        if self.page_size < 1 or self.settle_seconds < 0:
            raise ValueError("page_size, settle_seconds: at least 1 order and 0 seconds are expected")
        try:
            zoneinfo.ZoneInfo(self.timezone)
            codecs.lookup("utf-8" if self.encoding == "auto" else self.encoding)
        except (LookupError, OSError, ValueError) as error:
            raise ValueError(f"timezone, encoding: {error}") from error


_PAYMENT = {
    "paid": Payment.PAID, "captured": Payment.PAID, "settled": Payment.PAID, "paymentreceived": Payment.PAID,
    "unpaid": Payment.UNPAID, "notpaid": Payment.UNPAID, "pending": Payment.UNPAID, "authorized": Payment.UNPAID,
    "awaitingpayment": Payment.UNPAID, "refunded": Payment.REFUNDED,
    "partiallyrefunded": Payment.PARTIALLY_REFUNDED,
}  # fmt: skip
_STATE = {
    "open": ChannelState.OPEN, "new": ChannelState.OPEN, "unfulfilled": ChannelState.OPEN,
    "unshipped": ChannelState.OPEN,
    "processing": ChannelState.OPEN, "awaitingshipment": ChannelState.OPEN, "pending": ChannelState.PENDING,
    "partiallyshipped": ChannelState.PARTIALLY_SHIPPED, "partial": ChannelState.PARTIALLY_SHIPPED,
    "shipped": ChannelState.SHIPPED, "fulfilled": ChannelState.SHIPPED,
    "canceled": ChannelState.CANCELED, "cancelled": ChannelState.CANCELED,
}  # fmt: skip
_SIGNS = {"$": None, "€": {"EUR"}, "£": {"GBP"}, "¥": {"JPY", "CNY"}}  # a dollar sign does not say whose dollar
_GROUP = "[ \u00a0\u202f'’]"
_NUMBERS = {
    point: re.compile(rf"[+-]?(?:[0-9]+|[0-9]{{1,3}}(?:(?:{_GROUP}|\{comma})[0-9]{{3}})+)(?:\{point}[0-9]+)?")
    for point, comma in ((".", ","), (",", "."))
}  # fmt: skip
_NOT_COUNTRIES = frozenset({"EU", "EZ", "UN", "QO", "XA", "XB", "ZZ"})
_LONGEST_CODE = 200  # characters in an order number, SKU or line id: what the database indexes


@cache
def _countries() -> dict[str, str]:
    """Codes of two and three letters and names in six languages -> the code of two letters."""
    names: dict[str, str] = {}
    for language in ("nl", "it", "es", "fr", "de", "en"):
        names |= {columns.squash(name): code for code, name in Locale(language).territories.items()}
    known = {code for code in names.values() if len(code) == 2 and code.isalpha()} - _NOT_COUNTRIES
    codes = {columns.squash(old): new[0] for old, new in get_global("territory_aliases").items() if len(new) == 1}
    table = {word: code for word, code in {**codes, **names}.items() if code in known}
    return table | {code.casefold(): code for code in known} | {"usa": "US", "unitedstatesofamerica": "US"}


class _Cells:
    """An order's rows with their line numbers, and the right words when one is wrong."""

    def __init__(self, config: FileConfig, envelope: Envelope, number: str) -> None:
        self.config, self.file, self.number = config, envelope.file, number
        self.called = text.called(envelope.file)
        self.rows: list[dict[str, Any]] = []
        self.lines: list[int] = []
        decoded = [msgspec.json.decode(row) for row in envelope.rows]
        last = envelope.lines[-1] if envelope.lines else 0
        for place, row in enumerate(decoded):
            line = envelope.lines[place] if place < len(envelope.lines) else last
            if not isinstance(row, dict):
                raise Unreadable(f"{self.file}, line {line}: {text.short(row)} is no row of an order")
            deep = any(isinstance(value, list | dict) for value in row.values())
            try:
                flat = spread(row) if deep else [row]
            except Unreadable as error:
                raise Unreadable(f"{self.file}, order {number}, line {line}: {error.message}", error.field) from error
            if deep and len(decoded) > 1 and flatten(row)[1] is not None:
                raise Unreadable(
                    f"{self.file}: order {number} is in the file more than once (lines {envelope.lines[:5]}): "
                    "leave one of them and drop it again",
                    "order_number",
                )
            self.rows += flat
            self.lines += [line] * len(flat)
        if not self.rows:
            raise Unreadable(f"{self.file}, order {number}: the order has no lines", "lines")
        keys = list(dict.fromkeys(key for row in self.rows for key in row))
        self.mapping = {**envelope.mapping, **columns.explicit(config.columns, keys)}
        if not envelope.mapping:
            self.mapping = columns.resolve(config.columns, keys)

    def wrong(self, line: int, field: str, reason: str) -> Unreadable:
        column = self.mapping.get(field)
        where = f"column {column!r}" if column else f"no column {field}"
        return Unreadable(f"{self.file}, order {self.number}, {self.called} {line}, {where}: {reason}", column or field)

    def at(self, place: int, field: str) -> Any:
        """The cell, "" where it is blank and the connection has no constant for it."""
        value = self.rows[place].get(self.mapping.get(field, ""))
        if isinstance(value, str):
            value = text.unwrap(value)
        return self.config.constants.get(field, "") if value is None or value == "" else value

    def once(self, field: str) -> tuple[Any, int]:
        """The value all rows of the order agree on, and the line it is in; rows that leave it blank do not count."""
        found: Any = ""
        where = self.lines[0]
        if field not in self.mapping:
            return self.config.constants.get(field, ""), where
        for place, line in enumerate(self.lines):
            value = self.rows[place].get(self.mapping[field])
            value = text.unwrap(value) if isinstance(value, str) else value
            if value is None or value == "":
                continue
            if found == "":
                found, where = value, line
            elif value != found:
                raise self.wrong(
                    line, field,
                    f"{text.short(value)}, but {self.called} {where} of the same order says {text.short(found)}",
                )  # fmt: skip
        return (self.config.constants.get(field, "") if found == "" else found), where

    def words(self, value: Any, line: int, field: str, code: bool = False) -> str:
        """The value as clean text; a code (SKU, phone …) must have come through spreadsheets unharmed."""
        if isinstance(value, bool) or not isinstance(value, str | int):
            how = "format the column as text" if self.called == "row" else "write it in quotes"
            raise self.wrong(line, field, f"{text.short(value)} is no text: {how}")
        clean = text.many_lines(str(value)) if field == "note" else text.one_line(str(value))
        reason = text.damaged(clean) if code else None
        if reason or (code and len(clean) > _LONGEST_CODE):
            raise self.wrong(line, field, reason or f"{text.short(clean)} is longer than {_LONGEST_CODE} characters")
        return clean

    def number_at(self, value: Any, line: int, field: str, currency: str = "") -> Decimal:
        """The number in the cell, in the connection's decimal style."""
        if isinstance(value, int | float) and not isinstance(value, bool):
            return Decimal(repr(value))
        if not isinstance(value, str):
            raise self.wrong(line, field, f"{text.short(value)} is not a number")
        bare = value.strip()
        for sign, owners in _SIGNS.items():
            if currency and sign in bare and (owners is None or currency in owners):
                bare = bare.replace(sign, "", 1).strip()
        if currency:
            bare = re.sub(rf"^{currency}\s*|\s*{currency}$", "", bare)
        point = self.config.decimal
        if len(bare) > 40 or not _NUMBERS[point].fullmatch(bare):
            raise self.wrong(
                line, field, f"{text.short(value)} is not a number (the connection's decimal sign is {point!r})"
            )
        return Decimal(re.sub(r"[^0-9.+-]", "", bare.replace("." if point == "," else ",", "").replace(point, ".")))

    def money(self, value: Any, line: int, field: str, currency: str) -> int:
        """Minor units; never negative, except that a discount may be written with its minus."""
        number = self.number_at(value, line, field, currency)
        if number < 0 and field != "discount_total":
            raise self.wrong(line, field, f"{text.short(value)} is negative: correct the amount")
        try:
            return minor(abs(number), currency)
        except Unreadable as error:
            raise self.wrong(line, field, error.message) from error

    def count(self, value: Any, line: int, field: str, least: int) -> int:
        number = self.number_at(value, line, field)
        if number != number.to_integral_value() or not least <= number <= 1_000_000_000:
            raise self.wrong(line, field, f"{text.short(value)} is not a whole number of at least {least}")
        return int(number)


def read(raw: Raw, config: FileConfig) -> ChannelOrder:
    """The order in a stored payload. Pure. Raises Unreadable naming the file, the order, the line and the column."""
    try:
        envelope = msgspec.json.decode(raw.body, type=Envelope)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Unreadable(f"{raw.external_id}: this is no order of a file ({error})") from error
    if envelope.problems:
        raise Unreadable(f"{envelope.file}, order {raw.external_id}, {'; '.join(envelope.problems[:5])}")
    cells = _Cells(config, envelope, raw.external_id)
    field = "order_number" if "order_number" in cells.mapping else "order_id"
    value, line = cells.once(field)
    number = cells.words(value, line, field, code=True)
    if not number:
        raise cells.wrong(line, field, "the row has no order number")
    currency = _currency(cells)
    lines = _lines(cells, currency)
    shipping, tax, discount = (
        _total(cells, name, currency) or 0 for name in ("shipping_total", "tax_total", "discount_total")
    )
    total = _total(cells, "total", currency)
    if total is None:
        goods = sum(item.unit_price * item.quantity for item in lines)
        total = goods + shipping + tax - discount
    if not 0 <= total < 2**63:
        raise cells.wrong(
            cells.lines[0], "total", "the sum of the lines, shipping and tax less the discount cannot be a total"
        )
    placed = _moment(cells, "placed_at")
    if placed is None:
        raise cells.wrong(cells.lines[0], "placed_at", "the order has no date")
    return ChannelOrder(
        external_id=number,
        number=number,
        state=_word(cells, "state", _STATE, ChannelState.OPEN),
        payment=_word(cells, "payment", _PAYMENT, Payment.PAID),
        placed_at=placed,
        updated_at=_moment(cells, "updated_at") or placed,
        currency=currency,
        total=total,
        lines=lines,
        ship_to=_address(cells, "ship"),
        bill_to=_bill_to(cells),
        email=_text(cells, "email"),
        shipping_rate=_text(cells, "shipping_rate"),
        note=_text(cells, "note"),
        shipping_total=shipping,
        tax_total=tax,
        discount_total=discount,
    )


def _currency(cells: _Cells) -> str:
    value, line = cells.once("currency")
    currency = cells.words(value, line, "currency").upper()
    if not currency:
        raise cells.wrong(line, "currency", "the order has no currency: fill it in, or set the connection's constant")
    try:
        minor(0, currency)
    except Unreadable as error:
        raise cells.wrong(line, "currency", error.message) from error
    return currency


def _lines(cells: _Cells, currency: str) -> tuple[ChannelLine, ...]:
    used: dict[str, int] = {}
    whole: dict[bytes, int] = {}
    counts: Counter[str] = Counter()
    lines: list[ChannelLine] = []
    for place, line in enumerate(cells.lines):
        sku = cells.words(cells.at(place, "sku"), line, "sku", code=True)
        key = cells.words(cells.at(place, "line_id"), line, "line_id", code=True)
        if key and key in used:
            raise cells.wrong(
                line,
                "line_id",
                f"{text.short(key)} is the id of {cells.called} {used[key]} already: one of them is too many",
            )
        if not key:
            twin = whole.setdefault(msgspec.json.encode(cells.rows[place]), line) if len(cells.rows) > 1 else line
            if twin != line:
                raise cells.wrong(line, "sku", f"the row is the same as {cells.called} {twin} in every column: "
                                  "leave one of them, or give each a line id")  # fmt: skip
            key = _line_key(sku or "line", used, counts)
        used[key] = line
        quantity = _count(cells, place, "quantity", 1)
        canceled, shipped = _count(cells, place, "canceled", 0), _count(cells, place, "shipped", 0)
        if canceled + shipped > quantity:
            raise cells.wrong(line, "quantity", f"{quantity} ordered, but {canceled} canceled and {shipped} shipped")
        price = cells.at(place, "unit_price")
        if price == "":
            raise cells.wrong(line, "unit_price", "the line has no price: fill it in, or set the connection's constant")
        title = cells.words(cells.at(place, "title"), line, "title")
        unit = cells.money(price, line, "unit_price", currency)
        lines.append(ChannelLine(key, sku, title, quantity, unit, canceled, shipped))
    return tuple(lines)


def _line_key(sku: str, used: dict[str, int], counts: Counter[str]) -> str:
    """A line id made of the SKU, since a row's position is not the same in the next export."""
    while True:
        counts[sku] += 1
        key = sku if counts[sku] == 1 and sku != "line" else f"{sku}#{counts[sku]}"
        if key not in used:
            return key


def _count(cells: _Cells, place: int, field: str, least: int) -> int:
    value, line = cells.at(place, field), cells.lines[place]
    if value == "":
        if least:
            raise cells.wrong(line, field, "the line has no quantity: fill it in")
        return 0
    return cells.count(value, line, field, least)


def _total(cells: _Cells, field: str, currency: str) -> int | None:
    value, line = cells.once(field)
    return None if value == "" else cells.money(value, line, field, currency)


def _text(cells: _Cells, field: str) -> str:
    value, line = cells.once(field)
    return cells.words(value, line, field, code=field.endswith(("_phone", "_postal_code")))


_Enum = TypeVar("_Enum", Payment, ChannelState)


def _word(cells: _Cells, field: str, table: dict[str, _Enum], default: _Enum) -> _Enum:
    value, line = cells.once(field)
    if value == "":
        if field in cells.mapping:
            raise cells.wrong(line, field, "the cell is blank, and what that means is not known: fill it in")
        return default
    found = table.get(columns.squash(cells.words(value, line, field)))
    if found is None:
        raise cells.wrong(
            line,
            field,
            f"{text.short(value)} is not known; known are: {', '.join(dict.fromkeys(map(str, table.values())))}",
        )
    return found


def _address(cells: _Cells, side: str) -> Address:
    parts = {part: _text(cells, f"{side}_{part}") for part in columns.ADDRESS_PARTS}
    first, last = parts.pop("first_name"), parts.pop("last_name")
    parts["name"] = parts["name"] or f"{first} {last}".strip()
    if parts["country"]:
        country = _countries().get(columns.squash(parts["country"]))
        if country is None:
            field = f"{side}_country"
            line = cells.once(field)[1]
            raise cells.wrong(
                line, field, f"{text.short(parts['country'])} is no country known by code (ISO 3166) or name"
            )
        parts["country"] = country
    return Address(**parts)


def _bill_to(cells: _Cells) -> Address | None:
    address = _address(cells, "bill")
    return address if address != Address() else None


_OFFSET = re.compile(r"\s+(?=(?:Z|UTC|GMT|[+-][0-9]{2}:?[0-9]{2})$)")


def _moment(cells: _Cells, field: str) -> datetime | None:
    value, line = cells.once(field)
    if value == "":
        return None
    written = cells.words(value, line, field)
    zone: tzinfo = zoneinfo.ZoneInfo(cells.config.timezone)
    forms = cells.config.date_formats or [""]
    if cells.called == "row" and "" not in forms:
        forms = [*forms, ""]  # what is a date to the workbook is written as ISO 8601, whatever its texts look like
    for form in forms:
        try:
            moment = datetime.strptime(written, form) if form else _iso(written)  # noqa: DTZ007 - the zone is set below
            moment = moment if moment.tzinfo else moment.replace(tzinfo=zone)
            moment = moment.astimezone(UTC)
        except (ValueError, OverflowError):
            continue
        if 1990 <= moment.year < 2200:
            return moment
    expected = ", ".join(cells.config.date_formats) or "2026-03-09 or 2026-03-09T14:30:00+01:00"
    raise cells.wrong(
        line, field, f"{text.short(written)} is no date as expected ({expected}): set the connection's `date_formats`"
    )


def _iso(written: str) -> datetime:
    """ISO 8601, also with a space before the offset. Eight bare digits are no date here: they may be anything."""
    plain = _OFFSET.sub("", written)
    if "-" not in plain[:5]:
        raise ValueError(written)
    return datetime.fromisoformat(re.sub(r"(?:UTC|GMT)$", "Z", plain))
