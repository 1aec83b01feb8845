"""The demo store's REST routes: what each request answers, apart from credentials and faults."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from engine.demo.catalogue import LISTINGS
from engine.demo.store_book import STATUSES, Book, Query
from engine.demo.store_faults import StoreRoute
from engine.demo.store_orders import PRODUCT_IDS, cents, money

ROOT = "/wp-json/wc/v3/"
_ORDERINGS = {"date", "id", "include", "title", "slug", "modified"}
_BATCH_LIMIT = 100
_READ_ONLY = {"id", "number", "date_modified", "date_modified_gmt", "refunds", "total", "currency_symbol"}


class ApiError(Exception):
    """An error the API answers: HTTP status, WooCommerce's code, a sentence, and which parameter was wrong."""

    def __init__(self, status: int, code: str, message: str, params: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.params = status, code, message, params


def error_body(problem: ApiError) -> bytes:
    """The JSON WordPress writes for an error."""
    data: dict[str, Any] = {"status": problem.status}
    if problem.params:
        data["params"] = problem.params
    return msgspec.json.encode({"code": problem.code, "message": problem.message, "data": data})


class Reply(msgspec.Struct):
    """What the API answers."""

    status: int
    body: bytes
    headers: dict[str, str] | None = None


class _Meta(msgspec.Struct):
    key: str
    value: Any = None
    id: int | None = None


class _Batch(msgspec.Struct):
    update: list[dict[str, Any]] = []
    create: list[Any] = []
    delete: list[Any] = []


class _Note(msgspec.Struct):
    note: str
    customer_note: bool = False


class _RefundLine(msgspec.Struct):
    id: int
    quantity: int = 0


class _Refund(msgspec.Struct):
    amount: str | None = None
    reason: str = ""
    line_items: list[_RefundLine] = []


class Api:
    """The routes over a book of orders."""

    def __init__(self, book: Book) -> None:
        self.book = book

    def route(self, method: str, path: str) -> tuple[StoreRoute, int]:
        """Which route a request is for, and the order it names (0 for none). Raises ApiError."""
        parts = path[len(ROOT) :].strip("/").split("/")
        if parts[0] in {"products", "system_status"} and method == "GET" and len(parts) == 1:
            return (StoreRoute.PRODUCTS if parts[0] == "products" else StoreRoute.OTHER), 0
        if parts == ["orders"] and method == "GET":
            return StoreRoute.LIST, 0
        if parts == ["orders", "batch"] and method in {"POST", "PUT", "PATCH"}:
            return StoreRoute.BATCH, 0
        found = {
            ("GET", ""): StoreRoute.GET,
            ("PUT", ""): StoreRoute.PUT,
            ("POST", ""): StoreRoute.PUT,
            ("GET", "notes"): StoreRoute.NOTES,
            ("POST", "notes"): StoreRoute.NOTE,
            ("GET", "refunds"): StoreRoute.REFUNDS,
            ("POST", "refunds"): StoreRoute.REFUND,
        }.get((method, "/".join(parts[2:])))
        if found is None or parts[0] != "orders" or not parts[1].isdecimal():
            raise ApiError(404, "rest_no_route", "No route was found matching the URL and request method.")
        order_id = int(parts[1])
        if order_id not in self.book.orders:
            code = "woocommerce_rest_shop_order_invalid_id" if len(parts) == 2 else "woocommerce_rest_order_invalid_id"
            raise ApiError(404, code, "Invalid ID." if len(parts) == 2 else "Invalid order ID.")
        return found, order_id

    def do(self, route: StoreRoute, order_id: int, query: Mapping[str, str], body: bytes, now: int) -> Reply:
        """The answer; a change is stored when this returns. Raises ApiError."""
        match route:
            case StoreRoute.LIST:
                return self._list(query)
            case StoreRoute.GET:
                return Reply(200, self._fields(order_id, query))
            case StoreRoute.PUT:
                self._update(order_id, msgspec.json.decode(body, type=dict[str, Any]), now)
                return Reply(200, self._fields(order_id, query))
            case StoreRoute.BATCH:
                return self._batch(body, now)
            case StoreRoute.NOTES:
                return self._notes(order_id, query)
            case StoreRoute.NOTE:
                given = msgspec.json.decode(body, type=_Note)
                return _ok(self.book.add_note(order_id, given.note, given.customer_note, now), 201)
            case StoreRoute.REFUNDS:
                return _paged(self.book.refunds.get(order_id, [])[::-1], query)
            case StoreRoute.REFUND:
                return self._refund(order_id, body, now)
            case StoreRoute.PRODUCTS:
                return _paged(_products(query.get("sku", "")), query)
            case _:
                return _ok({"environment": {"version": "10.3.0", "wp_version": "6.8"}})

    # --- reading -----------------------------------------------------------------------------------------------------

    def _list(self, query: Mapping[str, str]) -> Reply:
        page, size = _paging(query)
        statuses = _words(query.get("status", "any"))
        unknown = [status for status in statuses if status not in {*STATUSES, "any"}]
        if unknown:
            raise _invalid("status", f"status[0] is not one of {', '.join(('any', *STATUSES))}.")
        wanted = Query(
            page=page,
            per_page=size,
            include=tuple(_number(word, "include") for word in _words(query.get("include", ""))),
            statuses=frozenset() if "any" in statuses else frozenset(statuses),
            modified_after=self._moment(query, "modified_after"),
            modified_before=self._moment(query, "modified_before"),
            orderby=_choice(query, "orderby", _ORDERINGS, "date"),
            descending=_choice(query, "order", {"asc", "desc"}, "desc") == "desc",
        )
        ids, total = self.book.find(wanted)
        if page > 1 and page > _pages(total, size) and total:
            ids = []
        body = b"[" + b",".join(self._fields(order_id, query) for order_id in ids) + b"]"
        return Reply(200, body, _page_headers(total, size))

    def _moment(self, query: Mapping[str, str], name: str) -> int | None:
        text = query.get(name)
        if not text:
            return None
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            raise _invalid(name, "Invalid date.") from None
        if moment.tzinfo is not None:
            return int(moment.timestamp())
        shift = 0 if query.get("dates_are_gmt") in {"true", "1"} else self.book.zone * 3600
        return int(moment.replace(tzinfo=UTC).timestamp()) - shift

    def _fields(self, order_id: int, query: Mapping[str, str]) -> bytes:
        names = query.get("_fields")
        if not names:
            return self.book.json(order_id)
        order = self.book.orders[order_id]
        return msgspec.json.encode({name: order[name] for name in _words(names) if name in order})

    def _notes(self, order_id: int, query: Mapping[str, str]) -> Reply:
        kind = _choice(query, "type", {"any", "customer", "internal"}, "any")
        notes = self.book.notes.get(order_id, [])[::-1]
        return _ok([note for note in notes if kind == "any" or note["customer_note"] == (kind == "customer")])

    # --- changing ----------------------------------------------------------------------------------------------------

    def _batch(self, body: bytes, now: int) -> Reply:
        given = msgspec.json.decode(body, type=_Batch)
        if len(given.update) + len(given.create) + len(given.delete) > _BATCH_LIMIT:
            what = f"Unable to accept more than {_BATCH_LIMIT} items for this request."
            raise ApiError(413, "woocommerce_rest_request_entity_too_large", what)
        if given.create or given.delete:
            raise ApiError(400, "demo_only_updates", "The demo store's batches update orders and do nothing else.")
        done = [self._update_in_batch(item, now) for item in given.update]
        # PHP writes an empty answer as a list.
        return Reply(200, b'{"update":[' + b",".join(done) + b"]}" if done else b"[]")

    def _update_in_batch(self, item: dict[str, Any], now: int) -> bytes:
        order_id = item.get("id")
        if not isinstance(order_id, int) or order_id not in self.book.orders:
            problem = ApiError(400, "woocommerce_rest_shop_order_invalid_id", "Invalid ID.")  # 404 outside a batch
        else:
            try:
                self._update(order_id, item, now)
                return self.book.json(order_id)
            except ApiError as error:
                problem = error
        return msgspec.json.encode({"id": order_id, "error": msgspec.Raw(error_body(problem))})

    def _update(self, order_id: int, given: dict[str, Any], now: int) -> None:
        status = given.pop("status", None)
        if status is not None and status not in STATUSES:
            raise _invalid("status", f"status is not one of {', '.join(STATUSES)}.")
        metas = msgspec.convert(given.pop("meta_data", []), list[_Meta])
        order = self.book.orders[order_id]
        for name, value in given.items():
            if name in _READ_ONLY or name not in order:
                continue
            order[name] = order[name] | value if isinstance(value, dict) else value
        for meta in metas:
            self.book.set_meta(order_id, meta.key, meta.value, meta.id)
        if status is not None:
            self.book.set_status(order_id, status, now)
        self.book.touch(order_id, now)

    def _refund(self, order_id: int, body: bytes, now: int) -> Reply:
        given = msgspec.json.decode(body, type=_Refund)
        order = self.book.orders[order_id]
        amount = None if given.amount is None else cents(f"{float(given.amount):.2f}")
        returned = sum(cents(refund["amount"]) for refund in self.book.refunds.get(order_id, ()))
        if amount is not None and not 0 <= amount <= cents(order["total"]) - returned:
            raise ApiError(400, "woocommerce_rest_cannot_create_order_refund", "Invalid refund amount.")
        pieces = {line.id: line.quantity for line in given.line_items}
        return _ok(self.book.refund(order_id, pieces, amount, given.reason, now), 201)


def _ok(value: Any, status: int = 200) -> Reply:
    return Reply(status, msgspec.json.encode(value))


def _paged(items: list[dict[str, Any]], query: Mapping[str, str]) -> Reply:
    page, size = _paging(query)
    body = msgspec.json.encode(items[(page - 1) * size : page * size])
    return Reply(200, body, _page_headers(len(items), size))


def _pages(total: int, size: int) -> int:
    return -(-total // size)


def _page_headers(total: int, size: int) -> dict[str, str]:
    return {"X-WP-Total": str(total), "X-WP-TotalPages": str(_pages(total, size))}


def _paging(query: Mapping[str, str]) -> tuple[int, int]:
    page, size = _number(query.get("page", "1"), "page"), _number(query.get("per_page", "10"), "per_page")
    if page < 1:
        raise _invalid("page", "page must be greater than or equal to 1")
    if not 1 <= size <= 100:
        raise _invalid("per_page", "per_page must be between 1 (inclusive) and 100 (inclusive)")
    return page, size


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _number(text: str, name: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise _invalid(name, f"{name} is not of type integer.") from None


def _choice(query: Mapping[str, str], name: str, allowed: set[str], default: str) -> str:
    value = query.get(name, default)
    if value not in allowed:
        raise _invalid(name, f"{name} is not one of {', '.join(sorted(allowed))}.")
    return value


def _invalid(name: str, why: str) -> ApiError:
    return ApiError(400, "rest_invalid_param", f"Invalid parameter(s): {name}", {name: why})


def _products(sku: str) -> list[dict[str, Any]]:
    return [
        {
            "id": PRODUCT_IDS[listing.sku],
            "name": listing.title,
            "type": "simple",
            "status": "publish",
            "sku": listing.sku,
            "price": money(listing.price),
            "regular_price": money(listing.price),
            "manage_stock": False,
            "stock_status": "instock",
        }
        for listing in LISTINGS
        if not sku or listing.sku in _words(sku)
    ]
