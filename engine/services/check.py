"""Check: what an order still needs before it can be sent, as Issues; what can be decided without a person is."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import msgspec

from engine import db
from engine.domain import addresses, money
from engine.domain.issues import ISSUES, NO_LINES, NOT_COVERED, IssueCode, kind_of
from engine.domain.states import COMMITTED, OrderStatus
from engine.errors import BluebookError
from engine.ports import ChannelState, Payment
from engine.services import inbox, lifecycle, margin, process, route, wishes
from engine.services.casefile import Case, LineRecord, OrderRecord, PurchaseRecord
from engine.services.catalog import Catalog
from engine.services.catalog import channel as connector_of
from engine.services.lifecycle import Actor, Work
from engine.services.outbox import Job

DUPLICATE_WINDOW = timedelta(hours=24)
_MICROS_A_DAY = 86_400_000_000


class Found(msgspec.Struct, frozen=True):
    """An Issue the checks say the order has."""

    code: IssueCode
    message: str
    cause: str
    field: str = ""
    line: LineRecord | None = None
    purchase: PurchaseRecord | None = None

    @property
    def same(self) -> tuple[str, str, int, str]:
        """What makes it the same Issue as one that is open."""
        return (
            self.code,
            self.cause,
            self.line.position if self.line else 0,
            self.purchase.po_number if self.purchase else "",
        )


class Alike(msgspec.Struct, frozen=True):
    """An earlier order that looks the same."""

    number: str
    placed_at: int
    external_id: str
    channel_id: int


class Seen(msgspec.Struct, frozen=True):
    """What an order's own record does not say: those it looks like, and why the channel has not released it."""

    alike: list[Alike]
    waits_for: str


async def check(work: Work, cases: Sequence[Case], catalog: Catalog | None = None) -> None:
    """Each order's drafts fit the plan, its Issues are those it has, and what may be sent by itself is queued."""
    open_cases = [case for case in cases if unsent_part(case)]
    are_open = {id(case) for case in open_cases}
    if not open_cases:
        for case in cases:
            _nothing_to_send(work, case)
        return
    asked = _alike(open_cases)
    if catalog:
        known, alike = catalog, await asked
    else:
        known, alike = await asyncio.gather(route.catalog_for(open_cases), asked)
    waits = await _waits(open_cases)
    taken: dict[tuple[int, int], int] = {}
    for place, case in enumerate(cases, 1):
        if place % lifecycle.TURN == 0:
            await asyncio.sleep(0)  # others of this process are not kept waiting for the whole batch
        if id(case) in are_open:
            seen = Seen(alike.get(case.order.likeness, []), waits.get(case.order.inbound_id or 0, ""))
            _check_one(work, case, known, seen, taken)
        else:
            _nothing_to_send(work, case)


