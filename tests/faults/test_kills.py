"""Workers killed at every crash point, brokers wiped, suppliers that answer wrongly: nothing is lost, nothing done twice."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from engine import db
from engine.settings import settings
from tests.faults.outside import assert_all_is_well
from tests.faults.siege import Workers, siege, until
from tests.integration.test_workers import _reach, wipe
from tests.support.crashing import deaths, passed

pytestmark = [pytest.mark.faults, pytest.mark.timeout(1800)]

REDIS = os.environ.get("BLUEBOOK_TEST_REDIS_FAULTS", "redis://127.0.0.1:6379/10")
AMQP = os.environ.get("BLUEBOOK_TEST_AMQP", "amqp://guest:guest@127.0.0.1:5672/%2f")
ORDERS, KILLS = 500, 300
MOST_SECONDS = 900.0
ON_THE_WAY = (
    "commit inbox._keep", "commit outbox.", "commit submit._stage_all", "write connector.stage", "commit submit._begin",
    "POST connector.submit", "rename connector.submit", "commit submit._finish", "GET connector.find",
    "commit submit._record_found", "commit receive._apply", "commit track._begin", "PUT ", "commit track._finish",
)  # fmt: skip
"""Where a death would hurt most; that these were among the points is asserted by name."""


@pytest.fixture(params=["sql", "redis", "amqp"])
def broker(request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a broker that nobody else uses; emptied afterwards."""
    if trouble := _reach(request.param):
        if os.environ.get("CI"):
            pytest.fail(trouble)
        pytest.skip(trouble)
    queue = f"bluebook-faults-{os.getpid()}-{time.monotonic_ns()}"
    url = {"sql": "sql://", "redis": f"{REDIS}?queue={queue}", "amqp": f"{AMQP}?queue={queue}"}[request.param]
    yield url
    wipe(url, remove=True)


def _spared(killed: Iterable[str]) -> set[str]:
    """The points on the way at which nobody has died."""
    wanted = {f"{when} {what}" for what in ON_THE_WAY for when in ("before", "after")}
    return {point for point in wanted if not any(name.startswith(point) for name in killed)}


async def test_workers_killed_everywhere_lose_nothing_and_double_nothing(
    database: str, broker: str, tmp_path: Path
) -> None:
    log = tmp_path / "kills"
    async with siege(tmp_path, dedupe=False) as shop:
        await shop.trouble(seed=11)
        workers = Workers(tmp_path, database, broker, settings().home, seed=3)
        try:
            began, wipes, spared = time.monotonic(), 0, set[str]()
            while (kills := shop.kills) < KILLS or shop.placed < ORDERS or (spared := _spared(deaths(log))):
                assert time.monotonic() - began < MOST_SECONDS, f"{kills} kills, {shop.placed} orders, {spared} spared"
                # Orders come as workers die, so that there is work to be interrupted from first to last.
                await shop.place(min(ORDERS, 100 + ORDERS * kills // KILLS))
                if kills >= (wipes + 1) * KILLS // 3:
                    await asyncio.to_thread(wipe, broker, remove=wipes == 1)
                    wipes += 1
                await asyncio.sleep(0.05)
            await shop.peace()
            workers.tell("quiet")
            try:
                # Longer than the minute after which what was refused or paused is tried again.
                await until(lambda: shop.completed(ORDERS), 600, "the completion of every order")
            except AssertionError as error:
                raise AssertionError(f"{error}\n{await shop.unfinished()}") from error
            assert workers.stop() == "0:1"
        finally:
            workers.close()
        killed = deaths(log)
        assert killed.keys() >= passed(tmp_path / "seen")
        assert not _spared(killed)
        assert await db.value("SELECT COUNT(*) FROM orders") == ORDERS
        await assert_all_is_well(shop)
