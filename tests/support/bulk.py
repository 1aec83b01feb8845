"""Many realistic orders, straight into an empty, migrated database: thousands for tests, a million for the bench.

An order has two lines, one or two purchase orders, a parcel once it has shipped, five events, its terms and its share
of the counters. The newest are the open ones, as in life. The same seed gives the same orders.
"""

from __future__ import annotations

import random
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
import pytest

from engine import clock, db, models, settings
from engine.models.fields import JsonField
from engine.services.search import city_term, terms_of
from tests.support import databases

NOW = datetime.fromisoformat("2026-11-22T12:00:00+00:00")
CHUNK = 10_000
MANY = 50_000
"""From here on indexes and triggers are dropped first and made again afterwards."""

FILLED = 1_500

Row = tuple[Any, ...]


def _split(text: str) -> tuple[str, ...]:
    return tuple(text.split())


CHANNELS = (
    ("Shopify-US", "", "USD", 50),
    ("Woo-EU", "W", "EUR", 30),
    ("eBay", "E", "USD", 15),
    ("Vendure", "V", "GBP", 5),
)
SUPPLIERS = ("ACME", "NOVA", "PINE")
METHODS = (("UPS Ground", "ups"), ("DPD Classic", "dpd"))
RATES = ("Free Shipping", "Standard", "Express")
FIRST = _split(
    "Dana Omar Li Ana Jan Mia Tobi Rosa Kim Yuki Pía Léa Noor Ivan Zoë Sven Aino Raj Chloe Marek Nils Eva Hugo Ines"
)
LAST_A = _split("Rey Had We Sil Bra Nov Oka Cast Le Tan Mor Hau Gar Kov Lind Ber Ferr Pet Schm Jans Dub Var Nak Oli")
LAST_B = _split("es dad man va ndt ak for illo ka ier pt cia ac strom gen ara sen idt ois ga mura veira")
CITIES = ("Berlin", "Lyon", "Málaga", "New York", "Austin", "Leeds", "Bergen")
COUNTRIES = ("US", "DE", "FR", "GB", "SE", "CA", "IS")
OPEN_ISSUES = ("missing_shipping_mapping", "unmapped_sku", "invalid_address", "no_supplier_stock")
SECOND = 1_000_000
HASH = "9f3c" * 16

COLUMNS: dict[type[Any], tuple[str, ...]] = {
    models.Order: _split(
        "id channel_id external_id number status version audit_seq placed_at channel_updated_at received_at changed_at "
        "channel_state payment currency total shipping_total customer email country ship_to shipping_rate fingerprint "
        "likeness held snoozed_until issue_at late_at"
    ),
    models.OrderLine: _split(
        "id order_id external_id position sku title quantity unit_price allocated submitted acknowledged shipped "
        "canceled"
    ),
    models.PurchaseOrder: _split(
        "id order_id supplier_id po_number state method_id currency release_at attempt reference created_at sent_at "
        "acknowledged_at ack_due_at tracking_due_at"
    ),
    models.PurchaseOrderLine: _split(
        "id purchase_order_id order_line_id position product_id sku supplier_sku title quantity unit_cost acknowledged "
        "shipped canceled"
    ),
    models.Submission: _split("id purchase_order_id attempt started_at finished_at outcome"),
    models.Shipment: _split(
        "id order_id purchase_order_id key transit push carrier carrier_name service tracking_number tracking_url "
        "shipped_at received_at"
    ),
    models.ShipmentLine: ("id", "shipment_id", "purchase_order_line_id", "quantity"),
    models.Issue: _split(
        "id order_id code message cause opened_at closed_at closed_by resolution line_id purchase_order_id"
    ),
    models.Hold: ("id", "order_id", "reason", "placed_at", "placed_by"),
    models.AuditEvent: _split("id order_id seq at actor tag subject message after prev_hash hash"),
}  # fmt: skip


@lru_cache(maxsize=100_000)
def _terms(text: str) -> frozenset[str]:
    return frozenset(terms_of(text))


