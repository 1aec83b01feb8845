"""A demo Medusa 2 store: the part of its Admin API that the connector speaks, with the habits of the real one.

Lines come in another sequence each time, pages move, payments change nothing that a poll would see, every step makes an
order one version older, and what was not asked for is not told. tests/connectors/medusa/test_real_store.py asks a real
store and this one the same questions.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
from aiohttp import web

from engine.demo.catalogue import LISTINGS
from engine.demo.channels.base import ChannelSim, Handler, Sale, SimParcel
from engine.domain.money import major

COUNTS = ("fulfilled", "shipped", "delivered", "return_requested", "return_received", "return_dismissed")


class _Refusal(Exception):  # what the store says no with
    def __init__(self, status: int, kind: str, message: str) -> None:
        super().__init__(message)
        self.status, self.kind = status, kind


class _Line(msgspec.Struct):
    id: str
    sku: str
    title: str
    price: int
    placed: int
    quantity: int
    fulfilled: int = 0
    shipped: int = 0


class _Fulfillment(msgspec.Struct):
    id: str
    pieces: dict[str, int]
    metadata: dict[str, Any] | None
    packed_at: datetime
    shipped_at: datetime | None = None
    labels: list[dict[str, str]] = msgspec.field(default_factory=list)


class _Edit(msgspec.Struct):
    id: str
    metadata: dict[str, Any] | None
    wanted: dict[str, int] = msgspec.field(default_factory=dict)


class _Order(msgspec.Struct):
    id: str
    number: int
    sale: Sale
    created_at: datetime
    updated_at: datetime
    lines: list[_Line]
    note: str
    stage: str = "pending"
    version: int = 1
    captured: int = 0
    refunded: int = 0
    fulfillments: list[_Fulfillment] = msgspec.field(default_factory=list)
    edit: _Edit | None = None

    def standing(self, placed: bool = False) -> list[_Line]:
        """The lines that are there: as the order was placed, or now, when one with no pieces left is gone."""
        return [line for line in self.lines if placed or line.quantity]

    def worth(self, placed: bool = False) -> int:
        return sum(line.price * (line.placed if placed else line.quantity) for line in self.lines)


class MedusaSim(ChannelSim):
    """See the module. What customers buy is charged at once, unless their sale says that it is not paid."""

    slug = "medusa"
    lists = True

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        self.secret_key = "sk_demo_" + "0" * 24
        self.location_id = "sloc_demo"
        self.orders: dict[str, _Order] = {}
        self._numbers = 0

    # --- what happens there

    def place(self, sale: Sale) -> str:
        """See ``ChannelSim``."""
        at = sale.placed_at or self.moment()
        number = len(self.orders) + 1
        lines = [
            _Line(self._id("ordli"), line.sku, line.title, line.unit_price, line.quantity, line.quantity)
            for line in sale.lines
        ]
        order = _Order(self._id("order"), number, sale, at, at, lines, sale.note)
        order.captured = order.worth() + sale.shipping if sale.paid else 0
        self.orders[order.id] = order
        return order.id

    def cancel(self, external_id: str) -> None:
        """See ``ChannelSim``."""
        order = self.orders[external_id]
        if order.stage == "canceled":
            raise _Refusal(400, "invalid_data", f"Order with id {order.id} has been canceled.")
        if order.fulfillments:
            raise _Refusal(400, "not_allowed", "All fulfillments must be canceled before canceling an order")
        order.stage, order.refunded = "canceled", order.captured
        self._changed(order)

    def refund(self, external_id: str, sku: str, quantity: int) -> None:
        """See ``ChannelSim``: the order is edited down, and the money goes back."""
        order = self.orders[external_id]
        line = next(line for line in order.lines if line.sku == sku)
        line.quantity -= quantity
        order.refunded += line.price * quantity if order.captured else 0
        self._changed(order)

    def capture(self, external_id: str) -> None:
        """The customer has paid. It is no change of the order in Medusa's eyes, so that no walk tells it."""
        order = self.orders[external_id]
        order.captured = order.worth() + order.sale.shipping

    def touch(self, external_id: str, *, note: str) -> None:
        """See ``ChannelSim``."""
        order = self.orders[external_id]
        order.note, order.updated_at = note, self.moment()

    def parcels(self, external_id: str) -> list[SimParcel]:
        """See ``ChannelSim``."""
        order = self.orders[external_id]
        skus = {line.id: line.sku for line in order.lines}
        return [
            SimParcel(
                ", ".join(label["tracking_number"] for label in one.labels),
                str((one.metadata or {}).get("carrier", "")),
                {skus[line]: quantity for line, quantity in one.pieces.items()},
            )
            for one in order.fulfillments
            if one.shipped_at
        ]

    def state(self, external_id: str) -> str:
        """See ``ChannelSim``."""
        order = self.orders[external_id]
        if order.stage == "canceled":
            return "canceled"
        if any(line.shipped for line in order.lines):
            over = all(line.shipped == line.quantity for line in order.lines)
            return "shipped" if over else "partially_shipped"
        return "open" if order.captured else "pending"

    def settings(self) -> dict[str, object]:
        """See ``ChannelSim``."""
        return {"url": self.url, "location_id": self.location_id}

    def secrets(self) -> dict[str, str]:
        """See ``ChannelSim``."""
        return {"secret_key": self.secret_key}

    def _id(self, kind: str) -> str:
        self._numbers += 1
        return f"{kind}_{self._numbers:026d}"

    def _changed(self, order: _Order) -> None:
        order.version += 1
        order.updated_at = self.moment()

    # --- the wire

    def denied(self) -> web.Response:
        """Medusa's 401."""
        return web.json_response({"message": "Unauthorized"}, status=401)

    def routes(self) -> list[tuple[str, str, str, Handler]]:
        """See ``ChannelSim``."""
        one, edit = "/admin/orders/{id}", "/admin/order-edits/{id}"
        made = [
            ("GET", "/admin/orders", "orders", self._list),
            ("GET", one, "order", self._one),
            ("GET", f"{one}/changes", "changes", self._changes),
            ("POST", f"{one}/cancel", "cancel", self._cancel),
            ("POST", f"{one}/fulfillments", "fulfill", self._fulfill),
            ("POST", one + "/fulfillments/{fulfillment}/shipments", "ship", self._ship),
            ("POST", "/admin/order-edits", "edit", self._begin),
            ("POST", edit + "/items/item/{line}", "edit_item", self._edit_item),
            ("POST", f"{edit}/confirm", "edit_confirm", self._confirm),
            ("DELETE", edit, "edit_drop", self._drop),
            ("GET", "/admin/stores", "stores", self._stores),
            ("GET", "/admin/product-variants", "listings", self._variants),
            ("GET", "/admin/stock-locations/{id}", "location", self._location),
        ]
        return [(method, path, operation, self._guarded(handler)) for method, path, operation, handler in made]

    def _guarded(self, handler: Handler) -> Handler:
        async def handle(request: web.Request) -> web.Response:
            pair = base64.b64encode(f"{self.secret_key}:".encode()).decode()
            if request.headers.get("Authorization") != f"Basic {pair}":
                return self.denied()
            try:
                return await handler(request)
            except _Refusal as no:
                return web.json_response({"type": no.kind, "message": str(no)}, status=no.status)

        return handle

    def _order(self, request: web.Request) -> _Order:
        order = self.orders.get(request.match_info["id"])
        if order is None:
            raise _Refusal(404, "not_found", f"Order id not found: {request.match_info['id']}")
        return order

    async def _list(self, request: web.Request) -> web.Response:
        query = request.query
        found = list(self.orders.values())
        self.rng.shuffle(found)  # equals have no sequence of their own
        if "id[]" in query:
            found = [order for order in found if order.id in query.getall("id[]")]
        if past := query.get("id[$gt]"):
            found = [order for order in found if order.id > past]
        for operator, holds in (("$gte", datetime.__ge__), ("$lt", datetime.__lt__)):
            if text := query.get(f"updated_at[{operator}]"):
                bound = datetime.fromisoformat(text)
                found = [order for order in found if holds(order.updated_at, bound)]
        by = query.get("order", "id")
        found.sort(key=lambda order: (getattr(order, by),))
        limit, offset = int(query.get("limit", "15")), int(query.get("offset", "0"))
        shown = [self._shown(order, query, "status", "version") for order in found[offset : offset + limit]]
        return web.json_response({"orders": shown, "count": len(found), "offset": offset, "limit": limit})

    async def _one(self, request: web.Request) -> web.Response:
        placed = request.query.get("version") == "1"
        told = self._shown(self._order(request), request.query, "status", "version", placed=placed)
        return web.json_response({"order": told})

    async def _changes(self, request: web.Request) -> web.Response:
        edit = self._order(request).edit
        open_ = [] if edit is None else [{"id": edit.id, "status": "pending", "metadata": edit.metadata}]
        return web.json_response({"order_changes": open_})

    async def _cancel(self, request: web.Request) -> web.Response:
        order = self._order(request)
        self.cancel(order.id)
        return web.json_response({"order": self._shown(order, request.query)})

    async def _fulfill(self, request: web.Request) -> web.Response:
        order, given = self._order(request), json.loads(await request.read())
        if order.stage == "canceled":
            raise _Refusal(400, "invalid_data", f"Order with id {order.id} has been canceled.")
        pieces = self._pieces(order, given)
        lines = {line.id: line for line in order.standing()}
        for line, quantity in pieces.items():
            if quantity > lines[line].quantity - lines[line].fulfilled:
                raise _Refusal(400, "invalid_data", f"Cannot fulfill more items than what was ordered for item {line}.")
        for line, quantity in pieces.items():
            lines[line].fulfilled += quantity
        order.fulfillments.append(_Fulfillment(self._id("ful"), pieces, given.get("metadata"), self.moment()))
        self._changed(order)
        return web.json_response({"order": self._shown(order, request.query)})

    def _pieces(self, order: _Order, given: Mapping[str, Any]) -> dict[str, int]:
        pieces = {item["id"]: int(item["quantity"]) for item in given["items"]}
        if strange := [key for key in pieces if key not in {line.id for line in order.standing()}]:
            said = f"Items with ids {', '.join(strange)} does not exist in order with id {order.id}."
            raise _Refusal(400, "invalid_data", said)
        return pieces

    async def _ship(self, request: web.Request) -> web.Response:
        order, given = self._order(request), json.loads(await request.read())
        one = next(x for x in order.fulfillments if x.id == request.match_info["fulfillment"])
        if one.shipped_at is not None:
            raise _Refusal(400, "not_allowed", "Shipment has already been created")
        one.shipped_at, one.labels = self.moment(), list(given.get("labels", []))
        for line in order.lines:  # Medusa ships the whole fulfillment, whatever the items say
            line.shipped += one.pieces.get(line.id, 0)
        self._changed(order)
        return web.json_response({"order": self._shown(order, request.query)})

    async def _begin(self, request: web.Request) -> web.Response:
        given = json.loads(await request.read())
        order = self.orders[given["order_id"]]
        if order.edit is not None:
            said = f"Order ({order.id}) already has an existing active order change"
            raise _Refusal(400, "invalid_data", said)
        order.edit = _Edit(self._id("ordch"), given.get("metadata"))
        return web.json_response({"order_change": {"id": order.edit.id, "order_id": order.id, "status": "pending"}})

    async def _edit_item(self, request: web.Request) -> web.Response:
        order, quantity = self._order(request), int(json.loads(await request.read())["quantity"])
        edit, key = self._open_edit(order), request.match_info["line"]
        line = next(line for line in order.lines if line.id == key)
        if quantity < line.fulfilled:
            said = f"Item {key} has already been fulfilled and quantity cannot be lower than {line.fulfilled}."
            raise _Refusal(400, "invalid_data", said)
        edit.wanted[key] = quantity
        return web.json_response({"order_preview": {"id": order.id}})

    async def _confirm(self, request: web.Request) -> web.Response:
        order = self._order(request)
        edit = self._open_edit(order)
        for line in order.lines:
            line.quantity = edit.wanted.get(line.id, line.quantity)
        order.edit = None
        self._changed(order)
        return web.json_response({"order_preview": {"id": order.id}})

    async def _drop(self, request: web.Request) -> web.Response:
        order = self._order(request)
        self._open_edit(order)
        order.edit = None
        return web.json_response({"id": order.id, "object": "order-edit", "deleted": True})

    def _open_edit(self, order: _Order) -> _Edit:
        if order.edit is None:
            raise _Refusal(400, "invalid_data", "An active Order Change is required to proceed")
        return order.edit

    async def _stores(self, request: web.Request) -> web.Response:
        return web.json_response({"stores": [{"name": "Demo Store"}], "count": 1, "offset": 0, "limit": 50})

    async def _variants(self, request: web.Request) -> web.Response:
        limit, offset = int(request.query.get("limit", "15")), int(request.query.get("offset", "0"))
        shown = [
            {"id": f"variant_{number:026d}", "sku": one.sku, "title": "One size", "barcode": None, "ean": None,
             "upc": None, "product": {"title": one.title, "status": "published"}}
            for number, one in enumerate(LISTINGS)
        ]  # fmt: skip
        page = {"count": len(shown), "offset": offset, "limit": limit}
        return web.json_response({"variants": shown[offset : offset + limit], **page})

    async def _location(self, request: web.Request) -> web.Response:
        if request.match_info["id"] != self.location_id:
            raise _Refusal(404, "not_found", f"Stock location with id: {request.match_info['id']} was not found")
        return web.json_response({"stock_location": {"id": self.location_id}})

    # --- an order as it is told

    def _shown(self, order: _Order, query: Mapping[str, str], *more: str, placed: bool = False) -> dict[str, Any]:
        """What was asked for, and ``more``. ``placed``: its lines as it was placed."""
        asked = {*query.get("fields", "id").split(","), *more}
        told: dict[str, Any] = {"id": order.id}
        told |= {name: value for name, value in self._plain(order).items() if name in asked}
        for name, relation in self._relations(order, placed, asked).items():
            if f"{name}.*" in asked:
                told[name] = relation
        return told

    def _plain(self, order: _Order) -> dict[str, Any]:
        return {
            "status": order.stage,
            "version": order.version,
            "display_id": order.number,
            "custom_display_id": None,
            "currency_code": order.sale.currency.lower(),
            "email": order.sale.email,
            "created_at": _told(order.created_at),
            "updated_at": _told(order.updated_at),
            "item_total": self._money(order, order.worth()),
            "shipping_total": self._money(order, order.sale.shipping),
            "tax_total": 0,
            "discount_total": 0,
            "metadata": {"note": order.note} if order.note else None,
        }

    def _relations(self, order: _Order, placed: bool, asked: set[str]) -> dict[str, Any]:
        lines = order.standing(placed)
        self.rng.shuffle(lines)
        return {
            "items": [self._item(order, line, placed, asked) for line in lines],
            "shipping_methods": [{"name": order.sale.rate, "amount": self._money(order, order.sale.shipping)}],
            "shipping_address": self._address(order.sale),
            "billing_address": self._address(order.sale),
            "payment_collections": [self._bill(order)],
            "fulfillments": [self._fulfillment(one, asked) for one in order.fulfillments],
        }

    def _item(self, order: _Order, line: _Line, placed: bool, asked: set[str]) -> dict[str, Any]:
        quantity = line.placed if placed else line.quantity
        told: dict[str, Any] = {
            "id": line.id, "title": line.title, "variant_sku": line.sku, "variant_title": None, "quantity": quantity,
            "unit_price": self._money(order, line.price), "requires_shipping": True,
        }  # fmt: skip
        if "items.detail.*" in asked:
            done = {} if placed else {"fulfilled": line.fulfilled, "shipped": line.shipped}
            told["detail"] = {"quantity": quantity} | {f"{name}_quantity": done.get(name, 0) for name in COUNTS}
        return told

    def _bill(self, order: _Order) -> dict[str, Any]:
        owed = order.worth(placed=True) + order.sale.shipping
        status = "canceled" if order.stage == "canceled" else "completed" if order.captured else "authorized"
        return {
            "status": status,
            "amount": self._money(order, owed),
            "authorized_amount": self._money(order, owed),
            "captured_amount": self._money(order, order.captured),
            "refunded_amount": self._money(order, order.refunded),
        }

    def _fulfillment(self, one: _Fulfillment, asked: set[str]) -> dict[str, Any]:
        told: dict[str, Any] = {
            "id": one.id, "packed_at": _told(one.packed_at), "shipped_at": one.shipped_at and _told(one.shipped_at),
            "delivered_at": None, "canceled_at": None, "metadata": one.metadata,
        }  # fmt: skip
        return told | ({"labels": one.labels} if "fulfillments.labels.*" in asked else {})

    def _money(self, order: _Order, amount: int) -> int | float:
        value = major(amount, order.sale.currency)
        return int(value) if value == int(value) else float(value)

    def _address(self, sale: Sale) -> dict[str, Any]:
        at = sale.ship_to
        first, _, last = at.name.partition(" ")
        return {
            "first_name": first, "last_name": last, "company": at.company or None, "address_1": at.line1,
            "address_2": at.line2 or None, "city": at.city, "province": at.region or None,
            "postal_code": at.postal_code or None, "country_code": at.country.lower(), "phone": at.phone or None,
        }  # fmt: skip


def _told(moment: datetime) -> str:
    """Medusa keeps microseconds and tells milliseconds."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
