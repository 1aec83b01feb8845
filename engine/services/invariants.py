"""What must always be true of a database in use, looked at: for ``bluebook doctor`` and for the tests that break things."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any

import msgspec

from engine import clock, db
from engine.domain.states import COMMITTED, PurchaseState, order_status
from engine.services import audit, counters, listed
from engine.services.casefile import Case
from engine.services.derived import facts, quantities

GRACE = timedelta(minutes=2)
"""How long something may be out of order while a worker, a retry or the sweep is at it."""
_PAGE = 500
_JOBS = {
    PurchaseState.QUEUED: ("submit", "purchases.submit"),
    PurchaseState.SUBMITTING: ("submit", "purchases.submit"),
    PurchaseState.OUTCOME_UNKNOWN: ("find", "purchases.find"),
    PurchaseState.CANCEL_REQUESTED: ("cancel", "purchases.cancel"),
}


class Violation(msgspec.Struct, frozen=True):
    """Something that must not be. ``rule`` is a word for which, ``subject`` names the order, purchase order, counter …"""

    rule: str
    subject: str
    what: str


async def check(
    *, limit: int | None = None, grace: timedelta = GRACE, progress: Callable[[int, int], None] | None = None
) -> list[Violation]:
    """Every violation there is; with ``limit``, quantities, statuses and trails of the newest orders only.

    ``grace``: what changed more recently is given time. Reads in pages by index and keeps nobody waiting; an order that
    looks wrong is looked at again while nobody can change it. ``progress`` is told the orders done and the orders there are.
    """
    verified = await audit.verify(limit=limit, progress=progress, inspect=order_problems)
    found = [_of_order(problem) for problem in verified.problems]
    found += [
        Violation("counters", f"channel {d.channel_id}, {d.status}", f"{d.kept} kept, {d.counted} counted")
        for d in await counters.verify()
    ]
    before = clock.micros(clock.now() - grace)
    for kind in (_purchases_without_jobs, _shipments_without_jobs, _leases, _submissions, _unread):
        found += [violation async for violation in kind(before)]
    return found


def order_problems(case: Case) -> Iterator[str]:
    """What is wrong with an order by itself: quantities that do not add up, values that do not follow from its parts."""
    derived = quantities(case)
    for line in case.lines:
        if line.quantity != line.shipped + line.canceled + line.open or min(line.shipped, line.canceled, line.open) < 0:
            yield f"quantity: {line.path} has {line.quantity}, {line.shipped} shipped and {line.canceled} canceled"
        for name in ("allocated", "submitted", "acknowledged", "backordered", "shipped", "canceled"):
            kept, follows = getattr(line, name), getattr(derived[line.position], name)
            if kept != follows:
                yield f"quantity: {line.path}.{name} is {kept}, from its purchase orders follows {follows}"
    for po in case.purchases:
        for part in po.lines:
            if min(part.shipped, part.canceled, part.open) < 0:
                yield f"quantity: {part.path} has {part.quantity}, {part.shipped} shipped and {part.canceled} canceled"
    status = order_status(facts(case, derived))
    if case.order.status != status:
        yield f"status: it is {case.order.status}, from its parts follows {status}"
    for name, since in listed.since(case).items():
        if getattr(case.order, name) != since:
            yield f"status: {name} is {getattr(case.order, name)}, from its open Issues follows {since}"


def _of_order(problem: audit.Problem) -> Violation:
    for rule in ("quantity", "status"):
        if problem.seq == 0 and problem.what.startswith(f"{rule}: "):
            return Violation(rule, problem.order, problem.what.removeprefix(f"{rule}: "))
    where = f"event {problem.seq}: " if problem.seq else ""
    return Violation("audit", problem.order, where + problem.what)


# --- jobs -------------------------------------------------------------------------------------------------------------


async def _purchases_without_jobs(before: int) -> AsyncIterator[Violation]:
    suppliers = [int(r[0]) for r in await db.rows("SELECT id FROM suppliers ORDER BY id")]
    for supplier in suppliers:
        for state, (prefix, task) in _JOBS.items():
            key = (1 << 62, 1 << 62)
            while True:
                rows = await db.rows(
                    "SELECT p.id, p.po_number, p.version, o.changed_at, p.created_at FROM purchase_orders AS p "
                    f"JOIN orders AS o ON o.id = p.order_id WHERE p.supplier_id = ? AND p.state = '{state}' "
                    f"AND (p.created_at, p.id) < (?, ?) ORDER BY p.created_at DESC, p.id DESC LIMIT {_PAGE}",
                    supplier, *key,
                )  # fmt: skip
                due = {int(r[0]): (str(r[1]), int(r[2])) for r in rows if r[3] < before}
                for lost in await _without_job(prefix, task, due, before):
                    yield Violation("jobs", due[lost][0], f"{state.replace('_', ' ')}, and no {task} job will move it")
                if len(rows) < _PAGE:
                    break
                key = (rows[-1][4], rows[-1][0])


async def _shipments_without_jobs(before: int) -> AsyncIterator[Violation]:
    for state in ("pending", "pushing"):
        after = 0
        while True:
            rows = await db.rows(
                "SELECT s.id, p.po_number, s.key, s.version, o.changed_at FROM shipments AS s JOIN orders AS o "
                "ON o.id = s.order_id JOIN purchase_orders AS p ON p.id = s.purchase_order_id "
                f"WHERE s.push = '{state}' AND s.id > ? ORDER BY s.id LIMIT {_PAGE}",
                after,
            )
            due = {int(r[0]): (f"{r[1]}.{r[2]}", int(r[3])) for r in rows if r[4] < before}
            for lost in await _without_job("push", "tracking.push", due, before):
                yield Violation(
                    "jobs", f"shipment {due[lost][0]}", f"push {state}, and no tracking.push job will move it"
                )
            if len(rows) < _PAGE:
                break
            after = int(rows[-1][0])


async def _without_job(prefix: str, task: str, due: dict[int, tuple[str, int]], before: int) -> list[int]:
    """The subjects for which there is neither a live job nor a dead one, nor one that was done just now."""
    if not due:
        return []
    keys = [f"{prefix}:{subject}:{version}" for subject, (_, version) in due.items()]
    live = await db.rows(
        f"SELECT subject_id FROM outbox WHERE key IN ({db.marks(keys)}) AND state IN ('ready', 'claimed')", *keys
    )
    missing = sorted(due.keys() - {int(r[0]) for r in live})
    if not missing:
        return []
    # The job that led to the present version has an older one in its key; so few are left that a scan will do.
    others = await db.rows(
        f"SELECT subject_id FROM outbox WHERE task = ? AND subject_id IN ({db.marks(missing)}) "
        "AND (state IN ('ready', 'claimed', 'dead') OR (state = 'done' AND finished_at >= ?))",
        task, *missing, before,
    )  # fmt: skip
    return sorted(set(missing) - {int(r[0]) for r in others})


async def _leases(before: int) -> AsyncIterator[Violation]:
    """Leases that ran out and that no job will ever take over."""
    for table, task, name in (
        ("purchase_orders", "purchases.submit", "po_number"),
        ("shipments", "tracking.push", "tracking_number"),
    ):
        after = (0, 0)
        while True:
            rows = await db.rows(
                f"SELECT id, {name}, lease_until FROM {table} WHERE lease_until IS NOT NULL AND lease_until < ? "
                f"AND (lease_until, id) > (?, ?) ORDER BY lease_until, id LIMIT {_PAGE}",
                before, *after,
            )  # fmt: skip
            due = {int(r[0]): (str(r[1]), -1) for r in rows}
            prefix = task.partition(".")[2]
            for lost in await _without_job(prefix, task, due, before):
                yield Violation("leases", due[lost][0], f"its lease ran out, and no {task} job takes it over")
            if len(rows) < _PAGE:
                break
            after = (int(rows[-1][2]), int(rows[-1][0]))


async def _unread(before: int) -> AsyncIterator[Violation]:
    """Payloads that were stored and that nobody will read."""
    after = 0
    while True:
        rows = await db.rows(
            "SELECT id, source, source_id, external_id FROM inbound_messages WHERE state = 'stored' AND id > ? "
            f"AND received_at < ? ORDER BY id LIMIT {_PAGE}",
            after, before,
        )  # fmt: skip
        due = {int(r[0]): f"{r[1]} {r[2]}, {r[3]}" for r in rows}
        for lost in await _unread_among(due, before):
            yield Violation("inbox", f"payload {lost}", f"stored and not read ({due[lost]}), and no job will read it")
        if len(rows) < _PAGE:
            return
        after = int(rows[-1][0])


async def _unread_among(due: dict[int, str], before: int) -> list[int]:
    return await _without_job("inbound", "inbound.read", {i: (what, -1) for i, what in due.items()}, before)


# --- one effect at the supplier ---------------------------------------------------------------------------------------


async def _submissions(before: int) -> AsyncIterator[Violation]:
    """Purchase orders a supplier has (or may have) without a recorded attempt, and such as were accepted twice."""
    del before
    after = 0
    while True:
        rows = await db.rows(
            "SELECT p.id, p.po_number, p.state, p.sent_at, COUNT(s.id), "
            "SUM(CASE WHEN s.outcome = 'accepted' THEN 1 ELSE 0 END), p.order_id FROM purchase_orders AS p "
            "LEFT JOIN submissions AS s ON s.purchase_order_id = p.id WHERE p.id > ? "
            f"GROUP BY p.id, p.po_number, p.state, p.sent_at, p.order_id ORDER BY p.id LIMIT {_PAGE}",
            after,
        )
        bare = [r for r in rows if (r[2] in COMMITTED or r[3] is not None) and not r[4]]
        proven = await _proven(bare)
        for r in bare:
            if r[1] not in proven:
                yield Violation("submissions", r[1], f"it is {r[2]}, and no attempt to send it is recorded")
        for r in rows:
            if (r[5] or 0) > 1:
                yield Violation("submissions", r[1], f"the supplier accepted it {r[5]} times")
        if len(rows) < _PAGE:
            return
        after = int(rows[-1][0])


async def _proven(rows: Sequence[Any]) -> set[str]:
    """Of these, the purchase orders of which we know because the supplier spoke of them, not because we sent them."""
    if not rows:
        return set()
    orders = sorted({int(r[6]) for r in rows})
    found = await db.rows(
        f"SELECT subject FROM audit_events WHERE order_id IN ({db.marks(orders)}) AND tag = 'supplier:purchase:prove'",
        *orders,
    )
    return {str(r[0]).removeprefix("po.") for r in found}
