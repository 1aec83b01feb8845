"""A channel or a supplier is removed: nothing of it runs any more, its name is free, its orders and blue books stay."""

from __future__ import annotations

import asyncio
from datetime import UTC
from typing import Any

import pytest

from engine import db
from engine.errors import BluebookError, NotFound, Refused
from engine.models import Rule
from engine.services import (
    audit,
    catalog,
    connections,
    filters,
    history,
    intake,
    lead_times,
    listings,
    outbox,
    removing,
    reports,
    schedule,
    setup,
    tasks,
)
from engine.services.outbox import NewJob
from tests.support import book
from tests.support.desk import PERSON, Desk, desk

MUG, TEA = "BB-MUG-01", "BB-TEA-01"


@pytest.fixture
async def shop(database: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    async with desk(monkeypatch) as found:
        yield found


async def _completed(shop: Desk, number: str) -> int:
    """An order that has shipped, and whose channel knows."""
    await shop.told(shop.order(number, (MUG, 1)))
    await shop.send(number)
    po = await shop.value("SELECT po_number FROM purchase_orders WHERE po_number LIKE ?", f"{number}-%")
    await shop.ships(po, f"1Z{number}")
    await tasks.drain()
    assert await shop.status(number) == "completed"
    return int(await shop.value("SELECT id FROM orders WHERE number = ?", number))


async def _of(table: str, row_id: int) -> dict[str, Any]:
    """What there is still of it, in all that is not its orders."""
    noun, found = table[:-1], {}
    for other in (
        "shipping_mappings",
        *(("listings", "listed_items") if noun == "channel" else ("supplier_products", "rules")),
    ):
        found[other] = await db.value(f"SELECT COUNT(*) FROM {other} WHERE {noun}_id = ?", row_id)
    found["schedules"] = await db.value(
        f"SELECT COUNT(*) FROM schedules WHERE subject_id = ? AND task LIKE '{table}.%'", row_id
    )
    found["secrets"] = await db.value(f"SELECT secrets FROM {table} WHERE id = ?", row_id)
    return found


async def test_a_channel_is_gone_and_its_orders_stay(shop: Desk) -> None:
    order_id, channel = await _completed(shop, "1001"), shop.shop.channel_id
    name = (await listings.channels())[0].name
    await setup.update("channels", channel, PERSON, poll_seconds=60, rescan_seconds=900, auto_process=True)
    await outbox.put([
        NewJob(f"channels.poll:{channel}", "channels.poll", channel),
        NewJob("told:1", "channels.acknowledge", order_id),
        NewJob("other", "suppliers.poll", shop.shop.suppliers["ACME"]),
    ])  # fmt: skip
    before = await _of("channels", channel)
    assert before["shipping_mappings"]
    assert before["listings"]
    assert before["schedules"]
    assert before["secrets"] != "{}"
    asked = await removing.consequence("channels", channel)
    assert f"{name} is used no more" in asked
    assert f"{before['shipping_mappings']} shipping mapping" in asked
    assert await _of("channels", channel) == before

    said = await removing.remove("channels", channel, PERSON)
    assert said == f"{name} is removed; its orders stay, under {name} (removed)"
    left = await _of("channels", channel)
    assert left == {"shipping_mappings": 0, "listings": 0, "listed_items": 0, "schedules": 0, "secrets": "{}"}
    assert await listings.channels() == []
    [view] = await listings.channels(removed=True)
    assert (view.name, view.state, view.auto_process) == (f"{name} (removed)", "removed", False)
    live = [job.key for job in await outbox.list_jobs("ready")]
    assert live == ["other"], "its jobs are over, those of others are not"
    assert any(line.endswith("Acknowledge an order") for line in await book.sentences(order_id))

    await _stays_removed(channel, name)

    # The order is found as before, and its blue book is whole.
    page = await history.order_page("1001")
    assert (page.channel, page.status) == (f"{name} (removed)", "completed")
    asked_for = await filters.from_text(f'ch:"{name} (removed)"')
    assert [row.number for row in (await history.list_orders(asked_for)).rows] == ["1001"]
    await book.verify(order_id)
    assert not (await audit.verify(None)).problems
    tag, before_it = await _last_change()
    assert tag.endswith("channel:remove")
    assert before_it == {"name": name}

    # The name is free, and the account too.
    again = await setup.add_channel(
        name, "woocommerce", {"url": "http://127.0.0.1:9", "consumer_key": "k", "consumer_secret": "s"}, PERSON
    )
    assert again.id != channel
    assert await removing.remove("channels", again.id, PERSON) == (
        f"{name} is removed; its orders stay, under {name} (removed 2)"
    )


async def _stays_removed(channel: int, name: str) -> None:
    """Whatever is asked of it."""
    for attempt in (
        setup.update("channels", channel, PERSON, enabled=True), connections.resume("channels", channel, PERSON),
        removing.remove("channels", channel, PERSON), removing.consequence("channels", channel),
        listings.channel(name),
    ):  # fmt: skip
        with pytest.raises(NotFound):
            await attempt
    await connections.pause("channels", channel, "refused")
    await schedule.ensure()
    assert (await _of("channels", channel))["schedules"] == 0
    assert (await listings.channels(removed=True))[0].paused_reason == ""


async def _last_change() -> tuple[str, dict[str, Any]]:
    import msgspec

    row = await db.row("SELECT tag, before FROM audit_events WHERE order_id = 0 ORDER BY seq DESC LIMIT 1")
    assert row is not None
    return str(row[0]), msgspec.json.decode(row[1])


async def test_a_supplier_is_gone_and_its_purchase_orders_stay(shop: Desk) -> None:
    order_id = await _completed(shop, "1001")
    code = await shop.value(
        "SELECT s.code FROM purchase_orders AS p JOIN suppliers AS s ON s.id = p.supplier_id WHERE p.order_id = ?",
        order_id,
    )
    supplier = shop.shop.suppliers[code]
    name = (await listings.supplier(code)).name
    await Rule.create(
        name="heavy", condition="true", supplier_id=supplier, created_at=(await listings.supplier(code)).created_at
    )
    before = await _of("suppliers", supplier)
    assert (before["supplier_products"] > 0, before["rules"]) == (True, 1)
    assert "1 rule" in await removing.consequence("suppliers", supplier)
    await removing.remove("suppliers", supplier, PERSON)
    left = await _of("suppliers", supplier)
    assert left == {"shipping_mappings": 0, "supplier_products": 0, "rules": 0, "schedules": 0, "secrets": "{}"}
    assert code not in [view.code for view in await listings.suppliers()]
    page = await history.order_page("1001")
    assert f"{code}~1" in str(page)
    found = await filters.from_text(f"sup:{code}~1")
    assert [row.number for row in (await history.list_orders(found)).rows] == ["1001"]
    await book.verify(order_id)
    # Its figures stand where it had some.
    scope = reports.scope("30d", zone=UTC)
    assert f"{code}~1" in [row.code for row in await lead_times.suppliers(scope)]
    # The next order goes to whom it can, and the code is free.
    await shop.told(shop.order("1002", (MUG, 1)))
    new = await setup.add_supplier(name, code, "rest", {"base_url": "http://127.0.0.1:9", "api_key": "k"}, PERSON)
    assert (await listings.supplier(code)).id == new.id
    await removing.remove("suppliers", new.id, PERSON)
    assert code not in [row.code for row in await lead_times.suppliers(scope)], "nothing was sent to it"


async def test_what_is_not_over_is_named_and_nothing_is_changed(shop: Desk) -> None:
    for n in range(1, 8):
        await shop.told(shop.order(f"100{n}", (MUG, 1)))
    await shop.send("1001")
    channel = shop.shop.channel_id
    code = await shop.value(
        "SELECT s.code FROM purchase_orders AS p JOIN suppliers AS s ON s.id = p.supplier_id WHERE p.po_number = '1001-1'"
    )
    supplier = shop.shop.suppliers[code]
    for table, row_id in (("channels", channel), ("suppliers", supplier)):
        before = await _of(table, row_id)
        for asked in (removing.consequence, lambda t, i: removing.remove(t, i, PERSON)):
            with pytest.raises(
                Refused, match=r"not all of its orders are over \(1001, 1002, .* and 2 more\).*cancel them"
            ):
                await asked(table, row_id)  # type: ignore[operator, arg-type]
        assert await _of(table, row_id) == before
    assert (await listings.channels())[0].state == "ok"


async def test_a_payload_that_nobody_read_is_in_the_way(shop: Desk) -> None:
    channel = (await catalog.channels())[shop.shop.channel_id]
    from engine.ports import Page, Raw
    from engine.services import inbox

    [stored] = await inbox.store("channel", channel.id, Page((Raw("9", b"{"),)))
    await inbox.settle([(stored.id, "parked", "not JSON", "", None)])
    with pytest.raises(Refused, match=r"not all that it sent is read \(1 payload\).*bluebook inbox"):
        await removing.remove("channels", channel.id, PERSON)
    await inbox.ignore(stored.id, "")
    await removing.remove("channels", channel.id, PERSON)


@pytest.mark.parametrize("first", ["order", "removal"])
async def test_an_order_on_its_way_in_is_either_there_or_refused(shop: Desk, first: str) -> None:
    """Removed while a page is taken in: the order is in the way, or it is parked with the reason; never in a removed channel."""
    channel = (await catalog.channels())[shop.shop.channel_id]

    async def tell() -> None:
        await shop.told(shop.order("1001", (MUG, 1)))

    async def remove() -> bool:
        try:
            await removing.remove("channels", channel.id, PERSON)
        except Refused:
            return False
        return True

    work = [tell(), remove()] if first == "order" else [remove(), tell()]
    done = await asyncio.gather(*work, return_exceptions=True)
    gone = (await listings.channels(removed=True))[0].state == "removed"
    assert not [one for one in done if isinstance(one, Exception) and not isinstance(one, BluebookError)]
    there = await db.value("SELECT COUNT(*) FROM orders")
    assert gone == (there == 0), done


async def test_a_page_that_was_made_before_the_removal_is_parked_after_it(shop: Desk) -> None:
    from engine.ports import Page, Raw
    from engine.services import inbox, making

    channel = (await catalog.channels())[shop.shop.channel_id]
    import msgspec

    raw = Raw("1001", msgspec.json.encode(shop.order("1001", (MUG, 1))))
    [stored] = await inbox.store("channel", channel.id, Page((raw,)))
    items, _, _ = making.read(channel, shop.channel, [stored])  # type: ignore[arg-type]
    write = await making.made(channel, shop.channel, items, PERSON)  # type: ignore[arg-type]
    await inbox.settle([(stored.id, "ignored", "", "", None)])
    await removing.remove("channels", channel.id, PERSON)
    with pytest.raises(Refused, match="was removed while this order was on its way"):
        await write()
    assert await db.value("SELECT COUNT(*) FROM orders") == 0
    pulled = await intake.ingest(channel, shop.channel, [stored], PERSON)  # type: ignore[arg-type]
    assert pulled.parked == 1
