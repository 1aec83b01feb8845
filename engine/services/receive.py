"""Receive: what suppliers say, stored, read, and carried into the purchase orders; said twice, it counts once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import structlog

from engine import clock, db
from engine.connectors import registry
from engine.errors import BluebookError, NotAuthorised, NotFound, Unreachable, Unreadable
from engine.ports import AsksAbout, NumbersDocuments, ReadsInParts, Supplier, SupplierUpdate, UpdateKind
from engine.services import (
    asking,
    catalog,
    check,
    connections,
    inbox,
    intake,
    invoices,
    lifecycle,
    receipts,
    supplier_says,
)
from engine.services.catalog import SupplierRow
from engine.services.inbox import Stored
from engine.services.lifecycle import Actor
from engine.services.outbox import Done, Job, Outcome, Retry
from engine.services.supplier_says import Unfit

log = structlog.get_logger(__name__)
BATCH = 100
MAX_PAGES = 10_000
TRIES = 3
_CHARGED = (UpdateKind.INVOICED, UpdateKind.SHIPPED)  # what an invoice is compared anew by
MOST_PROBLEMS = 10  # of one payload, told in full
_BUG = "Bluebook could not handle this payload; the log has the details. Replay it after an update."


class Heard(msgspec.Struct):
    """What listening found: updates applied, updates heard before, payloads parked."""

    applied: int = 0
    known: int = 0
    parked: int = 0

    def add(self, other: Heard) -> None:
        """The other's counts are added to these."""
        self.applied += other.applied
        self.known += other.known
        self.parked += other.parked


class _Said(msgspec.Struct, frozen=True):
    """One update and the payload it came in."""

    inbound_id: int
    update: SupplierUpdate


async def poll(supplier_id: int, by: Actor) -> Heard:
    """What the supplier has to say is stored and applied; the cursor moves once it is stored.

    That is all of its feed, or its answers about the purchase orders whose turn it is where it ``AsksAbout`` them.
    """
    supplier = (await catalog.suppliers()).get(supplier_id)
    if supplier is None:
        raise NotFound(f"there is no supplier {supplier_id}")
    connector = await catalog.supplier(supplier_id)
    if isinstance(connector, AsksAbout) and connector.ask_every:
        total = await _ask(supplier, connector, by)
    else:
        total = await _listen(supplier, connector, by)
    await db.run(
        "UPDATE suppliers SET polled_at = ?, last_error = '' WHERE id = ?", clock.micros(clock.now()), supplier_id
    )
    return total


async def _ask(supplier: SupplierRow, connector: Supplier, by: Actor) -> Heard:
    """What the supplier says of the purchase orders whose turn it is; the turn moves on once it is stored."""
    assert isinstance(connector, AsksAbout)
    turn = await asking.due(supplier.id, supplier.cursor, every=connector.ask_every, most=connector.ask_most)
    if turn is None:
        return Heard()
    page = await connector.ask(turn.po_numbers)
    stored = await inbox.store("supplier", supplier.id, page)
    await db.run("UPDATE suppliers SET cursor = ? WHERE id = ?", turn.cursor, supplier.id)
    heard = await take(supplier, connector, [s for s in stored if s.state == "stored"], by)
    heard.parked += len(page.rejected)
    return heard


async def _listen(supplier: SupplierRow, connector: Supplier, by: Actor) -> Heard:
    """Everything in the supplier's feed."""
    supplier_id = supplier.id
    total, cursor = Heard(), asking.feed(supplier.cursor)
    for _ in range(MAX_PAGES):
        page = await connector.poll(cursor)
        stored = await inbox.store("supplier", supplier_id, page)
        if isinstance(connector, NumbersDocuments):
            # Also for what came before: whoever sends it again has not had the receipt.
            await receipts.owe([item.id for item in stored])
        moved = page.next is not None and page.next != cursor
        if moved:
            cursor = page.next
            await db.run("UPDATE suppliers SET cursor = ? WHERE id = ?", cursor, supplier_id)
        await connector.finish(page.done)
        total.add(await take(supplier, connector, [s for s in stored if s.state == "stored"], by))
        total.parked += len(page.rejected)
        if not moved or not page.items:
            break
    return total


