"""Intake: what a channel tells us, stored, read and made into orders; told twice, it changes nothing twice."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

import msgspec
import structlog
from tortoise.exceptions import IntegrityError

from engine import clock, db
from engine.domain import addresses
from engine.errors import BluebookError, NotAuthorised, NotFound, StaleState, TryLater
from engine.ports import Channel, ChannelOrder, ChannelState, Page
from engine.ports_channels import Acknowledges, Scarce
from engine.services import catalog, check, connections, inbox, lifecycle, merge, settings_book
from engine.services.casefile import NOTE_LIMIT, Case, LineRecord, OrderRecord
from engine.services.catalog import ChannelRow
from engine.services.inbox import Stored
from engine.services.lifecycle import Actor, Work
from engine.services.outbox import Done, Job, Outcome, Retry
from engine.services.search import terms_of

log = structlog.get_logger(__name__)
_json = msgspec.json.Encoder().encode
RESCAN_CHUNK = 100
MAX_PAGES = 100_000


class Pulled(msgspec.Struct):
    """What a pull found: orders that are new, changed, unchanged, and payloads parked with their reason."""

    new: int = 0
    changed: int = 0
    same: int = 0
    parked: int = 0
    order_ids: list[int] = msgspec.field(default_factory=list)

    def add(self, other: Pulled) -> None:
        """The other's counts are added to these."""
        self.new += other.new
        self.changed += other.changed
        self.same += other.same
        self.parked += other.parked
        self.order_ids += other.order_ids


class Read(msgspec.Struct, frozen=True):
    """A payload and what it says."""

    stored: Stored
    order: ChannelOrder
    fingerprint: str


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
    total = Pulled()
    for _ in range(MAX_PAGES):
        try:
            page = await connector.pull(walk.since, walk.cursor)
        except TryLater:
            if walk.cursor is not None and isinstance(connector, Scarce):
                await _keep(channel_id, _json(walk).decode())
            raise
        except BluebookError:
            if resumed:  # its cursor may be good no more: the next poll begins anew
                await _keep(channel_id, None)
            raise
        pulled, latest = await take_page(channel, connector, page, by)
        total.add(pulled)
        walk.newest = max(walk.newest, latest)
        await connector.finish(page.done)
        walk.cursor = page.next
        if walk.cursor is None:
            break
    await db.run(
        "UPDATE channels SET cursor_at = ?, walk = NULL, pulled_at = ?, last_error = '' WHERE id = ?",
        min(walk.newest, clock.micros(clock.now())) or None, clock.micros(clock.now()), channel_id,
    )  # fmt: skip
    return total


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
        pulled, _ = await take_page(channel, connector, page, by)
        total.add(pulled)
        after = int(found[-1][0])


async def refresh(order_id: int, by: Actor) -> Pulled:
    """One order is read again from its channel."""
    found = await db.row("SELECT channel_id, external_id FROM orders WHERE id = ?", order_id)
    if found is None:
        raise NotFound(f"there is no order {order_id}")
    channel, connector = await _channel(found[0]), await catalog.channel(found[0])
    return (await take_page(channel, connector, await connector.pull_ids([found[1]]), by))[0]


async def _channel(channel_id: int) -> ChannelRow:
    channel = (await catalog.channels()).get(channel_id)
    if channel is None:
        raise NotFound(f"there is no channel {channel_id}")
    return channel


async def take_page(channel: ChannelRow, connector: Channel, page: Page, by: Actor) -> tuple[Pulled, int]:
    """The page's payloads are stored, then its orders; what was found, and the newest change in it (microseconds)."""
    stored = await inbox.store("channel", channel.id, page)
    pulled, latest = await ingest(channel, connector, stored, by)
    pulled.parked += len(page.rejected)
    return pulled, latest


async def ingest(channel: ChannelRow, connector: Channel, stored: Sequence[Stored], by: Actor) -> tuple[Pulled, int]:
    """The stored payloads are orders. One that cannot be read, or that breaks us, is parked and the others go on."""
    read: dict[str, Read] = {}
    unread: list[tuple[int, str, str, str, int | None]] = []
    pulled, latest = Pulled(), 0
    for item in stored:
        try:
            order = connector.read(item.raw)
        except BluebookError as error:
            unread.append((item.id, "parked", error.message, getattr(error, "field", None) or "", None))
            pulled.parked += 1
            continue
        except Exception:
            log.exception(
                "payload could not be read", channel=channel.name, inbound=item.id, order=item.raw.external_id
            )
            unread.append((item.id, "parked", _BUG, "", None))
            pulled.parked += 1
            continue
        latest = max(latest, clock.micros(order.updated_at))
        known = read.get(order.external_id)
        if known is not None and known.order.updated_at > order.updated_at:
            unread.append((item.id, "superseded", "a newer state of the order came with it", "", None))
            continue
        if known is not None:
            unread.append((known.stored.id, "superseded", "a newer state of the order came with it", "", None))
        read[order.external_id] = Read(item, order, fingerprint(order))
    if unread:
        async with db.transaction():
            await inbox.settle(unread)
    items = list(read.values())
    if items:
        try:
            pulled.add(await _save(channel, connector, items, by))
        except Exception as error:
            if not isinstance(error, (IntegrityError, StaleState)):
                log.exception("a page could not be saved; its orders are saved one by one", channel=channel.name)
            for one in items:
                pulled.add(await _save_alone(channel, connector, one, by))
    return pulled, latest


