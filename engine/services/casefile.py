"""An order with all its parts, as it is loaded for a change.

Records mirror table rows: times are microseconds (``engine.clock``), documents JSON text, money minor units. Nothing here
writes to the database; ``engine.services.lifecycle`` loads, records every change as audit events, and saves.

Paths name values in the blue book: ``status`` for the order's own, ``line.2.shipped``, ``po.1001-1.state``,
``po.1001-1.line.1.quantity``, ``shipment.1001-1.S77.push``, ``issue.unmapped_sku.<cause>.<line>.<po>``.
"""

from __future__ import annotations

from collections.abc import Iterator
from operator import attrgetter
from typing import Any, ClassVar, Self

import msgspec

from engine.domain.addresses import Address
from engine.domain.states import PurchaseState

BOOLEAN = frozenset({"method_chosen", "superseded", "auto"})
NOTE_LIMIT = 10_000
"""Characters of a customer's note that are kept; the payload has all of it."""


HERE = "~."
"""Stands for the path of a record before the names of its values, while they are made text."""
_HERE = f',"{HERE}'.encode()
_json = msgspec.json.Encoder().encode
_DRAFT = PurchaseState.DRAFT.value  # to compare plain texts is a third of the work


class Record(msgspec.Struct, kw_only=True):
    """One row. ``dirty`` are the columns to be written, ``is_new`` a row to be inserted."""

    dirty: set[str] = msgspec.field(default_factory=set)
    is_new: bool = False

    TABLE: ClassVar[str]
    COLUMNS: ClassVar[tuple[str, ...]]
    TRACKED: ClassVar[tuple[str, ...]]
    TRACKED_NAMES: ClassVar[frozenset[str]]
    row: ClassVar[attrgetter[Any]]
    """Gives a record's column values, in the order of ``COLUMNS``."""
    _tracked: ClassVar[attrgetter[Any]]
    _values: ClassVar[type[msgspec.Struct]]
    _flags: ClassVar[tuple[int, ...]]

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        # Issues have a single one, and are told by their path alone.
        cls.row, cls._tracked = attrgetter(*cls.COLUMNS), attrgetter(*cls.TRACKED)
        cls.TRACKED_NAMES = frozenset(cls.TRACKED)
        cls._values = msgspec.defstruct(
            f"{cls.__name__}Values", [(name, Any, None) for name in cls.TRACKED],
            rename={name: HERE + name for name in cls.TRACKED}, omit_defaults=True, gc=False,
        )  # fmt: skip
        cls._flags = tuple(place for place, name in enumerate(cls.COLUMNS) if name in BOOLEAN)

    @classmethod
    def of(cls, row: Any) -> Self:
        """The record of a row that was selected in the order of ``COLUMNS``."""
        if not cls._flags:
            return cls(*row)
        values = list(row)
        for place in cls._flags:  # SQLite has numbers for them
            values[place] = bool(values[place])
        return cls(*values)

    @property
    def path(self) -> str:
        """What its values are called in the blue book, before their own names; "" for the order's own."""
        raise NotImplementedError

    def made(self) -> Made:
        """Its tracked values as they are now."""
        # Every part of every new order comes by here: Python itself goes over the columns.
        return Made(self.path, self._values(*self._tracked(self)))


class Made(msgspec.Struct, frozen=True):
    """The tracked values of a record that is new, and what they are called before their own names; null are those it has not."""

    path: str
    values: msgspec.Struct

    def has(self, name: str) -> bool:
        """Is this value not null?"""
        return getattr(self.values, name) is not None

    def by_path(self) -> dict[str, Any]:
        """Every value that is not null."""
        named = msgspec.structs.asdict(self.values).items()
        return {f"{self.path}.{name}" if self.path else name: value for name, value in named if value is not None}

    def text(self) -> bytes:
        """The same as JSON, as the inside of an object, with a comma before each of its values."""
        named = b"%b." % _json(self.path)[1:-1] if self.path else b""
        # In a text a quote has a backslash before it, so that what is replaced is never a part of one.
        return (b"," + _json(self.values)[1:-1]).replace(_HERE, b',"' + named)


