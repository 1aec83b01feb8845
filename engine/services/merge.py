"""A changed order: what the channel said before, what it says now, and what we have made of it meanwhile.

Only what differs between the channel's two versions is taken over, so that what a person corrected here stays corrected.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import msgspec

from engine import clock, db
from engine.domain import addresses
from engine.domain.addresses import Address
from engine.domain.issues import IssueCode
from engine.domain.states import COMMITTED, PurchaseState
from engine.ports import ChannelLine, ChannelOrder, ChannelState
from engine.services import cancel, wishes
from engine.services.casefile import NOTE_LIMIT, Case, LineRecord, PurchaseRecord
from engine.services.lifecycle import Work
from engine.services.search import terms_of


def is_blind(case: Case, old: ChannelOrder | None) -> bool:
    """Is it not known what the channel said before of the order, or of one of its lines?"""
    return old is None or bool({line.external_id for line in case.lines} - {line.external_id for line in old.lines})


async def corrected(order_ids: Sequence[int]) -> dict[int, set[str]]:
    """What a person has changed of these orders, by id: the paths of the values (``ship_to``, ``line.2.quantity`` …)."""
    found: dict[int, set[str]] = {}
    if not order_ids:
        return found
    ids = db.padded(list(order_ids))
    for r in await db.rows(
        f"SELECT order_id, after FROM audit_events WHERE order_id IN ({db.marks(ids)}) AND tag LIKE 'person:%' "
        "AND tag <> 'person:order:pull'",
        *ids,
    ):
        found.setdefault(int(r[0]), set()).update(msgspec.json.decode(r[1], type=dict[str, Any]))
    return found


def new_line(line: ChannelLine, position: int) -> LineRecord:
    """The record of a line as the channel tells it."""
    return LineRecord(
        id=0, order_id=0, external_id=line.external_id[:120], position=position, sku=line.sku[:200],
        title=line.title[:300], quantity=line.quantity, unit_price=line.unit_price,
        cancel_asked=min(line.canceled, line.quantity),
    )  # fmt: skip


def apply(
    work: Work, case: Case, old: ChannelOrder | None, new: ChannelOrder, fingerprint: str, inbound_id: int,
    corrections: Collection[str] = (),
) -> None:  # fmt: skip
    """The case has what changed at the channel; what was sent and no longer fits becomes a request or an Issue.

    Where it is not known what the channel said before (``is_blind``), what it says now is compared with what we have; what
    a person has changed meanwhile (``corrections``) is not overwritten but becomes an Issue.
    """
    order, was = case.order, case.order.channel_state
    work.event(case, "order:change", _what(old, new), source="channel", inbound_id=inbound_id)
    values: dict[str, Any] = {
        "channel_state": new.state.value,
        "payment": new.payment.value,
        "fraud": new.fraud or "",
        "total": new.total,
        "shipping_total": new.shipping_total,
        "tax_total": new.tax_total,
        "discount_total": new.discount_total,
        "channel_updated_at": clock.micros(new.updated_at),
        "fingerprint": fingerprint,
        "inbound_id": inbound_id,
    }
    if old is None or old.email != new.email:
        values["email"] = new.email[:254]
    if old is None or old.shipping_rate != new.shipping_rate:
        values["shipping_rate"] = new.shipping_rate[:200]
    if old is None or old.note != new.note:
        # What a person wrote here is theirs; the blue book says that the channel's changed.
        mine = "note" in corrections if old is None else order.note != old.note[:NOTE_LIMIT]
        values["note"] = order.note if mine else new.note[:NOTE_LIMIT]
    wish = wishes.stored(new.cancel_wish)
    if wish != order.cancel_wish:
        values |= {"cancel_wish": wish, "waived": _without(case, IssueCode.CANCEL_WISHED)}
    work.put(case, order, **values)
    if new.state in (ChannelState.SHIPPED, ChannelState.CANCELED):
        pass  # nothing more goes to the address, and some channels take personal data back by then
    elif old is not None:
        if old.ship_to != new.ship_to:
            _readdress(work, case, new)
    elif addresses.normalise(new.ship_to) != case.address():
        if "ship_to" in corrections:
            _compare(
                work,
                case,
                "address",
                "the address at the channel is not the one here, which a person corrected",
                "ship_to",
            )
        else:
            _readdress(work, case, new)
    _lines(work, case, old, new, corrections)
    _shipped_by_others(work, case, was, new)
    _stopped_by_others(work, case, was, new)
    cancel.withdraw(work, case)
    if old is None or _wanted(old) != _wanted(new):
        for po in case.purchases:
            if po.state == PurchaseState.QUEUED and po.attempt == 0:
                work.move(case, po, "undo", "it changed at the channel before it was sent", release_at=None)


def _wanted(order: ChannelOrder) -> tuple[Any, ...]:
    """What a purchase order that waits to be sent was checked and made for."""
    stopped = order.state in (ChannelState.PENDING, ChannelState.CANCELED)
    lines = [(line.external_id, line.sku, line.quantity, line.canceled) for line in order.lines]
    return stopped, order.payment, order.fraud, order.cancel_wish, order.ship_to, order.shipping_rate, lines


def _what(old: ChannelOrder | None, new: ChannelOrder) -> str:
    if old is None:
        return "changed at the channel"
    changed = [
        name for name in ("state", "payment", "cancel_wish", "lines", "ship_to", "shipping_rate", "total", "note", "email")
        if getattr(old, name) != getattr(new, name)
    ]  # fmt: skip
    return "changed at the channel: " + ", ".join(name.replace("_", " ") for name in changed or ["details"])


def _readdress(work: Work, case: Case, new: ChannelOrder) -> None:
    ship_to = addresses.normalise(new.ship_to)
    fixed = [po for po in case.purchases if _is_out(po)]
    sent = [po.po_number for po in fixed]
    if sent:
        work.open_issue(
            case, IssueCode.CHANNEL_ORDER_CHANGED,
            f"the address changed at the channel after {', '.join(sent)} was sent", field="ship_to",
            cause=f"changed:{case.order.channel_id}:{case.order.external_id}:address",
        )  # fmt: skip
        if all(po in fixed or po.state in (PurchaseState.CANCELED, PurchaseState.REJECTED) for po in case.purchases):
            return
    readdress(work, case, ship_to)


def _compare(work: Work, case: Case, what: str, message: str, field: str = "", line: LineRecord | None = None) -> None:
    """The order has an Issue for a person to compare the channel's order with ours."""
    cause = f"changed:{case.order.channel_id}:{case.order.external_id}:{what}"
    work.open_issue(case, IssueCode.CHANNEL_ORDER_CHANGED, message, field=field, cause=cause, line=line)