class _Maker:
    """Orders one after the other; ``rows`` collects what is to be written, by model."""

    def __init__(self, count: int, seed: int, now: datetime) -> None:
        self.count = count
        self.rng = random.Random(seed)
        self.now = clock.micros(now)
        self.spacing = min(20 * 60 * SECOND, 365 * 86_400 * SECOND // max(count, 1))
        self.open_from = count - max(count // 50, min(count, 200))
        self.rows: dict[type[Any], list[Row]] = {model: [] for model in COLUMNS}
        self.terms: list[tuple[str, int]] = []
        self.counts: Counter[tuple[int, str]] = Counter()
        self.last: Counter[type[Any]] = Counter()
        self.late: list[tuple[int, str, int]] = []

    def add(self, model: type[Any], *values: Any) -> int:
        self.last[model] += 1
        self.rows[model].append((self.last[model], *values))
        return self.last[model]

    def status(self, number: int) -> str:
        roll = self.rng.random()
        if number > self.open_from:
            steps = ((0.55, "ready"), (0.72, "unresolved"), (0.77, "on_hold"), (0.8, "failed"), (1.0, "processed"))
        else:
            steps = ((0.012, "partially_shipped"), (0.02, "shipped"), (0.03, "processed"), (0.07, "canceled"),
                     (1.0, "completed"))  # fmt: skip
        return next(status for bound, status in steps if roll < bound)

    def order(self, n: int) -> None:
        rng = self.rng
        channel = rng.choices(range(4), [c[3] for c in CHANNELS])[0]
        _, prefix, currency, _ = CHANNELS[channel]
        first, last = rng.choice(FIRST), rng.choice(LAST_A) + rng.choice(LAST_B)
        status = self.status(n)
        number = f"{prefix}{1_000_000 + n}"
        email = f"{first}.{last}{rng.randrange(100)}@example.com".lower()
        placed = self.now - (self.count - n) * self.spacing - rng.randrange(3 * self.spacing + 1)
        total = rng.randrange(900, 60_000)
        held = "customer asked to wait" if status == "on_hold" else ""
        snoozed = self.now + 3600 * SECOND if status == "ready" and rng.random() < 0.03 else None
        country = rng.choice(COUNTRIES)
        city = CITIES[n % len(CITIES)]
        ship_to = f'{{"name":"{first} {last}","line1":"Hauptstr {n % 90}","city":"{city}","country":"{country}"}}'
        order = self.add(
            models.Order, channel + 1, f"x{5_000_000 + n}", number, status, 4, 5, placed, placed, placed + SECOND,
            placed + 600 * SECOND, "open", "paid", currency, total, 0, f"{first} {last}", email, country, ship_to,
            rng.choice(RATES), HASH, f"{n:x}", held, snoozed, None, None,
        )  # fmt: skip
        self.counts[channel + 1, status] += 1
        texts = [number, first, last, email]
        texts += self.parts(order, number, status, currency, placed, total)
        self.terms += {(term, order) for text in texts for term in _terms(text)}
        self.terms.append((city_term(city), order))
        self.trouble(order, status, placed)
        self.book(order, placed)
        if held:
            self.add(models.Hold, order, held, placed + 5 * SECOND, "dana")

    def parts(self, order: int, number: str, status: str, currency: str, placed: int, total: int) -> list[str]:
        """Lines, purchase orders and parcels; the texts they are found by."""
        rng = self.rng
        split = rng.random() < 0.3
        routed = status not in ("unresolved", "failed")
        sent = routed and status not in ("ready", "on_hold", "canceled")
        texts: list[str] = []
        purchase = -1
        for position in (1, 2):
            sku = f"{rng.choice('ABCN')}-{rng.randrange(1000, 3000)}"
            quantity = rng.randrange(1, 4)
            gone = quantity if status in ("shipped", "completed") else 0
            if status == "partially_shipped" and position == 1:
                gone = quantity
            canceled = quantity if status == "canceled" else 0
            on_its_way = quantity if sent else 0
            line = self.add(
                models.OrderLine, order, f"{order}-{position}", position, sku, "Wall lamp, brass", quantity, total // 4,
                quantity if routed else 0, on_its_way, on_its_way, gone, canceled,
            )  # fmt: skip
            texts.append(sku)
            if not routed and position == 1:
                continue
            if purchase < 0 or split:
                purchase = self.purchase(order, f"{number}-{position}", status, currency, placed)
                texts.append(f"{number}-{position}")
                parcel = -1
            part = self.add(
                models.PurchaseOrderLine, purchase, line, position, 1, sku, f"S{sku}", "Wall lamp", quantity,
                total // 8, on_its_way, gone, canceled,
            )  # fmt: skip
            if gone:
                if parcel < 0:
                    tracking = f"1Z999AA{10_000_000_000 + 7 * purchase}"
                    push = "pending" if status == "shipped" else "confirmed"
                    parcel = self.add(
                        models.Shipment, order, purchase, f"k{purchase}", "in_transit", push, "ups", "UPS", "Ground",
                        tracking, f"https://www.ups.com/track?tracknum={tracking}", placed + 86_400 * SECOND,
                        placed + 86_500 * SECOND,
                    )  # fmt: skip
                    texts.append(tracking)
                self.add(models.ShipmentLine, parcel, part, gone)
        return texts

    def purchase(self, order: int, number: str, status: str, currency: str, placed: int) -> int:
        states = {"ready": "draft", "on_hold": "draft", "unresolved": "draft", "canceled": "canceled",
                  "failed": "failed", "processed": "acknowledged", "partially_shipped": "partially_shipped",
                  "shipped": "shipped"}  # fmt: skip
        state = states.get(status, "closed")
        sent = None if state in ("draft", "canceled") else placed + 700 * SECOND
        release = None
        # Some of a few orders, which would have none otherwise.
        if status == "processed" and self.rng.random() < (0.02 if self.count >= MANY else 0.2):
            is_over = order % 3 == 0  # the time in which it can be taken back: it is not sent yet
            state, sent, release = "queued", None, self.now + (-60 if is_over else 8) * SECOND
        due = placed + 96 * 3600 * SECOND if state == "acknowledged" and self.rng.random() < 0.1 else None
        overdue, due = (due, None) if due and due < self.now else (0, due)
        supplier = self.rng.randrange(3)
        acknowledged = sent + 200 * SECOND if sent and state != "failed" else None
        found = self.add(
            models.PurchaseOrder, order, supplier + 1, number, state, 2 * supplier + 1 + self.rng.randrange(2),
            currency, release, 1 if sent else 0, f"AC-{order}" if acknowledged else "", placed + 300 * SECOND,
            sent, acknowledged, None, due,
        )  # fmt: skip
        if overdue:
            self.late.append((found, number, overdue))
        if sent:
            self.add(models.Submission, found, 1, sent, sent + SECOND // 5, "accepted" if acknowledged else "refused")
        return found

    def trouble(self, order: int, status: str, placed: int) -> None:
        """An open Issue where the status needs one or a supplier is late; a closed one on a tenth of the rest."""
        late = [at for _, _, at in self.late]
        for purchase, number, at in self.late:
            self.add(models.Issue, order, "no_tracking_in_time", "not shipped yet", f"no_tracking_in_time:{number}", at,
                     None, "", "", None, purchase)  # fmt: skip
        self.late.clear()
        row = self.rows[models.Order][-1]
        since = min([placed] * (status in ("unresolved", "failed")) + late, default=None)
        self.rows[models.Order][-1] = (*row[:-2], since, min(late, default=None))
        line, purchase = self.last[models.OrderLine] - 1, self.last[models.PurchaseOrder]
        if status == "unresolved":
            code = self.rng.choice(OPEN_ISSUES)
            self.add(
                models.Issue, order, code, "see the order", f"{code}:{order % 7}", placed, None, "", "", line, None
            )
        elif status == "failed":
            cause = f"supplier_failed:{purchase}"
            self.add(models.Issue, order, "supplier_failed", "no stock", cause, placed, None, "", "", None, purchase)
        elif self.rng.random() < 0.1:
            code = self.rng.choice(OPEN_ISSUES)
            self.add(models.Issue, order, code, "see the order", f"{code}:{order % 7}", placed, placed + 300 * SECOND,
                     "dana", "map_sku", line, None)  # fmt: skip

    def book(self, order: int, placed: int) -> None:
        po = "po." + self.rows[models.PurchaseOrder][-1][3]
        steps = (
            ("worker:order:receive", "order", "pulled", 1),
            ("worker:line:route", "line.1", "goes to ACME", 2),
            ("person:purchase:queue", po, "processed", 600),
            ("worker:purchase:accept", po, "sent", 700),
            ("supplier:purchase:acknowledge", po, "accepted", 900),
        )
        for seq, (tag, subject, message, later) in enumerate(steps, 1):
            self.add(models.AuditEvent, order, seq, placed + later * SECOND, tag.partition(":")[0], tag,
                     subject, message, "{}", HASH, HASH)  # fmt: skip

    def chunks(self) -> Iterator[tuple[dict[type[Any], list[Row]], list[tuple[str, int]]]]:
        for n in range(1, self.count + 1):
            self.order(n)
            if n % CHUNK == 0 or n == self.count:
                yield self.rows, self.terms
                self.rows, self.terms = {model: [] for model in COLUMNS}, []


def _defaults(model: type[Any], given: Iterable[str]) -> tuple[tuple[str, ...], Row]:
    """The columns that cannot be empty and were not given, with what the model puts there."""
    names: list[str] = []
    values: list[Any] = []
    for name, field in model._meta.fields_map.items():
        column = model._meta.fields_db_projection.get(name)
        if column is None or column in given or field.null or field.generated:
            continue
        value = field.default() if callable(field.default) else field.default
        names.append(column)
        values.append(msgspec.json.encode(value).decode() if isinstance(field, JsonField) else value)
    return tuple(names), tuple(values)


def _catalog() -> Iterator[tuple[type[Any], dict[str, Any]]]:
    at = clock.micros(NOW)
    for number, (name, prefix, _, _) in enumerate(CHANNELS, 1):
        yield models.Channel, {"id": number, "connector": "file", "name": name, "prefix": prefix, "created_at": at}
    for number, name in enumerate(SUPPLIERS, 1):
        yield models.Supplier, {"id": number, "connector": "rest", "name": name, "code": name, "created_at": at}
        for offset, (method, carrier) in enumerate(METHODS):
            yield models.ShippingMethod, {"id": 2 * number - 1 + offset, "supplier_id": number, "code": method,
                                          "name": method, "carrier": carrier}  # fmt: skip
    yield models.Product, {"id": 1, "sku": "A-1001", "title": "Wall lamp, brass", "created_at": at}


Write = Callable[[str, tuple[str, ...], list[Row]], Any]


def _batches(maker: _Maker) -> Iterator[tuple[str, tuple[str, ...], list[Row]]]:
    """What to write, in order: table, columns, rows."""
    for model, given in _catalog():
        names, values = _defaults(model, given)
        yield model._meta.db_table, (*given, *names), [(*given.values(), *values)]
    extra = {model: _defaults(model, columns) for model, columns in COLUMNS.items()}
    for rows, terms in maker.chunks():
        for model, found in rows.items():
            names, values = extra[model]
            yield model._meta.db_table, (*COLUMNS[model], *names), [(*row, *values) for row in found]
        yield "unsorted_terms", ("term", "order_id"), list(terms)
    counts = [(channel, status, n) for (channel, status), n in maker.counts.items()]
    yield "order_counts", ("channel_id", "status", "n"), counts


SORTED_TERMS = "INSERT INTO terms (term, order_id) SELECT term, order_id FROM unsorted_terms ORDER BY term, order_id"


def _fill_sqlite(path: str, maker: _Maker) -> None:
    conn = sqlite3.connect(path, isolation_level=None)
    conn.execute("PRAGMA synchronous = OFF")
    conn.execute("PRAGMA cache_size = -200000")
    conn.execute("CREATE TEMP TABLE unsorted_terms (term TEXT, order_id INTEGER)")
    dropped: list[tuple[str, str, str]] = []
    if maker.count >= MANY:
        conn.execute("PRAGMA journal_mode = OFF")
        dropped = conn.execute(
            "SELECT type, name, sql FROM sqlite_master WHERE type IN ('index', 'trigger') AND sql IS NOT NULL"
        ).fetchall()
    for kind, name, _ in dropped:
        conn.execute(f'DROP {kind} "{name}"')
    for table, columns, rows in _batches(maker):
        conn.execute("BEGIN")
        conn.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})", rows)
        conn.execute("COMMIT")
    conn.execute(SORTED_TERMS)
    conn.execute("DROP TABLE unsorted_terms")
    for _, _, sql in dropped:
        conn.execute(sql)
    # No ANALYZE: nobody runs it on an embedded database either, and plans must be good without.
    conn.execute("PRAGMA journal_mode = WAL")
    conn.close()


async def _fill_postgres(url: str, maker: _Maker) -> None:
    conn = await asyncpg.connect(url)
    try:
        await conn.execute("SET synchronous_commit = off; SET maintenance_work_mem = '512MB'; SET work_mem = '256MB'")
        await conn.execute('CREATE TEMP TABLE unsorted_terms (term TEXT COLLATE "C", order_id BIGINT)')
        indexes: list[Any] = []
        if maker.count >= MANY:
            indexes = await conn.fetch(
                "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' AND indexname NOT IN "
                "(SELECT conname FROM pg_constraint)"
            )
        for name, _ in indexes:
            await conn.execute(f'DROP INDEX "{name}"')
        tables = set()
        for table, columns, rows in _batches(maker):
            await conn.copy_records_to_table(table, columns=columns, records=rows)
            tables.add((table, "id" in columns))
        await conn.execute(SORTED_TERMS)
        for _, sql in indexes:
            await conn.execute(sql)
        for table, numbered in tables:
            if numbered:
                await conn.execute(
                    f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), (SELECT MAX(id) FROM {table}))"
                )
        await conn.execute("VACUUM ANALYZE")
    finally:
        await conn.close()