class LineRecord(Record):
    """An order line."""

    id: int
    order_id: int
    external_id: str
    position: int
    sku: str
    title: str
    quantity: int
    unit_price: int
    cancel_asked: int = 0
    allocated: int = 0
    submitted: int = 0
    acknowledged: int = 0
    backordered: int = 0
    shipped: int = 0
    canceled: int = 0
    returned: int = 0
    product_id: int | None = None
    supplier_id: int | None = None
    cancel_told: int | None = None
    added: int | None = None

    TABLE = "order_lines"
    COLUMNS = (
        "id", "order_id", "external_id", "position", "sku", "title", "quantity", "unit_price", "cancel_asked", "allocated",
        "submitted", "acknowledged", "backordered", "shipped", "canceled", "returned", "product_id",
        "supplier_id", "cancel_told", "added",
    )  # fmt: skip
    TRACKED = COLUMNS[4:]

    @property
    def path(self) -> str:
        return f"line.{self.position}"

    @property
    def open(self) -> int:
        """Neither shipped nor canceled."""
        return self.quantity - self.shipped - self.canceled

    @property
    def wanted(self) -> int:
        """Pieces nobody wants canceled."""
        return self.quantity - min(self.cancel_asked, self.quantity)

    @property
    def ordered(self) -> int:
        """Pieces the channel ordered."""
        return self.quantity - (self.added or 0)


class PurchaseLineRecord(Record):
    """A purchase order line; ``line`` is the order line it serves."""

    id: int
    purchase_order_id: int
    order_line_id: int
    position: int
    product_id: int
    sku: str
    supplier_sku: str
    title: str
    quantity: int
    per_unit: int
    unit_cost: int
    acknowledged: int = 0
    backordered: int = 0
    shipped: int = 0
    canceled: int = 0
    line: LineRecord | None = None
    po_number: str = ""

    TABLE = "purchase_order_lines"
    COLUMNS = (
        "id", "purchase_order_id", "order_line_id", "position", "product_id", "sku", "supplier_sku", "title", "quantity",
        "per_unit", "unit_cost", "acknowledged", "backordered", "shipped", "canceled",
    )  # fmt: skip
    TRACKED = COLUMNS[4:]

    @property
    def path(self) -> str:
        return f"po.{self.po_number}.line.{self.position}"

    @property
    def open(self) -> int:
        """Pieces the supplier has neither shipped nor canceled."""
        return self.quantity - self.shipped - self.canceled


class PurchaseRecord(Record):
    """A purchase order with its lines."""

    id: int
    order_id: int
    supplier_id: int
    po_number: str
    state: str
    version: int
    back_to: str
    method_id: int | None
    method_chosen: bool
    currency: str
    release_at: int | None
    attempt: int
    lease_until: int | None
    lease_token: str
    reference: str
    message: str
    superseded: bool
    created_at: int
    sent_at: int | None
    acknowledged_at: int | None
    ack_due_at: int | None
    tracking_due_at: int | None
    lines: list[PurchaseLineRecord] = msgspec.field(default_factory=list)

    TABLE = "purchase_orders"
    COLUMNS = (
        "id", "order_id", "supplier_id", "po_number", "state", "version", "back_to", "method_id", "method_chosen",
        "currency", "release_at", "attempt", "lease_until", "lease_token", "reference", "message", "superseded",
        "created_at", "sent_at", "acknowledged_at", "ack_due_at", "tracking_due_at",
    )  # fmt: skip
    TRACKED = (
        "supplier_id", "state", "back_to", "method_id", "method_chosen", "currency", "release_at", "attempt", "reference",
        "message", "superseded", "sent_at", "acknowledged_at",
    )  # fmt: skip

    @property
    def path(self) -> str:
        return f"po.{self.po_number}"

    @property
    def open(self) -> int:
        """Pieces neither shipped nor canceled."""
        return sum(line.open for line in self.lines)


