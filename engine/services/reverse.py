"""Reverse: what a person said of an order, by an edit or an answer for this order only, is taken back before it is sent.

The blue book has each value as it was and as it became; what was remembered for next time is taken back by ``unmap``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from engine import db
from engine.domain.issues import ISSUES, IssueCode, Resolution
from engine.domain.states import COMMITTED, PurchaseState
from engine.errors import NotFound, Refused, StaleState
from engine.services import check, lifecycle
from engine.services.casefile import Case, LineRecord, OrderRecord, PurchaseRecord, Record
from engine.services.lifecycle import Actor, Work

INSTEAD = "cancel it, or ask the supplier for a change"
_SAID: dict[type[Record], tuple[str, ...]] = {
    OrderRecord: ("ship_to", "country", "customer", "shipping_rate", "note", "waived"),
    LineRecord: ("quantity", "added", "cancel_asked", "sku", "product_id", "supplier_id"),
    PurchaseRecord: ("method_chosen", "method_id"),
}
"""What people say of an order; all else follows from it."""
_NOT_BACK = {Resolution.CANCEL, Resolution.RETRY}


async def last(order_id: int, by: Actor) -> int:
    """The number, in the order's blue book, of the last edit or answer of this person; 0 where that cannot be taken back."""
    row = await db.row(
        "SELECT seq, tag, data FROM audit_events WHERE order_id = ? AND actor = ? AND tag IN (?, ?) "
        "ORDER BY seq DESC LIMIT 1",
        order_id, by.name, f"{by.source}:order:edit", f"{by.source}:order:resolve",
    )  # fmt: skip
    if row is None or (row[1].endswith(":resolve") and not _found_again(msgspec.json.decode(row[2]))):
        return 0
    return int(row[0]) if await _values(order_id, int(row[0])) else 0


def _found_again(data: dict[str, Any]) -> bool:
    """Do the checks find the Issue again, once the answer is taken back?"""
    code = IssueCode(data["issue"])
    return ISSUES[code].checked and code != IssueCode.COST_CHANGED and data["resolution"] not in _NOT_BACK


async def take_back(order_id: int, seq: int, by: Actor) -> str:
    """The order is as it was before what that event began, and checked; what is held of it are drafts. That in a sentence.

    Raises Refused for what suppliers have by now, and StaleState where it was changed since.
    """
    values = await _values(order_id, seq)
    async with lifecycle.change([order_id], by=by) as work:
        if not work.cases:
            raise NotFound(f"there is no order {order_id}")
        case = work.cases[0]
        number, records = case.order.number, dict(_records(case))
        known = {path: records[path] for path in values if path in records}
        if len(known) < len(values) or any(getattr(*known[path]) != now for path, (_, now) in values.items()):
            raise StaleState(f"order {number} was changed since: look at it, and edit it")
        sent = [po.po_number for po in case.purchases if po.state in COMMITTED and not po.superseded]
        if sent:
            raise Refused(f"order {number} is already sent as {', '.join(sent)}: {INSTEAD}")
        held(work, case, case.purchases, "what was changed before it is taken back")
        work.event(case, "order:edit", "taken back", data={"event": seq})
        for path, (was, _) in values.items():
            record, name = known[path]
            work.put(case, record, **{name: was})
        await check.check(work, [case])
    said = await db.value("SELECT message FROM audit_events WHERE order_id = ? AND seq = ?", order_id, seq)
    return f"order {number} is as it was; taken back: {said}"


def held(work: Work, case: Case, purchases: Sequence[PurchaseRecord], why: str) -> list[str]:
    """The held ones among these are drafts again, by number; raises Refused for one whose undo window is over."""
    taken = []
    for po in purchases:
        if po.state != PurchaseState.QUEUED:
            continue
        if po.attempt or po.release_at is None or po.release_at <= work.now:
            raise Refused(f"{po.po_number} is being sent: wait for the supplier's answer, then {INSTEAD}")
        work.move(case, po, "undo", why, release_at=None)
        taken.append(po.po_number)
    return taken


async def _values(order_id: int, seq: int) -> dict[str, tuple[Any, Any]]:
    """What was said by the change this event belongs to, by path: as it was, and as it became."""
    rows = await db.rows(
        "SELECT before, after FROM audit_events WHERE order_id = ? AND at = "
        "(SELECT at FROM audit_events WHERE order_id = ? AND seq = ?) ORDER BY seq",
        order_id, order_id, seq,
    )  # fmt: skip
    found: dict[str, tuple[Any, Any]] = {}
    for row in rows:
        before, after = (msgspec.json.decode(text, type=dict[str, Any]) for text in row)
        for path, now in after.items():
            was = found[path][0] if path in found else before.get(path, now)
            found[path] = (was, now)
    said = {path: pair for path, pair in found.items() if pair[0] != pair[1] and _is_said(path)}
    # A method that follows from the mapping comes and goes with it.
    return {
        path: pair
        for path, pair in said.items()
        if not path.endswith(".method_id") or path.replace(".method_id", ".method_chosen") in said
    }


def _is_said(path: str) -> bool:
    of, _, name = path.rpartition(".")
    kind = PurchaseRecord if of.startswith("po.") else LineRecord if of else OrderRecord
    return name in _SAID[kind] and ".line." not in path


def _records(case: Case) -> Iterator[tuple[str, tuple[Record, str]]]:
    """Where everything people say is kept, by its path in the blue book."""
    records: list[Record] = [case.order, *case.lines, *case.purchases]
    for record in records:
        for name in _SAID[type(record)]:
            yield f"{record.path}.{name}".lstrip("."), (record, name)
