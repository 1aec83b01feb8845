"""The blue book's chain: events as rows, each hashed onto the one before it, so that nobody can change one unseen."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import msgspec

from engine.services.casefile import Case, EventRecord

EVENT_COLUMNS = (
    "order_id", "seq", "at", "actor", "tag", "subject", "message", "cause", "before", "after", "data", "inbound_id",
    "prev_hash", "hash",
)  # fmt: skip

_sorted = msgspec.json.Encoder(order="deterministic").encode
_plain = msgspec.json.Encoder().encode


def encode(value: dict[str, Any]) -> str:
    """JSON text with sorted keys: the same value is always the same text."""
    return _sorted(value).decode() if value else "{}"


def event_hash(row: Sequence[Any]) -> str:
    """The hash of an event's values in the order of ``EVENT_COLUMNS``, up to and with ``prev_hash``."""
    return hashlib.sha256(_plain(row)).hexdigest()


def tell(events: Sequence[EventRecord]) -> None:
    """The events are text; what changes in them from here on is only taken up when they are told again."""
    for event in events:
        event.told = (encode(event.before), _after(event), encode(event.data))


def _after(event: EventRecord) -> str:
    # What came with the event is in the order in which it came.
    if not event.made:
        return encode(event.after)
    texts = [made.text() for made in event.made.values()]
    if event.after:
        texts.append(b"," + _sorted(event.after)[1:-1])
    return (b"{%b}" % b"".join(texts)[1:]).decode()


def chained(cases: Sequence[Case]) -> list[list[Any]]:
    """The event rows of the cases, hashed onto the end of each order's chain; the orders' heads move on."""
    rows: list[list[Any]] = []
    for case in cases:
        order = case.order
        for event in case.events:
            order.audit_seq += 1
            row = [
                order.id, order.audit_seq, event.at, event.actor, event.tag, event.subject, event.message, event.cause,
                *event.told, event.inbound_id, order.audit_hash,
            ]  # fmt: skip
            order.audit_hash = event_hash(row)
            rows.append([*row, order.audit_hash])
        if case.events:
            order.dirty |= {"audit_seq", "audit_hash"}
    return rows
