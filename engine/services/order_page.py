"""One order with everything, in ten queries by index."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from engine import clock, db
from engine.connectors import registry
from engine.domain.issues import IssueCode, kind_of
from engine.domain.states import CANCELABLE, DEAD, OPEN_STATUSES, UNSENT, Axis, OrderStatus, PurchaseState, allowed
from engine.errors import Misconfigured, NotFound
from engine.ports import CancelWish, HasOrderPages
from engine.ports_channels import CancelsOrders
from engine.services import own_numbers, search, unsent, wishes
from engine.services.submissions import NOTHING_CAME
from engine.services.unsent import Waits


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """An order line. ``open`` is neither shipped nor canceled; ``added`` is wanted here beyond what the channel ordered, and
    is in ``quantity``; ``purchase_orders`` are the ids of those that carry it."""

    id: int
    position: int
    sku: str
    title: str
    quantity: int
    unit_price: int
    allocated: int
    submitted: int
    acknowledged: int
    backordered: int
    shipped: int
    canceled: int
    returned: int
    supplier_id: int | None
    added: int | None
    purchase_orders: tuple[int, ...] = ()

    @property
    def open(self) -> int:
        return self.quantity - self.shipped - self.canceled


class PurchaseLine(msgspec.Struct, frozen=True, kw_only=True):
    """A purchase order's line; ``order_line_id`` is the line it ships for."""

    id: int
    order_line_id: int
    position: int
    product_id: int
    sku: str
    supplier_sku: str
    title: str
    quantity: int
    per_unit: int
    unit_cost: int
    acknowledged: int
    backordered: int
    shipped: int
    canceled: int


class Attempt(msgspec.Struct, frozen=True):
    """One attempt to send a purchase order."""

    attempt: int
    started_at: datetime
    finished_at: datetime | None
    outcome: str
    message: str


class Purchase(msgspec.Struct, frozen=True, kw_only=True):
    """A purchase order. ``moves`` are the names of the moves its state allows; ``cost`` minor units of its currency.

    ``waits``: it is due and could not be sent yet, and why; None while nothing went wrong.
    """

    id: int
    po_number: str
    state: str
    version: int
    superseded: bool
    supplier_id: int
    supplier: str
    supplier_code: str
    method_id: int | None
    method: str
    currency: str
    cost: int
    reference: str
    message: str
    attempt: int
    release_at: datetime | None
    created_at: datetime
    sent_at: datetime | None
    acknowledged_at: datetime | None
    ack_due_at: datetime | None
    tracking_due_at: datetime | None
    lines: tuple[PurchaseLine, ...]
    submissions: tuple[Attempt, ...]
    moves: tuple[str, ...]
    waits: Waits | None = None

    @property
    def held(self) -> bool:
        """Can it still be taken back?"""
        later = self.release_at is not None and self.release_at > clock.now()
        return self.state == PurchaseState.QUEUED and not self.attempt and later

    @property
    def undoable(self) -> bool:
        """Can it be taken back: is it to be sent, and did every attempt end with nothing at the supplier?"""
        nothing = [one for one in self.submissions if one.outcome in NOTHING_CAME]
        return self.state == PurchaseState.QUEUED and len(nothing) == self.attempt

    @property
    def unsent(self) -> bool:
        """Is it to be sent and is not: tried in vain, or its supplier or a worker is waited for?"""
        return self.state == PurchaseState.QUEUED and not self.held


class Parcel(msgspec.Struct, frozen=True, kw_only=True):
    """A shipment; ``contents`` are (purchase order line id, quantity), ``moves`` those of its push to the channel."""

    id: int
    purchase_order_id: int
    key: str
    transit: str
    push: str
    push_attempt: int
    carrier: str
    carrier_name: str
    service: str
    tracking_number: str
    tracking_url: str
    shipped_at: datetime
    received_at: datetime
    channel_reference: str
    message: str
    contents: tuple[tuple[int, int], ...]
    moves: tuple[str, ...]


class IssueNote(msgspec.Struct, frozen=True, kw_only=True):
    """An Issue, open while ``closed_at`` is None; ``resolutions`` are the ways to close it."""

    id: int
    code: str
    title: str
    short: str
    todo: str
    message: str
    field: str
    cause: str
    line_id: int | None
    purchase_order_id: int | None
    opened_at: datetime
    closed_at: datetime | None
    closed_by: str
    resolution: str
    resolutions: tuple[str, ...]


