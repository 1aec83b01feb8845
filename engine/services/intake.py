"""Intake: what a channel tells us, stored, read and made into orders; told twice, it changes nothing twice."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import msgspec
import structlog
from tortoise.exceptions import IntegrityError

from engine import clock, db
from engine.errors import BluebookError, NotAuthorised, NotFound, StaleState, TryLater
from engine.ports import Channel, Page
from engine.ports_channels import Scarce
from engine.services import catalog, connections, inbox, making
from engine.services.catalog import ChannelRow
from engine.services.inbox import Put, Stored
from engine.services.lifecycle import Actor
from engine.services.making import Pulled, Read, Write
from engine.services.outbox import Done, Job, Outcome, Retry

log = structlog.get_logger(__name__)
_json = msgspec.json.Encoder().encode
RESCAN_CHUNK = 100
MAX_PAGES = 100_000
TOGETHER = 200
"""Up to so many payloads that wait are stored, made into orders and written together: two pages of most channels."""
AHEAD = 2
"""So often what waits is stored by itself before it is stored along with others' orders. With three, several processes on one
SQLite file commit more often, and take in a seventh less."""
DEPTH = 6
"""So many pages are on their way before the channel is asked for another one."""


class _Walk(msgspec.Struct):
    """A poll on its way: from where, the next page, the newest change in the pages before it (microseconds)."""

    since: datetime | None
    newest: int
    begun: datetime
    cursor: str | None = None


async def poll(channel_id: int, by: Actor) -> Pulled:
    """Everything the channel changed since the last walk, with an overlap, is in the database.

    The cursor moves only at the end of a whole walk, to the newest change that was stored; never past our own clock,
    since an order dated ahead would hide every order before that date. Where a channel lets itself be asked too seldom for
    a whole walk (``Scarce``), the next poll goes on where this one had to stop.
    """
    channel = await _channel(channel_id)
    connector = await catalog.channel(channel_id)
    walk, resumed = await _walk(channel, connector)
    async with taking(channel, connector, by) as pages:
        for _ in range(MAX_PAGES):
            try:
                page = await connector.pull(walk.since, walk.cursor)
            except TryLater:
                if walk.cursor is not None and isinstance(connector, Scarce):
                    await pages.written()
                    walk.newest = max(walk.newest, pages.latest)
                    await _keep(channel_id, _json(walk).decode())
                raise
            except BluebookError:
                if resumed:  # its cursor may be good no more: the next poll begins anew
                    await _keep(channel_id, None)
                raise
            await pages.take(page)
            walk.cursor = page.next
            if walk.cursor is None:
                break
    walk.newest = max(walk.newest, pages.latest)
    await db.run(
        "UPDATE channels SET cursor_at = ?, walk = NULL, pulled_at = ?, last_error = '' WHERE id = ?",
        min(walk.newest, clock.micros(clock.now())) or None, clock.micros(clock.now()), channel_id,
    )  # fmt: skip
    return pages.pulled


async def _walk(channel: ChannelRow, connector: Channel) -> tuple[_Walk, bool]:
    """Where the poll begins, and whether that is where an earlier one had to stop."""
    if isinstance(connector, Scarce):
        kept = await db.value("SELECT walk FROM channels WHERE id = ?", channel.id)
        walk = msgspec.json.decode(kept, type=_Walk) if kept else None
        if walk is not None and clock.now() - walk.begun < connector.walk_lasts:
            return walk, True
    since = None
    if channel.cursor_at is not None:
        since = clock.moment(channel.cursor_at) - timedelta(seconds=channel.overlap_seconds)
    return _Walk(since, channel.cursor_at or 0, clock.now()), False


async def _keep(channel_id: int, walk: str | None) -> None:
    await db.run("UPDATE channels SET walk = ? WHERE id = ?", walk, channel_id)


async def rescan(channel_id: int, by: Actor) -> Pulled:
    """Every order that is not over is read again, since stores do not tell of every change."""
    channel = await _channel(channel_id)
    connector = await catalog.channel(channel_id)
    total, after = Pulled(), 0
    while True:
        found = await db.rows(
            "SELECT id, external_id FROM orders WHERE channel_id = ? AND id > ? "
            "AND status NOT IN ('completed', 'canceled') ORDER BY id LIMIT ?",
            channel_id, after, RESCAN_CHUNK,
        )  # fmt: skip
        if not found:
            return total
        page = await connector.pull_ids([r[1] for r in found])
        total.add(await take_page(channel, connector, page, by))
        after = int(found[-1][0])


async def refresh(order_id: int, by: Actor) -> Pulled:
    """One order is read again from its channel."""
    found = await db.row("SELECT channel_id, external_id FROM orders WHERE id = ?", order_id)
    if found is None:
        raise NotFound(f"there is no order {order_id}")
    channel, connector = await _channel(found[0]), await catalog.channel(found[0])
    return await take_page(channel, connector, await connector.pull_ids([found[1]]), by)


async def _channel(channel_id: int) -> ChannelRow:
    channel = (await catalog.channels()).get(channel_id)
    if channel is None:
        raise NotFound(f"there is no channel {channel_id}")
    return channel


async def take_page(channel: ChannelRow, connector: Channel, page: Page, by: Actor) -> Pulled:
    """The page's payloads are stored, then its orders; what was found."""
    async with taking(channel, connector, by) as pages:
        await pages.take(page)
    return pages.pulled


