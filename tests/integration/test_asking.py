"""Suppliers without a feed: what is open there is asked about in turn, over real HTTP, and counts once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web

from engine import clock, db
from engine.errors import TryLater
from engine.services import inbox, receive, setup
from tests.support.scene import DANA, WORKER, Scene

pytestmark = pytest.mark.asyncio(loop_scope="module")
SENT = {"status": "shipped", "carrier": "UPS", "tracking_number": "1Z999AA10123456784"}


class Desk:
    """What it says of each purchase order, and what it was asked."""

    def __init__(self) -> None:
        self.says: dict[str, dict[str, Any]] = {}
        self.asked: list[str] = []
        self.down = False
        self.url = ""

    async def status(self, request: web.Request) -> web.Response:
        number = request.match_info["po_number"]
        self.asked.append(number)
        if self.down:
            return web.Response(status=503)
        return web.json_response(self.says.get(number, {"status": "acknowledged"}))


@pytest_asyncio.fixture(loop_scope="module")
async def desk(scene: Scene) -> AsyncIterator[Desk]:
    acme, made = scene.shop.suppliers["ACME"], Desk()
    app = web.Application()
    app.router.add_get("/status/{po_number}", made.status)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.05)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield made
    clock.use(lambda: datetime.now(UTC))
    await setup.update(
        "suppliers", acme, DANA, values={"base_url": scene.acme.url},
        drop=["status_path", "status_most", "status_seconds"],
    )  # fmt: skip
    await runner.cleanup()


async def ask_here(scene: Scene, desk: Desk, **more: Any) -> None:
    values = {"base_url": desk.url, "status_path": "/status/{po_number}", "status_seconds": 3600, **more}
    await setup.update("suppliers", scene.shop.suppliers["ACME"], DANA, values=values)


def later(hours: float) -> None:
    clock.use(lambda: datetime.now(UTC) + timedelta(hours=hours))


async def test_each_has_its_turn_and_a_round_begins_no_sooner_than_set(scene: Scene, desk: Desk) -> None:
    numbers = [(await scene.sent(("BB-MUG-01", 1)))[1] for _ in range(3)]
    await ask_here(scene, desk, status_most=2)
    assert (await scene.hear()).applied == 2
    assert (await scene.hear()).applied == 1
    assert sorted(desk.asked[:2]) == numbers[:2]
    assert desk.asked[2:] == numbers[2:]
    assert await scene.hear() == receive.Heard()
    assert len(desk.asked) == 3
    later(0.9)
    await scene.hear()
    assert len(desk.asked) == 3
    later(1.1)
    await scene.hear()
    await scene.hear()
    assert sorted(desk.asked[3:]) == numbers
    assert [(await scene.case(order)).purchases[0].state for order in await orders_of(numbers)] == ["acknowledged"] * 3


async def orders_of(numbers: list[str]) -> list[int]:
    found = await db.rows(
        f"SELECT order_id FROM purchase_orders WHERE po_number IN ({db.marks(numbers)}) ORDER BY id", *numbers
    )
    return [int(row[0]) for row in found]


async def test_hearing_it_twice_ships_once_also_when_the_answer_grew(scene: Scene, desk: Desk) -> None:
    order_id, number = await scene.sent(("BB-MUG-01", 2))
    await ask_here(scene, desk)
    line = {"line": 1, "sku": (await scene.po(order_id)).lines[0].supplier_sku, "quantity": 1}
    desk.says[number] = SENT | {"lines": [line]}
    for hours, more in ((0, {}), (3, {}), (5, {"message": "on its way"})):
        later(hours)
        desk.says[number] |= more
        await scene.hear()
    assert desk.asked.count(number) == 3
    assert await scene.states(order_id) == ["partially_shipped"]
    assert [line.shipped for line in (await scene.case(order_id)).lines] == [1]
    stored = await db.rows("SELECT state FROM inbound_messages WHERE external_id = ? AND source = 'supplier'", number)
    assert [row[0] for row in stored] == ["done", "done"]  # each answer as it came, once


async def test_what_cannot_be_read_is_parked_and_read_again_as_it_came(scene: Scene, desk: Desk) -> None:
    order_id, number = await scene.sent(("BB-MUG-01", 1))
    await ask_here(scene, desk)
    desk.says[number] = {"status": "teleported"}
    assert (await scene.hear()).parked == 1
    (row,) = [row for row in await inbox.parked() if row.external_id == number]
    assert "'teleported' is not in the status table" in row.reason
    await ask_here(
        scene, desk, status_map={"acknowledged": "acknowledged", "shipped": "shipped", "teleported": "rejected"}
    )
    await receive.replay(row.id, WORKER)
    assert await scene.states(order_id) == ["rejected"]
    await setup.update("suppliers", scene.shop.suppliers["ACME"], DANA, drop=["status_map"])
    later(8)
    desk.asked.clear()
    await scene.hear()
    assert number not in desk.asked  # it is not open there any more


async def test_a_turn_without_any_answer_is_taken_again(scene: Scene, desk: Desk) -> None:
    _, number = await scene.sent(("BB-MUG-01", 1))
    await ask_here(scene, desk)
    desk.down = True
    with pytest.raises(TryLater, match="503"):
        await scene.hear()
    desk.down = False
    assert number in desk.asked
    desk.asked.clear()
    await scene.hear()
    assert number in desk.asked


async def test_the_feed_is_read_from_its_beginning_when_it_comes_back(scene: Scene) -> None:
    order_id, number = await scene.sent(("BB-MUG-01", 1))
    assert str(await db.value("SELECT cursor FROM suppliers WHERE id = ?", scene.shop.suppliers["ACME"])).startswith(
        "asked:"
    )
    await scene.say(number, "acknowledged")
    assert await scene.states(order_id) == ["acknowledged"]
