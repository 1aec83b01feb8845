"""What a supplier's tables say, in files or mails: rows to updates. Nothing is guessed; what is unknown is Unreadable."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Literal, Protocol, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from babel.numbers import get_currency_precision

from engine.connectors.tables import SEVERAL, Row, normal
from engine.errors import Misconfigured, Unreadable
from engine.ports import Invoice, InvoiceLine, SupplierUpdate, UpdateKind, UpdateLine

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
    "cost": ("unit_cost", "cost", "price", "unit_price"),
    "invoice_number": ("invoice_number", "invoice", "invoice_no", "document_number"),
    "total": ("total", "invoice_total", "total_amount", "amount_due"),
    "charges": ("charges", "freight", "shipping", "shipping_amount"),
    "tax": ("tax", "tax_amount", "vat"),
    "currency": ("currency", "currency_code"),
    "type": ("type", "document_type", "invoice_type"),
}
_CREDITS = frozenset({"credit", "credit note", "credit memo", "cn", "cr", "refund"})
_DEBITS = frozenset({"", "invoice", "debit", "di", "dr"})
T = TypeVar("T")
_SAID = frozenset(STATUSES.values())
_AMOUNT = re.compile(r"\d{1,15}(?:\.\d{0,10})?", re.ASCII)
_ROUNDED = re.compile(r"\d(?:[.,]\d+)?E\+?\d+", re.IGNORECASE)


def _status(text: str) -> str:
    return normal(text).replace("_", " ") or text.strip().casefold()


class Spelling(Protocol):
    """How a supplier writes its tables, as its connector's configuration says."""

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
        """Of amounts that name none."""


