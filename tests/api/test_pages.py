"""Pages by key: nothing comes twice and nothing is left out while orders arrive; a cursor is of one list only."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from engine import settings
from engine.services import push, setup
from tests.api.client import Api
from tests.api.conftest import serving
from tests.api.shop import HEAD, open_shop, row
from tests.support.scene import DANA


@pytest.fixture
async def api(database: str) -> AsyncIterator[Api]:
    """The API over an empty database; no limit to how often it is called."""
    settings.force(msgspec.structs.replace(settings.settings(), api_calls=0))
    async with serving() as found:
        yield found


async def arrive(channel: int, *numbers: int) -> list[int]:
    """Orders N-n, each placed n minutes after the first, are here; their ids."""
    lines = "".join(row(f"N-{n}", "BB-MUG-01", minute=n) for n in numbers)
    return [order.id for order in (await push.take(channel, "orders.csv", (HEAD + lines).encode(), DANA)).orders]


@pytest.mark.parametrize("sort", ["-placed", "number", "state"])
async def test_pages_while_orders_arrive(api: Api, tmp_path: Path, sort: str) -> None:
    _, channel = await open_shop(tmp_path)
    before = await arrive(channel, *range(100, 123))
    seen: list[int] = []
    path: str | None = f"/orders?sort={sort}&limit=4&channel_ids={channel}"
    turn = 0
    while path:
        found = await api.call("GET", path)
        seen += [order["id"] for order in found.said["data"]]
        path = found.said["next"]
        # Before, between and after those that were there.
        await arrive(channel, 50 + turn, 124 + turn)
        turn += 1
    assert len(seen) == len(set(seen))
    assert set(before) <= set(seen)
    assert turn >= 6


async def test_a_cursor_is_of_its_list_and_of_nothing_else(api: Api, tmp_path: Path) -> None:
    _, channel = await open_shop(tmp_path)
    await arrive(channel, *range(5))
    found = await api.get("/orders", limit=2, text="reyes")
    cursor = found["next"].rpartition("cursor=")[2]
    assert "%" not in cursor
    assert [o["number"] for o in (await api.get("/orders", limit=3, text="reyes", cursor=cursor))["data"]] == [
        "N-2", "N-1", "N-0",
    ]  # fmt: skip
    for path, query in (
        ("/orders", {"text": "reye"}),
        ("/orders", {"text": "reyes", "sort": "placed"}),
        ("/products", {"text": "reyes"}),
        ("/channels", {}),
    ):
        said = await api.refused(422, "invalid", "GET", path, cursor=cursor, **query)
        assert said["field"] == "cursor"
    mark = msgspec.json.decode(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))[0]
    for values in (
        [mark],
        [mark, 1, "x"],
        [mark, 10**30, 1],
        [mark, "a\0", 1],
        [mark, None, 1],
        ["x", 1, 1],
        {},
        [mark, "x", 1],
    ):
        forged = base64.urlsafe_b64encode(msgspec.json.encode(values)).rstrip(b"=").decode()
        await api.refused(422, "invalid", "GET", "/orders", text="reyes", cursor=forged)
    for forged in ("x", "AAAA", "é", "=", "A" * 1501):
        await api.refused(422, "invalid", "GET", "/orders", text="reyes", cursor=forged)


async def test_every_list_has_pages(api: Api, tmp_path: Path) -> None:
    shop, channel = await open_shop(tmp_path)
    acme = shop.suppliers["ACME"]
    for rate in ("Slow", "Fast / Express", "ü & ?", ""):
        await setup.map_shipping(channel, rate, acme, "UPS-GND", DANA, recheck=False)
    for path, name in (
        ("/products", "sku"), ("/mappings/skus", "sku"), ("/mappings/shipping", "rate"), ("/channels", "id"),
        ("/suppliers", "id"), (f"/suppliers/{acme}/offers", "sku"),
    ):  # fmt: skip
        whole = (await api.get(path, limit=500))["data"]
        assert len(whole) >= 2, path
        assert await api.pages(path, limit=1) == whole, path
        assert await api.pages(path, limit=len(whole)) == whole, path
        assert len({str(one) for one in whole}) == len(whole)
        assert name in whole[0]
