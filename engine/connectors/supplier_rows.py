"""What a supplier's tables say, in files or mails: rows to updates. Nothing is guessed; what is unknown is Unreadable."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from babel.numbers import get_currency_precision

from engine.connectors.tables import READERS, SEVERAL, Row, normal
from engine.errors import Misconfigured, Unreadable
from engine.ports import Raw, SupplierUpdate, UpdateKind, UpdateLine

KINDS = ("acks", "shipments", "inventory")
STATUSES: dict[str, UpdateKind] = {
    "acknowledged": UpdateKind.ACKNOWLEDGED,
    "accepted": UpdateKind.ACKNOWLEDGED,
    "confirmed": UpdateKind.ACKNOWLEDGED,
    "backordered": UpdateKind.BACKORDERED,
    "backorder": UpdateKind.BACKORDERED,
    "rejected": UpdateKind.REJECTED,
    "shipped": UpdateKind.SHIPPED,
    "partially shipped": UpdateKind.SHIPPED,
    "canceled": UpdateKind.CANCELED,
    "cancelled": UpdateKind.CANCELED,
    "cancel refused": UpdateKind.CANCEL_REFUSED,
}
ALIASES: dict[str, tuple[str, ...]] = {
    "po_number": ("po_number", "po", "purchase_order", "purchase_order_number", "po_no", "ponumber"),
    "status": ("status", "po_status", "order_status", "line_status"),
    "id": ("message_id", "event_id", "ack_id", "shipment_id"),  # not "id": often a mere row number
    "line": ("line", "line_number", "po_line", "line_no"),
    "sku": ("supplier_sku", "sku", "item", "item_number", "part_number"),
    "quantity": ("quantity", "qty", "quantity_shipped", "qty_shipped", "quantity_available", "qty_available", "stock"),
    "reference": ("reference", "supplier_reference", "order_reference", "confirmation_number"),
    "message": ("message", "reason", "comment", "note"),
    "occurred_at": ("occurred_at", "shipped_at", "ship_date", "acknowledged_at", "ack_date", "date", "timestamp"),
    "expected_at": ("expected_at", "expected_date", "expected_ship_date", "available_at"),
    "carrier": ("carrier", "carrier_name", "carrier_code", "shipper"),
    "service": ("service", "service_level", "ship_method", "method"),
    "tracking_number": ("tracking_number", "tracking", "tracking_no", "trackingnumber", "waybill"),
    "cost": ("unit_cost", "cost", "price"),
}
_ROUNDED = re.compile(r"\d(?:[.,]\d+)?E\+?\d+", re.IGNORECASE)


def _status(text: str) -> str:
    return normal(text).replace("_", " ") or text.strip().casefold()


class Spelling(Protocol):
    """How a supplier writes its tables, as its connector's configuration says."""

    @property
    def format(self) -> str:
        """How a file is read whose name does not tell: csv, json or xml."""

    @property
    def fields(self) -> Mapping[str, str]:
        """Ours -> theirs."""

    @property
    def status_map(self) -> Mapping[str, str]:
        """Theirs -> ours."""

    @property
    def date_format(self) -> str:
        """For strptime; empty: ISO 8601."""

    @property
    def timezone(self) -> str:
        """Of times without an offset."""

    @property
    def currency(self) -> str:
        """Of costs."""


