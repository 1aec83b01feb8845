"""Messages that suppliers post to us by AS2: kept before they are answered, and the receipts they post for ours.

A message is stored, entered in the ledger with its receipt, and given its jobs in one commit; only then is it answered. The
same Message-ID coming again gets the same receipt and is not kept twice. A receipt that comes by itself settles the message
it is about, and with it the purchase order, however late it comes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import structlog

from engine import clock, db
from engine.domain.states import PurchaseState
from engine.errors import BluebookError, NotFound, Refused, TryLater
from engine.ports import Accepted, Page
from engine.services import catalog, inbox, lifecycle, outbox, submissions, submit
from engine.services.ledger import MessageLedger
from engine.services.lifecycle import Actor
from engine.services.outbox import Dead, Done, Job, NewJob, Outcome, Retry
from engine.transports.messages import Judged, MessagePost, Receipt, Taken, post_of

_log = structlog.get_logger(__name__)
_UNDECIDED = (PurchaseState.SUBMITTING, PurchaseState.OUTCOME_UNKNOWN)
_LATE = (*_UNDECIDED, PurchaseState.QUEUED, PurchaseState.FAILED)


async def take(supplier_id: int, headers: Mapping[str, str], body: bytes) -> Receipt | None:
    """What was posted is kept, or refused in its receipt; what is to be answered on this connection, None: nothing.

    Raises NotFound, Unreadable, and Refused for a message that was not accepted and wants no receipt.
    """
    post = await expect(supplier_id)
    # Servers hand on undecodable bytes as lone surrogates, and NUL has no place in a database.
    plain = {n: v.encode("utf-8", "replace").decode().replace("\0", "") for n, v in headers.items()}
    taken = await post.take(plain, body)
    if isinstance(taken, Judged):
        await settle(supplier_id, taken)
        return None
    if taken.raw is None:
        _log.warning(
            "an AS2 message was not accepted", supplier=supplier_id, message=taken.message_id, why=taken.trouble
        )
        said = f"an AS2 message was not accepted: {taken.trouble}"
        await db.run(
            "UPDATE suppliers SET last_error = ? WHERE id = ? AND paused_reason = ''", said[:1000], supplier_id
        )
        if taken.receipt is None:
            raise Refused(taken.trouble)
        return taken.receipt
    receipt = await _keep(supplier_id, taken)
    return receipt if receipt is not None and not receipt.url else None


async def expect(supplier_id: int) -> MessagePost:
    """Who takes messages of this supplier. Raises NotFound, before anything of a message is read."""
    connector = await catalog.supplier(supplier_id)
    post = post_of(connector)
    if post is None:
        raise NotFound(f"supplier {supplier_id} is connected by {connector.name} in a way that takes no AS2 messages")
    return post


async def _keep(supplier_id: int, taken: Taken) -> Receipt | None:
    """The receipt of the message, which is kept; of one that came before, the receipt it had then."""
    assert taken.raw is not None
    ledger = MessageLedger(supplier_id)
    async with db.transaction():
        # First the ledger: of two copies at the same moment, the other waits here and then finds it known.
        if await ledger.keep(taken.message_id, inbox.digest(taken.raw), taken.receipt):
            (stored,) = await inbox.store("supplier", supplier_id, Page((taken.raw,)))
            await ledger.brought(taken.message_id, stored.id)
            await outbox.put(_jobs(stored.id, taken.receipt))
            return taken.receipt
        receipt, inbound_id = await ledger.answered(taken.message_id)
        _log.info("an AS2 message came again", supplier=supplier_id, message=taken.message_id)
        if receipt is not None and receipt.url:
            # Whoever sends it again has not had its receipt.
            await outbox.put([NewJob(f"mdn:{inbound_id}", "suppliers.mdn", inbound_id)])
    return receipt


def _jobs(inbound_id: int, receipt: Receipt | None) -> list[NewJob]:
    jobs = [
        NewJob(f"inbound:{inbound_id}", "inbound.read", inbound_id),
        NewJob(f"receipt:{inbound_id}", "suppliers.receipt", inbound_id),
    ]
    if receipt is not None and receipt.url:
        jobs.append(NewJob(f"mdn:{inbound_id}", "suppliers.mdn", inbound_id))
    return jobs


async def run_jobs(jobs: Sequence[Job]) -> Mapping[int, Outcome] | None:
    """The receipts that are wanted at an address of their own are there."""
    results: dict[int, Outcome] = {}
    for job in jobs:
        row, _ = await inbox.show(job.subject_id)
        try:
            receipt = await MessageLedger(row.source_id).receipt_of(job.subject_id)
            if receipt is not None:
                await (await expect(row.source_id)).post_receipt(receipt)
            results[job.id] = Done()
        except TryLater as error:
            results[job.id] = Retry(error.retry_after, error.message)
        except BluebookError as error:
            results[job.id] = Dead(error.message)
    return results


async def settle(supplier_id: int, judged: Judged) -> None:
    """The message is what its receipt says, and so is its purchase order where nobody knew yet. All in one commit."""
    ledger, posted = MessageLedger(supplier_id), judged.posted
    row = await db.row("SELECT id, order_id FROM purchase_orders WHERE po_number = ?", posted.subject)
    if posted.kind != "850" or row is None or judged.state == "doubtful":
        await ledger.settle(posted.message_id, judged.state, judged.words)
        return
    supplier = (await catalog.suppliers())[supplier_id]
    by = Actor(supplier.name, "supplier", f"as2:{posted.message_id}"[:100])
    async with lifecycle.change([int(row[1])], by=by) as work:
        latest = await ledger.latest(posted.kind, posted.subject)
        await ledger.settle(posted.message_id, judged.state, judged.words)
        case = work.cases[0]
        po = case.purchase(posted.subject)
        if po is None:
            return
        if latest is None or latest.message_id != posted.message_id:
            work.event(
                case, "purchase:late_mdn", f"of an earlier message, {posted.message_id}: {judged.words}", record=po
            )
        elif judged.state == "delivered" and po.state in _LATE:
            submissions.end(work, po, "accepted", judged.words)
            submit.accepted(
                work, case, po, Accepted(detail=f"delivered by AS2: {judged.words}"), supplier, judged.words
            )
        elif judged.state == "refused" and po.state in _UNDECIDED:
            submissions.end(work, po, "refused", judged.words)
            submit.failed(work, case, po, judged.words)


class Ending(msgspec.Struct, frozen=True):
    """A certificate that ends soon or has ended: whose, of which supplier, and how many days are left."""

    supplier_id: int
    supplier: str
    text: str
    days: int


EARLY_DAYS = 30


async def endings() -> list[Ending]:
    """The certificates in use that end within ``EARLY_DAYS`` with nothing to follow them, soonest first."""
    now, found = clock.now(), []
    for supplier in (await catalog.suppliers()).values():
        if not supplier.enabled:
            continue
        try:
            post = post_of(await catalog.supplier(supplier.id))
        except BluebookError:
            continue  # its settings are wrong, which is told where they are used
        for one in post.expiries() if post is not None else ():
            days = (one.ends - now).days
            if days <= EARLY_DAYS:
                found.append(Ending(supplier.id, supplier.name, _said(one, days), days))
    return sorted(found, key=lambda one: one.days)


TELL_AT = (30, 14, 7, 3, 2, 1, 0, -1)
"""With so many days left people are told by mail; looked at once a day."""


async def run_certificate_jobs(jobs: Sequence[Job]) -> Mapping[int, Outcome] | None:
    """People are told which certificates end soon, once a day at most and on some days only."""
    told = [one for one in await endings() if one.days in TELL_AT]
    if told:
        async with db.transaction():
            for one in told:
                args = {"kind": "ending", "text": one.text}
                await outbox.put(
                    [NewJob(f"ending:{one.supplier_id}:{one.text[:60]}", "notify.send", one.supplier_id, None, args)]
                )
    return None


def _said(one: Any, days: int) -> str:
    whose = "our certificate" if one.mine else "the partner's certificate"
    when = f"ends in {days} day{'s' if days != 1 else ''}" if days >= 0 else "has ended"
    setting = "as2_next_certificate and its key" if one.mine else "as2_partner_next_certificate"
    return f"{whose} ({one.what}) {when}; agree on the next one and put it into {setting}"
