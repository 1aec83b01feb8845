"""Suggest: what a person most likely wants to say about an Issue, best first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from rapidfuzz import fuzz, process, utils

from engine import db
from engine.domain import addresses
from engine.domain.issues import IssueCode, Resolution, kind_of, remembers
from engine.domain.routing import Offer
from engine.domain.states import DEAD
from engine.errors import NotFound
from engine.services import catalog as catalogs
from engine.services import loading, route
from engine.services.casefile import Case, IssueRecord, LineRecord
from engine.services.catalog import Catalog

MOST = 9
_CLOSE = 45.0
_PAGE = 20_000


class Suggestion(msgspec.Struct, frozen=True, kw_only=True):
    """One answer. ``value`` is what the resolution takes: a product SKU, a method code, a supplier code, a field's value.

    ``field`` is the address field for addresses, ``line`` the line's position for suppliers (0 where it is not about one).
    ``cost`` is minor units of ``currency``, ``stock`` None where it is not told; ``score`` is from 0 to 100.
    """

    value: str
    label: str
    score: float = 0.0
    reason: str = ""
    field: str = ""
    line: int = 0
    supplier: str = ""
    cost: int | None = None
    currency: str = ""
    stock: int | None = None


class Suggestions(msgspec.Struct, frozen=True, kw_only=True):
    """What can be done about an Issue; ``waiting`` is how many other waiting orders have the same cause.

    ``address`` is the address with every suggestion taken over, for Issues about one. ``remembers`` are the resolutions
    that can be kept for next time; only for these ``remember`` has an effect. ``frees_all``: what lets all who wait go on,
    where an answer here is about this order alone.
    """

    issue_id: int
    order_id: int
    code: str
    title: str
    todo: str
    message: str
    field: str
    resolutions: tuple[Resolution, ...]
    choices: tuple[Suggestion, ...]
    waiting: int
    address: dict[str, str] | None = None
    remembers: tuple[Resolution, ...] = ()
    frees_all: str = ""


async def suggestions(issue_id: int, query: str = "") -> Suggestions:
    """The choices for an open Issue, at most 9, best first; ``query`` narrows products by what a person types."""
    order_id = await db.value("SELECT order_id FROM issues WHERE id = ? AND closed_at IS NULL", issue_id)
    cases = await loading.load([int(order_id)]) if order_id is not None else []
    issue = next((i for case in cases for i in case.issues if i.id == issue_id), None)
    if issue is None:
        raise NotFound(f"there is no open Issue {issue_id}; it may have been resolved meanwhile")
    case = cases[0]
    code = IssueCode(issue.code)
    kind = kind_of(code, issue.field)
    address = None
    choices: Sequence[Suggestion] = ()
    if code == IssueCode.UNMAPPED_SKU and issue.line is not None:
        choices = await products(query or f"{issue.line.sku} {issue.line.title}", "" if query else issue.line.sku)
    elif code == IssueCode.MISSING_SHIPPING_MAPPING and issue.purchase is not None:
        choices = await methods(issue.purchase.supplier_id, case.order.shipping_rate)
    elif Resolution.FIX_ADDRESS in kind.resolutions:
        choices, address = _address(case, issue)
    elif Resolution.CHOOSE_SUPPLIER in kind.resolutions:
        choices = await offers(case, issue)
    waiting = await db.value(
        "SELECT COUNT(DISTINCT order_id) FROM issues WHERE cause = ? AND closed_at IS NULL AND order_id <> ?",
        issue.cause, case.order.id,
    )  # fmt: skip
    return Suggestions(
        issue_id=issue_id, order_id=case.order.id, code=code, title=kind.title, todo=kind.todo, message=issue.message,
        field=issue.field, resolutions=kind.resolutions, choices=tuple(choices[:MOST]), waiting=int(waiting),
        address=address, remembers=tuple(way for way in kind.resolutions if remembers(code, way, issue.cause)),
        frees_all=_FREES_ALL.get(code, ""),
    )  # fmt: skip


_FREES_ALL = {
    IssueCode.NO_SUPPLIER_STOCK: "An offer of a supplier that has it lets all of them go on; an answer here is for this order.",
    IssueCode.SUPPLIER_DISABLED: "Enabling a supplier that offers it lets all of them go on; an answer here is for this order.",
}


async def products(wanted: str, sku: str = "") -> list[Suggestion]:
    """The products whose SKU or title is like what is wanted, the very SKU first."""
    best: list[tuple[float, int, str, str]] = []
    after = 0
    while True:
        page = await db.rows("SELECT id, sku, title FROM products WHERE id > ? ORDER BY id LIMIT ?", after, _PAGE)
        if not page:
            break
        after = int(page[-1][0])
        best = sorted(best + _like(page, wanted, sku), key=lambda found: (-found[0], found[2]))[:MOST]
    known = await catalogs.load((), ())
    if best:
        await catalogs.add_products(known, [product for _, product, _, _ in best])
    return [_product(known, score, product, name, title) for score, product, name, title in best]


def _like(page: Sequence[Any], wanted: str, sku: str) -> list[tuple[float, int, str, str]]:
    by_sku, by_title = [r[1] for r in page], [r[2] for r in page]
    places: set[int] = set()
    for texts, query in ((by_sku, sku or wanted), (by_title, wanted)):
        found = process.extract(
            query, texts, scorer=fuzz.WRatio, processor=utils.default_process, limit=4 * MOST, score_cutoff=_CLOSE
        )
        places |= {index for _, _, index in found}
    places |= {index for index, name in enumerate(by_sku) if sku and name.casefold() == sku.casefold()}
    likely = [(round(_score(wanted, sku, by_sku[i], by_title[i]), 1), i) for i in places]
    return [(score, int(page[i][0]), by_sku[i], by_title[i]) for score, i in likely if score >= _CLOSE]


def _score(wanted: str, sku: str, name: str, title: str) -> float:
    """How like a product is, from 0 to 100. What it is called says more than its number, whose parts many products share."""
    prepared = utils.default_process
    if sku and name.casefold() == sku.casefold():
        return 100.0
    if not sku:  # a person types some of either
        said = fuzz.WRatio(wanted, name, processor=prepared), 0.95 * fuzz.WRatio(wanted, title, processor=prepared)
        return min(99.0, max(said))
    called = fuzz.token_set_ratio(wanted, title, processor=prepared)
    numbered = fuzz.ratio(sku, name, processor=prepared)
    return min(99.0, 0.75 * called + 0.25 * numbered)


def _product(known: Catalog, score: float, product: int, sku: str, title: str) -> Suggestion:
    usable = [o for o in known.offers.get(product, []) if o.enabled and o.supplier_enabled]
    first = min(usable, key=lambda o: (o.priority, o.cost, o.supplier_id), default=None)
    reason = "the same SKU" if score == 100.0 else ""
    if first is None:
        return Suggestion(value=sku, label=title, score=score, reason=reason or "no supplier offers it")
    return Suggestion(
        value=sku, label=title, score=score, reason=reason, supplier=first.supplier, cost=first.cost, stock=first.stock,
        currency=known.suppliers[first.supplier_id].currency,
    )  # fmt: skip


async def methods(supplier_id: int, rate: str) -> list[Suggestion]:
    """The methods the supplier offers: those most like the rate first, then those most rates go by."""
    found = await db.rows(
        "SELECT m.code, m.name, s.code, (SELECT COUNT(*) FROM shipping_mappings x WHERE x.method_id = m.id) "
        "FROM shipping_methods m JOIN suppliers s ON s.id = m.supplier_id "
        "WHERE m.supplier_id = ? AND m.enabled = ? ORDER BY m.id",
        supplier_id, True,
    )  # fmt: skip
    rated = [(fuzz.token_set_ratio(rate, r[1], processor=utils.default_process), r) for r in found]
    rated.sort(key=lambda pair: (-(pair[0] if pair[0] >= _CLOSE else 0), -pair[1][3]))
    return [
        Suggestion(
            value=r[0], label=r[1], score=round(score, 1), supplier=r[2],
            reason="1 rate goes by it" if r[3] == 1 else f"{r[3]} rates go by it" if r[3] else "",
        )
        for score, r in rated
    ]  # fmt: skip


def _address(case: Case, issue: IssueRecord) -> tuple[list[Suggestion], dict[str, str]]:
    address = addresses.normalise(case.address())
    found = sorted(
        (f for f in addresses.check(address) if f.suggestion), key=lambda f: f"ship_to.{f.field}" != issue.field
    )
    tidied = {name: getattr(address, name) for name in address.__struct_fields__}
    tidied |= {f.field: f.suggestion for f in found}
    choices = [
        Suggestion(value=f.suggestion, label=f"{f.field.replace('_', ' ')}: {f.suggestion}", field=f.field, score=100.0,
                   reason=f.problem)
        for f in found
    ]  # fmt: skip
    return choices, tidied


async def offers(case: Case, issue: IssueRecord) -> list[Suggestion]:
    """Who offers what the Issue is about, those who can ship it first, with the reason they would or would not."""
    known = await route.catalog_for([case])
    explained = {(c["line"], c["sku"], c["supplier"]): c["reason"] for c in await route.explain(case.order.id)}
    found: dict[tuple[int, int, int], tuple[int, Suggestion]] = {}
    for line in concerned(case, issue):
        for part in route.components(case, line, known):
            for offer in known.offers.get(part.product_id, []):
                reason = explained.get((line.position, part.sku, offer.supplier), "")
                present = issue.purchase is not None and issue.purchase.supplier_id == offer.supplier_id
                place, said = _offer(known, offer, line, reason, present)
                found[line.position, part.product_id, offer.supplier_id] = (place, said)
    return [said for _, said in sorted(found.values(), key=lambda pair: (pair[0], pair[1].cost or 0))]


async def for_line(order_id: int, position: int) -> list[Suggestion]:
    """Who offers the line at this position, those who can ship it first. Raises NotFound."""
    cases = await loading.load([order_id])
    line = next((line for case in cases for line in case.lines if line.position == position), None)
    if line is None:
        raise NotFound(f"order {order_id} has no line {position}")
    known = await route.catalog_for(cases)
    explained = {(c["sku"], c["supplier"]): c["reason"] for c in await route.explain(order_id) if c["line"] == position}
    has_it = {po.supplier_id for po, _ in cases[0].serving(line) if po.state not in DEAD and not po.superseded}
    found: dict[int, tuple[int, Suggestion]] = {}
    for part in route.components(cases[0], line, known):
        for offer in known.offers.get(part.product_id, []):
            reason = explained.get((part.sku, offer.supplier), "")
            found.setdefault(offer.supplier_id, _offer(known, offer, line, reason, offer.supplier_id in has_it))
    return [said for _, said in sorted(found.values(), key=lambda pair: (pair[0], pair[1].cost or 0))]


def _offer(known: Catalog, offer: Offer, line: LineRecord, reason: str, present: bool) -> tuple[int, Suggestion]:
    usable = offer.enabled and offer.supplier_enabled
    if not reason and not usable:
        reason = "offer is disabled" if offer.supplier_enabled else "supplier is disabled"
    place = 2 * (not usable) + (offer.stock == 0) + present
    supplier = known.suppliers[offer.supplier_id]
    return place, Suggestion(
        value=offer.supplier, label=supplier.name, line=line.position, supplier=offer.supplier, cost=offer.cost,
        stock=offer.stock, currency=supplier.currency, reason=reason or ("has it now" if present else ""),
        score=100.0 - 25.0 * place,
    )  # fmt: skip


def concerned(case: Case, issue: IssueRecord) -> list[LineRecord]:
    """The order lines an Issue is about: its own, those of its purchase order, or all."""
    if issue.line is not None:
        return [issue.line]
    if issue.purchase is not None:
        return distinct(po_line.line for po_line in issue.purchase.lines if po_line.line is not None)
    return list(case.lines)


def distinct(lines: Iterable[LineRecord]) -> list[LineRecord]:
    """Each line once, in the order they come; the parts of a kit are one line."""
    return list({line.position: line for line in lines}.values())
