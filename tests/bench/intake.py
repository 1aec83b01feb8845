"""Durable intake against its floor: plain sqlite3 (or asyncpg) inserting the very same rows, 100 orders a transaction.

Ours stores the raw payloads, reads them, checks, routes, drafts purchase orders, writes the hash-chained events, the search
terms and the counters, and commits per page. The floor only inserts the rows that came out, and is spared the checking
of foreign keys.
"""

from __future__ import annotations

import random
import sqlite3
import time
from pathlib import Path
from typing import Any

import asyncpg

from engine import db
from engine.demo.shop import Connection, furnish
from engine.demo.store import DemoStore
from engine.services import catalog, inbox, intake, schema
from engine.services.lifecycle import Actor
from workers.run import calm_collector

BY = Actor("bench", "person")
PAGE = 100
TABLES = (
    "inbound_messages", "orders", "order_lines", "purchase_orders", "purchase_order_lines", "issues", "audit_events",
    "terms", "order_counts",
)  # fmt: skip


async def run(url: str, floor_url: str, orders: int) -> dict[str, Any]:
    """Orders per second of ours and of the floor; both databases must exist and be empty."""
    async with db.database(url):
        await schema.upgrade()
        pages, shop_channel = await _pages(orders + PAGE)
        channel = (await catalog.channels())[shop_channel]
        connector = await catalog.channel(shop_channel)
        # The first page pays for tables that are loaded once a process: postal codes, currencies.
        await intake.ingest(channel, connector, await inbox.store("channel", channel.id, pages.pop(0)), BY)
        orders = sum(len(page.items) for page in pages)
        calm_collector()
        started = time.perf_counter()
        for page in pages:
            stored = await inbox.store("channel", channel.id, page)
            await intake.ingest(channel, connector, stored, BY)
        ours = time.perf_counter() - started
        ready = await db.value("SELECT COUNT(*) FROM orders WHERE status = 'ready'")
        if ready != orders + PAGE:
            raise RuntimeError(f"{ready} of {orders + PAGE} orders became ready")
        dumped = {table: await _dump(table) for table in TABLES}
        catalog_rows = {table: await _dump(table) for table in _CATALOG}
        await catalog.close_connectors()
    async with db.database(floor_url):
        await schema.upgrade()
    # The floor has the first page's rows too, so its time is taken for that many orders.
    floor = await _floor(floor_url, catalog_rows, dumped, orders + PAGE) * orders / (orders + PAGE)
    return {
        "orders": orders,
        "rows": sum(len(rows) for _, rows in dumped.values()),
        "ours_per_s": orders / ours,
        "floor_per_s": orders / floor,
        "ratio": floor / ours,
    }


_CATALOG = ("channels", "suppliers", "products", "shipping_methods")


async def _pages(orders: int) -> tuple[list[Any], int]:
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
        return pages, shop.channel_id
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
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "cache_size=-32000"):
        conn.execute(f"PRAGMA {pragma}")
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