_BUG = "Bluebook could not handle this payload; the log has the details. Replay it after an update."


async def _save_alone(channel: ChannelRow, connector: Channel, item: Read, by: Actor) -> Pulled:
    for attempt in range(3):
        try:
            return await _save(channel, connector, [item], by)
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
            reason = _BUG
    async with db.transaction():
        await inbox.settle([(item.stored.id, "parked", reason, "", None)])
    return Pulled(parked=1)


async def _save(channel: ChannelRow, connector: Channel, items: Sequence[Read], by: Actor) -> Pulled:
    known = await _known(channel.id, [item.order.external_id for item in items])
    past = [item for item in items if item.order.external_id not in known and _is_past(channel, item.order)]
    if past:
        async with db.transaction():
            await inbox.settle([(item.stored.id, "ignored", _PAST, "", None) for item in past])
        items = [item for item in items if item not in past]
    return await _save_known(channel, connector, items, known, by, len(past))


_PAST = "over before this channel was connected"


def _is_past(channel: ChannelRow, order: ChannelOrder) -> bool:
    """Was it placed and finished before we came? A store that is connected brings years of those, and none needs anyone."""
    over = order.state in (ChannelState.SHIPPED, ChannelState.CANCELED)
    return over and clock.micros(order.placed_at) < channel.created_at


async def _save_known(
    channel: ChannelRow, connector: Channel, items: Sequence[Read], known: Mapping[str, tuple[int, str, int, int]], by: Actor,
    past: int,
) -> Pulled:  # fmt: skip
    fresh = [item for item in items if item.order.external_id not in known]
    changed = [
        item
        for item in items
        if item.order.external_id in known
        and known[item.order.external_id][1] != item.fingerprint
        and known[item.order.external_id][3] <= clock.micros(item.order.updated_at)
    ]
    same = past + len(items) - len(fresh) - len(changed)
    if not fresh and not changed:
        unsettled = [i for i in items if i.stored.state == "stored"]
        if unsettled:
            async with db.transaction():
                await inbox.settle([(i.stored.id, "done", "", "", known[i.order.external_id][0]) for i in unsettled])
        return Pulled(same=same)
    outdated = await inbox.outdated("channel", channel.id, {i.order.external_id: i.stored.id for i in fresh + changed})
    taken = await _taken_numbers([channel.prefix + item.order.number for item in fresh])
    before = await inbox.previous(connector, [known[item.order.external_id][2] for item in changed])
    wants_word = isinstance(connector, Acknowledges)  # asked once, since Python takes its time for that
    ids = [known[item.order.external_id][0] for item in changed]
    async with lifecycle.change(ids, by=by) if ids else lifecycle.new(by=by) as work:
        settings = 0 if ids else await settings_book.head()
        cases = {case.order.external_id: case for case in work.cases}
        # Another worker may have stored a newer state before we had the lock: what changed since is against that one.
        newer = [case.order.inbound_id or 0 for case in work.cases if case.order.inbound_id not in before]
        before |= await inbox.previous(connector, newer)
        blind = [case.order.id for case in work.cases if merge.is_blind(case, before.get(case.order.inbound_id or 0))]
        corrected = await merge.corrected(blind)
        for item in changed:
            case = cases[item.order.external_id]
            # Read late, an older state of the order would undo what the channel said since.
            late = clock.micros(item.order.updated_at) < case.order.channel_updated_at
            if case.order.fingerprint != item.fingerprint and not late:
                old = before.get(case.order.inbound_id or 0)
                corrections = corrected.get(case.order.id, set())
                waited = case.order.channel_state == ChannelState.PENDING
                merge.apply(work, case, old, item.order, item.fingerprint, item.stored.id, corrections)
                if waited and wants_word:
                    _acknowledge(work, case)
        for item in fresh:
            case = _new_order(work, channel, item, taken)
            if wants_word:
                _acknowledge(work, case)
        await check.check(work, work.cases)
        if not ids:
            work.first_(lambda: _as_set_now(work, settings))
        work.finally_(lambda: _settle(work, items, known, outdated))
    return Pulled(new=len(fresh), changed=len(changed), same=same, order_ids=[case.order.id for case in work.cases])


async def _as_set_now(work: Work, settings: int) -> None:
    # Who saves a mapping has the waiting orders checked again, and these were not there to be found.
    if await settings_book.head(hold=True) != settings:
        await check.check(work, work.cases)


