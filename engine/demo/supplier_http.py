"""A supplier to practise on: a JSON API over real HTTP, with a ledger of what arrived and faults on request.

Run it by itself with ``python -m engine.demo.supplier_http --port 0``; it prints one JSON line with its url and key.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hashlib
import hmac
import os
import secrets
import signal
import time
from pathlib import Path

import aiohttp
import msgspec
from aiohttp import web

from engine import loops
from engine.demo.supplier_desk import Behaviour, SupplierDesk, encode, error
from engine.demo.supplier_faults import Fault, FaultPlan, Faults, Route, Work


class Stock(msgspec.Struct, frozen=True):
    """What ``POST /demo/stock`` takes: pieces, and the cost in major units of USD as text."""

    sku: str
    quantity: int
    unit_cost: str | None = None


class DemoHttpSupplier(SupplierDesk):
    """A desk that answers HTTP on 127.0.0.1 between ``start`` and ``stop`` (or inside ``async with``).

    ``POST /orders``, ``GET /orders/{po}``, ``POST /orders/{po}/cancel`` and ``GET /updates?cursor&limit`` want the key,
    as a bearer token or X-API-Key. ``/demo/…`` is for whoever runs the demo and wants none. With ``callback_url`` each
    update is also posted there, signed with ``callback_secret``: X-Signature is the hex HMAC-SHA256 of X-Timestamp, a
    dot and the body.
    """

    def __init__(
        self,
        behaviour: Behaviour | None = None,
        *,
        api_key: str | None = None,
        faults: FaultPlan | None = None,
        ledger_path: Path | None = None,
        callback_url: str = "",
        callback_secret: str = "",
    ) -> None:
        super().__init__(behaviour, ledger_path)
        self.api_key = api_key or secrets.token_hex(16)
        self.faults = Faults(faults)
        self.requests = 0
        self.url = ""
        self._accepted_keys = (f"Bearer {self.api_key}", self.api_key)
        self._callback_url = callback_url
        self._callback_secret = callback_secret.encode()
        self._outgoing: asyncio.Queue[bytes] = asyncio.Queue()
        self._tasks: list[asyncio.Task[None]] = []
        self._runner: web.AppRunner | None = None
        self._port = 0

    async def start(self, port: int = 0) -> str:
        """Listening and at work; returns the address."""
        self.open_ledger()
        app = web.Application(client_max_size=16 * 1024 * 1024)
        app.router.add_post("/orders", self._submit)
        app.router.add_get("/updates", self._list_updates)
        app.router.add_get("/orders/{po_number}", self._find)
        app.router.add_post("/orders/{po_number}/cancel", self._cancel)
        app.router.add_get("/demo/ledger", self._demo_ledger)
        app.router.add_get("/demo/state", self._demo_state)
        app.router.add_post("/demo/faults", self._demo_faults)
        app.router.add_post("/demo/stock", self._demo_stock)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.05)
        await self._runner.setup()
        self._port = port
        await self.listen()
        self._tasks = [asyncio.create_task(self.tick())]
        if self._callback_url:
            self._tasks.append(asyncio.create_task(self._call_back()))
        return self.url

    async def listen(self) -> None:
        """Connections are taken, on the same port as before."""
        assert self._runner is not None
        await web.TCPSite(self._runner, "127.0.0.1", self._port, backlog=1024).start()
        self._port = self._runner.addresses[0][1]
        self.url = f"http://127.0.0.1:{self._port}"

    async def refuse_connections(self) -> None:
        """Connections are refused until ``listen``, and the open ones are closed."""
        assert self._runner is not None
        assert self._runner.server is not None
        for site in list(self._runner.sites):
            await site.stop()
        for connection in list(self._runner.server.connections):
            connection.force_close()

    async def stop(self) -> None:
        """Nothing listens, nothing runs, the ledger is closed."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._runner is not None:
            await self._runner.cleanup()
        self.close_ledger()

    async def __aenter__(self) -> DemoHttpSupplier:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    # --- the API ------------------------------------------------------------------------------------------------------

    async def _answer(self, request: web.Request, route: Route, work: Work) -> web.StreamResponse:
        self.requests += 1
        sent = request.headers.get("Authorization") or request.headers.get("X-API-Key", "")
        if sent not in self._accepted_keys:
            return _json(401, error("the key is not ours", "unauthorised"))
        fault = self.faults.draw(route)
        if fault is not Fault.NONE:
            return await self.faults.serve(request, fault, work)
        return _json(*work(fault))

    async def _submit(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        key = request.headers.get("Idempotency-Key", "")
        return await self._answer(request, Route.SUBMIT, lambda _: self.accept(body, key))

    async def _find(self, request: web.Request) -> web.StreamResponse:
        po_number = request.match_info["po_number"]
        return await self._answer(request, Route.FIND, lambda _: self.show(po_number))

    async def _cancel(self, request: web.Request) -> web.StreamResponse:
        po_number = request.match_info["po_number"]
        return await self._answer(request, Route.CANCEL, lambda _: self.cancel(po_number))

    async def _list_updates(self, request: web.Request) -> web.StreamResponse:
        try:
            start = max(0, int(request.query.get("cursor", "0")))
            limit = max(1, min(1000, int(request.query.get("limit", "200"))))
        except ValueError:
            return _json(400, error("cursor and limit are numbers", "malformed"))
        return await self._answer(request, Route.UPDATES, lambda fault: self._page(start, limit, fault))

    def _page(self, start: int, limit: int, fault: Fault) -> tuple[int, bytes]:
        """Updates are numbered from 1 in the order they were made; the cursor is the number of the last one read."""
        items = self.updates[start : start + limit]
        following = start + len(items)
        if fault is Fault.DUPLICATE:  # some again that were read before, and some twice in this page
            items = self.updates[max(0, start - 5) : start] + items + items[:5]
        if fault is Fault.REORDER:
            items = self.faults.rng.sample(items, len(items))
        return 200, b'{"updates":[' + b",".join(items) + b'],"next":"%d"}' % following

    # --- callbacks ----------------------------------------------------------------------------------------------------

    def told(self, body: bytes) -> None:
        """The update is on its way to the callback address, where there is one."""
        if self._callback_url:
            self._outgoing.put_nowait(body)

    async def _call_back(self) -> None:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session:
            while True:
                body = await self._outgoing.get()
                for pause in (0.1, 0.5, 2.0):
                    stamp = str(int(time.time()))
                    signature = hmac.new(self._callback_secret, stamp.encode() + b"." + body, hashlib.sha256)
                    headers = {
                        "X-Timestamp": stamp,
                        "X-Signature": signature.hexdigest(),
                        "Content-Type": "application/json",
                    }
                    with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                        async with session.post(self._callback_url, data=body, headers=headers) as response:
                            if response.status < 300:
                                break
                    await asyncio.sleep(pause)  # after three tries it is left to the next poll

    # --- for whoever runs the demo ------------------------------------------------------------------------------------

    async def _demo_ledger(self, _: web.Request) -> web.Response:
        return _json(200, encode(self.ledger))

    async def _demo_state(self, _: web.Request) -> web.Response:
        return _json(200, encode({**self.state, "requests": self.requests, "faults": self.faults.counts}))

    async def _demo_faults(self, request: web.Request) -> web.Response:
        try:
            self.faults.use(msgspec.json.decode(await request.read(), type=FaultPlan))
        except msgspec.DecodeError as problem:
            return _json(422, error(str(problem), "malformed"))
        return _json(200, encode(self.faults.plan))

    async def _demo_stock(self, request: web.Request) -> web.Response:
        try:
            items = msgspec.json.decode(await request.read(), type=list[Stock])
        except msgspec.DecodeError as problem:
            return _json(422, error(str(problem), "malformed"))
        self.set_stock((item.sku, item.quantity, item.unit_cost) for item in items)
        return _json(200, encode(self.stock))


def _json(status: int, body: bytes) -> web.Response:
    return web.Response(status=status, body=body, content_type="application/json")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m engine.demo.supplier_http", description="A supplier to practise on."
    )
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--api-key", help="made up when not given")
    parser.add_argument("--faults", default="{}", help="a FaultPlan as JSON")
    parser.add_argument("--behaviour", default="{}", help="a Behaviour as JSON")
    parser.add_argument("--ship-after", type=float, help="seconds from the acknowledgement to the parcel")
    parser.add_argument("--ledger", type=Path, help="append every receipt to this file")
    parser.add_argument("--callback-url", default="", help="the secret comes from DEMO_CALLBACK_SECRET")
    return parser.parse_args()


async def _run(options: argparse.Namespace) -> None:
    behaviour = msgspec.json.decode(options.behaviour, type=Behaviour)
    if options.ship_after is not None:
        behaviour = msgspec.structs.replace(behaviour, ship_after=options.ship_after)
    supplier = DemoHttpSupplier(
        behaviour,
        api_key=options.api_key,
        faults=msgspec.json.decode(options.faults, type=FaultPlan),
        ledger_path=options.ledger,
        callback_url=options.callback_url,
        callback_secret=os.environ.get("DEMO_CALLBACK_SECRET", ""),
    )
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):  # Windows
            asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    url = await supplier.start(options.port)
    print(encode({"url": url, "api_key": supplier.api_key}).decode(), flush=True)
    await stopped.wait()
    await supplier.stop()


def main() -> None:
    """Runs until SIGTERM or ctrl-c, on uvloop where there is one."""
    with asyncio.Runner(loop_factory=loops.quickest()) as runner:
        runner.run(_run(_arguments()))


if __name__ == "__main__":
    main()
