"""What is known of channels, suppliers and products, loaded once for a batch of orders."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from engine import clock, db, vault
from engine.connectors import registry
from engine.domain import deadlines
from engine.domain.distance import Place
from engine.domain.routing import Offer
from engine.errors import NotFound
from engine.ports import Channel, Supplier
from engine.services import sharing
from engine.services.ledger import MessageLedger
from engine.transports.grants import Granted
from engine.transports.messages import post_of


class ChannelRow(msgspec.Struct, frozen=True, array_like=True):
    """A channel as services need it."""

    id: int
    connector: str
    name: str
    prefix: str
    enabled: bool
    paused_reason: str
    overlap_seconds: int
    cursor_at: int | None
    auto_process: bool
    auto_limit: int | None
    auto_currency: str
    auto_condition: str
    stale_days: int
    margin_floor: int | None
    created_at: int
    alert_addresses: list[str]


class SupplierRow(msgspec.Struct, frozen=True, array_like=True):
    """A supplier as services need it."""

    id: int
    connector: str
    name: str
    code: str
    enabled: bool
    paused_reason: str
    currency: str
    priority: int
    concurrency: int
    settle_seconds: int
    ack_hours: int
    tracking_hours: int
    stock_hours: int
    stock_heard_at: int | None
    cost_tolerance: int
    po_box_allowed: bool
    cursor: str | None
    warehouse_country: str | None
    warehouse_region: str | None
    warehouse_postal_code: str | None
    last_error: str
    work_hours: str | None
    work_timezone: str | None
    holidays: str | None

    def due(self, start: int, hours: int) -> int:
        """When so many hours of its working time have passed since ``start``; both in microseconds."""
        known = deadlines.calendar(self.work_hours or "", self.work_timezone or "", self.holidays or "")
        return clock.micros(deadlines.due(known, clock.moment(start), hours))

    @property
    def denied(self) -> bool:
        """Is it paused because its credentials were not accepted, and not by a person?"""
        return bool(self.paused_reason) and self.paused_reason == self.last_error

    @property
    def warehouse(self) -> Place:
        """Where its parcels come from, as far as it is known."""
        return Place(self.warehouse_country or "", self.warehouse_region or "", self.warehouse_postal_code or "")


class Method(msgspec.Struct, frozen=True):
    """A supplier's shipping method."""

    id: int
    supplier_id: int
    code: str
    name: str
    carrier: str
    po_box_allowed: bool
    enabled: bool


class Component(msgspec.Struct, frozen=True):
    """``quantity`` pieces of a product in one piece of a listing."""

    product_id: int
    sku: str
    title: str
    policy: str
    quantity: int


class RuleRow(msgspec.Struct, frozen=True):
    """A routing rule."""

    name: str
    condition: str
    supplier_id: int


class Catalog(msgspec.Struct):
    """All that checking and routing a batch of orders needs."""

    channels: dict[int, ChannelRow]
    suppliers: dict[int, SupplierRow]
    methods: dict[int, Method]
    listings: dict[tuple[int, str], list[Component]]
    offers: dict[int, list[Offer]]
    accepted_costs: dict[tuple[int, int], int]
    mappings: dict[tuple[int, str, int], int]
    rules: list[RuleRow]


async def channels() -> dict[int, ChannelRow]:
    """Every channel by id."""
    found = await db.lists(
        16, "SELECT id, connector, name, prefix, enabled, paused_reason, overlap_seconds, cursor_at, auto_process, "
        "auto_limit, auto_currency, auto_condition, stale_days, margin_floor, created_at, alert_addresses FROM channels"
    )  # fmt: skip
    return {
        r[0]: msgspec.convert([*tuple(r)[:15], msgspec.json.decode(r[15])], ChannelRow, strict=False)
        for r in found
    }  # fmt: skip


async def suppliers() -> dict[int, SupplierRow]:
    """Every supplier by id."""
    found = await db.lists(
        24, "SELECT id, connector, name, code, enabled, paused_reason, currency, priority, concurrency, settle_seconds, "
        "ack_hours, tracking_hours, stock_hours, stock_heard_at, cost_tolerance, po_box_allowed, cursor, warehouse_country, "
        "warehouse_region, warehouse_postal_code, last_error, work_hours, work_timezone, holidays FROM suppliers ORDER BY id"
    )  # fmt: skip
    return {r[0]: msgspec.convert(list(r), SupplierRow, strict=False) for r in found}


