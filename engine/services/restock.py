"""Orders that wait for a product somebody offers now: they are checked again, a few at once and the others by jobs."""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from engine import db
from engine.domain.issues import IssueCode
from engine.domain.states import OrderStatus
from engine.services import check, outbox
from engine.services.lifecycle import Actor
from engine.services.outbox import NewJob

AT_ONCE = 200
"""Orders that are checked while somebody waits for the answer, those that came first."""
BY_CAUSE = 500
"""Of so many products at most it is asked for each who waits for it; of more, who waits for anything."""
_CAUSE = "stock:"
_WAIT = f"code IN ('{IssueCode.NO_SUPPLIER_STOCK}', '{IssueCode.SUPPLIER_DISABLED}') AND closed_at IS NULL"


class Rechecked(msgspec.Struct, frozen=True):
    """``ready`` counts the waiting orders that became ready or went on by themselves, ``later`` those still to be checked."""

    ready: int = 0
    later: int = 0

    @property
    def said(self) -> str:
        """That in a clause; "" where nothing waited that could go on."""
        ready = f"{self.ready:,} waiting order{'' if self.ready == 1 else 's'} became ready" if self.ready else ""
        later = (
            f"{self.later:,} more {'is' if self.later == 1 else 'are'} checked in the background" if self.later else ""
        )
        return ", ".join(part for part in (ready, later) if part)


async def waited_for() -> set[int]:
    """The products that orders wait for, as no supplier has them, or none that is enabled."""
    found = await db.rows(f"SELECT DISTINCT cause FROM issues WHERE {_WAIT}")
    return {int(r[0].removeprefix(_CAUSE)) for r in found if r[0].startswith(_CAUSE)}


async def recheck(product_ids: Collection[int], by: Actor, *, at_once: int = AT_ONCE) -> Rechecked:
    """The orders that wait for one of these products are checked again, or have a job that does so.

    What is not waited for costs nothing: a supplier's stock of fifty thousand products is one query here.
    """
    wanted = set(product_ids)
    if len(wanted) > BY_CAUSE:
        wanted &= await waited_for()
    causes = [f"{_CAUSE}{product}" for product in sorted(wanted)]
    found = await db.rows_among("SELECT order_id FROM issues WHERE closed_at IS NULL AND cause", causes)
    ids = sorted({int(r[0]) for r in found})
    await outbox.put([NewJob(f"check:{order_id}", "orders.check", order_id) for order_id in ids[at_once:]])
    statuses = await check.recheck(ids[:at_once], by)
    gone_on = (OrderStatus.READY, OrderStatus.PROCESSED)
    return Rechecked(sum(status in gone_on for status in statuses.values()), len(ids[at_once:]))


async def recheck_offered(supplier_id: int, by: Actor) -> Rechecked:
    """The same of all that the supplier offers."""
    waits = await waited_for()
    if not waits:
        return Rechecked()
    found = await db.rows(
        "SELECT product_id FROM supplier_products WHERE supplier_id = ? AND enabled = ?", supplier_id, True
    )
    return await recheck(waits & {int(r[0]) for r in found}, by)
