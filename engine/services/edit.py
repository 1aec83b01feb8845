"""Edit: what an order says is changed before it is sent.

What a supplier already has cannot be edited here; it can be canceled, or a change be asked for. What is held for the undo
window is taken back first, and waits to be processed again. Lines keep what was ordered at first: fewer pieces are
pieces canceled, so that ``shipped + canceled + open = quantity`` stays true, and more are pieces ``added``, which nobody
paid for until a person says that it is fine (``check``).

A refused purchase order that was reopened has no frozen bytes any more (``submit.reopen``), so what is edited is what
goes out, under the same number: the supplier said a definite no to the earlier bytes.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from engine import db
from engine.domain.states import COMMITTED, OrderStatus, PurchaseState
from engine.errors import Invalid, NotFound, Refused, StaleState
from engine.services import cancel, catalog, check, lifecycle, merge, resolve, reverse
from engine.services.casefile import NOTE_LIMIT, Case, LineRecord, PurchaseRecord, snapshot
from engine.services.lifecycle import Actor, Work
from engine.services.resolve import OpenIssue
from engine.services.search import terms_of

MOST_PIECES = 100_000


class Changes(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to be changed; what is not named stays.

    Lines are named by position. ``quantities`` are the pieces wanted (0 drops the line). ``suppliers`` are ids, codes or
    names, "" leaves it to routing again. ``methods`` are method codes by supplier code or purchase order number, "" leaves
    it to the mapping again. ``address`` are fields of the address.
    """

    quantities: dict[int, int] = {}
    skus: dict[int, str] = {}
    suppliers: dict[int, int | str] = {}
    address: dict[str, str] = {}
    methods: dict[str, str] = {}
    shipping_rate: str | None = None
    note: str | None = None


class Diff(msgspec.Struct, frozen=True):
    """A value that changes, by its path in the blue book; None where there is none."""

    path: str
    before: Any
    after: Any


class Edited(msgspec.Struct, frozen=True):
    """The order after the edit, then of this ``version``; ``taken_back`` are the purchase orders that were held, and are
    drafts again."""

    order_id: int
    number: str
    status: str
    message: str
    diffs: list[Diff]
    issues: list[OpenIssue]
    taken_back: tuple[str, ...]
    version: int


def pieces(text: str) -> int:
    """How many pieces a person typed; raises Invalid for anything but a whole number."""
    if not text.strip().isdecimal():
        raise Invalid(f"a quantity is a whole number from 0 to {MOST_PIECES}, not {text.strip()!r}", "quantity")
    return int(text)


async def preview(order_id: int, changes: Changes) -> list[Diff]:
    """What ``apply`` would change, with everything that follows from it; nothing is saved. Raises what ``apply`` raises."""
    before: dict[str, Any] = {}
    async with lifecycle.rehearse([order_id], by=Actor("preview", "person")) as work:
        case = _only(work, order_id)
        before = snapshot(case)
        await _change(work, case, changes, "")
    return _diffs(before, snapshot(case))


async def apply(order_id: int, changes: Changes, by: Actor, reason: str = "", *, version: int | None = None) -> Edited:
    """The changes are made, recorded with before and after, and the order is routed and checked again.

    Raises NotFound, Invalid for values that cannot be used, Refused where it is already sent, naming the purchase order,
    and StaleState where it has another ``version`` than the one that was looked at; then nothing is changed.
    """
    async with lifecycle.change([order_id], by=by) as work:
        case = _only(work, order_id)
        if version is not None and case.order.version != version:
            raise StaleState(f"order {case.order.number} was changed meanwhile: read it again, and decide again")
        before = snapshot(case)
        taken_back = await _change(work, case, changes, reason.strip())
    message = f"order {case.order.number} is changed"
    if taken_back:
        message += f"; {', '.join(taken_back)} was taken back and is not sent before it is processed again"
    kept = [po.po_number for po in case.purchases if po.state in COMMITTED]
    if kept and (changes.address or changes.note is not None):
        message += f"; {', '.join(kept)} was already sent and stays as it was"
    diffs = _diffs(before, snapshot(case))
    return Edited(
        order_id,
        case.order.number,
        case.order.status,
        message,
        diffs,
        resolve.shown(case),
        tuple(taken_back),
        case.order.version,
    )


def _only(work: Work, order_id: int) -> Case:
    case = work.case(order_id)
    if case is None:
        raise NotFound(f"there is no order {order_id}")
    return case


