"""What the supplier's documents mean for a purchase order. Nothing is guessed; what is not in the tables is Unreadable."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, time
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from engine import ports
from engine.connectors.suppliers.x12.answers import answer_updates
from engine.connectors.suppliers.x12.config import Config
from engine.connectors.suppliers.x12.items import Items
from engine.domain import money
from engine.domain.tracking import normalise_carrier
from engine.domain.x12 import codes
from engine.domain.x12.documents import Invoice, Order, OrderAnswer, Parcel, Receipt, ShipNotice, Stock
from engine.domain.x12.reading import read
from engine.domain.x12.scan import Finding, Interchange, Set, scan
from engine.errors import Unreadable
from engine.ports import Parts, Raw, SupplierUpdate, UpdateKind, UpdateLine

_NOTICES = frozenset({"00", "06", "14"})
_ZONES = {  # data element 623, in seconds from UTC
    "UT": 0, "GM": 0, "ET": None, "ES": -5, "ED": -4, "CT": None, "CS": -6, "CD": -5, "MT": None, "MS": -7, "MD": -6,
    "PT": None, "PS": -8, "PD": -7,
}  # fmt: skip
_NAMED = {"ET": "America/New_York", "CT": "America/Chicago", "MT": "America/Denver", "PT": "America/Los_Angeles"}


class Said(msgspec.Struct, frozen=True):
    """A set on its way to updates: what it was read from, when its interchange says it was made."""

    item: Set
    at: datetime

    @property
    def digest(self) -> str:
        """What the set says, whatever envelope and control number it is said under."""
        item = self.item
        body = item.segments[1:-1] if item.closed else item.segments[1:]
        text = "\x1e".join("\x1f".join(segment.elements) for segment in body)
        return hashlib.sha256(f"{item.code}\x1d{text}".encode("utf-8", "surrogatepass")).hexdigest()


class Reader:
    """Reads this supplier's files."""

    def __init__(self, config: Config, zone: ZoneInfo) -> None:
        self._config = config
        self._zone = zone
        self._items = Items(config.item_qualifier, config.own_item_qualifier, config.unit)
        self._maps: dict[type[Any], Callable[[Any, Said], list[SupplierUpdate]]] = {
            OrderAnswer: lambda document, said: answer_updates(
                document, said.at, said.digest, self._items, config.rejected_865
            ),
            ShipNotice: self._shipments,
            Invoice: self._invoice,
            Stock: self._stock,
            Receipt: self._receipt,
            Order: self._order,
        }

    def read(self, raw: Raw) -> Parts:
        """The updates in a file, set by set, and what could not be read of it."""
        file = scan(raw.body)
        updates: list[SupplierUpdate] = []
        problems = [_named(raw, finding) for finding in file.findings if finding.level == "error"]
        fields: list[str] = []
        for interchange in file.interchanges:
            try:
                self._addressed(interchange)
            except Unreadable as error:
                problems.append(f"{raw.external_id}: {error.message}")
                fields.append(error.field or "")
                continue
            problems += [_named(raw, finding) for finding in _cut_off(interchange)]
            at = self._written(interchange, raw)
            for item in (item for group in interchange.groups for item in group.sets):
                try:
                    updates += self._set(item, at)
                except Unreadable as error:
                    problems.append(f"{raw.external_id}: {error.message}")
                    fields.append(error.field or "")
            updates += self._interchange_receipts(interchange, at)
        return Parts(tuple(updates), tuple(problems), next((field for field in fields if field), ""))

    def _addressed(self, interchange: Interchange) -> None:
        config, place = self._config, f"interchange {interchange.control}"
        us, them = (
            f"{config.sender_qualifier}:{config.sender_id}",
            f"{config.receiver_qualifier}:{config.receiver_id}",
        )
        if interchange.receiver.casefold() != us.casefold():
            raise Unreadable(
                f"{place}: it is for {interchange.receiver}, and we are {us} to this supplier. Ask it to correct the "
                "receiver, or correct sender_id in the connection's settings",
                field="ISA08",
            )
        if interchange.sender.casefold() != them.casefold():
            raise Unreadable(
                f"{place}: it is from {interchange.sender}, and this supplier is {them}. Was it put into the wrong "
                "directory?",
                field="ISA06",
            )
        usage, wanted = interchange.header.get(15), "T" if config.test else "P"
        if usage != wanted:
            what = {"T": "a test (ISA15 T)", "P": "for production (ISA15 P)"}.get(usage, f"neither (ISA15 {usage!r})")
            raise Unreadable(
                f"{place}: it is {what}, and the connection is set to {'test' if config.test else 'production'}",
                field="ISA15",
            )

    def _set(self, item: Set, at: datetime) -> list[SupplierUpdate]:
        said = Said(item, at)
        document = read(item, check=False)
        updates = self._maps[type(document)](document, said)
        noted = [finding.text for finding in item.findings if finding.scope == "set"]
        if noted and updates:
            text = f"{item.code} {item.control} is miscounted ({'; '.join(noted)}) and otherwise sound"
            first = updates[0]
            updates[0] = msgspec.structs.replace(first, message="; ".join(filter(None, (first.message, text))))
        return updates

    def _written(self, interchange: Interchange, raw: Raw) -> datetime:
        """When the interchange was made, by its own word, else when its file was."""
        day, hour = interchange.header.get(9), interchange.header.get(10)
        try:
            return datetime.strptime(day + hour, "%y%m%d%H%M").replace(tzinfo=self._zone).astimezone(UTC)
        except (ValueError, OverflowError):
            found = re.search(r"modified=(\d+)", raw.content_type)
            return datetime.fromtimestamp(int(found[1]) if found else 0, UTC)

    # --- one document each ---

    def _order(self, document: Order, said: Said) -> list[SupplierUpdate]:
        raise Unreadable(
            f"{document.place}: an {said.item.code} came in; we send those to this supplier, it does not order here",
            field="ST01",
        )

    def _shipments(self, notice: ShipNotice, said: Said) -> list[SupplierUpdate]:
        if notice.purpose not in _NOTICES:
            word = codes.PURPOSES.get(notice.purpose, "unknown purpose")
            raise Unreadable(
                f"{notice.place}, BSN01: a ship notice for {word} ({notice.purpose}). What an earlier notice of "
                f"{notice.shipment or 'it'} said cannot be taken back by machine: ask the supplier, then correct the order",
                field="BSN01",
            )
        if not notice.parcels:
            raise Unreadable(f"{notice.place}: the ship notice has no item in it", field="HL03")
        when = self._shipped(notice, said)
        return [self._parcel(parcel, notice, when) for parcel in notice.parcels if parcel.lines]

    def _shipped(self, notice: ShipNotice, said: Said) -> datetime:
        if notice.shipped is None:
            return self._local(notice.written) if notice.written else said.at
        if notice.zone in _NAMED:
            return notice.shipped.replace(tzinfo=ZoneInfo(_NAMED[notice.zone])).astimezone(UTC)
        hours = _ZONES.get(notice.zone)
        if hours is not None and notice.shipped.time() != time():
            return datetime.fromtimestamp(notice.shipped.replace(tzinfo=UTC).timestamp() - hours * 3600, UTC)
        return self._local(notice.shipped)

    def _local(self, moment: datetime) -> datetime:
        return moment.replace(tzinfo=self._zone).astimezone(UTC)

    def _parcel(self, parcel: Parcel, notice: ShipNotice, when: datetime) -> SupplierUpdate:
        lines = _merged(
            self._items.line(line.line, line.ids, line.quantity, line.unit, line.place) for line in parcel.lines
        )
        told = [f"shipment {notice.shipment}"] if notice.shipment else []
        if parcel.also:
            told.append(f"in {len(parcel.also) + 1} packages, also {', '.join(parcel.also)}")
        contents = repr([(line.line, line.supplier_sku, line.quantity) for line in lines]).encode()
        return SupplierUpdate(
            kind=UpdateKind.SHIPPED,
            # One parcel is one parcel, whatever interchange and shipment number it is told under.
            key=f"856:{parcel.number[:80]}:{hashlib.sha256(contents).hexdigest()[:24]}",
            po_number=parcel.po_number, occurred_at=when, lines=lines, message="; ".join(told), carrier=_carrier(parcel),
            service=parcel.service or (parcel.routing if _carrier(parcel) != parcel.routing else ""),
            tracking_number=parcel.number,
        )  # fmt: skip

    def _invoice(self, invoice: Invoice, said: Said) -> list[SupplierUpdate]:
        if not invoice.po_number:
            raise Unreadable(f"{invoice.place}: the invoice {invoice.number} names no purchase order", field="BIG04")
        what = "credit note" if invoice.kind in ("CN", "CR") else "invoice"
        pieces = ", ".join(
            f"{line.quantity:f} × {next(iter(line.ids.values()), line.line)}" for line in invoice.lines[:20]
        )
        currency = f" {invoice.currency}" if invoice.currency else ""
        told = f"{what} {invoice.number} of {invoice.date}: {invoice.total:.2f}{currency}" + (
            f" ({pieces})" if pieces else ""
        )
        return [
            SupplierUpdate(
                kind=UpdateKind.INVOICED, key=f"810:{invoice.number}:{said.digest[:24]}", po_number=invoice.po_number,
                occurred_at=said.at, message=told, invoice=self._charged(invoice),
            )
        ]  # fmt: skip

    def _charged(self, invoice: Invoice) -> ports.Invoice:
        """What is to be compared with the purchase order; where it is not in whole pieces and cents, a person does it."""
        currency = invoice.currency or self._config.currency
        try:
            lines = []
            for line in invoice.lines:
                found = self._items.line(line.line, line.ids, line.quantity, line.unit, line.place)
                cost = _minor(line.price, currency, line.place) if line.price is not None else None
                lines.append(ports.InvoiceLine(found.supplier_sku, found.quantity, cost, found.line))
            return ports.Invoice(
                number=invoice.number[:120], currency=currency, lines=tuple(lines), credit=invoice.kind in ("CN", "CR"),
                total=_minor(abs(invoice.total), currency, invoice.place),
                charges=money.minor(invoice.charges, currency),
            )  # fmt: skip
        except Unreadable as error:
            return ports.Invoice(number=invoice.number[:120], currency=currency, lines=(), unclear=error.message)

    def _stock(self, stock: Stock, said: Said) -> list[SupplierUpdate]:
        if stock.purpose in codes.WITHDRAWN:
            raise Unreadable(f"{stock.place}, BIA01: an inventory advice that takes another back", field="BIA01")
        at = self._local(stock.written)
        if not stock.dated and said.at.date() == at.date():
            at = said.at  # later on the same day is later
        currency = stock.currency or self._config.currency
        lines = []
        for line in stock.lines:
            found = self._items.line("", line.ids, max(line.quantity, Decimal(0)), line.unit, line.place)
            cost = _minor(line.cost, currency, line.place) if line.cost is not None else None
            lines.append(msgspec.structs.replace(found, unit_cost=cost))
        if not lines:
            return []
        key = f"846:{said.digest[:40]}"
        return [
            SupplierUpdate(
                kind=UpdateKind.INVENTORY,
                key=key,
                po_number="",
                occurred_at=at,
                lines=tuple(lines),
                reference=stock.reference,
            )
        ]

    def _receipt(self, receipt: Receipt, said: Said) -> list[SupplierUpdate]:
        if receipt.functional not in ("PO", "PC"):
            return []
        control = _control(receipt.control)
        if control is None:
            raise Unreadable(f"{receipt.place}: AK102 {receipt.control!r} is no control number", field="AK102")
        sets = receipt.sets or ()
        # One set a group is what we send, so what is said of the set is said of the group.
        answer, errors = (sets[0].answer, sets[0].errors) if len(sets) == 1 else (receipt.answer, receipt.errors)
        errors = errors or receipt.errors
        taken, word = codes.SET_RECEIPT[answer]
        because = f": {'; '.join(errors)}" if errors else ""
        kind = UpdateKind.RECEIVED if taken else UpdateKind.REJECTED
        told = f"their system has read it (997: {word}{because})"
        if not taken:
            told = f"their system could not take it (997: {word}{because})"
        return [self._of_control(kind, control, told, said.at, f"997:{said.digest[:40]}")]

    def _interchange_receipts(self, interchange: Interchange, at: datetime) -> Iterator[SupplierUpdate]:
        """TA1: what became of a whole interchange of ours. Only a refusal is news, as a 997 follows otherwise."""
        for ta1 in interchange.receipts:
            control = _control(ta1.get(1))
            if control is not None and ta1.get(4) == "R":
                told = f"their system refused the interchange (TA1, note {ta1.get(5) or 'missing'})"
                key = f"TA1:{hashlib.sha256('*'.join(ta1.elements).encode()).hexdigest()[:40]}"
                yield self._of_control(UpdateKind.REJECTED, control, told, at, key)

    def _of_control(self, kind: UpdateKind, control: int, told: str, at: datetime, key: str) -> SupplierUpdate:
        return SupplierUpdate(kind=kind, key=key, po_number="", occurred_at=at, message=told, control=control)


