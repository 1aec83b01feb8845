"""Links by which a supplier's people answer a purchase order without logging in: confirm it, decline it, add a parcel.

A link carries which purchase order it is for, which answer, and until when, with a tag only our key can make; nothing is stored
until it is used. It works once: using it writes its digest, the words as an inbound message, and the job that reads them, in one
commit. From there on it is an update like any other of that supplier.
"""

from __future__ import annotations

import base64
import hashlib
import struct
from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

from engine import clock, db, vault
from engine.domain import carriers
from engine.domain.states import UNSENT, PurchaseState
from engine.errors import Invalid, NotFound, Refused
from engine.ports import SAID, Encloses, Page, Raw, SupplierUpdate, UpdateKind, UpdateLine
from engine.services import catalog, inbox, loading, outbox
from engine.services.casefile import Case, PurchaseRecord
from engine.services.outbox import NewJob
from engine.settings import settings

GONE = "This link does not work: it is not complete, or too old. Reply to the mail that brought the order instead."
LONGEST = {"reference": 100, "message": 500, "carrier": 60, "tracking_number": 60}
"""Characters of each answer, at most."""
_FORM = struct.Struct(">cQQH")  # which answer, purchase order, made at (microseconds), days
_TAG = 16
_PURPOSE = "answer link"
_SENT = frozenset(PurchaseState) - UNSENT
S = PurchaseState


class Kind(StrEnum):
    """What a link is for."""

    CONFIRM = "confirm"
    DECLINE = "decline"
    TRACK = "track"


_CODES = {Kind.CONFIRM: b"c", Kind.DECLINE: b"d", Kind.TRACK: b"t"}
_KINDS = {code: kind for kind, code in _CODES.items()}


class Line(msgspec.Struct, frozen=True):
    """A line of the purchase order as the supplier knows it; ``open`` pieces are neither shipped nor canceled."""

    line: int
    supplier_sku: str
    title: str
    quantity: int
    open: int


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What a link asks. ``closed`` says why nothing can be said by it any more, "" while it can.

    ``cancel_requested``: we asked to have it canceled meanwhile.
    """

    kind: Kind
    po_number: str
    supplier: str
    until: datetime
    lines: tuple[Line, ...]
    closed: str = ""
    cancel_requested: bool = False


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What was said. ``quantities`` are pieces in the parcel by line; without any, it is all that is open."""

    reference: str = ""
    message: str = ""
    carrier: str = ""
    tracking_number: str = ""
    quantities: Mapping[int, int] = {}


class Taken(msgspec.Struct, frozen=True):
    """What was said, in a sentence, and the token for another parcel where something is still open, else ""."""

    said: str
    another: str = ""


class _Link(msgspec.Struct, frozen=True):
    kind: Kind
    po_id: int
    made: int
    days: int
    digest: str


# --- links ------------------------------------------------------------------------------------------------------------


def token(po_id: int, kind: Kind, made: datetime, days: int) -> str:
    """What stands in the link: the same for the same arguments and key."""
    told = _FORM.pack(_CODES[kind], po_id, clock.micros(made), days)
    return base64.urlsafe_b64encode(told + vault.tag(told, purpose=_PURPOSE)).rstrip(b"=").decode()


def path(token: str) -> str:
    """Where the API takes it: behind its address."""
    return f"/answer/{token}"


def link(token: str) -> str:
    """The link as it stands in a mail, "" where the site has no public address."""
    return settings().public_url.rstrip("/") + path(token) if settings().public_url else ""


def _opened(token: str) -> _Link:
    try:
        told = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except (ValueError, UnicodeEncodeError) as error:
        raise NotFound(GONE) from error
    body, tag = told[:-_TAG], told[-_TAG:]
    # One link is one text: base64 that ends in other idle bits must not be another.
    if len(body) != _FORM.size or base64.urlsafe_b64encode(told).rstrip(b"=").decode() != token:
        raise NotFound(GONE)
    if not vault.is_tag(tag, body, purpose=_PURPOSE):
        raise NotFound(GONE)
    code, po_id, made, days = _FORM.unpack(body)
    if clock.moment(made) + timedelta(days=days) <= clock.now():
        raise NotFound(GONE)
    return _Link(_KINDS[code], po_id, made, days, hashlib.sha256(token.encode()).hexdigest())


# --- showing ----------------------------------------------------------------------------------------------------------


