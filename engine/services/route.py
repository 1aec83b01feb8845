"""Orders to suppliers: what is not sent yet is planned, and the drafts made to fit the plan."""

from __future__ import annotations

from typing import Any

import msgspec

from engine.domain import conditions, distance, routing
from engine.domain.states import PurchaseState
from engine.errors import Invalid, NotFound
from engine.services import catalog as catalogs
from engine.services import lifecycle, loading
from engine.services.casefile import Case, LineRecord, PurchaseLineRecord, PurchaseRecord
from engine.services.catalog import Catalog, Component


class Routed(msgspec.Struct):
    """What planning one order found: the plan, lines without a product, and rules that could not be decided."""

    plan: routing.Plan
    unmapped: list[LineRecord]
    broken_rules: list[str]


def order_facts(case: Case, catalog: Catalog) -> dict[str, Any]:
    """What conditions can ask about an order (``engine.domain.conditions``)."""
    order, address = case.order, case.address()
    return {
        "number": order.number,
        "channel": catalog.channels[order.channel_id].name,
        "currency": order.currency,
        "total": order.total,
        "items": sum(line.unit_price * line.quantity for line in case.lines),
        "shipping": order.shipping_total,
        "country": address.country,
        "region": address.region,
        "postal_code": address.postal_code,
        "email": order.email,
        "rate": order.shipping_rate,
        "payment": order.payment,
        "quantity": sum(line.quantity for line in case.lines),
        "skus": [line.sku for line in case.lines],
    }


def line_facts(line: LineRecord) -> dict[str, Any]:
    """What conditions of rules can ask about a line besides."""
    return {"sku": line.sku, "title": line.title, "quantity": line.quantity, "price": line.unit_price}


def covered(case: Case, line: LineRecord) -> dict[int, tuple[int, int]]:
    """By product, the pieces and pieces per unit that purchase orders beyond draft already cover; 0 where they no longer do.

    Failed and rejected ones count until a person has dealt with them, or the refusal would be repeated elsewhere unasked.
    """
    found: dict[int, tuple[int, int]] = {}
    if not case.purchases:
        return found
    for po, po_line in case.serving(line):
        if po.state == PurchaseState.DRAFT or not po_line.per_unit:
            continue
        counts = po.state != PurchaseState.CANCELED and not po.superseded
        sum_so_far = found.get(po_line.product_id, (0, 0))[0]
        pieces = po_line.quantity - po_line.canceled if counts else 0
        found[po_line.product_id] = (sum_so_far + pieces, po_line.per_unit)
    return found


def components(case: Case, line: LineRecord, catalog: Catalog) -> list[Component]:
    """What one piece of the line consists of; empty where nobody said yet."""
    if line.product_id is not None:
        for known in catalog.listings.values():
            for component in known:
                if component.product_id == line.product_id:
                    return [msgspec.structs.replace(component, quantity=1)]
    return catalog.listings.get((case.order.channel_id, line.sku), []) if line.sku else []


def plan(case: Case, catalog: Catalog, taken: dict[tuple[int, int], int]) -> Routed:
    """Who should ship what is not sent yet. Pure but for ``taken``, the stock promised in this batch."""
    needs: list[routing.Need] = []
    unmapped: list[LineRecord] = []
    broken: list[str] = []
    facts = order_facts(case, catalog) if catalog.rules else {}
    for line in case.lines:
        wanted = line.quantity - min(line.cancel_asked, line.quantity)
        if wanted <= 0:
            continue
        parts = components(case, line, catalog)
        fixed = covered(case, line)
        if not parts:
            if not any(pieces for pieces, _ in fixed.values()):
                unmapped.append(line)
            continue
        ruled, rule = _ruled(line, facts, catalog, broken) if facts else (None, "")
        for part in parts:
            missing = wanted * part.quantity - fixed.get(part.product_id, (0, 0))[0]
            if missing > 0:
                needs.append(
                    routing.Need(
                        line=line.position, product_id=part.product_id, sku=part.sku, quantity=missing,
                        per_unit=part.quantity, policy=part.policy, title=part.title, chosen=line.supplier_id, ruled=ruled,
                        rule=rule,
                    )
                )  # fmt: skip
    offers = [
        offer
        for product in dict.fromkeys(need.product_id for need in needs)
        for offer in catalog.offers.get(product, [])
    ]
    return Routed(routing.plan(needs, offers, taken, _near(case, catalog, needs, offers)), unmapped, broken)


def _near(
    case: Case, catalog: Catalog, needs: list[routing.Need], offers: list[routing.Offer]
) -> dict[int, distance.Apart]:
    """How far each supplier's warehouse is from the customer; empty where no product asks for the nearest."""
    if not any(need.policy == routing.Policy.NEAREST for need in needs):
        return {}
    to = case.address()
    home = distance.Place(to.country, to.region, to.postal_code)
    return {id_: distance.apart(catalog.suppliers[id_].warehouse, home) for id_ in {o.supplier_id for o in offers}}


def _ruled(line: LineRecord, facts: dict[str, Any], catalog: Catalog, broken: list[str]) -> tuple[int | None, str]:
    about = line_facts(line)
    for rule in catalog.rules:
        try:
            if conditions.holds(rule.condition, {"order": facts, "line": about}):
                return rule.supplier_id, rule.name
        except Invalid as error:
            broken.append(f"rule {rule.name}: {error.message}")
    return None, ""


