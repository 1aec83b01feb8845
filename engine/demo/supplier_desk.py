"""The demo supplier's desk: what it does with purchase orders, apart from how they reach it.

Acknowledges, back-orders, rejects and ships by itself in the background; keeps a ledger of everything that arrived.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import heapq
import random
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, Any, Literal

import msgspec

from engine import clock

Step = Literal["ack", "ship", "rest"]


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """One arrival of a purchase order, whatever was answered. ``created``: it made a new order here."""

    po_number: str
    at: datetime
    idempotency_key: str
    digest: str  # sha256 of the body: the same PO must arrive in the same bytes
    reference: str
    created: bool
    body: dict[str, Any]


class Line(msgspec.Struct):
    """One ordered line and how much of it has shipped."""

    line: int
    sku: str
    quantity: int
    shipped: int = 0


class SupplierOrder(msgspec.Struct, kw_only=True):
    """An order as this supplier has it."""

    po_number: str
    reference: str
    ship_method: str
    lines: list[Line]
    status: str = "received"
    tracking_numbers: list[str] = msgspec.field(default_factory=list)


class Behaviour(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the supplier goes about its work. Times in seconds; probabilities from 0 to 1, by SKU or "*" for any."""

    auto_ack: bool = True
    ack_after: float = 0.0
    ship_after: float | None = 1.0  # None: only when told by ``ship``
    split: float = 0.0  # the chance of two parcels
    backorder: dict[str, float] = {}
    reject: dict[str, float] = {}
    unknown_skus: frozenset[str] = frozenset()  # answered with 422
    dedupe: bool = True  # False: a careless supplier that makes a second order of a repeated PO
    seed: int = 0  # also the shipper's number in tracking numbers: give two suppliers two seeds


def tracking_number(shipper: int, serial: int) -> str:
    """A UPS number with its check digit: 1Z, shipper, service (03 is ground), serial, check."""
    payload = f"B{shipper % 100_000:05d}03{serial % 10_000_000:07d}"
    values = [int(c) if c.isdigit() else (ord(c) - 63) % 10 for c in payload]
    return f"1Z{payload}{-(sum(values[::2]) + 2 * sum(values[1::2])) % 10}"


DONE = frozenset({"canceled", "rejected", "shipped"})


def encode(value: object) -> bytes:
    """The value as JSON."""
    return msgspec.json.encode(value)


def error(message: str, code: str, **more: str) -> bytes:
    """The body this supplier sends with every no."""
    return encode({"error": {"code": code, "message": message}, **more})