class Reader:
    """Reads this supplier's tables; raises Misconfigured for a spelling it could not use."""

    def __init__(self, config: Spelling, decimal: Literal[".", ","] = ".") -> None:
        self._form, self._currency, self._decimal = config.date_format, config.currency, decimal
        self._names = {**ALIASES, **{ours: (normal(theirs),) for ours, theirs in config.fields.items()}}
        if unknown := set(config.fields) - set(ALIASES):
            raise Misconfigured(f"fields: there is no {sorted(unknown)[0]!r}; there are: {', '.join(sorted(ALIASES))}")
        self._statuses = dict(STATUSES)
        for theirs, ours in config.status_map.items():
            if ours.lower() not in _SAID:
                said = ", ".join(sorted(_SAID))
                raise Misconfigured(f"status_map: {theirs!r} is mapped to {ours!r}, which is none of: {said}")
            self._statuses[_status(theirs)] = UpdateKind(ours.lower())
        try:
            self._zone = ZoneInfo(config.timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise Misconfigured(f"timezone: there is no {config.timezone!r}") from error

    def updates(self, rows: Sequence[Row], kind: str, modified: datetime | None) -> tuple[SupplierUpdate, ...]:
        """What rows about purchase orders say; ``kind`` acks: each has a status; shipments: one without is shipped.

        ``modified`` is when it was said, for rows that do not tell. Raises Unreadable naming the first row that is wrong.
        """
        found, problems = self.orders(rows, kind, modified)
        if problems:
            raise problems[0]
        return tuple(found)

    def orders(
        self, rows: Sequence[Row], kind: str, modified: datetime | None
    ) -> tuple[list[SupplierUpdate], list[Unreadable]]:
        """The same, with every row that is wrong."""
        told, problems = _each(rows, lambda row: self._update(row, kind, modified))
        groups: dict[tuple[Any, ...], list[tuple[Row, SupplierUpdate]]] = {}
        for row, update in told:
            # One parcel, whatever its rows say of the time.
            when = None if update.kind is UpdateKind.SHIPPED else update.occurred_at
            said = (update.po_number, update.kind, update.key, update.reference, update.message, when)
            parcel = (update.carrier, update.service, update.tracking_number, bool(update.lines))
            groups.setdefault(said + parcel, []).append((row, update))
        return [_merged(group) for group in groups.values()], problems

    def get(self, row: Row, field: str) -> str:
        """The row's text for a field of ours, "" where it has none. Raises Unreadable where it has several."""
        for name in self._names[field]:
            if value := row.values.get(name, "").strip():
                if "\0" in value:
                    raise Unreadable(f"{row.place}: the {field} holds a NUL, so the file is damaged", field=field)
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
        if (what := self._statuses.get(_status(status))) is None or what not in _SAID:
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

    def inventory(
        self, rows: Sequence[Row], key: str, modified: datetime | None
    ) -> tuple[list[SupplierUpdate], list[Unreadable]]:
        """The stock and costs of all rows as one update under this key, and every row that is wrong."""
        told, problems = _each(rows, lambda row: (self._stock(row), self._occurred(row, modified)))
        if not told:
            return [], problems
        when = max(moment for _, (_, moment) in told)
        lines = tuple(line for _, (line, _) in told)
        update = SupplierUpdate(kind=UpdateKind.INVENTORY, key=key, po_number="", occurred_at=when, lines=lines)
        return [update], problems

    def _stock(self, row: Row) -> UpdateLine:
        cost = self.get(row, "cost")
        quantity = self._number(self._need(row, "quantity"), row, "quantity")
        currency = self.get(row, "currency") or self._currency
        return UpdateLine(
            self._need(row, "sku"), quantity, unit_cost=self._minor(cost, row, "cost", currency) if cost else None
        )

    def invoices(self, rows: Sequence[Row], modified: datetime | None) -> tuple[list[SupplierUpdate], list[Unreadable]]:
        """An update for each invoice and purchase order; of an invoice with a row that cannot be read, nothing."""
        groups: dict[tuple[str, str], list[Row]] = {}
        named, problems = _each(rows, lambda row: (self._need(row, "invoice_number"), self._need(row, "po_number")))
        for row, key in named:
            groups.setdefault(key, []).append(row)
        updates = []
        for (number, po_number), group in groups.items():
            try:
                updates.append(self._invoice(number, po_number, group, modified))
            except Unreadable as error:
                problems.append(error)
        return updates, problems

    def _invoice(self, number: str, po_number: str, rows: list[Row], modified: datetime | None) -> SupplierUpdate:
        first = rows[0]
        currency = (self.get(first, "currency") or self._currency).upper()
        kind = normal(self.get(first, "type")).replace("_", " ")
        if kind not in _CREDITS | _DEBITS:
            raise Unreadable(f"{first.place}: {kind!r} is neither an invoice nor a credit note", field="type")
        total = self._once(rows, "total")
        charges = [
            self._minor(text, first, name, currency) for name in ("charges", "tax") if (text := self._once(rows, name))
        ]
        invoice = Invoice(
            number=number, currency=currency, lines=tuple(self._charged(row, currency) for row in rows),
            total=self._minor(total, first, "total", currency) if total else None, charges=sum(charges),
            credit=kind in _CREDITS,
        )  # fmt: skip
        digest = hashlib.sha256(msgspec.json.encode(invoice)).hexdigest()[:16]
        return SupplierUpdate(
            kind=UpdateKind.INVOICED, key=f"invoice/{number[:80]}/{digest}", po_number=po_number,
            occurred_at=self._occurred(first, modified), reference="", message="", invoice=invoice,
        )  # fmt: skip

    def _once(self, rows: Sequence[Row], field: str) -> str:
        """What the rows of one document say of all of it: the same in each, or only in some."""
        told = {value: row for row in rows if (value := self.get(row, field))}
        if len(told) > 1:
            raise Unreadable(
                f"{list(told.values())[-1].place}: the {field} of one invoice is {' and '.join(told)}", field=field
            )
        return next(iter(told), "")

    def _charged(self, row: Row, currency: str) -> InvoiceLine:
        cost, line = self.get(row, "cost"), self.get(row, "line")
        sku = self.get(row, "sku") if line else self._need(row, "sku")
        return InvoiceLine(
            sku, self._number(self._need(row, "quantity"), row, "quantity"),
            self._minor(cost, row, "cost", currency) if cost else None, self._number(line, row, "line") if line else 0,
        )  # fmt: skip

    def _number(self, text: str, row: Row, field: str) -> int:
        if re.fullmatch(r"\d{1,9}(?:[.,]0+)?", text):
            return int(re.split(r"[.,]", text)[0])
        raise Unreadable(f"{row.place}: the {field} {text!r} is not a whole number", field=field)

    def _minor(self, text: str, row: Row, field: str, currency: str) -> int:
        plain = text
        if self._decimal == ",":
            plain = text.replace(".", "").replace(",", ".")
        if _AMOUNT.fullmatch(plain):
            value = Decimal(plain).scaleb(get_currency_precision(currency))
            if value == value.to_integral_value() and value < 10**15:
                return int(value)
        raise Unreadable(f"{row.place}: {text!r} is not an amount in {currency}", field=field)

    def _occurred(self, row: Row, modified: datetime | None) -> datetime:
        if modified is not None and not self.get(row, "occurred_at"):
            return modified
        return self._time(self._need(row, "occurred_at"), row, "occurred_at")

    def _time(self, text: str, row: Row, field: str) -> datetime:
        form = self._form
        try:
            moment = datetime.strptime(text, form) if form else datetime.fromisoformat(text)  # noqa: DTZ007
            return (moment if moment.tzinfo else moment.replace(tzinfo=self._zone)).astimezone(UTC)
        except (ValueError, OverflowError) as error:
            wanted = form or "ISO 8601 (2026-01-31 or 2026-01-31T14:00:00Z)"
            raise Unreadable(
                f"{row.place}: {text!r} is not a time in the form {wanted}; see date_format", field=field
            ) from error


def _each(rows: Sequence[Row], read: Callable[[Row], T]) -> tuple[list[tuple[Row, T]], list[Unreadable]]:
    """What each row says, and the reasons of those that could not be read."""
    told: list[tuple[Row, T]] = []
    problems: list[Unreadable] = []
    for row in rows:
        try:
            told.append((row, read(row)))
        except Unreadable as error:
            problems.append(error)
    return told, problems


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
