"""Read models of what is set up: channels, suppliers, products and mappings. Orders are in ``history``, workers in ``beats``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, TypeVar

import msgspec

from engine import clock, db
from engine.domain.issues import IssueCode
from engine.errors import Invalid, NotFound
from engine.services import catalog, order_page, sharing
from engine.services.inbox import InboxRow

LARGEST_PAGE = 500


class _Connection(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    name: str
    connector: str
    enabled: bool
    paused_reason: str
    last_error: str
    settings: dict[str, Any]
    poll_seconds: int
    created_at: datetime
    archived_at: datetime | None = None

    @property
    def state(self) -> str:
        """In one word: removed, disabled, paused, failing (it is tried again), or ok."""
        if self.archived_at is not None:
            return "removed"
        if not self.enabled:
            return "disabled"
        return "paused" if self.paused_reason else "failing" if self.last_error else "ok"

    # What will be wrong before long, in a few words; a channel's is a property.
    warning: ClassVar[Any] = ""


class ChannelView(_Connection, frozen=True, kw_only=True):
    """A channel. Secrets are shown as ***; ``orders`` counts by status; ``auto_limit`` is minor units of ``auto_currency``.

    ``access_until``: when its owner has to let us in anew, where that is known.
    """

    prefix: str
    overlap_seconds: int
    rescan_seconds: int
    cursor_at: datetime | None
    pulled_at: datetime | None
    auto_process: bool
    auto_limit: int | None
    auto_currency: str
    auto_condition: str
    alert_addresses: list[str]
    stale_days: int
    margin_floor: int | None
    access_until: datetime | None = None
    orders: dict[str, int] = {}

    @property
    def warning(self) -> str:
        """That the access its owner gave ends before long."""
        return sharing.warning(self.access_until)


class SupplierView(_Connection, frozen=True, kw_only=True):
    """A supplier. Secrets are shown as ***."""

    code: str
    currency: str
    priority: int
    cursor: str | None
    polled_at: datetime | None
    concurrency: int
    settle_seconds: int
    ack_hours: int
    tracking_hours: int
    stock_hours: int
    stock_heard_at: datetime | None
    cost_tolerance: int
    po_box_allowed: bool
    warehouse_country: str | None
    warehouse_region: str | None
    warehouse_postal_code: str | None
    work_hours: str | None
    work_timezone: str | None
    holidays: str | None
    methods: int = 0
    offers: int = 0


class MethodView(msgspec.Struct, frozen=True):
    """A shipping method as its supplier offers it."""

    id: int
    supplier: str
    code: str
    name: str
    carrier: str
    po_box_allowed: bool
    enabled: bool


class OfferView(msgspec.Struct, frozen=True):
    """A supplier's offer of a product: cost in minor units of ``currency``; ``stock`` None: not told.

    ``stale``: the stock was told so many hours ago that it is not to be relied on, None where it is.
    """

    supplier: str
    sku: str
    cost: int
    currency: str
    stock: int | None
    enabled: bool
    priority: int | None
    stock_at: datetime | None = None
    cost_at: datetime | None = None
    stale: int | None = None


class SupplierOffer(msgspec.Struct, frozen=True):
    """A product as its supplier offers it: ``offered_as`` is the supplier's SKU, cost minor units; ``stock`` None: not told."""

    sku: str
    title: str
    offered_as: str
    cost: int
    stock: int | None
    enabled: bool
    stock_at: datetime | None = None
    cost_at: datetime | None = None
    stale: int | None = None


class ProductView(msgspec.Struct, frozen=True):
    """A product and who offers it."""

    id: int
    sku: str
    title: str
    policy: str
    offers: tuple[OfferView, ...] = ()
    barcode: str = ""


class UnmappedRate(msgspec.Struct, frozen=True):
    """A rate that has no method at a supplier, and how many orders wait for one."""

    channel: str
    rate: str
    supplier: str
    orders: int


