"""A database that fails for a moment parks nothing: what was told is stored and applied all the same."""

from __future__ import annotations

from typing import Any

import pytest
from tortoise.exceptions import OperationalError

from engine.services import check, inbox, submit, supplier_says
from tests.integration.test_sending import sending, states
from tests.support.desk import desk

LAMP = "BB-LAMP-01"


def failing(function: Any, times: int) -> Any:
    """The function, but for the first so many calls."""
    left = [None] * times

    def hiccup(*args: Any, **more: Any) -> Any:
        if left:
            left.pop()
            raise OperationalError("deadlock detected")
        return function(*args, **more)

    return hiccup


@pytest.mark.parametrize(("times", "parked"), [(2, 0), (9, 1)])
async def test_an_order_is_stored_after_a_hiccup_and_parked_when_it_fails_for_good(
    sqlite_database: str, monkeypatch: pytest.MonkeyPatch, times: int, parked: int
) -> None:
    async with desk(monkeypatch) as at:
        monkeypatch.setattr(check, "check", failing(check.check, times))
        told = await at.told(at.order("1001", (LAMP, 1)))
        assert (told.new, told.parked) == (1 - parked, parked)
        assert len(await inbox.parked()) == parked


@pytest.mark.parametrize(("times", "state"), [(2, "shipped"), (9, "submitted")])
async def test_what_a_supplier_says_is_applied_after_a_hiccup(
    sqlite_database: str, monkeypatch: pytest.MonkeyPatch, times: int, state: str
) -> None:
    async with desk(monkeypatch) as at:
        await submit.run_jobs(await sending(at, "1001"))
        monkeypatch.setattr(supplier_says, "apply", failing(supplier_says.apply, times))
        heard = await at.hear("ACME", at.shipped("1001-1", "1Z999AA10123456784"))
        assert await states() == [state]
        assert heard.parked == (state == "submitted")