def _named(raw: Raw, finding: Finding) -> str:
    return f"{raw.external_id}: {finding}"


def _cut_off(interchange: Interchange) -> Iterator[Finding]:
    """What is missing of the envelope, so that sets may be missing too; those that are there count."""
    for findings in (interchange.findings, *(group.findings for group in interchange.groups)):
        yield from (finding for finding in findings if finding.level == "error")


def _control(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else None


def _carrier(parcel: Parcel) -> str:
    """The carrier by whichever of its code and its words we know, else as it is said."""
    for name in (codes.CARRIERS.get(parcel.carrier, ""), parcel.carrier, parcel.routing):
        if name and normalise_carrier(name) is not None:
            return name
    return parcel.routing or parcel.carrier


def _merged(lines: Iterator[UpdateLine]) -> tuple[UpdateLine, ...]:
    found: dict[tuple[int, str], UpdateLine] = {}
    for line in lines:
        key = (line.line, line.supplier_sku)
        known = found.get(key)
        found[key] = msgspec.structs.replace(line, quantity=line.quantity + known.quantity) if known else line
    return tuple(found.values())


def _minor(cost: Decimal, currency: str, place: str) -> int:
    try:
        return money.minor(cost, currency)
    except Unreadable as error:
        raise Unreadable(f"{place}: the cost {cost} is not an amount in {currency}", field="CTP03") from error