class SupplierDesk:
    """Orders, ledger and updates in memory, worked on by ``tick``.

    With ``ledger_path`` each receipt is also appended to that file, one JSON object a line, before it is answered, and
    each update to the same name with ``.updates``: both outlive a kill, and a desk opened on them carries on.
    """

    def __init__(self, behaviour: Behaviour | None = None, ledger_path: Path | None = None) -> None:
        self.behaviour = behaviour or Behaviour()
        self.ledger: dict[str, list[Receipt]] = {}
        self.orders: dict[str, list[SupplierOrder]] = {}
        self.stock: dict[str, int] = {}
        self.updates: list[bytes] = []
        self._made = 0
        self._plan: list[tuple[float, int, SupplierOrder, Step]] = []
        self._serial = 0
        self._wake = asyncio.Event()
        self._ledger_path = ledger_path
        self._files: list[IO[bytes]] = []

    def open_ledger(self) -> None:
        """What the ledger's files tell has happened; what is unfinished is due again."""
        if self._ledger_path is None:
            return
        told = self._ledger_path.with_name(self._ledger_path.name + ".updates")
        for row in _rows(self._ledger_path):
            self._enter(msgspec.json.decode(row, type=Receipt))
        known = {order.reference: order for orders in self.orders.values() for order in orders}
        for row in _rows(told):
            self.updates.append(row)
            update = msgspec.json.decode(row)
            if order := known.get(update.get("reference", "")):
                _happened(order, update)
        for order in known.values():
            if order.status == "received":
                self._schedule(self.behaviour.ack_after, order, "ack")
            elif order.status not in DONE and self.behaviour.ship_after is not None:
                self._schedule(
                    self.behaviour.ship_after, order, "ship" if order.status != "partially_shipped" else "rest"
                )
        self._files = [_append(self._ledger_path), _append(told)]

    def close_ledger(self) -> None:
        """The ledger's files are closed."""
        for file in self._files:
            file.close()
        self._files = []

    # --- what tests ask -----------------------------------------------------------------------------------------------

    @property
    def repeated(self) -> dict[str, int]:
        """The purchase orders that arrived more than once, with how often."""
        return {po: len(receipts) for po, receipts in self.ledger.items() if len(receipts) > 1}

    @property
    def duplicates(self) -> dict[str, int]:
        """The purchase orders that made more than one order here: each would ship twice."""
        return {po: len(orders) for po, orders in self.orders.items() if len(orders) > 1}

    @property
    def changed(self) -> set[str]:
        """The purchase orders that did not arrive in the same bytes every time."""
        return {po for po, receipts in self.ledger.items() if len({receipt.digest for receipt in receipts}) > 1}

    @property
    def state(self) -> dict[str, Any]:
        """Counts of everything, for a glance."""
        statuses: dict[str, int] = {}
        for orders in self.orders.values():
            for order in orders:
                statuses[order.status] = statuses.get(order.status, 0) + 1
        return {
            "purchase_orders": len(self.orders),
            "receipts": sum(map(len, self.ledger.values())),
            "repeated": len(self.repeated),
            "duplicates": len(self.duplicates),
            "updates": len(self.updates),
            "orders": statuses,
        }

    def accept(self, body: bytes, idempotency_key: str = "") -> tuple[int, bytes]:
        """The status and answer to a purchase order; a good one is in the ledger from here on."""
        try:
            sent = msgspec.json.decode(body, type=dict[str, Any])
            po_number = sent["po_number"]
            lines = [(line["sku"], line["quantity"]) for line in sent["lines"]]
        except (msgspec.DecodeError, KeyError, TypeError):
            return 400, error("an order is an object with po_number and lines of sku and quantity", "malformed")
        if not isinstance(po_number, str) or not po_number or not lines:
            return 422, error("an order has a po_number and at least one line", "incomplete")
        for sku, quantity in lines:
            if not isinstance(sku, str) or not sku or sku in self.behaviour.unknown_skus:
                return 422, error(f"we do not stock {sku}", "unknown_sku")
            if not isinstance(quantity, int) or quantity < 1:
                return 422, error(f"{quantity} of {sku} is not a quantity", "bad_quantity")
        digest = hashlib.sha256(body).hexdigest()
        repeated = bool(self.ledger.get(po_number)) and self.behaviour.dedupe
        self._made += not repeated
        receipt = Receipt(
            po_number=po_number,
            at=clock.now(),
            idempotency_key=idempotency_key,
            digest=digest,
            reference=self.orders[po_number][0].reference if repeated else f"DS-{100000 + self._made}",
            created=not repeated,
            body=sent,
        )
        if self._files:
            self._files[0].write(encode(receipt) + b"\n")
        first = self.ledger[po_number][0] if repeated else None
        order = self._enter(receipt)
        if order is not None:
            self._schedule(self.behaviour.ack_after, order, "ack")
        answer = {"po_number": po_number, "reference": receipt.reference, "status": "received"}
        if first and first.digest != digest:
            return 409, error("this po_number came with other contents before", "conflict", **answer)
        return (200 if repeated else 201), encode(answer)

    def _enter(self, receipt: Receipt) -> SupplierOrder | None:
        """The receipt is in the ledger; returns the order it made, if it made one."""
        self.ledger.setdefault(receipt.po_number, []).append(receipt)
        if not receipt.created:
            return None
        self._made = max(self._made, int(receipt.reference.removeprefix("DS-")) - 100000)
        lines = [
            Line(line.get("line") or number, line["sku"], line["quantity"])
            for number, line in enumerate(receipt.body["lines"], 1)
        ]
        method = receipt.body.get("ship_method") or ""
        order = SupplierOrder(po_number=receipt.po_number, reference=receipt.reference, ship_method=method, lines=lines)
        self.orders.setdefault(receipt.po_number, []).append(order)
        return order

    def show(self, po_number: str) -> tuple[int, bytes]:
        """The status and answer to a look-up."""
        orders = self.orders.get(po_number)
        if not orders:
            return 404, error(f"we have no {po_number}", "not_found")
        return 200, encode(orders[0])

    def cancel(self, po_number: str) -> tuple[int, bytes]:
        """The status and answer to a cancel request; what has begun to ship is not canceled."""
        orders = self.orders.get(po_number)
        if not orders:
            return 404, error(f"we have no {po_number}", "not_found")
        for order in orders:
            if any(line.shipped for line in order.lines) or order.status == "rejected":
                return 200, encode({"po_number": po_number, "status": "refused", "message": f"already {order.status}"})
        for order in orders:
            if order.status != "canceled":
                self._say(order, "canceled")
        return 200, encode({"po_number": po_number, "status": "canceled"})

    # --- the work of the day ------------------------------------------------------------------------------------------

    def _schedule(self, delay: float, order: SupplierOrder, step: Step) -> None:
        self._serial += 1
        heapq.heappush(self._plan, (asyncio.get_running_loop().time() + delay, self._serial, order, step))
        self._wake.set()

    async def tick(self) -> None:
        """Does what is due, at most 200 steps between two breaths, and sleeps until the next is."""
        loop = asyncio.get_running_loop()
        while True:
            done = 0
            while self._plan and self._plan[0][0] <= loop.time() and done < 200:
                _, _, order, step = heapq.heappop(self._plan)
                self._do(order, step)
                done += 1
            if done:
                await asyncio.sleep(0)
                continue
            self._wake.clear()
            wait = self._plan[0][0] - loop.time() if self._plan else None
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._wake.wait()

    def _do(self, order: SupplierOrder, step: Step) -> None:
        if order.status in DONE:
            return
        if step == "ack":
            self._begin(order)
        else:
            self.ship(order, self._first_part(order) if step == "ship" else None)
            if order.status != "shipped" and self.behaviour.ship_after is not None:
                self._schedule(self.behaviour.ship_after, order, "rest")

    def _chance(self, order: SupplierOrder, what: str) -> float:
        # By order and not by turn, so that the same orders fare the same however the requests interleave.
        return random.Random(f"{self.behaviour.seed}:{what}:{order.reference}").random()  # noqa: S311

    def _struck(self, order: SupplierOrder, what: str, table: dict[str, float]) -> list[Line]:
        if not table:
            return []
        return [
            line
            for line in order.lines
            if self._chance(order, f"{what}:{line.line}") < table.get(line.sku, table.get("*", 0.0))
        ]

    def _begin(self, order: SupplierOrder) -> None:
        wait = self.behaviour.ship_after
        if lines := self._struck(order, "reject", self.behaviour.reject):
            self._say(order, "rejected", message=f"{lines[0].sku} is discontinued")
            return
        if lines := self._struck(order, "backorder", self.behaviour.backorder):
            expected = clock.now() + timedelta(days=7)
            self._say(
                order,
                "backordered",
                message=f"{lines[0].sku} is expected in a week",
                lines=[{"line": x.line, "sku": x.sku, "quantity": x.quantity, "expected_at": expected} for x in lines],
            )
            wait = None if wait is None else 2 * wait
        elif self.behaviour.auto_ack:
            self._say(order, "acknowledged")
        if wait is not None:
            self._schedule(wait, order, "ship")

    def _first_part(self, order: SupplierOrder) -> dict[int, int] | None:
        """Line and quantity of a first parcel, None when everything goes in one."""
        if not self.behaviour.split or self._chance(order, "split") >= self.behaviour.split:
            return None
        if len(order.lines) > 1:
            return {line.line: line.quantity for line in order.lines[: len(order.lines) // 2]}
        half = order.lines[0].quantity // 2
        return {order.lines[0].line: half} if half else None

    def ship(self, order: SupplierOrder, part: dict[int, int] | None = None) -> str:
        """A parcel of ``part`` (line -> quantity), or all that is open, is on its way; returns its tracking number."""
        open_ = {line.line: line.quantity - line.shipped for line in order.lines}
        if part is not None:
            open_ = {line: min(quantity, part.get(line, 0)) for line, quantity in open_.items()}
        lines = [
            {"line": line.line, "sku": line.sku, "quantity": open_[line.line]}
            for line in order.lines
            if open_[line.line]
        ]
        number = tracking_number(self.behaviour.seed, len(self.updates) + 1)
        self._say(order, "shipped", lines=lines, carrier="UPS", service=order.ship_method, tracking_number=number)
        return number

    def _say(self, order: SupplierOrder, status: str, **more: Any) -> None:
        update = {"status": status, "po_number": order.po_number, "reference": order.reference, **more}
        _happened(order, update)
        self._announce(update)

    def _announce(self, update: dict[str, Any]) -> None:
        body = encode({"id": f"U{len(self.updates) + 1}", "occurred_at": clock.now(), **update})
        self.updates.append(body)
        if self._files:
            self._files[1].write(body + b"\n")
        self.told(body)

    def told(self, body: bytes) -> None:
        """Called with every update as it is made; a desk with callbacks sends it on."""

    def set_stock(self, items: Iterable[tuple[str, int, str | None]]) -> None:
        """These SKUs have this many pieces at this cost (major units, USD), and an inventory update says so."""
        lines: list[dict[str, Any]] = []
        for sku, quantity, cost in items:
            self.stock[sku] = quantity
            lines.append({"sku": sku, "quantity": quantity} | ({"unit_cost": cost} if cost is not None else {}))
        self._announce({"status": "inventory", "currency": "USD", "lines": lines})


def _rows(path: Path) -> list[bytes]:
    """The whole rows of a file; a kill can leave half a last one, which was never answered."""
    if not path.exists():
        return []
    content = path.read_bytes()
    return [row for row in content[: content.rfind(b"\n") + 1].split(b"\n") if row]


def _append(path: Path) -> IO[bytes]:
    rows = _rows(path)
    path.write_bytes(b"".join(row + b"\n" for row in rows))
    return path.open("ab", buffering=0)


def _happened(order: SupplierOrder, update: dict[str, Any]) -> None:
    """The order is as the update says."""
    order.status = update["status"]
    if order.status != "shipped":
        return
    for part in update["lines"]:
        order.lines[[line.line for line in order.lines].index(part["line"])].shipped += part["quantity"]
    order.tracking_numbers.append(update["tracking_number"])
    if any(line.shipped < line.quantity for line in order.lines):
        order.status = "partially_shipped"
