"""Routing rules: tried on the orders that wait before they are made, and taken away again."""

from __future__ import annotations

import pytest

from engine import db
from engine.errors import Invalid, NotFound
from engine.services import edit, rules, tasks
from tests.support.desk import PERSON, Desk, desk

BOTH = "BB-KETTLE-01"  # ACME and NOVA offer it, ACME first


async def shippers(shop: Desk, number: str) -> list[str]:
    found = await db.rows(
        "SELECT s.code FROM purchase_orders p JOIN suppliers s ON s.id = p.supplier_id JOIN orders o ON o.id = p.order_id "
        "WHERE o.number = ? AND p.state <> 'canceled' ORDER BY s.code",
        number,
    )
    return [row[0] for row in found]


async def test_a_rule_is_tried_made_and_taken_away(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with desk(monkeypatch) as shop:
        nova = shop.shop.suppliers["NOVA"]
        await shop.told(shop.order("1", (BOTH, 1)))
        await shop.told(shop.order("2", (BOTH, 5), ("BB-MUG-01", 1)))
        await shop.told(shop.order("3", ("BB-TEA-01", 9)))
        await shop.told(shop.order("4", (BOTH, 9)))
        await shop.send("4")
        found = await rules.trial(f"line.sku == '{BOTH}' && line.quantity > 2", nova)
        (match,) = found.matches
        assert (match.order, match.line, match.now, match.then, match.note) == ("2", 1, "ACME 5", "NOVA 5", "")
        assert (found.looked_at, len(found.changed)) == (3, 1)
        assert await shippers(shop, "2") == ["ACME"]
        assert await rules.add("many kettles", f"line.sku == '{BOTH}' && line.quantity > 2", nova, PERSON) == 1
        await tasks.drain()
        assert await shippers(shop, "2") == ["ACME", "NOVA"]
        assert await shippers(shop, "1") == ["ACME"]
        assert [m.order for m in (await rules.trial_of("many kettles")).matches] == ["2"]
        assert await rules.remove("many kettles", PERSON) == 1
        await tasks.drain()
        assert await shippers(shop, "2") == ["ACME"]
        assert await rules.rules() == []
        tags = [r[0] for r in await db.rows("SELECT tag FROM audit_events WHERE order_id = 0 AND tag LIKE '%rule%'")]
        assert sorted(tags) == ["person:rule:add", "person:rule:remove"]


async def test_a_rule_is_changed_and_what_it_moves_is_checked_again(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(monkeypatch) as shop:
        acme, nova = shop.shop.suppliers["ACME"], shop.shop.suppliers["NOVA"]
        await shop.told(shop.order("1", (BOTH, 1)))
        await shop.told(shop.order("2", (BOTH, 5)))
        await rules.add("kettles", f"line.sku == '{BOTH}' && line.quantity > 2", nova, PERSON, position=5)
        await rules.add("all stay", "true", acme, PERSON, position=6)
        await tasks.drain()
        assert (await shippers(shop, "1"), await shippers(shop, "2")) == (["ACME"], ["NOVA"])
        seen = await rules.rule("kettles")
        wider = {"condition": f"line.sku == '{BOTH}'", "supplier_id": nova, "position": 5}
        assert await rules.change("kettles", PERSON, **wider, seen=seen) == 2
        await tasks.drain()
        assert (await shippers(shop, "1"), await shippers(shop, "2")) == (["NOVA"], ["NOVA"])
        assert await rules.change("kettles", PERSON, **wider) == 0
        with pytest.raises(Invalid, match="since others changed it"):
            await rules.change("kettles", PERSON, **{**wider, "position": 1}, seen=seen)
        # Asked after the other one, it holds for nothing any more.
        assert await rules.change("kettles", PERSON, **{**wider, "position": 7}) == 2
        await tasks.drain()
        assert (await shippers(shop, "1"), await shippers(shop, "2")) == (["ACME"], ["ACME"])
        with pytest.raises(Invalid, match=r"did you mean order\.total"):
            await rules.change("kettles", PERSON, condition="order.totl > 1", supplier_id=nova, position=7)
        with pytest.raises(NotFound, match="there are: 'all stay', 'kettles'"):
            await rules.change("pots", PERSON, **wider)
        assert [rule.position for rule in await rules.rules()] == [6, 7]
        (row,) = await db.rows("SELECT tag, before, after FROM audit_events WHERE tag LIKE '%rule:change' AND seq = "
                               "(SELECT MAX(seq) FROM audit_events WHERE order_id = 0)")  # fmt: skip
        assert row[0] == "person:rule:change"
        assert '"position":5' in row[1]
        assert '"position":7' in row[2]


async def test_a_trial_says_what_goes_first_and_what_nobody_can_ship(
    sqlite_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(monkeypatch) as shop:
        acme, nova = shop.shop.suppliers["ACME"], shop.shop.suppliers["NOVA"]
        for number in ("1", "2"):
            await shop.told(shop.order(number, (BOTH, 1), ("BB-MUG-01", 1)))
        [chosen] = [await shop.value("SELECT id FROM orders WHERE number = '1'")]
        await edit.apply(chosen, edit.Changes(suppliers={1: "ACME"}), PERSON, "she asked")
        found = {(m.order, m.line): m for m in (await rules.trial("true", nova)).matches}
        assert found["1", 1].note == "a person chose ACME, which goes first"
        assert found["2", 1].then == "NOVA 1"
        assert (found["2", 2].then, found["2", 2].note) == (
            "nobody 1",
            "the supplier of rule (this rule) does not offer it",
        )
        await rules.add("kettles stay", f"line.sku == '{BOTH}'", acme, PERSON, position=1)
        later = {(m.order, m.line): m for m in (await rules.trial("true", nova)).matches}
        assert (later["2", 1].now, later["2", 1].then) == ("ACME 1", "ACME 1")
        assert later["2", 1].note == "rule kettles stay comes first"
        sooner = {(m.order, m.line): m for m in (await rules.trial("true", nova, position=0)).matches}
        assert sooner["2", 1].then == "NOVA 1"
        broken = await rules.trial("order.skus[1] == 'x' || order.skus[7] == 'y'", nova)
        assert set(broken.undecided) == {"1", "2"}


async def test_a_rule_that_cannot_be_is_refused(sqlite_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with desk(monkeypatch) as shop:
        nova = shop.shop.suppliers["NOVA"]
        for name, condition, said in (
            ("a", "order.totl > 1", "did you mean order.total"),
            ("a", " ", "say when it holds"),
            (" ", "true", "a rule has a name"),
        ):
            with pytest.raises(Invalid, match=said):
                await rules.add(name, condition, nova, PERSON)
        await rules.add("a", "true", nova, PERSON)
        with pytest.raises(Invalid, match="already a rule 'a'"):
            await rules.add("a", "true", nova, PERSON)
        with pytest.raises(NotFound, match="there are: 'a'"):
            await rules.remove("b", PERSON)
