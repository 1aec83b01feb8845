"""The ledger of messages posted to suppliers and taken from them: the table ``posted_messages``."""

from __future__ import annotations

from typing import Any

import msgspec

from engine import clock, db
from engine.transports.messages import Posted, Receipt, State

_COLUMNS = "message_id, kind, subject, digest, mics, state, words"
_LASTING = "('delivered', 'refused')"


class MessageLedger:
    """``engine.transports.messages.Ledger`` of one supplier."""

    def __init__(self, supplier_id: int) -> None:
        self._supplier_id = supplier_id

    async def latest(self, kind: str, subject: str) -> Posted | None:
        """The last message about this, None when none was ever posted."""
        found = await db.row(
            f"SELECT {_COLUMNS} FROM posted_messages WHERE supplier_id = ? AND kind = ? AND subject = ? "
            "AND direction = 'out' ORDER BY id DESC LIMIT 1",
            self._supplier_id, kind, subject[:90],
        )  # fmt: skip
        return _posted(found)

    async def get(self, message_id: str) -> Posted | None:
        """The message of ours of this id."""
        found = await db.row(
            f"SELECT {_COLUMNS} FROM posted_messages WHERE supplier_id = ? AND direction = 'out' AND message_id = ?",
            self._supplier_id, message_id,
        )  # fmt: skip
        return _posted(found)

    async def begin(self, posted: Posted) -> None:
        """The message is about to leave, and that is committed. One that was sent before is sent once more."""
        now = clock.micros(clock.now())
        columns = (
            "supplier_id", "direction", "message_id", "kind", "subject", "digest", "mics", "state", "words", "posted_at",
            "receipt",
        )  # fmt: skip
        await db.insert(
            "posted_messages", columns,
            [(self._supplier_id, "out", posted.message_id, posted.kind, posted.subject[:90], posted.digest,
              msgspec.json.encode(posted.mics).decode(), "sent", "", now, "")],
            "ON CONFLICT (supplier_id, direction, message_id) DO UPDATE SET state = 'sent', mics = excluded.mics, "
            "posted_at = excluded.posted_at, settled_at = NULL",
        )  # fmt: skip

    async def settle(self, message_id: str, state: State, words: str) -> None:
        """What became of it. A message once delivered or refused stays so."""
        await db.run(
            "UPDATE posted_messages SET state = ?, words = ?, settled_at = ? WHERE supplier_id = ? AND direction = 'out' "
            f"AND message_id = ? AND state NOT IN {_LASTING}",
            state, words[:2000], clock.micros(clock.now()), self._supplier_id, message_id,
        )  # fmt: skip

    # --- theirs -------------------------------------------------------------------------------------------------------

    async def keep(self, message_id: str, digest: str, receipt: Receipt | None) -> bool:
        """Their message is known from now on, with its receipt; false where it was known already."""
        head = "" if receipt is None else msgspec.json.encode((receipt.headers, receipt.url)).decode()
        found = await db.rows(
            "INSERT INTO posted_messages (supplier_id, direction, message_id, kind, subject, digest, mics, state, words, "
            "posted_at, receipt, receipt_body) VALUES (?, 'in', ?, '', '', ?, '[]', 'taken', '', ?, ?, ?) "
            "ON CONFLICT (supplier_id, direction, message_id) DO NOTHING RETURNING id",
            self._supplier_id, message_id, digest, clock.micros(clock.now()), head,
            None if receipt is None else receipt.body,
        )  # fmt: skip
        return bool(found)

    async def brought(self, message_id: str, inbound_id: int) -> None:
        """The payload their message brought."""
        await db.run(
            "UPDATE posted_messages SET inbound_id = ? WHERE supplier_id = ? AND direction = 'in' AND message_id = ?",
            inbound_id, self._supplier_id, message_id,
        )  # fmt: skip

    async def answered(self, message_id: str) -> tuple[Receipt | None, int]:
        """The receipt that was given for a message of theirs, and the payload it brought."""
        found = await db.row(
            "SELECT receipt, receipt_body, inbound_id FROM posted_messages WHERE supplier_id = ? AND direction = 'in' "
            "AND message_id = ?",
            self._supplier_id, message_id,
        )  # fmt: skip
        assert found is not None
        return _receipt(found), int(found[2])

    async def receipt_of(self, inbound_id: int) -> Receipt | None:
        """The receipt given for the message that brought this payload."""
        found = await db.row(
            "SELECT receipt, receipt_body FROM posted_messages WHERE supplier_id = ? AND direction = 'in' AND inbound_id = ? "
            "ORDER BY id DESC LIMIT 1",
            self._supplier_id, inbound_id,
        )  # fmt: skip
        return None if found is None else _receipt(found)


def _posted(row: Any) -> Posted | None:
    if row is None:
        return None
    return Posted(
        message_id=row[0], kind=row[1], subject=row[2], digest=row[3],
        mics=msgspec.json.decode(row[4], type=tuple[str, ...]), state=msgspec.convert(row[5], State), words=row[6],
    )  # fmt: skip


def _receipt(row: Any) -> Receipt | None:
    if not row[0]:
        return None
    headers, url = msgspec.json.decode(row[0], type=tuple[dict[str, str], str])
    return Receipt(headers, bytes(row[1] or b""), url)