async def fill(url: str, count: int, *, seed: int = 1, now: datetime = NOW) -> None:
    """The empty, migrated database has ``count`` orders, the last placed around ``now``."""
    maker = _Maker(count, seed, now)
    if url.startswith("sqlite"):
        _fill_sqlite(url.removeprefix("sqlite://"), maker)
    else:
        await _fill_postgres(url, maker)


@pytest.fixture(scope="session")
def filled_sqlite(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with ``FILLED`` orders, to be copied."""
    url = databases.sqlite_copy(sqlite_template, tmp_path_factory.mktemp("filled"))
    databases.elsewhere(fill(url, FILLED))
    return Path(url.removeprefix("sqlite://"))


@pytest.fixture(scope="session")
def filled_postgres(postgres_copies: databases.Copies) -> Iterator[str]:
    """The URL of a database with ``FILLED`` orders, in which nobody can write."""
    url = databases.elsewhere(postgres_copies.take())
    databases.elsewhere(fill(url, FILLED))
    databases.elsewhere(databases.only_read(url))
    yield url
    databases.elsewhere(databases.drop(url))


@pytest.fixture(params=["sqlite", "postgres"])
async def filled(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    """An open database with ``FILLED`` orders, once of each kind, for tests that only read; its URL. The time is ``NOW``."""
    url: str = request.getfixturevalue(f"filled_{request.param}")
    if request.param == "sqlite":
        url = databases.sqlite_copy(request.getfixturevalue("filled_sqlite"), tmp_path)
    settings.force(settings.Settings(home=settings.settings().home, database_url=url))
    clock.use(lambda: NOW)
    async with db.database(url):
        yield url
