"""What an order keeps for the lists' sake: since when it needs a person, and the terms it is found by after a change."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from engine import db
from engine.domain.issues import LATE
from engine.services import search
from engine.services.casefile import Case


class _Work(Protocol):
    def finally_(self, action: Callable[[], Awaitable[None]]) -> None: ...


def since(case: Case) -> dict[str, int | None]:
    """The order's ``issue_at`` and ``late_at``, as they follow from its open Issues."""
    opened = [issue.opened_at for issue in case.issues]
    late = [issue.opened_at for issue in case.issues if issue.code in LATE]
    return {"issue_at": min(opened, default=None), "late_at": min(late, default=None)}


def kept(work: _Work, case: Case) -> dict[str, int | None]:
    """The same; and a new order is found by the city it goes to, a changed one by its new name, e-mail and city."""
    _find_anew(work, case)
    return since(case)


def _find_anew(work: _Work, case: Case) -> None:
    order = case.order
    if order.dirty & {"customer", "email"} and not order.is_new:
        case.terms |= search.terms_of(order.customer, order.email)
    if not order.is_new and "ship_to" not in order.dirty:
        return
    term = search.city_term(case.address().city)
    case.terms.add(term)
    if order.is_new:
        return

    async def forget() -> None:
        await db.run(
            "DELETE FROM terms WHERE order_id = ? AND term >= ? AND term < ? AND term <> ?",
            order.id, search.CITY, search.begun(search.CITY).high, term,
        )  # fmt: skip

    work.finally_(forget)
