"""Every figure of the dashboard is the number of orders that its filters list, and says what happened."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from engine import clock, db
from engine.domain.states import OrderStatus
from engine.errors import Invalid
from engine.services import history, lead_times, reports
from engine.services.filters import Filters
from tests.support import bulk

ZONE = ZoneInfo("America/New_York")


def counts_in(value: Any) -> Iterable[Any]:
    """Everything in a figure that has a count and its filters."""
    if isinstance(value, msgspec.Struct):
        if hasattr(value, "count") and hasattr(value, "filters"):
            yield value
        for name in value.__struct_fields__:
            yield from counts_in(getattr(value, name))
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from counts_in(item)


async def figures(s: reports.Scope) -> dict[str, Any]:
    return {
        "waiting": await reports.waiting(s),
        "processing": await reports.processing(s),
        "late": await reports.late(s),
        "where": await reports.where_orders_wait(s),
        "reasons": await reports.reasons(s),
        "days": await reports.errors_by_day(s),
        "hours": await reports.by_hour(s),
        "suppliers": await lead_times.suppliers(s),
    }


async def filled(database: str) -> None:
    await bulk.fill(database, 1_500)
    clock.use(lambda: bulk.NOW)
    await db.run("UPDATE orders SET auto = (1 = 1) WHERE id % 3 = 0")
    hour = 3_600_000_000
    await db.run("UPDATE shipments SET shipped_at = shipped_at - 86400000000 + (id % 150) * ?", hour)


@pytest.mark.parametrize(("period", "channel_ids"), [("today", ()), ("7d", (2, 3))])
async def test_each_figure_is_what_its_filters_list(database: str, period: str, channel_ids: tuple[int, ...]) -> None:
    await filled(database)
    found = await figures(reports.scope(period, zone=ZONE, channel_ids=channel_ids))
    tried = 0
    for name, figure in found.items():
        for count in counts_in(figure):
            # An order with two purchase orders at a supplier is two there; bulk orders with such are few.
            listed = len(await history.ids_matching(count.filters))
            slack = 0.12 * count.count + 2 if name == "suppliers" else 0
            assert abs(listed - count.count) <= slack, (name, count)
            assert Filters.from_params(count.filters.to_params()) == count.filters
            tried += count.count > 0
    assert tried > 20


async def test_figures_say_what_happened(database: str) -> None:
    await filled(database)
    s = reports.scope("30d", zone=ZONE)
    found = await figures(s)
    waits = found["waiting"]
    assert waits.waiting.count > waits.person.count > 0
    assert waits.morning.hour == 9
    assert waits.morning <= bulk.NOW
    assert waits.oldest is not None
    assert waits.change > 0  # bulk's newest orders all came since
    took = found["processing"]
    assert took.p50 is not None
    assert took.p50 == pytest.approx(699)
    assert took.in_time == 100
    assert found["where"][0].status == OrderStatus.FAILED
    assert all(bar.total.count == sum(age.count for age in bar.ages) for bar in found["where"])
    assert found["reasons"] == sorted(found["reasons"], key=lambda r: -r.had.count)
    assert len(found["days"]) == 7
    assert found["days"][-1].day == bulk.NOW.astimezone(ZONE).date()
    assert sum(hour.automatic.count + hour.manual.count for hour in found["hours"]) > 0
    rows = found["suppliers"]
    assert {row.supplier for row in rows} == set(bulk.SUPPLIERS)
    assert all(row.sampled == sum(b.count for b in row.bins) > 0 for row in rows)
    assert all(0 < row.shipped_p50 < row.shipped_p90 for row in rows)
    assert all(0 < row.in_time < 100 for row in rows)


async def test_a_quiet_shop_has_figures_too(database: str) -> None:
    found = await figures(reports.scope("today", zone=ZONE))
    assert found["waiting"].waiting.count == 0
    assert found["waiting"].oldest is None
    assert found["processing"].p50 is None
    assert found["days"][0].per_100 is None
    assert found["suppliers"] == []
    with pytest.raises(Invalid, match="today, 7d, 30d"):
        reports.scope("year", zone=ZONE)


async def test_orders_that_go_and_needs_that_end_since_nine_are_subtracted(database: str) -> None:
    await filled(database)
    s = reports.scope("today", zone=ZONE)
    before = await reports.waiting(s)
    at = clock.micros(before.morning + timedelta(minutes=5))
    early = clock.micros(before.morning)
    ids = [r[0] for r in await db.rows(
        "SELECT p.id FROM purchase_orders AS p JOIN orders AS o ON o.id = p.order_id "
        "WHERE o.received_at < ? AND p.sent_at < ? ORDER BY p.id DESC LIMIT 3", early - 1, early,
    )]  # fmt: skip
    orders = {r[0] for r in await db.rows(f"SELECT order_id FROM purchase_orders WHERE id IN ({db.marks(ids)})", *ids)}
    await db.run(f"UPDATE purchase_orders SET sent_at = ? WHERE id IN ({db.marks(ids)})", at, *ids)
    assert (await reports.waiting(s)).change == before.change - len(orders)
