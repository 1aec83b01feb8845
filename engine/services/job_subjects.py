"""What jobs are about, in words and with where to look: the order behind a purchase order or a parcel, a channel, a payload."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from engine import db
from engine.services.outbox import JobView

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
}  # fmt: skip


async def subjects(jobs: Sequence[JobView]) -> dict[int, Subject]:
    """What each job is about, by the job's id; one whose subject is gone, or that has none, is about nothing."""
    wanted: dict[str, dict[int, list[int]]] = {}
    found: dict[int, Subject] = {job.id: Subject() for job in jobs}
    for job in jobs:
        if job.task in ("inbound.read", "suppliers.receipt", "suppliers.mdn"):
            found[job.id] = Subject("payload", f"payload {job.subject_id}", str(job.subject_id))
        elif record := _record(job):
            wanted.setdefault(record, {}).setdefault(job.subject_id, []).append(job.id)
    for record, by_id in wanted.items():
        kind, select = _ASKS[record]
        ids = db.padded(list(by_id))
        for row in await db.rows(f"{select} IN ({db.marks(ids)})", *ids):
            for job_id in by_id[int(row[0])]:
                found[job_id] = Subject(kind, str(row[1]), str(row[2]))
    return found


def _record(job: JobView) -> str:
    """Which kind of record the job's subject is. A message is about what its key begins with."""
    if job.task == "notify.send" and job.key.startswith("late:"):
        return "purchase"
    if job.task == "notify.send":
        return "supplier" if job.key.startswith(("paused:suppliers:", "ending:")) else "channel"
    return _RECORDS.get(job.task, "")