def _shipped_by_others(work: Work, case: Case, was: str, new: ChannelOrder) -> None:
    """What a supplier has and has not shipped, while someone marked the order shipped in the store, may ship twice."""
    over = (ChannelState.SHIPPED, ChannelState.PARTIALLY_SHIPPED)
    if new.state not in over or was in over:
        return
    if new.state == ChannelState.PARTIALLY_SHIPPED and case.shipments:
        return  # the parcels we told of
    open_ = [po.po_number for po in case.purchases if po.state in COMMITTED and po.open]
    if open_:
        said = str(new.state).replace("_", " ")
        _compare(
            work, case, "shipped",
            f"someone marked it {said} at the channel, and {', '.join(open_)} was sent and has not shipped: it may ship twice",
            "channel_state",
        )  # fmt: skip


def _stopped_by_others(work: Work, case: Case, was: str, new: ChannelOrder) -> None:
    """What a supplier has and the channel no longer releases: it is being canceled there, or the payment is doubted."""
    cause = f"changed:{case.order.channel_id}:{case.order.external_id}:stopped"
    if new.state != ChannelState.PENDING:
        for issue in [issue for issue in case.issues if issue.cause == cause]:
            work.close_issue(case, issue, "the channel has decided")
        return
    open_ = [po.po_number for po in case.purchases if po.state in COMMITTED and po.open]
    if open_ and was != ChannelState.PENDING:
        _compare(
            work, case, "stopped",
            f"the channel does not release it any more, and {', '.join(open_)} was sent: see there whether it is to be "
            "canceled",
            "channel_state",
        )  # fmt: skip


def readdress(work: Work, case: Case, ship_to: Address) -> None:
    """What is not sent yet ships to this (normalised) address; what was waived of the old one is no longer waived."""
    work.put(
        case, case.order, ship_to=msgspec.json.encode(ship_to).decode(), country=ship_to.country[:2],
        customer=(ship_to.name or ship_to.company)[:200], waived=_without(case, IssueCode.INVALID_ADDRESS),
    )  # fmt: skip


