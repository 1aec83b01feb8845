"""A demo store that speaks the part of the WooCommerce REST API v3 Bluebook uses, with faults on request.

``python -m engine.demo.store --orders 50 --seed 7`` prints one line of JSON with its address and credentials and serves
until it is stopped. ``/demo/`` is for tests and benchmarks in other processes and needs no credentials.
 Source: https://woocommerce.github.io/woocommerce-rest-api-docs/
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec
from aiohttp import web

from engine import clock, loops
from engine.demo import store_orders
from engine.demo.catalogue import BY_SKU, CURRENCY, LISTINGS
from engine.demo.store_api import ROOT, Api, ApiError, error_body
from engine.demo.store_auth import Guard
from engine.demo.store_book import Book
from engine.demo.store_faults import StoreFault, StoreFaultPlan, StoreFaults, StoreRoute

KEY = "ck_demo00000000000000000000000000000000bluebook"
SECRET = "cs_demo00000000000000000000000000000000bluebook"  # noqa: S105  opens nothing but this demo
TRACKING_META = "_wc_shipment_tracking_items"


class _PlaceRequest(msgspec.Struct):
    n: int = 1
    seed: int | None = None
    skus: list[str] | None = None
    status: str = "processing"
    spread: float = 0.0
    trouble: float = 0.0


class _OrderRequest(msgspec.Struct):
    id: int
    pieces: dict[int, int] = {}
    amount: int | None = None


class DemoStore:
    """The store: ``start`` serves it on loopback; orders are placed from Python or through ``/demo/place``.

    ``orders``, ``notes`` and ``refunds`` are by order id, ``tracking`` by order number; ``requests`` counts by route.
    """

    def __init__(
        self, *, seed: int = 0, key: str = KEY, secret: str = SECRET, currency: str = CURRENCY, zone: int = 1
    ) -> None:
        self.key, self.secret, self.currency = key, secret, currency
        self.rng = random.Random(seed)  # noqa: S311  repeatable, not secret
        self.book = Book(zone)
        self.faults = StoreFaults()
        self.requests: Counter[str] = Counter()
        self.url = ""
        self._guard = Guard(key, secret)
        self._api = Api(self.book)
        self._runner: web.ServerRunner | None = None
        self._leaving = asyncio.Event()

    # --- running -----------------------------------------------------------------------------------------------------

    async def start(self, port: int = 0) -> str:
        """The store answers on loopback; returns its address."""
        self._leaving.clear()
        self._runner = runner = web.ServerRunner(web.Server(self.serve, access_log=None), shutdown_timeout=1.0)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        return self.url

    async def stop(self) -> None:
        """The store no longer answers; its orders stay, and ``start`` opens it again."""
        self._leaving.set()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    # --- what customers and clerks do --------------------------------------------------------------------------------

    def place(
        self,
        n: int = 1,
        *,
        rng: random.Random | None = None,
        skus: Sequence[str] | None = None,
        status: str = "processing",
        spread: float = 0.0,
        trouble: float = 0.0,
    ) -> list[int]:
        """``n`` orders are placed, evenly over the last ``spread`` seconds; returns their ids.

        ``skus`` limits what is bought; ``trouble`` is the share of orders that a person will have to resolve.
        """
        rng = rng or self.rng
        listings = [BY_SKU[sku] for sku in skus] if skus else LISTINGS
        end, placed = self.now(), []
        for i in range(n):
            at = end - int(spread * (n - 1 - i) / n)
            order_id = self.book.next_id()
            order = store_orders.make(
                rng, order_id, at, listings, currency=self.currency, zone=self.book.zone, status=status
            )
            if rng.random() < trouble:
                store_orders.spoil(order, rng.choice(store_orders.TROUBLES))
            self.book.add(order, at)
            placed.append(order_id)
        return placed

    def change(self, order_id: int, **fields: Any) -> None:
        """Fields of the order are as given and it counts as modified now (``billing`` and ``shipping`` are merged)."""
        for name, value in fields.items():
            if isinstance(value, dict):
                self.orders[order_id][name] |= value
            else:
                self.orders[order_id][name] = value
        self.book.touch(order_id, self.now())

    def set_status(self, order_id: int, status: str) -> None:
        """The order has this status, as a clerk would set it."""
        self.book.set_status(order_id, status, self.now())
        self.book.touch(order_id, self.now())

    def cancel(self, order_id: int) -> None:
        """The order is cancelled."""
        self.set_status(order_id, "cancelled")

    def refund(self, order_id: int, pieces: dict[int, int] | None = None, amount: int | None = None) -> int:
        """Pieces by line id are refunded (all that is left when neither is given); returns the refund's id."""
        if pieces is None and amount is None:
            pieces = {line["id"]: line["quantity"] for line in self.orders[order_id]["line_items"]}
            amount = store_orders.cents(self.orders[order_id]["total"])
        record = self.book.refund(order_id, pieces or {}, amount, "", self.now())
        return int(record["id"])

    # --- what can be asserted ----------------------------------------------------------------------------------------

    @property
    def orders(self) -> dict[int, dict[str, Any]]:
        """All orders as the API shows them, by id."""
        return self.book.orders

    @property
    def notes(self) -> dict[int, list[dict[str, Any]]]:
        """The notes by order id."""
        return self.book.notes

    @property
    def tracking(self) -> dict[str, list[dict[str, Any]]]:
        """The tracking entries by order number; orders without any are missing."""
        found = {}
        for order in self.orders.values():
            for entry in order["meta_data"]:
                if entry["key"] == TRACKING_META and entry["value"]:
                    found[order["number"]] = entry["value"]
        return found

    def state(self) -> dict[str, Any]:
        """What ``/demo/state`` answers: counts, tracking by order number, requests and faults so far."""
        return {
            "orders": len(self.orders),
            "by_status": Counter(order["status"] for order in self.orders.values()),
            "customer_notes": sum(note["customer_note"] for notes in self.notes.values() for note in notes),
            "tracking": self.tracking,
            "requests": self.requests,
            "faults": self.faults.counts,
        }

    # --- serving -----------------------------------------------------------------------------------------------------

    def now(self) -> int:
        """What time it is there, in seconds."""
        return clock.micros(clock.now()) // 1_000_000

    async def serve(self, request: web.BaseRequest) -> web.StreamResponse:
        """The answer to any request."""
        body = await request.read()
        try:
            if request.path.startswith("/demo/"):
                return _json(200, msgspec.json.encode(self._control(request, body)))
            if request.path.rstrip("/") == "/wp-json":
                site = {"name": "Blue Door Living (demo)", "url": self.url, "home": self.url}
                return _json(200, msgspec.json.encode(site))
            self._admit(request)
            route, order_id = self._api.route(request.method, request.path)
            self.requests[route.value] += 1
            return await self._answer(request, route, order_id, body)
        except ApiError as problem:
            return _json(problem.status, error_body(problem))
        except (msgspec.DecodeError, KeyError, ValueError) as error:
            return _json(400, error_body(ApiError(400, "rest_invalid_json", f"Invalid JSON body passed: {error}")))

    def _admit(self, request: web.BaseRequest) -> None:
        if not request.path.startswith(ROOT):
            raise ApiError(404, "rest_no_route", "No route was found matching the URL and request method.")
        if why := self._guard.denial(request, f"http://{request.host}"):
            raise ApiError(401, *why)

    async def _answer(
        self, request: web.BaseRequest, route: StoreRoute, order_id: int, body: bytes
    ) -> web.StreamResponse:
        fault = self.faults.draw(route)
        if fault is StoreFault.THROTTLE:
            wait = {"Retry-After": str(self.faults.plan.retry_after)}
            return _json(429, error_body(ApiError(429, "too_many_requests", "Slow down.")), wait)
        critical = ApiError(500, "internal_server_error", "There has been a critical error on this website.")
        if fault is StoreFault.ERROR_BEFORE:
            raise critical
        answer = self._api.do(route, order_id, request.query, body, self.now())
        if fault is StoreFault.ERROR_AFTER:
            raise critical
        if fault is StoreFault.DROP_AFTER and request.transport is not None:
            request.transport.close()
        if fault is StoreFault.LATE:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self.faults.plan.late):
                    await self._leaving.wait()
        return _json(answer.status, _damaged(answer.body, fault), answer.headers)

    def _control(self, request: web.BaseRequest, body: bytes) -> Any:
        match (request.method, request.path):
            case ("GET", "/demo/state"):
                return self.state()
            case ("POST", "/demo/place"):
                want = msgspec.json.decode(body or b"{}", type=_PlaceRequest)
                rng = None if want.seed is None else random.Random(want.seed)  # noqa: S311  repeatable, not secret
                ids = self.place(
                    want.n, rng=rng, skus=want.skus, status=want.status, spread=want.spread, trouble=want.trouble
                )
                return {"ids": ids}
            case ("POST", "/demo/cancel"):
                self.cancel(msgspec.json.decode(body, type=_OrderRequest).id)
                return {}
            case ("POST", "/demo/refund"):
                order = msgspec.json.decode(body, type=_OrderRequest)
                return {"refund": self.refund(order.id, order.pieces or None, order.amount)}
            case ("POST", "/demo/faults"):
                self.faults.use(msgspec.json.decode(body, type=StoreFaultPlan))
                return {}
        raise ApiError(404, "demo_no_route", f"The demo store has no {request.method} {request.path}.")


