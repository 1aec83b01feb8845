"""Durable intake against its floor: plain sqlite3 (or asyncpg) inserting the very same rows, 100 orders a transaction.

Ours stores the raw payloads, reads them, checks, routes, drafts purchase orders, writes the hash-chained events, the search
terms and the counters, and commits per page. The floor only inserts the rows that came out, as durably and with more memory,
and is spared the checking of foreign keys. With several processes each takes in a channel of its own, as
``bluebook worker --processes`` does; the floor stays one connection.

``python -m tests.bench.intake URL CHANNEL FILE`` is such a process.
"""

from __future__ import annotations

import asyncio
import os
import random
import sqlite3
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import asyncpg
import msgspec

from engine import db, loops, settings, vault
from engine.demo import catalogue
from engine.demo.shop import Connection, Shop, furnish
from engine.demo.store import DemoStore
from engine.ports import Page, Raw
from engine.services import catalog, intake, schema, setup
from engine.services.lifecycle import Actor
from engine.sqlite_backend import PRAGMAS
from tests.bench.pipeline import stop
from workers.run import calm_collector

BY = Actor("bench", "person")
PAGE = 100
TABLES = (
    "inbound_messages", "orders", "order_lines", "purchase_orders", "purchase_order_lines", "issues", "audit_events",
    "terms", "order_counts",
)  # fmt: skip


async def run(url: str, floor_url: str, orders: int, folder: Path, processes: int = 1) -> dict[str, Any]:
    """Orders per second of ours and of the floor; both databases must exist and be empty.

    ``orders`` are those of each process, the first page of each uncounted. ``folder`` is for what the processes take in.
    """
    vault.make_key_file()
    async with db.database(url):
        await schema.upgrade()
        pages, shop = await _pages(orders + PAGE)
        file = folder / "pages.msgpack"
        file.write_bytes(
            msgspec.msgpack.encode([[(raw.external_id, raw.body) for raw in page.items] for page in pages])
        )
        channels = [shop.channel_id, *[await _another(shop, n) for n in range(1, processes)]]
        ours = await asyncio.to_thread(_taken_in, url, channels, file)
        counted, whole = processes * sum(len(page.items) for page in pages[1:]), processes * (orders + PAGE)
        ready = await db.value("SELECT COUNT(*) FROM orders WHERE status = 'ready'")
        if ready != whole:
            raise RuntimeError(f"{ready} of {whole} orders became ready")
        dumped = {table: await _dump(table) for table in TABLES}
        catalog_rows = {table: await _dump(table) for table in _CATALOG}
        await catalog.close_connectors()
    async with db.database(floor_url):
        await schema.upgrade()
    orders = counted
    # The floor has the first pages' rows too, so its time is taken for that many orders.
    floor = await _floor(floor_url, catalog_rows, dumped, whole) * orders / whole
    return {
        "orders": orders,
        "processes": processes,
        "rows": sum(len(rows) for _, rows in dumped.values()),
        "ours_per_s": orders / ours,
        "floor_per_s": orders / floor,
        "ratio": floor / ours,
    }


_CATALOG = ("channels", "suppliers", "products", "shipping_methods")


async def _another(shop: Shop, number: int) -> int:
    """One more channel that sells the same; its id."""
    secret = {"url": "http://127.0.0.1:1", "consumer_key": "k", "consumer_secret": "s"}
    made = await setup.add_channel(
        f"Store {number}", "woocommerce", secret, BY, same_account=True, prefix=f"S{number}-"
    )
    for listing in catalogue.LISTINGS:
        await setup.map_sku(made.id, listing.sku, dict(listing.components), BY, title=listing.title, recheck=False)
    for row in await db.rows("SELECT m.rate, m.supplier_id, t.code FROM shipping_mappings m JOIN shipping_methods t "
                             "ON t.id = m.method_id WHERE m.channel_id = ?", shop.channel_id):  # fmt: skip
        await setup.map_shipping(made.id, row[0], row[1], row[2], BY, recheck=False)
    return made.id


def _taken_in(url: str, channels: Sequence[int], file: Path) -> float:
    """Seconds until each channel's process has taken in its pages; all begin together."""
    pipes: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    pipes["env"] = {**os.environ, "BLUEBOOK_HOME": settings.settings().home, "BLUEBOOK_LOG_LEVEL": "WARNING"}
    children = [
        subprocess.Popen([sys.executable, "-m", "tests.bench.intake", url, str(channel), str(file)], **pipes)
        for channel in channels
    ]
    try:
        for child in children:
            assert child.stdout is not None
            if child.stdout.readline() != b"ready\n":
                raise RuntimeError("a process did not begin")
        started = time.perf_counter()
        for child in children:
            assert child.stdin is not None
            child.stdin.write(b"\n")
            child.stdin.flush()
        for child in children:
            assert child.stdout is not None
            if child.stdout.readline() != b"done\n":
                raise RuntimeError("a process did not come to its end")
        # As with the floor, what follows is not counted: closing the database, and Python's own end.
        took = time.perf_counter() - started
        codes = [child.wait() for child in children]
        if any(codes):
            raise RuntimeError(f"the processes ended with {codes}")
        return took
    finally:
        for child in children:
            stop(child)


