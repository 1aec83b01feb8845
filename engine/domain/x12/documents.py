"""What the sets say, as plain values. Each has ``place``: where in its file it stands, for people and for errors."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import msgspec

Ids = dict[str, str]
"""An item's numbers by their qualifier: ``{"VP": "WIDGET-001", "UP": "076123400003"}``."""


class Party(msgspec.Struct, frozen=True, kw_only=True):
    """Someone with an address; ``role`` is N101: ST, BY, SE …"""

    role: str
    name: str = ""
    name2: str = ""
    id_qualifier: str = ""
    id: str = ""
    street: tuple[str, ...] = ()
    city: str = ""
    region: str = ""
    postal_code: str = ""
    country: str = ""
    phone: str = ""
    email: str = ""


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A line of an order, of its change, or of an invoice. ``change`` is POC02."""

    line: str
    quantity: Decimal
    unit: str = "EA"
    price: Decimal | None = None
    ids: Ids = {}
    description: str = ""
    change: str = ""
    place: str = ""


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """An 850 or an 860. ``kind`` is BEG02, ``changed`` the date of an 860. ``carrier`` is (qualifier, code) of TD5."""

    po_number: str
    date: dt.date
    purpose: str = "00"
    kind: str = "SA"
    changed: dt.date | None = None
    currency: str = ""
    references: tuple[tuple[str, str], ...] = ()
    parties: tuple[Party, ...] = ()
    carrier: tuple[str, str] = ("", "")
    routing: str = ""
    notes: tuple[str, ...] = ()
    lines: tuple[Line, ...] = ()
    place: str = ""


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """An ACK: what becomes of a quantity of the line above it. ``quantity`` None: not said."""

    code: str
    quantity: Decimal | None
    unit: str = ""
    date: dt.date | None = None
    date_kind: str = ""
    text: str = ""
    ids: Ids = {}
    place: str = ""


class AnsweredLine(msgspec.Struct, frozen=True, kw_only=True):
    """A line as the supplier repeats it, with its answers and what it says about them in words."""

    line: Line
    answers: tuple[Status, ...]
    notes: tuple[str, ...] = ()


class OrderAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """An 855, or an 865 (``change``)."""

    po_number: str
    purpose: str
    status: str
    date: dt.date
    reference: str = ""
    lines: tuple[AnsweredLine, ...] = ()
    notes: tuple[str, ...] = ()
    change: bool = False
    place: str = ""


class ShippedLine(msgspec.Struct, frozen=True, kw_only=True):
    """A quantity of an item in a parcel."""

    line: str
    quantity: Decimal
    unit: str
    ids: Ids
    place: str = ""


class Parcel(msgspec.Struct, frozen=True, kw_only=True):
    """What of one order travels under one number. ``kind`` says which: the qualifier of its MAN or REF.

    ``also`` are further numbers of packages whose contents the notice does not tell apart.
    """

    po_number: str
    number: str
    kind: str
    carrier: str = ""
    routing: str = ""
    service: str = ""
    lines: tuple[ShippedLine, ...] = ()
    also: tuple[str, ...] = ()
    place: str = ""


class ShipNotice(msgspec.Struct, frozen=True, kw_only=True):
    """An 856, its levels resolved to parcels."""

    shipment: str
    purpose: str
    written: dt.datetime | None
    shipped: dt.datetime | None
    zone: str = ""
    levels: str = ""  # as they came: "SOPI"
    parcels: tuple[Parcel, ...] = ()
    place: str = ""


class Invoice(msgspec.Struct, frozen=True, kw_only=True):
    """An 810. ``charges`` are what its SAC (allowances counting down) and TXI add to its lines."""

    number: str
    date: dt.date
    po_number: str
    total: Decimal
    charges: Decimal = Decimal(0)
    currency: str = ""
    kind: str = ""
    lines: tuple[Line, ...] = ()
    place: str = ""


class StockLine(msgspec.Struct, frozen=True, kw_only=True):
    """An item's stock, and its cost where told. ``kind`` is QTY01."""

    ids: Ids
    quantity: Decimal
    unit: str = ""
    kind: str = ""
    cost: Decimal | None = None
    place: str = ""


class Stock(msgspec.Struct, frozen=True, kw_only=True):
    """An 846."""

    reference: str
    purpose: str
    written: dt.datetime
    dated: bool  # is there a time of day in it
    currency: str = ""
    lines: tuple[StockLine, ...] = ()
    place: str = ""


class SetReceipt(msgspec.Struct, frozen=True, kw_only=True):
    """What a 997 says of one set of ours: AK5, with its errors in words."""

    code: str
    control: str
    answer: str
    errors: tuple[str, ...] = ()
    place: str = ""


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """A 997: what became of one group of ours when it was read. Receipt, not acceptance."""

    functional: str
    control: str
    answer: str
    errors: tuple[str, ...] = ()
    sets: tuple[SetReceipt, ...] = ()
    place: str = ""


Document = Order | OrderAnswer | ShipNotice | Invoice | Stock | Receipt