def _diffs(before: dict[str, Any], after: dict[str, Any]) -> list[Diff]:
    paths = sorted({*before, *after})
    return [Diff(p, before.get(p), after.get(p)) for p in paths if before.get(p) != after.get(p)]


async def _change(work: Work, case: Case, changes: Changes, reason: str) -> list[str]:
    """The case is changed and checked; the purchase orders that were taken back for it."""
    if changes == Changes():
        raise Invalid("nothing is changed: name a quantity, an address field, a method or a supplier")
    if case.order.status == OrderStatus.CANCELED:
        raise Refused(f"order {case.order.number} is canceled: there is nothing to edit")
    named = {*changes.quantities, *changes.skus, *changes.suppliers}
    lines = {position: _line(case, position) for position in sorted(named)}
    whole = bool(changes.address) or changes.note is not None or changes.shipping_rate is not None
    if whole and not _unsent(case):
        raise Refused(f"order {case.order.number} is already sent as {_names(case.purchases)}: {reverse.INSTEAD}")
    suppliers = await _suppliers(changes.methods)
    methodical = [
        po for po in case.purchases if po.po_number in changes.methods or po.supplier_id in suppliers.values()
    ]
    touched = [po for po in case.purchases if whole or _serves(po, lines.values()) or po in methodical]
    taken_back = reverse.held(work, case, touched, "taken back to be edited")
    work.event(case, "order:edit", reason or _what(changes))
    for position, wanted in changes.quantities.items():
        _quantity(work, case, lines[position], wanted)
    for position, sku in changes.skus.items():
        await _sku(work, case, lines[position], sku)
    for position, supplier in changes.suppliers.items():
        await _supplier(work, case, lines[position], supplier)
    if changes.address:
        merge.readdress(work, case, resolve.changed_address(case.address(), changes.address))
    if changes.shipping_rate is not None:
        work.put(case, case.order, shipping_rate=changes.shipping_rate.strip()[:200])
    if changes.note is not None:
        work.put(case, case.order, note=changes.note[:NOTE_LIMIT])
    cancel.give_up_dead(work, case)
    # Methods are chosen for the drafts the other changes lead to, which only the check makes.
    await check.check(work, [case])
    if changes.methods:
        work.event(case, "order:edit", reason or "shipping method")
        for key, code in changes.methods.items():
            await _method(work, case, key, suppliers.get(key), code)
        await check.check(work, [case])
    return taken_back


def _what(changes: Changes) -> str:
    """What was asked for, for the blue book's reader; the values are in the events that follow."""
    parts = [f"line {position}: {sku}" for position, sku in changes.skus.items()]
    parts += [f"line {position}: {wanted} pieces" for position, wanted in changes.quantities.items()]
    parts += [f"line {position}: from {code or 'whom the rules say'}" for position, code in changes.suppliers.items()]
    # The fields only: a person's address is erased from the order, and must not stay behind in words.
    parts += [f"address ({', '.join(changes.address)})"] if changes.address else []
    parts += ["rate"] if changes.shipping_rate is not None else []
    parts += ["note"] if changes.note is not None else []
    parts += ["shipping method"] if changes.methods else []
    return ", ".join(parts)


def _line(case: Case, position: int) -> LineRecord:
    found = next((line for line in case.lines if line.position == position), None)
    if found is None:
        raise Invalid(
            f"order {case.order.number} has lines 1 to {len(case.lines)}, and no line {position}", f"line.{position}"
        )
    return found


def _names(purchases: Iterable[PurchaseRecord]) -> str:
    return ", ".join(po.po_number for po in purchases if po.state in COMMITTED) or "nothing"


def _serves(po: PurchaseRecord, lines: Iterable[LineRecord]) -> bool:
    wanted = list(lines)
    return any(po_line.line is line for po_line in po.lines for line in wanted)


async def _suppliers(names: Iterable[str]) -> dict[str, int]:
    """The ids of the suppliers among these names, by code or name."""
    known = await catalog.suppliers() if names else {}
    return {
        key: supplier.id
        for key in names
        for supplier in known.values()
        if key.casefold() in (supplier.code.casefold(), supplier.name.casefold())
    }


def _unsent(case: Case) -> bool:
    """Is there anything of it no supplier has: a draft, something held, refused, or not covered yet?"""
    states = (PurchaseState.DRAFT, PurchaseState.QUEUED, PurchaseState.FAILED)
    return any(po.state in states and not po.superseded for po in case.purchases) or check.unsent_part(case)


