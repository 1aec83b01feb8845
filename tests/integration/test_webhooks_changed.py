"""A webhook gets another address, other events or another secret, and nothing that was to be told is lost."""

from __future__ import annotations

import asyncio
import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from engine import clock, db, settings
from engine.errors import Invalid, Misconfigured, NotAuthorised, NotFound
from engine.models import Webhook
from engine.services import tasks, webhook_secrets, webhooks
from tests.integration.test_webhooks import MUG, collected, shop
from tests.integration.test_workers import until
from tests.support.book import final
from tests.support.desk import PERSON, Desk
from tests.support.office import Run
from tests.support.receiver import NEVER, Ear, Receiver

__all__ = ["shop"]

RECEIVED = ["order.received"]


async def cursor() -> int:
    return int(await db.value("SELECT cursor FROM webhooks"))


async def book() -> list[tuple[str, str, dict[str, Any], dict[str, Any]]]:
    """What the settings' blue book says of webhooks since they were added: action, name, before, after."""
    found = await db.rows("SELECT tag, message, before, after FROM audit_events WHERE order_id = 0 ORDER BY seq")
    rows = [
        (str(r[0]).rpartition("webhook:")[2], str(r[1]), *map(msgspec.json.decode, r[2:4])) for r in map(tuple, found)
    ]
    return [row for row in rows if row[0] in ("change", "rotate")]  # type: ignore[misc]


async def rotated(ago: timedelta, **options: Any) -> str:
    """The new secret of one that was changed so long ago; from here on the clock stands."""
    now = clock.now()
    clock.use(lambda: now - ago)
    secret, _ = await webhooks.rotate("ERP", PERSON, **options)
    clock.use(lambda: now)
    return secret


