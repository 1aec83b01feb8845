"""The whole pipeline over loopback HTTP: one worker process, the store and two suppliers in processes of their own.

An order is pulled, stored, checked, routed, processed by Auto Order Processing, sent, acknowledged, shipped, pushed back
and read back. The floor is the same number of HTTP calls and durable commits, made by the simplest code there is.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from engine import db
from engine.demo.shop import Connection, furnish
from engine.services import catalog, schema, setup
from engine.services.lifecycle import Actor

BY = Actor("bench", "person")
SUPPLIERS = ("ACME", "NOVA")


def start(*arguments: str) -> tuple[subprocess.Popen[bytes], dict[str, Any]]:
    """The module in a process of its own, and the line of JSON it begins with."""
    process = subprocess.Popen([sys.executable, "-m", *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdout is not None
    return process, msgspec.json.decode(process.stdout.readline())


def stop(child: subprocess.Popen[bytes]) -> None:
    """It is gone."""
    child.kill()
    child.wait()
    for pipe in (child.stdin, child.stdout):
        if pipe is not None:
            pipe.close()


async def run(url: str, home: Path, orders: int) -> dict[str, Any]:
    """Orders per second from the worker's start to the last confirmed push, and the worker's largest memory in MB."""
    children: list[subprocess.Popen[bytes]] = []
    try:
        child, store = start("engine.demo.store", "--orders", str(orders), "--seed", "5", "--spread", "500000")
        children.append(child)
        suppliers = {}
        for number, code in enumerate(SUPPLIERS):
            behaviour = msgspec.json.encode({"seed": number + 1, "ack_after": 0.0}).decode()
            child, found = start("engine.demo.supplier_http", "--ship-after", "0", "--behaviour", behaviour)
            children.append(child)
            settings = {"base_url": found["url"], "api_key": found["api_key"]}
            suppliers[code] = Connection("rest", settings, {"poll_seconds": 1, "concurrency": 32})
        async with db.database(url):
            await schema.upgrade()
            keys = {name: store[name] for name in ("url", "consumer_key", "consumer_secret")}
            keys["customer_note"] = False
            shop = await furnish(Connection("woocommerce", keys, {"poll_seconds": 3600}), suppliers, BY)
            await setup.update("channels", shop.channel_id, BY, auto_process=True)
            await catalog.close_connectors()
            result = await _measure(url, home, orders, children)
        result["floor_per_s"] = await _floor(home, store, suppliers["ACME"].settings, min(orders, 1000))
        result["ratio"] = result["ours_per_s"] / result["floor_per_s"]
        return result
    finally:
        for child in children:
            stop(child)


async def _measure(url: str, home: Path, orders: int, children: list[subprocess.Popen[bytes]]) -> dict[str, Any]:
    environment = {
        **os.environ,
        "BLUEBOOK_HOME": str(home),
        "BLUEBOOK_DATABASE_URL": url,
        "BLUEBOOK_LOG_LEVEL": "WARNING",
    }
    worker = subprocess.Popen([sys.executable, "-m", "workers.run"], env=environment)
    children.append(worker)
    while not await db.value("SELECT COUNT(*) FROM inbound_messages"):
        await asyncio.sleep(0.02)
        if worker.poll() is not None:
            raise RuntimeError("the worker stopped")
    started, most = time.perf_counter(), 0.0
    while True:
        done = await db.value("SELECT COUNT(*) FROM orders WHERE status = 'completed'")
        most = max(most, resident(worker.pid))
        if done >= orders:
            break
        if time.perf_counter() - started > 600 or worker.poll() is not None:
            raise RuntimeError(f"only {done} of {orders} orders were completed")
        await asyncio.sleep(0.2)
    took = time.perf_counter() - started
    cpu = sum(float(n) for n in Path(f"/proc/{worker.pid}/stat").read_text().split()[13:15]) / os.sysconf("SC_CLK_TCK")
    return {"orders": orders, "seconds": took, "ours_per_s": orders / took, "cpu_ms_per_order": cpu * 1000 / orders,
            "memory_mb": most}  # fmt: skip


def resident(pid: int | str) -> float:
    """The memory of a process, in MB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1024


async def _floor(home: Path, store: dict[str, Any], supplier: dict[str, Any], orders: int) -> float:
    """Two calls and five commits an order, 32 orders in flight, with nothing kept but a row."""
    conn = sqlite3.connect(home / "floor.sqlite3", isolation_level=None)
    conn.execute("PRAGMA journal_mode=WAL")
    conn.execute("PRAGMA synchronous=FULL")
    conn.execute("CREATE TABLE step (id INTEGER PRIMARY KEY, what TEXT)")
    headers = {"Authorization": f"Bearer {supplier['api_key']}"}

    async with aiohttp.ClientSession() as session:

        async def one(number: int) -> None:
            for step in range(5):
                conn.execute("INSERT INTO step (what) VALUES (?)", (f"{number}/{step}",))
                if step in (1, 3):
                    async with session.get(f"{supplier['base_url']}/orders/none-{number}", headers=headers) as answer:
                        await answer.read()

        turns = asyncio.Semaphore(32)

        async def bounded(number: int) -> None:
            async with turns:
                await one(number)

        started = time.perf_counter()
        await asyncio.gather(*(bounded(number) for number in range(orders)))
        took = time.perf_counter() - started
    conn.close()
    return orders / took
