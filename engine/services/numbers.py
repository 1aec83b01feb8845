"""Control numbers: every numbered document has one, unique and rising at its partner, given out once and kept.

A document is known by its key, made of what it is and what it says: the same purchase order, rendered again after a crash, gets
its number again and is the same bytes; one that was changed meanwhile is another document and gets another number.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import msgspec

from engine import clock, db
from engine.ports import NumbersDocuments

_HOUR = 3_600_000_000
_LOCKED = (
    "INSERT INTO control_counters (partner, given) VALUES (?, ?) ON CONFLICT (partner) DO UPDATE SET given = "
    "CASE WHEN control_counters.given < ? THEN ? ELSE control_counters.given END + ? RETURNING given"
)


class Unnumbered(msgspec.Struct, frozen=True):
    """A rendered document without its number. ``subject`` is the purchase order's number, "" for a receipt."""

    kind: str
    subject: str
    body: bytes

    @property
    def key(self) -> str:
        """What makes it this document and no other."""
        return f"{self.kind}:{self.subject}:{hashlib.sha256(self.body).hexdigest()[:40]}"[:200]


class Numbered(msgspec.Struct, frozen=True):
    """The document as it goes out."""

    number: int
    body: bytes


async def assign(connector: NumbersDocuments, documents: Sequence[Unnumbered]) -> list[Numbered]:
    """Each document with its number, in their order: the one it has, or the partner's next, which is committed."""
    keys = list(dict.fromkeys(document.key for document in documents))
    known = await _known(connector.partner, keys)
    if len(known) < len(keys):
        known = await _give_out(connector, {document.key: document for document in documents})
    found = []
    for document in documents:
        number, at = known[document.key]
        found.append(Numbered(number, connector.number(document.body, number, clock.moment(at))))
    return found


async def _known(partner: str, keys: Sequence[str]) -> dict[str, tuple[int, int]]:
    found = await db.rows_among(
        "SELECT key, number, given_at FROM control_numbers WHERE partner = ? AND key", keys, partner
    )
    return {str(r[0]): (int(r[1]), int(r[2])) for r in found}


async def _give_out(connector: NumbersDocuments, documents: dict[str, Unnumbered]) -> dict[str, tuple[int, int]]:
    now, partner, floor = clock.micros(clock.now()), connector.partner, connector.first_number - 1
    async with db.transaction():
        # The counter's row is taken first: whoever else gives out numbers here waits, and then sees ours.
        await db.rows(_LOCKED, partner, floor, floor, floor, 0)
        known = await _known(partner, list(documents))
        fresh = [document for key, document in documents.items() if key not in known]
        if not fresh:
            return known
        latest = int((await db.rows(_LOCKED, partner, floor, floor, floor, len(fresh)))[0][0])
        subjects = [document.subject for document in fresh if document.subject]
        await db.many(
            # An attempt that was never heard, or was refused, is owed no receipt once the order goes out as another document.
            "UPDATE control_numbers SET waiting = 0 WHERE subject = ? AND waiting = 1",
            [(subject,) for subject in subjects],
        )
        rows: list[list[Any]] = []
        for number, document in enumerate(fresh, latest - len(fresh) + 1):
            owed = document.kind == "850" and connector.receipt_hours > 0
            due = int(connector.receipt_hours * _HOUR) if owed else 0
            rows.append([partner, number, document.key, document.kind, document.subject[:90], now, int(owed), due, ""])
            known[document.key] = (number, now)
        columns = ("partner", "number", "key", "kind", "subject", "given_at", "waiting", "due_after", "answer")
        await db.insert("control_numbers", columns, rows)
    return known