async def take(supplier: SupplierRow, connector: Supplier, stored: Sequence[Stored], by: Actor) -> Heard:
    """The stored payloads are applied; one that cannot be read is parked and the others go on."""
    heard = Heard()
    said: list[_Said] = []
    problems: dict[int, tuple[str, str]] = {}
    for item in stored:
        try:
            said += [_Said(item.id, update) for update in _read(connector, item, problems)]
        except BluebookError as error:
            problems[item.id] = (error.message, getattr(error, "field", None) or "")
        except Exception:
            log.exception("payload could not be read", supplier=supplier.name, inbound=item.id)
            problems[item.id] = (_BUG, "")
    if isinstance(connector, NumbersDocuments):
        said = await _by_number(connector, said, problems)
    stock = [s.update for s in said if s.update.kind == UpdateKind.INVENTORY]
    about_orders = [s for s in said if s.update.kind != UpdateKind.INVENTORY]
    waiting: set[int] = set()
    for batch in await _by_order(supplier.id, about_orders, problems):
        try:
            heard.add(await _apply(supplier, batch, problems, waiting, by))
        except BluebookError:
            raise
        except Exception:
            log.exception("updates could not be applied together; they are applied order by order")
            for order_id, items in batch.items():
                await _apply_alone(supplier, order_id, items, problems, waiting, heard, by)
        told = {order_id for order_id, items in batch.items() if any(s.update.kind in _CHARGED for s in items)}
        await invoices.match(sorted(told), by)
    if stock:
        heard.applied += await supplier_says.inventory(supplier, stock, by)
    rows = []
    for item in stored:
        if item.id in problems:
            heard.parked += 1
            rows.append((item.id, "parked", *problems[item.id], None))
        elif item.id not in waiting:
            rows.append((item.id, "done", "", "", None))
    async with db.transaction():
        await inbox.settle(rows)
    return heard


def _read(connector: Supplier, item: Stored, problems: dict[int, tuple[str, str]]) -> Sequence[SupplierUpdate]:
    """What the payload says; of one with many documents, what those say that can be read, and why it is parked."""
    if not registry.offers(connector, ReadsInParts):
        return connector.read(item.raw)
    parts = connector.read_parts(item.raw)
    if parts.problems:
        shown = list(parts.problems[:MOST_PROBLEMS])
        if len(parts.problems) > len(shown):
            shown.append(f"and {len(parts.problems) - len(shown)} more like these")
        problems[item.id] = ("; ".join(shown), parts.field)
    return parts.updates


async def _by_number(
    connector: NumbersDocuments, said: Sequence[_Said], problems: dict[int, tuple[str, str]]
) -> list[_Said]:
    """The updates, with purchase orders for those that name only a document of ours."""
    mine = [item for item in said if item.update.control]
    if not mine:
        return list(said)
    about = dict(zip(map(id, mine), await receipts.resolve(connector, [item.update for item in mine]), strict=True))
    found = []
    for item in said:
        update, problem = about.get(id(item), (item.update, ""))
        if problem:
            problems.setdefault(item.inbound_id, (problem, "control"))
        elif update is not None:
            found.append(_Said(item.inbound_id, update))
    return found


async def _apply_alone(
    supplier: SupplierRow, order_id: int, items: list[_Said], problems: dict[int, tuple[str, str]], waiting: set[int],
    heard: Heard, by: Actor,
) -> None:  # fmt: skip
    why = _BUG
    for _ in range(TRIES):
        try:
            heard.add(await _apply(supplier, {order_id: items}, problems, waiting, by))
        except BluebookError as error:
            why = error.message
            break
        except Exception:
            # A deadlock or a busy file passes; only what fails again and again is this payload's own.
            log.exception("update could not be applied", supplier=supplier.name, order=order_id)
        else:
            return
    problems.update({item.inbound_id: (why, "") for item in items})


async def _by_order(
    supplier_id: int, said: Sequence[_Said], problems: dict[int, tuple[str, str]]
) -> list[dict[int, list[_Said]]]:
    """The updates in batches of orders, each order's in the order they were said; unknown purchase orders are problems."""
    numbers = sorted({s.update.po_number for s in said})
    orders: dict[str, int] = {}
    for start in range(0, len(numbers), 512):
        chunk = numbers[start : start + 512]
        # The plus keeps the planner to the numbers: by the supplier it would read all that was ever sent there.
        for r in await db.rows(
            f"SELECT po_number, order_id FROM purchase_orders WHERE +supplier_id = ? AND po_number IN ({db.marks(chunk)})",
            supplier_id, *chunk,
        ):  # fmt: skip
            orders[r[0]] = int(r[1])
    grouped: dict[int, list[_Said]] = {}
    for item in said:
        order_id = orders.get(item.update.po_number)
        if order_id is None:
            problems[item.inbound_id] = (
                f"no purchase order {item.update.po_number!r} was sent to this supplier",
                "po_number",
            )
        else:
            grouped.setdefault(order_id, []).append(item)
    ids = sorted(grouped)
    return [{i: grouped[i] for i in ids[start : start + BATCH]} for start in range(0, len(ids), BATCH)]