async def ingest(channel: ChannelRow, connector: Channel, stored: Sequence[Stored], by: Actor) -> Pulled:
    """The stored payloads are orders. One that cannot be read, or that breaks us, is parked and the others go on."""
    async with taking(channel, connector, by) as pages:
        await pages.ingest(stored)
    return pages.pulled


@asynccontextmanager
async def taking(channel: ChannelRow, connector: Channel, by: Actor) -> AsyncIterator[Taking]:
    """Pages are taken in within, one after the other; afterwards all of them are written."""
    pages = Taking(channel, connector, by)
    try:
        try:
            yield pages
        except Exception:
            await pages.written()
            raise
        await pages.written()
    except asyncio.CancelledError:
        await pages.drop()
        raise


class _Lift:
    """Lets what waits to be stored be stored in a transaction that writes orders: SQLite waits for its disk once for both."""

    def __init__(self) -> None:
        self.waiting: list[tuple[Put, asyncio.Future[bool]]] = []
        self._taken: list[tuple[Put, asyncio.Future[bool]]] = []

    async def take(self, put: Put) -> bool:
        """Done in the next such transaction and committed; False where there was none, or it failed."""
        told: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self.waiting.append((put, told))
        return await told

    async def give(self) -> None:
        """All that waits is done in the present transaction."""
        self._taken, self.waiting = self.waiting, []
        for put, _ in self._taken:
            await put()

    def tell(self, *, written: bool) -> None:
        """The transaction is over, and written or not."""
        for _, told in self._taken:
            if not told.done():
                told.set_result(written)
        self._taken = []

    def over(self) -> None:
        """There is no such transaction to come."""
        self._taken, self.waiting = [*self._taken, *self.waiting], []
        self.tell(written=False)