class ShipmentRecord(Record):
    """A parcel; ``contents`` only where it was made or loaded with its lines."""

    id: int
    order_id: int
    purchase_order_id: int
    key: str
    version: int
    transit: str
    push: str
    push_attempt: int
    lease_until: int | None
    lease_token: str
    carrier: str
    carrier_name: str
    service: str
    tracking_number: str
    tracking_url: str
    shipped_at: int
    received_at: int
    channel_reference: str
    message: str
    inbound_id: int | None
    po_number: str = ""
    purchase: PurchaseRecord | None = None
    contents: list[tuple[PurchaseLineRecord, int]] = msgspec.field(default_factory=list)

    TABLE = "shipments"
    COLUMNS = (
        "id", "order_id", "purchase_order_id", "key", "version", "transit", "push", "push_attempt", "lease_until",
        "lease_token", "carrier", "carrier_name", "service", "tracking_number", "tracking_url", "shipped_at",
        "received_at", "channel_reference", "message", "inbound_id",
    )  # fmt: skip
    TRACKED = (
        "transit", "push", "push_attempt", "carrier", "carrier_name", "service", "tracking_number", "shipped_at",
        "channel_reference", "message",
    )  # fmt: skip

    @property
    def path(self) -> str:
        return f"shipment.{self.po_number}.{self.key}"


class IssueRecord(Record):
    """An open Issue."""

    id: int
    order_id: int
    code: str
    message: str
    field: str
    cause: str
    line_id: int | None
    purchase_order_id: int | None
    opened_at: int
    closed_at: int | None = None
    closed_by: str = ""
    resolution: str = ""
    line: LineRecord | None = None
    purchase: PurchaseRecord | None = None

    TABLE = "issues"
    COLUMNS = (
        "id", "order_id", "code", "message", "field", "cause", "line_id", "purchase_order_id", "opened_at", "closed_at",
        "closed_by", "resolution",
    )  # fmt: skip
    TRACKED = ("closed_at",)

    @property
    def path(self) -> str:
        line = self.line.position if self.line else 0
        po = self.purchase.po_number if self.purchase else ""
        return f"issue.{self.code}.{self.cause}.{line}.{po}"

    @property
    def same(self) -> tuple[str, str, int, str]:
        """What makes two Issues of one order the same one."""
        return (
            self.code,
            self.cause,
            self.line.position if self.line else 0,
            self.purchase.po_number if self.purchase else "",
        )


class OrderRecord(Record):
    """An order's own row."""

    id: int
    channel_id: int
    external_id: str
    number: str
    status: str
    version: int
    audit_seq: int
    audit_hash: str
    placed_at: int
    channel_updated_at: int
    received_at: int
    changed_at: int
    channel_state: str
    payment: str
    fraud: str
    currency: str
    total: int
    shipping_total: int
    tax_total: int
    discount_total: int
    customer: str
    email: str
    country: str
    ship_to: str
    bill_to: str | None
    shipping_rate: str
    note: str
    fingerprint: str
    likeness: str
    waived: str
    held: str
    snoozed_until: int | None
    auto: bool
    inbound_id: int | None
    issue_at: int | None = None
    late_at: int | None = None
    cancel_wish: str | None = None

    TABLE = "orders"
    COLUMNS = (
        "id", "channel_id", "external_id", "number", "status", "version", "audit_seq", "audit_hash", "placed_at",
        "channel_updated_at", "received_at", "changed_at", "channel_state", "payment", "fraud", "currency", "total",
        "shipping_total", "tax_total", "discount_total", "customer", "email", "country", "ship_to", "bill_to",
        "shipping_rate", "note", "fingerprint", "likeness", "waived", "held", "snoozed_until", "auto", "inbound_id",
        "issue_at", "late_at", "cancel_wish",
    )  # fmt: skip
    TRACKED = (
        "channel_id", "external_id", "number", "status", "placed_at", "channel_state", "payment", "fraud", "currency",
        "total", "shipping_total", "tax_total", "discount_total", "customer", "email", "country", "ship_to", "bill_to",
        "shipping_rate", "note", "waived", "held", "snoozed_until", "auto", "cancel_wish",
    )  # fmt: skip

    @property
    def path(self) -> str:
        return ""


