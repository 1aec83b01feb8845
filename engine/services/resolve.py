"""Resolve: a person says what is to be done about an Issue, and the order is checked again.

Each function closes one Issue in one change of its order, with an event that says what was decided, by whom; what was
said for next time is saved, and every other waiting order with the same cause is checked again. Resolving an Issue
that is closed raises Refused; a resolution its kind does not offer raises Invalid.

A choice of supplier, a dropped line or a retry is about one order and is never remembered: for next time there are
rules and the priority of offers.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import msgspec

from engine import db
from engine.domain import addresses
from engine.domain.issues import IssueCode, Resolution
from engine.domain.states import PurchaseState, Push
from engine.errors import Invalid, NotFound, Refused
from engine.ports import Accepted
from engine.services import cancel as canceling
from engine.services import (
    catalog,
    check,
    connections,
    intake,
    invoices,
    loading,
    merge,
    process,
    route,
    settings_book,
    setup,
    submit,
    supplier_says,
    track,
    unmap,
    wishes,
)
from engine.services.casefile import Case, LineRecord, PurchaseRecord, ShipmentRecord
from engine.services.lifecycle import Actor
from engine.services.resolving import (
    OpenIssue,
    Resolved,
    Scene,
    look,
    offered,
    order_issues,
    resolved,
    resolving,
    shown,
)
from engine.services.suggest import Suggestion, Suggestions, concerned, distinct, suggestions
from engine.services.unmap import SavedMapping
from engine.settings import settings

__all__ = ["OpenIssue", "Resolved", "Suggestion", "Suggestions", "order_issues", "resolve", "shown", "suggestions"]


async def resolve(issue_id: int, resolution: str, args: Mapping[str, Any], by: Actor) -> Resolved:
    """The Issue is resolved this way, ``args`` by name as the function of that name takes them. Raises Invalid, Refused."""
    await offered(issue_id, resolution)
    chosen = _BY_NAME[Resolution(resolution)]
    takes = [name for name in inspect.signature(chosen).parameters if name not in ("issue_id", "by")]
    given = {name: value for name, value in args.items() if name != "remember" or name in takes}
    try:
        inspect.signature(chosen).bind(issue_id, by=by, **given)
    except TypeError as error:
        raise Invalid(f"{resolution} takes {', '.join(takes) or 'nothing'}: {error}") from error
    return await chosen(issue_id, by=by, **given)


# --- what can be remembered -------------------------------------------------------------------------------------------


async def map_shipping(issue_id: int, method: str, by: Actor, remember: bool = True) -> Resolved:
    """The purchase order goes by the method with this code; remembered, so does this rate at this supplier from now on."""
    case, issue = await look(issue_id, Resolution.MAP_SHIPPING)
    assert issue.purchase is not None
    order, supplier_id = case.order, issue.purchase.supplier_id
    methods = await db.rows(
        "SELECT code, name, id FROM shipping_methods WHERE supplier_id = ? AND enabled = ? ORDER BY id",
        supplier_id,
        True,
    )
    row = next((r for r in methods if r[0] == method), None)
    if row is None:
        listed = ", ".join(f"{r[0]} ({r[1]})" for r in methods) or "none yet"
        raise Invalid(f"this supplier offers no method {method!r}; it offers {listed}", "method")
    saved = None
    if remember:
        before = await unmap.method_of(order.channel_id, order.shipping_rate, supplier_id)
        saved = SavedMapping(
            channel_id=order.channel_id, name=order.shipping_rate, supplier_id=supplier_id, before=before, after=method
        )  # fmt: skip
        await setup.map_shipping(order.channel_id, order.shipping_rate, supplier_id, method, by, recheck=False)
    async with resolving(issue_id, Resolution.MAP_SHIPPING, by) as scene:
        po = scene.purchase()
        scene.work.put(scene.case, po, method_id=int(row[2]), method_chosen=not remember)
        rate = order.shipping_rate or "(no rate)"
        scene.message = f"“{rate}” goes by {row[1]}" + ("" if remember else f", {po.po_number} only")
    return resolved(scene, await check.free(issue.cause, by) if remember else None, saved)


async def map_sku(issue_id: int, product: str | Mapping[str, int], by: Actor, remember: bool = True) -> Resolved:
    """The line is this product, or this kit (product SKU -> pieces); remembered, so is the channel's SKU from now on.

    A line without SKU can be remembered by nothing, so what is said holds for the line.
    """
    case, issue = await look(issue_id, Resolution.MAP_SKU)
    assert issue.line is not None
    components = {product: 1} if isinstance(product, str) else dict(product)
    sku = issue.line.sku
    remembered = remember and bool(sku.strip())
    saved = None
    if remembered:
        channel_id = case.order.channel_id
        before = await unmap.products_of(channel_id, sku)
        saved = SavedMapping(channel_id=channel_id, name=sku, before=before, after=components)
        await setup.map_sku(case.order.channel_id, sku, components, by, title=issue.line.title, recheck=False)
    elif list(components.values()) != [1]:
        raise Invalid("a kit is said of a SKU and remembered; a single line can only be one product", "product")
    only = await setup.product_id(next(iter(components))) if not remembered else None
    async with resolving(issue_id, Resolution.MAP_SKU, by) as scene:
        line = scene.issue.line
        assert line is not None
        scene.work.put(scene.case, line, product_id=only)
        is_ = " + ".join(f"{quantity} × {name}" if quantity > 1 else name for name, quantity in components.items())
        scene.message = f"{sku or line.title} is {is_}" + ("" if remembered else f", line {line.position} only")
    return resolved(scene, await check.free(issue.cause, by) if remembered else None, saved)


async def waive(issue_id: int, by: Actor, remember: bool = True, note: str = "") -> Resolved:
    """The Issue is looked at and fine as it is, for this order; a changed cost, remembered, is the agreed one from now on."""
    async with resolving(issue_id, Resolution.WAIVE, by) as scene:
        _let_pass(scene)
        scene.message = note.strip() or "looked at, and fine as it is"
        agreed = remember and scene.issue.code == IssueCode.COST_CHANGED
        if agreed:
            await _agree_cost(scene, by)
    return resolved(scene, await check.free(scene.issue.cause, by) if agreed else None)


def _let_pass(scene: Scene) -> None:
    waived = sorted(scene.case.waived() | {f"{scene.issue.code}:{scene.issue.cause}"})
    scene.work.put(scene.case, scene.case.order, waived=msgspec.json.encode(waived).decode())


async def _agree_cost(scene: Scene, by: Actor) -> None:
    _, supplier, product, cost = scene.issue.cause.split(":")
    found = await db.row(
        "SELECT sku, accepted_cost FROM supplier_products WHERE supplier_id = ? AND product_id = ?",
        int(supplier), int(product),
    )  # fmt: skip
    if found is None:
        return
    await db.run(
        "UPDATE supplier_products SET accepted_cost = ? WHERE supplier_id = ? AND product_id = ?",
        int(cost), int(supplier), int(product),
    )  # fmt: skip
    await settings_book.note(
        by, "offer:agree", f"cost of {found[0]}", subject=f"supplier {supplier}", before={"accepted_cost": found[1]},
        after={"accepted_cost": int(cost)},
    )  # fmt: skip


# --- about this order -------------------------------------------------------------------------------------------------


async def fix_address(issue_id: int, by: Actor, **fields: str) -> Resolved:
    """These fields of the address (phone and email among them) are as given; the others stay. Raises Invalid for others."""
    async with resolving(issue_id, Resolution.FIX_ADDRESS, by) as scene:
        address = changed_address(scene.case.address(), fields)
        merge.readdress(scene.work, scene.case, address)
        scene.message = ", ".join(f"{name.replace('_', ' ')} is {getattr(address, name)!r}" for name in fields)
    return resolved(scene)


def changed_address(address: addresses.Address, fields: Mapping[str, str]) -> addresses.Address:
    """The normalised address with these fields; raises Invalid for a field there is not, or none at all."""
    unknown = [name for name in fields if name not in address.__struct_fields__]
    if unknown or not fields:
        names = ", ".join(address.__struct_fields__)
        field = f"ship_to.{unknown[0]}" if unknown else "ship_to"
        raise Invalid(f"an address has no field {', '.join(unknown) or '(none given)'}; it has {names}", field)
    wrong = [name for name, value in fields.items() if not isinstance(value, str)]
    if wrong:
        raise Invalid(f"{wrong[0]} of an address is text", f"ship_to.{wrong[0]}")
    return addresses.normalise(msgspec.structs.replace(address, **fields))


async def choose_supplier(issue_id: int, supplier: int | str, by: Actor, line: int | None = None) -> Resolved:
    """This supplier (id, code or name) ships the line at this position, or all the Issue is about, whatever its stock.

    A refused purchase order is a draft again and follows the choice; a rejected one is superseded. Raises Invalid where
    the supplier does not offer it.
    """
    async with resolving(issue_id, Resolution.CHOOSE_SUPPLIER, by) as scene:
        case, issue, work = scene.case, scene.issue, scene.work
        about = concerned(case, issue)
        if line is not None:
            about = [one for one in case.lines if one.position == line]
            if not about:
                raise Invalid(f"order {case.order.number} has no line {line}", "line")
        chosen = await offering(case, about, supplier, issue.purchase)
        for one in about:
            work.put(case, one, supplier_id=chosen)
        po = issue.purchase
        if po is not None:
            _let_go(scene, po, about)
        name = (await catalog.suppliers())[chosen].name
        scene.message = f"{name} ships " + ", ".join(one.sku or f"line {one.position}" for one in about)
    return resolved(scene)


def _let_go(scene: Scene, po: PurchaseRecord, about: Sequence[LineRecord]) -> None:
    work, case = scene.work, scene.case
    if po.state == PurchaseState.FAILED:
        submit.reopen(work, case, po, "another supplier was chosen")
    elif po.state == PurchaseState.REJECTED:
        work.put(case, po, superseded=True)
        rest = [one for one in distinct(x.line for x in po.lines if x.line is not None) if one not in about]
        if rest and not case.order.held:
            # The rest would be planned anew, and with Auto Order Processing sent to the one who rejected it.
            work.hold(case, supplier_says.rest_of(po))
    if case.order.held == supplier_says.rest_of(po) and po.state != PurchaseState.REJECTED:
        work.lift(case)


async def offering(
    case: Case, about: Sequence[LineRecord], supplier: int | str, po: PurchaseRecord | None = None
) -> int:
    """The id of the supplier, where it can ship these lines (of ``po``, the parts in it). Raises NotFound, Invalid."""
    known = await route.catalog_for([case])
    wanted = str(supplier).casefold()
    found = next(
        (s for s in known.suppliers.values() if supplier == s.id or wanted in (s.code.casefold(), s.name.casefold())),
        None,
    )
    if found is None:
        listed = ", ".join(s.code for s in known.suppliers.values())
        raise NotFound(f"there is no supplier {supplier!r}; there are {listed}")
    if not found.enabled:
        raise Invalid(f"{found.name} is disabled: enable it, or choose another supplier", "supplier")
    inside = {po_line.product_id for po_line in po.lines} if po is not None else None
    for line in about:
        for part in route.components(case, line, known):
            if inside is not None and part.product_id not in inside:
                continue
            usable = [o for o in known.offers.get(part.product_id, []) if o.enabled and o.supplier_enabled]
            if not any(o.supplier_id == found.id for o in usable):
                others = ", ".join(sorted(o.supplier for o in usable))
                hint = f"{others} does" if others else "nobody does: add an offer, or drop the line"
                raise Invalid(f"{found.name} does not offer {part.sku}; {hint}", "supplier")
    return found.id


async def drop_line(issue_id: int, by: Actor, note: str = "") -> Resolved:
    """What no supplier has of the line is canceled; what was sent of it stays sent."""
    async with resolving(issue_id, Resolution.DROP_LINE, by) as scene:
        line = scene.issue.line
        if line is None:
            raise Refused(f"the Issue of order {scene.case.order.number} is about no line")
        dropped = line.quantity - min(line.cancel_asked, line.quantity) - line.submitted
        asked = max(line.cancel_asked, line.quantity - max(line.submitted, line.shipped))
        scene.work.put(scene.case, line, cancel_asked=asked)
        canceling.withdraw(scene.work, scene.case)
        canceling.give_up_dead(scene.work, scene.case)
        scene.message = f"{dropped} × {line.sku or line.title} dropped" + (f": {note.strip()}" if note.strip() else "")
    return resolved(scene)


async def retry(issue_id: int, by: Actor) -> Resolved:
    """Another attempt: a refused purchase order is a draft again, checked, and held for the undo window as by Process;
    a refused tracking push is due again; a paused connection is used again; what came without lines is read again."""
    case, issue = await look(issue_id, Resolution.RETRY)
    if issue.code == IssueCode.MISSING_FIELD:
        await intake.refresh(case.order.id, by)
        again = await _as_it_stands(case.order.id, "read again from its channel")
        still = any(other.id == issue_id for other in again.remaining)
        return msgspec.structs.replace(again, message=f"{again.message}: still no lines") if still else again
    if issue.code == IssueCode.CONNECTION_AUTH:
        _, kind, row_id = issue.cause.split(":")
        count = await connections.resume("suppliers" if kind == "supplier" else "channels", int(row_id), by)
        said = f"the connection is used again, for {count} order{'' if count == 1 else 's'}"
        return await _as_it_stands(case.order.id, said, max(0, count - 1))
    async with resolving(issue_id, Resolution.RETRY, by) as scene:
        if scene.issue.code == IssueCode.TRACKING_REJECTED:
            shipment = _shipment(scene)
            scene.message = f"{shipment.tracking_number} is pushed again"
            scene.work.move(scene.case, shipment, "retry_push")
        else:
            po = scene.purchase()
            scene.message = f"{po.po_number} is sent again"
            submit.reopen(scene.work, scene.case, po, "to be sent again")
            scene.after_check = lambda: _send(scene)
    return resolved(scene)


def _send(scene: Scene) -> None:
    if any(po.state == PurchaseState.QUEUED for po in scene.case.purchases):
        return
    why_not = process.problem(scene.case)
    if why_not:
        scene.message = f"a draft again, not sent: {why_not}"
        return
    window = settings().undo_seconds
    process.queue(
        scene.work, scene.case, scene.work.now + int(window * 1_000_000), f"held {window:g} s, then sent again"
    )


def _shipment(scene: Scene) -> ShipmentRecord:
    found = next((s for s in scene.case.shipments if track.cause(s) == scene.issue.cause), None)
    if found is None:
        raise Refused(f"the parcel of order {scene.case.order.number} is not there any more")
    return found


async def cancel(issue_id: int, by: Actor, reason: str = "") -> Resolved:
    """The lines of the Issue's purchase order are canceled, or the whole order where it is about no purchase order.

    Of a customer's wish, the lines that it is about; the channel is told, where it can be.
    """
    async with resolving(issue_id, Resolution.CANCEL, by) as scene:
        case, po = scene.case, scene.issue.purchase
        wished = wishes.about(case) if scene.issue.code == IssueCode.CANCEL_WISHED else []
        lines = wished or (case.lines if po is None else concerned(case, scene.issue))
        if po is not None and case.order.held == supplier_says.rest_of(po):
            scene.work.lift(case)
        scene.message = reason.strip() or ("canceled" if po is None else f"what {po.po_number} was to ship is canceled")
        await canceling.cancel_lines(scene.work, case, lines, scene.message)
        if wished:
            scene.message += f"; {await canceling.answer_wish(scene.work, case, wished)}"
        scene.checked = True
    return resolved(scene)


async def acknowledge(issue_id: int, by: Actor, note: str = "") -> Resolved:
    """The Issue is read and closed; a tracking number the channel refused is not pushed any more."""
    async with resolving(issue_id, Resolution.ACKNOWLEDGE, by) as scene:
        scene.message = note.strip() or "read"
        if scene.issue.code == IssueCode.CHANNEL_ORDER_CHANGED:
            _let_pass(scene)
        if scene.issue.code == IssueCode.INVOICE_DIFFERS:
            invoices.accepted(scene.work, int(scene.issue.cause.partition(":")[2]), note)
        if scene.issue.code == IssueCode.TRACKING_REJECTED:
            shipment = _shipment(scene)
            if shipment.push == Push.FAILED:
                scene.work.move(scene.case, shipment, "suppress_push", scene.message)
    return resolved(scene)


# --- did it arrive? ---------------------------------------------------------------------------------------------------


async def ask_supplier(issue_id: int, by: Actor) -> Resolved:
    """The supplier was asked whether it has the purchase order, and what it said is carried out. Raises what asking raises."""
    case, issue = await look(issue_id, Resolution.ASK_SUPPLIER)
    assert issue.purchase is not None
    return await _as_it_stands(case.order.id, await submit.ask(issue.purchase.po_number, by))


async def mark_accepted(issue_id: int, note: str, by: Actor, reference: str = "") -> Resolved:
    """A person asked, and the supplier has the purchase order; ``note`` says whom and when, ``reference`` is its number."""
    _said(note)
    async with resolving(issue_id, Resolution.MARK_ACCEPTED, by) as scene:
        po = scene.purchase()
        supplier = (await catalog.suppliers())[po.supplier_id]
        scene.message = f"{supplier.name} has {po.po_number}: {note.strip()}"
        submit.accepted(scene.work, scene.case, po, Accepted(reference.strip()), supplier, scene.message)
    return resolved(scene)


async def mark_refused(issue_id: int, note: str, by: Actor) -> Resolved:
    """A person asked, and the supplier does not have the purchase order: it failed, and can be retried or go elsewhere."""
    _said(note)
    async with resolving(issue_id, Resolution.MARK_REFUSED, by) as scene:
        po = scene.purchase()
        scene.message = f"the supplier does not have {po.po_number}: {note.strip()}"
        submit.failed(scene.work, scene.case, po, f"asked by {by.name}: {note.strip()}")
    return resolved(scene)


def _said(note: str) -> None:
    if not note.strip():
        raise Invalid("say whom you asked and when: it decides whether the order ships twice or never", "note")


async def _as_it_stands(order_id: int, message: str, became_ready: int = 0) -> Resolved:
    case = (await loading.load([order_id]))[0]
    return Resolved(order_id, case.order.number, case.order.status, message, became_ready, shown(case))


_BY_NAME: Mapping[Resolution, Callable[..., Awaitable[Resolved]]] = {
    Resolution.MAP_SHIPPING: map_shipping,
    Resolution.MAP_SKU: map_sku,
    Resolution.FIX_ADDRESS: fix_address,
    Resolution.CHOOSE_SUPPLIER: choose_supplier,
    Resolution.DROP_LINE: drop_line,
    Resolution.WAIVE: waive,
    Resolution.RETRY: retry,
    Resolution.ASK_SUPPLIER: ask_supplier,
    Resolution.MARK_ACCEPTED: mark_accepted,
    Resolution.MARK_REFUSED: mark_refused,
    Resolution.CANCEL: cancel,
    Resolution.ACKNOWLEDGE: acknowledge,
}