class Reader:
    """Reads this supplier's tables; raises Misconfigured for a spelling it could not use."""

    def __init__(self, config: Spelling) -> None:
        self._config = config
        self._names = {**ALIASES, **{ours: (normal(theirs),) for ours, theirs in config.fields.items()}}
        if unknown := set(config.fields) - set(ALIASES):
            raise Misconfigured(f"fields: there is no {sorted(unknown)[0]!r}; there are: {', '.join(sorted(ALIASES))}")
        self._statuses = dict(STATUSES)
        for theirs, ours in config.status_map.items():
            try:
                self._statuses[_status(theirs)] = UpdateKind(ours.lower())
            except ValueError as error:
                raise Misconfigured(
                    f"status_map: {theirs!r} is mapped to {ours!r}, which is none of: {', '.join(UpdateKind)}"
                ) from error
        try:
            self._zone = ZoneInfo(config.timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise Misconfigured(f"timezone: there is no {config.timezone!r}") from error
        self._places = get_currency_precision(config.currency)

    def read(self, raw: Raw) -> tuple[SupplierUpdate, ...]:
        """The updates in a file, in its order. Raises Unreadable naming the file and the line."""
        kind, _, name = raw.external_id.partition("/")
        if kind not in KINDS or not name:
            raise Unreadable(f"{raw.external_id!r} does not say what kind of file it is ({', '.join(KINDS)})")
        ending = name.rpartition(".")[2].lower()
        rows = READERS.get(ending, READERS[self._config.format])(raw.body, raw.external_id)
        modified = _modified(raw.content_type)
        if kind == "inventory":
            return self._inventory(rows, raw, modified)
        return self.updates(rows, kind, modified)

    def updates(self, rows: list[Row], kind: str, modified: datetime | None) -> tuple[SupplierUpdate, ...]:
        """What rows about purchase orders say; ``kind`` acks: each has a status; shipments: one without is shipped.

        ``modified`` is when it was said, for rows that do not tell. Raises Unreadable naming the row's place.
        """
        groups: dict[tuple[Any, ...], list[tuple[Row, SupplierUpdate]]] = {}
        for row in rows:
            update = self._update(row, kind, modified)
            when = (
                None if update.kind is UpdateKind.SHIPPED else update.occurred_at
            )  # one parcel, whatever its rows say
            told = (update.po_number, update.kind, update.key, update.reference, update.message, when)
            parcel = (update.carrier, update.service, update.tracking_number, bool(update.lines))
            groups.setdefault(told + parcel, []).append((row, update))
        return tuple(_merged(group) for group in groups.values())

    def get(self, row: Row, field: str) -> str:
        """The row's text for a field of ours, "" where it has none. Raises Unreadable where it has several."""
        for name in self._names[field]:
            if value := row.values.get(name, "").strip():
                if SEVERAL in value:
                    raise Unreadable(f"{row.place}: several values for {name!r} where one is wanted", field=field)
                return value
        return ""

    def _need(self, row: Row, field: str) -> str:
        if value := self.get(row, field):
            return value
        raise Unreadable(f"{row.place}: no {field} (looked for: {', '.join(self._names[field])})", field=field)

    def _update(self, row: Row, kind: str, modified: datetime | None) -> SupplierUpdate:
        status = self._need(row, "status") if kind == "acks" else self.get(row, "status") or "shipped"
        if (what := self._statuses.get(_status(status))) is None or what is UpdateKind.INVENTORY:
            raise Unreadable(
                f"{row.place}: the status {status!r} is not in the table; add it to status_map", field="status"
            )
        tracking = self.get(row, "tracking_number")
        if what is UpdateKind.SHIPPED:
            tracking = self._need(row, "tracking_number")
        if _ROUNDED.fullmatch(tracking):
            raise Unreadable(
                f"{row.place}: a spreadsheet has turned the tracking number into {tracking}; its digits are "
                "lost. Ask the supplier for the file as text",
                field="tracking_number",
            )
        return SupplierUpdate(
            kind=what,
            key=self.get(row, "id"),
            po_number=self._need(row, "po_number"),
            occurred_at=self._occurred(row, modified),
            lines=self._lines(row),
            reference=self.get(row, "reference"),
            message=self.get(row, "message"),
            carrier=self.get(row, "carrier"),
            service=self.get(row, "service"),
            tracking_number=tracking,
        )

    def _lines(self, row: Row) -> tuple[UpdateLine, ...]:
        sku, line = self.get(row, "sku"), self.get(row, "line")
        if not sku and not line:
            return ()
        number = self._number(line, row, "line") if line else 0
        quantity = self._number(self._need(row, "quantity"), row, "quantity")
        if quantity == 0:
            raise Unreadable(f"{row.place}: a quantity of 0 says nothing", field="quantity")
        expected = self.get(row, "expected_at")
        when = self._time(expected, row, "expected_at") if expected else None
        return (UpdateLine(sku, quantity, number, when),)

    def _inventory(self, rows: list[Row], raw: Raw, modified: datetime | None) -> tuple[SupplierUpdate, ...]:
        lines, times = [], []
        for row in rows:
            cost = self.get(row, "cost")
            lines.append(
                UpdateLine(
                    self._need(row, "sku"),
                    self._number(self._need(row, "quantity"), row, "quantity"),
                    unit_cost=self._minor(cost, row) if cost else None,
                )
            )
            times.append(self._occurred(row, modified))
        if not lines:
            return ()
        key = f"{raw.external_id}#{hashlib.sha256(raw.body).hexdigest()[:16]}"
        return (
            SupplierUpdate(
                kind=UpdateKind.INVENTORY, key=key, po_number="", occurred_at=max(times), lines=tuple(lines)
            ),
        )

    def _number(self, text: str, row: Row, field: str) -> int:
        if re.fullmatch(r"\d{1,9}(?:[.,]0+)?", text):
            return int(re.split(r"[.,]", text)[0])
        raise Unreadable(f"{row.place}: the {field} {text!r} is not a whole number", field=field)

    def _minor(self, text: str, row: Row) -> int:
        try:
            value = Decimal(text).scaleb(self._places)
            if value.is_finite() and value >= 0 and value == value.to_integral_value() and value < 10**15:
                return int(value)
        except InvalidOperation:
            pass
        raise Unreadable(f"{row.place}: {text!r} is not an amount in {self._config.currency}", field="cost")

    def _occurred(self, row: Row, modified: datetime | None) -> datetime:
        if modified is not None and not self.get(row, "occurred_at"):
            return modified
        return self._time(self._need(row, "occurred_at"), row, "occurred_at")

    def _time(self, text: str, row: Row, field: str) -> datetime:
        form = self._config.date_format
        try:
            moment = datetime.strptime(text, form) if form else datetime.fromisoformat(text)  # noqa: DTZ007
            return (moment if moment.tzinfo else moment.replace(tzinfo=self._zone)).astimezone(UTC)
        except (ValueError, OverflowError) as error:
            wanted = form or "ISO 8601 (2026-01-31 or 2026-01-31T14:00:00Z)"
            raise Unreadable(
                f"{row.place}: {text!r} is not a time in the form {wanted}; see date_format", field=field
            ) from error


def _modified(content_type: str) -> datetime | None:
    """When the file was last changed, as ``poll`` noted it beside the type, so that reading stays pure."""
    found = re.search(r"modified=(\d+)", content_type)
    return datetime.fromtimestamp(int(found[1]), UTC) if found else None


def content_type(name: str, mtime: int, default: str) -> str:
    """The type by the file's ending, with the time it was last changed."""
    types = {"csv": "text/csv", "json": "application/json", "xml": "application/xml"}
    return f"{types.get(name.rpartition('.')[2].lower(), types[default])}; modified={mtime}"


def _merged(group: list[tuple[Row, SupplierUpdate]]) -> SupplierUpdate:
    """Rows that say the same of several lines, as one update with a key that is the same whenever they are read.

    A parcel is known by its number and content, so a file sent again under another name ships nothing twice. Anything
    else may be said twice and mean it, so it is known by its place; the digest tells a file name used again apart.
    """
    first_row, first = group[0]
    lines = tuple(line for _, update in group for line in update.lines)
    if first.key:  # the supplier's id may cover several purchase orders and parcels
        key = "/".join(filter(None, (first.key, first.po_number, first.kind, first.tracking_number)))
    elif first.kind is UpdateKind.SHIPPED:
        digest = hashlib.sha256(msgspec.json.encode(lines)).hexdigest()[:16]
        key = f"{first.po_number}/{first.tracking_number}/{digest}"
    else:
        said = msgspec.json.encode([sorted(row.values.items()) for row, _ in group])
        key = f"{first_row.place}#{hashlib.sha256(said).hexdigest()[:16]}"
    return msgspec.structs.replace(first, key=key, lines=lines)
