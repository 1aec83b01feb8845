"""Against the demo supplier over real HTTP: the good day, and every fault."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import aiohttp
import msgspec
import pytest
from aiohttp import web

from engine.connectors.suppliers.rest.connector import Connector
from engine.demo.supplier_desk import Behaviour, tracking_number
from engine.demo.supplier_faults import Fault, FaultPlan, Route
from engine.demo.supplier_http import DemoHttpSupplier
from engine.errors import NotAuthorised, OutcomeUnknown, Refused, TryLater
from engine.ports import CancelAnswer, SupplierUpdate, UpdateKind
from tests.connectors.rest.conftest import purchase

QUIET = Behaviour(ship_after=None)


def script(*faults: Fault, route: Route = Route.SUBMIT, **more: float) -> FaultPlan:
    return FaultPlan(script={route: list(faults)}, **more)


async def updates(acme: Connector, wanted: int) -> list[SupplierUpdate]:
    found: dict[str, SupplierUpdate] = {}
    cursor = None
    async with asyncio.timeout(60):
        while len(found) < wanted:
            page = await acme.poll(cursor)
            cursor = page.next
            found |= {update.key: update for raw in page.items for update in acme.read(raw)}
            await asyncio.sleep(0.01)
    return list(found.values())


def test_the_tracking_numbers_have_the_right_check_digit() -> None:
    # "1Z5R89390357567127" is UPS's own example; the same sum must hold for ours.
    for number in ("1Z5R89390357567127", tracking_number(0, 1), tracking_number(7, 1234567)):
        values = [int(c) if c.isdigit() else (ord(c) - 63) % 10 for c in number[2:]]
        assert len(number) == 18
        assert (sum(values[0:15:2]) + 2 * sum(values[1:15:2]) + values[15]) % 10 == 0
    assert tracking_number(1, 5) != tracking_number(2, 5)


async def test_a_purchase_order_is_acknowledged_and_shipped_in_two_parcels(connected) -> None:
    async with (
        DemoHttpSupplier(Behaviour(ship_after=0.02, split=1.0)) as demo,
        connected(demo.url, demo.api_key) as acme,
    ):
        accepted = await acme.submit("1001-1", acme.render(purchase()))
        assert accepted.reference == "DS-100001" == (await acme.find("1001-1")).reference
        ack, first, rest = await updates(acme, 3)
        assert [x.kind for x in (ack, first, rest)] == [
            UpdateKind.ACKNOWLEDGED,
            UpdateKind.SHIPPED,
            UpdateKind.SHIPPED,
        ]
        assert [(x.line, x.quantity) for x in first.lines + rest.lines] == [(1, 3), (2, 1)]
        assert first.tracking_number != rest.tracking_number
        assert (first.carrier, first.service) == ("UPS", "UPS_GROUND")
        assert demo.orders["1001-1"][0].status == "shipped"
        assert await acme.request_cancel("1001-1") is CancelAnswer.REFUSED


async def test_rejects_backorders_and_stock_are_told(connected) -> None:
    behaviour = Behaviour(ship_after=0.02, reject={"A-2": 1.0}, backorder={"B-1": 1.0})
    async with DemoHttpSupplier(behaviour) as demo, connected(demo.url, demo.api_key) as acme:
        lines = purchase().lines
        await acme.submit("1001-1", acme.render(purchase()))
        late = purchase("1002-1", lines=(msgspec.structs.replace(lines[0], supplier_sku="B-1"),))
        await acme.submit("1002-1", acme.render(late))
        demo.set_stock([("A-1", 4, "2.50")])
        told = {(x.kind, x.po_number): x for x in await updates(acme, 4)}
    assert "A-2" in told[UpdateKind.REJECTED, "1001-1"].message
    assert told[UpdateKind.BACKORDERED, "1002-1"].lines[0].expected_at is not None
    assert told[UpdateKind.SHIPPED, "1002-1"].lines[0].quantity == 3
    assert told[UpdateKind.INVENTORY, ""].lines[0].unit_cost == 250


async def test_canceling_twice_is_canceling_once(connected) -> None:
    async with DemoHttpSupplier(QUIET) as demo, connected(demo.url, demo.api_key) as acme:
        await acme.submit("1001-1", acme.render(purchase()))
        assert await acme.request_cancel("1001-1") is CancelAnswer.CANCELED
        assert await acme.request_cancel("1001-1") is CancelAnswer.CANCELED
        told = await updates(acme, 1)
        assert [x.kind for x in told].count(UpdateKind.CANCELED) == 1


@pytest.mark.parametrize("fault", [Fault.LATE, Fault.ERROR_AFTER, Fault.DROP_AFTER, Fault.CUT])
async def test_accepted_without_an_answer_is_unknown_until_the_look_up_finds_it(connected, fault) -> None:
    async with (
        DemoHttpSupplier(QUIET, faults=script(fault)) as demo,
        connected(demo.url, demo.api_key, timeout=2 if fault is Fault.LATE else 60) as acme,
    ):
        with pytest.raises(OutcomeUnknown):
            await acme.submit("1001-1", acme.render(purchase()))
        found = await acme.find("1001-1")
        assert found is not None
        assert found.reference == "DS-100001"
        assert demo.repeated == {}


@pytest.mark.parametrize("fault", [Fault.ERROR_BEFORE, Fault.DROP_BEFORE])
async def test_lost_before_it_was_accepted_is_unknown_until_the_look_up_denies_it(connected, fault) -> None:
    async with DemoHttpSupplier(QUIET, faults=script(fault)) as demo, connected(demo.url, demo.api_key) as acme:
        with pytest.raises(OutcomeUnknown):
            await acme.submit("1001-1", acme.render(purchase()))
        assert await acme.find("1001-1") is None
        assert demo.ledger == {}


async def test_a_throttled_submit_waits_as_long_as_asked(connected) -> None:
    plan = script(Fault.THROTTLE, retry_after=7)
    async with DemoHttpSupplier(QUIET, faults=plan) as demo, connected(demo.url, demo.api_key) as acme:
        with pytest.raises(TryLater) as caught:
            await acme.submit("1001-1", b"{}")
        assert caught.value.retry_after == 7
        assert demo.ledger == {}


async def test_refused_connections_leave_nothing_behind_and_pass(connected) -> None:
    async with DemoHttpSupplier(QUIET) as demo, connected(demo.url, demo.api_key) as acme:
        await acme.check()
        await demo.refuse_connections()
        await asyncio.sleep(0.05)
        with pytest.raises(TryLater, match="cannot be reached"):
            await acme.submit("1001-1", acme.render(purchase()))
        with pytest.raises(TryLater):
            await acme.find("1001-1")
        await demo.listen()
        await acme.submit("1001-1", acme.render(purchase()))
        assert len(demo.ledger["1001-1"]) == 1


async def test_truncated_and_slow_answers_are_read_for_what_they_are(connected) -> None:
    plan = script(Fault.TRUNCATE, Fault.SLOW)
    async with DemoHttpSupplier(QUIET, faults=plan) as demo, connected(demo.url, demo.api_key) as acme:
        assert "cannot be read" in (await acme.submit("1001-1", acme.render(purchase()))).detail
        slow = await acme.submit("1002-1", acme.render(purchase("1002-1")))
        assert slow.reference == "DS-100002"
        demo.faults.use(script(Fault.TRUNCATE, Fault.CUT, Fault.ERROR_BEFORE, route=Route.FIND))
        for _ in range(3):
            with pytest.raises(TryLater):
                await acme.find("1001-1")
        demo.faults.use(script(Fault.TRUNCATE, Fault.CUT, route=Route.UPDATES))
        for _ in range(2):
            with pytest.raises(TryLater):
                await acme.poll(None)


async def test_a_wrong_key_and_a_refusal_are_told_apart(connected) -> None:
    async with DemoHttpSupplier(Behaviour(unknown_skus=frozenset({"A-2"}))) as demo:
        async with connected(demo.url, "wrong") as stranger:
            for call in (stranger.submit("1001-1", b"{}"), stranger.find("1001-1"), stranger.poll(None)):
                with pytest.raises(NotAuthorised):
                    await call
        async with connected(demo.url, demo.api_key, auth_header="X-API-Key", auth_scheme="") as acme:
            with pytest.raises(Refused, match="Acme: we do not stock A-2") as caught:
                await acme.submit("1001-1", acme.render(purchase()))
        assert caught.value.code == "422"
        assert demo.ledger == {}


async def test_sending_again_gives_the_same_reference_and_is_in_the_ledger(connected) -> None:
    async with DemoHttpSupplier(QUIET) as demo, connected(demo.url, demo.api_key) as acme:
        body = acme.render(purchase())
        assert {(await acme.submit("1001-1", body)).reference for _ in range(3)} == {"DS-100001"}
        assert (demo.repeated, demo.duplicates, demo.changed) == ({"1001-1": 3}, {}, set())
        assert {receipt.idempotency_key for receipt in demo.ledger["1001-1"]} == {"1001-1"}
        edited = await acme.submit("1001-1", acme.render(purchase(note="changed")))
        assert (edited.reference, demo.changed) == ("DS-100001", {"1001-1"})
    async with (
        DemoHttpSupplier(msgspec.structs.replace(QUIET, dedupe=False)) as careless,
        connected(careless.url, careless.api_key) as acme,
    ):
        for _ in range(2):
            await acme.submit("1001-1", body)
        assert careless.duplicates == {"1001-1": 2}


async def test_repeated_and_shuffled_updates_say_the_same_things(connected) -> None:
    plan = FaultPlan(rates={Route.UPDATES: {Fault.DUPLICATE: 0.5, Fault.REORDER: 0.5}}, seed=3)
    async with (
        DemoHttpSupplier(QUIET, faults=plan) as demo,
        connected(demo.url, demo.api_key, page_size=4) as acme,
    ):
        for number in range(20):
            await acme.submit(f"{number}-1", acme.render(purchase(f"{number}-1")))
        told = await updates(acme, 20)
        assert {x.po_number for x in told} == {f"{number}-1" for number in range(20)}
        assert demo.faults.counts.keys() == {"updates.duplicate", "updates.reorder"}


async def test_rates_fall_the_same_way_for_the_same_seed() -> None:
    plan = FaultPlan(rates={Route.SUBMIT: {Fault.ERROR_AFTER: 0.2, Fault.LATE: 0.1}}, seed=11)
    seen = []
    for _ in range(2):
        demo = DemoHttpSupplier(faults=plan)
        seen.append([demo.faults.draw(Route.SUBMIT) for _ in range(300)])
    assert seen[0] == seen[1]
    assert 30 < seen[0].count(Fault.ERROR_AFTER) < 90


async def test_signed_callbacks_carry_what_polling_would(connected) -> None:
    received: asyncio.Queue[tuple[dict[str, str], bytes]] = asyncio.Queue()

    async def hook(request: web.Request) -> web.Response:
        received.put_nowait((dict(request.headers), await request.read()))
        return web.Response(status=204)

    app = web.Application()
    app.router.add_post("/hook", hook)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.05)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    async with (
        DemoHttpSupplier(Behaviour(ship_after=0.01), callback_url=url, callback_secret="s3") as demo,
        connected(demo.url, demo.api_key, callback_secret="s3") as acme,
    ):
        await acme.submit("1001-1", acme.render(purchase()))
        called = [acme.verify_callback(*await asyncio.wait_for(received.get(), 60)) for _ in range(2)]
        page = await acme.poll(None)
        assert [(raw.delivery_id, acme.read(raw)) for raw in called] == [
            (raw.delivery_id, acme.read(raw)) for raw in page.items
        ]
    await runner.cleanup()


async def test_a_supplier_process_is_controlled_over_http_and_its_ledger_outlives_a_kill(connected, tmp_path) -> None:
    ledger = tmp_path / "ledger.jsonl"

    async def start() -> tuple[asyncio.subprocess.Process, dict[str, str]]:
        arguments = ("--port", "0", "--ship-after", "0.02", "--ledger", str(ledger), "--api-key", "k-9")
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "engine.demo.supplier_http",
            *arguments,
            stdout=asyncio.subprocess.PIPE,
            cwd=Path(__file__).parents[3],
            env=dict(os.environ),
        )
        assert process.stdout is not None
        return process, msgspec.json.decode(await asyncio.wait_for(process.stdout.readline(), 150))

    process, said = await start()
    async with connected(said["url"], said["api_key"]) as acme, aiohttp.ClientSession(said["url"]) as control:
        await acme.submit("1001-1", acme.render(purchase()))
        told = await updates(acme, 2)
        async with control.post("/demo/stock", json=[{"sku": "A-1", "quantity": 3}]) as answer:
            assert answer.status == 200
        async with control.post("/demo/faults", json={"script": {"submit": ["error_after"]}}) as answer:
            assert answer.status == 200
        async with control.post("/demo/faults", json={"script": {"submit": ["earthquake"]}}) as answer:
            assert answer.status == 422
        with pytest.raises(OutcomeUnknown):
            await acme.submit("1002-1", acme.render(purchase("1002-1")))
        async with control.get("/demo/state") as answer:
            assert (await answer.json())["purchase_orders"] == 2
        async with control.get("/demo/ledger") as answer:
            assert list(await answer.json()) == ["1001-1", "1002-1"]
    process.send_signal(signal.SIGKILL)
    await process.wait()
    with ledger.open("ab") as file:
        file.write(b'{"po_number": "half a r')  # what a kill in the middle of a write leaves
    process, said = await start()
    async with connected(said["url"], said["api_key"]) as acme:
        assert (await acme.find("1001-1")) is not None
        after = await updates(acme, 5)  # ack, ship, stock and those of 1002-1, none of them twice
        assert after[:2] == told
        assert sorted(x.po_number for x in after) == ["", "1001-1", "1001-1", "1002-1", "1002-1"]
        assert (await acme.submit("1003-1", acme.render(purchase("1003-1")))).reference == "DS-100003"
    process.terminate()
    assert await process.wait() == 0
    assert len(ledger.read_bytes().splitlines()) == 3


async def test_hundreds_of_orders_at_once_pass_without_a_repeat(connected) -> None:
    async with (
        DemoHttpSupplier(Behaviour(ship_after=0.0)) as demo,
        connected(demo.url, demo.api_key) as acme,
    ):
        numbers = [f"{number}-1" for number in range(400)]
        await asyncio.gather(*(acme.submit(po, acme.render(purchase(po))) for po in numbers))
        assert demo.ledger.keys() == set(numbers)
        assert demo.repeated == {}
        assert len(await updates(acme, 800)) == 800