class UnmappedSku(msgspec.Struct, frozen=True):
    """A channel's SKU that stands for no product, and how many orders wait for it."""

    channel: str
    sku: str
    title: str
    orders: int


class MappingView(msgspec.Struct, frozen=True):
    """A shipping mapping."""

    channel: str
    rate: str
    supplier: str
    method: str
    method_code: str
    created_at: datetime
    created_by: str


class ListingView(msgspec.Struct, frozen=True):
    """A channel's SKU and what it stands for: product SKU -> pieces."""

    channel: str
    sku: str
    title: str
    components: dict[str, int]


def _time(value: Any) -> Any:
    return None if value is None else clock.moment(value)


def _masked(settings: str, secrets: str) -> dict[str, Any]:
    shown: dict[str, Any] = msgspec.json.decode(settings)
    return shown | dict.fromkeys(msgspec.json.decode(secrets), "***")


_C = TypeVar("_C", bound=_Connection)


async def _connections(table: str, kind: type[_C], derived: Mapping[int, dict[str, Any]], removed: bool) -> list[_C]:
    names = [n for n in kind.__struct_fields__ if n not in ("orders", "methods", "offers", "access_until")]
    found, where = [], "" if removed else "WHERE archived_at IS NULL"
    for row in await db.rows(
        f"SELECT {', '.join(names)}, secrets FROM {table} {where} ORDER BY archived_at IS NOT NULL, name"
    ):
        values = dict(zip(names, tuple(row)[:-1], strict=True))
        for name in names:
            if name.endswith("_at"):
                values[name] = _time(values[name])
            elif name in ("enabled", "auto_process", "po_box_allowed"):
                values[name] = bool(values[name])
        if "alert_addresses" in values:
            values["alert_addresses"] = msgspec.json.decode(values["alert_addresses"])
        values["settings"] = _masked(values["settings"], row[-1])
        found.append(kind(**values, **derived.get(values["id"], {})))
    return found


async def channels(*, removed: bool = False) -> list[ChannelView]:
    """Every channel, by name; with ``removed`` those too that were removed, last: for what finds old orders."""
    orders: dict[int, dict[str, Any]] = {}
    for row in await db.rows("SELECT channel_id, status, CAST(SUM(n) AS BIGINT) FROM order_counts GROUP BY 1, 2"):
        if row[2]:
            orders.setdefault(int(row[0]), {"orders": {}})["orders"][str(row[1])] = int(row[2])
    for channel_id, until in (await sharing.access_ends()).items():
        orders.setdefault(channel_id, {})["access_until"] = until
    return await _connections("channels", ChannelView, orders, removed)


async def suppliers(*, removed: bool = False) -> list[SupplierView]:
    """Every supplier, by name; with ``removed`` those too that were removed, last."""
    derived: dict[int, dict[str, Any]] = {}
    for name, table in (("methods", "shipping_methods"), ("offers", "supplier_products")):
        for row in await db.rows(f"SELECT supplier_id, COUNT(*) FROM {table} GROUP BY supplier_id"):
            derived.setdefault(int(row[0]), {})[name] = int(row[1])
    return await _connections("suppliers", SupplierView, derived, removed)


async def sources() -> dict[tuple[str, int], str]:
    """What each channel ("channel", id) is called, and each supplier ("supplier", id) in short, also those removed."""
    found = {("channel", number): name for number, name in (await _names("channels", "name")).items()}
    return found | {("supplier", number): code for number, code in (await _names("suppliers", "code")).items()}


async def channel(which: str) -> ChannelView:
    """The channel with this name, or the only one whose name begins so; raises NotFound, Invalid naming those there are."""
    return _one(which, [(c, (c.name,)) for c in await channels()], "channel")


async def supplier(which: str) -> SupplierView:
    """The supplier with this code or name, or the only one that begins so; raises NotFound, Invalid."""
    return _one(which, [(s, (s.code, s.name)) for s in await suppliers()], "supplier")


