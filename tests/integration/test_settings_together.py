"""Settings that several people change: who looked before another changed is told, and nothing is changed unseen."""

from __future__ import annotations

import asyncio

import pytest

from engine import db
from engine.errors import BluebookError, Invalid, Overtaken
from engine.services import options, settings_book, setup
from engine.services.lifecycle import Actor
from tests.support.world import PERSON

WOO = {"url": "https://shop.example", "consumer_key": "k", "consumer_secret": "s"}
DANA = Actor("Dana", "person", "test")


async def test_what_was_set_otherwise_since_it_was_looked_at_is_told_and_stays(database: str) -> None:
    shop = await setup.add_channel("Shop", "woocommerce", WOO, PERSON)
    seen = await settings_book.head()
    await setup.update("channels", shop.id, DANA, stale_days=9, values={"consumer_secret": "new", "timeout": "31"})
    await setup.update("channels", shop.id, PERSON, since=seen, prefix="US-")
    with pytest.raises(Overtaken, match=r"Dana set stale_days to 9 at .* nothing was saved") as told:
        await setup.update("channels", shop.id, PERSON, since=seen, prefix="DE-", stale_days=8)
    assert [(c.name, c.by, c.value) for c in told.value.changes if c.name in told.value.wanted] == [
        ("stale_days", "Dana", 9), ("prefix", PERSON.name, "US-"),
    ]  # fmt: skip
    for values in ({"consumer_secret": "mine"}, {"timeout": "32"}):
        with pytest.raises(Overtaken):
            await setup.update("channels", shop.id, PERSON, since=seen, values=values)
    row = await db.row("SELECT prefix, stale_days, settings FROM channels WHERE id = ?", shop.id)
    assert row is not None
    assert tuple(row)[:2] == ("US-", 9)
    # The same again is no contradiction, and who has seen it may set it otherwise.
    await setup.update("channels", shop.id, PERSON, since=seen, stale_days=9)
    await setup.update("channels", shop.id, PERSON, since=max(c.seq for c in told.value.changes) + 1, stale_days=8)
    assert await db.value("SELECT stale_days FROM channels WHERE id = ?", shop.id) == 8


async def test_what_a_decision_rests_on_has_to_be_as_it_was_seen(database: str) -> None:
    shop = await setup.add_channel("Shop", "woocommerce", WOO, PERSON)
    seen = await settings_book.head()
    await setup.update("channels", shop.id, DANA, auto_limit=900_000, auto_currency="USD")
    with pytest.raises(Overtaken) as told:
        await setup.update("channels", shop.id, PERSON, since=seen, rests=("auto_limit",), auto_process=True)
    assert told.value.wanted == {"auto_process"}
    assert not await db.value("SELECT auto_process FROM channels WHERE id = ?", shop.id)
    await setup.update("channels", shop.id, PERSON, since=seen, auto_process=True)
    assert await db.value("SELECT auto_process FROM channels WHERE id = ?", shop.id)


async def test_of_two_at_once_one_is_told(database: str) -> None:
    shop = await setup.add_channel("Shop", "woocommerce", WOO, PERSON)
    seen = await settings_book.head()
    found = await asyncio.gather(
        *(setup.update("channels", shop.id, PERSON, since=seen, stale_days=days) for days in (3, 4, 5)),
        return_exceptions=True,
    )
    assert sum(isinstance(one, Overtaken) for one in found) == 2
    assert sum(one is None for one in found) == 1


async def test_changing_an_option_leaves_what_workers_note_beside_it(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = await setup.add_channel("Shop", "woocommerce", WOO, PERSON)
    found, asked = setup._found, []

    async def then_it_is_paused(table: setup.Table, row_id: int) -> object:
        row = await found(table, row_id)
        asked.append(row_id)
        if len(asked) == 2:  # read for the change, and not yet written
            await db.run("UPDATE channels SET last_error = 'it does not answer' WHERE id = ?", row_id)
        return row

    monkeypatch.setattr(setup, "_found", then_it_is_paused)
    await setup.update("channels", shop.id, PERSON, stale_days=9)
    assert await db.value("SELECT last_error FROM channels WHERE id = ?", shop.id) == "it does not answer"


@pytest.mark.parametrize(
    ("text", "minor"),
    [("500 USD", 50_000), ("0 usd", 0), ("1,500.50 USD", 150_050), ("1,234,567.00 USD", 123_456_700), ("1,500 JPY", 1_500),
     ("1.500 KWD", 1_500), ("10.5 USD", 1_050)],
)  # fmt: skip
def test_a_limit_is_read_where_it_can_be_read_in_one_way(text: str, minor: int) -> None:
    assert options.limit(text)["auto_limit"] == minor


@pytest.mark.parametrize(
    "text",
    [
        "10,50 USD",
        "99,5 USD",
        "1,500 USD",
        "1.500 USD",
        "1.500,50 USD",
        "1,50,0.00 USD",
        ",5 USD",
        "1,500 KWD",
        "10,5 JPY",
    ],
)
def test_a_limit_that_somebody_would_read_otherwise_is_refused(text: str) -> None:
    with pytest.raises(Invalid, match="can be read in two ways") as refused:
        options.limit(text)
    assert refused.value.field == "limit"


@pytest.mark.parametrize("text", ["-5 USD", "10000000001 USD", "5", "5 QQQ", "x USD"])
def test_what_is_no_limit_is_refused_in_the_units_it_was_written_in(text: str) -> None:
    with pytest.raises(BluebookError) as refused:
        options.limit(text)
    assert "minor" not in refused.value.message
    assert "-500" not in refused.value.message
