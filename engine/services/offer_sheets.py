"""Products and who offers them in and out as tables: columns sku, title, policy, supplier, supplier_sku, cost, stock, priority,
barcode. A product that several suppliers offer has a row for each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from tortoise.exceptions import IntegrityError

from engine import db
from engine.domain import money
from engine.domain.routing import Policy
from engine.errors import BluebookError, Invalid, Unreadable
from engine.services import listings, restock, setup
from engine.services.lifecycle import Actor
from engine.services.listings import SupplierView
from engine.services.restock import Rechecked
from engine.services.sheet_in import Rows

COLUMNS = ("sku", "title", "policy", "supplier", "supplier_sku", "cost", "stock", "priority", "barcode")
NEEDED, KNOWN = COLUMNS[:1], COLUMNS[1:]


class Taken(msgspec.Struct):
    """How many products are new, how many offers there are of the rows, what became of the orders that waited for them, and
    a sentence for each wrong row."""

    products: int = 0
    offers: int = 0
    orders: Rechecked = Rechecked()
    wrong: list[str] = msgspec.field(default_factory=list)


async def take(rows: Rows, by: Actor, *, of: SupplierView | None = None, dry_run: bool = False) -> Taken:
    """Products and offers of the rows are there; a row that is wrong is told, with its line, and the others are taken.

    A product there was stays as it is but for a barcode that is given, an offer there was is replaced. A row that names no
    supplier offers nothing, or is ``of`` this supplier. ``dry_run``: nothing is changed, and no order checked.
    """
    there = await listings.suppliers()
    # By their very names first, then by those in other letters, where suppliers of before differ only in those.
    suppliers = {name.casefold(): s for s in there for name in (s.name, s.code)}
    suppliers |= {name: s for s in there for name in (s.name, s.code)}
    skus = sorted({row["sku"] for _, row in rows})
    known = {str(r[0]) for r in await db.rows_among("SELECT sku FROM products WHERE sku", skus)}
    found, offered = Taken(), set[str]()
    for line, row in rows:
        try:
            new, with_offer = await _take(row, suppliers, of, known, by, dry_run)
        except BluebookError as error:
            found.wrong.append(f"line {line}: {error.message}")
            continue
        found.products += new
        found.offers += with_offer
        offered |= {row["sku"]} if with_offer else set()
    if offered and not dry_run:
        ids = await db.rows_among("SELECT id FROM products WHERE sku", sorted(offered))
        found.orders = await restock.recheck({int(r[0]) for r in ids}, by)
    return found


async def offer(row: Mapping[str, str], view: SupplierView, by: Actor) -> tuple[bool, Rechecked]:
    """The supplier offers the row's product, which is made where there is none: whether it was, and what became of the orders
    that waited for it. Raises Invalid."""
    if not row.get("cost"):
        raise Invalid("say what it costs, in the supplier's currency", "cost")
    known = {row["sku"]} if await db.value("SELECT 1 FROM products WHERE sku = ?", row.get("sku", "")) else set()
    new, _ = await _take(row, {}, view, known, by, dry_run=False)
    return new, await restock.recheck([await setup.product_id(row["sku"])], by)


async def _take(
    row: Mapping[str, str], suppliers: Mapping[str, SupplierView], of: SupplierView | None, known: set[str], by: Actor,
    dry_run: bool,
) -> tuple[bool, bool]:  # fmt: skip
    """Whether the row's product is new, and whether it says who offers it."""
    sku, policy = row.get("sku", ""), row.get("policy") or Policy.PRIORITY
    if not sku:
        raise Invalid("the sku is empty", "sku")
    if policy not in list(Policy):
        raise Invalid(f"policy {policy!r} is not one of {', '.join(Policy)}", "policy")
    code = row.get("supplier", "")
    view = suppliers.get(code) or suppliers.get(code.casefold()) or (of if not code else None)
    if code and view is None:
        raise Invalid(f"there is no supplier {code!r}", "supplier")
    values = offer_values(row, view) if view else {}
    new = sku not in known
    known.add(sku)
    if not dry_run:
        if new:
            await setup.add_product(sku, row.get("title", ""), by, policy=policy, barcode=row.get("barcode", ""))
        elif row.get("barcode"):
            await setup.set_barcode(sku, row["barcode"], by)
        if view:
            await put(view, sku, row.get("supplier_sku", ""), values, by, recheck=False)
    return new, view is not None


def offer_values(row: Mapping[str, str], view: SupplierView) -> dict[str, Any]:
    """Cost, stock and priority as people write them, as ``put`` takes them; raises Invalid."""
    minor = cost(row.get("cost") or "0", view.currency)
    return {"cost": minor, "stock": _whole(row, "stock"), "priority": _whole(row, "priority")}


async def put(
    view: SupplierView, sku: str, supplier_sku: str, values: Mapping[str, Any], by: Actor, *, recheck: bool = True
) -> Rechecked:
    """The supplier offers the product, under its own SKU where none is given. Raises NotFound, and Invalid where its SKU is that
    of another product."""
    theirs = supplier_sku.strip() or sku
    try:
        return await setup.add_offer(view.id, sku, theirs, by=by, recheck=recheck, **values)
    except IntegrityError as error:
        raise Invalid(f"{view.code} offers another product as {theirs}", "supplier_sku") from error


def cost(text: str, currency: str) -> int:
    """The cost in minor units of the currency; raises Invalid."""
    try:
        return money.minor(text, currency)
    except Unreadable as error:
        raise Invalid(error.message, "cost") from error


def _whole(row: Mapping[str, str], name: str) -> int | None:
    text = row.get(name, "").strip()
    if text and not (text.isdecimal() and len(text) < 10):
        raise Invalid(f"{name} {text!r} is not a whole number", name)
    return int(text) if text else None
