"""EDI X12 with a supplier over files or AS2: an 850 delivered once, and its 997, 855, 865, 856, 810 and 846 read.

``engine.transports.exchange`` says how a file is delivered once and why ``find`` is exact. Files cannot be looked up at the
supplier; what ``find`` knows is whether ours was put where the supplier reads. That it was read, its 997 says; that it
will be shipped, its 855. Over AS2 ``find`` knows what the MDN said; see ``engine.transports.as2.partner``.

Numbers: ``render`` leaves the control numbers open, so that it is pure. The engine gives each document one, keeps it with
the document, and has it stamped in by ``number`` before anything is sent, so that every attempt is the same bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from engine.connectors.suppliers.x12 import as2, document
from engine.connectors.suppliers.x12.config import Config, envelope
from engine.connectors.suppliers.x12.mapping import Reader
from engine.connectors.suppliers.x12.ways import Files, Messages, Way
from engine.domain.x12.receipt import receipts
from engine.domain.x12.scan import Interchange, scan
from engine.domain.x12.writing import Control, Envelope, interchange, stamp
from engine.errors import Misconfigured, Refused, Unreadable
from engine.ports import Accepted, CancelAnswer, Page, Parts, Purchase, Raw, SupplierUpdate
from engine.transports.messages import MessagePost
from engine.transports.ways import SECRETS


class Connector:
    """See the module. ``check`` and every error name the host or the folder."""

    slug: ClassVar[str] = "x12"
    name: ClassVar[str] = "EDI X12"
    docs_url: ClassVar[str] = "https://x12.org/products/transaction-sets"
    config_type: ClassVar[type[msgspec.Struct]] = Config
    secret_fields: ClassVar[frozenset[str]] = SECRETS | {"as2_private_key", "as2_next_private_key"}
    can_find: ClassVar[bool] = True
    can_cancel: ClassVar[bool] = True
    stages: ClassVar[bool] = True

    def __init__(self, config: Config) -> None:
        self._config = config
        self._envelope = envelope(config)
        try:
            self._zone = ZoneInfo(config.timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise Misconfigured(f"timezone: there is no {config.timezone!r}") from error
        self._reader = Reader(config, self._zone)
        partner = as2.partner(config) if config.transport == "as2" else None
        self.post: MessagePost | None = partner
        self._way: Way = Messages(config, partner) if partner is not None else Files(config)
        us, them = self._envelope, self._envelope
        self.partner = f"{us.sender_qualifier}:{us.sender}>{them.receiver_qualifier}:{them.receiver}:{us.usage}"
        self.first_number = config.first_control_number
        self.receipt_hours = config.receipt_hours

    # --- out ----------------------------------------------------------------------------------------------------------

    def render(self, purchase: Purchase) -> bytes:
        """The 850 without its control numbers. Raises Invalid for what X12 cannot carry."""
        return document.render_order(purchase, self._config, self._envelope, self._zone)

    def number(self, body: bytes, number: int, at: datetime) -> bytes:
        """The interchange with this control number, in all its places, and the time it was given out."""
        charset = self._envelope.charset
        return stamp(body.decode(charset), Control(number, at.astimezone(self._zone))).encode(charset)

    async def stage(self, po_number: str, body: bytes) -> None:
        """The bytes lie at the supplier under a name it ignores. Nothing is staged over an order already delivered."""
        await self._way.stage(po_number, body)

    async def submit(self, po_number: str, body: bytes) -> Accepted:
        """The supplier has it: the staged file has the name it acts on, or its MDN says so."""
        return await self._way.submit(po_number, body)

    async def find(self, po_number: str) -> Accepted | None:
        """Was it delivered? Exact for attempts that were begun. OutcomeUnknown where that cannot be told."""
        return await self._way.find(po_number)

    def render_cancel(self, purchase: Purchase) -> bytes:
        """The 860 that cancels all of it, without its control numbers. Raises Refused where the supplier takes none."""
        if not self._config.cancel_by_860:
            raise Refused(f"this supplier takes no 860; cancel {purchase.po_number} by telephone or e-mail")
        return document.render_cancel(purchase, self._config, self._envelope, self._zone)

    async def send_cancel(self, po_number: str, body: bytes) -> CancelAnswer:
        """The 860 lies where the supplier reads, once while it is not taken, or its MDN says so; the answer comes in an 865."""
        await self._way.send("860", po_number, body)
        return CancelAnswer.PENDING

    async def request_cancel(self, po_number: str) -> CancelAnswer:
        """An 860 names the order's lines and has a control number: the engine makes it and calls ``send_cancel``."""
        raise Refused(f"{po_number} cannot be canceled by its number alone; an 860 with its lines is needed")

    # --- in -----------------------------------------------------------------------------------------------------------

    async def poll(self, cursor: str | None) -> Page:
        """The files that have stopped growing. The cursor carries those that had not, as they were seen last."""
        return await self._way.poll(cursor)

    def read_parts(self, raw: Raw) -> Parts:
        """What each set in the file says, and which could not be read."""
        return self._reader.read(raw)

    def read(self, raw: Raw) -> tuple[SupplierUpdate, ...]:
        """What the file says, whole or not at all. Raises Unreadable naming the set, the segment and the element."""
        parts = self.read_parts(raw)
        if parts.problems:
            raise Unreadable("; ".join(parts.problems), field=parts.field or None)
        return parts.updates

    def receipts(self, raw: Raw) -> tuple[bytes, ...]:
        """A 997 for every functional group in the file, one interchange each; none for 997s."""
        if not self._config.send_receipts:
            return ()
        found = []
        for whole in scan(raw.body).interchanges:
            for group, segments in receipts(whole):
                back = self._back(whole, group.header.get(2), group.header.get(3))
                found.append(
                    interchange([("997", segments)], back, document.UNNUMBERED).encode(back.charset, "replace")
                )
        return tuple(found)

    def _back(self, whole: Interchange, from_group: str, to_group: str) -> Envelope:
        """The way back to whoever sent this, if that is another than we know: a wrong address is answered where it came from."""
        marks = self._envelope.delimiters.all()
        fields = {
            "receiver_qualifier": whole.header.get(5), "receiver": whole.header.get(6), "sender_qualifier": whole.header.get(7),
            "sender": whole.header.get(8), "group_receiver": from_group, "group_sender": to_group,
        }  # fmt: skip
        clean = {
            name: "".join(c for c in value if c.isascii() and c.isprintable() and c not in marks)[:15]
            for name, value in fields.items()
        }
        return msgspec.structs.replace(self._envelope, **clean)

    async def send_receipt(self, number: int, body: bytes) -> None:
        """The 997 lies where the supplier reads, under a name of its own, or its MDN says that it has it."""
        await self._way.send("997", f"{number:09d}", body)

    async def finish(self, done: Sequence[str]) -> None:
        """The files lie in ``processed/`` beside where they were. One replaced meanwhile stays for the next poll."""
        await self._way.finish(done)

    # --- both ---------------------------------------------------------------------------------------------------------

    async def check(self) -> str:
        """The other side lets us in, and every configured directory is there; returns who and where."""
        who = await self._way.check()
        usage = "test" if self._config.test else "production"
        return f"{who}; we are {self._config.sender_id}, they are {self._config.receiver_id}, {usage}"

    async def close(self) -> None:
        """The connection is closed."""
        await self._way.close()
