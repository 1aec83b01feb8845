"""The document of a purchase order: what its supplier is to read, in the bytes that go out."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from engine import clock
from engine.domain.states import PurchaseState
from engine.errors import BluebookError, NotAuthorised, TryLater
from engine.ports import Purchase, PurchaseLine
from engine.services import catalog, recall, route
from engine.services.casefile import Case, PurchaseRecord
from engine.services.catalog import Catalog


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
    """The documents of those purchase orders that are queued. Stores nothing; raises TryLater, NotAuthorised."""
    cases = await recall.cases(sorted(order_ids), lock=False)
    known = await route.catalog_for(cases)
    found = Rendered()
    for case in cases:
        for po in case.purchases:
            if po.id in po_ids and po.state == PurchaseState.QUEUED:
                try:
                    connector = await catalog.supplier(po.supplier_id)
                    found.documents[po.id] = (connector.render(document(case, po, known)), po.version)
                except (TryLater, NotAuthorised):
                    raise
                except BluebookError as error:
                    found.broken[po.id] = error.message
    recall.put_back(cases)
    return found
