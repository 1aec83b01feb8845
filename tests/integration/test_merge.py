"""Changes at the channel that are easily missed: after an unreadable payload, of a line's SKU, of all lines, by others."""

from __future__ import annotations

import msgspec
import pytest

from engine import db
from engine.ports import ChannelOrder, ChannelState
from engine.services import cancel, edit, hold, loading, resolve
from engine.services.casefile import Case
from tests.support.desk import HOME, PERSON, Desk, desk

MUG, LAMP = ("BB-MUG-01", 2), ("BB-LAMP-01", 1)
MOVED = msgspec.structs.replace(HOME, line1="7 Oak Ridge Drive")


async def case_of(number: str = "1") -> Case:
    (row,) = await db.rows("SELECT id FROM orders WHERE number = ?", number)
    return (await loading.load([int(row[0])]))[0]


async def issues(number: str = "1") -> list[tuple[str, str]]:
    found = await resolve.order_issues((await case_of(number)).order.id)
    return [(issue.code, issue.message) for issue in found]


async def forget(at: Desk) -> None:
    """What the channel said so far cannot be read any more."""
    await db.run("UPDATE inbound_messages SET body = ?", b"{")


async def test_a_change_is_seen_though_the_earlier_payload_cannot_be_read(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(monkeypatch) as at:
        await at.told(at.order("1", MUG, LAMP))
        await forget(at)
        await at.told(at.order("1", ("BB-MUG-01", 5), LAMP, minutes=1, ship_to=MOVED))
        case = await case_of()
        assert case.address().line1 == "7 Oak Ridge Drive"
        assert [line.quantity for line in case.lines] == [5, 1]
        await forget(at)
        await at.told(at.order("1", ("BB-MUG-01", 3), LAMP, minutes=2, ship_to=MOVED))
        assert [line.quantity for po in (await case_of()).drafts() for line in po.lines] == [3, 1]
        assert await issues() == []


async def test_what_a_person_corrected_meanwhile_is_compared_and_not_overwritten(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(monkeypatch) as at:
        await at.told(at.order("1", MUG, LAMP))
        changes = edit.Changes(quantities={1: 1}, address={"line1": "12 Example St"})
        await edit.apply((await case_of()).order.id, changes, PERSON, "she called")
        await forget(at)
        await at.told(at.order("1", ("BB-MUG-01", 5), ("BB-LAMP-01", 2), minutes=1, ship_to=MOVED))
        case = await case_of()
        assert case.address().line1 == "12 Example St"
        assert [(line.quantity, line.cancel_asked) for line in case.lines] == [(2, 1), (2, 0)]
        assert sorted(await issues()) == [
            ("channel_order_changed", "BB-MUG-01: the channel wants 5, and a person said otherwise here"),
            ("channel_order_changed", "the address at the channel is not the one here, which a person corrected"),
        ]


async def test_after_it_was_sent_an_unreadable_past_hides_no_change_of_address(
    sqlite_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(monkeypatch) as at:
        await at.told(at.order("1", MUG))
        await at.send("1")
        await forget(at)
        await at.told(at.order("1", MUG, minutes=1, ship_to=MOVED))
        assert await issues() == [("channel_order_changed", "the address changed at the channel after 1-1 was sent")]


def renamed(at: Desk, sku: str, title: str, minutes: float) -> ChannelOrder:
    order = at.order("1", MUG, minutes=minutes)
    line = msgspec.structs.replace(order.lines[0], sku=sku, title=title)
    return msgspec.structs.replace(order, lines=(line,))


@pytest.mark.parametrize("blind", [False, True])
async def test_a_line_that_became_another_sku_is_routed_anew_before_it_is_sent_and_told_of_after(
    sqlite_database: str, monkeypatch: pytest.MonkeyPatch, blind: bool
) -> None:
    async with desk(monkeypatch) as at:
        await at.told(at.order("1", MUG))
        if blind:
            await forget(at)
        await at.told(renamed(at, "BB-TEA-01", "Earl Grey", 1))
        case = await case_of()
        assert (case.lines[0].sku, case.lines[0].title) == ("BB-TEA-01", "Earl Grey")
        assert [line.supplier_sku for po in case.drafts() for line in po.lines] == ["NV-TEA-EG100"]
        assert await at.value("SELECT COUNT(*) FROM terms WHERE term = 'bbtea01'") == 1
        await at.send("1")
        if blind:
            await forget(at)
        await at.told(renamed(at, "BB-PEN-01", "Pen", 2))
        case = await case_of()
        assert (case.lines[0].sku, case.lines[0].title) == ("BB-TEA-01", "Pen")
        assert [message for _, message in await issues()] == [
            "BB-TEA-01 became BB-PEN-01 at the channel after 1-2 was sent"
        ]


async def test_a_new_order_without_lines_waits_for_a_person(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with desk(monkeypatch) as at:
        for number in ("1", "2", "3"):
            await at.told(at.order(number))
        assert await at.status("1") == "unresolved"
        assert await issues() == [
            ("missing_field", "the channel sent it without any lines: look at it there, or cancel it here")
        ]
        await at.told(at.order("1", MUG, minutes=1))
        assert (await at.status("1"), await issues()) == ("ready", [])
        (issue,) = await resolve.order_issues((await case_of("2")).order.id)
        await resolve.resolve(issue.id, "cancel", {}, PERSON)
        assert (await at.status("2"), await issues("2"), await at.status("3")) == ("canceled", [], "unresolved")
        await cancel.cancel_order((await case_of("3")).order.id, PERSON)
        assert await at.status("3") == "canceled"
        await at.told(at.order("4"))
        await at.told(at.order("4", minutes=1, state=ChannelState.CANCELED))
        assert (await at.status("4"), await issues("4")) == ("canceled", [])


async def test_an_order_that_lost_all_its_lines_is_held_and_not_canceled(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(monkeypatch) as at:
        await at.told(at.order("1", MUG))
        await at.told(at.order("1", minutes=1))
        assert await at.status("1") == "on_hold"
        assert await issues() == [
            ("channel_order_changed", "the channel shows the order without any lines, and has not canceled it")
        ]
        await at.told(at.order("1", ("BB-MUG-01", 3), minutes=2))
        await hold.release((await case_of()).order.id, PERSON)
        assert (await at.status("1"), [line.quantity for line in (await case_of()).lines]) == ("ready", [3])
        await at.told(at.order("1", minutes=3, state=ChannelState.CANCELED))
        assert await at.status("1") == "canceled"


async def test_an_order_someone_marked_shipped_after_it_was_sent_is_told_of(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(monkeypatch) as at:
        for number in ("1", "2"):
            await at.told(at.order(number, MUG, LAMP))
            await at.send(number)
        await at.told(at.order("1", MUG, LAMP, minutes=1, state=ChannelState.SHIPPED))
        said = "someone marked it shipped at the channel, and 1-1 was sent and has not shipped: it may ship twice"
        assert await issues() == [("channel_order_changed", said)]
        await at.told(at.order("1", MUG, LAMP, minutes=2, state=ChannelState.SHIPPED, note="x"))
        assert len(await issues()) == 1
        await at.ships("2-1", "1Z999AA10123456784")
        await at.told(at.order("2", MUG, LAMP, minutes=1, state=ChannelState.PARTIALLY_SHIPPED))
        await at.told(at.order("2", MUG, LAMP, minutes=2, state=ChannelState.SHIPPED))
        assert await issues("2") == []
