"""What channels offer: imported page by page, compared with what is mapped, and mapped where it is beyond doubt."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import timedelta
from typing import Any, ClassVar

import msgspec
import pytest

from engine import clock, db
from engine.connectors import registry
from engine.demo import catalogue
from engine.errors import Invalid, NotAuthorised, NotFound, TryLater, Unreadable
from engine.ports import ChannelLine, Raw
from engine.ports_channels import ListedItem, ListedPage
from engine.services import catalog, feed, intake, offered, outbox, schedule, setup, tasks
from engine.services.offered import Imported
from tests.support import book, scripted
from tests.support.scripted import BY

UPC, EAN = "036000291452", "0036000291452"


class StallConfig(msgspec.Struct, frozen=True):
    """Nothing has to be known."""

    name: str = ""


class Stall:
    """A channel whose listings are ``SHOWN``, by its name; ``size`` on a page. ``trouble`` is raised by the second page."""

    slug: ClassVar[str] = "stall"
    name: ClassVar[str] = "Stall"
    docs_url: ClassVar[str] = ""
    config_type: ClassVar[type[msgspec.Struct]] = StallConfig
    secret_fields: ClassVar[frozenset[str]] = frozenset()
    shown: ClassVar[dict[str, list[ListedItem]]] = {}
    trouble: ClassVar[Exception | None] = None
    circles: ClassVar[bool] = False
    size: ClassVar[int] = 2

    def __init__(self, config: StallConfig) -> None:
        self.config = config

    async def listed(self, cursor: str | None) -> ListedPage:
        items, start = self.shown[self.config.name], int(cursor or 0)
        if start and Stall.trouble is not None:
            raise Stall.trouble
        if Stall.circles:
            return ListedPage(tuple(items[:2]), "2")
        end = start + self.size
        return ListedPage(tuple(items[start:end]), str(end) if end < len(items) else None)

    def read(self, raw: Raw) -> Any:
        return scripted.ScriptedChannel().read(raw)

    async def close(self) -> None:
        return None


def item(external_id: str, sku: str, title: str = "", **more: Any) -> ListedItem:
    return ListedItem(external_id=external_id, sku=sku, title=title or f"Thing {sku}", **more)


def a_minute_later() -> None:
    moment = clock.now() + timedelta(minutes=1)
    clock.use(lambda: moment)


@pytest.fixture(autouse=True)
def stall() -> Iterator[None]:
    Stall.shown, Stall.trouble, Stall.circles, Stall.size = {"A": [], "B": []}, None, False, 2
    with registry.lent("channels", Stall):
        yield


@pytest.fixture
async def stalls(database: str) -> AsyncIterator[tuple[int, int]]:
    """The demo's catalogue, and two stalls; their ids. The clock stands until a minute passes."""
    now = clock.now()
    clock.use(lambda: now)
    await scripted.shop()
    made = [await setup.add_channel(f"Stall {name}", "stall", {"name": name}, BY, poll_seconds=0) for name in "AB"]
    yield made[0].id, made[1].id
    await catalog.close_connectors()


async def order(channel_id: int, number: str, *skus: str) -> None:
    """An order of these SKUs comes in from the stall."""
    lines = [ChannelLine(f"{number}.{sku}", sku, f"Thing {sku}", 1, 500) for sku in skus]
    channel, connector = (await catalog.channels())[channel_id], await catalog.channel(channel_id)
    page = scripted.page(scripted.order(number, lines, clock.now()))
    assert (await intake.take_page(channel, connector, page, BY)).new == 1


async def test_all_pages_are_imported_and_what_is_gone_goes(stalls: Sequence[int]) -> None:
    Stall.shown["A"] = [item(str(n), f"S-{n}") for n in range(5)]
    assert await offered.refresh(stalls[0]) == Imported(5, 5, 0)
    Stall.shown["A"] = [item("1", "S-1b"), *[item(str(n), f"S-{n}") for n in (2, 3, 7)]]
    a_minute_later()
    assert await offered.refresh(stalls[0]) == Imported(4, 1, 2)
    await book.final()
    before = await feed.latest()
    a_minute_later()
    assert await offered.refresh(stalls[0]) == Imported(4, 0, 0)
    told = [row[0] for row in await db.rows("SELECT message FROM audit_events WHERE tag LIKE '%:channel:listings'")]
    assert [text.partition(": ")[2] for text in told] == ["5 new, 0 gone", "1 new, 2 gone"]
    assert not (await feed.changes(before)).settings
    found = await db.rows("SELECT external_id, sku FROM listed_items ORDER BY external_id")
    assert [tuple(row) for row in found] == [("1", "S-1b"), ("2", "S-2"), ("3", "S-3"), ("7", "S-7")]