def _one(which: str, known: Sequence[tuple[_C, tuple[str, ...]]], noun: str) -> _C:
    very = [row for row, names in known if which.strip() in names]  # of names that differ only in their case, this one
    wanted = which.strip().casefold()
    exact = [row for row, names in known if wanted in [name.casefold() for name in names]]
    close = [row for row, names in known if wanted and any(name.casefold().startswith(wanted) for name in names)]
    for found in (very, exact, close):
        if len(found) == 1:
            return found[0]
        if found:
            raise Invalid(f"{which!r} may be {' or '.join(row.name for row in found)}: write more of the name", noun)
    listed = ", ".join(row.name for row, _ in known) or f"none yet; `bluebook {noun}s add` adds one"
    raise NotFound(f"there is no {noun} {which!r}; there are: {listed}")


async def methods(supplier_id: int) -> list[MethodView]:
    """The supplier's shipping methods, by name."""
    found = await db.rows(
        "SELECT m.id, s.code, m.code, m.name, m.carrier, m.po_box_allowed, m.enabled FROM shipping_methods AS m "
        "JOIN suppliers AS s ON s.id = m.supplier_id WHERE m.supplier_id = ? ORDER BY m.name, m.id",
        supplier_id,
    )
    return [MethodView(r[0], r[1], r[2], r[3], r[4], bool(r[5]), bool(r[6])) for r in found]


async def products(text: str = "", *, after: str = "", limit: int = 50) -> list[ProductView]:
    """Products by SKU, after the SKU ``after``, with their offers; ``text``: only those whose SKU or title has it."""
    where, values = _having(text, "sku", "title")
    rows = await db.rows(
        f"SELECT id, sku, title, policy, barcode FROM products WHERE sku > ?{where} ORDER BY sku LIMIT ?",
        after, *values, max(1, min(limit, LARGEST_PAGE)),
    )  # fmt: skip
    return await _with_offers(rows)


async def product(sku: str) -> ProductView:
    """The product with this very SKU; raises NotFound."""
    found = await _with_offers(await db.rows("SELECT id, sku, title, policy, barcode FROM products WHERE sku = ?", sku))
    if not found:
        raise NotFound(f"there is no product {sku!r}; `bluebook products ls` lists them")
    return found[0]


async def _with_offers(rows: Sequence[Any]) -> list[ProductView]:
    if not rows:
        return []
    ids = db.padded([int(r[0]) for r in rows])
    offers: dict[int, list[OfferView]] = {}
    for r in await db.rows(
        "SELECT p.product_id, s.code, p.sku, p.cost, s.currency, p.stock, p.enabled, p.priority, p.stock_at, p.cost_at, "
        "s.stock_hours, s.stock_heard_at FROM supplier_products AS p "
        f"JOIN suppliers AS s ON s.id = p.supplier_id WHERE p.product_id IN ({db.marks(ids)}) ORDER BY s.code",
        *ids,
    ):
        offer = OfferView(r[1], r[2], r[3], r[4], r[5], bool(r[6]), r[7], *_ages(r[8], r[9], r[5], r[10], r[11]))
        offers.setdefault(int(r[0]), []).append(offer)
    return [ProductView(r[0], r[1], r[2], r[3], tuple(offers.get(int(r[0]), ())), r[4]) for r in rows]


async def offers(supplier_id: int, text: str = "", *, after: str = "", limit: int = 50) -> list[SupplierOffer]:
    """What the supplier offers, by our SKU, after the SKU ``after``; ``text``: only what has it in a SKU or the title."""
    where, values = _having(text, "p.sku", "p.title", "o.sku")
    found = await db.rows(
        "SELECT p.sku, p.title, o.sku, o.cost, o.stock, o.enabled, o.stock_at, o.cost_at, s.stock_hours, s.stock_heard_at "
        "FROM supplier_products AS o JOIN suppliers AS s ON s.id = o.supplier_id "
        f"JOIN products AS p ON p.id = o.product_id WHERE o.supplier_id = ? AND p.sku > ?{where} ORDER BY p.sku LIMIT ?",
        supplier_id, after, *values, max(1, min(limit, LARGEST_PAGE)),
    )  # fmt: skip
    return [
        SupplierOffer(r[0], r[1], r[2], r[3], r[4], bool(r[5]), *_ages(r[6], r[7], r[4], r[8], r[9])) for r in found
    ]


