"""A shop under siege: the store, the suppliers and the broker run in processes of their own, the workers keep dying."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import aiohttp

from engine import db
from engine.demo.shop import Connection, Shop, furnish
from engine.services import resolve
from engine.services.lifecycle import Actor
from tests.support.crashing import deaths
from tests.support.openssh import openssh

ROOT = Path(__file__).parents[2]
PERSON = Actor("dana", "person", "test")

SUPPLIER_FAULTS: dict[str, Any] = {
    "rates": {
        "submit": {
            "late": 0.03, "error_before": 0.04, "error_after": 0.04, "throttle": 0.04, "drop_before": 0.03,
            "drop_after": 0.04, "truncate": 0.03, "cut": 0.03,
        },
        "find": {"error_before": 0.05, "throttle": 0.03, "truncate": 0.03, "drop_before": 0.03},
        "updates": {"duplicate": 0.2, "reorder": 0.2, "truncate": 0.05, "error_before": 0.05, "throttle": 0.03},
    },
    "late": 5.0,
    "retry_after": 1,
}  # fmt: skip
STORE_FAULTS: dict[str, Any] = {
    "rates": {
        "orders.list": {"duplicate": 0.1, "throttle": 0.03, "truncate": 0.03, "error_before": 0.03},
        "orders.get": {"throttle": 0.02, "error_before": 0.03},
        "orders.put": {"throttle": 0.02, "error_before": 0.03, "error_after": 0.03, "drop_after": 0.03},
        "notes.add": {"throttle": 0.02, "error_before": 0.03, "error_after": 0.03, "drop_after": 0.03},
    },
    "retry_after": 1,
}
WORKER = {
    "BLUEBOOK_LEASE_SECONDS": "0.8", "BLUEBOOK_POLL_MILLISECONDS": "30", "BLUEBOOK_MAX_BACKOFF_SECONDS": "0.2",
    "BLUEBOOK_MAX_ATTEMPTS": "10000", "BLUEBOOK_BATCH_SIZE": "8", "BLUEBOOK_WORKER_THREADS": "3",
    "BLUEBOOK_LOG_LEVEL": "WARNING",
}  # fmt: skip


@contextmanager
def speaking(*command: object, **environ: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """A Python process that says hello with a line of JSON; ended afterwards."""
    with subprocess.Popen(
        [sys.executable, "-m", *map(str, command)], cwd=ROOT, env={**os.environ, **environ}, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as process:  # fmt: skip
        try:
            assert process.stdout is not None
            yield process, json.loads(process.stdout.readline())
        finally:
            process.kill()


class Siege:
    """The parts as a test sees them. The database must be open."""

    def __init__(self, folder: Path, store: str, supplier: str, ledger: Path, shop: Shop) -> None:
        self.folder, self.store, self.supplier, self.shop = folder, store, supplier, shop
        self._ledger = ledger
        self._http = aiohttp.ClientSession()
        self.placed = 0

    async def close(self) -> None:
        """No connection is left open."""
        await self._http.close()

    async def say(self, url: str, body: Any = None) -> Any:
        """The answer of a demo part: GET, or POST where there is a body."""
        how = self._http.get(url) if body is None else self._http.post(url, data=json.dumps(body))
        async with how as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def place(self, upto: int) -> None:
        """So many orders have been placed in the store."""
        if upto > self.placed:
            await self.say(f"{self.store}/demo/place", {"n": upto - self.placed})
            self.placed = upto

    async def trouble(self, seed: int) -> None:
        """Store and supplier misbehave from here on."""
        await self.say(f"{self.store}/demo/faults", {**STORE_FAULTS, "seed": seed})
        await self.say(f"{self.supplier}/demo/faults", {**SUPPLIER_FAULTS, "seed": seed})

    async def peace(self) -> None:
        """They behave."""
        await self.say(f"{self.store}/demo/faults", {})
        await self.say(f"{self.supplier}/demo/faults", {})

    async def store_state(self) -> dict[str, Any]:
        """What the store says of itself."""
        found: dict[str, Any] = await self.say(f"{self.store}/demo/state")
        return found

    async def supplier_ledger(self) -> dict[str, list[dict[str, Any]]]:
        """Every arrival of a purchase order at the HTTP supplier."""
        found: dict[str, list[dict[str, Any]]] = await self.say(f"{self.supplier}/demo/ledger")
        return found

    async def supplier_said(self) -> list[dict[str, Any]]:
        """Everything the HTTP supplier has told, asked for by its own API."""
        found: list[dict[str, Any]] = []
        while True:
            page = await self.say(f"{self.supplier}/updates?cursor={len(found)}&limit=1000")
            if not page["updates"]:
                return found
            found += page["updates"]

    def warehouse_ledger(self) -> list[dict[str, Any]]:
        """What the SFTP supplier's warehouse noted."""
        return [json.loads(line) for line in self._ledger.read_text().splitlines()]

    async def decide(self) -> None:
        """A person does what is left to one: after too many lost answers the supplier's own books are asked."""
        undecided = await db.rows(
            "SELECT i.id, p.po_number FROM issues AS i JOIN purchase_orders AS p ON p.id = i.purchase_order_id "
            "WHERE i.closed_at IS NULL AND i.code = 'submission_unknown' AND i.message LIKE '%times or more%'"
        )
        if not undecided:
            return
        has = {*await self.supplier_ledger(), *(event["po_number"] for event in self.warehouse_ledger())}
        for issue, po_number in undecided:
            if po_number in has:
                await resolve.mark_accepted(issue, "asked on the telephone", PERSON)
                continue
            await resolve.mark_refused(issue, "asked on the telephone", PERSON)
            failed = "SELECT i.id FROM issues AS i JOIN purchase_orders AS p ON p.id = i.purchase_order_id "
            failed += "WHERE p.po_number = ? AND i.code = 'supplier_failed' AND i.closed_at IS NULL"
            await resolve.retry(await db.value(failed, po_number), PERSON)

    async def completed(self, orders: int) -> bool:
        """Are there so many orders, all completed? A person looks after what waits for one meanwhile."""
        await self.decide()
        return bool(await db.value("SELECT COUNT(*) FROM orders WHERE status = 'completed'") == orders)

    async def unfinished(self) -> str:
        """What is not over, for whoever has to find out why."""
        said = []
        for what, sql in _UNFINISHED.items():
            found = await db.rows(sql)
            said.append(f"{what}: {len(found)}: {[tuple(r) for r in found[:10]]}")
        return "\n".join(said)

    @property
    def kills(self) -> int:
        """How many workers have died so far."""
        return sum(deaths(self.folder / "kills").values())