async def _settle(
    work: Work, items: Sequence[Read], known: Mapping[str, tuple[int, str, int, int]],
    outdated: Sequence[tuple[int, str, str, str, int | None]],
) -> None:  # fmt: skip
    orders = {external_id: row[0] for external_id, row in known.items()}
    orders |= {case.order.external_id: case.order.id for case in work.cases}
    done = [(i.stored.id, "done", "", "", orders[i.order.external_id]) for i in items if i.stored.state != "done"]
    await inbox.settle([*done, *outdated])


async def _known(channel_id: int, external_ids: Sequence[str]) -> dict[str, tuple[int, str, int, int]]:
    """Id, fingerprint, payload and last change of the orders that are in the database, by external id."""
    found = await db.rows_among(
        "SELECT external_id, id, fingerprint, inbound_id, channel_updated_at FROM orders "
        "WHERE channel_id = ? AND external_id",
        external_ids, channel_id,
    )  # fmt: skip
    return {r[0]: (int(r[1]), r[2], int(r[3] or 0), int(r[4])) for r in found}


async def _taken_numbers(numbers: Sequence[str]) -> set[str]:
    return {r[0] for r in await db.rows_among("SELECT number FROM orders WHERE number", numbers)}


def fingerprint(order: ChannelOrder) -> str:
    """What the channel says of the order, but for when it was last touched."""
    constant = msgspec.structs.replace(order, updated_at=order.placed_at)
    return hashlib.sha256(_json(constant)).hexdigest()


def likeness(order: ChannelOrder) -> str:
    """Equal for orders that may be duplicates: the same customer, address, items and total."""
    address = order.ship_to
    who = [order.email.casefold(), address.name.casefold(), address.line1.casefold(), address.postal_code]
    items = sorted((line.sku, line.quantity) for line in order.lines)
    return hashlib.sha256(_json([who, items, order.currency, order.total])).hexdigest()


def _acknowledge(work: Work, case: Case) -> None:
    """The channel hears, once this is stored, that we have an order that is ours to ship."""
    if case.order.channel_state == ChannelState.OPEN:
        work.job(case, "channels.acknowledge", case.order)


def _new_order(work: Work, channel: ChannelRow, item: Read, taken: set[str]) -> Case:
    said = item.order
    number = channel.prefix + said.number
    if number in taken:
        # Two channels may count alike; the purchase order number must stay unique everywhere.
        number = f"{number}.{channel.id}"
    taken.add(number)
    ship_to = addresses.normalise(said.ship_to)
    bill_to = _json(addresses.normalise(said.bill_to)).decode() if said.bill_to else None
    order = OrderRecord(
        id=0, channel_id=channel.id, external_id=said.external_id, number=number, status="", version=0, audit_seq=0,
        audit_hash="", placed_at=clock.micros(said.placed_at), channel_updated_at=clock.micros(said.updated_at),
        received_at=work.now, changed_at=work.now, channel_state=said.state.value, payment=said.payment.value,
        fraud=said.fraud or "", currency=said.currency, total=said.total, shipping_total=said.shipping_total,
        tax_total=said.tax_total, discount_total=said.discount_total, customer=(ship_to.name or ship_to.company)[:200],
        email=said.email[:254], country=ship_to.country[:2], ship_to=_json(ship_to).decode(),
        bill_to=bill_to, shipping_rate=said.shipping_rate[:200], note=said.note[:NOTE_LIMIT],
        fingerprint=item.fingerprint, likeness=likeness(said), waived="[]", held="", snoozed_until=None, auto=False,
        inbound_id=item.stored.id,
    )  # fmt: skip
    lines = [merge.new_line(line, position) for position, line in enumerate(said.lines, 1)]
    case = work.new_order(order, lines, f"pulled from {channel.name}", item.stored.id)
    case.terms |= search_terms(order, lines)
    return case


def search_terms(order: OrderRecord, lines: Iterable[LineRecord]) -> set[str]:
    """What the order can be found by."""
    skus = [line.sku for line in lines][:50]
    return set(terms_of(order.number, order.customer, order.email, order.external_id, *skus))


# --- replay and jobs --------------------------------------------------------------------------------------------------


async def replay(row_id: int, by: Actor) -> str:
    """A payload is read again as it was received; a sentence on what became of it."""
    row, raw = await inbox.show(row_id)
    channel, connector = await _channel(row.source_id), await catalog.channel(row.source_id)
    if row.external_id.startswith(inbox.WEBHOOK):
        return await _read_again(channel, connector, row, by)
    stored = Stored(row.id, raw, "stored", True)
    pulled, _ = await ingest(channel, connector, [stored], by)
    if pulled.parked:
        again, _ = await inbox.show(row_id)
        return f"still parked: {again.reason}"
    what = "a new order" if pulled.new else "a changed order" if pulled.changed else "nothing new"
    return f"payload {row_id}: {what}"


async def _read_again(channel: ChannelRow, connector: Channel, row: inbox.InboxRow, by: Actor) -> str:
    ids = row.external_id.removeprefix(inbox.WEBHOOK).split(",")
    page = await connector.pull_ids(ids)
    pulled, _ = await take_page(channel, connector, page, by)
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