def _ages(
    stock_at: int | None, cost_at: int | None, stock: int | None, limit: int, heard_at: int | None
) -> tuple[datetime | None, datetime | None, int | None]:
    stale = catalog.stale_hours(limit, heard_at, stock, stock_at)
    moments = [clock.moment(at) if at is not None else None for at in (stock_at, cost_at)]
    return moments[0], moments[1], stale


def _having(text: str, *columns: str) -> tuple[str, list[Any]]:
    """A condition that one of the columns has the text in it, whatever its case; nothing for no text."""
    if not text.strip():
        return "", []
    either = " OR ".join(f"LOWER({column}) LIKE ? ESCAPE '!'" for column in columns)
    return f" AND ({either})", [f"%{_like(text.strip().lower())}%"] * len(columns)


def _like(text: str) -> str:
    return text.replace("!", "!!").replace("%", "!%").replace("_", "!_")


async def _waiting(code: IssueCode) -> list[tuple[list[str], str, int]]:
    """The causes of open Issues of a kind, split at their colons, one's message, and how many orders wait; most first."""
    found = await db.rows(
        "SELECT cause, MIN(message), COUNT(DISTINCT order_id) FROM issues WHERE code = ? AND closed_at IS NULL "
        "GROUP BY cause ORDER BY 3 DESC, 1",
        code.value,
    )
    return [(str(r[0]).split(":"), str(r[1]), int(r[2])) for r in found]


async def _names(table: str, column: str) -> dict[int, str]:
    return {int(r[0]): str(r[1]) for r in await db.rows(f"SELECT id, {column} FROM {table}")}


async def unmapped_rates() -> list[UnmappedRate]:
    """Rates that orders wait to have mapped, those that hold up most orders first."""
    channels, suppliers = await _names("channels", "name"), await _names("suppliers", "code")
    return [
        UnmappedRate(channels.get(int(cause[1]), cause[1]), ":".join(cause[2:-1]),
                     suppliers.get(int(cause[-1]), cause[-1]), orders)
        for cause, _, orders in await _waiting(IssueCode.MISSING_SHIPPING_MAPPING)
        if cause[0] == "rate" and len(cause) > 3
    ]  # fmt: skip


async def unmapped_skus() -> list[UnmappedSku]:
    """Channel SKUs that orders wait to have mapped, those that hold up most orders first."""
    channels = await _names("channels", "name")
    found = []
    for cause, _, orders in await _waiting(IssueCode.UNMAPPED_SKU):
        if cause[0] != "sku" or len(cause) < 3:
            continue
        sku = ":".join(cause[2:])
        title = await db.value(
            "SELECT l.title FROM issues AS i JOIN order_lines AS l ON l.id = i.line_id "
            "WHERE i.cause = ? AND i.closed_at IS NULL LIMIT 1",
            ":".join(cause),
        )
        found.append(UnmappedSku(channels.get(int(cause[1]), cause[1]), sku, str(title or ""), orders))
    return found


async def mappings(channel_id: int | None = None) -> list[MappingView]:
    """The shipping mappings, by channel, rate and supplier; of one channel or of all."""
    where, values = ("WHERE m.channel_id = ?", (channel_id,)) if channel_id is not None else ("", ())
    found = await db.rows(
        "SELECT c.name, m.rate, s.code, t.name, t.code, m.created_at, m.created_by FROM shipping_mappings AS m "
        "JOIN channels AS c ON c.id = m.channel_id JOIN suppliers AS s ON s.id = m.supplier_id "
        f"JOIN shipping_methods AS t ON t.id = m.method_id {where} ORDER BY c.name, m.rate, s.code",
        *values,
    )
    return [MappingView(r[0], r[1], r[2], r[3], r[4], _time(r[5]), r[6]) for r in found]


