"""The document of a purchase order: what its supplier is to read, in the bytes that go out."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

import msgspec

from engine import clock
from engine.connectors import registry
from engine.domain.states import PurchaseState
from engine.errors import BluebookError, Invalid, NotAuthorised, TryLater
from engine.ports import Enclosed, Encloses, NumbersDocuments, Purchase, PurchaseLine
from engine.services import answers, catalog, numbers, paper, recall, route
from engine.services.casefile import Case, PurchaseRecord
from engine.services.catalog import Catalog
from engine.settings import settings


class Rendered(msgspec.Struct):
    """By purchase order id: its bytes with the version they were made of, or why there are none."""

    documents: dict[int, tuple[bytes, int]] = msgspec.field(default_factory=dict)
    broken: dict[int, str] = msgspec.field(default_factory=dict)


def document(case: Case, po: PurchaseRecord, known: Catalog) -> Purchase:
    """The purchase order as it is to be sent."""
    method = known.methods.get(po.method_id) if po.method_id is not None else None
    return Purchase(
        po_number=po.po_number,
        order_number=case.order.number,
        currency=po.currency,
        ship_to=case.address(),
        method_code=method.code if method else "",
        method_name=method.name if method else "",
        placed_at=clock.moment(case.order.placed_at),
        lines=tuple(
            PurchaseLine(
                line=line.position, supplier_sku=line.supplier_sku, sku=line.sku, title=line.title,
                quantity=line.quantity, unit_cost=line.unit_cost,
            )
            for line in po.lines
        ),
        note=case.order.note,
    )  # fmt: skip


async def render(order_ids: Iterable[int], po_ids: set[int]) -> Rendered:
    """The documents of those purchase orders that are queued. Stores no document, only the control numbers that
    some suppliers' documents carry; raises TryLater, NotAuthorised."""
    cases = await recall.cases(sorted(order_ids), lock=False)
    known = await route.catalog_for(cases)
    found = Rendered()
    unnumbered: dict[int, list[tuple[PurchaseRecord, numbers.Unnumbered]]] = {}
    for case in cases:
        for po in case.purchases:
            if po.id in po_ids and po.state == PurchaseState.QUEUED:
                try:
                    connector = await catalog.supplier(po.supplier_id)
                    purchase = document(case, po, known)
                    body = connector.render(purchase)
                    if registry.offers(connector, Encloses):
                        supplier = known.suppliers[po.supplier_id].name
                        made = await _enclosed(po.id, purchase, supplier, connector.link_days)
                        body = connector.enclose(body, made)
                    if registry.offers(connector, NumbersDocuments):
                        one = numbers.Unnumbered("850", po.po_number, body)
                        unnumbered.setdefault(po.supplier_id, []).append((po, one))
                    else:
                        found.documents[po.id] = (body, po.version)
                except (TryLater, NotAuthorised):
                    raise
                except BluebookError as error:
                    found.broken[po.id] = error.message
    for supplier_id, mine in unnumbered.items():
        connector = await catalog.supplier(supplier_id)
        assert isinstance(connector, NumbersDocuments)
        try:
            numbered = await numbers.assign(connector, [one for _, one in mine])
        except Invalid as error:
            found.broken |= {po.id: error.message for po, _ in mine}
            continue
        found.documents |= {po.id: (one.body, po.version) for (po, _), one in zip(mine, numbered, strict=True)}
    recall.put_back(cases)
    return found


async def _enclosed(po_id: int, purchase: Purchase, supplier: str, days: int) -> Enclosed:
    """The paper and the links that go with it; links only where the site has a public address."""
    at, until = clock.now(), clock.now() + timedelta(days=days)
    paper_ = await paper.as_sent(purchase, supplier)
    if not settings().public_url or not days:
        return Enclosed(paper=paper_, at=at, until=until)
    confirm, decline, track = (answers.link(answers.token(po_id, kind, at, days)) for kind in answers.Kind)
    return Enclosed(paper=paper_, at=at, until=until, confirm=confirm, decline=decline, track=track)


async def cancel_request(order_id: int, po_number: str, connector: NumbersDocuments) -> bytes:
    """The numbered document that asks for a purchase order to be canceled. Raises Refused where the supplier takes none."""
    cases = await recall.cases([order_id], lock=False)
    try:
        known = await route.catalog_for(cases)
        case = cases[0]
        po = case.purchase(po_number)
        assert po is not None
        body = connector.render_cancel(document(case, po, known))
    finally:
        recall.put_back(cases)
    return (await numbers.assign(connector, [numbers.Unnumbered("860", po_number, body)]))[0].body
