"""Templates: how a supplier's documents look, tried on a purchase order or a sample file before they are saved.

A layout is part of the supplier's settings (by kind of document, an entry of ``layouts`` or some settings of its own), so that
another supplier's form is set and not programmed. Any supplier's purchase order can be shown; only one that ``HasTemplates``
can be given another layout.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from engine import db
from engine.connectors import registry
from engine.domain.addresses import Address
from engine.errors import Invalid, NotFound
from engine.models import Supplier as SupplierModel
from engine.ports import HasTemplates, Purchase, PurchaseLine, Supplier, Tried
from engine.services import documents, recall, route, setup
from engine.services.lifecycle import Actor

MOST_BYTES = 32 * 1024 * 1024
SAMPLE = Purchase(
    po_number="1001-1", order_number="1001", currency="USD", method_code="UPS_GROUND", method_name="UPS Ground",
    placed_at=datetime(2026, 1, 31, 14, 5, tzinfo=UTC), note="Please leave it at the back door",
    ship_to=Address(
        name="José Ünal", company="Example & Sons", line1="12 Example Street", line2="Flat 3", city="Boston", region="MA",
        postal_code="02108", country="US", phone="+1 617 555 0100", email="jose@example.com",
    ),
    lines=(
        PurchaseLine(line=1, supplier_sku="W-1", sku="WIDGET", title='Widget, 12" "blue"', quantity=2, unit_cost=1234),
        PurchaseLine(line=2, supplier_sku="G-100", sku="GEAR", title="Gear", quantity=10, unit_cost=95),
    ),
)  # fmt: skip
"""What a template is shown with where no purchase order is named: one with most of what trips templates up."""


class Drafted(msgspec.Struct, frozen=True):
    """A purchase order as it would leave: ``text`` is the document, ``size`` its bytes."""

    po_number: str
    text: str
    size: int


class Layouts(msgspec.Struct, frozen=True):
    """What is saved, by kind, and the kinds there are."""

    kinds: tuple[str, ...]
    saved: dict[str, Any]


async def show(supplier_id: int) -> Layouts:
    """The supplier's saved layouts. Raises NotFound, and Invalid for one whose documents have none."""
    row, kind = await _row(supplier_id)
    _templated(kind)
    values = setup.present("suppliers", row)
    saved = dict(values.get("layouts") or {})
    for one, names in kind.template_kinds.items():
        if own := {name: values[name] for name in names if name in values}:
            saved[one] = own
    return Layouts(tuple(kind.template_kinds), saved)


async def draft(supplier_id: int, *, layout: Mapping[str, Any] | None = None, po_number: str = "") -> Drafted:
    """A purchase order (the sample, or one of ours by its number) as its document, by ``layout`` or by what is saved.

    Nothing is sent or saved. Raises NotFound, Misconfigured for a layout that is wrong, and Invalid for an order that does
    not fit.
    """
    connector = await _made(supplier_id, "orders", layout)
    purchase = await _purchase(po_number) if po_number else SAMPLE
    body = connector.render(purchase)
    return Drafted(purchase.po_number, body.decode("utf-8", "replace"), len(body))


async def read(
    supplier_id: int, kind: str, name: str, body: bytes, *, layout: Mapping[str, Any] | None = None
) -> Tried:
    """What a file the supplier sent would say, and every row that could not be used with its place and reason.

    Nothing is stored or applied. Raises Invalid for a kind there is not and a file too large, Misconfigured for the layout.
    """
    if len(body) > MOST_BYTES:
        raise Invalid(f"{name} has {len(body):,} bytes, more than the {MOST_BYTES:,} that are read", "file")
    connector = await _made(supplier_id, kind, layout)
    assert isinstance(connector, HasTemplates)
    return connector.try_file(kind, name, body)


async def save(supplier_id: int, kind: str, layout: Mapping[str, Any], by: Actor) -> None:
    """The supplier's documents of this kind look so from now on; an empty layout is none. Purchase orders on their way stay.

    Raises Invalid and Misconfigured for one that could not be used; nothing is saved then.
    """
    await _made(supplier_id, kind, layout)
    if kind == "orders" and layout:
        await draft(supplier_id, layout=layout)
    names = (await _row(supplier_id))[1].template_kinds[kind]
    if names:
        dropped = [name for name in names if name not in layout]
        await setup.update("suppliers", supplier_id, by, values=dict(layout), drop=dropped)
        return
    saved = {**(await show(supplier_id)).saved, kind: dict(layout)}
    kept = {name: value for name, value in saved.items() if value}
    await setup.update("suppliers", supplier_id, by, values={"layouts": kept})


async def _row(supplier_id: int) -> tuple[SupplierModel, Any]:
    row = await SupplierModel.get_or_none(id=supplier_id)
    if row is None:
        raise NotFound(f"there is no supplier {supplier_id}")
    return row, registry.supplier_type(row.connector)


def _templated(kind: Any) -> None:
    if not hasattr(kind, "template_kinds"):
        raise Invalid(f"{kind.name} has documents of a fixed form; templates are for files and JSON", "supplier")


async def _made(supplier_id: int, kind: str, layout: Mapping[str, Any] | None) -> Supplier:
    """A connector with this layout in place of the saved one; it opens nothing."""
    row, of = await _row(supplier_id)
    if layout is not None or kind != "orders":
        _templated(of)
        if kind not in of.template_kinds:
            raise Invalid(f"there is no kind of document {kind!r}; there are {', '.join(of.template_kinds)}", "kind")
    values = setup.present("suppliers", row)
    if layout is not None and (names := of.template_kinds[kind]):
        if unknown := sorted(set(layout) - set(names)):
            raise Invalid(f"{unknown[0]!r} is no part of the {kind}' layout, which has {', '.join(names)}", "layout")
        values = {name: value for name, value in values.items() if name not in names} | dict(layout)
    elif layout is not None:
        values["layouts"] = {**(values.get("layouts") or {}), kind: dict(layout)}
    made: Supplier = of(registry.configure(of, values))
    return made


async def _purchase(po_number: str) -> Purchase:
    order_id = await db.value("SELECT order_id FROM purchase_orders WHERE po_number = ?", po_number)
    if order_id is None:
        raise NotFound(f"there is no purchase order {po_number}; an order's page lists its purchase orders")
    cases = await recall.cases([int(order_id)], lock=False)
    try:
        po = cases[0].purchase(po_number)
        assert po is not None
        return documents.document(cases[0], po, await route.catalog_for(cases))
    finally:
        recall.put_back(cases)
