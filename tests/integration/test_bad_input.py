"""What a store can send that it should not: parked with its reason or taken as it is, and the rest of its page goes on."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from engine import db
from engine.ports import Page, Raw
from engine.services import casefile, catalog, inbox, intake, loading, making, receive
from tests.support.world import PERSON, World, world

Order = dict[str, Any]


async def _raws(w: World, count: int) -> list[Raw]:
    """So many orders of the store as its connector reads them, not yet stored."""
    w.store.place(count, rng=w.random)
    connector = await catalog.channel(w.shop.channel_id)
    found: dict[str, Raw] = {}
    cursor = None
    while True:
        page = await connector.pull(None, cursor)
        found.update({raw.external_id: raw for raw in page.items})
        cursor = page.next
        if cursor is None:
            return [found[key] for key in sorted(found)][-count:]


def _changed(raw: Raw, change: Callable[[Order], None]) -> Raw:
    envelope = msgspec.json.decode(raw.body)
    change(envelope["order"])
    return Raw(raw.external_id, msgspec.json.encode(envelope), raw.content_type)


async def _take(w: World, raws: list[Raw]) -> making.Pulled:
    channel = (await catalog.channels())[w.shop.channel_id]
    connector = await catalog.channel(w.shop.channel_id)
    return await intake.take_page(channel, connector, Page(tuple(raws)), PERSON)


def _set(**values: Any) -> Callable[[Order], None]:
    return lambda order: order.update(values)


def _line(**values: Any) -> Callable[[Order], None]:
    return lambda order: order["line_items"][0].update(values)


BAD: dict[str, tuple[Callable[[Order], None], str]] = {
    "quantity zero": (_line(quantity=0), "quantity"),
    "a fraction of a piece": (_line(quantity=1.5), "quantity"),
    "negative price": (_line(price=-5, subtotal="-5.00", total="-5.00"), "line_items"),
    "unknown currency": (_set(currency="QQQ"), "currency"),
    "text for a number": (_line(quantity="two"), "quantity"),
    "a list for an address": (_set(shipping=["somewhere"]), "shipping"),
    "no lines key": (lambda order: order.pop("line_items"), "line_items"),
    "a status nobody knows": (_set(status="wc-on-the-moon"), "status"),
    "money that is no number": (_set(total="12,99 €"), "total"),
}


async def test_each_bad_order_is_parked_with_its_field_and_the_page_goes_on(database: str, tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        raws = await _raws(w, len(BAD) + 4)
        bad = {name: _changed(raw, change) for raw, (name, (change, _)) in zip(raws, BAD.items(), strict=False)}
        truncated = Raw(raws[-4].external_id, raws[-4].body[: len(raws[-4].body) // 2])
        pulled = await _take(w, [*bad.values(), truncated, *raws[-3:]])

        assert pulled.parked == len(BAD) + 1
        assert pulled.new == 3
        parked = {row.external_id: row for row in await inbox.parked()}
        for name, raw in bad.items():
            row = parked[raw.external_id]
            assert BAD[name][1] in f"{row.field} {row.reason}", (name, row.reason)
            assert "Traceback" not in row.reason
        assert truncated.external_id in parked[truncated.external_id].reason
        assert "truncated" in parked[truncated.external_id].reason
        assert await db.value("SELECT COUNT(*) FROM inbound_messages") == len(BAD) + 4

        # The same page again changes nothing, and nothing parked is lost.
        again = await _take(w, [*bad.values(), truncated, *raws[-3:]])
        assert (again.new, again.same) == (0, 3)
        assert len(await inbox.parked()) == len(BAD) + 1


async def test_what_was_parked_needs_nobody_once_the_order_has_come_well(database: str, tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        good, other = await _raws(w, 2)
        bad, worse = (_changed(good, _set(currency=code)) for code in ("QQQ", "ZZZ"))
        lost = _changed(other, _set(currency="QQQ"))
        assert (await _take(w, [bad, lost])).parked == 2
        assert (await _take(w, [good])).new == 1
        assert [row.external_id for row in await inbox.parked()] == [other.external_id]
        assert (await _take(w, [worse])).parked == 1  # it came later, so somebody is to look
        first = await db.value("SELECT id FROM inbound_messages WHERE state = 'superseded'")
        assert await receive.replay(int(first), PERSON) == f"still parked: {(await inbox.show(int(first)))[0].reason}"
        assert {row.external_id for row in await inbox.parked()} == {good.external_id, other.external_id}


async def test_a_parked_order_goes_in_when_it_is_replayed_after_the_cause_is_gone(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with world(tmp_path) as w:
        (raw,) = await _raws(w, 1)
        connector = await catalog.channel(w.shop.channel_id)
        read = type(connector).read

        def broken(self: Any, raw: Raw) -> Any:
            raise RuntimeError("a bug of ours")

        monkeypatch.setattr(type(connector), "read", broken)
        assert (await _take(w, [raw])).parked == 1
        row = (await inbox.parked())[0]
        assert "could not handle" in row.reason
        assert "a bug of ours" not in row.reason
        monkeypatch.setattr(type(connector), "read", read)
        assert "a new order" in await receive.replay(row.id, PERSON)
        assert await inbox.parked() == []
        assert await db.value("SELECT COUNT(*) FROM orders") == 1


async def test_orders_that_are_only_odd_go_in(database: str, tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        no_sku, huge, noted, written, twice = await _raws(w, 5)
        no_sku = _changed(no_sku, _line(sku=""))

        def many(order: Order) -> None:
            first = order["line_items"][0]
            order["line_items"] = [{**copy.deepcopy(first), "id": 10_000 + n} for n in range(10_000)]

        huge = _changed(huge, many)
        noted = _changed(noted, _set(customer_note="ü" * 2_500_000))
        written = _changed(
            written,
            lambda order: order["shipping"].update(
                {"first_name": "\u202eمحمد\u0000", "last_name": "Al\u200b-Fayed\x07", "address_1": " 12  High\tStreet "}
            ),
        )
        newer = _changed(twice, _set(customer_note="newer", date_modified_gmt="2027-01-01T00:00:00"))
        pulled = await _take(w, [no_sku, huge, noted, written, newer, twice])

        assert (pulled.new, pulled.parked) == (5, 0)
        ids = {r[0]: int(r[1]) for r in await db.rows("SELECT external_id, id FROM orders")}
        issues = [
            tuple(r)
            for r in await db.rows("SELECT code, message FROM issues WHERE order_id = ?", ids[no_sku.external_id])
        ]
        assert any(code == "unmapped_sku" and "no SKU" in message for code, message in issues)
        assert await db.value("SELECT COUNT(*) FROM order_lines WHERE order_id = ?", ids[huge.external_id]) == 10_000
        assert (
            await db.value("SELECT LENGTH(note) FROM orders WHERE id = ?", ids[noted.external_id])
            == casefile.NOTE_LIMIT
        )
        kept = await db.row("SELECT body FROM inbound_messages WHERE order_id = ?", ids[noted.external_id])
        assert "ü" * 2_500_000 in bytes(kept[0]).decode()  # type: ignore[index]
        (case,) = await loading.load([ids[written.external_id]])
        address = case.address()
        assert address.name == "محمد Al-Fayed"
        assert address.line1 == "12 High Street"
        note = await db.value("SELECT note FROM orders WHERE id = ?", ids[twice.external_id])
        assert note == "newer"


async def test_orders_that_were_over_before_the_channel_was_connected_stay_in_the_inbox(
    database: str, tmp_path: Path
) -> None:
    async with world(tmp_path) as w:
        old_shipped, old_canceled, old_open, new_shipped = await _raws(w, 4)
        past, future = "2020-01-01T00:00:00", "2099-01-01T00:00:00"
        raws = [
            _changed(old_shipped, _set(status="completed", date_created_gmt=past)),
            _changed(old_canceled, _set(status="cancelled", date_created_gmt=past)),
            _changed(old_open, _set(date_created_gmt=past)),
            _changed(new_shipped, _set(status="completed", date_created_gmt=future)),
        ]
        pulled = await _take(w, raws)
        assert (pulled.new, pulled.same, pulled.parked) == (2, 2, 0)
        again = await _take(w, raws)
        assert (again.new, again.same) == (0, 4)
        assert await db.value("SELECT COUNT(*) FROM inbound_messages WHERE state = 'ignored'") == 2
        codes = {r[0] for r in await db.rows("SELECT code FROM issues")}
        assert {"stale_order", "already_fulfilled"} <= codes