async def asked(token: str) -> Asked:
    """What the link asks. Changes nothing. Raises NotFound where it never was, or is too old."""
    link = _opened(token)
    case, po = await _about(link)
    supplier = (await catalog.suppliers())[po.supplier_id]
    left = await _open(po)
    return Asked(
        kind=link.kind, po_number=po.po_number, supplier=supplier.name,
        until=clock.moment(link.made) + timedelta(days=link.days),
        lines=tuple(Line(x.position, x.supplier_sku, x.title, x.quantity, left[x.position]) for x in po.lines),
        closed=await _used(link) or await _changed(link, case, po) or _pointless(link.kind, po),
        cancel_requested=po.state == S.CANCEL_REQUESTED,
    )  # fmt: skip


async def _about(link: _Link) -> tuple[Case, PurchaseRecord]:
    order_id = await db.value("SELECT order_id FROM purchase_orders WHERE id = ?", link.po_id)
    if order_id is None:
        raise NotFound(GONE)
    case = (await loading.load([int(order_id)]))[0]
    po = next(po for po in case.purchases if po.id == link.po_id)
    if not isinstance(await catalog.supplier(po.supplier_id), Encloses):
        raise NotFound(GONE)  # the supplier is connected in another way by now
    return case, po


async def _open(po: PurchaseRecord) -> dict[int, int]:
    """Pieces by line that are neither shipped nor canceled, nor in a parcel that was told by a link and not read yet."""
    left = {line.position: line.open for line in po.lines}
    waiting = await db.rows(
        "SELECT body FROM inbound_messages WHERE state IN ('stored', 'parked') AND state = 'stored' AND source = 'supplier' "
        "AND source_id = ? AND content_type = ? AND external_id LIKE 'link/%'",
        po.supplier_id, SAID,
    )  # fmt: skip
    for row in waiting:
        update = msgspec.json.decode(bytes(row[0]), type=SupplierUpdate)
        if update.po_number == po.po_number and update.kind == UpdateKind.SHIPPED:
            for line in update.lines:
                left[line.line] = max(0, left[line.line] - line.quantity)
    return left


async def _used(link: _Link) -> str:
    found = await db.row("SELECT said, used_at FROM supplier_answers WHERE digest = ?", link.digest)
    return f"This link was used on {clock.moment(int(found[1])):%d %B %Y at %H:%M} UTC: {found[0]}." if found else ""


async def _changed(link: _Link, case: Case, po: PurchaseRecord) -> str:
    """Why the link is void: the order was taken back and changed after the mail it is in."""
    found = await db.value(
        "SELECT 1 FROM audit_events WHERE order_id = ? AND subject = ? AND at > ? AND tag LIKE '%:purchase:reopen' LIMIT 1",
        case.order.id, po.path, link.made,
    )  # fmt: skip
    if found is None and po.state in _SENT:
        return ""
    return "The order was changed after this mail was sent. Use the links in the newest mail about it."


def _pointless(kind: Kind, po: PurchaseRecord) -> str:
    if po.superseded or po.state == S.CANCELED:
        return "The order was canceled: please do not ship it."
    if po.state in (S.SHIPPED, S.CLOSED):
        return "All of the order has shipped already. There is nothing more to say."
    if po.state == S.REJECTED:
        return "You told us already that you cannot fulfil the order."
    if kind is not Kind.TRACK and any(line.shipped for line in po.lines):
        return "Part of the order has shipped already."
    if kind is Kind.CONFIRM and po.state == S.ACKNOWLEDGED:
        return "You confirmed the order already. There is nothing more to do here."
    return ""


# --- taking -----------------------------------------------------------------------------------------------------------


