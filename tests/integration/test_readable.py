"""The blue book in words: names, money and sentences for what is stored, whatever the length of the trail."""

from __future__ import annotations

from typing import Any

import pytest

from engine import db
from engine.services import hold, process, readable
from engine.services.blue_book import Event, blue_book
from engine.services.readable import Change, Reading
from tests.support.scene import DANA, Scene, scene, scene_of_module, url_of_module

__all__ = ["scene", "scene_of_module", "url_of_module"]
pytestmark = pytest.mark.asyncio(loop_scope="module")


async def _read(order_id: int, **part: Any) -> list[tuple[Event, Reading]]:
    events = await blue_book(order_id, **part)
    reader = await readable.reader(order_id, events, lambda at: f"at {at:%H:%M}")
    return [(event, reader.read(event)) for event in events]


def _changes(read: list[tuple[Event, Reading]]) -> dict[str, tuple[str, str]]:
    """What changed last, by what it is called."""
    return {c.what: (c.before, c.after) for _, reading in read for c in reading.changes}


async def test_ids_are_names_money_has_its_currency_and_states_are_those_of_the_lists(scene: Scene) -> None:
    order, po = await scene.sent(("BB-MUG-01", 2), who="Mia")
    await db.run("UPDATE purchase_orders SET currency = 'EUR' WHERE po_number = ?", po)
    read = await _read(order)
    await db.run("UPDATE purchase_orders SET currency = 'USD' WHERE po_number = ?", po)
    found = _changes(read[:2])
    at = f"PO {po}, ACME"
    assert found["total"] == ("–", "29.00 USD")
    assert found["line 1, BB-MUG-01: price"] == ("–", "14.50 USD")
    assert found[f"{at}, line 1: cost"] == ("–", "5.20 EUR")
    assert found[f"{at}, line 1: product"] == ("–", "BB-MUG-01")
    assert found[f"{at}: supplier"] == ("–", "ACME")
    assert found[f"{at}: shipping"] == ("Free Shipping", "UPS Ground")
    assert found["channel"] == ("–", "Demo store")
    assert found["ship to"][1].startswith("Mia Doe, 1 Maple Ave, Portland, OR, 97205, US")
    assert not {"tax", "discount", "on hold", f"{at}: the supplier says"} & set(found)
    states = [(c.before, c.after) for _, r in read for c in r.changes if c.what == f"{at}: state"]
    assert states == [("–", "Draft"), ("Draft", "Held"), ("Held", "Submitting"), ("Submitting", "Submitted")]
    assert {reading.about for _, reading in read} == {"order", at}
    routed = [
        said for _, reading in read for said in reading.said if said.startswith("ACME ships 2 × BB-MUG-01 (line 1): ")
    ]
    assert len(routed) == 1
    assert ["Answer: accepted with 201"] in [reading.said for _, reading in read]
    alone = _changes(await _read(order, po_number=po))
    assert alone[f"{at}: state"] == ("Submitting", "Submitted")


async def test_issues_addresses_holds_and_parcels_are_told(scene: Scene) -> None:
    order = await scene.order(("BB-MUG-01", 1), rate="Pigeon post")
    await hold.hold(order, "asks her sister", DANA)
    await scene.edit(order, "moved", address={"line1": "2 Elm St"})
    await scene.edit(order, "by hand", methods={"ACME": "UPS-GND"})
    changes = [change for _, reading in await _read(order) for change in reading.changes]
    number = await db.value("SELECT number FROM orders WHERE id = ?", order)
    issue = f"“Shipping not mapped”, PO {number}-1, ACME"
    assert Change(issue, "–", "open") in changes
    assert Change(issue, "open", "closed") in changes
    assert Change("on hold", "–", "asks her sister") in changes
    assert Change("ship to, line1", "1 Maple Ave", "2 Elm St") in changes
    sent, po = await scene.sent(("BB-MUG-01", 1))
    await scene.say(po, "shipped", (1, "AC-2001", 1), tracking_number="1Z999AA10123456784")
    read = await _read(sent)
    assert _changes(read)[f"parcel of PO {po}, ACME: tracking number"] == ("–", "1Z999AA10123456784")
    assert all("." not in reading.about or po in reading.about for _, reading in read)


async def test_what_is_gone_says_so_and_settings_keep_their_own_words(scene: Scene) -> None:
    order = await scene.order(("BB-MUG-01", 1))
    events = await blue_book(order)
    reader = await readable.reader(order, events, str)
    lost = Event(
        **{name: getattr(events[0], name) for name in Event.__struct_fields__} | {"after": {"channel_id": 999}}
    )
    assert reader.read(lost).changes == [Change("channel", "–", "number 999, which is gone")]
    told = _changes(await _read(0))
    assert told["poll seconds"][1].isdigit()


async def test_a_trail_takes_the_same_few_queries_however_long(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    order = await scene.order(("BB-MUG-01", 1), ("BB-TEA-01", 1))
    asked: list[str] = []
    rows = db.rows

    async def all_of(sql: str, *values: Any) -> Any:
        asked.append(sql)
        return await rows(sql, *values)

    monkeypatch.setattr(db, "rows", all_of)

    async def taken() -> int:
        events = await blue_book(order)
        asked.clear()
        reader = await readable.reader(order, events, str)
        for event in events:
            reader.read(event)
        return len(asked)

    few = await taken()
    for _ in range(10):
        await process.process([order], DANA)
        await process.undo([order], DANA)
    assert await taken() == few <= 7