def unsent_part(case: Case) -> bool:
    """Is there a draft, or quantity that no purchase order covers, or nothing at all, of which a person should know?"""
    if case.drafts() or not case.lines:
        return True
    for line in case.lines:
        wanted = line.quantity - min(line.cancel_asked, line.quantity)
        covered = [n // per_unit for n, per_unit in route.covered(case, line).values()]
        if wanted > min(covered, default=0):
            return True
    return False


def _check_one(work: Work, case: Case, catalog: Catalog, seen: Seen, taken: dict[tuple[int, int], int]) -> None:
    event = work.event(case, "order:check", "", source="rule")
    count = len(case.events)
    routed = route.plan(case, catalog, taken)
    route.apply(work, case, routed, catalog)
    found = []
    drafts = case.drafts()
    if drafts or unsent_part(case):  # the plan may have dropped the last draft of what is canceled
        found = [
            *_line_issues(case, routed, catalog),
            *_shipping_issues(work, case, drafts, catalog),
            *_address_issues(case, drafts, catalog),
            *_order_issues(work, case, catalog, seen),
            *_money_issues(case, drafts, catalog),
        ]
    _sync_issues(work, case, [*found, *_wish(case)], "cleared")
    if not event.after and not event.made and len(case.events) == count:
        case.events.pop()
        process.auto(work, case, catalog)
        return
    event.message = _summary(case)
    event.data["routing"] = route.explanation(routed)
    if routed.broken_rules:
        event.data["rules"] = routed.broken_rules
    process.auto(work, case, catalog)


def _sync_issues(work: Work, case: Case, there: Sequence[Found], gone: str) -> None:
    """Open are the Issues that are there, but for those a person let pass; of others it is noted why they are ``gone``."""
    waived = case.waived()
    wanted = {f.same: f for f in there if f"{f.code}:{f.cause}" not in waived}
    for issue in list(case.issues):
        if not ISSUES[IssueCode(issue.code)].checked:
            continue
        found = wanted.pop(issue.same, None)
        if found is None:
            work.close_issue(case, issue, gone)
        else:
            work.put(case, issue, message=found.message[:2000], field=found.field)
    for new in wanted.values():
        work.open_issue(
            case, new.code, new.message, cause=new.cause, field=new.field, line=new.line, purchase=new.purchase,
        )  # fmt: skip


def _nothing_to_send(work: Work, case: Case) -> None:
    """Only what suppliers have can still be asked back."""
    _sync_issues(work, case, _wish(case), "nothing left to send")


def _summary(case: Case) -> str:
    problems = [kind_of(issue.code, issue.field).title for issue in case.issues]
    if problems:
        return "needs a person: " + ", ".join(dict.fromkeys(problems))
    drafts = case.drafts()
    return "ready for " + ", ".join(po.po_number for po in drafts) if drafts else "checked"


def _line_issues(case: Case, routed: route.Routed, catalog: Catalog) -> list[Found]:
    channel = case.order.channel_id
    found = []
    for line in routed.unmapped:
        if line.sku:
            message = f"{line.sku} is not mapped to a product ({line.title})"
            cause = f"sku:{channel}:{line.sku}"
        else:
            message = f"line {line.position} has no SKU ({line.title})"
            cause = f"line:{channel}:{case.order.external_id}:{line.external_id}"
        found.append(Found(IssueCode.UNMAPPED_SKU, message, cause, f"line.{line.position}.sku", line))
    by_position = {line.position: line for line in case.lines}
    for shortage in routed.plan.shortages:
        line = by_position[shortage.need.line]
        code = IssueCode.SUPPLIER_DISABLED if shortage.disabled else IssueCode.NO_SUPPLIER_STOCK
        chosen = shortage.need.chosen
        if chosen is not None and not catalog.suppliers[chosen].enabled:
            code = IssueCode.SUPPLIER_DISABLED
        found.append(
            Found(code, f"{shortage.need.sku}: {shortage.reason}", f"stock:{shortage.need.product_id}",
                  f"line.{line.position}.supplier", line)
        )  # fmt: skip
    return found


def _shipping_issues(work: Work, case: Case, drafts: Sequence[PurchaseRecord], catalog: Catalog) -> list[Found]:
    order = case.order
    found = []
    for po in drafts:
        if not po.method_chosen:
            mapped = catalog.mappings.get((order.channel_id, order.shipping_rate, po.supplier_id))
            work.put(case, po, method_id=mapped)
        supplier = catalog.suppliers[po.supplier_id]
        method = catalog.methods.get(po.method_id) if po.method_id is not None else None
        rate = order.shipping_rate or "(no rate)"
        problem = ""
        if method is None:
            problem = f"“{rate}” is not mapped to a method of {supplier.name}"
        elif not method.enabled:
            problem = f"{supplier.name} no longer offers {method.name}, to which “{rate}” is mapped"
        if problem:
            cause = f"rate:{order.channel_id}:{order.shipping_rate}:{po.supplier_id}"
            found.append(Found(IssueCode.MISSING_SHIPPING_MAPPING, problem, cause, "shipping_rate", None, po))
    return found


def _address_issues(case: Case, drafts: Sequence[PurchaseRecord], catalog: Catalog) -> list[Found]:
    boxes = all(
        catalog.suppliers[po.supplier_id].po_box_allowed
        and (
            po.method_id is None or po.method_id not in catalog.methods or catalog.methods[po.method_id].po_box_allowed
        )
        for po in drafts
    )
    found = []
    for finding in addresses.check(case.address(), po_box_allowed=boxes):
        if not finding.blocking:
            continue
        code = IssueCode.MISSING_FIELD if finding.kind == "missing_field" else IssueCode.INVALID_ADDRESS
        hint = f" (did you mean {finding.suggestion}?)" if finding.suggestion else ""
        cause = f"address:{case.order.channel_id}:{case.order.external_id}:{finding.field}"
        found.append(Found(code, finding.problem + hint, cause, f"ship_to.{finding.field}"))
    return found


def _order_issues(work: Work, case: Case, catalog: Catalog, seen: Seen) -> list[Found]:
    order = case.order
    cause = f"order:{order.channel_id}:{order.external_id}"
    found = []
    if order.payment == Payment.UNPAID:
        found.append(Found(IssueCode.UNPAID, "the channel says it is not paid yet", cause, "payment"))
    if order.channel_state == ChannelState.PENDING and (order.payment != Payment.UNPAID or seen.waits_for):
        # Who lets it ship unpaid has not said that it may leave while the channel holds it.
        said = "the channel says it is not released yet" + (f": {seen.waits_for}" if seen.waits_for else "")
        found.append(Found(IssueCode.UNPAID, said, f"release:{order.channel_id}:{order.external_id}", "channel_state"))
    committed = any(po.state in COMMITTED for po in case.purchases)
    if order.channel_state in (ChannelState.SHIPPED, ChannelState.PARTIALLY_SHIPPED) and not committed:
        said = str(order.channel_state).replace("_", " ")
        found.append(Found(IssueCode.ALREADY_FULFILLED, f"the channel says it is {said}", cause, "channel_state"))
    if not case.lines and order.channel_state != ChannelState.CANCELED:
        message = "the channel sent it without any lines: look at it there, or cancel it here"
        found.append(Found(IssueCode.MISSING_FIELD, message, no_lines(order), NO_LINES))
    if order.fraud:
        found.append(Found(IssueCode.FRAUD_RISK, order.fraud, cause, "fraud"))
    days = (work.now - order.placed_at) // _MICROS_A_DAY
    limit = catalog.channels[order.channel_id].stale_days
    if limit and days >= limit:
        found.append(Found(IssueCode.STALE_ORDER, f"placed {days} days ago (limit {limit})", cause, "placed_at"))
    twin = next((other for other in seen.alike if _is_twin(order, other)), None)
    if twin is not None:
        message = f"same customer, address and items as {twin.number}"
        found.append(Found(IssueCode.POSSIBLE_DUPLICATE, message, cause))
    return found


def _wish(case: Case) -> list[Found]:
    """The customer's wish to cancel; also of what was sent, since a supplier may still be quick enough."""
    said = wishes.words(case)
    cause = f"wish:{case.order.channel_id}:{case.order.external_id}"
    return [Found(IssueCode.CANCEL_WISHED, said, cause, "cancel_wish")] if said else []


def no_lines(order: OrderRecord) -> str:
    """What the Issue of an order without any lines is about."""
    return f"lines:{order.channel_id}:{order.external_id}"


def _is_twin(order: OrderRecord, other: Alike) -> bool:
    if (other.channel_id, other.external_id) == (order.channel_id, order.external_id):
        return False
    apart = order.placed_at - other.placed_at
    # Only the later one is stopped, so that of two equal orders one goes on.
    later = apart > 0 or (apart == 0 and order.external_id > other.external_id)
    return later and apart <= DUPLICATE_WINDOW // timedelta(microseconds=1)


def _money_issues(case: Case, drafts: Sequence[PurchaseRecord], catalog: Catalog) -> list[Found]:
    found = []
    for po in drafts:
        for po_line in po.lines:
            agreed = catalog.accepted_costs.get((po.supplier_id, po_line.product_id))
            if agreed is None or po_line.unit_cost <= agreed:
                continue
            if (po_line.unit_cost - agreed) * 100 > agreed * catalog.suppliers[po.supplier_id].cost_tolerance:
                now, before = money.show(po_line.unit_cost, po.currency), money.show(agreed, po.currency)
                message = f"{po_line.supplier_sku} costs {now} instead of {before}"
                cause = f"cost:{po.supplier_id}:{po_line.product_id}:{po_line.unit_cost}"
                found.append(Found(IssueCode.COST_CHANGED, message, cause, "", po_line.line, po))
    margin_issue = _margin_issue(case, catalog) if drafts else None
    return [*found, margin_issue] if margin_issue else found


def _margin_issue(case: Case, catalog: Catalog) -> Found | None:
    """What was paid does not cover what is bought, or more is bought than was ordered; else a margin below the floor."""
    order = case.order
    if margin.loses(case) or margin.added(case):
        # The sum is part of the cause: who let it pass has not let pass what it is edited to later.
        cost = "+".join(f"{amount}{currency}" for currency, amount in sorted(margin.costs(case).items()))
        cause = f"paid:{order.channel_id}:{order.external_id}:{cost}"
        return Found(IssueCode.MARGIN_BELOW_FLOOR, margin.told(case), cause, NOT_COVERED)
    floor = catalog.channels[order.channel_id].margin_floor
    percent = margin.percent(case) if floor is not None else None
    if floor is None or percent is None or percent >= floor:
        return None
    cause = f"order:{order.channel_id}:{order.external_id}"
    return Found(IssueCode.MARGIN_BELOW_FLOOR, f"margin {percent}%, the floor is {floor}%", cause)


async def _alike(cases: Sequence[Case]) -> dict[str, list[Alike]]:
    """Orders that look like these, by likeness: those in the database and those in this batch."""
    found: dict[str, list[Alike]] = {}
    keys = sorted({case.order.likeness for case in cases})
    for r in await db.rows_among(
        "SELECT likeness, number, placed_at, external_id, channel_id FROM orders WHERE status <> ? AND likeness",
        keys, OrderStatus.CANCELED.value,
    ):  # fmt: skip
        found.setdefault(r[0], []).append(Alike(*tuple(r)[1:]))
    for case in cases:
        o = case.order
        if o.is_new:
            found.setdefault(o.likeness, []).append(Alike(o.number, o.placed_at, o.external_id, o.channel_id))
    return found


async def _waits(cases: Sequence[Case]) -> dict[int, str]:
    """Why their channels have not released these orders, where they say it; by the payload that says so."""
    pending: dict[int, list[int]] = {}
    for case in cases:
        if case.order.channel_state == ChannelState.PENDING and case.order.inbound_id:
            pending.setdefault(case.order.channel_id, []).append(case.order.inbound_id)
    found: dict[int, str] = {}
    for channel_id, inbound_ids in pending.items():
        try:
            connector = await connector_of(channel_id)
        except BluebookError:
            continue  # a connector that cannot be made must not keep orders from being checked
        said = await inbox.previous(connector, inbound_ids)
        found |= {inbound_id: order.waits_for for inbound_id, order in said.items()}
    return found


async def recheck(order_ids: Sequence[int], by: Actor, *, batch: int = 100) -> dict[int, str]:
    """The orders are checked again as they stand now; their statuses after it, by id."""
    result: dict[int, str] = {}
    for start in range(0, len(order_ids), batch):
        async with lifecycle.change(order_ids[start : start + batch], by=by) as work:
            await check(work, work.cases)
        result.update({case.order.id: case.order.status for case in work.cases})
    return result


class Freed(msgspec.Struct, frozen=True):
    """Orders that an answer let go on: those ``ready`` for a person, and the ``count`` with those that went by themselves."""

    ready: tuple[int, ...] = ()
    count: int = 0


async def free(cause: str, by: Actor) -> Freed:
    """Every waiting order with this cause is checked again; those of them that became ready, or went on by themselves."""
    found = await db.rows("SELECT DISTINCT order_id FROM issues WHERE cause = ? AND closed_at IS NULL", cause)
    statuses = await recheck([int(r[0]) for r in found], by)
    ready = tuple(order_id for order_id, status in statuses.items() if status == OrderStatus.READY)
    return Freed(ready, len(ready) + sum(status == OrderStatus.PROCESSED for status in statuses.values()))


async def recheck_cause(cause: str, by: Actor) -> int:
    """Every waiting order with this cause is checked again; how many of them became ready (or went on by themselves)."""
    return (await free(cause, by)).count


async def run_jobs(jobs: Sequence[Job]) -> Mapping[int, Any] | None:
    """Check the orders the jobs name."""
    await recheck([job.subject_id for job in jobs], Actor("worker", "worker", "orders.check"))
    return None


async def run_auto_jobs(jobs: Sequence[Job]) -> Mapping[int, Any] | None:
    """Auto Order Processing was switched on, or its limits changed: the channels' ready orders are looked at again."""
    for job in jobs:
        found = await db.rows(
            "SELECT id FROM orders WHERE channel_id = ? AND status = ? ORDER BY placed_at, id",
            job.subject_id,
            OrderStatus.READY.value,
        )
        await recheck([int(r[0]) for r in found], Actor("Auto Order Processing", "rule", job.key))
    return None