class HoldNote(msgspec.Struct, frozen=True):
    """A Hold, in force while ``released_at`` is None."""

    id: int
    reason: str
    placed_at: datetime
    placed_by: str
    released_at: datetime | None
    released_by: str


class OrderPage(msgspec.Struct, frozen=True, kw_only=True):
    """An order with everything. Money is minor units of ``currency``.

    ``items_total`` is what the pieces ordered and still wanted come to, less discounts; ``cost`` of the live purchase orders and
    ``margin_percent`` are None while lines have no supplier or a supplier's currency is another. ``store_url`` is its page
    in the store's back office, "" where the channel has none, ``store_number`` what it is called
    there. ``channel_cancels``: the channel can be told to cancel.
    ``cancel_wish`` is what its customer asks there to cancel, also after it was decided here.
    """

    id: int
    number: str
    external_id: str
    status: OrderStatus
    version: int
    channel_id: int
    channel: str
    channel_connector: str
    channel_state: str
    payment: str
    fraud: str
    placed_at: datetime
    received_at: datetime
    changed_at: datetime
    customer: str
    email: str
    country: str
    ship_to: dict[str, Any]
    bill_to: dict[str, Any] | None
    shipping_rate: str
    note: str
    currency: str
    total: int
    shipping_total: int
    tax_total: int
    discount_total: int
    items_total: int
    cost: int | None
    margin_percent: float | None
    held: str
    snoozed_until: datetime | None
    auto: bool
    waived: list[Any]
    lines: tuple[Line, ...]
    purchase_orders: tuple[Purchase, ...]
    shipments: tuple[Parcel, ...]
    issues: tuple[IssueNote, ...]
    holds: tuple[HoldNote, ...]
    store_url: str
    store_number: str
    channel_cancels: bool
    cancel_wish: CancelWish | None = None

    @property
    def live(self) -> tuple[Purchase, ...]:
        """The purchase orders that carry something: neither dead nor replaced."""
        return tuple(po for po in self.purchase_orders if po.state not in DEAD and not po.superseded)

    @property
    def if_canceled(self) -> list[str]:
        """What becomes of each part when the order is canceled now, a clause for each."""
        found = [f"{po.supplier} is asked to cancel {po.po_number}" for po in self.live if po.state in CANCELABLE]
        found += [f"{po.po_number} is not sent" for po in self.live if po.state in UNSENT]
        return found + (["what was shipped stays shipped"] if self.shipments else [])

    @property
    def acts(self) -> frozenset[str]:
        """What can be done to the whole order now: process, undo, hold, release, edit, snooze, cancel."""
        unsent = self.status in OPEN_STATUSES
        wanted = any(line.open for line in self.lines)
        found = {
            "process": self.status == OrderStatus.READY and any("queue" in po.moves for po in self.live),
            "undo": any(po.undoable for po in self.live),
            "hold": not self.held and any(line.open > line.submitted for line in self.lines),
            "release": bool(self.held),
            "edit": wanted and (unsent or any("drop" in po.moves for po in self.live)),
            "snooze": unsent,
            "cancel": wanted and self.status != OrderStatus.CANCELED,
        }
        return frozenset(name for name, can in found.items() if can)


def _time(value: Any) -> Any:
    return None if value is None else clock.moment(value)


def _read(row: Any, columns: Sequence[str]) -> dict[str, Any]:
    return {
        name: _time(value) if name.endswith("_at") or name == "snoozed_until" else value
        for name, value in zip(columns, row, strict=True)
    }


def _group(rows: Sequence[Any]) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = {}
    for row in rows:
        found.setdefault(int(row[0]), []).append(row)
    return found


def _columns(record: type[msgspec.Struct], derived: str = "") -> tuple[str, ...]:
    """The record's fields that are columns of its table."""
    return tuple(name for name in record.__struct_fields__ if name not in derived.split())


_ORDER = _columns(
    OrderPage,
    "channel channel_connector items_total cost margin_percent lines purchase_orders shipments issues holds store_url "
    "store_number channel_cancels",
)
_LINE = _columns(Line, "purchase_orders")
_PO = _columns(Purchase, "supplier supplier_code method cost lines submissions moves waits")
_PO_LINE = _columns(PurchaseLine)
_PARCEL = _columns(Parcel, "contents moves")
_ISSUE = _columns(IssueNote, "title short todo resolutions")


def _names(alias: str, columns: Sequence[str]) -> str:
    return ", ".join(f"{alias}.{name}" for name in columns)


