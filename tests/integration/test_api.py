"""What comes in by HTTP: callbacks and webhooks over loopback, on both databases."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import io
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from engine import clock, db
from engine.api import app
from engine.services import catalog, inbox, intake, outbox, receive, setup, tasks
from engine.settings import settings
from tests.support.world import PERSON, World, world

SECRET = "a secret both sides know"


class Client:
    """Calls to the API, as suppliers and stores make them."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self.url, self.session = url, session

    async def post(self, path: str, body: bytes, headers: Mapping[str, str] | None = None) -> tuple[int, Any]:
        """The status and what the JSON answer says."""
        async with self.session.post(self.url + path, data=io.BytesIO(body), headers=headers) as answer:
            assert answer.content_type == "application/json"
            return answer.status, msgspec.json.decode(await answer.read())

    async def callback(self, supplier_id: int, body: bytes, **signing: Any) -> int:
        """The status of a supplier's signed callback."""
        return (await self.post(f"/hooks/suppliers/{supplier_id}", body, callback_headers(body, **signing)))[0]

    async def webhook(self, channel_id: int, order_id: int, delivery: str, **more: Any) -> int:
        """The status of a store's signed webhook about an order."""
        body = msgspec.json.encode({"id": order_id, **more})
        return (await self.post(f"/hooks/channels/{channel_id}", body, webhook_headers(body, delivery)))[0]


