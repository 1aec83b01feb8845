"""What is set up, as lists show it, on both databases."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine import db
from engine.demo import store_orders
from engine.errors import Invalid, NotFound
from engine.services import intake, listings, preview, setup
from tests.support.world import PERSON, world


async def test_lists_show_what_is_set_up_and_what_is_missing(database: str, tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        w.store.place(4, rng=w.random)
        for number, trouble in ((1003, "unknown_sku"), (1004, "unmapped_rate")):
            store_orders.spoil(w.store.book.orders[number], trouble)
        await intake.poll(w.shop.channel_id, PERSON)

        [channel] = await listings.channels()
        assert channel.settings["consumer_secret"] == "***"
        assert sum(channel.orders.values()) == 4
        assert (await listings.channel("demo")).id == channel.id
        assert {s.code: s.methods for s in await listings.suppliers()} == {"ACME": 2, "NOVA": 2}

        assert [(s.sku, s.orders) for s in await listings.unmapped_skus()] == [("OLD-RANGE-7", 1)]
        rates = await listings.unmapped_rates()
        assert {(r.channel, r.rate, r.orders) for r in rates} == {("Demo store", "Local courier", 1)}
        assert len(await listings.mappings(channel.id)) == len(await listings.mappings()) > 0

        first = await listings.products(limit=5)
        rest = await listings.products(after=first[-1].sku, limit=500)
        skus = [p.sku for p in [*first, *rest]]
        assert len(skus) == len(set(skus)) == 12
        assert all(p.offers for p in first)
        assert [p.sku for p in await listings.products("floor LAMP")] == ["BB-LAMP-02"]
        assert await listings.products("100%") == []

        walked = []
        after = ("", "")
        while page := await listings.listings(channel.id, after=after, limit=3):
            walked += page
            after = (page[-1].channel, page[-1].sku)
        assert len(walked) == len({row.sku for row in walked}) == await db.value("SELECT COUNT(*) FROM listings")

        ids = await listings.order_ids(["1002", "1001", "1003"])
        seen = await preview.preview(ids)
        assert seen.ready == ids[:2]
        assert seen.reasons() == {"SKU?": 1}
        assert sum(share.purchase_orders for share in seen.suppliers) >= 2
        with pytest.raises(NotFound):
            await listings.order_ids(["1001", "nothing"])


async def test_names_are_found_by_their_beginning_only_where_that_is_clear(database: str) -> None:
    for name in ("Shop", "Shop DE", "Outlet"):
        await setup.add_channel(name, "file", {"folder": f"/srv/{name}"}, PERSON)
    assert (await listings.channel("shop")).name == "Shop"
    assert (await listings.channel("out")).name == "Outlet"
    with pytest.raises(Invalid, match="Shop DE"):
        await listings.channel("Shop D ".strip()[:3])
    with pytest.raises(NotFound, match="Outlet"):
        await listings.channel("eBay")
    with pytest.raises(NotFound):
        await listings.channel("")
