"""What a way for messages to travel offers: each is posted to the other side, and counts as delivered by its receipt alone.

``as2.partner.Partner`` is one. Files lie somewhere and can be looked for; a message cannot, so what became of it is written
down: the ledger has a row for each before it leaves, and its receipt (AS2 calls it MDN), whenever it comes, settles that row.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal, Protocol, runtime_checkable

import msgspec

from engine.ports import Raw

State = Literal["sent", "unsent", "delivered", "refused", "doubtful"]
"""sent: it may have left and nobody answered. unsent: it never left. doubtful: an answer came that proves nothing."""


class Posted(msgspec.Struct, frozen=True, kw_only=True):
    """A message of ours as the ledger has it. ``digest`` is of the document, ``mics`` what a right receipt may repeat.

    ``kind`` is 850, 860 or 997; ``subject`` the purchase order's number, or what else the message is about.
    """

    message_id: str
    kind: str
    subject: str
    digest: str
    mics: tuple[str, ...] = ()
    state: State = "sent"
    words: str = ""


class Ledger(Protocol):
    """What was posted to one supplier. Whatever is written is committed when the call returns."""

    async def latest(self, kind: str, subject: str) -> Posted | None:
        """The last message about this, None when none was ever posted."""

    async def get(self, message_id: str) -> Posted | None:
        """The message of this id."""

    async def begin(self, posted: Posted) -> None:
        """The message is about to leave; known already, it is sent once more and otherwise the same."""

    async def settle(self, message_id: str, state: State, words: str) -> None:
        """What became of it. A message once delivered or refused stays so."""


class Receipt(msgspec.Struct, frozen=True):
    """What is answered for a message, whole. ``url`` "": on the connection it came by; else posted there."""

    headers: dict[str, str]
    body: bytes
    url: str = ""


class Taken(msgspec.Struct, frozen=True):
    """A message that came in. ``raw`` is None where it was not accepted, and ``trouble`` says why, for our people."""

    message_id: str
    raw: Raw | None
    receipt: Receipt | None
    trouble: str = ""


class Judged(msgspec.Struct, frozen=True):
    """A receipt that came by itself, and what it says of the message of ours it is about."""

    posted: Posted
    state: State
    words: str


class Expiry(msgspec.Struct, frozen=True):
    """A certificate in use with nothing to follow it, and when it ends. ``mine``: ours, else the other side's."""

    what: str
    ends: datetime
    mine: bool


class MessagePost(Protocol):
    """The other end of a way for messages: what the engine asks of it beside sending."""

    ledger: Ledger | None

    async def take(self, headers: Mapping[str, str], body: bytes) -> Taken | Judged:
        """What was posted to us. Raises NotFound, Refused or Unreadable for what is no message of this partner's."""

    async def post_receipt(self, receipt: Receipt) -> None:
        """The other side has the receipt it wanted at ``receipt.url``. Idempotent."""

    def expiries(self) -> tuple[Expiry, ...]:
        """The certificates that end with nothing to follow them, soonest first."""


@runtime_checkable
class HasPost(Protocol):
    """A connector whose documents may travel as messages; ``post`` is None where its settings choose another way."""

    post: MessagePost | None


def post_of(connector: object) -> MessagePost | None:
    """The connector's way for messages, None where it has none."""
    return connector.post if isinstance(connector, HasPost) else None