async def listings(
    channel_id: int | None = None, text: str = "", *, after: tuple[str, str] = ("", ""), limit: int = 50
) -> list[ListingView]:
    """The channels' SKUs with what they stand for, by channel and SKU, after the (channel, SKU) ``after``.

    ``text``: only those with it in the SKU, the title or the channel's name.
    """
    where, values = _having(text, "l.sku", "l.title", "c.name")
    if channel_id is not None:
        where, values = f"{where} AND c.id = ?", [*values, channel_id]
    rows = await db.rows(
        "SELECT l.id, c.name, l.sku, l.title FROM listings AS l JOIN channels AS c ON c.id = l.channel_id "
        f"WHERE (c.name, l.sku) > (?, ?){where} ORDER BY c.name, l.sku LIMIT ?",
        *after, *values, max(1, min(limit, LARGEST_PAGE)),
    )  # fmt: skip
    if not rows:
        return []
    ids = db.padded([int(r[0]) for r in rows])
    parts: dict[int, dict[str, int]] = {}
    for r in await db.rows(
        "SELECT t.listing_id, p.sku, t.quantity FROM listing_components AS t JOIN products AS p ON p.id = t.product_id "
        f"WHERE t.listing_id IN ({db.marks(ids)}) ORDER BY p.sku",
        *ids,
    ):
        parts.setdefault(int(r[0]), {})[str(r[1])] = int(r[2])
    return [ListingView(r[1], r[2], r[3], parts.get(int(r[0]), {})) for r in rows]


INBOX_STATES = ("parked", "stored", "done", "superseded", "ignored")


async def inbox(state: str = "parked", *, limit: int = 50, before: int | None = None) -> list[InboxRow]:
    """Payloads in a state, newest first, received before the payload ``before``; raises Invalid for a state there is not."""
    if state not in INBOX_STATES:
        raise Invalid(f"payloads are {', '.join(INBOX_STATES)}, not {state!r}", "state")
    found = await db.rows(
        "SELECT id, source, source_id, external_id, state, reason, field, received_at, order_id, LENGTH(body) "
        "FROM inbound_messages WHERE state = ? AND id < ? ORDER BY id DESC LIMIT ?",
        state, before or (1 << 62), max(1, min(limit, LARGEST_PAGE)),
    )  # fmt: skip
    return [InboxRow.of(r) for r in found]


async def parked_count() -> int:
    """How many payloads wait for a person."""
    return int(await db.value("SELECT COUNT(*) FROM inbound_messages WHERE state = 'parked'"))


async def known_orders(numbers: Sequence[str]) -> tuple[list[int], dict[str, str]]:
    """The ids of the orders with these numbers, in this order, and what to tell of each number there is no order for.

    Raises NotFound where there is none of them.
    """
    unknown: dict[str, str] = {}
    found = await _ids_by_number(numbers)
    for number in numbers:
        if number not in found:
            error = await order_page.not_found(number)
            if not found:
                raise error
            unknown[number] = error.message
    return [found[number] for number in numbers if number in found], unknown


async def order_ids(numbers: Sequence[str]) -> list[int]:
    """The ids of the orders with these numbers, in this order; raises NotFound for the first that is not there."""
    found = await _ids_by_number(numbers)
    for number in numbers:
        if number not in found:
            raise await order_page.not_found(number)
    return [found[number] for number in numbers]


async def _ids_by_number(numbers: Sequence[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for start in range(0, len(numbers), 512):
        chunk = numbers[start : start + 512]
        rows = await db.rows(f"SELECT number, id FROM orders WHERE number IN ({db.marks(chunk)})", *chunk)
        found |= {str(r[0]): int(r[1]) for r in rows}
    return found
