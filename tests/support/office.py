"""A home folder as after a morning's work: a store, two suppliers, orders in many states. What the command line is tried on.

Orders 1001 to 1003 are completed, 1004 to 1008 ready, and from 1009 on each has one of the store's troubles.
"""

from __future__ import annotations

from pathlib import Path

from engine import db, vault
from engine.demo import store_orders
from engine.ports import Page, Raw
from engine.services import inbox, intake, listings, schema, tasks
from engine.settings import Settings, force, settings
from tests.support.world import PERSON, world

CLEAN = 8
TROUBLED = tuple(enumerate(store_orders.TROUBLES, 1001 + CLEAN))


async def make(home: Path, folder: Path) -> None:
    """The home folder is there: database, key, and nothing else. ``folder`` is for the demo suppliers' files."""
    before = settings()
    force(Settings(home=str(home)))
    try:
        vault.make_key_file()
        async with db.database():
            await schema.upgrade()
            async with world(folder) as w:
                assert w.store.place(CLEAN, rng=w.random) == list(range(1001, 1001 + CLEAN))
                for number, trouble in TROUBLED:
                    assert w.store.place(1, rng=w.random) == [number]
                    store_orders.spoil(w.store.book.orders[number], trouble)
                await intake.poll(w.shop.channel_id, PERSON)
                done = await listings.order_ids(["1001", "1002", "1003"])
                await w.send(done)
                await tasks.drain(lambda: _completed(done))
                stored = await inbox.store("channel", w.shop.channel_id, Page((Raw("1999", b'{"id": 1999}'),)))
                await inbox.settle([(stored[0].id, "parked", "no line_items", "line_items", None)])
            await db.run("DELETE FROM outbox WHERE state IN ('ready', 'claimed')")
    finally:
        force(before)


async def _completed(ids: list[int]) -> bool:
    found = await db.rows(f"SELECT status FROM orders WHERE id IN ({db.marks(ids)})", *ids)
    return {row[0] for row in found} == {"completed"}
