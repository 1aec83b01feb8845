"""A poll of many orders by each connector, from the first request to orders that are checked, routed and ready.

Each demo channel is a process of its own (``python -m tests.bench.polls KIND ORDERS``) that keeps its vendor's limits, so what a
channel lets itself be asked can take longer than the work. The ratio is therefore one of CPU: the floor asks the same
requests by plain aiohttp, decodes the answers, and inserts them with sqlite3. Vendure has no demo channel.
"""

from __future__ import annotations

import asyncio
import contextlib
import csv
import random
import sqlite3
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from engine import clock, db
from engine.demo import catalogue, stall
from engine.demo.shop import Connection, furnish
from engine.errors import TryLater
from engine.services import catalog, intake, schema
from engine.services.lifecycle import Actor
from engine.transports.http import HttpClient
from tests.bench.pipeline import resident, start, stop

BY = Actor("bench", "person")
KINDS = (*stall.kinds(), "file")
POLLS = 50
"""So many polls at most, where a channel lets itself be asked too seldom for all of it at once."""

_Asked = tuple[HttpClient, str, Any, dict[str, Any]]


def run(home: Path, orders: int, kinds: Sequence[str] = KINDS) -> dict[str, Any]:
    """By connector: seconds, orders a second, CPU an order with its floor, and memory in MB before and at most."""
    # What is loaded once a process (postal codes, currencies) is nobody's.
    asyncio.run(_run("file", home / "first", 10))
    return {kind: asyncio.run(_run(kind, home / kind, orders)) for kind in kinds}


async def _run(kind: str, home: Path, orders: int) -> dict[str, Any]:
    home.mkdir(parents=True)
    with _channel(kind, home, orders) as connection:
        suppliers = {code: Connection("rest", {"base_url": "http://127.0.0.1:1", "api_key": "k"})
                     for code in ("ACME", "NOVA")}  # fmt: skip
        async with db.database(f"sqlite://{home}/polls.db"):
            await schema.upgrade()
            shop = await furnish(connection, suppliers, BY)
            asked: list[_Asked] = []
            cpu, began = time.process_time(), time.perf_counter()
            async with _memory() as memory, _listening(asked):
                polls = await _polled(shop.channel_id)
            took, cpu = time.perf_counter() - began, time.process_time() - cpu
            found = await db.row("SELECT COUNT(*), COUNT(DISTINCT external_id) FROM orders")
            if found is None or tuple(found) != (orders, orders):
                raise RuntimeError(f"{kind}: orders and ids are {found and tuple(found)}, not {orders}")
            floor = await _floor(home / "floor.sqlite3", asked) if asked else await _copied(home)
            await catalog.close_connectors()
    return {
        "orders": orders, "requests": len(asked), "polls": polls, "seconds": took, "orders_per_s": orders / took,
        "cpu_ms_per_order": cpu * 1000 / orders, "floor_cpu_ms_per_order": floor * 1000 / orders, "ratio": floor / cpu,
        "memory_before_mb": memory[0], "memory_mb": max(memory),
    }  # fmt: skip


async def _polled(channel_id: int) -> int:
    """How many polls it took until a walk came to its end."""
    for n in range(POLLS):
        try:
            await intake.poll(channel_id, BY)
            return n + 1
        except TryLater as error:
            await asyncio.sleep(error.retry_after or 1.0)
    raise RuntimeError(f"the walk had no end after {POLLS} polls")


# --- the channels -----------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _channel(kind: str, home: Path, orders: int) -> Iterator[Connection]:
    """How the channel with so many orders is connected, while it is there."""
    if kind == "file":
        folder = home / "orders"
        folder.mkdir()
        _write(folder / "orders.csv", orders)
        yield Connection("file", {"folder": str(folder), "settle_seconds": 0})
        return
    child, settings = start("tests.bench.polls", kind, str(orders))
    try:
        yield Connection(kind, settings)
    finally:
        stop(child)


