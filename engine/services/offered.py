"""Offered: what channels say they sell, imported, and how much of it is mapped to products.

What a channel offers is only looked at: it is what a SKU *stands for* that orders go by, and that is a Listing, mapped by
a person or taken over here where it is beyond doubt.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from engine import clock, db
from engine.connectors import registry
from engine.domain.barcodes import gtin
from engine.domain.issues import IssueCode
from engine.errors import BluebookError, Invalid, NotFound, Unreadable
from engine.ports_channels import HasListings, ListedItem
from engine.services import catalog, listings, settings_book, setup, suggest
from engine.services.lifecycle import Actor
from engine.services.outbox import Done, Job, Outcome

WORKER = Actor("worker", "channel", "listings")
SURE = 95.0
"""A proposal with so high a score may be taken over without a person looking at it."""
LARGEST_PAGE = 500
_MOST_PAGES = 100_000
_CHUNK = 400

# Beside each of ``listed_items AS i``: its SKU where that is mapped. A listing that stands for nothing is not.
_MAPPED = (
    "LEFT JOIN (SELECT DISTINCT l.channel_id, l.sku FROM listings AS l JOIN listing_components AS t ON t.listing_id = l.id) "
    "AS m ON m.channel_id = i.channel_id AND m.sku = i.sku"
)


class Imported(msgspec.Struct, frozen=True):
    """What an import found: listings there are, those that are new since the last one, those that are gone."""

    found: int
    new: int
    gone: int


class Coverage(msgspec.Struct, frozen=True, kw_only=True):
    """How much of what a channel offers is mapped. ``at`` None: never imported; ``offers`` false: it cannot be asked.

    ``listings`` are those somebody can buy now; ``unmapped`` of them stand for no product, ``without_sku`` among these.
    """

    channel_id: int
    channel: str
    offers: bool
    listings: int = 0
    unmapped: int = 0
    without_sku: int = 0
    waiting: int = 0
    at: datetime | None = None
    error: str = ""

    @property
    def sentence(self) -> str:
        """The same in words: 37 of 1,204 listings unmapped, 9 orders waiting."""
        orders = f"{self.waiting:,} {'order' if self.waiting == 1 else 'orders'} waiting"
        if self.at is None:
            return f"its listings {'are not imported yet' if self.offers else 'cannot be imported'}, {orders}"
        noun = "listing" if self.listings == 1 else "listings"
        bare = f" ({self.without_sku:,} without a SKU)" if self.without_sku else ""
        return f"{self.unmapped:,} of {self.listings:,} {noun} unmapped{bare}, {orders}"


class Unmapped(msgspec.Struct, frozen=True, kw_only=True):
    """A SKU that stands for no product: offered, or in orders that wait for it, ``orders`` of them."""

    channel_id: int
    channel: str
    sku: str
    title: str
    barcode: str = ""
    orders: int = 0


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    """What a SKU most likely stands for (product SKU -> pieces), and why; no ``components``: nothing is like it."""

    channel_id: int
    channel: str
    sku: str
    title: str
    orders: int
    components: Mapping[str, int]
    score: float = 0.0
    reason: str = ""

    @property
    def sure(self) -> bool:
        """May it be taken over without a person looking at it?"""
        return bool(self.components) and self.score >= SURE


class Taken(msgspec.Struct, frozen=True):
    """What was mapped, and how many waiting orders became ready by it."""

    skus: tuple[str, ...]
    freed: int


# --- importing --------------------------------------------------------------------------------------------------------


async def refresh(channel_id: int, by: Actor = WORKER) -> Imported:
    """What the channel offers is in the database; what it does not offer any more is not, once all has been read.

    That something is new or gone is in the blue book of settings, by which open pages learn of it too.

    Raises NotFound, Invalid where the channel cannot be asked, and what the connector raises.
    """
    channel = (await catalog.channels()).get(channel_id)
    if channel is None:
        raise NotFound(f"there is no channel {channel_id}")
    connector = await catalog.channel(channel_id)
    if not isinstance(connector, HasListings):
        raise Invalid(f"{channel.name}: its connector ({channel.connector}) does not tell what is offered", "channel")
    began = clock.micros(clock.now())
    cursor, passed = None, set[str]()
    for _ in range(_MOST_PAGES):
        page = await connector.listed(cursor)
        await _store(channel_id, page.items)
        cursor = page.next
        if cursor is None:
            break
        if cursor in passed:
            raise Unreadable(f"{channel.name}: its listings go round in circles; import them again later", "next")
        passed.add(cursor)
    async with db.transaction():
        gone = await db.run("DELETE FROM listed_items WHERE channel_id = ? AND seen_at < ?", channel_id, began)
        await db.run("UPDATE channels SET listings_at = ?, listings_error = '' WHERE id = ?", began, channel_id)
        found = await db.row(
            "SELECT COUNT(*), COALESCE(SUM(CASE WHEN first_at >= ? THEN 1 ELSE 0 END), 0) FROM listed_items "
            "WHERE channel_id = ?",
            began, channel_id,
        )  # fmt: skip
        assert found is not None
        made = Imported(int(found[0]), int(found[1]), gone)
        if made.new or made.gone:
            await settings_book.note(
                by, "channel:listings", f"{channel.name} offers {made.found}: {made.new} new, {made.gone} gone",
                subject=f"channel {channel_id}", before={}, after=msgspec.structs.asdict(made),
            )  # fmt: skip
    return made


async def _store(channel_id: int, items: Sequence[ListedItem]) -> None:
    now = clock.micros(clock.now())
    rows = {
        one.external_id[:200]: (
            channel_id, one.external_id[:200], one.sku[:200], one.title[:300], one.barcode[:40], gtin(one.barcode),
            one.active, now, now,
        )
        for one in items
    }  # fmt: skip
    if not rows:
        return
    columns = ("channel_id", "external_id", "sku", "title", "barcode", "gtin", "active", "first_at", "seen_at")
    kept = ", ".join(f"{name} = excluded.{name}" for name in columns[2:] if name != "first_at")
    async with db.transaction():
        values = list(rows.values())
        for start in range(0, len(values), _CHUNK):
            await db.insert(
                "listed_items", columns, values[start : start + _CHUNK],
                f"ON CONFLICT (channel_id, external_id) DO UPDATE SET {kept}",
            )  # fmt: skip


async def run_jobs(jobs: Sequence[Job]) -> Mapping[int, Outcome] | None:
    """The listings of the channels the jobs name are imported."""
    return {job.id: await _run(job) for job in jobs}


async def _run(job: Job) -> Outcome:
    channel = (await catalog.channels()).get(job.subject_id)
    if channel is None or not channel.enabled or channel.paused_reason:
        return Done()
    try:
        await refresh(job.subject_id)
    except BluebookError as error:
        # Orders go on without it, also where the credentials are good for orders alone: no reason to pause the channel.
        await db.run("UPDATE channels SET listings_error = ? WHERE id = ?", error.message, job.subject_id)
    return Done()


# --- how much is mapped -----------------------------------------------------------------------------------------------


async def coverage() -> list[Coverage]:
    """Every channel, by name."""
    counted: dict[int, tuple[int, int, int]] = {}
    for row in await db.rows(
        "SELECT i.channel_id, COUNT(*), SUM(CASE WHEN m.sku IS NULL THEN 1 ELSE 0 END), "
        f"SUM(CASE WHEN i.sku = '' THEN 1 ELSE 0 END) FROM listed_items AS i {_MAPPED} "
        "WHERE i.active = ? GROUP BY i.channel_id",
        True,
    ):
        counted[int(row[0])] = (int(row[1]), int(row[2]), int(row[3]))
    waiting = {
        int(row[0]): int(row[1])
        for row in await db.rows(
            "SELECT o.channel_id, COUNT(DISTINCT o.id) FROM issues AS x JOIN orders AS o ON o.id = x.order_id "
            "WHERE x.code = ? AND x.closed_at IS NULL GROUP BY o.channel_id",
            IssueCode.UNMAPPED_SKU.value,
        )
    }
    found = []
    for row in await db.rows(
        "SELECT id, name, connector, listings_at, listings_error FROM channels WHERE archived_at IS NULL ORDER BY name"
    ):
        listed, unmapped_, bare = counted.get(int(row[0]), (0, 0, 0))
        found.append(
            Coverage(
                channel_id=row[0], channel=row[1], offers=registry.tells_listings(row[2]), listings=listed, unmapped=unmapped_,
                without_sku=bare, waiting=waiting.get(int(row[0]), 0),
                at=None if row[3] is None else clock.moment(row[3]), error=row[4],
            )
        )  # fmt: skip
    return found


async def unmapped(
    channel_id: int | None = None, *, after: tuple[str, str] | None = None, limit: int = 50
) -> list[Unmapped]:
    """SKUs that stand for no product: those that orders wait for first, most orders first; then those that are offered,
    by channel and SKU, after the (channel, SKU) ``after`` where one is given.
    """
    limit = max(1, min(limit, LARGEST_PAGE))
    waits = await _waiting(channel_id)
    first = [] if after is not None else waits[:limit]
    return first + await _offered(channel_id, after or ("", ""), limit - len(first), waits)


async def pages(channel_id: int) -> AsyncIterator[list[Unmapped]]:
    """Every SKU that the channel offers and that stands for no product, by SKU, whether orders wait for it or not."""
    after = ("", "")
    while page := await _offered(channel_id, after, LARGEST_PAGE, ()):
        yield page
        after = (page[-1].channel, page[-1].sku)


async def how_many() -> int:
    """How many SKUs ``unmapped`` has to tell of."""
    waits = {(one.channel_id, one.sku) for one in await _waiting(None)}
    count = len(waits)
    for r in await db.rows("SELECT id FROM channels WHERE archived_at IS NULL"):
        offered = await db.rows(_UNMAPPED, r[0], True, "", r[0], 1 << 31)
        count += sum((int(r[0]), str(row[0])) not in waits for row in offered)
    return count


async def _waiting(channel_id: int | None) -> list[Unmapped]:
    ids = {str(r[1]): int(r[0]) for r in await db.rows("SELECT id, name FROM channels")}
    return [
        Unmapped(channel_id=ids[one.channel], channel=one.channel, sku=one.sku, title=one.title, orders=one.orders)
        for one in await listings.unmapped_skus()
        if one.channel in ids and channel_id in (None, ids[one.channel])
    ]


async def _offered(
    channel_id: int | None, after: tuple[str, str], limit: int, waits: Sequence[Unmapped]
) -> list[Unmapped]:
    if limit <= 0:
        return []
    known = {(one.channel_id, one.sku) for one in waits}
    found: list[Unmapped] = []
    for r in await db.rows(
        "SELECT id, name FROM channels WHERE archived_at IS NULL AND name >= ? ORDER BY name", after[0]
    ):
        channel, name = int(r[0]), str(r[1])
        if channel_id not in (None, channel):
            continue
        begin, most = after[1] if name == after[0] else "", limit - len(found) + len(known)
        skus = [str(row[0]) for row in await db.rows(_UNMAPPED, channel, True, begin, channel, most)]
        skus = [sku for sku in skus if (channel, sku) not in known][: limit - len(found)]
        told = {
            str(row[0]): (str(row[1]), str(row[2]))
            for row in await db.rows_among(
                "SELECT sku, title, barcode FROM listed_items WHERE channel_id = ? AND sku", skus, channel
            )
        }
        found += [
            Unmapped(channel_id=channel, channel=name, sku=sku, title=told[sku][0], barcode=told[sku][1])
            for sku in skus
        ]
        if len(found) >= limit:
            break
    return found


# One set less another, and no EXISTS for each row, for which PostgreSQL reads tables whole until it has counted them.
_UNMAPPED = (
    "SELECT sku FROM listed_items WHERE channel_id = ? AND active = ? AND sku > ? "
    "EXCEPT SELECT l.sku FROM listings AS l JOIN listing_components AS t ON t.listing_id = l.id WHERE l.channel_id = ? "
    "ORDER BY sku LIMIT ?"
)


# --- what it most likely is -------------------------------------------------------------------------------------------


async def proposals(rows: Sequence[Unmapped], *, alike: bool = True) -> list[Proposal]:
    """What each of these most likely stands for; ``alike`` also looks for products that are only similar, one by one.

    Sure are: the same SKU mapped at another channel, our own SKU, and the same barcode, where these do not disagree.
    """
    known = await _Known.of(rows)
    found = []
    for row in rows:
        components, score, reason = known.of_row(row)
        if not components and alike:
            like = next(iter(await suggest.products(f"{row.sku} {row.title}", row.sku)), None)
            if like is not None:
                # Alike is never beyond doubt, however much.
                components, score, reason = (
                    {like.value: 1},
                    min(like.score, SURE - 5),
                    f"like {like.label or like.value}",
                )
        found.append(
            Proposal(
                channel_id=row.channel_id, channel=row.channel, sku=row.sku, title=row.title, orders=row.orders,
                components=components, score=round(score, 1), reason=reason,
            )
        )  # fmt: skip
    return found


async def take_sure(channel_id: int, by: Actor, *, most: int = 1_000_000) -> Taken:
    """Every SKU of the channel whose proposal is beyond doubt is mapped, and the orders that waited are checked again.

    Those that orders wait for first; after ``most`` the others are left for the next time.
    """
    taken: list[str] = []
    freed = 0

    async def take(rows: Sequence[Unmapped]) -> None:
        nonlocal freed
        for one in await proposals(rows, alike=False):
            if one.sure and one.sku.strip() and len(taken) < most:
                freed += await setup.map_sku(channel_id, one.sku, one.components, by, title=one.title)
                taken.append(one.sku)

    waits = await _waiting(channel_id)
    for start in range(0, len(waits), LARGEST_PAGE):
        await take(waits[start : start + LARGEST_PAGE])
    after = ("", "")
    while page := await _offered(channel_id, after, LARGEST_PAGE, waits):
        after = (page[-1].channel, page[-1].sku)
        await take(page)
        if len(taken) >= most:
            break
    return Taken(tuple(taken), freed)


_Found = dict[str, list[tuple[int, str, dict[str, int]]]]
_ITEMS = "JOIN listed_items AS i ON i.channel_id = l.channel_id AND i.sku = l.sku "


class _Known(msgspec.Struct):
    """What is known of these SKUs and barcodes elsewhere.

    ``mapped`` and ``scanned`` are (channel, its name, components) by SKU and by barcode; ``products`` by SKU in small
    letters; ``codes`` are the barcodes of a channel's SKU.
    """

    mapped: _Found
    products: dict[str, str]
    by_gtin: dict[str, set[str]]
    scanned: _Found
    codes: dict[tuple[int, str], set[str]]

    @classmethod
    async def of(cls, rows: Sequence[Unmapped]) -> _Known:
        skus = sorted({row.sku for row in rows if row.sku})
        codes: dict[tuple[int, str], set[str]] = {}
        for channel_id in {row.channel_id for row in rows}:
            found = await db.rows_among(
                "SELECT sku, gtin FROM listed_items WHERE gtin <> '' AND channel_id = ? AND sku", skus, channel_id
            )
            for r in found:
                codes.setdefault((channel_id, str(r[0])), set()).add(str(r[1]))
        gtins = sorted({code for row in rows for code in codes.get((row.channel_id, row.sku), ())})
        # Both cases, and not LOWER(sku), for which there is no index.
        spelt = sorted({way for sku in skus for way in (sku, sku.upper(), sku.lower())})
        products = {
            str(r[0]).lower(): str(r[0]) for r in await db.rows_among("SELECT sku FROM products WHERE sku", spelt)
        }
        by_gtin: dict[str, set[str]] = {}
        for r in await db.rows_among("SELECT gtin, sku FROM products WHERE gtin <> '' AND gtin", gtins):
            by_gtin.setdefault(str(r[0]), set()).add(str(r[1]))
        mapped: _Found = {}
        for channel in await db.rows("SELECT id FROM channels WHERE archived_at IS NULL ORDER BY name"):
            for sku, ones in (await _mapped("l.sku", "", "l.channel_id = ? AND l.sku", skus, channel[0])).items():
                mapped.setdefault(sku, []).extend(ones)
        scanned = await _mapped("i.gtin", _ITEMS, "i.gtin <> '' AND i.gtin", gtins)
        return cls(mapped, products, by_gtin, scanned, codes)

    def of_row(self, row: Unmapped) -> tuple[Mapping[str, int], float, str]:
        """The components, the score and the reason; nothing where nothing is known of it."""
        votes: list[tuple[dict[str, int], float, str]] = []
        for channel_id, name, components in self.mapped.get(row.sku, []):
            if channel_id != row.channel_id:
                votes.append((components, 100.0, f"as at {name}"))
        if own := self.products.get(row.sku.lower()):
            votes.append(({own: 1}, 100.0, "the same SKU"))
        for code in sorted(self.codes.get((row.channel_id, row.sku), ())):
            votes += [
                ({sku: 1}, 98.0, f"the same barcode {code.lstrip('0')}") for sku in sorted(self.by_gtin.get(code, ()))
            ]
            votes += [
                (components, 97.0, f"the same barcode {code.lstrip('0')} at {name}")
                for channel_id, name, components in self.scanned.get(code, [])
                if channel_id != row.channel_id
            ]
        if not votes:
            return {}, 0.0, ""
        first, score, reason = votes[0]
        other = next((vote for vote in votes if vote[0] != first), None)
        if other is not None:
            return first, 60.0, f"{reason}, but {' + '.join(other[0])} would be {other[2]}"
        return first, score, reason


async def _mapped(key: str, join: str, where: str, keys: Sequence[str], *values: Any) -> _Found:
    """What is mapped, by ``key``: (channel, its name, components)."""
    whole: dict[tuple[str, int], tuple[int, str, dict[str, int]]] = {}
    rows: list[Any] = list(
        await db.rows_among(
            f"SELECT {key}, l.id, c.id, c.name, p.sku, t.quantity FROM listings AS l {join}"
            "JOIN channels AS c ON c.id = l.channel_id JOIN listing_components AS t ON t.listing_id = l.id "
            f"JOIN products AS p ON p.id = t.product_id WHERE {where}",
            keys, *values,
        )
    )  # fmt: skip
    for r in sorted(rows, key=lambda row: (row[3], row[1], row[4])):
        whole.setdefault((str(r[0]), int(r[1])), (int(r[2]), str(r[3]), {}))[2][str(r[4])] = int(r[5])
    found: _Found = {}
    for (name, _), one in whole.items():
        found.setdefault(name, []).append(one)
    return found
