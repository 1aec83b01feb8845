"""What was processed and cannot be sent is told apart from what is held, and from what is sent."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
import pytest_asyncio

from engine import clock, db
from engine.services import dashboard, history, listings, reports, tasks
from engine.services.filters import Filters, from_text
from engine.services.order_page import order_page
from tests.support.scene import Scene

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def three(scene: Scene) -> AsyncIterator[dict[str, int]]:
    """An order that can be taken back, one that was tried in vain and is tried later, and one that no worker took."""
    found = {}
    for name, later, attempts in (("held", 3_600, 0), ("tried", 3_600, 7), ("due", 0, 0)):
        found[name] = await scene.order(("BB-MUG-01", 1))
        assert (await scene.process(found[name], undo_seconds=later)).done
        await db.run("UPDATE purchase_orders SET attempt = ? WHERE order_id = ?", attempts, found[name])
        await db.run("UPDATE orders SET version = version + 1 WHERE id = ?", found[name])
    yield found
    await db.run("UPDATE purchase_orders SET attempt = 0 WHERE order_id = ?", found["tried"])
    await db.run("UPDATE orders SET version = version + 1 WHERE id = ?", found["tried"])


async def test_lists_filters_and_pages_tell_them_apart(scene: Scene, three: dict[str, int]) -> None:
    rows = {row.id: row.unsent for row in await history.rows_of(list(three.values()))}
    assert rows == {three["held"]: False, three["tried"]: True, three["due"]: True}
    unsent = {three["tried"], three["due"]}
    assert set(await history.ids_matching(await from_text("is:unsent"))) & set(three.values()) == unsent
    assert three["held"] in await history.ids_matching(await from_text("!is:unsent"))
    pages = {name: (await order_page(order_id)).purchase_orders[0] for name, order_id in three.items()}
    assert {name: (po.held, po.unsent) for name, po in pages.items()} == {
        "held": (True, False), "tried": (False, True), "due": (False, True)
    }  # fmt: skip
    assert three["held"] in {one.order_id for one in (await dashboard.status_bar()).held}
    assert not unsent & {one.order_id for one in (await dashboard.status_bar()).held}


async def test_the_dashboard_does_not_count_them_as_sent(scene: Scene, three: dict[str, int]) -> None:
    bars = {bar.part: bar for bar in await reports.where_orders_wait(reports.scope("today", zone=ZoneInfo("UTC")))}
    for part, orders in (("held", {three["held"]}), ("unsent", {three["tried"], three["due"]}), ("sent", set())):
        listed = await history.ids_matching(bars[part].total.filters)
        assert len(listed) == bars[part].total.count
        assert set(listed) & set(three.values()) == orders
        assert sum(age.count for age in bars[part].ages) == bars[part].total.count


async def test_the_foot_counts_orders_that_were_sent_and_not_their_parts(scene: Scene) -> None:
    await tasks.drain()
    before = await dashboard.sent_since(0)
    order_id = await scene.order(("BB-MUG-01", 1), ("BB-TEA-02", 1))
    await scene.send(order_id)
    assert len((await scene.case(order_id)).purchases) == 2
    assert await dashboard.sent_since(0) == before + 1
    morning = clock.now() - timedelta(days=1)
    bar = await dashboard.status_bar(morning)
    tile = await reports.processing(reports.scope("7d", zone=ZoneInfo("UTC")))
    assert bar.sent_today == tile.sent.count


async def test_what_waits_for_a_rate_or_a_sku_is_listed_by_it_alone(scene: Scene) -> None:
    orders = {rate: await scene.order(("BB-MUG-01", 1), rate=rate) for rate in ("Only, this", "Only: that")}
    unknown = await scene.order(("NO-SUCH-SKU", 1))
    channel = scene.shop.channel_id
    for rate, order_id in orders.items():
        [cause] = {issue.cause for issue in (await scene.case(order_id)).issues}
        filters = Filters(cause=cause)
        assert Filters.from_params(filters.to_params()) == filters
        assert await history.ids_matching(filters) == [order_id]
        assert rate in cause
    assert await history.ids_matching(Filters(cause=f"sku:{channel}:NO-SUCH-SKU")) == [unknown]
    assert {one.orders for one in await listings.unmapped_rates() if one.rate in orders} == {1}
