"""A changed order: what the channel said before, what it says now, and what we have made of it meanwhile.

Only what differs between the channel's two versions is taken over, so that what a person corrected here stays corrected.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from engine import clock, db
from engine.domain import addresses
from engine.domain.addresses import Address
from engine.domain.issues import IssueCode
from engine.domain.states import COMMITTED, PurchaseState
from engine.errors import BluebookError
from engine.ports import Channel, ChannelLine, ChannelOrder, ChannelState, Raw
from engine.services import cancel
from engine.services.casefile import Case, LineRecord
from engine.services.lifecycle import Work


async def previous(connector: Channel, inbound_ids: Sequence[int]) -> dict[int, ChannelOrder]:
    """What the channel said in these payloads, by id; ones that can no longer be read are left out."""
    ids = [i for i in inbound_ids if i]
    found: dict[int, ChannelOrder] = {}
    for start in range(0, len(ids), 200):
        chunk = ids[start : start + 200]
        for r in await db.rows(
            f"SELECT id, external_id, body, content_type FROM inbound_messages WHERE id IN ({db.marks(chunk)})", *chunk
        ):
            try:
                found[int(r[0])] = connector.read(Raw(r[1], bytes(r[2]), r[3]))
            except BluebookError:
                continue
    return found


def new_line(line: ChannelLine, position: int) -> LineRecord:
    """The record of a line as the channel tells it."""
    return LineRecord(
        id=0, order_id=0, external_id=line.external_id[:120], position=position, sku=line.sku[:200],
        title=line.title[:300], quantity=line.quantity, unit_price=line.unit_price,
        cancel_asked=min(line.canceled, line.quantity),
    )  # fmt: skip


def apply(
    work: Work, case: Case, old: ChannelOrder | None, new: ChannelOrder, fingerprint: str, inbound_id: int
) -> None:
    """The case has what changed at the channel; what was sent and no longer fits becomes a request or an Issue."""
    order = case.order
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
    work.put(case, order, **values)
    if old is not None and old.ship_to != new.ship_to:
        _readdress(work, case, new)
    _lines(work, case, old, new)
    cancel.withdraw(work, case)
    if old is None or _wanted(old) != _wanted(new):
        for po in case.purchases:
            if po.state == PurchaseState.QUEUED and po.attempt == 0:
                work.move(case, po, "undo", "it changed at the channel before it was sent", release_at=None)


def _wanted(order: ChannelOrder) -> tuple[Any, ...]:
    """What a purchase order that waits to be sent was checked and made for."""
    stopped = order.state in (ChannelState.PENDING, ChannelState.CANCELED)
    lines = [(line.external_id, line.sku, line.quantity, line.canceled) for line in order.lines]
    return stopped, order.payment, order.fraud, order.ship_to, order.shipping_rate, lines


def _what(old: ChannelOrder | None, new: ChannelOrder) -> str:
    if old is None:
        return "changed at the channel"
    changed = [
        name for name in ("state", "payment", "lines", "ship_to", "shipping_rate", "total", "note", "email")
        if getattr(old, name) != getattr(new, name)
    ]  # fmt: skip
    return "changed at the channel: " + ", ".join(name.replace("_", " ") for name in changed or ["details"])


def _readdress(work: Work, case: Case, new: ChannelOrder) -> None:
    ship_to = addresses.normalise(new.ship_to)
    fixed = [po for po in case.purchases if po.state in COMMITTED or (po.state == PurchaseState.QUEUED and po.attempt)]
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


def readdress(work: Work, case: Case, ship_to: Address) -> None:
    """What is not sent yet ships to this (normalised) address; what was waived of the old one is no longer waived."""
    kept = [waived for waived in sorted(case.waived()) if not waived.startswith(f"{IssueCode.INVALID_ADDRESS}:")]
    work.put(
        case, case.order, ship_to=msgspec.json.encode(ship_to).decode(), country=ship_to.country[:2],
        customer=(ship_to.name or ship_to.company)[:200], waived=msgspec.json.encode(kept).decode(),
    )  # fmt: skip


def _lines(work: Work, case: Case, old: ChannelOrder | None, new: ChannelOrder) -> None:
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
        if was is not None and said.quantity > was.quantity:
            work.put(case, line, quantity=line.quantity + said.quantity - was.quantity)
        fewer = (was.quantity - said.quantity if was is not None and said.quantity < was.quantity else 0) + (
            said.canceled - (was.canceled if was is not None else line.cancel_asked)
        )
        if fewer > 0:
            work.put(case, line, cancel_asked=min(line.quantity, line.cancel_asked + fewer))
    gone = [line for line in case.lines if line.external_id not in now]
    if new.state == ChannelState.CANCELED:
        # What the channel counts as canceled differs by store; a canceled order ships nothing more.
        gone = list(case.lines)
    for line in gone:
        work.put(case, line, cancel_asked=max(line.cancel_asked, line.quantity - line.shipped))
