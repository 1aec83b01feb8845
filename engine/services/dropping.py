"""Dropping jobs: over without having run. What has to be done all the same is no job that can be dropped: the sweep would
only write it again, and until then its order would be in nobody's hands. Then it is said what to do instead.
"""

from __future__ import annotations

import msgspec

from engine import db
from engine.domain.states import PurchaseState, Push
from engine.errors import Refused
from engine.services import lifecycle, outbox
from engine.services.casefile import Case, PurchaseRecord, ShipmentRecord
from engine.services.job_subjects import record_of, what
from engine.services.lifecycle import Actor
from engine.services.outbox import JobView

_ORDER_OF = {
    "order": "SELECT id FROM orders WHERE id = ?",
    "purchase": "SELECT order_id FROM purchase_orders WHERE id = ?",
    "parcel": "SELECT order_id FROM shipments WHERE id = ?",
}


async def consequence(job_id: int) -> str:
    """What it means to drop the job, in a sentence to be asked about. Raises what ``drop`` would raise."""
    job = await outbox.droppable(job_id)
    order_id = await _order_of(job)
    number = ""
    if order_id:
        async with lifecycle.rehearse([order_id], by=Actor("", "person")) as work:
            for case in work.cases:
                _demand(job, case)
                number = case.order.number
    else:
        await _demand_read(job)
    said = "It is over without having run." + (f" The blue book of {number} will say so." if number else "")
    again = await _again(job)
    return f"{said} It {again}." if again else said


async def drop(job_id: int, by: Actor) -> str:
    """A dead or waiting job is over without having run, and the blue book of the order it is about says so; a sentence.

    Raises NotFound, Invalid where it runs or is over, and Refused where it would only come again, as what it is about
    stands: that says what to do instead.
    """
    job = await outbox.droppable(job_id)
    order_id = await _order_of(job)
    if order_id:
        async with lifecycle.change([order_id], by=by) as work:  # locked, so that it does not come to need it meanwhile
            for case in work.cases:
                record = _demand(job, case)
                data = {"job": job.id, "key": job.key, "tries": job.attempts} | (
                    {"error": job.error} if job.error else {}
                )
                work.event(case, "job:drop", f"dropped without having run: {what(job.task)}", record=record, data=data)
            await outbox.drop(job_id)
    else:
        await _demand_read(job)
        await outbox.drop(job_id)
    again = await _again(job)
    return f"job {job_id} is dropped; it {again}" if again else f"job {job_id} is dropped"


async def _order_of(job: JobView) -> int | None:
    """The id of the order the job is about, through its purchase order or parcel; None where it is about none."""
    if job.task == "channels.refresh":
        args = msgspec.json.decode(await db.value("SELECT args FROM outbox WHERE id = ?", job.id) or "{}")
        found = await db.value(
            "SELECT id FROM orders WHERE channel_id = ? AND external_id = ?",
            job.subject_id, str(args.get("external_id", "")),
        )  # fmt: skip
    else:
        select = _ORDER_OF.get(record_of(job.task, job.key))
        found = await db.value(select, job.subject_id) if select else None
    return None if found is None else int(found)


def _demand(job: JobView, case: Case) -> PurchaseRecord | ShipmentRecord | None:
    """The purchase order or parcel the job is about; raises Refused where that needs the job."""
    of = record_of(job.task, job.key)
    po = next((one for one in case.purchases if of == "purchase" and one.id == job.subject_id), None)
    parcel = next((one for one in case.shipments if of == "parcel" and one.id == job.subject_id), None)
    why_not = ""
    if po is not None:
        why_not = _needs(job.task, case, po)
    elif parcel is not None and job.task == "tracking.push" and parcel.push in (Push.PENDING, Push.PUSHING):
        why_not = (
            f"the channel does not have {parcel.tracking_number or parcel.key} of order {case.order.number} yet, and is told "
            "until it has; to have that wait, pause the channel"
        )
    if why_not:
        raise Refused(f"job {job.id} cannot be dropped: {why_not}")
    return po or parcel


def _needs(task: str, case: Case, po: PurchaseRecord) -> str:
    """Why a job of the task has to run for the purchase order, as it stands, and what to do instead; "" where it need not."""
    number, order = po.po_number, case.order.number
    if task == "purchases.submit" and po.state == PurchaseState.QUEUED:
        undo = "undo takes it back" if po.attempt == 0 else "undo takes it back, unless it may have arrived"
        return f"{number} is queued and would be sent all the same; {undo}; or put order {order} on hold, or cancel it"
    if task == "purchases.submit" and po.state == PurchaseState.SUBMITTING:
        return (
            f"{number} is being sent, and what became of it has to be known; cancel order {order}, and the supplier is asked "
            "to as soon as it is known to have it"
        )
    if task == "purchases.find" and po.state == PurchaseState.OUTCOME_UNKNOWN:
        return (
            f"the supplier may have {number} or not, and is asked until that is known; call them, then mark it accepted or "
            f"refused: resolve order {order}"
        )
    if task == "purchases.cancel" and po.state == PurchaseState.CANCEL_REQUESTED:
        return f"the supplier is to cancel {number}, and is asked until it answers; to have it answer sooner, call them"
    return ""


async def _demand_read(job: JobView) -> None:
    """Raises Refused where the job reads a payload that nobody has read yet."""
    if job.task != "inbound.read":
        return
    if await db.value("SELECT state FROM inbound_messages WHERE id = ?", job.subject_id) == "stored":
        raise Refused(
            f"job {job.id} cannot be dropped: payload {job.subject_id} is not read yet, and whatever arrived is read; what "
            "cannot be is parked, and can then be ignored in the inbox"
        )


async def _again(job: JobView) -> str:
    """That the job comes again by its schedule, and how often; "" for one that has none, or whose schedule is off."""
    seconds = await db.value("SELECT every_seconds FROM schedules WHERE key = ? AND enabled = ?", job.key, True)
    return "" if seconds is None else f"comes again by its schedule, {_every(float(seconds))}"


def _every(seconds: float) -> str:
    for size, name in ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second")):
        if seconds >= size and seconds % size == 0:
            many = int(seconds // size)
            return f"every {name}" if many == 1 else f"every {many} {name}s"
    return f"every {seconds:g} seconds"