async def load(skus: Iterable[tuple[int, str]], rates: Iterable[tuple[int, str]]) -> Catalog:
    """The catalog for these (channel, SKU) and (channel, shipping rate) pairs; ids not in it do not exist."""
    # Asked together: one after the other, most of the time goes by between two questions.
    sold, known_suppliers, known_channels, methods, mappings, rules = await asyncio.gather(
        _listings(sorted(set(skus))),
        suppliers(),
        channels(),
        db.lists(7, "SELECT id, supplier_id, code, name, carrier, po_box_allowed, enabled FROM shipping_methods"),
        _mappings(sorted(set(rates))),
        db.rows("SELECT name, condition, supplier_id FROM rules WHERE enabled = ? ORDER BY position, id", True),
    )
    products = sorted({c.product_id for components in sold.values() for c in components})
    offers, accepted = await _offers(products, known_suppliers)
    return Catalog(
        channels=known_channels,
        suppliers=known_suppliers,
        methods={r[0]: Method(r[0], r[1], r[2], r[3], r[4], bool(r[5]), bool(r[6])) for r in methods},
        listings=sold,
        offers=offers,
        accepted_costs=accepted,
        mappings=mappings,
        rules=[RuleRow(*r) for r in rules],
    )


def _chunks(values: Sequence[Any], size: int = 500) -> Iterable[Sequence[Any]]:
    for start in range(0, len(values), size):
        yield values[start : start + size]


async def _listings(skus: Sequence[tuple[int, str]]) -> dict[tuple[int, str], list[Component]]:
    found: dict[tuple[int, str], list[Component]] = {}
    for channel_id in sorted({channel for channel, _ in skus}):
        for chunk in _chunks([sku for channel, sku in skus if channel == channel_id]):
            for r in await db.lists(
                6,
                "SELECT l.sku, p.id, p.sku, p.title, p.policy, c.quantity FROM listings l "
                "JOIN listing_components c ON c.listing_id = l.id JOIN products p ON p.id = c.product_id "
                f"WHERE l.channel_id = ? AND l.sku IN ({db.marks(chunk)}) ORDER BY c.id",
                channel_id,
                *chunk,
            ):
                found.setdefault((channel_id, r[0]), []).append(Component(*tuple(r)[1:]))
    return found


async def add_products(catalog: Catalog, product_ids: Sequence[int]) -> None:
    """The catalog also has these products, each as a listing of itself, with its offers."""
    for r in await db.rows(
        f"SELECT id, sku, title, policy FROM products WHERE id IN ({db.marks(product_ids)})", *product_ids
    ):
        catalog.listings[0, f"product {r[0]}"] = [Component(r[0], r[1], r[2], r[3], 1)]
    offers, accepted = await _offers(product_ids, catalog.suppliers)
    catalog.offers.update(offers)
    catalog.accepted_costs.update(accepted)


def stale_hours(limit: int, heard_at: int | None, stock: int | None, told_at: int | None) -> int | None:
    """How many hours old a stock is that is too old to be believed; None where it is not.

    Only of a supplier that tells its stock by itself: what a person has typed does not grow old.
    """
    if not limit or heard_at is None or stock is None or told_at is None:
        return None
    hours = (clock.micros(clock.now()) - told_at) // 3_600_000_000
    return hours if hours >= limit else None


