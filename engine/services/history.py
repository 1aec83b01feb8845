"""Lists of orders for both front ends: pages by key, in a fixed number of queries, however many orders there are.

An order with all its parts is in ``order_page``, figures are in ``dashboard``, filters in ``filters``.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec

from engine import clock, db
from engine.domain.issues import ISSUES, IssueCode
from engine.domain.states import DEAD, OPEN_STATUSES, OrderStatus, PurchaseState, called
from engine.services import conditions, own_numbers, walk
from engine.services.blue_book import Event, blue_book
from engine.services.conditions import joined
from engine.services.filter_line import RESOLVE
from engine.services.filters import Filters, candidates, from_text
from engine.services.order_page import OrderPage, order_page
from engine.services.walk import END, Cursor

__all__ = [
    "END",
    "Cursor",
    "Event",
    "Filters",
    "OrderPage",
    "OrderRow",
    "Page",
    "blue_book",
    "candidates",
    "count_matching",
    "counts",
    "cursor_at",
    "fitting",
    "from_text",
    "ids_matching",
    "list_orders",
    "order_page",
    "queue",
    "rows_of",
    "waiting_with_cause",
]

LARGEST_PAGE = 500
LARGEST_NAP = 100_000
"""More orders than are ever snoozed at a time."""
AT_ONCE = 20_000
"""How many orders are tried in one query where all that fit are wanted."""
Tab = Literal["ready", "resolve", "all"]
TABS: dict[str, tuple[OrderStatus, ...]] = {"ready": (OrderStatus.READY,), "resolve": RESOLVE, "all": OPEN_STATUSES}


class SupplierPart(msgspec.Struct, frozen=True):
    """How many pieces of an order a supplier has or is to have, and where its purchase order stands. id 0: no supplier yet."""

    id: int
    code: str
    quantity: int
    state: str = ""


class OrderRow(msgspec.Struct, frozen=True, kw_only=True):
    """What a list shows of an order. Money is minor units. ``release_at`` is when its first queued purchase order is sent,
    ``unsent`` whether one that cannot be taken back is not sent yet, ``store_number`` what its store calls the order.

    ``issues`` are the short words of its open Issues, ``tracking`` its first numbers (two) of ``trackings``.
    """

    id: int
    number: str
    status: OrderStatus
    placed_at: datetime
    channel_id: int
    channel: str
    customer: str
    country: str
    quantity: int
    lines: int
    suppliers: tuple[SupplierPart, ...]
    shipping_rate: str
    methods: tuple[str, ...]
    total: int
    currency: str
    issue_codes: tuple[str, ...]
    issues: tuple[str, ...]
    held: str
    snoozed_until: datetime | None
    release_at: datetime | None
    tracking: tuple[str, ...]
    trackings: int
    version: int
    store_number: str
    unsent: bool

    @property
    def status_said(self) -> str:
        """Where it stands, as lists say it: what a person holds, and what can still be taken back, by these words."""
        if self.held:
            return called("on_hold")
        if self.status == OrderStatus.PROCESSED and self.unsent:
            return "Not sent yet"
        return called("queued" if self.status == OrderStatus.PROCESSED and self.release_at is not None else self.status)

    def said_of(self, state: str) -> str:
        """The state of one of its purchase orders in the same words: one that waits to be sent stands where the order does."""
        if not state or self.status != OrderStatus.PROCESSED or state != PurchaseState.QUEUED:
            return called(state)
        return self.status_said

    @property
    def age(self) -> timedelta:
        """How long ago it was placed."""
        return clock.now() - self.placed_at


class Page(msgspec.Struct, frozen=True):
    """A page of a list. ``next`` and ``previous`` ask for the neighbouring pages, None where there is none.

    ``partial``: few orders fit the filters and not all were tried; ``next`` goes on to search older ones.
    """

    rows: list[OrderRow]
    next: Cursor | None
    previous: Cursor | None
    partial: bool = False

    @property
    def ids(self) -> list[int]:
        """The orders' ids, in the page's order."""
        return [row.id for row in self.rows]


class _Ids(msgspec.Struct, frozen=True):
    ids: list[int]
    next: Cursor | None
    previous: Cursor | None
    partial: bool


async def list_orders(
    filters: Filters | None = None,
    *,
    sort: str = "-placed",
    after: Cursor | None = None,
    limit: int = 50,
    parcels: int | None = 2,
    patience: float = 0.0,
) -> Page:
    """A page of the orders that fit. sort: placed, number, total or state, with - for the largest (newest) first.

    Where hundreds have the rarest word of a text (or thousands, whatever the sort), they come in order of arrival: the
    newest first, or sorted by ``placed`` the oldest. ``parcels``: how many tracking numbers of an order (None: all).
    Where none of those tried fits, the next ones are tried for about ``patience`` seconds.
    """
    filters, limit, until = filters or Filters(), max(1, min(limit, LARGEST_PAGE)), time.monotonic() + patience
    found = await _ids(filters, sort, after, limit)
    while found.partial and found.next and not found.ids and time.monotonic() < until:
        found = await _ids(filters, sort, found.next, limit)
        if after is None:  # what was tried before it has nothing to go back to
            found = msgspec.structs.replace(found, previous=None)
    return Page(await rows_of(found.ids, parcels), found.next, found.previous, found.partial)


async def queue(
    tab: Tab = "all",
    filters: Filters | None = None,
    *,
    sort: str = "placed",
    after: Cursor | None = None,
    limit: int = 50,
) -> Page:
    """A page of the orders that wait for someone here, the oldest first; snoozed ones only where they are asked for."""
    return await list_orders(in_queue(tab, filters), sort=sort, after=after, limit=limit)


def in_queue(tab: Tab, filters: Filters | None = None) -> Filters:
    """The filters, narrowed to a tab of the queue."""
    filters = filters or Filters()
    statuses = tuple(s for s in TABS[tab] if not filters.statuses or s in filters.statuses)
    snoozed = False if filters.snoozed is None else filters.snoozed
    if not statuses:  # none of the statuses asked for is in this tab, so nothing may fit
        return msgspec.structs.replace(filters, statuses=TABS[tab], older_than=1, younger_than=0)
    return msgspec.structs.replace(filters, statuses=statuses, snoozed=snoozed)


async def _ids(filters: Filters, sort: str, after: Cursor | None, limit: int) -> _Ids:
    walked = await walk.places(filters, sort, after, limit + 1)
    more, rest = len(walked.found) > limit, walked.rest
    found = walked.found[:limit]
    back = after is not None and after.back
    if back:
        found.reverse()
    ahead = Cursor(found[-1][1], found[-1][0]) if found else None
    behind = Cursor(found[0][1], found[0][0], back=True) if found else None
    ids = [i for i, _ in found]
    if back:
        somewhere = after is not None and after.somewhere
        return _Ids(ids, ahead if somewhere else None, behind if more else rest, rest is not None)
    return _Ids(ids, ahead if more else rest, behind if after else None, rest is not None)


def cursor_at(row: OrderRow, sort: str, *, back: bool = False) -> Cursor:
    """The place of this row in a list with this sort: what comes after it, or with ``back`` before it."""
    placed = clock.micros(row.placed_at)
    if sort.removeprefix("-") == "state":
        return Cursor(f"{walk.STATE_ORDER.index(row.status)}.{placed}", row.id, back)
    column = walk.Sort.of(sort).column
    values: dict[str, int | str] = {"placed_at": placed, "number": row.number, "total": row.total}
    return Cursor(values[column], row.id, back)


async def fitting(filters: Filters, order_ids: Sequence[int]) -> set[int]:
    """Which of these orders fit."""
    return {int(r[0]) for r in await walk.among(filters, order_ids)}


async def ids_matching(filters: Filters, limit: int = 10_000, *, sort: str = "-placed") -> list[int]:
    """The ids of the orders that fit, at most ``limit``: for what is done to all of them, however long it takes."""
    found: list[int] = []
    after: Cursor | None = None
    while len(found) < limit:
        walked = await walk.places(filters, sort, after, limit - len(found), (AT_ONCE,))
        found += [i for i, _ in walked.found]
        after = walked.rest
        if after is None:
            break
    return found


async def count_matching(filters: Filters, at_most: int = 10_000) -> tuple[int, bool]:
    """How many orders fit, and whether that is all of them.

    Counting stops at ``at_most``, and where few of very many orders fit, earlier: then there are so many at least.
    """
    kept = await kept_count(filters)
    if kept is not None:
        return min(kept, at_most), kept <= at_most
    return await walk.count(filters, "-placed", None, at_most)


async def kept_count(filters: Filters) -> int | None:
    """How many orders fit, by the kept counters; None where these do not know."""
    plain = msgspec.structs.replace(filters, statuses=(), channel_ids=(), snoozed=None)
    if plain != Filters() or filters.snoozed is True:
        return None
    own = joined(conditions.own(filters))
    sql = own.sql.replace("o.", "")
    kept = int(await db.value(f"SELECT CAST(COALESCE(SUM(n), 0) AS BIGINT) FROM order_counts WHERE {sql}", *own.values))
    if filters.snoozed is None:
        return kept
    # The limit keeps SQLite from counting by the index of the statuses.
    asleep = (
        "SELECT status, channel_id FROM orders WHERE snoozed_until IS NOT NULL AND snoozed_until > ? "
        f"LIMIT {LARGEST_NAP}"
    )
    count = f"SELECT COUNT(*) FROM ({asleep}) AS o WHERE {own.sql}"
    return kept - int(await db.value(count, clock.micros(clock.now()), *own.values))


async def counts(channel_id: int | None = None) -> dict[str, int]:
    """How many orders have each status, of one channel or of all; statuses that no order has are 0."""
    where, values = ("WHERE channel_id = ?", (channel_id,)) if channel_id is not None else ("", ())
    found = await db.rows(f"SELECT status, CAST(SUM(n) AS BIGINT) FROM order_counts {where} GROUP BY status", *values)
    return {status.value: 0 for status in OrderStatus} | {str(r[0]): int(r[1]) for r in found}


async def waiting_with_cause(cause: str) -> int:
    """How many orders wait for the same fix."""
    return int(
        await db.value("SELECT COUNT(DISTINCT order_id) FROM issues WHERE cause = ? AND closed_at IS NULL", cause)
    )


# -- the rows of a page -------------------------------------------------------------------------------------------------


async def rows_of(ids: Sequence[int], shown: int | None = 2) -> list[OrderRow]:
    """The rows of these orders, in this order; orders that are not there are left out. Five queries, and one more
    where two channels count alike.

    ``shown``: how many tracking numbers of each (None: all).
    """
    if not ids:
        return []
    wanted = db.padded(list(ids))
    these = db.marks(wanted)
    orders, *parts = await db.at_once(
        db.rows(
            "SELECT o.id, o.number, o.status, o.placed_at, o.channel_id, c.name, o.customer, o.country, o.shipping_rate, "
            "o.total, o.currency, o.held, o.snoozed_until, o.version, c.prefix "
            f"FROM orders AS o JOIN channels AS c ON c.id = o.channel_id WHERE o.id IN ({these})",
            *wanted,
        ),
        db.rows(
            "SELECT order_id, id, quantity - canceled, supplier_id "
            f"FROM order_lines WHERE order_id IN ({these})", *wanted
        ),
        db.rows(
            "SELECT p.order_id, p.state, p.superseded, p.release_at, s.id, s.code, m.name, l.order_line_id, "
            "l.quantity, l.per_unit, l.canceled, p.id, p.attempt "
            "FROM purchase_orders AS p JOIN suppliers AS s ON s.id = p.supplier_id "
            "LEFT JOIN shipping_methods AS m ON m.id = p.method_id "
            f"LEFT JOIN purchase_order_lines AS l ON l.purchase_order_id = p.id WHERE p.order_id IN ({these}) ORDER BY p.id",
            *wanted,
        ),
        db.rows(f"SELECT order_id, code FROM issues WHERE order_id IN ({these}) AND closed_at IS NULL", *wanted),
        db.rows(f"SELECT order_id, tracking_number FROM shipments WHERE order_id IN ({these}) ORDER BY id", *wanted),
    )  # fmt: skip
    lines, purchases, issues, parcels = map(_by_order, parts)
    theirs = await own_numbers.of([(int(o[0]), o[1], o[4], o[14]) for o in orders])
    found = {
        int(o[0]): _row(
            o, theirs[int(o[0])], lines.get(o[0], []), purchases.get(o[0], []), issues.get(o[0], []), parcels.get(o[0], []),
            shown,
        )
        for o in orders
    }  # fmt: skip
    return [found[i] for i in ids if i in found]


def _by_order(rows: Sequence[Any]) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = {}
    for row in rows:
        found.setdefault(row[0], []).append(row)
    return found


def _row(
    order: Any,
    theirs: str,
    lines: list[Any],
    purchases: list[Any],
    issues: list[Any],
    parcels: list[Any],
    shown: int | None,
) -> OrderRow:
    live = [p for p in purchases if p[1] not in DEAD and not p[2]]
    codes = tuple(sorted(dict.fromkeys(str(i[1]) for i in issues), key=lambda code: code != IssueCode.CANCEL_WISHED))
    waits = [(p[3], p[12]) for p in live if p[1] == PurchaseState.QUEUED]
    # What was tried already waits for its supplier, and nobody can take it back.
    queued, now = [at for at, tried in waits if at is not None and not tried], clock.micros(clock.now())
    numbers = tuple(dict.fromkeys(str(p[1]) for p in parcels))
    return OrderRow(
        id=int(order[0]), number=order[1], status=OrderStatus(order[2]), placed_at=clock.moment(order[3]),
        channel_id=order[4], channel=order[5], customer=order[6], country=order[7],
        quantity=sum(line[2] for line in lines), lines=len(lines), suppliers=_suppliers(lines, live),
        shipping_rate=order[8], methods=tuple(dict.fromkeys(p[6] for p in live if p[6])), total=order[9],
        currency=order[10], issue_codes=codes,
        issues=tuple(dict.fromkeys(ISSUES[IssueCode(code)].short for code in codes)), held=order[11],
        snoozed_until=None if order[12] is None else clock.moment(order[12]),
        release_at=clock.moment(min(queued)) if queued else None, tracking=numbers[:shown], trackings=len(numbers),
        version=order[13], store_number=theirs,
        unsent=any(attempt or at is None or at <= now for at, attempt in waits),
    )  # fmt: skip


def _suppliers(lines: list[Any], live: list[Any]) -> tuple[SupplierPart, ...]:
    """Pieces by supplier, in order of the purchase orders; what no purchase order covers comes last, as supplier 0."""
    pieces: dict[tuple[int, int], int] = {}  # by purchase order and order line: a kit's parts are one piece together
    about: dict[int, tuple[int, str, str]] = {}
    for p in live:
        about[p[11]] = (p[4], p[5], p[1])
        if p[7] is not None:
            key = (p[11], p[7])
            pieces[key] = max(pieces.get(key, 0), (p[8] - p[10]) // max(p[9], 1))
    covered: dict[int, int] = {}
    parts: dict[int, SupplierPart] = {}
    for (purchase, line), quantity in pieces.items():
        supplier, code, state = about[purchase]
        covered[line] = covered.get(line, 0) + quantity
        before = parts.get(supplier)
        parts[supplier] = SupplierPart(supplier, code, quantity + (before.quantity if before else 0), state)
    missing = sum(max(line[2] - covered.get(line[1], 0), 0) for line in lines)
    found = tuple(part for part in parts.values() if part.quantity)
    return (*found, SupplierPart(0, "?", missing)) if missing else found