def callback_headers(body: bytes, *, secret: str = SECRET, at: float | None = None) -> dict[str, str]:
    stamp = str(int(time.time() if at is None else at))
    signed = hmac.new(secret.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return {"X-Timestamp": stamp, "X-Signature": signed, "Content-Type": "application/json"}


def webhook_headers(body: bytes, delivery: str, secret: str = SECRET) -> dict[str, str]:
    signed = base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()
    return {
        "X-WC-Webhook-Signature": signed,
        "X-WC-Webhook-Delivery-ID": delivery,
        "X-WC-Webhook-Resource": "order",
        "Content-Type": "application/json",
    }


@pytest.fixture
async def client(database: str) -> AsyncIterator[Client]:
    """The API, listening on a port of its own."""
    runner = await app.start(port=0)
    try:
        async with aiohttp.ClientSession() as session:
            yield Client(app.address(runner), session)
    finally:
        await runner.cleanup()


async def trust(w: World) -> tuple[int, int]:
    """The store and ACME share the secret with us, and nobody is polled; the ids of both."""
    channel, acme = w.shop.channel_id, w.shop.suppliers["ACME"]
    await setup.update("channels", channel, PERSON, values={"webhook_secret": SECRET}, poll_seconds=0, rescan_seconds=0)
    await setup.update("suppliers", acme, PERSON, values={"callback_secret": SECRET}, poll_seconds=0)
    await setup.update("suppliers", w.shop.suppliers["NOVA"], PERSON, poll_seconds=0)
    return channel, acme


async def sent_to_acme(w: World) -> list[bytes]:
    """Some orders are with ACME, acknowledged and shipped there, and we heard nothing of it; its updates."""
    await w.send(await w.pull(4))
    po_numbers = await db.rows("SELECT po_number FROM purchase_orders WHERE supplier_id = ?", w.shop.suppliers["ACME"])
    assert po_numbers
    async with asyncio.timeout(60):
        while len(w.http.updates) < len(po_numbers):
            await asyncio.sleep(0.01)
    for row in po_numbers:
        for order in w.http.orders[row[0]]:
            w.http.ship(order)
    return list(w.http.updates)


async def states(supplier_id: int) -> set[str]:
    found = await db.rows("SELECT state FROM purchase_orders WHERE supplier_id = ?", supplier_id)
    return {str(row[0]) for row in found}


async def count(table: str, where: str = "1 = 1", *values: Any) -> int:
    return int(await db.value(f"SELECT COUNT(*) FROM {table} WHERE {where}", *values))


async def test_a_supplier_that_calls_back_is_heard_without_being_polled(client: Client, tmp_path: Path) -> None:
    # The first supplier of an empty database has the id 1, and the supplier must know its address before.
    url = f"{client.url}/hooks/suppliers/1"
    async with world(tmp_path, callback_url=url, callback_secret=SECRET) as w:
        _, acme = await trust(w)
        assert acme == 1
        await w.send(await w.pull(4))

        async def over() -> bool:
            return await states(acme) == {"closed"}

        await tasks.drain(over, timeout=30)
        assert await db.value("SELECT polled_at FROM suppliers WHERE id = ?", acme) is None
        assert await count("inbound_messages", "source = 'supplier' AND source_id = ?", acme) == len(w.http.updates)


async def test_deliveries_that_come_twice_and_out_of_order_count_once(client: Client, tmp_path: Path) -> None:
    async with world(tmp_path, ship_after=None) as w:
        _, acme = await trust(w)
        updates = await sent_to_acme(w)
        order = [*reversed(updates), *updates]
        answers = await asyncio.gather(*(client.callback(acme, body) for body in order))
        assert set(answers) == {200}
        assert await count("inbound_messages", "source = 'supplier'") == len(updates)
        assert await count("outbox", "task = 'inbound.read'") == len(updates)
        await tasks.drain()
        assert set(await asyncio.gather(*(client.callback(acme, body) for body in updates))) == {200}
        await tasks.drain()
        assert await count("outbox", "task = 'inbound.read'") == len(updates)
        assert await states(acme) <= {"shipped", "closed"}
        parcels = [row[0] for row in await db.rows("SELECT tracking_number FROM shipments")]
        told = [
            found["tracking_number"] for body in updates if (found := msgspec.json.decode(body)).get("tracking_number")
        ]
        assert sorted(parcels) == sorted(told)
        assert await count("inbound_messages", "state <> 'done' AND source = 'supplier'") == 0


async def test_what_is_forged_old_or_unsigned_is_turned_away_and_leaves_nothing(client: Client, tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        channel, acme = await trust(w)
        body = b'{"id": 11}'
        path, hook = f"/hooks/suppliers/{acme}", f"/hooks/channels/{channel}"
        tries = [
            (path, body, callback_headers(body, secret="another")),
            (path, b'{"id": 12}', callback_headers(body)),
            (path, body, callback_headers(body, at=time.time() - 301)),
            (path, body, callback_headers(body, at=time.time() + 3_600)),
            (path, body, {"X-Timestamp": str(int(time.time())), "X-Signature": "é"}),
            (path, body, {}),
            (hook, body, webhook_headers(body, "d1", "another")),
            (hook, b'{"id": 12}', webhook_headers(body, "d1")),
            (hook, body, {}),
            (hook, b"webhook_id=1&x", {}),
        ]
        for where, content, headers in tries:
            status, said = await client.post(where, content, headers)
            assert (status, list(said)) == (401, ["error"]), (where, content, headers)
        assert await count("inbound_messages") == 0
        assert await count("outbox") == 0
        assert await count("suppliers", "paused_reason <> ''") + await count("channels", "paused_reason <> ''") == 0


async def test_the_unsigned_first_ping_is_answered_and_nothing_else_happens(client: Client, tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        channel, _ = await trust(w)
        assert (await client.post(f"/hooks/channels/{channel}", b"webhook_id=7"))[0] == 200
        assert await count("inbound_messages") + await count("outbox") == 0


async def test_a_connection_without_a_secret_believes_nobody(client: Client, tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        for path, headers in (
            (f"/hooks/suppliers/{w.shop.suppliers['ACME']}", callback_headers(b"{}", secret="")),
            (f"/hooks/channels/{w.shop.channel_id}", webhook_headers(b"{}", "d", "")),
        ):
            status, said = await client.post(path, b"{}", headers)
            assert status == 503
            assert "not set up" in said["error"]
        assert await count("inbound_messages") == 0


async def test_a_webhook_makes_a_changed_order_appear_without_polling(client: Client, tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        channel, _ = await trust(w)
        [number] = w.store.place(1, rng=w.random)
        assert await client.webhook(channel, number, "d1") == 200
        await tasks.drain()
        assert await count("orders") == 1
        w.store.cancel(number)
        assert await client.webhook(channel, number, "d2") == 200
        await tasks.drain()
        assert await db.value("SELECT status FROM orders") == "canceled"
        assert await db.value("SELECT pulled_at FROM channels") is None


async def test_a_webhook_that_is_delivered_again_reads_nothing_again(client: Client, tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        channel, _ = await trust(w)
        [number] = w.store.place(1, rng=w.random)
        for delivery, jobs in (("d1", 1), ("d1", 1), ("d2", 2)):
            assert await client.webhook(channel, number, delivery) == 200
            await tasks.drain()
            assert await count("outbox", "task = 'channels.refresh'") == jobs
        # WooCommerce counts delivery ids by the second: the same id over another body is another delivery.
        assert await client.webhook(channel, number, "d2", status="processing") == 200
        assert await count("outbox", "task = 'channels.refresh'") == 3


async def test_many_webhooks_about_an_order_are_one_look_at_it(client: Client, tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        channel, _ = await trust(w)
        numbers = w.store.place(3, rng=w.random)
        answers = await asyncio.gather(
            *(client.webhook(channel, number, f"d{turn}") for number in numbers for turn in range(8))
        )
        assert set(answers) == {200}
        assert await count("outbox", "task = 'channels.refresh'") == 3
        await tasks.drain()
        assert await count("orders") == 3


async def test_a_webhook_that_was_kept_is_read_again_by_asking_the_channel(client: Client, tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        channel, _ = await trust(w)
        [number] = w.store.place(1, rng=w.random)
        assert await client.webhook(channel, number, "d1", note="as it came") == 200
        assert await client.webhook(channel, 999_999, "d2") == 200
        rows = await db.rows("SELECT id FROM inbound_messages WHERE state = 'ignored' ORDER BY id")
        kept, lost = (int(row[0]) for row in rows)
        assert b"as it came" in (await inbox.show(kept))[1].body
        assert "1 new" in await receive.replay(kept, PERSON)
        assert "has no order 999999" in await receive.replay(lost, PERSON)
        assert (await count("orders"), await inbox.parked()) == (1, [])


async def test_a_paused_channel_is_not_read_and_its_webhooks_are_still_answered(client: Client, tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        channel, _ = await trust(w)
        await db.run("UPDATE channels SET paused_reason = 'the key was refused'")
        [number] = w.store.place(1, rng=w.random)
        assert await client.webhook(channel, number, "d1") == 200
        await tasks.drain()
        assert await count("orders") == 0


async def test_a_refused_key_pauses_the_channel_and_a_store_that_is_away_is_asked_again(
    client: Client, tmp_path: Path
) -> None:
    async with world(tmp_path) as w:
        channel, _ = await trust(w)
        [number] = w.store.place(1, rng=w.random)
        await w.store.stop()
        job = outbox.Job(1, "", "channels.refresh", channel, {"external_id": str(number)}, 0, "t")
        [outcome] = (await intake.run_refresh_jobs([job]) or {}).values()
        assert isinstance(outcome, outbox.Retry)
        await w.store.start(int(str(w.store.url).rpartition(":")[2].rstrip("/")))
        await setup.update("channels", channel, PERSON, values={"consumer_secret": "cs_wrong"})
        assert await intake.run_refresh_jobs([job]) == {1: outbox.Done()}
        assert await db.value("SELECT paused_reason FROM channels") != ""


async def test_what_was_kept_is_read_by_the_job_when_nobody_lived_to_read_it(client: Client, tmp_path: Path) -> None:
    async with world(tmp_path, ship_after=None) as w:
        _, acme = await trust(w)
        [first, *_] = await sent_to_acme(w)
        assert await client.callback(acme, first) == 200
        # A worker takes the job and dies: the lease runs out, and another one reads the payload.
        [job] = await outbox.claim(limit=9, token="dead", tasks=["inbound.read"])
        assert (await inbox.show(job.subject_id))[0].state == "stored"
        await db.run("UPDATE outbox SET lease_until = 1 WHERE id = ?", job.id)
        assert await outbox.reclaim() == 1
        await tasks.drain()
        assert (await inbox.show(job.subject_id))[0].state == "done"
        assert "acknowledged" in await states(acme)


async def test_a_payload_and_its_job_are_kept_together_or_not_at_all(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(_: object) -> None:
        raise OSError("no space left")

    async with world(tmp_path) as w:
        _, acme = await trust(w)
        with monkeypatch.context() as patch:
            patch.setattr(outbox, "put", broken)
            status, said = await client.post(f"/hooks/suppliers/{acme}", b"{}", callback_headers(b"{}"))
        assert (status, "space" in said["error"]) == (503, False)
        assert await count("inbound_messages") == 0
        assert await client.callback(acme, b"{}") == 200
        assert await count("inbound_messages") == 1


async def test_what_cannot_be_read_is_said_so(client: Client, tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        channel, acme = await trust(w)
        for body in (b"{", b"\xff", b'{"po":"\xff"}', b"[" * 100_000, b'{"po_number":"\\u0000"}'):
            assert await client.callback(acme, body) == 422, body[:20]
        for body in (b"{", b"[]", b'{"action":"x"}', b'"\xff"', b'{"id":' + b"9" * 101 + b"}"):
            status, _ = await client.post(f"/hooks/channels/{channel}", body, webhook_headers(body, "d"))
            assert status == 422, body[:20]
        headers = webhook_headers(b'{"id":1}', "d") | {"X-WC-Webhook-Resource": "product"}
        assert (await client.post(f"/hooks/channels/{channel}", b'{"id":1}', headers))[0] == 422
        assert await count("inbound_messages") == 0


async def test_a_body_over_five_megabytes_is_turned_away(client: Client, tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        _, acme = await trust(w)
        fits = b'{"note":"' + b"x" * (app.MAX_BODY - 11) + b'"}'
        assert await client.callback(acme, fits) == 200
        assert await client.callback(acme, fits + b" ") == 413

        async def unannounced() -> AsyncIterator[bytes]:
            for _ in range(6):
                yield b" " * 1024 * 1024

        async with client.session.post(f"{client.url}/hooks/suppliers/{acme}", data=unannounced()) as answer:
            assert answer.status == 413


async def test_unknown_addresses_are_not_found(client: Client, tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        nova = w.shop.suppliers["NOVA"]
        for path in (
            "/hooks/suppliers/999",
            "/hooks/channels/999999999",
            "/hooks/suppliers/x",
            "/",
            f"/hooks/suppliers/{nova}",
        ):
            status, said = await client.post(path, b"{}", callback_headers(b"{}"))
            assert (status, list(said)) == (404, ["error"]), path
        async with client.session.get(f"{client.url}/hooks/suppliers/1") as answer:
            assert (answer.status, answer.headers["Allow"]) == (405, "POST")


async def test_an_error_of_ours_is_told_without_its_details(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(_: int) -> None:
        raise RuntimeError("the inner workings")

    monkeypatch.setattr(catalog, "supplier", broken)
    status, said = await client.post("/hooks/suppliers/1", b"{}")
    assert status == 500
    assert "inner workings" not in said["error"]


async def test_health_tells_of_the_database_the_schema_and_the_workers(client: Client) -> None:
    async def health() -> tuple[int, Any]:
        async with client.session.get(f"{client.url}/health") as answer:
            return answer.status, msgspec.json.decode(await answer.read())

    plain = {"ok": True, "database": "ok", "schema": "ok", "heartbeat_seconds": None, "workers": 0}
    assert await health() == (200, plain)
    now = clock.now()
    clock.use(lambda: now)
    seen = clock.micros(now) - 1_500_000
    columns = ("id", "host", "pid", "started_at", "seen_at", "jobs_done", "version")
    await db.insert("heartbeats", columns, [("a", "here", 1, seen, seen, 0, "")])
    status, found = await health()
    assert (status, found["workers"]) == (200, 1)
    assert found["heartbeat_seconds"] == 1.5
    await db.run("DELETE FROM tortoise_migrations WHERE name = (SELECT MAX(name) FROM tortoise_migrations)")
    status, found = await health()
    assert (status, found["ok"], "db upgrade" in found["schema"]) == (503, False, True)


async def test_health_says_when_the_database_does_not_answer(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    async def gone(*_: object) -> None:
        raise ConnectionRefusedError("gone")

    monkeypatch.setattr(db, "value", gone)
    async with client.session.get(f"{client.url}/health") as answer:
        assert answer.status == 503
        assert msgspec.json.decode(await answer.read())["database"] == "does not answer"


async def test_the_command_listens_on_loopback_and_stops_when_told(sqlite_url: str, tmp_path: Path) -> None:
    environ = {**os.environ, "BLUEBOOK_HOME": settings().home, "BLUEBOOK_DATABASE_URL": sqlite_url}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "from tui.cli import main; main()",
        "api",
        "--port",
        "0",
        env=environ,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    try:
        line = (await asyncio.wait_for(process.stderr.readline(), 150)).decode()
        assert line.startswith("listening on http://127.0.0.1:"), line
        async with aiohttp.ClientSession() as session, session.get(line.split()[-1] + "/health") as answer:
            assert answer.status == 200
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 150) == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
