"""The demo store's orders, with the indexes that make lists fast: what WooCommerce's database does for its REST API."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Sequence
from random import Random
from typing import Any

import msgspec

from engine.demo.store_orders import cents, money, stamp

STATUSES = (
    "pending",
    "processing",
    "on-hold",
    "completed",
    "cancelled",
    "refunded",
    "failed",
    "trash",
    "checkout-draft",
)
_ENDLESS = 2**62


class Query(msgspec.Struct, kw_only=True):
    """What a list asks for. Times are exclusive Unix seconds, as in WooCommerce; no ``statuses``: any but trash."""

    page: int = 1
    per_page: int = 10
    include: tuple[int, ...] = ()
    statuses: frozenset[str] = frozenset()
    modified_after: int | None = None
    modified_before: int | None = None
    orderby: str = "date"
    descending: bool = True


class Book:
    """All orders by id, with their notes and refunds. ``zone`` is the store's offset from UTC in hours."""

    def __init__(self, zone: int) -> None:
        self.zone = zone
        self.orders: dict[int, dict[str, Any]] = {}
        self.notes: dict[int, list[dict[str, Any]]] = {}
        self.refunds: dict[int, list[dict[str, Any]]] = {}
        self.shuffle_ties: Random | None = None
        """When set, orders of one second come in another order each time, as MySQL may do without a second sort key."""
        self._modified: dict[int, int] = {}
        self._index: list[tuple[int, int]] = []  # (modified, id) of all that is not in the trash, sorted
        self._json: dict[int, bytes] = {}
        self._last_id = 1000

    def next_id(self) -> int:
        """A number no order, note, refund or entry has had."""
        self._last_id += 1
        return self._last_id

    def add(self, order: dict[str, Any], at: int) -> None:
        """A new order is in the book, modified at ``at``."""
        self._last_id = max(self._last_id, order["id"])
        self.orders[order["id"]] = order
        self._place(order["id"], at)

    def touch(self, order_id: int, at: int) -> None:
        """The order was changed at ``at``: its JSON and its place in the lists are new."""
        order = self.orders[order_id]
        stamp(order, "date_modified", at, self.zone)
        entry = (self._modified[order_id], order_id)
        spot = bisect_left(self._index, entry)
        if spot < len(self._index) and self._index[spot] == entry:
            del self._index[spot]
        self._place(order_id, at)

    def _place(self, order_id: int, at: int) -> None:
        self._json.pop(order_id, None)
        self._modified[order_id] = at
        if self.orders[order_id]["status"] != "trash":
            insort(self._index, (at, order_id))

    def delete(self, order_id: int) -> None:
        """The order is gone for good."""
        self.touch(order_id, self._modified[order_id])
        self._index.remove((self._modified[order_id], order_id))
        del self.orders[order_id], self._modified[order_id]

    def json(self, order_id: int) -> bytes:
        """The order as the API writes it; kept until it changes."""
        found = self._json.get(order_id)
        if found is None:
            found = self._json[order_id] = msgspec.json.encode(self.orders[order_id])
        return found

    def find(self, query: Query) -> tuple[Sequence[int], int]:
        """The ids on the page asked for, and how many there are on all pages."""
        after = -1 if query.modified_after is None else query.modified_after
        before = _ENDLESS if query.modified_before is None else query.modified_before
        low, high = bisect_right(self._index, (after, _ENDLESS)), bisect_left(self._index, (before, 0))
        begin = (query.page - 1) * query.per_page
        plain = not query.include and not query.statuses and self.shuffle_ties is None
        if plain and query.orderby == "modified" and not query.descending:
            page = self._index[low:high][begin : begin + query.per_page]
            return [order_id for _, order_id in page], max(0, high - low)
        ids = self._sorted(self._candidates(query, low, high), query)
        return ids[begin : begin + query.per_page], len(ids)

    def _candidates(self, query: Query, low: int, high: int) -> list[int]:
        if query.include:
            ids = [i for i in query.include if i in self.orders]
            wanted = query.statuses or frozenset(STATUSES) - {"trash"}
        elif "trash" in query.statuses:
            ids, wanted = list(self.orders), query.statuses
        else:
            ids, wanted = [order_id for _, order_id in self._index[low:high]], query.statuses
        return [i for i in ids if self.orders[i]["status"] in wanted] if wanted else ids

    def _sorted(self, ids: list[int], query: Query) -> list[int]:
        rng = self.shuffle_ties
        match query.orderby:
            case "modified":
                ids = sorted(ids, key=lambda i: (self._modified[i], rng.random() if rng else i))
            case "include":
                place = {order_id: n for n, order_id in enumerate(query.include)}
                return sorted(ids, key=lambda i: place.get(i, 0))
            case "date":
                ids = sorted(ids, key=lambda i: (self.orders[i]["date_created_gmt"], i))
            case _:
                ids = sorted(ids)
        return ids[::-1] if query.descending else ids

    # --- what changes an order ---------------------------------------------------------------------------------------

    def set_status(self, order_id: int, status: str, at: int) -> None:
        """The order has the status, with the dates and the automatic refund WooCommerce adds; the caller touches it."""
        order = self.orders[order_id]
        if status == order["status"]:
            return
        order["status"] = status
        order["needs_payment"] = status in {"pending", "failed"}
        if status == "completed":
            stamp(order, "date_completed", at, self.zone)
        paid = status == "completed" or (status == "processing" and order["payment_method"] != "cod")
        if paid and not order["date_paid_gmt"]:
            stamp(order, "date_paid", at, self.zone)
        returned = sum(cents(r["amount"]) for r in self.refunds.get(order_id, ()))
        remaining = cents(order["total"]) - returned
        if status == "refunded" and remaining > 0:
            self._record_refund(order_id, remaining, "Order fully refunded.", [], at)

    def set_meta(self, order_id: int, key: str, value: Any, meta_id: int | None = None) -> None:
        """The first entry with this id, or this key, has the value, or else a new one. The caller touches."""
        entries = self.orders[order_id]["meta_data"]
        for entry in entries:
            if (meta_id is not None and entry["id"] == meta_id) or (meta_id is None and entry["key"] == key):
                entry["key"], entry["value"] = key, value
                return
        entries.append({"id": self.next_id(), "key": key, "value": value})

    def add_note(self, order_id: int, text: str, for_customer: bool, at: int) -> dict[str, Any]:
        """A note is on the order. It does not count as a change of the order, in WooCommerce neither."""
        note: dict[str, Any] = {"id": self.next_id(), "author": "system"}
        stamp(note, "date_created", at, self.zone)
        note |= {"note": text, "customer_note": for_customer}
        self.notes.setdefault(order_id, []).append(note)
        return note

    def refund(self, order_id: int, pieces: dict[int, int], amount: int | None, reason: str, at: int) -> dict[str, Any]:
        """Pieces by line id are refunded, and ``amount`` (minor units) or what they cost; all of it ends the order."""
        order = self.orders[order_id]
        lines, worth = [], 0
        for line in order["line_items"]:
            if count := pieces.get(line["id"], 0):
                total = cents(line["total"]) * count // line["quantity"]
                worth += total
                lines.append(self._refund_line(line, count, total))
        record = self._record_refund(order_id, worth if amount is None else amount, reason, lines, at)
        returned = sum(cents(r["amount"]) for r in self.refunds[order_id])
        if returned >= cents(order["total"]):
            order["status"] = "refunded"
        self.touch(order_id, at)
        return record

    def _refund_line(self, line: dict[str, Any], count: int, total: int) -> dict[str, Any]:
        keep = ("name", "product_id", "variation_id", "tax_class", "sku", "price")
        return {key: line[key] for key in keep} | {
            "id": self.next_id(),
            "quantity": -count,
            "subtotal": money(-total),
            "subtotal_tax": "0.00",
            "total": money(-total),
            "total_tax": "0.00",
            "taxes": [],
            "meta_data": [{"id": self.next_id(), "key": "_refunded_item_id", "value": str(line["id"])}],
        }

    def _record_refund(
        self, order_id: int, amount: int, reason: str, lines: list[dict[str, Any]], at: int
    ) -> dict[str, Any]:
        record: dict[str, Any] = {"id": self.next_id(), "parent_id": order_id}
        stamp(record, "date_created", at, self.zone)
        record |= {"amount": money(amount), "reason": reason, "refunded_by": 1, "refunded_payment": False}
        record |= {"meta_data": [], "line_items": lines, "shipping_lines": [], "tax_lines": [], "fee_lines": []}
        self.refunds.setdefault(order_id, []).append(record)
        summary = {"id": record["id"], "reason": reason, "total": money(-amount)}
        self.orders[order_id]["refunds"].append(summary)
        return record
