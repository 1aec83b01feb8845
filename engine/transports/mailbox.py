"""What a mailbox offers, however it is reached: ``imap.Imap`` and ``maildir.Maildir`` are two. Nothing in it is ever changed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

import msgspec


class Received(msgspec.Struct, frozen=True):
    """A letter, whole, and when the mailbox got it. ``body`` is empty where there are ``size`` bytes, more than were wanted."""

    body: bytes
    at: datetime
    size: int
    head: bytes


class Batch(msgspec.Struct, frozen=True):
    """Letters in the order they came. ``cursor`` is where to go on from."""

    letters: tuple[Received, ...]
    cursor: str


class Mailbox(Protocol):
    """Letters to read. ``peer`` names it for people. Raises TryLater, NotAuthorised, Misconfigured."""

    peer: str

    async def fetch(self, cursor: str | None, wanted: Callable[[bytes], bool], *, most: int, limit: int) -> Batch:
        """The letters after ``cursor`` whose header is ``wanted``, at most ``most`` of them, each of at most ``limit`` bytes."""

    async def check(self) -> str:
        """The mailbox is there and lets us in; which, for people to read."""