async def say(used: str, answer: Answer) -> Taken:
    """What was said by the token ``used`` is kept, with the job that reads it, and the link is used up.

    Raises NotFound, Refused where nothing can be said by it any more, and Invalid naming the field: both leave it as it was.
    """
    link = _opened(used)
    case, po = await _about(link)
    left = await _open(po)  # before it is looked whether the link was used: who finds its parcel told finds it used
    closed = await _used(link) or await _changed(link, case, po) or _pointless(link.kind, po)
    if closed:
        raise Refused(closed)
    now = clock.now()
    said, update = _MAKERS[link.kind](po, left, _cleaned(answer), now, link.digest)
    raw = Raw(f"link/{po.po_number}/{link.digest[:16]}", msgspec.json.encode(update), SAID)
    async with db.transaction():
        first = await db.value(
            "INSERT INTO supplier_answers (digest, purchase_order_id, used_at, said) VALUES (?, ?, ?, ?) "
            "ON CONFLICT (digest) DO NOTHING RETURNING id",
            link.digest, po.id, clock.micros(now), said[:300],
        )  # fmt: skip
        if first is None:
            raise Refused(await _used(link))
        stored = await inbox.store("supplier", po.supplier_id, Page((raw,)))
        await outbox.put([NewJob(f"inbound:{item.id}", "inbound.read", item.id) for item in stored])
    if link.kind is Kind.TRACK and sum(left.values()) > sum(line.quantity for line in update.lines):
        spent = (now - clock.moment(link.made)).days
        return Taken(said, token(po.id, Kind.TRACK, now, max(1, link.days - spent)))
    return Taken(said)


def _cleaned(answer: Answer) -> Answer:
    found = {}
    for name, most in LONGEST.items():
        text = " ".join("".join(c if c.isprintable() else " " for c in getattr(answer, name)).split())
        if len(text) > most:
            raise Invalid(f"This is longer than {most} characters.", name)
        found[name] = text
    return msgspec.structs.replace(answer, **found)


def _confirmed(
    po: PurchaseRecord, left: Mapping[int, int], answer: Answer, at: datetime, digest: str
) -> tuple[str, SupplierUpdate]:
    told = "; ".join(filter(None, (f"their number {answer.reference}" if answer.reference else "", answer.message)))
    update = SupplierUpdate(
        kind=UpdateKind.ACKNOWLEDGED, key=f"link/{digest[:32]}", po_number=po.po_number, occurred_at=at,
        reference=answer.reference, message="confirmed by its link" + (f": {told}" if told else ""),
    )  # fmt: skip
    return "you will ship the order", update


def _declined(
    po: PurchaseRecord, left: Mapping[int, int], answer: Answer, at: datetime, digest: str
) -> tuple[str, SupplierUpdate]:
    if not answer.message:
        raise Invalid("Say why, so that we can tell the customer.", "message")
    update = SupplierUpdate(
        kind=UpdateKind.REJECTED,
        key=f"link/{digest[:32]}",
        po_number=po.po_number,
        occurred_at=at,
        message=answer.message,
    )
    return f"you cannot fulfil the order ({answer.message})", update


def _shipped(
    po: PurchaseRecord, left: Mapping[int, int], answer: Answer, at: datetime, digest: str
) -> tuple[str, SupplierUpdate]:
    if not answer.carrier:
        raise Invalid("Say who carries it: UPS, FedEx, DHL …", "carrier")
    if sum(c.isalnum() for c in answer.tracking_number) < 4:
        raise Invalid("Give the tracking number as it stands on the label.", "tracking_number")
    lines = []
    for line in po.lines:
        most = left[line.position]
        pieces = answer.quantities.get(line.position, 0) if answer.quantities else most
        if not 0 <= pieces <= most:
            raise Invalid(f"Of {line.supplier_sku} between 0 and {most} pieces are open.", f"line{line.position}")
        if pieces:
            lines.append(UpdateLine(line.supplier_sku, pieces, line.position))
    if not lines:
        raise Invalid("Say how many pieces are in the parcel.", f"line{po.lines[0].position}")
    # By what is in it, so that the same parcel told by a reply as well, or by two links, is one parcel.
    contents = hashlib.sha256(msgspec.json.encode(lines)).hexdigest()[:16]
    update = SupplierUpdate(
        kind=UpdateKind.SHIPPED, key=f"{po.po_number}/{answer.tracking_number}/{contents}", po_number=po.po_number,
        occurred_at=at, carrier=answer.carrier, tracking_number=answer.tracking_number, lines=tuple(lines),
    )  # fmt: skip
    count = sum(line.quantity for line in lines)
    return f"{count} piece{'' if count == 1 else 's'} shipped by {answer.carrier}, {answer.tracking_number}", update


_MAKERS = {Kind.CONFIRM: _confirmed, Kind.DECLINE: _declined, Kind.TRACK: _shipped}


def carrier_names() -> list[str]:
    """The carriers we know, to be suggested where one is asked for."""
    return sorted({carrier.name for carrier in carriers.CARRIERS.values()})