@pytest.mark.parametrize("trouble", [TryLater("busy"), Unreadable("half a page")])
async def test_an_import_that_breaks_off_forgets_nothing(stalls: Sequence[int], trouble: Exception) -> None:
    Stall.shown["A"] = [item(str(n), f"S-{n}") for n in range(5)]
    await offered.refresh(stalls[0])
    Stall.trouble = trouble
    a_minute_later()
    with pytest.raises(type(trouble)):
        await offered.refresh(stalls[0])
    assert await db.value("SELECT COUNT(*) FROM listed_items") == 5


async def test_listings_that_go_round_in_circles_end(stalls: Sequence[int]) -> None:
    Stall.shown["A"] = [item(str(n), f"S-{n}") for n in range(5)]
    Stall.circles = True
    with pytest.raises(Unreadable, match="circles"):
        await offered.refresh(stalls[0])


async def test_a_channel_that_does_not_tell_says_so(stalls: Sequence[int]) -> None:
    folder = await setup.add_channel("Folder", "file", {"folder": "/srv/orders"}, BY)
    with pytest.raises(Invalid, match="does not tell what is offered"):
        await offered.refresh(folder.id)
    with pytest.raises(NotFound):
        await offered.refresh(999)
    covered = {one.channel: one for one in await offered.coverage()}
    assert covered["Folder"].sentence == "its listings cannot be imported, 0 orders waiting"
    assert covered["Stall A"].sentence == "its listings are not imported yet, 0 orders waiting"


async def test_coverage_counts_what_is_not_mapped_and_who_waits(stalls: Sequence[int]) -> None:
    one, _ = stalls
    Stall.shown["A"] = [
        item("1", "BB-MUG-01"), item("2", "NEW-1"), item("3", "NEW-2"), item("4", ""), item("5", "OLD", active=False),
        *[item(str(n), f"X-{n}") for n in range(10, 1210)],
    ]  # fmt: skip
    Stall.size = 500
    await setup.map_sku(one, "BB-MUG-01", {"BB-MUG-01": 1}, BY)
    columns = ("channel_id", "sku", "title", "created_at")
    await db.insert("listings", columns, [(one, f"X-{number}", "", 0) for number in range(10, 1175)])
    await db.run(
        "INSERT INTO listing_components (listing_id, product_id, quantity) "
        "SELECT id, (SELECT MIN(id) FROM products), 1 FROM listings WHERE sku LIKE 'X-%'"
    )
    await offered.refresh(one)
    await order(one, "1", "NEW-2", "BB-MUG-01")
    await order(one, "2", "NEW-2")
    await order(one, "3", "NEVER-LISTED", "NEW-2")
    (covered,) = [c for c in await offered.coverage() if c.channel_id == one]
    assert covered.sentence == "38 of 1,204 listings unmapped (1 without a SKU), 3 orders waiting"
    first = await offered.unmapped(one, limit=5)
    assert [(row.sku, row.orders) for row in first] == [
        ("NEW-2", 3), ("NEVER-LISTED", 1), ("NEW-1", 0), ("X-1175", 0), ("X-1176", 0),
    ]  # fmt: skip
    walked, page = [row.sku for row in first], first
    while page := await offered.unmapped(one, after=(page[-1].channel, page[-1].sku), limit=7):
        walked += [row.sku for row in page]
    assert len(walked) == len(set(walked)) == 38
    assert await offered.unmapped(stalls[1]) == []


