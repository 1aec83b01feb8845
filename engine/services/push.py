"""Push: a file of orders that a program sends us, taken in at once, with a word on each order that is not."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec

from engine import db
from engine.errors import NotFound, Refused
from engine.ports import Page, Rejected
from engine.ports_channels import TakesFiles
from engine.services import catalog, inbox, intake
from engine.services.inbox import Stored
from engine.services.lifecycle import Actor
from engine.services.making import Pulled

TOGETHER = 200
"""Orders in one commit, so that the write lock is never held for long."""


class PushedOrder(msgspec.Struct, frozen=True):
    """An order that is here now; ``external_id`` is its number in the file."""

    id: int
    number: str
    external_id: str


class Wrong(msgspec.Struct, frozen=True):
    """What no order could be made of: ``message`` says why, ``inbox_id`` is where it waits for a person."""

    external_id: str
    lines: tuple[int, ...]
    field: str
    message: str
    inbox_id: int


class Pushed(msgspec.Struct, frozen=True):
    """How many orders are new, changed, and as they were; which they are, and what is wrong with the others."""

    new: int
    changed: int
    same: int
    orders: tuple[PushedOrder, ...]
    wrong: tuple[Wrong, ...]


async def take(channel_id: int, name: str, body: bytes, by: Actor) -> Pushed:
    """The orders of a file (CSV, Excel or JSON, called ``name``) are in the channel, but for those that are wrong.

    The same orders again change nothing. Raises NotFound, Refused for a channel that is no place for files or is disabled,
    and Unreadable where no order can be told from another.
    """
    channel = (await catalog.channels()).get(channel_id)
    if channel is None:
        raise NotFound(f"there is no channel {channel_id}")
    connector = await catalog.channel(channel_id)
    if not isinstance(connector, TakesFiles):
        raise Refused(
            f"{channel.name} is connected by {connector.name}: orders are pushed into a channel of files only"
        )
    if not channel.enabled:
        raise Refused(f"{channel.name} is disabled: enable it, then push the orders again")
    page = await asyncio.to_thread(connector.orders_in, name, body)
    pulled, stored = Pulled(), list[Stored]()
    for start in range(0, len(page.items), TOGETHER):
        some = await inbox.store("channel", channel_id, Page(page.items[start : start + TOGETHER]))
        pulled.add(await intake.ingest(channel, connector, some, by))
        stored += some
    await inbox.store("channel", channel_id, Page((), rejected=page.rejected))
    wrong = [*(await _parked(stored) if pulled.parked else ()), *await _rejected(channel_id, page.rejected)]
    return Pushed(pulled.new, pulled.changed, pulled.same, await _orders(channel_id, stored, wrong), tuple(wrong))


async def _parked(stored: Sequence[Stored]) -> list[Wrong]:
    """Those that could be read and yet not be saved."""
    found: list[Wrong] = []
    for start in range(0, len(stored), TOGETHER):
        ids = db.padded([item.id for item in stored[start : start + TOGETHER]])
        rows = await db.rows(
            "SELECT external_id, field, reason, id FROM inbound_messages WHERE state = 'parked' "
            f"AND id IN ({db.marks(ids)}) ORDER BY id",
            *ids,
        )
        found += [Wrong(str(row[0]), (), str(row[1]), str(row[2]), int(row[3])) for row in rows]
    return found


async def _rejected(channel_id: int, parts: Sequence[Rejected]) -> list[Wrong]:
    digests = [inbox.digest(part.raw) for part in parts]
    rows = await db.rows_among(
        "SELECT digest, id FROM inbound_messages WHERE source = 'channel' AND source_id = ? AND digest",
        digests, channel_id,
    )  # fmt: skip
    ids = {str(row[0]): int(row[1]) for row in rows}
    return [
        Wrong(part.raw.external_id, part.lines, part.field or "", part.reason, ids[key])
        for part, key in zip(parts, digests, strict=True)
    ]


async def _orders(channel_id: int, stored: Sequence[Stored], wrong: Sequence[Wrong]) -> tuple[PushedOrder, ...]:
    bad = {one.external_id for one in wrong}
    names = [item.raw.external_id for item in stored if item.raw.external_id not in bad]
    rows = await db.rows_among(
        "SELECT external_id, id, number FROM orders WHERE channel_id = ? AND external_id", names, channel_id
    )
    return tuple(
        PushedOrder(int(row[1]), str(row[2]), str(row[0])) for row in sorted(rows, key=lambda row: int(row[1]))
    )
