"""What a supplier may offer whose people read what we send: paper, links to answer by, and reminders. See ``engine.ports``."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol, runtime_checkable

import msgspec

SAID = "application/vnd.bluebook.update+json"
"""The content type of what a supplier's people said by a link of ours: a ``SupplierUpdate`` as JSON."""


class Enclosed(msgspec.Struct, frozen=True, kw_only=True):
    """What the engine adds to a document for people: the printed purchase order (PDF) and links to answer by.

    ``confirm``, ``decline`` and ``track`` are addresses that work until ``until``, "" where the site has no public address.
    ``at`` is when it was made.
    """

    paper: bytes
    at: datetime
    until: datetime
    confirm: str = ""
    decline: str = ""
    track: str = ""


@runtime_checkable
class Encloses(Protocol):
    """A supplier whose documents are read by people, with a printed purchase order and links in them; optional.

    Its ``read`` also takes payloads of the type ``SAID``. ``link_days`` is how long its links work; 0: it has none.
    """

    link_days: int

    def enclose(self, body: bytes, enclosed: Enclosed) -> bytes:
        """A rendered document with what was added: the bytes that go out. Pure."""


class Reminder(msgspec.Struct, frozen=True, kw_only=True):
    """What a supplier owes: an acknowledgement, or else the tracking number. ``track`` and the like are as in ``Enclosed``."""

    po_number: str
    acknowledge: bool
    sent_at: datetime
    at: datetime
    until: datetime
    confirm: str = ""
    decline: str = ""
    track: str = ""


@runtime_checkable
class Reminds(Protocol):
    """A supplier who can be reminded of what is overdue by the way it is connected; optional. ``link_days``: ``Encloses``."""

    link_days: int

    async def remind(self, reminder: Reminder) -> str:
        """The supplier was reminded; how, in a few words. Twice does no harm. Raises as ``Supplier.submit`` does."""