class EventRecord(msgspec.Struct):
    """An audit event being written."""

    at: int
    actor: str
    tag: str
    subject: str
    message: str
    cause: str
    before: dict[str, Any]
    after: dict[str, Any]
    data: dict[str, Any]
    inbound_id: int | None
    made: dict[int, Made] = msgspec.field(default_factory=dict)
    """By the Python id of each record that came with it, what belongs into ``after`` besides."""
    told: tuple[str, str, str] = ("{}", "{}", "{}")
    """``before``, ``after`` and ``data`` as text, once they are settled."""

    def open_up(self, record: Record) -> None:
        """The values of a record that came with it are in ``after``, where they can be changed."""
        made = self.made.pop(id(record), None)
        if made is not None:
            self.after |= made.by_path()


class FollowUp(msgspec.Struct):
    """A job to be written with the change; its key is made when the record has its final id and version."""

    prefix: str
    task: str
    record: Record
    run_at: int | None
    args: dict[str, Any]
    error: str = ""


class Case(msgspec.Struct):
    """One order, locked, with everything that belongs to it, and what has been changed so far."""

    order: OrderRecord
    lines: list[LineRecord] = msgspec.field(default_factory=list)
    purchases: list[PurchaseRecord] = msgspec.field(default_factory=list)
    shipments: list[ShipmentRecord] = msgspec.field(default_factory=list)
    issues: list[IssueRecord] = msgspec.field(default_factory=list)
    events: list[EventRecord] = msgspec.field(default_factory=list)
    jobs: list[FollowUp] = msgspec.field(default_factory=list)
    terms: set[str] = msgspec.field(default_factory=set)
    removed: list[PurchaseLineRecord] = msgspec.field(default_factory=list)
    was_status: str | None = None
    read: tuple[str, Address] | None = None
    """An address as the order keeps it, and what that is read."""

    def address(self) -> Address:
        """Where it ships to."""
        kept = self.order.ship_to
        if self.read is None or self.read[0] is not kept:
            self.read = (kept, msgspec.json.decode(kept, type=Address))
        return self.read[1]

    def waived(self) -> set[str]:
        """The ``code:cause`` pairs a person has looked at and let pass."""
        return set(msgspec.json.decode(self.order.waived, type=list[str])) if self.order.waived != "[]" else set()

    def purchase(self, po_number: str) -> PurchaseRecord | None:
        """The purchase order of that number."""
        return next((po for po in self.purchases if po.po_number == po_number), None)

    def drafts(self) -> list[PurchaseRecord]:
        """The purchase orders that can still be edited."""
        return [po for po in self.purchases if po.state == _DRAFT]

    def serving(self, line: LineRecord) -> Iterator[tuple[PurchaseRecord, PurchaseLineRecord]]:
        """The purchase order lines that serve an order line."""
        for po in self.purchases:
            for po_line in po.lines:
                if po_line.line is line:
                    yield po, po_line


def snapshot(case: Case) -> dict[str, Any]:
    """Every tracked value that is not null, by path: what replaying the blue book must give."""
    found: dict[str, Any] = {}
    records: list[Any] = [case.order, *case.lines, *case.purchases, *case.shipments]
    records += [po_line for po in case.purchases for po_line in po.lines]
    for record in records:
        found |= record.made().by_path()
    for issue in case.issues:
        found[issue.path] = "open"
    return found