def _json(status: int, body: bytes, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(status=status, body=body, headers=headers, content_type="application/json", charset="UTF-8")


def _damaged(body: bytes, fault: StoreFault) -> bytes:
    if fault is StoreFault.TRUNCATE:
        return body[: len(body) // 2]
    if fault not in {StoreFault.DUPLICATE, StoreFault.MALFORMED, StoreFault.NOT_AN_ORDER}:
        return body
    items = msgspec.json.decode(body)
    if fault is StoreFault.DUPLICATE:
        items += items[:1]
    elif items and fault is StoreFault.MALFORMED:
        items[0]["billing"] = []
    elif items:
        items[0] = None
    return msgspec.json.encode(items)


async def _main() -> None:
    parser = argparse.ArgumentParser(prog="python -m engine.demo.store", description="A demo WooCommerce store.")
    parser.add_argument("--port", type=int, default=0, help="default: a free one")
    parser.add_argument("--orders", type=int, default=0, help="how many orders it has at first")
    parser.add_argument("--seed", type=int, default=0, help="the same seed gives the same orders")
    parser.add_argument("--spread", type=float, default=86_400.0, help="seconds over which they were placed")
    parser.add_argument("--trouble", type=float, default=0.0, help="share of orders that need a person (0 to 1)")
    given = parser.parse_args()
    store = DemoStore(seed=given.seed)
    store.place(given.orders, spread=given.spread, trouble=given.trouble)
    url = await store.start(given.port)
    line = {"url": url, "consumer_key": store.key, "consumer_secret": store.secret, "orders": given.orders}
    print(msgspec.json.encode(line).decode(), flush=True)
    try:
        await asyncio.Event().wait()
    finally:
        await store.stop()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt), asyncio.Runner(loop_factory=loops.quickest()) as runner:
        runner.run(_main())