async def test_proposals_say_what_it_most_likely_is_and_why(stalls: Sequence[int]) -> None:
    one, two = stalls
    await setup.set_barcode("BB-TEA-01", UPC, BY)
    await setup.add_product("LAMP-X", "Lamp", BY, barcode="4006381333931")
    Stall.shown["B"] = [item("b1", "KIT-9"), item("b2", "OTHER", barcode="96385074")]
    await offered.refresh(two)
    await setup.map_sku(two, "KIT-9", {"BB-MUG-01": 2, "BB-TEA-01": 1}, BY)
    await setup.map_sku(two, "OTHER", {"BB-NOTE-01": 1}, BY)
    mug = catalogue.BY_SKU["BB-MUG-02"]
    Stall.shown["A"] = [
        item("1", "KIT-9"), item("2", "bb-lamp-01"), item("3", "T-1", barcode=EAN), item("4", "N-1", barcode="9638 5074"),
        item("5", "MUG-SAND", mug.title), item("6", "BB-LAMP-02", barcode="4006381333931"), item("7", "zzz", "qqq"),
        item("8", "T-2", barcode="036000291453"),
    ]  # fmt: skip
    await offered.refresh(one)
    found = {p.sku: p for p in await offered.proposals(await offered.unmapped(one))}
    said = {sku: (dict(p.components), p.sure, p.reason) for sku, p in found.items()}
    assert said["KIT-9"] == ({"BB-MUG-01": 2, "BB-TEA-01": 1}, True, "as at Stall B")
    assert said["bb-lamp-01"] == ({"BB-LAMP-01": 1}, True, "the same SKU")
    assert said["T-1"] == ({"BB-TEA-01": 1}, True, "the same barcode 36000291452")
    assert said["N-1"] == ({"BB-NOTE-01": 1}, True, "the same barcode 96385074 at Stall B")
    assert said["MUG-SAND"] == ({"BB-MUG-02": 1}, False, f"like {mug.title}")
    assert said["BB-LAMP-02"][1:] == (
        False, "as at Demo store, but LAMP-X would be the same barcode 4006381333931",
    )  # fmt: skip
    assert not found["zzz"].sure
    assert not found["T-2"].sure, "a barcode with a wrong digit proves nothing"


async def test_what_is_beyond_doubt_is_mapped_and_frees_the_orders_that_wait(stalls: Sequence[int]) -> None:
    one, _ = stalls
    await setup.set_barcode("BB-MUG-01", UPC, BY)
    Stall.shown["A"] = [
        item("1", "M-1", barcode=UPC),
        item("2", "MUG-SAND", "Stoneware mug, sand"),
        item("3", "BB-TEA-01"),
    ]
    await offered.refresh(one)
    await order(one, "1", "M-1")
    taken = await offered.take_sure(one, BY)
    assert sorted(taken.skus) == ["BB-TEA-01", "M-1"]
    codes = [row[0] for row in await db.rows("SELECT code FROM issues WHERE closed_at IS NULL")]
    assert "unmapped_sku" not in codes
    assert [row.sku for row in await offered.unmapped(one)] == ["MUG-SAND"]
    assert (await offered.take_sure(one, BY)).skus == ()


async def test_listings_are_imported_by_themselves_once_a_day(stalls: Sequence[int]) -> None:
    one, two = stalls
    Stall.shown["A"] = [item("1", "S-1")]
    keys = {r[0]: (r[1], bool(r[2])) for r in await db.rows("SELECT key, every_seconds, enabled FROM schedules")}
    assert keys[f"channels.listings:{one}"] == (86_400.0, True)
    await setup.update("channels", two, BY, listings_seconds=0)
    await schedule.ensure()
    assert not await db.value("SELECT enabled FROM schedules WHERE key = ?", f"channels.listings:{two}")
    await db.run("UPDATE schedules SET enabled = ? WHERE key <> ?", False, f"channels.listings:{one}")
    await tasks.drain()
    assert await db.value("SELECT COUNT(*) FROM listed_items") == 0, "orders come first where a channel is new"
    a_minute_later()
    await tasks.drain()
    assert await db.value("SELECT COUNT(*) FROM listed_items") == 1
    Stall.shown["A"], Stall.trouble = [item(str(n), f"S-{n}") for n in range(3)], TryLater("the stall is closed today")
    await schedule.trigger(f"channels.listings:{one}")
    await tasks.drain()
    assert {c.channel: c.error for c in await offered.coverage()}["Stall A"] == "the stall is closed today"
    Stall.trouble = NotAuthorised("the key may not read products")
    await schedule.trigger(f"channels.listings:{one}")
    await tasks.drain()
    assert {c.channel: c.error for c in await offered.coverage()}["Stall A"] == "the key may not read products"
    assert await db.value("SELECT paused_reason FROM channels WHERE id = ?", one) == "", "its orders go on"
    assert (await outbox.counts()).get("dead", 0) == 0


async def test_a_barcode_that_is_none_is_refused(database: str) -> None:
    with pytest.raises(Invalid, match="036000291453"):
        await setup.add_product("A", "", BY, barcode="036000291453")
    await setup.add_product("A", "", BY)
    with pytest.raises(Invalid):
        await setup.set_barcode("A", "12345", BY)
    with pytest.raises(NotFound):
        await setup.set_barcode("B", UPC, BY)
