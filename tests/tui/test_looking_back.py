"""A filter that none of the newest orders fits goes on looking, and says so, until it finds some or there are no more."""

from __future__ import annotations

from decimal import Decimal

import pytest

from engine.services import history, walk
from engine.services.filters import Filters
from tests.support.terminal import at_desk


async def test_an_old_order_is_found_though_none_of_the_newest_fits(
    filled: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(walk, "WINDOWS", (10, 20))
    (old,) = await history.rows_of([7])
    total, cent = Decimal(old.total) / 100, Decimal("0.01")
    page = await history.list_orders(Filters(country=old.country, total_min=total, total_max=total))
    assert (page.partial, page.rows) == (True, []), "more than one page is looked through"
    patient = await history.list_orders(Filters(country=old.country, total_min=total, total_max=total), patience=60)
    assert (patient.ids, patient.previous) == ([old.id], None)
    none = await history.list_orders(Filters(total_min=Decimal(999_999)), patience=60)
    assert (none.ids, none.next, none.previous, none.partial) == ([], None, None, False)
    async with at_desk(start="history", size=(80, 24)) as desk:
        await desk.press("/", *f"cc:{old.country} total>{total - cent} total<{total + cent}", "enter")
        await desk.until(lambda: old.id in {row.id for row in desk.orders.window.rows})
        assert desk.orders.window.row is not None
        await desk.until(lambda: old.number in desk.text() and old.customer in desk.text())


async def test_where_no_order_fits_that_is_said_at_the_end(filled: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walk, "WINDOWS", (10, 20))
    async with at_desk(start="history", size=(80, 24)) as desk:
        said: list[str] = []
        screen = desk.orders
        plain = screen.why_empty
        monkeypatch.setattr(screen, "why_empty", lambda: said.append(plain()) or said[-1])
        await desk.press("/", *"total>999999", "enter")
        await desk.until(lambda: "No order matches total>999999 here" in desk.text())
        assert any("looking further back" in one for one in said)