class Taking:
    """Pages of a channel on their way in: while the orders of one are being written, those of the next ones are made.

    What was found is in ``pulled``, the newest change in it (microseconds) in ``latest``.
    """

    def __init__(self, channel: ChannelRow, connector: Channel, by: Actor) -> None:
        self.channel, self.connector, self.by = channel, connector, by
        self.pulled, self.latest = Pulled(), 0
        self._tasks: deque[asyncio.Task[None]] = deque()
        self._waiting: deque[Page] = deque()
        self._on_way = 0
        # One page after the other is stored, so that the later one has the larger ids, then read, made and written: a lock
        # lets those who wait in by their order.
        self._one_stores, self._one_reads = asyncio.Lock(), asyncio.Lock()
        self._one_makes, self._one_writes = asyncio.Lock(), asyncio.Lock()
        self._busy: dict[asyncio.Task[None], set[str]] = {}
        self._stored = 0
        self._lift = _Lift()

    async def take(self, page: Page) -> None:
        """The page's payloads are being stored, and its orders made; its tokens are handed back once those are written."""
        self._waiting.append(page)
        self._on_way += 1
        if len(self._waiting) == 1:
            self._go(self._from_channel())
        await self._room()
        if page.done:
            await self.written()
            await self.connector.finish(page.done)

    async def ingest(self, stored: Sequence[Stored]) -> None:
        """The stored payloads are being read and their orders made, after those before them."""
        self._on_way += 1
        self._stored += 1
        self._go(self._through(stored, 1))
        await self._room()

    async def written(self) -> None:
        """All that was taken is written; raises the first error of what could not be."""
        errors: list[Exception] = []
        while self._tasks:
            try:
                await self._tasks.popleft()
            except Exception as error:
                errors.append(error)
        if errors:
            raise errors[0]

    async def drop(self) -> None:
        """What is on its way is left; the next poll brings it again."""
        tasks = list(self._tasks)
        self._tasks.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _go(self, way: Coroutine[Any, Any, None]) -> None:
        self._tasks.append(asyncio.create_task(way))

    async def _room(self) -> None:
        while self._tasks and (self._on_way >= DEPTH or self._tasks[0].done()):
            await self._tasks.popleft()

    async def _from_channel(self) -> None:
        """What waits is stored, and its orders are made and written."""
        async with self._one_stores:
            page, pages = self._next()
            if self._waiting:
                self._go(self._from_channel())
            try:
                # PostgreSQL has another connection for it, so that waiting for a lift would be no gain.
                along = None if db.is_postgres() else self._along
                stored = await inbox.store("channel", self.channel.id, page, along)
            except BaseException:
                self._on_way -= pages
                raise
            self._stored += 1
        self.pulled.parked += len(page.rejected)
        await self._through(stored, pages)

    def _next(self) -> tuple[Page, int]:
        """As much of what waits as is stored together, as one page, and how many pages of the channel that is.

        Of an order that is in two pages each state is taken in by itself, and nothing goes with what came after a rejected part:
        what makes that part outdated must have a larger id.
        """
        pages, names = [self._waiting.popleft()], set[str]()
        items = list(pages[0].items)
        while self._waiting and not pages[-1].rejected and len(items) + len(self._waiting[0].items) <= TOGETHER:
            names.update(raw.external_id for raw in pages[-1].items)
            if not names.isdisjoint(raw.external_id for raw in self._waiting[0].items):
                break
            pages.append(self._waiting.popleft())
            items += pages[-1].items
        return Page(tuple(items), rejected=pages[-1].rejected), len(pages)

    async def _along(self, put: Put) -> bool:
        # Asked just then: where nothing is about to be written, no lift would come.
        return self._stored >= AHEAD and await self._lift.take(put)

    async def _through(self, stored: Sequence[Stored], pages: int) -> None:
        """What is stored, of so many pages, is read, its orders made and written."""
        this = asyncio.current_task()
        assert this is not None
        try:
            async with self._one_reads:
                items = await self._read(stored)
                keys = {k for item in items for k in (item.order.external_id, "#" + item.order.number, item.likeness)}
                # The same order again, its number, or one that may be its duplicate: it is to be found in the database.
                before = [page for page, busy in self._busy.items() if not keys.isdisjoint(busy)]
                if before:
                    await asyncio.wait(before)
                self._busy[this] = keys
            if items:
                async with self._one_makes:
                    write = await self._make(items)
                async with self._one_writes:
                    self.pulled.add(await self._write(write, items))
        finally:
            self._busy.pop(this, None)
            self._on_way -= pages
            self._stored -= 1
            if not self._stored:
                self._lift.over()

    async def _read(self, stored: Sequence[Stored]) -> Sequence[Read]:
        items, unread, latest = making.read(self.channel, self.connector, stored)
        self.latest = max(self.latest, latest)
        self.pulled.parked += sum(row[1] == "parked" for row in unread)
        if unread:
            async with db.transaction():
                await inbox.settle(unread)
        return items

    async def _make(self, items: Sequence[Read]) -> Write:
        try:
            return await making.made(self.channel, self.connector, items, self.by, self._lift.give)
        except Exception as error:
            self._tell(error)
            return partial(self._one_by_one, items)

    async def _write(self, write: Write, items: Sequence[Read]) -> Pulled:
        written = False
        try:
            pulled = await write()
            written = True
            return pulled
        except Exception as error:
            self._tell(error)
        finally:
            self._lift.tell(written=written)
        return await self._one_by_one(items)

    async def _one_by_one(self, items: Sequence[Read]) -> Pulled:
        pulled = Pulled()
        for one in items:
            pulled.add(await _save_alone(self.channel, self.connector, one, self.by))
        return pulled

    def _tell(self, error: Exception) -> None:
        if not isinstance(error, (IntegrityError, StaleState)):
            log.error(
                "a page could not be saved; its orders are saved one by one", channel=self.channel.name, exc_info=error
            )