@asynccontextmanager
async def siege(folder: Path, **behaviour: Any) -> AsyncIterator[Siege]:
    """The outside world runs and the shop is furnished with it; ``behaviour`` is the HTTP supplier's."""
    root, ledger = folder / "sftp", folder / "warehouse.jsonl"
    key = "k-siege"
    with contextlib.ExitStack() as parts:
        server = parts.enter_context(openssh(folder / "sshd", root=root))
        (root / "orders").mkdir(parents=True)
        _, _ = parts.enter_context(
            speaking("tests.support.warehouse", "--root", root, "--ledger", ledger, "--split-every", 3, "--tick", 0.1)
        )
        _, store = parts.enter_context(speaking("engine.demo.store"))
        plan = json.dumps({"ship_after": 0.2, "split": 0.3, "seed": 5, **behaviour})
        _, http = parts.enter_context(speaking("engine.demo.supplier_http", "--api-key", key, "--behaviour", plan))
        shop = await furnish(
            Connection(
                "woocommerce",
                {"url": store["url"], "consumer_key": store["consumer_key"], "consumer_secret": store["consumer_secret"],
                 "timeout": 1.5},
                {"poll_seconds": 1, "overlap_seconds": 5, "rescan_seconds": 8, "auto_process": True},
            ),
            {
                "ACME": Connection("rest", {"base_url": http["url"], "api_key": key, "timeout": 1.5},
                                   {"poll_seconds": 1, "settle_seconds": 2}),
                "NOVA": Connection(
                    "sftp",
                    {"host": server.host, "port": server.port, "username": server.username, "host_key": server.host_key,
                     "private_key": server.private_key, "acks_dir": "acks", "shipments_dir": "shipments",
                     "settle_seconds": 0, "timeout": 5.0},
                    {"poll_seconds": 1, "settle_seconds": 1},
                ),
            },
            PERSON,
        )  # fmt: skip
        made = Siege(folder, store["url"], http["url"], ledger, shop)
        made._http.headers["Authorization"] = f"Bearer {key}"
        try:
            yield made
        finally:
            await made.close()


class Workers:
    """The fork server, and the orders it takes."""

    def __init__(self, folder: Path, database: str, broker: str, home: str, seed: int) -> None:
        environ = {
            **os.environ, **WORKER, "BLUEBOOK_DATABASE_URL": database, "BLUEBOOK_BROKER_URL": broker,
            "BLUEBOOK_HOME": home,
        }  # fmt: skip
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.crashing", str(folder), str(seed)], cwd=ROOT, env=environ, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"

    def tell(self, order: str) -> None:
        """The fork server has the order."""
        assert self._process.stdin is not None
        self._process.stdin.write(order + "\n")
        self._process.stdin.flush()

    def stop(self) -> str:
        """All children have ended in good order; their exit codes and how many of each."""
        self.tell("stop")
        assert self._process.stdout is not None
        codes = self._process.stdout.readline().strip()
        self._process.wait(timeout=200)
        return codes

    def close(self) -> None:
        """Nothing is left, whatever went before."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
        try:
            self._process.wait(timeout=120)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


_UNFINISHED = {
    "orders": "SELECT number, status FROM orders WHERE status <> 'completed'",
    "purchase orders": "SELECT po_number, state, attempt, message FROM purchase_orders WHERE state NOT IN ('closed', 'canceled')",
    "parcels": "SELECT id, push, tracking_number FROM shipments WHERE push <> 'confirmed'",
    "Issues": "SELECT order_id, code, message FROM issues WHERE closed_at IS NULL",
    "jobs": "SELECT id, key, task, state, attempts, error FROM outbox WHERE state <> 'done'",
    "payloads": "SELECT id, state, reason FROM inbound_messages WHERE state IN ('stored', 'parked')",
    "paused suppliers": "SELECT code, paused_reason FROM suppliers WHERE paused_reason <> ''",
    "paused channels": "SELECT name, paused_reason, last_error FROM channels WHERE paused_reason <> '' OR last_error <> ''",
}


async def until(question: Callable[[], Any], seconds: float, what: str) -> None:
    """The question's answer is yes; fails with ``what`` when it is not in that time."""
    deadline = time.monotonic() + seconds
    while True:
        found = question()
        if asyncio.iscoroutine(found):
            found = await found
        if found:
            return
        assert time.monotonic() < deadline, f"{what} did not come to be within {seconds} s"
        await asyncio.sleep(0.1)