def _sent(case: Case, line: LineRecord) -> tuple[int, str]:
    """How many pieces of the line suppliers have (or may have), and in which purchase orders."""
    pieces: dict[int, int] = {}
    purchases: dict[str, PurchaseRecord] = {}
    for po, po_line in case.serving(line):
        if po.state in COMMITTED and not po.superseded and po_line.quantity > po_line.canceled:
            units = -(-(po_line.quantity - po_line.canceled) // po_line.per_unit)
            pieces[po_line.product_id] = pieces.get(po_line.product_id, 0) + units
            purchases[po.po_number] = po
    return max(pieces.values(), default=0), _names(purchases.values())


def _quantity(work: Work, case: Case, line: LineRecord, wanted: int) -> None:
    if isinstance(wanted, bool) or not isinstance(wanted, int) or not 0 <= wanted <= MOST_PIECES:
        raise Invalid(f"a quantity is a whole number from 0 to {MOST_PIECES}, not {wanted!r}", _field(line, "quantity"))
    now = line.wanted
    sent, names = _sent(case, line)
    if wanted < sent:
        raise Refused(f"{sent} × {line.sku} of order {case.order.number} is already sent in {names}: {reverse.INSTEAD}")
    if wanted > now and sent >= now > 0:
        raise Refused(f"{line.sku} of order {case.order.number} is already sent in {names}: more needs a new order")
    if wanted < now:
        # What was added here goes first: the channel never ordered it, so there is nothing to cancel there.
        spare = min(line.added or 0, now - wanted)
        work.put(
            case, line, quantity=line.quantity - spare, added=(line.added or 0) - spare or None,
            cancel_asked=line.cancel_asked + now - wanted - spare,
        )  # fmt: skip
        return
    # More again: what was canceled here comes back first, and only then is more wanted than was ordered.
    back = min(line.cancel_asked, wanted - now)
    more = wanted - now - back
    work.put(
        case, line, cancel_asked=line.cancel_asked - back, quantity=line.quantity + more,
        added=(line.added or 0) + more or None,
    )  # fmt: skip


def _field(line: LineRecord, name: str) -> str:
    return f"line.{line.position}.{name}"


async def _sku(work: Work, case: Case, line: LineRecord, sku: str) -> None:
    sent, names = _sent(case, line)
    if sent:
        raise Refused(f"{line.sku} of order {case.order.number} is already sent in {names}: {reverse.INSTEAD}")
    name = sku.strip()
    if not name or len(name) > 200:
        raise Invalid("a SKU has 1 to 200 characters", _field(line, "sku"))
    listed = await db.value("SELECT id FROM listings WHERE channel_id = ? AND sku = ?", case.order.channel_id, name)
    own = await db.value("SELECT id FROM products WHERE sku = ?", name) if listed is None else None
    if listed is None and own is None:
        raise Invalid(f"{name!r} is neither sold at this channel nor a product of ours", _field(line, "sku"))
    work.put(case, line, sku=name, product_id=own)
    case.terms |= set(terms_of(name))


async def _supplier(work: Work, case: Case, line: LineRecord, supplier: int | str) -> None:
    sent, names = _sent(case, line)
    if sent and sent >= line.quantity - line.cancel_asked:
        raise Refused(f"{line.sku} of order {case.order.number} is already sent in {names}: {reverse.INSTEAD}")
    try:
        chosen = await resolve.offering(case, [line], supplier) if supplier else None
    except Invalid as error:
        raise Invalid(error.message, _field(line, "supplier")) from error
    work.put(case, line, supplier_id=chosen)


async def _method(work: Work, case: Case, key: str, supplier: int | None, code: str) -> None:
    ours = [po for po in case.purchases if po.po_number == key or po.supplier_id == supplier]
    po = next((po for po in ours if po.state == PurchaseState.DRAFT), None)
    if po is None and any(po.state in COMMITTED for po in ours):
        raise Refused(f"{_names(ours)} of order {case.order.number} is already sent: {reverse.INSTEAD}")
    if po is None:
        raise Invalid(f"nothing of order {case.order.number} is to be sent as, or by, {key!r}", f"methods.{key}")
    if not code:
        work.put(case, po, method_chosen=False)
        return
    offered = await db.rows(
        "SELECT code, id FROM shipping_methods WHERE supplier_id = ? AND enabled = ? ORDER BY id", po.supplier_id, True
    )
    chosen = next((r[1] for r in offered if r[0] == code), None)
    if chosen is None:
        listed = ", ".join(r[0] for r in offered) or "none yet"
        raise Invalid(f"there is no method {code!r} for {po.po_number}; the supplier offers {listed}", f"methods.{key}")
    work.put(case, po, method_id=int(chosen), method_chosen=True)