async def order_page(which: int | str) -> OrderPage:
    """The order with this id (int) or number (str), with everything; raises NotFound naming numbers that are close."""
    column = "id" if isinstance(which, int) else "number"
    found = await db.row(
        f"SELECT {_names('o', _ORDER)}, c.name, c.connector, c.settings, c.prefix FROM orders AS o "
        f"JOIN channels AS c ON c.id = o.channel_id WHERE o.{column} = ?",
        which,
    )
    if found is None:
        raise await not_found(which)
    values = list(found)
    order = _read(values[: len(_ORDER)], _ORDER)
    number = int(order["id"])
    purchases = await _purchases(number)
    carried: dict[int, list[int]] = {}
    for po in purchases:
        for part in po.lines:
            carried.setdefault(part.order_line_id, []).append(po.id)
    lines = tuple(
        Line(**_read(row, _LINE), purchase_orders=tuple(dict.fromkeys(carried.get(int(row[0]), []))))
        for row in await db.rows(
            f"SELECT {', '.join(_LINE)} FROM order_lines WHERE order_id = ? ORDER BY position, id", number
        )
    )
    order |= {
        "status": OrderStatus(order["status"]),
        "auto": bool(order["auto"]),
        "waived": msgspec.json.decode(order["waived"]),
        "ship_to": msgspec.json.decode(order["ship_to"]),
        "bill_to": msgspec.json.decode(order["bill_to"]) if order["bill_to"] else None,
        "cancel_wish": wishes.read(order["cancel_wish"]),
    }
    return OrderPage(
        **order,
        **_sums(order, lines, purchases),
        channel=values[-4],
        channel_connector=values[-3],
        lines=lines,
        purchase_orders=purchases,
        shipments=await _parcels(number),
        issues=await _issues(number),
        holds=await _holds(number),
        store_url=_store_url(values[-3], values[-2], str(order["external_id"])),
        store_number=(await own_numbers.of([(number, order["number"], order["channel_id"], values[-1])]))[number],
        channel_cancels=_cancels(values[-3]),
    )


def _cancels(connector: str) -> bool:
    try:
        return issubclass(registry.channel_type(connector), CancelsOrders)
    except Misconfigured:
        return False


def _store_url(connector: str, settings: Any, external_id: str) -> str:
    """The order's page in the store; "" also where the connector is not installed any more."""
    try:
        kind = registry.channel_type(connector)
    except Misconfigured:
        return ""
    known = msgspec.json.decode(settings) if isinstance(settings, str | bytes) else settings
    return kind.order_page(known, external_id) if isinstance(kind, HasOrderPages) else ""


