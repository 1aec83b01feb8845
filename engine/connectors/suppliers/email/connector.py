"""Purchase orders by e-mail, for suppliers whose people read them: text, PDF and a table, with links to answer by.

A mail cannot be looked up. So once the mail server may have it, and did not say so, nothing is ever sent again unasked:
the purchase order waits for a person, who asks the supplier. What is sent again then has the same id and number, by which the
supplier recognises it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import ClassVar

import msgspec

from engine import clock
from engine.connectors.suppliers.email import document
from engine.connectors.suppliers.email.config import Config, mailbox, server
from engine.connectors.suppliers.email.reading import LetterReader
from engine.domain import letters
from engine.errors import Misconfigured, NotAuthorised, OutcomeUnknown, Unreadable
from engine.ports import Accepted, CancelAnswer, Enclosed, Page, Purchase, Raw, Rejected, Reminder, SupplierUpdate
from engine.transports import smtp
from engine.transports.mailbox import Received


class Connector:
    """See the module. ``check`` and every error name the servers."""

    slug: ClassVar[str] = "email"
    name: ClassVar[str] = "E-mail"
    docs_url: ClassVar[str] = "https://www.rfc-editor.org/rfc/rfc5322"
    config_type: ClassVar[type[msgspec.Struct]] = Config
    secret_fields: ClassVar[frozenset[str]] = frozenset({"smtp_password", "imap_password"})
    can_find: ClassVar[bool] = False
    can_cancel: ClassVar[bool] = True
    stages: ClassVar[bool] = False

    def __init__(self, config: Config) -> None:
        self._config = config
        self._reader = LetterReader(config)
        self._mailbox = mailbox(config)
        self.link_days = config.link_days if config.links else 0

    # --- out ----------------------------------------------------------------------------------------------------------

    def render(self, purchase: Purchase) -> bytes:
        """The purchase order before paper and links are added to it."""
        return document.render(purchase)

    def enclose(self, body: bytes, enclosed: Enclosed) -> bytes:
        """The mail. Raises Misconfigured where no address to send from is set."""
        return document.mail(body, enclosed, self._config)

    async def stage(self, po_number: str, body: bytes) -> None:
        """Nothing of a mail can be prepared at the supplier."""

    async def submit(self, po_number: str, body: bytes) -> Accepted:
        """The mail server has it for every address of the supplier, which is not yet that the supplier has it."""
        answer = await self._send(body)
        return Accepted(detail=f"mailed to {', '.join(self._config.recipients)}: {answer}")

    async def find(self, po_number: str) -> Accepted | None:
        """A mail cannot be looked up."""
        raise OutcomeUnknown(f"whether {po_number} arrived only the supplier can say: ask them")

    async def request_cancel(self, po_number: str) -> CancelAnswer:
        """The supplier is asked by mail; the answer comes as a reply or by a link."""
        await self._send(document.cancel_mail(po_number, clock.now(), self._config))
        return CancelAnswer.PENDING

    async def remind(self, reminder: Reminder) -> str:
        """The supplier has a mail that asks what became of the order."""
        await self._send(document.reminder_mail(reminder, self._config))
        return f"reminded by mail to {', '.join(self._config.recipients)}"

    async def _send(self, body: bytes) -> str:
        try:
            way, sender = server(self._config), self._config.from_address
        except Misconfigured as error:
            raise NotAuthorised(error.message) from error  # nothing has left, and a person must set it right
        return await smtp.deliver(way, sender, self._config.recipients, body)

    # --- in -----------------------------------------------------------------------------------------------------------

    async def poll(self, cursor: str | None) -> Page:
        """The letters of this supplier, and reports on letters to it, since the last that was read."""
        if self._mailbox is None:
            return Page(())
        batch = await self._mailbox.fetch(
            cursor, self._reader.is_ours, most=self._config.mails_per_poll, limit=self._config.max_mail_bytes
        )
        items: list[Raw] = []
        rejected: list[Rejected] = []
        for letter in batch.letters:
            raw = _raw(letter)
            if not letter.body:
                most = self._config.max_mail_bytes
                why = f"a mail of {letter.size} bytes, more than the {most} we accept; it stays in the mailbox"
                rejected.append(Rejected(raw, why))
            elif self._reader.belongs(letter.body):
                items.append(raw)
        return Page(tuple(items), batch.cursor, tuple(rejected))

    def read(self, raw: Raw) -> tuple[SupplierUpdate, ...]:
        """What a letter or an answer by a link says. Raises Unreadable: free text is for people."""
        return self._reader.read(raw)

    async def finish(self, done: Sequence[str]) -> None:
        """Nothing in the mailbox is moved, marked or deleted."""

    # --- both ---------------------------------------------------------------------------------------------------------

    async def check(self) -> str:
        """The mail server and, where replies are read, the mailbox let us in; returns who and where."""
        found = [f"orders go to {', '.join(self._config.recipients)} by {await smtp.check(server(self._config))}"]
        found.append(
            f"replies are read from {await self._mailbox.check()}" if self._mailbox else "replies are not read"
        )
        return "; ".join(found)

    async def close(self) -> None:
        """Nothing is held open between two calls."""


def _raw(letter: Received) -> Raw:
    """The letter under its own id, so that it is the same one wherever the mailbox keeps it."""
    body = letter.body or letter.head
    try:
        known = letters.read(letter.head).message_id
    except Unreadable:
        known = ""
    name = known.strip("<>")[:180] or hashlib.sha256(body).hexdigest()
    return Raw(f"mail/{name}", body, f"message/rfc822; received={int(letter.at.timestamp())}")