async def _save_alone(channel: ChannelRow, connector: Channel, item: Read, by: Actor) -> Pulled:
    for attempt in range(3):
        try:
            return await (await making.made(channel, connector, [item], by))()
        except (IntegrityError, StaleState) as error:
            # Another worker stored the same order at the same moment: read again and it is a change, or nothing.
            if attempt == 2:
                reason = f"order {item.order.number}: {error}"
        except BluebookError as error:
            reason = error.message
            break
        except Exception:
            # A deadlock or a busy file passes; only what fails again and again is this payload's own.
            log.exception("order could not be saved", channel=channel.name, order=item.order.number)
            reason = making.BUG
    async with db.transaction():
        await inbox.settle([(item.stored.id, "parked", reason, "", None)])
    return Pulled(parked=1)


# --- replay and jobs --------------------------------------------------------------------------------------------------


async def replay(row_id: int, by: Actor) -> str:
    """A payload is read again as it was received; a sentence on what became of it."""
    row, raw = await inbox.show(row_id)
    channel, connector = await _channel(row.source_id), await catalog.channel(row.source_id)
    if row.external_id.startswith(inbox.WEBHOOK):
        return await _read_again(channel, connector, row, by)
    stored = Stored(row.id, raw, "stored")
    pulled = await ingest(channel, connector, [stored], by)
    if pulled.parked:
        again, _ = await inbox.show(row_id)
        return f"still parked: {again.reason}"
    what = "a new order" if pulled.new else "a changed order" if pulled.changed else "nothing new"
    return f"payload {row_id}: {what}"


async def _read_again(channel: ChannelRow, connector: Channel, row: inbox.InboxRow, by: Actor) -> str:
    ids = row.external_id.removeprefix(inbox.WEBHOOK).split(",")
    page = await connector.pull_ids(ids)
    pulled = await take_page(channel, connector, page, by)
    if not page.items and not page.rejected:
        return f"payload {row.id} is a webhook: {channel.name} has no order {', '.join(ids)}"
    found = f"{pulled.new} new, {pulled.changed} changed, {pulled.same} as before, {pulled.parked} parked"
    return f"payload {row.id} is a webhook: what it names was read from {channel.name}: {found}"


async def run_poll_jobs(jobs: Sequence[Job]) -> Mapping[int, Outcome] | None:
    """Poll the channels the jobs name."""
    return {job.id: await _run(job, rescanning=False) for job in jobs}


async def run_rescan_jobs(jobs: Sequence[Job]) -> Mapping[int, Outcome] | None:
    """Read the open orders of the channels the jobs name again."""
    return {job.id: await _run(job, rescanning=True) for job in jobs}


async def _run(job: Job, *, rescanning: bool) -> Outcome:
    channel = (await catalog.channels()).get(job.subject_id)
    if channel is None or not channel.enabled or channel.paused_reason:
        return Done()
    by = Actor("worker", "channel", job.key)
    try:
        await (rescan if rescanning else poll)(job.subject_id, by)
    except BluebookError as error:
        await failed(job.subject_id, error)
    return Done()


async def failed(channel_id: int, error: BluebookError) -> None:
    """The channel shows what went wrong until it works again; one that lets us in no more is paused."""
    if isinstance(error, NotAuthorised):
        await connections.pause("channels", channel_id, error.message)
    else:  # the schedule asks again by itself
        await db.run("UPDATE channels SET last_error = ? WHERE id = ?", error.message, channel_id)


async def run_refresh_jobs(jobs: Sequence[Job]) -> Mapping[int, Outcome] | None:
    """The orders the jobs name are read again from their channels, those of one channel together."""
    by_channel: dict[int, list[Job]] = {}
    for job in jobs:
        by_channel.setdefault(job.subject_id, []).append(job)
    results: dict[int, Outcome] = {}
    for channel_id, group in by_channel.items():
        outcome = await _refresh(channel_id, [str(job.args["external_id"]) for job in group])
        results |= {job.id: outcome for job in group}
    return results


async def _refresh(channel_id: int, external_ids: Sequence[str]) -> Outcome:
    channel = (await catalog.channels()).get(channel_id)
    if channel is None or not channel.enabled or channel.paused_reason:
        return Done()
    try:
        connector = await catalog.channel(channel_id)
        page = await connector.pull_ids(external_ids)
        await take_page(channel, connector, page, Actor("worker", "channel", "webhook"))
    except TryLater as error:
        return Retry(error.retry_after, error.message)
    except BluebookError as error:
        await failed(channel_id, error)  # the next poll brings the same orders
    return Done()