def _sums(order: dict[str, Any], lines: Sequence[Line], purchases: Sequence[Purchase]) -> dict[str, Any]:
    brings = [min(line.quantity - line.canceled, line.quantity - (line.added or 0)) for line in lines]
    items = sum(line.unit_price * count for line, count in zip(lines, brings, strict=True))
    items -= int(order["discount_total"])
    live = [po for po in purchases if po.state not in DEAD and not po.superseded]
    pieces: dict[int, int] = {}
    for po in live:
        # The parts of a kit are one piece of the order's line together.
        for line in {part.order_line_id for part in po.lines}:
            parts = [p for p in po.lines if p.order_line_id == line]
            pieces[line] = pieces.get(line, 0) + max((p.quantity - p.canceled) // max(p.per_unit, 1) for p in parts)
    covered = all(pieces.get(line.id, 0) >= line.quantity - line.canceled for line in lines)
    if not covered or any(po.currency != order["currency"] for po in live):
        return {"items_total": items, "cost": None, "margin_percent": None}
    cost = sum(po.cost for po in live)
    return {"items_total": items, "cost": cost, "margin_percent": 100 * (items - cost) / items if items > 0 else None}


async def _purchases(order_id: int) -> tuple[Purchase, ...]:
    rows = await db.rows(
        f"SELECT {_names('p', _PO)}, s.name, s.code, COALESCE(m.name, '') FROM purchase_orders AS p "
        "JOIN suppliers AS s ON s.id = p.supplier_id LEFT JOIN shipping_methods AS m ON m.id = p.method_id "
        "WHERE p.order_id = ? ORDER BY p.id",
        order_id,
    )
    if not rows:
        return ()
    parts = _group(
        await db.rows(
            f"SELECT l.purchase_order_id, {_names('l', _PO_LINE)} FROM purchase_orders AS p "
            "JOIN purchase_order_lines AS l ON l.purchase_order_id = p.id WHERE p.order_id = ? ORDER BY l.position, l.id",
            order_id,
        )
    )
    attempts = _group(
        await db.rows(
            "SELECT t.purchase_order_id, t.attempt, t.started_at, t.finished_at, t.outcome, t.message "
            "FROM purchase_orders AS p JOIN submissions AS t ON t.purchase_order_id = p.id "
            "WHERE p.order_id = ? ORDER BY t.attempt",
            order_id,
        )
    )
    place = _PO.index("state")
    waits = await unsent.waits([int(row[0]) for row in rows if row[place] == "queued"])
    found = []
    for row in rows:
        *columns, supplier, code, method = list(row)
        values = _read(columns, _PO)
        lines = tuple(PurchaseLine(**_read(list(part)[1:], _PO_LINE)) for part in parts.get(values["id"], []))
        tries = attempts.get(values["id"], [])
        found.append(
            Purchase(
                **values | {"superseded": bool(values["superseded"])},
                supplier=supplier,
                supplier_code=code,
                method=method,
                lines=lines,
                cost=sum(part.unit_cost * (part.quantity - part.canceled) for part in lines),
                submissions=tuple(Attempt(t[1], _time(t[2]), _time(t[3]), t[4], t[5]) for t in tries),
                moves=tuple(allowed(Axis.PURCHASE, values["state"])),
                waits=waits.get(values["id"]),
            )
        )
    return tuple(found)


async def _parcels(order_id: int) -> tuple[Parcel, ...]:
    rows = await db.rows(f"SELECT {', '.join(_PARCEL)} FROM shipments WHERE order_id = ? ORDER BY id", order_id)
    if not rows:
        return ()
    contents = _group(
        await db.rows(
            "SELECT l.shipment_id, l.purchase_order_line_id, l.quantity FROM shipments AS s "
            "JOIN shipment_lines AS l ON l.shipment_id = s.id WHERE s.order_id = ? ORDER BY l.id",
            order_id,
        )
    )
    return tuple(
        Parcel(
            **_read(row, _PARCEL),
            contents=tuple((int(c[1]), int(c[2])) for c in contents.get(int(row[0]), [])),
            moves=tuple(allowed(Axis.PUSH, row[_PARCEL.index("push")])),
        )
        for row in rows
    )


async def _issues(order_id: int) -> tuple[IssueNote, ...]:
    """Open ones first, among them a customer's wish, then the last closed first."""
    rows = await db.rows(f"SELECT {', '.join(_ISSUE)} FROM issues WHERE order_id = ? ORDER BY id DESC", order_id)
    found = []
    for row in rows:
        kind = kind_of(row[1], row[_ISSUE.index("field")])
        found.append(
            IssueNote(
                **_read(row, _ISSUE), title=kind.title, short=kind.short, todo=kind.todo, resolutions=kind.resolutions
            )
        )
    return tuple(sorted(found, key=lambda issue: (issue.closed_at is not None, issue.code != IssueCode.CANCEL_WISHED)))


async def _holds(order_id: int) -> tuple[HoldNote, ...]:
    rows = await db.rows(
        "SELECT id, reason, placed_at, placed_by, released_at, released_by FROM holds WHERE order_id = ? ORDER BY id DESC",
        order_id,
    )
    return tuple(HoldNote(r[0], r[1], _time(r[2]), r[3], _time(r[4]), r[5]) for r in rows)


async def not_found(which: int | str) -> NotFound:
    """The error for an order that is not there, naming numbers that are close."""
    if isinstance(which, int):
        return NotFound(f"there is no order with the id {which}; look it up by its number")
    close = await close_to(which)
    hint = f"; did you mean {' or '.join(close)}?" if close else "; it may not have been pulled yet: sync its channel"
    return NotFound(f"there is no order {which}{hint}")


async def close_to(number: str) -> list[str]:
    """The numbers of at most five orders whose store calls them so, or that begin like this one."""
    if there := await search.numbers_meant(number):
        return there[:5]
    whole = "".join(sorted(search.terms_of(number), key=len)[-1:])
    for length in range(len(whole), max(len(whole) - 4, 1), -1):
        rows = await db.rows(
            "SELECT DISTINCT o.number FROM (SELECT order_id FROM terms WHERE term >= ? AND term < ? LIMIT 20) AS t "
            "JOIN orders AS o ON o.id = t.order_id LIMIT 5",
            whole[:length],
            whole[:length] + "\U0010ffff",
        )
        if rows:
            return sorted(str(r[0]) for r in rows)
    return []