async def _apply(
    supplier: SupplierRow, batch: Mapping[int, list[_Said]], problems: dict[int, tuple[str, str]], waiting: set[int],
    by: Actor,
) -> Heard:  # fmt: skip
    heard = Heard()
    found: dict[int, tuple[str, str]] = {}
    async with lifecycle.change(list(batch), by=by) as work:
        known = await _heard_before(list(batch))
        freed = []
        for case in work.cases:
            for item in batch[case.order.id]:
                po = case.purchase(item.update.po_number)
                assert po is not None
                key = (po.id, item.update.key[:200])
                if key in known:
                    heard.known += 1
                    continue
                try:
                    if supplier_says.apply(work, case, po, supplier, item.update, item.inbound_id):
                        freed.append(case)
                except (Unfit, Unreadable) as error:
                    # It concerns this payload alone: the page's others go on.
                    found[item.inbound_id] = (error.message, "")
                    continue
                known.add(key)
                heard.applied += 1
        if freed:
            await check.check(work, freed)
    problems.update(found)
    return heard


async def _heard_before(order_ids: Sequence[int]) -> set[tuple[int, str]]:
    ids = db.padded(list(order_ids))
    found = await db.lists(
        2,
        "SELECT a.purchase_order_id, a.key FROM purchase_orders p JOIN acknowledgements a ON a.purchase_order_id = p.id "
        f"WHERE p.order_id IN ({db.marks(ids)})",
        *ids,
    )
    return {(int(r[0]), str(r[1])) for r in found}


# --- replay and jobs --------------------------------------------------------------------------------------------------


async def replay(row_id: int, by: Actor) -> str:
    """A payload is read again as it was received, from whichever side it came; a sentence on what became of it."""
    row, raw = await inbox.show(row_id)
    if row.source == "channel":
        return await intake.replay(row_id, by)
    supplier = (await catalog.suppliers())[row.source_id]
    connector = await catalog.supplier(row.source_id)
    heard = await take(supplier, connector, [Stored(row.id, raw, "stored")], by)
    if heard.parked:
        again, _ = await inbox.show(row_id)
        return f"still parked: {again.reason}"
    return f"payload {row_id}: {heard.applied} updates applied, {heard.known} heard before"


async def now(supplier_id: int, by: Actor) -> Heard:
    """The supplier is listened to because a person asks for it; raises what ``poll`` does, and the supplier shows it too."""
    try:
        return await poll(supplier_id, by)
    except Unreachable:
        raise  # our own database: there is nowhere to note it
    except BluebookError as error:
        await _failed(supplier_id, error, by)
        raise


async def run_poll_jobs(jobs: Sequence[Job]) -> Mapping[int, Outcome] | None:
    """Listen to the suppliers the jobs name."""
    results: dict[int, Outcome] = {}
    for job in jobs:
        supplier = (await catalog.suppliers()).get(job.subject_id)
        results[job.id] = Done()
        if supplier is None or not supplier.enabled or supplier.paused_reason:
            continue
        try:
            await poll(job.subject_id, Actor(supplier.name, "supplier", job.key))
        except BluebookError as error:
            await _failed(job.subject_id, error, Actor("worker", "worker", job.key))
    return results


async def _failed(supplier_id: int, error: BluebookError, by: Actor) -> None:
    """The supplier shows what went wrong until it works again; one that lets us in no more is paused."""
    if isinstance(error, NotAuthorised):
        await connections.deny(supplier_id, error.message, by)
    else:  # the schedule asks again by itself
        await db.run("UPDATE suppliers SET last_error = ? WHERE id = ?", error.message, supplier_id)


async def _who(source: str, source_id: int, cause: str) -> Actor:
    """Whose words a stored payload is, for the blue book."""
    supplier = (await catalog.suppliers()).get(source_id) if source == "supplier" else None
    return Actor(supplier.name, "supplier", cause) if supplier else Actor("worker", "worker", cause)


async def run_inbound_jobs(jobs: Sequence[Job]) -> Mapping[int, Any] | None:
    """Payloads that were stored and never read, because a worker died in between, are read now."""
    results: dict[int, Any] = {}
    for job in jobs:
        try:
            row, _ = await inbox.show(job.subject_id)
            if row.state == "stored":
                await replay(job.subject_id, await _who(row.source, row.source_id, job.key))
        except NotFound:
            continue
        except BluebookError as error:
            results[job.id] = Retry(None, error.message)
    return results
