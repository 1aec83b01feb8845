"""Payloads of a channel made into orders: read, compared with what is known, checked, and ready to be written."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import partial

import msgspec
import structlog

from engine import clock, db
from engine.domain import addresses
from engine.errors import BluebookError, Refused
from engine.ports import Channel, ChannelOrder, ChannelState
from engine.ports_channels import Acknowledges
from engine.services import check, inbox, lifecycle, merge, settings_book, wishes
from engine.services.casefile import NOTE_LIMIT, Case, LineRecord, OrderRecord
from engine.services.catalog import ChannelRow
from engine.services.inbox import Stored
from engine.services.lifecycle import Actor, Work
from engine.services.search import terms_of

log = structlog.get_logger(__name__)
_json = msgspec.json.Encoder().encode


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
    likeness: str


Write = Callable[[], Awaitable[Pulled]]
Last = Callable[[], Awaitable[None]]


def read(
    channel: ChannelRow, connector: Channel, stored: Sequence[Stored]
) -> tuple[list[Read], list[tuple[int, str, str, str, int | None]], int]:
    """What the payloads say, what is to be said of those that are not used, and the newest change (microseconds)."""
    found: dict[str, Read] = {}
    unread: list[tuple[int, str, str, str, int | None]] = []
    latest = 0
    for item in stored:
        try:
            order = connector.read(item.raw)
        except BluebookError as error:
            unread.append((item.id, "parked", error.message, getattr(error, "field", None) or "", None))
            continue
        except Exception:
            log.exception(
                "payload could not be read", channel=channel.name, inbound=item.id, order=item.raw.external_id
            )
            unread.append((item.id, "parked", BUG, "", None))
            continue
        latest = max(latest, clock.micros(order.updated_at))
        known = found.get(order.external_id)
        if known is not None and known.order.updated_at > order.updated_at:
            unread.append((item.id, "superseded", _NEWER, "", None))
            continue
        if known is not None:
            unread.append((known.stored.id, "superseded", _NEWER, "", None))
        found[order.external_id] = Read(item, order, fingerprint(order), likeness(order))
    return list(found.values()), unread, latest


_NEWER = "a newer state of the order came with it"
BUG = "Bluebook could not handle this payload; the log has the details. Replay it after an update."


async def _no_more() -> None:
    pass


async def made(
    channel: ChannelRow, connector: Channel, items: Sequence[Read], by: Actor, last: Last = _no_more
) -> Write:
    """The orders are made as far as nothing needs to be locked for it; what is left is to write them.

    ``last`` is done in the transaction that writes them, before it ends.
    """
    known = await _known(channel.id, [item.order.external_id for item in items])
    past = [item for item in items if item.order.external_id not in known and _is_past(channel, item.order)]
    if past:
        async with db.transaction():
            await inbox.settle([(item.stored.id, "ignored", _PAST, "", None) for item in past])
        items = [item for item in items if item not in past]
    return await _made_known(channel, connector, items, known, by, len(past), last)


_PAST = "over before this channel was connected"


def _is_past(channel: ChannelRow, order: ChannelOrder) -> bool:
    """Was it placed and finished before we came? A store that is connected brings years of those, and none needs anyone."""
    over = order.state in (ChannelState.SHIPPED, ChannelState.CANCELED)
    return over and clock.micros(order.placed_at) < channel.created_at


async def _made_known(
    channel: ChannelRow, connector: Channel, items: Sequence[Read], known: Mapping[str, tuple[int, str, int, int]], by: Actor,
    past: int, last: Last,
) -> Write:  # fmt: skip
    fresh = [item for item in items if item.order.external_id not in known]
    changed = [
        item
        for item in items
        if item.order.external_id in known
        and known[item.order.external_id][1] != item.fingerprint
        and known[item.order.external_id][3] <= clock.micros(item.order.updated_at)
    ]
    pulled = Pulled(new=len(fresh), changed=len(changed), same=past + len(items) - len(fresh) - len(changed))
    if not fresh and not changed:
        return partial(_write_same, items, known, pulled)
    settings, outdated, taken, before = await asyncio.gather(
        settings_book.head(),
        inbox.outdated("channel", channel.id, {i.order.external_id: i.stored.id for i in fresh + changed}),
        _taken_numbers([channel.prefix + item.order.number for item in fresh]),
        inbox.previous(connector, [known[item.order.external_id][2] for item in changed]),
    )
    wants_word = isinstance(connector, Acknowledges)  # asked once, since Python takes its time for that

    async def fill(work: Work) -> None:
        for place, item in enumerate(fresh, 1):
            if place % lifecycle.TURN == 0:
                await asyncio.sleep(0)
            case = _new_order(work, channel, item, taken)
            if wants_word:
                _acknowledge(work, case)
        await check.check(work, work.cases)
        work.finally_(lambda: _settle(work, items, known, outdated))
        work.finally_(last)

    def done(work: Work) -> Pulled:
        pulled.order_ids = [case.order.id for case in work.cases]
        return pulled

    if changed:

        async def change() -> Pulled:
            ids = [known[item.order.external_id][0] for item in changed]
            async with lifecycle.change(ids, by=by) as work:
                if fresh:
                    await _still_there(channel)
                await _merge(work, connector, changed, before, wants_word)
                await fill(work)
            return done(work)

        return change
    work = Work(by)
    await fill(work)
    await work.settle()
    work.first_(lambda: _as_set_now(work, channel, settings))

    async def write() -> Pulled:
        await lifecycle.save(work)
        return done(work)

    return write


async def _write_same(items: Sequence[Read], known: Mapping[str, tuple[int, str, int, int]], pulled: Pulled) -> Pulled:
    unsettled = [i for i in items if i.stored.state == "stored"]
    if unsettled:
        async with db.transaction():
            await inbox.settle([(i.stored.id, "done", "", "", known[i.order.external_id][0]) for i in unsettled])
    return pulled


async def _merge(
    work: Work, connector: Channel, changed: Sequence[Read], before: dict[int, ChannelOrder], wants_word: bool
) -> None:
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


async def _as_set_now(work: Work, channel: ChannelRow, settings: int) -> bool:
    # Who saves a mapping has the waiting orders checked again, and these were not there to be found.
    now, _ = await db.at_once(settings_book.head(hold=True), _still_there(channel))
    if now != settings:
        await check.check(work, work.cases)
    return bool(now != settings)


async def _still_there(channel: ChannelRow) -> None:
    """The channel was not removed, nor will be before the present transaction ends; raises Refused."""
    keeping = " FOR KEY SHARE" if db.is_postgres() else ""
    if await db.value(f"SELECT archived_at FROM channels WHERE id = ?{keeping}", channel.id) is not None:
        raise Refused(f"{channel.name} was removed while this order was on its way")


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
    said = _json(msgspec.structs.replace(order, updated_at=order.placed_at))
    if order.cancel_wish is None:
        # It is the last field, and a late one: with its null, every order there was would be taken for changed.
        said = said.removesuffix(b',"cancel_wish":null}') + b"}"
    return hashlib.sha256(said).hexdigest()


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
        fingerprint=item.fingerprint, likeness=item.likeness, waived="[]", held="", snoozed_until=None, auto=False,
        inbound_id=item.stored.id, cancel_wish=wishes.stored(said.cancel_wish),
    )  # fmt: skip
    lines = [merge.new_line(line, position) for position, line in enumerate(said.lines, 1)]
    case = work.new_order(order, lines, f"pulled from {channel.name}", item.stored.id)
    case.read = (order.ship_to, ship_to)
    case.terms |= search_terms(order, said.number, lines)
    return case


def search_terms(order: OrderRecord, own: str, lines: Iterable[LineRecord]) -> set[str]:
    """What the order can be found by: ``own`` is its number in its store."""
    skus = [line.sku for line in lines][:50]
    return set(terms_of(order.number, own, order.customer, order.email, order.external_id, *skus))