async def ended(sooner: timedelta = timedelta(days=30)) -> None:
    """The former secrets end so much sooner: their time has passed, and messages bear that of now."""
    row = await Webhook.get()
    row.former_secrets = [[sealed, end - sooner // timedelta(microseconds=1)] for sealed, end in row.former_secrets]
    await row.save(update_fields=["former_secrets"])


async def takes(ear: Ear, *secrets: str) -> list[bool]:
    """Whether a message of now can be verified with each of these."""
    found = []
    for ear.secret in secrets:
        try:
            await webhooks.test("ERP")
            found.append(True)
        except NotAuthorised:
            found.append(False)
    return found


# --- another address --------------------------------------------------------------------------------------------------


async def test_what_waits_goes_to_the_new_address_and_the_place_is_kept(shop: Desk, receiver: Receiver) -> None:
    old, new = receiver.ear("old", status=500), receiver.ear("new")
    old.secret = new.secret = await webhooks.add("ERP", old.url, RECEIVED, PERSON)
    await shop.told(shop.order("1", (MUG, 1)))
    await collected()
    assert old.asked == 1
    await shop.told(shop.order("2", (MUG, 1)))
    place = await cursor()
    assert await webhooks.change("ERP", PERSON, url=f" {new.url} ") == ["url"]
    assert await cursor() == place
    view = await webhooks.webhook("ERP")
    assert (view.url, view.events, view.waiting, view.last_error) == (new.url, RECEIVED, 1, "")
    await tasks.drain()  # at once, though the former address had made it wait
    assert [said["data"]["order"] for _, said in new.heard] == ["1"]
    await collected()
    assert sorted(said["data"]["order"] for _, said in new.heard) == ["1", "2"]
    assert set(new.ids().values()) == {1}
    assert old.asked == 1
    assert await book() == [("change", "ERP", {"url": old.url}, {"url": new.url})]


async def test_paused_it_is_told_at_the_new_address_once_it_is_resumed(shop: Desk, receiver: Receiver) -> None:
    old, new = receiver.ear("old", status=410), receiver.ear("new")
    old.secret = new.secret = await webhooks.add("ERP", old.url, RECEIVED, PERSON)
    await shop.told(shop.order("1", (MUG, 1)))
    await collected()
    await webhooks.change("ERP", PERSON, url=new.url)
    await collected()
    view = await webhooks.webhook("ERP")
    assert (view.enabled, view.waiting, new.asked) == (False, 1, 0)
    await webhooks.switch("ERP", True, PERSON)
    await tasks.drain()
    assert (new.types(), old.asked) == (RECEIVED, 1)


async def test_what_the_former_address_answers_late_is_not_held_against_the_new_one(
    shop: Desk, receiver: Receiver
) -> None:
    old, new = receiver.ear("old", status=410), receiver.ear("new")
    old.full = NEVER
    old.secret = new.secret = await webhooks.add("ERP", old.url, RECEIVED, PERSON)
    await shop.told(shop.order("1", (MUG, 1)))
    under_way = asyncio.create_task(collected())
    await until(lambda: old.busy)
    await webhooks.change("ERP", PERSON, url=new.url, called="The ERP")
    await old.answer_when(0)
    await under_way
    await tasks.drain()
    view = await webhooks.webhook("The ERP")
    assert (view.enabled, view.last_error, view.waiting) == (True, "", 0)
    assert (old.asked, old.heard, new.types()) == (1, [], RECEIVED)


# --- other events and names -------------------------------------------------------------------------------------------


async def test_other_events_decide_on_what_is_not_collected_yet(shop: Desk, ear: Ear) -> None:
    ear.secret = await webhooks.add("ERP", ear.url, RECEIVED, PERSON)
    ear.answers = [500]
    await shop.told(shop.order("1", (MUG, 1)))
    await collected()
    assert await webhooks.change("ERP", PERSON, events=["order.ready"]) == ["events"]
    await shop.told(shop.order("2", (MUG, 1)))
    await collected()
    await db.run("UPDATE outbox SET run_at = 0")
    await tasks.drain()
    assert [(said["data"]["order"], said["type"]) for _, said in ear.heard] == [
        ("2", "order.ready"), ("1", "order.received")
    ]  # fmt: skip
    assert await webhooks.change("ERP", PERSON, events=["all"]) == ["events"]
    assert (await webhooks.webhook("ERP")).events == list(webhooks.EVENTS)


async def test_a_collector_that_began_before_passes_over_nothing_that_is_wanted_since(shop: Desk, ear: Ear) -> None:
    ear.secret = await webhooks.add("ERP", ear.url, ["order.failed"], PERSON)
    [row] = await Webhook.all()
    await webhooks.change("ERP", PERSON, events=RECEIVED)
    await shop.told(shop.order("1", (MUG, 1)))
    await final()
    assert await webhooks.collect(row) == 0
    await collected()
    assert ear.types() == RECEIVED


async def test_it_is_called_otherwise_and_what_cannot_be_changes_nothing(sqlite_database: str, ear: Ear) -> None:
    await webhooks.add("ERP", ear.url, [], PERSON)
    await webhooks.add("Desk", ear.url, [], PERSON)
    long = f"{ear.url}/{'x' * 500}"
    for options, why in (
        ({"called": "Desk"}, "already a webhook Desk"), ({"called": " "}, "empty"), ({"called": "x" * 81}, "at most 80"),
        ({"url": "http://erp.example"}, "https only"), ({"url": long}, "at most 500"), ({"events": ["order.lost"]}, "no event"),
    ):  # fmt: skip
        with pytest.raises(Invalid, match=why):
            await webhooks.change("ERP", PERSON, **{"url": f"{ear.url}/other", **options})  # type: ignore[arg-type]
    with pytest.raises(Invalid, match="at most 80"):
        await webhooks.add("x" * 81, ear.url, [], PERSON)
    with pytest.raises(NotFound, match="there are: Desk, ERP"):
        await webhooks.change("EPR", PERSON, url=ear.url)
    assert await webhooks.change("ERP", PERSON, url=ear.url, events=[], called="ERP") == []
    assert await book() == []
    assert {view.url for view in await webhooks.webhooks()} == {ear.url}
    assert await webhooks.change("ERP", PERSON, called=" The ERP ") == ["name"]
    assert await book() == [("change", "ERP", {"name": "ERP"}, {"name": "The ERP"})]
    assert [view.name for view in await webhooks.webhooks()] == ["Desk", "The ERP"]


# --- another secret ---------------------------------------------------------------------------------------------------


async def test_the_former_secret_counts_within_its_time_and_not_after(shop: Desk, ear: Ear) -> None:
    old = ear.secret = await webhooks.add("ERP", ear.url, RECEIVED, PERSON)
    await shop.told(shop.order("1", (MUG, 1)))
    place = await cursor()
    new = await rotated(timedelta(hours=23, minutes=59))
    assert await cursor() == place
    await collected()
    assert (ear.types(), ear.signed_with(old, new)) == (RECEIVED, True)
    assert await takes(ear, old, new) == [True, True]
    await ended()
    await shop.told(shop.order("2", (MUG, 1)))
    ear.secret = old
    await collected()
    assert ear.signed_with(new)
    assert (await webhooks.webhook("ERP")).waiting == 1  # it was not taken
    ear.secret = new
    await db.run("UPDATE outbox SET run_at = 0")
    await tasks.drain()
    assert ear.heard[-1][1]["data"]["order"] == "2"
    assert await takes(ear, old, new) == [False, True]


async def test_one_that_has_ended_is_kept_no_longer(database: str, ear: Ear) -> None:
    await webhooks.add("ERP", ear.url, [], PERSON)
    await rotated(timedelta(), hours=1)
    assert (await webhooks.webhook("ERP")).former_until is not None
    await webhooks.run_collect_jobs([])
    assert len((await Webhook.get()).former_secrets) == 1
    await ended()
    assert (await webhooks.webhook("ERP")).former_until is None
    await webhooks.run_collect_jobs([])
    assert (await Webhook.get()).former_secrets == []


async def test_changed_again_meanwhile_each_former_one_counts_until_its_own_end(database: str, ear: Ear) -> None:
    first = await webhooks.add("ERP", ear.url, [], PERSON)
    second = await rotated(timedelta(hours=2), hours=3)
    third = await rotated(timedelta(hours=1), hours=2)
    assert await takes(ear, first, second, third) == [True, True, True]
    assert ear.signed_with(first, second, third)
    fourth = await rotated(timedelta(minutes=59, seconds=59), hours=1)
    fifth = await rotated(timedelta(minutes=59, seconds=58), hours=1)
    with pytest.raises(Invalid, match="has 4 former secrets already"):
        await webhooks.rotate("ERP", PERSON)
    assert await takes(ear, first, second, third, fourth, fifth) == [True] * 5
    await ended(timedelta(seconds=2))
    sixth = await webhooks.rotate("ERP", PERSON)
    await webhooks.test("ERP")
    assert len((await Webhook.get()).former_secrets) <= webhook_secrets.MOST
    assert await takes(ear, fifth, sixth[0]) == [True, True]


async def test_at_once_all_former_ones_end(database: str, ear: Ear) -> None:
    first = await webhooks.add("ERP", ear.url, [], PERSON)
    second = await rotated(timedelta())
    third, former_until = await webhooks.rotate("ERP", PERSON, hours=0)
    assert former_until is None
    assert await takes(ear, first, second, third) == [False, False, True]
    assert ear.signed_with(third)
    assert (await Webhook.get()).former_secrets == []
    [(_, _, _, first_change), (_, _, before, after)] = await book()
    assert before == first_change
    assert after == {"secret": "***", "former_until": "at once"}


async def test_secrets_are_nowhere_to_be_read(database: str, ear: Ear) -> None:
    secrets = [await webhooks.add("ERP", ear.url, [], PERSON)]
    secrets += [await rotated(timedelta()) for _ in range(3)]
    for table in ("webhooks", "audit_events", "outbox"):
        told = str([tuple(row) for row in await db.rows(f"SELECT * FROM {table}")])
        assert [secret for secret in secrets if secret in told or secret.removeprefix("whsec_") in told] == []
    assert await takes(ear, *secrets) == [True] * 4


async def test_of_two_changes_at_once_both_secrets_count(database: str, ear: Ear) -> None:
    old = await webhooks.add("ERP", ear.url, [], PERSON)
    made = await asyncio.gather(*(webhooks.rotate("ERP", PERSON) for _ in range(3)))
    assert await takes(ear, old, *(secret for secret, _ in made)) == [True] * 4


async def test_what_can_no_longer_be_read_is_changed_at_once_or_not(
    sqlite_database: str, ear: Ear, tmp_path: Path
) -> None:
    await webhooks.add("ERP", ear.url, [], PERSON)
    settings.force(settings.Settings(home=str(tmp_path / "another"), database_url=sqlite_database))
    with pytest.raises(Misconfigured, match="rotate ERP --at-once"):
        await webhooks.rotate("ERP", PERSON)
    secret, _ = await webhooks.rotate("ERP", PERSON, hours=0)
    assert await takes(ear, secret) == [True]
    for hours in (-1, 721):
        with pytest.raises(Invalid, match="1 to 720 hours"):
            await webhooks.rotate("ERP", PERSON, hours=hours)


# --- by hand ----------------------------------------------------------------------------------------------------------


def test_the_commands_say_what_they_did_and_show_a_secret_once(run: Run, receiver_beside: Receiver) -> None:
    ear, other = receiver_beside.ear("hook"), receiver_beside.ear("other")
    ear.secret = secret_in(run("webhooks", "add", "ERP", ear.url).stdout)
    told = run("webhooks", "rotate", "ERP").stdout
    assert "counts until" in told
    run("webhooks", "test", "ERP")
    assert ear.signed_with(ear.secret, secret_in(told))
    listed = run("webhooks", "ls").stdout
    assert "OLD SECRET ENDS" in listed
    assert "in 23h" in listed
    now = json.loads(run("webhooks", "rotate", "ERP", "--at-once", "--json").stdout)
    assert (now["name"], now["former_until"]) == ("ERP", None)
    run("webhooks", "test", "ERP", code=4)
    ear.secret = now["secret"]
    run("webhooks", "test", "ERP")
    assert "OLD SECRET" not in run("webhooks", "ls").stdout
    changed = ("--url", other.url, "--event", "order.failed", "--name", "Desk")
    assert run("webhooks", "set", "ERP", *changed).stdout == "ERP: changed name, url, events\n"
    assert run("webhooks", "set", "Desk", *changed).stdout == "Desk is so already\n"
    run("webhooks", "test", "Desk")
    assert other.signed_with(now["secret"])
    assert "say what to change" in run("webhooks", "set", "Desk", code=2).output
    assert "say one of them" in run("webhooks", "rotate", "Desk", "--at-once", "--hours", "3", code=2).output
    assert "there are: Desk" in run("webhooks", "rotate", "ERP", code=2).output
    shown = run("webhooks", "ls", "--json").output + run("audit", "show", "settings", "--values").output
    assert "former_until" in shown
    assert "whsec" not in shown


def secret_in(told: str) -> str:
    [found] = re.findall(r"whsec_\S+", told)
    return str(found)