async def _offers(
    products: Sequence[int], known: dict[int, SupplierRow]
) -> tuple[dict[int, list[Offer]], dict[tuple[int, int], int]]:
    offers: dict[int, list[Offer]] = {}
    accepted: dict[tuple[int, int], int] = {}
    for chunk in _chunks(products):
        for r in await db.lists(
            9,
            "SELECT supplier_id, product_id, sku, cost, accepted_cost, stock, enabled, priority, stock_at FROM supplier_products "
            f"WHERE product_id IN ({db.marks(chunk)}) ORDER BY id",
            *chunk,
        ):
            supplier = known[r[0]]
            priority = r[7] if r[7] is not None else supplier.priority
            offers.setdefault(r[1], []).append(
                Offer(
                    r[0],
                    supplier.code,
                    r[1],
                    r[2],
                    r[3],
                    r[5],
                    priority,
                    bool(r[6]),
                    supplier.enabled,
                    stale_hours(supplier.stock_hours, supplier.stock_heard_at, r[5], r[8]) or 0,
                )
            )
            if r[4] is not None:
                accepted[r[0], r[1]] = r[4]
    return offers, accepted


async def _mappings(rates: Sequence[tuple[int, str]]) -> dict[tuple[int, str, int], int]:
    found: dict[tuple[int, str, int], int] = {}
    for channel_id in sorted({channel for channel, _ in rates}):
        names = [rate for channel, rate in rates if channel == channel_id]
        for chunk in _chunks(names):
            for r in await db.lists(
                3,
                "SELECT rate, supplier_id, method_id FROM shipping_mappings "
                f"WHERE channel_id = ? AND rate IN ({db.marks(chunk)})",
                channel_id,
                *chunk,
            ):
                found[channel_id, r[0], r[1]] = r[2]
    return found


# --- connections ------------------------------------------------------------------------------------------------------

_open: dict[tuple[str, int], tuple[str, Any]] = {}
_looked_at: dict[tuple[str, int], float] = {}
FRESH_SECONDS = 1.0
"""How long a connector is used before its settings are looked at again; a batch asks for it once an order."""


async def _connector(table: str, row_id: int) -> Any:
    known = _open.get((table, row_id))
    if known is not None and time.monotonic() - _looked_at[table, row_id] < FRESH_SECONDS:
        return known[1]
    found = await db.row(
        f"SELECT connector, settings, secrets FROM {table} WHERE id = ? AND archived_at IS NULL", row_id
    )
    if found is None:
        raise NotFound(f"there is no {table[:-1]} {row_id}, or it was removed")
    slug, settings, secrets = found
    fingerprint = f"{slug}\n{settings}\n{secrets}"
    _looked_at[table, row_id] = time.monotonic()
    known = _open.get((table, row_id))
    if known is not None and known[0] == fingerprint:
        return known[1]
    kind: Any = registry.channel_type(slug) if table == "channels" else registry.supplier_type(slug)
    values = sharing.opened(table, row_id, settings, secrets)
    connector = kind(registry.configure(kind, values))
    post = post_of(connector)
    if post is not None:
        post.ledger = MessageLedger(row_id)
    sharing.join(connector, table, row_id, values)
    _open[table, row_id] = (fingerprint, connector)
    if known is not None:
        await close(known[1])
    return connector


async def close(connector: Any) -> None:
    """The connector is closed, once what it was being granted is kept."""
    if isinstance(connector, Granted):
        for grants in connector.grants:
            await grants.settle()
    await connector.close()


async def channel(channel_id: int) -> Channel:
    """The channel's connector with its present settings, one for each process; remade when they change."""
    return await _connector("channels", channel_id)  # type: ignore[no-any-return]


async def supplier(supplier_id: int) -> Supplier:
    """The supplier's connector with its present settings, one for each process; remade when they change."""
    return await _connector("suppliers", supplier_id)  # type: ignore[no-any-return]


def forget(table: str, row_id: int) -> None:
    """The settings are looked at again the next time, in this process; others notice within ``FRESH_SECONDS``."""
    _looked_at[table, row_id] = float("-inf")


async def close_connectors() -> None:
    """Every connector this process opened is closed."""
    while _open:
        _, (_, connector) = _open.popitem()
        await close(connector)


def sealed_secrets(table: str, row_id: int, kind: Any, values: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """The values parted into plain settings and sealed secrets, checked by the connector's own type."""
    registry.demand_known(kind, values)
    registry.configure(kind, values)
    plain = {name: value for name, value in values.items() if name not in kind.secret_fields}
    secret = {
        name: vault.seal(str(values[name]), table=table, row=str(row_id), field=name)
        for name in sorted(kind.secret_fields & set(values))
    }
    return plain, secret
