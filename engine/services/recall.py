"""Orders a worker saved a moment ago, kept as they were saved: the next step of the same order need not read it whole.

What is kept counts only while the order's row still has the version it was saved at, and every change of anything about an
order raises that version (``lifecycle``), whoever makes it. So a case from here is what reading it would give, and one
changed elsewhere is read. Each is handed out once and comes back when its change is committed: nobody sees half a change.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from weakref import WeakKeyDictionary

from tortoise.context import TortoiseContext

from engine import db
from engine.services import loading
from engine.services.casefile import Case

SECONDS = 60.0
"""How long a case is kept: who edits the database by hand, past the versions, is believed after this long."""

_Shelf = OrderedDict[int, tuple[float, Case]]
_shelves: WeakKeyDictionary[TortoiseContext, tuple[int, _Shelf]] = WeakKeyDictionary()


def keep_at_hand(count: int) -> None:
    """From here on up to ``count`` orders are kept for the database that is open; for workers, which alone gain by it."""
    _shelves[db.context()] = (count, OrderedDict())


def _shelf() -> tuple[int, _Shelf] | None:
    return _shelves.get(db.context()) if _shelves else None


async def cases(order_ids: Sequence[int], *, lock: bool = True) -> list[Case]:
    """The orders, ascending by id as they are given, locked for the present transaction; missing ids are left out.

    Without ``lock`` they are for reading, by the caller alone, who may ``put_back`` them.
    """
    found = _shelf()
    kept = {} if found is None else _taken(found[1], order_ids)
    if not kept:
        return await loading.load(order_ids, lock=lock)
    ids = db.padded(list(kept))
    for_update = " FOR UPDATE" if lock and db.is_postgres() else ""
    # All at once and ascending, as every other change locks them.
    every = db.padded(list(order_ids)) if for_update else ids
    rows = await db.lists(
        2, f"SELECT id, version FROM orders WHERE id IN ({db.marks(every)}) ORDER BY id{for_update}", *every
    )
    versions: dict[int, int] = dict(rows)
    same = [case for case in kept.values() if versions.get(case.order.id) == case.order.version]
    fresh = {case.order.id for case in same}
    others = await loading.load([i for i in order_ids if i not in fresh])
    return sorted([*same, *others], key=lambda case: case.order.id) if others else same


def _taken(shelf: _Shelf, order_ids: Iterable[int]) -> dict[int, Case]:
    oldest = time.monotonic() - SECONDS
    found = {}
    for order_id in order_ids:
        at, case = shelf.pop(order_id, (0.0, None))
        if case is not None and at > oldest:
            found[order_id] = case
    return found


def put_back(saved: Iterable[Case], *, new_ones: bool = True) -> None:
    """The cases are as the database has them now. Call it after their commit.

    Without ``new_ones``, new orders are kept only as far as there is room: a long page of them would crowd out those that
    are under way.
    """
    found = _shelf()
    if found is None or db.in_transaction():
        return
    most, shelf = found
    now = time.monotonic()
    for case in saved:
        order_id = case.order.id
        if not (new_ones or case.order.version or len(shelf) < most):
            continue
        shelf[order_id] = (
            now,
            Case(case.order, case.lines, case.purchases, case.shipments, case.issues, read=case.read),
        )
        shelf.move_to_end(order_id)
    while len(shelf) > most:
        shelf.popitem(last=False)