def apply(work: lifecycle.Work, case: Case, routed: Routed, catalog: Catalog) -> None:
    """The order's drafts are what the plan says: made, changed, or dropped. Noted in the event that is open."""
    by_supplier: dict[int, dict[tuple[int, int], routing.Assignment]] = {}
    for assignment in routed.plan.assignments:
        lines = by_supplier.setdefault(assignment.offer.supplier_id, {})
        lines[assignment.need.line, assignment.need.product_id] = assignment
    drafts = {po.supplier_id: po for po in case.drafts()}
    for supplier_id, assignments in sorted(by_supplier.items()):
        po = drafts.pop(supplier_id, None)
        if po is None:
            po = _new_draft(work, case, supplier_id, catalog)
        _fit_lines(work, case, po, assignments)
    for po in drafts.values():
        work.move(case, po, "drop", "nothing is left for this supplier to ship", source="rule")
    _forget_former_parts(work, case, catalog)


def _forget_former_parts(work: lifecycle.Work, case: Case, catalog: Catalog) -> None:
    """What never came and is no longer part of what was sold (another product, another kit) is not waited for: 0 a unit."""
    if not any(po.superseded or po.state == PurchaseState.CANCELED for po in case.purchases):
        return
    for line in case.lines:
        parts = {part.product_id: part.quantity for part in components(case, line, catalog)}
        for po, po_line in case.serving(line):
            if parts and not po_line.shipped and (po.superseded or po.state == PurchaseState.CANCELED):
                work.put(case, po_line, per_unit=parts.get(po_line.product_id, 0))


def _new_draft(work: lifecycle.Work, case: Case, supplier_id: int, catalog: Catalog) -> PurchaseRecord:
    prefix = f"{case.order.number}-"
    taken = [int(po.po_number.removeprefix(prefix)) for po in case.purchases]
    po = PurchaseRecord(
        id=0, order_id=case.order.id, supplier_id=supplier_id, po_number=f"{prefix}{max(taken, default=0) + 1}",
        state="", version=0, back_to="", method_id=None, method_chosen=False,
        currency=catalog.suppliers[supplier_id].currency, release_at=None, attempt=0, lease_until=None, lease_token="",
        reference="", message="", superseded=False, created_at=work.now, sent_at=None, acknowledged_at=None,
        ack_due_at=None, tracking_due_at=None,
    )  # fmt: skip
    work.new_purchase(case, po)
    return po


def _fit_lines(
    work: lifecycle.Work, case: Case, po: PurchaseRecord, assignments: dict[tuple[int, int], routing.Assignment]
) -> None:
    wanted = dict(assignments)
    for po_line in list(po.lines):
        assert po_line.line is not None
        assignment = wanted.pop((po_line.line.position, po_line.product_id), None)
        if assignment is None:
            work.drop_purchase_line(case, po, po_line)
        else:
            work.put(
                case, po_line, quantity=assignment.quantity, unit_cost=assignment.offer.cost,
                supplier_sku=assignment.offer.supplier_sku, per_unit=assignment.need.per_unit,
            )  # fmt: skip
    position = max((po_line.position for po_line in po.lines), default=0)
    by_position = {line.position: line for line in case.lines}
    for (line_position, product_id), assignment in wanted.items():
        position += 1
        line = by_position[line_position]
        work.new_purchase_line(
            case,
            po,
            PurchaseLineRecord(
                id=0, purchase_order_id=po.id, order_line_id=line.id, position=position, product_id=product_id,
                sku=assignment.need.sku, supplier_sku=assignment.offer.supplier_sku,
                title=assignment.need.title or line.title, quantity=assignment.quantity,
                per_unit=assignment.need.per_unit, unit_cost=assignment.offer.cost, line=line,
            ),
        )  # fmt: skip


def explanation(routed: Routed) -> list[dict[str, Any]]:
    """Every candidate with the reason it won or lost, as it goes into the blue book."""
    return [
        {"line": c.line, "sku": c.sku, "supplier": c.supplier, "quantity": c.won, "reason": c.reason}
        for c in routed.plan.candidates
    ]


async def explain(order_id: int) -> list[dict[str, Any]]:
    """For an order as it stands: every supplier that could ship a line, and the reason it would or would not."""
    cases = await loading.load([order_id])
    if not cases:
        raise NotFound(f"there is no order {order_id}")
    catalog = await catalog_for(cases)
    for po in cases[0].drafts():
        cases[0].purchases.remove(po)
    return explanation(plan(cases[0], catalog, {}))


async def catalog_for(cases: list[Case]) -> Catalog:
    """The catalog these orders need."""
    skus = {(case.order.channel_id, line.sku) for case in cases for line in case.lines if line.sku}
    rates = {(case.order.channel_id, case.order.shipping_rate) for case in cases}
    catalog = await catalogs.load(skus, rates)
    named = {line.product_id for case in cases for line in case.lines if line.product_id is not None}
    if named:
        await catalogs.add_products(catalog, sorted(named))
    return catalog
