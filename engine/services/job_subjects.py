"""What jobs are about, in words and with where to look: the order behind a purchase order or a parcel, a channel, a payload."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec

from engine import db
from engine.services.outbox import JobView

Table = Literal["channels", "suppliers"]
Kind = Literal["order", "channel", "supplier", "payload", "webhook", ""]


class Subject(msgspec.Struct, frozen=True):
    """``name`` is what people call it; ``key`` finds it: an order's number, a channel's id, a supplier's code, a payload's id."""

    kind: Kind = ""
    name: str = ""
    key: str = ""

    @property
    def said(self) -> str:
        """In a line by itself, where nothing leads on: an order's number before its parcel's or purchase order's."""
        return f"{self.key}: {self.name}" if self.kind == "order" and self.key not in self.name else self.name


_ASKS: Mapping[str, tuple[Kind, str]] = {
    "order": ("order", "SELECT id, number, number FROM orders WHERE id"),
    "purchase": (
        "order",
        "SELECT p.id, p.po_number, o.number FROM purchase_orders AS p JOIN orders AS o ON o.id = p.order_id WHERE p.id",
    ),
    "parcel": (
        "order",
        "SELECT s.id, s.tracking_number, o.number FROM shipments AS s JOIN orders AS o ON o.id = s.order_id WHERE s.id",
    ),
    "channel": ("channel", "SELECT id, name, id FROM channels WHERE id"),
    "supplier": ("supplier", "SELECT id, code, code FROM suppliers WHERE id"),
    "webhook": ("webhook", "SELECT id, name, id FROM webhooks WHERE id"),
}
"""For each kind of record: what its page is about, and how id, name and key are found."""
_RECORDS = {
    "orders.check": "order", "orders.auto": "channel", "purchases.submit": "purchase", "purchases.find": "purchase",
    "purchases.cancel": "purchase", "tracking.push": "parcel", "channels.poll": "channel", "channels.rescan": "channel",
    "channels.refresh": "channel", "channels.listings": "channel", "channels.acknowledge": "order", "channels.cancel": "order",
    "suppliers.poll": "supplier", "suppliers.remind": "purchase", "webhooks.send": "webhook",
    "inbound.read": "payload", "suppliers.receipt": "payload", "suppliers.mdn": "payload",
}  # fmt: skip

_TALK = {"channels": ("channels.", "tracking."), "suppliers": ("suppliers.", "purchases.")}
"""How the tasks begin that cannot be done without the channel or the supplier."""
_OF = {
    ("channels", "channel"): "outbox.subject_id = ?",
    ("channels", "order"): "EXISTS (SELECT 1 FROM orders AS o WHERE o.id = outbox.subject_id AND o.channel_id = ?)",
    ("channels", "parcel"): "EXISTS (SELECT 1 FROM shipments AS s JOIN orders AS o ON o.id = s.order_id "
                            "WHERE s.id = outbox.subject_id AND o.channel_id = ?)",
    ("suppliers", "supplier"): "outbox.subject_id = ?",
    ("suppliers", "purchase"): "EXISTS (SELECT 1 FROM purchase_orders AS p WHERE p.id = outbox.subject_id "
                               "AND p.supplier_id = ?)",
    ("suppliers", "payload"): "EXISTS (SELECT 1 FROM inbound_messages AS i WHERE i.id = outbox.subject_id "
                              "AND i.source = 'supplier' AND i.source_id = ?)",
}  # fmt: skip
"""Whether a job's record, by its kind, is the channel's or the supplier's."""

_WHAT = {
    "orders.check": "Check an order", "orders.auto": "Process ready orders", "purchases.submit": "Send a purchase order",
    "purchases.find": "Ask for a purchase order", "purchases.cancel": "Ask to cancel", "tracking.push": "Tell the channel",
    "channels.poll": "Pull orders", "channels.rescan": "Read open orders again", "channels.refresh": "Read an order again",
    "channels.acknowledge": "Acknowledge an order", "channels.cancel": "Tell the channel to cancel",
    "channels.grants": "Look at who lets us in", "channels.listings": "Import listings",
    "suppliers.poll": "Listen to a supplier", "suppliers.remind": "Remind a supplier", "inbound.read": "Read a payload",
    "notify.send": "Send an e-mail", "suppliers.receipt": "Send a 997", "suppliers.mdn": "Post an MDN",
    "webhooks.collect": "Look for what others are told", "webhooks.send": "Tell others by webhook",
    "system.certificates": "Look at certificates", "system.sweep": "Look after everything",
}  # fmt: skip


def what(task: str) -> str:
    """What a job of the task does, in people's words."""
    return _WHAT.get(task, task)


async def subjects(jobs: Sequence[JobView]) -> dict[int, Subject]:
    """What each job is about, by the job's id; one whose subject is gone, or that has none, is about nothing."""
    wanted: dict[str, dict[int, list[int]]] = {}
    found: dict[int, Subject] = {job.id: Subject() for job in jobs}
    for job in jobs:
        record = record_of(job.task, job.key)
        if record == "payload":
            found[job.id] = Subject("payload", f"payload {job.subject_id}", str(job.subject_id))
        elif record:
            wanted.setdefault(record, {}).setdefault(job.subject_id, []).append(job.id)
    for record, by_id in wanted.items():
        kind, select = _ASKS[record]
        ids = db.padded(list(by_id))
        for row in await db.rows(f"{select} IN ({db.marks(ids)})", *ids):
            for job_id in by_id[int(row[0])]:
                found[job_id] = Subject(kind, str(row[1]), str(row[2]))
    return found


def needing(table: Table, row_id: int) -> tuple[str, list[Any]]:
    """A condition on rows of ``outbox``, with its values: the job cannot be done without this channel or supplier."""
    by_record: dict[str, list[str]] = {}
    for task, record in _RECORDS.items():
        if task.startswith(_TALK[table]):
            by_record.setdefault(record, []).append(task)
    parts, values = [], []
    for record, tasks in by_record.items():
        parts.append(f"(outbox.task IN ({db.marks(tasks)}) AND {_OF[table, record]})")
        values += [*tasks, row_id]
    return f"({' OR '.join(parts)})", values


def record_of(task: str, key: str) -> str:
    """Which kind of record a job's subject is: order, purchase, parcel, channel … A message is about what its key begins with."""
    if task == "notify.send" and key.startswith("late:"):
        return "purchase"
    if task == "notify.send":
        return "supplier" if key.startswith(("paused:suppliers:", "ending:")) else "channel"
    return _RECORDS.get(task, "")