def _without(case: Case, code: IssueCode) -> str:
    """What a person has let pass, but for Issues of this code: they were of what is not so any more."""
    kept = [waived for waived in sorted(case.waived()) if not waived.startswith(f"{code}:")]
    return msgspec.json.encode(kept).decode()


def _lines(work: Work, case: Case, old: ChannelOrder | None, new: ChannelOrder, corrections: Collection[str]) -> None:
    if not new.lines and case.lines and new.state != ChannelState.CANCELED:
        # A store may lose them for a moment, or a person by a slip: nothing is canceled, and nothing sent, unasked.
        _compare(
            work, case, "no lines", "the channel shows the order without any lines, and has not canceled it", "lines"
        )
        if not case.order.held:
            work.hold(case, "the channel shows the order without any lines")
        return
    before = {line.external_id: line for line in old.lines} if old else {}
    known = {line.external_id: line for line in case.lines}
    now = {line.external_id: line for line in new.lines}
    for external_id, said in now.items():
        line = known.get(external_id[:120])
        if line is None:
            position = max((other.position for other in case.lines), default=0) + 1
            record = new_line(said, position)
            record.order_id = case.order.id
            work.new_line(case, record)
            continue
        was = before.get(external_id)
        _name(work, case, line, was, said, corrections)
        if was is None:
            _reconcile(work, case, line, said, corrections)
            continue
        if said.quantity > was.quantity:
            work.put(case, line, quantity=line.quantity + said.quantity - was.quantity)
        fewer = max(0, was.quantity - said.quantity) + said.canceled - was.canceled
        if fewer > 0 and line.cancel_told:
            # It was canceled here before, and the channel was told.
            told = min(fewer, line.cancel_told)
            work.put(case, line, cancel_told=line.cancel_told - told or None)
            fewer -= told
        if fewer > 0:
            work.put(case, line, cancel_asked=min(line.quantity, line.cancel_asked + fewer))
    gone = [line for line in case.lines if line.external_id not in now]
    if new.state == ChannelState.CANCELED:
        # What the channel counts as canceled differs by store; a canceled order ships nothing more.
        gone = list(case.lines)
    for line in gone:
        work.put(case, line, cancel_asked=max(line.cancel_asked, line.quantity - line.shipped))


def _reconcile(work: Work, case: Case, line: LineRecord, said: ChannelLine, corrections: Collection[str]) -> None:
    """The line has as many pieces wanted as the channel says now, when what it said before is not known."""
    more = (said.quantity - min(said.canceled, said.quantity)) - (line.quantity - min(line.cancel_asked, line.quantity))
    if more and {f"{line.path}.quantity", f"{line.path}.cancel_asked"} & set(corrections):
        wanted = said.quantity - said.canceled
        message = f"{line.sku}: the channel wants {wanted}, and a person said otherwise here"
        _compare(work, case, f"{line.path}:{wanted}", message, f"{line.path}.quantity", line)
    elif more > 0:
        work.put(case, line, quantity=line.quantity + more)
    elif more < 0:
        work.put(case, line, cancel_asked=min(line.quantity, line.cancel_asked - more))


def _name(
    work: Work, case: Case, line: LineRecord, was: ChannelLine | None, said: ChannelLine, corrections: Collection[str]
) -> None:
    """The line is called what the channel calls it now; what was sent under another SKU is for a person to compare."""
    title, sku = said.title[:300], said.sku[:200]
    if title != (line.title if was is None else was.title[:300]):
        work.put(case, line, title=title)
    if sku == (line.sku if was is None else was.sku[:200]) or sku == line.sku:
        return
    sent = [po.po_number for po, _ in case.serving(line) if _is_out(po)]
    field = f"{line.path}.sku"
    if sent:
        message = f"{line.sku} became {sku or 'a line without SKU'} at the channel after {', '.join(sent)} was sent"
        _compare(work, case, f"{line.path}:{sku}", message, field, line)
    elif was is None and field in corrections:
        _compare(
            work, case, f"{line.path}:{sku}", f"{sku} at the channel is {line.sku} here, as a person said", field, line
        )
    else:
        # A product or a supplier a person chose was for what it was before.
        work.put(case, line, sku=sku, product_id=None, supplier_id=None)
        case.terms |= terms_of(sku)


def _is_out(po: PurchaseRecord) -> bool:
    """The supplier has it, or may have it."""
    return po.state in COMMITTED or (po.state == PurchaseState.QUEUED and po.attempt > 0)