async def take_in(url: str, channel_id: int, file: Path) -> None:
    """The pages are orders of the channel: the first at once, the others once a line has come."""
    read = msgspec.msgpack.decode(file.read_bytes(), type=list[list[tuple[str, bytes]]])
    pages = [Page(tuple(Raw(external_id, body) for external_id, body in items)) for items in read]
    async with db.database(url):
        await db.spare_memory()
        channel, connector = (await catalog.channels())[channel_id], await catalog.channel(channel_id)
        # The first page pays for tables that are loaded once a process: postal codes, currencies.
        await intake.take_page(channel, connector, pages.pop(0), BY)
        calm_collector()
        print("ready", flush=True)
        sys.stdin.readline()
        async with intake.taking(channel, connector, BY) as taking:
            for page in pages:
                await taking.take(page)
        print("done", flush=True)
        await catalog.close_connectors()


async def _pages(orders: int) -> tuple[list[Any], Shop]:
    store = DemoStore(seed=3)
    url = await store.start()
    try:
        secret = {"url": url, "consumer_key": store.key, "consumer_secret": store.secret, "page_size": PAGE}
        shop = await furnish(
            Connection("woocommerce", secret),
            {code: Connection("rest", {"base_url": "http://127.0.0.1:1", "api_key": "k"}) for code in ("ACME", "NOVA")},
            BY,
        )
        store.place(orders, rng=random.Random(3), spread=7 * 86_400)
        connector = await catalog.channel(shop.channel_id)
        raws: dict[str, Any] = {}
        cursor = None
        while True:
            page = await connector.pull(None, cursor)
            raws.update({raw.external_id: raw for raw in page.items})
            cursor = page.next
            if cursor is None:
                break
        items = list(raws.values())
        pages = [type(page)(items=tuple(items[i : i + PAGE])) for i in range(0, len(items), PAGE)]
        return pages, shop
    finally:
        await store.stop()


async def _dump(table: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    found = await db.rows(f"SELECT * FROM {table}")
    return (list(found[0].keys()), [tuple(r) for r in found]) if found else ([], [])


async def _floor(url: str, first: dict[str, Any], dumped: dict[str, Any], orders: int) -> float:
    chunks = max(1, orders // PAGE)
    if url.startswith("sqlite"):
        return _floor_sqlite(Path(url.removeprefix("sqlite://")), first, dumped, chunks)
    return await _floor_postgres(url, first, dumped, chunks)


def _insert(table: str, columns: list[str], mark: str) -> str:
    marks = ", ".join("?" if mark == "?" else f"${i}" for i in range(1, len(columns) + 1))
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})"


def _floor_sqlite(path: Path, first: dict[str, Any], dumped: dict[str, Any], chunks: int) -> float:
    conn = sqlite3.connect(path, isolation_level=None)
    for pragma in ("synchronous", "cache_size", "wal_autocheckpoint"):
        conn.execute(f"PRAGMA {pragma} = {PRAGMAS[pragma]}")
    conn.execute("PRAGMA journal_mode = WAL")
    for table, (columns, rows) in first.items():
        conn.executemany(_insert(table, columns, "?"), rows)
    started = time.perf_counter()
    for chunk in range(chunks):
        conn.execute("BEGIN IMMEDIATE")
        for table, (columns, rows) in dumped.items():
            part = rows[len(rows) * chunk // chunks : len(rows) * (chunk + 1) // chunks]
            if part:
                conn.executemany(_insert(table, columns, "?"), part)
        conn.execute("COMMIT")
    took = time.perf_counter() - started
    conn.close()
    return took


async def _floor_postgres(url: str, first: dict[str, Any], dumped: dict[str, Any], chunks: int) -> float:
    conn = await asyncpg.connect(url)
    await conn.execute("SET session_replication_role = replica")
    for table, (columns, rows) in first.items():
        await conn.executemany(_insert(table, columns, "$"), rows)
    started = time.perf_counter()
    for chunk in range(chunks):
        async with conn.transaction():
            for table, (columns, rows) in dumped.items():
                part = rows[len(rows) * chunk // chunks : len(rows) * (chunk + 1) // chunks]
                if part:
                    await conn.executemany(_insert(table, columns, "$"), part)
    took = time.perf_counter() - started
    await conn.close()
    return took


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=loops.quickest()) as runner:  # as workers have it
        runner.run(take_in(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])))