def _write(file: Path, orders: int) -> None:
    rng = random.Random(5)
    columns = ("order number", "order date", "currency", "email", "shipping method", "sku", "quantity", "unit price",
               "ship name", "ship address 1", "ship city", "ship state", "ship zip", "ship country")  # fmt: skip
    with file.open("w", newline="") as out:
        rows = csv.writer(out)
        rows.writerow(columns)
        for number in range(orders):
            for listing in rng.sample(catalogue.LISTINGS, rng.choice((1, 1, 2, 3))):
                rows.writerow((
                    number, clock.now().date().isoformat(), catalogue.CURRENCY, "ada@example.com", "Free Shipping", listing.sku,
                    rng.choice((1, 1, 2)), f"{listing.price / 100:.2f}", "Ada Byron", "1 Main Street", "Springfield", "IL",
                    "62701", "US",
                ))  # fmt: skip


async def serve(kind: str, orders: int) -> None:
    """The demo channel has sold so much and says how to connect to it; it serves until it is killed."""
    sim = stall.sim_of(kind)(seed=5)
    await sim.start()
    stall.Stall(sim, seed=5).place(orders)
    print(msgspec.json.encode({**sim.settings(), **sim.secrets()}).decode(), flush=True)
    await asyncio.Event().wait()


# --- what is measured -------------------------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def _memory() -> AsyncIterator[list[float]]:
    """This process's memory in MB, again and again."""
    found = [resident("self")]

    async def look() -> None:
        while True:
            found.append(resident("self"))
            await asyncio.sleep(0.1)

    looking = asyncio.create_task(look())
    try:
        yield found
    finally:
        looking.cancel()


@contextlib.asynccontextmanager
async def _listening(asked: list[_Asked]) -> AsyncIterator[None]:
    """Every request of connectors is noted."""
    plain: Callable[..., Awaitable[Any]] = HttpClient.answer_to

    async def noted(self: HttpClient, method: str, url: Any, **more: Any) -> Any:
        asked.append((self, method, url, more))
        return await plain(self, method, url, **more)

    HttpClient.answer_to = noted  # type: ignore[assignment,method-assign]
    try:
        yield
    finally:
        HttpClient.answer_to = plain  # type: ignore[method-assign]


async def _floor(file: Path, asked: Sequence[_Asked]) -> float:
    """Seconds of CPU for the same requests, answers decoded and kept, with nothing made of them."""
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as conn:
        conn.execute("PRAGMA journal_mode=WAL")
        conn.execute("PRAGMA synchronous=FULL")
        conn.execute("CREATE TABLE answer (id INTEGER PRIMARY KEY, body BLOB)")
        began = time.process_time()
        async with aiohttp.ClientSession() as session:
            for client, method, url, more in asked:
                headers = {**client._headers, **(more.get("headers") or {})}
                while True:
                    async with session.request(
                        method, url, params=more.get("params"), headers=headers, data=more.get("body"), auth=more.get("auth")
                    ) as answer:  # fmt: skip
                        body = await answer.read()
                    if answer.status != 429 and b'"THROTTLED"' not in body:
                        break
                    await asyncio.sleep(1.0)
                with contextlib.suppress(msgspec.DecodeError):
                    msgspec.json.decode(body)
                conn.execute("INSERT INTO answer (body) VALUES (?)", (body,))
        return time.process_time() - began


async def _copied(home: Path) -> float:
    """The floor of a file: its rows taken apart and inserted."""
    [file] = (home / "orders").rglob("orders*.csv")
    with contextlib.closing(sqlite3.connect(home / "floor.sqlite3")) as conn:
        conn.execute("CREATE TABLE answer (id INTEGER PRIMARY KEY, body BLOB)")
        began = time.process_time()
        with file.open(newline="") as text:
            conn.executemany("INSERT INTO answer (body) VALUES (?)", (("|".join(row),) for row in csv.reader(text)))
        conn.commit()
        return time.process_time() - began


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], int(sys.argv[2])))
